"""What tests of every part may use."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from models import GroupRef, Observation, Sender
from streams.logs import be_strict

# What the log would drop raises here.
be_strict()
# A loaded machine must not fail a property; with CI set the same examples are tried in every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def a_message() -> Callable[..., Observation]:
    """Builds a valid text message from what matters to the test."""

    def build(text: str = "收到", **given: Any) -> Observation:
        plain: dict[str, Any] = {
            "type": "message.created",
            "id": "m1",
            "sent_at": 1_795_051_800_000,
            "group": GroupRef("g1"),
            "sender": Sender("u1"),
            "kind": "text",
            "text": text,
        }
        return Observation(**{**plain, **given})

    return build
