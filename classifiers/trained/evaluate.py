"""How well a model tells each category from normal messages: by source, with intervals, also on sources left out."""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.folding import fold_batch
from classifiers.trained.card import Card, Figure, Recall
from classifiers.trained.registry import ARTIFACTS, VARIANTS, default_dir
from classifiers.trained.serve import NEVER, Model

Floats = npt.NDArray[np.float64]

REVIEW = 1000
ACT = 10000
# Fewer positives of a source than these say nothing about it.
ENOUGH = 30
# The permissive variant is the default while its mean recall at review is at most this much below the full variant's.
TOLERANCE = 0.05


def wilson(found: int, of: int) -> Recall:
    """The share with its 95 % Wilson score interval; (0, 1) for nothing seen."""
    if not of:
        return Recall(0, 0, 0.0, 0.0, 1.0)
    z = 1.959964
    share = found / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    low, high = max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
    return Recall(of, found, round(share, 4), round(low, 4), round(high, 4))


def auc(positive: Floats, negative: Floats) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, side="left") + np.searchsorted(order, positive, side="right")
    return round(float(below.mean()) / (2 * len(order)), 4)


def _recall(positive: Floats, normal: Floats, one_in: int) -> Recall | None:
    allowed = len(normal) // one_in
    if not allowed:
        return None
    cut = np.sort(normal)[::-1][allowed - 1]
    return wilson(int((positive >= cut).sum()), len(positive))


def figure_of(category: str, source: str, how: str, positive: Floats, normal: Floats) -> Figure | None:
    """Figures of one category on one source; None where the messages are too few to say anything."""
    review = _recall(positive, normal, REVIEW)
    if review is None or len(positive) < ENOUGH:
        return None
    return Figure(category, source, how, auc(positive, normal), review, _recall(positive, normal, ACT))


class Comparison(Struct, frozen=True):
    """Both variants side by side; `default` is the one to use, `because` says why in a sentence."""

    default: str
    because: str
    recall: dict[str, float]
    figures: dict[str, tuple[Figure, ...]]

    def markdown(self) -> str:
        """One table: a line per category, source and way of measuring, the variants in columns."""
        names = list(self.figures)
        lines = [
            "| category | source | model had seen | " + " | ".join(f"{n}: AUC · review · act" for n in names) + " |",
            "| --- | --- | --- |" + " --- |" * len(names),
        ]
        found = {
            (figure.category, figure.source, figure.how): figure
            for figures in self.figures.values()
            for figure in figures
        }
        by_name = {
            name: {(figure.category, figure.source, figure.how): figure for figure in figures}
            for name, figures in self.figures.items()
        }
        for key in found:
            cells = [_cell(by_name[name].get(key)) for name in names]
            how = {"folds": "other rows of it", "left_out": "nothing of it"}[key[2]]
            lines.append(f"| {key[0]} | {key[1]} | {how} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return f"{figure.auc:.3f} · {_share(figure.review)} · {_share(figure.act)}"


def _share(recall: Recall | None) -> str:
    if recall is None:
        return "–"
    return f"{recall.share:.2f} ({recall.low:.2f}–{recall.high:.2f})"


class OnFile(Struct, frozen=True):
    """One category on labelled texts of a file, at the model's own cuts.

    `accused` counts the file's `ok` texts at the review cut, `act_accused` at the act cut, which a model may not have.
    """

    category: str
    auc: float | None
    review: Recall
    act: Recall | None
    accused: Recall
    act_accused: Recall | None


class _Labelled(Struct):
    text: str
    label: str


def on_file(model: Model, path: Path) -> tuple[OnFile, ...]:
    """Figures on a JSONL file of `{text, label}`, `label` a category or `ok`; categories without a row are left out.

    Texts that the model was trained on flatter it. OSError and msgspec.DecodeError for a file that cannot be read.
    """
    decoder = msgspec.json.Decoder(_Labelled)
    rows = [decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
    scores = model.score(fold_batch([row.text for row in rows])).astype(np.float64)
    labels = np.array([row.label for row in rows])
    found = []
    for column, category in enumerate(model.categories):
        positive, normal = scores[labels == category, column], scores[labels == "ok", column]
        if not len(positive):
            continue

        def at(share: float, of: Floats, category: str = category) -> Recall | None:
            cut = model.cut(category, share)
            return None if cut >= NEVER else wilson(int((of >= cut).sum()), len(of))

        review, accused = at(1 / REVIEW, positive), at(1 / REVIEW, normal)
        if review is None or accused is None:
            continue
        ranked = auc(positive, normal) if len(normal) else None
        found.append(OnFile(category, ranked, review, at(1 / ACT, positive), accused, at(1 / ACT, normal)))
    return tuple(found)


def shipped(artifacts: Path = ARTIFACTS) -> Comparison:
    """Both variants of the package side by side, as measured when they were trained.

    ModelUnavailable if one is not whole.
    """
    return compare([Model.load(default_dir(variant, artifacts)).card for variant in VARIANTS])


def compare(cards: Sequence[Card]) -> Comparison:
    """Compare the variants by the recall at review on sources left out of training, mean over category and source.

    Only pairs of category and source count on which every variant that knows the category could be measured; a variant
    without examples of the category has found nothing. ValueError without cards.
    """
    if not cards:
        raise ValueError("no model cards to compare: train a variant first")
    shares = {
        card.variant: {(f.category, f.source): f.review.share for f in card.figures if f.how == "left_out"}
        for card in cards
    }
    knows = {card.variant: {head.category for head in card.heads} for card in cards}
    pairs = sorted(
        key
        for key in {key for found in shares.values() for key in found}
        if all(key in shares[name] or key[0] not in knows[name] for name in shares)
    )
    recall = {
        name: round(sum(found.get(key, 0.0) for key in pairs) / max(len(pairs), 1), 4) for name, found in shares.items()
    }
    best = max(recall.values())
    default = (
        "permissive" if recall.get("permissive", -1.0) >= best - TOLERANCE else max(recall, key=recall.__getitem__)
    )
    said = ", ".join(f"{name} {share:.1%}" for name, share in recall.items())
    because = (
        f"{default} is the default: mean recall at the review point over {len(pairs)} pairs of category and source "
        f"that were left out of training is {said}."
    )
    return Comparison(default, because, recall, {card.variant: card.figures for card in cards})
