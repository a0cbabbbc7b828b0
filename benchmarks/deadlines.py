"""A million open deadlines, a tenth of which fall due at once: how fast they are judged, and how long messages wait meanwhile.

    python benchmarks/deadlines.py [--groups 10000] [--due 10] [--within 1] [--fleet-rate 100] [--embedded-rate 200]
        [--only fleet] [--json]

States of 10,000 groups under pack xianchuang hold 100 deadlines each, 50 for replies and 50 for receipts, as many as the
rules allow. 10 of each group fall due within one second (`--within`), the others in a day; each that is due brings a finding,
but where its asker says that it is settled, as a few of the texts do. Messages go to groups at random, one on schedule after the
other; 25 in 100 are one advert that is certain to bring a verdict, and of
these is told how long it takes from when the message was due to be sent until its verdict is there: `before`, the ten
seconds in which nothing is due, and `meanwhile`, from the due time until the last deadline was judged.

`fleet`: a stack of its own (deploy/local/stack.py) and one `xunqun worker --agents screen` as in fleet.py, with the tick
that it writes every five seconds. `drained_per_s` counts from the first verdict that a tick brought to the last
one; before that tick only messages bring those of their own groups. `last_after_due_s` has that time in it.

`embedded`: the embedded host in this process, its store on disk, with all agents: strikes, tasks and views are entered in the
same step. Posts are appended as they come, the host steps, and it is ticked as a service does it: every five seconds, and
after each step while more is due. It is given two minutes; what is not judged by then is missing from `judged`.

`state` is what one state with all its deadlines costs in microseconds: to read, to write, to pack for Redis.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvloop
from fleet import PACK, PARTITIONS, Place, Verdicts, cpu_seconds, own_stack, own_texts, place, send_on_time, working
from rich.console import Console
from rich.progress import Progress

from classifiers.conversation import asked_for
from models import Account, Fleet, Group, Person, digest
from models.observation import Millis
from policies.deadlines import Deadline
from policies.directory import Directory
from policies.judge import CompiledPack
from policies.rules.conversation import packed_gist
from policies.state import GroupState
from streams.agents import Screen
from streams.embedded import Embedded
from streams.fleet.kafka import Producer
from streams.ledger import Change, RedisStates, Row
from streams.ledger.stored import pack, unpack
from streams.loading import classifiers_from, packs_from, rest_collector
from streams.store import Store
from streams.topics import JUDGEMENTS, OBSERVATIONS, Effects, Judged

OPEN = 100
BEFORE, MOST_SECONDS = 10.0, 120.0
# As a service ticks. A message has no more deadlines judged than its group has, a tick many more.
TICK_SECONDS, BY_TICK = 5.0, 2 * OPEN
# Milliseconds from the start of writing the states to the due time: what always passes, and what a group takes.
LEAD, LEAD_OF_GROUP = 15_000, 3
OFFENCES, ADVERT = 0.25, "面膜内部代理价，拉三个下线返现"
DAY: Millis = 86_400_000
AT_ONCE = 250
encode = msgspec.json.Encoder().encode


def now() -> Millis:
    return time.time_ns() // 1_000_000


def fleet(groups: int) -> Fleet:
    """Groups of two: one who asks, one who does not answer."""
    ids = [f"u{group}-{member}" for group in range(groups) for member in range(2)]
    people = tuple(Person(id=one, name="张三", accounts=(Account("jsonl", one),)) for one in ids)
    listed = tuple(
        Group(id=f"g{n}", name=f"{n}号工作群", pack=PACK, owner=f"u{n}-0", members=(f"u{n}-0", f"u{n}-1"))
        for n in range(groups)
    )
    return Fleet(people=people, groups=listed)


@cache
def remembered(text: str) -> tuple[str, tuple[str, ...]]:
    return packed_gist(text), asked_for(text)


def state(
    bound: Mapping[str, Any], group: int, given: argparse.Namespace, at: Millis, today: str, work: Sequence[str]
) -> GroupState:
    """A group with all its deadlines, of which some fall due in the seconds from `at` on, evenly over all groups.

    What is remembered of each question and notice is that of a text of `work`, as the rules remember it.
    """
    asker = f"u{group}-0"
    found = GroupState(audited_on=today)
    due, step = given.due, given.within * 1000 / given.due
    for number in range(OPEN):
        rule = "deadline.reply" if number < OPEN // 2 else "deadline.receipt"
        due_at = at + int((number + group % 97 / 97) * step) if number < due else at + DAY + number
        cause = digest("om", group, number)
        about, sought = remembered(work[(group * OPEN + number) % len(work)])
        data: dict[str, Any] = {"about": about} if about else {}
        if rule == "deadline.reply":
            data |= {"at": at - DAY} | ({"for": sought} if sought else {})
        where = bound[rule]
        found.deadlines.add(where.place.key, Deadline(due_at, asker, cause, data))
    return found


def message(numbers: random.Random, texts: Sequence[str], number: int, groups: int) -> dict[str, Any]:
    group = numbers.randrange(groups)
    advert = numbers.random() < OFFENCES
    return {
        "v": 1,
        "id": f"{'ad' if advert else 'live'}-{number}",
        "type": "message.created",
        "platform": "jsonl",
        "group": {"id": f"g{group}"},
        # Whoever asks answers nobody, so no deadline is closed before it is due.
        "sender": {"id": f"u{group}-0"},
        "kind": "text",
        "text": ADVERT if advert else numbers.choice(texts),
    }


def bindings(screen: Screen) -> dict[str, Any]:
    compiled: CompiledPack = screen.packs[PACK]
    return {one.rule.name: one for one in compiled.bound.values() if one.rule.name.startswith("deadline.")}


def waits(sent: Mapping[str, float], seen: Mapping[str, float], low: float, high: float) -> dict[str, Any]:
    """Milliseconds from the due time of adverts that were to be sent between two moments to their verdicts."""
    asked = [one for one, at in sent.items() if one.startswith("ad-") and low <= at < high]
    took = [(seen[one] - sent[one]) * 1000 for one in asked if one in seen]
    found: dict[str, Any] = {"messages": len(took), "missing": len(asked) - len(took)}
    return found | {f"p{share}_ms": round(float(np.percentile(took, share)), 1) for share in (50, 99) if took}


def told(
    due: int, judged: Sequence[tuple[float, Millis]], sent: Mapping[str, float], seen: Mapping[str, float], at: float
) -> dict[str, Any]:
    """The figures of one host; `judged` are when deadlines were judged, and by the record of which time."""
    times = [one for one, _ in judged]
    before = waits(sent, seen, at - BEFORE, at)
    if not times:
        return {"due": due, "judged": 0, "before": before}
    meanwhile = waits(sent, seen, at, times[-1])
    together = Counter(cause for _, cause in judged)
    ticked = [one for one, cause in judged if together[cause] >= BY_TICK]
    first = ticked[0] if ticked else times[0]
    ratio = meanwhile["p99_ms"] / before["p99_ms"] if meanwhile["messages"] and before["messages"] else None
    return {
        "due": due,
        "judged": len(times),
        "by_ticks": len(ticked),
        "seconds": round(times[-1] - first, 2),
        "drained_per_s": round(sum(one >= first for one in times) / max(1e-9, times[-1] - first)),
        "last_after_due_s": round(times[-1] - at, 2),
        "before": before,
        "meanwhile": meanwhile,
        "p99_ratio": round(ratio, 2) if ratio else None,
    }


def fired(value: Judged) -> int:
    """The deadlines that a record of `judgements` speaks of."""
    if value.verdict is None:
        return 0
    some = (*value.verdict.violations, *value.verdict.uncertain)
    return len({one.cause.id for one in some if one.cause and one.cause.kind == "deadline"})


# -- embedded -------------------------------------------------------------------------------------------------------------


def embedded(given: argparse.Namespace, work: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the embedded host does, and what one state costs."""
    who = fleet(given.groups)
    with tempfile.TemporaryDirectory(prefix="xunqun-deadlines-") as folder:
        store = Store(Path(folder) / "xunqun.db")
        try:
            classifiers, packs, directory = classifiers_from(), packs_from([], who), Directory(who)
            screen = Screen(classifiers, packs, directory)
            at = now() + LEAD + LEAD_OF_GROUP * given.groups
            today = screen.calendar.local_day(at)
            for first in range(0, given.groups, AT_ONCE):
                some = {
                    f"jsonl:g{n}": state(bindings(screen), n, given, at, today, work)
                    for n in range(first, min(given.groups, first + AT_ONCE))
                }
                with store.transaction(durable=False):
                    rows = {key: (encode(one), screen.next_due(one)) for key, one in some.items()}
                    store.save("screen", 0, rows, Effects())
            host = Embedded(store, classifiers, packs, directory)
            rest_collector()
            found = _drive(host, given, work, at)
        finally:
            store.close()
    return found, state_costs(next(iter(some.values())))


