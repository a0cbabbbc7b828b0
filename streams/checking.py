"""One message judged by itself, and texts scored in bulk."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from classifiers.measure import Classifiers
from classifiers.trained.serve import Model, ModelUnavailable
from models import (
    Account,
    Attachment,
    Fleet,
    Group,
    GroupRef,
    Money,
    Observation,
    Person,
    Sender,
    Unavailable,
    Violation,
)
from policies.directory import Directory
from policies.notices import SANCTION_NAMES, cite, sanction_name
from policies.schema import Pack
from streams.agents.screen import Screen
from streams.topics import JUDGEMENTS, MAX_RECORD_BYTES, OBSERVATIONS, Judged, Record

ROLES = ("member", "owner", "manager", "administrator", "publisher")
KINDS = (
    *("text", "image", "voice", "video", "file", "link", "card", "mini_program", "red_packet", "transfer", "voucher"),
    *("location", "sticker", "forward", "mixed", "call", "meeting", "vote", "todo", "form", "document"),
    *("contact_card", "unknown"),
)
_GROUP = "check"
_NOW = 1_795_051_800_000
_SCORED_AT_ONCE = 1024


class Checked(Struct, frozen=True, kw_only=True):
    """The verdict on one message, the clauses it cites, and what would happen next."""

    text: str
    pack: str
    pack_version: str
    violations: tuple[Violation, ...]
    uncertain: tuple[Violation, ...]
    unavailable: tuple[Unavailable, ...]
    clauses: dict[str, str]
    next: tuple[str, ...]


def check_message(
    text: str, pack: Pack, classifiers: Classifiers, *, group_type: str | None, role: str, kind: str
) -> Checked:
    """Judge one message as if a member had just sent it in an enforced group. Findings on the group itself are left out."""
    screen = Screen(classifiers, {pack.pack: pack, "baseline": pack}, Directory(_fleet(pack, group_type, role)))
    record = Record(OBSERVATIONS, "", b"", 1, _NOW, _message(text, kind))
    effects = screen.handle([record], dict.fromkeys(screen.keys([record])))
    violations: list[Violation] = []
    uncertain: list[Violation] = []
    unavailable: list[Unavailable] = []
    for topic, _, value, _ in effects.records:
        if topic == JUDGEMENTS and isinstance(value, Judged) and value.verdict and value.verdict.observation_id:
            violations += value.verdict.violations
            uncertain += value.verdict.uncertain
            unavailable += value.verdict.unavailable
    cited = {one.clause: cite(pack, pack.clauses[one.clause]) for one in (*violations, *uncertain)}
    return Checked(
        text=text,
        pack=pack.pack,
        pack_version=pack.version,
        violations=tuple(violations),
        uncertain=tuple(uncertain),
        unavailable=tuple(dict.fromkeys(unavailable)),
        clauses=cited,
        next=tuple(_consequences(pack, violations, uncertain)),
    )


def _fleet(pack: Pack, group_type: str | None, role: str) -> Fleet:
    person = Person(id="checked", name="被检成员", accounts=(Account("jsonl", "checked"),))
    group = Group(
        id=_GROUP,
        name=_GROUP,
        pack=pack.pack,
        type=group_type,
        mode="enforce",
        owner="checked" if role == "owner" else None,
        managers=("checked",) if role == "manager" else (),
        administrators=("checked",) if role == "administrator" else (),
        publishers=("checked",) if role == "publisher" else (),
        members=("checked",),
    )
    return Fleet(people=(person,), groups=(group,))


def _message(text: str, kind: str) -> Observation:
    is_file = kind == "file"
    return Observation(
        type="message.created",
        id="check-1",
        group=GroupRef(_GROUP),
        sender=Sender("checked"),
        sent_at=_NOW,
        kind=kind,
        text=None if is_file else text,
        attachments=(Attachment(name=text),) if is_file else None,
        money=Money(kind) if kind in ("red_packet", "transfer", "voucher") else None,
    )


def _consequences(pack: Pack, violations: list[Violation], uncertain: list[Violation]) -> Iterable[str]:
    for one in violations:
        binding = pack.clauses[one.clause].bindings[one.binding]
        if one.mode == "assisted":
            yield f"{one.clause}：进入复核队列，由人工判断；未维持前无任何处理"
        elif binding.ladder:
            steps = " → ".join(sanction_name("+".join(rung.sanctions)) for rung in pack.ladders[binding.ladder].rungs)
            yield f"{one.clause}：记一次违规；处罚阶梯：{steps}（移出、罚款、移交须有权人员批准）"
        elif binding.response:
            yield f"{one.clause}：{'、'.join(SANCTION_NAMES[kind] for kind in binding.response.sanctions)}，不计违规"
    for one in uncertain:
        yield f"{one.clause}：把握不足，进入复核队列，由人工判断"


def score_texts(lines: Iterable[bytes], out: Path, model: str) -> int:
    """Write the scores of every text by category, in order. ValueError names the line that is no {text}."""
    from streams.loading import classifiers_from

    classifiers = classifiers_from(model)
    if isinstance(classifiers.model, ModelUnavailable):
        raise ValueError(classifiers.model.reason)
    out.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with out.open("wb") as file:
        pending: list[str] = []
        for number, line in enumerate(lines, start=1):
            pending.append(_text(line, number))
            if len(pending) >= _SCORED_AT_ONCE:
                count += _write_scores(file, pending, classifiers)
                pending = []
        count += _write_scores(file, pending, classifiers)
    return count


def _text(line: bytes, number: int) -> str:
    if len(line) > MAX_RECORD_BYTES:
        raise ValueError(f"line {number} has more than {MAX_RECORD_BYTES} bytes; shorten its text")
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"line {number} is not JSON; each line is an object with a text") from error
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise ValueError(f"line {number} has no text; each line is an object such as " + '{"text": "…"}')
    return text


def _write_scores(file: Any, texts: list[str], classifiers: Classifiers) -> int:
    if not texts:
        return 0
    assert isinstance(classifiers.model, Model)
    categories = classifiers.model.categories
    batch, scores = classifiers.scores(texts)
    for text, folded, row in zip(texts, batch.texts, scores.tolist(), strict=True):
        found = {name: round(min(1.0, max(0.0, value)), 6) for name, value in zip(categories, row, strict=True)}
        file.write(msgspec.json.encode({"text": text, "scores": found, "folded": folded}) + b"\n")
    return len(texts)
