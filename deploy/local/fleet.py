"""A whole fleet on this machine, over the parts that `make up` has started: topics, a door, workers, and the talk of the demo.

`python deploy/local/fleet.py` makes the topics, starts `xunqun ingest` and `xunqun worker` as processes, and posts the demo day
(`streams/demo/`) over and over, as if it were now, until Ctrl-C or for `--minutes`. With `--people` somebody decides some of
the reviews, and other weights judge beside the live ones. Nothing is sent to anybody unless XUNQUN_ACTION_URL says where. Logs
lie beside those of the parts. Settings that are in the environment count.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stack import Stack, StackError

DEMO = Path(__file__).resolve().parents[2] / "streams" / "demo"
# Weights of the package that are not those in force.
SHADOW = "permissive"
ROLES = "screen,gather,escalate,enforce,record,dispatch"
# Seconds until a process has to serve, until it has to have ended, and between two lines of what is going on.
START, STOP, TELL = 60.0, 30.0, 10.0
DECIDE = 30.0
_PROGRAM = (sys.executable, "-c", "from streams.cli import main; main()")


def talk(behind: Callable[[], float] = float) -> Iterator[bytes]:
    """The demo day over and over: each time under new ids, sent now or so many seconds ago; what cannot be read stays."""
    lines = (DEMO / "day.jsonl").read_bytes().splitlines()
    lap = f"{time.time_ns():x}"
    number = 0
    while True:
        number += 1
        for line in lines:
            try:
                body = json.loads(line)
            except ValueError:
                yield line
                continue
            if isinstance(body, dict) and isinstance(body.get("sent_at"), int):
                body["sent_at"] = int((time.time() - behind()) * 1000)
            yield json.dumps(_renamed(body, f"-{lap}-{number}"), ensure_ascii=False).encode()


def _renamed(value: Any, ending: str) -> Any:
    """Everything that bears an id of the day gets one of this time."""
    if isinstance(value, dict):
        return {name: _renamed(one, ending) for name, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, ending) for one in value]
    return value + ending if isinstance(value, str) and value.startswith("demo-") else value


class LocalFleet:
    """The processes of one fleet. `environment` is what they are told; `url` is where the door takes posts."""

    def __init__(self, stack: Stack, workers: int, port: int) -> None:
        self.stack, self.workers = stack, workers
        self.targets = stack.targets
        self.environment = {
            **os.environ,
            "XUNQUN_FLEET": str(DEMO / "fleet.yaml"),
            "XUNQUN_TICK_SECONDS": "1",
            "XUNQUN_TARGETS": str(self.targets),
            "XUNQUN_KEYS": str(stack.folder / "keys"),
            "XUNQUN_DIR": str(stack.folder / "fleet"),
            **stack.environment(["kafka", "redis", "postgres"]),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._port = port
        self.url = ""

    def start(self) -> None:
        """Make the topics, start all and wait until each serves; StackError says what does not."""
        self.call("topics", "create")
        self.environment.setdefault("XUNQUN_SEALED_KEY", self._sealed_key())
        self._spawn("ingest", "ingest", "--port", str(self._port))
        for number in range(1, self.workers + 1):
            self.start_worker(number, wait=False)
        self.url = self._said("ingest", "ingest listens on ")
        for name in self.processes:
            if name != "ingest":
                self._said(name, "health on ")

    def start_worker(self, number: int, *, wait: bool = True) -> None:
        """Start one worker with all roles; StackError where it does not serve."""
        name = f"worker-{number}"
        self._spawn(name, "worker", "--agents", ROLES, "--id", name, "--port", "0")
        if wait:
            self._said(name, "health on ")

    def _sealed_key(self) -> str:
        """The public key of the sealed path, whose private one is made once and lies beside the data."""
        public = self.stack.folder / "sealed.pub"
        if not public.exists():
            private = self.stack.folder / "sealed.key"
            private.unlink(missing_ok=True)
            said = self.call("sealed", "keygen", "--out", str(private))
            public.write_text(said[said.index("xqpk_") :].split()[0])
        return public.read_text()

    def call(self, *arguments: str) -> str:
        """What a command of Xunqun says; StackError where it fails."""
        done = subprocess.run([*_PROGRAM, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise StackError(f"xunqun {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def decide(self, kind: str, count: int) -> int:
        """Let a person decide the oldest reviews of a kind; how many there were. Of five one is not agreed with."""
        waiting = json.loads(self.call("review", "list", "--kind", kind, "--limit", str(count), "--json"))
        agreed, refused = ("approve", "refuse") if kind == "approval" else ("uphold", "overturn")
        for number, review in enumerate(waiting):
            outcome = refused if number % 5 == 0 else agreed
            self.call("review", "decide", review["id"], outcome, "--by", "demo", "--reason", "演示")
        return len(waiting)

    def _spawn(self, name: str, *arguments: str) -> None:
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [*_PROGRAM, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # Ctrl-C ends them one after the other, not all at once.
                start_new_session=True,
            )  # fmt: skip

    def log(self, name: str) -> Path:
        return self.stack.folder / f"{name}.log"

    def _said(self, name: str, words: str) -> str:
        """The address that a process has said behind some words."""
        until = time.monotonic() + START
        while time.monotonic() < until:
            text = self.log(name).read_text("utf-8", "replace")
            if words in text:
                return text.partition(words)[2].split()[0]
            if self.processes[name].poll() is not None:
                break
            time.sleep(0.1)
        raise StackError(f"{name} does not serve. The end of {self.log(name)}:\n{self.log(name).read_text()[-1500:]}")

    def ended(self) -> list[str]:
        """The processes that have ended although nobody asked them to."""
        return [f"{name} (exit {one.returncode})" for name, one in self.processes.items() if one.poll() is not None]

    def stop(self) -> None:
        """End all in order: what was posted is judged or comes first at the next start."""
        for one in self.processes.values():
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
        for one in self.processes.values():
            try:
                one.wait(STOP)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def people(fleet: LocalFleet, until: float, kinds: Mapping[str, int]) -> None:
    """Somebody starts a shadow, and decides so many reviews of each kind twice a minute, with the commands that people have."""
    fleet.call("shadow", "start", "--model", SHADOW, "--by", "demo")
    threading.Thread(target=_decide_on, args=(fleet, until, kinds), daemon=True).start()


def _decide_on(fleet: LocalFleet, until: float, kinds: Mapping[str, int]) -> None:
    while time.monotonic() < until:
        try:
            for kind, count in kinds.items():
                fleet.decide(kind, count)
        except StackError as error:
            print(error, file=sys.stderr)
        time.sleep(DECIDE)


def post(url: str, bodies: Iterator[bytes], rate: float, until: float, fleet: LocalFleet) -> int:
    """Post until the time has come or something has ended; how many were taken. A door that refuses gets the same again."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=20)
    taken, refused, told = 0, 0, time.monotonic()
    due = time.monotonic()
    for body in bodies:
        while time.monotonic() < until and not _took(connection, place.path, body):
            refused += 1
            time.sleep(1)
        taken += 1
        if time.monotonic() - told > TELL:
            told = time.monotonic()
            print(f"{time.strftime('%H:%M:%S')}  {taken} posted, {refused} times refused and sent again", flush=True)
        if ended := fleet.ended():
            raise StackError(f"Ended: {', '.join(ended)}. Logs lie in {fleet.stack.folder}.")
        if time.monotonic() >= until:
            break
        due = max(due + 1 / rate, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))
    return taken


