"""What a pack's tests can say, and that they fail when it is not so."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from classifiers.measure import Classifiers
from policies.calendar import DAY, WorkingCalendar
from policies.lint import load_packs
from policies.schema import Pack
from streams.cli import app
from streams.packtest import START, fleet_for, prepare
from streams.packtest import test_pack as run_tests
from streams.packtest.form import moment
from streams.packtest.measures import Measured, measured

HOUR = DAY // 24
ADVERT = "面膜内部代理价,拉三个下线返现"


def a_pack(*tests: dict[str, Any], fixture: dict[str, Any] | None = None, **clauses: list[dict[str, Any]]) -> Pack:
    bound = clauses or {"ads": [{"rule": "content.category", "with": {"category": "ads"}, "ladder": "adverts"}]}
    written = {
        "pack": "p",
        "title": "测试制度",
        "source": {"document": None},
        "status": {"stage": "adopted"},
        "ladders": {"adverts": {"rungs": [{"strikes": 1, "sanction": "warn"}, {"strikes": 2, "sanction": "remove"}]}},
        "clauses": {
            f"p-{name}": {
                "article": "第一条",
                "says": "摘要",
                "bindings": [{"mode": "automatic", **one} for one in bindings],
            }
            for name, bindings in clauses.items() or bound.items()
        },
        "tests": tests,
        "fixture": fixture or {},
    }
    return msgspec.convert(written, type=Pack)


@pytest.fixture(scope="module")
def tested(classifiers: Classifiers):
    packs = load_packs()

    def run(*tests: dict[str, Any], **given: Any):
        return list(run_tests(a_pack(*tests, **given), packs, classifiers))

    return run


@pytest.mark.parametrize(
    ("written", "after"),
    [
        (None, 0),
        ({"hours": 2, "minutes": 30}, 2.5 * HOUR),
        ("-30d", -30 * DAY),
        ("+90m", 1.5 * HOUR),
        ("Thu 14:00", 4.5 * HOUR),
        ("Fri 09:30", DAY),
        ("Mon", 4 * DAY - 9.5 * HOUR),
        ("Mon+1 09:30", 11 * DAY),
        ("Wed-1 09:30", -DAY),
        ("2026-11-20T09:30", DAY),
    ],
)
def test_times_are_written_as_people_say_them(written: Any, after: float):
    assert moment(written, WorkingCalendar()) - START == after


@pytest.mark.parametrize("written", ["soon", "Fri 25:00", "Fri14:00", "30d"])
def test_what_is_no_time_is_said(written: str):
    with pytest.raises(ValueError, match=r"is no time|hour must"):
        moment(written, WorkingCalendar())


def test_what_holds_and_what_does_not(tested):
    holds, missed, extra, kinds, near = tested(
        {"message": ADVERT, "expect": ["p-ads"], "sanctions": ["warn"]},
        {"message": "明天开会", "expect": ["p-ads"]},
        {"message": ADVERT, "expect": []},
        {"message": ADVERT, "expect": ["p-ads"], "sanctions": ["remove"]},
        {"message": "三家报价都在附件里,请评审", "expect": [], "near": ["p-ads"]},
    )
    assert holds.wrong == near.wrong == ()
    assert missed.wrong == ("expected but not found: p-ads",)
    assert extra.wrong == ("found but not expected: p-ads",)
    assert kinds.wrong == ("sanctions: expected ['remove'], got ['warn']",)


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ({"mesage": "x", "expect": []}, "unknown field `mesage`"),
        ({"message": "x", "expect": ["p-none"]}, "there is no clause p-none"),
        ({"message": "x", "expect": ["p-ads"], "near": ["p-ads"]}, "both broken and only near"),
        ({"message": "x", "expect": [], "given": {"newcomer": {"department": "生产部"}}}, "field `name`"),
        ({"message": "x", "expect": [], "until": "later"}, "is no time"),
    ],
)
def test_a_test_that_cannot_be_read_says_why(tested, test: dict[str, Any], why: str):
    (one,) = tested(test)
    assert "cannot be read" in one.wrong[0]
    assert why in one.wrong[0]


def test_a_fixture_lays_people_facts_and_groups_over_the_seven():
    pack = a_pack(
        {"message": "早", "expect": [], "given": {"owner": {"post": "经理"}, "facts": {"filed_at": "-30d"}}},
        fixture={
            "owner": {"department": "行政部"},
            "newcomer": {"name": "王芳", "joined_at": "-2d"},
            "customer": {"name": "何先生", "tags": ["customer"], "member": True},
            "leader": {"member": False},
            "facts": {"purpose": "工作"},
            "group": {"managers": ["finance"]},
            "groups": {"side": {"name": "二群", "owner": "member"}},
        },
    )
    (test,) = prepare(pack)
    assert test.case is not None
    fleet = fleet_for(pack, test.case)
    people = {one.id: one for one in fleet.people}
    own, side = fleet.groups
    assert (people["owner"].department, people["owner"].post, people["owner"].name) == ("行政部", "经理", "周卫国")
    assert people["newcomer"].joined_at == START - 2 * DAY
    told = {"monitoring_notice_at": START - 30 * DAY}
    assert own.facts == {"purpose": "工作", "filed_at": START - 30 * DAY, **told}
    assert (own.managers, side.name, side.owner, side.facts) == (("finance",), "二群", "member", told)
    assert "customer" in own.members
    assert not {"newcomer", "leader"} & set(own.members)


def test_steps_show_what_platforms_show():
    pack = a_pack(
        {
            "steps": [
                {"kind": "image"},
                {"file": "方案.docx", "account": "phone-2", "role": "administrator"},
                {"link": "https://a.example/x", "mentions": ["owner"], "repeat": 2, "every_seconds": 5},
                {"type": "member.role_changed", "target": "member", "field": "role", "new": "administrator"},
                {"type": "message.recalled", "recall_of": "test-1"},
                {"type": "file.deleted", "file": "方案.docx", "by": "colleague"},
                {
                    "at": "Fri 10:00",
                    "type": "task.stated",
                    "fact": {"name": "work_ended_at", "value": "Thu"},
                    "group": "side",
                },
            ],
            "given": {"groups": {"side": {}}},
            "expect": [],
        }
    )
    (test,) = prepare(pack)
    picture, file, link, again, role, recall, deleted, stated = (one.decoded for one in test.records)
    assert (picture.kind, picture.attachments[0].kind, picture.sender.card) == ("image", "image", "陈志强")
    assert (file.kind, file.attachments[0].name, file.sender.id, file.sender.role) == (
        "file",
        "方案.docx",
        "phone-2",
        "administrator",
    )
    assert (link.links[0].url, link.mentions[0].id, again.sent_at - link.sent_at) == (
        "https://a.example/x",
        "owner",
        5000,
    )
    assert (role.change.field, role.change.new, role.kind) == ("role", "administrator", "unknown")
    assert recall.recall_of.id == "test-1"
    assert (deleted.attachments[0].name, deleted.sender.id) == ("方案.docx", "colleague")
    assert (stated.group.id, stated.fact.value, stated.sent_at - START) == ("side", START - HOUR * 9.5, DAY + HOUR / 2)


def test_time_passes_to_until_in_every_group(tested):
    bindings = [
        {
            "rule": "roster.difference",
            "with": {"within": {"working_days": 2}},
            "response": {"sanction": "task", "task": "请清理", "assignee": "owner"},
        }
    ]
    left = {
        "given": {"colleague": {"status": "left", "left_at": "Fri 10:00"}},
        "steps": [{"at": "Fri 11:00", "message": "早"}],
    }
    side = {"groups": {"side": {"members": ["colleague"], "owner": "finance"}}, "group": {"members": ["owner"]}}
    elsewhere = {**left, "given": {**left["given"], **side}, "until": "Wed 12:00", "expect": ["p-roster"]}
    task = {"assignee": "owner", "clause": "p-roster", "what": "请清理"}
    late, early, other, wrong, more = tested(
        {**left, "until": "Wed 12:00", "expect": ["p-roster"], "tasks": [task]},
        {**left, "until": "Mon 12:00", "expect": [], "tasks": []},
        {**elsewhere, "tasks": [{"assignee": "finance"}]},
        {**elsewhere, "tasks": [{"assignee": "administrator"}]},
        {**elsewhere, "tasks": []},
        roster=bindings,
    )
    assert late.wrong == early.wrong == other.wrong == ()
    told = "[{'clause': 'p-roster', 'assignee': {'role': 'owner', 'id': 'finance'}}]"
    assert wrong.wrong[0] == f"tasks: expected {{'assignee': 'administrator'}}, got {told}"
    assert more.wrong == ("tasks: 1 more than expected: [{'clause': 'p-roster'}]",)


def test_people_decide_and_drafts_are_compared_field_by_field(tested):
    bindings = [{"mode": "assisted", "rule": "content.category", "with": {"category": "ads"}, "ladder": "adverts"}]
    upheld = [{"message": ADVERT}, {"at": {"hours": 1}, "by": "leader", "decide": "uphold", "clause": "p-ads"}]
    again = [*upheld, {"at": {"hours": 2}, "message": ADVERT}, {**upheld[1], "at": {"hours": 3}}]
    asked, warned, removed, nothing = tested(
        {
            "message": ADVERT,
            "expect": ["p-ads"],
            "reviews": [{"clause": "p-ads", "options": ["warn", "remove"]}],
            "sanctions": [],
        },
        {"steps": upheld, "expect": ["p-ads"], "sanctions": ["warn"], "drafts": []},
        {"steps": again, "expect": ["p-ads"], "drafts": [{"kind": "remove", "subject": "member", "amount_fen": None}]},
        {"steps": [upheld[1]], "expect": []},
        ads=bindings,
    )
    assert asked.wrong == warned.wrong == removed.wrong == ()
    assert nothing.wrong == ("nothing to uphold under p-ads",)


def test_mutating_names_what_no_case_would_miss(classifiers: Classifiers):
    pack = a_pack(
        {"message": ADVERT, "expect": ["p-ads"], "near": []},
        {"message": "三家报价都在附件里,请评审", "expect": [], "near": ["p-ads"]},
        {"message": "全家福抽奖免费领,加微信", "expect": ["p-ads"]},
        ads=[{"rule": "content.category", "with": {"category": "ads"}, "ladder": "adverts"}],
        porn=[{"rule": "content.category", "with": {"category": "porn"}, "ladder": "adverts"}],
        pictures=[{"mode": "assisted", "rule": "image.content"}],
        follows=[{"mode": "assisted", "rule": "consequence", "with": {"by": "review"}}],
        record=[{"mode": "record-only", "because": "只作记录"}],
    )
    found = measured(pack, load_packs(), classifiers)
    assert found.unmissed == found.unbroken == found.without_near == ("p-porn",)
    assert found.breaking == 2
    assert not found.holds


def test_a_case_that_fails_by_itself_misses_nothing(classifiers: Classifiers):
    pack = a_pack({"message": "明天开会", "expect": ["p-ads"]}, {"message": "早", "expect": [], "near": ["p-ads"]})
    found = measured(pack, load_packs(), classifiers)
    assert (found.unmissed, found.unbroken, found.without_near) == (("p-ads",), ("p-ads",), ())


@pytest.mark.parametrize(("words", "only"), [(0, False), (1, False), (2, True), (3, True)])
def test_half_of_the_breaking_cases_may_not_rest_on_words(words: int, only: bool):
    found = Measured(unmissed=(), unbroken=(), without_near=(), breaking=4, with_words=words)
    assert (found.knows_only_words, found.holds) == (only, not only)


def test_the_command_says_what_is_wanting_and_ends_with_one(tmp_path: Path):
    file = tmp_path / "acme.yaml"
    file.write_text(PACK, encoding="utf-8")
    ran = CliRunner().invoke(app, ["pack", "test", "--mutate", str(file)])
    assert ran.exit_code == 1
    assert "1 of 1 pack tests hold" in ran.output
    assert "acme: no case would miss acme-2" in ran.output
    assert "acme: no case only looks like breaking (near: [clause]) acme-1, acme-2" in ran.output
    found = json.loads(CliRunner().invoke(app, ["pack", "test", "--mutate", "--json", str(file)]).stdout)
    assert found["acme"]["unmissed"] == ["acme-2"]
    assert found["acme"]["tests"] == [{"name": "an advert", "wrong": []}]


PACK = f"""
pack: acme
title: 测试制度
source: {{document: null}}
status: {{stage: adopted}}
ladders: {{adverts: {{rungs: [{{strikes: 1, sanction: warn}}]}}}}
clauses:
  acme-1:
    article: 第一条
    says: 不发广告
    bindings: [{{rule: content.category, with: {{category: ads}}, mode: automatic, ladder: adverts}}]
  acme-2:
    article: 第二条
    says: 不发低俗内容
    bindings: [{{rule: content.category, with: {{category: porn}}, mode: automatic, ladder: adverts}}]
