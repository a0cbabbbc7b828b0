"""Chat exports and rosters to observations and a fleet file. Reads only; writes into one folder."""

import itertools
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from connectors.imports import json_chat, qq_text, roster, wechat_text
from connectors.imports.clock import zone_named
from connectors.imports.source import ImportFailed, Notes, Source
from models import Group, Observation

__all__ = ["ImportFailed", "Imported", "import_files"]

OBSERVATIONS, FLEET = "observations.jsonl", "fleet.yaml"
# Lines after which it is clear what a text is.
_LOOKED_AT = 200
_AT_ONCE = 1000
_BINARY = (
    (b"PK\x03\x04", "an Excel workbook or another packed file; open it and save the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; open it and save the table as CSV"),
    (b"SQLite format 3", "a database; export the chats as text first"),
    (b"From: <Save", "an .mht export; choose 文本文件 (*.txt) when exporting"),
    (b"%PDF", "a PDF; export as text or CSV"),
)
_KNOWN = (
    "QQ text (2026-01-05 09:12:33 name(12345)), WeChat text (name 2026/1/5 09:12), JSON of a message archive, "
    "of OneBot or of observations, or a CSV roster with a column 姓名"
)


@dataclass
class Imported:
    """What was written, and what there is to say about it."""

    out: Path
    observations: int = 0
    people: int = 0
    groups: dict[str, Group] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)

    def lines(self) -> list[str]:
        told = []
        if self.observations:
            told.append(
                f"{self.observations} observations, groups: {len(self.groups)}, written to {self.out / OBSERVATIONS}"
            )
        if self.people:
            told.append(f"{self.people} people, written to {self.out / FLEET}")
        return [*told, *self.notes.lines()]


def import_files(
    paths: Sequence[Path],
    out: Path,
    *,
    group: str | None = None,
    timezone: str = "Asia/Shanghai",
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Read exports and rosters and write `observations.jsonl` and `fleet.yaml`, each where there is something for it.

    Observations come out in the order of time, each id once: exports may overlap and stand in any order. `group` is the
    id of the group; `progress` is told how many bytes of the files were read since the last call. ImportFailed leaves
    `out` as it was.
    """
    zone = zone_named(timezone)
    sources = [(Source(path), kind_of(Source(path))) for path in paths]
    _refuse_overwriting(out, {FLEET if kind == "roster" else OBSERVATIONS for _, kind in sources}, force)
    result = Imported(out)
    table = roster.Roster(result.notes)
    for source, kind in sources:
        if kind == "roster":
            table.read(source)
    people = table.people()
    # On the disk of `out`, which has room for it and where the finished files only change their names.
    near = next(one for one in (out, *out.absolute().parents) if one.exists())
    with tempfile.TemporaryDirectory(prefix=".import-", dir=near) as folder:
        staged = Path(folder)
        with _Stage(staged / "seen.db") as stage:
            for source, kind in sources:
                if kind != "roster":
                    read = _read(source, kind, group, zone, result)
                    stage.take(_told(read, source, progress))
            result.observations = stage.write(staged / OBSERVATIONS, result.notes)
        if people:
            result.people = len(people)
            (staged / FLEET).write_text(roster.fleet_yaml(people, result.groups.values(), timezone), "utf-8")
        if not result.observations and not people:
            raise ImportFailed("\n".join(["there is nothing to import in these files", *result.notes.lines()]))
        out.mkdir(parents=True, exist_ok=True)
        for name in (OBSERVATIONS, FLEET):
            if (staged / name).exists():
                os.replace(staged / name, out / name)
    return result


def kind_of(source: Source) -> str:
    """`qq`, `wechat`, `json` or `roster`, by what stands in the file, not by its name."""
    start = source.beginning()
    for mark, what in _BINARY:
        if start.startswith(mark):
            raise ImportFailed(f"{source}: this is {what}")
    if not start.strip():
        raise ImportFailed(f"{source}: the file is empty; export it anew")
    if re.match(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[\[{\]])', start):
        return "json"
    for number, line in itertools.islice(source.lines(), _LOOKED_AT):
        if qq_text.HEADER.match(line) or qq_text.BARE_HEAD.match(line) or qq_text.HEAD.match(line):
            return "qq"
        if number <= roster.HEADER_WITHIN and roster.is_header(line):
            return "roster"
        if any(form.match(line) for form in wechat_text.SIGNS):
            return "wechat"
    raise ImportFailed(f"{source}:1: this is no export that is known; expected {_KNOWN}")


def _refuse_overwriting(out: Path, names: set[str], force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ImportFailed(f"{out}: this is a file; give a folder with --out")
    there = [str(out / name) for name in sorted(names) if (out / name).exists()]
    if there and not force:
        verb = "exist" if len(there) > 1 else "exists"
        raise ImportFailed(
            f"{' and '.join(there)} {verb} already; give another folder with --out, or overwrite with --force"
        )


def _read(
    source: Source, kind: str, group: str | None, zone: ZoneInfo, result: Imported
) -> Iterator[tuple[Observation, bytes]]:
    if kind == "json":
        found = json_chat.read(source, result.notes)
    else:
        reader = qq_text.QQText if kind == "qq" else wechat_text.WeChatText
        encode = msgspec.json.Encoder().encode
        found = ((seen, encode(seen)) for seen in reader(source, group, zone, result.notes).read())
    for seen, line in found:
        if seen.group is not None and seen.group_key not in result.groups:
            result.groups[seen.group_key] = Group(id=seen.group.id, platform=seen.platform, name=seen.group.name or "")
        yield seen, line


def _told(
    found: Iterator[tuple[Observation, bytes]], source: Source, progress: Callable[[int], None] | None
) -> Iterator[tuple[Observation, bytes]]:
    """What was found, telling now and then how far the file was read."""
    told = 0
    for number, one in enumerate(found):
        yield one
        if progress and number % _AT_ONCE == 0:
            progress(source.position - told)
            told = source.position
    if progress:
        progress(source.path.stat().st_size - told)


class _Stage:
    """Observations on disk, to be put in the order of time without holding them in memory."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE seen (n INTEGER PRIMARY KEY, at INTEGER, id TEXT UNIQUE, line BLOB); BEGIN"
        )
        self._taken = 0

    def __enter__(self) -> "_Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def take(self, found: Iterable[tuple[Observation, bytes]]) -> None:
        """Keep each id once; a tick has none."""
        for seen, line in found:
            at = max(-(2**63), min(seen.sent_at, 2**63 - 1))
            self._db.execute("INSERT OR IGNORE INTO seen (at, id, line) VALUES (?, ?, ?)", (at, seen.id or None, line))
            self._taken += 1

    def write(self, path: Path, notes: Notes) -> int:
        """Write all lines and say how many; nothing where there is none."""
        self._db.execute("COMMIT")
        count: int = self._db.execute("SELECT count(*) FROM seen").fetchone()[0]
        if count:
            with path.open("wb") as file:
                for (line,) in self._db.execute("SELECT line FROM seen ORDER BY at, n"):
                    file.write(line + b"\n")
        if count < self._taken:
            notes.remarks.append(f"{self._taken - count} observations stood there more than once; written once")
        return count
