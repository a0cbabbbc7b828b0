"""Where links lead, whatever way they are written."""

from typing import Any

import msgspec
import pytest
from cases import GROUP, House, found
from hypothesis import given as tried
from hypothesis import strategies as texts
from measuring import sees

from models import Link
from policies.rules.base import Finding
from policies.rules.links import MOST_LINKS, read_address

ALLOW = {"allow": ("gov.cn", "xianchuang.example.com", "例子.中国")}


@pytest.mark.parametrize(
    ("written", "host", "site"),
    [
        ("https://www.a.gov.cn/x?y=1#z", "www.a.gov.cn", "a.gov.cn"),
        ("HTTP://EVIL.TOP.:8080/a", "evil.top", "evil.top"),
        ("evil.top", "evil.top", "evil.top"),
        ("ｗｗｗ．ｅｖｉｌ．ｔｏｐ／ａ", "www.evil.top", "evil.top"),
        ("www。evil。com/a", "www.evil.com", "evil.com"),
        ("http://ev\u200bil\u00ad.top/", "evil.top", "evil.top"),
        ("https:\\\\evil.top\\a", "evil.top", "evil.top"),
        ("http://www.gov.cn@evil.top/login", "evil.top", "evil.top"),
        ("http://evil.top?u=/www.gov.cn/", "evil.top", "evil.top"),
        ("http://evil.top#@www.gov.cn/", "evil.top", "evil.top"),
        ("http://例子.中国/路", "xn--fsqu00a.xn--fiqs8s", "xn--fsqu00a.xn--fiqs8s"),
        ("http://foo.github.io/a", "foo.github.io", "foo.github.io"),
        ("http://192.168.1.20:8080/oa", "192.168.1.20", "192.168.1.20"),
        ("http://[::1]:80/", "::1", "::1"),
        ("http://", "", ""),
        ("", "", ""),
    ],
)
def test_an_address_is_read_as_a_browser_reads_it(written: str, host: str, site: str) -> None:
    address = read_address(written)
    assert (address.host, address.site) == (host, site)


@pytest.mark.parametrize(
    ("written", "signs"),
    [
        ("https://t.cn/A6xyz", {"shortener"}),
        ("https://m.tb.cn/h.5a", {"shortener"}),
        ("http://47.96.1.2/pay", {"number"}),
        ("http://0x2f.0x60.0x1.0x2/pay", {"number"}),
        ("http://794820866/pay", {"number"}),
        ("http://192.168.1.20/oa.apk", set()),
        ("http://3232235796/oa", set()),
        ("http://oa/setup.exe", set()),
        ("https://down.a.com/报价.pdf.EXE", {"program"}),
        ("https://down.a.com/a.apk?x=1", {"program"}),
        ("https://down.a.com/apk", set()),
        ("https://a.com/spec.pdf", set()),
        ("https://www.icbc.com.cn/", set()),
        ("https://www.icbc.com.cn.login.top/", {"disguised"}),
        ("https://com.a.cn/", set()),
        ("https://www.gov.cn@evil.top/", {"disguised"}),
        ("https://mailto:a@b.cn/", set()),
        ("https://xn--pple-43d.com/", {"disguised"}),
        ("https://аpple.com/", {"disguised"}),
        ("https://中国移动.中国/", set()),
        ("http://xn--99999999999999.com/", {"unreadable"}),
        (f"http://{'a' * 64}.com/", {"unreadable"}),
        ("http://a..com/", {"unreadable"}),
    ],
)
def test_what_hides_where_a_link_leads(written: str, signs: set[str]) -> None:
    assert read_address(written).signs == signs


@tried(
    texts.one_of(
        texts.text(),
        texts.from_regex(r"https?://[\w.@:\[\]\-。．%]{0,80}(/.{0,20})?"),
        texts.from_regex(r"xn--[a-z0-9\-]{0,70}\.cn"),
    )
)
def test_whatever_is_written_an_address_is_read(written: str) -> None:
    address = read_address(written)
    assert address.host.isascii() or "unreadable" in address.signs
    assert not (address.intranet and address.signs & {"number", "program"})


