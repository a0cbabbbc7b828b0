"""A single process's backup: its one file, as SQLite copies it while it is in use."""

import secrets
import shutil
import sqlite3
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from models import Fleet
from streams import desk, outbox
from streams.backup.folder import Manifest, Writing, opened, reason
from streams.brakes import RESTORE
from streams.erasures import enter_again
from streams.errors import LoadError, WrongUse
from streams.store import SCHEMA_VERSION, HostLock, InUse, Store

NAME = "xunqun.db"
_FILE = f"{NAME}.gz"


def make(database: Path, folder: Path) -> Manifest:
    """Write a backup; LoadError where the file cannot be read, or is damaged."""
    began = time.time_ns() // 1_000_000
    writing = Writing(folder)
    copy = folder.with_name(f"{folder.name}.partial") / NAME
    try:
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as whole,
        ):
            source.backup(whole)
            # A file of its own: with a log beside it, half of it would be left behind.
            whole.execute("PRAGMA journal_mode=DELETE")
            (said,) = whole.execute("PRAGMA quick_check").fetchone()
            if said != "ok":
                raise LoadError(f"{database} is damaged ({said}): restore an earlier backup")
        with copy.open("rb") as plain, writing.file(_FILE) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        copy.unlink()
        return writing.finish(
            Manifest(
                kind="single",
                id=secrets.token_hex(8),
                made_at=began,
                version=version("xunqun"),
                schema=str(SCHEMA_VERSION),
                readable=False,
            )
        )
    except sqlite3.Error as error:
        raise LoadError(f"{database} cannot be read: {error}") from error
    finally:
        writing.abandon()


def restore(folder: Path, manifest: Manifest, into: Path, fleet: Fleet) -> dict[str, int]:
    """Put the file back into a folder; how many actions wait, paused, and how many people are erased again.

    WrongUse where there is one, or a process runs there.
    """
    path = into / NAME
    try:
        lock = HostLock(into)
    except InUse as error:
        raise WrongUse(str(error)) from error
    try:
        # The log beside a file that was removed would be taken for that of the new one.
        if there := next((one for one in _with_logs(path) if one.exists()), None):
            raise WrongUse(f"{there} is there: move it away first, a restore never writes over a database")
        fresh = into / f"{NAME}.restoring"
        for left in _with_logs(fresh):
            left.unlink(missing_ok=True)
        with opened(folder, _FILE) as packed, fresh.open("wb") as plain:
            fresh.chmod(0o600)
            shutil.copyfileobj(packed, plain, 1 << 20)
        with closing(Store(fresh)) as store:
            desk.pause(store, by=RESTORE, reason=reason(manifest))
            found = {"planned": outbox.count_open(store), "erased": enter_again(store, fleet, manifest.made_at)}
            store.connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
        fresh.rename(path)
        return found
    finally:
        lock.release()


def _with_logs(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))]
