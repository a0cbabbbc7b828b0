"""Scores of the trained model, from memory-mapped numbers; needs numpy and msgspec, nothing of the training.

A model is a folder of `card.json` and the weight files that the card names with their digests. `Model.load` checks all
of them, so that a damaged model is unavailable and never silently wrong.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from classifiers.folding import FoldedBatch
from classifiers.trained import features
from classifiers.trained.card import FORMAT, Card, Head, Quantile
from classifiers.trained.halves import Halves, Places, Singles, Weights

# A score that no message reaches: the answer to a budget which the card cannot support.
NEVER = 2.0
# A share of 1 in N is shown by so many times N normal messages: fewer say too little of what is rarer than they are.
SHOWN_BY = 3
# Ranges that `explain` gives at most, and the n-grams they are made from.
RANGES = 3
_TOP_GRAMS = 10
# Features whose weights are gathered and added up at once: these stay in the processor's cache.
_ROWS_AT_ONCE = 1 << 13


class ModelUnavailable(Exception):
    """The model cannot be used; the message is one sentence that says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Model:
    """Scores of every category for a batch of folded texts."""

    def __init__(self, card: Card, weights: Weights, version: str) -> None:
        self.card = card
        self.version = version
        self.categories: tuple[str, ...] = tuple(head.category for head in card.heads)
        self._weights = weights
        self._bias = np.array([expert.bias for head in card.heads for expert in head.experts], np.float32)
        # The first column of each category; its experts lie side by side.
        self._first = np.cumsum([0, *(len(head.experts) for head in card.heads)])[:-1]
        self._slope = np.array([head.slope for head in card.heads], np.float32)
        self._offset = np.array([head.offset for head in card.heads], np.float32)
        self._place = {category: i for i, category in enumerate(self.categories)}
        self.floor: Singles = np.array([self.cut(one, 1 / 100) for one in self.categories], np.float32)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """The model in `folder`; ModelUnavailable if a file is missing, damaged or of another version."""
        folder = Path(folder)
        again = "train it again with `xunqun model train` or restore the folder"
        try:
            card = msgspec.json.decode((folder / "card.json").read_bytes(), type=Card)
        except OSError:
            raise ModelUnavailable(f"No model card at {folder}/card.json: {again}.") from None
        except msgspec.DecodeError as mistake:
            raise ModelUnavailable(f"The model card {folder}/card.json is damaged ({mistake}): {again}.") from mistake
        expected = (FORMAT, features.VERSION, features.TABLE_ROWS)
        if (card.format, card.features, card.rows) != expected:
            raise ModelUnavailable(
                f"The model in {folder} was made for format {card.format} and features {card.features}, this program "
                f"reads format {FORMAT} and features {features.VERSION}: {again}."
            )
        digest = hashlib.sha256()
        parts = []
        for file in card.weights:
            parts.append(_mapped(folder / file.name, file.sha256, again))
            digest.update(file.sha256.encode())
        if not parts or any(part.ndim != 2 or part.shape[0] != card.rows for part in parts):
            raise ModelUnavailable(f"The weights in {folder} do not have the {card.rows} rows of the card: {again}.")
        if any(part.dtype != np.float16 for part in parts):
            raise ModelUnavailable(f"The weights in {folder} are not in half precision: {again}.")
        weights = Weights(parts)
        if not all(0 < one.score < 1 and one.one_in >= 1 for head in card.heads for one in _quantiles(head)):
            raise ModelUnavailable(
                f"The model card {folder}/card.json has a cut that is no score between 0 and 1: {again}."
            )
        if weights.columns != sum(len(head.experts) for head in card.heads):
            raise ModelUnavailable(f"The weights in {folder} do not have a column for each expert: {again}.")
        # Slopes and cuts decide as much as weights do.
        digest.update(msgspec.json.encode(card.heads))
        return cls(card, weights, digest.hexdigest()[:12])

    def weights(self, category: str) -> Singles:
        """The weights of every row for a category, (rows, its experts). KeyError for one that the model does not have."""
        place = self._place[category]
        first = int(self._first[place])
        return self._weights.between(first, first + len(self.card.heads[place].experts))

    def margins(self, batch: FoldedBatch) -> Singles:
        """The decision functions, (messages, categories): of the surest expert, and of a long message its highest piece."""
        starts, first_piece = features.pieces(batch.starts)
        found = features.features(batch.codes, starts)
        count = len(starts) - 1
        sums = np.empty((count, len(self._bias)), np.float32)
        first = 0
        while first < count:
            # As many messages as fit, at least one.
            last = int(found.starts.searchsorted(found.starts[first] + _ROWS_AT_ONCE, side="right")) - 1
            last = min(max(last, first + 1), count)
            begin, end = found.starts[first], found.starts[last]
            sums[first:last] = self._weights.sums(found.rows[begin:end], found.starts[first:last] - begin)
            first = last
        sums *= found.value[:, None]
        if count:
            shape = self._weights.take(found.shape.reshape(-1)).reshape(*found.shape.shape, -1)
            sums += shape.sum(axis=1, dtype=np.float32) * np.float32(features.SHAPE_VALUE)
        sums += self._bias
        if len(self._first) < len(self._bias):
            sums = np.maximum.reduceat(sums, self._first, axis=1)
        # A message says what its loudest piece says.
        return np.maximum.reduceat(sums, first_piece, axis=0) if count > len(batch) else sums

    def score(self, batch: FoldedBatch) -> Singles:
        """Calibrated scores, 0 to 1, (messages, categories); some 6 microseconds a message of 40 characters."""
        logits = (self.margins(batch) * self._slope + self._offset).clip(-15, 15)
        scores: Singles = 1 / (1 + np.exp(-logits))
        return scores

    def cut(self, category: str, budget: float) -> float:
        """The score from which on at most `budget` (a share) of normal messages lie.

        Interpolated between quantiles, in the logarithm of the budget: those of the tenant's own messages where they are
        enough to show it, else the card's, but never below what the tenant's own show of a wider budget. A budget finer
        than either can show gives `NEVER`; one wider than the widest quantile gives that quantile. KeyError for a category
        that the model does not have, ValueError for a budget that is not above 0.
        """
        if not budget > 0:
            raise ValueError(f"a budget is a share of normal messages above 0, not {budget}")
        head = self.card.heads[self._place[category]]
        shipped = _cut(head.quantiles, sum(head.normals.values()), budget)
        if head.recent is None or not head.recent.quantiles:
            return shipped
        own = _cut(head.recent.quantiles, head.recent.normals, budget)
        if own < NEVER:
            return own
        return max(shipped, head.recent.quantiles[-1].score)

    def explain(self, asked: Sequence[tuple[str, str]]) -> list[list[tuple[int, int]]]:
        """For each folded text and category, the ranges of the text that weighed most: at most three, in its order.

        No range if nothing in the text speaks for it. Several cost little more than one: some 30 microseconds each.
        """
        texts = [text for text, _ in asked]
        grams = features.grams(texts)
        weights = self._weights.take(grams.rows)
        columns = self._surest(weights, grams, [category for _, category in asked])
        weighed = weights[np.arange(len(weights)), columns[grams.text]].astype(np.float64)
        # The heaviest of each text: every n-gram shares out its weight over its code points.
        speaking = np.flatnonzero(weighed > 0)
        order = speaking[np.lexsort((-weighed[speaking], grams.text[speaking]))]
        rank = np.arange(len(order)) - np.searchsorted(grams.text[order], grams.text[order])
        top = order[rank < _TOP_GRAMS]
        share = weighed[top] / (grams.ends[top] - grams.begins[top])
        # A gap of one after each text, so that no range runs on into the next.
        shift = grams.text[top]
        starts = grams.starts + np.arange(len(grams.starts))
        change = np.zeros(starts[-1] + 1)
        np.add.at(change, grams.begins[top] + shift, share)
        np.add.at(change, grams.ends[top] + shift, -share)
        # People read words, not the signs between them. Rounded, since what stands before a text must not move its
        # last decimals.
        words = np.fromiter(map(str.isalnum, "\0".join([*texts, ""])), bool, len(change) - 1)
        credit = np.round(np.cumsum(change)[:-1], 6) * words
        return _heaviest(credit, starts)

    def _surest(self, weights: Singles, grams: features.Grams, categories: Sequence[str]) -> Places:
        """The column of each text's category that speaks loudest for it, by the weights of each n-gram."""
        columns = np.array([self._first[self._place[category]] for category in categories], np.int64)
        for i, category in enumerate(categories):
            experts = self.card.heads[self._place[category]].experts
            if len(experts) > 1:
                these = slice(columns[i], columns[i] + len(experts))
                columns[i] += np.argmax(weights[grams.text == i, these].sum(axis=0))
        return columns


