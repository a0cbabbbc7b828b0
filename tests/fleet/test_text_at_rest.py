"""A fleet with keys: what lies in Kafka, Redis and PostgreSQL shows no words, and without the keys there are none any more."""

import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from running_fleet import Called, RunningFleet

from streams.agents import RecordViews
from streams.fleet.hosts import effects_of
from streams.fleet.ingest import Ingest
from streams.fleet.kafka import TOPIC_SETTINGS, Kafka, Producer, read_whole
from streams.fleet.worker import Worker
from streams.ledger.stored import unpack
from streams.metrics import Metrics
from streams.settings import Settings
from streams.text_keys import DAY, TextExpired, TextKeys, exposed, found
from streams.topics import DEAD_LETTERS, JUDGEMENTS, OBSERVATIONS, DeadLetter, Record, record_of

# An advert with words that nobody else writes.
WORDS = "祛痘精油内部价,想做代理的加我微信,暗语蓝鲸七号"
LOST = "暗语灰雁九号 {"
# Those of the advert itself other tests post, too, on the same servers.
TRACES = ("蓝鲸七号", "灰雁九号")
# 2026-11-18
AT = 1_794_963_600_000


@pytest.fixture
def fleet(stack: Any, tmp_path: Path):
    made = RunningFleet(stack, tmp_path)
    found(tmp_path / "keys")
    made.settings |= {"XUNQUN_KEYS": str(tmp_path / "keys"), "XUNQUN_DIR": str(tmp_path)}
    made.kafka = Kafka(made.kafka.brokers, made.kafka.prefix, keys=TextKeys(tmp_path / "keys"))
    yield made
    made.close()


def shows(content: bytes, words: Sequence[str] = TRACES) -> list[str]:
    """The words that stand in it, as they are, escaped or as PostgreSQL prints bytes."""
    return [
        one
        for one in words
        if any(form in content for form in (one.encode(), one.encode("unicode_escape"), one.encode().hex().encode()))
    ]


def stored_in_redis(fleet: RunningFleet) -> bytes:
    with Redis.from_url(fleet.stack.redis) as client:
        keys = [key for key in client.scan_iter() if fleet.kafka.prefix.encode() in key]
        values = [client.get(key) or b"" for key in keys if client.type(key) == b"string"]
    assert values
    # States are packed behind a line with their version.
    bodies = [unpack(one.partition(b"\n")[2] if b"\n" in one[:200] else one) for one in values if len(one) > 1]
    return b"\n".join([*keys, *values, *bodies])


def all_tables(fleet: RunningFleet) -> bytes:
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = :schema"
    tables = [one for (one,) in fleet.rows(query, schema=fleet.schema)]
    assert "evidence" in tables
    return repr(fleet.dump(tables)).encode("utf-8", "surrogatepass")


def files_of(fleet: RunningFleet, part: str) -> list[Path]:
    """What a part has on disk: segments, write-ahead logs, the append-only file. Compressed segments are read as records."""
    return [path for path in (fleet.stack.folder / part).rglob("*") if path.is_file()]


def test_no_words_are_at_rest_and_with_the_keys_the_rest_is_gone(fleet, capsys, monkeypatch):
    fleet.start()
    named = fleet.say(WORDS, sender={"id": "a1"})
    fleet.publish([Record(OBSERVATIONS, "webhook:g1", LOST.encode(), -1, -1)])
    fleet.until(lambda: fleet.rows("SELECT 1 FROM evidence") and fleet.rows("SELECT 1 FROM dead_letters"), "rows")
    fleet.until(lambda: fleet.rows("SELECT 1 FROM sanctions"), "a sanction")
    assert fleet.stop() == 0

    # With the keys people read what it rests on.
    call = Called(fleet, capsys, monkeypatch)
    (letter,) = call.json("deadletters", "list")
    assert "灰雁九号" in call("deadletters", "show", letter["id"], "--bytes")[1]
    with_words = fleet.rows("SELECT matched FROM evidence")
    matched = [TextKeys(fleet.folder / "keys").words(one) for (one,) in with_words]
    assert matched
    assert all(one and one in WORDS and len(one) > 2 for one in matched), matched

    # Without, nobody does, wherever he looks.
    blind = Kafka(fleet.kafka.brokers, fleet.kafka.prefix, keys=TextKeys(fleet.folder / "keys"))
    for topic in TOPIC_SETTINGS:
        raw = fleet.wait_for(read_raw(blind, topic))
        assert not shows(b"\n".join(raw), [*TRACES, *matched]), topic
        if topic in (OBSERVATIONS, JUDGEMENTS, DEAD_LETTERS):
            assert raw, topic
    assert not shows(stored_in_redis(fleet))
    # Which word of a list spoke stays with its verdict; what the member wrote around it does not.
    assert not shows(all_tables(fleet))
    for part in ("redis", "postgres"):
        bad = [path.name for path in files_of(fleet, part) if shows(path.read_bytes())]
        assert not bad, part

    # A backup of all that holds what is past its time only as long as the keys are there.
    keys = TextKeys(fleet.folder / "keys")
    assert exposed(fleet.folder / "keys") == []
    assert keys.text.destroy(date(2100, 1, 1))
    assert keys.evidence.destroy(date(2100, 1, 1))
    gone = Kafka(fleet.kafka.brokers, fleet.kafka.prefix, keys=TextKeys(fleet.folder / "keys"))
    assert {one.value for one in fleet.wait_for(read_whole(gone, OBSERVATIONS))} == {b""}
    with pytest.raises(TextExpired):
        TextKeys(fleet.folder / "keys").evidence.read(with_words[0][0])
    code, _, err = call("cases", "rebuild")
    assert code == 0, err
    assert fleet.rows("SELECT count(*) FROM verdicts") == [(1,)]
    assert fleet.rows("SELECT id FROM violations WHERE id = :id", id=named) == [(named,)]
    # Strikes and sanctions stay, and quote nothing.
    assert fleet.rows("SELECT count(*) FROM sanctions") != [(0,)]


