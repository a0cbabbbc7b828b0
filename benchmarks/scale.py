"""From what one message costs to a fleet: partitions, workers, Redis, PostgreSQL, Kafka, and what breaks first.

    python benchmarks/scale.py [--groups 1000000] [--rate 50000] [--json]
    python benchmarks/scale.py --measure-fleet-file 2000
    python benchmarks/scale.py --measure-screen

Arithmetic only: nothing is started. `MEASURED` are figures that a command printed, on two shared virtual cores at 2.0 GHz; put
in those of your own machine. `ASSUMED` are properties of a fleet that nobody has measured; they can be given as options.
docs/scale.md tells what follows. With --measure-fleet-file a fleet file of so many groups with ten people each is written and
loaded, as every worker does at its start; with --measure-screen the agent alone is timed, over the project's own texts.
"""

import argparse
import gc
import json
import math
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from policies.places import MAX_VALUES


@dataclass(frozen=True)
class Measured:
    """What was measured; after each the command, or its part, that prints it."""

    # benchmarks/fleet.py --json; memory from the same with --memory 10000000
    screen_cpu_s_per_million: float = 90.3
    screen_resident_mb: float = 343.0
    others_cpu_ms_per_verdict: float = 3.6
    kafka_bytes_per_message: float = 207.0
    redis_bytes_per_group: float = 478.0
    group_saves_per_message: float = 0.18
    postgres_bytes_per_verdict: float = 3718.0
    strikes_per_verdict: float = 0.52
    # benchmarks/ledger.py --strikes 100000 --json. Rates are what one client gets, one call after the other; Redis may do more.
    redis_bytes_per_strike: float = 496.0
    #: A group of 60 whose members' cards are known; in `redis_bytes_per_group` nobody has one.
    group_state_bytes: float = 2970.0
    ledger_bytes_per_strike: float = 1306.0
    redis_decisions_per_s: float = 9118.0
    redis_saves_per_s: float = 11_817.0
    redis_loads_per_s: float = 29_251.0
    # benchmarks/scale.py --measure-fleet-file 2000
    fleet_file_cpu_us_per_person: float = 145.0
    directory_bytes_per_person: float = 4901.0
    # benchmarks/scale.py --measure-screen
    #: A tick that finds a group due whose facts are as they were, 200 of them in a chunk.
    audit_cpu_us: float = 239.0
    # A timer around the handling of each batch at 2,000 messages a second, 16 partitions, both cores 85 % busy: 23 ms for a
    # median of 60 messages, less what these cost.
    #: What a batch takes besides its messages: verdicts confirmed, states saved, cold caches, waiting for a core.
    batch_ms: float = 17.5


@dataclass(frozen=True)
class Assumed:
    """What a fleet is like. Shares are of 1."""

    people_per_group: float = 50.0
    #: Other groups the same person is in, on average.
    groups_per_person: float = 5.0
    messages_per_group_and_day: float = 500.0
    #: Real dialogues bring 0.01, advertisement channels 0.16 (docs/performance.md).
    verdicts_per_message: float = 0.01
    strike_days: float = 90.0
    log_days: float = 30.0
    views_days: float = 365.0
    copies: float = 3.0
    #: How busy a worker may be on average, so that it catches up after a pause and keeps its waiting times.
    busy: float = 0.6
    redis_gb: float = 64.0
    worker_gb: float = 16.0
    p99_ms: float = 100.0


# Bytes of states at hand in one worker, from streams/fleet/screening.py.
MOST_HELD = 16 << 20
# YAML values of a person (itself, id, name, accounts, one account, platform, id) and of a group without its members.
VALUES_PER_PERSON, VALUES_PER_GROUP = 7, 5
# Batches that a message waits for: the load's own steps, the fetch, the batch in hand and its own. Seen at 2,000/s, where a
# batch takes 21 ms by the formula below: p50 45 to 60 ms, p99 116 to 190 ms.
BATCHES_AT_P50, BATCHES_AT_P99 = 2.5, 7
# Seconds in which every group's standing faults are to be looked at after midnight, and a lost Redis is to be there again.
PATIENCE = 600


