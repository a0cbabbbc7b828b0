"""Rules on what a message says or carries."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct, field

from classifiers.scolding import scolds_nobody
from models import Evidence, Signal
from models.observation import MESSAGE_TYPES, Millis
from models.signal import TRAINED_CATEGORIES
from policies.rules.arrangements import arranges
from policies.rules.base import Case, Finding, Place, Rule, own_text
from policies.rules.borne_out import is_borne_out
from policies.rules.disclosure import gives_away
from policies.rules.purchasing import buys_for_the_house
from policies.rules.shop_floor import calls_to_work, denies, ends_well, forbids_telling, speaks_of_work
from policies.schema import Budget, Span

NAMES = {
    "ads": "广告",
    "fraud": "诈骗引流",
    "gambling": "赌博",
    "porn": "色情低俗",
    "abuse": "辱骂攻击",
    "rumour": "未经证实的消息",
    "leak": "涉密或内部信息",
    "incitement": "煽动过激",
    "negative_emotion": "负面情绪",
    "violence": "暴力威胁",
    "red_packet": "红包",
    "transfer": "转账",
    "voucher": "电子礼券",
    "identity_number": "身份证号码",
    "bank_card": "银行卡号",
    "mobile_number": "手机号码",
    "credential": "账号密码或密钥",
    "secrecy_marking": "密级标志",
    "internal_marking": "内部资料标志",
    "red_header_file": "红头文件",
    "outside_forwarding": "对外转发群内信息",
    "account_compromise": "账号外借或被盗",
    "infringement": "侵权内容",
    "illegal_political": "违法违规言论",
    "sensitive_topic": "敏感话题",
    "religion": "宗教内容",
    "off_topic": "与群用途无关",
    "reputation": "损害单位形象",
    "quarrel": "争吵",
}
# Categories measured by the classifiers that ship with the product; all others need a list of the tenant's.
MEASURED = frozenset(TRAINED_CATEGORIES) | {
    "red_packet", "transfer", "voucher", "identity_number", "bank_card", "mobile_number", "email", "link", "credential",
    "secrecy_marking", "internal_marking", "red_header_file", "outside_forwarding", "account_compromise",
    "infringement",
}  # fmt: skip
# Words by which somebody calls others to buy, join or write to him tell of these; anywhere else they are plain talk.
SOLICITED = frozenset({"ads", "fraud", "gambling"})
# What a text tells, whatever weak words or scores find in it: that it scolds nobody, resists nobody, ends well, is
# a list to sign.
_HARMLESS: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(SOLICITED, arranges),
    "abuse": scolds_nobody,
    "incitement": calls_to_work,
    "negative_emotion": ends_well,
    "rumour": denies,
    "leak": forbids_telling,
}
# What others warn of in the words of those who do it: beside a warning they prove nothing.
WARNED_OF = SOLICITED | {"porn"}
# A budget says how rare a score is among normal messages, not what it says of this one. Below the first a trained score
# is wrong too often to ask a person because of it; below the second the message is more likely none of the category, and
# no single word beside it makes it certain; below the third it is never certain by itself.
ASK, EVEN, SURE = 0.3, 0.5, 0.8
# From here on a word asks a person: a short strong one, of whose category the trained model sees nothing, has this score.
DOUBTED = 0.75
# What is measured for itself and shows another category as well.
_INCLUDED = {"leak": frozenset({"credential"})}
# The tenant's own list of what its projects are called: beside figures, or what is kept back, it asks a person.
_NAMED = {"leak": "project"}
# Below this one weak word of a category that everyday talk is full of asks nobody.
FAINT = {
    "ads": 0.2,
    "fraud": 0.2,
    "gambling": 0.2,
    "rumour": 0.1,
    "negative_emotion": 0.15,
    "incitement": 0.1,
    "quarrel": 0.15,
    "reputation": 0.2,
    "off_topic": 0.3,
}
# Happenings of one kind that are remembered of a group.
MOST_REMEMBERED = 60
# Somebody else's words; a single word in quotation marks may be anybody's.
_QUOTATION = re.compile('[“「『"].{6,}[”」』"]')
# Of a message this much is read for what it speaks of; so few code points say little.
READ, SHORT = 2000, 12
# Whose number it is, or what the list of numbers is for.
_REACHED = re.compile(
    "名单|名册|花名册|发放表|登记表|报名表|信息表|通讯录|联络表|联系(?:人|方式|电话)|对接人|负责人|值班|带班|值守|轮值|领队|司机|车牌|接[站机送]|参[会训赛]|与会|签到|核对|报修电话"
    "|应急电话|办公[室电]|换号|新号码?|身份证|报销|开户行|工资卡|(?:我|本人|个人)的?(?:新)?(?:手机|电话|号码)|找不到[我人]"
    "|(?:收货|送货|报修|维修|抢修|售后|库房|仓库|钥匙|门卫|开门|盖章|领料|取件|用车|叫车|供应商)[^，,。\n]{0,8}[找打]"
    r"|(?:[老小][一-鿿]|师傅|工|[班组队站所厂科处局]长|经理|主任)\s*[:：]?\s*(?=[0-9])|(?:施工|监理|[甲乙]|业主|设计|物业|总包|分包)方[^，,。\n]{0,4}?(?=[0-9])"
)
_NUMBER = re.compile(r"\d{7}")
# What a talk on fraud taught; who poses as the police tells somebody what to do.
_TAUGHT = re.compile("(?:防诈骗?|防骗|反诈骗?)(?:培训|宣[讲传]|知识|课|讲座|要点)|[都全]是骗|就是(?:诈骗|骗)")
# Only heard of, in words that begin small talk as well; and what nobody may spread unproven however he came by it.
_HEARD = frozenset({"听说", "据说", "听讲", "听人说", "听人讲", "有人说"})
_HEARD_OF = re.compile("^[^，,。]{0,6}(?:听|据)[^，,。]{0,4}(?:说|讲)")
_GRAVE = re.compile(
    "裁[员人掉减]|辞[退职掉]|[要被]裁|降(?![温雨雪尘噪本]|下来)|[被要]扣|扣[了钱工奖绩分发]|欠|倒闭|搬[走迁到去]|卖(?:给|掉|地|厂|楼)|[被要]卖|被[抓查停免撤拿带封]|抓[了走人]|查[了封出他她]|死(?![机锁角板])|[生得重传]病|病[了毒倒人]|中毒|有毒|投毒|[爆被]炸|炸了|塌"
    "|涨[价薪钱租]|免[去职掉]|撤[职换掉销]|封[了城路村]|断[货供粮缴]|抢[购光着]|囤|负债|债|罚[款钱了]|骗|偷|贪|垮|亏[损了空]|走人|要走|调[走离到任]|换[人领老]|停[产工业薪]|合并|收购|事故|出事|取消|不发|没[发了钱]|跑路|离[了婚]|小三|情人|有一腿|关系|回扣"
    "|举报|处分|提拔|内定|缩编|编制|分家|破产|解散|上市|转让|外包|拆[迁分掉]|工资|奖金|年终|补偿|领导|(?<!部门)[局厂处科院校]长|老板|怀孕|自杀|打架|坐牢|过期|假的|造假|作假|黄了|[要都]散|散伙|超标|污染|不合格|泄|害|有问题|不[做干给让批招准够续收]|砍|赔|没救|撑不"
)
# What is heard of and stands on paper before the sender.
_AT_HAND = re.compile(
    "正式[^，,。\n]{0,4}[函文]|附件|红头|(?:函|文件|合同|纪要|通知|公告)(?:已|在邮|见|原件|放)|贴[着了的出][^，,。\n]{0,4}(?:通知|告示|公告)|(?:已|刚)[^，,。\n]{0,3}(?:公示|公告|发文|挂网)"
)
_UNSURE = re.compile("真假|[别勿][^，,。]{0,3}(?:说|传|讲)|压[着下]|瞒|内部消息|小道|扩散|速转|可靠")
_TOLD_TO = re.compile("您|你的|点击|转[到入]|安全账户|请[将把]|不是骗|并非骗")
_MY_OWN = re.compile(
    "我(?:这|们|手[上里])?(?:儿|里|边)?(?:有|才是?|是|的|做的)[^，,。!！?？]{0,6}(?:靠谱|正规|稳|真|官方|渠道|路子|平台|内部|资源|项目|单子)[^。!！?？\n]{0,20}(?:私|加|找|联系|扫|滴滴|扣)"
)
_QUOTED_OR_REPORTED = re.compile('有人|举报|踢|移出|撤回|报警|民警|派出所|反诈|[“「『"]|[:：]')
_PURCHASING = re.compile("[比询议]价|比选|[招投中]标|请购|三家|报价单")
# Praise that is meant; 你真厉害 may be anything.
_PRAISE = re.compile("点赞|辛苦了|表扬|好样的|了不起|👍|值得(?:学习|表扬)|手艺|干净|整整齐齐|利索")
_PUBLICITY = re.compile(
    "公众号|官微|官网|推文|视频号|宣传[片稿册]|新闻稿|通讯稿|喜报|海报|朋友圈|见报|点赞|获评|荣获|获奖|表彰|好评"
)
_NEWS = re.compile(
    "快讯|早报|晚报|行情|期货|期螺|主力合约|现货|市场价|交易所|统计局|发改委|工信部|中钢协|行业协会|海关总署|据[^。，,\n内]{0,8}(?:报道|公告|统计|通报)|新闻|热搜"
    "|官网|(?:材料|原料|[铜铝钢锡锌镍油煤])价?[^，,。]{0,2}[涨跌降]|公开(?:发布|招标|课|披露|信息|资料|数据)|公共资源|年报[里第中]|已(?:公开|公布|公告|公示|披露)"
)
# What the house pays or orders, and what somebody who sells says besides.
_ACCOUNTS = re.compile(
    "[已刚待未](?:付|转出|打款|支付|入账|结清)|合同编?号|(?:采购|招标|最高)限价|挂网|零星采购|(?:进度|监理|质保)[费款金]|付款(?:申请|审批)"
    "|油卡充了|补办[找去到](?:行政|办公室|前台|人事)|官网[^，,。\n]{0,8}(?:季报|年报|财报|公示|文件|政策)"
)
# What colleagues ate or drove together, and what it comes to for each.
_SHARED = re.compile(r"(?i)(?:\bAA|AA制|(?:每|一)人(?:摊|出|交)?[0-9]|人均[0-9]*|[平均分]摊|摊下来|每位[0-9])")
_TOGETHER = re.compile(
    "聚餐|团建|烧烤|火锅|[吃晚午]饭|饭钱|饭费|餐费|打车|拼车|车费|油费|奶茶|咖啡|蛋糕|水果|份子|花篮|鲜花|[球场]地?费|场地|门票|住宿|房费|KTV|夜宵|下午茶|昨[天晚]|聚会|活动费"
)
_LURES = re.compile("稳|赚|返|拉|邀|佣|投资|收益|提现|注册|下线|名额|定金|押金|团购|链接|扫码|https?:|原价")
_REACHES_OUT = re.compile("[vV薇微]信|加我|联系|私[聊我信]|需要的|有需要|要的|[A-Za-z]+_?[0-9]{2,}")
# Who allows it to be sent to a customer, or has it sent, keeps nothing back.
_GRANTED = re.compile(
    "(?:可以|同意|批准|允许)[^，,。！!？?不]{0,4}(?:发|转|提供|交)给?(?:客户|甲方|业主|供应商|总部|外审|审核)(?!.{0,12}(?:朋友|同学|对象|私))"
)
_KEPT = re.compile(
    "内部|保密|机密|秘密|外传|外泄|透露|透个?底|[未没]有?(?:公开|公布|披露|公告|对外)|先别|别[往对]外|还没"
)
_WORKPLACE = re.compile(
    r"(?i)(?:https?://)?(?:[a-z0-9\-]+\.)*(?:docs?\.qq|v\.qq|doc\.weixin\.qq|meeting\.tencent|feishu|kdocs|wps|shimo|yuque|dingtalk|wjx"
    r"|bilibili|gov|edu|xuexi|xuetangx)\.(?:com|cn|im|top)(?:[/:?#]|$)"
)
# Names and numbers of hosts that nobody reaches from outside.
_INDOORS = re.compile(
    r"(?i)(?:https?://)?(?:(?:[a-z0-9\-]+\.)+(?:local|lan|intranet|internal|corp)|10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}"
    r"|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})(?:[/:?#]|$)"
)
# A complaint about pay, safety or harassment, or to a union or authority, never costs a strike by these.
SHIELDED = frozenset(
    {"abuse", "negative_emotion", "incitement", "rumour", "violence", "off_topic", "leak", "reputation", "quarrel"}
)


class ContentParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`category` one or several; `exempt_roles` may say it, e.g. publishers of notices. `complaints`: whether complaints
    about pay, safety or harassment are looked at as well; not where the policy gives them a way of their own. `passed_on`:
    where the policy forbids to spread it too, what is passed on counts like one's own words."""

    category: str | tuple[str, ...]
    exempt_roles: tuple[str, ...] = ()
    complaints: bool = True
    passed_on: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        return (self.category,) if isinstance(self.category, str) else self.category


