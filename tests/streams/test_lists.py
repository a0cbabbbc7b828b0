"""A team's own word lists: what is taken from a file, what it would hit, who changed what, and what a replay makes of dates."""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from classifiers.keywords import Keywords, load_lists, moment, read_list
from classifiers.measure import Classifiers
from models import Fleet
from policies.directory import Directory
from policies.lint import load_packs
from streams.cli import main
from streams.errors import LoadError
from streams.lists.offered import MOST_WORDS, Offered, read_offered, sift
from streams.replay import replaying, stored_verdicts

Xunqun = Callable[..., tuple[int, str, str]]


@pytest.fixture
def xunqun(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Xunqun:
    """Runs a command in an empty folder, with lists in `lists`. Anything but an exit is a traceback, and fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XUNQUN_LISTS", "lists")
    (tmp_path / "lists").mkdir()

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["lists", *(str(one) for one in arguments)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A thousand normal messages of two groups: fifty speak of 盘点, two of 样品甲, one of each passes on a strange word."""
    texts = ["今天两点开例会"] * 946 + ["仓库盘点开始了"] * 50 + ["样品甲到货了"] * 2 + ["请看“样品甲”三个字", "收到"]
    lines = [a_message(n, text) for n, text in enumerate(texts)]
    lines.append({"type": "member.joined", "id": "j1", "group": {"id": "g1"}, "sent_at": 1, "target": {"id": "u1"}})
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in lines) + "\nnot a line\n", encoding="utf-8")
    return path


def a_message(number: int, text: str, **given: Any) -> dict[str, Any]:
    return {
        "type": "message.created",
        "id": f"m{number}",
        "group": {"id": f"g{number % 2}"},
        "sender": {"id": f"u{number}"},
        "sent_at": 1_795_051_800_000 + number * 60_000,
        "kind": "text",
        "text": text,
    } | given


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


ASKED = ("--category", "ads", "--by", "王芳", "--why", "三月投诉")
THEN = ("--since", "2020-01-01")


# What a file offers


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.txt", "# 三月\n样品甲\n\n  样品乙  \n".encode()),
        ("w.txt", b"\xef\xbb\xbf" + "样品甲\r\n样品乙\r\n".encode()),
        ("w.txt", "样品甲\n样品乙".encode("gb18030")),
        ("w.txt", "样品甲\n样品乙".encode("utf-16")),
        ("w.txt", "样\u200b品甲\n样品\u202e乙\n".encode()),
        ("w.csv", "词语,备注\n样品甲,x\n样品乙,\n,空\n".encode("gb18030")),
        ("w.tsv", "why\tWord\n\t样品甲\n\t样品乙\n".encode()),
        ("w.yaml", "category: ads\nwhy: x\nweak: [样品甲, {word: 样品乙}]\n".encode()),
        ("W.CSV", "word,why\n样品甲,x\n样品乙,\n".encode()),
        ("W.TSV", "why\tword\nx\t样品甲\n\t样品乙\n".encode()),
        ("W.YML", "category: ads\nwhy: x\nweak: [样品甲, 样品乙]\n".encode()),
        ("w.csv", 'word,why\r\n"样品甲","a, ""b"""\r\n样品乙,x\r\n'.encode()),
    ],
)
def test_words_are_read_from_what_teams_have(tmp_path: Path, name: str, content: bytes) -> None:
    assert [one.text for one in read_offered(written(tmp_path / name, content))] == ["样品甲", "样品乙"]


