"""Workers of a fleet as processes, over topics and a fleet of the test's own."""

import asyncio
import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from models import Account, Fleet, Group, Person
from streams.fleet.kafka import Kafka, Producer, create_topics
from streams.topics import OBSERVATIONS, Record

ALL = "screen,gather,escalate,enforce,record,dispatch"
PATIENCE = 60.0


class SmallFleet:
    """Three groups under `xianchuang` with five people each; `say` posts, `start` starts a worker."""

    def __init__(self, stack: Any, folder: Path, prefix: str) -> None:
        self.stack, self.folder, self.kafka = stack, folder, Kafka(stack.kafka, prefix)
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.said = 0

    async def prepare(self, partitions: int = 2) -> None:
        people = tuple(
            Person(id=f"u{group}{one}", name="王建国", accounts=(Account("webhook", f"a{group}{one}"),))
            for group in range(3)
            for one in range(5)
        )
        groups = tuple(
            Group(
                id=f"g{group}", platform="webhook", pack="xianchuang", mode="observe", owner=f"u{group}0",
                members=tuple(f"u{group}{one}" for one in range(5)),
            )
            for group in range(3)
        )  # fmt: skip
        (self.folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet(people=people, groups=groups)))
        await create_topics(self.kafka, partitions=partitions)
        self.producer = Producer(self.kafka)
        await self.producer.start()

    async def start(
        self, name: str, roles: str = ALL, *, before: str = "", **settings: object
    ) -> asyncio.subprocess.Process:
        """A worker that has said that it serves; `before` is code that runs before it."""
        given = {
            "kafka": self.stack.kafka,
            "redis": self.stack.redis,
            "database": self.stack.database,
            "kafka_prefix": self.kafka.prefix,
            "tick_seconds": 1,
            "fleet": self.folder / "fleet.yaml",
            **settings,
        }
        clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
        log = self.log(name)
        with log.open("wb") as file:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable, "-c", f"{before}\nfrom streams.cli import main; main()",
                "worker", "--agents", roles, "--id", name, "--port", "0",
                env=clean | {f"XUNQUN_{key.upper()}": str(value) for key, value in given.items()},
                stdout=file, stderr=file, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        await until(lambda: self.url(name) or self.processes[name].returncode is not None, f"{name} serves")
        assert self.url(name), log.read_text("utf-8")
        return self.processes[name]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def url(self, name: str) -> str | None:
        found = re.search(r"health on (http://[\d.]+:\d+)/ready", self.log(name).read_text("utf-8", "replace"))
        return found.group(1) if found else None

    async def stop(self, name: str, number: int = signal.SIGTERM) -> int:
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            process.send_signal(number)
        async with asyncio.timeout(30):
            return await process.wait()

    async def say(self, text: str, *, by: str = "a01", group: str = "g0", **more: object) -> str:
        self.said += 1
        body = {
            "id": f"{self.kafka.prefix}{self.said}", "type": "message.created", "platform": "webhook",
            "group": {"id": group}, "sender": {"id": by}, "sent_at": time.time_ns() // 1_000_000,
            "kind": "text", "text": text, **more,
        }  # fmt: skip
        await self.producer.send(
            [Record(OBSERVATIONS, f"webhook:{group}", msgspec.json.encode(body), -1, -1)], timed=False
        )
        return str(body["id"])

    async def close(self) -> None:
        for name in list(self.processes):
            await self.stop(name, signal.SIGKILL)
        await self.producer.stop()


async def until(check: Any, what: str, seconds: float = PATIENCE) -> Any:
    """What `check` gives as soon as it is true; it may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        await asyncio.sleep(0.1)
