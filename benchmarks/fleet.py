"""Real messages through real Kafka into workers of their own process: rate, CPU, waiting time and memory, beside two peers.

    python benchmarks/fleet.py [--messages 200000] [--data DIR] [--workers 1] [--memory 2000000] [--hard] [--skip-peers]
                               [--json]

A stack of its own (deploy/local/stack.py, free ports, a temporary folder) is started and removed again. Every part has topics
of its own with 4 partitions, and `observations` is filled before a worker starts. Texts are those of DIR as in real_input.py,
else the project's own: everyday work talk with 1 offence in 1,000, or with --hard 5 in 100 and between them mostly what only
looks like one. Messages go to 200 groups with 50 members each, one every two seconds
in each group, the last one about now.

Rate, CPU, memory: `xunqun worker --agents screen`. Ten times a second the offsets that its consumer group has committed are
read, and CPU time and resident memory of the process from /proc. The clock starts at the first commit that is seen once every
worker has its partitions, and stops when the group has committed the end that the log had before they started; what was
committed at the start is taken off. A worker commits every half second, so up to that much too much time is counted.
`cpu_s_per_million` is CPU between the same two moments, kernel and all threads included, for a million messages. `--memory`
does this alone, over so many messages.

Waiting time: 2,000 messages a second for 25 s, with screen in one worker and escalate, enforce, record and dispatch in a
second one. 2 in 100 are texts that are certain to bring a verdict (5 with --hard), the others work talk that brings none. A
message counts from when it was due to be sent until a consumer of `judgements` here holds its verdict. The broker is seconds
old, and so are the caches of all others: the first 5 s count in `p99_ms_from_start` only.

Peers read the same filled topic: those of benchmarks/peers, or of --peers DIR (a *.py, KafkaStreamsPeer.java, pom.xml).
`elsewhere_cores` says how many cores other programs of this machine kept busy meanwhile; above 0.2 the figures are too low.
"""

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import sqlalchemy as sa
import uvloop
from _peers import PeerError, peer_jars
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from real_input import GROUPS, MEMBERS, OWN, fleet, observations, texts
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from models import Fleet
from policies.directory import Directory
from streams.agents.escalate import Ledger
from streams.fleet.kafka import Kafka, Producer, create_topics
from streams.ledger import Change, RedisStates, Stored
from streams.ledger.stored import read_stored
from streams.loading import classifiers_from, packs_from
from streams.replay import replaying, stored_verdicts
from streams.topics import JUDGEMENTS, OBSERVATIONS, Judged, Record

ROOT = Path(__file__).resolve().parents[1]
STACK = ROOT / "deploy" / "local" / "stack.py"
PEERS = ROOT / "benchmarks" / "peers"
PACK = "xianchuang"
# As many as `xunqun topics create` makes.
PARTITIONS = 4
OFFENCES = 0.05
# Of the messages whose waiting time is taken; in everyday talk there would be two a second.
TIMED = 0.02
RATE, SECONDS = 2000, 25.0
# Seconds after which every group has been seen, every state is at hand, and the broker's code is compiled.
SETTLED = 5
# Milliseconds between two messages of a group.
EVERY = 2000
SEND_AT_ONCE = 5000
LOOK_SECONDS = 0.1
# Seconds between two sendings on schedule: as a door collects what comes in.
SEND_EVERY = 0.01
START_SECONDS, PEER_SECONDS = 90.0, 300.0
# The slower peer gets fewer of the messages.
MOST_PLAIN = 10_000
TICKS = os.sysconf("SC_CLK_TCK")


