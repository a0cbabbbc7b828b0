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
_HALF = np.uint64(29)
_ZERO = np.uint32(ord("0"))

# What a message's shape is made of, by code point; from 127 on it is nothing.
_DOT, _JOIN, _DIGIT, _LETTER = range(1, 5)
_KIND = np.zeros(128, np.uint8)
_KIND[[ord(sign) for sign in "_-"]] = _JOIN
_KIND[ord(".")] = _DOT
_KIND[ord("0") : ord("9") + 1] = _DIGIT
_KIND[ord("a") : ord("z") + 1] = _LETTER


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

    Text i has the symbols from `edges[i]`, its opening edge, to before `edges[i + 1]`, which closes it. `kept` are the
    places of the symbols among the code points with edges.
    """

    rows: npt.NDArray[np.uint32]
    valid: npt.NDArray[np.bool_]
    edges: Places
    kept: Places


def pieces(starts: Places) -> tuple[Places, Places]:
    """Starts of the pieces of texts, and the first piece of each text; a text of at most `PIECE` code points is one."""
    lengths = starts[1:] - starts[:-1]
    if not len(lengths) or lengths.max() <= PIECE:
        return starts, np.arange(len(lengths))
    counts = np.maximum(-(-lengths // PIECE), 1)
    first = np.cumsum(counts) - counts
    which = np.arange(counts.sum()) - np.repeat(first, counts)
    begins = np.repeat(starts[:-1], counts) + which * np.repeat(lengths, counts) // np.repeat(counts, counts)
    return np.append(begins, starts[-1]), first


def _with_edges(codes: Codes, starts: Places) -> tuple[Codes, Places]:
    """The texts with an edge before, between and after them: 0, which no folded text holds. And the places of these."""
    edges = starts + np.arange(len(starts))
    inside = np.ones(len(codes) + len(starts), np.bool_)
    inside[edges] = False
    signs = np.zeros(len(inside), np.uint32)
    signs[inside] = codes
    return signs, edges


def _all_grams(signs: Codes) -> _All:
    """The n-grams of texts with edges."""
    digit = signs - _ZERO < 10
    # A number is one symbol, whatever it says: prices differ, and a telephone number must not be learned by heart.
    keep = np.ones(len(signs), np.bool_)
    np.logical_and(digit[1:], digit[:-1], out=keep[1:])
    np.logical_not(keep[1:], out=keep[1:])
    kept = keep.nonzero()[0]
    symbols = np.where(digit, _ZERO, signs)[kept]
    word = symbols != 0
    size = len(symbols) - 1

    hashed = np.empty((ORDERS, size), np.uint64)
    valid = np.ones((ORDERS, size), np.bool_)
    # Filled up, so that every order has as many; what reaches beyond the last edge is not valid.
    padded = np.zeros(size + ORDERS, np.uint64)
    np.add(symbols, np.uint64(1), out=padded[: size + 1])
    np.multiply(padded[:size], _STEP, out=hashed[0])
    # An edge alone says nothing.
    valid[0] = word[:-1]
    for order in range(1, ORDERS):
        row = hashed[order]
        np.add(hashed[order - 1], padded[order : order + size], out=row)
        row *= _STEP
    # An edge may close an n-gram, none goes on behind it.
    for order in range(2, ORDERS):
        last = size - order + 1
        valid[order, last:] = False
        np.logical_and(valid[order - 1, :last], word[order - 1 : -1], out=valid[order, :last])
    hashed ^= hashed >> _HALF
    hashed *= _MIX
    hashed >>= np.uint64(64 - TABLE_BITS)
    return _All(hashed.astype(np.uint32), valid, (~word).nonzero()[0], kept)


def features(codes: Codes, starts: Places) -> Features:
    """The rows of every text `codes[starts[i]:starts[i + 1]]`; some 2 microseconds for one of 40 characters."""
    count = len(starts) - 1
    if not count:
        nothing = np.zeros(0, np.int64)
        return Features(nothing, np.zeros(1, np.int64), np.zeros(0, np.float32), nothing.reshape(0, len(_BUCKETS)))
    signs, edges = _with_edges(codes, starts)
    found = _all_grams(signs)
    # Half the width sorts in half the time; up to 32,768 texts fit.
    number: type[np.uint32 | np.int64] = np.uint32 if count <= 1 << 32 - TABLE_BITS else np.int64
    texts = np.arange(count + 1) << TABLE_BITS
    keys = np.bitwise_or(found.rows, texts[:-1].astype(number).repeat(found.edges[1:] - found.edges[:-1]))[found.valid]
    keys.sort()
    first = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    keys = keys[first].astype(np.int64)
    row_starts = keys.searchsorted(texts)
    # Between a count (1) and length 1 (N ** -0.5): short texts must not score high for a single n-gram, nor long ones
    # for their length. By figures. The 100 makes it length 1 for the usual hundred n-grams, so that C keeps its sense.
    value = ((100.0 * (row_starts[1:] - row_starts[:-1])) ** -0.25).astype(np.float32)
    keys &= (1 << TABLE_BITS) - 1
    return Features(keys, row_starts, value, _shape(signs, edges))


def grams(texts: Sequence[str]) -> Grams:
    """Every n-gram of two or more symbols in folded texts, with its place, for explaining scores."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.cumsum([0, *map(len, texts)])
    signs, edges = _with_edges(codes, starts)
    found = _all_grams(signs)
    text_of = np.repeat(np.arange(len(texts)), np.diff(found.edges))
    # An edge has no place of its own: an n-gram that begins or ends there ends at the text's.
    places = found.kept - np.searchsorted(edges, found.kept)
    order, begin = np.nonzero(found.valid[1:])
    ends = places[np.minimum(begin + order + 2, found.edges[text_of[begin] + 1])]
    begins = places[begin]
    inside = ends - begins > 1
    order, begin = order[inside], begin[inside]
    return Grams(found.rows[order + 1, begin].astype(np.int64), text_of[begin], begins[inside], ends[inside], starts)


def _shape(signs: Codes, edges: Places) -> Places:
    """One row per shape feature and text, of texts with edges."""
    kinds = _KIND.take(signs, mode="clip")
    # Runs of letters, digits, _ and -: with six symbols or more, the shape of an account or telephone number.
    places = (kinds > _DOT).nonzero()[0]
    kind = kinds[places]
    text = edges.searchsorted(places) - 1
    first = np.ones(len(places) + 1, np.bool_)
    np.not_equal(places[1:], places[:-1] + 1, out=first[1:-1])
    bounds = first.nonzero()[0]
    begins, length = bounds[:-1], bounds[1:] - bounds[:-1]
    digits = np.add.reduceat(kind == _DIGIT, begins, dtype=np.int64)
    run = text[begins]
    dots = (kinds == _DOT).nonzero()[0]
    links = dots[(kinds[dots - 1] == _LETTER) & (kinds[dots + 1] == _LETTER)]

    size = edges[1:] - edges[:-1] - 1
    of = (
        run[(length >= 6) & (digits >= 2) & (digits < length)],
        run[(digits >= 6) & (digits == length)],
        run[digits > 0],
        text[kind == _LETTER],
        edges.searchsorted(links) - 1,
    )
    counts = np.array([size, *(np.bincount(one, minlength=len(size)) for one in of)])
    counts[4] = counts[4] * 100 // np.maximum(size, 1)
    rows: Places = _ROW_OF[_WHICH, np.minimum(counts, PIECE)].T
    return rows