tests:
  - {{name: an advert, message: "{ADVERT}", expect: [acme-1]}}
"""


def test_consequences_are_offered_picked_and_missed_when_unbound(classifiers: Classifiers):
    offered = {"clause": "p-ads", "choices": ["p-fines/fine", "p-ads/warn"]}
    pick = {"by": "leader", "decide": "uphold", "clause": "p-ads", "pick": "fine"}
    draft = {"kind": "fine", "clause": "p-fines", "amount_fen": None, "subject": "member"}
    tests: list[dict[str, Any]] = [
        {"message": ADVERT, "expect": ["p-ads"], "reviews": [offered]},
        {"steps": [{"message": ADVERT}, pick], "expect": ["p-ads"], "drafts": [draft]},
        {"message": "早", "expect": [], "near": ["p-ads"]},
        {"steps": [{"message": ADVERT}, {**pick, "pick": "remove"}], "expect": ["p-ads"]},
    ]
    clauses: dict[str, list[dict[str, Any]]] = {
        "ads": [
            {"mode": "assisted", "rule": "content.category", "with": {"category": "ads"}, "ladder": "adverts"},
            {"mode": "assisted", "rule": "consequence", "with": {"by": "review", "options": ["warn"]}},
        ],
        "fines": [
            {
                "mode": "assisted",
                "rule": "consequence",
                "with": {"by": "review", "of": ["p-ads"], "fine": {"payer": None, "least_fen": 5000}},
            }
        ],
    }
    fixture = {"settings": {"fines": {"enabled": True, "basis": "第九章"}}}
    packs = load_packs()
    offers, picks, _, unknown = run_tests(a_pack(*tests, fixture=fixture, **clauses), packs, classifiers)
    assert offers.wrong == picks.wrong == ()
    assert unknown.wrong == ("it broke with ValueError: remove cannot be picked: offered is p-ads/warn, p-fines/fine",)
    seen = measured(a_pack(*tests[:3], fixture=fixture, **clauses), packs, classifiers)
    unseen = measured(
        a_pack({"message": ADVERT, "expect": ["p-ads"]}, tests[2], fixture=fixture, **clauses), packs, classifiers
    )
    assert (seen.unmissed, unseen.unmissed) == ((), ("p-fines",))
    assert seen.unbroken == unseen.unbroken == ()
