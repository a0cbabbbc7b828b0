"""Kafka as the fleet uses it: the topics and their settings, confirmed sending, reading back. Bare aiokafka."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.codec import zstd_encode
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder

import streams.kafka_connections  # noqa: F401
from models.observation import Millis
from streams.connections import ask_kafka, explain, kafka_options
from streams.errors import LoadError, Unavailable
from streams.settings import Settings
from streams.text_keys import KeyUnavailable, TextExpired, TextKeys
from streams.topics import (
    ACTIONS,
    AGAIN,
    CONTROL,
    DEAD_LETTERS,
    JUDGEMENTS,
    LIKENESSES,
    MAX_RECORD_BYTES,
    OBSERVATIONS,
    OUTCOMES,
    VIEWS,
    Record,
)

# aiokafka has no setting for the level: at 1 instead of 3 packing takes three fifths of the CPU, and states take no more bytes.
sys.modules[DefaultRecordBatchBuilder.__module__].zstd_encode = partial(zstd_encode, level=1)  # type: ignore[attr-defined]

LEDGER = "ledger"
GROUP_STATE = "group-state"
# What only the holder of a key can read, see `sealing`, and who opened what of it.
SEALED = "sealed"
SEALED_ACCESS = "sealed-access"

# A record of `views` carries the rows of a chunk, `ledger` and `group-state` whole states.
_LARGEST = 4 << 20
_DAY: Millis = 86_400_000
_SEND_SECONDS = 30.0
_READ_MILLIS = 500
# So many empty answers, half a second each, and reading back is given up.
_MOST_SILENT = 40


T = TypeVar("T")
# A reader that does not start or stop within so many seconds is given up.
_START_SECONDS, _STOP_SECONDS = 40.0, 5.0


class KafkaUnavailable(Unavailable):
    """Kafka cannot be reached or does not confirm; one sentence for people."""

    part = "kafka"


@dataclass(frozen=True)
class TopicSettings:
    """How a topic is kept. `keyed` topics have the same number of partitions, so that a group has one place in each."""

    keyed: bool = True
    compacted: bool = False
    # Nothing of it is ever removed: what was in force once says how old records were judged.
    kept: bool = False
    # The broker's clock, where arrival is what counts; elsewhere records carry the time of what caused them.
    arrival: bool = False
    largest: int = 2 * MAX_RECORD_BYTES

    def configs(self, keep: Millis) -> dict[str, str]:
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": "-1" if self.compacted or self.kept else str(keep),
            "message.timestamp.type": "LogAppendTime" if self.arrival else "CreateTime",
            "max.message.bytes": str(self.largest),
        }


TOPIC_SETTINGS: Mapping[str, TopicSettings] = {
    OBSERVATIONS: TopicSettings(arrival=True),
    AGAIN: TopicSettings(arrival=True),
    # One partition: a campaign is of all groups, and what is alike is told by one order.
    LIKENESSES: TopicSettings(keyed=False),
    JUDGEMENTS: TopicSettings(),
    OUTCOMES: TopicSettings(),
    ACTIONS: TopicSettings(),
    VIEWS: TopicSettings(largest=_LARGEST),
    DEAD_LETTERS: TopicSettings(),
    LEDGER: TopicSettings(compacted=True, largest=_LARGEST),
    GROUP_STATE: TopicSettings(compacted=True, largest=_LARGEST),
    CONTROL: TopicSettings(keyed=False, kept=True, arrival=True, largest=_LARGEST),
    SEALED: TopicSettings(keyed=False),
    SEALED_ACCESS: TopicSettings(keyed=False, kept=True),
}


@dataclass(frozen=True)
class Kafka:
    """Where Kafka is, and what our topics are called there: `prefix` lets several fleets share one cluster.

    `options` are those of every client: TLS, user and password. What holds text is encrypted with `keys` on its way in, and read
    with them; who has the brokers alone reads nothing.
    """

    brokers: str
    prefix: str = ""
    options: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    keys: TextKeys = field(default_factory=lambda: TextKeys(None), compare=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Kafka":
        """The fleet's. LoadError where a file of TLS cannot be used."""
        return cls(settings.kafka, settings.kafka_prefix, kafka_options(settings), TextKeys(settings.keys, shared=True))

    def named(self, topic: str) -> str:
        return self.prefix + topic

    def group(self, agent: str) -> str:
        """The consumer group of an agent."""
        return f"{self.prefix}xunqun-{agent}"

    def plain(self, named: str) -> str:
        return named.removeprefix(self.prefix)


