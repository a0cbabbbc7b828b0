"""Talk of machines, material and quotations, and what colleagues say beside their work, which trained scores take for
something else."""

import re

from classifiers.simplified import simplified

# A message of which a trained score is surer than this is left to it.
SURE = 0.8
# Below this a message is more likely none of a category.
EVEN = 0.5
# From here on idle talk needs no word that hints at it.
CERTAIN = 0.995
# Of a message this much is read.
_READ = 2000
# Machines and their parts, material, defects and the papers of a workshop; names of trades, not of people.
_WORKSHOP = re.compile(
    "注塑|射嘴|模[仁具芯胚]|顶针|脱模|冲[床头压]|皮带|轴[承套]|主轴|齿轮|联轴器|来料|卡料|料[号筒斗]|不良[品率]|良率|焊[盘接点机]|回流焊|贴片|点胶|丝印|保险丝|螺[丝栓母]"
    "|调机|换[型模]|机台|[0-9一二三四五六七八九十A-Za-z]号?机(?![会密票])|产线|拉线|工[位装艺序]|治具|夹具|报废|返[工修]|毛刺|漏检|客诉|8D|背光|灯[珠条]|导光板|偏光片"
    "|滤[袋筒芯]|除尘|风机|[水油真]泵|泵[站房]|阀门|液压|气[缸管路]|传感器|光栅|急停|配电|电[机柜缸]|马达|叉车|行车(?!记录)|吊[装具]|气瓶|爆破片|图纸|试产|打样|样[品件机]|设备|机器(?!人)|机组|机械[手臂]|胶[头管嘴枪]|输送带|传送带|包材|料[箱盘带架]|参数|气泡|压力[降升表机值上下不]|贴合|首件|批次|切片|全检|[风钢套]管|电缆|吊[钩篮]|刀[头具片粒]|床身|[车铣磨]床|数控|砂轮|压机"
    "|备件|仪表|管[道路线]|护目镜|防护服|安全带|硬盘|服务器|机柜|PLC|CNC|SMT|BOM|IQC|老爷机"
)
# What those who keep programs running speak of.
_PROGRAMS = re.compile("连接池|数据库|接口(?!人)|网关|日志|发版|回滚")
# Papers, places and hours of work, what stands in the house for all, and whom work is done for.
_AT_WORK = re.compile(
    "台账|档案|证明|盖章|[签公骑个]章|差[个了]?章|补[个了]?章|签[字收]|复印|合同|发票|报销|模板|表格|公式|(?<!大)数据|文件|材料|登记|[值夜早晚中白倒交接带]班|加班|到岗|顶[班替]|替班|换班|上线|收[工队]|开工|返岗|请[了个一半两三几\\d]{0,2}天?假|病假"
    "|巡[线检查逻护]|入户|走访|村[委口支里]|老乡|村民|业主|租户|住户|用户|监理|甲方|客户|司机|师傅|工友|弟兄|抽[水到排]|[积排清降退来停通]水|水位|水锤|雨污|管网|管子|清淤|泵|窨井|护栏|沥青|混凝土|浇筑|吊装|塔吊|挖机|电钻|扳手|安全帽|反光衣|雨靴|劳保"
    "|工具[间箱车]|备胎|会议[室上]|茶水间|门[卫岗房]|前台|办公[室楼桌]|宿舍|[仓库]房|仓库|车间|配电|机房|项目部|工地|现场|工区|清关|到[港货岸]|发货|送货|收货|卸[车货]|装车|物业|围挡|断网|掉线|网[络线太]|热点(?!新闻|话题)|电脑|软件|系统|服务器"
    "|资料|交给|交接|参观|接待|考察|慰问|值守|留守|巡河|治[水污理沙]|水质|成效|清运|绿化|园林|路灯|桥[头面墩]|路[基面肩]|边坡|河道|水闸|闸[门口站]|堤[坝防上]|井[口盖下]|电缆|光[纤缆]|基站|班组|[队局所厂站科行院店]里|[这那每一]户|户人家|窗口|大厅|产量|质量|合格|样品|测量|报表|量(?:了|不|好|完)|打卡机|工作服|更衣|澡堂|停车场|钢筋|模板|水泥|脚手|保险|年检|保养|维修|抢修|报修|[程征财采销生售营政技业市工质品设运安]部(?!分)|[一-鿿]{2}科(?![学技目普])|分公司|通知[书单]|补偿|征[迁拆收地]|棚[户改]|拆迁|签约|协议|开会|参会|出差|审[厂图计核]|验[厂收]|客诉|看板|点检|招聘|简历|应聘|面试|实习|工资|奖金|个税|专项|[加抵]扣|补贴|社保|公积金|入账|进度|标段|路过[^，,。]{0,6}(?:局|所|现场|工地|公司|项目)"
)
# What colleagues say to one another: thanks, wishes, being ill, and what they share.
_AMONG_COLLEAGUES = re.compile(
    "辛苦|谢谢[^，,。]{0,4}们|你嫂子|拜[个了]?[早晚]?年|谢谢(?:大家|各位|同事|领导|弟兄|兄弟)|感谢|恭喜|祝贺|欢迎(?!选购|光临|咨询|进店|品尝)|快乐|安康|节哀|保重|注意安全|报个?平安|(?:立|记)[了一]?功|好样|佩服|退休|转正|入职|请(?:大家|各位|同事|弟兄|兄弟|全科|部门)们?[吃喝]"
    "|喜[糖酒]|[放在](?:茶水间|冰箱|前台|门卫|门房|值班室|工位|桌上|柜子)|[随拿]便[拿抓吃]|先?拿[来去]用|借[我给]?(?:用|去|个|把|一下)|住院|手术(?!值)|发[烧热]|感冒|咳嗽|嗓子|哑了|崴|扭[了伤到]|骨折|拉肚子|[打挂]了?针|医务室|陪护|看病|复查|没睡好|生了|待产|产假|母[女子]平安|添了?[丁个]|当[爷奶外]|当[爸妈]|结婚|婚[礼假]|奔丧|丧假|去世|走了半|回家过年|锦旗|报平安|给[我你他她]们?留[个一了点份碗]|大家吃好|先不聊|说正事|谁(?:有|带|见过?|拿|看[到见])了?[^，,。]{0,10}"
    "(?:伞|药|创可贴|纸巾|胶带|笔|打气筒|模板|钥匙|充电|U盘|工牌|水杯|眼镜|安全帽|工具|表|资料|文件)"
)
# A short laugh at what another said is no talk of one's own.
_LAUGHS = re.compile(r"[哈嘿嘻呵]{2,}(?!.*(?:[我咱][家妈爸]|老[公婆]|孩子|娃|同学))")
_BRIEF = 12
# What people talk of at leisure, whatever else they say with it.
_LEISURE = re.compile(
    "有没有[人谁一想]|有人(?:一起|想|玩|会|要|约|去)|一[起块](?:去|玩|吃|看|打)|约[个不吗一]|走起|推荐|[求想]看|好[看玩笑吃喝]|房[价子]|股[市票]|基金|彩票|明星|[剧追电]剧|那[集部]|综艺|电影(?!票)|视频(?!会|监|巡|号)|游戏|开黑|球[赛星场]|国足|欧冠|世界杯|[NnCc][Bb][Aa]"
    "|牌|麻将|钓|旅[游行]|海[边岛]|滑雪|露营|爬山|蹦迪|酒吧|夜店|[唱K][Kk歌]|KTV|烧烤|撸串|火锅|奶茶|减肥|瘦[了身]|星座|运势|[小黑白花我]猫|猫[咪粮砂]|[遛我养]狗|宠物|裙|口红|护肤|面膜|化妆|发型|祛痘|淘宝|拼多多|京东|直播|双十一|种草|囤"
    "|抖音|快手|男朋友|女朋友|对象|相亲|离婚|小三|[婆我]婆|带娃|奶粉|幼儿园|学区|装修|新(?:车|手机|买)|转发|投[个一]?票|助力|晒[晒一个]|梦[见到]|遛弯|无聊|睡觉|聊(?:五毛|会|天)|唠|八卦|吃瓜|诗|谜|秘方|养生"
    "|养[多花鱼]|多肉|菜市场|猪肉|菜价|外卖|下馆子|吃(?:啥|什么|碗)|喝酒|约饭|随(?:多少|礼)|份子|许愿|流星|月亮(?!都|出)|短视频|小说|相声|段子|歌[词手]|演唱会|粉丝|偶像|十年对比|自拍|美美|闺[女蜜]|儿子|女儿(?!中考|高考|住院|发烧)|自家|私[我聊信]|包邮|优惠|打折|团购|[在跟]团|拼[单团的]|盲盒|自驾|邻居家|扫地机|来不来|凑一?[桌局]|组个?[局团]|搭子|我家[娃猫狗]|理发|美[发甲容]|八字|算[命卦]|财运|茅台|驾校|科目?[二三]挂?了?|金鱼|盆栽|纹身|足浴|汗蒸|夜跑|考级|兴趣班|鬼故事|神曲|首付|买了?套?房|租房|夜市|[新开]的?(?:烧烤|饭|面|火锅|串串|奶茶)"
)
# Hardship that was worth it, and what was no good after all.
_ENDS_WELL = re.compile(
    "(?:但|不过|可是?|好在|还好|幸好|终于|总算|最后|今天真?)[^。！!？?\n没不白又凭]{0,8}(?:值[得了]|成了|过了|通了|合龙|投产|兑现|到账|搞定|顺利|踏实|稳了|好了|完成|拿下|修好|赶上|交付|上线|高兴|开心|有盼头)|第一[个名]|先进集体|冠军|头名|奖状|值了\\W*$"
)
_ENDS_ILL = re.compile(
    "(?:但|不过|可是?|结果|还是|凭)[^。！!？?\n]{0,12}[没不白又坑骗]|不干|没劲|没意思|没盼头|糊弄|压榨|黑心|[破狗烂]公司"
)
# Who treats his colleagues to something.
_TREATS = re.compile("请(?:大家|各位|全[组科班部队员]|弟兄们?|兄弟们?|同事们?|你们)[^，,。]{0,3}[吃喝](?!瓜)")
# What was done about people and their leisure by those on duty.
_DEALT_WITH = re.compile("劝[走离返阻]|巡河|泄洪|占道|制止|拦[下住]|清[退离]|报警|拉上来|抓走|救[了起上下]")
# What hints at leisure, or at one's own house, where nothing speaks of work: single characters for whole fields of words.
_PRIVATE = re.compile(
    "[吃喝娃孩猫狗龟鸟鱼虾蟹宠花草茶酒菜肉饭面饼糕糖果瓜蛋汤粥饿胖瘦丑帅裙裤鞋妆衣帽包镯戒剧影集番歌曲舞琴画诗书玩逛戏牌棋球赛跑泳骑健瑜拳跳梦睡醒觉恋婚嫁娶爱帖赞奖瘾囤买卖贵穷富赚亏涨跌贷哈嘿嘻霞彩虹景岛滩庙佛签卦属命]"
    "|[老岳公婆爹妈爸娘爷奶姥舅姨姑叔伯嫂姐妹哥弟侄甥][父母家妹姐哥弟妈爸公婆子女]|我[家妈爸]|亲戚|同学|邻居|隔壁|小区|周末|礼拜|假期|五一|国庆|双十|海[南边鲜]|三亚|西藏|城里|老家|手[机游表办]|会员|攻略|号码|打卡|偏方|[膝颈腰头牙][盖椎疼痛]|减肥|皮肤|头发|脸|痘"
    "|美[女美景丽得哭]|漂亮|绝[美了]|真美|好美|可爱|开心|[无好]聊|聊[会聊五十]|无语|生日|快乐|愉快|节[日快]|天气|[晴雨雪]天|月[亮圆饼]|星星|太阳|外面|[大咱你他她]家(?![把请先都要注])|大伙|[刷看听][到过了个]|路过|碰见|遇到|笑话|故事|新闻|热搜|传|祝|愿|福|吉|许|猜|接龙|缺[一个]"
    "|有没有[人谁]|哪[家里]|有[人谁谁去想会]|谁[家去来想懂玩要陪]|想[去要吃买看问哭]|一起|来不来|去不去|约|走一波|老地方|摊|[烤涮烧煮蒸炒]"
)
# What a quotation is made of.
_QUOTATION = re.compile(
    "报价|单价|含税|起订|打样|模具费|供应商|[比议询]价|性价比|交期|(?:降|涨|省|便宜|低)了?[0-9.]+[%元个毛分角]|[0-9.]+元?[/每一][片个台套公件斤]"
)
# What is wrong with a lot, and what follows for it.
_DEFECT = re.compile("不良|划伤|毛[边刺]|缺料|色差|退[货回了]|返工|返修|报废|来料|客诉|漏检|抽检|复检|停线|隔离")
# What is called out where things are moved, halted or mended, and what those want who call others to resist.
_DENIED = re.compile(
    "(?:网传|网上|流传|疯传|谣传|传言|传的|说法|消息|截图|视频|帖子|[听据]说)[^。！!？?\n]{0,24}(?:不属实|不实|不是真的|是假的|都是假|纯属|子虚乌有|没有的事|系谣言|是谣言|没这回事)"
)
# Who does not believe the denial.
_DOUBTED = re.compile(
    "谁信|鬼才|才怪|其实|但是|不过|可是|嘴上|官方[都也]?[这那]么说|越[描是]|此地无银|真的假的|[吗么]|[?？]"
)
_NOT_TO_BE_TOLD = re.compile(
    "(?:别|勿|不要|不能|不得|不许|严禁|禁止|切忌)(?:再|随便|直接|轻易)?[把将在][^，,。！!？?\n]{0,16}?(?:发|贴|传|晒|写|告诉|放)|^\\W*[^，,。！!？?\n]{0,6}(?:勿|不得|不许|严禁|禁止)(?:外泄|外传)"
    "|(?:不得|严禁|禁止|不准|不许)[^，,。！!？?\n]{0,6}(?:上传|外传|外发|拍照|转发|泄露)|引以为戒|警示教育|案例[学通警]"
)
# A secret that is told after all.
_TOLD = re.compile(
    "[0-9A-Za-z@#]{5}|[:：]\\s*[0-9A-Za-z]{3}|[0-9.]+(?:万|亿|元|%)|[听据]说|先别|还没公|没公布|你知道就|咱们知道|保密哦|偷偷|透露|定了"
)
_FOR_A_MEAL = re.compile(
    "赌[一两三几]?[顿杯瓶桌碗次份根箱]?(?:一?[顿杯瓶])?(?:火锅|烧烤|早[餐饭点]|午[餐饭]|晚[餐饭]|夜宵|宵夜|饭|奶茶|咖啡|可乐|饮料|冰棍|雪糕|啤酒|小龙虾|麻辣烫|面|包子|请客)|谁输谁请|输[的了家者]?(?:就|要)?请(?:客|吃|喝|全|大家|夜宵|奶茶)"
)
_FOR_MONEY = re.compile(
    "下注|押注|盘口|赔率|平台|上分|返水|提现|充值|私聊|[0-9一二两三五几]+[百千万]|[0-9]+(?:元|块|一注)|群[里内主]?开|跟单"
)
_CALLS_TO_WORK = re.compile(
    "抬|搬|卸|装车|撤[出到离]|疏散|别(?:[动碰合站推按]|开[^工门])|别让[^，,。]{0,4}[碰动按进开]|不[要准许能][动碰开合站进]|挂牌|叫停|全检|返[工修]|挑选|换[货新滤]|派人|上线|收[工尾]|赶[工进]|订单|交付|盘点|打扫|清场|排队"
)
_RESISTS = re.compile(
    "堵|围|闹|砸|拦|罢工[吧啦!！]?$|集体|抗|说法|领导|老板|公司|厂门|总部|政府|上访|工资|[欠加涨发降]薪|[给发加涨]钱|不干|别干|签字|曝光|他急|瘫痪|赔死|谁敢|叛徒|孙子|好看|到底|奖金|加班|上班|交货|停[工机业]|咱们|作对|后果|轮流|搬空|卸了|糊他|起哄|躺在|夜里|看他|一起[停走请]"
)
# What machines and loads do to things, and nearly to people.
_ACCIDENT = re.compile("[打砸撞挖钻扎划刮压擦碰](?:穿|断|破|坏|漏|伤|烂|不动)|差点|掉下来|崩[了出飞]|咬[人住了]")
_AIMED = re.compile("你|他[^们们的]|她|敢|等着|弄死|揍|砍|捅死|收拾|后悔|小心点|算账")
# Who looks for people to work with, and what only those offer who look for people to bet.
_HIRES = re.compile("招聘|内推|简历|应聘|面试|入职|试用期|岗位")
_BETS = re.compile("赌|注|盘口|赔率|彩|日结|兼职|平台|稳赚|返水|提现|上分|充值|跟单|牌局|开局")
# Quoting is work; passing it on, or calling it secret, is not.
_KEPT = re.compile(
    "内部|保密|机密|秘密|绝密|外[传泄]|泄露|透露|透个?底|底[价牌]|[未没]有?(?:公开|公布|披露|公告|对外)|先别|[别要][往对跟和]|还没|[转发卖传拷]给|给了|截图|截个图|名单|朋友|同[学行]"
    "|竞[争品]|对手|前同事|家里|外[面人]|私下|偷偷|悄悄|返点|毛利|成本价|成交价|中标|标[底书]|[你您]?(?:微信|邮箱)|我们?给"
)
# Threats and calls have somebody they are made to or against.
_AT_SOMEBODY = re.compile(
    "[你他她]|老板|领导|厂长|主任|经理|大[家伙]|兄弟|一起|一块(?![都也儿板])|[都全]别|[都全]不|集体|谁[敢不来去开]|咱|我们|弄死|揍|砍|捅死"
)
# What somebody saw is no rumour; what he heard may be.
_HEARSAY = re.compile(
    "[听据][^，,。]{0,2}说|传[说闻言]|内部消息|小道|爆料|风声|新闻|扩散|转发|瞒|封锁|压下|辟谣|网上|朋友圈|裁员|倒闭|搬[迁走]|死了|抓[了走]|跑路|真的假的|可靠|知情|有人[说讲来]|他们说|都说|说[的是]|讲个|偷偷|咱|下个?(?:月|星期|半年)|年底|知道[^，,。]{0,8}吗"
)
# This one or that one, and nobody.
_ONE_OF_THEM = re.compile("[这那][台条套款块批]")
# Building and water works: how deep, how wide, and what has to be measured before anybody goes down.
_SITE = re.compile("口径|管径|埋深|井[口盖室]|检查井|气体检测|有限空间|基坑|沟槽|支护|脚手架|围挡|护栏|工地")
# The house itself, of which everybody sees how it is; that somebody came to harm there is told, not seen.
_HOUSE = re.compile("食堂|包子|饭菜|电梯|停车|厕所|卫生间|空调|打印机|复印机|投影|会议室|车棚|饮水机|暖气")
_HARM = re.compile("毒|病|过期|致癌|拉肚子|住院|死|塌|爆炸|起火|着火|传染|贪|回扣")
# Who sends somebody to a person or a paper says 我让他, and so does who threatens.
_SENT = re.compile(
    "让(?:[他她]们?|对方)[^，,。!！]{0,4}(?:联系|填[表写单报]|登记|核[对实]|补[办交填]|签[字收]|[看查听]一?下?(?:官方|通[报知]|公告|文件|说明|手册)"
    "|把[^，,。]{0,6}[表料单图票章据件][^，,。]{0,2}[送发交拿带])"
)
_THREAT = re.compile("揍|砍|捅|弄死|打断|收拾|好看|后悔|废了|厉害|下场|小心|等着|跪|血|命")
# By when something is wanted.
_DUE = re.compile("最[晚迟](?:[今明后]|[本下]?[周月]|[0-9一二三四五六七八九十])|下班前")
_MISREAD = frozenset({"porn", "gambling", "negative_emotion", "incitement", "violence"})
_CALLS = frozenset({"incitement", "violence"})


