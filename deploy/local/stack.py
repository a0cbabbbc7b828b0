"""Kafka, Redis, PostgreSQL and Prometheus for one machine, started from their own programs without containers.

`python deploy/local/stack.py up` installs what is missing (Debian packages as root, Kafka's jars from Maven), starts the four on
the loopback address and says where they listen; `down` ends them; `status` and `env` say what there is. Everything lies in one
folder: data, settings, logs and process ids. Needs Python 3.11 and Linux, and nothing else.
"""

import argparse
import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
# What Xunqun needs; a caller that names nothing gets these three.
COMPONENTS = ("kafka", "redis", "postgres")
# With Prometheus, which watches and which nothing waits for: what the command line takes.
ALL = (*COMPONENTS, "prometheus")
# Not the usual numbers, so that a Redis or PostgreSQL of the machine's own may run beside ours.
DEFAULT_PORTS = {"kafka": 19092, "redis": 16379, "postgres": 15432}
PROMETHEUS_PORT = 19090
# The file that operators copy, and the rules beside it.
PROMETHEUS = HERE.parent / "prometheus"
# Below the range from which Linux takes the ports of outgoing connections: there, a client that tries again and again to reach
# a component that is down may connect to itself, and so keep the port from the component.
FREE_PORTS = range(20_000, 32_000)
# Seconds at most: a start on a loaded machine, an orderly end, and apt-get or Maven, for which a second `up` waits too.
START, STOP, FETCH = 90.0, 30.0, 900.0
# The Debian package that brings each program.
PACKAGES = {
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "java": "default-jre-headless",
    "mvn": "maven",
    "prometheus": "prometheus",
}


class StackError(Exception):
    """A component is not there or does not start; the text is for people and names the way out."""


# -- programs and jars --------------------------------------------------------------------------------------------------


def find_program(name: str) -> Path | None:
    """The program `name`, also where Debian keeps it off the search path: the newest PostgreSQL, and `JAVA_HOME`."""
    places = [os.environ.get("PATH", os.defpath)]
    if name in ("postgres", "initdb"):
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        places = [str(path) for path in reversed(versions)] + places
    if name == "java" and "JAVA_HOME" in os.environ:
        places.insert(0, f"{os.environ['JAVA_HOME']}/bin")
    found = shutil.which(name, path=os.pathsep.join([*places, "/usr/sbin"]))
    return Path(found) if found else None


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise StackError(f"There is no {name} on this machine.")
    return str(found)


def needed_programs(names: Iterable[str], *, jars_complete: bool) -> list[str]:
    """What the components `names` are run with; Maven only while Kafka's jars still have to be fetched."""
    needs = {
        "kafka": ["java"] if jars_complete else ["java", "mvn"],
        "redis": ["redis-server"],
        "postgres": ["postgres"],
        "prometheus": ["prometheus"],
    }
    return [program for name in names for program in needs[name]]


def install_programs(programs: Iterable[str]) -> None:
    """Install the Debian packages of those `programs` that are missing; StackError where that cannot be done."""
    packages = [PACKAGES[program] for program in programs if find_program(program) is None]
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError(
            f"Missing: {', '.join(packages)}. On Debian or Ubuntu: sudo apt-get install {' '.join(packages)}"
        )
    print(f"Installing {', '.join(packages)} …", flush=True)
    with _no_services():
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            _run(
                ["apt-get", "-q", *command],
                f"apt-get {command[0]} failed, so {', '.join(packages)} could not be installed",
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
    for program in programs:
        _program(program)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """While this lasts, packages that are installed do not start their services: we start our own."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _run(command: list[str], trouble: str, *, seconds: float = FETCH, **given: object) -> str:
    """The output of a command that ends by itself; StackError with `trouble` and its last lines when it fails."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            errors="replace",
            **given,
        )  # type: ignore[call-overload]
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{trouble}: no end after {seconds:.0f} s.") from error
    if done.returncode:
        raise StackError(f"{trouble}:\n{_last_lines(done.stdout)}")
    return str(done.stdout)


def _last_lines(text: str, count: int = 15) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-count:]) or "    (it said nothing)"


