"""The HTTP side over real sockets, with a service that keeps everything in memory."""

import asyncio
import base64
import gzip
import hashlib
import json
import logging
import re
import time
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

import streams.http
from connectors.webhook import UnusableSecret, sign
from streams.errors import NotFound, Unavailable, WrongUse
from streams.http import MAX_BATCH_LINES, MAX_OBSERVATION_BYTES, Appended, is_loopback, make_app, run, serve
from streams.metrics import Metrics
from streams.status import Standing

OLD, NEW = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
TOKEN = "t0ken-with-ümlaut"
TEXT = "面膜内部代理价"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
A_DECISION = {"outcome": "uphold", "by": "m1", "role": "moderator", "reason": "确认"}


def an_observation(id="m1", **changes):
    return msgspec.json.encode(
        {"id": id, "type": "message.created", "sent_at": 1, "group": {"id": "g1"}, "text": TEXT, **changes}
    )


class InMemory:
    """A service that keeps bodies by id; `full` and `broken` make storage fail, `gate` holds appends up."""

    def __init__(self):
        self.bodies = {}
        self.full = False
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.is_ready = (True, [])
        self.calls = []
        self.pauses = {}

    async def append(self, body):
        self.entered.set()
        await self.gate.wait()
        if self.broken:
            raise RuntimeError(f"[parameters: {body.decode()}]")
        if self.full:
            return Appended("unavailable", why="the store cannot write: disk full")
        try:
            seen = json.loads(body)
        except ValueError:
            return Appended("invalid", why="not JSON: line 1")
        if "sent_at" not in seen:
            return Appended("invalid", why="not an observation: Object missing required field `sent_at`")
        fresh = self.bodies.setdefault(seen["id"], body) is body
        return Appended("accepted" if fresh else "duplicate", seen["id"])

    async def append_many(self, bodies):
        return [await self.append(body) for body in bodies]

    def ready(self):
        return self.is_ready

    async def reviews(self, status, group, kind, limit):
        self.calls.append(("reviews", status, group, kind, limit))
        if status == "lost":
            raise WrongUse("status is open, decided, withdrawn or all")
        return [{"id": "r_1", "why": TEXT}]

    async def review(self, id):
        return {"id": id} if id == "r_1" else None

    async def decide(self, review_or_target_id, *, outcome, by, role, reason, learn, **more):
        if review_or_target_id != "r_1":
            raise NotFound("there is nothing to decide under this id")
        self.calls.append(("decide", review_or_target_id, outcome, by, role, reason, learn, more))
        return {"id": "d_1", "outcome": outcome}

    async def appeal(self, sanction_id, *, by, text):
        self.calls.append(("appeal", sanction_id, by, text))
        return {"id": "ap_1", "sanction_id": sanction_id}

    async def approvals(self):
        return [{"id": "s_1"}]

    async def pause(self, scope, by, reason):
        self.pauses[json.dumps(scope)] = reason

    async def resume(self, scope, by):
        if json.dumps(scope) not in self.pauses:
            raise NotFound("this is not paused")
        del self.pauses[json.dumps(scope)]

    async def paused(self):
        return [{"scope": json.loads(scope)} for scope in self.pauses]

    def standing(self):
        return Standing("run", time.time(), editions=[("pack", "baseline", "c0184758")], shadow="h_1")

    async def status(self):
        return {
            "version": "0.1.0",
            "observations": 1234567,
            "healthy": True,
            "newest": ["m1", f'<img src=x onerror="{TEXT}">'],
            "groups": {"g1": 3, "<script>alert(1)</script>": "x"},
            "name": TEXT,
            "nothing": None,
        }


@pytest.fixture
async def service():
    return InMemory()


@asynccontextmanager
async def a_client(service, **options):
    server = await serve(service, port=0, **options)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        try:
            yield session
        finally:
            await server.stop()


@pytest.fixture
async def client(service):
    """Signed posts, with a token."""
    async with a_client(service, secrets=(NEW, OLD), api_token=TOKEN) as session:
        yield session


@pytest.fixture
async def open_client(service):
    """Loopback without secrets or token."""
    async with a_client(service) as session:
        yield session


