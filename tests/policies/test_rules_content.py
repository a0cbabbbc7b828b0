"""Who posts again and again what is forbidden."""

from typing import Any

import pytest
from cases import House, found
from measuring import sees

from policies.calendar import DAY
from policies.rules import RULES

JOKE = "昨晚那妞身材真带劲,腿都软了哈哈"
OFTEN = {"category": ["porn", "ads"], "times": 3, "within": {"days": 30}}


def often(house: House, text: str = JOKE, day: int = 0, **said: Any) -> list[str]:
    findings = found("content.repeated", sees(house, text, at=day * DAY, **said), **OFTEN)
    assert not any(one.certain for one in findings)
    return [one.explanation for one in findings]


def test_the_third_of_a_month_is_asked_about() -> None:
    house = House()
    assert [len(often(house, day=day)) for day in (0, 10, 20, 29)] == [0, 0, 1, 1]


def test_what_is_older_than_the_span_is_forgotten() -> None:
    house = House()
    assert [len(often(house, day=day)) for day in (0, 31, 62, 93)] == [0, 0, 0, 0]
    assert len(house.state.lately) == 1


def test_each_counts_for_himself_and_other_messages_not_at_all() -> None:
    house = House()
    assert [len(often(house, by=by)) for by in ("member", "finance", "member")] == [0, 0, 0]
    assert not often(house, "今天产量已报")
    assert often(house)


def test_an_edit_is_not_counted_twice() -> None:
    house = House()
    first = sees(house, JOKE)
    assert [len(found("content.repeated", first, **OFTEN)) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("value", [True, None])
def test_what_else_is_to_be_known_of_the_person_is_told(value: bool | None) -> None:
    house = House()
    if value:
        house.state.facts["not_taking_part:member"] = value
    told = [one for _ in range(3) for one in _with_fact(house)]
    assert [("另有登记" in one) for one in told] == [bool(value)]


def _with_fact(house: House) -> list[str]:
    findings = found("content.repeated", sees(house, JOKE), **OFTEN, fact="not_taking_part")
    return [one.explanation for one in findings]


def test_without_a_detector_the_binding_is_blind() -> None:
    rule = RULES["content.repeated"]
    assert rule.blind(rule.Params(category="weather"))
    assert rule.blind(rule.Params(category=("weather", "porn"))) is None
