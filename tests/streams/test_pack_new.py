"""A pack of one's own from a list of articles; the example is the one that docs/write-a-pack.md walks through."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from policies.lint import lint, load_pack
from policies.rules import RULES
from streams.cli import app
from streams.drafting import Article, draft, read_articles
from streams.drafting.draft import summary
from streams.drafting.suggest import _CUES, span_in, suggest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "write-a-pack.md").read_text("utf-8")


def block(language: str, starts: str) -> str:
    return next(one for one in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if one.startswith(starts))


def xunqun(*arguments: object) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, [str(one) for one in arguments])
    return ran.exit_code, ran.output, str(ran.exception or "")


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pack that the page starts."""
    monkeypatch.chdir(tmp_path)
    Path("articles.md").write_text(block("markdown", "# 青禾"), encoding="utf-8")
    command = block("sh", "xunqun pack new").split()[1:]
    code, out, error = xunqun(*command)
    assert code == 0, error
    assert "14 clauses" in out
    return tmp_path / "qinghe.yaml"


def test_the_pages_pack_passes_lint_as_a_draft_and_its_tests_hold(pack: Path):
    found = load_pack(pack)
    assert (found.status.stage, found.organisation, found.group_types) == ("draft", "青禾公司", ("department",))
    assert [one.article for one in found.clauses.values()][3:7] == [
        "第四条（一）",
        "第四条（二）",
        "第四条（三）",
        "第四条（四）",
    ]
    code, out, _ = xunqun("pack", "test", pack)
    assert (code, len(found.tests)) == (0, 24)
    assert "24 of 24 pack tests hold" in out


def test_the_pages_pack_binds_what_its_articles_say(pack: Path):
    clauses = load_pack(pack).clauses
    rules = {name: [one.rule for one in clause.bindings] for name, clause in clauses.items()}
    assert rules["qinghe-01.1"] == ["registry.approval", "registry.filing"]
    assert rules["qinghe-02.1"] == ["group.name"]
    assert rules["qinghe-07.1"] == ["member.invitation"]
    assert clauses["qinghe-03.1"].bindings[0].params == {"form": "department_name"}
    assert clauses["qinghe-06.1"].bindings[0].params == {"within": {"hours": 2}}
    assert clauses["qinghe-08.1"].bindings[0].params == {"within": {"working_days": 3}}
    assert clauses["qinghe-09.1"].bindings[0].params["every"] == {"days": 7}
    assert clauses["qinghe-10.1"].bindings[0].params["of"] == [
        f"qinghe-0{one}" for one in ("4.1", "4.2", "4.3", "4.4", "5.1")
    ]
    assert (clauses["qinghe-11.1"].mode, clauses["qinghe-11.1"].bindings) == ("record-only", ())


def test_the_pages_pack_runs_in_observe_and_nothing_leaves(pack: Path, tmp_path: Path):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(block("yaml", "people:"), encoding="utf-8")
    seen = {"id": "m1", "type": "message.created", "platform": "webhook", "group": {"id": "g1"}, "kind": "text"}
    seen |= {
        "sent_at": 1_795_051_800_000,
        "sender": {"id": "a2", "card": "生产部-陈志强"},
        "text": "面膜内部代理价，拉三个下线返现",
    }
    history = tmp_path / "history.jsonl"
    history.write_text(json.dumps(seen, ensure_ascii=False) + "\n", encoding="utf-8")
    options = ("--fleet", fleet, "--packs", pack)
    code, _, error = xunqun("replay", history, *options, "--out", tmp_path / "out")
    assert code == 0, error
    verdicts = [json.loads(one) for one in (tmp_path / "out" / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert [one["clause"] for one in verdicts[0]["violations"]] == ["qinghe-04.1"]
    assert verdicts[0]["mode"] == "observe"
    assert (tmp_path / "out" / "actions.jsonl").read_text("utf-8") == ""
    assert xunqun("trial", history, *options, "--out", tmp_path / "report.html")[0] == 0
    assert xunqun("pack", "coverage", pack, "--html", tmp_path / "coverage.html")[0] == 0
    assert xunqun("pack", "page", pack)[1].startswith("# 青禾公司工作群管理办法")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("第一条 甲。\n第二条　乙。", ["第一条", "第二条"]),
        ("一、甲\n（一）乙。\n（二）丙。\n二、丁。", ["一（一）", "一（二）", "二"]),
        ("1. 甲。\n2. 乙：\n(1) 丙\n(2) 丁", ["1", "2(1)", "2(2)"]),
        ("1 甲\n", []),
        ("# 规定\n## 禁止\n- 甲\n- 乙\n## 应当\n- 丙", ["禁止 第1项", "禁止 第2项", "应当 第1项"]),
        ("第一条 甲。\n① 乙\n② 丙", ["第一条", "第一条①", "第一条②"]),
        ("4.1 甲。\n4.2 乙。", ["4.1", "4.2"]),
        ("第十二条之一 甲。", ["第十二条之一"]),
    ],
)
def test_articles_are_found_however_they_are_numbered(text: str, labels: list[str]):
    assert [one.label for one in read_articles(text.splitlines())] == labels


