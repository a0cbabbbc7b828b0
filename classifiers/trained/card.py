"""What is written about a trained model beside its weights: `card.json`."""

from msgspec import Struct

# Raise it whenever an older program could not read the card or the weights.
FORMAT = 1


class WeightFile(Struct, frozen=True):
    name: str
    sha256: str


class Quantile(Struct, frozen=True):
    """From `score` on lay `above` of the normal messages, at most one in `one_in`."""

    one_in: int
    score: float
    above: int


class Recall(Struct, frozen=True):
    """Of `positives` messages `found` lay at or above a cut; `low` and `high` are the 95 % Wilson interval."""

    positives: int
    found: int
    share: float
    low: float
    high: float


class Figure(Struct, frozen=True):
    """How well one category is told from normal messages, on one source.

    `how` says what the model had seen: `folds` (other rows of this source), `left_out` (nothing of this source).
    `auc` is against the normal messages. `act` is None where the normal messages are too few for that cut.
    """

    category: str
    source: str
    how: str
    auc: float
    review: Recall
    act: Recall | None


class Head(Struct, frozen=True):
    """One category: score = 1 / (1 + exp(-(slope * margin + offset))), margin = bias + weights."""

    category: str
    bias: float
    slope: float
    offset: float
    positives: int
    negatives: int
    normals: dict[str, int]
    quantiles: tuple[Quantile, ...]


class Source(Struct, frozen=True):
    name: str
    licence: str
    rows: int
    positives: dict[str, int]


class Card(Struct, frozen=True):
    format: int
    features: int
    rows: int
    variant: str
    weights: tuple[WeightFile, ...]
    heads: tuple[Head, ...]
    sources: tuple[Source, ...]
    settings: dict[str, float]
    figures: tuple[Figure, ...] = ()
