"""What strikes. Each fault proves that it has struck, and leaves the field in working order; its docstring says what it is."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from actuator import (
    ActingField,
    FailingField,
    OnceField,
    OverturningField,
    PatientField,
    RedriveField,
    kill_dispatcher,
    overturn_and_kill,
    overturn_in_flight,
    redrive_old,
)
from clocks import ClockField, wrong_clock
from field import Field
from reload import ReloadField, reload_during_kill


async def nothing(field: Field) -> str:
    """No fault: the same run for comparison."""
    return "none"


async def kill_worker(field: Field) -> str:
    """kill -9 of the only worker; it is started again."""
    return await _killed(field, "w1")


async def stop_worker(field: Field) -> str:
    """SIGTERM: the worker drains within 25 s, and is started again."""
    worker = field.workers["w1"]
    began = time.monotonic()
    code = await worker.end(signal.SIGTERM)
    assert code == 0, f"exit code {code}"
    return f"exit code 0 after {time.monotonic() - began:.1f} s"


async def second_worker(field: Field) -> str:
    """A second worker joins; later the first one ends."""
    await field.start("w2")
    await asyncio.sleep(8)
    first = field.let_go("w1")
    code = await first.end(signal.SIGTERM)
    assert code == 0, f"exit code {code}"
    return "w2 joined, w1 left with exit code 0"


async def kill_escalate_of_roles(field: Field) -> str:
    """Roles split over workers: screen alone, all else in another, which gets kill -9 and is started again."""
    return f"{await _killed(field, 'w2')}, screen went on alone"


async def hanging_worker(field: Field) -> str:
    """SIGSTOP of one of two workers past its session; it wakes up while the other has its partitions."""
    worker = field.workers["w1"]
    worker.send(signal.SIGSTOP)
    await asyncio.sleep(16)
    state = _state(worker.process.pid)
    assert state == "T", state
    worker.send(signal.SIGCONT)
    return "stopped (state T) for 16 s, session 10 s"


async def two_screens_late(field: Field) -> str:
    """SIGSTOP of one of two screens with records in hand; it wakes up 30 s later, when the other has its partitions."""
    worker = field.workers["w1"]
    # In the middle of a chunk: what it was given is not all committed.
    while not (behind := await field.lag()):
        await asyncio.sleep(0.05)
    worker.send(signal.SIGSTOP)
    await asyncio.sleep(30)
    state = _state(worker.process.pid)
    assert state == "T", state
    worker.send(signal.SIGCONT)
    return f"stopped (state T) for 30 s with {behind} records not committed, session 10 s"


async def broker_away(field: Field) -> str:
    """kill -9 of the broker for 15 s."""
    return await _away(field, "kafka", field.stack.kafka, 15)


async def redis_killed(field: Field) -> str:
    """kill -9 of Redis for 5 s; it comes back with its append-only file."""
    return await _away(field, "redis", urlsplit(field.stack.redis).netloc, 5)


async def redis_empty(field: Field) -> str:
    """Redis loses everything at once."""
    from redis.asyncio import Redis

    redis = Redis.from_url(field.stack.redis)
    held = await redis.dbsize()
    await redis.flushall()
    left = await redis.dbsize()
    await redis.aclose()
    assert held > 0
    return f"{held} keys before, {left} right after"


async def postgres_away(field: Field) -> str:
    """PostgreSQL is away for 30 s."""
    place = urlsplit(field.stack.database.replace("+psycopg", "")).netloc.rpartition("@")[2]
    return await _away(field, "postgres", place, 30)


async def poison(field: Field) -> str:
    """A record that cannot be used in every topic."""
    from streams.topics import ACTIONS, JUDGEMENTS, OBSERVATIONS, OUTCOMES, VIEWS, Record

    for topic in (OBSERVATIONS, JUDGEMENTS, ACTIONS, OUTCOMES, VIEWS):
        await field.producer.send([Record(topic, "webhook:g1", b'{"half', -1, -1)], timed=False)
    field.poisoned += 5
    return "five records, one in each topic"


async def duplicates(field: Field) -> str:
    """The producer sends 2,000 observations twice."""
    from streams.fleet.kafka import read_whole
    from streams.topics import OBSERVATIONS

    sent = [one for one in await read_whole(field.kafka, OBSERVATIONS) if b'"clock.tick"' not in one.value][-2000:]
    for start in range(0, len(sent), 200):
        await field.producer.send(sent[start : start + 200], timed=False)
    return f"{len(sent)} records sent again"


async def _killed(field: Field, name: str) -> str:
    worker = field.workers[name]
    pid = worker.process.pid
    worker.send(signal.SIGKILL)
    await worker.process.wait()
    return f"process {_gone(pid)}"


async def _away(field: Field, name: str, place: str, seconds: float) -> str:
    await asyncio.to_thread(field.stack.stop, name, kill=True)
    # The system takes a moment to take down what was killed.
    await asyncio.sleep(1)
    refused = _refused(place)
    await asyncio.sleep(seconds - 1)
    await asyncio.to_thread(field.stack.start, name)
    assert refused, f"{place} still answered"
    return f"{place} refused connections for {seconds} s"


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def _refused(place: str) -> bool:
    host, _, port = place.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return True
    return False


def _gone(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"{pid} is gone"
    raise AssertionError(f"process {pid} is still there")


class Run(NamedTuple):
    """A fault, the roles of each worker at the start, and the field on which it strikes."""

    fault: Callable[[Any], Awaitable[str]]
    workers: dict[str, str]
    field: type[Field] = Field


ALL = "screen,gather,escalate,enforce,record,dispatch"
APART = {"w1": "screen,gather,escalate,enforce,record", "w2": "dispatch"}
RUNS: dict[str, Run] = {
    "nothing": Run(nothing, {"w1": ALL}),
    "kill-worker": Run(kill_worker, {"w1": ALL}),
    "stop-worker": Run(stop_worker, {"w1": ALL}),
    "second-worker": Run(second_worker, {"w1": ALL}),
    "split-roles": Run(kill_escalate_of_roles, {"w1": "screen", "w2": "escalate,enforce,record,dispatch"}),
    "hanging-worker": Run(hanging_worker, {"w1": ALL, "w2": ALL}),
    "two-screens-late": Run(two_screens_late, {"w1": ALL, "w2": ALL}),
    "broker-away": Run(broker_away, {"w1": ALL}),
    "redis-killed": Run(redis_killed, {"w1": ALL}),
    "redis-empty": Run(redis_empty, {"w1": ALL}),
    "postgres-away": Run(postgres_away, {"w1": ALL}),
    "poison": Run(poison, {"w1": ALL}),
    "duplicates": Run(duplicates, {"w1": ALL}),
    "slow-actuator": Run(kill_dispatcher, APART, ActingField),
    "failing-actuator": Run(kill_dispatcher, {"w1": ALL}, FailingField),
    "once-actuator": Run(kill_dispatcher, APART, OnceField),
    "overturned-in-flight": Run(overturn_in_flight, {"w1": ALL}, OverturningField),
    "overturned-and-killed": Run(overturn_and_kill, APART, PatientField),
    "wrong-clock": Run(wrong_clock, {"w1": ALL}, ClockField),
    "reload-during-kill": Run(reload_during_kill, {"w1": ALL}, ReloadField),
    "redrive-old": Run(redrive_old, {"w1": ALL}, RedriveField),
}
