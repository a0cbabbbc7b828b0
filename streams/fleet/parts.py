"""What Kafka, Redis and PostgreSQL say of themselves: versions, clocks, what they keep and for how long, what our users may."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError
from redis.exceptions import NoPermissionError

from streams.cases.postgres import Cases
from streams.cases.tables import evidence
from streams.connections import redis_options
from streams.doctor import Finding
from streams.errors import Unavailable
from streams.fleet.kafka import SEALED, TOPIC_SETTINGS, Kafka, open_admin, reader, record_from
from streams.http import is_loopback
from streams.ledger.connection import Connection
from streams.settings import Settings
from streams.text_keys import KeyUnavailable
from streams.topics import OBSERVATIONS, WITH_TEXT

# In seconds. Sets of due dates, leases and `sent_at` are compared with each other's clocks.
_TOLERANCE = 2.0
# A tick is written every few seconds, by whoever has the lease.
_TICK_SECONDS = 60.0
_DAY = 86_400_000
# Static membership came with version 5 of JoinGroup, in Kafka 2.3; Kafka 4 gave up the first versions of Fetch.
_JOIN_GROUP, _STATIC, _FETCH, _FOURTH = 11, 5, 1, 4
# ZRANGE takes BYSCORE since 6.2; what the authors of PostgreSQL still mend begins with 14.
_LEAST_REDIS, _LEAST_POSTGRESQL = (6, 2), 14
# Members' words and what is sealed have to be gone when they were promised to be.
_TIMED = sorted({*WITH_TEXT, SEALED})


def clock(of: str, offset: float) -> Finding:
    """What `offset` means: the seconds by which that clock is before ours."""
    if abs(offset) <= _TOLERANCE:
        return Finding("ok", f"clock of {of}", f"{abs(offset):.1f} s from ours")
    told = f"{abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} ours"
    return Finding("wrong", f"clock of {of}", f"{told}: let both be set by the same time servers (chrony, NTP)")


# Kafka


async def kafka_findings(settings: Settings) -> list[Finding]:
    """KafkaUnavailable where it is away."""
    kafka = Kafka.of(settings)
    admin = await open_admin(kafka)
    try:
        found = [await _version(admin)]
        described = await admin.describe_topics([kafka.named(one) for one in TOPIC_SETTINGS])
        there = [one for one in described if not one["error_code"]]
        found += _copies(there, settings)
        for topic in _TIMED:
            if kafka.named(topic) in {one["topic"] for one in there}:
                found += await _kept(admin, kafka.named(topic), settings)
    finally:
        await admin.close()
    return found + await _broker_clock(kafka)


async def _version(admin: AIOKafkaAdminClient) -> Finding:
    connection = await admin._client._get_conn(admin._client.get_random_node())
    versions = connection._versions if connection else {}
    if versions.get(_JOIN_GROUP, (0, 0))[1] < _STATIC:
        return Finding("wrong", "kafka", "older than 2.3, where a restarted worker moves all partitions: upgrade it")
    fourth = versions.get(_FETCH, (0, 0))[0] >= _FOURTH
    return Finding("ok", "kafka", "version 4 or newer" if fourth else "version 2.3 or newer; tested with 4.1")


def _copies(topics: Sequence[Mapping[str, Any]], settings: Settings) -> Iterator[Finding]:
    parts = [(one["topic"], part) for one in topics for part in one["partitions"]]
    behind = sorted({topic for topic, part in parts if len(part["isr"]) < len(part["replicas"])})
    if behind:
        yield Finding("wrong", "copies", f"not in step: {', '.join(behind)}: see that all brokers run and have room")
    hosts = [one.strip().rpartition(":")[0].strip("[]") for one in settings.kafka.split(",")]
    alone = sorted({topic for topic, part in parts if len(part["replicas"]) < 2})
    if alone and not all(map(is_loopback, hosts)):
        told = "are kept by one broker each, which takes them along when it is lost: replicate them three times"
        yield Finding("wrong", "copies", f"{len(alone)} topics {told}")


async def _kept(admin: AIOKafkaAdminClient, name: str, settings: Settings) -> list[Finding]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    there = {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
    if "retention.ms" not in there:
        return [Finding("note", "retention", f"topic {name}: our user may not look at it")]
    kept, promised = int(there["retention.ms"]), settings.retention_days * _DAY
    if kept == promised:
        return []
    days = "for ever" if kept < 0 else f"for {kept / _DAY:g} days"
    told = f"topic {name} is kept {days}, XUNQUN_RETENTION_DAYS is {settings.retention_days}"
    state = "wrong" if kept < 0 or kept > promised else "note"
    return [Finding(state, "retention", f"{told}: set its retention.ms to {promised}")]


async def _broker_clock(kafka: Kafka) -> list[Finding]:
    """The broker's clock by the newest observation: its append time is that of the broker, and ticks come all the time.

    It may be behind by as much as nobody wrote anything.
    """
    place = TopicPartition(kafka.named(OBSERVATIONS), 0)
    try:
        async with reader(kafka) as consumer:
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            if end <= (await consumer.beginning_offsets([place]))[place]:
                return [Finding("note", "clock of kafka", "not known before something was observed")]
            consumer.seek(place, end - 1)
            fetched = await consumer.getmany(place, timeout_ms=3_000, max_records=1)
    except (TopicAuthorizationFailedError, Unavailable):
        return [
            Finding("note", "clock of kafka", "our user may not read observations: see it with chrony or NTP there")
        ]
    records = fetched.get(place)
    if not records:
        return []
    ahead = records[0].timestamp / 1000 - time.time()
    if ahead > 0 or -ahead <= _TICK_SECONDS:
        return [clock("kafka", max(ahead, 0.0)), *_ticker_clock(kafka, records[0])]
    at = datetime.fromtimestamp(records[0].timestamp / 1000).astimezone().isoformat(timespec="seconds")
    told = f"the newest observation is of {at}: where workers run, ticks are younger, or its clock is behind"
    return [Finding("note", "clock of kafka", told)]


def _ticker_clock(kafka: Kafka, record: Any) -> list[Finding]:
    """A tick carries the time of the worker that wrote it, a moment before the broker appended it."""
    try:
        tick = msgspec.json.decode(record_from(kafka, record).value)
    except msgspec.DecodeError:
        return []
    except KeyUnavailable as error:
        return [Finding("wrong", "text at rest", str(error))]
    if not isinstance(tick, dict) or tick.get("type") != "clock.tick" or not isinstance(tick.get("sent_at"), int):
        return []
    offset = (tick["sent_at"] - record.timestamp) / 1000
    return [] if abs(offset) <= _TOLERANCE else [clock("the worker that ticks, beside Kafka's", offset)]


# Redis


async def redis_findings(settings: Settings) -> list[Finding]:
    """StateUnavailable where it is away; LoadError where it may throw state away."""
    connection = await Connection.open(settings.redis, redis_options(settings))
    try:
        info = await connection.call(lambda redis: redis.info())
        before = time.time()
        seconds, micros = await connection.call(lambda redis: redis.time())
        now = (before + time.time()) / 2
        user = await connection.call(_whoami)
    finally:
        await connection.close()
    found = [_redis_version(str(info["redis_version"])), clock("redis", seconds + micros / 1e6 - now)]
    if not info.get("aof_enabled"):
        told = "keeps nothing on disk as it is written: set appendonly yes, or a crash costs a rebuild from Kafka"
        found.append(Finding("wrong", "redis on disk", told))
    elif info.get("aof_last_write_status", "ok") != "ok":
        found.append(Finding("wrong", "redis on disk", "could not write to disk: see that it has room"))
    if info.get("maxmemory") and info["used_memory"] > 0.85 * info["maxmemory"]:
        share = 100 * info["used_memory"] // info["maxmemory"]
        found.append(Finding("note", "redis memory", f"{share} % of maxmemory are taken: give it more"))
    if user == "default" and not is_loopback(connection.place.rpartition(":")[0]):
        told = "we are its user default, who may do everything: deploy/security/redis-users.acl has one for us"
        found.append(Finding("wrong", "rights at redis", told))
    return found


async def _whoami(redis: Any) -> str:
    try:
        found = await redis.acl_whoami()
    except NoPermissionError:
        return ""
    return found.decode() if isinstance(found, bytes) else str(found)


def _redis_version(written: str) -> Finding:
    if tuple(int(one) for one in written.split(".")[:2]) < _LEAST_REDIS:
        return Finding("wrong", "redis version", f"{written} lacks what our scripts call: upgrade to 6.2 or newer")
    return Finding("ok", "redis version", written)


# PostgreSQL


def database_findings(cases: Cases) -> list[Finding]:
    """StoreUnavailable where it is away."""
    number, version, user, powerful, replica = cases.connection.execute(
        sa.text(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), rolname, "
            "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls, pg_is_in_recovery() "
            "FROM pg_roles WHERE rolname = current_user"
        )
    ).one()
    before = time.time()
    offset = cases.log_time() / 1000 - (before + time.time()) / 2
    least = number // 10_000 >= _LEAST_POSTGRESQL
    told = (
        version if least else f"{version} is no longer mended by its authors: upgrade to {_LEAST_POSTGRESQL} or newer"
    )
    found = [Finding("ok" if least else "wrong", "postgresql version", told), clock("postgresql", offset)]
    if replica:
        found.append(
            Finding("wrong", "database", "is a copy that takes no writes: set XUNQUN_DATABASE to the first one")
        )
    if powerful:
        told = f"{user} may change more than this database: use a role of deploy/security/postgresql-roles.sql"
        found.append(Finding("wrong", "rights at postgresql", told))
    elif cases.connection.scalar(
        sa.text("SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('verdicts')")
    ):
        told = f"{user} owns the tables and may change past decisions: let workers be xunqun_worker"
        found.append(Finding("note", "rights at postgresql", f"{told} (deploy/security/postgresql-roles.sql)"))
    return found


def overdue_evidence(cases: Cases) -> list[Finding]:
    """Words of members that should be gone."""
    past = cases.log_time() - _DAY
    count = cases.connection.scalar(
        sa.select(sa.func.count()).select_from(evidence).where(evidence.c.expires_at < past)
    )
    if not count:
        return []
    told = (
        "words of members stand there for longer than promised: start `xunqun worker --agents dispatch`, which purges"
    )
    return [Finding("wrong", "retention", f"{count} {told}")]
