"""States of groups, ledgers of subjects, the decisions kept with them, and what falls due."""

import glob
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Self, cast

from redis.asyncio import Redis

from streams.connections import redis_options
from streams.ledger.connection import CODING, Connection, StateLost
from streams.ledger.keys import Keys
from streams.ledger.rebuild import Rebuild, begin
from streams.ledger.stored import Stored, pack, read_stored, unpack
from streams.settings import Settings

# A decision is removed once its offset is committed; one that a crash left behind goes after this time.
KEPT = timedelta(weeks=1)
# Removing everything takes longer than a call.
_CLEAR_SECONDS = 600.0
_WRITING = frozenset({"save", "decide", "forget", "seed", "lease"})


@dataclass(frozen=True, slots=True)
class Change:
    """A state to be saved over the version that was read; 0: there was none. `next_due`: milliseconds since 1970, UTC."""

    key: str
    version_read: int
    value: bytes
    source: str
    offset: int
    next_due: int | None
    partition: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What one record, e.g. "judgements/3/1042", brought one subject. `value`: the new ledger; None leaves it as it is."""

    subject: str
    record: str
    version_read: int
    value: bytes | None
    decision: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of it, and the ledger's version now.

    done: ledger and decision were stored. known: this record had been decided, see `decision`; nothing was stored.
    conflict: somebody saved meanwhile; nothing was stored, read the ledger and decide again.
    """

    outcome: Literal["done", "known", "conflict"]
    version: int
    decision: bytes


