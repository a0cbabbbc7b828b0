"""Escalate: strikes and ladders. Verdicts, decisions, withdrawals and outcomes in; sanctions, tasks and reviews out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct, field

from models import (
    Action,
    Assignee,
    Decision,
    DecisionTarget,
    Evidence,
    Group,
    Review,
    Sanction,
    SanctionKind,
    Strike,
    Subject,
    Task,
    Verdict,
    digest,
)
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.directory import Directory
from policies.ladder import generations, reconcile, span_millis
from policies.notices import (
    CAUTION,
    SANCTION_NAMES,
    amount_said,
    cite,
    reversal_notice,
    was_told,
    what_was_seen,
    write_notice,
)
from policies.rules.consequence import Allowed, allowed_by, fine_of
from policies.schema import Binding, Ladder, Pack
from streams.brakes import is_budgeted
from streams.topics import (
    ACTIONS,
    JUDGEMENTS,
    OUTCOMES,
    Appeal,
    Effects,
    Erasure,
    Judged,
    Noted,
    Outcome,
    Planned,
    Record,
    Withdrawal,
    noted,
    value_of,
)

# One's own message, recalled within this time, leaves no strike; secrets excepted, they were seen.
GRACE: Millis = 2 * 60 * 1000
NO_GRACE = ("leak", "secrecy_marking", "internal_marking", "red_header_file", "outside_forwarding")
# A warning that arrives later than this would puzzle more than it helps: it becomes a review item.
MAX_AGE: dict[str, Millis] = {"remind": 10 * 60_000, "warn": 10 * 60_000, "recall": 10 * 60_000, "mute": 10 * 60_000}
CALLS: dict[str, str] = {"remind": "notify", "warn": "notify", "recall": "recall", "mute": "mute", "remove": "remove"}
UNDO_CALLS: dict[str, str] = {"mute": "unmute", "remove": "reinvite"}
DELIVERED = ("accepted", "confirmed")


# Whoever complains is heard by somebody who is not complained of.
COMPLAINTS = "涉及投诉或维权：请转工会、人力资源或纪检人员，不经群主及当事人上级"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One sanction that is to be issued: of what kind, on which clause it rests, and what the pack says of it."""

    id: str
    kind: SanctionKind
    clause: str
    assignee: str = "administrator"
    task: str | None = None
    seconds: int | None = None
    rung: int = 0
    ladder: str | None = None
    strike_id: str | None = None
    next_kinds: str | None = None
    ask: bool = False
    check: str | None = None


class TakenBack(Struct, frozen=True):
    """A sanction that was reversed: for which violations it was, and when it ended."""

    violation_ids: tuple[str, ...]
    at: Millis


class Ledger(Struct, kw_only=True, omit_defaults=True):
    """Everything held against one subject, as one value under the subject's key.

    `held`: the violations behind strikes and sanctions. What only waits for a person is not here: the decision brings it
    along. `settled`: violations that were overturned or withdrawn, so that an edit does not raise them again.
    `delivered` and `failed` say when a sanction reached its subject, or when it was clear that it will not. `taken_back`:
    the sanctions that were reversed, kept so that a reversal can be undone.
    """

    held: dict[str, Noted] = field(default_factory=dict)
    strikes: list[Strike] = field(default_factory=list)
    sanctions: dict[str, Sanction] = field(default_factory=dict)
    taken_back: dict[str, TakenBack] = field(default_factory=dict)
    delivered: dict[str, Millis] = field(default_factory=dict)
    failed: dict[str, Millis] = field(default_factory=dict)
    decisions: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)


class _Changes(Effects):
    """Effects of one record after another: what is published is caused by the record in hand.

    `decided_at`: when a person decided, where the record is a decision. What follows goes out as of then, however old
    the message is.
    """

    cause: Record
    decided_at: Millis | None = None

    @property
    def at(self) -> Millis:
        return self.cause.appended_at if self.decided_at is None else self.decided_at

    def plan(self, key: str, planned: Planned) -> None:
        self.records.append((ACTIONS, key, planned, self.cause.appended_at))


