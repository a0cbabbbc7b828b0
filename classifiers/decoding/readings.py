"""Other readings of folded texts: nearly all have none, and are told from the others over a whole batch at once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifiers.decoding.table import SPELLED, Table, alike, table
from classifiers.folding import FoldedBatch
from classifiers.neighbours import Codes, Neighbours

# Fewer syllables are those of too many words.
_LEAST = 3
_HAN = (0x4E00, 0x9FFF)
_ALL_HAN = re.compile(f"[{chr(_HAN[0])}-{chr(_HAN[1])}]+")
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
        listed = sorted({one for one in words if len(one) >= _LEAST}, key=lambda one: (-len(one), one))
        every, start = self._sounds("".join(listed)), 0
        for word in listed:
            sounds, start = every[start : start + len(word)], start + len(word)
            if all(sounds) and _ALL_HAN.fullmatch(word):
                self._words.setdefault(sounds[:_LEAST], []).append((sounds, word))
        self._longest = max(map(len, listed), default=0)
        self._heard = Neighbours(np.array(list(self._words), np.uint32).reshape(-1, _LEAST).T)
        begins = [[ord(sign) for sign in word[:_LEAST]] for some in self._words.values() for _, word in some]
        self._plain = Neighbours(np.array(begins, np.uint32).reshape(-1, _LEAST).T)
        # By their first two characters what is written for others, the longest first.
        self._written: dict[str, list[tuple[str, str]]] = {}
        for written, meant in sorted(self._table.meant.items(), key=lambda one: (-len(one[0]), one)):
            self._written.setdefault(written[:2], []).append((written, meant))
        self._split = Neighbours(np.array([[ord(one) for one in pair] for pair in self._written], np.uint32).T)

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
        mixed = ((letters[1:] & han[:-1]) | (letters[:-1] & han[1:])).nonzero()[0]
        texts = _texts_at(self._split.places(codes), batch)
        spelled = _texts_at(mixed, batch)
        if len(codes) >= _LEAST:
            sounds = self._table.sound.take(codes)
            heard = self._heard.places(sounds)
            plain = self._plain.among(codes[heard], codes[heard + 1], codes[heard + 2])
            begun = _texts_at(heard[~plain], batch)
            # Three syllables are often those of other words: the whole word has to sound so, where nothing is spelled.
            spelled |= begun
            which = batch.starts.searchsorted(heard, side="right") - 1
            for i, place in zip(which.tolist(), heard.tolist(), strict=True):
                if i in begun and i not in texts and self._sounds_like_another(batch, sounds, i, place):
                    texts.add(i)
        return sorted(texts.union(i for i in spelled - texts if self._spells(batch.texts[i])))

    def _sounds_like_another(self, batch: FoldedBatch, sounds: Codes, i: int, place: int) -> bool:
        """Whether text i says there what sounds like a word and is written otherwise."""
        start, end = batch.starts[i : i + 2].tolist()
        word = self._word_at(tuple(sounds[place : min(end, place + self._longest)].tolist()), 0)
        return word is not None and not batch.texts[i].startswith(word, place - start)

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


def _texts_at(places: npt.NDArray[np.int64], batch: FoldedBatch) -> set[int]:
    """The texts, by index, in which these places lie."""
    return set((batch.starts.searchsorted(places, side="right") - 1).tolist())