def _mapped(path: Path, sha256: str, again: str) -> Halves:
    """The array in a file of that digest, whose pages all processes of a host share; ModelUnavailable."""
    try:
        # In pieces, so that checking leaves nothing behind in memory.
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != sha256:
                raise ModelUnavailable(f"The weights {path} are truncated or changed: {again}.")
        # A plain array over the mapped file: every access through np.memmap itself costs microseconds.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except OSError:
        raise ModelUnavailable(f"The weights {path} are missing: {again}.") from None
    except (ValueError, EOFError):
        raise ModelUnavailable(f"The weights {path} are no table of numbers: {again}.") from None


def _quantiles(head: Head) -> tuple[Quantile, ...]:
    return (*head.quantiles, *(head.recent.quantiles if head.recent else ()))


def _cut(quantiles: Sequence[Quantile], normals: int, budget: float) -> float:
    """The score for a budget by the quantiles of so many normal messages; `NEVER` where these cannot show it."""
    shares = [1 / quantile.one_in for quantile in quantiles]
    if not quantiles or budget < max(shares[-1], SHOWN_BY / max(normals, 1)) * (1 - 1e-9):
        return NEVER
    # Decreasing shares, increasing scores; np.interp wants increasing ones.
    logits = [math.log(quantile.score / (1 - quantile.score)) for quantile in quantiles]
    logit = float(np.interp(math.log(budget), [math.log(share) for share in shares][::-1], logits[::-1]))
    return 1 / (1 + math.exp(-logit))


def _heaviest(credit: npt.NDArray[np.float64], starts: npt.NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    """Of each text, from `starts[i]` on, the heaviest runs of code points with credit, in the order of the text."""
    edges = np.flatnonzero(np.diff(credit > 0, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    long = ends - begins > 1
    begins, ends = begins[long], ends[long]
    text = np.searchsorted(starts, begins, side="right") - 1
    total = np.concatenate(([0.0], np.cumsum(credit)))
    order = np.lexsort((begins, -np.round(total[ends] - total[begins], 3), text))
    rank = np.arange(len(order)) - np.searchsorted(text[order], text[order])
    kept = np.sort(order[rank < RANGES])
    found: list[list[tuple[int, int]]] = [[] for _ in range(len(starts) - 1)]
    first = starts[text[kept]]
    for i, begin, end in zip(
        text[kept].tolist(), (begins[kept] - first).tolist(), (ends[kept] - first).tolist(), strict=True
    ):
        found[i].append((begin, end))
    return found
