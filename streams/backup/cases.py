"""PostgreSQL's tables in a backup, and put back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import sqlalchemy as sa

from models import Action
from streams.agents import Enforce
from streams.backup.folder import Manifest, Part, Writing, blocks, opened
from streams.cases.postgres import Cases, meta
from streams.cases.tables import outbox
from streams.outbox import UNSENT, ask
from streams.topics import ACTIONS, DEAD_LETTERS, JUDGEMENTS, OBSERVATIONS, Outcome, Record, value_of

# The topic whose offsets a table's rows bear, and the columns that hold them. Where a row does not say its partition, what is
# taken off is what the partition with the most gives up: an older row stays older, and nothing is asked of them but their order.
_OFFSETS = {
    "verdicts": (JUDGEMENTS, ("offset",)),
    "decisions": (JUDGEMENTS, ("offset",)),
    "appeals": (JUDGEMENTS, ("offset",)),
    "sanctions": (ACTIONS, ("offset",)),
    "tasks": (ACTIONS, ("offset",)),
    "reviews": (ACTIONS, ("offset",)),
    "outbox": (ACTIONS, ("offset",)),
    "dead_letters": (DEAD_LETTERS, ("offset",)),
    "redriven": (DEAD_LETTERS, ("offset",)),
    "judged": (OBSERVATIONS, ("first", "last")),
    "unmeasured": (OBSERVATIONS, ("offset",)),
}
_ACTION = msgspec.json.Decoder(Action)


@contextmanager
def snapshot(cases: Cases) -> Iterator[sa.Connection]:
    """One moment of the database, for as long as it takes to read it."""
    with cases.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        _take_time(connection)
        yield connection


def copy_out(connection: sa.Connection, writing: Writing, told: Callable[[int], None]) -> dict[str, list[str]]:
    """Copy every table into a file of the backup; their columns. `told` of rows."""
    cursor = connection.connection.cursor()
    for table in meta.sorted_tables:
        with writing.file(_file(table.name)) as file:
            columns = ", ".join(f'"{one.name}"' for one in table.columns)
            with cursor.copy(f"COPY {table.name} ({columns}) TO STDOUT") as rows:
                for row in rows:
                    file.write(row)
                    told(1)
    return {table.name: [str(one.name) for one in table.columns] for table in meta.sorted_tables}


def rows_about(connection: sa.Connection) -> int:
    """About how many rows there are, as the server reckons."""
    names = [table.name for table in meta.sorted_tables]
    query = sa.text("SELECT sum(greatest(reltuples, 0)) FROM pg_class WHERE oid = ANY(CAST(:names AS regclass[]))")
    return int(connection.scalar(query, {"names": names}) or 0)


def first_unmeasured(connection: sa.Connection) -> dict[int, int]:
    """By partition, the oldest observation that waits for a classifier."""
    of = meta.tables["unmeasured"]
    query = sa.select(of.c.partition, sa.func.min(of.c.offset)).group_by(of.c.partition)
    return {row[0]: row[1] for row in connection.execute(query)}


def copy_in(cases: Cases, folder: Path, manifest: Manifest, *, moved: bool, told: Callable[[int], None]) -> None:
    """Put the tables back, inside a transaction. `moved`: into another log, so offsets are changed. `told` of tables done."""
    connection = cases.connection
    _take_time(connection)
    cursor = connection.connection.cursor()
    for table, columns in manifest.tables.items():
        named = ", ".join(f'"{one}"' for one in columns)
        shifted = moved and table in _OFFSETS
        into = f"restored_{table}" if shifted else table
        if shifted:
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {into} (LIKE {table}) ON COMMIT DROP")
        with opened(folder, _file(table)) as file, cursor.copy(f"COPY {into} ({named}) FROM STDIN") as rows:
            for block in blocks(file):
                rows.write(block)
        if shifted:
            values = ", ".join(_shifted(table, one, columns, manifest) for one in columns)
            connection.exec_driver_sql(f"INSERT INTO {table} ({named}) SELECT {values} FROM {into} AS kept")
        told(1)
    connection.exec_driver_sql(
        "SELECT setval(pg_get_serial_sequence('outgoing', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM outgoing), false)"
    )


def is_empty(cases: Cases) -> bool:
    """Whether no table has a row; tables that are not there have none."""
    with cases.engine.connect() as connection:
        there = set(sa.inspect(connection).get_table_names())
        return not any(
            connection.exec_driver_sql(f"SELECT EXISTS(SELECT FROM {table.name})").scalar()
            for table in meta.sorted_tables
            if table.name in there
        )


def settle(cases: Cases, records: Iterable[Record]) -> int:
    """Enter into the outbox what `actions` and `outcomes` say since it was copied; how many actions had an outcome.

    What did not go out is asked about, as it was then. May be called twice.
    """
    enforce = Enforce()
    became: dict[str, Outcome] = {}
    settled = 0
    with cases.transaction() as connection:
        for record in records:
            if record.topic == ACTIONS:
                cases.write_rows(enforce.handle([record], {}).rows, record.partition)
            else:
                outcome: Outcome = value_of(record)
                became[outcome.action_id] = outcome
        for outcome in became.values():
            open_ones = outbox.c.status.in_(("planned", "sending", *UNSENT))
            entered = outbox.update().where(outbox.c.id == outcome.action_id, open_ones)
            values = {"status": outcome.status, "detail": outcome.detail}
            body = connection.scalar(entered.values(**values).returning(outbox.c.body))
            if body is not None:
                settled += 1
                if outcome.status in UNSENT:
                    ask(cases, _ACTION.decode(body), outcome.detail, outcome.at)
    return settled


def _file(table: str) -> str:
    return f"cases/{table}.copy.gz"


def _take_time(connection: sa.Connection) -> None:
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")


def _shifted(table: str, column: str, columns: Sequence[str], manifest: Manifest) -> str:
    """What is entered in a column: an offset of the new log."""
    topic, names = _OFFSETS[table]
    quoted = f'kept."{column}"'
    if column not in names:
        return quoted
    parts = manifest.topics[topic]
    if "partition" not in columns:
        return f"{quoted} - {max(one.runs[0][1] for one in parts)}"
    cases = " ".join(f"WHEN {one.partition} THEN {_less(one, quoted)}" for one in parts)
    return f'CASE kept."partition" {cases} ELSE {quoted} END'


def _less(part: Part, quoted: str) -> str:
    later = " ".join(f"WHEN {quoted} >= {since} THEN {by}" for since, by in reversed(part.runs[1:]))
    first = part.runs[0][1]
    return f"{quoted} - CASE {later} ELSE {first} END" if later else f"{quoted} - {first}"