class ContentCategory(Rule):
    """A message is of a forbidden category.

    Two points per category follow from the pack's budgets: at the *act* cut the rule speaks, between *review* and *act*
    it asks a person; `weigh` says how words and scores join.
    A message that complains about pay, safety or harassment is never more than a question to a person.
    Serves all `classifier:*`, `keyword:*` and `kind:*` mechanisms.
    """

    name = "content.category"
    Params = ContentParams
    watches = MESSAGE_TYPES | {"file.uploaded"}

    def reads(self, params: ContentParams) -> frozenset[str]:
        return signals_of(params.categories)

    def blind(self, params: ContentParams) -> str | None:
        missing = [one for one in params.categories if one not in MEASURED]
        return f"no detector or list for {', '.join(missing)} yet" if len(missing) == len(params.categories) else None

    def see(self, case: Case, params: ContentParams, place: Place) -> Iterable[Finding]:
        if case.is_robot or (params.exempt_roles and case.sender_role in params.exempt_roles):
            return
        if not params.complaints and is_complaint(case.signals):
            return
        best: Finding | None = None
        for category in params.categories:
            found = weigh(case, category) or spread(case, category, counts=params.passed_on)
            if found and (best is None or (found.certain, found.score) > (best.certain, best.score)):
                best = found
        if best is not None:
            # Where nobody is named as its sender, nobody is told of it: a person looks.
            yield best if case.sender_id else replace(best, certain=False)


