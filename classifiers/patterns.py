"""What has a form of its own: numbers of persons, addresses, and the markings of restricted documents.

A pattern measures form, not content: 机密★10年 is a marking, the word 涉密 in a sentence about a training is not. Numbers
are looked for in folded text, where width and odd signs are gone; addresses and markings in the text as written, because
folding takes the dots and stars away that they consist of. Expressions run on RE2, in time linear in the text; plain
tests before each of them keep a clean message below 1.5 µs.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import re2
from stdnum import luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from classifiers.folding import Folded, fold
from models import Evidence, Observation

SIGNAL = "patterns"

Span = tuple[int, int]

# Pieces of one category that are shown of one text; more are never read, and a pasted list may hold thousands.
_MOST = 20
# Code points of a marking, link or name that are kept as evidence.
_LONGEST_MATCH = 80

# -- numbers -----------------------------------------------------------------------------------------------------------

# The shortest number that counts has 11 digits; anything else in between is a sign of at most this length.
_ELEVEN_DIGITS = re.compile(r"[0-9](?:[^0-9\n]{0,2}[0-9]){10}")
_GROUPED = re2.compile(r"[0-9]+(?:[ \-–—_.·][0-9]+)*(?: ?x)?")
_GROUP = re.compile(r"[0-9]+")
# What stands right before a number of something else than a card or telephone.
_OTHER_NUMBER = re.compile(
    r"(?:单号?|订单|编号|编码|流水号?|序列号|批号|料号|货号|条码|发票号?码?|票号|凭证号?|合同号?|工号|物料|代码|税号|案号"
    r"|设备号|机身号|imei|sn|no|qq|order|id)[^0-9a-z]{0,3}$"
)
_COMPANY_NUMBER = re.compile(r"(?:信用代码|税号|单号|代码证)[^0-9a-z]{0,3}$")
_ABOUT_CARDS = re.compile(r"卡号|账号|帐号|账户|帐户|银行|开户|收款|储蓄卡|信用卡|打卡里|打到卡|工资卡")
# Letters that label a telephone; other letters right before the digits make it a part of a code.
_PHONE_LABEL = re.compile(r"(?<![a-z0-9])(?:tel|phone|mobile|mob|call|vx|wx|v|w)$")
# UnionPay 62, 81 and the older domestic ranges; Visa, Mastercard and JCB with 16 digits.
_CARD_PREFIX = re.compile(
    r"(?:62|81[0-7]|9558|955100|966666|9400|9843|60[1-3]|685800|690755)[0-9]{10,17}$"
    r"|(?:4[0-9]|5[1-5]|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)|35(?:2[89]|[3-8][0-9]))[0-9]+$"
)
_MOBILE = re.compile(r"(?:86)?1(?:3[0-9]|4[0-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])[0-9]{8}")

# -- addresses ---------------------------------------------------------------------------------------------------------

# Full width letters and signs become plain ones, one for one, so that places stay the same.
_PLAIN = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20, 0x3002: 0x2E}
_DOTTED_BY_CIRCLE = re.compile(r"[A-Za-z0-9]。[A-Za-z]")
_TOP_LEVEL = (
    "com|cn|net|org|gov|edu|top|xyz|vip|cc|info|club|shop|site|online|store|ink|me|io|tv|co|app|dev|link|wang|biz|pro"
    "|work|live|fun|icu|ltd|group|tech|cloud|mobi|hk|tw|us|uk|jp|kr|ru|example"
)
_IN_ADDRESS = r"[^\s<>\"'“”‘’()（）【】《》「」\[\]{}|，！？；、…\p{Han}\p{Hiragana}\p{Katakana}]"
_LINK = re2.compile(
    rf"(?i)(?:https?|ftp)://(?:[\p{{Han}}a-z0-9\-]+\.)*{_IN_ADDRESS}+"
    rf"|(?:[a-z0-9][a-z0-9\-]{{0,62}}\.)+(?:{_TOP_LEVEL})\b(?::[0-9]{{2,5}}\b)?(?:[/?#]{_IN_ADDRESS}*)?"
    r"|www\.[a-z0-9\-]+\.[a-z]{2,24}\b"
)
_EMAIL = re2.compile(r"(?i)[a-z0-9][a-z0-9._%+\-]{0,63}@(?:[a-z0-9\-]{1,63}\.)+[a-z]{2,24}\b")
_BEFORE_DOMAIN = re.compile(r"[A-Za-z0-9@._\-/\\]")
# Names of software that end like a domain.
_NO_LINK = frozenset({"asp.net", "vb.net", "ado.net", "ml.net", "paint.net", "java.io", "socket.io", "system.io"})

# -- markings ----------------------------------------------------------------------------------------------------------

_GRADE = "(?:[绝絕]密|[机機]密|秘密)"
_STAR = "[★☆⭐✩✮✰✭✯＊*]"
_YEARS = "(?:[0-9０-９]{1,2} ?年|[一二三五十廿]{1,3}年|[长長]期|启用前|解密前)"
_OPEN, _CLOSE = r"[(（【\[〔［『「]", r"[)）】\]〕］』」]"
# Star and retention, or the word in brackets or alone at the head of a document.
_STARRED = re2.compile(rf"{_GRADE}[ 　\x{{fe0f}}]*{_STAR}[\x{{fe0f}} 　]*{_YEARS}?")
_RETAINED = re2.compile(rf"(?:^|[\n 　({{（【\[〔《])({_GRADE}[ 　·:：]*{_YEARS})(?:$|[\n 　)）】\]〕》,，。;；])")
_STATED_GRADE = re2.compile(rf"密级[ 　]*[:：][ 　]*({_GRADE})(?:$|[\n 　,，。;；])")
_BRACKETED_GRADE = re2.compile(rf"{_OPEN}[ 　]*{_GRADE}[ 　]*{_CLOSE}")
_GRADE_LINE = re2.compile(rf"^[ 　]*{_GRADE}[ 　]*$")
_DOCUMENT_WORDS = re.compile(r"关于|關於|通知|报告|方案|纪要|意见|决定|请示|批复|文件|会议|〔|明细|名单|规划|总结|汇报")
# Who speaks about a marking does not carry one.
_TALK_BEFORE = re.compile(
    r"(?:标有|标注|标着|标上|标明|标成|标为|注明|注有|印有|写着|写上|写有|写成|带有|盖有|盖上|加盖|打上|凡是?|所谓|比如|例如|如"
    r"|什么是|误标|误写|应为|应该是|改为|改成|叫|封皮|样式是)[^，。！？!?;；\n]{0,4}$"
)
_TALK_AFTER = re.compile(
    r"^[”\"』」’'）)]?[ 　]?(?:等?字样|等字|的?标[志识记注签]|标密|这[几三两]?个?字|的?格式|的?样式|是不是|是什么|什么意思"
    r"|怎么|如何|的意思"
    r"|[、/和与或及][ 　]?(?:绝密|机密|秘密))"
)

_INTERNAL = "[内內]部(?:[资資]料|文件|材料|文稿|刊物|通[报報]|[传傳][阅閱]|掌握|使用|[参參]考)"
_KEEP = (
    r"(?:注意(?:保存|保密|保管)|妥善(?:保管|保存)|(?:请|切|千万)?(?:[严嚴]禁|[请請]?勿|不得|不要|禁止|不可|别|切勿|莫)"
    r"(?:对外|随意|擅自|私自|向外)?(?:外[传傳泄发發流露借]|[传傳]播|[转轉][发發载]|翻印|复制|泄[露漏密])"
    r"|[阅閱]后(?:即焚|销毁|收回)|[仅僅][供限](?:[内內]部|本单位|本公司|本部门)|不公[开開])"
)
_INTERNAL_PAIR = re2.compile(
    rf"(?:(?:以上|以下|上述|此|该|本|这|这是|此为)[^，。！？!?；;\n]{{0,6}})?"
    rf"{_INTERNAL}{_CLOSE}?[ 　,，、:：;；。!！\-—·★\n]{{0,3}}"
    rf"(?:{_OPEN})?(?:[请請]|大家|各位|务必|千万|一定|要){{0,3}}{_KEEP}"
    rf"|{_KEEP}{_CLOSE}?[ 　,，、:：;；。!！\-—·★\n]{{0,3}}{_OPEN}?{_INTERNAL}"
)
_INTERNAL_BRACKETED = re2.compile(
    rf"{_OPEN}[ 　]*(?:{_INTERNAL}|[仅僅][供限][内內]部(?:使用|参考|[传傳][阅閱]|交流|[查阅]阅|[学學][习習])?)"
    rf"[ 　]*{_CLOSE}"
)
_INTERNAL_ONLY = re2.compile(
    r"(?:^|[\n。！!])[ 　*※★]*([仅僅][供限][内內]部(?:使用|参考|[传傳][阅閱]|交流|[学學][习習])"
    r"(?:[ 　,，、]{0,2}(?:[请請])?(?:[严嚴]禁|勿|不得|切勿|禁止)[^，。\n]{0,6})?)[ 　!！。*※]*(?:$|\n)"
)
# Rules about internal documents, reminders of them, places where they are kept.
_RULE_BEFORE = re.compile(
    r"提醒|强调|重申|要求|规定|制度|培训|学习|学会|牢记|遵守|纪律|所有|任何|凡|涉及|各类|对于|关于|怎么|管理|保管|抽查|检查|有人|谁|不是|并非|如果|若"
)
_RULE_AFTER = re.compile(
    r"^(?:的?(?:规定|制度|要求|纪律|原则|培训|通知|处罚|行为)|是(?:规定|纪律|底线)|[，,。]?(?:违者|否则|违反|抽查|发现)|吗|？|\?)"
)

_DOCUMENT_FILE = r"\.(?:pdf|docx?|wps|ofd|xlsx?|et|pptx?|txt|zip|rar|7z|jpe?g|png|tiff?|bmp)"
_INTERNAL_FILE = re2.compile(
    rf"(?i)[内內]部(?:[资資]料|文件|材料|掌握|[传傳][阅閱]|使用|[参參]考)[^\s，。！？,!?]{{0,40}}{_DOCUMENT_FILE}"
)
_INTERNAL_NAME = re2.compile(
    r"[内內]部(?:[资資]料|文件|材料|掌握|[传傳][阅閱]|使用|[参參]考)|[(（【\[][内內]部[)）】\]]"
    r"|(?:[严嚴]禁|[请請]勿|不得|切勿|禁止)外[传傳泄发發]|注意(?:保存|保密)|[仅僅][供限][内內]部"
)
_ABOUT_FILES = re.compile(
    r"^.{0,3}(?:室|库|柜|架|管理|登记|清单|目录|借阅|归档|制度|办法|规定|规范|流程|保管员|销毁|培训|要求|须知|模板|格式|系统|平台|承诺|检查|整改)"
)
# 发文字号: an agency's short name, the year in brackets, a running number.
_NUMBER = re2.compile(
    r"(\p{Han}{1,16})[ 　]?([〔\[(（【［〈])[ 　]?(?:19|20)[0-9]{2}[ 　]?年?[〕\])）】］〉][ 　]?第?[ 　]?[0-9]{1,4}[ 　]?[号號]"
)
_AGENCY_ENDS = frozenset("发發办辦字函文通令政委党黨规規纪紀电電议議呈批")
_NO_DOCUMENT = (
    "合同",
    "报告",
    "证书",
    "协议",
    "图纸",
    "批次",
    "订单",
    "项目",
    "编号",
    "标准",
    "样品",
    "记录",
    "案件",
    "判决",
    "民初",
    "刑初",
    "仲裁",
)
_NUMBER_LINE = re2.compile(
    r"^[ 　]*\p{Han}{2,16}[ 　]?[〔\[(（【［〈](?:19|20)[0-9]{2}[〕\])）】］〉][ 　]?第?[0-9]{1,4}[号號][ 　]*$"
)
_FILE_AFTER_NUMBER = re2.compile(rf"(?i)^[^\n，。！？]{{0,80}}{_DOCUMENT_FILE}")
_ABOUT_MATTER = re2.compile(
    r"[关關][于於].{1,60}的(?:通知|决定|意[见見]|通[报報]|批[复復]|[请請]示|函|命令|[纪紀]要|[办辦]法|方案|公告)"
)
_SCANNED = re.compile(r"扫描|掃描|盖章|蓋章|签发|印发版|红头|紅頭|原件")
_RED_HEADER = re.compile(r"[红紅][头頭](?:文件|扫描|掃描|原件|文|$|[^一-鿿])")
_ABOUT_RED_HEADERS = re.compile(
    r"模板|样式|格式|规范|培训|管理|写法|制作|字体|字号|设计|排版|教程|说明|版头|目录|台账|登记|怎么|如何|什么"
)
_SHARES = re.compile(
    r"发群里|发到群|发在群|发这|发给大家|发出来|发你们|发上来|传群里|传上来|传一份|传给|上传了|给大家看|大家看看|看一下|看看吧|分享|转给|转发|如下"
    r"|附上|见附件|附件|扫描|掃描|拍了|拍给|拍照|先睹为快|请查收|原文|全文|刚拿到|截图"
)
_NOT_SHARED = re.compile(
    r"不得|不要|不能|不可|不准|不许|严禁|禁止|勿|别|没有|尚未|还没|未印发|挂网|官网|官方网站|门户网站|公开|公告栏|公示|OA|oa|系统里|机要|什么时候|何时|吗|？|\?|谁|哪"
)


def find_patterns(text: str, folded: Folded) -> list[Evidence]:
    """Everything with a form of its own in one text, by category and in the order of the text; nearly always nothing.

    `folded` is the folding of `text`; spans count code points of `text`. Categories: identity_number, bank_card,
    mobile_number, email, link, secrecy_marking, internal_marking, red_header_file. Of a category at most 20 are given.
    """
    found: list[Evidence] = []
    if "." in text or "．" in text or ("。" in text and _DOTTED_BY_CIRCLE.search(text)):
        found += _addresses(text)
    if _ELEVEN_DIGITS.search(folded.text):
        links = [one.span for one in found if one.span is not None]
        found += islice(_numbers(folded, links), 3 * _MOST)
    if "密" in text:
        found += _first(_secrecy(text), _marking(text, "secrecy_marking", "密级标志"))
    if "内部" in text or "內部" in text:
        found += _first(_internal(text), _marking(text, "internal_marking", "内部资料标志"))
    if "红头" in text or "紅頭" in text or ("号" in text and "20" in text) or ("號" in text and "20" in text):
        found += _first(_red_header(text), _marking(text, "red_header_file", "公文版头或发文字号"))
    return found


def find_in_file_names(observation: Observation) -> list[Evidence]:
    """What the names of the attached files say; `matched` is the name, masked where it holds a person's number.

    The evidence has no span: it does not stand in the text.
    """
    found: list[Evidence] = []
    for attachment in observation.attachments or ():
        name = attachment.name
        if not name:
            continue
        for category, carries, why in (
            ("secrecy_marking", _name_is_secret, "文件名带密级标志"),
            ("internal_marking", _name_is_internal, "文件名带内部资料标志"),
            ("red_header_file", _name_is_red_header, "文件名为红头文件或带发文字号"),
        ):
            if carries(name):
                found.append(Evidence(SIGNAL, category, None, name[:_LONGEST_MATCH], why))
        if sum(map(str.isdigit, name)) >= 11:
            found += (
                Evidence(SIGNAL, one.category, None, one.matched, f"文件名中的{one.why}")
                for one in islice(_numbers(fold(name), ()), 3 * _MOST)
            )
    return found


def mask(number: str) -> str:
    """A person's number with all but its first three and last two signs hidden."""
    return f"{number[:3]}{'*' * (len(number) - 5)}{number[-2:]}" if len(number) > 5 else "*" * len(number)


