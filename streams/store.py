"""The embedded store: log, offsets and agents' state beside views and outbox in one SQLite file (WAL)."""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import compress, groupby, islice
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from models.observation import Millis
from streams.agents import AGENTS
from streams.cases import tables
from streams.cases.rows import closed, newer, replacing, write_rows
from streams.cases.tables import ENTERED, REPLACED, unmeasured
from streams.errors import Unavailable
from streams.text_keys import TextExpired, TextKeys
from streams.topics import TOPICS, WITH_TEXT, Effects, Record, record_of

SCHEMA_VERSION = 4
# What the outbox of a file of version 1 lacks. It is added when the file is opened; older programs then refuse it.
_ADDED = {
    "outbox": {"clause": "TEXT NOT NULL DEFAULT ''", "budgeted": "BOOLEAN NOT NULL DEFAULT 0", "sent_at": "INTEGER"},
    "groups_seen": {"last_seen": "INTEGER NOT NULL DEFAULT 0"},
    "violations": {"subject": "TEXT"},
}
_FINDINGS = """SELECT v.id AS verdict, json_extract(one.value, '$.id') AS id, json_extract(one.value, '$.subject.id') AS subject
    FROM verdicts AS v, json_each(CAST(v.body AS TEXT), '$.{found}') AS one"""
# What a column that was added says of rows that were there: whom a violation is about, and who wrote a message.
_FILLED = (
    *(
        f"""UPDATE violations SET subject = found.subject FROM ({_FINDINGS.format(found=found)}) AS found
            WHERE violations.id = found.id AND violations.subject IS NULL"""
        for found in ("violations", "uncertain")
    ),
    """UPDATE violations SET subject = json_extract(CAST(v.body AS TEXT), '$.platform') || ':' ||
            json_extract(CAST(v.body AS TEXT), '$.sender') FROM verdicts AS v
        WHERE v.id = violations.verdict AND violations.clause = '' AND violations.subject IS NULL""",
)
# Bytes of appended records at hand; with their values they take some five times as much.
_MOST_TAIL = 2 << 20
# Beside the tables that both databases have.
meta = sa.MetaData()

