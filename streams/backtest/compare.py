"""What two sides found in one history, compared: pure values, no store and no clock.

Findings meet by the id of their violation, which follows from observation, clause and subject and never from a version. So
the same finding has the same id on both sides, whatever was changed between them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from classifiers.trained.card import interval
from models import Verdict, Violation
from models.observation import Millis

# It counts by itself, or a person is asked.
Outcome = Literal["automatic", "asks"]
EXAMPLES = 20


class Known(Struct, frozen=True, kw_only=True):
    """Whether nobody is guilty of what was found, None where nobody has said: as its message or a decision tells, and as
    somebody ticked on the list of a page."""

    told: bool | None = None
    ticked: bool | None = None


class Found(Struct, frozen=True, kw_only=True):
    """One finding of one side. `spans` count code points of the message's own text."""

    id: str
    pack: str
    clause: str
    category: str
    group_id: str
    outcome: Outcome
    at: Millis
    score: float
    explanation: str
    observation_id: str | None = None
    spans: tuple[tuple[int, int], ...] = ()


Pair = tuple[Found | None, Found | None]


def found_in(verdict: Verdict) -> Iterator[Found]:
    """All that a verdict accuses of or asks about."""
    for violation in verdict.violations:
        yield _found(verdict, violation, "automatic" if violation.mode == "automatic" else "asks")
    for violation in verdict.uncertain:
        yield _found(verdict, violation, "asks")


def _found(verdict: Verdict, violation: Violation, outcome: Outcome) -> Found:
    evidence = violation.evidence
    return Found(
        id=violation.id,
        pack=verdict.pack,
        clause=violation.clause,
        category=evidence[0].category if evidence else violation.rule,
        group_id=verdict.group_id,
        outcome=outcome,
        at=verdict.judged_at,
        score=violation.score,
        explanation=violation.explanation,
        observation_id=verdict.observation_id,
        spans=tuple(one.span for one in evidence if one.span),
    )


def paired(old: Iterable[Found], new: Iterable[Found]) -> Iterator[Pair]:
    """Findings of both sides side by side. Each side is given in the order of its ids, every id once."""
    before, after = iter(old), iter(new)
    one, other = next(before, None), next(after, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.id < other.id):
            yield one, None
            one = next(before, None)
        elif one is None or other.id < one.id:
            yield None, other
            other = next(after, None)
        else:
            yield one, other
            one, other = next(before, None), next(after, None)


class Tally(Struct):
    """How often something was found. `harder`: a person was asked and it counts by itself now; `softer`: the reverse."""

    old: int = 0
    new: int = 0
    more: int = 0
    fewer: int = 0
    harder: int = 0
    softer: int = 0

    @property
    def differs(self) -> int:
        return self.more + self.fewer + self.harder + self.softer

    def add(self, old: Found | None, new: Found | None) -> None:
        self.old += old is not None
        self.new += new is not None
        self.more += old is None
        self.fewer += new is None
        if old is not None and new is not None and old.outcome != new.outcome:
            self.harder += new.outcome == "automatic"
            self.softer += new.outcome == "asks"


class Innocents(Struct, frozen=True, kw_only=True):
    """Of `of` findings `checked` were looked at by people or labelled, and `innocent` of these accuse somebody wrongly.

    `expected` of all, between `low` and `high` with 95 % certainty: what was ticked of the drawn ones is projected on those
    not looked at (Wilson). Where nothing was ticked nothing is known of these, and they reach from none to all.
    """

    of: int
    checked: int
    innocent: int
    expected: float | None
    low: float
    high: float


def innocents(of: int, checked: int, innocent: int, *, ticked: int = 0, wrong: int = 0) -> Innocents:
    """Estimate how many of all findings hit innocents.

    Of those that were checked `ticked` were drawn at random, and `wrong` of these hit innocents: they alone are a fair sample.
    """
    low, high = interval(wrong, ticked)
    rest = of - checked
    known = ticked or not rest
    return Innocents(
        of=of,
        checked=checked,
        innocent=innocent,
        # What was looked at is known; only the rest is estimated.
        expected=round(innocent + (wrong / ticked * rest if rest else 0), 1) if known else None,
        low=round(innocent + low * rest, 1),
        high=round(innocent + high * rest, 1),
    )


