"""Disguised texts are read as what they stand for, and others as they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from classifiers.decoding import Reader, Reading
from classifiers.folding import fold_batch
from classifiers.measure import Classifiers
from models import Observation, Signal

READER = Reader(["加微信", "兼职日结", "领红包", "滚"])


def read(text: str) -> tuple[str, Reading | None]:
    batch = fold_batch([text])
    return batch.texts[0], READER.read(batch).get(0)


@pytest.mark.parametrize(
    ("text", "stands_for"),
    [
        ("佳薇信了解", "加微信了解"),
        ("加V信了解", "加微信了解"),
        ("+薇xin了解", "加微信了解"),
        ("jia微信了解", "加微信了解"),
        ("间职日结三百", "兼职日结三百"),
        ("力口微亻言", "加微信"),
        ("弓虽烈推荐木几会", "强烈推荐机会"),
        ("你就是个煞笔", "你就是个傻逼"),
        ("佳薇芯详聊", "加微信详聊"),
        ("加绿泡泡", "加微信"),
    ],
)
def test_what_a_disguise_stands_for(text: str, stands_for: str) -> None:
    _, reading = read(text)
    assert reading is not None
    assert reading.text == stands_for


@pytest.mark.parametrize(
    "text",
    [
        "加微信了解",
        "兼职日结",
        "一位女子打了一下",
        "口今晚到",
        "wifi密码问hr",
        "a",
        "",
        "hello 大家 world",
        "维护V3接口",
    ],
)
def test_what_stands_as_it_is_meant_has_no_other_reading(text: str) -> None:
    assert read(text)[1] is None


def test_what_was_changed_leads_back_to_what_stands_there() -> None:
    folded, reading = read("大家力口微亻言,间职日结")
    assert reading is not None
    assert [(reading.text[slice(*one)], folded[slice(*reading.folded(*one))]) for one in reading.changed] == [
        ("加微信", "力口微亻言"),
        ("兼职日结", "间职日结"),
    ]


@given(some.text(alphabet="加佳微薇信亻言力口间职日结jiawexin+vV ,。1", max_size=30))
def test_every_reading_covers_its_text_in_order(text: str) -> None:
    folded, reading = read(text)
    if reading is not None:
        assert len(reading.text) == len(reading.begins) == len(reading.ends)
        assert list(reading.begins) == sorted(reading.begins)
        assert reading.begins[0] == 0
        assert reading.ends[-1] == len(folded)
        assert reading.changed


def measured(text: str) -> tuple[Signal, ...]:
    (found,) = CLASSIFIERS.measure([Observation(type="message.created", sent_at=0, id="m", text=text)])
    return found


CLASSIFIERS = Classifiers.load()


def test_a_disguised_advertisement_is_measured_as_what_it_reads() -> None:
    said = "诚招代理,佳薇信,一件代发"
    ads = [one for one in measured(said) if one.category == "solicitation"]
    assert ads
    assert [item.matched for item in ads[0].evidence] == ["佳薇信"]
    assert ads[0].score == 0.5


def test_a_name_that_sounds_like_a_call_is_none() -> None:
    found = measured("佳维新公司的合同已签,请归档")
    assert all(one.score <= 0.5 for one in found)
    assert not [one for one in found if one.category == "ads"]


def test_a_word_that_is_only_read_into_a_text_never_speaks_alone() -> None:
    for text in ("间职日结", "佳薇信领取福力"):
        assert all(one.score <= 0.5 or one.classifier.startswith("trained") for one in measured(text))


@given(some.lists(some.text(max_size=40), max_size=5))
def test_whatever_is_written_is_read_without_a_fault(texts: list[str]) -> None:
    batch = fold_batch(texts)
    for i, reading in READER.read(batch).items():
        assert len(reading.text) == len(reading.begins) == len(reading.ends)
        assert all(begin < end for begin, end in zip(reading.begins, reading.ends, strict=True))
        assert reading.ends[-1] <= len(batch.texts[i])


@pytest.mark.parametrize(
    "text", ["力口" * 10_000, "jia微xin" * 3_000, "佳薇信" * 6_000, "\U000f0001" * 1_000, "\ud800微\udfff"]
)
def test_long_and_odd_texts_are_read_once(text: str) -> None:
    _, reading = read(text)
    assert reading is None or len(reading.text) <= len(text)
