"""Runs a trial: replays observations and gathers what a page about it needs, in flat memory."""

from bisect import bisect, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from classifiers.measure import Classifiers
from models import Fleet, Observation, Review, Sanction, Task, Verdict, Violation
from models.observation import Millis
from policies.coverage import cover
from policies.directory import Directory
from policies.notices import SANCTION_NAMES
from policies.schema import Pack
from streams.cases import tables
from streams.replay import CHUNK, Replay, replaying, stored_reviews, stored_sanctions, stored_tasks, with_evidence
from streams.store import Store
from streams.topics import Unusable, decode_observation
from streams.trial.data import (
    ClauseFound,
    Counted,
    Example,
    Following,
    GroupFound,
    Outgoing,
    Standing,
    Trial,
    Waiting,
)
from streams.trial.words import (
    EXAMPLES_PER_CLAUSE,
    GROUP,
    LONGEST_EXPLANATION,
    LONGEST_NAME,
    LONGEST_NOTICE,
    REVIEW_NAMES,
    ROLE_NAMES,
    STRANGER,
    TASK_STATES,
    Clock,
    blind_cause,
    dead_cause,
    excerpt_of,
    plain,
)

CHECKLIST = 1000
DETAILED_GROUPS = 60
SANCTIONS_PER_GROUP = 40
WAITING_PER_GROUP = 20
CAUSES = 30
# Rows read from the store at once.
_ROWS = 500
# Names of people without a directory entry that are kept for notices; later ones are called strangers.
_MOST_LABELS = 20_000

Way = Literal["sent", "draft", "recorded", "task", "reversal"]
_LINE = msgspec.json.Decoder(Verdict)