def _drive(host: Embedded, given: argparse.Namespace, work: Sequence[str], at: Millis) -> dict[str, Any]:
    numbers, rate, due = random.Random(20261121), given.embedded_rate, given.groups * given.due
    zero = time.monotonic() - now() / 1000
    due_at = at / 1000 + zero
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    times: list[tuple[float, Millis]] = []
    began = due_at - BEFORE
    tick_at = 0.0
    if began < time.monotonic():
        raise SystemExit("the states took longer to write than was left until their due time: take fewer --groups")
    time.sleep(max(0.0, began - time.monotonic()))
    while len(times) < due and time.monotonic() < due_at + MOST_SECONDS:
        ripe = int((time.monotonic() - began) * rate) + 1
        bodies = []
        for number in range(len(sent), ripe):
            body = message(numbers, work, number, given.groups)
            sent[body["id"]] = began + number / rate
            bodies.append(encode({**body, "sent_at": now()}))
        if bodies:
            host.append(bodies, now())
        done = host.step()
        for one in done:
            if one.agent == "screen":
                for topic, _, value, caused_at in one.effects.records:
                    if topic == JUDGEMENTS:
                        times += [(time.monotonic(), caused_at)] * fired(value)
                        if value.verdict.observation_id:
                            seen.setdefault(value.verdict.observation_id, time.monotonic())
        ticked = 0
        if host.more_due or time.monotonic() >= tick_at:
            ticked = host.tick(now())
            tick_at = max(tick_at, time.monotonic() + TICK_SECONDS)
        if not done and not ticked:
            time.sleep(0.001)
    return told(due, times, sent, seen, due_at)


