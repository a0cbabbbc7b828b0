"""What the desk and the outbox need of a store, be it `Store` on SQLite or `Cases` on PostgreSQL."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import sqlalchemy as sa

from models.observation import Millis
from streams.cases.rows import Row
from streams.text_keys import TextKeys
from streams.topics import Record


class CaseStore(Protocol):
    """Views, outbox and pauses, and records that are published if and only if a transaction is committed."""

    # What words of messages are encrypted with.
    keys: TextKeys
    # After so long an action in hand counts as given up by whoever took it; 0 where nobody else can have it.
    lease: Millis

    @property
    def connection(self) -> sa.Connection: ...

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[sa.Connection]: ...

    def append(self, records: Sequence[Record]) -> None: ...

    def write_rows(self, rows: Iterable[Row]) -> None: ...

    def forget(self, past: Millis) -> int: ...

    def oldest_unread(self, past: Millis) -> Millis: ...

    def log_time(self) -> Millis: ...

    def close(self) -> None: ...
