"""Own words only, all classifiers together, and never a silent "clean"."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import classifiers.measure as measure_module
from classifiers.folding import FoldedBatch, fold
from classifiers.keywords import Keywords, Word, WordList
from classifiers.measure import HEAD, TAIL, Classifiers, own_words
from classifiers.trained.serve import NEVER, ModelUnavailable
from models import Attachment, Change, Evidence, GroupRef, Link, Observation, ReplyTo, Sender, Signal
from models.signal import TRAINED_CATEGORIES

DASHES = "- - - - - - - - - - - - - - -"


def a_list(category: str, *, strong: str = "", weak: str = "", allow: str = "") -> WordList:
    words = [Word(w, fold(w).text, "strong") for w in strong.split()]
    words += [Word(w, fold(w).text, "weak") for w in weak.split()]
    words += [Word(w, fold(w).text, "allow") for w in allow.split()]
    return WordList(category, f"why {category}", tuple(words))


def a_message(text: str | None = None, **given: Any) -> Observation:
    return Observation(
        **{
            "type": "message.created",
            "sent_at": 1,
            "id": "m1",
            "group": GroupRef("g1"),
            "sender": Sender("u1"),
            "kind": "text",
            "text": text,
            **given,
        }
    )


@pytest.fixture
def lists() -> list[WordList]:
    return [
        a_list("ads", strong="诚招代理", weak="加微信 团购 返现"),
        a_list("abuse", strong="傻逼"),
        a_list("protected", strong="举报"),
    ]


@pytest.fixture
def classifiers(lists: list[WordList]) -> Classifiers:
    return Classifiers(Keywords(lists), None)


def keyword_signals(classifiers: Classifiers, *observations: Observation) -> list[tuple[Signal, ...]]:
    return [
        tuple(signal for signal in signals if signal.classifier.startswith("keywords"))
        for signals in classifiers.measure(observations)
    ]


class FakeModel:
    """Says "ads" to texts with 奖, "porn" to none."""

    categories = ("ads", "porn")
    floor = np.array([0.5, 0.5], np.float32)
    version = "feed"

    def score(self, batch: FoldedBatch) -> np.ndarray:
        return np.array([[0.75 if "奖" in text else 0.25, 0.1] for text in batch.texts], np.float32).reshape(-1, 2)

    def explain(self, asked: Sequence[tuple[str, str]]) -> list[list[tuple[int, int]]]:
        return [[(text.index("奖"), text.index("奖") + 1)] for text, _ in asked]

    def cut(self, category: str, budget: float) -> float:
        return 1 - budget


class BrokenModel(FakeModel):
    def score(self, batch: FoldedBatch) -> np.ndarray:
        raise ValueError("words of a message")


def with_model(lists: list[WordList], model: FakeModel) -> Classifiers:
    return Classifiers(Keywords(lists), model)  # type: ignore[arg-type]


# Signals


@pytest.fixture
def until_noon() -> Classifiers:
    """诚招代理 counts up to the 1000th second; so does what sounds like it."""
    word = Word("诚招代理", "诚招代理", "strong", "李强", "三月投诉", ends=1_000_000)
    return Classifiers(Keywords([WordList("ads", "广告", (word,))]), None)


@pytest.mark.parametrize(
    ("given", "appended", "found"),
    [
        ({"sent_at": 999_999}, None, True),
        ({"sent_at": 1_000_000}, None, False),
        # A clock that runs ahead: the message counts as at most five minutes later than it arrived.
        ({"sent_at": 9_000_000}, 600_000, True),
        ({"sent_at": 9_000_000}, 700_000, False),
        ({"sent_at": 9_000_000, "received_at": 600_000}, 9_000_000, True),
        ({"sent_at": 1_000_000, "text": "城招代理"}, None, False),
        ({"sent_at": 999_999, "text": "城招代理"}, None, True),
        ({"sent_at": 999_999, "text": "看看", "forward": [{"text": "诚招代理"}]}, None, True),
        ({"sent_at": 1_000_000, "text": "看看", "forward": [{"text": "诚招代理"}]}, None, False),
    ],
)
def test_words_with_dates_count_by_the_group_time_of_the_message(
    until_noon: Classifiers, given: dict[str, Any], appended: int | None, found: bool
) -> None:
    message = a_message(**{"text": "诚招代理", **given})
    (signals,) = until_noon.measure([message], None if appended is None else [appended])
    assert [one.category for one in signals] == ["ads"] * found


def test_evidence_tells_moderators_who_wanted_the_word_and_why(until_noon: Classifiers) -> None:
    ((signal,),) = keyword_signals(until_noon, a_message("诚招代理"))
    assert [one.why for one in signal.evidence] == ["强词“诚招代理”：广告（李强：三月投诉）"]


def test_clean_messages_share_one_empty_tuple(classifiers: Classifiers) -> None:
    first, second = classifiers.measure([a_message("收到"), a_message("明天开会")])
    assert first == ()
    assert first is second


def test_strong_word_scores_one_and_weak_word_half(classifiers: Classifiers) -> None:
    strong, weak = keyword_signals(classifiers, a_message("诚招代理"), a_message("加微信"))
    assert [(signal.category, signal.score) for signal in strong] == [("ads", 1.0)]
    assert [(signal.category, signal.score) for signal in weak] == [("ads", 0.5)]


def test_evidence_points_into_the_original_text(classifiers: Classifiers) -> None:
    text = "各位 請Ｋ加 微\u200b 信 了"
    ((signal,),) = keyword_signals(classifiers, a_message(text))
    (evidence,) = signal.evidence
    assert evidence.span is not None
    assert text[slice(*evidence.span)] == evidence.matched == "加 微\u200b 信"
    assert evidence.category == "ads"
    assert evidence.signal == signal.classifier
    assert "加微信" in evidence.why


def test_one_signal_a_category_with_strong_evidence_first(classifiers: Classifiers) -> None:
    ((abuse, ads),) = keyword_signals(classifiers, a_message("加微信，傻逼，诚招代理，团购"))
    assert (abuse.category, abuse.score) == ("abuse", 1.0)
    assert (ads.category, ads.score) == ("ads", 1.0)
    assert [one.matched for one in ads.evidence] == ["诚招代理", "加微信", "团购"]


def test_evidence_is_bounded(classifiers: Classifiers) -> None:
    ((signal,),) = keyword_signals(classifiers, a_message("加" + "\u200b" * 200 + "微信。" + "团购好。" * 20))
    assert len(signal.evidence) == 8
    assert signal.evidence[0].matched is not None
    assert len(signal.evidence[0].matched) == 80
    assert signal.evidence[0].span == (0, 203)


def test_classifier_names_carry_the_version(lists: list[WordList]) -> None:
    keywords = Keywords(lists)
    (signals,) = with_model(lists, FakeModel()).measure([a_message("加微信领奖")])
    assert [one.classifier for one in signals][:2] == [f"keywords@{keywords.version}", "trained@feed"]


def test_quoted_words_and_warnings_give_no_keyword_signal(classifiers: Classifiers) -> None:
    texts = ["他发了“诚招代理”", "严禁发布诚招代理、团购信息", "有人骂我傻逼"]
    assert keyword_signals(classifiers, *map(a_message, texts)) == [(), (), ()]


def test_protected_words_protect_even_where_they_are_quoted(classifiers: Classifiers) -> None:
    ((signal,),) = keyword_signals(classifiers, a_message("严禁打击“举报”人"))
    assert signal.category == "protected"


@pytest.mark.parametrize("kind", ["member.joined", "clock.tick", "message.recalled", "group.renamed", "made.up"])
def test_what_is_no_message_gives_nothing(classifiers: Classifiers, kind: str) -> None:
    assert classifiers.measure([a_message("诚招代理", type=kind)]) == [()]


def test_edited_message_is_measured_again(classifiers: Classifiers) -> None:
    edited = a_message("诚招代理", type="message.edited")
    only_change = a_message(type="message.edited", change=Change(field="text", old="好", new="诚招代理"))
    assert all(signals for signals in keyword_signals(classifiers, edited, only_change))


def test_no_observations_and_no_words(classifiers: Classifiers) -> None:
    assert classifiers.measure([]) == []
    assert classifiers.measure([a_message(None), a_message(""), a_message(" \n"), a_message("\ud800")]) == [()] * 4


def test_signals_stay_with_their_observation(classifiers: Classifiers) -> None:
    found = keyword_signals(
        classifiers, a_message("好的"), a_message("x", type="clock.tick"), a_message(None), a_message("加微信")
    )
    assert [bool(signals) for signals in found] == [False, False, False, True]


def test_large_batches_are_measured_like_single_messages(
    classifiers: Classifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "_AT_ONCE", 20)
    messages = [a_message(text) for text in ["加微信", "收到" * 30, "诚招代理", "", "团购。傻逼"] * 5]
    assert classifiers.measure(messages) == [classifiers.measure([one])[0] for one in messages]


# Own words


def test_what_a_reply_quotes_is_not_the_senders(classifiers: Classifiers) -> None:
    reply = a_message("不行", reply_to=ReplyTo(quoted_text="诚招代理"))
    assert classifiers.measure([reply]) == [()]


@pytest.mark.parametrize("line", [DASHES, "------", "——————", "- - -"])
@pytest.mark.parametrize("lead", ["", "\n", "  "])
def test_reply_written_into_the_text_is_cut_off(classifiers: Classifiers, line: str, lead: str) -> None:
    quote = f"{lead}「张三：诚招代理，\n加微信」\n{line}\n"
    assert own_words(a_message(f"{quote}请勿发广告")).text == "请勿发广告"
    assert classifiers.measure([a_message(f"{quote}请勿发广告")]) == [()]


def test_evidence_behind_a_quote_points_into_the_whole_text(classifiers: Classifiers) -> None:
    text = f"「张三：在吗」\n{DASHES}\n在，加微信"
    ((signal,),) = keyword_signals(classifiers, a_message(text))
    (evidence,) = signal.evidence
    assert evidence.span is not None
    assert text[slice(*evidence.span)] == "加微信"


def test_reply_to_a_reply_is_cut_off_whole(classifiers: Classifiers) -> None:
    text = f"「李四：「张三：诚招代理」\n{DASHES}\n傻逼」\n{DASHES}\n好了好了"
    assert own_words(a_message(text)).text == "好了好了"
    assert classifiers.measure([a_message(text)]) == [()]


@pytest.mark.parametrize(
    "text", ["「诚招代理」欢迎咨询", f"诚招代理\n{DASHES}\n好", f"看：「张三：诚招代理」\n{DASHES}\n好"]
)
def test_brackets_and_dashes_alone_hide_nothing(text: str) -> None:
    assert own_words(a_message(text)).text == text


def test_nothing_is_left_of_a_quote_without_own_words() -> None:
    assert own_words(a_message(f"「张三：诚招代理」\n{DASHES}\n")).text == ""
    assert own_words(a_message(f"「张三：诚招代理」\n{DASHES}")).text == ""


def test_titles_of_links_are_judged_without_a_span(classifiers: Classifiers) -> None:
    message = a_message("看看", links=(Link("https://x.example", "诚招代理"), Link("https://y.example")))
    ((signal,),) = keyword_signals(classifiers, message)
    (evidence,) = signal.evidence
    assert evidence.span is None
    assert evidence.matched == "诚招代理"
    assert "链接标题" in evidence.why


def test_title_that_stands_in_the_text_counts_once(classifiers: Classifiers) -> None:
    message = a_message("[链接] 诚招代理", links=(Link("https://x.example", "诚招代理"),))
    ((signal,),) = keyword_signals(classifiers, message)
    assert [one.span for one in signal.evidence] == [(5, 9)]


def test_title_of_a_link_without_text_is_judged(classifiers: Classifiers) -> None:
    assert keyword_signals(classifiers, a_message(None, links=(Link("https://x.example", "诚招代理"),)))[0]


def test_text_and_title_do_not_grow_together(classifiers: Classifiers) -> None:
    assert keyword_signals(classifiers, a_message("请加", links=(Link("https://x.example", "微信文章"),))) == [()]


def test_only_head_and_tail_of_very_long_texts_are_judged(classifiers: Classifiers) -> None:
    def text(at: int) -> str:
        filler = "。" * 50_000
        return f"{filler[:at]}诚招代理{filler[at:]}"

    for at, judged in [(0, True), (HEAD - 4, True), (25_000, False), (50_004 - TAIL, True), (50_000, True)]:
        (signals,) = keyword_signals(classifiers, a_message(text(at)))
        assert bool(signals) is judged, at
        if judged:
            assert signals[0].evidence[0].span == (at, at + 4)
    assert len(own_words(a_message(text(0))).text) <= HEAD + TAIL + 1


@given(
    st.integers(0, 30),
    st.lists(st.text("加微信团购 好", min_size=1, max_size=9), max_size=3),
    st.text("加微信团购 好", max_size=60),
    st.integers(1, 40),
)
def test_original_place_of_every_own_word_holds_it(quoted: int, titles: list[str], text: str, limit: int) -> None:
    quote = f"「a：{'好' * quoted}」\n{DASHES}\n" if quoted else ""
    message = a_message(quote + text, links=tuple(Link("https://x.example", title) for title in titles))
    patch = pytest.MonkeyPatch()
    patch.setattr(measure_module, "HEAD", limit)
    patch.setattr(measure_module, "TAIL", limit)
    try:
        words = own_words(message)
    finally:
        patch.undo()
    for i, character in enumerate(words.text):
        place = words.original(i, i + 1)
        if place is not None:
            assert (quote + text)[slice(*place)] == character
            assert place[0] >= len(quote)


def test_a_text_full_of_words_is_measured_in_bounded_time(classifiers: Classifiers) -> None:
    started = time.process_time()
    ((signal,),) = keyword_signals(classifiers, a_message("诚招代理加微信" * 30_000))
    assert time.process_time() - started < 2.0
    assert len(signal.evidence) == 8


# The trained model


def test_trained_signal_carries_score_and_what_weighed_most(lists: list[WordList]) -> None:
    text = "来 领\u200b獎吧"
    classifiers = with_model(lists, FakeModel())
    (signals,) = classifiers.measure([a_message(text)])
    (trained,) = [one for one in signals if one.classifier == "trained@feed"]
    assert (trained.category, trained.score) == ("ads", 0.75)
    shown = classifiers.explain(a_message(text), "ads")
    assert [(one.span, one.matched) for one in shown] == [((4, 5), "獎")]


def test_scores_below_the_floor_give_no_signal(lists: list[WordList]) -> None:
    assert with_model(lists, FakeModel()).measure([a_message("明天开会")]) == [()]


def test_model_that_cannot_be_loaded_says_so_in_every_message(lists: list[WordList], tmp_path: Path) -> None:
    classifiers = Classifiers.load(model_dir=tmp_path / "absent")
    blind, tick = classifiers.measure([a_message("明天开会"), a_message("x", type="clock.tick")])
    assert [one.category for one in blind] == list(TRAINED_CATEGORIES)
    assert all(one.unavailable and one.score == 0 for one in blind)
    assert tick == ()
    assert classifiers.model_version is None


def test_without_a_folder_the_products_own_model_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measure_module, "default_dir", lambda: tmp_path / "own")
    (blind,) = Classifiers.load().measure([a_message("明天开会")])
    assert str(tmp_path / "own") in (blind[0].unavailable or "")


def test_product_without_any_model_is_unavailable_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Path:
        raise ModelUnavailable("Nothing was trained.")

    monkeypatch.setattr(measure_module, "default_dir", absent)
    (blind,) = Classifiers.load().measure([a_message("明天开会")])
    assert {one.unavailable for one in blind} == {"Nothing was trained."}


def test_keywords_speak_while_the_model_is_down(lists: list[WordList]) -> None:
    classifiers = Classifiers(Keywords(lists), ModelUnavailable("No model."))
    (signals,) = classifiers.measure([a_message("诚招代理")])
    assert signals[0].score == 1.0
    assert {one.unavailable for one in signals[1:]} == {"No model."}


def test_model_that_breaks_on_a_batch_is_unavailable_and_tells_no_words(lists: list[WordList]) -> None:
    (signals,) = with_model(lists, BrokenModel()).measure([a_message("明天开会")])
    assert [one.category for one in signals] == ["ads", "porn"]
    assert all(one.unavailable and "ValueError" in one.unavailable for one in signals)
    assert all("words of a message" not in (one.unavailable or "") for one in signals)


def test_without_a_model_nothing_is_unavailable(classifiers: Classifiers) -> None:
    assert classifiers.measure([a_message("明天开会")]) == [()]
    assert classifiers.model_version is None


def test_cut_is_the_models_and_out_of_reach_where_it_measures_nothing(
    lists: list[WordList], classifiers: Classifiers
) -> None:
    assert with_model(lists, FakeModel()).cut("ads", 0.01) == pytest.approx(0.99)
    assert with_model(lists, FakeModel()).cut("religion", 0.01) == NEVER
    assert classifiers.cut("ads", 0.01) == NEVER


def test_measuring_imports_no_training_code() -> None:
    code = "import sys, classifiers.measure; assert not {'sklearn', 'opencc', 'jieba', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


# Patterns, file names, kinds


def test_patterns_in_own_words_point_into_the_whole_text(classifiers: Classifiers) -> None:
    text = f"「张三：13912345678」\n{DASHES}\n我的13812345678"
    (signals,) = classifiers.measure([a_message(text)])
    (signal,) = [one for one in signals if one.category == "mobile_number"]
    assert (signal.classifier, signal.score) == ("patterns", 1.0)
    assert [one.span for one in signal.evidence] == [(len(text) - 11, len(text))]


def test_pattern_evidence_is_grouped_by_category(classifiers: Classifiers) -> None:
    (signals,) = classifiers.measure([a_message("a@example.com www.example.com b@example.com")])
    grouped = [(one.category, len(one.evidence)) for one in signals if one.classifier == "patterns"]
    assert grouped == [("email", 2), ("link", 1)]


@pytest.mark.parametrize("kind", ["message.created", "file.uploaded"])
def test_file_names_are_looked_at_in_messages_and_uploads(
    classifiers: Classifiers, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(
        measure_module,
        "find_in_file_names",
        lambda seen: [Evidence("patterns@1", "secrecy_marking", None, one.name) for one in seen.attachments],
    )
    message = a_message(None, type=kind, attachments=(Attachment(name="机密.pdf"),))
    ((signal,),) = classifiers.measure([message])
    assert signal.category == "secrecy_marking"
    assert signal.evidence[0].matched == "机密.pdf"


@pytest.mark.parametrize(
    ("finder", "category"),
    [("find_patterns", "bank_card"), ("find_in_file_names", "secrecy_marking"), ("kind_signals", "red_packet")],
)
def test_classifier_that_breaks_is_unavailable_for_that_message_only(
    classifiers: Classifiers, monkeypatch: pytest.MonkeyPatch, finder: str, category: str
) -> None:
    def find(first: Any, *_: Any) -> Any:
        if "坏" in (first if isinstance(first, str) else first.text):
            raise RuntimeError("坏 words")
        return ()

    monkeypatch.setattr(measure_module, finder, find)
    files = (Attachment(name="a.pdf"),)
    bad, good = classifiers.measure(
        [a_message("坏，诚招代理.", attachments=files), a_message("好.", attachments=files)]
    )
    (blind,) = [one for one in bad if one.category == category]
    assert blind.unavailable
    assert "RuntimeError" in blind.unavailable
    assert "words" not in blind.unavailable
    assert [one.score for one in bad if one.category == "ads"] == [1.0]
    assert good == ()


def test_kinds_are_signals_of_messages_only(classifiers: Classifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    packet = Signal("kinds@1", "red_packet", 1.0)
    monkeypatch.setattr(measure_module, "kind_signals", lambda seen: (packet,))
    assert classifiers.measure([a_message(None), a_message(None, type="member.joined")]) == [(packet,), ()]


def keyword_scores(lists: Sequence[WordList], text: str, model: Any) -> list[float]:
    signals = Classifiers(Keywords(lists), model).measure([a_message(text)])[0]
    return [one.score for one in signals if one.classifier.startswith("keywords")]


@pytest.mark.parametrize(
    ("by", "word", "text", "score"),
    [
        ("xunqun", "铁架", "仓库的铁架今天到货", 0.75),
        ("xunqun", "铁架", "傻逼铁架你妈死了", 1.0),
        ("xunqun", "铁架今天到货", "仓库的铁架今天到货", 1.0),
        ("xunqun", "铁架…到货", "仓库的铁架到货", 0.75),
        ("xunqun", "铁架…到货", "仓库的铁架今天到货", 1.0),
        ("wanglei", "铁架", "仓库的铁架今天到货", 1.0),
    ],
)
def test_a_short_strong_word_of_the_product_needs_the_model_to_see_something(
    by: str, word: str, text: str, score: float
) -> None:
    listed = WordList("abuse", "why", (Word(word, word, "strong"),), by=by)
    assert keyword_scores([listed], text, Classifiers.load().model) == [score]


@pytest.mark.parametrize("model", [None, ModelUnavailable("no weights")])
def test_without_a_model_a_short_strong_word_speaks_alone(model: ModelUnavailable | None) -> None:
    listed = WordList("abuse", "why", (Word("铁架", "铁架", "strong"),), by="xunqun")
    assert keyword_scores([listed], "仓库的铁架今天到货", model) == [1.0]
