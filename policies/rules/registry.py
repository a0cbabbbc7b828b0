"""Rules on how a group is founded, filed, led and ended. Each fault stands until it is mended."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from models import Subject
from policies.rules.base import Case, Finding, Rule
from policies.schema import Span
from policies.state import Deadline

FIELD_NAMES = {
    "filed_at": "备案时间",
    "purpose": "用途",
    "content": "发布内容",
    "member_range": "成员范围",
    "initiator": "发起人",
    "name": "群名称",
    "administrator": "管理员",
    "administrators_filed_at": "管理员登记时间",
}


def group_finding(case: Case, explanation: str, *, category: str = "registry") -> Finding:
    return Finding(subject=case.group_subject, explanation=explanation, category=category)


class ApprovalParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by` says whose consent the policy wants, for the wording only."""

    by: str = ""


class Approval(Rule):
    """The group exists without approval. A group that the fleet does not list counts as not approved.

    Serves `registry:approval`.
    """

    name = "registry.approval"
    Params = ApprovalParams
    standing = True
    needs = "the status of each group in the fleet"

    def faults(self, case: Case, params: ApprovalParams, subject: str | None) -> Iterable[Finding]:
        if subject is None and (not case.known or case.view.group.status in ("applied", "rejected")):
            by = f"须经{params.by}同意" if params.by else "须先审批"
            yield group_finding(case, f"本群未经批准，{by}")


class FilingParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fields` of the filing: group facts, or `name` and `administrator` of the group itself; filed with `office`."""

    fields: tuple[str, ...]
    office: str = ""


class Filing(Rule):
    """The filing of the group lacks a required field. Serves `registry:filing`."""

    name = "registry.filing"
    Params = FilingParams
    standing = True
    needs = "the filed facts of each group"

    def faults(self, case: Case, params: FilingParams, subject: str | None) -> Iterable[Finding]:
        if subject is not None or not case.known:
            return
        missing = [one for one in params.fields if not self._filed(case, one)]
        if missing:
            named = "、".join(FIELD_NAMES.get(one, one) for one in missing)
            where = f"，请向{params.office}补报" if params.office else ""
            yield group_finding(case, f"群备案缺少：{named}{where}")

    def _filed(self, case: Case, wanted: str) -> bool:
        if wanted == "name":
            return bool(case.view.group.name)
        if wanted == "administrator":
            return bool(case.view.administrators or case.view.group.managers or case.view.owner)
        return case.view.fact(wanted) not in (None, "", [])


class RolesParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may own or administer the group.

    `owner_tag`, `owner_departments`, `owner_posts`: the owner carries the tag, or is of one of the departments, or holds
    one of the posts. `administrator_departments` likewise. `registered_administrators`: only those that the fleet
    lists. `types`: only in groups of these types. `exception`: the group fact that records an exception.
    """

    owner_tag: str | None = None
    owner_departments: tuple[str, ...] = ()
    owner_posts: tuple[str, ...] = ()
    administrator_departments: tuple[str, ...] = ()
    registered_administrators: bool = False
    types: tuple[str, ...] = ()
    exception: str = "role_exception"


class Roles(Rule):
    """The owner or an administrator is not who the policy wants. Serves `registry:role-rules`."""

    name = "registry.roles"
    Params = RolesParams
    standing = True
    needs = "tags, departments and posts of people; types of groups"

    def faults(self, case: Case, params: RolesParams, subject: str | None) -> Iterable[Finding]:
        group = case.view.group
        if subject is not None or not case.known or (params.types and group.type not in params.types):
            return
        if case.view.fact(params.exception):
            return
        yield from self._owner(case, params)
        for one in sorted(case.view.administrators):
            if params.registered_administrators and one not in {*group.administrators, *group.managers, group.owner}:
                yield Finding(
                    subject=Subject("member", one),
                    explanation=f"管理员{_name(case, one)}未经登记",
                    category="roles",
                )
            person = case.directory.people.get(one)
            if (
                params.administrator_departments
                and person
                and not _of(person.department, params.administrator_departments)
            ):
                wanted = "、".join(params.administrator_departments)
                yield Finding(
                    subject=Subject("member", one),
                    explanation=f"管理员{person.name}不是{wanted}的人员",
                    category="roles",
                )

    def _owner(self, case: Case, params: RolesParams) -> Iterable[Finding]:
        owner = case.view.owner
        if owner is None:
            return
        person = case.directory.people.get(owner)
        wrong = None
        if params.owner_tag and (person is None or params.owner_tag not in person.tags):
            wrong = "群主须为党员" if params.owner_tag == "party_member" else f"群主须为{params.owner_tag}"
        if params.owner_departments or params.owner_posts:
            fits = person is not None and (
                _of(person.department, params.owner_departments) or _of(person.post, params.owner_posts)
            )
            if not fits:
                wrong = f"群主应为{'、'.join((*params.owner_departments, *params.owner_posts))}的人员"
        if wrong:
            yield Finding(
                subject=Subject("owner", owner), explanation=f"{wrong}，现群主为{_name(case, owner)}", category="roles"
            )


def _of(value: str | None, wanted: Sequence[str]) -> bool:
    return any(one in (value or "") for one in wanted)


def _name(case: Case, subject: str) -> str:
    person = case.directory.people.get(subject)
    return person.name if person else subject


class ExpiryParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within` after the fact `fact` the group has to be dissolved."""

    fact: str = "work_ended_at"
    within: Span = field(default_factory=lambda: Span(working_days=3, source="tenant"))


class Expiry(Rule):
    """A group for a temporary task lives on after the task ended. Serves `lifecycle:temp-expiry`."""

    name = "lifecycle.expiry"
    Params = ExpiryParams
    standing = True
    needs = "the stated fact that the work ended"

    def faults(self, case: Case, params: ExpiryParams, subject: str | None) -> Iterable[Finding]:
        ended = case.calendar.millis(case.view.fact(params.fact))
        if subject is not None or ended is None or case.state.dissolved_at or case.view.group.status == "dissolved":
            return
        if case.now > case.calendar.after(ended, params.within):
            yield group_finding(case, "核心工作已结束，本群超过期限仍未解散", category="lifecycle")


class UnmendedParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`of`: the clause whose reminder was without effect."""

    of: str


class Unmended(Rule):
    """A reminder was given, its date has passed, and the fault still stands. Serves `action:*` after a failed reminder."""

    name = "fault.unmended"
    Params = UnmendedParams

    def due(self, case: Case, params: UnmendedParams, deadline: Deadline) -> Iterable[Finding]:
        fault = case.state.faults.get(deadline.data.get("fault", ""))
        if fault is None or not fault.open or fault.violation_id != deadline.cause:
            return
        yield Finding(
            subject=Subject("member", deadline.subject),
            explanation=f"经提醒仍未改正（第 {params.of} 条的提醒已过期限）",
            category="unmended",
        )
