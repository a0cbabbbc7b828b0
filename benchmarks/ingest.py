"""How fast signed posts are taken: `python benchmarks/ingest.py --rate 1000 --seconds 15 --json`.

Starts `xunqun run` itself in a temporary folder (or, with `--noop`, the HTTP side alone over a service that stores
nothing), waits until it is ready, posts observations over loopback at a steady rate, reports, and stops what it started
by its pid.

Latencies count from when a post was *due*, not from when it was sent: a server that stalls delays all posts that fall
due meanwhile, and each of them says so. `--rate 0` posts as fast as `--connections` allow, each waiting for its answer.
Verdict latencies come from the server's own histogram (`/metrics`); see `verdict_latencies`.
"""

import argparse
import asyncio
import base64
import json
import math
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from connectors.webhook import sign
from streams.http import Appended, run, serve

# One in fifty speaks like an advert, so that verdicts, strikes and actions are part of what is measured.
WORK = (
    "收到，下午三点前把日报发群里",
    "今天二号机组检修，请各班组注意安全",
    "LPR今日下调，影响见附表",
    "辛苦大家，按排班表执行",
)
ADVERT = "面膜内部代理价，拉三个下线返现，加微信详聊"
ADVERT_EVERY = 50
READY_WITHIN = 60.0
# Above these the generator, not the server, is what would be measured; they also keep a typing mistake from flooding.
MOST_RATE, MOST_SECONDS, MOST_CONNECTIONS = 20_000, 300, 256


@dataclass
class Report:
    """What one run showed. Latencies in milliseconds; `late_posts` left more than 5 ms after they were due."""

    target: str
    rate_wanted: float
    seconds: float
    connections: int
    posts: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    rate: float = 0.0
    late_posts: int = 0
    post_ms: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, float | None] | None = None
    server_cpu_seconds: float | None = None
    generator_cpu_seconds: float = 0.0


class _Connection(asyncio.Protocol):
    """One kept-alive connection with one post under way; just enough HTTP for the answers of `streams.http`."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, ended, rest = self._buffer.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server hung up"))

    def post(self, request: bytes) -> asyncio.Future[int]:
        if self.transport is None:
            raise ConnectionResetError("the server hung up")
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer


async def generate(
    port: int, secret: str | None, *, rate: float, seconds: float, connections: int, report: Report
) -> dict[str, float]:
    """Post for `seconds`; fills `report` and returns when each observation was due, by id, on the wall clock."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(connections):
        _, one = await loop.create_connection(_Connection, "127.0.0.1", port)
        waiting.put_nowait(one)
    mark = secrets.token_hex(4)
    latencies: list[float] = []
    answers: Counter[str] = Counter()
    due_at: dict[str, float] = {}
    offset = time.time() - time.perf_counter()
    numbers = iter(range(10**9))
    began = time.perf_counter()

    async def post(connection: _Connection, due: float, number: int) -> _Connection:
        name = f"b-{mark}-{number}"
        due_at[name] = due + offset
        request = _request(name, number, secret)
        sent = time.perf_counter()
        report.late_posts += sent - due > 0.005 and rate > 0
        try:
            answers[str(await connection.post(request))] += 1
        except OSError as error:
            answers[type(error).__name__] += 1
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        latencies.append(time.perf_counter() - due)
        return connection

    async def post_and_return(connection: _Connection, due: float, number: int) -> None:
        waiting.put_nowait(await post(connection, due, number))

    async def post_on(connection: _Connection) -> None:
        while (now := time.perf_counter()) < began + seconds:
            connection = await post(connection, now, next(numbers))
        waiting.put_nowait(connection)

    if rate:
        under_way: set[asyncio.Task[None]] = set()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            task = asyncio.create_task(post_and_return(await waiting.get(), due, number))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
    else:
        await asyncio.gather(*(post_on(waiting.get_nowait()) for _ in range(connections)))
    lasted = time.perf_counter() - began
    while not waiting.empty():
        if (transport := waiting.get_nowait().transport) is not None:
            transport.close()
    report.posts = len(latencies)
    report.answers = dict(sorted(answers.items()))
    report.rate = round(len(latencies) / lasted, 1)
    report.post_ms = percentiles([one * 1000 for one in latencies])
    return due_at


