"""Folded text to rows of the weight table, for a whole batch at once.

Training and serving both call `features`, so they cannot differ. Every distinct character n-gram is hashed to a row.
A few features of a message's shape (links, contact-like runs, digits, length) have rows of their own behind those.
Long messages are taken in pieces: one advertisement in a long text must not be diluted by the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]

# Raise it whenever the same text may give other rows or values: a model trained for another version is refused.
VERSION = 2
TABLE_BITS = 17
ORDERS = 4
# Code points of a piece at most; 99 in 100 messages are shorter.
PIECE = 240

# Shape features stand behind the hashed rows, one-hot: the lower ends of each one's buckets, in this order.
_LENGTHS = (1, 3, 6, 10, 16, 25, 40, 70, 120)
_HANDLES = (1, 2)
_NUMBERS = (1, 2)
_RUNS = (1, 2, 4, 8)
_LATIN = (5, 30, 70)
_LINKS = (1,)
_BUCKETS = (_LENGTHS, _HANDLES, _NUMBERS, _RUNS, _LATIN, _LINKS)
_FIRST_ROWS = (1 << TABLE_BITS) + np.cumsum([0, *(len(ends) + 1 for ends in _BUCKETS)])
TABLE_ROWS = int(_FIRST_ROWS[-1])
# For each shape feature, the row of every count from 0 to `PIECE`.
_ROW_OF = np.stack(
    [
        np.searchsorted(np.array(ends), np.arange(PIECE + 1), side="right") + first
        for ends, first in zip(_BUCKETS, _FIRST_ROWS, strict=False)
    ]
)
_WHICH = np.arange(len(_BUCKETS))[:, None]
SHAPE_VALUE = 0.25

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_ZERO = np.uint32(ord("0"))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Rows of texts: those of text i are `rows[starts[i]:starts[i + 1]]`, distinct, each with `value[i]`.

    `shape[i]` are its shape rows, each with `SHAPE_VALUE`. Every text has at least one row.
    """

    rows: Places
    starts: Places
    value: npt.NDArray[np.float32]
    shape: Places


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """N-grams of some texts: the row of each, its text, and the code points of all texts together that it covers.

    Text i is what lies from `starts[i]` to before `starts[i + 1]`.
    """

    rows: Places
    text: Places
    begins: Places
    ends: Places
    starts: Places


@dataclass(frozen=True, slots=True, eq=False)
class _All:
    """Every n-gram of some texts: that of order n at symbol i is `rows[n - 1, i]`; `valid` are those inside one text.

    Text i has the symbols from `edges[i]`, its opening edge, to before `edges[i + 1]`, which closes it. `places` are
    the symbols' code points, -1 for an edge.
    """

    rows: Places
    valid: npt.NDArray[np.bool_]
    edges: Places
    places: Places


