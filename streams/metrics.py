"""What Prometheus sees. Names keep their word for ever; label values come from short lists, never from messages."""

import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal, get_args

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from connectors.actuator import OutcomeStatus
from models.sanction import ActionStatus, SanctionKind
from models.signal import TRAINED_CATEGORIES

# What does not belong to a closed list, or comes after an open one is full, is counted here.
OTHER: Final = "other"
# How many packs, categories and platforms are told apart; an installation has far fewer, so this only stops a mistake.
MOST_NAMES = 64

OBSERVATION_TYPES = frozenset(
    {
        "message.created",
        "message.edited",
        "message.recalled",
        "file.uploaded",
        "file.changed",
        "file.deleted",
        "red_packet.opened",
        "policy.acknowledged",
        "member.invited",
        "member.joined",
        "member.left",
        "member.removed",
        "member.muted",
        "member.unmuted",
        "member.renamed",
        "member.role_changed",
        "join.requested",
        "group.created",
        "group.renamed",
        "group.owner_changed",
        "group.notice_changed",
        "group.dissolved",
        "report.filed",
        "appeal.filed",
        "task.stated",
        "clock.tick",
        "connector.gap",
    }
)
REVIEW_KINDS = frozenset({"assisted", "uncertain", "approval", "appeal", "late", "report", "registry", "campaign"})
GROUP_MODES = frozenset({"observe", "advise", "enforce"})
BRAKED = frozenset({"group", "clause", "all"})
VERDICT_OUTCOMES = frozenset({"violation", "assisted", "uncertain", "unavailable", "clean"})
SHADOW_SIDES = frozenset({"only_live", "only_shadow", "both", "compared", "skipped", "failed"})
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
DEAD_LETTER_CAUSES = frozenset({*_CAUSES.values(), "agent"})

# Seconds. A verdict is promised within seconds: fine steps below one, some above to see how bad a backlog is.
VERDICT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
POST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

Unit = Literal["seconds", "count", "info"]


