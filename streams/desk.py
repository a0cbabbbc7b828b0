"""The moderator's desk: what waits for people, and what they decide. The same functions serve the command line and HTTP.

Nothing here changes a strike: a decision becomes a record of `judgements`, and `escalate` does the rest.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa

from models import (
    Action,
    Decision,
    DecisionTarget,
    Fleet,
    GroupRef,
    Observation,
    Review,
    Sanction,
    Target,
    Task,
    Verdict,
    digest,
)
from models.observation import Millis
from policies.notices import amount_said
from streams.brakes import BRAKE
from streams.cases.erasing import ERASED
from streams.cases.store import CaseStore
from streams.cases.tables import (
    appeals,
    dead_letters,
    decisions,
    evidence,
    groups_seen,
    outbox,
    pauses,
    redriven,
    reviews,
    sanctions,
    shadow,
    tasks,
    unmeasured,
    verdicts,
    violations,
)
from streams.errors import NotFound, WrongUse
from streams.outbox import done_by_hand, held_by_brakes, pause_scope, store_time
from streams.replay import with_evidence
from streams.shadow import KEPT as SHADOW_KEPT
from streams.store import Store
from streams.text_keys import TextExpired, shown_length
from streams.topics import (
    AGAIN,
    DEAD_LETTERS,
    EVIDENCE_KEPT,
    JUDGEMENTS,
    OBSERVATIONS,
    PROBE_GROUP,
    Appeal,
    DeadLetter,
    Erasure,
    Judged,
    Noted,
    Record,
    Unusable,
    decode_observation,
    noted,
    record_of,
    value_of,
)

OUTCOMES: dict[str, tuple[str, ...]] = {
    "verdict": ("uphold", "overturn"),
    "sanction": ("approve", "refuse", "uphold", "overturn"),
    "action": ("approve", "refuse", "done"),
    "appeal": ("uphold", "overturn"),
    "task": ("done",),
    "campaign": ("uphold", "overturn"),
}


def list_reviews(
    store: CaseStore,
    *,
    status: str | None = "open",
    group: str | None = None,
    kind: str | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """What waits for a person, oldest first."""
    query = sa.select(reviews.c.body, reviews.c.status).order_by(reviews.c.at, reviews.c.id).limit(limit)
    for column, wanted in ((reviews.c.status, status), (reviews.c.group_id, group), (reviews.c.kind, kind)):
        if wanted and wanted != "all":
            query = query.where(column == wanted)
    return [{**_plain(body, Review), "status": state} for body, state in store.connection.execute(query)]


def show_review(store: CaseStore, review_id: str) -> dict[str, Any] | None:
    """A review with the verdict or sanction that it is about and the evidence that is left."""
    row = store.connection.execute(sa.select(reviews).where(reviews.c.id == review_id)).one_or_none()
    if row is None:
        return None
    found = {**_plain(row.body, Review), "status": row.status}
    on = found["on"]
    named = found["detail"].get("sanction_id") if on["kind"] == "appeal" else on["id"]
    if sanction := store.connection.scalar(sa.select(sanctions.c.body).where(sanctions.c.id == named)):
        found["sanction"] = _plain(sanction, Sanction)
        named = found["sanction"]["violation_ids"][0]
    if action := store.connection.scalar(sa.select(outbox.c.body).where(outbox.c.id == named)):
        found["action"] = _plain(action, Action)
    if verdict := _verdict_of(store, named):
        found["verdict"] = msgspec.to_builtins(with_evidence(store, [verdict])[0])
    if on["kind"] == "appeal":
        words = sa.select(evidence.c.matched).where(evidence.c.violation_id == on["id"])
        found["text"] = store.keys.words(store.connection.scalar(words) or "") or ""
    if on["kind"] == "campaign":
        found["members"] = _members(store, found["detail"]["observations"])
    return found


def _members(store: CaseStore, observations: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The messages of a campaign, each with the clauses that it was found to break by itself, and the questions about it."""
    ids = [one["id"] for one in observations]
    own, asked = reviews.c.observation_id, sa.select(reviews.c.observation_id, reviews.c.id, reviews.c.status)
    questions = store.connection.execute(asked.where(own.in_(ids)).order_by(reviews.c.id)).all()
    found = []
    for one in observations:
        verdict = _verdict_of(store, one["id"])
        clauses = (each.clause for each in (*verdict.violations, *verdict.uncertain)) if verdict else ()
        mine = [{"id": row.id, "status": row.status} for row in questions if row.observation_id == one["id"]]
        found.append({**one, "clauses": list(dict.fromkeys(clauses)), "reviews": mine})
    return found