async def create_topics(kafka: Kafka, *, partitions: int, replication: int = 1, keep: Millis = 30 * _DAY) -> list[str]:
    """Make the topics that are missing; their names. What is there is left alone, see `check_topics`."""
    admin = await open_admin(kafka)
    try:
        there = set(await admin.list_topics())
        missing = [
            NewTopic(
                kafka.named(name),
                partitions if settings.keyed else 1,
                replication,
                topic_configs=settings.configs(keep),
            )
            for name, settings in TOPIC_SETTINGS.items()
            if kafka.named(name) not in there
        ]
        if missing:
            answer = await admin.create_topics(missing, timeout_ms=15_000)
            for _, code, *_ in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise KafkaUnavailable(f"a topic could not be made: {for_code(code).__name__}")
        return [one.name for one in missing]
    except KafkaError as error:
        raise KafkaUnavailable(f"{kafka.brokers}: {type(error).__name__} while topics were made") from error
    finally:
        await admin.close()


async def check_topics(kafka: Kafka, *, keep: Millis = 30 * _DAY) -> list[str]:
    """What is wrong with the topics, a sentence each; empty where all is as it should be."""
    admin = await open_admin(kafka)
    try:
        named = {kafka.named(name): name for name in TOPIC_SETTINGS}
        told = await admin.describe_topics(list(named))
        found = {one["topic"]: one for one in told if not one["error_code"]}
        closed = {one["topic"] for one in told if one["error_code"] == TopicAuthorizationFailedError.errno}
        wrong = [f"topic {name} is closed to our user: see `xunqun topics acls`" for name in sorted(closed)]
        wrong += [
            f"topic {name} is missing: run `xunqun topics create`" for name in named if name not in {*found, *closed}
        ]
        counts = {name: len(one["partitions"]) for name, one in found.items() if TOPIC_SETTINGS[named[name]].keyed}
        if len(set(counts.values())) > 1:
            shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            wrong.append(f"topics keyed by group need the same number of partitions, they have: {shown}")
        for name in found:
            wrong += await _wrong_configs(admin, name, TOPIC_SETTINGS[named[name]].configs(keep))
        return wrong
    finally:
        await admin.close()


