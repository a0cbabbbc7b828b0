"""What runs beside the agents: time that passes in every partition, and records that PostgreSQL hands on to Kafka."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from streams.errors import Unavailable
from streams.fleet.hosts import Trouble
from streams.fleet.kafka import Kafka, Producer, read_places
from streams.ledger import RedisStates
from streams.topics import AGAIN, OBSERVATIONS, Record

_AT_ONCE = 500
# Each look is a transaction, mostly for nothing; what people decide and what became of an action may be this late.
_IDLE_SECONDS = 0.3
_AGAIN_SECONDS = 5.0


async def keep_time(
    states: RedisStates,
    producer: Producer,
    seconds: float,
    wait: Trouble,
    ticked: Callable[[float], None] = lambda at: None,
) -> None:
    """Write a `clock.tick` into every partition every so many seconds, from one worker at a time, and tell when it was done."""
    owner = secrets.token_hex(8)
    while True:
        try:
            if await states.lease("ticker", owner, 3 * seconds):
                body = msgspec.json.encode({"type": "clock.tick", "sent_at": time.time_ns() // 1_000_000})
                for partition in await producer.partitions(OBSERVATIONS):
                    await producer.send_to(OBSERVATIONS, partition, body)
                ticked(time.time())
        except Unavailable as error:
            await wait(error)
        await asyncio.sleep(seconds)


async def screen_again(
    cases: Any, kafka: Kafka, producer: Producer, states: RedisStates, screen: Any, wait: Trouble
) -> None:
    """Hand in once more what a classifier could not measure, when it can; from one worker at a time.

    What is past its time is struck off: nobody can measure it any more.
    """
    owner = secrets.token_hex(8)
    while True:
        await asyncio.sleep(_AGAIN_SECONDS)
        try:
            if not await states.lease("again", owner, 3 * _AGAIN_SECONDS):
                continue
            waiting = await asyncio.to_thread(cases.unmeasured_categories)
            able = [one for one in waiting if screen().classifiers.can_measure(one)]
            if able and (places := await asyncio.to_thread(cases.unmeasured_places, able, _AT_ONCE)):
                found = await read_places(kafka, OBSERVATIONS, places)
                again = [Record(AGAIN, one.key, one.value, -1, -1) for one in found if one.value]
                await producer.send(again, timed=False)
                await asyncio.to_thread(cases.strike_off_unmeasured, places, able)
        except Unavailable as error:
            await wait(error)


async def relay(cases: Any, producer: Producer, wait: Trouble) -> None:
    """Publish what was entered together with rows, in its order, and then remove it; after a crash some comes twice."""
    while True:
        try:
            found = await asyncio.to_thread(cases.take_outgoing, _AT_ONCE)
            if found:
                now = time.time_ns() // 1_000_000
                await producer.send([Record(topic, key, value, -1, now) for _, topic, key, value in found])
                await asyncio.to_thread(cases.delete_outgoing, [one[0] for one in found])
                continue
        except Unavailable as error:
            await wait(error)
        await asyncio.sleep(_IDLE_SECONDS)
