"""What a backup keeps of Kafka, and putting it back into a new one: records as they are stored there, text still encrypted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from msgspec import Struct

from models.observation import Millis
from streams.agents import AGENTS
from streams.backup.folder import Manifest, Part, Writing, opened
from streams.embedded import GATHERED, REWOUND
from streams.errors import WrongUse
from streams.fleet.hosts import Kept
from streams.fleet.kafka import (
    GROUP_STATE,
    LEDGER,
    SEALED,
    SEALED_ACCESS,
    TOPIC_SETTINGS,
    Kafka,
    KafkaUnavailable,
    Producer,
    committed,
    create_topics,
    open_admin,
    reaching_back,
    read_range,
    reader,
)
from streams.topics import CONTROL, DEAD_LETTERS, LIKENESSES, OBSERVATIONS, Record

# Of these the newest version of each key is kept, of these everything, of all others what somebody has still to read.
STATES = (LEDGER, GROUP_STATE)
WHOLE = (CONTROL, DEAD_LETTERS, SEALED, SEALED_ACCESS)
# So far back a reader looks when it begins.
_REACH: Mapping[str, Millis] = {OBSERVATIONS: REWOUND, LIKENESSES: GATHERED}
_LENGTH = 4
# Where a setting comes from, in Kafka's protocol: the topic itself.
_OF_TOPIC = 1
_AT_ONCE = 500
# A member that was stopped is missed after its session only.
_GONE_SECONDS = 15.0

Places = dict[str, dict[int, int]]
Told = Callable[[int], None]
_KEPT = msgspec.json.Decoder(Kept)
_encode = msgspec.json.Encoder().encode


class Stored(Struct, frozen=True, array_like=True):
    """A record as Kafka holds it."""

    offset: int
    at: Millis
    key: bytes | None
    value: bytes | None


_STORED = msgspec.msgpack.Decoder(Stored)


class Log:
    """The fleet's topics, read as they are stored."""

    def __init__(self, kafka: Kafka, consumer: AIOKafkaConsumer) -> None:
        self.kafka, self._consumer = kafka, consumer
        self._partitions: dict[str, list[int]] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, kafka: Kafka) -> AsyncIterator["Log"]:
        """KafkaUnavailable where Kafka is away."""
        async with reader(kafka) as consumer:
            try:
                yield cls(kafka, consumer)
            except (KafkaError, OSError) as error:
                raise KafkaUnavailable(f"Kafka at {kafka.brokers} does not answer: {type(error).__name__}") from error

    async def partitions(self, topic: str) -> list[int]:
        """None where there is no such topic."""
        if not self._partitions:
            await self._consumer._client.force_metadata_update()
            self._partitions = {
                one: sorted(self._consumer.partitions_for_topic(self.kafka.named(one)) or ()) for one in TOPIC_SETTINGS
            }
        return self._partitions[topic]

    async def begins(self, topic: str) -> dict[int, int]:
        places = await self._places(topic)
        return {place.partition: offset for place, offset in (await self._consumer.beginning_offsets(places)).items()}

    async def ends(self, topic: str) -> dict[int, int]:
        places = await self._places(topic)
        return {place.partition: offset for place, offset in (await self._consumer.end_offsets(places)).items()}

    async def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self.kafka.named(topic), one) for one in await self.partitions(topic)]

    async def reaching_back(self, topic: str, partition: int, until: int, reach: Millis) -> int:
        return await reaching_back(self._consumer, self._assigned(topic, partition), until, reach)

    async def read(self, topic: str, partition: int, start: int, until: int) -> AsyncIterator[list[ConsumerRecord]]:
        place = self._assigned(topic, partition)
        async for some in read_range(self._consumer, place, start, until):
            yield some

    def _assigned(self, topic: str, partition: int) -> TopicPartition:
        place = TopicPartition(self.kafka.named(topic), partition)
        self._consumer.assign([place])
        return place


# out of Kafka


async def commits(log: Log) -> dict[str, Places]:
    """Agent -> topic -> partition -> the offset from which its group would go on."""
    found: dict[str, Places] = {}
    for agent in AGENTS:
        begins = {topic: await log.begins(topic) for topic in agent.reads}
        places = [TopicPartition(log.kafka.named(topic), one) for topic, parts in begins.items() for one in parts]
        said = await committed(log.kafka, log.kafka.group(agent.name), places)
        mine: Places = {topic: {} for topic in agent.reads}
        for place, offset in said.items():
            topic = log.kafka.plain(place.topic)
            mine[topic][place.partition] = max(offset, begins[topic][place.partition])
        found[agent.name] = mine
    return found


