"""The transport against a real broker: order, what is committed, who is told what, and an end without hanging.

Run as a program, this file is a worker, which the tests kill: `test_transport.py BROKERS GROUP TOPIC LEDGER MEMBER HANG`. It
writes one line for each chunk that it finished, and hangs at the record HANG (`PARTITION:OFFSET`). MEMBER and HANG may be empty.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiokafka
import pytest
import uvloop
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.types import TP

from streams.transport import Chunk, Handler, Reading, batch_app

PARTITIONS = 4


async def make_topic(brokers: str, topic: str, partitions: int = PARTITIONS) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def publish(brokers: str, topic: str, numbers: Iterable[int], *, per_second: float | None = None) -> None:
    """Number n goes to partition n mod 4, so that offset o of partition p holds number 4 × o + p."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=brokers, linger_ms=5, enable_idempotence=True)
    await producer.start()
    try:
        began = time.monotonic()
        for at, number in enumerate(numbers):
            await producer.send(topic, b"%d" % number, partition=number % PARTITIONS)
            if per_second and (early := began + at / per_second - time.monotonic()) > 0.02:
                await asyncio.sleep(early)
        await producer.flush()
    finally:
        await producer.stop()


async def read_committed(brokers: str, group: str) -> dict[int, int]:
    """The committed offset of each partition, as the broker tells it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group)
        return {tp.partition: offset.offset for tp, offset in found.items()}
    finally:
        await admin.close()


async def until(holds: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.01)


@dataclass
class Seen:
    """What one app did, in order."""

    handled: list[tuple[int, int]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    told: list[tuple[str, frozenset[int]]] = field(default_factory=list)
    committed: dict[int, int] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)
    stopping: float = 0.0
    app: Any = None

    def of(self, partition: int) -> list[int]:
        return [offset for p, offset in self.handled if p == partition]


@asynccontextmanager
async def reading(
    given: Reading,
    handle: Handler | None = None,
    assigned: Callable[[set[TP]], Awaitable[None]] | None = None,
    **more: Any,
) -> AsyncIterator[Seen]:
    """An app that reads while this lasts; `handle` is awaited before a batch is counted as handled."""
    seen = Seen()

    async def note(chunks: Sequence[Chunk]) -> None:
        if handle is not None:
            await handle(chunks)
        seen.sizes.append(sum(len(chunk.records) for chunk in chunks))
        seen.handled += [(chunk.tp.partition, record.offset) for chunk in chunks for record in chunk.records]

    async def on_assigned(tps: set[TP]) -> None:
        if assigned is not None:
            await assigned(tps)
        seen.told.append(("assigned", frozenset(tp.partition for tp in tps)))

    async def on_revoked(tps: set[TP]) -> None:
        seen.told.append(("revoked", frozenset(tp.partition for tp in tps)))

    app = batch_app(
        given,
        note,
        assigned=on_assigned,
        revoked=on_revoked,
        failed=seen.failures.append,
        committed=lambda offsets: seen.committed.update({tp.partition: offset for tp, offset in offsets.items()}),
        **more,
    )
    seen.app = app
    await asyncio.wait_for(app.start(), 30)
    try:
        yield seen
    finally:
        began = time.monotonic()
        await asyncio.wait_for(app.stop(), 20)
        seen.stopping = time.monotonic() - began


@pytest.fixture
def brokers(stack: Any) -> str:
    return str(stack.kafka)


@pytest.fixture
async def topic(brokers: str, topic_prefix: str) -> str:
    name = f"{topic_prefix}numbers"
    await make_topic(brokers, name)
    return name


async def _after(first: asyncio.Task[Any], then: Awaitable[None]) -> None:
    await first
    await then


# -- in this process ----------------------------------------------------------------------------------------------------


async def test_each_record_is_handled_once_in_order_and_all_is_committed(brokers: str, topic: str) -> None:
    await publish(brokers, topic, range(20_000))
    async with reading(Reading(brokers, f"{topic}-group", [topic], batch=300)) as seen:
        await until(lambda: len(seen.handled) >= 20_000, "all records")
        await until(lambda: sum(seen.committed.values()) == 20_000, "the commits")
    for partition in range(PARTITIONS):
        assert seen.of(partition) == list(range(5_000))
    assert max(seen.sizes) <= 300
    assert seen.committed == await read_committed(brokers, f"{topic}-group") == dict.fromkeys(range(PARTITIONS), 5_000)
    assert seen.told == [("assigned", frozenset(range(PARTITIONS))), ("revoked", frozenset(range(PARTITIONS)))]
    assert not seen.failures
    assert seen.stopping < 4


async def test_an_orderly_stop_commits_what_was_handled(brokers: str, topic: str) -> None:
    async def handle(*_: object) -> None:
        await asyncio.sleep(0.01)

    await publish(brokers, topic, range(4_000))
    async with reading(Reading(brokers, f"{topic}-group", [topic], batch=50, commit=60.0), handle) as seen:
        await until(lambda: len(seen.handled) > 500, "some records")
    assert 500 < len(seen.handled) < 4_000
    committed = await read_committed(brokers, f"{topic}-group")
    assert {p: len(seen.of(p)) for p in range(PARTITIONS)} == {p: committed.get(p, 0) for p in range(PARTITIONS)}


async def test_what_is_left_for_later_keeps_no_batch_waiting_and_is_not_committed_past(
    brokers: str, topic: str
) -> None:
    left, turns = {1: 60}, [0]

    async def meanwhile() -> bool:
        turns[0] += 1
        await asyncio.sleep(0.005)
        return bool(left)

    def unfinished(chunk: Chunk) -> bool:
        return chunk.end > left.get(chunk.tp.partition, chunk.end)

    group = f"{topic}-group"
    await publish(brokers, topic, range(200))
    async with reading(
        Reading(brokers, group, [topic], batch=40, commit=0.1), meanwhile=meanwhile, unfinished=unfinished
    ) as seen:
        await until(lambda: len(seen.handled) == 200, "the first records")
        # Nothing new comes, and still there is turn after turn.
        ripe = turns[0] + 50
        await until(lambda: turns[0] > ripe, "turns")
        await publish(brokers, topic, range(200, 400))
        await until(lambda: len(seen.handled) == 400, "the others, while something is left")
        await until(lambda: all(seen.committed.get(one) == 100 for one in (0, 2, 3)), "commits of the others")
        assert seen.committed.get(1, 0) <= 60
        left.clear()
        await until(lambda: seen.committed.get(1) == 100, "the commit of what was left")
    assert Counter(seen.handled) == Counter({(n % 4, n // 4): 1 for n in range(400)})


async def test_a_stop_does_not_wait_for_what_is_left(brokers: str, topic: str) -> None:
    async def meanwhile() -> bool:
        await asyncio.sleep(0.05)
        return True

    group = f"{topic}-group"
    await publish(brokers, topic, range(400))
    async with reading(Reading(brokers, group, [topic]), meanwhile=meanwhile, unfinished=lambda chunk: True) as seen:
        await until(lambda: len(seen.handled) == 400, "all records")
    assert seen.stopping < 2
    assert not seen.failures
    assert not any((await read_committed(brokers, group)).values())


async def test_nothing_is_handled_before_assigned_has_returned(brokers: str, topic: str) -> None:
    order: list[str] = []

    async def assigned(_: set[TP]) -> None:
        # Longer than a fetch takes, and than heartbeats may be apart.
        await asyncio.sleep(3)
        order.append("assigned")

    async def handle(*_: object) -> None:
        order.append("handled")

    await publish(brokers, topic, range(400))
    async with reading(Reading(brokers, f"{topic}-group", [topic]), handle, assigned) as seen:
        await until(lambda: len(seen.handled) == 400, "all records")
    assert order == ["assigned"] + ["handled"] * len(seen.sizes)
    assert [what for what, _ in seen.told] == ["assigned", "revoked"]


async def test_an_error_is_reported_and_nothing_is_handled_or_committed_after_it(brokers: str, topic: str) -> None:
    async def handle(chunks: Sequence[Chunk]) -> None:
        if any(chunk.tp.partition == 1 and chunk.records[0].offset <= 250 < chunk.end for chunk in chunks):
            raise ValueError("poison")

    await publish(brokers, topic, range(2_000))
    async with reading(Reading(brokers, f"{topic}-group", [topic], batch=100), handle) as seen:
        await until(lambda: seen.failures, "the report")
        count = len(seen.handled)
        await publish(brokers, topic, range(2_000, 2_400))
        await asyncio.sleep(1.5)
        assert len(seen.handled) == count
    assert [repr(error) for error in seen.failures] == ["ValueError('poison')"]
    committed = await read_committed(brokers, f"{topic}-group")
    assert committed.get(1, 0) <= 250
    assert {p: len(seen.of(p)) for p in range(PARTITIONS)} == {p: committed.get(p, 0) for p in range(PARTITIONS)}


async def test_a_stop_drops_a_chunk_that_hangs(brokers: str, topic: str) -> None:
    hanging = asyncio.Event()
    cancelled = asyncio.Event()

    async def handle(chunks: Sequence[Chunk]) -> None:
        if any(chunk.tp.partition == 2 for chunk in chunks):
            hanging.set()
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.set()

    await publish(brokers, topic, range(400))
    async with reading(Reading(brokers, f"{topic}-group", [topic], finish=1.0), handle) as seen:
        await asyncio.wait_for(hanging.wait(), 20)
    assert cancelled.is_set()
    assert seen.stopping < 10
    assert not seen.failures
    assert 2 not in await read_committed(brokers, f"{topic}-group")


async def test_a_handler_that_takes_no_notice_is_reported_in_a_rebalance_and_stops_no_stop(
    brokers: str, topic: str
) -> None:
    freed = asyncio.Event()

    async def handle(*_: object) -> None:
        while not freed.is_set():
            with suppress(asyncio.CancelledError):
                await freed.wait()

    group = f"{topic}-group"
    await publish(brokers, topic, range(400))
    async with reading(Reading(brokers, group, [topic], finish=0.5), handle) as stubborn:
        async with reading(Reading(brokers, group, [topic])) as other:
            await until(lambda: len(other.handled) >= 200, "the half that it gave away")
        assert [type(error) for error in stubborn.failures] == [TimeoutError]
    assert stubborn.stopping < 10
    assert not stubborn.handled
    freed.set()


async def test_a_rebalance_drops_a_chunk_that_hangs_and_another_handles_it(brokers: str, topic: str) -> None:
    """Two members in one loop: the first holds all partitions and hangs, the second joins and takes half of them."""
    order: list[str] = []

    async def hang_once(*_: object) -> None:
        if not order:
            order.append("hangs")
            try:
                await asyncio.sleep(3600)
            finally:
                order.append("dropped")

    group = f"{topic}-group"
    await publish(brokers, topic, range(4_000))
    async with reading(Reading(brokers, group, [topic], batch=100, finish=1.0), hang_once) as first:
        await until(lambda: order, "the first chunk in hand")
        assert not first.handled
        async with reading(Reading(brokers, group, [topic], batch=100)) as second:
            assert order == ["hangs", "dropped"]
            assert first.told[1] == ("revoked", frozenset(range(PARTITIONS)))
            await until(lambda: len(second.handled) >= 2_000, "the second's half")
            await until(lambda: len(first.handled) + len(second.handled) >= 4_000, "the first's half")
    assert Counter(first.handled + second.handled) == Counter({(n % 4, n // 4): 1 for n in range(4_000)})
    assert not first.failures + second.failures


async def test_who_stood_still_for_a_session_does_not_go_on_where_another_has(brokers: str, topic: str) -> None:
    """The first member's heartbeats stop, as if its process did, in the middle of a batch; the second gets all partitions."""
    woken, order = asyncio.Event(), []

    async def stand_still(*_: object) -> None:
        if not order:
            order.append("stands still")
            await woken.wait()
            order.append("goes on")
            await first.app.ours()
            order.append("does what the other has done")

    async def no_heartbeat() -> bool:
        # In the thread of its own in which aiokafka lives.
        while not woken.is_set():
            await asyncio.sleep(0.05)
        return True

    group = f"{topic}-group"
    await publish(brokers, topic, range(4_000))
    async with reading(Reading(brokers, group, [topic], batch=4_000, finish=30.0), stand_still) as first:
        first.app.consumer._thread._consumer._coordinator._do_heartbeat = no_heartbeat
        await until(lambda: order, "the batch in hand")
        async with reading(Reading(brokers, group, [topic], batch=100)) as second:
            await until(lambda: len(second.handled) >= 4_000, "all that the first had in hand")
            del first.app.consumer._thread._consumer._coordinator._do_heartbeat
            woken.set()
            await until(lambda: len(first.told) > 1, "the news that its partitions are gone")
    assert order == ["stands still", "goes on"]
    assert Counter(first.handled + second.handled) == Counter({(n % 4, n // 4): 1 for n in range(4_000)})
    assert not first.failures + second.failures


async def test_who_is_a_member_goes_on_at_once(brokers: str, topic: str) -> None:
    async def ask(*_: object) -> None:
        with pytest.raises(StopIteration):
            seen.app.ours().send(None)

    await publish(brokers, topic, range(400))
    async with reading(Reading(brokers, f"{topic}-group", [topic]), ask) as seen:
        await until(lambda: len(seen.handled) == 400, "all records")
    assert not seen.failures


async def test_a_rebalance_does_not_wait_for_assigned(brokers: str, topic: str) -> None:
    """While the first member still prepares itself, a second one joins: the preparation is cancelled and begun anew."""
    order: list[str] = []

    async def assigned(tps: set[TP]) -> None:
        order.append(f"prepares {len(tps)}")
        if len(tps) == PARTITIONS:
            try:
                await asyncio.sleep(3600)
            finally:
                order.append("cancelled")

    async def read_second() -> None:
        async with reading(Reading(brokers, f"{topic}-group", [topic])) as second:
            await until(lambda: len(second.handled) == 200, "the second's half")

    await publish(brokers, topic, range(400))
    joining = asyncio.create_task(asyncio.sleep(2))
    joining.add_done_callback(lambda _: order.append("joins"))
    second = asyncio.create_task(_after(joining, read_second()))
    async with reading(Reading(brokers, f"{topic}-group", [topic], member="one"), assigned=assigned) as first:
        await until(lambda: len(first.handled) == 200, "the first's half")
        assert order == ["prepares 4", "joins", "cancelled", "prepares 2"]
        assert [what for what, _ in first.told] == ["revoked", "assigned"]
        await asyncio.wait_for(second, 20)
    assert not first.failures


async def test_a_member_with_a_name_comes_back_without_a_rebalance(brokers: str, topic: str) -> None:
    group = f"{topic}-group"
    async with reading(Reading(brokers, group, [topic], member="one")) as one:
        async with reading(Reading(brokers, group, [topic], member="two")) as two:
            await until(lambda: len(one.told[-1][1]) == 2, "half of the partitions")
        mine = list(one.told)
        async with reading(Reading(brokers, group, [topic], member="two")) as two_again:
            assert two_again.told == two.told[:1]
            await publish(brokers, topic, range(400))
            await until(lambda: len(one.handled) + len(two_again.handled) == 400, "all records")
            assert one.told == mine


async def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BROKER_URL", "BROKER_CONSUMER_URL", "X_BROKER_URL"):
        monkeypatch.setenv(name, "kafka://elsewhere:1")
    monkeypatch.setenv("APP_ENV_PREFIX", "X_")
    monkeypatch.setenv("X_BROKER_SESSION_TIMEOUT", "77")
    monkeypatch.chdir(tmp_path)

    async def handle(*_: object) -> None: ...

    app = batch_app(Reading("a:1, b:2", "group", ["t"]), handle, assigned=None, revoked=None, failed=print)
    assert [str(url) for url in app.conf.broker_consumer] == ["kafka://a:1", "kafka://b:2"]
    assert app.conf.broker_session_timeout == 10
    assert app.conf.web_enabled is False
    assert not os.listdir(tmp_path)


# -- processes that are killed, and a broker that is ---------------------------------------------------------------------


class Worker:
    """This file as a process of its own."""

    def __init__(self, brokers: str, group: str, topic: str, ledger: Path, member: str, hang: str) -> None:
        self.ledger = ledger
        self._given = [brokers, group, topic, str(ledger), member, hang]
        self._log = ledger.with_suffix(".log")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, __file__, *self._given, stdout=log, stderr=log
            )
        await until(lambda: self.ledger.exists(), f"the worker's start; see {self._log}", 30)

    async def end(self, number: int) -> tuple[int, float]:
        """Send the signal; gives the exit code and the seconds until then."""
        assert self._process is not None
        began = time.monotonic()
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        code = await asyncio.wait_for(self._process.wait(), 20)
        return code, time.monotonic() - began

    def handled(self) -> list[tuple[int, int]]:
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        spans = [tuple(map(int, line.split())) for line in lines]
        return [(partition, offset) for partition, first, last in spans for offset in range(first, last + 1)]


@pytest.fixture
async def start_worker(brokers: str, topic: str, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Worker]]]:
    workers: list[Worker] = []

    async def start(member: str = "", hang: str = "") -> Worker:
        workers.append(Worker(brokers, f"{topic}-group", topic, tmp_path / f"ledger{len(workers)}", member, hang))
        await workers[-1].start()
        return workers[-1]

    yield start
    for worker in workers:
        await worker.end(signal.SIGKILL)