async def _wrong_configs(admin: AIOKafkaAdminClient, name: str, wanted: Mapping[str, str]) -> list[str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    there = {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
    return [
        f"topic {name}: {key} is {there.get(key)}, it should be {value}"
        for key, value in wanted.items()
        # How long records are kept is the operator's affair; the rest is not.
        if there.get(key) != value and key != "retention.ms"
    ]


async def open_admin(kafka: Kafka) -> AIOKafkaAdminClient:
    """To be closed by the caller. KafkaUnavailable says why there is none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers, request_timeout_ms=15_000, **kafka.options)
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        await admin.close()
        raise await _away(kafka, error) from error
    return admin


async def _away(kafka: Kafka, error: Exception) -> KafkaUnavailable:
    """Nobody answers, or whoever does refuses us."""
    if meant := explain(error):
        return KafkaUnavailable(f"Kafka at {kafka.brokers} refuses us: {meant}")
    refused = await ask_kafka(kafka.brokers, kafka.options)
    return KafkaUnavailable(refused or f"no Kafka answers at {kafka.brokers}: start it (`make up`) or set XUNQUN_KAFKA")


class Producer:
    """Sends records and says so only when every one of them is stored: `acks=all`, idempotent."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self._producer = AIOKafkaProducer(
            bootstrap_servers=kafka.brokers,
            acks="all",
            enable_idempotence=True,
            # Without it aiokafka sends many small batches, which costs half as much again as all else (144 µs a message, not 92).
            linger_ms=2,
            max_batch_size=256 << 10,
            max_request_size=_LARGEST,
            # aiokafka's lz4 looks for the best packing: three times the CPU on a batch of states or verdicts, for more bytes.
            compression_type="zstd",
            request_timeout_ms=int(_SEND_SECONDS * 1000),
            **kafka.options,
        )
        #: Told of the seconds until Kafka has confirmed what one caller brought.
        self.took: Callable[[float], None] = lambda seconds: None
        # The hash is written in Python, and the groups of a fleet are the same all day.
        self._place = lru_cache(1 << 16)(self._place_of)

    def _place_of(self, key: bytes | None, count: int) -> int:
        return int(self._producer._partitioner(key, range(count), range(count)))

    async def start(self) -> None:
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise await _away(self.kafka, error) from error

    async def stop(self) -> None:
        await self._producer.stop()

    async def publish(self, records: Iterable[Record]) -> None:
        """Store what one caller brings all at once; records carry their own `appended_at`.

        A batch for each partition, made here: one by one, as in `send`, records cost three times as much. KafkaUnavailable
        as there.
        """
        batches: dict[tuple[str, int], list[BatchBuilder]] = {}
        began = time.perf_counter()
        try:
            for one in records:
                topic = self.kafka.named(one.topic)
                count = len(await self._producer.partitions_for(topic))
                key = one.key.encode("utf-8", "surrogatepass") or None
                mine = batches.setdefault((topic, self._place(key, count)), [])
                at = one.appended_at if one.appended_at > 0 else None
                value = self._closed(one)
                self._pack(mine, key, value, at)
            await self._send_batches(batches)
        except KafkaError as error:
            raise KafkaUnavailable(f"Kafka did not confirm: {type(error).__name__}") from error
        self.took(time.perf_counter() - began)

    async def put(
        self, topic: str, partition: int, records: Iterable[tuple[bytes | None, bytes | None, Millis]]
    ) -> None:
        """Store (key, value, time) as they are at the end of one partition, in order. KafkaUnavailable as in `publish`."""
        batches: list[BatchBuilder] = []
        for key, value, at in records:
            self._pack(batches, key, value, at)
        try:
            # The order of the batches of one partition is kept: the producer is idempotent.
            await self._send_batches({(self.kafka.named(topic), partition): batches})
        except KafkaError as error:
            raise KafkaUnavailable(f"Kafka did not confirm: {type(error).__name__}") from error

    def _pack(self, batches: list[BatchBuilder], key: bytes | None, value: bytes | None, at: Millis | None) -> None:
        if not batches or batches[-1].append(timestamp=at, key=key, value=value) is None:
            batches.append(self._producer.create_batch())
            batches[-1].append(timestamp=at, key=key, value=value)

    async def _send_batches(self, batches: Mapping[tuple[str, int], Sequence[BatchBuilder]]) -> None:
        waiting = []
        for (topic, partition), some in batches.items():
            for batch in some:
                # Closed, it goes out at once.
                batch.close()
                waiting.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*waiting)

    async def send(self, records: Iterable[Record], *, timed: bool = True, within: float | None = None) -> list[int]:
        """Store records and give their offsets, in order. `timed` records carry their own `appended_at`.

        Those who send at the same time share batches.

        Waits for Kafka for as long as it takes, or `within` seconds. KafkaUnavailable where one was not confirmed; some of
        them may be stored then, or still be, and all have to be sent again.
        """
        try:
            async with asyncio.timeout(within):
                waiting = [
                    await self._producer.send(
                        self.kafka.named(one.topic),
                        self._closed(one),
                        key=one.key.encode("utf-8", "surrogatepass") or None,
                        timestamp_ms=one.appended_at if timed and one.appended_at > 0 else None,
                    )
                    for one in records
                ]
                return [one.offset for one in await asyncio.gather(*waiting)]
        except TimeoutError as error:
            raise KafkaUnavailable(f"Kafka did not confirm within {within:g} s") from error
        except KafkaError as error:
            raise KafkaUnavailable(f"Kafka did not confirm: {type(error).__name__}") from error

    def _closed(self, record: Record) -> bytes:
        """What is stored of a record. Its own time decides on the key, where it has one: what comes twice is the same then.

        KeyUnavailable where no key can be had, and for what is said just now where today's is destroyed.
        """
        if record.appended_at > 0:
            return self.kafka.keys.closed(record, record.appended_at)
        stored = self.kafka.keys.closed(record, time.time_ns() // 1_000_000)
        if record.value and not stored:
            raise KeyUnavailable("the key of today is destroyed: see to the clock of this machine")
        return stored

    async def send_to(self, topic: str, partition: int, value: bytes, key: str = "") -> int:
        """Store one record in one partition, whatever its key; its offset."""
        raw = key.encode("utf-8", "surrogatepass") or None
        try:
            stored = self._closed(Record(topic, key, value, -1, -1))
            sent = await self._producer.send_and_wait(self.kafka.named(topic), stored, key=raw, partition=partition)
        except KafkaError as error:
            raise KafkaUnavailable(f"Kafka did not confirm: {type(error).__name__}") from error
        return int(sent.offset)

    async def partitions(self, topic: str) -> list[int]:
        return sorted(await self._producer.partitions_for(self.kafka.named(topic)))

    def partition_of(self, key: str, count: int) -> int:
        """The partition of `count` in which records of this key lie."""
        return self._place(key.encode("utf-8", "surrogatepass"), count)


def record_from(kafka: Kafka, found: ConsumerRecord) -> Record:
    """Our record for one of Kafka's. Its time is the append time, or the time of what caused it."""
    key = (found.key or b"").decode("utf-8", "replace")
    try:
        value = kafka.keys.text.decrypt(found.value or b"")
    except TextExpired:
        value = b""
    except LoadError:
        # Changed on its way: it goes to the dead letters as it is.
        value = found.value or b""
    return Record(kafka.plain(found.topic), key, value, found.offset, found.timestamp, partition=found.partition)


async def read_back(kafka: Kafka, topic: str, partition: int, *, until: int, reach: Millis) -> list[Record]:
    """The records before offset `until` that are at most `reach` older than the last of them."""
    place = TopicPartition(kafka.named(topic), partition)
    async with reader(kafka) as consumer:
        consumer.assign([place])
        start = await reaching_back(consumer, place, until, reach)
        return [record_from(kafka, one) async for some in read_range(consumer, place, start, until) for one in some]


async def reaching_back(consumer: AIOKafkaConsumer, place: TopicPartition, until: int, reach: Millis) -> int:
    """The first offset whose record is at most `reach` older than the last one before `until`; `until` where there is none."""
    first = (await consumer.beginning_offsets([place]))[place]
    last = await _next(consumer, place, until - 1) if until > first else None
    if last is None:
        return until
    since = await consumer.offsets_for_times({place: max(0, last.timestamp - reach)})
    return max(first, since[place].offset if since[place] is not None else first)


async def read_places(kafka: Kafka, topic: str, places: Iterable[tuple[int, int]]) -> list[Record]:
    """The records at these (partition, offset); those that were removed are left out."""
    found: list[Record] = []
    async with reader(kafka) as consumer:
        for partition, offset in sorted(places):
            place = TopicPartition(kafka.named(topic), partition)
            consumer.assign([place])
            if offset >= (await consumer.beginning_offsets([place]))[place]:
                one = await _next(consumer, place, offset)
                if one is not None and one.offset == offset:
                    found.append(record_from(kafka, one))
    return found


async def read_whole(kafka: Kafka, topic: str) -> list[Record]:
    """Every record that a topic holds now, of all partitions."""
    return [one async for some in read_in_parts(kafka, topic) for one in some]


async def read_in_parts(kafka: Kafka, topic: str) -> AsyncIterator[list[Record]]:
    """The same as they are fetched, of one partition after the other: a topic may be larger than the memory."""
    name = kafka.named(topic)
    async with reader(kafka) as consumer:
        places = [
            TopicPartition(name, one)
            for one in sorted(consumer.partitions_for_topic(name) or await _parts(consumer, name))
        ]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.assign([place])
            first = (await consumer.beginning_offsets([place]))[place]
            async for some in read_range(consumer, place, first, ends[place]):
                yield [record_from(kafka, one) for one in some]


async def committed(kafka: Kafka, group: str, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The offsets from which a consumer group would go on; 0 where it has committed nothing."""
    admin = await open_admin(kafka)
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=list(places))
    except KafkaError as error:
        raise KafkaUnavailable(f"{kafka.brokers}: {type(error).__name__} while offsets were read") from error
    finally:
        await admin.close()
    return {place: max(0, found[place].offset) if place in found else 0 for place in places}


async def ends(kafka: Kafka, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """One past the last offset of each partition."""
    async with reader(kafka) as consumer:
        return dict(await consumer.end_offsets(list(places)))


async def _parts(consumer: AIOKafkaConsumer, name: str) -> Sequence[int]:
    await consumer._client.force_metadata_update()
    return sorted(consumer.partitions_for_topic(name) or ())


class _Reader(AIOKafkaConsumer):
    """Says why it cannot start."""

    def __init__(self, kafka: Kafka, **given: Any) -> None:
        super().__init__(bootstrap_servers=kafka.brokers, **kafka.options, **given)
        self._kafka = kafka

    async def start(self) -> None:
        try:
            await within(_START_SECONDS, super().start())
        except (KafkaError, OSError) as error:
            await self.stop()
            raise await _away(self._kafka, error) from error

    async def stop(self) -> None:
        # It holds nothing that others wait for, and its broker may be one that never answers again.
        with suppress(TimeoutError):
            await within(_STOP_SECONDS, super().stop())


async def within(seconds: float, asked: Coroutine[Any, Any, T]) -> T:
    """What aiokafka answers, or TimeoutError. After its broker was away for a minute some calls never end, swallow that they are
    cancelled, or are cancelled by nobody of ours: each is left behind as a task of its own."""
    task = asyncio.ensure_future(asked)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done() or task.cancelled():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()


def reader(kafka: Kafka) -> AIOKafkaConsumer:
    """Reads without a consumer group. KafkaUnavailable where it cannot start."""
    return _Reader(
        kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_LARGEST,
        fetch_max_wait_ms=_READ_MILLIS,
    )


async def _next(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> ConsumerRecord | None:
    """The first record at or after an offset."""
    consumer.seek(place, offset)
    found = await consumer.getmany(place, timeout_ms=5_000, max_records=1)
    return found[place][0] if found.get(place) else None


async def read_range(
    consumer: AIOKafkaConsumer, place: TopicPartition, start: int, until: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """All from offset `start` to before `until` of a partition that the consumer has; a log that ends in gaps ends it too."""
    silent = 0
    consumer.seek(place, start)
    while await consumer.position(place) < until:
        found = (await consumer.getmany(place, timeout_ms=_READ_MILLIS)).get(place, [])
        silent = 0 if found else silent + 1
        if silent > _MOST_SILENT:
            raise KafkaUnavailable(f"reading {place.topic} back stopped before offset {until}")
        if found:
            yield [one for one in found if one.offset < until]
