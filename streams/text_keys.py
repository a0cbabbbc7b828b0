"""Message text at rest is encrypted with a key of its day. Who destroys the key has deleted the text, wherever copies of it lie.

Topics, the log of a single process, dead letters, evidence, labels and every backup of them hold text only in this form. Keys are
files in one folder, one a day and kind of text, and nothing else is ever derived from them. A backup must not hold this folder.
"""

import base64
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.observation import Millis
from streams.errors import LoadError, Unavailable
from streams.topics import DEAD_LETTERS, WITH_TEXT, Record, value_of

# Text of messages, which goes soonest, and what verdicts rest on, which is kept as long as people may ask.
Kind = Literal["text", "evidence"]
DAY: Millis = 86_400_000
# No JSON and no UTF-8 begins with this byte: what was stored before keys were used is told apart by it.
_MARK = b"\xfe1"
_HEAD = len(_MARK) + 4
_NONCE, _TAG, _KEY_BYTES = 12, 16, 32
# Bytes that a stored value is longer than the text.
OVERHEAD = _HEAD + _NONCE + _TAG
# How a stored value is written where a column or a file holds characters.
_WRITTEN = "xk1:"
# Tells a fleet's folder from the empty one that lies there while it is not mounted.
_FOUNDED = "fleet"
_ANY_DAY = "-".join("[0-9]" * length for length in (4, 2, 2))
# Seconds until a key in memory is looked for again, so that every process forgets what was destroyed.
_REMEMBERED = 30.0


class TextExpired(Exception):
    """The key is destroyed: the text is deleted."""


class KeyUnavailable(Unavailable):
    """The key should be there and is not: another process has made it in a folder that this one does not see, or the folder
    cannot be read or written now.
    """

    part = "keys"


