"""The outbox: planned actions become outcomes. Durable before each call, one in flight per group, stable ids."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from models import Action, DecisionTarget, Review, digest
from models.observation import Millis
from streams.cases.rows import turn
from streams.cases.store import CaseStore
from streams.cases.tables import outbox, pauses, reviews
from streams.errors import WrongUse
from streams.topics import OUTCOMES, Outcome, record_of

# After this many tries an action that still fails waits for a person.
MOST_TRIES = 12
IN_FLIGHT = ("sending",)
# What becomes of an action that did not go out, or may not have: a person is asked each time.
UNSENT = ("manual", "refused", "unconfirmed")
# How many of one group's actions `claim` looks at: some are cancelled or too old, at most one goes out.
_LOOKED_AT = 8
_ACTION = msgspec.json.Decoder(Action)


def claim(store: CaseStore, now: Millis, *, limit: int = 50, simulated: bool = False) -> list[Action]:
    """Take the next actions to carry out and mark them `sending`, at most one per group.

    What is paused stays. What is older than its `max_age` becomes a review item instead of going out; what a reversal
    overtook is cancelled with it. `simulated` measures age by the log's own clock, ignores the back-off, and
    takes many of a group at once, in their order.
    """
    with store.transaction() as connection:
        _take_turns(connection)
        paused = set(connection.scalars(sa.select(pauses.c.scope)))
        if "all" in paused:
            return []
        taken: list[Action] = []
        busy: set[str] = set()
        while not taken and (rows := connection.execute(_sendable(now, limit, paused, simulated=simulated)).all()):
            for row in rows:
                if row.group_key in busy or _overtaken(store, row, simulated=simulated):
                    continue
                action = _ACTION.decode(row.body)
                age = (row.appended_at if simulated else now) - row.planned_at
                if row.max_age is not None and age > row.max_age:
                    _too_late(store, row, action, now=row.appended_at if simulated else now)
                    continue
                if len(taken) == limit:
                    break
                _update(store, row.id, status="sending", tries=row.tries + 1, next_try_at=now + store.lease)
                taken.append(msgspec.structs.replace(action, status="sending", tries=row.tries + 1))
                if not simulated:
                    busy.add(row.group_key)
        return taken


def _take_turns(connection: sa.Connection) -> None:
    """One dispatcher claims at a time, or two would each take an action of the same group. SQLite sees to it itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*turn("claim"))))


def _sendable(now: Millis, limit: int, paused: set[str], *, simulated: bool) -> sa.Select[Any]:
    """The planned rows that may be looked at now, oldest first; a few of each group, so that no queue hides another."""
    in_flight = sa.select(outbox.c.group_key).where(outbox.c.status.in_(IN_FLIGHT))
    groups = [one.removeprefix("group:") for one in paused if one.startswith("group:")]
    packs = [one.removeprefix("pack:") for one in paused if one.startswith("pack:")]
    wanted = [
        outbox.c.status == "planned",
        outbox.c.group_key.not_in(in_flight),
        outbox.c.group_id.not_in(groups),
        outbox.c.pack.not_in(packs),
    ]
    if not simulated:
        wanted.append(outbox.c.next_try_at <= now)
    place = sa.func.row_number().over(partition_by=outbox.c.group_key, order_by=(outbox.c.offset, outbox.c.id))
    ranked = sa.select(outbox.c.id, place.label("place")).where(*wanted).subquery()
    most = limit if simulated else _LOOKED_AT
    query = sa.select(outbox).join(ranked, ranked.c.id == outbox.c.id).where(ranked.c.place <= most)
    return query.order_by(outbox.c.offset, outbox.c.id).limit(limit * _LOOKED_AT)


def settle(
    store: CaseStore, action: Action, status: str, *, at: Millis, detail: str = "", retry_at: Millis | None = None
) -> None:
    """Enter what became of a claimed action. `retry` puts it back until it was tried often enough."""
    with store.transaction():
        if status == "retry" and action.tries < MOST_TRIES and retry_at is not None:
            # Where the lease ran out, somebody else has taken it up, or people were asked.
            held = (outbox.c.id == action.id, outbox.c.status == "sending")
            again = {"status": "planned", "next_try_at": retry_at, "detail": detail}
            store.connection.execute(outbox.update().where(*held).values(**again))
            return
        if status == "retry":
            status, detail = "manual", f"tried {action.tries} times without success: {detail}"
        _update(store, action.id, status=status, detail=detail)
        _publish_outcome(store, action, status, at, detail)
        if status in UNSENT:
            _ask(store, action, detail, at)