def local_stack() -> ModuleType:
    """The module deploy/local/stack.py, which is a script and lies in no package."""
    spec = importlib.util.spec_from_file_location("local_stack", STACK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def own_stack() -> Iterator[Any]:
    """Kafka, Redis and PostgreSQL that run as long as this."""
    module = local_stack()
    with tempfile.TemporaryDirectory(prefix="xunqun-fleet-") as folder:
        # PostgreSQL does not run as root, and its user has to come in.
        Path(folder).chmod(0o755)
        stack = module.Stack(folder, os.environ.get("XUNQUN_JARS") or Path.home() / ".cache" / "xunqun" / "jars")
        try:
            stack.up(free_ports=True)
            yield stack
        finally:
            stack.down(wipe=True)


# -- what /proc says ------------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, in seconds, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def machine_seconds() -> float:
    """CPU seconds that the whole machine worked since it was started, all cores together."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def elsewhere_seconds(pids: Sequence[int]) -> float:
    """CPU seconds of the machine that went neither into these processes and their children nor into this one."""
    ours = {pid for parent in pids for pid in (parent, *children(parent))}
    return machine_seconds() - sum(map(cpu_seconds, ours)) - time.process_time()


def children(pid: int) -> list[int]:
    """The processes that this one has started: PostgreSQL works in one for each connection."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# -- workers --------------------------------------------------------------------------------------------------------------


@dataclass
class Worker:
    """One process of `xunqun worker`."""

    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        return self.process.pid


@dataclass(frozen=True)
class Place:
    """A stack, and what this part of the run is called on it."""

    stack: Any
    kafka: Kafka
    folder: Path


@asynccontextmanager
async def place(stack: Any, who: Fleet) -> AsyncIterator[Place]:
    """Empty topics and a fleet file."""
    with tempfile.TemporaryDirectory(prefix="xunqun-fleet-") as folder:
        (Path(folder) / "fleet.yaml").write_bytes(msgspec.yaml.encode(who))
        kafka = Kafka(stack.kafka, f"b{uuid4().hex[:8]}-")
        await create_topics(kafka, partitions=PARTITIONS)
        yield Place(stack, kafka, Path(folder))


@asynccontextmanager
async def working(at: Place, **roles: str) -> AsyncIterator[list[Worker]]:
    """Workers by name and roles; all serve when this begins, all have ended when it is left."""
    started: list[Worker] = []
    try:
        started += await asyncio.gather(*(_start(at, name, agents) for name, agents in roles.items()))
        yield started
    finally:
        await asyncio.gather(*(_end(one.process) for one in started))


async def _start(at: Place, name: str, agents: str) -> Worker:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
    given = at.stack.environment() | {
        "XUNQUN_KAFKA_PREFIX": at.kafka.prefix,
        "XUNQUN_FLEET": str(at.folder / "fleet.yaml"),
        "COLUMNS": "200",
    }
    arguments = ("worker", "--agents", agents, "--id", name, "--port", "0")
    log = at.folder / f"{name}.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from streams.cli import main; main()", *arguments,
            cwd=ROOT, env=clean | given, stdout=file, stderr=file, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while "health on" not in log.read_text("utf-8", "replace"):
        if process.returncode is not None or time.monotonic() > deadline:
            await _end(process)
            raise SystemExit(f"worker {name} does not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        await asyncio.sleep(0.1)
    return Worker(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(30):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


# -- messages -------------------------------------------------------------------------------------------------------------


def own_texts() -> tuple[list[str], list[str]]:
    """The project's own texts: of work, and of offences."""
    work, offences = [], []
    for path in sorted(OWN.glob("*.jsonl")):
        into = work if path.stem.startswith(("ok_", "work")) else offences
        into += [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    return work, offences


def mixed(count: int = 50_000) -> list[str]:
    """Own texts of work with 5 offences in 100."""
    work, offences = own_texts()
    numbers = random.Random(20261121)
    return [numbers.choice(offences if numbers.random() < OFFENCES else work) for _ in range(count)]


def usual(count: int = 50_000) -> list[str]:
    """Own texts of everyday work, without those that are made to look like offences, with 1 offence in 1,000."""
    _, offences = own_texts()
    work = [json.loads(line)["text"] for line in (OWN / "work.jsonl").read_text("utf-8").splitlines()]
    numbers = random.Random(20261121)
    return [numbers.choice(offences if numbers.random() < 0.001 else work) for _ in range(count)]


def told_apart() -> tuple[list[str], list[str]]:
    """Own texts that bring no verdict, and those that do, by what a replay of each alone in its group says."""
    work, offences = own_texts()
    who = fleet(PACK)
    found = []
    for words in (work, offences):
        with replaying(classifiers_from(), packs_from([], who), Directory(who)) as replay:
            for line in observations(words, len(words)):
                replay.feed(line)
            replay.finish()
            judged = {one.observation_id for one in stored_verdicts(replay.store, words=False)}
        # `observations` walks through the texts in an order of its own.
        lines = [msgspec.json.decode(line) for line in observations(words, len(words))]
        found.append([(one["text"], one["id"] in judged) for one in lines])
    return [text for text, is_judged in found[0] if not is_judged], [text for text, is_judged in found[1] if is_judged]


async def fill(kafka: Kafka, words: Sequence[str], count: int, progress: Progress) -> None:
    """Put so many messages into `observations`."""
    begin = time.time_ns() // 1_000_000 - count // GROUPS * EVERY
    task = progress.add_task("fill", total=count)
    producer = Producer(kafka)
    await producer.start()
    waiting: list[Record] = []
    try:
        for number, body in enumerate(observations(list(words), count, begin, EVERY)):
            waiting.append(Record(OBSERVATIONS, f"jsonl:g{number % GROUPS}", body, -1, -1))
            if len(waiting) == SEND_AT_ONCE or number + 1 == count:
                await producer.send(waiting, timed=False)
                progress.advance(task, len(waiting))
                waiting.clear()
    finally:
        await producer.stop()
        progress.remove_task(task)


# -- rate, CPU, memory ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """At one moment (monotonic seconds): what the group has committed, and what its workers have used by then."""

    at: float
    committed: int
    cpu: float
    resident: float
    elsewhere: float


class Watch:
    """Looks at a consumer group on its way to the end of a topic, and at the workers that take it there."""

    def __init__(self, at: Place, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._group = f"{at.kafka.prefix}xunqun-screen"
        self._places = [TopicPartition(at.kafka.named(OBSERVATIONS), one) for one in range(PARTITIONS)]
        self._admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka.brokers)
        self._pids = [one.pid for one in workers] + [pid for name in ("kafka", "redis") if (pid := at.stack.pid(name))]

    async def until(self, ends: dict[TopicPartition, int], progress: Progress, seconds: float) -> list[Sample]:
        """Samples from the start to the commit of `ends`; SystemExit when a worker ends or it takes too long."""
        total = sum(ends.values())
        task = progress.add_task("screen", total=total)
        deadline = time.monotonic() + seconds
        samples: list[Sample] = []
        steady = False
        await self._admin.start()
        try:
            while not samples or samples[-1].committed < total:
                if any(one.process.returncode is not None for one in self._workers) or time.monotonic() > deadline:
                    done = samples[-1].committed if samples else 0
                    raise SystemExit(f"the workers do not get to the end: {done} of {total}")
                steady = steady or await self._is_shared_out()
                sample = await self._sample(ends)
                progress.update(task, completed=sample.committed)
                # Only what a commit has just covered can be compared with the CPU time spent until then.
                if steady and sample.committed and (not samples or sample.committed > samples[-1].committed):
                    samples.append(sample)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._admin.close()
            progress.remove_task(task)
        return samples

    async def _is_shared_out(self) -> bool:
        """Whether every worker is in the group, and the group has dealt out its partitions."""
        (answer,) = await self._admin.describe_consumer_groups([self._group])
        _, _, state, _, _, members, *_ = answer.groups[0]
        return state == "Stable" and len(members) == len(self._workers)

    async def _sample(self, ends: dict[TopicPartition, int]) -> Sample:
        found = await self._admin.list_consumer_group_offsets(self._group, partitions=self._places)
        committed = sum(min(max(0, found[one].offset), ends[one]) for one in self._places if one in found)
        pids = [one.pid for one in self._workers]
        return Sample(
            at=time.monotonic(),
            committed=committed,
            cpu=sum(map(cpu_seconds, pids)),
            resident=sum(map(resident_mb, pids)) / len(pids),
            elsewhere=elsewhere_seconds(self._pids),
        )


async def ends_of(kafka: Kafka) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.brokers)
    await consumer.start()
    try:
        return dict(
            await consumer.end_offsets([TopicPartition(kafka.named(OBSERVATIONS), one) for one in range(PARTITIONS)])
        )
    finally:
        await consumer.stop()


async def screened(at: Place, count: int, workers: int, progress: Progress) -> tuple[dict[str, Any], list[Sample]]:
    """Let workers screen what lies in `observations`."""
    ends = await ends_of(at.kafka)
    async with working(at, **{f"w{number}": "screen" for number in range(1, workers + 1)}) as started:
        samples = await Watch(at, started).until(ends, progress, 120 + count / 500)
    first, last = samples[0], samples[-1]
    done, took = last.committed - first.committed, last.at - first.at
    if not done:
        raise SystemExit("all was screened before every worker had its partitions: take more --messages")
    cpu = last.cpu - first.cpu
    return {
        "workers": workers,
        "messages": done,
        "seconds": round(took, 2),
        "messages_per_s": round(done / took),
        "messages_per_cpu_s": round(done / cpu),
        "cpu_s_per_million": round(cpu / done * 1e6, 1),
        "busy_cores": round(cpu / took, 2),
        "elsewhere_cores": round((last.elsewhere - first.elsewhere) / took, 2),
    }, samples


def memory(samples: Sequence[Sample]) -> dict[str, Any]:
    """Resident memory of a worker at ten points, and by how much it grows over a million messages (least squares)."""
    first, last = samples[0].committed, samples[-1].committed
    points = []
    for number in range(1, 11):
        wanted = first + (last - first) * number / 10
        one = next(sample for sample in samples if sample.committed >= wanted)
        points.append((one.committed, round(one.resident, 1)))
    late = points[4:]
    return {
        "resident_mb": [resident for _, resident in points],
        "resident_at": [committed for committed, _ in points],
        "slope_mb_per_million": slope(points),
        "slope_mb_per_million_second_half": slope(late),
    }


def slope(points: Sequence[tuple[int, float]]) -> float | None:
    """MB for a million messages; None where the points are all one."""
    if len({x for x, _ in points}) < 2:
        return None
    return round(float(np.polyfit([x / 1e6 for x, _ in points], [y for _, y in points], 1)[0]), 1)


async def group_bytes(at: Place) -> int:
    """Bytes in Redis for a group with all that screen keeps of it, its date included."""
    client: Redis = Redis.from_url(at.stack.redis)
    try:
        states = [key async for key in client.scan_iter(f"{at.kafka.prefix}xunqun:screen:*", count=1000)]
        dues = [key async for key in client.scan_iter(f"{at.kafka.prefix}xunqun:due:*", count=1000)]
        taken = [await client.memory_usage(key, samples=0) or 0 for key in (*states, *dues)]
    finally:
        await client.aclose()
    return round(sum(taken) / max(1, len(states)))


# -- waiting time ---------------------------------------------------------------------------------------------------------


class Verdicts:
    """Reads `judgements` from now on, and notes when each observation's verdict was here."""

    def __init__(self, kafka: Kafka) -> None:
        # Short fetches: what waits here would be taken for the workers' waiting.
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka.brokers, fetch_max_wait_ms=20)
        self._topic = kafka.named(JUDGEMENTS)
        self._decoder = msgspec.json.Decoder(Judged)
        self.seen: dict[str, float] = {}

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self._topic, one) for one in range(PARTITIONS)])
        await self._consumer.seek_to_end()
        self._task = asyncio.create_task(self._read())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()

    async def _read(self) -> None:
        while True:
            found = await self._consumer.getmany(timeout_ms=1000)
            now = time.monotonic()
            for records in found.values():
                for record in records:
                    verdict = self._decoder.decode(record.value).verdict
                    if verdict is not None and verdict.observation_id:
                        self.seen.setdefault(verdict.observation_id, now)


