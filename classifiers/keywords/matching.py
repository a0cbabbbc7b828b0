"""Finding words: one Aho-Corasick automaton, then the few rules on what a hit is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Any, Literal

import ahocorasick
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.folding import FoldedBatch
from classifiers.keywords.lists import GAP, WordList
from classifiers.lazy import lazy

# Folded text never contains it, so texts joined by it are searched in one go and no word spans two of them.
_BETWEEN = "\x00"

# A gap stands for at most this many code points, none of which ends a sentence: more, and the parts have nothing to do
# with one another. A word with gaps is looked for this far around its longest part.
_GAP = f"[^。!?\n{_BETWEEN}]{{0,8}}?"
_AROUND = 40
# Hundreds of words have gaps; few are ever met.
_compile = lazy(re.compile)

# Odd multipliers of a hash of two or three code points, and how many of its 32 bits go: 2^18 places stay, of which
# 20,000 words fill 8 %.
_FACTORS = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35))
_SHIFT = np.uint32(14)
_PLACES = 1 << 18


class Hit(Struct, frozen=True):
    """A word that was found; `start` and `end` count code points of the folded text, half open.

    `word` is the word as its list has it.
    """

    category: str
    word: str
    strength: Literal["strong", "weak"]
    start: int
    end: int


class _Entry(Struct, frozen=True):
    """What the automaton knows of one folded word: its size, what may not stand beside it, and whose word it is.

    `gapped` are the words with gaps of which this is the longest part: another part, all of them, and what they count as.
    """

    size: int
    # Kinds of characters that must not precede or follow, see `_kind`; "" if all may.
    before: str
    after: str
    # (category, word as written, strength)
    owners: tuple[tuple[str, str, str], ...]
    gapped: tuple[tuple[str, re.Pattern[str], "_Entry"], ...] = ()

    def found(self, joined: str, end: int) -> Iterator[tuple[int, int, "_Entry"]]:
        """Start, end and entry of the words that this one, ending before `end`, stands for."""
        start = end - self.size
        if self.owners:
            yield start, end, self
        if self.gapped:
            first = max(0, start - _AROUND)
            around = joined[first : end + _AROUND]
            for other, pattern, entry in self.gapped:
                # Nearly always it is not there, and an expression takes ten times as long to say so.
                if other in around:
                    for match in pattern.finditer(around):
                        if first + match.start() <= start and end <= first + match.end():
                            yield first + match.start(), first + match.end(), entry


class Keywords:
    """All words of all lists.

    An allow word takes back every word of its category that lies inside it. Of overlapping words of one category the
    longest is the hit, of equal ones the stronger, then the first. Latin letters and digits at the edge of a word must
    not go on beyond it: neither letters nor digits beside a word that consists of nothing else (sb, 12333), no more of
    the same kind beside one that has Chinese as well (加v123 contains 加v, 加vip does not). A word with gaps, 转让…车位,
    is found where its parts follow one another within a sentence; its hit reaches from the first part to the last.
    """

    def __init__(self, lists: Sequence[WordList]) -> None:
        owners: dict[str, dict[tuple[str, str], tuple[str, str, str]]] = {}
        for one in lists:
            for word in one.words:
                owners.setdefault(word.folded, {}).setdefault(
                    (one.category, word.strength), (one.category, word.text, word.strength)
                )
        self._automaton: Any = ahocorasick.Automaton()
        # Allow words only take back, so it is no matter whether one begins in a text without any other word.
        denying = {
            max(folded.split(GAP), key=len)
            for folded, found in owners.items()
            if any(strength != "allow" for _, strength in found)
        }
        self._beginnings = _Beginnings(denying)
        gapped: dict[str, list[tuple[str, re.Pattern[str], _Entry]]] = {}
        whole: dict[str, tuple[tuple[str, str, str], ...]] = {}
        for folded in sorted(owners):
            ours = tuple(owners[folded][key] for key in sorted(owners[folded]))
            parts = folded.split(GAP)
            if len(parts) == 1:
                whole[folded] = ours
            else:
                pattern = _compile(_GAP.join(map(re.escape, parts)))
                longest, other, *_ = sorted(parts, key=len, reverse=True)
                gapped.setdefault(longest, []).append((other, pattern, _Entry(0, "", "", ours)))
        for sought in sorted({*whole, *gapped}):
            before, after = _forbidden(sought)
            entry = _Entry(len(sought), before, after, whole.get(sought, ()), tuple(gapped.get(sought, ())))
            self._automaton.add_word(sought, entry)
        self._empty = not owners
        self._automaton.make_automaton()
        self.categories: tuple[str, ...] = tuple(sorted({one.category for one in lists}))
        self.why: dict[str, str] = {one.category: one.why for one in reversed(lists)}
        self.version: str = _version(lists)

    def find(self, folded: str) -> list[Hit]:
        """The hits of one folded text, by category, then place."""
        return self._search((folded,)).get(0, [])

    def find_batch(self, batch: FoldedBatch) -> dict[int, list[Hit]]:
        """The hits of a batch, by index of the text; texts without a hit are absent.

        The automaton takes 5 microseconds a message of 40 characters, so it sees only texts in which a word may begin.
        """
        chosen = self._beginnings.texts_of(batch)
        if not chosen:
            return {}
        hits = self._search([batch.texts[i] for i in chosen])
        return {chosen[i]: found for i, found in hits.items()}

    def _search(self, texts: Sequence[str]) -> dict[int, list[Hit]]:
        if self._empty:
            return {}
        joined = _BETWEEN.join(texts)
        raw = [
            found
            for end, entry in self._automaton.iter(joined)
            if not (
                (entry.before and end >= entry.size and _kind(joined[end - entry.size]) in entry.before)
                or (entry.after and end + 1 < len(joined) and _kind(joined[end + 1]) in entry.after)
            )
            for found in entry.found(joined, end + 1)
        ]
        if not raw:
            return {}
        starts = np.zeros(len(texts), dtype=np.int64)
        np.cumsum(np.fromiter((len(text) + 1 for text in texts[:-1]), np.int64, len(texts) - 1), out=starts[1:])
        found = np.searchsorted(starts, [start for start, _, _ in raw], side="right") - 1
        hits: dict[int, list[Hit]] = {}
        for text, ours in groupby(zip(found.tolist(), raw, strict=True), key=lambda pair: pair[0]):
            shift = int(starts[text])
            decided = _decide((start - shift, end - shift, entry) for _, (start, end, entry) in ours)
            if decided:
                hits[text] = decided
        return hits


class _Beginnings:
    """Where a word may begin: hashes of the first two code points of words of two, of the first three of all others.

    Says yes too often now and then, no never wrongly.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._two = np.zeros(_PLACES, dtype=np.bool_)
        self._three = np.zeros(_PLACES, dtype=np.bool_)
        known = list(words)
        begins = "".join((word + _BETWEEN)[:3] for word in known)
        # Of three in a row only those that begin a word count.
        two, three = (places[::3] for places in _hashes(np.frombuffer(begins.encode("utf-32-le"), np.uint32)))
        short = np.fromiter((len(word) == 2 for word in known), np.bool_, len(known))
        self._two[two[short]] = True
        self._three[three[~short]] = True

    def texts_of(self, batch: FoldedBatch) -> list[int]:
        """Which texts to search. Code points of neighbouring texts may be taken together; that only adds some."""
        if len(batch.codes) < 2:
            return []
        # With an end of its own the last two code points are looked at as well.
        two, three = _hashes(np.append(batch.codes, np.uint32(0)))
        places = np.flatnonzero(self._two[two] | self._three[three])
        chosen: list[int] = np.unique(np.searchsorted(batch.starts, places, side="right") - 1).tolist()
        return chosen


