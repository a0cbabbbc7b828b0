"""Plays the demo day through the real service, in a folder of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.observation import Millis
from streams.cli.output import console
from streams.demo.screen import Screen
from streams.http import Serving
from streams.running import running, stop_signal
from streams.service import Service
from streams.settings import Settings
from streams.store import HostLock
from streams.topics import Unusable, decode_observation

_HERE = Path(__file__).parent


async def play_demo(settings: Settings, *, speed: float, leave: bool) -> None:
    """Play the day at `speed` observations a second (0: at once), then serve on so that one can look around."""
    folder = settings.dir / "demo"
    _forget_former_day(folder)
    clock = _Clock()
    settings = replace(settings, dir=folder, fleet=_HERE / "fleet.yaml", tick_seconds=3600.0, action_url=None)
    with Screen(console) as screen:
        async with _on_free_port(settings, clock=clock, watch=screen.watch) as (service, serving):
            base = f"http://{serving.host}:{serving.port}"
            screen.begin(service.host.directory, base)
            await _play(service, clock, speed)
            await _settled(service)
            screen.end(await service.status(), folder, base)
            if not leave:
                console.print("Serving on; Ctrl-C ends it.")
                await stop_signal().wait()


def _forget_former_day(folder: Path) -> None:
    """Remove the store of the last demo; InUse while another process still plays it."""
    lock = HostLock(folder)
    for old in folder.glob("xunqun.db*"):
        old.unlink()
    lock.release()


class _Clock:
    """Time as the demo day tells it."""

    def __init__(self) -> None:
        self.now: Millis = 0

    def __call__(self) -> Millis:
        return self.now


@asynccontextmanager
async def _on_free_port(settings: Settings, **options: Any) -> AsyncIterator[tuple[Service, Serving]]:
    """Like `running`, but a taken port is no reason to fail: a demo takes a free one."""
    with closing(socket.socket()) as probe:
        if probe.connect_ex((settings.host, settings.port)) == 0:
            settings = replace(settings, port=0)
    async with running(settings, **options) as both:
        yield both


async def _play(service: Service, clock: _Clock, speed: float) -> None:
    for line in (_HERE / "day.jsonl").read_bytes().splitlines():
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