def state_costs(value: GroupState) -> dict[str, Any]:
    """Bytes, and microseconds of CPU, of one state."""
    stored = encode(value)
    packed = pack(stored)
    decoder = msgspec.json.Decoder(GroupState)
    works: dict[str, Callable[[], Any]] = {
        "decode_us": lambda: decoder.decode(stored),
        "encode_us": lambda: encode(value),
        "pack_us": lambda: pack(stored),
        "unpack_us": lambda: unpack(packed),
    }
    found: dict[str, Any] = {"bytes": len(stored), "packed_bytes": len(packed)}
    for name, work in works.items():
        began = time.process_time()
        for _ in range(300):
            work()
        found[name] = round((time.process_time() - began) / 300 * 1e6, 1)
    return found


# -- fleet ----------------------------------------------------------------------------------------------------------------


class Judgements(Verdicts):
    """Notes as well when deadlines were judged."""

    def __init__(self, at: Place) -> None:
        super().__init__(at.kafka)
        self.times: list[tuple[float, Millis]] = []

    async def _read(self) -> None:
        while True:
            for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    value = self._decoder.decode(record.value)
                    self.times += [(time.monotonic(), record.timestamp)] * fired(value)
                    if value.verdict is not None and value.verdict.observation_id:
                        self.seen.setdefault(value.verdict.observation_id, time.monotonic())


async def in_fleet(given: argparse.Namespace, stack: Any, work: Sequence[str], progress: Progress) -> dict[str, Any]:
    who = fleet(given.groups)
    screen = Screen(classifiers_from(), packs_from([], who), Directory(who))
    numbers, rate, due = random.Random(20261121), given.fleet_rate, given.groups * given.due
    bodies = [message(numbers, work, n, given.groups) for n in range(int(rate * (BEFORE + given.seconds)))]
    async with place(stack, who) as at:
        states = await RedisStates.open(stack.redis, f"{at.kafka.prefix}xunqun")
        try:
            today = screen.calendar.local_day(now() + LEAD)
            places = await _places(at, given.groups)
            await _settled(states, given.groups, places, today)
            async with working(at, w1="screen") as (worker,):
                due_at = await _open_deadlines(states, screen, given, places, today, work)
                verdicts = Judgements(at)
                await verdicts.start()
                await asyncio.sleep(max(0.0, due_at / 1000 - BEFORE - time.time()))
                zero, cpu = time.monotonic() - time.time(), cpu_seconds(worker.pid)
                sent = await send_on_time(at.kafka, bodies, rate, progress)
                deadline = time.monotonic() + MOST_SECONDS
                while len(verdicts.times) < due and time.monotonic() < deadline:
                    await asyncio.sleep(0.1)
                # Messages wait behind the deadlines: who stops now would count only those that did not.
                adverts = {one for one in sent if one.startswith("ad-")}
                while not adverts <= verdicts.seen.keys() and time.monotonic() < deadline:
                    await asyncio.sleep(0.1)
                spent = cpu_seconds(worker.pid) - cpu
                await verdicts.stop()
        finally:
            await states.close()
    return told(due, verdicts.times, sent, verdicts.seen, due_at / 1000 + zero) | {"worker_cpu_s": round(spent, 1)}


