"""Faust as a carrier of chunks: everything that we override in faust-streaming 0.15.3 and aiokafka 0.14.0, and why.

Stock Faust makes one event of each record (70 µs each), commits past records that are still in hand, and goes quiet when the
broker was away. Here one event is a batch: whatever was fetched of any partition, as chunks, which are records of one partition
in order. What is committed for a partition is the end of the longest prefix of its chunks, in the order in which they were
delivered, that were acknowledged, and nothing else ever.

Names of theirs that we override or use are listed in tests/fleet/test_transport_names.py, so that an upgrade fails there first.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import aiokafka
import faust
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError, RebalanceInProgressError
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.app.base import BootStrategy
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

import streams.kafka_connections  # noqa: F401

Partitions = Callable[[set[TP]], Awaitable[None]]

# Seconds that one look for fetched records may take. A rebalance waits for the look that is under way.
LOOK = 0.25
# (bytes, milliseconds) until a broker answers a fetch for which it has nothing; Faust fixes it at 1500. Where records keep coming
# a fetch is not held there but sent later, see `Reading.gather`: of a held one the broker looks through all partitions at every
# record that arrives, and reads them twice, a quarter of all its work.
FETCH_QUIET = 1, 250
# Seconds in which a member without heartbeat is taken for dead (SESSION), and between heartbeats.
SESSION, HEARTBEAT = 10.0, 2.5
# Seconds after which a member has to ask whether it still is one: it may have stood still itself, as in a machine that was put to
# sleep, and others have gone on. Counted from when a heartbeat was sent, the group from when it was heard.
DOUBT = 9.0
# Seconds that the members have to give up their partitions in a rebalance, and after which one that takes no records, because
# its handler hangs, gives its partitions to others.
REBALANCE, HANGING = 30.0, 300.0
# Seconds for one request. Joining a group is one, so it has to be longer than a rebalance.
REQUEST = 40.0
# Seconds for leaving the group and hanging up at the end; then the connections are cut.
LEAVE = 3.0
# In batches' worth of records: the most that one look takes, and what may wait for the handler before the next look. By looks of
# one batch, going to and from aiokafka's thread cost a third of the throughput, by looks of four a sixth.
AHEAD = 10

# What a coordinator answers to its members; those that it does not know get other errors.
_MEMBER = {0, RebalanceInProgressError.errno}


@dataclass(frozen=True)
class Reading:
    """What to read, and how: `brokers` is `HOST:PORT` with commas between several, `group` the consumer group.

    `member` names this member of the group for good (static membership): a restart within 10 s moves no partition. Two that run
    at once must not share it. `options` are aiokafka's: TLS, user and password. `batch` is the most records of one batch,
    `finish` the seconds that a batch in hand may take when partitions are given away or the process ends, before it is left to
    its next owner; `commit` the seconds between commits. `gather`: the milliseconds that records may wait for others where they
    keep coming; every batch has a cost of its own.
    """

    brokers: str
    group: str
    topics: Sequence[str]
    member: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    batch: int = 2048
    finish: float = 4.0
    commit: float = 0.5
    gather: int = 15


@dataclass(slots=True, eq=False)
class Chunk:
    """Records of one partition in order, one or more."""

    tp: TP
    records: list[aiokafka.ConsumerRecord]
    acknowledged: bool = False
    #: One past the last record's offset.
    end: int = field(init=False)

    def __post_init__(self) -> None:
        self.end = self.records[-1].offset + 1

    def grow(self, records: list[aiokafka.ConsumerRecord]) -> None:
        self.records += records
        self.end = records[-1].offset + 1


Handler = Callable[[Sequence[Chunk]], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Batch:
    """Chunks of some partitions, handled as one. Until the handler takes it (`taken`), it grows by what is fetched next."""

    chunks: dict[TP, Chunk] = field(default_factory=dict)
    size: int = 0
    taken: bool = False
    dropped: bool = False

    def add(self, tp: TP, records: list[aiokafka.ConsumerRecord]) -> Chunk | None:
        """Take records in; their chunk, if it is a new one."""
        self.size += len(records)
        if tp in self.chunks:
            self.chunks[tp].grow(records)
            return None
        self.chunks[tp] = Chunk(tp, records)
        return self.chunks[tp]


class BatchMessage(ConsumerMessage):
    """What Faust carries for one batch. Key and value are empty, so that no codec ever looks at them."""

    def __init__(self, batch: Batch, generation: int) -> None:
        chunk = next(iter(batch.chunks.values()))
        first = chunk.records[0]
        super().__init__(
            chunk.tp.topic,
            chunk.tp.partition,
            first.offset,
            first.timestamp / 1000,
            first.timestamp_type,
            None,
            None,
            None,
            None,
            tp=chunk.tp,
            generation_id=generation,
        )
        self.batch = batch


def batch_app(
    reading: Reading,
    handle: Handler,
    *,
    assigned: Partitions | None,
    revoked: Partitions | None,
    failed: Callable[[BaseException], None],
    committing: Callable[[], Awaitable[None]] | None = None,
    committed: Callable[[Mapping[TP, int]], None] | None = None,
    meanwhile: Callable[[], Awaitable[bool]] | None = None,
    unfinished: Callable[[Chunk], bool] | None = None,
) -> "_App":
    """A Faust app that awaits `handle(chunks)` for one batch after the other, and acknowledges what it did.

    A batch has at most one chunk of a partition, and of each partition what comes next. All of it is acknowledged, or nothing.
    `assigned` is awaited before the first chunk of new partitions is handled, while heartbeats go on; it is cancelled when they
    are revoked meanwhile. `revoked` is awaited before partitions are given away, also at an orderly stop; nothing of them is in
    hand then: it was finished and committed, or `handle` was cancelled. A rebalance revokes all partitions and assigns those that
    stay once more. `failed` is called once, in the event loop, when `handle` or the connection raised what nobody can mend here:
    nothing is handled afterwards, and the process should end. `committing` is awaited before each commit, after everything
    that it covers was handled; `committed` gets {partition: next offset} after it.

    What would keep later batches waiting may be left for later. `meanwhile` is awaited after each batch, and again while no other
    batch waits, until it says that nothing is left; like `handle` it is cancelled when partitions are revoked. `unfinished` says
    of a chunk that was handled that something of it is left: neither that chunk nor what follows it is committed until it is not.

    `await app.ours()` is for handlers, before they do what somebody else may do at the same time. It returns at once while
    nobody else can have the partitions; after a standstill as long as a session, when the group has heard of us again. Where it
    has given them to others meanwhile, the batch in hand is dropped there.

    To be called, started (`await app.start()`, which returns after the first assignment and raises KafkaError without a broker)
    and stopped (`await app.stop()`, at most about 4 × `finish` + 3 s) inside the running loop. Several apps may share a loop.
    """
    return _App(reading, handle, assigned, revoked, failed, committing, committed, meanwhile, unfinished)


class _Thread(driver.AIOKafkaConsumerThread):
    """The thread of one app's aiokafka consumer."""

    consumer: "_Consumer"
    _next_fetch = 0.0
    #: When the last request was sent, by the monotonic clock, to which the group answered that we are a member.
    member_at = 0.0

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        consumer._fetcher._get_actions_per_node = self._paced(consumer._fetcher._get_actions_per_node)
        consumer._coordinator._send_req = self._noted(consumer._coordinator._send_req)

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no settings for these. By ranges, partition n of all topics lies with one member, so a group has one owner;
        # Faust deals partitions out in turn.
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = FETCH_QUIET
        consumer._partition_assignment_strategy = [RangePartitionAssignor]
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP] | None,
        timeout: float | None = None,  # noqa: ASYNC109
        max_records: int | None = None,
    ) -> Mapping[TP, list[aiokafka.ConsumerRecord]]:
        # Faust goes around `getmany`, where aiokafka tells of errors of its coordinator. Untold, they stop its heartbeats, and
        # the worker is alive but reads nothing any more.
        if not consumer._closed:
            consumer._coordinator.check_errors()
        found = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        reading = self.consumer.app.reading
        # What fills a batch has nothing to wait for: there is a backlog.
        if 0 < sum(map(len, found.values())) < reading.batch:
            self._next_fetch = time.monotonic() + reading.gather / 1000
        return found

    def _paced(self, actions: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], tuple[Any, ...]]:
        """What aiokafka is to do next for its partitions, without the fetches whose time has not come."""

        def paced(assignment: Any) -> tuple[Any, ...]:
            fetches, resets, seconds, *others = actions(assignment)
            early = self._next_fetch - time.monotonic()
            return ([], resets, min(seconds, early), *others) if early > 0 else (fetches, resets, seconds, *others)

        return paced

    def _noted(self, send: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """What sends requests to the group's coordinator, with a note of when it called us a member."""

        async def noted(request: Any) -> Any:
            sent_at = time.monotonic()
            answer = await send(request)
            if isinstance(request, (HeartbeatRequest, SyncGroupRequest)) and answer.error_code in _MEMBER:
                self.member_at = sent_at
            return answer

        return noted

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust leaves out what is no longer ours and still says that all was committed.
        if not offsets.keys() <= self.assignment():
            return False
        return await super()._commit(offsets)

    async def rewind(self) -> None:
        """Go to the committed offset of every assigned partition, and to the beginning where none was committed."""
        await self.call_thread(self._rewind)

    async def _rewind(self) -> None:
        # aiokafka's `seek_to_committed` leaves partitions without a commit where they are, so what a look under way had already
        # taken from them would be skipped, and committed past.
        consumer = self._ensure_consumer()
        partitions = list(consumer.assignment())
        offsets = await asyncio.gather(*map(consumer.committed, partitions))
        for tp, offset in zip(partitions, offsets, strict=True):
            if offset is not None:
                consumer.seek(tp, offset)
        if fresh := [tp for tp, offset in zip(partitions, offsets, strict=True) if offset is None]:
            await consumer.seek_to_beginning(*fresh)

    async def on_thread_stop(self) -> None:
        # Without a broker aiokafka waits for ever to commit and to leave, and in a rebalance until all have joined.
        stopping = asyncio.ensure_future(super().on_thread_stop())
        await asyncio.wait({stopping}, timeout=LEAVE)
        if not stopping.done() and self._consumer is not None:
            self.log.warning("Leaving the group takes too long; hanging up.")
            await self._consumer._client.close()


class _Consumer(driver.Consumer):
    """Reads batches, keeps in which order their chunks were delivered, and commits by that."""

    app: "_App"
    _thread: _Thread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chunks: dict[TP, deque[Chunk]] = {}
        #: Those that were delivered and not acknowledged, in order; only the last one may still grow.
        self._batches: deque[Batch] = deque()
        #: Records that were fetched and not yet acknowledged.
        self._waiting = 0
        self._room = asyncio.Event()
        self._room.set()
        #: Held while records are fetched; who has it knows that none are on their way here.
        self._looking = asyncio.Lock()
        #: One object for each assignment, None while there is none that holds.
        self._tenure: object | None = None
        #: The partitions that `assigned` was told of and `revoked` was not.
        self._held: set[TP] = set()
        self._taking_over: asyncio.Future[None] | None = None
        self._in_hand: tuple[Batch, asyncio.Task[None]] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def _new_consumer_thread(self) -> _Thread:
        # A loop of the kind that ours is: beside asyncio's own, records wait a fifth less for uvloop's.
        thread = _Thread(self, loop=self.loop, thread_loop=type(self.loop)(), beacon=self.beacon)
        thread._close_thread_loop_on_stop = True
        return thread

    # Reading

    async def _drain_messages(self, fetcher: faust.Service) -> None:
        # Faust makes four tasks for each message here, sleeps a second whenever its buffers are full, and drops what lies before
        # the last offset read, which would stop a partition for ever after its topic was made anew.
        try:
            while not (self.should_stop or fetcher.should_stop):
                for batch in await self._look():
                    if not batch.dropped:
                        await self.callback(BatchMessage(batch, self.app.consumer_generation_id))
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def _look(self) -> list[Batch]:
        """The batches that what was fetched by now makes; none while partitions are being given away or taken over."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if not self._room.is_set():
            await self.wait(self._room)
        async with self._looking:
            if not self.flow_active or self.should_stop:
                return []
            records = await self._getmany(None, LOOK)
            # What is let go here is read again: flow is resumed only after a rewind, and that waits for this lock.
            return self._deliver(records) if self.flow_active and not self.should_stop else []

    def _deliver(self, fetched: Mapping[Any, list[aiokafka.ConsumerRecord]]) -> list[Batch]:
        """Put what was fetched into the batch that still waits, and what is too much for it into new ones, which are given."""
        new: list[Batch] = []
        for partition, records in fetched.items():
            tp = TP(partition.topic, partition.partition)
            self._waiting += len(records)
            start = 0
            while start < len(records):
                if not self._batches or self._batches[-1].taken or self._room_in(self._batches[-1]) <= 0:
                    self._batches.append(Batch())
                    new.append(self._batches[-1])
                batch = self._batches[-1]
                part = records[start : start + self._room_in(batch)]
                start += len(part)
                if chunk := batch.add(tp, part):
                    self._chunks.setdefault(tp, deque()).append(chunk)
        self._count(0)
        return new

    def _room_in(self, batch: Batch) -> int:
        return self.app.reading.batch - batch.size

    def _count(self, finished: int) -> None:
        self._waiting -= finished
        if self._waiting < AHEAD * self.app.reading.batch:
            self._room.set()
        else:
            self._room.clear()

    # Handling

    async def handle(self, batch: Batch) -> bool:
        """True when the batch was handled, False when it was given away before or meanwhile. Raises what the handler raised."""
        if batch.dropped:
            return False
        batch.taken = True
        # A task of its own: it can be cancelled without the agent, which Faust would start again as if nothing had been.
        task = asyncio.ensure_future(self._work_on(batch))
        self._in_hand = batch, task
        self._idle.clear()
        try:
            # Not `await task`: when the agent is cancelled it would wait for a handler that takes no notice.
            await asyncio.wait({task})
        finally:
            task.cancel()
        if batch.dropped:
            # Whatever the handler made of its cancellation: the batch is no longer ours.
            with suppress(asyncio.CancelledError):
                task.exception()
            return False
        task.result()
        return True

    async def _work_on(self, batch: Batch) -> None:
        await self.app.handle(list(batch.chunks.values()))
        # Before what is left is gone on with: that may last, and nothing of this batch has to be done again.
        for chunk in batch.chunks.values():
            chunk.acknowledged = True
            chunk.records = []
        while self.app.meanwhile is not None and await self.app.meanwhile():
            if self._batches[-1] is not batch or not self.flow_active or self.app.should_stop:
                return

    async def ours(self) -> None:
        """Return when it is sure that the partitions are ours; drop the batch in hand when they are not any more."""
        while time.monotonic() - self._thread.member_at > DOUBT:
            if self._tenure is None and self._in_hand is not None:
                self._in_hand[0].dropped = True
                raise asyncio.CancelledError
            await asyncio.sleep(0.05)

    def put_down(self) -> None:
        """Nothing is in hand any more: what was is acknowledged, or will not be."""
        self._in_hand = None
        self._idle.set()

    def ack(self, message: BatchMessage) -> bool:
        # Faust keeps lists of offsets and looks for runs in them, and forgets them at a revoke before the last commit.
        batch = message.batch
        if message.acked or batch.dropped:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self._batches.remove(batch)
        self._count(batch.size)
        return True

    # Committing

    def _filter_tps_with_pending_acks(self, topics: Iterable[Any] | None = None) -> Iterator[TP]:
        for tp, chunks in self._chunks.items():
            if chunks and self._is_done(chunks[0]) and (topics is None or tp in topics or tp.topic in topics):
                yield tp

    def _is_done(self, chunk: Chunk) -> bool:
        return chunk.acknowledged and not (self.app.unfinished is not None and self.app.unfinished(chunk))

    def _new_offset(self, tp: TP) -> int | None:
        # Faust's rule is one off, and knows none for a group that has not committed yet: it commits past what is in hand.
        end = None
        for chunk in self._chunks.get(tp, ()):
            if not self._is_done(chunk):
                break
            end = chunk.end
        return end

    def _should_commit(self, tp: TP, offset: int) -> bool:
        # Faust takes a commit that failed for done, and would not try the same offset again.
        return True

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        if self.app.committing is not None:
            await self.app.committing()
        if not await super()._commit(offsets):
            return False
        for tp, offset in offsets.items():
            chunks = self._chunks.get(tp, deque())
            while chunks and chunks[0].acknowledged and chunks[0].end <= offset:
                chunks.popleft()
        if self.app.committed is not None:
            self.app.committed(offsets)
        return True

    async def _settle_commits(self) -> None:
        # Twice: a commit that is under way makes Faust's `commit` wait for it and do nothing.
        for _ in range(2):
            if next(self._filter_tps_with_pending_acks(), None) is None:
                return
            # Not `wait_for`: Faust's `commit` takes a cancellation as leave to begin anew.
            commit = asyncio.ensure_future(self.commit())
            await asyncio.wait({commit}, timeout=self.app.reading.finish)
            if not commit.done():
                commit.cancel()
                self.log.warning("A commit takes too long; what it holds will be handled again.")
                return
            commit.result()

    # Giving away and taking over

    async def wait_empty(self) -> None:
        # Faust waits for ever, so a handler that hangs would stop every rebalance and every orderly end.
        if self._in_hand is not None:
            await self._until_idle()
        if self._in_hand is not None:
            batch, task = self._in_hand
            batch.dropped = True
            task.cancel()
            await self._until_idle()
        if self._in_hand is not None:
            await self.crash(TimeoutError(f"A handler of {self.app.reading.group} does not end when it is cancelled."))
        await self._settle_commits()

    async def _until_idle(self) -> None:
        idle = asyncio.ensure_future(self._idle.wait())
        await asyncio.wait({idle}, timeout=self.app.reading.finish)
        idle.cancel()

    def _drop(self) -> None:
        """Forget all that was delivered: of what is not committed by now, the next owner begins anew."""
        for batch in self._batches:
            batch.dropped = True
        self._batches.clear()
        self._chunks.clear()
        self._count(self._waiting)

    async def _give_away(self, partitions: set[TP]) -> None:
        if (given := self._held & partitions) and self.app.revoked is not None:
            await self.app.revoked(given)
        self._held -= partitions

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._tenure = None
        try:
            if self._taking_over is not None:
                self._taking_over.cancel()
                await asyncio.wait({self._taking_over})
            # Faust stops the flow, empties its queues, and calls wait_empty; nothing of it when the app is stopping.
            await super().on_partitions_revoked(revoked)
            await self.wait_empty()
            self._drop()
            await self._give_away(revoked)
        except Exception as error:
            # aiokafka would only log it.
            await self.crash(error)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._tenure = object()
        await super().on_partitions_assigned(assigned, generation_id)

    async def take_over(self) -> bool:
        """Have `assigned` awaited and go to the committed offsets; False when the partitions were revoked meanwhile."""
        tenure = self._tenure
        if tenure is None:
            return False
        partitions = self.assignment()
        fresh = partitions - self._held
        self._held |= fresh
        if fresh and self.app.assigned is not None:
            self._taking_over = asyncio.ensure_future(self.app.assigned(fresh))
            try:
                await asyncio.wait({self._taking_over})
                if not self._taking_over.cancelled():
                    self._taking_over.result()
                elif self._tenure is tenure:
                    raise RuntimeError("What was awaited before the first chunk was cancelled by somebody else.")
            finally:
                self._taking_over.cancel()
                self._taking_over = None
        if partitions and self._tenure is tenure:
            await self.perform_seek()
        return self._tenure is tenure

    async def perform_seek(self) -> None:
        # Faust may have a look under way while it seeks: what that brings is then skipped, or delivered twice.
        tenure = self._tenure
        async with self._looking:
            try:
                await self._thread.rewind()
            except (IllegalStateError, KafkaError):
                if self._tenure is tenure:
                    raise

    async def on_stop(self) -> None:
        try:
            await super().on_stop()
            self._drop()
            await self._give_away(set(self._held))
        except Exception as error:
            # Raised, it would leave the thread running, and the process with it.
            self.app.report(error)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's watch over standstills reports what is none. The worker watches lag and progress itself."""


class _Recovery(Recovery):
    """Faust's step between assignment and reading. There are no tables, so nothing is recovered."""

    app: "_App"

    async def _resume_streams(self, generation_id: int = 0) -> None:
        # Faust gives seeking `broker_request_timeout` seconds; when a broker is away for longer, this task ends without a word,
        # and the worker never reads again. It also lets records through while those who wait for the assignment still work.
        app = self.app
        if not await app.consumer.take_over():
            return
        self.completed.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()


class _Tables(TableManager):
    @property
    def recovery(self) -> _Recovery:
        if self._recovery is None:
            self._recovery = _Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class _Transport(driver.Transport):
    Consumer: ClassVar[type[_Consumer]] = _Consumer


class _Boot(BootStrategy):
    # We publish with a producer of our own, whose every delivery is confirmed; Faust's is never started.
    enable_kafka_producer = False
    enable_web = False


class _App(faust.App):
    BootStrategy = _Boot

    def __init__(
        self,
        reading: Reading,
        handle: Handler,
        assigned: Partitions | None,
        revoked: Partitions | None,
        failed: Callable[[BaseException], None],
        committing: Callable[[], Awaitable[None]] | None,
        committed: Callable[[Mapping[TP, int]], None] | None,
        meanwhile: Callable[[], Awaitable[bool]] | None,
        unfinished: Callable[[Chunk], bool] | None,
    ) -> None:
        self.reading = reading
        self.handle = handle
        self.assigned = assigned
        self.revoked = revoked
        self.committing = committing
        self.committed = committed
        self.meanwhile = meanwhile
        self.unfinished = unfinished
        self._failed: Callable[[BaseException], None] | None = failed
        super().__init__(reading.group, **_settings(reading))
        topic = self.topic(*reading.topics, key_serializer="raw", value_serializer="raw")
        self.agent(topic, name=f"{reading.group}.batches", concurrency=1)(self._read)

    async def _read(self, stream: faust.StreamT[Any]) -> None:
        # No exception may leave: Faust would start this again on the same stream, behind the batch that was in hand.
        try:
            async for event in stream.noack().events():
                try:
                    if await self.consumer.handle(event.message.batch):
                        event.ack()
                finally:
                    self.consumer.put_down()
        except BaseException as error:
            if self.should_stop and isinstance(error, asyncio.CancelledError):
                # Returned and not raised: Faust would log a crash at every orderly stop.
                return
            self.report(error)
        # Nothing more is handled, but the group may go on with what was acknowledged until the process ends.
        await self._stopped.wait()

    async def ours(self) -> None:
        await self.consumer.ours()

    def report(self, error: BaseException) -> None:
        """Call `failed`, the first time only and in the app's loop; may be called from any thread."""
        failed, self._failed = self._failed, None
        if failed is not None:
            self.loop.call_soon_threadsafe(failed, error)

    def _crash(self, reason: BaseException) -> None:
        # Every service of the app that ends by an error comes by here. Without Faust's worker nobody else would hear of it.
        super()._crash(reason)
        if not self._stopped.is_set():
            self.report(reason)

    def _new_transport(self) -> _Transport:
        return _Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> _Transport:
        return _Transport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        """Nothing: Faust would make folders for tables in the current one."""

    def _on_rebalance_when_stopped(self) -> None:
        """Nothing: Faust would close the connections from the wrong thread, and with them the last commit."""


def _settings(reading: Reading) -> dict[str, Any]:
    return {
        # An empty environment instead of the process's: every setting of Faust listens to a variable with a common name
        # (BROKER_URL, WEB_PORT, …), and APP_ENV_PREFIX beats any prefix that is given here.
        "env": {},
        "broker": [f"kafka://{broker.strip()}" for broker in reading.brokers.split(",")],
        "broker_credentials": _credentials(reading.options),
        "broker_client_id": f"{reading.group}-{reading.member}" if reading.member else reading.group,
        "broker_commit_interval": reading.commit,
        "broker_session_timeout": SESSION,
        "broker_heartbeat_interval": HEARTBEAT,
        "broker_rebalance_timeout": REBALANCE,
        "broker_max_poll_interval": HANGING,
        "broker_request_timeout": REQUEST,
        "broker_max_poll_records": AHEAD * reading.batch,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": reading.member,
        # True is needed for a rebalance to call wait_empty, which cannot hang here.
        "stream_wait_empty": True,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
        "autodiscover": False,
        "TableManager": _Tables,
    }


def _credentials(options: Mapping[str, Any]) -> faust.auth.Credentials | None:
    """What Faust makes the same options of again."""
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=options["ssl_context"],
        )
    return faust.SSLCredentials(options["ssl_context"]) if options else None