def _first(spans: Iterator[Span], evidence: Callable[[Span], Evidence]) -> Iterator[Evidence]:
    return map(evidence, islice(spans, _MOST))


def _marking(text: str, category: str, why: str) -> Callable[[Span], Evidence]:
    def evidence(span: Span) -> Evidence:
        matched = text[slice(*span)][:_LONGEST_MATCH]
        return Evidence(SIGNAL, category, span, matched, f"{why}“{matched}”")

    return evidence


# -- numbers -----------------------------------------------------------------------------------------------------------


def _numbers(folded: Folded, taken: list[Span] | tuple[()]) -> Iterator[Evidence]:
    """Numbers of persons outside the spans that are `taken` (links carry long numbers of their own)."""
    text = folded.text
    for run in _GROUPED.finditer(text):
        first, last = run.span()
        if last - first < 11:
            continue
        groups = [one.span() for one in _GROUP.finditer(text, first, last)]
        i = 0
        while i < len(groups):
            found = _number_from(text, groups, i, last)
            if found is None:
                i += 1
                continue
            category, what, end, used = found
            start = groups[i][0]
            span = folded.span(start, end)
            if not any(low < span[1] and span[0] < high for low, high in taken):
                digits = "".join(sign for sign in text[start:end] if sign.isdigit() or sign == "x")
                yield Evidence(SIGNAL, category, span, mask(digits), what)
            i += used


