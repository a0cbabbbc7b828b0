"""The embedded log: what was appended is read back as it stands in the file, whoever appended it."""

from contextlib import suppress
from pathlib import Path

from models import Decision, DecisionTarget
from streams.store import Store
from streams.topics import JUDGEMENTS, OBSERVATIONS, Judged, Record, record_of, value_of

EVERY = (OBSERVATIONS, JUDGEMENTS)


def a_record(number: int, size: int = 2) -> Record:
    return Record(OBSERVATIONS, f"g{number}", b"x" * size, -1, number)


def append(store: Store, *records: Record) -> None:
    with store.transaction():
        store.append(records)


def offsets(records: list[Record]) -> list[int]:
    return [one.offset for one in records]


def test_records_get_offsets_in_their_order_and_are_read_by_topic(tmp_path: Path) -> None:
    store = Store(tmp_path / "log.db")
    decision = Decision(
        id="d", on=DecisionTarget("verdict", "v"), outcome="uphold", by="p", role="moderator", decided_at=1, reason=""
    )
    append(store, a_record(1), a_record(2), record_of(JUDGEMENTS, "g", Judged(decision=decision), 3), a_record(4))
    assert offsets(store.read(EVERY, 0, 10)) == [1, 2, 3, 4]
    assert offsets(store.read((OBSERVATIONS,), 1, 10)) == [2, 4]
    assert offsets(store.read((OBSERVATIONS,), 0, 2)) == [1, 2]
    assert store.read((JUDGEMENTS,), 3, 10) == []
    assert value_of(store.read((JUDGEMENTS,), 0, 10)[0]).decision == decision
    store.close()
    again = Store(tmp_path / "log.db").read((JUDGEMENTS,), 0, 10)[0]
    assert value_of(again).decision == decision


def test_what_another_process_appends_in_between_is_not_missed(tmp_path: Path) -> None:
    ours, theirs = Store(tmp_path / "log.db"), Store(tmp_path / "log.db")
    append(ours, a_record(1))
    append(theirs, a_record(2))
    assert offsets(ours.read(EVERY, 0, 10)) == [1]
    assert offsets(ours.read(EVERY, 1, 10)) == [2]
    append(ours, a_record(3))
    assert offsets(ours.read(EVERY, 0, 10)) == [1, 2, 3]
    assert offsets(ours.read(EVERY, 2, 10)) == [3]


def test_what_is_rolled_back_is_never_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "log.db")
    append(store, a_record(1))
    with suppress(ZeroDivisionError), store.transaction():
        store.append([a_record(2)])
        assert offsets(store.read(EVERY, 1, 10)) == [2]
        raise ZeroDivisionError
    assert store.read(EVERY, 1, 10) == []
    append(store, a_record(3))
    assert [one.key for one in store.read(EVERY, 1, 10)] == ["g3"]


def test_more_than_is_kept_at_hand_comes_from_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "log.db")
    for number in range(12):
        append(store, a_record(number, 300_000))
    found: list[Record] = []
    while fresh := store.read(EVERY, found[-1].offset if found else 0, 5):
        found += fresh
    assert offsets(found) == list(range(1, 13))
    assert {len(one.value) for one in found} == {300_000}
