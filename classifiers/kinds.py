"""Red packets, transfers and vouchers: from the message's kind, or from the text a client shows in its place.

Connectors that cannot see a red packet receive a line such as 收到红包，请在手机上查看. Such lines count, and so do the
words with which somebody hands vouchers or red packets out. Talk about them, budgets, rules and questions, never does.
"""

import re

import re2
from msgspec.structs import replace

from classifiers.lazy import lazy
from classifiers.patterns import Bare, bare
from models import Evidence, Observation, Signal
from models.observation import MESSAGE_TYPES

_compile = lazy(re.compile)
_compile_re2 = lazy(re2.compile)

_NOTHING: tuple[Signal, ...] = ()
_WHY = {"red_packet": "红包", "transfer": "转账", "voucher": "电子礼券"}
# Code points of one text that are read: whoever hands something out says so at once.
_LONGEST = 1000
_LONGEST_MATCH = 80
# Code points of somebody else's words before them that are passed over.
_LONGEST_QUOTE = 20_000
# Traditional characters of these words, and the white space that RE2 does not know, one for one: places stay the same.
_SIMPLIFIED = str.maketrans(
    "紅轉賬帳發財請給搶領來個購禮優現電機費雲點鏈隨謝\u3000\xa0",
    "红转账账发财请给抢领来个购礼优现电机费云点链随谢  ",
)
# Looked for first: translating takes ten times as long.
_TRADITIONAL = _compile(f"[{''.join(map(chr, _SIMPLIFIED))}]")
# A client's line holds at most a wish of 25 characters.
_LONGEST_LINE = 60

_OPEN, _CLOSE = r"[\[【［]\s*", r"\s*[\]】］]"
_APPS = "(?:微信|企业微信|企微|QQ|qq|支付宝|钉钉|飞书|云闪付)?"

# What clients show in place of it, at the beginning of the text.
_SHOWN = (
    (
        "red_packet",
        _compile_re2(
            rf"^\s*(?:{_OPEN}{_APPS}(?:拼手[气氣]|普通|口令|语音|专属|定向|生日|拜年|新年|群)?红包(?:消息)?{_CLOSE}"
            rf"|{_OPEN}(?:Red Packet|red packet){_CLOSE}"
            r"|(?:你|您)?(?:收到|发出)(?:了)?(?:一个)?(?:微信|QQ|群|新)?红包[,，。!！\s]*(?:请|需)(?:您)?(?:在|使用|用).{0,8}(?:手机|客户端|新版).{0,8}(?:查看|查收|打开|领取)"
            rf"|{_OPEN}收到一条微信红包消息"
            r"|(?:我)?(?:给你|给大家)?发了一个.{0,8}红包.{0,2}[,，]\s*(?:赶紧去拆|请使用|快去|快来)"
            r"|(?:微信|QQ|支付宝|钉钉)红包[\s:：,，]*(?:恭喜发财.{0,12})?\s*$)"
        ),
    ),
    (
        "transfer",
        _compile_re2(
            rf"^\s*(?:{_OPEN}{_APPS}转[账帐](?:消息)?{_CLOSE}|{_OPEN}[Tt]ransfer{_CLOSE}"
            r"|(?:你|您)?收到(?:了)?(?:一笔|一条)?(?:微信|QQ)?转[账帐](?:消息)?(?:[\d.]{1,12}元)?[,，。!！\s]*(?:请|需|如需).{0,4}(?:在|使用|用|收钱).{0,12}(?:手机|客户端|新版|点此)"
            rf"|{_OPEN}收到一条微信转[账帐]消息"
            r"|(?:向|给)(?:你|您|大家)(?:微信)?转[账帐]\s*(?:[¥￥]\s*)?\d[\d,.]{0,12}\s*元?\s*$"
            r"|(?:微信|支付宝|QQ)转[账帐][\s:：]*(?:[¥￥]?\s*\d[\d,.]{0,12}\s*元?)?\s*$)"
        ),
    ),
    (
        "voucher",
        _compile_re2(
            rf"^\s*{_OPEN}{_APPS}(?:电子)?(?:卡券|礼品卡|购物卡|优惠券|代金券|电子券|提货券|礼券|现金券|消费券){_CLOSE}"
        ),
    ),
)

