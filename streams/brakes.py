"""Brakes: how many sanctions may go out by themselves in an hour, and what is held once there are more. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from models import Sanction
from models.observation import Millis

HOUR: Final[Millis] = 60 * 60_000
# The name under which a brake pauses; no person may use it.
BRAKE: Final = "brake"
# The name under which everything is paused after a restore.
RESTORE: Final = "restore"
# What hurts. Reminders do not, and taking back must always work.
BUDGETED: Final = frozenset({"warn", "recall", "mute", "remove"})


class Budgets(NamedTuple):
    """How many sanctions may go out in an hour: in one group, under one clause, in all. 0 sets no limit.

    Source: our own choice; docs/adr/0009-brakes.md gives the reasons for the numbers.
    """

    group: int = 100
    clause: int = 500
    fleet: int = 2000

    def of(self, scope: str) -> int:
        """The budget of a scope such as `group:g1`, `clause:house-1` or `all`."""
        return {"group": self.group, "clause": self.clause, "all": self.fleet}[kind_of(scope)]


DEFAULT: Final = Budgets()


def is_budgeted(sanction: Sanction, *, by_person: bool) -> bool:
    """Whether a sanction counts against the budgets and is held by brakes.

    `by_person`: somebody has decided on it. A brake makes drafts; what a person has approved is one no longer.
    """
    return sanction.kind in BUDGETED and sanction.reverses is None and not by_person


def scopes_of(group: str, clause: str) -> tuple[str, ...]:
    """The scopes in which an action counts; one of an older version names no clause."""
    return (f"group:{group}", f"clause:{clause}", "all") if clause else (f"group:{group}", "all")


def kind_of(scope: str) -> str:
    """`group`, `clause`, `pack` or `all`."""
    return scope.partition(":")[0]


def tally(counts: Iterable[tuple[str, str, int]]) -> Counter[str]:
    """How many went out in each scope, from (group, clause, how many)."""
    sent: Counter[str] = Counter()
    for group, clause, many in counts:
        for scope in scopes_of(group, clause):
            sent[scope] += many
    return sent


def exceeded(scopes: Iterable[str], sent: Mapping[str, int], budgets: Budgets) -> list[str]:
    """The scopes in which one more would be too many."""
    return [one for one in scopes if 0 < budgets.of(one) <= sent.get(one, 0)]


def reason(scope: str, sent: int, budgets: Budgets) -> str:
    """Why a scope is held, for people. It holds numbers and the setting's name only."""
    setting = "FLEET" if scope == "all" else kind_of(scope).upper()
    return f"{sent} sanctions went out in the last hour, XUNQUN_BUDGET_{setting} allows {budgets.of(scope)}"


def count_kinds(scopes: Iterable[str]) -> Counter[str]:
    """How many scopes of each kind there are, for the gauge."""
    return Counter(map(kind_of, scopes))
