"""What a backup consists of, and that of a single process: made while it runs, put back where nothing is."""

import gzip
import json
import sqlite3
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from models import Action, Fleet
from streams import desk
from streams.backup import single
from streams.backup.folder import Manifest, Part, Writing, read_manifest, verify
from streams.brakes import RESTORE
from streams.cases.tables import outbox, verdicts
from streams.cli import main
from streams.erasures import remember
from streams.errors import LoadError, WrongUse
from streams.outbox import claim
from streams.store import HostLock, Store
from streams.topics import JUDGEMENTS, Erasure, value_of

NOTHING = {"kind": "fleet", "id": "b1", "made_at": 1, "version": "1", "schema": "0005", "readable": False}


# offsets


@pytest.mark.parametrize(
    ("runs", "offset", "expected"),
    [
        ([(40, 40)], 40, 0),
        ([(40, 40)], 47, 7),
        ([(40, 40)], 39, -1),
        ([(0, 0)], 5, 5),
        # Records 40 to 42, a marker at 43, 44 to 46, two markers, 49.
        ([(40, 40), (44, 41), (49, 43)], 42, 2),
        ([(40, 40), (44, 41), (49, 43)], 44, 3),
        ([(40, 40), (44, 41), (49, 43)], 49, 6),
        ([(40, 40), (44, 41), (49, 43)], 50, 7),
        ([(40, 40), (44, 41), (49, 43)], 12, -28),
    ],
)
def test_what_is_put_back_moves_by_what_lay_before_it(runs, offset, expected):
    assert Part(0, 7, runs).put_back(offset) == expected


# the folder


def written(folder: Path, content: bytes = b"rows") -> Manifest:
    writing = Writing(folder)
    with writing.file("cases/verdicts.copy.gz") as file:
        file.write(content)
    return writing.finish(Manifest(**NOTHING))


def test_a_backup_is_there_when_it_is_whole(tmp_path):
    writing = Writing(tmp_path / "b")
    with writing.file("cases/a.gz") as file:
        file.write(b"half")
    assert not (tmp_path / "b").exists()
    writing.abandon()
    assert list(tmp_path.iterdir()) == []
    made = written(tmp_path / "b")
    assert read_manifest(tmp_path / "b") == made
    assert gzip.decompress((tmp_path / "b" / "cases" / "verdicts.copy.gz").read_bytes()) == b"rows"
    assert sum(verify(tmp_path / "b", made)) == made.bytes
    with pytest.raises(LoadError, match="there already"):
        Writing(tmp_path / "b")


def test_the_same_content_has_the_same_digest(tmp_path):
    assert written(tmp_path / "a").files == written(tmp_path / "b").files
    assert written(tmp_path / "c", b"other").files != written(tmp_path / "d").files


def test_what_was_changed_or_is_missing_is_found(tmp_path):
    made = written(tmp_path / "b")
    path = tmp_path / "b" / "cases" / "verdicts.copy.gz"
    content = path.read_bytes()
    path.write_bytes(content + b"\x00")
    with pytest.raises(LoadError, match="not what was written"):
        list(verify(tmp_path / "b", made))
    path.unlink()
    with pytest.raises(LoadError, match="cannot be read"):
        list(verify(tmp_path / "b", made))
    (tmp_path / "b" / "manifest.json").write_text("{}")
    with pytest.raises(LoadError, match="missing required field"):
        read_manifest(tmp_path / "b")


# a single process


@pytest.fixture
def home(tmp_path) -> Path:
    """Where a process has planned an action and entered a verdict."""
    folder = tmp_path / "home"
    store = Store(folder / single.NAME)
    action = Action(
        id="a1", sanction_id="s1", platform="webhook", account=None, call="notify", status="planned", group_id="g1",
    )  # fmt: skip
    planned = {
        "id": "a1", "group_key": "webhook:g1", "group_id": "g1", "pack": "house", "clause": "", "budgeted": False,
        "reverses": None, "status": "planned", "tries": 0, "next_try_at": 0, "planned_at": 1, "max_age": None,
        "appended_at": 1, "offset": 1, "detail": "",
        "body": msgspec.json.encode(action),
    }  # fmt: skip
    with store.transaction():
        store.write_rows(
            [
                ("outbox", planned),
                ("verdicts", {"id": "v1", "group_id": "g1", "pack": "house", "at": 1, "offset": 1, "body": b"{}"}),
            ]
        )
    store.close()
    return folder


