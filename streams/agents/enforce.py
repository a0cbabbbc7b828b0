"""Enforce: puts every planned action into the outbox, once. The dispatcher carries it out."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from streams.topics import ACTIONS, Effects, Record, erased_row, value_of


class Enforce:
    """Actions in, outbox rows out. An action id that is already in the outbox changes nothing."""

    name: ClassVar[str] = "enforce"
    reads: ClassVar[tuple[str, ...]] = (ACTIONS,)
    writes: ClassVar[tuple[str, ...]] = ()
    State: ClassVar[type[Any] | None] = None

    def keys(self, records: Sequence[Record]) -> set[str]:
        return set()

    def next_due(self, value: Any) -> None:
        return None

    def handle(self, records: Sequence[Record], state: Mapping[str, Any]) -> Effects:
        effects = Effects()
        for record in records:
            planned = value_of(record)
            action = planned.action
            if planned.erasure is not None:
                effects.rows.append(("erased_actions", erased_row(planned.erasure, planned=True)))
            elif action is not None:
                effects.rows.append(
                    (
                        "outbox",
                        {
                            "id": action.id,
                            "group_key": record.key,
                            "group_id": action.group_id,
                            "pack": action.params.get("pack", ""),
                            "clause": action.params.get("clause", ""),
                            "budgeted": action.params.get("budgeted", False),
                            "reverses": action.params.get("reverses"),
                            "status": "planned",
                            "tries": 0,
                            "next_try_at": action.params.get("not_before", 0),
                            "planned_at": action.planned_at,
                            "max_age": action.max_age,
                            "appended_at": record.appended_at,
                            "offset": record.offset,
                            "detail": "",
                            "body": msgspec.json.encode(action),
                        },
                    )
                )
        return effects
