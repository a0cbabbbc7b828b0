"""What the rules of all packs add to a message: CPU time of judging, of its state, and of each rule.

    python benchmarks/judging.py [--messages 40000] [--hard] [--json]

A fleet of 10,000 groups with 10 members each, which go round all shipped packs; everyday work talk with 1 offence in 1,000
(the project's own texts), or with --hard 5 offences in 100 and between them mostly what only looks like one. Chunks of 2,048,
each message in a group drawn at random, so that hardly two of a chunk share
one; one every ten minutes in each group. Observations are decoded and measured beforehand, and not counted.

Five ways side by side, chunk by chunk, so that a slow moment of the machine slows all of them:
`base` is `Screen.handle` under packs whose clauses bind nothing, `stateless` binds the rules that look at one message
alone, `all` every rule, both with the states in memory. `embedded` is the embedded host with its SQLite store, `redis` is
`ScreenHost` with a Redis of its own (deploy/local/stack.py) and 4 partitions, which publishes to nobody and settles after
every chunk; both load, compare, encode and save the states that changed. Of those two, a `base` runs beside them as well: what
is `added` is the difference, rules and state together.

Before, each group has one message, on which all standing faults of the day are looked at: `first_look` is what that
costs a group, in microseconds; the states after it are what the others begin with. Two chunks more are for
what is worked out when it is first asked.

CPU time is of this process, kernel included; `redis_server` is that of Redis itself.

`by_rule` comes from one more run of `all`, with a clock around every call (what the clock takes is taken off): microseconds of
CPU a message, calls a message, microseconds a call; what verdicts, records and the rest of judging take is in no rule.
`explaining` shows what moved a trained score; it is asked only for what was found.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgspec
from fleet import PARTITIONS, cpu_seconds, local_stack, mixed, usual
from real_input import START
from rich.console import Console
from rich.progress import track

from classifiers.measure import Classifiers
from models import Account, Fleet, Group, Person
from models.observation import Millis
from policies.directory import Directory
from policies.schema import Pack
from policies.state import GroupState
from streams.agents import Screen
from streams.embedded import Embedded
from streams.fleet.control import Editions, Parts
from streams.fleet.screening import ScreenHost
from streams.ledger import RedisStates
from streams.ledger.rebuild import Row
from streams.loading import classifiers_from, packs_from, rest_collector
from streams.store import Store
from streams.topics import OBSERVATIONS, Effects, Record

GROUPS, MEMBERS, CHUNK = 10_000, 10, 2048
# Milliseconds between two messages of a group.
EVERY = 600_000
# Its pack wants all colleagues in the one group of an office; here each group would owe the people of all others. Its groups
# list no members.
ALL_IN = "ju-bangong"
# What these find they find in one message; all other rules keep state or look at what was before.
STATELESS = frozenset(
    {
        "content.category", "content.copyright", "file.program", "file.restricted", "image.content", "link.danger",
        "link.policy", "personal.data", "posting.permission", "topic.allowed",
    }
)  # fmt: skip
_SURNAMES = "赵钱孙李周吴郑王冯陈"
_GIVEN = "伟芳娜敏静丽强磊军洋"


def fleet(packs: Sequence[str]) -> Fleet:
    """Groups that go round the packs, in observe mode, each with the people of one department."""
    people = [
        Person(
            id=f"u{group}-{member}",
            name=f"{_SURNAMES[member]}{_GIVEN[group % 10]}{_GIVEN[group // 10 % 10]}",
            department=f"第{group}部",
            post="科长" if member == 0 else "科员",
            accounts=(Account("jsonl", f"u{group}-{member}"),),
        )
        for group in range(GROUPS)
        for member in range(MEMBERS)
    ]
    groups = [
        Group(
            id=f"g{group}",
            name=f"第{group}部工作群",
            pack=packs[group % len(packs)],
            owner=f"u{group}-0",
            members=tuple(f"u{group}-{member}" for member in range(MEMBERS))
            if packs[group % len(packs)] != ALL_IN
            else (),
        )
        for group in range(GROUPS)
    ]
    return Fleet(people=tuple(people), groups=tuple(groups))


def only(packs: Mapping[str, Pack], keeps: Callable[[str | None], bool]) -> dict[str, Pack]:
    """The packs with those bindings whose rule is kept."""
    return {
        slug: msgspec.structs.replace(
            pack,
            clauses={
                name: msgspec.structs.replace(clause, bindings=tuple(b for b in clause.bindings if keeps(b.rule)))
                for name, clause in pack.clauses.items()
            },
        )
        for slug, pack in packs.items()
    }


def bodies(texts: Sequence[str], count: int) -> Iterator[tuple[int, Millis, bytes]]:
    """First a message of each group, then `count` of groups at random: group, time and observation."""
    numbers = random.Random(20261121)
    groups = [*range(GROUPS), *(numbers.randrange(GROUPS) for _ in range(count))]
    for number, group in enumerate(groups):
        at = START + number * EVERY // GROUPS
        seen = {
            "v": 1,
            "id": f"judged-{number}",
            "type": "message.created",
            "platform": "jsonl",
            "group": {"id": f"g{group}"},
            "sender": {"id": f"u{group}-{numbers.randrange(MEMBERS)}"},
            "sent_at": at,
            "kind": "text",
            "text": texts[number % len(texts)],
        }
        yield group, at, msgspec.json.encode(seen)


# -- ways to judge --------------------------------------------------------------------------------------------------------


class Way(Protocol):
    """Takes records that its own `screen` has decoded and measured. `begin` gives it the states after the first look."""

    screen: Screen

    def begin(self, states: Mapping[str, bytes]) -> None: ...

    def judge(self, records: Sequence[Record]) -> None: ...


class InMemory:
    """`Screen.handle`, with states that stay where they are."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.states: dict[str, Any] = {}
        self.verdicts = 0

    def begin(self, states: Mapping[str, bytes]) -> None:
        self.states = {key: msgspec.json.decode(value, type=GroupState) for key, value in states.items()}

    def judge(self, records: Sequence[Record]) -> None:
        effects = self.screen.handle(records, self.states)
        self.states.update(effects.state)
        self.verdicts += len(effects.records)


