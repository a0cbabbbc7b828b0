"""Short messages of one sender, and what they say together."""

import pytest
from msgspec import structs

from classifiers.flooding import Windows
from classifiers.keywords import Keywords, Word, WordList, fold_words, load_lists
from classifiers.measure import Classifiers
from classifiers.pieces import KEEP, LONGEST_GAP, MOST_JOINED, Pieces, is_piece
from models import Observation, Sender

SECOND = 1000


def said(text: str | None, **more) -> Observation:
    return Observation(type="message.created", sent_at=0, text=text, sender=Sender("a"), **more)


def one_list(category: str, *words: str, strength="strong") -> WordList:
    return WordList(category, "why", tuple(Word(one, fold_words([one])[0], strength) for one in words))


@pytest.fixture(scope="module")
def product() -> Classifiers:
    return Classifiers(Keywords(load_lists()))


def read(classifiers: Classifiers, *texts: str) -> list[list[tuple[str, float]]]:
    """What each of some messages, one after the other, says together with those before it."""
    pieces = Pieces()
    asked = [(pieces.enter("g", "a", i, f"m{i}", text), said(text), i) for i, text in enumerate(texts)]
    return [[(one.category, one.score) for one in signals] for signals in classifiers.measure_joined(asked)]


# What a piece is


@pytest.mark.parametrize("text", ["加", "我微", "123456789012", "兼\u200b职\u200b日\u200b结", "加-微-信-了-解-一-下"])
def test_short_messages_are_pieces_whatever_is_put_between(text: str) -> None:
    assert is_piece(said(text))


@pytest.mark.parametrize("text", [None, "", "今天下午两点半在三楼会议室", "加" + "\u200b" * 40, "「甲：好」\n---\n好"])
def test_long_empty_and_quoting_ones_are_none(text: str | None) -> None:
    assert not is_piece(said(text))


def test_edits_and_messages_of_nobody_are_none() -> None:
    assert not is_piece(Observation(type="message.edited", sent_at=0, text="加", sender=Sender("a")))
    assert not is_piece(Observation(type="message.created", sent_at=0, text="加"))


# What goes on from what


def test_five_before_at_most_and_no_gap_above_a_minute() -> None:
    pieces = Pieces()
    for i in range(8):
        before = pieces.enter("g", "a", i * LONGEST_GAP, f"m{i}", str(i))
    assert before == ["2", "3", "4", "5", "6"]
    assert len(before) == MOST_JOINED - 1
    assert pieces.enter("g", "a", 8 * LONGEST_GAP + 1, "late", "8") == []


def test_each_sender_in_each_group_has_his_own() -> None:
    pieces = Pieces()
    pieces.enter("g", "a", 0, "m0", "加")
    assert pieces.enter("g", "b", 1, "m1", "我") == []
    assert pieces.enter("h", "a", 1, "m2", "我") == []
    assert pieces.enter("g", "a", 2, "m3", "我") == ["加"]


def test_a_record_handled_again_after_later_ones_gives_the_same() -> None:
    pieces = Pieces()
    first = [pieces.enter("g", "a", i, f"m{i}", str(i)) for i in range(12)]
    assert [pieces.enter("g", "a", i, f"m{i}", str(i)) for i in range(12)] == first
    assert len(pieces) == 12


def test_any_number_of_senders_takes_bounded_room() -> None:
    pieces = Pieces(most=1000)
    for i in range(100_000):
        pieces.enter("g", f"s{i}", i, "m", "加")
    assert len(pieces) == 1000
    assert pieces.enter("g", "s99999", 100_000, "n", "我") == ["加"]
    assert pieces.enter("g", "s0", 100_000, "n", "我") == []


def test_one_sender_who_never_stops_takes_bounded_room() -> None:
    pieces = Pieces()
    for i in range(10_000):
        pieces.enter("g", "a", i, f"m{i}", "加")
    assert len(pieces) == 32


def test_who_was_silent_for_five_minutes_of_his_group_is_forgotten() -> None:
    pieces = Pieces()
    for i in range(100):
        pieces.enter("g", f"s{i}", 0, f"m{i}", "加")
    pieces.enter("other", "s", 0, "m", "加")
    for i in range(100):
        pieces.enter("g", "busy", KEEP + 1 + i, f"b{i}", "加")
    assert len(pieces) == 1 + 32
    assert pieces.enter("other", "s", 1, "n", "我") == ["加"]