def signals_of(categories: Iterable[str]) -> frozenset[str]:
    """The categories of signals that `weigh` looks at for these."""
    asked = frozenset(categories)
    return asked.union(*(_INCLUDED.get(one, ()) for one in asked), (_NAMED[one] for one in asked if one in _NAMED))


def spread(case: Case, category: str, *, counts: bool = False) -> Finding | None:
    """What the sender passes on, which others wrote: for a person to look at, never a strike before.

    `counts`: where the policy forbids to spread it, it is as certain as if the sender had written it.
    """
    if not any(one.forwarded for one in case.signals) or has(case.signals, "warning"):
        return None
    found = weigh(case, category, forwarded=True)
    if found is None:
        return None
    if counts and found.certain:
        return replace(found, explanation=f"转发的{found.explanation}")
    told = f"转发的内容可能属于{NAMES.get(category, category)}，待人工复核"
    return replace(found, certain=False, explanation=told)


def weigh(case: Case, category: str, *, forwarded: bool = False) -> Finding | None:
    """What the signals of one category say: None, an uncertain finding, or a certain one. Whoever asks gets the same.

    Those of the sender's own words, or of what is `forwarded`.
    """
    asked = category, forwarded
    if asked not in case.weighed:
        case.weighed[asked] = _weigh(case, category, forwarded)
    return case.weighed[asked]


