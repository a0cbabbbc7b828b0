"""Numbers, links and markings that have a form of their own: found by pattern, proved by checksum where there is one."""

from collections.abc import Iterator, Sequence

import re2
from stdnum import luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from classifiers.folding import Folded
from models import Evidence, Observation

_SIGNAL = "patterns"
# Code points of one text that are read: as much as `own_words` leaves of a long message.
_LONGEST = 20_001
_LONGEST_MATCH = 80
# Evidence of one category in one text. More tell a reviewer nothing new.
_MOST = 16
_MOST_FILES = 100

_DIGITS = b"0123456789"
# The fewest digits that are worth a look: a mobile number's.
_FEWEST_DIGITS = 11
# The shortest address or link: a.cn.
_SHORTEST_LINK = 4

# Runs of digits as people group them, in folded text, where digits of any width are 0 to 9.
_RUN = re2.compile(r"\+?[0-9]+(?:[ \-—–‐‑·]{1,3}[0-9]+)*x?")
_GROUP = re2.compile(r"[0-9]+")
# Before a number that is an order's, a parcel's or a device's, whatever its checksum says.
_OTHER_NUMBER = re2.compile(
    r"(?:订单|单号|流水|运单|快递|物流|编号|编码|工单|发票|合同|批次|条码|序列号|追溯码|imei|iccid|sn|案号|文号|税号|信用代码|会议号|商品|货号|保单|票号|凭证|交易|id|no\.?)号?码?(?:是|为)?\s*[:#]?\s*$"
)
_OTHER_BEFORE = 12
_PHONE_WORDS = ("tel", "phone", "mobile", "call", "vx", "wx", "v", "t", "m", "+86", "+")

_ADDRESS = r"[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}[@＠](?:[A-Za-z0-9\-]{1,63}[.．]){1,5}[A-Za-z]{2,18}"
_EMAIL = re2.compile(_ADDRESS)
# Endings of hosts that are written without http. Those that are also endings of files (sh, py, md, zip, ai) are not here.
_ENDINGS = (
    "com|cn|net|org|gov|edu|info|biz|top|xyz|vip|shop|club|site|online|icu|cc|tv|me|io|co|work|ltd|fun|live|link|tech|store"
    "|cyou|buzz|ren|wang|pub|mobi|asia|hk|tw|us|uk|jp|kr|ru|ink|wiki|cloud|website|space|host|click|xin|red|group|chat|ly|gg"
)
_LINK = re2.compile(
    r"(?i)(?:https?|ｈｔｔｐｓ?)\s?[:：]\s?(?://|／／)[\x21-\x7e\p{Han}．／]{3,}"
    rf"|(?:[a-z0-9](?:[a-z0-9\-]{{0,62}})[.．]){{1,5}}(?:{_ENDINGS})(?::[0-9]{{2,5}})?(?:[/?#][\x21-\x7e]*)?"
)
_HAN_IN_PATH = re2.compile(r"\p{Han}")
# Names of software that look like hosts.
_NO_HOSTS = frozenset({"asp.net", "vb.net", "ado.net", "ml.net", "socket.io", "paint.net"})
_HOST_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@＠-_.")

