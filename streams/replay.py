"""Replay: feeds observations through the same agents, over a store that is thrown away. Same input, same bytes out."""

import codecs
import gzip
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
import sqlalchemy as sa

from classifiers.measure import Classifiers
from models import Action, Review, Sanction, Task, Verdict, Violation
from models.observation import Millis
from policies.directory import Directory
from policies.schema import Pack
from streams import outbox
from streams.cases.store import CaseStore
from streams.cases.tables import dead_letters, evidence, groups_seen, reviews, sanctions, tasks, verdicts
from streams.cases.tables import outbox as outbox_table
from streams.embedded import Embedded, tick_body
from streams.errors import LoadError
from streams.loading import rest_collector
from streams.store import Store
from streams.topics import MAX_RECORD_BYTES, OBSERVATIONS, DeadLetter, Record, Unusable, decode_observation

# Records handled at once: many, since each chunk has a price of its own; few where they are large.
CHUNK = 2048
_CHUNK_BYTES = 4 << 20
# A line longer than this is not read whole: only its beginning goes to the dead letters.
_LONGEST_LINE = MAX_RECORD_BYTES + 16
Progress = Callable[[int], None]
_AT_ONCE = 400
_VERDICT = msgspec.json.Decoder(Verdict)


@dataclass
class Summary:
    """Counts of a replay, in plain figures."""

    observations: int = 0
    bad_lines: int = 0
    verdicts: int = 0
    violations: int = 0
    uncertain: int = 0
    not_measured: int = 0
    unknown_groups: int = 0
    by_clause: dict[str, int] = field(default_factory=dict)
    sanctions: dict[str, int] = field(default_factory=dict)
    reviews: int = 0
    tasks: int = 0


class Replay:
    """One replay in progress: `feed` lines, then `finish`; results are read from its store afterwards."""

    def __init__(
        self,
        store: Store,
        classifiers: Classifiers,
        packs: dict[str, Pack],
        directory: Directory,
        *,
        chunk: int = CHUNK,
    ) -> None:
        self.store = store
        self.host = Embedded(store, classifiers, packs, directory, chunk=chunk, simulated=True)
        self.chunk = chunk
        self.observations = 0
        #: By group, how many messages were read.
        self.messages: Counter[str] = Counter()
        self._clock: Millis = 0
        self._line = 0
        self._pending: list[Record] = []
        self._bytes = 0

    def feed(self, body: bytes) -> None:
        """Take one line. A tick without a group reaches every group in which something is due."""
        self._line += 1
        record = self._record(body)
        if not isinstance(record.decoded, DeadLetter) and record.decoded.group is None:
            self._flush()
            self._tick(record.decoded.sent_at)
            return
        self._pending.append(record)
        self._bytes += len(body)
        if len(self._pending) >= self.chunk or self._bytes >= _CHUNK_BYTES:
            self._flush()

    def finish(self, until: Millis | None = None) -> None:
        """Let time pass to `until`, or to the last observation, so that deadlines up to then are judged."""
        self._flush()
        end = max(until or 0, self._clock)
        if not end:
            return
        self._tick(self._clock or end)
        self._pass_time(end)

    def _record(self, body: bytes) -> Record:
        try:
            seen = decode_observation(body)
        except Unusable as error:
            dead = DeadLetter(
                cause=str(error), topic=OBSERVATIONS, offset=self._line, tries=1, body=body[:MAX_RECORD_BYTES]
            )
            return Record(OBSERVATIONS, "", body, self._line, self._clock, dead)
        arrived = seen.received_at if seen.received_at is not None else seen.sent_at
        if seen.type != "clock.tick":
            self.observations += 1
            if seen.is_message:
                self.messages[self.host.directory.group_key(seen)] += 1
        self._clock = max(self._clock, seen.group_time())
        return Record(OBSERVATIONS, seen.group_key, body, self._line, arrived, seen)

    def _flush(self) -> None:
        if self._pending:
            self.host.feed(self._pending)
            self._pending, self._bytes = [], 0
            self._settle()

    def _settle(self) -> None:
        """Let the other agents follow, and carry every action out in simulation, until nothing is left."""
        while True:
            self.host.drain()
            actions = outbox.claim(self.store, 0, simulated=True, limit=500)
            if not actions:
                return
            for action in actions:
                outbox.settle(self.store, action, "confirmed", at=action.planned_at, detail="simulated")

    def _tick(self, at: Millis) -> None:
        self._feed_ticks([(key, at) for key in self.host.groups_due(at)])

    def _pass_time(self, end: Millis) -> None:
        while due := self.host.next_dues(end):
            self._feed_ticks(due)

    def _feed_ticks(self, ticks: Sequence[tuple[str, Millis]]) -> None:
        for start in range(0, len(ticks), self.chunk):
            records = [
                Record(OBSERVATIONS, key, tick_body(key, at), self._line, at)
                for key, at in ticks[start : start + self.chunk]
            ]
            self.host.feed(records)
            self._settle()


