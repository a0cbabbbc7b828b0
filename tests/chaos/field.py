"""A fleet under fire: real workers on real components, a steady stream of observations, and the answer known beforehand.

The answer is what `xunqun replay` makes of the very records that lie in the topic. It is compared with what the fleet has
published, with the ledgers in Redis, and with the rows in PostgreSQL. Bounded in time and count; ends what it started by pid.
"""

import asyncio
import json
import logging
import os
import random
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from aiokafka import TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from deadlines import BUSY, PLAIN, QUIET, SECONDS, SPEAKERS, compare_deadlines, owed, pack_with_deadlines

from models import Account, Action, Fleet, Group, Person, Verdict, Violation
from models.observation import Millis
from policies.directory import Directory
from policies.schema import Pack
from policies.state import GroupState
from streams.agents import Escalate, Screen
from streams.agents.escalate import Ledger
from streams.fleet.kafka import Kafka, Producer, create_topics, read_whole
from streams.ledger import RedisStates
from streams.loading import classifiers_from, packs_from
from streams.replay import CHUNK, Replay, replaying, stored_actions, stored_sanctions, stored_verdicts
from streams.store import state
from streams.topics import (
    ACTIONS,
    DEAD_LETTERS,
    JUDGEMENTS,
    OBSERVATIONS,
    OUTCOMES,
    VIEWS,
    DeadLetter,
    Record,
    Unusable,
    decode_observation,
    value_of,
)

TEXTS = Path(__file__).parents[2] / "classifiers" / "trained" / "texts"
GROUPS, MEMBERS, PARTITIONS = 100, 50, 4
# The share of messages that break a rule.
OFFENCES = 0.05
READS = {
    "screen": (OBSERVATIONS,),
    "escalate": (JUDGEMENTS, OUTCOMES),
    "enforce": (ACTIONS,),
    "record": (JUDGEMENTS, ACTIONS, VIEWS),
}
ROLES = "screen,gather,escalate,enforce,record,dispatch"
PATIENCE = 120.0
# Strange violations that are told.
_TOLD = 5


@dataclass
class Result:
    """What a run came to, for the table of docs/reliability.md."""

    name: str
    observations: int = 0
    after_fault: int = 0
    violations: int = 0
    strikes: int = 0
    sanctions: int = 0
    published_twice: int = 0
    recovered_seconds: float = 0.0
    proof: str = ""
    wrong: list[str] = field(default_factory=list)


