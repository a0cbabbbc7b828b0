"""Strikes the local fleet and watches its alerts: which fire, after how long, and whether they clear when all is well again.

    make up && python tests/chaos/alerts.py [--dir var/stack] [--quick] [--only redis-away,…]

The demo fleet flows meanwhile (`deploy/local/fleet.py`). Each fault lasts until its alerts fire, at most ten minutes; then it is
mended, and the alerts have ten minutes to clear. Exit code 1 where one did not fire or did not clear. Alerts that look back over
hours and days are tried with `--quick`: Prometheus then has the same rules with an hour in a minute (`quick.py`).
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "local"))

import yaml
from fleet import LocalFleet, people, post, talk
from quick import quicken
from stack import PROMETHEUS, Stack, StackError

from classifiers.trained.registry import default_dir
from streams.fleet.kafka import Kafka, Producer
from streams.topics import OBSERVATIONS, Record

PACKS = Path(__file__).resolve().parents[2] / "policies" / "packs"
# Seconds that an alert has to fire, and to clear, and after which it counts as cleared.
PATIENCE, GOOD = 600.0, 30.0
SECRET = "whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3M="
# Observations in one post, the most that are taken.
POST = 500


@dataclass(frozen=True)
class Fault:
    """What is done, what mends it, which alerts have to fire, and which of them look back too far to clear at once.

    What begins `with_fleet` lasts since it was started.
    """

    strike: Callable[[], None]
    mend: Callable[[], None]
    alerts: tuple[str, ...]
    lingers: tuple[str, ...] = ()
    with_fleet: bool = False
    patience: float = PATIENCE


class Struck:
    """The fleet that is struck. `--only` names the faults."""

    def __init__(self, stack: Stack, fleet: LocalFleet) -> None:
        self.stack, self.fleet = stack, fleet
        self.began = time.monotonic()
        # How many seconds ago that which is posted now was sent.
        self.behind = 0.0
        self.flooding = threading.Event()
        self.receiver = _receiver()
        self.weights = stack.folder / "weights"
        self._whole_weights()
        fleet.environment |= {
            "XUNQUN_MODEL": str(self.weights),
            "XUNQUN_ACTION_URL": f"http://127.0.0.1:{self.receiver.server_port}/actions",
            "XUNQUN_ACTION_SECRET": SECRET,
            # The demo day comes every quarter of a minute: brakes would hold what it brings.
            **{f"XUNQUN_BUDGET_{name}": "0" for name in ("GROUP", "CLAUSE", "FLEET")},
        }
        self.faults = {
            "poison-records": Fault(self._poison, lambda: None, ("XunqunDeadLetters",), ("XunqunDeadLetters",)),
            "redis-away": Fault(lambda: stack.stop("redis"), lambda: stack.start("redis"), ("XunqunWaiting",)),
            "postgres-away": Fault(lambda: stack.stop("postgres"), lambda: stack.start("postgres"), ("XunqunWaiting",)),
            "broker-killed": Fault(
                lambda: stack.stop("kafka", kill=True), lambda: stack.start("kafka"), ("XunqunWaiting",)
            ),
            "worker-stopped": Fault(self._kill_worker, self._new_worker, ("XunqunProcessDown", "XunqunNoWorker")),
            "ticker-stopped": Fault(self._worker_without_ticks, self._worker_with_ticks, ("XunqunClockStopped",)),
        }
        self.quick = {
            "worker-hangs": Fault(self._hang, lambda: None, ("XunqunJudgedLate",)),
            "connector-behind": Fault(lambda: self._fall_behind(90), lambda: self._fall_behind(0), ("XunqunArrivingLate",)),
            "actions-refused": Fault(lambda: self._answer(500), lambda: self._answer(200), ("XunqunActionsFailing",)),
            "weights-damaged": Fault(self._damage, self._restore, ("XunqunClassifierUnavailable",)),
            "packs-find-nothing": Fault(self._mute, self._announce, ("XunqunVerdictsSilent",)),
            "history-again": Fault(self._flood, self.flooding.clear, ("XunqunLagging",)),
            "nobody-decides": Fault(
                lambda: None, self._decide, ("XunqunReviewsOld",), with_fleet=True, patience=3 * PATIENCE
            ),
        }  # fmt: skip

    def flow(self, until: float) -> None:
        """Post on, whatever ends meanwhile."""
        while time.monotonic() < until:
            try:
                post(self.fleet.url, talk(lambda: self.behind), 20.0, until, self.fleet)
            except StackError:
                time.sleep(1)

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

    def _fall_behind(self, seconds: float) -> None:
        self.behind = seconds

    def _answer(self, status: int) -> None:
        """The connector answers every action with this."""
        self.receiver.status = status

    def _whole_weights(self) -> None:
        shutil.copytree(default_dir("default"), self.weights, dirs_exist_ok=True)

    def _damage(self) -> None:
        """A worker that comes back and finds its weights cut short, as on a disk that was full."""
        for path in self.weights.glob("*.npy"):
            os.truncate(path, 1000)
        self._kill_worker()
        self._new_worker()

    def _restore(self) -> None:
        self._whole_weights()
        self._kill_worker()
        self._new_worker()

    def _mute(self) -> None:
        """Announce packs under their own names that apply no clause by themselves."""
        for path in self._packs():
            pack = yaml.safe_load(path.read_text("utf-8"))
            kept = {name: pack[name] for name in ("pack", "title", "organisation", "source", "status", "budgets")}
            clauses = {
                name: {"article": one["article"], "says": one["says"], "mode": "out-of-scope", "because": "暂不执行"}
                for name, one in pack["clauses"].items()
            }
            muted = self.stack.folder / path.name
            muted.write_text(yaml.safe_dump({**kept, "clauses": clauses}, allow_unicode=True), "utf-8")
            self.fleet.call("control", "announce", "--pack", str(muted), "--by", "demo")

    def _announce(self) -> None:
        for path in self._packs():
            self.fleet.call("control", "announce", "--pack", str(path), "--by", "demo")

    def _packs(self) -> list[Path]:
        """Those of the demo fleet."""
        fleet = yaml.safe_load(Path(self.fleet.environment["XUNQUN_FLEET"]).read_text("utf-8"))
        return [PACKS / f"{name}.yaml" for name in sorted({one["pack"] for one in fleet["groups"]} | {"baseline"})]

    def _flood(self) -> None:
        """A connector sends a long history over and over, in posts as large as they may be: more than is judged."""
        self.flooding.set()
        threading.Thread(target=self._send_history, daemon=True).start()

    def _send_history(self) -> None:
        body = b"\n".join(body for body in islice(talk(), POST) if b'"id"' in body)
        place = urlsplit(self.fleet.url)
        connection = HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=60)
        while self.flooding.is_set():
            connection.request("POST", place.path, body, {"Content-Type": "application/x-ndjson"})
            connection.getresponse().read()
        connection.close()

    def _decide(self) -> None:
        """The oldest drafts, as many as come in minutes."""
        self.fleet.decide("approval", 60)

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
        began = self.began if fault.with_fleet else time.monotonic()
        fault.strike()
        wanted = set(fault.alerts)
        fired = self._fired(wanted, began, fault.patience)
        fault.mend()
        mended = time.monotonic()
        clearing = wanted - set(fault.lingers)
        cleared = self._cleared(clearing, mended)
        for one in fault.alerts:
            shown = f"fired after {fired[one]:.0f} s" if one in fired else "did NOT fire"
            gone = "looks back, not waited for" if one in fault.lingers else "did NOT clear"
            gone = f"cleared {cleared[one]:.0f} s after mending" if one in cleared else gone
            print(f"{name:18} {one:28} {shown}, {gone}{' (fired before)' if one in before else ''}", flush=True)
        return set(fired) == set(fault.alerts) and set(cleared) == clearing

    def _fired(self, wanted: set[str], since: float, patience: float) -> dict[str, float]:
        """When each was seen first, in seconds."""
        found: dict[str, float] = {}
        while set(found) != wanted and time.monotonic() - since < patience:
            for one in wanted & self.firing():
                found.setdefault(one, time.monotonic() - since)
            time.sleep(1)
        return found

    def _cleared(self, wanted: set[str], since: float) -> dict[str, float]:
        """When each was seen no more, in seconds: for good, that is for the next while."""
        gone: dict[str, float] = {}
        while time.monotonic() - since < PATIENCE:
            firing = self.firing()
            now = time.monotonic() - since
            gone = {one: gone.get(one, now) for one in wanted - firing}
            if set(gone) == wanted and all(now - at >= GOOD for at in gone.values()):
                break
            time.sleep(1)
        return {one: at for one, at in gone.items() if time.monotonic() - since - at >= GOOD}


class _Receiver(ThreadingHTTPServer):
    """Takes actions as a connector does, and answers all with one status."""

    status = 200


def _receiver() -> _Receiver:
    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"status":"confirmed"}'
            self.send_response(receiver.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *given: object) -> None:
            pass

    receiver = _Receiver(("127.0.0.1", 0), Take)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    return receiver


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dir", default="var/stack", help="folder of `make up` (var/stack)")
    parser.add_argument(
        "--quick", action="store_true", help="faults whose alerts look back far, with an hour in a minute"
    )
    parser.add_argument("--only", default="", help="faults, separated by ','")
    given = parser.parse_args()
    stack = Stack(given.dir)
    if missing := [name for name in ("kafka", "redis", "postgres", "prometheus") if not stack.answers(name)]:
        print(f"{', '.join(missing)} does not run in {stack.folder}: call `make up` first.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    fleet = LocalFleet(stack, 1, 0)
    struck = Struck(stack, fleet)
    if given.quick:
        struck.faults = struck.quick
        settings = stack.folder / "prometheus" / "prometheus.yml"
        quicken(PROMETHEUS / "rules", settings)
        watching = stack.pid("prometheus")
        assert watching is not None
        os.kill(watching, signal.SIGHUP)
    names = [one for one in given.only.split(",") if one] or list(struck.faults)
    try:
        fleet.start()
        until = time.monotonic() + 7200
        threading.Thread(target=struck.flow, args=(until,), daemon=True).start()
        # Drafts are left alone: they are what nobody decides.
        people(fleet, until, {"assisted": 3})
        time.sleep(60)
        print(f"firing when all is well: {', '.join(sorted(struck.firing())) or 'nothing'}", flush=True)
        # All of them, whatever comes of one.
        results = [struck.run(name) for name in names]
        return 0 if all(results) else 1
    finally:
        fleet.stop()
        if given.quick:
            # It writes its settings anew when it starts.
            stack.stop("prometheus")
            stack.start("prometheus")


if __name__ == "__main__":
    sys.exit(main())
