"""Strikes the local fleet and watches its alerts: which fire, after how long, and whether they clear when all is well again.

    make up && python tests/chaos/alerts.py [--dir var/stack] [--only redis-away,…]

The demo fleet flows meanwhile (`deploy/local/fleet.py`). Each fault lasts until its alerts fire, at most ten minutes; then it is
mended, and the alerts have ten minutes to clear. Exit code 1 where one did not fire or did not clear.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "local"))

from fleet import LocalFleet, post, talk
from stack import Stack, StackError

from streams.fleet.kafka import Kafka, Producer
from streams.topics import OBSERVATIONS, Record

# Seconds that an alert has to fire, and to clear.
PATIENCE = 600.0


@dataclass(frozen=True)
class Fault:
    """What is done, what mends it, which alerts have to fire, and which of them look back too far to clear at once."""

    strike: Callable[[], None]
    mend: Callable[[], None]
    alerts: tuple[str, ...]
    lingers: tuple[str, ...] = ()


class Struck:
    """The fleet that is struck. `--only` names the faults."""

    def __init__(self, stack: Stack, fleet: LocalFleet) -> None:
        self.stack, self.fleet = stack, fleet
        self.faults = {
            "poison-records": Fault(self._poison, lambda: None, ("XunqunDeadLetters",), ("XunqunDeadLetters",)),
            "redis-away": Fault(lambda: stack.stop("redis"), lambda: stack.start("redis"), ("XunqunWaiting",)),
            "postgres-away": Fault(lambda: stack.stop("postgres"), lambda: stack.start("postgres"), ("XunqunWaiting",)),
            "broker-killed": Fault(
                lambda: stack.stop("kafka", kill=True), lambda: stack.start("kafka"), ("XunqunWaiting",)
            ),
            "worker-stopped": Fault(self._kill_worker, self._new_worker, ("XunqunProcessDown", "XunqunNoWorker")),
            "ticker-stopped": Fault(self._worker_without_ticks, self._worker_with_ticks, ("XunqunClockStopped",)),
            "worker-hangs": Fault(self._hang, self._wake, ("XunqunJudgedLate",), ("XunqunJudgedLate",)),
        }

    def _poison(self) -> None:
        """Twenty records that cannot be read, put into the log behind the door's back."""

        async def send() -> None:
            producer = Producer(Kafka(self.stack.kafka))
            await producer.start()
            await producer.send([Record(OBSERVATIONS, "webhook:g-prod", b"{poison", -1, -1)] * 20)
            await producer.stop()

        asyncio.run(send())

    def _kill_worker(self) -> None:
        worker = self.fleet.processes.pop("worker-1")
        worker.kill()
        worker.wait()

    def _new_worker(self) -> None:
        for stale in self.fleet.targets.glob("worker-*.json"):
            stale.unlink()
        self.fleet.start_worker(1)

    def _worker_without_ticks(self) -> None:
        """A worker that lives and judges, and whose ticker does nothing for an hour."""
        self._kill_worker()
        self.fleet.environment["XUNQUN_TICK_SECONDS"] = "3600"
        self._new_worker()

    def _worker_with_ticks(self) -> None:
        self._kill_worker()
        self.fleet.environment["XUNQUN_TICK_SECONDS"] = "1"
        self._new_worker()

    def _hang(self) -> None:
        os.kill(self.fleet.processes["worker-1"].pid, signal.SIGSTOP)
        time.sleep(45)
        os.kill(self.fleet.processes["worker-1"].pid, signal.SIGCONT)

    def _wake(self) -> None:
        os.kill(self.fleet.processes["worker-1"].pid, signal.SIGCONT)

    def firing(self) -> set[str]:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.stack.ports['prometheus']}/api/v1/alerts", timeout=10
        ) as answer:
            found = json.load(answer)["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}

    def run(self, name: str) -> bool:
        """Strike, wait, mend, wait; say what was seen. True where all fired, and cleared but for those that look back."""
        fault = self.faults[name]
        before = self.firing()
        began = time.monotonic()
        fault.strike()
        fired = self._until(lambda: {one for one in fault.alerts if one in self.firing()}, set(fault.alerts), began)
        fault.mend()
        mended = time.monotonic()
        clearing = set(fault.alerts) - set(fault.lingers)
        cleared = self._until(lambda: clearing - self.firing(), clearing, mended)
        for one in fault.alerts:
            shown = f"fired after {fired[one]:.0f} s" if one in fired else "did NOT fire"
            gone = "looks back, not waited for" if one in fault.lingers else "did NOT clear"
            gone = f"cleared {cleared[one]:.0f} s after mending" if one in cleared else gone
            print(f"{name:16} {one:24} {shown}, {gone}{' (fired before)' if one in before else ''}", flush=True)
        return set(fired) == set(fault.alerts) and set(cleared) == clearing

    def _until(self, seen: Callable[[], set[str]], wanted: set[str], since: float) -> dict[str, float]:
        """When each was seen first, in seconds."""
        found: dict[str, float] = {}
        while set(found) != wanted and time.monotonic() - since < PATIENCE:
            for one in seen():
                found.setdefault(one, time.monotonic() - since)
            time.sleep(1)
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dir", default="var/stack", help="folder of `make up` (var/stack)")
    parser.add_argument("--only", default="", help="faults, separated by ','")
    given = parser.parse_args()
    stack = Stack(given.dir)
    if missing := [name for name in ("kafka", "redis", "postgres", "prometheus") if not stack.answers(name)]:
        print(f"{', '.join(missing)} does not run in {stack.folder}: call `make up` first.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    fleet = LocalFleet(stack, 1, 0)
    struck = Struck(stack, fleet)
    names = [one for one in given.only.split(",") if one] or list(struck.faults)
    try:
        fleet.start()
        stop = time.monotonic() + 3600
        flow = threading.Thread(target=_flow, args=(fleet, stop), daemon=True)
        flow.start()
        time.sleep(60)
        print(f"firing when all is well: {', '.join(sorted(struck.firing())) or 'nothing'}", flush=True)
        # All of them, whatever comes of one.
        results = [struck.run(name) for name in names]
        return 0 if all(results) else 1
    finally:
        fleet.stop()


def _flow(fleet: LocalFleet, until: float) -> None:
    """Post on, whatever ends meanwhile."""
    while time.monotonic() < until:
        try:
            post(fleet.url, talk(), 20.0, until, fleet)
        except StackError:
            time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
