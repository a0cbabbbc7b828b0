"""`check`, `score`, `replay`: judging without a service."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json, print_table

if TYPE_CHECKING:
    from models import Fleet
    from policies.schema import Pack

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Packs = Annotated[list[Path] | None, typer.Option("--packs", help="Further pack files or folders.")]
Lists = Annotated[list[Path] | None, typer.Option("--lists", help="Folders with word lists of your own.")]
Model = Annotated[
    str, typer.Option("--model", help="Weights: default, shipped, permissive, full, a version, or a folder.")
]


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(score)
    app.command()(replay)


def check(
    text: Annotated[str, typer.Argument(help="The message, or - to read it from standard input.")],
    pack: Annotated[str, typer.Option("--pack", help="The policy pack to judge by.")] = "baseline",
    group_type: Annotated[str | None, typer.Option("--group-type", help="One of the pack's group types.")] = None,
    role: Annotated[str, typer.Option("--role", help="owner, manager, administrator, publisher or member.")] = "member",
    kind: Annotated[str, typer.Option("--kind", help="text, red_packet, file, …")] = "text",
    json: Json = False,
    packs: Packs = None,
    lists: Lists = None,
    model: Model = "default",
) -> None:
    """Judge one message and explain it: clause, evidence, what would happen next."""
    from streams.checking import KINDS, ROLES, check_message
    from streams.loading import classifiers_from, pack_from

    if text == "-":
        text = sys.stdin.read()
    _one_of("--role", role, ROLES)
    _one_of("--kind", kind, KINDS)
    judged_by = pack_from(pack, packs or [])
    if group_type and group_type not in judged_by.group_types:
        there_are = ", ".join(judged_by.group_types) or "none"
        raise Failure(f'pack {pack} has no group type "{group_type}"; it has {there_are}')
    classifiers = classifiers_from(model, lists or [], words_at=time.time_ns() // 1_000_000)
    checked = check_message(text, judged_by, classifiers, group_type=group_type, role=role, kind=kind)
    if json:
        print_json(checked)
        return
    _show_check(text, checked)


def _one_of(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise Failure(f"{option} {given}: one of {', '.join(known)}")


def _show_check(text: str, checked: Any) -> None:
    from rich.panel import Panel
    from rich.text import Text

    from models.verdict import with_words

    shown = Text(text if len(text) <= 2000 else text[:2000] + "…")
    for found in (*checked.violations, *checked.uncertain):
        for item in found.evidence:
            if item.span:
                shown.stylize("bold red reverse", *item.span)
    console.print(Panel(shown, title=f"{checked.pack} {checked.pack_version}", title_align="left"))
    if not (checked.violations or checked.uncertain):
        console.print("[green]nothing found[/green]: no clause of this pack is broken")
    for found, state in (
        *((one, "finding" if one.mode == "automatic" else "review") for one in checked.violations),
        *((one, "review") for one in checked.uncertain),
    ):
        style = "red" if state == "finding" else "yellow"
        cited = checked.clauses[found.clause]
        console.print(f"[{style}]{state}[/{style}] [bold]{found.clause}[/bold] {cited}")
        cut = f", speaks from {found.cut:g}" if found.cut is not None and found.cut <= 1 else ""
        console.print(f"  {with_words(found)}", markup=False)
        console.print(f"  score {found.score:g}{cut} · rule {found.rule}", style="dim", markup=False)
    for one in checked.next:
        console.print(f"  → {one}", markup=False)
    for one in checked.unavailable:
        console.print(f"[yellow]not measured[/yellow] {one.category}: {one.why}")


def score(
    file: Annotated[Path, typer.Argument(help="JSONL of {text}; .gz is read, - is standard input.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write JSONL of {text, scores, folded}.")],
    model: Model = "default",
) -> None:
    """Score texts by every trained category, in order."""
    from streams.checking import score_texts
    from streams.progress import reading

    with reading([str(file)], "scoring") as lines:
        try:
            count = score_texts(lines, out, model)
        except (ValueError, OSError) as error:
            raise Failure(str(error)) from error
    console.print(f"{count} texts scored into {out}")


def history_files(files: list[str], fleet: Path | None) -> tuple[list[str], Path | None]:
    """The files to read and the fleet. A folder that `xunqun import` wrote stands for what lies in it."""
    found: list[str] = []
    for one in files:
        path = Path(one)
        if path.is_dir():
            inside = path / "observations.jsonl"
            if not inside.is_file():
                raise Failure(f"{one}: this folder holds no observations.jsonl; name a file, or run `xunqun import`")
            roster = path / "fleet.yaml"
            fleet = fleet or (roster if roster.is_file() else None)
            path = inside
        elif one != "-" and not path.is_file():
            raise Failure(f"{one}: there is no such file")
        found.append("-" if one == "-" else str(path))
    return found, fleet


def history_of(
    fleet: Path | None, pack: str | None, until: str | None, packs: list[Path] | None
) -> "tuple[Fleet, dict[str, Pack], int | None]":
    """Who is in the groups, the packs to judge them by, and the time up to which the clock runs on."""
    import msgspec

    from policies.calendar import WorkingCalendar
    from streams.loading import fleet_from, packs_from

    who = fleet_from(fleet)
    if pack is not None:
        groups = tuple(msgspec.structs.replace(one, pack=pack) for one in who.groups)
        settings = msgspec.structs.replace(who.settings, default_pack=pack)
        who = msgspec.structs.replace(who, groups=groups, settings=settings)
    end = None
    if until is not None:
        written = int(until) if until.isdecimal() else until
        end = WorkingCalendar(who.settings.timezone).millis(written)
        if end is None:
            told = "give 2026-11-30, 2026-11-30T18:00 or milliseconds, from 1970 to 2100"
            raise Failure(f"--until {until!r} is no time: {told}")
    return who, packs_from(packs or [], who), end


def replay(
    files: Annotated[list[str], typer.Argument(help="Observations: JSONL, .gz, an imported folder, or -.")],
    fleet: Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for verdicts.jsonl and the rest.")] = None,
    pack: Annotated[
        str | None, typer.Option("--pack", help="Judge every group by this pack instead of its own.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Let time pass to then: 2026-11-30, ISO time, or ms.")
    ] = None,
    json: Json = False,
    packs: Packs = None,
    lists: Lists = None,
    model: Model = "default",
) -> None:
    """Feed observations through the agents and write what follows. Same input, same bytes out."""
    from policies.directory import Directory
    from streams.loading import classifiers_from
    from streams.progress import reading
    from streams.replay import replaying, summarise, write_results

    files, fleet = history_files(files, fleet)
    who, known, end = history_of(fleet, pack, until, packs)
    classifiers = classifiers_from(model, lists or [])
    with (
        replaying(classifiers, known, Directory(who)) as running,
        reading(files, "replaying", quiet=json) as lines,
    ):
        for line in lines:
            running.feed(line)
        running.finish(end)
        if out is not None:
            write_results(running.store, out)
        summary = summarise(running)
    if json:
        print_json(summary)
        return
    rows = [
        ("observations", summary.observations),
        ("dead letters", summary.bad_lines),
        ("verdicts", summary.verdicts),
        ("findings", summary.violations),
        ("uncertain", summary.uncertain),
        ("not measured", summary.not_measured),
        ("for review", summary.reviews),
        ("tasks", summary.tasks),
        ("unknown groups", summary.unknown_groups),
        *((f"finding {clause}", count) for clause, count in sorted(summary.by_clause.items())),
        *((f"sanction {kind}", count) for kind, count in sorted(summary.sanctions.items())),
    ]
    print_table("Replay", ("what", "how many"), rows, "nothing was read")
    if out is not None:
        console.print(f"written to {out}")
