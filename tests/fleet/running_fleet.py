"""A fleet with one worker as a process and a schema of its own, and the command line as people call it."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from models import Fleet
from streams.cases.postgres import Cases
from streams.cli import main
from streams.fleet.kafka import Kafka, Producer, create_topics, read_whole
from streams.topics import OBSERVATIONS, Record, value_of

PATIENCE = 60.0
# Assisted in `baseline`: it becomes a question for a person. The number is one of the standard's own examples.
NUMBER = "他的身份证号是11010519491231002X"
# Automatic: strikes and sanctions.
ADVERT = "祛痘精油内部价,想做代理的加我微信"


class RunningFleet:
    """Groups that no fleet lists, under `baseline`. `say` posts, `run` calls a command, `rows` looks into a table."""

    def __init__(self, stack: Any, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.kafka = Kafka(stack.kafka, f"t{uuid4().hex[:10]}-")
        self.schema = f"t{uuid4().hex[:10]}"
        self._admin = sa.create_engine(stack.database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {self.schema}")
        self.database = f"{stack.database}?options=-csearch_path%3D{self.schema}"
        (folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet()))
        self.settings = {
            "XUNQUN_KAFKA": stack.kafka,
            "XUNQUN_KAFKA_PREFIX": self.kafka.prefix,
            "XUNQUN_REDIS": stack.redis,
            "XUNQUN_DATABASE": self.database,
            "XUNQUN_FLEET": str(folder / "fleet.yaml"),
            "XUNQUN_TICK_SECONDS": "1",
        }
        self.worker: subprocess.Popen[bytes] | None = None
        asyncio.run(create_topics(self.kafka, partitions=2))

    def start(self, roles: str = "screen,gather,escalate,enforce,record,dispatch") -> None:
        log = self.folder / "worker.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
        arguments = ("worker", "--agents", roles, "--id", "w1", "--port", "0")
        with log.open("wb") as file:
            self.worker = subprocess.Popen(
                [sys.executable, "-c", "from streams.cli import main; main()", *arguments],
                env=clean | self.settings, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.until(lambda: re.search(r"health on http", log.read_text("utf-8", "replace")), "the worker serves")

    def stop(self) -> int:
        assert self.worker is not None
        self.worker.terminate()
        code = self.worker.wait(30)
        self.worker = None
        return code

    def close(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait(30)
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {self.schema} CASCADE")

    def until(self, check: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
            assert self.worker is None or self.worker.poll() is None, (self.folder / "worker.log").read_text("utf-8")
            time.sleep(0.1)
        return found

    # what comes in

    def said(self, text: str, *, by: str = "a1", group: str = "g1", **more: object) -> tuple[str, bytes]:
        """An observation: its id and its bytes."""
        named = f"{self.kafka.prefix}{uuid4().hex[:8]}"
        body = {
            "id": named, "type": "message.created", "platform": "webhook", "group": {"id": group},
            "sender": {"id": by}, "sent_at": time.time_ns() // 1_000_000, "kind": "text", "text": text, **more,
        }  # fmt: skip
        return named, msgspec.json.encode(body)

    def say(self, text: str, *, group: str = "g1", **more: Any) -> str:
        named, body = self.said(text, group=group, **more)
        self.publish([Record(OBSERVATIONS, f"webhook:{group}", body, -1, -1)])
        return named

    def publish(self, records: Sequence[Record]) -> None:
        async def send() -> None:
            producer = Producer(self.kafka)
            await producer.start()
            try:
                await producer.send(records)
            finally:
                await producer.stop()

        self.wait_for(send())

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(PATIENCE):
                return await work

        return asyncio.run(limited())

    # what there is

    def topic(self, name: str) -> list[Any]:
        """What the records of a topic hold."""
        return [value_of(one) for one in self.wait_for(read_whole(self.kafka, name))]

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"SET search_path TO {self.schema}")
            return [tuple(one) for one in connection.execute(sa.text(query), values)]

    def write(self, statement: str, **values: object) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"SET search_path TO {self.schema}")
            connection.execute(sa.text(statement), values)

    def dump(self, tables: Sequence[str]) -> dict[str, list[str]]:
        """Every row of these tables, in one order."""
        return {one: [row[0] for row in self.rows(f"SELECT t::text FROM {one} t ORDER BY 1")] for one in tables}

    def cases(self) -> Cases:
        return Cases(self.database)


class Called:
    """The command line on one fleet; what a command printed, its exit code and its error."""

    def __init__(
        self, fleet: RunningFleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith("XUNQUN_")]:
            monkeypatch.delenv(name)
        for name, value in fleet.settings.items():
            monkeypatch.setenv(name, value)

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        out, err = self._capsys.readouterr()
        return int(ended.value.code or 0), out, err

    def json(self, *arguments: object) -> Any:
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)
