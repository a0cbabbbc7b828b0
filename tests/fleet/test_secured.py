"""A fleet whose parts are encrypted and know each role: it works, and whoever is not meant to get in is told why not."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest
import sqlalchemy as sa
import uvloop
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError
from secured_stack import HOST, SECURITY, SecuredStack, clean_environment

from connectors.webhook import sign
from models import Fleet
from streams.cases.postgres import Cases
from streams.cases.tables import appeals, decisions, evidence, violations
from streams.cli import main
from streams.connections import kafka_options
from streams.errors import LoadError, Unavailable
from streams.fleet.kafka import CONTROL, GROUP_STATE, LEDGER, SEALED, Kafka, Producer, read_whole
from streams.ledger import RedisStates
from streams.settings import Settings, read_settings
from streams.topics import JUDGEMENTS, OBSERVATIONS, Record

NUMBER = "他的身份证号是11010519491231002X"
DOOR = "whsec_c2VjcmV0LW9mLXRoZS1zZWN1cmVkLWRvb3ItMDAwMDA="
PATIENCE = 60.0
# Values of all settings that hold a secret; addresses with passwords are added by the stack.
HIDDEN = {
    "webhook_secrets": DOOR,
    "api_token": "token-4f1d8a7c0b",
    "action_url": f"http://{HOST}:9/actions?key=key-9d2e61f7aa",
    "action_secret": "whsec_YWN0aW9uLXNlY3JldC1vZi10aGUtdGVzdC0wMDAwMDA=",
}


@pytest.fixture(scope="module")
def secured(local_stack, jars, stack_folder) -> Iterator[SecuredStack]:
    local_stack.fetch_jars(jars)
    made = SecuredStack(local_stack, jars, stack_folder / "secured", f"s{os.getpid()}-")
    try:
        made.up()
        called(made.settings("admin", kafka_mechanism="plain"), "topics", "create", "--partitions", "2")
        grant(made, "screen", "screen")
        grant(made, "worker", "gather", "escalate", "enforce", "record", "dispatch")
        grant(made, "ingest", "ingest")
        grant(made, "operator", "operator")
        called(made.settings("operator", database=made.database("owner")), "cases", "upgrade")
        with psycopg.connect(libpq(made, "owner"), sslrootcert=str(made.ours.ca)) as owner:
            owner.execute((SECURITY / "postgresql-rights.sql").read_text())
        yield made
    finally:
        made.down()


def called(settings: dict[str, str], *arguments: str) -> None:
    """The command line in this process, as somebody with these settings."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(clean_environment() | settings)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert not ended.value.code, arguments
    finally:
        os.environ.clear()
        os.environ.update(before)


def grant(secured: SecuredStack, user: str, *roles: str) -> None:
    named = [part for role in roles for part in ("--role", role)]
    admin = secured.settings("admin", kafka_mechanism="plain")
    called(admin, "topics", "acls", "--create", "--principal", f"User:{user}", *named)


def libpq(secured: SecuredStack, role: str) -> str:
    return secured.database(role).replace("+psycopg", "")


class Process:
    """`xunqun` as a process, whose output is kept."""

    def __init__(self, folder: Path, settings: dict[str, str], *arguments: str) -> None:
        self.log = folder / f"{'-'.join(arguments[:3])}.log".replace(",", "+")
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from streams.cli import main; main()", *arguments],
                env=clean_environment() | settings, stdout=file, stderr=file, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def url(self) -> str:
        """Where it serves, as soon as it does."""
        found = until(
            lambda: re.search(r"http://[\d.]+:\d+", self.said()) or self.process.poll() is not None, self.said
        )
        assert isinstance(found, re.Match), self.said()
        return found.group(0)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def until(check, told):
    deadline = time.monotonic() + PATIENCE
    while not (found := check()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def running(secured, tmp_path_factory) -> Iterator[dict[str, Process]]:
    """Judging as one user, all else of a worker as another, the door as a third; every setting with a secret is set."""
    folder = tmp_path_factory.mktemp("secured")
    (folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet()))
    common = {**HIDDEN, "fleet": folder / "fleet.yaml", "tick_seconds": 1}
    rest = "gather,escalate,enforce,record,dispatch"
    made = {
        "screen": Process(
            folder, secured.settings("screen", **common, database=""), "worker", "--agents", "screen", "--port", "0"
        ),
        "rest": Process(
            folder, secured.settings("worker", **common, kafka_mechanism="scram-sha-256"),
            "worker", "--agents", rest, "--port", "0",
        ),
        "door": Process(folder, secured.settings("ingest", **common), "ingest", "--port", "0"),
    }  # fmt: skip
    yield made
    for one in made.values():
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)


