"""A fleet erases a member while its worker runs; neither an emptied Redis nor views built again bring him back."""

import json
from typing import Any

import msgspec
import pytest
from redis import Redis
from running_fleet import ADVERT, NUMBER, Called, RunningFleet
from test_text_at_rest import all_tables, shows

from models import Account, Fleet, Group, Person
from streams.erasures import since
from streams.fleet.hosts import Kept
from streams.fleet.kafka import GROUP_STATE, LEDGER, Kafka, read_whole
from streams.ledger.stored import unpack
from streams.text_keys import TextKeys, found

WHO, ACCOUNT, NAME, CARD = "emp-40771", "acc-2100000771", "慕容拾柒", "二厂-慕容"
TRACES = (WHO, ACCOUNT, NAME, CARD)
BY = ("--by", "林晓梅", "--reason", "本人申请")


@pytest.fixture
def fleet(stack: Any, tmp_path: Any):
    made = RunningFleet(stack, tmp_path)
    found(tmp_path / "keys")
    made.settings |= {"XUNQUN_KEYS": str(tmp_path / "keys"), "XUNQUN_DIR": str(tmp_path)}
    made.kafka = Kafka(made.kafka.brokers, made.kafka.prefix, keys=TextKeys(tmp_path / "keys"))
    people = (
        Person(id=WHO, name=NAME, accounts=(Account("webhook", ACCOUNT),)),
        Person(id="emp-2", name="何平", accounts=(Account("webhook", "acc-2"),)),
    )
    groups = tuple(
        Group(
            id=f"g{one}", platform="webhook", mode="enforce", owner="emp-2",
            facts={"monitoring_notice_at": "2020-01-01"},
        )
        for one in (1, 2)
    )  # fmt: skip
    (tmp_path / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet(people=people, groups=groups)))
    yield made
    made.close()


def newest(fleet: RunningFleet, topic: str) -> dict[str, bytes]:
    """By key, what a compacted topic keeps in the end."""
    found: dict[str, Kept] = {}
    for one in fleet.wait_for(read_whole(fleet.kafka, topic)):
        kept = msgspec.json.decode(one.value, type=Kept)
        if one.key not in found or kept.version > found[one.key].version:
            found[one.key] = kept
    return {key: bytes(kept.value) for key, kept in found.items()}


def in_redis(fleet: RunningFleet) -> list[str]:
    """What of him stands in Redis beside the name of his empty ledger, while a worker goes on."""
    with Redis.from_url(fleet.stack.redis) as client:
        keys = list(client.scan_iter(f"{fleet.kafka.prefix}*"))
        values = [client.get(key) or b"" for key in keys if client.type(key) == b"string"]
        sets = [repr(client.zrange(key, 0, -1)).encode() for key in keys if client.type(key) == b"zset"]
    assert values
    name = f"{fleet.kafka.prefix}xunqun:escalate:{{{WHO}}}".encode()
    bodies = [unpacked(one) for value in values for one in (value, value.partition(b"\n")[2])]
    return shows(b"\n".join([*(key.replace(name, b"") for key in keys), *values, *sets, *bodies]), TRACES)


def unpacked(value: bytes) -> bytes:
    """States are packed behind a line with their version, decisions without; leases are words."""
    try:
        return unpack(value)
    except Exception:
        return b""


def is_empty(fleet: RunningFleet) -> bool:
    return newest(fleet, LEDGER).get(WHO) == b"{}"


