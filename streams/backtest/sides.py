"""A side of a backtest: the packs, word lists, weights and budgets that it judges by, named on the command line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct, structs

from classifiers.measure import Classifiers
from classifiers.trained.registry import VARIANTS
from classifiers.trained.serve import NEVER, ModelUnavailable
from models import Fleet
from models.signal import TRAINED_CATEGORIES
from policies.judge import CompiledPack
from policies.schema import Budget, Pack
from streams.errors import LoadError
from streams.loading import classifiers_from, packs_from
from streams.settings import Settings

Kind = Literal["packs", "lists", "model", "budgets", "side"]
_NAMED = ("default", "shipped", *VARIANTS)
_HASH = re.compile(r"[0-9a-f]{6,64}")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Side(Struct, frozen=True, kw_only=True):
    """What one side judges by, as names of files and folders: it is loaded by the process that uses it."""

    packs: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    model: str = "default"
    budgets: dict[str, Budget] = {}


class _Written(Struct, frozen=True, forbid_unknown_fields=True):
    """A side as a file: what it does not name is what is in force."""

    packs: str | tuple[str, ...] = ()
    lists: str | tuple[str, ...] = ()
    model: str = ""
    budgets: dict[str, Budget] = {}


class Loaded(Struct, frozen=True):
    """A side ready to judge."""

    packs: dict[str, Pack]
    classifiers: Classifiers


def in_force(settings: Settings, packs: Sequence[Path] = ()) -> Side:
    """What the settings name."""
    return Side(
        packs=tuple(map(str, (*settings.packs, *packs))), lists=tuple(map(str, settings.lists)), model=settings.model
    )


def side_of(base: Side, named: Sequence[str], folder: Path) -> Side:
    """`base` with what is named put in its place. LoadError where it is not clear what a name stands for.

    `folder` takes copies of lists where one file takes the place of its namesake.
    """
    found = base
    for number, one in enumerate(named):
        kind, value = _kind(one)
        found = _with(found, kind, value, folder / f"lists-{number}")
    return found


def load(side: Side, fleet: Fleet) -> Loaded:
    """Read all files of a side. LoadError where one cannot be used: a backtest never compares with what is missing."""
    packs = packs_from([Path(one) for one in side.packs], fleet)
    classifiers = classifiers_from(side.model, [Path(one) for one in side.lists])
    if isinstance(classifiers.model, ModelUnavailable):
        raise LoadError(classifiers.model.reason)
    if side.budgets:
        packs = {slug: structs.replace(pack, budgets={**pack.budgets, **side.budgets}) for slug, pack in packs.items()}
    return Loaded(packs, classifiers)


def allowed(loaded: Loaded, messages: Mapping[str, int]) -> float:
    """How many innocents the budgets allow to be accused by trained scores alone, given messages by pack.

    What a budget allows, not what was seen: listed words have no budget, and rules ask more of a message than a score.
    """
    return sum(count * _share(loaded, slug) for slug, count in messages.items() if slug in loaded.packs)


def _share(loaded: Loaded, slug: str) -> float:
    pack = loaded.packs[slug]
    compiled = CompiledPack(pack)
    shares = {
        category: Fraction(pack.budget(category).act)
        for category in TRAINED_CATEGORIES
        if any(one.binding.mode == "automatic" for one in compiled.by_category.get(category, ()))
    }
    return float(sum(one for name, one in shares.items() if loaded.classifiers.cut(name, float(one)) < NEVER))


def _with(side: Side, kind: Kind, value: str, folder: Path) -> Side:
    if kind == "packs":
        # The later of two namesakes counts.
        return structs.replace(side, packs=(*side.packs, value))
    if kind == "model":
        return structs.replace(side, model=value)
    if kind == "lists":
        return structs.replace(side, lists=_lists(side.lists, Path(value), folder))
    written = _read_side(Path(value), kind)
    for name in ("packs", "lists"):
        paths: Any = getattr(written, name)
        for number, one in enumerate([paths] if isinstance(paths, str) else paths):
            # Named as seen from the file.
            side = _with(side, name, str(_there(Path(value).parent / one)), folder / str(number))
    beside = Path(value).parent / written.model
    model = str(beside) if written.model and beside.is_dir() else written.model or side.model
    return structs.replace(side, model=model, budgets={**side.budgets, **written.budgets})


def _lists(lists: Iterable[str], path: Path, folder: Path) -> tuple[str, ...]:
    """A folder takes the place of all of the tenant's lists; one file that of its namesakes."""
    if path.is_dir():
        return (str(path),)
    kept = [file for one in map(Path, lists) for file in sorted(one.glob("*.yaml")) if file.name != path.name]
    found = []
    for number, file in enumerate([*kept, path]):
        # A folder each: two folders of the tenant may hold namesakes.
        place = folder / f"{number:03}"
        place.mkdir(parents=True)
        (place / file.name).write_bytes(file.read_bytes())
        found.append(str(place))
    return tuple(found)


def _kind(named: str) -> tuple[Kind, str]:
    """What a name on the command line stands for."""
    written, equals, value = named.partition("=")
    if equals and written in ("packs", "lists", "model", "budgets", "side"):
        if written != "model":
            _there(Path(value))
        return written, value
    if named in _NAMED:
        return "model", named
    path = Path(named)
    if not path.exists():
        if _HASH.fullmatch(named):
            return "model", named
        raise LoadError(
            f"{named}: there is no such file or folder; a model is {', '.join(_NAMED)}, a version, or a folder"
        )
    if path.is_dir():
        if (path / "card.json").is_file():
            return "model", named
        kinds = {_kind_of_file(one) for one in sorted(path.glob("*.yaml"))}
        if len(kinds) == 1 and (kind := kinds.pop()) in ("packs", "lists"):
            return kind, named
        raise LoadError(f"{named}: this folder holds neither packs nor word lists alone, nor weights (card.json)")
    return _kind_of_file(path), named


def _kind_of_file(path: Path) -> Kind:
    keys = _read_yaml(path).keys()
    if "pack" in keys:
        return "packs"
    if "category" in keys:
        return "lists"
    if keys and keys <= {"packs", "lists", "model", "budgets"}:
        return "budgets" if keys == {"budgets"} else "side"
    raise LoadError(f"{path}: is neither a pack (pack: …) nor a word list (category: …) nor a side (packs, lists, …)")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text("utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LoadError(f"{path}: cannot be read as YAML: {str(error).splitlines()[0]}") from error
    return found if isinstance(found, dict) else {}


def _read_side(path: Path, kind: Kind) -> _Written:
    body = _read_yaml(path)
    try:
        # A file of budgets may name them with the word or without.
        found = msgspec.convert({"budgets": body} if kind == "budgets" and "budgets" not in body else body, _Written)
    except msgspec.ValidationError as error:
        raise LoadError(f"{path}: {error}") from error
    for category, budget in found.budgets.items():
        _check_budget(path, category, budget)
    return found


def _check_budget(path: Path, category: str, budget: Budget) -> None:
    try:
        review, act = Fraction(budget.review), Fraction(budget.act)
    except (ValueError, ZeroDivisionError) as error:
        raise LoadError(f"{path}: budget of {category}: write a share of normal messages, e.g. 1/1000") from error
    if not 0 < act <= review <= Fraction(1, 20):
        raise LoadError(f"{path}: budget of {category}: 0 < act ≤ review ≤ 1/20 does not hold")


def _there(path: Path) -> Path:
    if not path.exists():
        raise LoadError(f"{path}: there is no such file or folder")
    return path
