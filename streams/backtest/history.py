"""The history that both sides are judged over, as lines of files: what can be read only once is written down first."""

import heapq
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from models.observation import Millis
from streams.replay import Progress, read_lines
from streams.text_keys import DayKeys, TextExpired, TextKeys
from streams.topics import MAX_RECORD_BYTES, OBSERVATIONS, Record, Unusable, decode_observation

# Of the ticks of a topic so many milliseconds lie between those that are kept: each lets time pass in every group.
_TICK_EVERY: Millis = 60 * 60 * 1000


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Files, and which of their lines count: those that arrived from `since` on and before `until`, the first `limit`."""

    files: tuple[str, ...]
    since: Millis | None = None
    until: Millis | None = None
    limit: int | None = None

    def read(self, progress: Progress | None = None) -> Iterator[bytes]:
        """The lines that count. What is no observation counts as arrived with the one before it."""
        return islice(self._inside(read_lines(self.files, progress)), self.limit)

    def _inside(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        if self.since is None and self.until is None:
            yield from lines
            return
        inside = self.since is None
        for line in lines:
            with suppress(Unusable):
                seen = decode_observation(line)
                at = seen.received_at if seen.received_at is not None else seen.sent_at
                inside = (self.since or 0) <= at and (self.until is None or at < self.until)
            if inside:
                yield line


def write_down(lines: Iterable[bytes], path: Path) -> None:
    """Keep lines that come only once."""
    with path.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")


def from_store(path: Path) -> Iterator[bytes]:
    """The observations in the log of a folder's SQLite file, while a service may be writing it."""
    import sqlite3

    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = "SELECT topic, key, value, offset, appended_at FROM log WHERE topic = ? ORDER BY offset"
        keys = TextKeys(path.parent / "keys").text
        rows = database.execute(query, (OBSERVATIONS,))
        yield from _in_lines(Record(topic, key, text, *place) for topic, key, text, *place in _readable(rows, keys))
    finally:
        database.close()


def _readable(rows: Iterable[Any], keys: DayKeys) -> Iterator[Any]:
    """The rows whose text is not past its time."""
    for topic, key, value, *place in rows:
        with suppress(TextExpired):
            yield topic, key, keys.decrypt(value), *place


async def from_topic(parts: AsyncIterator[list[Record]], folder: Path) -> Path:
    """The observations of a fleet, of all partitions by their append time, as one file.

    Kafka has an order for each partition only: each is written down, then all are merged. Groups keep their order.
    """
    with ExitStack() as stack:
        files: dict[int, Any] = {}
        async for some in parts:
            for one in some:
                if one.partition not in files:
                    files[one.partition] = stack.enter_context((folder / f"part-{one.partition}").open("wb"))
                files[one.partition].write(b"%d %s\n" % (one.appended_at, _line(one)))
    with ExitStack() as stack:
        lanes = [_timed(stack.enter_context((folder / f"part-{one}").open("rb"))) for one in sorted(files)]
        merged = heapq.merge(*lanes, key=lambda one: one[0])
        write_down(_fewer_ticks(merged), folder / "topic.jsonl")
    for one in files:
        (folder / f"part-{one}").unlink()
    return folder / "topic.jsonl"


def _timed(file: Iterable[bytes]) -> Iterator[tuple[Millis, bytes]]:
    latest = 0
    for line in file:
        at, _, body = line.rstrip(b"\n").partition(b" ")
        # The broker's clock may have been set back: the order of a partition stays what it is.
        latest = max(latest, int(at))
        yield latest, body


def _in_lines(records: Iterable[Record]) -> Iterator[bytes]:
    return _fewer_ticks((one.appended_at, _line(one)) for one in records)


def _fewer_ticks(lines: Iterable[tuple[Millis, bytes]]) -> Iterator[bytes]:
    last = None
    for at, line in lines:
        if b'"clock.tick"' in line and _is_tick(line):
            if last is not None and at - last < _TICK_EVERY:
                continue
            last = at
        yield line


def _is_tick(line: bytes) -> bool:
    try:
        return decode_observation(line).type == "clock.tick"
    except Unusable:
        return False


def _line(record: Record) -> bytes:
    """A record as a line of history. When it arrived is its append time, where it does not say so itself."""
    one_line = b" ".join(record.value.split(b"\n"))
    try:
        seen = decode_observation(record.value)
    except Unusable:
        return one_line
    if seen.received_at is not None or len(one_line) > MAX_RECORD_BYTES - 40:
        return one_line
    # Other programs may have written fields that we do not know: nothing of the record is changed.
    return one_line.rstrip().removesuffix(b"}") + b',"received_at":%d}' % record.appended_at
