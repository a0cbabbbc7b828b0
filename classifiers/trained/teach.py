"""What a team's labels teach: a small change on top of weights that are there, which are never thrown away.

Of each category that has labels, new logit = old logit + change. The change is learned from the labels and the project's
own texts together, with a ridge that pulls it to zero. It moves the n-grams of labelled texts alone: a text that shares none
with any of them keeps its score (two n-grams share a row of the table now and then), and neither bias, length nor other
shape can be moved.

It is learned once without each of the reviewers, and no n-gram moves farther than in the least of these: none moves where
one of them moves the other way. So whatever one reviewer says, however often, moves nothing that the others' labels do not
move as far; all that one alone can do is hold the change back. Deterministic.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from classifiers.folding import fold_batch
from classifiers.trained import features, halves
from classifiers.trained.card import Card, Effect, Guard, Head, Quantile, Taught
from classifiers.trained.evaluate import REVIEW, bins_of, wilson
from classifiers.trained.model_card import write_card
from classifiers.trained.rows import OWN, Lesson, Rows
from classifiers.trained.serve import NEVER, SHOWN_BY, Model
from classifiers.trained.train import matrix_of, prepare
from models.signal import TRAINED_CATEGORIES

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

# By figures on sources that the weights had not seen, see docs/tuning.md: 0.3 learns more, 3 half as much.
RIDGE = 1.0
FOLDS = 3
# Scores are kept within these logits, as in serving.
_LIMIT = 15.0
# N-grams can be moved, the rows of a text's shape behind them cannot.
_GRAMS = 1 << features.TABLE_BITS


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows that one category learns from: features, old logits, answers, weights, and the fold in which each is left out.

    `without[i, r]`: row i is there without reviewer r, too.
    """

    x: sparse.csr_matrix
    logits: Floats
    says: Floats
    weight: Floats
    without: npt.NDArray[np.bool_]
    fold: npt.NDArray[np.int64]


def change_of(rows: _Rows, x: sparse.csr_matrix, chosen: npt.NDArray[np.bool_]) -> Floats:
    """The change of each column of `x` from the chosen rows, as far as it is the same without any one reviewer."""
    changes = []
    for without in rows.without.T:
        here = chosen & without
        changes.append(_fitted(x[here], rows.logits[here], rows.says[here], rows.weight[here]))
    found = np.stack(changes)
    least: Floats = np.where((found > 0).all(axis=0), found.min(axis=0), 0.0)
    return least + np.where((found < 0).all(axis=0), found.max(axis=0), 0.0)


def _fitted(x: sparse.csr_matrix, logits: Floats, says: Floats, weight: Floats) -> Floats:
    """Least weighted logistic loss of the new logits plus the ridge."""

    def loss(change: Floats) -> tuple[float, Floats]:
        margins = says * (logits + x @ change)
        slope = -(weight * says * expit(-margins))
        return float(-(weight * log_expit(margins)).sum() + RIDGE / 2 * change @ change), x.T @ slope + RIDGE * change

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-7})
    return np.asarray(found.x, np.float64)


