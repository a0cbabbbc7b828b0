"""Rules on who may post what."""

from collections.abc import Iterable

from msgspec import Struct

from classifiers.conversation import is_notice
from models import Evidence
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule


class NoticePermissionParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may issue notices: the group's publishers, people of `departments`, `leaders`, and holders of `roles`."""

    departments: tuple[str, ...] = ()
    leaders: bool = True
    roles: tuple[str, ...] = ()
    exception: str = "notice_authorised"


class NoticePermission(Rule):
    """A notice or announcement is issued by somebody who may not. "In principle": a recorded authorisation counts.

    What is put up as the group's announcement is one whatever it says. Serves `posting:role-allow-list`.
    """

    name = "posting.permission"
    Params = NoticePermissionParams
    watches = MESSAGE_TYPES | {"group.notice_changed"}
    needs = "publishers of the group, departments and posts of people"

    def see(self, case: Case, params: NoticePermissionParams, place: Place) -> Iterable[Finding]:
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
        who = case.sender_id or ""
        if who in case.view.group.publishers or case.sender_role in params.roles:
            return True
        if params.leaders and case.directory.is_leader(person):
            return True
        if case.view.fact(params.exception) or case.view.fact(f"{params.exception}:{who}"):
            return True
        return person is not None and any(one in (person.department or "") for one in params.departments)
