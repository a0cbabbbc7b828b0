"""Rules on how a group is founded, filed and led. Each fault stands until it is mended."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary

import re2
from msgspec import Struct

from models import Evidence, Group, Person, Subject
from models.observation import MESSAGE_TYPES, Millis
from policies.deadlines import Deadline
from policies.directory import Directory
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.rules.names import core_of, shows_work, simplified
from policies.schema import Span
from policies.state import pack_name

FIELD_NAMES = {
    "filed_at": "备案时间",
    "purpose": "用途",
    "content": "发布内容",
    "member_range": "成员范围",
    "initiator": "发起人",
    "name": "群名称",
    "administrator": "管理员",
    "administrators_filed_at": "管理员登记时间",
    "administrators": "管理员",
    "owner": "群主",
    "type": "群类别",
    "created_at": "建立日期",
}


def group_finding(case: Case, explanation: str, *, category: str = "registry") -> Finding:
    return Finding(subject=case.group_subject, explanation=explanation, category=category)


def is_stated(value: Any) -> bool:
    """Say whether a fact says anything: `{approver: null, date: null}` and an empty text do not."""
    if isinstance(value, dict):
        return any(value.values())
    return bool(value.strip() if isinstance(value, str) else value)


def watched_since(case: Case) -> Millis:
    """When a rule that minds the age of this group first looked at it."""
    state = case.state
    if not state.watched_since:
        state.watched_since = case.now
    return state.watched_since


class Small(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of at most so many `members` that is at most so many `days` old."""

    members: int
    days: float


class ApprovalParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by` says whose consent the policy wants, for the wording only.

    `fact`: the approval is this fact, not the group's status. `name_has`: only groups whose name holds one of the words;
    there the approval of a name that the fleet lists counts as well, and a new name needs the fact.
    `only`: groups that the fleet lists, or those that it does not. `unfiled`: only without the fact `filed_at`.
    `except_small`: a small and young group is none that needs approval, unless its name shows something else than work.
    `names`: also found is an approved group that was given a name with none of these words and of another matter,
    unless the fact `name_approval` is stated.
    """

    by: str = ""
    fact: str = ""
    name_has: tuple[str, ...] = ()
    only: Literal["listed", "unlisted"] | None = None
    unfiled: bool = False
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    except_small: Small | None = None
    names: tuple[str, ...] = ()


class Approval(Rule):
    """The group exists without approval. A group that the fleet does not list counts as not approved.

    Of a group that the fleet does not list, the size is how many people were seen in it, and the age runs from the first
    look. Serves `registry:approval`, and `groupname:format` where names with certain words need approval.
    """

    name = "registry.approval"
    Params = ApprovalParams
    standing = True
    needs = "the status of each group in the fleet; people and age of those that it does not list"

    def faults(self, case: Case, params: ApprovalParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.is_of(params.types, params.except_types):
            return
        if (params.only and view.known != (params.only == "listed")) or (params.unfiled and view.fact("filed_at")):
            return
        if params.names and _is_renamed(case, params.names):
            yield group_finding(
                case, f"本群改名为“{view.name}”，与批准的群名“{view.group.name}”不符，另建新群{_who(params)}"
            )
            return
        words = _words_in(view.name, params.name_has)
        if (params.name_has and not words) or _is_approved(case, params, words):
            return
        if params.except_small and _is_small(case, params.except_small):
            return
        named = f"群名含“{'”“'.join(words)}”，" if words else ""
        yield group_finding(case, f"{named}本群未经批准，{_who(params)}")


def _who(params: ApprovalParams) -> str:
    return f"须经{params.by}同意" if params.by else "须先审批"


def _is_renamed(case: Case, words: Sequence[str]) -> bool:
    """Say whether an approved group goes by a name of another matter: not two characters in a row are left of the old."""
    group, name = case.view.group, case.view.name
    if not group.name or not _is_listed(case) or _words_in(name, words) or is_stated(case.view.fact("name_approval")):
        return False
    before, after = core_of(group.name), core_of(name)
    return before != after and not any(before[at : at + 2] in after for at in range(max(1, len(before) - 1)))


def _words_in(name: str, words: Sequence[str]) -> list[str]:
    shown = simplified(name)
    return [one for one in words if simplified(one) in shown]


def _is_approved(case: Case, params: ApprovalParams, words: Sequence[str]) -> bool:
    view = case.view
    if params.fact and is_stated(view.fact(params.fact)):
        return True
    if params.fact and not params.name_has:
        return False
    return _is_listed(case) and set(words) <= set(_words_in(view.group.name, words))


def _is_listed(case: Case) -> bool:
    return case.view.known and case.view.group.status not in ("applied", "rejected")


def _is_small(case: Case, small: Small) -> bool:
    view, state = case.view, case.state
    since = case.calendar.millis(view.fact("created_at")) or watched_since(case)
    if case.now > case.calendar.after(since, Span(days=small.days)):
        return False
    people = view.members | (set(state.cards) - set(state.left))
    name = view.name
    return len(people) <= small.members and (not name or shows_work(case, name))


class AnnouncedParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by` says whose consent the policy wants, for the wording only. `types`, `except_types` of groups."""

    by: str = ""
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Announced(Rule):
    """Somebody tells that they have formed a work group themselves, which nobody may have seen yet.

    Who proposes one, applies for it or was told to form it founds nothing without approval; leaders need none. Serves
    `registry:approval`.
    """

    name = "registry.announced"
    Params = AnnouncedParams
    watches = MESSAGE_TYPES

    def cues(self, params: AnnouncedParams) -> Mapping[Hashable, str]:
        return {_FORMED: "群|讨论组"}

    def see(self, case: Case, params: AnnouncedParams, place: Place) -> Iterable[Finding]:
        if (
            case.is_robot
            or case.directory.is_leader(case.person)
            or not case.view.is_of(params.types, params.except_types)
        ):
            return
        text = readable(own_text(case.seen)[:_READ])
        found = _FORMED.search(text)
        if found is None or _NOT_ON_ONES_OWN.search(text):
            return
        by = f"须经{params.by}同意" if params.by else "须先审批"
        yield Finding(
            subject=case.offender,
            explanation=f"自称另行建立了工作群，{by}",
            certain=case.sender_id is not None,
            evidence=(Evidence("conversation", "registry", found.span(), None, "自称已建群"),),
            category="registry",
        )


# Of a message this much is read.
_READ = 500
_A_GROUP = r"(?:群|讨论组)(?:[^众体落控楼主里内发聊友号名英情公]|$)"
_FORMED = re2.compile(
    rf"[我咱]们?[^。，,;；\n?？]{{0,8}}(?:建|拉|组|弄|开|搞|创建|成立)(?:好)?了(?:一?个)?[^。，,;；\n?？@]{{0,14}}{_A_GROUP}"
    rf"|(?:刚刚?|新|另外?|单独|私下|自己|悄悄|又)(?:建|拉|组|弄|开|搞|起)(?:好)?[了的]?(?:一?个)?[^。，,;；\n?？@]{{0,12}}{_A_GROUP}"
    # Not what was founded by nobody in particular: whoever was told to reports it so.
    r"|(?:群[我咱]们?|(?:^|[，,。！!\s])小群)(?:已经?)?(?:建|拉|组|弄|开)(?:好|起来|成)(?:了|咯|啦|喽)"
)
_NOT_ON_ONES_OWN = re2.compile(
    r"建议|申请|请示|想[建拉]|准备|打算|计划|能否|能不能|可不可以|可否|要不要|是否|[?？]|吗|批准|审批|批了|获批|同意|备案|登记"
    r"|(?:领导|[局总处科]长?|主任|书记|上级|办公室)[^。，,\n]{0,6}(?:让|要求|安排|指示|叫|定)|按[^。，,\n]{0,8}(?:要求|安排)|[这本此]个?群|(?:公司|街道|[办局院厅省市县他她]|甲方|对方|监理)[^，,。]{0,4}(?:建|拉|组|开)|不得|严禁|禁止|不要|勿"
    r"|别[再私自]|谁|私自|擅自|通报|处理|解散|退群|客户|家长|业主|同学|家庭|群众|村民|居民|诈骗|骗子"
)


class FilingParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fields` of the filing: group facts, or `name`, `type`, `owner`, `administrators`, `administrator` (whoever keeps it) of
    the group itself; filed with `office`.

    `together`: what is dated later is not filed yet; where the filing goes with the creation, no later date will do.
    `classes`: the group's type is one of these. `internal_share`: at most this share of the members is of the house, so that
    the policy may not apply. `types`, `except_types` of groups.
    """

    fields: tuple[str, ...] = ()
    office: str = ""
    classes: tuple[str, ...] = ()
    internal_share: float | None = None
    together: bool = False
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Filing(Rule):
    """The filing of the group lacks a required field. Serves `registry:filing`."""

    name = "registry.filing"
    Params = FilingParams
    standing = True
    needs = "the filed facts of each group"

    def faults(self, case: Case, params: FilingParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.known or not view.is_of(params.types, params.except_types):
            return
        wrong = []
        missing = [one for one in params.fields if not self._filed(case, one, params)]
        if missing:
            wrong.append("群备案缺少：" + "、".join(FIELD_NAMES.get(one, one) for one in missing))
        if params.classes and view.group.type and not view.is_of(params.classes):
            wrong.append(f"群类别“{view.group.type}”不在规定的类别中")
        if params.internal_share is not None and _internal_share(case) <= params.internal_share:
            wrong.append("本群成员以外部人员为主，请核实是否适用本制度")
        if wrong:
            yield group_finding(case, "；".join(wrong) + (f"，请向{params.office}补报" if params.office else ""))

    def _filed(self, case: Case, wanted: str, params: FilingParams) -> bool:
        view = case.view
        if is_stated(view.fact(wanted)):
            at = case.calendar.millis(view.fact(wanted)) if params.together else None
            return at is None or at <= case.now
        match wanted:
            case "name":
                return bool(view.group.name)
            case "type":
                return bool(view.group.type)
            case "owner" | "initiator":
                # Whoever started a group owns it, unless another is on file.
                return view.owner is not None
            case "administrators":
                return bool(view.administrators or view.group.managers)
            case "administrator":
                return bool(view.administrators or view.group.managers or view.owner)
        return False


def _internal_share(case: Case) -> float:
    """The share of the members that are of the house; 1 where nobody knows who is."""
    members = case.view.members
    if not members or not case.directory.people:
        return 1.0
    return sum(not case.directory.is_stranger(one) for one in members) / len(members)


class Bounds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many there may be."""

    least: int = 0
    most: int | None = None

    def told(self, what: str, number: int) -> str | None:
        """Say what is wrong with a number of people, if anything is."""
        if number < self.least:
            return f"{what}须至少{self.least}名，现有{number}名"
        return f"{what}至多{self.most}名，现有{number}名" if self.most is not None and number > self.most else None


class RolesParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may own or administer the group.

    `owner_tag`: the owner carries the tag. `owner_departments`, `owner_posts`: the owner or a group manager is of one of
    the departments, or holds one of the posts; with `owner_alone` only the owner counts; with `founded` the initiator will
    do, where the policy lets him name somebody else to keep the group. `owner_accounts`: nor is there anything to say of
    these (service accounts, ids of the directory). `appointee`: nor of the owner whom this fact names.
    `owner_is`: the owner is whom the first of these facts that is stated names; `registered` stands for the fleet's entry.
    `administrator_departments` likewise. `registered_administrators`: only those that the fleet lists.
    `kept`: somebody owns or manages the group. `managers`, `administrators`: how many there may be.
    `manager_of_owner_department`: posts, one of whose holders in the owner's department is owner, manager or administrator.
    `types`, `except_types` of groups. `exception`: the group fact that records an exception.
    """

    owner_tag: str | None = None
    owner_departments: tuple[str, ...] = ()
    owner_posts: tuple[str, ...] = ()
    owner_alone: bool = False
    owner_accounts: tuple[str, ...] = ()
    appointee: str = ""
    founded: bool = False
    owner_is: tuple[str, ...] = ()
    administrator_departments: tuple[str, ...] = ()
    registered_administrators: bool = False
    kept: bool = False
    managers: Bounds = Bounds()
    administrators: Bounds = Bounds()
    manager_of_owner_department: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
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
        if not case.view.known or not case.view.is_of(params.types, params.except_types):
            return
        if is_stated(case.view.fact(params.exception)):
            return
        if subject is None:
            yield from self._owner(case, params)
            yield from self._group(case, params)
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
        if owner is None or _is_account(owner, params.owner_accounts):
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
            others = [] if params.owner_alone else [people.get(one) for one in case.view.group.managers]
            others += [case.directory.called(founder)] if isinstance(founder, str) else []
            appointed = params.appointee and owner == person_of(case, case.view.fact(params.appointee))
            if not appointed and not any(one is not None and _fits(one, params) for one in (person, *others)):
                wrong = f"群主应为{'、'.join((*params.owner_departments, *params.owner_posts))}的人员"
                unsure = unsure or missing or None in others
                unsure = unsure or any(one is not None and _unsaid(one, params) for one in (person, *others))
        named, who = _named_owner(case, params.owner_is)
        if who is not None and who != owner:
            wrong = f"群主应为{FACT_NAMES.get(named, named)}{_name(case, who)}"
            # By what name the fact calls him, the directory may not know him.
            unsure = unsure or missing or who not in people
        if wrong:
            yield Finding(
                subject=Subject("owner", owner),
                explanation=f"{wrong}，现群主为{_name(case, owner)}"
                + ("，名录中没有相应信息，请核实" if unsure else ""),
                certain=not unsure,
                category="roles",
            )

    def _group(self, case: Case, params: RolesParams) -> Iterable[Finding]:
        """What is wrong with the keepers of the group as a whole: one finding, for there is one to mend it."""
        view = case.view
        shown = {one for one, role in case.state.shown_roles.items() if role == "administrator"}
        administrators = (view.administrators | shown) - {view.owner}
        kept = view.owner or view.group.managers or "owner" in case.state.shown_roles.values()
        wrong = ["本群没有指定专人管理"] if params.kept and not kept else []
        counted = (
            params.managers.told("群负责人", len(view.group.managers)),
            params.administrators.told("管理员", len(administrators)),
        )
        wrong += [one for one in counted if one]
        certain = True
        if params.manager_of_owner_department and view.owner:
            keepers = {view.owner, *view.group.managers, *administrators}
            lead, known = _department_lead(case, view.owner, keepers, params.manager_of_owner_department)
            if not lead:
                posts = "或".join(params.manager_of_owner_department)
                told = "" if known else "，名录中没有相应信息，请核实"
                certain = known or bool(wrong)
                wrong.append(f"群主所在部门须有一名{posts}担任管理员{told}")
        if wrong:
            yield Finding(case.group_subject, "；".join(wrong), certain=certain, category="roles")


# What the facts that name an owner are called in a notice.
FACT_NAMES = {
    "initiator": "发起人",
    "appointed_owner": "指定的群主",
    "project_lead": "牵头人",
    "registered": "登记的群主",
}


def _named_owner(case: Case, facts: Sequence[str]) -> tuple[str, str | None]:
    """The first of the facts that is stated, and whom it names."""
    for fact in facts:
        who = case.view.group.owner if fact == "registered" else person_of(case, case.view.fact(fact))
        if who is not None:
            return fact, who
    return "", None


def person_of(case: Case, value: Any) -> str | None:
    """The subject id of whom a fact names: by id, by name, or as `{person: ...}`."""
    if isinstance(value, dict):
        value = value.get("person")
    if not isinstance(value, str) or not value.strip():
        return None
    person = case.directory.called(value.strip())
    return person.id if person else value.strip()


def _is_account(subject: str, accounts: Sequence[str]) -> bool:
    return subject in accounts or subject.rpartition(":")[2] in accounts


def _department_lead(case: Case, owner: str, keepers: Iterable[str], posts: Sequence[str]) -> tuple[bool, bool]:
    """Say whether one of the keepers heads the owner's department, and whether the directory knows enough to deny it."""
    people = [case.directory.people.get(one) for one in sorted(keepers)]
    person = case.directory.people.get(owner)
    department = person.department if person else None
    heads = [one for one in people if one and one.status not in ("left", "transferred") and _of(one.post, posts)]
    if department and any(department in (one.department or "") for one in heads):
        return True, True
    known = bool(department) and all(one and one.department and one.post for one in people)
    return False, known


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


class DuplicateParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`members_share`: of the smaller group's members, how many are in the other as well, from 0 to 1."""

    members_share: float = 0.8
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Duplicate(Rule):
    """Another listed group of the same pack has nearly the same name and members: one of the two is not needed.

    Names are compared without signs, numbers behind 群, and the words 工作群 or 微信群. The later filed of the two is the one
    too many; where dates do not tell, the one that the fleet lists later, or does not list. Where nobody knows the
    members, the name decides and a person is asked. Serves `registry:approval` (redundant groups, substitutes).
    """

    name = "registry.duplicate"
    Params = DuplicateParams
    standing = True
    needs = "names and members of the other groups of the pack"

    def faults(self, case: Case, params: DuplicateParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.is_of(params.types, params.except_types):
            return
        about, fleet = core_of(view.name), case.directory.fleet
        if not about:
            return
        for place, other in _called_alike(case.directory).get(about, ()):
            if other.status in ("dissolved", "rejected") or pack_name(other, fleet) != pack_name(view.group, fleet):
                continue
            if _is_same(other, view.group) or _is_earlier(case, other, place):
                continue
            share = _shared(view.members, _listed(other))
            if share is None or share >= params.members_share:
                told = "成员基本相同" if share is not None else "请核实成员是否相同"
                yield Finding(
                    case.group_subject,
                    f"已有群“{other.name}”与本群名称相近，{told}，请核实是否重复建群",
                    certain=share is not None,
                    category="registry",
                )
                return


_ALIKE: "WeakKeyDictionary[Directory, dict[str, list[tuple[int, Group]]]]" = WeakKeyDictionary()


def _called_alike(directory: Directory) -> dict[str, list[tuple[int, Group]]]:
    """The groups of a fleet by what their names are about, with their places; worked out once for each fleet."""
    found = _ALIKE.get(directory)
    if found is None:
        found = _ALIKE[directory] = {}
        for place, group in enumerate(directory.fleet.groups):
            found.setdefault(core_of(group.name), []).append((place, group))
    return found


def _is_earlier(case: Case, other: Group, place: int) -> bool:
    """Say whether the group of the case was there before the other, which the fleet lists at `place`."""
    if not case.view.known:
        return False
    ours, theirs = (case.calendar.millis(one.facts.get("filed_at")) for one in (case.view.group, other))
    if ours is not None and theirs is not None and ours != theirs:
        return ours < theirs
    alike = _called_alike(case.directory)[core_of(case.view.group.name)]
    return any(ours < place for ours, one in alike if _is_same(one, case.view.group))


def _is_same(one: Group, other: Group) -> bool:
    return (one.platform, one.id) == (other.platform, other.id)


def _listed(group: Group) -> set[str]:
    return {one for one in (group.owner, *group.managers, *group.administrators, *group.members) if one}


def _shared(ours: set[str], theirs: set[str]) -> float | None:
    """The share of the smaller group that is in the other as well; None where one has nobody."""
    return len(ours & theirs) / min(len(ours), len(theirs)) if ours and theirs else None


class HandoverParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within` of leaving or transfer somebody else keeps the group, as the fact `fact` names him for the one who left
    (`handover_to:person`, by id or name), or as `done` says without a name (of the group or of the person).

    `filed`: not that, but the fact (of the group or of the person) that says that the change was filed with `office`.
    """

    within: Span = Span()
    roles: tuple[Literal["owner", "manager"], ...] = ("owner", "manager")
    fact: str = "handover_to"
    done: str = "handover_done"
    filed: str = ""
    office: str = ""
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Handover(Rule):
    """Whoever kept the group left or was transferred, and nobody took over, or the change was not filed.

    Who took over may have left as well: then whom he handed over to counts, and so on. Where that comes back to somebody who
    was already asked, nobody keeps the group. Serves `registry:handover`.
    """

    name = "registry.handover"
    Params = HandoverParams
    standing = True
    needs = "dates of leaving and transfer; handovers as stated facts"

    def faults(self, case: Case, params: HandoverParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.known or not view.is_of(params.types, params.except_types):
            return
        kept: dict[str, str] = {one: "群负责人" for one in view.group.managers if "manager" in params.roles}
        if view.owner and "owner" in params.roles:
            kept[view.owner] = "群主"
        for who, role in sorted(kept.items()):
            person = case.directory.people.get(who)
            if person is None or not _has_gone(case, person, params.within):
                continue
            wrong = self._unfiled(case, params, who) if params.filed else self._unkept(case, params, who, role)
            if wrong:
                yield Finding(
                    Subject("owner" if role == "群主" else "member", who),
                    f"{role}{person.name}已{'离职' if person.status == 'left' else '调岗'}，{wrong}",
                    category="registry",
                )

    def _unfiled(self, case: Case, params: HandoverParams, who: str) -> str | None:
        return None if _is_said_of(case, params.filed, who) else f"变更尚未报{params.office or '主管部门'}备案"

    def _unkept(self, case: Case, params: HandoverParams, who: str, role: str) -> str | None:
        passed = [who]
        while not _is_said_of(case, params.done, passed[-1]):
            named = person_of(case, case.view.fact(f"{params.fact}:{passed[-1]}"))
            if named is None:
                return (
                    f"仍登记为{role}，尚未确定接手的人并做好交接" if len(passed) == 1 else _also_gone(case, passed[-1])
                )
            if named in passed:
                return "交接相互指向，没有实际接手的人"
            person = case.directory.people.get(named)
            if person is None:
                return f"接手的{_name(case, named)}不在名录中"
            if person.status not in ("left", "transferred"):
                return None
            passed.append(named)
        return None


def _also_gone(case: Case, who: str) -> str:
    return f"接手的{_name(case, who)}也已离任"


def _is_said_of(case: Case, fact: str, who: str) -> bool:
    """Say whether a fact is stated of a person, or of the whole group."""
    return is_stated(case.view.fact(f"{fact}:{who}")) or is_stated(case.view.fact(fact))


def _has_gone(case: Case, person: Person, within: Span) -> bool:
    """Say whether somebody left or was transferred longer ago than `within`; without a readable date, he did."""
    if person.status not in ("left", "transferred"):
        return False
    due_at = case.calendar.over(person.left_at if person.status == "left" else person.transferred_at, within)
    return due_at is None or case.now >= due_at


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