def _weigh(case: Case, category: str, forwarded: bool) -> Finding | None:
    """Put the signals of one category together.

    Each piece of evidence has a weight, and three make a finding certain: a strong word, a pattern, a kind, or a trained
    score at the act cut weigh three. A score at the review cut
    weighs two if it is no less than even; a lower one asks a person all the same, but like one that reaches one in a
    hundred normal messages it adds only one. One weak word weighs one, several two. Weak words alone say nothing: the
    trained score has to join in. Beside a score of two, a call to buy, join or write weighs one for what is offered that
    way. Figures of a project that the tenant has named, or what is kept back of it, ask a person. Whoever warns of
    something or reports it speaks like those who do it, so a warning takes one off, and beside it
    nothing that others warn of is certain. Strong words that stand over the border of short messages ask a person, as
    do short ones of the product's lists where the trained model sees nothing of their category.
    """
    trained: float | None = None
    plain: list[Signal] = []
    included = _INCLUDED.get(category, frozenset())
    for one in case.signals:
        if (
            (one.category == category or one.category in included)
            and one.forwarded is forwarded
            and not one.unavailable
        ):
            if not one.classifier.startswith("trained"):
                plain.append(one)
            elif trained is None or one.score > trained:
                trained = one.score
    named = _named(case, category, forwarded)
    if not plain and trained is None and not named:
        return None
    review, act = case.basis.points(category)
    if not plain and not named and trained is not None and trained < review:
        # By far the commonest: a score that one in a hundred messages reaches, and nothing beside it.
        return None
    read_here = [one for one in case.signals if one.forwarded is forwarded]
    harmless = _HARMLESS.get(category)
    if harmless and all(one.score < 1.0 for one in plain) and harmless(own_text(case.seen)[:READ]):
        return None
    if not plain and not named and _speaks_otherwise(own_text(case.seen), category, read_here, trained or 0.0):
        return None
    if (
        not plain
        and not named
        and not forwarded
        and not case.seen.links
        and not is_borne_out(own_text(case.seen), category, trained or 0.0)
    ):
        # A title of a link is measured as well; it does not stand in the text.
        return None
    strong = any(one.score >= 1.0 and not one.classifier.startswith("joined") for one in plain)
    weak = min(2, len({item.matched for one in plain for item in one.evidence}))
    read = 0 if trained is None else 3 if trained >= act else 2 if trained >= max(review, EVEN) else 1
    warned = has(read_here, "warning") and not (category in SOLICITED and _offers_better(own_text(case.seen)[:READ]))
    called = read == 2 and not warned and category in SOLICITED and has(read_here, "solicitation")
    # A bank's own offer calls as well: bets are called for only where nothing else that is offered so is likelier.
    called = called and not (category == "gambling" and _is_likelier(read_here, trained))
    if read == 1 and weak == 1 and (trained or 0.0) < FAINT.get(category, 0.0):
        # 听说 in a talk about the canteen, 转告 in a reminder.
        weak = 0
    if category == "rumour" and read < 3 and weak and not strong and _is_small_talk(own_text(case.seen)[:READ], plain):
        return None
    if category == "ads" and read < 3 and weak and _PURCHASING.search(own_text(case.seen)[:READ]):
        # Who compares offers for the house says 需要的找我 of the table with them.
        weak = read = 0
    weight = 3 if strong else read + weak + called - warned if read else 0
    if warned and category in WARNED_OF:
        # The trained score reads what is quoted as well. Words that stand outside the quotation count all the same.
        quoted = not plain and _QUOTATION.search(own_text(case.seen))
        weight = 0 if quoted or _teaches(own_text(case.seen)[:READ], read_here) else min(weight, 2)
    asked = any(one.score >= DOUBTED for one in plain) and not (warned and category in WARNED_OF)
    if asked or (not warned and trained is not None and trained >= review):
        weight = max(weight, 2)
    if named:
        weight = max(weight, 2)
    if weight < 2 or (weight == 2 and category == "rumour" and trained is not None and _is_gossip(read_here, trained)):
        return None
    evidence = tuple(item for one in (*plain, *named) for item in one.evidence)
    if trained is not None and not evidence and not forwarded:
        evidence = case.basis.explain(case.seen, category)
    evidence = evidence[:8]
    shielded = category in SHIELDED and is_complaint(case.signals)
    if shielded:
        evidence = (*evidence[:7], Evidence(signal="keywords", category="protected", why="涉及投诉或维权"))
    certain = weight >= 3
    return Finding(
        subject=case.offender,
        explanation=_explain(category, certain=certain, shielded=shielded),
        evidence=evidence,
        score=round(max(trained or 0.0, *(one.score for one in plain), 0.0), 4),
        certain=certain and not shielded,
        cut=None if strong else round(act if read == 3 else review, 4),
        category=category,
    )


