"""Turns labelled text into observations and replays them under a full pack: messages a second and resident memory.

    python benchmarks/real_input.py --data DIR [--messages 100000] [--pack xianchuang] [--json]

DIR holds qqgroup, tgspam_zh, nus_sms_zh and crosswoz as `*.train.jsonl.gz` ({"text", ...} a line); no text is printed.
Messages are dealt out to 40 groups with 25 members each, one every two seconds in each group. With more messages than
texts, texts come again under new ids. Memory is read from /proc at ten points of the replay, after a full warm-up.
"""

import argparse
import gzip
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from models import Account, Fleet, Group, Person
from policies.directory import Directory
from streams.loading import classifiers_from, packs_from
from streams.replay import replaying, summarise

SOURCES = ("qqgroup", "tgspam_zh", "nus_sms_zh", "crosswoz")
START = 1_795_051_800_000
GROUPS, MEMBERS = 40, 25


def texts(data: Path) -> list[str]:
    found: list[str] = []
    for source in SOURCES:
        with gzip.open(data / f"{source}.train.jsonl.gz", "rt", encoding="utf-8") as file:
            found += [json.loads(line)["text"] for line in file]
    return found


def observations(words: list[str], count: int) -> Iterator[bytes]:
    """`count` messages, each text in turn; the order mixes the sources so that every chunk holds all of them."""
    step = 7919  # a prime: walks through all texts in an order that mixes the files
    for number in range(count):
        group, turn = number % GROUPS, number // GROUPS
        yield msgspec.json.encode(
            {
                "v": 1,
                "id": f"real-{number}",
                "type": "message.created",
                "platform": "jsonl",
                "group": {"id": f"g{group}"},
                "sender": {"id": f"u{group}-{turn % MEMBERS}"},
                "sent_at": START + turn * 2000,
                "kind": "text",
                "text": words[(number * step) % len(words)],
            }
        )


def fleet(pack: str) -> Fleet:
    people = [
        Person(id=f"u{group}-{member}", name="张三", accounts=(Account("jsonl", f"u{group}-{member}"),))
        for group in range(GROUPS)
        for member in range(MEMBERS)
    ]
    groups = [
        Group(
            id=f"g{group}",
            pack=pack,
            mode="observe",
            owner=f"u{group}-0",
            members=tuple(f"u{group}-{m}" for m in range(MEMBERS)),
        )
        for group in range(GROUPS)
    ]
    return Fleet(people=tuple(people), groups=tuple(groups))


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--pack", default="xianchuang")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    words = texts(given.data)
    who = fleet(given.pack)
    with replaying(classifiers_from(), packs_from([], who), Directory(who)) as replay:
        memory: list[float] = []
        began, cpu = time.perf_counter(), time.process_time()
        for number, line in enumerate(observations(words, given.messages), start=1):
            replay.feed(line)
            if number % max(1, given.messages // 10) == 0:
                memory.append(round(resident_mb(), 1))
        replay.finish()
        took, worked = time.perf_counter() - began, time.process_time() - cpu
        summary = summarise(replay)
    found = {
        "messages": given.messages,
        "seconds": round(took, 2),
        "messages_per_s": round(given.messages / took),
        "messages_per_cpu_s": round(given.messages / worked),
        "resident_mb": memory,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "findings": summary.violations,
        "uncertain": summary.uncertain,
        "by_clause": summary.by_clause,
    }
    if given.json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        for name, value in found.items():
            print(f"{name:>20}  {value}")


if __name__ == "__main__":
    main()
