"""Fines, referrals and choices: what a clause allows to follow a finding, and what a person has to say first."""

import json

import pytest
import sqlalchemy as sa
import yaml
from house import DAY, HOUR, IDENTITY, MINUTE, TRANSFER, VOUCHER, a_pack

from models.fleet import Fines
from policies.lint import lint
from policies.notices import CAUTION
from streams import desk
from streams.errors import WrongUse

ON = Fines(enabled=True, basis="职代会决议 2026-01")
TWENTY = {"amount_fen": 2000, "payer": "subject", "per": "occurrence"}
OPEN = {"least_fen": 3000, "payer": "owner"}


@pytest.fixture
def fined(a_house):
    """A house in which what follows is what `allows` says, with fines on."""

    def house(*allows, fines=ON, **more):
        return a_house(packs={"house": a_pack(allows=allows, **more)}, fines=fines)

    return house


def fines(house, who="u1"):
    return [one for one in house.ledger(who).sanctions.values() if one.kind == "fine"]


def detail(house, review_id):
    return desk.show_review(house.store, review_id)["detail"]


def test_an_unconditional_fine_is_drafted_after_an_automatic_finding(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY})
    house.say()
    (fine,) = fines(house)
    assert (fine.clause, fine.amount_fen, fine.needs_approval, fine.fine.caution) == ("house-9", 2000, True, CAUTION)
    shown = detail(house, house.review("approval"))
    assert shown["fine"]["payer"] == "subject"
    assert shown["fine"]["caution"] == CAUTION
    # The warning goes out; nothing of the fine does.
    assert house.sent() == ["notify"]
    house.decide(house.review("approval"), "approve")
    assert house.sent() == ["notify"]
    assert fines(house)[0].approved_by == "林晓梅"


def test_an_open_amount_stays_open_until_the_approver_names_it(fined):
    house = fined({"of": ["house-1"], "fine": OPEN})
    house.say()
    (fine,) = fines(house, "boss")
    assert fine.amount_fen is None
    assert json.loads(json.dumps(detail(house, house.review("approval"))["fine"]))["amount_fen"] is None
    for amount, told in ((None, "leaves the amount"), (2900, "不低于30元"), (-1, "不低于30元")):
        with pytest.raises(WrongUse, match=told):
            house.decide(house.review("approval"), "approve", amount_fen=amount)
    house.decide(house.review("approval"), "approve", amount_fen=5000)
    assert fines(house, "boss")[0].amount_fen == 5000


def test_no_approver_may_ask_for_more_than_the_policy_says(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY})
    house.say()
    with pytest.raises(WrongUse, match="more than the policy says"):
        house.decide(house.review("approval"), "approve", amount_fen=2001)


def test_a_fine_under_a_condition_is_a_question_and_no_draft(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY, "condition": "疏于核实督促所致"})
    house.say()
    assert fines(house) == []
    (asked,) = house.reviews("assisted")
    assert asked["clause"] == "house-9"
    assert "疏于核实督促所致" in asked["why"]
    assert asked["detail"]["choices"][0]["condition"] == "疏于核实督促所致"
    house.decide(asked["id"], "uphold")
    assert [one.amount_fen for one in fines(house)] == [2000]


@pytest.mark.parametrize(("rule", "asked"), [("content.category", 1), ("name.format", 0)])
def test_a_consequence_may_be_of_some_of_what_a_clause_wants(fined, rule, asked):
    house = fined({"of": ["house-1"], "fine": TWENTY, "condition": "疏于督促", "found_by": [rule]})
    house.say()
    assert len(house.reviews("assisted")) == asked


def test_a_message_that_breaks_two_clauses_is_fined_once(fined):
    house = fined({"of": ["house-1", "house-2"], "fine": TWENTY})
    house.say(**TRANSFER)
    assert len(fines(house)) == 1
    house.say(at=DAY, **TRANSFER)
    assert len(fines(house)) == 2


def test_a_condition_that_is_not_met_leaves_no_fine(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY, "condition": "疏于核实督促所致"})
    house.say()
    house.decide(house.review("assisted"), "overturn")
    assert fines(house) == []
    assert house.standing() == [("warn", "m1")]