def test_times_that_run_back_are_read_in_the_order_of_the_log() -> None:
    pieces = Pieces()
    pieces.enter("g", "a", 10 * LONGEST_GAP, "m0", "加")
    assert pieces.enter("g", "a", 9 * LONGEST_GAP, "m1", "我") == ["加"]
    assert pieces.enter("g", "a", 0, "m2", "微") == []
    assert pieces.enter("g", "a", 10 * LONGEST_GAP, "m0", "加") == []


def test_a_group_that_is_empty_again_is_no_hindrance() -> None:
    pieces = Pieces(most=1)
    pieces.enter("g", "a", 10 * LONGEST_GAP, "m0", "加")
    pieces.enter("g", "a", 0, "m1", "我")
    pieces.enter("g", "a", 10 * LONGEST_GAP, "m0", "加")
    for i in range(3):
        pieces.enter(f"h{i}", "b", 0, "n", "加")
    assert len(pieces) == 1


def test_windows_forget_pieces_with_everything_else() -> None:
    windows = Windows()
    windows.pieces.enter("g", "a", 0, "m", "加")
    windows.clear()
    assert len(windows.pieces) == 0


# What they say together


def test_the_message_that_completes_a_word_carries_it_and_no_later_one(product: Classifiers) -> None:
    assert read(product, "加", "微", "信", "吧") == [[], [], [("solicitation", 1.0)], []]
    assert read(product, "傻", "逼", "啊") == [[], [("abuse", 1.0)], []]


def test_pieces_of_any_length_and_dress_join(product: Classifiers) -> None:
    assert read(product, "都来加", "我") == [[], [("solicitation", 1.0)]]
    assert read(product, "加。", "🔥微", "信！") == [[], [], [("solicitation", 1.0)]]


def test_sound_alikes_cut_into_characters_are_weak(product: Classifiers) -> None:
    assert read(product, "佳", "威", "芯") == [[], [], [("solicitation", 0.5)]]


@pytest.mark.parametrize(
    "texts",
    [
        ("好", "的", "收到"),
        ("在吗", "开会了", "三楼"),
        ("嗯", "我看看", "行"),
        ("as", "s"),
        ("this is", "hit it"),
        ("不", "要", "加", "班"),
    ],
)
def test_innocent_short_talk_says_nothing_together(product: Classifiers, texts: tuple[str, ...]) -> None:
    assert read(product, *texts) == [[]] * len(texts)


def test_what_one_of_them_has_shown_is_not_shown_again() -> None:
    classifiers = Classifiers(Keywords([one_list("ads", "兼职", "兼职日结", "日结")]))
    assert read(classifiers, "兼职", "日结") == [[], []]
    assert read(classifiers, "兼", "职日", "结") == [[], [("ads", 1.0)], []]
    assert read(classifiers, "兼", "职", "日", "结") == [[], [("ads", 1.0)], [], []]


def test_weak_words_stay_weak_and_named_ones_are_none() -> None:
    assert read(Classifiers(Keywords([one_list("ads", "兼职", strength="weak")])), "兼", "职") == [[], [("ads", 0.5)]]
    assert read(Classifiers(Keywords([one_list("ads", "兼职")])), "谨防兼", "职诈骗") == [[], []]


def test_only_what_people_disguise_is_read_over_the_border() -> None:
    classifiers = Classifiers(Keywords([one_list("negative_emotion", "心累"), one_list("porn", "心累")]))
    assert read(classifiers, "心", "累") == [[], [("porn", 1.0)]]


def test_evidence_lies_in_the_completing_message_and_says_why(product: Classifiers) -> None:
    ((signal,),) = product.measure_joined([(["都来加", "微"], said("信 zhq"), 0)])
    (one,) = signal.evidence
    assert signal.classifier == one.signal == f"joined@{product.keywords.version}"
    assert (one.category, one.span, one.matched) == ("solicitation", (0, 1), "加微信")
    assert one.why.startswith("与前几条短消息连读“加微信”")


@pytest.mark.parametrize("text", ["\ud800", "1" * 12, "\u202e加", "1️⃣" * 12, "a" + "\u0301" * 39])
def test_odd_pieces_are_read_like_others(product: Classifiers, text: str) -> None:
    assert read(product, *[text] * 6) == [[]] * 6


def test_a_word_that_counts_no_more_is_not_read_over_the_border() -> None:
    """A word with dates counts by the group time of the message that completes it."""
    listed = one_list("porn", "心累")
    until = structs.replace(listed.words[0], ends=1000)
    classifiers = Classifiers(Keywords([structs.replace(listed, words=(until,))]))
    before, after = (classifiers.measure_joined([(["心"], said("累"), at)]) for at in (999, 1000))
    assert [len(one) for (one,) in (before, after)] == [1, 0]