def _took(connection: http.client.HTTPConnection, path: str, body: bytes) -> bool:
    """Whether the door has answered that it has it, or that it can do nothing with it."""
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status < 500
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


def main() -> int:
    """0 when it was ended as asked, 1 when something did not start or ended by itself."""
    parser = argparse.ArgumentParser(prog="fleet.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dir", default="var/stack", help="folder of `make up` (var/stack)")
    parser.add_argument("--rate", type=float, default=20.0, help="observations a second (20)")
    parser.add_argument("--workers", type=int, default=1, help="worker processes with all roles (1)")
    parser.add_argument("--port", type=int, default=8600, help="of the door; 0 takes a free one (8600)")
    parser.add_argument("--minutes", type=float, default=0.0, help="end by itself after so long (0: at Ctrl-C)")
    parser.add_argument("--people", action="store_true", help="somebody decides some reviews, and a shadow judges")
    given = parser.parse_args()
    if given.rate <= 0 or given.workers < 1 or given.minutes < 0:
        parser.error("--rate: more than 0; --workers: at least 1; --minutes: 0 or more")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack = Stack(given.dir)
    try:
        for name in ("kafka", "redis", "postgres"):
            if not stack.answers(name):
                raise StackError(f"{name} does not run in {stack.folder}: call `make up` first.")
        fleet = LocalFleet(stack, given.workers, given.port)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        fleet.start()
        print(f"The demo fleet runs; posts go to {fleet.url}, {given.rate:g} a second. Ctrl-C ends it.", flush=True)
        for name, one in fleet.processes.items():
            print(f"  {name}: process {one.pid}, log {fleet.log(name)}", flush=True)
        until = time.monotonic() + given.minutes * 60 if given.minutes else float("inf")
        if given.people:
            people(fleet, until, {"assisted": 3, "approval": 1, "appeal": 1})
        post(fleet.url, talk(), given.rate, until, fleet)
    except KeyboardInterrupt:
        print("ending …", flush=True)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        fleet.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
