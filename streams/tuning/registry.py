"""The registry of weights: a folder for each version, and `registry.jsonl`, to which everything that was done is appended.

What is promoted follows from the events alone, so there is no pointer that could be left half-moved. A version names weights,
slopes and cuts; verdicts name it.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from classifiers.trained.registry import VARIANTS, default_dir
from classifiers.trained.serve import Model, ModelUnavailable
from models.observation import Millis
from streams.errors import NotFound, WrongUse
from streams.tuning.labels import person

EVENTS = "registry.jsonl"
VERSION = re.compile(r"[0-9a-f]{12}")
# No version takes so long to make.
_LEFT_SECONDS = 86_400
Kind = Literal["trained", "recounted", "proposed", "promoted", "rolled_back"]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was done. `version` None: the weights of the package. `base`: what a version was made from.

    `data` is the digest of what it learned from; `proposed_by` named it before the one who promoted it.
    """

    kind: Kind
    by: str
    at: Millis
    why: str
    version: str | None = None
    base: str | None = None
    data: str | None = None
    proposed_by: str | None = None


class Registered(Struct, frozen=True):
    """One version of the registry: where it lies, who made it and why, or why it cannot be used."""

    version: str
    variant: str
    by: str
    at: Millis
    why: str
    is_promoted: bool
    proposed_by: str | None
    unavailable: str | None = None


class InForce(Struct, frozen=True):
    """What `default` means: a version and its folder, None for the package's own. `trouble` says in a sentence that it is
    not what was promoted last, since that is damaged, or may not be, since the registry is."""

    version: str | None
    folder: Path | None
    trouble: str | None = None


def events(folder: Path) -> list[Event]:
    """All events that can be read, oldest first. A line that was not written to its end never happened."""
    return _read(folder)[0]


def _read(folder: Path) -> tuple[list[Event], list[int]]:
    """The events, and the numbers of the lines that are none."""
    decoder = msgspec.json.Decoder(Event)
    found, damaged = [], []
    try:
        lines = (folder / EVENTS).read_bytes().splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            if line.endswith(b"\n"):
                damaged.append(number)
    return found, damaged


def promoted(told: Sequence[Event]) -> list[str | None]:
    """The versions in force one after the other, the present one last; the first is the package's own (None)."""
    stack: list[str | None] = [None]
    for one in told:
        if one.kind == "promoted":
            stack.append(one.version)
        elif one.kind == "rolled_back":
            # What stood above the version that was gone back from was damaged, and goes with it.
            while len(stack) > 1 and stack.pop() != one.base:
                pass
    return stack


def in_force(folder: Path) -> InForce:
    """What is promoted; where it is damaged, what was in force before it, and where the registry cannot be read, the
    package's own."""
    try:
        told, damaged = _read(folder)
    except OSError as error:
        why = f"The registry cannot be read, so the package's own weights go on: {error.filename}: {error.strerror}."
        return InForce(None, None, why)
    trouble = _damaged(folder, damaged) if damaged else None
    for version in reversed(promoted(told)):
        if version is None:
            return InForce(None, None, trouble)
        try:
            return InForce(load(folder, version).version, folder / version, trouble)
        except ModelUnavailable as error:
            trouble = trouble or (
                f"The promoted model {version} cannot be used, so the one before it goes on: {error.reason}"
            )
    raise AssertionError("the package's own come first")


def _damaged(folder: Path, lines: Sequence[int]) -> str:
    return (
        f"What is in force may not be what was decided last, for {folder / EVENTS} is damaged in line "
        f"{', '.join(map(str, lines[:5]))}: restore the file, or decide anew and take the line out."
    )


def load(folder: Path, version: str) -> Model:
    """A version of the registry. ModelUnavailable where it is not there, damaged, or not what its name says."""
    found = Model.load(folder / version)
    if found.version != version:
        raise ModelUnavailable(
            f"The card in {folder / version} was changed (it is {found.version} now): restore the folder or train it again."
        )
    return found


def untaught(folder: Path, model: Model) -> Model:
    """The weights below all that labels taught, of the registry or the package. NotFound where they are gone."""
    while model.card.taught is not None:
        model = _ancestor(folder, model.version, model.card.taught.base)
    return model


def _ancestor(folder: Path, version: str, base: str) -> Model:
    for load_one in (partial(load, folder, base), *(partial(Model.load, default_dir(one)) for one in VARIANTS)):
        with suppress(ModelUnavailable):
            if (found := load_one()).version == base:
                return found
    raise NotFound(
        f"{version} learned from labels on top of {base}, which is neither in {folder} nor the package's: begin with "
        "--model shipped, or train anew with --data"
    )


