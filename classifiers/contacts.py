"""How to reach somebody, written so that programs do not see it: numbers in words and odd digits, accounts behind nicknames
of apps, mail addresses without their signs.

Such a contact calls to write to somebody (`solicitation`); it is no offence, and its owner may be anybody. A disguise is
evidence by itself, for nobody writes 一三⑧零o幺 without a reason. A plain number or account is one only behind a word that
calls (加 13800138000); colleagues exchange theirs all day. Numbers are read in the text as written, where no repetition is
lost and a styled digit can be told from a plain one; all else in folded text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.folding import Folded, FoldedBatch
from classifiers.folding.table import CODE_POINTS, DROP, SOFT, SPACE, table
from classifiers.lazy import lazy
from classifiers.patterns import mask
from models import Evidence

SIGNAL = "contacts"
CATEGORY = "solicitation"

_compile = lazy(re.compile)

# Pieces that are shown of one text; more are never read.
_MOST = 8

# Number words: the plain ones (GB/T 15835, with 幺 for 1, as telephone numbers are read out) and those of cheques. Letters that
# look like digits: o, l, i by shape, the others after Unicode's confusables.
_WORDS = {sign: digit for row in ("零一二三四五六七八九", "〇幺") for digit, sign in enumerate(row)}
_FORMAL = {sign: digit for digit, sign in enumerate("零壹贰叁肆伍陆柒捌玖") if digit}
_ALIKE = {"o": 0, "l": 1, "i": 1, "з": 3, "ч": 4, "б": 6, "ƨ": 2, "ƽ": 5, "ȣ": 8}
_NUMBER_SIGNS = "".join(("0123456789", *_WORDS, *_FORMAL, *_ALIKE))

# Four such signs and more, with at most what folding leaves of the signs between them; no end of a longer word.
_RUN = _compile(rf"[{_NUMBER_SIGNS}](?<![a-z].)(?:(?:[^\w\n]|_)?[{_NUMBER_SIGNS}]){{3,}}")
# Longer runs are tables or noise, whatever stands in them.
_LONGEST_RUN = 40
_MOBILE = _compile("(?:86|0086)?1[3-9][0-9]{9}")
# What makes a number of ASCII signs an odd one.
_ODD = _compile("[oliOLI]|(?:[0-9][^0-9]+){8}")
# Right before a number that is somebody's.
_LABEL = _compile(
    "(?:[微薇威徽][信芯❤]?|(?<![a-z])(?:v|vx|wx|v信|q|qq|tel|tg)|扣扣?|企鹅|电话|手机|联系|加|[+➕]|私|群)"
    "(?:我|号|号码|方式)?[^\\w]{0,2}$"
)
# What people put between the numbers of a list.
_LISTING = frozenset(" ,，、;；/\t\n")

# An account: letters, digits, - and _, see `_is_account`; in front of it at most what ends a label.
_ACCOUNT = "([a-z0-9][a-z0-9_\\-]{4,30})"
_NAMED_SO = "(?:号码?|账号|id)?[ :=是→~+\\-]{0,2}"
# Nicknames of apps: nobody has to call WeChat 薇 to a colleague. 薇 and 威 end names too, and 徽 a province.
_NICKNAMED = _compile(
    "(?:(?<![a-z0-9])(?:vx|v信|wx(?=号|[ :=]))|(?:^|[+➕加\\n,.。!?;:])[薇威徽溦](?!信)|[薇徽溦葳崴][信芯❤x]"
    f"|扣扣|叩叩|蔻蔻|企鹅号|球球号|绿泡泡|纸飞机){_NAMED_SO}@?{_ACCOUNT}"
)
# Where the name of something else would be read without the sign of an account.
_AT = _compile("(?:(?<![a-z])(?:tg|telegram)|电报群?|飞机号?)[ :]?@([a-z][a-z0-9_]{4,31})")
_INVITATION = _compile(
    "(?:(?<![a-z0-9/])|https?:?/{0,2})(?:t[.点]?me|wa[.点]?me|telegram[.点]me)/(\\+?[a-z0-9_]{4,32})"
)
# A word that calls, and what it calls to: an account of an app, or a telephone number.
_CALL = "(?<![增添附追叠参施更再外每另多班])加|➕|私|滴滴?"
_WHOM = "(?:我|一下|个|下)?"
_CALLED = _compile(
    rf"(?:{_CALL}|\+|搜){_WHOM}的?(?:微信|微|(?:vx?|wx|qq?)(?![a-z])|好友|抖音|快手){_NAMED_SO}{_ACCOUNT}"
)
_TO_CALL = _compile(rf"(?:{_CALL}){_WHOM}[ :]{{0,2}}(1[3-9][0-9]{{9}})(?![0-9a-z])")
# What stands between the parts of an address that must not look like one, and the name before it.
_MAIL = _compile(
    "(艾特|爱特|圈a|小老鼠|[(\\[【{]at[)\\]】}]|@|#) ?"
    "(?:qq|163|126|139|189|foxmail|gmail|hotmail|outlook|sina|sohu|yeah|icloud|proton|protonmail) ?"
    "(点|\\.|。|,|[(\\[【{]dot[)\\]】}])(?:com|cn|net|me)(?![a-z])"
)
_DOMAIN_ENDS = ("com", "cn", "net", "me")
_MAIL_NAME = _compile("[a-z0-9][a-z0-9._\\-]{2,30} ?$")
# A QQ number, or a telephone number.
_DIGITS = _compile("[1-9][0-9]{4,10}")
_FLIGHT = _compile("[a-z]{2}[0-9]{3,4}")
# Names of programs: appid, windows7.
_APPLICATION = _compile("(?:wx)?[0-9a-f]{16,}|[a-z_\\-]+[0-9]?")


class _Number(Struct, frozen=True):
    """What is read of a run: its digits, the kind of sign that each was written with, the signs in gaps, and its place."""

    digits: str
    kinds: str
    gaps: tuple[str, ...]
    start: int
    end: int

    @property
    def odd(self) -> int:
        """How many are not written as plain digits."""
        return len(self.kinds) - self.kinds.count("1")


# -- which texts to look at ------------------------------------------------------------------------------------------------

_DIGIT, _WORD, _BETWEEN, _ACCOUNT_SIGN, _DOT, _MARK, _FIRST, _SECOND = (1 << bit for bit in range(8))

# How the last part of a domain begins, two code points as one number.
_DOMAINS = [ord(one[0]) << 8 | ord(one[1]) for one in _DOMAIN_ENDS]


@cache
def _bits() -> npt.NDArray[np.uint8]:
    """What each folded code point may be a part of."""
    bits = np.zeros(CODE_POINTS, np.uint8)
    kind = table().kind
    bits[(kind == SPACE) | (kind == SOFT)] = _BETWEEN
    for bit, signs in (
        (_DIGIT, _NUMBER_SIGNS),
        (_WORD, (*_WORDS, *_FORMAL)),
        (_ACCOUNT_SIGN, "abcdefghijklmnopqrstuvwxyz0123456789_-"),
        (_DOT, "点.。,)]】}"),
        (_MARK, "薇威徽溦葳崴扣叩蔻鹅球泡机@加私滴搜➕+"),
        # vx, wx, qq, v信.
        (_FIRST, "vwq"),
        (_SECOND, "xq信"),
    ):
        bits[[ord(sign) for sign in signs]] |= bit
    return bits


def to_look(batch: FoldedBatch) -> list[int]:
    """The texts in which `find_contacts` may find something, by index in their batch; in all others it finds nothing."""
    codes = batch.codes
    if len(codes) < 8:
        return list(range(len(batch)))
    bits = _bits().take(codes)
    four, word = _four(bits & _DIGIT != 0), bits & _WORD != 0
    spelled = four & (word[:-3] | word[1:-2] | word[2:-1] | word[3:])
    four = _four(bits & (_DIGIT | _BETWEEN) != 0)
    long = four[:-3] & four[3:]
    domain = (bits[:-2] & _DOT != 0).nonzero()[0]
    domain = domain[np.isin(codes[domain + 1] << 8 | codes[domain + 2], _DOMAINS)]
    marked = bits & _MARK != 0
    marked[:-1] |= (bits[:-1] & _FIRST != 0) & (bits[1:] & _SECOND != 0)
    marked[:-1] |= (codes[:-1] == ord("e")) & (codes[1:] == ord("/"))
    found = _texts(batch, spelled.nonzero()[0]) | _texts(batch, long.nonzero()[0]) | _texts(batch, domain)
    if marks := _texts(batch, marked.nonzero()[0]):
        four = _four(bits & _ACCOUNT_SIGN != 0)
        found |= marks & _texts(batch, (four[:-1] & four[1:]).nonzero()[0])
    return sorted(found)


def _texts(batch: FoldedBatch, places: npt.NDArray[np.int64]) -> set[int]:
    """The texts of some places; a run over the end of a text into the next only adds one."""
    return set((batch.starts.searchsorted(places, side="right") - 1).tolist())


def _four(of: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where four in a row begin."""
    two = of[:-1] & of[1:]
    found: npt.NDArray[np.bool_] = two[:-2] & two[2:]
    return found


