"""Trains the models: one linear head per category, scores calibrated on rows that the head had not seen.

Deterministic: the same rows give the same bytes. scikit-learn and SciPy are needed here and nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from classifiers.folding import fold_batch
from classifiers.trained import evaluate, features, halves
from classifiers.trained.card import FORMAT, Card, Expert, Figure, Head, Source
from classifiers.trained.cuts import quantiles_of
from classifiers.trained.model_card import model_card
from classifiers.trained.recipes import WORK, Recipe, recipes
from classifiers.trained.rows import FULL, LICENCES, OWN, PERMISSIVE, Rows, read_rows
from models.signal import TRAINED_CATEGORIES

Floats = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]
Progress = Callable[[str], None]

VARIANTS = {"permissive": PERMISSIVE, "full": FULL}
FOLDS = 5
SEED = 20261121
# Between the cuts for these shares of normal messages lies the unit in which experts are compared.
_COMPARED = (50, 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Rows with their features and the fold of each."""

    rows: Rows
    x: sparse.csr_matrix
    fold: npt.NDArray[np.int64]

    def known(self, head: int) -> Chosen:
        known: Chosen = self.rows.says[:, head] != 0
        return known

    def of(self, sources: Sequence[str]) -> Chosen:
        return np.isin(self.rows.source, list(sources))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """One expert as it was trained."""

    weights: npt.NDArray[np.float32]
    bias: float

    def margins(self, x: sparse.csr_matrix) -> Floats:
        margins: Floats = x @ self.weights + self.bias
        return margins


def matrix_of(found: features.Features) -> sparse.csr_matrix:
    """The features as a matrix whose product with the weights is the served margin."""
    count, shapes = len(found.starts) - 1, found.shape.shape[1]
    grams = sparse.csr_matrix(
        (np.repeat(found.value, np.diff(found.starts)), found.rows, found.starts), shape=(count, features.TABLE_ROWS)
    )
    shape = sparse.csr_matrix(
        (
            np.full(count * shapes, features.SHAPE_VALUE, np.float32),
            found.shape.ravel(),
            np.arange(count + 1) * shapes,
        ),
        shape=(count, features.TABLE_ROWS),
    )
    return (grams + shape).tocsr()


def prepare(rows: Rows) -> Matrix:
    """Features and folds of the rows; a row's fold follows from its text, so it stays when others are added."""
    fold = np.array([crc32(text.encode("utf-8", "surrogatepass")) % FOLDS for text in rows.texts], np.int64)
    # In slices: the n-grams of all rows at once would need gigabytes.
    parts = []
    for first in range(0, len(rows.texts), 8192):
        batch = fold_batch(rows.texts[first : first + 8192])
        starts, first_piece = features.pieces(batch.starts)
        # Of a long message the first piece: what is said of the whole need not hold for the others.
        parts.append(matrix_of(features.features(batch.codes, starts))[first_piece])
    x = sparse.vstack(parts, format="csr")
    return Matrix(rows, x, fold)


