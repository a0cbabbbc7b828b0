"""`xunqun worker`, `ingest` and `topics`: the fleet on Kafka."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.output import Failure, console, errors, print_json, print_table

if TYPE_CHECKING:
    from streams.settings import Settings

control_app = typer.Typer(no_args_is_help=True, help="What is in force in the fleet, and since when.")
topics_app = typer.Typer(no_args_is_help=True, help="The fleet's topics on Kafka: make them, check them.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FleetFile = Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups.")]
Packs = Annotated[list[Path] | None, typer.Option("--packs", help="Further pack files or folders.")]
Port = Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.")]
_MISSING = "this command needs the fleet's packages: pip install 'xunqun[fleet]'"


def register(app: typer.Typer) -> None:
    app.command()(worker)
    app.command()(ingest)


def worker(
    agents: Annotated[
        str, typer.Option("--agents", help="Roles of this worker, separated by ','.")
    ] = "screen,gather,escalate,enforce,record,dispatch",
    fleet: FleetFile = None,
    packs: Packs = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Weights: default, shipped, permissive, full, a version, or a folder.")
    ] = None,
    port: Port = None,
    worker_id: Annotated[
        str | None, typer.Option("--id", help="Name of this worker, the same after a restart.")
    ] = None,
) -> None:
    """Run agents of a fleet on Kafka; several workers share the work.

    Reads XUNQUN_KAFKA, XUNQUN_REDIS and XUNQUN_DATABASE. Serves /live, /ready and /metrics on --port. SIGTERM drains it
    within 25 s. Exit code 0: stopped; 70: something broke; 71: no progress; 75: not drained in time.
    """
    import os

    from streams.logs import say, set_up, take_down
    from streams.settings import read_settings

    settings = read_settings(fleet=fleet, packs=tuple(packs or ()), model=model, port=port, worker_id=worker_id)
    set_up(settings, "worker")
    try:
        from streams.fleet.worker import Worker, effective
    except ModuleNotFoundError as error:
        raise Failure(_MISSING) from error
    from streams.http import run
    from streams.running import stop_signal

    roles = [one.strip() for one in agents.split(",") if one.strip()]
    for name, value in effective(settings).items():
        console.print(f"{name} = {value}", markup=False)

    async def serve() -> None:
        made = Worker(settings, roles)
        stop = stop_signal()

        def started(port: int) -> None:
            shown = ", ".join(made.roles)
            console.print(f"worker: {shown}; health on http://{settings.host}:{port}/ready", markup=False)

        code = await made.run(stop, started)
        say("stopped", code=code)
        take_down()
        # Neither tasks of agents that broke, for which closing the loop would wait, nor threads of a client that hangs must keep
        # a worker that has said goodbye.
        os._exit(code)

    _tried(lambda: run(serve()))


def ingest(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Port = None,
    processes: Annotated[int, typer.Option("--processes", min=1, max=64, help="How many share the port.")] = 1,
) -> None:
    """Take signed posts of observations for a fleet; 202 only when Kafka has confirmed them."""
    import multiprocessing

    from streams.http import is_loopback
    from streams.settings import read_settings

    settings = read_settings(host=host, port=port)
    if not settings.webhook_secrets and not is_loopback(settings.host):
        raise Failure(f"listening on {settings.host} needs signed posts: set XUNQUN_WEBHOOK_SECRETS")
    if processes > 1 and settings.port == 0:
        raise Failure("several processes need one port that is named: --port 8600")
    others = [
        multiprocessing.get_context("spawn").Process(target=_serve_beside, args=(settings,))
        for _ in range(processes - 1)
    ]
    for one in others:
        one.start()
    try:
        _tried(lambda: _serve_ingest(settings, shown=True))
    finally:
        for one in others:
            one.terminate()
        for one in others:
            one.join(15)


def _serve_beside(settings: "Settings") -> None:
    import sys

    from streams.logs import tell_end

    try:
        _serve_ingest(settings)
    except Exception as error:
        # Python would print its text.
        tell_end(error)
        sys.exit(1)


def _serve_ingest(settings: "Settings", shown: bool = False) -> None:
    from streams.logs import say, set_up

    set_up(settings, "ingest")
    try:
        from streams.fleet.ingest import serve_ingest
    except ModuleNotFoundError as error:
        raise Failure(_MISSING) from error
    from streams.http import run
    from streams.running import stop_signal

    async def serve() -> None:
        def started(host: str, port: int) -> None:
            if shown:
                console.print(f"ingest listens on http://{host}:{port}/observations", markup=False)

        await serve_ingest(settings, stop_signal(), started)

    run(serve())
    say("stopped", code=0)


@topics_app.command()
def create(
    partitions: Annotated[
        int,
        typer.Option(
            "--partitions", min=1, max=10_000, help="Of each topic; never changed later. Two for each worker."
        ),
    ] = 4,
    replication: Annotated[
        int, typer.Option("--replication", min=1, max=5, help="Copies of each; 3 in production.")
    ] = 1,
    json: Json = False,
) -> None:
    """Make the topics that are missing, and with those of a new fleet its folder of keys. What is there is left as it is."""
    kafka, days = _kafka()
    from streams.fleet.kafka import TOPIC_SETTINGS, create_topics
    from streams.http import run
    from streams.text_keys import found

    made = _tried(
        lambda: run(create_topics(kafka, partitions=partitions, replication=replication, keep=days * 86_400_000))
    )
    if len(made) == len(TOPIC_SETTINGS) and kafka.keys.folder is not None:
        _tried(lambda: found(kafka.keys.folder))
    if json:
        print_json({"created": made})
    else:
        console.print(f"made: {', '.join(made)}" if made else "nothing to do: all topics are there", markup=False)


@topics_app.command()
def check(json: Json = False) -> None:
    """Say what is wrong with the topics. Exit code 1 where something is."""
    kafka, _ = _kafka()
    from streams.fleet.kafka import check_topics
    from streams.http import run

    wrong = _tried(lambda: run(check_topics(kafka)))
    if json:
        print_json({"wrong": wrong})
    for one in wrong if not json else ():
        errors.print(one, markup=False)
    if wrong:
        raise typer.Exit(1)
    if not json:
        console.print("all topics are as they should be")


@topics_app.command()
def acls(
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="A role of workers, ingest, opener, auditor, tuner or operator; by default all."),
    ] = None,
    principal: Annotated[
        str | None, typer.Option("--principal", help="One user for these roles, e.g. User:xunqun.")
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Enter them into Kafka's access list.")] = False,
    json: Json = False,
) -> None:
    """Say what each role may do at Kafka, and nothing else; with --create let Kafka hold it.

    Without --principal each role has its own user, User:xunqun-ROLE.
    """
    kafka, _ = _kafka()
    from streams.fleet.rights import ROLES, create_rights, rights
    from streams.http import run

    if unknown := [one for one in role or () if one not in ROLES]:
        raise Failure(f"there is no role {unknown[0]}; there are {', '.join(ROLES)}")
    wanted = rights(kafka, role or ROLES, principal)
    if create:
        _tried(lambda: run(create_rights(kafka, wanted)))
    if json:
        print_json(wanted)
    elif create:
        console.print(f"entered: {len(wanted)} rights", markup=False)
    else:
        rows = [(one.principal, one.operation, one.kind, one.name + "*" * one.prefixed) for one in wanted]
        print_table("Rights", ("user", "may", "of", "name"), rows, "none")


@control_app.command()
def announce(
    pack: Annotated[Path | None, typer.Option("--pack", help="A pack file.")] = None,
    lists: Annotated[Path | None, typer.Option("--lists", help="Folder with all of the tenant's word lists.")] = None,
    fleet: Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Weights that every worker has: a variant, a version of the registry, or a folder."
        ),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it takes effect, e.g. 2026-12-01T00:00+08:00.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who announces it; by default the login.")] = None,
    json: Json = False,
) -> None:
    """Let a pack, word lists, fleet facts or weights take effect in all workers, ten seconds from now or later.

    It is checked against what is in force before it is sent. What was judged before stays as it was.
    """
    import getpass

    from streams.errors import LoadError

    given = {"pack": pack, "lists": lists, "fleet": fleet, "model": model}
    named = {kind: value for kind, value in given.items() if value is not None}
    if len(named) != 1:
        raise Failure("name exactly one of --pack, --lists, --fleet and --model")
    ((kind, value),) = named.items()
    kafka, _ = _kafka()
    from streams.fleet.control import announce_to, announcement
    from streams.http import run

    try:
        made = announcement(
            kind,  # type: ignore[arg-type]
            None if kind == "model" else Path(str(value)),
            by=by or getpass.getuser(),
            effective_from=_millis(at),
            model=str(value) if kind == "model" else "",
        )
        found = _tried(lambda: run(announce_to(kafka, made)))
    except LoadError as error:
        raise Failure(str(error)) from error
    if json:
        print_json(found)
    else:
        console.print(f"announced as control/{found['offset']}; takes effect {found['effective_at']}", markup=False)


@control_app.command("list")
def list_announced(json: Json = False) -> None:
    """Show all that was announced, oldest first, and what was refused."""
    kafka, _ = _kafka()
    from streams.fleet.control import announced
    from streams.http import run

    rows = _tried(lambda: run(announced(kafka)))
    if json:
        print_json(rows)
        return
    shown = [
        (one["offset"], one["kind"], ", ".join(one["files"]), one["by"], one["effective_at"], one["refused"])
        for one in rows
    ]
    print_table(
        "control", ("offset", "kind", "files", "by", "in force from", "refused"), shown, "nothing was announced yet"
    )


def _millis(written: str | None) -> int:
    """A time with its zone, in milliseconds; 0 for as soon as possible."""
    from datetime import datetime

    if written is None:
        return 0
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise Failure(f"--at {written}: write it like 2026-12-01T00:00+08:00") from error
    if found.tzinfo is None:
        raise Failure(f"--at {written}: say which zone, e.g. {written}+08:00")
    return round(found.timestamp() * 1000)


def _kafka() -> tuple[Any, int]:
    from streams.settings import read_settings

    settings = read_settings()
    try:
        from streams.fleet.kafka import Kafka
    except ModuleNotFoundError as error:
        raise Failure(_MISSING) from error
    return Kafka.of(settings), settings.retention_days


def _tried(work: Any) -> Any:
    """What is away is said in one sentence."""
    from streams.errors import Unavailable

    try:
        return work()
    except Unavailable as error:
        raise Failure(str(error)) from error
