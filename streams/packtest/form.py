"""The form of a pack's tests: what `tests` and `fixture` in a pack may say (docs/write-a-pack.md)."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from models.observation import Millis
from policies.calendar import DAY, MINUTE, WorkingCalendar
from policies.ladder import span_millis
from policies.schema import Pack, Span

# A Thursday, 09:30 in Shanghai, in a week without public holidays.
START: Millis = 1_795_051_800_000
# Where `at` names no day of the week: a span since the start, or a number with its unit, back or on from it.
_UNITS = {"d": DAY, "h": 60 * MINUTE, "m": MINUTE}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SHIFT = re.compile(r"([+-]\d+)([dhm])")
_WEEKDAY = re.compile(rf"({'|'.join(_DAYS)})([+-]\d+)?(?: (\d\d?:\d\d))?")


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happens. `by` and `target` are people of the fixture, or anybody else: a stranger.

    `group` names another group of the fixture. It is done `repeat` times, `every_seconds` apart. `new` and `field` say
    what a change brings (a nickname is the field `card`). Instead of happening, a step may `decide` on all that waits under
    `clause`, `pick` one of the choices, name the sum of a fine or the check at which it was found.
    """

    at: Any = None
    by: str | None = "member"
    group: str | None = None
    repeat: int = 1
    every_seconds: float = 0
    type: str = "message.created"
    kind: str = "text"
    message: str | None = None
    id: str | None = None
    account: str | None = None
    name: str | None = None
    card: str | None = None
    role: str | None = None
    scope: str | None = None
    target: str | None = None
    field: str | None = None
    old: str | None = None
    new: str | None = None
    fact: dict[str, Any] | None = None
    file: str | None = None
    link: str | None = None
    money: dict[str, Any] | None = None
    mentions: tuple[str, ...] = ()
    mention_all: bool = False
    forward: tuple[Any, ...] = ()
    flags: tuple[str, ...] = ()
    reply_to: str | dict[str, Any] | None = None
    edit_of: str | dict[str, Any] | None = None
    recall_of: str | dict[str, Any] | None = None
    decide: Literal["uphold", "overturn", "approve", "refuse"] | None = None
    clause: str | None = None
    pick: str | None = None
    amount_fen: int | None = None
    check: str | None = None


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test: steps, and what has to come of them.

    `expect` lists the clauses that are found, [] none. `near`: clauses that this only looks like breaking. `given` changes
    the fixture for this test alone. `sanctions` are kinds; `drafts` (sanctions that wait for approval) and `tasks` are
    mappings of which every key has to be met, as many as there are; `reviews` are clauses, or such mappings, that a
    person is asked about, perhaps among others; of their `choices` (`clause/kind`) all that are named have to be offered.
    """

    expect: tuple[str, ...]
    steps: tuple[Step, ...]
    name: str = ""
    near: tuple[str, ...] = ()
    group_type: str | None = None
    given: dict[str, Any] = {}
    until: Any = None
    sanctions: tuple[str, ...] | None = None
    drafts: tuple[dict[str, Any], ...] | None = None
    tasks: tuple[dict[str, Any], ...] | None = None
    reviews: tuple[str | dict[str, Any], ...] = ()

    @property
    def breaks(self) -> set[str]:
        """The clauses that this test sees broken: those found, and those that a person is asked about."""
        return {*self.expect, *_clauses(self.reviews)}

    @property
    def brings(self) -> set[str]:
        """The clauses that this test sees followed: by drafts and tasks that rest on them, or among the choices."""
        offered = {
            str(pick).rpartition("/")[0]
            for one in self.reviews
            if isinstance(one, dict)
            for pick in one.get("choices", ())
        }
        return {*_clauses((*(self.drafts or ()), *(self.tasks or ()))), *offered}


def _clauses(wanted: Iterable[str | Mapping[str, Any]]) -> set[str]:
    return {
        one if isinstance(one, str) else str(one["clause"]) for one in wanted if isinstance(one, str) or "clause" in one
    }


_OWN = frozenset(Case.__struct_fields__)


def read_case(pack: Pack, number: int) -> Case:
    """Read a pack's test by its number, from 0; one without steps is a single step itself.

    ValidationError says what is wrong with it; ValueError names a clause that the pack does not have.
    """
    written = dict(pack.tests[number])
    if "steps" not in written:
        written["steps"] = [{key: written.pop(key) for key in list(written) if key not in _OWN}]
    written["name"] = case_name(pack, number)
    case = msgspec.convert(written, type=Case)
    named = {*case.breaks, *case.brings, *case.near, *(one.clause for one in case.steps if one.clause)}
    if unknown := sorted(named - set(pack.clauses)):
        raise ValueError(f"there is no clause {', '.join(unknown)}")
    if both := sorted(case.breaks & set(case.near)):
        raise ValueError(f"{', '.join(both)} cannot be both broken and only near")
    return case


def case_name(pack: Pack, number: int) -> str:
    test = pack.tests[number]
    return str(test.get("name") or test.get("message") or f"test {number + 1}")


def moment(written: Any, calendar: WorkingCalendar) -> Millis:
    """When something happens in a test, or a fact is dated.

    Nothing: the start, Thursday 2026-11-19, 09:30. A span: so long after it. "Fri 14:00": on that day of the seven that
    begin with the start's; "Mon+1 09:00" a week later, "Wed-1" (its beginning) a week before. "-30d", "+90m": from the
    start. Else a date or time as in a fleet file. ValueError for anything else.
    """
    if written is None:
        return START
    if isinstance(written, Mapping):
        return START + span_millis(msgspec.convert(written, type=Span))
    text = str(written)
    if found := _SHIFT.fullmatch(text):
        return START + int(found[1]) * _UNITS[found[2]]
    if found := _WEEKDAY.fullmatch(text):
        return _on_weekday(calendar, found[1], int(found[2] or 0), found[3] or "00:00")
    at = calendar.millis(written)
    if at is None:
        raise ValueError(f'"{text}" is no time: write {{hours: 2}}, "Fri 14:00", "Mon+1 09:00", "-30d" or 2026-11-20')
    return at


def _on_weekday(calendar: WorkingCalendar, name: str, weeks: int, clock: str) -> Millis:
    first = calendar.local(START).date()
    day: date = first + timedelta(days=(_DAYS.index(name) - first.weekday()) % 7 + 7 * weeks)
    hour, _, minute = clock.partition(":")
    return int(datetime.combine(day, time(int(hour), int(minute)), calendar.zone).timestamp() * 1000)


def dated(facts: Mapping[str, Any], calendar: WorkingCalendar) -> dict[str, Any]:
    """Facts with the times of `…_at` written out in milliseconds; null and a plain day stay as a fleet file has them."""
    return {
        key: moment(value, calendar) if key.endswith("_at") and not _is_as_filled_in(value) else value
        for key, value in facts.items()
    }


def _is_as_filled_in(value: Any) -> bool:
    return value is None or (isinstance(value, str) and _DAY.fullmatch(value) is not None)
