"""`import` and `trial`: the first hour with one's own history."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.judging import Lists, Model, Packs, history_files, history_of
from streams.cli.output import Failure, console, errors


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command()(trial)


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="QQ or WeChat text exports, archive JSON, OneBot JSON, CSV rosters.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for observations.jsonl and fleet.yaml.")],
    group: Annotated[
        str | None, typer.Option("--group", help="Id of the group in a text export, instead of its name there.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="Time zone of the export.")] = "Asia/Shanghai",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what an earlier import wrote.")] = False,
) -> None:
    """Turn chat exports and rosters into observations and a fleet file. Reads only; sends nothing."""
    from rich.progress import Progress

    from connectors.imports import ImportFailed, import_files

    for one in files:
        if not one.is_file():
            raise Failure(f"{one}: {'is a folder; name the files in it' if one.is_dir() else 'there is no such file'}")
    with Progress(console=errors, disable=not errors.is_terminal, transient=True) as bar:
        try:
            task = bar.add_task("importing", total=sum(one.stat().st_size for one in files))
            result = import_files(
                files, out, group=group, timezone=timezone, force=force, progress=lambda read: bar.advance(task, read)
            )
        except (ImportFailed, OSError) as error:
            raise Failure(str(error)) from error
    for line in result.lines():
        console.print(line, markup=False, soft_wrap=True)


def trial(
    files: Annotated[list[str], typer.Argument(help="Observations: JSONL, .gz, an imported folder, or -.")],
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

    files, fleet = history_files(files, fleet)
    who, known, end = history_of(fleet, pack, until, packs)
    classifiers = classifiers_from(model, lists or [])
    with reading(files, "judging") as lines:
        found = run_trial(lines, fleet=who, packs=known, classifiers=classifiers, until=end)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(found, names=names), encoding="utf-8")
    console.print(f"written to {out}; open it in a browser. Nothing was sent.")
