"""Starts the service from its settings, and plays the demo day."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from connectors.simulated import SimulatedActuator
from connectors.webhook import WebhookActuator
from models.observation import Millis
from policies.directory import Directory
from streams.cli.output import console
from streams.embedded import Done, Embedded
from streams.http import Serving, is_loopback, serve
from streams.loading import classifiers_from, fleet_from, packs_from
from streams.metrics import Metrics
from streams.service import Service
from streams.settings import Settings, SettingsError
from streams.store import HostLock, Store
from streams.topics import Judged, Planned, Unusable, decode_observation

DEMO = Path(__file__).parent / "demo"
# Under load a step takes at most this many records, so that posts never wait long for the store.
_CHUNK = 128


@asynccontextmanager
async def running(settings: Settings, **options: Any) -> AsyncIterator[tuple[Service, Serving]]:
    """The service and its HTTP side; both stopped in order at the end. SettingsError where they cannot be used."""
    if not settings.webhook_secrets and not is_loopback(settings.host):
        raise SettingsError(
            f"listening on {settings.host} needs signed posts: set XUNQUN_WEBHOOK_SECRETS, or listen on 127.0.0.1"
        )
    if settings.action_url and not settings.action_secret:
        raise SettingsError(
            "actions are posted signed: set XUNQUN_ACTION_SECRET (whsec_…), or leave XUNQUN_ACTION_URL out"
        )
    fleet = fleet_from(settings.fleet)
    packs = packs_from(settings.packs, fleet)
    classifiers = classifiers_from(settings.model, settings.lists)
    lock = HostLock(settings.dir)
    metrics = Metrics()
    try:
        store = Store(settings.dir / "xunqun.db")
        host = Embedded(store, classifiers, packs, Directory(fleet), chunk=_CHUNK)
        async with aiohttp.ClientSession() as session:
            actuator = (
                WebhookActuator(settings.action_url, settings.action_secret, session)
                if settings.action_url and settings.action_secret
                else SimulatedActuator()
            )
            service = Service(
                host,
                actuator,
                metrics,
                tick_seconds=settings.tick_seconds,
                keep_text=settings.retention_days * 86_400_000,
                **options,
            )
            await service.start()
            serving = await serve(
                service,
                host=settings.host,
                port=settings.port,
                secrets=settings.webhook_secrets,
                api_token=settings.api_token,
                metrics=metrics,
            )
            try:
                yield service, serving
            finally:
                await serving.stop()
                await service.stop()
    finally:
        lock.release()


async def serve_settings(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with running(settings) as (service, serving):
        # Before it says that it listens: who reads that may stop it at once.
        stop = _stop_signal()
        base = f"http://{serving.host}:{serving.port}"
        groups = len(service.host.directory.groups)
        console.print(f"Xunqun listens on {base}: post observations to {base}/observations, status page {base}/")
        console.print(f"{groups} groups, packs {', '.join(sorted(service.host.packs))}, database in {settings.dir}")
        if not settings.action_url:
            console.print("no XUNQUN_ACTION_URL is set: actions are simulated and nothing is sent")
        await stop.wait()
        console.print("stopping: what was posted is being stored")


async def play_demo(settings: Settings, *, speed: float, leave: bool) -> None:
    """Play the demo day in a folder of its own, show what happens, then serve on so that one can look around."""
    folder = settings.dir / "demo"
    _forget_former_day(folder)
    clock = _DemoClock()
    show = DemoScreen()
    settings = _demo_settings(settings, folder)
    async with _free_port(settings, clock=clock, watch=show.watch) as (service, serving):
        base = f"http://{serving.host}:{serving.port}"
        show.directory = service.host.directory
        console.print("Xunqun demo day: four groups under three packs. Nothing is sent anywhere.")
        console.print(f"status page {base}/   metrics {base}/metrics")
        await _play(service, clock, speed)
        await _settled(service)
        await show.finish(service, folder, base)
        if not leave:
            console.print("serving on; Ctrl-C ends it")
            await _stop_signal().wait()


def _forget_former_day(folder: Path) -> None:
    """Remove the store of the last demo; InUse while another process still plays it."""
    lock = HostLock(folder)
    for old in folder.glob("xunqun.db*"):
        old.unlink()
    lock.release()


class _DemoClock:
    """Time as the demo day tells it."""

    def __init__(self) -> None:
        self.now: Millis = 0

    def __call__(self) -> Millis:
        return self.now


def _demo_settings(settings: Settings, folder: Path) -> Settings:
    from dataclasses import replace

    return replace(settings, dir=folder, fleet=DEMO / "fleet.yaml", tick_seconds=3600.0, action_url=None)


@asynccontextmanager
async def _free_port(settings: Settings, **options: Any) -> AsyncIterator[tuple[Service, Serving]]:
    """Like `running`, but a taken port is no reason to fail: a demo takes a free one."""
    import socket
    from dataclasses import replace

    with contextlib.closing(socket.socket()) as probe:
        if probe.connect_ex((settings.host, settings.port)) == 0:
            settings = replace(settings, port=0)
    async with running(settings, **options) as both:
        yield both


async def _play(service: Service, clock: _DemoClock, speed: float) -> None:
    for line in (DEMO / "day.jsonl").read_bytes().splitlines():
        try:
            clock.now = max(clock.now, decode_observation(line).sent_at)
        except Unusable as error:
            await service.set_aside(line, str(error))
            continue
        await service.append(line)
        if speed > 0:
            await asyncio.sleep(1 / speed)
        await _settled(service)


async def _settled(service: Service) -> None:
    """Wait until everything handed in was judged and every action that could go out has."""
    while await service.busy():
        await asyncio.sleep(0.002)


def _stop_signal() -> asyncio.Event:
    """Set by SIGINT or SIGTERM, which from now on do not end the process by themselves."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    return stop


