"""What a classifier could not measure is screened again when it can, once, and nobody is struck twice by it."""

from datetime import date

import pytest
from house import MINUTE, START, House, a_pack

from classifiers.keywords import Keywords, load_lists
from classifiers.measure import Classifiers
from classifiers.trained.serve import ModelUnavailable
from policies.lint import lint
from streams.desk import status

# Only the trained model can prove it; words alone prove it.
LEARNT = {"text": "加我微信了解兼职，每天稳定两三百，名额有限"}
WORDS = {"text": "今晚牛牛开房，注册送彩金"}
PACK = """
pack: house
title: 示例制度
source: {document: null}
status: {stage: adopted}
ladders: {words: {scope: organisation, rungs: [{strikes: 1, sanction: warn}, {strikes: 2, sanction: remove}]}}
clauses:
  house-1:
    article: 第1条
    says: 不许发广告和赌博信息
    bindings:
      - {for: x1, rule: content.category, with: {category: [ads, fraud, gambling]}, mode: automatic, ladder: words}
"""


@pytest.fixture
def blind() -> Classifiers:
    return Classifiers(Keywords(load_lists()), ModelUnavailable("the weights are gone"))


@pytest.fixture
def build(tmp_path):
    """A house with these classifiers over one and the same store."""
    built = []

    def build(classifiers) -> House:
        pack, problems = lint(PACK, "house.yaml")
        assert pack is not None, problems
        built.append(House(tmp_path, classifiers, packs={"house": pack, "other": a_pack("other")}))
        return built[-1]

    yield build
    for one in built:
        one.store.close()


def restarted(build, house, classifiers) -> House:
    house.store.close()
    again = build(classifiers)
    again.now, again.seen = house.now, house.seen
    return again


def test_a_message_that_nobody_could_measure_gets_its_strike_when_the_weights_are_back(build, blind, classifiers):
    house = build(blind)
    house.say(**LEARNT)
    house.say(text="今天两点开例会")
    assert house.strikes() == []
    assert status(house.store)["unmeasured"] == 2
    assert house.host.screen_again(house.now) == 0, "nothing is gained while the weights are gone"
    house = restarted(build, house, classifiers)
    assert house.host.screen_again(house.now) == 2
    house.settle()
    assert house.strikes() == ["m1"]
    assert house.standing() == [("warn", "m1")]
    assert status(house.store)["unmeasured"] == 0
    assert house.host.screen_again(house.now) == 0


def test_what_words_had_proved_before_is_not_punished_twice(build, blind, classifiers):
    house = build(blind)
    house.say(**WORDS)
    sent = house.sent()
    house = restarted(build, house, classifiers)
    assert house.host.screen_again(house.now) == 1
    house.settle()
    assert house.strikes() == ["m1"]
    assert (sent, house.sent()) == (["notify"], [])


def test_what_follows_too_late_waits_for_a_person(build, blind, classifiers):
    house = build(blind)
    house.say(**LEARNT)
    house = restarted(build, house, classifiers)
    house.now = START + 60 * MINUTE
    house.host.screen_again(house.now)
    house.settle()
    assert house.standing() == [("warn", "m1")]
    assert house.sent() == []
    assert [one["kind"] for one in house.reviews()] == ["late"]


def test_screening_again_does_not_bring_back_an_old_nickname_or_a_flood(build, blind, classifiers):
    house = build(blind)
    house.say(sender={"id": "a1", "card": "旧"}, **LEARNT)
    house = restarted(build, house, classifiers)
    house.say(sender={"id": "a1", "card": "新"}, text="今天两点开例会")
    before = house.store.load("screen", ["webhook:g1"])
    assert house.host.screen_again(house.now) == 1
    house.settle()
    assert house.store.load("screen", ["webhook:g1"]) == before
    assert house.strikes() == ["m1"]


def test_a_message_recalled_in_time_is_not_screened_again(build, blind, classifiers):
    house = build(blind)
    house.say(**LEARNT)
    house.recall("m1")
    house = restarted(build, house, classifiers)
    assert house.host.screen_again(house.now) == 0
    assert house.strikes() == []


def test_what_is_past_its_time_is_struck_off_and_makes_no_dead_letter(build, blind, classifiers):
    house = build(blind)
    house.say(**LEARNT)
    house = restarted(build, house, classifiers)
    house.store.keys.text.destroy(date(2100, 1, 1))
    assert house.host.screen_again(house.now) == 0
    house.settle()
    assert (status(house.store)["unmeasured"], status(house.store)["dead_letters"]) == (0, 0)
