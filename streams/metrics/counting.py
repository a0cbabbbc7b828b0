"""What an agent's work comes to in the metrics; counted once it is stored."""

from collections import Counter
from collections.abc import Sequence

from models import Observation, Verdict
from models.observation import Millis
from streams.metrics.recording import Metrics
from streams.topics import DEAD_LETTERS, OBSERVATIONS, Effects, Judged, Planned, Record


def count_effects(metrics: Metrics, now: Millis, records: Sequence[Record], effects: Effects) -> None:
    """Enter a chunk: observations with the time they took, verdicts, sanctions, dead letters."""
    observed = [one for one in records if one.topic == OBSERVATIONS and isinstance(one.decoded, Observation)]
    for kind, count in Counter(one.decoded.type for one in observed).items():
        metrics.observed(kind, count)
    metrics.verdict_took([(now - one.appended_at) / 1000 for one in observed])
    for topic, _, value, _ in effects.records:
        if topic == DEAD_LETTERS:
            metrics.died(value.cause)
        elif isinstance(value, Judged) and value.verdict:
            _count_verdict(metrics, value.verdict)
        elif isinstance(value, Planned) and value.sanction:
            metrics.sanctioned(value.sanction.kind, value.sanction.mode)

    for side, count in _shadowed(effects).items():
        metrics.shadowed(side, count)


def _shadowed(effects: Effects) -> Counter[str]:
    sides: Counter[str] = Counter()
    for table, row in effects.rows:
        if table == "shadow":
            sides[row["side"]] += row["count"]
    return sides


def _count_verdict(metrics: Metrics, verdict: Verdict) -> None:
    for outcome, found in (("violation", verdict.violations), ("uncertain", verdict.uncertain)):
        for violation in found:
            category = violation.evidence[0].category if violation.evidence else violation.rule
            shown = "assisted" if outcome == "violation" and violation.mode == "assisted" else outcome
            metrics.judged(verdict.pack, category, shown)
    for missing in verdict.unavailable:
        metrics.judged(verdict.pack, missing.category, "unavailable")
