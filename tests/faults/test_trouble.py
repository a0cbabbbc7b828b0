"""What a host and a service do when the store, or a part of them, fails for a moment."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from time import monotonic

import pytest
import sqlalchemy as sa

import streams.service
from classifiers.measure import Classifiers
from connectors.simulated import SimulatedActuator
from models import Fleet, Group, Person
from policies.directory import Directory
from policies.lint import load_packs
from streams.cases.tables import dead_letters, groups_seen, judged
from streams.embedded import Embedded
from streams.metrics import Metrics
from streams.service import Service
from streams.store import Store, StoreUnavailable

WORDS = "三号机已复位"


def a_message(id, **given):
    message = {"type": "message.created", "id": id, "group": {"id": "g1"}, "sender": {"id": "u1"}, "text": WORDS}
    return json.dumps({**message, "sent_at": 1_795_051_800_000, **given}).encode()


def locked(*_):
    raise sa.exc.OperationalError("SELECT", {"text": WORDS}, Exception("disk I/O error"))


@pytest.fixture(scope="module")
def classifiers():
    return Classifiers.load()


@pytest.fixture
def host(tmp_path, classifiers):
    return Embedded(Store(tmp_path / "xunqun.db"), classifiers, load_packs(), Directory(Fleet()))


@asynccontextmanager
async def running(host, actuator=None):
    service = Service(host, actuator or SimulatedActuator(), Metrics(), tick_seconds=0.05)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def until_ready(service, wanted):
    deadline = monotonic() + 20
    while service.ready()[0] is not wanted:
        assert monotonic() < deadline, service.ready()
        await asyncio.sleep(0.01)


def test_a_read_that_fails_is_no_fault_of_the_record(host, monkeypatch):
    host.append([a_message("m1"), a_message("m2")], 0)
    with monkeypatch.context() as broken:
        broken.setattr(host.store, "load", locked)
        with pytest.raises(StoreUnavailable):
            host.step()
    host.drain()
    assert not host.store.connection.execute(sa.select(dead_letters)).all()
    assert host.store.connection.scalar(sa.select(sa.func.sum(judged.c.count))) == 2
    host.store.close()


def test_a_group_is_entered_although_its_first_message_came_at_a_bad_time(host, monkeypatch):
    host.append([a_message("m1")], 0)
    with monkeypatch.context() as broken:
        broken.setattr(host.store, "save", locked)
        with pytest.raises(StoreUnavailable):
            host.step()
    host.drain()
    assert host.store.connection.scalars(sa.select(groups_seen.c.key)).all() == ["jsonl:g1"]
    host.store.close()


async def test_a_loop_that_broke_once_is_well_again_and_repeats_no_words(host, monkeypatch):
    monkeypatch.setattr(streams.service, "_WELL_AGAIN_SECONDS", 2.0)
    tick, calls = host.tick, []

    def breaks_once(now):
        calls.append(now)
        if len(calls) == 1:
            raise ValueError(WORDS)
        return tick(now)

    monkeypatch.setattr(host, "tick", breaks_once)
    async with running(host) as service:
        await until_ready(service, False)
        (reason,) = service.ready()[1]
        assert reason.startswith("keep_time failed: ValueError at test_trouble.py:")
        assert WORDS not in reason
        await until_ready(service, True)
        assert len(calls) > 1


async def test_a_service_that_refused_a_post_finds_out_by_itself_that_it_can_store_again(host, monkeypatch):
    def full(*_, **__):
        raise StoreUnavailable("the store cannot write: database or disk is full")

    async with running(host) as service:
        await until_ready(service, True)
        with monkeypatch.context() as broken:
            broken.setattr(host.store, "transaction", full)
            assert (await service.append(a_message("m1"))).status == "unavailable"
            # The dispatcher reads on all the while, which says nothing about writing.
            for _ in range(30):
                assert service.ready() == (False, ["the store cannot write: database or disk is full"])
                await asyncio.sleep(0.05)
        await until_ready(service, True)


class BreaksOnce(SimulatedActuator):
    """A connector with a mistake in it."""

    async def send(self, action):
        outcome = await super().send(action)
        if len(self.asked) == 1:
            raise ValueError(WORDS)
        return outcome


async def test_an_action_on_which_the_connector_breaks_is_tried_again(tmp_path, classifiers):
    group = Group(
        id="g1",
        pack="xianchuang",
        mode="enforce",
        owner="u2",
        members=("u1", "u2"),
        facts={"monitoring_notice_at": "2020-01-01"},
    )
    fleet = Fleet(people=(Person(id="u1", name="王建国"), Person(id="u2", name="李秀英")), groups=(group,))
    host = Embedded(Store(tmp_path / "xunqun.db"), classifiers, load_packs(), Directory(fleet))
    actuator = BreaksOnce()
    async with running(host, actuator) as service:
        now = time.time_ns() // 1_000_000
        await service.append(a_message("m1", text="今晚牛牛开房，注册送彩金", sent_at=now, kind="text"))
        deadline = monotonic() + 20
        while (found := (await service.status())["actions"]) != {"confirmed": 1}:
            assert monotonic() < deadline, found
            await asyncio.sleep(0.05)
        assert service.ready() == (True, [])
    assert [one.call for one in actuator.asked] == ["notify", "notify"]
    assert len({one.id for one in actuator.asked}) == 1


@pytest.mark.parametrize("moment", range(6))
async def test_a_service_ends_whatever_comes_at_that_moment(host, moment):
    """A wait that is over in the moment in which it is cancelled must not take the cancellation for its own."""
    service = Service(host, SimulatedActuator(), Metrics(), tick_seconds=0.05)
    await service.start()
    await until_ready(service, True)
    while host.backlog() or not service._news._waiters:
        await asyncio.sleep(0.01)
    service._news.set()
    for _ in range(moment):
        await asyncio.sleep(0)
    stopping = asyncio.ensure_future(service.stop())
    await asyncio.wait({stopping}, timeout=10)
    assert stopping.done()
