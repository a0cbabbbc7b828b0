"""What has to stand in a message before a trained score, with no listed word beside it, asks a person.

The words are many on purpose: what tells one meaning from another is the score, and a score that finds none of them reads
something else.
"""

import re

from classifiers.simplified import simplified

# Below the first a lone score is wrong more often than right; from the second on it needs nothing beside it, but for what
# is never done without a stake or without harm.
EVEN, SURE, CERTAIN = 0.5, 0.8, 0.95
_NAMED = frozenset({"gambling", "violence"})
# Of a message this much is read.
_READ = 2000
_SPACES = re.compile(r"\s+")
_CUES = {
    # Somebody who is scolded.
    "abuse": re.compile(
        "[你妳您他她谁@丫废猪狗傻蠢滚脸嘴妈爹脑贱丑娘爷种呸屁逼舔]|们|某|有[些的]人|[这那][种个]|人家|家伙|东西|玩意|二百五|饭桶|领导|老板|老总|经理|主任|[科局所处厂队站校院股班组村部][长座]"
        "|书记|班子|管理|单位|公司|部门|厂里|孙子|人(?!员)|女|娃|智障|弱智|扑街|装什么|[A-Za-z]{4}"
    ),
    # Harm to the body, or a hint of it; not 硬骨头, nor what is 拿下.
    "violence": re.compile(
        "[打揍砍捅杀死血命棍拳踹抽毙埋炸烧尸虐劈剁砸剥绑残瘸棺坟碾撞淹掐勒宰剐割咬泼枪毒踢锤刺踩跳瞎躺葬]|收拾|等着|小心|好看|后果|后悔|堵|教训|扳手|板砖|脖子|脑[袋浆]|舌头|手指|眼[珠睛]|断[你他她]|[你他她]的?腿"
        "|(?<![刮铣车])刀(?![片具口头架库])|斧|废了|弄[你他她瞎]|办了|住院|敲门|别想|巴掌|耳光|家(?:人|门)|全家|女儿|儿子|孩子|碰见|见一次|走着瞧|跑不了|别怪|清楚楚|硫酸|横着|铁锹|道上|卸|骨头(?!料)|后事|把火|消失|摆平|扔下|电锯|约架|真家伙"
    ),
    "negative_emotion": re.compile(
        "[累烦气够榨霉恨坑剥苦惨破烂闷崩忍欺亏熬寒憋屈窝糟卷躺裁扣疯哭命压骂怨贱穷毁骗装饼麻猪]|没[劲用完救人意有]|凭什么|凭啥|倒闭|黄了|白[干忙做加]|牛马|垃圾|恶心|绝望|不想|懒得|无语|良心|糊弄|活该|不公|偏心|抑郁"
        "|图[什啥]|人生|又[要是来加改没被甩]|天天|每[天次]|永远|打发|就知道|不干|走人|辞职|难受|痛|怕|失望|寂寞|呵呵|爱[谁咋]|谁爱|不是人|当人|什么[破鬼妈]|从来|噩梦|监狱|坐牢|还债|奴|养老|混日|忽悠|拿[我咱]|跑断|甩锅|通宵|加班|奉献"
        "|去他|慌|一事无成|希望|领导|老板|公司|单位|制度|工资|年终|绩效|考核|受不|受够|受罪|脑子有|找罪|真服|死心|干不动|没法干|值得|玩意|[呵唉]|耗材"
    ),
    "incitement": re.compile(
        # What is to be done, not who is to do it: 咱们把成本压下去 stirs nobody up.
        "都[别不请出给]|别[去干开交签接怕]|一[起齐人]|一块(?![都也儿板])|谁[也敢都再不来去跟拦]|[堵停罢闹砸拆烧围锁冲抢拦泼轰封断]|联[名合]|上访|集体|全[都线]|不[干去接开让交签怕发走许]|反[了抗]|抗议|他们|站出来|老乡|抵制|推[倒翻了]|掀|绑|搬空|拿[上铁家]|动手|拉电|破产|要让[^，,。]{0,8}(?:知道|怕)|喊"
        "|赶走|跟[我着]|曝光|网上|横幅|请愿|签名|说法|人多|不责众|罚死|让[他它她]|静坐|怠工|消极"
    ),
    "rumour": re.compile(
        "[听据][^，,。]{0,3}[说讲传闻]|[传说讲裁死抓贪毒赌癌囤瞒封]|内部|小道|消息|爆料|风声|扩散|转发|速转|压[着下]|辟谣|网上|朋友圈|倒[闭了]|搬[到去走迁家]|跑[路了]|真的|可靠|知情|[都谁你][^，,。]{0,2}知道|偷偷|亲[眼口戚]|告诉|估计|八成"
        "|肯定是|怀疑|不让|不报|不敢[说讲提报公]|我[姐哥爸妈舅叔姑同朋]|同学|邻居|要[涨降停取合撤关倒断卖改]|快[不要]|没钱|重金属|病|感染|出事|爆炸|被[查带停删举免调拿]|赶紧|有人|内定|小舅子|老婆|离婚|情人|私生|回扣|假的|骗|全砍|怎么知道"
    ),
    # What is kept, or given away; not how many cracks a plate has.
    "leak": re.compile(
        "内部|保密|[底成]本?价|标|成本|毛利|利润|营收|净利|预测|并购|上市|融资|名单|通讯录|工资|薪|奖金|拟[提任征]|没[公宣挂签批给]|未公|还没|透[露底个]|先给|先别|[别勿][往外说对传跟让乱]|漏|外[传泄]|[发转给拷卖寄递][了给到出去]|截[图屏个给]"
        "|拍[了给下]|导[出了]|拷|竞[争品]|对手|配[方比]|图纸|源码|代码|密码|账号|口令|私钥|合同|投标|贷款|供货价|[亿万]元?|患者|病|身份证|住[在址]|手机|同学|朋友|亲戚|媒体|记者|考题|题|答案|评委|录音|纪要|任命|调[走任]|提拔|换届|划|授权"
        "|后台|数据库|剧透|一手|定了|方案|处分|举报|调查|暗访|机密|涉密|军|坐标|审计|报表|账|排好|公布|公告|宣布|代号|体检"
    ),
    "reputation": re.compile(
        "[骗黑烂差坑破丢耻假劣废贪乱脏偷丑曝揣混蠢腐呸欠拖傻死沉水猪狗]|垃圾|倒闭|别[来买信]|无能|糊弄|敷衍|什么|草包|笑话|回扣|吃[拿里]|过期|克扣|爆料|外面|往外|都知道|谁[信不]|评价|一星|恶心|小三|情妇|有一腿|牲口|忽悠|名声|脸红|记者|笑[出死]|公司|老板|领导|[园院校行厂局社][长里]|(?i:joke|worst)"
    ),
    "fraud": re.compile(
        "[加返佣贷赚稳股币薇vV]|翻[一两倍番]|[这那]只票|荐股|微信|链接|http|www|点[击开]|转[账钱给]|汇款|打款|兼职|日结|额度|提额|套现|验证码|账[户号]|私[我聊信]|联系|找我|中奖|领取|刷[单卡好]|投资|收益|保[本证过]|客服|退款|密码|代[办理开销]|办证|下线|拉[三两一人\\d]|理财"
        "|扫[码描]|下载|注册|充值|[入进]群|老师|名额|补贴|冻结|失效|停用|过期|滞留|公检法|涉嫌|安全账|借[你我给]|红包|免费|信用|征信|手头|急用|急需|利息|月息|押金|定金|订金|付|会费|解冻|激活|[aA][pP][pP]|号码|[qQ]{2}|电话|银行卡|积分|登录|宝|元|块"
    ),
    "porn": re.compile(
        "[片码炮妞妹姐女裸胸奶骚湿硬爽啪摸舔插操屌亲抱脱床睡性色嫖鸡腿臀屁腰嫩浪欲娘黄媚春]|视频|福利|身材|激情|成人|看片|(?i:av|sex)|主播|网盘|种子|制服|丝袜|老[婆公]|那[啥个]|梦见|同房|避孕|做爱|私聊|按摩|技师|上门服务|全身|劲爆|寂寞|资源|约[吗我个]|开房"
        "|酒店|情人|帅哥|小鲜肉|男模|会所|特殊服务|图片|照片|写真|表情|段子|荤|下面|那话儿|尺寸|空降|莞式|一条龙|品茶|喝茶|茶友|海选|约|单身|包养|公主|宿舍|暖|私房|延时|催情|听话水|楼凤|换妻|线下|伴游|宝贝|哥哥"
    ),
    # A stake, a game or a platform.
    "gambling": re.compile(
        "[赌注盘赔彩牌庄押钱输赢充倍博斗球棋玩雷骰筹胡菠捞猜]|(?<![气水油液高低血电风差欠超负])压(?![差力强降缩机路滤制])|(?<!往)(?<!再)[上下返]分|单双|红单|三中三|翻[一两倍番]|[这那]只票|荐股|十一选|胆码|网投|占成|红蓝|黑红|一肖|抽[头水]|[存提]一?百|儲|储|翻身|连红|买[球马大小彩码定]|码资|特码|房卡|内部料|波[菜胆]|中奖|麻将|炸金花|家乐|时时|六合|(?i:bet)|跟单|虎机|德州|澳门|开奖|红包|龙虎|娱乐|真人|点数|手气|提现|返[水点利]|流水返|赛车|开局|组局|局[子头]|线路|[0-9一二三四五]比[0-9一二三四五]|[Uu](?:SDT|sdt)"
        "|[0-9一二三五]百|\\d+(?:元|块)|上岸|导师|平台"
    ),
}
# Scolding and threats that somebody is told to his face ask whatever the score is that asks at all.
_TO_HIS_FACE = {
    "abuse": re.compile(
        "[你您][这那]?(?:个|种|副|张)?[^，,。!！?？]{0,4}(?:脑|脸|嘴|妈|爹|猪|狗|东西|玩意|德行|德性|智商|情商|算老|算哪|算什么|配不?配|也配|眼[瞎睛]|耳朵[聋是]|白[吃长活]|摆设|废|蠢|笨|傻|贱)"
    ),
    "violence": re.compile(
        "[你他她谁][^，,。!！?？]{0,6}(?:腿|手[剁打砍折断]|脑袋|狗命|全家|打断|[砍捅揍宰]|弄[死残]|后悔|好看)"
    ),
}
# Who thanks others for their trouble complains of nothing.
_KINDLY = {
    "negative_emotion": re.compile(
        "受累了|(?:大家|各位|师傅们?|同事们?|同志们?|兄弟们?|你们|领导)[^，,。]{0,6}(?:辛苦|受累|劳累)|感谢|谢谢|多谢|救命了|哈哈|踏实|值了|注意(?:休息|身体|安全)|早点休息|(?:恭喜|祝贺|欢迎)(?!公司|领导|老板)"
    ),
}


def is_borne_out(text: str, category: str, score: float) -> bool:
    """Say whether a score of a category that no word supports is worth a question."""
    cue = _CUES.get(category)
    if cue is None or score >= (CERTAIN if category in _NAMED else SURE):
        return True
    read = simplified(_SPACES.sub("", text[:_READ]))
    if score < EVEN:
        direct = _TO_HIS_FACE.get(category)
        return direct is not None and direct.search(read) is not None
    kindly = _KINDLY.get(category)
    return cue.search(read) is not None and not (kindly and kindly.search(read))
