"""A small organisation on a real store: three groups, one pack of plain rules, the agents, and an actuator that sends nothing."""

import asyncio
import json
from pathlib import Path

import msgspec
import sqlalchemy as sa
import yaml

from classifiers.measure import Classifiers
from connectors.simulated import SimulatedActuator
from models import Account, Fleet, Group, Person, Sanction, Settings
from models.fleet import Fines
from policies.directory import Directory
from policies.lint import lint
from streams import desk, outbox
from streams.agents.escalate import Ledger
from streams.cases.tables import outbox as outbox_table
from streams.cases.tables import sanctions
from streams.embedded import Embedded
from streams.store import Store, state

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Wednesday 2026-11-18, 09:00 in Shanghai.
START = 1_794_963_600_000
WARN_THEN_REMOVE = ({"strikes": 1, "sanction": "warn"}, {"strikes": 2, "sanction": "remove"})
# What kinds.py and patterns.py find without any trained weights.
GIFT = {"kind": "red_packet", "text": "恭喜发财"}
TRANSFER = {"kind": "transfer", "text": "请收款"}
VOUCHER = {"kind": "voucher", "text": "五十元券"}
CARD = {"text": "我的工资卡 6222021234567890128 请财务登记"}
IDENTITY = {"text": "身份证 11010519491231002X"}
SECRET = {"text": "机密★10年 全文见下"}
PLAIN = {"text": "今天两点开例会"}


def a_pack(slug="house", *, rungs=WARN_THEN_REMOVE, scope="organisation", window=365, decay=None, allows=()):
    """Red packets break clause 1, transfers 1 and 2 (one ladder), vouchers 3 (another), an identity number waits for a person.

    What each of `allows`, from clause 9 on, allows to follow are parameters of `consequence`.
    """

    def clause(number, category, ladder="gifts", mode="automatic"):
        binding = {
            "for": f"x{number}",
            "rule": "content.category",
            "with": {"category": category},
            "mode": mode,
            "ladder": ladder,
        }
        return {"article": f"第{number}条", "says": f"第{number}条不许", "bindings": [binding]}

    gifts = {"scope": scope, "window": {"days": window, "from": "tenant"}, "rungs": list(rungs)}
    if decay:
        gifts["decay"] = {"days": decay, "from": "tenant"}
    reminded = {"strikes": 1, "sanction": ["remind", "task"], "task": "请群主处理", "assignee": "owner"}
    body = {
        "pack": slug,
        "title": "示例制度",
        "source": {"document": None},
        "status": {"stage": "adopted"},
        "ladders": {"gifts": gifts, "vouchers": {"scope": "group", "rungs": [reminded]}},
        "clauses": {
            f"{slug}-1": clause(1, ["red_packet", "transfer"]),
            f"{slug}-2": clause(2, "transfer"),
            f"{slug}-3": clause(3, "voucher", ladder="vouchers"),
            f"{slug}-4": clause(4, "identity_number", mode="assisted"),
            f"{slug}-5": clause(5, "bank_card"),
            f"{slug}-6": clause(6, "secrecy_marking"),
        },
    }
    for number, given in enumerate(allows, start=9):
        binding = {"rule": "consequence", "with": given, "mode": "assisted"}
        body["clauses"][f"{slug}-{number}"] = {
            "article": f"第{number}条",
            "says": f"第{number}条处罚",
            "bindings": [binding],
        }
    pack, problems = lint(yaml.safe_dump(body, allow_unicode=True), f"{slug}.yaml")
    assert pack is not None, problems
    return pack


def a_fleet(*, mode="enforce", remove="automatic", packs=("house", "house", "other"), facts=None, fines=None):
    people = [
        Person(id=one, name=name, accounts=tuple(Account("webhook", account) for account in accounts))
        for one, name, accounts in (
            ("boss", "周卫国", ["b"]),
            ("u1", "陈志强", ["a1", "a1-phone"]),
            ("u2", "何平", ["a2"]),
        )
    ]
    groups = [
        Group(
            id=f"g{number}",
            platform="webhook",
            name=f"第{number}群",
            pack=pack,
            mode=mode,
            approvals={"remove": remove},
            owner="boss",
            members=("boss", "u1", "u2"),
            facts={"monitoring_notice_at": "2020-01-01"} if facts is None else facts,
        )
        for number, pack in enumerate(packs, start=1)
    ]
    return Fleet(people=tuple(people), groups=tuple(groups), settings=Settings(fines=fines or Fines()))