def stream(
    work: Sequence[str], offences: Sequence[str], count: int, share: float
) -> tuple[list[dict[str, Any]], set[str]]:
    """So many messages, and the ids of those that will bring a verdict."""
    numbers = random.Random(20261121)
    bodies, certain = [], set()
    for number in range(count):
        group = number % GROUPS
        offends = numbers.random() < share
        body = {
            "v": 1,
            "id": f"wait-{number}",
            "type": "message.created",
            "platform": "jsonl",
            "group": {"id": f"g{group}"},
            "sender": {"id": f"u{group}-{numbers.randrange(MEMBERS)}"},
            "kind": "text",
            "text": numbers.choice(offences if offends else work),
        }
        bodies.append(body)
        if offends:
            certain.add(body["id"])
    return bodies, certain


async def send_on_time(
    kafka: Kafka, bodies: Sequence[dict[str, Any]], rate: int, progress: Progress
) -> dict[str, float]:
    """Send on a fixed schedule, whatever becomes of those before; when each was due."""
    task = progress.add_task("wait", total=len(bodies))
    producer = Producer(kafka)
    await producer.start()
    under_way: set[asyncio.Task[None]] = set()
    due: dict[str, float] = {}
    began = time.monotonic()
    try:
        while len(due) < len(bodies):
            ripe = min(len(bodies), int((time.monotonic() - began) * rate) + 1)
            records = []
            for number in range(len(due), ripe):
                body = bodies[number]
                due[body["id"]] = began + number / rate
                value = msgspec.json.encode({**body, "sent_at": time.time_ns() // 1_000_000})
                records.append(Record(OBSERVATIONS, f"jsonl:{body['group']['id']}", value, -1, -1))
            if records:
                sending = asyncio.create_task(producer.publish(records))
                under_way.add(sending)
                sending.add_done_callback(under_way.discard)
                progress.advance(task, len(records))
            await asyncio.sleep(SEND_EVERY)
        await asyncio.gather(*under_way)
    finally:
        await producer.stop()
        progress.remove_task(task)
    return due


async def waiting(stack: Any, rate: int, seconds: float, share: float, progress: Progress) -> dict[str, Any]:
    """Milliseconds from a message's due time to its verdict, with everything on."""
    work, offences = told_apart()
    bodies, certain = stream(work, offences, int(rate * seconds), share)
    async with place(stack, fleet(PACK)) as at:
        others = "escalate,enforce,record,dispatch"
        async with working(at, w1="screen", w2=others) as (screen, rest):
            verdicts = Verdicts(at.kafka)
            await verdicts.start()
            pids = [screen.pid, rest.pid, *(pid for name in ("kafka", "redis", "postgres") if (pid := stack.pid(name)))]
            before = cpu_seconds(screen.pid), cpu_seconds(rest.pid)
            began = time.monotonic(), elsewhere_seconds(pids)
            rows = await asyncio.to_thread(table_bytes, stack.database)
            due = await send_on_time(at.kafka, bodies, rate, progress)
            first = min(due.values())
            took = time.monotonic() - first
            elsewhere = (elsewhere_seconds(pids) - began[1]) / (time.monotonic() - began[0])
            await _until(lambda: certain <= verdicts.seen.keys(), 10)
            if any(one.process.returncode is not None for one in (screen, rest)):
                raise SystemExit("a worker ended while messages were on their way")
            # Ledgers and rows come after the verdicts.
            await asyncio.sleep(5)
            spent = cpu_seconds(screen.pid) - before[0], cpu_seconds(rest.pid) - before[1]
            await verdicts.stop()
            saves, strikes = await ledgers(at)
            logs = (at.stack.folder / "kafka" / "data").glob(f"{at.kafka.named(OBSERVATIONS)}-[0-9]*/*.log")
            kafka_bytes = sum(path.stat().st_size for path in logs)
            grown = await asyncio.to_thread(table_bytes, stack.database)
    timed = [one for one in certain if one in verdicts.seen]
    waits = np.array([verdicts.seen[one] - due[one] for one in timed if due[one] > first + SETTLED]) * 1000
    from_start = np.array([verdicts.seen[one] - due[one] for one in timed]) * 1000
    judged = len(verdicts.seen)
    return {
        **{f"p{share}_ms": round(float(np.percentile(waits, share)), 1) for share in (50, 90, 99)},
        "max_ms": round(float(waits.max()), 1),
        "p99_ms_from_start": round(float(np.percentile(from_start, 99)), 1),
        "sent_per_s": round(len(bodies) / took),
        "verdicts_waited_for": len(waits),
        "verdicts_missing": len(certain) - len(timed),
        "verdicts": judged,
        "waiting_elsewhere_cores": round(elsewhere, 2),
        "waiting_cpu_s_per_million": round(spent[0] / len(bodies) * 1e6, 1),
        "others_cpu_ms_per_verdict": round(spent[1] / max(1, judged) * 1000, 2),
        "strikes_per_verdict": round(strikes / max(1, judged), 2),
        "group_saves_per_message": round(saves / len(bodies), 3),
        "kafka_bytes_per_message": round(kafka_bytes / len(bodies)),
        "postgres_bytes_per_verdict": round((sum(grown.values()) - sum(rows.values())) / max(1, judged)),
        "postgres_bytes": {one: size for one in grown if (size := grown[one] - rows.get(one, 0)) > 0},
    }


def table_bytes(database: str) -> dict[str, int]:
    """What each table takes with its indexes."""
    engine = sa.create_engine(database)
    query = """
        select relname, pg_total_relation_size(oid) from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace
    """
    try:
        with engine.connect() as connection:
            return {name: int(size) for name, size in connection.execute(sa.text(query))}
    finally:
        engine.dispose()


async def _until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)


async def ledgers(at: Place) -> tuple[int, int]:
    """How often states of groups were saved, and how many strikes were entered."""
    client: Redis = Redis.from_url(at.stack.redis)
    found: dict[str, list[Stored]] = {}
    try:
        for agent in ("screen", "escalate"):
            # A decision's key has a record between agent and subject.
            keys = [key async for key in client.scan_iter(f"{at.kafka.prefix}xunqun:{agent}:{{*", count=1000)]
            found[agent] = [read_stored(raw) for raw in (await client.mget(keys) if keys else []) if raw]
        least = int(await client.get(f"{at.kafka.prefix}xunqun:complete") or 0)
    finally:
        await client.aclose()
    # A state's first version is the least one that the marker allows; from there versions count saves.
    saves = sum(one.version - least + 1 for one in found["screen"])
    return saves, sum(len(msgspec.json.decode(one.value, type=Ledger).strikes) for one in found["escalate"])


async def confirmed_ms(kafka: Kafka, count: int = 200) -> float:
    """Median milliseconds until Kafka has confirmed one record, one after another."""
    producer = Producer(kafka)
    await producer.start()
    took = []
    try:
        for number in range(count):
            began = time.perf_counter()
            await producer.send([Record(JUDGEMENTS, f"jsonl:g{number % GROUPS}", b"{}", -1, -1)], timed=False)
            took.append(time.perf_counter() - began)
    finally:
        await producer.stop()
    return round(float(np.median(took)) * 1000, 2)


async def saved_ms(url: str, count: int = 200) -> float:
    """Median milliseconds until Redis has saved one group's state, one after another."""
    states = await RedisStates.open(url, f"b{uuid4().hex[:8]}")
    rebuild = await states.begin_rebuild()
    assert rebuild is not None
    took, versions = [], [0]
    try:
        async with rebuild:
            await rebuild.finish()
        for number in range(count):
            began = time.perf_counter()
            value = msgspec.json.encode({"name": number})
            versions = await states.save(
                "screen", [Change("g0", versions[0], value, "observations/0", number, None, 0)]
            )
            took.append(time.perf_counter() - began)
    finally:
        await states.close()
    return round(float(np.median(took)) * 1000, 2)


# -- peers ----------------------------------------------------------------------------------------------------------------


def _rate(command: Sequence[str], environment: dict[str, str], name: str) -> int:
    """The messages a second that a peer prints."""
    try:
        done = subprocess.run(
            command,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=PEER_SECONDS,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(
            f"{name} did not get to the end within {PEER_SECONDS:.0f} s; --skip-peers leaves it out"
        ) from None
    said = done.stdout + done.stderr
    found = re.search(r"([\d.]+) (?:messages|msg)/s", said)
    if not found:
        raise SystemExit(f"{name} says no rate; --skip-peers leaves it out. The end of what it says:\n{said[-1500:]}")
    return round(float(found[1]))


def plain_peer(peers: Path, kafka: Kafka, count: int) -> int:
    """Messages a second of stock faust, jieba and scikit-learn."""
    script = next(iter(sorted(peers.glob("*.py"))))
    environment = {"BROKER": kafka.brokers, "TOPIC": kafka.named(OBSERVATIONS), "N": str(count)}
    with tempfile.TemporaryDirectory(prefix="xunqun-peer-") as folder:
        return _rate([sys.executable, str(script)], environment | {"FAUST_DATADIR": folder}, script.name)


async def streams_peer(peers: Path, module: ModuleType, kafka: Kafka, count: int) -> int:
    """Messages a second of Kafka Streams with a word library, one thread."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(f"{kafka.named(OBSERVATIONS)}-peer-out", PARTITIONS, 1)], timeout_ms=15_000)
    finally:
        await admin.close()
    await asyncio.to_thread(module.install_programs, ["java", "mvn"])
    try:
        jars = await asyncio.to_thread(peer_jars)
    except PeerError as error:
        raise SystemExit(f"{error}\n--skip-peers leaves it out.") from error
    with tempfile.TemporaryDirectory(prefix="xunqun-peer-") as folder:
        source = str(peers / "KafkaStreamsPeer.java")
        command = [str(module.find_program("java")), "-Xmx1g", "-cp", f"{jars}/*", source]
        arguments = [kafka.brokers, kafka.named(OBSERVATIONS), str(count), "1", folder]
        return await asyncio.to_thread(_rate, [*command, *arguments], {}, "KafkaStreamsPeer.java")


# -- all together ---------------------------------------------------------------------------------------------------------


async def measure(given: argparse.Namespace, stack: Any, progress: Progress) -> dict[str, Any]:
    words = texts(given.data) if given.data else mixed() if given.hard else usual()
    if given.memory:
        async with place(stack, fleet(PACK)) as at:
            await fill(at.kafka, words, given.memory, progress)
            found, samples = await screened(at, given.memory, 1, progress)
        return {**found, **memory(samples)}
    found = {"machine_cores": os.cpu_count(), "texts": "given" if given.data else "own"}
    async with place(stack, fleet(PACK)) as at:
        await fill(at.kafka, words, given.messages, progress)
        if not given.skip_peers:
            plain = min(given.messages, MOST_PLAIN)
            found["plain_per_s"] = await asyncio.to_thread(plain_peer, given.peers, at.kafka, plain)
            found["kafka_streams_per_s"] = await streams_peer(
                given.peers, sys.modules["local_stack"], at.kafka, given.messages
            )
        one, samples = await screened(at, given.messages, given.workers, progress)
        found |= one | memory(samples) | {"redis_bytes_per_group": await group_bytes(at)}
    if not given.skip_peers:
        found["ratio_plain"] = round(found["messages_per_s"] / found["plain_per_s"], 2)
        found["ratio_kafka_streams"] = round(found["messages_per_s"] / found["kafka_streams_per_s"], 3)
    async with place(stack, fleet(PACK)) as at:
        await fill(at.kafka, words, given.messages, progress)
        two, _ = await screened(at, given.messages, 2, progress)
    found["cpu_s_per_million_two"] = two["cpu_s_per_million"]
    found["cpu_ratio_two"] = round(two["cpu_s_per_million"] / found["cpu_s_per_million"], 3)
    found["two_workers"] = two
    async with place(stack, fleet(PACK)) as at:
        found["confirmed_ms"] = await confirmed_ms(at.kafka)
    found["saved_ms"] = await saved_ms(stack.redis)
    found |= await waiting(stack, RATE, SECONDS, OFFENCES if given.hard else TIMED, progress)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--data", type=Path, help="labelled text, as in real_input.py")
    parser.add_argument("--workers", type=int, default=1, help="processes for messages_per_s (1)")
    parser.add_argument("--memory", type=int, metavar="MESSAGES", help="only the memory of one worker, over so many")
    parser.add_argument(
        "--hard", action="store_true", help="own texts: 5 offences in 100, and mostly what looks like one"
    )
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="DIR")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if min(given.messages, given.memory or 10_000) < 10_000 or given.workers < 1:
        parser.error("--messages and --memory: at least 10,000; --workers: at least 1")
    # A topic that was just made has no leader for a moment; the client says so a hundred times, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with own_stack() as stack, Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        found = uvloop.run(measure(given, stack, progress))
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for name, value in found.items():
            print(f"{name:>34}  {value}")


if __name__ == "__main__":
    main()
