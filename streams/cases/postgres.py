"""Views, outbox and pauses of a fleet, in PostgreSQL, and the records that must reach Kafka if and only if a row was written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from threading import local
from typing import Any, ClassVar, Self

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from models.observation import Millis
from streams.cases import tables
from streams.cases.rows import Row, closed, newer, replacing, since_new, turn, write_rows
from streams.cases.tables import BIG, ENTERED, REPLACED, Name, decisions
from streams.connections import engine_options, explain
from streams.settings import Settings
from streams.store import StoreUnavailable
from streams.text_keys import TextKeys
from streams.topics import Record

meta = sa.MetaData()
for _table in tables.meta.sorted_tables:
    _table.to_metadata(meta)
# Where a row is named by the offset of a record, its partition is part of the name.
_PLACED = ("dead_letters", "judged", "unmeasured")
for _name in _PLACED:
    meta.tables[_name].append_column(sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False))

outgoing = sa.Table(
    "outgoing",
    meta,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    # As Kafka takes it: no byte of it may change, or a group would lose its partition.
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("appended_at", sa.BigInteger, nullable=False),
)
# Each approval of an action that did not go out, once: entered again it must not send the action again.
reopened = sa.Table(
    "reopened",
    meta,
    sa.Column("id", Name, primary_key=True),
    sa.Column("at", BIG, primary_key=True, autoincrement=False),
)

# In milliseconds. A statement that waits longer has met a lock that somebody forgot, or a server in trouble.
_LIMITS = {"statement_timeout": 30_000, "lock_timeout": 5_000, "idle_in_transaction_session_timeout": 60_000}
# A server that is cut off silently is noticed after so many seconds.
_CONNECT_SECONDS, _SILENT_SECONDS = 5, 30
_MIGRATIONS = Path(__file__).with_name("migrations")


def _entering(table: sa.Table) -> Any:
    if table.name not in REPLACED:
        return insert(table).on_conflict_do_nothing()
    return replacing(insert(table), table, keep=("first_seen",), unless=newer(table))


_ENTER = {name: _entering(meta.tables[name]) for name in ENTERED}
# With the partition that only a fleet has.
unmeasured = meta.tables["unmeasured"]


class CasesUnavailable(StoreUnavailable):
    """PostgreSQL is away or refuses; one sentence for people."""

    part = "postgres"


class Cases:
    """One PostgreSQL database, with what the desk and the outbox use of `Store`. May be shared between threads.

    `url` begins with `postgresql+psycopg://`. Connects when it is used; after the server was away it connects anew.
    Every row may be written twice. StoreUnavailable, one sentence, where the database is away or refuses.
    """

    # How long a dispatcher may take over an action until another may take it up.
    lease: ClassVar[Millis] = 5 * 60_000

    def __init__(self, url: str, options: Mapping[str, Any] | None = None, keys: TextKeys | None = None) -> None:
        self.keys = keys or TextKeys(None)
        try:
            address = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise CasesUnavailable("the database's URL cannot be read: postgresql+psycopg://user@host/name") from error
        if address.drivername != "postgresql+psycopg":
            raise CasesUnavailable(f"the database's URL begins with {address.drivername}: use postgresql+psycopg://")
        given = " ".join(address.normalized_query.get("options", ()))
        self._named = f"{address.host or 'localhost'}:{address.port or 5432}/{address.database or ''}"
        self.engine = sa.create_engine(
            address,
            # Errors name their statement; its values hold words of members.
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=8,
            pool_timeout=_CONNECT_SECONDS,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "tcp_user_timeout": _SILENT_SECONDS * 1000,
                "application_name": "xunqun",
                **(options or {}),
                # Those of the URL come last and count: a schema of its own, longer limits.
                "options": " ".join([*(f"-c {name}={value}" for name, value in _LIMITS.items()), given]),
            },
        )
        sa.event.listen(self.engine, "handle_error", self._refused)
        self._mine = local()
        self._relaying: sa.Connection | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The fleet's; its address has to be set. LoadError where a file of TLS cannot be used."""
        assert settings.database
        return cls(settings.database, engine_options(settings), TextKeys(settings.keys, shared=True))

    def close(self) -> None:
        """Give back what this thread holds, and all that nobody uses."""
        if self._relaying is not None:
            # At once: the server notices a closed connection only after a moment, and another relay may be waiting.
            with suppress(StoreUnavailable, sa.exc.SQLAlchemyError):
                self._relaying.execute(sa.select(sa.func.pg_advisory_unlock_all()))
        for connection in (getattr(self._mine, "reading", None), self._relaying):
            if connection is not None:
                connection.close()
        self._mine, self._relaying = local(), None
        self.engine.dispose()

    def _refused(self, context: sa.engine.ExceptionContext) -> None:
        error = context.original_exception
        if context.is_pre_ping or not isinstance(
            error,
            psycopg.OperationalError
            | psycopg.InterfaceError
            | psycopg.InternalError
            | psycopg.errors.InsufficientPrivilege,
        ):
            return
        if isinstance(error, psycopg.OperationalError) and (refused := explain(error)):
            raise CasesUnavailable(f"PostgreSQL at {self._named} refuses us: {refused}")
        # What the server says of its own troubles quotes no values.
        said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            raise CasesUnavailable(
                f"PostgreSQL at {self._named} refuses: {said}: as the owner of the tables call `xunqun cases upgrade`, "
                "then deploy/security/postgresql-rights.sql"
            )
        if context.is_disconnect or not said:
            raise CasesUnavailable(f"PostgreSQL at {self._named} cannot be reached: start it, or set XUNQUN_DATABASE")
        raise CasesUnavailable(f"PostgreSQL at {self._named} refuses: {said}")

    # connections

    @property
    def connection(self) -> sa.Connection:
        """This thread's transaction; outside of one, a connection that commits each statement."""
        inside: sa.Connection | None = getattr(self._mine, "transaction", None)
        return inside if inside is not None else self._reader()

    def _reader(self) -> sa.Connection:
        held: sa.Connection | None = getattr(self._mine, "reading", None)
        if held is not None and not held.closed:
            try:
                held.exec_driver_sql("SELECT 1")
                return held
            except StoreUnavailable:
                held.invalidate()
                held.close()
        self._mine.reading = self._checked_out().execution_options(isolation_level="AUTOCOMMIT")
        return self._mine.reading

    def _checked_out(self) -> sa.Connection:
        try:
            return self.engine.connect()
        except sa.exc.TimeoutError as error:
            raise CasesUnavailable(f"all connections to PostgreSQL at {self._named} are in use") from error

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """All or nothing, and on disk when it returns: what Kafka counts as done must not be lost, `durable` or not.

        StoreUnavailable where the database is away or refuses; then nothing is stored, or, where only the answer was
        lost, all: do it again.
        """
        with self._checked_out() as connection, connection.begin():
            before = getattr(self._mine, "transaction", None)
            self._mine.transaction = connection
            try:
                yield connection
            finally:
                self._mine.transaction = before

    def log_time(self) -> Millis:
        """The database's clock, one for all dispatchers."""
        with self._checked_out() as connection:
            return int(connection.scalar(sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")))

    # rows

    def write_rows(self, rows: Iterable[Row], partition: int | None = None) -> None:
        """Enter rows of views and the outbox, and change those that are there; inside a transaction.

        `partition` is where the records came from that asked for them: dead letters, `judged` and `unmeasured` are
        named by it. ValueError without.
        """
        rows = [(name, self._placed(name, row, partition)) for name, row in closed(rows, self.keys)]
        write_rows(self.connection, self._enter, self._new(rows))

    def _placed(self, name: str, row: dict[str, Any], partition: int | None) -> dict[str, Any]:
        if name not in _PLACED or "partition" in row:
            return row
        if partition is None:
            raise ValueError(f"rows of {name} need the partition of the record that they came with")
        return {**row, "partition": partition}

    def _enter(self, name: str, rows: list[dict[str, Any]]) -> None:
        keys = [column.name for column in meta.tables[name].primary_key]
        # In one order everywhere, so that two workers do not wait for each other crosswise.
        ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
        for _, some in groupby(ordered, key=tuple):
            self.connection.execute(_ENTER[name], list(some))

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        """Without what was done already by decisions and approvals that come once more."""
        ids = [row["id"] for name, row in rows if name == "decisions"]
        known = set(self.connection.scalars(sa.select(decisions.c.id).where(decisions.c.id.in_(ids)))) if ids else set()
        return [
            (name, row)
            for name, row in since_new(rows, known)
            if name != "reopened_actions" or self._enter_approval(row)
        ]

    def _enter_approval(self, row: Mapping[str, Any]) -> bool:
        once = insert(reopened).values(id=row["id"], at=row["at"]).on_conflict_do_nothing().returning(reopened.c.id)
        return self.connection.scalar(once) is not None

    def oldest_unread(self, past: Millis) -> Millis:
        """How long Kafka keeps what nobody has read is its affair."""
        return past

    def forget(self, past: Millis) -> int:
        """Kafka removes old records by itself."""
        return 0

    # what could not be measured

    def unmeasured_categories(self) -> list[str]:
        """The categories in which observations wait to be screened again."""
        return list(self.connection.scalars(sa.select(unmeasured.c.category).distinct()))

    def unmeasured_places(self, categories: Sequence[str], limit: int) -> list[tuple[int, int]]:
        """Partition and offset of the oldest that wait for these categories."""
        places = sa.select(unmeasured.c.partition, unmeasured.c.offset).where(unmeasured.c.category.in_(categories))
        oldest = places.distinct().order_by(unmeasured.c.partition, unmeasured.c.offset).limit(limit)
        return [(row[0], row[1]) for row in self.connection.execute(oldest)]

    def strike_off_unmeasured(self, places: Sequence[tuple[int, int]], categories: Sequence[str]) -> None:
        """They were handed in again."""
        of = sa.tuple_(unmeasured.c.partition, unmeasured.c.offset).in_(places)
        self.connection.execute(sa.delete(unmeasured).where(of, unmeasured.c.category.in_(categories)))

    # records on their way to Kafka

    def append(self, records: Sequence[Record]) -> None:
        """Enter records that are published if and only if the transaction is committed; inside a transaction."""
        if records:
            rows = [
                {
                    "topic": one.topic,
                    "key": one.key.encode("utf-8", "surrogatepass"),
                    "value": one.value,
                    "appended_at": one.appended_at,
                }
                for one in records
            ]
            self.connection.execute(sa.insert(outgoing), rows)

    def take_outgoing(self, limit: int) -> list[tuple[int, str, str, bytes]]:
        """The oldest records that wait to be published: id, topic, key, value. `delete_outgoing` once they are.

        One process at a time gets any, until it closes or its connection is lost; the others get none. What was
        entered by one thread after the other comes in that order.
        """
        connection = self._relay()
        if connection is None:
            return []
        query = sa.select(outgoing.c.id, outgoing.c.topic, outgoing.c.key, outgoing.c.value)
        rows = connection.execute(query.order_by(outgoing.c.id).limit(limit))
        return [(row.id, row.topic, row.key.decode("utf-8", "surrogatepass"), row.value) for row in rows]

    def delete_outgoing(self, ids: Sequence[int]) -> None:
        """Strike off records that Kafka has confirmed."""
        with self._checked_out() as connection, connection.begin():
            connection.execute(sa.delete(outgoing).where(outgoing.c.id.in_(ids)))

    def _relay(self) -> sa.Connection | None:
        """The connection that holds the right to publish; None while another process has it."""
        if self._relaying is not None:
            try:
                self._relaying.exec_driver_sql("SELECT 1")
                return self._relaying
            except StoreUnavailable:
                self._relaying.close()
                self._relaying = None
        connection = self._checked_out().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(*turn("relay")))):
            connection.close()
            return None
        # Detached: it must not go back to the pool with the lock.
        connection.detach()
        self._relaying = connection
        return connection

    # versions

    def upgrade(self, to: str = "head") -> None:
        """Bring the database to the newest version, or to one. Several workers may do so at once: one works, the others wait.

        StoreUnavailable where a newer version of Xunqun has written it.
        """
        from alembic import command
        from alembic.util import CommandError

        try:
            self._migrate(lambda config: command.upgrade(config, to))
        except CommandError as error:
            raise CasesUnavailable(
                f"PostgreSQL at {self._named} was written by a newer version of Xunqun: install that one, or let it call "
                f"`xunqun cases downgrade --to {newest_version()}`"
            ) from error

    def downgrade(self, to: str) -> None:
        """Take the database back to an older version; what only later ones knew is gone. ValueError where there is none."""
        from alembic import command
        from alembic.util import CommandError

        try:
            self._migrate(lambda config: command.downgrade(config, to))
        except CommandError as error:
            raise ValueError(f"there is no version {to} before that of the database") from error

    def _migrate(self, work: Callable[[Any], None]) -> None:
        config = _config()
        with self._checked_out() as connection, connection.begin():
            # A change of a large table takes its time.
            for name, limit in (("statement_timeout", 0), ("lock_timeout", 300_000)):
                connection.exec_driver_sql(f"SET LOCAL {name} = {limit}")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*turn("migrate"))))
            config.attributes["connection"] = connection
            work(config)

    def version(self) -> str | None:
        """The schema's, None where there are no tables yet."""
        from alembic.migration import MigrationContext

        with self._checked_out() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def check(self) -> str | None:
        """What is wrong with the database's version, in a sentence; None where it is the newest."""
        newest, found = newest_version(), self.version()
        if found == newest:
            return None
        if found is None:
            return f"PostgreSQL at {self._named} has no tables of Xunqun yet: a worker makes them when it starts"
        return f"PostgreSQL at {self._named} has version {found}, this Xunqun needs {newest}: start a worker of it"


def newest_version() -> str:
    """The schema's that this program works with."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
