"""Turns labelled text into observations and replays them under a full pack: messages a second and resident memory.

    python benchmarks/real_input.py [--data DIR] [--messages 100000] [--sources qqgroup,...] [--pack xianchuang] [--json]

DIR holds qqgroup, tgspam_zh, nus_sms_zh and crosswoz as `*.train.jsonl.gz` ({"text", ...} a line); no text is printed.
Without it the project's own texts are taken, of which most are offences or look like them.
Messages are dealt out to 200 groups with 50 members each, one every two seconds in each group. With more messages than
texts, texts come again under new ids. Memory is read from /proc at ten points of the replay.

Machines differ, and the same one differs by the minute. So jieba cuts a sample of the same messages into words right
before and right after, and `jieba_ratio` says how many messages are judged in the time in which jieba cuts one.
"""

import argparse
import gzip
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from models import Account, Fleet, Group, Person
from policies.directory import Directory
from streams.loading import classifiers_from, packs_from
from streams.replay import replaying, summarise

OWN = Path(__file__).parents[1] / "classifiers" / "trained" / "texts"
SOURCES = ("qqgroup", "tgspam_zh", "nus_sms_zh", "crosswoz")
START = 1_795_051_800_000
GROUPS, MEMBERS = 200, 50


def texts(data: Path | None, sources: Sequence[str] = SOURCES) -> list[str]:
    if data is None:
        lines = [line for one in sorted(OWN.glob("*.jsonl")) for line in one.read_text("utf-8").splitlines()]
    else:
        lines = []
        for source in sources:
            with gzip.open(data / f"{source}.train.jsonl.gz", "rt", encoding="utf-8") as file:
                lines += file.readlines()
    return [json.loads(line)["text"] for line in lines]


def jieba_seconds(words: list[str]) -> float:
    """CPU seconds that jieba takes for one of these messages, over a sample of 1,000."""
    import jieba

    jieba.setLogLevel("WARNING")
    jieba.initialize()
    sample = words[:: max(1, len(words) // 1000)][:1000]
    began = time.process_time()
    for text in sample:
        jieba.lcut(text)
    return (time.process_time() - began) / len(sample)


def observations(words: list[str], count: int, start: int = START, every: float = 2000) -> Iterator[bytes]:
    """`count` messages, each text in turn; the order mixes the sources so that every chunk holds all of them.

    In each group one is sent every so many milliseconds from `start` on.
    """
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
                "sent_at": start + round(turn * every),
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


def arguments(told: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark that is fed with these messages."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--pack", default="xianchuang")
    parser.add_argument("--json", action="store_true")
    return parser


def main() -> None:
    given = arguments(__doc__).parse_args()
    words = texts(given.data, given.sources.split(","))
    who = fleet(given.pack)
    # In a process of its own: its dictionary would count as our memory.
    peer = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    before = peer.submit(jieba_seconds, words).result()
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
    cutting = (before + peer.submit(jieba_seconds, words).result()) / 2
    peer.shutdown()
    found = {
        "messages": given.messages,
        "seconds": round(took, 2),
        "messages_per_s": round(given.messages / took),
        "messages_per_cpu_s": round(given.messages / worked),
        "jieba_per_cpu_s": round(1 / cutting),
        "jieba_ratio": round(cutting * given.messages / worked, 2),
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
