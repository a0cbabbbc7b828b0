"""What is kept of a group: open deadlines in order, whatever was read of them, in the form of today and in the first one."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from policies.state import Deadline, GroupState

NAMES = [f"d{number}" for number in range(8)]
TIMES = some.integers(0, 6)
DATA: some.SearchStrategy[dict[str, Any]] = some.dictionaries(
    some.sampled_from(["answered", "to"]), some.lists(some.text()), max_size=2
)
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("set"), some.sampled_from(NAMES), TIMES, DATA),
        some.tuples(some.just("end"), some.sampled_from(NAMES)),
        some.tuples(some.just("due"), TIMES),
        some.tuples(some.just("answer"), some.sampled_from(NAMES), some.text()),
        some.tuples(some.just("read")),
        some.tuples(some.just("store")),
    ),
    max_size=30,
)


def a_deadline(name: str, due_at: int, data: dict[str, Any]) -> Deadline:
    return Deadline(id=name, clause="p-1", binding=0, subject="u1", cause="om", due_at=due_at, data=data)


def stored(state: GroupState) -> GroupState:
    return msgspec.json.decode(msgspec.json.encode(state), type=GroupState)


def as_at_first(one: Deadline) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("id", "clause", "binding", "subject", "cause", "due_at", "data")}


def in_order(model: dict[str, Deadline]) -> list[Deadline]:
    return sorted(model.values(), key=lambda one: one.due_at)


@given(STEPS)
def test_deadlines_are_the_same_however_much_of_them_was_read(steps: list[Any]) -> None:
    state, model = GroupState(), dict[str, Deadline]()
    for what, *given_ in steps:
        match what, given_:
            case "set", (name, due_at, data):
                model.pop(name, None)
                model[name] = a_deadline(name, due_at, dict(data))
                state.deadlines[name] = a_deadline(name, due_at, dict(data))
            case "end", (name,):
                assert (state.deadlines.pop(name, None) is None) == (model.pop(name, None) is None)
            case "due", (time,):
                assert state.deadlines.before(time) == [one for one in in_order(model) if one.due_at < time]
            case "answer", (name, text):
                assert (name in state.deadlines) == (name in model)
                if name in model:
                    for one in (model[name], state.deadlines[name]):
                        one.data.setdefault("answered", []).append(text)
            case "read", _:
                assert state.deadlines.values() == in_order(model)
            case _:
                state = stored(state)
        assert len(state.deadlines) == len(model)
        assert state.deadlines.next_due == min((one.due_at for one in model.values()), default=None)
    assert dict(stored(state).deadlines) == model
    assert list(state.deadlines) == [one.id for one in in_order(model)]


@given(some.dictionaries(some.sampled_from(NAMES), some.tuples(TIMES, DATA)))
def test_a_state_of_the_first_form_is_read(kept: dict[str, tuple[int, dict[str, Any]]]) -> None:
    model = {name: a_deadline(name, due_at, data) for name, (due_at, data) in kept.items()}
    first = {"audited_on": "2026-05-29", "deadlines": {name: as_at_first(one) for name, one in model.items()}}
    state = msgspec.json.decode(msgspec.json.encode(first), type=GroupState)
    assert state.deadlines.values() == in_order(model)
    assert stored(state).deadlines.values() == in_order(model)
    assert msgspec.json.encode(stored(state)) == msgspec.json.encode(state)


def test_a_state_without_deadlines_says_nothing_of_them() -> None:
    state = GroupState(audited_on="2026-05-29")
    state.deadlines["d1"] = a_deadline("d1", 5, {})
    del state.deadlines["d1"]
    assert msgspec.json.encode(state) == b'{"audited_on":"2026-05-29"}'