def policy(
    text: str | None, house: House | None = None, /, *, said: dict[str, Any] | None = None, **params: Any
) -> Any:
    return found("link.policy", sees(house or House(), text, **(said or {})), **params)


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        ("填报入口:https://www.gov.cn/fuwu", False),
        ("填报入口:http://www.rd.xianchuang.example.com/a", False),
        ("看看 http://例子.中国/a", False),
        ("看看 http://gov.cn.evil.top/a", True),
        ("看看 http://notxianchuang.example.com.cn/a", True),
        ("看看 https://www.gov.cn@evil.top/a", True),
        ("看看 evil.top/a", True),
        ("看看 ｗｗｗ．ｅｖｉｌ．ｃｏｍ", True),
        ("看看 www。evil。com", True),
        ("内网 http://192.168.1.20:8080/oa", False),
        ("内网 http://oa.inner/leave 请假", False),
        ("百科 http://wiki.corp/onboarding", False),
        ("看看 http://oa.inner.top/leave", True),
        ("版本 1.2.3 已发,见 README.md", False),
        ("今天产量已报", False),
    ],
)
def test_links_to_sites_that_are_not_allowed(text: str, breaks: bool) -> None:
    assert bool(policy(text, **ALLOW)) == breaks


def test_a_group_allows_sites_of_its_own() -> None:
    text = "规格书 https://www.supplier.com/spec.pdf"
    assert policy(text)
    for value in (["supplier.com"], "a.cn，supplier.com", "SUPPLIER.com."):
        group = msgspec.structs.replace(GROUP, facts={"allowed_domains": value})
        assert not policy(text, House(group=group))
    for value in (7, None, {"supplier.com": 1}, [3], " "):
        group = msgspec.structs.replace(GROUP, facts={"allowed_domains": value})
        assert policy(text, House(group=group))


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        ("看下 t.cn/A6xyz", True),
        ("看下 https://dwz.cn/abc", True),
        ("看下 http://47.96.1.2/a", True),
        ("看下 http://192.168.1.2/a", False),
        ("看下 https://www.supplier.com/spec.pdf", False),
    ],
)
def test_links_that_hide_where_they_lead(text: str, breaks: bool) -> None:
    [*findings] = policy(text, only="hidden", subject="message")
    assert [one.subject.kind for one in findings] == (["message"] if breaks else [])


def test_links_are_banned_where_the_groups_own_rules_say_so() -> None:
    text = "帮娃投个票 https://vote.example.com/1"
    assert not policy(text, banned_by="links_banned")
    banned = House(group=msgspec.structs.replace(GROUP, facts={"links_banned": True}))
    assert policy(text, banned, banned_by="links_banned")
    exempt = {"banned_by": "links_banned", "exempt_roles": ("administrator", "owner")}
    assert not policy(text, banned, said={"by": "keeper"}, **exempt)
    assert policy(text, banned, **exempt)


def test_links_that_have_nothing_to_do_with_work() -> None:
    beside = {"beside": ("off_topic", "ads", "fraud", "gambling")}
    assert policy("帮我砍一刀 https://a.example.com/kan", **beside)
    assert not policy("规格书在供应商官网:https://a.example.com/spec.pdf,选型用", **beside)


@pytest.mark.parametrize("given", [{"scope": "robot"}, {"text": None}])
def test_who_and_what_is_no_link(given: dict[str, Any]) -> None:
    text = given.pop("text", "看看 evil.top/a")
    assert policy(text, said=given) == []


def test_a_link_by_nobody_is_for_a_person_to_see() -> None:
    [finding] = policy("看看 evil.top/a", said={"by": None})
    assert (finding.subject.kind, finding.certain) == ("message", False)


def test_cards_have_links_too() -> None:
    card = {"kind": "link", "links": (Link("https://evil.top/a", title="好消息"),)}
    [finding] = policy(None, said=card)
    assert "evil.top" in finding.explanation


def test_links_behind_many_allowed_ones_are_read() -> None:
    text = "\n".join(["https://www.gov.cn/a"] * 30 + ["https://evil.top/a"])
    [finding] = policy(text, **ALLOW)
    [evidence] = finding.evidence
    assert evidence.span is not None
    assert text[slice(*evidence.span)] == "https://evil.top/a"