async def test_a_kill_loses_nothing_and_what_hung_was_never_committed_past(
    brokers: str, topic: str, start_worker: Callable[..., Awaitable[Worker]]
) -> None:
    await publish(brokers, topic, range(8_000))
    worker = await start_worker(member="one", hang="3:1100")
    await until(lambda: (3, 1_099) in worker.handled(), "all before the record at which it hangs")
    await publish(brokers, topic, range(8_000, 9_000))
    await asyncio.sleep(1.5)
    await worker.end(signal.SIGKILL)
    committed = await read_committed(brokers, f"{topic}-group")
    assert committed[3] <= 1_100
    # The same member, so that nobody waits until the killed one's session ends.
    async with reading(Reading(brokers, f"{topic}-group", [topic], member="one")) as seen:
        first = {p: committed.get(p, 0) for p in range(PARTITIONS)}
        await until(lambda: len(seen.handled) >= 9_000 - sum(first.values()), "the rest")
    for partition in range(PARTITIONS):
        assert seen.of(partition) == list(range(first[partition], 2_250))
    assert set(worker.handled()) | set(seen.handled) == {(n % 4, n // 4) for n in range(9_000)}


async def test_a_join_and_a_sigterm_under_load_lose_nothing_and_repeat_nothing(
    brokers: str, topic: str, start_worker: Callable[..., Awaitable[Worker]]
) -> None:
    published = 0
    enough = asyncio.Event()

    def numbers() -> Iterator[int]:
        nonlocal published
        while not enough.is_set():
            yield published
            published += 1

    publishing = asyncio.create_task(publish(brokers, topic, numbers(), per_second=2_000))
    first = await start_worker()
    await until(lambda: first.handled(), "the first chunk of the first worker")
    second = await start_worker()
    await until(lambda: second.handled(), "the first chunk of the second worker")
    code, seconds = await first.end(signal.SIGTERM)
    assert (code, seconds < 10) == (0, True)
    await asyncio.sleep(1)
    enough.set()
    await asyncio.wait_for(publishing, 30)
    await until(lambda: len({*first.handled(), *second.handled()}) >= published, "all records", 30)
    code, seconds = await second.end(signal.SIGTERM)
    assert (code, seconds < 10) == (0, True)
    assert Counter(first.handled() + second.handled()) == Counter({(n % 4, n // 4): 1 for n in range(published)})
    assert sum((await read_committed(brokers, f"{topic}-group")).values()) == published


async def test_a_broker_that_is_killed_and_comes_back_is_read_on_and_a_stop_meanwhile_does_not_hang(
    stack: Any, brokers: str, topic: str
) -> None:
    """Two apps in one loop; one of them is stopped, with chunks in hand and uncommitted, while there is no broker."""

    async def handle(*_: object) -> None:
        await asyncio.sleep(0.05)

    await publish(brokers, topic, range(4_000))
    async with reading(Reading(brokers, f"{topic}-group", [topic], batch=100)) as seen:
        await until(lambda: sum(seen.committed.values()) >= 4_000, "the commit of all records before")
        try:
            async with reading(Reading(brokers, f"{topic}-other", [topic], batch=50, finish=1.0), handle) as other:
                await until(lambda: len(other.handled) >= 500, "some records")
                await asyncio.to_thread(stack.stop, "kafka", kill=True)
                await asyncio.sleep(1)
        finally:
            await asyncio.to_thread(stack.start, "kafka")
        assert other.stopping < 10
        await publish(brokers, topic, range(4_000, 8_000))
        await until(lambda: len(set(seen.handled)) >= 8_000, "all records after", 40)
        await until(lambda: sum(seen.committed.values()) >= 8_000, "the commits after", 20)
    assert set(seen.handled) == {(n % 4, n // 4) for n in range(8_000)}
    assert await read_committed(brokers, f"{topic}-group") == dict.fromkeys(range(PARTITIONS), 2_000)
    assert not seen.failures + other.failures


async def work(brokers: str, group: str, topic: str, ledger: str, member: str, hang: str) -> int:
    """What the process does until SIGTERM; 1 when something failed."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    where = tuple(map(int, hang.split(":"))) if hang else None
    file = os.open(ledger + ".part", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    async def handle(chunks: Sequence[Chunk]) -> None:
        await asyncio.sleep(0.002)
        for chunk in chunks:
            first, end = chunk.records[0].offset, chunk.end
            hangs = where is not None and chunk.tp.partition == where[0] and end > where[1]
            os.write(file, f"{chunk.tp.partition} {first} {(where[1] if where and hangs else end) - 1}\n".encode())
            if hangs:
                await asyncio.sleep(3600)

    given = Reading(brokers, group, [topic], member=member or None, batch=50)
    app = batch_app(given, handle, assigned=None, revoked=None, failed=ended.set_exception)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set_result, 0)
    await app.start()
    # Under its name only now, so that who waits for it knows that partitions were assigned.
    os.rename(ledger + ".part", ledger)
    try:
        return await ended
    finally:
        await app.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(work(*sys.argv[1:])))
