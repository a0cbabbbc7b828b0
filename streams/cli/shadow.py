"""`xunqun shadow`: a second edition beside the live one while traffic flows."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json, print_table
from streams.cli.people import MISSING, WHICH, Dir, Login, _store

if TYPE_CHECKING:
    from streams.shadow import Wanted

app = typer.Typer(
    no_args_is_help=True,
    help="A pack, lists or weights judge beside the live ones; what they find is compared and nobody hears of it."
    f"\n\n{WHICH}",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def start(
    by: Login,
    pack: Annotated[Path | None, typer.Option("--pack", help="A pack file.")] = None,
    lists: Annotated[Path | None, typer.Option("--lists", help="Folder with all of the tenant's word lists.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Weights that every worker has: a variant, a version, or a folder.")
    ] = None,
    groups: Annotated[list[str] | None, typer.Option("--groups", help="Only this group (id); may be repeated.")] = None,
    share: Annotated[float, typer.Option("--share", min=0.0, max=1.0, help="Of the groups, by digest.")] = 1.0,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Let it judge the messages from now on. It takes the place of the shadow that runs."""
    given = {"pack": pack, "lists": lists, "model": model}
    named = {kind: value for kind, value in given.items() if value is not None}
    if len(named) != 1:
        raise Failure("name exactly one of --pack, --lists and --model")
    ((kind, value),) = named.items()
    wanted = _wanted(kind, value, tuple(groups or ()), share, dir)
    _announce(wanted, by, dir, json)


@app.command()
def stop(by: Login, dir: Dir = None, json: Json = False) -> None:
    """End the shadow that runs. What it found stays to be looked at for thirty days."""
    _announce(None, by, dir, json)


@app.command()
def report(
    name: Annotated[
        str | None, typer.Argument(help="Which shadow; the latest if left out.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="One page to look at, e.g. shadow.html.")] = None,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Show what the shadow found and the live edition did not, and the reverse, by clause and group."""
    from streams.backtest.beside import beside, ran
    from streams.backtest.report import by_change, example, figures

    with _store(dir) as store:
        shadows = ran(store)
        if not shadows:
            raise Failure("no shadow has judged anything yet: `xunqun shadow start` starts one", code=1)
        one = next((each for each in shadows if name in (None, each.shadow)), None)
        if one is None:
            raise Failure(f"there is no shadow {name}; there are {', '.join(each.shadow for each in shadows)}")
        found = beside(store, one)
    if out is not None:
        from models import Fleet
        from streams.backtest.page import render

        out.write_text(render(found, [], Fleet(), title="影子运行报告"), encoding="utf-8")
    if json:
        told = figures(found, [])
        print_json(
            {"shadow": one} | {part: told[part] for part in ("total", "outcomes", "clauses", "groups", "examples")}
        )
        return
    console.print(
        f"{one.shadow}: {one.compared:,} messages judged twice, {one.skipped:,} passed over, {one.failed:,} failed",
        markup=False,
    )
    columns = ("live", "shadow", "more", "fewer", "harder", "softer")
    for title, tallies in (("By clause", found.compared.clauses), ("By group", found.compared.groups)):
        rows = [
            (
                each[1] if isinstance(each, tuple) else each,
                tally.old, tally.new, tally.more, tally.fewer, tally.harder, tally.softer,
            )
            for each, tally in by_change(tallies)
        ]  # fmt: skip
        print_table(title, ("", *columns), rows, f"{title.lower()}: nothing was found by either")
    compared = found.compared
    rows = [
        tuple(
            example(found, pair, texts=False)[part] or "" for part in ("clause", "group", "was", "is", "observation_id")
        )
        for pair in (*compared.more, *compared.fewer, *compared.changed)
    ]
    if rows:
        print_table("Examples", ("clause", "group", "live", "shadow", "message"), rows, "")
    if out is not None:
        console.print(f"written to {out}; open it in a browser", markup=False)


def _wanted(kind: str, value: Any, groups: tuple[str, ...], share: float, dir: Path | None) -> "Wanted":
    """What is asked for, read from its files and looked through."""
    from classifiers.trained.serve import Model, ModelUnavailable
    from streams.loading import model_folder
    from streams.settings import read_settings
    from streams.shadow import Wanted

    texts: dict[str, str] = {}
    model = version = ""
    if kind == "model":
        settings = read_settings(dir=dir)
        try:
            folder = model_folder(str(value), settings.registry)
            version = Model.load(folder).version
        except ModelUnavailable as error:
            raise Failure(error.reason) from error
        # Each worker has weights in a folder of its own; the service on this folder is the only one that looks here.
        named = version if folder.name == version else str(value)
        model = named if _is_fleet(settings, dir) else str(folder.resolve())
    else:
        path = Path(value)
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            raise Failure(f"{path}: this folder holds no *.yaml")
        try:
            texts = {one.name: one.read_text("utf-8") for one in files}
        except OSError as error:
            raise Failure(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise Failure(f"{path}: is not text") from error
        if kind == "lists" and path.suffix != ".yaml" and not path.is_dir():
            raise Failure(
                f"{path}: a word list is called CATEGORY.yaml; name it, or the folder that holds all of yours"
            )
    return Wanted(
        of=kind,  # type: ignore[arg-type]
        texts=texts,
        model=model,
        version=version,
        groups=groups,
        share=share,
    )


def _announce(wanted: "Wanted | None", by: str, folder: Path | None, json: bool) -> None:
    from streams.settings import read_settings

    settings = read_settings(dir=folder)
    in_fleet = _is_fleet(settings, folder)
    told = _to_fleet(settings, wanted, by) if in_fleet else _to_store(settings, wanted, by, folder)
    if json:
        print_json({"shadow": wanted.name if wanted else None, **told})
    elif wanted:
        console.print(f"{wanted.name} judges beside the live edition {told['from']}", markup=False)
    else:
        console.print(f"no shadow judges any more {told['from']}", markup=False)


def _is_fleet(settings: Any, folder: Path | None) -> bool:
    return folder is None and bool(settings.database)


def _to_fleet(settings: Any, wanted: "Wanted | None", by: str) -> dict[str, Any]:
    from streams.errors import LoadError, Unavailable
    from streams.http import run

    try:
        from streams.fleet.control import Announcement, announce_to
        from streams.fleet.kafka import Kafka
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error
    told = Announcement(kind="shadow", by=by, shadow=wanted)
    try:
        found = run(announce_to(Kafka.of(settings), told))
    except LoadError as error:
        raise Failure(str(error)) from error
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    return {"offset": found["offset"], "from": f"from {found['effective_at']}"}


def _to_store(settings: Any, wanted: "Wanted | None", by: str, folder: Path | None) -> dict[str, Any]:
    from policies.directory import Directory
    from streams.agents import Screen
    from streams.errors import LoadError
    from streams.loading import classifiers_from, fleet_from, packs_from
    from streams.shadow import Shadow, Told
    from streams.topics import CONTROL, record_of

    if wanted is not None:
        fleet = fleet_from(settings.fleet)
        classifiers = classifiers_from(settings.model, settings.lists, settings.registry)
        try:
            Shadow(wanted, Screen(classifiers, packs_from(settings.packs, fleet), Directory(fleet)))
        except LoadError as error:
            raise Failure(f"it cannot judge: {error}") from error
    with _store(folder) as store:
        record = record_of(CONTROL, "", Told(by=by, shadow=wanted), time.time_ns() // 1_000_000)
        with store.transaction():
            store.append([record])
    return {"offset": record.offset, "from": f"within {settings.tick_seconds:g} s, as soon as the service runs"}
