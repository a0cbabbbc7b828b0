"""Other readings of folded texts: nearly all have none, and are told from the others over a whole batch at once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifiers.decoding.table import SPELLED, Table, alike, table
from classifiers.folding import FoldedBatch

Codes = npt.NDArray[np.uint32]

# Fewer syllables are those of too many words.
_LEAST = 3
_FACTORS = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35))
_SHIFT = np.uint32(14)
_PLACES = 1 << 18
_HAN = (0x4E00, 0x9FFF)
_LATIN = re.compile("[a-z]{2,6}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text may stand for. Its k-th code point stands for those of the folded text from `begins[k]` to before
    `ends[k]`; `changed` are the ranges that do not stand in the message so.
    """

    text: str
    begins: Sequence[int]
    ends: Sequence[int]
    changed: tuple[tuple[int, int], ...]

    def folded(self, start: int, end: int) -> tuple[int, int]:
        """The code points of the folded text that those from `start` to before `end` stand for."""
        return self.begins[start], self.ends[end - 1]


class Reader:
    """Reads sound-alikes as one of the words that it was given, and split characters as one."""

    def __init__(self, words: Iterable[str]) -> None:
        """`words` are folded; those of fewer than three syllables are not listened for."""
        self._table: Table = table()
        self._words: dict[tuple[int, ...], list[tuple[tuple[int, ...], str]]] = {}
        for word in sorted(set(words), key=lambda one: (-len(one), one)):
            sounds = self._sounds(word)
            if len(sounds) >= _LEAST and all(sounds) and all(_HAN[0] <= ord(sign) <= _HAN[1] for sign in word):
                self._words.setdefault(sounds[:_LEAST], []).append((sounds, word))
        self._heard = _Some(np.array(list(self._words), np.uint32).reshape(-1, _LEAST).T)
        begins = [[ord(sign) for sign in word[:_LEAST]] for some in self._words.values() for _, word in some]
        self._plain = _Some(np.array(begins, np.uint32).reshape(-1, _LEAST).T)
        # By their first two characters what is written for others, the longest first.
        self._written: dict[str, list[tuple[str, str]]] = {}
        for written, meant in sorted(self._table.meant.items(), key=lambda one: (-len(one[0]), one)):
            self._written.setdefault(written[:2], []).append((written, meant))
        self._split = _Some(np.array([[ord(one) for one in pair] for pair in self._written], np.uint32).T)

    def read(self, batch: FoldedBatch) -> dict[int, Reading]:
        """The readings of a batch, by index of the text; texts that read as they stand are absent."""
        found = {}
        for i in self._worth_reading(batch):
            reading = self._reading(batch.texts[i])
            if reading is not None:
                found[i] = reading
        return found

    def _worth_reading(self, batch: FoldedBatch) -> Sequence[int]:
        codes = batch.codes
        if len(codes) < 2:
            return ()
        letters = codes - np.uint32(ord("a")) < 26
        han = codes - np.uint32(_HAN[0]) <= _HAN[1] - _HAN[0]
        places = [self._split.places(codes[:-1], codes[1:])]
        if len(codes) >= _LEAST:
            sounds = self._table.sound.take(codes)
            heard = self._heard.places(sounds[:-2], sounds[1:-1], sounds[2:])
            plain = self._plain.among(codes[heard], codes[heard + 1], codes[heard + 2])
            places.append(heard[~plain])
        mixed = ((letters[1:] & han[:-1]) | (letters[:-1] & han[1:])).nonzero()[0]
        texts = set((batch.starts.searchsorted(np.concatenate(places), side="right") - 1).tolist())
        spelled = set((batch.starts.searchsorted(mixed, side="right") - 1).tolist()) - texts
        return sorted(texts.union(i for i in spelled if self._spells(batch.texts[i])))

    def _spells(self, text: str) -> bool:
        """Whether letters of a text may be a syllable of a word."""
        return any(alike(run) in self._table.numbers for run in _LATIN.findall(text))

    def _reading(self, text: str) -> Reading | None:
        """The text with its parts put together, then with its sound-alikes replaced."""
        signs = self._signs(text)
        sounds = self._sounds("".join(sign for sign, _, _ in signs))
        said: list[str] = []
        begins: list[int] = []
        ends: list[int] = []
        changed: list[tuple[int, int]] = []
        i = 0
        while i < len(signs):
            sign, begin, end = signs[i]
            word = self._word_at(sounds, i) or sign
            some = signs[i : i + len(word)]
            if text[begin : some[-1][2]] == word:
                word, some = sign, signs[i : i + 1]
            elif ord(sign) >= SPELLED and word == sign:
                # What is spelled in letters and is no part of a word stays in letters.
                said += text[begin:end]
                begins += range(begin, end)
                ends += range(begin + 1, end + 1)
                i += 1
                continue
            if word != text[begin : some[-1][2]]:
                changed.append((len(said), len(said) + len(word)))
            said += word
            begins += [one[1] for one in some]
            ends += [one[2] for one in some]
            i += len(some)
        return Reading("".join(said), begins, ends, tuple(changed)) if changed else None

    def _signs(self, text: str) -> list[tuple[str, int, int]]:
        """The signs that a text stands for, a spelled syllable as one, with the code points that each takes."""
        found: list[tuple[str, int, int]] = []
        spelled = {one.start(): one.end() for one in _LATIN.finditer(text)}
        i = 0
        while i < len(text):
            signs, size = self._meant(text, i)
            if i in spelled and (number := self._table.numbers.get(alike(text[i : spelled[i]]))) is not None:
                signs, size = chr(SPELLED + number), spelled[i] - i
            found += [(sign, i, i + size) for sign in signs]
            i += size
        return found

    def _meant(self, text: str, start: int) -> tuple[str, int]:
        """What is meant by what stands there, and how many code points it takes."""
        for written, meant in self._written.get(text[start : start + 2], ()):
            if text.startswith(written, start):
                return meant, len(written)
        return text[start], 1

    def _sounds(self, text: str) -> tuple[int, ...]:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        return tuple(self._table.sound.take(codes).tolist())

    def _word_at(self, sounds: tuple[int, ...], start: int) -> str | None:
        """The longest word that sounds like what begins there."""
        for wanted, word in self._words.get(sounds[start : start + _LEAST], ()):
            if sounds[start : start + len(wanted)] == wanted:
                return word
        return None


class _Some:
    """Some pairs or triples of numbers, looked for in arrays: by a hash first, then for certain."""

    def __init__(self, columns: Codes) -> None:
        self._seen = np.zeros(_PLACES, np.bool_)
        self._seen[_hash(*columns)] = True
        self._known = np.unique(_key(columns))

    def places(self, *columns: Codes) -> npt.NDArray[np.int64]:
        """Where one of them stands."""
        places = self._seen.take(_hash(*columns)).nonzero()[0]
        return places[self.among(*(one[places] for one in columns))]

    def among(self, *columns: Codes) -> npt.NDArray[np.bool_]:
        """Which of some are of them."""
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
