"""Carrying out: a receiver that hangs holds up its own group and no other."""

import asyncio

from connectors.simulated import SimulatedActuator
from streams.brakes import DEFAULT
from streams.dispatch import Dispatcher
from streams.metrics import Metrics


class Hanging(SimulatedActuator):
    """Does not answer for the first group until it is let go."""

    def __init__(self):
        super().__init__()
        self.groups, self.let_go = [], asyncio.Event()

    async def send(self, action):
        self.groups.append(action.group_id)
        if action.group_id == "g1":
            await self.let_go.wait()
        return await super().send(action)


async def in_store(work, *arguments):
    return work(*arguments)


def offend(house, group):
    house.say("a1", group=group, judge=False)
    house.host.drain()


def test_a_receiver_that_hangs_holds_up_its_own_group_alone(house):
    async def run():
        receiver = Hanging()
        dispatcher = Dispatcher(house.store, receiver, Metrics(), lambda: house.now, in_store, budgets=DEFAULT)
        offend(house, "g1")
        assert await asyncio.wait_for(dispatcher.round(), 5) == 1
        offend(house, "g3")
        assert await asyncio.wait_for(dispatcher.round(), 5) == 1
        # What it has in hand itself is not taken for abandoned.
        await dispatcher.recover()
        assert await dispatcher.round() == 0
        assert receiver.groups == ["g1", "g3"]
        receiver.let_go.set()
        await asyncio.sleep(0.2)
        house.host.drain()
        await dispatcher.round()
        await dispatcher.close()
        return receiver.groups

    assert asyncio.run(run()).count("g1") == 1
    assert {status for _, status in house.outbox()} == {"confirmed"}


def test_what_was_under_way_at_the_end_is_found_by_the_next_one(house):
    async def run():
        first = Dispatcher(house.store, Hanging(), Metrics(), lambda: house.now, in_store, budgets=DEFAULT)
        offend(house, "g1")
        await first.round()
        await first.close()
        receiver = SimulatedActuator()
        second = Dispatcher(house.store, receiver, Metrics(), lambda: house.now, in_store, budgets=DEFAULT)
        await second.recover()
        assert await second.round() == 1

    asyncio.run(run())
    assert house.outbox() == [("notify", "confirmed")]
