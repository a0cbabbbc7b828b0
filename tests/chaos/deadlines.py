"""Open deadlines in every run: receipts and answers that are owed, due seconds later, so before, during and after the fault.

Twenty busy groups, in which every other message wants a receipt from everybody and half of the members never say anything: some
600 deadlines are open there at any time, and fall due between messages. Forty quiet groups, in which only the owner speaks, once
in eight seconds: there nothing but ticks lets a deadline fire.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from models.observation import Millis
from streams.topics import Record, value_of

PACK = Path(__file__).parents[2] / "policies" / "packs" / "xianchuang.yaml"
REPLY, RECEIPT = "xianchuang-10.1", "xianchuang-24.1"
SECONDS = 12
# What would be said in quiet groups is said in plain ones. There some of the texts are questions too.
BUSY, QUIET, PLAIN = range(40, 60), range(60, 100), range(10, 40)
# Who speaks in a busy group; the others are missing in every receipt. How often a quiet group hears its owner, in its turns.
SPEAKERS, EVERY = 25, 40
QUESTION = "3号机什么时候能修好?"


def pack_with_deadlines(folder: Path) -> Path:
    """The pack of the groups, under which an answer or a receipt may take twelve seconds."""
    pack = yaml.safe_load(PACK.read_text("utf-8"))
    within = {"minutes": SECONDS / 60, "from": "tenant"}
    for clause, more in ((REPLY, {}), (RECEIPT, {"by": "member"})):
        binding = pack["clauses"][clause]["bindings"][0]
        binding["with"] = {**binding["with"], "within": within, **more}
    path = folder / "xianchuang.yaml"
    path.write_text(yaml.safe_dump(pack, allow_unicode=True), "utf-8")
    return path


def owed(number: int, group: int, turn: int) -> tuple[int, int, str] | None:
    """Group, member and text of an observation that asks for something; None where it is one as any other, in the group."""
    if group in QUIET and not turn % EVERY:
        return group, 0, QUESTION if turn % (2 * EVERY) else notice(number)
    if group in BUSY and turn % 2:
        return group, turn // 2 % SPEAKERS, notice(number)
    return None


def notice(number: int) -> str:
    return f"通知：第{number}批原料今天下午到货，收到请回复。"


def fired(judged: Iterable[Record]) -> dict[str, set[tuple[str, Millis, bool]]]:
    """By deadline: the violations that it brought, when it was due, and whether it came before that time."""
    found: dict[str, set[tuple[str, Millis, bool]]] = defaultdict(set)
    for record in judged:
        verdict = _verdict(record)
        for one in (*verdict.violations, *verdict.uncertain) if verdict else ():
            if one.cause and one.cause.kind == "deadline":
                # A verdict carries the append time of the record that caused it, and its due date.
                found[one.cause.id].add((one.id, verdict.judged_at, record.appended_at < verdict.judged_at))
    return found


def compare_deadlines(judged: Iterable[Record], struck_at: Millis, over_at: Millis) -> tuple[str, list[str]]:
    """A proof that deadlines were open when the fault struck, and what is wrong with those that fired."""
    found, wrong = fired(judged), []
    if several := sum(len({name for name, *_ in some}) > 1 for some in found.values()):
        wrong.append(f"{several} deadlines brought several violations")
    if early := sum(any(before for *_, before in some) for some in found.values()):
        wrong.append(f"{early} deadlines fired before their time")
    due = [min(at for _, at, _ in some) for some in found.values()]
    # Open when it struck: asked before, due after.
    open_then = [at for at in due if struck_at < at <= struck_at + SECONDS * 1000]
    during = sum(struck_at < at <= over_at for at in due)
    if not open_then:
        wrong.append("no deadline was open when it struck")
    return (
        f"{len(due)} deadlines fired, {len(open_then)} of them open when it struck, {during} due while it lasted",
        wrong,
    )


def _verdict(record: Record) -> Any:
    try:
        return value_of(record).verdict
    except ValueError:
        # A record that cannot be used was sent on purpose.
        return None