def speaks_of_work(text: str, category: str, score: float) -> bool:
    """Say whether a trained score that no word supports reads the talk of a workshop, or of buyers and sellers.

    What is stuck, bare, burnt or beaten there is a part; a price per piece is no secret among those who negotiate it.
    So is what is wrong with a lot. A house and its sites are talked of alike, and who is sent to fill in a form is not
    threatened; machines break and hurt without meaning it. Whoever hires makes no bet. Idle talk is what has nothing to
    do with either.
    """
    read = simplified(text[:_READ])
    if category == "off_topic":
        return _is_on_duty(read, score)
    if category == "rumour":
        seen = _WORKSHOP.search(read) or (score < EVEN and _HOUSE.search(read) and not _HARM.search(read))
        return bool(seen) and not _HEARSAY.search(read)
    if category == "gambling" and _HIRES.search(read) and not _BETS.search(read):
        return True
    if category == "gambling" and _FOR_A_MEAL.search(read) and not _FOR_MONEY.search(read):
        return True
    if category == "incitement" and calls_to_work(read):
        return True
    if category == "violence" and _ACCIDENT.search(read) and (_WORKSHOP.search(read) or _SITE.search(read)):
        return not _AIMED.search(read) and not _THREAT.search(read)
    if score >= SURE:
        return False
    if category == "abuse":
        return bool(_ONE_OF_THEM.search(read) and _WORKSHOP.search(read)) and not _AT_SOMEBODY.search(read)
    if category == "gambling" and _QUOTATION.search(read):
        return True
    if category == "leak":
        shown = _QUOTATION.search(read) or _DEFECT.search(read) or (score < EVEN and _SITE.search(read))
        return bool(shown) and not _KEPT.search(read)
    if category == "violence" and _SENT.search(read) and not _THREAT.search(read):
        return True
    if category not in _MISREAD or not _WORKSHOP.search(read):
        return False
    return category not in _CALLS or not _AT_SOMEBODY.search(read)


