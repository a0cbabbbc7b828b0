"""What streams/transport.py overrides and uses of Faust and aiokafka is there, in the form it was written for. Needs no broker.

When a test fails here after an upgrade: read the new source of that name, put right the override and its reason, and run
tests/fleet/test_transport.py before the versions are changed in pyproject.toml and here.
"""

import asyncio
import inspect
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiokafka
import pytest
from aiokafka.codec import zstd_encode
from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.app.base import App, BootStrategy
from faust.events import Event
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as stock
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage, Message
from mode import Service
from mode.threads import QueueServiceThread, ServiceThread
from mode.utils.queues import FlowControlEvent

from streams import transport
from streams.fleet import kafka

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}

# Our class -> the names that it overrides -> the parameters of what is overridden, None where it is no method.
OVERRIDDEN: dict[type, dict[str, str | None]] = {
    transport.BatchMessage: {
        "__init__": "self, topic, partition, offset, timestamp, timestamp_type, headers, key, value, checksum,"
        " serialized_key_size=, serialized_value_size=, tp=, time_in=, time_out=, time_total=, generation_id=",
    },
    transport._Thread: {
        "_commit": "self, offsets",
        "_create_worker_consumer": "self, transport",
        "_fetch_records": "self, consumer, active_partitions, timeout=, max_records=",
        "on_start": "self",
        "on_thread_stop": "self",
    },
    transport._Consumer: {
        "__init__": "self, *args, **kwargs",
        "_commit": "self, offsets",
        "_drain_messages": "self, fetcher",
        "_filter_tps_with_pending_acks": "self, topics=",
        "_new_consumer_thread": "self",
        "_new_offset": "self, tp",
        "_should_commit": "self, tp, offset",
        "ack": "self, message",
        "on_partitions_assigned": "self, assigned, generation_id=",
        "on_partitions_revoked": "self, revoked",
        "on_stop": "self",
        "perform_seek": "self",
        "verify_event_path": "self, now, tp",
        "wait_empty": "self",
    },
    transport._Recovery: {"_resume_streams": "self, generation_id="},
    transport._Tables: {"recovery": None},
    transport._Transport: {"Consumer": None},
    transport._Boot: {"enable_kafka_producer": None, "enable_web": None},
    transport._App: {
        "BootStrategy": None,
        "__init__": "self, id, *, monitor=, config_source=, loop=, beacon=, **options",
        "_crash": "self, reason",
        "_create_directories": "self",
        "_new_producer_transport": "self",
        "_new_transport": "self",
        "_on_rebalance_when_stopped": "self",
    },
}

# Who calls what we override, by its source: an override that nobody calls any more would be silently without effect.
CALLED: list[tuple[Any, str]] = [
    (stock.Fetcher._fetcher.fun, "consumer._drain_messages(self)"),
    (stock.Consumer.force_commit, "self._filter_tps_with_pending_acks(topics)"),
    (stock.Consumer._filter_committable_offsets, "self._new_offset(tp)"),
    (stock.Consumer._filter_committable_offsets, "self._should_commit(tp, offset)"),
    (stock.Consumer._commit_offsets, "self._commit(committable_offsets)"),
    (stock.Consumer._commit_handler.fun, "self.commit()"),
    (stock.Consumer.on_stop, "self.wait_empty()"),
    (stock.Consumer.verify_all_partitions_active, "self.verify_event_path(now, tp)"),
    (stock.ThreadDelegateConsumer.__init__, "self._new_consumer_thread()"),
    (stock.ThreadDelegateConsumer._getmany, "self._thread.getmany(active_partitions, timeout)"),
    (stock.ThreadDelegateConsumer.threadsafe_partitions_revoked, "self.on_partitions_revoked"),
    (stock.ThreadDelegateConsumer.threadsafe_partitions_assigned, "self.on_partitions_assigned"),
    (driver.AIOKafkaConsumerThread.getmany, "self._fetch_records"),
    (driver.AIOKafkaConsumerThread.commit, "self._commit"),
    (driver.AIOKafkaConsumerThread._create_consumer, "self._create_worker_consumer(transport)"),
    (ConsumerMessage.on_final_ack, "consumer.ack(self)"),
    (App._on_partitions_revoked, "consumer.stop_flow"),
    (App._on_partitions_revoked, "self._consumer_wait_empty"),
    (App._on_partitions_revoked, "self._on_rebalance_when_stopped()"),
    (App._on_partitions_assigned, "self.tables.on_rebalance"),
    (App._consumer_wait_empty, "consumer.wait_empty()"),
    (App._stop_consumer, "self._consumer_wait_empty"),
    (App.on_first_start, "self._create_directories()"),
    (TableManager.on_start, "self.recovery.start()"),
    (TableManager.on_rebalance, "self.recovery.on_rebalance"),
    (Recovery.on_rebalance, "self.signal_recovery_start.set()"),
    (Recovery._restart_recovery.fun, "self._resume_streams)(generation_id=generation_id)"),
    (Service.crash, "child._crash(reason)"),
    (driver.ConsumerRebalanceListener.on_partitions_assigned, "self._thread.app.consumer_generation_id = generation"),
    # In that order, and without heartbeats between: why `assigned` is not awaited in this callback.
    (GroupCoordinator.ensure_active_group, "await self._stop_heartbeat_task()"),
    (GroupCoordinator._on_join_complete, "self._subscription.listener.on_partitions_assigned(assigned)"),
    (GroupCoordinator._do_heartbeat, "resp = await self._send_req(request)"),
    (CoordinatorGroupRebalance._send_sync_group_request, "response = await self._coordinator._send_req(request)"),
    (AIOKafkaConsumer.start, "fetch_max_wait_ms=self._fetch_max_wait_ms"),
    (AIOKafkaConsumer.start, "assignors=self._partition_assignment_strategy"),
    (AIOKafkaConsumer.getmany, "self._coordinator.check_errors()"),
    # Without partitions it looks at all of them, as we want it to.
    (Fetcher.fetched_records, "if partitions and tp not in partitions:"),
    (Fetcher._fetch_requests_routine, "self._get_actions_per_node(assignment)"),
    # What it gives, of which we hold back the first, and shorten the third, the seconds until it is asked again.
    (
        Fetcher._get_actions_per_node,
        "return (\n            fetch_requests,\n            awaiting_reset,\n            backoff,\n            invalid_metadata,",
    ),
    # A partition whose records wait here is asked for no more, so a fetch begins when all were taken.
    (Fetcher._get_actions_per_node, "if node_id in backoff_by_nodes:"),
    (ServiceThread.__init__, "self._close_thread_loop_on_stop = thread_loop is None"),
]