_RED = _compile_re2(
    r"[红紅]包(?:雨)?[🧧🎉~～ ]{0,4}(?:来[啦了咯喽袭嘞]|走起|福利来|奉上|送上)"
    r"|发(?:了)?(?:一)?[个波点些几]{0,2}(?:大|小|开工|新年|节日|拼手气|微信|福利){0,2}[红紅]包.{0,4}(?:给大家|意思意思|意思一下|图个吉利|沾沾?喜|助助?兴|大家(?:来)?[抢领]|手慢|[快速来][抢领]|[抢领]起来|庆祝|祝大家|乐呵|啦|咯)"
    r"|给(?:大家|各位|群里|兄弟们|姐妹们|同事们|小伙伴们?)(?:发|包|塞)(?:了)?(?:一)?[个波点些几]{0,2}.{0,4}[红紅]包"
    r"|(?:快来|都来|速来|赶紧|大家快|快)[抢领](?:一?个?)[红紅]包"
    r"|[抢领][红紅]包(?:啦|咯|喽|嘞|了[!！~～]|[!！])"
    r"|[红紅]包.{0,8}(?:手慢无|手快有|[快速][抢领]|先到先得|点击领取|点链接领|戳[链这]|拿走不谢|[抢领]起来|自取|大家[抢领]|来[抢领])"
    r"|手慢无.{0,8}[红紅]包|[红紅]包.{0,4}不成敬意|[红紅]包(?:已经?)?发[了啦咯].{0,3}[快来去大家]{1,3}[领抢拆]|^\s*(?:快?来[抢领拆]|发)[红紅]包[了啦咯喽]?[!！~～。]*\s*$"
    r"|[红紅]包口令\s*[:：是“\"]|口令[红紅]包\s*[:：,，]?\s*(?:“|\"|来|[快速]|复制|输入|支付宝|[:：])|^\s*口令[红紅]包\s*$"
    r"|(?:[领抢][取]?|拆).{0,8}[红紅]包.{0,12}https?://|[红紅]包.{0,16}https?://"
)
_NOUN = (
    r"(?:购物卡|礼品卡|提货[券卡]|代金券|优惠券|礼品?券|电子券|消费券|电子卡|现金[券卡]|京东(?:E|e)?卡|[Ee]卡|加油卡|充值卡"
    r"|超市卡|蛋糕[券卡]|电影券|月饼券|蟹[券卡]|抵扣券|储值卡|天猫卡|星巴克卡|咖啡券|餐券|卡券|兑换[券卡码]|提货码|粽子券|话费券|打车券|奶茶券|体验券|外卖券|通兑券|满减券|加油券|洗车券|早餐券|饮品券|面包券|水果[券卡]|购物券|超市券"
    r"|立减券|无门槛券|会员兑换码)"
)
_VOUCHER = _compile_re2(
    rf"{_NOUN}.{{0,10}}(?:(?:大家|各位|都|自己|自行|快来|速|快|来|抓紧|赶紧|点击|扫码|点链接|私信|私聊我?)(?:来|都)?(?:领|取|抢)|领一下|自取|手慢无|先[到用]先得|拿走不谢|谁要谁[拿领]|戳[链这]|奉上|送上|请笑纳|请查收|请收下|来[啦了咯])"
    rf"|{_NOUN}.{{0,16}}(?:(?:谁|哪位|有没有人|有人)(?:需?要|用得[上着])(?:[^求是补]|$)|拿去用|白送|(?:送|分|转送)给?(?:大家|各位|你们|同事们?|有缘人))"
    rf"|{_NOUN}.{{0,4}}送[一二三两几0-9]{{1,3}}[张个份]"
    rf"|(?:发|送|赠|分享)(?:给?大家|给?各位)?(?:了)?[一二三两几0-9]{{0,3}}[个张些波份点]?.{{0,8}}{_NOUN}.{{0,6}}(?:给大家|给各位|大家|各位|卡密|自取|请笑纳|来[领抢]|[快速][领抢]|每人一张|一人一张|收下|乐呵)"
    rf"|(?:给|送)(?:大家|各位|你|您|领导|兄弟们|同事们|小伙伴们?)(?:都)?(?:发|送|准备|备|安排|寄|带)?(?:了|来)?[一二三两几0-9]{{0,3}}[个张些波份点]?.{{0,8}}{_NOUN}"
    rf"|{_NOUN}.{{0,20}}(?:https?://|卡密\s*[:：是]?\s*[0-9A-Za-z]|卡密\s*[:：是]|券码\s*[:：]|兑换码\s*[:：]|卡号\s*[:：].{{0,30}}密码)"
    rf"|(?:点(?:这里?|此|击|开|链接)|[扫戳][一下面这个]{{0,2}}[的个这]?(?:二维)?码|[扫戳]这)[^，,。]{{0,3}}[领兑抢]取?[^，,。]{{0,6}}{_NOUN}|{_NOUN}.{{0,16}}先到先[用得领]"
    rf"|(?:领|免费领|点击领取|来领|快领)[取个张]{{0,2}}.{{0,8}}{_NOUN}.{{0,10}}(?:https?://|[!！]|手慢|先到)"
)
# Budgets, rules, questions, reports: words of those who talk about it. None of them is said while handing out.
_TALK = _compile_re2(
    r"预算|审核|审批|报销|统计|请财务|财务部?(?:统一|审|已)|经费|标准|每人\d|登记|签字|签领|台账|盘点|采购|发票|合同|招标|比价|询价"
    r"|禁止|严禁|不得|不准|不许|不允许|不要|请勿|切勿|勿|不能|别发|别抢|别领|别点|别在|杜绝|抵制|规定|制度|纪律|违规|违纪|处罚|罚款|通报|案例|整治|廉洁|收受|收送|拒收|拒绝|上交|退回|退还"
    r"|谨防|警惕|当心|小心|诈骗|骗局|骗子|被骗|钓鱼|病毒|木马|假的|提醒"
    r"|功能|bug|BUG|Bug|接口|测试|需求|开发|页面|报错|崩溃|上线|模块|字段|文案|原型|代码"
    r"|[他她]|听说|有人|被查|(?:领导|老板|公司|财务|会计|单位|经理|主任|部长|总)(?:今天|要|会|准备|刚刚?|也)?(?:给|在给|发)"
    r"|谁发的?|谁的|谁[抢领]|没领|未领|没抢|还没|抢到|领到了|领完|抢完|过期|昨天|昨晚|前天|上次|上周|上个月|去年|往年|那天|以前"
    r"|名单|核对|申领|OA|oa|统一由|由工会|方案|策划|流程|申请|计划|讨论|建议|是否|要不要|怎么|如何|什么时候|多少|吗|呢|[?？]"
    r"|到.{0,8}(?:部|室|处|科|工会|前台|楼|窗口|门岗)|工会|凭.{0,6}(?:工牌|身份证|签)|封面|挂失|丢失|丢了|捡到|到账了|开工红包雨彩排"
)

