"""What folding undoes, what it leaves alone, and that every folded code point knows where it came from."""

import subprocess
import sys
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers.folding import fold, fold_batch
from classifiers.folding.table import TABLE_FILE

# Random Unicode hardly ever meets the rules; these letters do all the time.
_TELLING = "加微信哈ab啊vV13０①臺，。,.!！ \n\t\u3000*_-·|/~👍\ufe0f\u200d\u200b\u202e\u0301\x00…ﬃß\ud800\udc00가"
texts = st.one_of(
    st.text(st.sampled_from(_TELLING), max_size=30),
    st.text(st.characters(), max_size=20),
    st.text(st.characters(categories=("Cs", "Cf", "Mn", "So", "Lo")), max_size=20),
)


def folded(text: str) -> str:
    return fold(text).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ｖ信ＡＢＣ", "v信abc"),
        ("STRASSE straße", "strasse strasse"),
        ("臺灣後裡國際", "台湾后里国际"),
        ("１２３①❶٣", "123113"),
        ("🅥", "v"),
        ("café", "cafe"),
        ("ﬃ㏒", "ffilog"),
        ("한국", "한국"),
    ],
)
def test_width_case_script_accents_and_digits_are_undone(text: str, expected: str) -> None:
    assert folded(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ν信", "v信"),
        ("加Ѵх", "加vx"),
        ("ԚԚ群", "qq群"),
        ("Ѕһіt ѕhіт", "shit shit"),
        ("ΤＥLΕgrам", "telegram"),
        ("Ꮩx ᴠⅹ ꓦX ᐯx", "vx vx vx vx"),
        ("աеchат", "wechat"),
        ("Κ歌", "k歌"),
    ],
)
def test_letters_of_other_scripts_fold_to_the_latin_ones_that_they_look_like(text: str, expected: str) -> None:
    assert folded(text) == expected


@pytest.mark.parametrize("word", ["Касса", "ВХОД", "Україна", "Քաղաք"])
def test_both_cases_of_a_letter_stay_one(word: str) -> None:
    assert folded(word) == folded(word.upper()) == folded(word.lower())


@pytest.mark.parametrize("sign", ["μ", "σ", "γ", "Σ", "Γ", "Ω", "π", "λ", "Δ", "φ", "θ"])
def test_signs_of_formulas_are_no_latin_letters(sign: str) -> None:
    assert not folded(f"{sign}5").isascii()


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u200d", "\u202e", "\ufe0f", "\u0301", "\u20e3", "\x00", "\x07", "\u3164"]
)
def test_invisible_code_points_vanish(hidden: str) -> None:
    assert folded(f"加{hidden}微{hidden}信ab{hidden}c") == "加微信abc"


@pytest.mark.parametrize(
    "sign",
    [
        " ",
        "\u3000",
        "  ",
        "*",
        "_",
        "-",
        "·",
        "|",
        "/",
        ".",
        "...",
        "…",
        "~",
        "+",
        "👍",
        "👨\u200d👩\u200d👧",
        "🇨🇳",
        "⭐ ",
    ],
)
def test_space_symbols_and_emoji_inside_chinese_vanish(sign: str) -> None:
    assert folded(f"请加{sign}微信群") == "请加微信群"


@pytest.mark.parametrize("mark", ["，", "。", "！", "？", "；", "：", ",", "!", "?", ";", "\n"])
def test_sentence_punctuation_between_phrases_stays(mark: str) -> None:
    assert folded(f"开会了{mark}快来") == f"开会了{unicodedata.normalize('NFKC', mark)}快来"


@pytest.mark.parametrize(
    "text", ["加 微 信", "加，微，信", "加。微。信", "加\n微\n信", "加【微】信", "加 ，微 ！信", "加*微*信"]
)
def test_any_separator_next_to_a_character_that_stands_alone_vanishes(text: str) -> None:
    assert folded(text) == "加微信"


@pytest.mark.parametrize("text", ["v.x", "v x", "V-X", "v，x"])
def test_single_letters_join(text: str) -> None:
    assert folded(text) == "vx"


@pytest.mark.parametrize("text", ["i have a pen", "涨了3.5个点", "9:00-18:00", "1/2", "2024-1-5", "1,2"])
def test_phrases_and_numbers_keep_their_signs(text: str) -> None:
    assert folded(text) == text


@pytest.mark.parametrize("text", ["1 3 8 0 0", "1..3*8 ,0。0"])
def test_digits_in_a_row_join_over_what_is_no_sign_of_a_number(text: str) -> None:
    assert folded(text) == "13800"


