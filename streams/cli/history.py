"""`import` and `trial`: the first hour with one's own history."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.judging import Lists, Model, Packs, existing, history_of
from streams.cli.output import Failure, console


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command()(trial)


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="QQ or WeChat text exports, archive JSON, OneBot JSON, CSV rosters.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for observations.jsonl and fleet.yaml.")],
    group: Annotated[
        str | None, typer.Option("--group", help="Id of the group, where an export does not name it.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Time zone of the export.")] = "Asia/Shanghai",
) -> None:
    """Turn chat exports and rosters into observations and a fleet file. Reads only; sends nothing."""
    from connectors.imports import ImportFailed, import_files

    for one in files:
        if not one.is_file():
            raise Failure(f"{one}: there is no such file")
    try:
        result = import_files(files, out, group=group, timezone=timezone)
    except ImportFailed as error:
        raise Failure(str(error)) from error
    for line in result.lines():
        console.print(line, markup=False)


def trial(
    files: Annotated[list[str], typer.Argument(help="Observations: JSONL, .gz, or - for standard input.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write, e.g. report.html.")],
    fleet: Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups.")] = None,
    pack: Annotated[str | None, typer.Option("--pack", help="Judge every group by this pack.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Let time pass to then.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Show names in full instead of masked.")] = False,
    packs: Packs = None,
    lists: Lists = None,
    model: Model = "default",
) -> None:
    """Write one page of what would have happened under the packs. Nothing is sent."""
    from streams.loading import classifiers_from
    from streams.progress import reading
    from streams.trial import render, run_trial

    existing(files)
    who, known, end = history_of(fleet, pack, until, packs)
    classifiers = classifiers_from(model, lists or [])
    with reading(files, "judging") as lines:
        found = run_trial(lines, fleet=who, packs=known, classifiers=classifiers, until=end)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(found, names=names), encoding="utf-8")
    console.print(f"written to {out}; open it in a browser. Nothing was sent.")
