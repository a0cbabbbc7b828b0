"""Rules on where links lead. Nothing is fetched: an address is judged by how it is written."""

import re
import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice
from typing import Any, Literal

import re2
from msgspec import Struct
from msgspec.structs import replace
from publicsuffixlist import PublicSuffixList

from models import Evidence, Subject
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.rules.content import EVEN, has, weigh

# Links of one message that are read; more of them are a pasted list, which a person has to look through.
MOST_LINKS = 500
# Code points of what is passed on that are read.
_LONGEST = 20_000
# A signal shows no more pieces of evidence than this; what follows is read here.
_SHOWN = 8
# Hosts that only pass on: where they lead is seen by following them.
SHORTENERS = frozenset(
    {
        "t.cn", "dwz.cn", "url.cn", "suo.im", "sourl.cn", "mrw.so", "c7.gg", "u.nu", "3.cn", "w.url.cn", "dwz.tax",
        "dwz.win", "t.im", "tb.cn", "r6a.cn", "985.so", "suo.nz", "rrd.me", "kurl.cc", "bit.ly", "tinyurl.com",
        "goo.gl", "is.gd", "v.gd", "t.co", "ow.ly", "buff.ly", "rebrand.ly", "cutt.ly", "shorturl.at", "tiny.cc",
        "rb.gy", "s.id", "t.ly", "urlzs.com", "reurl.cc", "lihi.cc",
    }
)  # fmt: skip
_PROGRAMS = frozenset(
    {
        "apk", "xapk", "ipa", "exe", "scr", "bat", "cmd", "msi", "vbs", "vbe", "jse", "wsf", "wsh", "hta", "ps1",
        "jar", "lnk", "pif", "cpl", "dll", "dmg", "pkg", "deb",
    }
)  # fmt: skip
# What a link is baited with; beside an address that hides where it leads it is more than a suspicion.
_BAITS = frozenset({"fraud", "gambling", "porn", "ads", "red_packet", "voucher"})
_BAIT = re2.compile(
    "领取|领红包|补贴|中奖|获奖|提额|解冻|冻结|账户异常|账号异常|重新认证|实名认证|即将失效|逾期|退款|理赔|免费领|点击|点开|安装|下载"
    "|(?:薪资|工资|社保|个税|公积金|违章|快递|成绩)[^。，,\n]{0,4}(?:查询|申领|补缴|退税)|(?:快|赶紧|马上)装"
)
# Ends of names that no registry gives away: ICANN's, RFC 6762's, and what houses have made up.
_INTERNAL = frozenset({"internal", "local", "lan", "corp", "home", "intranet", "private", "localdomain", "inner"})
_SCHEME = re.compile(r"(?i)^([a-z][a-z0-9+\-]*):[/\\]*")
_PORT = re.compile(r":[0-9]*$")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
# Numbers that browsers take for an IPv4 address: 3232235777, 0x7f.1, 0300.0250.1.1.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]{0,8}|[0-9]{1,12})(?:\.(?:0x[0-9a-f]{0,8}|[0-9]{1,12})){0,3}$")
# Beyond the links that signals show: with a scheme or a path, so that no file name is taken for one.
_MORE = re2.compile(
    r"(?i)(?:h[tx]{2}ps?|ftp)://[^\s<>\"'“”，！？；、）)】]+|(?:[a-z0-9\-]+[.．。])+[a-z]+/[^\s<>\"'“”，！？；、）)】]*"
)
# A name inside a host that looks as if the host ended there: www.icbc.com.cn.login.top.
_LIKE_AN_END = frozenset({"com", "gov", "net", "org", "edu"})


class Address(Struct, frozen=True):
    """A link taken apart. `host` in ASCII (IDNA) and small letters; "" where none can be read. `site` is the registrable
    domain. `signs` of what hides where it leads: `shortener`, `number`, `disguised`, `unreadable`; and `program` for a
    download that runs. `live`: False for hxxp, as people write who warn. `forwarded`: only in what was passed on."""

    host: str
    site: str
    span: tuple[int, int] | None = None
    signs: frozenset[str] = frozenset()
    intranet: bool = False
    live: bool = True
    forwarded: bool = False

    def lies_in(self, domains: Iterable[str]) -> bool:
        """Say whether it belongs to one of these domains, subdomains included; "gov.cn" holds all of the government."""
        return any(self.host == one or self.host.endswith("." + one) for one in domains)


