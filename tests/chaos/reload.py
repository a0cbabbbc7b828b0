"""A changed pack takes effect while workers get kill -9: what applies to a record follows from its append time alone."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import yaml
from field import Answer, Field, Result, answer, said

from models.observation import Millis
from policies.schema import Pack
from streams.fleet.control import NOTICE, Announcement
from streams.fleet.kafka import CONTROL, read_whole
from streams.loading import packs_from
from streams.topics import Record

# A clause whose ladder others use too; the changed pack has no rule for it.
CLAUSE = "xianchuang-08.1"


class ReloadField(Field):
    """A stream long enough for an announcement to take effect within it: ten seconds after it was appended."""

    strikes_at = 0.1

    def __init__(self, *arguments: Any, seconds: float = 40.0, **more: Any) -> None:
        super().__init__(*arguments, seconds=max(seconds, 40.0), **more)
        self.since: Millis = 0

    async def prepare(self) -> None:
        await super().prepare()
        pack = yaml.safe_load(self.pack.read_text("utf-8"))
        clause = pack["clauses"][CLAUSE]
        pack["clauses"][CLAUSE] = {
            "article": clause["article"], "says": clause["says"], "mode": "out-of-scope", "because": "暂停适用",
        }  # fmt: skip
        self.changed = self.folder / "changed" / "xianchuang.yaml"
        self.changed.parent.mkdir()
        self.changed.write_text(yaml.safe_dump(pack, allow_unicode=True), "utf-8")

    def changed_packs(self) -> dict[str, Pack]:
        return packs_from([self.changed], self.fleet)

    def expected(self, observed: Sequence[Record]) -> Answer:
        return answer(observed, self.fleet, self.packs(), [(self.since, self.changed_packs())])

    async def announce(self) -> None:
        """As an operator does it; learns from the log when it takes effect."""
        given = {
            "XUNQUN_KAFKA": self.stack.kafka,
            "XUNQUN_KAFKA_PREFIX": self.kafka.prefix,
            "XUNQUN_FLEET": str(self.folder / "fleet.yaml"),
        }
        command = ("control", "announce", "--pack", str(self.changed), "--by", "operator")
        with (self.folder / "announce.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "from streams.cli import main; main()", *command,
                env={**os.environ, **given}, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(60):
            assert await process.wait() == 0, "the announcement was refused"
        (record,) = await read_whole(self.kafka, CONTROL)
        told = msgspec.json.decode(record.value, type=Announcement)
        self.since = max(told.effective_from, record.appended_at + NOTICE)

    async def compare_more(
        self,
        result: Result,
        expected: Answer,
        observed: Sequence[Record],
        judged: Sequence[Record],
        planned: Sequence[Record],
    ) -> None:
        before, after = self.packs()["xianchuang"].version, self.changed_packs()["xianchuang"].version
        seen: Counter[str] = Counter()
        wrong = 0
        for record in judged:
            verdict = said(record).verdict
            if verdict is not None:
                seen[verdict.pack_version] += 1
                wrong += verdict.pack_version != (after if record.appended_at >= self.since else before)
        if wrong:
            result.wrong.append(
                f"{wrong} verdicts are by a version that was not in force when their record was appended"
            )
        if not seen[before] or not seen[after]:
            result.wrong.append("the pack did not change within the stream")
        result.proof += f"; {seen[before]} verdicts by the old version, {seen[after]} by the new one"


async def reload_during_kill(field: ReloadField) -> str:
    """A changed pack is announced; the worker gets kill -9 before it takes effect, and again when it does."""
    await field.announce()
    for until in (field.since - 7_000, field.since):
        await asyncio.sleep(max(0.0, until / 1000 - time.time()))
        worker = field.workers["w1"]
        worker.send(signal.SIGKILL)
        await worker.process.wait()
        late = time.time() * 1000 - field.since
        assert abs(late - (until - field.since)) < 1500, f"struck {late:.0f} ms after the change"
    return "killed 7 s before the change and in the moment of it"
