"""How rows are entered, in both databases: what is there already stays or is replaced; some rows change others."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from streams.cases.erasing import ERASED, ERASING
from streams.cases.tables import ENTERED, outbox, reviews, tasks, unmeasured
from streams.text_keys import TextExpired, TextKeys
from streams.topics import EVIDENCE_KEPT

Row = tuple[str, dict[str, Any]]
# Enters rows of one table; every row has its columns.
Enter = Callable[[str, list[dict[str, Any]]], None]
# "xun", so that other programs in the database hardly take the same.
_LOCKS = 0x78756E00


def turn(what: Literal["migrate", "relay", "claim"]) -> tuple[Any, Any]:
    """The key of PostgreSQL's advisory lock for what one process at a time does in a schema."""
    number = {"migrate": 1, "relay": 2, "claim": 3}[what]
    return (_LOCKS + number, sa.func.hashtext(sa.func.current_schema()))


def replacing(statement: Any, table: sa.Table, *, keep: Sequence[str] = (), unless: Any = None) -> Any:
    """An insert of either dialect that, where the key is there already, replaces all columns but those to `keep`.

    `unless` is the condition under which the stored row stays, given the stored table and the row to enter.
    """
    keys = [column.name for column in table.primary_key]
    changed = {one.name: statement.excluded[one.name] for one in table.c if one.name not in (*keys, *keep)}
    where = None if unless is None else sa.not_(unless(table.c, statement.excluded))
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where)


def closed(rows: Iterable[Row], keys: TextKeys) -> Iterator[Row]:
    """Rows as they are stored: words of messages encrypted; what is past its time is left out, or of a letter its bytes."""
    for table, row in rows:
        try:
            if table == "evidence":
                words = keys.evidence.write(row["matched"], row["expires_at"] - EVIDENCE_KEPT)
                yield table, {**row, "matched": words}
            elif table == "dead_letters":
                yield table, {**row, "body": keys.text.encrypt(row["body"], row["at"])}
            else:
                yield table, row
        except TextExpired:
            if table == "dead_letters":
                yield table, {**row, "body": b""}


def newer(table: sa.Table) -> Any:
    """When a stored row is newer than the one to enter, for `replacing`: whoever wakes up late writes what is past, and maybe
    who was erased since."""
    order = next((name for name in ("offset", "last_seen") if name in table.c), None)
    if "subject" in table.c:
        return lambda stored, given: sa.or_(
            stored[order] > given[order], stored.subject == sa.literal_column(f"'{ERASED}'")
        )
    return (lambda stored, given: stored[order] > given[order]) if order else None


def write_rows(connection: sa.Connection, enter: Enter, rows: Iterable[Row]) -> None:
    """Enter rows of views, one statement a table. What closes or reopens rows comes after all that adds them; who is erased is
    erased from what came before, and not from what is said of him later."""
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if row[0] in ERASING:
            _write(connection, enter, some)
            some = []
    _write(connection, enter, some)


def _write(connection: sa.Connection, enter: Enter, rows: Iterable[Row]) -> None:
    by_table: dict[str, list[dict[str, Any]]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)
    # Tables in one order everywhere, so that two writers do not wait for each other crosswise; changes in theirs.
    for table in sorted(by_table, key=lambda name: (name not in ENTERED, name if name in ENTERED else "")):
        if table in ENTERED:
            enter(table, by_table[table])
            continue
        for row in by_table[table]:
            for statement in _CHANGES[table](row, connection):
                connection.execute(statement)


def since_new(rows: Iterable[Row], decided: Collection[str]) -> Iterator[Row]:
    """Leave out what would be closed once more although it was asked again meanwhile, where rows may come twice.

    What follows a decision was closed by it; `decided` are the ids of those entered before. What follows the reversal
    of a sanction closes only what was asked before it.
    """
    cause: Row | None = None
    for table, row in rows:
        if table not in ("closed_reviews", "closed_tasks"):
            cause = (table, row)
        elif cause and cause[0] == "decisions" and cause[1]["id"] in decided:
            continue
        elif cause and cause[0] == "sanctions" and table == "closed_reviews":
            row = {**row, "before": cause[1]["offset"]}
        yield table, row


def _closed_reviews(row: dict[str, Any], _: sa.Connection) -> Iterable[sa.Executable]:
    open_ones = [reviews.c.on_id == row["on_id"], reviews.c.status == "open"]
    if "before" in row:
        open_ones.append(reviews.c.offset < row["before"])
    yield reviews.update().where(*open_ones).values(status=row["status"])


def _grown_reviews(row: dict[str, Any], _: sa.Connection) -> Iterable[sa.Executable]:
    older = (reviews.c.id == row["id"], reviews.c.offset < row["offset"])
    yield reviews.update().where(*older).values(offset=row["offset"], body=row["body"])


def _withdrawn(row: dict[str, Any], _: sa.Connection) -> Iterable[sa.Executable]:
    """A recalled message: what was asked about it in time need not be answered, and what waits for it not be measured."""
    asked = reviews.c.at.between(row["since"], row["until"])
    of = (reviews.c.observation_id == row["observation_id"], asked, reviews.c.status == "open")
    yield reviews.update().where(*of).values(status="withdrawn")
    yield unmeasured.delete().where(
        unmeasured.c.observation_id == row["observation_id"],
        unmeasured.c.at.between(row["since"], row["until"]),
        unmeasured.c.category.not_in(row["kept"]),
    )


def _reopened_actions(row: dict[str, Any], _: sa.Connection) -> Iterable[sa.Executable]:
    held = outbox.c.status.in_(("manual", "unconfirmed", "refused"))
    again = {"status": "planned", "max_age": None, "next_try_at": 0, "planned_at": row["at"]}
    yield outbox.update().where(outbox.c.id == row["id"], held).values(**again)


def _closed_tasks(row: dict[str, Any], _: sa.Connection) -> Iterable[sa.Executable]:
    waits = tasks.c.status.in_(("open", "overdue"))
    yield tasks.update().where(tasks.c.id == row["id"], waits).values(status=row["status"])


# What is asked for a row, given what is stored.
_CHANGES: dict[str, Callable[[dict[str, Any], sa.Connection], Iterable[sa.Executable]]] = {
    "closed_reviews": _closed_reviews,
    "grown_reviews": _grown_reviews,
    "withdrawn": _withdrawn,
    "reopened_actions": _reopened_actions,
    "closed_tasks": _closed_tasks,
    **ERASING,
}
