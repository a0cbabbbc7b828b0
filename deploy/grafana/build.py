"""Writes the dashboards (`dashboards/*.json`) and the table of `docs/dashboards.md` from `boards.py`: `make dashboards`."""

import argparse
import json
from pathlib import Path
from typing import Any

from boards import BOARDS
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from panels import Board, Panel, drawn

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "dashboards.md"
# What stands above this line of the page is written by hand.
MARK = "<!-- From here on written by `make dashboards`. -->\n"


def as_json(board: Board, docs: str) -> str:
    """The board as Grafana reads it from a file."""
    read = json.loads(json.dumps(drawn(board, docs), cls=JSONEncoder), object_hook=_in_sight)
    return json.dumps(read, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _in_sight(part: dict[str, Any]) -> dict[str, Any]:
    """Links and marks above the panels: the library hides them in a menu and lets nobody say otherwise (its issue 1272)."""
    part.pop("placement", None)
    return part


def as_markdown() -> str:
    """The boards and their panels as tables."""
    parts = []
    for board in BOARDS:
        rows = [_line(row.title, panel) for row in board.rows for panel in row.panels]
        head = "| row | panel | question | fault that moves it | what to do |\n| --- | --- | --- | --- | --- |\n"
        title = board.title.removeprefix("Xunqun · ")
        parts.append(f"## {title}\n\n{board.answers} `{board.name}.json`\n\n{head}{''.join(rows)}")
    return "\n".join(parts)


def _line(row: str, panel: Panel) -> str:
    return f"| {row} | {panel.title} | {panel.question} | {panel.fault} | `{panel.runbook}` |\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--to", type=Path, default=HERE / "dashboards", help="folder of the dashboards")
    options.add_argument("--page", type=Path, default=PAGE, help="page whose table is written anew")
    options.add_argument("--docs", default="/docs", help="address under which your people find the folder docs")
    given = options.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (given.to / f"{board.name}.json").write_text(as_json(board, given.docs), "utf-8")
    head, _, _ = given.page.read_text("utf-8").partition(MARK)
    given.page.write_text(head + MARK + "\n" + as_markdown(), "utf-8")


if __name__ == "__main__":
    main()