_SPACE = r"[\s\x{3000}\x{a0}]"
_LEVEL = rf"(?:[绝絕]{_SPACE}{{0,4}}密|[机機]{_SPACE}{{0,4}}密|[秘祕]{_SPACE}{{0,4}}密)"
_TERM = r"(?:[0-9０-９]{1,2}|[一二三四五六七八九十]{1,3}|长)\s?(?:年|个月|期)"
_BEGINS = r"(?:^|[\r\n\t 　【\[［（(〔《“\"「『:：,，。;；!！_\-])"
_ENDS = r"(?:$|[\s　】\]］）)〕》”\"」』,，。;；!！_\-])"
_SECRET = re2.compile(
    rf"(?P<star>{_LEVEL}{_SPACE}{{0,4}}[★☆⭐✩✭]{_SPACE}{{0,2}}(?:{_TERM}|启用前)?)"
    rf"|{_BEGINS}(?P<term>{_LEVEL}{_SPACE}{{0,4}}[*＊]?{_SPACE}{{0,2}}{_TERM}){_ENDS}"
    rf"|(?m:^)\s*(?P<head>[【\[［〔〖]\s*{_LEVEL}\s*(?:级|件|文件)?\s*[】\]］〕〗]|[（(]\s*(?:[绝絕]|[机機])密\s*级?\s*[）)])"
    rf"|(?P<field>密{_SPACE}{{0,4}}级\s*[:：]\s*{_LEVEL}){_ENDS}"
)
_INTERNAL_NOUN = r"[内內]部(?:资料|資料|文件|材料|使用|参考|刊物|传阅|发行)"
_KEEP = (
    r"(?:请)?(?:注意保[存密管]|妥善保[管存]|严禁[外转]|严禁复|严禁扩散|严禁泄|严禁传播|严禁翻印|不得外|不得转|不得翻印|不得复|不得扩散|禁止外|禁止转|禁止传播"
    r"|请勿外|请勿转|请勿传播|勿外|勿转|切勿外|不要外|不可外|仅供|不外传)"
)
_INTERNAL = re2.compile(
    rf"{_BEGINS}(?P<kept>{_INTERNAL_NOUN}[\s　·•・.,，、。:：!！;；★*—\-]{{1,4}}{_KEEP}[传泄发存密管制]?)"
    rf"|(?m:^)\s*(?P<line>{_INTERNAL_NOUN}{_KEEP}[传泄发存密管制播]{{0,2}})[。!！\s]*(?m:$)"
    rf"|(?m:^)\s*(?P<head>[【\[［（(〔〖]\s*{_INTERNAL_NOUN}\s*[】\]］）)〕〗])"
    rf"|(?P<tail>[【\[［（(〔〖]\s*{_INTERNAL_NOUN}\s*[】\]］）)〕〗])\s*(?m:$)"
    rf"|{_BEGINS}(?P<only>仅[供限][内內]部(?:使用|参考|传阅|学习|资料)){_ENDS}"
)
# Who writes of a marking, as of 「凡标有“机密★”字样的文件」, does not mark.
_SPOKEN_OF_BEFORE = re2.compile(
    r"(?:标有|标注|标着|标明|标的|印有|印着|盖有|注明|写着|写的|带有|带|含有|含|凡|凡是|所有|什么是|什么叫|何为|例如|比如|诸如|如|叫|属于|分为|定为|有|和|或|及|、)[“\"「『‘【《]?\s*$"
)
_SPOKEN_OF_AFTER = re2.compile(
    r"^[”\"」』’】》]?(?:等)?(?:字样|标志|标识|标注|标记|两字|二字|这|的?文件[^名]|的?资料[^名]|的字|的意思|是什么|什么意思|怎么|、|/|和|与|或|及)"
)
_NEARBY = 8

