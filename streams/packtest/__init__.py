"""A pack's own tests: each runs through the same agents, in a fleet that breaks no rule by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from classifiers.measure import Classifiers
from models import Fleet, Observation
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.directory import Directory
from policies.judge import CompiledPack
from policies.schema import Pack
from streams.packtest.form import START, Case, Step, case_name, moment, read_case
from streams.packtest.rehearsal import Rehearsal, choices, record_of_seen
from streams.packtest.world import GROUP, fleet_for, happenings
from streams.topics import Record


@dataclass(frozen=True)
class Tested:
    """One test of a pack and what came out of it. `wrong` is empty where it holds."""

    name: str
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A test written out: its fleet, and what happens when. Its observations are measured once, for every run.

    `unreadable` says why it cannot be run.
    """

    pack: Pack
    name: str
    case: Case | None = None
    fleet: Fleet = field(default_factory=Fleet)
    steps: tuple[tuple[Millis, Record | Step], ...] = ()
    until: Millis | None = None
    unreadable: str = ""

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.fleet)

    @property
    def records(self) -> list[Record]:
        return [one for _, one in self.steps if isinstance(one, Record)]


def prepare(pack: Pack) -> list[Prepared]:
    """Write out a pack's tests. One that cannot be read is among them and says why."""
    return [_prepared(pack, number) for number in range(len(pack.tests))]


