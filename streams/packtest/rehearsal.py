"""The agents without a store: what a few observations of a test bring, in memory, in well under a millisecond each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from classifiers.measure import Classifiers
from models import Action, Decision, DecisionTarget, Observation, Review, Sanction, Task, Verdict, Violation, digest
from models.observation import Millis
from policies.directory import Directory
from policies.judge import CompiledPack
from policies.state import GroupState
from streams.agents import Escalate, Screen
from streams.agents.escalate import Ledger
from streams.embedded import tick_body
from streams.packtest.form import Step
from streams.topics import (
    ACTIONS,
    DEAD_LETTERS,
    JUDGEMENTS,
    OBSERVATIONS,
    OUTCOMES,
    Effects,
    Judged,
    Noted,
    Outcome,
    Record,
    noted,
)


class Rehearsal:
    """Screen and escalate over plain dicts, with every action arriving at once; results are its attributes.

    The same order of things as in a replay: what is observed, then ticks wherever something falls due.
    """

    def __init__(self, classifiers: Classifiers, packs: Mapping[str, CompiledPack], directory: Directory) -> None:
        self.screen = Screen(classifiers, {}, directory)
        # Compiled once for all tests, not once for each.
        self.screen.packs = dict(packs)
        self.escalate = Escalate({slug: one.pack for slug, one in packs.items()}, directory)
        self.verdicts: list[Verdict] = []
        self.sanctions: dict[str, Sanction] = {}
        self.tasks: dict[str, Task] = {}
        self.reviews: dict[str, Review] = {}
        self.dead: list[str] = []
        self._groups: dict[str, GroupState] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._decided: set[str] = set()
        self._unseen = dict.fromkeys(directory.groups)

    def feed(self, records: Sequence[Record]) -> None:
        """Judge observations and let all follow from them."""
        if not records:
            return
        keys = self.screen.keys(records)
        effects = self.screen.handle(records, {key: self._groups.get(key) for key in keys})
        self._groups.update(effects.state)
        for key in effects.state:
            self._unseen.pop(key, None)
        self._follow(effects)

    def pass_time(self, start: Millis, end: Millis) -> None:
        """Look at `start` where something is due or a group was never seen; then at each due time up to `end`."""
        self._tick([(key, start) for key in (*(key for key, _ in self._dues(start)), *self._unseen)])
        while due := self._dues(end):
            self._tick(due)

    def decide(self, step: Step, at: Millis) -> int:
        """Let a person decide on all that waits under a clause, findings or drafts; returns on how many."""
        if step.decide in ("approve", "refuse"):
            drafts = [one for one in self.sanctions.values() if one.clause == step.clause and one.needs_approval]
            about = [self._decision(step, at, "sanction", one.id, one.subject.id, one.group_id) for one in drafts]
        else:
            found = {each.id: noted(verdict, each) for verdict in self.verdicts for each in _all_of(verdict)}
            asked = {one.on.id for one in self.reviews.values() if one.clause == step.clause}
            named = [one for name, one in found.items() if one.violation.clause == step.clause or name in asked]
            about = [self._verdict_on(step, at, one, found.values()) for one in named if self._is_new(one)]
        self._escalate(about)
        return len(about)

    def _is_new(self, one: Noted) -> bool:
        fresh = one.violation.id not in self._decided
        self._decided.add(one.violation.id)
        return fresh

    def _verdict_on(self, step: Step, at: Millis, one: Noted, found: Iterable[Noted]) -> Record:
        """A decision on a finding, about what is decided with it; what followed it falls with it."""
        name, falls = one.violation.id, step.decide == "overturn"
        about = (
            each
            for each in found
            if name in (each.violation.id, each.violation.together, each.violation.follows if falls else None)
        )
        return self._decision(step, at, "verdict", name, one.violation.subject.id, one.group_key, tuple(about))

    def _decision(
        self, step: Step, at: Millis, kind: str, name: str, subject: str, key: str, about: tuple[Noted, ...] = ()
    ) -> Record:
        decision = Decision(
            id=digest("x", kind, name, step.decide, step.by, at),
            by=step.by or "",
            role="moderator",
            on=DecisionTarget(kind, name),  # type: ignore[arg-type]
            outcome=step.decide,  # type: ignore[arg-type]
            reason="",
            decided_at=at,
            subject=subject,
            pick=step.pick and self._full_name(step.pick, name),
            amount_fen=step.amount_fen,
            check=step.check,
        )
        return Record(JUDGEMENTS, key, b"", 0, at, Judged(decision=decision, about=about))

    def _full_name(self, pick: str, on: str) -> str:
        """`clause/kind` of what is picked by its kind. ValueError where no review on this offers it."""
        offered = {str(one["pick"]) for each in self.reviews.values() if each.on.id == on for one in choices(each)}
        found = sorted(one for one in offered if pick in (one, one.rpartition("/")[2]))
        if not found:
            raise ValueError(f"{pick} cannot be picked: offered is {', '.join(sorted(offered)) or 'nothing'}")
        return found[0]

    def _dues(self, until: Millis) -> list[tuple[str, Millis]]:
        """The groups in which something falls due by then, each with that time, earliest first."""
        dues = ((key, self.screen.next_due(state)) for key, state in self._groups.items())
        return sorted(((key, at) for key, at in dues if at is not None and at <= until), key=lambda one: one[1])

    def _tick(self, ticks: Sequence[tuple[str, Millis]]) -> None:
        self.feed([Record(OBSERVATIONS, key, tick_body(key, at), 0, at) for key, at in ticks])

    def _follow(self, effects: Effects) -> None:
        judged = []
        for topic, key, value, at in effects.records:
            if topic == DEAD_LETTERS:
                self.dead.append(value.cause)
            elif topic == JUDGEMENTS:
                judged.append(Record(JUDGEMENTS, key, b"", 0, at, value))
                if value.verdict:
                    self.verdicts.append(value.verdict)
        self._escalate(judged)

    def _escalate(self, records: Sequence[Record]) -> None:
        """One after another: what each brings has reached the member when the next is judged."""
        for record in records:
            waiting = [record]
            while waiting:
                waiting = [_arrived(one) for one in self._carry_on(waiting)]

    def _carry_on(self, records: Sequence[Record]) -> list[Action]:
        effects = self.escalate.handle(records, {key: self._ledgers.get(key) for key in self.escalate.keys(records)})
        self._ledgers.update(effects.state)
        actions = []
        for planned in (value for topic, _, value, _ in effects.records if topic == ACTIONS):
            if planned.sanction:
                self.sanctions[planned.sanction.id] = planned.sanction
            elif planned.task:
                self.tasks[planned.task.id] = planned.task
            elif planned.review:
                self.reviews[planned.review.id] = planned.review
            elif planned.action:
                actions.append(planned.action)
        return actions


def choices(review: Review) -> Sequence[Mapping[str, Any]]:
    """What the person who decides may pick, each with clause and kind."""
    found: Sequence[Mapping[str, Any]] = review.detail.get("choices", ())
    return found


def _all_of(verdict: Verdict) -> Iterable[Violation]:
    return (*verdict.violations, *verdict.uncertain)


def _arrived(action: Action) -> Record:
    """The word that an action reached its member when it was planned."""
    outcome = Outcome(
        action_id=action.id,
        sanction_id=action.sanction_id,
        subject=action.subject,
        group_id=action.group_id,
        status="confirmed",
        at=action.planned_at,
    )
    return Record(OUTCOMES, "", b"", 0, action.planned_at, outcome)


def record_of_seen(seen: Observation) -> Record:
    """An observation as a record that arrived when it happened, decoded and ready to be measured."""
    return Record(OBSERVATIONS, seen.group_key, b"", 0, seen.sent_at, seen)