async def post(client, body, secret=NEW, at=None, **headers):
    signed = sign(secret, "w1", body, at or time.time())
    async with client.post("/observations", data=body, headers={**signed, **headers}) as response:
        return response.status, await response.json(), response.headers


async def call(client, method, path, **options):
    async with client.request(method, path, **options) as response:
        return response.status, await response.json()


# observations


async def test_an_observation_is_accepted_once_it_is_durable(client, service):
    service.gate.clear()
    posting = asyncio.create_task(post(client, an_observation()))
    await service.entered.wait()
    await asyncio.sleep(0.02)
    assert not posting.done()
    service.gate.set()
    status, answer, _ = await posting
    assert (status, answer) == (202, {"id": "m1"})
    assert "m1" in service.bodies


async def test_an_id_seen_before_is_a_duplicate(client):
    await post(client, an_observation())
    status, answer, _ = await post(client, an_observation())
    assert (status, answer) == (200, {"id": "m1", "duplicate": True})


async def test_both_secrets_are_taken_while_they_rotate(client):
    assert (await post(client, an_observation("m1"), OLD))[0] == 202
    assert (await post(client, an_observation("m2"), NEW))[0] == 202


async def test_posts_that_cannot_be_trusted_are_refused_unstored(client, service):
    other = f"whsec_{base64.b64encode(b'x' * 32).decode()}"
    body = an_observation()
    cases = [
        (await call(client, "POST", "/observations", data=body), "not signed"),
        ((await post(client, body, other))[:2], "does not fit"),
        ((await post(client, body, at=time.time() - 600))[:2], "seconds old"),
        ((await post(client, body, at=time.time() + 600))[:2], "in the future"),
        (
            await call(client, "POST", "/observations", data=body + b" ", headers=sign(NEW, "w1", body, time.time())),
            "does not fit",
        ),
    ]
    for (status, answer), words in cases:
        assert status == 401
        assert words in answer["error"]
    assert not service.bodies


async def test_what_is_no_observation_is_refused_with_the_field(client):
    status, answer, _ = await post(client, b'{"id":"m1","type":"message.created"}')
    assert status == 422
    assert "`sent_at`" in answer["error"]
    assert (await post(client, b"{"))[0] == 422
    assert (await post(client, b""))[0] == 422


async def test_when_storage_fails_the_sender_is_told_to_come_again(client, service):
    service.full = True
    status, answer, headers = await post(client, an_observation())
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert "disk full" in answer["error"]
    service.full = False
    assert (await post(client, an_observation()))[0] == 202


async def test_a_service_may_raise_unavailable(client, service):
    async def unavailable(body):
        raise Unavailable("the store is locked")

    service.append = unavailable
    status, answer, headers = await post(client, an_observation())
    assert (status, answer["error"]) == (503, "the store is locked")
    assert "Retry-After" in headers


async def test_what_is_just_small_enough_is_taken(client):
    room = MAX_OBSERVATION_BYTES - len(an_observation(text=""))
    assert (await post(client, an_observation(text="x" * room)))[0] == 202
    status, answer, _ = await post(client, an_observation("m2", text="x" * (room + 1)))
    assert status == 413
    assert str(MAX_OBSERVATION_BYTES) in answer["error"]


async def test_a_chunked_body_is_refused_before_it_is_read_to_its_end(client, service):
    sent = 0

    async def pieces():
        nonlocal sent
        for _ in range(1000):
            yield b"x" * 65536
            sent += 65536

    headers = sign(NEW, "w1", b"", time.time())
    try:
        async with client.post("/observations", data=pieces(), headers=headers) as response:
            assert response.status == 413
            assert "too large" in (await response.json())["error"]
    except aiohttp.ClientConnectionError:
        pass  # the server may hang up while the client still writes
    assert sent < 1000 * 65536
    assert not service.bodies


