"""What a pack prescribes (Sanction), who else must act (Task), and what a platform is asked to do (Action)."""

from typing import Any, Literal

from msgspec import Struct

from models.observation import Millis
from models.verdict import Subject

SanctionKind = Literal["remind", "warn", "recall", "mute", "remove", "fine", "referral", "task"]
ActionStatus = Literal["planned", "sending", "accepted", "confirmed", "refused", "unconfirmed", "manual", "cancelled"]


class Assignee(Struct, frozen=True, omit_defaults=True):
    """Who has to act: a role in the group or the organisation, and the person where known."""

    role: str
    id: str | None = None


class Fine(Struct, frozen=True, kw_only=True):
    """What a policy says of a fine; sums in hundredths of a yuan. What it leaves open is null, here and on the wire.

    `payer` is a role in the group or the policy's wording, `open` what it leaves to whoever approves, `caution` what the law
    makes of it. A fine is an entry, never a payment.
    """

    amount_fen: int | None = None
    least_fen: int | None = None
    most_fen: int | None = None
    payer: str | None = None
    per: Literal["occurrence", "person"] = "occurrence"
    open: str | None = None
    caution: str = ""


class Sanction(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The response a pack prescribes. `amount_fen` in hundredths of a yuan, `seconds` of a mute.

    `measure`: the policy's words for a referral. `check`: the check at which somebody found what a fine is for.

    `needs_approval` makes it a draft for a named person. `mode` is the group's: nothing leaves in observe, drafts only
    in advise. `reverses` names the sanction that this one takes back.
    """

    id: str
    violation_ids: tuple[str, ...]
    group_id: str
    subject: Subject
    kind: SanctionKind
    rung: int
    clause: str
    needs_approval: bool
    decided_at: Millis
    notice: str
    approved_by: str | None = None
    amount_fen: int | None = None
    seconds: int | None = None
    expires_at: Millis | None = None
    mode: Literal["observe", "advise", "enforce"] = "observe"
    ladder: str | None = None
    strike_id: str | None = None
    reverses: str | None = None
    fine: Fine | None = None
    measure: str | None = None
    check: str | None = None


class Task(Struct, frozen=True, kw_only=True):
    """Something a person has to do, with a date where there is one."""

    id: str
    violation_ids: tuple[str, ...]
    group_id: str
    assignee: Assignee
    what: str
    clause: str
    due_at: Millis | None = None
    status: Literal["open", "done", "overdue", "cancelled"] = "open"


class Action(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One platform operation. `params` is what the connector needs: target, text, seconds, native_id.

    Its id is stable over retries: a connector that can de-duplicate does so by it.
    """

    id: str
    sanction_id: str
    platform: str
    account: str | None
    call: str
    status: ActionStatus
    tries: int = 0
    detail: str = ""
    group_id: str = ""
    subject: str = ""
    params: dict[str, Any] = {}
    planned_at: Millis = 0
    max_age: Millis | None = None