_MEDIA = (".mp3", ".flac", ".wav", ".m4a", ".ape", ".ogg", ".mp4", ".mkv", ".avi", ".mov", ".epub", ".mobi")
_SECRET_FILE = re2.compile(
    rf"{_LEVEL}[\s_]{{0,3}}[★☆⭐]|{_LEVEL}[\s_★*＊]{{0,3}}{_TERM}(?:[\s_.\-—）)】\]]|$)|[【\[［（(〔〖]\s*{_LEVEL}(?:级|件|文件)?\s*[】\]］）)〕〗]"
    r"|密级\s*[:：_\-]?\s*(?:绝密|机密|秘密)"
)
# Forms that a song or a novel can have as well.
_SECRET_FILE_EDGE = re2.compile(
    rf"^[\s_\-0-9.]{{0,6}}{_LEVEL}(?:级|件|级?文件|级?资料|级?材料)?(?:[\s_\-—–·.．]|$)|[_\-—–]{_LEVEL}(?:级|件)?(?:\.[A-Za-z0-9]{{1,5}})?$"
)
_INTERNAL_FILE = re2.compile(rf"{_INTERNAL_NOUN}|[内內]部[绝机秘]密")
# 内部资料室值班表 and 内部文件管理办法 are no internal documents.
_NOT_INTERNAL = (
    "室", "柜", "架", "夹", "管理", "流转", "归档", "审批", "保密", "借阅", "传阅制度", "传阅流程", "编号", "格式", "模板", "目录模板", "说明", "手册模板", "培训", "规定", "制度", "办法", "清退", "交接",
)  # fmt: skip
_RED_HEADER = re2.compile(r"[红紅][头頭]文件|[红紅][头頭](?:扫描|复印|盖章)")
_NOT_RED_HEADER = re2.compile(
    r"^(?:的)?(?:模板|模版|格式|排版|制作|写作|范本|样式|样本|字体|教程|管理|写法|怎么|如何|培训|标准|规范|生成|登记|台账|目录|是什么|知识|解读|处理流程|审批流程)"
)
_YEAR = r"(?:〔|\[|［|【|（|\(|﹝|<|《)\s*(?:19|20)[0-9]{2}\s*(?:〕|\]|］|】|）|\)|﹞|>|》)\s*第?\s*[0-9]{1,4}\s*号"
_NUMBERED = re2.compile(
    rf"(?P<body>\p{{Han}}{{1,20}}(?:发|办|字|函|通|电|政|委|党|组|规|税|令|呈|请|复|议|纪|厅|局|部|教|财|人|建|安|监|应急|水|农|卫|工|团|宣|督|明电))[\s_\-]{{0,2}}{_YEAR}"
)
_TITLED = re2.compile(r"关于.{1,80}的(?:紧急|补充)?(?:通知|通报|意见|决定|批复|请示|报告|函|公告|通告|方案|办法)")
_NUMBER_ALONE = re2.compile(_YEAR)
# Contracts, cases and buildings are numbered alike.
_NOT_ISSUED = ("合同", "合字", "民初", "刑初", "民终", "执", "采购", "招标", "项目", "会议", "培训", "检测", "工单", "订单", "图纸")
_NOT_NUMBERS = ("楼", "机", "线", "车间", "门", "厂房", "炉", "井", "店", "馆", "桌", "桥", "地块", "样")


def find_patterns(text: str, folded: Folded) -> list[Evidence]:
    """What has a form of its own in a text; spans count code points of `text`, of which `folded` is the folding.

    Categories: identity_number and bank_card (both with a right checksum), mobile_number, email, link, secrecy_marking,
    internal_marking. Numbers are shown with their first three and last two digits only. At most 16 of each category,
    of the first 20,001 code points. A clean message costs about a microsecond.
    """
    # Folding loses the dots of single letters (t.cn), so this is only the cheap first look.
    ascii_part = folded.text.encode("ascii", "ignore")
    found: list[Evidence] = []
    if len(ascii_part) >= _SHORTEST_LINK - 1:
        if len(ascii_part) - len(ascii_part.translate(None, _DIGITS)) >= _FEWEST_DIGITS:
            _find_numbers(text, folded, found)
        if "." in text or "．" in text or "://" in text:
            _find_addresses(_searchable(text), found)
    if "密" in text:
        _find_markings("secrecy_marking", _SECRET, _searchable(text), found, "密级标志")
    if "部" in text and ("内部" in text or "內部" in text):
        _find_markings("internal_marking", _INTERNAL, _searchable(text), found, "内部资料标志")
    return found


