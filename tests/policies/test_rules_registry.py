"""How a group is founded, filed, led and ended."""

from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, MEMBER, OWNER, PEOPLE, START, House, faults, overdue

from models import Change, Fact, Group, Person
from policies.state import Deadline, StandingFault


def a_group(**given: Any) -> Group:
    return msgspec.structs.replace(GROUP, **given)


def explained(rule: str, house: House, **params: Any) -> list[str]:
    return [one.explanation for one in faults(rule, house.sees("早"), **params)]


@pytest.mark.parametrize(
    ("status", "right"), [("approved", True), ("dissolved", True), ("applied", False), ("rejected", False)]
)
def test_a_group_needs_approval(status: str, right: bool) -> None:
    assert (explained("registry.approval", House(group=a_group(status=status)), by="总监") == []) == right


def test_a_group_that_the_fleet_does_not_list_has_none() -> None:
    assert explained("registry.approval", House(known=False), by="总监") == ["本群未经批准，须经总监同意"]


def test_filing_names_what_is_missing() -> None:
    house = House(group=a_group(facts={"filed_at": "2026-01-05", "content": None}))
    fields = ("filed_at", "content", "name", "administrator")
    assert explained("registry.filing", house, fields=fields, office="行政部") == [
        "群备案缺少：发布内容，请向行政部补报"
    ]


def roles(house: House, **params: Any) -> list[tuple[str, bool]]:
    return [(one.subject.id, one.certain) for one in faults("registry.roles", house.sees("早"), **params)]


HEADS = {"owner_posts": ("部长", "经理")}


def test_a_department_head_owns_the_group() -> None:
    assert roles(House(), **HEADS) == []
    assert roles(House(group=a_group(owner="member")), **HEADS) == [("member", True)]


def test_a_manager_of_the_group_answers_for_it_as_well() -> None:
    assert roles(House(group=a_group(owner="member", managers=("owner",))), **HEADS) == []


def test_who_founded_the_group_may_let_another_keep_it() -> None:
    for initiator in (OWNER.id, OWNER.name):
        house = House(group=a_group(owner="member", facts={"initiator": initiator}))
        assert roles(house, **HEADS) == [("member", True)]
        assert roles(house, founded=True, **HEADS) == []


def test_a_recorded_exception_counts() -> None:
    assert roles(House(group=a_group(owner="member", facts={"role_exception": {"approver": "leader"}})), **HEADS) == []


def test_the_rule_is_for_the_types_it_names() -> None:
    assert roles(House(group=a_group(owner="member", type="centre")), types=("department",), **HEADS) == []


@pytest.mark.parametrize("params", [HEADS, {"owner_departments": ("综合部",)}, {"owner_tag": "party_member"}])
def test_what_the_directory_does_not_say_is_asked_and_not_held_against_the_owner(params: dict[str, Any]) -> None:
    people = tuple(Person(id=one.id, name=one.name) for one in PEOPLE)
    assert roles(House(people=people), **params) == [("owner", False)]
    assert roles(House(people=()), **params) == [("owner", False)]
    assert roles(House(people=(MEMBER,)), **params)[0] == ("owner", False)


def test_the_owner_carries_the_tag() -> None:
    assert roles(House(), owner_tag="party_member") == []
    assert roles(House(group=a_group(owner="member")), owner_tag="party_member") == [("member", True)]


@pytest.mark.parametrize(("new", "wrong"), [("member", "member"), ("phone", "member"), ("nobody", "jsonl:nobody")])
def test_a_new_owner_is_looked_at_whatever_names_him(new: str, wrong: str) -> None:
    for given in ({"target": new}, {"change": Change(field="owner", new=new)}):
        case = House().sees(type="group.owner_changed", by=None, **given)
        [finding] = faults("registry.roles", case, owner_tag="party_member")
        assert (finding.subject.id, finding.certain) == (wrong, True)


def test_an_administrator_has_to_be_registered() -> None:
    house = House()
    case = house.sees(type="member.role_changed", by="owner", target="member", change=Change(field="role", new="admin"))
    [finding] = faults("registry.roles", case, registered_administrators=True)
    assert (finding.subject.id, finding.explanation) == ("member", "管理员陈志强未经登记")
    case = house.sees(
        type="member.role_changed", by="owner", target="member", change=Change(field="role", new="member")
    )
    assert not faults("registry.roles", case, registered_administrators=True)


@pytest.mark.parametrize("role", ["administrator", "owner"])
def test_a_role_that_a_message_shows_and_the_fleet_does_not_know_is_a_fault(role: str) -> None:
    house = House()
    case = house.sees("早", role=role)
    assert case.news
    assert [one.subject.id for one in faults("registry.roles", case, "member", registered_administrators=True)] == [
        "member"
    ]
    case = house.sees("早", role="member")
    assert case.news
    assert not faults("registry.roles", case, "member", registered_administrators=True)


@pytest.mark.parametrize(("by", "role"), [("owner", "owner"), ("keeper", "administrator"), ("member", "member")])
def test_a_role_that_the_fleet_knows_is_none(by: str, role: str) -> None:
    assert not faults("registry.roles", House().sees("早", by=by, role=role), registered_administrators=True)


def test_without_a_register_nobody_is_missing_from_it() -> None:
    house = House(group=a_group(owner=None, administrators=()))
    assert not faults("registry.roles", house.sees("早", role="owner"), registered_administrators=True)


def test_an_administrator_is_of_the_office() -> None:
    assert roles(House(), administrator_departments=("办公室",)) == []
    house = House(group=a_group(administrators=("keeper", "finance")))
    assert roles(house, administrator_departments=("办公室",)) == [("finance", True)]
    unsaid = msgspec.structs.replace(MEMBER, department=None)
    house = House(people=(*PEOPLE[:3], unsaid), group=a_group(administrators=("member",)))
    assert roles(house, administrator_departments=("办公室",)) == [("member", False)]


@pytest.mark.parametrize(("days", "late"), [(0, False), (1.5, False), (2, True), (30, True)])
def test_a_group_ends_with_its_work(days: float, late: bool) -> None:
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact("work_ended_at", START))
    case = house.sees("早", at=int(days * DAY))
    assert bool(faults("lifecycle.expiry", case, within={"working_days": 1})) == late


def test_a_dissolved_group_has_ended() -> None:
    house = House(group=a_group(facts={"work_ended_at": "2026-01-05"}))
    assert faults("lifecycle.expiry", house.sees("早"))
    assert not faults("lifecycle.expiry", house.sees(type="group.dissolved", by="owner"))
    ended = House(group=a_group(status="dissolved", facts={"work_ended_at": "2026-01-05"}))
    assert not faults("lifecycle.expiry", ended.sees("早"))


@pytest.mark.parametrize(
    ("open_", "violation", "removed"), [(True, "v1", True), (False, "v1", False), (True, "v2", False)]
)
def test_only_the_fault_that_was_reminded_of_and_still_stands_has_consequences(
    open_: bool, violation: str, removed: bool
) -> None:
    house = House()
    house.state.faults["f"] = StandingFault(violation_id=violation, since=START, open=open_)
    house.state.deadlines["d"] = Deadline(
        id="d", clause="clause-1", binding=0, subject="member", cause="v1", due_at=START, data={"fault": "f"}
    )
    found = overdue("fault.unmended", house.sees("早", at=1), of="clause-0")
    assert [one.subject.id for one in found] == (["member"] if removed else [])
