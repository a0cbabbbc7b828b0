"""What a model says of recent messages: cuts counted anew on those without a hit, and whether scores have drifted."""

import math
import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from classifiers.folding import fold_batch
from classifiers.keywords import Keywords
from classifiers.measure import own_words
from classifiers.trained.card import Card, Head, Quantile, Recall, Recent
from classifiers.trained.cuts import quantiles_of
from classifiers.trained.evaluate import wilson
from classifiers.trained.model_card import write_card
from classifiers.trained.serve import NEVER, SHOWN_BY, Model
from models.observation import MESSAGE_TYPES, Millis
from streams.tuning.labels import Timed

_AT_ONCE = 4096
# Distinct texts of a history at most, the last of it: four times as many as the finest cut of the card rests on.
MOST = 500_000
# Fewer messages say nothing of what one in a hundred reaches.
ENOUGH = 1000
# Drift: the share above a cut is certainly so many times what the cut was made for, or one so-manieth of it; or the
# population stability index is above what is commonly called a shift.
TIMES = 3.0
SHIFTED = 0.25


class Scored(Struct, frozen=True):
    """Distinct texts with their scores by category, and by category whether it is no normal message: a word of the category
    stands in it, or a person upheld it."""

    scores: npt.NDArray[np.float32]
    is_hit: npt.NDArray[np.bool_]
    since: Millis
    until: Millis
    messages: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Texts that were scored at once, by their digests."""

    keys: Sequence[bytes]
    times: Sequence[Millis]
    scores: npt.NDArray[np.float32]
    is_hit: npt.NDArray[np.bool_]


class Drift(Struct, frozen=True):
    """How the scores of recent messages lie against the cuts of a category. `psi` is the population stability index over the
    card's quantiles, None where these are too few; `told` says it in a sentence."""

    category: str
    messages: int
    at_100: Recall | None
    at_1000: Recall | None
    psi: float | None
    has_drifted: bool
    told: str


def scored(
    model: Model,
    keywords: Keywords,
    observations: Iterable[Timed],
    since: Millis = 0,
    upheld: Mapping[str, Collection[str]] = {},
    progress: Callable[[int], None] = lambda read: None,
) -> Scored:
    """Score what members wrote, each text once: what is repeated a thousand times shows no more than once. Of more than
    `MOST` the last; a word counts at the time of the text.

    `upheld`: texts by category that people have found to be of it.
    """
    kept = deque([_Part((), (), model.score(fold_batch([])), np.zeros((0, len(model.categories)), np.bool_))])
    seen: set[bytes] = set()
    messages = 0

    def texts() -> Iterator[tuple[bytes, str, Millis]]:
        nonlocal messages
        for one, at in observations:
            if at < since or one.type not in MESSAGE_TYPES or (one.sender and one.sender.scope == "robot"):
                continue
            text = own_words(one).text.strip()
            if not text:
                continue
            messages += 1
            key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if key not in seen:
                seen.add(key)
                yield key, text, at

    coming = texts()
    while some := list(islice(coming, _AT_ONCE)):
        kept.append(_part(model, keywords, some, upheld))
        while len(seen) - len(kept[0].keys) >= MOST:
            seen.difference_update(kept.popleft().keys)
        progress(len(some))
    times = [at for part in kept for at in part.times][-MOST:]
    return Scored(
        np.concatenate([part.scores for part in kept])[-MOST:],
        np.concatenate([part.is_hit for part in kept])[-MOST:],
        min(times, default=0),
        max(times, default=0),
        messages,
    )


def _part(
    model: Model,
    keywords: Keywords,
    some: Iterable[tuple[bytes, str, Millis]],
    upheld: Mapping[str, Collection[str]],
) -> _Part:
    keys, texts, times = zip(*some, strict=True)
    batch = fold_batch(texts)
    hit = np.zeros((len(texts), len(model.categories)), np.bool_)
    columns = {category: place for place, category in enumerate(model.categories)}
    for place, hits in keywords.find_batch(batch, times.__getitem__).items():
        for one in hits:
            if one.category in columns:
                hit[place, columns[one.category]] = True
    for category in upheld.keys() & columns.keys():
        hit[:, columns[category]] |= [one in upheld[category] for one in texts]
    return _Part(keys, times, model.score(batch), hit)