def _searchable(text: str) -> str:
    """RE2 takes no lone surrogates; one sign for each keeps the places."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()


def _find_numbers(text: str, folded: Folded, found: list[Evidence]) -> None:
    read = _searchable(folded.text)
    counts = {"identity_number": 0, "bank_card": 0, "mobile_number": 0}
    links = [match.span() for match in _LINK.finditer(read)] if "http" in read or "." in read else []
    for run in _RUN.finditer(read):
        start, end = run.span()
        if end - start < _FEWEST_DIGITS:
            continue
        in_link = any(low <= start < high for low, high in links)
        for category, low, high in _numbers_in(read, start, end):
            if in_link and category != "identity_number":
                continue
            counts[category] += 1
            if counts[category] <= _MOST:
                span = folded.span(low, high)
                found.append(
                    Evidence(_SIGNAL, category, span, _masked(text[span[0] : span[1]]), _NUMBER_WHY[category])
                )


_NUMBER_WHY = {
    "identity_number": "18位身份证号码，校验码正确",
    "bank_card": "银行卡号，校验位正确",
    "mobile_number": "手机号码",
}


def _numbers_in(read: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The numbers of one run: groups of digits that alone or joined with the next ones have a known form."""
    groups = [(start + low, start + high) for low, high in (one.span() for one in _GROUP.finditer(read[start:end]))]
    i = 0
    while i < len(groups):
        taken = 1
        digits = ""
        best: tuple[str, int, int] | None = None
        for j in range(i, len(groups)):
            low, high = groups[j]
            digits += read[low:high]
            if len(digits) > 19 or (len(digits) > 13 and j == i and len(digits) not in (15, 16, 17, 18, 19)):
                break
            category = _category(read, digits, groups[i][0], high, alone=j == i)
            if category is not None:
                x = category == "identity_number" and len(digits) == 17
                best = (category, groups[i][0], high + x)
                taken = j - i + 1
        if best is not None:
            yield best
        i += taken


def _category(read: str, digits: str, start: int, end: int, *, alone: bool) -> str | None:
    """What the digits from `start` to before `end` are; `alone` if they are one group."""
    after = read[end : end + 1]
    if len(digits) == 17 and after == "x":
        return "identity_number" if _is_identity(f"{digits}X") and not _is_latin(read[end + 1 : end + 2]) else None
    before = read[max(0, start - _OTHER_BEFORE) : start]
    if _is_latin(after):
        return None
    if len(digits) == 18 and _is_identity(digits):
        return "identity_number"
    if 16 <= len(digits) <= 19:
        if (
            digits[0] in "34569"
            and len(set(digits)) > 3
            and not _is_latin(before[-1:])
            and luhn.is_valid(digits)
            and not _OTHER_NUMBER.search(before)
        ):
            return "bank_card"
        return None
    if len(digits) in (13, 15) and digits.startswith(("86", "0086")):
        digits = digits[-11:]
    if len(digits) == 11 and digits[0] == "1" and digits[1] in "3456789" and len(set(digits)) > 2:
        if _is_latin(before[-1:]) and not before.endswith(_PHONE_WORDS):
            return None
        if before[-1:] == "." or (alone and _OTHER_NUMBER.search(before)):
            return None
        return "mobile_number"
    return None


def _is_identity(number: str) -> bool:
    if number[6:8] not in ("18", "19", "20"):
        return False
    try:
        ric.validate(number)
    except ValidationError:
        return False
    return True


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _masked(number: str) -> str:
    """All but the first three and last two signs that are digits or x become *; what separates them stays."""
    places = [i for i, sign in enumerate(number) if sign.isalnum()]
    hidden = set(places[3:-2])
    return "".join("*" if i in hidden else sign for i, sign in enumerate(number))[:_LONGEST_MATCH]


def _find_addresses(text: str, found: list[Evidence]) -> None:
    emails: list[tuple[int, int]] = []
    if "@" in text or "＠" in text:
        for match in _EMAIL.finditer(text):
            emails.append(match.span())
            if len(emails) > _MOST:
                break
            found.append(_at(_SIGNAL, "email", text, match.span(), "电子邮箱地址"))
    links = 0
    mail = 0
    for match in _LINK.finditer(text):
        start, end = match.span()
        end = start + _link_length(text[start:end])
        # Both lists run through the text in order.
        while mail < len(emails) and emails[mail][1] <= start:
            mail += 1
        if mail < len(emails) and emails[mail][0] < end:
            continue
        written = text[start:end]
        if not written[:4].casefold().startswith(("http", "ｈｔｔｐ")):
            if written.casefold() in _NO_HOSTS:
                continue
            if text[start - 1 : start] in _HOST_SIGNS or text[end : end + 1] in _HOST_SIGNS - {"."}:
                continue
        links += 1
        if links > _MOST:
            break
        found.append(_at(_SIGNAL, "link", text, (start, end), "网页链接"))


