"""The outbox: planned actions become outcomes. Durable before each call, one in flight per group, stable ids."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models import Action, DecisionTarget, Review, digest
from models.observation import Millis
from streams import brakes
from streams.brakes import BRAKE, HOUR, Budgets
from streams.cases.rows import turn
from streams.cases.store import CaseStore
from streams.cases.tables import outbox, pauses, resumed, reviews
from streams.errors import WrongUse
from streams.telling import tell_action
from streams.topics import OUTCOMES, Outcome, record_of

# After this many tries an action that still fails waits for a person.
MOST_TRIES = 12
IN_FLIGHT = ("sending",)
_OPEN = ("planned", *IN_FLIGHT)
# What becomes of an action that did not go out, or may not have: a person is asked each time.
UNSENT = ("manual", "refused", "unconfirmed")
# How many of one group's actions `claim` looks at: some are cancelled or too old, at most one goes out.
_LOOKED_AT = 8
# How long a claim may wait for its turn after its time was read.
_LATE: Millis = 60_000
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_ACTION = msgspec.json.Decoder(Action)


def claim(
    store: CaseStore, now: Millis, *, limit: int = 50, simulated: bool = False, budgets: Budgets = brakes.DEFAULT
) -> list[Action]:
    """Take the next actions to carry out and mark them `sending`, at most one per group.

    What is paused stays. What is older than its `max_age` becomes a review item instead of going out; what a reversal
    overtook is cancelled with it. What would exceed one of the `budgets` brakes its scope, and what a brake holds
    becomes a review item once it is too old; at once where it never gets too old. `now` is the `store_time`.
    `simulated` measures age by the log's own clock, ignores back-off and brakes, and takes many of a group at once, in
    their order.
    """
    with store.transaction() as connection:
        _take_turns(connection)
        held = connection.execute(sa.select(pauses.c.scope, pauses.c.by)).all()
        paused = {row.scope for row in held if row.by != BRAKE}
        if "all" in paused:
            return []
        braked = {row.scope for row in held if row.by == BRAKE and not simulated}
        sent: Counter[str] | None = None
        sent_at = now
        taken: list[Action] = []
        busy: set[str] = set()
        while not taken and (
            rows := connection.execute(_sendable(now, limit, paused, braked, simulated=simulated)).all()
        ):
            for row in rows:
                scopes = brakes.scopes_of(row.group_id, row.clause) if row.budgeted and not simulated else ()
                if row.group_key in busy or braked.intersection(scopes):
                    continue
                if _overtaken(store, row, simulated=simulated):
                    continue
                action = _ACTION.decode(row.body)
                age = (row.appended_at if simulated else now) - row.planned_at
                if row.max_age is not None and age > row.max_age:
                    _too_late(store, row, action, now=row.appended_at if simulated else now)
                    continue
                if len(taken) == limit:
                    break
                if scopes:
                    if sent is None:
                        sent, sent_at = _sent(connection, now)
                    if over := brakes.exceeded(scopes, sent, budgets):
                        _brake(connection, {one: brakes.reason(one, sent[one], budgets) for one in over}, now)
                        braked.update(over)
                        continue
                    sent.update(scopes)
                gone = {"sent_at": sent_at} if scopes else {}
                _update(store, row.id, status="sending", tries=row.tries + 1, next_try_at=now + store.lease, **gone)
                taken.append(msgspec.structs.replace(action, status="sending", tries=row.tries + 1))
                if not simulated:
                    busy.add(row.group_key)
        _ask_about_held(store, braked, now, limit)
        return taken


def store_time(store: CaseStore, own: Millis) -> Millis:
    """The time that counts in a store: where several processes share it its clock, else the later of log and `own`."""
    return store.log_time() if store.lease else max(store.log_time(), own)


def held_by_brakes(store: CaseStore) -> dict[str, str]:
    """The scopes that a brake holds, and why."""
    query = sa.select(pauses.c.scope, pauses.c.reason).where(pauses.c.by == BRAKE).order_by(pauses.c.scope)
    return {row.scope: row.reason for row in store.connection.execute(query)}


def _take_turns(connection: sa.Connection) -> None:
    """One dispatcher claims at a time, or two would each take an action of the same group. SQLite sees to it itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*turn("claim"))))