def _hashes(codes: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Places for each two and each three neighbouring code points, as many of the one as of the other."""
    two = codes[:-2] * _FACTORS[0] + codes[1:-1] * _FACTORS[1]
    return two >> _SHIFT, (two + codes[2:] * _FACTORS[2]) >> _SHIFT


def _decide(raw: Iterator[tuple[int, int, _Entry]]) -> list[Hit]:
    """What remains of everything that was found in one text."""
    denied: dict[str, list[Hit]] = {}
    allowed: dict[str, list[tuple[int, int]]] = {}
    for start, end, entry in raw:
        for category, word, strength in entry.owners:
            if strength == "allow":
                allowed.setdefault(category, []).append((start, end))
            elif strength == "strong":
                denied.setdefault(category, []).append(Hit(category, word, "strong", start, end))
            else:
                denied.setdefault(category, []).append(Hit(category, word, "weak", start, end))
    hits: list[Hit] = []
    for category in sorted(denied):
        candidates = denied[category]
        if category in allowed:
            spans = _outermost(allowed[category])
            candidates = [hit for hit in candidates if not _inside(hit, spans)]
        taken: list[Hit] = []
        # Longest first; a taken hit blocks what overlaps it. Places taken are kept as a set of code points: a word is
        # short, so this stays linear where comparing all pairs would not.
        places: set[int] = set()
        for hit in sorted(candidates, key=lambda hit: (hit.start - hit.end, hit.strength, hit.start)):
            if places.isdisjoint(range(hit.start, hit.end)):
                taken.append(hit)
                places.update(range(hit.start, hit.end))
        hits.extend(sorted(taken, key=lambda hit: hit.start))
    return hits


def _outermost(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans by start without those that lie inside another; so their ends rise as well."""
    outer: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not outer or end > outer[-1][1]:
            outer.append((start, end))
    return outer


def _inside(hit: Hit, spans: list[tuple[int, int]]) -> bool:
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][0] <= hit.start:
            low = middle + 1
        else:
            high = middle
    # The last span that starts at or before the hit is the one that reaches furthest.
    return low > 0 and hit.end <= spans[low - 1][1]


def _kind(character: str) -> str:
    """ "a" for letters of scripts that separate words, "1" for digits, "-" for everything else."""
    if character.isascii():
        return "a" if character.isalpha() else "1" if character.isdigit() else "-"
    # Folded Latin is ASCII but for a few letters (ø, ł); Cyrillic and Greek behave like it. Hangul glues particles on.
    return "a" if "\u00aa" <= character < "\u0600" and character.isalpha() else "-"


def _forbidden(folded: str) -> tuple[str, str]:
    first, last = _kind(folded[0]), _kind(folded[-1])
    if all(_kind(character) != "-" or character.isascii() for character in folded):
        first, last = ("" if first == "-" else "a1"), ("" if last == "-" else "a1")
    return first.replace("-", ""), last.replace("-", "")


def _version(lists: Sequence[WordList]) -> str:
    """The same for the same words in the same categories, whatever the order; eight hex digits tell lists apart."""
    content = sorted({f"{one.category}\x1f{word.strength}\x1f{word.folded}" for one in lists for word in one.words})
    return blake2b("\n".join(content).encode(), digest_size=4).hexdigest()
