"""Loads what a command needs: packs, fleet, classifiers. Every failure is one sentence that says what to do."""

import gc
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from classifiers.keywords import ListError
from classifiers.measure import Classifiers
from models import Fleet
from policies.lint import PackError, did_you_mean, load_files, load_fleet, load_packs, pack_files, shipped_packs
from policies.schema import Pack
from streams.errors import LoadError


def fleet_from(path: Path | None) -> Fleet:
    """Read a fleet file; without one there are no people and no groups, and `baseline` observes all."""
    if path is None:
        return Fleet()
    try:
        return load_fleet(path)
    except OSError as error:
        raise LoadError(f"{path}: the fleet file cannot be read: {error.strerror}") from error
    except PackError as error:
        raise LoadError(f"the fleet file cannot be used:\n{error}") from error


def packs_from(paths: Sequence[Path], fleet: Fleet | None = None) -> dict[str, Pack]:
    """The shipped packs and those under `paths`. LoadError where one has mistakes or the fleet names one that is missing."""
    packs = read_packs(load_packs, paths)
    named = {group.pack for group in fleet.groups if group.pack} if fleet else set()
    named |= {fleet.settings.default_pack} if fleet else set()
    if missing := sorted(named - set(packs)):
        raise LoadError("; ".join(_no_pack(one, packs) for one in missing))
    return packs


def pack_from(slug: str, paths: Sequence[Path] = ()) -> Pack:
    """One pack by its slug; of the shipped ones no other is read. LoadError where there is none or it has mistakes."""
    own = read_packs(load_files, pack_files(paths))
    shipped = shipped_packs()
    if slug in own:
        return own[slug]
    if slug not in shipped:
        raise LoadError(_no_pack(slug, {*own, *shipped}))
    return read_packs(load_files, [shipped[slug]])[slug]


def read_packs(load: Callable[[Sequence[Path]], dict[str, Pack]], paths: Sequence[Path]) -> dict[str, Pack]:
    """What `load` makes of the files. LoadError with all mistakes."""
    try:
        return load(paths)
    except PackError as error:
        raise LoadError(f"a pack cannot be used:\n{error}") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise LoadError(f"{where}the pack cannot be read: {error.strerror}") from error


def rest_collector() -> None:
    """Let Python look for cycles seldom, and never among what was loaded: messages leave none behind.

    At the usual thresholds looking takes a tenth of a replay's time. For a process that judges many messages.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _no_pack(slug: str, known: Collection[str]) -> str:
    hint = did_you_mean(slug, known)
    if slug.endswith((".yaml", ".yml")):
        hint = f"--packs {slug} reads a pack of your own; --pack and the fleet name it by its slug"
    told = f'there is no pack "{slug}"; there are {", ".join(sorted(known))}'
    return f"{told} · hint: {hint}" if hint else told


def model_folder(name: str) -> Path:
    """Find weights by variant, or take the folder named."""
    from classifiers.trained.registry import default_dir

    return default_dir(name) if name in ("default", "permissive", "full") else Path(name)


def classifiers_from(model: str = "default", lists: Sequence[Path] = ()) -> Classifiers:
    """Load all classifiers. A model that is missing or broken leaves its categories *unavailable*, never clean."""
    try:
        folder = None if model == "default" else model_folder(model)
        return Classifiers.load(lists_dirs=tuple(lists), model_dir=folder)
    except ListError as error:
        raise LoadError(f"the word lists cannot be used: {error}") from error