def _request(name: str, number: int, secret: str | None) -> bytes:
    text = ADVERT if number % ADVERT_EVERY == 0 else f"{WORK[number % len(WORK)]} {number}"
    now = time.time()
    observation = {
        "v": 1,
        "id": name,
        "type": "message.created",
        "platform": "webhook",
        "group": {"id": f"g{number % 20 + 1}"},
        "sender": {"id": f"u{number % 200 + 1}", "name": "压测"},
        "sent_at": int(now * 1000),
        "received_at": int(now * 1000),
        "kind": "text",
        "text": text,
    }
    body = json.dumps(observation, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    if secret:
        headers |= sign(secret, name, body, now)
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST /observations HTTP/1.1\r\n{lines}\r\n".encode() + body


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99, p99.9 and the largest, by nearest rank."""
    if not values:
        return {}
    ordered = sorted(values)
    picked = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in _SHARES.items()}
    return {name: round(value, 3) for name, value in {**picked, "max": ordered[-1]}.items()}


_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def verdict_latencies(
    before: Mapping[float, float], after: Mapping[float, float], db: Path | None, due_at: Mapping[str, float]
) -> dict[str, float | None] | None:
    """Seconds from received to verdict: the bucket that each percentile falls into (None: beyond the last one).

    A hook. `db` is the store, to be opened read-only, and `due_at` says when each observation was due: once the store
    keeps the wall-clock time of verdicts (they are stamped with event time now), exact figures can be taken from there.
    """
    counts = {bound: after.get(bound, 0.0) - before.get(bound, 0.0) for bound in sorted(after)}
    total = max(counts.values(), default=0.0)
    if not total:
        return None
    found: dict[str, float | None] = {"count": total}
    for name, share in _SHARES.items():
        bound = next(bound for bound, count in counts.items() if count >= share * total)
        found[f"{name}_at_most"] = bound if math.isfinite(bound) else None
    return found


def _buckets(port: int) -> dict[float, float]:
    pattern = r'^xunqun_verdict_latency_seconds_bucket\{le="([^"]+)"\} (\S+)$'
    text = _get(port, "/metrics")[1].decode()
    return {float(bound): float(count) for bound, count in re.findall(pattern, text, re.MULTILINE)}


def _get(port: int, path: str) -> tuple[int, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], port: int, log: Path) -> Iterator[int]:
    """Run a server until the block ends; gives its pid once `/ready` says yes. Ends it by that pid, gently first."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(process, port, log)
        yield process.pid
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + READY_WITHIN
    answer = "nothing listens"
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode} before it was ready:\n{_tail(log)}")
        try:
            code, body = _get(port, "/ready")
        except OSError:
            time.sleep(0.05)
            continue
        if code == 200:
            return
        answer = body.decode(errors="replace")[:300]
        time.sleep(0.1)
    raise SystemExit(f"the server was not ready within {READY_WITHIN:.0f} seconds ({answer}):\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _cpu_seconds(pid: int) -> float | None:
    """Processor time of a process so far, user and system; None where /proc is missing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def write_fleet(path: Path) -> None:
    """Twenty groups of two hundred people, all in observe mode, under the product's own pack. JSON is YAML."""
    people = [
        {
            "id": f"u{n}",
            "name": f"员工{n}",
            "accounts": [{"platform": "webhook", "id": f"u{n}"}],
        }
        for n in range(1, 201)
    ]
    everyone = [one["id"] for one in people]
    groups = [
        {"id": f"g{n}", "platform": "webhook", "name": f"压测{n}群", "pack": "baseline", "mode": "observe"}
        | {"owner": "u1", "members": everyone}
        for n in range(1, 21)
    ]
    path.write_text(json.dumps({"people": people, "groups": groups}, ensure_ascii=False), encoding="utf-8")


class _Noop:
    """Takes everything and keeps nothing: what remains is the cost of HTTP and signatures."""

    async def append(self, body: bytes) -> Appended:
        return Appended("accepted", "x")

    async def append_many(self, bodies: Sequence[bytes]) -> list[Appended]:
        return [Appended("accepted", "x")] * len(bodies)

    def ready(self) -> tuple[bool, list[str]]:
        return True, []

    async def status(self) -> dict[str, Any]:
        return {}


async def _serve_noop(port: int, secret: str | None) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = await serve(_Noop(), port=port, secrets=[secret] if secret else [])  # type: ignore[arg-type]
    await ended.wait()
    await server.stop()


def measure(options: argparse.Namespace) -> Report:
    """Start the server, post, stop it."""
    secret = None if options.unsigned else f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    report = Report("noop" if options.noop else "run", options.rate, options.seconds, options.connections)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    environment.pop("XUNQUN_WEBHOOK_SECRETS", None)
    if secret:
        environment["XUNQUN_WEBHOOK_SECRETS"] = secret
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="xunqun-ingest-") as temporary:
        folder = Path(temporary)
        if options.noop:
            command = [sys.executable, str(Path(__file__).resolve()), "--serve-noop", str(port)]
        else:
            fleet = options.fleet or folder / "fleet.yaml"
            if options.fleet is None:
                write_fleet(fleet)
            command = [_program(), "run", "--dir", str(folder / "var"), "--port", str(port), "--fleet", str(fleet)]
        if options.pin:
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, cores[-1:])
            command = ["taskset", "-c", str(cores[0]), *command]
        with started(command, environment, port, folder / "server.log") as pid:
            before, cpu = _buckets(port), _cpu_seconds(pid)
            own = time.process_time()
            due_at = run(
                generate(
                    port,
                    secret,
                    rate=options.rate,
                    seconds=options.seconds,
                    connections=options.connections,
                    report=report,
                )
            )
            report.generator_cpu_seconds = round(time.process_time() - own, 2)
            time.sleep(options.settle)
            report.verdicts = verdict_latencies(before, _buckets(port), options.db, due_at)
            if cpu is not None and (spent := _cpu_seconds(pid)) is not None:
                report.server_cpu_seconds = round(spent - cpu, 2)
    return report