def _verdict_of(store: CaseStore, named: str) -> Verdict | None:
    """The verdict that holds a violation, or the one on an observation."""
    holding = sa.select(violations.c.verdict).where(violations.c.id == named).scalar_subquery()
    body = store.connection.scalar(sa.select(verdicts.c.body).where(verdicts.c.id == holding))
    return msgspec.json.decode(body, type=Verdict) if body else None


def decide(
    store: CaseStore,
    named: str,
    *,
    outcome: str,
    by: str,
    role: str = "moderator",
    reason: str = "",
    learn: bool = True,
    pick: str | None = None,
    amount_fen: int | None = None,
    check: str | None = None,
    now: Millis | None = None,
) -> dict[str, Any]:
    """Enter a decision on a review, or on a sanction, violation, appeal, action or task named by its own id.

    `pick`: which of the review's choices is to follow what is upheld, by its kind or, where several clauses offer it,
    `clause/kind`. `amount_fen`: the sum of a fine that the policy leaves open. `check`: at which check a fault was found.
    NotFound and WrongUse say what to do instead. The decision is durable when this returns.
    """
    if not by.strip():
        raise WrongUse("a decision needs the name of the person who takes it")
    target, subject, group_id, key, sanction_id = _target(store, named)
    if subject == ERASED:
        raise WrongUse("this is about somebody who was erased: there is nothing left to decide on")
    if outcome not in OUTCOMES[target.kind]:
        raise WrongUse(f"{outcome} is no decision on a {target.kind}; use {' or '.join(OUTCOMES[target.kind])}")
    if (target.kind, outcome) == ("sanction", "refuse") and not _waits(store, target.id):
        raise WrongUse("this sanction does not wait for approval; overturn takes it back")
    if pick is not None:
        if outcome != "uphold" or target.kind != "verdict":
            raise WrongUse("a choice is picked when a finding is upheld: decide uphold on its review")
        pick = _picked(_choices(store, target.id), pick)
    if amount_fen is not None or (target.kind, outcome) == ("sanction", "approve"):
        _check_amount(_sanction(store, target.id), amount_fen, outcome)
    at = _now() if now is None else now
    decision = Decision(
        id=digest("x", target.kind, target.id, outcome, by, at),
        by=by,
        role=role,
        on=target,
        outcome=outcome,  # type: ignore[arg-type]
        reason=reason,
        decided_at=at,
        learn=learn,
        subject=subject,
        group_id=group_id,
        sanction_id=sanction_id,
        pick=pick,
        amount_fen=amount_fen,
        check=check,
    )
    about = _about(store, target, subject, outcome, sanction_id)
    with store.transaction():
        store.append([record_of(JUDGEMENTS, key, Judged(decision=decision, about=about), at)])
        if (target.kind, outcome) == ("action", "done"):
            done_by_hand(store, target.id, by=by, at=at)
    return dict(msgspec.to_builtins(decision))


def _group_key(store: CaseStore, violation_ids: Sequence[str]) -> str:
    """The group in which what a sanction or task is for was found; its records are kept in one order by this."""
    verdict = next(filter(None, (_verdict_of(store, one) for one in violation_ids)), None)
    return f"{verdict.platform}:{verdict.group_id}" if verdict else ""


def _sanction(store: CaseStore, sanction_id: str) -> Sanction | None:
    body = store.connection.scalar(sa.select(sanctions.c.body).where(sanctions.c.id == sanction_id))
    return msgspec.json.decode(body, type=Sanction) if body else None


def _waits(store: CaseStore, sanction_id: str) -> bool:
    found = _sanction(store, sanction_id)
    return found is not None and found.needs_approval