def post(url: str, text: str) -> int:
    body = json.dumps(
        {
            "id": f"m{time.time_ns()}", "type": "message.created", "platform": "webhook", "group": {"id": "g1"},
            "sender": {"id": "a1"}, "sent_at": time.time_ns() // 1_000_000, "kind": "text", "text": text,
        }
    ).encode()  # fmt: skip
    headers = sign(DOOR, f"post-{time.monotonic_ns()}", body, time.time()) | {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/observations", body, headers), timeout=20) as answer:
        return int(answer.status)


def get(url: str, path: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def secret_values(secured: SecuredStack) -> set[str]:
    plain = {*secured.passwords.values(), secured.redis_password, *secured.database_passwords.values()}
    return plain | {HIDDEN["api_token"], "key-9d2e61f7aa", DOOR, HIDDEN["action_secret"]}


def test_a_message_that_is_posted_comes_out_as_a_verdict(secured, running):
    assert post(running["door"].url(), NUMBER) == 202
    for one in ("screen", "rest"):
        running[one].url()
    reader = Cases.of(read_settings(secured.settings("worker", database=secured.database("reader"))))
    try:
        until(
            lambda: reader.connection.scalar(sa.select(sa.func.count()).select_from(violations)), running["rest"].said
        )
        found = reader.connection.execute(sa.text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        assert [tuple(one) for one in found] == [(True, "TLSv1.3")]
        # Whose words they were stays closed to those who only look.
        with pytest.raises(Unavailable, match="permission denied for table evidence"):
            reader.connection.execute(sa.select(evidence))
    finally:
        reader.close()


def test_no_secret_is_told_anywhere(secured, running, tmp_path):
    marked = {one.name for one in fields(Settings) if one.metadata["secret"]}
    given = read_settings(secured.settings("worker", **HIDDEN))
    assert all(getattr(given, name) for name in marked), "this test sets every setting that holds a secret"
    told = [get(running[one].url(), path) for one in running for path in ("/ready", "/metrics")]
    doctor = Process(tmp_path, secured.settings("operator", **HIDDEN), "doctor")
    doctor.process.wait(60)
    told.append(doctor.said())
    for name in ("screen", "rest"):
        assert running[name].stop() == 0, running[name].said()
    told += [one.said() for one in running.values()]
    assert "redis = set" in running["rest"].said()
    assert "verdicts" in "".join(told)
    found = [one for one in secret_values(secured) if any(one in text for text in told)]
    assert found == []
    assert NUMBER not in "".join(told)
    assert secured.redis_password not in repr(given)


def test_every_setting_that_may_hold_a_secret_is_marked():
    named = {one.name for one in fields(Settings) if re.search("secret|token|password|url|redis$|database", one.name)}
    assert named == {one.name for one in fields(Settings) if one.metadata["secret"]}


# who is refused, and what he is told


async def start_producer(settings: dict[str, str]) -> None:
    producer = Producer(Kafka.of(read_settings(settings)))
    await producer.start()
    await producer.stop()


OPEN = {"kafka_security": "plaintext", "kafka_user": "", "kafka_password": ""}
CERTIFIED = {"kafka_security": "tls", "kafka_user": "", "kafka_password": ""}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_password": "not-this-one"}, "does not take our user and password"),
        ({"kafka_password": "not-this-one", "kafka_mechanism": "plain"}, "does not take our user and password"),
        ({"tls_ca": "stranger"}, "name the file of its CA in XUNQUN_TLS_CA"),
        ({"kafka": "localhost"}, "its certificate is for another name"),
        (OPEN, "wants TLS: set XUNQUN_KAFKA_SECURITY"),
        (CERTIFIED, "see to XUNQUN_KAFKA_SECURITY"),
    ],
)
async def test_kafka_refuses_with_a_reason(secured, given, told):
    places = {"stranger": secured.strangers.ca, "localhost": f"localhost:{secured.ports['kafka']}"}
    settings = secured.settings("worker", **{name: places.get(value, value) for name, value in given.items()})
    with pytest.raises(Unavailable, match=told) as refused:
        await start_producer(settings)
    assert "not-this-one" not in str(refused.value)
    with pytest.raises(Unavailable, match=told):
        await read_whole(Kafka.of(read_settings(settings)), CONTROL)


@pytest.mark.parametrize("whose", [None, "strangers", "ours"])
async def test_kafka_that_asks_for_a_certificate_takes_those_of_its_ca(secured, whose):
    place = {**CERTIFIED, "kafka": f"{HOST}:{secured.ports['mtls']}"}
    if whose:
        place["tls_cert"], place["tls_key"] = getattr(secured, whose).issue("client")
    kafka = Kafka.of(read_settings(secured.settings("worker", **place)))
    # A certificate makes somebody known, and gives no rights.
    told = "our user may not do this|is closed" if whose == "ours" else "issued by a CA that it knows"
    with pytest.raises(Unavailable, match=told):
        await start_producer(secured.settings("worker", **place))
    assert kafka.options["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"redis": "wrong"}, "does not take our user and password"),
        ({"redis": "open"}, "wants TLS write rediss://"),
        ({"redis": "expired"}, "its certificate has expired"),
        ({"tls_ca": "stranger"}, "name the file of its CA in XUNQUN_TLS_CA"),
    ],
)
async def test_redis_refuses_with_a_reason(secured, given, told):
    if given.get("redis") == "expired" and secured.stack.is_free(secured.ports["expired"]):
        secured.start_expired_redis()
    places = {
        "wrong": secured.redis(password="not-this-one"),
        "open": secured.redis(scheme="redis"),
        "expired": secured.redis().replace(str(secured.ports["redis"]), str(secured.ports["expired"])),
        "stranger": secured.strangers.ca,
    }
    settings = secured.settings("worker", **{name: places[value] for name, value in given.items()})
    with pytest.raises(Unavailable, match=told) as refused:
        await RedisStates.of(read_settings(settings))
    assert "not-this-one" not in str(refused.value)
    assert secured.redis_password not in str(refused.value)