def read_address(written: str) -> Address:
    """Take a link apart as a browser would, with or without a scheme; never raises.

    Full-width letters and dots, invisible signs, back slashes, a name before @, a port and a final dot change nothing.
    Numbers as hosts are IP addresses in any of their ways of writing; private ones, single names and names of domains
    that nobody can own (wiki.local) are the intranet.
    """
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", readable(written.strip()[:2000])))
    plain = plain.replace("。", ".").replace("｡", ".").replace("\\", "/")
    scheme = _SCHEME.match(plain)
    live = scheme is None or "x" not in scheme.group(1).lower()
    rest = plain[scheme.end() :] if scheme else plain
    authority, _, path = re.sub("[?#]", "/", rest, count=1).partition("/")
    before, at, place = authority.rpartition("@")
    host = _ascii(_PORT.sub("", place))
    number = _number(host)
    intranet = number is not None and not number.is_global
    if number is None:
        intranet = bool(host) and scheme is not None and ("." not in host or host.rpartition(".")[2] in _INTERNAL)
    site = host if number is not None else (_suffixes().privatesuffix(host) or host if host else "")
    signs = set()
    if number is not None and not intranet:
        signs.add("number")
    if host in SHORTENERS or site in SHORTENERS:
        signs.add("shortener")
    if (at and "." in before) or _is_disguised(host, site):
        signs.add("disguised")
    if number is None and not _is_readable(host):
        signs.add("unreadable")
    if _is_program(rest, path) and not intranet:
        signs.add("program")
    return Address(host=host, site=site, signs=frozenset(signs), intranet=intranet, live=live)


@cache
def _suffixes() -> PublicSuffixList:
    """The list that the package carries; it is read once, in 0.15 seconds, and never fetched."""
    return PublicSuffixList()


def _ascii(host: str) -> str:
    """A host as it is looked up; what IDNA cannot write stays as it is."""
    host = host.strip().strip(".").lower()
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        pass
    if not _NUMERIC.match(host):
        return None
    try:
        parts = [_integer(one) for one in host.split(".")]
        last = parts.pop()
        if any(one > 255 for one in parts):
            return None
        return IPv4Address(sum(one << (24 - 8 * k) for k, one in enumerate(parts)) + last)
    except ValueError:
        return None


def _integer(written: str) -> int:
    if written.startswith("0x"):
        return int(written[2:] or "0", 16)
    return int(written, 8) if len(written) > 1 and written.startswith("0") else int(written)


def _is_readable(host: str) -> bool:
    """Say whether a host can be one at all: labels of 1 to 63 signs, punycode that decodes."""
    labels = host.split(".")
    if not host or len(host) > 253 or any(not 0 < len(one) <= 63 for one in labels):
        return False
    return host.isascii() and all(_decoded(one) is not None for one in labels)


def _decoded(label: str) -> str | None:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return None


def _is_disguised(host: str, site: str) -> bool:
    """Say whether a host is made to look like another: letters of other scripts, or an ending inside of it."""
    for label in host.split("."):
        if label.startswith("xn--") and any(_looks_latin(sign) for sign in _decoded(label) or ""):
            return True
    inner = host[: -len(site)].rstrip(".").split(".") if site and host.endswith(site) else []
    return not _LIKE_AN_END.isdisjoint(inner[1:])


def _looks_latin(sign: str) -> bool:
    return unicodedata.name(sign, "").startswith(("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"))


def _is_program(rest: str, path: str) -> bool:
    """Say whether the file that an address names runs where it is opened."""
    if not path:
        return False
    name = re.split("[?#]", rest, maxsplit=1)[0].rstrip("/").rpartition("/")[2]
    return "." in name and name.rpartition(".")[2].lower() in _PROGRAMS


def addresses(case: Case) -> list[Address]:
    """The links of a message: those of its own words that the patterns found, of its cards, and of what it passes on.

    At most `MOST_LINKS`, each host and its signs once.
    """
    found: dict[tuple[str, frozenset[str]], Address] = {}
    for written, span in islice(_written(case), MOST_LINKS):
        address = read_address(written)
        found.setdefault((address.host, address.signs), replace(address, span=span))
    for more in islice(_MORE.finditer(readable(case.seen.forwarded_text[:_LONGEST])), MOST_LINKS):
        address = read_address(more.group())
        found.setdefault((address.host, address.signs), replace(address, forwarded=True))
    return list(found.values())


