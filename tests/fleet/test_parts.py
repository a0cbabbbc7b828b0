"""What doctor says of the parts themselves: each finding names what to do."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from secured_stack import Authority

from streams.cases.postgres import Cases
from streams.doctor import _connections, _secrets, _settings, examine
from streams.fleet.kafka import Kafka, Producer, create_topics
from streams.fleet.parts import _redis_version, clock, database_findings, kafka_findings, redis_findings
from streams.settings import Settings, secret_files
from streams.text_keys import found as founded
from streams.topics import OBSERVATIONS, WITH_TEXT

DAY = 86_400_000


def told(findings, what):
    return [(one.state, one.told) for one in findings if one.what == what]


@pytest.fixture
def settings(stack, topic_prefix) -> Settings:
    return Settings(kafka=stack.kafka, kafka_prefix=topic_prefix, redis=stack.redis, database=stack.database)


# what a process is told by its settings


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"kafka": "127.0.0.1:9092,broker.example:9092"}, "XUNQUN_KAFKA"),
        ({"redis": "redis://cache.example:6379/0"}, "XUNQUN_REDIS"),
        ({"database": "postgresql+psycopg://x@db.example/x"}, "XUNQUN_DATABASE"),
        ({"database": "postgresql+psycopg://x@db.example/x?sslmode=disable"}, "XUNQUN_DATABASE"),
        ({"database": "postgresql+psycopg://x@/x?host=db.example"}, "XUNQUN_DATABASE"),
    ],
)
def test_what_is_spoken_openly_over_the_network_is_wrong(given, setting):
    ((state, why),) = told(_connections(Settings(**given)), "encryption")
    assert state == "wrong"
    assert why.startswith(setting)
    assert ": " in why


def test_what_is_encrypted_or_stays_here_is_well():
    far = {
        "kafka": "broker.example:9092", "kafka_security": "sasl_tls", "kafka_user": "u", "kafka_password": "p",
        "redis": "rediss://cache.example:6379/0", "database": "postgresql+psycopg://x@db.example/x?sslmode=verify-full",
    }  # fmt: skip
    here = {"database": "postgresql+psycopg://x@/x?host=/run/postgresql"}
    for given in ({}, here, far):
        assert [state for state, _ in told(_connections(Settings(**given)), "encryption")] == ["ok"]


@pytest.mark.parametrize(("days", "state"), [(-1, "wrong"), (10, "note"), (90, None)])
def test_a_certificate_is_told_of_before_it_ends(tmp_path, days, state):
    cert, key = Authority(tmp_path, "ca").issue("mine", days=days)
    found = told(_connections(Settings(tls_cert=cert, tls_key=key)), "certificate")
    ends = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
    assert [one for one, _ in found] == ([state] if state else [])
    assert all(ends in why and "have a new one issued" in why for _, why in found)


@pytest.mark.parametrize(("mode", "wrong"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_secret_that_others_may_read_is_wrong(tmp_path, mode, wrong):
    path = tmp_path / "token"
    path.write_text("token-of-the-desk")
    path.chmod(mode)
    found = told(_secrets({"XUNQUN_API_TOKEN_FILE": str(path)}), "secret file")
    assert [state for state, _ in found] == ["wrong"] * wrong
    assert all("chmod" in why and "token-of-the-desk" not in why for _, why in found)


def test_files_of_secrets_are_those_of_settings_and_the_key():
    given = {"XUNQUN_API_TOKEN_FILE": "/a", "XUNQUN_TLS_KEY": "/b", "XUNQUN_TLS_CA": "/c", "OTHER_FILE": "/d"}
    assert secret_files(given) == {"XUNQUN_API_TOKEN_FILE": Path("/a"), "XUNQUN_TLS_KEY": Path("/b")}


def test_actions_that_go_openly_over_the_network_are_wrong():
    found = told(_settings(Settings(action_url="http://chat.example/do", action_secret="whsec_x")), "action_url")
    assert [state for state, _ in found] == ["wrong"]
    assert not told(_settings(Settings(action_url="https://chat.example/do", action_secret="whsec_x")), "action_url")


# what the parts say


@pytest.mark.parametrize(("offset", "state"), [(0.3, "ok"), (-1.9, "ok"), (2.5, "wrong"), (-60.0, "wrong")])
def test_clocks_that_differ_are_wrong(offset, state):
    found = clock("redis", offset)
    assert found.state == state
    assert ("time servers" in found.told) is (state == "wrong")


def test_an_old_redis_is_wrong():
    assert [_redis_version(one).state for one in ("6.0.16", "6.2.14", "7.0.15", "8.2.1")] == ["wrong", "ok", "ok", "ok"]


async def test_topics_that_keep_words_for_longer_than_promised_are_wrong(settings):
    await create_topics(Kafka.of(settings), partitions=1, keep=30 * DAY)
    assert not told(await kafka_findings(settings), "retention")
    found = told(await kafka_findings(replace(settings, retention_days=20)), "retention")
    assert {state for state, _ in found} == {"wrong"}
    assert any("observations is kept for 30 days" in why and str(20 * DAY) in why for _, why in found)
    shorter = told(await kafka_findings(replace(settings, retention_days=40)), "retention")
    assert {state for state, _ in shorter} == {"note"}


async def test_every_topic_that_holds_words_is_looked_at(settings):
    await create_topics(Kafka.of(settings), partitions=1, keep=30 * DAY)
    found = told(await kafka_findings(replace(settings, retention_days=20)), "retention")
    named = {re.search(rf"topic {settings.kafka_prefix}(\S+) ", why)[1] for _, why in found}
    assert named == {*WITH_TEXT, "sealed"}


async def test_a_ticker_whose_clock_is_wrong_is_told_of_where_ticks_are_encrypted(settings, tmp_path):
    settings = replace(settings, keys=tmp_path / "keys")
    founded(tmp_path / "keys")
    kafka = Kafka.of(settings)
    await create_topics(kafka, partitions=1)
    producer = Producer(kafka)
    await producer.start()
    tick = {"type": "clock.tick", "sent_at": time.time_ns() // 1_000_000 + 60_000}
    await producer.send_to(OBSERVATIONS, 0, json.dumps(tick).encode())
    await producer.stop()
    ((state, why),) = told(await kafka_findings(settings), "clock of the worker that ticks, beside Kafka's")
    assert (state, "60 s ahead" in why) == ("wrong", True)
    ((state, why),) = told(await kafka_findings(replace(settings, keys=tmp_path / "other")), "text at rest")
    assert (state, "XUNQUN_KEYS" in why) == ("wrong", True)


async def test_topics_of_one_copy_are_wrong_where_brokers_are_elsewhere(settings, stack, monkeypatch):
    await create_topics(Kafka.of(settings), partitions=1)
    found = await kafka_findings(settings)
    assert told(found, "kafka") == [("ok", "version 4 or newer")]
    assert not told(found, "copies")
    monkeypatch.setattr("streams.fleet.parts.is_loopback", lambda host: False)
    ((state, why),) = told(await kafka_findings(settings), "copies")
    assert (state, "replicate" in why) == ("wrong", True)


async def test_a_redis_that_keeps_nothing_on_disk_is_wrong(settings, stack):
    client = Redis.from_url(stack.redis)
    assert not told(await redis_findings(settings), "redis on disk")
    client.config_set("appendonly", "no")
    try:
        ((state, why),) = told(await redis_findings(settings), "redis on disk")
    finally:
        client.config_set("appendonly", "yes")
        client.close()
    assert (state, "set appendonly yes" in why) == ("wrong", True)


async def test_the_user_who_may_do_everything_is_wrong_at_a_redis_elsewhere(settings, monkeypatch):
    assert not told(await redis_findings(settings), "rights at redis")
    monkeypatch.setattr("streams.fleet.parts.is_loopback", lambda host: False)
    ((state, why),) = told(await redis_findings(settings), "rights at redis")
    assert (state, "redis-users.acl" in why) == ("wrong", True)


def test_a_role_that_owns_the_tables_is_told_of(settings):
    cases = Cases(settings.database or "")
    try:
        cases.upgrade()
        found = database_findings(cases)
        assert [state for state, _ in told(found, "rights at postgresql")] == ["note"]
        assert [state for state, _ in told(found, "clock of postgresql")] == ["ok"]
        assert [state for state, _ in told(found, "postgresql version")] == ["ok"]
    finally:
        cases.close()


def test_a_closed_port_is_no_traceback(local_stack, monkeypatch):
    away = f"127.0.0.1:{local_stack.free_port()}"
    given = Settings(kafka=away, redis=f"redis://{away}/0", database=f"postgresql+psycopg://x@{away}/x")
    found = [one for one in examine(given, fleet=True) if one.state == "wrong"]
    assert {"topics", "redis", "database"} <= {one.what for one in found}
    assert len({one.told for one in found}) == len(found)