async def begins_of(log: Log, committed: Mapping[str, Places], unmeasured: Mapping[int, int]) -> Places:
    """The first offset that is kept of each partition, of all topics but those of states."""
    first: Places = {topic: await log.begins(topic) for topic in WHOLE}
    for topic in [one for one in TOPIC_SETTINGS if one not in (*STATES, *WHOLE)]:
        readers = [places[topic] for places in committed.values() if topic in places]
        first[topic] = {one: min(places[one] for places in readers) for one in await log.partitions(topic)}
        for partition, offset in first[topic].items():
            if reach := _REACH.get(topic):
                first[topic][partition] = await log.reaching_back(topic, partition, offset, reach)
    begins = await log.begins(OBSERVATIONS)
    for partition, offset in unmeasured.items():
        kept = first[OBSERVATIONS]
        kept[partition] = min(kept[partition], max(offset, begins[partition]))
    return first


async def copy_range(log: Log, writing: Writing, topic: str, first: Places, ends: Places, told: Told) -> list[Part]:
    """Keep what lies between; of each partition what was kept."""
    parts = []
    for partition, start in first[topic].items():
        runs, expected, count = [(start, start)], start, 0
        with writing.file(_file(topic, partition)) as file:
            async for some in log.read(topic, partition, start, ends[topic][partition]):
                for one in some:
                    if one.offset > expected:
                        runs.append((one.offset, runs[-1][1] + one.offset - expected))
                    expected = one.offset + 1
                    file.write(_framed(one))
                count += len(some)
                told(len(some))
        parts.append(Part(partition, count, runs))
    return parts


async def copy_states(log: Log, writing: Writing, topic: str, told: Told) -> list[Part]:
    """Keep the highest version of each state. The topic is read twice: whole it may be larger than the memory."""
    parts = []
    for partition, start in (await log.begins(topic)).items():
        count = None
        while count is None:
            count = await _copy_newest(log, writing, topic, partition, start, told)
        parts.append(Part(partition, count, [(0, 0)]))
    return parts


async def _copy_newest(log: Log, writing: Writing, topic: str, partition: int, start: int, told: Told) -> int | None:
    """How many states were kept; None where the broker has meanwhile removed one for a newer version of it."""
    end = (await log.ends(topic))[partition]
    newest: dict[tuple[str, bytes], tuple[int, int]] = {}
    async for some in log.read(topic, partition, start, end):
        for one in some:
            if one.value:
                kept = _KEPT.decode(one.value)
                name = kept.agent, one.key or b""
                newest[name] = max(newest.get(name, (0, -1)), (kept.version, one.offset))
        told(len(some))
    missing = {offset for _, offset in newest.values()}
    with writing.file(_file(topic, partition)) as file:
        async for some in log.read(topic, partition, start, end):
            for one in some:
                if one.offset in missing:
                    missing.remove(one.offset)
                    file.write(_framed(one))
            told(len(some))
    return None if missing else len(newest)


def _framed(one: ConsumerRecord) -> bytes:
    packed = msgspec.msgpack.encode(Stored(one.offset, one.timestamp, one.key, one.value))
    return len(packed).to_bytes(_LENGTH, "big") + packed


# back into Kafka


def stored_records(folder: Path, manifest: Manifest, topic: str) -> Iterator[tuple[int, Iterator[Stored]]]:
    """The records of each partition of a topic, as they are put back."""
    for part in manifest.topics[topic]:
        yield part.partition, _read(folder, topic, part.partition)


def _read(folder: Path, topic: str, partition: int) -> Iterator[Stored]:
    with opened(folder, _file(topic, partition)) as file:
        while head := file.read(_LENGTH):
            yield _STORED.decode(file.read(int.from_bytes(head, "big")))


def record_of_stored(manifest: Manifest, topic: str, partition: int, one: Stored) -> Record:
    """The record that it will be."""
    offset = manifest.part(topic, partition).put_back(one.offset)
    return Record(topic, (one.key or b"").decode(), one.value or b"", offset, one.at, partition=partition)


