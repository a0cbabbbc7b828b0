"""What a trial found, as plain data; `streams.trial.page` makes a page of it."""

from typing import Literal

from msgspec import Struct

from models.observation import Millis

# How sure a finding is: it counts by itself, it waits for a person, or it is too weak to be a finding.
Standing = Literal["automatic", "assisted", "uncertain"]


class Excerpt(Struct, frozen=True, kw_only=True):
    """A piece of a message. `marks` count code points of `text`, half open, in order and apart from each other.

    `before` and `after` code points were left out; `more_marks` offending places stand there.
    """

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    before: int = 0
    after: int = 0
    more_marks: int = 0


class Example(Struct, frozen=True, kw_only=True):
    """One finding with the message behind it. `excerpt` is None where no message shows it (deadline, roster, registry).

    `who` is the name as known, `aliases` are other names of the same person that masking has to cover.
    """

    violation_id: str
    pack: str
    clause: str
    group_id: str
    at: Millis
    who: str
    explanation: str
    score: float
    standing: Standing
    kind: str = ""
    files: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()
    excerpt: Excerpt | None = None
    aliases: tuple[str, ...] = ()


class ClauseFound(Struct, frozen=True, kw_only=True):
    """What was found under one clause. `says` is the pack's summary of it."""

    pack: str
    clause: str
    article: str
    says: str
    automatic: int = 0
    assisted: int = 0
    uncertain: int = 0
    examples: tuple[Example, ...] = ()

    @property
    def findings(self) -> int:
        return self.automatic + self.assisted


class Following(Struct, frozen=True, kw_only=True):
    """One sanction that would have followed. `way` is what would have become of it in this group."""

    at: Millis
    who: str
    kind: str
    clause: str
    notice: str
    way: Literal["sent", "draft", "recorded", "task", "reversal"]


class Waiting(Struct, frozen=True, kw_only=True):
    """Something that a person would find on the desk: a review, a task, or a deadline that was missed."""

    what: str
    clause: str
    who: str = ""
    at: Millis | None = None
    due_at: Millis | None = None
    state: str = ""


class GroupFound(Struct, frozen=True, kw_only=True):
    """One group. The lists are cut; the counts are not. `detailed` says whether the lists were gathered at all."""

    id: str
    name: str
    pack: str
    mode: str
    known: bool
    messages: int = 0
    automatic: int = 0
    assisted: int = 0
    uncertain: int = 0
    clauses: tuple[tuple[str, int], ...] = ()
    detailed: bool = False
    sanctions: tuple[Following, ...] = ()
    sanction_count: int = 0
    reviews: tuple[Waiting, ...] = ()
    review_count: int = 0
    missed: tuple[Waiting, ...] = ()
    missed_count: int = 0
    tasks: tuple[Waiting, ...] = ()
    task_count: int = 0

    @property
    def findings(self) -> int:
        return self.automatic + self.assisted


class Outgoing(Struct, frozen=True, kw_only=True):
    """How many of what would have gone to whom. `way` as in `Following`, or `review`."""

    to: str
    what: str
    way: str
    count: int


class Counted(Struct, frozen=True, kw_only=True):
    """A cause and how often it came up; `place` names what it concerns."""

    why: str
    count: int
    place: str = ""


class Trial(Struct, frozen=True, kw_only=True):
    """All of a trial. `by_day` holds automatic and assisted findings by local date, of days that have any.

    `names` are all names of the directory: masking has to find them in texts.
    """

    timezone: str = "Asia/Shanghai"
    first: Millis | None = None
    last: Millis | None = None
    observations: int = 0
    messages: int = 0
    findings: int = 0
    uncertain: int = 0
    bad_lines: int = 0
    sanctions: int = 0
    open_reviews: int = 0
    open_tasks: int = 0
    packs: dict[str, str] = {}
    by_day: dict[str, tuple[int, int]] = {}
    clauses: tuple[ClauseFound, ...] = ()
    groups: tuple[GroupFound, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    checklist: tuple[Example, ...] = ()
    automatic: int = 0
    unavailable: tuple[Counted, ...] = ()
    blind: tuple[Counted, ...] = ()
    dead_letters: tuple[Counted, ...] = ()
    names: frozenset[str] = frozenset()