class InSqlite:
    """The embedded host; the agents after screen are not asked."""

    def __init__(self, host: Embedded) -> None:
        self.host, self.screen = host, host.screen

    def begin(self, states: Mapping[str, bytes]) -> None:
        with self.host.store.transaction():
            self.host.store.save("screen", 0, {key: (value, None) for key, value in states.items()}, Effects())

    def judge(self, records: Sequence[Record]) -> None:
        self.host.feed(records)


class Nobody:
    """Takes what is published; Kafka is not measured here."""

    async def publish(self, records: Iterable[Record]) -> None:
        for _ in records:
            pass


class InRedis:
    """The fleet's host of screen on a real Redis."""

    def __init__(self, runner: asyncio.Runner, url: str, parts: Parts) -> None:
        self._run = runner.run
        self._states = self._run(RedisStates.open(url, f"judging-{uuid4().hex[:8]}"))
        self._host = ScreenHost(Editions.begin(parts), _ready, self._states, Nobody(), _away)
        self.screen = self._host.agent

    def begin(self, states: Mapping[str, bytes]) -> None:
        self._run(self._begin([Row("screen", key, 1, value, {}, None, None) for key, value in states.items()]))

    async def _begin(self, rows: Sequence[Row]) -> None:
        rebuild = await self._states.begin_rebuild()
        assert rebuild is not None
        async with rebuild:
            await rebuild.write(rows)
            await rebuild.finish()

    def judge(self, records: Sequence[Record]) -> None:
        lanes: dict[int, list[Record]] = defaultdict(list)
        for one in records:
            lanes[one.partition].append(one)
        self._run(self._judge(list(lanes.values())))

    async def _judge(self, chunks: Sequence[Sequence[Record]]) -> None:
        await self._host.handle(chunks)
        await self._host.settle()

    def close(self) -> None:
        self._run(self._states.close())


