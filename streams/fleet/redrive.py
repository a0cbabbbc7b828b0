"""Hands dead letters in again on Kafka, each on its topic, in its partition, under its key.

Straight to Kafka and not by way of `outgoing`, which knows no partitions: a connector may place its records by a rule of
its own. A letter is struck off when Kafka has confirmed it; what is sent twice by a crash in between has the same ids.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from models.observation import Millis
from streams import desk
from streams.cases.postgres import Cases
from streams.desk import Place, Redrive
from streams.fleet.kafka import Kafka, Producer, read_places
from streams.topics import DEAD_LETTERS, DeadLetter, value_of

# So many are sent and struck off together; a crash sends at most these twice.
_AT_ONCE = 50


async def redrive(
    kafka: Kafka, cases: Cases, places: Sequence[Place], *, rate: float, told: Callable[[int], None]
) -> int:
    """Hand in the letters at these places, at most `rate` a second; how many were there. `told` of each batch done.

    KafkaUnavailable or StoreUnavailable where it cannot go on; what is done stays done.
    """
    producer = Producer(kafka)
    await producer.start()
    try:
        call = Redrive(time.time_ns() // 1_000_000)
        done, sent, began = 0, 0, time.monotonic()
        # A low rate is kept from one letter to the next.
        size = max(1, min(_AT_ONCE, int(rate)))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            done += await _hand_in(kafka, producer, cases, some, call)
            sent += len(some)
            told(len(some))
            if sent < len(places):
                await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
        return done
    finally:
        await producer.stop()


async def _hand_in(kafka: Kafka, producer: Producer, cases: Cases, places: Sequence[Place], call: Redrive) -> int:
    letters = await read_letters(kafka, places)
    bodies = await asyncio.to_thread(desk.dead_bodies, cases, places)
    sending = []
    for place in places:
        letter = letters.get(place)
        partition = place[0] if letter is None else letter.partition
        if place not in bodies or not call.take(partition, bodies[place]):
            continue
        record = desk.redriven_record(bodies[place], letter, call.at)
        if letter is not None and letter.key:
            sending.append(producer.send_to(record.topic, letter.partition, record.value, record.key))
        else:
            # What had no key had no place either.
            sending.append(producer.send([record]))
    # Sent in this order; only the answers are waited for together.
    await asyncio.gather(*sending)
    await asyncio.to_thread(_strike_off, cases, list(bodies), call.at)
    return len(bodies)


def _strike_off(cases: Cases, places: Sequence[Place], at: Millis) -> None:
    with cases.transaction():
        desk.strike_off(cases, places, at)


async def read_letters(kafka: Kafka, places: Sequence[Place]) -> dict[Place, DeadLetter]:
    """The dead letters themselves, which know key and partition of the original; without those that are past their time."""
    found = await read_places(kafka, DEAD_LETTERS, places)
    return {(one.partition, one.offset): value_of(one) for one in found if one.value}