def _choices(store: CaseStore, on_id: str) -> list[dict[str, Any]]:
    """What may be picked, in the reviews on a finding."""
    bodies = store.connection.scalars(sa.select(reviews.c.body).where(reviews.c.on_id == on_id))
    found = [one for body in bodies for one in msgspec.json.decode(body, type=Review).detail.get("choices", ())]
    return list({one["pick"]: one for one in found}.values())


def _picked(choices: Sequence[Mapping[str, Any]], named: str) -> str:
    """The full name of a choice. WrongUse where there is none of this name, or several."""
    found = [str(one["pick"]) for one in choices if named in (one["pick"], one["kind"])]
    if len(found) == 1:
        return found[0]
    offered = ", ".join(str(one["pick"]) for one in choices) or "nothing"
    what = "is the name of several" if found else "is none of the choices"
    raise WrongUse(f"{named} {what}: this review offers {offered}")


def _check_amount(sanction: Sanction | None, amount_fen: int | None, outcome: str) -> None:
    """A fine whose sum the policy leaves open needs one, within the policy's bounds. WrongUse."""
    if sanction is None or sanction.fine is None or outcome != "approve":
        if amount_fen is not None:
            raise WrongUse("an amount is named when a fine is approved")
        return
    fine = sanction.fine
    if amount_fen is None:
        if fine.amount_fen is None:
            raise WrongUse("the policy leaves the amount of this fine open: name it, e.g. --amount 50 (yuan)")
        return
    least, most = fine.least_fen, fine.most_fen
    if amount_fen <= 0 or (least is not None and amount_fen < least) or (most is not None and amount_fen > most):
        raise WrongUse(f"this amount is not within what the policy says: {amount_said(fine)}")
    if fine.amount_fen is not None and amount_fen > fine.amount_fen:
        raise WrongUse(f"this amount is more than the policy says: {amount_said(fine)}")


def _about(
    store: CaseStore, target: DecisionTarget, subject: str, outcome: str, sanction_id: str | None
) -> tuple[Noted, ...]:
    """The violations that a decision is about: the named ones of this subject and what is decided with them.

    What followed a finding falls with it, whoever has to pay.
    """
    named = {target.id}
    if target.kind in ("sanction", "appeal"):
        sanction = _sanction(store, sanction_id or target.id)
        named = set(sanction.violation_ids) if sanction else set()
    elif target.kind != "verdict":
        return ()
    verdict = next(filter(None, (_verdict_of(store, one) for one in sorted(named))), None)
    if verdict is None:
        return ()
    found = (*verdict.violations, *verdict.uncertain)
    own = {one.id for one in found if one.subject.id == subject and named & {one.id, verdict.observation_id}}
    own |= {one.id for one in found if one.together in own}
    if outcome == "overturn":
        own |= {one.id for one in found if one.follows in own}
    kept = [one for one in found if one.id in own]
    if target.kind != "verdict":
        kept = [one for one in kept if one.subject.id != subject]  # its ledger knows what the sanction is for
    return tuple(noted(verdict, one) for one in kept)


def _target(store: CaseStore, named: str) -> tuple[DecisionTarget, str, str, str, str | None]:
    connection = store.connection
    row = connection.execute(
        sa.select(reviews)
        .where(sa.or_(reviews.c.id == named, reviews.c.on_id == named))
        .order_by(reviews.c.status != "open", reviews.c.status)
    ).first()
    if row is not None and row.status == "withdrawn":
        raise WrongUse("this review was withdrawn: the message was recalled in time, or its sanction was taken back")
    if row is not None:
        review = msgspec.json.decode(row.body, type=Review)
        return review.on, row.subject, row.group_id, row.group_key, review.detail.get("sanction_id")
    found = connection.execute(sa.select(sanctions).where(sanctions.c.id == named)).one_or_none()
    if found is not None:
        key = _group_key(store, msgspec.json.decode(found.body, type=Sanction).violation_ids)
        return DecisionTarget("sanction", named), found.subject, found.group_id, key, named
    if verdict := _verdict_of(store, named):
        found_here = (*verdict.violations, *verdict.uncertain)
        one = next((each for each in found_here if each.id == named), found_here[0] if found_here else None)
        if one is None:
            raise NotFound(f"the verdict on {named} holds no finding")
        key = f"{verdict.platform}:{verdict.group_id}"
        return DecisionTarget("verdict", named), one.subject.id, verdict.group_id, key, None
    if task := connection.execute(sa.select(tasks).where(tasks.c.id == named)).one_or_none():
        key = _group_key(store, msgspec.json.decode(task.body, type=Task).violation_ids)
        return DecisionTarget("task", named), "", task.group_id, key, None
    raise NotFound(
        f"there is no review, sanction, violation, appeal or task {named}; `xunqun review list` shows what waits"
    )