async def _places(at: Place, groups: int) -> list[int]:
    """The partition of each group, as the door would choose it."""
    producer = Producer(at.kafka)
    await producer.start()
    try:
        return [producer.partition_of(f"jsonl:g{n}", PARTITIONS) for n in range(groups)]
    finally:
        await producer.stop()


async def _settled(states: RedisStates, groups: int, places: Sequence[int], today: str) -> None:
    """States of groups in which nothing is due today, before a worker looks at all of them."""
    value = encode(GroupState(audited_on=today))
    later = now() + DAY
    rebuild = await states.begin_rebuild()
    assert rebuild is not None
    async with rebuild:
        await rebuild.write([Row("screen", f"jsonl:g{n}", 1, value, {}, later, places[n]) for n in range(groups)])
        await rebuild.finish()


async def _open_deadlines(
    states: RedisStates,
    screen: Screen,
    given: argparse.Namespace,
    places: Sequence[int],
    today: str,
    work: Sequence[str],
) -> Millis:
    """Write the deadlines under a worker that runs and has seen nothing of these groups; when they fall due."""
    keys = [f"jsonl:g{n}" for n in range(given.groups)]
    due_at = now() + LEAD + LEAD_OF_GROUP * given.groups
    for first in range(0, given.groups, AT_ONCE):
        some = keys[first : first + AT_ONCE]
        versions = await states.version("screen", some)
        changes = []
        for number, key in enumerate(some, first):
            one = state(bindings(screen), number, given, due_at, today, work)
            changes.append(
                Change(
                    key,
                    versions[key],
                    encode(one),
                    f"{OBSERVATIONS}/{places[number]}",
                    -1,
                    screen.next_due(one),
                    places[number],
                )
            )
        if not all(await states.save("screen", changes)):
            raise SystemExit("the worker has touched a group before its deadlines were written; run it again")
    if now() > due_at - BEFORE * 1000:
        raise SystemExit("the states took longer to write than was left until their due time: take fewer --groups")
    return due_at


# -- all together ---------------------------------------------------------------------------------------------------------


def measure(given: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    work, _ = own_texts()
    found: dict[str, Any] = {"groups": given.groups, "open": given.groups * OPEN}
    if given.only != "fleet":
        found["embedded"], found["state"] = embedded(given, work)
    if given.only != "embedded":
        with own_stack() as stack:
            found["fleet"] = uvloop.run(in_fleet(given, stack, work, progress))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=10_000)
    parser.add_argument(
        "--due", type=int, default=10, help="deadlines of a group that fall due at once, at most 50 (10)"
    )
    parser.add_argument("--within", type=float, default=1, help="seconds over which they fall due (1)")
    parser.add_argument("--fleet-rate", type=int, default=100, help="messages a second in the fleet (100)")
    parser.add_argument("--embedded-rate", type=int, default=200, help="messages a second in one process (200)")
    parser.add_argument("--seconds", type=float, default=25, help="how long messages come after the due time (25)")
    parser.add_argument("--only", choices=["embedded", "fleet"], help="one of the two hosts")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not 1 <= given.due <= OPEN // 2 or given.groups < AT_ONCE:
        parser.error(f"--due: from 1 to {OPEN // 2}; --groups: at least {AT_ONCE}")
    # A topic that was just made has no leader for a moment; the client says so a hundred times, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        found = measure(given, progress)
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for name, value in found.items():
            print(f"{name:>10}  {value}")


if __name__ == "__main__":
    main()