def _may_link(case: Case) -> bool:
    return bool(case.signals or case.seen.links or case.seen.forward)


def _written(case: Case) -> Iterator[tuple[str, tuple[int, int] | None]]:
    text = own_text(case.seen)
    shown = [item for one in case.signals if one.category == "link" for item in one.evidence]
    for item in shown:
        if item.span is not None:
            yield text[item.span[0] : item.span[1]], item.span
        elif item.matched:
            yield item.matched, None
    if len(shown) >= _SHOWN:
        last = max((item.span[1] for item in shown if item.span is not None), default=0)
        rest = readable(text[last:])
        for more in _MORE.finditer(rest):
            yield more.group(), (last + more.start(), last + more.end())
    for link in case.seen.links or ():
        yield link.url, None


class LinkPolicyParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`only`: links to sites that are not allowed (`unknown`), or those that hide where they lead (`hidden`): shorteners,
    IP numbers, disguised and unreadable hosts. `allow`: domains that are, subdomains included; the group's fact
    `allow_fact` adds more (a list). `exempt_roles` may post any. `banned_by`: only where this fact of the group is on
    record, e.g. that its own rules ban links. `beside`: only in a message of one of these categories, as for links that
    have nothing to do with work. `subject`: the `member` who posts it, or the `message`, where no strike is wanted."""

    only: Literal["unknown", "hidden"] = "unknown"
    allow: tuple[str, ...] = ()
    allow_fact: str = "allowed_domains"
    exempt_roles: tuple[str, ...] = ()
    banned_by: str | None = None
    beside: tuple[str, ...] = ()
    subject: Literal["member", "message"] = "member"


class LinkPolicy(Rule):
    """A message has a link to a site that is not allowed. Intranet addresses always are.

    Serves `link:policy`. Needs the tenant's domains; without them every link is one to an unknown site.
    """

    name = "link.policy"
    Params = LinkPolicyParams
    watches = MESSAGE_TYPES
    needs = "the domains that are allowed; where the group's own rules ban links, that fact"

    def cues(self, params: LinkPolicyParams) -> Mapping[Hashable, str]:
        return {}

    def heeds(self, params: LinkPolicyParams) -> frozenset[str]:
        return frozenset({"link"})

    def see(self, case: Case, params: LinkPolicyParams, place: Place) -> Iterable[Finding]:
        if not _may_link(case) or case.is_robot or case.sender_role in params.exempt_roles:
            return
        if params.banned_by is not None and not case.view.fact(params.banned_by):
            return
        found = [one for one in addresses(case) if not one.intranet and _is_meant(one, params)]
        if not found:
            return
        allowed = _domains(params.allow, case.view.fact(params.allow_fact))
        found = [one for one in found if not one.lies_in(allowed)]
        if not found or (params.beside and not any(weigh(case, one) for one in params.beside)):
            return
        sites = _sites(found)
        told = "链接看不出去向" if params.only == "hidden" else "链接指向未列入允许范围的网站"
        if params.beside:
            told = "链接可能与工作无关"
        yield Finding(
            subject=_subject(case, params.subject),
            explanation=f"{told}：{sites}",
            certain=case.sender_id is not None or params.subject == "message",
            evidence=tuple(_evidence(one, told) for one in found[:8]),
            category="link",
        )


def _is_meant(address: Address, params: LinkPolicyParams) -> bool:
    return params.only == "unknown" or not address.signs.isdisjoint(_HIDING)


class LinkDangerParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`domains` that are known to be dangerous (the fact `list_fact` of the group adds more); none ship. `allow`: domains
    that are not looked at, e.g. those of one's own software. `exempt_roles` may post any, e.g. who warns.
    `subject`: the `member` who posts it, or the `message`, where posting is not what the clause forbids."""

    domains: tuple[str, ...] = ()
    list_fact: str = "dangerous_domains"
    allow: tuple[str, ...] = ()
    allow_fact: str = "allowed_domains"
    exempt_roles: tuple[str, ...] = ()
    subject: Literal["member", "message"] = "member"