# An offer looks like a question: 谁要? Where somebody has it from is no talk about it either.
_OFFERED = _compile_re2(
    r"(?:谁|哪位|有没有人|有人)(?:需?要|用得[上着])[吗嘛]?[?？]?|工会(?:福利|发的)|(?:老板|平台|商家|店家|官方)[发送](?:福利|好礼|礼物)"
)

# Of these a client's own line is free: its wish may say nearly everything, but not these. Typed behind the emoticon of
# the same name, they show that it is one.
_TALK_IN_WISH = _compile_re2(
    r"预算|审核|审批|报销|登记|凭证|发票|合同|禁止|严禁|规定|制度|违规|违纪|处罚|拒收|上交|退回|退还|诈骗|骗局|骗子|被骗"
    r"|功能|bug|BUG|Bug|接口|测试|需求|页面|报错|表情|字段|文案|截图|怎么|如何|什么意思|没领|没抢|抢到了|领到了|领完|抢完|过期|打不开"
    r"|谢谢(?:老板|领导|分享|[^，。]?总)|谁发的?|谁的|吗\s*[?？]?\s*$|[?？]\s*$"
)
# Without its word, in simplified characters, a text says nothing of a category; looked for first, for most have none.
_NAMED = {
    "red_packet": _compile("红包|[Rr]ed [Pp]acket"),
    "transfer": _compile("转[账帐]|[Tt]ransfer"),
    "voucher": _compile(_NOUN),
}
# Words in quotation marks are somebody else's.
_OPENING_QUOTES = ("“", '"', "「", "『", "‘", "'")

