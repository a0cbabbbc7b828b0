"""How many offences are still found once they are disguised, and how many harmless messages are taken for one.

    python benchmarks/evasion [--peer] [--misses] [--json]

Every technique of `techniques.py` is applied to every text of `texts.jsonl` and to its clean look-alike; what it cannot change is
left out. `lookalikes.jsonl` holds harmless messages that look as if they were disguised, ten for each technique. A text is found
when it breaks the rule on ads, fraud, gambling, porn or abuse, or is put to a moderator as a question about it; certain, when it
needs no question. Judged is under the shipped pack `baseline`, to which one rule is added: abuse, in
the words of ten other packs, as `baseline` itself does not forbid it. Recall stands beside that of the same texts undisguised.

--peer judges the same texts with sensitive-word (Java), its own word list and all its folding on; needs `java`, and `mvn` with
the network once. --misses lists what was not found, and which look-alikes were flagged, by id; no text is printed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, to_builtins
from msgspec.json import Decoder
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from techniques import NEXT_MESSAGE, TECHNIQUES

from classifiers.measure import Classifiers
from classifiers.trained.serve import ModelUnavailable
from models import Fleet, Group, GroupRef, Observation, Sender
from policies.directory import Directory
from policies.schema import Binding, Pack
from streams.agents.screen import Screen
from streams.loading import pack_from
from streams.topics import JUDGEMENTS, OBSERVATIONS, Judged, Record

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from _peers import PeerError, peer_jars  # noqa: E402

CATEGORIES = ("ads", "fraud", "gambling", "porn", "abuse")
CLAUSE = "baseline-1"
UNDISGUISED = "undisguised"
_NOW = 1_795_051_800_000
_PAUSE = 2000

Found = Literal["certain", "question", "no"]
Reader = Callable[[Sequence[str]], list[Found]]


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """A plain offence and the harmless message that looks like it."""

    id: str
    category: Literal["ads", "fraud", "gambling", "porn", "abuse"]
    text: str
    clean: str


class Lookalike(Struct, frozen=True):
    """A harmless message that looks like one technique's work; in parts where it is several messages."""

    technique: str
    parts: tuple[str, ...]


class Flagged(Struct, frozen=True):
    """Counts of harmless messages that look disguised: all, flagged, and of these without a question."""

    texts: int
    flagged: int
    accused: int


class Case(Struct, frozen=True):
    """A text under one technique, and as it was before."""

    technique: str
    id: str
    category: str
    offends: bool
    plain: str
    text: str


class Tally(Struct, frozen=True):
    """Counts of offences: all, found undisguised, found, found for certain; and of clean look-alikes in the same order."""

    texts: int
    plain: int
    found: int
    certain: int
    clean: int
    clean_plain: int
    flagged: int
    accused: int


def base_texts() -> list[Text]:
    decoder = Decoder(Text)
    return [decoder.decode(line) for line in (HERE / "texts.jsonl").read_bytes().splitlines()]


def lookalikes() -> list[Lookalike]:
    decoder = Decoder(Lookalike)
    return [decoder.decode(line) for line in (HERE / "lookalikes.jsonl").read_bytes().splitlines()]


def cases(texts: Iterable[Text]) -> Iterator[Case]:
    """Every text as it is, and under every technique that changes it."""
    for one in texts:
        for offends, plain in ((True, one.text), (False, one.clean)):
            yield Case(UNDISGUISED, one.id, one.category, offends, plain, plain)
            for name, disguise in TECHNIQUES.items():
                if (text := disguise(plain)) != plain:
                    yield Case(name, one.id, one.category, offends, plain, text)


# -- ours -------------------------------------------------------------------------------------------------------------------


def judged_pack() -> Pack:
    """`baseline` with nothing but its rules on the categories, and abuse among them."""
    pack = pack_from("baseline")
    clause = pack.clauses[CLAUSE]
    abuse = Binding(mode="automatic", rule="content.category", params={"category": "abuse"}, ladder="conduct")
    return replace(pack, clauses={CLAUSE: replace(clause, bindings=(*clause.bindings, abuse))})


