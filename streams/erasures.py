"""Who was erased, kept beside the keys of texts: that folder is in no backup, and what a backup brings back is erased again.

One JSON line each, for the owner of the folder alone. An entry is of use as long as backups from before it are kept.
"""

import fcntl
import os
from pathlib import Path

import msgspec

from models import Fleet
from models.observation import Millis
from streams import desk
from streams.cases.store import CaseStore
from streams.errors import LoadError
from streams.topics import Erasure

FILE = "erased.jsonl"


def remember(folder: Path, erasure: Erasure) -> None:
    """Add an erasure; on disk when this returns. LoadError where the folder cannot be written."""
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # A line of its own, whatever a crash has left of the last one.
            file.write(b"\n" + msgspec.json.encode(erasure) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LoadError(f"{path} cannot be written: {error.strerror}") from error


def since(folder: Path, at: Millis) -> list[Erasure]:
    """The erasures from a time on, oldest first. LoadError where the file cannot be read."""
    path = folder / FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from error
    # A line that a crash cut short was of an erasure that was never appended; it is asked for again.
    found = [one for line in lines if (one := _read(line)) is not None]
    return [one for one in found if one.erased_at >= at]


def enter_again(store: CaseStore, fleet: Fleet, at: Millis) -> int:
    """Append the erasures from a time on once more, into what a backup of then has brought back; how many."""
    found = since(store.keys.folder, at) if store.keys.folder else []
    for one in found:
        desk.erase(store, one, fleet)
    return len(found)


def _read(line: bytes) -> Erasure | None:
    try:
        return msgspec.json.decode(line, type=Erasure)
    except msgspec.DecodeError:
        return None
