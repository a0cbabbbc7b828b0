"""Pages made from packs: what they say, and that those in docs/packs are what the packs say today."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from policies.coverage import cover, figures
from policies.lint import load_pack, shipped_packs
from policies.rules import RULES
from policies.schema import Binding, Ladder, Pack, Rung, Span
from streams.cli import app
from streams.pages.pack import as_markdown
from streams.pages.words import LOOKED_AT, follows, ladder_words, looked_at, span_words

DOCS = Path(__file__).resolve().parents[2] / "docs" / "packs"
PACK = """
pack: acme
title: 测试制度
source: {document: null}
status: {stage: draft}
ladders: {adverts: {rungs: [{strikes: 1, sanction: warn}, {strikes: 2, sanction: remove}]}}
clauses:
  acme-1:
    article: 第一条
    says: 不发<广告>|推销
    bindings:
      - {rule: content.category, with: {category: ads}, mode: automatic, ladder: adverts}
      - {rule: content.category, with: {category: off_topic}, mode: assisted, because: 词表由本单位提供}
  acme-2:
    article: 第二条
    says: 不发图片
    bindings: [{rule: image.content, mode: assisted}]
  acme-3: {article: 第三条, says: 目的, mode: out-of-scope, because: 没有可判定的行为}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    (tmp_path / "acme.yaml").write_text(PACK, encoding="utf-8")
    return load_pack(tmp_path / "acme.yaml")


@pytest.mark.parametrize("slug", shipped_packs())
def test_the_page_in_docs_is_what_the_pack_says(slug: str):
    made = as_markdown(load_pack(shipped_packs()[slug]))
    assert (DOCS / f"{slug}.md").read_text("utf-8") == made, "run xunqun pack page --out docs/packs"


def test_no_page_is_left_of_a_pack_that_is_gone():
    assert {one.stem for one in DOCS.glob("*.md")} == set(shipped_packs())


def test_every_rule_is_told_in_chinese():
    assert set(RULES) == set(LOOKED_AT)


@pytest.mark.parametrize("slug", shipped_packs())
def test_every_parameter_that_a_pack_gives_is_told_in_chinese(slug: str):
    pack = load_pack(shipped_packs()[slug])
    told = [looked_at(binding) for clause in pack.clauses.values() for binding in clause.bindings]
    assert [one for one in told if "`" in one] == [], "name it in streams.pages.words.PARAMETERS"


def test_a_clause_is_as_live_as_its_best_part(pack: Pack):
    assert figures(cover(pack)) == {"live": 1, "blind": 1, "reasoned": 1}


def test_a_binding_that_only_records_is_not_live(pack: Pack):
    clause = msgspec.structs.replace(
        pack.clauses["acme-2"], bindings=(Binding(mode="record-only", rule="group.name", because="仅存档"),)
    )
    (row,) = cover(msgspec.structs.replace(pack, clauses={"acme-2": clause}))
    assert (row.state, row.reason) == ("reasoned", "仅存档")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Span(working_days=3, source="tenant"), "3 个工作日（本单位设定）"),
        (Span(minutes=30), "30 分钟"),
        (Span(hours=2, working=True, source="tenant"), "2 小时（按工作时间计，本单位设定）"),
        (Span(days=1, hours=12), "1 天 12 小时"),
        (Span(), "立即"),
    ],
)
def test_spans_say_whose_number_it_is(span: Span, words: str):
    assert span_words(span) == words


