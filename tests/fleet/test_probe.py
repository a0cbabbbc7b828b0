"""`xunqun doctor` on a fleet that runs, and on one in which something is missing."""

import json

from redis import Redis
from running_fleet import RunningFleet

from streams.fleet.kafka import Kafka, create_topics
from streams.topics import ACTIONS

LEGS = [
    "sent to the topic observations",
    "verdict in the topic judgements",
    "verdict in PostgreSQL",
    "question in PostgreSQL",
    "question withdrawn",
]


def findings(xunqun):
    _, out, _ = xunqun("doctor", "--json")
    return [(one["state"], one["what"], one["told"]) for one in json.loads(out)]


def states(found):
    return {what: state for state, what, _ in found}


def test_a_fleet_that_runs_is_well(fleet, xunqun):
    fleet.until(lambda: states(findings(xunqun))["screen"] == "ok", "the workers have joined")
    found = findings(xunqun)
    seen = states(found)
    for what in ("topics", "redis", "store", "screen", "escalate", "enforce", "record"):
        assert seen[what] == "ok", found
    assert seen["ingest"] == "note"
    assert not [one for one in found if one[0] == "wrong"]


def test_a_probe_goes_all_the_way_and_leaves_nothing_behind(fleet, xunqun):
    legs = xunqun.json("doctor", "--e2e")
    assert [one["name"] for one in legs] == LEGS
    assert all(0 <= one["seconds"] < 30 for one in legs)
    code, out, err = xunqun("doctor", "--e2e")
    assert code == 0, err
    assert out.count(" ms  ") == len(LEGS)
    assert xunqun.json("review", "list") == []
    reviews = fleet.rows("SELECT observation_id, status FROM reviews")
    assert {status for _, status in reviews} == {"withdrawn"}
    assert all(observation.startswith("probe-") for observation, _ in reviews)
    assert not [one for one in fleet.topic(ACTIONS) if one.sanction or one.action]
    assert fleet.rows("SELECT * FROM sanctions") == []
    assert fleet.rows("SELECT * FROM outbox") == []
    assert "unknown group" not in states(findings(xunqun))


def test_many_probes_are_no_flood(fleet, xunqun):
    for _ in range(12):
        assert xunqun("doctor", "--e2e")[0] == 0
    assert fleet.rows("SELECT * FROM sanctions") == []


def test_without_a_database_here_the_legs_on_kafka_are_looked_at(xunqun, monkeypatch):
    monkeypatch.delenv("XUNQUN_DATABASE")
    code, out, err = xunqun("doctor", "--e2e")
    assert code == 0, err
    assert [line.partition(" ms  ")[2] for line in out.splitlines()[:2]] == LEGS[:2]
    assert "PostgreSQL was not looked at" in out


def test_what_is_lost_in_redis_is_named(fleet, xunqun):
    client = Redis.from_url(fleet.stack.redis)
    marker = f"{fleet.kafka.prefix}xunqun:complete"
    kept = client.get(marker)
    client.delete(marker)
    try:
        told = {what: why for state, what, why in findings(xunqun) if state == "wrong"}
        # A worker may have rebuilt it meanwhile.
        assert "redis" not in told or "does not hold the state" in told["redis"]
    finally:
        client.set(marker, kept, nx=True)


def test_a_fleet_without_workers_is_told_what_to_start(fleet, xunqun, monkeypatch, topic_prefix):
    fleet.wait_for(create_topics(Kafka(fleet.kafka.brokers, topic_prefix), partitions=1))
    monkeypatch.setenv("XUNQUN_KAFKA_PREFIX", topic_prefix)
    found = {what: (state, why) for state, what, why in findings(xunqun)}
    for agent in ("screen", "escalate", "enforce", "record"):
        assert found[agent][0] == "wrong"
        assert f"start `xunqun worker --agents {agent}`" in found[agent][1]
    assert found["redis"][0] == "wrong"
    code, out, err = xunqun("doctor", "--e2e", "--timeout", 1)
    assert code == 1
    assert "missing  verdict in the topic judgements" in out
    assert "see that a worker with the role screen runs" in err
    assert err.count("\n") == 1


def test_a_verdict_that_is_not_entered_is_named(stack, tmp_path, xunqun, monkeypatch):
    """A database into which nobody writes."""
    other = RunningFleet(stack, tmp_path)
    try:
        monkeypatch.setenv("XUNQUN_DATABASE", other.database)
        assert xunqun("cases", "upgrade")[0] == 0
        code, out, err = xunqun("doctor", "--e2e", "--timeout", 3)
        assert code == 1
        assert "missing  verdict in PostgreSQL" in out
        assert "see that a worker with the role record runs" in err
        assert err.count("\n") == 1
    finally:
        other.close()


def test_kafka_redis_and_postgresql_that_are_away_are_three_findings(fleet, xunqun, monkeypatch, local_stack):
    monkeypatch.setenv("XUNQUN_KAFKA", f"127.0.0.1:{local_stack.free_port()}")
    monkeypatch.setenv("XUNQUN_REDIS", f"redis://127.0.0.1:{local_stack.free_port()}/0")
    monkeypatch.setenv("XUNQUN_DATABASE", f"postgresql+psycopg://x@127.0.0.1:{local_stack.free_port()}/x")
    wrong = {what for state, what, _ in findings(xunqun) if state == "wrong"}
    assert {"topics", "redis", "database"} <= wrong
    code, _, err = xunqun("doctor", "--e2e", "--timeout", 2)
    assert code == 1
    assert err.count("\n") == 1
