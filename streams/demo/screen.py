"""What the demo shows: every finding and sanction as it comes, and a table of the groups that keeps count."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from models import Sanction, Verdict
from models.verdict import with_words
from policies.directory import Directory
from streams.embedded import Done
from streams.topics import Judged, Planned, Record

_STYLES = {
    "finding": "red",
    "review": "yellow",
    "sent": "bold cyan",
    "draft": "magenta",
    "record": "dim",
    "reversed": "green",
}
_COUNTS = ("messages", "finding", "review", "sent", "draft", "reversed")
_WIDTHS = (5, 8, 8, 8, 15)


class Screen(AbstractContextManager["Screen"]):
    """Lines as things happen; on a terminal the table of groups stays below them, in a pipe it comes once at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._directory: Directory | None = None
        self._zone = ZoneInfo("Asia/Shanghai")
        self._counts: dict[str, Counter[str]] = {}
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, directory: Directory, base: str) -> None:
        self._directory = directory
        self._counts = {group.id: Counter() for group in directory.fleet.groups}
        self._console.print("One working day of four groups under three policies. Nothing is sent anywhere.")
        self._console.print(f"status page {base}/   metrics {base}/metrics\n")
        self._line("time", "what", "group", "member", "clause", "why, or what follows", style="bold")
        if self._live is not None:
            self._live.start()

    def watch(self, done: Sequence[Done]) -> None:
        """Called by the service after every step, from its own thread."""
        for one in done:
            if one.agent == "screen":
                self._count(one.records)
            for _, _, value, at in one.effects.records:
                time = datetime.fromtimestamp(at / 1000, self._zone).strftime("%H:%M")
                for what, group, member, clause, why in self._told(value):
                    self._counts.setdefault(group, Counter())[what] += 1
                    self._line(time, what, group, member, clause, why, style=_STYLES[what])
        if self._live is not None:
            self._live.update(self._groups())

    def end(self, status: Mapping[str, Any], folder: Path, base: str) -> None:
        """Say what the day came to and where to look next."""
        if self._live is not None:
            self._live.update(self._groups(), refresh=True)
            self._live.stop()
        else:
            self._console.print(self._groups())
        waiting = status["reviews_open"]
        drafts, questions = waiting.get("approval", 0), sum(waiting.values()) - waiting.get("approval", 0)
        self._console.print(
            f"The day is over: {drafts} drafts wait for approval, {questions} questions for a person, "
            f"{status['actions'].get('confirmed', 0)} actions were carried out (simulated). Look further:\n"
        )
        for line in (
            f".venv/bin/xunqun approvals --dir {folder}",
            f".venv/bin/xunqun review list --dir {folder}",
            f".venv/bin/xunqun review decide ID approve --by NAME --dir {folder}",
            ".venv/bin/xunqun check '面膜内部代理价，拉三个下线返现' --pack xianchuang",
            f"{base}/   status page",
        ):
            self._console.print(f"  {line}", markup=False, soft_wrap=True)

    def _count(self, records: Sequence[Record]) -> None:
        for record in records:
            group = record.key.partition(":")[2]
            self._counts.setdefault(group, Counter())["messages"] += 1

    def _told(self, value: object) -> Iterator[tuple[str, str, str, str, str]]:
        if isinstance(value, Judged) and value.verdict:
            yield from self._found(value.verdict)
        elif isinstance(value, Planned) and value.sanction:
            yield self._follows(value.sanction)

    def _found(self, verdict: Verdict) -> Iterator[tuple[str, str, str, str, str]]:
        for one in (*verdict.violations, *verdict.uncertain):
            certain = one.mode == "automatic" and one in verdict.violations
            what = "finding" if certain else "review"
            yield what, verdict.group_id, self._who(one.subject.id), one.clause, with_words(one)

    def _follows(self, sanction: Sanction) -> tuple[str, str, str, str, str]:
        what = "draft" if sanction.needs_approval else "sent" if sanction.mode == "enforce" else "record"
        if sanction.reverses:
            what = "reversed"
        return what, sanction.group_id, self._who(sanction.subject.id), sanction.clause, f"→ {sanction.kind}"

    def _who(self, subject: str) -> str:
        person = self._directory.people.get(subject) if self._directory else None
        return person.name if person else subject

    def _line(self, *cells: str, style: str) -> None:
        line = Table.grid(padding=(0, 1))
        for width in _WIDTHS:
            line.add_column(width=width, no_wrap=True)
        line.add_column(overflow="fold")
        time, what, *others = cells
        line.add_row(time, Text(what, style=style), *map(Text, others))
        self._console.print(line)

    def _groups(self) -> Table:
        table = Table(header_style="bold")
        for name in ("group", "policy", "mode"):
            table.add_column(name)
        for name in _COUNTS:
            table.add_column(name, justify="right")
        known = {group.id: group for group in self._directory.fleet.groups} if self._directory else {}
        for group, counts in self._counts.items():
            there = known.get(group)
            first = (group, there.pack or "", there.mode) if there else (group, "baseline", "observe")
            table.add_row(*map(str, first), *(str(counts[name] or "") for name in _COUNTS))
        return table
