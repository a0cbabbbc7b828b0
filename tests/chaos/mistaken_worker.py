"""A worker with two mistakes on purpose: it believes the clock of a tick, and judges by what is in force when it reads a record.

`run.py wrong-clock reload-during-kill --program tests/chaos/mistaken_worker.py` has to fail in both.
"""

import time

import msgspec

from streams.cli import main
from streams.fleet.control import Editions
from streams.fleet.screening import ScreenHost

_tick, _at = ScreenHost._tick, Editions.at


async def _believing(self, partition, tick):
    tick.appended_at = msgspec.json.decode(tick.value)["sent_at"]
    await _tick(self, partition, tick)


ScreenHost._tick = _believing
Editions.at = lambda self, when: _at(self, time.time_ns() // 1_000_000)
main()