class _Sample:
    """At most so many of what is offered: those with the smallest ids, so the choice is the same in every run and
    favours no day and no group (ids are hashes)."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: list[tuple[str, Any]] = []

    def offer(self, name: str, make: Callable[[], Any]) -> None:
        place = bisect(self._kept, name, key=lambda one: one[0])
        if place >= self.most or (place and self._kept[place - 1][0] == name):
            return
        insort(self._kept, (name, make()), key=lambda one: one[0])
        del self._kept[self.most :]

    def in_order(self) -> tuple[Any, ...]:
        """What was kept, by time."""
        return tuple(sorted((one for _, one in self._kept), key=lambda one: (one.at, one.violation_id)))


class _Lines:
    """The lines of this chunk and the one before, by their message: whatever may still be judged is among them.

    Only bytes are held, the same that the replay holds; text is read again where something was found.
    """

    def __init__(self) -> None:
        self._now: dict[tuple[str, Millis], bytes] = {}
        self._before: dict[tuple[str, Millis], bytes] = {}

    def keep(self, seen: Observation, body: bytes) -> None:
        arrived = seen.received_at if seen.received_at is not None else seen.sent_at
        # A second delivery is not judged: the first line of its kind is the one that verdicts speak of.
        self._now.setdefault((seen.origin_id, seen.group_time(arrived)), body)

    def turn(self) -> None:
        self._before, self._now = self._now, {}

    def find(self, verdict: Verdict) -> Observation | None:
        if verdict.observation_id is None:
            return None
        key = (verdict.observation_id, verdict.judged_at)
        body = self._before.get(key) or self._now.get(key)
        return decode_observation(body) if body else None


class _Tally:
    """What is counted of one clause or one group."""

    def __init__(self) -> None:
        self.automatic = self.assisted = self.uncertain = self.messages = self.missed = 0
        self.clauses: Counter[str] = Counter()
        self.late: list[Waiting] = []
        self.sample = _Sample(EXAMPLES_PER_CLAUSE)

    def add(self, standing: Standing) -> None:
        setattr(self, standing, getattr(self, standing) + 1)


class _Gathering:
    """One trial in progress."""

    def __init__(self, replay: Replay, directory: Directory, packs: Mapping[str, Pack]) -> None:
        self.replay, self.directory, self.packs = replay, directory, packs
        self.clock = Clock(directory.fleet.settings.timezone)
        self.lines = _Lines()
        self.first: Millis | None = None
        self.last: Millis | None = None
        self.messages = 0
        self.read_to = 0
        self.days: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.clauses: dict[tuple[str, str], _Tally] = defaultdict(_Tally)
        self.groups: dict[str, _Tally] = defaultdict(_Tally)
        self.checklist = _Sample(CHECKLIST)
        self.unavailable: Counter[tuple[str, str, str]] = Counter()
        self.labels: dict[str, str] = {}

    # while feeding

    def look(self, body: bytes) -> None:
        """Count a line and keep it at hand until it was judged."""
        try:
            seen = decode_observation(body)
        except Unusable:
            return
        if seen.group is None:
            return
        if seen.type == "clock.tick":
            return
        at = seen.group_time()
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        if seen.is_message:
            self.messages += 1
            known = self.directory.group(seen)
            self.groups[known.id if known else seen.group.id].messages += 1
        self.lines.keep(seen, body)

    def harvest(self) -> None:
        """Take up the verdicts that were stored since the last call."""
        store, table = self.replay.store, tables.verdicts
        query = sa.select(table.c.body, table.c.offset).order_by(table.c.offset).limit(_ROWS)
        while rows := store.connection.execute(query.where(table.c.offset > self.read_to)).fetchall():
            for body, offset in rows:
                self.read_to = offset
                self._take(store, _LINE.decode(body))
        self.lines.turn()

    def _take(self, store: Store, verdict: Verdict) -> None:
        seen = self.lines.find(verdict)
        group = self.groups[verdict.group_id]
        for one in verdict.unavailable:
            self.unavailable[verdict.pack, one.clause, one.why] += 1
        whole: list[Verdict] = []

        def evidence_of(violation: Violation) -> Violation:
            if not whole:
                whole.extend(with_evidence(store, [verdict]))
            return next(one for one in (*whole[0].violations, *whole[0].uncertain) if one.id == violation.id)

        for violation, standing in (
            *((one, _standing(one)) for one in verdict.violations),
            *((one, "uncertain") for one in verdict.uncertain),
        ):
            self._label(violation, seen)
            clause = self.clauses[verdict.pack, violation.clause]
            clause.add(standing)
            group.add(standing)
            if standing != "uncertain":
                group.clauses[violation.clause] += 1
                self.days[self.clock.day(verdict.judged_at)][standing == "assisted"] += 1
            if violation.cause and violation.cause.kind == "deadline":
                self._note_late(group, verdict, violation)

            def make(violation: Violation = violation, standing: Standing = standing) -> Example:
                return self._example(verdict, evidence_of(violation), standing, seen)

            clause.sample.offer(violation.id, make)
            if standing == "automatic":
                self.checklist.offer(violation.id, make)

    def _note_late(self, group: _Tally, verdict: Verdict, violation: Violation) -> None:
        group.missed += 1
        if len(group.late) < WAITING_PER_GROUP:
            what = _cut(violation.explanation, LONGEST_EXPLANATION)
            who = self._called(violation.subject.kind, violation.subject.id)
            group.late.append(Waiting(what=what, clause=violation.clause, who=who, at=verdict.judged_at))

    def _label(self, violation: Violation, seen: Observation | None) -> None:
        """Keep the name of a stranger as the message showed it."""
        who = violation.subject
        if who.kind != "member" or seen is None or seen.sender is None or len(self.labels) >= _MOST_LABELS:
            return
        if who.id not in self.directory.people and self.directory.subject(seen.platform, seen.sender.id) == who.id:
            self.labels.setdefault(who.id, plain(seen.sender.card or seen.sender.name or "", LONGEST_NAME) or STRANGER)

    def _called(self, kind: str, who: str) -> str:
        if kind == "group":
            return GROUP
        person = self.directory.people.get(who)
        return person.name if person else self.labels.get(who, STRANGER)

    def _example(self, verdict: Verdict, violation: Violation, standing: Standing, seen: Observation | None) -> Example:
        spans = [one.span for one in violation.evidence]
        elsewhere = [one.matched for one in violation.evidence if one.span is None and one.matched]
        found: dict[str, Any] = {}
        if seen is not None:
            names = [one.name for one in seen.attachments or () if one.name]
            text = seen.text
            if not text and seen.money and seen.money.wish:
                text, spans = seen.money.wish, []
            sender = seen.sender
            found = {
                "kind": seen.kind if seen.is_message else "file" if names else "",
                "files": tuple(_cut(one, 120) for one in names[:3]),
                "excerpt": excerpt_of(text, spans) if text else None,
                "aliases": tuple(_cut(one, 200) for one in (sender.card, sender.name) if one) if sender else (),
            }
        return Example(
            violation_id=violation.id,
            pack=verdict.pack,
            clause=violation.clause,
            group_id=verdict.group_id,
            at=verdict.judged_at,
            who=self._called(violation.subject.kind, violation.subject.id),
            explanation=_cut(violation.explanation, LONGEST_EXPLANATION),
            score=violation.score,
            standing=standing,
            matched=tuple(_cut(one, 80) for one in dict.fromkeys(elsewhere))[:4],
            **found,
        )

    # afterwards

    def trial(self) -> Trial:
        store = self.replay.store
        seen_groups = self._seen_groups(store)
        for name in seen_groups:
            self.groups[name]  # a listed group of which nothing was observed is part of the trial all the same
        ordered = sorted(self.groups, key=lambda one: (-_found(self.groups[one]), -self.groups[one].messages, one))
        detailed = dict.fromkeys(ordered[:DETAILED_GROUPS])
        sanctions, outgoing = self._sanctions(store, detailed)
        reviews, review_counts, reviews_by_kind = self._reviews(store, detailed)
        tasks, task_counts, tasks_by_role = self._tasks(store, detailed)
        groups = []
        for name in ordered:
            tally, (shown, pack, mode, known) = self.groups[name], seen_groups.get(name, ("", "", "observe", False))
            groups.append(
                GroupFound(
                    id=name,
                    name=plain(shown, LONGEST_NAME),
                    pack=pack,
                    mode=mode,
                    known=known,
                    messages=tally.messages,
                    automatic=tally.automatic,
                    assisted=tally.assisted,
                    uncertain=tally.uncertain,
                    clauses=tuple(sorted(tally.clauses.items(), key=lambda one: (-one[1], one[0]))),
                    detailed=name in detailed,
                    sanctions=tuple(sanctions[name]),
                    sanction_count=outgoing.by_group[name],
                    reviews=tuple(reviews[name]),
                    review_count=review_counts[name],
                    missed=tuple(tally.late),
                    missed_count=tally.missed,
                    tasks=tuple(tasks[name]),
                    task_count=task_counts[name],
                )
            )
        clauses = self._clauses()
        used = sorted({one.pack for one in groups if one.pack} | {one.pack for one in clauses})
        dead = _dead_letters(store)
        return Trial(
            timezone=self.directory.fleet.settings.timezone,
            first=self.first,
            last=self.last,
            observations=self.replay.observations,
            messages=self.messages,
            findings=sum(one.findings for one in clauses),
            automatic=sum(one.automatic for one in clauses),
            uncertain=sum(one.uncertain for one in clauses),
            bad_lines=dead.total(),
            sanctions=outgoing.total,
            open_reviews=reviews_by_kind.total(),
            open_tasks=tasks_by_role.total(),
            packs={one: self.packs[one].title if one in self.packs else one for one in used},
            by_day={day: (counts[0], counts[1]) for day, counts in sorted(self.days.items())},
            clauses=clauses,
            groups=tuple(groups),
            outgoing=outgoing.rows(tasks_by_role, reviews_by_kind),
            checklist=self.checklist.in_order(),
            unavailable=self._unavailable(),
            blind=tuple(self._blind(used)),
            dead_letters=tuple(Counted(why=why, count=count) for why, count in _most(dead)),
            names=frozenset(self.directory.names),
        )

    def _seen_groups(self, store: Store) -> dict[str, tuple[str, str, str, bool]]:
        table = tables.groups_seen
        query = sa.select(table.c.key, table.c.name, table.c.pack, table.c.mode, table.c.known).order_by(table.c.key)
        return {row[0].partition(":")[2]: (row[1], row[2], row[3], row[4]) for row in store.connection.execute(query)}

    def _clauses(self) -> tuple[ClauseFound, ...]:
        found = []
        for (pack, name), tally in self.clauses.items():
            clause = self.packs[pack].clauses.get(name) if pack in self.packs else None
            found.append(
                ClauseFound(
                    pack=pack,
                    clause=name,
                    article=clause.article if clause else name,
                    says=clause.says if clause else "",
                    automatic=tally.automatic,
                    assisted=tally.assisted,
                    uncertain=tally.uncertain,
                    examples=tally.sample.in_order(),
                )
            )
        return tuple(sorted(found, key=lambda one: (-one.findings, -one.uncertain, one.clause)))

    def _sanctions(self, store: Store, detailed: Mapping[str, Any]) -> tuple[dict[str, list[Following]], "_Outgoing"]:
        rows: dict[str, list[Following]] = defaultdict(list)
        counted = _Outgoing()
        for one in stored_sanctions(store):
            way = _way(one)
            counted.add(one, way)
            mine = rows[one.group_id] if one.group_id in detailed else None
            if mine is not None and len(mine) < SANCTIONS_PER_GROUP:
                who = self._called(one.subject.kind, one.subject.id)
                notice = _cut(one.notice, LONGEST_NOTICE)
                mine.append(
                    Following(at=one.decided_at, who=who, kind=one.kind, clause=one.clause, notice=notice, way=way)
                )
        return rows, counted

    def _reviews(
        self, store: Store, detailed: Mapping[str, Any]
    ) -> tuple[dict[str, list[Waiting]], Counter[str], Counter[str]]:
        rows: dict[str, list[Waiting]] = defaultdict(list)
        by_group: Counter[str] = Counter()
        by_kind: Counter[str] = Counter()
        for one in stored_reviews(store):
            if one.status != "open":
                continue
            by_group[one.group_id] += 1
            by_kind[one.kind] += 1
            if one.group_id in detailed and len(rows[one.group_id]) < WAITING_PER_GROUP:
                rows[one.group_id].append(self._review(one))
        return rows, by_group, by_kind

    def _review(self, one: Review) -> Waiting:
        who = self._called("group" if one.subject == one.group_id else "member", one.subject)
        what = _cut(one.why, LONGEST_EXPLANATION)
        state = REVIEW_NAMES.get(one.kind, one.kind)
        return Waiting(what=what, clause=one.clause, who=who, at=one.opened_at, state=state)

    def _tasks(
        self, store: Store, detailed: Mapping[str, Any]
    ) -> tuple[dict[str, list[Waiting]], Counter[str], Counter[str]]:
        rows: dict[str, list[Waiting]] = defaultdict(list)
        by_group: Counter[str] = Counter()
        by_role: Counter[str] = Counter()
        for one in stored_tasks(store):
            if one.status in ("done", "cancelled"):
                continue
            by_group[one.group_id] += 1
            by_role[one.assignee.role] += 1
            if one.group_id in detailed and len(rows[one.group_id]) < WAITING_PER_GROUP:
                rows[one.group_id].append(self._task(one))
        return rows, by_group, by_role

    def _task(self, one: Task) -> Waiting:
        person = self.directory.people.get(one.assignee.id or "")
        role = ROLE_NAMES.get(one.assignee.role, one.assignee.role)
        return Waiting(
            what=_cut(one.what, LONGEST_EXPLANATION),
            clause=one.clause,
            who=person.name if person else STRANGER,
            due_at=one.due_at,
            state=f"{role} · {TASK_STATES.get(one.status, one.status)}",
        )

    def _unavailable(self) -> tuple[Counted, ...]:
        known: Counter[tuple[str, str]] = Counter()
        for (pack, clause, why), count in self.unavailable.items():
            known[self._cite(pack, clause), blind_cause(why)] += count
        rows = sorted(known.items(), key=lambda one: (-one[1], one[0]))
        return tuple(Counted(place=place, why=why, count=count) for (place, why), count in rows[:CAUSES])

    def _blind(self, used: Iterable[str]) -> Iterable[Counted]:
        """Clauses that no setting of this trial could have found broken."""
        for slug in used:
            reasons: dict[tuple[str, str], int] = {}
            states: dict[str, set[str]] = defaultdict(set)
            for one in cover(self.packs[slug]) if slug in self.packs else ():
                states[one.clause].add(one.state)
                if one.state == "blind":
                    reasons[one.clause, blind_cause(one.note)] = 1
            for clause, why in reasons:
                partly = "" if states[clause] == {"blind"} else "（该条的其他部分照常判断）"
                yield Counted(place=self._cite(slug, clause), why=why + partly, count=1)

    def _cite(self, pack: str, name: str) -> str:
        clause = self.packs[pack].clauses.get(name) if pack in self.packs else None
        return f"{self.packs[pack].title}{clause.article}：{clause.says}" if clause else name


class _Outgoing:
    """Counts what would have gone to whom."""

    def __init__(self) -> None:
        self.total = 0
        self.by_group: Counter[str] = Counter()
        self._rows: Counter[tuple[str, str, str]] = Counter()

    def add(self, one: Sanction, way: Way) -> None:
        self.total += 1
        self.by_group[one.group_id] += 1
        if way != "task":
            to = "群主" if one.subject.kind in ("owner", "group") else "当事成员"
            named = SANCTION_NAMES.get(one.kind, one.kind).removesuffix("（待审批）")
            what = "撤销通知" if way == "reversal" else named
            self._rows[way, to, what] += 1

    def rows(self, tasks_by_role: Counter[str], reviews_by_kind: Counter[str]) -> tuple[Outgoing, ...]:
        order = ("sent", "reversal", "draft", "recorded")
        mine = sorted(self._rows.items(), key=lambda one: (order.index(one[0][0]), -one[1], one[0]))
        found = [Outgoing(to=to, what=what, way=way, count=count) for (way, to, what), count in mine]
        for role, count in _most(tasks_by_role):
            found.append(Outgoing(to=ROLE_NAMES.get(role, role), what="待办任务", way="task", count=count))
        for kind, count in _most(reviews_by_kind):
            found.append(Outgoing(to="复核人（须指定）", what=REVIEW_NAMES.get(kind, kind), way="review", count=count))
        return tuple(found)


def run_trial(
    lines: Iterable[bytes],
    *,
    fleet: Fleet,
    packs: Mapping[str, Pack],
    classifiers: Classifiers,
    until: Millis | None = None,
    chunk: int = CHUNK,
) -> Trial:
    """Replay `lines` (observations, one JSON object each) and say what would have happened. Nothing leaves the process.

    `until` lets time pass after the last observation, so that later deadlines are judged too. The same lines, fleet and
    packs give an equal Trial, for any `chunk`.
    """
    directory = Directory(fleet)
    with replaying(classifiers, dict(packs), directory, chunk=chunk) as replay:
        gathering = _Gathering(replay, directory, packs)
        for number, body in enumerate(lines, start=1):
            gathering.look(body)
            replay.feed(body)
            if number % chunk == 0:
                gathering.harvest()
        replay.finish(until)
        gathering.harvest()
        return gathering.trial()


def _standing(violation: Violation) -> Standing:
    return "automatic" if violation.mode == "automatic" else "assisted"


def _way(one: Sanction) -> Way:
    if one.kind == "task":
        return "task"
    if one.mode == "observe":
        return "recorded"
    if one.reverses:
        return "reversal"
    return "draft" if one.needs_approval or one.mode == "advise" else "sent"


def _found(tally: _Tally) -> int:
    return tally.automatic + tally.assisted + tally.uncertain


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _most(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:CAUSES]


def _dead_letters(store: Store) -> Counter[str]:
    """Dead letters by cause; their bytes stay where they are."""
    cause = tables.dead_letters.c.cause
    causes: Counter[str] = Counter()
    for said, count in store.connection.execute(sa.select(cause, sa.func.count()).group_by(cause)):
        causes[dead_cause(said)] += count
    return causes
