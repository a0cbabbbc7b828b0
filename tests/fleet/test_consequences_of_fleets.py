"""What test_consequences.py asks of the embedded host holds for the fleet's, where each payer's ledger is saved apart."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))

from fleet_house import FleetHouse, schema
from test_consequences import *  # noqa: F403

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
