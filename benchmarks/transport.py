"""Records a second through the fleet's transport, beside bare aiokafka and stock Faust, from the same topic.

    python benchmarks/transport.py [--json] [--brokers HOST:PORT] [--messages 400000] [--rounds 7]

Without brokers a Kafka is started on free ports in a temporary folder (deploy/local/stack.py) and ended afterwards. The topic has
4 partitions of JSON records of about 300 bytes. Each reader is a process of its own on uvloop with an empty handler and its usual
commits; its time goes from the first record, or chunk, to the last, and what came first is not counted. Stock Faust (one event
a record, settings as they come) reads a tenth of the records. The readers take turns, all with a collector at rest as in a
worker; speeds are medians of the rounds, and so are the ratios, each within its round: a machine's speed may change from one
minute to the next.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import aiokafka
import faust
import uvloop
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.loading import rest_collector
from streams.transport import Chunk, Reading, batch_app

ROOT = Path(__file__).resolve().parents[1]
PARTITIONS = 4
TEXT = "各位同事，今天下午三点在二号会议室开周会，请提前把本周的进度和问题写在共享文档里，辛苦大家。"
# Seconds that one reader may take before it is given up.
PATIENCE = 180


class Pace:
    """Counts records and takes the time between the first and the last of them."""

    def __init__(self, wanted: int) -> None:
        self.done = asyncio.Event()
        self._wanted = wanted
        self._count = self._first = 0
        self._began = self._ended = 0.0

    def count(self, records: int) -> None:
        self._ended = time.perf_counter()
        if not self._count:
            self._began, self._first = self._ended, records
        self._count += records
        if self._count >= self._wanted:
            self.done.set()

    async def per_second(self) -> float:
        await asyncio.wait_for(self.done.wait(), PATIENCE)
        return (self._count - self._first) / (self._ended - self._began)


async def read_ours(brokers: str, topic: str, group: str, messages: int) -> float:
    pace = Pace(messages)

    async def handle(chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            pace.count(len(chunk.records))

    def failed(error: BaseException) -> None:
        sys.exit(f"the transport failed: {error!r}")

    app = batch_app(Reading(brokers, group, [topic]), handle, assigned=None, revoked=None, failed=failed)
    await app.start()
    figure = await pace.per_second()
    await app.stop()
    return figure


async def read_aiokafka(brokers: str, topic: str, group: str, messages: int) -> float:
    pace = Pace(messages)
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=brokers, group_id=group, auto_offset_reset="earliest", auto_commit_interval_ms=500
    )
    await consumer.start()
    while not pace.done.is_set():
        for records in (await consumer.getmany(timeout_ms=250)).values():
            pace.count(len(records))
    figure = await pace.per_second()
    await consumer.stop()
    return figure


async def read_stock_faust(brokers: str, topic: str, group: str, messages: int) -> float:
    pace = Pace(messages)
    app = faust.App(group, broker=f"kafka://{brokers}", web_enabled=False, topic_replication_factor=1)

    async def count(stream: faust.StreamT[bytes]) -> None:
        async for _ in stream.events():
            pace.count(1)

    app.agent(app.topic(topic, value_type=bytes, value_serializer="raw"))(count)
    await app.start()
    return await pace.per_second()


READERS = {"ours": read_ours, "aiokafka": read_aiokafka, "stock_faust": read_stock_faust}


async def fill(brokers: str, topic: str, messages: int) -> None:
    """Make the topic and put the records in, as many into each partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=brokers, linger_ms=20, max_batch_size=131_072)
    await producer.start()
    for number in range(messages):
        record = {"id": f"m{number}", "group": f"demo:{number % 500}", "sender": f"u{number % 9000}", "text": TEXT}
        await producer.send(topic, json.dumps(record, ensure_ascii=False).encode(), partition=number % PARTITIONS)
    await producer.flush()
    await producer.stop()


async def report(reader: str, brokers: str, topic: str, group: str, messages: int) -> None:
    """Print the reader's figure and end this process."""
    rest_collector()
    print(await READERS[reader](brokers, topic, group, messages), flush=True)
    # Without an orderly end, which stock Faust would not come to.
    os._exit(0)


def measure(reader: str, brokers: str, topic: str, messages: int, folder: str) -> float:
    """Records a second of one reader, in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            __file__,
            "--brokers",
            brokers,
            "--reader",
            reader,
            "--topic",
            topic,
            "--messages",
            str(messages),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE + 30,
        # Stock Faust makes a folder where it is started.
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if done.returncode:
        sys.exit(f"the reader {reader} failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


@contextmanager
def a_broker(folder: str) -> Iterator[str]:
    """A Kafka of our own for as long as this lasts."""
    spec = importlib.util.spec_from_file_location("local_stack", ROOT / "deploy" / "local" / "stack.py")
    assert spec is not None
    assert spec.loader is not None
    stack = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = stack
    spec.loader.exec_module(stack)
    jars = Path(os.environ.get("XUNQUN_JARS") or Path.home() / ".cache" / "xunqun" / "jars")
    running = stack.Stack(Path(folder) / "stack", jars)
    try:
        running.up(["kafka"], free_ports=True)
        yield running.kafka
    finally:
        running.down(["kafka"], wipe=True)


def compare(brokers: str, messages: int, rounds: int, folder: str) -> dict[str, float]:
    """The medians of all rounds, and how ours stands to the others."""
    topic = f"benchmark-{uuid4().hex[:8]}"
    asyncio.run(fill(brokers, topic, messages))
    found: dict[str, list[float]] = {reader: [] for reader in READERS}
    for _ in range(rounds):
        for reader, figures in found.items():
            part = messages // 10 if reader == "stock_faust" else messages
            figures.append(measure(reader, brokers, topic, part, folder))
    per_second = {reader: statistics.median(figures) for reader, figures in found.items()}
    return {
        "messages": messages,
        "rounds": rounds,
        **{f"{reader}_per_s": round(figure) for reader, figure in per_second.items()},
        "ours_to_aiokafka": round(within(found["ours"], found["aiokafka"]), 2),
        "ours_to_stock": round(within(found["ours"], found["stock_faust"]), 1),
    }


def within(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(ours, others, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Records a second through the fleet's transport.")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--brokers", help="HOST:PORT of a Kafka that runs; without it one is started")
    parser.add_argument("--messages", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--topic", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reader:
        group = f"{given.topic}-{given.reader}-{uuid4().hex[:8]}"
        uvloop.run(report(given.reader, given.brokers, given.topic, group, given.messages))
    with tempfile.TemporaryDirectory(prefix="xunqun-benchmark-") as folder:
        if given.brokers:
            found = compare(given.brokers, given.messages, given.rounds, folder)
        else:
            with a_broker(folder) as brokers:
                found = compare(brokers, given.messages, given.rounds, folder)
    if given.json:
        print(json.dumps(found))
    else:
        for name, figure in found.items():
            print(f"{name:20} {figure:>12,}")


if __name__ == "__main__":
    main()