def teach(
    base: Model,
    lessons: Sequence[Lesson],
    guards: Sequence[Guard],
    reviewers: int,
    rows: Rows,
    out_dir: Path,
    progress: Progress = print,
    *,
    present: Model | None = None,
) -> Card:
    """Write the base's weights with what the lessons change to `out_dir`, with `card.json` and `MODEL_CARD.md`, which
    compares them with the `present` ones, by default the base.

    `rows` hold the project's own texts, which hold the change back, and all normal messages at hand. Cuts are those of the
    base, raised by what the change raises normal messages that it had not seen; labels alone never lower one. Seconds.
    """
    present = present or base
    matrix = prepare(rows)
    columns = [base.weights(category) for category in base.categories]
    heads: list[Head] = []
    effects: list[Effect] = []
    reliability = {}
    for place, head in enumerate(base.card.heads):
        mine = [one for one in lessons if one.category == head.category]
        # What was counted with other weights says nothing of these.
        head = replace(head, recent=None)
        if not mine:
            heads.append(head)
            continue
        taught = _labelled(base, head.category, mine)
        own = _own(matrix.x, rows, columns[place], head, taught.without.shape[1])
        both = _joined(taught, own)
        used = _used(taught.x)
        change, unseen = _learn(both, used)
        # All experts alike, so whichever speaks has learned it.
        columns[place][used] += (change / head.slope).astype(np.float32)[:, None]
        normal = rows.believed(head.category)
        before = _logits(matrix.x, base.weights(head.category), head)
        after = before + matrix.x[:, used] @ change
        # An own text is scored by the change that had not seen it.
        after[_own_places(rows, head.category)] = unseen[len(mine) :]
        heads.append(replace(head, quantiles=_raised(head.quantiles, before[normal], after[normal])))
        effects += _effects(
            heads[-1], _found(present, head.category, mine, matrix.x, rows), both.says, unseen, len(mine)
        )
        reliability[head.category] = bins_of(expit(unseen), both.says > 0)
        progress(f"{head.category}: learned from {len(mine)} labelled texts")
    card = replace(
        base.card,
        variant=f"{base.card.variant.partition('+')[0]}+labels",
        weights=halves.write(out_dir, list(np.concatenate(columns, axis=1).T)),
        heads=tuple(heads),
        figures=(),
        taught=Taught(
            base.version,
            _digest(lessons, rows),
            _counts(lessons),
            reviewers,
            tuple(guards),
            tuple(effects),
            reliability,
            present.version,
        ),
    )
    write_card(card, out_dir)
    return card


def _logits(x: sparse.csr_matrix, weights: npt.NDArray[np.float32], head: Head) -> Floats:
    margins = (x @ weights + np.array([expert.bias for expert in head.experts])).max(axis=1)
    found: Floats = (margins * head.slope + head.offset).astype(np.float64)
    return found


def _labelled(base: Model, category: str, lessons: Sequence[Lesson]) -> _Rows:
    """The labelled texts; of a long one its loudest piece, which is what it was scored by."""
    head, weights = base.card.heads[base.categories.index(category)], base.weights(category)
    batch = fold_batch([one.text for one in lessons])
    starts, first = features.pieces(batch.starts)
    x = matrix_of(features.features(batch.codes, starts))
    logits = _logits(x, weights, head)
    ends = np.append(first[1:], len(starts) - 1)
    loudest = np.array([low + int(logits[low:high].argmax()) for low, high in zip(first, ends, strict=True)], np.int64)
    says = np.array([one.says for one in lessons], np.float64)
    weight = np.array([one.weight for one in lessons], np.float64)
    names = sorted({name for one in lessons for name in one.reviewers})
    without = np.array([[one.reviewers != {name} for name in names] for one in lessons], np.bool_)
    return _Rows(x[loudest], logits[loudest], says, weight, without, np.arange(len(lessons)) % FOLDS)


def _own_places(rows: Rows, category: str) -> npt.NDArray[np.int64]:
    return np.flatnonzero((rows.source == OWN) & (rows.says[:, TRAINED_CATEGORIES.index(category)] != 0))


def _own(x: sparse.csr_matrix, rows: Rows, weights: npt.NDArray[np.float32], head: Head, reviewers: int) -> _Rows:
    places = _own_places(rows, head.category)
    says = rows.says[places, TRAINED_CATEGORIES.index(head.category)].astype(np.float64)
    logits = _logits(x[places], weights, head)
    without = np.ones((len(places), reviewers), np.bool_)
    return _Rows(x[places], logits, says, np.ones(len(places)), without, np.arange(len(places)) % FOLDS)