# -- finding ---------------------------------------------------------------------------------------------------------------


def find_contacts(text: str, folded: Folded) -> list[Evidence]:
    """The contacts of one text that are disguised or that somebody is called to; nearly always none, at most 8.

    `folded` is the folding of `text`; spans count code points of `text`. What is shown of a contact is masked.
    """
    found = (*islice(_numbers(text, folded), _MOST), *islice(_accounts(folded), _MOST))
    return sorted(found, key=lambda one: one.span or (0, 0))[:_MOST]


def _numbers(text: str, folded: Folded) -> Iterator[Evidence]:
    plain = folded.text
    for run in _RUN.finditer(plain):
        if run.end() - run.start() > _LONGEST_RUN:
            continue
        first = int(folded.origin[run.start()])
        # Repetitions that folding dropped stand before the next that it kept.
        last = int(folded.origin[run.end()]) if run.end() < len(plain) else len(text)
        number = _read(text, first, last)
        if number is not None and _is_disguised(number, plain[max(0, run.start() - 8) : run.start()]):
            yield Evidence(SIGNAL, CATEGORY, (number.start, number.end), mask(number.digits), "改写的号码")


def _read(text: str, first: int, last: int) -> _Number | None:
    """The number that stands there; None for plain digits with few gaps, and for too many digits."""
    written = text[first:last]
    if written.isascii() and not _ODD.search(written):
        return None
    digits, kinds, gaps = "", "", []
    gap, start, end = "", first, first
    for place, sign in enumerate(written, first):
        digit, kind = _sign(sign)
        if kind == "keycap":
            kinds = f"{kinds[:-1]}s"
        elif kind == "gap":
            gap = (gap + sign)[:3]
        elif kind:
            if digits and gap:
                gaps.append(gap)
            if not digits:
                start = place
            digits, kinds, gap, end = digits + digit, kinds + kind, "", place + 1
            if len(digits) > _LONGEST_RUN:
                return None
    return _Number(digits, kinds, tuple(gaps), start, end)