class RedisStates:
    """The state of one fleet. Each call is one round trip and one step: all of it happened, or nothing.

    Every call raises StateLost where the marker is missing, StateUnavailable where Redis is away. The same call may be
    sent again in both cases: no version that was read before a loss is given a second time, so what builds on one that
    was lost ends in conflict.
    """

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._keys = Keys(prefix)
        #: Told of each call whether it read (load) or wrote (save), and its seconds.
        self.took: Callable[[str, float], None] = lambda operation, seconds: None

    @classmethod
    async def open(cls, url: str, prefix: str = "xunqun", options: Mapping[str, Any] | None = None) -> Self:
        """Connect; StateUnavailable if Redis is away, LoadError if its address or settings cannot be used."""
        return cls(await Connection.open(url, options), prefix)

    @classmethod
    async def of(cls, settings: Settings) -> Self:
        """The fleet's, opened like `open`."""
        return await cls.open(settings.redis, settings.kafka_prefix + "xunqun", redis_options(settings))

    async def close(self) -> None:
        await self._connection.close()

    async def alive(self) -> None:
        await self._read([])

    # states

    async def load(self, agent: str, keys: Sequence[str]) -> dict[str, Stored]:
        """The states that exist."""
        found = await self._read([self._keys.state(agent, key) for key in keys])
        return {key: read_stored(raw) for key, raw in zip(keys, found, strict=True) if raw is not None}

    async def version(self, agent: str, keys: Sequence[str]) -> dict[str, int]:
        """The versions of the states that exist, without reading them."""
        found = await self._run("versions", [self._keys.state(agent, key) for key in keys])
        return {key: int(version) for key, version in zip(keys, found, strict=True) if version != b"0"}

    async def save(self, agent: str, changes: Sequence[Change]) -> list[int]:
        """Save each state whose version is still the one read; its new version, or 0 where somebody saved meanwhile.

        Sent again after a lost answer, a change that arrived the first time gives its version again.
        """
        keys: list[str] = []
        args: list[str | bytes | int] = []
        for one in changes:
            keys += (self._keys.state(agent, one.key), self._keys.dues(one.partition))
            due = "" if one.next_due is None else one.next_due
            args += (one.version_read, one.source, one.offset, due, one.key, pack(one.value))
        return [int(version) for version in await self._run("save", keys, args)]

    # due dates

    async def dues(self, asked: Sequence[tuple[int, int, int]]) -> list[list[tuple[str, int]]]:
        """For each (partition, until, limit), at most `limit` keys that fall due by `until`, and when.

        Earliest first, then by key.
        """
        keys = [self._keys.dues(partition) for partition, _, _ in asked]
        answers = await self._run("dues", keys, [number for _, until, limit in asked for number in (until, limit)])
        return [
            [(key.decode(*CODING), int(due)) for key, due in zip(found[::2], found[1::2], strict=True)]
            for found in answers
        ]

    async def due_at(self, asked: Sequence[tuple[int, str]]) -> list[int | None]:
        """When each (partition, key) falls due; None where nothing is due there."""
        keys = [self._keys.dues(partition) for partition, _ in asked]
        found = await self._run("due_at", keys, [key for _, key in asked])
        return [int(due) if due else None for due in found]

    async def seed_dues(self, agent: str, partition: int, keys: Sequence[str]) -> None:
        """Let listed keys be due at once of which nothing was ever seen: those without a state."""
        await self._run("seed", [self._keys.dues(partition), *(self._keys.state(agent, key) for key in keys)], keys)

    # decisions

    async def stored_decision(self, asked: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """What was decided for each (subject, record), where it is kept."""
        found = await self._read([self._keys.decision(*one) for one in asked])
        return [None if raw is None else unpack(raw) for raw in found]

    async def decide(self, decisions: Sequence[Decided]) -> list[Decision]:
        """Store each ledger with its decision, unless the record was decided or somebody saved meanwhile.

        A subject may occur several times, in order, each time on top of the one before and with the `version_read` of
        the first: unless the one before was done, it ends in conflict too.
        """
        keys: list[str] = []
        args: list[str | bytes | int] = [int(KEPT.total_seconds())]
        for one in decisions:
            keys += (self._keys.ledger(one.subject), self._keys.decision(one.subject, one.record))
            value = b"" if one.value is None else pack(one.value)
            args += (one.version_read, value, pack(one.decision))
        answers = await self._run("decide", keys, args)
        return [
            Decision(
                cast(Literal["done", "known", "conflict"], outcome.decode()),
                int(version),
                unpack(body) if outcome == b"known" else one.decision if outcome == b"done" else b"",
            )
            for one, (outcome, version, body) in zip(decisions, answers, strict=True)
        ]

    async def keeps(self, decided: Sequence[tuple[str, str]]) -> bool:
        """Whether the decisions of all these (subject, record) are still stored: after a loss none is."""
        keys = {self._keys.decision(*one) for one in decided}
        return await self._connection.call(lambda redis: redis.exists(self._keys.marker, *keys)) == len(keys) + 1

    async def forget(self, done: Sequence[tuple[str, str]]) -> None:
        """Remove the decisions of (subject, record) whose offset is committed."""
        await self._run("forget", [self._keys.decision(*one) for one in done])

    # leases

    async def due_counts(self, partitions: Sequence[int], late: int) -> tuple[int, int]:
        """How many keys of these partitions fall due at some time, and how many of them before `late`."""
        keys = [self._keys.dues(one) for one in partitions]

        async def ask(redis: Redis) -> tuple[int, int]:
            waiting = [await redis.zcard(key) for key in keys]
            overdue = [await redis.zcount(key, "-inf", f"({late}") for key in keys]
            return sum(waiting), sum(overdue)

        return await self._connection.call(ask)

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        """Whether `owner` may do what only one may do, for the next so many seconds; renewed by asking again."""
        answer = await self._run("lease", [self._keys.lease(name)], [owner, max(1, round(seconds * 1000))])
        return answer == [b"1"]

    # a loss

    async def begin_rebuild(self, *, lock_seconds: float = 30) -> Rebuild | None:
        """The right to rebuild, given to one worker at a time; None once the state is complete.

        Waits while another rebuilds, for as long as that one renews its lock. A new fleet begins with an empty rebuild.
        """
        return await begin(self._connection, self._keys, lock_seconds)

    async def clear(self) -> int:
        """Remove everything of this fleet; how many keys. The next worker fills it from Kafka, as after a loss."""

        async def remove(redis: Redis) -> int:
            # First the marker: without it nobody goes on by what is left.
            removed = int(await redis.unlink(self._keys.marker))
            async for key in redis.scan_iter(f"{glob.escape(self._keys.prefix)}:*", count=1000):
                removed += int(await redis.unlink(key))
            return removed

        return await self._connection.call(remove, within=_CLEAR_SECONDS)

    async def _read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Values of string keys. One command, so that the marker speaks for the moment of reading."""
        began = time.perf_counter()
        answer = await self._connection.call(lambda redis: redis.mget([self._keys.marker, *keys]))
        self.took("load", time.perf_counter() - began)
        marker, *found = cast(list[bytes | None], answer)
        if marker is None:
            raise self._lost()
        return found

    async def _run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> list[Any]:
        began = time.perf_counter()
        answer = await self._connection.run(name, [self._keys.marker, *keys], args)
        self.took("save" if name in _WRITING else "load", time.perf_counter() - began)
        if answer is None:
            raise self._lost()
        return cast(list[Any], answer)

    def _lost(self) -> StateLost:
        return StateLost(
            f"Redis at {self._connection.place} does not hold the state of fleet {self._keys.prefix!r}; "
            "a worker that starts rebuilds it from Kafka."
        )