class Worker:
    """One process of `xunqun worker`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def end(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        self.send(number)
        try:
            async with asyncio.timeout(seconds):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()


class Field:
    """One run. `fault` is called with the field when `strikes_at` of the stream is sent."""

    strikes_at = 0.35
    # Whether groups owe answers and receipts that fall due during the run.
    owes = True

    def __init__(
        self,
        stack: Any,
        folder: Path,
        prefix: str,
        *,
        rate: int = 500,
        seconds: float = 40.0,
        program: Path | None = None,
    ) -> None:
        self.stack = stack
        self.folder = folder
        # A schema of its own: what another run has left in the outbox is not ours to carry out.
        self.schema = prefix.replace("-", "_") + "run"
        self.database = f"{stack.database}?options=-csearch_path%3D{self.schema}"
        # What the workers are told beside where the components are.
        self.environment: dict[str, str] = {}
        # Ids of observations that were sent beside the stream.
        self.extra: set[str] = set()
        # What a worker runs: the product, or a script that breaks it on purpose.
        self.program = ("-c", "from streams.cli import main; main()") if program is None else (str(program),)
        # A broker that is away is the subject here, not news.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self.kafka = Kafka(stack.kafka, prefix)
        self.rate, self.total = rate, int(rate * seconds)
        self.workers: dict[str, Worker] = {}
        self.sent = 0
        self.sent_at_fault: int | None = None
        self.struck_at = self.fault_over_at = self.ended_at = 0.0
        # Records that cannot be used, sent on purpose.
        self.poisoned = 0
        self.fleet = a_fleet()
        self.numbers = random.Random(20261121)
        self._texts = own_texts()
        # Supervised: who ends with a code of its own is started again, as systemd would.
        self._supervised: dict[str, asyncio.Task[None]] = {}

    # life

    async def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(self.fleet))
        self.pack = pack_with_deadlines(self.folder)
        await asyncio.to_thread(self._make_schema)
        await create_topics(self.kafka, partitions=PARTITIONS)
        self.producer = Producer(self.kafka)
        await self.producer.start()

    def _make_schema(self) -> None:
        engine = sa.create_engine(self.stack.database)
        with engine.begin() as connection:
            connection.execute(sa.text(f'create schema "{self.schema}"'))
        engine.dispose()

    async def start(self, name: str, roles: str = ROLES, *, supervised: bool = True) -> Worker:
        """Start a worker, and again whenever it ends by itself."""
        worker = await self._spawn(name, roles)
        if supervised:
            self._supervised[name] = asyncio.create_task(self._supervise(name, roles))
        return worker

    async def working(self, seconds: float = 60.0) -> None:
        """Until every worker has said that it serves."""
        deadline = time.monotonic() + seconds
        while not all("health on" in one.log.read_text("utf-8", "replace") for one in self.workers.values()):
            assert time.monotonic() < deadline, "a worker does not start"
            await asyncio.sleep(0.2)

    async def _spawn(self, name: str, roles: str) -> Worker:
        log = self.folder / f"{name}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
        given = {
            "XUNQUN_KAFKA": self.stack.kafka,
            "XUNQUN_REDIS": self.stack.redis,
            "XUNQUN_DATABASE": self.database,
            "XUNQUN_KAFKA_PREFIX": self.kafka.prefix,
            "XUNQUN_TICK_SECONDS": "2",
            "XUNQUN_FLEET": str(self.folder / "fleet.yaml"),
            "XUNQUN_PACKS": str(self.pack),
        }
        arguments = ("worker", "--agents", roles, "--id", name, "--port", "0")
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *self.program, *arguments,
                env=clean | given | self.environment, stdout=file, stderr=file, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        self.workers[name] = Worker(name, process, log)
        return self.workers[name]

    async def _supervise(self, name: str, roles: str) -> None:
        while True:
            await self.workers[name].process.wait()
            await asyncio.sleep(0.5)
            await self._spawn(name, roles)

    def let_go(self, name: str) -> Worker:
        """Start this worker no more when it ends."""
        task = self._supervised.pop(name, None)
        if task is not None:
            task.cancel()
        return self.workers[name]

    async def close(self) -> None:
        for name in list(self._supervised):
            self.let_go(name)
        for worker in self.workers.values():
            if worker.alive:
                worker.send(signal.SIGCONT)
                await worker.end()
        await self.producer.stop()

    # the stream

    async def run(self, fault: Callable[[Any], Awaitable[str]]) -> Result:
        """Send everything, let the fault strike on the way, wait until all is worked off, and compare."""
        result = Result(getattr(fault, "__name__", "run"))
        striking: asyncio.Task[str] | None = None
        began = time.monotonic()
        while self.sent < self.total:
            due = min(self.total, int((time.monotonic() - began) * self.rate))
            if due > self.sent:
                await self._send([self._observation(number) for number in range(self.sent, due)])
                self.sent = due
            if striking is None and self.sent >= self.strikes_at * self.total:
                self.sent_at_fault = self.sent
                striking = asyncio.create_task(self._strike(fault))
            await asyncio.sleep(0.02)
        assert striking is not None
        self.ended_at = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            result.proof = await striking
        await self.settled()
        result.recovered_seconds = round(time.monotonic() - self.fault_over_at, 1)
        result.observations = self.total
        result.after_fault = self.total - (self.sent_at_fault or 0)
        if self.owes:
            # The last deadlines fall due, and two ticks later everybody knows.
            await asyncio.sleep(max(0.0, self.ended_at + SECONDS + 5 - time.monotonic()))
            await self.settled()
        await self.compare(result)
        return result

    async def _strike(self, fault: Callable[[Any], Awaitable[str]]) -> str:
        self.struck_at = time.monotonic()
        proof = await fault(self)
        self.fault_over_at = time.monotonic()
        return proof

    async def _send(self, records: Sequence[Record]) -> None:
        """The observer does not give up: what Kafka has not confirmed is sent again."""
        while True:
            try:
                await self.producer.send(records, timed=False)
                return
            except Exception:
                await asyncio.sleep(0.5)
                with suppress(Exception):
                    await self.producer.stop()
                self.producer = Producer(self.kafka)
                with suppress(Exception):
                    await self.producer.start()

    def _observation(self, number: int) -> Record:
        """The stream's observation of this number; the groups take turns."""
        group, turn = number % GROUPS, number // GROUPS
        if asks := owed(number, group, turn):
            return self.message(number, *asks)
        if group in QUIET:
            group = PLAIN[number % len(PLAIN)]
        return self.message(number, group, self.numbers.randrange(SPEAKERS if group in BUSY else MEMBERS), self.text())

    def message(self, number: int | str, group: int, member: int, text: str, *, late: Millis = 0) -> Record:
        """A message of a member whose clock is so many milliseconds late; fast, where that is negative."""
        body = {
            "v": 1,
            "id": f"{self.kafka.prefix}{number}",
            "type": "message.created",
            "platform": "webhook",
            "group": {"id": f"g{group}"},
            "sender": {"id": f"a{group}-{member}"},
            "sent_at": time.time_ns() // 1_000_000 - late,
            "kind": "text",
            "text": text,
        }
        return Record(OBSERVATIONS, f"webhook:g{group}", msgspec.json.encode(body), -1, -1)

    def text(self) -> str:
        work, offences = self._texts
        return self.numbers.choice(offences if self.numbers.random() < OFFENCES else work)

    # the end

    async def lag(self) -> int:
        """Records that some agent has not committed yet."""
        from aiokafka import AIOKafkaConsumer
        from aiokafka.admin import AIOKafkaAdminClient

        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.brokers)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.brokers)
        try:
            await admin.start()
            await consumer.start()
            left = 0
            for agent, topics in READS.items():
                places = [TopicPartition(self.kafka.named(one), p) for one in topics for p in range(PARTITIONS)]
                ends = await consumer.end_offsets(places)
                group = f"{self.kafka.prefix}xunqun-{agent}"
                found = await admin.list_consumer_group_offsets(group, partitions=places)
                for place in places:
                    done = found[place].offset if place in found else 0
                    left += ends[place] - max(0, done)
            return left
        finally:
            await consumer.stop()
            await admin.close()

    async def settled(self) -> None:
        """Until all is done that follows from what was sent."""
        await self.drained()

    async def drained(self, seconds: float = PATIENCE) -> None:
        """Until nothing is left; ticks keep coming, so a handful of open records counts as nothing twice in a row."""
        deadline, calm = time.monotonic() + seconds, 0
        left = -1
        while calm < 2:
            assert time.monotonic() < deadline, f"{left} records are left after {seconds} s"
            try:
                left = await self.lag()
            except Exception:
                left = -1
            calm = calm + 1 if 0 <= left <= 2 * PARTITIONS else 0
            await asyncio.sleep(1.0)

    def expected(self, observed: Sequence[Record]) -> "Answer":
        """What has to come of the records of the topic."""
        return answer(observed, self.fleet, self.packs())

    def packs(self) -> dict[str, Pack]:
        return packs_from([self.pack], self.fleet)

    async def compare(self, result: Result) -> None:
        """Everything that differs from the answer goes into `result.wrong`."""
        observed = await read_whole(self.kafka, OBSERVATIONS)
        expected = await asyncio.to_thread(self.expected, observed)
        ids = {seen.id for one in observed if (seen := said(one)) is not None and seen.type != "clock.tick"}
        wanted = {f"{self.kafka.prefix}{number}" for number in range(self.total)} | self.extra
        if ids != wanted:
            result.wrong.append(
                f"{len(wanted - ids)} observations never reached the topic, {len(ids - wanted)} are strange"
            )
        judged = await read_whole(self.kafka, JUDGEMENTS)
        found, twice = violations_of(judged)
        result.published_twice = twice
        result.violations = len(expected.violations)
        differ(result, "violations", expected.violations, set(found))
        if strange := sorted(found[one] for one in found.keys() - expected.violations)[:_TOLD]:
            result.wrong.append(f"violations that nobody wanted: {'; '.join(strange)}")
        planned = await read_whole(self.kafka, ACTIONS)
        sanctions: dict[str, set[bytes]] = {}
        for record in planned:
            one = said(record)
            if one is not None and one.sanction:
                sanctions.setdefault(one.sanction.id, set()).add(record.value)
        result.sanctions = len(expected.sanctions)
        differ(result, "sanctions", expected.sanctions, set(sanctions))
        if changed := [key for key, bodies in sanctions.items() if len(bodies) > 1]:
            result.wrong.append(f"{len(changed)} sanctions were published with different contents")
        await self._compare_states(result, expected)
        result.strikes = sum(sum(one.values()) for one in expected.strikes.values())
        await asyncio.to_thread(self._compare_rows, result, expected)
        places = {
            (one.topic, one.partition, one.offset) for one in map(said, await read_whole(self.kafka, DEAD_LETTERS))
        }
        if len(places) != self.poisoned:
            result.wrong.append(f"{len(places)} dead letters for {self.poisoned} records that cannot be used")
        if self.owes:
            # From one clock to the other.
            zero = time.time() - time.monotonic()
            struck_at, over_at = (int((zero + at) * 1000) for at in (self.struck_at, self.fault_over_at))
            proof, wrong = compare_deadlines(judged, struck_at, over_at)
            result.proof += f"; {proof}"
            result.wrong += wrong
        await self.compare_more(result, expected, observed, judged, planned)

    async def compare_more(
        self,
        result: Result,
        expected: "Answer",
        observed: Sequence[Record],
        judged: Sequence[Record],
        planned: Sequence[Record],
    ) -> None:
        """What this kind of run has to keep beside."""

    async def _compare_states(self, result: Result, expected: "Answer") -> None:
        states = await RedisStates.open(self.stack.redis, self.kafka.prefix + "xunqun")
        try:
            ledgers = await states.load("escalate", sorted(expected.strikes))
            groups = await states.load("screen", sorted(expected.groups))
        finally:
            await states.close()
        for subject, strikes in expected.strikes.items():
            stored = ledgers.get(subject)
            ledger = msgspec.json.decode(stored.value, type=Ledger) if stored else Ledger()
            here = Counter((one.id, one.status) for one in ledger.strikes)
            if here != strikes:
                result.wrong.append(
                    f"strikes of a subject differ: {sum(strikes.values())} wanted, {sum(here.values())} found"
                )
        differing: Counter[str] = Counter()
        for key, wanted in expected.groups.items():
            state = groups[key].value if key in groups else b"{}"
            differing.update(_differing_fields(wanted, state))
        if differing:
            result.wrong.append(f"group states differ: {', '.join(f'{k} in {v} groups' for k, v in differing.items())}")

    def _compare_rows(self, result: Result, expected: "Answer") -> None:
        for table, wanted in (("sanctions", expected.sanctions), ("violations", expected.violations)):
            rows = {row.id for row in self.rows(f"select id from {table} where id = any(:ids)", ids=sorted(wanted))}
            differ(result, f"rows of {table}", wanted, rows)

    def rows(self, query: str, **given: Any) -> Sequence[sa.Row[Any]]:
        """What the database answers."""
        engine = sa.create_engine(self.database)
        try:
            with engine.connect() as connection:
                return connection.execute(sa.text(query), given).all()
        finally:
            engine.dispose()


