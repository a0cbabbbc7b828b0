"""Rules on who may post what."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import re2
from msgspec import Struct

from classifiers.conversation import NEEDED, is_notice
from models import Evidence
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.rules.content import MEASURED, signals_of, weigh


class NoticePermissionParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may issue notices: the group's publishers, people of `departments`, `leaders`, and holders of `roles`.

    With `category` it is not about notices but about messages of these categories, which need an approval beforehand:
    its number stands in the message, and among the numbers of the group's fact `fact` (one, or a list). `leaders` need
    none, nor who holds the fact `exception`. With `claimed` a number that is not on record is found by itself.

    `as_published`: only where the group's publishers are on record, because the policy leaves who they are to be published.
    """

    departments: tuple[str, ...] = ()
    leaders: bool = True
    roles: tuple[str, ...] = ()
    exception: str = "notice_authorised"
    category: str | tuple[str, ...] = ()
    fact: str = "approvals"
    claimed: bool = True
    as_published: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        return (self.category,) if isinstance(self.category, str) else self.category


class NoticePermission(Rule):
    """A notice or announcement is issued by somebody who may not. "In principle": a recorded authorisation counts.

    What is put up as the group's announcement is one whatever it says. With `category`: something sensitive is posted
    without an approval on record, or with a number that is not on record; never certain, for approvals are also given
    elsewhere. Serves `posting:role-allow-list`.
    """

    name = "posting.permission"
    Params = NoticePermissionParams
    watches = MESSAGE_TYPES | {"group.notice_changed", "file.uploaded"}
    needs = "publishers of the group, departments and posts of people"

    def cues(self, params: NoticePermissionParams) -> Mapping[Hashable, str]:
        return (
            {_APPROVED: "批[准复示文]|[审签]批|核准|同意|批件"} if params.category else {is_notice: NEEDED[is_notice]}
        )

    def heeds(self, params: NoticePermissionParams) -> frozenset[str]:
        return signals_of(params.categories)

    def blind(self, params: NoticePermissionParams) -> str | None:
        missing = [one for one in params.categories if one not in MEASURED]
        return (
            f"no detector or list for {', '.join(missing)} yet" if 0 < len(missing) == len(params.categories) else None
        )

    def see(self, case: Case, params: NoticePermissionParams, place: Place) -> Iterable[Finding]:
        if params.category:
            yield from _unapproved(case, params)
            return
        if case.seen.type == "file.uploaded" or (params.as_published and not case.view.group.publishers):
            return
        announced = case.seen.type == "group.notice_changed" or case.does(is_notice)
        if not announced or case.sender_id is None or case.is_robot or self._may(case, params):
            return
        # Who keeps the group is often of the office; where the directory does not say, a person is asked.
        unsaid = case.sender_role != "member" and (case.person is None or case.person.department is None)
        yield Finding(
            subject=case.offender,
            explanation="通知、公告只能由指定的发布人发布",
            certain=not unsaid,
            evidence=(Evidence(signal="conversation", category="notice", why="内容为通知或公告"),),
            category="notice",
        )

    def _may(self, case: Case, params: NoticePermissionParams) -> bool:
        person = case.person
        if case.sender_id in case.view.group.publishers or case.sender_role in params.roles:
            return True
        if _is_excepted(case, params):
            return True
        return person is not None and any(one in (person.department or "") for one in params.departments)


def _is_excepted(case: Case, params: NoticePermissionParams) -> bool:
    if params.leaders and case.directory.is_leader(case.person):
        return True
    return bool(case.view.fact(params.exception) or case.view.fact(f"{params.exception}:{case.sender_id}"))


# 经分管领导审批,编号0815: a number is only read beside the approval that it is said to be of.
_APPROVED = re2.compile(
    r"(?:审批|批准|签批|核准|批复|同意)(?:通过|发布)?[\s,，、;；:：(（]{0,3}(?:审批|批准|批复)?(?:单|文|件|记录)?(?:编号|文号|批号|单号|号码?)"
    r"[\s:：为是]{0,3}([0-9A-Za-z〔〕\[\]()（）\-/]{2,30})"
    r"|(?:(?:审批|批准|批复|签批)(?:单|文|件)?|批件|批文|批示)(?:编?号|文号)[\s:：为是]{0,3}([0-9A-Za-z〔〕\[\]()（）\-/]{2,30})"
    r"|(?:审批|批准|批复|签批)(?:单|文|件)[\s:：#为是]{0,3}([0-9][0-9A-Za-z\-/]{2,29})"
)


# What is public already, and what is said to be public only later.
_PUBLIC = re2.compile(
    r"(?:已经?|今[天日]|昨[天日]|刚刚?|日前|近日|正式|对外|局|委|厅|办|部|省里?|市里?|官网|官方|媒体|网上?)[^，。,\n]{0,6}(?:公布|公开|公示|发布|挂网|公告)"
    r"|统计公报|年报|官网|新闻发布会|公告栏"
)
_NOT_YET = re2.compile(
    r"(?:未|没有?|不|别|勿|拟|将|待|暂|前)[^，。,\n]{0,3}(?:公布|公开|公示|发布|挂网|公告)|(?:公布|公开|公示|发布|挂网|公告)之?前"
)


def _is_public(text: str) -> bool:
    plain = readable(text[:5000])
    return _PUBLIC.search(plain) is not None and _NOT_YET.search(plain) is None


def _unapproved(case: Case, params: NoticePermissionParams) -> Iterable[Finding]:
    """What is sensitive and has no approval on record. Who claims one says by that that it needs one."""
    text = own_text(case.seen)
    claimed = _APPROVED.search(readable(text[:5000])) if "批" in text or "同意" in text or "核准" in text else None
    weighed = [found for one in params.categories if (found := weigh(case, one)) is not None] if case.signals else []
    if weighed and not any(one.certain for one in weighed) and _is_public(text):
        weighed = []
    if not (weighed or (claimed and params.claimed)) or case.is_robot or _is_excepted(case, params):
        return
    number = (claimed.group(1) or claimed.group(2) or claimed.group(3)) if claimed else None
    if number is not None and _plain_number(number) in _on_record(case, params.fact):
        return
    told = f"所附审批编号 {number} 未在登记中" if number else "敏感信息未见事先审批的编号"
    evidence = max(weighed, key=lambda one: one.score).evidence if weighed else ()
    yield Finding(
        subject=case.offender,
        explanation=f"{told}，待人工复核",
        certain=False,
        evidence=(*evidence[:7], Evidence(signal="approval", category="approval", matched=number, why=told)),
        category="approval",
    )


def _on_record(case: Case, fact: str) -> set[str]:
    """The numbers of approvals on file and stated since, for all and for the sender."""
    stated: list[Any] = [case.view.group.facts.get(fact), case.state.facts.get(fact)]
    stated.append(case.view.fact(f"{fact}:{case.sender_id}"))
    numbers = (one for value in stated for one in (value if isinstance(value, list | tuple) else (value,)))
    return {_plain_number(str(one)) for one in numbers if isinstance(one, str | int) and not isinstance(one, bool)}


def _plain_number(written: str) -> str:
    """A number as it is compared: without brackets, dashes, case, and the zeros that YAML takes off a bare 0815."""
    return "".join(sign for sign in written if sign.isalnum()).upper().lstrip("0")