def _program() -> str:
    beside = Path(sys.executable).with_name("xunqun")
    found = str(beside) if beside.exists() else shutil.which("xunqun")
    if found is None:
        raise SystemExit("xunqun is not installed here: run `pip install -e .`, or measure the HTTP side with --noop")
    return found


def _between(low: float, high: float) -> Any:
    def number(raw: str) -> float:
        value = float(raw)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"between {low:g} and {high:g}")
        return value

    return number


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure how fast signed posts are taken, over loopback only.")
    parser.add_argument(
        "--rate", type=_between(0, MOST_RATE), default=1000, help="posts a second; 0: as fast as possible"
    )
    parser.add_argument("--seconds", type=_between(1, MOST_SECONDS), default=15)
    parser.add_argument("--connections", type=lambda raw: int(_between(1, MOST_CONNECTIONS)(raw)), default=32)
    parser.add_argument(
        "--settle", type=_between(0, 60), default=2, help="seconds to wait for verdicts after the last post"
    )
    parser.add_argument("--fleet", type=Path, help="fleet.yaml; without it one is made up")
    parser.add_argument("--db", type=Path, help="the store, read-only, for exact verdict times (a hook, not used yet)")
    parser.add_argument(
        "--noop", action="store_true", help="measure the HTTP side alone, over a service that stores nothing"
    )
    parser.add_argument("--unsigned", action="store_true")
    parser.add_argument("--pin", action="store_true", help="bind the server to the first core, the posts to the last")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--serve-noop", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve_noop:
        run(_serve_noop(options.serve_noop, os.environ.get("XUNQUN_WEBHOOK_SECRETS")))
        return 0
    report = measure(options)
    if options.json:
        print(json.dumps(asdict(report), ensure_ascii=False))
    else:
        print(f"{report.target}: {report.posts} posts, {report.rate:g} a second, answers {report.answers}")
        print(f"post → answer, ms: {report.post_ms} (left late: {report.late_posts})")
        print(f"received → verdict, s: {report.verdicts or 'not measured'}")
        print(f"processor seconds: server {report.server_cpu_seconds}, generator {report.generator_cpu_seconds}")
    return 0 if set(report.answers) <= {"200", "202"} else 1


if __name__ == "__main__":
    sys.exit(main())