async def _ready() -> None:
    """Nothing is announced here."""


async def _away(error: Exception) -> None:
    raise SystemExit(f"Redis is away, so nothing can be measured: {error}")


# -- clocks around rules --------------------------------------------------------------------------------------------------


@dataclass
class Spent:
    calls: int = 0
    nanoseconds: int = 0


class Clock:
    """Adds up what calls take, by name, less what calls within them take."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = defaultdict(Spent)
        self.own = 0.0
        self._within = 0
        empty = self.around("", lambda: ())
        for _ in range(20_000):
            empty()
        self.own = self.spent.pop("").nanoseconds / 20_000

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        spent, clock = self.spent[name], time.thread_time_ns

        def timed(*given: Any) -> Any:
            before, self._within = self._within, 0
            began = clock()
            found = tuple(work(*given))
            took = clock() - began
            spent.nanoseconds += took - self._within
            spent.calls += 1
            self._within = before + took
            return found

        return timed

    def watch(self, screen: Screen) -> None:
        """Put a clock around every rule of every pack, and around explaining."""
        for pack in screen.packs.values():
            for bound in pack.bound.values():
                # Frozen, as nobody else may do this.
                object.__setattr__(bound, "rule", _TimedRule(bound.rule, self))
        screen.classifiers.explain = self.around("explaining", screen.classifiers.explain)  # type: ignore[method-assign]

    def table(self, messages: int) -> dict[str, dict[str, float]]:
        rows = {}
        for name, one in self.spent.items():
            if one.calls:
                took = max(0.0, one.nanoseconds - one.calls * self.own) / 1000
                rows[name] = {
                    "us_per_message": round(took / messages, 3),
                    "calls_per_message": round(one.calls / messages, 3),
                    "us_per_call": round(took / one.calls, 2),
                }
        return dict(sorted(rows.items(), key=lambda row: -row[1]["us_per_message"]))


class _TimedRule:
    def __init__(self, rule: Any, clock: Clock) -> None:
        self._rule = rule
        for work in ("see", "faults", "due"):
            setattr(self, work, clock.around(rule.name, getattr(rule, work)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rule, name)


# -- all together ---------------------------------------------------------------------------------------------------------


def measure(messages: int, texts: Sequence[str], stack: Any, folder: Path, console: Console) -> dict[str, Any]:
    packs = packs_from([])
    who = fleet(sorted(set(packs) - {"baseline"}))
    directory = Directory(who)
    known = classifiers_from()
    sets = {
        "base": only(packs, lambda rule: False),
        "stateless": only(packs, lambda rule: rule in STATELESS),
        "all": packs,
    }

    def classifiers() -> Classifiers:
        # Each way has its own: what one has explained would be at hand for the next.
        return Classifiers(known.keywords, known.model)

    with ExitStack() as ending:
        runner = ending.enter_context(asyncio.Runner())
        ways: dict[str, Way] = {name: InMemory(Screen(classifiers(), some, directory)) for name, some in sets.items()}
        ways["timed"] = timed = InMemory(Screen(classifiers(), packs, directory))
        for name in ("base", "all"):
            store = Store(folder / f"{name}.db", durable=False)
            ending.callback(store.close)
            ways[f"embedded_{name}"] = InSqlite(Embedded(store, classifiers(), sets[name], directory, chunk=CHUNK))
        for name in ("base", "all"):
            way = InRedis(runner, stack.redis, Parts(sets[name], who, known.keywords, known.model))
            ending.callback(way.close)
            ways[f"redis_{name}"] = way
        rest_collector()
        return _run(messages, texts, ways, timed, stack.pid("redis"), console)


def _run(
    messages: int, texts: Sequence[str], ways: Mapping[str, Way], timed: InMemory, redis: int, console: Console
) -> dict[str, Any]:
    everything = list(bodies(texts, messages + 2 * CHUNK))
    first, second = everything[:GROUPS], everything[GROUPS:]
    plain = {name: ways[name] for name in ("base", "stateless", "all")}
    looks, _, _ = _judged(first, 0, plain, redis, console)
    for name, way in ways.items():
        seen = plain["base" if name.endswith("base") else "all"] if name not in plain else None
        if isinstance(seen, InMemory):
            way.begin({key: msgspec.json.encode(value) for key, value in seen.states.items()})
            # Entered once in the life of a host.
            way.screen._known_groups |= seen.screen._known_groups
    # Expressions are compiled when they are first asked.
    warm, second = second[: 2 * CHUNK], second[2 * CHUNK :]
    _judged(warm, GROUPS, ways, redis, console)
    clock = Clock()
    clock.watch(timed.screen)
    verdicts = {name: way.verdicts for name, way in plain.items() if isinstance(way, InMemory)}
    spent, chunks, server = _judged(second, GROUPS + len(warm), ways, redis, console)
    each = {name: round(sum(some) / messages * 1e6, 2) for name, some in spent.items()}
    every = ways["all"]
    assert isinstance(every, InMemory)
    return {
        "packs": len(every.screen.packs) - 1,
        "bindings": sum(len(one.bound) for one in every.screen.packs.values()),
        "groups": GROUPS,
        "messages": messages,
        "chunks": chunks,
        "verdicts_per_100": round((every.verdicts - verdicts["all"]) / messages * 100, 2),
        "us_per_message": each,
        "added_us": {
            "stateless": round(each["stateless"] - each["base"], 2),
            "all": round(each["all"] - each["base"], 2),
            "embedded": round(each["embedded_all"] - each["embedded_base"], 2),
            "redis": round(each["redis_all"] - each["redis_base"], 2),
        },
        "ratio_to_base": {name: round(took / each["base"], 2) for name, took in each.items()},
        "redis_server_us": {name: round(took / messages * 1e6, 1) for name, took in server.items()},
        "first_look_us": {name: round(sum(some) / GROUPS * 1e6, 1) for name, some in looks.items()},
        "state_bytes": round(sum(len(msgspec.json.encode(one)) for one in every.states.values()) / len(every.states)),
        "by_rule": clock.table(messages),
    }


def _judged(
    some: Sequence[tuple[int, Millis, bytes]], offset: int, ways: Mapping[str, Way], redis: int, console: Console
) -> tuple[dict[str, list[float]], int, dict[str, float]]:
    """CPU seconds of each way for each chunk; how many chunks; CPU seconds of Redis itself."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    server: dict[str, float] = defaultdict(float)
    starts = range(0, len(some), CHUNK)
    for turn, start in enumerate(track(starts, "chunks", console=console, disable=not console.is_terminal)):
        # Who comes first finds the processor's cache cold.
        names = list(ways)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            records = [
                Record(OBSERVATIONS, f"jsonl:g{group}", body, offset + start + at, when, partition=group % PARTITIONS)
                for at, (group, when, body) in enumerate(some[start : start + CHUNK])
            ]
            way = ways[name]
            way.screen.keys(records)
            way.screen.measure(records)
            before, began = cpu_seconds(redis), time.process_time()
            way.judge(records)
            spent[name].append(time.process_time() - began)
            if name.startswith("redis"):
                server[name] += cpu_seconds(redis) - before
    return spent, len(starts), server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=40_000, help="after the first one of each group (40000)")
    parser.add_argument("--hard", action="store_true", help="5 offences in 100, and mostly what looks like one")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.messages < CHUNK:
        parser.error(f"--messages: at least {CHUNK}")
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="xunqun-judging-") as folder:
        stack = local_stack().Stack(Path(folder) / "stack")
        try:
            stack.up(["redis"], free_ports=True)
            found = measure(given.messages, mixed() if given.hard else usual(), stack, Path(folder), console)
        finally:
            stack.down(["redis"], wipe=True)
    if given.json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    for name, value in found.items():
        if name != "by_rule":
            print(f"{name:>18}  {value}")
    for name, row in found["by_rule"].items():
        print(f"{name:>24}  {row['us_per_message']:8.3f} us  {row['calls_per_message']:7.3f} calls")


if __name__ == "__main__":
    main()
