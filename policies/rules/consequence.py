"""Consequences are not conditions: the ladder or the reviewer brings them. The binding says which clause they rest on."""

from msgspec import Struct

from policies.rules.base import Rule


class ConsequenceParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by`: a `ladder` of this clause brings it, or a person picks it in `review` from `options`."""

    by: str = "ladder"
    options: tuple[str, ...] = ()


class Consequence(Rule):
    """Serves `action:*`, `case:*` and `ledger:*`: never fires itself."""

    name = "consequence"
    Params = ConsequenceParams