def test_a_member_is_erased_everywhere_and_stays_so(fleet, capsys, monkeypatch):
    fleet.start()
    call = Called(fleet, capsys, monkeypatch)
    fleet.say(ADVERT, sender={"id": ACCOUNT, "card": CARD})
    fleet.say(ADVERT, sender={"id": "acc-2", "card": "一厂-何平"})
    fleet.say(NUMBER, sender={"id": ACCOUNT, "card": CARD}, group="g2")
    fleet.until(lambda: len(fleet.rows("SELECT 1 FROM sanctions")) >= 2, "sanctions")
    fleet.until(lambda: fleet.rows("SELECT 1 FROM reviews WHERE subject = :who", who=WHO), "a review")
    fleet.until(lambda: newest(fleet, LEDGER).get(WHO, b"{}") != b"{}", "a ledger on its topic")
    (sanction,) = fleet.rows("SELECT id FROM sanctions WHERE subject = :who", who=WHO)
    assert call("appeal", sanction[0], "--by", WHO, "--text", "那是我女儿发的")[0] == 0
    fleet.until(lambda: fleet.rows("SELECT 1 FROM appeals WHERE subject = :who", who=WHO), "the appeal")
    asked = "SELECT 1 FROM reviews WHERE subject = :who"
    fleet.until(lambda: len(fleet.rows(asked, who=WHO)) == 2, "the question that it raises, too")
    fleet.until(lambda: CARD.encode() in b"".join(newest(fleet, GROUP_STATE).values()), "states on their topic")
    assert set(shows(all_tables(fleet), TRACES)) >= {WHO, ACCOUNT, NAME}
    assert in_redis(fleet)
    counted = ("verdicts", "violations", "sanctions", "reviews", "appeals", "outbox")
    before = {one: fleet.rows(f"SELECT count(*) FROM {one}") for one in counted}
    others = fleet.rows("SELECT id, body FROM sanctions WHERE subject = 'emp-2'")

    # He gets what is there of him.
    out = fleet.folder / "his.json"
    code, told, err = call("member", "export", f"webhook:{ACCOUNT}", "--out", out)
    assert code == 0, err
    found = json.loads(out.read_text("utf-8"))
    assert [one["text"] for one in found["messages"]] == [ADVERT, NUMBER]
    assert found["appeals"][0]["text"] == "那是我女儿发的"
    assert len(found["strikes"]) == 1
    assert found["groups"]["webhook:g1"]["cards"] == {WHO: CARD}
    assert not [one for one in ("emp-2", 'acc-2"', "何平") if one in out.read_text("utf-8")]
    out.unlink()

    code, told, err = call("member", "erase", WHO, *BY, "--yes")
    assert code == 0, err
    assert "it is published" in told
    fleet.until(lambda: not shows(all_tables(fleet), TRACES), "the views name him no more")
    fleet.until(lambda: is_empty(fleet), "the ledger is empty on its topic")
    fleet.until(lambda: not in_redis(fleet), "Redis holds nothing of him")
    states = newest(fleet, GROUP_STATE)
    fleet.until(lambda: not shows(b"".join(newest(fleet, GROUP_STATE).values()), TRACES), "states of groups forget")
    assert set(states) <= {"webhook:g1", "webhook:g2"}
    assert {one: fleet.rows(f"SELECT count(*) FROM {one}") for one in counted} == before
    assert fleet.rows("SELECT id, body FROM sanctions WHERE subject = 'emp-2'") == others
    words = "SELECT 1 FROM evidence JOIN violations ON violations.id = violation_id WHERE subject = 'erased'"
    assert fleet.rows(words) == []
    assert [one.subject for one in since(fleet.folder / "keys", 0)] == [WHO]
    assert WHO not in (fleet.folder / "worker.log").read_text("utf-8")

    # Redis loses everything, and is filled again from the topics.
    assert fleet.stop() == 0
    with Redis.from_url(fleet.stack.redis) as client:
        client.delete(*client.scan_iter(f"{fleet.kafka.prefix}*"))
    fleet.start()
    with Redis.from_url(fleet.stack.redis) as client:
        other = f"{fleet.kafka.prefix}xunqun:escalate:{{emp-2}}"
        fleet.until(lambda: client.exists(other), "Redis is filled again")
    assert not in_redis(fleet)
    assert not shows(all_tables(fleet), TRACES)

    # The views are built again from all that the topics hold, his findings among it.
    tables = ("verdicts", "violations", "sanctions", "tasks", "reviews", "appeals", "decisions", "evidence")
    whole = fleet.dump(tables)
    fleet.write("DELETE FROM verdicts")
    fleet.write("DELETE FROM sanctions")
    fleet.write("DELETE FROM appeals")
    code, _, err = call("cases", "rebuild")
    assert code == 0, err
    assert not shows(all_tables(fleet), TRACES)
    assert fleet.dump(tables) == whole

    # Twice is told; who comes back is known anew.
    code, _, err = call("member", "erase", WHO, *BY, "--yes")
    assert (code, "was erased on 20" in err) == (1, True)
    call("resume", "--all")
    fleet.say(ADVERT, sender={"id": ACCOUNT, "card": CARD})
    fleet.until(lambda: fleet.rows("SELECT 1 FROM sanctions WHERE subject = :who", who=WHO), "a new sanction")
    assert fleet.stop() == 0


def test_without_keys_a_fleet_erases_nobody_and_says_how(fleet, capsys, monkeypatch):
    del fleet.settings["XUNQUN_KEYS"]
    fleet.cases().upgrade()
    code, _, err = Called(fleet, capsys, monkeypatch)("member", "erase", WHO, *BY, "--yes")
    assert (code, "set XUNQUN_KEYS" in err) == (2, True)
