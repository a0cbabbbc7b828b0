"""Groups and their keepers from outside, over a real store: health, burden, text to paste, duties and stating them."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from classifiers.measure import Classifiers
from models import Observation
from policies.calendar import DAY
from policies.directory import Directory
from policies.lint import load_fleet, load_packs
from streams.cli import app
from streams.cli.output import Failure
from streams.embedded import Embedded
from streams.groups import burden
from streams.store import Store

NOW = int(time.time() * 1000)
PACK = """
pack: acme
title: 测试制度
source: {document: null}
status: {stage: adopted}
ladders: {adverts: {rungs: [{strikes: 1, sanction: warn}]}}
clauses:
  acme-1:
    article: 第一条
    says: 不发广告
    bindings: [{rule: content.category, with: {category: ads}, mode: automatic, ladder: adverts}]
  acme-2:
    article: 第二条
    says: 管理员每周检查成员
    bindings:
      - rule: duty.periodic
        with: {duty: 检查成员, fact: patrolled_at, keeper: 管理员, every: {days: 7}}
        mode: automatic
        response: {sanction: task, task: 请检查成员, assignee: administrator}
"""
FLEET = f"""
people:
  - {{id: u1, name: 周卫国, accounts: [{{platform: webhook, id: a1}}]}}
  - {{id: u2, name: 陈志强, accounts: [{{platform: webhook, id: a2}}]}}
  - {{id: u3, name: 林晓梅}}
  - {{id: u4, name: 何平, status: left, left_at: 2026-03-01, accounts: [{{platform: webhook, id: a4}}]}}
groups:
  - {{id: g1, platform: webhook, name: 防汛工作群, pack: acme, mode: enforce, owner: u1, administrators: [u2], members: [u1, u2],
     facts: {{monitoring_notice_at: 2026-01-01, patrolled_at: {NOW - 10 * DAY}}}}}
  - {{id: g2, platform: webhook, name: 防汛群2, mode: observe, owner: u4, members: [u1, u2, u3, x9]}}
  - {{id: g3, platform: webhook, name: 食堂群, pack: acme, status: applied, facts: {{monitoring_notice_at: 2026-01-01}}}}
  - {{id: g4, platform: webhook, name: 旧群, pack: acme, status: dissolved}}
