"""Some pairs or triples of numbers that stand side by side, looked for in whole batches at once."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]

# Odd multipliers of a hash of two or three numbers, and how many of its 32 bits go: 2^18 places stay, of which 20,000 words
# fill 8 %.
_FACTORS = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35))
_SHIFT = np.uint32(14)
_PLACES = 1 << 18


class Neighbours:
    """Which of some pairs, or triples, of code points or the like stand where: by a hash first, then for certain."""

    def __init__(self, columns: Codes) -> None:
        """`columns[k]` are the k-th numbers of all, (2 or 3, how many)."""
        self._size = len(columns)
        self._seen = np.zeros(_PLACES, np.bool_)
        self._seen[_hash(*columns)] = True
        self._known = np.unique(_key(columns))

    def places(self, numbers: Codes) -> npt.NDArray[np.int64]:
        """Where one of them begins in a row of numbers, rising."""
        size = self._size
        if len(numbers) < size:
            return np.zeros(0, np.int64)
        rows = [numbers[k : len(numbers) - size + 1 + k] for k in range(size)]
        places = self._seen.take(_hash(*rows)).nonzero()[0]
        return places[self.among(*(one[places] for one in rows))]

    def among(self, *columns: Codes) -> npt.NDArray[np.bool_]:
        """Which of others are of them."""
        if not len(self._known):
            return np.zeros(len(columns[0]), np.bool_)
        keys = _key(columns)
        return np.asarray(self._known.take(self._known.searchsorted(keys), mode="clip") == keys)


def _key(columns: Iterable[Codes]) -> npt.NDArray[np.uint64]:
    """One number for each; 21 bits hold a code point."""
    first, *others = (one.astype(np.uint64) for one in columns)
    for one in others:
        first = (first << np.uint64(21)) | one
    return first


def _hash(*some: Codes) -> Codes:
    """Places of pairs or of triples in a table."""
    total = some[0] * _FACTORS[0]
    for one, factor in zip(some[1:], _FACTORS[1:], strict=False):
        total += one * factor
    total >>= _SHIFT
    return total
