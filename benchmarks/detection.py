"""How well the trained categories are told from normal messages, beside a plain model trained on the same rows in the same run.

    python benchmarks/detection.py --data FOLDER [--variant full|permissive] [--folds 1-5] [--parts …] [--json]

FOLDER holds the labelled text (docs/models.md says what has to lie there). *Plain* is what one would write first: TF-IDF of
character n-grams (1 to 4) and logistic regression, one model a category, on the same rows, the project's own among them.
Every message is scored by models that had not seen it (cross-validation by fold), and each model gets its cuts from the
same held-out normal messages: private messages, dialogues, group chat. Parts:

- `random`: other rows of every source were seen; recall at 1 in 1000 normal messages a category, with 95 % Wilson intervals
- `act`: one cut for 1 in 20,000 normal messages over all categories together, and what that means for a fleet in a day
- `sources`: recall on a source of offences of which nothing was seen
- `normals`: how many of a normal source of which nothing was seen are accused at the cut of the others
- `reviews`: F1 on stoneskipping, removed reviews against those that stayed

No text is printed.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from classifiers.trained import registry, train
from classifiers.trained.card import interval
from classifiers.trained.evaluate import REVIEW, wilson
from classifiers.trained.rows import FULL, OWN, read_rows
from models.signal import TRAINED_CATEGORIES

Floats = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]

CATEGORIES = ("ads", "fraud", "gambling", "porn", "abuse", "rumour", "leak")
NORMAL = ("nus_sms_zh", "nus_sms_en", "crosswoz", "kdconv", "qqgroup")
PARTS = ("random", "act", "sources", "normals", "reviews")
ACT = 20_000
# 10,000 groups of 200 messages.
A_DAY = 2_000_000
TEXTS = Path(registry.ARTIFACTS).parent / "texts"


class Data:
    """The rows of a variant, and a table of the plain model's features beside ours."""

    def __init__(self, folder: Path, variant: str) -> None:
        self.matrix = train.prepare(read_rows(folder, TEXTS, FULL))
        self.rows = self.matrix.rows
        self.mine = self.matrix.of((OWN, *train.VARIANTS[variant]))
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, max_features=200_000)
        self.plain: sparse.csr_matrix = vectorizer.fit_transform(self.rows.texts)

    def says(self, category: str, answer: int) -> Chosen:
        said: Chosen = self.rows.says[:, TRAINED_CATEGORIES.index(category)] == answer
        return said

    def normal(self, category: str) -> Chosen:
        return self.says(category, -1) & np.isin(self.rows.source, NORMAL)

    def scores(self, model: str, category: str, seen: Chosen, normal: Chosen) -> Floats | None:
        """Margins of all rows from a model of the rows seen; None where these do not hold both answers."""
        head = TRAINED_CATEGORIES.index(category)
        if model == "ours":
            return train.margins_without(self.matrix, head, seen, normal)
        chosen = seen & self.matrix.known(head)
        answers = self.rows.says[chosen, head]
        if len(set(answers.tolist())) < 2:
            return None
        fitted = LogisticRegression(max_iter=300).fit(self.plain[chosen], answers)
        found: Floats = fitted.decision_function(self.plain)
        return found