async def test_redis_is_checked_by_the_named_ca_alone(secured, monkeypatch):
    """A certificate that the system trusts for this name is not enough where XUNQUN_TLS_CA names another CA."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secured.ours.ca))
    settings = secured.settings("worker", tls_ca=secured.strangers.ca)
    with pytest.raises(Unavailable, match="name the file of its CA in XUNQUN_TLS_CA"):
        await RedisStates.of(read_settings(settings))


@pytest.mark.parametrize(
    ("database", "told"),
    [
        ({"password": "not-this-one"}, "does not take our user and password"),
        ({"query": "?sslmode=disable"}, "wants TLS: write .?sslmode=verify-full"),
        ({}, "name the file of its CA in XUNQUN_TLS_CA"),
    ],
)
def test_postgresql_refuses_with_a_reason(secured, database, told):
    ca = secured.ours.ca if database else secured.strangers.ca
    cases = Cases.of(read_settings(secured.settings("worker", database=secured.database(**database), tls_ca=ca)))
    try:
        with pytest.raises(Unavailable, match=told) as refused:
            cases.check()
        assert "not-this-one" not in str(refused.value)
    finally:
        cases.close()


def test_a_command_that_is_refused_says_so_in_one_sentence(secured, tmp_path):
    refused = Process(tmp_path, secured.settings("operator", tls_ca=secured.strangers.ca), "topics", "check")
    assert refused.process.wait(60) == 2
    lines = [one for one in refused.said().splitlines() if "XUNQUN_TLS_CA" in one]
    assert len(lines) == 1, refused.said()
    assert "Traceback" not in refused.said()


def test_hanging_up_takes_no_leave_of_the_broker(secured):
    """Over TLS uvloop would wait 30 s for the broker's answer to it."""

    async def read_both() -> float:
        kafka = Kafka.of(read_settings(secured.settings("screen")))
        began = time.monotonic()
        for topic in (LEDGER, GROUP_STATE, LEDGER):
            await read_whole(kafka, topic)
        return time.monotonic() - began

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(read_both()) < 15


# what each role may do


async def test_a_role_reads_and_writes_its_own_topics_only(secured):
    screen, ingest = (Kafka.of(read_settings(secured.settings(role))) for role in ("screen", "ingest"))
    producer = Producer(ingest)
    await producer.start()
    try:
        await producer.send([Record(SEALED, "", b"{}", -1, -1), Record(OBSERVATIONS, "webhook:g2", b"{}", -1, -1)])
        with pytest.raises((KafkaError, Unavailable), match="Authorization"):
            await producer.publish([Record(JUDGEMENTS, "webhook:g1", b"{}", -1, -1)])
    finally:
        await producer.stop()
    for kafka, topic in ((screen, SEALED), (ingest, SEALED), (ingest, OBSERVATIONS)):
        with pytest.raises((TopicAuthorizationFailedError, Unavailable)):
            async with asyncio.timeout(20):
                await read_whole(kafka, topic)


