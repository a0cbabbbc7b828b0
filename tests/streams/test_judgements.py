"""What one message comes to: certain, a question to a person, or nothing. Lists, weights and weighing together.

Each message is judged under a pack that binds its category. Trained weights change with their texts; so offences stand here
whose words speak for themselves, and ordinary messages that are far from any cut.
"""

import pytest

from classifiers.measure import Classifiers
from policies.lint import load_packs
from policies.rules.content import NAMES
from policies.schema import Pack
from streams.checking import check_message
from streams.loading import classifiers_from

CERTAIN = {
    ("xianchuang", "广告"): (
        "代理名额只剩两个",
        "代 理 名 额 只 剩 两 个 ， 手 慢 无",
        "转让地下车位，价格面谈",
        "小区车位出售，产权齐全，有意电联",
        "面膜内部代理价，拉三个下线返现",
        "新用户注册送88元，通过我的邀请码注册咱俩都有奖励",
        "淘宝京东内部优惠券，先领券再下单，省钱群扫码进",
        "➕薇❤️ abc123 了解副业详情",
        "想做副业的宝妈看过来，每天两小时，一部手机就能做",
        "有要考驾照的吗？报我名字便宜300，包接送",
        "亲们，我参加了最美护士评选，请投我一票，我是26号，感谢",
    ),
    ("xianchuang", "诈骗引流"): (
        "刷单兼职，一单一结，佣金5到20元，在家可做",
        "炒股交流群，老师免费荐股，上周抓了三个涨停，扫码进",
        "代还信用卡，养卡提额，手续费低，秒到",
        "谁有不用的电话卡，八十一张收，量大价高",
        "民族资产解冻，缴纳手续费30元，下月每人发放十八万",
    ),
    ("ju-bangong", "赌博"): (
        "注册就送58彩金，真人视讯，提款秒到",
        "斗牛群，扫码进，庄家稳定，红包抢大小",
        "来几个人打麻将，五块十块的，今晚老地方",
        "百家乐教学，包赢打法，带你回本",
    ),
    ("banxian", "色情低俗"): (
        "资源群，各种片子，每日更新，9.9进群",
        "约 炮 软 件，成功率高，附近的人都能约",
        "偷拍女同事裙底的视频，谁要看",
        "有偿陪睡，一次八百，学生优先",
    ),
    ("xianchuang", "辱骂攻击"): (
        "你 个 傻 逼 玩 意 儿",
        "给老子闭嘴，再哔哔试试",
        "臭娘们，装什么清高",
        "你们业务部全是酒囊饭袋",
        "少在这装大尾巴狼，你算哪根葱",
        "fuck you, do your own job",
    ),
    ("baseline", "涉密或内部信息"): (
        "这是全公司的薪资表，别说是我发的",
        "会议纪要是机密的，我发你一份，看完就删",
        "核心代码我拷了一份在U盘，谁要",
        "研发样机的照片，还没发布，偷偷给你们看",
        "把合同底价透给供应商了，他答应给我两个点",
    ),
    ("xianchuang", "未经证实的消息"): (
        "听说下个月要裁掉三分之一，是真的吗",
        "据说隔壁厂死了两个人，压着不让报",
        "速转！微波炉加热的东西致癌，专家都承认了",
        "我表哥在银行，说下周要限制取款，信不信随你",
    ),
    ("xianchuang", "煽动过激"): (
        "明天大家都别来上班，看他们怎么办",
        "叫上所有人去市政府门口静坐，把事情闹大",
        "抄家伙上，怕什么，出事我顶着",
        "大家一块去老板家堵他，看他给不给",
    ),
    ("ju-bangong", "暴力威胁"): (
        "我弄死你",
        "你给我等着，下班别走，看我不打断你的腿",
        "找人卸他一条胳膊，五千够不够",
        "今天不给个交代，我拿钢管把你腿敲折",
    ),
    ("banxian", "负面情绪"): (
        "这破公司真是待够了，一天都不想干",
        "老子不伺候了，爱找谁找谁",
        "一肚子火，天天受这窝囊气",
    ),
    ("banxian", "红包"): ("[微信红包]恭喜发财，大吉大利", "红包来啦，快抢"),
    ("xianchuang", "对外转发群内信息"): (
        "我把群里的聊天截图发朋友圈了",
        "领导在群里说的话，我录屏发给记者了",
        "刚刚领导那段语音我转到老乡群里了",
    ),
    ("xianchuang", "账号外借或被盗"): (
        "我微信被盗了，刚才发的借钱消息别信",
        "谁借我用一下微信号，我的被封了",
        "借个微信号用用，明天还你",
    ),
}  # fmt: skip

