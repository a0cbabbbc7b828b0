"""Ask a Prometheus every question of the dashboards: `ask.py --url http://127.0.0.1:19090`.

One line for each: board, panel, query and the answer, a value or the number of series; with --table one row for each panel,
with its values. What Grafana fills in is filled in here: windows by --window, variables by all their values, one after another
where a board shows one at a time. Ends with 1 if a question brings nothing (no series, or nothing but NaN) or an error, so that
a name that does not exist is seen before somebody needs the board.
"""

import argparse
import json
import math
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

HERE = Path(__file__).resolve().parent
_LABEL_VALUES: Final = re.compile(r"label_values\((.+), (\w+)\)")
# A question to Prometheus that takes longer is one that nobody waits for in front of a board either, s.
PATIENCE: Final = 30


@dataclass(frozen=True)
class Asked:
    """One query with everything filled in; `found` is what came back, empty with an `error` or without an answer."""

    board: str
    panel: str
    query: str
    expression: str
    found: tuple[float, ...] = ()
    error: str = ""
    # A mark in the panels has something to show only when something happens.
    may_be_empty: bool = False

    @property
    def answered(self) -> bool:
        return not self.error and (self.may_be_empty or not all(map(math.isnan, self.found)))

    @property
    def answer(self) -> str:
        if self.error:
            return f"error: {self.error}"
        if not self.found:
            return "nothing"
        return f"{self.found[0]:g}" if len(self.found) == 1 else f"{len(self.found)} series"

    @property
    def values(self) -> str:
        """The answer for a table: a value, or the least and the largest of several series."""
        if self.error or len(self.found) < 2:
            return self.answer if self.error or not self.found else f"{self.found[0]:.3g}"
        known = [one for one in self.found if not math.isnan(one)]
        shown = f"{min(known):.3g} to {max(known):.3g}" if known else "nan"
        return f"{shown} ({len(self.found)} series)"


class Prometheus:
    """The HTTP interface of one Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def values(self, expression: str) -> tuple[float, ...]:
        """The value of each series now. ValueError with Prometheus's own words if it cannot be asked."""
        return tuple(float(one["value"][1]) for one in self._get("query", query=expression)["result"])

    def label_values(self, label: str, series: str) -> list[str]:
        return list(self._get(f"label/{label}/values", **{"match[]": series}))

    def _get(self, path: str, **parameters: str) -> Any:
        asked = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(_cause(error)) from error


def _cause(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError):
        return str(error)


def ask(board: dict[str, Any], prometheus: Prometheus, window: str, job: str = "") -> Iterator[Asked]:
    """Ask all that a board as Grafana reads it would ask; with `job` of that one alone."""
    name = board["uid"].removeprefix("xunqun-")
    filled = {"__rate_interval": [window], "__range": [window], "__interval": [window]}
    for variable in board["templating"]["list"]:
        if variable["name"] == "job" and job:
            filled["job"] = [job]
        elif variable["type"] == "query":
            asked = _fill(variable["query"]["query"], {key: values[0] for key, values in filled.items()})
            found = _values(asked, prometheus)
            if not found:
                yield Asked(name, f"variable {variable['name']}", "", asked)
            several = "|".join(map(re.escape, found))
            filled[variable["name"]] = [variable.get("allValue", several)] if variable.get("includeAll") else found
        elif variable["type"] == "interval":
            filled[variable["name"]] = [window]
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield from _asked(name, panel["title"], target["refId"], target["expr"], filled, prometheus)
    for mark in board["annotations"]["list"]:
        yield from _asked(name, mark["name"], "mark", mark["expr"], filled, prometheus, may_be_empty=True)


def _values(asked: str, prometheus: Prometheus) -> list[str]:
    match = _LABEL_VALUES.fullmatch(asked)
    if match is None:
        raise ValueError(f"only label_values(series, label) can be asked, not {asked}")
    return prometheus.label_values(match[2], match[1])


def _asked(
    board: str,
    panel: str,
    query: str,
    expression: str,
    filled: dict[str, list[str]],
    prometheus: Prometheus,
    *,
    may_be_empty: bool = False,
) -> Iterator[Asked]:
    used = [name for name in filled if re.search(rf"\${name}\b", expression)]
    for values in product(*(filled[name] for name in used)):
        whole = _fill(expression, dict(zip(used, values, strict=True)))
        try:
            found, error = prometheus.values(whole), ""
        except ValueError as failure:
            found, error = (), str(failure)
        # Where one value at a time is asked for, the line says for which.
        choice = "".join(f", {name} {value}" for name, value in zip(used, values, strict=True) if len(filled[name]) > 1)
        yield Asked(board, panel, query + choice, whole, found, error, may_be_empty)


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        # Within quotes a backslash stands for itself only when doubled, as Grafana does it; `re.sub` halves them once more.
        text = re.sub(rf"\${name}\b", value.replace("\\", r"\\\\"), text)
    return text


def as_table(asked: Sequence[Asked]) -> str:
    """A row for each panel: board and what was chosen there, panel, and what came back on each of its questions."""
    panels: dict[tuple[str, str], list[str]] = {}
    for one in asked:
        if one.may_be_empty:
            continue
        board = one.board + "".join(f", {choice}" for choice in one.query.split(", ")[1:])
        panels.setdefault((board, one.panel), []).append(one.values)
    rows = [f"| {board} | {panel} | {' · '.join(values)} |" for (board, panel), values in panels.items()]
    return "\n".join(("| board | panel | value |", "| --- | --- | --- |", *rows))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", required=True, help="where Prometheus answers")
    options.add_argument("--window", default="5m", help="what rates are taken over; four scrapes at least")
    options.add_argument("--job", default="", help="ask about this job alone")
    options.add_argument("--dashboards", type=Path, default=HERE / "dashboards", help="folder of the dashboards")
    options.add_argument("--table", action="store_true", help="a table in Markdown, as in docs/dashboards.md")
    given = options.parse_args()
    boards = sorted(given.dashboards.glob("*.json"))
    if not boards:
        print(f"No dashboards lie in {given.dashboards}.", file=sys.stderr)
        return 1
    asked: list[Asked] = []
    try:
        for path in boards:
            for one in ask(json.loads(path.read_text("utf-8")), Prometheus(given.url), given.window, given.job):
                asked.append(one)
                if not given.table:
                    print("ok  " if one.answered else "NONE", one.board, one.panel, one.query, one.answer, sep=" | ")
                    if not one.answered:
                        print(f"     {one.expression}")
    except OSError as error:
        print(f"Prometheus does not answer at {given.url}: {error}", file=sys.stderr)
        return 1
    if given.table:
        print(as_table(asked), end="\n\n")
    empty = sum(not one.answered for one in asked)
    print(f"{len(asked)} questions, {empty} without an answer.")
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