def test_what_introduces_stands_before_its_parts_and_wrapped_lines_go_on():
    found = read_articles(
        ["标题", "第一条 不得发布：", "（一）广告，", "推销；", "（二）谣言。", "第二条 附则", "由办公室解释。"]
    )
    assert found == [
        Article("第一条（一）", 1, 1, "不得发布：广告，推销；"),
        Article("第一条（二）", 1, 2, "不得发布：谣言。"),
        Article("第二条", 2, 1, "附则：由办公室解释。"),
    ]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("应当在30分钟内回复", {"minutes": 30}),
        ("三个工作日内", {"working_days": 3}),
        ("两小时", {"hours": 2}),
        ("5日内", {"days": 5}),
        ("及时回复", None),
    ],
)
def test_spans_are_read_as_the_policy_writes_them(text: str, span: dict[str, int] | None):
    assert span_in(text) == span


@pytest.mark.parametrize("cue", _CUES, ids=lambda one: f"{one.suggestion.rule} {one.words.pattern[:12]}")
def test_every_suggestion_fits_its_rule_and_makes_a_pack_that_holds(cue):
    one = cue.suggestion
    if one.rule not in ("duty.periodic", "duty.joiner"):  # these take the article's own words
        msgspec.convert(one.params, type=RULES[one.rule].Params)
    word = re.sub(r"\(.*?\)|\{.*?\}|[.?]", "", cue.words.pattern.split("|")[0]) or "成立须经批准"
    pack, problems = lint(draft("p", "测试", [Article("第一条", 1, 1, f"{word}，每月定期检查，培训。")]), "p.yaml")
    assert problems == []
    assert pack is not None


@pytest.mark.parametrize("text", ["制度由办公室解释。", "本办法自发布之日起施行。", "责任部门应当重视。"])
def test_what_nobody_can_judge_suggests_nothing(text: str):
    assert list(suggest(text)) == []


def test_a_summary_ends_with_a_sentence_where_one_fits():
    assert summary("不发广告。") == "不发广告"
    assert summary("不发广告。" + "很长" * 40) == "不发广告"
    assert summary("很" * 80) == "很" * 59 + "…"


def test_quotes_colons_and_braces_in_articles_do_no_harm(tmp_path: Path):
    articles = tmp_path / "a.txt"
    articles.write_text("第一条 不得\"广告\": {推销} #1 \\ '拼团'。\n", encoding="utf-8")
    out = tmp_path / "p.yaml"
    assert xunqun("pack", "new", "acme", "--title", 'a "b": c', "--articles", articles, "--out", out)[0] == 0
    assert load_pack(out).title == 'a "b": c'


@pytest.mark.parametrize(
    ("slug", "text", "told"),
    [
        ("Acme", "第一条 甲。", "is no slug"),
        ("baseline", "第一条 甲。", 'there is a pack "baseline" already'),
        ("acme", "没有编号的文字", "no numbered article was found"),
        ("there", "第一条 甲。", "is there already"),
        ("acme", None, "there is no such file"),
    ],
)
def test_what_cannot_be_started_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slug: str, text: str | None, told: str
):
    monkeypatch.chdir(tmp_path)
    Path("there.yaml").write_text("mine", encoding="utf-8")
    if text is not None:
        Path("a.txt").write_text(text, encoding="utf-8")
    code, _, error = xunqun("pack", "new", slug, "--title", "测试", "--articles", "a.txt")
    assert code != 0
    assert told in error
    assert Path("there.yaml").read_text("utf-8") == "mine"
