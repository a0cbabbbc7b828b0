"""Judging: signals and state in, violations out. Sees no clock, no network, no settings but what a case carries."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from models import Cause, Mode, Unavailable, Violation, digest
from models.observation import Millis
from policies.deadlines import Deadline
from policies.rules import RULES, Case, Finding, Rule, consequence
from policies.rules.base import Place
from policies.rules.content import prune_episodes
from policies.schema import Binding, Clause, Pack
from policies.state import StandingFault

# A deadline waits this long for records that are still on their way before it is judged.
ALLOWED_LATENESS: Millis = 0
# The cause of a deadline at which a standing fault is looked at, not the rule's own `due`.
_LOOK = "look"
_STRENGTH = {"automatic": 2, "assisted": 1}


@dataclass(frozen=True)
class Bound:
    """A binding made ready to run."""

    clause_id: str
    index: int
    clause: Clause
    binding: Binding
    rule: Rule
    params: Any
    reads: frozenset[str] | None
    asks: frozenset[Hashable]
    heeds: frozenset[str]
    place: Place


class Judgement(msgspec.Struct):
    """What was found on one observation."""

    violations: list[Violation] = []
    uncertain: list[Violation] = []
    unavailable: list[Unavailable] = []

    def __bool__(self) -> bool:
        return bool(self.violations or self.uncertain or self.unavailable)


class CompiledPack:
    """A pack arranged by what each binding watches and reads, so that a clean message asks next to nothing."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.bound: dict[str, Bound] = {}  # by the key of its place
        # What its rules ask of the words of a message, with the words that each question needs.
        self.cues: dict[Hashable, str] = {}
        self.by_category: dict[str, list[Bound]] = defaultdict(list)
        self.by_type: dict[str, list[Bound]] = defaultdict(list)
        # Of those that watch messages: who is called for each, and who only for what concerns him.
        self.unasked: list[Bound] = []
        self.asked: list[Bound] = []
        self.standing: list[Bound] = []
        self.pictures: list[Bound] = []
        # clause -> the consequences that other clauses say follow its breach
        self.following: dict[str, list[Bound]] = defaultdict(list)
        for clause_id, clause in pack.clauses.items():
            for index, binding in enumerate(clause.bindings):
                self._add(clause_id, index, clause, binding)
        for some in self.following.values():
            some.sort(key=lambda one: one.params.together is not None)
        self.unmended = [one for one in self.bound.values() if one.rule.name == "fault.unmended"]

    def _add(self, clause_id: str, index: int, clause: Clause, binding: Binding) -> None:
        if binding.rule is None or binding.mode not in ("automatic", "assisted"):
            return
        rule = RULES[binding.rule]
        params = msgspec.convert(binding.params, type=rule.Params)
        place = Place(clause_id, index)
        cues = rule.cues(params)
        self.cues |= cues or {}
        asks, heeds = frozenset(cues or ()), rule.heeds(params)
        bound = Bound(clause_id, index, clause, binding, rule, params, rule.reads(params), asks, heeds, place)
        self.bound[place.key] = bound
        if rule.standing:
            self.standing.append(bound)
        if isinstance(params, consequence.ConsequenceParams) and params.drafts:
            for clause_of in params.of:
                self.following[clause_of].append(bound)
        if rule.name == "image.content":
            self.pictures.append(bound)
        elif bound.reads is None:
            for kind in rule.watches:
                self.by_type[kind].append(bound)
            if "message.created" in rule.watches:
                (self.unasked if cues is None else self.asked).append(bound)
        for category in bound.reads or ():
            self.by_category[category].append(bound)


def judge(case: Case, pack: CompiledPack) -> Judgement:
    """Say which clauses an observation breaks. Brings the deadlines and standing faults of the group's state along."""
    found = Judgement()
    _see(found, case, _called(case, pack))
    _judge_content(found, case, pack)
    _judge_standing(found, case, pack)
    if case.state.episodes:
        prune_episodes(case.state.episodes, case.now)
    return _with_consequences(_without_doubled(found), case, pack)


def judge_again(case: Case, pack: CompiledPack) -> Judgement:
    """Judge once more what an observation says, after a classifier was away; the state of the group is left alone."""
    found = Judgement()
    _judge_content(found, case, pack)
    return _with_consequences(_without_doubled(found), case, pack)


def _with_consequences(found: Judgement, case: Case, pack: CompiledPack) -> Judgement:
    """Add what other clauses say follows a breach that is certain by itself: an entry on whoever has to pay.

    What a person has to decide on first brings its consequences with that decision. A message that breaks several clauses
    with the same consequence is one occurrence of it.
    """
    taken: set[tuple[str, int, str]] = set()
    for base in tuple(found.violations):
        if base.mode != "automatic" or base.clause not in pack.following:
            continue
        decided_with: dict[str, str] = {}  # clause -> the violation with which the others are decided
        for bound in pack.following[base.clause]:
            if bound.params.found_by and base.rule not in bound.params.found_by:
                continue
            for subject in consequence.subjects(bound.params, base, case.view):
                one = (bound.clause_id, bound.index, subject.id)
                if base.cause is None and one in taken:
                    continue
                taken.add(one)
                violation_id = digest("v", base.id, bound.clause_id, subject.id)
                first = decided_with.setdefault(bound.params.together or bound.clause_id, violation_id)
                finding = Finding(subject, consequence.told(bound.params, base), base.evidence, base.score)
                links = {"follows": base.id, "together": first if first != violation_id else None}
                _add(found, case, bound, finding, violation_id, cause=base.cause, links=links)
    return found


