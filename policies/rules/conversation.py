"""Rules on answers that are owed: replies to questions and receipts for instructions."""

from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal

import re2
from msgspec import Struct, field

from classifiers.conversation import (
    NEEDED,
    asked_for,
    asks_reply,
    gist,
    instructs,
    is_notice,
    is_question,
    is_receipt,
    is_to_the_point,
    takes_note,
    waives_reply,
)
from models import Evidence, Person, Subject
from models.observation import MESSAGE_TYPES
from policies.deadlines import Deadline
from policies.rules.base import Case, Finding, Place, Rule, own_text
from policies.schema import Span

# A group can owe this many answers at once; the oldest gives way.
MOST_OPEN = 50
# A file that was asked for answers, also where the platform tells of it apart from messages.
_ANSWERS = MESSAGE_TYPES | {"file.uploaded"}


class ReplyParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within`: how long an answer may take. `by_leaders`: only questions and assignments of leaders count.

    `asked`: what wants an answer; an `issue` is trouble, a complaint or a request in any form. `askers` ("from"): only
    people with one of these tags ask, and only others answer; whom the directory does not know is a `customer`.
    `interim` tells what will do until there is an answer, for the wording. `types`, `except_types` of groups.
    """

    within: Span = field(default_factory=lambda: Span(hours=2, working=True, source="tenant"))
    by_leaders: bool = False
    asked: tuple[Literal["question", "assignment", "issue"], ...] = ("question", "assignment")
    askers: tuple[str, ...] = field(default=(), name="from")
    interim: str = ""
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Reply(Rule):
    """A question or assignment got no answer in time. An interim answer by anybody else stops the clock.

    Whoever is asked by name answers with whatever he says, others only with what is to the point: talk of something else
    leaves a question open. Who asks again before it is answered still waits for one answer; who says that it is settled,
    or thanks after others spoke, waits no more. An answer that is addressed to one of several askers serves only him; what
    was sent before the question is no answer to it, however late it arrives. Serves `sla:response`.
    """

    name = "deadline.reply"
    Params = ReplyParams
    watches = _ANSWERS
    needs = "the messages of the group without gaps"

    def cues(self, params: ReplyParams) -> Mapping[Hashable, str]:
        return dict(_ASKING[one] for one in params.asked)

    def see(self, case: Case, params: ReplyParams, place: Place) -> Iterable[Finding]:
        if case.sender_id is None or case.is_robot or not case.view.is_of(params.types, params.except_types):
            return ()
        running = place.deadlines(case)
        own = [one for one in running if one.subject == case.sender_id]
        others = [one for one in running if one.subject != case.sender_id] if own else running
        asker = not params.askers or _is_one_of(case, params.askers)
        if others and not (asker and params.askers):
            for answered in _answered(case, others, anyhow=bool(params.askers)):
                place.end(case, answered)
        if own and not case.does(is_question):
            told = own_text(case.seen)[:READ]
            settled = _SETTLED.search(told) is not None
            grateful = not settled and _GRATEFUL.search(told) is not None
            for one in own:
                # Thanks before anybody spoke are thanks in advance.
                if settled or (grateful and one.data.get("heard")):
                    place.end(case, one)
        for one in others:
            one.data["heard"] = True
        # Whoever asks again asks the same: one answer serves.
        if asker and not own and self._asks(case, params):
            place.set_deadline(
                case,
                subject=case.sender_id,
                cause=case.seen.origin_id,
                due_at=case.calendar.after(case.now, params.within),
                data=_sought(case),
                most=MOST_OPEN,
            )
        return ()

    def _asks(self, case: Case, params: ReplyParams) -> bool:
        if params.by_leaders and not _leads(case):
            return False
        asked = params.asked
        asks = ("question" in asked and case.does(is_question)) or (
            "assignment" in asked and case.may(instructs) and _leads(case) and case.does(instructs)
        )
        asks = asks or ("issue" in asked and _tells_of_an_issue(own_text(case.seen)))
        return asks and not case.does(waives_reply) and not case.does(is_receipt)

    def due(self, case: Case, params: ReplyParams, deadline: Deadline) -> Iterable[Finding]:
        yield Finding(
            subject=case.group_subject,
            explanation="工作布置或问询在规定时间内无人回应",
            evidence=(Evidence(signal="deadline", category="reply", why=f"未获回应的消息：{deadline.cause}"),),
            mend=params.interim or None,
            category="reply",
        )


def _leads(case: Case) -> bool:
    return case.directory.is_leader(case.person) or case.sender_role in ("owner", "manager")


def _is_one_of(case: Case, tags: tuple[str, ...]) -> bool:
    """Say whether the sender carries one of the tags; strangers are customers, where a directory tells who is none."""
    if case.person is not None:
        return any(one in case.person.tags for one in tags)
    external = case.seen.sender is not None and case.seen.sender.scope == "external"
    return "customer" in tags and (external or bool(case.directory.people))


def _answered(case: Case, others: list[Deadline], *, anyhow: bool) -> list[Deadline]:
    """Which open questions of others a message answers: those it is addressed to, else all asked before it that it meets.

    `anyhow`: whatever is said is an answer, as the staff's words are to customers who wait for them.
    """
    seen = case.seen
    asked = [one for one in others if one.data["at"] <= case.now]
    to = _mentioned(case)
    reply_to = seen.reply_to.id if seen.reply_to else None
    direct = [one for one in asked if one.cause == reply_to or one.subject in to]
    return direct or [one for one in asked if anyhow or _meets(case, one.data, to)]


def _meets(case: Case, asked: dict[str, Any], to: set[str]) -> bool:
    """Say whether a message that is addressed to no asker answers a question all the same."""
    named = asked.get("to") or ()
    if case.sender_id in named:
        return True
    text = own_text(case.seen)
    if not text.strip():
        # A picture shows what was asked, unless somebody else is to say it.
        shows = case.seen.kind in _PICTURES and not named
        return shows or case.seen.type == "file.uploaded" or case.seen.kind not in _NO_WORDS
    told = {case.directory.people[one].name for one in named if one in case.directory.people}
    if any(one in text for one in told):
        return True
    if case.does(is_question) or (case.does(is_notice) and gist(text).isdisjoint(_about(asked))):
        return False
    # Of what somebody else is asked by name, others may know whether it is so; the rest is his to say.
    sought = asked.get("for", ())
    kinds = [one for one in sought if one == "whether"] if named else sought
    soon = not asked.get("heard") or case.now - asked["at"] <= _AT_ONCE
    next_said = bool(sought) and not named and soon
    to_the_point = is_to_the_point(
        text, kinds, _about(asked), brief=not named, next_said=next_said, aside=_is_aside(case)
    )
    # Where nothing in particular is asked for, as in an assignment, taking it on answers.
    return (not to or to <= set(named)) and (to_the_point or (not sought and takes_note(text)))


def _is_aside(case: Case) -> bool:
    """Say whether a message is measured as talk of no work."""
    return any(one.category == "off_topic" and one.score >= _IDLY for one in case.signals)


def _called(case: Case) -> list[str]:
    """Whom a question is put to: those it mentions, or whose names it begins with."""
    text = own_text(case.seen).lstrip("@ ")[:_LONGEST_CALL]
    begins = {one.id for size in range(2, len(text) + 1) if (one := case.directory.called(text[:size]))}
    return sorted({*_mentioned(case), *(begins & case.view.members if begins else ())} - {case.sender_id or ""})


def _mentioned(case: Case) -> set[str]:
    return {case.directory.subject(case.seen.platform, one.id) for one in case.seen.mentions or () if one.id}


def _sought(case: Case) -> dict[str, Any]:
    """What is remembered of a question, to know an answer by: nothing that could be read."""
    text = own_text(case.seen)
    return {"at": case.now} | _kept({"to": _called(case), "for": asked_for(text), "about": packed_gist(text)})


def _announced(case: Case) -> dict[str, Any]:
    """What is remembered of a notice."""
    text = own_text(case.seen)
    return _kept({"asked": _addressed(case, text), "about": packed_gist(text)})


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    """What says something: a group may have a hundred of these."""
    return {name: value for name, value in data.items() if value}


def packed_gist(text: str) -> str:
    """What a text is about, as it is kept with a deadline; empty where it is about nothing in particular."""
    return array("H", sorted(gist(text))).tobytes().hex()


def _about(data: Mapping[str, Any]) -> Sequence[int]:
    """The gist of what was asked or announced."""
    return array("H", bytes.fromhex(data.get("about", "")))


def _tells_of_an_issue(text: str) -> bool:
    # Who is 累坏了 is no machine that broke.
    told = _WORN_OUT.sub("", text[:READ]) if "坏了" in text else text[:READ]
    # Who finds the manners of the staff good complains of nothing.
    told = _PRAISED.sub("", told) if "态度" in told else told
    told = _THANKED.sub("", told) if "麻烦" in told or "急" in told else told
    # Who asks a favour of everybody tells of no trouble by that alone.
    told = _FAVOUR.sub("", told) if _OF_ALL.search(told) else told
    if not _ISSUE.search(told) or _SETTLED.search(told):
        return False
    return not _IN_HAND.search(told) or bool(_WANTS_MORE.search(told))


# Of a message this much is read for issues.
READ = 2000
_ISSUE = re2.compile(
    r"登不上|打不开|上不去|进不去|[登打转取查用办付收进上连开交提]不了|不能用|没法|无法|失败|报错|出错|有误|异常|异响|故障|坏了|停机了|跳闸|报警|超标|漏[油水气电]|冒烟|死机|黑屏|断[网电]了|卡住|卡死|掉线"
    r"|白屏|空白|乱码|被(锁|冻|退|拒|扣|吞|停)|锁住|锁了|吞卡|超限|冻结|多扣|重复扣|扣了两|不是我[^。，,\n]{0,3}(刷|转|操作|签)"
    r"|[没未]到账|没收到|没反应|没人|一直没|还没|迟迟|太慢|很慢|太久|好久|等了|排队"
    r"|失望|不满|投诉|态度|太差|很差|差劲|糟糕|敷衍|不负责|气人|反映"
    r"|请问|咨询|麻烦|帮忙|帮我|帮.{0,4}[查看办处联]|想[问办]|想了解|想知道|需要[办开查帮]|急用|着急|急着|尽快|怎么|能否|可否|多久|建议"
)
# Of these words each message about an issue holds one.
_ISSUE_WORDS = (
    "不[上开去了能满负是]|[没未]到|没[法收反人]|无法|失败|[报出]错|有误|异常|异响|故障|坏了|停机|跳闸|报警|超标|漏[油水气电]|冒烟|死机|黑屏|断[网电]|卡[住死]|掉线|白屏|空白|乱码"
    "|被[锁冻退拒扣吞停]|锁[住了]|吞卡|超限|冻结|扣[款了]|多扣|复扣|一直|还没|迟迟|[太很]慢|太[久差]|好久|等了|排队|失望|投诉|态度|很差|差劲|糟糕|敷衍|气人|反映|请问|咨询|麻烦|帮"
    "|想[问办了知]|需要|急用|着急|急着|尽快|怎么|能否|可否|多久|建议"
)
_ASKING: dict[str, tuple[Hashable, str]] = {
    "question": (is_question, NEEDED[is_question]),
    "assignment": (instructs, NEEDED[instructs]),
    "issue": (_ISSUE, _ISSUE_WORDS),
}
_WORN_OUT = re2.compile(
    "(累|忙|急|气|吓|乐|高兴|开心|笑|饿|渴|困|愁|闷|憋|羡慕|美|热|冻|晒|辛苦|可把)(坏了|(我|人|他|她|大家|你们)们?坏了)"
)
# 态度好差, 态度好一点 and 态度能不能好些 are no praise.
_PRAISED = re2.compile(
    r"态度[^，,。！!？?\n没差不能要该应请望]{0,4}(好([，,。！!~～、啊呀哦呢哈的了]|得很|\s|$)|(不错|还可以|棒|赞|满意|热情|耐心|专业|没得说|没话说)([^点一些吗嘛么转改差]|$))"
)
_THANKED = re2.compile(
    r"^(收到|好的?|谢谢|感谢)[了啦，,！!~ ]{0,2}麻烦(你们?|您)[们]?了[。！!~]?$|不(是很|太)?(着急|急着)"
)
_FAVOUR = re2.compile("麻烦|帮忙|尽快")
_OF_ALL = re2.compile("各位|大家|同事们|所有人|全体|互相|相互|朋友圈|转发|点赞|投[个一]?票|涨[涨点]?[人粉]")
# Who tells of trouble and what is done about it asks nothing, unless nothing came of it.
_IN_HAND = re2.compile(
    "(已经?|正在|我们|我这?边?)[^。！!？?\n]{0,10}(拦下|处理|整改|返工|挑选|补发|换[上了好]|修[好上了]|派人|安排|跟进|上报|报修|隔离|停[用机]|挂牌)"
)
_WANTS_MORE = re2.compile("谁|请|麻烦|帮|急|[?？吗呢]|没人|还没|一直|[几两三四五]次|催|怎么|不见|没来|没动静|没用|又")
# What an asker says who has got his answer.
_GRATEFUL = re2.compile(
    r"^[^\p{L}\p{N}]*(好的?|行|嗯+|OK|ok|哦+)?[，,！!~\s]*(谢谢|多谢|感谢|谢了|谢啦|太好了|太感谢|辛苦|懂了|明白|了解|原来|有了|拿到了|找到了|看到了|收到|搞定)"
)
_SETTLED = re2.compile(
    r"解决了|已经?(解决|恢复|到账|好了|办好|处理好)|没问题了|不用了|没事了"
    r"|^[^\p{L}\p{N}]*[哦噢喔啊嗯哈额呃]*[，,\s]*(看到|找到|想起来|有|是我(自己)?[^，,。]{0,8}|我[^，,。]{0,4}(看|找)到)了|自己(找|弄|查|搞)(到|好|明白)了"
    r"|^好了|又?能(登|用|打开|转)[^。，,\n]{0,2}了|(到账|通过|恢复)了|不用管"
)


class ReceiptParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within`: how long a receipt may take. `from_leaders`: instructions of leaders and owners are tracked as well;
    `requested`: notices that ask for a reply; `notices`: those of whoever leads, keeps or informs the group want one unasked.
    `by`: each `member` or one member of each `department` has to answer. `each`: who has not is found one by one."""

    within: Span = field(default_factory=lambda: Span(working_days=1, source="tenant"))
    requested: bool = True
    notices: bool = False
    from_leaders: bool = False
    by: str = "member"
    each: bool = False


class Receipts(Rule):
    """An instruction or notice that wants an answer was not acknowledged by all. Any wording of a receipt counts, and so
    does an answer to the point; a question, or talk of something else, does not.

    Nobody is chased where the notice waives replies; where it names people or departments, only they owe an answer.
    Serves `receipt:tracking`.
    """

    name = "deadline.receipt"
    Params = ReceiptParams
    watches = _ANSWERS
    needs = "members and departments of the group"

    def cues(self, params: ReceiptParams) -> Mapping[Hashable, str]:
        wanted = ((asks_reply, params.requested), (instructs, params.from_leaders), (is_notice, params.notices))
        return {one: NEEDED[one] for one, is_wanted in wanted if is_wanted}

    def see(self, case: Case, params: ReceiptParams, place: Place) -> Iterable[Finding]:
        who = case.sender_id
        if who is None or case.is_robot:
            return ()
        running = place.deadlines(case)
        owing = [one for one in running if one.subject != who and who not in one.data.get("answered", ())]
        for noted in _noted(case, owing):
            noted.data.setdefault("answered", []).append(who)
        if self._asks(case, params) and not any(one.cause == case.seen.origin_id for one in running):
            place.set_deadline(
                case,
                subject=who,
                cause=case.seen.origin_id,
                due_at=case.calendar.after(case.now, params.within),
                data=_announced(case),
                most=MOST_OPEN,
            )
        return ()

    def _asks(self, case: Case, params: ReceiptParams) -> bool:
        asks = params.requested and case.does(asks_reply) and self._may_ask(case)
        if not asks and params.from_leaders and case.may(instructs):
            asks = case.directory.is_leader(case.person) and case.does(instructs)
        if not asks and params.notices and case.does(is_notice):
            keeps = case.sender_role != "member" or case.sender_id in case.view.group.publishers
            asks = keeps or case.directory.is_leader(case.person)
        return asks and not case.does(waives_reply) and not case.does(is_receipt)

    def due(self, case: Case, params: ReceiptParams, deadline: Deadline) -> Iterable[Finding]:
        if params.each:
            yield from (_silent(case, one, deadline) for one in self._silent_people(case, deadline))
            return
        missing = self._missing(case, params, deadline)
        if missing:
            named = "、".join(missing[:12]) + ("等" if len(missing) > 12 else "")
            yield Finding(
                subject=Subject("message", deadline.cause),
                explanation=f"未在规定时间内回复：{named}（共 {len(missing)} {'个部门' if params.by == 'department' else '人'}）",
                evidence=(Evidence(signal="deadline", category="receipt", why=f"未全部回复的消息：{deadline.cause}"),),
                category="receipt",
            )

    def _may_ask(self, case: Case) -> bool:
        return case.does(is_notice) or case.directory.is_leader(case.person) or case.sender_role != "member"

    def _missing(self, case: Case, params: ReceiptParams, deadline: Deadline) -> list[str]:
        answered, asked = set(deadline.data.get("answered", ())), deadline.data.get("asked", ())
        people, owing = self._people(case, deadline)
        if params.by == "department":
            # Who gives an instruction speaks for his own department, unless it is the one that he asks.
            heard = {
                one.department for one in people if one.id in answered or (not asked and one.id == deadline.subject)
            }
            return sorted({one.department for one in owing if one.department} - heard)
        return [one.name for one in self._silent_people(case, deadline)]

    def _silent_people(self, case: Case, deadline: Deadline) -> list[Person]:
        answered = deadline.data.get("answered", ())
        _, owing = self._people(case, deadline)
        return [one for one in owing if one.id not in answered and one.id != deadline.subject]

    def _people(self, case: Case, deadline: Deadline) -> tuple[list[Person], list[Person]]:
        """The staff in the group, and those of them who are asked."""
        asked = deadline.data.get("asked", ())
        people = [case.directory.people[one] for one in sorted(case.view.members) if one in case.directory.people]
        people = [one for one in people if one.status in ("active", "probation")]
        return people, [one for one in people if not asked or one.id in asked or one.department in asked]


def _silent(case: Case, person: Person, deadline: Deadline) -> Finding:
    return Finding(
        subject=Subject("member", person.id),
        explanation="群内通知未在规定时间内回应，请回复“收到”或以其他方式表示知悉",
        evidence=(Evidence(signal="deadline", category="receipt", why=f"未回复的消息：{deadline.cause}"),),
        episode=person.id,
        category="receipt",
    )


def _noted(case: Case, notices: list[Deadline]) -> list[Deadline]:
    """Which notices a message acknowledges, or answers."""
    if not notices:
        return []
    text = own_text(case.seen)
    said = bool(text.strip())
    shows = case.seen.type == "file.uploaded" or case.seen.kind not in _NO_WORDS
    if takes_note(text) if said else shows:
        return notices
    if not said or case.does(is_question):
        return []
    if case.person is not None and case.person.name in text:
        return notices
    reply_to = case.seen.reply_to.id if case.seen.reply_to else None
    mentioned, words = _mentioned(case), gist(text)
    return [
        one
        for one in notices
        if one.cause == reply_to or one.subject in mentioned or not words.isdisjoint(_about(one.data))
    ]


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


# A name stands at the very beginning of what is said to somebody.
_LONGEST_CALL = 20
# What is said first after a question, or so soon in milliseconds, answers it unless it is visibly about something else.
_AT_ONCE = 30 * 60_000
# From this trained score on a message is rather talk of no work.
_IDLY = 0.75
_PICTURES = frozenset({"image", "video"})
# What is sent without words and tells nobody that it was read.
_NO_WORDS = frozenset({"image", "video", "red_packet", "transfer", "unknown"})
_EVERYBODY = re2.compile(r"各|全体|所有|大家|每个|每位")
_TOWARDS = ("交", "报", "到", "至", "给", "向", "送", "找", "往", "去")
