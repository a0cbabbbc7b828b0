"""Rules on how a group is founded, filed, led and ended. Each fault stands until it is mended."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from models import Person, Subject
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
        if subject is None and (not case.view.known or case.view.group.status in ("applied", "rejected")):
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
        if subject is not None or not case.view.known:
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

    `owner_tag`: the owner carries the tag. `owner_departments`, `owner_posts`: the owner or a group manager is of one of
    the departments, or holds one of the posts; with `founded` the initiator will do, where the policy lets him name
    somebody else to keep the group. `administrator_departments` likewise. `registered_administrators`: only those that
    the fleet lists. `types`: only in groups of these types. `exception`: the group fact that records an exception.
    """

    owner_tag: str | None = None
    owner_departments: tuple[str, ...] = ()
    owner_posts: tuple[str, ...] = ()
    founded: bool = False
    administrator_departments: tuple[str, ...] = ()
    registered_administrators: bool = False
    types: tuple[str, ...] = ()
    exception: str = "role_exception"


class Roles(Rule):
    """The owner or an administrator is not who the policy wants. Serves `registry:role-rules`.

    Where the directory does not say what the rule asks for (nobody has a tag, the owner no post), a person is asked:
    what is not on record is no fault of the owner's.
    """

    name = "registry.roles"
    Params = RolesParams
    standing = True
    needs = "tags, departments and posts of people; types of groups"

    def faults(self, case: Case, params: RolesParams, subject: str | None) -> Iterable[Finding]:
        group = case.view.group
        if not case.view.known or (params.types and group.type not in params.types) or case.view.fact(params.exception):
            return
        if subject is None:
            yield from self._owner(case, params)
        shown = set(case.state.shown_roles)
        registered = {*group.administrators, *group.managers, group.owner} - {None}
        if params.registered_administrators and registered:
            for one in sorted((case.view.administrators | shown) - registered):
                if subject in (None, one):
                    yield _administrator(one, f"管理员{_name(case, one)}未经登记")
        if params.administrator_departments and case.directory.people:
            wanted = "、".join(params.administrator_departments)
            shown = {one for one, role in case.state.shown_roles.items() if role == "administrator"}
            for one in sorted(case.view.administrators | shown):
                person = case.directory.people.get(one)
                if subject in (None, one) and not (person and _of(person.department, params.administrator_departments)):
                    known = person is None or person.department is not None
                    told = f"不是{wanted}的人员" if known else f"在名录中没有部门，请核实是否为{wanted}的人员"
                    yield _administrator(one, f"管理员{_name(case, one)}{told}", certain=known)

    def _owner(self, case: Case, params: RolesParams) -> Iterable[Finding]:
        owner = case.view.owner
        if owner is None:
            return
        people = case.directory.people
        person = people.get(owner)
        # Somebody the fleet names without an entry may be the right one; who became owner before our eyes is a stranger.
        missing = person is None and owner != case.state.owner
        wrong, unsure = None, not people
        if params.owner_tag and (person is None or params.owner_tag not in person.tags):
            wrong = "群主须为党员" if params.owner_tag == "party_member" else f"群主须为{params.owner_tag}"
            unsure = unsure or missing or params.owner_tag not in case.directory.tags
        if params.owner_departments or params.owner_posts:
            founder = case.view.fact("initiator") if params.founded else None
            others = [people.get(one) for one in case.view.group.managers]
            others += [case.directory.called(founder)] if isinstance(founder, str) else []
            if not any(one is not None and _fits(one, params) for one in (person, *others)):
                wrong = f"群主应为{'、'.join((*params.owner_departments, *params.owner_posts))}的人员"
                unsure = unsure or missing or None in others
                unsure = unsure or any(one is not None and _unsaid(one, params) for one in (person, *others))
        if wrong:
            yield Finding(
                subject=Subject("owner", owner),
                explanation=f"{wrong}，现群主为{_name(case, owner)}"
                + ("，名录中没有相应信息，请核实" if unsure else ""),
                certain=not unsure,
                category="roles",
            )


def _administrator(who: str, explanation: str, *, certain: bool = True) -> Finding:
    return Finding(subject=Subject("member", who), explanation=explanation, certain=certain, category="roles")


def _fits(person: Person, params: RolesParams) -> bool:
    return _of(person.department, params.owner_departments) or _of(person.post, params.owner_posts)


def _unsaid(person: Person, params: RolesParams) -> bool:
    """Say whether the directory leaves open what would decide."""
    return (bool(params.owner_departments) and person.department is None) or (
        bool(params.owner_posts) and person.post is None
    )


def _of(value: str | None, wanted: Sequence[str]) -> bool:
    return any(one in (value or "") for one in wanted)


def _name(case: Case, subject: str) -> str:
    person = case.directory.people.get(subject)
    return person.name if person else subject.rpartition(":")[2]


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
            explanation="经提醒仍未改正，提醒所给的期限已过",
            category="unmended",
        )
