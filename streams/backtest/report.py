"""What a backtest comes to: whether it holds as a gate, and its figures for programs and for merge requests."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct, to_builtins

from models.observation import Millis
from streams.backtest.compare import Compared, Found, Pair, Tally
from streams.backtest.run import Backtest

# Rows of a table that people read; programs get all.
_ROWS = 20


class Limits(Struct, frozen=True, kw_only=True):
    """What a gate lets through. `more` and `fewer` findings as "20" or "5%" of the old ones, `innocent` as "1/10000"."""

    more: str | None = None
    fewer: str | None = None
    innocent: str | None = None

    def __post_init__(self) -> None:
        """ValueError names the one that cannot be read."""
        for name, written in (("most-more", self.more), ("most-fewer", self.fewer)):
            if written is not None and not written.removesuffix("%").replace(".", "", 1).isdecimal():
                raise ValueError(f"--{name} {written}: write a number of findings, 20, or a share of the old ones, 5%")
        if self.innocent is not None and not 0 <= _share(self.innocent) <= 1:
            raise ValueError(f"--most-innocent {self.innocent}: write a share of messages, e.g. 1/10000")


class Gate(Struct, frozen=True, kw_only=True):
    """One limit: what was found, and whether it holds."""

    name: str
    limit: str
    found: float
    holds: bool
    told: str


def gates(found: Backtest, limits: Limits) -> list[Gate]:
    """Look at each limit that was set. What people are accused of wrongly counts with the upper end of its interval."""
    total = found.compared.total
    held = [
        _counted(name, limit, count, total.old)
        for name, limit, count in (("more", limits.more, total.more), ("fewer", limits.fewer, total.fewer))
        if limit is not None
    ]
    if limits.innocent is not None:
        accused = found.compared.newly["automatic"]
        messages = max(1, sum(found.new.messages.values()))
        share = accused.high / messages
        told = f"at most {accused.high:g} of {accused.of} new accusations hit innocents, in {messages} messages"
        if accused.checked < accused.of:
            told += f"; {accused.checked} of them were looked at"
        held.append(
            Gate(
                name="innocent",
                limit=limits.innocent,
                found=share,
                holds=share <= _share(limits.innocent),
                told=told,
            )
        )
    return held


def _counted(name: str, limit: str, count: int, old: int) -> Gate:
    allowed = float(limit.removesuffix("%"))
    if limit.endswith("%"):
        # Of nothing any share is nothing.
        allowed = allowed / 100 * old
    told = f"{count} {name} than the {old} of the old side"
    return Gate(name=name, limit=limit, found=count, holds=count <= allowed, told=told)


def _share(written: str) -> float:
    try:
        return float(Fraction(written))
    except (ValueError, ZeroDivisionError):
        return -1.0


def figures(found: Backtest, held: list[Gate], *, texts: bool = False) -> dict[str, Any]:
    """All of it for programs. Message text and what quotes it only with `texts`."""
    compared = found.compared

    def shown(pairs: tuple[Pair, ...]) -> list[dict[str, Any]]:
        return [example(found, pair, texts=texts) for pair in pairs]

    return {
        "history": {
            "observations": found.new.summary.observations,
            "messages": sum(found.new.messages.values()),
            "groups": len(found.new.groups),
            "unknown_groups": found.new.summary.unknown_groups,
            "dead_letters": found.new.summary.bad_lines,
        },
        "models": {"old": found.old.model, "new": found.new.model},
        "total": to_builtins(compared.total),
        "outcomes": to_builtins(compared.outcomes),
        "clauses": [
            {"pack": pack, "clause": clause, "says": found.says.get((pack, clause), ""), **to_builtins(tally)}
            for (pack, clause), tally in by_change(compared.clauses)
        ],
        "groups": [{"group": name, **to_builtins(tally)} for name, tally in by_change(compared.groups)],
        "categories": [
            {"category": name, "outcome": outcome, **to_builtins(tally)}
            for (name, outcome), tally in by_change(compared.categories)
        ],
        "sanctions": sanctions(found),
        "reviews": {"old": found.old.summary.reviews, "new": found.new.summary.reviews},
        "innocents": {
            "newly_accused": to_builtins(compared.newly["automatic"]),
            "newly_asked": to_builtins(compared.newly["asks"]),
            "spared": to_builtins(compared.spared),
            "allowed_by_budgets": _allowed(found),
            "labelled": to_builtins(found.labelled),
        },
        "examples": {
            "more": shown(compared.more), "fewer": shown(compared.fewer), "changed": shown(compared.changed),
        },
        "gates": to_builtins(held),
        "holds": all(one.holds for one in held),
    }  # fmt: skip


def _allowed(found: Backtest) -> dict[str, float] | None:
    if found.allowed is None:
        return None
    return {"old": round(found.allowed[0], 2), "new": round(found.allowed[1], 2)}


def sanctions(found: Backtest) -> list[dict[str, Any]]:
    """Sanctions by kind on both sides."""
    old, new = found.old.summary.sanctions, found.new.summary.sanctions
    return [{"kind": kind, "old": old.get(kind, 0), "new": new.get(kind, 0)} for kind in sorted({*old, *new})]


def by_change(tallies: Mapping[Any, Tally]) -> list[tuple[Any, Tally]]:
    """What differs most first."""
    return sorted(tallies.items(), key=lambda one: (-one[1].differs, -one[1].new, one[0]))


def example(found: Backtest, pair: Pair, *, texts: bool) -> dict[str, Any]:
    """One finding that differs; `was` and `is` are its outcomes."""
    old, new = pair
    one = new or old
    assert one is not None
    shown: dict[str, Any] = {
        "id": one.id, "clause": one.clause, "category": one.category, "group": one.group_id, "at": one.at,
        "observation_id": one.observation_id, "score": one.score,
        "was": old.outcome if old else None, "is": new.outcome if new else None,
    }  # fmt: skip
    if texts:
        shown |= {"text": text_of(found, one), "spans": one.spans, "explanation": one.explanation}
    return shown


def text_of(found: Backtest, one: Found) -> str | None:
    """What the message behind a finding says; None where no message shows it, or texts were left out."""
    key: tuple[str, Millis] = (one.observation_id or "", one.at)
    return found.texts.get(key)


def innocents_told(compared: Compared) -> list[str]:
    """What is known of innocents, in sentences."""
    told = []
    for what, one in (
        ("accused by themselves", compared.newly["automatic"]),
        ("put before a person", compared.newly["asks"]),
        ("not accused any more", compared.spared),
    ):
        if not one.of:
            told.append(f"{what}: none")
        elif not one.checked:
            told.append(f"{what}: {one.of}, and nobody has looked at any of them: from 0 to {one.of} are innocent")
        elif one.checked == one.of:
            told.append(f"{what}: {one.of}, all looked at: {one.innocent} innocent")
        elif one.expected is None:
            told.append(
                f"{what}: {one.of}, {one.checked} labelled, {one.innocent} innocent, and nobody has looked at the others: "
                f"from {one.low:g} to {one.high:g} are innocent"
            )
        else:
            told.append(
                f"{what}: {one.of}, {one.checked} looked at, {one.innocent} innocent: about {one.expected:g} of all "
                f"({one.low:g} to {one.high:g} with 95 %)"
            )
    return told


def markdown(found: Backtest, held: list[Gate]) -> str:
    """A summary for a merge request. No message text: what stands there is read by many and kept."""
    compared, total = found.compared, found.compared.total
    messages = sum(found.new.messages.values())
    lines = [
        f"### Backtest: {total.more} more, {total.fewer} fewer findings",
        "",
        f"{messages:,} messages in {len(found.new.messages):,} groups. Found before {total.old}, now {total.new}; "
        f"{total.harder} that asked a person count by themselves now, {total.softer} the other way.",
        "",
    ]
    if held:
        lines += [f"- {'✅' if one.holds else '❌'} {one.name} ≤ {one.limit}: {one.told}" for one in held] + [""]
    lines += [f"- {one}" for one in innocents_told(compared)] + [""]
    rows = [(name, tally) for name, tally in by_change(compared.clauses) if tally.differs][:_ROWS]
    if rows:
        lines += [
            "| clause | old | new | more | fewer | harder | softer |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {_cell(clause)} {_cell(found.says.get((pack, clause), ''))} | {tally.old} | {tally.new} | {tally.more} "
            f"| {tally.fewer} | {tally.harder} | {tally.softer} |"
            for (pack, clause), tally in rows
        ]
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
