"""Open deadlines are kept by place and in order, whatever was read of them."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from policies.deadlines import Deadline
from policies.state import GroupState

NAMES = [f"d{number}" for number in range(8)]
TIMES = some.integers(0, 6)
DATA: some.SearchStrategy[dict[str, Any]] = some.dictionaries(
    some.sampled_from(["answered", "to"]), some.lists(some.text()), max_size=2
)
STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("set"), some.sampled_from(NAMES), TIMES, DATA),
        some.tuples(some.just("end"), some.sampled_from(NAMES), TIMES),
        some.tuples(some.just("due"), TIMES),
        some.tuples(some.just("answer"), some.sampled_from(NAMES), some.text()),
        some.tuples(some.just("read"), some.sampled_from(NAMES)),
        some.tuples(some.just("store")),
    ),
    max_size=30,
)


def place_of(name: str) -> str:
    """One of three, by the name of a subject."""
    return f"p-1|{NAMES.index(name) % 3}"


def stored(state: GroupState) -> GroupState:
    return msgspec.json.decode(msgspec.json.encode(state), type=GroupState)


def in_order(model: dict[tuple[str, int], Deadline], place: str) -> list[Deadline]:
    return sorted((one for one in model.values() if place_of(one.subject) == place), key=lambda one: one.due_at)


@given(STEPS)
def test_deadlines_are_the_same_however_much_of_them_was_read(steps: list[Any]) -> None:
    state, model = GroupState(), dict[tuple[str, int], Deadline]()
    for what, *given_ in steps:
        match what, given_:
            case "set", (name, at, data):
                model.pop((name, at), None)
                model[name, at] = Deadline(at, name, "om", dict(data))
                state.deadlines.add(place_of(name), Deadline(at, name, "om", dict(data)))
            case "end", (name, at):
                model.pop((name, at), None)
                state.deadlines.end(place_of(name), Deadline(at, name, "om"))
            case "due", (time,):
                due = {(one.subject, one.due_at): (place, one) for place, one in state.deadlines.before(time)}
                assert due == {key: (place_of(key[0]), one) for key, one in model.items() if one.due_at < time}
            case "answer", (name, text):
                for one in (*model.values(), *(one for _, one in state.deadlines)):
                    if one.subject == name:
                        one.data.setdefault("answered", []).append(text)
            case "read", (name,):
                assert state.deadlines.of(place_of(name)) == in_order(model, place_of(name))
            case _:
                state = stored(state)
        assert len(state.deadlines) == len(model)
        assert set(state.deadlines.places) == {place_of(one.subject) for one in model.values()}
        assert state.deadlines.next_due == min((one.due_at for one in model.values()), default=None)
    for place in map(place_of, NAMES):
        assert stored(state).deadlines.of(place) == in_order(model, place)
    assert {(one.subject, one.due_at): one for _, one in state.deadlines} == model


def test_a_state_without_deadlines_says_nothing_of_them() -> None:
    state = GroupState(audited_on="2026-05-29")
    state.deadlines.add("p-1|0", Deadline(5, "u1", "om"))
    state.deadlines.end("p-1|0", Deadline(5, "u1", "om"))
    assert msgspec.json.encode(state) == b'{"audited_on":"2026-05-29"}'
