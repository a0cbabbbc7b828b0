"""Looks at a running fleet as an operator does: what its parts say, how far its agents are, and one probe all the way.

The probe is an observation in a group of its own, `doctor:probe`, with an identity number that proves itself. `baseline`
puts it before a person, so that no strike and no sanction follows; then the probe recalls it, and the question is withdrawn.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams import desk
from streams.agents import AGENTS
from streams.cases.postgres import Cases, outgoing
from streams.cases.tables import reviews, violations
from streams.doctor import Finding, told_of_cases
from streams.errors import LoadError, Unavailable
from streams.fleet.kafka import (
    Kafka,
    KafkaUnavailable,
    Producer,
    check_topics,
    committed,
    open_admin,
    reader,
    record_from,
)
from streams.fleet.parts import database_findings, kafka_findings, overdue_evidence, redis_findings
from streams.ledger import RedisStates
from streams.settings import Settings
from streams.topics import JUDGEMENTS, OBSERVATIONS, PROBE_GROUP, Record, value_of

# A standard's own example: a right check digit, and nobody's number.
_TEXT = "探测消息，无需处理：11010519491231002X"
# Senders that are the same ones again after a while, so that the group's state stays small; and none of them floods it.
_SENDERS = 500
# Records that wait, per agent. More than a worker handles in some seconds is worth a look.
_MUCH = 10_000
# What people decided is published within a second where a dispatcher runs.
_LATE_SECONDS = 60
_ANSWER_SECONDS = 3.0
_LOOK_SECONDS = 0.05


# what the parts say


async def look(settings: Settings) -> list[Finding]:
    """Topics, consumer groups, Redis, PostgreSQL and ingest. What is away is a finding, and the rest is looked at."""
    try:
        kafka = Kafka.of(settings)
    except LoadError as error:
        return [Finding("wrong", "kafka", str(error))]
    found: list[Finding] = []
    for what, work in (
        ("topics", lambda: _topics(kafka)),
        ("kafka", lambda: kafka_findings(settings)),
        ("agents", lambda: _agents(kafka)),
        ("redis", lambda: _redis(settings)),
        ("database", lambda: asyncio.to_thread(_database, settings)),
        ("ingest", lambda: _ingest(settings)),
    ):
        try:
            found += await work()
        except (Unavailable, LoadError) as error:
            told = Finding("wrong", what, str(error))
            # Each looks at Kafka by itself, and one sentence about it is enough.
            if told.told not in {one.told for one in found}:
                found.append(told)
        except (KafkaError, OSError) as error:
            found.append(Finding("wrong", what, f"{settings.kafka} does not answer: {type(error).__name__}"))
    return found


async def _topics(kafka: Kafka) -> list[Finding]:
    wrong = await check_topics(kafka)
    return [Finding("wrong", "topics", one) for one in wrong] or [Finding("ok", "topics", "as they should be")]


async def _agents(kafka: Kafka) -> list[Finding]:
    found = []
    for agent in AGENTS:
        group = kafka.group(agent.name)
        lag, workers = await _lag(kafka, group, agent.reads), await _members(kafka, group)
        told = f"{lag} records wait, {workers} workers"
        if not workers:
            told = f"{lag} records wait and nobody handles them: start `xunqun worker --agents {agent.name}`"
        elif lag > _MUCH:
            told += ": see that it gets less, or start more workers"
        found.append(Finding("wrong" if not workers else "note" if lag > _MUCH else "ok", agent.name, told))
    return found


async def _lag(kafka: Kafka, group: str, topics: tuple[str, ...]) -> int:
    async with _consumer(kafka) as consumer:
        places = await _places(consumer, kafka, topics)
        last, first = await consumer.end_offsets(places), await consumer.beginning_offsets(places)
    done = await committed(kafka, group, places)
    return sum(max(0, last[one] - max(first[one], done[one])) for one in places)


async def _members(kafka: Kafka, group: str) -> int:
    """How many processes are in a consumer group."""
    admin = await open_admin(kafka)
    try:
        (answer,) = await admin.describe_consumer_groups([group])
        return sum(len(one[5]) for one in answer.groups)
    finally:
        await admin.close()


async def _redis(settings: Settings) -> list[Finding]:
    found = await redis_findings(settings)
    states = await RedisStates.of(settings)
    try:
        await states.alive()
    except Unavailable as error:
        return [*found, Finding("wrong", "redis", str(error))]
    finally:
        await states.close()
    return [*found, Finding("ok", "redis", "there, and the agents' state is complete")]


def _database(settings: Settings) -> list[Finding]:
    if not settings.database:
        return [
            Finding("note", "database", "XUNQUN_DATABASE is not set here: views, outbox and desk were not looked at")
        ]
    cases = Cases.of(settings)
    try:
        if wrong := cases.check():
            return [*database_findings(cases), Finding("wrong", "database", wrong)]
        found = [*database_findings(cases), *told_of_cases(desk.status(cases)), *overdue_evidence(cases)]
        oldest = cases.connection.scalar(sa.select(sa.func.min(outgoing.c.appended_at)))
        waited = 0 if oldest is None else (cases.log_time() - oldest) // 1000
        if waited > _LATE_SECONDS:
            told = f"what people decided waits for {waited} s: start `xunqun worker --agents dispatch`"
            found.append(Finding("wrong", "dispatch", told))
        return found
    finally:
        cases.close()


async def _ingest(settings: Settings) -> list[Finding]:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/ready"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as session,
            session.get(url) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        told = f"nobody answers at {url}: where ingest runs elsewhere, set XUNQUN_HOST and XUNQUN_PORT to it"
        return [Finding("note", "ingest", told)]
    if status != 200:
        return [Finding("wrong", "ingest", f"{url} says {status}: see what it answers")]
    return [Finding("ok", "ingest", f"ready at {url}")]


# a probe all the way


@dataclass(frozen=True)
class Leg:
    """One leg of the probe's way: how long it took from the one before, in seconds; None and why where it is missing."""

    name: str
    seconds: float | None
    why: str = ""


