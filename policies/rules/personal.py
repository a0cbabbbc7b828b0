"""Rules on what belongs to somebody's private life."""

import re
from collections.abc import Hashable, Iterable, Mapping
from itertools import islice
from typing import Any, Literal

import re2
from msgspec import Struct

from classifiers.conversation import is_notice
from models import Evidence
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.rules.content import NAMES

Kind = Literal["identity_number", "bank_card", "mobile_number", "address", "credential", "private"]

# Code points before and after a number in which its owner is named; of a list, those since the number before.
_BEFORE, _AFTER = 30, 12
_SENTENCE = re.compile("[。!！?？;；\n]")
_MINE = re2.compile(
    r"我(?:是|叫|姓|的|换|改|已换|把号码?|[工农建中招交邮]行卡?|医保卡|证件|新?(?:手机|电话|号码?|银?行?卡|身份证|住|家|微信))|(?:加|打|联系|呼|找)我|本人|自己的|敝人|在下|我[,，:：]?$"
)
# 财务发我的卡 is not one's own.
_SENT_TO_ME = re2.compile("[发给转]我的")
_MINE_AFTER = re2.compile(r"^[^。！？!?\n]{0,6}(?:是我的?|(?:打|联系|找|加|呼)我|我的|我本人|随时打|随时联系)")
_THEIRS = re2.compile(
    r"[他她](?:们)?的?|人家|对方|别人|新人|新来的|客户|用户|业主|租户|家长|学生|病人|患者|家属|应聘|面试|候选|员工|同事|女儿|儿子|老公|老婆"
    r"|(?:小|老|阿)\p{Han}(?:的|[,，:：\s]|手机|电话|身份证|号|卡|[换新改]号)|\p{Han}(?:总|经理|主任|老师|师傅|哥|姐|科长|处长|部长|书记|局长|厂长|工)(?:的|[,，:：\s]|手机|电话|身份证|号|卡|[换新改]号)"
)
# A name of two or three characters right before what is said of it: 赵磊,手机…
_NAMED = re2.compile(
    r"(\p{Han}{2,4})[\s,，:：、的（(\-—]*(?:手机号?码?|电话号?码?|联系方式|联系电话|身份证号?码?|证件号?码?|银行卡号?|卡号|账号|帐号|tel|TEL)?[\s:：是为]*$"
)
# What stands there instead of a name.
_NO_NAME = re2.compile(
    r"(?:电话|手机|号码|联系|微信|服务|一遍|同号|客服|热线|咨询|值班|专线|公司|单位|部门|办公|报名|预约|订|请打|拨打|致电|可打|新号|换号|号|打|人|加|是|为|的|发|给|到|在)$"
)
_ON_DUTY = re2.compile(
    "值班|热线|客服|座机|总机|专线|前台|咨询电话|服务电话|监督电话|举报电话|报名电话|应急电话|通讯录|联络表|对外|公示|24小时|司机|快递|外卖|驿站"
)
# Whoever hands people's numbers out keeps no list of those on duty.
_PASSED_ROUND = re2.compile(
    "[毛角元块分]一?[条个份]|要的[来私找]|私我|私聊|自取|拿去|别外?面?(?:说|传)|卖[给课的]|倒卖"
)
_COMPANY_ACCOUNT = re2.compile(
    "对公|公户|开户行|公司账|公司帐|单位账|基本户|一般户|税号|开票|(?:户名|收款单位|收款方|账户名称?|开户名)[:：是]?.{0,30}(?:公司|厂|局|院|中心|合作社|经营部|工会|委员会)"
)
_ADDRESS = re2.compile(
    r"(?:家庭?住址|家庭地址|(?:^|[^专管])家住|住址|住在|现住|户籍地?址?)[:：是为]?[^店馆。！？!?\n]{0,30}?[0-9一二三四五六七八九十]{1,5}(?:号楼?|栋|幢|单元|室|弄)"
    # Who lives where, and no guest or patient.
    r"|(?:^|[^入居留暂])住[^的着过院店宾舍。！？!?\n][^搬院店宾舍。！？!?\n]{1,13}?[0-9]{1,4}(?:号楼|栋|幢|单元)"
)

