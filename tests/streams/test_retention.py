"""Text goes after its time; strikes stay, and nothing that is still to be read is lost."""

import asyncio
import json
import re
from contextlib import closing
from datetime import date, datetime

import pytest
import sqlalchemy as sa
from house import DAY, IDENTITY

from streams import desk
from streams.cases.tables import dead_letters, evidence, verdicts
from streams.cli import main
from streams.metrics import Metrics
from streams.replay import stored_verdicts
from streams.service import Service
from streams.store import Store, _Tail, log
from streams.text_keys import TextKeys
from streams.topics import OBSERVATIONS

MONTH = 30 * DAY


def rows(house, table):
    return house.store.connection.scalar(sa.select(sa.func.count()).select_from(table))


def test_old_records_dead_letters_and_evidence_go_and_strikes_stay(house):
    house.say()
    house.host.append_dead(b"no json", "not JSON", house.now)
    house.settle()
    assert rows(house, log) > 2
    desk.purge(house.store, now=house.now + MONTH + 181 * DAY, keep_text=MONTH)
    assert (rows(house, log), rows(house, dead_letters), rows(house, evidence)) == (0, 0, 0)
    assert house.strikes() == ["m1"]


def test_what_no_agent_has_read_yet_stays_and_can_be_read(a_house):
    house = a_house()
    house.say(judge=False)
    desk.purge(house.store, now=house.now + 2 * MONTH, keep_text=MONTH)
    with closing(Store(house.path)) as anew:
        (record,) = anew.read((OBSERVATIONS,), 0, 10)
    assert b"red_packet" in record.value
    house.settle()
    assert house.strikes() == ["m1"]


def test_after_everything_went_a_second_offence_is_the_second(house):
    house.say()
    desk.purge(house.store, now=house.now + 2 * MONTH, keep_text=MONTH)
    house.say(at=2 * MONTH)
    assert house.standing() == [("warn", "m1"), ("remove", "m2")]


def test_what_is_young_stays(house):
    house.say()
    before = rows(house, log)
    desk.purge(house.store, now=house.now + MONTH - 1, keep_text=MONTH)
    assert rows(house, log) == before


# Words that nobody else writes, in a message, a nickname, a file name and what could not be read.
SAID = {**IDENTITY, "text": f"{IDENTITY['text']} 蓝鲸七号暗语"}
TRACES = ("蓝鲸七号暗语", "11010519491231002X", "白鹭昵称", "灰雁附件", "给大家发个红包")