def test_a_ladder_says_each_of_its_rungs():
    rungs = (
        Rung(strikes=1, sanction="warn"),
        Rung(strikes=3, sanction=("mute", "task"), seconds=600, task="请核实", assignee="supervisor"),
    )
    assert ladder_words(Ladder(rungs=rungs, scope="group", window=Span(days=30))) == (
        "第 1 次：警告；第 3 次：禁言、交由负责人处理（10 分钟，直接上级：请核实）（本群累计，30 天内）"
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "随有关条款的处理阶梯执行"),
        ({"by": "review", "options": ["warn", "mute"]}, "由人选定：警告、禁言"),
        (
            {"by": "finding", "of": ["acme-1"], "fine": {"payer": "subject", "amount_fen": 2050}},
            "违反 acme-1 时拟：罚款（待审批）（20.50元，由当事人承担）",
        ),
        (
            {"by": "finding", "of": ["acme-1"], "fine": {"payer": None, "least_fen": 5000}, "condition": "疏于检查"},
            "违反 acme-1 时拟：罚款（待审批）（不低于50元，由批准人填写），须先由人认定：疏于检查",
        ),
        (
            {"by": "finding", "of": ["acme-1"], "referral": "警告处分"},
            "违反 acme-1 时拟：移交处理（待审批）（警告处分）",
        ),
    ],
)
def test_consequences_say_amounts_and_leave_open_ones_open(pack: Pack, params: dict[str, Any], words: str):
    assert follows(Binding(mode="assisted", rule="consequence", params=params), pack) == words


def test_bindings_say_what_is_looked_at_and_what_follows(pack: Pack):
    first, second = pack.clauses["acme-1"].bindings
    assert looked_at(first) == "消息内容：广告"
    assert follows(first, pack).startswith("第 1 次：警告；第 2 次：移出群聊（")
    assert follows(second, pack) == "交人复核"
    late = Binding(mode="automatic", rule="roster.difference", params={"within": {"working_days": 2}, "unheard_of": 7})
    assert looked_at(late).endswith("（时限 2 个工作日；`unheard_of` 7）")


def test_a_page_keeps_its_table_whole_and_says_that_a_draft_only_drafts(pack: Pack):
    page = as_markdown(pack)
    rows = [line.replace("\\|", "") for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 4
    assert {row.count("|") for row in rows} == {6}
    assert "| 第三条 `acme-3` | 目的 | 不适用 |  | 没有可判定的行为 |" in page
    assert "人工复核（暂时看不到）" in page
    assert "一律只拟草稿" in page


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.outside: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag in ("td", "b")
        self.outside += [
            str(value) for name, value in attributes if name in ("src", "href") and not str(value).startswith("#")
        ]

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.cells.append(data.strip())


def test_the_command_makes_text_json_and_a_page_of_its_own(tmp_path: Path):
    file, page = tmp_path / "acme.yaml", tmp_path / "page.html"
    file.write_text(PACK, encoding="utf-8")
    text = CliRunner().invoke(app, ["pack", "coverage", str(file), "--html", str(page)])
    assert text.exit_code == 0
    assert "clauses: 1 live, 1 blind, 1 reasoned of 3" in text.output
    read = _Page()
    read.feed(page.read_text("utf-8"))
    assert read.cells[:3] == ["1", "1", "1"]
    assert "不发<广告>|推销" in read.cells
    assert "交人复核。词表由本单位提供" in read.cells
    assert read.outside == []
    assert "<script" not in page.read_text("utf-8")
    found = json.loads(CliRunner().invoke(app, ["pack", "coverage", str(file), "--json"]).stdout)
    assert found["figures"] == {"acme": {"live": 1, "blind": 1, "reasoned": 1}}
    assert [one["reason"] for one in found["rows"]] == ["", "词表由本单位提供", "", "没有可判定的行为"]


def test_all_and_a_name_are_not_both_taken():
    ran = CliRunner().invoke(app, ["pack", "coverage", "--all", "baseline"])
    assert "not both" in str(ran.exception)


def test_pages_are_written_into_a_folder_that_exists(tmp_path: Path):
    assert "is no folder" in str(CliRunner().invoke(app, ["pack", "page", "--out", str(tmp_path / "none")]).exception)
    assert CliRunner().invoke(app, ["pack", "page", "baseline", "--out", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "baseline.md").read_text("utf-8").startswith("# ")
