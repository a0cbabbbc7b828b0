"""An actuator that sends nothing: it confirms all and keeps what was asked. For shadow mode, tests, demonstrations."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

from connectors.actuator import CALLS, Ability, Outcome
from models import Action

_CONFIRMED: Final = Outcome("confirmed", "simulated")


class SimulatedActuator:
    """Confirms every call unless told otherwise. `asked` holds the newest `keep` actions, oldest first.

    `abilities` overrides what `can` answers, by call. `fail`, `refuse` and `hang` say how the next calls end, in the
    order in which they were told; after that everything is confirmed again.
    """

    name = "simulated"

    def __init__(self, *, keep: int = 1000, abilities: Mapping[str, Ability] | None = None) -> None:
        self.asked: deque[Action] = deque(maxlen=keep)
        self._abilities = dict(abilities or {})
        self._endings: deque[Outcome | None] = deque()
        self._released = asyncio.Event()

    def can(self, action: Action) -> Ability:
        if action.call in self._abilities:
            return self._abilities[action.call]
        if action.call in CALLS:
            return Ability("yes")
        return Ability("no", f"{action.call[:40]} is not a known call")

    def idempotent(self, call: str) -> bool:
        return True

    async def send(self, action: Action) -> Outcome:
        self.asked.append(action)
        if not self._endings:
            return _CONFIRMED
        ending = self._endings.popleft()
        if ending is not None:
            return ending
        await self._released.wait()
        return _CONFIRMED

    def fail(self, times: int = 1, *, retry_after: float | None = None) -> None:
        """The next calls fail in a way that may pass."""
        self._endings.extend([Outcome("retry", "simulated failure", retry_after)] * times)

    def refuse(self, times: int = 1) -> None:
        """The next calls are refused for good."""
        self._endings.extend([Outcome("refused", "simulated refusal")] * times)

    def hang(self, times: int = 1) -> None:
        """The next calls do not come back until `release`, or until they are cancelled."""
        self._released.clear()
        self._endings.extend([None] * times)

    def release(self) -> None:
        """Let every call that hangs come back confirmed."""
        self._released.set()
