"""Redis loses what a worker saved last and is rebuilt from what was settled: whoever is further in the log is right."""

import asyncio
import sys
from itertools import count
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))

from fleet_house import Topics, _failing, _now

from classifiers.keywords import Keywords
from models import Fleet, Group
from policies.state import GroupState
from streams.fleet.control import Editions, Parts
from streams.fleet.kafka import GROUP_STATE
from streams.fleet.restore import newest
from streams.fleet.screening import ScreenHost
from streams.ledger import RedisStates
from streams.loading import packs_from
from streams.topics import OBSERVATIONS, Record

KEY = "jsonl:g1"
START = 1_795_051_800_000


class Screening:
    """One group under one host, on a Redis of its own prefix."""

    def __init__(self, url):
        self.url, self.name, self.topics, self.offsets = url, f"catch-{uuid4().hex[:8]}", Topics(), count()
        who = Fleet(groups=(Group(id="g1", pack="baseline"),))
        self.editions = Editions.begin(Parts(packs_from([], who), who, Keywords([]), None))

    async def __aenter__(self):
        self.states = await RedisStates.open(self.url, self.name)
        await self.rebuild()
        self.host = self.another()
        return self

    async def __aexit__(self, *_):
        await self.lose()
        await self.states.close()

    def another(self):
        return ScreenHost(self.editions, _now, self.states, self.topics, _failing)

    async def rebuild(self):
        rebuild = await self.states.begin_rebuild()
        async with rebuild:
            await rebuild.write(newest(self.topics.records.get(GROUP_STATE, [])))
            await rebuild.finish()

    async def lose(self):
        async with Redis.from_url(self.url) as redis:
            found = [key async for key in redis.scan_iter(f"{self.name}:*", count=1000)]
            if found:
                await redis.delete(*found)

    def joins(self, who):
        offset = next(self.offsets)
        body = {"id": f"j{offset}", "type": "member.joined", "platform": "jsonl", "group": {"id": "g1"}}
        body |= {"sent_at": START + offset, "target": {"id": who}}
        return Record(OBSERVATIONS, KEY, msgspec.json.encode(body), offset, START + offset, partition=3)

    async def members(self):
        (found,) = (await self.states.load("screen", [KEY])).values()
        return {one.rpartition(":")[2] for one in msgspec.json.decode(found.value, type=GroupState).joined}


@pytest.fixture
def screening(stack):
    return Screening(stack.redis)


def test_what_the_owner_had_saved_comes_back_when_redis_was_rebuilt_without_it(screening):
    async def run():
        async with screening as at:
            await at.host.handle([[at.joins("a")]])
            await at.host.settle()
            await at.host.handle([[at.joins("b")]])
            await at.lose()
            await at.rebuild()
            assert await at.members() == {"a"}
            await at.host.handle([[at.joins("c")]])
            assert await at.members() == {"a", "b", "c"}
            await at.host.settle()
            await at.lose()
            await at.rebuild()
            assert await at.members() == {"a", "b", "c"}

    asyncio.run(run())


def test_an_owner_of_former_times_takes_nothing_back(screening):
    async def run():
        async with screening as at:
            await at.host.handle([[at.joins("a")]])
            await at.host.settle()
            late, other = at.host, at.another()
            again = at.joins("b")
            await other.handle([[again]])
            await other.handle([[at.joins("c")]])
            await other.settle()
            await late.handle([[again]])
            assert await at.members() == {"a", "b", "c"}

    asyncio.run(run())


def test_a_state_that_changed_often_is_settled_once(screening):
    async def run():
        async with screening as at:
            for who in "abcde":
                await at.host.handle([[at.joins(who)]])
            assert GROUP_STATE not in at.topics.records
            await at.host.settle()
            await at.host.settle()
            assert len(at.topics.records[GROUP_STATE]) == 1

    asyncio.run(run())
