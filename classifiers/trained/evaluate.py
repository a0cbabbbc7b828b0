"""How well a model tells each category from normal messages: by source, with intervals, also on sources left out."""

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.folding import fold_batch
from classifiers.trained.card import Bin, Card, Figure, Recall, interval
from classifiers.trained.registry import ARTIFACTS, VARIANTS, default_dir
from classifiers.trained.serve import NEVER, Model
from models.signal import TRAINED_CATEGORIES

Floats = npt.NDArray[np.float64]

REVIEW = 1000
ACT = 10000
# How a label says that nothing is wrong.
_NORMAL = ("ok", "normal")
# Fewer positives of a source than these say nothing about it.
ENOUGH = 30
# The permissive variant is the default while its mean recall at review is at most this much below the full variant's.
TOLERANCE = 0.05


def wilson(found: int, of: int) -> Recall:
    """The share with its 95 % Wilson score interval; (0, 1) for nothing seen."""
    if not of:
        return Recall(0, 0, 0.0, 0.0, 1.0)
    low, high = interval(found, of)
    return Recall(of, found, round(found / of, 4), round(low, 4), round(high, 4))


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


def bins_of(scores: Floats, is_positive: npt.NDArray[np.bool_], bins: int = 10) -> tuple[Bin, ...]:
    """How often texts of each tenth of the scores are of the category; tenths without a text are left out."""
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    return tuple(
        Bin(
            one / bins,
            (one + 1) / bins,
            int(here.sum()),
            round(float(scores[here].mean()), 4),
            int(is_positive[here].sum()),
        )
        for one in range(bins)
        if (here := place == one).any()
    )


def real_share(found: Recall, accused: Recall, base_rate: float) -> tuple[float, float, float] | None:
    """Of messages above a cut the share that is of the category, with the ends that both intervals allow, where
    `base_rate` of all messages are of it. Labelled data holds far more of it than a group does, so it cannot say this.
    None where no offence or nothing normal was there to show it.
    """
    if not found.positives or not accused.positives:
        return None

    def share(of_positives: float, of_normals: float) -> float:
        hits, others = of_positives * base_rate, of_normals * (1 - base_rate)
        return hits / (hits + others) if hits + others else 0.0

    shares = (share(found.share, accused.share), share(found.low, accused.high), share(found.high, accused.low))
    return tuple(round(one, 4) for one in shares)  # type: ignore[return-value]


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


def is_different(one: Recall | None, other: Recall | None) -> bool:
    """Whether two shares differ by more than their intervals."""
    return one is not None and other is not None and (one.low > other.high or other.low > one.high)


class OnFile(Struct, frozen=True):
    """One category on labelled texts of a file, at the model's own cuts.

    `accused` counts the file's normal texts at the review cut, `act_accused` at the act cut, which a model may not have.
    `real` is the share of offences among messages above the review cut, with its ends, see `real_share`; `act_real` above
    the act cut. `bins` is how often texts of each tenth of the scores are of the category.
    """

    category: str
    auc: float | None
    review: Recall
    act: Recall | None
    accused: Recall
    act_accused: Recall | None
    real: tuple[float, float, float] | None
    act_real: tuple[float, float, float] | None
    bins: tuple[Bin, ...]


class _Labelled(Struct):
    """`category` of a normal row: nobody said that it is fine for the others."""

    text: str
    label: str
    category: str = ""


def _read(path: Path, categories: Collection[str]) -> list[_Labelled]:
    decoder = msgspec.json.Decoder(_Labelled)
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"line {number}: {error}") from error
            if row.label not in _NORMAL and row.label not in categories:
                known = ", ".join(sorted(categories))
                raise ValueError(f'line {number}: the label "{row.label[:40]}" is neither ok nor one of {known}')
            rows.append(row)
    return rows


def on_file(model: Model, path: Path, base_rate: float = 0.001) -> tuple[OnFile, ...]:
    """Figures on a JSONL file of `{text, label}`, `label` a category, `ok` or `normal`; categories without a row are left out.

    Exported labels are such a file; their `ok` counts for its `category` alone. Texts that the model was trained on flatter
    it. OSError for a file that cannot be read, ValueError names the line that is not of this form.
    """
    rows = _read(path, {*TRAINED_CATEGORIES, *model.categories})
    if not rows:
        return ()
    scores = np.concatenate(
        [
            model.score(fold_batch([row.text for row in rows[first : first + 8192]]))
            for first in range(0, len(rows), 8192)
        ]
    ).astype(np.float64)
    labels = np.array([row.label for row in rows])
    only = np.array([row.category for row in rows])
    found = []
    for column, category in enumerate(model.categories):
        is_positive = labels == category
        is_normal = np.isin(labels, _NORMAL) & ((only == "") | (only == category))
        positive, normal = scores[is_positive, column], scores[is_normal, column]
        if not len(positive) and not len(normal):
            continue

        def at(share: float, of: Floats, category: str = category) -> Recall | None:
            cut = model.cut(category, share)
            return None if cut >= NEVER else wilson(int((of >= cut).sum()), len(of))

        review, accused = at(1 / REVIEW, positive), at(1 / REVIEW, normal)
        if review is None or accused is None:
            continue
        ranked = auc(positive, normal) if len(positive) and len(normal) else None
        act, act_accused = at(1 / ACT, positive), at(1 / ACT, normal)
        found.append(
            OnFile(
                category,
                ranked,
                review,
                act,
                accused,
                act_accused,
                real_share(review, accused, base_rate),
                real_share(act, act_accused, base_rate) if act and act_accused else None,
                bins_of(scores[is_positive | is_normal, column], is_positive[is_positive | is_normal]),
            )
        )
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
