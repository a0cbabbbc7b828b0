"""The seam between the outbox and a platform: what can be done there, and what became of doing it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from models import Action

# Every call that an action may name.
CALLS = frozenset({"notify", "recall", "mute", "unmute", "remove", "reinvite"})

AbilityAnswer = Literal["yes", "manual", "no"]
OutcomeStatus = Literal["accepted", "confirmed", "refused", "retry", "unconfirmed", "manual"]


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether a platform can do it: by call, only by hand, or not at all. `why` is one sentence for people."""

    answer: AbilityAnswer
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try.

    `accepted`: taken, no proof yet; `confirmed`: done; `refused`: will never be done this way; `retry`: try again, not
    before `retry_after` seconds where given; `unconfirmed`: may have been done or not; `manual`: a person has to do it.
    `detail` is for operators and never holds message text or secrets.
    """

    status: OutcomeStatus
    detail: str = ""
    retry_after: float | None = None


class Actuator(Protocol):
    """Carries actions out on one platform. The dispatcher calls `send`, one at a time per group."""

    @property
    def name(self) -> str: ...

    def can(self, action: Action) -> Ability:
        """Asked before a rung is chosen and again before sending; looks nothing up on the network."""
        ...

    def idempotent(self, call: str) -> bool:
        """Whether the same action sent twice takes effect once; only then is it sent again after a crash."""
        ...

    async def send(self, action: Action) -> Outcome:
        """Try once. Never raises for what a platform or a network does; cancelling it leaves the result unknown."""
        ...
