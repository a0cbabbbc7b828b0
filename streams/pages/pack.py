"""The page of one pack, in Chinese: what becomes of every clause. Written to `docs/packs/` by `xunqun pack page`."""

from collections.abc import Iterator

from policies.coverage import Covered, cover, figures
from policies.notices import APPEAL
from policies.schema import Binding, Clause, Pack
from streams.pages.words import MODES, STAGES, follows, ladder_words, looked_at


def as_markdown(pack: Pack) -> str:
    """One page of Markdown; the same pack gives the same page."""
    return "\n".join(_lines(pack)) + "\n"


def _lines(pack: Pack) -> Iterator[str]:
    rows = list(cover(pack))
    count = figures(rows)
    yield f"# {pack.title}"
    yield ""
    yield f"<!-- 由 `xunqun pack page {pack.pack}` 根据制度包生成，请勿手工修改。 -->"
    yield ""
    stage = STAGES[pack.status.stage]
    facts = [f"制度包 `{pack.pack}`", f"状态：{stage}"]
    facts += [f"单位：{pack.organisation}"] if pack.organisation else []
    facts += [f"自 {pack.status.effective} 起施行"] if pack.status.effective else []
    facts += [f"群类型：{'、'.join(pack.group_types)}"] if pack.group_types else []
    yield f"{' · '.join(facts)}。"
    if pack.status.stage != "adopted":
        yield ""
        yield "制度尚未正式通过，群的模式即使设为执行，处理也一律只拟草稿，由人批准。"
    yield ""
    yield (
        f"共 {sum(count.values())} 条：{count['live']} 条生效，{count['blind']} 条已绑定但暂时看不到"
        f"（缺少识别手段或本单位的词表），{count['reasoned']} 条不判定并说明理由。"
    )
    yield "下表的“摘要”是我们的概括，不是制度原文；“人工复核”的条款在有人确认之前不产生任何处理。"
    yield ""
    yield "| 条款 | 摘要 | 方式 | 看什么 | 结果或理由 |"
    yield "| --- | --- | --- | --- | --- |"
    parts = iter(rows)
    for clause_id, clause in pack.clauses.items():
        for number, binding in enumerate(clause.bindings or (None,)):
            row = next(parts)
            first = (f"{clause.article} `{clause_id}`", clause.says) if number == 0 else ("", "")
            yield "| " + " | ".join(_cell(one) for one in (*first, *_told(pack, clause, binding, row))) + " |"
    if pack.ladders:
        yield ""
        yield "## 处理阶梯"
        yield ""
        for name, ladder in pack.ladders.items():
            yield f"- `{name}`：{ladder_words(ladder)}"
    yield ""
    yield "## 申诉"
    yield ""
    yield f"制度原文没有规定的，由本系统统一提供：{APPEAL}"


def _told(pack: Pack, clause: Clause, binding: Binding | None, row: Covered) -> tuple[str, str, str]:
    """How it is judged, what is looked at, and what follows or why not."""
    mode = MODES.get(row.mode, row.mode)
    if binding is None:
        return mode, "", clause.because or ""
    told = [follows(binding, pack), binding.because or ""]
    if row.state == "blind":
        mode = f"{mode}（暂时看不到）"
    return mode, looked_at(binding), "。".join(one for one in told if one)


def _cell(text: str) -> str:
    """A text as a cell of a table: no line ends, no bars."""
    return " ".join(text.replace("|", "\\|").split())
