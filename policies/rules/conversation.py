"""Rules on answers that are owed: replies to questions and receipts for instructions."""

from collections.abc import Iterable

import re2
from msgspec import Struct, field

from classifiers.conversation import asks_reply, instructs, is_notice, is_question, is_receipt, waives_reply
from models import Cause, Evidence, Subject
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule, own_text
from policies.schema import Span
from policies.state import Deadline

# A group can owe this many answers at once; the oldest gives way.
MOST_OPEN = 50


class ReplyParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within`: how long an answer may take. `by_leaders`: only questions and assignments of leaders count."""

    within: Span = field(default_factory=lambda: Span(hours=2, working=True, source="tenant"))
    by_leaders: bool = False


class Reply(Rule):
    """A question or assignment got no answer in time. An interim answer by anybody else stops the clock.

    Who asks again before it is answered still waits for one answer.
    Serves `sla:response`.
    """

    name = "deadline.reply"
    Params = ReplyParams
    watches = MESSAGE_TYPES
    needs = "the messages of the group without gaps"

    def see(self, case: Case, params: ReplyParams, place: Place) -> Iterable[Finding]:
        if case.sender_id is None or case.is_robot:
            return ()
        waits = False
        for open_one in place.deadlines(case):
            if open_one.data.get("asker") == case.sender_id:
                waits = True
            else:
                del case.state.deadlines[open_one.id]
        # Whoever asks again asks the same: one answer serves.
        if not waits and self._asks(case, params):
            place.set_deadline(
                case,
                subject=case.sender_id,
                cause=case.seen.origin_id,
                due_at=case.calendar.after(case.now, params.within),
                data={"asker": case.sender_id},
            )
        return ()

    def _asks(self, case: Case, params: ReplyParams) -> bool:
        leader = case.directory.is_leader(case.person) or case.sender_role in ("owner", "manager")
        if params.by_leaders and not leader:
            return False
        asks = case.does(is_question) or (leader and case.does(instructs))
        return asks and not case.does(waives_reply) and not case.does(is_receipt)

    def due(self, case: Case, params: ReplyParams, deadline: Deadline) -> Iterable[Finding]:
        yield Finding(
            subject=case.group_subject,
            explanation="工作布置或问询在规定时间内无人回应",
            evidence=(Evidence(signal="deadline", category="reply", why=f"未获回应的消息：{deadline.cause}"),),
            cause=Cause("deadline", deadline.id),
            category="reply",
        )


class ReceiptParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within`: how long a receipt may take. `from_leaders`: instructions of leaders and owners are tracked as well;
    `requested`: notices that ask for a reply. `by`: each `member` or one member of each `department` has to answer."""

    within: Span = field(default_factory=lambda: Span(working_days=1, source="tenant"))
    requested: bool = True
    from_leaders: bool = False
    by: str = "member"


class Receipts(Rule):
    """An instruction or notice that wants an answer was not acknowledged by all. Any wording of a receipt counts.

    Nobody is chased where the notice waives replies; where it names people or departments, only they owe an answer.
    Serves `receipt:tracking`.
    """

    name = "deadline.receipt"
    Params = ReceiptParams
    watches = MESSAGE_TYPES
    needs = "members and departments of the group"

    def see(self, case: Case, params: ReceiptParams, place: Place) -> Iterable[Finding]:
        who = case.sender_id
        if who is None or case.is_robot:
            return ()
        running = place.deadlines(case)
        for open_one in running:
            if who not in open_one.data["answered"]:
                open_one.data["answered"].append(who)
        known = any(one.cause == case.seen.origin_id for one in running)
        if not known and self._asks(case, params):
            if len(running) >= MOST_OPEN:
                del case.state.deadlines[min(running, key=lambda one: one.due_at).id]
            place.set_deadline(
                case,
                subject=who,
                cause=case.seen.origin_id,
                due_at=case.calendar.after(case.now, params.within),
                data={"answered": [], "asked": _addressed(case, own_text(case.seen))},
            )
        return ()

    def _asks(self, case: Case, params: ReceiptParams) -> bool:
        standing = case.directory.is_leader(case.person)
        asked = params.requested and case.does(asks_reply)
        if asked and not standing:
            asked = case.does(is_notice) or case.sender_role != "member"
        asks = asked or (params.from_leaders and standing and case.does(instructs))
        return asks and not case.does(waives_reply) and not case.does(is_receipt)

    def due(self, case: Case, params: ReceiptParams, deadline: Deadline) -> Iterable[Finding]:
        missing = self._missing(case, params, deadline)
        if missing:
            named = "、".join(missing[:12]) + ("等" if len(missing) > 12 else "")
            yield Finding(
                subject=Subject("message", deadline.cause),
                explanation=f"未在规定时间内回复：{named}（共 {len(missing)} {'个部门' if params.by == 'department' else '人'}）",
                evidence=(Evidence(signal="deadline", category="receipt", why=f"未全部回复的消息：{deadline.cause}"),),
                cause=Cause("deadline", deadline.id),
                category="receipt",
            )

    def _missing(self, case: Case, params: ReceiptParams, deadline: Deadline) -> list[str]:
        answered, asked = set(deadline.data["answered"]), deadline.data.get("asked") or ()
        people = [case.directory.people[one] for one in sorted(case.view.members) if one in case.directory.people]
        people = [one for one in people if one.status in ("active", "probation")]
        owing = [one for one in people if not asked or one.id in asked or one.department in asked]
        if params.by == "department":
            # Who gives an instruction speaks for his own department, unless it is the one that he asks.
            heard = {
                one.department for one in people if one.id in answered or (not asked and one.id == deadline.subject)
            }
            return sorted({one.department for one in owing if one.department} - heard)
        return [one.name for one in owing if one.id not in answered and one.id != deadline.subject]


def _addressed(case: Case, text: str) -> list[str]:
    """Whom a message asks: the ids it mentions, or the departments it names; empty where it asks everybody."""
    mentions = case.seen.mentions or ()
    if case.seen.mention_all or _EVERYBODY.search(text):
        return []
    mentioned = {case.directory.subject(case.seen.platform, one.id) for one in mentions if one.id}
    names = {one.name for one in mentions if one.name and not one.id}
    members = [case.directory.people[one] for one in case.view.members if one in case.directory.people]
    mentioned |= {one.id for one in members if one.name in names}
    departments = {one.department for one in members if one.department and _asks(text, one.department)}
    return sorted(mentioned or departments)


def _asks(text: str, department: str) -> bool:
    """Say whether a department is named otherwise than as the place to which something goes."""
    before = text.partition(department)[0] if department in text else None
    return before is not None and not before.endswith(_TOWARDS)


_EVERYBODY = re2.compile(r"各|全体|所有|大家|每个|每位")
_TOWARDS = ("交", "报", "到", "至", "给", "向", "送", "找", "往", "去")
