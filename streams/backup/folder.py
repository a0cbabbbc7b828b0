"""What a backup consists of: a folder of compressed files, and a manifest, written last, that names each with its digest."""

import gzip
import hashlib
import os
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, cast

import msgspec
from msgspec import Struct

from models.observation import Millis
from streams.errors import LoadError

FORM = 1
_MANIFEST = "manifest.json"
_BLOCK = 1 << 20


class Part(Struct, frozen=True):
    """What is kept of one partition: so many records, and by how much offsets are smaller where they are put back.

    `runs`: from each of these offsets on, in order, `by` is taken off; before the first one as from it. There is more than one
    where the log has gaps: transactions of other programs take offsets, too.
    """

    partition: int
    records: int
    runs: list[tuple[int, int]]

    def put_back(self, offset: int) -> int:
        """Where what was at `offset` is then; below 0 for what is not kept."""
        run = bisect_right(self.runs, offset, key=lambda one: one[0]) - 1
        return offset - self.runs[max(0, run)][1]


class File(Struct, frozen=True):
    """A file of the folder: its size, and the SHA-256 of its bytes."""

    bytes: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds. `made_at`: when it was begun. `schema`: the version of the database. `readable`: text in it is not
    encrypted.

    Of a fleet: `cluster`, Kafka's id; `topics`, what is kept of each; `committed`, agent -> topic -> partition -> the offset from
    which it goes on, in offsets of then; `tables`, their columns.
    """

    form: int = FORM
    kind: Literal["fleet", "single"]
    id: str
    made_at: Millis
    version: str
    schema: str
    readable: bool
    cluster: str = ""
    topics: dict[str, list[Part]] = {}
    committed: dict[str, dict[str, dict[int, int]]] = {}
    tables: dict[str, list[str]] = {}
    files: dict[str, File] = {}

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.files.values())

    def part(self, topic: str, partition: int) -> Part:
        return next(one for one in self.topics[topic] if one.partition == partition)


class Writing:
    """A backup that is being written. It has its name only when it is whole."""

    def __init__(self, folder: Path) -> None:
        """LoadError where there is something of that name, or nothing can be written."""
        self.folder = folder
        self._partial = folder.with_name(folder.name + ".partial")
        self._files: dict[str, File] = {}
        if folder.exists():
            raise LoadError(f"{folder} is there already: a backup never writes over another one; choose another name")
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise LoadError(f"{self._partial} cannot be written: {error.strerror}") from error

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A compressed file to write to, on disk when it is closed."""
        path = self._partial / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:
            hashed = _Hashed(raw)
            # No name and no time in it: the same content gives the same bytes.
            with gzip.GzipFile("", "wb", 1, cast(Any, hashed), 0) as packed:
                yield cast(IO[bytes], packed)
            raw.flush()
            os.fsync(raw.fileno())
        self._files[name] = File(hashed.bytes, hashed.sum.hexdigest())

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest and give the folder its name; the manifest with its files."""
        whole = msgspec.structs.replace(manifest, files=self._files)
        path = self._partial / _MANIFEST
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(whole), indent=1))
            file.flush()
            os.fsync(file.fileno())
        self._partial.rename(self.folder)
        return whole

    def abandon(self) -> None:
        """Remove what was written of a backup that will not be whole."""
        shutil.rmtree(self._partial, ignore_errors=True)


class _Hashed:
    """A file that knows the digest of what was written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sum, self.bytes = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def read_manifest(folder: Path) -> Manifest:
    """LoadError says what is wrong with the folder."""
    path = folder / _MANIFEST
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise LoadError(f"{folder} is no backup, or one that was not finished: it has no {_MANIFEST}") from error
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise LoadError(f"{path} cannot be read: {error}") from error
    if found.form > FORM:
        raise LoadError(
            f"{folder} was written by a newer version of Xunqun ({found.version}): restore it with that one"
        )
    return found


def reason(manifest: Manifest) -> str:
    """Why nothing goes out after it was put back, until a person resumes."""
    return f"restored from the backup {manifest.id}"


def verify(folder: Path, manifest: Manifest) -> Iterator[int]:
    """Read every file whole, block by block, the size of each block told; LoadError where one is not what was written."""
    for name, wanted in manifest.files.items():
        seen = hashlib.sha256()
        try:
            with (folder / name).open("rb") as file:
                while block := file.read(_BLOCK):
                    seen.update(block)
                    yield len(block)
        except OSError as error:
            raise LoadError(f"{folder / name} cannot be read: {error.strerror}") from error
        if seen.hexdigest() != wanted.sha256:
            raise LoadError(f"{folder / name} is not what was written: restore from another backup")


def opened(folder: Path, name: str) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(folder / name, "rb"))


def blocks(file: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: file.read(_BLOCK), b"")
