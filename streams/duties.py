"""What keepers have to do: open tasks, and duties that come in turns, each with how it is shown to be done."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from models import Fleet, Group, Observation, Task, digest
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.directory import Directory
from policies.rules import RULES
from policies.rules.duties import PeriodicParams
from policies.schema import Pack
from policies.state import GroupState, GroupView, pack_name
from streams.errors import NotFound, WrongUse


@dataclass(frozen=True)
class Duty:
    """One thing to do. `keepers` are ids of people, `done` is what to state: a fact's name, or the id of a task.

    `due_at` is None where nobody set a date; `prove` says how it is shown to be done.
    """

    group: str
    group_name: str
    clause: str
    what: str
    role: str
    keepers: tuple[str, ...]
    due_at: Millis | None
    overdue: bool
    prove: str
    done: str


def duties(
    fleet: Fleet,
    packs: Mapping[str, Pack],
    states: Mapping[str, GroupState],
    tasks: Iterable[Task],
    now: Millis,
    *,
    owner: str | None = None,
) -> list[Duty]:
    """All that is due or will be, of everybody or of one person; what is overdue comes first, then by date.

    `states`: what is remembered of groups by their keys; of a group without one the fleet's facts are all that is known.
    """
    calendar = WorkingCalendar(fleet.settings.timezone, fleet.settings.working_hours)
    groups = [one for one in fleet.groups if one.status not in ("dissolved", "rejected")]
    found = [
        duty
        for group in groups
        for duty in _periodic(group, packs[pack_name(group, fleet)], states.get(_key(group)), calendar, now)
    ]
    found += [_task(one, {group.id: group for group in fleet.groups}, now) for one in tasks if one.status == "open"]
    mine = [one for one in found if owner is None or owner in one.keepers]
    return sorted(mine, key=lambda one: (not one.overdue, one.due_at is None, one.due_at or 0, one.group, one.done))


def _key(group: Group) -> str:
    return f"{group.platform}:{group.id}"


def _periodic(
    group: Group, pack: Pack, state: GroupState | None, calendar: WorkingCalendar, now: Millis
) -> Iterator[Duty]:
    rule = RULES["duty.periodic"]
    for clause_id, clause in pack.clauses.items():
        for binding in clause.bindings:
            if binding.rule != rule.name or binding.mode not in ("automatic", "assisted"):
                continue
            params: PeriodicParams = msgspec.convert(binding.params, type=rule.Params)
            if not GroupView(group, GroupState()).is_of(params.types, params.except_types):
                continue
            since = _since(group, params, state or GroupState(), calendar, now)
            due_at = calendar.after(since, params.every) if since else None
            if params.after and not since:
                continue
            yield Duty(
                group=_key(group),
                group_name=group.name,
                clause=clause_id,
                what=params.duty,
                role=params.keeper,
                keepers=_keepers(group, params.keeper),
                due_at=due_at,
                overdue=due_at is not None and due_at <= now,
                prove=f"完成后登记 {params.fact}，可附文号或链接（--ref）",
                done=params.fact,
            )


def _since(
    group: Group, params: PeriodicParams, state: GroupState, calendar: WorkingCalendar, now: Millis
) -> Millis | None:
    """From when the period runs: when it was done last, or began to count; None where that is not known, or nothing is owed."""

    def stated(name: str) -> Millis:
        value = state.facts.get(name, group.facts.get(name))
        if value in (None, False, ""):
            return 0
        given = calendar.millis(value)
        return given if given is not None and given <= now else state.stated.get(name, 0)

    done = max(stated(params.fact), state.counted.get(params.fact, 0))
    if params.after:
        begun = stated(params.after)
        return begun if begun > done else None
    return done or None


def _keepers(group: Group, wording: str) -> tuple[str, ...]:
    """Who a policy's wording means; where it means nobody in the group, its owner answers."""
    named = {
        "群主": (group.owner,),
        "群负责人": group.managers,
        "管理员": group.administrators,
        "发布人": group.publishers,
    }
    found = [one for word, people in named.items() if word in wording for one in people if one]
    return tuple(dict.fromkeys(found)) or ((group.owner,) if group.owner else ())


def _task(task: Task, groups: Mapping[str, Group], now: Millis) -> Duty:
    group = groups.get(task.group_id)
    return Duty(
        group=_key(group) if group else task.group_id,
        group_name=group.name if group else "",
        clause=task.clause,
        what=task.what,
        role=task.assignee.role,
        keepers=(task.assignee.id,) if task.assignee.id else (),
        due_at=task.due_at,
        overdue=task.due_at is not None and task.due_at <= now,
        prove="改正后系统会自行发现；其余的请登记办结",
        done=task.id,
    )


def statement(
    fleet: Fleet,
    group_id: str,
    fact: str,
    *,
    by: str,
    now: Millis,
    value: object = None,
    person: str | None = None,
    ref: str | None = None,
    at: Millis | None = None,
) -> Observation:
    """The observation by which somebody states a fact of a group. NotFound and WrongUse say what to do instead.

    `by` is the directory id of somebody who answers for the group; of others the agents take no statement.
    """
    directory = Directory(fleet)
    group = next((one for one in fleet.groups if group_id in (one.id, _key(one))), None)
    if group is None:
        raise NotFound(f"the fleet lists no group {group_id}; name one of its groups by id")
    responsible = {group.owner, *group.managers, *group.administrators} - {None}
    who = directory.called(by)
    if who is None or not (who.id in responsible or directory.is_leader(who)):
        names = ", ".join(sorted(str(one) for one in responsible)) or "nobody yet: name an owner in the fleet"
        raise WrongUse(f"{by} cannot state facts of {group.id}; its keepers can ({names}), and leaders")
    stated = {"name": fact, "value": now if value is None else value, "person": person, "ref": ref, "at": at or now}
    body = {
        "id": digest("f", _key(group), fact, person, who.id, str(value), at or now),
        "type": "task.stated",
        "platform": group.platform,
        "group": {"id": group.id},
        "sender": {"id": who.id},
        "sent_at": now,
        "fact": {key: one for key, one in stated.items() if one is not None},
    }
    return msgspec.convert(body, type=Observation)
