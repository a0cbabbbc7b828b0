"""Carries planned actions out: leases from the outbox, asks the connector, settles what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from connectors.actuator import CALLS, Actuator, Outcome
from connectors.webhook import backoff
from models import Action
from models.observation import Millis
from streams import outbox
from streams.agents.escalate import DELIVERED
from streams.brakes import Budgets, count_kinds
from streams.logs import say, what_broke
from streams.metrics import Metrics
from streams.telling import tell_action

# Calls under way at once; and seconds that a round waits for its calls. A receiver that hangs is left under way, so that it
# holds up its own group and no other.
_AT_ONCE = 50
_ROUND_SECONDS = 1.0


class InStore(Protocol):
    """Does the store's work off the event loop, and again until the store can."""

    def __call__(self, work: Callable[..., Any], *arguments: Any) -> Awaitable[Any]: ...


class Dispatcher:
    """One connector's side of the outbox. Several may share an outbox: an action is leased by one of them."""

    def __init__(
        self,
        store: Any,
        actuator: Actuator,
        metrics: Metrics,
        clock: Callable[[], Millis],
        in_store: InStore,
        *,
        budgets: Budgets,
    ) -> None:
        self._store = store
        self._actuator = actuator
        self._metrics = metrics
        self._clock = clock
        self._in_store = in_store
        self._budgets = budgets
        self._held: dict[str, str] = {}
        #: By task, the id of its action.
        self._under_way: dict[asyncio.Task[None], str] = {}

    async def recover(self) -> None:
        """Take up what a former process left half done. Call before the first round."""
        repeatable = {call for call in CALLS if self._actuator.idempotent(call)}
        mine = frozenset(self._under_way.values())
        await self._in_store(partial(outbox.recover, but=mine), self._store, repeatable)

    async def round(self) -> int:
        """Begin what can go out now, and wait for it a second at most; how many actions were begun."""
        now = await self._in_store(outbox.store_time, self._store, self._clock())
        free = _AT_ONCE - len(self._under_way)
        claim = partial(outbox.claim, budgets=self._budgets, limit=free)
        actions = await self._in_store(claim, self._store, now) if free else []
        self._tell(await self._in_store(outbox.held_by_brakes, self._store))
        self._under_way |= {asyncio.create_task(self._carry_out(one)): one.id for one in actions}
        if actions:
            await asyncio.wait(self._under_way, timeout=_ROUND_SECONDS)
        for task in [one for one in self._under_way if one.done()]:
            del self._under_way[task]
            task.result()
        return len(actions)

    async def close(self) -> None:
        """Give up the calls under way: `recover` finds them. Call before the connector is closed."""
        for one in self._under_way:
            one.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._under_way.clear()

    def _tell(self, held: dict[str, str]) -> None:
        """Raise the alarm for what a brake holds since the last look, and say when it goes on."""
        self._metrics.set_brakes(count_kinds(held))
        for scope in held.keys() - self._held.keys():
            say("brake", scope=scope)
        for scope in self._held.keys() - held.keys():
            say("brake_released", scope=scope)
        self._held = held

    async def _carry_out(self, action: Action) -> None:
        able = self._actuator.can(action)
        retry_at: Millis | None = None
        if able.answer != "yes":
            status, detail = "manual", able.why
        else:
            try:
                outcome = await self._actuator.send(action)
            except Exception as error:
                # Connectors promise not to raise. One that does must not leave its action, and with it the group, waiting.
                say("connector_broke", action_id=action.id, platform=action.platform, **what_broke(error))
                again = self._actuator.idempotent(action.call)
                outcome = Outcome("retry" if again else "unconfirmed", f"the connector broke ({type(error).__name__})")
            status, detail = outcome.status, outcome.detail
            wait = outcome.retry_after or backoff(action.tries, key=action.id)
            retry_at = self._clock() + int(wait * 1000)
        self._metrics.acted(action.platform, status)
        if status in DELIVERED:
            self._metrics.reached(action.platform, "confirmed", [(self._clock() - action.planned_at) / 1000])
        settled = partial(outbox.settle, at=self._clock(), detail=detail, retry_at=retry_at)
        await self._in_store(settled, self._store, action, status)
        tell_action(action, status)