@dataclass
class Answer:
    """Ids, but for `strikes` (by subject: id and status), `groups` (their states, encoded) and `actions` (by id)."""

    violations: set[str]
    sanctions: set[str]
    strikes: dict[str, Counter[tuple[str, str]]]
    groups: dict[str, bytes]
    actions: dict[str, Action]


def answer(
    records: Sequence[Record],
    fleet: Fleet,
    packs: dict[str, Pack],
    later: Iterable[tuple[Millis, dict[str, Pack]]] = (),
) -> Answer:
    """What a replay makes of the records of a topic, in the order of their append times.

    `later`: packs that take effect later, and from which append time on.
    """
    numbers, partition_of = range(PARTITIONS), DefaultPartitioner()
    place = {key: partition_of(key.encode(), numbers, numbers) for key in Directory(fleet).groups}
    turns = deque(sorted(later, key=lambda one: one[0]))
    waiting: list[Record] = []
    with replaying(classifiers_from(), packs, Directory(fleet)) as replay:

        def judge() -> None:
            if waiting:
                replay.host.feed(waiting)
                waiting.clear()
                replay._settle()

        for record in sorted(records, key=lambda one: (one.appended_at, one.partition, one.offset)):
            while turns and turns[0][0] <= record.appended_at:
                judge()
                _take_effect(replay, turns.popleft()[1], fleet)
            if not record.key and b'"clock.tick"' in record.value:
                # It reaches the groups of its own partition only.
                judge()
                due = replay.host.groups_due(record.appended_at)
                replay._feed_ticks([(key, record.appended_at) for key in due if place[key] == record.partition])
                continue
            waiting.append(_handed_in(record))
            if len(waiting) == CHUNK:
                judge()
        judge()
        return _answer(replay)


