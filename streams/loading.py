"""Loads what a command needs: packs, fleet, classifiers. Every failure is one sentence that says what to do."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from classifiers.keywords import ListError
from classifiers.measure import Classifiers
from models import Fleet
from policies.directory import read_fleet
from policies.lint import PackError, did_you_mean, load_pack, load_packs, shipped_packs
from policies.schema import Pack


class LoadError(Exception):
    """Something a command was given cannot be used; the message is for people."""


def fleet_from(path: Path | None) -> Fleet:
    """Read a fleet file; without one there are no people and no groups, and `baseline` observes all."""
    if path is None:
        return Fleet()
    import yaml

    try:
        return read_fleet(path.read_bytes())
    except OSError as error:
        raise LoadError(f"{path}: the fleet file cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise LoadError(f"{path}{place}: not YAML: {getattr(error, 'problem', error)}") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise LoadError(f"{path}: {error}") from error


def packs_from(paths: Sequence[Path], fleet: Fleet | None = None) -> dict[str, Pack]:
    """The shipped packs and those under `paths`. LoadError where one has mistakes or the fleet names one that is missing."""
    try:
        packs = load_packs(paths)
    except PackError as error:
        raise LoadError(f"a pack cannot be used; `xunqun pack lint` shows where:\n{error}") from error
    except OSError as error:
        raise LoadError(f"a pack cannot be read: {error}") from error
    named = {group.pack for group in fleet.groups if group.pack} if fleet else set()
    named |= {fleet.settings.default_pack} if fleet else set()
    if missing := sorted(named - set(packs)):
        raise LoadError(
            f"the fleet names packs that do not exist: {', '.join(missing)} (there are {', '.join(sorted(packs))})"
        )
    return packs


def pack_from(slug: str, paths: Sequence[Path] = ()) -> Pack:
    """One pack by its slug, without reading the others. LoadError where there is none or it has mistakes."""
    extra = [file for path in paths for file in (path.glob("*.yaml") if path.is_dir() else [path])]
    files = {**shipped_packs(), **{file.stem: file for file in extra}}
    if slug not in files:
        hint = did_you_mean(slug, files)
        raise LoadError(
            f'there is no pack "{slug}"; there are {", ".join(sorted(files))}' + (f" · hint: {hint}" if hint else "")
        )
    try:
        return load_pack(files[slug])
    except (PackError, OSError) as error:
        raise LoadError(f"the pack cannot be used:\n{error}") from error


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