def _jars_mark() -> str:
    return sha256((HERE / "pom.xml").read_bytes()).hexdigest()


def jars_complete(jars: Path) -> bool:
    """Say whether the folder holds all that today's `pom.xml` names."""
    mark = jars / "complete"
    return mark.exists() and mark.read_text() == _jars_mark()


def fetch_jars(jars: Path) -> None:
    """Fill the folder with Kafka's jars, once; other processes that want the same wait for it."""
    jars.parent.mkdir(parents=True, exist_ok=True)
    with _locked(jars.with_name(jars.name + ".lock"), FETCH):
        if jars_complete(jars):
            return
        print(f"Fetching Kafka's jars into {jars} (half a minute, once) …", flush=True)
        fresh = jars.with_name(f"{jars.name}.{os.getpid()}")
        try:
            _run(
                [_program("mvn"), "-q", "-B", "-Dstyle.color=never", "-f", str(HERE / "pom.xml"),
                 "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"],
                "Maven could not fetch Kafka's jars",
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            (fresh / "complete").write_text(_jars_mark())
            shutil.rmtree(jars, ignore_errors=True)
            fresh.rename(jars)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, seconds: float) -> Iterator[None]:
    """Only one process is in here at a time; StackError when the other one takes longer than `seconds`."""
    with path.open("a") as file:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StackError(
                        f"Another process has held {path} for {seconds:.0f} s: end it and try again."
                    ) from None
                time.sleep(0.1)
        yield


# -- ports --------------------------------------------------------------------------------------------------------------


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(taken: Iterable[int] = ()) -> int:
    """A port that nobody listens on and that is not among `taken`."""
    for port in random.sample(FREE_PORTS, 200):
        if port not in set(taken) and is_free(port):
            return port
    raise StackError(f"No free port between {FREE_PORTS.start} and {FREE_PORTS.stop}: end some programs.")


# -- processes ----------------------------------------------------------------------------------------------------------


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (state, parent, …), None without such a process or when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


def _started(pid: int) -> str | None:
    """When the process started, in ticks since boot: with it, a process id is never mistaken for an older one."""
    fields = _stat(pid)
    return fields[19] if fields else None


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _still(processes: Mapping[int, str | None]) -> list[int]:
    """Those of the processes (id and start) that have not ended."""
    return [pid for pid, started in processes.items() if started is not None and _started(pid) == started]


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _exchange(port: int, request: bytes, size: int) -> bytes:
    """The first `size` bytes of the answer to `request`, fewer where the other side hangs up; OSError without an answer."""
    with socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(request)
        answer = b""
        while len(answer) < size and (more := connection.recv(size - len(answer))):
            answer += more
        return answer


def _kafka_answers(port: int) -> bool:
    # Metadata of no topic, version 1. The answer counts the brokers that may serve; before it is registered there is none.
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    answer = _exchange(port, struct.pack(">i", len(body)) + body, 12)
    return len(answer) == 12 and struct.unpack(">i", answer[8:])[0] > 0


def _redis_answers(port: int) -> bool:
    return _exchange(port, b"PING\r\n", 5) == b"+PONG"


def _postgres_answers(port: int) -> bool:
    body = struct.pack(">i", 196608) + b"user\0xunqun\0database\0xunqun\0\0"
    # "X" takes leave, so that the server hangs up and logs no broken connection.
    return _exchange(port, struct.pack(">i", len(body) + 4) + body + b"X\0\0\0\4", 65536)[:1] == b"R"


def _prometheus_answers(port: int) -> bool:
    return _exchange(port, b"GET /-/ready HTTP/1.0\r\n\r\n", 12) == b"HTTP/1.0 200"


ANSWERS = {
    "kafka": _kafka_answers,
    "redis": _redis_answers,
    "postgres": _postgres_answers,
    "prometheus": _prometheus_answers,
}

# -- settings of the components -----------------------------------------------------------------------------------------