async def send_probe(
    settings: Settings, *, seconds: float, told: Callable[[Leg], None] = lambda leg: None
) -> list[Leg]:
    """Send a probe and follow it until it is withdrawn, for at most so many `seconds`; the last leg may be missing.

    Without a database here only the legs on Kafka are looked at. Unavailable where Kafka or PostgreSQL are away.
    """
    probe = _Probe(f"probe-{secrets.token_hex(8)}", f"probe-{secrets.randbelow(_SENDERS)}")
    kafka = Kafka.of(settings)
    cases = Cases.of(settings) if settings.database else None
    producer = Producer(kafka)
    try:
        await producer.start()
        async with _consumer(kafka) as consumer:
            places = await _places(consumer, kafka, (JUDGEMENTS,))
            consumer.assign(places)
            for place, end in (await consumer.end_offsets(places)).items():
                consumer.seek(place, end)
            try:
                return await _follow(probe, kafka, producer, consumer, cases, seconds, told)
            finally:
                # Also where a leg is missing: what comes late must not wait for a person.
                with suppress(Unavailable):
                    await producer.send([probe.recall()], timed=False)
    except KafkaError as error:
        raise KafkaUnavailable(f"{settings.kafka} does not answer: {type(error).__name__}") from error
    finally:
        await producer.stop()
        if cases is not None:
            cases.close()


@dataclass(frozen=True)
class _Probe:
    id: str
    sender: str

    def record(self) -> Record:
        return self._said("message.created", self.id, kind="text", text=_TEXT)

    def recall(self) -> Record:
        return self._said("message.recalled", f"{self.id}-recall", recall_of={"id": self.id})

    def _said(self, type: str, id: str, **more: object) -> Record:
        platform, _, group = PROBE_GROUP.partition(":")
        body = {
            "v": 1,
            "id": id,
            "type": type,
            "platform": platform,
            "group": {"id": group, "name": "xunqun doctor --e2e"},
            "sender": {"id": self.sender},
            "sent_at": time.time_ns() // 1_000_000,
            **more,
        }
        return Record(OBSERVATIONS, PROBE_GROUP, msgspec.json.encode(body), -1, -1)


async def _follow(
    probe: _Probe,
    kafka: Kafka,
    producer: Producer,
    consumer: AIOKafkaConsumer,
    cases: Cases | None,
    seconds: float,
    told: Callable[[Leg], None],
) -> list[Leg]:
    async def sent() -> bool:
        await producer.send([probe.record()], timed=False)
        return True

    async def judged() -> bool:
        found = await consumer.getmany(timeout_ms=200)
        records = [record_from(kafka, one) for some in found.values() for one in some]
        return any(_judges(record, probe.id) for record in records)

    async def entered() -> bool:
        return await _there(cases, sa.exists().where(violations.c.id == probe.id))

    async def asked() -> bool:
        return await _there(cases, sa.exists().where(reviews.c.observation_id == probe.id))

    async def withdrawn() -> bool:
        of = reviews.c.observation_id == probe.id
        return await _there(cases, sa.exists().where(of, reviews.c.status == "withdrawn"))

    legs = [
        ("sent to the topic observations", sent, "Kafka did not confirm it"),
        (
            "verdict in the topic judgements",
            judged,
            "see that a worker with the role screen runs, and that default_pack of the fleet is baseline",
        ),
    ]
    if cases is not None:
        legs += [
            ("verdict in PostgreSQL", entered, "see that a worker with the role record runs"),
            ("question in PostgreSQL", asked, "see that workers with the roles escalate and record run"),
            ("question withdrawn", withdrawn, "see that workers with the roles escalate and record run"),
        ]
    done: list[Leg] = []
    until = time.monotonic() + seconds
    for name, check, why in legs:
        if check is withdrawn:
            await producer.send([probe.recall()], timed=False)
        began = time.monotonic()
        came = await _until(check, until)
        leg = Leg(name, time.monotonic() - began) if came else Leg(name, None, f"not within {seconds:g} s: {why}")
        done.append(leg)
        told(leg)
        if not came:
            break
    return done


async def _until(check: Callable[[], Awaitable[bool]], until: float) -> bool:
    while time.monotonic() < until:
        try:
            async with asyncio.timeout(max(0.01, until - time.monotonic())):
                if await check():
                    return True
                await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            break
    return False


def _judges(record: Record, observation: str) -> bool:
    if observation.encode() not in record.value:
        return False
    verdict = value_of(record).verdict
    return verdict is not None and verdict.observation_id == observation


async def _there(cases: Cases | None, condition: Any) -> bool:
    assert cases is not None

    def ask() -> bool:
        # A connection of its own for each look: threads of a pool come and go.
        with cases.transaction() as connection:
            return bool(connection.scalar(sa.select(condition)))

    return await asyncio.to_thread(ask)


@asynccontextmanager
async def _consumer(kafka: Kafka) -> AsyncIterator[AIOKafkaConsumer]:
    async with reader(kafka) as consumer:
        yield consumer


async def _places(consumer: AIOKafkaConsumer, kafka: Kafka, topics: tuple[str, ...]) -> list[TopicPartition]:
    await consumer._client.force_metadata_update()
    places = [
        TopicPartition(kafka.named(topic), one)
        for topic in topics
        for one in sorted(consumer.partitions_for_topic(kafka.named(topic)) or ())
    ]
    if not places:
        raise KafkaUnavailable(f"there are no topics {', '.join(map(kafka.named, topics))}: run `xunqun topics create`")
    return places