def fit(matrix: Matrix, head: int, recipe: Recipe, chosen: Chosen) -> Fitted | None:
    """One expert of one head from the chosen rows that say something about it; None without both answers."""
    sources = matrix.rows.source
    if recipe.needs and not (chosen & matrix.of(recipe.needs)).any():
        return None
    weight = np.array([recipe.weights.get(source, 1.0) for source in sources.tolist()])
    chosen = chosen & matrix.known(head) & (weight > 0)
    says = matrix.rows.says[chosen, head]
    if len(set(says.tolist())) < 2:
        return None
    # Hinge and dual: logistic regression with lbfgs stops far from the optimum here and finds a third less.
    model = LinearSVC(C=recipe.C, dual=True, tol=1e-2, max_iter=2000, random_state=SEED)
    model.fit(matrix.x[chosen], says, sample_weight=weight[chosen])
    return Fitted(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def unseen_margins(matrix: Matrix, head: int, recipe: Recipe, mine: Chosen) -> Floats | None:
    """Margins of all rows, each from an expert trained without the row's fold; None if nothing can be trained."""
    margins = np.zeros(len(matrix.rows.texts))
    for fold in range(FOLDS):
        fitted = fit(matrix, head, recipe, mine & (matrix.fold != fold))
        if fitted is None:
            return None
        held = matrix.fold == fold
        margins[held] = fitted.margins(matrix.x[held])
    return margins


def margins_without(matrix: Matrix, head: int, seen: Chosen, normal: Chosen) -> Floats | None:
    """Margins of all rows from experts that learned from the rows `seen` alone; their units from the rows `normal`."""
    compared = []
    for recipe in recipes(TRAINED_CATEGORIES[head]):
        fitted = fit(matrix, head, recipe, seen)
        if fitted is not None:
            margins = fitted.margins(matrix.x)
            zero, unit = _unit(margins[normal], recipe)
            compared.append((margins - zero) / unit)
    return np.max(compared, axis=0) if compared else None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The experts of one head in units that can be compared, and the margins of rows that they had not seen."""

    experts: tuple[Expert, ...]
    columns: tuple[npt.NDArray[np.float32], ...]
    margins: Floats


def train_head(matrix: Matrix, head: int, mine: Chosen) -> Trained | None:
    """All experts of a head from the rows that are mine; None if nothing can be trained."""
    normal = matrix.rows.believed(TRAINED_CATEGORIES[head])
    found: list[tuple[Recipe, Fitted, Floats]] = []
    for recipe in recipes(TRAINED_CATEGORIES[head]):
        fitted, margins = fit(matrix, head, recipe, mine), unseen_margins(matrix, head, recipe, mine)
        if fitted is not None and margins is not None:
            found.append((recipe, fitted, margins))
    if not found:
        return None
    experts, columns, compared = [], [], []
    for recipe, fitted, margins in found:
        zero, unit = _unit(margins[normal], recipe) if len(found) > 1 else (0.0, 1.0)
        experts.append(Expert(recipe.name, (fitted.bias - zero) / unit))
        columns.append((fitted.weights / np.float32(unit)).astype(np.float32))
        compared.append((margins - zero) / unit)
    return Trained(tuple(experts), tuple(columns), np.max(compared, axis=0))


def _unit(normal: Floats, recipe: Recipe) -> tuple[float, float]:
    """What an expert's margins are counted from, and in: its cuts on normal messages."""
    falling = np.sort(normal)[::-1]
    wide, narrow = (falling[max(len(falling) // one_in, 1) - 1] for one_in in _COMPARED)
    unit = float(narrow - wide) or 1.0
    return float(narrow) + recipe.yields * unit, unit


def _calibrate(margins: Floats, says: npt.NDArray[np.int8]) -> tuple[float, float]:
    """Slope and offset of Platt's logistic curve through margins of unseen rows."""
    model = LogisticRegression(C=1e6, max_iter=1000)
    model.fit(margins[:, None], says)
    # A curve that falls, from a head with next to no rows, would turn the order round.
    return max(float(model.coef_[0, 0]), 1e-3), float(model.intercept_[0])


def train(data_dir: Path | None, texts_dir: Path, out_dir: Path, variant: str, progress: Progress = print) -> Card:
    """Train one variant, `permissive` or `full`, and write weights, `card.json` and `MODEL_CARD.md` to `out_dir`.

    All sources are read from `data_dir` for either variant: what a variant may not learn from still measures it.
    Without `data_dir` only the project's own texts are used. About a minute on one core. KeyError for an unknown
    variant; FileNotFoundError names a missing file.
    """
    sources = VARIANTS[variant]
    matrix = prepare(read_rows(data_dir, texts_dir, FULL if data_dir is not None else ()))
    progress(
        f"{variant}: {len(matrix.rows.texts)} rows, {int(matrix.rows.normal.sum())} normal messages for the quantiles"
    )
    mine = matrix.of((OWN, *sources))
    heads: list[Head] = []
    columns: list[npt.NDArray[np.float32]] = []
    figures: list[Figure] = []
    for i, category in enumerate(TRAINED_CATEGORIES):
        trained = train_head(matrix, i, mine)
        if trained is None:
            progress(f"{variant}: {category} left out, no examples")
            continue
        known = mine & matrix.known(i)
        says = matrix.rows.says[:, i]
        slope, offset = _calibrate(trained.margins[known], says[known])
        normal = matrix.rows.believed(category)
        scores = 1 / (1 + np.exp(-np.clip(trained.margins * slope + offset, -15, 15)))
        quantiles = quantiles_of(scores[normal])
        heads.append(
            Head(
                category,
                trained.experts,
                slope,
                offset,
                int((says[known] == 1).sum()),
                int((says[known] == -1).sum()),
                _counts(matrix.rows.source[normal]),
                quantiles,
            )
        )
        columns += trained.columns
        figures += _figures(matrix, i, scores, normal)
        figures += _left_out(matrix, i, normal, mine)
        progress(f"{variant}: {category} trained on {heads[-1].positives} examples")
    weights = halves.write(out_dir, columns)
    card = Card(
        FORMAT,
        features.VERSION,
        features.TABLE_ROWS,
        variant,
        weights,
        tuple(heads),
        _sources(matrix, mine),
        _settings([head.category for head in heads]),
        tuple(figures),
    )
    (out_dir / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    (out_dir / "MODEL_CARD.md").write_text(model_card(card, evaluate.compare([card])), encoding="utf-8")
    return card


def _settings(categories: Sequence[str]) -> dict[str, float]:
    """Every figure of the recipes, by name."""
    said: dict[str, float] = {"folds": FOLDS, "seed": SEED}
    for category in categories:
        for recipe in recipes(category):
            of = "" if recipe == WORK else f" of {category}"
            said |= {f"{recipe.name}{of}: C": recipe.C, f"{recipe.name}{of}: yields": recipe.yields}
            said |= {f"{recipe.name}{of}: weight of {name}": weight for name, weight in recipe.weights.items()}
    return said


def release(data_dir: Path, texts_dir: Path, artifacts_dir: Path, progress: Progress = print) -> evaluate.Comparison:
    """Train both variants, decide which is the default, and write what the package ships."""
    cards = [train(data_dir, texts_dir, artifacts_dir / variant, variant, progress) for variant in VARIANTS]
    comparison = evaluate.compare(cards)
    decided = {"default": comparison.default, "because": comparison.because}
    (artifacts_dir / "default.json").write_bytes(msgspec.json.format(msgspec.json.encode(decided), indent=1) + b"\n")
    for card in cards:
        (artifacts_dir / card.variant / "MODEL_CARD.md").write_text(model_card(card, comparison), encoding="utf-8")
    progress(comparison.because)
    return comparison


def _figures(matrix: Matrix, head: int, scores: Floats, normal: Chosen) -> list[Figure]:
    """Figures on each source from models that had seen other rows of it, as far as the variant may see it at all."""
    positive = matrix.rows.says[:, head] == 1
    found = []
    for source in _counts(matrix.rows.source[positive]):
        here = positive & (matrix.rows.source == source)
        figure = evaluate.figure_of(TRAINED_CATEGORIES[head], source, "folds", scores[here], scores[normal])
        found.append(figure)
    return [figure for figure in found if figure is not None]


def _left_out(matrix: Matrix, head: int, normal: Chosen, mine: Chosen) -> list[Figure]:
    """Figures on each source from a model that had seen nothing of it; the cuts from one unseen fold."""
    positive = matrix.rows.says[:, head] == 1
    found = []
    for source in _counts(matrix.rows.source[positive]):
        here = matrix.rows.source == source
        unseen = normal & ~here & (matrix.fold == 0)
        margins = margins_without(matrix, head, mine & ~here & (matrix.fold != 0), unseen)
        if margins is not None:
            said = margins[positive & here], margins[unseen]
            found.append(evaluate.figure_of(TRAINED_CATEGORIES[head], source, "left_out", *said))
    return [figure for figure in found if figure is not None]


def _counts(names: npt.NDArray[np.str_]) -> dict[str, int]:
    values, counts = np.unique(names, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _sources(matrix: Matrix, mine: Chosen) -> tuple[Source, ...]:
    found = []
    for name, count in _counts(matrix.rows.source[mine]).items():
        says = matrix.rows.says[matrix.rows.source == name]
        positives = {
            category: int((says[:, i] == 1).sum())
            for i, category in enumerate(TRAINED_CATEGORIES)
            if (says[:, i] == 1).any()
        }
        found.append(Source(name, LICENCES[name], count, positives))
    return tuple(found)
