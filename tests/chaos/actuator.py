"""Actions that go out: a receiver that is slow, fails or hangs, and what may and may not reach it.

Ten groups are in mode enforce. In them each offender offends once, so that the ladder asks for one warning each, whenever
the one before was delivered.
"""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from field import GROUPS, MEMBERS, Answer, Field, Result, Worker, differ, said

from connectors.webhook import verify
from models import Action, Decision, digest
from streams import desk
from streams.cases.postgres import Cases
from streams.fleet.kafka import read_whole
from streams.fleet.redrive import redrive
from streams.topics import DEAD_LETTERS, OBSERVATIONS, OUTCOMES, DeadLetter, Outcome, Record, record_of

SECRET = "whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3M="
ENFORCED = range(10)
TOLD = {"monitoring_notice_at": "2020-01-01"}
ADVERT = "家里面膜囤多了，补水的29一盒，要的姐妹私我"
WORK = ("三号机今天的产量报表已经交了", "下午两点在会议室开早会", "原料已到仓库", "设备点检完成，一切正常")
DONE, LEFT_TO_PEOPLE = ("accepted", "confirmed"), ("manual", "refused", "unconfirmed")
WEEK = 7 * 86_400_000
BRIEF_LEASE = Path(__file__).with_name("brief_lease.py")


@dataclass
class Call:
    """One post of an action. `answered` is the status, None where the caller went away before."""

    action: Action
    arrived: float
    answered: int | None = None


