"""A fleet's backup at one restore point, and putting it back: Kafka, PostgreSQL and Redis."""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from models.observation import Millis
from streams.backup import cases as tables
from streams.backup.folder import Manifest, Writing, reason
from streams.backup.topics import (
    STATES,
    Log,
    Refill,
    begins_of,
    cluster_of,
    commits,
    copy_range,
    copy_states,
    record_of_stored,
    set_back,
    stored_records,
    wait_for_nobody,
)
from streams.brakes import RESTORE
from streams.cases.postgres import Cases, newest_version
from streams.cases.tables import pauses
from streams.errors import WrongUse
from streams.fleet.kafka import TOPIC_SETTINGS, Kafka, record_from
from streams.ledger import RedisStates
from streams.outbox import count_open
from streams.topics import ACTIONS, OUTCOMES

# A bar for what is being done: its name, and how much there is.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
# What became of an action is told after the action.
_SETTLED_BY = (ACTIONS, OUTCOMES)
_WRITES_ROWS = ("enforce", "record")
_AT_ONCE = 2000


async def make(kafka: Kafka, cases: Cases, folder: Path, *, progress: Progress) -> Manifest:
    """Write a backup while everything runs; its manifest. KafkaUnavailable or StoreUnavailable, and then there is none."""
    writing = Writing(folder)
    try:
        return writing.finish(await _copied(kafka, cases, writing, progress))
    finally:
        writing.abandon()


async def _copied(kafka: Kafka, cases: Cases, writing: Writing, progress: Progress) -> Manifest:
    """In this order what is copied earlier never lacks what is copied later, see ADR 0024."""
    began = _now()
    async with Log.open(kafka) as log:
        committed = await commits(log)
        columns, unmeasured, schema = await asyncio.to_thread(_copy_cases, cases, writing, progress)
        parts = {}
        with progress("states", 2 * await _between(log, STATES)) as told:
            for topic in STATES:
                parts[topic] = await copy_states(log, writing, topic, told)
        first = await begins_of(log, committed, unmeasured)
        ends = {topic: await log.ends(topic) for topic in first}
        total = sum(ends[topic][one] - at for topic, places in first.items() for one, at in places.items())
        with progress("what is under way", total) as told:
            for topic in first:
                parts[topic] = await copy_range(log, writing, topic, first, ends, told)
    return Manifest(
        kind="fleet",
        id=secrets.token_hex(8),
        made_at=began,
        version=version("xunqun"),
        schema=schema,
        readable=kafka.keys.folder is None,
        cluster=await cluster_of(kafka),
        topics={name: parts[name] for name in TOPIC_SETTINGS},
        committed=committed,
        tables=columns,
    )


def _copy_cases(cases: Cases, writing: Writing, progress: Progress) -> tuple[dict[str, list[str]], dict[int, int], str]:
    with tables.snapshot(cases) as connection:
        with progress("database", tables.rows_about(connection)) as told:
            columns = tables.copy_out(connection, writing, told)
        return columns, tables.first_unmeasured(connection), str(cases.version())


async def _between(log: Log, topics: tuple[str, ...]) -> int:
    return sum([sum((await log.ends(one)).values()) - sum((await log.begins(one)).values()) for one in topics])


@dataclass(frozen=True)
class Restored:
    """What was put back: records into Kafka; actions whose outcome was entered; those that wait, paused, to go out."""

    records: int
    settled: int
    planned: int


async def restore(
    kafka: Kafka,
    cases: Cases,
    states: RedisStates,
    folder: Path,
    manifest: Manifest,
    *,
    replication: int,
    keep: Millis,
    progress: Progress,
) -> Restored:
    """Put a whole fleet back, at the backup's restore point. Called again, it goes on where it was interrupted.

    WrongUse where workers run, or where Kafka or PostgreSQL hold something else.
    """
    await wait_for_nobody(kafka)
    done = await asyncio.to_thread(_check_cases, cases, manifest)
    refill = Refill(kafka, folder, manifest)
    await refill.prepare(replication=replication, keep=keep)
    await states.clear()
    if not done:
        with progress("database", len(manifest.tables)) as told:
            await asyncio.to_thread(put_cases, cases, folder, manifest, True, told)
    settled = await asyncio.to_thread(_settle_stored, cases, folder, manifest)
    total = sum(part.records for parts in manifest.topics.values() for part in parts)
    with progress("topics", total) as told:
        await refill.fill(told)
    await refill.commit()
    return Restored(total, settled, await asyncio.to_thread(count_open, cases))


