"""A campaign over a whole fleet on real Kafka: one case, whoever gathers."""

import asyncio
import signal

import pytest
from small_fleet import ALL, until

from models import digest
from streams import desk
from streams.cases.postgres import Cases
from streams.fleet.kafka import read_whole
from streams.topics import ACTIONS, LIKENESSES, value_of

COPIES = (
    "急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加微信wxkk8899",
    "急招手工活外发员🔥，在家便可做，一单一结，天天赚五百元不是梦，有意的加微信wxmm2200",
    "一单一结，日赚三百元不是梦，急聘手工活外发员，在家就能做，有意者加微信 13800138000",
    "各位早上好，急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加薇信v_k77",
    "急聘手工活外发员，不出门就能做，一单一结，日赚六百元不是梦，有意者加微信wxzz1111",
)


@pytest.fixture
def fleet(small_fleet):
    return small_fleet


async def cases(fleet) -> list[tuple[str, int]]:
    """Each question about a campaign that was published: its campaign, and how many senders it knew of."""
    planned = [value_of(one).review for one in await read_whole(fleet.kafka, ACTIONS)]
    return [(one.on.id, one.detail["senders"]) for one in planned if one and one.kind == "campaign"]


async def say(fleet, number: int) -> str:
    return await fleet.say(COPIES[number], by=f"a{number % 3}{1 + number % 4}", group=f"g{number % 3}")


async def grown(fleet, senders: int) -> None:
    async def there() -> bool:
        return any(count == senders for _, count in await cases(fleet))

    await until(there, f"the campaign of {senders} is told")


async def test_three_senders_in_three_groups_are_one_case(fleet):
    await fleet.start("w1")
    first = [await say(fleet, number) for number in range(3)]
    await grown(fleet, 3)
    assert {one for one, _ in await cases(fleet)} <= {digest("g", one) for one in first}
    assert len({one for one, _ in await cases(fleet)}) == 1
    store = Cases(fleet.stack.database)
    try:
        (case, _), *_ = await cases(fleet)
        review = digest("r", case, "campaign")
        shown = await until(lambda: desk.show_review(store, review), "the question is entered")
        assert {one["group_key"] for one in shown["members"]} == {"webhook:g0", "webhook:g1", "webhook:g2"}
        desk.decide(store, review, outcome="overturn", by="林晓梅")
        await until(lambda: desk.show_review(store, review)["status"] == "decided", "the decision is taken")
        # It grows while it is closed, under whoever gathers now.
        assert await fleet.stop("w1", signal.SIGKILL) == -signal.SIGKILL
        await fleet.start("w2")
        await say(fleet, 3)
        await grown(fleet, 4)
        found = await until(
            lambda: (one := desk.show_review(store, review)) and one["detail"]["senders"] == 4 and one, "it has grown"
        )
        assert found["status"] == "decided"
        assert len({one for one, _ in await cases(fleet)}) == 1
    finally:
        store.close()
    assert all("手工活".encode() not in one.value for one in await read_whole(fleet.kafka, LIKENESSES))
    assert "Traceback" not in fleet.log("w2").read_text("utf-8")


async def test_a_second_worker_waits_and_takes_over(fleet):
    """The topic has one partition: of several workers one gathers, and the others are as ready as ever."""
    await fleet.start("w1", ALL)
    await fleet.start("w2", ALL)
    for number in range(2):
        await say(fleet, number)
    await until(lambda: read_whole(fleet.kafka, LIKENESSES), "they are published")
    await asyncio.sleep(1)
    assert await fleet.stop("w1") == 0
    await say(fleet, 2)
    await grown(fleet, 3)
    assert len({one for one, _ in await cases(fleet)}) == 1