ORDINARY = (
    "LPR下调10个基点，对我们存量贷款的影响见附表",
    "今天LPR下调了，五年期3.5，房贷的同事可以看看重定价日",
    "叉车转让协议双方盖章了，原件放我这",
    "代理商名单更新了，华南区新增两家，见附件",
    "新员工入职培训名额还剩两个，请各部门尽快报",
    "优秀员工评选投票开始，请大家在OA里投票，每人限三票",
    "前端开发招聘2名，薪资15-20K，有合适的朋友可以内推，内推奖励2000",
    "工会团购的羽毛球拍到了，登记的同事来拿",
    "砍一刀功能周四上线，测试用例已写好，产品确认下文案",
    "我们的首付分期政策从本月起停止，置业顾问不要再对客户承诺",
    "门店促销：羽绒服满500减100，请各店长周五前换好海报",
    "经销商返利按季度结，华东区的先核对",
    "房租押金退了没有？合同约定退租30天内退",
    "新同事请加我微信，备注部门姓名",
    "我在看二手房，有同事住城南吗，那边学区怎么样",
    "早上那位卖保险的已经请出去了，前台注意登记",
    "小程序里“帮好友助力”那个弹窗关不掉，前端看下",
    "转账已经提交，预计两小时内到账，请供应商查收",
    "给王师傅的抢救费已垫付，发票回来冲账",
    "二建报名开始了，公司报销考试费，通过后奖励三千",
    "刚接到电话说我包裹涉嫌走私，笑死，现在骗子都不换台词",
    "公安部发布：网络赌博十赌十输，参与即违法，请远离",
    "提醒：境外赌博网站招代理属于犯罪，最近抓了一批",
    "信息安全部通报：本周拦截博彩类邮件132封，色情类18封",
    "请勿在群里发拼多多砍价、投票、集赞链接，违者按群规处理",
    "别再往群里转“清理僵尸粉”的链接了，会盗号",
    "双色球又没中，当给福利事业做贡献了",
    "昨晚打牌打太晚，今天困死了",
    "牌友们，老年活动室周五有扑克友谊赛，奖品是洗衣液",
    "影棚今天拍泳装目录，请清场，摄影师提前到",
    "老司机带带我，这个系统第一次用",
    "裸眼3D屏周四调试",
    "我这猪脑子，会议时间记错了",
    "滚珠丝杠到了两根，先换二号机",
    "别骂了别骂了，我这就改",
    "他那张嘴真损，不过说得挺对哈哈",
    "测试环境账号密码在wiki首页，生产的找运维审批",
    "门禁密码下周一统一更换，新密码请到前台当面领取",
    "wifi密码在会议室白板上",
    "客户资料请按规定脱敏后再发",
    "评标结果公告今天挂网，咱们第二",
    "敏感词过滤漏了“博彩”“裸聊”，算法组补一下",
    "听说你们组拿了奖，请客啊",
    "裁员是谣言，公司没有这个计划，请大家安心",
    "隔壁公司着火了，消防车来了，我们没事，窗户先关上",
    "围堵漏点，先关总阀",
    "大家一起去领劳保，别挤",
    "火工品库盘点，雷管编号和台账一致",
    "昨晚吃鸡被爆头了三次，菜得抠脚",
    "杀鸡用牛刀了吧，这点数据上大数据平台",
    "下注塑机的料筒温度调到210，别超",
    "暴力破解检测规则上线，五次失败锁账户",
    "我有点累了，先休息，明天继续",
    "项目黄了有点可惜，复盘会周四开",
    "年会红包预算三万元，请财务复核后报批",
    "春节开工红包由各部门领导当面发，不在群里发",
    "工会给大家准备了电影票，每人两张，到三楼工会办公室签字领取",
    "通知请转发到各门店群",
    "把报价截图发给采购核一下",
    "我的微信换手机要重新登录，验证码收不到",
    "企业微信被踢下线，可能是在别处登录了，IT看看",
)  # fmt: skip

