"""Actuators: the simulated one, and the webhook against a real receiver on loopback that checks signatures itself."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from connectors.actuator import CALLS, Ability, Actuator, Outcome
from connectors.simulated import SimulatedActuator
from connectors.webhook import LONGEST_RETRY_AFTER, MAX_ANSWER_BYTES, UnusableAddress, UnusableSecret, WebhookActuator
from models import Action

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
TEXT = "您发布的内容属于广告"


def an_action(call="mute", **changes):
    given = {
        "id": "a_1",
        "sanction_id": "s_1",
        "platform": "webhook",
        "account": None,
        "call": call,
        "status": "sending",
        "group_id": "g1",
        "params": {"target": "u1", "seconds": 600, "text": TEXT},
        **changes,
    }
    return Action(**given)


class Receiver:
    """A platform's bridge: checks each post with the library and answers as it was told, then 202."""

    def __init__(self):
        self.answers = []
        self.ids = []
        self.bodies = []
        self.url = ""

    async def take(self, request):
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        self.ids.append(request.headers["webhook-id"])
        self.bodies.append(json.loads(body))
        answer = self.answers.pop(0) if self.answers else web.Response(status=202)
        return await answer(request) if callable(answer) else answer


@asynccontextmanager
async def serving(handler):
    app = web.Application()
    app.router.add_post("/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver():
    one = Receiver()
    async with serving(one.take) as address:
        one.url = f"{address}/actions?token=geheim"
        yield one


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.fixture
def actuator(receiver, session):
    return WebhookActuator(receiver.url, SECRET, session, timeout=0.5)


async def hanging(request):
    await asyncio.sleep(30)


async def test_an_action_arrives_signed_under_its_own_id(receiver, actuator):
    assert await actuator.send(an_action(detail="tried before: refused")) == Outcome(
        "accepted", "the receiver answered 202"
    )
    assert receiver.ids == ["a_1"]
    assert receiver.bodies[0]["call"] == "mute"
    assert receiver.bodies[0]["params"] == {"target": "u1", "seconds": 600, "text": TEXT}
    assert "detail" not in receiver.bodies[0]


async def test_two_failures_then_taken_and_the_id_stays(receiver, actuator):
    receiver.answers = [web.Response(status=500), web.Response(status=503, headers={"Retry-After": "7"})]
    outcomes = [await actuator.send(an_action(tries=number)) for number in (1, 2, 3)]
    assert [one.status for one in outcomes] == ["retry", "retry", "accepted"]
    assert [one.retry_after for one in outcomes] == [None, 7.0, None]
    assert receiver.ids == ["a_1"] * 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"status":"confirmed"}', "confirmed"),
        (b'{"status":"accepted"}', "accepted"),
        (b'{"status":["confirmed"]}', "accepted"),
        (b'["confirmed"]', "accepted"),
        (b"OK", "accepted"),
        (b"", "accepted"),
        (b"\xff\xfe", "accepted"),
        (b"[" * 60_000, "accepted"),
        (b'{"status":"confirmed"}' + b" " * MAX_ANSWER_BYTES, "accepted"),
    ],
    ids=["confirmed", "accepted", "list", "other", "text", "empty", "bytes", "deep", "too long"],
)
async def test_only_the_word_confirmed_confirms(receiver, actuator, body, status):
    receiver.answers = [web.Response(status=200, body=body)]
    assert (await actuator.send(an_action())).status == status


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 413, 422])
async def test_what_is_wrong_with_the_post_is_refused(receiver, actuator, code):
    receiver.answers = [web.Response(status=code, text=TEXT)]
    outcome = await actuator.send(an_action())
    assert outcome == Outcome("refused", f"the receiver answered {code}")


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(receiver, actuator, code):
    receiver.answers = [web.Response(status=code)]
    assert (await actuator.send(an_action())).status == "retry"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        ("9" * 30, LONGEST_RETRY_AFTER),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("١", None),
    ],
)
async def test_retry_after_in_seconds_is_honoured_within_an_hour(receiver, actuator, value, seconds):
    receiver.answers = [web.Response(status=429, headers={"Retry-After": value})]
    assert (await actuator.send(an_action())).retry_after == seconds


async def test_retry_after_as_a_date_is_honoured(receiver, session):
    now = 1_780_000_000.0
    receiver.answers = [web.Response(status=503, headers={"Retry-After": formatdate(now + 90, usegmt=True)})]

    async def unverified(request):
        return receiver.answers.pop(0)

    async with serving(unverified) as url:
        actuator = WebhookActuator(url, SECRET, session, now=lambda: now)
        assert (await actuator.send(an_action())).retry_after == 90.0


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_redirects_are_not_followed(receiver, actuator, code):
    receiver.answers = [web.Response(status=code, headers={"Location": receiver.url})]
    outcome = await actuator.send(an_action())
    assert outcome.status == "refused"
    assert "redirects are not followed" in outcome.detail
    assert len(receiver.ids) == 1


