"""Folded text to rows of the weight table, for a whole batch at once.

Training and serving both call `features`, so they cannot differ. Every character n-gram is hashed to a row; the
message's vector has 1 / sqrt(rows) in each of its distinct rows, so its length is 1 whatever the message's. A few
features of its shape (links, contact-like runs, digits, length) have rows of their own behind the hashed ones.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifiers.folding import Folded, FoldedBatch

# Raise it whenever the same text may give other rows: a model trained for another version is refused.
VERSION = 1
TABLE_BITS = 17
ORDERS = 4

# Shape features stand behind the hashed rows, one-hot, in this order.
_LENGTHS = (1, 3, 6, 10, 16, 25, 40, 70, 120, 250)
_HANDLES = (1, 2)
_NUMBERS = (1, 2, 4, 8)
_LATIN = (0.05, 0.3, 0.7)
SHAPE_ROWS = (len(_LENGTHS) + 1) + (len(_HANDLES) + 1) * 2 + (len(_NUMBERS) + 1) + (len(_LATIN) + 1) + 2
TABLE_ROWS = (1 << TABLE_BITS) + SHAPE_ROWS
# What one shape feature weighs beside an n-gram part of length 1.
SHAPE_VALUE = 0.25

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_ZERO = np.uint32(ord("0"))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Rows of a batch: those of message i are `rows[starts[i]:starts[i + 1]]`, distinct, each with `value[i]`.

    `shape[i]` are its shape rows, each with `SHAPE_VALUE`. Every message has at least one row.
    """

    rows: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    value: npt.NDArray[np.float32]
    shape: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Grams:
    """Every n-gram of a batch: that of order n at symbol i is `rows[n - 1, i]`; `valid` are those inside one message.

    Message m has the symbols from `edges[m]`, its opening edge, to before `edges[m + 1]`, which closes it. `places` are
    the symbols' code points in the batch, -1 for an edge.
    """

    rows: npt.NDArray[np.int64]
    valid: npt.NDArray[np.bool_]
    edges: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """The distinct n-grams of one text: its row and the folded code points where it first stands."""

    rows: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def _grams(batch: FoldedBatch) -> _Grams:
    codes, starts = batch.codes, batch.starts
    count = len(starts) - 1
    digit = (codes >= 48) & (codes < 58)
    # A number is one symbol, whatever it says: prices differ, and a telephone number must not be learned by heart.
    keep = np.ones(len(codes), np.bool_)
    keep[1:] = ~(digit[1:] & digit[:-1])
    inner = starts[:-1]
    keep[inner[inner < len(codes)]] = True
    kept = np.flatnonzero(keep)
    # An edge before, between and after the messages: 0, which no folded text holds.
    edges = np.searchsorted(kept, starts) + np.arange(count + 1)
    symbols = np.zeros(len(kept) + count + 1, np.uint64)
    places = np.full(len(symbols), -1, np.int64)
    inside = np.ones(len(symbols), np.bool_)
    inside[edges] = False
    symbols[inside] = np.where(digit, _ZERO, codes)[kept]
    places[inside] = kept

    # The closing edge is the last symbol that an n-gram may reach.
    reach = np.repeat(edges[1:], np.diff(edges))
    here = np.arange(len(reach))
    rows = np.empty((ORDERS, len(reach)), np.int64)
    valid = np.empty((ORDERS, len(reach)), np.bool_)
    padded = np.concatenate((symbols + np.uint64(1), np.zeros(ORDERS, np.uint64)))
    hashed = np.zeros(len(reach), np.uint64)
    for order in range(ORDERS):
        hashed = (hashed + padded[order : order + len(reach)]) * _STEP
        mixed = hashed ^ (hashed >> np.uint64(29))
        rows[order] = ((mixed * _MIX) >> np.uint64(64 - TABLE_BITS)).astype(np.int64)
        valid[order] = here + order <= reach
    # An edge alone says nothing.
    valid[0] = symbols[:-1] != 0
    return _Grams(rows, valid, edges, places)