async def restore_cases(
    kafka: Kafka, cases: Cases, folder: Path, manifest: Manifest, *, progress: Progress
) -> Restored:
    """Put PostgreSQL alone back, beside the Kafka that the backup was made from; what has happened since is read from there.

    WrongUse where that is another one, or no longer has what has to be read.
    """
    if await cluster_of(kafka) != manifest.cluster:
        raise WrongUse("this is another Kafka than the backup is of: restore the whole, without --only-database")
    await wait_for_nobody(kafka)
    done = await asyncio.to_thread(_check_cases, cases, manifest)
    async with Log.open(kafka) as log:
        await _check_log(log, manifest)
        if not done:
            with progress("database", len(manifest.tables)) as told:
                await asyncio.to_thread(put_cases, cases, folder, manifest, False, told)
        settled = 0
        for topic in _SETTLED_BY:
            ends = await log.ends(topic)
            for part in manifest.topics[topic]:
                async for some in log.read(topic, part.partition, part.runs[0][0], ends[part.partition]):
                    settled += await asyncio.to_thread(tables.settle, cases, [record_from(kafka, one) for one in some])
    for agent in _WRITES_ROWS:
        await set_back(kafka, agent, manifest.committed[agent])
    return Restored(0, settled, await asyncio.to_thread(count_open, cases))


async def _check_log(log: Log, manifest: Manifest) -> None:
    """The topics have to go on from those of the backup, without a hole."""
    for agent in _WRITES_ROWS:
        for topic, places in manifest.committed[agent].items():
            begins, ends = await log.begins(topic), await log.ends(topic)
            for partition, offset in places.items():
                if not begins.get(partition, offset + 1) <= offset <= ends[partition]:
                    raise WrongUse(
                        f"topic {log.kafka.named(topic)} no longer has what has come since the backup (offset {offset} of "
                        f"partition {partition}): restore the database from a newer one, or call "
                        "`xunqun cases rebuild` on an empty database"
                    )


def _check_cases(cases: Cases, manifest: Manifest) -> bool:
    """Whether an earlier attempt has put the tables back already. WrongUse where they hold something else."""
    if manifest.schema > newest_version():
        raise WrongUse(
            f"the backup was made by a newer version of Xunqun ({manifest.version}): restore it with that one"
        )
    if tables.is_empty(cases):
        return False
    with cases.engine.connect() as connection:
        why = connection.scalar(sa.select(pauses.c.reason).where(pauses.c.scope == "all"))
    if why != reason(manifest):
        raise WrongUse("the database is not empty: a backup is put back into an empty one; name it in XUNQUN_DATABASE")
    return True


def put_cases(cases: Cases, folder: Path, manifest: Manifest, moved: bool, told: Callable[[int], None]) -> None:
    """All in one transaction, in the version of then; nothing goes out until a person resumes."""
    cases.upgrade(manifest.schema)
    if cases.version() != manifest.schema:
        # Its empty tables are newer: rows of then would miss what later versions have made of theirs.
        cases.downgrade(manifest.schema)
    with cases.transaction():
        tables.copy_in(cases, folder, manifest, moved=moved, told=told)
        held = {"scope": "all", "by": RESTORE, "reason": reason(manifest), "since": _now()}
        cases.write_rows([("pauses", held)])
    cases.upgrade()


def _settle_stored(cases: Cases, folder: Path, manifest: Manifest) -> int:
    settled = 0
    for topic in _SETTLED_BY:
        for partition, stored in stored_records(folder, manifest, topic):
            records = (record_of_stored(manifest, topic, partition, one) for one in stored)
            while some := list(islice(records, _AT_ONCE)):
                settled += tables.settle(cases, some)
    return settled


def _now() -> Millis:
    return time.time_ns() // 1_000_000
