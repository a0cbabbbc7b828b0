"""What rules need to be asked: a plain message for which they are not called would have made none of them speak."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest
from cases import House
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.conversation import NEEDED
from classifiers.cues import Cues
from policies.judge import CompiledPack
from policies.lint import load_packs
from policies.rules.base import Case

PACKS = {slug: CompiledPack(pack) for slug, pack in load_packs().items()}
ASKED: dict[Hashable, str] = {question: words for pack in PACKS.values() for question, words in pack.cues.items()}
PATTERNS = [question for question in ASKED if hasattr(question, "pattern")]
TEXTS = sorted((Path(__file__).parents[2] / "classifiers" / "trained" / "texts").glob("*.jsonl"))
CUES = Cues({**NEEDED, **ASKED})


def as_python(pattern: str) -> str:
    """An RE2 expression as `re` writes it."""
    for ours, theirs in ((r"\p{Han}", "[一-鿿]"), (r"\p{L}", "[A-Za-z]"), (r"\p{N}", "[0-9]")):
        pattern = pattern.replace(ours, theirs)
    return pattern


@pytest.mark.parametrize("question", PATTERNS, ids=[str(one.pattern)[:24] for one in PATTERNS])  # type: ignore[attr-defined]
def test_whatever_an_expression_finds_was_worth_asking(question: Any) -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.from_regex(as_python(question.pattern)))
    def finds(text: str) -> None:
        if question.search(text.encode("utf-8", "replace").decode()):
            assert question in CUES.possible([text, "", "", ""])[0]

    finds()


def told(case: Case, pack: CompiledPack, *, all_rules: bool) -> list[tuple[str, str]]:
    """What the rules on messages say, and the deadlines that they set."""
    asked = [one for one in pack.asked if all_rules or not one.asks.isdisjoint(case.cues or ())]
    called = [*pack.unasked, *asked]
    found = [
        (bound.clause_id, one.explanation)
        for bound in called
        for one in bound.rule.see(case, bound.params, bound.place)
    ]
    return [*found, *((place, str(one.due_at)) for place, one in case.state.deadlines)]


@pytest.mark.parametrize("slug", PACKS)
def test_who_is_not_called_has_nothing_to_say(slug: str) -> None:
    pack = PACKS[slug]
    texts = [json.loads(line)["text"] for path in TEXTS for line in path.read_text("utf-8").splitlines()[::2]]
    spoke = 0
    for number, (text, cues) in enumerate(zip(texts, CUES.possible(texts), strict=True)):
        # Strangers ask as well, and those who lead.
        by = ("leader", "member", "customer")[number % 3]
        said = []
        for every in (True, False):
            case = House().sees(text, by=by)
            case.cues = cues
            assert case.is_plain
            said.append(told(case, pack, all_rules=every))
        assert said[0] == said[1], text
        spoke += bool(said[0])
    # Nobody claims an approval in these texts.
    assert spoke or slug == "gongwu-shenpi" or not any(one.asks for one in pack.asked)
