"""A fleet that loses everything, or its database alone, goes on from its backup: real Kafka, Redis and PostgreSQL."""

import asyncio
import gzip
import json
import shutil
import time
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis
from running_fleet import ADVERT, NUMBER, Called, RunningFleet

from models import Fleet, Group
from streams.agents import AGENTS
from streams.backup.folder import read_manifest
from streams.backup.topics import stored_records
from streams.fleet.kafka import LEDGER, TOPIC_SETTINGS, Kafka, KafkaUnavailable, Producer, open_admin, read_whole
from streams.fleet.probe import _lag
from streams.text_keys import TextExpired, TextKeys, found
from streams.topics import OBSERVATIONS, Record

TABLES = ("verdicts", "violations", "evidence", "sanctions", "tasks", "reviews", "decisions", "outbox", "dead_letters")
SENDERS = 40


@pytest.fixture
def fleet(stack: Any, tmp_path: Path):
    """Three groups in which sanctions go out by themselves; text is encrypted."""
    made = RunningFleet(stack, tmp_path)
    told = {"monitoring_notice_at": "2020-01-01"}
    groups = tuple(
        Group(id=f"g{one}", platform="webhook", pack="baseline", mode="enforce", facts=told) for one in range(3)
    )
    (tmp_path / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet(groups=groups)))
    found(tmp_path / "keys")
    made.settings |= {"XUNQUN_KEYS": str(tmp_path / "keys"), "XUNQUN_DIR": str(tmp_path)}
    made.kafka = Kafka(made.kafka.brokers, made.kafka.prefix, keys=TextKeys(tmp_path / "keys"))
    yield made
    made.close()


@pytest.fixture
def call(fleet, capsys, monkeypatch):
    return Called(fleet, capsys, monkeypatch)


def advertise(fleet: RunningFleet, sender: int, round: int = 0) -> str:
    """An advert of its own words, so that no flood is made of them."""
    text = f"{ADVERT}，{sender}号店第{round}批"
    return fleet.say(text, sender={"id": f"a{sender}"}, group=f"g{sender % 3}")


def at_rest(fleet: RunningFleet) -> bool:
    """Everything that was said is judged, and what follows has gone out."""
    return not fleet.rows("SELECT 1 FROM outbox WHERE status IN ('planned', 'sending')") and not lag(fleet)


def lag(fleet: RunningFleet) -> int:
    async def ask() -> int:
        return sum([await _lag(fleet.kafka, fleet.kafka.group(one.name), one.reads) for one in AGENTS])

    return int(asyncio.run(ask()))


def rows_of(fleet: RunningFleet) -> dict[str, list[Any]]:
    """What the tables say, without the places of records."""
    found = {}
    for table in TABLES:
        rows = [row[0] for row in fleet.rows(f"SELECT to_jsonb(t) FROM {table} t")]
        for row in rows:
            row.pop("offset", None)
        found[table] = sorted(map(json.dumps, rows))
    return found


def ledgers(fleet: RunningFleet) -> dict[str, Any]:
    """The newest ledger of each subject on its topic."""
    newest: dict[str, tuple[int, Any]] = {}
    for record in fleet.wait_for(read_whole(fleet.kafka, LEDGER)):
        kept = json.loads(record.value)
        newest[record.key] = max(
            newest.get(record.key, (-1, None)), (kept["version"], kept["value"]), key=lambda one: one[0]
        )
    return {subject: value for subject, (_, value) in newest.items()}


def destroy(fleet: RunningFleet, *, log: bool = True) -> None:
    """The database is gone; with the `log` all topics and what Redis holds, too."""
    fleet.write(f"DROP SCHEMA {fleet.schema} CASCADE")
    fleet.write(f"CREATE SCHEMA {fleet.schema}")
    if not log:
        return

    async def delete() -> None:
        admin = await open_admin(fleet.kafka)
        names = {fleet.kafka.named(one) for one in TOPIC_SETTINGS}
        try:
            await admin.delete_topics(sorted(names))
            while names & set(await admin.list_topics()):
                await asyncio.sleep(0.1)
        finally:
            await admin.close()

    fleet.wait_for(delete())
    with Redis.from_url(fleet.stack.redis) as client:
        for key in client.scan_iter(f"{fleet.kafka.prefix}*"):
            client.delete(key)


def backed_up(call: Called, into: Path, *more: str) -> Path:
    return Path(call.json("backup", into, *more)["folder"])


