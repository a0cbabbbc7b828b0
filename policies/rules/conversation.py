"""Rules on answers that are owed: replies to questions and receipts for instructions."""

from collections.abc import Iterable

from msgspec import Struct, field

from classifiers.conversation import asks_reply, instructs, is_notice, is_question, is_receipt, waives_reply
from models import Cause, Evidence, Subject
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule
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

    Serves `sla:response`.
    """

    name = "deadline.reply"
    Params = ReplyParams
    watches = MESSAGE_TYPES
    needs = "the messages of the group; a backfilled gap freezes the clock"

    def see(self, case: Case, params: ReplyParams, place: Place) -> Iterable[Finding]:
        self._follow(case, params, place)
        return ()

    def _follow(self, case: Case, params: ReplyParams, place: Place) -> None:
        text = case.seen.text or ""
        if case.is_robot:
            return
        for open_one in place.deadlines(case):
            if open_one.data.get("asker") != case.sender_id:
                del case.state.deadlines[open_one.id]
        leader = case.directory.is_leader(case.person) or case.sender_role in ("owner", "manager")
        if waives_reply(text) or is_receipt(text) or (params.by_leaders and not leader):
            return
        if is_question(text) or (leader and instructs(text)):
            running = place.deadlines(case)
            if len(running) >= MOST_OPEN:
                del case.state.deadlines[min(running, key=lambda one: one.due_at).id]
            place.set_deadline(
                case,
                subject=case.sender_id or "unknown",
                cause=case.seen.origin_id,
                due_at=case.calendar.after(case.now, params.within),
                data={"asker": case.sender_id},
            )

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

    Nobody is chased where the notice waives replies. Serves `receipt:tracking`.
    """

    name = "deadline.receipt"
    Params = ReceiptParams
    watches = MESSAGE_TYPES
    needs = "members and departments of the group"

    def see(self, case: Case, params: ReceiptParams, place: Place) -> Iterable[Finding]:
        self._follow(case, params, place)
        return ()

    def _follow(self, case: Case, params: ReceiptParams, place: Place) -> None:
        text = case.seen.text or ""
        who = case.sender_id or "unknown"
        if case.is_robot:
            return
        for open_one in place.deadlines(case):
            if who not in open_one.data["answered"]:
                open_one.data["answered"].append(who)
        if waives_reply(text) or is_receipt(text):
            return
        standing = case.directory.is_leader(case.person)
        asked = params.requested and asks_reply(text) and (is_notice(text) or standing or case.sender_role != "member")
        ordered = params.from_leaders and standing and instructs(text)
        if asked or ordered:
            running = place.deadlines(case)
            if len(running) >= MOST_OPEN:
                del case.state.deadlines[min(running, key=lambda one: one.due_at).id]
            place.set_deadline(
                case,
                subject=who,
                cause=case.seen.origin_id,
                due_at=case.calendar.after(case.now, params.within),
                data={"answered": [who]},
            )

    def due(self, case: Case, params: ReceiptParams, deadline: Deadline) -> Iterable[Finding]:
        missing = self._missing(case, params, set(deadline.data["answered"]))
        if missing:
            named = "、".join(missing[:12]) + ("等" if len(missing) > 12 else "")
            yield Finding(
                subject=Subject("message", deadline.cause),
                explanation=f"未在规定时间内回复：{named}（共 {len(missing)} 个）",
                evidence=(Evidence(signal="deadline", category="receipt", why=f"未全部回复的消息：{deadline.cause}"),),
                cause=Cause("deadline", deadline.id),
                category="receipt",
            )

    def _missing(self, case: Case, params: ReceiptParams, answered: set[str]) -> list[str]:
        people = [case.directory.people[one] for one in sorted(case.view.members) if one in case.directory.people]
        people = [one for one in people if one.status in ("active", "probation")]
        if params.by == "department":
            heard = {one.department for one in people if one.id in answered}
            return sorted({one.department for one in people if one.department} - heard)
        return [one.name for one in people if one.id not in answered]
