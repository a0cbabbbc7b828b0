"""Histograms that take a batch at a time: what every message is measured by must cost next to nothing."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from prometheus_client.metrics_core import HistogramMetricFamily, Metric

from streams.metrics.declared import Declared


class BulkHistogram:
    """One declared histogram with all its children, as a collector of `prometheus_client`."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._bounds = np.array(declared.buckets)
        # By label values: how many fell into each step (the last is beyond all), and their sum.
        self._counts: dict[tuple[str, ...], npt.NDArray[np.int64]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        if not declared.labels:
            self.child()

    def child(self, *labels: str) -> None:
        """Let a child be shown before anything fell into it."""
        if labels not in self._counts:
            self._counts[labels] = np.zeros(len(self._bounds) + 1, np.int64)
            self._sums[labels] = 0.0

    def observe(self, values: Sequence[float] | npt.NDArray[np.float64], *labels: str) -> None:
        """Enter so many values at once. Clocks that differ may give less than 0, which counts as 0."""
        if not len(values):
            return
        self.child(*labels)
        if len(values) == 1:
            value = max(0.0, float(values[0]))
            self._counts[labels][int(self._bounds.searchsorted(value))] += 1
            self._sums[labels] += value
            return
        found = np.maximum(np.asarray(values, np.float64), 0.0)
        self._counts[labels] += np.bincount(self._bounds.searchsorted(found), minlength=len(self._bounds) + 1)
        self._sums[labels] += float(found.sum())

    def collect(self) -> Iterator[Metric]:
        """The samples; called by the registry when somebody scrapes."""
        family = HistogramMetricFamily(self._declared.name, self._declared.help, labels=self._declared.labels)
        for labels, counts in list(self._counts.items()):
            steps = [*map(_shown, self._declared.buckets), "+Inf"]
            buckets = list(zip(steps, map(float, np.cumsum(counts)), strict=True))
            family.add_metric(labels, buckets, sum_value=self._sums[labels])  # type: ignore[arg-type]
        yield family

    def describe(self) -> Collection[Metric]:
        """What the registry asks to find double names."""
        return [HistogramMetricFamily(self._declared.name, self._declared.help, labels=self._declared.labels)]


def _shown(bound: float) -> str:
    return repr(float(bound))