@dataclass(frozen=True)
class Refill:
    """Puts a backup's records into topics that are empty, or that an earlier attempt has begun to fill."""

    kafka: Kafka
    folder: Path
    manifest: Manifest

    async def prepare(self, *, replication: int, keep: Millis) -> None:
        """Make the topics that are missing. WrongUse where one holds something else, or has other partitions."""
        partitions = len(self.manifest.topics[OBSERVATIONS])
        await create_topics(self.kafka, partitions=partitions, replication=replication, keep=keep)
        async with Log.open(self.kafka) as log:
            for topic, parts in self.manifest.topics.items():
                there = await _until_there(log, topic)
                if len(there) != len(parts):
                    raise WrongUse(
                        f"topic {self.kafka.named(topic)} has {len(there)} partitions, in the backup it has {len(parts)}: "
                        "delete the topic, it is made anew"
                    )
                for partition, records in stored_records(self.folder, self.manifest, topic):
                    await self._compare(log, topic, partition, records)

    async def _compare(self, log: Log, topic: str, partition: int, records: Iterator[Stored]) -> None:
        """What lies there already has to be what would be put there."""
        begin, end = (await log.begins(topic))[partition], (await log.ends(topic))[partition]
        count = self.manifest.part(topic, partition).records
        there = [one async for some in log.read(topic, partition, begin, min(end, 1)) for one in some]
        same = all(
            (one.key, one.value) == self._put(topic, kept)[:2] for one, kept in zip(there, records, strict=False)
        )
        if begin or end > count or not same:
            raise WrongUse(
                f"topic {self.kafka.named(topic)} is not empty: a backup is put back into new topics; delete them "
                "(kafka-topics.sh --delete), or name others with XUNQUN_KAFKA_PREFIX"
            )

    async def fill(self, told: Told) -> None:
        """Put back every record that is not there yet, at its own time, in its own partition."""
        producer = Producer(self.kafka)
        await producer.start()
        try:
            for topic in self.manifest.topics:
                if TOPIC_SETTINGS[topic].arrival:
                    await _stamp(self.kafka, topic, "CreateTime")
                async with Log.open(self.kafka) as log:
                    ends = await log.ends(topic)
                for partition, records in stored_records(self.folder, self.manifest, topic):
                    # What an earlier attempt has put back.
                    told(sum(1 for _ in islice(records, ends[partition])))
                    while some := [self._put(topic, one) for one in islice(records, _AT_ONCE)]:
                        await producer.put(topic, partition, some)
                        told(len(some))
                if TOPIC_SETTINGS[topic].arrival:
                    await _stamp(self.kafka, topic, "LogAppendTime")
        finally:
            await producer.stop()

    def _put(self, topic: str, one: Stored) -> tuple[bytes | None, bytes | None, Millis]:
        if topic not in STATES or not one.value:
            return one.key, one.value, one.at
        kept = _KEPT.decode(one.value)
        applied = {}
        for source, offset in kept.applied.items():
            of, _, partition = source.rpartition("/")
            now = self.manifest.part(of, int(partition)).put_back(offset)
            if now >= 0:
                applied[source] = now
        return one.key, _encode(msgspec.structs.replace(kept, applied=applied)), one.at

    async def commit(self) -> None:
        """Let each group go on from where it was."""
        for agent, topics in self.manifest.committed.items():
            places = {
                topic: {one: self.manifest.part(topic, one).put_back(offset) for one, offset in parts.items()}
                for topic, parts in topics.items()
            }
            await set_back(self.kafka, agent, places)


async def _until_there(log: Log, topic: str) -> list[int]:
    """A topic that was just made takes a moment to be known."""
    for _ in range(50):
        if there := await log.partitions(topic):
            return there
        log._partitions = {}
        await asyncio.sleep(0.2)
    raise KafkaUnavailable(f"topic {log.kafka.named(topic)} was made and does not appear")


async def set_back(kafka: Kafka, agent: str, places: Places) -> None:
    """Let an agent's group go on from these offsets. WrongUse where it still has members."""
    group = kafka.group(agent)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.brokers, group_id=group, enable_auto_commit=False, **kafka.options
    )
    offsets = {
        TopicPartition(kafka.named(topic), one): at for topic, parts in places.items() for one, at in parts.items()
    }
    try:
        await consumer.start()
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    except KafkaError as error:
        raise WrongUse(
            f"the group {group} takes no offsets ({type(error).__name__}): stop all workers first"
        ) from error
    finally:
        await consumer.stop()


async def wait_for_nobody(kafka: Kafka) -> None:
    """WrongUse while a worker runs; one that was stopped is missed after ten seconds."""
    admin = await open_admin(kafka)
    try:
        async with asyncio.timeout(_GONE_SECONDS):
            while await _members(admin, kafka):
                await asyncio.sleep(1)
    except TimeoutError as error:
        raise WrongUse("workers are running: stop all of them first, and start them when this is done") from error
    except KafkaError as error:
        raise KafkaUnavailable(f"{kafka.brokers}: {type(error).__name__} while groups were looked at") from error
    finally:
        await admin.close()


async def cluster_of(kafka: Kafka) -> str:
    """The id that Kafka has given itself."""
    admin = await open_admin(kafka)
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def _stamp(kafka: Kafka, topic: str, kind: str) -> None:
    """Let a topic's records bear the time of who sends them, or that of the broker; its other settings stay."""
    admin = await open_admin(kafka)
    try:
        named = kafka.named(topic)
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, named)])
        ours = {one[0]: one[1] for resource in answer.resources for one in resource[4] if one[3] == _OF_TOPIC}
        changed = {**ours, "message.timestamp.type": kind}
        (answer,) = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, named, changed)])
        for code, *_ in answer.resources:
            if code:
                raise KafkaUnavailable(f"the settings of topic {named} cannot be changed: {for_code(code).__name__}")
    finally:
        await admin.close()


async def _members(admin: AIOKafkaAdminClient, kafka: Kafka) -> int:
    # One at a time: aiokafka 0.14 reads an answer of this kind wrongly where it is about several.
    answers = [await admin.describe_consumer_groups([kafka.group(agent.name)]) for agent in AGENTS]
    return sum(len(one[5]) for (answer,) in answers for one in answer.groups)


def _file(topic: str, partition: int) -> str:
    return f"topics/{topic}-{partition}.gz"
