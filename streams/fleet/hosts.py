"""The fleet host: one agent over one chunk of one partition, in an order that makes doing it twice harmless.

`docs/architecture.md`, "Fleet", has the table of orders. Chunks of one partition come one after the other; nothing here
acknowledges: whoever calls `handle` does so when it returns.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from models.observation import Millis
from streams.agents import Escalate, Screen
from streams.embedded import tick_body
from streams.errors import Unavailable
from streams.fleet.control import Edition, Editions
from streams.fleet.kafka import GROUP_STATE, LEDGER
from streams.ledger import Change, Decided, RedisStates, Stored
from streams.topics import AGAIN, DEAD_LETTERS, VIEWS, Agent, DeadLetter, Effects, Record, Rows, record_of

# A group-less tick reaches so many groups at once.
_TICKED_AT_ONCE = 500
# Bytes of states at hand, as they are stored; as values they take some five times as much. Beyond, all are read anew.
_MOST_HELD = 16 << 20
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class Sends(Protocol):
    """Confirmed sending, see `kafka.Producer`."""

    async def send(self, records: Iterable[Record], *, timed: bool = True) -> list[int]: ...


class Kept(Struct, frozen=True):
    """A state as a compacted topic keeps it. The highest version of a key counts."""

    agent: str
    version: int
    value: msgspec.Raw
    applied: dict[str, int] = {}
    next_due: int | None = None
    partition: int | None = None


class Published(Struct, frozen=True):
    """What a decision brought: all that is published, kept with the ledger until it is certain to be out."""

    records: list[tuple[str, str, msgspec.Raw, Millis]]


class Trouble(Protocol):
    """Told what is away before each further try; returns when it is worth trying again."""

    async def __call__(self, error: Unavailable) -> None: ...


class _Host:
    """What the hosts have in common: publishing until it is confirmed, and the record that breaks an agent."""

    def __init__(self, agent: Agent, producer: Sends, wait: Trouble) -> None:
        self.agent = agent
        #: Told of every chunk that is stored, and of what it brought.
        self.counted: Callable[[Sequence[Record], Effects], None] = lambda records, effects: None
        self._producer = producer
        self._wait = wait

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """The offset from which a successor would go on."""

    async def _publish(self, records: Sequence[Record]) -> None:
        if records:
            await self._patiently(lambda: self._producer.send(records))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until what it needs is there. Nothing is skipped: meanwhile the partition waits."""
        while True:
            try:
                return await work()
            except Unavailable as error:
                await self._wait(error)