log = sa.Table(
    "log",
    meta,
    sa.Column("offset", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("appended_at", sa.Integer, nullable=False),
    sqlite_autoincrement=True,
)
seen = sa.Table("seen", meta, sa.Column("id", sa.Text, primary_key=True), sqlite_with_rowid=False)
offsets = sa.Table(
    "offsets", meta, sa.Column("agent", sa.Text, primary_key=True), sa.Column("offset", sa.Integer, nullable=False)
)
state = sa.Table(
    "state",
    meta,
    sa.Column("agent", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("next_due", sa.Integer, index=True),
    sqlite_with_rowid=False,
)
# Composed once: composing a statement, and looking at every value of every row, costs more than SQLite itself.
_SAVE_STATE, _SAVE_OFFSET = replacing(insert(state), state), replacing(insert(offsets), offsets)
_ENTER = {
    name: replacing(insert(table), table, keep=("first_seen", "offset"), unless=newer(table))
    if name in REPLACED
    else insert(table).on_conflict_do_nothing()
    for name, table in ENTERED.items()
}
_NAMED = sqlite_dialect(paramstyle="named")


@cache
def _written(statement: Insert, columns: tuple[str, ...]) -> str:
    return str(statement.compile(dialect=_NAMED, column_keys=list(columns)))


def _batches(values: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """As many as one statement asks for at once."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


class _Tail:
    """The newest records of the log as they were appended, so that the agents that follow need not read them back.

    Offsets in it have no gaps: where another process has appended meanwhile, it begins anew.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._bytes = 0

    def extend(self, records: Sequence[Record]) -> None:
        if self._records and records[0].offset != self._records[-1].offset + 1:
            self.clear()
        self._records += records
        self._bytes += sum(len(one.value) for one in records)
        while self._bytes > _MOST_TAIL and self._records:
            half = len(self._records) // 2 + 1
            self._bytes -= sum(len(one.value) for one in self._records[:half])
            del self._records[:half]

    def clear(self) -> None:
        self._records, self._bytes = [], 0

    def read(self, topics: Sequence[str], after: int, limit: int) -> list[Record] | None:
        """The next records of these topics; None where only the log can tell."""
        if not self._records or not self._records[0].offset - 1 <= after < self._records[-1].offset:
            return None
        later = islice(self._records, after + 1 - self._records[0].offset, None)
        return list(islice((one for one in later if one.topic in topics), limit)) or None


class StoreUnavailable(Unavailable):
    """The store cannot take more right now (full disk, locked); one sentence for people."""

    part = "sqlite"


class InUse(Exception):
    """Another process hosts the agents on this folder."""


class Store:
    """One SQLite file. Not shared between threads: the host gives it to one thread only.

    Nobody else sends what is in its outbox, so that an action in hand when a process ended is in nobody's hand: `lease`.

    `durable` waits for the disk at every commit (`synchronous=FULL`); replay turns it off, its input is on disk already. What is
    to stay is encrypted with the keys in the folder `keys` beside the file.
    StoreUnavailable where the file cannot be opened: the disk is full, it is no database, another version wrote it.
    """

    lease: ClassVar[Millis] = 0

    def __init__(self, path: Path | str, *, durable: bool = True) -> None:
        self.path = Path(path)
        if str(path) != ":memory:":
            self.path.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{path}"
        self.keys = TextKeys(self.path.parent / "keys" if durable else None)
        self._tail = _Tail()
        self.engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": 10})
        try:
            self._open(durable)
        except sa.exc.DatabaseError as error:
            self.engine.dispose()
            raise StoreUnavailable(
                f"{path} cannot be used ({error.orig}): make room on the disk, restore the file, or choose another --dir"
            ) from error

    def _open(self, durable: bool) -> None:
        self._durable = durable
        self.connection = self.engine.connect()
        # Commits append to the write-ahead log; moving it into the file costs far more, so that waits for 32 MB.
        durably = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=8000")
        written = durably if durable else ("journal_mode=MEMORY", "synchronous=OFF")
        for pragma in (*written, "cache_size=-32000", "temp_store=MEMORY"):
            self.connection.exec_driver_sql(f"PRAGMA {pragma}")
        found = self.connection.exec_driver_sql("PRAGMA user_version").scalar()
        if not 0 <= found <= SCHEMA_VERSION:
            raise StoreUnavailable(
                f"{self.path} was written by another version of Xunqun (schema {found}, this one reads {SCHEMA_VERSION})"
            )
        if 0 < found < SCHEMA_VERSION:
            self._upgrade()
        for each in (meta, tables.meta):
            each.create_all(self.connection)
        self.connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
        self.connection.commit()

    def _upgrade(self) -> None:
        """Add what earlier versions lacked. A process of one that still runs may set the version back: what is there stays."""
        self.connection.rollback()
        with self.transaction() as connection:
            for table, columns in _ADDED.items():
                there = {row.name for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
                for name in columns.keys() - there:
                    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
            connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS ix_outbox_sent_at ON outbox (sent_at)")
            connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS ix_violations_subject ON violations (subject)")
            for statement in _FILLED:
                connection.exec_driver_sql(statement)

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """All or nothing. StoreUnavailable where the disk is full or the file is locked; nothing is then stored.

        What is not `durable` outlives the process, but a machine that loses its power may lose it up to the next
        transaction that is: enough for what would be computed again just the same.
        """
        if self._durable:
            self.connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        try:
            # The write lock is taken at once: a reader that turns writer half-way could not wait for another writer.
            self.connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield self.connection
            self.connection.commit()
        except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
            self._undo()
            raise StoreUnavailable(f"the store cannot write: {getattr(error, 'orig', error)}") from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        self._tail.clear()
        self.connection.rollback()

    def try_write(self) -> None:
        """Write a page that changes nothing; StoreUnavailable where that is not possible."""
        with self.transaction() as connection:
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")

    @property
    def _driver(self) -> Any:
        """The connection below SQLAlchemy, for what every step does: composing these queries costs more than they do."""
        return self.connection.connection.driver_connection

    def _enter(self, statement: Insert, rows: Sequence[dict[str, Any]]) -> None:
        for columns, some in groupby(rows, key=tuple):
            self._driver.executemany(_written(statement, columns), list(some))

    # log

    def append(self, records: Sequence[Record]) -> None:
        """Append records, which get their offsets by it; inside a transaction."""
        if not records:
            return
        self._driver.executemany(
            "INSERT INTO log(topic, key, value, appended_at) VALUES (?, ?, ?, ?)",
            [(one.topic, one.key, self.keys.closed(one, one.appended_at), one.appended_at) for one in records],
        )
        # Rows of one statement get offsets without gaps.
        first = self._driver.execute("SELECT last_insert_rowid()").fetchone()[0] - len(records) + 1
        for offset, one in enumerate(records, first):
            one.offset = offset
        self._tail.extend(records)

    def first_seen(self, ids: Sequence[str]) -> list[bool]:
        """Enter ids and say for each whether it is new; inside a transaction."""
        known: set[str] = set()
        for some in _batches(ids):
            known.update(
                one for (one,) in self._driver.execute(f"SELECT id FROM seen WHERE id IN ({_marks(some)})", some)
            )
        fresh: list[bool] = []
        for one in ids:
            fresh.append(one not in known)
            known.add(one)
        self._driver.executemany("INSERT INTO seen(id) VALUES (?)", [(one,) for one in compress(ids, fresh)])
        return fresh

    def read(self, topics: Sequence[str], after: int, limit: int) -> list[Record]:
        """The next records of these topics after an offset, oldest first."""
        at_hand = self._tail.read(topics, after, limit)
        if at_hand is not None:
            return at_hand
        rows = self._driver.execute(
            f"SELECT topic, key, value, offset, appended_at FROM log WHERE offset > ? AND topic IN ({_marks(topics)}) "
            "ORDER BY offset LIMIT ?",
            (after, *topics, limit),
        )
        return [Record(topic, key, self._opened(value), *place) for topic, key, value, *place in rows]

    def _opened(self, value: bytes) -> bytes:
        try:
            return self.keys.text.decrypt(value)
        except TextExpired:
            return b""

    def offset_before(self, since: Millis) -> int:
        """The offset after which all was appended that was appended since then; append times hardly ever run back."""
        first, last = 0, self.head()
        while first < last:
            middle = (first + last) // 2
            after = "SELECT appended_at FROM log WHERE offset > ? ORDER BY offset LIMIT 1"
            if self._driver.execute(after, (middle,)).fetchone()[0] < since:
                first = middle + 1
            else:
                last = middle
        return first

    def head(self) -> int:
        """The offset of the newest record of any topic."""
        return self._driver.execute("SELECT max(offset) FROM log").fetchone()[0] or 0

    def offset(self, agent: str) -> int:
        return self.connection.scalar(sa.select(offsets.c.offset).where(offsets.c.agent == agent)) or 0

    def last_offset(self, topic: str) -> int:
        return self.connection.scalar(sa.select(sa.func.max(log.c.offset)).where(log.c.topic == topic)) or 0

    def count_after(self, topics: Sequence[str], after: int) -> int:
        query = sa.select(sa.func.count()).select_from(log).where(log.c.offset > after, log.c.topic.in_(topics))
        return self.connection.scalar(query) or 0

    def forget(self, past: Millis) -> int:
        """Remove records appended before `past` that every agent has handled; how many. Inside a transaction."""
        records = 0
        for topic in TOPICS:
            handled = min((self.offset(agent.name) for agent in AGENTS if topic in agent.reads), default=0)
            old = sa.delete(log).where(log.c.topic == topic, log.c.appended_at < past, log.c.offset <= handled)
            records += self.connection.execute(old).rowcount
        return records

    def oldest_unread(self, past: Millis) -> Millis:
        """When the oldest record from before `past` was appended that `forget` has left, for it was not read; else `past`."""
        query = sa.select(sa.func.min(log.c.appended_at)).where(log.c.appended_at < past, log.c.topic.in_(WITH_TEXT))
        found = self.connection.scalar(query)
        return past if found is None else found

    def log_time(self) -> Millis:
        """The latest append time: the clock of everything that must not read one."""
        query = sa.select(log.c.appended_at).order_by(log.c.offset.desc()).limit(1)
        return self.connection.scalar(query) or 0

    def unmeasured_categories(self) -> list[str]:
        """The categories in which observations wait to be screened again."""
        return list(self.connection.scalars(sa.select(unmeasured.c.category).distinct()))

    def take_unmeasured(self, categories: Sequence[str], limit: int) -> list[tuple[str, bytes]]:
        """Strike off the oldest that wait for these categories; group key and body of each that is not past its time.

        Inside a transaction.
        """
        of = unmeasured.c.category.in_(categories)
        oldest = sa.select(unmeasured.c.offset).where(of).distinct().order_by(unmeasured.c.offset).limit(limit)
        places = list(self.connection.scalars(oldest))
        self.connection.execute(unmeasured.delete().where(unmeasured.c.offset.in_(places), of))
        bodies = sa.select(log.c.key, log.c.value).where(log.c.offset.in_(places)).order_by(log.c.offset)
        found = [(row[0], self._opened(row[1])) for row in self.connection.execute(bodies)]
        return [(key, body) for key, body in found if body]

    # state

    def load(self, agent: str, keys: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _batches(list(keys)):
            found.update(
                self._driver.execute(
                    f"SELECT key, value FROM state WHERE agent = ? AND key IN ({_marks(some)})", (agent, *some)
                )
            )
        return found

    def stated(self, agent: str) -> set[str]:
        """All keys that have a state."""
        return set(self.connection.scalars(sa.select(state.c.key).where(state.c.agent == agent)))

    def dues(self, agent: str, until: Millis, limit: int = 1000) -> list[tuple[str, Millis]]:
        """The keys whose state asked to be looked at by `until`, with that time, earliest first."""
        query = (
            sa.select(state.c.key, state.c.next_due)
            .where(state.c.agent == agent, state.c.next_due <= until)
            .order_by(state.c.next_due, state.c.key)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in self.connection.execute(query)]

    def due_counts(self, late: Millis) -> tuple[int, int]:
        """How many states asked to be looked at at some time, and how many of them before `late`."""
        waiting = sa.select(sa.func.count(state.c.next_due), sa.func.count().filter(state.c.next_due < late))
        row = self.connection.execute(waiting.select_from(state)).one()
        return row[0], row[1]

    def save(self, agent: str, offset: int, states: dict[str, tuple[bytes, Millis | None]], effects: Effects) -> None:
        """Store everything that one chunk brought: state, records, rows and the offset; inside a transaction."""
        if states:
            rows = [
                {"agent": agent, "key": key, "value": value, "next_due": due} for key, (value, due) in states.items()
            ]
            self._enter(_SAVE_STATE, rows)
        if effects.records:
            self.append([record_of(topic, key, value, at) for topic, key, value, at in effects.records])
        self.write_rows(effects.rows)
        self._enter(_SAVE_OFFSET, [{"agent": agent, "offset": offset}])

    def write_rows(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Enter rows of views and the outbox, and change those that are there; inside a transaction."""
        write_rows(self.connection, self._enter_view, closed(rows, self.keys))

    def _enter_view(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        self._enter(_ENTER[table], rows)


class HostLock:
    """Lets one process host the agents on a folder. InUse names the process that does.

    StoreUnavailable where nothing can be written in the folder.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / "xunqun.lock"
            self._file = self.path.open("a+")
        except OSError as error:
            raise StoreUnavailable(
                f"{folder} cannot be written: {error.strerror}; choose another folder with --dir"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "another process"
            self._file.close()
            raise InUse(
                f"{folder} is in use by process {owner}: stop it, or choose another folder with --dir"
            ) from error
        # Who holds it is a courtesy, and on a full disk there is no room for it: the lock holds without.
        with suppress(OSError):
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), str(os.getpid()).encode())

    def release(self) -> None:
        self._file.truncate(0)
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._file.close()