class Escalate:
    """Keeps strikes and lets `reconcile` say what follows. State per subject: `Ledger`.

    `simulated`: every action arrives the moment it is planned, so that a replay does not depend on how many records are
    judged before the outbox is looked at.
    """

    name: ClassVar[str] = "escalate"
    reads: ClassVar[tuple[str, ...]] = (JUDGEMENTS, OUTCOMES)
    writes: ClassVar[tuple[str, ...]] = (ACTIONS,)
    State: ClassVar[type[Any] | None] = Ledger

    def __init__(self, packs: Mapping[str, Pack], directory: Directory, *, simulated: bool = False) -> None:
        self.simulated = simulated
        self.packs = packs
        self.directory = directory
        self.allowed = {slug: allowed_by(pack) for slug, pack in packs.items()}
        settings = directory.fleet.settings
        self.calendar = WorkingCalendar(settings.timezone, settings.working_hours)

    def keys(self, records: Sequence[Record]) -> set[str]:
        wanted: set[str] = set()
        for record in records:
            wanted.update(_subjects(value_of(record)))
        return wanted

    def next_due(self, value: Any) -> None:
        return None

    def handle(self, records: Sequence[Record], state: Mapping[str, Any]) -> Effects:
        effects = _Changes()
        ledgers: dict[str, Ledger] = {}
        for record in records:
            one, effects.cause, effects.decided_at = value_of(record), record, None
            if isinstance(one, Judged) and one.erasure:
                self._erase(effects, one.erasure, state, ledgers)
                continue
            named = [subject for subject in _subjects(one) if subject in state]
            for subject in named:
                if subject not in ledgers:
                    ledgers[subject] = state[subject] or Ledger()
            if not named:
                continue
            if isinstance(one, Outcome):
                self._delivered(effects, one, ledgers[one.subject])
            elif one.verdict:
                self._take(effects, record, one.verdict, ledgers)
            elif one.decision:
                effects.decided_at = one.decision.decided_at
                for subject in named:
                    about = [each for each in one.about if each.violation.subject.id == subject]
                    self._decide(effects, one.decision, about, subject, ledgers[subject])
            elif one.withdrawal:
                self._withdraw(effects, one.withdrawal, ledgers[one.withdrawal.subject])
            elif one.appeal:
                self._appeal(effects, one.appeal, ledgers[one.appeal.subject])
        effects.state.update(ledgers)
        return effects

    def _erase(self, effects: _Changes, erasure: Erasure, state: Mapping[str, Any], ledgers: dict[str, Ledger]) -> None:
        """Empty what is held against a person. Nothing is reversed: who was removed stays removed, and nobody is told.

        By way of the log: what was planned before stands in no view and no outbox yet.
        """
        for subject in _subjects(Judged(erasure=erasure)):
            if subject in ledgers or state.get(subject) is not None:
                ledgers[subject] = Ledger()
        if erasure.subject in state:
            effects.plan(effects.cause.key, Planned(erasure=erasure))

    # verdicts

    def _take(self, effects: _Changes, record: Record, verdict: Verdict, ledgers: Mapping[str, Ledger]) -> None:
        for violation, certain in (
            *((one, True) for one in verdict.violations),
            *((one, False) for one in verdict.uncertain),
        ):
            ledger = ledgers.get(violation.subject.id)
            if ledger is None or violation.id in ledger.held or violation.id in ledger.settled:
                continue
            case = self._as_told(noted(verdict, violation))
            if violation.follows:
                self._follow(effects, ledger, case)
            elif certain and violation.mode == "automatic":
                self._punish(effects, ledger, case)
                for one in self._own(case):
                    self._draft_or_ask(effects, ledger, case, one)
            else:
                self._ask(effects, case, certain=certain)

    def _as_told(self, found: Noted) -> Noted:
        """Where the members had not been told that their group is monitored, nothing leaves beyond drafts."""
        if found.mode == "enforce" and not was_told(self._group(found), found.at, self.calendar):
            return msgspec.structs.replace(found, mode="advise")
        return found

    def _punish(self, effects: _Changes, ledger: Ledger, noted: Noted) -> None:
        """Give the strike that the binding's ladder counts, or answer a fault of state, which brings no strike.

        A complaint of the kind that is protected never costs anything, whoever upholds what it was found for.
        """
        binding, violation_id = self._binding(noted), noted.violation.id
        ledger.held[violation_id] = _kept(noted)
        if binding is None or _is_protected(noted):
            return
        response = binding.response
        if self._is_spared(noted):
            response = self.packs[noted.pack].outsiders
        elif binding.ladder:
            self._strike(ledger, noted, binding.ladder)
            self._reconcile(effects, ledger, noted.pack, binding.ladder)
            return
        if response is None:
            return
        for kind in response.sanctions:
            step = Step(
                id=generations(digest("s", violation_id, kind), ledger.taken_back)[-1],
                kind=kind,
                clause=noted.violation.clause,
                assignee=response.assignee,
                task=response.task,
            )
            self._issue(effects, ledger, noted, step)

    def _is_spared(self, noted: Noted) -> bool:
        """Whether the policy does not bind whom a finding is about: a customer or stranger, where the pack spares them."""
        subject = noted.violation.subject
        if self.packs[noted.pack].outsiders is None or subject.kind not in ("member", "message"):
            return False
        return self.directory.is_stranger(subject.id)

    # consequences

    def _own(self, noted: Noted) -> list[Allowed]:
        """The consequences that the clause of a finding has itself, or, of a consequence, that one."""
        clause, binding = noted.violation.clause, self._binding(noted)
        if noted.violation.follows:
            return [Allowed.of(clause, binding)] if binding is not None and binding.rule == "consequence" else []
        return [one for one in self._allowed(noted.pack, clause) if one.clause == clause]

    def _allowed(self, pack: str, clause: str) -> Sequence[Allowed]:
        return self.allowed.get(pack, {}).get(clause, ())

    def _follow(self, effects: _Changes, ledger: Ledger, noted: Noted) -> None:
        """Take the consequence of another finding: a draft, or a question where a condition comes first.

        What is decided together with another consequence waits for that one's question.
        """
        for one in self._own(noted):
            if one.params.condition is None:
                ledger.held[noted.violation.id] = _kept(noted)
            if one.params.condition is None or not noted.violation.together:
                self._draft_or_ask(effects, ledger, noted, one)

    def _draft_or_ask(self, effects: _Changes, ledger: Ledger, noted: Noted, one: Allowed) -> None:
        if one.params.drafts and one.params.condition is not None:
            self._ask(effects, noted, certain=True, clause=one.clause)
        else:
            self._draft(effects, ledger, noted, one)

    def _draft(
        self, effects: _Changes, ledger: Ledger, noted: Noted, one: Allowed, *, check: str | None = None
    ) -> None:
        """Draft what a clause says follows; once per fault and check."""
        if not _is_protected(noted) and not self._is_spared(noted):
            for kind in one.params.drafts:
                self._issue(effects, ledger, noted, self._step(ledger, noted, one, kind, check))

    def _step(self, ledger: Ledger, noted: Noted, one: Allowed, kind: SanctionKind, check: str | None = None) -> Step:
        name = digest("s", noted.violation.id, kind, one.clause, check)
        return Step(
            id=generations(name, ledger.taken_back)[-1],
            kind=kind,
            clause=one.clause,
            seconds=one.params.seconds if kind == "mute" else None,
            check=check,
        )

    def _pick(self, effects: _Changes, ledger: Ledger, noted: Noted, decision: Decision) -> None:
        """Bring what a person picked from the choices of a review."""
        clause, _, picked = (decision.pick or "").rpartition("/")
        kind = msgspec.convert(picked, SanctionKind)
        one = next(iter(self._said(noted, clause, kind)), None)
        if one is not None and not _is_protected(noted) and not self._is_spared(noted):
            self._issue(effects, ledger, noted, self._step(ledger, noted, one, kind, decision.check))

    # strikes and ladders

    def _strike(self, ledger: Ledger, noted: Noted, name: str) -> None:
        """Enter a strike for a violation, once. `_weigh` says whether it counts."""
        violation = noted.violation
        if any((one.violation_id, one.ladder) == (violation.id, name) for one in ledger.strikes):
            return
        ladder = self.packs[noted.pack].ladders[name]
        strike_id = digest("k", _cause(noted), name, violation.subject.id)
        if any(one.id == strike_id for one in ledger.strikes):
            strike_id = digest("k", _cause(noted), name, violation.subject.id, violation.id)
        ledger.strikes.append(
            Strike(
                id=strike_id,
                violation_id=violation.id,
                subject=violation.subject.id,
                ladder=name,
                scope={"group": noted.group_key, "pack": noted.pack, "organisation": "organisation"}[ladder.scope],
                given_at=noted.at,
                expires_at=noted.at + span_millis(ladder.window),
                mode=noted.mode,
            )
        )

    def _weigh(self, ledger: Ledger) -> None:
        """Say which strikes count: one per observation (or episode) and ladder, for the first violation that stands.

        The strike of a second clause stays in reserve: it counts once the first is overturned.
        """
        taken: set[tuple[str, str]] = set()
        for index, strike in enumerate(ledger.strikes):
            place = (strike.ladder, _cause(ledger.held[strike.violation_id]))
            counts = strike.violation_id not in ledger.settled and place not in taken
            if counts:
                taken.add(place)
            if counts != (strike.status == "live"):
                status: Literal["live", "revoked"] = "live" if counts else "revoked"
                ledger.strikes[index] = msgspec.structs.replace(strike, status=status)

    def _reconcile(self, effects: _Changes, ledger: Ledger, pack: str, name: str) -> None:
        """Bring what stands in line with the strikes, for every scope and mode in which this ladder has counted."""
        ladder = self.packs[pack].ladders[name]
        self._weigh(ledger)
        # Another pack's ladder of the same name is another ladder: a group may have changed its pack meanwhile.
        mine_all = [one for one in ledger.strikes if one.ladder == name and ledger.held[one.violation_id].pack == pack]
        for scope, mode in dict.fromkeys((one.scope, one.mode) for one in mine_all):
            strikes = [one for one in mine_all if (one.scope, one.mode) == (scope, mode)]
            mine = {one.id for one in strikes}
            issued = [one for one in ledger.sanctions.values() if one.strike_id in mine]
            # Nobody is told in observe and advise, and a task is told to its assignee: those count from the start.
            at_once = {one.id: one.decided_at for one in issued if mode != "enforce" or one.kind == "task"}
            changes = reconcile(
                strikes,
                issued,
                {**ledger.delivered, **at_once},
                ladder,
                failed=ledger.failed,
                taken_back={one: back.at for one, back in ledger.taken_back.items()},
            )
            for sanction in changes.reverse:
                self._reverse(effects, ledger, sanction)
            for due in changes.issue:
                noted = ledger.held[due.strike.violation_id]
                step = Step(
                    id=due.id,
                    kind=due.kind,
                    clause=due.rung.clause or noted.violation.clause,
                    assignee=due.rung.assignee,
                    task=due.rung.task,
                    seconds=due.rung.seconds if due.kind == "mute" else None,
                    rung=due.rung_number,
                    ladder=name,
                    strike_id=due.strike.id,
                    next_kinds=_next(ladder, due.rung_number),
                    ask=due.rung.asks(due.kind),
                )
                self._issue(effects, ledger, noted, step)
            told_at_once = mode != "enforce" or self.simulated
            new = [one for one in changes.issue if one.id in ledger.sanctions]
            if told_at_once and any(one.strike.id != strikes[-1].id for one in new):
                # What nobody was told cannot be waited for: in observe and advise the next rung is shown at once.
                self._reconcile(effects, ledger, pack, name)

    def _issue(self, effects: _Changes, ledger: Ledger, noted: Noted, step: Step) -> None:
        if step.id in ledger.sanctions:
            return
        pack, violation, group = self.packs[noted.pack], noted.violation, self._group(noted)
        fleet, kind = self.directory.fleet, step.kind
        terms = next(iter(self._said(noted, step.clause, kind)), None)
        fine = None
        if kind == "fine":
            fine = msgspec.structs.replace(fine_of(terms.params.fine if terms else None), caution=CAUTION)
        off = kind == "fine" and not (fleet.settings.fines.enabled and fleet.settings.fines.basis)
        if off or step.ask:
            # Nobody was told: the next offence asks again, and climbs no further.
            if step.id not in ledger.failed:
                ledger.failed[step.id] = noted.at
                why = "罚款未启用：须由单位书面明确依据后开启" if off else None
                self._ask(effects, noted, certain=True, why=why, clause=step.clause)
            return
        measure = amount_said(fine) if fine else terms.params.referral if terms and kind == "referral" else None
        sanction = Sanction(
            id=step.id,
            violation_ids=(violation.id,),
            group_id=noted.group_id,
            subject=violation.subject,
            kind=kind,
            rung=step.rung,
            clause=step.clause,
            needs_approval=_needs_approval(kind, noted.mode, group),
            decided_at=noted.at,
            notice=write_notice(
                pack,
                step.clause,
                violation,
                kind,
                member=self._called(violation.subject, group),
                group=group,
                next_kinds=step.next_kinds,
                zone=fleet.settings.timezone,
                mend_by=violation.due_at,
                measure=measure,
            ),
            seconds=step.seconds,
            amount_fen=fine.amount_fen if fine else None,
            mode=noted.mode,
            ladder=step.ladder,
            strike_id=step.strike_id,
            fine=fine,
            measure=measure if kind == "referral" else None,
            check=step.check,
        )
        # The notice goes out with the action; only a draft's is needed again.
        ledger.sanctions[step.id] = (
            sanction if sanction.needs_approval else msgspec.structs.replace(sanction, notice="")
        )
        effects.plan(noted.group_key, Planned(sanction=sanction))
        if kind == "task":
            effects.plan(noted.group_key, Planned(task=self._task(sanction, noted, step)))
        elif sanction.needs_approval:
            if noted.mode != "observe":
                self._ask_approval(effects, sanction, noted, terms)
        elif noted.mode == "enforce" and kind in CALLS:
            max_age = MAX_AGE.get(kind) if noted.observation_id else None
            self._act(effects, sanction, noted, max_age=max_age)
            if self.simulated:
                late = max_age is not None and effects.cause.appended_at - noted.at > max_age
                when = ledger.failed if late else ledger.delivered
                when[step.id] = effects.cause.appended_at if late else noted.at

    def _said(self, noted: Noted, clause: str, kind: SanctionKind) -> list[Allowed]:
        """What the clause that a sanction rests on says of it."""
        written = self.packs[noted.pack].clauses.get(clause)
        bindings = written.bindings if written else ()
        here = [Allowed.of(clause, one) for one in bindings if one.rule == "consequence"]
        own = [one for one in self._own(noted) if one.clause == clause]
        return [one for one in (*own, *here) if kind in one.params.kinds]

    def _act(self, effects: _Changes, sanction: Sanction, noted: Noted, *, max_age: Millis | None) -> None:
        params: dict[str, Any] = {"target": self._account(sanction.subject, noted), "text": sanction.notice}
        if sanction.kind == "recall" and (noted.native_id or noted.observation_id):
            params["message"] = noted.native_id or noted.observation_id
        if sanction.seconds:
            params["seconds"] = sanction.seconds
        if sanction.kind == "remind" and noted.observation_id is None and not self._at_any_hour(noted):
            params["not_before"] = self.calendar.at_work(effects.at)
        self._plan(effects, sanction, noted, CALLS[sanction.kind], params, max_age=max_age)

    def _at_any_hour(self, noted: Noted) -> bool:
        """Whether the policy's own words want a reminder at once, even outside working hours."""
        binding = self._binding(noted)
        return binding is not None and binding.response is not None and binding.response.at_any_hour

    def _plan(
        self,
        effects: _Changes,
        sanction: Sanction,
        noted: Noted,
        call: str,
        params: dict[str, Any],
        *,
        max_age: Millis | None = None,
    ) -> None:
        platform = noted.group_key.partition(":")[0]
        named = {"pack": noted.pack, "group_key": noted.group_key, "clause": sanction.clause}
        if noted.observation_id:
            # By which the log shows the way of a message to its end.
            named["observation_id"] = noted.observation_id
        budgeted = is_budgeted(sanction, by_person=effects.decided_at is not None)
        action = Action(
            id=digest("a", sanction.id, call),
            sanction_id=sanction.id,
            platform=platform,
            account=noted.account,
            call=call,
            status="planned",
            group_id=noted.group_id,
            subject=noted.violation.subject.id,
            params={**params, **named, "budgeted": budgeted},
            planned_at=noted.at if effects.decided_at is None else effects.decided_at,
            max_age=max_age,
        )
        effects.plan(noted.group_key, Planned(action=action))

    # what waits for people

    def _ask(
        self, effects: _Changes, noted: Noted, *, certain: bool, why: str | None = None, clause: str | None = None
    ) -> None:
        """Put a finding to a person. `clause`: the one whose consequence is in question, where it is another."""
        violation = noted.violation
        kind = "assisted" if certain else "uncertain"
        if violation.cause is not None and violation.cause.kind == "report":
            kind = "report"
        apart = (clause,) if clause not in (None, violation.clause) else ()
        choices = self._choices(noted, clause or violation.clause)
        detail: dict[str, Any] = {"choices": choices} if choices else {}
        if _is_protected(noted):
            detail["route"] = COMPLAINTS
        review = Review(
            id=digest("r", violation.id, kind, *apart),
            kind=kind,  # type: ignore[arg-type]
            on=DecisionTarget("verdict", violation.id),
            group_id=noted.group_id,
            clause=clause or violation.clause,
            subject=violation.subject.id,
            opened_at=noted.at,
            why=why or violation.explanation,
            options=tuple(dict.fromkeys((*self._options(noted), *(one["kind"] for one in choices)))),
            observation_id=None if _is_secret(noted) else noted.observation_id,
            detail=detail,
        )
        effects.plan(noted.group_key, Planned(review=review))

    def _ask_approval(self, effects: _Changes, sanction: Sanction, noted: Noted, terms: Allowed | None) -> None:
        detail: dict[str, Any] = {}
        if sanction.fine is not None:
            detail["fine"] = msgspec.to_builtins(sanction.fine)
        if terms is not None and terms.params.approver:
            detail["approver"] = terms.params.approver
        measure = amount_said(sanction.fine) if sanction.fine else sanction.measure
        said = f"（{measure}）" if measure else ""
        review = Review(
            id=digest("r", sanction.id, "approval"),
            kind="approval",
            on=DecisionTarget("sanction", sanction.id),
            group_id=noted.group_id,
            clause=sanction.clause,
            subject=sanction.subject.id,
            opened_at=noted.at,
            why=f"拟{SANCTION_NAMES[sanction.kind]}{said}，须由有权人员批准：{noted.violation.explanation}",
            options=(sanction.kind,),
            detail=detail,
        )
        effects.plan(noted.group_key, Planned(review=review))
        if sanction.kind == "referral" and (by := self._investigation(noted, sanction)):
            self._assign(effects, sanction, noted, by, "调查")

    def _investigation(self, noted: Noted, sanction: Sanction) -> Allowed | None:
        """What says who investigates a referred case: the clause of the referral, or one that says what follows it."""
        said = (*self._said(noted, sanction.clause, sanction.kind), *self._allowed(noted.pack, sanction.clause))
        return next((one for one in said if one.params.investigate), None)

    def _assign(self, effects: _Changes, sanction: Sanction, noted: Noted, by: Allowed, what: str) -> None:
        """Ask an office to investigate a referred case, or, once that was approved, to publish what was decided."""
        pack = self.packs[noted.pack]
        name = digest("t", sanction.id) if what == "调查" else digest("t", sanction.id, what)
        told = "核实情况并提出处理意见，经批准前不得公布" if what == "调查" else "处理意见已获批准，请按制度公布"
        task = Task(
            id=name,
            violation_ids=sanction.violation_ids,
            group_id=noted.group_id,
            assignee=Assignee(by.params.investigate or ""),
            what=f"{what}：{told}（{cite(pack, pack.clauses[by.clause])}）",
            clause=by.clause,
        )
        effects.plan(noted.group_key, Planned(task=task))

    def _choices(self, noted: Noted, clause: str) -> list[dict[str, Any]]:
        """What the person who decides may pick, as the policy has it; sums and payers that it leaves open are null."""
        if _is_protected(noted) or self._is_spared(noted):
            return []
        known = self._own(noted)
        if not noted.violation.follows:
            named = (noted.violation.clause, clause)
            known += [one for each in dict.fromkeys(named) for one in self._allowed(noted.pack, each)]
        choices: dict[str, dict[str, Any]] = {}
        for one in known:
            for kind in one.params.kinds:
                said: dict[str, Any] = {"clause": one.clause, "kind": kind, "pick": f"{one.clause}/{kind}"}
                if kind == "fine" and one.params.fine is not None:
                    fine = msgspec.structs.replace(fine_of(one.params.fine), caution=CAUTION)
                    said["fine"] = msgspec.to_builtins(fine)
                measure = one.params.referral if kind == "referral" else None
                more = {"measure": measure, "condition": one.params.condition, "approver": one.params.approver}
                said |= {key: given for key, given in more.items() if given}
                choices.setdefault(said["pick"], said)
        return list(choices.values())

    def _options(self, noted: Noted) -> tuple[str, ...]:
        """The sanctions that the ladder or the response of the clause would bring."""
        pack = self.packs[noted.pack]
        named: list[str] = []
        if _is_protected(noted) or noted.violation.follows:
            return ()
        for binding in pack.clauses[noted.violation.clause].bindings:
            if binding.ladder and binding.ladder in pack.ladders:
                named += [kind for rung in pack.ladders[binding.ladder].rungs for kind in rung.sanctions]
            if binding.response:
                named += list(binding.response.sanctions)
        return tuple(dict.fromkeys(named))

    def _appeal(self, effects: _Changes, appeal: Appeal, ledger: Ledger) -> None:
        sanction = ledger.sanctions.get(appeal.sanction_id)
        if sanction is None:
            return
        review = Review(
            id=digest("r", appeal.id),
            kind="appeal",
            on=DecisionTarget("appeal", appeal.id),
            group_id=sanction.group_id,
            clause=sanction.clause,
            subject=sanction.subject.id,
            opened_at=appeal.filed_at,
            why=f"对“{SANCTION_NAMES[sanction.kind]}”的申诉" + ("，附说明" if appeal.text_given else ""),
            options=("uphold", "overturn"),
            detail={"sanction_id": sanction.id},
        )
        noted = ledger.held[sanction.violation_ids[0]]
        effects.plan(noted.group_key, Planned(review=review))

    # decisions

    def _decide(
        self, effects: _Changes, decision: Decision, about: Sequence[Noted], subject: str, ledger: Ledger
    ) -> None:
        """Let a decision take effect for one subject; it may be about what others have to answer for as well."""
        if decision.id in ledger.decisions:
            return
        ledger.decisions.append(decision.id)
        if decision.on.kind != "verdict" and subject == decision.subject:
            about = self._violations_of(ledger, decision)
        if decision.outcome == "overturn":
            self._overturn(effects, ledger, about)
        elif decision.outcome == "uphold":
            self._uphold(effects, ledger, about, decision)
        elif decision.outcome in ("approve", "refuse") and subject == decision.subject:
            self._approve(effects, ledger, decision)

    def _violations_of(self, ledger: Ledger, decision: Decision) -> list[Noted]:
        named = decision.sanction_id or decision.on.id
        sanction = ledger.sanctions.get(named) or ledger.taken_back.get(named)
        return [ledger.held[one] for one in sanction.violation_ids] if sanction else []

    def _uphold(self, effects: _Changes, ledger: Ledger, right: Iterable[Noted], decision: Decision) -> None:
        """Let violations count: what waited for this word, and what was overturned before and now stands again.

        What follows is what the person picked, else all that the pack lets follow without a further condition.
        """
        for found in map(self._as_told, right):
            violation = found.violation
            known = violation.id in ledger.held and violation.id not in ledger.settled
            if violation.id in ledger.settled:
                ledger.settled.remove(violation.id)
            if violation.follows:
                ledger.held[violation.id] = _kept(found)
                for one in self._own(found):
                    self._draft(effects, ledger, found, one, check=decision.check)
            elif not known:
                self._punish(effects, ledger, found)
                follows = [] if decision.pick else self._allowed(found.pack, violation.clause)
                for one in follows:
                    if one.params.condition is None:
                        self._draft(effects, ledger, found, one, check=decision.check)
            if decision.pick and not violation.follows:
                self._pick(effects, ledger, found, decision)

    def _overturn(self, effects: _Changes, ledger: Ledger, wrong: Iterable[Noted]) -> None:
        touched: dict[tuple[str, str], None] = {}
        first = {one.violation.id: one for one in wrong}
        brought = {one.violation.id: one for one in ledger.held.values() if one.violation.follows in first}
        for found in (first | brought).values():
            if found.violation.id in ledger.settled:
                continue
            ledger.settled.append(found.violation.id)
            for strike in ledger.strikes:
                if strike.violation_id == found.violation.id:
                    touched[found.pack, strike.ladder] = None
            for sanction in [one for one in ledger.sanctions.values() if found.violation.id in one.violation_ids]:
                if sanction.strike_id is None:
                    self._reverse(effects, ledger, sanction)
        for pack, name in touched:
            self._reconcile(effects, ledger, pack, name)

    def _reverse(self, effects: _Changes, ledger: Ledger, sanction: Sanction) -> None:
        """Take a sanction back: tell the member where they were told before, and undo what can be undone."""
        noted = ledger.held[sanction.violation_ids[0]]
        pack = self.packs[noted.pack]
        clause = pack.clauses[sanction.clause]
        undo = msgspec.structs.replace(
            sanction,
            id=digest("s", sanction.id, "reverse"),
            notice=reversal_notice(
                pack,
                clause,
                sanction.kind,
                self._called(sanction.subject, self._group(noted)),
                struck=any(
                    one.violation_id in sanction.violation_ids and one.status != "revoked" for one in ledger.strikes
                ),
            ),
            reverses=sanction.id,
            needs_approval=False,
        )
        del ledger.sanctions[sanction.id]
        ledger.taken_back[sanction.id] = TakenBack(sanction.violation_ids, effects.at)
        effects.plan(noted.group_key, Planned(sanction=undo))
        if sanction.mode != "observe" and sanction.kind in CALLS:
            params = {"target": self._account(sanction.subject, noted), "text": undo.notice}
            params["reverses"] = digest("a", sanction.id, CALLS[sanction.kind])
            if sanction.kind in UNDO_CALLS:
                self._plan(effects, undo, noted, UNDO_CALLS[sanction.kind], params)
            self._plan(effects, undo, noted, "notify", params)

    def _approve(self, effects: _Changes, ledger: Ledger, decision: Decision) -> None:
        if decision.on.kind == "action":
            if decision.outcome == "approve":
                effects.rows.append(("reopened_actions", {"id": decision.on.id, "at": decision.decided_at}))
            return
        sanction = ledger.sanctions.get(decision.on.id)
        if sanction is None or not sanction.needs_approval:
            return
        if decision.outcome == "refuse":
            ledger.failed.setdefault(sanction.id, decision.decided_at)
            return
        amount = sanction.amount_fen if decision.amount_fen is None else decision.amount_fen
        if sanction.kind == "fine" and amount is None:
            return  # the desk asks for it
        noted = ledger.held[sanction.violation_ids[0]]
        approved = msgspec.structs.replace(sanction, needs_approval=False, approved_by=decision.by, amount_fen=amount)
        ledger.sanctions[sanction.id] = approved
        effects.plan(noted.group_key, Planned(sanction=approved))
        if sanction.kind in CALLS and sanction.mode != "observe":
            self._act(effects, approved, noted, max_age=None)
        else:
            # No platform carries it out: the person who approves it sees to it.
            ledger.delivered.setdefault(sanction.id, decision.decided_at)
            if sanction.kind == "referral" and (by := self._investigation(noted, sanction)):
                self._assign(effects, approved, noted, by, "公布")

    def _withdraw(self, effects: _Changes, withdrawal: Withdrawal, ledger: Ledger) -> None:
        """A message recalled by its own sender within the grace time leaves no strike; what was secret stays seen."""
        forgiven = [
            one
            for one in ledger.held.values()
            if one.observation_id == withdrawal.observation_id
            and 0 <= withdrawal.withdrawn_at - one.at <= GRACE
            and not _is_secret(one)
        ]
        self._overturn(effects, ledger, forgiven)
        # By way of the log: the question may have been asked in this very chunk and stand in no view yet.
        effects.plan(effects.cause.key, Planned(withdrawal=withdrawal))

    def _delivered(self, effects: _Changes, outcome: Outcome, ledger: Ledger) -> None:
        if outcome.sanction_id not in ledger.sanctions:
            return
        when = ledger.delivered if outcome.status in DELIVERED else ledger.failed
        if outcome.sanction_id in when:
            return
        when[outcome.sanction_id] = outcome.at
        sanction = ledger.sanctions[outcome.sanction_id]
        # Only what was sent since can have waited for it.
        if sanction.ladder and any(one.given_at > outcome.at for one in ledger.strikes):
            noted = ledger.held[sanction.violation_ids[0]]
            self._reconcile(effects, ledger, noted.pack, sanction.ladder)

    # look-ups

    def _binding(self, noted: Noted) -> Binding | None:
        clause = self.packs[noted.pack].clauses.get(noted.violation.clause)
        index = noted.violation.binding
        return clause.bindings[index] if clause and index < len(clause.bindings) else None

    def _group(self, noted: Noted) -> Group:
        return self.directory.groups.get(noted.group_key) or next(
            (one for one in self.directory.fleet.groups if one.id == noted.group_id),
            Group(id=noted.group_id, platform=noted.group_key.partition(":")[0]),
        )

    def _called(self, subject: Subject, group: Group) -> str:
        who = subject.id if subject.kind in ("member", "owner") else group.owner or ""
        person = self.directory.people.get(who)
        return person.name if person else "您好"

    def _account(self, subject: Subject, noted: Noted) -> str:
        """The platform account to address: the one that wrote the message, else another of the member's, else the owner's."""
        platform = noted.group_key.partition(":")[0]
        if noted.sender and self.directory.subject(platform, noted.sender) == subject.id:
            return noted.sender
        who = subject.id if subject.kind in ("member", "owner") else self._group(noted).owner or ""
        person = self.directory.people.get(who)
        if person is None:
            return who.removeprefix(f"{platform}:")
        return next((one.id for one in person.accounts if one.platform == platform), person.id)

    def _task(self, sanction: Sanction, noted: Noted, step: Step) -> Task:
        pack = self.packs[noted.pack]
        what = step.task or f"处理：{what_was_seen(noted.violation)}"
        return Task(
            id=digest("t", sanction.id),
            violation_ids=sanction.violation_ids,
            group_id=noted.group_id,
            assignee=self._assignee(step.assignee, sanction.subject, noted),
            what=f"{what}（{cite(pack, pack.clauses[sanction.clause])}）",
            clause=sanction.clause,
            due_at=noted.violation.due_at,
        )

    def _assignee(self, role: str, subject: Subject, noted: Noted) -> Assignee:
        group = self._group(noted)
        if role == "supervisor":
            person = self.directory.people.get(subject.id)
            if person and person.supervisor:
                return Assignee("supervisor", person.supervisor)
            return Assignee("owner", group.owner)
        found = {
            "owner": group.owner,
            "manager": next(iter(group.managers), group.owner),
            "administrator": next(iter(group.administrators), group.owner),
            "publisher": next(iter(group.publishers), group.owner),
        }
        return Assignee(role, found.get(role))


