"""Kafka, Redis and PostgreSQL for tests that need them: the real ones, in a folder of their own."""

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

STACK = Path(__file__).resolve().parents[1] / "deploy" / "local" / "stack.py"


@pytest.fixture(scope="session")
def local_stack() -> ModuleType:
    """The module `deploy/local/stack.py`, which is a script and lies in no package."""
    spec = importlib.util.spec_from_file_location("local_stack", STACK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def jars() -> Path:
    """Where Kafka's jars are kept from one run to the next."""
    return Path(os.environ.get("XUNQUN_JARS") or Path.home() / ".cache" / "xunqun" / "jars")


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """A temporary folder that others may enter: PostgreSQL does not run as root, and pytest's own folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="xunqun-stack-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(local_stack: ModuleType, jars: Path, stack_folder: Path) -> Iterator[Any]:
    """All three, running on free ports: `.kafka`, `.redis`, `.database`, `.stop(name, kill=...)`, `.start(name)`.

    A test may leave a component stopped: the next one that asks for `stack` finds it running again.
    """
    running = local_stack.Stack(stack_folder / "shared", jars)
    try:
        running.up(free_ports=True)
        yield running
    finally:
        running.down(wipe=True)


@pytest.fixture(autouse=True)
def _whole_stack(request: pytest.FixtureRequest) -> None:
    """Whoever uses `stack` finds all of it running, whatever the test before left behind."""
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack").up()


@pytest.fixture
def topic_prefix() -> str:
    """What this test's topics, groups and keys begin with, so that tests share the components and nothing else."""
    return f"t{uuid4().hex[:10]}-"