@dataclass(frozen=True)
class Break:
    """Something that does not go further: at how much of what, why, and the way out."""

    part: str
    limit: float
    unit: str
    wanted: float
    why: str
    way_out: str

    @property
    def share(self) -> float:
        """How much of the limit is asked for; above 1 it breaks."""
        return self.wanted / self.limit


def power_of_two(least: float) -> int:
    return 1 << max(0, math.ceil(math.log2(max(1.0, least))))


def batch_ms(rate: float, seen: Measured) -> float:
    """Milliseconds for a batch of all that came during the one before, at so many messages a second in a worker.

    However many partitions it has. inf where it does not keep up.
    """
    idle = 1 - rate * seen.screen_cpu_s_per_million / 1e6
    return seen.batch_ms / idle if idle > 0 else math.inf


def plan(groups: int, rate: float, seen: Measured, given: Assumed) -> dict[str, Any]:
    """What a fleet needs for `rate` messages a second at its busiest; everything is on."""
    screen_cores = rate * seen.screen_cpu_s_per_million / 1e6
    screens = math.ceil(screen_cores / given.busy)
    verdicts = rate * given.verdicts_per_message
    other_cores = verdicts * seen.others_cpu_ms_per_verdict / 1000
    others = math.ceil(other_cores / given.busy)
    partitions = power_of_two(2 * max(screens, others))
    daily = groups * given.messages_per_group_and_day
    strikes = daily * given.verdicts_per_message * seen.strikes_per_verdict * given.strike_days
    people = groups * given.people_per_group / given.groups_per_person
    turn = batch_ms(rate / screens, seen)
    saves = rate * min(1.0, seen.group_saves_per_message)
    return {
        "groups": groups,
        "messages_per_s": rate,
        "messages_per_day": daily,
        "partitions": partitions,
        "screen_workers": screens,
        "screen_cores": round(screen_cores, 1),
        "other_workers": others,
        "other_cores": round(other_cores, 1),
        "worker_mb": round(seen.screen_resident_mb + people * seen.directory_bytes_per_person / 1e6),
        "partitions_per_screen_worker": round(partitions / screens, 1),
        "batch_ms": round(turn, 1),
        "p50_ms_expected": round(BATCHES_AT_P50 * turn, 1),
        "p99_ms_expected": round(BATCHES_AT_P99 * turn, 1),
        "kafka_mb_per_s": round(rate * seen.kafka_bytes_per_message * given.copies / 1e6, 1),
        "kafka_gb": round(daily * given.log_days * seen.kafka_bytes_per_message * given.copies / 1e9),
        "redis_groups_gb": round(groups * seen.redis_bytes_per_group / 1e9, 2),
        "strikes_kept": round(strikes),
        "redis_strikes_gb": round(strikes * seen.redis_bytes_per_strike / 1e9, 1),
        "redis_busy_saves": round(saves / seen.redis_saves_per_s, 2),
        "redis_busy_decisions": round(verdicts / seen.redis_decisions_per_s, 2),
        "verdicts_per_s": round(verdicts),
        "postgres_gb_per_year": round(
            daily * given.views_days * given.verdicts_per_message * seen.postgres_bytes_per_verdict / 1e9
        ),
        "midnight_seconds": round(midnight_seconds(groups, screens, seen), 1),
        "fleet_file_seconds": round(people * seen.fleet_file_cpu_us_per_person / 1e6),
    }


def midnight_seconds(groups: float, screens: int, seen: Measured) -> float:
    """Seconds in which all groups are looked at after local midnight, by the slower of workers and Redis."""
    return max(groups / screens * seen.audit_cpu_us / 1e6, groups / seen.redis_saves_per_s)


