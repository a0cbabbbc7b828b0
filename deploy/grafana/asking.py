"""How the dashboards ask Prometheus: expressions from the names and labels of `streams/metrics/declared.py`.

Every expression is held to the chosen job, so that a fleet that is tried out beside the real one is not mixed with it.
"""

from dataclasses import dataclass
from typing import Final

# What Grafana fills in: at least four scrapes, and the time that is shown.
WINDOW: Final = "$__rate_interval"
SHOWN: Final = "$__range"
JOB: Final = 'job=~"$job"'


@dataclass(frozen=True)
class Query:
    """One expression, and what each of its series is called; an empty legend is the panel's only number."""

    expression: str
    legend: str = ""


def only(metric: str, *matchers: str) -> str:
    """The series of a metric that the chosen job shows."""
    return f"{metric}{{{','.join((JOB, *matchers))}}}"


def per_second(metric: str, *matchers: str, by: str = "", over: str = WINDOW) -> str:
    """A counter's rate, summed over all processes."""
    return f"{_sum(by)}(rate({only(metric, *matchers)}[{over}]))"


def many(metric: str, *matchers: str, by: str = "", over: str = SHOWN, ago: str = "") -> str:
    """By how much a counter grew, summed over all processes; `ago` shifts the whole into the past."""
    shift = f" offset {ago}" if ago else ""
    return f"{_sum(by)}(increase({only(metric, *matchers)}[{over}]{shift}))"


def added(metric: str, *matchers: str, by: str = "") -> str:
    """A gauge of which each process shows its own part."""
    return f"{_sum(by)}({only(metric, *matchers)})"


def common(metric: str, *matchers: str, by: str = "") -> str:
    """A gauge that is looked up in the database: the same in every process that shows it, so never a sum."""
    grouped = f"max by ({by}) " if by else "max"
    return f"{grouped}({only(metric, *matchers)})"


def quantile(share: float, histogram: str, *matchers: str, by: str = "", over: str = WINDOW) -> str:
    """What so many of a histogram's values stay below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {per_second(f'{histogram}_bucket', *matchers, by=labels, over=over)})"


def within(seconds: float, histogram: str, *, over: str) -> str:
    """The share of a histogram's values that are no more than one of its steps."""
    step = per_second(f"{histogram}_bucket", f'le="{seconds}"', over=over)
    return f"{step} / {per_second(f'{histogram}_count', over=over)}"


def or_none(expression: str, label: str = "", known: str = "xunqun_build_info") -> str:
    """The expression, and 0 where it has no series: a counter that was never raised has none.

    The 0 is claimed only while some process shows the metric `known`. Where none does, it would be a lie, and there stays a gap.
    """
    none = f"0 * {common(known)}"
    if label:
        none = f'label_replace({none}, "{label}", "none", "", "")'
    return f"{expression} or on () {none}"


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
