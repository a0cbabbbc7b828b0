"""What labels of honest reviewers bring, and what 4,966 wrong ones of another do: python benchmarks/poison.py DATA

The variant `permissive`, which has seen neither source, learns fraud from labels on fbs_sms and nus_sms_zh, and is measured
on other texts of both. No text is printed. Two minutes on one core.
"""

import gzip
import json
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

from classifiers.folding import FoldedBatch, fold_batch
from classifiers.trained.registry import ARTIFACTS, default_dir
from classifiers.trained.rows import clean, read_rows
from classifiers.trained.serve import Model
from classifiers.trained.teach import teach
from streams.cli.labels import own_offences
from streams.tuning.guards import guarded
from streams.tuning.labels import OK, Label

CATEGORY = "fraud"


def texts(data: Path, source: str, cat: str = "") -> list[str]:
    with gzip.open(data / f"{source}.train.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [clean(row["text"], source) for row in map(json.loads, lines) if row.get("cat", "").startswith(cat)]
    random.Random(3).shuffle(found)
    return found


def labels(by: str, offences: list[str], normal: list[str]) -> list[Label]:
    answers = [(CATEGORY, one) for one in offences] + [(OK, one) for one in normal]
    return [Label(text=text, label=answer, category=CATEGORY, by=by, at=0, until=1) for answer, text in answers]


def logits(model: Model, batch: FoldedBatch) -> np.ndarray:
    scores = model.score(batch)[:, model.categories.index(CATEGORY)].astype(np.float64)
    return np.log(scores / (1 - scores))


def main(data: Path) -> None:
    fraud, talk = texts(data, "fbs_sms", "FR"), texts(data, "nus_sms_zh")
    base, rows = Model.load(default_dir("permissive")), read_rows(None, ARTIFACTS.parent / "texts", ())
    measured = {"found": fold_batch(fraud[1266:]), "accused": fold_batch(talk[5000:])}
    poison = labels("poisoner", talk[300:4300], fraud[300:1266])
    cases = {
        "two honest, 50 and 50": labels("a", fraud[:25], talk[:25]) + labels("b", fraud[25:50], talk[25:50]),
        "two honest, 300 and 300": labels("a", fraud[:150], talk[:150]) + labels("b", fraud[150:300], talk[150:300]),
        "the poisoner alone": poison,
        "one honest, 50 and 50, and the poisoner": labels("a", fraud[:50], talk[:50]) + poison,
    }
    cases["two honest, 300 and 300, and the poisoner"] = cases["two honest, 300 and 300"] + poison
    for name, given in cases.items():
        let = guarded(given, own_offences())
        with tempfile.TemporaryDirectory() as folder:
            teach(base, let.lessons, let.guards, let.reviewers, rows, Path(folder), lambda line: None)
            taught = Model.load(folder)
        told = []
        for what, batch in measured.items():
            before, after = logits(base, batch), logits(taught, batch)
            cuts = [one.cut(CATEGORY, 1 / 1000) for one in (base, taught)]
            was, now = (
                (some >= np.log(cut / (1 - cut))).mean() for some, cut in zip((before, after), cuts, strict=True)
            )
            told.append(f"{what} {was:.4f} -> {now:.4f}, largest move {np.abs(after - before).max():.2f}")
        print(f"{name}: {'; '.join(told)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
