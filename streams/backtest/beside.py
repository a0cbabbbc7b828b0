"""What a shadow has found beside the live edition, read from its rows, in the form of a backtest."""

from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from models.observation import Millis
from streams.backtest.compare import Found, Pair, compare
from streams.backtest.run import Backtest, Judged
from streams.cases.tables import shadow
from streams.replay import Summary

_FINDINGS = ("only_live", "only_shadow", "both")


class Ran(Struct, frozen=True, kw_only=True):
    """One shadow: how many messages it judged, passed over because it had used up its time, and broke on; first and last."""

    shadow: str
    compared: int
    skipped: int
    failed: int
    first: Millis
    last: Millis


def ran(store: Any) -> list[Ran]:
    """The shadows of which there are rows, the latest first."""
    table = shadow
    query = sa.select(
        table.c.shadow, table.c.side, sa.func.sum(table.c.count), sa.func.min(table.c.at), sa.func.max(table.c.at)
    )
    found: dict[str, dict[str, tuple[int, Millis, Millis]]] = {}
    for name, side, count, first, last in store.connection.execute(query.group_by(table.c.shadow, table.c.side)):
        found.setdefault(name, {})[side] = (int(count), first, last)
    rows = [
        Ran(
            shadow=name,
            **{side: sides.get(side, (0,))[0] for side in ("compared", "skipped", "failed")},
            first=min(first for _, first, _ in sides.values()),
            last=max(last for *_, last in sides.values()),
        )
        for name, sides in found.items()
    ]
    return sorted(rows, key=lambda one: (-one.last, one.shadow))


def beside(store: Any, one: Ran) -> Backtest:
    """Live as the old side, shadow as the new one. Rows hold no text, so there is none."""
    query = sa.select(shadow).where(shadow.c.shadow == one.shadow, shadow.c.side.in_(_FINDINGS)).order_by(shadow.c.id)
    judged = Judged(summary=Summary(observations=one.compared), messages={"": one.compared}, groups={}, model=None)
    return Backtest(
        compared=compare(_pair(row._mapping) for row in store.connection.execute(query)),
        old=judged,
        new=judged,
        allowed=None,
        labelled=None,
        texts={},
        says={},
        with_texts=False,
    )


def _pair(row: Any) -> Pair:
    def found(outcome: str) -> Found | None:
        if not outcome:
            return None
        return Found(
            id=row["id"],
            pack=row["pack"],
            clause=row["clause"],
            category=row["category"],
            group_id=row["group_id"],
            outcome=outcome,
            at=row["at"],
            score=0.0,
            explanation="",
            observation_id=row["observation_id"],
        )

    return found(row["live"]), found(row["beside"])