def _sendable(
    now: Millis, limit: int, paused: Collection[str], braked: Collection[str], *, simulated: bool
) -> sa.Select[Any]:
    """The planned rows that may be looked at now, oldest first; a few of each group, so that no queue hides another."""
    in_flight = sa.select(outbox.c.group_key).where(outbox.c.status.in_(IN_FLIGHT))
    wanted = [outbox.c.status == "planned", outbox.c.group_key.not_in(in_flight)]
    if paused:
        wanted.append(sa.not_(_within(paused)))
    if braked:
        wanted.append(sa.not_(sa.and_(outbox.c.budgeted, _within(braked))))
    if not simulated:
        wanted.append(outbox.c.next_try_at <= now)
    place = sa.func.row_number().over(partition_by=outbox.c.group_key, order_by=(outbox.c.offset, outbox.c.id))
    ranked = sa.select(outbox.c.id, place.label("place")).where(*wanted).subquery()
    most = limit if simulated else _LOOKED_AT
    query = sa.select(outbox).join(ranked, ranked.c.id == outbox.c.id).where(ranked.c.place <= most)
    return query.order_by(outbox.c.offset, outbox.c.id).limit(limit * _LOOKED_AT)


def _within(scopes: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a row lies in one of these scopes."""
    if "all" in scopes:
        return sa.true()
    columns = {"group": outbox.c.group_id, "pack": outbox.c.pack, "clause": outbox.c.clause}
    named = {kind: [one.partition(":")[2] for one in scopes if brakes.kind_of(one) == kind] for kind in columns}
    return sa.or_(sa.false(), *(columns[kind].in_(names) for kind, names in named.items() if names))


def _sent(connection: sa.Connection, now: Millis) -> tuple[Counter[str], Millis]:
    """How many budgeted actions went out in each scope in the last hour, or since it was resumed, and when the next do.

    A scope may have been resumed after `now` was read: what follows must not seem to have gone out before, or it would
    not count. A resume that lies further ahead comes from a clock that was wrong, and is left out of account.
    """
    sent_at = now
    where = outbox.c.group_id, outbox.c.clause
    recent = sa.select(*where, sa.func.count()).where(outbox.c.sent_at > now - HOUR).group_by(*where)
    sent = brakes.tally((group, clause, many) for group, clause, many in connection.execute(recent))
    for row in connection.execute(sa.select(resumed).where(resumed.c.at.between(now - HOUR, now + _LATE))).all():
        sent_at = max(sent_at, row.at + 1)
        since = sa.select(sa.func.count()).where(outbox.c.sent_at > row.at, _within([row.scope]))
        sent[row.scope] = connection.scalar(since) or 0
    return sent, sent_at


def _brake(connection: sa.Connection, reasons: Mapping[str, str], now: Millis) -> None:
    """Pause scopes until a person resumes them. A person who has paused one meanwhile holds more than a brake does."""
    rows = [{"scope": scope, "by": BRAKE, "reason": why, "since": now} for scope, why in reasons.items()]
    connection.execute(_INSERT[connection.dialect.name](pauses).on_conflict_do_nothing(), rows)


def _ask_about_held(store: CaseStore, braked: Collection[str], now: Millis, limit: int) -> None:
    """Make drafts of what brakes hold: of what got too old meanwhile, and of what never gets too old."""
    if not braked:
        return
    past = sa.or_(outbox.c.max_age.is_(None), outbox.c.planned_at + outbox.c.max_age < now)
    held = sa.select(outbox).where(outbox.c.status == "planned", outbox.c.budgeted, _within(braked), past)
    first = held.order_by(outbox.c.offset, outbox.c.id).limit(limit * _LOOKED_AT)
    for row in store.connection.execute(first).all():
        if _overtaken(store, row, simulated=False):
            continue
        action = _ACTION.decode(row.body)
        if row.max_age is None:
            _hand_over(store, row, action, now, "held by a brake", "已达处理限额，未自动执行，请人工决定是否执行")
        else:
            _too_late(store, row, action, now)


def settle(
    store: CaseStore, action: Action, status: str, *, at: Millis, detail: str = "", retry_at: Millis | None = None
) -> None:
    """Enter what became of a claimed action. `retry` puts it back until it was tried often enough."""
    with store.transaction():
        if status == "retry" and action.tries < MOST_TRIES and retry_at is not None:
            # Where the lease ran out, somebody else has taken it up, or people were asked.
            held = (outbox.c.id == action.id, outbox.c.status == "sending")
            again = {"status": "planned", "next_try_at": retry_at, "detail": detail, "sent_at": None}
            store.connection.execute(outbox.update().where(*held).values(**again))
            return
        if status == "retry":
            status, detail = "manual", f"tried {action.tries} times without success: {detail}"
        stayed = {"sent_at": None} if status in ("manual", "refused") else {}
        _update(store, action.id, status=status, detail=detail, **stayed)
        _publish_outcome(store, action, status, at, detail)
        if status in UNSENT:
            ask(store, action, detail, at)


def done_by_hand(store: CaseStore, action_id: str, *, by: str, at: Millis) -> None:
    """A person has carried out what the platform did not: it counts as done. WrongUse where nothing waits for that."""
    waits = sa.select(outbox).where(outbox.c.id == action_id).with_for_update()
    row = store.connection.execute(waits).one_or_none()
    if row is None or row.status not in UNSENT:
        raise WrongUse(f"this action is {row.status if row else 'unknown'}: only what did not go out is done by hand")
    detail = f"done by hand by {by}"
    _update(store, action_id, status="confirmed", detail=detail)
    _publish_outcome(store, _ACTION.decode(row.body), "confirmed", at, detail)


def recover(store: CaseStore, idempotent: frozenset[str] | set[str], *, but: frozenset[str] = frozenset()) -> int:
    """After a crash: what was `sending` is tried again where the call is idempotent, else it is `unconfirmed`.

    Where several dispatchers share an outbox, only what one of them has had in hand for longer than its lease: call it
    now and then, since one that ended may not come back. `but` are the actions that the caller has in hand itself.
    """
    with store.transaction() as connection:
        _take_turns(connection)
        abandoned = [outbox.c.status == "sending"]
        if store.lease:
            abandoned.append(outbox.c.next_try_at <= store.log_time())
        rows = [row for row in connection.execute(sa.select(outbox).where(*abandoned)).all() if row.id not in but]
        for row in rows:
            action = _ACTION.decode(row.body)
            if action.call in idempotent:
                _update(store, row.id, status="planned", next_try_at=0, sent_at=None)
            else:
                _update(store, row.id, status="unconfirmed", detail="the process ended while it was being sent")
                _publish_outcome(store, action, "unconfirmed", row.appended_at, "")
                ask(store, action, "unclear whether it was carried out", row.appended_at)
        return len(rows)


def waiting(store: CaseStore) -> bool:
    """Whether any action is planned or being sent."""
    return store.connection.scalar(sa.select(outbox.c.id).where(outbox.c.status.in_(_OPEN)).limit(1)) is not None


def count_open(store: CaseStore) -> int:
    """How many actions are planned or being sent."""
    return int(store.connection.scalar(sa.select(sa.func.count()).where(outbox.c.status.in_(_OPEN))) or 0)


def _overtaken(store: CaseStore, row: sa.Row[Any], *, simulated: bool) -> bool:
    """An action whose reversal is already queued never goes out; a reversal of what never went out neither.

    In simulation every action went out the moment it was planned, however many records were judged at a time.
    """
    connection = store.connection
    undoing = connection.execute(sa.select(outbox.c.id).where(outbox.c.reverses == row.id)).scalars().all()
    if undoing and not simulated and row.tries:
        # It was tried, and nobody knows what became of that: the member may have been told, so the reversal goes out.
        detail = "taken back while it was unclear whether it had gone out"
        _update(store, row.id, status="unconfirmed", detail=detail)
        _publish_outcome(store, _ACTION.decode(row.body), "unconfirmed", row.appended_at, detail)
        return True
    if undoing and not simulated:
        for one in (row.id, *undoing):
            _update(store, one, status="cancelled", detail="taken back before it went out")
        tell_action(_ACTION.decode(row.body), "cancelled")
        return True
    if row.reverses:
        original = connection.scalar(sa.select(outbox.c.status).where(outbox.c.id == row.reverses))
        if original not in ("sending", "accepted", "confirmed", "unconfirmed"):
            _update(store, row.id, status="cancelled", detail="what it takes back never went out")
            return True
    return False


def _too_late(store: CaseStore, row: sa.Row[Any], action: Action, now: Millis) -> None:
    _hand_over(store, row, action, now, "too late to go out by itself", "动作已过时效，未自动执行，请人工决定是否补做")


def _hand_over(store: CaseStore, row: sa.Row[Any], action: Action, now: Millis, detail: str, why: str) -> None:
    """Make a draft of what would have gone out by itself."""
    tell_action(action, "manual")
    _update(store, row.id, status="manual", detail=detail)
    _publish_outcome(store, action, "manual", now, detail)
    ask(store, action, why, now)


def ask(store: CaseStore, action: Action, why: str, at: Millis) -> None:
    """Ask a person whether an action goes out. What they approve is theirs: no brake holds it any more."""
    _update(store, action.id, budgeted=False)
    review = Review(
        id=digest("r", action.id, "late"),
        kind="late",
        on=DecisionTarget("action", action.id),
        group_id=action.group_id,
        clause=str(action.params.get("clause", "")),
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


def pause_scope(*, group: str | None = None, pack: str | None = None, clause: str | None = None) -> str:
    """Name what is paused: one group, one pack, one clause, or everything."""
    named = {"group": group, "pack": pack, "clause": clause}
    return next((f"{kind}:{name}" for kind, name in named.items() if name), "all")


__all__: Sequence[str] = (
    "UNSENT",
    "ask",
    "claim",
    "count_open",
    "done_by_hand",
    "held_by_brakes",
    "pause_scope",
    "recover",
    "settle",
    "store_time",
    "waiting",
)
