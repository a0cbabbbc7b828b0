"""Words that one sender cuts over several messages ask a person, once, whatever happens to the process between them."""

import msgspec
import pytest

from classifiers.keywords import Keywords, load_lists
from classifiers.measure import Classifiers
from models import Fleet, Group, GroupRef, Observation, Sender, Verdict
from models.verdict import with_words
from policies.directory import Directory
from policies.lint import lint
from streams.agents.screen import Screen
from streams.topics import JUDGEMENTS, OBSERVATIONS, Judged, Record

SECOND = 1000
NOW = 1_795_051_800_000
PACK = """
pack: house
title: 示例制度
source: {document: null}
status: {stage: adopted}
ladders: {words: {scope: organisation, rungs: [{strikes: 1, sanction: warn}]}}
clauses:
  house-1:
    article: 第1条
    says: 不许辱骂
    bindings:
      - {for: x1, rule: content.category, with: {category: [abuse, ads]}, mode: automatic, ladder: words}
"""


@pytest.fixture
def screen():
    pack, problems = lint(PACK, "house.yaml")
    assert pack is not None, problems
    directory = Directory(Fleet(groups=(Group(id="g", name="g", pack="house", mode="enforce"),)))
    classifiers = Classifiers(Keywords(load_lists()))
    return lambda former=None: Screen(classifiers, {"house": pack, "baseline": pack}, directory, former)


def records(*said: tuple[str, str, int]) -> list[Record]:
    """Messages by sender, text and second."""
    return [
        Record(OBSERVATIONS, "g", msgspec.json.encode(message(n, sender, text, at)), n, NOW + at * SECOND)
        for n, (sender, text, at) in enumerate(said, 1)
    ]


def message(number: int, sender: str, text: str, at: int) -> Observation:
    return Observation(
        type="message.created",
        id=f"m{number}",
        group=GroupRef("g"),
        sender=Sender(sender),
        sent_at=NOW + at * SECOND,
        kind="text",
        text=text,
    )


def judged(screen: Screen, some: list[Record]) -> list[Verdict]:
    effects = screen.handle(some, dict.fromkeys(screen.keys(some)))
    return [
        value.verdict
        for topic, _, value, _ in effects.records
        if topic == JUDGEMENTS and isinstance(value, Judged) and value.verdict
    ]


def test_a_cut_word_asks_a_person_and_costs_no_strike(screen):
    (verdict,) = judged(screen(), records(("a", "傻", 0), ("a", "逼", 2), ("a", "走开", 4)))
    assert (verdict.observation_id, verdict.violations) == ("m2", ())
    (asked,) = verdict.uncertain
    assert "“傻逼”" in with_words(asked)
    assert [one.span for one in asked.evidence] == [(0, 1)]


def test_others_may_write_between(screen):
    assert len(judged(screen(), records(("a", "傻", 0), ("b", "三点开会", 1), ("a", "逼", 2)))) == 1


@pytest.mark.parametrize("said", [(("a", "傻", 0), ("b", "逼", 2)), (("a", "傻", 0), ("a", "逼", 61))])
def test_two_senders_and_long_silence_are_no_word(screen, said):
    assert judged(screen(), records(*said)) == []


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_restart_between_the_pieces_changes_nothing(screen, cut):
    said = (("a", "兼", 0), ("a", "傻", 2), ("a", "逼", 4), ("a", "啊", 5))
    whole = judged(screen(), records(*said))
    assert [one.observation_id for one in whole] == ["m3"]
    again = screen()
    again.rewind(records(*said)[:cut])
    assert judged(again, records(*said)[cut:]) == (whole if cut < 3 else [])


def test_each_chunk_and_all_in_one_give_the_same(screen):
    some = records(("a", "傻", 0), ("a", "逼", 2), ("a", "傻", 4), ("a", "逼", 6))
    one_by_one = screen()
    assert [v for one in some for v in judged(one_by_one, [one])] == judged(screen(), some)


def test_a_chunk_handled_again_gives_the_same(screen):
    some = records(("a", "傻", 0), ("a", "逼", 2), ("a", "嗯", 3))
    one = screen()
    assert judged(one, some) == judged(one, some)


def test_pieces_go_on_under_the_next_edition(screen):
    some = records(("a", "傻", 0), ("a", "逼", 2))
    former = screen()
    assert judged(former, some[:1]) == []
    assert len(judged(screen(former), some[1:])) == 1
