"""The product's ticker in a process whose clock is two hours fast, and which asks nobody whether it may."""

import asyncio
import os
import time

right = time.time_ns
time.time_ns = lambda: right() + 2 * 3_600 * 10**9

from streams.fleet.kafka import Kafka, Producer  # noqa: E402
from streams.fleet.ticker import keep_time  # noqa: E402


class Alone:
    """Thinks that there is no other ticker."""

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        return True


async def main() -> None:
    producer = Producer(Kafka(os.environ["CHAOS_KAFKA"], os.environ["CHAOS_PREFIX"]))
    await producer.start()

    async def wait(error: Exception) -> None:
        await asyncio.sleep(0.5)

    await keep_time(Alone(), producer, 0.5, wait)


asyncio.run(main())
