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
        if not case.known or not case.directory.people:
            return
        members = case.view.members if subject is None else {subject} & case.view.members
        for who in sorted(members):
            person = case.directory.people.get(who)
            why = None
            if person is None:
                why = "名录中没有此人" if params.strangers else None
            elif person.status == "left" and self._over(case, person.left_at, params):
                why = "已离职"
            elif person.status == "transferred" and self._over(case, person.transferred_at, params):
                why = "已调离"
            if why:
                name = person.name if person else who
                yield Finding(
                    subject=Subject("member", who),
                    explanation=f"{name}{why}，仍在群内，请管理员核实并清理",
                    evidence=(Evidence(signal="directory", category="roster", why=why),),
                    category="roster",
                )

    def _over(self, case: Case, date: object, params: RosterParams) -> bool:
        since = case.calendar.millis(date)
        return since is None or case.now >= case.calendar.after(since, params.within)


class MustJoinParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`department`: only its people have to join; empty means everybody in the directory."""

    department: str = ""


class MustJoin(Rule):
    """Somebody who has to be in the group is not. "In principle": a recorded exception (`join_exception`) counts.

    Serves `member:must-join`.
    """

    name = "roster.must_join"
    Params = MustJoinParams
    standing = True
    needs = "the directory and the members of each group"

    def faults(self, case: Case, params: MustJoinParams, subject: str | None) -> Iterable[Finding]:
        if not case.known or not case.view.group.members:
            return
        members = case.view.members
        for person in case.directory.active():
            if subject is not None and person.id != subject:
                continue
            if person.id in members or params.department not in (person.department or ""):
                continue
            if "customer" in person.tags or case.view.fact(f"join_exception:{person.id}"):
                continue
            yield Finding(
                subject=Subject("member", person.id),
                explanation=f"{person.name}尚未入群，原则上应全员入群",
                category="roster",
            )


class InvitationParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`gate`: whose own invitations are fine; `of`: whom the rule is about; `consent` is the fact that records it."""

    gate: tuple[Literal["owner", "manager", "administrator"], ...] = ("owner", "administrator", "manager")
    of: Literal["strangers", "unrelated", "anyone"] = "strangers"
    consent: str = "invite_consent"


class Invitation(Rule):
    """A member brings somebody in without the consent that the policy wants; the inviter answers for it.

    `strangers` are people outside the directory, `unrelated` are colleagues who do not belong to the group.
    Serves `member:invite-approval`.
    """

    name = "member.invitation"
    Params = InvitationParams
    watches = frozenset({"member.invited", "member.joined"})
    needs = "invitations as the platform shows them; consent as a stated fact"

    def see(self, case: Case, params: InvitationParams, place: Place) -> Iterable[Finding]:
        inviter, target = case.sender_id, case.target_id
        if inviter is None or target is None or inviter == target or case.is_robot:
            return
        if case.sender_role in params.gate or self._consented(case, target, params):
            return
        if case.seen.type == "member.joined" and case.state.invited.get(target) == inviter:
            return
        stranger = case.directory.is_stranger(target) or self._shown_external(case)
        listed = target in case.view.group.members
        wanted = {"strangers": stranger, "unrelated": not stranger and not listed, "anyone": True}[params.of]
        if wanted:
            who = "外部人员" if stranger else "人员"
            allowed = "、".join(
                {"owner": "群主", "manager": "群负责人", "administrator": "管理员"}[one] for one in params.gate
            )
            yield Finding(
                subject=case.offender,
                explanation=f"未经{allowed}同意拉{who}入群",
                evidence=(Evidence(signal="membership", category="invitation", why=f"邀请了 {target}"),),
                category="invitation",
            )

    def _consented(self, case: Case, target: str, params: InvitationParams) -> bool:
        return bool(case.view.fact(f"{params.consent}:{target}") or case.view.fact(params.consent))

    def _shown_external(self, case: Case) -> bool:
        return not case.directory.people
