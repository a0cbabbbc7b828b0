"""One process hosts a folder. Whoever comes second is told so in a sentence, and the first goes on."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing

import aiohttp
import pytest
from processes import PATIENCE, rows, until


def a_message(id, text="三号机已复位"):
    message = {"type": "message.created", "id": id, "group": {"id": "g1"}, "sender": {"id": "u1"}, "text": text}
    return json.dumps({**message, "kind": "text", "platform": "webhook", "sent_at": time.time_ns() // 1_000_000})


async def post(url, body):
    async with aiohttp.ClientSession() as session, session.post(f"{url}/observations", data=body) as response:
        return response.status, await response.json()


def refused(program, folder, owner):
    """One sentence on standard error, that names who holds the folder and what to do."""
    assert program.errors.splitlines() == [
        f"xunqun: {folder} is in use by process {owner.pid}: stop it, or choose another folder with --dir"
    ]
    return True


async def test_a_second_run_ends_with_2_and_the_first_goes_on(tmp_path, xunqun):
    first = await xunqun("run", "--dir", tmp_path, "--port", 0)
    url = await first.ready()
    assert (await post(url, a_message("m1")))[0] == 202
    second = await xunqun("run", "--dir", tmp_path, "--port", 0)
    assert await second.ended() == 2
    assert refused(second, tmp_path, first)
    assert (await post(url, a_message("m2")))[0] == 202
    await until(lambda: rows(tmp_path, "SELECT sum(count) FROM judged") == [(2,)], "both messages are judged")
    assert await first.stop() == 0, first.errors
    # The folder is free again.
    third = await xunqun("run", "--dir", tmp_path, "--port", 0)
    assert await post(await third.ready(), a_message("m2")) == (200, {"id": "m2", "duplicate": True})


async def test_of_two_that_start_at_once_one_serves(tmp_path, xunqun):
    both = await asyncio.gather(*(xunqun("run", "--dir", tmp_path, "--port", 0) for _ in range(2)))
    await until(lambda: any(one.url for one in both) and not all(one.alive for one in both), "one serves, one ends")
    (serves,) = (one for one in both if one.alive)
    (other,) = (one for one in both if not one.alive)
    assert await other.ended() == 2
    assert "is in use by" in other.errors
    assert len(other.errors.splitlines()) == 1
    assert (await post(serves.url, a_message("m1")))[0] == 202


async def test_a_second_demo_leaves_the_first_one_its_store(tmp_path, xunqun):
    first = await xunqun("run", "--demo", "--speed", 20, "--dir", tmp_path, "--port", 0)
    await until(lambda: "status page" in first.output, "the demo plays")
    second = await xunqun("run", "--demo", "--speed", 0, "--exit", "--dir", tmp_path, "--port", 0)
    assert await second.ended() == 2
    assert refused(second, tmp_path / "demo", first)
    before = rows(tmp_path / "demo", "SELECT count(*) FROM log")
    await until(lambda: rows(tmp_path / "demo", "SELECT count(*) FROM log") > before, "the demo goes on")
    await first.kill()
    # What a demo that was killed left behind is forgotten by the next.
    third = await xunqun("run", "--demo", "--speed", 1, "--dir", tmp_path, "--port", 0)
    await until(lambda: "status page" in third.output or not third.alive, "the demo plays")
    assert rows(tmp_path / "demo", "SELECT count(*) FROM log") < before, third.errors


async def test_another_writer_that_holds_the_file_delays_posts_and_loses_none(tmp_path, xunqun):
    service = await xunqun("run", "--dir", tmp_path, "--port", 0)
    url = await service.ready()
    with closing(sqlite3.connect(tmp_path / "xunqun.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        # As long as SQLite waits, the post waits; then it is refused, and not half stored.
        status, answer = await post(url, a_message("m1"))
        assert (status, answer) == (503, {"error": "the store cannot write: database is locked"})
        other.execute("ROLLBACK")
    assert await post(url, a_message("m1")) == (202, {"id": "m1"})
    await until(lambda: rows(tmp_path, "SELECT sum(count) FROM judged") == [(1,)], "the message is judged")


async def test_commands_of_people_work_beside_the_service(tmp_path, xunqun):
    service = await xunqun("run", "--dir", tmp_path, "--port", 0)
    url = await service.ready()
    paused = await xunqun("pause", "--all", "--by", "李班长", "--reason", "检修", "--dir", tmp_path)
    posts = [await post(url, a_message(f"m{n}")) for n in range(20)]
    assert await paused.ended() == 0, paused.errors
    assert {status for status, _ in posts} == {202}
    assert rows(tmp_path, "SELECT scope FROM pauses") == [("all",)]


@pytest.mark.parametrize("damage", ["no database", "a folder"])
async def test_a_store_that_cannot_be_opened_is_told_in_a_sentence(tmp_path, xunqun, damage):
    path = tmp_path / "xunqun.db"
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_text("这不是数据库。" * 100)
    service = await xunqun("run", "--dir", tmp_path, "--port", 0)
    async with asyncio.timeout(PATIENCE):
        assert await service.ended() == 2
    (sentence,) = service.errors.splitlines()
    assert sentence.startswith(f"xunqun: {path} cannot be used (")
    assert sentence.endswith("or choose another --dir")