@contextmanager
def replaying(
    classifiers: Classifiers, packs: dict[str, Pack], directory: Directory, *, chunk: int = CHUNK
) -> Iterator[Replay]:
    """A replay over a store in a temporary folder, removed at the end."""
    rest_collector()
    with tempfile.TemporaryDirectory(prefix="xunqun-replay-") as folder:
        store = Store(Path(folder) / "replay.db", durable=False)
        try:
            yield Replay(store, classifiers, packs, directory, chunk=chunk)
        finally:
            store.close()


def read_lines(paths: Sequence[str], progress: Progress | None = None) -> Iterator[bytes]:
    """The lines of files (`.gz` unpacked, `-` is standard input), without blank ones; bounded in length.

    `progress` is told how many bytes of the files on disk were read since the last call. LoadError where one cannot be
    read to its end: half a history would be judged as if it were all.
    """
    for path in paths:
        if path == "-":
            yield from _lines(sys.stdin.buffer)
            continue
        try:
            yield from _file_lines(path, progress)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LoadError(f"{path}: the gzip data is cut short or damaged; make the file again") from error
        except OSError as error:
            raise LoadError(f"{path}: cannot be read: {error.strerror}") from error


def _file_lines(path: str, progress: Progress | None) -> Iterator[bytes]:
    with open(path, "rb") as file:
        source: Any = gzip.GzipFile(fileobj=file) if path.endswith(".gz") else file
        told = 0
        for number, line in enumerate(_lines(source)):
            yield line
            if progress and number % 2000 == 0:
                progress(file.tell() - told)
                told = file.tell()
        if progress:
            progress(file.tell() - told)


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    mark = codecs.BOM_UTF8
    while line := source.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := source.readline(1 << 20)) and not rest.endswith(b"\n"):
                pass
        if line := line.removeprefix(mark).strip():
            yield line
        mark = b""


def stored_verdicts(store: Store, *, words: bool = True) -> Iterator[Verdict]:
    """All verdicts in the order of judging; with `words`, what was matched is put back from the evidence."""
    query = sa.select(verdicts.c.body).order_by(verdicts.c.offset)
    with store.engine.connect() as connection:
        bodies = connection.execution_options(yield_per=_AT_ONCE).scalars(query)
        for some in bodies.partitions(_AT_ONCE):
            decoded = [_VERDICT.decode(body) for body in some]
            yield from with_evidence(store, decoded) if words else decoded


def with_evidence(store: CaseStore, found: Sequence[Verdict]) -> list[Verdict]:
    """Put the matched words back where they have not expired."""
    ids = [one.id for verdict in found for one in (*verdict.violations, *verdict.uncertain)]
    query = sa.select(evidence.c.violation_id, evidence.c.number, evidence.c.matched).where(
        evidence.c.violation_id.in_(ids)
    )
    rows = store.connection.execute(query) if ids else ()
    kept = {(row[0], row[1]): store.keys.words(row[2]) for row in rows}

    def restored(violation: Violation) -> Violation:
        items = tuple(
            msgspec.structs.replace(one, matched=kept.get((violation.id, number)))
            for number, one in enumerate(violation.evidence)
        )
        return msgspec.structs.replace(violation, evidence=items)

    return [
        msgspec.structs.replace(
            verdict,
            violations=tuple(map(restored, verdict.violations)),
            uncertain=tuple(map(restored, verdict.uncertain)),
        )
        for verdict in found
    ]


