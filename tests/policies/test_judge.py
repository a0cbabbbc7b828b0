"""Judging a group as it stands: each fault counts once, and only while something is owed."""

from typing import Any

import msgspec
from cases import DAY, GROUP, HOUR, House, a_pack

from models import Change, Signal, Violation
from policies.judge import CompiledPack, due_deadlines, judge, judge_due

FILING = {"rule": "registry.filing", "with": {"fields": ["filed_at"]}}
DECLARED = {"rule": "group.name", "with": {"declared": True}}
NAMES = {"rule": "name.format", "with": {"form": "real_name"}, "response": {"mend_within": {"working_days": 1}}}
UNMENDED = {"rule": "fault.unmended", "with": {"of": "p-1"}, "ladder": "out"}
QUESTIONS = {"rule": "deadline.reply", "with": {"within": {"hours": 2}}, "mode": "assisted"}


def judged(house: House, pack: CompiledPack, text: str | None = "早", **given: Any) -> list[Violation]:
    """Everything found when the group sees this, of dates that passed and of what it is itself."""
    case = house.sees(text, **given)
    late: list[Violation] = []
    for place, deadline in due_deadlines(case, case.now):
        case.state.deadlines.end(place, deadline)
        late += judge_due(case, pack, place, deadline).violations
    return late + judge(case, pack).violations


def renamed(house: House, pack: CompiledPack, name: str, **given: Any) -> list[Violation]:
    return judged(house, pack, None, type="group.renamed", by="owner", change=Change(field="name", new=name), **given)


def test_a_fault_counts_once_until_it_is_mended() -> None:
    house, pack = House(), a_pack({"p-1": [DECLARED]})
    found = [
        renamed(house, pack, name, at=at * HOUR) for at, name in enumerate(("吃瓜群", "闲聊群", "生产工作群", "吃瓜群"))
    ]
    assert [len(one) for one in found] == [1, 0, 0, 1]
    assert found[0][0].id != found[3][0].id


def test_two_rules_of_one_clause_find_two_faults() -> None:
    house, pack = House(), a_pack({"p-1": [FILING, DECLARED]})
    first, second = judged(house, pack), renamed(house, pack, "吃瓜群", at=HOUR)
    assert [one.rule for one in (*first, *second)] == ["registry.filing", "group.name"]
    assert first[0].id != second[0].id


def test_in_a_dissolved_group_nothing_is_owed() -> None:
    pack = a_pack({"p-1": [FILING, QUESTIONS]})
    ended = House(group=msgspec.structs.replace(GROUP, status="dissolved"))
    assert judged(ended, pack) == []
    house = House(group=msgspec.structs.replace(GROUP, facts={"filed_at": "2026-01-05"}))
    assert judged(house, pack, "几点开会?") == []
    assert judged(house, pack, None, type="group.dissolved", by="owner", at=HOUR) == []
    assert judged(house, pack, None, type="clock.tick", by=None, at=DAY) == []
    assert house.state.audited_on == "2026-11-19"


def test_a_nickname_mended_in_time_has_no_consequence() -> None:
    pack = a_pack({"p-1": [NAMES], "p-2": [UNMENDED]})
    for mended, clauses in ((False, ["p-2"]), (True, [])):
        house = House()
        assert [one.clause for one in judged(house, pack, card="阿强")] == ["p-1"]
        assert judged(house, pack, card="陈志强" if mended else "阿强", at=HOUR) == []
        late = judged(house, pack, None, type="clock.tick", by=None, at=3 * DAY)
        assert [one.clause for one in late] == clauses


def test_an_answer_in_the_millisecond_of_the_deadline_is_in_time() -> None:
    pack = a_pack({"p-1": [QUESTIONS]})
    for late, count in ((0, 0), (1, 1)):
        house = House()
        judged(house, pack, "几点开会?")
        assert len(judged(house, pack, "两点", by="owner", at=2 * HOUR + late)) == count
    house = House()
    judged(house, pack, "几点开会?")
    assert len(judged(house, pack, None, type="clock.tick", by=None, at=2 * HOUR)) == 1


def test_what_nobody_is_named_for_is_held_against_nobody() -> None:
    pack = a_pack({"p-1": [{"rule": "content.category", "with": {"category": "red_packet"}, "ladder": "out"}]})
    for by, kind, certain in (("member", "member", True), (None, "message", False)):
        case = House().sees(by=by, kind="red_packet")
        case.signals = (Signal("kinds@1", "red_packet", 1.0),)
        found = judge(case, pack)
        assert [one.subject.kind for one in (found.violations if certain else found.uncertain)] == [kind]
        assert bool(found.violations) == certain