def ours(texts: Sequence[str]) -> list[Found]:
    """Each text as the only messages of its group, by one sender. SystemExit where the trained model cannot be used."""
    classifiers = Classifiers.load()
    if isinstance(classifiers.model, ModelUnavailable):
        raise SystemExit(f"nothing was measured: {classifiers.model.reason}")
    groups = tuple(Group(id=str(n), name=str(n), pack="baseline", mode="enforce") for n in range(len(texts)))
    screen = Screen(classifiers, {"baseline": judged_pack()}, Directory(Fleet(groups=groups)))
    said = [(n, k, part) for n, text in enumerate(texts) for k, part in enumerate(text.split(NEXT_MESSAGE))]
    records = [
        Record(OBSERVATIONS, "", b"", place, _NOW + k * _PAUSE, _message(n, k, part))
        for place, (n, k, part) in enumerate(said, 1)
    ]
    effects = screen.handle(records, dict.fromkeys(screen.keys(records)))
    found: list[Found] = ["no"] * len(texts)
    for topic, _, value, _ in effects.records:
        if topic == JUDGEMENTS and isinstance(value, Judged) and value.verdict and value.verdict.observation_id:
            verdict = value.verdict
            if verdict.violations or verdict.uncertain:
                number = int(verdict.group_id)
                if found[number] != "certain":
                    found[number] = "certain" if verdict.violations else "question"
    return found


def _message(number: int, part: int, text: str) -> Observation:
    return Observation(
        type="message.created",
        id=f"evasion-{number}-{part}",
        group=GroupRef(str(number)),
        sender=Sender(f"u{number}"),
        sent_at=_NOW + part * _PAUSE,
        kind="text",
        text=text,
    )


# -- the peer -----------------------------------------------------------------------------------------------------------------


def peer(texts: Sequence[str]) -> list[Found]:
    """What sensitive-word finds. PeerError where it cannot be run."""
    command = ["java", "-Xmx512m", "-cp", f"{peer_jars()}/*", str(HERE / "Peer.java")]
    parts = [text.split(NEXT_MESSAGE) for text in texts]
    given = "".join(f"{json.dumps(part)}\n" for some in parts for part in some)
    try:
        done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8", timeout=900)
    except FileNotFoundError as error:
        raise PeerError("java is not installed") from error
    answers = done.stdout.split()
    if done.returncode or len(answers) != sum(map(len, parts)):
        raise PeerError(f"Peer.java failed: {done.stderr[-1500:]}")
    every = iter(answers)
    return ["certain" if "1" in [next(every) for _ in some] else "no" for some in parts]


# -- counting and telling ------------------------------------------------------------------------------------------------------


def read(by: Reader, every: Sequence[Case]) -> dict[str, Found]:
    """What is found in each text, all judged in one go."""
    texts = list(dict.fromkeys(one.text for one in every))
    return dict(zip(texts, by(texts), strict=True))


def tally(every: Iterable[Case], found: dict[str, Found]) -> Tally:
    some = list(every)
    bad = [one for one in some if one.offends]
    clean = [one for one in some if not one.offends]
    return Tally(
        texts=len(bad),
        plain=sum(found[one.plain] != "no" for one in bad),
        found=sum(found[one.text] != "no" for one in bad),
        certain=sum(found[one.text] == "certain" for one in bad),
        clean=len(clean),
        clean_plain=sum(found[one.plain] != "no" for one in clean),
        flagged=sum(found[one.text] != "no" for one in clean),
        accused=sum(found[one.text] == "certain" for one in clean),
    )


def tallies(every: Sequence[Case], found: dict[str, Found]) -> dict[str, dict[str, Tally]]:
    """Counts by technique, of all disguised texts by category, and of all disguised texts."""
    disguised = [one for one in every if one.technique != UNDISGUISED]
    return {
        "technique": {
            name: tally((one for one in every if one.technique == name), found) for name in (UNDISGUISED, *TECHNIQUES)
        },
        "category": {name: tally((one for one in disguised if one.category == name), found) for name in CATEGORIES},
        "total": {"all disguised": tally(disguised, found)},
    }


