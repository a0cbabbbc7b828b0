"""Words that tell offences from normal chat, with their effect. Proposals only: a person strikes out what is wrong.

Ranked by the log-odds ratio with an informative Dirichlet prior of Monroe, Colaresi and Quinn (Fightin' Words, Political
Analysis 2008, section 3.5.1): the prior is how often each term occurs in both corpora together, so that what is rare in
both gets a small z. Counted are texts that hold a term, each text once: a campaign that says the same a hundred times
counts once.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import yaml
from msgspec import Struct

from classifiers.folding import fold_batch
from classifiers.keywords import Keywords, Word, WordList, fold_words, is_mention
from classifiers.measure import HEAD, TAIL

# What is looked at: a term that fewer offences hold may be chance; below this z (one-sided 0.5 %) it may be, too.
LEAST_OFFENCES = 3
LEAST_Z = 2.58
# Weight of the prior, in texts: as much as the normal texts of a day of one group.
_PRIOR = 500.0
# Of two terms one of which holds the other the first is enough if it is found in this share of the other's offences.
_SAME = 0.8
_LONGEST = 12
_Z95 = 1.959964
_HAN = re.compile("[\u4e00-\u9fff]+")
_LATIN = re.compile("(?=.*[a-z])[a-z0-9]{2,12}")
_AT_ONCE = 1024
Cut = Callable[[str], Iterable[str]]


class Suggestion(Struct, frozen=True, kw_only=True):
    """A term and what it would do beside the lists in force: `finds` of the offences hold it, `new` of them are found by no
    listed word yet. Of the normal texts `touches` hold it; `low` and `high` are the 95 % Wilson interval of their share."""

    word: str
    z: float
    log_odds: float
    finds: int
    new: int
    touches: int
    share: float
    low: float
    high: float


class Suggestions(Struct, frozen=True, kw_only=True):
    """All that was proposed, of how many different texts, and how many of the offences the lists in force find."""

    category: str
    offences: int
    normal: int
    found_already: int
    words: tuple[Suggestion, ...]


def suggest(
    offences: Sequence[str],
    normal: Sequence[str],
    lists: Sequence[WordList],
    category: str,
    *,
    top: int,
    most: float,
    cut: Cut,
) -> Suggestions:
    """The `top` terms that tell offences from normal texts best and that no list of the category has yet.

    What surely touches more than `most`, a share of the normal texts, is not proposed.

    `cut` gives the words of a folded text; its neighbouring characters, two and three at a time, are tried beside them. What
    a term finds and touches is counted as a list would find it.
    """
    bad, good = _distinct(offences), _distinct(normal)
    listed = Keywords([one for one in lists if one.category == category])
    missed = [not any(not is_mention(text, hit) for hit in listed.find(text)) for text in bad]
    terms = _terms(bad, cut) - {word.folded for one in lists if one.category == category for word in one.words}
    sought = Keywords([WordList(term, "", (Word(term, term, "weak"),)) for term in sorted(terms)])
    held, touched = _held(sought, bad), _held(sought, good)
    ranked = sorted(
        ((*_odds(len(ids), len(bad), len(touched.get(term, ())), len(good)), term) for term, ids in held.items()),
        key=lambda one: (-one[1], -len(one[2]), one[2]),
    )
    chosen: list[Suggestion] = []
    for odds, z, term in ranked:
        if z < LEAST_Z or len(chosen) >= top:
            break
        found, touches = held[term], len(touched.get(term, ()))
        low, high = interval(touches, len(good))
        if (good and low > most) or any(_says_the_same(term, one.word, held) for one in chosen):
            continue
        chosen.append(
            Suggestion(
                word=term,
                z=round(z, 2),
                log_odds=round(odds, 2),
                finds=len(found),
                new=sum(missed[i] for i in found),
                touches=touches,
                share=round(touches / len(good), 6) if good else 0.0,
                low=low,
                high=high,
            )
        )
    return Suggestions(
        category=category,
        offences=len(bad),
        normal=len(good),
        found_already=len(bad) - sum(missed),
        words=tuple(chosen),
    )


def as_list(found: Suggestions, why: str) -> str:
    """The proposals as a list that `xunqun lists import` reads: weak words, each with its effect in a comment."""
    lines = [
        f"# Proposed from {found.offences} offences and {found.normal} normal texts. Strike out what is wrong, then:",
        f"# xunqun lists import FILE --category {found.category} --by NAME --why REASON --history FILE",
        f"category: {found.category}",
        f"why: {_scalar(why)}",
        "weak:",
    ]
    for one in found.words:
        effect = f"{one.new} new of {one.finds} offences; {one.touches} normal, at most {1000 * one.high:.1f} in 1,000"
        lines.append(f"  - {_scalar(one.word)}  # z {one.z:.1f}; {effect}")
    return "\n".join(lines) + "\n"


def interval(found: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share; (0, 1) for nothing seen."""
    if not of:
        return 0.0, 1.0
    share, square = found / of, _Z95 * _Z95
    centre = share + square / (2 * of)
    spread = _Z95 * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    whole = 1 + square / of
    return round(max(0.0, (centre - spread) / whole), 6), round(min(1.0, (centre + spread) / whole), 6)


def _odds(bad: int, of_bad: int, good: int, of_good: int) -> tuple[float, float]:
    """The log-odds ratio of a term and its z: how many standard deviations it lies above chance."""
    prior = _PRIOR * (bad + good) / (of_bad + of_good)
    if prior >= _PRIOR:
        return 0.0, 0.0
    ours, theirs = bad + prior, good + prior
    ratio = math.log(ours / (of_bad + _PRIOR - ours)) - math.log(theirs / (of_good + _PRIOR - theirs))
    return ratio, ratio / math.sqrt(1 / ours + 1 / theirs)


def _distinct(texts: Sequence[str]) -> list[str]:
    """Each different text once, folded, of a long one as much as is judged."""
    return list(dict.fromkeys(one for one in fold_batch([text[: HEAD + TAIL] for text in texts]).texts if one))


def _terms(texts: Sequence[str], cut: Cut) -> set[str]:
    """What enough of the texts hold, as it would be looked for if a list had it."""
    counted = Counter(term for text in texts for term in _terms_of(text, cut))
    frequent = sorted(term for term, count in counted.items() if count >= LEAST_OFFENCES)
    return {term for term, folded in zip(frequent, fold_words(frequent), strict=True) if term == folded}


def _terms_of(text: str, cut: Cut) -> set[str]:
    found = {
        word for word in cut(text) if 2 <= len(word) <= _LONGEST and (_HAN.fullmatch(word) or _LATIN.fullmatch(word))
    }
    for run in _HAN.findall(text):
        for size in (2, 3):
            found.update(run[i : i + size] for i in range(len(run) - size + 1))
    return found


def _held(sought: Keywords, texts: Sequence[str]) -> dict[str, set[int]]:
    """By term the texts, by index, in which it is spoken. Each term is a category of its own, so that none hides another."""
    found: dict[str, set[int]] = {}
    for start in range(0, len(texts), _AT_ONCE):
        for i, hits in sought.find_batch(fold_batch(texts[start : start + _AT_ONCE])).items():
            for hit in hits:
                if not is_mention(texts[start + i], hit):
                    found.setdefault(hit.word, set()).add(start + i)
    return found


def _says_the_same(term: str, chosen: str, held: dict[str, set[int]]) -> bool:
    if term not in chosen and chosen not in term:
        return False
    return len(held[term] & held[chosen]) >= _SAME * len(held[term])


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, allow_unicode=True, width=1 << 20, default_style='"').strip()
