"""Windows of one sender: exact in whatever order messages arrive, and bounded in memory."""

import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.flooding import KEEP, MOST_ENTRIES, Recent, Windows, fingerprints, posts_within, repeats_within

SECOND = 1000


def recent(*messages: tuple[int, str], expected: tuple[str, ...] = ()) -> Recent:
    """Messages by time and text; ids are m0, m1, … in order of arrival."""
    made = Recent()
    for i, (sent_at, text) in enumerate(messages):
        made.add(sent_at, fingerprints([text])[0], f"m{i}", text in expected)
    return made


# Fingerprints


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("加微信", "加 微，信！"),
        ("Hello", "hELLO"),
        ("加Ｖ信１", "加v信①"),
        ("請加微信", "请加微信"),
        ("加_微*信", "加微信"),
        ("加微信", "加\u200b微信"),
        ("加微信", "加👍微信"),
        ("👍👍", "👍 👍"),
    ],
)
def test_texts_that_differ_in_dress_only_are_the_same(one: str, other: str) -> None:
    assert len(set(fingerprints([one, other]))) == 1


@pytest.mark.parametrize(("one", "other"), [("加微信", "加微"), ("1", "2"), ("👍", "👎"), ("👍", "👍👍"), ("", "a")])
def test_other_texts_are_not(one: str, other: str) -> None:
    assert len(set(fingerprints([one, other]))) == 2


def test_fingerprints_are_equal_in_every_process() -> None:
    code = "from classifiers.flooding import fingerprints; print(fingerprints(['收到，Thanks'])[0])"
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        assert [int(out)] == fingerprints(["收到，Thanks"])


def test_any_text_has_a_fingerprint_of_32_bits_whatever_stands_beside_it() -> None:
    texts = ["", "\ud800", "a\0b", "\0", "字" * 30_000, "收到 123", "㎏ ½", "_👍_"]
    found = fingerprints(texts)
    assert all(0 <= one < 1 << 32 for one in found)
    assert found == [one for text in texts for one in fingerprints([text])]
    assert found[2] == fingerprints(["AB"])[0]
    assert fingerprints([]) == []


@given(st.text(alphabet=st.characters(), max_size=40), st.sampled_from(" ，!_👍\n"))
def test_signs_between_letters_do_not_count(text: str, sign: str) -> None:
    assert len(set(fingerprints([f"字{text}", f"字{sign.join(text)}{sign}"]))) == 1


# Windows


def test_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    seen = recent((0, "a"), (1, "b"), (60 * SECOND, "c"))
    assert posts_within(seen, 60 * SECOND, 60 * SECOND) == 2
    assert posts_within(seen, 60 * SECOND - 1, 60 * SECOND) == 2
    assert posts_within(seen, 60 * SECOND, 60 * SECOND + 1) == 3


def test_late_message_counts_where_it_was_sent() -> None:
    seen = recent((100 * SECOND, "a"), (10 * SECOND, "b"), (11 * SECOND, "c"))
    assert posts_within(seen, 11 * SECOND, 60 * SECOND) == 2
    assert posts_within(seen, 100 * SECOND, 60 * SECOND) == 1


def test_second_delivery_changes_nothing() -> None:
    seen = Recent()
    for _ in range(3):
        for i in range(40):
            seen.add(i * SECOND, 1, f"m{i}", False)
    assert posts_within(seen, 40 * SECOND, 60 * SECOND) == 40


def test_expected_receipts_are_not_counted() -> None:
    seen = recent((1, "收到"), (2, "收到"), (3, "早"), (4, "收到"), expected=("收到",))
    assert posts_within(seen, 4, 60 * SECOND) == 1
    assert repeats_within(seen, 4, 60 * SECOND) == 0
    assert seen.first_of_episode(4, 60 * SECOND) == "m2"


def test_repeats_are_those_of_the_newest() -> None:
    seen = recent((1, "好"), (2, "顶"), (3, "好！"), (4, "好"))
    assert repeats_within(seen, 4, 60 * SECOND) == 3
    assert repeats_within(seen, 2, 60 * SECOND) == 1
    assert repeats_within(Recent(), 4, 60 * SECOND) == 0


MESSAGES = st.lists(
    st.tuples(st.integers(0, 3 * KEEP), st.integers(0, 2), st.integers(0, 60), st.booleans()), max_size=60
)


@given(MESSAGES, st.integers(0, 3 * KEEP), st.integers(1, KEEP))
def test_counts_are_those_of_a_plain_list(messages: list[tuple[int, int, int, bool]], now: int, window: int) -> None:
    seen = Recent()
    kept: dict[str, tuple[int, int, bool]] = {}
    newest = -1
    for sent_at, text, i, expected in messages:
        seen.add(sent_at, text, f"m{i}", expected)
        newest = max(newest, sent_at) if f"m{i}" not in kept else newest
        if sent_at > newest - KEEP:
            kept.setdefault(f"m{i}", (sent_at, text, expected))
        kept = {key: one for key, one in kept.items() if one[0] > newest - KEEP}
    inside = [one for one in kept.values() if now - window < one[0] <= now]
    assert len(seen) == len(kept)
    assert posts_within(seen, now, window) == sum(not expected for _, _, expected in inside)
    if inside and sum(one[0] == max(inside)[0] for one in inside) == 1:
        text = max(inside)[1]
        same = sum(one[1] == text and not one[2] for one in inside)
        assert repeats_within(seen, now, window) == same


