"""Consequences are not conditions: a ladder, a finding or a person brings them. The binding says what its clause allows."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from models import Fine, Subject, Violation
from policies.rules.base import Rule
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
    """`by`: a `ladder` of this clause brings it, or a person picks it in `review` from `options`.

    `of`: the clauses whose breach it follows; its own clause where none are named. `fine` and `referral` (the measure, in the
    policy's words) are drafted after a certain automatic finding, unless a `condition` has to be found by a person first.
    `together`: the clause with whose consequence this one is decided. `approver` is the policy's wording for who decides.
    `investigate`: who looks into the case when it is referred; what they decide is published only once it is approved.
    `seconds` of a mute that is picked.
    """

    by: Literal["ladder", "review"] = "ladder"
    options: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    fine: FineTerms | None = None
    referral: str | None = None
    condition: str | None = None
    together: str | None = None
    approver: str | None = None
    investigate: str | None = None
    seconds: int = 3600

    @property
    def drafts(self) -> tuple[Literal["fine", "referral"], ...]:
        """What follows without anybody picking it."""
        named: tuple[tuple[Literal["fine", "referral"], object], ...] = (
            ("fine", self.fine),
            ("referral", self.referral),
        )
        return tuple(kind for kind, given in named if given is not None)

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.options, *self.drafts)))


class Consequence(Rule):
    """What a clause allows to follow a finding: fines, referrals, and options that a person picks from.

    It watches nothing. A certain automatic finding of a clause that it is `of` brings an assisted finding of its own
    clause on whoever has to pay, which is a draft, or a question where a condition comes first.
    Serves `action:*`, `case:*` and `ledger:*`.
    """

    name = "consequence"
    Params = ConsequenceParams
    needs = "findings of other clauses; a person where a choice or a condition is open"

    def subjects(self, params: ConsequenceParams, found: Violation, view: GroupView) -> Iterator[Subject]:
        """Whom the consequence of a finding is about: its payers where the fleet names them, else the finding's subject."""
        people = dict.fromkeys(
            one for payer in (params.fine.payers if params.fine else ()) for one in _people(payer, found, view)
        )
        yield from [Subject("member", one) for one in people] or [found.subject]

    def told(self, params: ConsequenceParams, found: Violation) -> str:
        """One line for the person who decides."""
        if params.condition is None:
            return found.explanation
        return f"{found.explanation.rstrip('。')}；须先由有权人员认定：{params.condition}"


def fine_of(terms: FineTerms) -> Fine:
    """The terms as a draft carries them."""
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