def flagged(some: Sequence[Lookalike], by: Reader) -> dict[str, Flagged]:
    """How many of them are taken for offences, by technique and in all."""
    found = by([NEXT_MESSAGE.join(one.parts) for one in some])
    names = dict.fromkeys(one.technique for one in some)
    told = {
        name: [answer for one, answer in zip(some, found, strict=True) if name in (one.technique, "all")]
        for name in (*names, "all")
    }
    return {
        name: Flagged(len(answers), len(answers) - answers.count("no"), answers.count("certain"))
        for name, answers in told.items()
    }


def missed(every: Sequence[Case], found: dict[str, Found]) -> list[dict[str, str]]:
    """Offences that were not found and look-alikes that were flagged."""
    return [
        {"technique": one.technique, "id": one.id, "what": "missed" if one.offends else "clean flagged"}
        for one in every
        if (found[one.text] == "no") is one.offends
    ]


def _share(part: int, of: int) -> str:
    return f"{part / of:.2f}" if of else "–"


CELLS: dict[str, Callable[[Tally], str]] = {
    "plain": lambda one: _share(one.plain, one.texts),
    "recall": lambda one: _share(one.found, one.texts),
    "certain": lambda one: _share(one.certain, one.texts),
    "clean": lambda one: str(one.clean),
    "flagged plain": lambda one: str(one.clean_plain),
    "flagged": lambda one: str(one.flagged),
    "accused": lambda one: str(one.accused),
}
# A word list asks no questions: what it finds is certain.
COLUMNS = {"xunqun": tuple(CELLS), "sensitive-word": ("plain", "recall", "flagged plain", "flagged")}


def table(results: dict[str, dict[str, dict[str, Tally]]]) -> Table:
    shown = Table(
        title="Recall plain (undisguised) and disguised; clean look-alikes flagged plain, disguised, and for certain (accused)"
    )
    shown.add_column("disguise", no_wrap=True)
    shown.add_column("texts", justify="right")
    for name in results:
        for column in COLUMNS[name]:
            shown.add_column(f"{name}\n{column}", justify="right")
    for part in ("technique", "category", "total"):
        for key, one in results["xunqun"][part].items():
            cells = [CELLS[column](by[part][key]) for name, by in results.items() for column in COLUMNS[name]]
            shown.add_row(key, str(one.texts), *cells)
        shown.add_section()
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="store_true", help="judge the same texts with sensitive-word, too")
    parser.add_argument("--misses", action="store_true", help="list what was judged wrongly, by technique and id")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    chosen = parser.parse_args()
    every = list(cases(base_texts()))
    found = {"xunqun": read(ours, every)}
    harmless = {"xunqun": flagged(lookalikes(), ours)}
    if chosen.peer:
        try:
            found["sensitive-word"] = read(peer, every)
            harmless["sensitive-word"] = flagged(lookalikes(), peer)
        except PeerError as error:
            sys.stderr.write(f"The peer is left out: {error}\n")
    told: dict[str, Any] = {
        "results": {name: tallies(every, one) for name, one in found.items()},
        "lookalikes": harmless,
    }
    if chosen.misses:
        told["misses"] = {name: missed(every, one) for name, one in found.items()}
    if chosen.json:
        sys.stdout.write(json.dumps(to_builtins(told), ensure_ascii=False) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(table(told["results"]))
    for name, one in harmless.items():
        where = ", ".join(f"{key} {some.flagged}" for key, some in one.items() if some.flagged and key != "all")
        everything = one["all"]
        console.print(
            f"{name}: of {everything.texts} harmless messages that look disguised {everything.flagged} flagged ({where}), "
            f"{everything.accused} for certain",
            highlight=False,
        )
    for name, wrong in told.get("misses", {}).items():
        for one in wrong:
            console.print(f"{name}: {one['what']}: {one['technique']}: {one['id']}", highlight=False)


if __name__ == "__main__":
    main()
