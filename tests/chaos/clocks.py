"""Clocks that are wrong: senders two hours fast and two hours slow, and a ticker that is two hours fast."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from deadlines import PACK, QUESTION, REPLY
from field import GROUPS, MEMBERS, Answer, Field, Result, said

from streams.topics import Record

HOURS = 2 * 3_600_000
# An answer may take two hours and this much, day and night: what a slow sender asks falls due within the run.
SPARE_SECONDS = 6
WORK = "三号机今天的产量报表已经交了"
# Ten groups each: a slow asker whom nobody answers; an asker whom a fast sender answers at once; a fast asker.
UNANSWERED, ANSWERED, AHEAD = range(10), range(10, 20), range(20, 30)


class ClockField(Field):
    """A third of the senders is two hours fast, a third two hours slow."""

    strikes_at = 0.05
    # They owe other things.
    owes = False

    async def prepare(self) -> None:
        await super().prepare()
        pack = yaml.safe_load(PACK.read_text("utf-8"))
        (binding,) = pack["clauses"][REPLY]["bindings"]
        binding["with"]["within"] = {"hours": 2, "minutes": SPARE_SECONDS / 60, "from": "tenant"}
        self.pack.write_text(yaml.safe_dump(pack, allow_unicode=True), "utf-8")

    def _observation(self, number: int) -> Record:
        group, turn = number % GROUPS, number // GROUPS
        asks = QUESTION if turn == 1 else WORK
        if group in UNANSWERED:
            return self.message(number, group, 0, asks, late=HOURS)
        if group in ANSWERED:
            # By the clock of the second member the answer comes when its time is over.
            return self.message(number, group, turn % 2, asks if turn % 2 else WORK, late=0 if turn % 2 else -HOURS)
        if group in AHEAD:
            return self.message(number, group, 0, asks, late=-HOURS)
        member = self.numbers.randrange(MEMBERS)
        return self.message(number, group, member, self.text(), late=(member % 3 - 1) * HOURS)

    async def compare_more(
        self,
        result: Result,
        expected: Answer,
        observed: Sequence[Record],
        judged: Sequence[Record],
        planned: Sequence[Record],
    ) -> None:
        found: dict[str, int] = {}
        early = 0
        for record in judged:
            verdict = said(record).verdict
            for one in (*verdict.violations, *verdict.uncertain) if verdict else ():
                if one.cause and one.cause.kind == "deadline":
                    found[verdict.group_id] = found.get(verdict.group_id, 0) + 1
                    # A verdict carries the append time of the record that caused it, and its due date.
                    early += record.appended_at < verdict.judged_at
        if early:
            result.wrong.append(f"{early} deadlines fired before their time")
        silent = {f"g{one}" for one in UNANSWERED}
        if missing := silent - set(found):
            result.wrong.append(f"{len(missing)} of {len(silent)} unanswered questions were never counted")
        for what, groups in (("answered", ANSWERED), ("fast", AHEAD)):
            if wrong := [one for one in groups if f"g{one}" in found]:
                result.wrong.append(f"{len(wrong)} {what} questions were counted as unanswered")
        fast = [seen for one in observed if (seen := said(one)) and one.appended_at + HOURS // 2 < seen.sent_at]
        ticks = sum(seen.type == "clock.tick" for seen in fast)
        result.proof += (
            f"; {len(fast) - ticks} messages and {ticks} ticks were from the future, {len(found)} deadlines fired"
        )
        if not ticks or len(fast) == ticks:
            result.wrong.append("no clock was wrong")


async def wrong_clock(field: Any) -> str:
    """Senders two hours fast and two hours slow, and a second ticker whose clock is two hours fast."""
    given = {"CHAOS_KAFKA": field.stack.kafka, "CHAOS_PREFIX": field.kafka.prefix}
    with (field.folder / "ticker.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("fast_ticker.py")),
            env={**os.environ, **given}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while field.sent < field.total or time.monotonic() < deadline - 75:
            await asyncio.sleep(0.2)
        # What was asked last falls due, and the right clock says so.
        await asyncio.sleep(SPARE_SECONDS + 5)
        assert process.returncode is None, f"the second ticker ended with {process.returncode}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    return "a second ticker, two hours fast"
