"""Finding words: by how they begin, over a whole batch at once, then the few rules on what a hit is."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from classifiers.folding import FoldedBatch
from classifiers.keywords.lists import GAP, PRODUCT, Word, WordList
from classifiers.lazy import lazy
from classifiers.neighbours import Codes, Neighbours
from models.observation import Millis

# A gap stands for at most this many code points, none of which ends a sentence: more, and the parts have nothing to do
# with one another. A word with gaps is looked for this far around its longest part.
_GAP = "[^。!?\n]{0,8}?"
_AROUND = 40
# In folded code points.
_SHORT = 4
# Hundreds of words have gaps; few are ever met.
_compile = lazy(re.compile)


class Hit(Struct, frozen=True):
    """A word that was found; `start` and `end` count code points of the folded text, half open.

    `word` is the word as its list has it; `note` says who wanted it and why, where the list says so of this word.
    """

    category: str
    word: str
    strength: Literal["strong", "weak"]
    start: int
    end: int
    note: str = ""


class _Entry(Struct, frozen=True):
    """What is known of one folded word: what may not stand beside it, and whose word it is.

    `gapped` are the words with gaps of which this is the longest part: another part, all of them, and what they count as.
    """

    word: str
    # Kinds of characters that must not precede or follow, see `_kind`; "" if all may.
    before: str
    after: str
    # (category, word, what its list says of it)
    owners: tuple[tuple[str, Word, str], ...]
    gapped: tuple[tuple[str, re.Pattern[str], "_Entry"], ...] = ()

    def stands_at(self, text: str, start: int) -> bool:
        """Whether the word begins there, with nothing beside it that it may not have."""
        if not text.startswith(self.word, start):
            return False
        if self.before and start and _kind(text[start - 1]) in self.before:
            return False
        end = start + len(self.word)
        return not (self.after and end < len(text) and _kind(text[end]) in self.after)

    def found(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, "_Entry"]]:
        """Start, end and entry of the words that this one, from `start` to before `end`, stands for."""
        if self.owners:
            yield start, end, self
        if self.gapped:
            first = max(0, start - _AROUND)
            around = text[first : end + _AROUND]
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
        owners: dict[str, dict[tuple[str, str], list[Word]]] = {}
        # Whether a hit depends on when it was written; where none does, nobody asks.
        self.dated = False
        for one in lists:
            for word in one.words:
                owners.setdefault(word.folded, {}).setdefault((one.category, word.strength), []).append(word)
                self.dated = self.dated or word.starts is not None or word.ends is not None
        gapped: dict[str, list[tuple[str, re.Pattern[str], _Entry]]] = {}
        whole: dict[str, tuple[tuple[str, Word, str], ...]] = {}
        for folded in sorted(owners):
            ours = tuple(
                (category, word, _note(word))
                for (category, _), words in sorted(owners[folded].items())
                for word in _lasting(words)
            )
            parts = folded.split(GAP)
            if len(parts) == 1:
                whole[folded] = ours
            else:
                pattern = _compile(_GAP.join(map(re.escape, parts)))
                longest, other, *_ = sorted(parts, key=len, reverse=True)
                gapped.setdefault(longest, []).append((other, pattern, _Entry("", "", "", ours)))
        self._beginning: dict[str, list[_Entry]] = {}
        for sought in sorted({*whole, *gapped}):
            entry = _Entry(sought, *_forbidden(sought), whole.get(sought, ()), tuple(gapped.get(sought, ())))
            self._beginning.setdefault(sought[:3], []).append(entry)
        # The two code points of words of two, the first three of all others.
        self._beginnings = {
            size: Neighbours(_codes("".join(one for one in self._beginning if len(one) == size)).reshape(-1, size).T)
            for size in (2, 3)
        }
        self.categories: tuple[str, ...] = tuple(sorted({one.category for one in lists}))
        self.why: dict[str, str] = {one.category: one.why for one in reversed(lists)}
        self.version: str = _version(lists)
        # By category the strong words that a team has listed itself: whatever else is measured, it wants these to speak.
        self._promised = frozenset(
            (one.category, word.text)
            for one in lists
            if one.by != PRODUCT
            for word in one.words
            if word.strength == "strong"
        )
        # By category the words that are looked for, of those with gaps each part.
        self.words: dict[str, frozenset[str]] = {
            category: frozenset(part for one in some for part in one.split(GAP))
            for category, some in _looked_for(lists).items()
        }

    def speaks_alone(self, hit: Hit) -> bool:
        """Whether a strong word speaks whatever the trained model sees: one that a team has listed itself, or a long one.

        A short one may lie in other words (人渣 in 联系人渣打银行) or mean what it says (老鼠屎 in a warehouse).
        """
        return hit.end - hit.start > _SHORT or (hit.category, hit.word) in self._promised

    def find(self, folded: str, at: Millis | None = None) -> list[Hit]:
        """The hits of one folded text, by category, then place: of words that count at a group time, or of all."""
        codes = _codes(folded)
        when = None if at is None else lambda _: at
        return self._search([folded], codes, np.array([0, len(codes)]), when).get(0, [])

    def find_batch(self, batch: FoldedBatch, at: Callable[[int], Millis] | None = None) -> dict[int, list[Hit]]:
        """The hits of a batch, by index of the text; texts without a hit are absent.

        `at` gives the group time of a text, at which its words have to count; without it all words do.
        """
        return self._search(batch.texts, batch.codes, batch.starts, at if self.dated else None)

    def _search(
        self,
        texts: Sequence[str],
        codes: Codes,
        starts: npt.NDArray[np.int64],
        at: Callable[[int], Millis] | None = None,
    ) -> dict[int, list[Hit]]:
        standing: dict[int, list[tuple[int, int, _Entry]]] = {}
        for size, beginnings in self._beginnings.items():
            places = beginnings.places(codes)
            which = starts.searchsorted(places, side="right") - 1
            for i, start in zip(which.tolist(), (places - starts[which]).tolist(), strict=True):
                text = texts[i]
                beginning = text[start : start + size]
                # What reaches into the next text begins nothing.
                for entry in self._beginning[beginning] if len(beginning) == size else ():
                    if entry.stands_at(text, start):
                        standing.setdefault(i, []).append((start + len(entry.word), start, entry))
        hits: dict[int, list[Hit]] = {}
        for i, words in standing.items():
            # By their ends, of one end the longest first: so the same words win wherever several could.
            words.sort()
            found = [one for end, start, entry in words for one in entry.found(texts[i], start, end)]
            if found and (decided := _decide(found, at(i) if at is not None else None)):
                hits[i] = decided
        return hits


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _decide(found: Iterable[tuple[int, int, _Entry]], at: Millis | None) -> list[Hit]:
    """What remains of everything that was found in one text, written `at` a group time."""
    denied: dict[str, list[Hit]] = {}
    allowed: dict[str, list[tuple[int, int]]] = {}
    for start, end, entry in found:
        for category, word, note in entry.owners:
            if at is not None and not word.counts(at):
                continue
            if word.strength == "allow":
                allowed.setdefault(category, []).append((start, end))
            else:
                hit = Hit(category, word.text, word.strength, start, end, note)
                denied.setdefault(category, []).append(hit)
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


def _note(word: Word) -> str:
    return "：".join(one for one in (word.by, word.why) if one)


def _lasting(words: list[Word]) -> list[Word]:
    """Of the same word in several lists the one that always counts, else all: their times differ."""
    return [one for one in words if one.starts is None and one.ends is None][:1] or words


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


def _looked_for(lists: Sequence[WordList]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in lists:
        found.setdefault(one.category, []).extend(word.folded for word in one.words if word.strength != "allow")
    return found


def _version(lists: Sequence[WordList]) -> str:
    """The same for the same words in the same categories, whatever the order; eight hex digits tell lists apart."""
    content = sorted({_content(one.category, word) for one in lists for word in one.words})
    return blake2b("\n".join(content).encode(), digest_size=4).hexdigest()


def _content(category: str, word: Word) -> str:
    dates = f"\x1f{word.starts}\x1f{word.ends}" if word.starts is not None or word.ends is not None else ""
    return f"{category}\x1f{word.strength}\x1f{word.folded}{dates}"
