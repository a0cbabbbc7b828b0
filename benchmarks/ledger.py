"""Enters strikes into ledgers in Redis through `decide`, then loads and saves group states, and looks at the memory taken.

    python benchmarks/ledger.py [--json] [--redis URL] [--strikes 1000000]

Without URL a Redis of its own runs for the time being, with the settings of deploy/local (append-only file, `everysec`).
Ledgers hold 1 to 5 strikes each, as many of each size, with all that Escalate keeps beside a strike; every strike is one
decision with its sanction, action and row. One worker asks for a chunk of 200 at a time and waits for the answer, as it
would for a partition, and forgets the decisions of the chunk before. Subjects differ, ids and texts of a ledger come
from one template for each size. Memory is `used_memory` of Redis after all decisions are forgotten, less what it was
before.
"""

import argparse
import asyncio
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn, track

from models import Action, Evidence, Sanction, Strike, Subject, Violation, digest
from policies.state import GroupState
from streams.agents.escalate import Ledger
from streams.ledger import Change, Decided, RedisStates
from streams.topics import ACTIONS, VIEWS, Noted, Planned

STACK = Path(__file__).parents[1] / "deploy" / "local" / "stack.py"
START = 1_795_051_800_000
DAY = 86_400_000
CHUNK = 200
MOST_STRIKES = 5
ROUNDS = 50
# A template's subject, as long as those that take its place.
SOMEBODY = "feishu:ou_0000000000"
CLAUSE, GROUP = "xianchuang-07.2", "oc_5ad11d72b830411d72b836c20"
KINDS = ("remind", "warn", "mute", "remove", "fine")
encode = msgspec.json.Encoder().encode


def a_ledger(strikes: int) -> Ledger:
    """A ledger after so many strikes, one a day, each sanctioned and delivered."""
    ledger = Ledger()
    for number in range(strikes):
        at, subject = START + number * DAY, Subject("member", SOMEBODY)
        observation = digest("om", SOMEBODY, number)
        violation = Violation(
            id=digest("v", observation, CLAUSE),
            clause=CLAUSE,
            rule="content.category",
            subject=subject,
            score=1.0,
            evidence=(Evidence("", "advert"),),
            explanation="消息含有与工作无关的广告推广内容",
            cut=0.83,
        )
        strike_id = digest("k", observation, "standard", SOMEBODY)
        sanction = a_sanction(violation, strike_id, number, at)
        ledger.held[violation.id] = Noted(
            violation=violation,
            pack="xianchuang",
            group_id=GROUP,
            group_key=f"feishu:{GROUP}",
            mode="enforce",
            at=at,
            observation_id=observation,
            account="feishu",
            native_id=observation,
            sender=SOMEBODY.removeprefix("feishu:"),
        )
        ledger.strikes.append(
            Strike(
                id=strike_id,
                violation_id=violation.id,
                subject=SOMEBODY,
                ladder="standard",
                scope=f"feishu:{GROUP}",
                given_at=at,
                expires_at=at + 90 * DAY,
                mode="enforce",
            )
        )
        ledger.sanctions[sanction.id] = msgspec.structs.replace(sanction, notice="")
        ledger.delivered[sanction.id] = at + 1500
    return ledger


def a_sanction(violation: Violation, strike_id: str, rung: int, at: int) -> Sanction:
    return Sanction(
        id=digest("s", strike_id, rung),
        violation_ids=(violation.id,),
        group_id=GROUP,
        subject=violation.subject,
        kind=KINDS[rung],
        rung=rung + 1,
        clause=CLAUSE,
        needs_approval=False,
        decided_at=at,
        notice="您好，您在群内发布的消息违反《工作群管理制度》第七条第二款（禁止发布广告），现予提醒。如有异议，可回复申诉。",
        mode="enforce",
        ladder="standard",
        strike_id=strike_id,
    )


def a_decision(ledger: Ledger) -> bytes:
    """What the last strike brought: a sanction, the action that carries it out, and a row."""
    violation = list(ledger.held.values())[-1].violation
    number = len(ledger.strikes) - 1
    sanction = a_sanction(violation, ledger.strikes[-1].id, number, START + number * DAY)
    action = Action(
        id=digest("a", sanction.id, "notify"),
        sanction_id=sanction.id,
        platform="feishu",
        account="feishu",
        call="notify",
        status="planned",
        group_id=GROUP,
        subject=SOMEBODY,
        params={"target": SOMEBODY.removeprefix("feishu:"), "text": sanction.notice},
        planned_at=sanction.decided_at,
    )
    at = sanction.decided_at
    records = [
        (ACTIONS, f"feishu:{GROUP}", Planned(sanction=sanction), at),
        (ACTIONS, f"feishu:{GROUP}", Planned(action=action), at),
        (VIEWS, f"feishu:{GROUP}", {"rows": [("strikes", msgspec.to_builtins(ledger.strikes[-1]))]}, at),
    ]
    return encode({"records": records})


