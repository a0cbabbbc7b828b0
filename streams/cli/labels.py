"""`xunqun labels`: export, list, guards."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.output import Failure, console, errors, harmless, print_json, print_table

if TYPE_CHECKING:
    from streams.tuning.labels import Read

app = typer.Typer(
    no_args_is_help=True,
    help="Labels for training out of what people decided. They hold message text: one file, mode 0600, 90 days.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the SQLite file; by default XUNQUN_DIR, or `var`.")]
File = Annotated[Path | None, typer.Option("--labels", help="The labels; labels.jsonl in the folder if left out.")]


@app.command()
def export(
    dir: Dir = None,
    history: Annotated[
        list[str] | None,
        typer.Option("--history", help="Observations that hold the texts, where the log is elsewhere."),
    ] = None,
    labels: File = None,
    json: Json = False,
) -> None:
    """Add what was decided to the file of labels, and drop what is past its time.

    Overturned is normal, upheld is the category; what was decided with --no-learn is no label. The text is looked up in the
    log as long as it is kept there: export at least as often as XUNQUN_RETENTION_DAYS.
    """
    from streams.cli.judging import history_files
    from streams.cli.people import _store
    from streams.outbox import store_time
    from streams.progress import reading
    from streams.settings import read_settings
    from streams.tuning import labels as made

    path, now = labels or read_settings(dir=dir).dir / made.FILE, _now()
    if path.exists() and (owner := path.stat().st_uid) != os.geteuid():
        raise Failure(
            f"{path} belongs to another user (id {owner}): call this as that one, who drops what is past its time"
        )
    with _store(dir) as store, made.locked(path):
        old = made.read_labels(path, now) if path.exists() else made.Read(())
        tell(path, old)
        if old.unusable:
            raise Failure(
                f"{path}: {old.unusable} lines are no labels; mend or remove them, for the file is written anew"
            )
        labelled = (*old.labels, *old.contradicting)
        texts = {one.of: one.text for one in labelled if one.of}
        decided = made.decided(store)
        with console.status("looking texts up"):
            texts |= made.texts_of(decided.found, made.observations_in(store))
        if history:
            with reading(history_files(history, None)[0], "looking texts up", quiet=json) as lines:
                texts |= made.texts_of(decided.found, made.observations_of(lines))
        fresh, without = made.labels_of(decided.found, texts, now)
        kept = made.joined(labelled, fresh, decided.taken_back)
        made.write_labels(path, kept)
        made.expire_keys(path, store_time(store, now))
    told = {"file": str(path), "labels": len(kept), "without_text": without, "expired": old.expired}
    if json:
        print_json({**told, "no_label": decided.no_label})
        return
    console.print(f"{len(kept)} labels in {path}", markup=False, soft_wrap=True)
    if without:
        console.print(f"{without} decisions whose text is past its time, or not in the log or the history given")
    for reason, count in sorted(decided.no_label.items()):
        console.print(f"{count} decisions: {reason}", markup=False)


@app.command("list")
def list_(dir: Dir = None, labels: File = None, json: Json = False) -> None:
    """Count the labels by category, answer and reviewer."""
    from collections import Counter

    read = labels_in(dir, labels)
    counts = Counter((one.category, one.label, one.by) for one in read.labels)
    rows = [(*key, count) for key, count in sorted(counts.items())]
    if json:
        print_json([dict(zip(("category", "label", "by", "count"), row, strict=True)) for row in rows])
        return
    print_table("Labels", ("category", "label", "by", "count"), rows, "no labels; `xunqun labels export` makes them")


@app.command()
def guards(dir: Dir = None, labels: File = None, json: Json = False) -> None:
    """Show what the guards would let through, and why not the rest. Exit code 1 where no category would learn."""
    from streams.tuning.guards import guarded

    found = guarded(labels_in(dir, labels).labels, own_offences())
    if json:
        print_json(found.guards)
    else:
        rows = [(one.category, one.name, one.given, one.kept, one.told) for one in found.guards]
        print_table("Guards", ("category", "guard", "before", "after", "why"), rows, "no labels")
    if not found.lessons:
        raise typer.Exit(1)


def labels_in(dir: Path | None, file: Path | None) -> "Read":
    """The labels of a file, or of the folder's; what is wrong in it is told on standard error."""
    from streams.settings import read_settings
    from streams.tuning.labels import FILE, read_labels

    path = file or read_settings(dir=dir).dir / FILE
    if not path.is_file():
        raise Failure(f"{path}: there are no labels; `xunqun labels export` makes them from what people decided")
    read = read_labels(path, _now())
    tell(path, read)
    return read


def tell(path: Path, read: "Read") -> None:
    for one in read.problems:
        errors.print(harmless(f"xunqun: {path}: {one}"), markup=False, soft_wrap=True)
    if read.more:
        errors.print(f"xunqun: {path}: {read.more} more lines that cannot be used", markup=False, soft_wrap=True)
    if read.expired:
        errors.print(f"xunqun: {path}: {read.expired} labels are past their time", markup=False, soft_wrap=True)


def own_offences() -> dict[str, int]:
    """How many of the project's own texts are of each category."""
    from classifiers.trained.registry import ARTIFACTS
    from classifiers.trained.rows import read_rows
    from models.signal import TRAINED_CATEGORIES

    rows = read_rows(None, ARTIFACTS.parent / "texts", ())
    return dict(zip(TRAINED_CATEGORIES, (rows.says == 1).sum(axis=0).tolist(), strict=True))


def _now() -> int:
    return time.time_ns() // 1_000_000