def test_a_fleet_that_lost_everything_goes_on(fleet, call, tmp_path):
    fleet.start()
    first = [advertise(fleet, one) for one in range(6)]
    fleet.say(NUMBER, sender={"id": "a9"})
    fleet.publish([Record(OBSERVATIONS, "webhook:g1", b"{no observation", -1, -1)])
    fleet.until(lambda: len(fleet.rows("SELECT 1 FROM sanctions")) >= 6 and at_rest(fleet), "sanctions are out")
    (asked, *_) = [one for one in call.json("review", "list") if one["kind"] == "assisted"]
    assert call("review", "decide", asked["id"], "overturn", "--by", "何平", "--reason", "样例")[0] == 0
    fleet.until(lambda: fleet.rows("SELECT 1 FROM decisions") and at_rest(fleet), "the decision is entered")
    assert fleet.stop() == 0
    # Said, and judged by nobody yet.
    waiting = [advertise(fleet, 3, 1), fleet.say(f"{ADVERT}，新人", sender={"id": "a30"}, group="g0")]
    before, held = rows_of(fleet), ledgers(fleet)
    assert before["outbox"]
    assert before["dead_letters"]

    folder = backed_up(call, tmp_path / "backups")
    described = call.json("restore", folder, "--dry-run")
    assert described["text"] == "encrypted"
    assert described["records"]["observations"] >= len(waiting)
    destroy(fleet)
    code, _, err = call("restore", folder, "--yes")
    assert code == 0, err
    assert rows_of(fleet) == before
    assert ledgers(fleet) == held

    # Nothing goes out before a person has looked; what was under way is judged, and counts on top of what was held.
    fleet.start()
    ids = lambda: {row[0] for row in fleet.rows("SELECT id FROM violations WHERE clause = ''")}  # noqa: E731
    fleet.until(lambda: {*first, *waiting} <= ids() and not lag(fleet), "what was under way is judged")
    after = ledgers(fleet)
    assert {one: len(after[one].get("strikes", [])) for one in held} == {
        one: len(held[one].get("strikes", [])) + (one.endswith("a3")) for one in held
    }
    assert len(after["webhook:a30"]["strikes"]) == 1
    held_back = fleet.rows("SELECT status, count(*) FROM outbox GROUP BY status ORDER BY status")
    assert dict(held_back)["planned"] >= 2
    assert call("resume", "--all", "--by", "何平")[0] == 0
    fleet.until(lambda: at_rest(fleet), "what is planned goes out")
    # Whoever was told before is not told again.
    assert fleet.rows("SELECT id FROM outbox WHERE tries > 1") == []
    assert fleet.stop() == 0

    # Its views are brought in line with the new log, and keep what only the old one told of.
    count = {table: len(fleet.rows(f"SELECT 1 FROM {table}")) for table in TABLES}
    code, _, err = call("cases", "rebuild")
    assert code == 0, err
    assert {table: len(fleet.rows(f"SELECT 1 FROM {table}")) for table in TABLES} == count
    assert fleet.rows("SELECT count(*) FROM groups_seen") != [(0,)]
    code, _, err = call("restore", folder, "--yes")
    assert code == 2
    assert "not empty" in err


def test_a_backup_under_load_is_one_moment(fleet, call, tmp_path):
    fleet.start()
    said: list[str] = []
    folder = None
    for one in range(SENDERS):
        said.append(advertise(fleet, one))
        if one == SENDERS // 2:
            folder = backed_up(call, tmp_path / "backups")
    fleet.until(lambda: len(fleet.rows("SELECT 1 FROM sanctions")) >= SENDERS, "all have a sanction", 120)
    assert fleet.stop() == 0
    destroy(fleet)
    # Kafka goes away in the middle: the same call once more goes on from there.
    put, puts = Producer.put, []

    async def broken(self: Producer, *given: Any) -> None:
        puts.append(given)
        if len(puts) == 3:
            raise KafkaUnavailable("Kafka did not confirm")
        await put(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Producer, "put", broken)
        code, _, err = call("restore", folder, "--yes")
    assert code == 1
    assert "did not confirm" in err
    code, _, err = call("restore", folder, "--yes")
    assert code == 0, err
    fleet.start()
    assert call("resume", "--all", "--by", "何平")[0] == 0
    fleet.until(lambda: at_rest(fleet), "all is judged", 120)

    # Of what was said by then nobody was left out, and nobody counts twice.
    known = [json.loads(one.value)["id"] for one in fleet.wait_for(read_whole(fleet.kafka, OBSERVATIONS)) if one.key]
    judged = [row[0] for row in fleet.rows("SELECT id FROM violations WHERE clause = ''")]
    count = len(judged)
    assert judged
    assert count >= SENDERS // 2
    assert set(judged) == set(said[:count])
    assert {one for one in known if one in said} <= set(judged)
    assert fleet.rows("SELECT subject FROM sanctions GROUP BY subject HAVING count(*) > 1") == []
    held = ledgers(fleet)
    assert {len(held[f"webhook:a{one}"]["strikes"]) for one in range(count)} == {1}
    assert len(fleet.rows("SELECT 1 FROM sanctions")) == count
    sent = fleet.rows("SELECT status, count(*) FROM outbox GROUP BY status")
    assert [status for status, _ in sent] in (["confirmed"], ["accepted"])
    # No deadline, no notice, no tick of the old log is left to be applied to the new one: it goes on judging.
    later = advertise(fleet, 1, 2)
    fleet.until(lambda: fleet.rows("SELECT 1 FROM violations WHERE id = :id", id=later), "it is judged")
    assert fleet.stop() == 0