# What is nobody else's business: illnesses that shame, marriages, pay, pictures. Whose it is has to stand beside it.
_PRIVATE = re2.compile(
    r"(?:查出|确诊|得了|患有?|染上)[^。！？!?\n]{0,6}(?:[甲乙丙]肝|肝炎|艾滋|梅毒|性病|尖锐湿疣|癌|肿瘤|结节|白血病|抑郁|精神病|躁狂|肺结核|尿毒症)"
    r"|(?:艾滋病?|梅毒|乙肝|抑郁症|精神病|癌症|肾衰竭|尿毒症)(?:患者|携带者|阳性|晚期|复发)?|\p{Han}癌(?:了|住院|[早中晚]期|手术|化疗|转移)|有肝炎|做了?人流|怀孕(?:了|刚|[一二两三四五六七八九几]个?多?月)|有喜了|怀上了|流产|堕胎|不孕|不育|离(?:过|了)(?:[一两二三]次)?婚|闹离婚|(?:前夫|前妻)[^，,。]{0,4}官司|戒毒所|吸过?毒|坐过牢|蹲过[^，,。]{0,3}(?:年|局)|有(?:前科|案底)|出轨|婚外情|私生子|被戴绿帽|开房"
    r"|(?:欠了?|借了?)[^。！？!?\n]{0,6}(?:网贷|高利贷|赌债)|失信被执行"
    r"|(?:偷拍|丑照|私照|生活照|素颜照?|醉酒?照?|喝醉|泳装|证件照|身份证(?:正反面|照片|图片|照|原图)|户口本|结婚证|病历|化验单|体检(?:报告|结果|单)|工资条|工资单|工资流水|银行流水|征信报告?|聊天截图|简历)"
    r"[^。！？!?\n]{0,8}(?:发|贴|晒|传|截图|拍|看|在这|如下|见附件|出来了)"
    r"|(?:发|贴|晒|传|截|看看?|瞧瞧?)[^。！？!?\n]{0,10}(?:偷拍|丑照|私照|生活照|素颜照?|醉酒?照|泳装|证件照|身份证(?:正反面|照片|图片|照|原图)|户口本|结婚证|病历|化验单|体检(?:报告|结果|单)|工资条|工资单|工资流水|银行流水|征信报告?)"
)
_WHOSE = re2.compile(
    r"[他她](?:们)?|人家|新来的|前台|客户|业主|租户|学生|病人|患者|面试|候选人|[小老阿]\p{Han}|\p{Han}(?:总|经理|主任|老师|师傅|哥|姐|科长|处长|部长|书记|局长|厂长|局|工|女士|先生)"
)
# Who hands papers in, asks for them, or speaks of what everybody gets, gives nothing away.
_HANDED_IN = re2.compile(
    r"交(?:到|至|给|由|人|前|行|综|办|一|身|体|简)|提交|上交|报送|领取|自取|自行|办理|报名|材料清单|注意保管|勿|不要|不得|禁止|严禁|预约|筛查|讲座|培训|宣传|义诊|捐款|慰问|探望|保密|私下|私发|女(?:职|员)?工|个月(?:起|以[上内])"
)


class PersonalParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kinds` of data that are looked for. `own_allowed`: one's own may be posted. `several`: from so many different
    telephone numbers on they are a list, whoever is named. `exempt_roles` may post any, e.g. who keeps the records.
    `credential` is a password, whose ever: not of meetings, networks or files, which are told to all. `hidden`: numbers of
    which some digits are left out (138XXXX1234, 身份证号 330…) count too; not what stars make unreadable on purpose.
    `private`: what is told or shown of somebody's health, marriage, debts or pay, and pictures; never certain."""

    kinds: tuple[Kind, ...] = ("identity_number", "bank_card", "mobile_number")
    own_allowed: bool = True
    several: int = 3
    hidden: bool = False
    exempt_roles: tuple[str, ...] = ()


class PersonalData(Rule):
    """A message or file name holds somebody else's number or home address.

    An identity number or a bank card is somebody else's unless the sender says that it is his own; an account of a firm
    is nobody's. A single telephone number counts only where somebody else is named beside it; several are a list. Duty
    and service numbers, landlines and the numbers of official notices do not count.
    Serves `pii:personal-data`, and with `kinds: [credential]` `keyword:confidential` of credentials and
    `account:compromise`. Needs the names of the directory; a picture of a list is not read.
    """

    name = "personal.data"
    Params = PersonalParams
    watches = MESSAGE_TYPES | {"file.uploaded"}
    needs = "names of the directory; pictures and contents of files are not read"

    def reads(self, params: PersonalParams) -> frozenset[str] | None:
        # No classifier measures addresses and private matters: for these every message is looked at.
        return None if params.hidden or not _UNMEASURED.keys().isdisjoint(params.kinds) else frozenset(params.kinds)

    def heeds(self, params: PersonalParams) -> frozenset[str]:
        return frozenset(params.kinds)

    def cues(self, params: PersonalParams) -> Mapping[Hashable, str]:
        hidden = _HIDDEN_WORDS if params.hidden else {}
        return {pattern: words for kind, (pattern, words) in (_UNMEASURED | hidden).items() if kind in params.kinds}

    def see(self, case: Case, params: PersonalParams, place: Place) -> Iterable[Finding]:
        if case.is_robot or case.sender_role in params.exempt_roles:
            return
        found = [item for kind in params.kinds for item in _theirs(case, params, kind)]
        if found:
            kinds = dict.fromkeys(_TOLD[item.category] for item in found if item.category != "credential")
            told = f"内容可能含他人的{'、'.join(kinds)}，请勿在群内发布他人个人信息"
            yield Finding(
                subject=case.offender,
                explanation=told if kinds else "内容可能含账号密码，请撤回并修改密码",
                certain=case.sender_id is not None and any(item.category in _GRAVE for item in found),
                evidence=tuple(found[:8]),
                category="personal_data",
            )


_TOLD = {**NAMES, "address": "住址", "private": "健康、婚姻、收入、照片等私事"}
_GRAVE = ("identity_number", "bank_card")
# What no classifier measures, with words of which each such text holds one.
_UNMEASURED: dict[str, tuple[Any, str]] = {
    "address": (_ADDRESS, "住|户籍|庭地"),
    "private": (
        _PRIVATE,
        "查出|确诊|得了|患|染上|艾滋|梅毒|乙肝|抑郁|精神|癌|人流|肝炎|怀孕|有喜|怀上|肾衰|尿毒|流产|堕胎|不孕|不育|离[过了]|闹离|前夫|前妻|戒毒|吸过|吸毒|坐过|蹲过|前科|案底|出轨|婚外|私生|被戴|开房|网贷|高利|赌债|失信|偷拍|丑照|私照|生活"
        "|素颜|醉|泳装|证件|身份|户口|结婚|病历|化验|体检|工资|银行|征信|聊天|简历",
    ),
}


def _theirs(case: Case, params: PersonalParams, kind: Kind) -> list[Evidence]:
    """The data of one kind that are not the sender's own."""
    if kind == "address":
        return _addresses(case, params)
    if kind == "private":
        return _private(case)
    made_up = _MADE_UP.search(readable(own_text(case.seen))) is not None
    measured = (item for one in case.signals if one.category == kind for item in one.evidence)
    items = [item for item in measured if not (made_up and _is_made_up(item, own_text(case.seen)))]
    if params.hidden:
        items += _hidden(own_text(case.seen), kind)
    if not items or kind == "credential":
        return items
    text = own_text(case.seen)
    if kind == "mobile_number":
        if case.does(is_notice) or (_ON_DUTY.search(readable(text)) and not _PASSED_ROUND.search(readable(text))):
            return []
        if len({_number(item, text) for item in items}) >= params.several:
            return items
        return [item for item in items if _owner(case, item, items) == "other"]
    if kind == "bank_card" and _COMPANY_ACCOUNT.search(readable(text)):
        return []
    if params.own_allowed and len({_number(item, text) for item in items}) == 1:
        return [item for item in items if _owner(case, item, items) != "own"]
    return items


# Numbers to try something with: said to be such, and with digits that nobody's number has.
_MADE_UP = re2.compile(r"(?i)测试|假数据|示例|样例|占位|脱敏|虚[拟构]|随便填|格式|模板|mock|demo")
_SAME_DIGITS = re.compile(r"(\d)\1{5}|12345678")


def _is_made_up(item: Evidence, text: str) -> bool:
    return item.span is not None and _SAME_DIGITS.search(text[slice(*item.span)]) is not None


# Digits that are left out, as people write them who do not have them at hand; stars are put there on purpose.
_HIDDEN: dict[str, Any] = {
    "mobile_number": re2.compile(
        r"1[3-9][0-9][xX×…]{1,8}(?:[0-9]{2,4})?|(?:手机号?码?|电话号?码?)[:：是为\s]{0,2}1[3-9][0-9](?:…|\.{3,})"
    ),
    "identity_number": re2.compile(
        r"(?:身份证|证件)号?码?[:：是为\s]{0,2}[1-8][0-9]{2,5}(?:…|\.{3,}|[xX×]{6,})[0-9]{0,4}"
    ),
}
_HIDDEN_WORDS: dict[str, tuple[Any, str]] = {
    "mobile_number": (_HIDDEN["mobile_number"], "[xX×….]"),
    "identity_number": (_HIDDEN["identity_number"], "[xX×….]"),
}


def _hidden(text: str, kind: str) -> list[Evidence]:
    """Numbers of one kind with digits left out."""
    pattern = _HIDDEN.get(kind)
    if pattern is None or not any(sign in text for sign in ("…", "X", "x", "×", "...")):
        return []
    found = islice(pattern.finditer(readable(text[:5000])), 8)
    return [Evidence("personal", kind, one.span(), None, "号码，部分数字未写出") for one in found]


def _number(item: Evidence, text: str) -> str:
    written = text[slice(*item.span)] if item.span else item.matched or ""
    return "".join(sign for sign in written if sign.isalnum())


def _owner(case: Case, item: Evidence, items: list[Evidence]) -> Literal["own", "other", "unsaid"]:
    """Say whose a number is by the words around it."""
    before, after = _around(case, item, items)
    named = _names(case, before + after)
    own = case.person.name if case.person else None
    if named - {own}:
        return "other"
    if _MINE.search(_SENT_TO_ME.sub("", before)) or _MINE_AFTER.search(after) or own in named:
        return "own"
    if _THEIRS.search(before):
        return "other"
    called = _NAMED.search(before)
    return "other" if called and not _NO_NAME.search(called.group(1)) else "unsaid"


def _around(case: Case, item: Evidence, items: list[Evidence]) -> tuple[str, str]:
    if item.span is None:
        return readable(" ".join(one.name or "" for one in case.seen.attachments or ())[:200]), ""
    text = own_text(case.seen)
    start, end = item.span
    last = max((one.span[1] for one in items if one.span and one.span[1] <= start), default=0)
    before = _SENTENCE.split(text[max(last, start - _BEFORE) : start])[-1]
    return readable(before), readable(text[end : end + _AFTER])


def _names(case: Case, text: str) -> set[str]:
    """The names of the directory in a short text."""
    known = case.directory.names
    return {text[i : i + size] for size in (2, 3, 4) for i in range(len(text) - size + 1)} & known


def _addresses(case: Case, params: PersonalParams) -> list[Evidence]:
    text = own_text(case.seen)
    plain = readable(text)
    found = []
    for match in _ADDRESS.finditer(plain[:20_000]):
        before = _SENTENCE.split(plain[max(0, match.start() - _BEFORE) : match.start()])[-1]
        if not (params.own_allowed and _MINE.search(f"{before}{match.group()[:4]}")):
            found.append(Evidence("personal", "address", match.span(), None, "家庭住址"))
    return found[:8]


def _private(case: Case) -> list[Evidence]:
    """What is told or shown of somebody else's private life; a person of whom it is has to be named in the sentence."""
    text = readable(own_text(case.seen)[:2000])
    found = []
    for match in _PRIVATE.finditer(text):
        start = max(0, match.start() - _BEFORE)
        sentence = _SENTENCE.split(text[start : match.start()])[-1] + match.group() + text[match.end() :][:_AFTER]
        own = case.person.name if case.person else None
        if (_WHOSE.search(sentence) or _names(case, sentence) - {own}) and not _HANDED_IN.search(sentence):
            found.append(Evidence("personal", "private", match.span(), None, "他人的私事"))
    return found[:8]
