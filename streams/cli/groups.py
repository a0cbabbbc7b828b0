"""`xunqun groups`: how they fare, what they ask of their members, and what to paste where no call reaches."""

import time
from typing import Annotated, Any

import typer

from streams.cli.duties import FleetFile, Packs, fleet_of, packs_of, states_of
from streams.cli.output import Failure, console, print_json, print_table
from streams.cli.people import WHICH, Dir, Json, _store

app = typer.Typer(no_args_is_help=True, help=f"The fleet's groups: health, burden, text to paste.\n\n{WHICH}")


@app.command()
def health(
    fleet: FleetFile = None,
    packs: Packs = None,
    observed: Annotated[int, typer.Option("--observed", min=1, help="Days in observe from which on it is told.")] = 30,
    silent: Annotated[int, typer.Option("--silent", min=1, help="Days without an observation until it is told.")] = 7,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Show every group that is not moderated as it should be, why and since when. Exit code 1 where there is one."""
    from streams.desk import paused
    from streams.groups import health as examine
    from streams.groups import known_of

    who = fleet_of(fleet)
    known_packs = packs_of(packs, who)
    with _store(dir) as store:
        known = known_of(store, states_of(store, who), paused(store))
    found = examine(who, known_packs, known, _now(), observed_days=observed, silent_days=silent)
    if json:
        print_json(found)
    else:
        shown = [(one.group, one.name, one.reason, _day(one.since, who), one.way_out) for one in found]
        print_table(
            "Health", ("group", "name", "why", "since", "what to do"), shown, "all groups are as they should be"
        )
    if found:
        raise typer.Exit(1)


@app.command()
def burden(
    files: Annotated[
        list[str] | None, typer.Argument(help="Observations: JSONL, .gz, or -; by default what the store still has.")
    ] = None,
    fleet: FleetFile = None,
    idle: Annotated[int, typer.Option("--idle", min=1, help="Days without a message until a group is idle.")] = 30,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Show what groups ask of people: groups, receipts and replies demanded a week; idle and duplicate groups."""
    from streams.groups import burden as weigh

    who = fleet_of(fleet)
    if files:
        from streams.cli.judging import history_files

        files, _ = history_files(files, fleet)
        seen = list(_read(files))
        now = max((one.sent_at for one in seen), default=_now())
    else:
        with _store(dir) as store:
            seen = list(_logged(store))
        now = _now()
    found = weigh(who, seen, now, idle_days=idle)
    if json:
        print_json(found)
        return
    rows = [(one.id, one.name, one.groups, one.receipts, one.replies) for one in found.people]
    title = f"Burden, {found.weeks} weeks"
    print_table(title, ("id", "name", "groups", "receipts a week", "replies a week"), rows, "nobody is in a group")
    for key, name, last in found.idle:
        console.print(f"idle: {key} {name}, last message {_day(last, who)}", markup=False)
    for one, other in found.duplicates:
        console.print(f"duplicate: {one} and {other} have nearly the same name and members", markup=False)


@app.command()
def text(
    group: Annotated[str | None, typer.Option("--group", help="One group, by id or platform:id.")] = None,
    fleet: FleetFile = None,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Print what to paste into groups that no call reaches: notices that wait to be posted by hand, and that of monitoring."""
    from streams.groups import to_paste

    who = fleet_of(fleet)
    if group is not None and group not in {name for one in who.groups for name in (one.id, f"{one.platform}:{one.id}")}:
        raise Failure(f"the fleet lists no group {group}; name one of its groups by id")
    with _store(dir) as store:
        found = to_paste(who, store, _now(), group=group)
    if json:
        print_json(found)
        return
    for one in found:
        console.print(f"--- {one.group} {one.name}", markup=False)
        console.print(one.text, markup=False, soft_wrap=True)
        for action in one.actions:
            console.print(
                f"--- once it is posted: xunqun review decide {action} done --by NAME", markup=False, soft_wrap=True
            )
    if not found:
        console.print("nothing has to be posted by hand")


def _read(files: list[str]) -> Any:
    from streams.replay import read_lines
    from streams.topics import Unusable, decode_observation

    for line in read_lines(files):
        try:
            yield decode_observation(line)
        except Unusable:
            continue


def _logged(store: Any) -> Any:
    from streams.topics import OBSERVATIONS, decode_observation

    if not hasattr(store, "load"):
        raise Failure("a fleet's database has no log: name files of observations, JSONL")
    after = 0
    while records := store.read((OBSERVATIONS,), after, 5000):
        after = records[-1].offset
        yield from (decode_observation(one.value) for one in records)


def _now() -> int:
    return int(time.time() * 1000)


def _day(at: int | None, fleet: Any) -> str:
    from policies.calendar import WorkingCalendar

    return WorkingCalendar(fleet.settings.timezone).local(at).date().isoformat() if at is not None else "-"