def test_a_database_that_is_lost_alone_is_read_on_from_kafka(fleet, call, tmp_path):
    fleet.start()
    for one in range(4):
        advertise(fleet, one)
    fleet.until(lambda: len(fleet.rows("SELECT 1 FROM sanctions")) >= 4 and at_rest(fleet), "sanctions are out")
    folder = backed_up(call, tmp_path / "backups")
    for one in range(4, 8):
        advertise(fleet, one)
    fleet.until(lambda: len(fleet.rows("SELECT 1 FROM sanctions")) >= 8 and at_rest(fleet), "more are out")
    code, _, err = call("restore", folder, "--only-database", "--yes")
    assert code == 2
    assert "not empty" in err or "workers are running" in err
    assert fleet.stop() == 0
    before = rows_of(fleet)
    destroy(fleet, log=False)
    code, out, err = call("restore", folder, "--only-database")
    assert code == 0, err
    # What went out since the backup is known to have gone out, before anything starts.
    statuses = dict(fleet.rows("SELECT status, count(*) FROM outbox GROUP BY status"))
    assert not {"planned", "sending"} & set(statuses)
    assert "actions that wait to go out: 0" in out
    fleet.start()
    fleet.until(lambda: len(fleet.rows("SELECT 1 FROM sanctions")) >= 8 and not lag(fleet), "rows are written again")
    after = rows_of(fleet)
    for table in ("verdicts", "violations", "evidence", "sanctions", "tasks", "reviews"):
        assert after[table] == before[table], table
    assert [json.loads(one)["status"] for one in after["outbox"]] == [
        json.loads(one)["status"] for one in before["outbox"]
    ]
    assert fleet.stop() == 0


def test_what_is_wrong_is_said_before_anything_is_changed(fleet, call, tmp_path):
    fleet.start()
    advertise(fleet, 1)
    fleet.until(lambda: fleet.rows("SELECT 1 FROM sanctions") and at_rest(fleet), "a sanction is out")
    assert fleet.stop() == 0
    into = tmp_path / "backups"
    folder = backed_up(call, into)
    files = [path for path in into.rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o077 for path in (*files, folder)} == {0}
    # No words of a message lie in it, and no key.
    plain = {path: gzip.decompress(path.read_bytes()) for path in files if path.suffix == ".gz"}
    assert sum(map(len, plain.values())) > 5_000
    assert plain[folder / "cases" / "evidence.copy.gz"]
    assert not [path for path, content in plain.items() if "1号店".encode() in content]
    assert not [path for path in files if path.suffix == ".key"]

    # With its keys the text is gone from it, too.
    manifest = read_manifest(folder)
    stored = [one.value for _, some in stored_records(folder, manifest, OBSERVATIONS) for one in some if one.key]
    keys = TextKeys(tmp_path / "keys")
    assert ["1号店" in keys.text.decrypt(one).decode() for one in stored] == [True]
    copied = TextKeys(shutil.copytree(tmp_path / "keys", tmp_path / "copied"))
    assert copied.text.destroy(date(2100, 1, 1))
    with pytest.raises(TextExpired):
        copied.text.decrypt(stored[0])

    damaged = folder / "cases" / "verdicts.copy.gz"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    code, _, err = call("restore", folder, "--yes")
    assert code == 2
    assert "is not what was written" in err
    damaged.write_bytes(whole)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "cluster": "another"}))
    code, _, err = call("restore", folder, "--only-database")
    assert code == 2
    assert "another Kafka" in err
    (folder / "manifest.json").write_text(json.dumps({**manifest, "form": 99}))
    code, _, err = call("restore", folder, "--dry-run")
    assert code == 2
    assert "newer version" in err
    code, _, err = call("restore", into, "--dry-run")
    assert code == 2
    assert "no backup" in err
    # Kept are as many as were asked for, and what is not ours.
    (into / "xunqun-notes").mkdir()
    time.sleep(1.1)
    backed_up(call, into, "--keep", "1")
    assert len(list(into.glob("xunqun-*Z"))) == 1
    assert not folder.exists()
    assert (into / "xunqun-notes").is_dir()


def test_readable_text_is_not_copied_unasked(fleet, call, tmp_path, monkeypatch):
    monkeypatch.delenv("XUNQUN_KEYS")
    code, _, err = call("backup", tmp_path / "backups")
    assert code == 2
    assert "--readable-text" in err
    assert not (tmp_path / "backups").exists()
