"""All that is stored about a member, for himself, and its erasure; on the single process."""

import json
import stat
from contextlib import closing

import msgspec
import pytest
import sqlalchemy as sa
from house import CARD, GIFT, IDENTITY, PLAIN, START, TRANSFER, a_pack

from models import Person
from policies.directory import Directory
from policies.lint import load_packs
from policies.state import GroupState
from streams import desk, erasures, members, outbox
from streams.cases.tables import decisions, reviews, sanctions, tasks, unmeasured, verdicts, violations
from streams.cases.tables import meta as case_tables
from streams.cli import main
from streams.errors import WrongUse
from streams.store import Store
from streams.store import meta as own_tables
from streams.topics import JUDGEMENTS, OBSERVATIONS, WITH_TEXT, Judged, Record, value_of

NAME = "陈志强"
# What only he is called by; the accounts of the house are too short to be looked for in bytes.
TRACES = (NAME, '"u1"', '"a1"', "webhook:a1", '"a1-phone"', "生产部-陈")


def everything(store: Store) -> dict[str, str]:
    """All tables but the log, each as a text."""
    found = {}
    for table in (*own_tables.sorted_tables, *case_tables.sorted_tables):
        if table.name == "log":
            continue
        rows = [tuple(row) for row in store.connection.execute(sa.select(table))]
        texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False)
                 for row in rows for one in row]  # fmt: skip
        found[table.name] = "\n".join(texts)
    return found


def traces(store: Store) -> dict[str, list[str]]:
    """By table, what of the member stands in it."""
    found = {name: [one for one in TRACES if one in text] for name, text in everything(store).items()}
    return {name: some for name, some in found.items() if some}


def offend(house):
    """Every kind of row on the member, and some on another."""
    house.say(sender={"id": "a1", "card": "生产部-陈志强"}, **PLAIN)
    house.say(**GIFT)
    house.say(by="a1-phone", group="g2", **TRANSFER)
    house.say(**IDENTITY)
    house.say(by="a2", **GIFT)
    house.say(by="a2", **CARD)
    (warned,) = [one for one in house.issued() if one.kind == "warn" and one.subject.id == "u1"][:1]
    desk.appeal(house.store, warned.id, by="u1", text="那是我女儿发的", now=house.now)
    house.settle()
    (asked,) = [one for one in house.reviews("appeal") if one["subject"] == "u1"]
    house.decide(asked["id"], "uphold")


def erase(house, who="u1", **given):
    fleet = house.host.directory.fleet
    member = members.find(who, fleet)
    kept = members.held(house.store, member, fleet, house.store.load)
    one = members.erasure(member, kept, by="林晓梅", reason="本人申请", now=house.now)
    desk.erase(house.store, one, fleet, now=house.now, **given)
    house.settle()
    return one


def counts(store):
    tables = (verdicts, violations, sanctions, reviews, tasks, decisions)
    return {one.name: store.connection.scalar(sa.select(sa.func.count()).select_from(one)) for one in tables}


def test_nobody_finds_the_member_in_any_table_and_the_counts_stay(house):
    offend(house)
    before, others = counts(house.store), [one for one in house.issued() if one.subject.id == "u2"]
    assert {"state", "verdicts", "violations", "sanctions", "reviews", "appeals", "decisions", "outbox"} <= set(
        traces(house.store)
    )
    erase(house)
    # An id stays as the name of an empty ledger.
    assert traces(house.store) == {"state": ['"u1"']}
    query = sa.text("SELECT value FROM state WHERE agent = 'escalate' AND key = 'u1'")
    assert house.store.connection.scalar(query) == b"{}"
    assert counts(house.store) == before
    assert [one for one in house.issued() if one.subject.id == "u2"] == others
    assert house.strikes("u2")
    query = sa.select(reviews.c.status).where(reviews.c.subject == "erased")
    assert set(house.store.connection.scalars(query)) <= {"decided", "withdrawn"}


def test_no_text_of_his_can_be_read_in_the_log_without_the_keys(house):
    offend(house)
    erase(house)
    rows = house.store.connection.execute(sa.text("SELECT topic, value FROM log")).all()
    for topic, value in rows:
        if topic in WITH_TEXT:
            assert NAME.encode() not in value, topic
            assert value[:2] == b"\xfe1", topic


