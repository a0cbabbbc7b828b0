"""The disk fills up under a running service: nothing is half taken, nothing taken is lost, and space mends it."""

import json
import os
import subprocess
import time
from contextlib import suppress

import aiohttp
import pytest
from processes import limit_files, rows, until

TOKEN = "t0ken"
ADVERT = "今晚牛牛开房，注册送彩金"
# What SQLite adds to its log for one changed page of 4096 bytes.
FRAME = 4096 + 24


class Limit:
    """A disk on which no file of the process grows beyond what it has; works without rights."""

    def __init__(self, folder):
        self.folder = folder
        self.program = None

    def fill(self):
        self.most = (self.folder / "xunqun.db-wal").stat().st_size
        limit_files(self.program, self.most)

    def give(self, size):
        self.most += size
        limit_files(self.program, self.most)

    def free(self):
        limit_files(self.program, None)

    def start_full(self):
        return {"most_bytes": 0}


class Mounted:
    """A small disk of its own, filled with a file."""

    def __init__(self, folder):
        self.folder = folder
        self.program = None
        self.filler = folder / "filler"

    def fill(self):
        with suppress(OSError), self.filler.open("ab", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def give(self, size):
        os.truncate(self.filler, self.filler.stat().st_size - size)

    def free(self):
        self.filler.unlink()

    def start_full(self):
        self.fill()
        return {}


@pytest.fixture(params=[Limit, Mounted])
def disk(request, tmp_path):
    folder = tmp_path / "var"
    folder.mkdir()
    if request.param is Limit:
        yield Limit(folder)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"only root may mount a small disk; the other half of this test ran: {mounted.stderr.strip()}")
    try:
        yield Mounted(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
async def service(disk, xunqun):
    disk.program = await xunqun("run", "--dir", disk.folder, "--port", 0, api_token=TOKEN)
    await disk.program.ready()
    return disk.program


@pytest.fixture
async def client(service):
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(service.url, headers=bearer) as session:
        yield session


def a_message(id, text="三号机已复位", group="g1"):
    message = {"type": "message.created", "id": id, "group": {"id": group}, "sender": {"id": "u1"}, "text": text}
    return json.dumps({**message, "kind": "text", "platform": "webhook", "sent_at": time.time_ns() // 1_000_000})


async def post(client, body, path="/observations", **headers):
    async with client.post(path, data=body, headers=headers) as response:
        return response.status, await response.json()


async def ready(client):
    async with client.get("/ready") as response:
        return response.status, (await response.json())["reasons"]


def is_told(answer):
    """The sentence that says what is the matter, and nothing of where it happened in the code."""
    return answer.startswith("the store cannot write: ") and "\n" not in answer


def judged(folder):
    return rows(folder, "SELECT coalesce(sum(count), 0) FROM judged")[0][0]


async def test_a_full_disk_refuses_posts_and_takes_them_when_there_is_space(disk, service, client):
    for n in range(5):
        assert await post(client, a_message(f"before-{n}")) == (202, {"id": f"before-{n}"})
    await until(lambda: judged(disk.folder) == 5, "what came before is judged")
    disk.fill()
    for n in range(5):
        status, answer = await post(client, a_message(f"during-{n}"))
        assert status == 503
        assert is_told(answer["error"])
    batch = "\n".join(a_message(f"batch-{n}") for n in range(100))
    status, answer = await post(client, batch, **{"Content-Type": "application/x-ndjson"})
    assert (status, answer) == (503, {"error": "storage is unavailable for 100 of 100 lines: send all of them again"})
    status, answer = await post(client, '{"by": "李班长", "reason": "检修", "all": true}', "/pause")
    assert status == 503
    assert is_told(answer["error"])
    status, reasons = await ready(client)
    assert status == 503
    assert all(map(is_told, reasons)), reasons
    # What was accepted before is accepted still.
    assert (await post(client, a_message("before-0")))[0] in (200, 503)
    disk.free()
    # 202 and not 200: nothing of what was refused had been kept.
    for n in range(5):
        assert await post(client, a_message(f"during-{n}")) == (202, {"id": f"during-{n}"})
    status, answer = await post(client, batch, **{"Content-Type": "application/x-ndjson"})
    assert (status, answer["accepted"]) == (202, 100)
    assert (await post(client, a_message("before-0")))[0] == 200
    await until(lambda: judged(disk.folder) == 110, "everything that was accepted is judged")
    assert await ready(client) == (200, [])
    assert await service.stop() == 0
    assert service.errors == ""
    assert rows(disk.folder, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("killed", [False, True])
async def test_what_was_accepted_with_the_last_space_is_judged_later(disk, service, client, xunqun, killed):
    disk.fill()
    # Page by page, until there is just enough for the post and nothing is left for its verdict.
    while (await post(client, a_message("m1", ADVERT)))[0] == 503:
        disk.give(FRAME)
    while (await ready(client))[0] == 200:
        pass
    assert judged(disk.folder) == 0
    if killed:
        await service.kill()
        disk.free() if isinstance(disk, Mounted) else None
        service = await xunqun("run", "--dir", disk.folder, "--port", 0)
        await service.ready()
    else:
        disk.free()
    await until(lambda: judged(disk.folder) == 1, "what was accepted is judged")
    ((verdict,),) = rows(disk.folder, "SELECT body FROM verdicts")
    assert json.loads(verdict)["observation_id"] == "m1"
    assert rows(disk.folder, "SELECT key FROM groups_seen") == [("webhook:g1",)]
    assert await service.stop() == 0
    assert service.errors == ""


async def test_a_service_stops_in_order_on_a_full_disk(disk, service, client):
    assert (await post(client, a_message("m1")))[0] == 202
    disk.fill()
    assert (await post(client, a_message("m2")))[0] == 503
    assert await service.stop() == 0
    assert service.errors == ""


async def test_on_a_full_disk_it_does_not_start_and_says_why(disk, xunqun):
    service = await xunqun("run", "--dir", disk.folder, "--port", 0, **disk.start_full())
    assert await service.ended() == 2
    (sentence,) = service.errors.splitlines()
    assert sentence.startswith(f"xunqun: {disk.folder / 'xunqun.db'} cannot be used (")
    assert "make room on the disk" in sentence
