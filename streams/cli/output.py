"""How commands speak: tables for people, JSON for programs, one sentence on standard error when something is wrong."""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    errors.print(f"xunqun: {harmless(message)}", markup=False, soft_wrap=True)
    sys.exit(code)


def print_json(value: Any) -> None:
    """One JSON value, indented; never mixed with a table."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


# What would move the cursor, colour the screen or turn the direction of writing. Line ends are kept.
_MOVES = (
    *range(10),
    *range(11, 32),
    *range(127, 160),
    0x61C,
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
_UNPRINTED = dict.fromkeys(_MOVES, "\N{REPLACEMENT CHARACTER}")


def harmless(value: object) -> str:
    """As text that a terminal only shows: names of groups and people come from outside."""
    return "" if value is None else str(value).translate(_UNPRINTED)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    if not rows:
        console.print(empty, markup=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for row in rows:
        # As text, not as markup: a group may be called "[/b]".
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console.print(table)
