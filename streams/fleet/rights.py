"""What each role of a fleet may do at Kafka: what its code reads and writes, and nothing else.

The roles of workers are those of `streams.fleet.worker`; beside them are the door, people who open what is sealed, who look at
accesses, who try changes on history, who back up, and operators.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest

from streams.agents import AGENTS
from streams.fleet.kafka import (
    GROUP_STATE,
    LEDGER,
    SEALED,
    SEALED_ACCESS,
    TOPIC_SETTINGS,
    Kafka,
    KafkaUnavailable,
    open_admin,
)
from streams.topics import ACTIONS, CONTROL, DEAD_LETTERS, JUDGEMENTS, OBSERVATIONS, OUTCOMES, VIEWS

Operation = Literal["read", "write", "create", "alter", "describe", "describe_configs"]

# Numbers of Kafka's protocol.
_OPERATIONS: dict[Operation, int] = {
    "read": 3, "write": 4, "create": 5, "alter": 7, "describe": 8, "describe_configs": 10,
}  # fmt: skip
_KINDS = {"topic": 2, "group": 3}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3

# What is handed in again goes to the topic that it came from.
_HANDED_IN = frozenset(topic for agent in AGENTS for topic in agent.reads)
# Any worker may be the one that fills an empty Redis again.
_RESTORED = frozenset({LEDGER, GROUP_STATE})


@dataclass(frozen=True)
class Role:
    """Topics that a role reads and writes, and the consumer group that it is a member of."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    group: str | None = None


def _of_agents() -> Iterator[tuple[str, Role]]:
    # Beside what the agents read and write: states and rows that their hosts publish, time, what is in force.
    hosts = {
        "screen": Role(frozenset({CONTROL}), frozenset({VIEWS, GROUP_STATE, OBSERVATIONS, "observations-again"})),
        "escalate": Role(frozenset({CONTROL}), frozenset({VIEWS, LEDGER})),
        "gather": Role(frozenset(), frozenset({VIEWS})),
    }
    for agent in AGENTS:
        host = hosts.get(agent.name, Role())
        # A record that breaks an agent is set aside.
        writes = frozenset(agent.writes) | host.writes | {DEAD_LETTERS}
        yield agent.name, Role(frozenset(agent.reads) | host.reads | _RESTORED, writes, agent.name)


ROLES: dict[str, Role] = {
    **dict(_of_agents()),
    # What people decide and what became of actions.
    "dispatch": Role(_RESTORED, frozenset({JUDGEMENTS, OUTCOMES})),
    "ingest": Role(writes=frozenset({OBSERVATIONS, SEALED})),
    "opener": Role(frozenset({SEALED, SEALED_ACCESS}), frozenset({SEALED_ACCESS})),
    "auditor": Role(frozenset({SEALED_ACCESS})),
    "tuner": Role(frozenset({OBSERVATIONS, CONTROL}), frozenset({CONTROL})),
    # It has no keys, so text stays closed to it.
    "backup": Role(frozenset(TOPIC_SETTINGS)),
    # The probe, dead letters, views built again. Observations and what is sealed stay closed to operators.
    "operator": Role(frozenset({JUDGEMENTS, ACTIONS, VIEWS, DEAD_LETTERS, CONTROL}), frozenset({CONTROL}) | _HANDED_IN),
}


@dataclass(frozen=True)
class Right:
    """One entry of Kafka's access list. `name` is one topic or group, or what names begin with where `prefixed`."""

    principal: str
    operation: Operation
    kind: Literal["topic", "group"]
    name: str
    prefixed: bool = False


def rights(kafka: Kafka, roles: Iterable[str], principal: str | None = None) -> list[Right]:
    """What these roles need, by default for `User:xunqun-ROLE` each; several roles of one worker share a `principal`."""
    found: dict[Right, None] = {}
    for name in roles:
        role, who = ROLES[name], principal or f"User:xunqun-{name}"
        for operation, topics in (("read", role.reads), ("write", role.writes)):
            for topic in sorted(topics):
                found[Right(who, operation, "topic", kafka.named(topic))] = None  # type: ignore[arg-type]
        if role.group:
            found[Right(who, "read", "group", kafka.group(role.group))] = None
        # A worker starts only where all topics are as they should be.
        if name not in ("opener", "auditor"):
            for topic in TOPIC_SETTINGS:
                found[Right(who, "describe", "topic", kafka.named(topic))] = None
                found[Right(who, "describe_configs", "topic", kafka.named(topic))] = None
        if name == "operator":
            for topic in TOPIC_SETTINGS:
                found[Right(who, "create", "topic", kafka.named(topic))] = None
        if name in ("operator", "backup"):
            found[Right(who, "describe", "group", kafka.group(""), prefixed=True)] = None
    return list(found)


async def create_rights(kafka: Kafka, wanted: Sequence[Right]) -> None:
    """Enter them into Kafka's access list, over a connection that may; what is there already stays.

    KafkaUnavailable where Kafka is away, keeps no such list, or refuses.
    """
    admin = await open_admin(kafka)
    try:
        # aiokafka builds a request for each entry; the controller takes those together that come together.
        for answer in await asyncio.gather(*(admin._send_to_controller(_request(one)) for one in wanted)):
            for code, why in answer.creation_responses:
                if code:
                    raise KafkaUnavailable(f"Kafka takes no rights: {why or for_code(code).__name__}")
    except KafkaError as error:
        raise KafkaUnavailable(f"{kafka.brokers}: {type(error).__name__} while rights were entered") from error
    finally:
        await admin.close()


def _request(right: Right) -> CreateAclsRequest:
    return CreateAclsRequest(
        _KINDS[right.kind],
        right.name,
        _PREFIXED if right.prefixed else _LITERAL,
        right.principal,
        "*",
        _OPERATIONS[right.operation],
        _ALLOW,
    )