def recounted(model: Model, found: Scored) -> Card:
    """The card with cuts of the tenant's own normal messages, those without a hit.

    A high score is none: it would take out just those messages that a cut has to count, and each recount would lower the cuts.
    Only shares that at least `SHOWN_BY` messages show are counted.
    """
    heads = tuple(_recounted(head, found, place) for place, head in enumerate(model.card.heads))
    return replace(model.card, heads=heads)


def _recounted(head: Head, found: Scored, place: int) -> Head:
    normal = found.scores[~found.is_hit[:, place], place]
    quantiles = quantiles_of(normal, SHOWN_BY)
    recent = Recent(len(normal), found.since, found.until, quantiles) if quantiles else None
    return replace(head, recent=recent)


def write_recounted(card: Card, source: Path, out_dir: Path) -> None:
    """The same weights with the new card, in a folder of their own."""
    for one in card.weights:
        shutil.copyfile(source / one.name, out_dir / one.name)
    write_card(card, out_dir)


def drift_of(model: Model, found: Scored) -> list[Drift]:
    """Compare the scores of recent messages with the cuts, category by category."""
    return [
        _drift(model, head, found.scores[:, place].astype(np.float64)) for place, head in enumerate(model.card.heads)
    ]


def _drift(model: Model, head: Head, scores: npt.NDArray[np.float64]) -> Drift:
    count = len(scores)
    shares: list[tuple[int, Recall] | None] = []
    for one_in in (100, 1000):
        cut = model.cut(head.category, 1 / one_in)
        enough = count >= max(ENOUGH, SHOWN_BY * one_in) and cut < NEVER
        shares.append((one_in, wilson(int((scores >= cut).sum()), count)) if enough else None)
    psi = _psi(head.recent.quantiles if head.recent else head.quantiles, scores) if count >= ENOUGH else None
    more = next((one for one in shares if one and one[1].low > TIMES / one[0]), None)
    fewer = next((one for one in shares if one and one[1].high < 1 / (TIMES * one[0])), None)
    if count < ENOUGH:
        told = f"{count} distinct texts are too few to say: {ENOUGH} are needed"
    elif more:
        told = (
            f"{_times(more)} as many messages as the cut for 1 in {more[0]} allows reach it: either there are more offences, or "
            "people write of other things than the weights were made for. Look at twenty of them, then recount or label"
        )
    elif fewer:
        told = (
            f"only {_times(fewer)} as many as the cut for 1 in {fewer[0]} allows reach it: it is too high here; recount"
        )
    elif psi is not None and psi > SHIFTED:
        told = f"the scores lie otherwise than those that the cuts were counted on (index {psi:.2f}): recount"
    else:
        told = "as the cuts expect"
    shown = [one[1] if one else None for one in shares]
    return Drift(head.category, count, shown[0], shown[1], psi, bool(more or fewer or (psi or 0.0) > SHIFTED), told)


def _times(one: tuple[int, Recall]) -> str:
    return f"{one[1].share * one[0]:.1f} times"


def _psi(quantiles: Sequence[Quantile], scores: npt.NDArray[np.float64]) -> float | None:
    """The population stability index: over the ranges between quantiles, how much more lies there than should."""
    shown = [one for one in quantiles if one.one_in * SHOWN_BY <= len(scores)]
    if not shown:
        return None
    above = [1.0, *(1 / one.one_in for one in shown), 0.0]
    edges = [-math.inf, *(one.score for one in shown), math.inf]
    index = 0.0
    for place in range(len(shown) + 1):
        expected = above[place] - above[place + 1]
        here = ((scores >= edges[place]) & (scores < edges[place + 1])).sum()
        actual = (float(here) + 0.5) / (len(scores) + 0.5 * (len(shown) + 1))
        index += (actual - expected) * math.log(actual / expected) if expected > 0 else 0.0
    return round(index, 4)
