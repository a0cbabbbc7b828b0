"""`xunqun backtest`: one change over history, before it takes effect; its exit code is a gate."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.judging import history_files, history_of
from streams.cli.output import Failure, console, errors, harmless, print_json, print_table

if TYPE_CHECKING:
    from streams.backtest.compare import Pair
    from streams.backtest.history import Lines
    from streams.backtest.run import Backtest
    from streams.backtest.sides import Side

_SIDE = "pack, word list, weights, budgets, or a file that names several"
# Rows of a table on the terminal.
_ROWS = 20
_SHOWN_TEXT = 160


def register(app: typer.Typer) -> None:
    app.command()(backtest)


def backtest(
    history: Annotated[
        list[str], typer.Option("--history", help="JSONL, .gz, an imported folder, -, topic (the fleet's), or store.")
    ],
    new: Annotated[list[str], typer.Option("--new", help=f"The change: {_SIDE}. May be given several times.")],
    old: Annotated[
        list[str] | None, typer.Option("--old", help=f"What to compare with: {_SIDE}; what is in force if left out.")
    ] = None,
    fleet: Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups.")] = None,
    packs: Annotated[list[Path] | None, typer.Option("--packs", help="Further packs that both sides have.")] = None,
    pack: Annotated[str | None, typer.Option("--pack", help="Judge every group by this pack (slug).")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only what arrived since then.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only what arrived before then.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many lines.")] = None,
    most_more: Annotated[
        str | None, typer.Option("--most-more", help="Fail at more new findings: 20, or 5% of the old.")
    ] = None,
    most_fewer: Annotated[
        str | None, typer.Option("--most-fewer", help="Fail where more are gone: 20, or 5% of the old.")
    ] = None,
    most_innocent: Annotated[
        str | None,
        typer.Option("--most-innocent", help="Fail where more messages may be accused wrongly: 1/10000."),
    ] = None,
    labels: Annotated[
        list[Path] | None, typer.Option("--labels", help="JSONL of what people found innocent: a page's, or decisions.")
    ] = None,
    label_sample: Annotated[
        int,
        typer.Option(
            "--label-sample",
            min=0,
            max=2000,
            help="New findings on the page to be looked at; with --labels as many as there.",
        ),
    ] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="One page to look at, e.g. report.html.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="A summary for a merge request.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Show names on the page in full instead of masked.")] = False,
    text: Annotated[
        bool | None, typer.Option("--text/--no-text", help="Message text; by default shown to people, not in --json.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Judge history by two sides, and show how many more and fewer findings a change brings. Nothing is sent.

    Exit code 0: all limits hold; 1: one does not; 2: wrong use. Same input, same bytes out.
    """
    from streams.backtest.report import Limits, figures, gates
    from streams.backtest.report import markdown as summary
    from streams.backtest.run import Question
    from streams.backtest.run import backtest as run
    from streams.settings import read_settings

    try:
        limits = Limits(more=most_more, fewer=most_fewer, innocent=most_innocent)
    except ValueError as error:
        raise Failure(str(error)) from error
    for one in labels or ():
        if not one.is_file():
            raise Failure(f"{one}: there is no such file; it holds a line for each label, see docs/backtest.md")
    settings = read_settings()
    with _prepared(settings, history, fleet, packs or [], quiet=json) as (lines, base, fleet, folder):
        who, _, _ = history_of(fleet, None, None, [Path(one) for one in base.packs])
        lines = _part(lines, since, until, limit, who.settings.timezone)
        asked = Question(
            old=_side(base, old or [], folder / "old"), new=_side(base, new, folder / "new"), lines=lines, fleet=who
        )
        if pack is not None:
            asked = _judged_by(asked, pack)
        with _bar(lines.files, quiet=json) as progress:
            found = run(asked, progress, labels=labels or [], to_label=label_sample, texts=text is not False)
        if not found.new.messages:
            raise Failure(
                f"{', '.join(history)}: holds no message that could be judged, in the time that was asked for"
            )
        held = gates(found, limits)
        if out is not None:
            from streams.backtest.page import render

            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(render(found, held, who, names=names), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(summary(found, held), encoding="utf-8")
    if json:
        print_json(figures(found, held, texts=text is True))
    else:
        _show(found, held, texts=text is not False)
        if out is not None:
            console.print(f"written to {out}; open it in a browser. Nothing was sent.", markup=False)
    if not all(one.holds for one in held):
        raise typer.Exit(1)


def _judged_by(asked: Any, pack: str) -> Any:
    import msgspec

    groups = tuple(msgspec.structs.replace(one, pack=pack) for one in asked.fleet.groups)
    settings = msgspec.structs.replace(asked.fleet.settings, default_pack=pack)
    return msgspec.structs.replace(asked, fleet=msgspec.structs.replace(asked.fleet, groups=groups, settings=settings))


def _side(base: "Side", named: list[str], folder: Path) -> "Side":
    from streams.backtest.sides import side_of

    return side_of(base, named, folder)


@contextmanager
def _prepared(
    settings: Any, history: list[str], fleet: Path | None, packs: list[Path], *, quiet: bool
) -> "Iterator[tuple[Lines, Side, Path | None, Path]]":
    """The lines to read, what is in force, the fleet, and a folder for what has to be written down meanwhile."""
    import tempfile

    from streams.backtest.history import Lines, from_store, write_down
    from streams.backtest.sides import in_force
    from streams.replay import read_lines

    with tempfile.TemporaryDirectory(prefix="xunqun-history-") as name:
        folder = Path(name)
        base = in_force(settings, packs)
        files: list[str] = []
        for number, one in enumerate(history):
            if one == "topic":
                path, base, fleet = _read_topic(settings, packs, fleet, folder, quiet=quiet)
                files.append(str(path))
            elif one == "store":
                path = settings.dir / "xunqun.db"
                if not path.is_file():
                    raise Failure(f"{path}: there is no store; set XUNQUN_DIR to the folder of the service")
                write_down(from_store(path), folder / f"{number}.jsonl")
                files.append(str(folder / f"{number}.jsonl"))
            elif one == "-":
                write_down(read_lines(["-"]), folder / f"{number}.jsonl")
                files.append(str(folder / f"{number}.jsonl"))
            else:
                found, fleet = history_files([one], fleet)
                files += found
        yield Lines(files=tuple(files)), base, fleet or settings.fleet, folder


def _read_topic(settings: Any, packs: list[Path], fleet: Path | None, folder: Path, *, quiet: bool) -> Any:
    """The observations of a fleet, and what was announced to it."""
    from streams.errors import Unavailable
    from streams.http import run

    try:
        from streams.fleet.history import announced_side, read_history
    except ModuleNotFoundError as error:
        raise Failure("this command needs the fleet's packages: pip install 'xunqun[fleet]'") from error
    from streams.fleet.kafka import Kafka

    kafka = Kafka.of(settings)
    try:
        with console.status("reading the topic") if not quiet and console.is_terminal else _nothing():
            path = run(read_history(kafka, folder))
            base, announced = run(announced_side(kafka, settings, packs, folder))
    except Unavailable as error:
        raise Failure(str(error)) from error
    return path, base, fleet or announced


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _part(lines: "Lines", since: str | None, until: str | None, limit: int | None, timezone: str) -> "Lines":
    import msgspec

    from policies.calendar import WorkingCalendar

    def millis(option: str, written: str | None) -> int | None:
        if written is None:
            return None
        at = WorkingCalendar(timezone).millis(int(written) if written.isdecimal() else written)
        if at is None:
            raise Failure(f"{option} {written!r} is no time: give 2026-11-30, 2026-11-30T18:00 or milliseconds")
        return at

    return msgspec.structs.replace(lines, since=millis("--since", since), until=millis("--until", until), limit=limit)


@contextmanager
def _bar(files: tuple[str, ...], *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """How much of the history was read."""
    import os

    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=quiet or not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("judging twice", total=sum(map(os.path.getsize, files)) or None)
        yield lambda read: progress.advance(task, read)


def _show(found: "Backtest", held: list[Any], *, texts: bool) -> None:
    from streams.backtest.report import by_change, innocents_told, sanctions

    compared = found.compared
    for one in _warnings(found):
        errors.print(one, markup=False, soft_wrap=True)
    columns = ("old", "new", "more", "fewer", "harder", "softer")

    def cells(tally: Any) -> tuple[object, ...]:
        return tuple(getattr(tally, name) or "" for name in columns)

    rows = [
        ("findings", *cells(compared.total)),
        *((f"  {name}", *cells(tally)) for name, tally in compared.outcomes.items()),
        *((f"sanction {one['kind']}", one["old"], one["new"], "", "", "", "") for one in sanctions(found)),
    ]
    messages = sum(found.new.messages.values())
    print_table(f"Backtest over {messages:,} messages", ("what", *columns), rows, "nothing was read")
    for title, tallies in (("By clause", compared.clauses), ("By group", compared.groups)):
        differing = [(name, tally) for name, tally in by_change(tallies) if tally.differs]
        named = [
            (f"{name[1]} {found.says.get(name, '')}" if isinstance(name, tuple) else name, *cells(tally))
            for name, tally in differing[:_ROWS]
        ]
        if named:
            print_table(title, ("", *columns), named, "")
        if len(differing) > _ROWS:
            console.print(f"and {len(differing) - _ROWS} more; --json has all")
    for title, pairs in (("more", compared.more), ("fewer", compared.fewer), ("changed", compared.changed)):
        if pairs:
            console.print(f"\n[bold]{title}[/bold], {len(pairs)} examples")
        for pair in pairs:
            _show_example(found, pair, texts=texts)
    console.print("\n[bold]Innocents[/bold]")
    for one in innocents_told(compared):
        console.print(f"  {one}", markup=False)
    if found.labelled is not None:
        told = found.labelled
        console.print(
            f"  of {told.innocent} messages labelled innocent the old side accuses {_rate(told.old, told.innocent)}, "
            f"the new one {_rate(told.new, told.innocent)}",
            markup=False,
        )
    if found.allowed is not None:
        old, new = found.allowed
        console.print(f"  budgets allow trained scores alone {old:.1f} before and {new:.1f} now, in this history")
    for gate in held:
        mark = "[green]holds[/green]" if gate.holds else "[red]does not hold[/red]"
        console.print(f"{mark}  {gate.name} at most {gate.limit}: {gate.told}")


def _rate(found: int, of: int) -> str:
    from classifiers.trained.card import interval

    low, high = interval(found, of)
    return f"{found} ({low:.3%} to {high:.3%})"


def _warnings(found: "Backtest") -> Iterator[str]:
    """Why nothing may differ although it should."""
    summary = found.new.summary
    if summary.bad_lines:
        yield f"{summary.bad_lines} lines of the history could not be used; `xunqun replay` says why"
    if found.compared.total.differs == 0 and summary.unknown_groups:
        yield (
            f"nothing differs, and {summary.unknown_groups} groups are in no fleet file: they were judged by the default "
            "pack; name --fleet, or --pack for all"
        )


def _show_example(found: "Backtest", pair: "Pair", *, texts: bool) -> None:
    from rich.text import Text

    from streams.backtest.report import example, text_of
    from streams.trial.words import excerpt_of

    shown = example(found, pair, texts=texts)
    one = pair[1] or pair[0]
    assert one is not None
    was = "" if shown["was"] is None else f"{shown['was']} → " if shown["is"] else f"{shown['was']} → nothing"
    line = f"  {shown['clause']}  {shown['group']}  {shown['category']}  {was}{shown['is'] or ''}  {shown['id']}"
    console.print(harmless(line), markup=False, style="dim", soft_wrap=True)
    said = text_of(found, one) if texts else None
    if said:
        excerpt = excerpt_of(said, one.spans, _SHOWN_TEXT)
        # One character for one, so that the marks stay where they are.
        styled = Text("    " + harmless(excerpt.text).replace("\n", "↵"))
        for start, end in excerpt.marks:
            styled.stylize("bold red reverse", start + 4, end + 4)
        console.print(styled, soft_wrap=True)
    elif texts:
        console.print(f"    {harmless(one.explanation)}", markup=False, soft_wrap=True)