class House:
    """The embedded host over one file; `say` posts, judges and sends, as the service does, but in step."""

    def __init__(self, folder: Path, classifiers: Classifiers, *, packs=None, chunk=256, **fleet):
        self.path = folder / "xunqun.db"
        self.store = Store(self.path)
        self.actuator = SimulatedActuator()
        self.now = START
        self.seen = 0
        packs = packs or {"house": a_pack(), "other": a_pack("other")}
        baseline = {"baseline": a_pack("baseline")}
        self.host = Embedded(self.store, classifiers, {**baseline, **packs}, Directory(a_fleet(**fleet)), chunk=chunk)

    def say(self, by="a1", *, at=None, group="g1", id=None, judge=True, **what):
        """Post a message `at` so many milliseconds after the start, by default a minute after the last; its id."""
        self.now = self.now + MINUTE if at is None else START + at
        self.seen += 1
        id = id or f"m{self.seen}"
        body = {
            "type": "message.created",
            "id": id,
            "platform": "webhook",
            "group": {"id": group},
            "sender": {"id": by},
            "sent_at": self.now,
            "kind": "text",
            **(what or GIFT),
        }
        self.host.append([json.dumps(body).encode()], self.now)
        if judge:
            self.settle()
        return id

    def recall(self, of, *, by="a1", after=MINUTE, group="g1"):
        self.now += after - MINUTE
        self.say(by, group=group, id=f"{of}-recalled", type="message.recalled", recall_of={"id": of})

    def edit(self, of, *, by="a1", group="g1", **what):
        self.seen += 1
        id = f"{of}-edit-{self.seen}"
        self.say(by, group=group, id=id, type="message.edited", edit_of={"id": of}, **what)

    def decide(self, named, outcome, *, by="林晓梅", judge=True, **more):
        self.now += MINUTE
        desk.decide(self.store, named, outcome=outcome, by=by, reason="测试", now=self.now, **more)
        if judge:
            self.settle()

    def settle(self):
        """Judge and send until nothing is left."""
        while True:
            self.host.drain()
            actions = outbox.claim(self.store, self.now)
            if not actions:
                return
            for action in actions:
                self._carry_out(action)

    def _carry_out(self, action):
        able = self.actuator.can(action)
        if able.answer != "yes":
            outbox.settle(self.store, action, "manual", at=self.now, detail=able.why)
            return
        outcome = asyncio.run(self.actuator.send(action))
        outbox.settle(self.store, action, outcome.status, at=self.now, detail=outcome.detail)

    def ledger(self, who="u1") -> Ledger:
        query = sa.select(state.c.value).where(state.c.agent == "escalate", state.c.key == who)
        value = self.store.connection.scalar(query)
        return msgspec.json.decode(value, type=Ledger) if value else Ledger()

    def strikes(self, who="u1"):
        """The violations' messages whose strikes count, in their order."""
        ledger = self.ledger(who)
        return [ledger.held[one.violation_id].observation_id for one in ledger.strikes if one.status == "live"]

    def standing(self, who="u1"):
        """The sanctions that stand, with the message each is for."""
        ledger = self.ledger(who)
        return [
            (one.kind, ledger.held[one.violation_ids[0]].observation_id)
            for one in sorted(ledger.sanctions.values(), key=lambda one: (one.decided_at, one.kind))
        ]

    def sanction(self, kind, who="u1") -> Sanction:
        """The one sanction of a kind that stands."""
        (found,) = [one for one in self.ledger(who).sanctions.values() if one.kind == kind]
        return found

    def violation(self, kind, who="u1"):
        return self.sanction(kind, who).violation_ids[0]

    def issued(self):
        """Every sanction that was ever issued, reversals among them, from the view."""
        bodies = self.store.connection.scalars(sa.select(sanctions.c.body).order_by(sanctions.c.offset))
        return [msgspec.json.decode(body, type=Sanction) for body in bodies]

    def sent(self):
        """The calls that reached the platform, in order."""
        return [one.call for one in self.actuator.asked]

    def outbox(self):
        rows = self.store.connection.execute(sa.select(outbox_table).order_by(outbox_table.c.offset))
        return [(msgspec.json.decode(row.body)["call"], row.status) for row in rows]

    def reviews(self, kind=None, status="open"):
        return desk.list_reviews(self.store, status=status, kind=kind)

    def review(self, kind):
        (found,) = self.reviews(kind)
        return found["id"]