def cut(scores: Floats, one_in: int) -> float:
    """What at most one in so many of some scores reaches."""
    return float(np.sort(scores)[::-1][max(len(scores) // one_in, 1) - 1])


def held_out(data: Data, model: str, category: str, folds: int) -> tuple[Floats, Chosen]:
    """The score of each row of the first folds from a model that had not seen its fold, in units of that fold's cuts."""
    found = np.full(len(data.rows.texts), -np.inf)
    for fold in range(folds):
        here = data.matrix.fold == fold
        normal = data.normal(category) & here
        scores = data.scores(model, category, data.mine & ~here, normal)
        if scores is not None:
            wide, narrow = cut(scores[normal], 50), cut(scores[normal], REVIEW)
            found[here] = (scores[here] - narrow) / (narrow - wide)
    return found, data.matrix.fold < folds


def recalls(data: Data, category: str, scores: Floats, held: Chosen, at: float) -> Iterator[tuple[str, Any]]:
    positive = data.says(category, 1) & held
    for source in sorted(set(data.rows.source[positive].tolist())):
        these = scores[positive & (data.rows.source == source)]
        yield source, wilson(int((these >= at).sum()), len(these))


def random_and_act(data: Data, folds: int, parts: Sequence[str]) -> Iterator[dict[str, Any]]:
    scores = {
        model: {one: held_out(data, model, one, folds) for one in CATEGORIES if data.says(one, 1).any()}
        for model in ("ours", "plain")
    }
    for model, by_category in scores.items():
        for category, (found, held) in by_category.items() if "random" in parts else ():
            at = cut(found[data.normal(category) & held], REVIEW)
            for source, recall in recalls(data, category, found, held, at):
                yield _row("random", model, category, source, recall)
        if "act" in parts:
            yield from act(data, model, by_category)


def act(data: Data, model: str, by_category: dict[str, tuple[Floats, Chosen]]) -> Iterator[dict[str, Any]]:
    """One cut over all categories, in units of each one's own cuts."""
    held = next(iter(by_category.values()))[1]
    normal = held & np.isin(data.rows.source, NORMAL)
    # What nobody looked for in a message is no accusation of an innocent.
    spoken = [np.where(data.says(one, -1), found, -np.inf) for one, (found, _) in by_category.items()]
    loudest = np.max(spoken, axis=0)[normal]
    at = cut(loudest, ACT)
    accused = wilson(int((loudest >= at).sum()), len(loudest))
    for category, (found, _) in by_category.items():
        for source, recall in recalls(data, category, found, held, at):
            yield _row("act", model, category, source, recall)
    yield _row("act", model, "all", "normal messages accused", accused) | {
        "a_day": [
            round(A_DAY * share) for share in (accused.found / len(loudest), *interval(accused.found, len(loudest)))
        ]
    }


def sources(data: Data) -> Iterator[dict[str, Any]]:
    for category in CATEGORIES:
        for source in sorted(set(data.rows.source[data.says(category, 1)].tolist()) - {OWN}):
            here = data.rows.source == source
            normal = data.normal(category) & (data.matrix.fold == 0) & ~here
            for model in ("ours", "plain"):
                scores = data.scores(model, category, data.mine & ~here & (data.matrix.fold != 0), normal)
                positive = here & data.says(category, 1)
                found = 0 if scores is None else int((scores[positive] >= cut(scores[normal], REVIEW)).sum())
                yield _row("sources", model, category, source, wilson(found, int(positive.sum())))


def normals(data: Data) -> Iterator[dict[str, Any]]:
    for source in NORMAL:
        here = data.rows.source == source
        for model in ("ours", "plain"):
            for category in CATEGORIES:
                normal = data.normal(category) & (data.matrix.fold == 0) & ~here
                scores = data.scores(model, category, data.mine & ~here & (data.matrix.fold != 0), normal)
                if scores is not None:
                    these = scores[here & data.says(category, -1)]
                    accused = wilson(int((these >= cut(scores[normal], REVIEW)).sum()), len(these))
                    yield _row("normals", model, category, source, accused)


def reviews(data: Data) -> Iterator[dict[str, Any]]:
    """F1 at the cut that is best on one held-out fold, on another one: a cut has to be chosen somewhere."""
    here = data.rows.source == "stoneskipping"
    for model in ("ours", "plain"):
        normal = data.normal("abuse") & (data.matrix.fold == 0)
        scores = data.scores(model, "abuse", data.mine & (data.matrix.fold > 1), normal)
        if scores is None:
            continue
        chosen, judged = (
            (scores[here & (data.matrix.fold == fold)], data.says("abuse", 1)[here & (data.matrix.fold == fold)])
            for fold in (0, 1)
        )
        cuts = np.quantile(chosen[0], np.linspace(0.05, 0.95, 181))
        best = max(cuts, key=lambda at: f1(*chosen, at))
        yield {"part": "reviews", "model": model, "source": "stoneskipping", "f1": round(f1(*judged, best), 4)}


def f1(scores: Floats, positive: Chosen, at: float) -> float:
    said = scores >= at
    return float(2 * (said & positive).sum() / (said.sum() + positive.sum()))


def _row(part: str, model: str, category: str, source: str, share: Any) -> dict[str, Any]:
    return {
        "part": part,
        "model": model,
        "category": category,
        "source": source,
        "share": share.share,
        "low": share.low,
        "high": share.high,
        "found": share.found,
        "of": share.positives,
    }


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Ours and plain side by side, one table a part."""
    for part in PARTS:
        some = [row for row in rows if row["part"] == part]
        if not some:
            continue
        yield from (f"\n## {part}\n", "| category | source | ours | plain |", "| --- | --- | --- | --- |")
        keys = dict.fromkeys((row.get("category", ""), row["source"]) for row in some)
        for category, source in keys:
            cells = [
                next((_cell(row) for row in some if _is(row, model, category, source)), "–")
                for model in ("ours", "plain")
            ]
            yield f"| {category} | {source} | {' | '.join(cells)} |"


def _is(row: dict[str, Any], model: str, category: str, source: str) -> bool:
    return (row["model"], row.get("category", ""), row["source"]) == (model, category, source)


def _cell(row: dict[str, Any]) -> str:
    if "f1" in row:
        return f"F1 {row['f1']:.3f}"
    a_day = "; {} a day ({} to {})".format(*row["a_day"]) if "a_day" in row else ""
    digits = 5 if a_day or row["part"] == "normals" else 2
    return f"{row['share']:.{digits}f} ({row['low']:.{digits}f}–{row['high']:.{digits}f}){a_day}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of labelled text, one *.train.jsonl.gz a source")
    parser.add_argument("--variant", choices=sorted(train.VARIANTS), default="full")
    parser.add_argument("--folds", type=int, choices=range(1, train.FOLDS + 1), default=train.FOLDS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args()
    if given.data is None:
        print("Nothing measured: detection needs labelled text, --data FOLDER (docs/models.md).", file=sys.stderr)
        return
    began = time.monotonic()
    data = Data(given.data, given.variant)
    rows: list[dict[str, Any]] = []
    if {"random", "act"} & set(given.parts):
        rows += random_and_act(data, given.folds, given.parts)
    for part in (sources, normals, reviews):
        if part.__name__ in given.parts:
            rows += part(data)
    if given.json:
        print(json.dumps(rows))
        return
    print(f"variant {given.variant}, {len(data.rows.texts)} rows, {time.monotonic() - began:.0f} s")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