def _number_from(text: str, groups: list[Span], i: int, last: int) -> tuple[str, str, int, int] | None:
    """The number that begins with group `i`: category, name, its end and how many groups it takes."""
    digits = ""
    start = groups[i][0]
    for j in range(i, len(groups)):
        low, end = groups[j]
        digits += text[low:end]
        if len(digits) > 19:
            return None
        count = j - i + 1
        sizes = [high - from_ for from_, high in groups[i : j + 1]]
        if len(digits) in (17, 18) and min(sizes) >= 3:
            whole, stop = digits, end
            if len(digits) == 17 and text[end:last].strip() == "x":
                whole, stop = digits + "X", last
            if (
                len(whole) == 18
                and _is_identity_number(whole)
                and not _COMPANY_NUMBER.search(text[max(0, start - 12) : start])
            ):
                return "identity_number", "身份证号码", stop, count
        if len(digits) >= 16 and (count == 1 or min(sizes[:-1]) >= 4) and _is_bank_card(digits, text, start, end):
            return "bank_card", "银行卡号", end, count
        if _MOBILE.fullmatch(digits) and min(sizes) >= 2 and _is_telephone(text, start, end):
            return "mobile_number", "手机号码", end, count
    return None


def _is_identity_number(digits: str) -> bool:
    try:
        ric.validate(digits)
    except ValidationError:
        return False
    return True