def _link_length(written: str) -> int:
    """Without the Chinese that follows a link without a space, and the signs that end a sentence."""
    if written[:4].casefold() in ("http", "ｈｔｔｐ"):
        host_ends = next((i for i, sign in enumerate(written) if i > 8 and sign in "/?#"), len(written))
        if "." in written[:host_ends] or "．" in written[:host_ends]:
            han = _HAN_IN_PATH.search(written)
            # Hosts may be Chinese (http://例子.中国); a path after a Latin host that turns Chinese is the next sentence.
            if han and written[: han.start()].isascii() and "." in written[: han.start()]:
                written = written[: han.start()]
    return len(written.rstrip(".,;:!?'\")]}>"))


def _at(signal: str, category: str, text: str, span: tuple[int, int], why: str) -> Evidence:
    return Evidence(signal, category, span, text[span[0] : span[1]][:_LONGEST_MATCH], why)


def _find_markings(category: str, pattern: "re2._Regexp", text: str, found: list[Evidence], why: str) -> None:
    count = 0
    for match in pattern.finditer(text):
        name = next(name for name, value in match.groupdict().items() if value is not None)
        start, end = match.span(name)
        before, after = text[max(0, start - _NEARBY) : start], text[end : end + _NEARBY]
        if _SPOKEN_OF_BEFORE.search(before) or _SPOKEN_OF_AFTER.search(after):
            continue
        count += 1
        if count > _MOST:
            break
        found.append(_at(_SIGNAL, category, text, (start, end), f"{why}“{' '.join(text[start:end].split())[:30]}”"))


def find_in_file_names(observation: Observation) -> list[Evidence]:
    """What the names of attached files say of them: secrecy_marking, internal_marking, red_header_file.

    Spans are None, `matched` is the name, of at most 80 code points. Read are the first 100 attachments.
    """
    found: list[Evidence] = []
    for attachment in (observation.attachments or ())[:_MOST_FILES]:
        name = attachment.name
        if not name or name.isascii():
            continue
        for category, why in _said_by(_searchable(name[:255])):
            found.append(Evidence(_SIGNAL, category, None, name[:_LONGEST_MATCH], why))
    return found


def _said_by(name: str) -> Sequence[tuple[str, str]]:
    said = []
    media = name.casefold().endswith(_MEDIA)
    if "密" in name and (_SECRET_FILE.search(name) or (not media and _SECRET_FILE_EDGE.search(name))):
        said.append(("secrecy_marking", "文件名带有密级标志"))
    if "部" in name and any(
        not name[match.end() :].startswith(_NOT_INTERNAL) and name[match.start() - 1 : match.start()] != "非"
        for match in _INTERNAL_FILE.finditer(name)
    ):
        said.append(("internal_marking", "文件名注明内部资料"))
    if not media and (why := _red_header(name)) is not None:
        said.append(("red_header_file", why))
    return said


def _red_header(name: str) -> str | None:
    """Why the file seems to be an official document; None if it does not."""
    named = _RED_HEADER.search(name)
    if named and not _NOT_RED_HEADER.search(name[named.end() :]):
        return "文件名写明红头文件"
    numbered = _NUMBERED.search(name)
    if numbered:
        if not any(one in numbered["body"] for one in _NOT_ISSUED) and not name[numbered.end() :].startswith(
            _NOT_NUMBERS
        ):
            return f"文件名带有发文字号“{numbered[0][:40]}”"
        return None
    if (number := _NUMBER_ALONE.search(name)) and _TITLED.search(name):
        return f"文件名带有公文标题和文号“{number[0][:40]}”"
    return None
