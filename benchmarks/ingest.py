"""Posts observations over HTTP at a steady rate into a real service and times each from its post to its stored verdict.

    python benchmarks/ingest.py [--data DIR] [--rate 1000] [--seconds 30] [--pack xianchuang] [--json]

The service runs in a process of its own with the webhook door, the store on disk with `synchronous=FULL`, and signed
posts; this process signs and posts, one observation a request over 32 kept connections, on a fixed schedule: a late post
counts from when it was due, so a service that stalls cannot hide it. A verdict's time is taken after the transaction
that holds it was committed. DIR as in real_input.py. 202 means durable: at the end the ids stored are counted.
"""

import argparse
import asyncio
import json
import multiprocessing
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import msgspec
import numpy as np
from real_input import GROUPS, fleet, observations, texts

from connectors.webhook import sign
from models import Observation
from streams.embedded import Done
from streams.running import running
from streams.settings import Settings

SECRET = "whsec_eHVucXVuLWJlbmNobWFyay1zZWNyZXQtMDAwMDAwMDA="
CONNECTIONS = 32
# Beyond these the generator would be measured, or a typing mistake would flood the machine.
MOST_RATE, MOST_SECONDS = 20_000, 300


def serve(folder: Path, pipe: Connection) -> None:
    """Run the service until SIGTERM; then send what was judged when."""
    judged: dict[str, float] = {}

    def watch(done: Sequence[Done]) -> None:
        now = time.monotonic()
        for one in done:
            if one.agent == "screen":
                judged.update((it.decoded.id, now) for it in one.records if isinstance(it.decoded, Observation))

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        settings = Settings(dir=folder, port=0, fleet=folder / "fleet.yaml", webhook_secrets=(SECRET,))
        async with running(settings, watch=watch) as (_, serving):
            pipe.send(serving.port)
            await stop.wait()

    import uvloop

    uvloop.run(run())
    pipe.send(judged)


async def post_all(port: int, bodies: Sequence[tuple[str, bytes]], rate: int) -> tuple[dict[str, float], Counter[int]]:
    """Post on schedule; when each was due, and how often each status came back."""
    due: dict[str, float] = {}
    statuses: Counter[int] = Counter()
    queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
    url = f"http://127.0.0.1:{port}/observations"

    async def worker(session: aiohttp.ClientSession) -> None:
        while (one := await queue.get()) is not None:
            headers = sign(SECRET, one[0], one[1], time.time()) | {"Content-Type": "application/json"}
            async with session.post(url, data=one[1], headers=headers) as answer:
                await answer.read()
                statuses[answer.status] += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        workers = [asyncio.create_task(worker(session)) for _ in range(CONNECTIONS)]
        began = time.monotonic()
        for number, one in enumerate(bodies):
            at = began + number / rate
            if (wait := at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            due[one[0]] = at
            queue.put_nowait(one)
        for _ in workers:
            queue.put_nowait(None)
        await asyncio.gather(*workers)
    return due, statuses


def measured(folder: Path, bodies: Sequence[tuple[str, bytes]], rate: int) -> dict[str, object]:
    mine, theirs = multiprocessing.Pipe()
    service = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, theirs))
    service.start()
    try:
        port = mine.recv()
        began = time.monotonic()
        due, statuses = asyncio.run(post_all(port, bodies, rate))
        took = time.monotonic() - began
        time.sleep(2)
    finally:
        service.terminate()
    judged: dict[str, float] = mine.recv()
    service.join(20)
    with sqlite3.connect(folder / "xunqun.db") as store:
        (stored,) = store.execute("select count(*) from seen").fetchone()
    waits = np.array([judged[one] - due[one] for one in due if one in judged]) * 1000
    return {
        "posts": len(bodies),
        "posts_per_s": round(len(bodies) / took),
        "statuses": dict(statuses),
        "stored": stored,
        "judged": len(waits),
        **{f"p{share}_ms": round(float(np.percentile(waits, share)), 1) for share in (50, 90, 99)},
        "max_ms": round(float(waits.max()), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--pack", default="xianchuang")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rate, seconds = min(given.rate, MOST_RATE), min(given.seconds, MOST_SECONDS)
    # As if each were sent when it is posted: of old ones the deadlines are over, and every tick would ask after them.
    sent = observations(texts(given.data), rate * seconds, round(time.time() * 1000), 1000 * GROUPS / rate)
    bodies = [(f"real-{n}", body) for n, body in enumerate(sent)]
    with tempfile.TemporaryDirectory(prefix="xunqun-ingest-") as name:
        folder = Path(name)
        (folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(fleet(given.pack)))
        found = measured(folder, bodies, rate)
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for key, value in found.items():
            print(f"{key:>14}  {value}")


if __name__ == "__main__":
    main()
