"""The local stack: safe to call again, honest about what is missing, and its data outlive it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from redis import Redis
from sqlalchemy import create_engine, text

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "local" / "stack.py"
COMPOSE = SCRIPT.parents[1] / "compose.yaml"
SECONDS = 120.0


@pytest.fixture
def own_folder(stack_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder for a stack that this test alone uses."""
    return stack_folder / re.sub(r"\W+", "-", request.node.name)


@pytest.fixture
def own(local_stack: ModuleType, jars: Path, own_folder: Path) -> Iterator[Any]:
    """A stack that this test alone uses, not started."""
    stack = local_stack.Stack(own_folder, jars)
    yield stack
    stack.down()


@pytest.fixture
def script(own: Any, jars: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Calls `stack.py` as people do, on the folder of `own`."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, SCRIPT, *arguments, "--dir", own.folder],
            env={**os.environ, "XUNQUN_JARS": str(jars)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return call


def _select(url: str, statement: str) -> Any:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def test_second_up_starts_nothing_and_says_so(
    script: Callable[..., subprocess.CompletedProcess[str]], own: Any
) -> None:
    first = script("up", "--only", "redis,postgres", "--free-ports")
    assert first.returncode == 0, first.stderr
    before = own.pid("redis"), own.pid("postgres")
    second = script("up", "--only", "redis,postgres")
    assert second.returncode == 0, second.stderr
    assert (own.pid("redis"), own.pid("postgres")) == before
    assert second.stdout.count("ran already") == 2
    assert "ran already" not in first.stdout


def test_two_ups_at_once_start_one(own: Any, jars: Path) -> None:
    command = [sys.executable, SCRIPT, "up", "--only", "redis", "--free-ports", "--dir", own.folder]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    outputs = [one.communicate(timeout=SECONDS)[0].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], outputs
    assert own.log("redis").read_text().count("Ready to accept connections") == 1


def test_env_is_what_programs_connect_with(script: Callable[..., subprocess.CompletedProcess[str]], own: Any) -> None:
    assert "make up" in script("env", "--only", "redis").stderr
    own.up(["redis", "postgres"], free_ports=True)
    lines = script("env", "--only", "redis,postgres").stdout.split()
    values = dict(line.split("=", 1) for line in lines if line != "export")
    assert Redis.from_url(values["XUNQUN_REDIS"]).ping()
    assert _select(values["XUNQUN_DATABASE"], "SELECT current_user || '@' || current_database()") == "xunqun@xunqun"


def test_status_tells_by_its_exit_code(script: Callable[..., subprocess.CompletedProcess[str]], own: Any) -> None:
    assert script("status", "--only", "redis").returncode == 1
    own.start("redis")
    status = script("status", "--only", "redis")
    assert status.returncode == 0
    assert str(own.pid("redis")) in status.stdout


def test_ports_are_remembered(local_stack: ModuleType, own: Any, jars: Path) -> None:
    own.up(["redis"], ports={"redis": 0})
    url = own.redis
    own.down()
    later = local_stack.Stack(own.folder, jars)
    later.up(["redis"])
    assert later.redis == url
    assert Redis.from_url(url).ping()
    later.down()


def test_named_port_is_used(own: Any, local_stack: ModuleType) -> None:
    port = local_stack.free_port()
    own.up(["redis"], ports={"redis": port})
    assert own.redis == f"redis://127.0.0.1:{port}/0"


def test_nothing_listens_beyond_loopback(stack: Any) -> None:
    ports = {f"{port:04X}" for port in stack.ports.values()}
    listening = [
        fields[1]
        for family in ("tcp", "tcp6")
        for fields in map(str.split, Path(f"/proc/net/{family}").read_text().splitlines()[1:])
        if fields[3] == "0A" and fields[1].rpartition(":")[2] in ports
    ]
    assert len(listening) == 4
    # 127.0.0.1, also as Java writes it (mapped into IPv6), in the byte order of /proc.
    assert {address.rpartition(":")[0] for address in listening} <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_port_of_another_program_is_named(own: Any, local_stack: ModuleType, stack: Any) -> None:
    """The rest starts all the same."""
    taken = stack.ports["redis"]
    with pytest.raises(local_stack.StackError, match=rf"redis did not start: port {taken} is taken by another program"):
        own.up(["redis", "postgres"], ports={"redis": taken, "postgres": 0})
    assert own.answers("postgres")
    assert own.pid("redis") is None


def test_half_broken_start_shows_the_end_of_the_log(
    script: Callable[..., subprocess.CompletedProcess[str]], own: Any
) -> None:
    own.up(["postgres"], free_ports=True)
    own.down()
    (own.folder / "postgres" / "data" / "global" / "pg_control").unlink()
    broken = script("up", "--only", "redis,postgres", "--free-ports")
    assert broken.returncode == 1
    assert "postgres ended while it started" in broken.stderr
    assert "pg_control" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert own.answers("redis")


def test_missing_program_is_one_sentence(local_stack: ModuleType, own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stack, "find_program", lambda name: None)
    monkeypatch.setattr(local_stack.os, "geteuid", lambda: 1000)
    with pytest.raises(local_stack.StackError) as caught:
        own.up(["redis", "postgres"])
    assert str(caught.value) == (
        "Missing: redis-server, postgresql. On Debian or Ubuntu: sudo apt-get install redis-server postgresql"
    )


def test_pid_file_of_another_process_is_no_component(own: Any) -> None:
    """After a restart of the machine the id may belong to anybody, who must not be ended."""
    own.folder.mkdir()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (own.folder / "redis.pid").write_text(f"{bystander.pid} 1\n")
        assert own.pid("redis") is None
        assert own.down() == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("kill", [False, True], ids=["in order", "killed"])
def test_rows_survive_the_end_of_postgres(own: Any, kill: bool) -> None:
    own.start("postgres")
    _select(own.database, "CREATE TABLE kept AS SELECT 7 AS number")
    pid = own.pid("postgres")
    own.stop("postgres", kill=kill)
    assert own.pid("postgres") is None
    assert not Path(f"/proc/{pid}").exists()
    own.start("postgres")
    assert _select(own.database, "SELECT number FROM kept") == 7


def test_clients_do_not_keep_postgres_from_ending(own: Any) -> None:
    own.start("postgres")
    engine = create_engine(own.database)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        began = time.monotonic()
        own.stop("postgres")
        assert time.monotonic() - began < 10
        connection.invalidate()
    engine.dispose()


def test_only_the_role_xunqun_enters(own: Any) -> None:
    own.start("postgres")
    assert _select(own.database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    with pytest.raises(Exception, match=r"no pg_hba\.conf entry"):
        _select(own.database.replace("xunqun@", "postgres@"), "SELECT 1")


def test_redis_keeps_keys_over_an_orderly_end_and_loses_them_when_wiped(own: Any) -> None:
    own.start("redis")
    Redis.from_url(own.redis).set("kept", "7")
    own.stop("redis")
    own.start("redis")
    assert Redis.from_url(own.redis).get("kept") == b"7"
    own.wipe_redis()
    assert Redis.from_url(own.redis).get("kept") is None
    Redis.from_url(own.redis).set("kept", "8")
    own.stop("redis", kill=True)
    own.wipe_redis()
    own.start("redis")
    assert Redis.from_url(own.redis).get("kept") is None


def test_wipe_removes_the_data_and_keeps_the_jars(
    script: Callable[..., subprocess.CompletedProcess[str]], own: Any
) -> None:
    own.start("redis")
    Redis.from_url(own.redis).set("kept", "7")
    (own.folder / "jars").mkdir()
    assert script("down", "--wipe").returncode == 0
    assert own.pid("redis") is None
    assert {path.name for path in own.folder.iterdir()} == {"jars", "lock"}


async def test_records_survive_the_kill_of_kafka(stack: Any, topic_prefix: str) -> None:
    topic = f"{topic_prefix}kept"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all") as producer:
        for number in range(100):
            await producer.send_and_wait(topic, b"%d" % number)
    stack.stop("kafka", kill=True)
    assert not stack.answers("kafka")
    stack.start("kafka")
    async with AIOKafkaConsumer(topic, bootstrap_servers=stack.kafka, auto_offset_reset="earliest") as consumer:
        read = [(await consumer.getone()).value for _ in range(100)]
    assert read == [b"%d" % number for number in range(100)]


async def test_topics_are_not_made_by_writing_to_them(stack: Any, topic_prefix: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, request_timeout_ms=1500) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait(f"{topic_prefix}typo", b"1")


def test_containers_have_the_same_settings(local_stack: ModuleType) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    ports = local_stack.DEFAULT_PORTS
    assert {name: int(services[name]["ports"][0].split(":")[1]) for name in ports} == ports

    ours = local_stack.kafka_settings(Path("/"), local_stack.DEFAULT_PORTS["kafka"], 19093)
    kafka = dict(line.split("=", 1) for line in ours.splitlines() if not line.startswith("#"))
    theirs = services["kafka"]["environment"]
    # Inside a container, loopback would be the container's own, and its data lie on a volume.
    for name in kafka.keys() - {"listeners", "advertised.listeners", "log.dirs"}:
        assert theirs["KAFKA_" + name.replace(".", "_").upper()] == kafka[name], name
    # The second one is for the containers among themselves.
    assert theirs["KAFKA_ADVERTISED_LISTENERS"].split(",")[0] == kafka["advertised.listeners"]
    version = re.search(r"kafka_2\.13</artifactId>\s*<version>(.*?)<", (SCRIPT.parent / "pom.xml").read_text())
    assert version is not None
    assert services["kafka"]["image"] == f"apache/kafka:{version[1]}"

    redis = dict(line.split(" ", 1) for line in local_stack.redis_settings(Path("/"), 1).splitlines())
    command = services["redis"]["command"][1:]
    for name, value in zip(command[::2], command[1::2], strict=True):
        assert redis[name.removeprefix("--")].strip('"') == value

    postgres = local_stack.postgres_settings(1)
    given = dict(part.removeprefix("-c").split("=", 1) for part in services["postgres"]["command"][1:])
    given.pop("hba_file")
    assert given == {name: postgres[name] for name in given}
    assert postgres.keys() - given.keys() == {"listen_addresses", "port", "unix_socket_directories"}
