"""The door of a fleet: 202 only when Kafka has the record; signed by any of the secrets in force."""

import asyncio
import json
import os
import re
import sys
import time

import aiohttp
import pytest
from small_fleet import until

from connectors.webhook import sign
from streams.fleet import ingest
from streams.fleet.kafka import Kafka, KafkaUnavailable, create_topics, read_whole
from streams.metrics import Metrics
from streams.topics import OBSERVATIONS

OLD, NEW = "whsec_b2xkLXNlY3JldC1vZi10aGUtZG9vci0wMDAwMDAwMA==", "whsec_bmV3LXNlY3JldC1vZi10aGUtZG9vci0wMDAwMDAwMA=="
FOREIGN = "whsec_Zm9yZWlnbi1zZWNyZXQtb2YtYW5vdGhlci1kb29yMDA="


@pytest.fixture
async def door(stack, topic_prefix, tmp_path, local_stack):
    """Starts `xunqun ingest`; ends it and what it started."""
    kafka = Kafka(stack.kafka, topic_prefix)
    await create_topics(kafka, partitions=2)
    begun = []

    async def begin(processes: int = 1, **settings: object) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
        given = {"kafka": stack.kafka, "kafka_prefix": topic_prefix, "webhook_secrets": f"{NEW},{OLD}", **settings}
        port = local_stack.free_port()
        log = tmp_path / "door.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "from streams.cli import main; main()",
                "ingest", "--port", str(port), "--processes", str(processes),
                env=clean | {f"XUNQUN_{key.upper()}": str(value) for key, value in given.items()}, stdout=file, stderr=file,
            )  # fmt: skip
        begun.append(process)
        await until(lambda: "listens" in log.read_text() or process.returncode is not None, "the door is open")
        found = re.search(r"http://[\d.]+:\d+", log.read_text())
        assert found, log.read_text()
        return found.group(0)

    begin.kafka = kafka
    yield begin
    for process in begun:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(20):
                await process.wait()


def observation(number: int) -> bytes:
    now = time.time_ns() // 1_000_000
    body = {"id": f"m{number}", "type": "message.created", "platform": "webhook", "group": {"id": "g1"}}
    return json.dumps(body | {"sender": {"id": "a1"}, "sent_at": now, "kind": "text", "text": "收到"}).encode()


async def post(session, url, body, *, secret=NEW, kind="application/json"):
    headers = sign(secret, f"post-{time.monotonic_ns()}", body, time.time()) | {"Content-Type": kind}
    async with session.post(f"{url}/observations", data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_what_is_answered_202_lies_in_kafka(door):
    url = await door()
    async with aiohttp.ClientSession() as session:
        assert (await post(session, url, observation(1)))[0] == 202
        assert (await post(session, url, observation(2), secret=OLD))[0] == 202
        assert (await post(session, url, observation(3), secret=FOREIGN))[0] == 401
        status, told = await post(session, url, b'{"id": "m4"}')
        assert status == 422
        assert "type" in told["error"]
        lines = b"\n".join(map(observation, range(10, 60)))
        assert (await post(session, url, lines, kind="application/x-ndjson"))[0] == 202
    found = {json.loads(one.value)["id"] for one in await read_whole(door.kafka, OBSERVATIONS)}
    assert found == {"m1", "m2", *(f"m{number}" for number in range(10, 60))}


async def test_without_a_broker_nothing_is_taken_and_the_door_says_so(door, stack):
    url = await door()
    async with aiohttp.ClientSession() as session:
        assert (await post(session, url, observation(1)))[0] == 202
        await asyncio.to_thread(stack.stop, "kafka", kill=True)
        status, told = await post(session, url, observation(2))
        assert status == 503, told
        async with session.get(f"{url}/ready") as answer:
            assert answer.status == 503
        await asyncio.to_thread(stack.start, "kafka")

        async def taken():
            return (await post(session, url, observation(2)))[0] == 202

        await until(taken, "posts are taken again")
    found = {json.loads(one.value)["id"] for one in await read_whole(door.kafka, OBSERVATIONS)}
    assert found == {"m1", "m2"}


async def test_several_processes_share_the_port_and_lose_nothing(door):
    url = await door(processes=2)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16, force_close=True)) as session:
        answers = await asyncio.gather(*(post(session, url, observation(number)) for number in range(300)))
    assert {status for status, _ in answers} == {202}
    found = {json.loads(one.value)["id"] for one in await read_whole(door.kafka, OBSERVATIONS)}
    assert found == {f"m{number}" for number in range(300)}


async def test_each_process_behind_a_door_is_listed_where_it_alone_answers(door, tmp_path):
    targets = tmp_path / "targets"
    url = await door(processes=2, targets=targets)
    await until(lambda: len(list(targets.glob("*.json"))) == 2, "both are listed")
    listed = {one.name: json.loads(one.read_text())[0]["targets"][0] for one in targets.iterdir()}
    number = url.rpartition(":")[2]
    assert listed == {f"ingest-{number}-{place.rpartition(':')[2]}.json": place for place in listed.values()}
    async with aiohttp.ClientSession() as session:
        for place in listed.values():
            async with session.get(f"http://{place}/metrics") as answer:
                assert "xunqun_build_info" in await answer.text()


class Away:
    """A producer whose Kafka is away."""

    async def send(self, records, *, within):
        raise KafkaUnavailable("Kafka did not confirm")


async def test_a_door_to_which_nobody_posts_any_more_waits_for_nothing(monkeypatch):
    monkeypatch.setattr(ingest, "_SHOWN_SECONDS", 0.5)
    metrics = Metrics()
    closed = ingest.Ingest(Away(), None, metrics)

    def waits() -> float | None:
        return metrics.registry.get_sample_value("xunqun_waiting", {"store": "kafka"})

    for number in range(2):
        assert (await closed.append(observation(number))).status == "unavailable"
        await asyncio.sleep(0.3)
    # The second post was refused, too.
    assert (waits(), closed.ready()[0]) == (1, False)
    await asyncio.sleep(0.3)
    assert (waits(), closed.ready()[0]) == (0, True)
