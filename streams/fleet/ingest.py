"""The webhook door of a fleet: posts become records in Kafka, and get their 202 when Kafka has confirmed them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models import Observation
from models.observation import Millis
from streams import desk
from streams.calls import DeskCalls
from streams.cases.postgres import Cases
from streams.errors import Unavailable
from streams.fleet.kafka import Kafka, Producer
from streams.fleet.sealing import Seal, part
from streams.http import serve, tell_started
from streams.logs import Absences, say
from streams.metrics import Metrics
from streams.metrics.targets import announced
from streams.settings import Settings
from streams.status import Standing
from streams.topics import OBSERVATIONS, Appended, Record, Unusable, decode_observation, without_forged

T = TypeVar("T")
# How long a refusal by Kafka shows in `/ready`.
_SHOWN_SECONDS = 3.0
# Senders give up after 15 s or more: they have to hear before that whether it was taken.
_CONFIRM_SECONDS = 8.0
_UNSEALED = "reports and messages with a secrecy marking are refused until XUNQUN_SEALED_KEY is set"


class Ingest(DeskCalls):
    """What `streams.http` asks: observations go to Kafka; the desk is PostgreSQL, where there is one.

    Without a `seal`, what would have to be sealed is refused: it is not stored open.
    """

    def __init__(self, producer: Producer, cases: Cases | None, metrics: Metrics, seal: Seal | None = None) -> None:
        self._producer = producer
        self._seal = seal
        self.store = cases
        self.metrics = metrics
        self._refused: tuple[float, Unavailable] | None = None
        self._absences = Absences()
        self._began = time.time()

    def clock(self) -> Millis:
        return time.time_ns() // 1_000_000

    async def append(self, body: bytes) -> Appended:
        (result,) = await self.append_many([body])
        return result

    async def append_many(self, bodies: Sequence[bytes]) -> list[Appended]:
        """Send observations; posts that arrive together travel together. One seen before is sent again: ids make it harmless.

        Unavailable where something would have to be sealed and cannot be; all else of the post is stored then.
        """
        results: list[Appended] = []
        records: list[Record] = []
        refused = 0
        for body in bodies:
            try:
                seen = decode_observation(body)
            except Unusable as error:
                results.append(Appended("invalid", why=str(error)))
                continue
            taken = self._records(seen, body)
            refused += not taken
            records += taken
            results.append(Appended("accepted", seen.id))
        if records:
            try:
                await self._producer.send(records, within=_CONFIRM_SECONDS)
            except Unavailable as error:
                self._refused = (time.monotonic(), error)
                self.metrics.set_waiting({error.part})
                # Where nobody posts any more, nobody would find out that Kafka is back.
                asyncio.get_running_loop().call_later(_SHOWN_SECONDS, self._waits_no_more, self._refused)
                self._absences.away(error.part)
                unsent = Appended("unavailable", why=str(error))
                return [unsent if one.status == "accepted" else one for one in results]
            self._absences.look(())
            self._waits_no_more(self._refused)
        if refused:
            raise Unavailable(f"{refused} of {len(bodies)} observations were not taken: {_UNSEALED}")
        return results

    def _records(self, seen: Observation, body: bytes) -> list[Record]:
        """What is stored of an observation; nothing where it would have to be sealed and cannot be."""
        key = seen.group_key if seen.group else ""
        parted = part(seen, body)
        if parted is None:
            return [Record(OBSERVATIONS, key, without_forged(seen, body), -1, -1)]
        if self._seal is None:
            return []
        return [self._seal(body, parted.kind, self.clock()), Record(OBSERVATIONS, key, parted.stub, -1, -1)]

    def _waits_no_more(self, refused: tuple[float, Unavailable] | None) -> None:
        """Unless something was refused since."""
        if refused is not None and refused is self._refused:
            self._refused = None
            self.metrics.set_waiting(())

    def ready(self) -> tuple[bool, list[str]]:
        away = self._away()
        return away is None, [] if away is None else [str(away)]

    def _away(self) -> Unavailable | None:
        at, error = self._refused or (0.0, None)
        return error if time.monotonic() - at < _SHOWN_SECONDS else None

    def standing(self) -> Standing:
        away = self._away()
        return Standing("ingest", self._began, away=() if away is None else [away.part])

    async def status(self) -> dict[str, Any]:
        return await self._in_store(desk.status, self.store)

    async def _in_store(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        if self.store is None:
            raise Unavailable("there is no database here: set XUNQUN_DATABASE, or ask the process that has one")
        return await asyncio.to_thread(work, *arguments, **named)


async def serve_ingest(settings: Settings, stop: asyncio.Event, started: Callable[[str, int], None]) -> None:
    """Serve until `stop`. Several processes may share the port."""
    seal = Seal(settings.sealed_key) if settings.sealed_key else None
    if seal is None:
        say("unsealed", setting="XUNQUN_SEALED_KEY")
    producer = Producer(Kafka.of(settings))
    await producer.start()
    metrics = Metrics()
    cases = Cases.of(settings) if settings.database else None
    try:
        serving = await serve(
            Ingest(producer, cases, metrics, seal),
            host=settings.host,
            port=settings.port,
            secrets=settings.webhook_secrets,
            api_token=settings.api_token,
            metrics=metrics,
            shared=True,
        )
        started(serving.host, serving.port)
        tell_started(serving.host, serving.port)
        with announced(settings.targets, "ingest", "127.0.0.1", serving.own_port, door=serving.port):
            await stop.wait()
            say("stopping")
            await serving.stop()
    finally:
        await producer.stop()
        if cases is not None:
            cases.close()
