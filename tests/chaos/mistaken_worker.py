"""A worker with two mistakes on purpose: it believes the clock of senders, and judges by what is in force when it reads a record.

`run.py wrong-clock reload-during-kill --program tests/chaos/mistaken_worker.py` has to fail in both.
"""

import time

from streams.agents import Screen
from streams.cli import main
from streams.fleet.control import Editions

_fire, _at = Screen._fire, Editions.at


def _believing(self, effects, record, case, pack, until):
    _fire(self, effects, record, case, pack, case.seen.sent_at)


Screen._fire = _believing
Editions.at = lambda self, when: _at(self, time.time_ns() // 1_000_000)
main()