def test_a_worker_adds_decisions_and_changes_none(secured):
    cases = Cases.of(read_settings(secured.settings("worker")))
    try:
        for statement in (sa.delete(decisions), sa.update(decisions).values(by="somebody else")):
            with pytest.raises(Unavailable, match="permission denied for table decisions"):
                cases.connection.execute(statement)
        with pytest.raises(Unavailable, match="permission denied"):
            cases.connection.execute(sa.text("CREATE TABLE more (id int)"))
    finally:
        cases.close()


def test_a_worker_takes_an_erased_member_out_of_what_was_decided(secured):
    cases = Cases.of(read_settings(secured.settings("worker")))
    name = f"x_{uuid4().hex[:8]}"
    body = {"id": name, "by": "林晓梅", "reason": "慕容拾柒已改正", "subject": "emp-40771"}
    decision = {"id": name, "by": "林晓梅", "on_id": "v1", "outcome": "uphold", "at": 1, "offset": 1}
    filed = {"id": name, "sanction_id": "s1", "subject": "emp-40771", "at": 1, "offset": 1}
    who = {"planned": True, "subject": "emp-40771", "accounts": (), "names": ("慕容拾柒",), "shared": ()}
    try:
        with cases.transaction():
            written = msgspec.json.encode(body)
            cases.write_rows([("decisions", {**decision, "body": written}), ("appeals", {**filed, "body": written})])
        with cases.transaction():
            cases.write_rows([("erased", who), ("erased_actions", who)])
        left = {**body, "reason": "（已删除）已改正", "subject": "erased"}
        found = cases.connection.execute(sa.select(decisions).where(decisions.c.id == name)).one()
        assert (msgspec.json.decode(found.body), found.by) == (left, "林晓梅")
        assert cases.connection.scalar(sa.select(appeals.c.subject).where(appeals.c.id == name)) == "erased"
    finally:
        cases.close()


def test_the_user_of_redis_reaches_our_keys_by_our_commands_only(secured):
    settings = read_settings(secured.settings("worker"))
    client = Redis.from_url(settings.redis, ssl_ca_certs=str(secured.ours.ca))
    assert client.exists(f"{secured.prefix}xunqun:complete") in (0, 1)
    for work in (
        lambda: client.get("somebody:else"),
        lambda: client.flushall(),
        lambda: client.config_get("*"),
        lambda: client.keys("*"),
        lambda: client.eval("return redis.call('GET', 'somebody:else')", 0),
    ):
        with pytest.raises((NoPermissionError, ResponseError), match=r"ermission|can.t access"):
            work()
    client.close()


# what is wrong before anybody is asked


@pytest.fixture
def bad_files(secured, tmp_path) -> dict[str, Path]:
    cert, key = secured.ours.issue("mine")
    other, _ = secured.ours.issue("other")
    old, old_key = secured.ours.issue("old", days=-1)
    (tmp_path / "nothing.pem").write_text("this is no certificate\n")
    missing = tmp_path / "missing.pem"
    return {
        "cert": cert, "key": key, "other": other, "old": old, "old_key": old_key,
        "nothing": tmp_path / "nothing.pem", "missing": missing,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ca", "cert", "key", "told"),
    [
        ("missing", None, None, "XUNQUN_TLS_CA names .*missing.pem, which cannot be read: No such file"),
        ("nothing", None, None, "XUNQUN_TLS_CA: .*nothing.pem holds no certificate in PEM form"),
        (None, "missing", "key", "XUNQUN_TLS_CERT names .*, which cannot be read"),
        (None, "nothing", "key", "XUNQUN_TLS_CERT: .* holds no certificate"),
        (None, "cert", "nothing", "XUNQUN_TLS_KEY: .* holds no private key"),
        (None, "other", "key", "XUNQUN_TLS_KEY: .* is not the key of"),
        (None, "old", "old_key", "XUNQUN_TLS_CERT: .* has expired on"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(bad_files, ca, cert, key, told):
    given = {name: bad_files[value] for name, value in (("tls_ca", ca), ("tls_cert", cert), ("tls_key", key)) if value}
    with pytest.raises(LoadError, match=told):
        kafka_options(Settings(kafka_security="tls", **given))
