"""Workers as an operator meets them: they start, say how they are, hand over, and end in order."""

import asyncio
import json
import signal
import time
from types import SimpleNamespace
from unittest.mock import AsyncMock

import aiohttp
import pytest
from aiokafka import TopicPartition
from small_fleet import until

from streams.agents import Gather
from streams.fleet import worker
from streams.fleet.hosts import GatherHost
from streams.fleet.kafka import KafkaUnavailable, read_whole
from streams.fleet.worker import Worker
from streams.settings import Settings
from streams.topics import JUDGEMENTS, LIKENESSES, value_of

WORDS = "今晚牛牛开房，注册送彩金"
LEARNT = "加我微信了解兼职，每天稳定两三百，名额有限"


@pytest.fixture
def fleet(small_fleet):
    return small_fleet


async def violations(fleet) -> list[tuple[str, str]]:
    """Observation and clause of all that messages broke, in the order of the log."""
    verdicts = [value_of(one).verdict for one in await read_whole(fleet.kafka, JUDGEMENTS)]
    of_messages = [one for one in verdicts if one and one.observation_id]
    return [(one.observation_id, each.clause) for one in of_messages for each in one.violations]


async def unavailable(fleet) -> bool:
    verdicts = [value_of(one).verdict for one in await read_whole(fleet.kafka, JUDGEMENTS)]
    return any(one.unavailable for one in verdicts if one)


async def test_a_worker_judges_says_how_it_is_and_drains(fleet):
    await fleet.start("w1")
    said = await fleet.say(WORDS)
    await until(lambda: violations(fleet), "the message is judged")
    assert {one for one, _ in await violations(fleet)} == {said}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{fleet.url('w1')}/ready") as answer:
            told = await answer.json()
        assert answer.status == 200, told
        assert told["partitions"]["screen"] > 0
        async with session.get(f"{fleet.url('w1')}/metrics") as answer:
            shown = await answer.text()
    assert 'xunqun_verdicts_total{category="gambling"' in shown
    assert "xunqun_consumer_lag" in shown
    assert await fleet.stop("w1") == 0
    log = fleet.log("w1").read_text("utf-8")
    assert "Traceback" not in log
    assert WORDS not in log


OWNERS = ("screen", "escalate", "enforce", "record")


