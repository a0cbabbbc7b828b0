"""Who is in a group, who should be, and who brought them in."""

from typing import Any

import msgspec
import pytest
from cases import GROUP, HOUR, MEMBER, PEOPLE, START, House, faults, found

from models import Fact, Group, Person, Target

DAILY = {"within": {"days": 1}}


def surplus(house: House, *, at: int = 0, by: str = "owner", **params: Any) -> list[str]:
    return [one.subject.id for one in faults("roster.difference", house.sees("早", by=by, at=at), **params)]


def with_member(**given: Any) -> House:
    changed = msgspec.structs.replace(MEMBER, **given)
    return House(people=tuple(changed if one is MEMBER else one for one in PEOPLE))


@pytest.mark.parametrize(
    ("given", "hours", "stays"),
    [
        ({"status": "left", "left_at": START - 30 * HOUR}, 0, False),
        ({"status": "left", "left_at": START}, 23, True),
        ({"status": "left", "left_at": START}, 24, False),
        ({"status": "left", "left_at": None}, 0, False),
        ({"status": "left", "left_at": "2026-11-18"}, 0, True),
        ({"status": "left", "left_at": "2026-11-17"}, 0, False),
        ({"status": "transferred", "transferred_at": START - 30 * HOUR}, 0, False),
        ({"status": "transferred", "transferred_at": START + 30 * HOUR}, 0, True),
        ({"status": "probation"}, 0, True),
    ],
)
def test_who_left_is_out_within_a_day(given: dict[str, Any], hours: int, stays: bool) -> None:
    assert (surplus(with_member(**given), at=hours * HOUR, **DAILY) == []) == stays


def test_who_went_with_the_group_is_no_longer_surplus() -> None:
    house = with_member(status="left", left_at=START - 30 * HOUR)
    house.sees(type="member.removed", by="owner", target="phone")
    assert surplus(house) == []


def test_a_stranger_is_in_the_group_once_he_joins_or_posts() -> None:
    for given in ({"type": "member.joined", "by": None, "target": "guest"}, {"text": "大家好", "by": "guest"}):
        house = House()
        assert house.sees(**given).news == (given.get("by") == "guest")
        assert surplus(house) == ["jsonl:guest"]
        house.sees(type="member.left", by="guest")
        assert surplus(house) == []


def test_a_late_message_does_not_bring_a_stranger_back() -> None:
    house = House()
    house.sees("大家好", by="guest")
    house.sees(type="member.left", by="guest", at=2 * HOUR)
    house.sees("再见", by="guest", at=HOUR)
    assert surplus(house) == []


def test_robots_customers_and_role_holders_are_expected() -> None:
    customer = Person(id="c1", name="李客户", tags=("customer",))
    house = House(people=(*PEOPLE, customer), group=msgspec.structs.replace(GROUP, publishers=("new-clerk",)))
    house.sees("日报", by="bot", scope="robot")
    house.sees("您好", by="c1")
    house.sees("通知", by="new-clerk")
    assert surplus(house) == []


def test_without_a_directory_nobody_is_a_stranger() -> None:
    assert surplus(House(people=()), by="guest") == []


def test_a_stranger_is_called_what_he_calls_himself() -> None:
    case = House().sees(type="member.joined", by="guest", target=Target("guest", "老马"))
    [finding] = faults("roster.difference", case)
    assert finding.explanation.startswith("老马不在名录中")


def test_who_left_with_one_account_and_posts_with_another_is_still_there() -> None:
    house = House()
    house.sees(type="member.left", by="phone")
    assert missing(house) == ["member"]
    house.sees("还在", by="tablet", at=HOUR)
    assert missing(house) == []


def missing(house: House) -> list[str]:
    return [one.subject.id for one in faults("roster.must_join", house.sees("早", by="owner"))]


def without_member(**given: Any) -> Group:
    return msgspec.structs.replace(GROUP, members=tuple(one for one in GROUP.members if one != "member"), **given)


def test_everybody_has_to_join() -> None:
    assert missing(House()) == []
    assert missing(House(group=without_member())) == ["member"]


def test_a_recorded_exception_excuses_from_joining() -> None:
    assert missing(House(group=without_member(facts={"join_exception:member": "病假"}))) == []
    house = House(group=without_member())
    house.sees(type="task.stated", by="owner", fact=Fact("join_exception", True, person="phone"))
    assert missing(house) == []


@pytest.mark.parametrize("given", [{"status": "left"}, {"tags": ("customer",)}])
def test_leavers_and_customers_need_not_join(given: dict[str, Any]) -> None:
    assert missing(House(people=with_member(**given).people, group=without_member())) == []


def test_people_of_another_organisation_need_not_join() -> None:
    def elsewhere(pack: str | None) -> Group:
        return Group(id="g2", pack=pack, members=("member",))

    assert missing(House(group=without_member(pack="bureau"), others=(elsewhere("factory"),))) == []
    assert missing(House(group=without_member(pack="bureau"), others=(elsewhere("bureau"),))) == ["member"]


def test_a_group_without_a_list_of_members_is_not_compared() -> None:
    assert missing(House(group=msgspec.structs.replace(GROUP, members=()))) == []


