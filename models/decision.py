"""What people decide, and what waits for them."""

from typing import Any, Literal

from msgspec import Struct

from models.observation import Millis

DecisionOutcome = Literal["uphold", "overturn", "approve", "refuse", "done"]
TargetKind = Literal["verdict", "sanction", "action", "appeal", "task", "campaign"]


class DecisionTarget(Struct, frozen=True):
    """What the decision is on; a verdict is named by the id of its observation or of one violation."""

    kind: TargetKind
    id: str


class Decision(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A person's word. `learn` lets it become a training label. `subject` routes it to the strikes it touches;
    `sanction_id` is what an appeal was about.

    `pick`: which of a review's choices is to follow, as `clause/kind`. `amount_fen`: the sum that whoever approves a fine names;
    `check`: at which check it was found, for a fault may be fined once at each.
    """

    id: str
    by: str
    role: str
    on: DecisionTarget
    outcome: DecisionOutcome
    reason: str
    decided_at: Millis
    learn: bool = True
    subject: str | None = None
    group_id: str | None = None
    sanction_id: str | None = None
    pick: str | None = None
    amount_fen: int | None = None
    check: str | None = None


class Review(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something that waits for a person: an assisted finding, an uncertain verdict, a draft, an appeal, a late action,
    a campaign.

    `on` is what a decision has to name. `options` are the sanctions that the pack's text would allow; where a clause says more
    of them, `detail` has its `choices`, each with clause and kind.
    `observation_id` names the message whose recall withdraws the question; None where a recall does not mend it.
    """

    id: str
    kind: Literal["assisted", "uncertain", "approval", "appeal", "late", "report", "registry", "campaign"]
    on: DecisionTarget
    group_id: str
    clause: str
    subject: str
    opened_at: Millis
    why: str
    options: tuple[str, ...] = ()
    status: Literal["open", "decided", "withdrawn"] = "open"
    observation_id: str | None = None
    detail: dict[str, Any] = {}
