"""A group to judge rules in: what it sees is remembered, and any rule can be asked what it finds."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from models import Account, Fleet, Group, GroupRef, Observation, Person, Sender, Target
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.directory import Directory
from policies.judge import CompiledPack, due_deadlines
from policies.rules import RULES, Case, Finding
from policies.rules.base import Basis, Place
from policies.schema import Pack
from policies.state import GroupState, GroupView, remember

MINUTE: Millis = 60_000
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR
# Wednesday 2026-11-18, 09:00 in Shanghai, when the working day begins.
START: Millis = 1_794_963_600_000
PLACE = Place("clause-1", 0)
OWNER = Person(id="owner", name="周卫国", department="综合部", unit="青山镇", post="部长", tags=("party_member",))
KEEPER = Person(id="keeper", name="林晓梅", department="局办公室", unit="青山镇", post="科员")
LEADER = Person(id="leader", name="高建华", department="领导班子", post="局长")
MEMBER = Person(
    id="member",
    name="陈志强",
    department="生产部",
    unit="青山镇",
    post="操作工",
    accounts=(Account("jsonl", "phone"), Account("jsonl", "tablet")),
)
FINANCE = Person(id="finance", name="郑敏", department="财务部", post="会计")
PEOPLE = (OWNER, KEEPER, LEADER, MEMBER, FINANCE)
GROUP = Group(
    id="g1",
    name="生产工作群",
    type="department",
    owner="owner",
    administrators=("keeper",),
    members=tuple(one.id for one in PEOPLE),
)


@dataclass
class House:
    """One group with its people. `sees` takes in one observation, as an agent would, and gives the case to judge."""

    people: tuple[Person, ...] = PEOPLE
    group: Group = GROUP
    others: tuple[Group, ...] = ()
    known: bool = True
    state: GroupState = field(default_factory=GroupState)
    number: int = 0

    def sees(self, text: str | None = None, *, at: Millis = 0, by: str | None = "member", **given: Any) -> Case:
        """`at` is milliseconds after the start; `given` are fields of the observation."""
        self.number += 1
        directory = Directory(Fleet(people=self.people, groups=(self.group, *self.others)))
        shown = {key: given.pop(key) for key in ("name", "card", "role", "scope") if key in given}
        if isinstance(given.get("target"), str):
            given["target"] = Target(given["target"])
        now = START + at
        seen = Observation(
            **{
                "type": "message.created",
                "id": f"m{self.number}",
                "sent_at": now,
                "group": GroupRef(self.group.id),
                "sender": Sender(by, **shown) if by else None,
                "kind": "text",
                "text": text,
                **given,
            }
        )
        basis = Basis(directory, WorkingCalendar(), lambda category: (1.0, 1.0))
        case = Case(seen, (), now, GroupView(self.group, self.state, known=self.known), basis)
        case.news = remember(self.state, seen, case.sender_id, now, directory)
        return case


def found(rule: str, case: Case, **params: Any) -> list[Finding]:
    """What a rule says of the observation itself; it may set deadlines."""
    return list(RULES[rule].see(case, _read(rule, params), PLACE))


def faults(rule: str, case: Case, subject: str | None = None, **params: Any) -> list[Finding]:
    """What a rule finds wrong with the state of the group, or of one member."""
    return list(RULES[rule].faults(case, _read(rule, params), subject))


def overdue(rule: str, case: Case, **params: Any) -> list[Finding]:
    """What a rule says of the deadlines that are over at the time of the case; they are done with then."""
    told: list[Finding] = []
    for place, deadline in due_deadlines(case, case.now):
        case.state.deadlines.end(place, deadline)
        told += RULES[rule].due(case, _read(rule, params), deadline)
    return told


def _read(rule: str, params: dict[str, Any]) -> Any:
    """Parameters as a pack writes them."""
    return msgspec.convert(params, type=RULES[rule].Params)


def a_pack(clauses: dict[str, list[dict[str, Any]]]) -> CompiledPack:
    """A pack of these bindings, automatic unless they say otherwise."""
    written = {
        "pack": "p",
        "title": "测试制度",
        "source": {"document": None},
        "status": {"stage": "adopted"},
        "ladders": {"out": {"rungs": [{"strikes": 1, "sanction": "remove"}]}},
        "clauses": {
            name: {"article": "第一条", "says": "摘要", "bindings": [{"mode": "automatic", **one} for one in bindings]}
            for name, bindings in clauses.items()
        },
    }
    return CompiledPack(msgspec.convert(written, type=Pack))