class ScreenHost(_Host):
    """Screen, the one owner of its groups' states. Publishes, then saves: what is published twice has the same ids."""

    agent: Screen

    def __init__(
        self,
        editions: Editions,
        ready: Callable[[], Awaitable[None]],
        states: RedisStates,
        producer: Sends,
        wait: Trouble,
    ) -> None:
        super().__init__(editions.kept[0].screen, producer, wait)
        self._editions = editions
        self._ready = ready
        self._states = states
        self._held: dict[str, _Held] = {}
        self._bytes = 0
        self._decoder = msgspec.json.Decoder(Screen.State)

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        """Judge a chunk. A tick without a group reaches every group of the partition in which something is due."""
        await self._patiently(self._ready)
        for (ticks, edition), some in groupby(records, key=self._kind):
            self.agent = edition.screen
            if ticks:
                for record in some:
                    await self._tick(partition, record)
            else:
                await self._judge(partition, list(some))

    def _kind(self, record: Record) -> tuple[bool, Edition]:
        return _is_tick(record), self._editions.at(record.appended_at)

    def forget(self) -> None:
        """Another owner may have gone on from here: nothing at hand can be trusted."""
        self._held.clear()
        self._bytes = 0

    async def _tick(self, partition: int, tick: Record) -> None:
        """Let the broker's clock pass in the groups where something is due; no sender's clock can hurry it."""
        done: set[str] = set()
        until = tick.appended_at
        while True:
            limit = _TICKED_AT_ONCE + len(done)
            due = await self._patiently(lambda limit=limit: self._states.dues(partition, until, limit))
            fresh = [key for key, _ in due if key not in done]
            if not fresh:
                return
            done.update(fresh)
            await self._judge(partition, [_tick_of(tick, key, until) for key in fresh])

    async def _judge(self, partition: int, records: Sequence[Record]) -> None:
        source = f"{records[0].topic}/{partition}"
        while True:
            keys = self.agent.keys(records)
            await self._load(keys)
            old = [one for one in records if self._is_applied(one, source)]
            if old:
                # Done by a former owner up to the state, or by ourselves: only the windows have to know them.
                self.agent.rewind(old)
                await self._keep({one.key for one in old}, partition)
            fresh = [one for one in records if not self._is_applied(one, source)] if old else records
            if not fresh or await self._judged(partition, source, fresh):
                return
            for key in keys:
                self._held.pop(key, None)

    async def _judged(self, partition: int, source: str, records: Sequence[Record]) -> bool:
        """Judge, publish, save; False where somebody else has saved a state meanwhile."""
        effects = self._effects(records)
        if records[0].topic == AGAIN:
            # Their rows are named by places in `observations`.
            effects.rows = []
        await self._publish(_outgoing(effects, records[-1]))
        changes = [
            Change(
                key=key,
                version_read=self._held[key].version if key in self._held else 0,
                value=encoded,
                source=source,
                offset=records[-1].offset,
                next_due=self.agent.next_due(value),
                partition=partition,
            )
            for key, value in effects.state.items()
            if (encoded := _encode(value)) != (self._held[key].stored if key in self._held else b"")
        ]
        if not changes:
            self._hold_values(effects)
            self.counted(records, effects)
            return True
        saved = await self._patiently(lambda: self._states.save(self.agent.name, changes))
        if not all(saved):
            return False
        self._hold_values(effects)
        for one, version in zip(changes, saved, strict=True):
            held = self._held.setdefault(one.key, _Held(0, b"", {}))
            self._bytes += len(one.value) - len(held.stored)
            held.version, held.stored = version, one.value
            held.applied = {**held.applied, source: one.offset}
            held.value = effects.state[one.key]
        await self._keep({one.key for one in changes}, partition)
        self.counted(records, effects)
        return True

    def _effects(self, records: Sequence[Record]) -> Effects:
        """What the agent makes of records; one that breaks it is set aside alone, the others are handled."""
        keys = {one.key for one in records}
        try:
            return self.agent.handle(records, {key: self._taken(key) for key in keys})
        except Exception as error:
            if len(records) == 1:
                return _set_aside(self.agent, records[0], error)
        # What the broken attempt has changed was taken out; each record begins from what the one before has left.
        whole = Effects()
        for record in records:
            state = {record.key: whole.state.get(record.key) or self._taken(record.key)}
            before = _encode(state[record.key]) if state[record.key] is not None else None
            try:
                effects = self.agent.handle([record], state)
            except Exception as error:
                effects = _set_aside(self.agent, record, error)
                if before is not None:
                    effects.state[record.key] = self._decoder.decode(before)
            whole.state.update(effects.state)
            whole.records += effects.records
            whole.rows += effects.rows
        return whole

    def _taken(self, key: str) -> Any:
        """A state as a value, handed out once: an agent may change it, and may then fail."""
        held = self._held.get(key)
        if held is None:
            return None
        value, held.value = held.value, None
        return self._decoder.decode(held.stored) if value is None else value

    def _hold_values(self, effects: Effects) -> None:
        for key, value in effects.state.items():
            if key in self._held:
                self._held[key].value = value

    def _is_applied(self, record: Record, source: str) -> bool:
        held = self._held.get(record.key)
        return held is not None and held.applied.get(source, -1) >= record.offset

    async def _load(self, keys: Iterable[str]) -> None:
        missing = [key for key in keys if key not in self._held]
        if self._bytes > _MOST_HELD:
            self.forget()
            missing = list(keys)
        if missing:
            found = await self._patiently(lambda: self._states.load(self.agent.name, missing))
            for key, one in found.items():
                self._held[key] = _Held(one.version, one.value, dict(one.applied))
                self._bytes += len(one.value)

    async def _keep(self, keys: Iterable[str], partition: int) -> None:
        """Publish states on the compacted topic, from which an empty Redis is rebuilt."""
        kept = []
        for key in sorted(keys):
            held = self._held.get(key)
            if held is not None:
                due = self.agent.next_due(self._decoder.decode(held.stored))
                value = msgspec.Raw(held.stored)
                state = Kept(self.agent.name, held.version, value, held.applied, due, partition)
                kept.append(record_of(GROUP_STATE, key, state, -1))
        await self._publish(kept)