def _kept(noted: Noted) -> Noted:
    """What a ledger keeps of a violation: of its evidence the categories only."""
    categories = dict.fromkeys(item.category for item in noted.violation.evidence)
    bare = tuple(Evidence("", one) for one in categories)
    return msgspec.structs.replace(noted, violation=msgspec.structs.replace(noted.violation, evidence=bare))


def _next(ladder: Ladder, rung_number: int) -> str | None:
    if rung_number >= len(ladder.rungs):
        return None
    rung = ladder.rungs[rung_number]
    # What a person is asked about first is not announced beside what is certain.
    return "+".join([one for one in rung.sanctions if not rung.asks(one)] or rung.sanctions)


def _needs_approval(kind: SanctionKind, mode: str, group: Group) -> bool:
    """People decide what hurts: fine and referral always; removal unless the group says otherwise; all of advise."""
    if kind in ("fine", "referral"):
        return True
    if kind == "remove":
        return mode != "enforce" or group.approvals.get("remove") != "automatic"
    return mode == "advise" and kind != "task"


def _cause(noted: Noted) -> str:
    """What a strike is given for: the observation, or the violation where there is none."""
    return noted.observation_id or noted.violation.id


def _is_secret(noted: Noted) -> bool:
    return any(item.category in NO_GRACE for item in noted.violation.evidence)


def _is_protected(noted: Noted) -> bool:
    """Whether it is a complaint about pay, safety or harassment, or to a union or authority."""
    return any(item.category == "protected" for item in noted.violation.evidence)


def _subjects(one: Judged | Outcome) -> list[str]:
    if isinstance(one, Outcome):
        return [one.subject]
    if one.erasure:
        return list(dict.fromkeys((one.erasure.subject, *one.erasure.accounts)))
    if one.verdict:
        return [each.subject.id for each in (*one.verdict.violations, *one.verdict.uncertain)]
    named = one.decision or one.withdrawal or one.appeal
    subjects = [named.subject] if named and named.subject else []
    return list(dict.fromkeys((*subjects, *(each.violation.subject.id for each in one.about))))
