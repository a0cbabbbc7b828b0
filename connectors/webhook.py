"""Standard Webhooks, both ways: actions are posted signed, and what is posted to us has its signature checked.

The scheme is https://www.standardwebhooks.com: HMAC-SHA256 over `id.timestamp.body`, in the headers `webhook-id`,
`webhook-timestamp` and `webhook-signature`. Several secrets are accepted at once, so that one can be rotated out.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import urlsplit

import aiohttp
import msgspec
from standardwebhooks import Webhook

from connectors.actuator import CALLS, Ability, Outcome
from models import Action

# How far a sender's clock may be off, seconds: what the standard and its libraries use.
TOLERANCE = 5 * 60
# More of an answer is not read: it holds a status word at most.
MAX_ANSWER_BYTES = 64 * 1024
# The longest wait between two tries, seconds, and the longest that a receiver may ask for.
LONGEST_BACKOFF = 5 * 60.0
LONGEST_RETRY_AFTER = 60 * 60.0
# Answers that may be another one later: request timeout, too early, too many requests. 5xx are as well.
_PASSING = frozenset({408, 425, 429})


class SignatureRefused(Exception):
    """A post that must not be trusted; the message is one sentence for the sender."""


class UnusableSecret(ValueError):
    """A secret that cannot sign; the message is one sentence that never repeats the secret."""


class UnusableAddress(ValueError):
    """An address that actions cannot be posted to; the message is one sentence."""


def check_secret(secret: str) -> None:
    """Raise UnusableSecret unless `secret` is base64, with or without the prefix `whsec_`."""
    _signer(secret)


def sign(secret: str, message_id: str, body: bytes, now: float) -> dict[str, str]:
    """The three headers that sign `body`, which is UTF-8; `now` in seconds since 1970."""
    at = datetime.fromtimestamp(int(now), tz=UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": _signer(secret).sign(message_id, at, body.decode()),
    }


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> None:
    """Raise SignatureRefused unless one of `secrets` signed `body` within five minutes of `now` (seconds since 1970).

    `headers` ignores case, or has its names in lower case. The library signs; it does not verify here, because its
    `verify` reads the clock itself, takes one secret, and breaks on malformed headers instead of refusing them.
    """
    message_id, stamp, signatures = (headers.get(f"webhook-{part}") for part in ("id", "timestamp", "signature"))
    if not message_id or not stamp or not signatures:
        raise SignatureRefused("the post is not signed: send webhook-id, webhook-timestamp and webhook-signature")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise SignatureRefused("webhook-timestamp is not a whole number of seconds since 1970")
    age = now - int(stamp)
    if age > TOLERANCE:
        raise SignatureRefused(
            f"the signature is {int(age)} seconds old, at most {TOLERANCE} are taken: check the clock"
        )
    if age < -TOLERANCE:
        raise SignatureRefused(f"the signature is from {int(-age)} seconds in the future: check the clock")
    try:
        text = body.decode()
        message_id.encode()
    except UnicodeError as error:
        raise SignatureRefused("the post is not UTF-8, so that its signature cannot be checked") from error
    given = [one.encode("utf-8", "surrogateescape") for one in signatures.split()]
    at = datetime.fromtimestamp(int(stamp), tz=UTC)
    for secret in secrets:
        expected = _signer(secret).sign(message_id, at, text).encode()
        if any(hmac.compare_digest(expected, one) for one in given):
            return
    raise SignatureRefused("the signature does not fit: check the secret, and that the body is signed as it is sent")


def backoff(tries: int, *, key: str) -> float:
    """Seconds to wait after try number `tries` failed: 1, 2, 4 … 300, less up to half of it.

    How much less follows from `key`, so that many actions that failed together do not come back together, and a replay
    waits as long as the first run did.
    """
    longest = min(LONGEST_BACKOFF, 2.0 ** min(max(tries, 1) - 1, 9))
    drawn = blake2b(f"{key}\x1f{tries}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return longest * (0.5 + int.from_bytes(drawn, "big") / 2**33)


class WebhookActuator:
    """Posts each action to one address, signed. `timeout` is for the whole exchange, in seconds.

    `webhook-id` is the action's id on every try, so a receiver that keeps to the standard acts once. `calls` are those
    that the receiver carries out, others are left to people. `repeatable` are those that take effect once however often
    they arrive; where a call is not, a try with unknown result ends `unconfirmed` instead of being repeated.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        secret: str,
        session: aiohttp.ClientSession,
        timeout: float = 10.0,
        *,
        calls: Set[str] = CALLS,
        repeatable: Set[str] = CALLS,
        now: Callable[[], float] = time.time,
    ) -> None:
        check_secret(secret)
        self._url = _checked(url)
        self._secret = secret
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=timeout / 2)
        self._calls = frozenset(calls)
        self._repeatable = frozenset(repeatable)
        self._now = now

    def can(self, action: Action) -> Ability:
        if action.call in self._calls:
            return Ability("yes")
        if action.call in CALLS:
            return Ability("manual", f"the receiver does not carry out {action.call}")
        return Ability("no", f"{action.call[:40]} is not a known call")

    def idempotent(self, call: str) -> bool:
        return call in self._repeatable

    async def send(self, action: Action) -> Outcome:
        # What an earlier try left behind is ours, not the receiver's.
        body = msgspec.json.encode(msgspec.structs.replace(action, detail=""))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **sign(self._secret, action.id, body, self._now()),
        }
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                return await self._read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Nothing was sent, so trying again is safe whatever the call.
            return Outcome("retry", f"no connection to the receiver ({type(error).__name__})")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The text of these errors may hold the address and with it a token: the kind has to do.
            detail = f"no answer from the receiver ({type(error).__name__})"
            return Outcome("retry" if self.idempotent(action.call) else "unconfirmed", detail)

    async def _read(self, response: aiohttp.ClientResponse) -> Outcome:
        status = response.status
        detail = f"the receiver answered {status}"
        if 200 <= status < 300:
            return Outcome("confirmed" if await _says_confirmed(response) else "accepted", detail)
        # What an answer of refusal says may quote the message: it is not read.
        response.close()
        if status in _PASSING or status >= 500:
            return Outcome("retry", detail, _retry_after(response.headers.get("Retry-After"), self._now()))
        if 300 <= status < 400:
            detail += "; redirects are not followed, set the final address"
        return Outcome("refused", detail)


async def _says_confirmed(response: aiohttp.ClientResponse) -> bool:
    """Whether the body is `{"status": "confirmed"}`. One that breaks off, hangs or is too long says nothing."""
    body = bytearray()
    try:
        while chunk := await response.content.read(MAX_ANSWER_BYTES + 1 - len(body)):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                response.close()
                return False
        answer = msgspec.json.decode(bytes(body))
    except (TimeoutError, aiohttp.ClientError, OSError):
        response.close()
        return False
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(answer, dict) and answer.get("status") == "confirmed"


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or a date; None where it is absent or makes no sense."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at.timestamp() - now, 0.0), LONGEST_RETRY_AFTER)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UnusableAddress("the address for actions is not usable: it has to look like https://host/path")
    if parts.username or parts.password:
        raise UnusableAddress("the address for actions holds a password: leave it out, posts are signed instead")
    return url


@lru_cache(maxsize=64)
def _signer(secret: str) -> Webhook:
    encoded = secret.removeprefix("whsec_")
    try:
        # The library skips characters that are not base64 and would sign with a key that nobody else has.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise UnusableSecret("a webhook secret is not base64: make one with `echo whsec_$(openssl rand -base64 32)`")
    return Webhook(key)