def kafka_settings(folder: Path, port: int, controller_port: int) -> str:
    """`server.properties` of one node that is broker and controller, for loopback only."""
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{controller_port}
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}
advertised.listeners=PLAINTEXT://{HOST}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder / "data"}
# Topics are made with their settings, never by a typing mistake.
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# After a crash the node may come back only when the controller has given up its earlier self: 5 s instead of 9.
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=33554432
"""


def redis_settings(folder: Path, port: int) -> str:
    """`redis.conf`: everything that is written is in the append-only file after a second at most, and nothing is evicted."""
    return f"""\
bind {HOST}
port {port}
protected-mode yes
daemonize no
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def postgres_settings(port: int) -> dict[str, str]:
    """Settings for the command line of `postgres`. Its log names neither statements nor values: those hold chat text."""
    return {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "60",
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "logging_collector": "off",
    }


def prometheus_settings(targets: Path, port: int) -> str:
    """`prometheus.yml` as operators copy it, with the places of this stack: rules of the checkout, its own targets and port."""
    text = (PROMETHEUS / "prometheus.yml").read_text("utf-8")
    places = {
        "rules/*.yml": f"{PROMETHEUS / 'rules'}/*.yml",
        "targets/*.json": f"{targets}/*.json",
        "127.0.0.1:9090": f"{HOST}:{port}",
    }
    for theirs, ours in places.items():
        if text.count(theirs) != 1:
            raise StackError(f"{PROMETHEUS / 'prometheus.yml'} has to name {theirs} once.")
        text = text.replace(theirs, ours)
    return text


