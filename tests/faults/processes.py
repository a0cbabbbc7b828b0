"""A process of `xunqun` from outside: its output, its end, its store, and the space that it is given."""

import asyncio
import json
import re
import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any

# Generous, because the machine may be busy; nothing waits for as long unless something is wrong.
PATIENCE = 60.0
_LISTENS = re.compile(r"listens on (http://[^\s:]+:\d+)")


class Program:
    """One process of `xunqun`; its output is gathered while it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""
        self.errors = ""
        #: The lines of its log, which goes to standard error as well.
        self.log: list[dict[str, Any]] = []
        self._reading = [asyncio.create_task(self._read("output")), asyncio.create_task(self._read("errors"))]

    async def _read(self, kept: str) -> None:
        stream = self.process.stdout if kept == "output" else self.process.stderr
        assert stream is not None
        while line := await stream.readline():
            if kept == "errors" and line.startswith(b"{"):
                self.log.append(json.loads(line))
            else:
                setattr(self, kept, getattr(self, kept) + line.decode())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def url(self) -> str | None:
        """Where it listens; None before it does and after its end."""
        found = _LISTENS.search(self.output)
        return found.group(1) if found and self.alive else None

    async def ready(self) -> str:
        """Wait until it listens."""
        await until(lambda: self.url or not self.alive, "the service listens")
        assert self.url, f"ended with {self.process.returncode} before it listened: {self.errors}"
        return self.url

    async def ended(self) -> int:
        """Wait for the end by itself; the exit code."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(self.process.wait(), *self._reading)
        assert self.process.returncode is not None
        return self.process.returncode

    async def stop(self) -> int:
        """Ask it to end as a service manager does."""
        self.process.terminate()
        return await self.ended()

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.ended()


def limit_files(program: Program, most_bytes: int | None) -> None:
    """Let no file of a running process grow beyond this, as on a full disk; None gives the space back."""
    soft = resource.RLIM_INFINITY if most_bytes is None else most_bytes
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


async def until(check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    """Wait until `check` holds, and fail with what was waited for if it does not in time."""
    deadline = monotonic() + seconds
    while not check():
        assert monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        await asyncio.sleep(0.05)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the store of a running service holds, read beside it."""
    with closing(sqlite3.connect(f"file:{folder / 'xunqun.db'}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
        return connection.execute(query).fetchall()


def is_settled(folder: Path) -> bool:
    """Whether all that was stored is handled, and all that was planned is done."""
    waiting = """
        SELECT 1 FROM outbox WHERE status IN ('planned', 'sending')
        UNION ALL SELECT 1 FROM log WHERE topic = 'observations' AND offset > (SELECT offset FROM offsets WHERE agent = 'screen')
        UNION ALL SELECT 1 FROM log WHERE topic IN ('judgements', 'outcomes')
            AND offset > (SELECT offset FROM offsets WHERE agent = 'escalate')
        UNION ALL SELECT 1 FROM log WHERE topic = 'actions' AND offset > (SELECT offset FROM offsets WHERE agent = 'enforce')
        UNION ALL SELECT 1 FROM log WHERE topic IN ('judgements', 'actions', 'dead-letters')
            AND offset > (SELECT offset FROM offsets WHERE agent = 'record')
        LIMIT 1
    """
    return not rows(folder, waiting)
