"""Coverage: what becomes of every clause of a pack."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from policies.rules import RULES
from policies.schema import Binding, Pack

Standing = Literal["live", "blind", "reasoned"]
STANDINGS: tuple[Standing, ...] = ("live", "blind", "reasoned")


@dataclass(frozen=True)
class Covered:
    """One binding of a clause (or the clause itself): *live* judges, *blind* is bound but has no data yet, *reasoned*
    says why nothing is judged. `reason` is the pack's own (`because`), such as why a mode is weaker than it might be."""

    clause: str
    mechanisms: tuple[str, ...]
    mode: str
    state: Standing
    rule: str
    note: str
    reason: str = ""


def cover(pack: Pack) -> Iterator[Covered]:
    for clause_id, clause in pack.clauses.items():
        if not clause.bindings:
            yield Covered(clause_id, (), clause.mode or "", "reasoned", "", "", clause.because or "")
        for binding in clause.bindings:
            yield _cover(clause_id, binding)


def figures(rows: Iterable[Covered]) -> dict[Standing, int]:
    """How many clauses are live, blind and reasoned. One that judges in any part is live, else blind if any part is."""
    best: dict[str, Standing] = {}
    for row in rows:
        best[row.clause] = min(best.get(row.clause, row.state), row.state, key=STANDINGS.index)
    return {one: sum(each == one for each in best.values()) for one in STANDINGS}


def by_mechanism(packs: Iterable[Pack]) -> dict[str, dict[str, list[tuple[str, Binding]]]]:
    """Each mechanism's rules, with the clauses and bindings that use them for it. The rule is "" where nothing is judged."""
    found: dict[str, dict[str, list[tuple[str, Binding]]]] = {}
    for pack in packs:
        for clause_id, clause in pack.clauses.items():
            for binding in clause.bindings:
                rule = binding.rule or "" if binding.mode in ("automatic", "assisted") else ""
                for mechanism in binding.mechanisms:
                    found.setdefault(mechanism, {}).setdefault(rule, []).append((clause_id, binding))
    return found


def _cover(clause_id: str, binding: Binding) -> Covered:
    reason = binding.because or ""
    if binding.rule is None or binding.mode not in ("automatic", "assisted"):
        return Covered(clause_id, binding.mechanisms, binding.mode, "reasoned", binding.rule or "", "", reason)
    rule = RULES[binding.rule]
    params = msgspec.convert(binding.params, type=rule.Params)
    blind = rule.blind(params)
    note = blind or ("" if binding.rule == "consequence" else f"needs {rule.needs}")
    return Covered(clause_id, binding.mechanisms, binding.mode, "blind" if blind else "live", rule.name, note, reason)
