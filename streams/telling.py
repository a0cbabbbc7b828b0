"""What an agent's work comes to in the log of the process; said once it is stored, so after a crash some of it twice.

Of a message without findings nothing is said. All that follows from one bears its `observation_id`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from models import Action, Decision, Observation, Review, Sanction, Verdict
from models.observation import Millis
from streams.agents import Screen
from streams.logs import is_heard, say, what_broke
from streams.topics import DEAD_LETTERS, JUDGEMENTS, DeadLetter, Effects, Judged, Noted, Planned, Record, value_of

Told = Callable[[Sequence[Record], Effects], None]


def also_told(agent: str, counted: Told) -> Told:
    """What counts a chunk of an agent, and tells of it as well."""

    def both(records: Sequence[Record], effects: Effects) -> None:
        counted(records, effects)
        tell_effects(agent, records, effects)

    return both


def tell_effects(agent: str, records: Sequence[Record], effects: Effects) -> None:
    """Say what a chunk brought: verdicts, sanctions, questions, dead letters, and what people decided in it."""
    if not is_heard("verdict"):
        return
    if agent == "escalate":
        for record in records:
            _tell_of_people(_judged(record))
    if not effects.records:
        return
    causes = _Causes(records, effects)
    for topic, key, value, _ in effects.records:
        platform = key.partition(":")[0]
        if topic == DEAD_LETTERS:
            _tell_dead(value)
        elif isinstance(value, Judged) and value.verdict:
            _tell_verdict(value.verdict, causes.record_of(value.verdict))
        elif isinstance(value, Planned) and value.sanction:
            _tell_sanction(value.sanction, platform, causes.of_sanction(value.sanction))
        elif isinstance(value, Planned) and value.review:
            _tell_review(value.review, platform, causes.of_review(value.review))


def tell_edition(screen: Screen, *, since: Millis = 0, shadow: str | None = None, offset: int | None = None) -> None:
    """Say what is in force; `since` 0 for what a process began with, `offset` of the announcement."""
    parts = screen.in_force()
    versions = {part: version for part, _, version in parts}
    say(
        "edition",
        packs=[f"{name}@{version}" for part, name, version in parts if part == "pack"],
        lists=versions.get("lists"),
        model=versions.get("model"),
        shadow=shadow,
        since=datetime.fromtimestamp(since / 1000, UTC).isoformat(timespec="seconds") if since else None,
        offset=offset,
    )


def tell_broken(agent: str, record: Record, error: Exception) -> None:
    """Say that a record breaks an agent."""
    seen = record.decoded
    say(
        "rule_broke",
        observation_id=seen.id if isinstance(seen, Observation) else None,
        agent=agent,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        **what_broke(error),
    )


def tell_action(action: Action, outcome: str) -> None:
    """Say what came of an action."""
    say(
        "action",
        observation_id=action.params.get("observation_id"),
        sanction_id=action.sanction_id,
        action_id=action.id,
        group_id=action.group_id or None,
        platform=action.platform,
        call=action.call,
        tries=action.tries,
        outcome=outcome,
    )


def _tell_verdict(verdict: Verdict, record: Record | None) -> None:
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset} if record else {}
    about = {
        "observation_id": verdict.observation_id,
        "group_id": verdict.group_id,
        "platform": verdict.platform,
        "pack": f"{verdict.pack}@{verdict.pack_version}",
    }
    if found := (*verdict.violations, *verdict.uncertain):
        say(
            "verdict",
            **about,
            clauses=_each(one.clause for one in verdict.violations),
            asked=_each(one.clause for one in verdict.uncertain),
            violation_ids=[one.id for one in found],
            mode=verdict.mode,
            model=verdict.model,
            **place,
        )
    if verdict.unavailable:
        say("unmeasured", **about, categories=_each(one.category for one in verdict.unavailable), **place)


def _tell_sanction(sanction: Sanction, platform: str, observation_id: str | None) -> None:
    say(
        "sanction",
        observation_id=observation_id,
        sanction_id=sanction.id,
        violation_ids=sanction.violation_ids,
        group_id=sanction.group_id,
        platform=platform,
        clause=sanction.clause,
        kind=sanction.kind,
        mode=sanction.mode,
        draft=sanction.needs_approval or None,
        reverses=sanction.reverses,
    )


def _tell_review(review: Review, platform: str, observation_id: str | None) -> None:
    say(
        "review",
        observation_id=observation_id,
        review_id=review.id,
        target_id=review.on.id,
        on=review.on.kind,
        group_id=review.group_id or None,
        platform=platform or None,
        clause=review.clause or None,
        kind=review.kind,
    )


def _tell_dead(letter: DeadLetter) -> None:
    # What broke an agent is said where it breaks, with the place.
    if " could not handle it: " not in letter.cause:
        # Loads a library that commands without metrics do without.
        from streams.metrics import dead_letter_cause

        cause = dead_letter_cause(letter.cause)
        say("dead_letter", cause=cause, topic=letter.topic, partition=letter.partition, offset=letter.offset)


def _judged(record: Record) -> Judged:
    """What a record of judgements holds; nothing of other topics, and of one that cannot be read."""
    try:
        return value_of(record) if record.topic == JUDGEMENTS else _NOTHING
    except msgspec.MsgspecError:
        return _NOTHING


def _tell_of_people(one: Judged) -> None:
    if one.decision:
        for observation_id in dict.fromkeys(noted.observation_id for noted in one.about) or (None,):
            _tell_decision(one.decision, one.about, observation_id)
    elif one.appeal:
        say("appeal", appeal_id=one.appeal.id, sanction_id=one.appeal.sanction_id)
    elif one.erasure:
        say("erased", erasure_id=one.erasure.id)


def _tell_decision(decision: Decision, about: Sequence[Noted], observation_id: str | None) -> None:
    say(
        "decision",
        observation_id=observation_id,
        decision_id=decision.id,
        on=decision.on.kind,
        target_id=decision.on.id,
        outcome=decision.outcome,
        group_id=decision.group_id or None,
        violation_ids=[one.violation.id for one in about if one.observation_id == observation_id] or None,
    )


def _each(names: Iterable[str]) -> list[str] | None:
    return list(dict.fromkeys(names)) or None


_NOTHING = Judged()


class _Causes:
    """From which observation something follows, as far as the chunk and what it left behind show it."""

    def __init__(self, records: Sequence[Record], effects: Effects) -> None:
        self._records = records
        self._effects = effects
        self._observed: dict[str, Record] | None = None
        self._found: dict[str, str | None] | None = None

    def record_of(self, verdict: Verdict) -> Record | None:
        if self._observed is None:
            seen = [(one.decoded, one) for one in self._records]
            self._observed = {known.id: one for known, one in seen if isinstance(known, Observation)}
        return self._observed.get(verdict.observation_id or "")

    def of_sanction(self, sanction: Sanction) -> str | None:
        found = self._findings()
        named = (sanction.id, *sanction.violation_ids, *([sanction.subject.id] if sanction.reverses else ()))
        return next((found[one] for one in named if found.get(one)), None)

    def of_review(self, review: Review) -> str | None:
        return review.observation_id or self._findings().get(review.on.id)

    def _findings(self) -> dict[str, str | None]:
        """Observations by violations and sanctions, and by who has just recalled one."""
        if self._found is None:
            self._found = found = {}
            for one in map(_judged, self._records):
                if one.verdict:
                    both = (*one.verdict.violations, *one.verdict.uncertain)
                    found.update((each.id, one.verdict.observation_id) for each in both)
                elif one.withdrawal:
                    found[one.withdrawal.subject] = one.withdrawal.observation_id
                found.update((each.violation.id, each.observation_id) for each in one.about)
            for state in self._effects.state.values():
                found.update((name, each.observation_id) for name, each in getattr(state, "held", {}).items())
            for _, _, value, _ in self._effects.records:
                if isinstance(value, Planned) and value.action:
                    found[value.action.sanction_id] = value.action.params.get("observation_id")
            for _, _, value, _ in self._effects.records:
                if isinstance(value, Planned) and value.sanction and value.sanction.id not in found:
                    found[value.sanction.id] = self.of_sanction(value.sanction)
        return self._found