@dataclass
class Receiver:
    """Takes actions over HTTP as a connector of a platform would. `behave` gives the status, after as long as it likes."""

    behave: Callable[["Receiver", Call], Awaitable[int]]
    calls: list[Call] = field(default_factory=list)
    in_hand: list[Call] = field(default_factory=list)
    refused: int = 0
    url: str = ""

    async def start(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/actions", self._take)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, shutdown_timeout=1)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/actions"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            verify(request.headers, body, [SECRET], time.time())
        except Exception:
            self.refused += 1
            raise
        call = Call(msgspec.json.decode(body, type=Action), time.monotonic())
        self.calls.append(call)
        self.in_hand.append(call)
        try:
            call.answered = await self.behave(self, call)
        finally:
            self.in_hand.remove(call)
        return web.json_response({"status": "confirmed"}, status=call.answered)


async def quick(receiver: Receiver, call: Call) -> int:
    return 200


async def slow(receiver: Receiver, call: Call) -> int:
    """Three seconds for each."""
    await asyncio.sleep(3)
    return 200


async def failing(receiver: Receiver, call: Call) -> int:
    """500 every other time that an action comes; every fortieth call gets no answer before the caller gives up."""
    tries = sum(one.action.id == call.action.id for one in receiver.calls)
    await asyncio.sleep(15 if len(receiver.calls) % 40 == 0 else 0.3)
    return 500 if tries % 2 else 200


class ActingField(Field):
    """A field of which ten groups are in mode enforce, with a receiver for their actions."""

    behave: Callable[[Receiver, Call], Awaitable[int]] = staticmethod(slow)
    # Whether a call takes effect once however often it arrives; where not, none may arrive twice.
    repeatable = True

    def __init__(self, *arguments: Any, **more: Any) -> None:
        # The lease of an action in hand is five minutes in the product; here it is a little longer than a call may take.
        super().__init__(*arguments, **({"program": BRIEF_LEASE} | more))
        groups = [
            msgspec.structs.replace(one, mode="enforce", facts={**one.facts, **TOLD}) if number in ENFORCED else one
            for number, one in enumerate(self.fleet.groups)
        ]
        self.fleet = msgspec.structs.replace(self.fleet, groups=tuple(groups))
        self.receiver = Receiver(self.behave)
        self.offences = 0

    async def prepare(self) -> None:
        await super().prepare()
        await self.receiver.start()
        self.environment |= {"XUNQUN_ACTION_URL": self.receiver.url, "XUNQUN_ACTION_SECRET": SECRET}
        if not self.repeatable:
            self.environment["CHAOS_ONCE"] = "1"

    async def close(self) -> None:
        await super().close()
        await self.receiver.stop()

    def _observation(self, number: int) -> Record:
        group, turn = number % GROUPS, number // GROUPS
        if group not in ENFORCED:
            return super()._observation(number)
        # The members take turns, too seldom to flood, and a tenth of them offends in each round: never one of them twice.
        member = turn % MEMBERS
        offends = member % 10 == turn // MEMBERS
        self.offences += offends
        return self.message(number, group, member, ADVERT if offends else WORK[turn % len(WORK)])

    async def settled(self) -> None:
        """Until every action has come to an end and its outcome is known."""
        await self.drained()
        await self.carried_out()
        await self.drained()

    async def carried_out(self, seconds: float = 240.0) -> None:
        deadline = time.monotonic() + seconds
        while True:
            (open_ones,) = self.rows("select count(*) as n from outbox where status in ('planned', 'sending')")
            (unsaid,) = self.rows("select count(*) as n from outgoing")
            if not open_ones.n and not unsaid.n:
                return
            assert time.monotonic() < deadline, f"{open_ones.n} actions and {unsaid.n} outcomes wait after {seconds} s"
            await asyncio.sleep(0.5)

    async def some_in_hand(self, count: int, *, call: str = "notify", seconds: float = 60.0) -> list[Call]:
        """Calls that the receiver has taken and not answered."""
        deadline = time.monotonic() + seconds
        while len(found := [one for one in self.receiver.in_hand if one.action.call == call]) < count:
            assert time.monotonic() < deadline, f"{len(found)} calls are in hand after {seconds} s"
            await asyncio.sleep(0.05)
        return found

    async def kill(self, worker: Worker) -> int:
        pid = worker.process.pid
        worker.send(signal.SIGKILL)
        await worker.process.wait()
        return pid

    # what has to hold

    def told(self) -> dict[str, list[Call]]:
        """The calls of each action, in the order of their arrival."""
        found: dict[str, list[Call]] = defaultdict(list)
        for one in self.receiver.calls:
            found[one.action.id].append(one)
        return found

    async def compare_more(
        self,
        result: Result,
        expected: Answer,
        observed: Sequence[Record],
        judged: Sequence[Record],
        planned: Sequence[Record],
    ) -> None:
        wrong, told = result.wrong, self.told()
        actions = {one.action.id: one.action for one in map(said, planned) if one is not None and one.action}
        differ(result, "actions", set(expected.actions), set(actions))
        rows = {row.id: row.status for row in self.rows("select id, status from outbox")}
        differ(result, "rows of outbox", set(actions), set(rows))
        self._compare_calls(result, expected, told, rows)
        asked = {row.on_id for row in self.rows("select on_id from reviews")}
        # Of what was taken back, and its member told, nobody has to find out whether it had arrived.
        asked |= {
            row.reverses for row in self.rows("select reverses from outbox where status in ('accepted', 'confirmed')")
        }
        for name, status in rows.items():
            if status in LEFT_TO_PEOPLE and name not in asked:
                wrong.append(f"an action ended as {status} and nobody is asked")
            elif status not in (*DONE, *LEFT_TO_PEOPLE, "cancelled"):
                wrong.append(f"an action is {status}")
        outcomes: dict[str, list[Outcome]] = defaultdict(list)
        for one in map(said, await read_whole(self.kafka, OUTCOMES)):
            outcomes[one.action_id].append(one)
        ended = {name for name, status in rows.items() if status != "cancelled"}
        differ(result, "outcomes", ended, set(outcomes))
        for name, some in outcomes.items():
            if len({(one.status, one.at) for one in some}) > 1:
                wrong.append(f"an action has outcomes {', '.join(one.status for one in some)}")
            if name in rows and some[-1].status != rows[name]:
                wrong.append(f"an action is {rows[name]}, its outcome {some[-1].status}")
        counts = Counter(rows.values())
        again = sum(len(some) - 1 for some in told.values())
        said_twice = sum(len(some) - 1 for some in outcomes.values())
        result.proof += (
            f"; {len(self.receiver.calls)} calls for {len(told)} actions ({again} came again, {said_twice} outcomes twice): "
            + ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        )

    def _compare_calls(
        self, result: Result, expected: Answer, told: dict[str, list[Call]], rows: dict[str, str]
    ) -> None:
        wrong = result.wrong
        if self.receiver.refused:
            wrong.append(f"{self.receiver.refused} calls were not signed as they should be")
        # How often it was tried is told to the receiver too; it is no content.
        contents = {
            name: {msgspec.json.encode(msgspec.structs.replace(one.action, tries=0)) for one in some}
            for name, some in told.items()
        }
        if several := [name for name, some in contents.items() if len(some) > 1]:
            wrong.append(f"{len(several)} actions reached the receiver with different contents")
        if strange := set(told) - set(expected.actions):
            wrong.append(f"{len(strange)} actions reached the receiver that nobody planned")
        if not self.repeatable and (again := [name for name, some in told.items() if len(some) > 1]):
            wrong.append(f"{len(again)} calls that must not be repeated came again")
        notices = Counter((some[0].action.params["target"], some[0].action.params["text"]) for some in told.values())
        if doubled := [one for one, count in notices.items() if count > 1]:
            wrong.append(f"{len(doubled)} notices came under two ids")
        silent = {name for name, status in rows.items() if status in DONE} - set(told)
        if silent:
            wrong.append(f"{len(silent)} actions count as done and never reached the receiver")
        warned = {some[0].action.subject for some in told.values() if not some[0].action.params.get("reverses")}
        if len(warned) != self.offences:
            wrong.append(f"{len(warned)} members were warned, {self.offences} have offended")


class FailingField(ActingField):
    """The receiver answers 500 every other time, and sometimes not at all."""

    behave = staticmethod(failing)


class OnceField(ActingField):
    """A call must not be repeated: what is in hand at a crash becomes a question to people."""

    repeatable = False


async def kill_dispatcher(field: ActingField) -> str:
    """kill -9 of whoever dispatches, between a call and the record of its outcome; twice."""
    worker, proofs = sorted(field.workers)[-1], []
    for _ in range(2):
        held = {one.action.id for one in await field.some_in_hand(3)}
        pid = await field.kill(field.workers[worker])
        proofs.append(f"{len(held)} calls were in hand when process {pid} was killed")
        await asyncio.sleep(8)
    return ", ".join(proofs)


# -- overturned while in hand -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overturned:
    """A violation that a person has overturned, with the action that was out for it."""

    violation: str
    sanction: str
    subject: str
    action: str

    @property
    def reversal(self) -> str:
        return digest("s", self.sanction, "reverse")

    @property
    def told_back(self) -> str:
        return digest("a", self.reversal, "notify")


class OverturningField(ActingField):
    """Verdicts are overturned while the receiver holds the warning."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.overturned: list[Overturned] = []

    async def overturn(self, calls: Sequence[Call]) -> None:
        """Decide for each of these calls that the verdict was wrong."""
        await asyncio.to_thread(self._overturn, calls)

    def _overturn(self, calls: Sequence[Call]) -> None:
        cases = Cases(self.database)
        try:
            for call in calls:
                action = call.action
                rows = self.rows("select body from sanctions where id = :id", id=action.sanction_id)
                found = self.rows("select id from violations where id = :id", id=_violation(rows)) if rows else ()
                if found and call in self.receiver.in_hand:
                    decided = desk.decide(cases, found[0].id, outcome="overturn", by="moderator")
                    assert msgspec.convert(decided, Decision).on.kind == "verdict"
                    self.overturned.append(Overturned(found[0].id, action.sanction_id, action.subject, action.id))
        finally:
            cases.close()

    def expected(self, observed: Sequence[Record]) -> Answer:
        """The answer of the replay, in which what was overturned is taken back."""
        found = super().expected(observed)
        for one in self.overturned:
            strikes = found.strikes[one.subject]
            found.strikes[one.subject] = Counter({(name, "revoked"): count for (name, _), count in strikes.items()})
            found.sanctions.add(one.reversal)
            original = found.actions[one.action]
            found.actions[one.told_back] = msgspec.structs.replace(original, id=one.told_back)
        return found

    async def compare_more(self, result: Result, expected: Answer, *records: Sequence[Record]) -> None:
        await super().compare_more(result, expected, *records)
        told = self.told()
        rows = {row.id: row.status for row in self.rows("select id, status from outbox")}
        kept = Counter[str]()
        for one in self.overturned:
            first, back = told.get(one.action), told.get(one.told_back)
            kept["warned and told of the reversal" if first and back else "warned only" if first else "neither"] += 1
            if first and not back and rows.get(one.told_back) not in LEFT_TO_PEOPLE:
                state = rows.get(one.action), rows.get(one.told_back)
                result.wrong.append(
                    f"a member was warned and never told that it was taken back ({state[0]}, {state[1]})"
                )
            if back and (not first or back[0].arrived < first[0].arrived):
                result.wrong.append("a member was told that something is taken back before they were told of it")
        result.proof += "; " + ", ".join(f"{count} {what}" for what, count in kept.items())
        if not self.overturned:
            result.wrong.append("nothing was overturned")


def _violation(rows: Sequence[Any]) -> str:
    return str(msgspec.json.decode(rows[0].body)["violation_ids"][0])


async def overturn_in_flight(field: OverturningField) -> str:
    """Verdicts are overturned while their warnings are in the receiver's hands."""
    deadline = time.monotonic() + 60
    while len(field.overturned) < 10:
        assert time.monotonic() < deadline, f"{len(field.overturned)} overturned after 60 s"
        known = {one.action for one in field.overturned}
        held = await field.some_in_hand(1)
        await field.overturn([one for one in held if one.action.id not in known and not _reverses(one)])
        await asyncio.sleep(0.2)
    return f"{len(field.overturned)} verdicts overturned while the warning was in hand"


class PatientField(OverturningField):
    """A receiver slow enough for a decision to come through while it holds a call."""

    @staticmethod
    async def behave(receiver: Receiver, call: Call) -> int:
        await asyncio.sleep(9 if not _reverses(call) else 0.5)
        return 200


async def overturn_and_kill(field: OverturningField) -> str:
    """Verdicts are overturned while their warnings are in the receiver's hands, and the dispatcher gets kill -9."""
    deadline = time.monotonic() + 60
    while len(field.overturned) < 5:
        assert time.monotonic() < deadline, "no warnings are in hand"
        known = {one.action for one in field.overturned}
        # Fresh ones: the decision has to come through while the receiver holds the call.
        fresh = [one for one in field.receiver.in_hand if time.monotonic() - one.arrived < 2]
        await field.overturn([one for one in fresh if one.action.id not in known and not _reverses(one)])
        await asyncio.sleep(0.1)
    wanted = [one.told_back for one in field.overturned]
    while len(field.rows("select id from outbox where id = any(:ids)", ids=wanted)) < len(wanted):
        assert time.monotonic() < deadline, "the decisions did not come through"
        await asyncio.sleep(0.1)
    waiting = {one.action.id for one in field.receiver.in_hand} & {one.action for one in field.overturned}
    assert waiting, "the receiver has answered too early"
    pid = await field.kill(field.workers[sorted(field.workers)[-1]])
    return f"{len(waiting)} warnings were overturned and in hand when process {pid} was killed"


def _reverses(call: Call) -> bool:
    return bool(call.action.params.get("reverses"))


# -- handed in again ----------------------------------------------------------------------------------------------------


class RedriveField(ActingField):
    """Observations of eight days ago, which lay among the dead letters."""

    behave = staticmethod(quick)

    def old_ones(self) -> list[Record]:
        """Two offenders of each enforced group, who do nothing else."""
        return [
            self.message(f"old{group}-{member}", group, member, ADVERT, late=WEEK + 86_400_000)
            for group in ENFORCED
            for member in (9, 19)
        ]

    async def bury(self, records: Sequence[Record]) -> None:
        """Let observations be dead letters, as an agent that could not handle them leaves them."""
        dead = [
            DeadLetter(
                cause="screen could not handle it: MemoryError",
                topic=OBSERVATIONS,
                offset=10_000_000 + self.poisoned + number,
                tries=1,
                body=one.value,
            )
            for number, one in enumerate(records)
        ]
        self.poisoned += len(dead)
        now = time.time_ns() // 1_000_000
        await self.producer.send(
            [record_of(DEAD_LETTERS, one.key, two, now) for one, two in zip(records, dead, strict=True)]
        )
        deadline = time.monotonic() + 40
        while self.rows("select count(*) as n from dead_letters")[0].n < len(dead):
            assert time.monotonic() < deadline, "the dead letters did not arrive"
            await asyncio.sleep(0.2)

    async def redrive(self) -> int:
        """As `xunqun deadletters redrive` does it; how many were handed in."""
        cases = Cases(self.database)
        try:
            places = await asyncio.to_thread(desk.find_dead_letters, cases)
            return await redrive(self.kafka, cases, places, rate=1000.0, told=lambda count: None)
        finally:
            cases.close()

    async def compare_more(self, result: Result, expected: Answer, *records: Sequence[Record]) -> None:
        await super().compare_more(result, expected, *records)
        old = {one.id for one in expected.actions.values() if one.status == "manual"}
        rows = {row.id: row.status for row in self.rows("select id, status from outbox")}
        late = {row.on_id for row in self.rows("select on_id from reviews where kind = 'late' and status = 'open'")}
        if len(old) != len(self.extra):
            result.wrong.append(f"{len(old)} actions are too old in the replay, {len(self.extra)} observations were")
        for one in old:
            if rows.get(one) != "manual" or one not in late:
                result.wrong.append(f"an action for an old message is {rows.get(one)}")
            if one in self.told():
                result.wrong.append("an action for an old message went out")
        times = Counter(seen.id for one in records[0] if (seen := said(one)) is not None)
        result.proof += f"; each old observation came {min(times[one] for one in self.extra)} times"


async def redrive_old(field: RedriveField) -> str:
    """Old observations are handed in again, twice, some by the observer too; the worker gets kill -9 meanwhile."""
    old = field.old_ones()
    field.extra = {f"{field.kafka.prefix}old{group}-{member}" for group in ENFORCED for member in (9, 19)}
    await field.bury(old)
    first = await field.redrive()
    await asyncio.sleep(0.5)
    pid = await field.kill(field.workers["w1"])
    with suppress(Exception):
        await field._send(old[::2])
    await field.bury(old)
    second = await field.redrive()
    assert first == second == len(old), f"{first} and {second} of {len(old)}"
    return f"{first} handed in again, process {pid} killed, {second} handed in once more"