class Sample:
    """At most so many of each clause, with a place for as many groups as there are; then clauses and groups take turns.

    What is offered comes in the order of ids, which are hashes: the choice favours no day, and is the same in every run.
    """

    def __init__(self, most: int = EXAMPLES) -> None:
        self.most = most
        self._clauses: dict[str, dict[str, list[Pair]]] = defaultdict(dict)
        self._kept: Counter[str] = Counter()

    def offer(self, one: Found, pair: Pair) -> None:
        groups = self._clauses[one.clause]
        if self._kept[one.clause] < self.most:
            self._kept[one.clause] += 1
        else:
            fullest = max(groups, key=lambda group: (len(groups[group]), group))
            if len(groups[fullest]) <= len(groups.get(one.group_id, ())) + 1:
                return
            groups[fullest].pop()
        groups.setdefault(one.group_id, []).append(pair)

    def taken(self) -> tuple[Pair, ...]:
        """So many in all: of each clause in turn, and within a clause of each group in turn."""
        lanes = [_in_turn([groups[name] for name in sorted(groups)]) for _, groups in sorted(self._clauses.items())]
        return tuple(_in_turn(lanes)[: self.most])


def _in_turn(lanes: list[list[Pair]]) -> list[Pair]:
    longest = max(map(len, lanes), default=0)
    return [lane[turn] for turn in range(longest) for lane in lanes if turn < len(lane)]


class Compared(Struct, kw_only=True):
    """All that differs between two sides. Tallies by (pack, clause), group, and (category, outcome)."""

    total: Tally
    outcomes: dict[str, Tally]
    clauses: dict[tuple[str, str], Tally]
    groups: dict[str, Tally]
    categories: dict[tuple[str, str], Tally]
    # New findings by outcome: what accuses by itself now and did not, and what asks a person now and was not found.
    newly: dict[str, Innocents]
    # What accused by itself and does not any more.
    spared: Innocents
    more: tuple[Pair, ...]
    fewer: tuple[Pair, ...]
    changed: tuple[Pair, ...]
    # New findings to be looked at, drawn at random from those that nobody told of: the ones with the smallest ids.
    to_label: tuple[Found, ...]


def nothing(found: Found) -> Known:
    """What is known where nobody has said anything."""
    return Known()


def compare(pairs: Iterable[Pair], known: Callable[[Found], Known] = nothing, *, to_label: int = 0) -> Compared:
    """Count what differs and take examples; in memory that is bounded by clauses and groups."""
    total = Tally()
    outcomes: dict[str, Tally] = {"automatic": Tally(), "asks": Tally()}
    clauses: dict[tuple[str, str], Tally] = defaultdict(Tally)
    groups: dict[str, Tally] = defaultdict(Tally)
    categories: dict[tuple[str, str], Tally] = defaultdict(Tally)
    checks = {name: _Checks() for name in ("automatic", "asks", "spared")}
    more, fewer, changed = Sample(), Sample(), Sample()
    drawn: list[Found] = []
    for pair in pairs:
        old, new = pair
        one = new or old
        assert one is not None
        for tally in (total, clauses[one.pack, one.clause], groups[one.group_id]):
            tally.add(old, new)
        for outcome, counted in outcomes.items():
            before, after = _if(old, outcome), _if(new, outcome)
            if before or after:
                counted.add(before, after)
                categories[one.category, outcome].add(before, after)
        if new is not None and (old is None or old.outcome != new.outcome == "automatic"):
            said = known(new)
            asked = said.told is None and len(drawn) < to_label
            if asked:
                drawn.append(new)
            checks[new.outcome].add(said, asked=asked)
        if _if(old, "automatic") and not _if(new, "automatic"):
            checks["spared"].add(known(one))
        if old is None or new is None:
            (more if old is None else fewer).offer(one, pair)
        elif old.outcome != new.outcome:
            changed.offer(one, pair)
    return Compared(
        total=total,
        outcomes=outcomes,
        clauses=dict(clauses),
        groups=dict(groups),
        categories=dict(categories),
        newly={name: checks[name].estimate() for name in ("automatic", "asks")},
        spared=checks["spared"].estimate(),
        more=more.taken(),
        fewer=fewer.taken(),
        changed=changed.taken(),
        to_label=tuple(drawn),
    )


def _if(found: Found | None, outcome: str) -> Found | None:
    return found if found is not None and found.outcome == outcome else None


class _Checks:
    def __init__(self) -> None:
        self.of = self.checked = self.innocent = self.ticked = self.wrong = 0

    def add(self, known: Known, *, asked: bool = False) -> None:
        """Count one; `asked` if it was drawn, to be looked at."""
        innocent = known.told if known.ticked is None else known.ticked
        self.of += 1
        self.checked += innocent is not None
        self.innocent += bool(innocent)
        if asked:
            self.ticked += known.ticked is not None
            self.wrong += bool(known.ticked)

    def estimate(self) -> Innocents:
        return innocents(self.of, self.checked, self.innocent, ticked=self.ticked, wrong=self.wrong)
