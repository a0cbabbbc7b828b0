"""`xunqun model`: train, evaluate, list."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.output import Failure, console, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Trained weights: train, evaluate, list.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def train(
    data: Annotated[Path, typer.Option("--data", help="Folder of labelled text (*.train.jsonl.gz).")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; the shipped artefacts if left out.")] = None,
    variant: Annotated[str, typer.Option("--variant", help="permissive, full or both.")] = "both",
) -> None:
    """Train weights from labelled text and the examples written for this project."""
    from rich.progress import Progress

    from streams.cli.output import errors
    from streams.training import train_variants

    if not data.is_dir():
        raise Failure(f"{data}: there is no such folder; it holds the labelled text, one *.train.jsonl.gz a source")
    with Progress(console=errors, disable=not errors.is_terminal) as progress:
        for line in train_variants(data, out, variant, progress):
            console.print(line, markup=False)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option("--data", help="Folder of labelled text (*.train.jsonl.gz).")],
    json: Json = False,
) -> None:
    """Print recall by category and source at the points that the packs' budgets name."""
    from streams.training import evaluate_variants

    if not data.is_dir():
        raise Failure(f"{data}: there is no such folder")
    found = evaluate_variants(data)
    if json:
        print_json(found.data)
    else:
        console.print(found.markdown, markup=False)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the weights at hand: variant, version, categories, sources."""
    from classifiers.trained.registry import artifacts

    found = artifacts()
    if json:
        print_json(found)
        return
    rows = [(one.variant, one.version, "default" if one.is_default else "", ", ".join(one.categories)) for one in found]
    print_table("Weights", ("variant", "version", "", "categories"), rows, "no weights; `xunqun model train` makes them")
