"""Which questions are worth asking of a text: those that need a word which it holds. Many texts are read at once.

Expressions cost microseconds each, and nearly every message answers nearly all of them with no. So each question names words
of which a text that answers it with yes holds at least one, and only the first two characters of these are looked for.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from classifiers.code_points import joined
from classifiers.folding.table import CODE_POINTS
from classifiers.simplified import SIMPLE

# Of fewer texts it costs less to ask than to read them all at once.
_FEW = 4
# Classes of code points: what stands inside a word, what ends one, and from here on one for each that the words begin with.
_INSIDE, _OUTSIDE, _NAMED = range(3)
_PLACE = re.compile(r"\[([^]]+)]|\\(.)|(.)")
# Stands for the end of a word; no text holds it as a character of a word.
_END = "\0"


class Cues:
    """Questions, each with the words it needs.

    `needed` {question: words}, written like 知[道悉]|阅|\\?|[没不]$ (alternatives, sets of characters, escapes, and $ for the end
    of a word), in simplified characters, Latin letters in each case that counts.
    """

    def __init__(self, needed: Mapping[Hashable, str]) -> None:
        self._questions = tuple(needed)
        self._kind, self._allowed = _tables(tuple(needed.values()))
        self._sets: dict[int, frozenset[Hashable]] = {}

    def possible(self, texts: Sequence[str]) -> list[frozenset[Hashable]]:
        """The questions that each text is worth asking: all the others it answers with no. Of few texts: all.

        Some 0.5 µs for a text in a chunk of a thousand, a twentieth of what it costs to ask.
        """
        if len(texts) < _FEW:
            return [frozenset(self._questions)] * len(texts)
        kind, allowed = self._kind, self._allowed.ravel()
        width = len(self._allowed)
        found: list[frozenset[Hashable]] = []
        for codes, bounds in joined(texts):
            pairs = kind[codes]
            pairs[:-1] = pairs[:-1] * width + pairs[1:]
            # A zero stands last, with which no word begins.
            pairs[-1] = 0
            found += map(self._set, np.bitwise_or.reduceat(allowed[pairs], bounds[:-1]).tolist())
        return found

    def _set(self, bits: int) -> frozenset[Hashable]:
        found = self._sets.get(bits)
        if found is None:
            found = frozenset(one for bit, one in enumerate(self._questions) if bits >> bit & 1)
            self._sets[bits] = found
        return found


# Screens are made anew with each announcement, and ask the same.
@lru_cache(maxsize=8)
def _tables(needed: Sequence[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """The class of each code point, and the bits of the questions that one of a class before one of another allows.

    Questions are numbered as their words come, 32 at most.
    """
    pairs = [(1 << bit, word.translate(SIMPLE)[:2]) for bit, words in enumerate(needed) for word in _written_out(words)]
    named = sorted({*"".join(pair for _, pair in pairs)} - {_END})
    classes = {one: number for number, one in enumerate(named, _NAMED)}
    kind = np.full(CODE_POINTS, _OUTSIDE, np.uint32)
    kind[0x3400:0xA000] = _INSIDE
    kind[[code for code in range(128) if chr(code).isalnum()]] = _INSIDE
    ends = [_OUTSIDE, *(classes[one] for one in named if kind[ord(one)] == _OUTSIDE)]
    kind[list(map(ord, named))] = list(classes.values())
    for written, plain in [*SIMPLE.items(), (ord("覆"), ord("复"))]:
        kind[written] = kind[plain]
    allowed = np.zeros((_NAMED + len(classes),) * 2, np.uint32)
    for bit, pair in pairs:
        after = ends if pair[1:] == _END else [classes[one] for one in pair[1:]]
        allowed[classes[pair[0]], after or slice(None)] |= bit
    # What allows the same before and after all others shares a class, so that the table fits in a cache.
    _, first, same = np.unique(np.hstack((allowed, allowed.T)), axis=0, return_index=True, return_inverse=True)
    kept = np.sort(first)
    return np.searchsorted(kept, first)[same].astype(np.uint32)[kind], allowed[np.ix_(kept, kept)]


def _written_out(words: str) -> Iterator[str]:
    """The words that an expression lists: of `知[道悉]|阅` 知道, 知悉, 阅."""
    for word in words.split("|"):
        places = [several or escaped or (_END if one == "$" else one) for several, escaped, one in _PLACE.findall(word)]
        yield from map("".join, product(*places))
