"""The HTTP side of one process: observations come in, metrics and health go out, people review and decide.

It knows no store: all that it does is asked of a `Service`. Message text passes through here and is never logged;
errors are logged by kind and place only, because the text of a database's error may hold the row.
"""

import asyncio
import hmac
import ipaddress
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from connectors.webhook import SignatureRefused, check_secret, verify
from models.decision import DecisionOutcome
from streams.errors import NotFound, Unavailable, WrongUse
from streams.logs import say, what_broke
from streams.metrics import OTHER, Metrics
from streams.metrics.recording import program_version
from streams.status import HEADERS, Standing, page
from streams.topics import Appended

# One observation is at most this long (docs/interfaces.md); a batch is bounded by lines and, for memory, by bytes.
MAX_OBSERVATION_BYTES = 256 * 1024
MAX_BATCH_LINES = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024
_LOOPBACK = "127.0.0.1"
MAX_CALL_BYTES = 64 * 1024
# Bodies held at once, over all connections. Beyond it posts get 503 and come again; without it a burst of batches takes
# the memory of the agents.
MAX_HELD_BYTES = 64 * 1024 * 1024
# A body that takes longer is cut off, seconds: a sender that dribbles must not hold its share for ever.
BODY_TIMEOUT = 10.0
# How long the status page waits for the counts of a store, seconds; then it is shown without.
COUNTS_TIMEOUT = 2.0
# What a sender is told to wait when storage is unavailable, seconds.
RETRY_AFTER = 5
MOST_REVIEWS = 500

_JSON: Final = {"Content-Type": "application/json"}
_LATER: Final = {"Retry-After": str(RETRY_AFTER)}
_encode = msgspec.json.Encoder().encode
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class Service(Protocol):
    """What the calls are answered from. NotFound, WrongUse, Unavailable become 404, 422, 503 with their sentence."""

    async def append(self, body: bytes) -> Appended:
        """Store one observation; durable when it returns."""
        ...

    async def append_many(self, bodies: Sequence[bytes]) -> Sequence[Appended]:
        """Store several; one result for each, in order."""
        ...

    def ready(self) -> tuple[bool, list[str]]:
        """Whether posts are taken and judged now, and else why not. Must not block."""
        ...

    async def reviews(
        self, status: str | None, group: str | None, kind: str | None, limit: int
    ) -> list[dict[str, Any]]: ...

    async def review(self, id: str) -> dict[str, Any] | None: ...

    async def decide(
        self,
        review_or_target_id: str,
        *,
        outcome: str,
        by: str,
        role: str,
        reason: str,
        learn: bool,
        pick: str | None,
        amount_fen: int | None,
        check: str | None,
    ) -> dict[str, Any]: ...

    async def appeal(self, sanction_id: str, *, by: str, text: str) -> dict[str, Any]: ...

    async def approvals(self) -> list[dict[str, Any]]: ...

    async def pause(self, scope: dict[str, Any], by: str, reason: str) -> Any:
        """Stop outgoing actions in `{"group": id}`, `{"pack": slug}`, `{"clause": id}` or `{"all": true}`.

        A sentence where that may be misspelt, else None.
        """
        ...

    async def resume(self, scope: dict[str, Any], by: str) -> Any: ...

    async def paused(self) -> list[dict[str, Any]]: ...

    async def status(self) -> dict[str, Any]:
        """Counts and ids for the status page; no names, no text."""
        ...

    def standing(self) -> Standing:
        """How the process stands, for the status page. Must not block."""
        ...


_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Words = Annotated[str, Meta(min_length=1, max_length=4000)]


class DecisionCall(Struct, frozen=True, kw_only=True):
    """The body of `POST /reviews/{id}/decision`. `pick`, `amount_fen` and `check` are those of a decision."""

    outcome: DecisionOutcome
    by: _Name
    role: _Name
    reason: _Words
    learn: bool = True
    pick: _Name | None = None
    amount_fen: int | None = None
    check: _Name | None = None


class AppealCall(Struct, frozen=True, kw_only=True):
    """The body of `POST /appeals`."""

    sanction_id: _Name
    by: _Name
    text: _Words