async def raw(client, *pieces, wait=0.0, most=5.0):
    """Send bytes as they are and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client._base_url.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(wait)
        async with asyncio.timeout(most):
            return await reader.read()
    finally:
        writer.close()


HEAD = b"POST /observations HTTP/1.1\r\nHost: x\r\n"


async def test_a_length_over_the_limit_is_refused_unread(open_client):
    answer = await raw(open_client, HEAD + b"Content-Length: 300000\r\n\r\n")
    assert b" 413 " in answer.split(b"\r\n")[0]


async def test_a_chunked_body_over_the_limit_ends_the_connection(open_client):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answer = await raw(open_client, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 5)
    assert b" 413 " in answer.split(b"\r\n")[0]


async def test_a_malformed_chunk_is_refused_without_words_in_the_log(open_client, caplog, monkeypatch):
    # aiohttp does not tell the handler of a chunk that breaks after the head: our own time limit ends the wait.
    monkeypatch.setattr(streams.http, "BODY_TIMEOUT", 0.1)
    with caplog.at_level(logging.DEBUG):
        answer = await raw(
            open_client, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", f"zz {TEXT}\r\n".encode(), wait=0.02
        )
    assert answer.split(b" ")[1] in (b"400", b"408")
    assert TEXT not in caplog.text
    assert ascii(TEXT.encode())[2:10] not in caplog.text


async def test_a_request_that_is_not_http_leaves_no_words_in_the_log(open_client, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = await raw(open_client, HEAD + b"Content-Length: 2\r\n\r\n{}" + b"secret words here\r\n\r\n")
    assert b" 400 " in answer
    assert "secret words" not in caplog.text


async def test_a_body_that_dribbles_is_cut_off(open_client, monkeypatch):
    monkeypatch.setattr(streams.http, "BODY_TIMEOUT", 0.1)
    answer = await raw(open_client, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert b" 408 " in answer.split(b"\r\n")[0]


async def test_a_sender_that_goes_away_breaks_nothing(open_client, service, caplog):
    _, writer = await asyncio.open_connection("127.0.0.1", open_client._base_url.port)
    writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.transport.abort()
    await asyncio.sleep(0.02)
    assert (await call(open_client, "POST", "/observations", data=an_observation()))[0] == 202
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_compressed_posts_are_refused(client):
    body = gzip.compress(an_observation())
    headers = {"webhook-id": "w", "webhook-timestamp": "1", "webhook-signature": "v1,x", "Content-Encoding": "gzip"}
    assert (await call(client, "POST", "/observations", data=body, headers=headers))[0] == 415


async def test_more_bodies_than_memory_allows_are_told_to_come_again(open_client, service, monkeypatch):
    monkeypatch.setattr(streams.http, "MAX_HELD_BYTES", 1000)
    service.gate.clear()
    first = asyncio.create_task(call(open_client, "POST", "/observations", data=an_observation("m1", text="x" * 500)))
    await service.entered.wait()
    status, answer = await call(open_client, "POST", "/observations", data=an_observation("m2", text="x" * 500))
    assert status == 503
    assert "too many" in answer["error"]
    service.gate.set()
    assert (await first)[0] == 202
    assert (await call(open_client, "POST", "/observations", data=an_observation("m2", text="x" * 500)))[0] == 202


# batches

LINES = {"Content-Type": "application/x-ndjson; charset=utf-8"}


async def test_a_batch_is_taken_line_by_line(client):
    body = b"\n".join([an_observation("m1"), b"", an_observation("m2"), an_observation("m1"), b""])
    status, answer, _ = await post(client, body, **LINES)
    assert status == 202
    assert (answer["accepted"], answer["duplicate"], answer["invalid"]) == (2, 1, 0)
    assert [one["status"] for one in answer["results"]] == ["accepted", "accepted", "duplicate"]
    status, answer, _ = await post(client, body, **LINES)
    assert (status, answer["duplicate"]) == (200, 3)


async def test_a_batch_with_a_bad_line_says_which(client):
    status, answer, _ = await post(client, an_observation("m1") + b"\n{\n", **LINES)
    assert status == 207
    assert answer["results"][1] == {"line": 2, "status": "invalid", "error": "not JSON: line 1"}
    status, answer, _ = await post(client, b"{\n{\n", **LINES)
    assert status == 422
    assert "line 1: not JSON" in answer["error"]


async def test_a_batch_is_bounded(client):
    lines = [an_observation(f"m{n}") for n in range(MAX_BATCH_LINES + 1)]
    assert (await post(client, b"\n".join(lines), **LINES))[0] == 413
    assert (await post(client, b"\n".join(lines[1:]), **LINES))[0] == 202
    assert (await post(client, b"\n" * 100_000, **LINES))[0] == 413
    assert (await post(client, b"x" * (streams.http.MAX_BATCH_BYTES + 1), **LINES))[0] == 413
    assert (await post(client, b"\n \n", **LINES))[0] == 422


async def test_a_batch_that_storage_could_not_take_comes_again_whole(client, service):
    service.full = True
    status, answer, headers = await post(client, an_observation("m1") + b"\n" + an_observation("m2"), **LINES)
    assert (status, "2 of 2 lines" in answer["error"]) == (503, True)
    assert "Retry-After" in headers


# who may post without a signature


async def test_unsigned_posts_are_taken_on_loopback(open_client):
    assert (await call(open_client, "POST", "/observations", data=an_observation()))[0] == 202


@pytest.mark.parametrize("header", ["Origin", "X-Forwarded-For", "Forwarded"])
async def test_unsigned_posts_from_pages_and_proxies_are_not(open_client, service, header):
    status, answer = await call(
        open_client, "POST", "/observations", data=an_observation(), headers={header: "https://elsewhere.example"}
    )
    assert status == 403
    assert "XUNQUN_WEBHOOK_SECRETS" in answer["error"]
    assert not service.bodies


async def test_unsigned_posts_are_refused_where_others_reach_the_server(service):
    async with a_client(service, host="0.0.0.0") as client:
        status, answer = await call(client, "POST", "/observations", data=an_observation())
        assert status == 403
        assert "XUNQUN_WEBHOOK_SECRETS" in answer["error"]
    async with a_client(service, host="0.0.0.0", secrets=(NEW,)) as client:
        assert (await post(client, an_observation()))[0] == 202


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")],
        *[(host, False) for host in ("0.0.0.0", "::", "", "10.0.0.1", "localhost.example", "127.0.0.1.example")],
    ],
)
def test_loopback_is_told_by_address(host, expected):
    assert is_loopback(host) == expected


async def test_an_unusable_secret_stops_the_start(service):
    with pytest.raises(UnusableSecret):
        make_app(service, secrets=("密钥",))


# health, pages, errors


async def test_health(open_client, service):
    assert await call(open_client, "GET", "/live") == (200, {"live": True})
    assert await call(open_client, "GET", "/ready") == (200, {"ready": True, "reasons": []})
    service.is_ready = (False, ["the agents are 900 records behind"])
    assert await call(open_client, "GET", "/ready") == (
        503,
        {"ready": False, "reasons": ["the agents are 900 records behind"]},
    )


async def test_requests_are_counted_by_pattern_never_by_path(service):
    metrics = Metrics()
    async with a_client(service, api_token=TOKEN, metrics=metrics) as client:
        await call(client, "POST", "/observations", data=an_observation())
        await call(client, "POST", "/observations", data=an_observation())
        await call(client, "GET", "/reviews/r_secret", headers=BEARER)
        await call(client, "GET", "/wp-admin")
        async with client.get("/metrics") as response:
            assert response.content_type == "text/plain"
            text = await response.text()
    assert 'xunqun_http_requests_total{code="202",route="/observations"} 1.0' in text
    assert 'xunqun_http_requests_total{code="404",route="/reviews/{id}"} 1.0' in text
    assert 'xunqun_http_requests_total{code="404",route="other"} 1.0' in text
    assert "xunqun_post_latency_seconds_count 2.0" in text
    assert "xunqun_duplicates_total 1.0" in text
    assert "r_secret" not in text
    assert "wp-admin" not in text


async def test_a_scrape_asks_nobody_and_so_waits_for_no_store_that_hangs(service):
    metrics = Metrics()
    metrics.set_paused(3)
    asked = []

    async def status():
        asked.append(1)
        await asyncio.Event().wait()

    service.status = status
    async with a_client(service, metrics=metrics) as client, client.get("/metrics") as response:
        assert "xunqun_paused 3.0" in await response.text()
    assert not asked


async def test_the_status_page_shows_ids_and_nothing_that_runs(open_client, service):
    service.is_ready = (False, ["<b>behind</b>"])
    async with open_client.get("/") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert response.content_type == "text/html"
    assert "m1" in page
    assert "1,234,567" in page
    assert "&lt;b&gt;behind" in page
    assert TEXT not in page
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search(r"(src|href)=.(https?:)?//", page)
    assert "default-src 'none'" in policy
    style = re.search(r"<style>(.*?)</style>", page).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert digest in policy


async def test_the_status_page_is_readable_by_night_and_on_a_phone(open_client):
    async with open_client.get("/") as response:
        page = await response.text()
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport"' in page
    for part in ("baseline", "c0184758", "h_1", 'href="/metrics"', 'href="/ready"', 'href="/live"'):
        assert part in page


@pytest.mark.parametrize("away", ["refuses", "hangs"])
async def test_the_status_page_is_shown_without_its_counts_where_the_store_is_away(
    open_client, service, monkeypatch, away
):
    monkeypatch.setattr(streams.http, "COUNTS_TIMEOUT", 0.05)

    async def status():
        if away == "refuses":
            raise Unavailable("the store is locked")
        await asyncio.sleep(60)

    service.status = status
    async with open_client.get("/") as response:
        page = await response.text()
    assert response.status == 200
    assert ("the store is locked" if away == "refuses" else "does not answer in time") in page
    assert "c0184758" in page


async def test_errors_are_json_with_a_sentence(client):
    assert await call(client, "GET", "/nowhere") == (404, {"error": "there is nothing at this address"})
    async with client.put("/observations", data=b"x") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        assert "takes POST, not PUT" in (await response.json())["error"]


async def test_a_fault_of_ours_logs_its_place_and_no_text(client, service, caplog):
    service.broken = True
    with caplog.at_level(logging.DEBUG):
        status, answer, _ = await post(client, an_observation())
    assert status == 500
    assert TEXT not in json.dumps(answer, ensure_ascii=False)
    assert 'request_failed route="/observations" error="RuntimeError"' in caplog.text
    assert "test_http.py" in caplog.text
    assert TEXT not in caplog.text


async def test_nothing_is_logged_of_ordinary_posts(client, caplog):
    with caplog.at_level(logging.INFO):
        await post(client, an_observation())
        await post(client, b"{")
    assert not [record for record in caplog.records if record.name.startswith(("xunqun", "aiohttp"))]


# people

CALLS = [
    ("GET", "/reviews"),
    ("GET", "/reviews/r_1"),
    ("POST", "/reviews/r_1/decision"),
    ("POST", "/appeals"),
    ("GET", "/approvals"),
    ("POST", "/pause"),
    ("POST", "/resume"),
    ("GET", "/paused"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_calls_of_people_need_the_token(client, service, method, path):
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}):
        async with client.request(method, path, headers=given) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert TOKEN not in await response.text()
    assert not service.calls
    assert not service.pauses


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_without_a_token_configured_they_say_which_setting_to_set(open_client, method, path):
    status, answer = await call(open_client, method, path, headers=BEARER)
    assert status == 403
    assert "XUNQUN_API_TOKEN" in answer["error"]


async def test_reviews_are_listed_and_shown(client, service):
    assert await call(client, "GET", "/reviews", headers=BEARER) == (200, {"reviews": [{"id": "r_1", "why": TEXT}]})
    await call(client, "GET", "/reviews?status=all&group=g1&kind=appeal&limit=7", headers=BEARER)
    assert service.calls == [("reviews", "open", None, None, 50), ("reviews", None, "g1", "appeal", 7)]
    assert await call(client, "GET", "/reviews/r_1", headers=BEARER) == (200, {"id": "r_1"})
    assert (await call(client, "GET", "/reviews/r_2", headers=BEARER))[0] == 404
    assert (await call(client, "GET", "/reviews?status=lost", headers=BEARER))[0] == 422


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1e2", "٣", "9" * 5000])
async def test_a_limit_that_makes_no_sense_is_refused(client, limit):
    status, answer = await call(client, "GET", "/reviews", params={"limit": limit}, headers=BEARER)
    assert status == 422
    assert "limit" in answer["error"]


async def test_a_decision_is_passed_on(client, service):
    what_follows = {"pick": "office-7/fine", "amount_fen": 2000, "check": "2026-11"}
    decision = {**A_DECISION, **what_follows}
    answer = await call(client, "POST", "/reviews/r_1/decision", json=decision, headers=BEARER)
    assert answer == (200, {"id": "d_1", "outcome": "uphold"})
    assert service.calls == [("decide", "r_1", "uphold", "m1", "moderator", "确认", True, what_follows)]
    status, answer = await call(client, "POST", "/reviews/r_9/decision", json=A_DECISION, headers=BEARER)
    assert (status, "nothing to decide" in answer["error"]) == (404, True)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"outcome": "maybe"}, "outcome"), ({"by": ""}, "by"), ({"role": None}, "role"), ({"learn": "yes"}, "learn")],
)
async def test_a_decision_that_does_not_fit_names_the_field(client, service, change, field):
    status, answer = await call(client, "POST", "/reviews/r_1/decision", json={**A_DECISION, **change}, headers=BEARER)
    assert status == 422
    assert f"$.{field}" in answer["error"]
    assert not service.calls


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 60_000, b"x" * 70_000])
async def test_calls_with_broken_bodies_are_refused(client, body):
    for path in ("/reviews/r_1/decision", "/appeals", "/pause", "/resume"):
        async with client.post(path, data=body, headers=BEARER) as response:
            assert response.status in (413, 422)
            assert (await response.json())["error"]


async def test_appeals_and_approvals(client, service):
    body = {"sanction_id": "s_1", "by": "u1", "text": "是转述制度"}
    assert await call(client, "POST", "/appeals", json=body, headers=BEARER) == (
        201,
        {"id": "ap_1", "sanction_id": "s_1"},
    )
    assert service.calls == [("appeal", "s_1", "u1", "是转述制度")]
    assert await call(client, "GET", "/approvals", headers=BEARER) == (200, {"approvals": [{"id": "s_1"}]})


@pytest.mark.parametrize("scope", [{"group": "g1"}, {"pack": "xianchuang"}, {"all": True}])
async def test_pause_and_resume(client, scope):
    body = {**scope, "by": "m1", "reason": "误判过多"}
    assert await call(client, "POST", "/pause", json=body, headers=BEARER) == (200, {"paused": [{"scope": scope}]})
    assert await call(client, "GET", "/paused", headers=BEARER) == (200, {"paused": [{"scope": scope}]})
    assert await call(client, "POST", "/resume", json=body, headers=BEARER) == (200, {"paused": []})
    assert (await call(client, "POST", "/resume", json=body, headers=BEARER))[0] == 404


@pytest.mark.parametrize(
    "body", [{"reason": "x"}, {"group": "g1", "all": True, "reason": "x"}, {"all": False, "reason": "x"}, {"all": True}]
)
async def test_a_pause_names_one_thing_and_a_reason(client, service, body):
    assert (await call(client, "POST", "/pause", json={"by": "m1", **body}, headers=BEARER))[0] == 422
    assert not service.pauses


# starting and stopping


async def test_a_post_under_way_is_answered_before_the_server_is_gone(service):
    server = await serve(service, port=0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        service.gate.clear()
        posting = asyncio.create_task(call(client, "POST", "/observations", data=an_observation()))
        await service.entered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.05)
        assert not stopping.done()
        with pytest.raises(aiohttp.ClientConnectionError):
            await call(client, "GET", "/live")
        service.gate.set()
        assert (await posting)[0] == 202
        await stopping
    assert "m1" in service.bodies


async def test_a_post_that_never_ends_does_not_keep_the_server_up(service):
    server = await serve(service, port=0, drain_seconds=0.1)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        service.gate.clear()
        posting = asyncio.create_task(call(client, "POST", "/observations", data=an_observation()))
        await service.entered.wait()
        await asyncio.wait_for(server.stop(), 5)
        with pytest.raises(aiohttp.ClientConnectionError):
            await posting


async def test_a_port_that_is_taken_is_named(service):
    first = await serve(service, port=0)
    try:
        with pytest.raises(WrongUse, match=f"port {first.port}"):
            await serve(service, port=first.port)
    finally:
        await first.stop()


def test_it_runs_on_uvloop():
    async def main():
        async with a_client(InMemory()) as client:
            answer = await call(client, "POST", "/observations", data=an_observation())
        return type(asyncio.get_running_loop()).__module__, answer

    module, answer = run(main())
    assert module.startswith("uvloop")
    assert answer == (202, {"id": "m1"})
