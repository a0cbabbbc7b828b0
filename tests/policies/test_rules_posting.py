"""Who may issue notices."""

from typing import Any

import msgspec
import pytest
from cases import GROUP, PEOPLE, House, found
from measuring import sees

from models import Change, Fact, Group, Person

NOTICE = "【通知】周五下午两点召开安全例会"
OFFICE = {"departments": ("办公室",)}


def posted(text: str | None = NOTICE, *, by: str | None = "member", group: Group = GROUP, **given: Any) -> list[str]:
    case = House(group=group).sees(text, by=by, **given)
    return [one.subject.id for one in found("posting.permission", case, **OFFICE)]


@pytest.mark.parametrize(("by", "right"), [("member", False), ("owner", False), ("keeper", True), ("leader", True)])
def test_the_office_and_leaders_issue_notices(by: str, right: bool) -> None:
    assert posted(by=by) == ([] if right else [by])


def test_publishers_issue_notices() -> None:
    assert posted(by="phone", group=msgspec.structs.replace(GROUP, publishers=("member",))) == []


def test_a_recorded_authorisation_counts_for_whom_it_names() -> None:
    house = House()
    house.sees(type="task.stated", by="leader", fact=Fact("notice_authorised", True, person="member"))
    assert not found("posting.permission", house.sees(NOTICE), **OFFICE)
    assert found("posting.permission", house.sees(NOTICE, by="finance"), **OFFICE)


@pytest.mark.parametrize("text", ["收到通知", "上周的通知在哪里下载?", "今天产量已报", None])
def test_speaking_of_a_notice_is_none(text: str | None) -> None:
    assert posted(text) == []


def test_the_groups_announcement_is_a_notice_whatever_it_says() -> None:
    assert posted("周五停电", type="group.notice_changed") == ["member"]
    assert posted("周五停电", by="keeper", type="group.notice_changed") == []


def test_an_edit_that_comes_as_a_change_is_read() -> None:
    assert posted(None, type="message.edited", change=Change(field="text", new=NOTICE)) == ["member"]


@pytest.mark.parametrize("given", [{"by": None}, {"by": "bot", "scope": "robot"}])
def test_a_notice_by_nobody_is_nobodys_fault(given: dict[str, Any]) -> None:
    assert posted(**given) == []


@pytest.mark.parametrize(("by", "certain"), [("owner", False), ("keeper", False), ("member", True)])
def test_where_departments_are_unknown_those_who_keep_the_group_are_not_accused(by: str, certain: bool) -> None:
    people = tuple(Person(id=one.id, name=one.name) for one in PEOPLE)
    [finding] = found("posting.permission", House(people=people).sees(NOTICE, by=by), **OFFICE)
    assert finding.certain == certain


SENSITIVE = {"category": ("leak", "internal_marking", "secrecy_marking")}
FIGURES = "内部资料,严禁外传:一季度征收数据如下"


def unapproved(text: str | None, house: House | None = None, **given: Any) -> list[str]:
    findings = found("posting.permission", sees(house or House(), text, **given), **SENSITIVE)
    assert all(not one.certain for one in findings)
    return [one.explanation for one in findings]


def registered(value: Any) -> House:
    return House(group=msgspec.structs.replace(GROUP, facts={"approvals": value}))


@pytest.mark.parametrize(
    ("text", "value", "breaks"),
    [
        (FIGURES, ["0815"], True),
        (f"{FIGURES}。经分管领导审批,编号0815", ["0815"], False),
        (f"{FIGURES}。经分管领导审批，编号：0815。", "0815", False),
        (f"{FIGURES}。经分管领导审批,编号0815", 815, False),
        (f"{FIGURES}(审批号A-0815)", ["a0815"], False),
        (f"{FIGURES}。经分管领导审批,编号0816", ["0815"], True),
        (f"{FIGURES}。经分管领导审批,编号0815", None, True),
        (f"{FIGURES}。经分管领导审批,编号0815", True, True),
        (f"{FIGURES}。经分管领导审批,编号0815", {"0815": 1}, True),
        (f"{FIGURES}。订单编号0815", ["0815"], True),
        ("情况如下,经分管领导审批,编号0816", ["0815"], True),
        ("请领导审批", ["0815"], False),
        ("今天产量已报", ["0815"], False),
        (None, ["0815"], False),
    ],
)
def test_what_is_sensitive_needs_an_approval_on_record(text: str | None, value: Any, breaks: bool) -> None:
    assert bool(unapproved(text, registered(value))) == breaks


def test_an_approval_may_be_stated_and_for_one_person() -> None:
    house = House()
    text = f"{FIGURES}。经分管领导审批,编号0815"
    house.sees(type="task.stated", by="leader", fact=Fact("approvals", "0815", person="member"))
    assert not unapproved(text, house)
    assert unapproved(text, house, by="finance")
    house.sees(type="task.stated", by="leader", fact=Fact("approvals", ["0815"]))
    assert not unapproved(text, house, by="finance")


@pytest.mark.parametrize("given", [{"by": "leader"}, {"by": "bot", "scope": "robot"}])
def test_who_needs_no_approval(given: dict[str, Any]) -> None:
    assert unapproved(FIGURES, **given) == []


def test_a_notice_that_is_not_sensitive_needs_none() -> None:
    assert unapproved(NOTICE) == []


def test_rights_that_are_to_be_published_bind_only_once_they_are() -> None:
    published = msgspec.structs.replace(GROUP, publishers=("keeper",))
    assert not found("posting.permission", House().sees(NOTICE), as_published=True)
    assert found("posting.permission", House(group=published).sees(NOTICE), as_published=True)


def test_an_approval_that_is_not_on_record_may_be_left_to_another_clause() -> None:
    case = House().sees("经分管领导审批,编号0816,周五开会")
    assert found("posting.permission", case, category="leak")
    assert not found("posting.permission", case, category="leak", claimed=False)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("干部调整的名单初稿先给几位看看，还没上会", True),
        ("干部调整的名单初稿先给几位看看，还没公布", True),
        ("市统计局今天公布了三季度数据,全市增速5.2%,各科写材料可以引用", False),
    ],
)
def test_what_is_public_needs_no_approval(text: str, asked: bool) -> None:
    assert bool(found("posting.permission", sees(House(), text), category="leak")) == asked


@pytest.mark.parametrize("said", ["经分管领导审批,编号0815", "分管领导已批（批件号0815）", "批文号：0815"])
def test_an_approval_is_read_however_it_is_worded(said: str) -> None:
    given = msgspec.structs.replace(GROUP, facts={"approvals": ["0815"]})
    text = f"{said}：干部调整的名单初稿先给几位看看"
    assert found("posting.permission", sees(House(), text), category="leak")
    assert not found("posting.permission", sees(House(group=given), text), category="leak")