class PauseCall(Struct, frozen=True, kw_only=True):
    """The body of `POST /pause` and `POST /resume`: exactly one of `group`, `pack`, `clause`, `all`.

    Resuming needs no reason.
    """

    by: _Name
    reason: Annotated[str, Meta(max_length=4000)] = ""
    group: _Name | None = None
    pack: _Name | None = None
    clause: _Name | None = None
    all: bool = False

    def scope(self) -> dict[str, Any]:
        """What it is about, as the service wants it. WrongUse unless it is exactly one thing."""
        named = {"group": self.group, "pack": self.pack, "clause": self.clause, "all": self.all or None}
        scope = {name: value for name, value in named.items() if value is not None}
        if len(scope) != 1:
            raise WrongUse('name exactly one of "group", "pack", "clause" and "all"')
        return scope


class _Refused(Exception):
    """A request that gets an error: its code and one sentence."""

    def __init__(
        self, code: int, sentence: str, headers: Mapping[str, str] | None = None, *, close: bool = False
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.headers = headers or {}
        self.close = close


def make_app(
    service: Service,
    *,
    secrets: Sequence[str] = (),
    api_token: str | None = None,
    loopback: bool = False,
    metrics: Metrics | None = None,
    now: Callable[[], float] = time.time,
) -> web.Application:
    """The application. UnusableSecret if one of `secrets` cannot verify anything.

    Without `secrets`, unsigned posts are taken only where `loopback` says that nobody else can reach the server.
    Without `api_token` the calls of reviewers answer 403. `now`, in seconds since 1970, is what signatures are held to.
    """
    for secret in secrets:
        check_secret(secret)
    routes = _Routes(service, tuple(secrets), api_token or None, loopback, metrics or Metrics(), now)
    app = web.Application(middlewares=[routes.answer], client_max_size=MAX_BATCH_BYTES)
    app.add_routes(
        [
            web.post("/observations", routes.observe),
            web.get("/metrics", routes.show_metrics),
            web.get("/live", routes.live),
            web.get("/ready", routes.ready),
            web.get("/", routes.page),
            web.get("/reviews", routes.reviews),
            web.get("/reviews/{id}", routes.review),
            web.post("/reviews/{id}/decision", routes.decide),
            web.post("/appeals", routes.appeal),
            web.get("/approvals", routes.approvals),
            web.post("/pause", routes.pause),
            web.post("/resume", routes.resume),
            web.get("/paused", routes.paused),
        ]
    )
    app.on_shutdown.append(routes.drain)
    return app


@dataclass(frozen=True)
class Serving:
    """A server that takes connections at `host` and `port` until `stop`, which lets requests under way end."""

    host: str
    port: int
    #: Where this process alone answers: a port that is shared is answered by any of those who share it.
    own_port: int
    _runner: web.AppRunner

    async def stop(self) -> None:
        await self._runner.cleanup()


async def serve(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 8600,
    secrets: Sequence[str] = (),
    api_token: str | None = None,
    metrics: Metrics | None = None,
    drain_seconds: float = 10.0,
    shared: bool = False,
) -> Serving:
    """Listen and return; `port` 0 takes a free one, which the result names. WrongUse if the address cannot be had.

    `shared` lets several processes listen on one port, among which the system deals out connections; each has a free one of
    loopback for itself besides, for its metrics.
    """
    app = make_app(service, secrets=secrets, api_token=api_token, loopback=is_loopback(host), metrics=metrics)
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        logger=_protocol_log(),
        # A signature covers the bytes as sent, and a compressed post could unfold to any size.
        auto_decompress=False,
        keepalive_timeout=75.0,
        # How long a refused body is read on, so that its sender gets to see the answer.
        lingering_time=2.0,
        shutdown_timeout=drain_seconds,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024, reuse_port=shared or None).start()
        if shared:
            await web.TCPSite(runner, _LOOPBACK, 0).start()
    except OSError as error:
        await runner.cleanup()
        raise WrongUse(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another host or port"
        ) from error
    bound, *_, own = (runner.addresses[0], *runner.addresses)
    return Serving(host, bound[1], own[1], runner)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end, on uvloop where it is installed (a third faster here) and on asyncio elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def tell_started(host: str, port: int, **fields: Any) -> None:
    """Say that the process serves, and whether others than this machine reach it."""
    say("started", host=host, port=port, pid=os.getpid(), version=program_version(), **fields)
    if not is_loopback(host):
        say("open_address", host=host, port=port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`. A name other than localhost counts as no."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class _Routes:
    def __init__(
        self,
        service: Service,
        secrets: tuple[str, ...],
        api_token: str | None,
        loopback: bool,
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._service = service
        self._secrets = secrets
        self._token = api_token.encode() if api_token else None
        self._loopback = loopback
        self._metrics = metrics
        self._now = now
        self._held = 0
        self._draining = False

    # around every call

    @web.middleware
    async def answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except _Refused as error:
            response = _error(error.code, str(error), error.headers)
            if error.close:
                response.force_close()
        except NotFound as error:
            response = _error(404, str(error))
        except WrongUse as error:
            response = _error(422, str(error))
        except Unavailable as error:
            response = _error(503, str(error), _LATER)
        except web.HTTPException as error:
            response = _http_error(request, error)
        except Exception as error:
            say("request_failed", route=_route(request), **what_broke(error))
            response = _error(500, "something went wrong here: the log names the place")
        self._metrics.requested(_route(request), response.status)
        return response

    async def drain(self, app: web.Application) -> None:
        self._draining = True

    # observations

    async def observe(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        many = _media_type(request) == "application/x-ndjson"
        limit = MAX_BATCH_BYTES if many else MAX_OBSERVATION_BYTES
        self._trust_head(request)
        with self._holding() as take:
            body = await _body(request, limit, take)
            self._trust(request, body)
            response = await (self._observe_many(body) if many else self._observe_one(body))
        self._metrics.post_took(time.perf_counter() - started)
        return response

    async def _observe_one(self, body: bytes) -> web.Response:
        result = await self._service.append(body)
        if result.status == "accepted":
            return _json({"id": result.id}, 202)
        if result.status == "duplicate":
            self._metrics.duplicated()
            return _json({"id": result.id, "duplicate": True}, 200)
        if result.status == "invalid":
            raise _Refused(422, result.why or "this is not an observation")
        raise Unavailable(result.why or "storage is unavailable, nothing was taken: send it again")

    async def _observe_many(self, body: bytes) -> web.Response:
        """202 when all are durable, 200 when all were seen before, 207 when some lines were invalid, 422 when all were.

        When storage fails half-way the answer is 503: all of it may be sent again, ids keep it from counting twice.
        """
        # Counted before it is split: four million empty lines would take a hundred times their size.
        if body.count(b"\n") > 2 * MAX_BATCH_LINES:
            raise _Refused(413, f"the body holds too many lines, at most {MAX_BATCH_LINES} are taken at once")
        lines = [line for line in (one.strip() for one in body.split(b"\n")) if line]
        if not lines:
            raise _Refused(422, "the body holds no line")
        if len(lines) > MAX_BATCH_LINES:
            raise _Refused(413, f"the body holds {len(lines)} lines, at most {MAX_BATCH_LINES} are taken at once")
        results = await self._service.append_many(lines)
        counts = dict.fromkeys(("accepted", "duplicate", "invalid", "unavailable"), 0)
        for one in results:
            counts[one.status] += 1
        if counts["duplicate"]:
            self._metrics.duplicated(counts["duplicate"])
        if unavailable := counts.pop("unavailable"):
            raise Unavailable(f"storage is unavailable for {unavailable} of {len(lines)} lines: send all of them again")
        answer: dict[str, Any] = {**counts, "results": [_line(number, one) for number, one in enumerate(results, 1)]}
        if not counts["invalid"]:
            return _json(answer, 202 if counts["accepted"] else 200)
        if counts["invalid"] < len(lines):
            return _json(answer, 207)
        first = next(iter(results))
        return _json({"error": f"no line is an observation; line 1: {first.why}", **answer}, 422)

    def _trust_head(self, request: web.Request) -> None:
        """Refuse what is hopeless before its body is read."""
        if self._draining:
            raise _Refused(503, "this server is stopping: send it again", _LATER, close=True)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _Refused(415, "send the body as it is, not compressed", close=True)
        if self._secrets:
            if "webhook-signature" not in request.headers:
                sentence = "the post is not signed: send webhook-id, webhook-timestamp and webhook-signature"
                raise _Refused(401, sentence, close=True)
            return
        if not self._loopback:
            sentence = "unsigned posts are taken on loopback only: set XUNQUN_WEBHOOK_SECRETS and sign them"
            raise _Refused(403, sentence, close=True)
        # On loopback the network is no door, but a page in the user's browser and a proxy on this machine are.
        if any(name in request.headers for name in ("Origin", "Forwarded", "X-Forwarded-For")):
            sentence = "unsigned posts are not taken from browsers or through proxies: set XUNQUN_WEBHOOK_SECRETS"
            raise _Refused(403, sentence, close=True)

    def _trust(self, request: web.Request, body: bytes) -> None:
        if self._secrets:
            try:
                verify(request.headers, body, self._secrets, self._now())
            except SignatureRefused as error:
                raise _Refused(401, str(error)) from error

    @contextmanager
    def _holding(self) -> Iterator[Callable[[int], None]]:
        """Gives what a body's bytes are counted with as they arrive; only announcing them costs nothing."""
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if self._held + size > MAX_HELD_BYTES:
                raise _Refused(503, "too many posts at once: send it again", _LATER, close=True)
            self._held += size
            mine += size

        try:
            yield take
        finally:
            self._held -= mine

    # health

    async def show_metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def live(self, request: web.Request) -> web.Response:
        return _json({"live": True})

    async def ready(self, request: web.Request) -> web.Response:
        ready, reasons = self._ready()
        return _json({"ready": ready, "reasons": reasons}, 200 if ready else 503)

    async def page(self, request: web.Request) -> web.Response:
        ready, reasons = self._ready()
        counts: dict[str, Any] = {}
        # A store that is away or hangs must not hide what the process knows by itself.
        try:
            async with asyncio.timeout(COUNTS_TIMEOUT):
                counts = await self._service.status()
        except (Unavailable, TimeoutError) as error:
            reasons = [*reasons, str(error) or "the store does not answer in time"]
        return web.Response(body=page(ready, reasons, self._service.standing(), counts).encode(), headers=HEADERS)

    def _ready(self) -> tuple[bool, list[str]]:
        if self._draining:
            return False, ["this server is stopping"]
        return self._service.ready()

    # people

    async def reviews(self, request: web.Request) -> web.Response:
        self._authorise(request)
        query = request.query
        raw = query.get("limit", "50")
        if not (raw.isascii() and raw.isdigit() and len(raw) < 6 and 1 <= int(raw) <= MOST_REVIEWS):
            raise WrongUse(f"limit is a whole number from 1 to {MOST_REVIEWS}")
        status = query.get("status", "open")
        found = await self._service.reviews(
            None if status == "all" else status, query.get("group"), query.get("kind"), int(raw)
        )
        return _json({"reviews": found})

    async def review(self, request: web.Request) -> web.Response:
        self._authorise(request)
        found = await self._service.review(request.match_info["id"])
        if found is None:
            raise NotFound("there is no review with this id")
        return _json(found)

    async def decide(self, request: web.Request) -> web.Response:
        self._authorise(request)
        call = await _call(request, DecisionCall)
        return _json(
            await self._service.decide(
                request.match_info["id"],
                outcome=call.outcome,
                by=call.by,
                role=call.role,
                reason=call.reason,
                learn=call.learn,
                pick=call.pick,
                amount_fen=call.amount_fen,
                check=call.check,
            )
        )

    async def appeal(self, request: web.Request) -> web.Response:
        self._authorise(request)
        call = await _call(request, AppealCall)
        return _json(await self._service.appeal(call.sanction_id, by=call.by, text=call.text), 201)

    async def approvals(self, request: web.Request) -> web.Response:
        self._authorise(request)
        return _json({"approvals": await self._service.approvals()})

    async def pause(self, request: web.Request) -> web.Response:
        self._authorise(request)
        call = await _call(request, PauseCall)
        if not call.reason.strip():
            raise WrongUse("reason is missing: say why actions are paused")
        warning = await self._service.pause(call.scope(), call.by, call.reason)
        return await self._paused(**({"warning": warning} if warning else {}))

    async def resume(self, request: web.Request) -> web.Response:
        self._authorise(request)
        call = await _call(request, PauseCall)
        await self._service.resume(call.scope(), call.by)
        return await self._paused()

    async def paused(self, request: web.Request) -> web.Response:
        self._authorise(request)
        return await self._paused()

    async def _paused(self, **more: str) -> web.Response:
        return _json({"paused": await self._service.paused(), **more})

    def _authorise(self, request: web.Request) -> None:
        if self._token is None:
            raise _Refused(403, "this call is off: set XUNQUN_API_TOKEN to turn it on", close=request.can_read_body)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        if scheme.lower() != "bearer" or not right:
            sentence = "this call needs the header `Authorization: Bearer …` with the token of XUNQUN_API_TOKEN"
            raise _Refused(401, sentence, {"WWW-Authenticate": "Bearer"}, close=request.can_read_body)


async def _body(request: web.Request, limit: int, take: Callable[[int], None] = lambda size: None) -> bytes:
    """The whole body, at most `limit` bytes; `take` is told of its bytes as they arrive.

    One that announces more is refused unread, one that does not (chunked) as soon as it is longer.
    """
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(limit)
    content = request.content
    parts = bytearray()
    try:
        if content.is_eof():
            body = content.read_nowait()
            take(len(body))
            if len(body) > limit:
                raise _too_large(limit)
            return body
        async with asyncio.timeout(BODY_TIMEOUT):
            while part := await content.readany():
                take(len(part))
                parts += part
                if len(parts) > limit:
                    raise _too_large(limit)
    except TimeoutError as error:
        raise _Refused(408, f"the body did not arrive within {BODY_TIMEOUT:.0f} seconds", close=True) from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise _Refused(400, "the body broke off or is not well formed", close=True) from error
    return bytes(parts)


def _too_large(limit: int) -> _Refused:
    return _Refused(413, f"the body is too large: at most {limit} bytes are taken", close=True)


async def _call(request: web.Request, form: type[T]) -> T:
    """The body as `form`; a wrong one is refused with the field's name."""
    try:
        return msgspec.json.decode(await _body(request, MAX_CALL_BYTES), type=form)
    except msgspec.ValidationError as error:
        raise WrongUse(f"the body does not fit: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongUse("the body is not JSON") from error


def _line(number: int, result: Appended) -> dict[str, Any]:
    line: dict[str, Any] = {"line": number, "status": result.status}
    if result.id:
        line["id"] = result.id
    if result.why:
        line["error"] = result.why
    return line


def _json(value: Any, code: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=code, headers=_JSON)


def _error(code: int, sentence: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=_encode({"error": sentence}), status=code, headers={**_JSON, **(headers or {})})


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp refuses by itself, in our form."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        sentence = f"this address takes {allowed}, not {error.method[:20]}"
        response = _error(405, sentence, {"Allow": ",".join(sorted(error.allowed_methods))})
    elif error.status == 404:
        response = _error(404, "there is nothing at this address")
    else:
        response = _error(error.status, error.reason)
    if request.can_read_body:
        response.force_close()
    return response


def _media_type(request: web.Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _route(request: web.Request) -> str:
    """The pattern of the path, a label with few values."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else OTHER


def _protocol_log() -> logging.Logger:
    """aiohttp's log of broken requests without their bytes, which may be a message."""
    log = logging.getLogger("xunqun.http.protocol")
    if not log.filters:
        log.addFilter(_without_text)
    return log


def _without_text(record: logging.LogRecord) -> bool:
    if record.exc_info:
        kind = record.exc_info[0]
        say("request_malformed", error=kind.__name__ if kind else None)
        return False
    return True