# Names that we use and do not override.
USED: list[tuple[Any, str, str | None]] = [
    (stock.Consumer, "commit", "self, topics=, start_new_transaction="),
    (stock.Consumer, "stop_flow", "self"),
    (stock.Consumer, "resume_flow", "self"),
    (stock.ThreadDelegateConsumer, "_getmany", "self, active_partitions, timeout"),
    (stock.ThreadDelegateConsumer, "assignment", "self"),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer", "self"),
    (driver.AIOKafkaConsumerThread, "assignment", "self"),
    (QueueServiceThread, "call_thread", "self, fun, *args, **kwargs"),
    (Service, "crash", "self, reason"),
    (Service, "wait", "self, *coros, timeout="),
    (Service, "should_stop", None),
    (FlowControlEvent, "resume", "self"),
    (App, "agent", None),
    (App, "topic", None),
    (App, "on_rebalance_end", "self"),
    (App, "_fetcher", None),
    (TableManager, "_recovery", None),
    (TableManager, "on_actives_ready", "self"),
    (TableManager, "on_standbys_ready", "self"),
    (Stream, "noack", "self"),
    (Stream, "events", "self"),
    (Event, "ack", "self"),
    (Message, "ack", "self, consumer, n="),
    (BootStrategy, "server", "self"),
    (AIOKafkaConsumer, "committed", "self, partition"),
    (AIOKafkaConsumer, "seek", "self, partition, offset"),
    (AIOKafkaConsumer, "seek_to_beginning", "self, *partitions"),
    (AIOKafkaConsumer, "assignment", "self"),
    (GroupCoordinator, "check_errors", "self"),
    (GroupCoordinator, "_send_req", "self, request"),
]


def parameters(function: Any) -> str | None:
    """The parameters as they are written, without types and default values; None for what cannot be called."""
    if not inspect.isfunction(function):
        return None
    words: list[str] = []
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in words and not any(word.startswith("*") for word in words):
            words.append("*")
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        words.append(f"{mark}{one.name}{'' if one.default is one.empty else '='}")
    return ", ".join(words)


def inherited(ours: type, name: str) -> Any:
    """What `ours` would have under this name without its own; KeyError without any."""
    for base in ours.__mro__[1:]:
        if name in vars(base) and base is not object:
            return vars(base)[name]
    raise KeyError(f"nothing above {ours.__name__} has {name}")


def own_names(ours: type) -> Iterator[str]:
    # Python and mode set the others themselves.
    return (
        name for name in vars(ours) if name not in ("logger", "abstract") and (name == "__init__" or name[:2] != "__")
    )


@pytest.mark.parametrize("package", VERSIONS)
def test_the_version_is_the_one_that_was_read(package: str) -> None:
    assert version(package) == VERSIONS[package]


def test_the_versions_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = {
        line.split("==")[0].split("[")[0]: line.split("==")[-1] for line in project["optional-dependencies"]["fleet"]
    }
    assert {name: pins[name] for name in ("faust-streaming", "aiokafka")} == {
        name: VERSIONS[name] for name in ("faust-streaming", "aiokafka")
    }


@pytest.mark.parametrize(
    ("ours", "name", "expected"),
    [(ours, name, expected) for ours, names in OVERRIDDEN.items() for name, expected in names.items()],
    ids=lambda value: value.__name__ if isinstance(value, type) else "" if value is None or "self" in value else value,
)
def test_what_is_overridden_is_there(ours: type, name: str, expected: str | None) -> None:
    assert parameters(inherited(ours, name)) == expected


