"""`xunqun keys`: the keys that text at rest is encrypted with, one a day and kind."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    help="Keys of text at rest, one a day. Destroying one deletes that day's text in topics, databases and backups alike.",
)
Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the database of a single process.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_KINDS = {"text": "messages and dead letters", "evidence": "what verdicts and labels rest on"}


@app.command("list")
def list_(dir: Dir = None, json: Json = False) -> None:
    """List the days that have a key, or had one, for each kind of text."""
    keys = _keys(dir)
    found = [
        {"kind": one.kind, "day": day.isoformat(), "state": "there" if there else "destroyed"}
        for one in (keys.text, keys.evidence)
        for day, there in one.days()
    ]
    if json:
        print_json(found)
        return
    rows = [(one["kind"], _KINDS[one["kind"]], one["day"], one["state"]) for one in found]
    print_table(f"Keys in {keys.folder}", ("kind", "of what", "day", "key"), rows, "no text was encrypted yet")


@app.command()
def init() -> None:
    """Make the folder XUNQUN_KEYS for a fleet that has none yet. `xunqun topics create` does so for a new fleet.

    Once, on one host: in a folder that is only not mounted here it would split the fleet, for nobody else has its keys.
    """
    from streams.errors import Unavailable
    from streams.settings import read_settings
    from streams.text_keys import found

    folder = read_settings().keys
    if folder is None:
        raise Failure("there is no folder to make: set XUNQUN_KEYS; a single process makes its own")
    try:
        fresh = found(folder)
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    console.print(f"{folder} is ready" if fresh else f"{folder} was ready already", markup=False)


@app.command()
def destroy(
    before: Annotated[str, typer.Option("--before", help="The first day whose text stays, such as 2026-11-01.")],
    kind: Annotated[str, typer.Option("--kind", help="text, evidence or all.")] = "all",
    dir: Dir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the text of all days before one, everywhere and for good. What is past its time goes so by itself.

    Verdicts, strikes and sanctions stay. What is not judged yet and can no longer be read goes to the dead letters.
    """
    keys = _keys(dir)
    some = [one for one in (keys.text, keys.evidence) if kind in (one.kind, "all")]
    if not some:
        raise Failure(f"there is no kind {kind}: name text, evidence or all")
    try:
        first = date.fromisoformat(before)
    except ValueError as error:
        raise Failure(f"{before} is no day: write it like 2026-11-01") from error
    if first > (today := datetime.now(UTC).date()):
        # Today's text is still being written: without its key it would be lost, and so would all that is said until midnight.
        raise Failure(f"the text of today is still needed: name {today} (UTC) or an earlier day")
    days = sorted({day for one in some for day, there in one.days() if there and day < first})
    if not days:
        console.print(f"no key of a day before {first} is there")
        return
    question = f"Delete the text of {len(days)} days, {days[0]} to {days[-1]}, for good?"
    if not yes and not typer.confirm(question):
        raise Failure("nothing was deleted", code=1)
    for one in some:
        one.destroy(first)
    console.print(f"deleted: the text of {len(days)} days, {days[0]} to {days[-1]}")


def _keys(folder: Path | None) -> Any:
    """The keys of a single process, or those that XUNQUN_KEYS names."""
    from streams.settings import read_settings
    from streams.text_keys import TextKeys

    settings = read_settings(dir=folder)
    named = settings.keys if folder is None and settings.keys else settings.dir / "keys"
    if not named.is_dir():
        raise Failure(f"there are no keys in {named}: name the database's folder with --dir, or set XUNQUN_KEYS")
    return TextKeys(named)
