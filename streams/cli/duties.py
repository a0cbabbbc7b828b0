"""`xunqun duties`: what is due, how it is shown to be done, and one word to state it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json, print_table
from streams.cli.people import WHICH, Dir, Json, _store

if TYPE_CHECKING:
    from models import Fleet
    from policies.state import GroupState

app = typer.Typer(
    help=f"What keepers have to do, and stating that it was done.\n\n{WHICH}", invoke_without_command=True
)
FleetFile = Annotated[
    Path | None, typer.Option("--fleet", help="fleet.yaml; by default XUNQUN_FLEET.", show_default=False)
]
Packs = Annotated[list[Path] | None, typer.Option("--packs", help="Further pack files or folders.")]


def fleet_of(fleet: Path | None) -> "Fleet":
    """The fleet that a command is about. Failure where none is named."""
    from streams.loading import fleet_from
    from streams.settings import read_settings

    path = read_settings(fleet=fleet).fleet
    if path is None:
        raise Failure("name the fleet file with --fleet, or set XUNQUN_FLEET")
    return fleet_from(path)


def states_of(store: Any, fleet: "Fleet") -> "dict[str, GroupState]":
    """What the store remembers of the fleet's groups; a database of views remembers nothing."""
    import msgspec

    from policies.state import GroupState

    if not hasattr(store, "load"):
        return {}
    keys = [f"{one.platform}:{one.id}" for one in fleet.groups]
    return {key: msgspec.json.decode(body, type=GroupState) for key, body in store.load("screen", keys).items()}


def packs_of(packs: list[Path] | None, fleet: "Fleet") -> Any:
    from streams.loading import packs_from
    from streams.settings import read_settings

    return packs_from(packs or list(read_settings().packs), fleet)


@app.callback()
def list_(
    context: typer.Context,
    owner: Annotated[
        str | None, typer.Option("--owner", help="Only what this person has to do (directory id).")
    ] = None,
    fleet: FleetFile = None,
    packs: Packs = None,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Show what is due: open tasks, and duties that come in turns. `duties done WORD` states that one is done."""
    if context.invoked_subcommand:
        return
    from streams.duties import duties
    from streams.replay import stored_tasks

    who = fleet_of(fleet)
    if owner is not None and owner not in {one.id for one in who.people}:
        raise Failure(f"the fleet lists nobody with the id {owner}")
    known = packs_of(packs, who)
    with _store(dir) as store:
        found = duties(who, known, states_of(store, who), stored_tasks(store), _now(), owner=owner)
    if json:
        print_json(found)
        return
    shown = [
        (
            _day(one.due_at, who) + (" 逾期" if one.overdue else ""),
            one.group_name or one.group,
            ", ".join(one.keepers) or one.role,
            f"{one.what} · {one.prove}",
            f"duties done {one.done} --group {one.group} --by ID",
        )
        for one in found
    ]
    print_table("Duties", ("due", "group", "who", "what", "to state it"), shown, "nothing is due")


@app.command()
def done(
    word: Annotated[str, typer.Argument(help="The fact, e.g. patrolled_at, or the id of a task (t_…).")],
    by: Annotated[str, typer.Option("--by", help="Who states it: directory id of a keeper of the group, or a leader.")],
    group: Annotated[
        str | None, typer.Option("--group", help="The group, by id or platform:id; a task knows its own.")
    ] = None,
    value: Annotated[
        str | None, typer.Option("--value", help="The fact's value; by default when it was stated.")
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", help="Whom the fact is about, where it is about one person.")
    ] = None,
    ref: Annotated[str | None, typer.Option("--ref", help="A document's number or address that proves it.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it was done, e.g. 2026-11-20; by default now.")] = None,
    fleet: FleetFile = None,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """State that a duty is done: writes a fact of the group (task.stated), or closes a task."""
    from policies.calendar import WorkingCalendar

    if word.startswith("t_"):
        from streams.desk import decide

        with _store(dir) as store:
            decided = decide(store, word, outcome="done", by=by, role="keeper", reason=ref or "")
        if json:
            print_json(decided)
        else:
            console.print(f"task {word} is done", markup=False)
        return
    if group is None:
        raise Failure("say of which group: --group ID")
    from streams.duties import statement
    from streams.errors import NotFound, WrongUse

    who = fleet_of(fleet)
    when = WorkingCalendar(who.settings.timezone).millis(at) if at else None
    if at and when is None:
        raise Failure(f"--at {at}: write it like 2026-11-20 or 2026-11-20T09:30")
    given: Any = when if value is None else {"true": True, "false": False}.get(value, value)
    try:
        seen = statement(who, group, word, by=by, now=_now(), value=given, person=person, ref=ref, at=when)
    except (NotFound, WrongUse) as error:
        raise Failure(str(error)) from error
    with _store(dir) as store:
        _append(store, seen)
    if json:
        print_json(seen)
    else:
        console.print(f"stated: {word} of {group}", markup=False)


def _append(store: Any, seen: Any) -> None:
    """Write an observation into the log beside the service, once. A fleet's log is Kafka: there it takes the door."""
    import msgspec

    from streams.topics import OBSERVATIONS, Record

    body = msgspec.json.encode(seen)
    if not hasattr(store, "first_seen"):
        raise Failure(
            f"in a fleet facts take the door: post this to /observations of `xunqun ingest`:\n{body.decode()}"
        )
    with store.transaction():
        if all(store.first_seen([seen.id])):
            store.append([Record(OBSERVATIONS, seen.group_key, body, -1, seen.sent_at, seen)])


def _now() -> int:
    return int(time.time() * 1000)


def _day(at: int | None, fleet: "Fleet") -> str:
    from policies.calendar import WorkingCalendar

    return WorkingCalendar(fleet.settings.timezone).local(at).strftime("%Y-%m-%d %H:%M") if at is not None else "-"