def test_a_table_may_say_more_of_each_word(tmp_path: Path) -> None:
    table = "word,strength,why,since,until\n样品甲,strong,投诉,2026-01-01,2026-06-30\n样品乙,弱,,,\n"
    assert read_offered(written(tmp_path / "w.csv", table)) == [
        Offered("样品甲", 2, "strong", "投诉", "2026-01-01", "2026-06-30"),
        Offered("样品乙", 3, "弱"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("w.txt", b"", "holds no word"),
        ("w.txt", b"# nothing\n\n", "holds no word"),
        ("w.txt", bytes(range(256)) * 20, "is not text"),
        ("w.txt", b"\x81\x30\xff\xff\xff\xfe\n" * 3, "is neither UTF-8 nor GB18030"),
        ("w.txt", "甲乙\n".encode() * (MOST_WORDS + 1), "offer the part that you have looked at"),
        ("w.txt", b"ab\n" * 12_000_000, "is larger than 32 MB"),
        ("w.csv", "甲,乙\n样品甲,x\n", "has to name the columns"),
        ("w.csv", b"", "has to name the columns"),
        ("w.csv", "word\n" + '"' + "样品" * 80_000, "look for a quotation mark that is not closed"),
        ("w.csv", 'word,why\n样品甲,x\n"样品乙,x\n样品丙,x\n', "look for a quotation mark that is not closed"),
        ("w.csv", 'word,why\n"样品甲"x,x\n', "look for a quotation mark that is not closed"),
        ("w.yaml", "category: ads\nwhy: x\nweak: [甲]\n", ':3:8: "甲" is too short'),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: str | bytes, told: str
) -> None:
    with pytest.raises(LoadError) as refused:
        read_offered(written(tmp_path / name, content))
    assert told in str(refused.value)


def test_a_million_lines_are_refused_before_anything_is_made_of_them(tmp_path: Path, xunqun: Xunqun, history: Path):
    file = written(tmp_path / "w.txt", "".join(f"词{n}\n" for n in range(1_000_000)))
    code, _, err = xunqun("import", file, *ASKED, "--history", history, "--yes")
    assert code == 2
    assert "holds 1,000,000 words" in err
    assert not list((tmp_path / "lists").glob("*.yaml"))


def sifted(offered: list[Offered], tmp_path: Path, own: str = "", other: str = "") -> Any:
    folders = []
    for name, content in (("own", own), ("other", other)):
        (tmp_path / name).mkdir()
        if content:
            written(tmp_path / name / "ads.yaml", content)
        folders.append(tmp_path / name)
    given = {"by": "王芳", "why": "投诉", "strength": "weak", "since": "2026-01-01"}
    return sift(offered, load_lists(*folders), "ads", own_file=str(tmp_path / "own" / "ads.yaml"), **given)


def test_what_cannot_be_a_word_is_left_out_with_its_line_and_reason(tmp_path: Path) -> None:
    offered = [
        Offered("样品甲", 1),
        Offered("甲", 2),
        Offered("样" * 41, 3),
        Offered("样品…", 4),
        Offered("样品乙", 5, "stark"),
        Offered("样品丙", 6, until="昨天"),
        Offered("样品丁", 7, until="2025-12-31"),
    ]
    found = sifted(offered, tmp_path)
    assert [word.text for word in found.words] == ["样品甲"]
    assert [(one.line, one.why) for one in found.left_out] == [
        (2, 'is too short: it would be looked for as "甲"'),
        (3, "is longer than 40 signs: no word"),
        (4, "has a gap with nothing beside it"),
        (5, "has no strength stark: it is strong, weak or allow"),
        (6, "昨天 is no time: write 2026-12-31, or 2026-12-31T18:00+08:00"),
        (7, "ends at 2025-12-31, before it begins at 2026-01-01"),
    ]


def test_a_word_that_stands_twice_is_taken_once_one_with_two_strengths_not_at_all(tmp_path: Path) -> None:
    offered = [
        Offered("样品甲", 1),
        Offered("樣品 甲", 2),
        Offered("样品乙", 3, "strong"),
        Offered("样品乙", 4, "allow"),
        Offered("样品乙", 5, "strong"),
    ]
    found = sifted(offered, tmp_path)
    assert [word.text for word in found.words] == ["样品甲"]
    assert found.twice == 2
    assert [(one.text, one.why) for one in found.left_out] == [
        ("样品乙", "stands as strong in line 3 and as allow in line 4")
    ]


def test_what_is_in_force_is_not_taken_again_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    own = "category: ads\nwhy: x\nweak: [样品甲, 样品乙, {word: 样品丙, until: 2025-12-31}]\n"
    other = "category: ads\nwhy: x\nallow: [样品丁]\nweak: [样品戊]\n"
    offered = [
        Offered("样品甲", 1),
        Offered("样品乙", 2, "strong"),
        Offered("样品丙", 3, "strong"),
        Offered("样品丁", 4),
        Offered("样品戊", 5, "strong"),
    ]
    found = sifted(offered, tmp_path, own, other)
    assert [(word.text, word.strength) for word in found.words] == [("样品丙", "strong"), ("样品戊", "strong")]
    assert found.known == 1
    assert [one.why.replace(str(tmp_path), "") for one in found.left_out] == [
        "stands already as weak in /own/ads.yaml: expire it there first",
        "/other/ads.yaml allows it, which takes back every hit",
    ]


def test_a_word_is_known_only_for_the_time_in_which_it_counts(tmp_path: Path) -> None:
    own = (
        "category: ads\nwhy: x\nweak:\n- {word: 样品甲, since: 2099-01-01}\n- {word: 样品乙, until: 2026-06-30}\n"
        "- {word: 样品丙, until: 2026-06-30}\n- {word: 样品丁, until: 2026-06-30}\n"
    )
    other = "category: ads\nwhy: x\nweak: [{word: 样品戊, until: 2026-06-30}]\n"
    offered = [
        Offered("样品甲", 1),
        Offered("样品甲", 2, since="2026-01-01", until="2026-12-31"),
        Offered("样品乙", 3),
        Offered("样品丙", 4, until="2026-03-31"),
        Offered("样品丁", 5, since="2026-07-01"),
        Offered("样品戊", 6),
        Offered("样品己", 7, since="2026-01-01", until="2026-03-31"),
        Offered("样品己", 8, since="2026-09-01", until="2026-10-31"),
        Offered("样品己", 9, since="2026-10-01", until="2026-12-31"),
    ]
    found = sifted(offered, tmp_path, own, other)
    assert [(word.text, word.since) for word in found.words] == [
        ("样品丁", "2026-07-01"), ("样品戊", "2026-01-01"), ("样品己", "2026-01-01"), ("样品己", "2026-09-01"),
    ]  # fmt: skip
    assert (found.twice, found.known) == (1, 1)
    assert [(one.line, one.why.replace(str(tmp_path), "")) for one in found.left_out] == [
        (9, "stands in line 8 already from 2026-09-01 until 2026-10-31: give it times that do not overlap"),
        (
            1,
            "stands in /own/ads.yaml already from 2099-01-01: expire it there first, or offer it for a time beside that",
        ),
        (
            3,
            "stands in /own/ads.yaml already until 2026-06-30: expire it there first, or offer it for a time beside that",
        ),
    ]


def test_two_terms_of_a_word_are_imported_and_a_word_that_ends_is_extended(
    tmp_path: Path, xunqun: Xunqun, history: Path
):
    table = "word,since,until\n样品甲,2026-01-01,2026-03-31\n样品甲,2026-09-01,2099-12-31\n"
    imported(xunqun, written(tmp_path / "w.csv", table), history, "--force", "--yes")
    file = tmp_path / "lists" / "ads.yaml"
    assert [word.since for word in read_list(file).words] == ["2026-01-01", "2026-09-01"]
    code, _, err = xunqun("add", "样品甲", *ASKED)
    assert (code, "from 2026-09-01 until 2099-12-31: expire it there first" in " ".join(err.split())) == (2, True)
    assert xunqun("expire", "样品甲", "--category", "ads", "--by", "李强", "--at", "2026-10-31")[0] == 0
    assert xunqun("add", "样品甲", *ASKED, "--since", "2026-11-01")[0] == 0
    assert [word.until for word in read_list(file).words] == ["2026-03-31", "2026-10-31", ""]


# What it would hit


def imported(xunqun: Xunqun, file: Path, history: Path, *more: object) -> dict[str, Any]:
    code, out, err = xunqun("import", file, *ASKED, "--history", history, "--json", *more)
    assert code == 0, err
    return json.loads(out)


def test_import_shows_word_by_word_what_normal_history_holds(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    file = written(tmp_path / "w.txt", "盘点\n样品甲\n样品乙\n")
    found = imported(xunqun, file, history, "--strength", "strong", "--budget", "1/100")
    assert (found["messages"], found["unreadable"], found["read_by"]) == (1000, 1, ["baseline"])
    rows = {one["word"]: one for one in found["words"]}
    assert [(one, rows[one]["hits"], rows[one]["groups"], rows[one]["breaks"]) for one in rows] == [
        ("盘点", 50, 2, 50),
        ("样品甲", 2, 2, 2),
        ("样品乙", 0, 0, 0),
    ]
    assert rows["盘点"]["per_thousand"] == 50.0
    assert rows["盘点"]["example"] == "仓库盘点开始了"
    assert found["over_budget"] == ["盘点"]
    assert found["together"] == {"words": 2, "hits": 2, "breaks": 2, "reviews": 0, "frees": 0, "over": False}


def test_many_rare_words_may_together_be_over_the_budget(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    file = written(tmp_path / "w.txt", "样品甲\n收到\n")
    found = imported(xunqun, file, history, "--strength", "strong", "--budget", "2/1000")
    assert found["over_budget"] == []
    assert (found["together"]["breaks"], found["together"]["over"]) == (3, True)


def test_nothing_is_written_before_a_person_says_so(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    file = written(tmp_path / "w.txt", "样品甲\n样品乙\n")
    code, out, _ = xunqun("import", file, *ASKED, "--history", history)
    assert code == 0
    assert "Nothing was written" in out
    assert not list((tmp_path / "lists").iterdir())


def test_what_is_over_the_budget_is_left_out_unless_forced(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    file = written(tmp_path / "w.txt", "盘点\n样品甲\n")
    imported(xunqun, file, history, "--budget", "1/100", "--yes")
    assert [word.text for word in read_list(tmp_path / "lists" / "ads.yaml").words] == ["样品甲"]
    again = imported(xunqun, file, history, "--budget", "1/100", "--force", "--yes")
    assert (again["in_force_already"], again["together"]["hits"]) == (1, 50)
    assert {word.text for word in read_list(tmp_path / "lists" / "ads.yaml").words} == {"样品甲", "盘点"}


def test_the_budget_is_the_pack_s_by_strength(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    file = written(tmp_path / "w.csv", "word,strength\n样品甲,weak\n到货,strong\n开例会,allow\n")
    # 1/1000 for what asks a person, 1/10000 for what speaks alone; of what allows there is none.
    found = imported(xunqun, file, history)
    assert {one["word"]: one["over"] for one in found["words"]} == {"样品甲": True, "到货": True, "开例会": False}


def test_a_budget_of_nothing_allows_nothing(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    # Once in a thousand messages is what the pack's budget allows.
    file = written(tmp_path / "w.csv", "word,strength\n请看,weak\n样品乙,weak\n开例会,allow\n")
    found = imported(xunqun, file, history, "--budget", "0")
    assert {one["word"]: (one["hits"] > 0, one["over"]) for one in found["words"]} == {
        "请看": (True, True),
        "样品乙": (False, False),
        "开例会": (True, False),
    }


def test_an_allow_word_frees_messages(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    written(tmp_path / "lists" / "ads.yaml", "category: ads\nwhy: x\nstrong: [样品甲, 盘点开始]\n")
    file = written(tmp_path / "w.txt", "样品甲到货\n盘点开始了没\n")
    found = imported(xunqun, file, history, "--strength", "allow")
    assert {one["word"]: (one["hits"], one["frees"]) for one in found["words"]} == {
        "样品甲到货": (2, 2),
        "盘点开始了没": (0, 0),
    }
    assert found["together"] == {"words": 2, "hits": 2, "breaks": 0, "reviews": 0, "frees": 2, "over": False}


def test_history_may_be_bare_texts(tmp_path: Path, xunqun: Xunqun) -> None:
    texts = [{"text": "样品甲"}, {"text": "样品甲", "label": "ok"}, {"text": 3}, [], {}]
    history = written(tmp_path / "h.jsonl", "\n".join(json.dumps(one) for one in texts))
    found = imported(xunqun, written(tmp_path / "w.txt", "样品甲\n"), history, "--strength", "strong", "--force")
    assert (found["messages"], found["unreadable"], found["together"]["breaks"]) == (2, 3, 2)


def test_a_category_that_no_clause_reads_is_told(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    file = written(tmp_path / "w.txt", "盘点\n")
    asked = ("--category", "stocktaking", "--by", "王芳", "--why", "x", "--force")
    code, out, _ = xunqun("import", file, *asked, "--history", history)
    assert code == 0
    assert "no clause of these packs reads stocktaking" in out


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (("import", "none.txt", *ASKED, "--history", "h.jsonl"), "none.txt: there is no such file", 2),
        (("import", "w.txt", *ASKED, "--history", "none.jsonl"), "none.jsonl: there is no such file", 2),
        (("import", "w.txt", *ASKED, "--history", "w.txt"), "w.txt: holds no message", 2),
        (("import", "w.txt", *ASKED, "--history", "h.jsonl", "--budget", "viel"), "write a share such as 1/1000", 2),
        (
            ("import", "w.txt", *ASKED, "--history", "h.jsonl", "--until", "morgen"),
            "--until morgen: write 2026-12-31",
            2,
        ),
        (("import", "short.txt", *ASKED, "--history", "h.jsonl"), "nothing remains to be taken", 1),
        (("add", "甲", *ASKED), "甲: is too short", 2),
        (("add", "样…品…甲…乙…丙丁", *ASKED), "has more than 3 gaps", 2),
        (("add", "加微信", "--category", "ads", "--by", " ", "--why", "x"), "--by is empty", 2),
        (("add", "样品甲", "--category", "Ads!", "--by", "a", "--why", "x"), '"Ads!" is no name of a category', 2),
        (("expire", "团购", "--category", "../ads", "--by", "a"), '"../ads" is no name of a category', 2),
        (("suggest", "--offences", "h.jsonl", "--normal", "h.jsonl", "--category", "A"), "is no name of a category", 2),
        (("expire", "团购", "--category", "ads", "--by", "a"), "--strength allow", 2),
        (("undo", "--by", "a"), "there is no change to undo", 2),
        (("show", "--lists", "absent"), "no such directory", 2),
        (
            ("suggest", "--offences", "none", "--normal", "h.jsonl", "--category", "ads"),
            "none: there is no such file",
            2,
        ),
        (("suggest", "--offences", "w.txt", "--normal", "h.jsonl", "--category", "ads"), "line 1 is no object", 2),
        (("suggest", "--offences", "deep.txt", "--normal", "h.jsonl", "--category", "ads"), "line 1 is no object", 2),
        (("suggest", "--offences", "bytes.txt", "--normal", "h.jsonl", "--category", "ads"), "line 1 is no object", 2),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_told_in_a_sentence(
    tmp_path: Path, xunqun: Xunqun, arguments: tuple[str, ...], told: str, code: int
) -> None:
    written(tmp_path / "w.txt", "样品甲\n")
    written(tmp_path / "short.txt", "甲\n")
    written(tmp_path / "deep.txt", '{"x": ' + "[" * 100_000)
    written(tmp_path / "bytes.txt", b'{"text": "\xff"}')
    written(tmp_path / "h.jsonl", '{"text": "今天两点开例会"}\n')
    ended, _, err = xunqun(*arguments)
    assert ended == code
    assert told in err
    assert not list((tmp_path / "lists").glob("*.yaml"))


# What is kept


def test_every_word_carries_who_why_since_and_until(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    table = "word,why,until\n样品甲,群里有人投诉,\n样品乙,,2026-06-30\n"
    imported(xunqun, written(tmp_path / "w.csv", table), history, *THEN, "--until", "2027-01-31", "--force", "--yes")
    code, out, _ = xunqun("show", "--category", "ads", "--json")
    rows = {one["word"]: one for one in json.loads(out) if one["by"] == "王芳"}
    assert code == 0
    assert {word: (one["why"], one["since"], one["until"], one["file"]) for word, one in rows.items()} == {
        "样品甲": ("群里有人投诉", "2020-01-01", "2027-01-31", "lists/ads.yaml"),
        "样品乙": ("三月投诉", "2020-01-01", "2026-06-30", "lists/ads.yaml"),
    }


def test_show_picks_the_expired_and_the_unsigned(tmp_path: Path, xunqun: Xunqun) -> None:
    written(
        tmp_path / "lists" / "ads.yaml",
        "category: ads\nwhy: x\nweak: [样品甲, {word: 样品乙, by: 王芳, since: 2020-01-01, until: 2020-12-31}]\n",
    )
    _, out, _ = xunqun("show", "--expired", "--json")
    assert [(one["word"], one["state"]) for one in json.loads(out)] == [("样品乙", "expired")]
    _, out, _ = xunqun("show", "--unsigned", "--json")
    assert [one["word"] for one in json.loads(out)] == ["样品甲"]


def test_import_adds_to_a_list_and_keeps_its_words_and_its_first_comment(
    tmp_path: Path, xunqun: Xunqun, history: Path
) -> None:
    former = "# 广告组维护\ncategory: ads\nwhy: 本单位\nby: 赵敏\nallow: [内部团购]\nweak:\n- 样品丙\n"
    path = written(tmp_path / "lists" / "ads.yaml", former)
    imported(xunqun, written(tmp_path / "w.txt", "样品乙\n样品丁\n"), history, *THEN, "--yes")
    assert path.read_text("utf-8").startswith("# 广告组维护\n")
    assert yaml.safe_load(path.read_text("utf-8")) == {
        "category": "ads",
        "why": "本单位",
        "by": "赵敏",
        "weak": ["样品丙", {"by": "王芳", "why": "三月投诉", "since": "2020-01-01", "words": ["样品乙", "样品丁"]}],
        "allow": ["内部团购"],
    }
    assert (tmp_path / "lists" / ".versions" / "00001-ads.yaml").read_text("utf-8") == former


def test_an_added_word_does_not_end_with_the_words_of_before(tmp_path: Path, xunqun: Xunqun) -> None:
    head = "category: ads\nwhy: x\nby: 李强\nsince: 2020-01-01\nuntil: 2020-06-30\n"
    file = written(tmp_path / "lists" / "ads.yaml", head + "weak: [样品甲, {word: 样品乙, until: 2020-03-31}]\n")
    before = read_list(file)
    assert xunqun("add", "样品丙", *ASKED, "--since", "2026-01-01", "--until", "2026-12-31")[0] == 0
    assert read_list(file).until == "2020-06-30"
    assert xunqun("add", "样品丁", *ASKED, "--since", "2026-01-01")[0] == 0
    after = read_list(file)
    words = {word.text: word for word in after.words}
    assert (words["样品丁"].until, words["样品丁"].ends) == ("", None)
    assert words["样品丙"].until == "2026-12-31"
    for word in before.words:
        assert after.said(words[word.text]) == before.said(word)
        assert (words[word.text].starts, words[word.text].ends) == (word.starts, word.ends)


def test_add_expire_and_undo_leave_a_line_each_and_undo_goes_back_step_by_step(tmp_path: Path, xunqun: Xunqun) -> None:
    path = tmp_path / "lists" / "ads.yaml"
    assert xunqun("add", "样品甲", *ASKED, *THEN)[0] == 0
    added = path.read_bytes()
    assert xunqun("expire", "樣品甲", "--category", "ads", "--by", "李强", "--at", "2026-06-30")[0] == 0
    assert [(word.until, word.ends) for word in read_list(path).words] == [("2026-06-30", moment("2026-07-01"))]
    assert xunqun("undo", "--by", "李强")[0] == 0
    assert path.read_bytes() == added
    assert xunqun("undo", "--by", "李强")[0] == 0
    assert not path.exists()
    lines = [json.loads(line) for line in (tmp_path / "lists" / "audit.jsonl").read_text("utf-8").splitlines()]
    assert [(one["what"], one["by"], one.get("word"), one.get("undoes")) for one in lines] == [
        ("add", "王芳", "样品甲", None),
        ("expire", "李强", "樣品甲", None),
        ("undo", "李强", None, 1),
        ("undo", "李强", None, 0),
    ]
    assert all(after["before"] == before["after"] for before, after in pairwise(lines))


def test_undo_leaves_alone_what_was_edited_since(tmp_path: Path, xunqun: Xunqun) -> None:
    path = tmp_path / "lists" / "ads.yaml"
    xunqun("add", "样品甲", *ASKED)
    edited = path.read_text("utf-8") + "# 手改\n"
    written(path, edited)
    code, _, err = xunqun("undo", "--by", "李强")
    assert code == 2
    assert "was edited after the last change" in err
    assert path.read_text("utf-8") == edited


KILLED = "from streams.lists import folder; import os; folder._settle = lambda file: os._exit(9)"


def killed_before_the_file(*arguments: object) -> None:
    """As if the process had been killed after the line of a change was written, and before its file was put in place."""
    call = f"{KILLED}; from streams.cli import main; main({['lists', *map(str, arguments)]!r})"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, timeout=60, check=False)
    assert done.returncode == 9, done.stderr


def test_a_change_that_a_kill_cut_short_is_finished_by_the_next(tmp_path: Path, xunqun: Xunqun) -> None:
    add = ("--category", "ads", "--by", "李强", "--why", "试", "--out", tmp_path / "lists")
    file = tmp_path / "lists" / "ads.yaml"
    assert xunqun("add", "零号暗语", *add[:-2])[0] == 0
    killed_before_the_file("add", "一号暗语", *add)
    # Until then the former list counts, and it is whole.
    assert [word.text for word in read_list(file).words] == ["零号暗语"]
    assert xunqun("add", "二号暗语", *add[:-2])[0] == 0
    assert [word.text for word in read_list(file).words] == ["零号暗语", "一号暗语", "二号暗语"]
    assert xunqun("undo", "--by", "李强")[0] == 0
    assert xunqun("undo", "--by", "李强")[0] == 0
    assert [word.text for word in read_list(file).words] == ["零号暗语"]
    # Also where what was cut short is an undo that leaves no file.
    killed_before_the_file("undo", "--by", "李强", "--out", tmp_path / "lists")
    assert file.exists()
    assert xunqun("add", "三号暗语", *add[:-2])[0] == 0
    assert [word.text for word in read_list(file).words] == ["三号暗语"]


def test_a_line_of_the_audit_that_was_not_written_to_its_end_never_happened(tmp_path: Path, xunqun: Xunqun) -> None:
    add = ("--category", "ads", "--by", "李强", "--why", "试")
    assert xunqun("add", "零号暗语", *add)[0] == 0
    audit = tmp_path / "lists" / "audit.jsonl"
    whole = audit.read_bytes()
    audit.write_bytes(whole + b'{"at":"2026-11-')
    assert xunqun("add", "一号暗语", *add)[0] == 0
    assert audit.read_bytes().startswith(whole)
    assert [json.loads(line)["word"] for line in audit.read_bytes().splitlines()] == ["零号暗语", "一号暗语"]
    assert xunqun("undo", "--by", "李强")[0] == 0


def test_a_word_that_never_counted_goes_when_it_expires(tmp_path: Path, xunqun: Xunqun) -> None:
    xunqun("add", "样品甲", *ASKED, "--since", "2030-01-01")
    assert xunqun("expire", "样品甲", "--category", "ads", "--by", "李强", "--at", "2029-12-31")[0] == 0
    assert not (tmp_path / "lists" / "ads.yaml").exists()
    assert xunqun("expire", "样品甲", "--category", "ads", "--by", "李强")[0] == 2


def test_an_expired_word_comes_back_with_a_second_term(tmp_path: Path, xunqun: Xunqun) -> None:
    xunqun("add", "样品甲", *ASKED, "--since", "2020-01-01", "--until", "2020-06-30")
    assert xunqun("add", "样品甲", *ASKED, "--since", "2020-06-30")[0] == 2
    assert xunqun("add", "样品甲", *ASKED, "--since", "2021-01-01", "--strength", "strong")[0] == 0
    keywords = Keywords([read_list(tmp_path / "lists" / "ads.yaml")])
    days = ("2020-06-30", "2020-07-01", "2021-01-01")
    assert [[hit.strength for hit in keywords.find("样品甲", moment(day))] for day in days] == [
        ["weak"],
        [],
        ["strong"],
    ]


def test_add_with_history_shows_its_hits_and_waits_for_yes(tmp_path: Path, xunqun: Xunqun, history: Path) -> None:
    code, out, _ = xunqun("add", "盘点", *ASKED, "--history", history, "--force")
    assert code == 0
    assert "仓库盘点开始了" in out
    assert "Nothing was written" in out
    assert xunqun("add", "盘点", *ASKED, "--history", history, "--force", "--yes")[0] == 0
    assert (tmp_path / "lists" / "ads.yaml").exists()


def test_what_is_written_says_how_it_takes_effect(xunqun: Xunqun) -> None:
    _, out, _ = xunqun("add", "样品甲", *ASKED)
    assert "when `xunqun run` is started again;" in out
    assert "xunqun control announce --lists lists" in out
    _, out, _ = xunqun("add", "样品乙", *ASKED, "--out", "elsewhere")
    assert "started again with XUNQUN_LISTS=elsewhere" in out


def test_the_folder_is_made_for_its_first_word(tmp_path: Path, xunqun: Xunqun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XUNQUN_LISTS", "new/lists")
    assert xunqun("add", "样品甲", *ASKED)[0] == 0
    assert [word.text for word in read_list(tmp_path / "new" / "lists" / "ads.yaml").words] == ["样品甲"]


# What a replay makes of dates


def test_a_word_that_expires_within_the_history_finds_before_and_not_after(tmp_path: Path, xunqun: Xunqun) -> None:
    day = 24 * 60 * 60_000
    noon = moment("2026-11-10T12:00+08:00")
    lines = [
        a_message(n, f"第{n}批样品甲今日到货", group={"id": "g1"}, sent_at=noon + n * day, received_at=noon + n * day)
        for n in range(6)
    ]
    # One whose clock is wrong counts when it arrived.
    lines.append(
        a_message(6, "第6批样品甲今日到货", group={"id": "g1"}, sent_at=noon + 9 * day, received_at=noon + 2 * day)
    )
    xunqun("add", "样品甲", *ASKED, "--since", "2026-11-11", "--until", "2026-11-13", "--strength", "strong")
    classifiers = Classifiers(Keywords(load_lists(tmp_path / "lists")), None)
    runs = []
    for _ in range(2):
        with replaying(classifiers, load_packs(), Directory(Fleet()), chunk=2) as running:
            for line in lines:
                running.feed(json.dumps(line).encode())
            running.finish()
            runs.append([one.observation_id for one in stored_verdicts(running.store) if one.violations])
    assert runs[0] == runs[1]
    assert sorted(runs[0]) == ["m1", "m2", "m3", "m6"]