@lru_cache(4096)
def _sign(sign: str) -> tuple[str, str]:
    """The digit that a sign stands for, and how it is written: 1 plain, w word, f as on cheques, a letter, s otherwise.

    "keycap" is put behind a digit, "gap" between two, "" is nothing that is seen.
    """
    if sign in "0123456789０１２３４５６７８９":
        return str(int(sign)), "1"
    if sign == "\u20e3":
        return "", "keycap"
    code = int(table().fold[ord(sign)])
    if code == DROP:
        return "", ""
    plain = chr(code) if code < CODE_POINTS else sign
    for kind, signs in (("w", _WORDS), ("f", _FORMAL), ("a", _ALIKE)):
        if plain in signs:
            return str(signs[plain]), kind
    return (plain, "s") if plain.isascii() and plain.isdigit() else ("", "gap")


def _is_disguised(number: _Number, before: str) -> bool:
    """Say whether a number is somebody's and written so that it is not found."""
    digits, kinds = number.digits, number.kinds
    if _MOBILE.fullmatch(digits):
        return number.odd >= 2 or (len(number.gaps) >= 8 and (_is_scattered(number.gaps) or _is_labelled(before)))
    if 6 <= len(digits) <= 12 and number.odd >= 3 and kinds.strip("a") and _is_labelled(before):
        return True
    # 一 is also a dash: 2026一2027.
    words = {digit for digit, kind in zip(digits, kinds, strict=True) if kind in "wf" and digit != "1"}
    changes = sum(("1" in pair) and len(set(pair)) > 1 for pair in map("".join, pairwise(kinds)))
    return len(digits) >= 7 and not number.gaps and len(words) >= 2 and kinds.count("1") >= 2 and changes >= 3


def _is_labelled(before: str) -> bool:
    return _LABEL.search(before) is not None


def _is_scattered(gaps: Sequence[str]) -> bool:
    """Say whether digits are set apart in a way that no list is: by several signs, or by one that lists do not have."""
    return len(set(gaps)) > 1 or not _LISTING.issuperset(gaps[0])


def _accounts(folded: Folded) -> Iterator[Evidence]:
    text = folded.text
    for cues, pattern, is_one, why in _FORMS:
        if any(cue in text for cue in cues):
            for found in pattern.finditer(text):
                if is_one(found[1]):
                    yield Evidence(SIGNAL, CATEGORY, folded.span(*found.span()), mask(found[1]), why)
    if any(cue in text for cue in _DOMAIN_ENDS):
        yield from _mails(folded)


def _mails(folded: Folded) -> Iterator[Evidence]:
    for found in _MAIL.finditer(folded.text):
        first = max(0, found.start() - 32)
        name = _MAIL_NAME.search(folded.text[first : found.start()])
        if name and found.groups() != ("@", "."):
            span = folded.span(first + name.start(), found.end())
            yield Evidence(SIGNAL, CATEGORY, span, mask(name[0].rstrip()), "改写的邮箱")


def _is_account(written: str) -> bool:
    """Say whether this is a number or a name of an account, rather than a flight, a program or a word."""
    if written.isdigit():
        return _DIGITS.fullmatch(written) is not None
    return not (_FLIGHT.fullmatch(written) or _APPLICATION.fullmatch(written))


# Words of which a text has to hold one (an expression takes many times as long to say no), the form, whether what stands there
# is an account, and what to call it.
_FORMS: tuple[tuple[Sequence[str], re.Pattern[str], Callable[[str], bool], str], ...] = (
    (("vx", "wx", "v信", *"薇威徽溦葳崴扣叩蔻鹅球泡", "飞机"), _NICKNAMED, _is_account, "以别称写出的账号"),
    ("加➕私滴搜+", _CALLED, _is_account, "招呼他人联系的账号"),
    ("加➕私滴", _TO_CALL, bool, "招呼他人联系的号码"),
    ("@", _AT, bool, "站外聊天账号"),
    (("me/",), _INVITATION, bool, "站外聊天链接"),
)
