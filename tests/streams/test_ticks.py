"""Where much is due at once in one process, ticks go in portions, and what is said meanwhile waits for one of them only."""

import asyncio
import time

import msgspec
import pytest

from classifiers.measure import Classifiers
from connectors.simulated import SimulatedActuator
from models import Account, Fleet, Group, Person
from policies.directory import Directory
from streams.agents import Screen
from streams.embedded import _TICKED_AT_ONCE, Embedded
from streams.loading import packs_from
from streams.metrics import Metrics
from streams.service import Service
from streams.store import Store
from streams.topics import JUDGEMENTS

# A Sunday evening in China; two working hours for an answer begin on Monday.
START = 1_795_051_800_000
LATER = START + 72 * 3_600_000
GROUPS = 3 * _TICKED_AT_ONCE - 5
ADVERT = "面膜内部代理价，拉三个下线返现"


def a_message(name: str, group: int, text: str, at: int) -> bytes:
    body = {"id": name, "type": "message.created", "platform": "jsonl", "group": {"id": f"g{group}"}, "kind": "text"}
    return msgspec.json.encode({**body, "sender": {"id": f"u{group}"}, "sent_at": at, "text": text})


@pytest.fixture
def host(tmp_path, classifiers: Classifiers):
    """A question in each group, which nobody answers."""
    people = tuple(Person(id=f"u{n}", name="王建国", accounts=(Account("jsonl", f"u{n}"),)) for n in range(GROUPS))
    groups = tuple(
        Group(id=f"g{n}", name=f"{n}号工作群", pack="xianchuang", owner=f"u{n}", members=(f"u{n}",))
        for n in range(GROUPS)
    )
    who = Fleet(people=people, groups=groups)
    store = Store(tmp_path / "xunqun.db")
    made = Embedded(store, classifiers, packs_from([], who), Directory(who))
    made.append([a_message(f"q{n}", n, "3号机什么时候能修好?", START) for n in range(GROUPS)], START)
    made.drain()
    yield made
    store.close()


def verdicts(done) -> list:
    return [value.verdict for one in done for topic, _, value, _ in one.effects.records if topic == JUDGEMENTS]


def unanswered(found) -> set[str]:
    return {one.group_id for one in found for each in one.violations if each.cause and each.cause.kind == "deadline"}


def test_ticks_go_in_portions_and_a_message_waits_for_one_of_them_only(host: Embedded):
    assert host.tick(LATER) == _TICKED_AT_ONCE
    assert host.more_due
    host.append([a_message("ad", 0, ADVERT, LATER)], LATER)
    # Those before were not judged yet.
    assert host.tick(LATER) == 0
    first = verdicts(host.step())
    assert "ad" in {one.observation_id for one in first}
    found, portions = unanswered(first), 1
    # g0 is due like the others, by the message if not by a tick.
    assert len(found) in (_TICKED_AT_ONCE, _TICKED_AT_ONCE + 1)
    while host.more_due:
        portions += bool(host.tick(LATER))
        found |= unanswered(verdicts(host.step()))
        assert portions < 10
    assert found == {f"g{n}" for n in range(GROUPS)}
    host.drain()
    assert host.tick(LATER) == 0
    assert not host.more_due


def test_no_tick_comes_while_an_agent_is_behind(host: Embedded):
    host.append([a_message(f"ad{n}", n % GROUPS, ADVERT, START + n) for n in range(2 * host.chunk)], START)
    host.step()
    assert host.tick(LATER) == 0
    assert host.more_due
    host.drain()
    assert host.tick(LATER) == _TICKED_AT_ONCE


def test_groups_that_a_tick_does_not_help_are_not_ticked_without_end(host: Embedded, monkeypatch):
    handle = Screen.handle

    def broken(self, records, state):
        if any(one.decoded.type == "clock.tick" for one in records):
            raise ValueError("a rule is broken")
        return handle(self, records, state)

    monkeypatch.setattr(Screen, "handle", broken)
    ticked = [host.tick(LATER)]
    while host.more_due:
        host.drain()
        ticked.append(host.tick(LATER))
    assert ticked == [_TICKED_AT_ONCE] * 2


def test_a_service_works_off_what_is_due_without_waiting_for_its_clock(host: Embedded):
    found: set[str] = set()

    async def run():
        service = Service(
            host, SimulatedActuator(), Metrics(), tick_seconds=2, clock=lambda: LATER,
            watch=lambda done: found.update(unanswered(verdicts(done))),
        )  # fmt: skip
        await service.start()
        deadline = time.monotonic() + 20
        while not found:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        first = time.monotonic()
        while len(found) < GROUPS:
            assert time.monotonic() < deadline, f"{len(found)} of {GROUPS}"
            await asyncio.sleep(0.01)
        assert time.monotonic() - first < 2
        await service.stop()

    asyncio.run(run())
    assert found == {f"g{n}" for n in range(GROUPS)}
