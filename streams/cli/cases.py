"""`xunqun cases`: the fleet's database: its schema, and its views built again."""

from typing import Annotated

import typer

from streams.cli.output import Failure, console, print_json, print_table
from streams.cli.people import MISSING, fleet_cases

app = typer.Typer(
    no_args_is_help=True,
    help="The fleet's database: check it, upgrade it, build its views again.\n\nUses PostgreSQL at XUNQUN_DATABASE.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_PAUSED = "outgoing actions are paused until a person looks at what is planned and calls `xunqun resume --all`"


@app.command()
def check(json: Json = False) -> None:
    """Say whether the schema is current. Exit code 1 where it is not."""
    from streams.errors import Unavailable
    from streams.settings import read_settings

    cases = fleet_cases(read_settings(), current=False)
    try:
        wrong = cases.check()
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    finally:
        cases.close()
    if json:
        print_json({"current": wrong is None, "wrong": wrong})
    elif wrong is None:
        console.print("the schema is current")
    if wrong is not None and not json:
        raise Failure(f"{wrong}, or call `xunqun cases upgrade`", code=1)
    if wrong is not None:
        raise typer.Exit(1)


@app.command()
def upgrade(
    restored: Annotated[
        bool, typer.Option("--restored", help="The database comes from a backup: pause what goes out.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring the schema to the newest version, as a worker does when it starts.

    After a restore from a backup, call it with --restored before any worker starts: actions that went out since the
    backup was made are planned in it still, and would go out again. Then call `xunqun cases rebuild`.
    """
    from streams.errors import Unavailable
    from streams.settings import read_settings

    cases = fleet_cases(read_settings(), current=False)
    try:
        before = cases.check()
        cases.upgrade()
        if restored:
            from streams.fleet.rebuild import pause_restored

            pause_restored(cases, "the database was restored from a backup")
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    finally:
        cases.close()
    if json:
        print_json({"upgraded": before is not None, "paused": restored})
        return
    console.print("the schema is current now" if before else "the schema was current already")
    if restored:
        console.print(_PAUSED, markup=False)


@app.command()
def downgrade(
    to: Annotated[str, typer.Option("--to", help="The version that the older Xunqun works with; it names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the schema back, before an older version is started again: stop all workers, call this with the newer one.

    Everything that the older version knew stays. What only later ones know is deleted; `xunqun backup` before keeps it.
    """
    from streams.errors import Unavailable
    from streams.settings import read_settings

    cases = fleet_cases(read_settings(), current=False)
    try:
        before = cases.version()
        if not yes and not typer.confirm(f"Take the database from version {before} to {to}?"):
            raise Failure("nothing was changed", code=1)
        cases.downgrade(to)
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error
    except ValueError as error:
        raise Failure(str(error)) from error
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    finally:
        cases.close()
    console.print(f"the schema went from version {before} to {to}; start the older Xunqun now", markup=False)


@app.command()
def rebuild(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    json: Json = False,
) -> None:
    """Build the views again from what Kafka holds: verdicts, sanctions, tasks, reviews, evidence, dead letters.

    Workers go on meanwhile. Outbox, pauses and decisions stay, as do rows older than what Kafka holds. Afterwards
    outgoing actions are paused until a person resumes.
    """
    from functools import partial

    from streams.errors import Unavailable
    from streams.progress import counting
    from streams.settings import read_settings

    settings = read_settings()
    cases = fleet_cases(settings)
    try:
        from streams.fleet.kafka import Kafka
        from streams.fleet.rebuild import rebuild as build
        from streams.http import run

        kafka = Kafka.of(settings)
        found = run(build(kafka, cases, dry_run=dry_run, progress=partial(counting, "reading the topics")))
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    finally:
        cases.close()
    if json:
        print_json({"tables": found, "dry_run": dry_run, "paused": not dry_run})
        return
    rows = [(one.table, one.made, one.written, one.kept, one.removed) for one in found]
    columns = (
        "table",
        "in the topics",
        "to write" if dry_run else "written",
        "kept",
        "to remove" if dry_run else "removed",
    )
    print_table("Rebuild", columns, rows, "there are no tables")
    if not dry_run:
        console.print(_PAUSED, markup=False)
