"""The process is killed again and again while people post: nothing accepted is lost, and nothing counts twice."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from hashlib import blake2b

import aiohttp
import msgspec
import pytest
import sqlalchemy as sa
from aiohttp import web
from processes import PATIENCE, Program, is_settled, until

from classifiers.measure import Classifiers
from models import Verdict
from policies.directory import Directory
from policies.lint import load_fleet, load_packs
from streams.agents.escalate import Ledger
from streams.cases.tables import judged, verdicts
from streams.replay import replaying, stored_actions, stored_sanctions, stored_verdicts
from streams.store import Store, state
from streams.topics import decode_observation, value_of

GROUPS = 4
# So many that the harmless ones never flood.
MEMBERS = 300
OFFENDERS = 4
FLOODER = OFFENDERS
KILLS_A_ROUND = 5
LEAST_POSTS = 200
ADVERT = "今晚牛牛开房，注册送彩金"
SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Receiver:
    """Takes actions over HTTP and notes each; while `moody` it fails at times, and at times never answers."""

    def __init__(self, rng):
        self.rng = rng
        self.moody = True
        self.taken = []

    async def take(self, request):
        action = await request.json()
        self.taken.append((request.headers["webhook-id"], action))
        mood = self.rng.random() if self.moody else 1.0
        if mood < 0.2:
            return web.json_response({}, status=500)
        if mood < 0.3:
            await asyncio.sleep(2)
            request.transport.close()
        return web.json_response({"status": "confirmed"} if mood > 0.5 else {})


@pytest.fixture
async def receiver(rng):
    receiver = Receiver(rng)
    app = web.Application()
    app.router.add_post("/actions", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/actions"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def rng():
    """Another run kills at other moments; XUNQUN_TEST_SEED repeats one."""
    seed = int(os.environ.get("XUNQUN_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"XUNQUN_TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def fleet(tmp_path):
    """Groups in enforce in which nothing is wrong, so that only messages bring findings."""
    day = "2026-03-05"
    people, groups = [], []
    for g in range(GROUPS):
        members = [f"p{g}-{n}" for n in range(MEMBERS)]
        people += [
            {"id": one, "name": f"工友{one}", "accounts": [{"platform": "webhook", "id": f"wh-{one}"}]}
            for one in members
        ]
        groups.append(
            {
                "id": f"g{g}",
                "platform": "webhook",
                "name": f"第{g}车间工作群",
                "pack": "xianchuang",
                "type": "centre",
                "mode": "enforce",
                "approvals": {"remove": "automatic"},
                "owner": members[-1],
                "managers": [members[-1]],
                "administrators": [members[-2]],
                "publishers": [members[-1]],
                "members": members,
                "facts": dict.fromkeys(("filed_at", "administrators_filed_at", "monitoring_notice_at"), day)
                | dict.fromkeys(("purpose", "content", "member_range"), "生产")
                | {"initiator": members[-1]},
            }
        )
    path = tmp_path / "fleet.yaml"
    # JSON is YAML.
    path.write_text(json.dumps({"people": people, "groups": groups}))
    return path


class Service:
    """The process of the moment."""

    program: Program | None = None

    @property
    def url(self):
        return self.program.url if self.program else None


class Talk:
    """One sender: posts what is said in one group, in order, each message again until it is accepted."""

    def __init__(self, number, rng, service, session):
        self.group = f"g{number}"
        self.number = number
        self.rng = rng
        self.service = service
        self.session = session
        self.accepted = []
        self.unanswered = 0
        self.stopping = False

    async def speak(self, round_number):
        """Every offender advertises once, at a random place; in the first round one member floods, from kill to kill."""
        self.stopping = False
        said = dict(zip(self.rng.sample(range(LEAST_POSTS), OFFENDERS), range(OFFENDERS), strict=True))
        flood = range(0, LEAST_POSTS, 4) if round_number == 0 else ()
        n = 0
        while n < LEAST_POSTS or not self.stopping:
            bodies = []
            for _ in range(self.rng.choice((1, 1, 1, 10))):
                if n in said:
                    bodies.append(self.message(round_number, n, said[n], ADVERT))
                elif n in flood:
                    bodies.append(self.message(round_number, n, FLOODER, "有人在吗"))
                else:
                    speaker = FLOODER + 1 + n % (MEMBERS - FLOODER - 1)
                    bodies.append(self.message(round_number, n, speaker, f"{n % 9 + 1}号线第{n}箱已入库"))
                n += 1
            await self.post(bodies)
            if self.rng.random() < 0.1:
                assert await self.try_to_post(bodies) in (None, 200), "what was accepted was accepted again"
            await asyncio.sleep(self.rng.uniform(0, 0.05))

    def message(self, round_number, n, speaker, text):
        return msgspec.json.encode(
            {
                "type": "message.created",
                "platform": "webhook",
                "id": f"{self.group}-{round_number}-{n}",
                "group": {"id": self.group},
                "sender": {"id": f"wh-p{self.number}-{speaker}"},
                "sent_at": time.time_ns() // 1_000_000,
                "kind": "text",
                "text": text,
            }
        )

    async def post(self, bodies):
        while await self.try_to_post(bodies) is None:
            self.unanswered += 1
            await asyncio.sleep(0.05)
        self.accepted += bodies

    async def try_to_post(self, bodies):
        """The status of the answer; None where there was none."""
        if not self.service.url:
            return None
        many = {"Content-Type": "application/x-ndjson"} if len(bodies) > 1 else {}
        timeout = aiohttp.ClientTimeout(PATIENCE)
        try:
            async with self.session.post(
                f"{self.service.url}/observations", data=b"\n".join(bodies), headers=many, timeout=timeout
            ) as response:
                # While it stops, a server says 503; killed, it says nothing.
                assert response.status in (200, 202, 503), await response.text()
                return None if response.status == 503 else response.status
        except (aiohttp.ClientError, ConnectionError):
            return None


async def test_killed_ten_times_it_loses_nothing_and_counts_nothing_twice(tmp_path, xunqun, rng, receiver, fleet):
    folder = tmp_path / "var"
    service = Service()

    async def start():
        service.program = await xunqun(
            *("run", "--dir", folder, "--fleet", fleet, "--port", 0),
            action_url=receiver.url,
            action_secret=SECRET,
            tick_seconds=0.3,
        )
        return service.program

    async with aiohttp.ClientSession() as session:
        talks = [Talk(number, rng, service, session) for number in range(GROUPS)]
        for round_number in range(2):
            receiver.moody = True
            speaking = [asyncio.create_task(talk.speak(round_number)) for talk in talks]
            for _ in range(KILLS_A_ROUND):
                program = await start()
                # Some die while they start, most while they work.
                if rng.random() < 0.75:
                    await program.ready()
                await asyncio.sleep(rng.uniform(0, 1.5))
                assert program.alive, program.errors
                await program.kill()
            await (await start()).ready()
            for talk in talks:
                talk.stopping = True
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*speaking)
            # A notice reaches the member before the second advert is sent: only then does the ladder climb.
            receiver.moody = False
            await until(lambda: is_settled(folder), "everything is judged and sent")
            if round_number == 0:
                await service.program.kill()
        posted = [body for talk in talks for body in talk.accepted]
        for first in range(0, len(posted), 500):
            assert await talks[0].try_to_post(posted[first : first + 500]) == 200, "accepted but not kept"
    assert await service.program.stop() == 0, service.program.errors

    store = Store(folder / "xunqun.db")
    try:
        assert all(talk.unanswered for talk in talks), "no kill was felt"
        records = [(one.offset, one.value) for one in store.read(("observations",), 0, 1 << 30)]
        _each_was_stored_and_judged_once(store, records, posted)
        _each_verdict_was_given_once(store)
        _each_violation_brought_one_strike(store)
        _each_action_arrived_under_one_id(store, receiver)
        _everything_is_as_without_kills(store, records, fleet)
    finally:
        store.close()


def _each_was_stored_and_judged_once(store, records, posted):
    seen = [(offset, decode_observation(value).id) for offset, value in records]
    assert Counter(one for _, one in seen if one) == Counter(decode_observation(body).id for body in posted)
    # The proof that `screen` leaves: stretches of the log that cover it without overlap, each with a digest of its ids.
    covered = 0
    for row in store.connection.execute(sa.select(judged).order_by(judged.c.first)):
        stretch = [one for offset, one in seen if one and row.first <= offset <= row.last]
        hashed = blake2b("".join(f"{one}\n" for one in stretch).encode(), digest_size=12).hexdigest()
        assert (len(stretch), hashed) == (row.count, row.digest)
        covered += row.count
    assert covered == sum(bool(one) for _, one in seen)


def _each_verdict_was_given_once(store):
    given = [value_of(one).verdict for one in store.read(("judgements",), 0, 1 << 30)]
    by_message = Counter(one.observation_id for one in given if one and one.observation_id)
    assert set(by_message.values()) == {1}
    kept = {
        msgspec.json.decode(body, type=Verdict).observation_id
        for body in store.connection.scalars(sa.select(verdicts.c.body))
    }
    assert kept - {None} == set(by_message)


def _each_violation_brought_one_strike(store):
    clauses = load_packs()["xianchuang"].clauses
    found = {
        one.id
        for verdict in stored_verdicts(store)
        for one in verdict.violations
        if one.mode == "automatic" and clauses[one.clause].bindings[one.binding].ladder
    }
    assert len(found) >= GROUPS * (2 * OFFENDERS + 1)
    assert Counter(one.violation_id for strikes in _strikes(store).values() for one in strikes) == dict.fromkeys(
        found, 1
    )


def _each_action_arrived_under_one_id(store, receiver):
    actions = {one.id: one for one in stored_actions(store)}
    assert {one.status for one in actions.values()} <= {"accepted", "confirmed"}
    arrived = {webhook_id for webhook_id, _ in receiver.taken}
    assert arrived == set(actions)
    ids: dict[tuple[str, str, str], set[str]] = {}
    for webhook_id, action in receiver.taken:
        assert webhook_id == action["id"]
        told = (action["call"], action["params"]["target"], action["params"]["text"])
        ids.setdefault(told, set()).add(webhook_id)
    assert all(len(some) == 1 for some in ids.values()), "the same notice went out under two ids"
    for g in range(GROUPS):
        for n in range(OFFENDERS):
            calls = [one.call for one in actions.values() if one.params["target"] == f"wh-p{g}-{n}"]
            assert sorted(calls) == ["notify", "remove"]


def _everything_is_as_without_kills(store, records, fleet):
    directory = Directory(load_fleet(fleet))
    with replaying(Classifiers.load(), load_packs(), directory) as replay:
        for _, body in records:
            replay.feed(body)
        replay.finish()
        assert _strikes(store) == _strikes(replay.store)
        assert _sanctions(store) == _sanctions(replay.store)


def _strikes(store):
    query = sa.select(state.c.key, state.c.value).where(state.c.agent == "escalate")
    return {key: msgspec.json.decode(value, type=Ledger).strikes for key, value in store.connection.execute(query)}


def _sanctions(store):
    by_member: dict[str, set[tuple[str, str, str]]] = {}
    for one in stored_sanctions(store):
        by_member.setdefault(one.subject.id, set()).add((one.id, one.kind, one.clause))
    return by_member