@pytest.mark.parametrize(
    ("run", "one"),
    [("  ", " "), (" , ", ","), ("👍👍", "👍"), ("👍 ，，", ","), ("\n\n", "\n"), (" \n", "\n"), ("*-", "*")],
)
def test_a_run_of_separators_that_stays_becomes_one(run: str, one: str) -> None:
    assert folded(f"hello{run}world") == f"hello{one}world"


def test_white_space_around_a_text_vanishes() -> None:
    assert folded("\n  收到了 \u3000") == "收到了"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("好哈哈哈哈了", "好哈了"),
        ("好哈哈了", "好哈哈了"),
        ("太棒了！！！", "太棒了!"),
        ("coooool", "col"),
        ("wwwx", "wwwx"),
        ("11111", "11111"),
        ("加加 加微信", "加微信"),
    ],
)
def test_repeats_collapse_but_digits_never(text: str, expected: str) -> None:
    assert folded(text) == expected


def test_span_leads_back_to_the_original() -> None:
    text = "请 Ｋ加\u200b 微*信吧"
    found = fold(text)
    start = found.text.index("加微信")
    first, last = found.span(start, start + 3)
    assert text[first:last] == "加\u200b 微*信"


def test_span_of_an_expansion_is_its_code_point() -> None:
    batch = fold_batch(["x", "a㏒b"])
    assert batch.texts[1] == "alogb"
    assert batch.span(1, 2, 3) == (1, 2)


@given(st.lists(texts, max_size=8))
def test_a_batch_folds_like_its_texts(some: list[str]) -> None:
    batch = fold_batch(some)
    assert len(batch) == len(some)
    for i, text in enumerate(some):
        alone = fold(text)
        assert batch.texts[i] == alone.text
        assert batch[i].origin.tolist() == alone.origin.tolist()
        assert [one.text for one in batch] == batch.texts
        assert list(batch)[i].origin.tolist() == alone.origin.tolist()
        assert batch.codes[batch.starts[i] : batch.starts[i + 1]].tolist() == [ord(c) for c in alone.text]


@given(texts)
@example("哈哈·哈哈，好的")
@example("1 2.3")
@example("a b cd")
def test_folding_twice_is_folding(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(texts, st.integers(-3, 40), st.integers(-3, 40))
def test_origin_never_goes_back_and_spans_stay_inside(text: str, start: int, end: int) -> None:
    found = fold(text)
    assert len(found.origin) == len(found.text)
    assert (np.diff(found.origin) >= 0).all()
    assert all(0 <= place < len(text) for place in found.origin)
    first, last = found.span(start, end)
    assert 0 <= first <= last <= len(text)


@given(texts)
def test_folded_text_can_be_encoded_and_holds_no_zero(text: str) -> None:
    folded(text).encode()
    assert "\x00" not in folded(text)


def test_every_code_point_folds_to_a_fixed_point() -> None:
    everything = [f"ab{chr(code)}cd" for code in range(0x110000)]
    once = fold_batch(everything).texts
    assert fold_batch(once).texts == once


def test_no_texts_and_empty_texts() -> None:
    assert fold_batch([]).texts == []
    assert fold_batch([]).starts.tolist() == [0]
    assert fold_batch(["", "a", ""]).texts == ["", "a", ""]


def test_types_are_as_promised() -> None:
    batch = fold_batch(["加 微信"])
    assert (batch.codes.dtype, batch.starts.dtype, batch.origin.dtype) == (np.uint32, np.int64, np.int32)


def test_ten_thousand_combining_marks_are_one_letter() -> None:
    assert folded("a" + "\u0301" * 10_000) == "a"


@pytest.mark.parametrize("pattern", ["加 ", "哈哈·", "a", "，", "\u202e", "ﷺ", "1.", "\ud800", "👍信"])
def test_a_hundred_thousand_characters_fold_in_bounded_time(pattern: str) -> None:
    text = (pattern * 100_000)[:100_000]
    started = time.process_time()
    fold(text)
    assert time.process_time() - started < 1.0


def test_the_table_is_small_and_loads_without_opencc() -> None:
    assert TABLE_FILE.stat().st_size < 100_000
    code = (
        "import sys, time; import classifiers.folding as f; from classifiers.folding.table import table;"
        "t = time.process_time(); table(); took = time.process_time() - t;"
        "assert f.fold('臺').text == '台'; assert 'opencc' not in sys.modules; assert took < 0.2, took"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TABLE_FILE.parents[2])