def pieces(starts: Places) -> tuple[Places, Places]:
    """Starts of the pieces of texts, and the first piece of each text; a text of at most `PIECE` code points is one."""
    lengths = np.diff(starts)
    if not len(lengths) or lengths.max() <= PIECE:
        return starts, np.arange(len(lengths))
    counts = np.maximum(-(-lengths // PIECE), 1)
    first = np.cumsum(counts) - counts
    which = np.arange(counts.sum()) - np.repeat(first, counts)
    begins = np.repeat(starts[:-1], counts) + which * np.repeat(lengths, counts) // np.repeat(counts, counts)
    return np.append(begins, starts[-1]), first


def _all_grams(codes: Codes, starts: Places) -> _All:
    count = len(starts) - 1
    digit = (codes >= 48) & (codes < 58)
    # A number is one symbol, whatever it says: prices differ, and a telephone number must not be learned by heart.
    keep = np.ones(len(codes), np.bool_)
    keep[1:] = ~(digit[1:] & digit[:-1])
    inner = starts[:-1]
    keep[inner[inner < len(codes)]] = True
    kept = np.flatnonzero(keep)
    # An edge before, between and after the texts: 0, which no folded text holds.
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
    return _All(rows, valid, edges, places)


def features(codes: Codes, starts: Places) -> Features:
    """The rows of every text `codes[starts[i]:starts[i + 1]]`; some 4 microseconds for one of 40 characters."""
    count = len(starts) - 1
    if not count:
        nothing = np.zeros(0, np.int64)
        return Features(nothing, np.zeros(1, np.int64), np.zeros(0, np.float32), nothing.reshape(0, len(_BUCKETS)))
    found = _all_grams(codes, starts)
    text = np.repeat(np.arange(count) << TABLE_BITS, np.diff(found.edges))
    keys = (found.rows | text)[found.valid]
    keys.sort()
    first = np.empty(len(keys), np.bool_)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    keys = keys[first]
    row_starts = np.searchsorted(keys, np.arange(count + 1) << TABLE_BITS)
    # Between a count (1) and length 1 (N ** -0.5): short texts must not score high for a single n-gram, nor long ones
    # for their length. By figures. The 100 makes it length 1 for the usual hundred n-grams, so that C keeps its sense.
    value = ((100.0 * np.diff(row_starts)) ** -0.25).astype(np.float32)
    return Features(keys & ((1 << TABLE_BITS) - 1), row_starts, value, _shape(codes, starts))


def grams(texts: Sequence[str]) -> Grams:
    """Every n-gram of two or more symbols in folded texts, with its place, for explaining scores."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.cumsum([0, *map(len, texts)])
    found = _all_grams(codes, starts)
    text_of = np.repeat(np.arange(len(texts)), np.diff(found.edges))
    # An edge has no place of its own: an n-gram that begins or ends there ends at the text's.
    places = found.places.copy()
    places[found.edges] = starts
    order, begin = np.nonzero(found.valid[1:])
    ends = places[np.minimum(begin + order + 2, found.edges[text_of[begin] + 1])]
    begins = places[begin]
    inside = ends - begins > 1
    order, begin = order[inside], begin[inside]
    return Grams(found.rows[order + 1, begin], text_of[begin], begins[inside], ends[inside], starts)


def _shape(codes: Codes, starts: Places) -> Places:
    """One row per shape feature and text."""
    size = len(codes)
    digit = (codes >= 48) & (codes < 58)
    latin = (codes >= 97) & (codes < 123)
    # Runs of letters, digits, _ and -: with six symbols or more, the shape of an account or telephone number.
    word = digit | latin | (codes == 95) | (codes == 45)
    joins = np.zeros(size + 1, np.bool_)
    np.logical_and(word[1:], word[:-1], out=joins[1:-1])
    joins[starts] = False
    begins = np.flatnonzero(word & ~joins[:-1])
    ends = np.flatnonzero(word & ~joins[1:]) + 1
    digits_before = np.zeros(size + 1, np.int64)
    np.cumsum(digit, out=digits_before[1:])
    digits, length = digits_before[ends] - digits_before[begins], ends - begins
    counted = np.zeros((len(_BUCKETS), size + 1), np.int64)
    marks = counted[:, 1:]
    marks[0] = 1
    marks[1, begins[(length >= 6) & (digits >= 2) & (digits < length)]] = 1
    marks[2, begins[(digits >= 6) & (digits == length)]] = 1
    marks[3, begins[digits > 0]] = 1
    marks[4] = latin
    # A dot between letters, or "//".
    marks[5, 1:-1] = (codes[1:-1] == 46) & latin[:-2] & latin[2:] | (codes[1:-1] == 47) & (codes[:-2] == 47)
    np.cumsum(marks, axis=1, out=marks)
    counts = np.diff(counted[:, starts])
    counts[4] = counts[4] * 100 // np.maximum(counts[0], 1)
    rows: Places = _ROW_OF[_WHICH, np.minimum(counts, PIECE)].T
    return rows