def _joined(one: _Rows, other: _Rows) -> _Rows:
    return _Rows(
        sparse.vstack((one.x, other.x), format="csr"),
        np.concatenate((one.logits, other.logits)),
        np.concatenate((one.says, other.says)),
        np.concatenate((one.weight, other.weight)),
        np.concatenate((one.without, other.without)),
        np.concatenate((one.fold, other.fold)),
    )


def _used(x: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """The n-grams that stand in a labelled text."""
    columns: npt.NDArray[np.int64] = np.unique(x.indices).astype(np.int64)
    return columns[columns < _GRAMS]


def _learn(rows: _Rows, used: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The change, and the new logit of each row by a change that had not seen the row."""
    x = rows.x[:, used]
    unseen = rows.logits.copy()
    for fold in range(FOLDS):
        held = rows.fold == fold
        unseen[held] += x[held] @ change_of(rows, x, ~held)
    return change_of(rows, x, np.ones(len(rows.says), np.bool_)), unseen


def _raised(quantiles: Sequence[Quantile], before: Floats, after: Floats) -> tuple[Quantile, ...]:
    """The cuts, each raised by what normal messages rose; where they are too few for it, by what they rose at the finest
    share that they show. The base may have seen these messages, so only the difference is used."""
    low, high = np.sort(before)[::-1], np.sort(after)[::-1]
    raised: list[Quantile] = []
    for one in quantiles:
        place = max(len(low) // min(one.one_in, max(len(low) // SHOWN_BY, 1)) - 1, 0)
        rise = max(float(high[place] - low[place]), 0.0) if len(low) else 0.0
        logit = min(float(np.log(one.score / (1 - one.score))) + rise, _LIMIT)
        score = max(float(expit(logit)), one.score, raised[-1].score if raised else 0.0)
        raised.append(replace(one, score=score))
    return tuple(raised)


def _found(
    present: Model, category: str, lessons: Sequence[Lesson], x: sparse.csr_matrix, rows: Rows
) -> npt.NDArray[np.bool_] | None:
    """Whether the labelled and the own texts reach the review cut of what was in force; None where it has none."""
    if category not in present.categories or (cut := present.cut(category, 1 / REVIEW)) >= NEVER:
        return None
    head = present.card.heads[present.categories.index(category)]
    own = _logits(x[_own_places(rows, category)], present.weights(category), head)
    found: npt.NDArray[np.bool_] = expit(np.concatenate((_labelled(present, category, lessons).logits, own))) >= cut
    return found


def _effects(new: Head, was: npt.NDArray[np.bool_] | None, says: Floats, unseen: Floats, labels: int) -> list[Effect]:
    """Shares at the review cut, before by what was in force and after with a change that had not seen the text."""
    after = next((q.score for q in new.quantiles if q.one_in == REVIEW), None)
    if was is None or after is None:
        return []
    now = expit(unseen) >= after
    team = np.arange(len(was)) < labels
    found = []
    for of, chosen in (
        ("upheld, found", team & (says > 0)),
        ("overturned, accused", team & (says < 0)),
        ("own offences, found", ~team & (says > 0)),
        ("own normal, accused", ~team & (says < 0)),
    ):
        count = int(chosen.sum())
        found.append(
            Effect(new.category, of, wilson(int(was[chosen].sum()), count), wilson(int(now[chosen].sum()), count))
        )
    return found


def _counts(lessons: Sequence[Lesson]) -> dict[str, dict[str, int]]:
    return {
        category: {
            name: sum(one.says == says for one in lessons if one.category == category)
            for name, says in (("offence", 1), ("normal", -1))
        }
        for category in sorted({one.category for one in lessons})
    }


def _digest(lessons: Sequence[Lesson], rows: Rows) -> str:
    """Names everything that was learned from; no text can be read back from it."""
    digest = hashlib.sha256()
    for one in lessons:
        digest.update(repr((one.text, one.category, one.says, one.weight)).encode("utf-8", "surrogatepass"))
    for text in rows.texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    digest.update(rows.says.tobytes())
    return digest.hexdigest()