@pytest.mark.parametrize("ours", OVERRIDDEN, ids=lambda ours: ours.__name__)
def test_nothing_is_overridden_by_accident(ours: type) -> None:
    above = {name for base in ours.__mro__[1:] if base is not object for name in vars(base)}
    assert {name for name in own_names(ours) if name in above and name != "_abc_impl"} == set(OVERRIDDEN[ours])


@pytest.mark.parametrize(("function", "text"), CALLED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_overridden_is_called(function: Any, text: str) -> None:
    assert text in inspect.getsource(function)


@pytest.mark.parametrize(("owner", "name", "expected"), USED, ids=lambda value: getattr(value, "__name__", str(value)))
def test_what_is_used_is_there(owner: Any, name: str, expected: str | None) -> None:
    found = inspect.getattr_static(owner, name)
    if expected is not None:
        assert parameters(found) == expected


async def test_what_instances_have_is_there() -> None:
    async def handle(*_: object) -> None: ...

    reading = transport.Reading("127.0.0.1:1", "names", ["topic"], member="one")
    app = transport.batch_app(reading, handle, assigned=None, revoked=None, failed=print)
    stocked = App("stock", broker="kafka://127.0.0.1:1")
    consumer = stocked.consumer
    for name in ("callback", "flow_active", "can_resume_flow", "_unacked_messages", "_thread", "app", "transport"):
        assert hasattr(consumer, name), name
    for name in ("_stopped", "loop", "should_stop", "flow_control", "consumer_generation_id"):
        assert hasattr(stocked, name), name
    # What we put into instances of theirs must not be theirs already, here or in their classes.
    theirs = {*vars(consumer), *dir(driver.Consumer)}
    assert not theirs & (set(vars(app.consumer)) - set(vars(consumer)))
    ours = {"reading", "handle", "assigned", "revoked", "committing", "committed", "_failed"}
    assert ours <= set(vars(app))
    assert not ours & {*vars(stocked), *dir(App)}

    client = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    for name in (
        "_fetch_min_bytes",
        "_fetch_max_wait_ms",
        "_partition_assignment_strategy",
        "_closed",
        "_client",
        "_coordinator",
    ):
        assert hasattr(client, name), name
    assert isinstance(app.consumer, transport._Consumer)
    assert isinstance(app.consumer._thread, transport._Thread)
    assert isinstance(app.tables.recovery, transport._Recovery)


async def test_settings_arrive_in_aiokafka() -> None:
    async def handle(*_: object) -> None: ...

    reading = transport.Reading("127.0.0.1:1", "names", ["topic"], member="one")
    app = transport.batch_app(reading, handle, assigned=None, revoked=None, failed=print)
    client = app.consumer._thread._create_worker_consumer(app.transport)
    found = {name: getattr(client, f"_{name}") for name in ("session_timeout_ms", "heartbeat_interval_ms", "group_id")}
    assert found == {"session_timeout_ms": 10_000, "heartbeat_interval_ms": 2_500, "group_id": "names"}
    assert client._group_instance_id == "one"
    assert client._auto_offset_reset == "earliest"
    assert client._enable_auto_commit is False
    assert client._max_poll_records == transport.AHEAD * reading.batch
    assert (client._fetch_min_bytes, client._fetch_max_wait_ms) == transport.FETCH_QUIET
    assert [assignor.name for assignor in client._partition_assignment_strategy] == ["range"]


def test_a_connection_that_uvloop_has_lost_is_a_lost_connection() -> None:
    class Lost:
        def write(self, data: bytes) -> None:
            raise RuntimeError("unable to perform operation on a transport; the handler is closed")

        def close(self) -> None:
            """Closed already."""

    class Request:
        def prepare(self, versions: Any) -> Any:
            return self

        def build_request_header(self, **given: Any) -> Any:
            return self

        def encode(self) -> bytes:
            return b""

    async def run() -> None:
        connection = aiokafka.conn.AIOKafkaConnection("127.0.0.1", 9)
        connection._writer = Lost()
        with pytest.raises(aiokafka.errors.KafkaConnectionError, match=r"127\.0\.0\.1:9 broken"):
            connection.send(Request())
        assert not connection.connected()

    asyncio.run(run())


def test_batches_are_packed_at_the_level_that_the_producer_asks_for(monkeypatch):
    """aiokafka has no setting for it, so the function is replaced where its batches look it up."""
    module = sys.modules[DefaultRecordBatchBuilder.__module__]
    zstd = 4
    text = b" ".join(b"%d" % (number * number % 9973) for number in range(20_000))

    def size() -> int:
        batch = DefaultRecordBatchBuilder(2, zstd, False, -1, -1, 0, 1 << 20)
        batch.append(0, 1, b"k", text, [])
        return len(batch.build())

    assert kafka.Producer
    ours = size()
    sizes = {}
    for level in (1, 3, 19):
        monkeypatch.setattr(module, "zstd_encode", partial(zstd_encode, level=level))
        sizes[level] = size()
    assert ours == sizes[1]
    assert len(set(sizes.values())) == 3
