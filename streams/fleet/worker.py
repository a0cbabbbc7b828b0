"""A worker of the fleet: some of the agents, each a Faust app with a consumer group of its own, in one process.

It starts when Kafka, Redis and, for its rows, PostgreSQL are there; waits where one of them goes away; ends within 25 s of
SIGTERM, and by itself where something went wrong that waiting does not mend. Whoever starts it has to start it again.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from aiohttp import ClientSession, web
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from connectors.simulated import SimulatedActuator
from connectors.webhook import WebhookActuator
from streams import desk
from streams.agents import Enforce, Gather, RecordViews
from streams.cases.postgres import Cases
from streams.dispatch import Dispatcher
from streams.embedded import GATHERED, REWOUND
from streams.errors import LoadError, Unavailable
from streams.fleet.control import Control, Editions, parts_from
from streams.fleet.escalating import EscalateHost
from streams.fleet.hosts import GatherHost, Host, RowsHost
from streams.fleet.kafka import Kafka, Producer, check_topics, committed, ends, read_back, record_from
from streams.fleet.restore import restore
from streams.fleet.screening import ScreenHost
from streams.fleet.ticker import keep_time, relay, screen_again
from streams.http import tell_started
from streams.ledger import RedisStates, StateLost
from streams.loading import rest_collector
from streams.logs import Absences, in_words, say, take_down, what_broke
from streams.metrics import Metrics
from streams.metrics.counting import count_effects
from streams.metrics.targets import announced
from streams.metrics.watching import LATE, SECONDS, look, show, show_disk
from streams.settings import Settings, check_actions
from streams.status import HEADERS, Standing, page, ticked
from streams.telling import also_told
from streams.topics import LIKENESSES, OBSERVATIONS, Record
from streams.transport import Chunk, Partitions, Reading, batch_app

ROLES = ("screen", "gather", "escalate", "enforce", "record", "dispatch")
# From SIGTERM to the end, come what may.
DRAIN_SECONDS = 25.0
# Exit codes: something went wrong inside; the drain did not end in time; no progress.
BROKEN, NOT_DRAINED, STALLED = 70, 75, 71
_WAIT_SECONDS = 0.5
_LOOK_SECONDS = 2.0
_RECOVER_SECONDS = 60.0
_PURGE_SECONDS = 3600.0


@dataclass
class Health:
    """What a worker knows of itself. Times are of the monotonic clock."""

    # agent -> partition -> the offset from which a successor would go on
    positions: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    # agent -> when it last got on, or had nothing to do
    moved: dict[str, float] = field(default_factory=dict)
    # part -> when it was last away, and why
    away: dict[str, tuple[float, str]] = field(default_factory=dict)

    def parts_away(self) -> dict[str, str]:
        """What is away now, a sentence each."""
        return {part: why for part, (at, why) in self.away.items() if time.monotonic() - at < 3.0}

    def waits_for(self) -> list[str]:
        """The sentences alone."""
        return list(self.parts_away().values())

    def misses(self, error: Unavailable) -> None:
        self.away[error.part] = (time.monotonic(), str(error))

    def moves(self, agent: str) -> None:
        self.moved[agent] = time.monotonic()

    def stalled(self, seconds: float) -> str | None:
        """The agents that have records to handle and did not get on for so long, while nothing was away to wait for."""
        if self.waits_for():
            self.moved = dict.fromkeys(self.moved, time.monotonic())
        limit = time.monotonic() - seconds
        return ", ".join(agent for agent, at in self.moved.items() if self.lag.get(agent) and at < limit) or None


class _Broken(Exception):
    """Something went wrong that waiting does not mend."""


class Worker:
    """The process. `run` returns its exit code."""

    def __init__(self, settings: Settings, roles: Sequence[str], *, port: int | None = None) -> None:
        if unknown := [one for one in roles if one not in ROLES]:
            raise LoadError(f"there is no role {unknown[0]}; there are {', '.join(ROLES)}")
        self.settings = settings
        self.roles = tuple(one for one in ROLES if one in roles)
        if "dispatch" in self.roles:
            check_actions(settings)
        self.kafka = Kafka.of(settings)
        self.metrics = Metrics()
        self.health = Health()
        self.port = settings.port if port is None else port
        self._hosts: list[Host] = []
        self._broken: asyncio.Future[str] | None = None
        self._began = time.time()

    # life

    async def run(self, stop: asyncio.Event, started: Callable[[int], None] = lambda port: None) -> int:
        """Serve until `stop`; the exit code."""
        self._broken = asyncio.get_running_loop().create_future()
        if wrong := await check_topics(self.kafka):
            raise LoadError("; ".join(wrong))
        self.producer = Producer(self.kafka)
        await self.producer.start()
        self.producer.took = partial(self.metrics.store_took, "kafka", "publish")
        self.states = await RedisStates.of(self.settings)
        self.states.took = partial(self.metrics.store_took, "redis")
        await restore(self.states, self.kafka)
        self.cases = await asyncio.to_thread(self._open_cases) if self._needs_cases else None
        if self._judges:
            await asyncio.to_thread(self._load)
        apps = self._apps()
        runner = await self._serve_health()
        side = [asyncio.create_task(self._guarded(work)) for work in self._side_loops()]
        try:
            port = runner.addresses[0][1]
            with announced(self.settings.targets, "worker", self.settings.host, port):
                try:
                    for app in apps:
                        await app.start()
                    started(port)
                    tell_started(self.settings.host, port, roles=self.roles)
                    waiting = asyncio.create_task(stop.wait())
                    await asyncio.wait({waiting, self._broken}, return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    if not self._broken.done():
                        say("stopping")
                        return await self._drain(apps, side, runner)
                except Exception as error:
                    # Nobody ends a process by it: the threads of its agents go on.
                    self._failed(error)
                raise _Broken
        except _Broken:
            # Nothing is drained: what is not acknowledged comes again, and acknowledging is what may be broken.
            return BROKEN
        finally:
            for task in side:
                task.cancel()

    async def _drain(self, apps: Sequence[Any], side: Sequence[asyncio.Task[None]], runner: web.AppRunner) -> int:
        try:
            async with asyncio.timeout(DRAIN_SECONDS - 2):
                for app in apps:
                    await app.stop()
                for task in side:
                    task.cancel()
                await asyncio.gather(*side, return_exceptions=True)
                await self.producer.stop()
                await self.states.close()
                await runner.cleanup()
            return 0
        except TimeoutError:
            return NOT_DRAINED

    @property
    def _judges(self) -> bool:
        return bool({"screen", "escalate"} & set(self.roles))

    @property
    def _needs_cases(self) -> bool:
        # Screening needs it only for what could not be measured: without it that waits for a worker that has it.
        return bool(self.settings.database or {"enforce", "record", "dispatch"} & set(self.roles))

    def _open_cases(self) -> Cases:
        if not self.settings.database:
            raise LoadError(
                "enforce, record and dispatch need PostgreSQL: set XUNQUN_DATABASE, or leave these roles out"
            )
        cases = Cases.of(self.settings)
        cases.upgrade()
        return cases

    # agents

    def _load(self) -> None:
        """What is in force before anything was announced: the worker's own settings."""
        self.editions = Editions.begin(parts_from(self.settings))
        self.control = Control(self.kafka, self.editions)

    def _apps(self) -> list[Any]:
        apps = []
        for role in self.roles:
            if role == "screen":
                judge = self.editions, self.control.current, self.states, self.producer, self._wait
                apps.append(self._screen_app(ScreenHost(*judge)))
            elif role == "escalate":
                judge = self.editions, self.control.current, self.states, self.producer, self._wait
                apps.append(self._app(EscalateHost(*judge)))
            elif role == "gather":
                apps.append(self._app(GatherHost(Gather(), self._gathered_before, self.producer, self._wait)))
            elif role in ("enforce", "record"):
                agent = Enforce() if role == "enforce" else RecordViews()
                apps.append(self._app(RowsHost(agent, self._write_rows, self.producer, self._wait)))
        rest_collector()
        return apps

    def _app(self, host: Host, assigned: Partitions | None = None, revoked: Partitions | None = None) -> Any:
        agent = host.agent
        reading = Reading(
            brokers=self.kafka.brokers,
            options=self.kafka.options,
            group=self.kafka.group(agent.name),
            topics=[self.kafka.named(one) for one in agent.reads],
            member=f"{self.settings.worker_id or socket.gethostname()}-{agent.name}",
            # A verdict is wanted soon; what follows from it may wait for others, and costs half as much then.
            gather=20 if agent.name == "screen" else 200,
        )

        self._hosts.append(host)
        name = agent.name
        host.counted = lambda records, effects: count_effects(self.metrics, name, _now(), records, effects)
        host.counted = also_told(name, host.counted)

        async def handle(chunks: Sequence[Chunk]) -> None:
            await host.handle(await self._records(chunks))
            self.health.moves(name)

        async def meanwhile() -> bool:
            more = await host.go_on()
            self.health.moves(name)
            return bool(more)

        def unfinished(chunk: Chunk) -> bool:
            return bool(host.is_unfinished(self.kafka.plain(chunk.tp.topic), chunk.tp.partition, chunk.end))

        async def given(places: set[TopicPartition]) -> None:
            known = [TopicPartition(one.topic, one.partition) for one in places]
            self.health.positions[name] = await committed(self.kafka, self.kafka.group(name), known)
            self.health.moves(name)
            self.metrics.rebalanced(name)
            say("assigned", agent=name, partitions=self._places(places))
            if assigned is not None:
                await assigned(places)

        async def taken(places: set[TopicPartition]) -> None:
            # Nothing may be given instead: what went to others is no work of ours.
            self.health.positions[name] = {}
            say("revoked", agent=name, partitions=self._places(places))
            if revoked is not None:
                await revoked(places)

        def told(offsets: Mapping[Any, int]) -> None:
            for place, offset in offsets.items():
                self.health.positions.setdefault(name, {})[TopicPartition(place.topic, place.partition)] = offset
                self._spawn(host.committed(self.kafka.plain(place.topic), place.partition, offset))

        app = batch_app(
            reading,
            handle,
            assigned=given,
            revoked=taken,
            failed=self._failed,
            committing=host.settle,
            committed=told,
            meanwhile=meanwhile,
            unfinished=unfinished,
        )
        host.ours = app.ours
        return app

    async def _records(self, chunks: Sequence[Chunk]) -> list[list[Record]]:
        """What Kafka holds, as ours. A key that is not here yet is waited for: without it nobody can say what was written."""
        while True:
            try:
                return [[record_from(self.kafka, one) for one in chunk.records] for chunk in chunks]
            except Unavailable as error:
                await self._wait(error)

    def _places(self, places: Iterable[TopicPartition]) -> list[str]:
        return [f"{self.kafka.plain(topic)}/{partition}" for topic, partition in sorted(places)]

    def _screen_app(self, host: ScreenHost) -> Any:
        async def assigned(places: set[TopicPartition]) -> None:
            host.forget()
            mine = sorted(one.partition for one in places if self.kafka.plain(one.topic) == OBSERVATIONS)
            for partition in mine:
                await self._rewind(partition)
            await self._seed_dues(mine)

        async def revoked(places: set[TopicPartition]) -> None:
            host.forget()
            self.editions.kept[0].screen.forget_windows()

        return self._app(host, assigned=assigned, revoked=revoked)

    async def _gathered_before(self, first: Record) -> list[Record]:
        return await read_back(self.kafka, LIKENESSES, first.partition, until=first.offset, reach=GATHERED)

    async def _rewind(self, partition: int) -> None:
        """Read the last minutes of a partition back with effects off, so that a flood goes on where it was."""
        place = TopicPartition(self.kafka.named(OBSERVATIONS), partition)
        until = self.health.positions["screen"][place]
        now = self.editions.kept[-1].screen
        now.rewind(await read_back(self.kafka, OBSERVATIONS, partition, until=until, reach=REWOUND))

    async def _seed_dues(self, partitions: Sequence[int]) -> None:
        """Let the ticker reach listed groups of which nothing was ever seen."""
        count = len(await self.producer.partitions(OBSERVATIONS))
        listed: dict[int, list[str]] = {one: [] for one in partitions}
        for key in self.editions.kept[-1].screen.directory.groups:
            place = self.producer.partition_of(key, count)
            if place in listed:
                listed[place].append(key)
        for partition, keys in listed.items():
            if keys:
                await self.states.seed_dues("screen", partition, keys)

    def _write_rows(self, lots: Sequence[tuple[Sequence[Any], int]]) -> None:
        assert self.cases is not None
        began = time.perf_counter()
        with self.cases.transaction():
            for rows, partition in lots:
                self.cases.write_rows(rows, partition)
        self.metrics.store_took("postgres", "write", time.perf_counter() - began)

    # beside the agents

    def _side_loops(self) -> list[Callable[[], Any]]:
        loops: list[Callable[[], Any]] = [self._watch_progress, self._watch_parts, self._tell_absences]
        if self._judges:
            loops.append(self.control.follow)
        if "screen" in self.roles:
            keep = keep_time, self.states, self.producer, self.settings.tick_seconds, self._wait
            loops.append(lambda: keep[0](*keep[1:], ticked=self.metrics.ticked))
        if "screen" in self.roles and self.cases is not None:
            now = self.editions
            loops.append(
                lambda: screen_again(
                    self.cases, self.kafka, self.producer, self.states, lambda: now.kept[-1].screen, self._wait
                )
            )
        if "dispatch" in self.roles:
            loops += [self._dispatch, self._relay]
        return loops

    async def _relay(self) -> None:
        await relay(self.cases, self.producer, self._wait)

    async def _dispatch(self) -> None:
        async with ClientSession() as session:
            settings = self.settings
            actuator = (
                WebhookActuator(settings.action_url, settings.action_secret, session)
                if settings.action_url and settings.action_secret
                else SimulatedActuator()
            )
            dispatcher = Dispatcher(self.cases, actuator, self.metrics, _now, self._in_cases, budgets=settings.budgets)
            try:
                await self._rounds(dispatcher)
            finally:
                await dispatcher.close()

    async def _rounds(self, dispatcher: Dispatcher) -> None:
        looked = purged = float("-inf")
        while True:
            if time.monotonic() - looked > _RECOVER_SECONDS:
                # Another dispatcher may have died with actions in hand: they are taken up when its lease is over.
                await dispatcher.recover()
                looked = time.monotonic()
            if time.monotonic() - purged > _PURGE_SECONDS:
                await self._in_cases(self._purge)
                purged = time.monotonic()
            more = await dispatcher.round()
            self.health.moves("dispatch")
            if not more:
                await asyncio.sleep(0.3)

    def _purge(self) -> None:
        """Dead letters and evidence go after their time; Kafka removes its records by itself.

        By the database's clock: a worker whose own runs ahead would destroy keys that are needed.
        """
        assert self.cases is not None
        desk.purge(self.cases, now=self.cases.log_time(), keep_text=self.settings.retention_days * 86_400_000)

    async def _in_cases(self, work: Callable[..., Any], *arguments: Any) -> Any:
        while True:
            try:
                return await asyncio.to_thread(work, *arguments)
            except Unavailable as error:
                await self._wait(error)

    async def _tell_absences(self) -> None:
        absences = Absences()
        while True:
            absences.look(self.health.parts_away())
            await asyncio.sleep(_WAIT_SECONDS)

    async def _watch_progress(self) -> None:
        """Look at the lag; a worker that has work and does not get on ends, for its successor may."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            places = [place for mine in self.health.positions.values() for place in mine]
            try:
                last: dict[TopicPartition, int] | None = await ends(self.kafka, places) if places else {}
            except (Unavailable, KafkaError, OSError) as error:
                self.health.away["kafka"] = (time.monotonic(), f"Kafka does not answer ({type(error).__name__})")
                last = None
            for agent, mine in self.health.positions.items():
                self.metrics.set_partitions(agent, len(mine))
                if last is None:
                    # What waited before waits still.
                    continue
                self.health.lag[agent] = sum(max(0, last.get(place, at) - at) for place, at in mine.items())
                self.metrics.set_lag(agent, self.health.lag[agent])
                if not self.health.lag[agent]:
                    self.health.moves(agent)
            for agent, at in self.health.moved.items():
                self.metrics.progressed(agent, time.time() - (time.monotonic() - at))
            self.metrics.set_waiting(self.health.parts_away())
            if late := self.health.stalled(self.settings.stall_seconds):
                say("stalled", seconds=self.settings.stall_seconds, agents=late.split(", "))
                take_down()
                os._exit(STALLED)

    async def _watch_parts(self) -> None:
        """Look up what nobody counts as it happens: queues, dates, what is in force and in memory, the disk."""
        while True:
            show_disk(self.metrics, self.settings.dir)
            self.metrics.set_caches({name: count for host in self._hosts for name, count in host.kept().items()})
            try:
                await self._watch_judging()
                if self.cases is not None:
                    show(self.metrics, await asyncio.to_thread(look, self.cases, _now(), self._listed()))
            except Unavailable as error:
                self.health.misses(error)
            await asyncio.sleep(SECONDS)

    async def _watch_judging(self) -> None:
        if not {"screen", "escalate"} & set(self.roles):
            return
        now = self.editions.kept[-1].screen
        self.metrics.set_editions(now.in_force())
        if "screen" in self.roles:
            everywhere = await self.producer.partitions(OBSERVATIONS)
            self.metrics.set_deadlines(*await self.states.due_counts(everywhere, _now() - LATE))

    def _listed(self) -> int:
        """How many groups the fleet lists; 0 where nobody here has to know."""
        knows = {"screen", "escalate"} & set(self.roles)
        return len(self.editions.kept[-1].screen.directory.groups) if knows else 0

    async def _wait(self, error: Unavailable) -> None:
        """What is away is said by `/ready`; a state that was lost is rebuilt before anybody goes on."""
        self.health.misses(error)
        if isinstance(error, StateLost):
            try:
                await restore(self.states, self.kafka)
                say("restored", part="redis")
                return
            except Unavailable as further:
                self.health.misses(further)
        await asyncio.sleep(_WAIT_SECONDS)

    async def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except Exception as error:
            self._failed(error)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._tried(work))
        _running.add(task)
        task.add_done_callback(_running.discard)

    async def _tried(self, work: Any) -> None:
        """Tidying up that may fail: what stays expires by itself."""
        try:
            await work
        except Unavailable as error:
            self.health.misses(error)

    def _failed(self, error: BaseException) -> None:
        if self._broken is not None and not self._broken.done():
            say("broke", **what_broke(error))
            self._broken.set_result(in_words(error))

    # health

    async def _serve_health(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/live", self._live),
                web.get("/ready", self._ready),
                web.get("/metrics", self._shown),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.settings.host, self.port).start()
        except OSError as error:
            raise LoadError(f"cannot listen on {self.settings.host} port {self.port}: choose another one") from error
        return runner

    async def _page(self, request: web.Request) -> web.Response:
        why = self.health.waits_for()
        return web.Response(body=page(not why, why, self.standing(), {}).encode(), headers=HEADERS)

    def standing(self) -> Standing:
        """How the worker stands, for its status page."""
        partitions = {agent: len(mine) for agent, mine in self.health.positions.items()}
        edition = self.editions.at(_now()) if self._judges else None
        return Standing(
            "worker",
            self._began,
            worker=self.settings.worker_id or socket.gethostname(),
            roles=self.roles,
            agents={
                one: (partitions.get(one, 0), self.health.lag.get(one, 0)) for one in self.roles if one != "dispatch"
            },
            editions=edition.screen.in_force() if edition else (),
            shadow=edition.shadow.name if edition and edition.shadow else None,
            away=sorted(self.health.parts_away()),
            ticked=ticked(self.metrics),
        )

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"live": True, "roles": list(self.roles)})

    async def _ready(self, request: web.Request) -> web.Response:
        why = self.health.waits_for()
        partitions = {agent: len(mine) for agent, mine in self.health.positions.items()}
        told = {"ready": not why, "why": why, "partitions": partitions, "lag": self.health.lag}
        return web.json_response(told, status=503 if why else 200)

    async def _shown(self, request: web.Request) -> web.Response:
        body, content_type = self.metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})


def effective(settings: Settings) -> dict[str, str]:
    """The settings as they are used, for the start of a log: of what may hold a secret only whether it is set."""
    shown: dict[str, str] = {}
    for one in fields(settings):
        value = getattr(settings, one.name)
        shown[one.name] = ("set" if value else "not set") if one.metadata["secret"] else str(value)
    return shown


def _now() -> int:
    return time.time_ns() // 1_000_000


_running: set[asyncio.Task[None]] = set()
