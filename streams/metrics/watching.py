"""What has to be looked up: queues and their ages, groups, disk. Every few seconds, never by whoever scrapes."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from models.observation import Millis
from policies.calendar import DAY
from streams.cases.store import CaseStore
from streams.cases.tables import groups_seen, outbox, pauses, reviews
from streams.metrics.recording import Metrics
from streams.topics import PROBE_GROUP

# How often.
SECONDS = 5.0
# What falls due is judged in the next round of ticks; what is due for longer waits for something else.
LATE: Millis = 60_000
# Statuses in which nothing more happens to an action by itself.
SETTLED = ("confirmed", "accepted", "cancelled", "refused")
# A group that the fleet lists is silent after so long, and one that it does not know is gone.
_SILENT: Millis = 7 * DAY


@dataclass(frozen=True)
class Queues:
    """What waits, and since when: by kind or status the number and the age of the oldest in seconds."""

    reviews: Mapping[str, tuple[int, float]]
    actions: Mapping[str, tuple[int, float]]
    groups: Mapping[str, int]
    paused: int


def look(store: CaseStore, now: Millis, listed: int) -> Queues:
    """Ask a store or a fleet's database; `listed` is how many groups the fleet lists. Takes milliseconds."""

    # What may not go out before a time waits from then on, not all night long.
    held = sa.and_(outbox.c.tries == 0, outbox.c.next_try_at > outbox.c.planned_at)
    ready_at = sa.case((held, outbox.c.next_try_at), else_=outbox.c.planned_at)

    def waiting(
        kind: sa.Column[str], since: sa.ColumnElement[int], *conditions: sa.ColumnElement[bool]
    ) -> dict[str, tuple[int, float]]:
        query = sa.select(kind, sa.func.count(), sa.func.min(since)).where(*conditions).group_by(kind)
        return {
            name: (count, max(0.0, (now - oldest) / 1000)) for name, count, oldest in store.connection.execute(query)
        }

    return Queues(
        reviews=waiting(reviews.c.kind, reviews.c.at, reviews.c.status == "open"),
        actions=waiting(outbox.c.status, ready_at, outbox.c.status.not_in(SETTLED)),
        groups=_groups(store, now, listed),
        paused=store.connection.scalar(sa.select(sa.func.count()).select_from(pauses)) or 0,
    )


def _groups(store: CaseStore, now: Millis, listed: int) -> dict[str, int]:
    known, last = groups_seen.c.known, groups_seen.c.last_seen

    def count(*conditions: sa.ColumnElement[bool]) -> int:
        return store.connection.scalar(sa.select(sa.func.count()).select_from(groups_seen).where(*conditions)) or 0

    return {
        "listed": listed,
        "heard": count(last > now - DAY),
        "silent": max(0, listed - count(known, last > now - _SILENT)),
        "unknown": count(~known, last > now - _SILENT, groups_seen.c.key != PROBE_GROUP),
    }


def show(metrics: Metrics, found: Queues) -> None:
    """Enter what was looked up."""
    for enter, waiting in ((metrics.set_reviews, found.reviews), (metrics.set_outbox, found.actions)):
        counts, ages = ({name: one[at] for name, one in waiting.items()} for at in (0, 1))
        enter(counts, ages)
    metrics.set_groups(found.groups)
    metrics.set_paused(found.paused)


def show_disk(metrics: Metrics, folder: Path) -> None:
    """The disk on which a folder lies, or will lie."""
    there = next((one for one in (folder, *folder.absolute().parents) if one.exists()), Path("/"))
    usage = shutil.disk_usage(there)
    metrics.set_disk(usage.free, usage.total)