def _named(case: Case, category: str, forwarded: bool) -> list[Signal]:
    """The signals of a tenant's own names, where a text gives away something of what they name."""
    which = _NAMED.get(category)
    if which is None:
        return []
    named = [one for one in case.signals if one.category == which and one.forwarded is forwarded]
    text = (case.seen.forwarded_text if forwarded else own_text(case.seen)) if named else ""
    return named if text and gives_away(text) else []


def _speaks_otherwise(text: str, category: str, signals: Sequence[Signal], score: float) -> bool:
    """Say whether a trained score that no word supports reads something harmless.

    Digits look like an advert's: a register with identity numbers, or who can be reached under which number. What a house
    says of itself in public is no harm to its name, and the day's news no secret; a few words give away little; who
    praises insults nobody; a bet whose words are rather an advert's is one. The addresses
    of shared documents, and what the house pays or orders, look like an advert's too.
    """
    if speaks_of_work(text, category, score) or (
        category == "gambling" and (score < SURE or _offers(signals)) and _is_likelier(signals, score)
    ):
        return True
    if category == "abuse":
        return score < SURE and _PRAISE.search(text[:READ]) is not None
    if category in SOLICITED:
        reached = _NUMBER.search(text[:READ]) and _REACHED.search(text[:READ]) and not has(signals, "solicitation")
        paid = category == "ads" and _ACCOUNTS.search(text[:READ]) and not _calls_or_leads_away(text, signals)
        shared = _SHARED.search(text[:READ]) and _TOGETHER.search(text[:READ]) and not _LURES.search(text[:READ])
        bought = buys_for_the_house(text) and not has(signals, "solicitation")
        return bool(reached or paid or bought or shared) or has(signals, "identity_number") or _leads_to_work(signals)
    if category == "rumour":
        heard = score < SURE and _HEARD_OF.search(text[:READ]) and not _GRAVE.search(text[:READ])
        return bool((heard or _AT_HAND.search(text[:READ])) and not _UNSURE.search(text[:READ]))
    if category == "reputation":
        return _PUBLICITY.search(text[:READ]) is not None
    if category == "porn":
        return score < EVEN and len(text) <= SHORT
    if category == "leak":
        harmless = _NEWS.search(text[:READ]) or _GRANTED.search(text[:READ]) or _stays_indoors(signals)
        return (score < EVEN and len(text) <= SHORT) or bool(harmless and not _KEPT.search(text[:READ]))
    return False


