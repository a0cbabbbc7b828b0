"""Progress bars: over files being read, over things being done."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.cli.output import errors


@contextmanager
def reading(paths: Sequence[str], what: str, *, quiet: bool = False) -> Iterator[Iterator[bytes]]:
    """The lines of files with a bar of how much was read; no bar where standard error is no terminal."""
    from streams.replay import read_lines

    total = sum(os.path.getsize(path) for path in paths if path != "-" and os.path.exists(path))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=quiet or not errors.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total or None)
        yield read_lines(paths, lambda read: progress.advance(task, read))


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar of how many of `total` are done; call what it gives with each number done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)
