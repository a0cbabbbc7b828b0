"""The whole product in one process: ingest, agents, ticker and dispatcher over one SQLite store."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec

from connectors.actuator import Actuator
from models.observation import Millis
from streams import brakes, desk, outbox
from streams.brakes import Budgets
from streams.calls import DeskCalls
from streams.dispatch import Dispatcher
from streams.embedded import Done, Embedded
from streams.errors import LoadError, Unavailable
from streams.logs import Absences, in_words, say, what_broke
from streams.metrics import Metrics
from streams.metrics.counting import count_effects
from streams.metrics.watching import LATE, SECONDS, look, show, show_disk
from streams.shadow import Shadow, Told
from streams.status import Standing, ticked
from streams.store import Store
from streams.telling import tell_edition, tell_effects
from streams.topics import CONTROL, Appended
from streams.tuning import labels

T = TypeVar("T")
# Posts that arrive together become durable together; more than this wait for the next commit.
_MOST_PER_COMMIT = 512
# A step has a price of its own, some milliseconds. Where this many records come at once, more are on their way: waiting
# a moment for them leaves the processor to those who post.
_BUSY = 8
_LINGER_SECONDS = 0.01
# How often to look for records that another process appended (decisions on the command line).
_POLL_SECONDS = 0.2
# How long to wait before trying again when the disk is full or the file locked.
_STORE_RETRY_SECONDS = 1.0
# A loop that broke counts as well when it has not broken again for this long; the slowest goes round in seconds.
_WELL_AGAIN_SECONDS = 60.0
_TOLD = msgspec.json.Decoder(Told)


class Service(DeskCalls):
    """Runs an embedded host. All of the store's work happens in one thread; the event loop never waits for the disk."""

    def __init__(
        self,
        host: Embedded,
        actuator: Actuator,
        metrics: Metrics,
        *,
        tick_seconds: float = 5.0,
        keep_text: Millis = 30 * 86_400_000,
        budgets: Budgets = brakes.DEFAULT,
        clock: Callable[[], Millis] = lambda: time.time_ns() // 1_000_000,
        watch: Callable[[Sequence[Done]], None] | None = None,
    ) -> None:
        self.host = host
        self.store: Store = host.store
        self.metrics = metrics
        self.clock = clock
        self._dispatcher = Dispatcher(host.store, actuator, metrics, clock, self._patiently, budgets=budgets)
        self._tick_seconds = tick_seconds
        self._keep_text = keep_text
        self._watch = watch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._posts: asyncio.Queue[tuple[bytes, asyncio.Future[Appended]]] = asyncio.Queue(maxsize=20_000)
        self._news = asyncio.Event()
        self._sendable = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        # What cannot be stored now, by the call that waits for it: a read that succeeds meanwhile mends nothing.
        self._trouble: dict[object, Unavailable] = {}
        self._broken: dict[str, tuple[float, str]] = {}
        # The last announcement that was taken.
        self._announced = 0
        self._absences = Absences()
        self._began = time.time()
        # As of the last look at the status.
        self._backlogs: dict[str, int] = {}

    async def start(self) -> None:
        """Take up what a former process left, then run. Call once, inside the loop."""
        await self._dispatcher.recover()
        loops = (self._commit_posts, self._work, self._dispatch, self._keep_time, self._watch_parts)
        self._tasks = [asyncio.create_task(self._guard(loop), name=loop.__name__) for loop in loops]
        self._news.set()

    async def stop(self) -> None:
        """Commit what was posted, finish the step in hand, and end."""
        while not self._posts.empty():
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.get_running_loop().run_in_executor(self._thread, self.store.close)
        self._thread.shutdown()

    # ingest

    def _decided(self) -> None:
        self._news.set()

    def _resumed(self) -> None:
        self._sendable.set()

    async def append(self, body: bytes) -> Appended:
        """Store one observation durably; posts that arrive together share one commit."""
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        try:
            self._posts.put_nowait((body, future))
        except asyncio.QueueFull:
            return Appended("unavailable", why="more posts are waiting than can be stored")
        return await future

    async def append_many(self, bodies: Sequence[bytes]) -> list[Appended]:
        return list(await asyncio.gather(*map(self.append, bodies)))

    async def set_aside(self, body: bytes, cause: str) -> None:
        """Keep what could not be read among the dead letters."""
        await self._in_store(self.host.append_dead, body, cause, self.clock())
        self._news.set()

    async def busy(self) -> bool:
        """Whether anything waits to be judged or to go out."""
        return bool(self._posts.qsize() or await self._in_store(self._waiting))

    def _waiting(self) -> bool:
        return self.host.backlog() > 0 or outbox.waiting(self.store)

    def ready(self) -> tuple[bool, list[str]]:
        dead = [f"{task.get_name().strip('_')} has ended" for task in self._tasks if task.done()]
        recent = [why for at, why in self._broken.values() if time.monotonic() - at < _WELL_AGAIN_SECONDS]
        reasons = [*dict.fromkeys(map(str, self._trouble.values())), *recent, *dead]
        return not reasons and bool(self._tasks), reasons

    def standing(self) -> Standing:
        return Standing(
            "run",
            self._began,
            agents={agent: (None, waiting) for agent, waiting in self._backlogs.items()},
            editions=self.host.screen.in_force(),
            shadow=self.host.shadow.name if self.host.shadow else None,
            away=sorted(self._away()),
            ticked=ticked(self.metrics),
        )

    def _away(self) -> set[str]:
        return {one.part for one in self._trouble.values()}

    async def status(self) -> dict[str, Any]:
        found = await self._in_store(desk.status, self.store)
        self._backlogs = await self._in_store(self.host.backlogs)
        found["backlog"] = sum(self._backlogs.values())
        return found

    # loops

    async def _commit_posts(self) -> None:
        while True:
            waiting: list[tuple[bytes, asyncio.Future[Appended]]] = []
            # Nobody posts to what is not ready: after a refusal it finds out by itself when it can store again.
            with suppress(TimeoutError):
                async with asyncio.timeout(_STORE_RETRY_SECONDS if "posts" in self._trouble else None):
                    waiting.append(await self._posts.get())
            while len(waiting) < _MOST_PER_COMMIT and not self._posts.empty():
                waiting.append(self._posts.get_nowait())
            try:
                if not waiting:
                    await self._in_store(self.store.try_write)
                results = await self._in_store(self.host.append, [body for body, _ in waiting], self.clock())
                self._trouble.pop("posts", None)
                self._absences.look(self._away())
            except Unavailable as error:
                self._trouble["posts"] = error
                self._absences.away(error.part)
                results = [Appended("unavailable", why=str(error))] * len(waiting)
            except BaseException:
                for _, future in waiting:
                    if not future.done():
                        future.set_result(Appended("unavailable", why="the process is ending"))
                raise
            for (_, future), result in zip(waiting, results, strict=True):
                if not future.done():
                    future.set_result(result)
            self._news.set()

    async def _work(self) -> None:
        while True:
            done = await self._patiently(self.host.step)
            self.metrics.progressed("screen", time.time())
            ticked = self.host.more_due and await self._patiently(self.host.tick, self.clock())
            if done:
                now = self.clock()
                for one in done:
                    count_effects(self.metrics, one.agent, now, one.records, one.effects)
                    tell_effects(one.agent, one.records, one.effects)
                if self._watch:
                    self._watch(done)
                if any(table == "outbox" for one in done for table, _ in one.effects.rows):
                    self._sendable.set()
                if _BUSY <= max(len(one.records) for one in done) < self.host.chunk:
                    await asyncio.sleep(_LINGER_SECONDS)
                continue
            if ticked:
                continue
            self._news.clear()
            await _wait(self._news, _POLL_SECONDS)

    async def _dispatch(self) -> None:
        try:
            while True:
                if await self._dispatcher.round():
                    self._news.set()
                    continue
                self._sendable.clear()
                await _wait(self._sendable, 1.0)
        finally:
            await self._dispatcher.close()

    async def _keep_time(self) -> None:
        rounds = 0
        while True:
            await self._follow_control()
            if await self._patiently(self.host.screen_again, self.clock()):
                self._news.set()
            await asyncio.sleep(self._tick_seconds)
            if await self._patiently(self.host.tick, self.clock()):
                self._news.set()
            self.metrics.ticked(time.time())
            if rounds % 720 == 0:
                await self._patiently(partial(desk.purge, now=self.clock(), keep_text=self._keep_text), self.store)
                await asyncio.to_thread(self._purge_labels)
            rounds += 1

    async def _watch_parts(self) -> None:
        """Look up what nobody counts as it happens: queues, dates, what is in force and in memory, the disk."""
        while True:
            show_disk(self.metrics, self.store.path.parent)
            screen = self.host.screen
            self.metrics.set_editions(screen.in_force())
            sizes = {"senders": len(screen.windows), "pieces": len(screen.windows.pieces), "posts": self._posts.qsize()}
            self.metrics.set_caches(sizes)
            self.metrics.set_waiting(self._away())
            self.metrics.set_lag("screen", await self._patiently(self.host.backlog))
            self.metrics.set_partitions("screen", 1)
            now, listed = self.clock(), len(screen.directory.groups)
            show(self.metrics, await self._patiently(look, self.store, now, listed))
            self.metrics.set_deadlines(*await self._patiently(self.store.due_counts, now - LATE))
            await asyncio.sleep(SECONDS)

    def _purge_labels(self) -> None:
        path = self.store.path.parent / labels.FILE
        try:
            labels.purge(path, self.clock())
        except OSError as error:
            say("labels_kept", code=error.errno)

    async def _follow_control(self) -> None:
        """Take the shadow that was announced last. It is made ready beside the store's thread, which judges on."""
        records = await self._patiently(self.store.read, (CONTROL,), self._announced, 1000)
        if not records:
            return
        self._announced = records[-1].offset
        try:
            wanted = _TOLD.decode(records[-1].value).shadow
            shadow = await asyncio.to_thread(Shadow, wanted, self.host.screen) if wanted else None
        except (LoadError, msgspec.MsgspecError):
            say("edition_refused", topic=CONTROL, offset=self._announced)
            return
        await self._in_store(setattr, self.host, "shadow", shadow)
        self.tell_edition()

    def tell_edition(self) -> None:
        """Say what is in force."""
        shadow = self.host.shadow
        tell_edition(self.host.screen, shadow=shadow.name if shadow else None)

    async def _patiently(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do the store's work; while the store or its keys are away, say so in `/ready` and try again. Nothing is skipped."""
        waiting = object()
        try:
            while True:
                try:
                    return await self._in_store(work, *arguments)
                except Unavailable as error:
                    self._trouble[waiting] = error
                    self._absences.away(error.part)
                    await asyncio.sleep(_STORE_RETRY_SECONDS)
        finally:
            self._trouble.pop(waiting, None)
            self._absences.look(self._away())

    async def _in_store(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        call = partial(work, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _guard(self, loop: Callable[[], Any]) -> None:
        """A loop that breaks is reported by `/ready` and started again; it never dies in silence."""
        while True:
            try:
                await loop()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                name = loop.__name__.strip("_")
                self._broken[loop.__name__] = (time.monotonic(), f"{name} failed: {in_words(error)}")
                say("loop_broke", loop=name, **what_broke(error))
                await asyncio.sleep(_STORE_RETRY_SECONDS)


async def _wait(event: asyncio.Event, most: float) -> None:
    """Wait for an event, or so many seconds.

    Python 3.11's `wait_for` swallows a cancellation in whose moment the event is set: the service would never end.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(most):
            await event.wait()