def a_group(members: int = 60) -> bytes:
    """The state of a group that some people joined and left, with their cards."""
    people = [f"ou_{number:010d}" for number in range(members)]
    state = GroupState(
        audited_on="2026-11-21",
        name="先创项目三组工作群",
        owner=people[0],
        joined={one: START + number * 1000 for number, one in enumerate(people[: members // 3])},
        left={one: START + number * 7000 for number, one in enumerate(people[-5:])},
        shown_roles={people[0]: "owner", people[1]: "administrator"},
        cards={one: f"项目部-张{number}" for number, one in enumerate(people)},
    )
    return encode(state)


async def enter(states: RedisStates, strikes: int, console: Console) -> dict[str, Any]:
    """Decide so many strikes; seconds, and what the values weigh before they are packed."""
    ledgers = [a_ledger(number + 1) for number in range(MOST_STRIKES)]
    values, decisions = [encode(one) for one in ledgers], [a_decision(one) for one in ledgers]
    # Of five subjects one stops after its first strike, one after its second, and so on.
    subjects = MOST_STRIKES * -(-strikes // sum(range(1, MOST_STRIKES + 1)))
    versions = [0] * subjects
    plan = [
        (subject, turn) for turn in range(MOST_STRIKES) for subject in range(subjects) if subject % MOST_STRIKES >= turn
    ][:strikes]
    done: list[tuple[str, str]] = []
    slowest = seconds = 0.0
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("strikes", total=strikes)
        for first in range(0, len(plan), CHUNK):
            asked = []
            for offset, (subject, turn) in enumerate(plan[first : first + CHUNK], first):
                name = f"feishu:ou_{subject:010d}"
                value = values[turn].replace(SOMEBODY.encode(), name.encode())
                asked.append(Decided(name, f"judgements/0/{offset}", versions[subject], value, decisions[turn]))
            began = time.perf_counter()
            answers = await states.decide(asked)
            await states.forget(done)
            took = time.perf_counter() - began
            seconds, slowest = seconds + took, max(slowest, took)
            for (subject, _), answer in zip(plan[first : first + CHUNK], answers, strict=True):
                if answer.outcome != "done":
                    raise SystemExit(f"a decision ended in {answer.outcome}; is somebody else at work here?")
                versions[subject] = answer.version
            done = [(one.subject, one.record) for one in asked]
            progress.advance(task, len(asked))
    await states.forget(done)
    return {
        "strikes": len(plan),
        "ledgers": sum(1 for one in versions if one),
        "ledger_bytes": [len(one) for one in values],
        "decision_bytes": [len(one) for one in decisions],
        "decisions_per_second": round(len(plan) / seconds),
        "slowest_chunk_seconds": round(slowest, 3),
    }


async def groups(states: RedisStates, console: Console) -> dict[str, Any]:
    """Load and save chunks of group states, each state changed every time."""
    value, versions = a_group(), [0] * CHUNK
    keys = [f"feishu:oc_{number:010d}" for number in range(CHUNK)]
    loading = saving = 0.0
    rounds = track(range(ROUNDS), "groups", console=console, disable=not console.is_terminal, transient=True)
    for turn in rounds:
        changes = [
            Change(key, version, value + b" " * (turn % 2), "observations/0", turn, START + turn, 0)
            for key, version in zip(keys, versions, strict=True)
        ]
        began = time.perf_counter()
        versions = await states.save("screen", changes)
        saving += time.perf_counter() - began
        if not all(versions):
            raise SystemExit("a group state was saved by somebody else; is somebody else at work here?")
        began = time.perf_counter()
        found = await states.load("screen", keys)
        loading += time.perf_counter() - began
        if len(found) != CHUNK:
            raise SystemExit("group states that were saved are not there")
    return {
        "group_state_bytes": len(value),
        "chunk": CHUNK,
        "loads_per_second": round(ROUNDS * CHUNK / loading),
        "saves_per_second": round(ROUNDS * CHUNK / saving),
    }


async def measure(url: str, strikes: int, console: Console) -> dict[str, Any]:
    prefix = f"benchmark-{uuid4().hex[:8]}"
    states = await RedisStates.open(url, prefix)
    client: Redis = Redis.from_url(url)
    try:
        rebuild = await states.begin_rebuild()
        if rebuild is None:
            raise SystemExit(f"the prefix {prefix} is taken")
        async with rebuild:
            await rebuild.finish()
        of_groups = await groups(states, console)
        before = (await client.info("memory"))["used_memory"]
        found = await enter(states, strikes, console)
        # What was freed by another thread, and buffers of the append-only file, have gone by then.
        await asyncio.sleep(2)
        taken = (await client.info("memory"))["used_memory"] - before
        per_million = {"redis_bytes_per_million_strikes": round(taken * 1_000_000 / found["strikes"])}
        return {"redis": (await client.info("server"))["redis_version"], **found, **per_million, **of_groups}
    finally:
        async for some in _chunks(client, f"{prefix}:*"):
            await client.unlink(*some)
        await client.aclose()
        await states.close()


async def _chunks(client: Redis, pattern: str) -> Any:
    some = []
    async for key in client.scan_iter(pattern, count=1000):
        some.append(key)
        if len(some) == 1000:
            yield some
            some = []
    if some:
        yield some


@contextmanager
def own_redis() -> Iterator[str]:
    """The address of a Redis that runs as long as this."""
    spec = importlib.util.spec_from_file_location("local_stack", STACK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory(prefix="xunqun-ledger-") as folder:
        stack = module.Stack(folder)
        try:
            stack.up(["redis"], free_ports=True)
            yield stack.redis
        finally:
            stack.down(["redis"], wipe=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--redis", metavar="URL", help="a Redis that runs; what is written there is removed at the end")
    parser.add_argument("--strikes", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.strikes < 1:
        parser.error("--strikes: at least 1")
    console = Console(stderr=True)
    if given.redis:
        found = asyncio.run(measure(given.redis, given.strikes, console))
    else:
        with own_redis() as url:
            found = asyncio.run(measure(url, given.strikes, console))
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        print(f"{found['decisions_per_second']:,} decisions a second, in chunks of {CHUNK}")
        print(f"{found['redis_bytes_per_million_strikes'] / 1e6:,.0f} MB of Redis memory for 1,000,000 strikes")
        print(f"{found['loads_per_second']:,} group states loaded and {found['saves_per_second']:,} saved a second")


if __name__ == "__main__":
    main()