def test_what_is_read_twice_and_what_comes_late_bring_nothing_back(a_house):
    house = a_house()
    offend(house)
    erase(house)
    after = everything(house.store)
    # As after a crash: the agents that keep views and outbox read the whole log once more.
    with house.store.transaction() as connection:
        connection.exec_driver_sql("UPDATE offsets SET offset = 0 WHERE agent IN ('record', 'enforce')")
    house.host._offsets |= {"record": 0, "enforce": 0}
    house.host._quiet = -1
    house.settle()
    again = everything(house.store)
    assert {name for name in after if after[name] != again[name]} <= {"offsets"}
    assert traces(house.store) == {"state": ['"u1"']}


def test_rows_that_come_once_more_without_the_erasure_stay_erased(house):
    """As of another partition, whose worker ended before it had committed."""
    offend(house)
    entered = ("verdicts", "violations", "sanctions", "reviews", "tasks", "appeals", "decisions", "outbox")
    before = [(name, dict(row._mapping)) for name in entered
              for row in house.store.connection.execute(sa.select(case_tables.tables[name])).all()]  # fmt: skip
    assert set(entered) - {"tasks"} == {name for name, _ in before}
    erase(house)
    with house.store.transaction():
        house.store.write_rows(before)
    assert traces(house.store) == {"state": ['"u1"']}


def test_an_erasure_in_the_same_chunk_as_what_it_erases_comes_behind_it(a_house):
    house = a_house(chunk=1000)
    agents, house.host.agents = house.host.agents, house.host.agents[:1]
    house.say(**GIFT)
    house.host.agents, house.host._quiet = agents, -1
    assert counts(house.store)["verdicts"] == 0
    erase(house)
    assert traces(house.store) == {"state": ['"u1"']}
    assert [one.subject.id for one in house.issued()] == ["erased"]


def test_what_waits_for_him_is_cancelled_and_nothing_is_reversed(house):
    desk.pause(house.store, by="林晓梅")
    house.say(**GIFT)
    assert house.outbox() == [("notify", "planned")]
    erase(house)
    assert house.outbox() == [("notify", "cancelled")]
    desk.resume(house.store)
    house.settle()
    assert house.sent() == []
    assert [one.reverses for one in house.issued()] == [None]


def test_what_he_does_afterwards_begins_anew(house):
    house.say(**GIFT)
    erase(house)
    house.say(**GIFT)
    assert [kind for kind, _ in house.standing()] == ["warn"]
    # The first message is not remembered: it may be found once more, as that of anybody.
    assert len(house.strikes()) == 1


def test_groups_forget_and_find_nothing(house):
    house.say(sender={"id": "a1", "card": "生产部-陈志强"}, **PLAIN)
    before = counts(house.store)
    erase(house)
    states = dict(house.store.connection.execute(sa.text("SELECT key, value FROM state WHERE agent = 'screen'")).all())
    assert set(states) == {"webhook:g1"}  # the others were never seen, and are still looked after
    assert "webhook:g2" in house.host.groups_due(START)
    assert counts(house.store) == before


def test_an_observation_of_it_only_makes_forget_though_the_group_owes_much(a_house):
    house = a_house(packs=load_packs([]) | {"house": a_pack(), "other": a_pack("other")})
    screen = house.host.screen
    group = house.host.directory.groups["webhook:g1"]
    screen.directory.groups["webhook:g1"] = msgspec.structs.replace(group, pack="xianchuang")

    def brought(type, **more):
        seen = {"type": type, "id": "o1", "platform": "webhook", "group": {"id": "g1"}, "sent_at": START, **more}
        record = Record(OBSERVATIONS, "webhook:g1", json.dumps(seen).encode(), 1, START)
        assert screen.keys([record]) == {"webhook:g1"}
        return screen.handle([record], {"webhook:g1": GroupState(joined={"u1": 1}, spoke={"u2": 1})})

    assert brought("message.created", sender={"id": "a2"}, text="早上好").records
    effects = brought("member.erased", target={"id": "a1"})
    assert (effects.records, effects.rows) == ([], [])
    assert effects.state == {"webhook:g1": GroupState(spoke={"u2": 1})}


def test_people_decide_on_nothing_of_his_any_more(house):
    house.say(**IDENTITY)
    house.say(**GIFT)
    (asked,) = house.reviews("assisted")
    erase(house)
    (warned,) = house.issued()
    with pytest.raises(WrongUse, match="withdrawn"):
        desk.decide(house.store, asked["id"], outcome="uphold", by="林晓梅")
    with pytest.raises(WrongUse, match="was erased"):
        desk.decide(house.store, warned.id, outcome="overturn", by="林晓梅")
    with pytest.raises(WrongUse, match="was erased"):
        desk.appeal(house.store, warned.id, by="u1")