def breaks(groups: int, rate: float, seen: Measured, given: Assumed) -> list[Break]:
    """What does not go on for ever, the one that breaks first at the top."""
    needs = plan(groups, rate, seen, given)
    screens = needs["screen_workers"]
    people = groups * given.people_per_group / given.groups_per_person
    # A member's name in a group's list is a value too.
    values = people * VALUES_PER_PERSON + groups * (VALUES_PER_GROUP + given.people_per_group)
    redis_bytes = (needs["redis_groups_gb"] + needs["redis_strikes_gb"]) * 1e9
    found = [
        Break(
            "fleet file",
            MAX_VALUES / values * groups,
            "listed groups",
            groups,
            "fleet.yaml is refused above a million values, and every worker holds all of it",
            "a directory by partition from a database; until then list the groups that have duties, the rest runs unlisted",
        ),
        Break(
            "rebuilding Redis",
            PATIENCE * seen.redis_saves_per_s / (min(people, needs["strikes_kept"]) + groups) * groups,
            "groups, in ten minutes",
            groups,
            "after a loss one worker writes all states before anybody goes on",
            "keep a second Redis that follows the first; rebuild by partition, a worker each",
        ),
        Break(
            "waiting time",
            given.p99_ms,
            "ms at p99",
            needs["p99_ms_expected"],
            "a batch is confirmed and saved before the next one, and small ones cost nearly as much as large ones",
            "workers that are less busy, faster cores; the broker on a machine of its own",
        ),
        Break(
            "states at hand",
            MOST_HELD / seen.group_state_bytes * screens,
            "groups in use",
            groups,
            "above 16 MB of states a worker lets go of the longest unused and reads them again: more to ask of Redis",
            "hold more bytes; more workers",
        ),
        Break(
            "local midnight",
            PATIENCE * min(seen.redis_saves_per_s, screens * 1e6 / seen.audit_cpu_us),
            "groups, in ten minutes",
            groups,
            "every group is due at local midnight; messages go on meanwhile, at the same cores",
            "spread the daily look over the night by the group's name",
        ),
        Break(
            "Redis memory",
            given.redis_gb * 1e9 / redis_bytes * groups,
            "groups with their strikes",
            groups,
            "strikes stay for their whole window, in one Redis",
            "a larger Redis; ledgers parted by subject over several, marker and all",
        ),
        Break(
            "Redis decisions",
            seen.redis_decisions_per_s / given.verdicts_per_message,
            "messages/s",
            rate,
            "one thread runs all scripts",
            "ledgers parted by subject over several",
        ),
        Break(
            "Redis saves",
            seen.redis_saves_per_s / max(1e-9, min(1.0, seen.group_saves_per_message)),
            "messages/s",
            rate,
            "one thread runs all scripts",
            "group states parted by partition over several",
        ),
        Break(
            "one group",
            1e6 / seen.screen_cpu_s_per_million,
            "messages/s in one group",
            rate / groups,
            "a group is one partition, and a partition one worker",
            "none needed",
        ),
    ]
    return sorted(found, key=lambda one: -one.share)


# -- the fleet file -------------------------------------------------------------------------------------------------------


