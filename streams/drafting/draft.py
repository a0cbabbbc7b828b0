"""The first text of a pack. It passes lint and its tests hold; whether it is right, somebody who knows the policy checks."""

import json
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from streams.drafting.articles import Article
from streams.drafting.suggest import Suggestion, suggest

# A summary of this length fits into a notice.
_SUMMARY = 60
_SENTENCE_ENDS = "。；;"


def draft(
    slug: str,
    title: str,
    articles: Sequence[Article],
    *,
    organisation: str | None = None,
    types: Sequence[str] = (),
    without: Container[str] = (),
) -> str:
    """A pack in YAML: each article a clause with suggestions, a ladder that reminds and then warns, and first tests.

    `without`: the tests of these names are left out.
    """
    found = [(one, _name(slug, one), list(suggest(one.text))) for one in articles]
    counted = [name for _, name, some in found if any(one.ladder for one in some)]
    suggested = [(article, name, [_following(one, counted) for one in some]) for article, name, some in found]
    lines = [
        f"# Started from {len(articles)} articles. What is marked 建议 was guessed from words: check it, then take the mark off.",
        f"pack: {slug}",
        f"title: {_text(title)}",
        f"organisation: {_text(organisation) if organisation else 'null'}",
        "source: {document: null}",
        "# A draft only drafts: say stage: adopted, by and effective once the policy is.",
        "status: {stage: draft, by: null, published: null, effective: null}",
        *([f"group_types: {_flow(list(types))}"] if types else []),
    ]
    if any(one.ladder for _, _, some in suggested for one in some):
        lines += [
            "ladders:",
            "  # 建议：先提醒，再犯警告。次数和期限由本单位定。",
            "  conduct:",
            "    scope: group",
            "    window: {days: 180, from: tenant}",
            "    rungs: [{strikes: 1, sanction: remind}, {strikes: 3, sanction: warn}]",
        ]
    lines.append("clauses:")
    for article, name, some in suggested:
        lines += _clause(article, name, some)
    tests = [one for _, name, some in suggested for one in _tests(name, some, suggested) if one["name"] not in without]
    lines += ["tests:", *(f"  - {_flow(one)}" for one in tests)] if tests else ["tests: []"]
    lines += ["fixture:", f"  facts: {_flow(_FACTS)}"]
    if card := _card(one for _, _, some in suggested for one in some):
        lines.append(f"  card: {card}")
    return "\n".join([*lines, ""])


# On file in the group of the tests, so that nothing but what a test says breaks a rule.
_FACTS = {"filed_at": "2026-01-05", "purpose": "工作", "patrolled_at": "-1h"}


def _following(one: Suggestion, counted: Sequence[str]) -> Suggestion:
    """What an article lets follow, it lets follow the breach of those that count strikes."""
    if one.rule != "consequence" or not counted:
        return one
    return replace(one, params={**one.params, "of": list(counted)})


def _name(slug: str, article: Article) -> str:
    return f"{slug}-{article.article:02}.{article.number}"


def _clause(article: Article, name: str, some: Sequence[Suggestion]) -> Iterator[str]:
    yield f"  # {article.text}"
    yield f"  {name}:"
    yield f"    article: {_text(article.label)}"
    yield f"    says: {_text(summary(article.text))}"
    if not some:
        yield "    # 建议：看不出能从聊天中判定的行为。请确认，或绑定规则。"
        yield "    mode: record-only"
        yield "    because: 待确认：没有能从聊天中判定的行为"
        return
    yield "    bindings:"
    for one in some:
        written: dict[str, Any] = {"rule": one.rule}
        written |= {"with": one.params} if one.params else {}
        written["mode"] = one.mode
        written |= {"ladder": "conduct"} if one.ladder else {}
        written |= {"response": one.response} if one.response else {}
        yield f"      - {_flow(written)}  # 建议（{one.why}）"


def _tests(
    name: str, some: Sequence[Suggestion], all_: Sequence[tuple[Article, str, list[Suggestion]]]
) -> Iterator[dict[str, Any]]:
    """A case that breaks the first suggestion of a clause that has one, and one that is near."""
    shown = next((one for one in some if one.breaks), None)
    if shown is None or shown.breaks is None:
        return
    # Another article with the same rule finds the same; what counts by itself has to be expected.
    same = [other for _, other, others in all_ if any(_alike(one, shown) for one in others)]
    yield {"name": f"{name} is broken", **shown.breaks, "expect": same}
    if shown.near is not None:
        yield {"name": f"{name} is not, it only looks so", **shown.near, "expect": [], "near": same}


def _alike(one: Suggestion, other: Suggestion) -> bool:
    return (one.rule, one.params.get("category")) == (other.rule, other.params.get("category"))


def _card(some: Iterable[Suggestion]) -> str | None:
    return next((str(one.params["form"]) for one in some if one.rule == "name.format"), None)


def summary(text: str) -> str:
    """The beginning of an article, whole sentences where they fit."""
    if len(text) <= _SUMMARY:
        return text.rstrip(_SENTENCE_ENDS)
    cut = max((text.rfind(end, 0, _SUMMARY) for end in _SENTENCE_ENDS), default=-1)
    return text[:cut] if cut > 0 else f"{text[: _SUMMARY - 1]}…"


def _text(value: str) -> str:
    """A text as YAML, quoted: JSON's strings are YAML's."""
    return json.dumps(value, ensure_ascii=False)


# Words that YAML reads as they stand; those that it reads as yes or no are none of ours.
_PLAIN = re.compile(r"[a-z]+(?:[_.][a-z]+)*")


def _flow(value: Any) -> str:
    """A value on one line. Words that YAML might take for something else are quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return (
            value
            if value.replace("_", "a").replace(".", "a").isascii() and value.replace("_", "").replace(".", "").isalpha()
            else _text(value)
        )
    return json.dumps(value)
