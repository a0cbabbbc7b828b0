"""Builds the views of a fleet's database again from its topics, while everything else goes on.

All of it is one transaction: the rows are made in temporary tables that have the names of the real ones, which hide them
there, by the same statements that the worker uses. At the end the real tables are locked for a moment, what was published
meanwhile is read as well, and only what differs is written. Readers see the old rows or the new ones.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from models.observation import Millis
from streams.agents import RecordViews
from streams.brakes import RESTORE
from streams.cases.postgres import Cases, meta
from streams.cases.rows import Row
from streams.fleet.kafka import Kafka, KafkaUnavailable, reader, record_from
from streams.store import StoreUnavailable
from streams.topics import ACTIONS, DEAD_LETTERS, JUDGEMENTS, VIEWS, Record

# Brought in line with the topics. In this order: what is kept of one is found by the next.
REBUILT = (
    "evidence", "violations", "verdicts", "sanctions", "tasks", "reviews", "groups_seen", "judged", "dead_letters",
)  # fmt: skip
# What people said is kept, and added to where rows are missing.
ADDED = ("appeals", "decisions")
# What the topics say of other tables is left out: outbox and pauses are no views, and what was screened again is over.
_MADE = (*REBUILT, *ADDED, "unmeasured")
_CHANGES = ("closed_reviews", "closed_tasks", "erased", "grown_reviews", "withdrawn")

# Rows that are entered together.
_AT_ONCE = 5000
# So many records of each partition are at hand, and the bar moves so often.
_AHEAD = 500
# Kafka is silent for so long, in seconds, and reading is given up.
_SILENT_SECONDS = 20.0
# A lock is asked for so often, each time for two seconds: a writer that holds one row and wants another must not wait for us.
_LOCK_TRIES = 30

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Rebuilt:
    """What became of one table, in rows: made from the topics; of these written because they differ; kept; removed.

    Kept are rows of which no topic tells any more, or never told.
    """

    table: str
    made: int
    written: int
    kept: int
    removed: int


async def rebuild(kafka: Kafka, cases: Cases, *, dry_run: bool = False, progress: Progress) -> list[Rebuilt]:
    """Bring the views in line with the topics and pause what goes out; with `dry_run` only say what would be written.

    KafkaUnavailable or StoreUnavailable where it cannot go on, and then no view has changed.
    """
    if not dry_run:
        pause_restored(cases, "the views were built again from the topics")
    async with _reading(kafka) as log:
        with cases.transaction() as connection:
            real = _hide(connection)
            with progress(log.left()) as told:
                await _make(log, cases, told)
                if not dry_run:
                    await _lock(connection, real)
                    # What the workers have written by now was published by now.
                    await log.extend()
                    await _make(log, cases, told)
            return _merge(connection, real, log.begins, write=not dry_run)


def pause_restored(cases: Cases, why: str) -> bool:
    """Let nothing go out until a person resumes: an action may be planned here that went out long ago.

    Whether this paused it; somebody else's pause stays theirs.
    """
    with cases.transaction() as connection:
        there = connection.scalar(sa.select(sa.exists().where(meta.tables["pauses"].c.scope == "all")))
        if not there:
            now = time.time_ns() // 1_000_000
            cases.write_rows([("pauses", {"scope": "all", "by": RESTORE, "reason": why, "since": now})])
        return not there


# reading


class _Log:
    """The records of the topics, those of each partition in their order, all of them by time."""

    def __init__(
        self, kafka: Kafka, consumer: AIOKafkaConsumer, begins: Mapping[TopicPartition, int], ends: dict[Any, int]
    ) -> None:
        self.kafka, self._consumer = kafka, consumer
        self._places = dict(begins)
        self._ends = ends
        #: topic -> partition -> the offset with which it begins
        self.begins: dict[str, dict[int, int]] = {}
        for place, offset in begins.items():
            self.begins.setdefault(kafka.plain(place.topic), {})[place.partition] = offset
        self._ahead: dict[TopicPartition, deque[Record]] = {place: deque() for place in begins}
        self._latest: dict[TopicPartition, Millis] = dict.fromkeys(begins, 0)

    def left(self) -> int:
        return sum(max(0, self._ends[place] - at) for place, at in self._places.items())

    async def extend(self) -> None:
        """Go on to what is the end now."""
        self._ends = dict(await self._consumer.end_offsets(list(self._places)))

    async def read(self) -> AsyncIterator[Record]:
        """Each record up to the end. A clock that runs back within a partition changes nothing in its order."""
        while True:
            for place, ahead in self._ahead.items():
                if not ahead and self._places[place] < self._ends[place]:
                    await self._fetch(place)
            waiting = [place for place, ahead in self._ahead.items() if ahead]
            if not waiting:
                return
            # Of the same time, causes before what they bring: a decision before the question that it raises.
            first = min(waiting, key=lambda one: (self._time(one), _RANK[self.kafka.plain(one.topic)], one.partition))
            self._latest[first] = self._time(first)
            yield self._ahead[first].popleft()

    def _time(self, place: TopicPartition) -> Millis:
        return max(self._latest[place], self._ahead[place][0].appended_at)

    async def _fetch(self, place: TopicPartition) -> None:
        end, until = self._ends[place], time.monotonic() + _SILENT_SECONDS
        while not self._ahead[place] and self._places[place] < end:
            found = (await self._consumer.getmany(place, timeout_ms=500, max_records=_AHEAD)).get(place, [])
            self._take(place, [record_from(self.kafka, one) for one in found if one.offset < end])
            # The position moves over what is no record, too.
            self._places[place] = found[-1].offset + 1 if found else await self._consumer.position(place)
            if found and found[-1].offset >= end:
                self._consumer.seek(place, end)
                self._places[place] = end
            if time.monotonic() > until:
                raise KafkaUnavailable(f"reading {place.topic} stopped before offset {end}")

    def _take(self, place: TopicPartition, found: Sequence[Record]) -> None:
        """What can be read. A record whose key is destroyed is as good as removed: the topic begins behind it."""
        unreadable = [one.offset for one in found if not one.value]
        if unreadable:
            begins = self.begins[self.kafka.plain(place.topic)]
            begins[place.partition] = max(begins[place.partition], unreadable[-1] + 1)
        self._ahead[place].extend(one for one in found if one.value)


_RANK = {JUDGEMENTS: 0, ACTIONS: 1, VIEWS: 2, DEAD_LETTERS: 3}


@asynccontextmanager
async def _reading(kafka: Kafka) -> AsyncIterator[_Log]:
    consumer = reader(kafka)
    try:
        await consumer.start()
        await consumer._client.force_metadata_update()
        places = []
        for topic in _RANK:
            parts = consumer.partitions_for_topic(kafka.named(topic))
            if not parts:
                raise KafkaUnavailable(f"topic {kafka.named(topic)} is missing: run `xunqun topics check`")
            places += [TopicPartition(kafka.named(topic), one) for one in sorted(parts)]
        consumer.assign(places)
        begins = dict(await consumer.beginning_offsets(places))
        for place, offset in begins.items():
            consumer.seek(place, offset)
        yield _Log(kafka, consumer, begins, dict(await consumer.end_offsets(places)))
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka at {kafka.brokers} does not answer: {type(error).__name__}") from error
    finally:
        await consumer.stop()


# making rows


async def _make(log: _Log, cases: Cases, told: Callable[[int], None]) -> None:
    agent = RecordViews()
    rows: list[Row] = []
    count = 0
    async for record in log.read():
        fresh = list(_rows_of(agent, record))
        # Within one call what closes comes after all that is asked: here what is asked later must stay open.
        if rows and _closes(rows) and _asks(fresh):
            cases.write_rows(rows)
            rows = []
        rows += fresh
        count += 1
        if len(rows) >= _AT_ONCE:
            cases.write_rows(rows)
            rows = []
        if count == _AHEAD:
            told(count)
            count = 0
            await asyncio.sleep(0)
    cases.write_rows(rows)
    told(count)


def _rows_of(agent: RecordViews, record: Record) -> Iterator[Row]:
    """What the worker would enter for a record; nothing for one that it has set aside."""
    try:
        found = agent.handle([record], {}).rows
    except Exception:
        return
    for table, row in found:
        if table in _CHANGES:
            yield table, row
        elif table in _MADE:
            yield table, {**row, "partition": record.partition} if "partition" in meta.tables[table].c else row


def _closes(rows: Sequence[Row]) -> bool:
    return any(table in _CHANGES for table, _ in rows)


def _asks(rows: Sequence[Row]) -> bool:
    return any(table in ("reviews", "tasks", "unmeasured") for table, _ in rows)


# tables


def _hide(connection: sa.Connection) -> str:
    """Make empty tables that hide the real ones until the transaction ends; the schema in which those are."""
    schema = str(connection.scalar(sa.select(sa.func.current_schema())))
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")
    quoted = connection.dialect.identifier_preparer.quote(schema)
    for table in _MADE:
        connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE {table} (LIKE {quoted}.{table} INCLUDING ALL) ON COMMIT DROP"
        )
    return quoted


async def _lock(connection: sa.Connection, real: str) -> None:
    """Keep writers out; those who read are not held up. Writers wait, and try again after five seconds."""
    tables = ", ".join(f"{real}.{one}" for one in sorted((*REBUILT, *ADDED)))
    for tries in range(_LOCK_TRIES):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql("SET LOCAL lock_timeout = 2000")
                connection.exec_driver_sql(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
            return
        except StoreUnavailable:
            if connection.invalidated or tries == _LOCK_TRIES - 1:
                raise
            await asyncio.sleep(0.2)


def _merge(
    connection: sa.Connection, real: str, begins: Mapping[str, Mapping[int, int]], *, write: bool
) -> list[Rebuilt]:
    """Compare what was made with what is there, and write what differs."""
    now = time.time_ns() // 1_000_000
    connection.exec_driver_sql(f"DELETE FROM pg_temp.evidence WHERE expires_at <= {now}")
    connection.exec_driver_sql(
        f"""DELETE FROM pg_temp.dead_letters AS made USING {real}.redriven AS gone
            WHERE gone.partition = made.partition AND gone."offset" = made."offset" """
    )
    for table in (*REBUILT, *ADDED):
        connection.exec_driver_sql(f"ANALYZE pg_temp.{table}")
    lost = begins_later(begins, VIEWS) or _is_restored(connection, real)
    kept = _kept(real, begins, now, lost=lost)
    if lost:
        connection.exec_driver_sql(
            f"""UPDATE pg_temp.groups_seen AS made SET first_seen = there.first_seen FROM {real}.groups_seen AS there
                WHERE made.key = there.key AND there.first_seen < made.first_seen"""
        )
    return [_merge_one(connection, real, table, kept.get(table, "true"), write=write) for table in (*REBUILT, *ADDED)]


def begins_later(begins: Mapping[str, Mapping[int, int]], topic: str) -> bool:
    """Whether Kafka has removed some of a topic."""
    return any(begins[topic].values())


def _is_restored(connection: sa.Connection, real: str) -> bool:
    """Whether there are rows of a log before this one, see ADR 0024."""
    of = f"""SELECT EXISTS(SELECT FROM {real}.judged WHERE first < 0) OR EXISTS(SELECT FROM {real}.verdicts WHERE "offset" < 0)"""
    return bool(connection.exec_driver_sql(of).scalar())


def _kept(real: str, begins: Mapping[str, Mapping[int, int]], now: Millis, *, lost: bool) -> dict[str, str]:
    """For each table the condition under which a row `there` stays that was not made: the topics have lost its record.

    The place of a row says its offset and not its partition, so that of a topic that has lost something more stays than
    must. Of what the topics never told, the words of an appeal and the questions of dispatchers stay.
    """
    first = {topic: max(of.values(), default=0) for topic, of in begins.items()}
    of_verdict = f"""(there.verdict NOT IN (SELECT id FROM pg_temp.verdicts) AND there.verdict IN
        (SELECT id FROM {real}.verdicts WHERE "offset" < {first[JUDGEMENTS]}))"""
    of_violation = f"""there.violation_id IN (SELECT there.id FROM {real}.violations AS there WHERE
        there.id NOT IN (SELECT id FROM pg_temp.violations) AND {of_verdict})"""
    oldest = "(SELECT min(made.first) FROM pg_temp.judged AS made WHERE made.partition = there.partition)"
    of_the_past = "true" if lost else "false"
    letters = " OR ".join(
        f'(there.partition = {partition} AND there."offset" < {offset})'
        for partition, offset in begins[DEAD_LETTERS].items()
    )
    return {
        "verdicts": f'there."offset" < {first[JUDGEMENTS]}',
        "violations": of_verdict,
        "evidence": f"there.expires_at > {now} AND (starts_with(there.violation_id, 'p_') OR {of_violation})",
        "sanctions": f'there."offset" < {first[ACTIONS]}',
        "tasks": f'there."offset" < {first[ACTIONS]}',
        "reviews": f"""there.kind = 'late' OR there."offset" < {first[ACTIONS]}""",
        "groups_seen": of_the_past,
        "judged": f"{of_the_past} AND there.first < coalesce({oldest}, there.first + 1)",
        "dead_letters": letters,
    }


def _merge_one(connection: sa.Connection, real: str, table: str, kept: str, *, write: bool) -> Rebuilt:
    of = meta.tables[table]
    keys = [column.name for column in of.primary_key]
    columns = ", ".join(f'"{column.name}"' for column in of.columns)
    same = " AND ".join(f'made."{key}" = there."{key}"' for key in keys)
    unmade = f"FROM {real}.{table} AS there WHERE NOT EXISTS (SELECT FROM pg_temp.{table} AS made WHERE {same})"
    differing = f"(SELECT {columns} FROM pg_temp.{table} EXCEPT SELECT {columns} FROM {real}.{table}) AS made"

    def count(source: str) -> int:
        return int(connection.exec_driver_sql(f"SELECT count(*) {source}").scalar() or 0)

    if table in ADDED:
        # What a person said stays as it was entered.
        new = f"made WHERE NOT EXISTS (SELECT FROM {real}.{table} AS there WHERE {same})"
        differing = f"(SELECT {columns} FROM pg_temp.{table} AS {new}) AS made"
    told = Rebuilt(
        table=table,
        made=count(f"FROM pg_temp.{table}"),
        written=count(f"FROM {differing}"),
        kept=count(f"{unmade} AND ({kept})"),
        removed=count(f"{unmade} AND NOT ({kept})"),
    )
    if write:
        connection.exec_driver_sql(f"DELETE {unmade} AND NOT ({kept})")
        others = [column.name for column in of.columns if column.name not in keys]
        newer = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
        connection.exec_driver_sql(
            f"""INSERT INTO {real}.{table} ({columns}) SELECT {columns} FROM {differing}
                ON CONFLICT ({", ".join(f'"{key}"' for key in keys)}) DO UPDATE SET {newer}"""
        )
    return told