# Whoever warns, quotes, reports or calls colleagues together may at worst be asked about.
NEVER_ACCUSED = (
    "大家别点这个：“兼职刷单，一天三百，加微信详聊”，是骗子",
    "有人在群里发“代理名额只剩两个，加我微信”，已撤回，大家别加",
    "“注册送彩金”“百家乐”这类短信一律拉黑，不要回",
    "反诈提醒：凡是让你转到安全账户的都是诈骗，请勿相信",
    "关于账号安全：不要把微信借给别人，不要把验证码告诉任何人",
    "派出所提醒：刷单返利、虚假贷款、冒充客服是近期高发案件，不听不信不转账",
    "扫码进群，本次培训资料群里发",
    "上门安装师傅加微信约时间，照片拍清楚",
    "我要投诉，隔壁工位一直放黄色视频，声音很大",
    "李工昨天在群里骂我“废物”，请领导主持公道",
    "昨天在停车场被人威胁“下班别走”，已经报警备案",
    "公司已经三个月没发工资了，我们准备去劳动监察大队反映",
)


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs()


@pytest.fixture(scope="module")
def classifiers() -> Classifiers:
    return classifiers_from()


def found(text: str, pack: Pack, classifiers: Classifiers) -> tuple[set[str], set[str]]:
    """The categories that a message surely is of, and those a person is asked about, by their Chinese names."""
    checked = check_message(text, pack, classifiers, group_type=None, role="member", kind="text")
    told = [one.explanation for one in (*checked.violations, *checked.uncertain)]
    certain = {name for name in NAMES.values() for line in told if line.startswith(f"内容被判为{name}")}
    asked = {name for name in NAMES.values() for line in told if line.startswith(f"内容可能属于{name}")}
    return certain, asked


@pytest.mark.parametrize(
    ("pack", "name", "text"), [(pack, name, text) for (pack, name), texts in CERTAIN.items() for text in texts]
)
def test_an_offence_in_plain_words_is_certain(
    pack: str, name: str, text: str, packs: dict[str, Pack], classifiers: Classifiers
) -> None:
    # An advert for gambling is both; which of them speaks first is no matter.
    kin = {"广告", "诈骗引流", "赌博"} if name in {"广告", "诈骗引流", "赌博"} else {name}
    certain, asked = found(text, packs[pack], classifiers)
    assert certain & kin, asked


@pytest.mark.parametrize("text", ORDINARY)
def test_work_and_small_talk_are_left_alone(text: str, packs: dict[str, Pack], classifiers: Classifiers) -> None:
    assert {slug: found(text, pack, classifiers) for slug, pack in packs.items()} == dict.fromkeys(
        packs, (set(), set())
    )


@pytest.mark.parametrize("text", NEVER_ACCUSED)
def test_warnings_quotations_complaints_and_calls_accuse_nobody(
    text: str, packs: dict[str, Pack], classifiers: Classifiers
) -> None:
    assert [slug for slug, pack in packs.items() if found(text, pack, classifiers)[0]] == []


def test_the_same_advert_quoted_is_none(packs: dict[str, Pack], classifiers: Classifiers) -> None:
    advert = "代理名额只剩两个，加我微信"
    assert found(advert, packs["xianchuang"], classifiers)[0] == {"广告"}
    assert found(f"发现有人发“{advert}”，是骗子", packs["xianchuang"], classifiers)[0] == set()


@pytest.mark.parametrize(
    "text",
    [
        "大家别点这个：“诚招代理，日赚千元，加我微信”，是骗子",
        "提醒：收到“恭喜您中奖，点击链接领取”之类短信不要点",
        "谨防诈骗！凡是说「刷单日结三百，先垫付再返现」的都是骗局",
    ],
)
def test_a_warning_that_quotes_asks_nobody_either(text: str, packs: dict[str, Pack], classifiers: Classifiers) -> None:
    assert {slug: found(text, pack, classifiers) for slug, pack in packs.items()} == dict.fromkeys(
        packs, (set(), set())
    )


def test_a_warning_around_an_advert_of_ones_own_does_not_hide_it(
    packs: dict[str, Pack], classifiers: Classifiers
) -> None:
    certain, asked = found("谨防“骗子”！正规代理名额只剩两个，想赚钱的加我微信", packs["xianchuang"], classifiers)
    assert certain | asked


def test_a_flag_that_only_a_door_may_set_accuses_nobody(house):
    house.say(text="今天两点开例会", flags=["sealed:secrecy_marking", "forwarded"])
    assert house.strikes() == []
    assert house.reviews() == []