def traces(folder):
    """The words that lie readable in any file, but for keys, as they are or escaped."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for one in TRACES:
                forms = (one.encode(), one.encode("utf-16-le"), json.dumps(one)[1:-1].encode())
                found |= {(path.name, one) for form in forms if form in content}
    return found


def test_no_text_can_be_read_in_any_file_and_none_at_all_without_the_keys(a_house, tmp_path):
    house = a_house()
    sender = {"id": "a2", "card": "白鹭昵称"}
    attachment = [{"kind": "file", "name": "灰雁附件.xlsx"}]
    house.say(sender=sender, attachments=attachment, sent_at=house.now, **SAID)
    house.say(by="a2", text="给大家发个红包")
    house.host.append_dead("蓝鲸七号暗语 {".encode(), "not JSON", house.now)
    house.settle()
    folder = house.path.parent
    shown = [
        item.matched
        for one in stored_verdicts(house.store)
        for found in (*one.violations, *one.uncertain)
        for item in found.evidence
    ]
    assert "给大家发个红包" in shown, shown
    ((place, dead),) = desk.dead_bodies(house.store, desk.find_dead_letters(house.store)).items()
    assert "蓝鲸七号暗语".encode() in dead.body
    assert {one for one in traces(folder) if one[1] != "白鹭昵称"} == set()

    # Nor by trying, as one can with a hash of a few words.
    bodies = b"".join(house.store.connection.scalars(sa.select(verdicts.c.body)))
    assert b'"span"' in bodies
    assert b'"matched":"' not in bodies

    # A copy of everything but the keys says no more.
    keys = TextKeys(folder / "keys")
    assert {kind.kind for kind in (keys.text, keys.evidence) if list(kind.days())} == {"text", "evidence"}
    for kind in (keys.text, keys.evidence):
        kind.destroy(date(2100, 1, 1))
    with closing(Store(house.path)) as anew:
        assert [one.value for one in anew.read((OBSERVATIONS,), 0, 10)] == [b"", b""]
        assert desk.dead_bodies(anew, [place]) == {}
        again = list(stored_verdicts(anew))
        assert again
        assert {
            item.matched for one in again for found in (*one.violations, *one.uncertain) for item in found.evidence
        } == {None}
    assert not re.search(rb"[0-9]{17}X", b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()))


def test_a_purge_destroys_the_keys_of_what_is_past_its_time(house):
    house.say(by="a2", **IDENTITY)
    keys = TextKeys(house.path.parent / "keys")
    desk.purge(house.store, now=house.now + 2 * MONTH, keep_text=MONTH)
    assert [there for _, there in keys.text.days()] == [False]
    assert [there for _, there in keys.evidence.days()] == [True]
    desk.purge(house.store, now=house.now + 4 * MONTH, keep_text=MONTH)
    assert [there for _, there in keys.evidence.days()] == [False]
    # Life goes on.
    house.say(at=4 * MONTH, by="a1")
    assert house.strikes() == ["m2"]


async def test_a_single_process_waits_for_a_key_that_is_elsewhere(a_house, monkeypatch):
    monkeypatch.setattr("streams.service._STORE_RETRY_SECONDS", 0.01)
    house = a_house()
    house.say(judge=False)
    (key,) = (house.path.parent / "keys").glob("text-*.key")
    elsewhere = key.rename(house.path.with_name("elsewhere"))
    # What was appended is no longer at hand.
    house.store.keys, house.store._tail = TextKeys(key.parent), _Tail()
    service = Service(house.host, house.actuator, Metrics(), clock=lambda: house.now)
    step = asyncio.create_task(service._patiently(house.host.step))
    await asyncio.sleep(0.1)
    ready, (why, *_) = service.ready()
    assert (ready, "is not in" in why, service.standing().away) == (False, True, ["keys"])
    elsewhere.rename(key)
    assert await asyncio.wait_for(step, 10)
    assert (service.standing().away, house.strikes()) == ([], ["m1"])


def test_dead_letters_whose_bytes_are_deleted_are_shown_and_not_handed_in(house, capsys):
    house.host.append_dead(SAID["text"].encode(), "not JSON", house.now)
    house.settle()
    TextKeys(house.path.parent / "keys").text.destroy(date(2100, 1, 1))

    def called(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["deadletters", *arguments, "--dir", str(house.path.parent)])
        return ended.value.code or 0, *capsys.readouterr()

    (letter,) = json.loads(called("list", "--json")[1])
    code, out, err = called("show", letter["id"])
    assert (code, "not JSON" in out) == (0, True), err
    code, _, err = called("show", letter["id"], "--bytes")
    assert (code, "past their time" in err) == (2, True), err
    code, out, err = called("redrive")
    assert (code, "0 dead letters" in out) == (0, True), err


class _NextDay(datetime):
    """The day after all that a house says."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 19, 8, tzinfo=tz)


def test_an_operator_lists_keys_and_destroys_them(house, capsys, monkeypatch):
    house.say(by="a2", **IDENTITY)
    folder = str(house.path.parent)
    day = date.fromtimestamp(house.now / 1000).isoformat()

    def called(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--dir", folder])
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    code, out, _ = called("keys", "list", "--json")
    assert code == 0
    assert {(one["kind"], one["state"]) for one in json.loads(out)} == {("text", "there"), ("evidence", "there")}
    assert called("keys", "destroy", "--before", day, "--yes")[1].startswith("no key of a day before")
    monkeypatch.setattr("typer.confirm", lambda question: False)
    monkeypatch.setattr("streams.cli.keys.datetime", _NextDay)
    assert "nothing was deleted" in called("keys", "destroy", "--before", "2026-11-19")[2]
    assert "name 2026-11-19" in called("keys", "destroy", "--before", "2026-11-20", "--yes")[2]
    assert "1 days" in called("keys", "destroy", "--before", "2026-11-19", "--kind", "text", "--yes")[1]
    states = {(one["kind"], one["state"]) for one in json.loads(called("keys", "list", "--json")[1])}
    assert states == {("text", "destroyed"), ("evidence", "there")}
    assert "write it like" in called("keys", "destroy", "--before", "soon", "--yes")[2]
    assert "no kind" in called("keys", "destroy", "--before", "2026-11-19", "--kind", "all-of-it", "--yes")[2]
