"""The contract of both hosts: what test_ladder_paths.py asks of the embedded one holds for the fleet's, unchanged."""

import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))

from fleet_house import FleetHouse, schema
from test_ladder_paths import *  # noqa: F403

from classifiers.measure import Classifiers
from streams.fleet.kafka import LEDGER
from streams.fleet.restore import newest
from streams.topics import ACTIONS


@pytest.fixture(scope="session")
def classifiers() -> Classifiers:
    return Classifiers.load()


@pytest.fixture
def a_house(stack, classifiers):
    """Builds a house over the hosts of the fleet."""
    built = []

    def build(**given) -> FleetHouse:
        built.append(FleetHouse(stack, schema(stack), classifiers, **given))
        return built[-1]

    yield build
    for one in built:
        one.close()


@pytest.fixture
def house(a_house) -> FleetHouse:
    return a_house()


def test_strikes_of_observe_do_not_count_in_enforce(stack, classifiers):
    """As its namesake, which opens a file again."""
    database = schema(stack)
    watching = FleetHouse(stack, database, classifiers, mode="observe")
    watching.say()
    enforcing = FleetHouse(stack, database, classifiers, former=watching)
    message = enforcing.say(at=86_400_000, id="later")
    assert enforcing.standing()[-1] == ("warn", message)
    watching.close()
    enforcing.close()


def test_a_strike_is_not_lost_with_redis_between_its_decision_and_its_ledger(house, stack):
    """Redis is emptied when the decision goes out, and filled from a log that does not hold the ledger yet."""
    publish, lost = house.topics.publish, []

    async def lose_and_publish(records):
        if not lost and any(one.topic == ACTIONS for one in records):
            lost.append(True)
            async with Redis.from_url(stack.redis) as redis:
                await redis.delete(*[key async for key in redis.scan_iter(f"*{house.name}*")])
            rebuild = await house.states.begin_rebuild()
            async with rebuild:
                await rebuild.write(newest(house.topics.records.get(LEDGER, [])))
                await rebuild.finish()
        await publish(records)

    house.topics.publish = lose_and_publish
    house.say()
    house.settle()
    assert lost
    assert len(house.ledger().strikes) == 1
    assert newest(house.topics.records[LEDGER])
    house.say(at=86_400_000)
    house.settle()
    assert len(house.ledger().strikes) == 2
