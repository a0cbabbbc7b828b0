"""A tick reaches its groups by and by: messages do not wait for it, a group keeps its order, a death leaves nothing out."""

import asyncio
import random
import sys
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))

from fleet_house import Topics, _failing, _now

from classifiers.keywords import Keywords, load_lists
from models import Account, Fleet, Group, Person
from policies.state import GroupState
from streams.fleet import screening
from streams.fleet.control import Editions, Parts
from streams.fleet.kafka import GROUP_STATE
from streams.fleet.screening import ScreenHost
from streams.ledger import RedisStates
from streams.loading import packs_from
from streams.topics import JUDGEMENTS, OBSERVATIONS, Record, value_of

# A Sunday evening in China; the time for an answer begins on Monday.
START = 1_795_051_800_000
MINUTE, HOUR = 60_000, 3_600_000
QUESTION, ANSWER, WORK = "3号机什么时候能修好?", "下午三点前修好", "三号机今天的产量报表已经交了"
PARTITION, GROUPS = 3, 30


def a_fleet() -> Fleet:
    """Groups of three under a pack that wants questions answered within two working hours."""
    members = [[f"u{group}-{one}" for one in range(3)] for group in range(GROUPS)]
    people = [Person(id=one, name="王建国", accounts=(Account("jsonl", one),)) for some in members for one in some]
    groups = [
        Group(id=f"g{n}", name=f"{n}号工作群", pack="xianchuang", owner=some[0], members=tuple(some))
        for n, some in enumerate(members)
    ]
    return Fleet(people=tuple(people), groups=tuple(groups))


class Killed(Exception):
    """The process is gone between two steps."""


class Dying:
    """The states of a fleet, for a process that dies in its n-th save: before it, or right after it."""

    def __init__(self, states: RedisStates, *, at: int, saved: bool) -> None:
        self.states, self.left, self.saved = states, at, saved

    def __getattr__(self, name):
        return getattr(self.states, name)

    async def save(self, *arguments):
        self.left -= 1
        if self.left == 0 and not self.saved:
            raise Killed
        versions = await self.states.save(*arguments)
        if self.left == 0:
            raise Killed
        return versions