def _without_doubled(found: Judgement) -> Judgement:
    if found.uncertain:
        # What one binding of a clause is sure of, another need not ask about.
        sure = {one.id for one in found.violations}
        found.uncertain = [one for one in found.uncertain if one.id not in sure]
    return found


def judge_due(case: Case, pack: CompiledPack, place: str, deadline: Deadline) -> Judgement:
    """Let the rule that set a deadline look again, now that it is reached. The case's `now` is the due time."""
    found = Judgement()
    bound = pack.bound.get(place)
    if bound is None or _is_over(case):
        return found
    if deadline.cause == _LOOK:
        for finding in bound.rule.faults(case, bound.params, deadline.subject):
            _open_fault(found, case, bound, finding, pack)
        return _with_consequences(found, case, pack)
    for finding in bound.rule.due(case, bound.params, deadline):
        about = finding.episode or deadline.subject
        violation_id = digest("v", case.view.key, bound.clause_id, about, deadline.cause, deadline.due_at)
        cause = finding.cause or Cause("deadline", _deadline_id(case, bound, deadline))
        _add(found, case, bound, finding, violation_id, cause=cause)
    return _with_consequences(found, case, pack)


def _deadline_id(case: Case, bound: Bound, one: Deadline) -> str:
    return digest("d", case.view.key, bound.clause_id, bound.index, one.subject, one.cause, one.due_at)


def due_deadlines(case: Case, now: Millis) -> list[tuple[str, Deadline]]:
    """The deadlines reached by `now`, oldest first, with their places. What happens in the millisecond of one is in time."""
    passed = now + (case.seen.type == "clock.tick")
    return sorted(case.state.deadlines.before(passed - ALLOWED_LATENESS), key=_by_due)


def _by_due(due: tuple[str, Deadline]) -> tuple[Any, ...]:
    place, one = due
    return one.due_at, place, one.subject, one.cause


def _called(case: Case, pack: CompiledPack) -> Sequence[Bound]:
    """The rules that may have something to say on an observation: of words alone nearly none."""
    if case.cues is None or not pack.asked or not case.is_plain:
        return pack.by_type.get(case.seen.type, ())
    cues, waiting = case.cues, case.state.deadlines.places
    heard = {one.category for one in case.signals} if case.signals else _NOBODY
    more = [
        one
        for one in pack.asked
        if not one.asks.isdisjoint(cues) or (heard and not one.heeds.isdisjoint(heard)) or one.place.key in waiting
    ]
    return [*pack.unasked, *more] if more else pack.unasked


_NOBODY: frozenset[str] = frozenset()


def _see(found: Judgement, case: Case, called: Iterable[Bound]) -> None:
    for bound in called:
        for finding in bound.rule.see(case, bound.params, bound.place):
            _add(found, case, bound, finding, _violation_id(case, bound, finding))


def _judge_content(found: Judgement, case: Case, pack: CompiledPack) -> None:
    if case.signals:
        read: dict[Place, Bound] = {}
        for category in sorted({one.category for one in case.signals}):
            for bound in pack.by_category.get(category, ()):
                if case.seen.type in bound.rule.watches:
                    read.setdefault(bound.place, bound)
        _see(found, case, read.values())
    if case.signals or case.seen.kind == "image":
        _note_unavailable(found, case, pack)


def _note_unavailable(found: Judgement, case: Case, pack: CompiledPack) -> None:
    for signal in case.signals:
        if signal.unavailable:
            for bound in pack.by_category.get(signal.category, ()):
                found.unavailable.append(Unavailable(bound.clause_id, signal.category, signal.unavailable))
    if case.seen.kind == "image" and case.seen.is_message:
        for bound in pack.pictures:
            found.unavailable.append(Unavailable(bound.clause_id, "image", bound.rule.blind(bound.params) or ""))


def _judge_standing(found: Judgement, case: Case, pack: CompiledPack) -> None:
    """Compare the faults that stand with those counted: a new one is found once, a mended one is closed."""
    # The day counts as looked at even where nothing is owed: who keeps time for the group asks only once.
    subjects = _look_at(case)
    if not subjects or _is_over(case):
        return
    for subject in subjects:
        for bound in pack.standing:
            findings = {one.subject.id: one for one in bound.rule.faults(case, bound.params, subject)}
            _close_mended(case, bound, subject, findings, pack)
            for finding in findings.values():
                _open_fault(found, case, bound, finding, pack)
            # What comes due within the day is looked at then; the rest, when its day begins.
            for who, at in bound.rule.later_today(case, bound.params, subject):
                bound.place.set_deadline(case, subject=who, cause=_LOOK, due_at=at)