def _is_bank_card(digits: str, text: str, start: int, end: int) -> bool:
    if not luhn.is_valid(digits) or len(set(digits)) < 4:
        return False
    before = text[max(0, start - 16) : start]
    if text[end : end + 1].isascii() and text[end : end + 1].isalpha():
        return False
    if _ABOUT_CARDS.search(before) or _ABOUT_CARDS.search(text[end : end + 6]):
        return digits[0] in "3456789"
    if before[-1:].isascii() and before[-1:].isalpha():
        return False
    if _OTHER_NUMBER.search(before):
        return False
    prefixed = _CARD_PREFIX.match(digits)
    # The international brands have 16 digits; of numbers of that kind one in ten passes the check digit.
    return prefixed is not None and (len(digits) == 16 or digits[0] in "689")


def _is_telephone(text: str, start: int, end: int) -> bool:
    after = text[end : end + 1]
    if after.isascii() and after.isalpha():
        return False
    before = text[max(0, start - 10) : start]
    if before[-1:].isascii() and before[-1:].isalpha():
        return _PHONE_LABEL.search(before) is not None
    return _OTHER_NUMBER.search(before) is None


# -- addresses ---------------------------------------------------------------------------------------------------------


def _addresses(text: str) -> Iterator[Evidence]:
    plain = text.translate(_PLAIN)
    mails: list[Span] = []
    if "@" in plain:
        for found in islice(_EMAIL.finditer(plain), _MOST):
            start, end = found.span()
            mails.append((start, end))
            name, _, domain = found.group().partition("@")
            yield Evidence(SIGNAL, "email", (start, end), f"{mask(name)}@{domain}"[:_LONGEST_MATCH], "电子邮箱")
    for found in islice(_LINK.finditer(plain), _MOST):
        start, end = found.span()
        address = found.group().rstrip(".,;:!?*~")
        end = start + len(address)
        if any(low < end and start < high for low, high in mails):
            continue
        if "://" not in address and (
            (start and _BEFORE_DOMAIN.match(plain[start - 1]))
            or address.lower() in _NO_LINK
            or _is_abbreviation(address)
        ):
            continue
        yield Evidence(SIGNAL, "link", (start, end), text[start:end][:_LONGEST_MATCH], "链接")


