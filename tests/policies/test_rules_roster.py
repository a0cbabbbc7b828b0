"""Who is in a group, who should be, and who brought them in."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, HOUR, MEMBER, PEOPLE, START, House, a_pack, faults, found

from models import Fact, Group, Mention, Person, Target
from models.observation import ReplyTo
from policies.judge import judge

DAILY: dict[str, Any] = {"within": {"days": 1}}


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


def test_who_goes_at_once_has_the_day_of_leaving() -> None:
    house = with_member(status="left", left_at="2026-11-18")
    assert [surplus(house, at=one * HOUR, only=["left"]) for one in (0, 14, 15)] == [[], [], ["member"]]
    assert closed(with_member(status="left", left_at="2026-11-18"), own="listed") == []


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


def test_who_joins_by_himself_may_stand_as_the_sender_alone() -> None:
    house = House()
    house.sees(type="member.joined", by="guest")
    assert surplus(house) == ["jsonl:guest"]


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


@pytest.mark.parametrize("named", ["phone", "member"])
def test_consent_names_somebody_by_his_account_or_as_the_directory_does(named: str) -> None:
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact("leader_consent", True, person=named))
    assert house.state.facts == {"leader_consent:member": True}


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
        ({"name": "公司公共群"}, "仓储部", True),
    ],
)
def test_a_colleague_is_unrelated_only_where_nothing_ties_him_to_the_group(
    given: dict[str, Any], department: str, related: bool
) -> None:
    assert related_to_group(given, department) == related


def test_two_listed_colleagues_of_a_department_tie_a_third_to_the_group() -> None:
    shop = [Person(id=f"shop{one}", name=f"何平{one}", department="仓储部") for one in "一二"]
    listed = {"members": (*GROUP.members, "shop一", "shop二")}
    assert related_to_group(listed, "仓储部", *shop)
    assert not related_to_group({"members": listed["members"][:-1]}, "仓储部", *shop)
    assert not related_to_group(listed, "财务部", *shop)
    assert related_to_group({"managers": ("shop一",)}, "仓储部", *shop)


def related_to_group(given: dict[str, Any], department: str, *more: Person) -> bool:
    colleague = msgspec.structs.replace(STOREKEEPER, department=department)
    house = House(people=(*PEOPLE, colleague, *more), group=msgspec.structs.replace(GROUP, **given))
    return invited(house, "member", "store", of="unrelated") == []


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


# --- whom a clause on the roster means -------------------------------------------------------------------------------

GONE: dict[str, Any] = {"status": "left", "left_at": START - 30 * HOUR}
MOVED: dict[str, Any] = {"status": "transferred", "transferred_at": START - 30 * HOUR}


@pytest.mark.parametrize(
    ("given", "only", "stays"),
    [
        (GONE, ["left"], False),
        (GONE, ["transferred", "stranger"], True),
        (MOVED, ["transferred"], False),
        (MOVED, ["left", "stranger", "unconfirmed"], True),
        ({"status": "probation"}, ["unconfirmed"], False),
        ({"status": "active"}, ["unconfirmed"], True),
    ],
)
def test_a_clause_means_only_those_it_names(given: dict[str, Any], only: list[str], stays: bool) -> None:
    assert (surplus(with_member(**given), only=only) == []) == stays


def test_strangers_are_meant_where_the_clause_names_them() -> None:
    house = House()
    house.sees("大家好", by="guest")
    assert surplus(house, only=["stranger"]) == ["jsonl:guest"]
    assert surplus(house, only=["left", "transferred", "unconfirmed"]) == []


@pytest.mark.parametrize("name", ["leader_consent", "join_approval"])
def test_a_trainee_is_in_with_a_leaders_consent_on_file(name: str) -> None:
    house = with_member(status="probation")
    house.sees(type="task.stated", by="owner", fact=Fact(name, True, person="phone"))
    assert surplus(house, only=["unconfirmed"]) == []


HANDOVER: dict[str, Any] = {"only": ["transferred"], "handover": ["handover_done"]}


def test_a_transferee_stays_until_the_handover_is_done() -> None:
    house = with_member(**MOVED)
    assert surplus(house, **HANDOVER) == []
    house.sees(type="task.stated", by="owner", fact=Fact("handover_done", False, person="phone"))
    assert surplus(house, **HANDOVER) == []
    house.sees(type="task.stated", by="owner", fact=Fact("handover_done", True, person="phone"))
    assert surplus(house, **HANDOVER) == ["member"]


@pytest.mark.parametrize(("hours", "stays"), [(47, True), (48, False)])
def test_the_days_after_a_handover_count_from_its_date(hours: int, stays: bool) -> None:
    house = with_member(**MOVED)
    house.sees(type="task.stated", by="owner", fact=Fact("handover_done", at=START, person="phone"))
    assert (surplus(house, at=hours * HOUR, **HANDOVER, within={"days": 2}) == []) == stays


def test_who_comes_in_is_known_by_the_directory_or_verified() -> None:
    house = House()
    house.sees(type="member.joined", by=None, target="guest")
    assert surplus(house, only=["unverified"]) == ["jsonl:guest"]
    house.sees(type="task.stated", by="owner", fact=Fact("identity_verified", True, person="guest"))
    assert surplus(house, only=["unverified"]) == []
    assert surplus(house, only=["stranger"]) == ["jsonl:guest"]


@pytest.mark.parametrize(
    ("params", "looked_at"),
    [
        ({}, True),
        ({"types": ["department"]}, True),
        ({"types": ["interest"]}, False),
        ({"except_types": ["department"]}, False),
        ({"except_types": ["interest"]}, True),
    ],
)
def test_a_clause_may_be_about_some_types_of_groups(params: dict[str, Any], looked_at: bool) -> None:
    assert (surplus(with_member(**GONE), **params) == ["member"]) == looked_at
    unrelated = House(people=(*PEOPLE, STOREKEEPER))
    assert (invited(unrelated, "member", "guest", **params) != []) == looked_at
    assert (len(faults("roster.must_join", House(group=without_member()).sees("早"), **params)) == 1) == looked_at
    case = House(people=PEOPLE[:3]).sees("早", by="owner")
    assert (len(faults("roster.closed", case, **params)) == 2) == looked_at


CLOCKED = {
    "clause-1": [{"rule": "roster.difference", "with": {"within": {"days": 1}}, "response": {"sanction": "task"}}]
}


def test_late_records_do_not_mend_what_is_due() -> None:
    pack, house = a_pack(CLOCKED), with_member(status="left", left_at=START)
    tick: dict[str, Any] = {"type": "clock.tick", "by": None}
    came: dict[str, Any] = {"type": "member.joined", "by": "owner", "target": "keeper"}
    steps = (
        (0, tick),
        (2 * DAY, tick),
        (DAY // 2, tick),
        (DAY // 2, came),
        (3 * DAY, tick),
        (DAY // 3, tick),
        (4 * DAY, came),
    )
    counts = [len(judge(house.sees(**given, at=at), pack).violations) for at, given in steps]
    assert counts == [0, 1, 0, 0, 0, 0, 0]


def test_a_late_leaving_still_mends_what_it_is_about() -> None:
    pack, house = a_pack(CLOCKED), with_member(status="left", left_at=START)
    judge(house.sees(type="clock.tick", by=None, at=2 * DAY), pack)
    judge(house.sees(type="member.left", by="member", at=DAY), pack)
    assert [one.open for one in house.state.faults.values()] == [False]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("date", [None, "", "不详", "0001-01-01", "1890-01-01", "9999-12-31"])
def test_a_leaver_without_a_readable_date_is_out_at_once(date: str | None) -> None:
    assert surplus(with_member(status="left", left_at=date), within={"working_days": 2}) == ["member"]


def test_working_days_beyond_the_calendars_years_are_monday_to_friday() -> None:
    house = with_member(status="left", left_at="2050-09-30")  # a Friday, before what would be a holiday
    due: dict[str, Any] = {"within": {"working_days": 2}}
    days = (int(datetime(2050, 10, 4, 23, 59, tzinfo=UTC).timestamp() * 1000) - START) // HOUR
    assert surplus(house, at=(days - 24) * HOUR, **due) == []
    assert surplus(house, at=(days + 24) * HOUR, **due) == ["member"]


def test_people_with_the_same_name_are_told_apart() -> None:
    other = Person(id="other", name="陈志强", department="仓储部")
    house = House(people=(*PEOPLE, other), group=without_member())
    told = [one.explanation for one in faults("roster.must_join", house.sees("早", by="owner"))]
    assert [one.partition("尚未")[0] for one in told] == ["陈志强（生产部）", "陈志强（仓储部）"]


# --- closed lists ----------------------------------------------------------------------------------------------------

CLERK = Person(id="clerk", name="吴敏", department="督查室", post="科员")
SECOND = Person(id="second", name="马超", department="督查室", post="科员")
ONE_CLERK: dict[str, Any] = {"limits": [{"department": "督查室", "most": 1}]}


def closed(house: House, **params: Any) -> list[tuple[str, bool]]:
    return [(one.subject.id, one.certain) for one in faults("roster.closed", house.sees("早", by="owner"), **params)]


def a_closed_group(*joiners: Person) -> House:
    house = House(people=(*PEOPLE, *joiners))
    for number, one in enumerate(joiners):
        house.sees(type="member.joined", by="owner", target=one.id, at=number)
    return house


def test_one_clerk_may_be_in_and_the_second_is_one_too_many() -> None:
    assert closed(a_closed_group(CLERK), **ONE_CLERK) == []
    assert closed(a_closed_group(CLERK, SECOND), **ONE_CLERK) == [("second", True)]
    assert closed(a_closed_group(SECOND, CLERK), **ONE_CLERK) == [("clerk", True)]
    assert closed(a_closed_group(CLERK, SECOND)) == []


def test_limits_of_posts_and_tags_count_likewise() -> None:
    assert closed(a_closed_group(CLERK, SECOND), limits=[{"post": "科员", "most": 2}]) == [("second", True)]
    tagged = [msgspec.structs.replace(one, tags=("督查",)) for one in (CLERK, SECOND)]
    assert closed(a_closed_group(*tagged), limits=[{"tag": "督查", "most": 1}]) == [("second", True)]


def test_own_people_are_the_directory_the_range_or_those_listed() -> None:
    colleague = Person(id="colleague", name="何平", department="综合部")
    for own, wrong in (("directory", []), ("range", ["clerk"]), ("listed", ["clerk", "colleague"])):
        assert sorted(one for one, _ in closed(a_closed_group(CLERK, colleague), own=own)) == wrong
    guest = House()
    guest.sees("大家好", by="guest")
    assert closed(guest, own="directory") == [("jsonl:guest", True)]


@pytest.mark.parametrize(
    "params",
    [{"departments": ["督查室"]}, {"posts": ["科员"]}, {"tags": ["督查"]}, {"leaders": True}, ONE_CLERK],
)
def test_categories_may_be_in_as_well(params: dict[str, Any]) -> None:
    clerk = msgspec.structs.replace(CLERK, tags=("督查", "leader"))
    assert closed(a_closed_group(clerk), own="listed", **params) == []
    other = Person(id="other", name="何平", department="仓储部", post="保管员")
    assert closed(a_closed_group(other), own="listed", **params) == [("other", True)]


def test_consent_on_record_is_an_exception_to_a_closed_list() -> None:
    house = a_closed_group(CLERK)
    assert closed(house, own="listed") == [("clerk", True)]
    house.sees(type="task.stated", by="owner", fact=Fact("leader_consent", True, person="clerk"))
    assert closed(house, own="listed") == []


def test_somebody_in_no_department_is_asked_about() -> None:
    nowhere = Person(id="nowhere", name="何平")
    assert closed(a_closed_group(nowhere), own="range") == [("nowhere", False)]
    assert missing_of(House(people=(*PEOPLE, nowhere)), of="range") == []


def test_a_leaver_is_nobody_of_the_own() -> None:
    assert closed(with_member(**GONE)) == [("member", True)]
    assert closed(with_member(status="left", left_at=START + DAY)) == []


def test_where_another_clause_gives_leavers_time_a_closed_list_lets_them_be() -> None:
    house = with_member(status="left", left_at=START - 30 * HOUR)
    assert faults("roster.closed", house.sees("早", by="owner"), own="directory", leavers=False) == []


def missing_of(house: House, **params: Any) -> list[str]:
    return [one.subject.id for one in faults("roster.must_join", house.sees("早", by="owner"), **params)]


@pytest.mark.parametrize(
    ("given", "missed"),
    [
        ({}, []),
        ({"name": "仓储部工作群"}, ["store"]),
        ({"facts": {"member_range": "仓储部、生产部"}}, ["member", "store"]),
        ({"facts": {"member_range": "全体员工"}}, ["member", "store"]),
        ({"name": "青山工作群", "owner": "store"}, []),
        ({"name": "青山工作群", "managers": ("member",)}, []),
        ({"name": "青山工作群", "managers": ("mate",)}, ["member"]),
    ],
)
def test_those_in_the_range_of_a_group_have_to_join(given: dict[str, Any], missed: list[str]) -> None:
    mate = Person(id="mate", name="何平", department="生产部")
    group = msgspec.structs.replace(without_member(), **{"name": "青山工作群", **given})
    extra = (STOREKEEPER, mate) if "mate" in given.get("managers", ()) else (STOREKEEPER,)
    assert missing_of(House(people=(*PEOPLE, *extra), group=group), of="range") == missed


@pytest.mark.parametrize(
    ("given", "days", "late"),
    [
        ({"joined_at": "2026-11-18"}, 1, False),
        ({"joined_at": "2026-11-18"}, 3, True),
        ({"joined_at": "2026-12-01"}, 3, False),
        ({"joined_at": "2020-01-01", "transferred_at": "2026-11-18"}, 1, False),
        ({"joined_at": "2020-01-01"}, 0, True),
        ({"joined_at": "1890-01-01"}, 0, True),
        ({}, 0, True),
    ],
)
def test_who_is_new_has_two_working_days_to_join(given: dict[str, Any], days: int, late: bool) -> None:
    house = House(people=with_member(**given).people, group=without_member())
    case = house.sees("早", by="owner", at=days * DAY)
    found_missing = faults("roster.must_join", case, within={"working_days": 2})
    assert (len(found_missing) == 1) == late


@pytest.mark.parametrize(
    ("joined_at", "meant"), [("2026-11-09", True), ("2026-09-01", False), ("2026-11-18", False), (None, False)]
)
def test_a_clause_on_changes_of_staff_is_not_about_who_has_long_been_missing(
    joined_at: str | None, meant: bool
) -> None:
    house = House(people=with_member(joined_at=joined_at).people, group=without_member())
    late = faults("roster.must_join", house.sees("早", by="owner"), within={"working_days": 2}, recent=True)
    assert (len(late) == 1) == meant


# --- who brings people in --------------------------------------------------------------------------------------------


def test_nobody_passes_a_gate_that_names_nobody() -> None:
    assert invited(House(), "owner", gate=[]) == [("owner", True)]
    case = House().sees(type="member.invited", by="owner", target="guest")
    [finding] = found("member.invitation", case, gate=[], consent=None)
    assert finding.explanation == "违反规定拉外部人员入群"


def test_where_outsiders_are_never_let_in_no_consent_helps() -> None:
    facts = {"invite_consent": True, "leader_consent:jsonl:guest": True}
    house = House(group=msgspec.structs.replace(GROUP, facts=facts))
    assert invited(house, "member", gate=[], consent=None) == [("member", True)]
    assert invited(house, "member", gate=[]) == []


def test_a_leader_or_the_persons_own_supervisor_may_be_the_gate() -> None:
    trainee = Person(id="new", name="何平", department="生产部", supervisor="finance")
    house = House(people=(*PEOPLE, trainee))
    for by, gate, right in (
        ("finance", ["supervisor"], True),
        ("owner", ["supervisor"], False),
        ("leader", ["leader"], True),
        ("finance", ["leader"], False),
    ):
        assert (invited(house, by, "new", gate=gate, of="anyone") == []) == right


def test_the_wording_names_who_has_to_approve() -> None:
    case = House().sees(type="member.invited", by="owner", target="guest")
    [finding] = found("member.invitation", case, gate=[], approver="单位领导")
    assert finding.explanation == "未经单位领导同意拉外部人员入群"


@pytest.mark.parametrize(
    ("of", "meant"),
    [
        ("strangers", ["guest"]),
        ("unrelated", ["store"]),
        ("outsiders", ["guest", "store"]),
        ("unconfirmed", ["new"]),
        ("anyone", ["guest", "store", "new", "mate"]),
    ],
)
def test_a_rule_on_invitations_is_about_some_people(of: str, meant: list[str]) -> None:
    new = Person(id="new", name="何平", department="生产部", status="probation")
    mate = Person(id="mate", name="吴敏", department="生产部")
    house = House(people=(*PEOPLE, STOREKEEPER, new, mate))
    assert [one for one in ("guest", "store", "new", "mate") if invited(house, "member", one, of=of)] == meant


@pytest.mark.parametrize("name", ["invite_exception", "leader_approval", "leader_consent"])
def test_an_exception_on_file_excuses(name: str) -> None:
    facts = {f"{name}:finance": "2026-11-01"}
    house = House(group=msgspec.structs.replace(GROUP, facts=facts))
    assert invited(house, "member", "finance", of="anyone") == []
    assert invited(house, "member", "leader", of="anyone") == [("member", True)]


def put_in(house: House, by: str | None, target: str = "finance") -> list[str]:
    case = house.sees(type="member.joined", by=by, target=target)
    return [one.subject.id for one in found("member.invitation", case, agreed=True)]


def test_nobody_is_put_into_a_group_without_his_own_consent() -> None:
    assert put_in(House(), "keeper") == ["keeper"]
    house = House(group=msgspec.structs.replace(GROUP, facts={"member_consent:finance": True}))
    assert put_in(house, "keeper") == []
    assert put_in(house, "keeper", "leader") == ["keeper"]


def test_whom_a_member_brings_in_is_another_clauses_matter() -> None:
    assert put_in(House(), "member") == []


def test_who_accepts_an_invitation_has_consented() -> None:
    house = House()
    case = house.sees(type="member.invited", by="keeper", target="finance")
    assert found("member.invitation", case, agreed=True) == []
    assert put_in(house, "finance") == put_in(house, None) == []


@pytest.mark.parametrize(
    ("given", "right"), [({}, False), (GONE, True), (MOVED, True), ({"left_at": START - DAY}, True)]
)
def test_leavers_may_be_cleared_without_approval(given: dict[str, Any], right: bool) -> None:
    params: dict[str, Any] = {"gate": [], "of": "anyone", "removals": True}
    case = with_member(**given).sees(type="member.removed", by="owner", target="member")
    assert (list(found("member.invitation", case, **params, may_clear=True)) == []) == right
    assert len(found("member.invitation", case, **params)) == 1


def test_unidentified_people_may_be_cleared_without_approval() -> None:
    case = House().sees(type="member.removed", by="owner", target="guest")
    assert found("member.invitation", case, gate=[], of="anyone", removals=True, may_clear=True) == []


# --- who goes --------------------------------------------------------------------------------------------------------


def left(house: House, *, at: int = HOUR, by: str | None = "member", **given: Any) -> list[bool]:
    params = {"objected": given.pop("objected")} if "objected" in given else {}
    case = house.sees(type="member.left", at=at, by=by, **given)
    return [one.certain for one in found("member.exit", case, **params)]


@pytest.mark.parametrize(
    ("given", "breach"),
    [
        ({}, True),
        ({"status": "probation"}, True),
        ({"status": "left"}, False),
        ({"status": "left", "left_at": START + 30 * DAY}, True),
        ({"left_at": START}, False),
        ({"left_at": START + 30 * DAY}, True),
        ({"status": "transferred", "transferred_at": "2026-11-18"}, False),
        ({"tags": ("customer",)}, False),
    ],
)
def test_who_is_on_the_staff_does_not_leave_by_himself(given: dict[str, Any], breach: bool) -> None:
    assert (left(with_member(**given)) == [True]) == breach


def test_who_is_removed_or_unknown_or_excused_did_not_leave() -> None:
    assert left(House(), by="owner", target="member") == []
    assert left(House(), by="guest") == []
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact("exit_consent", True, person="phone"))
    assert left(house) == []
    assert left(House(), by=None, target="phone") == [True]


def told_to_stop(text: str, *, by: str = "owner", said: str | None = "我要退群了", at: int = 0, **given: Any) -> House:
    house = House()
    for who, words, more in (("member", said, {}), (by, text, given)):
        if words:
            assert found("member.exit", house.sees(words, by=who, at=at, **more), objected=True) == []
    return house


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("请停止，不要退群", {}),
        ("有意见会上提，别跟班长抬杠", {}),
        ("@陈志强 不准退群", {"said": None, "mentions": (Mention(name="陈志强"),)}),
        ("别再发了", {"said": None, "mentions": (Mention(id="tablet"),)}),
        ("请立即停止", {"said": None, "reply_to": ReplyTo(quoted_sender="陈志强")}),
        ("陈志强同志，请停止发布与工作无关的内容", {"said": None, "by": "leader"}),
    ],
)
def test_after_an_objection_leaving_is_a_breach(text: str, given: dict[str, Any]) -> None:
    assert left(told_to_stop(text, **given), objected=True) == [True]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("好的，明天见", {}),
        ("请停止，不要退群", {"by": "finance"}),
        ("@郑敏 不准退群", {"mentions": (Mention(name="郑敏"),)}),
        ("请停止，不要退群", {"at": -4 * DAY}),
        ("请停止，不要退群", {"said": None}),
    ],
)
def test_without_an_objection_a_person_is_asked(text: str, given: dict[str, Any]) -> None:
    assert left(told_to_stop(text, **given), objected=True) == [False]


def test_an_objection_may_be_a_stated_fact() -> None:
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact("exit_objection", True, person="phone"))
    assert left(house, objected=True) == [True]
    assert left(house, by="finance", objected=True) == [False]


def test_of_two_people_with_the_same_name_neither_was_told() -> None:
    house = House(people=(*PEOPLE, Person(id="other", name="陈志强", department="仓储部")))
    found("member.exit", house.sees("陈志强 不准退群", by="owner"), objected=True)
    assert left(house, objected=True) == [False]


def test_objections_kept_are_few() -> None:
    crowd = tuple(Person(id=f"p{number}", name=f"员工{number:03}") for number in range(60))
    group = msgspec.structs.replace(GROUP, members=tuple(one.id for one in crowd))
    house = House(people=(*PEOPLE, *crowd), group=group)
    for one in crowd:
        found("member.exit", house.sees("请停止", by="owner", mentions=(Mention(id=one.id),)), objected=True)
    assert list(house.state.objected) == [f"p{number}" for number in range(40, 60)]


# --- who is silent ---------------------------------------------------------------------------------------------------

HALF_A_YEAR: dict[str, Any] = {"after": {"days": 180}}


def silent(house: House, days: int, by: str | None = "owner") -> list[str]:
    case = house.sees("早", by=by, at=days * DAY)
    found("member.inactive", case, **HALF_A_YEAR)
    return [one.subject.id for one in faults("member.inactive", case, **HALF_A_YEAR)]


def test_after_half_a_year_of_silence_the_department_is_asked() -> None:
    house = House()
    assert silent(house, 0, by="member") == []
    assert silent(house, 100, by="finance") == []
    assert silent(house, 179) == []
    assert silent(house, 180) == ["leader", "member"]
    [one] = [
        one for one in faults("member.inactive", house.sees("早", by="owner", at=180 * DAY)) if "陈" in one.explanation
    ]
    assert "请先向生产部核实" in one.explanation


def test_who_speaks_again_is_silent_no_more_and_late_words_change_nothing() -> None:
    house = House()
    silent(house, 0)
    found("member.inactive", house.sees("在的", by="member", at=179 * DAY), **HALF_A_YEAR)
    found("member.inactive", house.sees("在的", by="member", at=10 * DAY), **HALF_A_YEAR)
    assert "member" not in silent(house, 200)
    assert "member" in silent(house, 359)


@pytest.mark.parametrize("name", ["kept", "on_leave"])
def test_whom_the_department_keeps_nobody_asks_about_again(name: str) -> None:
    house = House()
    silent(house, 0)
    house.sees(type="task.stated", by="keeper", fact=Fact(name, "产假", person="phone"))
    assert silent(house, 180) == ["finance", "leader"]


def test_leavers_customers_and_strangers_are_not_asked_about() -> None:
    house = House(people=(*with_member(status="left").people, Person(id="c1", name="李客户", tags=("customer",))))
    for who in ("c1", "guest"):
        house.sees("您好", by=who)
    silent(house, 0)
    assert silent(house, 180) == ["finance", "leader"]


def test_silence_is_kept_for_members_only_and_to_the_hour() -> None:
    house = House()
    silent(house, 0)
    for minutes in range(0, 60, 10):
        found("member.inactive", house.sees("早", by="member", at=minutes * 60_000), **HALF_A_YEAR)
    assert house.state.spoke == dict.fromkeys(sorted(GROUP.members), START)
    house.sees(type="member.left", by="member", at=HOUR)
    silent(house, 1)
    assert "member" not in house.state.spoke
