"""Proposed words: those that tell offences from normal chat, counted as a list would find them, and for people to accept."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

import pytest

from classifiers.folding import fold
from classifiers.keywords import Word, WordList, read_list
from streams.cli import main
from streams.tuning.suggest import as_list, interval, suggest

OFFENCES = [f"样品{n}号特价，要的戳蓝字{n}" for n in range(20)] + ["戳蓝字看样品", "样品到了"]
NORMAL = [f"第{n}批样品到货，请质检签收" for n in range(300)] + [f"{n}点开会" for n in range(99)] + ["谁戳蓝字了"]


def by_blanks(text: str) -> Iterable[str]:
    return text.split()


def suggested(
    offences: list[str], normal: list[str], lists: tuple[WordList, ...] = (), **given: float
) -> dict[str, object]:
    found = suggest(offences, normal, lists, "ads", **{"top": 20, "most": 1.0, "cut": by_blanks, **given})  # type: ignore[arg-type]
    return {one.word: one for one in found.words}


def a_list(*words: str) -> WordList:
    return WordList("ads", "广告", tuple(Word(one, fold(one).text, "weak") for one in words))


def test_what_offences_say_and_others_do_not_is_proposed_with_its_effect() -> None:
    found = suggest(OFFENCES, NORMAL, (), "ads", top=3, most=1.0, cut=by_blanks)
    assert (found.offences, found.normal, found.found_already) == (22, 400, 0)
    best = {one.word: (one.finds, one.new, one.touches) for one in found.words}
    assert best["戳蓝字"] == (21, 21, 1)
    assert "样品" not in best
    assert [one.z for one in found.words] == sorted((one.z for one in found.words), reverse=True)


def test_a_part_of_a_chosen_word_is_not_proposed_beside_it() -> None:
    assert {"戳蓝", "蓝字"}.isdisjoint(suggested(OFFENCES, NORMAL))


def test_what_a_list_has_is_not_proposed_and_what_it_finds_is_not_new() -> None:
    found = suggested(OFFENCES, NORMAL, (a_list("戳蓝字", "特价"),))
    assert "戳蓝字" not in found
    assert {one.new for one in found.values()} == {0}  # type: ignore[attr-defined]


def test_a_word_that_surely_touches_too_much_is_not_proposed() -> None:
    offences = [*OFFENCES, *(f"质检{n}" for n in range(100))]
    assert "质检" in suggested(offences, NORMAL[:40] + NORMAL[300:])
    assert "质检" not in suggested(offences, NORMAL[:40] + NORMAL[300:], most=0.01)


def test_a_campaign_counts_once() -> None:
    assert suggested(["戳蓝字看看"] * 500 + OFFENCES[-1:], NORMAL) == {}


def test_nothing_is_proposed_of_nothing() -> None:
    assert suggested([], []) == {}
    assert suggested(["一样"] * 9, ["一样"] * 9) == {}


def test_z_follows_from_the_counts() -> None:
    """By hand: 21 of 22 offences and 1 of 400 normal texts hold it, prior of 500 texts."""
    (best,) = suggest(OFFENCES, NORMAL, (), "ads", top=1, most=1.0, cut=by_blanks).words
    prior = 500 * (best.finds + best.touches) / 422
    ours, theirs = best.finds + prior, best.touches + prior
    ratio = math.log(ours / (522 - ours)) - math.log(theirs / (900 - theirs))
    assert best.log_odds == pytest.approx(ratio, abs=0.005)
    assert best.z == pytest.approx(ratio / math.sqrt(1 / ours + 1 / theirs), abs=0.005)


def test_intervals_are_wilson_s() -> None:
    assert interval(15, 148) == pytest.approx((0.0624, 0.1604), abs=5e-4)
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(0, 100)[0] == 0.0


def test_the_proposal_is_a_list_that_can_be_imported(tmp_path: Path) -> None:
    found = suggest(OFFENCES, NORMAL, (), "ads", top=3, most=1.0, cut=by_blanks)
    path = tmp_path / "proposal.yaml"
    path.write_text(as_list(found, "广告: #1"), encoding="utf-8")
    read = read_list(path, anywhere=True)
    assert (read.category, read.why) == ("ads", "广告: #1")
    assert [(word.text, word.strength) for word in read.words] == [(one.word, "weak") for one in found.words]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XUNQUN_LISTS", raising=False)
    offences, normal = tmp_path / "offences.jsonl", tmp_path / "normal.jsonl"
    rows = [{"text": text, "label": "ads"} for text in OFFENCES] + [{"text": "改天聊聊盘点", "label": "ok"}] * 30
    offences.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")
    normal.write_text("\n".join(json.dumps({"text": text}) for text in NORMAL), encoding="utf-8")
    return offences, normal


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    return int(ended.value.code or 0)


def test_the_command_takes_what_is_labelled_so(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offences, normal = files
    asked = ("lists", "suggest", "--offences", offences, "--normal", normal)
    assert run(*asked, "--category", "ads", "--budget", "1/100", "--json", "--out", tmp_path / "w.yaml") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["offences"], found["normal"]) == (22, 400)
    assert "戳蓝字" in {one["word"] for one in found["words"]}
    assert "戳蓝字" in (tmp_path / "w.yaml").read_text("utf-8")
    assert run(*asked, "--category", "porn") == 2
    assert "no text is labelled porn; there are ads, ok" in capsys.readouterr().err


def test_without_jieba_the_command_says_what_to_install(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jieba", None)
    assert run("lists", "suggest", "--offences", files[0], "--normal", files[1], "--category", "ads") == 2
    assert "pip install 'xunqun[training]'" in capsys.readouterr().err