def _offers(signals: Sequence[Signal]) -> bool:
    """Say whether words of an advert stand beside the scores."""
    return any(one.category == "ads" and not one.classifier.startswith("trained") for one in signals)


def _is_gossip(signals: Sequence[Signal], score: float) -> bool:
    """Say whether what somebody has heard is likelier small talk: 听说楼下新开了家店."""
    off_topic = (one.score for one in signals if one.category == "off_topic" and one.classifier.startswith("trained"))
    return score < EVEN and max(off_topic, default=0.0) > score


def _offers_better(text: str) -> bool:
    """Say whether who warns of others' offers makes one of his own: 网上的都是骗,我这有靠谱的,想做私我."""
    return _MY_OWN.search(text) is not None and not _QUOTED_OR_REPORTED.search(text)


def _is_small_talk(text: str, plain: Sequence[Signal]) -> bool:
    """Say whether somebody only heard something, and it is nothing grave or stands on paper: 听说食堂周四有羊肉汤."""
    if _UNSURE.search(text):
        return False
    heard = all(item.matched in _HEARD for one in plain for item in one.evidence)
    return (heard and not _GRAVE.search(text)) or _AT_HAND.search(text) is not None


def _calls_or_leads_away(text: str, signals: Sequence[Signal]) -> bool:
    """Say whether a message calls to something, or tells how its sender can be reached."""
    read = text[:READ]
    return (
        has(signals, "solicitation") or has(signals, "link") or bool(_NUMBER.search(read) or _REACHES_OUT.search(read))
    )


