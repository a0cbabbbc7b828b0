"""What is fair whatever a pack says: passing on, complaints, reporters, one's own recall."""

import pytest
import sqlalchemy as sa
import yaml
from house import CARD, DAY, IDENTITY, MINUTE, SECRET

from policies.lint import lint
from streams import desk
from streams.cases.tables import meta

ADVERT = "面膜内部代理价,拉三个下线返现"
PASSED_ON = {"kind": "forward", "text": ""}


def a_pack_on(category, *, mode="automatic", rule="content.category", profile=None, outsiders=None, stage="adopted"):
    """One clause on one category, with a ladder that removes at once."""
    binding = {"rule": rule, "with": {"category": category} if category else {}, "mode": mode, "ladder": "out"}
    if category is None:
        binding.pop("ladder")
    body = {
        "pack": "house",
        "title": "示例",
        "source": {},
        "status": {"stage": stage},
        "profile": profile,
        "outsiders": outsiders,
        "ladders": {"out": {"rungs": [{"strikes": 1, "sanction": "remove"}]}} if category else {},
        "clauses": {"house-1": {"article": "第一条", "says": "不许", "bindings": [binding]}},
    }
    pack, problems = lint(yaml.safe_dump(body, allow_unicode=True), "house.yaml")
    assert pack is not None, problems
    return pack


@pytest.fixture
def watched(a_house):
    return lambda category, **more: a_house(packs={"house": a_pack_on(category, **more)})


@pytest.mark.parametrize(("category", "text"), [("ads", ADVERT), ("secrecy_marking", SECRET["text"])])
def test_what_may_not_be_spread_is_reviewed_before_any_strike(watched, category, text):
    house = watched(category)
    house.say(**PASSED_ON, forward=[{"sender_name": "小美", "kind": "text", "text": text}])
    assert house.strikes() == []
    (asked,) = house.reviews("uncertain")
    assert "转发的内容" in asked["why"]
    house.decide(asked["id"], "uphold")
    assert house.strikes() == ["m1"]
    # The same in one's own words is certain.
    house.say("a2", text=text)
    assert house.strikes("u2") == ["m2"]


@pytest.mark.parametrize(("category", "what"), [("identity_number", IDENTITY), ("bank_card", CARD)])
def test_passing_on_what_only_its_writer_answers_for_is_quoting(watched, category, what):
    house = watched(category)
    house.say(**PASSED_ON, forward=[what])
    assert house.reviews() == []
    house.say(**what)
    assert house.strikes() == ["m2"]


def test_abuse_is_its_writers(watched):
    house = watched("abuse")
    house.say(**PASSED_ON, forward=[{"text": "你这个傻逼废物，滚出去"}])
    assert house.reviews() == []
    house.say(text="你这个傻逼废物，滚出去")
    assert house.strikes() == ["m2"]


def test_who_warns_of_what_he_passes_on_spreads_nothing(watched):
    house = watched("ads")
    house.say(kind="forward", text="骗子群发的，谨防上当，已报警", forward=[{"text": ADVERT}])
    assert house.strikes() == []
    assert house.reviews() == []


@pytest.mark.parametrize(
    "forward", ["text", 5, {"text": ADVERT}, [5, None, "x"], [{"text": 5}], [{"forward": {"text": ADVERT}}], []]
)
def test_a_forward_of_another_form_breaks_nothing(watched, forward):
    house = watched("ads")
    house.say(**PASSED_ON, forward=forward)
    assert house.reviews() == []
    assert desk.status(house.store)["dead_letters"] == 0


def test_a_forward_inside_a_forward_is_read(watched):
    house = watched("ads")
    house.say(**PASSED_ON, forward=[{"text": "聊天记录", "forward": [{"text": ADVERT}]}])
    assert len(house.reviews("uncertain")) == 1


COMPLAINT = "拖欠工资三个月，我要去劳动监察投诉，你们这帮傻逼不得好死"


def test_a_complaint_goes_its_own_way_and_never_costs_anything(watched):
    house = watched("abuse")
    house.say(text=COMPLAINT)
    (asked,) = house.reviews()
    assert "不经群主" in asked["detail"]["route"]
    assert asked.get("options", []) == []
    house.decide(asked["id"], "uphold")
    assert house.strikes() == []
    assert house.standing() == []
    # Without the complaint the same words cost a strike.
    house.say(text="你们这帮傻逼不得好死", at=DAY)
    assert house.strikes() == ["m2"]


def test_a_reporter_is_shown_nowhere(a_house):
    house = a_house(packs={"house": a_pack_on(None, mode="assisted", rule="report.intake")})
    house.say("a2", type="report.filed", text="有人在群里卖图纸", kind="unknown")
    (asked,) = house.reviews("report")
    assert "何平" not in str(desk.show_review(house.store, asked["id"]))
    for table in meta.sorted_tables:
        for row in house.store.connection.execute(sa.select(table)):
            cells = [bytes(one).decode() if isinstance(one, bytes) else str(one) for one in row]
            assert not [one for one in cells if "卖图纸" in one or "何平" in one or '"u2"' in one or '"a2"' in one], (
                table.name
            )
            assert not {"u2", "a2"} & set(cells), table.name


def test_two_minutes_of_grace_and_not_one_more(a_house):
    for after, left in ((2 * MINUTE, []), (2 * MINUTE + 1, ["m1"])):
        house = a_house()
        house.recall(house.say(), after=after)
        assert house.strikes() == left


def test_a_secret_was_seen_however_soon_it_is_recalled(house):
    house.recall(house.say(**SECRET), after=MINUTE)
    assert house.strikes() == ["m1"]


def test_a_public_office_chases_no_receipts():
    body = {"within": {"hours": 2}}
    written = {
        "pack": "office",
        "title": "示例",
        "source": {},
        "status": {"stage": "adopted"},
        "clauses": {
            "office-1": {
                "article": "一",
                "says": "回执",
                "bindings": [
                    {"for": "receipt:tracking", "rule": "deadline.receipt", "with": body, "mode": "assisted"},
                    {"for": "sla:response", "rule": "deadline.reply", "with": body, "mode": "assisted"},
                ],
            }
        },
    }
    for profile, rules in ((None, ["deadline.receipt", "deadline.reply"]), ("government", [None, "deadline.reply"])):
        pack, problems = lint(yaml.safe_dump({**written, "profile": profile}, allow_unicode=True), "office.yaml")
        assert pack is not None, problems
        bindings = pack.clauses["office-1"].bindings
        assert [one.rule for one in bindings] == rules
        if profile:
            assert (bindings[0].mode, "government" in (bindings[0].because or "")) == ("record-only", True)


def test_where_a_policy_binds_its_own_people_only_a_customer_is_reminded_and_his_contact_told(watched):
    contact = {"sanction": ["remind", "task"], "task": "请客户经理跟进", "assignee": "owner"}
    house = watched("ads", outsiders=contact)
    house.say("a-customer", text=ADVERT)
    assert house.strikes("webhook:a-customer") == []
    assert sorted(kind for kind, _ in house.standing("webhook:a-customer")) == ["remind", "task"]
    house.say(text=ADVERT)
    assert house.standing() == [("remove", "m2")]


@pytest.mark.parametrize("stage", ["provisional", "draft", "reported"])
def test_a_policy_that_is_not_adopted_brings_drafts_only(watched, stage):
    house = watched("ads", stage=stage)
    house.say(text=ADVERT)
    assert house.sent() == []
    assert house.sanction("remove").needs_approval
    assert house.sanction("remove").mode == "advise"
