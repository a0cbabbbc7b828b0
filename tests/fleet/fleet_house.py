"""The house of tests/streams/house.py over the hosts of the fleet: real Redis and PostgreSQL, topics that are lists.

The log is in memory, so that a test goes step by step; what Kafka itself does is the subject of test_transport.py and of
tests/chaos.
"""

import asyncio
from uuid import uuid4

import msgspec
import sqlalchemy as sa
from house import START, House, a_fleet, a_pack

from classifiers.keywords import Keywords, load_lists
from connectors.simulated import SimulatedActuator
from streams import outbox
from streams.agents import Enforce, Gather, RecordViews
from streams.agents.escalate import Ledger
from streams.cases.postgres import Cases
from streams.fleet.control import Editions, Parts
from streams.fleet.escalating import EscalateHost
from streams.fleet.hosts import GatherHost, RowsHost
from streams.fleet.screening import ScreenHost
from streams.ledger import RedisStates
from streams.topics import OBSERVATIONS, Record, decode_observation


class Topics:
    """Confirms at once. One partition a topic."""

    def __init__(self):
        self.records: dict[str, list[Record]] = {}

    async def publish(self, records):
        for one in records:
            of = self.records.setdefault(one.topic, [])
            of.append(Record(one.topic, one.key, one.value, len(of), one.appended_at))


class FleetHouse(House):
    """`say`, `decide` and all questions are those of `House`; only what hosts the agents differs."""

    def __init__(self, stack, database, classifiers, *, packs=None, chunk=256, former=None, **fleet):
        self.chunk = chunk
        self.name = former.name if former else f"house-{uuid4().hex[:10]}"
        self.places: dict[tuple[int, str], int] = dict(former.places) if former else {}
        self.store = Cases(database)
        self.store.upgrade()
        self.actuator = SimulatedActuator()
        self.now, self.seen = START, 0
        self.topics = former.topics if former else Topics()
        self.loop = asyncio.Runner()
        packs = {"baseline": a_pack("baseline"), **(packs or {"house": a_pack(), "other": a_pack("other")})}
        parts = Parts(packs, a_fleet(**fleet), Keywords(load_lists()), classifiers.model)
        self.loop.run(self._open(stack.redis, Editions.begin(parts)))
        self.host = self

    async def _open(self, redis, editions):
        self.states = await RedisStates.open(redis, self.name)
        rebuild = await self.states.begin_rebuild()
        if rebuild is not None:
            async with rebuild:
                await rebuild.finish()
        judge = editions, _now, self.states, self.topics, _failing
        rows = self._write, self.topics, _failing
        self.hosts = [
            ScreenHost(*judge),
            EscalateHost(*judge),
            RowsHost(Enforce(), *rows),
            RowsHost(RecordViews(), *rows),
            GatherHost(Gather(), self._before, self.topics, _failing),
        ]

    async def _before(self, first):
        return self.topics.records[first.topic][: first.offset]

    def _write(self, lots):
        with self.store.transaction():
            for rows, partition in lots:
                self.store.write_rows(rows, partition)

    def append(self, bodies, now):
        """As the embedded host takes posts."""
        records = [Record(OBSERVATIONS, decode_observation(one).group_key, one, -1, now) for one in bodies]
        self.loop.run(self.topics.publish(records))

    def drain(self):
        while self.loop.run(self._step()):
            pass

    async def _step(self):
        """Every host its next chunk; whether any had one."""
        await self._relay()
        busy = False
        for number, host in enumerate(self.hosts):
            for topic in host.agent.reads:
                done = self.places.get((number, topic), 0)
                fresh = self.topics.records.get(topic, [])[done : done + self.chunk]
                if fresh:
                    copies = [Record(topic, one.key, one.value, one.offset, one.appended_at) for one in fresh]
                    await host.handle([copies])
                    while await host.go_on():
                        pass
                    await host.settle()
                    self.places[number, topic] = done + len(fresh)
                    await host.committed(topic, 0, done + len(fresh))
                    busy = True
        return busy

    async def _relay(self):
        found = await asyncio.to_thread(self.store.take_outgoing, 500)
        await self.topics.publish([Record(topic, key, value, -1, self.now) for _, topic, key, value in found])
        await asyncio.to_thread(self.store.delete_outgoing, [one[0] for one in found])

    def ledger(self, who="u1"):
        found = self.loop.run(self.states.load("escalate", [who]))
        return msgspec.json.decode(found[who].value, type=Ledger) if who in found else Ledger()

    def settle(self):
        while True:
            self.drain()
            actions = outbox.claim(self.store, self.now)
            if not actions:
                return
            for action in actions:
                self._carry_out(action)

    def close(self):
        self.loop.run(self.states.close())
        self.loop.close()
        self.store.close()


async def _now():
    """What was announced is known."""


async def _failing(error):
    raise error


def schema(stack) -> str:
    """A database of its own in the one that is there: its URL."""
    name = f"house_{uuid4().hex[:10]}"
    engine = sa.create_engine(stack.database)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return f"{stack.database}?options=-csearch_path%3D{name}"
