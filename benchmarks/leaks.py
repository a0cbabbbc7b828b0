"""How many leaks are found, and how much that only looks like one is taken for it.

    python benchmarks/leaks.py [--part closed|open|all] [--misses] [--json]

`leaks.jsonl` holds messages and file names written for this, by kind; a third of them, drawn at random, is closed: whoever
tunes looks at no closed one (their author mended, too; docs/detection.md says what that means). All numbers are invented, and
nobody's: mobile numbers begin with 142, who holds an identity number is older than a hundred and twenty; check digits are
right where a leak is meant.

Each text is the only message of its group. Judged is under the clause on leaks of the shipped pack `baseline`, with the rules on
passwords, addresses and private matters that other shipped packs have in theirs, and red headers in texts besides. Words of
projects are given as a tenant gives them, as a list `project`. Found is what a person is asked about; certain, what would need
no question, if a pack were allowed to act on leaks by itself (none is; here it may, so that both can be told apart). Shares
have their 95 % Wilson intervals. --misses lists the open texts that were judged wrongly; closed ones are never shown.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.json import Decoder, encode
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from classifiers.measure import Classifiers
from classifiers.trained.card import Recall
from classifiers.trained.evaluate import wilson
from classifiers.trained.serve import ModelUnavailable
from models import Fleet, Group, GroupRef, Observation, Sender
from models.observation import Attachment
from policies.directory import Directory
from policies.schema import Binding, Pack
from streams.agents.screen import Screen
from streams.loading import pack_from
from streams.topics import JUDGEMENTS, OBSERVATIONS, Judged, Record

CASES = Path(__file__).with_suffix(".jsonl")
PARTS = {"closed": (True,), "open": (False,), "all": (True, False)}
CLAUSE = "baseline-3"
# What a tenant would list as words of its projects.
PROJECTS = ("青鸾", "北辰三期", "云谷二号", "临江锂电", "松岭矿区", "玄武芯", "海棠湾", "白鹿")
_NOW = 1_795_051_800_000

Found = Literal["certain", "question", "no"]


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """A message, or with `file` the name of an uploaded file."""

    kind: str
    text: str
    leak: bool
    closed: bool
    file: bool = False


class Measured(Struct, frozen=True):
    """What became of the texts of one kind. Of leaks `found` is recall, of others false accusations."""

    kind: str
    leak: bool
    texts: int
    found: Recall
    certain: Recall


def cases(part: str = "all") -> list[Case]:
    """The cases of one part; msgspec.DecodeError if a line is not of their form."""
    decoder = Decoder(Case)
    every = [decoder.decode(line) for line in CASES.read_bytes().splitlines()]
    return [one for one in every if one.closed in PARTS[part]]


def leak_pack() -> Pack:
    """`baseline` with nothing but its clause on leaks, and there what other shipped packs and this benchmark add."""
    pack = pack_from("baseline")
    clause = pack.clauses[CLAUSE]
    added = (
        ("content.category", {"category": "red_header_file"}),
        (
            "personal.data",
            {"kinds": ["identity_number", "bank_card", "mobile_number", "address", "private"], "hidden": True},
        ),
        ("personal.data", {"kinds": ["credential"]}),
    )
    more = tuple(Binding(mode="automatic", rule=rule, params=params, ladder="conduct") for rule, params in added)
    shipped = tuple(replace(one, mode="automatic") for one in clause.bindings)
    return replace(pack, clauses={CLAUSE: replace(clause, bindings=(*shipped, *more))})


def judge(every: Sequence[Case]) -> list[Found]:
    """What is found in each case. SystemExit where the trained model cannot be used."""
    with tempfile.TemporaryDirectory(prefix="xunqun-leaks-") as folder:
        listed = f"category: project\nwhy: 项目名称\nstrong: [{', '.join(PROJECTS)}]\n"
        (Path(folder) / "project.yaml").write_text(listed, "utf-8")
        classifiers = Classifiers.load([folder])
    if isinstance(classifiers.model, ModelUnavailable):
        raise SystemExit(f"nothing was measured: {classifiers.model.reason}")
    groups = tuple(Group(id=str(n), name=str(n), pack="baseline", mode="enforce") for n in range(len(every)))
    screen = Screen(classifiers, {"baseline": leak_pack()}, Directory(Fleet(groups=groups)))
    records = [Record(OBSERVATIONS, "", b"", n + 1, _NOW, _message(n, one)) for n, one in enumerate(every)]
    effects = screen.handle(records, dict.fromkeys(screen.keys(records)))
    found: list[Found] = ["no"] * len(every)
    for topic, _, value, _ in effects.records:
        if topic != JUDGEMENTS or not isinstance(value, Judged) or value.verdict is None:
            continue
        if value.verdict.violations or value.verdict.uncertain:
            found[int(value.verdict.group_id)] = "certain" if value.verdict.violations else "question"
    return found


def _message(number: int, case: Case) -> Observation:
    return Observation(
        type="message.created",
        id=f"leak-{number}",
        group=GroupRef(str(number)),
        sender=Sender(f"u{number}"),
        sent_at=_NOW,
        kind="file" if case.file else "text",
        text=None if case.file else case.text,
        attachments=(Attachment(name=case.text),) if case.file else None,
    )


def measure(every: Sequence[Case], found: Sequence[Found]) -> list[Measured]:
    """Figures by kind, leaks first, each half with its sum (`all`) at its end."""
    judged = list(zip(every, found, strict=True))
    halves = [(leak, [(one.kind, how) for one, how in judged if one.leak is leak]) for leak in (True, False)]
    return [
        _counted(kind, leak, [how for of, how in half if kind in (of, "all")])
        for leak, half in halves
        for kind in (*sorted({of for of, _ in half}), "all")
    ]


def _counted(kind: str, leak: bool, some: Sequence[Found]) -> Measured:
    found, certain = sum(one != "no" for one in some), some.count("certain")
    return Measured(kind, leak, len(some), wilson(found, len(some)), wilson(certain, len(some)))


def _share(of: Recall) -> str:
    return f"{of.share:.2f} ({of.low:.2f}–{of.high:.2f})"


def table(measured: Iterable[Measured], part: str) -> Table:
    shown = Table(title=f"Leaks: recall; look-alikes: false accusations ({part} texts)")
    for column in ("kind", "texts", "found", "of it certain"):
        shown.add_column(column, no_wrap=True, justify="left" if column == "kind" else "right")
    for one in measured:
        name = f"{'leak' if one.leak else 'none'}: {one.kind}"
        shown.add_row(
            name, str(one.texts), _share(one.found), f"{one.certain.share:.2f}", end_section=one.kind == "all"
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(PARTS), default="closed", help="which texts (default: closed)")
    parser.add_argument("--misses", action="store_true", help="list the open texts that were judged wrongly")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args()
    every = cases(chosen.part)
    found = judge(every)
    measured = measure(every, found)
    if chosen.json:
        sys.stdout.write(encode(measured).decode() + "\n")
    else:
        Console(width=None if sys.stdout.isatty() else 100).print(table(measured, chosen.part))
    if chosen.misses:
        for one, how in zip(every, found, strict=True):
            if not one.closed and (how == "no") is one.leak:
                sys.stdout.write(f"{one.kind}\t{how}\t{one.text!r}\n")


if __name__ == "__main__":
    main()