def test_who_stands_in_no_directory_is_erased_by_his_account(house):
    house.say(by="stranger-77", sender={"id": "stranger-77", "card": "红包小王"}, **GIFT)
    erase(house, "webhook:stranger-77")
    left = {name: text for name, text in everything(house.store).items() if "stranger-77" in text or "小王" in text}
    assert set(left) == {"state"}
    assert left["state"].count("stranger-77") == 1


def test_a_reminder_that_lists_him_by_name_loses_only_his_name(house):
    body = {
        "type": "report",
        "what": f"未回复：{NAME}、何平（共 2 人）",
        "violation_ids": [],
        "assignee": {"role": "owner"},
    }
    row = {"id": "t_x", "group_id": "g1", "status": "open", "offset": 1, "body": msgspec.json.encode(body)}
    with house.store.transaction():
        house.store.write_rows([("tasks", row)])
    erase(house)
    found = house.store.connection.execute(sa.select(tasks)).one()
    assert msgspec.json.decode(found.body)["what"] == "未回复：（已删除）、何平（共 2 人）"
    assert found.status == "open"


def test_what_could_not_be_measured_of_his_is_not_looked_at_again(house):
    said = [
        {"id": one, "verdict": one, "clause": "", "subject": f"webhook:{who}"}
        for one, who in (("m8", "a1"), ("m9", "a2"))
    ]
    waits = [{"offset": at, "category": "ads", "observation_id": one["id"], "at": 1} for at, one in enumerate(said)]
    with house.store.transaction():
        house.store.write_rows([("violations", one) for one in said] + [("unmeasured", one) for one in waits])
    erase(house)
    assert house.store.connection.scalars(sa.select(unmeasured.c.observation_id)).all() == ["m9"]


def test_the_record_says_who_asked_for_it_and_goes_under_the_groups_of_what_was_found(house):
    house.say(**GIFT)
    one = erase(house)
    found = [record for record in house.store.read((JUDGEMENTS,), 0, 100) if value_of(record).erasure]
    assert [(record.key, value_of(record)) for record in found] == [("webhook:g1", Judged(erasure=one))]
    told = [msgspec.json.decode(record.value) for record in house.store.read((OBSERVATIONS,), 0, 100)]
    told = [(seen["group"]["id"], seen["target"]["id"]) for seen in told if seen["type"] == "member.erased"]
    assert sorted(told) == [(f"g{group}", account) for group in (1, 2, 3) for account in ("a1", "a1-phone", "u1")]


# export


def test_an_export_has_all_of_it_and_names_nobody_else(house):
    offend(house)
    house.say(by="a2", type="report.filed", text="举报u1发红包")
    house.say(type="report.filed", text="举报何平发红包")
    fleet = house.host.directory.fleet
    member = members.find("webhook:a1-phone", fleet)
    assert member.subject == "u1"
    kept = members.held(house.store, member, fleet, house.store.load)
    records = house.store.read((OBSERVATIONS,), 0, 1000)
    said = [seen for one in records if (seen := members.is_message_of(member, one))]
    found = json.loads(json.dumps(members.export(house.store, member, kept, said, now=house.now)))
    assert [one["text"] for one in found["messages"]] == ["今天两点开例会", "恭喜发财", "请收款", IDENTITY["text"]]
    assert {one["clause"] for one in found["verdicts"]} == {"house-1", "house-2", "house-4"}
    assert ["110*************2x"] in [one["words"] for one in found["verdicts"]]
    assert {one["kind"] for one in found["sanctions"]} == {"warn", "remove"}
    assert {one["call"] for one in found["actions"]} == {"notify", "remove"}
    assert [one["text"] for one in found["appeals"]] == ["那是我女儿发的"]
    assert [(one["role"], one["outcome"]) for one in found["decisions"]] == [("moderator", "uphold")]
    assert [one["status"] for one in found["strikes"]] == ["live", "live", "revoked"]
    assert found["groups"]["webhook:g1"]["cards"] == {"u1": "生产部-陈志强"}
    assert found["person"]["name"] == NAME
    text = json.dumps(found, ensure_ascii=False)
    assert not [one for one in ("何平", "林晓梅", '"u2"', '"a2"', "举报") if one in text]


