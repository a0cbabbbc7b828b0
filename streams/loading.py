"""Loads what a command needs: packs, fleet, classifiers. Every failure is one sentence that says what to do."""

import gc
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from classifiers.keywords import Keywords, ListError, WordList, in_force, load_lists
from classifiers.measure import Classifiers
from classifiers.trained.registry import VARIANTS, default_dir
from classifiers.trained.serve import Model, ModelUnavailable
from models import Fleet
from models.observation import Millis
from policies.lint import PackError, did_you_mean, load_files, load_fleet, load_packs, pack_files, shipped_packs
from policies.schema import Pack
from streams.errors import LoadError, NotFound
from streams.settings import read_settings
from streams.tuning import registry


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


def keywords_from(texts: Mapping[str, str]) -> Keywords:
    """The product's word lists and those of these files, given by name and text. LoadError says what is wrong."""
    with tempfile.TemporaryDirectory(prefix="xunqun-lists-") as folder:
        for name, text in texts.items():
            (Path(folder) / Path(name).name).write_text(text, "utf-8")
        try:
            return Keywords(load_lists(folder))
        except ListError as error:
            raise LoadError(error.problems[0].rpartition("/")[2]) from error


def model_folder(name: str, models: Path | None = None) -> Path:
    """Find weights: `default` is what is promoted in the registry, else the package's; `shipped` the package's in any case;
    a variant; a version of the registry, or how it begins; or the folder named. `models` is the registry, by default that of
    the settings. ModelUnavailable where nothing is called so, or a version is not what its name says."""
    return _own_folder(name, models) or default_dir("default" if name == "shipped" else name)


def model_from(name: str, models: Path | None = None) -> Model | ModelUnavailable:
    """Weights as `model_folder` finds them, or why they cannot be used."""
    try:
        return Model.load(model_folder(name, models))
    except ModelUnavailable as reason:
        return reason


def lists_from(folders: Sequence[Path] = ()) -> tuple[WordList, ...]:
    """The product's word lists and those of `folders`. LoadError with all mistakes."""
    try:
        return load_lists(*folders)
    except ListError as error:
        raise LoadError(f"the word lists cannot be used: {error}") from error


def classifiers_from(
    model: str = "default", lists: Sequence[Path] = (), models: Path | None = None, *, words_at: Millis | None = None
) -> Classifiers:
    """Load all classifiers. A model that is missing or broken leaves its categories *unavailable*, never clean.

    With `words_at` the words that count at that time do so for all messages, else each for those of its own time.
    """
    known = lists_from(lists)
    return Classifiers(Keywords(known if words_at is None else in_force(known, words_at)), model_from(model, models))


def _own_folder(name: str, models: Path | None) -> Path | None:
    """The folder of weights that are not the package's own; None where they are."""
    if name == "default":
        return registry.in_force(models or read_settings().registry).folder
    if name in ("shipped", *VARIANTS):
        return None
    place, folder = models or read_settings().registry, Path(name)
    if registry.VERSION.fullmatch(name) and (place / name).is_dir():
        registry.load(place, name)
        return place / name
    if folder.is_dir() or len(folder.parts) > 1:
        return folder
    try:
        version = registry.resolved(place, name)
    except NotFound as error:
        raise ModelUnavailable(f"{error}.") from None
    registry.load(place, version)
    return place / version
