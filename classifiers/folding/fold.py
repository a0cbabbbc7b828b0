"""The folding itself: a batch is one array of code points, with a zero before, between and after the texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.folding.table import CJK, DIGIT, DROP, EDGE, EXPAND, HARD, LETTER, SPACE, Table, table

Codes = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int32]

# Zero stands between texts: the table drops U+0000, so no folded text contains it.
_BETWEEN = "\x00"
# One of these alone between two digits belongs to a number, date or time, however short the parts: 3.5, 9:00, 1/2.
_IN_NUMBERS = np.zeros(128, dtype=np.bool_)
_IN_NUMBERS[[ord(sign) for sign in ".,:/-"]] = True


class Folded(Struct, frozen=True, eq=False):
    """One folded text; `origin[k]` is the place of its k-th code point in the original."""

    text: str
    origin: Positions

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The code points of the original that the folded ones from `start` to before `end` came from."""
        return _span(self.origin, start, end)


@dataclass(frozen=True, slots=True, eq=False)
class FoldedBatch:
    """Folded texts; text i is `codes[starts[i]:starts[i + 1]]`, its places in the original `origin[…]` likewise."""

    texts: list[str]
    codes: Codes
    starts: npt.NDArray[np.int64]
    origin: Positions

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, i: int) -> Folded:
        return Folded(self.texts[i], self.origin[self.starts[i] : self.starts[i + 1]])

    def __iter__(self) -> Iterator[Folded]:
        bounds = self.starts.tolist()
        for i, text in enumerate(self.texts):
            yield Folded(text, self.origin[bounds[i] : bounds[i + 1]])

    def span(self, i: int, start: int, end: int) -> tuple[int, int]:
        """The code points of original text i that the folded ones from `start` to before `end` came from."""
        return _span(self.origin[self.starts[i] : self.starts[i + 1]], start, end)


def _span(origin: Positions, start: int, end: int) -> tuple[int, int]:
    size = len(origin)
    if size == 0:
        return 0, 0
    start = min(max(start, 0), size)
    end = min(end, size)
    if start >= end:
        place = int(origin[start]) if start < size else int(origin[-1]) + 1
        return place, place
    return int(origin[start]), int(origin[end - 1]) + 1


def fold(text: str) -> Folded:
    """Fold one text; exactly what `fold_batch` gives for it, at ten times the price of one in a batch."""
    return fold_batch((text,))[0]


def fold_batch(texts: Sequence[str]) -> FoldedBatch:
    """Fold all texts; any str is accepted, lone surrogates included.

    Per code point: compatibility decomposition without marks, case folding, letters of other scripts as the Latin ones that
    they look like, simplified characters, digits as 0 to 9, white space as " " or "\\n"; marks, format characters and controls
    vanish. Then, until nothing changes:

    - of three or more of one CJK character, or four or more of another letter, one stays; digits all stay;
    - a run of white space or symbols between two CJK characters vanishes;
    - a run of anything but letters and digits vanishes next to a character that stands alone between two such runs or
      at the edge of the text (加，微，信; v.x). Kept are the sign inside a number (3.5), and a space between a single
      letter and a word of letters (i have);
    - of any other run one character stays: the first punctuation mark, else the first symbol, else one space; white
      space at the edge of a text vanishes.
    """
    lookup = table()
    joined = _BETWEEN.join(("", *texts, ""))
    codes: Codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    edges = np.zeros(len(texts) + 1, dtype=np.int32)
    edges[1:] = np.fromiter(map(len, texts), np.int32, len(texts))
    edges[1:] += 1
    edges.cumsum(out=edges)

    codes = lookup.fold[codes]
    codes[edges] = 0
    positions: Positions = np.arange(len(codes), dtype=np.int32)
    if codes.max() >= EXPAND:
        codes, positions = _expand(codes, positions, lookup)
    kinds = lookup.kind[codes]
    keep = _without_repeats(codes, kinds)
    while True:
        if keep is not None:
            codes, positions, kinds = codes[keep], positions[keep], kinds[keep]
        keep = _without_separators(codes, kinds)
        if keep is None:
            break
        codes, positions, kinds = codes[keep], positions[keep], kinds[keep]
        # Without separators characters meet that were apart; only then can the runs of separators have changed.
        keep = _without_repeats(codes, kinds)
        if keep is None:
            break

    whole = codes.tobytes().decode("utf-32-le")
    is_text = codes != 0
    starts = (~is_text).nonzero()[0]
    starts -= np.arange(len(starts))
    origin = positions[is_text]
    origin -= (edges[:-1] + np.int32(1)).repeat(starts[1:] - starts[:-1])
    return FoldedBatch(whole.split(_BETWEEN)[1:-1], codes[is_text], starts, origin)


