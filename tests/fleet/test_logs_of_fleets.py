"""The log and the status pages of a fleet: one id shows the way of a message, and whatever breaks, no words get into the log."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import pytest
from breaking_process import BREAKS
from running_fleet import RunningFleet

from connectors.webhook import sign
from models import Account, Fleet, Group, Person

PROGRAM = Path(__file__).with_name("breaking_process.py")
DOOR = "whsec_VU5JUVVFLXNlY3JldC1vZi10aGUtZG9vci0wMDAwMDA="
TOKEN = "UNIQUE-token-4d1e"
# All that must not be found: parts of texts, nicknames, names of people and files, secrets.
UNIQUE = ("UNIQUE", "唯一", DOOR.removeprefix("whsec_"), "VU5JUVVF")
OFFENCE = "今晚牛牛开房，注册送彩金 UNIQUE-text-唯一"


class Processes:
    """A door and a worker, each with its standard error in a file of its own, over a fleet with one group that enforces."""

    def __init__(self, stack, folder: Path) -> None:
        self.fleet = RunningFleet(stack, folder)
        self.folder = folder
        people = (Person(id="u1", name="唯一-name", accounts=(Account("webhook", "a1"),)),)
        group = Group(
            id="g1", platform="webhook", pack="baseline", mode="enforce", owner="u1", members=("u1",),
            facts={"monitoring_notice_at": "2020-01-01"}, name="唯一-group",
        )  # fmt: skip
        (folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet(people=people, groups=(group,))))
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.url: dict[str, str] = {}

    def start(self, name: str, *arguments: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
        given = self.fleet.settings | {
            "XUNQUN_WEBHOOK_SECRETS": DOOR,
            "XUNQUN_API_TOKEN": TOKEN,
            "XUNQUN_WORKER_ID": name,
            "PYTHONPATH": str(PROGRAM.parents[2]),
        }
        with (self.folder / f"{name}.out").open("wb") as out, (self.folder / f"{name}.err").open("wb") as err:
            self.running[name] = subprocess.Popen(
                [sys.executable, str(PROGRAM), *arguments], env=clean | given, stdout=out, stderr=err,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        (started,) = self.wait(name, "started")
        self.url[name] = f"http://127.0.0.1:{started['port']}"

    def lines(self, name: str) -> list[dict]:
        return [json.loads(line) for line in (self.folder / f"{name}.err").read_bytes().splitlines()]

    def wait(self, name: str, event: str, **fields: object) -> list[dict]:
        """The lines of an event with these fields, once there are any."""

        def found():
            assert self.running[name].poll() is None, (self.folder / f"{name}.err").read_text("utf-8")
            lines = [one for one in self.lines(name) if one["event"] == event]
            return [one for one in lines if fields.items() <= one.items()]

        return self.fleet.until(found, f"{name} says {event} {fields}")

    def post(self, body: bytes, *, secret: str = DOOR) -> int:
        headers = sign(secret, f"p-{time.monotonic_ns()}", body, time.time()) if secret else {}
        request = urllib.request.Request(f"{self.url['door']}/observations", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def say(self, id: str, text: str) -> int:
        body = {
            "id": id, "type": "message.created", "platform": "webhook", "group": {"id": "g1", "name": "唯一-group"},
            "sender": {"id": "a1", "name": "唯一-nick", "card": "UNIQUE-card"}, "kind": "text", "text": text,
            "sent_at": time.time_ns() // 1_000_000, "attachments": [{"kind": "file", "name": "UNIQUE-file-唯一.docx"}],
        }  # fmt: skip
        return self.post(json.dumps(body).encode())

    def raw(self, data: bytes) -> None:
        port = int(self.url["door"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(data)
            connection.recv(4096)

    def page(self, name: str) -> tuple[str, str]:
        with urllib.request.urlopen(f"{self.url[name]}/", timeout=10) as answer:
            return answer.read().decode(), answer.headers["Content-Security-Policy"]

    def stop(self, name: str) -> int:
        self.running[name].send_signal(signal.SIGTERM)
        return self.running.pop(name).wait(30)

    def close(self) -> None:
        for one in self.running.values():
            one.kill()
            one.wait(30)
        self.fleet.close()


@pytest.fixture(scope="module")
def processes(stack, local_stack, tmp_path_factory):
    made = Processes(stack, tmp_path_factory.mktemp("logs"))
    made.start("w1", "worker", "--port", "0")
    made.start("door", "ingest", "--port", str(local_stack.free_port()))
    yield made
    made.close()


def of(lines: list[dict], observation_id: str) -> list[dict]:
    return [one for one in lines if one.get("observation_id") == observation_id]


def test_a_worker_says_how_it_starts(processes):
    (started,) = processes.wait("w1", "started")
    assert (started["process"], started["worker"], started["host"]) == ("worker", "w1", "127.0.0.1")
    assert "screen" in started["roles"]
    assigned = {one["agent"]: one["partitions"] for one in processes.wait("w1", "assigned")}
    assert "observations/0" in assigned["screen"]
    edition = processes.wait("w1", "edition")[0]
    assert any(one.startswith("baseline@") for one in edition["packs"])
    assert processes.wait("door", "unsealed")[0]["setting"] == "XUNQUN_SEALED_KEY"
    assert not [one for name in ("w1", "door") for one in processes.lines(name) if one["event"] == "open_address"]


def test_one_id_shows_the_way_of_a_message_and_no_words_get_into_the_log(processes, stack):
    assert processes.say("m-clean", "UNIQUE 收到") == 202
    assert processes.say("m-offence", OFFENCE) == 202
    assert processes.say("m-breaks", f"UNIQUE {BREAKS} 唯一") == 202
    # What is no observation, is not JSON, is not signed by us, is not even HTTP.
    assert processes.post(b'{"id": "m-9", "text": "UNIQUE"}') == 422
    assert processes.post("UNIQUE 唯一".encode("gb18030")) == 422
    assert processes.post(b'{"text": "UNIQUE"}', secret="whsec_Zm9yZWlnbi1zZWNyZXQtb2YtYW5vdGhlci1kb29yMDA=") == 401
    processes.raw(b"POST /observations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}UNIQUE secret\r\n\r\n")
    processes.raw("UNIQUE 唯一\r\n\r\n".encode())
    processes.wait("w1", "rule_broke", observation_id="m-breaks", agent="screen", error="ValueError")
    processes.wait("w1", "action", observation_id="m-offence", outcome="confirmed")
    way = of(processes.lines("w1"), "m-offence")
    assert [one["event"] for one in way if one["event"] != "review"][:2] == ["verdict", "sanction"]
    assert way[0]["topic"] == "observations"
    actions = [one for one in way if one["event"] == "action"]
    assert [(one["outcome"], one["tries"]) for one in actions] == [("retry", 1), ("confirmed", 2)]
    assert {one["sanction_id"] for one in actions} == {one["sanction_id"] for one in way if one["event"] == "sanction"}
    (broke,) = processes.wait("w1", "connector_broke")
    assert (broke["error"], broke["action_id"]) == ("RuntimeError", actions[0]["action_id"])
    assert broke["place"][0].startswith("breaking_process.py:")
    assert of(processes.lines("w1"), "m-clean") == []

    stack.stop("postgres", kill=True)
    assert processes.say("m-without-postgres", OFFENCE) == 202
    processes.wait("w1", "away", part="postgres")
    processes.wait("w1", "verdict", observation_id="m-without-postgres")
    shown, _ = processes.page("w1")
    assert "未就绪" in shown
    assert "postgres" in shown
    # The door answers people from it, and shows its page without.
    assert "PostgreSQL" in processes.page("door")[0]
    stack.start("postgres")
    processes.wait("w1", "back", part="postgres")
    assert len(processes.wait("w1", "away", part="postgres")) == 1


def test_every_process_has_a_page_for_people(processes):
    for name in ("w1", "door"):
        shown, policy = processes.page(name)
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "<script" not in shown
        assert "http" not in shown.replace("http-equiv", "")
        assert not [words for words in UNIQUE if words in shown]
        assert 'href="/metrics"' in shown
    shown, _ = processes.page("w1")
    for part in ("正常", "screen", "escalate", "baseline", "待处理记录", "最近一次时钟", "0.1.0", "w1"):
        assert part in shown


def test_nothing_of_all_that_stands_in_the_logs(processes):
    """The last one: both processes end in order, and all that they ever wrote is looked through."""
    assert (processes.stop("w1"), processes.stop("door")) == (0, 0)
    for name in ("w1", "door"):
        lines = processes.lines(name)
        assert (lines[-1]["event"], lines[-1]["code"]) == ("stopped", 0)
        assert not [one for one in lines if "dropped" in one]
        written = (processes.folder / f"{name}.err").read_text("utf-8")
        written += (processes.folder / f"{name}.out").read_text("utf-8")
        assert len(written) > 300
        found = [words for words in UNIQUE if words in written or json.dumps(words)[1:-1] in written]
        assert not found, found