def listed(folder: Path) -> list[Registered]:
    """Every version, oldest first, usable or not."""
    told = events(folder)
    present, proposals = promoted(told)[-1], _proposals(told)
    rows = []
    for one in (one for one in told if one.kind in ("trained", "recounted") and one.version):
        version = str(one.version)
        try:
            variant, unavailable = load(folder, version).card.variant, None
        except ModelUnavailable as error:
            variant, unavailable = "", error.reason
        proposed_by = proposals[version].by if version in proposals else None
        rows.append(Registered(version, variant, one.by, one.at, one.why, version == present, proposed_by, unavailable))
    return list({one.version: one for one in rows}.values())


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A folder inside the registry in which a version is made. What a killed process left there is removed after a day."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".making-*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _LEFT_SECONDS:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as made:
        yield Path(made)


def register(folder: Path, made: Path, kind: Kind, *, by: str, why: str, base: str, at: Millis) -> str:
    """Move what was made into the registry; its version. What is there already stays, unless it is damaged. WrongUse without
    a name or a reason.

    The event is written when the folder is whole: a crash leaves a folder that nobody names.
    """
    _named(by, why)
    model = Model.load(made)
    with _locked(folder):
        target = folder / model.version
        if not _is_whole(folder, model.version):
            # What is made again heals what was damaged.
            shutil.rmtree(target, ignore_errors=True)
            shutil.move(made, target)
        data = model.card.taught.data if model.card.taught else None
        _append(
            folder, Event(kind=kind, by=by.strip(), at=at, why=why.strip(), version=model.version, base=base, data=data)
        )
    return model.version


def _is_whole(folder: Path, version: str) -> bool:
    try:
        return load(folder, version).version == version
    except ModelUnavailable:
        return False


def promote(folder: Path, named: str, *, by: str, why: str, at: Millis) -> Event:
    """Propose a version, or put it in force where somebody else has proposed it since the last change; what was entered.

    NotFound, ModelUnavailable, and WrongUse, also where it is the same person.
    """
    _named(by, why)
    version = resolved(folder, named)
    load(folder, version)
    with _locked(folder):
        told = events(folder)
        if promoted(told)[-1] == version:
            raise WrongUse(f"{version} is promoted already")
        proposal = _proposals(told).get(version)
        if proposal is None:
            entered = Event(kind="proposed", by=by.strip(), at=at, why=why.strip(), version=version)
        elif person(proposal.by) == person(by):
            raise WrongUse(f"{proposal.by} proposed {version} already: another person has to promote it")
        else:
            entered = Event(
                kind="promoted", by=by.strip(), at=at, why=why.strip(), version=version, proposed_by=proposal.by
            )
        _append(folder, entered)
    return entered


def roll_back(folder: Path, *, by: str, why: str, at: Millis) -> Event:
    """Put in force what was before the version that serves, at once: one person is enough. Where the package's own serve
    since all that is promoted is damaged, nothing is promoted any more. WrongUse where nothing is promoted."""
    _named(by, why)
    with _locked(folder) if folder.is_dir() else nullcontext():
        told, served = events(folder), in_force(folder).version
        if len(promoted(told)) == 1:
            raise WrongUse("nothing is promoted: the weights of the package are in force")
        entered = Event(kind="rolled_back", by=by.strip(), at=at, why=why.strip(), base=served)
        entered = replace(entered, version=promoted([*told, entered])[-1])
        _append(folder, entered)
    return entered


def resolved(folder: Path, named: str) -> str:
    """The version that begins so. NotFound where there is none, or several."""
    found = {one.version for one in events(folder) if one.version and one.kind in ("trained", "recounted")}
    fitting = sorted(one for one in found if one.startswith(named)) if named else []
    if len(fitting) != 1:
        what = "several versions begin with" if fitting else "there is no version"
        raise NotFound(f"{what} {named} in {folder}; `xunqun model list` shows them")
    return fitting[0]


def _proposals(told: Sequence[Event]) -> dict[str, Event]:
    """What was proposed since something was promoted or rolled back last: by then it was another question."""
    found: dict[str, Event] = {}
    for one in told:
        if one.kind in ("promoted", "rolled_back"):
            found.clear()
        elif one.kind == "proposed" and one.version:
            found.setdefault(one.version, one)
    return found


def _named(by: str, why: str) -> None:
    if not by.strip() or not why.strip():
        raise WrongUse(f"say {'who does this: --by NAME' if not by.strip() else 'why: --why REASON'}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two people at once: one after the other."""
    with (folder / "registry.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _append(folder: Path, event: Event) -> None:
    path = folder / EVENTS
    with path.open("ab+") as file:
        content = path.read_bytes()
        begun = content.rfind(b"\n") + 1
        try:
            msgspec.json.decode(content[begun:], type=Event)
            file.write(b"\n")
        except (msgspec.DecodeError, UnicodeDecodeError):
            # What a crash left behind half-written must not swallow this line.
            file.truncate(begun)
        file.write(msgspec.json.encode(event) + b"\n")
        file.flush()
        os.fsync(file.fileno())