"""


@pytest.fixture
def place(tmp_path: Path, classifiers: Classifiers, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a fleet, a pack, and a store in which some messages were judged long ago and lately."""
    monkeypatch.setenv("XUNQUN_FLEET", str(tmp_path / "fleet.yaml"))
    monkeypatch.setenv("XUNQUN_PACKS", str(tmp_path / "acme.yaml"))
    monkeypatch.delenv("XUNQUN_DATABASE", raising=False)
    monkeypatch.setenv("XUNQUN_DIR", str(tmp_path))
    (tmp_path / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    (tmp_path / "acme.yaml").write_text(PACK, encoding="utf-8")
    store = Store(tmp_path / "xunqun.db")
    host = embedded(store, tmp_path, classifiers)
    for number, (group, days, text) in enumerate(
        (("g2", 40, "大家好"), ("g1", 20, "早"), ("stray", 2, "在吗"), ("g1", 0.01, "面膜内部代理价,拉三个下线返现")),
        start=1,
    ):
        at = int(NOW - days * DAY)
        body = {
            "id": f"m{number}",
            "type": "message.created",
            "platform": "webhook",
            "group": {"id": group},
            "kind": "text",
        }
        host.append([msgspec.json.encode({**body, "sent_at": at, "sender": {"id": "a2"}, "text": text})], at)
    host.tick(NOW)
    host.drain()
    store.close()
    return tmp_path


def embedded(store: Store, folder: Path, classifiers: Classifiers) -> Embedded:
    packs = load_packs([folder / "acme.yaml"])
    return Embedded(store, classifiers, packs, Directory(load_fleet(folder / "fleet.yaml")))


def xunqun(*arguments: object) -> tuple[int, str, BaseException | None]:
    ran = CliRunner().invoke(app, [str(one) for one in arguments])
    return ran.exit_code, ran.output, ran.exception


def test_health_names_every_group_that_is_not_as_it_should_be(place: Path):
    code, out, _ = xunqun("groups", "health", "--json")
    found = [(one["group"].removeprefix("webhook:"), one["reason"], one["since"]) for one in json.loads(out)]
    assert code == 1
    assert found == [
        ("g2", "no pack: judged by baseline", NOW - 40 * DAY),
        ("g2", "in observe for long: nothing leaves", NOW - 40 * DAY),
        ("g2", "the owner u4 has left", 1_772_294_400_000),
        ("g2", "1 unknown members: x9", None),
        ("g2", "1 members without an account on webhook: u3", None),
        ("g2", "no monitoring notice: drafts only", None),
        ("g2", "silent: no observation", NOW - 40 * DAY),
        ("g3", "the group is applied, not approved", None),
        ("g3", "no owner", None),
        ("g3", "no members are listed", None),
        ("g3", "nothing was ever seen of it", None),
        ("stray", "not in the fleet", NOW - 2 * DAY),
    ]
    told = {
        one["reason"] for one in json.loads(xunqun("groups", "health", "--observed", 60, "--silent", 60, "--json")[1])
    }
    assert not {"in observe for long: nothing leaves", "silent: no observation"} & told


def test_a_pause_and_a_draft_pack_are_told_too(place: Path):
    assert xunqun("pause", "--group", "g1", "--by", "周卫国", "--reason", "检修")[0] == 0
    (place / "acme.yaml").write_text(PACK.replace("adopted", "provisional"), encoding="utf-8")
    found = json.loads(xunqun("groups", "health", "--json")[1])
    reasons = [one["reason"] for one in found if one["group"] == "webhook:g1"]
    assert reasons == ["the pack acme is provisional: drafts only", "paused by 周卫国: 检修"]


def test_a_fleet_without_faults_is_told_so(place: Path):
    text = FLEET.replace("  - {id: g2", "  - {status: dissolved, id: g2").replace(
        "status: applied,", "status: dissolved,"
    )
    (place / "fleet.yaml").write_text(text, encoding="utf-8")
    code, out, _ = xunqun("groups", "health", "--json")
    assert [one["group"] for one in json.loads(out)] == ["webhook:stray"]
    assert code == 1


def test_what_waits_to_be_posted_by_hand_is_printed_with_how_to_close_it(place: Path):
    store = Store(place / "xunqun.db")
    store.connection.exec_driver_sql("UPDATE outbox SET status = 'manual'")
    store.connection.commit()
    store.close()
    found = json.loads(xunqun("groups", "text", "--json")[1])
    assert [one["group"] for one in found] == ["webhook:g1", "webhook:g2"]
    assert "第一条（摘要：不发广告）" in found[0]["text"]
    assert found[1]["text"].startswith("【告知】本群由系统")
    assert found[1]["actions"] == []
    shown = xunqun("groups", "text", "--group", "g1")[1]
    assert f"xunqun review decide {found[0]['actions'][0]} done" in shown
    assert "面膜" not in shown
    assert "lists no group" in str(xunqun("groups", "text", "--group", "none")[2])


def test_duties_are_shown_with_what_states_them(place: Path):
    found = json.loads(xunqun("duties", "--json")[1])
    patrol = [one for one in found if one["done"] == "patrolled_at" and one["group"] == "webhook:g1"]
    assert [(one["keepers"], one["overdue"], one["due_at"]) for one in patrol] == [(["u2"], True, NOW - 3 * DAY)]
    tasks = [one for one in found if one["done"].startswith("t_")]
    assert [(one["what"][:5], one["keepers"]) for one in tasks] == [("请检查成员", ["u2"])]
    assert [one["overdue"] for one in found] == sorted((one["overdue"] for one in found), reverse=True)
    assert json.loads(xunqun("duties", "--owner", "u3", "--json")[1]) == []
    assert "duties done patrolled_at" in " ".join(xunqun("duties", "--owner", "u2")[1].split())
    assert "nobody with the id u99" in str(xunqun("duties", "--owner", "u99")[2])


def test_a_duty_that_is_stated_is_done_for_the_agents(place: Path, classifiers: Classifiers):
    assert xunqun("duties", "done", "patrolled_at", "--group", "g1", "--by", "u2", "--ref", "2026-14")[0] == 0
    store = Store(place / "xunqun.db")
    host = embedded(store, place, classifiers)
    host.drain()
    store.close()
    (patrol,) = [
        one
        for one in json.loads(xunqun("duties", "--json")[1])
        if one["done"] == "patrolled_at" and one["group"] == "webhook:g1"
    ]
    assert patrol["overdue"] is False
    assert patrol["due_at"] > NOW + 6.9 * DAY
    task = next(one["done"] for one in json.loads(xunqun("duties", "--json")[1]) if one["done"].startswith("t_"))
    assert xunqun("duties", "done", task, "--by", "林晓梅")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("patrolled_at", "--by", "u2"), "say of which group"),
        (("patrolled_at", "--group", "g9", "--by", "u2"), "lists no group g9"),
        (("patrolled_at", "--group", "g1", "--by", "u3"), "its keepers can (u1, u2), and leaders"),
        (("patrolled_at", "--group", "g3", "--by", "u3"), "nobody yet: name an owner"),
        (("patrolled_at", "--group", "g1", "--by", "u2", "--at", "soon"), "write it like 2026-11-20"),
        (("t_none", "--by", "u2"), "there is no review, sanction, violation, appeal or task t_none"),
    ],
)
def test_what_cannot_be_stated_says_the_way_out(place: Path, arguments: tuple[str, ...], told: str):
    code, _, error = xunqun("duties", "done", *arguments)
    assert code != 0
    assert told in str(error)


