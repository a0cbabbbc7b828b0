"""One Redis: calls with a time limit, scripts by their hash, and errors in one sentence."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from ssl import SSLContext
from typing import Any, Self, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from streams.connections import explain
from streams.errors import LoadError, Unavailable

T = TypeVar("T")

# A call takes a millisecond. One that takes this long will not come back, and a worker has to say so before the
# coordinator of its consumer group gives up on it.
CALL_SECONDS = 5.0
CONNECTIONS = 16
# Programs that cut a nickname in the middle of an emoji leave half a character in a key.
CODING = ("utf-8", "surrogatepass")


class StateUnavailable(Unavailable):
    """Redis is away or cannot take it now. The same call may be sent again, also where its answer was lost."""

    part = "redis"


class StateLost(Unavailable):
    """Redis is there, but the fleet's state is not, or not yet complete. What was read before counts no longer."""

    part = "redis"


@cache
def script(name: str) -> tuple[str, str]:
    """The text of a script and its hash. Every one begins with `common.lua`."""
    folder = files("streams.ledger").joinpath("scripts")
    text = "".join(folder.joinpath(f"{one}.lua").read_text("utf-8") for one in ("common", name))
    return text, hashlib.sha1(text.encode()).hexdigest()


class _Checked(SSLConnection):
    """Is checked by our context alone: redis-py's own trusts the system's CAs beside the one that it is given."""

    def __init__(self, *, ssl_context: SSLContext, **given: Any) -> None:
        super().__init__(**given)
        self.ssl_context.context = ssl_context


class Connection:
    """Calls one Redis. Connects by itself and anew; sends nothing twice, that is for the caller to decide."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                # `call` keeps the time alone: of two limits that end in the same moment redis-py may swallow one and
                # go on, on a connection that another call gave back.
                timeout=None,
                socket_timeout=None,
                socket_connect_timeout=None,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
                encoding=CODING[0],
                encoding_errors=CODING[1],
                **(options or {}),
            )
            if options:
                pool.connection_class = _Checked
        except ValueError as error:
            # Without the address itself, which may hold a password.
            raise LoadError("The address of Redis cannot be read; write it like redis://127.0.0.1:6379/0.") from error
        # Until the first answer it may be one that wants TLS.
        self._may_want_tls = url.startswith("redis://")
        known = pool.connection_kwargs
        self.place = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
        self.redis: Redis = Redis.from_pool(pool)

    @classmethod
    async def open(cls, url: str, options: Mapping[str, Any] | None = None) -> Self:
        """Connect. StateUnavailable if Redis is away, LoadError if it may throw state away to make room."""
        made = cls(url, options)
        try:
            memory = await made.call(lambda redis: redis.info("memory"))
            if memory["maxmemory"] and memory["maxmemory_policy"] != "noeviction":
                raise LoadError(
                    f"Redis at {made.place} removes keys when it is full ({memory['maxmemory_policy']}); "
                    "set maxmemory-policy to noeviction, for agents' state must not vanish."
                )
        except BaseException:
            await made.close()
            raise
        return made

    async def close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL_SECONDS):
                await self.redis.aclose()

    async def call(self, ask: Callable[[Redis], Awaitable[T]], *, within: float = CALL_SECONDS) -> T:
        """What Redis answers, or StateUnavailable `within` so many seconds, connecting included."""
        try:
            async with asyncio.timeout(within):
                answer = await ask(self.redis)
        except TimeoutError as error:
            raise StateUnavailable(
                f"Redis at {self.place} does not answer within {within:.0f} s; see that it runs."
            ) from error
        except (RedisError, OSError) as error:
            if refused := explain(error):
                raise StateUnavailable(f"Redis at {self.place} refuses us: {refused}") from error
            why = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
            if self._may_want_tls and ("reset by peer" in why or "closed by server" in why):
                raise StateUnavailable(
                    f"Redis at {self.place} hangs up; see that it runs, and where it wants TLS write rediss:// in XUNQUN_REDIS."
                ) from error
            raise StateUnavailable(
                f"Redis at {self.place} cannot take this now ({why}); see that it runs and has room."
            ) from error
        self._may_want_tls = False
        return answer

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Any:
        """What a script answers; None where its first key, the marker, is missing.

        Redis forgets scripts when it starts: then it is sent the text.
        """
        text, sha = script(name)

        async def ask(redis: Redis) -> Any:
            try:
                return await redis.evalsha(sha, len(keys), *keys, *args)
            except NoScriptError:
                return await redis.eval(text, len(keys), *keys, *args)

        return await self.call(ask)