class DemoScreen:
    """Prints findings and sanctions as they come, and a summary at the end."""

    def __init__(self) -> None:
        self.directory: Directory | None = None

    def watch(self, done: Sequence[Done]) -> None:
        from datetime import datetime
        from zoneinfo import ZoneInfo

        zone = ZoneInfo("Asia/Shanghai")
        for one in done:
            for _, _, value, at in one.effects.records:
                time = datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M")
                for line in self._lines(value):
                    console.print(f"{time} {line}")

    def _lines(self, value: Any) -> list[str]:
        from rich.markup import escape

        if isinstance(value, Judged) and value.verdict:
            found = [(one, "finding" if one.mode == "automatic" else "review ") for one in value.verdict.violations]
            found += [(one, "review ") for one in value.verdict.uncertain]
            return [
                f"[{'red' if state == 'finding' else 'yellow'}]{state}[/] {value.verdict.group_id:9} {one.clause:17}"
                f" {self._who(one.subject.id)} {escape(one.explanation)}"
                for one, state in found
            ]
        if isinstance(value, Planned) and value.sanction:
            sanction = value.sanction
            state = "draft  " if sanction.needs_approval else "out    " if sanction.mode == "enforce" else "record "
            back = " taken back" if sanction.reverses else ""
            return [
                f"[cyan]{state}[/] {sanction.group_id:9} {sanction.clause:17} {self._who(sanction.subject.id)}"
                f" [bold]{sanction.kind}[/bold]{back}"
            ]
        return []

    def _who(self, subject: str) -> str:
        person = self.directory.people.get(subject) if self.directory else None
        return person.name if person else subject

    async def finish(self, service: Service, folder: Path, base: str) -> None:
        """Say what the day came to and where to look next."""
        found = await service.status()
        console.print()
        console.print("The day is over.", style="bold")
        console.print(f"findings and questions: {found['verdicts']} verdicts, sanctions {found['sanctions']}")
        console.print(f"actions {found['actions']}, waiting for a person {found['reviews_open']}")
        console.print()
        console.print("Look further:")
        for line in (
            f"  .venv/bin/xunqun approvals --dir {folder}",
            f"  .venv/bin/xunqun review list --dir {folder}",
            f"  .venv/bin/xunqun review decide ID approve --by 您的名字 --dir {folder}",
            "  .venv/bin/xunqun check '面膜内部代理价,拉三个下线返现' --pack xianchuang",
            f"  {base}/",
        ):
            console.print(line, markup=False, soft_wrap=True)
