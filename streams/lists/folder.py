"""The folder of a team's word lists: changed as a whole or not at all, with the former versions and a line for each change."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from classifiers.keywords import ListError, Word, WordList, is_category, moment, read_list, written_list
from classifiers.keywords.lists import CHINA
from models.observation import Millis
from streams.errors import LoadError, WrongUse

AUDIT = "audit.jsonl"
VERSIONS = ".versions"


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the audit: who changed which list, how and why. `before` and `after` are digests of the file, "" for none;
    `version` is where the former file lies. `undoes` is the number of the line that was taken back."""

    at: str
    by: str
    what: str
    category: str
    before: str
    after: str
    version: str
    words: int = 0
    word: str = ""
    why: str = ""
    source: str = ""
    undoes: int | None = None


def add_words(one: WordList | None, category: str, why: str, words: Sequence[Word]) -> WordList:
    """The list with more words; a new one where there was none, whose sentence is `why`."""
    if one is None:
        return WordList(category, why, tuple(words))
    if any((one.since and not word.since) or (one.until and not word.until) for word in words):
        one = _dated_by_word(one)
    return replace(one, words=(*one.words, *words))


def _dated_by_word(one: WordList) -> WordList:
    """The list with the dates of its head beside each word for which they hold: a further word would have them as well."""
    dated = (replace(word, since=word.since or one.since, until=word.until or one.until) for word in one.words)
    return replace(one, since="", until="", words=tuple(dated))


def expire_word(one: WordList, folded: str, until: str) -> WordList:
    """The list in which a word counts to the end of a day, or to a time. One that would never have counted goes altogether.

    WrongUse where no such word counts at that time.
    """
    end = moment(until, end=True)
    words = []
    hit = False
    for word in one.words:
        if word.folded != folded or (word.ends is not None and word.ends <= end):
            words.append(word)
            continue
        hit = True
        if word.starts is None or word.starts < end:
            words.append(replace(word, until=until, ends=end))
    if not hit:
        raise WrongUse(f"no such word counts after {until} in {one.file}; `xunqun lists show` has them all")
    return replace(one, words=tuple(words))


class Folder:
    """A folder with `<category>.yaml` files. Every change locks it, so that two people's changes follow one another."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, category: str) -> Path:
        """Where the list of a category lies. WrongUse where no category can be called so."""
        if not is_category(category):
            raise WrongUse(f'"{category}" is no name of a category; use small Latin letters, digits and _')
        return self.path / f"{category}.yaml"

    def change(self, category: str, make: Callable[[WordList | None], WordList], told: Change) -> Change:
        """Replace the list of a category by what `make` makes of it, and write who did so. LoadError where it cannot be used."""
        with self._locked():
            file = self.file(category)
            made = make(_read(file) if file.exists() else None)
            body = _comment(_bytes(file)) + written_list(made).encode()
            return self._put(file, body if made.words else b"", told)

    def undo(self, told: Change) -> Change:
        """Put back what was before the last change that still stands.

        WrongUse where there is none, or where the file was edited since.
        """
        with self._locked():
            changes = self.changes()
            undone = {one.undoes for one in changes}
            last = next(
                (n for n in reversed(range(len(changes))) if n not in undone and changes[n].undoes is None), None
            )
            if last is None:
                raise WrongUse(f"{self.path}: there is no change to undo")
            change = changes[last]
            file = self.file(change.category)
            if _digest(_bytes(file)) != change.after:
                raise WrongUse(
                    f"{file} was edited after the last change; put {self.path / change.version} back by hand if you want it"
                )
            former = (self.path / change.version).read_bytes()
            return self._put(file, former, replace(told, category=change.category, undoes=last))

    def changes(self) -> list[Change]:
        """All changes, oldest first. LoadError where the audit cannot be read."""
        audit = self.path / AUDIT
        try:
            return [_CHANGE.decode(line) for line in _whole(_bytes(audit)).splitlines()]
        except msgspec.MsgspecError as error:
            raise LoadError(f"{audit}: cannot be read: {error}; put back what was written here") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        versions = self.path / VERSIONS
        versions.mkdir(parents=True, exist_ok=True)
        with (versions / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._finish()
            yield

    def _finish(self) -> None:
        """Put in place what a crash left between the line of a change and its file."""
        for last in self.changes()[-1:]:
            file = self.file(last.category)
            part = _part(file)
            if part.exists() and (_digest(_bytes(part)), _digest(_bytes(file))) == (last.after, last.before):
                _settle(file)

    def _put(self, file: Path, body: bytes, told: Change) -> Change:
        """The former file is kept, and the new one and the line are written, before anything changes; no bytes mean no file."""
        if body:
            _check(file, body)
        former = _bytes(file)
        count = len(self.changes()) + 1
        version = f"{VERSIONS}/{count:05}-{file.name}"
        told = replace(told, before=_digest(former), after=_digest(body), version=version)
        _write(self.path / version, former)
        _keep(_part(file), body)
        audit = self.path / AUDIT
        _write(audit, _whole(_bytes(audit)) + msgspec.json.encode(told) + b"\n")
        _settle(file)
        return told


def now(at: Millis) -> str:
    """A time as lists have it, to the minute: words that are added count from there."""
    return datetime.fromtimestamp(at / 1000, CHINA).isoformat(timespec="minutes")


def _read(file: Path) -> WordList:
    try:
        return read_list(file)
    except ListError as error:
        raise LoadError(f"the list cannot be used:\n{error}") from error


def _check(file: Path, body: bytes) -> None:
    """What is written must be readable: a service would not start with it."""
    with tempfile.TemporaryDirectory(prefix="xunqun-lists-") as folder:
        tried = Path(folder) / file.name
        tried.write_bytes(body)
        try:
            read_list(tried)
        except ListError as error:
            told = str(error).replace(str(tried), str(file))
            raise LoadError(f"nothing was written, the list would have mistakes:\n{told}") from error


def _write(file: Path, body: bytes) -> None:
    _keep(_part(file), body)
    _part(file).replace(file)


def _part(file: Path) -> Path:
    return file.with_name(f".{file.name}.part")


def _keep(file: Path, body: bytes) -> None:
    with file.open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())


def _settle(file: Path) -> None:
    """Put what was written beside a file in its place; where that is nothing, there is no file."""
    if not _bytes(_part(file)):
        file.unlink(missing_ok=True)
        _part(file).unlink()
    else:
        _part(file).replace(file)


def _whole(audit: bytes) -> bytes:
    """The lines of an audit; a last one that was not written to its end never happened."""
    lines, _, last = audit.rpartition(b"\n")
    try:
        _CHANGE.decode(last)
    except msgspec.MsgspecError:
        return lines + b"\n" if lines else b""
    return audit + b"\n"


def _comment(body: bytes) -> bytes:
    """The comment at the head of a file; those between the words are only in the former version."""
    lines = body.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    first = next((n for n, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    return b"".join(lines[:first])


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest() if body else ""


_CHANGE = msgspec.json.Decoder(Change)
