"""What an agent's work comes to in the metrics; counted once it is stored."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from models import Observation, Sanction, Signal, Verdict, Violation
from models.observation import Millis
from streams.metrics.recording import Metrics
from streams.topics import OBSERVATIONS, DeadLetter, Effects, Judged, Planned, Record, value_of


def count_effects(metrics: Metrics, agent: str, now: Millis, records: Sequence[Record], effects: Effects) -> None:
    """Enter a chunk. What is found is counted where it is found, by `screen`; all else where views are made of it, by `record`,
    which meets each thing once whoever brought it about."""
    if records:
        metrics.batched(agent, len(records))
    if agent == "screen":
        _count_observed(metrics, now, [one for one in records if one.topic == OBSERVATIONS])
        _count_found(metrics, now, effects)
    elif agent == "record":
        for one in records:
            # What cannot be read was set aside: its dead letter is counted when it comes by.
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                _count_recorded(metrics, value_of(one))


def _count_observed(metrics: Metrics, now: Millis, records: Sequence[Record]) -> None:
    observed = [one for one in records if isinstance(one.decoded, Observation)]
    for kind, count in Counter(one.decoded.type for one in observed).items():
        metrics.observed(kind, count)
    # Ticks reach their groups by and by, and nobody waits for them.
    received = [one for one in observed if one.decoded.type != "clock.tick"]
    metrics.verdict_took([(now - one.appended_at) / 1000 for one in received])
    delays: dict[str, list[float]] = defaultdict(list)
    for one in received:
        delays[one.decoded.platform].append((one.appended_at - one.decoded.sent_at) / 1000)
    for platform, seconds in delays.items():
        metrics.arrived(platform, seconds)
    _count_signals(metrics, (signal for one in observed if one.measured for signal in one.measured[0]))


def _count_signals(metrics: Metrics, signals: Iterable[Signal]) -> None:
    scores: dict[str, list[float]] = defaultdict(list)
    missed: Counter[str] = Counter()
    for one in signals:
        if one.unavailable:
            missed[one.classifier] += 1
        elif one.classifier.startswith("trained"):
            scores[one.category].append(one.score)
    for category, some in scores.items():
        metrics.scored(category, some)
    for classifier, count in missed.items():
        metrics.missed(classifier, count)


def _count_found(metrics: Metrics, now: Millis, effects: Effects) -> None:
    took: dict[str, list[float]] = defaultdict(list)
    for _, _, value, _ in effects.records:
        if not isinstance(value, Judged) or value.verdict is None:
            continue
        _count_verdict(metrics, value.verdict)
        # Those on a state of affairs are of no message that was sent.
        if value.verdict.observation_id:
            took[value.verdict.platform].append((now - value.verdict.judged_at) / 1000)
    for platform, seconds in took.items():
        metrics.reached(platform, "verdict", seconds)
    for side, count in _shadowed(effects).items():
        metrics.shadowed(side, count)


def _count_recorded(metrics: Metrics, value: Any) -> None:
    if isinstance(value, DeadLetter):
        metrics.died(value.cause)
    elif isinstance(value, Planned) and value.sanction and _is_prescribed(value.sanction):
        metrics.sanctioned(value.sanction.kind, value.sanction.mode)
    elif isinstance(value, Judged) and value.appeal:
        metrics.appealed()
    elif isinstance(value, Judged) and value.decision:
        # Of each finding that the decision is about.
        about = [(noted.pack, _category(noted.violation)) for noted in value.about] or [("", "")]
        for (pack, category), count in Counter(about).items():
            metrics.decided(pack, category, value.decision.outcome, count)


def _is_prescribed(sanction: Sanction) -> bool:
    """Not one that was counted as a draft, nor one that takes another back."""
    return sanction.approved_by is None and sanction.reverses is None


def _shadowed(effects: Effects) -> Mapping[str, int]:
    sides: Counter[str] = Counter()
    for table, row in effects.rows:
        if table == "shadow":
            sides[row["side"]] += row["count"]
    return sides


def _count_verdict(metrics: Metrics, verdict: Verdict) -> None:
    for outcome, found in (("violation", verdict.violations), ("uncertain", verdict.uncertain)):
        for violation in found:
            shown = "assisted" if outcome == "violation" and violation.mode == "assisted" else outcome
            metrics.judged(verdict.pack, _category(violation), shown)
    for missing in verdict.unavailable:
        metrics.judged(verdict.pack, missing.category, "unavailable")


def _category(violation: Violation) -> str:
    """The category of what a violation rests on, or its rule where it rests on no signal."""
    return violation.evidence[0].category if violation.evidence else violation.rule
