"""The agents' state in Redis: nothing is lost to a race, said twice, or taken for new after a loss."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis.asyncio import Redis

from streams.errors import LoadError
from streams.ledger import (
    Change,
    Decided,
    Decision,
    RedisStates,
    Row,
    StateLost,
    StateUnavailable,
    Stored,
)

ODD_KEYS = ("feishu:群 一", "{a}", "a}:judgements/3/1", "}{", "", "x\ny", "🙂" * 40, "k" * 5000, "half \ud83d")


@pytest.fixture(scope="module")
def machine(local_stack: ModuleType, jars: Path, stack_folder: Path) -> Iterator[Any]:
    """A Redis that these tests may kill, freeze and empty."""
    running = local_stack.Stack(stack_folder / "ledger", jars)
    try:
        running.up(["redis"], free_ports=True)
        yield running
    finally:
        running.down(wipe=True)


@pytest.fixture
async def redis(machine: Any) -> AsyncIterator[Redis]:
    """Redis itself, for a look from outside."""
    client: Redis = Redis.from_url(machine.redis)
    yield client
    await client.aclose()


@pytest.fixture
async def empty(machine: Any, topic_prefix: str) -> AsyncIterator[RedisStates]:
    """States of a fleet that nobody has built yet."""
    states = await RedisStates.open(machine.redis, topic_prefix)
    yield states
    await states.close()


@pytest.fixture
async def states(empty: RedisStates) -> RedisStates:
    await build(empty)
    return empty


async def build(states: RedisStates, *rows: Row) -> None:
    rebuild = await states.begin_rebuild()
    assert rebuild is not None
    async with rebuild:
        await rebuild.write(rows)
        await rebuild.finish()


def a_change(key: str = "feishu:g1", **given: Any) -> Change:
    plain = {"version_read": 0, "value": b"one", "source": "observations/3", "offset": 7, "next_due": None}
    return Change(key, **{**plain, "partition": 3, **given})


def a_decision(subject: str = "p1", record: str = "judgements/3/1042", **given: Any) -> Decided:
    return Decided(subject, record, **{"version_read": 0, "value": b"ledger", "decision": b"decision", **given})


def a_row(key: str = "feishu:g1", version: int = 5, **given: Any) -> Row:
    plain: dict[str, Any] = {"value": b"kept", "applied": {"observations/3": 6}, "next_due": None, "partition": 3}
    return Row("screen", key, version, **{**plain, **given})


# saving


async def test_a_state_is_saved_over_the_version_that_was_read(states: RedisStates) -> None:
    (first,) = await states.save("screen", [a_change()])
    (second,) = await states.save("screen", [a_change(version_read=first, value=b"two", offset=9)])
    assert 0 < first < second
    assert await states.load("screen", ["feishu:g1", "nobody"]) == {
        "feishu:g1": Stored(second, b"two", {"observations/3": 9})
    }
    assert await states.version("screen", ["feishu:g1", "nobody"]) == {"feishu:g1": second}


async def test_somebody_saved_meanwhile(states: RedisStates) -> None:
    (version,) = await states.save("screen", [a_change()])
    # Whoever thinks that there is none, and whoever read something else; their neighbours in the call are saved.
    refused, taken = await states.save("screen", [a_change(value=b"other"), a_change("feishu:g2")])
    assert refused == 0 < taken
    assert await states.save("screen", [a_change(version_read=version + 1, value=b"other")]) == [0]
    assert (await states.load("screen", ["feishu:g1"]))["feishu:g1"].value == b"one"


async def test_offsets_of_other_sources_stay(states: RedisStates) -> None:
    (version,) = await states.save("screen", [a_change()])
    again = a_change(version_read=version, value=b"two", source="observations-again/3", offset=1)
    (version,) = await states.save("screen", [again])
    (version,) = await states.save("screen", [a_change(version_read=version, value=b"three", offset=8)])
    found = (await states.load("screen", ["feishu:g1"]))["feishu:g1"]
    assert found.applied == {"observations/3": 8, "observations-again/3": 1}


async def test_many_sources_make_a_long_first_line(states: RedisStates) -> None:
    version = 0
    for number in range(40):
        (version,) = await states.save(
            "screen", [a_change(version_read=version, source=f"observations/{number}", offset=number)]
        )
    found = (await states.load("screen", ["feishu:g1"]))["feishu:g1"]
    assert found == Stored(version, b"one", {f"observations/{number}": number for number in range(40)})


async def test_a_save_sent_twice_is_recognised(states: RedisStates) -> None:
    (version,) = await states.save("screen", [a_change(next_due=50)])
    assert await states.save("screen", [a_change(next_due=50)]) == [version]
    # The same offset with another value is somebody else's work.
    assert await states.save("screen", [a_change(value=b"other")]) == [0]
    assert await states.save("screen", [a_change(offset=70)]) == [0]
    (version,) = await states.save("screen", [a_change(version_read=version, value=b"two", offset=9)])
    assert await states.save("screen", [a_change(next_due=50)]) == [0]


async def test_fifty_writers_lose_no_update(states: RedisStates) -> None:
    conflicts = 0

    async def add(number: int) -> None:
        nonlocal conflicts
        while True:
            found = (await states.load("escalate", ["p1"])).get("p1")
            value = str(int(found.value if found else b"0") + 1).encode()
            given = a_decision(record=f"judgements/0/{number}", version_read=found.version if found else 0, value=value)
            (answer,) = await states.decide([given])
            if answer.outcome == "done":
                return
            assert answer.outcome == "conflict"
            conflicts += 1

    await asyncio.wait_for(asyncio.gather(*(add(number) for number in range(50))), 60)
    assert (await states.load("escalate", ["p1"]))["p1"].value == b"50"
    assert conflicts


async def test_fifty_savers_lose_no_update(states: RedisStates) -> None:
    async def add(number: int) -> None:
        while True:
            found = (await states.load("screen", ["g1"])).get("g1")
            value = str(int(found.value if found else b"0") + 1).encode()
            read = found.version if found else 0
            if all(await states.save("screen", [a_change("g1", version_read=read, value=value, offset=number)])):
                return

    await asyncio.wait_for(asyncio.gather(*(add(number) for number in range(50))), 60)
    assert (await states.load("screen", ["g1"]))["g1"].value == b"50"


# decisions


async def test_a_decision_is_kept_with_its_ledger(states: RedisStates) -> None:
    (answer,) = await states.decide([a_decision()])
    assert answer == Decision("done", answer.version, b"decision")
    assert await states.load("escalate", ["p1"]) == {"p1": Stored(answer.version, b"ledger", {})}
    asked = [("p1", "judgements/3/1042"), ("p1", "judgements/3/1043"), ("p2", "judgements/3/1042")]
    assert await states.stored_decision(asked) == [b"decision", None, None]


async def test_a_record_is_decided_once(states: RedisStates) -> None:
    (first,) = await states.decide([a_decision()])
    (sent_again,) = await states.decide([a_decision()])
    (other,) = await states.decide([a_decision(version_read=first.version, value=b"other", decision=b"other")])
    assert sent_again == other == Decision("known", first.version, b"decision")
    assert (await states.load("escalate", ["p1"]))["p1"].value == b"ledger"


async def test_a_stale_decision_is_refused_also_where_the_ledger_stays(states: RedisStates) -> None:
    (first,) = await states.decide([a_decision()])
    late = a_decision(record="judgements/0/1", value=None)
    assert await states.decide([late]) == [Decision("conflict", first.version, b"")]
    (answer,) = await states.decide([replace(late, version_read=first.version)])
    assert answer == Decision("done", first.version, b"decision")
    assert await states.stored_decision([("p1", "judgements/0/1")]) == [b"decision"]


async def test_records_of_one_subject_stand_on_each_other(states: RedisStates) -> None:
    one, two = (a_decision(record=f"judgements/3/{number}", value=b"%d" % number) for number in (1, 2))
    answers = await states.decide([one, a_decision("p2"), two])
    assert [answer.outcome for answer in answers] == ["done", "done", "done"]
    assert (await states.load("escalate", ["p1"]))["p1"] == Stored(answers[2].version, b"2", {})
    # One that does not stand takes those along that were computed on top of it; so does one that was known.
    read = answers[2].version
    stale, fits = a_decision(record="judgements/3/3"), a_decision(record="judgements/3/4", version_read=read)
    assert [one.outcome for one in await states.decide([stale, fits])] == ["conflict", "conflict"]
    assert [one.outcome for one in await states.decide([replace(two, version_read=read), fits])] == [
        "known",
        "conflict",
    ]
    assert [one.outcome for one in await states.decide([fits])] == ["done"]


async def test_decisions_are_forgotten_and_expire(states: RedisStates, redis: Redis, topic_prefix: str) -> None:
    await states.decide([a_decision(), a_decision("p2")])
    kept = [key async for key in redis.scan_iter(f"{topic_prefix}:*judgements*")]
    assert len(kept) == 2
    assert all([7 * 86_400 - 60 < await redis.ttl(key) <= 7 * 86_400 for key in kept])
    await states.forget([("p1", "judgements/3/1042"), ("nobody", "judgements/3/1042")])
    asked = [("p1", "judgements/3/1042"), ("p2", "judgements/3/1042")]
    assert await states.stored_decision(asked) == [None, b"decision"]
    assert set(await states.load("escalate", ["p1", "p2"])) == {"p1", "p2"}


async def test_a_killed_redis_comes_back_with_everything(states: RedisStates, machine: Any) -> None:
    (answer,) = await states.decide([a_decision()])
    (version,) = await states.save("screen", [a_change(next_due=50)])
    machine.stop("redis", kill=True)
    with pytest.raises(StateUnavailable, match="cannot take"):
        await states.decide([a_decision()])
    await asyncio.to_thread(machine.start, "redis")
    # The same object goes on, and Redis has forgotten the scripts.
    assert await states.decide([a_decision()]) == [Decision("known", answer.version, b"decision")]
    assert await states.version("screen", ["feishu:g1"]) == {"feishu:g1": version}
    assert await states.dues([(3, 100, 10)]) == [[("feishu:g1", 50)]]


# due dates


async def test_dues_come_earliest_first(states: RedisStates) -> None:
    dates = {"c": 30, "b": 10, "a": 10, "群": 10, "later": 31, "none": None}
    await states.save("screen", [a_change(key, next_due=due) for key, due in dates.items()])
    await states.save("screen", [a_change("elsewhere", next_due=1, partition=4)])
    assert await states.dues([(3, 30, 10)]) == [[("a", 10), ("b", 10), ("群", 10), ("c", 30)]]
    assert await states.dues([(3, 30, 2)]) == [[("a", 10), ("b", 10)]]
    assert await states.dues([(5, 30, 2), (3, 9, 2), (4, 30, 2), (3, 30, 1)]) == [
        [],
        [],
        [("elsewhere", 1)],
        [("a", 10)],
    ]


async def test_each_key_says_when_it_is_due_in_its_partition(states: RedisStates) -> None:
    due = 1_795_051_800_123
    await states.save("screen", [a_change("g1", next_due=due), a_change("群 二", next_due=0), a_change("never")])
    asked = [(3, "群 二"), (3, "never"), (4, "g1"), (3, "g1"), (3, "unknown")]
    assert await states.due_at(asked) == [0, None, None, due, None]


async def test_a_date_moves_and_goes_with_its_state(states: RedisStates) -> None:
    (version,) = await states.save("screen", [a_change(next_due=1_795_051_800_123)])
    assert await states.dues([(3, 2_000_000_000_000, 9)]) == [[("feishu:g1", 1_795_051_800_123)]]
    (version,) = await states.save("screen", [a_change(version_read=version, value=b"two", next_due=20)])
    assert await states.dues([(3, 100, 9)]) == [[("feishu:g1", 20)]]
    assert await states.save("screen", [a_change(value=b"stale", next_due=1)]) == [0]
    assert await states.dues([(3, 100, 9)]) == [[("feishu:g1", 20)]]
    await states.save("screen", [a_change(version_read=version, value=b"three")])
    assert await states.dues([(3, 100, 9)]) == [[]]


async def test_listed_groups_nobody_saw_are_due_at_once(states: RedisStates) -> None:
    await states.save("screen", [a_change("seen"), a_change("waits", next_due=50)])
    await states.seed_dues("screen", 3, ["seen", "waits", "unseen", "群 二"])
    assert await states.dues([(3, 100, 9)]) == [[("unseen", 0), ("群 二", 0), ("waits", 50)]]
    await states.save("screen", [a_change("unseen")])
    await states.seed_dues("screen", 3, ["unseen"])
    assert await states.dues([(3, 0, 9)]) == [[("群 二", 0)]]


# sizes and odd keys


async def test_odd_keys_are_kept_apart(states: RedisStates) -> None:
    changes = [a_change(key, value=f"{number}".encode(), next_due=number) for number, key in enumerate(ODD_KEYS)]
    assert all(await states.save("screen", changes))
    found = await states.load("screen", ODD_KEYS)
    assert [found[key].value for key in ODD_KEYS] == [one.value for one in changes]
    assert await states.dues([(3, 1000, 1000)]) == [[(key, number) for number, key in enumerate(ODD_KEYS)]]
    answers = await states.decide([a_decision(key, decision=repr(key).encode()) for key in ODD_KEYS])
    assert {one.outcome for one in answers} == {"done"}
    kept = await states.stored_decision([(key, "judgements/3/1042") for key in ODD_KEYS])
    assert kept == [repr(key).encode() for key in ODD_KEYS]


@pytest.mark.parametrize(
    "value",
    [b"", b"\n", b"=", b"4 3=2\n", bytes(range(256)) * 3, os.urandom(20_000), b'{"strikes":[]}' * 100_000],
    ids=["empty", "line-feed", "like-a-body", "like-a-head", "all-bytes", "random", "long"],
)
async def test_values_come_back_as_they_were(states: RedisStates, value: bytes) -> None:
    (version,) = await states.save("screen", [a_change(value=value)])
    assert await states.save("screen", [a_change(value=value)]) == [version]
    assert (await states.load("screen", ["feishu:g1"]))["feishu:g1"].value == value
    (answer,) = await states.decide([a_decision(value=value, decision=value)])
    assert answer == Decision("done", answer.version, value)
    assert (await states.decide([a_decision()]))[0].decision == value


async def test_a_thousand_keys_in_a_call(states: RedisStates) -> None:
    keys = [f"feishu:群{number}" for number in range(1000)]
    versions = await states.save("screen", [a_change(key, value=key.encode() * 50, next_due=1) for key in keys])
    assert all(versions)
    found = await states.load("screen", keys)
    assert [found[key].value for key in keys] == [key.encode() * 50 for key in keys]
    assert await states.version("screen", keys) == dict(zip(keys, versions, strict=True))
    (found,) = await states.dues([(3, 1, 5000)])
    assert len(found) == 1000
    answers = await states.decide([a_decision(key) for key in keys])
    assert {one.outcome for one in answers} == {"done"}
    await states.forget([(key, "judgements/3/1042") for key in keys])
    assert set(await states.stored_decision([(key, "judgements/3/1042") for key in keys])) == {None}


async def test_calls_about_nothing_do_nothing(states: RedisStates) -> None:
    assert await states.load("screen", []) == {}
    assert await states.version("screen", []) == {}
    assert await states.save("screen", []) == []
    assert await states.decide([]) == []
    assert await states.stored_decision([]) == []
    await states.forget([])
    await states.seed_dues("screen", 3, [])


# a loss

CALLS: dict[str, Callable[[RedisStates], Awaitable[object]]] = {
    "alive": lambda states: states.alive(),
    "load": lambda states: states.load("screen", ["feishu:g1"]),
    "version": lambda states: states.version("screen", ["feishu:g1"]),
    "save": lambda states: states.save("screen", [a_change()]),
    "dues": lambda states: states.dues([(3, 100, 10)]),
    "due_at": lambda states: states.due_at([(3, "feishu:g1")]),
    "seed_dues": lambda states: states.seed_dues("screen", 3, ["feishu:g1"]),
    "stored_decision": lambda states: states.stored_decision([("p1", "judgements/3/1042")]),
    "decide": lambda states: states.decide([a_decision()]),
    "forget": lambda states: states.forget([("p1", "judgements/3/1042")]),
}


@pytest.mark.parametrize("name", CALLS)
async def test_an_empty_redis_is_never_a_new_fleet(
    empty: RedisStates, redis: Redis, topic_prefix: str, name: str
) -> None:
    with pytest.raises(StateLost, match="does not hold the state"):
        await CALLS[name](empty)
    assert [key async for key in redis.scan_iter(f"{topic_prefix}:*")] == []
    await build(empty)
    await CALLS[name](empty)


@pytest.mark.parametrize("name", CALLS)
async def test_redis_comes_back_empty_between_two_calls(states: RedisStates, machine: Any, name: str) -> None:
    await states.save("screen", [a_change()])
    machine.wipe_redis()
    with pytest.raises(StateLost):
        await CALLS[name](states)


async def test_a_version_that_was_lost_fits_nothing_afterwards(states: RedisStates, machine: Any) -> None:
    """The last save was not published before the loss: whoever still holds it must not save over what others did since."""
    (kept,) = await states.save("screen", [a_change()])
    (lost,) = await states.save("screen", [a_change(version_read=kept, value=b"lost", offset=8)])
    machine.wipe_redis()
    await build(states, a_row(version=kept, value=b"one", applied={"observations/3": 7}))
    (since,) = await states.save("screen", [a_change(version_read=kept, value=b"since", offset=9)])
    assert since > lost
    assert await states.save("screen", [a_change(version_read=lost, value=b"late", offset=10)]) == [0]
    assert (await states.load("screen", ["feishu:g1"]))["feishu:g1"].value == b"since"


async def test_the_highest_version_of_each_key_is_restored(empty: RedisStates) -> None:
    rebuild = await empty.begin_rebuild()
    assert rebuild is not None
    async with rebuild:
        assert await rebuild.write([a_row(version=5, value=b"5", next_due=50), a_row("g2", next_due=20)]) == 2
        assert await rebuild.write([a_row(version=4, value=b"4", next_due=40), a_row(version=5, value=b"other")]) == 0
        assert await rebuild.write([a_row("g2", version=10, value=b"10" * 500)]) == 1
        assert await rebuild.write([Row("escalate", "p1", 3, b"ledger", {}, None, None)]) == 1
        with pytest.raises(StateLost):
            await empty.load("screen", ["g2"])
        await rebuild.finish()
    assert await empty.load("screen", ["feishu:g1", "g2"]) == {
        "feishu:g1": Stored(5, b"5", {"observations/3": 6}),
        "g2": Stored(10, b"10" * 500, {"observations/3": 6}),
    }
    assert await empty.load("escalate", ["p1"]) == {"p1": Stored(3, b"ledger", {})}
    assert await empty.dues([(3, 100, 10)]) == [[("feishu:g1", 50)]]
    (version,) = await empty.save("screen", [a_change("g2", version_read=10)])
    assert version > 10


async def test_many_rows_are_restored(empty: RedisStates) -> None:
    await build(empty, *(a_row(f"g{number}", version=1 + number) for number in range(2_345)))
    assert len(await empty.load("screen", [f"g{number}" for number in range(2_345)])) == 2_345


async def test_one_rebuilds_and_the_other_waits(empty: RedisStates, machine: Any, topic_prefix: str) -> None:
    other = await RedisStates.open(machine.redis, topic_prefix)
    first = await empty.begin_rebuild(lock_seconds=0.6)
    assert first is not None
    async with first:
        waiting = asyncio.create_task(other.begin_rebuild())
        # Longer than the lock holds, if it is not renewed.
        await asyncio.sleep(1.5)
        assert not waiting.done()
        await first.write([a_row()])
        await first.finish()
    assert await asyncio.wait_for(waiting, 5) is None
    assert await other.begin_rebuild() is None
    assert (await other.load("screen", ["feishu:g1"]))["feishu:g1"].value == b"kept"
    await other.close()


async def test_who_dies_while_rebuilding_is_followed_by_another(
    empty: RedisStates, machine: Any, topic_prefix: str
) -> None:
    other = await RedisStates.open(machine.redis, topic_prefix)
    # Never entered, so nobody renews its lock: as of a worker that was stopped, and wakes up later.
    dead = await empty.begin_rebuild(lock_seconds=0.5)
    assert dead is not None
    await dead.write([a_row(version=9), a_row("g2", version=1)])
    second = await asyncio.wait_for(other.begin_rebuild(), 5)
    assert second is not None
    async with second:
        with pytest.raises(StateLost, match="by another worker"):
            await dead.write([a_row(version=99)])
        with pytest.raises(StateLost, match="by another worker"):
            await dead.finish()
        assert await second.write([a_row(version=8), a_row("g2", version=2)]) == 1
        await second.finish()
    assert await empty.version("screen", ["feishu:g1", "g2"]) == {"feishu:g1": 9, "g2": 2}
    await other.close()


async def test_a_rebuild_that_fails_gives_the_right_away(empty: RedisStates) -> None:
    async def fail() -> None:
        rebuild = await empty.begin_rebuild()
        assert rebuild is not None
        async with rebuild:
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    with pytest.raises(StateLost):
        await empty.alive()
    await asyncio.wait_for(build(empty), 5)


async def test_redis_is_emptied_while_it_is_rebuilt(empty: RedisStates, machine: Any) -> None:
    rebuild = await empty.begin_rebuild()
    assert rebuild is not None
    async with rebuild:
        await rebuild.write([a_row()])
        machine.wipe_redis()
        with pytest.raises(StateLost):
            await rebuild.finish()
    with pytest.raises(StateLost):
        await empty.alive()


# Redis away


async def test_a_redis_that_hangs_is_away_after_one_wait(machine: Any, states: RedisStates) -> None:
    pid = machine.pid("redis")
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        # More than there are connections: waiting for one counts too.
        asked = [call(states) for call in CALLS.values() for _ in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        # A second round of waiting would end at ten seconds.
        assert time.monotonic() - began < 9
    finally:
        os.kill(pid, signal.SIGCONT)
    assert {type(answer) for answer in answers} == {StateUnavailable}
    for call in CALLS.values():
        await call(states)


async def test_a_redis_that_is_stopped_is_away_and_comes_back(machine: Any, states: RedisStates) -> None:
    machine.stop("redis")
    try:
        for call in CALLS.values():
            began = time.monotonic()
            with pytest.raises(StateUnavailable):
                await call(states)
            # A second round of waiting would end at ten seconds.
        assert time.monotonic() - began < 9
    finally:
        await asyncio.to_thread(machine.start, "redis")
    await states.alive()


async def test_opening_says_where_nobody_answers() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StateUnavailable) as caught:
            await RedisStates.open(f"redis://someone:secret@127.0.0.1:{port}/0")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("url", ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://127.0.0.1:port"])
async def test_an_address_that_is_none_is_said_so(url: str) -> None:
    with pytest.raises(LoadError, match="redis://127"):
        await RedisStates.open(url)


async def test_a_redis_that_may_evict_state_is_refused(machine: Any, redis: Redis) -> None:
    await redis.config_set("maxmemory", "100mb")
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(LoadError, match="noeviction"):
            await RedisStates.open(machine.redis)
    finally:
        await redis.config_set("maxmemory", 0)
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_a_full_redis_takes_nothing_and_loses_nothing(states: RedisStates, redis: Redis) -> None:
    (version,) = await states.save("screen", [a_change()])
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(StateUnavailable, match="maxmemory"):
            await states.save("screen", [a_change(version_read=version, value=b"two", offset=8)])
    finally:
        await redis.config_set("maxmemory", 0)
    assert all(await states.save("screen", [a_change(version_read=version, value=b"two", offset=8)]))


async def test_a_call_that_is_given_up_leaves_the_connection_usable(machine: Any, states: RedisStates) -> None:
    """A worker that is told to end cancels calls; the answer that comes later must not be taken for the next one's."""
    await states.save("screen", [a_change()])
    pid = machine.pid("redis")
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(states.load("screen", ["feishu:g1"]), 0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await states.stored_decision([("p1", "judgements/3/1042")])) == [None]
    assert (await states.load("screen", ["feishu:g1"]))["feishu:g1"].value == b"one"
