"""Whom scolding is about: the sender himself, a thing, or somebody."""

import pytest

from classifiers.scolding import owns_up


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
