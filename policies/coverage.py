"""Coverage: what becomes of every clause of a pack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from policies.rules import RULES
from policies.schema import Binding, Clause, Pack


@dataclass(frozen=True)
class Covered:
    """One binding of a clause (or the clause itself): *live* judges, *blind* is bound but has no data yet, *reasoned*
    says why nothing is judged."""

    clause: str
    mechanisms: tuple[str, ...]
    mode: str
    state: Literal["live", "blind", "reasoned"]
    rule: str
    note: str


def cover(pack: Pack) -> Iterator[Covered]:
    for clause_id, clause in pack.clauses.items():
        if not clause.bindings:
            yield Covered(clause_id, (), clause.mode or "", "reasoned", "", clause.because or "")
        for binding in clause.bindings:
            yield _cover(clause_id, clause, binding)


def _cover(clause_id: str, clause: Clause, binding: Binding) -> Covered:
    if binding.rule is None:
        return Covered(clause_id, binding.mechanisms, binding.mode, "reasoned", "", binding.because or "")
    rule = RULES[binding.rule]
    params = msgspec.convert(binding.params, type=rule.Params)
    blind = rule.blind(params)
    note = blind or binding.because or f"needs {rule.needs}"
    return Covered(clause_id, binding.mechanisms, binding.mode, "blind" if blind else "live", rule.name, note)
