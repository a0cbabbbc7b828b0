"""What a rule is given, what it answers, and how it is described."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from msgspec import Struct

from classifiers.conversation import Act
from models import Cause, Evidence, Observation, Person, Signal, Subject
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.deadlines import Deadline
from policies.directory import Directory
from policies.state import GroupState, GroupView


@dataclass(frozen=True)
class Finding:
    """What a rule found. `explanation` is one Chinese line for the member; `certain` False sends it to review.

    `episode` stands for the observation in the violation's id where several messages make one offence.
    `mend` is what the notice tells to do, e.g. the exact nickname to set.
    """

    subject: Subject
    explanation: str
    evidence: tuple[Evidence, ...] = ()
    score: float = 1.0
    certain: bool = True
    cut: float | None = None
    episode: str | None = None
    cause: Cause | None = None
    category: str | None = None
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What cases rest on besides the observation and its group: one for all groups under a pack.

    `points` gives the trained scores of a category from which on a person is asked, and from which on it is certain.
    `explain` shows what moved the trained score of a category; it is asked only for what was found, because it costs.
    """

    directory: Directory
    calendar: WorkingCalendar
    points: Callable[[str], tuple[float, float]]
    explain: Callable[[Observation, str], tuple[Evidence, ...]] = lambda seen, category: ()


class Case(Struct):
    """One observation in its group, with all that may be known when it is judged. `now` is group time.

    `cues`: what the sender's own words are worth asking, see `classifiers.cues`; None if nobody looked.
    `news`: this observation shows a member, nickname or role for the first time.
    `weighed`: what was found so far of each category, in own words or forwarded.
    """

    seen: Observation
    signals: Sequence[Signal]
    now: Millis
    view: GroupView
    basis: Basis
    cues: frozenset[Hashable] | None = None
    flood: Callable[[Millis, int, Millis, int], tuple[int, int, str] | None] | None = None
    news: bool = False
    weighed: dict[tuple[str, bool], Finding | None] = {}
    sender_id: str | None = None
    person: Person | None = None
    is_robot: bool = False

    def __post_init__(self) -> None:
        """Look up who did it. Platforms that report an upload apart from messages name the uploader as its target."""
        seen = self.seen
        author = seen.sender or (seen.target if seen.type == "file.uploaded" else None)
        if author is not None:
            directory = self.basis.directory
            self.person = directory.person(seen.platform, author.id)
            self.sender_id = directory.named(seen.platform, author.id, self.person)
        self.is_robot = seen.sender is not None and seen.sender.scope == "robot"

    @property
    def directory(self) -> Directory:
        return self.basis.directory

    @property
    def calendar(self) -> WorkingCalendar:
        return self.basis.calendar

    @property
    def state(self) -> GroupState:
        return self.view.state

    @property
    def target_id(self) -> str | None:
        """Whom an event is about; who joins by himself may stand as its sender alone."""
        seen = self.seen
        target = seen.target or (seen.sender if seen.type == "member.joined" else None)
        return self.directory.subject(seen.platform, target.id) if target else None

    @property
    def sender_role(self) -> str:
        sender = self.seen.sender
        return self.view.role(self.sender_id or "", sender.role if sender else None)

    @property
    def offender(self) -> Subject:
        """Whom a violation by the sender is about: the message itself where nobody is named, so that no strikes add up."""
        return Subject("member", self.sender_id) if self.sender_id else Subject("message", self.seen.origin_id)

    @property
    def group_subject(self) -> Subject:
        return Subject("group", self.view.group.id)

    @property
    def is_plain(self) -> bool:
        """A message of words alone: only they, and what the group waits for, can make a rule speak."""
        seen = self.seen
        return (
            seen.type == "message.created"
            and seen.kind == "text"
            and not (
                seen.attachments or seen.links or seen.mentions or seen.mention_all or seen.reply_to or seen.forward
            )
        )

    def may(self, question: Hashable) -> bool:
        """Say whether a question is worth asking of the sender's own words."""
        return self.cues is None or question in self.cues

    def does(self, act: Act) -> bool:
        """Ask one of the functions of `classifiers.conversation` about the sender's own words."""
        return self.may(act) and act(own_text(self.seen))


class Rule:
    """The common form. Stateless: parameters, state and time come in with each call."""

    name: ClassVar[str]
    Params: ClassVar[type[Struct]]
    watches: ClassVar[frozenset[str]] = frozenset()
    # what the rule needs to know that a plain chat stream does not show; printed by coverage
    needs: ClassVar[str] = "the messages"
    standing: ClassVar[bool] = False

    def reads(self, params: Any) -> frozenset[str] | None:
        """The signal categories without which `see` has nothing to say; None calls it for every watched type."""
        return None

    def cues(self, params: Any) -> Mapping[Hashable, str] | None:
        """The questions of which the words of a plain message (`Case.is_plain`) have to be worth one, each with the words that it
        needs, see `classifiers.cues`; while a deadline of the rule runs, it is called as well. None: it is called for each."""
        return None

    def heeds(self, params: Any) -> frozenset[str]:
        """The signal categories for which `see` is called whatever `cues` say."""
        return frozenset()

    def blind(self, params: Any) -> str | None:
        """Say why the binding cannot find anything yet (no detector, no tenant list), or None when it can."""
        return None

    def see(self, case: Case, params: Any, place: "Place") -> Iterable[Finding]:
        return ()

    def faults(self, case: Case, params: Any, subject: str | None) -> Iterable[Finding]:
        """List the faults that stand now, of one member (`subject`) or of all and the group (None)."""
        return ()

    def later_today(self, case: Case, params: Any, subject: str | None) -> Iterable[tuple[str, Millis]]:
        """Who of one member (`subject`) or of all (None) will be at fault before the next local midnight, and when."""
        return ()

    def due(self, case: Case, params: Any, deadline: Deadline) -> Iterable[Finding]:
        return ()


@dataclass(frozen=True)
class Place:
    """Which binding of which clause a rule is running for; sets deadlines in its name."""

    clause: str
    binding: int

    @cached_property
    def key(self) -> str:
        return f"{self.clause}|{self.binding}"

    def set_deadline(
        self,
        case: Case,
        *,
        subject: str,
        cause: str,
        due_at: Millis,
        data: dict[str, Any] | None = None,
        most: int | None = None,
    ) -> None:
        """Ask to look again at `due_at`.

        Where `most` are open already, the earliest gives way.
        """
        if most is not None and len(running := self.deadlines(case)) >= most:
            self.end(case, running[0])
        case.state.deadlines.add(self.key, Deadline(due_at, subject, cause, data or {}))

    def end(self, case: Case, one: Deadline) -> None:
        case.state.deadlines.end(self.key, one)

    def deadlines(self, case: Case) -> list[Deadline]:
        """Those that were set here and are open, earliest first; nearly always none."""
        return case.state.deadlines.of(self.key)


def own_text(seen: Observation) -> str:
    """What the sender wrote. An edit may come only as a change."""
    if seen.text is None and seen.change is not None and seen.change.field == "text":
        return seen.change.new or ""
    return seen.text or ""


def readable(text: str) -> str:
    """The text as RE2 can read it: lone surrogates are no characters, and one sign for each keeps the places."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
