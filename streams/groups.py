"""The fleet's groups from outside: which are not moderated as they should be, what they cost their members, and what has to
be pasted by hand where no call reaches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import msgspec
import sqlalchemy as sa

from classifiers.conversation import asks_reply, is_question, is_receipt, waives_reply
from models import Action, Fleet, Group, Observation
from models.observation import Millis
from policies.calendar import DAY, WorkingCalendar
from policies.directory import Directory
from policies.notices import APPEAL, MONITORED, was_told
from policies.rules.base import own_text
from policies.rules.names import core_of
from policies.schema import Pack
from policies.state import GroupState, GroupView, pack_name
from streams.cases.tables import groups_seen
from streams.cases.tables import outbox as outbox_table
from streams.outbox import UNSENT
from streams.topics import PROBE_GROUP

# Two groups are the same if so many of the smaller one's members are in both.
_SAME = 0.8
# So many names are told; of more only how many there are.
_TOLD = 5
WEEK = 7 * DAY


@dataclass(frozen=True)
class Ailment:
    """Why a group is not moderated as it should be, since when (None: not known), and what to do."""

    group: str
    name: str
    reason: str
    since: Millis | None
    way_out: str


@dataclass(frozen=True)
class Known:
    """What the store knows of groups, by their keys; `last_seen` is exact to the hour."""

    first_seen: Mapping[str, Millis]
    last_seen: Mapping[str, Millis]
    strays: Sequence[tuple[str, str, Millis]] = ()
    states: Mapping[str, GroupState] | None = None
    paused: Sequence[Mapping[str, Any]] = ()


def known_of(store: Any, states: Mapping[str, GroupState], paused: Sequence[Mapping[str, Any]]) -> Known:
    """Read from a store, or from a fleet's database of views."""
    rows = store.connection.execute(sa.select(groups_seen)).all()
    return Known(
        first_seen={row.key: row.first_seen for row in rows},
        last_seen={row.key: row.last_seen for row in rows if row.last_seen},
        strays=[(row.key, row.name, row.first_seen) for row in rows if not row.known and row.key != PROBE_GROUP],
        states=states,
        paused=paused,
    )


def health(
    fleet: Fleet, packs: Mapping[str, Pack], known: Known, now: Millis, *, observed_days: int = 30, silent_days: int = 7
) -> list[Ailment]:
    """Every reason why a group is not moderated as it should be; groups in the order of the fleet, strays last."""
    directory = Directory(fleet)
    calendar = WorkingCalendar(fleet.settings.timezone, fleet.settings.working_hours)
    found: list[Ailment] = []
    for group in fleet.groups:
        if group.status == "dissolved":
            continue
        key = f"{group.platform}:{group.id}"
        reasons = [
            *_setting(group, fleet, packs, known.first_seen.get(key), now - observed_days * DAY),
            *_people(group, directory, (known.states or {}).get(key), calendar),
            *_notice(group, calendar, now),
            *_life(key, known, now - silent_days * DAY),
            *(
                (f"paused by {one['by']}: {one['reason']}", one["since"], "xunqun resume")
                for one in _pauses(group, known)
            ),
        ]
        found += [Ailment(key, group.name, *one) for one in reasons]
    way_out = "add it to the fleet file; until then the default pack observes it"
    found += [Ailment(key, name, "not in the fleet", since, way_out) for key, name, since in known.strays]
    return found


Reason = tuple[str, Millis | None, str]


def _setting(
    group: Group, fleet: Fleet, packs: Mapping[str, Pack], seen: Millis | None, observed_until: Millis
) -> Iterator[Reason]:
    pack = packs[pack_name(group, fleet)]
    if group.pack is None:
        yield f"no pack: judged by {pack.pack}", seen, "name its pack in the fleet file: pack: SLUG"
    if pack.status.stage != "adopted":
        told = f"the pack {pack.pack} is {pack.status.stage}: drafts only"
        yield told, None, "once the policy is adopted, say stage: adopted in the pack"
    if group.status != "approved":
        yield f"the group is {group.status}, not approved", None, "see to its approval, then set status: approved"
    if group.mode == "observe" and seen is not None and seen < observed_until:
        yield "in observe for long: nothing leaves", seen, "look at its findings, then set mode: advise or enforce"


def _people(
    group: Group, directory: Directory, state: GroupState | None, calendar: WorkingCalendar
) -> Iterator[Reason]:
    owner = state.owner if state and state.owner else group.owner
    person = directory.people.get(owner or "")
    if owner is None:
        yield "no owner", None, "name one in the fleet file: owner: ID"
    elif person is None:
        yield f"the owner {owner} is in no directory", None, "add the person, or name another owner"
    elif person.status == "left":
        yield f"the owner {owner} has left", calendar.millis(person.left_at), "name a successor as owner"
    members = sorted(GroupView(group, state or GroupState()).members)
    if not group.members:
        yield "no members are listed", None, "list them in the fleet file, or import a roster"
    strangers = [one for one in members if one not in directory.people]
    if strangers:
        joined = [at for one, at in (state.joined if state else {}).items() if one in strangers]
        told = f"{len(strangers)} unknown members: {_some(strangers)}"
        yield told, min(joined, default=None), "add them to the people of the fleet, or see to it that they leave"
    missing = [
        one
        for one in members
        if one in directory.people
        and not any(each.platform == group.platform for each in directory.people[one].accounts)
    ]
    if missing and group.platform != "jsonl":
        told = f"{len(missing)} members without an account on {group.platform}: {_some(missing)}"
        yield told, None, "add their accounts: nobody knows who writes"