def test_a_file_is_copied_while_it_is_written_and_put_back_paused(home, tmp_path):
    # Its process runs: it holds the lock, and a transaction of its own is open.
    lock, writer = HostLock(home), Store(home / single.NAME)
    try:
        with writer.transaction():
            writer.write_rows(
                [("verdicts", {"id": "v2", "group_id": "g1", "pack": "", "at": 1, "offset": 2, "body": b""})]
            )
            made = single.make(home / single.NAME, tmp_path / "backup")
    finally:
        writer.close()
        lock.release()
    assert read_manifest(tmp_path / "backup") == made
    assert single.restore(tmp_path / "backup", made, tmp_path / "new", Fleet()) == {"planned": 1, "erased": 0}
    assert [path.name for path in (tmp_path / "new").glob("xunqun.db*")] == ["xunqun.db"]
    store = Store(tmp_path / "new" / single.NAME)
    # One moment: what was not committed then is not in it.
    assert store.connection.execute(sa.select(verdicts.c.id)).scalars().all() == ["v1"]
    assert [(one["scope"], one["by"]) for one in desk.paused(store)] == [("all", RESTORE)]
    assert claim(store, 10) == []
    desk.resume(store)
    assert [one.id for one in claim(store, 10)] == ["a1"]
    assert store.connection.scalar(sa.select(outbox.c.status)) == "sending"
    store.close()


def test_nothing_is_written_over_and_nobody_disturbed(home, tmp_path):
    made = single.make(home / single.NAME, tmp_path / "backup")
    with pytest.raises(WrongUse, match="move it away"):
        single.restore(tmp_path / "backup", made, home, Fleet())
    # The log of a file that somebody moved away alone.
    (tmp_path / "new").mkdir()
    left = tmp_path / "new" / "xunqun.db-wal"
    left.write_bytes(b"of another")
    with pytest.raises(WrongUse, match=r"xunqun\.db-wal is there"):
        single.restore(tmp_path / "backup", made, tmp_path / "new", Fleet())
    left.unlink()
    (tmp_path / "new" / "xunqun.db.restoring-wal").write_bytes(b"of an attempt that was broken off")
    lock = HostLock(tmp_path / "new")
    with pytest.raises(WrongUse, match="in use"):
        single.restore(tmp_path / "backup", made, tmp_path / "new", Fleet())
    lock.release()
    assert single.restore(tmp_path / "backup", made, tmp_path / "new", Fleet()) == {"planned": 1, "erased": 0}


def test_who_was_erased_since_is_erased_again(home, tmp_path):
    made = single.make(home / single.NAME, tmp_path / "backup")
    told = {"accounts": (), "names": ("王建国",), "by": "何平", "reason": "本人要求"}
    for name, at in (("before", made.made_at - 1), ("since", made.made_at + 1)):
        remember(tmp_path / "new" / "keys", Erasure(id=f"e-{name}", subject=name, erased_at=at, **told))
    found = single.restore(tmp_path / "backup", made, tmp_path / "new", Fleet())
    assert found == {"planned": 1, "erased": 1}
    store = Store(tmp_path / "new" / single.NAME)
    (record,) = store.read((JUDGEMENTS,), 0, 10)
    assert value_of(record).erasure.subject == "since"
    store.close()


def test_a_damaged_file_is_no_backup(home, tmp_path):
    path = home / single.NAME
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(LoadError, match=r"damaged|cannot be read"):
        single.make(path, tmp_path / "backup")
    assert [one.name for one in tmp_path.iterdir()] == ["home"]


def test_an_older_schema_is_put_back_into_the_newest(home, tmp_path):
    """As a version before the last ones wrote it."""
    with sqlite3.connect(home / single.NAME) as connection:
        connection.execute("ALTER TABLE groups_seen DROP COLUMN last_seen")
        connection.execute("PRAGMA user_version = 2")
    made = single.make(home / single.NAME, tmp_path / "backup")
    single.restore(tmp_path / "backup", made, tmp_path / "new", Fleet())
    with sqlite3.connect(tmp_path / "new" / single.NAME) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(groups_seen)")]
    assert "last_seen" in columns


# the command line


def called(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_backup_and_restore_by_command(home, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("XUNQUN_DATABASE", raising=False)
    code, out, _ = called(capsys, "backup", tmp_path / "all", "--dir", home, "--json")
    assert code == 0
    folder = json.loads(out)["folder"]
    code, out, _ = called(capsys, "restore", folder, "--dry-run", "--json")
    assert json.loads(out)["kind"] == "single"
    assert not (tmp_path / "new").exists()
    code, out, err = called(capsys, "restore", folder, "--dir", tmp_path / "new")
    assert code == 0
    assert "actions that wait to go out: 1" in out
    assert "xunqun resume --all" in out
    assert "keys of its text are not here" in err
    code, _, err = called(capsys, "restore", folder, "--dir", tmp_path / "new")
    assert code == 2
    assert "move it away" in err
    code, _, err = called(capsys, "backup", tmp_path / "all", "--dir", tmp_path / "nowhere")
    assert code == 2
    assert "xunqun run" in err
    assert called(capsys, "restore", folder, "--dir", tmp_path / "third", "--only-database")[0] == 2
