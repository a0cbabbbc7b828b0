"""Rules on how long a group lives: what ends it, who may end it, and whether anybody still uses it."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct, field

from models import Subject
from models.observation import MESSAGE_TYPES
from policies.rules.base import Case, Finding, Place, Rule
from policies.rules.registry import group_finding, is_stated, person_of, watched_since
from policies.schema import Span

# The bits of `GroupState.message_days`: two months, and no number that some encoding cannot hold.
REMEMBERED_DAYS = 62


class ExpiryParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within` after the fact `fact` (a date) the group has to be dissolved; the fact `mended_by` will do as well.

    `duty` says what is owed, for the wording. `types`, `except_types` of groups.
    """

    fact: str = "work_ended_at"
    within: Span = field(default_factory=lambda: Span(working_days=3, source="tenant"))
    mended_by: str = ""
    duty: str = "解散"
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Expiry(Rule):
    """A group for a temporary task lives on after the task ended. Serves `lifecycle:temp-expiry`."""

    name = "lifecycle.expiry"
    Params = ExpiryParams
    standing = True
    needs = "the stated fact that the work ended"

    def faults(self, case: Case, params: ExpiryParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or case.state.dissolved_at or view.group.status == "dissolved":
            return
        due_at = case.calendar.over(view.fact(params.fact), params.within)
        if due_at is None or not view.is_of(params.types, params.except_types):
            return
        if params.mended_by and is_stated(view.fact(params.mended_by)):
            return
        if case.now > due_at:
            yield group_finding(case, f"核心工作已结束，本群超过期限仍未{params.duty}", category="lifecycle")


class DissolutionParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by` says whose consent the policy wants and `cancel` how the filing is cancelled then, both for the wording.

    `fact`: the consent. `by_initiator`: the initiator (the fact `initiator`, else the owner) needs none.
    `types`, `except_types` of groups.
    """

    by: str = ""
    cancel: str = ""
    fact: str = "dissolution_consent"
    by_initiator: bool = False
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Dissolution(Rule):
    """The group was dissolved without the consent on record that the policy wants. Serves `lifecycle:dissolution`.

    Where the platform does not show who dissolved it, it was the owner: nobody else can.
    """

    name = "lifecycle.dissolution"
    Params = DissolutionParams
    watches = frozenset({"group.dissolved"})
    needs = "the stated consent; who dissolved the group"

    def see(self, case: Case, params: DissolutionParams, place: Place) -> Iterable[Finding]:
        view = case.view
        if not view.known or not view.is_of(params.types, params.except_types) or is_stated(view.fact(params.fact)):
            return
        by = case.sender_id or view.owner
        if params.by_initiator and by == (person_of(case, view.fact("initiator")) or view.owner):
            return
        wanted = "发起人" if params.by_initiator else params.by
        cancel = f"，解散后{params.cancel}" if params.cancel else ""
        yield Finding(
            subject=Subject("owner" if by == view.owner else "member", by) if by else case.group_subject,
            explanation=f"本群已解散，未见{wanted or '主管领导'}同意解散的记录{cancel}",
            category="lifecycle",
        )


class IdleParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after`: so long without a message. Nobody is asked where the fact `kept` is stated, or `ended`: then it is known."""

    after: Span = field(default_factory=lambda: Span(days=60, source="tenant"))
    kept: str = "kept"
    ended: str = "work_ended_at"
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Idle(Rule):
    """Nobody has written in the group for long: its keeper is asked whether it is still needed.

    Silence counts from the day of the last message, or from when the group was first watched. Robots do not break
    it. Serves `lifecycle:idle-group`.
    """

    name = "lifecycle.idle"
    Params = IdleParams
    watches = MESSAGE_TYPES
    standing = True

    def see(self, case: Case, params: IdleParams, place: Place) -> Iterable[Finding]:
        note_day(case)
        return ()

    def faults(self, case: Case, params: IdleParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.is_of(params.types, params.except_types):
            return
        since = case.calendar.millis(case.state.last_message_on) or watched_since(case)
        if case.now <= case.calendar.after(since, params.after):
            return
        if not any(is_stated(view.fact(one)) for one in (params.kept, params.ended)):
            yield group_finding(case, "本群长期无人发言，请核实工作是否已结束、是否仍需保留", category="lifecycle")


class BusyParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages on at least so many `days` of the last `within` days, today included, at most 62."""

    days: int = 15
    within: int = 30
    mended_by: str = "upgraded_at"
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()


class Busy(Rule):
    """A group meant for one matter is in use so often that it should become a regular one. Serves `lifecycle:temp-expiry`."""

    name = "lifecycle.busy"
    Params = BusyParams
    watches = MESSAGE_TYPES
    standing = True

    def see(self, case: Case, params: BusyParams, place: Place) -> Iterable[Finding]:
        note_day(case)
        return ()

    def faults(self, case: Case, params: BusyParams, subject: str | None) -> Iterable[Finding]:
        view = case.view
        if subject is not None or not view.is_of(params.types, params.except_types) or not case.state.message_days:
            return
        if is_stated(view.fact(params.mended_by)):
            return
        days = days_written(case, min(params.within, REMEMBERED_DAYS))
        if days >= params.days:
            yield group_finding(
                case, f"近{params.within}天内有{days}天在使用本群，属经常使用，应升级为正式工作群", category="lifecycle"
            )


def note_day(case: Case) -> None:
    """Enter today among the days on which somebody wrote. All but the first message of a day cost one comparison."""
    state, today = case.state, case.calendar.local_day(case.now)
    if state.last_message_on == today or case.is_robot:
        return
    passed = _days_between(state.last_message_on, today)
    if passed >= 0:
        kept = state.message_days << passed if passed < REMEMBERED_DAYS else 0
        state.message_days = (kept | 1) & ((1 << REMEMBERED_DAYS) - 1)
        state.last_message_on = today
    elif -passed < REMEMBERED_DAYS:
        state.message_days |= 1 << -passed


def days_written(case: Case, within: int) -> int:
    """On how many of the last `within` days, today included, somebody wrote."""
    passed = max(0, _days_between(case.state.last_message_on, case.calendar.local_day(case.now)))
    return (case.state.message_days & ((1 << max(0, within - passed)) - 1)).bit_count()


def _days_between(earlier: str, later: str) -> int:
    return (date.fromisoformat(later) - date.fromisoformat(earlier)).days if earlier else REMEMBERED_DAYS