def _is_abbreviation(address: str) -> bool:
    """Say whether this is a file or a version rather than a domain: 3.co, 1.2.pro."""
    name = address.split("/")[0].rpartition(".")[0]
    return name.replace(".", "").isdigit() and "/" not in address and len(name) < 3


# -- markings ----------------------------------------------------------------------------------------------------------


def _is_talk(text: str, start: int, end: int) -> bool:
    """Say whether a marking is spoken about: 标有“机密★10年”字样的文件."""
    return bool(_TALK_BEFORE.search(text[max(0, start - 12) : start]) or _TALK_AFTER.match(text[end : end + 8]))


def _secrecy(text: str) -> Iterator[Span]:
    reached = 0
    for found in _STARRED.finditer(text):
        start, end = found.start(), found.start() + len(found.group().rstrip())
        if not _is_talk(text, start, end):
            yield start, end
        reached = end
    if reached:
        return
    for pattern in (_RETAINED, _STATED_GRADE):
        for found in pattern.finditer(text):
            span = found.span(1)
            if not _is_talk(text, *span):
                yield span
    for found in _BRACKETED_GRADE.finditer(text):
        start, end = found.span()
        before, after = text[:start].rpartition("\n")[2].strip(), text[end:].partition("\n")[0].strip()
        said = text[:start].strip() + text[end:].strip()
        # At the beginning or the end of a line, and the line belongs to something.
        if (not before or not after) and len(said) >= 4 and not before.endswith(("密级", "级别", "等级")):
            yield start, end
    # A line of its own above a document.
    lines = text.split("\n", 4)
    place = 0
    for line, below in pairwise(lines[:4]):
        if "密" in line and _GRADE_LINE.search(line):
            rest = text[place + len(line) :]
            if _DOCUMENT_WORDS.search(below) or (_DOCUMENT_WORDS.search(rest) and len(rest) >= 20):
                yield place + len(line) - len(line.lstrip()), place + len(line.rstrip())
        place += len(line) + 1


