"""Dead letters: looked at without their words, handed in again where they come from, and harmless when that happens twice."""

import json
import os
import time
from collections import Counter
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from running_fleet import ADVERT

from models import Fleet
from policies.directory import Directory
from streams import desk
from streams.agents.escalate import Ledger
from streams.cli import main
from streams.embedded import Embedded
from streams.fleet import redrive
from streams.fleet.kafka import Producer, read_whole
from streams.ledger import RedisStates
from streams.loading import classifiers_from, packs_from
from streams.store import Store, StoreUnavailable, log
from streams.topics import ACTIONS, DEAD_LETTERS, JUDGEMENTS, OBSERVATIONS, DeadLetter, Record, record_of

NOW = 1_794_963_600_000


def listed(fleet, xunqun, count: int, *options: str) -> list[dict[str, Any]]:
    """So many dead letters, as soon as they are there."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        found[:] = xunqun.json("deadletters", "list", *options)
        return len(found) == count

    fleet.until(enough, f"{count} dead letters")
    return found


def of_group(fleet, topic: str, key: str) -> list[Record]:
    return [one for one in fleet.wait_for(read_whole(fleet.kafka, topic)) if one.key == key]


def place_in(fleet, topic: str, key: str, partition: int, value: bytes) -> None:
    """A record that its connector has placed by a rule of its own."""

    async def send() -> None:
        producer = Producer(fleet.kafka)
        await producer.start()
        await producer.send_to(topic, partition, value, key)
        await producer.stop()

    fleet.wait_for(send())


def sanctions_of(fleet, subject: str) -> Counter[str]:
    """How often each sanction of a subject was planned."""
    planned = [one.sanction for one in fleet.topic(ACTIONS)]
    return Counter(one.id for one in planned if one and one.subject.id == subject)


def strikes_of(fleet, subject: str) -> int:
    async def load() -> int:
        states = await RedisStates.open(fleet.stack.redis, fleet.kafka.prefix + "xunqun")
        try:
            stored = (await states.load("escalate", [subject])).get(subject)
        finally:
            await states.close()
        return len(msgspec.json.decode(stored.value, type=Ledger).strikes) if stored else 0

    return fleet.wait_for(load())


def test_a_letter_goes_back_to_its_place_and_its_tries_add_up(fleet, xunqun):
    body = '{"text": "工资'.encode()
    # One of the two is not the partition that the key stands for.
    for partition in (0, 1):
        place_in(fleet, OBSERVATIONS, "webhook:g7", partition, body + str(partition).encode())
    first = listed(fleet, xunqun, 2)
    assert {one["tries"] for one in first} == {1}
    assert "工资" not in json.dumps(first, ensure_ascii=False)

    for tries in (2, 3):
        assert xunqun.json("deadletters", "redrive") == {"count": 2, "dry_run": False}
        assert {one["tries"] for one in listed(fleet, xunqun, 2)} == {tries}
    for partition in (0, 1):
        again = [one for one in of_group(fleet, OBSERVATIONS, "webhook:g7") if one.partition == partition]
        assert {one.value for one in again} == {body + str(partition).encode()}
        assert len(again) == 3

    (one, other) = listed(fleet, xunqun, 2)
    code, out, _ = xunqun("deadletters", "show", one["id"])
    assert code == 0
    assert "not JSON" in out
    assert "observations, offset" in out
    assert "工资" not in out
    assert "工资" in xunqun("deadletters", "show", one["id"], "--bytes")[1]
    assert xunqun.json("deadletters", "redrive", "--id", one["id"])["count"] == 1
    assert other["id"] in [each["id"] for each in listed(fleet, xunqun, 2)]


def test_a_redrive_that_is_cut_off_loses_nothing_and_judges_nothing_twice(fleet, xunqun, monkeypatch):
    """Sent, and not struck off: it is sent once more."""
    _, body = fleet.said(ADVERT, by="late", group="g8")
    dead = DeadLetter(
        cause="screen could not handle it: KeyError", topic=OBSERVATIONS, offset=3, tries=1, body=body, key="webhook:g8"
    )
    fleet.publish([record_of(DEAD_LETTERS, "webhook:g8", dead, NOW)])
    chosen = ("--cause", "KeyError")
    listed(fleet, xunqun, 1, *chosen)

    def cut_off(*given: object) -> None:
        raise StoreUnavailable("PostgreSQL cannot be reached: start it")

    with monkeypatch.context() as cut:
        cut.setattr(redrive, "_strike_off", cut_off)
        code, _, err = xunqun("deadletters", "redrive", *chosen)
    assert (code, err) == (1, "xunqun: PostgreSQL cannot be reached: start it\n")
    fleet.until(lambda: sanctions_of(fleet, "webhook:late"), "the sanction is planned")
    assert xunqun.json("deadletters", "redrive", *chosen)["count"] == 1
    assert xunqun.json("deadletters", "list", *chosen) == []

    # Both copies were judged, and their verdicts handed in once more as well: one strike, one sanction.
    (verdict, *_) = fleet.until(
        lambda: copies if len(copies := of_group(fleet, JUDGEMENTS, "webhook:g8")) == 2 else None, "two verdicts"
    )
    broken = DeadLetter(
        cause="escalate could not handle it: KeyError", topic=JUDGEMENTS, partition=verdict.partition,
        offset=verdict.offset, tries=1, body=verdict.value, key=verdict.key,
    )  # fmt: skip
    fleet.publish([record_of(DEAD_LETTERS, verdict.key, broken, NOW)])
    listed(fleet, xunqun, 1, "--topic", "judgements")
    assert xunqun.json("deadletters", "redrive", "--topic", "judgements")["count"] == 1
    # What comes after it in the same partition has been decided: so has it.
    fleet.say(ADVERT, by="after", group="g8")
    fleet.until(lambda: sanctions_of(fleet, "webhook:after"), "the next one is decided")
    assert len(of_group(fleet, JUDGEMENTS, "webhook:g8")) == 4
    assert list(sanctions_of(fleet, "webhook:late").values()) == [1]
    assert strikes_of(fleet, "webhook:late") == 1
    assert len(fleet.rows("SELECT id FROM sanctions WHERE subject = 'webhook:late'")) == 1


def test_a_record_that_broke_two_agents_is_handed_in_once(fleet, xunqun):
    place_in(fleet, JUDGEMENTS, "webhook:g6", 0, b"{")
    letters = listed(fleet, xunqun, 2, "--topic", "judgements")
    assert {one["cause"].split()[0] for one in letters} == {"escalate", "record"}
    assert xunqun.json("deadletters", "redrive", "--topic", "judgements")["count"] == 2
    again = fleet.until(
        lambda: copies if len(copies := of_group(fleet, JUDGEMENTS, "webhook:g6")) > 1 else None, "it is handed in"
    )
    assert [one.partition for one in again] == [0, 0]
    assert {one["tries"] for one in listed(fleet, xunqun, 2, "--topic", "judgements")} == {2}


def test_a_replay_and_a_rebuild_do_not_bring_back_what_was_handed_in(fleet, xunqun):
    chosen = ("--cause", "not in milliseconds")
    body = b'{"type":"message.created","id":"m","group":{"id":"g5"},"platform":"webhook","sent_at":99999999999999}'
    place_in(fleet, OBSERVATIONS, "webhook:g5", 0, body)
    (one,) = listed(fleet, xunqun, 1, *chosen)
    kept = fleet.rows('SELECT * FROM dead_letters WHERE partition = :p AND "offset" = :o',
                      p=one["partition"], o=one["offset"])  # fmt: skip
    assert xunqun.json("deadletters", "redrive", *chosen)["count"] == 1
    (second,) = listed(fleet, xunqun, 1, *chosen)
    assert second["id"] != one["id"]
    fleet.write("INSERT INTO dead_letters VALUES (:a, :b, :c, :d, :e, :f, :g, :h)",
                **dict(zip("abcdefgh", kept[0], strict=True)))  # fmt: skip
    assert [each["id"] for each in xunqun.json("deadletters", "list", *chosen)] == [second["id"]]
    assert xunqun("deadletters", "show", one["id"])[0] == 2
    fleet.write("DELETE FROM dead_letters")
    assert xunqun("cases", "rebuild")[0] == 0
    assert [each["id"] for each in xunqun.json("deadletters", "list", *chosen)] == [second["id"]]
    assert xunqun("resume", "--all", "--by", "林晓梅")[0] == 0


def test_letters_are_chosen_by_topic_cause_time_and_id_and_the_rate_is_kept(fleet, xunqun):
    # Bytes that die again at once are counted as they are handed in.
    dead = [
        DeadLetter(cause=f"tried {number}", topic=OBSERVATIONS, offset=number, tries=1, body=b"%d" % number, key="k")
        for number in range(9)
    ]
    fleet.publish([record_of(DEAD_LETTERS, "k", one, NOW + index * 1000) for index, one in enumerate(dead)])
    listed(fleet, xunqun, 9, "--cause", "tried ")
    assert len(xunqun.json("deadletters", "list", "--cause", "tried ", "--limit", 4)) == 4
    since = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NOW // 1000 + 5))
    narrow = ("--topic", "observations", "--cause", "tried ", "--since", since)
    wanted = [one for one in xunqun.json("deadletters", "list", *narrow) if one["at"] < NOW + 3_600_000]
    assert [one["cause"] for one in wanted] == [f"tried {number}" for number in (8, 7, 6, 5)]
    assert xunqun.json("deadletters", "redrive", "--id", wanted[0]["id"], "--dry-run") == {"count": 1, "dry_run": True}
    began = time.monotonic()
    assert xunqun.json("deadletters", "redrive", "--cause", "tried ", "--rate", 8)["count"] == 9
    assert 0.9 < time.monotonic() - began < 10
    code, _, err = xunqun("deadletters", "redrive", "--id", "0/999999")
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no dead letter 0/999999" in err
    assert "is no id of a dead letter" in xunqun("deadletters", "show", "abc")[2]
    assert "say which zone" in xunqun("deadletters", "list", "--since", "2026-12-01")[2]


# in one process


@pytest.fixture
def alone(tmp_path, capsys, monkeypatch):
    """A host on SQLite and the command line on its folder."""
    for name in [name for name in os.environ if name.startswith("XUNQUN_")]:
        monkeypatch.delenv(name)
    store = Store(tmp_path / "xunqun.db")
    host = Embedded(store, classifiers_from("default", ()), packs_from((), Fleet()), Directory(Fleet()))

    def call(*arguments: object) -> Any:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--dir", str(tmp_path), "--json"])
        out, err = capsys.readouterr()
        assert not ended.value.code, err
        return json.loads(out)

    yield host, call
    store.close()


def test_one_process_has_the_same_commands(alone):
    host, xunqun = alone
    host.append_dead(b"{", "not JSON", NOW)
    with host.store.transaction():
        host.store.append([Record(JUDGEMENTS, "webhook:g1", b"{", -1, NOW)])
    host.drain()
    found = xunqun("deadletters", "list")
    assert Counter(one["topic"] for one in found) == {"observations": 1, "judgements": 2}
    shown = xunqun("deadletters", "show", found[0]["id"].partition("/")[2])
    assert (shown["key"], shown["tries"]) == ("webhook:g1", 1)
    assert "body" not in shown
    assert xunqun("deadletters", "redrive", "--dry-run")["count"] == 3
    assert xunqun("deadletters", "redrive", "--rate", 1000)["count"] == 3
    assert xunqun("deadletters", "list") == []
    host.drain()
    handed_in = host.store.connection.execute(sa.select(log.c.key).where(log.c.topic == JUDGEMENTS)).scalars()
    assert list(handed_in) == ["webhook:g1"] * 2
    assert {one["tries"] for one in xunqun("deadletters", "list")} == {2}
    # Without the service nobody looks at the lock; the desk's own call does the same.
    assert desk.redrive(host.store, topic=OBSERVATIONS) == 1


def test_what_is_handed_in_twice_in_one_process_counts_once(alone):
    host, xunqun = alone
    body = json.dumps(
        {
            "id": "m1", "type": "message.created", "platform": "webhook", "group": {"id": "g1"}, "sender": {"id": "a1"},
            "sent_at": NOW, "kind": "text", "text": ADVERT,
        }
    ).encode()  # fmt: skip
    for _ in range(2):
        host.append_dead(body, "screen could not handle it: KeyError", NOW)
        host.drain()
        assert xunqun("deadletters", "redrive")["count"] == 1
        host.drain()
    sanctions = desk.status(host.store)["sanctions"]
    assert sanctions == {"remind": 1}
    assert len(host.store.read((OBSERVATIONS,), 0, 99)) == 2
