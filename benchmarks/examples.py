"""How well what reads a message tells the written examples of each category from texts that only look like them.

    python benchmarks/examples.py [--part closed|open|all] [--json]

Recall is the share of a category's texts that are found, false accusations the share of its hard negatives that are
taken for it, each with its 95 % Wilson interval. A category that nothing reads yet has a dash. Conversation is read by
`classifiers.conversation`, trained categories by the default model at its review cut (1 in 1000 normal messages). No
text is printed: whoever tunes may look at the open ones in `tests/classifiers/examples/`, and at no closed one.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, to_builtins
from msgspec.json import Decoder

from classifiers.conversation import asks_reply, instructs, is_notice, is_question
from classifiers.folding import fold_batch
from classifiers.trained.card import Recall
from classifiers.trained.evaluate import REVIEW, wilson
from classifiers.trained.registry import default_dir
from classifiers.trained.serve import Model

EXAMPLES = Path(__file__).parents[1] / "tests" / "classifiers" / "examples"
PARTS = {"closed": (True,), "open": (False,), "all": (True, False)}

Reader = Callable[[Sequence[str]], list[bool]]


class Example(Struct, frozen=True):
    text: str
    label: str
    closed: bool


class Measured(Struct, frozen=True):
    """Figures of one category; without a reader `by` is empty and nothing was measured."""

    category: str
    by: str
    positives: int
    negatives: int
    recall: Recall | None
    accused: Recall | None


def examples(path: Path) -> list[Example]:
    """The examples of one file; msgspec.DecodeError if a line is not of their form."""
    decoder = Decoder(Example)
    return [decoder.decode(line) for line in path.read_bytes().splitlines()]


def readers() -> dict[str, tuple[str, Reader]]:
    """What reads each category: its name for people, and whether each of some texts is of the category."""
    model = Model.load(default_dir("default"))
    found: dict[str, tuple[str, Reader]] = {
        "notice": ("`is_notice`", lambda texts: [is_notice(text) for text in texts]),
        "question": (
            "`is_question`, `instructs`, `asks_reply`",
            lambda texts: [is_question(text) or instructs(text) or asks_reply(text) for text in texts],
        ),
    }
    for category in model.categories:
        found[category] = ("default model, review cut", _trained(model, category))
    return found


def _trained(model: Model, category: str) -> Reader:
    cut, column = model.cut(category, 1 / REVIEW), model.categories.index(category)
    return lambda texts: [bool(score >= cut) for score in model.score(fold_batch(texts))[:, column]]


def measure(part: str = "closed") -> Iterator[Measured]:
    """Figures of every category that has written examples, by name."""
    known = readers()
    for path in sorted(EXAMPLES.glob("*.jsonl")):
        category = path.stem
        rows = [one for one in examples(path) if one.closed in PARTS[part]]
        positives = [one.text for one in rows if one.label == category]
        negatives = [one.text for one in rows if one.label == "ok"]
        by, read = known.get(category, ("", None))
        yield Measured(
            category,
            by,
            len(positives),
            len(negatives),
            wilson(sum(read(positives)), len(positives)) if read and positives else None,
            wilson(sum(read(negatives)), len(negatives)) if read and negatives else None,
        )


def _share(of: Recall | None) -> str:
    return "–" if of is None else f"{of.share:.2f} ({of.low:.2f}–{of.high:.2f})"


def table(measured: Sequence[Measured]) -> str:
    lines = [
        "| category | read by | texts of it | hard negatives | recall | false accusations |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{one.category}` | {one.by or '–'} | {one.positives} | {one.negatives}"
        f" | {_share(one.recall)} | {_share(one.accused)} |"
        for one in measured
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(PARTS), default="closed", help="which texts (default: closed)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args()
    measured = list(measure(chosen.part))
    sys.stdout.write((json.dumps(to_builtins(measured)) if chosen.json else table(measured)) + "\n")


if __name__ == "__main__":
    main()
