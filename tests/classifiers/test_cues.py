"""Cues: what is not worth asking is answered with no."""

import pytest

from classifiers.cues import Cues

CUES = Cues({"knows": "知[道悉]|阅", "none": "[没不]$|没有", "signs": r"\?|\[t", "latin": "[pP]a"})


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("我知道", {"knows"}),
        ("知了叫", set()),
        ("阅", {"knows"}),
        ("好了没", {"none"}),
        ("好了没?", {"none", "signs"}),
        ("好了没 走", {"none"}),
        ("没有", {"none"}),
        ("没好", set()),
        ("沒有閱", {"none", "knows"}),
        ("[t", {"signs"}),
        ("[x", set()),
        ("Pass", {"latin"}),
        ("PASS", set()),
        ("", set()),
    ],
)
def test_a_text_is_worth_what_it_has_a_word_of(text: str, worth: set[str]) -> None:
    assert CUES.possible([text, "", "嗯嗯", "今天"])[0] == worth


def test_few_texts_are_worth_everything() -> None:
    assert CUES.possible(["今天"]) == [{"knows", "none", "signs", "latin"}]
    assert CUES.possible([]) == []


def test_each_text_is_by_itself_however_long_the_texts_before_it() -> None:
    texts = ["字" * 70_000, "知道", "字" * 70_000 + "没有", "", "没", "知", "道"]
    assert CUES.possible(texts) == [CUES.possible([one, "", "", ""])[0] for one in texts]
