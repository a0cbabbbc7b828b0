"""`xunqun fleet import`: rosters of the personnel office into the fleet file."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.output import Failure, console, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="The fleet file: who there is and which groups there are.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

# So many may leave at once without anybody asking whether the roster is whole.
_FEW = 5


@app.callback()
def _fleet() -> None:
    """The fleet file: who there is and which groups there are."""


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Rosters: CSV with a line of column names, or YAML (people, groups).")
    ],
    into: Annotated[Path, typer.Option("--into", help="The fleet file; it is made where there is none.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference, write nothing.")] = False,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="The rosters name some people only: nobody has left because he is missing."),
    ] = False,
    sure: Annotated[
        bool, typer.Option("--sure", help="Write although half of the people or more would have left.")
    ] = False,
    on: Annotated[str | None, typer.Option("--on", help="The day on which the missing have left; today.")] = None,
    json: Json = False,
) -> None:
    """Show who joined, left, moved or is called otherwise than in the fleet file, and bring the file up to it.

    A person is the same by id, account, or name. What the rosters do not say stays as it is; of comments in the file only
    the copy keeps them, from which the import can be undone.
    """
    from connectors.imports import ImportFailed
    from policies.lint import lint_fleet
    from streams.loading import fleet_from
    from streams.rosters import as_yaml, merge, read_rosters, read_yaml

    day = _day(on)
    for one in files:
        if not one.is_file():
            raise Failure(f"{one}: there is no such file; name the rosters, CSV or YAML")
    try:
        before = read_yaml(into) if into.exists() else {}
        if before:
            fleet_from(into)  # what is wrong in it is told before anything is laid over it
        rosters = read_rosters(files)
        after, differences = merge(before, rosters, on=day, whole=not partial)
    except (ImportFailed, OSError, UnicodeDecodeError) as error:
        raise Failure(str(error)) from error
    left = sum(one.what == "left" for one in differences)
    if left > _FEW and 2 * left >= len(before.get("people") or ()) and not (dry_run or sure):
        told = "say --partial if the rosters name some people only, or --sure; --dry-run shows who"
        raise Failure(f"{left} of {len(before['people'])} people would have left: {told}", code=1)
    text = as_yaml(after)
    _, problems = lint_fleet(text, "the fleet after the import")
    if problems:
        told = "\n".join(str(one) for one in problems[:20])
        raise Failure(f"nothing was written, the fleet would not hold:\n{told}", code=1)
    copy = None if dry_run or not differences else _write(into, text)
    if json:
        print_json({"differences": differences, "remarks": rosters.remarks, "written": copy is not None, "copy": copy})
        return
    for remark in rosters.remarks:
        console.print(remark, markup=False, soft_wrap=True)
    shown = [(one.what, one.id, one.name, one.told, ", ".join(one.groups)) for one in differences]
    print_table("Difference", ("what", "id", "name", "", "stands in groups"), shown, "the rosters change nothing")
    if dry_run:
        console.print("nothing was written; leave out --dry-run to write it", markup=False)
    elif copy is not None:
        back = f"; to undo: mv {copy} {into}" if copy else ""
        console.print(f"written to {into}{back}", markup=False, soft_wrap=True)


def _day(on: str | None) -> str:
    try:
        return date.fromisoformat(on).isoformat() if on else date.today().isoformat()
    except ValueError as error:
        raise Failure(f"--on {on}: write the day like 2026-11-30") from error


def _write(into: Path, text: str) -> str:
    """Write in one move; gives the copy of what was there before, "" where nothing was."""
    copy = ""
    if into.exists():
        kept = into.with_name(f"{into.name}.{datetime.now():%Y%m%dT%H%M%S}")
        kept.write_bytes(into.read_bytes())
        copy = str(kept)
    fresh = into.with_name(f".{into.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, into)
    return copy
