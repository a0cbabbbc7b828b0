"""A worker with a mistake on purpose: it acknowledges a batch before its effects are there."""

import asyncio

from streams.cli import main
from streams.fleet.screening import ScreenHost

_right = ScreenHost.handle
_pending = set()


async def _too_early(self, chunks):
    async def later():
        await asyncio.sleep(2.0)
        await _right(self, chunks)

    task = asyncio.create_task(later())
    _pending.add(task)
    task.add_done_callback(_pending.discard)


ScreenHost.handle = _too_early
main()
