"""How surely changed copies of an advert are known as one, what else is taken for a copy, and at what price.

    python benchmarks/campaigns.py [--texts FILE.jsonl.gz ...] [--entries 1000000] [--json]

Recall is the share of copies, by kind of change, that are alike to the advert that they were made from, and the share of trios of
copies, from three senders, that make a campaign. False pairs are counted among 44 adverts and 44 work messages written for this,
and, with `--texts`, false campaigns among the messages of others (rows with a `text`), judged by all agents. Memory is what the
process takes more with so many entries. No text is printed.
"""

import argparse
import gzip
import json
import random
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
from _campaign_texts import ADVERTS, CHANGES, WORK, written

from classifiers.likeness import ALIKE, Index, signatures
from classifiers.measure import Classifiers
from models import Fleet, GroupRef, Observation, Sender, digest
from policies.directory import Directory
from streams.agents.gather import WINDOW, Gather, _Memory
from streams.loading import packs_from
from streams.replay import replaying, stored_reviews
from streams.topics import LIKENESSES, Gathered, Likeness, Record, value_of

ROUNDS = 5


def alike(one: bytes, other: bytes) -> bool:
    return bool((np.frombuffer(one, np.uint8) == np.frombuffer(other, np.uint8)).mean() >= ALIKE)


def recall(adverts: Sequence[str], rng: random.Random) -> Iterator[dict[str, object]]:
    originals = [one or b"" for one in signatures(adverts)]
    for name, change in CHANGES.items():
        found = pairs = campaigns = 0
        for _ in range(ROUNDS):
            for text, original in zip(adverts, originals, strict=True):
                index = Index(16)
                index.put(0, original)
                first, second, third = (one or b"" for one in signatures([change(text, rng) for _ in range(3)]))
                found += bool(index.find(first))
                pairs += alike(first, second)
                campaigns += bool(Gather(most=16).handle(_records([first, second, third]), {}).records)
        count = ROUNDS * len(adverts)
        yield {
            "change": name,
            "copies": count,
            "alike to the original": found / count,
            "alike to each other": pairs / count,
            "three make a campaign": campaigns / count,
        }


def _records(found: Sequence[bytes]) -> list[Record]:
    """As many senders in one group."""
    return [
        Record(LIKENESSES, "webhook:g", msgspec.json.encode(Gathered(likeness=_like(n, one))), n, n)
        for n, one in enumerate(found)
    ]


def _like(number: int, signature: bytes) -> Likeness:
    return Likeness(
        observation_id=f"observation-{number:09d}",
        signature=signature,
        sender=digest("", number)[1:17],
        at=number,
        category="ads",
    )


def false_pairs(adverts: Sequence[str]) -> dict[str, int]:
    found = [one for one in signatures([*adverts, *WORK]) if one]
    pairs = list(combinations(found, 2))
    return {"pairs": len(pairs), "alike": sum(alike(*one) for one in pairs)}


def among(path: Path, classifiers: Classifiers) -> dict[str, object]:
    """The messages of a file, each text once, all said within six hours by as many people in as many groups."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as rows:
        texts = list(dict.fromkeys(json.loads(row)["text"] for row in rows))
    with replaying(classifiers, packs_from(()), Directory(Fleet())) as replay:
        for number, text in enumerate(texts):
            said = Observation(
                type="message.created",
                id=f"m{number}",
                group=GroupRef(f"g{number}"),
                sender=Sender(f"s{number}"),
                sent_at=1_794_963_600_000 + number * WINDOW // len(texts),
                kind="text",
                text=text,
            )
            replay.feed(msgspec.json.encode(said))
        replay.finish()
        count = replay.store.count_after
        read = replay.store.read((LIKENESSES,), 0, count((LIKENESSES,), 0))
        campaigns = [one for one in stored_reviews(replay.store) if one.kind == "campaign"]
    return {
        "file": path.name,
        "texts": len(texts),
        "call or advertise": sum(value_of(one).likeness is not None for one in read),
        "campaigns": len(campaigns),
        "senders in these": sum(one.detail["senders"] for one in campaigns),
    }


def microseconds(adverts: Sequence[str]) -> dict[str, float]:
    """CPU time of one message."""
    batch = [*adverts, *WORK]
    kept = np.random.default_rng(1).integers(0, 256, (20_000, 96), dtype=np.uint8)
    records = _records([one.tobytes() for one in kept])
    gather = Gather(most=10_000)
    gather.handle(records[:10_000], {})
    spent = {}
    for name, work, count in (
        ("signature, among 88", lambda: [signatures(batch) for _ in range(20)], 20 * len(batch)),
        ("signature, alone", lambda: [signatures(batch[:1]) for _ in range(300)], 300),
        ("gather, decoded, found nowhere and entered", lambda: gather.handle(records[10_000:], {}), 10_000),
    ):
        began = time.process_time()
        work()
        spent[name] = round((time.process_time() - began) / count * 1e6, 1)
    return spent


def megabytes(entries: int) -> float:
    before = _resident()
    memory = _Memory(entries)
    rng = np.random.default_rng(2)
    for start in range(0, entries, 10_000):
        for number, one in enumerate(rng.integers(0, 256, (10_000, 96), dtype=np.uint8), start):
            memory.add(_like(number, one.tobytes()), f"webhook:group-{number % 20_000}")
    return round((_resident() - before) / 1e6)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="JSON lines with a `text` each, also .gz")
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="entries of which the memory is measured; 0: none"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rng = random.Random(20261122)
    adverts = [written(one, rng) for one in ADVERTS]
    classifiers = Classifiers.load()
    told = {
        "recall": list(recall(adverts, rng)),
        "false pairs": false_pairs(adverts),
        "texts of others": [among(one, classifiers) for one in given.texts],
        "microseconds": microseconds(adverts),
        "megabytes": {str(given.entries): megabytes(given.entries)} if given.entries else {},
    }
    if given.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    columns = list(told["recall"][0])
    print("| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns))
    for row in told["recall"]:
        print("| " + " | ".join(f"{one:.2f}" if isinstance(one, float) else str(one) for one in row.values()) + " |")
    for name in ("false pairs", "texts of others", "microseconds", "megabytes"):
        print(f"{name}: {told[name]}")


if __name__ == "__main__":
    main()