def test_no_fleet_and_no_store_are_told_in_a_sentence(place: Path, monkeypatch: pytest.MonkeyPatch):
    error = xunqun("groups", "health", "--dir", place / "elsewhere")[2]
    assert isinstance(error, Failure)
    assert "does not exist" in str(error)
    monkeypatch.delenv("XUNQUN_FLEET")
    assert "name the fleet file with --fleet" in str(xunqun("duties")[2])


def said(text: str, days: float, *, group: str = "g2", by: str = "a1", **given: object) -> Observation:
    body = {
        "id": f"{text}{days}",
        "type": "message.created",
        "platform": "webhook",
        "group": {"id": group},
        "kind": "text",
    }
    body |= {"sent_at": int(NOW - days * DAY), "sender": {"id": by}, "text": text, **given}
    return msgspec.convert(body, type=Observation)


def test_burden_counts_what_is_demanded_of_each_person_a_week(place: Path):
    history = [
        said("【通知】周五停电检修，收到请回复", 28),
        said("【通知】周一例会，收到请回复", 3),
        said("【通知】食堂调价，无需回复", 3),
        said("@陈志强 方案什么时候能交？", 2, mentions=[{"id": "a2"}]),
        said("收到", 2, by="a2"),
        said("今天两点开例会", 1, group="g1"),
    ]
    found = burden(load_fleet(place / "fleet.yaml"), history, NOW)
    assert found.weeks == 4.0
    assert [(one.id, one.groups, one.receipts, one.replies) for one in found.people] == [
        ("u2", 2, 0.5, 0.25),
        ("u3", 1, 0.5, 0),
        ("u4", 1, 0.5, 0),
        ("u1", 2, 0, 0),
    ]
    assert found.idle == (("webhook:g3", "食堂群", None),)
    assert found.duplicates == (("webhook:g1", "webhook:g2"),)


def test_the_burden_command_reads_files_or_the_store(place: Path):
    file = place / "history.jsonl"
    file.write_bytes(msgspec.json.encode(said("【通知】收到请回复", 3)) + b"\nnot json\n")
    found = json.loads(xunqun("groups", "burden", file, "--json")[1])
    assert {one["id"]: one["receipts"] for one in found["people"]} == {"u1": 0, "u2": 1, "u3": 1, "u4": 1}
    stored = json.loads(xunqun("groups", "burden", "--json")[1])
    assert stored["idle"] == [["webhook:g2", "防汛群2", NOW - 40 * DAY], ["webhook:g3", "食堂群", None]]
    assert "duplicate: webhook:g1 and webhook:g2" in xunqun("groups", "burden")[1]
