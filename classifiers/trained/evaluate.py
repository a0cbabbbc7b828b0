"""How well a model tells each category from normal messages: by source, with intervals, also on sources left out."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.trained.card import Card, Figure, Recall

Floats = npt.NDArray[np.float64]

REVIEW = 1000
ACT = 20000
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


def compare(cards: Sequence[Card]) -> Comparison:
    """Compare the variants by the recall at review on sources left out of training, mean over category and source.

    A pair of category and source that a variant has no figure for, as it has no examples of the category, counts as 0
    for it. ValueError without cards.
    """
    if not cards:
        raise ValueError("no model cards to compare: train a variant first")
    shares = {
        card.variant: {(f.category, f.source): f.review.share for f in card.figures if f.how == "left_out"}
        for card in cards
    }
    pairs = sorted({key for found in shares.values() for key in found})
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