def _handed_in(record: Record) -> Record:
    try:
        decoded: Any = decode_observation(record.value)
    except Unusable as error:
        decoded = DeadLetter(cause=str(error), topic=OBSERVATIONS, offset=record.offset, tries=1, body=record.value)
    return Record(OBSERVATIONS, record.key, record.value, record.offset, record.appended_at, decoded)


def _take_effect(replay: Replay, packs: Mapping[str, Pack], fleet: Fleet) -> None:
    host = replay.host
    directory = Directory(fleet)
    host.screen = Screen(host.screen.classifiers, packs, directory, host.screen)
    host.agents = (host.screen, Escalate(packs, directory, simulated=True), *host.agents[2:])


def _answer(replay: Replay) -> Answer:
    violations = {
        one.id
        for verdict in stored_verdicts(replay.store, words=False)
        for one in (*verdict.violations, *verdict.uncertain)
    }
    rows = replay.store.connection.execute(sa.select(state.c.agent, state.c.key, state.c.value)).all()
    strikes = {
        row.key: Counter((one.id, one.status) for one in msgspec.json.decode(row.value, type=Ledger).strikes)
        for row in rows
        if row.agent == "escalate"
    }
    return Answer(
        violations,
        {one.id for one in stored_sanctions(replay.store)},
        {k: v for k, v in strikes.items() if v},
        {row.key: row.value for row in rows if row.agent == "screen"},
        {one.id: one for one in stored_actions(replay.store)},
    )