class _Held:
    """A state at hand: as it is stored, and the value that an agent left behind."""

    __slots__ = ("applied", "stored", "value", "version")

    def __init__(self, version: int, stored: bytes, applied: dict[str, int], value: Any = None) -> None:
        self.version, self.stored, self.applied, self.value = version, stored, applied, value


class EscalateHost(_Host):
    """Escalate, one of many owners of a ledger. Saves ledger and decision at once, then publishes the decision."""

    agent: Escalate

    def __init__(
        self,
        editions: Editions,
        ready: Callable[[], Awaitable[None]],
        states: RedisStates,
        producer: Sends,
        wait: Trouble,
    ) -> None:
        super().__init__(editions.kept[0].escalate, producer, wait)
        self._editions = editions
        self._ready = ready
        self._states = states
        self._decoder = msgspec.json.Decoder(Escalate.State)
        # Decisions that a replay would ask for, until their offset is committed.
        self._kept: dict[tuple[str, int], deque[tuple[int, str, str]]] = {}

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        await self._patiently(self._ready)
        waiting = deque((record, subject) for record in records for subject in self._subjects(record))
        decided: dict[tuple[int, str], Published] = {}
        broken: list[Record] = []
        while waiting:
            # One record of each subject at a time: the next one begins with the ledger that this one leaves.
            turn, waiting = _first_of_each(waiting)
            again = await self._decide(turn, partition, decided, broken)
            waiting.extendleft(reversed(again))
        order = sorted(decided, key=lambda one: one[0])
        await self._publish([*(_records(decided, order)), *broken])
        await self._keep_ledgers({subject for _, subject in order})

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """Decisions below this offset are out, and nobody will ask for them again."""
        kept = self._kept.get((topic, partition), deque())
        past = [(subject, record_id) for at, subject, record_id in kept if at < offset]
        if past:
            await self._states.forget(past)
        while kept and kept[0][0] < offset:
            kept.popleft()

    def _subjects(self, record: Record) -> list[str]:
        try:
            return sorted(self.agent.keys([record]))
        except msgspec.MsgspecError:
            return [""]

    async def _decide(
        self,
        turn: Sequence[tuple[Record, str]],
        partition: int,
        decided: dict[tuple[int, str], Published],
        broken: list[Record],
    ) -> list[tuple[Record, str]]:
        """Decide these; what has to be decided once more, because somebody else saved a ledger meanwhile."""
        asked = [(subject, _record_id(record, partition)) for record, subject in turn]
        known = await self._patiently(lambda: self._states.stored_decision(asked))
        ledgers = await self._patiently(lambda: self._states.load(self.agent.name, [subject for _, subject in turn]))
        new: list[tuple[Record, str, Decided]] = []
        for (record, subject), (_, record_id), stored in zip(turn, asked, known, strict=True):
            if stored is not None:
                decided[record.offset, subject] = _PUBLISHED.decode(stored)
                self._remember(record, partition, subject, record_id)
                continue
            made = self._made(record, subject, ledgers.get(subject), record_id)
            if isinstance(made, Record):
                broken.append(made)
            elif made is not None:
                new.append((record, subject, made))
        if not new:
            return []
        answers = await self._patiently(lambda: self._states.decide([one for *_, one in new]))
        again = []
        for (record, subject, made), answer in zip(new, answers, strict=True):
            if answer.outcome == "conflict":
                again.append((record, subject))
                continue
            decided[record.offset, subject] = _PUBLISHED.decode(answer.decision)
            self._remember(record, partition, subject, made.record)
        return again

    def _made(self, record: Record, subject: str, stored: Stored | None, record_id: str) -> Decided | Record | None:
        """The decision on one record for one subject; a dead letter where the agent breaks; None where nothing follows."""
        before = stored.value if stored else None
        self.agent = self._editions.at(record.appended_at).escalate
        try:
            ledger = self._decoder.decode(before) if before else None
            effects = self.agent.handle([record], {subject: ledger})
            after = _encode(effects.state[subject]) if subject in effects.state else None
        except Exception as error:
            effects = _set_aside(self.agent, record, error)
            return _outgoing(effects, record)[0]
        changed = after if after is not None and after != (before or _EMPTY_LEDGER) else None
        outgoing = _outgoing(effects, record)
        if changed is None and not outgoing:
            return None
        decision = _encode(
            Published([(one.topic, one.key, msgspec.Raw(one.value), one.appended_at) for one in outgoing])
        )
        return Decided(subject, record_id, stored.version if stored else 0, changed, decision)

    def _remember(self, record: Record, partition: int, subject: str, record_id: str) -> None:
        self._kept.setdefault((record.topic, partition), deque()).append((record.offset, subject, record_id))

    async def _keep_ledgers(self, subjects: Iterable[str]) -> None:
        """Publish the ledgers as they are now; again where another owner saved a newer one meanwhile."""
        open_ones = dict.fromkeys(sorted(subjects), 0)
        while open_ones:
            asked = list(open_ones)
            found = await self._patiently(lambda asked=asked: self._states.load(self.agent.name, asked))
            newer = {
                one: found[one] for one, version in open_ones.items() if one in found and found[one].version > version
            }
            if not newer:
                return
            await self._publish(
                [
                    record_of(LEDGER, one, Kept(self.agent.name, held.version, msgspec.Raw(held.value)), -1)
                    for one, held in newer.items()
                ]
            )
            open_ones = {one: held.version for one, held in newer.items()}