def _expand(codes: Codes, positions: Positions, lookup: Table) -> tuple[Codes, Positions]:
    """Drop what the table drops and write out what becomes several code points."""
    expanding = np.flatnonzero((codes >= EXPAND) & (codes != DROP))
    if not len(expanding):
        keep = codes != DROP
        return codes[keep], positions[keep]
    rows = codes[expanding] - np.uint32(EXPAND)
    lengths = lookup.expansion_length[rows]
    counts = (codes != DROP).astype(np.int64)
    counts[expanding] = lengths
    ends = np.cumsum(counts)
    written = np.repeat(codes, counts)
    # 0, 1, … within each expansion.
    inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    target = np.repeat(ends[expanding] - lengths, lengths) + inside
    written[target] = lookup.expansions[np.repeat(lookup.expansion_start[rows], lengths) + inside]
    return written, np.repeat(positions, counts)


def _without_repeats(codes: Codes, kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_] | None:
    """What stays of repeated characters, None if all does. Separators have a rule of their own."""
    same = codes[1:] == codes[:-1]
    thrice = (same[1:] & same[:-1]).nonzero()[0]
    if not len(thrice):
        return None
    kind = kinds[thrice]
    of_cjk = thrice[kind == CJK]
    of_letters = thrice[kind == LETTER]
    # The array ends with a zero, so thrice + 3 is inside it.
    of_letters = of_letters[codes[of_letters + 3] == codes[of_letters]]
    if not len(of_cjk) and not len(of_letters):
        return None
    keep = np.ones(len(codes), dtype=np.bool_)
    keep[of_cjk + 1] = False
    keep[of_cjk + 2] = False
    for further in (1, 2, 3):
        keep[of_letters + further] = False
    return keep


def _without_separators(codes: Codes, kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_] | None:
    """What stays of runs of separators, None if all does."""
    # Classes below SPACE wrap round and are high.
    separates = kinds - np.uint8(SPACE) < EDGE - SPACE
    bounds = (separates[1:] != separates[:-1]).nonzero()[0] + 1
    if not len(bounds):
        return None
    # A zero stands at both ends of the array, so what begins also ends.
    starts, ends = bounds[::2], bounds[1::2]
    lengths = ends - starts

    stays = starts
    if lengths.max() > 1:
        # The first of the highest class stays for the run: the smallest of (class downwards, place).
        place_bits = len(codes).bit_length()
        order = (np.int64(EDGE) - kinds << place_bits) | np.arange(len(codes))
        stays = np.minimum.reduceat(order, bounds)[::2] & ((1 << place_bits) - 1)
    kind = kinds[stays]

    left, right = kinds[starts - 1], kinds[ends]
    between = (left != EDGE) & (right != EDGE)
    # starts - 2 is -1 at least, ends + 1 beyond the array only where ends is an edge.
    left_alone = kinds[starts - 2] >= SPACE
    right_alone = kinds.take(ends + 1, mode="clip") >= SPACE
    in_number = (left == DIGIT) & (right == DIGIT) & (lengths == 1) & _IN_NUMBERS.take(codes[starts], mode="clip")
    in_phrase = (left == LETTER) & (right == LETTER) & (kind == SPACE) & (left_alone != right_alone)
    vanishes = (left_alone | right_alone) & ~(in_number | in_phrase)
    vanishes |= (left == CJK) & (right == CJK) & (kind < HARD)
    vanishes = np.where(between, vanishes, codes[stays] <= ord(" "))

    kept = stays[~vanishes]
    keep = ~separates
    keep[kept] = True
    return None if keep.all() else keep