@given(st.lists(st.integers(0, KEEP - 1), min_size=1, max_size=40, unique=True), st.randoms())
def test_order_of_arrival_does_not_matter(times: list[int], shuffle: random.Random) -> None:
    shuffled = times[:]
    shuffle.shuffle(shuffled)
    one, other = Recent(), Recent()
    for sent_at in times:
        one.add(sent_at, 1, f"m{sent_at}", False)
    for sent_at in shuffled:
        other.add(sent_at, 1, f"m{sent_at}", False)
    for window in (1, 60 * SECOND, KEEP):
        assert posts_within(one, max(times), window) == posts_within(other, max(times), window)
        assert one.first_of_episode(max(times), window) == other.first_of_episode(max(times), window)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1), st.booleans()), max_size=30))
def test_what_is_handled_once_more_finds_what_was_found_at_first(messages: list[tuple[int, int, bool]]) -> None:
    """Later messages of the same time or an earlier one are in the window by then."""
    seen = Recent()
    first = []
    for i, (sent_at, text, expected) in enumerate(messages):
        seen.add(sent_at, text, f"m{i}", expected)
        first.append(seen.as_of(f"m{i}").flood(sent_at, 3, 10, 2))
    for i, (sent_at, text, expected) in enumerate(messages):
        seen.add(sent_at, text, f"m{i}", expected)
        assert seen.as_of(f"m{i}").flood(sent_at, 3, 10, 2) == first[i]


def test_the_fifth_of_five_posts_in_one_moment_is_the_flood_however_often_they_are_handled() -> None:
    seen = recent(*((7, f"这是第{i}句") for i in range(5)))
    assert [seen.as_of(f"m{i}").flood(7, 4, 60 * SECOND, 4) for i in range(5)] == [None] * 4 + [(5, 1, "m0")]


# Episodes


def test_first_of_episode_stays_while_the_flood_goes_on() -> None:
    seen = recent((0, "before"))
    firsts = set()
    for i in range(1, 60):
        seen.add(100 * SECOND + i * SECOND, i, f"f{i}", False)
        firsts.add(seen.first_of_episode(100 * SECOND + i * SECOND, 60 * SECOND))
    assert firsts == {"f1"}


def test_a_pause_of_one_window_begins_another_episode() -> None:
    seen = recent((0, "a"), (60 * SECOND, "b"), (119 * SECOND, "c"))
    assert seen.first_of_episode(119 * SECOND, 60 * SECOND) == "m1"
    assert seen.first_of_episode(119 * SECOND, 61 * SECOND) == "m0"
    assert seen.first_of_episode(300 * SECOND, 60 * SECOND) == ""


# Memory


def test_a_sender_is_remembered_by_200_messages_of_15_minutes() -> None:
    seen = Recent()
    for i in range(10_000):
        seen.add(i, i, f"m{i}", False)
    assert len(seen) == MOST_ENTRIES
    assert posts_within(seen, 10_000, KEEP) == MOST_ENTRIES
    seen.add(0, 0, "m0", False)
    assert len(seen) == MOST_ENTRIES
    seen.add(10_000 + KEEP, 1, "later", False)
    assert len(seen) == 1


def test_senders_are_bounded_and_the_group_silent_longest_goes_first() -> None:
    windows = Windows(most_senders=3)
    for group, sender in [("g1", "a"), ("g2", "b"), ("g1", "c"), ("g3", "d")]:
        windows.of(group, sender).add(1, 1, f"{group}{sender}", False)
    assert len(windows) == 3
    assert len(windows.of("g1", "a")) == 1
    for i in range(1000):
        windows.of(f"g{i}", f"s{i}").add(1, 1, f"m{i}", False)
    assert len(windows) == 3


def test_silent_senders_are_forgotten_by_the_time_of_their_own_group() -> None:
    windows = Windows()
    for i in range(100):
        windows.of("g", f"s{i}").add(0, 1, f"m{i}", False)
    windows.of("other", "s").add(0, 1, "x", False)
    for i in range(100):
        windows.of("g", "busy").add(KEEP + i, 1, f"b{i}", False)
    assert len(windows) == 2
    assert len(windows.of("g", "busy")) == 100
    assert len(windows.of("other", "s")) == 1


def test_the_same_sender_in_two_groups_is_counted_apart() -> None:
    windows = Windows()
    windows.of("g1", "a").add(1, 1, "x", False)
    assert posts_within(windows.of("g2", "a"), 1, KEEP) == 0
    assert posts_within(windows.of("g1", "a"), 1, KEEP) == 1


# Receipts


def test_who_is_erased_is_forgotten_in_his_group_alone() -> None:
    windows = Windows()
    for group, sender in (("g1", "a"), ("g1", "b"), ("g2", "a")):
        windows.of(group, sender).add(0, 1, "m1", False)
        windows.pieces.enter(group, sender, 0, "m1", "加")
    windows.beheld().forget("g1", "a")
    assert (len(windows), len(windows.pieces)) == (3, 3)
    for _ in range(2):
        windows.forget("g1", "a")
        assert (len(windows), len(windows.pieces)) == (2, 2)
    windows.forget("g1", "b")
    windows.forget("g3", "a")
    assert (len(windows), len(windows.pieces)) == (1, 1)
    assert windows.pieces.enter("g1", "a", 1, "m2", "我") == []
    assert windows.pieces.enter("g2", "a", 1, "m2", "我") == ["加"]


def test_receipts_are_expected_up_to_the_latest_date() -> None:
    windows = Windows()
    windows.expect_receipts("g", until=100)
    windows.expect_receipts("g", until=50)
    assert windows.receipts_expected("g", 100)
    assert not windows.receipts_expected("g", 101)
    assert not windows.receipts_expected("other", 50)


def test_a_late_receipt_is_still_expected_after_a_newer_message() -> None:
    windows = Windows()
    windows.expect_receipts("g", until=100)
    assert not windows.receipts_expected("g", 100 + KEEP)
    assert windows.receipts_expected("g", 100)
