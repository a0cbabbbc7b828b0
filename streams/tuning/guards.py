"""What keeps labels from doing harm: each guard has a name, a figure and a sentence, and takes labels or weight away.

A category learns only where all of them leave enough. Names of reviewers are taken as they are entered: who may decide is
for the desk to see to.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from classifiers.folding import fold_batch
from classifiers.trained import features
from classifiers.trained.card import Guard
from classifiers.trained.rows import Lesson
from streams.tuning.labels import OK, Label, person

# Labelled texts of one category that are worth learning from; and so many of the newest are looked at.
LEAST = 20
MOST = 20_000
# One reviewer alone is never heard; and what only one reviewer says weighs at most this share of all.
REVIEWERS = 2
SHARE = 0.5
# The heavier answer weighs at most so many times the lighter one; where that is next to none, as much as `LEAST`.
BALANCE = 3.0
# All labels together weigh at most so many times the project's own offences of the category.
WEIGHT = 1.0
# Weights that differ by no more than this share are the same.
_EXACT = 1e-9
# Texts count as one where about nine in ten of their n-grams are the same: bands of minima that agree (MinHash).
_BANDS, _ROWS = 6, 6
_TEXTS_AT_ONCE = 4096
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class _Case:
    """Texts that count as one: one of them, its answer, and everybody who gave it to this very text."""

    text: str
    reviewers: frozenset[str]
    says: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Guarded:
    """What may be learned from, and what each guard let through."""

    lessons: tuple[Lesson, ...]
    guards: tuple[Guard, ...]
    reviewers: int


def guarded(labels: Sequence[Label], own_offences: dict[str, int]) -> Guarded:
    """Put labels through all guards. `own_offences`: how many of the project's own texts are of each category."""
    lessons: list[Lesson] = []
    told: list[Guard] = []
    heard: set[str] = set()
    for category in sorted({one.category for one in labels}):
        mine = sorted((one for one in labels if one.category == category), key=lambda one: (one.at, one.text, one.by))
        cases = _of_category(category, mine, own_offences.get(category, 0), told)
        lessons += (Lesson(one.text, category, one.says, one.weight, one.reviewers) for one in cases)
        heard |= {name for one in cases for name in one.reviewers}
    return Guarded(tuple(lessons), tuple(told), len(heard))


def _of_category(category: str, labels: Sequence[Label], own_offences: int, told: list[Guard]) -> list[_Case]:
    given = len(labels)

    def tell(name: str, kept: int, sentence: str) -> None:
        nonlocal given
        told.append(Guard(name, category, given, kept, sentence))
        given = kept

    labels = labels[-MOST:]
    tell("newest", len(labels), f"at most {MOST:,} labels of a category count, the newest")
    cases, disputed = _agreed(labels)
    tell("agreement", len(labels) - disputed, f"{disputed} labels are on texts that were answered both ways")
    tell("once", len(cases), "texts that are nearly the same count once")
    reviewers = len({name for one in cases for name in one.reviewers})
    if reviewers < REVIEWERS:
        tell("reviewers", 0, f"{reviewers} reviewer is heard only together with another one")
        return []
    tell("reviewers", len(cases), f"{reviewers} reviewers; one alone would not be heard")
    for name, sentence, weigh in (
        ("share", f"what one reviewer alone says weighs at most {SHARE:.0%}", _shared),
        ("balance", f"the commoner answer weighs at most {BALANCE:g} times the rarer one, shares as before", _levelled),
        (
            "weight",
            f"all together weigh at most {WEIGHT:g} times the {own_offences} own offences",
            _capped(own_offences),
        ),
    ):
        before = _weight(cases)
        cases = weigh(cases)
        tell(name, len(cases), f"{sentence}: weight {before:.0f} → {_weight(cases):.0f}")
    weight = math.floor(_weight(cases) * (1 + _EXACT) * 10) / 10
    if weight < LEAST:
        tell("enough", 0, f"a category needs labels that weigh {LEAST} together, these weigh {weight:.1f}")
        return []
    tell("enough", len(cases), f"labels that weigh {weight:.1f} together, {LEAST} are needed")
    tell("alone", len(cases), "no n-gram moves farther than it would without any one of the reviewers")
    return cases