# 「name：quoted」 and a line of dashes: a reply that WeChat wrote into the text. What it quotes is not the sender's.
_QUOTE = _compile_re2(r"(?s)^\s*「.*」[ \t]*\r?\n[-—─－ \t]{3,}(?:\r?\n|$)")


def kind_signals(observation: Observation) -> tuple[Signal, ...]:
    """Signals `red_packet`, `transfer` or `voucher` of a message, with score 1; almost always the same empty tuple.

    Read are `kind`, `money.type`, the sender's own text and the titles of links, of these the first 1,000 code points.
    """
    if observation.type not in MESSAGE_TYPES:
        return _NOTHING
    found: dict[str, Evidence] = {}
    if observation.kind in _WHY:
        why = f"消息类型为{_WHY[observation.kind]}"
        found[observation.kind] = Evidence("kinds", observation.kind, why=why)
    money = observation.money
    if money is not None and money.type in _WHY and money.type not in found:
        found[money.type] = Evidence("kinds", money.type, why=f"消息带有{_WHY[money.type]}")
    text = observation.text
    if text is None and observation.change is not None and observation.change.field == "text":
        text = observation.change.new
    if text and _may_say(text):
        _read(text, found)
    for link in observation.links or ():
        if link.title:
            _read_title(link.title, found)
    if not found:
        return _NOTHING
    return tuple(Signal("kinds", category, 1.0, (evidence,)) for category, evidence in found.items())


def _may_say(text: str) -> bool:
    """Whether a text has both halves of one of the words; what is put between them hides nothing.

    Written out, for every message comes by.
    """
    if "卡" in text or "券" in text or "换码" in text or "货码" in text:
        return True
    if "包" in text or "账" in text or "帐" in text or "賬" in text or "帳" in text:
        return "红" in text or "紅" in text or "转" in text or "轉" in text or "acket" in text or "ransfer" in text
    return text.isascii() and ("acket]" in text or "ransfer]" in text)


def _read(text: str, found: dict[str, Evidence]) -> None:
    """Add what the text says to `found`."""
    start = 0
    if text[:100].lstrip()[:1] == "「":
        whole = bare(text[:_LONGEST_QUOTE])
        quote = _QUOTE.search(whole.text)
        start = whole.span(0, quote.end())[1] if quote else 0
    start += len(text[start:]) - len(text[start:].lstrip())
    read = bare(text[start : start + _LONGEST])
    said = read.text.translate(_SIMPLIFIED) if _TRADITIONAL.search(read.text) else read.text
    named = {category for category, word in _NAMED.items() if word.search(said)}
    if not named:
        return
    for category, shown in _SHOWN:
        if category not in named or category in found or (match := shown.search(said)) is None:
            continue
        rest = said[match.end() :]
        # [红包] is an emoticon of WeChat too: doubled it is only that.
        if (
            len(rest.strip()) <= _LONGEST_LINE
            and not _TALK_IN_WISH.search(rest)
            and not rest.startswith(("[", "【红包】"))
        ):
            found[category] = _evidence(category, read, start, match.span(), "客户端显示的{}提示")
    for category, handing_out in (("red_packet", _RED), ("voucher", _VOUCHER)):
        if category not in named or category in found or (match := handing_out.search(said)) is None:
            continue
        if _TALK.search(_OFFERED.sub("", said)):
            return
        if said[: match.start()].endswith(_OPENING_QUOTES):
            continue
        found[category] = _evidence(category, read, start, match.span(), "在群内发放{}")


def _read_title(title: str, found: dict[str, Evidence]) -> None:
    """Add what a link's title says; it does not stand in the text, so it has no span there."""
    titled: dict[str, Evidence] = {}
    _read(title, titled)
    for category, one in titled.items():
        found.setdefault(category, replace(one, span=None, why=f"{one.why}（链接标题）"))


def _evidence(category: str, read: Bare, offset: int, span: tuple[int, int], why: str) -> Evidence:
    low, high = span
    matched = read.text[low:high].lstrip()
    start, end = read.span(high - len(matched), high)
    return Evidence(
        "kinds", category, (start + offset, end + offset), matched[:_LONGEST_MATCH], why.format(_WHY[category])
    )