def invited(house: House, by: str, target: str = "guest", **params: Any) -> list[tuple[str, bool]]:
    case = house.sees(type="member.invited", by=by, target=target)
    return [(one.subject.id, one.certain) for one in found("member.invitation", case, **params)]


@pytest.mark.parametrize(("by", "right"), [("owner", True), ("keeper", True), ("member", False), ("leader", False)])
def test_strangers_come_in_by_owner_and_administrators_only(by: str, right: bool) -> None:
    assert invited(House(), by) == ([] if right else [(by, True)])


def test_the_gate_may_be_the_owner_alone() -> None:
    assert invited(House(), "keeper", "finance", gate=("owner",), of="anyone") == [("keeper", True)]
    assert invited(House(), "owner", "finance", gate=("owner",), of="anyone") == []


def test_a_manager_answers_for_the_group() -> None:
    assert invited(House(group=msgspec.structs.replace(GROUP, managers=("member",))), "phone") == []


def test_a_customer_is_a_stranger_and_a_colleague_is_none() -> None:
    house = House(people=(*PEOPLE, Person(id="c1", name="李客户", tags=("customer",))))
    assert invited(house, "member", "c1") == [("member", True)]
    assert invited(house, "member", "finance") == []


def test_inviting_and_joining_are_one_offence() -> None:
    house = House()
    assert len(invited(house, "member")) == 1
    assert not found("member.invitation", house.sees(type="member.joined", by="member", target="guest"))
    house.sees(type="member.left", by="guest")
    again = house.sees(type="member.joined", by="member", target="guest")
    assert len(found("member.invitation", again)) == 1


def test_who_joins_by_himself_was_brought_in_by_nobody() -> None:
    for by in ("guest", None):
        assert not found("member.invitation", House().sees(type="member.joined", by=by, target="guest"))


@pytest.mark.parametrize("name", ["invite_consent", "leader_consent"])
def test_consent_on_record_opens_the_gate_for_one_person(name: str) -> None:
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact(name, True, person="guest"))
    assert invited(house, "member") == []
    assert invited(house, "member", "other-guest") == [("member", True)]


@pytest.mark.parametrize(
    ("facts", "right"), [({"invite_consent": True}, True), ({"dissolution_consent": {"ref": "1"}}, False)]
)
def test_consent_for_the_whole_group_is_consent_to_invite(facts: dict[str, Any], right: bool) -> None:
    assert (invited(House(group=msgspec.structs.replace(GROUP, facts=facts)), "member") == []) == right


def test_where_nobody_is_known_nobody_is_accused() -> None:
    assert invited(House(people=()), "member") == [("member", False)]
    nobodys = msgspec.structs.replace(GROUP, owner=None, administrators=())
    assert invited(House(group=nobodys), "member") == [("member", False)]


def test_an_owner_without_an_entry_is_still_the_owner() -> None:
    assert invited(House(group=msgspec.structs.replace(GROUP, owner="boss")), "boss") == []


STOREKEEPER = Person(id="store", name="马超", department="仓储部")


@pytest.mark.parametrize(
    ("given", "department", "related"),
    [
        ({}, "仓储部", False),
        ({}, "生产部", True),
        ({"members": ()}, "仓储部", True),
        ({"facts": {"member_range": "全体员工"}}, "仓储部", True),
        ({"facts": {"member_range": "生产部、仓储部"}}, "仓储部", True),
        ({"name": "仓储部工作群"}, "仓储部", True),
    ],
)
def test_a_colleague_is_unrelated_only_where_nothing_ties_him_to_the_group(
    given: dict[str, Any], department: str, related: bool
) -> None:
    colleague = msgspec.structs.replace(STOREKEEPER, department=department)
    house = House(people=(*PEOPLE, colleague), group=msgspec.structs.replace(GROUP, **given))
    assert (invited(house, "member", "store", of="unrelated") == []) == related


def joined(house: House, target: str, by: str | None = None) -> list[str]:
    case = house.sees(type="member.joined", by=by, target=target)
    return [one.subject.id for one in found("member.invitation", case, of="unrelated", uninvited=True)]


def test_who_comes_by_himself_into_an_unrelated_group_is_asked_about() -> None:
    house = House(people=(*PEOPLE, STOREKEEPER))
    assert joined(house, "store") == joined(house, "store", by="store") == ["store"]
    assert joined(house, "store", by="member") == []
    assert joined(house, "member") == []
    assert joined(house, "guest") == []


def test_who_was_invited_did_not_come_by_himself() -> None:
    house = House(people=(*PEOPLE, STOREKEEPER))
    invited(house, "owner", "store")
    assert joined(house, "store", by="store") == []


def removed(by: str, account: str | None = None, **params: Any) -> list[str]:
    case = House().sees(type="member.removed", by=by, target="member", account=account)
    return [one.explanation for one in found("member.invitation", case, gate=("owner",), of="anyone", **params)]


def test_where_the_gate_is_for_leaving_too_only_the_owner_asks_out() -> None:
    assert removed("keeper") == []
    assert removed("keeper", removals=True) == ["未经群主同意将人员移出群聊"]
    assert removed("owner", removals=True) == []
    assert removed("bot", account="bot", removals=True) == []