def test_two_payers_come_only_together(fined):
    neglect = {"of": ["house-1"], "fine": {"amount_fen": 1000, "payer": "owner"}, "condition": "疏于督促"}
    member = {"of": ["house-1"], "fine": TWENTY, "condition": "疏于督促", "together": "house-9"}
    house = fined(neglect, member)
    house.say()
    (asked,) = house.reviews("assisted")
    assert (asked["clause"], asked["subject"]) == ("house-9", "boss")
    house.decide(asked["id"], "uphold")
    assert [(one.clause, one.amount_fen) for one in fines(house, "boss")] == [("house-9", 1000)]
    assert [(one.clause, one.amount_fen) for one in fines(house)] == [("house-10", 2000)]
    # Each person and occurrence is a question of its own.
    house.say("a2", at=DAY)
    house.decide(house.review("assisted"), "uphold")
    assert len(fines(house, "boss")) == 2
    assert len(fines(house, "u2")) == 1


def test_owner_and_administrators_are_each_asked_for(fined):
    house = fined(
        {"of": ["house-1"], "fine": {"amount_fen": 2000, "payer": ["owner", "subject"], "open": "各罚或合计，未写明"}}
    )
    house.say()
    assert {who: len(fines(house, who)) for who in ("boss", "u1")} == {"boss": 1, "u1": 1}
    assert fines(house)[0].fine.open == "各罚或合计，未写明"


def test_a_fault_is_fined_once_at_each_check(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY, "condition": "行政部抽查发现"})
    house.say()
    question = house.review("assisted")
    for check, count in (("2026-11", 1), ("2026-11", 1), ("2026-12", 2)):
        house.decide(question, "uphold", check=check)
        assert len(fines(house)) == count
    assert {one.check for one in fines(house)} == {"2026-11", "2026-12"}


@pytest.mark.parametrize("off", [Fines(), Fines(enabled=True), Fines(basis="决议")])
def test_without_a_written_basis_a_fine_is_only_a_question(fined, off):
    house = fined({"of": ["house-1"], "fine": TWENTY}, fines=off)
    house.say()
    assert fines(house) == []
    assert [one["why"] for one in house.reviews("assisted")] == ["罚款未启用：须由单位书面明确依据后开启"]
    house.decide(house.review("assisted"), "uphold")
    assert fines(house) == []


def test_overturning_a_finding_takes_what_followed_back_whoever_pays(fined):
    house = fined({"of": ["house-1"], "fine": OPEN})
    house.say()
    assert len(fines(house, "boss")) == 1
    house.decide("m1", "overturn")
    assert fines(house, "boss") == []
    assert house.standing() == []
    assert house.reviews() == []


def test_a_granted_appeal_takes_the_fine_of_the_owner_back(fined):
    house = fined({"of": ["house-1"], "fine": OPEN})
    house.say()
    desk.appeal(house.store, house.sanction("warn").id, by="陈志强", now=house.now)
    house.settle()
    house.decide(house.review("appeal"), "overturn")
    assert fines(house, "boss") == []


def test_a_message_recalled_in_time_is_not_fined(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY})
    message = house.say()
    house.recall(message)
    assert fines(house) == []
    assert house.reviews() == []


def test_a_review_shows_what_the_policy_allows_and_one_choice_is_picked(fined):
    choices = {"by": "review", "of": ["house-4"], "options": ["warn", "mute", "remove"], "approver": "管理员"}
    house = fined(choices)
    house.say(**IDENTITY)
    question = house.review("assisted")
    shown = detail(house, question)["choices"]
    assert [one["pick"] for one in shown] == ["house-9/warn", "house-9/mute", "house-9/remove"]
    assert {one["approver"] for one in shown} == {"管理员"}
    with pytest.raises(WrongUse, match="offers house-9/warn"):
        house.decide(question, "uphold", pick="fine")
    with pytest.raises(WrongUse, match="decide uphold"):
        house.decide(question, "overturn", pick="mute")
    house.decide(question, "uphold", pick="mute")
    assert [
        (one.kind, one.clause, one.seconds) for one in house.ledger().sanctions.values() if one.clause == "house-9"
    ] == [("mute", "house-9", 3600)]


def test_a_picked_fine_is_a_draft(fined):
    house = fined({"by": "review", "of": ["house-4"], "fine": {"amount_fen": None, "payer": None}})
    house.say(**IDENTITY)
    house.decide(house.review("assisted"), "uphold", pick="fine")
    (fine,) = fines(house)
    assert (fine.needs_approval, fine.amount_fen, fine.fine.payer) == (True, None, None)


