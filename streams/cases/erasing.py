"""Takes a person out of the rows: they stay, so that counts, precision and audits stay right, and nobody can be found in them.

Who decided stays named: that is what a decision is answered for with. Done twice it changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa

from models import digest
from streams.cases.tables import (
    appeals,
    decisions,
    evidence,
    outbox,
    reviews,
    sanctions,
    tasks,
    unmeasured,
    verdicts,
    violations,
)

#: Stands for an id.
ERASED = "erased"
#: Stands for a name or an id within a text.
GONE = "（已删除）"
# What names no person, and who decided.
_UNTOUCHED = frozenset(
    {"approved_by", "by", "call", "clause", "group_id", "group_key", "kind", "mode", "pack", "platform", "rule"}
)
# Statements take so many values at once.
_AT_ONCE = 500


@dataclass(frozen=True)
class Who:
    """A person as rows know him: `subjects` are ids of subjects, `accounts` those of platforms, `names` what texts call him;
    of these `shared` may mean others as well.
    """

    subjects: frozenset[str]
    accounts: frozenset[str]
    names: tuple[str, ...]
    shared: frozenset[str]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Who":
        accounts = tuple(row["accounts"])
        bare = frozenset(one.partition(":")[2] for one in accounts)
        return cls(frozenset((row["subject"], *accounts)), bare, tuple(row["names"]), frozenset(row["shared"]))

    @property
    def ids(self) -> frozenset[str]:
        return self.subjects | self.accounts

    @cached_property
    def said(self) -> tuple[str, ...]:
        """What is looked for within texts, the longest first: a single sign or a small number is no name of anybody."""
        named = {one for one in self.names if len(one) > 1}
        named |= {one for one in self.ids if len(one) > (4 if one.isdecimal() else 1)}
        return tuple(sorted(named, key=lambda one: (-len(one), one)))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_whole, self.said)) or "(?!)")


def _whole(word: str) -> str:
    """Where it begins or ends with a Latin letter or digit, none may stand before or behind it; Chinese names have no borders."""
    before, behind = (re.match(r"\w", one, re.ASCII) for one in (word[0], word[-1]))
    return ("(?<![0-9A-Za-z_])" if before else "") + re.escape(word) + ("(?![0-9A-Za-z_])" if behind else "")


def scrub(body: Any, who: Who) -> Any:
    """A decoded JSON value without a person: ids of his become `erased`, within texts his names and ids `（已删除）`.

    Of two with the same account number on different platforms a `subject` tells which is meant.
    """
    if isinstance(body, dict):
        return {name: _scrubbed(name, value, who) for name, value in body.items()}
    if isinstance(body, list):
        return [scrub(one, who) for one in body]
    if isinstance(body, str):
        return ERASED if body in who.ids else who.pattern.sub(GONE, body)
    return body


def _scrubbed(name: str, value: Any, who: Who) -> Any:
    if name in _UNTOUCHED:
        return value
    if name == "subject":
        subject = value["id"] if isinstance(value, dict) else value
        kept = ERASED if subject in who.subjects else subject
        return {**value, "id": kept} if isinstance(value, dict) else kept
    return scrub(value, who)


def scrub_verdict(body: dict[str, Any], who: Who) -> dict[str, Any]:
    """A verdict without a person: of what he broke no trace of his words stays, of a message of his not who wrote it.

    What it finds of others stays as it is, but for his names.
    """
    kept = dict(body)
    for found in ("violations", "uncertain"):
        kept[found] = [_without_words(one) if one["subject"]["id"] in who.subjects else one for one in kept[found]]
    if f"{kept.get('platform')}:{kept.get('sender')}" in who.subjects:
        kept |= {"sender": None, "account": None, "native_id": None}
    scrubbed: dict[str, Any] = scrub(kept, who)
    return scrubbed


def _without_words(violation: dict[str, Any]) -> dict[str, Any]:
    items = [{name: one[name] for name in one if name not in ("matched", "span")} for one in violation["evidence"]]
    return {**violation, "evidence": items}


def erased(row: Mapping[str, Any], connection: sa.Connection) -> Iterator[sa.Executable]:
    """What to change in the views, and what to delete."""
    who = Who.of(row)
    yield from _patiently(connection)
    holding = _values(connection, violations.c.verdict, violations.c.subject.in_(who.subjects))
    planned = (sanctions, tasks, reviews) if row["planned"] else ()
    punished = _values(connection, sanctions.c.id, sanctions.c.subject.in_(who.subjects)) if planned else set()
    # What others have to answer for may name him: a reminder that lists who has not replied.
    about: set[str] = set()
    for table in (*planned, appeals, decisions):
        for found in naming(connection, table, who):
            body = msgspec.json.decode(found.body)
            about |= {*body.get("violation_ids", ()), *([body["on"]["id"]] if table is reviews else ())}
            if table is appeals and found.subject in who.subjects:
                body["by"] = ERASED
            yield _changed(table, found, scrub(body, who), who)
    for some in _batches(about):
        holding |= set(connection.scalars(sa.select(violations.c.verdict).where(violations.c.id.in_(some))))
    for some in _batches(holding):
        for found in connection.execute(sa.select(verdicts).where(verdicts.c.id.in_(some))).all():
            yield _changed(verdicts, found, scrub_verdict(msgspec.json.decode(found.body), who), who)
    for some in _batches({digest("t", one, *more) for one in punished for more in ((), ("公布",))}):
        waits = tasks.c.status.in_(("open", "overdue"))
        yield tasks.update().where(tasks.c.id.in_(some), waits).values(status="cancelled")
    yield reviews.update().where(reviews.c.subject == ERASED, reviews.c.status == "open").values(status="withdrawn")
    # What could not be measured of his is not looked at again.
    said = sa.select(violations.c.id).where(violations.c.subject.in_(who.subjects), violations.c.clause == "")
    yield unmeasured.delete().where(unmeasured.c.observation_id.in_(said))
    yield violations.update().where(violations.c.subject.in_(who.subjects)).values(subject=ERASED)
    # Of all who were erased: a verdict that is read once more brings the words along again.
    words = (sa.select(one.c.id).where(one.c.subject == ERASED) for one in (violations, appeals))
    yield evidence.delete().where(evidence.c.violation_id.in_(sa.union_all(*words)))


def erased_actions(row: Mapping[str, Any], connection: sa.Connection) -> Iterator[sa.Executable]:
    """What waits to go out to a person is cancelled, be it on its way or put to somebody; what went out stays, without him."""
    who = Who.of(row)
    yield from _patiently(connection)
    for found in naming(connection, outbox, who):
        body = msgspec.json.decode(found.body)
        waits = body.get("subject") in who.subjects and found.status in ("planned", "sending", "manual")
        if body.get("subject") in who.subjects:
            body.get("params", {}).pop("message", None)
        status = "cancelled" if waits else found.status
        detail = "whom it is for was erased" if waits else scrub(found.detail, who)
        changed = {"body": msgspec.json.encode(scrub(body, who)), "status": status, "detail": detail}
        yield outbox.update().where(outbox.c.id == found.id).values(**changed)


ERASING: dict[str, Callable[[Mapping[str, Any], sa.Connection], Iterable[sa.Executable]]] = {
    "erased": erased,
    "erased_actions": erased_actions,
}


def _patiently(connection: sa.Connection) -> Iterator[sa.Executable]:
    """Bodies are read one after the other: given up in the middle and tried again, it would never end."""
    if connection.dialect.name == "postgresql":
        yield sa.text("SET LOCAL statement_timeout = 0")


def _values(connection: sa.Connection, column: sa.ColumnElement[str], where: sa.ColumnElement[bool]) -> set[str]:
    return set(connection.scalars(sa.select(column).where(where)))


def naming(connection: sa.Connection, table: sa.Table, who: Who) -> Iterator[sa.Row[Any]]:
    """The rows whose body names a person by what only he is called, and all that are about him.

    An id that is too short to be looked for within texts is looked for as a whole string.
    """
    written = [msgspec.json.encode(one)[1:-1] for one in who.said if one not in who.shared]
    written += [msgspec.json.encode(one) for one in sorted(who.ids - {*who.said})]
    named = [_holds(connection, table.c.body, one) for one in written]
    if "subject" in table.c:
        named.append(table.c.subject.in_(who.subjects))
    ids = _values(connection, table.c.id, sa.or_(sa.false(), *named))
    for some in _batches(ids):
        yield from connection.execute(sa.select(table).where(table.c.id.in_(some))).all()


def _holds(connection: sa.Connection, body: sa.ColumnElement[bytes], written: bytes) -> sa.ColumnElement[bool]:
    """Whether a body has these bytes in it."""
    if connection.dialect.name == "postgresql":
        return sa.func.position(sa.literal(written).op("IN")(body)) > 0
    return sa.func.instr(body, written) > 0


def _changed(table: sa.Table, found: sa.Row[Any], body: Any, who: Who) -> sa.Executable:
    subject = {"subject": ERASED} if "subject" in table.c and found.subject in who.subjects else {}
    changed = {"body": msgspec.json.encode(body), **subject}
    return table.update().where(table.c.id == found.id).values(**changed)


def _batches(ids: Iterable[str]) -> Iterator[Sequence[str]]:
    """In one order everywhere, so that two writers do not wait for each other crosswise."""
    ordered = sorted(ids)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
