"""`run` and `doctor`."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json, print_table

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the database.")]
Fleet = Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups.")]
Packs = Annotated[list[Path] | None, typer.Option("--packs", help="Further pack files or folders.")]


def register(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(doctor)


def run(
    dir: Dir = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.")] = None,
    fleet: Fleet = None,
    packs: Packs = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Weights: default, shipped, permissive, full, a version, or a folder.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Play the demo day and show verdicts as they come.")] = False,
    speed: Annotated[float, typer.Option("--speed", help="Demo: observations per second; 0 plays at once.")] = 20.0,
    leave: Annotated[bool, typer.Option("--exit", help="Demo: end after the day instead of serving on.")] = False,
) -> None:
    """Run the whole product in one process on SQLite: HTTP ingest, agents, outgoing actions, /metrics.

    Settings come from the environment (XUNQUN_…, see docs/settings.md); options win.
    """
    import asyncio

    from streams.settings import read_settings

    settings = read_settings(dir=dir, host=host, port=port, fleet=fleet, packs=tuple(packs or ()), model=model)
    try:
        import uvloop

        loop_factory = uvloop.new_event_loop
    except ImportError:
        loop_factory = asyncio.new_event_loop
    from streams.demo.play import play_demo
    from streams.logs import set_up
    from streams.running import serve_settings
    from streams.store import InUse, StoreUnavailable

    # The demo shows on the terminal what it finds.
    set_up(settings, "run", quiet=demo)
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(play_demo(settings, speed=speed, leave=leave) if demo else serve_settings(settings))
    except (InUse, StoreUnavailable) as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        console.print("stopped")


def doctor(
    dir: Dir = None,
    fleet: Fleet = None,
    packs: Packs = None,
    e2e: Annotated[
        bool, typer.Option("--e2e", help="Send a probe through the whole fleet and say how long each leg took.")
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=1, max=3600, help="Of the probe, in seconds.")] = 30.0,
    json: Json = False,
) -> None:
    """Check settings, packs, lists, weights and the store, and say what to do. Exit code 1 where something is wrong.

    Where XUNQUN_KAFKA or XUNQUN_DATABASE is set and no --dir is given, the store is the fleet: topics, workers and their
    lag, Redis, PostgreSQL, ingest. The probe of --e2e is an observation in the group doctor:probe that is found, put
    before a person and recalled; it brings no sanction.
    """
    from streams.doctor import examine
    from streams.settings import read_settings

    settings = read_settings(dir=dir, fleet=fleet, packs=tuple(packs or ()))
    if e2e:
        _probe(settings, timeout, json)
        return
    findings = examine(settings, fleet=dir is None and _names_a_fleet())
    if json:
        print_json(findings)
    else:
        marks = {"ok": "✓", "note": "·", "wrong": "✗"}
        rows = [(marks[one.state], one.what, one.told) for one in findings]
        print_table("Doctor", ("", "what", "finding"), rows, "nothing was checked")
    if any(one.state == "wrong" for one in findings):
        raise typer.Exit(1)


def _names_a_fleet() -> bool:
    """Whether the environment says where a fleet is: the settings have defaults."""
    return any(os.environ.get(f"XUNQUN_{name}{file}") for name in ("KAFKA", "DATABASE") for file in ("", "_FILE"))


def _probe(settings: Any, timeout: float, json: bool) -> None:
    from streams.errors import Unavailable
    from streams.http import run

    try:
        from streams.fleet.probe import send_probe
    except ModuleNotFoundError as error:
        raise Failure("this command needs the fleet's packages: pip install 'xunqun[fleet]'") from error

    def told(leg: Any) -> None:
        if not json:
            shown = f"{leg.seconds * 1000:7.0f} ms" if leg.seconds is not None else "   missing"
            console.print(f"{shown}  {leg.name}", markup=False)

    try:
        legs = run(send_probe(settings, seconds=timeout, told=told))
    except Unavailable as error:
        raise Failure(str(error), code=1) from error
    if json:
        print_json(legs)
    elif settings.database is None:
        console.print("XUNQUN_DATABASE is not set here: PostgreSQL was not looked at")
    if legs[-1].seconds is None:
        raise Failure(f"{legs[-1].name}: {legs[-1].why}", code=1)
