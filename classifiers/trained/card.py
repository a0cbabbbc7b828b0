"""What is written about a trained model beside its weights: `card.json`."""

import math

from msgspec import Struct

# Raise it whenever an older program could not read the card or the weights.
FORMAT = 2


class WeightFile(Struct, frozen=True):
    name: str
    sha256: str


class Quantile(Struct, frozen=True):
    """From `score` on lay `above` of the normal messages, at most one in `one_in`."""

    one_in: int
    score: float
    above: int


def interval(found: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share; (0, 1) for nothing seen."""
    if not of:
        return 0.0, 1.0
    z = 1.959964
    share = found / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


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


class Recent(Struct, frozen=True):
    """Cuts counted on the tenant's own messages: `normals` distinct texts without a hit, sent from `since` to `until`."""

    normals: int
    since: int
    until: int
    quantiles: tuple[Quantile, ...]


class Expert(Struct, frozen=True):
    """One linear model, one column of the weights: its margin is bias + weights. `name` says where it is at home."""

    name: str
    bias: float


class Head(Struct, frozen=True, omit_defaults=True):
    """One category: score = 1 / (1 + exp(-(slope * margin + offset))), with the margin of the surest of its experts.

    `recent`: cuts from the tenant's own messages, which come before `quantiles` where they are enough.
    """

    category: str
    experts: tuple[Expert, ...]
    slope: float
    offset: float
    positives: int
    negatives: int
    normals: dict[str, int]
    quantiles: tuple[Quantile, ...]
    recent: Recent | None = None


class Source(Struct, frozen=True):
    name: str
    licence: str
    rows: int
    positives: dict[str, int]


class Guard(Struct, frozen=True):
    """What one guard let through of a category's labels; `told` says it in a sentence."""

    name: str
    category: str
    given: int
    kept: int
    told: str


class Bin(Struct, frozen=True):
    """Texts with scores from `low` to before `high`: how many, their mean score, and how many are of the category."""

    low: float
    high: float
    count: int
    score: float
    positives: int


class Effect(Struct, frozen=True):
    """What the labels changed: a share before and after, at the review cut, on texts that the change had not seen. What was
    in force before may have learned from them."""

    category: str
    of: str
    before: Recall
    after: Recall


class Taught(Struct, frozen=True):
    """Where weights come from that learned from a team's labels: the weights they began with (`base`, a version), and
    the digest of all labels and texts that were used. `labels` counts what the guards let through: category, answer.
    `reliability` is that of texts which the change had not seen, by category. `before` is the version that the effects
    compare with: what was in force.
    """

    base: str
    data: str
    labels: dict[str, dict[str, int]]
    reviewers: int
    guards: tuple[Guard, ...]
    effects: tuple[Effect, ...]
    reliability: dict[str, tuple[Bin, ...]] = {}
    before: str = ""


class Card(Struct, frozen=True, omit_defaults=True):
    format: int
    features: int
    rows: int
    variant: str
    weights: tuple[WeightFile, ...]
    heads: tuple[Head, ...]
    sources: tuple[Source, ...]
    settings: dict[str, float]
    figures: tuple[Figure, ...] = ()
    taught: Taught | None = None
