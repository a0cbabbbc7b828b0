"""All metrics: one row each, from which the registry and `docs/metrics.md` are made.

Names keep their word for ever; units are base units; label values come from the short lists below, from what an installation
names itself (packs, categories, platforms: 64 at most) and never from messages, groups or people.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from connectors.actuator import OutcomeStatus
from models.decision import DecisionOutcome
from models.sanction import ActionStatus, SanctionKind

# What does not belong to a closed list, or comes after an open one is full, is counted here.
OTHER: Final = "other"

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
        "member.erased",
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
DECISION_OUTCOMES = frozenset(get_args(DecisionOutcome))
SANCTION_KINDS = frozenset(get_args(SanctionKind))
OPEN_STATUSES = frozenset(get_args(ActionStatus)) - {"confirmed", "cancelled"}
TRY_OUTCOMES = frozenset(get_args(OutcomeStatus)) | {"cancelled"}
CLASSIFIERS = frozenset({"trained", "patterns", "contacts", "kinds", "keywords", "joined"})
AGENTS = frozenset({"screen", "gather", "escalate", "enforce", "record", "dispatch"})
STORES = frozenset({"kafka", "redis", "postgres", "sqlite"})
# What a process may wait for: these, and the keys of text at rest.
PARTS = STORES | {"keys"}
OPERATIONS = frozenset({"load", "save", "publish", "write", "read"})
CACHES = frozenset({"senders", "pieces", "groups", "campaigns", "posts"})
DEADLINE_STATES = frozenset({"open", "overdue"})
GROUP_STATES = frozenset({"listed", "heard", "silent", "unknown"})
MILESTONES = frozenset({"verdict", "confirmed"})
EDITION_PARTS = frozenset({"pack", "lists", "model"})
DEAD_LETTER_CAUSES = frozenset(
    {
        "not_json",
        "not_an_observation",
        "too_large",
        "sent_at",
        "received_at",
        "type",
        "id",
        "group_id",
        "agent",
    }
)

# Seconds. A verdict is promised within 2 s, nearly always within 30: fine steps below one, some above to see how bad a backlog
# is.
DELAYS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
CALLS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCHES = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)

Kind = Literal["counter", "gauge", "histogram", "info"]
Unit = Literal["seconds", "bytes", "count", "score", "info"]


@dataclass(frozen=True)
class Declared:
    """One metric as it is exposed: `name` with its unit, one sentence of help, the labels in order, the steps of a histogram."""

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, help: str, *labels: str) -> Declared:
    return Declared(name, "counter", "count", help, labels)


def _gauge(name: str, unit: Unit, help: str, *labels: str) -> Declared:
    return Declared(name, "gauge", unit, help, labels)


def _histogram(name: str, unit: Unit, buckets: tuple[float, ...], help: str, *labels: str) -> Declared:
    return Declared(name, "histogram", unit, help, labels, buckets)


DECLARED: Final = (
    # what comes in
    _counter("xunqun_observations_total", "Observations judged, by type.", "type"),
    _counter(
        "xunqun_duplicates_total",
        "Observations that had been seen before. A fleet does not look: there ids make them harmless.",
    ),
    _counter("xunqun_dead_letters_total", "Input that could not be used, by cause.", "cause"),
    _counter("xunqun_http_requests_total", "HTTP requests answered, by route and code.", "route", "code"),
    _histogram(
        "xunqun_post_latency_seconds",
        "seconds",
        CALLS,
        "Seconds from the head of a post of observations to its answer, when they are durable.",
    ),
    _histogram(
        "xunqun_arrival_delay_seconds",
        "seconds",
        DELAYS,
        "Seconds from when a message was sent to when the log had it, by platform. Senders' clocks may be wrong.",
        "platform",
    ),
    # what is found
    _counter(
        "xunqun_verdicts_total",
        "Findings by pack, category and outcome (violation, assisted, uncertain, unavailable, clean).",
        "pack",
        "category",
        "outcome",
    ),
    _histogram(
        "xunqun_verdict_latency_seconds",
        "seconds",
        DELAYS,
        "Seconds from an observation being received to its verdict, or that there is none, being durable; without ticks.",
    ),
    _histogram("xunqun_scores", "score", SCORES, "Trained scores from the model's floor up, by category.", "category"),
    _counter("xunqun_unavailable_total", "Signals that a classifier could not give, by classifier.", "classifier"),
    _counter(
        "xunqun_shadow_total",
        "Beside a shadow: findings (only_live, only_shadow, both) and messages (compared, skipped, failed).",
        "side",
    ),
    Declared(
        "xunqun_edition_info",
        "info",
        "info",
        "What is in force, by part (pack, lists, model), name and version; always 1.",
        ("part", "name", "version"),
    ),
    # what follows
    _counter("xunqun_sanctions_total", "Sanctions prescribed, by kind and mode.", "kind", "mode"),
    _counter(
        "xunqun_actions_total", "Tries to carry an action out, by platform and what came of them.", "platform", "status"
    ),
    _gauge("xunqun_outbox_open", "count", "Actions that are not settled, by status.", "status"),
    _gauge(
        "xunqun_outbox_oldest_seconds",
        "seconds",
        "Age of the oldest action that is not settled, by status; what is held until working hours waits from then on.",
        "status",
    ),
    _histogram(
        "xunqun_end_to_end_seconds",
        "seconds",
        DELAYS,
        "Seconds from when a message with findings was sent to its verdict being durable, and from when what caused an action "
        "stood in the log to the platform having taken or confirmed it, by platform.",
        "platform",
        "until",
    ),
    _gauge(
        "xunqun_paused",
        "count",
        "Scopes (groups, packs, clauses, everything) whose outgoing actions are paused, by people or brakes.",
    ),
    _gauge(
        "xunqun_brakes",
        "count",
        "Scopes that a brake holds because a budget of sanctions is used up, by kind (group, clause, all).",
        "scope",
    ),
    # people
    _gauge("xunqun_reviews_open", "count", "Reviews that wait for a person, by kind.", "kind"),
    _gauge(
        "xunqun_reviews_oldest_seconds", "seconds", "Age of the oldest review that waits for a person, by kind.", "kind"
    ),
    _counter(
        "xunqun_decisions_total",
        "Decisions of people on findings, by pack, category and outcome: upheld of upheld and overturned is precision.",
        "pack",
        "category",
        "outcome",
    ),
    _counter("xunqun_appeals_total", "Appeals that members have filed."),
    # time
    _gauge(
        "xunqun_groups_due",
        "count",
        "Groups in which something is due at some time (open), and late (overdue).",
        "state",
    ),
    _gauge("xunqun_tick_timestamp_seconds", "seconds", "When the last tick of the clock was written to the log."),
    # groups
    _gauge(
        "xunqun_groups",
        "count",
        "Groups: listed in the fleet, heard of in the last day, listed but silent for a week, unknown but heard of in it.",
        "state",
    ),
    _gauge("xunqun_unknown_groups", "count", "Groups heard of in the last week that the fleet does not know."),
    # the parts
    _gauge(
        "xunqun_consumer_lag",
        "count",
        "Records in this worker's partitions that an agent has not committed yet.",
        "agent",
    ),
    _gauge("xunqun_partitions", "count", "Partitions that this worker's agents own.", "agent"),
    _counter("xunqun_rebalances_total", "How often partitions were given anew, by agent.", "agent"),
    _gauge("xunqun_progress_timestamp_seconds", "seconds", "When an agent last got on, or had nothing to do.", "agent"),
    _histogram("xunqun_batch_records", "count", BATCHES, "Records that an agent handled at once.", "agent"),
    _histogram(
        "xunqun_store_seconds",
        "seconds",
        CALLS,
        "Seconds that a store took, by store (kafka, redis, postgres, sqlite) and operation.",
        "store",
        "operation",
    ),
    _gauge("xunqun_waiting", "count", "1 while this process waits for a part that is away.", "store"),
    _gauge("xunqun_cache_entries", "count", "Entries of what is kept in memory, by cache.", "cache"),
    _gauge("xunqun_disk_free_bytes", "bytes", "Bytes free where this process keeps its data."),
    _gauge("xunqun_disk_size_bytes", "bytes", "Bytes of the disk on which this process keeps its data."),
    Declared("xunqun_build_info", "info", "info", "Version of Xunqun and of Python; always 1.", ("version", "python")),
)


def as_markdown() -> str:
    """The table of `docs/metrics.md`."""
    rows = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for one in DECLARED:
        labels = ", ".join(f"`{label}`" for label in one.labels) or "–"
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
    return "\n".join(rows) + "\n"
