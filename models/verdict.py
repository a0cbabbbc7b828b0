"""What was decided on one observation, or on a state of affairs, under one version of a pack."""

from typing import Literal

from msgspec import Struct

from models.observation import Millis
from models.signal import Evidence

Mode = Literal["automatic", "assisted", "record-only", "out-of-scope"]

# Code points of the words that an explanation quotes.
_WORDS_SHOWN = 80


class Subject(Struct, frozen=True):
    """Whom a violation is about. `id` is a person's where the directory knows the account, else `platform:account`."""

    kind: Literal["member", "owner", "group", "message"]
    id: str


class Cause(Struct, frozen=True):
    """What stands behind a violation that no single message shows."""

    kind: Literal["deadline", "roster", "registry", "report"]
    id: str


class Violation(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A clause broken by a subject. `explanation` is one Chinese line that a member can understand.

    `mode` automatic counts by itself; assisted waits for a person and has no effect until upheld.
    `cut` is the score from which this binding speaks, as the budget resolved it. `mend` is what would put it right, e.g. the
    exact nickname to set, by `due_at`.
    `follows`: the violation of which this one is the consequence; `together`: the one with which it is decided.
    """

    id: str
    clause: str
    rule: str
    subject: Subject
    score: float
    evidence: tuple[Evidence, ...]
    explanation: str
    mode: Mode = "automatic"
    binding: int = 0
    cut: float | None = None
    cause: Cause | None = None
    due_at: Millis | None = None
    mend: str | None = None
    follows: str | None = None
    together: str | None = None


def with_words(violation: Violation) -> str:
    """What was found, with the words that it rests on: for those who may read them. Nobody keeps it in this form."""
    words = "、".join(dict.fromkeys(f"“{one.matched}”" for one in violation.evidence if one.matched))[:_WORDS_SHOWN]
    return f"{violation.explanation}，依据：{words}" if words else violation.explanation


class Unavailable(Struct, frozen=True):
    """A clause that could not be judged, and why."""

    clause: str
    category: str
    why: str


class Verdict(Struct, frozen=True, kw_only=True):
    """Everything found on one observation. `judged_at` is event time: no clock is read.

    `observation_id` is None for a finding without a message (missed deadline, roster, registry); then each violation
    carries its cause. `sender` is the account that wrote the message: sanctions go to that one.
    """

    observation_id: str | None
    group_id: str
    pack: str
    pack_version: str
    judged_at: Millis
    violations: tuple[Violation, ...] = ()
    uncertain: tuple[Violation, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    mode: Literal["observe", "advise", "enforce"] = "observe"
    platform: str = "jsonl"
    account: str | None = None
    native_id: str | None = None
    sender: str | None = None
    model: str | None = None
