"""What the hosts of a fleet have in common, and the host of agents without state.

A host lets one agent handle a batch of chunks, each the next records of one partition, in an order that makes doing it twice
harmless; `docs/architecture.md`, "Fleet", has the table of orders. Batches come one after the other; nothing here acknowledges:
whoever calls `handle` does so when it returns, and commits no offset of which something `is_unfinished`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from streams.agents import Gather
from streams.errors import Unavailable
from streams.fleet.control import Editions
from streams.ledger import RedisStates
from streams.telling import tell_broken
from streams.topics import DEAD_LETTERS, VIEWS, Agent, DeadLetter, Effects, Record, Rows, record_of

encode = msgspec.json.Encoder().encode
# Records of one partition of one topic, in order, at least one.
Chunk = Sequence[Record]
_ROWS_OF_RECORD = 1000
T = TypeVar("T")


class Sends(Protocol):
    """Confirmed sending, see `kafka.Producer`."""

    async def publish(self, records: Iterable[Record]) -> None: ...


class Kept(Struct, frozen=True):
    """A state as a compacted topic keeps it. The highest version of a key counts."""

    agent: str
    version: int
    value: msgspec.Raw
    applied: dict[str, int] = {}
    next_due: int | None = None
    partition: int | None = None


class Trouble(Protocol):
    """Told what is away before each further try; returns when it is worth trying again."""

    async def __call__(self, error: Unavailable) -> None: ...


class Host:
    """What the hosts have in common: publishing until it is confirmed, and the record that breaks an agent."""

    def __init__(self, agent: Agent, producer: Sends, wait: Trouble) -> None:
        self.agent = agent
        #: Told of every chunk once it is stored, and of what it brought.
        self.counted: Callable[[Sequence[Record], Effects], None] = lambda records, effects: None
        #: Returns when it is sure that what is in hand is still ours, see `transport.batch_app`.
        self.ours: Callable[[], Awaitable[None]] = _surely
        self._producer = producer
        self._wait = wait

    def kept(self) -> Mapping[str, int]:
        """Entries of what it keeps in memory, by what they are."""
        return {}

    async def go_on(self) -> bool:
        """Do some of what `handle` has left for later; False where nothing is left."""
        return False

    def is_unfinished(self, topic: str, partition: int, end: int) -> bool:
        """Say whether something is left of the records of a partition before offset `end`."""
        return False

    async def settle(self) -> None:
        """Make durable what has to be before offsets are committed."""

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """The offset from which a successor would go on."""

    async def _publish(self, records: Sequence[Record]) -> None:
        if records:
            await self._patiently(lambda: self._producer.publish(records))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until what it needs is there. Nothing is skipped: meanwhile the partition waits."""
        while True:
            try:
                return await work()
            except Unavailable as error:
                await self._wait(error)


async def _surely() -> None:
    """Nobody else is there."""


class JudgingHost(Host):
    """The host of an agent with state in Redis. What applies to a record follows from its append time.

    `ready` returns when all that may be in force now is known, and raises Unavailable until then.
    """

    def __init__(
        self,
        agent: Agent,
        editions: Editions,
        ready: Callable[[], Awaitable[None]],
        states: RedisStates,
        producer: Sends,
        wait: Trouble,
    ) -> None:
        super().__init__(agent, producer, wait)
        self._editions = editions
        self._ready = ready
        self._states = states
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(agent.State)


class RowsHost(Host):
    """An agent without state whose rows go to the database: enforce and record. Every row may come twice."""

    def __init__(
        self, agent: Agent, write: Callable[[Sequence[tuple[Sequence[Any], int]]], None], producer: Sends, wait: Trouble
    ) -> None:
        """`write` enters rows, each lot with the partition whose records asked for them; all or nothing."""
        super().__init__(agent, producer, wait)
        self._write = write

    async def handle(self, chunks: Sequence[Chunk]) -> None:
        brought = [(chunk, effects_of(self.agent, chunk)) for chunk in chunks]
        rows = [(effects.rows, chunk[0].partition) for chunk, effects in brought if effects.rows]
        if rows:
            await self._patiently(lambda: asyncio.to_thread(self._write, rows))
        await self._publish(
            [one for chunk, effects in brought for one in outgoing(Effects(records=effects.records), chunk[-1])]
        )
        for chunk, effects in brought:
            self.counted(chunk, effects)


class GatherHost(Host):
    """Gather, whose memory is what its topic says before the chunk in hand. Publishes, then acknowledges."""

    agent: Gather

    def __init__(
        self, agent: Gather, before: Callable[[Record], Awaitable[Sequence[Record]]], producer: Sends, wait: Trouble
    ) -> None:
        """`before` reads back what was appended in the last hours before a record."""
        super().__init__(agent, producer, wait)
        self._before = before
        # What comes next if nothing was left out, and nothing handled whose effects may not be out.
        self._next: int | None = None

    def kept(self) -> Mapping[str, int]:
        return {"campaigns": len(self.agent)}

    async def handle(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            if chunk[0].offset != self._next:
                before = await self._patiently(lambda first=chunk[0]: self._before(first))
                self.agent.forget()
                self.agent.rewind(before)
            self._next = None
            effects = effects_of(self.agent, chunk)
            await self._publish(outgoing(effects, chunk[-1]))
            self._next = chunk[-1].offset + 1
            self.counted(chunk, effects)


def effects_of(agent: Agent, records: Sequence[Record]) -> Effects:
    """What an agent without stored state makes of records; one that breaks it is set aside alone, the others are handled."""
    try:
        return agent.handle(records, {})
    except Exception as error:
        if len(records) == 1:
            return set_aside(agent, records[0], error)
    parts = [effects_of(agent, [record]) for record in records]
    return Effects(
        records=[one for part in parts for one in part.records], rows=[one for part in parts for one in part.rows]
    )


def set_aside(agent: Agent, record: Record, error: Exception) -> Effects:
    """A record that breaks an agent goes to the dead letters, alone."""
    tell_broken(agent.name, record, error)
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


def outgoing(effects: Effects, cause: Record) -> list[Record]:
    """The records to publish; rows go the same way."""
    records = [record_of(topic, key, value, at) for topic, key, value, at in effects.records]
    parts = (effects.rows[at : at + _ROWS_OF_RECORD] for at in range(0, len(effects.rows), _ROWS_OF_RECORD))
    return records + [record_of(VIEWS, cause.key, Rows(part), cause.appended_at) for part in parts]
