"""Filling an empty Redis: one worker writes, the others wait for the marker."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from streams.ledger.connection import Connection, StateLost, StateUnavailable
from streams.ledger.keys import Keys
from streams.ledger.stored import applied_text, pack

# Rows a call: Redis does nothing else meanwhile, some 5 ms.
ROWS = 500
# How often those who wait look for the marker.
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """A state read back from a compacted topic. `partition` is that of its due date; None: this agent has none."""

    agent: str
    key: str
    version: int
    value: bytes
    applied: Mapping[str, int]
    next_due: int | None
    partition: int | None


class Rebuild:
    """The right to rebuild. `write` rows in any order, then `finish`; leaving the block without it gives the right away.

    Every call raises StateLost if the right was lost: to another worker, or because Redis came back empty once more.
    Then `begin_rebuild` again.
    """

    def __init__(self, connection: Connection, keys: Keys, token: str, lock_seconds: float) -> None:
        self._connection, self._keys, self._token, self._lock_seconds = connection, keys, token, lock_seconds
        self._highest = 0

    async def __aenter__(self) -> Self:
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._renewing.cancel()
        # The lock runs out by itself where Redis is away.
        with suppress(StateUnavailable):
            await self._connection.run("release", [self._keys.lock], [self._token])

    async def write(self, rows: Sequence[Row]) -> int:
        """Write each row whose version is higher than the one that stands there; says how many were."""
        written = 0
        for start in range(0, len(rows), ROWS):
            keys: list[str] = []
            args: list[str | bytes | int] = []
            for row in rows[start : start + ROWS]:
                dues = "" if row.partition is None else self._keys.dues(row.partition)
                keys += (self._keys.state(row.agent, row.key), dues)
                due = "" if row.next_due is None else row.next_due
                args += (row.version, applied_text(row.applied), due, row.key, pack(row.value))
                self._highest = max(self._highest, row.version)
            written += await self._run("restore", keys, args)
        return written

    async def finish(self) -> None:
        """Set the marker: from now on the state is complete, and everybody goes on."""
        await self._run("finish", [self._keys.marker], [self._highest])

    async def _run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> int:
        answer = await self._connection.run(name, [self._keys.lock, *keys], [self._token, *args])
        if answer is None:
            raise StateLost("The state in Redis is being rebuilt by another worker now; this one waits for it.")
        return cast(int, answer)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lock_seconds / 3)
            with suppress(StateUnavailable):
                await self._connection.run("renew", [self._keys.lock], [self._token, _millis(self._lock_seconds)])


async def begin(connection: Connection, keys: Keys, lock_seconds: float) -> Rebuild | None:
    """See `RedisStates.begin_rebuild`."""
    token = secrets.token_hex(8)
    while True:
        answer = await connection.run("begin", [keys.marker, keys.lock], [token, _millis(lock_seconds)])
        if answer == b"complete":
            return None
        if answer == b"yours":
            return Rebuild(connection, keys, token, lock_seconds)
        await asyncio.sleep(LOOK_SECONDS)


def _millis(seconds: float) -> int:
    return max(1, round(seconds * 1000))