def test_what_is_not_picked_does_not_follow(fined):
    house = fined({"by": "review", "of": ["house-4"], "options": ["mute"]})
    house.say(**IDENTITY)
    house.decide(house.review("assisted"), "uphold")
    assert "mute" not in [one.kind for one in house.ledger().sanctions.values()]


def test_a_finding_that_a_person_upholds_is_fined_as_one_that_was_certain(fined):
    house = fined({"of": ["house-4"], "fine": TWENTY})
    house.say(**IDENTITY)
    assert fines(house) == []
    house.decide(house.review("assisted"), "uphold")
    assert [one.clause for one in fines(house)] == ["house-9"]


def test_a_ladder_cites_the_clause_on_repeat_offences_and_may_ask_first(a_house):
    rungs = [
        {"strikes": 1, "sanction": "remind"},
        {"strikes": 2, "sanction": "referral", "clause": "house-9", "ask": True},
    ]
    allows = {"by": "review", "referral": "通报上级或人力资源"}
    house = a_house(packs={"house": a_pack(rungs=rungs, allows=[allows])})
    house.say()
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["remind"]
    (asked,) = house.reviews("assisted")
    assert (asked["clause"], asked["observation_id"]) == ("house-9", "m2")
    house.decide(asked["id"], "uphold", pick="referral")
    referral = house.sanction("referral")
    assert (referral.clause, referral.measure, referral.needs_approval) == ("house-9", "通报上级或人力资源", True)


def test_asking_again_and_again_ends(a_house):
    """In observe what nobody is told counts at once: a rung that only asks must not be waited for."""
    rungs = [{"strikes": 1, "sanction": "referral", "ask": True}]
    house = a_house(mode="observe", packs={"house": a_pack(rungs=rungs)})
    for day in range(4):
        house.say(at=day * DAY)
    assert len(house.reviews("assisted")) == 4


def test_who_only_asks_climbs_to_what_only_asks_and_no_further(a_house):
    """An administrator picks what follows; from the third time on he is asked about a report as well."""
    rungs = [
        {"strikes": 1, "sanction": "warn", "ask": True, "clause": "house-9"},
        {"strikes": 3, "sanction": "referral", "ask": True, "clause": "house-10"},
        {"strikes": 4, "sanction": "remove"},
    ]
    pick = {"of": ["house-1"], "by": "review", "options": ["warn", "mute", "remove"]}
    house = a_house(packs={"house": a_pack(rungs=rungs, allows=[pick, {"by": "review", "referral": "通报上级"}])})
    for day in range(5):
        house.say(at=day * DAY)
    asked = [one["clause"] for one in house.reviews("assisted")]
    assert asked == ["house-9", "house-9", "house-10", "house-10", "house-10"]
    assert house.standing() == []


def test_an_investigation_is_published_only_after_approval(fined):
    case = {"by": "review", "of": ["house-4"], "referral": "奖惩通知", "investigate": "行政部"}
    house = fined(case)
    house.say(**IDENTITY)
    house.decide(house.review("assisted"), "uphold", pick="referral")

    def told():
        bodies = house.store.connection.execute(sa.text('SELECT body FROM tasks ORDER BY "offset"')).scalars()
        return [(one["assignee"]["role"], one["what"][:2]) for one in map(json.loads, bodies)]

    assert told() == [("行政部", "调查")]
    house.decide(house.review("approval"), "approve")
    assert told() == [("行政部", "调查"), ("行政部", "公布")]


def test_what_is_refused_is_never_published(fined):
    house = fined({"by": "review", "of": ["house-4"], "referral": "奖惩通知", "investigate": "行政部"})
    house.say(**IDENTITY)
    house.decide(house.review("assisted"), "uphold", pick="referral")
    house.decide(house.review("approval"), "refuse")
    count = house.store.connection.scalar(sa.text("SELECT count(*) FROM tasks WHERE body LIKE '%公布：%'"))
    assert count == 0


