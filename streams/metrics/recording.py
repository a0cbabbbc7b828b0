"""One process's metrics. Every label value that is not on a short list is counted as `other`."""

import platform
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
import numpy.typing as npt
import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from models.signal import TRAINED_CATEGORIES
from streams.metrics import declared
from streams.metrics.bulk import BulkHistogram
from streams.metrics.declared import DECLARED, OTHER

# How many packs, categories and platforms are told apart; an installation has far fewer, so this only stops a mistake.
MOST_NAMES = 64
_PLATFORMS = ("webhook", "onebot11", "wecom", "matrix", "jsonl")
# Dead letters by the first words of their cause; a cause is a sentence and may hold numbers.
_CAUSES: Final = {
    "not JSON": "not_json",
    "not an observation": "not_an_observation",
    "the record has": "too_large",
    "sent_at": "sent_at",
    "received_at": "received_at",
    "type": "type",
    "id": "id",
    "group.id": "group_id",
}
_BY_NAME: Final = {one.name: one for one in DECLARED}

Many = Sequence[float] | npt.NDArray[np.float64]


class Metrics:
    """One process's metrics in their own registry, so that two in one test do not meet."""

    def __init__(self) -> None:
        # A second series per counter that says when it began: nobody asked, and it doubles what is stored.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        # Memory, CPU and open files of the process, under the names that every exporter uses.
        ProcessCollector(registry=self.registry)
        self._packs = _Names()
        self._categories = _Names(known=TRAINED_CATEGORIES)
        self._platforms = _Names(known=_PLATFORMS)
        self._editions = _Names()
        made = {"counter": Counter, "gauge": Gauge}
        self._plain = {
            one.name: made[one.kind](one.name, one.help, one.labels, registry=self.registry)
            for one in DECLARED
            if one.kind in made
        }
        self._histograms = {one.name: BulkHistogram(one) for one in DECLARED if one.kind == "histogram"}
        for histogram in self._histograms.values():
            self.registry.register(histogram)
        shown = _BY_NAME["xunqun_edition_info"]
        self._edition = Gauge(shown.name, shown.help, shown.labels, registry=self.registry)
        info = Info("xunqun_build", _BY_NAME["xunqun_build_info"].help, registry=self.registry)
        info.info({"version": program_version(), "python": platform.python_version()})
        # Finding a labelled child costs more than counting: children are kept.
        self._children: dict[tuple[str, ...], Counter] = {}
        self.set_reviews({}, {})
        self.set_outbox({}, {})
        self.set_brakes({})
        self.set_waiting(())
        self._begin()

    def _begin(self) -> None:
        """Show what is rare at 0: of a series that begins with its first count, rates and increases miss that one."""
        for cause in (*declared.DEAD_LETTER_CAUSES, OTHER):
            self._add("xunqun_dead_letters_total", 0, cause)
        for classifier in declared.CLASSIFIERS:
            self._add("xunqun_unavailable_total", 0, classifier)
        for side in declared.SHADOW_SIDES:
            self._add("xunqun_shadow_total", 0, side)
        for kind in declared.SANCTION_KINDS:
            for mode in declared.GROUP_MODES:
                self._add("xunqun_sanctions_total", 0, kind, mode)
        for agent in declared.AGENTS:
            self._add("xunqun_rebalances_total", 0, agent)

    # what comes in

    def observed(self, kind: str, count: int = 1) -> None:
        """Observations were judged; `kind` is the observation's `type`."""
        self._add("xunqun_observations_total", count, _fold(kind, declared.OBSERVATION_TYPES))

    def died(self, cause: str, count: int = 1) -> None:
        """Input went to the dead letters; `cause` is the sentence kept with it, or one of DEAD_LETTER_CAUSES."""
        self._add("xunqun_dead_letters_total", count, dead_letter_cause(cause))

    def duplicated(self, count: int = 1) -> None:
        """Observations came that had been seen before. `streams.http` counts those of posts."""
        self._add("xunqun_duplicates_total", count)

    def requested(self, route: str, code: int) -> None:
        """A request was answered; `route` is the pattern of its path, never the path."""
        self._add("xunqun_http_requests_total", 1, route, str(code))

    def post_took(self, seconds: float) -> None:
        """From the head of a post to its answer."""
        self._histograms["xunqun_post_latency_seconds"].observe((seconds,))

    def arrived(self, platform: str, seconds: Many) -> None:
        """From being sent to standing in the log."""
        self._histograms["xunqun_arrival_delay_seconds"].observe(seconds, self._platforms.of(platform))

    # what is found

    def judged(self, pack: str, category: str, outcome: str, count: int = 1) -> None:
        """Findings were made; `category` is the signal's, or the rule's where there is no signal."""
        outcome = _fold(outcome, declared.VERDICT_OUTCOMES)
        self._add("xunqun_verdicts_total", count, self._packs.of(pack), self._categories.of(category), outcome)

    def verdict_took(self, seconds: Many) -> None:
        """From received to verdict, of each observation but ticks of the clock."""
        self._histograms["xunqun_verdict_latency_seconds"].observe(seconds)

    def scored(self, category: str, scores: Many) -> None:
        """Trained scores from the floor up."""
        self._histograms["xunqun_scores"].observe(scores, self._categories.of(category))

    def missed(self, classifier: str, count: int = 1) -> None:
        """Signals that a classifier could not give; its name may bear a version."""
        self._add("xunqun_unavailable_total", count, _fold(classifier.partition("@")[0], declared.CLASSIFIERS))

    def shadowed(self, side: str, count: int = 1) -> None:
        """Findings that a shadow or the live edition or both have, or messages that a shadow was given."""
        self._add("xunqun_shadow_total", count, _fold(side, declared.SHADOW_SIDES))

    def set_editions(self, parts: Collection[tuple[str, str, str]]) -> None:
        """What is in force now: (part, name, version) of each; what was shown before is not shown any more."""
        self._edition.clear()
        for part, name, version_of in parts:
            self._edition.labels(_fold(part, declared.EDITION_PARTS), self._editions.of(name), version_of).set(1)

    # what follows

    def sanctioned(self, kind: str, mode: str, count: int = 1) -> None:
        """Sanctions were prescribed in a group of that mode."""
        kind, mode = _fold(kind, declared.SANCTION_KINDS), _fold(mode, declared.GROUP_MODES)
        self._add("xunqun_sanctions_total", count, kind, mode)

    def acted(self, platform: str, status: str, count: int = 1) -> None:
        """An action was tried; `status` is the outcome's."""
        self._add("xunqun_actions_total", count, self._platforms.of(platform), _fold(status, declared.TRY_OUTCOMES))

    def reached(self, platform: str, until: str, seconds: Many) -> None:
        """From a message being sent to its verdict, or to an action that follows being confirmed."""
        until = _fold(until, declared.MILESTONES)
        self._histograms["xunqun_end_to_end_seconds"].observe(seconds, self._platforms.of(platform), until)

    def set_outbox(self, by_status: Mapping[str, int], oldest: Mapping[str, float]) -> None:
        """How many actions are not settled now, and the age of the oldest, s; statuses that are not named have none."""
        self._set("xunqun_outbox_open", by_status, declared.OPEN_STATUSES)
        self._set("xunqun_outbox_oldest_seconds", oldest, declared.OPEN_STATUSES)

    def set_paused(self, count: int) -> None:
        self._gauge("xunqun_paused").set(count)

    def set_brakes(self, by_kind: Mapping[str, int]) -> None:
        """How many scopes brakes hold now; kinds that are not named have none."""
        self._set("xunqun_brakes", by_kind, declared.BRAKED)

    # people

    def set_reviews(self, by_kind: Mapping[str, int], oldest: Mapping[str, float]) -> None:
        """How many reviews wait now, and the age of the oldest, s; kinds that are not named have none."""
        self._set("xunqun_reviews_open", by_kind, declared.REVIEW_KINDS)
        self._set("xunqun_reviews_oldest_seconds", oldest, declared.REVIEW_KINDS)

    def decided(self, pack: str, category: str, outcome: str, count: int = 1) -> None:
        """People decided on findings of a category under a pack."""
        outcome = _fold(outcome, declared.DECISION_OUTCOMES)
        self._add("xunqun_decisions_total", count, self._packs.of(pack), self._categories.of(category), outcome)

    def appealed(self, count: int = 1) -> None:
        self._add("xunqun_appeals_total", count)

    # time and groups

    def set_deadlines(self, open: int, overdue: int) -> None:
        """Groups in which something is due at some time, and in which it is late."""
        self._set("xunqun_groups_due", {"open": open, "overdue": overdue}, declared.DEADLINE_STATES)

    def ticked(self, at: float) -> None:
        """A tick of the clock was written to the log at that time, seconds since 1970."""
        self._gauge("xunqun_tick_timestamp_seconds").set(at)

    def set_groups(self, by_state: Mapping[str, int]) -> None:
        self._set("xunqun_groups", by_state, declared.GROUP_STATES)
        self._gauge("xunqun_unknown_groups").set(by_state.get("unknown", 0))

    # the parts

    def set_lag(self, agent: str, count: int) -> None:
        """`agent` is one of the roles of a worker."""
        self._gauge("xunqun_consumer_lag").labels(agent).set(count)

    def set_partitions(self, agent: str, count: int) -> None:
        self._gauge("xunqun_partitions").labels(agent).set(count)

    def rebalanced(self, agent: str) -> None:
        self._add("xunqun_rebalances_total", 1, _fold(agent, declared.AGENTS))

    def progressed(self, agent: str, at: float) -> None:
        """An agent got on, or had nothing to do, at that time, seconds since 1970."""
        self._gauge("xunqun_progress_timestamp_seconds").labels(_fold(agent, declared.AGENTS)).set(at)

    def batched(self, agent: str, records: int) -> None:
        self._histograms["xunqun_batch_records"].observe((records,), _fold(agent, declared.AGENTS))

    def store_took(self, store: str, operation: str, seconds: float) -> None:
        store, operation = _fold(store, declared.STORES), _fold(operation, declared.OPERATIONS)
        self._histograms["xunqun_store_seconds"].observe((seconds,), store, operation)

    def set_waiting(self, stores: Collection[str]) -> None:
        """The parts that this process waits for now."""
        self._set("xunqun_waiting", dict.fromkeys(stores, 1), declared.PARTS)

    def set_caches(self, sizes: Mapping[str, int]) -> None:
        self._set("xunqun_cache_entries", sizes, declared.CACHES)

    def set_disk(self, free: int, size: int) -> None:
        """Bytes where the process keeps its data."""
        self._gauge("xunqun_disk_free_bytes").set(free)
        self._gauge("xunqun_disk_size_bytes").set(size)

    def exposition(self) -> tuple[bytes, str]:
        """All metrics in the text format 0.0.4, which every scraper reads, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _gauge(self, name: str) -> Gauge:
        gauge = self._plain[name]
        assert isinstance(gauge, Gauge)
        return gauge

    def _add(self, name: str, count: int, *labels: str) -> None:
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            counter = self._plain[name]
            assert isinstance(counter, Counter)
            child = self._children[key] = counter.labels(*labels) if labels else counter
        child.inc(count)

    def _set(self, name: str, values: Mapping[str, float], known: Collection[str]) -> None:
        folded: dict[str, float] = dict.fromkeys((*known, OTHER), 0)
        for value, count in values.items():
            folded[_fold(value, known)] += count
        for value, count in folded.items():
            self._gauge(name).labels(value).set(count)


def dead_letter_cause(cause: str) -> str:
    """The short name of a dead letter's cause; `other` for a sentence that is not known."""
    if cause in declared.DEAD_LETTER_CAUSES:
        return cause
    return next((short for words, short in _CAUSES.items() if cause.startswith((f"{words} ", f"{words}:"))), OTHER)


class _Names:
    """Names that the installation chooses. The first MOST_NAMES are told apart, later ones are `other`."""

    def __init__(self, known: Collection[str] = ()) -> None:
        self._seen = set(known)

    def of(self, name: str) -> str:
        if name not in self._seen:
            if len(self._seen) >= MOST_NAMES or not name:
                return OTHER
            self._seen.add(name)
        return name


def _fold(value: str, known: Collection[str]) -> str:
    return value if value in known else OTHER


def program_version() -> str:
    try:
        return version("xunqun")
    except PackageNotFoundError:
        return "unknown"