async def shown(fleet, name: str) -> dict[str, float]:
    """What a worker shows: the value of each series, named with its labels."""
    async with aiohttp.ClientSession() as session, session.get(f"{fleet.url(name)}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return {series: float(value) for series, _, value in (one.rpartition(" ") for one in lines if one[:1] != "#")}


async def test_a_worker_shows_what_it_does_and_where_it_is_scraped(fleet):
    targets = fleet.folder / "targets"
    began = time.time()
    await fleet.start("w1", targets=targets)
    await fleet.say(WORDS)
    (target,) = targets.iterdir()
    assert json.loads(target.read_text())[0]["targets"] == [fleet.url("w1").removeprefix("http://")]

    async def carried_on() -> dict[str, float] | None:
        found = await shown(fleet, "w1")
        done = (
            found.get('xunqun_sanctions_total{kind="warn",mode="observe"}') and found['xunqun_groups{state="listed"}']
        )
        owned = all(f'xunqun_partitions{{agent="{agent}"}}' in found for agent in OWNERS)
        owned = owned and 'xunqun_progress_timestamp_seconds{agent="dispatch"}' in found
        return found if done and owned and found['xunqun_groups{state="heard"}'] else None

    found = await until(carried_on, "what follows is counted, and what has to be looked up")
    assert found['xunqun_observations_total{type="message.created"}'] == 1
    assert found["xunqun_verdict_latency_seconds_count"] >= 1
    assert found['xunqun_groups{state="listed"}'] == 3
    assert found['xunqun_groups{state="silent"}'] == 2
    for agent in OWNERS:
        assert found[f'xunqun_partitions{{agent="{agent}"}}'] > 0, agent
        assert found[f'xunqun_rebalances_total{{agent="{agent}"}}'] >= 1, agent
        assert found[f'xunqun_progress_timestamp_seconds{{agent="{agent}"}}'] > began, agent
    assert found['xunqun_progress_timestamp_seconds{agent="dispatch"}'] > began
    assert found["xunqun_tick_timestamp_seconds"] > began
    for store, operation in (("kafka", "publish"), ("redis", "load"), ("redis", "save"), ("postgres", "write")):
        assert found[f'xunqun_store_seconds_count{{operation="{operation}",store="{store}"}}'] > 0, store
    assert found['xunqun_cache_entries{cache="groups"}'] > 0
    assert found['xunqun_groups_due{state="open"}'] > 0
    assert not any(value for series, value in found.items() if series.startswith("xunqun_waiting"))
    assert any('part="model"' in series for series in found if series.startswith("xunqun_edition_info"))
    assert await fleet.stop("w1") == 0
    assert not list(targets.iterdir())


async def test_a_worker_says_which_part_is_away(fleet):
    targets = fleet.folder / "targets"
    await fleet.start("w1", roles="screen,escalate", targets=targets)
    fleet.stack.stop("redis", kill=True)
    try:

        async def missed() -> bool:
            return (await shown(fleet, "w1"))['xunqun_waiting{store="redis"}'] == 1

        await until(missed, "Redis is missed")
    finally:
        fleet.stack.start("redis")

    async def well() -> bool:
        return (await shown(fleet, "w1"))['xunqun_waiting{store="redis"}'] == 0

    await until(well, "Redis is back")
    # Who is killed stays listed, and is missed.
    await fleet.stop("w1", signal.SIGKILL)
    assert len(list(targets.iterdir())) == 1


async def test_an_agent_whose_partitions_went_to_others_has_no_work_and_shows_none(monkeypatch):
    monkeypatch.setattr(worker, "batch_app", lambda *_, **told: SimpleNamespace(**told, ours=None))
    monkeypatch.setattr(worker, "_LOOK_SECONDS", 0.01)
    mine = Worker(Settings(kafka="127.0.0.1:1", stall_seconds=60.0), ["gather"])
    place = TopicPartition(LIKENESSES, 0)
    app = mine._app(GatherHost(Gather(), None, None, None))
    mine.health.positions["gather"], mine.health.lag["gather"] = {place: 5}, 7
    mine.metrics.set_lag("gather", 7)
    mine.metrics.set_partitions("gather", 1)
    # Others have them by now: nothing is given instead.
    await app.revoked({place})
    mine.health.moved["gather"] = time.monotonic() - 50.0
    looking = asyncio.create_task(mine._watch_progress())
    await asyncio.sleep(0.1)
    looking.cancel()
    value = mine.metrics.registry.get_sample_value
    assert value("xunqun_consumer_lag", {"agent": "gather"}) == 0
    assert value("xunqun_partitions", {"agent": "gather"}) == 0
    assert mine.health.stalled(30.0) is None


async def test_a_worker_that_cannot_be_listed_says_so_and_ends(fleet):
    (fleet.folder / "file").touch()
    with pytest.raises(AssertionError, match="XUNQUN_TARGETS"):
        await fleet.start("w1", targets=fleet.folder / "file")
    async with asyncio.timeout(30):
        assert await fleet.processes["w1"].wait() == 2


@pytest.fixture
def idle(monkeypatch, tmp_path) -> Worker:
    """A worker without Kafka and Redis, whose agent never gets anything."""
    parts = AsyncMock()
    monkeypatch.setattr(worker, "check_topics", AsyncMock(return_value=[]))
    monkeypatch.setattr(worker, "restore", AsyncMock())
    monkeypatch.setattr(worker, "Producer", lambda _: parts)
    monkeypatch.setattr(worker.RedisStates, "of", AsyncMock(return_value=parts))
    monkeypatch.setattr(worker, "batch_app", lambda *_, **__: parts)
    return Worker(Settings(targets=tmp_path), ["gather"], port=0)


async def test_a_worker_that_breaks_is_missed(idle, tmp_path):
    running = asyncio.create_task(idle.run(asyncio.Event()))
    await until(lambda: list(tmp_path.glob("*.json")), "it is listed")
    idle._failed(ValueError())
    assert await running == worker.BROKEN
    assert len(list(tmp_path.glob("*.json"))) == 1


BREAKS = """
import asyncio
from streams.fleet.worker import Worker

async def breaks(self):
    await asyncio.sleep(3)
    raise ValueError

Worker._tell_absences = breaks
"""


async def test_a_worker_that_breaks_ends_so_that_another_is_started(fleet):
    process = await fleet.start("w1", before=BREAKS)
    async with asyncio.timeout(30):
        assert await process.wait() == worker.BROKEN
    assert '"broke"' in fleet.log("w1").read_text("utf-8")


async def test_a_worker_that_breaks_once_its_agents_run_ends_with_a_code(idle):
    """By an exception it would not end: threads of the agents keep the process."""

    def started(port: int) -> None:
        raise ValueError

    assert await idle.run(asyncio.Event(), started) == worker.BROKEN


async def test_what_waits_is_not_forgotten_while_kafka_cannot_be_asked(monkeypatch):
    async def away(*_):
        raise KafkaUnavailable("Kafka does not answer")

    monkeypatch.setattr(worker, "ends", away)
    monkeypatch.setattr(worker, "_LOOK_SECONDS", 0.01)
    mine = Worker(Settings(kafka="127.0.0.1:1"), ["gather"])
    mine.health.positions["gather"], mine.health.lag["gather"] = {TopicPartition(LIKENESSES, 0): 5}, 7
    mine.health.moved["gather"] = time.monotonic() - 500.0
    mine.metrics.set_lag("gather", 7)
    looking = asyncio.create_task(mine._watch_progress())
    await asyncio.sleep(0.1)
    assert not looking.done()
    looking.cancel()
    value = mine.metrics.registry.get_sample_value
    assert value("xunqun_consumer_lag", {"agent": "gather"}) == mine.health.lag["gather"] == 7
    assert value("xunqun_waiting", {"store": "kafka"}) == 1


async def test_a_flood_that_spans_a_rebalance_is_one_flood(fleet):
    await fleet.start("w1")
    for _ in range(6):
        await fleet.say("顶一下")
        await asyncio.sleep(0.05)
    await fleet.start("w2")
    await asyncio.sleep(1)
    assert await fleet.stop("w1", signal.SIGKILL) == -signal.SIGKILL
    for _ in range(6):
        await fleet.say("顶一下")
        await asyncio.sleep(0.05)
    await until(lambda: violations(fleet), "the flood is seen")
    await asyncio.sleep(12)
    floods = [clause for _, clause in await violations(fleet) if clause == "xianchuang-07.2"]
    assert floods == ["xianchuang-07.2"]


async def test_what_could_not_be_measured_is_screened_again(fleet, tmp_path):
    await fleet.start("w1", model=tmp_path / "no-weights")
    said = await fleet.say(LEARNT)
    await until(lambda: unavailable(fleet), "the message is marked")
    assert await violations(fleet) == []
    await asyncio.sleep(1)
    assert await fleet.stop("w1") == 0
    await fleet.start("w1")
    await until(lambda: violations(fleet), "the message is screened again")
    assert {one for one, _ in await violations(fleet)} == {said}


async def test_a_worker_says_in_a_sentence_what_it_needs(fleet, stack, topic_prefix):
    with pytest.raises(AssertionError, match="xunqun topics create"):
        await fleet.start("w1", kafka_prefix=f"{topic_prefix}nowhere-")
    with pytest.raises(AssertionError, match="there is no role"):
        await fleet.start("w2", "screen,scren")
    with pytest.raises(AssertionError, match="set XUNQUN_DATABASE"):
        await fleet.start("w3", "record", database="")
    # Nothing is simulated where somebody wants it to be sent.
    with pytest.raises(AssertionError, match="set XUNQUN_ACTION_SECRET"):
        await fleet.start("w4", "dispatch", action_url="http://127.0.0.1:9/actions")