def stored_sanctions(store: Store) -> Iterator[Sanction]:
    query = sa.select(sanctions.c.body).order_by(sanctions.c.at, sanctions.c.offset)
    yield from (msgspec.json.decode(body, type=Sanction) for body in store.connection.scalars(query))


def stored_tasks(store: Store) -> Iterator[Task]:
    query = sa.select(tasks.c.body, tasks.c.status).order_by(tasks.c.offset)
    for body, status in store.connection.execute(query):
        yield msgspec.structs.replace(msgspec.json.decode(body, type=Task), status=status)


def stored_reviews(store: Store) -> Iterator[Review]:
    query = sa.select(reviews.c.body, reviews.c.status).order_by(reviews.c.at, reviews.c.offset, reviews.c.id)
    for body, status in store.connection.execute(query):
        yield msgspec.structs.replace(msgspec.json.decode(body, type=Review), status=status)


def stored_actions(store: Store) -> Iterator[Action]:
    table = outbox_table
    query = sa.select(table.c.body, table.c.status, table.c.tries, table.c.detail).order_by(
        table.c.planned_at, table.c.offset
    )
    for body, status, tries, detail in store.connection.execute(query):
        action = msgspec.json.decode(body, type=Action)
        yield msgspec.structs.replace(action, status=status, tries=tries, detail=detail)


def stored_dead_letters(store: Store) -> Iterator[DeadLetter]:
    columns = (
        dead_letters.c.cause,
        dead_letters.c.topic,
        dead_letters.c.source_offset,
        dead_letters.c.tries,
        dead_letters.c.body,
    )
    for cause, topic, offset, tries, body in store.connection.execute(
        sa.select(*columns).order_by(dead_letters.c.offset)
    ):
        yield DeadLetter(cause=cause, topic=topic, offset=offset, tries=tries, body=body)


def found_verdicts(store: Store) -> Iterator[Verdict]:
    """Verdicts that found or suspect something; a picture that nobody could look into has none of its own."""
    return (one for one in stored_verdicts(store) if one.violations or one.uncertain)


WRITTEN: dict[str, Callable[[Store], Iterable[Any]]] = {
    "verdicts": found_verdicts,
    "sanctions": stored_sanctions,
    "actions": stored_actions,
    "tasks": stored_tasks,
    "reviews": stored_reviews,
    "deadletters": stored_dead_letters,
}


def write_results(store: Store, folder: Path) -> None:
    """Write one JSONL file each for verdicts, sanctions, actions, tasks, reviews and dead letters."""
    folder.mkdir(parents=True, exist_ok=True)
    encode = msgspec.json.Encoder().encode
    for name, read in WRITTEN.items():
        with (folder / f"{name}.jsonl").open("wb") as file:
            for one in read(store):
                file.write(encode(one) + b"\n")


def summarise(replay: Replay) -> Summary:
    store = replay.store
    summary = Summary(observations=replay.observations)
    counted: set[str] = set()
    for verdict in stored_verdicts(store, words=False):
        summary.verdicts += bool(verdict.violations or verdict.uncertain)
        summary.not_measured += bool(verdict.unavailable)
        summary.uncertain += len(verdict.uncertain)
        # An edited message is judged again under the same ids.
        for violation in (one for one in verdict.violations if one.id not in counted):
            counted.add(violation.id)
            summary.violations += 1
            summary.by_clause[violation.clause] = summary.by_clause.get(violation.clause, 0) + 1
    for sanction in stored_sanctions(store):
        kind = f"{sanction.kind} (draft)" if sanction.needs_approval else sanction.kind
        summary.sanctions[kind] = summary.sanctions.get(kind, 0) + 1
    count = sa.select(sa.func.count())
    summary.bad_lines = store.connection.scalar(count.select_from(dead_letters)) or 0
    summary.reviews = store.connection.scalar(count.select_from(reviews)) or 0
    summary.tasks = store.connection.scalar(count.select_from(tasks)) or 0
    summary.unknown_groups = store.connection.scalar(count.select_from(groups_seen).where(~groups_seen.c.known)) or 0
    return summary