async def test_a_receiver_that_hangs_is_tried_again(receiver, actuator):
    receiver.answers = [hanging]
    outcome = await actuator.send(an_action())
    assert outcome.status == "retry"
    assert "no answer" in outcome.detail


async def test_where_repeating_is_unsafe_a_hang_is_unconfirmed_but_a_refused_connection_is_not(receiver, session):
    receiver.answers = [hanging]
    careful = WebhookActuator(receiver.url, SECRET, session, timeout=0.3, repeatable={"mute"})
    assert (await careful.send(an_action("notify"))).status == "unconfirmed"
    nobody = WebhookActuator("http://127.0.0.1:9/", SECRET, session, timeout=0.3, repeatable=set())
    assert (await nobody.send(an_action("notify"))).status == "retry"
    assert careful.idempotent("mute")
    assert not careful.idempotent("notify")


async def test_a_body_that_hangs_after_success_is_accepted(receiver, actuator):
    async def half(request):
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        await response.write(b'{"status":')
        await asyncio.sleep(30)

    receiver.answers = [half]
    assert (await actuator.send(an_action())).status == "accepted"


async def test_an_answer_without_end_is_not_read_on(receiver, session):
    async def endless(request):
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)

    receiver.answers = [endless]
    actuator = WebhookActuator(receiver.url, SECRET, session, timeout=20)
    outcome = await asyncio.wait_for(actuator.send(an_action()), 5)
    assert outcome.status == "accepted"


async def test_a_connection_that_breaks_off_is_tried_again(receiver, actuator):
    async def cut(request):
        request.transport.abort()
        return web.Response()

    receiver.answers = [cut]
    assert (await actuator.send(an_action())).status == "retry"


async def test_details_hold_neither_text_nor_secrets_nor_the_address(receiver, actuator, session):
    receiver.answers = [web.Response(status=400, text=f"{TEXT} {SECRET}"), web.Response(status=500, text=TEXT), hanging]
    outcomes = [await actuator.send(an_action()) for _ in range(3)]
    outcomes.append(
        await WebhookActuator("http://nobody.invalid/?token=geheim", SECRET, session, timeout=2).send(an_action())
    )
    for outcome in outcomes:
        assert not any(word in outcome.detail for word in (TEXT, SECRET, "geheim", "http://"))


async def test_what_it_can(session):
    actuator: Actuator = WebhookActuator("https://bridge.example/x", SECRET, session, calls=CALLS - {"recall"})
    assert actuator.can(an_action("mute")) == Ability("yes")
    assert actuator.can(an_action("recall")).answer == "manual"
    assert actuator.can(an_action("launch")).answer == "no"
    assert all(actuator.idempotent(call) for call in CALLS)
    assert not actuator.idempotent("launch")


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "bridge.example", "http://", "http://h:99999/", "https://u:geheim@h/", "http://[::1/"]
)
async def test_an_unusable_address_is_refused_at_start(session, url):
    with pytest.raises(UnusableAddress) as refused:
        WebhookActuator(url, SECRET, session)
    assert "geheim" not in str(refused.value)


async def test_an_unusable_secret_is_refused_at_start(session):
    with pytest.raises(UnusableSecret):
        WebhookActuator("https://bridge.example/", "密钥", session)


async def test_the_simulated_actuator_confirms_and_keeps_the_newest():
    actuator = SimulatedActuator(keep=2)
    as_protocol: Actuator = actuator
    for number in range(3):
        assert (await as_protocol.send(an_action(id=f"a_{number}"))).status == "confirmed"
    assert [one.id for one in actuator.asked] == ["a_1", "a_2"]
    assert all(actuator.can(an_action(call)).answer == "yes" and actuator.idempotent(call) for call in CALLS)
    assert actuator.can(an_action("launch")).answer == "no"


async def test_the_simulated_actuator_fails_refuses_and_hangs_when_told():
    actuator = SimulatedActuator(abilities={"mute": Ability("manual", "mute by hand here")})
    actuator.fail(2, retry_after=3.0)
    actuator.refuse()
    actuator.hang()
    statuses = [(await actuator.send(an_action())).status for _ in range(3)]
    assert statuses == ["retry", "retry", "refused"]
    waiting = asyncio.create_task(actuator.send(an_action()))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    actuator.release()
    assert (await waiting).status == "confirmed"
    assert actuator.can(an_action()).answer == "manual"