def _as_postgres() -> dict[str, object]:
    """PostgreSQL refuses to run as root; the user that Debian's package made runs it then."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


# -- the stack ----------------------------------------------------------------------------------------------------------


class Stack:
    """The components in one folder, which is made when something is started.

    `jars` is where Kafka's jars are kept ($XUNQUN_JARS, else the folder `jars` inside). Ports are remembered in `stack.json`.
    Every method is safe to call again; StackError says what is wrong.
    """

    def __init__(self, folder: str | Path, jars: str | Path | None = None) -> None:
        self.folder = Path(folder).absolute()
        self.jars = Path(jars or os.environ.get("XUNQUN_JARS") or self.folder / "jars").absolute()
        self._spawned: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ports(self) -> dict[str, int]:
        """The ports that were chosen for the components which were started here; `controller` is Kafka's inner one."""
        try:
            return dict(json.loads((self.folder / "stack.json").read_text()))
        except FileNotFoundError:
            return {}

    def _remember(self, ports: Mapping[str, int]) -> None:
        fresh = self.folder / "stack.json.new"
        fresh.write_text(json.dumps({**self.ports, **ports}, indent=2) + "\n")
        fresh.replace(self.folder / "stack.json")

    def _port(self, name: str) -> int:
        if name not in self.ports:
            raise StackError(f"{name} was never started in {self.folder}: make up.")
        return self.ports[name]

    @property
    def kafka(self) -> str:
        """Where Kafka listens, as host:port."""
        return f"{HOST}:{self._port('kafka')}"

    @property
    def redis(self) -> str:
        """The URL of Redis."""
        return f"redis://{HOST}:{self._port('redis')}/0"

    @property
    def database(self) -> str:
        """The URL of the database, for SQLAlchemy."""
        return f"postgresql+psycopg://xunqun@{HOST}:{self._port('postgres')}/xunqun"

    @property
    def targets(self) -> Path:
        """The folder in which processes say where Prometheus finds their metrics."""
        return self.folder / "targets"

    def environment(self, names: Iterable[str] = COMPONENTS) -> dict[str, str]:
        """The variables with which Xunqun finds these components, and they find Xunqun."""
        variables = {"kafka": "KAFKA", "redis": "REDIS", "postgres": "DATABASE", "prometheus": "TARGETS"}
        return {f"XUNQUN_{variables[name]}": getattr(self, variables[name].lower()) for name in names}

    def log(self, name: str) -> Path:
        """Where the component writes what it has to say."""
        return self.folder / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """The component's process, None when it does not run."""
        try:
            pid, started = (self.folder / f"{name}.pid").read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        child = self._spawned.get(name)
        if child is not None and child.pid == int(pid):
            child.poll()  # takes a child that has ended out of the process table
        return int(pid) if _started(int(pid)) == started else None

    def answers(self, name: str) -> bool:
        """Say whether the component's process runs and serves requests."""
        if self.pid(name) is None:
            return False
        try:
            return ANSWERS[name](self.ports[name])
        except OSError:
            return False

    # Starting

    def prepare(self, names: Iterable[str] = COMPONENTS) -> None:
        """Install the programs that are missing and fetch Kafka's jars."""
        names = list(names)
        install_programs(needed_programs(names, jars_complete=jars_complete(self.jars)))
        if "kafka" in names and not jars_complete(self.jars):
            fetch_jars(self.jars)

    def up(
        self, names: Iterable[str] = COMPONENTS, *, ports: Mapping[str, int] | None = None, free_ports: bool = False
    ) -> list[str]:
        """Start what does not run yet, and wait until it answers; gives the names of what was started.

        A port of 0, or `free_ports`, means the remembered port if it is still free, else any. When a component does not start,
        the others run all the same, and StackError says what is missing.
        """
        names = [name for name in ALL if name in set(names)]
        wanted = {name: (ports or {}).get(name, 0 if free_ports else None) for name in names}
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            todo = [name for name in names if self.pid(name) is None]
            self.prepare(todo)
            troubles: list[str] = []
            # Kafka needs longest, so the others are launched while it starts.
            for name in todo:
                try:
                    self._remember({name: self._choose(name, wanted[name])})
                    self._launch(name)
                except StackError as error:
                    troubles.append(f"{name} did not start: {error}")
            for name in names:
                if not any(trouble.startswith(f"{name} ") for trouble in troubles):
                    try:
                        self._await(name)
                    except StackError as error:
                        troubles.append(str(error))
        if troubles:
            raise StackError("\n".join(troubles))
        return todo

    def start(self, name: str) -> None:
        """Start one component on its remembered port (any free one the first time) and wait until it answers."""
        self.up([name], free_ports=name not in self.ports)

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        return _locked(self.folder / "lock", FETCH)

    def _choose(self, name: str, wanted: int | None) -> int:
        known = self.ports
        if wanted == 0:
            remembered = known.get(name)
            return remembered if remembered and is_free(remembered) else free_port(known.values())
        port = wanted or known.get(name) or DEFAULT_PORTS.get(name, PROMETHEUS_PORT)
        if not is_free(port):
            raise StackError(
                f"port {port} is taken by another program; name another with --ports {name}=PORT, or --free-ports."
            )
        return port

    def _launch(self, name: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        make = {"kafka": self._kafka, "redis": self._redis, "postgres": self._postgres, "prometheus": self._prometheus}
        command, given = make[name]()
        with self.log(name).open("ab") as log:
            # A session of its own: Ctrl-C at the terminal does not reach it.
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder / name,
                start_new_session=True,
                **given,
            )  # type: ignore[call-overload]
        self._spawned[name] = child
        (self.folder / f"{name}.pid").write_text(f"{child.pid} {_started(child.pid) or 0}\n")

    def _await(self, name: str) -> None:
        """Wait until the component answers. One that ended is forgotten; one that hangs is left for a look at it."""
        _until(lambda: self.answers(name) or self.pid(name) is None, START)
        if self.answers(name):
            return
        what = f"does not answer after {START:.0f} s" if self.pid(name) else "ended while it started"
        said = self.log(name).read_text(errors="replace") if self.log(name).exists() else ""
        raise StackError(f"{name} {what}. The end of {self.log(name)}:\n{_last_lines(said)}")

    def _kafka(self) -> tuple[list[str], dict[str, object]]:
        folder = self.folder / "kafka"
        # Nobody but the node itself uses the controller's port, so it is any free one.
        controller = self.ports.get("controller")
        if controller is None or not is_free(controller):
            controller = free_port(self.ports.values())
            self._remember({"controller": controller})
        settings = folder / "server.properties"
        settings.write_text(kafka_settings(folder, self.ports["kafka"], controller))
        java = [
            _program("java"),
            f"-Dlog4j2.configurationFile={(HERE / 'log4j2.xml').as_uri()}",
            "-cp",
            f"{self.jars}/*",
        ]
        if not (folder / "data" / "meta.properties").exists():
            # What a format left half done holds no data yet, and Kafka would refuse it.
            shutil.rmtree(folder / "data", ignore_errors=True)
            _run(
                [*java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format",
                 "--cluster-id", _cluster_id(), "--config", str(settings)],
                "Kafka's storage could not be formatted",
                seconds=START,
            )  # fmt: skip
        # It lives for minutes beside what it serves: the second compiler and a concurrent collector would take from that more
        # than they give back.
        memory = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"]
        return [java[0], *memory, *java[1:], "kafka.Kafka", str(settings)], {}

    def _redis(self) -> tuple[list[str], dict[str, object]]:
        folder = self.folder / "redis"
        settings = folder / "redis.conf"
        settings.write_text(redis_settings(folder, self.ports["redis"]))
        return [_program("redis-server"), str(settings)], {}

    def _postgres(self) -> tuple[list[str], dict[str, object]]:
        folder = self.folder / "postgres"
        given = _as_postgres()
        if given:
            shutil.chown(folder, "postgres", "postgres")
            if subprocess.run(["test", "-x", folder / "."], **given).returncode:  # type: ignore[call-overload]
                closed = next((one for one in reversed(folder.parents) if not one.stat().st_mode & 0o001), self.folder)
                raise StackError(
                    f"the user postgres, as whom it runs, may not enter {closed}: name another folder with --dir, "
                    f"or let others pass (chmod o+x {closed})."
                )
        data = folder / "data"
        if not (folder / "made").exists():
            shutil.rmtree(data, ignore_errors=True)
            _run(
                [
                    _program("initdb"),
                    "-D",
                    str(data),
                    "-U",
                    "postgres",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--auth=reject",
                ],
                "initdb failed",
                seconds=START,
                cwd=folder,
                **given,
            )
            # Single-user mode needs no client program, and no moment in which the superuser can be reached from outside.
            _run(
                [_program("postgres"), "--single", "-D", str(data), "postgres"],
                "The database could not be made",
                seconds=START,
                cwd=folder,
                input="CREATE ROLE xunqun LOGIN\nCREATE DATABASE xunqun OWNER xunqun\n",
                **given,
            )
            (data / "pg_hba.conf").write_text(f"host xunqun xunqun {HOST}/32 trust\n")
            (folder / "made").touch()
        settings = [
            part for pair in postgres_settings(self.ports["postgres"]).items() for part in ("-c", "=".join(pair))
        ]
        return [_program("postgres"), "-D", str(data), *settings], given

    def _prometheus(self) -> tuple[list[str], dict[str, object]]:
        folder = self.folder / "prometheus"
        self.targets.mkdir(exist_ok=True)
        settings = folder / "prometheus.yml"
        settings.write_text(prometheus_settings(self.targets, self.ports["prometheus"]), "utf-8")
        return [
            _program("prometheus"),
            f"--config.file={settings}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={HOST}:{self.ports['prometheus']}",
        ], {}

    # Ending

    def down(self, names: Iterable[str] = ALL, *, wipe: bool = False) -> list[str]:
        """End what runs, in order, and with `wipe` remove its data; gives the names of what was ended. Jars are kept."""
        if not self.folder.exists():
            return []
        names = list(names)
        with self._alone():
            ended = [name for name in names if self._end(name)]
            if wipe:
                for name in names:
                    shutil.rmtree(self.folder / name, ignore_errors=True)
                    self.log(name).unlink(missing_ok=True)
                if "prometheus" in names:
                    shutil.rmtree(self.targets, ignore_errors=True)
                if set(names) == set(ALL):
                    (self.folder / "stack.json").unlink(missing_ok=True)
        return ended

    def stop(self, name: str, kill: bool = False) -> None:
        """End one component: in order, or with `kill` at once (SIGKILL), as a power cut would."""
        with self._alone():
            self._end(name, kill=kill)

    def _end(self, name: str, *, kill: bool = False) -> bool:
        """Say whether the component ran. It and the processes that it started are gone afterwards."""
        pid = self.pid(name)
        if pid is not None:
            children = {child: _started(child) for child in _children(pid)}
            if not kill:
                # PostgreSQL takes SIGTERM as a wish to wait for its clients; SIGINT sends them away.
                _signal(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
                kill = not _until(lambda: self.pid(name) is None, STOP)
            if kill:
                _signal(pid, signal.SIGKILL)
                _until(lambda: self.pid(name) is None, STOP)
            # Backends of PostgreSQL outlive a killed parent for a moment, and the next start would refuse to share their memory.
            if kill:
                for child in _still(children):
                    _signal(child, signal.SIGKILL)
            _until(lambda: not _still(children), STOP)
            if self.pid(name) is not None:
                raise StackError(f"{name} (process {pid}) does not end.")
        (self.folder / f"{name}.pid").unlink(missing_ok=True)
        if name in self._spawned:
            self._spawned.pop(name).wait(STOP)
        return pid is not None

    def wipe_redis(self) -> None:
        """Remove all that Redis holds, whether it runs or not, as if it had been lost."""
        if self.pid("redis") is None:
            shutil.rmtree(self.folder / "redis" / "appendonlydir", ignore_errors=True)
        elif _exchange(self.ports["redis"], b"FLUSHALL\r\n", 3) != b"+OK":
            raise StackError("Redis does not empty itself.")


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _cluster_id() -> str:
    """A new id for Kafka's storage: 16 random bytes in URL-safe base64, the first no dash, which begins an option."""
    while (made := urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return made


# -- command line -------------------------------------------------------------------------------------------------------


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(ALL):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    return names


def _ports(text: str) -> dict[str, int]:
    ports: dict[str, int] = {}
    for pair in text.split(","):
        name, _, port = pair.partition("=")
        if name not in ALL or not port.isdecimal() or int(port) > 65535:
            raise argparse.ArgumentTypeError(f"{pair!r} is not like redis=16379 (0 picks a free port)")
        ports[name] = int(port)
    return ports


def _line(stack: Stack, name: str) -> str:
    pid, port = stack.pid(name), stack.ports.get(name)
    if pid is None:
        return f"{name:10}  is down"
    state = "runs" if stack.answers(name) else "does not answer"
    return f"{name:10}  {state} at {HOST}:{port}, process {pid}, log {stack.log(name)}"


def main(arguments: list[str] | None = None) -> int:
    """0 when all is as it was asked for, 1 when not; what is wrong stands on standard error."""
    parser = argparse.ArgumentParser(
        prog="stack.py", description="Kafka, Redis, PostgreSQL and Prometheus on this machine's loopback."
    )
    parser.add_argument(
        "command", choices=("up", "down", "status", "env", "prepare"), help="prepare: install and fetch only"
    )
    parser.add_argument("--dir", default="var/stack", help="folder of data, logs and process ids (var/stack)")
    parser.add_argument("--only", type=_names, default=list(ALL), help="for example redis,postgres")
    parser.add_argument("--ports", type=_ports, default={}, help="for example kafka=9092,redis=0 (0: any free port)")
    parser.add_argument("--free-ports", action="store_true", help="any free port for each that is not named")
    parser.add_argument("--wipe", action="store_true", help="down: remove the data too")
    given = parser.parse_args(arguments)
    stack = Stack(given.dir)
    try:
        if given.command == "up":
            already = [name for name in given.only if stack.pid(name) is not None]
            stack.up(given.only, ports=given.ports, free_ports=given.free_ports)
            for name in given.only:
                print(_line(stack, name) + (" (ran already)" if name in already else ""))
        elif given.command == "down":
            ended = stack.down(given.only, wipe=given.wipe)
            print(
                f"Ended: {', '.join(ended)}." if ended else "Nothing ran.", "The data are gone." if given.wipe else ""
            )
        elif given.command == "status":
            print("\n".join(_line(stack, name) for name in given.only))
            return 0 if all(stack.answers(name) for name in given.only) else 1
        elif given.command == "prepare":
            stack.prepare(given.only)
        else:
            print("\n".join(f"export {name}={value}" for name, value in stack.environment(given.only).items()))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
