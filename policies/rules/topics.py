"""Rules on whether something belongs into this group, now, and between these people."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import re2
from msgspec import Struct, field

from classifiers.conversation import NEEDED, is_notice, is_question, is_receipt
from classifiers.simplified import simplified
from models import Evidence, Subject
from models.observation import MESSAGE_TYPES, Millis
from policies.calendar import DAY
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.rules.content import (
    MEASURED,
    MOST_REMEMBERED,
    NAMES,
    SOLICITED,
    counted,
    happened_within,
    has,
    is_complaint,
    weigh,
)
from policies.rules.shop_floor import deals_with_others
from policies.schema import Span

# Code points of one text in which words are looked for; what a message is about stands at its beginning.
_READ = 2000
# Stands in a word for a few characters of the same sentence, as in the word lists.
_GAP = "…"


@lru_cache(512)
def _pattern(words: tuple[str, ...]) -> Any:
    """An expression for words as they are looked for in plain text. Latin letters and digits must not go on beyond one."""
    parts = []
    for word in words:
        pieces = [re2.escape(_plain(piece)) for piece in word.split(_GAP)]
        if all(pieces):
            whole = "[^。!！?？\n]{0,8}?".join(pieces)
            parts.append(rf"\b{whole}\b" if word.isascii() else whole)
    return re2.compile("|".join(parts)) if parts else None


_SPACED = re.compile(r"(?<=[一-鿿])\s+(?=[一-鿿])")


def _plain(text: str) -> str:
    """Nobody hides what belongs here, so this is less than folding, and a tenth of what that costs for one text."""
    return _SPACED.sub("", simplified(text)).lower()


def named(text: str, matters: dict[str, tuple[str, ...]]) -> tuple[str, str] | None:
    """Which of some matters a text names first, and with which word; None if none.

    `matters` is {name: words}; in small letters and simplified characters all are alike, and words may have gaps (报销…发票).
    The name itself counts as a word.
    """
    return _first_of(_expressions(matters), text)


def _expressions(matters: Mapping[str, Sequence[str]]) -> tuple[tuple[str, Any], ...]:
    found = ((name, _pattern((name, *words))) for name, words in matters.items())
    return tuple((name, pattern) for name, pattern in found if pattern is not None)


def _first_of(expressions: Iterable[tuple[str, Any]], text: str) -> tuple[str, str] | None:
    plain = readable(_plain(text[:_READ])) if text else ""
    for name, pattern in expressions:
        if found := pattern.search(plain):
            return name, found.group()
    return None


# Parameters are compared by identity: those of a binding are made once, and so is what they are compiled to.
class TopicParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """`category`: what is measured as not belonging here. `topics` {name: words} are what belongs here all the same; a
    message that names one of them passes. `types`, `except_types` of groups. `working_hours`: only then.
    `suspended_by`: a fact of the group; while it is true, or for a day from the time it states, nothing is off topic.
    `own_offers`: the staff may offer what the topics name, the house's own services. `exempt_roles` may write anything.
    Only more than `times` such messages of one sender `within` a span are found."""

    category: str | tuple[str, ...] = "off_topic"
    topics: dict[str, tuple[str, ...]] = {}
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    working_hours: bool = False
    suspended_by: str | None = None
    own_offers: bool = False
    exempt_roles: tuple[str, ...] = ()
    times: int = 0
    within: Span = field(default_factory=lambda: Span(days=7, source="tenant"))

    @property
    def categories(self) -> tuple[str, ...]:
        return (self.category,) if isinstance(self.category, str) else self.category


@lru_cache(512)
def _allowed(params: TopicParams) -> tuple[tuple[str, Any], ...]:
    return _expressions(params.topics)


class TopicAllowed(Rule):
    """A message has nothing to do with what the group is for. Never certain: a person looks.

    Serves `classifier:off-topic`, and with `topics` `topic:allow-list`. What fits none of the listed topics is no breach by
    itself: it has to be measured as off topic (or as an advert, where the pack says so). A call to buy or join does not
    come to belong here by naming a topic.
    """

    name = "topic.allowed"
    Params = TopicParams
    watches = MESSAGE_TYPES
    needs = "the type of the group; for exceptions the fact that suspends the rule"

    def reads(self, params: TopicParams) -> frozenset[str]:
        return frozenset(params.categories)

    def blind(self, params: TopicParams) -> str | None:
        missing = [one for one in params.categories if one not in MEASURED]
        return f"no detector or list for {', '.join(missing)} yet" if len(missing) == len(params.categories) else None

    def see(self, case: Case, params: TopicParams, place: Place) -> Iterable[Finding]:
        if case.is_robot or not _applies(case, params) or case.sender_role in params.exempt_roles:
            return
        weighed = [found for one in params.categories if (found := weigh(case, one)) is not None]
        if not weighed:
            return
        best = max(weighed, key=lambda one: (one.certain, one.score))
        # A strong word has no cut.
        if best.category == "off_topic" and best.cut is not None and deals_with_others(own_text(case.seen)):
            return
        called = any(one.certain and one.category in SOLICITED for one in weighed)
        if params.own_offers and case.sender_id in case.directory.people:
            called = called and case.directory.is_stranger(case.sender_id or "")
        if not called and _first_of(_allowed(params), own_text(case.seen)):
            return
        if params.times and not _too_often(case, params, place):
            return
        purpose = f"（{'、'.join(params.topics)}等）" if params.topics else ""
        yield Finding(
            subject=case.offender,
            explanation=f"内容可能与本群用途{purpose}无关，待人工复核",
            evidence=best.evidence,
            score=best.score,
            certain=False,
            cut=best.cut,
            category=best.category,
        )


def _applies(case: Case, params: TopicParams) -> bool:
    if not case.view.is_of(params.types, params.except_types):
        return False
    if params.working_hours and not is_working_time(case):
        return False
    return params.suspended_by is None or not _is_suspended(case, case.view.fact(params.suspended_by))


def is_working_time(case: Case) -> bool:
    local = case.calendar.local(case.now)
    return case.calendar.is_working_day(local.date()) and case.calendar.start <= local.time() < case.calendar.end


def _is_suspended(case: Case, fact: Any) -> bool:
    """A time holds for a day from then on; anything else as long as it is on record."""
    at = None if isinstance(fact, bool) else case.calendar.millis(fact)
    return bool(fact) if at is None else at <= case.now < at + DAY


def _too_often(case: Case, params: TopicParams, place: Place) -> bool:
    return case.sender_id is not None and counted(case, f"topic|{place.clause}", params.within) > params.times


class VenueParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """What belongs elsewhere, and `route`, the wording of where.

    `matters` {name: words} of questions and complaints (of any message, where `asking` is false, which costs folding each);
    `category`: what is measured as belonging elsewhere; `single_mention`: who asks one person only, in a group of more
    than `larger_than` people; `mis_sent`: who says that something went to the wrong group, or takes a file with a name of
    `delicate` words back `within` a span. People of `keepers`, departments, may speak of it. `complaints`: whether
    complaints about pay, safety or harassment count among the `category`; not where they have a way of their own.
    `types` of groups."""

    route: str = "到对应的渠道"
    matters: dict[str, tuple[str, ...]] = {}
    asking: bool = True
    category: str | tuple[str, ...] = ()
    single_mention: bool = False
    larger_than: int = 20
    mis_sent: bool = False
    delicate: tuple[str, ...] = (
        "考核", "绩效", "考评", "薪", "工资", "奖金", "花名册", "身份证", "体检", "病历", "合同", "报价", "底价", "标书", "机密",
        "秘密", "内部", "保密", "处分", "举报", "档案", "简历", "测评",
    )  # fmt: skip
    within: Span = field(default_factory=lambda: Span(minutes=10, source="tenant"))
    keepers: tuple[str, ...] = ()
    complaints: bool = True
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        return (self.category,) if isinstance(self.category, str) else self.category


@lru_cache(512)
def _elsewhere(params: VenueParams) -> tuple[tuple[str, Any], ...]:
    return _expressions(params.matters)


class TopicVenue(Rule):
    """Something belongs elsewhere: to another group, to an office, or between two people. A hint, never certain.

    Serves `route:wrong-venue`. A complaint about pay or safety is told the way, not that it was wrong.
    """

    name = "topic.venue"
    Params = VenueParams
    watches = MESSAGE_TYPES | {"message.recalled"}
    needs = "how many people are in the group; departments of people, where some may speak of it"

    def reads(self, params: VenueParams) -> frozenset[str] | None:
        only_measured = params.category and not (params.matters or params.single_mention or params.mis_sent)
        return frozenset(params.categories) if only_measured else None

    def blind(self, params: VenueParams) -> str | None:
        if params.matters or params.single_mention or params.mis_sent or set(params.categories) & MEASURED:
            return None
        return f"no detector or list for {', '.join(params.categories) or 'anything'} yet"

    def heeds(self, params: VenueParams) -> frozenset[str]:
        return frozenset({*params.categories, *(("protected", "negative_emotion") if params.matters else ())})

    def cues(self, params: VenueParams) -> Mapping[Hashable, str] | None:
        if params.matters and not params.asking:
            return None
        found: dict[Hashable, str] = {}
        if params.matters:
            found |= {is_question: NEEDED[is_question], _DOUBTS: _DOUBTING}
        if params.single_mention:
            found |= {_CALLS: f"@|{_CALLED}"}
        return found | ({_SAYS_MIS_SENT: _MIS_SENT} if params.mis_sent else {})

    def see(self, case: Case, params: VenueParams, place: Place) -> Iterable[Finding]:
        if case.is_robot or not case.view.is_of(params.types, params.except_types):
            return ()
        if params.mis_sent and (sent := self._mis_sent(case, params)):
            return (sent,)
        if case.seen.type == "message.recalled" or self._keeps(case, params):
            return ()
        told = self._belongs_elsewhere(case, params)
        return (_hint(case.offender, told, params.route, case),) if told else ()

    def _keeps(self, case: Case, params: VenueParams) -> bool:
        department = case.person.department if case.person else None
        return department is not None and any(one in department for one in params.keepers)

    def _belongs_elsewhere(self, case: Case, params: VenueParams) -> str | None:
        if params.matters and (not params.asking or _asks_or_complains(case)):
            matter = _first_of(_elsewhere(params), own_text(case.seen))
            if matter and not _is_told_of(case):
                return f"涉及{matter[0]}的事宜"
        for category in params.categories if params.complaints or not is_complaint(case.signals) else ():
            if weigh(case, category):
                return f"可能属于{NAMES.get(category, category)}的内容"
        if params.single_mention and len(case.view.members) > params.larger_than and _asks_one_person(case):
            return "只涉及个别人的事宜"
        return None

    def _mis_sent(self, case: Case, params: VenueParams) -> Finding | None:
        seen = case.seen
        if seen.type == "message.recalled":
            return _taken_back(case, params) if case.state.lately.get("files sent") else None
        text = own_text(seen)
        if len(text) <= 60 and _SAYS_MIS_SENT.search(readable(text)):
            return _hint(Subject("message", seen.origin_id), "可能误发到本群的内容", params.route, case)
        if seen.attachments and case.sender_id and seen.type == "message.created":
            names = "\n".join(one.name or "" for one in seen.attachments[:20])
            delicate = _pattern(params.delicate)
            if delicate is not None and delicate.search(readable(_plain(names[:_READ]))):
                sent = (case.now, case.sender_id, seen.id)
                case.state.keep(
                    "files sent", [*happened_within(case, "files sent", params.within), sent][-MOST_REMEMBERED:]
                )
        return None


# Of these words each message that says so holds one.
_MIS_SENT = "错|误|滑|串|岔|[该是]发|[要想]发"
_SAYS_MIS_SENT = re2.compile(
    r"发错(?:群|了|地方|人)|[错误]发(?:到)?(?:群|本群|这里|了|文件)|(?:发|传)到?错(?:了)?群|误传|误发"
    r"|手滑[^。\n]{0,6}[发点撤]|发[岔串]了?|串群|不(?:是|该)发(?:到|在)?(?:这|本群|咱们?群)|本来(?:是)?(?:要|想)发[^。\n]{0,8}(?:群|他|她)"
)
_TO_ONE = re2.compile(r"@([^\s@,，:：]{1,20})")
# 老李,3号机参数发我看看; 麻烦王工你把图给我; 财务小郑，…: one person is called by name before what is asked of him.
_CALLS = re.compile(
    r"\W*(?:麻烦|请问?)?((?!各位?|大家|所有|全体|小组长)(?:[一-鿿]{2,5})?(?:[老小阿](?![组区时板]|伙伴)[一-鿿]|[一-鿿]{1,2}(?:工|师傅|姐|哥|总|主任|经理|主管|班长|组长|科长)))\s*[,，:：、你您]"
)
_CALLED = "[老小阿]|[工姐哥总傅任理管长]$|[工姐哥总傅任理管长][你您、]"
# Something about a sum does not seem right: 全勤奖没算进去, 社保多扣了一笔.
_DOUBTS = re2.compile("[没未少漏错][算发给扣到]|算[错漏少]|多扣|扣[多错]|对不上|不对劲?|不一致|怎么[扣算]")
_DOUBTING = "[没未少漏错][算发给扣到]|算[错漏少]|多扣|扣[多错]|不[上对一]|怎么"
_REQUESTS = re2.compile(
    "发我|发给我|给我|帮我|帮忙|麻烦|看一?下|看看|查一?下|改一?下|确认一?下|你[那这]边|你的|找你|问你|跟你|和你|回我|私我|有空|在吗|方便|哪去了|什么时候"
)


# What was settled, laid down or is told to all asks for nothing: 加班费按双倍算, 换岗手续走完了.
_SETTLED = re2.compile(
    r"(?:已经?|都|全)(?:安排|办|处理|解决|批|谈|发|补|到账|核对|报)|(?:安排|办|处理|解决|谈|补)好了?|(?:办|走|批|补|发)完了?|[发补批]下来了|批了|到账了"
    r"|按[^，,。\n]{0,8}(?:算|计|发|执行|双倍|倍|标准)|随[^，,。\n]{0,4}(?:一起)?发|标准[^，,。\n]{0,6}(?:贴|见|在)|名单[^，,。\n]{0,4}(?:报|交|贴)|通知(?:里|上|见)"
)
_WANTS = re2.compile(
    r"[?？吗呢]|谁管|怎么|为什么|为啥|凭什么|[没未少漏错]|不对|多扣|我要|我想|给我|要求(?:公司|厂)|说法|什么时候"
)


def _is_told_of(case: Case) -> bool:
    """Say whether a matter is only told of, as settled or as it is done, and nothing is wanted."""
    text = readable(own_text(case.seen)[:_READ])
    return _SETTLED.search(text) is not None and _WANTS.search(text) is None


def _asks_or_complains(case: Case) -> bool:
    if case.signals and (is_complaint(case.signals) or has(case.signals, "negative_emotion")):
        return True
    return case.does(is_question) or _DOUBTS.search(readable(own_text(case.seen)[:_READ])) is not None


def _asks_one_person(case: Case) -> bool:
    """Say whether a message asks exactly one person something. Leaders assign, and a notice concerns all."""
    seen = case.seen
    text = own_text(seen)
    called = _CALLS.match(text)
    if seen.mention_all or not (seen.mentions or "@" in text or called):
        return False
    mentioned = {one.id or one.name for one in seen.mentions or ()} or set(_TO_ONE.findall(readable(text[:_READ])))
    if not mentioned and called:
        mentioned = {called[1]}
    if len(mentioned) != 1 or mentioned & {"所有人", "全体成员", "all"}:
        return False
    if case.directory.is_leader(case.person) or case.does(is_receipt) or case.does(is_notice):
        return False
    return case.does(is_question) or _REQUESTS.search(readable(text[:_READ])) is not None


def _taken_back(case: Case, params: VenueParams) -> Finding | None:
    """The note about a delicate file that its sender took back at once."""
    of = case.seen.recall_of
    lately = happened_within(case, "files sent", params.within)
    taken = [one for one in lately if of is not None and one[2] == of.id and one[1] == case.sender_id]
    case.state.keep("files sent", [one for one in lately if one not in taken])
    if not taken:
        return None
    return _hint(
        Subject("message", taken[0][2]), "发出后随即撤回的文件可能误发到本群，涉及此文件的情况", params.route, case
    )


def _hint(subject: Subject, told: str, route: str, case: Case) -> Finding:
    return Finding(
        subject=subject,
        explanation=f"{told}，建议{route}",
        certain=False,
        evidence=(Evidence(signal="venue", category="venue", why=told),),
        category="venue",
    )


class ArgumentParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`turns` hostile messages in which two people answer one another by turns, `within` a span, are an argument; up to
    half of them may be so faintly. `hostile`: the categories of which such a message is. `route`: what is suggested."""

    turns: int = 4
    within: Span = field(default_factory=lambda: Span(minutes=15, source="tenant"))
    hostile: tuple[str, ...] = ("quarrel", "abuse", "violence", "negative_emotion")
    route: str = "私下沟通"