@dataclass(frozen=True)
class Declared:
    """One metric as it is exposed: `name` with its unit, one sentence of help, the labels in order."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()


DECLARED: Final = (
    Declared("xunqun_observations_total", "counter", "count", "Observations stored, by type.", ("type",)),
    Declared(
        "xunqun_verdicts_total",
        "counter",
        "count",
        "Findings by pack, category and outcome (violation, assisted, uncertain, unavailable, clean).",
        ("pack", "category", "outcome"),
    ),
    Declared(
        "xunqun_shadow_total",
        "counter",
        "count",
        "Beside a shadow: findings (only_live, only_shadow, both) and messages (compared, skipped, failed).",
        ("side",),
    ),
    Declared("xunqun_sanctions_total", "counter", "count", "Sanctions prescribed, by kind and mode.", ("kind", "mode")),
    Declared(
        "xunqun_actions_total",
        "counter",
        "count",
        "Tries to carry an action out, by platform and what came of them.",
        ("platform", "status"),
    ),
    Declared("xunqun_dead_letters_total", "counter", "count", "Input that could not be used, by cause.", ("cause",)),
    Declared("xunqun_duplicates_total", "counter", "count", "Observations that had been seen before."),
    Declared(
        "xunqun_http_requests_total",
        "counter",
        "count",
        "HTTP requests answered, by route and code.",
        ("route", "code"),
    ),
    Declared(
        "xunqun_verdict_latency_seconds",
        "histogram",
        "seconds",
        "Seconds from an observation being received to its verdict being durable.",
    ),
    Declared(
        "xunqun_post_latency_seconds",
        "histogram",
        "seconds",
        "Seconds from the head of a post of observations to its answer, when they are durable.",
    ),
    Declared("xunqun_reviews_open", "gauge", "count", "Reviews that wait for a person, by kind.", ("kind",)),
    Declared("xunqun_outbox_open", "gauge", "count", "Actions that are not settled, by status.", ("status",)),
    Declared("xunqun_unknown_groups", "gauge", "count", "Groups seen that the fleet does not know."),
    Declared(
        "xunqun_paused",
        "gauge",
        "count",
        "Scopes (groups, packs, clauses, everything) whose outgoing actions are paused, by people or brakes.",
    ),
    Declared(
        "xunqun_brakes",
        "gauge",
        "count",
        "Scopes that a brake holds because a budget of sanctions is used up, by kind (group, clause, all).",
        ("scope",),
    ),
    Declared(
        "xunqun_consumer_lag",
        "gauge",
        "count",
        "Records in this worker's partitions that an agent has not committed yet.",
        ("agent",),
    ),
    Declared("xunqun_build_info", "info", "info", "Version of Xunqun and of Python; always 1.", ("version", "python")),
)
_BY_NAME: Final = {one.name: one for one in DECLARED}


class Metrics:
    """One process's metrics in their own registry, so that two in one test do not meet."""

    def __init__(self) -> None:
        # A second series per counter that says when it began: nobody asked, and it doubles what is stored.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._packs = _Names()
        self._categories = _Names(known=TRAINED_CATEGORIES)
        self._platforms = _Names(known=("webhook", "onebot11", "wecom", "matrix", "jsonl"))
        self._counters = {
            one.name: Counter(one.name, one.help, one.labels, registry=self.registry)
            for one in DECLARED
            if one.kind == "counter"
        }
        self._gauges = {
            one.name: Gauge(one.name, one.help, one.labels, registry=self.registry)
            for one in DECLARED
            if one.kind == "gauge"
        }
        self._verdict_latency = self._histogram("xunqun_verdict_latency_seconds", VERDICT_BUCKETS)
        self._post_latency = self._histogram("xunqun_post_latency_seconds", POST_BUCKETS)
        info = Info("xunqun_build", _BY_NAME["xunqun_build_info"].help, registry=self.registry)
        info.info({"version": _version(), "python": platform.python_version()})
        # Finding a labelled child costs more than counting: children are kept.
        self._children: dict[tuple[str, ...], Counter] = {}
        self.set_reviews_open({})
        self.set_outbox_open({})
        self.set_brakes({})

    def observed(self, kind: str, count: int = 1) -> None:
        """Observations were stored; `kind` is the observation's `type`."""
        self._add("xunqun_observations_total", count, _fold(kind, OBSERVATION_TYPES))

    def judged(self, pack: str, category: str, outcome: str, count: int = 1) -> None:
        """Findings were made; `category` is the signal's, or the rule's where there is no signal."""
        outcome = _fold(outcome, VERDICT_OUTCOMES)
        self._add("xunqun_verdicts_total", count, self._packs.of(pack), self._categories.of(category), outcome)

    def sanctioned(self, kind: str, mode: str, count: int = 1) -> None:
        """Sanctions were prescribed in a group of that mode."""
        self._add("xunqun_sanctions_total", count, _fold(kind, _SANCTIONS), _fold(mode, GROUP_MODES))

    def acted(self, platform: str, status: str, count: int = 1) -> None:
        """An action was tried; `status` is the outcome's."""
        self._add("xunqun_actions_total", count, self._platforms.of(platform), _fold(status, _OUTCOMES))

    def shadowed(self, side: str, count: int = 1) -> None:
        """Findings that a shadow or the live edition or both have, or messages that a shadow was given."""
        self._add("xunqun_shadow_total", count, _fold(side, SHADOW_SIDES))

    def died(self, cause: str, count: int = 1) -> None:
        """Input went to the dead letters; `cause` is the sentence kept with it, or one of DEAD_LETTER_CAUSES."""
        self._add("xunqun_dead_letters_total", count, dead_letter_cause(cause))

    def duplicated(self, count: int = 1) -> None:
        """Observations came that had been seen before. `streams.http` counts those of posts."""
        self._add("xunqun_duplicates_total", count)

    def requested(self, route: str, code: int) -> None:
        """A request was answered; `route` is the pattern of its path, never the path."""
        self._add("xunqun_http_requests_total", 1, route, str(code))

    def verdict_took(self, seconds: float) -> None:
        """From received to verdict."""
        self._verdict_latency.observe(seconds)

    def post_took(self, seconds: float) -> None:
        """From the head of a post to its answer."""
        self._post_latency.observe(seconds)

    def set_reviews_open(self, by_kind: Mapping[str, int]) -> None:
        """How many reviews wait now; kinds that are not named have none."""
        self._set("xunqun_reviews_open", by_kind, REVIEW_KINDS)

    def set_outbox_open(self, by_status: Mapping[str, int]) -> None:
        """How many actions are not settled now; statuses that are not named have none."""
        self._set("xunqun_outbox_open", by_status, _STATUSES)

    def set_unknown_groups(self, count: int) -> None:
        self._gauges["xunqun_unknown_groups"].set(count)

    def set_lag(self, agent: str, count: int) -> None:
        """`agent` is one of the roles of a worker."""
        self._gauges["xunqun_consumer_lag"].labels(agent).set(count)

    def set_paused(self, count: int) -> None:
        self._gauges["xunqun_paused"].set(count)

    def set_brakes(self, by_kind: Mapping[str, int]) -> None:
        """How many scopes brakes hold now; kinds that are not named have none."""
        self._set("xunqun_brakes", by_kind, BRAKED)

    def exposition(self) -> tuple[bytes, str]:
        """All metrics in the text format 0.0.4, which every scraper reads, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _histogram(self, name: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, _BY_NAME[name].help, buckets=buckets, registry=self.registry)

    def _add(self, name: str, count: int, *labels: str) -> None:
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            counter = self._counters[name]
            child = self._children[key] = counter.labels(*labels) if labels else counter
        child.inc(count)

    def _set(self, name: str, counts: Mapping[str, int], known: Collection[str]) -> None:
        folded = dict.fromkeys((*known, OTHER), 0)
        for value, count in counts.items():
            folded[_fold(value, known)] += count
        for value, count in folded.items():
            self._gauges[name].labels(value).set(count)


def dead_letter_cause(cause: str) -> str:
    """The short name of a dead letter's cause; `other` for a sentence that is not known."""
    if cause in DEAD_LETTER_CAUSES:
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


def _version() -> str:
    try:
        return version("xunqun")
    except PackageNotFoundError:
        return "unknown"


_SANCTIONS: Final = frozenset(get_args(SanctionKind))
_STATUSES: Final = frozenset(get_args(ActionStatus)) - {"confirmed", "cancelled"}
_OUTCOMES: Final = frozenset(get_args(OutcomeStatus)) | {"cancelled"}
