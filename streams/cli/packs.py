"""`xunqun pack`: lint, coverage, page, mechanisms, new, test."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.output import Failure, console, errors, print_json, print_table
from streams.cli.pack_new import new

if TYPE_CHECKING:
    from policies.schema import Pack
    from streams.packtest.measures import Measured

app = typer.Typer(no_args_is_help=True, help="Policy packs: check them, see what they cover, run their tests.")
app.command()(new)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Which = Annotated[list[str] | None, typer.Argument(help="Slugs of packs, or files; all shipped ones if none is named.")]


def _paths(which: list[str] | None) -> list[Path]:
    from policies.lint import did_you_mean, shipped_packs

    shipped = shipped_packs()
    paths = []
    for one in which or list(shipped):
        if one in shipped:
            paths.append(shipped[one])
        elif Path(one).is_dir():
            found = sorted(Path(one).glob("*.yaml"))
            if not found:
                raise Failure(f"{one}: there is no pack in this folder; a pack is a file that ends in .yaml")
            paths += found
        elif Path(one).is_file():
            paths.append(Path(one))
        else:
            hint = did_you_mean(one, shipped)
            raise Failure(f'there is no pack or file "{one}"' + (f" · hint: {hint}" if hint else ""))
    return paths


def _loaded(which: list[str] | None) -> "list[Pack]":
    from policies.lint import load_files
    from streams.loading import read_packs

    return [one for path in _paths(which) for one in read_packs(load_files, [path]).values()]


@app.command()
def lint(which: Which = None, json: Json = False) -> None:
    """Show every mistake in packs at once, with line, column and a hint. Exit code 1 where there is one."""
    from policies.lint import PackError, load_pack

    problems = []
    paths = _paths(which)
    for path in paths:
        try:
            load_pack(path)
        except PackError as error:
            problems += error.problems
        except OSError as error:
            raise Failure(f"{path}: cannot be read: {error.strerror}") from error
    if json:
        print_json(problems)
    for one in problems if not json else ():
        errors.print(str(one), markup=False, soft_wrap=True)
    if not problems and not json:
        console.print(f"{len(paths)} packs, no mistakes")
    if problems:
        raise typer.Exit(1)


@app.command()
def coverage(
    which: Which = None,
    all_: Annotated[bool, typer.Option("--all", help="All shipped packs; so it is if none is named.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write one page for a browser to this file.")] = None,
    json: Json = False,
) -> None:
    """List every clause: live, blind (bound, but its detector has no data yet), or reasoned."""
    from policies.coverage import STANDINGS, cover, figures

    if all_ and which:
        raise Failure("name packs or say --all, not both")
    packs = _loaded(which)
    rows = [row for pack in packs for row in cover(pack)]
    if html is not None:
        from streams.pages.coverage import as_html

        html.write_text(as_html(packs), encoding="utf-8")
    if json:
        print_json({"figures": {pack.pack: figures(cover(pack)) for pack in packs}, "rows": rows})
        return
    if html is None:
        shown = [
            (row.clause, row.mode, row.state, row.rule, "; ".join(filter(None, (row.reason, row.note)))) for row in rows
        ]
        print_table("Coverage", ("clause", "mode", "state", "rule", "reason, note"), shown, "no clauses")
    for pack in packs if len(packs) > 1 else ():
        each = figures(cover(pack))
        console.print(f"{pack.pack}: {', '.join(f'{each[one]} {one}' for one in STANDINGS)}")
    found = figures(rows)
    console.print(f"clauses: {', '.join(f'{found[one]} {one}' for one in STANDINGS)} of {sum(found.values())}")
    if html is not None:
        console.print(f"written to {html}", markup=False)


@app.command()
def page(
    which: Which = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write <slug>.md into; else it is printed.")
    ] = None,
) -> None:
    """Make the page of each pack: clause, summary, mode, what is looked at, what follows; in Chinese."""
    from streams.pages.pack import as_markdown

    if out is not None and not out.is_dir():
        raise Failure(f"{out} is no folder: make it first, or name another")
    for pack in _loaded(which):
        if out is None:
            sys.stdout.write(as_markdown(pack))
        else:
            (out / f"{pack.pack}.md").write_text(as_markdown(pack), encoding="utf-8")
            console.print(f"written to {out / pack.pack}.md", markup=False)


@app.command()
def mechanisms(
    which: Which = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; else it is printed.")] = None,
) -> None:
    """Make the table of mechanisms: which rule serves each, with which parameters, under which clauses."""
    from streams.pages.mechanisms import as_markdown

    made = as_markdown(_loaded(which))
    if out is None:
        sys.stdout.write(made)
        return
    if not out.parent.is_dir():
        raise Failure(f"{out.parent} is no folder: make it first, or name another")
    out.write_text(made, encoding="utf-8")
    console.print(f"written to {out}", markup=False)


@app.command("test")
def run_tests(
    which: Which = None,
    mutate: Annotated[
        bool,
        typer.Option("--mutate", help="Unbind each clause in turn: some case has to fail then. Shows what is wanting."),
    ] = False,
    json: Json = False,
) -> None:
    """Run the packs' own tests through the agents. Exit code 1 where one does not hold, or with --mutate one is wanting."""
    from streams.loading import classifiers_from, packs_from
    from streams.packtest import test_pack

    classifiers, packs = classifiers_from(), packs_from([])
    results, measures = {}, {}
    for pack in _loaded(which):
        results[pack.pack] = list(test_pack(pack, packs, classifiers))
        if mutate:
            from streams.packtest.measures import measured

            measures[pack.pack] = measured(pack, packs, classifiers)
    failed = [(slug, one) for slug, tests in results.items() for one in tests if one.wrong]
    if json:
        print_json(
            {slug: {"tests": tests, **asdict(measures[slug])} if mutate else tests for slug, tests in results.items()}
        )
    else:
        for slug, one in failed:
            errors.print(f"{slug}: {one.name}: {'; '.join(one.wrong)}", markup=False, soft_wrap=True)
        total = sum(map(len, results.values()))
        console.print(f"{total - len(failed)} of {total} pack tests hold")
        for slug, one in measures.items():
            for line in _wanting(one):
                errors.print(f"{slug}: {line}", markup=False, soft_wrap=True)
    if failed or not all(one.holds for one in measures.values()):
        raise typer.Exit(1)


def _wanting(found: "Measured") -> Iterator[str]:
    for told, clauses in (
        ("no case would miss", found.unmissed),
        ("no case breaks", found.unbroken),
        ("no case only looks like breaking (near: [clause])", found.without_near),
    ):
        if clauses:
            yield f"{told} {', '.join(clauses)}"
    share = f"{found.with_words} of {found.breaking} breaking cases hold a word of the lists"
    yield f"{share}; let fewer than half" if found.knows_only_words else share