def test_what_is_past_its_time_becomes_one_dead_letter_and_no_more(tmp_path):
    keys = TextKeys(tmp_path / "keys")
    keys.text.encrypt(b"", AT)
    keys.text.destroy(date(2100, 1, 1))
    body = WORDS.encode()
    letter = DeadLetter(cause="not JSON", topic=OBSERVATIONS, offset=7, tries=1, body=body)
    for first in (record_of(DEAD_LETTERS, "webhook:g1", letter, AT), Record(DEAD_LETTERS, "", b"", -1, AT)):
        rows, waiting = [], [first]
        for _ in range(3):
            stored = [keys.closed(one, one.appended_at) for one in waiting]
            assert not any(map(shows, stored))
            read = [Record(DEAD_LETTERS, "", keys.text.decrypt(one), 0, AT) for one in stored]
            brought = [effects_of(RecordViews(), [one]) for one in read]
            rows += [row for one in brought for _, row in one.rows]
            waiting = [record_of(*one) for effects in brought for one in effects.records]
        assert waiting == []
        assert [(row["cause"], row["body"]) for row in rows] in (
            [("not JSON", b"")],
            [("record could not handle it: DecodeError", b"")],
        )


async def test_a_door_that_has_no_key_for_today_takes_nothing(tmp_path):
    keys = TextKeys(tmp_path / "keys")
    now = time.time_ns() // 1_000_000
    keys.text.encrypt(b"", now)
    keys.text.destroy(date(2100, 1, 1))
    # Nothing of it is sent, so that no Kafka has to be there.
    door = Ingest(Producer(Kafka("127.0.0.1:1", keys=keys)), None, Metrics())
    body = {"id": "m1", "type": "message.created", "platform": "webhook", "group": {"id": "g1"}, "sent_at": now}
    answer = await door.append(json.dumps(body | {"text": WORDS}).encode())
    assert (answer.status, "see to the clock" in answer.why) == ("unavailable", True)
    ready, (why,) = door.ready()
    assert (ready, why, door.standing().away) == (False, answer.why, ["keys"])


def test_a_worker_whose_clock_runs_ahead_destroys_no_key(stack, tmp_path, monkeypatch):
    worker = Worker(Settings(database=stack.database, keys=tmp_path / "keys"), ["dispatch"])
    worker.cases = worker._open_cases()
    keys, now = TextKeys(tmp_path / "keys"), worker.cases.log_time()
    for days in (0, 31, 91):
        keys.text.encrypt(b"", now - days * DAY)
        keys.evidence.encrypt(b"", now - days * DAY)
    monkeypatch.setattr("streams.fleet.worker._now", lambda: now + 365 * DAY)
    worker._purge()
    worker.cases.close()
    assert [there for _, there in keys.text.days()] == [False, False, True]
    assert [there for _, there in keys.evidence.days()] == [False, True, True]


async def read_raw(kafka: Kafka, topic: str) -> list[bytes]:
    """Values and keys as they are stored."""
    plain = Kafka(kafka.brokers, kafka.prefix, keys=_AsStored())
    return [part for one in await read_whole(plain, topic) for part in (one.value, one.key.encode())]


class _AsStored(TextKeys):
    """Reads nothing."""

    def __init__(self) -> None:
        super().__init__(None)
        self.text = self

    def decrypt(self, stored: bytes) -> bytes:
        return stored
