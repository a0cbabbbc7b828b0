"""Rules on who is in a group, who should be, who brought them in and who goes."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import chain
from operator import itemgetter
from typing import Literal
from weakref import WeakKeyDictionary

import re2
from msgspec import Struct, field

from models import Evidence, Person, Subject
from models.observation import MESSAGE_TYPES, Millis
from policies.directory import Directory
from policies.rules.base import Case, Finding, Place, Rule, own_text
from policies.rules.names import RECENT_DAYS
from policies.schema import Span

HOUR: Millis = 60 * 60 * 1000


class RosterParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`only`: whom the clause means. `within`: how long after leaving or transfer somebody may still be in the group.

    `handover`: a transferee is due only once one of these facts of his is stated, and counts from then. `consent`: the fact
    that lets somebody `unconfirmed` (on probation) in, for the group or for one person; any consent stated of him does.
    `verified`: the facts that say who an `unverified` account is; who is in the directory needs none. `let_in_by`: a stranger
    whom one of these roles brought in may stay. Any consent on record of one stranger does.
    """

    within: Span = field(default_factory=Span)
    only: tuple[Literal["left", "transferred", "stranger", "unconfirmed", "unverified"], ...] = (
        "left",
        "transferred",
        "stranger",
    )
    handover: tuple[str, ...] = ()
    consent: str = "leader_consent"
    verified: tuple[str, ...] = ("identity_verified",)
    let_in_by: tuple[Literal["owner", "manager", "administrator"], ...] = ()
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class RosterDifference(Rule):
    """Somebody is in the group who should not be: a leaver, a transferee, a stranger, somebody not confirmed yet.

    A leaver whose date nobody filled in is due at once. Looked at when the group is first seen, at each change, and on
    each new day. Serves `member:roster`, `member:leaver-sync`, the checks of `audit:patrol`, and the identity check of
    `member:invite-approval`.
    """

    name = "roster.difference"
    Params = RosterParams
    standing = True
    needs = "the directory and the members of each group; handover, consent and identity as stated facts"

    def faults(self, case: Case, params: RosterParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if not view.known or not case.directory.people or not view.is_of(params.types, params.except_types):
            return
        members = view.members if subject is None else {subject} & view.members
        trusted = _trusted(case)
        for who in sorted(members):
            person = case.directory.people.get(who)
            why = self._stranger(case, who, params, trusted) if person is None else self._known(case, person, params)
            if why:
                name = known_as(case, person) if person else shown_name(case, who)
                still = "仍在群内" if person else "现在群内"
                yield Finding(
                    subject=Subject("member", who),
                    explanation=f"{name}{why}，{still}，请管理员核实并清理",
                    evidence=(Evidence(signal="directory", category="roster", why=why),),
                    category="roster",
                )

    def later_today(self, case: Case, params: RosterParams, subject: str | None) -> Iterable[tuple[str, Millis]]:
        view = case.view
        if not view.known or not view.is_of(params.types, params.except_types):
            return
        today = date.fromisoformat(case.calendar.local_day(case.now))
        tomorrow = case.calendar.millis(today + timedelta(days=1)) or 0
        for who in sorted(view.members if subject is None else {subject} & view.members):
            person = case.directory.people.get(who)
            if person is not None and person.status in params.only:
                since = person.left_at if person.status == "left" else person.transferred_at
                due_at = case.calendar.over(since, params.within)
                if due_at is not None and case.now < due_at < tomorrow - 1:
                    yield who, due_at

    def _stranger(self, case: Case, who: str, params: RosterParams, trusted: set[str | None]) -> str | None:
        if who in trusted or consented(case, who, params.consent if "unconfirmed" in params.only else ""):
            return None
        by = case.state.brought.get(who) or case.state.invited.get(who)
        if by is not None and case.view.role(by) in params.let_in_by:
            return None
        if "stranger" in params.only:
            return "不在名录中"
        unverified = "unverified" in params.only and not any(case.view.fact(f"{one}:{who}") for one in params.verified)
        return "未经实名认证" if unverified else None

    def _known(self, case: Case, person: Person, params: RosterParams) -> str | None:
        if person.status == "left" and "left" in params.only:
            return "已离职" if self._over(case, person.left_at, params) else None
        if person.status == "transferred" and "transferred" in params.only:
            return "已调离" if self._handed_over(case, person, params) else None
        if person.status == "probation" and "unconfirmed" in params.only:
            return None if consented(case, person.id, params.consent) else "尚未转正且没有领导同意的记录"
        return None

    def _handed_over(self, case: Case, person: Person, params: RosterParams) -> bool:
        done = [f"{one}:{person.id}" for one in params.handover if case.view.fact(f"{one}:{person.id}")]
        if params.handover and not done:
            return False
        return all(self._over(case, one, params) for one in (person.transferred_at, *map(case.view.fact, done)))

    def _over(self, case: Case, written: object, params: RosterParams) -> bool:
        due_at = case.calendar.over(written, params.within)
        return due_at is None or case.now >= due_at


def _trusted(case: Case) -> set[str | None]:
    """Whom the fleet gives a role it knows, even before his own entry is made."""
    group = case.view.group
    return {group.owner, *group.managers, *group.administrators, *group.publishers}


def shown_name(case: Case, subject: str) -> str:
    """What people know a stranger by: the name shown with him, else his account."""
    target = case.seen.target
    named = target.name if target and case.target_id == subject else None
    return named or case.state.cards.get(subject) or subject.rpartition(":")[2]


def known_as(case: Case, person: Person) -> str:
    """A person's name, with what tells him from others of the same name."""
    if person.name in case.directory.shared_names:
        return f"{person.name}（{person.department or person.post or person.id}）"
    return person.name


def has_gone(case: Case, person: Person) -> bool:
    """Say whether somebody has left or was transferred by now; a date that nobody filled in, or can read, counts as over."""
    dates = {"left": person.left_at, "transferred": person.transferred_at}
    if person.status in dates:
        since = case.calendar.millis(dates[person.status])
        return since is None or since <= case.now
    reached = (case.calendar.millis(one) for one in dates.values())
    return any(one is not None and one <= case.now for one in reached)


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most so many members of a department, with a post, or with a tag."""

    most: int
    department: str = ""
    post: str = ""
    tag: str = ""

    def means(self, person: Person) -> bool:
        return (
            (bool(self.department) and self.department in f"{person.department or ''} {person.unit or ''}")
            or (bool(self.post) and self.post in (person.post or ""))
            or (bool(self.tag) and self.tag in person.tags)
        )


class ClosedParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may be in the group: its `own` people, and those of these `departments`, `posts` and `tags`, or `leaders`.

    `own`: everybody in the `directory`; whom the fleet lists as `listed` members; or the `range`: these, the people of the
    owner's department, and those whom the member range or the name of the group means. `limits`: categories of which only
    so many may be in. `consent`: the fact that records an exception, for the group or for one person. `leavers`: whoever
    has left is on no list any more; false where another clause gives time to take them out.
    """

    own: Literal["directory", "range", "listed"] = "directory"
    departments: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    leaders: bool = False
    limits: tuple[Limit, ...] = ()
    consent: str = "member_consent"
    leavers: bool = True
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class ClosedRoster(Rule):
    """Somebody is in a group whose members are a closed list, and is none of those listed, or one too many of them.

    Nobody has to be in. Whoever came last is one too many. Where the directory gives neither department nor post of
    somebody, a person is asked. Serves `member:roster`.
    """

    name = "roster.closed"
    Params = ClosedParams
    standing = True
    needs = "departments, posts and tags of people, and the members of each group"

    def faults(self, case: Case, params: ClosedParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if not view.known or not case.directory.people or not view.is_of(params.types, params.except_types):
            return
        members = sorted(view.members, key=lambda one: (case.state.joined.get(one, 0), one))
        surplus = self._surplus(case, params, members)
        trusted = _trusted(case)
        for who in members if subject is None else {subject} & view.members:
            person = case.directory.people.get(who)
            if who in surplus:
                why = surplus[who]
            elif who in trusted or self._may(case, params, who, person) or consented(case, who, params.consent):
                continue
            else:
                why = "不在本群可加入人员的范围内"
            yield Finding(
                subject=Subject("member", who),
                explanation=f"{known_as(case, person) if person else shown_name(case, who)}{why}，请群主核实并清理",
                evidence=(Evidence(signal="directory", category="roster", why=why),),
                certain=person is None or who in surplus or bool(person.department or person.post),
                category="roster",
            )

    def _surplus(self, case: Case, params: ClosedParams, members: Sequence[str]) -> dict[str, str]:
        """Who is one too many, and of what."""
        found: dict[str, str] = {}
        people = case.directory.people
        for limit in params.limits:
            of = [one for one in members if one in people and limit.means(people[one])]
            called = limit.department or limit.post or limit.tag
            found |= dict.fromkeys(of[limit.most :], f"使本群{called}人员达到{len(of)}名，至多可有{limit.most}名")
        return found

    def _may(self, case: Case, params: ClosedParams, who: str, person: Person | None) -> bool:
        if person is None or case.directory.is_stranger(who):
            return False
        gone_at = case.calendar.over(person.left_at, Span())
        if person.status == "left" and (gone_at is None or case.now >= gone_at):
            return not params.leavers
        return (
            _is_own(case, params.own, who)
            or any(limit.means(person) for limit in params.limits)
            or (params.leaders and case.directory.is_leader(person))
            or any(one in f"{person.department or ''} {person.unit or ''}" for one in params.departments)
            or any(one in (person.post or "") for one in params.posts)
            or any(one in person.tags for one in params.tags)
        )


def _is_own(case: Case, own: str, who: str) -> bool:
    if own == "range":
        return _belongs(case, case.view.owner or "", who)
    return own == "directory" or who in case.view.group.members


class MustJoinParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`of`: everybody in the directory has to join, or those in the `range` of the group: the departments that its member
    range or its name gives, else its managers' and, without managers, its owner's. `department`: only its people.

    `within`: how long somebody who joined the organisation, or was transferred, has time. `recent`: only who did so in the
    last month, where the clause is about changes of staff.
    """

    of: Literal["everybody", "range"] = "everybody"
    department: str = ""
    within: Span = field(default_factory=Span)
    recent: bool = False
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class MustJoin(Rule):
    """Somebody who has to be in the group is not. "In principle": a recorded exception (`join_exception`) counts.

    Somebody whose groups are all under other packs belongs to another organisation of the same fleet; somebody in no
    department is in no range. Serves `member:must-join`.
    """

    name = "roster.must_join"
    Params = MustJoinParams
    standing = True
    needs = "the directory and the members of each group"

    def faults(self, case: Case, params: MustJoinParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if not view.known or not view.group.members or not view.is_of(params.types, params.except_types):
            return
        range_ = _range(case) if params.of == "range" else None
        if subject is None:
            asked = case.directory.fleet.people if range_ is None else _people_of(case.directory, range_)
        else:
            found = case.directory.people.get(subject)
            asked = (found,) if found and (range_ is None or found.department in range_) else ()
        members = view.members
        for person in asked:
            if person.status not in ("active", "probation") or person.id in members:
                continue
            if params.department not in (person.department or ""):
                continue
            if (
                "customer" in person.tags
                or view.fact(f"join_exception:{person.id}")
                or self._has_time(case, person, params)
                or (params.recent and not self._is_recent(case, person))
            ):
                continue
            packs = case.directory.packs_of(person.id)
            if packs and view.group.pack not in packs:
                continue
            yield Finding(
                subject=Subject("member", person.id),
                explanation=f"{known_as(case, person)}尚未入群，原则上应全员入群",
                category="roster",
            )

    def _has_time(self, case: Case, person: Person, params: MustJoinParams) -> bool:
        since = _changed_at(case, person)
        return since is not None and case.now < case.calendar.after(since, params.within)

    def _is_recent(self, case: Case, person: Person) -> bool:
        since = _changed_at(case, person)
        return since is not None and case.now <= case.calendar.after(since, Span(days=RECENT_DAYS))


def _changed_at(case: Case, person: Person) -> Millis | None:
    """When somebody joined the organisation or was transferred, whichever was later; None where no date is known."""
    dates = (case.calendar.millis(one) for one in (person.joined_at, person.transferred_at))
    return max((one for one in dates if one is not None), default=None)


_EVERYBODY = ("全体", "全员", "所有", "公共", "全公司")


def _meant(case: Case) -> str:
    """What the group is for, in words: its member range and its name."""
    return f"{case.view.fact('member_range') or ''}{case.view.name}"


_DEPARTMENTS: "WeakKeyDictionary[Directory, dict[str, list[tuple[int, Person]]]]" = WeakKeyDictionary()


def _departments(directory: Directory) -> dict[str, list[tuple[int, Person]]]:
    """The people of each department, with their places in the fleet; worked out once for each fleet."""
    found = _DEPARTMENTS.get(directory)
    if found is None:
        found = _DEPARTMENTS[directory] = {}
        for place, person in enumerate(directory.fleet.people):
            if person.department:
                found.setdefault(person.department, []).append((place, person))
    return found


def _people_of(directory: Directory, departments: set[str]) -> list[Person]:
    """Their people, in the order of the fleet."""
    known = _departments(directory)
    return [
        person
        for _, person in sorted(chain.from_iterable(known.get(one, ()) for one in departments), key=itemgetter(0))
    ]


def _parts(text: str) -> set[str]:
    return {text[at:end] for at in range(len(text)) for end in range(at + 1, len(text) + 1)}


def _range(case: Case) -> set[str] | None:
    """The departments whose people a group is for; None where it is for everybody, empty where nothing tells."""
    meant, people, group = _meant(case), case.directory.people, case.view.group
    if any(word in meant for word in _EVERYBODY):
        return None
    known = _departments(case.directory)
    # A large fleet has more departments than a name has parts.
    parts = len(meant) ** 2 // 2
    named = known.keys() & _parts(meant) if parts < len(known) else {one for one in known if one in meant}
    keepers = [people.get(one) for one in group.managers or (case.view.owner or "",)]
    return named or {one.department for one in keepers if one and one.department}


Gate = Literal["owner", "manager", "administrator", "leader", "supervisor"]


class InvitationParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`gate`: who may bring people in himself (`supervisor`: the invited person's own; `leader`: by post or tag).

    `of`: whom the rule is about; `outsiders` are strangers and unrelated colleagues, `unconfirmed` people are on probation.
    `approver` says whose consent the policy wants, for the wording only. `removals`: the gate is for leaving as well, save
    that with `may_clear` leavers and strangers may be taken out by anybody. `uninvited`: about those who come by themselves
    and not about those who bring others. `agreed`: about people whom those at the gate put into the group without their
    own consent; who accepts an invitation himself has consented.

    `consent` is the fact that records consent or an exception, for the group or for one `person`; null: there is none. Of
    one person any stated consent, approval or exception does (`leader_consent`), for people word it as they like.
    """

    gate: tuple[Gate, ...] = ("owner", "administrator", "manager")
    of: Literal["strangers", "unrelated", "outsiders", "unconfirmed", "anyone"] = "strangers"
    approver: str = ""
    removals: bool = False
    may_clear: bool = False
    uninvited: bool = False
    agreed: bool = False
    consent: str | None = "invite_consent"
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Invitation(Rule):
    """A member brings somebody in without the consent that the policy wants; the inviter answers for it.

    `strangers` are people outside the directory, `unrelated` are colleagues who do not belong to the group.
    An invitation and the joining that follows are one. Serves `member:invite-approval`.
    """

    name = "member.invitation"
    Params = InvitationParams
    watches = frozenset({"member.invited", "member.joined", "member.removed"})
    needs = "invitations as the platform shows them; consent as a stated fact"

    def see(self, case: Case, params: InvitationParams, place: Place) -> Iterable[Finding]:
        if not case.view.is_of(params.types, params.except_types):
            return ()
        if params.uninvited:
            return self._uninvited(case, params)
        by, target = case.sender_id, case.target_id
        if by is None or target is None or by == target or case.is_robot:
            return ()
        if params.agreed:
            return self._unasked(case, target, params)
        return self._brought(case, by, target, params)

    def _brought(self, case: Case, by: str, target: str, params: InvitationParams) -> Iterable[Finding]:
        if case.sender_role in params.gate or _passes(case, by, target, params):
            return
        removed = case.seen.type == "member.removed"
        if removed and (not params.removals or _is_own_account(case) or (params.may_clear and _is_out(case, target))):
            return
        if case.seen.type == "member.joined" and case.state.invited.get(target) == by:
            return
        if not _is_meant(case, by, target, params) or (params.consent and consented(case, target, params.consent)):
            return
        stranger = case.directory.is_stranger(target)
        allowed = params.approver or "、".join(_GATES[one] for one in params.gate)
        who = "外部人员" if stranger else "尚未转正的人员" if params.of == "unconfirmed" else "人员"
        done = "将人员移出群聊" if removed else f"拉{who}入群"
        # Without a directory everybody looks like a stranger, and without an owner nobody could have consented.
        known = bool(case.directory.people) and bool(case.view.owner or case.view.administrators)
        yield Finding(
            subject=case.offender,
            explanation=f"未经{allowed}同意{done}" if params.consent and allowed else f"违反规定{done}",
            evidence=(Evidence(signal="membership", category="invitation", why=f"涉及 {shown_name(case, target)}"),),
            certain=known,
            category="invitation",
        )

    def _uninvited(self, case: Case, params: InvitationParams) -> Iterable[Finding]:
        target = case.target_id
        alone = case.seen.type == "member.joined" and target is not None and case.sender_id in (None, target)
        if not alone or target is None or target in case.state.invited or case.directory.is_stranger(target):
            return
        if not _belongs(case, case.view.owner or "", target) and not consented(case, target, params.consent or ""):
            yield Finding(
                subject=Subject("member", target),
                explanation="自行加入可能与其无关的群，请核实",
                evidence=(Evidence(signal="membership", category="invitation", why="不在成员名单和范围内"),),
                category="invitation",
            )

    def _unasked(self, case: Case, target: str, params: InvitationParams) -> Iterable[Finding]:
        may_invite = case.sender_role in params.gate
        if case.seen.type == "member.joined" and may_invite and not consented(case, target, params.consent or ""):
            person = case.directory.people.get(target)
            name = known_as(case, person) if person else shown_name(case, target)
            yield Finding(
                subject=case.offender,
                explanation=f"{name}被直接拉入群，没有其本人同意的记录，请征得同意并登记",
                evidence=(Evidence(signal="membership", category="invitation", why="入群须本人同意"),),
                category="invitation",
            )


def consented(case: Case, target: str, name: str) -> bool:
    """Say whether consent, an approval or an exception is on record, for the group or for this person."""
    given = (one for one, value in case.view.facts.items() if value)
    endings = tuple(f"{one}:{target}" for one in ("consent", "approval", "exception"))
    return any(one == name or one.endswith(endings) for one in given)


_GATES = {"owner": "群主", "manager": "群负责人", "administrator": "管理员", "leader": "领导", "supervisor": "直管领导"}


def _passes(case: Case, by: str, target: str, params: InvitationParams) -> bool:
    """Say whether the directory makes somebody one who may bring this person in."""
    person = case.directory.people.get(target)
    return ("leader" in params.gate and case.directory.is_leader(case.person)) or (
        "supervisor" in params.gate and person is not None and person.supervisor == by
    )


def _is_meant(case: Case, by: str, target: str, params: InvitationParams) -> bool:
    stranger = case.directory.is_stranger(target)
    match params.of:
        case "strangers":
            return stranger
        case "unrelated":
            return not stranger and not _belongs(case, by, target)
        case "outsiders":
            return stranger or not _belongs(case, by, target)
        case "unconfirmed":
            return not stranger and case.directory.people[target].status == "probation"
        case _:
            return True


def _is_out(case: Case, target: str) -> bool:
    """Say whether somebody has no place in the group any more: has left, was transferred, or is in no directory."""
    person = case.directory.people.get(target)
    return person is None or has_gone(case, person)


def _is_own_account(case: Case) -> bool:
    """Say whether the account that watches the group did it: it carries out what people have decided."""
    return case.seen.sender is not None and case.seen.sender.id == case.seen.account


def _belongs(case: Case, inviter: str, target: str) -> bool:
    """Say whether a colleague belongs to the group: listed, meant by its member range or name, or of a department that does.

    Those are the inviter's, the group managers', and each of which the fleet lists two members or more.
    """
    group, people = case.view.group, case.directory.people
    meant = _meant(case)
    department = people[target].department
    if not group.members or target in group.members or any(word in meant for word in _EVERYBODY):
        return True
    if department is None or department in meant:
        return department is not None
    keepers = (people.get(one) for one in (inviter, *group.managers))
    listed = (people.get(one) for one in set(group.members))
    return any(one and one.department == department for one in keepers) or (
        sum(one is not None and one.department == department for one in listed) > 1
    )


class ExitParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`objected`: a breach only after management told the person to stop or to stay, within `window` before the exit: by
    a message to him, or as his stated fact `exit_objection`. Where no objection is known a person is asked."""

    objected: bool = False
    window: Span = field(default_factory=lambda: Span(days=3, source="tenant"))
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class MemberExit(Rule):
    """Somebody leaves by himself although he is on the staff and no date of leaving or transfer is reached.

    Who was removed by somebody else, who has consent on record, and whom the directory does not know broke nothing.
    Serves `member:exit-guard`.
    """

    name = "member.exit"
    Params = ExitParams
    watches = MESSAGE_TYPES | {"member.left"}
    needs = "the directory with dates of leaving; objections in the chat or as stated facts"

    # Who leaves after an objection leaves soon; the oldest give way.
    MOST_OBJECTED = 20

    def see(self, case: Case, params: ExitParams, place: Place) -> Iterable[Finding]:
        if not case.view.is_of(params.types, params.except_types):
            return
        if case.seen.type == "member.left":
            yield from self._left(case, params)
        elif params.objected and case.sender_id is not None and not case.is_robot:
            self._listen(case)

    def _left(self, case: Case, params: ExitParams) -> Iterable[Finding]:
        who, by = case.target_id or case.sender_id, case.sender_id
        person = case.directory.people.get(who or "")
        if who is None or person is None or by not in (None, who) or case.directory.is_stranger(who):
            return
        told_at = case.state.objected.pop(who, None)
        if has_gone(case, person) or consented(case, who, "exit_consent"):
            return
        recent = told_at is not None and told_at <= case.now < case.calendar.after(told_at, params.window)
        objected = recent or bool(case.view.fact(f"exit_objection:{who}"))
        after = "经管理人员劝阻后" if objected else ""
        yield Finding(
            subject=Subject("member", who),
            explanation=f"{known_as(case, person)}未到离职或调离日期，{after}自行退群",
            evidence=(Evidence(signal="membership", category="exit", why="名录中仍在职"),),
            certain=objected or not params.objected,
            category="exit",
        )

    def _listen(self, case: Case) -> None:
        """Note to whom management objects: whom the message names, else who spoke last."""
        state, who = case.state, case.sender_id
        if case.sender_role == "member" and not case.directory.is_leader(case.person):
            state.last_speaker = who
        elif _OBJECTS.search(own_text(case.seen)):
            for one in sorted(self._addressed(case)) or filter(None, [state.last_speaker]):
                state.objected.pop(one, None)
                state.objected[one] = case.now
            while len(state.objected) > self.MOST_OBJECTED:
                del state.objected[next(iter(state.objected))]

    def _addressed(self, case: Case) -> set[str]:
        seen, directory = case.seen, case.directory
        named = {directory.subject(seen.platform, one.id) for one in seen.mentions or () if one.id}
        quoted = seen.reply_to.quoted_sender if seen.reply_to else None
        text = f"{own_text(seen)} {' '.join(one.name or '' for one in seen.mentions or ())} {quoted or ''}"
        for who in case.view.members:
            person = directory.people.get(who)
            # Of two people with the same name neither is meant for certain.
            if person and person.name in text and person.name not in directory.shared_names:
                named.add(who)
        if quoted:
            named.add(directory.subject(seen.platform, quoted))
        return named & case.view.members


_OBJECTS = re2.compile(
    r"(不要|不得|不准|不许|不能|不可|请勿|禁止|不同意|别).{0,8}(退|离开|走|发|刷|吵|闹|骂|传|聊|说|顶|怼|杠|抱怨|起哄|胡来)|停止|制止|住口|留在群"
    r"|到此为止|适可而止|打住|注意.{0,2}(言[辞行论]|影响|分寸|纪律|群规)|(服从|遵守).{0,6}(安排|管理|规定|群规|纪律)"
)


class InactiveParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after`: how long a member may be silent before his department is asked. `kept`: facts of a person by which the
    department has said that he stays."""

    after: Span = field(default_factory=lambda: Span(days=180, source="tenant"))
    kept: tuple[str, ...] = ("kept", "keep", "on_leave")
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class MemberInactive(Rule):
    """A member has been silent for so long that his department is asked whether he still belongs. Never a breach.

    Silence counts in local days, at the earliest from the day on which the rule first saw the member. Who owns, manages or
    administers the group belongs to it, silent or not. Serves `member:inactive`.
    """

    name = "member.inactive"
    Params = InactiveParams
    watches = MESSAGE_TYPES
    standing = True
    needs = "the messages of the group for as long as the silence lasts; what the department said, as a stated fact"

    def see(self, case: Case, params: InactiveParams, place: Place) -> Iterable[Finding]:
        who, spoke, view = case.sender_id, case.state.spoke, case.view
        minded = view.known and view.is_of(params.types, params.except_types)
        if minded and who is not None and case.now >= spoke.get(who, 0) + HOUR:
            spoke[who] = case.now
        return ()

    def faults(self, case: Case, params: InactiveParams, subject: str | None) -> Iterable[Finding]:
        view, calendar, state = case.view, case.calendar, case.state
        if not view.known or not view.is_of(params.types, params.except_types):
            return
        members = view.members
        if subject is None:
            state.spoke = {one: state.spoke.get(one, case.now) for one in sorted(members)}
        trusted = _trusted(case)
        for who in sorted(members if subject is None else {subject} & members):
            person = case.directory.people.get(who)
            if person is None or who in trusted or case.directory.is_stranger(who) or has_gone(case, person):
                continue
            last = max(state.spoke.get(who, case.now), state.joined.get(who, 0))
            since = calendar.millis(calendar.local_day(last)) or last
            kept = any(view.fact(f"{one}:{who}") for one in params.kept)
            if not kept and case.now >= calendar.after(since, params.after):
                asked = person.department or "其主管"
                yield Finding(
                    subject=Subject("member", who),
                    explanation=f"{known_as(case, person)}长期未在群内发言，请先向{asked}核实是否保留，未经核实不得移出",
                    evidence=(Evidence(signal="membership", category="inactive", why="长期未发言"),),
                    category="inactive",
                )
