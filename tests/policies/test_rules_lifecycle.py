"""How a group ends, who may end it, and whether anybody still uses it."""

from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, HOUR, START, House, a_pack, faults, found

from models import Fact, Group
from policies.judge import judge
from policies.state import GroupState


def a_group(**given: Any) -> Group:
    return msgspec.structs.replace(GROUP, **given)


def explained(rule: str, house: House, at: int = 0, **params: Any) -> list[str]:
    case = house.sees(type="clock.tick", by=None, at=at)
    return [one.explanation for one in faults(rule, case, **params)]


# lifecycle.expiry


@pytest.mark.parametrize(("days", "late"), [(0, False), (1.5, False), (2, True), (30, True)])
def test_a_group_ends_with_its_work(days: float, late: bool) -> None:
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact("work_ended_at", START))
    case = house.sees("早", at=int(days * DAY))
    assert bool(faults("lifecycle.expiry", case, within={"working_days": 1})) == late


def test_three_working_days_end_with_the_third() -> None:
    # Monday to the end of Thursday.
    house = House(group=a_group(facts={"work_ended_at": "2026-11-16"}))
    for at, late in ((DAY + 14 * HOUR, False), (DAY + 16 * HOUR, True)):
        assert bool(explained("lifecycle.expiry", house, at, within={"working_days": 3})) == late


def test_at_once_is_at_once() -> None:
    house = House()
    house.sees(type="task.stated", by="owner", fact=Fact("work_ended_at", START))
    assert explained("lifecycle.expiry", house, 1, within={}) == ["核心工作已结束，本群超过期限仍未解散"]
    assert explained("lifecycle.expiry", house, 0, within={}) == []


def test_a_day_without_a_time_is_not_late_before_it_is_over() -> None:
    house = House(group=a_group(facts={"work_ended_at": "2026-11-18"}))
    for at, late in ((0, False), (14 * HOUR, False), (15 * HOUR, True)):
        assert bool(explained("lifecycle.expiry", house, at, within={"hours": 0})) == late


def test_a_dissolved_group_has_ended() -> None:
    house = House(group=a_group(facts={"work_ended_at": "2026-01-05"}))
    assert faults("lifecycle.expiry", house.sees("早"))
    assert not faults("lifecycle.expiry", house.sees(type="group.dissolved", by="owner"))
    ended = House(group=a_group(status="dissolved", facts={"work_ended_at": "2026-01-05"}))
    assert not faults("lifecycle.expiry", ended.sees("早"))


OA: dict[str, Any] = {"mended_by": "cancel_flow_started_at", "duty": "发起注销流程", "types": ["temporary", "临时"]}


@pytest.mark.parametrize(
    ("type_", "facts", "told"),
    [
        ("临时工作群", {}, ["核心工作已结束，本群超过期限仍未发起注销流程"]),
        ("temporary", {"cancel_flow_started_at": "2026-11-17"}, []),
        ("temporary", {"cancel_flow_started_at": None}, ["核心工作已结束，本群超过期限仍未发起注销流程"]),
        ("public", {}, []),
    ],
)
def test_what_mends_it_besides_dissolution(type_: str, facts: dict[str, Any], told: list[str]) -> None:
    house = House(group=a_group(type=type_, facts={"work_ended_at": "2026-11-05", **facts}))
    assert explained("lifecycle.expiry", house, **OA) == told


@pytest.mark.parametrize(
    "written", ["1960-01-01", "2150-01-01", "9999-12-31", "soon", 10**15, -5, True, {"date": 1}, []]
)
def test_no_date_ends_no_work(written: Any) -> None:
    assert explained("lifecycle.expiry", House(group=a_group(facts={"work_ended_at": written}))) == []


def test_beyond_the_years_of_the_public_calendar_weekdays_count() -> None:
    # Friday 2060-11-19; working days are Monday to Wednesday.
    house = House(group=a_group(facts={"work_ended_at": "2060-11-19"}))
    wednesday = 2_868_498_000_000 - START
    assert explained("lifecycle.expiry", house, wednesday, within={"working_days": 3}) == []
    assert explained("lifecycle.expiry", house, wednesday + DAY, within={"working_days": 3})


# lifecycle.dissolution


def dissolved(house: House, sender: str | None = "owner", **params: Any) -> list[tuple[str, str]]:
    case = house.sees(type="group.dissolved", by=sender)
    return [(one.subject.kind, one.explanation) for one in found("lifecycle.dissolution", case, **params)]


def test_a_group_is_dissolved_with_consent_only() -> None:
    params = {"by": "分管扶贫领导", "cancel": "报办公室撤案"}
    told = "本群已解散，未见分管扶贫领导同意解散的记录，解散后报办公室撤案"
    assert dissolved(House(), **params) == [("owner", told)]
    assert dissolved(House(), "member", **params) == [("member", told)]
    # Only an owner can dissolve it where the platform does not say who did.
    assert dissolved(House(), None, **params) == [("owner", told)]
    assert dissolved(House(group=a_group(owner=None)), None, **params) == [("group", told)]


@pytest.mark.parametrize(
    ("consent", "given"),
    [
        ({"approver": "leader", "date": "2026-11-01", "ref": "纪要12号"}, True),
        (True, True),
        ("2026-11-01", True),
        ({"approver": None, "date": None}, False),
        (None, False),
        (" ", False),
    ],
)
def test_consent_on_record(consent: Any, given: bool) -> None:
    assert (dissolved(House(group=a_group(facts={"dissolution_consent": consent}))) == []) == given


def test_consent_may_be_stated_in_time() -> None:
    house = House()
    house.sees(type="task.stated", by="leader", fact=Fact("party_decision", True))
    assert dissolved(house, fact="party_decision") == []
    assert dissolved(house)


