"""What waits for people and what they decide: on the store, over HTTP, and on the command line of another process."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from house import (
    CARD,
    DAY,
    GIFT,
    HOUR,
    IDENTITY,
    MINUTE,
    PLAIN,
    START,
    TRANSFER,
    VOUCHER,
    House,
    a_fleet,
    a_pack,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.directory import Directory
from streams import desk
from streams.cli import main
from streams.errors import NotFound, WrongUse
from streams.http import serve
from streams.metrics import Metrics
from streams.replay import WRITTEN, Replay
from streams.service import Service
from streams.store import HostLock, Store

TOKEN = "a-token"
# "Within 10 s" is the promise; nothing here measures how fast it is.
PROMISED_SECONDS = 10


# drafts


@pytest.fixture
def drafted(a_house):
    """A warning went out; a removal waits for approval."""
    house = a_house(remove="required")
    house.say()
    house.say(at=DAY)
    assert house.sent() == ["notify"]
    return house


def test_a_draft_goes_out_once_it_is_approved_and_names_who_approved_it(drafted):
    drafted.decide(drafted.review("approval"), "approve", by="林晓梅")
    assert drafted.sent() == ["notify", "remove"]
    assert drafted.sanction("remove").approved_by == "林晓梅"
    assert drafted.reviews() == []


def test_approving_twice_sends_once_and_keeps_the_first_name(drafted):
    review = drafted.review("approval")
    drafted.decide(review, "approve", by="林晓梅")
    drafted.decide(review, "approve", by="何平")
    assert drafted.sent() == ["notify", "remove"]
    assert drafted.sanction("remove").approved_by == "林晓梅"


def test_an_old_draft_goes_out_when_it_is_approved(a_house):
    house = a_house(mode="advise")
    house.say()
    house.now += 3 * DAY
    house.decide(house.review("approval"), "approve")
    assert house.sent() == ["notify"]


def test_a_refused_draft_never_goes_out(drafted):
    drafted.decide(drafted.review("approval"), "refuse")
    drafted.now += DAY
    drafted.settle()
    assert drafted.sent() == ["notify"]
    # The strike stands: the next offence brings the same rung, as a draft again.
    drafted.say(at=5 * DAY)
    assert drafted.sent() == ["notify"]
    assert len(drafted.reviews("approval")) == 1


def test_a_refused_draft_that_is_approved_after_all_goes_out(drafted):
    review = drafted.review("approval")
    drafted.decide(review, "refuse")
    drafted.decide(review, "approve")
    assert drafted.sent() == ["notify", "remove"]


def test_what_was_approved_is_not_refused_but_overturned(drafted):
    review = drafted.review("approval")
    drafted.decide(review, "approve")
    with pytest.raises(WrongUse, match="overturn"):
        drafted.decide(review, "refuse")
    drafted.decide(review, "overturn")
    assert drafted.sent() == ["notify", "remove", "reinvite", "notify"]
    assert drafted.standing()[0][0] == "warn"


def test_an_overturned_sanction_can_be_upheld_by_its_own_id(drafted):
    sanction_id = drafted.sanction("remove").id
    drafted.decide(sanction_id, "overturn")
    assert [kind for kind, _ in drafted.standing()] == ["warn"]
    drafted.decide(sanction_id, "uphold")
    assert [kind for kind, _ in drafted.standing()] == ["warn", "remove"]
    # A person decides again whether it goes out.
    assert drafted.sent() == ["notify"]
    assert len(drafted.reviews("approval")) == 1


def test_a_referral_counts_as_told_once_it_is_approved(a_house):
    rungs = [{"strikes": 1, "sanction": "referral"}, {"strikes": 2, "sanction": "remove"}]
    house = a_house(packs={"house": a_pack(rungs=rungs), "other": a_pack("other")})
    house.say()
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["referral"]
    house.decide(house.review("approval"), "approve")
    house.say(at=2 * DAY)
    assert [kind for kind, _ in house.standing()] == ["referral", "remove"]
    assert house.sent() == ["remove"]


def test_where_fines_are_off_each_offence_on_that_rung_is_put_to_a_person(a_house):
    fine = {"strikes": 2, "sanction": "fine", "clause": "house-9"}
    rungs = [{"strikes": 1, "sanction": "warn"}, fine, {"strikes": 3, "sanction": "remove"}]
    terms = {"fine": {"amount_fen": 5000, "payer": "subject"}}
    house = a_house(packs={"house": a_pack(rungs=rungs, allows=[terms])})
    for day in range(4):
        house.say(at=day * DAY)
    assert [kind for kind, _ in house.standing()] == ["warn"]
    assert len(house.reviews("assisted")) == 3


# appeals


def test_an_appeal_that_is_granted_takes_the_sanction_back(house):
    house.say()
    sanction = house.sanction("warn")
    desk.appeal(house.store, sanction.id, by="陈志强", text="那是单位发的慰问", now=house.now)
    house.settle()
    review = house.review("appeal")
    shown = desk.show_review(house.store, review)
    assert shown["sanction"]["id"] == sanction.id
    assert shown["text"] == "那是单位发的慰问"
    assert shown["verdict"]["violations"][0]["clause"] == "house-1"
    house.decide(review, "overturn")
    assert house.strikes() == []
    assert house.standing() == []
    assert house.sent() == ["notify", "notify"]


def test_an_appeal_that_is_denied_leaves_all_as_it_is(house):
    message = house.say()
    desk.appeal(house.store, house.sanction("warn").id, by="陈志强", now=house.now)
    house.settle()
    house.decide(house.review("appeal"), "uphold")
    assert house.standing() == [("warn", message)]
    assert house.sent() == ["notify"]
    assert house.reviews() == []


def test_an_appeal_granted_and_then_denied_leaves_the_sanction(house):
    message = house.say()
    desk.appeal(house.store, house.sanction("warn").id, by="陈志强", now=house.now)
    house.settle()
    review = house.review("appeal")
    house.decide(review, "overturn")
    house.decide(review, "uphold")
    assert house.strikes() == [message]
    assert house.standing() == [("warn", message)]


def test_a_member_appeals_in_the_chat_against_their_own_sanction_only(house):
    house.say()
    sanction_id = house.sanction("warn").id
    house.say("a2", type="appeal.filed", sanction_id=sanction_id)
    assert house.reviews("appeal") == []
    house.say("a1-phone", type="appeal.filed", sanction_id=sanction_id, text="请再看看")
    house.say("a1", type="appeal.filed", sanction_id=sanction_id)
    house.decide(house.review("appeal"), "overturn")
    assert house.standing() == []


def test_appeals_that_lead_nowhere_are_refused_with_a_sentence(house):
    house.say()
    sanction_id = house.sanction("warn").id
    with pytest.raises(NotFound):
        desk.appeal(house.store, "s_none", by="陈志强")
    with pytest.raises(WrongUse, match="name"):
        desk.appeal(house.store, sanction_id, by=" ")
    house.decide(sanction_id, "overturn")
    with pytest.raises(WrongUse, match="taken back"):
        desk.appeal(house.store, sanction_id, by="陈志强")


# decisions that do not fit


def test_decisions_that_do_not_fit_say_what_does(house):
    house.say(**IDENTITY)
    review = house.review("assisted")
    with pytest.raises(WrongUse, match="uphold or overturn"):
        house.decide(review, "approve")
    with pytest.raises(WrongUse, match="name of the person"):
        house.decide(review, "uphold", by="  ")
    with pytest.raises(NotFound, match="review list"):
        house.decide("r_none", "uphold")
    assert house.strikes() == []


def test_a_withdrawn_question_is_not_decided(house):
    message = house.say(**IDENTITY)
    review = house.review("assisted")
    house.recall(message)
    with pytest.raises(WrongUse, match="recalled in time"):
        house.decide(review, "uphold")
    assert house.strikes() == []


def test_a_decision_on_a_message_answers_every_question_about_it(house):
    message = house.say(text=f"{IDENTITY['text']} 谢谢")
    house.decide(message, "uphold")
    assert house.strikes() == [message]
    assert house.reviews() == []


def test_a_task_is_done_once_and_stays_done(house):
    house.say(**VOUCHER)
    (task_id,) = house.store.connection.exec_driver_sql("SELECT id FROM tasks").scalars()
    house.decide(task_id, "done")
    house.decide(house.violation("remind"), "overturn")
    assert house.store.connection.exec_driver_sql("SELECT status FROM tasks").scalar() == "done"


# however records are cut, and however often they are run

WHAT = [GIFT, TRANSFER, VOUCHER, CARD, IDENTITY, PLAIN]
STEP = st.tuples(
    st.sampled_from(["say", "say", "say", "recall", "edit"]),
    st.integers(0, len(WHAT) - 1),
    st.sampled_from(["a1", "a1-phone", "a2", "stranger"]),
    st.sampled_from(["g1", "g2", "g3"]),
    st.sampled_from([0, 1, MINUTE, 3 * MINUTE, HOUR, 11 * DAY]),
)


def observations(steps):
    """Messages, recalls and edits of the newest message, oldest first. What was recalled cannot be edited any more."""
    at, last, lines = START, None, []
    for number, (verb, what, by, group, gap) in enumerate(steps):
        at += gap
        body = {"id": f"m{number}", "platform": "webhook", "sent_at": at, "kind": "text", **WHAT[what]}
        place = {"group": {"id": group}, "sender": {"id": by}}
        if verb == "say" or last is None:
            last = (body["id"], place)
            body |= {"type": "message.created", **place}
        elif verb == "recall":
            body |= {"type": "message.recalled", "recall_of": {"id": last[0]}, **last[1]}
            last = None
        else:
            body |= {"type": "message.edited", "edit_of": {"id": last[0]}, **last[1]}
        lines.append(json.dumps(body).encode())
    return lines


def replayed(folder, classifiers, lines, chunk):
    """What a replay writes, as sets of lines: two things of the same moment have no order."""
    packs = {"house": a_pack(decay=30), "other": a_pack("other"), "baseline": a_pack("baseline")}
    store = Store(folder / f"replay-{chunk}-{os.urandom(4).hex()}.db", durable=False)
    try:
        replay = Replay(store, classifiers, packs, Directory(a_fleet()), chunk=chunk)
        for line in lines:
            replay.feed(line)
        replay.finish()
        query = "SELECT key, value FROM state WHERE agent = 'escalate'"
        found = {key: json.loads(value) for key, value in store.connection.exec_driver_sql(query)}
        strikes = {key: value.get("strikes") for key, value in found.items()}
        written = {name: sorted(map(msgspec.json.encode, read(store))) for name, read in WRITTEN.items()}
        return strikes, written
    finally:
        store.close()


@given(st.lists(STEP, min_size=1, max_size=20))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_results_do_not_depend_on_how_records_are_cut(tmp_path, classifiers, steps):
    lines = observations(steps)
    one = replayed(tmp_path, classifiers, lines, 1)
    assert replayed(tmp_path, classifiers, lines, 7) == one
    assert replayed(tmp_path, classifiers, lines, 1000) == one


@given(st.lists(STEP, min_size=1, max_size=20))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_log_gives_the_same_sanctions_however_it_is_cut(tmp_path, classifiers, steps):
    """All is posted before anything is judged: only the chunks differ."""
    lines = observations(steps)
    results = []
    for chunk in (1, 7, 1000):
        house = House(tmp_path / os.urandom(4).hex(), classifiers, chunk=chunk)
        house.host.append(lines, START)
        house.settle()
        people = ("u1", "u2", "webhook:stranger")
        results.append(
            (
                [(house.strikes(who), house.standing(who)) for who in people],
                sorted(house.outbox()),
                sorted((one["id"], one["status"]) for one in house.reviews(status="all")),
                sorted((one.id, one.kind) for one in house.issued()),
            )
        )
        house.store.close()
    assert results[0] == results[1] == results[2]


def test_two_replays_write_the_same_bytes(root, tmp_path):
    """In two processes that hash differently."""
    demo = root / "streams" / "demo"
    written = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = ("replay", str(demo / "day.jsonl"), "--fleet", str(demo / "fleet.yaml"), "--out", str(out))
        xunqun(root, *command, PYTHONHASHSEED=seed)
        written.append({file.name: file.read_bytes() for file in sorted(out.iterdir())})
    assert written[0] == written[1]
    assert all(written[0][f"{name}.jsonl"] for name in ("verdicts", "sanctions", "actions", "tasks", "reviews"))


# the service, over HTTP and from another process


@asynccontextmanager
async def serving(house):
    """The service over the house's store, with its HTTP side and the lock that tells other processes of it."""
    lock = HostLock(house.path.parent)
    service = Service(house.host, house.actuator, Metrics(), clock=lambda: house.now, tick_seconds=3600)
    await service.start()
    server = await serve(service, port=0, api_token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", headers=headers) as session:
        try:
            yield service, session
        finally:
            await server.stop()
            await service.stop()
            lock.release()


async def settled(service):
    async with asyncio.timeout(60):
        while await service.busy():
            await asyncio.sleep(0.01)


async def post(service, session, number, *, at, by="a1", group="g1"):
    body = {
        "type": "message.created",
        "id": f"m{number}",
        "platform": "webhook",
        "group": {"id": group},
        "sender": {"id": by},
        "sent_at": START + at,
        **GIFT,
    }
    async with session.post("/observations", json=body) as response:
        assert response.status == 202
    await asyncio.sleep(0)


async def ask(session, method, path, **body):
    async with session.request(method, path, **({"json": body} if body else {})) as response:
        return response.status, await response.json()


async def test_people_review_approve_and_appeal_over_http(a_house):
    house = a_house(remove="required")
    async with serving(house) as (service, session):
        for number, at in enumerate((0, DAY)):
            house.now = START + at
            await post(service, session, number, at=at)
            await settled(service)
        status, found = await ask(session, "GET", "/approvals")
        (draft,) = found["approvals"]
        assert (status, draft["kind"]) == (200, "approval")
        named = {"by": "林晓梅", "role": "moderator", "reason": "属实"}
        status, decided = await ask(session, "POST", f"/reviews/{draft['id']}/decision", outcome="approve", **named)
        assert (status, decided["outcome"]) == (200, "approve")
        await settled(service)
        assert house.sent() == ["notify", "remove"]

        sanction_id = draft["on"]["id"]
        status, filed = await ask(session, "POST", "/appeals", sanction_id=sanction_id, by="陈志强", text="请再看看")
        assert status == 201
        await settled(service)
        _, found = await ask(session, "GET", "/reviews?kind=appeal")
        (waiting,) = found["reviews"]
        assert waiting["on"] == {"kind": "appeal", "id": filed["id"]}
        _, shown = await ask(session, "GET", f"/reviews/{waiting['id']}")
        assert shown["sanction"]["id"] == sanction_id
        status, _ = await ask(session, "POST", f"/reviews/{waiting['id']}/decision", outcome="overturn", **named)
        assert status == 200
        await settled(service)
        assert house.sent() == ["notify", "remove", "reinvite", "notify"]
        status, refused = await ask(session, "POST", f"/reviews/{draft['id']}/decision", outcome="done", **named)
        assert status == 422
        assert "approve or refuse" in refused["error"]


async def test_a_pause_holds_what_would_go_out_and_a_resume_sends_it(house):
    async with serving(house) as (service, session):
        status, found = await ask(session, "POST", "/pause", group="g1", by="林晓梅", reason="核查误报")
        assert (status, found["paused"][0]["scope"]) == (200, "group:g1")
        await post(service, session, 1, at=0)
        await post(service, session, 2, at=0, by="a2", group="g2")
        async with asyncio.timeout(PROMISED_SECONDS):
            while "u2" not in {one.subject for one in house.actuator.asked}:
                await asyncio.sleep(0.05)
        assert {one.subject for one in house.actuator.asked} == {"u2"}
        status, found = await ask(session, "POST", "/resume", group="g1", by="林晓梅")
        assert (status, found["paused"]) == (200, [])
        async with asyncio.timeout(PROMISED_SECONDS):
            while "u1" not in {one.subject for one in house.actuator.asked}:
                await asyncio.sleep(0.05)
        await settled(service)


def test_a_list_of_reviews_that_is_cut_says_so(a_house, capsys):
    house = a_house(remove="required")
    for by, at in (("a1", 0), ("a2", 1), ("a1", DAY), ("a2", DAY + 1)):
        house.say(by, at=at)
    listed = ["review", "list", "--dir", str(house.path.parent), "--json", "--limit"]
    for limit, complaint in ((2, ""), (1, "these are the oldest 1, there are more; --limit shows them\n")):
        with pytest.raises(SystemExit):
            main([*listed, str(limit)])
        out, err = capsys.readouterr()
        assert (len(json.loads(out)), err) == (limit, complaint)


async def test_the_command_line_decides_beside_the_running_service(a_house, root):
    house = a_house(remove="required")

    async def run(*arguments, code=0):
        where = ("--dir", str(house.path.parent))
        return await asyncio.to_thread(xunqun, root, *arguments, *where, code=code)

    async with serving(house) as (service, session):
        await run("pause", "--all", "--by", "林晓梅", "--reason", "核查")
        await post(service, session, 1, at=0)
        async with asyncio.timeout(60):
            while await service.busy() and not (await service.status())["actions"].get("planned"):
                await asyncio.sleep(0.01)
        assert house.sent() == []
        await run("resume", "--all", "--by", "林晓梅")
        await settled(service)
        assert house.sent() == ["notify"]
        house.now = START + DAY
        await post(service, session, 2, at=DAY)
        await settled(service)

        (draft,) = json.loads(await run("approvals", "--json"))
        shown = json.loads(await run("review", "show", draft["id"], "--json"))
        assert shown["sanction"]["kind"] == "remove"
        assert shown["verdict"]["violations"][0]["clause"] == "house-1"
        await run("review", "decide", draft["id"], "approve", "--by", "林晓梅", "--reason", "属实")
        await settled(service)
        assert house.sent() == ["notify", "remove"]

        await run("appeal", draft["on"]["id"], "--by", "陈志强", "--text", "请再看看")
        (waiting,) = json.loads(await run("review", "list", "--kind", "appeal", "--json"))
        await run("review", "decide", waiting["id"], "overturn", "--by", "林晓梅")
        await settled(service)
        assert house.sent() == ["notify", "remove", "reinvite", "notify"]
        assert json.loads(await run("review", "list", "--json")) == []

        assert "approve or refuse" in await run("review", "decide", draft["id"], "done", "--by", "林晓梅", code=2)
        assert "not paused" in await run("resume", "--group", "g1", "--by", "林晓梅", code=2)


def xunqun(root, *arguments, code=0, **environment):
    """Run the command in a process of its own; what it printed, or what it complained of."""
    command = [sys.executable, "-c", "from streams.cli import main; main()", *arguments]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr
