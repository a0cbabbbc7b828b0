"""Rules on who is in a group and who brought them in."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, field

from models import Evidence, Subject
from policies.rules.base import Case, Finding, Place, Rule
from policies.schema import Span


class RosterParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within`: how long after leaving a leaver may still be in the group."""

    within: Span = field(default_factory=Span)
    strangers: bool = True


class RosterDifference(Rule):
    """Somebody is in the group who should not be: a leaver, a transferee, a stranger.

    Looked at when the group is first seen, at each change, and on each new day. Serves `member:roster` and the checks
    of `audit:patrol`.
    """

    name = "roster.difference"
    Params = RosterParams
    standing = True
    needs = "the directory and the members of each group"

    def faults(self, case: Case, params: RosterParams, subject: str | None) -> Iterable[Finding]:
        if not case.view.known or not case.directory.people:
            return
        group = case.view.group
        members = case.view.members if subject is None else {subject} & case.view.members
        # Whom the fleet gives a role it knows, even before his own entry is made.
        trusted = {group.owner, *group.managers, *group.administrators, *group.publishers}
        for who in sorted(members):
            person = case.directory.people.get(who)
            why = None
            if person is None:
                why = "不在名录中" if params.strangers and who not in trusted else None
            elif person.status == "left" and self._over(case, person.left_at, params):
                why = "已离职"
            elif person.status == "transferred" and self._over(case, person.transferred_at, params):
                why = "已调离"
            if why:
                name = person.name if person else shown_name(case, who)
                still = "仍在群内" if person else "现在群内"
                yield Finding(
                    subject=Subject("member", who),
                    explanation=f"{name}{why}，{still}，请管理员核实并清理",
                    evidence=(Evidence(signal="directory", category="roster", why=why),),
                    category="roster",
                )

    def _over(self, case: Case, date: object, params: RosterParams) -> bool:
        since = case.calendar.millis(date)
        return since is None or case.now >= case.calendar.after(since, params.within)


def shown_name(case: Case, subject: str) -> str:
    """What people know a stranger by: the name shown with him, else his account."""
    target = case.seen.target
    named = target.name if target and case.target_id == subject else None
    return named or case.state.cards.get(subject) or subject.rpartition(":")[2]


class MustJoinParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`department`: only its people have to join; empty means everybody in the directory."""

    department: str = ""


class MustJoin(Rule):
    """Somebody who has to be in the group is not. "In principle": a recorded exception (`join_exception`) counts.

    Somebody whose groups are all under other packs belongs to another organisation of the same fleet. Serves
    `member:must-join`.
    """

    name = "roster.must_join"
    Params = MustJoinParams
    standing = True
    needs = "the directory and the members of each group"

    def faults(self, case: Case, params: MustJoinParams, subject: str | None) -> Iterable[Finding]:
        if not case.view.known or not case.view.group.members:
            return
        members = case.view.members
        for person in case.directory.active():
            if subject is not None and person.id != subject:
                continue
            if person.id in members or params.department not in (person.department or ""):
                continue
            if "customer" in person.tags or case.view.fact(f"join_exception:{person.id}"):
                continue
            packs = case.directory.packs_of(person.id)
            if packs and case.view.group.pack not in packs:
                continue
            yield Finding(
                subject=Subject("member", person.id),
                explanation=f"{person.name}尚未入群，原则上应全员入群",
                category="roster",
            )


class InvitationParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`gate`: who may bring people in himself; `of`: whom the rule is about; `removals`: the gate is for leaving as well.
    `uninvited`: about those who come by themselves and not about those who bring others.

    `consent` is the fact that records consent, for the group or for one `person`. Of one person any stated consent does
    (`leader_consent`), for people word it as they like.
    """

    gate: tuple[Literal["owner", "manager", "administrator"], ...] = ("owner", "administrator", "manager")
    of: Literal["strangers", "unrelated", "anyone"] = "strangers"
    removals: bool = False
    uninvited: bool = False
    consent: str = "invite_consent"


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
        by, target = case.sender_id, case.target_id
        if params.uninvited:
            yield from self._uninvited(case, params)
            return
        if by is None or target is None or by == target or case.is_robot or case.sender_role in params.gate:
            return
        removed = case.seen.type == "member.removed"
        if removed and (not params.removals or _is_own_account(case)):
            return
        if case.seen.type == "member.joined" and case.state.invited.get(target) == by:
            return
        stranger = case.directory.is_stranger(target)
        if params.of != "anyone" and stranger != (params.of == "strangers"):
            return
        if (params.of == "unrelated" and _belongs(case, by, target)) or self._consented(case, target, params):
            return
        allowed = "、".join(_GATES[one] for one in params.gate)
        who = "外部人员" if stranger else "人员"
        done = "将人员移出群聊" if removed else f"拉{who}入群"
        # Without a directory everybody looks like a stranger, and without an owner nobody could have consented.
        known = bool(case.directory.people) and bool(case.view.owner or case.view.administrators)
        yield Finding(
            subject=case.offender,
            explanation=f"未经{allowed}同意{done}",
            evidence=(Evidence(signal="membership", category="invitation", why=f"涉及 {shown_name(case, target)}"),),
            certain=known,
            category="invitation",
        )

    def _uninvited(self, case: Case, params: InvitationParams) -> Iterable[Finding]:
        target = case.target_id
        alone = case.seen.type == "member.joined" and target is not None and case.sender_id in (None, target)
        if not alone or target is None or target in case.state.invited or case.directory.is_stranger(target):
            return
        if not _belongs(case, case.view.owner or "", target) and not self._consented(case, target, params):
            yield Finding(
                subject=Subject("member", target),
                explanation="自行加入可能与其无关的群，请核实",
                evidence=(Evidence(signal="membership", category="invitation", why="不在成员名单和范围内"),),
                category="invitation",
            )

    def _consented(self, case: Case, target: str, params: InvitationParams) -> bool:
        given = (name for name, value in case.view.facts.items() if value)
        return any(one == params.consent or one.endswith(f"consent:{target}") for one in given)


_GATES = {"owner": "群主", "manager": "群负责人", "administrator": "管理员"}


def _is_own_account(case: Case) -> bool:
    """Say whether the account that watches the group did it: it carries out what people have decided."""
    return case.seen.sender is not None and case.seen.sender.id == case.seen.account


def _belongs(case: Case, inviter: str, target: str) -> bool:
    """Say whether a colleague belongs to the group: listed, meant by its member range or name, or of the inviter's department."""
    group, people = case.view.group, case.directory.people
    meant = f"{case.view.fact('member_range') or ''}{group.name}"
    department = people[target].department
    if not group.members or target in group.members or any(word in meant for word in ("全体", "全员", "所有")):
        return True
    return department is not None and (
        department in meant or (inviter in people and people[inviter].department == department)
    )