def features(batch: FoldedBatch) -> Features:
    """The rows of every message of the batch; some 3 microseconds a message of 40 characters."""
    count = len(batch.starts) - 1
    if not count:
        nothing = np.zeros(0, np.int64)
        return Features(nothing, np.zeros(1, np.int64), np.zeros(0, np.float32), nothing.reshape(0, 0))
    grams = _grams(batch)
    message = np.repeat(np.arange(count) << TABLE_BITS, np.diff(grams.edges))
    keys = (grams.rows | message)[grams.valid]
    keys.sort()
    first = np.empty(len(keys), np.bool_)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    keys = keys[first]
    starts = np.searchsorted(keys, np.arange(count + 1) << TABLE_BITS)
    value = (1 / np.sqrt(np.diff(starts))).astype(np.float32)
    return Features(keys & ((1 << TABLE_BITS) - 1), starts, value, _shape(batch))


def grams(folded: Folded) -> Grams:
    """The rows of one text's n-grams with their places, for explaining a score."""
    codes = np.frombuffer(folded.text.encode("utf-32-le", "surrogatepass"), np.uint32)
    size = len(codes)
    found = _grams(FoldedBatch([folded.text], codes, np.array([0, size], np.int64), folded.origin))
    # An edge has no place of its own: an n-gram that begins or ends there ends at the text's.
    places = np.append(found.places, size)
    places[0] = 0
    places[found.places.size - 1] = size
    order, begin = np.nonzero(found.valid)
    rows, first = np.unique(found.rows[order, begin], return_index=True)
    order, begin = order[first], begin[first]
    ends = places[np.minimum(begin + order + 1, len(found.places) - 1)]
    begins = places[begin]
    inside = ends > begins
    return Grams(rows[inside], begins[inside], ends[inside])


def _shape(batch: FoldedBatch) -> npt.NDArray[np.int64]:
    """One row per shape feature and message."""
    codes, starts = batch.codes, batch.starts
    digit = (codes >= 48) & (codes < 58)
    latin = (codes >= 97) & (codes < 123)
    # Runs of letters, digits, _ and -: from six symbols on with a digit, the shape of an account or telephone number.
    word = digit | latin | (codes == 95) | (codes == 45)
    mark = np.zeros(len(codes) + 1, np.bool_)
    mark[starts] = True
    opens = word.copy()
    opens[1:] &= ~word[:-1] | mark[1:-1]
    closes = word.copy()
    closes[:-1] &= ~word[1:] | mark[1:-1]
    begin, end = np.flatnonzero(opens), np.flatnonzero(closes) + 1
    digits_before = np.concatenate(([0], np.cumsum(digit)))
    size, digits = end - begin, digits_before[end] - digits_before[begin]
    handle = begin[(size >= 6) & (digits >= 2) & (digits < size)]
    number = begin[(digits >= 6) & (digits == size)]
    run = begin[digits > 0]
    dot = np.zeros(len(codes), np.bool_)
    dot[1:-1] = (codes[1:-1] == 46) & latin[:-2] & latin[2:]
    slashes = np.zeros(len(codes), np.bool_)
    slashes[1:] = (codes[1:] == 47) & ((codes[:-1] == 47) | (codes[:-1] == 58))

    length = np.diff(starts)

    def count(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        counts: npt.NDArray[np.int64] = np.diff(np.searchsorted(places, starts))
        return counts

    columns = (
        np.searchsorted(np.array(_LENGTHS), length, side="right"),
        np.searchsorted(np.array(_HANDLES), count(handle), side="right"),
        np.searchsorted(np.array(_HANDLES), count(number), side="right"),
        np.searchsorted(np.array(_NUMBERS), count(run), side="right"),
        np.searchsorted(np.array(_LATIN), count(np.flatnonzero(latin)) / np.maximum(length, 1), side="right"),
        (count(np.flatnonzero(dot | slashes)) > 0).astype(np.int64),
    )
    sizes = (len(_LENGTHS) + 1, len(_HANDLES) + 1, len(_HANDLES) + 1, len(_NUMBERS) + 1, len(_LATIN) + 1, 2)
    first = (1 << TABLE_BITS) + np.concatenate(([0], np.cumsum(sizes)[:-1]))
    rows: npt.NDArray[np.int64] = np.stack(columns, axis=1) + first
    return rows
