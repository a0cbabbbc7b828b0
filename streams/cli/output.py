"""How commands speak: tables for people, JSON for programs, one sentence on standard error when something is wrong."""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
from rich.console import Console
from rich.table import Table

# A table that is piped somewhere is not folded to the width of a terminal that nobody sees.
_WIDTH = None if sys.stdout.isatty() else 160
console = Console(highlight=False, width=_WIDTH)
errors = Console(stderr=True, highlight=False)


class Failure(Exception):
    """A command cannot go on. `code` 1: the thing checked does not hold; 2: wrong use."""

    def __init__(self, message: str, *, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def fail(message: str, *, code: int) -> NoReturn:
    errors.print(f"xunqun: {message}", markup=False, soft_wrap=True)
    sys.exit(code)


def print_json(value: Any) -> None:
    """One JSON value, indented; never mixed with a table."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    if not rows:
        console.print(empty, markup=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)
