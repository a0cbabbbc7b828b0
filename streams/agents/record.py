"""Record: keeps what people look up. Verdicts, sanctions, tasks, reviews, decisions and dead letters become rows."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from models import Decision, Review, Sanction, Task, Verdict, digest
from streams.agents.escalate import CALLS, GRACE, NO_GRACE
from streams.topics import (
    ACTIONS,
    DEAD_LETTERS,
    EVIDENCE_KEPT,
    JUDGEMENTS,
    VIEWS,
    Appeal,
    DeadLetter,
    Effects,
    Judged,
    Planned,
    Record,
    erased_row,
    value_of,
)

# A database's index takes no names of any length, and a verdict may hold many violations.
_LONGEST_ID = 200


class RecordViews:
    """Judgements, actions, dead letters and asked-for rows in, rows of views out. Every row can be built again from the log."""

    name: ClassVar[str] = "record"
    reads: ClassVar[tuple[str, ...]] = (JUDGEMENTS, ACTIONS, DEAD_LETTERS, VIEWS)
    writes: ClassVar[tuple[str, ...]] = ()
    State: ClassVar[type[Any] | None] = None

    def keys(self, records: Sequence[Record]) -> set[str]:
        return set()

    def next_due(self, value: Any) -> None:
        return None

    def handle(self, records: Sequence[Record], state: Mapping[str, Any]) -> Effects:
        effects = Effects()
        for record in records:
            if record.topic == DEAD_LETTERS:
                effects.rows.append(("dead_letters", _dead_row(record, value_of(record))))
            elif record.topic == VIEWS:
                effects.rows += value_of(record).rows
            elif record.topic == JUDGEMENTS:
                self._judged(effects, record, value_of(record))
            else:
                self._planned(effects, record, value_of(record))
        return effects

    def _judged(self, effects: Effects, record: Record, one: Judged) -> None:
        if one.verdict:
            row = _verdict_row(record, one.verdict)
            effects.rows.append(("verdicts", row))
            if one.verdict.observation_id:
                sender = f"{one.verdict.platform}:{one.verdict.sender}" if one.verdict.sender else None
                named = {"id": one.verdict.observation_id, "verdict": row["id"], "clause": "", "subject": sender}
                effects.rows.append(("violations", named))
            for violation in (*one.verdict.violations, *one.verdict.uncertain):
                about = {"clause": violation.clause, "subject": violation.subject.id}
                effects.rows.append(("violations", {"id": violation.id, "verdict": row["id"], **about}))
                for index, item in enumerate(violation.evidence):
                    if item.matched:
                        kept = record.appended_at + EVIDENCE_KEPT
                        effects.rows.append(
                            (
                                "evidence",
                                {
                                    "violation_id": violation.id,
                                    "number": index,
                                    "matched": item.matched,
                                    "expires_at": kept,
                                },
                            )
                        )
        elif one.decision:
            effects.rows.append(("decisions", _decision_row(record, one.decision)))
            # A decision on a message answers every question that was asked about it.
            for on_id in dict.fromkeys((one.decision.on.id, *(noted.violation.id for noted in one.about))):
                effects.rows.append(("closed_reviews", {"on_id": on_id, "status": "decided", "by": one.decision.by}))
            if one.decision.on.kind == "task" and one.decision.outcome == "done":
                effects.rows.append(("closed_tasks", {"id": one.decision.on.id, "status": "done"}))
        elif one.appeal:
            effects.rows.append(("appeals", _appeal_row(record, one.appeal)))
        elif one.erasure:
            effects.rows.append(("erased", erased_row(one.erasure, planned=False)))

    def _planned(self, effects: Effects, record: Record, one: Planned) -> None:
        if one.sanction:
            effects.rows.append(("sanctions", _sanction_row(record, one.sanction)))
            if one.sanction.reverses:
                effects.rows += _ended(one.sanction.kind, one.sanction.reverses)
        elif one.task:
            effects.rows.append(("tasks", _task_row(record, one.task)))
        elif one.review:
            row = _review_row(record, one.review)
            effects.rows.append(("reviews", row))
            if one.review.kind == "campaign":
                # Asked again as it grows: what was decided stays decided.
                effects.rows.append(("grown_reviews", {name: row[name] for name in ("id", "offset", "body")}))
        elif one.withdrawal:
            until = one.withdrawal.withdrawn_at
            row = {
                "observation_id": one.withdrawal.observation_id,
                "since": until - GRACE,
                "until": until,
                "kept": NO_GRACE,
            }
            effects.rows.append(("withdrawn", row))
        elif one.erasure:
            # Once more: sanctions, tasks and questions come by this topic.
            effects.rows.append(("erased", erased_row(one.erasure, planned=True)))


def _ended(kind: str, sanction_id: str) -> list[tuple[str, dict[str, Any]]]:
    """What still waits for somebody because of a sanction ends when it is taken back: draft, late action, task."""
    action_id = digest("a", sanction_id, CALLS.get(kind))
    return [
        ("closed_reviews", {"on_id": sanction_id, "status": "withdrawn"}),
        ("closed_reviews", {"on_id": action_id, "status": "withdrawn"}),
        ("closed_tasks", {"id": digest("t", sanction_id), "status": "cancelled"}),
    ]


def _verdict_row(record: Record, verdict: Verdict) -> dict[str, Any]:
    # Not the observation's id: an edit that adds an offence brings a second verdict on the same message.
    found = ",".join(one.id for one in (*verdict.violations, *verdict.uncertain))
    joined = found or verdict.observation_id or ",".join(one.clause for one in verdict.unavailable)
    return {
        "id": joined if len(joined) <= _LONGEST_ID else digest("w", joined),
        "group_id": verdict.group_id,
        "pack": verdict.pack,
        "at": verdict.judged_at,
        "offset": record.offset,
        "body": msgspec.json.encode(_without_matched(verdict)),
    }


def _without_matched(verdict: Verdict) -> Verdict:
    """Keep the span of what was matched; the words themselves are evidence, which expires.

    No hash of them either: of a word or two, or of a number, it tells them to whoever tries all there are.
    """

    def bare(violation: Any) -> Any:
        items = tuple(msgspec.structs.replace(one, matched=None) for one in violation.evidence)
        return msgspec.structs.replace(violation, evidence=items)

    return msgspec.structs.replace(
        verdict,
        violations=tuple(map(bare, verdict.violations)),
        uncertain=tuple(map(bare, verdict.uncertain)),
    )


def _sanction_row(record: Record, sanction: Sanction) -> dict[str, Any]:
    return {
        "id": sanction.id,
        "group_id": sanction.group_id,
        "subject": sanction.subject.id,
        "kind": sanction.kind,
        "at": sanction.decided_at,
        "offset": record.offset,
        "body": msgspec.json.encode(sanction),
    }


def _task_row(record: Record, task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "group_id": task.group_id,
        "status": task.status,
        "offset": record.offset,
        "body": msgspec.json.encode(task),
    }


def _review_row(record: Record, review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "group_id": review.group_id,
        "group_key": record.key,
        "subject": review.subject,
        "kind": review.kind,
        "on_id": review.on.id,
        "observation_id": review.observation_id,
        "status": review.status,
        "at": review.opened_at,
        "offset": record.offset,
        "body": msgspec.json.encode(review),
    }


def _decision_row(record: Record, decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "by": decision.by,
        "on_id": decision.on.id,
        "outcome": decision.outcome,
        "at": decision.decided_at,
        "offset": record.offset,
        "body": msgspec.json.encode(decision),
    }


def _appeal_row(record: Record, appeal: Appeal) -> dict[str, Any]:
    return {
        "id": appeal.id,
        "sanction_id": appeal.sanction_id,
        "subject": appeal.subject,
        "at": appeal.filed_at,
        "offset": record.offset,
        "body": msgspec.json.encode(appeal),
    }


def _dead_row(record: Record, dead: DeadLetter) -> dict[str, Any]:
    return {
        "offset": record.offset,
        "cause": dead.cause,
        "topic": dead.topic,
        "source_offset": dead.offset,
        "tries": dead.tries,
        "at": record.appended_at,
        "body": dead.body,
    }
