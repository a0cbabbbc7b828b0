"""What is stored about one person: who is meant, an export of it, and what an erasure has to know."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from models import Action, Decision, Fleet, Observation, Person, Review, Sanction, Task, Verdict, digest
from models.observation import Millis
from policies.directory import Directory
from policies.state import GroupState, forget
from streams import desk
from streams.agents.escalate import Ledger
from streams.cases.erasing import Who, naming
from streams.cases.store import CaseStore
from streams.cases.tables import (
    appeals,
    decisions,
    evidence,
    groups_seen,
    outbox,
    reviews,
    sanctions,
    tasks,
    verdicts,
    violations,
)
from streams.errors import WrongUse
from streams.replay import with_evidence
from streams.topics import Erasure, Record, Unusable, decode_observation

# Gives the stored states of an agent by key.
Load = Callable[[str, Sequence[str]], Mapping[str, bytes]]
_AT_ONCE = 500


@dataclass(frozen=True)
class Member:
    """Who is meant: the id of his subject, his accounts as `platform:account`, what texts call him; of these names `shared` are
    those of others as well, or begin theirs. `person`: what the directory knows of him.
    """

    subject: str
    accounts: tuple[str, ...]
    names: tuple[str, ...]
    shared: tuple[str, ...]
    person: Person | None

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.subject, *self.accounts)))

    def who(self) -> Who:
        row = {"subject": self.subject, "accounts": self.accounts, "names": self.names, "shared": self.shared}
        return Who.of(row)


def find(named: str, fleet: Fleet, *, accounts: Sequence[str] = (), names: Sequence[str] = ()) -> Member:
    """Somebody by his id in the directory, or by `platform:account`.

    Whom the directory lists no more is found by the id that he had; `accounts` and `names` are then his. WrongUse where they
    are somebody else's.
    """
    directory = Directory(fleet)
    is_account = ":" in named
    person = directory.people.get(named) or (directory.person(*_split(named)) if is_account else None)
    known = [f"{one.platform}:{one.id}" for one in person.accounts] if person else [named] if is_account else []
    for one in accounts:
        owner = directory.person(*_split(one))
        if owner is not None and owner != person:
            raise WrongUse(f"{one} is an account of {owner.id}, who is somebody else")
    called = tuple(dict.fromkeys((*([person.name] if person else ()), *names)))
    others = {one.name for one in fleet.people if one != person}
    return Member(
        subject=person.id if person else directory.subject(*_split(named)) if known else named,
        accounts=tuple(dict.fromkeys((*known, *accounts))),
        names=called,
        shared=tuple(one for one in called if any(one in other for other in others)),
        person=person,
    )


def _split(written: str) -> tuple[str, str]:
    platform, sign, account = written.partition(":")
    if not (platform and sign and account):
        raise WrongUse(f"an account is written as platform:account, {written} is not")
    return platform, account


@dataclass(frozen=True)
class Held:
    """What agents keep of a person: by subject his ledger, and by group what is remembered of him."""

    ledgers: dict[str, Ledger]
    groups: dict[str, dict[str, Any]]

    @property
    def strikes(self) -> int:
        """How many count."""
        return sum(one.status == "live" for ledger in self.ledgers.values() for one in ledger.strikes)

    @property
    def cards(self) -> tuple[str, ...]:
        """His nicknames: what texts may call a person whom no directory knows."""
        return tuple(sorted({one for group in self.groups.values() for one in group.get("cards", {}).values() if one}))


def held(store: CaseStore, member: Member, fleet: Fleet, load: Load) -> Held:
    """What the agents keep of a person now."""
    found = load("escalate", member.subjects)
    ledgers = {one: msgspec.json.decode(body, type=Ledger) for one, body in found.items()}
    keys = {f"{one.platform}:{one.id}" for one in fleet.groups} | set(
        store.connection.scalars(sa.select(groups_seen.c.key))
    )
    groups = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), _AT_ONCE):
        for key, body in load("screen", ordered[start : start + _AT_ONCE]).items():
            people = {*member.subjects, *_accounts_on(member, key)}
            if taken := forget(msgspec.json.decode(body, type=GroupState), people):
                groups[key] = taken
    return Held({one: ledger for one, ledger in ledgers.items() if ledger != Ledger()}, groups)


def erasure(member: Member, kept: Held, *, by: str, reason: str, now: Millis) -> Erasure:
    """What the agents have to know to erase a person."""
    return Erasure(
        id=digest("e", member.subject, by, now),
        subject=member.subject,
        accounts=member.accounts,
        names=tuple(dict.fromkeys((*member.names, *kept.cards))),
        by=by,
        reason=reason,
        erased_at=now,
        # A nickname may be any word.
        shared=(*member.shared, *(one for one in kept.cards if one not in member.names)),
    )


def findings(store: CaseStore, member: Member) -> set[str]:
    """The ids of the violations that are held against a person."""
    return set(store.connection.scalars(sa.select(violations.c.id).where(violations.c.subject.in_(member.subjects))))


def count(store: CaseStore, member: Member) -> dict[str, int]:
    """How many rows are about a person, by what they are; what is there of none is left out."""
    found = {
        "findings": _count(store, violations, violations.c.clause != "", member),
        "messages found or not measured": _count(store, violations, violations.c.clause == "", member),
        **{name: _count(store, table, sa.true(), member) for name, table in _BY_SUBJECT.items()},
    }
    return {name: many for name, many in found.items() if many}


_BY_SUBJECT = {"sanctions": sanctions, "reviews": reviews, "appeals": appeals}


def _count(store: CaseStore, table: sa.Table, where: sa.ColumnElement[bool], member: Member) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(where, table.c.subject.in_(member.subjects))
    return store.connection.scalar(query) or 0


def export(
    store: CaseStore, member: Member, kept: Held, messages: Iterable[Observation], *, now: Millis
) -> dict[str, Any]:
    """All that is stored about a person, for himself; of what others decided the role in which they did."""
    subjects = set(member.subjects)
    issued = [
        msgspec.json.decode(body, type=Sanction)
        for body in store.connection.scalars(sa.select(sanctions.c.body).where(sanctions.c.subject.in_(subjects)))
    ]
    who = member.who()
    asked = sa.select(reviews.c.body, reviews.c.status).where(reviews.c.subject.in_(subjects))
    return {
        "exported_at": now,
        "subject": member.subject,
        "accounts": list(member.accounts),
        "person": msgspec.to_builtins(member.person) if member.person else None,
        "messages": [_message(one) for one in messages],
        "verdicts": list(_verdicts(store, member)),
        "sanctions": [_without_people(msgspec.to_builtins(one)) for one in issued],
        "actions": [_action(row) for row in naming(store.connection, outbox, who) if _is_of(row, Action, subjects)],
        "tasks": list(_tasks(store, who, {one.id for one in issued}, subjects)),
        "reviews": [_review(body, status) for body, status in store.connection.execute(asked)],
        "decisions": [
            _without_people(msgspec.to_builtins(msgspec.json.decode(row.body, type=Decision)))
            for row in naming(store.connection, decisions, who)
            if _is_of(row, Decision, subjects)
        ],
        "appeals": list(_appeals(store, subjects)),
        "strikes": [msgspec.structs.asdict(one) for ledger in kept.ledgers.values() for one in ledger.strikes],
        "groups": msgspec.to_builtins(kept.groups),
        "dead_letters": list(_letters(store, who)),
    }


def is_message_of(member: Member, record: Record) -> Observation | None:
    """The observation of a record, where this person sent it. No report: who makes an export must learn of no reporter."""
    try:
        seen = decode_observation(record.value)
    except Unusable:
        return None
    sender = f"{seen.platform}:{seen.sender.id}" if seen.sender else None
    mine = sender in member.accounts or (seen.sender is not None and seen.sender.id == member.subject)
    return seen if mine and seen.type != "report.filed" else None


def _accounts_on(member: Member, key: str) -> list[str]:
    own = [one.partition(":") for one in member.accounts]
    return [account for platform, _, account in own if platform == key.partition(":")[0]]


def _message(seen: Observation) -> dict[str, Any]:
    """A message without what it quotes or passes on of others, and without whom it names."""
    own = msgspec.structs.replace(seen, reply_to=None, forward=None, mentions=None, target=None, change=None, fact=None)
    return dict(msgspec.to_builtins(own))


def _verdicts(store: CaseStore, member: Member) -> Iterable[dict[str, Any]]:
    holding = sa.select(violations.c.verdict).where(violations.c.subject.in_(member.subjects)).distinct()
    bodies = store.connection.scalars(
        sa.select(verdicts.c.body).where(verdicts.c.id.in_(holding)).order_by(verdicts.c.at)
    ).all()
    for start in range(0, len(bodies), _AT_ONCE):
        decoded = [msgspec.json.decode(body, type=Verdict) for body in bodies[start : start + _AT_ONCE]]
        for verdict in with_evidence(store, decoded):
            about = {"group_id": verdict.group_id, "at": verdict.judged_at, "observation_id": verdict.observation_id}
            for certain, some in ((True, verdict.violations), (False, verdict.uncertain)):
                for one in some:
                    if one.subject.id in member.subjects:
                        words = [item.matched for item in one.evidence if item.matched]
                        yield {
                            "clause": one.clause, **about, "pack": f"{verdict.pack}@{verdict.pack_version}",
                            "certain": certain, "mode": one.mode, "explanation": one.explanation, "words": words,
                        }  # fmt: skip
            for missing in verdict.unavailable:
                yield {"clause": missing.clause, **about, "unavailable": missing.why}


def _without_people(body: dict[str, Any]) -> dict[str, Any]:
    """Without who decided, which is no data of the member's."""
    return {name: value for name, value in body.items() if name not in ("by", "approved_by", "subject")}