class Log:
    """One partition of observations. Times are milliseconds after START."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def says(self, group: int, text: str, appended: int, *, by: int = 0, sent: int | None = None) -> None:
        body = {
            "v": 1, "id": f"m{len(self.records)}", "type": "message.created", "platform": "jsonl", "group": {"id": f"g{group}"},
            "sender": {"id": f"u{group}-{by}"}, "sent_at": START + (appended if sent is None else sent), "kind": "text",
            "text": text,
        }  # fmt: skip
        self._append(f"jsonl:g{group}", body, appended)

    def ticks(self, appended: int) -> None:
        self._append("", {"type": "clock.tick", "sent_at": START + appended + 7}, appended)

    def _append(self, key: str, body: dict, appended: int) -> None:
        value = msgspec.json.encode(body)
        self.records.append(Record(OBSERVATIONS, key, value, len(self.records), START + appended, partition=PARTITION))

    def read(self, start: int, count: int) -> list[Record]:
        """As they come from Kafka, each time anew."""
        some = self.records[start : start + count]
        return [Record(one.topic, one.key, one.value, one.offset, one.appended_at, partition=PARTITION) for one in some]


class Screening:
    """A fleet on a Redis of its own prefix, and its owners one after the other."""

    def __init__(self, url: str) -> None:
        self.url, self.name, self.topics = url, f"ticks-{uuid4().hex[:8]}", Topics()
        who = a_fleet()
        self.editions = Editions.begin(Parts(packs_from([], who), who, Keywords(load_lists()), None))

    async def __aenter__(self):
        self.states = await RedisStates.open(self.url, self.name)
        rebuild = await self.states.begin_rebuild()
        async with rebuild:
            await rebuild.finish()
        self.host = self.another()
        return self

    async def __aexit__(self, *_):
        async with Redis.from_url(self.url) as redis:
            await redis.delete(*[key async for key in redis.scan_iter(f"{self.name}:*", count=1000)])
        await self.states.close()

    def another(self, states=None) -> ScreenHost:
        return ScreenHost(self.editions, _now, states or self.states, self.topics, _failing)

    async def works_off(self) -> None:
        while await self.host.go_on():
            pass

    def unanswered(self) -> list[str]:
        """The groups of the deadlines that were judged, each time that it was published."""
        verdicts = [value_of(one).verdict for one in self.topics.records.get(JUDGEMENTS, [])]
        return [
            one.group_id for one in verdicts for each in one.violations if each.cause and each.cause.kind == "deadline"
        ]

    def found(self) -> set[str]:
        verdicts = [value_of(one).verdict for one in self.topics.records.get(JUDGEMENTS, [])]
        return {each.id for one in verdicts for each in (*one.violations, *one.uncertain)}

    async def stored(self) -> dict[str, bytes]:
        found = await self.states.load("screen", [f"jsonl:g{n}" for n in range(GROUPS)])
        return {key: one.value for key, one in found.items()}


@pytest.fixture
def one_at_a_time(monkeypatch):
    for name in ("_FIRST_GROUPS", "_LEAST_GROUPS", "_MOST_GROUPS"):
        monkeypatch.setattr(screening, name, 1)


def test_a_message_waits_for_the_ticks_of_its_own_group_only(stack, one_at_a_time):
    log = Log()
    for group in range(GROUPS):
        log.says(group, QUESTION, group)
    log.ticks(72 * HOUR)
    # By his clock he answers in time; the tick was there before him.
    log.says(7, ANSWER, 72 * HOUR + 5, by=1, sent=MINUTE)
    log.says(8, WORK, 72 * HOUR + 6, by=1)

    async def run():
        async with Screening(stack.redis) as at:
            await at.host.handle([log.read(0, GROUPS)])
            await at.works_off()
            assert at.unanswered() == []
            await at.host.handle([log.read(GROUPS, 3)])
            assert sorted(at.unanswered()) == ["g7", "g8"]
            ends = [at.host.is_unfinished(OBSERVATIONS, PARTITION, end) for end in (GROUPS, GROUPS + 1, GROUPS + 3)]
            assert ends == [False, True, True]
            assert not at.host.is_unfinished(OBSERVATIONS, PARTITION + 1, GROUPS + 3)
            assert not at.host.is_unfinished("observations-again", PARTITION, GROUPS + 3)
            assert await at.host.go_on()
            assert len(at.unanswered()) == 3
            await at.works_off()
            assert not at.host.is_unfinished(OBSERVATIONS, PARTITION, GROUPS + 3)
            assert sorted(at.unanswered()) == sorted(f"g{n}" for n in range(GROUPS))

    asyncio.run(run())


def test_a_deadline_that_was_over_when_it_was_set_holds_up_no_other_group(stack, one_at_a_time):
    """Who asks with a slow clock after a tick is due by that tick, and has to wait for the next one."""
    log = Log()
    log.says(1, QUESTION, 0)
    log.ticks(72 * HOUR)
    log.says(0, QUESTION, 72 * HOUR + 5, sent=0)

    async def run():
        async with Screening(stack.redis) as at:
            await at.host.handle([log.read(0, 3)])
            await at.works_off()
            assert at.unanswered() == ["g1"]
            assert not at.host.is_unfinished(OBSERVATIONS, PARTITION, 3)
            log.ticks(72 * HOUR + MINUTE)
            await at.host.handle([log.read(3, 1)])
            await at.works_off()
            assert at.unanswered() == ["g1", "g0"]

    asyncio.run(run())


def test_what_waits_for_the_compacted_topic_is_bounded_while_nothing_is_committed(stack, monkeypatch):
    monkeypatch.setattr(screening, "_SETTLED_AT_ONCE", 4)
    monkeypatch.setattr(screening, "_MOST_UNSETTLED", 5)
    for name in ("_FIRST_GROUPS", "_LEAST_GROUPS", "_MOST_GROUPS"):
        monkeypatch.setattr(screening, name, 5)
    log = Log()
    for group in range(GROUPS):
        log.says(group, QUESTION, group)
    log.ticks(72 * HOUR)

    async def run():
        async with Screening(stack.redis) as at:
            await at.host.handle([log.read(0, GROUPS)])
            await at.host.settle()
            before = len(at.topics.records[GROUP_STATE])
            await at.host.handle([log.read(GROUPS, 1)])
            # Of the first turn it begins beside the second, at whose end it is waited for.
            await at.host.go_on()
            assert len(at.topics.records[GROUP_STATE]) == before
            await at.host.go_on()
            assert len(at.topics.records[GROUP_STATE]) >= before + 5

    asyncio.run(run())


@pytest.mark.parametrize(("second", "looks"), [(2 * MINUTE, 1), (24 * HOUR, 2)])
def test_of_ticks_of_one_day_that_are_open_together_a_group_is_given_the_last(stack, second, looks):
    log = Log()
    log.says(0, QUESTION, 0, by=0)
    log.says(0, QUESTION, MINUTE, by=1)
    log.ticks(2 * HOUR + MINUTE // 2)
    log.ticks(2 * HOUR + second)

    async def run():
        async with Screening(stack.redis) as at:
            await at.host.handle([log.read(0, 2)])
            await at.works_off()
            before = await at.states.version("screen", ["jsonl:g0"])
            await at.host.handle([log.read(2, 2)])
            await at.works_off()
            after = await at.states.version("screen", ["jsonl:g0"])
            assert after["jsonl:g0"] - before["jsonl:g0"] == looks
            assert at.unanswered() == ["g0", "g0"]

    asyncio.run(run())


def test_what_stands_wrong_stands_since_the_first_of_the_ticks_that_are_open_together(stack):
    log = Log()
    log.ticks(MINUTE)
    log.ticks(2 * MINUTE)
    log.ticks(24 * HOUR)
    log.ticks(24 * HOUR + MINUTE)

    async def run():
        async with Screening(stack.redis) as at:
            await at.states.seed_dues("screen", PARTITION, ["jsonl:g0"])
            await at.host.handle([log.read(0, 4)])
            await at.works_off()
            found = (await at.states.load("screen", ["jsonl:g0"]))["jsonl:g0"]
            state = msgspec.json.decode(found.value, type=GroupState)
            assert {one.since for one in state.faults.values()} == {START + MINUTE}
            # The second day was begun by its first tick too, and its second one found nothing due.
            assert found.applied == {f"{OBSERVATIONS}/{PARTITION}": 2}

    asyncio.run(run())


def a_day(seed: int) -> Log:
    """Questions and answers in all groups, clocks that are wrong, and ticks; several deadlines of a group fall due at once."""
    numbers, log, at = random.Random(seed), Log(), 0
    for _ in range(300):
        at += numbers.choice((1, 1, 1, MINUTE, 3 * HOUR))
        if numbers.random() < 0.1:
            for _ in range(numbers.choice((1, 1, 3))):
                log.ticks(at := at + numbers.randrange(3))
            continue
        late = numbers.choice((0, 0, 0, 2 * MINUTE, 5 * HOUR, -2 * HOUR))
        log.says(
            numbers.randrange(GROUPS), numbers.choice((QUESTION, QUESTION, ANSWER, WORK)), at,
            by=numbers.randrange(3), sent=at - late,
        )  # fmt: skip
    log.ticks(at + 72 * HOUR)
    return log


@pytest.mark.parametrize("seed", range(6))
def test_the_answer_is_the_same_however_ticks_are_cut_and_owners_die(stack, monkeypatch, seed):
    log, numbers = a_day(seed), random.Random(-seed)

    async def in_order():
        async with Screening(stack.redis) as at:
            for number in range(len(log.records)):
                await at.host.handle([log.read(number, 1)])
                await at.works_off()
            return at.found(), await at.stored(), len(at.unanswered())

    async def torn():
        deaths = place = committed = 0
        async with Screening(stack.redis) as at:

            def successor():
                # The last owner is left to live, so that this ends.
                dying = Dying(at.states, at=numbers.randrange(1, 9), saved=numbers.random() < 0.5)
                host = at.another(dying if deaths < 25 else at.states)
                host.agent.forget_windows()
                return host

            at.host = successor()
            while place < len(log.records) or at.host.is_unfinished(OBSERVATIONS, PARTITION, place):
                try:
                    count = numbers.choice((1, 5, 40))
                    await at.host.handle([log.read(place, count)] if place < len(log.records) else [])
                    place = min(place + count, len(log.records))
                    for _ in range(numbers.choice((0, 1, 1, 4))):
                        await at.host.go_on()
                    if numbers.random() < 0.5:
                        await at.host.settle()
                        while committed < place and not at.host.is_unfinished(OBSERVATIONS, PARTITION, committed + 1):
                            committed += 1
                except Killed:
                    deaths += 1
                    at.host, place = successor(), committed
            return at.found(), await at.stored(), deaths

    found, stored, fired = asyncio.run(in_order())
    for name in ("_FIRST_GROUPS", "_LEAST_GROUPS", "_MOST_GROUPS"):
        monkeypatch.setattr(screening, name, numbers.choice((1, 3)))
    monkeypatch.setattr(screening, "_MOST_HELD", 2000)
    torn_found, torn_stored, deaths = asyncio.run(torn())
    assert fired > 20
    assert deaths > 5
    assert torn_found == found
    assert torn_stored == stored