def _is_on_duty(text: str, score: float) -> bool:
    """Say whether a message that reads like idle talk is about work, or is what colleagues say beside it.

    The score reads the manner of talk, which is the same at a pump at night. What is done at leisure counts whatever is
    said with it; what only hints at it counts where the score is high and nothing speaks of work.
    """
    if _WORKSHOP.search(text) or _PROGRAMS.search(text) or (score < SURE and _DUE.search(text)):
        return True
    if _LEISURE.search(text):
        return deals_with_others(text)
    if _SITE.search(text):
        return True
    if _LAUGHS.match(text) and len(text) <= _BRIEF:
        return True
    if score < SURE or (score < CERTAIN and not _PRIVATE.search(text)):
        return True
    return bool(_AT_WORK.search(text) or _AMONG_COLLEAGUES.search(text))


def deals_with_others(text: str) -> bool:
    """Say whether those on duty tell what they did about others, whatever these were at (劝走了几个钓鱼的), or somebody
    treats all to something."""
    read = text[:_READ]
    return _DEALT_WITH.search(read) is not None or _TREATS.search(read) is not None


def calls_to_work(text: str) -> bool:
    """Say whether a call to all is one to move, halt or mend something: 谁也别合闸,里面有人."""
    read = simplified(text[:_READ])
    return _CALLS_TO_WORK.search(read) is not None and _RESISTS.search(read) is None


def denies(text: str) -> bool:
    """Say whether what goes round is said to be untrue, and nothing but: 网传停水的消息不属实,请大家不要转发."""
    read = simplified(text[:_READ])
    return _DENIED.search(read) is not None and _DOUBTED.search(read) is None


def forbids_telling(text: str) -> bool:
    """Say whether all that a text says of a secret is that it is not to be told: 别把密码发群里."""
    read = simplified(text[:_READ])
    return _NOT_TO_BE_TOLD.search(read) is not None and _TOLD.search(read) is None


def ends_well(text: str) -> bool:
    """Say whether who tells of hardship is glad of how it came out: 累是累,总算通水了."""
    read = simplified(text[:_READ])
    return _ENDS_WELL.search(read) is not None and _ENDS_ILL.search(read) is None