def _is_of(row: Any, kind: type[Action] | type[Decision], subjects: set[str]) -> bool:
    return msgspec.json.decode(row.body, type=kind).subject in subjects


def _action(row: Any) -> dict[str, Any]:
    action = msgspec.json.decode(row.body, type=Action)
    return {
        "id": action.id, "sanction_id": action.sanction_id, "group_id": action.group_id, "call": action.call,
        "status": row.status, "planned_at": action.planned_at, "params": action.params,
    }  # fmt: skip


def _tasks(store: CaseStore, who: Who, issued: set[str], subjects: set[str]) -> Iterable[dict[str, Any]]:
    """What others were asked to do about him, by their role, and what he was asked."""
    about = {digest("t", one, *more) for one in issued for more in ((), ("公布",))}
    rows = {row.id: row for row in naming(store.connection, tasks, who)}
    for start in range(0, len(about), _AT_ONCE):
        some = sorted(about)[start : start + _AT_ONCE]
        rows |= {row.id: row for row in store.connection.execute(sa.select(tasks).where(tasks.c.id.in_(some)))}
    for row in rows.values():
        task = msgspec.json.decode(row.body, type=Task)
        if row.id in about or task.assignee.id in subjects:
            yield {
                "id": task.id, "group_id": task.group_id, "what": task.what, "clause": task.clause, "due_at": task.due_at,
                "status": row.status, "role": task.assignee.role, "own": task.assignee.id in subjects,
            }  # fmt: skip


