"""What the tests of the shell share."""

import pytest
from house import House

from classifiers.measure import Classifiers


@pytest.fixture(scope="session")
def classifiers() -> Classifiers:
    return Classifiers.load()


@pytest.fixture
def a_house(tmp_path, classifiers):
    """Builds a house on a store of its own; all are closed at the end."""
    built = []

    def build(**given) -> House:
        folder = tmp_path / f"house-{len(built)}"
        built.append(House(folder, classifiers, **given))
        return built[-1]

    yield build
    for one in built:
        one.store.close()


@pytest.fixture
def house(a_house) -> House:
    """All goes out, removals too, unless the test says otherwise."""
    return a_house()