def test_a_group_that_was_not_told_of_its_monitoring_gets_drafts_only(a_house):
    for facts in ({}, {"monitoring_notice_at": None}, {"monitoring_notice_at": "2026-11-19"}):
        house = a_house(facts=facts)
        house.say()
        assert house.sent() == []
        assert [one["kind"] for one in house.reviews()] == ["approval"]
        assert house.sanction("warn").needs_approval


def test_strikes_from_before_a_group_was_told_never_count_in_enforce(a_house):
    house = a_house(facts={"monitoring_notice_at": "2026-11-19"})
    house.say()
    house.say(at=2 * DAY)
    assert house.sent() == ["notify"]
    assert [(one.kind, one.mode) for one in house.ledger().sanctions.values()] == [
        ("warn", "advise"),
        ("warn", "enforce"),
    ]


def a_naming_pack(**response):
    """Nicknames are real names; who has another is reminded."""
    binding = {
        "rule": "name.format",
        "with": {"path": "群设置"},
        "mode": "automatic",
        "response": {"sanction": "remind", **response},
    }
    clause = {"article": "第一条", "says": "实名", "bindings": [binding]}
    body = {
        "pack": "house",
        "title": "示例",
        "source": {},
        "status": {"stage": "adopted"},
        "clauses": {"house-1": clause},
    }
    pack, problems = lint(yaml.safe_dump(body, allow_unicode=True), "house.yaml")
    assert pack is not None, problems
    return pack


@pytest.mark.parametrize(
    ("at", "waits"),
    [(0, 0), (12 * HOUR + 30 * MINUTE, 11 * HOUR + 30 * MINUTE), (2 * DAY + 10 * HOUR, 2 * DAY + 14 * HOUR)],
    ids=["Wednesday 9:00", "Wednesday evening to Thursday", "Friday evening to Monday"],
)
def test_a_reminder_that_no_message_calls_for_rests_outside_working_hours(a_house, at, waits):
    house = a_house(packs={"house": a_naming_pack()})
    house.say(at=at, text="上午好", sender={"id": "a1", "card": "风清扬"})
    if waits:
        assert house.sent() == []
        house.now += waits - 1
        house.settle()
        assert house.sent() == []
        house.now += 1
    house.settle()
    assert house.sent() == ["notify"]
    assert "陈志强" in house.actuator.asked[0].params["text"]
    assert "群设置" in house.actuator.asked[0].params["text"]
    assert "风清扬" not in house.actuator.asked[0].params["text"]


def test_a_policy_that_wants_a_reminder_at_once_has_it_at_night(a_house):
    house = a_house(packs={"house": a_naming_pack(at_any_hour=True)})
    house.say(at=12 * HOUR, text="晚上好", sender={"id": "a1", "card": "风清扬"})
    assert house.sent() == ["notify"]


def test_a_reminder_about_a_message_does_not_wait(house):
    house.say(at=12 * HOUR, **VOUCHER)
    assert house.sent() == ["notify"]


def test_each_occurrence_is_fined(fined):
    house = fined({"of": ["house-1"], "fine": TWENTY})
    house.say()
    house.say(**TRANSFER, at=DAY)
    house.say(**VOUCHER, at=DAY + HOUR)
    assert len(fines(house)) == 2


def test_severe_handling_after_a_reminder_is_reported_investigated_and_only_then_published(a_house):
    """A factory's way: reminded, it happens again, the superior reports, the office investigates and publishes."""
    rungs = [
        {"strikes": 1, "sanction": ["remind", "task"], "task": "请提醒并制止", "assignee": "supervisor"},
        {"strikes": 2, "sanction": "referral", "ask": True, "clause": "house-9"},
    ]
    repeat = {"by": "ladder"}
    report = {"of": ["house-9"], "by": "review", "referral": "奖惩通知", "investigate": "行政部", "approver": "厂长"}
    house = a_house(packs={"house": a_pack(rungs=rungs, allows=[repeat, report])})
    house.say()
    house.say(at=DAY)
    (asked,) = house.reviews("assisted")
    assert asked["clause"] == "house-9"
    assert [one["pick"] for one in asked["detail"]["choices"]] == ["house-10/referral"]
    house.decide(asked["id"], "uphold", pick="referral")
    referral = house.sanction("referral")
    assert (referral.clause, referral.measure, referral.needs_approval) == ("house-10", "奖惩通知", True)
    assert detail(house, house.review("approval"))["approver"] == "厂长"
