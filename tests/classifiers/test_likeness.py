"""Signatures: changed copies of an advert are alike, different adverts and work messages are not; the memory is bounded."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.conversation import is_form
from classifiers.likeness import ALIKE, SIZE, Index, signatures

ADVERT = "急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加微信wxkk8899"
COPIES = {
    "words": "急招手工活外发员，在家便可做，一单一结，天天赚三百元不是梦，有意的加微信wxkk8899",
    "emoji": "急聘🔥手工活💰外发员，在家就能做🎉，一单一结，日赚👍三百元不是梦，有意者✨加微信wxkk8899",
    "contact": "急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加微信 138 0013 8000",
    "number in words": "急聘手工活外发员，在家就能做，一单一结，日赚五百元不是梦，有意者加微信幺三八零零幺三八",
    "order": "一单一结，日赚三百元不是梦，急聘手工活外发员，在家就能做，有意者加微信wxkk8899",
    "traditional": "急聘手工活外發員，在家就能做，一單一結，日賺三百元不是夢，有意者加微信wxkk8899",
    "width and gaps": "急聘　手 工 活　外发员，，在家就能做。一单一结！日赚３００元不是梦～有意者加微信ｗｘｋｋ８８９９",
    "greeting": "各位朋友晚上好，急聘手工活外发员，在家就能做，一单一结，日赚三百元不是梦，有意者加微信v_m77，谢谢",
}
OTHERS = {
    "another advert": "急用钱找我，无抵押无担保，身份证就能办，当天放款，利息低，有意者加微信wxkk8899",
    "a shift": "明天手工组的同事八点到岗，外发的活先放一放，一单一结的表格下班前交给我",
    "a notice": "各位同事，明天上午九点在三楼开会，请带工作小结，有事提前找我请假，不要迟到",
    "a parcel": "我的快递到了没有，麻烦门卫帮忙收一下，下班我自己去拿，电话打13800138000",
}


def share(one: str, other: str) -> float:
    first, second = (np.frombuffer(found or b"", np.uint8) for found in signatures([one, other]))
    return float((first == second).mean())


@pytest.mark.parametrize("change", COPIES)
def test_a_changed_copy_is_alike(change):
    assert share(ADVERT, COPIES[change]) >= ALIKE


@pytest.mark.parametrize("one", OTHERS)
def test_another_text_is_not(one):
    assert share(ADVERT, OTHERS[one]) < ALIKE / 2


def test_copies_are_alike_among_one_another():
    found = [share(one, other) >= ALIKE for one, other in combinations(COPIES.values(), 2)]
    assert sum(found) >= len(found) - 2


def test_a_contact_makes_no_difference_at_all():
    assert share(ADVERT, COPIES["contact"]) == 1.0
    assert share(ADVERT, COPIES["number in words"]) == 1.0


def test_a_text_without_chinese_is_known_by_its_words():
    one = "Join our investment group on telegram today and earn money from home, contact @abc123"
    copy = "join our investment group on telegram today, earn money from home now! contact @zzz_9 https://t.me/zzz"
    assert share(one, copy) >= ALIKE
    assert (
        share(one, "The weekly meeting moves to Friday afternoon, please bring the figures of your shift") < ALIKE / 2
    )


@pytest.mark.parametrize(
    "text", ["", "收到", "大家早上好，辛苦了", "13800138000", "👍" * 40, "谢谢 https://example.com/a/very/long/path"]
)
def test_what_anybody_says_has_no_signature(text):
    assert signatures([text]) == [None]


@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_text_has_the_signature_that_it_has_alone(texts):
    found = signatures(texts)
    assert found == [signatures([one])[0] for one in texts]
    assert {len(one) for one in found if one is not None} <= {SIZE}


def test_signatures_are_those_of_the_release_before():
    """Two releases that run side by side must agree; where this fails, the topic has to be empty when they change places."""
    (found,) = signatures([ADVERT])
    assert found is not None
    assert found[:12].hex() == "41b24272d3ebb5c3967da0d3"


def test_a_list_that_people_add_themselves_to_is_a_form():
    assert is_form("周末团建接龙\n1. 张伟 13800138000\n2. 李娜")
    assert is_form("培训报名：\n1、王芳\n2、赵强\n3、")
    assert is_form("#接龙\n周末采摘，想去的接龙，联系人王姐\n1. 张三")
    assert not is_form("报名参加培训\n1. 王芳")
    assert not is_form(ADVERT)
    assert not is_form("1. 加微信 2. 发定位")


def test_the_index_finds_the_newest_and_forgets_the_oldest():
    index = Index(8)
    first, second = signatures([ADVERT, OTHERS["another advert"]])
    index.put(0, first)
    index.put(1, second)
    assert index.find(first) == [0]
    assert index.find(second) == [1]
    assert index.signature(1) == second
    index.put(0, second)
    assert index.find(first) == []
    assert index.find(second) == [0, 1]
