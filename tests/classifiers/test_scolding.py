"""Whom scolding is about: the sender himself, a thing, or somebody."""

import pytest

from classifiers.scolding import insults_nobody, owns_up, scolds_nobody


@pytest.mark.parametrize(
    "text",
    [
        "写错写错，十点五十！脑子被门夹了",
        "脑子被门夹了，日期又填错，我重发",
        "我脑子被门夹了，十点五十才对",
        "我今天脑子进水了",
    ],
)
def test_who_owns_a_mistake_scolds_himself(text):
    assert owns_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "你脑子被门夹了，日期又填错",
        "这也能写错，他脑子被门夹了",
        "脑子被门夹了才这么排班",
        "表格填错了，谁排的？",
        "又填错，脑子被门夹了吧",
    ],
)
def test_whose_head_is_not_told_may_be_anybodys(text):
    assert not owns_up(text)


@pytest.mark.parametrize("text", ["我可真是个傻子，分支切错了", "我真是个傻子，又忘带工牌"])
def test_who_calls_himself_a_fool_scolds_nobody(text):
    assert scolds_nobody(text)


@pytest.mark.parametrize(
    ("before", "after", "nobody"),
    [("服了,这", "编译器又报错", True), ("我可真是个大", ",切错了", True), ("你这", "", False)],
)
def test_a_word_may_scold_a_tool_or_oneself(before, after, nobody):
    assert insults_nobody(before, after) == nobody