def test_ten_thousand_links_are_one_finding() -> None:
    text = " ".join(f"https://a{n}.evil.top/{n}" for n in range(10_000))
    [finding] = policy(text)
    assert len(finding.evidence) == 8
    assert f"等 {MOST_LINKS} 处" in finding.explanation
    cards = tuple(Link(f"https://a{n}.evil.top/") for n in range(10_000))
    assert len(policy("看看", said={"links": cards})) == 1


@pytest.mark.parametrize(
    "text",
    ["http://\ud800.top/a 看", "http://[::1 看", "http://xn--.com/ 看", "http://%%%.%/a 看", "a" * 30_000 + ".top/"],
)
def test_nothing_that_is_written_breaks_a_rule(text: str) -> None:
    for rule in ("link.policy", "link.danger"):
        assert len(found(rule, sees(House(), text))) <= 1


def danger(text: str, house: House | None = None, /, **given: Any) -> Finding | None:
    params = {key: given.pop(key) for key in ("domains", "allow", "exempt_roles", "subject") if key in given}
    findings: list[Finding] = found("link.danger", sees(house or House(), text, **given), **params)
    return findings[0] if findings else None


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("看看 http://www.bad.top/a", True),
        ("看看 http://bad.top.cn/a", None),
        ("补贴领取 http://47.96.1.2/app.apk", True),
        ("看看 http://47.96.1.2/app.apk", True),
        ("看看 http://47.96.1.2/a", False),
        ("个税补缴查询 https://gs-cx.top/geshui.apk", True),
        ("条码枪驱动 https://down.soft.com/driver.exe", False),
        ("装这个 https://down.soft.com/setup.exe", False),
        ("工资补贴领取 https://www.icbc.com.cn.login.top/", True),
        ("看看 https://www.icbc.com.cn.login.top/", False),
        ("您的账户异常,速点 t.cn/A6xyz 重新认证", False),
        ("会议纪要 t.cn/A6xyz", None),
        ("规格书 https://www.supplier.com/spec.pdf 下载", None),
        ("内网下载 http://192.168.1.20/setup.exe", None),
        ("收到冒充快递的病毒链接请勿点击,截图仅供识别", None),
        ("收到冒充快递的病毒链接 hxxp://47.96.1.2/app.apk 请勿点击", None),
        ("收到冒充快递的病毒链接 http://47.96.1.2/app.apk 请勿点击", False),
    ],
)
def test_links_that_endanger(text: str, certain: bool | None) -> None:
    finding = danger(text, domains=("bad.top",))
    assert (finding and finding.certain) == certain


def test_one_may_add_and_take_off_the_list() -> None:
    text = "看看 http://www.bad.top/a"
    assert danger(text) is None
    assert danger(text, House(group=msgspec.structs.replace(GROUP, facts={"dangerous_domains": ["bad.top"]})))
    exe = "装这个 https://dl.our.com/setup.exe"
    assert danger(exe)
    assert danger(exe, allow=("our.com",)) is None
    assert danger(exe, House(group=msgspec.structs.replace(GROUP, facts={"allowed_domains": ["our.com"]}))) is None


def test_a_duty_of_care_accuses_nobody() -> None:
    finding = danger("看看 http://bad.top/a", domains=("bad.top",), subject="message")
    assert finding is not None
    assert finding.subject.kind == "message"


def test_who_may_post_any_link() -> None:
    text = "看看 http://bad.top/a"
    given: dict[str, Any] = {"domains": ("bad.top",), "exempt_roles": ("administrator",)}
    assert danger(text, by="keeper", **given) is None
    assert danger(text, **given)


def test_links_that_are_passed_on_are_looked_at() -> None:
    passed_on = {"kind": "forward", "forward": [{"text": "补贴领取 http://47.96.1.2/app.apk"}, {"forward": "?"}]}
    [finding] = found("link.danger", sees(House(), None, **passed_on))
    assert not finding.certain
    assert policy(None, said=passed_on)
    harmless = {"kind": "forward", "forward": [{"text": "见 https://www.gov.cn/a"}]}
    assert not found("link.danger", sees(House(), None, **harmless))
    assert not policy(None, said=harmless, **ALLOW)