def _is_over(case: Case) -> bool:
    """Say whether the group is dissolved: nothing is owed in it any more."""
    return case.state.dissolved_at is not None or case.view.group.status == "dissolved"


def _look_at(case: Case) -> tuple[str | None, ...]:
    """Say what to look at: all and the group (None) when it is new, changed, or a new day; else the members concerned."""
    today = case.calendar.local_day(case.now)
    state = case.state
    changed = case.seen.type in _CHANGES
    # What is late is of a day that was looked at: to look at all as of then would mend what has come due since.
    if state.audited_on < today or (changed and state.audited_on == today):
        state.audited_on = today
        return (None,)
    about = case.target_id or case.sender_id
    return (about,) if case.news or (changed and about) else ()


_CHANGES = frozenset(
    {
        "member.joined", "member.left", "member.removed", "member.role_changed", "group.created", "group.renamed",
        "group.owner_changed", "group.dissolved", "task.stated",
    }
)  # fmt: skip


def _fault_key(bound: Bound, subject: str) -> str:
    return f"{bound.place.key}|{subject}"


def _close_mended(
    case: Case, bound: Bound, subject: str | None, findings: dict[str, Finding], pack: CompiledPack
) -> None:
    prefix = _fault_key(bound, "")
    for key, fault in case.state.faults.items():
        if not fault.open or not key.startswith(prefix):
            continue
        who = key[len(prefix) :]
        if who not in findings and subject in (None, who):
            fault.open = False
            for later in pack.unmended:
                for reminded in later.place.deadlines(case):
                    if reminded.data.get("fault") == key:
                        later.place.end(case, reminded)


def _open_fault(found: Judgement, case: Case, bound: Bound, finding: Finding, pack: CompiledPack) -> None:
    key = _fault_key(bound, finding.subject.id)
    fault = case.state.faults.get(key)
    if fault is not None and fault.open:
        return
    times = fault.times + 1 if fault else 1
    # Two rules of one clause, such as filing and name of a group, find two faults.
    cause_id = digest("c", case.view.key, bound.clause_id, bound.rule.name, finding.subject.id, times)
    violation_id = digest("v", cause_id, bound.clause_id, finding.subject.id)
    case.state.faults[key] = StandingFault(violation_id=violation_id, since=case.now, times=times)
    due_at = _mend_by(case, bound)
    if due_at is not None:
        for later in pack.unmended:
            if later.params.of == bound.clause_id:
                later.place.set_deadline(
                    case, subject=finding.subject.id, cause=violation_id, due_at=due_at, data={"fault": key}
                )
    kind: Literal["roster", "registry"] = "roster" if bound.rule.name.startswith(("roster.", "member.")) else "registry"
    cause = finding.cause or Cause(kind, cause_id)
    _add(found, case, bound, finding, violation_id, cause=cause, due_at=due_at)


def _mend_by(case: Case, bound: Bound) -> Millis | None:
    response = bound.binding.response
    return case.calendar.after(case.now, response.mend_within) if response and response.mend_within else None


def _violation_id(case: Case, bound: Bound, finding: Finding) -> str:
    """Hash of observation (the original one, when edited), clause and subject: no version, no clock."""
    return digest("v", finding.episode or case.seen.origin_id, bound.clause_id, finding.subject.id)


def _add(
    found: Judgement,
    case: Case,
    bound: Bound,
    finding: Finding,
    violation_id: str,
    *,
    cause: Cause | None = None,
    due_at: Millis | None = None,
    links: Mapping[str, str | None] = MappingProxyType({}),
) -> None:
    mode: Mode = bound.binding.mode
    violation = Violation(
        id=violation_id,
        clause=bound.clause_id,
        rule=bound.rule.name,
        subject=finding.subject,
        score=finding.score,
        evidence=finding.evidence,
        explanation=finding.explanation,
        mode=mode,
        binding=bound.index,
        cut=finding.cut,
        cause=cause or finding.cause,
        due_at=due_at,
        mend=finding.mend,
        **links,
    )
    # An assisted binding asks a person anyway: suspicion is enough for it. An automatic one has to be certain.
    target = found.violations if finding.certain or mode == "assisted" else found.uncertain
    for index, other in enumerate(target):
        if other.id == violation_id:
            target[index] = _stronger(other, violation)
            return
    target.append(violation)


def _stronger(one: Violation, other: Violation) -> Violation:
    """Two bindings of one clause on one subject are one violation: the stronger mode speaks, the evidence adds up."""
    first, second = sorted((one, other), key=lambda each: (_STRENGTH[each.mode], each.score), reverse=True)
    evidence = tuple(dict.fromkeys((*first.evidence, *second.evidence)))[:8]
    return msgspec.structs.replace(first, evidence=evidence)