def _internal(text: str) -> Iterator[Span]:
    reached = 0
    for found in _INTERNAL_PAIR.finditer(text):
        start, end = found.span()
        line_before = text[max(0, start - 14) : start].rpartition("\n")[2]
        if _RULE_BEFORE.search(line_before) or _RULE_AFTER.match(text[end : end + 8]) or _is_talk(text, start, end):
            continue
        yield start, end
        reached = end
    for found in _INTERNAL_BRACKETED.finditer(text, reached):
        start, end = found.span()
        before, after = text[:start].rpartition("\n")[2].strip(), text[end:].partition("\n")[0].strip()
        if (not before or not after) and len(text) - (end - start) >= 4 and not _is_talk(text, start, end):
            yield start, end
    for found in _INTERNAL_ONLY.finditer(text, reached):
        yield found.span(1)
    for found in _INTERNAL_FILE.finditer(text, reached):
        if not _ABOUT_FILES.match(found.group()[4:]):
            yield found.span()


def _red_header(text: str) -> Iterator[Span]:
    if ".gov.cn" in text:
        # The same document on a public site of the government is nobody's secret.
        return
    numbers = [
        found for found in islice(_NUMBER.finditer(text), _MOST) if _is_document_number(found.group(1), found.group(2))
    ]
    shared = bool(_SHARES.search(text)) and not _NOT_SHARED.search(text)
    for found in numbers:
        start, end = found.span()
        first = text.rfind("\n", 0, start) + 1
        after = text.find("\n", end)
        line = text[first : after if after >= 0 else len(text)]
        if (
            (_NUMBER_LINE.search(line) and len(text) - len(line) >= 10)
            or _FILE_AFTER_NUMBER.search(text[end:])
            or (shared and _ABOUT_MATTER.search(text))
        ):
            yield start, end
    if not numbers:
        for red in _RED_HEADER.finditer(text):
            if shared and not _ABOUT_RED_HEADERS.search(text):
                yield red.start(), red.end()
                return


def _is_document_number(agency: str, bracket: str) -> bool:
    """〔〕 is official by itself; other brackets need the short name of an agency before them: 局发(2025)3号."""
    if agency.endswith(_NO_DOCUMENT):
        return False
    return bracket == "〔" or (len(agency) >= 2 and agency[-1] in _AGENCY_ENDS)


# -- file names --------------------------------------------------------------------------------------------------------

_SECRET_NAME = re2.compile(
    rf"{_GRADE}[ 　\x{{fe0f}}]*{_STAR}|(?:^|[ 　_\-—({{（【\[〔《·.、]){_GRADE}[ 　·:：_\-]*{_YEARS}"
    rf"|{_OPEN}[ 　]*{_GRADE}(?:文件|[级級])?[ 　]*{_CLOSE}"
    rf"|^(?:[绝絕]密|[机機]密)[ 　_\-—·.、，,:：]|^{_GRADE}(?:文件|[资資]料|材料|[档檔]案)(?:[ 　_\-—0-9(（.]|$)"
    rf"|[ 　_\-—]{_GRADE}[ 　_\-—0-9]*(?:\.[A-Za-z0-9]{{1,5}})?$"
)


def _name_is_secret(name: str) -> bool:
    return "密" in name and _SECRET_NAME.search(name) is not None


def _name_is_internal(name: str) -> bool:
    return any(not _ABOUT_FILES.match(name[found.end() :]) for found in _INTERNAL_NAME.finditer(name))


def _name_is_red_header(name: str) -> bool:
    if "红头" in name or "紅頭" in name:
        return not _ABOUT_RED_HEADERS.search(name)
    if any(_is_document_number(found.group(1), found.group(2)) for found in _NUMBER.finditer(name)):
        return True
    return _SCANNED.search(name) is not None and _ABOUT_MATTER.search(name) is not None
