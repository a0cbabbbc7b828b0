"""Rules on what keepers and joiners have to do and to state, and on work that is turned away or not put on record.

Whether a patrol, a backup or a training took place, no chat shows: each is a stated fact, and its absence is what is found.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Literal

import re2
from msgspec import Struct, field

from models import Evidence, Person, Subject
from models.observation import MESSAGE_TYPES, Millis
from policies.deadlines import Deadline
from policies.rules.base import Case, Finding, Place, Rule, own_text
from policies.rules.roster import known_as, shown_name
from policies.schema import Span

# A group can wait for this many joiners at once; the oldest gives way.
MOST_JOINERS = 200
# So many names are told; of more only how many there are.
MOST_NAMED = 12
# Of a message this much is read.
READ = 2000


def stated_at(case: Case, name: str) -> Millis | None:
    """When a fact came true: the date that it gives, else when it was stated; None where it is not on record, or denied.

    A date still to come is no date on which something was done, and one that no calendar has is none at all.
    """
    value = case.view.fact(name)
    if value is None or value is False or value == "":
        return None
    given = case.calendar.millis(value)
    stated = case.state.stated.get(name)
    return given if given is not None and given <= case.now else stated


class PeriodicParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `keeper` has to do the `duty` once in `every` span and to state `fact`; a duty and a keeper are wording.

    `after`: not in turns, but within `every` after this fact came true. `started`: the clock runs only once the duty was
    stated for the first time. `shown_by`: an observation that shows it done.
    """

    duty: str
    fact: str
    every: Span = field(default_factory=lambda: Span(days=30, source="tenant"))
    keeper: str = "管理员"
    after: str = ""
    started: bool = False
    shown_by: Literal["", "group.notice_changed"] = ""
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Periodic(Rule):
    """A recurring duty was not stated within its period.

    The first period begins when the rule first looks at the group: nobody owes what lies before. Mended as soon as it is
    stated. Serves `audit:patrol`, `archive:backup`, `archive:organise`, `policy:publish`, `policy:review`,
    `training:ack` and `task:follow-up` where they come in turns.
    """

    name = "duty.periodic"
    Params = PeriodicParams
    watches = frozenset({"group.notice_changed"})
    standing = True
    needs = "what keepers state as done"

    def see(self, case: Case, params: PeriodicParams, place: Place) -> Iterable[Finding]:
        if case.seen.type == params.shown_by:
            case.state.counted[params.fact] = max(case.now, case.state.counted.get(params.fact, 0))
        return ()

    def faults(self, case: Case, params: PeriodicParams, subject: str | None) -> Iterable[Finding]:
        if subject is not None or not case.view.known or not case.view.is_of(params.types, params.except_types):
            return
        due_at = self._due_at(case, params)
        if due_at is not None and case.now >= due_at:
            yield Finding(
                subject=case.group_subject,
                explanation=f"{params.keeper}未在规定时间内（{worded(params.every)}）登记：{params.duty}",
                evidence=(Evidence(signal="facts", category="duty", why=f"没有“{params.fact}”的新记录"),),
                mend=f"完成后登记 {params.fact}",
                category="duty",
            )

    def _due_at(self, case: Case, params: PeriodicParams) -> Millis | None:
        done, counted = stated_at(case, params.fact), case.state.counted
        if params.after:
            since = stated_at(case, params.after)
            shown = max(done or 0, counted.get(params.fact, 0))
            return None if since is None or shown >= since else case.calendar.after(since, params.every)
        if not params.started:
            counted.setdefault(params.fact, case.now)
        last = max(done or 0, counted.get(params.fact, 0))
        return case.calendar.after(last, params.every) if last else None


_UNITS = (("days", "天"), ("working_days", "个工作日"), ("hours", "小时"), ("minutes", "分钟"))


def worded(span: Span) -> str:
    """A span in Chinese: 3个工作日, 2小时（工作时间）."""
    amounts = ((getattr(span, name), unit) for name, unit in _UNITS)
    told = "".join(f"{amount:g}{unit}" for amount, unit in amounts if amount)
    return f"{told or '即时'}（工作时间）" if span.working else told or "即时"


class JoinerParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A joiner has to do the `duty` (wording) `within` a span. `by`: what shows it done, any of them: `acknowledgement`
    of the policy, an `introduction` of himself, any `message`, or a fact of his, such as `training_confirmed`."""

    duty: str
    within: Span = field(default_factory=lambda: Span(working_days=3, source="tenant"))
    by: tuple[str, ...] = ("acknowledgement",)
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Joiner(Rule):
    """Somebody who joined before our eyes has not done in time what a joiner has to do.

    Who leaves before his date owes nothing, and who joins again has the whole span again. What arrives after the date was
    judged changes nothing: a person may overturn the finding. Serves `training:ack` on joining and `task:follow-up`
    (introduction).
    """

    name = "duty.joiner"
    Params = JoinerParams
    watches = MESSAGE_TYPES | {"member.joined", "member.left", "member.removed", "policy.acknowledged"}
    needs = "joining as the platform shows it; acknowledgements and trainings as stated"

    def cues(self, params: JoinerParams) -> Mapping[Hashable, str]:
        # Where nobody is awaited, no words count.
        return {}

    def see(self, case: Case, params: JoinerParams, place: Place) -> Iterable[Finding]:
        seen, who = case.seen, case.sender_id
        if seen.is_message:
            # Nearly everybody who speaks has been here for long.
            if who in case.state.joined and self._says(case, params):
                _drop(case, place, who)
        elif seen.type == "policy.acknowledged":
            if "acknowledgement" in params.by:
                _drop(case, place, who)
        else:
            who = case.target_id or who
            _drop(case, place, who)
            if seen.type == "member.joined" and who is not None:
                self._await(case, params, place, who)
        return ()

    def _says(self, case: Case, params: JoinerParams) -> bool:
        if "message" in params.by:
            return True
        name = case.person.name if case.person else ""
        text = own_text(case.seen)[:READ]
        return "introduction" in params.by and (bool(_INTRODUCES.search(text)) or bool(name and name in text))

    def _await(self, case: Case, params: JoinerParams, place: Place, who: str) -> None:
        person = case.directory.people.get(who)
        own_account = case.seen.target is not None and case.seen.target.id == case.seen.account
        if own_account or (person and "customer" in person.tags):
            return
        if not case.view.is_of(params.types, params.except_types):
            return
        due_at = case.calendar.after(case.now, params.within)
        place.set_deadline(case, subject=who, cause=case.seen.origin_id, due_at=due_at, most=MOST_JOINERS)

    def due(self, case: Case, params: JoinerParams, deadline: Deadline) -> Iterable[Finding]:
        who = deadline.subject
        facts = ["policy_acknowledged" if one == "acknowledgement" else one for one in params.by]
        if who not in case.view.members or any(case.view.fact(f"{one}:{who}") for one in facts):
            return
        person = case.directory.people.get(who)
        yield Finding(
            subject=Subject("member", who),
            explanation=f"{known_as(case, person) if person else shown_name(case, who)}入群后未在规定时间内完成：{params.duty}",
            evidence=(
                Evidence(signal="deadline", category="duty", why=f"入群后{worded(params.within)}内没有相应记录"),
            ),
            category="duty",
        )


_INTRODUCES = re2.compile(r"我是|我叫|本人|自我介绍|新(来|人|同事|成员)|请多(多)?(关照|指教)|初来乍到|刚(入职|加入|来)")


def _drop(case: Case, place: Place, who: str | None) -> None:
    for one in place.deadlines(case):
        if one.subject == who:
            place.end(case, one)


class AcknowledgedParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`facts`: any of these says that a new version of the policy was published; the latest counts. `within`: how long
    members have to acknowledge it; who joined later has as long from then."""

    facts: tuple[str, ...] = ("policy_published_at",)
    within: Span = field(default_factory=lambda: Span(working_days=3, source="tenant"))
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Acknowledged(Rule):
    """Members have not acknowledged the newest version of the policy: one finding on the group, which lists them.

    An acknowledgement is an observation of its own, or the stated fact `policy_acknowledged` of a person; one of an older
    version counts no more. Without a publication on record nobody owes any. Serves `training:ack`, `policy:publish`.
    """

    name = "policy.acknowledged"
    Params = AcknowledgedParams
    standing = True
    needs = "publication and acknowledgements as stated facts"

    def faults(self, case: Case, params: AcknowledgedParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.known or not view.is_of(params.types, params.except_types):
            return
        # What was published before the group was watched counts from the first look.
        watched = case.state.counted.setdefault("policy_acknowledged", case.now)
        published = max((stated_at(case, one) or 0 for one in params.facts), default=0)
        if not published or case.now < case.calendar.after(max(published, watched), params.within):
            return
        people = (case.directory.people.get(one) for one in sorted(view.members))
        missing = [one for one in people if one and self._owes(case, params, one, published)]
        if missing:
            named = "、".join(known_as(case, one) for one in missing[:MOST_NAMED])
            more = "等" if len(missing) > MOST_NAMED else ""
            yield Finding(
                subject=case.group_subject,
                explanation=f"新版制度已发布，尚未确认：{named}{more}（共 {len(missing)} 人）",
                evidence=(Evidence(signal="facts", category="duty", why=f"{worded(params.within)}内没有确认记录"),),
                category="duty",
            )

    def _owes(self, case: Case, params: AcknowledgedParams, person: Person, published: Millis) -> bool:
        if person.status not in ("active", "probation") or "customer" in person.tags:
            return False
        joined = case.state.joined.get(person.id, 0)
        if joined > published and case.now < case.calendar.after(joined, params.within):
            return False
        return (stated_at(case, f"policy_acknowledged:{person.id}") or 0) < published


class RecordParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`duty`: what the keeper is asked to do with it, as wording."""

    duty: str = "登记决策并存档"
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Record(Rule):
    """Somebody tells the group what was decided: the keeper is asked to put it on record. Nobody has broken anything.

    Questions, and what is not decided yet, are left alone. Serves `archive:decision-log`, `archive:backup` of important
    matters.
    """

    name = "duty.record"
    Params = RecordParams
    watches = MESSAGE_TYPES

    def cues(self, params: RecordParams) -> Mapping[Hashable, str]:
        return {_DECIDED: "定[了下为在于]|[决商议敲确约]定|明确|通过|拍板|同意|决议|一致|结论|纪要|方案"}

    def see(self, case: Case, params: RecordParams, place: Place) -> Iterable[Finding]:
        if case.is_robot or not case.view.is_of(params.types, params.except_types):
            return
        text = own_text(case.seen)[:READ]
        found = _DECIDED.search(text)
        if found and not _OPEN.search(text):
            why = Evidence(signal="conversation", category="decision", span=found.span(), why="说明了已作出的决定")
            yield Finding(
                subject=case.group_subject,
                explanation=f"群内通报了决定，请管理员{params.duty}",
                evidence=(why,),
                category="decision",
            )


_DECIDED = re2.compile(
    r"(会上|会议|会后|开完会|散会|例会|班子会|党组会|办公会|碰头会|讨论后|商量后|研究后)[^。\n]{0,6}(定了|定下|决定|议定|商定|敲定|确定|明确|通过|拍板)"
    r"|经[^。\n]{0,8}(研究|讨论|会议|商议)[^。\n]{0,4}(决定|同意|确定|通过)"
    r"|(最终|最后|一致|正式|现已|已经)(决定|确定|敲定|商定|议定|定为|同意|表决通过)"
    r"|(领导|书记|局长|厂长|经理|组里|我们|大家)(已经|已|都)?(拍板|敲定|商定|议定)"
    r"|决定(采用|采纳|选用|由|将|按照?|从|自|改为|推迟|取消|启用|暂停)"
    r"|(方案|计划|预算|日期|工期|分工)(已经|已)?(定了|定下来|敲定|拍板|定为|确定为)"
    r"|(上线|交付|投产|开工|竣工|完工|验收|交底|切换|移交)(时间|日期|节点)?(就|已经|已|最终|正式|统一)?(定在|定于|定为|确定为)"
    r"|[总局处科长任](已经|已|都)?(拍板|敲定)|(最后|最终|统一|就)(按|用|走|选)[^。，,\n]{0,8}方案|定下来了?(用|按|走|选|由|采用)"
    r"|(^|[\n。；;，, ])(会议)?(结论|决议|决定|议定事项|纪要)(如下)?\s*[:：]"
    r"|(形成|达成)[^。\n]{0,4}(决议|一致意见|结论)"
)
_OPEN = re2.compile(
    r"[?？]|还没|尚未|未定|待定|没有?(决定|定|确定|通过)|(等|待|看|请|由)[^。\n]{0,8}(决定|拍板|定夺|确定)|如果|要是|假如|怎么定|谁定"
)


class ShirkingParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`types`, `except_types`: in groups of these types, and not in those."""

    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Shirking(Rule):
    """Somebody of the staff turns a question or a request away (不归我们管) instead of passing it on.

    Who passes it on, or names who will help, shirks nothing; nor does who tells others not to answer so. Customers owe
    nobody anything. Serves `task:follow-up` (no shirking).
    """

    name = "duty.shirking"
    Params = ShirkingParams
    watches = MESSAGE_TYPES

    def cues(self, params: ShirkingParams) -> Mapping[Hashable, str]:
        return {_SHIRKS: _TURNING}

    def see(self, case: Case, params: ShirkingParams, place: Place) -> Iterable[Finding]:
        stranger = case.sender_id is None or (
            bool(case.directory.people) and case.directory.is_stranger(case.sender_id)
        )
        if stranger or case.is_robot or not case.view.is_of(params.types, params.except_types):
            return
        text = own_text(case.seen)[:READ]
        found = _SHIRKS.search(text)
        if found and not _PASSES_ON.search(text):
            why = Evidence(
                signal="conversation", category="shirking", span=found.span(), why="没有转达，也没有给出办法"
            )
            yield Finding(
                subject=case.offender,
                explanation="对群内的问题推托，没有转达或跟进",
                evidence=(why,),
                mend="不能解决的，请转达有关部门并告知对方由谁跟进",
                category="shirking",
            )


# Of these words each message that shirks holds one.
_TURNING = (
    "不归|不是|不属|不该|不应|轮不|不由|不在|系|无关|相干|管不|不管|没空|没工|没时|自己|去|别[再老总来找问]|没用"
    "|下班|找谁|谁谁|问错|等着|急什|急啥|催什|没有?关系"
)
_SHIRKS = re2.compile(
    r"(不归|不是|不属于|轮不到|不由)(我|我们|咱们?|本)[^，。,\n]{0,6}(管|负责|处理|的事|的活|的职责|范围)"
    r"|不归(我|我们|咱们?)|(不该|不应该?|轮不到|不由|不在)(我|我们|咱们?|本)[^，。,\n]{0,6}(管|办|负责|处理|这(里|儿)|范围)"
    r"|(这|那)(事|个|种事|问题|块)?(跟|和|与|同)(我|我们|咱们?)[^，。,\n]{0,4}(没关系|没有关系|无关|不相干)"
    r"|(我|我们|这边|这里)(也|可|都)?(管不了|不管(这|那)|没空|没工夫|没时间(管|处理|理))"
    r"|(^|[^我们])(你|您|你们)?自己(去)?(想办法|解决|看着办)"
    r"|(跟|和|与|同)(我|我们|咱们?|我行|本行)(真的|完全|可)?没有?(什么|半点)?关系(啊|呀|哈|吧|的)?([。,，!！\n]|$)"
    r"|(^|[^我们以])找[^，。,\n]{1,8}去(吧)?([。,，!！~]|$)|(^|[^我们])(打|拨)[^，。,\n]{1,8}电话去(吧)?[。!！~]*$"
    r"|别(再|老|总)?(来)?(找|问)(我|我们)|(问|找)(我|我们)也?没用"
    r"|下班了[^。\n]{0,6}(明天|明早|改天|周一|下周)再"
    r"|爱找谁找谁|爱谁谁|问错人了|(慢慢)?等着吧|急什么急?|催什么"
)
_PASSES_ON = re2.compile(
    r"转(给|告|达|交|到|过去|办|相关|有关|科技|信息|技术)|帮(您|你|忙|大家)|我(来|去|这就|马上|现在)?(联系|协调|问|找|反馈|上报|核实|对接)"
    r"|已(经)?(联系|反馈|上报|通知|报给|安排|协调|请)|(电话|热线|分机|客服)[^，。\n]{0,4}[0-9]{3,}"
    r"|(不能|不要|不得|不许|不可|不准|严禁|杜绝|避免|别|勿)[^，。,\n]{0,6}(说|讲|用|以|回复|回答|推诿|推托)|推诿"
)