def _links(signals: Sequence[Signal]) -> list[str]:
    return [item.matched or "" for one in signals if one.category == "link" for item in one.evidence]


def _stays_indoors(signals: Sequence[Signal]) -> bool:
    """Say whether there are links, and nobody outside can follow them."""
    links = _links(signals)
    return bool(links) and all(map(_INDOORS.match, links))


def _leads_to_work(signals: Sequence[Signal]) -> bool:
    """Say whether nobody is called to anything and all links lead to shared documents, meetings, films, offices or indoors."""
    links = _links(signals)
    return (
        bool(links)
        and all(_WORKPLACE.match(one) or _INDOORS.match(one) for one in links)
        and not has(signals, "solicitation")
    )


def _teaches(text: str, signals: Sequence[Signal]) -> bool:
    """Say whether a message tells how others cheat, and of nobody to pay, write to or call."""
    if not _TAUGHT.search(text) or _TOLD_TO.search(text) or _NUMBER.search(text):
        return False
    return not has(signals, "solicitation") and not has(signals, "link")


def _is_likelier(signals: Sequence[Signal], score: float | None) -> bool:
    """Say whether an advert or fraud has a higher trained score."""
    others = (one for one in signals if one.category in ("ads", "fraud") and one.classifier.startswith("trained"))
    return any(not one.unavailable and one.score > (score or 0.0) for one in others)


def has(signals: Sequence[Signal], category: str) -> bool:
    """Say whether a category was measured."""
    return any(one.category == category and not one.unavailable for one in signals)


def points(category: str, budget: Budget, cut: Callable[[str, float], float]) -> tuple[float, float]:
    """The trained scores from which on a person is asked, and from which on a message is certain to be of a category.

    `cut` gives the score that a share of normal messages reaches.
    """
    asked, certain = cut(category, float(Fraction(budget.review))), cut(category, float(Fraction(budget.act)))
    return max(asked, ASK), max(certain, SURE)


def is_complaint(signals: Sequence[Signal]) -> bool:
    """Say whether a message complains about pay, safety or harassment, or to a union or authority.

    One plain phrase of that kind is enough, or two words that hint at it; 工资 alone is not.
    """
    hints = [one for one in signals if one.category == "protected"]
    return any(one.score >= 1.0 for one in hints) or sum(len(one.evidence) for one in hints) > 1


def _explain(category: str, *, certain: bool, shielded: bool) -> str:
    name = NAMES.get(category, category)
    told = f"内容被判为{name}" if certain else f"内容可能属于{name}，待人工复核"
    if shielded:
        told = f"内容可能属于{name}，但涉及投诉或维权，只由人工复核"
    return told


class RestrictedFile(ContentCategory):
    """A file with a confidentiality marking, an internal marking or a red header is uploaded.

    Looks at file names and at markings in the text; what a file contains is not read. A link to the same document on a
    public site is no upload. Serves `file:restricted-upload`.
    """

    name = "file.restricted"
    Params = ContentParams
    needs = "file names; contents are not read"

    def see(self, case: Case, params: ContentParams, place: Place) -> Iterable[Finding]:
        if not case.seen.attachments:
            return ()
        return super().see(case, params, place)


