"""Escalate: strikes and ladders. Verdicts, decisions, withdrawals and outcomes in; sanctions, tasks and reviews out."""

from collections.abc import Iterable, Mapping, Sequence
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
from policies.directory import Directory
from policies.ladder import Due, generations, reconcile, span_millis
from policies.notices import SANCTION_NAMES, cite, reversal_notice, write_notice
from policies.schema import Binding, Ladder, Pack
from streams.brakes import is_budgeted
from streams.topics import (
    ACTIONS,
    JUDGEMENTS,
    OUTCOMES,
    Appeal,
    Effects,
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
    State: ClassVar[type[Any] | None] = Ledger

    def __init__(self, packs: Mapping[str, Pack], directory: Directory, *, simulated: bool = False) -> None:
        self.simulated = simulated
        self.packs = packs
        self.directory = directory

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
            elif one.decision and one.decision.subject:
                effects.decided_at = one.decision.decided_at
                self._decide(effects, one.decision, one.about, ledgers[one.decision.subject])
            elif one.withdrawal:
                self._withdraw(effects, one.withdrawal, ledgers[one.withdrawal.subject])
            elif one.appeal:
                self._appeal(effects, one.appeal, ledgers[one.appeal.subject])
        effects.state.update(ledgers)
        return effects

    # verdicts

    def _take(self, effects: _Changes, record: Record, verdict: Verdict, ledgers: Mapping[str, Ledger]) -> None:
        for violation, certain in (
            *((one, True) for one in verdict.violations),
            *((one, False) for one in verdict.uncertain),
        ):
            ledger = ledgers.get(violation.subject.id)
            if ledger is None or violation.id in ledger.held or violation.id in ledger.settled:
                continue
            case = noted(verdict, violation)
            if certain and violation.mode == "automatic":
                self._punish(effects, ledger, case)
            else:
                self._ask(effects, case, certain=certain)

    def _punish(self, effects: _Changes, ledger: Ledger, noted: Noted) -> None:
        """Give the strike that the binding's ladder counts, or answer a fault of state, which brings no strike."""
        binding, violation_id = self._binding(noted), noted.violation.id
        if binding is not None and binding.ladder:
            ledger.held[violation_id] = _kept(noted)
            self._strike(ledger, noted, binding.ladder)
            self._reconcile(effects, ledger, noted.pack, binding.ladder)
        elif binding is not None and binding.response is not None:
            ledger.held[violation_id] = _kept(noted)
            for kind in binding.response.sanctions:
                sanction_id = generations(digest("s", violation_id, kind), ledger.taken_back)[-1]
                self._issue(effects, ledger, noted, kind, 0, sanction_id, assignee=binding.response.assignee)
        else:
            ledger.settled.append(violation_id)

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
                self._issue(
                    effects,
                    ledger,
                    noted,
                    due.kind,
                    due.rung_number,
                    due.id,
                    due=due,
                    ladder=name,
                    next_kinds=_next(ladder, due),
                    assignee=due.rung.assignee,
                )
            told_at_once = mode != "enforce" or self.simulated
            if told_at_once and any(one.strike.id != strikes[-1].id for one in changes.issue):
                # What nobody was told cannot be waited for: in observe and advise the next rung is shown at once.
                self._reconcile(effects, ledger, pack, name)

    def _issue(
        self,
        effects: _Changes,
        ledger: Ledger,
        noted: Noted,
        kind: SanctionKind,
        rung: int,
        sanction_id: str,
        *,
        assignee: str,
        due: Due | None = None,
        ladder: str | None = None,
        next_kinds: str | None = None,
    ) -> None:
        if sanction_id in ledger.sanctions:
            return
        pack, violation, group = self.packs[noted.pack], noted.violation, self._group(noted)
        fleet = self.directory.fleet
        if kind == "fine" and not (fleet.settings.fines.enabled and fleet.settings.fines.basis):
            # Nobody was told of a fine: the next offence asks again, and climbs no further.
            if sanction_id not in ledger.failed:
                ledger.failed[sanction_id] = noted.at
                self._ask(effects, noted, certain=True, why="罚款未启用：须由单位书面明确依据后开启")
            return
        sanction = Sanction(
            id=sanction_id,
            violation_ids=(violation.id,),
            group_id=noted.group_id,
            subject=violation.subject,
            kind=kind,
            rung=rung,
            clause=violation.clause,
            needs_approval=_needs_approval(kind, noted.mode, group),
            decided_at=noted.at,
            notice=write_notice(
                pack,
                violation.clause,
                violation,
                kind,
                member=self._called(violation.subject, group),
                group=group,
                next_kinds=next_kinds,
                zone=fleet.settings.timezone,
                mend_by=violation.due_at,
            ),
            seconds=due.rung.seconds if due and kind == "mute" else None,
            amount_fen=due.rung.amount_fen if due and kind == "fine" else None,
            mode=noted.mode,
            ladder=ladder,
            strike_id=due.strike.id if due else None,
        )
        # The notice goes out with the action; only a draft's is needed again.
        ledger.sanctions[sanction_id] = (
            sanction if sanction.needs_approval else msgspec.structs.replace(sanction, notice="")
        )
        effects.plan(noted.group_key, Planned(sanction=sanction))
        if kind == "task":
            effects.plan(noted.group_key, Planned(task=self._task(sanction, noted, assignee, due)))
        elif sanction.needs_approval:
            if noted.mode != "observe":
                self._ask_approval(effects, sanction, noted)
        elif noted.mode == "enforce" and kind in CALLS:
            max_age = MAX_AGE.get(kind) if noted.observation_id else None
            self._act(effects, sanction, noted, max_age=max_age)
            if self.simulated:
                late = max_age is not None and effects.cause.appended_at - noted.at > max_age
                when = ledger.failed if late else ledger.delivered
                when[sanction_id] = effects.cause.appended_at if late else noted.at

    def _act(self, effects: _Changes, sanction: Sanction, noted: Noted, *, max_age: Millis | None) -> None:
        params: dict[str, Any] = {"target": self._account(sanction.subject, noted), "text": sanction.notice}
        if sanction.kind == "recall" and (noted.native_id or noted.observation_id):
            params["message"] = noted.native_id or noted.observation_id
        if sanction.seconds:
            params["seconds"] = sanction.seconds
        self._plan(effects, sanction, noted, CALLS[sanction.kind], params, max_age=max_age)

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

    def _ask(self, effects: _Changes, noted: Noted, *, certain: bool, why: str | None = None) -> None:
        violation = noted.violation
        kind = "assisted" if certain else "uncertain"
        if violation.cause is not None and violation.cause.kind == "report":
            kind = "report"
        review = Review(
            id=digest("r", violation.id, kind),
            kind=kind,  # type: ignore[arg-type]
            on=DecisionTarget("verdict", violation.id),
            group_id=noted.group_id,
            clause=violation.clause,
            subject=violation.subject.id,
            opened_at=noted.at,
            why=why or violation.explanation,
            options=self._options(noted),
            observation_id=None if _is_secret(noted) else noted.observation_id,
        )
        effects.plan(noted.group_key, Planned(review=review))

    def _ask_approval(self, effects: _Changes, sanction: Sanction, noted: Noted) -> None:
        review = Review(
            id=digest("r", sanction.id, "approval"),
            kind="approval",
            on=DecisionTarget("sanction", sanction.id),
            group_id=noted.group_id,
            clause=sanction.clause,
            subject=sanction.subject.id,
            opened_at=noted.at,
            why=f"拟{SANCTION_NAMES[sanction.kind]}，须由有权人员批准：{noted.violation.explanation}",
            options=(sanction.kind,),
        )
        effects.plan(noted.group_key, Planned(review=review))

    def _options(self, noted: Noted) -> tuple[str, ...]:
        """The sanctions that the pack's text would allow, for the person who decides."""
        pack = self.packs[noted.pack]
        clause = pack.clauses[noted.violation.clause]
        named: list[str] = []
        for binding in clause.bindings:
            if binding.ladder and binding.ladder in pack.ladders:
                named += [kind for rung in pack.ladders[binding.ladder].rungs for kind in rung.sanctions]
            if binding.rule == "consequence":
                named += list(binding.params.get("options", ()))
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

    def _decide(self, effects: _Changes, decision: Decision, about: Sequence[Noted], ledger: Ledger) -> None:
        if decision.id in ledger.decisions:
            return
        ledger.decisions.append(decision.id)
        if decision.outcome == "overturn":
            self._overturn(effects, ledger, self._violations_of(ledger, decision, about))
        elif decision.outcome == "uphold":
            self._uphold(effects, ledger, self._violations_of(ledger, decision, about))
        elif decision.outcome in ("approve", "refuse"):
            self._approve(effects, ledger, decision)

    def _violations_of(self, ledger: Ledger, decision: Decision, about: Sequence[Noted]) -> list[Noted]:
        if decision.on.kind == "verdict":
            return list(about)
        named = decision.sanction_id or decision.on.id
        sanction = ledger.sanctions.get(named) or ledger.taken_back.get(named)
        return [ledger.held[one] for one in sanction.violation_ids] if sanction else []

    def _uphold(self, effects: _Changes, ledger: Ledger, right: Iterable[Noted]) -> None:
        """Let violations count: what waited for this word, and what was overturned before and now stands again."""
        for found in right:
            if found.violation.id in ledger.settled:
                ledger.settled.remove(found.violation.id)
            elif found.violation.id in ledger.held:
                continue
            self._punish(effects, ledger, found)

    def _overturn(self, effects: _Changes, ledger: Ledger, wrong: Iterable[Noted]) -> None:
        touched: dict[tuple[str, str], None] = {}
        for found in wrong:
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
        noted = ledger.held[sanction.violation_ids[0]]
        approved = msgspec.structs.replace(sanction, needs_approval=False, approved_by=decision.by)
        ledger.sanctions[sanction.id] = approved
        effects.plan(noted.group_key, Planned(sanction=approved))
        if sanction.kind in CALLS and sanction.mode != "observe":
            self._act(effects, approved, noted, max_age=None)
        else:
            # No platform carries it out: the person who approves it sees to it.
            ledger.delivered.setdefault(sanction.id, decision.decided_at)

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

    def _task(self, sanction: Sanction, noted: Noted, role: str, due: Due | None) -> Task:
        binding = self._binding(noted)
        pack = self.packs[noted.pack]
        said = (due.rung.task if due else None) or (binding.response.task if binding and binding.response else None)
        what = said or f"处理：{noted.violation.explanation}"
        return Task(
            id=digest("t", sanction.id),
            violation_ids=sanction.violation_ids,
            group_id=noted.group_id,
            assignee=self._assignee(role, sanction.subject, noted),
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


def _next(ladder: Ladder, due: Due) -> str | None:
    if due.rung_number >= len(ladder.rungs):
        return None
    return "+".join(ladder.rungs[due.rung_number].sanctions)


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


def _subjects(one: Judged | Outcome) -> list[str]:
    if isinstance(one, Outcome):
        return [one.subject]
    if one.verdict:
        return [each.subject.id for each in (*one.verdict.violations, *one.verdict.uncertain)]
    named = one.decision or one.withdrawal or one.appeal
    return [named.subject] if named and named.subject else []
