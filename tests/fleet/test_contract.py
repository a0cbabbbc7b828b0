"""The contract of both hosts: what test_ladder_paths.py asks of the embedded one holds for the fleet's, unchanged."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))

from fleet_house import FleetHouse, schema
from test_ladder_paths import *  # noqa: F403

from classifiers.measure import Classifiers


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