class RowsHost(_Host):
    """An agent without state whose rows go to the database: enforce and record. Every row may come twice."""

    def __init__(
        self, agent: Agent, write: Callable[[Sequence[Any], int], None], producer: Sends, wait: Trouble
    ) -> None:
        super().__init__(agent, producer, wait)
        self._write = write

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        effects = self._effects(records)
        if effects.rows:
            await self._patiently(lambda: asyncio.to_thread(self._write, effects.rows, partition))
        await self._publish(_outgoing(Effects(records=effects.records), records[-1]))

    def _effects(self, records: Sequence[Record]) -> Effects:
        try:
            return self.agent.handle(records, {})
        except Exception as error:
            if len(records) == 1:
                return _set_aside(self.agent, records[0], error)
        parts = [self._effects([record]) for record in records]
        return Effects(
            records=[one for part in parts for one in part.records], rows=[one for part in parts for one in part.rows]
        )


_PUBLISHED = msgspec.json.Decoder(Published)
_EMPTY_LEDGER = b"{}"


def _is_tick(record: Record) -> bool:
    return not record.key and b'"clock.tick"' in record.value


def _tick_of(tick: Record, key: str, at: Millis) -> Record:
    return Record(tick.topic, key, tick_body(key, at), tick.offset, tick.appended_at, partition=tick.partition)


def _first_of_each(
    waiting: Iterable[tuple[Record, str]],
) -> tuple[list[tuple[Record, str]], deque[tuple[Record, str]]]:
    """The first record of each subject, and what has to wait for it."""
    first: dict[str, tuple[Record, str]] = {}
    later: deque[tuple[Record, str]] = deque()
    for one in waiting:
        if first.setdefault(one[1], one) is not one:
            later.append(one)
    return list(first.values()), later


def _record_id(record: Record, partition: int) -> str:
    return f"{record.topic}/{partition}/{record.offset}"


def _records(decided: Mapping[tuple[int, str], Published], order: Iterable[tuple[int, str]]) -> Iterator[Record]:
    for one in order:
        for topic, key, value, at in decided[one].records:
            yield Record(topic, key, bytes(value), -1, at)


def _set_aside(agent: Agent, record: Record, error: Exception) -> Effects:
    effects = Effects()
    dead = DeadLetter(
        cause=f"{agent.name} could not handle it: {type(error).__name__}",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        tries=1,
        body=record.value,
        key=record.key,
    )
    effects.publish(DEAD_LETTERS, dead, record)
    return effects


def _outgoing(effects: Effects, cause: Record) -> list[Record]:
    """The records to publish; rows go the same way."""
    records = [record_of(topic, key, value, at) for topic, key, value, at in effects.records]
    if effects.rows:
        records.append(record_of(VIEWS, cause.key, Rows(effects.rows), cause.appended_at))
    return records
