"""The real components, and a fleet with one worker over them."""

import pytest
from running_fleet import Called, RunningFleet
from small_fleet import SmallFleet
from stack_fixtures import _whole_stack, jars, local_stack, stack, stack_folder, topic_prefix

__all__ = ["_whole_stack", "jars", "local_stack", "stack", "stack_folder", "topic_prefix"]


@pytest.fixture(scope="module")
def fleet(stack, tmp_path_factory):
    """One for all tests of a module."""
    made = RunningFleet(stack, tmp_path_factory.mktemp("fleet"))
    made.start()
    yield made
    made.close()


@pytest.fixture
async def small_fleet(stack, tmp_path, topic_prefix):
    """One for this test alone, its topics made, no worker started."""
    made = SmallFleet(stack, tmp_path, topic_prefix)
    await made.prepare()
    yield made
    await made.close()


@pytest.fixture
def xunqun(fleet, capsys, monkeypatch):
    """Calls the command line with the settings of the fleet."""
    return Called(fleet, capsys, monkeypatch)