def measured_screen() -> dict[str, Any]:
    """CPU of Screen alone: a small chunk, a large one, and the daily look at a group."""
    from fleet import mixed
    from real_input import GROUPS, fleet, observations

    from policies.directory import Directory
    from streams.agents import Screen
    from streams.embedded import tick_body
    from streams.loading import classifiers_from, packs_from
    from streams.topics import OBSERVATIONS, Record

    who, classifiers = fleet("xianchuang"), classifiers_from()
    classifiers.warm_up()
    screen = Screen(classifiers, packs_from([], who), Directory(who))
    now, state = time.time_ns() // 1_000_000, {}
    lines = list(observations(mixed(), 60_000, now - 600_000))
    taken = 0

    def handled(records: list[Record]) -> float:
        began = time.process_time()
        keys = screen.keys(records)
        state.update(screen.handle(records, {key: state.get(key) for key in keys}).state)
        return time.process_time() - began

    def chunks(size: int, count: int) -> float:
        nonlocal taken
        seconds = 0.0
        for _ in range(count):
            some = lines[taken : taken + size]
            places = range(taken, taken + size)
            seconds += handled(
                [
                    Record(OBSERVATIONS, f"jsonl:g{at % GROUPS}", one, at, now)
                    for at, one in zip(places, some, strict=True)
                ]
            )
            taken += size
        return seconds / count

    def audits(day: int) -> float:
        at = now + day * 86_400_000
        keys = [f"jsonl:g{number}" for number in range(GROUPS)]
        return handled([Record(OBSERVATIONS, key, tick_body(key, at), 10**6 + day, at) for key in keys]) / GROUPS

    chunks(2000, 4)
    one, large = chunks(1, 500), chunks(2000, 8) / 2000
    audits(1)
    looks = [audits(day) for day in range(2, 12)]
    return {
        "record_cpu_us": round(large * 1e6, 1),
        "chunk_cpu_ms": round((one - large) * 1000, 2),
        "audit_cpu_us": round(sum(looks) / len(looks) * 1e6, 1),
    }


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured_fleet_file(groups: int) -> dict[str, Any]:
    """Write, load and take apart a fleet file of so many groups with ten people each."""
    import msgspec

    from policies.directory import Directory
    from streams.loading import fleet_from

    people = range(10)
    made = {
        "people": [
            {"id": f"u{group}-{one}", "name": "王建国", "accounts": [{"platform": "webhook", "id": f"a{group}-{one}"}]}
            for group in range(groups)
            for one in people
        ],
        "groups": [
            {
                "id": f"g{group}",
                "platform": "webhook",
                "owner": f"u{group}-0",
                "members": [f"u{group}-{m}" for m in people],
            }
            for group in range(groups)
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.yaml"
        path.write_bytes(msgspec.yaml.encode(made))
        before = resident_bytes()
        began = time.process_time()
        directory = Directory(fleet_from(path))
        took = time.process_time() - began
        gc.collect()
        kept = resident_bytes() - before
        size = path.stat().st_size
    count = groups * len(people)
    return {
        "people": count,
        "groups": groups,
        "file_mb": round(size / 1e6, 1),
        "cpu_s": round(took, 2),
        "listed": len(directory.groups),
        "resident_bytes_per_person": round(kept / count),
        "cpu_us_per_person": round(took / count * 1e6),
    }


# -- command line ---------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=50_000, help="messages a second at the busiest time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure-fleet-file", type=int, metavar="GROUPS")
    parser.add_argument("--measure-screen", action="store_true")
    for one in fields(Assumed):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default)
    given = parser.parse_args()
    if given.measure_fleet_file or given.measure_screen:
        found = measured_screen() if given.measure_screen else measured_fleet_file(given.measure_fleet_file)
        print(json.dumps(found, indent=2))
        return
    if given.groups < 1 or given.rate <= 0 or any(getattr(given, one.name) <= 0 for one in fields(Assumed)):
        parser.error("every figure has to be more than 0")
    seen, assumed = Measured(), Assumed(**{one.name: getattr(given, one.name) for one in fields(Assumed)})
    needs, limits = plan(given.groups, given.rate, seen, assumed), breaks(given.groups, given.rate, seen, assumed)
    if given.json:
        shown = [{**asdict(one), "limit": round(one.limit, 1), "share": round(one.share, 3)} for one in limits]
        json.dump({"needs": needs, "breaks": shown, "measured": asdict(seen), "assumed": asdict(assumed)}, sys.stdout,
                  indent=2, ensure_ascii=False)  # fmt: skip
        sys.stdout.write("\n")
        return
    for name, value in needs.items():
        print(f"{name:>30}  {value:,}")
    print("\nwhat breaks first: how much of its limit is asked for")
    for limit in limits:
        size = f"{limit.limit:,.{0 if limit.limit > 100 else 1}f}"
        print(f"{limit.share:>9.2f}  {limit.part}: {size} {limit.unit}\n{'':11}{limit.why};\n{'':11}{limit.way_out}")


if __name__ == "__main__":
    main()
