"""`xunqun backup` and `xunqun restore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli.output import Failure, console, errors, print_json
from streams.cli.people import MISSING, WHICH, fleet_cases

Dir = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of the SQLite file; by default XUNQUN_DIR, or `var`.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_NAME = "xunqun-"


def register(app: typer.Typer) -> None:
    app.command(help=f"{backup.__doc__}\n\n{WHICH}")(backup)
    app.command(help=f"{restore.__doc__}\n\n{WHICH}")(restore)


def backup(
    into: Annotated[Path, typer.Argument(help="Folder for backups; this one gets a folder of its own in it.")],
    dir: Dir = None,
    keep: Annotated[
        int, typer.Option("--keep", min=0, help="Afterwards remove older backups here, but so many; 0 keeps all.")
    ] = 0,
    readable_text: Annotated[
        bool, typer.Option("--readable-text", help="Also where message text would lie in it readable.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a backup of cases, ledgers and what is under way, while everything runs.

    It holds no keys of text (XUNQUN_KEYS, or `keys` beside the SQLite file): keep those elsewhere, or its text stays deleted.
    Nor the fleet file, packs, lists and weights, which are files of yours.
    """
    from datetime import UTC, datetime

    from streams.settings import read_settings

    settings = read_settings(dir=dir)
    folder = into / f"{_NAME}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    fleet = dir is None and settings.database
    if fleet and settings.keys is None and not readable_text:
        raise Failure(
            "this backup would hold message text readable, for the fleet has no keys of text: set XUNQUN_KEYS for all its "
            "processes, or say --readable-text"
        )
    made = _fleet_backup(settings, folder) if fleet else _single_backup(settings.dir, folder)
    removed = _remove_older(into, folder, keep) if keep else []
    if json:
        gone = [str(one) for one in removed]
        print_json({"folder": str(folder), "bytes": made.bytes, "made_at": made.made_at, "removed": gone})
        return
    console.print(f"{folder}: {made.bytes / 1e6:,.1f} MB in {len(made.files)} files", markup=False)
    for one in removed:
        console.print(f"removed {one}", markup=False)


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    dir: Dir = None,
    only_database: Annotated[
        bool, typer.Option("--only-database", help="Fleet: Kafka is as it was, PostgreSQL alone was lost.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the backup and say what is in it.")] = False,
    replication: Annotated[
        int, typer.Option("--replication", min=1, max=5, help="Fleet: copies of each topic; 3 in production.")
    ] = 1,
    days: Annotated[int, typer.Option("--days", min=1, help="Fleet: how long topics keep records.")] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Put a backup back, into an empty database, new topics and an emptied Redis. Stop all processes first.

    Afterwards outgoing actions are paused: what went out since the backup was made is planned in it still. Look at what
    waits, then `xunqun resume --all`. Called again after an interruption it goes on.
    """
    from streams.backup.folder import read_manifest, verify
    from streams.settings import read_settings

    settings = read_settings(dir=dir)
    manifest = read_manifest(folder)
    with _bar("checking the backup", manifest.bytes) as told:
        for size in verify(folder, manifest):
            told(size)
    if dry_run:
        _describe(folder, manifest, json)
        return
    if manifest.kind == "fleet":
        if dir is not None or not settings.database:
            raise Failure("this is a fleet's backup: set XUNQUN_DATABASE, XUNQUN_KAFKA and XUNQUN_REDIS, without --dir")
        _warn_of_keys(settings.keys, manifest)
        if not (yes or only_database or typer.confirm("What Redis holds of this fleet is deleted. Go on?")):
            raise Failure("nothing was restored", code=1)
        found = _fleet_restore(settings, folder, manifest, only_database, replication, days * 86_400_000)
    else:
        if only_database or (dir is None and settings.database):
            raise Failure("this is the backup of a single process: name the folder to put its file into with --dir")
        from streams.backup import single
        from streams.loading import fleet_from

        _warn_of_keys(settings.dir / "keys", manifest)
        found = single.restore(folder, manifest, settings.dir, fleet_from(settings.fleet))
    if json:
        print_json({"restored": manifest.id, "made_at": manifest.made_at, **found})
        return
    for name, count in found.items():
        console.print(f"{_SAID[name]}: {count:,}", markup=False)
    if found["erased"]:
        console.print(
            "when all is judged, look with `xunqun member erase WHO --dry-run` whether something of them came",
            markup=False,
        )
    console.print("outgoing actions are paused: look at what waits, then call `xunqun resume --all`", markup=False)


_SAID = {
    "records": "records put back into Kafka",
    "settled": "actions whose outcome was entered",
    "planned": "actions that wait to go out",
    "erased": "people who were erased since, and are again",
}


def _fleet_backup(settings: Any, folder: Path) -> Any:
    with _connected(settings, current=True) as (kafka, cases):
        from streams.backup import fleet
        from streams.http import run

        return run(fleet.make(kafka, cases, folder, progress=_bar))


def _fleet_restore(
    settings: Any, folder: Path, manifest: Any, only_database: bool, replication: int, keep: int
) -> dict[str, int]:
    from dataclasses import asdict

    with _connected(settings, current=False) as (kafka, cases):
        from streams.backup import fleet
        from streams.erasures import enter_again
        from streams.http import run
        from streams.ledger import RedisStates
        from streams.loading import fleet_from

        directory = fleet_from(settings.fleet)

        async def put_back() -> Any:
            if only_database:
                return await fleet.restore_cases(kafka, cases, folder, manifest, progress=_bar)
            states = await RedisStates.of(settings)
            try:
                how = {"replication": replication, "keep": keep, "progress": _bar}
                return await fleet.restore(kafka, cases, states, folder, manifest, **how)
            finally:
                await states.close()

        found = asdict(run(put_back()))
        return {**found, "erased": enter_again(cases, directory, manifest.made_at)}


@contextmanager
def _connected(settings: Any, *, current: bool) -> Iterator[tuple[Any, Any]]:
    from streams.errors import Unavailable

    cases = None
    try:
        from streams.fleet.kafka import Kafka

        cases = fleet_cases(settings, current=current)
        yield Kafka.of(settings), cases
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    finally:
        if cases is not None:
            cases.close()


def _single_backup(home: Path, folder: Path) -> Any:
    from streams.backup import single

    database = home / single.NAME
    if not database.exists():
        raise Failure(f"{database} does not exist: name the folder that `xunqun run` uses with --dir")
    return single.make(database, folder)


def _remove_older(into: Path, newest: Path, keep: int) -> list[Path]:
    """Older backups of this command; what has no manifest, or another name, is somebody else's."""
    import shutil

    found = sorted(one.parent for one in into.glob(f"{_NAME}*Z/manifest.json") if one.parent != newest)
    removed = found[: max(0, len(found) + 1 - keep)]
    for one in removed:
        shutil.rmtree(one)
    return removed


def _warn_of_keys(keys: Path | None, manifest: Any) -> None:
    if not manifest.readable and (keys is None or not keys.is_dir()):
        errors.print(
            "xunqun: the keys of its text are not here: put their folder back (XUNQUN_KEYS; of a single process `keys` beside "
            "its file) before anything starts, or what people wrote cannot be read",
            markup=False,
            soft_wrap=True,
        )


def _describe(folder: Path, manifest: Any, json: bool) -> None:
    from datetime import UTC, datetime

    made = datetime.fromtimestamp(manifest.made_at / 1000, UTC).isoformat(timespec="seconds")
    told = {
        "kind": manifest.kind,
        "made": made,
        "version": manifest.version,
        "schema": manifest.schema,
        "bytes": manifest.bytes,
        "text": "readable" if manifest.readable else "encrypted",
        "records": {topic: sum(one.records for one in parts) for topic, parts in manifest.topics.items()},
    }
    if json:
        print_json(told)
        return
    console.print(f"{folder} is whole", markup=False)
    for name, value in told.items():
        for line in value.items() if isinstance(value, dict) else [(name, value)]:
            console.print(f"{line[0]}: {line[1]}", markup=False)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Any]:
    from streams.progress import counting

    with counting(what, total) as told:
        yield told
