"""`xunqun model`: train, evaluate, list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.output import Failure, console, print_json, print_table

if TYPE_CHECKING:
    from classifiers.trained.card import Recall

app = typer.Typer(no_args_is_help=True, help="Trained weights: train, evaluate, list.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def train(
    data: Annotated[Path, typer.Option("--data", help="Folder of labelled text (*.train.jsonl.gz).")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; the shipped weights if left out.")] = None,
) -> None:
    """Train both variants of the weights from labelled text and the examples written for this project.

    About three minutes on one core. Needs the training extra (`make test` installs it).
    """
    from classifiers.trained.registry import ARTIFACTS

    if not data.is_dir():
        raise Failure(f"{data}: there is no such folder; it holds the labelled text, one *.train.jsonl.gz a source")
    try:
        from classifiers.trained.train import release
    except ImportError as error:
        raise Failure(f"training needs {error.name}: pip install 'xunqun[training]'") from error
    texts = Path(ARTIFACTS).parent / "texts"
    with console.status("training", spinner="dots") as status:

        def told(line: str) -> None:
            console.print(line, markup=False)
            status.update(line)

        try:
            release(data, texts, out or ARTIFACTS, told)
        except FileNotFoundError as error:
            raise Failure(f"{error.filename}: a source is missing in {data}") from error
    console.print(f"written to {out or ARTIFACTS}")


@app.command()
def evaluate(
    file: Annotated[Path | None, typer.Argument(help="JSONL of {text, label} to measure the weights on.")] = None,
    model: Annotated[str, typer.Option("--model", help="Weights: default, permissive, full, or a folder.")] = "default",
    json: Json = False,
) -> None:
    """Print recall by category and source at the points that the packs' budgets name; of a file of yours, if given."""
    import msgspec

    from classifiers.trained import evaluate as figures
    from classifiers.trained.serve import Model, ModelUnavailable
    from streams.loading import model_folder

    try:
        if file is None:
            shipped = figures.shipped()
            print_json(shipped) if json else console.print(shipped.markdown(), markup=False, soft_wrap=True)
            return
        found = figures.on_file(Model.load(model_folder(model)), file)
    except ModelUnavailable as error:
        raise Failure(str(error)) from error
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise Failure(f"{file}: {error}") from error
    if json:
        print_json(found)
        return
    rows = [
        (
            one.category,
            "–" if one.auc is None else f"{one.auc:.3f}",
            *map(_shown, (one.review, one.act, one.accused, one.act_accused)),
        )
        for one in found
    ]
    columns = ("category", "AUC", "found at review", "found at act", "accused at review", "accused at act")
    print_table(str(file), columns, rows, "no row of a category that the model knows")


def _shown(share: "Recall | None") -> str:
    return f"{share.share:.3f} ({share.found} of {share.positives})" if share and share.positives else "–"


@app.command("list")
def list_(json: Json = False) -> None:
    """List the weights at hand: variant, version, which is the default, and why."""
    from classifiers.trained.registry import chosen, list_artifacts

    found = list_artifacts()
    if json:
        print_json(found)
        return
    rows = [(one.variant, one.version or one.unavailable, "default" if one.is_default else "") for one in found]
    print_table("Weights", ("variant", "version", ""), rows, "no weights; `xunqun model train` makes them")
    console.print(chosen().because, markup=False)