def _notice(group: Group, calendar: WorkingCalendar, now: Millis) -> Iterator[Reason]:
    if not was_told(group, now, calendar):
        way_out = "tell the members (xunqun groups text), then enter monitoring_notice_at in its facts"
        yield "no monitoring notice: drafts only", None, way_out


def _life(key: str, known: Known, silent_since: Millis) -> Iterator[Reason]:
    last = known.last_seen.get(key)
    if last is None:
        yield "nothing was ever seen of it", None, "see that its connector runs and that platform and id are right"
    elif last < silent_since:
        yield "silent: no observation", last, "see that its connector runs; if nobody writes, ask whether it is needed"


def _pauses(group: Group, known: Known) -> Iterator[Mapping[str, Any]]:
    scopes = {"all", f"group:{group.id}", f"pack:{group.pack}"}
    return (one for one in known.paused if one["scope"] in scopes)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")


# burden


@dataclass(frozen=True)
class Load:
    """What groups ask of one person: in how many he is, and how many receipts and replies a week are demanded of him."""

    id: str
    name: str
    groups: int
    receipts: float
    replies: float


@dataclass(frozen=True)
class Burden:
    """`weeks` of history; `idle` groups with the day of their last message, null for none; `duplicates` in pairs."""

    weeks: float
    people: tuple[Load, ...]
    idle: tuple[tuple[str, str, Millis | None], ...]
    duplicates: tuple[tuple[str, str], ...]


def burden(fleet: Fleet, history: Iterable[Observation], now: Millis, *, idle_days: int = 30) -> Burden:
    """What the groups of a fleet ask of people. Demanded are receipts by notices that want one, of all members but the
    sender; replies by questions and calls for an answer, of those who are named with @."""
    directory = Directory(fleet)
    listed = {
        key: set(GroupView(group, GroupState()).members)
        for key, group in directory.groups.items()
        if group.status not in ("dissolved", "rejected")
    }
    receipts: Counter[str] = Counter()
    replies: Counter[str] = Counter()
    last: dict[str, Millis] = {}
    first: Millis | None = None
    for seen in history:
        if not seen.is_message or seen.group is None:
            continue
        key = directory.group_key(seen)
        first = seen.sent_at if first is None else min(first, seen.sent_at)
        last[key] = max(last.get(key, 0), seen.sent_at)
        sender = directory.subject(seen.platform, seen.sender.id) if seen.sender else None
        named = [directory.subject(seen.platform, one.id) for one in seen.mentions or () if one.id]
        asked, everybody = _asked(own_text(seen)), not named or seen.mention_all
        if asked == "receipt" and everybody:
            receipts.update(listed.get(key, set()) - {sender})
        elif asked:
            replies.update(one for one in named if one != sender)
    weeks = max(1.0, (now - first) / WEEK) if first is not None else 1.0
    count = Counter(one for members in listed.values() for one in members)
    people = [
        Load(one.id, one.name, count[one.id], round(receipts[one.id] / weeks, 2), round(replies[one.id] / weeks, 2))
        for one in fleet.people
        if count[one.id]
    ]
    people.sort(key=lambda one: (-(one.receipts + one.replies), -one.groups, one.id))
    quiet = [key for key in listed if last.get(key, 0) < now - idle_days * DAY]
    idle = tuple((key, directory.groups[key].name, last.get(key)) for key in quiet) if first is not None else ()
    return Burden(round(weeks, 1), tuple(people), idle, tuple(_duplicates(directory, listed)))


def _asked(text: str) -> str:
    """Whether a message demands a receipt or a reply; empty where neither."""
    if not text or is_receipt(text) or waives_reply(text):
        return ""
    if asks_reply(text):
        return "receipt"
    return "reply" if is_question(text) else ""


def _duplicates(directory: Directory, listed: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    alike: dict[str, list[str]] = {}
    for key in listed:
        alike.setdefault(core_of(directory.groups[key].name), []).append(key)
    for about, keys in alike.items():
        for one, other in combinations(keys, 2) if about else ():
            fewer = min(len(listed[one]), len(listed[other]))
            if fewer and len(listed[one] & listed[other]) >= _SAME * fewer:
                yield one, other


# by hand


@dataclass(frozen=True)
class Paste:
    """What somebody has to post into a group by hand, and the actions that are done with it."""

    group: str
    name: str
    text: str
    actions: tuple[str, ...]


def to_paste(fleet: Fleet, store: Any, now: Millis, *, group: str | None = None) -> list[Paste]:
    """The notices that no call brought to its group, and the notice of monitoring where it is not on record."""
    calendar = WorkingCalendar(fleet.settings.timezone, fleet.settings.working_hours)
    query = sa.select(outbox_table.c.body).where(outbox_table.c.status.in_(UNSENT)).order_by(outbox_table.c.planned_at)
    waiting: dict[str, list[Action]] = {}
    for body in store.connection.scalars(query):
        action = msgspec.json.decode(body, type=Action)
        waiting.setdefault(f"{action.platform}:{action.group_id}", []).append(action)
    found = []
    for one in fleet.groups:
        key = f"{one.platform}:{one.id}"
        if group not in (None, one.id, key) or one.status == "dissolved":
            continue
        actions = waiting.get(key, [])
        parts = [] if was_told(one, now, calendar) else [f"【告知】{MONITORED}{APPEAL}"]
        parts += dict.fromkeys(str(each.params["text"]) for each in actions if each.params.get("text"))
        if parts:
            found.append(Paste(key, one.name, "\n\n".join(parts), tuple(each.id for each in actions)))
    return found
