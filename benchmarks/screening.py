"""What screening one message costs: all of it, and beside their peers its keywords and its trained scores.

    python benchmarks/screening.py [--rounds 15] [--messages 5120] [--json]

One process, batches of 256 messages of work chat of some 40 characters (`work_talk.yaml`, put together by chance), 1 in 100
an offence, one a minute in each of 200 groups with 50 members, under the full pack `xianchuang`, with all other shipped packs
at hand. The word lists are the product's with so many words more that 20,000 are looked for; the trained model is the product's,
with all its heads.

`us_per_message`: `Screen.handle`, from decoded observations to verdicts: folding, second readings, keywords, all patterns,
trained scores, fingerprints and windows of senders, and judging with the states in memory, by the rules on what is said and how
often. `measure_us` is its part until the signals are known. `all_rules_us` is the same with every rule of the pack: those on
questions that nobody answered, receipts, rosters and duties, too. `decode_us`, reading JSON, comes on top in a host.

`keywords_us` is folding and keywords alone. `sensitive_word_us` is sensitive-word (Java) with all that it folds, the same words
but those with gaps, which it has not, the same batches in the same turn; needs `java` and, once, `mvn` with the network (else
null).

`fused_us` is features and scores of all heads for folded text, `fused_seven_us` those of the first seven; `sklearn_us` is what
scikit-learn takes for the same n-grams and as many heads: HashingVectorizer and the decision function of a LinearSVC.

Every round asks each of them for all batches, one after another as a worker meets them, in an order that rotates, with new
observations in the same windows. A figure is CPU time: of each batch the median over the rounds, of these the mean.

Memory and start are those of processes of their own. `ready_s` is from starting Python until everything is loaded and warmed up
(the quickest of three), `ready_cpu_s` the CPU time that takes: on a busy machine they differ. `rss_mb` is what such a process
holds more than a bare interpreter, `private_mb` what of this it shares with nobody while a second one has loaded the same,
`model_mb` what loading the model alone adds.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from _peers import PeerError, peer_jars
from real_input import GROUPS, MEMBERS, START, fleet
from rich.console import Console
from rich.progress import track

from classifiers.folding import fold_batch
from classifiers.keywords import load_lists
from classifiers.keywords.lists import GAP
from classifiers.measure import Classifiers
from classifiers.trained.halves import Weights
from classifiers.trained.serve import Model, ModelUnavailable
from policies.directory import Directory
from policies.schema import Pack
from streams.agents import Screen
from streams.loading import classifiers_from, packs_from, rest_collector
from streams.topics import OBSERVATIONS, Record

HERE = Path(__file__).resolve().parent
PEER = HERE / "peers" / "SensitiveWordPeer.java"
PACK = "xianchuang"
# How the names of the rules on what is said begin, and on how often.
ON_CONTENT = ("content.", "topic.", "link.", "personal.", "file.", "image.", "format.", "posting.")
BATCH, WORDS, OFFENCES, SEVEN = 256, 20_000, 0.01, 7
SEED = 20261121
# Milliseconds between two messages of one group.
EVERY = 60_000
# Messages that the peer reads before it is asked; the JIT is done sooner.
PEER_WARM = 200_000
# Rounds that are not counted: what is worked out when it is first asked, and the windows of senders fill.
UNCOUNTED = 2
STARTS = 3

Clocked = Callable[[int], float]


# -- messages and words ---------------------------------------------------------------------------------------------------


def talk(count: int) -> list[str]:
    """So many messages of work chat, 1 in 100 an offence; the same each time."""
    parts = yaml.safe_load((HERE / "work_talk.yaml").read_text("utf-8"))
    numbers = random.Random(SEED)

    def filled(kind: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda slot: numbers.choice(parts[slot[1]]), numbers.choice(parts[kind]))

    return [
        filled("offences") if numbers.random() < OFFENCES else "".join(map(filled, ("openings", "bodies", "closings")))
        for _ in range(count)
    ]


def more_words(count: int, said: str) -> list[str]:
    """So many words like those of the product's lists, the first half of one and the second of another; none of them is said."""
    listed = sorted({one.text for some in load_lists() for one in some.words if GAP not in one.text})
    numbers = random.Random(SEED)
    found: dict[str, None] = {}
    while len(found) < count:
        first, second = numbers.choice(listed), numbers.choice(listed)
        word = first[: (len(first) + 1) // 2] + second[len(second) // 2 :]
        (folded,) = fold_batch([word]).texts
        if len(folded) > 1 and folded not in said:
            found.setdefault(folded)
    return list(found)


def write_list(folder: Path, said: str) -> None:
    """A folder with a word list that fills the product's up to `WORDS`."""
    known = {one.folded for some in load_lists() for one in some.words}
    more = [one for one in more_words(WORDS, said) if one not in known][: WORDS - len(known)]
    written = yaml.safe_dump({"category": "own", "why": "自有词", "weak": more}, allow_unicode=True)
    (folder / "own.yaml").write_text(written, "utf-8")


def observed(texts: Sequence[str], turn: int) -> list[tuple[bytes, int]]:
    """The texts as observations of a round, new ids and later times than in the one before, with their times."""
    found = []
    for number, text in enumerate(texts, turn * len(texts)):
        group, at = number % GROUPS, number // GROUPS
        body = {
            "v": 1,
            "id": f"screened-{number}",
            "type": "message.created",
            "platform": "jsonl",
            "group": {"id": f"g{group}"},
            "sender": {"id": f"u{group}-{at % MEMBERS}"},
            "sent_at": START + at * EVERY,
            "kind": "text",
            "text": text,
        }
        found.append((msgspec.json.encode(body), START + at * EVERY))
    return found


# -- what is measured -----------------------------------------------------------------------------------------------------


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of this process, kernel included."""
    began = time.process_time()
    work()
    return time.process_time() - began


def on_content(pack: Pack) -> Pack:
    """The pack with the rules on what is said and how often, and no others."""
    clauses = {
        name: msgspec.structs.replace(
            clause, bindings=tuple(one for one in clause.bindings if (one.rule or "").startswith(ON_CONTENT))
        )
        for name, clause in pack.clauses.items()
    }
    return msgspec.structs.replace(pack, clauses=clauses)


class Screened:
    """`Screen` with its states in memory; each batch is decoded, measured and judged once a round."""

    def __init__(self, classifiers: Classifiers, packs: Mapping[str, Pack], texts: Sequence[str]) -> None:
        self.screen = Screen(Classifiers(classifiers.keywords, classifiers.model), packs, Directory(fleet(PACK)))
        self.texts = texts
        self.states: dict[str, Any] = {}
        self.verdicts = 0
        self.spent: dict[str, float] = {}
        self._round = -1

    def begin_round(self) -> None:
        self._round += 1
        self._bodies = observed(self.texts, self._round)

    def judge(self, batch: int) -> float:
        """CPU seconds from decoded observations to effects."""
        first = batch * BATCH
        records = [
            Record(OBSERVATIONS, "", body, self._round * len(self.texts) + first + number, at)
            for number, (body, at) in enumerate(self._bodies[first : first + BATCH])
        ]
        decode = seconds(lambda: self.screen.keys(records))
        measure = seconds(lambda: self.screen.measure(records))
        judge = seconds(lambda: self._handle(records))
        self.spent = {"decode_us": decode, "measure_us": measure}
        return measure + judge

    def _handle(self, records: Sequence[Record]) -> None:
        effects = self.screen.handle(records, self.states)
        self.states.update(effects.state)
        self.verdicts += len(effects.records)


def seven_of(model: Model) -> Model:
    """The model with its first heads only."""
    card = msgspec.structs.replace(model.card, heads=model.card.heads[:SEVEN])
    columns = [model.weights(head.category) for head in card.heads]
    return Model(card, Weights([np.concatenate(columns, axis=1).astype(np.float16)]), model.version)


def by_sklearn(texts: Sequence[str], heads: int) -> Callable[[Sequence[str]], Any]:
    """Decision functions of scikit-learn for folded texts: as many n-grams, rows and heads; what it has learned is of no use."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.svm import LinearSVC

    from classifiers.trained.features import ORDERS, TABLE_BITS

    vectors = HashingVectorizer(
        analyzer="char", ngram_range=(1, ORDERS), n_features=1 << TABLE_BITS, binary=True, alternate_sign=False
    )
    some = texts[: 50 * heads]
    machine = LinearSVC(max_iter=50, tol=1.0).fit(vectors.transform(some), [at % heads for at in range(len(some))])
    return lambda batch: machine.decision_function(vectors.transform(batch))


class Peer:
    """sensitive-word in a process of its own, warmed up; PeerError where it cannot be run."""

    def __init__(self, words: Sequence[str], batches: Sequence[Sequence[str]], folder: Path) -> None:
        listed, texts = folder / "words.txt", folder / "texts.jsonl"
        listed.write_text("\n".join(words), "utf-8")
        texts.write_text("\n".join(json.dumps(one) for one in batches), "utf-8")
        passes = -(-PEER_WARM // (BATCH * len(batches)))
        command = ["java", "-Xmx1g", "-cp", f"{peer_jars()}/*", str(PEER), str(listed), str(texts), str(passes)]
        self._errors = (folder / "peer.log").open("w+", encoding="utf-8")
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, encoding="utf-8"
            )
        except FileNotFoundError as error:
            raise PeerError("java is not installed") from error
        if self._read() != "ready":
            self._errors.seek(0)
            self.close()
            raise PeerError(f"it does not start: {self._errors.read()[-500:]}")
        self.found = 0

    def find(self, batch: int) -> float:
        """CPU seconds of its thread for one batch."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{batch}\n")
        self._process.stdin.flush()
        took, found = self._read().split()
        self.found += int(found)
        return int(took) / 1e9

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


# -- memory and start -----------------------------------------------------------------------------------------------------

_BARE = "import sys; print('ready', flush=True); sys.stdin.read()"
_LOADED = """
import sys
from pathlib import Path
from streams.loading import classifiers_from, packs_from, rest_collector
from streams.agents import Screen
from policies.directory import Directory
from models import Fleet
classifiers = classifiers_from(lists=[Path(sys.argv[1])])
screen = Screen(classifiers, packs_from([]), Directory(Fleet()))
classifiers.warm_up()
rest_collector()
print('ready', flush=True); sys.stdin.read()
"""
_MODEL = """
import sys, classifiers.measure
from classifiers.trained.registry import default_dir
from classifiers.trained.serve import Model
model = {model}
print('ready', flush=True); sys.stdin.read()
"""


class Process:
    """A process of Python that waits when it is ready, and the seconds until then, of which it had a CPU `cpu_seconds`."""

    def __init__(self, code: str, *arguments: str) -> None:
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", cwd=HERE.parent,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit("a process that loads everything did not get ready; its error stands above")
        self.seconds = time.perf_counter() - began
        spent = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu_seconds = (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> tuple[float, float]:
        """Resident MB, and what of it is shared with nobody."""
        rows = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        found = {name: int(size) / 1024 for name, size, *_ in (row.split() for row in rows[1:])}
        return found["Rss:"], found["Private_Clean:"] + found["Private_Dirty:"]

    def close(self) -> None:
        self._process.communicate()


def memory_and_start(folder: Path) -> dict[str, float]:
    processes: list[Process] = []

    def started(code: str, *arguments: str) -> Process:
        processes.append(Process(code, *arguments))
        return processes[-1]

    try:
        bare = started(_BARE)
        some = [started(_LOADED, str(folder)) for _ in range(STARTS)]
        without, with_model = (started(_MODEL.format(model=one)) for one in ("None", "Model.load(default_dir())"))
        resident, private = some[0].memory()
        return {
            "rss_mb": round(resident - bare.memory()[0], 1),
            "private_mb": round(private - bare.memory()[1], 1),
            "model_mb": round(with_model.memory()[0] - without.memory()[0], 1),
            "ready_s": round(min(one.seconds for one in some), 2),
            "ready_cpu_s": round(min(one.cpu_seconds for one in some), 2),
        }
    finally:
        for one in processes:
            one.close()


# -- all together ---------------------------------------------------------------------------------------------------------


def measure(messages: int, rounds: int, folder: Path, console: Console) -> dict[str, Any]:
    texts = talk(messages)
    write_list(folder, "\0".join(fold_batch(texts).texts))
    classifiers = classifiers_from(lists=[folder])
    model = classifiers.model
    if not isinstance(model, Model):
        reason = model.reason if isinstance(model, ModelUnavailable) else "there is no model"
        raise SystemExit(f"nothing was measured: {reason}")
    batches = [texts[first : first + BATCH] for first in range(0, messages, BATCH)]
    folded = [fold_batch(one) for one in batches]
    plain = [list(one.texts) for one in folded]
    packs = packs_from([])
    screened = Screened(classifiers, {name: on_content(pack) for name, pack in packs.items()}, texts)
    by_all = Screened(classifiers, packs, texts)
    seven, sklearn = seven_of(model), by_sklearn([one for some in plain for one in some], len(model.categories))
    ways: dict[str, Clocked] = {
        "us_per_message": screened.judge,
        "all_rules_us": by_all.judge,
        "keywords_us": lambda at: seconds(lambda: classifiers.keywords.find_batch(fold_batch(batches[at]))),
        "fused_us": lambda at: seconds(lambda: model.score(folded[at])),
        "fused_seven_us": lambda at: seconds(lambda: seven.score(folded[at])),
        "sklearn_us": lambda at: seconds(lambda: sklearn(plain[at])),
    }
    words = {
        one.text for some in load_lists(folder) for one in some.words if GAP not in one.text and one.strength != "allow"
    }
    peer = _peer(sorted(words), batches, folder)
    if peer:
        ways["sensitive_word_us"] = peer.find
    try:
        spent = _run(ways, (screened, by_all), len(batches), rounds, console)
    finally:
        if peer:
            peer.close()
    found = {name: round(float(np.median(took, axis=0).mean()) / BATCH * 1e6, 2) for name, took in spent.items()}
    return {
        **{
            "us_per_message": None,
            "keywords_us": None,
            "sensitive_word_us": None,
            "sklearn_us": None,
            "fused_us": None,
        },
        **found,
        **memory_and_start(folder),
        "messages_each_round": messages,
        "characters": round(sum(map(len, texts)) / messages, 1),
        "words": sum(len(some.words) for some in load_lists(folder)),
        "heads": len(model.categories),
        "packs": len(packs),
        "verdicts_per_100": round(by_all.verdicts / messages / (rounds + UNCOUNTED) * 100, 2),
    }


def _peer(words: Sequence[str], batches: Sequence[Sequence[str]], folder: Path) -> Peer | None:
    try:
        return Peer(words, batches, folder)
    except PeerError as error:
        sys.stderr.write(
            f"sensitive_word_us is null: {error}. It takes Java 17 and Maven (on Debian, apt-get install"
            " openjdk-17-jdk-headless maven).\n"
        )
        return None


def _run(
    ways: dict[str, Clocked], screened: Sequence[Screened], batches: int, rounds: int, console: Console
) -> dict[str, list[list[float]]]:
    """CPU seconds by name, round and batch."""
    spent: dict[str, list[list[float]]] = defaultdict(list)
    names = list(ways)
    rest_collector()
    turns = track(range(UNCOUNTED + rounds), "rounds", console=console, disable=not console.is_terminal)
    for turn in turns:
        for one in screened:
            one.begin_round()
        took: dict[str, list[float]] = defaultdict(list)
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            for batch in range(batches):
                took[name].append(ways[name](batch))
                for part, seconds_of in screened[0].spent.items() if name == "us_per_message" else ():
                    took[part].append(seconds_of)
        if turn >= UNCOUNTED:
            for name, some in took.items():
                spent[name].append(some)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5120, help="in each round (5120)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.messages < BATCH or given.messages % BATCH or given.rounds < 1:
        parser.error(f"--messages: a multiple of {BATCH}; --rounds: at least 1")
    with tempfile.TemporaryDirectory(prefix="xunqun-screening-") as folder:
        found = measure(given.messages, given.rounds, Path(folder), Console(stderr=True))
    if given.json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    for name, value in found.items():
        print(f"{name:>20}  {value}")


if __name__ == "__main__":
    main()