def _review(body: bytes, status: str) -> dict[str, Any]:
    review = msgspec.json.decode(body, type=Review)
    return {
        "id": review.id, "kind": review.kind, "group_id": review.group_id, "clause": review.clause, "why": review.why,
        "opened_at": review.opened_at, "status": status,
    }  # fmt: skip


def _appeals(store: CaseStore, subjects: set[str]) -> Iterable[dict[str, Any]]:
    for row in store.connection.execute(sa.select(appeals).where(appeals.c.subject.in_(subjects))).all():
        words = store.connection.scalar(sa.select(evidence.c.matched).where(evidence.c.violation_id == row.id))
        text = store.keys.words(words) if words else None
        yield {"id": row.id, "sanction_id": row.sanction_id, "filed_at": row.at, "text": text}


def _letters(store: CaseStore, who: Who) -> Iterable[dict[str, Any]]:
    """Dead letters that name him; not what they say, which may be somebody else's."""
    marks = [one.encode("utf-8", "surrogatepass") for one in who.said]
    places = desk.find_dead_letters(store)
    for start in range(0, len(places), _AT_ONCE):
        for place, one in desk.dead_bodies(store, places[start : start + _AT_ONCE]).items():
            if any(mark in one.body for mark in marks):
                yield {"id": f"{place[0]}/{place[1]}", "topic": one.topic}