def test_who_is_meant_by_an_id_or_an_account(house):
    fleet = house.host.directory.fleet
    assert members.find("webhook:b", fleet).subject == "boss"
    gone = members.find("u9", fleet, accounts=["webhook:a9"], names=["何平", "慕容拾柒"])
    assert (gone.subjects, gone.names, gone.shared) == (("u9", "webhook:a9"), ("何平", "慕容拾柒"), ("何平",))
    # 何平 is found within 何平安, who is somebody else.
    fleet = msgspec.structs.replace(fleet, people=(*fleet.people, Person(id="u3", name="何平安")))
    assert members.find("u2", fleet).shared == ("何平",)
    with pytest.raises(WrongUse, match="is an account of u2, who is somebody else"):
        members.find("u9", fleet, accounts=["webhook:a2"])
    for wrong in ("a9", ":a9", "webhook:"):
        with pytest.raises(WrongUse, match="is written as platform:account"):
            members.find("u9", fleet, accounts=[wrong])


def test_who_left_the_directory_long_ago_is_erased_by_his_old_id(a_house):
    house = a_house()
    offend(house)
    fleet = house.host.directory.fleet
    fleet = msgspec.structs.replace(fleet, people=tuple(one for one in fleet.people if one.id != "u1"))
    member = members.find("u1", fleet, accounts=["webhook:a1", "webhook:a1-phone"], names=[NAME])
    kept = members.held(house.store, member, fleet, house.store.load)
    one = members.erasure(member, kept, by="林晓梅", reason="本人申请", now=house.now)
    house.host.screen.directory = Directory(fleet)
    desk.erase(house.store, one, fleet, now=house.now)
    house.settle()
    assert traces(house.store) == {"state": ['"u1"']}


# the command line


@pytest.fixture
def called(house, tmp_path, capsys, monkeypatch):
    path = tmp_path / "fleet.yaml"
    path.write_bytes(msgspec.yaml.encode(house.host.directory.fleet))
    monkeypatch.setenv("XUNQUN_FLEET", str(path))
    monkeypatch.delenv("XUNQUN_DATABASE", raising=False)

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["member", *map(str, arguments), "--dir", str(house.path.parent)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


BY = ("--by", "林晓梅", "--reason", "本人申请")


def test_the_command_line_exports_and_erases(house, called, tmp_path):
    offend(house)
    out = tmp_path / "陈.json"
    code, told, err = called("export", "u1", "--out", out)
    assert (code, err) == (0, "")
    assert "4 messages" in told
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text("utf-8"))["subject"] == "u1"

    code, told, err = called("erase", "u1", *BY, "--dry-run")
    assert code == 0
    assert "2 strikes" in told
    assert "take him out of it" in err
    assert erasures.since(house.path.parent / "keys", 0) == []

    code, told, err = called("erase", "u1", *BY, "--yes", "--json")
    assert code == 0, err
    (kept,) = erasures.since(house.path.parent / "keys", 0)
    assert json.loads(told)["id"] == kept.id
    assert "生产部-陈志强" in kept.names
    house.host._quiet = -1
    house.settle()
    assert traces(house.store) == {"state": ['"u1"']}

    code, told, err = called("erase", "u1", *BY, "--yes")
    assert code == 1
    assert "was erased on 20" in err


def test_the_command_line_says_what_is_wrong(house, called):
    code, _, err = called("erase", "u9", *BY)
    assert (code, "nothing is stored about u9: give an id" in err) == (1, True)
    code, _, err = called("erase", "webhook:nobody", *BY, "--yes")
    assert (code, "nothing is stored about webhook:nobody" in err) == (1, True)
    assert called("erase", "u1", "--by", " ", "--reason", "x")[0] == 2


def test_labels_on_him_go_and_others_stay(house, called):
    offend(house)
    path = house.path.parent / "labels.jsonl"
    mine, other = house.violation("warn"), house.violation("warn", "u2")
    lines = [json.dumps({"text": "x", "label": "ok", "category": "ads", "by": "林", "at": 1, "until": 2, "of": one})
             for one in (mine, other)]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    called("erase", "u1", *BY, "--yes")
    assert path.read_text() == lines[1] + "\n"


def test_backups_of_before_are_erased_again(a_house):
    house = a_house()
    offend(house)
    with closing(Store(house.path)) as other:
        fleet = house.host.directory.fleet
        member = members.find("u1", fleet)
        kept = members.held(other, member, fleet, other.load)
        one = members.erasure(member, kept, by="林晓梅", reason="本人申请", now=house.now)
        for _ in range(2):
            desk.erase(other, one, fleet, now=house.now)
    house.host._quiet = -1
    house.settle()
    assert traces(house.store) == {"state": ['"u1"']}
    assert not outbox.waiting(house.store)