def _agreed(labels: Sequence[Label]) -> tuple[list[_Case], int]:
    """One case for all texts that are nearly the same, without those that got both answers; and how many labels these are."""
    members: dict[int, list[Label]] = {}
    for number, one in zip(same(tuple(one.text for one in labels)), labels, strict=True):
        members.setdefault(number, []).append(one)
    cases, disputed = [], 0
    for alike in members.values():
        answers = {one.label == OK for one in alike}
        if len(answers) > 1:
            disputed += len(alike)
            continue
        cases.append(_Case(*_said(alike), says=-1 if answers.pop() else 1))
    return cases, disputed


def _said(alike: Sequence[Label]) -> tuple[str, frozenset[str]]:
    """Of texts that count as one the one that most people labelled, and these: the others did not see its very words."""
    by: dict[str, set[str]] = {}
    for one in alike:
        by.setdefault(one.text, set()).add(person(one.by))
    text = min(by, key=lambda one: (-len(by[one]), one))
    return text, frozenset(by[text])


def same(texts: Sequence[str]) -> list[int]:
    """A number for each text; those that are nearly the same, directly or through others, have the same one."""
    first = list(range(len(texts)))

    def leader(one: int) -> int:
        while first[one] != one:
            first[one] = one = first[first[one]]
        return one

    for band in _bands(texts).T if texts else ():
        order = np.argsort(band, kind="stable")
        alike = np.flatnonzero(band[order][1:] == band[order][:-1])
        for one, other in zip(order[alike].tolist(), order[alike + 1].tolist(), strict=True):
            low, high = sorted((leader(one), leader(other)))
            first[high] = low
    return [leader(one) for one in range(len(texts))]


def _bands(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """For each text one number a band: the least hashes of its n-grams, mixed."""
    chance = np.random.default_rng(_SEED)
    factors = chance.integers(1, 1 << 62, _BANDS * _ROWS, np.uint64) * np.uint64(2) + np.uint64(1)
    parts = []
    for first in range(0, len(texts), _TEXTS_AT_ONCE):
        # Signs and blanks are the cheapest thing to change.
        some = ["".join(filter(str.isalnum, one)) or one for one in texts[first : first + _TEXTS_AT_ONCE]]
        batch = fold_batch(some)
        starts, first_piece = features.pieces(batch.starts)
        found = features.features(batch.codes, starts)
        rows = (found.rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        least = np.stack(
            [np.minimum.reduceat((rows ^ (rows >> np.uint64(29))) * one, found.starts[first_piece]) for one in factors],
            axis=1,
        ).reshape(len(first_piece), _BANDS, _ROWS)
        mixed = least[:, :, 0]
        for row in range(1, _ROWS):
            mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xD6E8FEB86659FD93) + least[:, :, row]
        parts.append(mixed)
    return np.concatenate(parts)


def _weight(cases: Sequence[_Case]) -> float:
    return sum(one.weight for one in cases)


def _scaled(cases: Sequence[_Case], which: Callable[[_Case], bool], most: float) -> list[_Case]:
    """The cases, those meant weighing at most so much together."""
    weight = sum(one.weight for one in cases if which(one))
    if weight <= most:
        return list(cases)
    return [replace(one, weight=one.weight * most / weight) if which(one) else one for one in cases]


def _balanced(cases: Sequence[_Case]) -> list[_Case]:
    weights = {says: sum(one.weight for one in cases if one.says == says) for says in (1, -1)}
    heavier = max(weights, key=weights.__getitem__)
    return _scaled(cases, lambda one: one.says == heavier, max(BALANCE * weights[-heavier], LEAST))


def _levelled(cases: Sequence[_Case]) -> list[_Case]:
    """Balanced, and nobody's own too heavy: what one of the two takes away may break the other, so until both hold."""
    cases, before = list(cases), math.inf
    while _weight(cases) < before * (1 - _EXACT):
        before = _weight(cases)
        cases = _shared(_balanced(cases))
    return cases


def _shared(cases: Sequence[_Case]) -> list[_Case]:
    """The heaviest reviewer's own cases are brought down to what all others weigh; then nobody else's are heavier."""
    alone: dict[str, float] = {}
    for one in cases:
        if len(one.reviewers) == 1:
            (name,) = one.reviewers
            alone[name] = alone.get(name, 0.0) + one.weight
    if not alone:
        return list(cases)
    name = max(sorted(alone), key=alone.__getitem__)
    rest = _weight(cases) - alone[name]
    return _scaled(cases, lambda one: one.reviewers == {name}, rest * SHARE / (1 - SHARE))


def _capped(own_offences: int) -> Callable[[Sequence[_Case]], list[_Case]]:
    return lambda cases: _scaled(cases, lambda one: True, WEIGHT * own_offences)
