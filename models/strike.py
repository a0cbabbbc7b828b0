"""Violations held against a person."""

from typing import Literal

from msgspec import Struct

from models.observation import Millis

StrikeStatus = Literal["live", "expired", "revoked"]


class Strike(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One strike. `given_at` is the time of the message, not of the verdict; `scope` names what it counts within.

    `mode` is the group's at that time: strikes gathered in observe or advise never count in enforce.
    """

    id: str
    violation_id: str
    subject: str
    ladder: str
    scope: str
    given_at: Millis
    expires_at: Millis | None
    weight: float = 1.0
    status: StrikeStatus = "live"
    mode: Literal["observe", "advise", "enforce"] = "observe"