def _prepared(pack: Pack, number: int) -> Prepared:
    name = case_name(pack, number)
    try:
        case = read_case(pack, number)
        fleet = fleet_for(pack, case)
        steps = tuple(
            (at, record_of_seen(one) if isinstance(one, Observation) else one)
            for at, one in happenings(pack, case, fleet)
        )
        calendar = WorkingCalendar(fleet.settings.timezone, fleet.settings.working_hours)
        until = None if case.until is None else moment(case.until, calendar)
    except (msgspec.ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        return Prepared(pack, name, unreadable=f"the test or the fixture cannot be read: {error}")
    return Prepared(pack, name, case, fleet, steps, until)


def compiled(pack: Pack, packs: Mapping[str, Pack]) -> dict[str, CompiledPack]:
    """The packs that the groups of a pack's tests may be judged by: itself, those its fixture names, and the default."""
    named = {Fleet().settings.default_pack, *_named_packs(pack.fixture)}
    named |= {slug for test in pack.tests for slug in _named_packs(test.get("given", {}))}
    return {
        pack.pack: CompiledPack(pack),
        **{one: CompiledPack(packs[one]) for one in named & packs.keys() - {pack.pack}},
    }


def _named_packs(fixture: Any) -> set[str]:
    groups = [fixture.get("group", {}), *fixture.get("groups", {}).values()] if isinstance(fixture, dict) else []
    return {one["pack"] for one in groups if isinstance(one, dict) and isinstance(one.get("pack"), str)}


def measure(tests: Sequence[Prepared], packs: Mapping[str, CompiledPack], classifiers: Classifiers) -> None:
    """Measure the observations of many tests in one batch, for rehearsals under these packs."""
    screen = Rehearsal(classifiers, packs, Directory(Fleet())).screen
    screen.measure([record for test in tests for record in test.records])


def test_pack(pack: Pack, packs: Mapping[str, Pack], classifiers: Classifiers) -> Iterator[Tested]:
    """Run a pack's tests one after another."""
    tests, ready = prepare(pack), compiled(pack, packs)
    measure(tests, ready, classifiers)
    for test in tests:
        yield Tested(test.name, run(test, ready, classifiers))


def run(test: Prepared, packs: Mapping[str, CompiledPack], classifiers: Classifiers) -> tuple[str, ...]:
    """Run one test; gives what is not as it was expected."""
    if test.case is None:
        return (test.unreadable,)
    try:
        seen, undecided = _rehearsed(test, packs, classifiers)
    except Exception as error:
        # Whatever breaks in a rule must not keep the other tests from running.
        return (f"it broke with {type(error).__name__}: {error}",)
    return (*undecided, *_differences(test.case, seen))


def _rehearsed(
    test: Prepared, packs: Mapping[str, CompiledPack], classifiers: Classifiers
) -> tuple[Rehearsal, list[str]]:
    seen, wrong, clock, waiting = Rehearsal(classifiers, packs, test.directory), [], START, list[Record]()
    for at, one in test.steps:
        clock = max(clock, at)
        if isinstance(one, Record):
            waiting.append(one)
            continue
        seen.feed(waiting)
        waiting = []
        seen.pass_time(clock, clock)
        if not seen.decide(one, at):
            wrong.append(f"nothing to {one.decide} under {one.clause}")
    seen.feed(waiting)
    seen.pass_time(clock, max(clock, test.until or 0))
    return seen, wrong


def _differences(case: Case, seen: Rehearsal) -> Iterator[str]:
    found = [one for verdict in seen.verdicts for one in verdict.violations]
    clauses = {one.clause for one in found}
    unsure = {one.clause for verdict in seen.verdicts for one in verdict.uncertain}
    wanted = set(case.expect)
    yield from (f"went to the dead letters: {cause}" for cause in seen.dead)
    if missing := sorted(wanted - clauses):
        yield f"expected but not found: {', '.join(missing)}" + (
            f" (only uncertain: {', '.join(sorted(unsure))})" if unsure else ""
        )
    # Beside what a test expects, a person may be asked about more; what counts by itself has to be expected, and so has
    # what the test only looks like.
    counted = {one.clause for one in found if one.mode == "automatic" or not wanted or one.clause in case.near}
    if extra := sorted(counted - wanted):
        yield f"found but not expected: {', '.join(extra)}"
    if doubted := sorted(unsure if not wanted else unsure & set(case.near)):
        yield f"uncertain although not expected: {', '.join(doubted)}"
    given = [one for one in seen.sanctions.values() if not one.reverses]
    kinds = sorted(one.kind for one in given)
    if case.sanctions is not None and kinds != sorted(case.sanctions):
        yield f"sanctions: expected {sorted(case.sanctions)}, got {kinds}"
    drafts = [one for one in given if one.needs_approval]
    yield from _unmatched("drafts", case.drafts, map(msgspec.to_builtins, drafts), whole=True)
    yield from _unmatched("tasks", case.tasks, map(msgspec.to_builtins, seen.tasks.values()), whole=True)
    asked = [
        {**msgspec.to_builtins(one), "choices": [each["pick"] for each in choices(one)]}
        for one in seen.reviews.values()
        if one.kind != "approval"
    ]
    reviews = [{"clause": one} if isinstance(one, str) else one for one in case.reviews]
    yield from _unmatched("reviews", reviews, asked, whole=False)


def _unmatched(
    what: str, wanted: Sequence[Mapping[str, Any]] | None, got: Iterable[Mapping[str, Any]], *, whole: bool
) -> Iterator[str]:
    """Say what was expected and is not there; with `whole`, also what is there beyond that."""
    if wanted is None:
        return
    left, met = list(got), 0
    for one in wanted:
        match = next((each for each in left if all(_meets(each, key, value) for key, value in one.items())), None)
        if match is None:
            yield f"{what}: expected {dict(one)}, got {[_brief(each, one) for each in left]}"
        elif whole:
            left.remove(match)
            met += 1
    if whole and met + len(left) > len(wanted):
        yield f"{what}: {met + len(left) - len(wanted)} more than expected: {[_brief(one, {}) for one in left]}"


def _meets(got: Mapping[str, Any], key: str, wanted: Any) -> bool:
    """Whether a field is as wanted. A person or role stands for the whole of a subject or assignee; what is absent is null."""
    value = got.get(key)
    if key == "choices":
        return set(wanted) <= set(value or ())
    if isinstance(value, Mapping) and not isinstance(wanted, Mapping):
        return wanted in (value.get("id"), value.get("role"))
    if isinstance(value, str) and key in ("what", "why", "notice"):
        return str(wanted) in value
    if isinstance(value, tuple) and isinstance(wanted, list):
        return value == tuple(wanted)
    return bool(value == wanted)


def _brief(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of a sanction, task or review is worth showing beside what was wanted."""
    return {key: got.get(key) for key in dict.fromkeys(("kind", "clause", *wanted)) if key in got or key in wanted}


__all__ = [
    "GROUP",
    "START",
    "Prepared",
    "Tested",
    "compiled",
    "fleet_for",
    "happenings",
    "measure",
    "prepare",
    "run",
    "test_pack",
]