class LinkDanger(Rule):
    """A message has a link that endangers who follows it.

    A listed domain is certain. By itself uncertain: a download that runs, an IP number as host, a host that is made to
    look like another; a shortener beside bait. Two of these together, or one beside bait, are certain, but nothing that is
    only passed on. A warning about a link is no such link: hxxp is none, and a live one beside a warning is never more than
    a question.
    Serves `link:malicious`.
    """

    name = "link.danger"
    Params = LinkDangerParams
    watches = MESSAGE_TYPES
    needs = "the tenant's list of dangerous domains; without it only how an address is made tells"

    def cues(self, params: LinkDangerParams) -> Mapping[Hashable, str]:
        return {}

    def heeds(self, params: LinkDangerParams) -> frozenset[str]:
        return frozenset({"link"})

    def see(self, case: Case, params: LinkDangerParams, place: Place) -> Iterable[Finding]:
        if not _may_link(case) or case.is_robot or case.sender_role in params.exempt_roles:
            return
        found = [one for one in addresses(case) if one.live and not one.intranet]
        if not found:
            return
        listed = _domains(params.domains, case.view.fact(params.list_fact))
        allowed = _domains(params.allow, case.view.fact(params.allow_fact))
        baited = is_baited(case)
        weighed = [(_danger(one, listed, baited=baited), one) for one in found if not one.lies_in(allowed)]
        bad = [one for weight, one in weighed if weight]
        if not bad:
            return
        sure = any(weight >= 2 and not one.forwarded for weight, one in weighed)
        certain = sure and not has(case.signals, "warning")
        why = "链接指向有害网站" if any(one.lies_in(listed) for one in bad) else f"链接可能有害（{_reasons(bad)}）"
        yield Finding(
            subject=_subject(case, params.subject),
            explanation=f"{why}：{_sites(bad)}" + ("" if certain else "，待人工复核"),
            certain=certain and (case.sender_id is not None or params.subject == "message"),
            evidence=tuple(_evidence(one, why) for one in bad[:8]),
            category="link",
        )


_HIDING = frozenset({"shortener", "number", "disguised", "unreadable"})
_TOLD = {
    "number": "以 IP 数字为网址",
    "disguised": "网址仿冒他站",
    "program": "下载可执行文件",
    "shortener": "短链接配诱导用语",
}


def _danger(address: Address, listed: Sequence[str], *, baited: bool) -> int:
    """How much speaks for danger: nothing, something (1), or enough (2)."""
    if address.lies_in(listed):
        return 2
    signs = len(address.signs & {"number", "disguised", "program"})
    if signs:
        return signs + baited
    return int(baited and "shortener" in address.signs)


def is_baited(case: Case) -> bool:
    """Say whether a message lures: words or a score of fraud, adverts and the like, or a call to collect something."""
    for one in case.signals:
        # A score that one in a hundred messages reaches says nothing yet.
        if one.category in _BAITS and one.score >= (EVEN if one.classifier.startswith("trained") else 0.5):
            return True
    return _BAIT.search(readable(own_text(case.seen))) is not None


def _domains(written: Iterable[str], fact: Any) -> tuple[str, ...]:
    """Domains of a pack and of a fact, which is a list or one text with commas or spaces between, as hosts are compared."""
    stated = (
        re.split(r"[\s,，、;；]+", fact) if isinstance(fact, str) else fact if isinstance(fact, list | tuple) else ()
    )
    return tuple(name for one in (*written, *stated) if isinstance(one, str) and (name := _ascii(one)))


def _subject(case: Case, subject: str) -> Subject:
    return case.offender if subject == "member" else Subject("message", case.seen.origin_id)


def _sites(found: Sequence[Address]) -> str:
    sites = list(dict.fromkeys(one.host[:60] or "无法识别的网址" for one in found))
    return "、".join(sites[:3]) + (f" 等 {len(sites)} 处" if len(sites) > 3 else "")


def _reasons(found: Sequence[Address]) -> str:
    signs = {sign for one in found for sign in one.signs}
    return "、".join(told for sign, told in _TOLD.items() if sign in signs)


def _evidence(address: Address, why: str) -> Evidence:
    return Evidence(signal="links", category="link", span=address.span, matched=address.host[:80] or None, why=why)