class RepeatedParams(ContentParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`times` messages of these categories by one person `within` a span, those counted whom a person did not look at yet.

    `fact`: what is to be known of that person besides, as his stated fact; the entry says whether it is on record.
    """

    times: int = 3
    within: Span = field(default_factory=lambda: Span(days=90, source="tenant"))
    fact: str = ""


class RepeatedContent(Rule):
    """Somebody posts again and again what is, or may be, of forbidden categories. Never certain: "often" is for a person.

    Complaints and what is only passed on are not counted. Serves `case:repeat-offence` where a policy says "often".
    """

    name = "content.repeated"
    Params = RepeatedParams
    watches = MESSAGE_TYPES | {"file.uploaded"}

    def reads(self, params: RepeatedParams) -> frozenset[str]:
        return frozenset(params.categories)

    def blind(self, params: RepeatedParams) -> str | None:
        return ContentCategory().blind(params)

    def see(self, case: Case, params: RepeatedParams, place: Place) -> Iterable[Finding]:
        if case.sender_id is None or case.is_robot or is_complaint(case.signals):
            return
        if case.sender_role in params.exempt_roles or not any(weigh(case, one) for one in params.categories):
            return
        number = counted(case, f"repeated|{place.clause}", params.within)
        if number < params.times:
            return
        told = f"一段时间内第{number}次发布可能违规的内容，是否属于经常由人工认定"
        if params.fact:
            told += "；另有登记：" + params.fact if case.view.fact(f"{params.fact}:{case.sender_id}") else "；另无登记"
        yield Finding(
            subject=case.offender,
            explanation=told,
            certain=False,
            evidence=(Evidence(signal="counting", category="repeated", why=f"第{number}次"),),
            category="repeated",
        )


def counted(case: Case, key: str, within: Span) -> int:
    """Remember this message under a key; how many of its sender are remembered of the span before now."""
    lately = happened_within(case, key, within)
    if all(which != case.seen.origin_id for _, _, which in lately):
        lately.append((case.now, case.sender_id or "", case.seen.origin_id))
    case.state.keep(key, lately[-MOST_REMEMBERED:])
    return sum(one == case.sender_id for _, one, _ in lately)


def happened_within(case: Case, key: str, within: Span) -> list[tuple[Millis, str, str]]:
    """What is remembered under a key of a span before now."""
    happened = case.state.lately.get(key, ())
    return [one for one in happened if case.calendar.after(one[0], within) >= case.now]


class FloodParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than `posts` messages, or the same text more than `repeats` times, within `seconds`."""

    posts: int = 8
    repeats: int = 3
    seconds: int = 60


class Flooding(Rule):
    """One member posts too much or the same too often. Expected receipts do not count; one flood is one violation.

    Serves `rate:flooding`. No policy names a number: `posts`, `repeats` and `seconds` are the pack's choice.
    """

    name = "content.flooding"
    Params = FloodParams
    watches = frozenset({"message.created"})

    def see(self, case: Case, params: FloodParams, place: Place) -> Iterable[Finding]:
        if case.flood is None or case.is_robot:
            return ()
        flood = case.flood(case.now, params.posts, params.seconds * 1000, params.repeats)
        return self._new(case, params, place, *flood) if flood else ()

    def _new(
        self, case: Case, params: FloodParams, place: Place, posts: int, repeats: int, first: str
    ) -> Iterable[Finding]:
        """The flood, where it was not found yet."""
        key = f"{place.clause}|{case.sender_id}"
        running = case.state.episodes.get(key, 0) > case.now
        case.state.episodes[key] = case.now + params.seconds * 1000
        if running:
            return
        counted = f"相同内容重复{repeats}次" if repeats > params.repeats else f"连发{posts}条"
        evidence = Evidence(signal="flooding", category="flooding", why=f"{params.seconds} 秒内{counted}")
        yield Finding(
            subject=case.offender,
            explanation=f"{params.seconds} 秒内{counted}，属于刷屏",
            evidence=(evidence,),
            episode=first,
            category="flooding",
        )


class ImageParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pictures would have to be checked for."""

    category: Literal["porn", "illegal_political", "personal_data"] = "porn"


class ImageContent(Rule):
    """What a picture shows. No picture classifier ships, so the binding is blind and each picture says *unavailable*.

    Serves `image:moderation`.
    """

    name = "image.content"
    Params = ImageParams
    watches = MESSAGE_TYPES
    needs = "a picture classifier of the tenant's"

    def blind(self, params: Any) -> str | None:
        return "no picture classifier is installed"


def prune_episodes(episodes: dict[str, Millis], now: Millis) -> None:
    """Forget floods that ended."""
    for key in [key for key, until in episodes.items() if until <= now]:
        del episodes[key]