def done_by_hand(store: CaseStore, action_id: str, *, by: str, at: Millis) -> None:
    """A person has carried out what the platform did not: it counts as done. WrongUse where nothing waits for that."""
    waits = sa.select(outbox).where(outbox.c.id == action_id).with_for_update()
    row = store.connection.execute(waits).one_or_none()
    if row is None or row.status not in UNSENT:
        raise WrongUse(f"this action is {row.status if row else 'unknown'}: only what did not go out is done by hand")
    detail = f"done by hand by {by}"
    _update(store, action_id, status="confirmed", detail=detail)
    _publish_outcome(store, _ACTION.decode(row.body), "confirmed", at, detail)


def recover(store: CaseStore, idempotent: frozenset[str] | set[str]) -> int:
    """After a crash: what was `sending` is tried again where the call is idempotent, else it is `unconfirmed`.

    Where several dispatchers share an outbox, only what one of them has had in hand for longer than its lease: call it
    now and then, since one that ended may not come back.
    """
    with store.transaction() as connection:
        _take_turns(connection)
        abandoned = [outbox.c.status == "sending"]
        if store.lease:
            abandoned.append(outbox.c.next_try_at <= store.log_time())
        rows = connection.execute(sa.select(outbox).where(*abandoned)).all()
        for row in rows:
            action = _ACTION.decode(row.body)
            if action.call in idempotent:
                _update(store, row.id, status="planned", tries=max(0, row.tries - 1), next_try_at=0)
            else:
                _update(store, row.id, status="unconfirmed", detail="the process ended while it was being sent")
                _publish_outcome(store, action, "unconfirmed", row.appended_at, "")
                _ask(store, action, "unclear whether it was carried out", row.appended_at)
        return len(rows)


def waiting(store: CaseStore) -> bool:
    """Whether any action is planned or being sent."""
    open_ones = outbox.c.status.in_(("planned", "sending"))
    return store.connection.scalar(sa.select(outbox.c.id).where(open_ones).limit(1)) is not None


def _overtaken(store: CaseStore, row: sa.Row[Any], *, simulated: bool) -> bool:
    """An action whose reversal is already queued never goes out; a reversal of what never went out neither.

    In simulation every action went out the moment it was planned, however many records were judged at a time.
    """
    connection = store.connection
    undoing = connection.execute(sa.select(outbox.c.id).where(outbox.c.reverses == row.id)).scalars().all()
    if undoing and not simulated:
        for one in (row.id, *undoing):
            _update(store, one, status="cancelled", detail="taken back before it went out")
        return True
    if row.reverses:
        original = connection.scalar(sa.select(outbox.c.status).where(outbox.c.id == row.reverses))
        if original not in ("sending", "accepted", "confirmed", "unconfirmed"):
            _update(store, row.id, status="cancelled", detail="what it takes back never went out")
            return True
    return False


def _too_late(store: CaseStore, row: sa.Row[Any], action: Action, now: Millis) -> None:
    detail = "too late to go out by itself"
    _update(store, row.id, status="manual", detail=detail)
    _publish_outcome(store, action, "manual", now, detail)
    _ask(store, action, "动作已过时效，未自动执行，请人工决定是否补做", now, kind="late")


def _ask(store: CaseStore, action: Action, why: str, at: Millis, kind: str = "late") -> None:
    review = Review(
        id=digest("r", action.id, kind),
        kind=kind,  # type: ignore[arg-type]
        on=DecisionTarget("action", action.id),
        group_id=action.group_id,
        clause="",
        subject=action.subject,
        opened_at=at,
        why=why,
        options=(action.call,),
    )
    row = {
        "id": review.id,
        "group_id": review.group_id,
        "group_key": str(action.params.get("group_key", "")),
        "subject": review.subject,
        "kind": review.kind,
        "on_id": action.id,
        "status": "open",
        "at": at,
        "offset": 0,
        "body": msgspec.json.encode(review),
    }
    store.write_rows([("reviews", row)])
    # Asked before and tried again in vain: the question stands again.
    store.connection.execute(reviews.update().where(reviews.c.id == review.id).values(status="open"))


def _publish_outcome(store: CaseStore, action: Action, status: str, at: Millis, detail: str) -> None:
    outcome = Outcome(
        action_id=action.id,
        sanction_id=action.sanction_id,
        subject=action.subject,
        group_id=action.group_id,
        status=status,
        at=at,
        detail=detail,
    )
    store.append([record_of(OUTCOMES, str(action.params.get("group_key", "")), outcome, at)])


def _update(store: CaseStore, action_id: str, **values: object) -> None:
    store.connection.execute(outbox.update().where(outbox.c.id == action_id).values(**values))


def pause_scope(*, group: str | None = None, pack: str | None = None) -> str:
    """Name what is paused: one group, one pack, or everything."""
    if group:
        return f"group:{group}"
    return f"pack:{pack}" if pack else "all"


__all__: Sequence[str] = ("claim", "done_by_hand", "pause_scope", "recover", "settle", "waiting")