@pytest.mark.parametrize(
    ("initiator", "by", "right"),
    [
        ("member", "member", True),
        ("陈志强", "member", True),
        ("member", "owner", False),
        (None, "owner", True),
        (None, "member", False),
    ],
)
def test_who_started_a_temporary_group_ends_it(initiator: str | None, by: str, right: bool) -> None:
    house = House(group=a_group(facts={"initiator": initiator}))
    assert (dissolved(house, by, by_initiator=True) == []) == right


def test_dissolution_is_for_the_types_it_names() -> None:
    assert dissolved(House(), types=["扶贫"]) == []
    assert dissolved(House(), except_types=["department"]) == []
    assert dissolved(House(), types=["department"])
    assert dissolved(House(known=False)) == []


# lifecycle.idle and lifecycle.busy


def writes(house: House, rule: str, *days: int, **given: Any) -> None:
    for day in days:
        assert found(rule, house.sees("进度见附件", at=day * DAY, **given)) == []


QUIET = {"after": {"days": 30}}


@pytest.mark.parametrize(("day", "asked"), [(29, False), (35, True)])
def test_a_silent_group_raises_a_question(day: int, asked: bool) -> None:
    house = House()
    writes(house, "lifecycle.idle", 0, 3)
    told = ["本群长期无人发言，请核实工作是否已结束、是否仍需保留"] if asked else []
    assert explained("lifecycle.idle", house, day * DAY, **QUIET) == told


def test_a_word_in_between_keeps_it_awake_but_a_robots_does_not() -> None:
    house = House()
    writes(house, "lifecycle.idle", 0)
    writes(house, "lifecycle.idle", 25, by="bot", scope="robot")
    assert explained("lifecycle.idle", house, 40 * DAY, **QUIET)
    writes(house, "lifecycle.idle", 25)
    assert not explained("lifecycle.idle", house, 40 * DAY, **QUIET)


def test_a_group_in_which_nobody_ever_wrote_is_silent_since_it_is_watched() -> None:
    house = House()
    assert explained("lifecycle.idle", house, **QUIET) == []
    assert explained("lifecycle.idle", house, 29 * DAY, **QUIET) == []
    assert explained("lifecycle.idle", house, 31 * DAY, **QUIET)


@pytest.mark.parametrize("fact", ["kept", "work_ended_at"])
def test_what_is_known_is_not_asked(fact: str) -> None:
    house = House(group=a_group(facts={fact: "2026-11-30"}))
    writes(house, "lifecycle.idle", 0)
    assert explained("lifecycle.idle", house, 90 * DAY, **QUIET) == []


@pytest.mark.parametrize("rule", ["lifecycle.idle", "lifecycle.busy"])
def test_idle_and_busy_are_for_the_types_they_name(rule: str) -> None:
    house = House(group=a_group(type="讨论组"))
    writes(house, rule, 0, 1)
    params = {"after": {"days": 30}} if rule == "lifecycle.idle" else {"days": 2, "within": 62}
    assert explained(rule, house, 32 * DAY, types=["讨论组", "discussion"], **params)
    assert not explained(rule, house, 32 * DAY, types=["temporary"], **params)
    assert not explained(rule, house, 32 * DAY, except_types=["讨论组"], **params)


@pytest.mark.parametrize(
    ("days", "busy"),
    [(range(20), True), (range(10), True), (range(9), False), (range(0, 40, 4), False), ([0] * 30, False)],
)
def test_a_group_in_daily_use_should_be_a_regular_one(days: Any, busy: bool) -> None:
    house = House()
    writes(house, "lifecycle.busy", *days)
    assert bool(explained("lifecycle.busy", house, max(days) * DAY, days=10, within=30)) == busy


def test_use_of_former_months_does_not_count() -> None:
    house = House()
    writes(house, "lifecycle.busy", *range(10))
    for day, busy in ((9, True), (29, True), (30, False), (200, False)):
        assert bool(explained("lifecycle.busy", house, day * DAY, days=10, within=30)) == busy, day
    house.state.facts["upgraded_at"] = START
    assert not explained("lifecycle.busy", house, 9 * DAY, days=10, within=30)


def test_messages_that_come_late_count_on_their_own_day() -> None:
    house = House()
    writes(house, "lifecycle.busy", 5, 3, 4, 3, 0)
    assert house.state.last_message_on == "2026-11-23"
    assert explained("lifecycle.busy", house, 5 * DAY, days=4, within=30)
    assert not explained("lifecycle.busy", house, 5 * DAY, days=5, within=30)


def test_the_days_stay_small_and_are_omitted_where_nobody_asks() -> None:
    house = House()
    writes(house, "lifecycle.busy", *range(0, 400, 1))
    assert house.state.message_days == (1 << 62) - 1
    assert msgspec.json.decode(msgspec.json.encode(house.state), type=GroupState) == house.state
    assert b"message" not in msgspec.json.encode(GroupState())
    assert b"watched" not in msgspec.json.encode(GroupState())


def test_the_judge_asks_once_and_closes_the_question_with_the_next_message() -> None:
    pack = a_pack({"p-1": [{"rule": "lifecycle.idle", "with": QUIET, "mode": "assisted"}]})
    house = House()
    told = [
        len(judge(house.sees(text, type=kind, by=by, at=day * DAY), pack).violations)
        for day, kind, by, text in (
            (0, "message.created", "member", "早"),
            (31, "clock.tick", None, None),
            (32, "clock.tick", None, None),
            (33, "message.created", "member", "还在用"),
            (70, "clock.tick", None, None),
        )
    ]
    assert told == [0, 1, 0, 0, 1]