class DayKeys:
    """The keys of one kind of text. May be shared between threads and, by its folder, between processes and hosts.

    KeyUnavailable where the folder cannot be used. Without a folder nothing is encrypted. In a `shared` one keys are made only
    that `found` has made: a host that has not mounted it sees an empty folder, and nobody else could read by its keys.
    """

    def __init__(self, folder: Path | None, kind: Kind, *, shared: bool = False) -> None:
        self.folder, self.kind, self.shared = folder, kind, shared
        # By day since 1970: the cipher, the key of its nonces, and when it was last seen to be there.
        self._known: dict[int, tuple[AESGCM, bytes, float]] = {}

    def encrypt(self, plain: bytes, at: Millis) -> bytes:
        """Encrypt text of a time, with that day's key, which is made where there is none yet. The time is one of our own clocks:
        by a sender's anybody could have keys made.

        The same text of the same day gives the same bytes, so that what is written twice is the same. TextExpired for a day
        whose key is destroyed.
        """
        if self.folder is None:
            return plain
        day = at // DAY
        cipher, nonces = self._key(day, make=True)
        head = _MARK + day.to_bytes(4, "big", signed=True)
        nonce = blake2b(plain, key=nonces, digest_size=_NONCE).digest()
        return head + nonce + cipher.encrypt(nonce, plain, head)

    def decrypt(self, stored: bytes) -> bytes:
        """The text; what was never encrypted is it already. TextExpired, KeyUnavailable; LoadError where it was changed."""
        if not stored.startswith(_MARK):
            return stored
        if self.folder is None:
            raise KeyUnavailable("text is encrypted here: set XUNQUN_KEYS to the folder of its keys")
        if len(stored) < OVERHEAD:
            raise LoadError("a stored text is cut short")
        head, nonce, rest = stored[:_HEAD], stored[_HEAD : _HEAD + _NONCE], stored[_HEAD + _NONCE :]
        cipher, _ = self._key(int.from_bytes(head[len(_MARK) :], "big", signed=True), make=False)
        try:
            return cipher.decrypt(nonce, rest, head)
        except InvalidTag as error:
            raise LoadError(
                f"a stored text does not fit its key in {self.folder}: it or the key was changed"
            ) from error

    def write(self, plain: str, at: Millis) -> str:
        """Like `encrypt`, in characters."""
        if self.folder is None:
            return plain
        return _WRITTEN + base64.b64encode(self.encrypt(plain.encode("utf-8", "surrogatepass"), at)).decode()

    def read(self, written: str) -> str:
        """Like `decrypt`, of what `write` gave."""
        if not written.startswith(_WRITTEN):
            return written
        try:
            stored = base64.b64decode(written[len(_WRITTEN) :], validate=True)
        except ValueError:
            return written
        return self.decrypt(stored).decode("utf-8", "surrogatepass") if stored.startswith(_MARK) else written

    def days(self) -> Iterator[tuple[date, bool]]:
        """Every day that has or had a key, oldest first, and whether the key is there."""
        if self.folder is None:
            return
        gone = {path.stem: False for path in self.folder.glob(f"{self.kind}-{_ANY_DAY}.destroyed")}
        there = {path.stem: True for path in self.folder.glob(f"{self.kind}-{_ANY_DAY}.key")}
        for stem, present in sorted((gone | there).items()):
            yield date.fromisoformat(stem.removeprefix(f"{self.kind}-")), present

    def destroy(self, before: date) -> list[date]:
        """Destroy the keys of all days before one; which. What they encrypted is deleted by it, everywhere and for good.

        KeyUnavailable where one cannot be destroyed; those before it are.
        """
        destroyed = [day for day, there in self.days() if there and day < before]
        if not destroyed or self.folder is None:
            return []
        try:
            # First the marks, which outlive a power cut: whoever misses a key or finds it overwritten knows why.
            for day in destroyed:
                self._marker(day).touch(mode=0o600)
            _sync(self.folder)
            for day in destroyed:
                # Another process may be at the same.
                with suppress(FileNotFoundError):
                    _overwrite(self._path(day))
                    self._path(day).unlink()
                self._known.pop(_number(day), None)
            _sync(self.folder)
        except OSError as error:
            raise KeyUnavailable(f"no key can be destroyed in {self.folder}: {error.strerror}") from error
        return destroyed

    def expire(self, past: Millis) -> list[date]:
        """Destroy the keys of the days that ended before a time."""
        return self.destroy(_day(past // DAY))

    def _key(self, day: int, *, make: bool) -> tuple[AESGCM, bytes]:
        known = self._known.get(day)
        if known is None or time.monotonic() - known[2] > _REMEMBERED:
            known = self._known[day] = (*_ciphers(self._secret(day, make=make)), time.monotonic())
        return known[0], known[1]

    def _secret(self, day: int, *, make: bool) -> bytes:
        self._known.pop(day, None)
        if not 0 <= day <= _number(date.max):
            raise TextExpired(f"there is no day {day}")
        when = _day(day)
        path = self._path(when)
        try:
            secret = _content(path)
            # After the key: before one is overwritten its day is marked.
            destroyed = self._marker(when).exists()
        except OSError as error:
            raise KeyUnavailable(f"the key {path} cannot be read: {error.strerror}") from error
        if destroyed:
            raise TextExpired(f"the key of {when} is destroyed")
        if secret is None:
            if not make:
                raise KeyUnavailable(
                    f"the key of {when} is not in {self.folder}: XUNQUN_KEYS has to name the folder that all processes share"
                )
            secret = self._made(path)
        if len(secret) != _KEY_BYTES:
            raise KeyUnavailable(f"the key {path} is damaged: put the right one there")
        return secret

    def _made(self, path: Path) -> bytes:
        """Make a key, unless somebody else does in the same moment: then theirs counts."""
        folder = path.parent
        if self.shared and not is_founded(folder):
            raise KeyUnavailable(
                f"{folder} is not yet the folder of this fleet's keys: mount the one that all processes share, or call "
                "`xunqun keys init` for a new fleet"
            )
        fresh = path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(os.urandom(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
            _sync(folder)
            return path.read_bytes()
        except OSError as error:
            raise KeyUnavailable(f"no key can be made in {folder}: {error.strerror}") from error

    def _path(self, day: date) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.kind}-{day.isoformat()}.key"

    def _marker(self, day: date) -> Path:
        return self._path(day).with_suffix(".destroyed")


class TextKeys:
    """The keys of one installation, in one folder, which may be `shared` by hosts; without a folder nothing is encrypted."""

    def __init__(self, folder: Path | None, *, shared: bool = False) -> None:
        self.folder = folder
        self.text, self.evidence = DayKeys(folder, "text", shared=shared), DayKeys(folder, "evidence", shared=shared)

    def closed(self, record: Record, at: Millis) -> bytes:
        """A record's value as it is stored: encrypted with the key of a time where its topic holds text.

        What is past its time is stored empty. Of a dead letter cause and place stay: empty, it would be one more of itself to
        whoever reads it, without end.
        """
        if record.topic not in WITH_TEXT or self.folder is None:
            return record.value
        try:
            return self.text.encrypt(record.value, at)
        except TextExpired:
            if record.topic == DEAD_LETTERS and record.value:
                return msgspec.json.encode(msgspec.structs.replace(value_of(record), body=b""))
            return b""

    def words(self, written: str) -> str | None:
        """Words that a verdict or an appeal rests on; None where they are past their time."""
        try:
            return self.evidence.read(written)
        except TextExpired:
            return None

    def expire(self, text: Millis, evidence: Millis) -> list[date]:
        """Destroy the keys of messages from before `text`, and of evidence from before `evidence`; whose days these are."""
        return [*self.text.expire(text), *self.evidence.expire(evidence)]


def shown_length(column: sa.ColumnElement[bytes]) -> sa.ColumnElement[int]:
    """The length of the text of a column that `encrypt` may have written."""
    stored, marked = sa.func.length(column), sa.func.substr(column, 1, len(_MARK)) == _MARK
    return sa.case((marked, stored - OVERHEAD), else_=stored)


def found(folder: Path) -> bool:
    """Make the folder that all processes of a fleet share; whether it was not there yet. KeyUnavailable where it cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(folder / _FOUNDED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(b"The keys of a fleet lie here: docs/adr/0023-a-key-a-day.md\n")
        _sync(folder)
    except FileExistsError:
        return False
    except OSError as error:
        raise KeyUnavailable(f"no keys can be made in {folder}: {error.strerror}") from error
    return True


def is_founded(folder: Path) -> bool:
    """Whether it is the folder that all processes of a fleet share."""
    return (folder / _FOUNDED).exists()


def exposed(folder: Path) -> list[Path]:
    """What lies in the folder of keys, itself included, that others than its owner may read or write."""
    return [one for one in (folder, *sorted(folder.glob("*"))) if stat.S_IMODE(one.stat().st_mode) & 0o077]


def _overwrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(bytes(path.stat().st_size))
        os.fsync(file.fileno())


def _content(path: Path) -> bytes | None:
    """The bytes of a file; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _ciphers(secret: bytes) -> tuple[AESGCM, bytes]:
    return AESGCM(secret), blake2b(secret, person=b"nonce").digest()


def _day(number: int) -> date:
    return datetime.fromtimestamp(number * 86_400, UTC).date()


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(days=1)


def _sync(folder: Path) -> None:
    """A file that was made or removed is so after a power cut, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
