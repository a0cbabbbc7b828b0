"""Consequences are not conditions: a ladder, a finding or a person brings them. The binding says what its clause allows."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Struct

from models import Fine, Subject, Violation
from policies.rules.base import Rule
from policies.schema import Binding, Pack
from policies.state import GroupView

Per = Literal["occurrence", "person"]
# Payers whom the fleet can name; any other wording is shown to the approver, who names the person.
PAYERS = ("subject", "owner", "manager", "administrator", "initiator")


class FineTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a clause says of a fine, as it says it; sums in hundredths of a yuan, and what it leaves open stays null.

    `payer`: one or several of `PAYERS`, or the clause's own wording; null where it names nobody.
    `open`: in words, what the clause leaves to whoever approves.
    """

    payer: str | tuple[str, ...] | None
    amount_fen: int | None = None
    least_fen: int | None = None
    most_fen: int | None = None
    per: Per = "occurrence"
    open: str | None = None

    @property
    def payers(self) -> tuple[str, ...]:
        return (self.payer,) if isinstance(self.payer, str) else self.payer or ()


class ConsequenceParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by`: each `finding` brings it, a `ladder` or response does, or a person picks it in `review` from `options`.

    `of`: the clauses whose breach it follows; its own clause where none are named. What a finding brings are `fine` and
    `referral` (the measure, in the policy's words), drafted after a certain automatic one, unless a `condition` has to be
    found by a person first. Where `of` names other clauses, a finding brings it unless `by: review` is said.
    `found_by`: only findings of these rules bring it, where a clause wants several things and only some are answered here.
    `together`: the clause with whose consequence this one is decided. `approver` is the policy's wording for who decides.
    `investigate`: who looks into the case when it is referred; what they decide is published only once it is approved.
    `seconds` of a mute that is picked.
    """

    by: Literal["finding", "ladder", "review"] = "ladder"
    options: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    found_by: tuple[str, ...] = ()
    fine: FineTerms | None = None
    referral: str | None = None
    condition: str | None = None
    together: str | None = None
    approver: str | None = None
    investigate: str | None = None
    seconds: int = 3600

    @property
    def drafts(self) -> tuple[Literal["fine", "referral"], ...]:
        """What a finding brings without anybody picking it."""
        if self.by == "review" or (self.by == "ladder" and not self.of):
            return ()
        return self._named

    @property
    def _named(self) -> tuple[Literal["fine", "referral"], ...]:
        named: tuple[tuple[Literal["fine", "referral"], object], ...] = (
            ("fine", self.fine),
            ("referral", self.referral),
        )
        return tuple(kind for kind, given in named if given is not None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """All that the clause allows."""
        return tuple(dict.fromkeys((*self.options, *self._named)))


class Consequence(Rule):
    """What a clause allows to follow a finding: fines, referrals, and options that a person picks from.

    It watches nothing. A certain automatic finding of a clause that it is `of` brings an assisted finding of its own
    clause on whoever has to pay, which is a draft, or a question where a condition comes first.
    Serves `action:*`, `case:*` and `ledger:*`.
    """

    name = "consequence"
    Params = ConsequenceParams
    needs = "findings of other clauses; a person where a choice or a condition is open"


def subjects(params: ConsequenceParams, found: Violation, view: GroupView) -> list[Subject]:
    """Whom the consequence of a finding is about: its payers where the fleet names them, else the finding's subject."""
    named = params.fine.payers if params.fine else ()
    people = dict.fromkeys(one for payer in named for one in _people(payer, found, view))
    return [Subject("member", one) for one in people] or [found.subject]


def told(params: ConsequenceParams, found: Violation) -> str:
    """One line for the person who decides."""
    if params.condition is None:
        return found.explanation
    return f"{found.explanation.rstrip('。')}；须先由有权人员认定：{params.condition}"


@dataclass(frozen=True)
class Allowed:
    """What a clause allows to follow a finding."""

    clause: str
    params: ConsequenceParams

    @classmethod
    def of(cls, clause: str, binding: Binding) -> "Allowed":
        return cls(clause, msgspec.convert(binding.params, type=ConsequenceParams))


def allowed_by(pack: Pack) -> dict[str, list[Allowed]]:
    """What a pack allows to follow, by the clause that is broken."""
    found: dict[str, list[Allowed]] = defaultdict(list)
    for clause_id, clause in pack.clauses.items():
        for binding in clause.bindings:
            if binding.rule == Consequence.name and binding.mode in ("automatic", "assisted"):
                one = Allowed.of(clause_id, binding)
                for broken in one.params.of or (clause_id,):
                    found[broken].append(one)
    return dict(found)


def fine_of(terms: FineTerms | None) -> Fine:
    """The terms as a draft carries them."""
    if terms is None:
        return Fine()
    return Fine(
        amount_fen=terms.amount_fen,
        least_fen=terms.least_fen,
        most_fen=terms.most_fen,
        payer="、".join(terms.payers) or None,
        per=terms.per,
        open=terms.open,
    )


def _people(payer: str, found: Violation, view: GroupView) -> tuple[str, ...]:
    known = {
        "subject": (found.subject.id,) if found.subject.kind in ("member", "owner") else (),
        "owner": (view.owner,),
        "manager": view.group.managers,
        "administrator": sorted(view.administrators),
        "initiator": (view.fact("initiator"),),
    }
    return tuple(str(one) for one in known.get(payer, ()) if one)
