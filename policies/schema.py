"""The form of a pack: one organisation's adopted policy as data. Read by `policies.lint`, judged by `policies.judge`."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from models import Mode, SanctionKind

Scope = Literal["group", "pack", "organisation"]


class Span(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """A length of time. `working: true` lets minutes and hours run in working hours only.

    `source` ("from") says whose number it is: the policy's own, or the tenant's choice where the policy says "timely".
    """

    minutes: Annotated[float, Meta(ge=0)] = 0
    hours: Annotated[float, Meta(ge=0)] = 0
    days: Annotated[float, Meta(ge=0)] = 0
    working_days: Annotated[int, Meta(ge=0)] = 0
    working: bool = False
    source: Literal["policy", "tenant"] = "policy"


class Rung(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At `strikes` the ladder brings `sanction` (one, or several together); `seconds` of a mute.

    `clause`: the one that this rung rests on, where it is not the clause that was broken, e.g. one on repeat offences.
    `ask`: a person is asked whether the sanction (or which of several) is to follow, before there is a draft of it.
    """

    strikes: Annotated[float, Meta(gt=0)]
    sanction: SanctionKind | tuple[SanctionKind, ...]
    clause: str | None = None
    ask: bool | tuple[SanctionKind, ...] = False
    seconds: int | None = None
    task: str | None = None
    assignee: str = "administrator"

    @property
    def sanctions(self) -> tuple[SanctionKind, ...]:
        return (self.sanction,) if isinstance(self.sanction, str) else self.sanction

    def asks(self, kind: SanctionKind) -> bool:
        """Say whether a person is asked about this one of its sanctions."""
        return self.ask if isinstance(self.ask, bool) else kind in self.ask


class Ladder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strike totals and what each brings.

    `window`: strikes older than this, seen from the newest, do not count. `decay`: each such span without a strike
    takes one strike off. `scope`: whether strikes add up in one group, over a pack, or over the organisation.
    """

    rungs: tuple[Rung, ...]
    scope: Scope = "organisation"
    window: Span = field(default_factory=lambda: Span(days=365, source="tenant"))
    decay: Span | None = None


class Budget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of normal messages that may be accused: at `review` a person looks, at `act` the binding speaks."""

    review: str = "1/1000"
    act: str = "1/10000"


class Response(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows a fault of state, which brings no strike: sanctions, who has to act, and by when it is mended.

    Its reminders rest outside working hours; `at_any_hour` where the policy's own words want them at once.
    """

    sanction: SanctionKind | tuple[SanctionKind, ...] = "remind"
    task: str | None = None
    assignee: str = "administrator"
    mend_within: Span | None = None
    at_any_hour: bool = False

    @property
    def sanctions(self) -> tuple[SanctionKind, ...]:
        return (self.sanction,) if isinstance(self.sanction, str) else self.sanction


class Binding(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"params": "with", "covers": "for"}
):
    """One mechanism of a clause: a rule with its parameters (`with`), or a reason why nothing is judged (`because`).

    `covers` ("for") names the mechanisms of the clause table that this binding stands for.
    """

    mode: Mode
    covers: str | tuple[str, ...] = ()
    rule: str | None = None
    params: dict[str, Any] = {}
    ladder: str | None = None
    response: Response | None = None
    notice: str | None = None
    because: str | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        return (self.covers,) if isinstance(self.covers, str) else self.covers


class Clause(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The smallest part of a policy that can be applied. `says` is our summary, marked 摘要, never the original."""

    article: str
    says: str
    bindings: tuple[Binding, ...] = ()
    mode: Mode | None = None
    because: str | None = None
    notice: str | None = None


class Status(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the original says of itself; `enforce` is refused unless it is adopted."""

    stage: Literal["adopted", "provisional", "draft", "reported"]
    by: str | None = None
    published: str | None = None
    effective: str | None = None


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the text comes from; `document` is null for the product's own default rules."""

    document: str | None = None


class Pack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One organisation's policy. `version` is the hash of the file's bytes, set by the loader.

    `profile: government` is for public offices, which may not burden their staff: nobody's receipt or presence is chased and
    nobody is made to share anything, whatever the bindings say. `outsiders`: what follows in place of ladders, responses and
    drafts where customers and strangers are concerned, because the policy binds the organisation's own people only.
    """

    pack: str
    title: str
    source: Source
    status: Status
    clauses: dict[str, Clause]
    profile: Literal["government"] | None = None
    outsiders: Response | None = None
    group_types: tuple[str, ...] = ()
    organisation: str | None = None
    budgets: dict[str, Budget] = {}
    ladders: dict[str, Ladder] = {}
    fixture: dict[str, Any] = {}
    tests: tuple[dict[str, Any], ...] = ()
    version: str = ""

    def budget(self, category: str) -> Budget:
        return self.budgets.get(category) or self.budgets.get("default") or Budget()
