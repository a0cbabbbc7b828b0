"""What people ask of the desk over HTTP, on whatever store it lies."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from models.observation import Millis
from streams import desk
from streams.logs import say

T = TypeVar("T")


class DeskCalls:
    """Reviews, decisions, appeals, pauses. Who inherits says where the store is and does its work off the event loop."""

    store: Any
    clock: Callable[[], Millis]

    async def _in_store(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        raise NotImplementedError

    def _decided(self) -> None:
        """A decision or an appeal was entered."""

    def _resumed(self) -> None:
        """Actions may go out again."""

    async def reviews(
        self, status: str = "open", group: str | None = None, kind: str | None = None, limit: int = 200
    ) -> Any:
        return await self._in_store(desk.list_reviews, self.store, status=status, group=group, kind=kind, limit=limit)

    async def review(self, review_id: str) -> Any:
        return await self._in_store(desk.show_review, self.store, review_id)

    async def decide(self, named: str, **decision: Any) -> dict[str, Any]:
        """Enter a decision; its parts are those of `desk.decide`."""
        decided = await self._in_store(partial(desk.decide, **decision, now=self.clock()), self.store, named)
        self._decided()
        return decided

    async def appeal(self, sanction_id: str, *, by: str, text: str) -> dict[str, Any]:
        filed = await self._in_store(partial(desk.appeal, by=by, text=text, now=self.clock()), self.store, sanction_id)
        self._decided()
        return filed

    async def approvals(self) -> Any:
        return await self._in_store(desk.list_reviews, self.store, kind="approval")

    async def pause(self, scope: dict[str, Any], by: str, reason: str) -> str | None:
        named = {kind: scope.get(kind) for kind in ("group", "pack", "clause")}
        await self._in_store(partial(desk.pause, **named, by=by, reason=reason), self.store)
        say("paused", scope=_scope(named))
        return await self._in_store(partial(desk.never_seen, **named), self.store)

    async def resume(self, scope: dict[str, Any], by: str) -> str:
        named = {kind: scope.get(kind) for kind in ("group", "pack", "clause")}
        resumed = await self._in_store(partial(desk.resume, **named, now=self.clock()), self.store)
        self._resumed()
        say("resumed", scope=_scope(named))
        return resumed

    async def paused(self) -> Any:
        return await self._in_store(desk.paused, self.store)


def _scope(named: Mapping[str, str | None]) -> str:
    return next((f"{kind}:{one}" for kind, one in named.items() if one), "all")