def _differing_fields(wanted: bytes, found: bytes) -> list[str]:
    """The fields in which two states of a group differ; the day of the last look depends on when somebody looked."""
    here, there = (msgspec.to_builtins(msgspec.json.decode(one, type=GroupState)) for one in (wanted, found))
    return [key for key in sorted({*here, *there} - {"audited_on"}) if here.get(key) != there.get(key)]


def said(record: Record) -> Any:
    """What a record holds; None where it cannot be read."""
    try:
        return decode_observation(record.value) if record.topic == OBSERVATIONS else value_of(record)
    except (msgspec.MsgspecError, Unusable):
        return None


def violations_of(records: Sequence[Record]) -> tuple[dict[str, str], int]:
    """The violations that were published, with what they are, and how many verdicts came more than once."""
    found: dict[str, str] = {}
    seen: Counter[bytes] = Counter()
    for record in records:
        one = said(record)
        verdict = one.verdict if one is not None else None
        if verdict is not None:
            seen[record.value] += 1
            found.update({one.id: _told(verdict, one) for one in (*verdict.violations, *verdict.uncertain)})
    return found, sum(count - 1 for count in seen.values())


def _told(verdict: Verdict, one: Violation) -> str:
    about = verdict.observation_id or one.cause
    return (
        f"{one.rule} of {one.clause} (score {one.score:.2f}) in {verdict.group_id} at {verdict.judged_at} about {about}"
    )


def differ(result: Result, what: str, wanted: set[str], found: set[str]) -> None:
    missing, extra = len(wanted - found), len(found - wanted)
    if missing or extra:
        result.wrong.append(f"{what}: {missing} of {len(wanted)} missing, {extra} too many")


def own_texts() -> tuple[list[str], list[str]]:
    """The project's own texts: of work, and of offences."""
    work, offences = [], []
    for path in sorted(TEXTS.glob("*.jsonl")):
        ordinary = path.stem.startswith(("ok_", "work"))
        (work if ordinary else offences).extend(
            json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()
        )
    return work, offences


def a_fleet() -> Fleet:
    """Groups with people of their own, so that no two partitions share a subject and the order is one."""
    people, groups = [], []
    for number in range(GROUPS):
        members = [f"u{number}-{one}" for one in range(MEMBERS)]
        people += [Person(id=one, name="王建国", accounts=(Account("webhook", "a" + one[1:]),)) for one in members]
        groups.append(
            Group(
                id=f"g{number}", platform="webhook", pack="xianchuang", mode="observe",
                owner=members[0], members=tuple(members),
            )
        )  # fmt: skip
    return Fleet(people=tuple(people), groups=tuple(groups))