def appeal(store: CaseStore, sanction_id: str, *, by: str, text: str = "", now: Millis | None = None) -> dict[str, Any]:
    """Ask for a sanction to be looked at again. The member's own words are kept as evidence, not in the log."""
    row = store.connection.execute(sa.select(sanctions).where(sanctions.c.id == sanction_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no sanction {sanction_id}")
    if row.subject == ERASED:
        raise WrongUse(
            "whom this sanction was for was erased, and it with him: there is nothing left to appeal against"
        )
    if not by.strip():
        raise WrongUse("an appeal needs the name of the person who files it")
    if _is_over(store, sanction_id, digest("p", sanction_id, by)):
        raise WrongUse(
            "there is nothing to appeal against: this was taken back, or the same appeal was decided already"
        )
    at = _now() if now is None else now
    filed = Appeal(
        id=digest("p", sanction_id, by),
        sanction_id=sanction_id,
        subject=row.subject,
        by=by,
        text_given=bool(text),
        filed_at=at,
    )
    key = _group_key(store, msgspec.json.decode(row.body, type=Sanction).violation_ids)
    with store.transaction():
        store.append([record_of(JUDGEMENTS, key, Judged(appeal=filed), at)])
        if text:
            kept = {"violation_id": filed.id, "number": 0, "matched": text[:2000], "expires_at": at + EVIDENCE_KEPT}
            store.write_rows([("evidence", kept)])
    return dict(msgspec.to_builtins(filed))


def erase(store: CaseStore, erasure: Erasure, fleet: Fleet, *, now: Millis | None = None) -> list[str]:
    """Append an erasure, which the agents carry out; the groups that are told to forget. Durable when this returns.

    It may be appended again, as after a restore. Under the key of each group in which something of him stands, so that it
    comes behind all that was appended there before.
    """
    at = _now() if now is None else now
    keys = sorted({f"{one.platform}:{one.id}" for one in fleet.groups} | set(_seen_groups(store)))
    found = _groups_with(store, (erasure.subject, *erasure.accounts))
    under = [key for key in keys if key.partition(":")[2] in found] or keys[:1] or [""]
    told = [(key, account) for key in keys for account in _accounts_in(erasure, key)]
    with store.transaction():
        bodies = [(key, _erased_body(erasure, key, account, at)) for key, account in told]
        store.append([Record(OBSERVATIONS, key, body, -1, at) for key, body in bodies])
        store.append([record_of(JUDGEMENTS, key, Judged(erasure=erasure), at) for key in under])
    return list(dict.fromkeys(key for key, _ in told))


def _seen_groups(store: CaseStore) -> Sequence[str]:
    return store.connection.scalars(sa.select(groups_seen.c.key).where(groups_seen.c.key != PROBE_GROUP)).all()


def _groups_with(store: CaseStore, subjects: Sequence[str]) -> set[str]:
    """The ids of the groups in which something was found of a person, or prescribed."""
    judged_in = sa.select(verdicts.c.group_id).join(violations, violations.c.verdict == verdicts.c.id)
    queries = (
        judged_in.where(violations.c.subject.in_(subjects)),
        sa.select(sanctions.c.group_id).where(sanctions.c.subject.in_(subjects)),
        sa.select(reviews.c.group_id).where(reviews.c.subject.in_(subjects)),
    )
    return {one for query in queries for one in store.connection.scalars(query.distinct())}


def _accounts_in(erasure: Erasure, key: str) -> list[str]:
    """By which ids a group may know a person: accounts of its platform, and the id of the directory, whether it still has him."""
    own = [one.partition(":") for one in erasure.accounts]
    here = [account for platform, _, account in own if platform == key.partition(":")[0]]
    return [*here, *([erasure.subject] if erasure.subject not in erasure.accounts else [])]


def _erased_body(erasure: Erasure, key: str, account: str, at: Millis) -> bytes:
    platform, _, group = key.partition(":")
    told = Observation(
        type="member.erased",
        # As often as it is appended: after a restore it is news again.
        id=digest("o", erasure.id, key, account, at),
        platform=platform,
        group=GroupRef(group),
        target=Target(account),
        sent_at=at,
    )
    return msgspec.json.encode(told)


def _is_over(store: CaseStore, sanction_id: str, appeal_id: str) -> bool:
    """Whether a sanction is a reversal or was reversed, or the appeal was decided."""
    reversal = sa.select(sanctions.c.id).where(sanctions.c.id == digest("s", sanction_id, "reverse"))
    decided = sa.select(reviews.c.id).where(reviews.c.on_id == appeal_id, reviews.c.status == "decided")
    body = store.connection.scalar(sa.select(sanctions.c.body).where(sanctions.c.id == sanction_id))
    reverses = body is not None and msgspec.json.decode(body, type=Sanction).reverses is not None
    return reverses or any(store.connection.scalar(one) is not None for one in (reversal, decided))


def pause(
    store: CaseStore,
    *,
    group: str | None = None,
    pack: str | None = None,
    clause: str | None = None,
    by: str,
    reason: str = "",
) -> str:
    """Stop outgoing actions of a group, a pack, a clause, or all; judging goes on. Takes effect before the next action.

    `never_seen` tells whether the scope may be a slip of the pen.
    """
    if by == BRAKE:
        raise WrongUse(f"{BRAKE} is what pauses by itself where a budget is used up: give your own name")
    scope = pause_scope(group=group, pack=pack, clause=clause)
    with store.transaction():
        store.write_rows([("pauses", {"scope": scope, "by": by, "reason": reason, "since": _now()})])
    return scope


def resume(
    store: CaseStore,
    *,
    group: str | None = None,
    pack: str | None = None,
    clause: str | None = None,
    now: Millis | None = None,
) -> str:
    """Let outgoing actions go on. What became too old meanwhile waits for a person instead of going out.

    The scope's budget is counted anew from now on, or a brake would hold it again at once.
    """
    scope = pause_scope(group=group, pack=pack, clause=clause)
    at = store_time(store, _now() if now is None else now)
    with store.transaction() as connection:
        if not connection.execute(sa.delete(pauses).where(pauses.c.scope == scope)).rowcount:
            raise NotFound(f"{scope} is not paused")
        store.write_rows([("resumed", {"scope": scope, "at": at})])
    return scope


def never_seen(
    store: CaseStore, *, group: str | None = None, pack: str | None = None, clause: str | None = None
) -> str | None:
    """A warning where nothing of this group, pack or clause was ever seen, so that it may be misspelt; else None."""

    def found(*queries: sa.Select[Any]) -> bool:
        return any(store.connection.execute(one.limit(1)).first() for one in queries)

    if group:
        # The key is `platform:id`, and an id may hold a colon itself.
        ending = sa.select(groups_seen.c.key).where(groups_seen.c.key.endswith(f":{group}", autoescape=True))
        keys = store.connection.scalars(ending)
        known = any(key.partition(":")[2] == group for key in keys)
        known = known or found(sa.select(outbox.c.id).where(outbox.c.group_id == group))
    elif pack:
        known = found(sa.select(groups_seen.c.key).where(groups_seen.c.pack == pack))
    elif clause:
        known = found(
            sa.select(outbox.c.id).where(outbox.c.clause == clause),
            sa.select(violations.c.id).where(violations.c.clause == clause),
        )
    else:
        return None
    scope = pause_scope(group=group, pack=pack, clause=clause)
    return None if known else f"nothing of {scope} was ever seen here: if the name is misspelt, what you mean goes on"


def paused(store: CaseStore) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in store.connection.execute(sa.select(pauses).order_by(pauses.c.scope))]


# partition and offset of a dead letter on its topic; in a single process the partition is 0
Place = tuple[int, int]


@dataclass(frozen=True)
class Unused:
    """Input that could not be used: the topic and offset that it comes from, and its bytes."""

    topic: str
    offset: int
    body: bytes


@dataclass(frozen=True)
class Redrive:
    """One call for dead letters to be handed in again: when it was made, and what it has handed in.

    A record that broke two agents has left two letters, and is handed in once.
    """

    at: Millis
    done: set[tuple[int, Unused]] = field(default_factory=set)

    def take(self, partition: int, one: Unused) -> bool:
        """Whether what comes from this partition is still to be handed in."""
        fresh = (partition, one) not in self.done
        self.done.add((partition, one))
        return fresh


def list_dead_letters(
    store: CaseStore,
    *,
    topic: str | None = None,
    cause: str | None = None,
    since: Millis | None = None,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """Dead letters, newest first, without their bytes. `topic` is the one they come from, `cause` a part of theirs."""
    query = _dead(store, *_wanted(topic, cause, since)).order_by(dead_letters.c.at.desc(), dead_letters.c.offset.desc())
    rows = store.connection.execute(query.limit(limit)).all()
    again = _tried_again(store, rows)
    return [_shown_dead(row, again) for row in rows]


def show_dead_letter(store: CaseStore, letter_id: str, *, with_body: bool = False) -> dict[str, Any]:
    """One dead letter: its cause, where it comes from, how often it was tried. Its bytes may hold a message. NotFound."""
    place = dead_letter_place(letter_id)
    row = store.connection.execute(_dead(store, _at(store, [place]))).one_or_none()
    if row is None:
        raise _no_dead_letter(letter_id)
    found = _shown_dead(row, _tried_again(store, [row]))
    known = _letters(store, [place]).get(place)
    if known is not None:
        found["key"] = known.key
    if with_body:
        body = dead_bodies(store, [place]).get(place)
        if body is None:
            raise NotFound(f"the bytes of dead letter {letter_id} are past their time and deleted")
        found["body"] = body.body
    return found


def find_dead_letters(
    store: CaseStore,
    *,
    topic: str | None = None,
    cause: str | None = None,
    since: Millis | None = None,
    ids: Sequence[str] = (),
) -> list[Place]:
    """The places of all dead letters that meet every condition, oldest first. NotFound where an id names none."""
    named = [dead_letter_place(one) for one in ids]
    wanted = _wanted(topic, cause, since)
    if ids:
        there = {(row.partition, row.offset) for row in store.connection.execute(_dead(store, _at(store, named)))}
        for place, one in zip(named, ids, strict=True):
            if place not in there:
                raise _no_dead_letter(one)
        wanted.append(_at(store, named))
    query = _dead(store, *wanted).order_by(dead_letters.c.at, dead_letters.c.offset)
    return [(row.partition, row.offset) for row in store.connection.execute(query)]


def dead_bodies(store: CaseStore, places: Sequence[Place]) -> dict[Place, Unused]:
    """What the dead letters at these places hold, those that are still there and not past their time."""
    query = _dead(store, _at(store, places)).add_columns(dead_letters.c.body)
    rows = store.connection.execute(query)
    found = {}
    for row in rows:
        with suppress(TextExpired):
            if body := store.keys.text.decrypt(row.body):
                found[row.partition, row.offset] = Unused(row.topic, row.source_offset, body)
    return found


def redriven_record(one: Unused, letter: DeadLetter | None, at: Millis) -> Record:
    """The record to hand in again. Its key is the original's; where that had none, an observation's group has its place."""
    key = letter.key if letter is not None else ""
    if not key and one.topic in (OBSERVATIONS, AGAIN):
        key = _key_of(one.body)
    return Record(one.topic, key, one.body, -1, at)


def strike_off(store: CaseStore, places: Sequence[Place], at: Millis) -> None:
    """They were handed in again: they leave the table, and no replay brings them back. Inside a transaction."""
    marks = [
        {"partition": place[0], "offset": place[1], "digest": _digest(one.body), "size": len(one.body), "at": at}
        for place, one in dead_bodies(store, places).items()
    ]
    if marks:
        store.connection.execute(sa.insert(redriven), marks)
        store.connection.execute(sa.delete(dead_letters).where(_at(store, places)))


def redrive(
    store: CaseStore,
    *,
    topic: str | None = None,
    cause: str | None = None,
    since: Millis | None = None,
    ids: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Hand dead letters in again, to be judged anew; how many."""
    places = find_dead_letters(store, topic=topic, cause=cause, since=since, ids=ids)
    return len(places) if dry_run else hand_in_again(store, places, Redrive(_now()))


def hand_in_again(store: CaseStore, places: Sequence[Place], call: Redrive) -> int:
    """Append dead letters to the topics that they come from and strike them off, all or none; how many were there."""
    with store.transaction():
        letters = _letters(store, places)
        bodies = dead_bodies(store, places)
        there = [one for one in places if one in bodies]
        records = [
            redriven_record(bodies[one], letters.get(one), call.at) for one in there if call.take(0, bodies[one])
        ]
        strike_off(store, there, call.at)
        store.append(records)
    return len(there)


def dead_letter_place(letter_id: str) -> Place:
    """Read an id such as "3/1042"; in a single process the offset alone will do. WrongUse where it is none."""
    partition, _, offset = letter_id.rpartition("/")
    if not offset.isdecimal() or not (partition or "0").isdecimal():
        raise WrongUse(f"{letter_id!r} is no id of a dead letter: `xunqun deadletters list` shows them, such as 3/1042")
    return int(partition or 0), int(offset)


def _no_dead_letter(letter_id: str) -> NotFound:
    return NotFound(f"there is no dead letter {letter_id}; `xunqun deadletters list` shows what there is")


def _partition(store: CaseStore) -> Any:
    """The partition of a dead letter's row; SQLite has one order and no such column."""
    if store.connection.dialect.name == "postgresql":
        return sa.literal_column("dead_letters.partition", sa.Integer)
    return sa.literal(0)


def _dead(store: CaseStore, *wanted: Any) -> sa.Select[Any]:
    """Dead letters without their bytes, and without those that a replay has brought back."""
    partition = _partition(store)
    gone = sa.exists().where(redriven.c.partition == partition, redriven.c.offset == dead_letters.c.offset)
    columns = [column for column in dead_letters.c if column.name != "body"]
    size = shown_length(dead_letters.c.body).label("bytes")
    return sa.select(partition.label("partition"), *columns, size).where(~gone, *wanted)


def _wanted(topic: str | None, cause: str | None, since: Millis | None) -> list[Any]:
    wanted: list[Any] = []
    if topic:
        wanted.append(dead_letters.c.topic == topic)
    if cause:
        wanted.append(dead_letters.c.cause.contains(cause, autoescape=True))
    if since is not None:
        wanted.append(dead_letters.c.at >= since)
    return wanted


def _at(store: CaseStore, places: Sequence[Place]) -> Any:
    """Those at these places. In one list per partition: a statement takes only so many values."""
    of: dict[int, list[int]] = {}
    for partition, offset in places:
        of.setdefault(partition, []).append(offset)
    partition = _partition(store)
    return sa.or_(sa.false(), *(sa.and_(partition == one, dead_letters.c.offset.in_(mine)) for one, mine in of.items()))


def _shown_dead(row: Any, again: Mapping[Place, int]) -> dict[str, Any]:
    place = (row.partition, row.offset)
    return {
        "id": f"{row.partition}/{row.offset}",
        **row._mapping,
        "tries": row.tries + again.get(place, 0),
    }


def _tried_again(store: CaseStore, rows: Sequence[Any]) -> dict[Place, int]:
    """How often the same bytes were handed in again before, of those that were: by how many calls.

    By their digest: a header would have to survive two logs, every agent and whatever else may carry the bytes.
    """
    sizes = set(store.connection.scalars(sa.select(redriven.c.size).distinct()))
    digests = {
        place: _digest(one.body)
        for place, one in dead_bodies(
            store, [(row.partition, row.offset) for row in rows if row.bytes in sizes]
        ).items()
    }
    known = redriven.c.digest.in_(set(digests.values()))
    query = (
        sa.select(redriven.c.digest, sa.func.count(redriven.c.at.distinct())).where(known).group_by(redriven.c.digest)
    )
    times = {row[0]: row[1] for row in store.connection.execute(query)}
    return {place: times[one] for place, one in digests.items() if one in times}


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()


def _letters(store: CaseStore, places: Sequence[Place]) -> dict[Place, DeadLetter]:
    """The dead letters themselves, which know the key, where the log is at hand. A fleet reads them from Kafka."""
    if not isinstance(store, Store):
        return {}
    found = {}
    for place in places:
        for record in store.read((DEAD_LETTERS,), place[1] - 1, 1):
            if record.offset == place[1] and record.value:
                found[place] = value_of(record)
    return found


def _key_of(body: bytes) -> str:
    """The group of an observation; none where it cannot be read, and it will be a dead letter again."""
    try:
        seen = decode_observation(body)
    except Unusable:
        return ""
    return seen.group_key if seen.group else ""


def purge(store: CaseStore, *, now: Millis, keep_text: Millis) -> dict[str, int]:
    """Remove text that is past its time: records that every agent has handled, dead letters, expired evidence.

    Verdicts, sanctions and reviews stay: they quote no words.
    """
    past = now - keep_text
    with store.transaction() as connection:
        # Longer than the letters are kept anywhere, from where a replay could bring them back.
        connection.execute(sa.delete(redriven).where(redriven.c.at < past - keep_text))
        connection.execute(sa.delete(shadow).where(shadow.c.at < now - SHADOW_KEPT))
        gone = {
            "records": store.forget(past),
            "dead_letters": connection.execute(sa.delete(dead_letters).where(dead_letters.c.at < past)).rowcount,
            "evidence": connection.execute(sa.delete(evidence).where(evidence.c.expires_at < now)).rowcount,
            "unmeasured": connection.execute(sa.delete(unmeasured).where(unmeasured.c.at < past)).rowcount,
        }
    # With the keys all copies are deleted, too: in segments of topics, write-ahead logs and backups.
    store.keys.expire(min(past, store.oldest_unread(past)), now - EVIDENCE_KEPT)
    return gone


def status(store: CaseStore) -> dict[str, Any]:
    """Counts of what there is and what waits, for the status page, the metrics and `doctor`."""

    def count(table: sa.Table, *conditions: Any) -> int:
        return store.connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0

    def grouped(column: Any, *conditions: Any) -> Mapping[str, int]:
        query = sa.select(column, sa.func.count()).where(*conditions).group_by(column)
        return {row[0]: row[1] for row in store.connection.execute(query)}

    return {
        "verdicts": count(verdicts),
        "sanctions": dict(grouped(sanctions.c.kind)),
        "actions": dict(grouped(outbox.c.status)),
        "reviews_open": dict(grouped(reviews.c.kind, reviews.c.status == "open")),
        "tasks_open": count(tasks, tasks.c.status == "open"),
        "appeals": count(appeals),
        "decisions": count(decisions),
        "dead_letters": store.connection.scalar(sa.select(sa.func.count()).select_from(_dead(store).subquery())) or 0,
        "groups": count(groups_seen),
        "unknown_groups": [
            dict(row._mapping)
            for row in store.connection.execute(
                sa.select(groups_seen).where(~groups_seen.c.known, groups_seen.c.key != PROBE_GROUP).limit(100)
            )
        ],
        "unmeasured": store.connection.scalar(sa.select(sa.func.count(unmeasured.c.observation_id.distinct()))) or 0,
        "paused": paused(store),
        "brakes": held_by_brakes(store),
    }


def _plain(body: bytes, kind: type[msgspec.Struct]) -> dict[str, Any]:
    return dict(json.loads(msgspec.json.encode({**msgspec.to_builtins(msgspec.json.decode(body, type=kind))})))


def _now() -> Millis:
    return time.time_ns() // 1_000_000
