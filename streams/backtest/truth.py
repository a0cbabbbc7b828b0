"""Who is innocent, as people have said: labels in the history itself, decisions, ticks of a page, in one small file."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from models.decision import DecisionOutcome
from streams.backtest.compare import Found, Known
from streams.errors import LoadError
from streams.topics import Unusable, decode_observation

# What a line of history may say of itself: `label` a category or "normal", `expected` clauses or categories.
_MARKS = (b'"label"', b'"expected"')
_NORMAL = frozenset({"normal", "innocent", "clean", "ham", "none", ""})
_LONGEST_LABEL = 1 << 20
# What people decide of sanctions, actions and tasks says nothing of who is innocent.
_OTHER_OUTCOMES = frozenset(get_args(DecisionOutcome)) - {"uphold", "overturn"}


class _Labelled(Struct):
    label: str | list[str] | None = None
    expected: str | list[str] | None = None


class _On(Struct):
    id: str
    kind: str = "verdict"


class _Label(Struct):
    """One line of a file of labels: a tick of a page, or a decision."""

    outcome: str
    violation_id: str | None = None
    observation_id: str | None = None
    on: _On | None = None


_LABELLED = msgspec.json.Decoder(_Labelled)
_LABEL = msgspec.json.Decoder(_Label)


class Truth:
    """What is known of messages and findings. A file beside the stores, so that a long history takes no memory."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA synchronous=OFF")
        # What messages say of themselves; what files say of messages and findings, `ticked` on the list of a page.
        self._db.execute("CREATE TABLE labelled (id TEXT PRIMARY KEY, guilty TEXT NOT NULL) WITHOUT ROWID")
        self._db.execute("CREATE TABLE told (id TEXT PRIMARY KEY, guilty TEXT NOT NULL, ticked INTEGER) WITHOUT ROWID")

    def close(self) -> None:
        self._db.close()

    def noting(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The same lines; what they say of themselves is noted as they pass."""
        for line in lines:
            if _MARKS[0] in line or _MARKS[1] in line:
                self._note(line)
            yield line
        self._db.commit()

    def _note(self, line: bytes) -> None:
        try:
            labelled, seen = _LABELLED.decode(line), decode_observation(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unusable):
            return
        said = labelled.expected if labelled.expected is not None else labelled.label
        if said is None or not seen.is_message:
            return
        guilty = [one for one in ([said] if isinstance(said, str) else said) if one.lower() not in _NORMAL]
        # An edit or a second delivery says nothing new of the message.
        self._db.execute("INSERT OR IGNORE INTO labelled VALUES (?, ?)", (seen.origin_id, "\n".join(guilty)))

    def read(self, path: Path) -> int:
        """Take a file of labels, JSONL; how many. LoadError names the line that cannot be used. The last word counts.

        Decisions that say of no finding or message whether it is innocent are passed over.
        """
        count = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                if told := _read_label(path, number, line[:_LONGEST_LABEL]):
                    self._db.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?)", told)
                    count += 1
        self._db.commit()
        return count

    def known(self, found: Found) -> Known:
        """What is known of a finding. What was said of the finding itself counts before what was said of its message."""
        named = [found.id, *([found.observation_id] if found.observation_id else [])]
        rows = [self._row("SELECT guilty, ticked FROM told WHERE id = ?", one) for one in named]
        rows += [self._row("SELECT guilty, 0 FROM labelled WHERE id = ?", one) for one in named[1:]]
        said = [(_acquits(guilty.split("\n"), found), ticked) for guilty, ticked in filter(None, rows)]
        return Known(
            told=next((one for one, ticked in said if not ticked), None),
            ticked=next((one for one, ticked in said if ticked), None),
        )

    def normal_messages(self) -> int:
        """How many messages of the history are labelled as innocent of everything."""
        return int(self._row("SELECT count(*) FROM labelled WHERE guilty = ?", "")[0])

    def is_normal(self, found: Found) -> bool:
        """Whether a finding is about a message that is labelled as innocent of everything."""
        row = self._row("SELECT guilty FROM labelled WHERE id = ?", found.observation_id)
        return row is not None and not row[0]

    def _row(self, query: str, value: str | None) -> Any:
        return self._db.execute(query, (value,)).fetchone()


def _acquits(guilty: list[str], found: Found) -> bool | None:
    """What is said of a message as to one finding. Guilty of one category, it may be guilty of another that nobody named."""
    if guilty == [""]:
        return True
    if found.clause in guilty or found.category in guilty or guilty == ["*"]:
        return False
    named_clauses = any("-" in one for one in guilty)
    return True if named_clauses else None


def _read_label(path: Path, number: int, line: bytes) -> tuple[str, str, bool] | None:
    """What it is on, what that is guilty of, and whether it is a tick; None for a decision on something else."""
    try:
        said = _LABEL.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LoadError(f"{path}:{number}: not a label: {str(error)[:120]}") from error
    named = said.violation_id or said.observation_id or (said.on.id if said.on else None)
    if named is None:
        raise LoadError(f"{path}:{number}: a label names what it is on: violation_id, observation_id, or on: {{id}}")
    if said.on and (said.on.kind != "verdict" or said.outcome in _OTHER_OUTCOMES):
        return None
    if said.outcome not in ("overturn", "uphold"):
        raise LoadError(f'{path}:{number}: outcome "{said.outcome}": write uphold (guilty) or overturn (innocent)')
    return named, "" if said.outcome == "overturn" else "*", said.violation_id is not None