class TopicArgument(Rule):
    """Two people quarrel in front of all. One quarrel is one finding for each of them, and a person looks.

    Each turn has to be hostile by itself, if only by a weak word: dissent with reasons is none, however long. One with a
    score that one in a hundred normal messages reaches is faintly so and counts half. Others may speak in between.
    Serves `thread:public-argument`, and by `route` `route:wrong-venue` where doubts go to private talk.
    """

    name = "topic.argument"
    Params = ArgumentParams
    watches = frozenset({"message.created"})
    needs = "the messages of the group without gaps"

    def reads(self, params: ArgumentParams) -> frozenset[str]:
        return frozenset(params.hostile)

    def blind(self, params: ArgumentParams) -> str | None:
        known = [one for one in params.hostile if one in MEASURED]
        return None if known else f"no detector or list for {', '.join(params.hostile)} yet"

    def see(self, case: Case, params: ArgumentParams, place: Place) -> Iterable[Finding]:
        who = case.sender_id
        if who is None or case.is_robot:
            return
        hostility = max(_hostility(case, one) for one in params.hostile)
        if not hostility:
            return
        key = f"argument|{hostility}|{place.clause}"
        said = happened_within(case, key, params.within)
        if all(which != case.seen.origin_id for _, _, which in said):
            said.append((case.now, who, case.seen.origin_id))
        case.state.keep(key, said[-MOST_REMEMBERED // 2 :])
        lately = sorted(
            (*one, weight)
            for weight in (_FAINT, _CLEAR)
            for one in happened_within(case, f"argument|{weight}|{place.clause}", params.within)
        )
        for other in sorted({one for _, one, _, _ in lately} - {who}):
            turns = _turns(lately, who, other)
            enough = sum(turns.values()) >= params.turns * (_CLEAR + _FAINT) / 2
            if len(turns) >= params.turns and enough and self._is_new(case, params, place, who, other):
                yield from (_quarrel(one, list(turns), params) for one in (who, other))

    def _is_new(self, case: Case, params: ArgumentParams, place: Place, who: str, other: str) -> bool:
        key = "|".join((place.clause, *sorted((who, other))))
        running = case.state.episodes.get(key, 0) > case.now
        case.state.episodes[key] = case.calendar.after(case.now, params.within)
        return not running


_FAINT, _CLEAR = 1, 2


def _hostility(case: Case, category: str) -> int:
    """How hostile a message is as one turn of several: clearly by a weak word or the review cut, faintly by any score."""
    asked, _ = case.basis.points(category)
    measured = [one for one in case.signals if one.category == category and not one.unavailable]
    if any(one.score >= (asked if one.classifier.startswith("trained") else 0.5) for one in measured):
        return _CLEAR
    return _FAINT if measured else 0


def _turns(lately: Sequence[tuple[Millis, str, str, int]], who: str, other: str) -> dict[str, int]:
    """How hostile each turn of two people is, by its first message; what one says in a row is one turn."""
    turns: dict[str, int] = {}
    last = first = ""
    for _, one, which, weight in lately:
        if one not in (who, other):
            continue
        if one != last:
            first, last = which, one
        turns[first] = max(turns.get(first, 0), weight)
    return turns


def _quarrel(who: str, turns: Sequence[str], params: ArgumentParams) -> Finding:
    counted = f"两人在群内你来我往争吵 {len(turns)} 个来回"
    return Finding(
        subject=Subject("member", who),
        explanation=f"{counted}，建议{params.route}，待人工复核",
        certain=False,
        evidence=(Evidence(signal="argument", category="quarrel", why=counted),),
        episode=turns[0],
        category="quarrel",
    )
