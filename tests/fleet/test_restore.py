"""An empty Redis from the compacted topics of a real Kafka."""

import json
from random import Random

import msgspec
from redis.asyncio import Redis

from streams.fleet.kafka import LEDGER, Kafka, Producer, create_topics, read_in_parts
from streams.fleet.restore import restore
from streams.ledger import RedisStates
from streams.topics import Record

SUBJECTS = [f"u{number}" for number in range(60)]


def kept(subject, version):
    # More than one fetch brings, and nothing that can be packed.
    body = {"version": version, "filler": Random(subject).randbytes(60_000).hex()}
    state = {"agent": "escalate", "version": version, "value": body, "applied": {"judgements/0": version}}
    return Record(LEDGER, subject, msgspec.json.encode(state), -1, -1)


async def test_a_topic_larger_than_a_fetch_is_restored_to_its_highest_versions(stack, topic_prefix):
    kafka = Kafka(stack.kafka, topic_prefix)
    await create_topics(kafka, partitions=2)
    producer = Producer(kafka)
    await producer.start()
    # Late ones of lower versions too: another worker had published them.
    for version in (1, 4, 9, 3):
        await producer.publish([kept(one, version) for one in SUBJECTS])
    await producer.stop()
    parts = [len(some) async for some in read_in_parts(kafka, LEDGER)]
    assert sum(parts) == 4 * len(SUBJECTS)
    assert len(parts) > 2
    states = await RedisStates.open(stack.redis, topic_prefix)
    try:
        assert await restore(states, kafka) >= len(SUBJECTS)
        found = await states.load("escalate", SUBJECTS)
        assert {json.loads(one.value)["version"] for one in found.values()} == {9}
        assert {one.version for one in found.values()} == {9}
        assert len(found) == len(SUBJECTS)
        assert await restore(states, kafka) == 0
    finally:
        await states.close()
        async with Redis.from_url(stack.redis) as redis:
            await redis.delete(*[key async for key in redis.scan_iter(f"{topic_prefix}*")])
