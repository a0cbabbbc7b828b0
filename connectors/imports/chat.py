"""What the readers of text exports share: lines gathered to messages, the group they belong to, ids."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from connectors.imports.source import ImportFailed, Notes, Source
from connectors.imports.words import LONGEST_TEXT, Naming
from models import GroupRef, Observation


class Chat:
    """One export being read. A reader says in `take` and `close` where messages begin and end."""

    platform: str
    # A head line as people see it, for messages about files without one.
    example: str

    def __init__(self, source: Source, group: str | None, zone: ZoneInfo, notes: Notes) -> None:
        self.source, self.given, self.zone, self.notes = source, group, zone, notes
        self.name: str | None = None
        self.heads = 0
        self._lines: list[str] = []
        self._size = 0
        self._naming = Naming(self.platform)

    def read(self) -> Iterator[Observation]:
        """All observations in the order of the export."""
        for number, line in self.source.lines():
            yield from self.take(number, line)
        yield from self.close()
        if not self.heads:
            raise ImportFailed(f"{self.source}: no message was found; expected lines such as {self.example}")

    def take(self, number: int, line: str) -> Iterator[Observation]:
        raise NotImplementedError

    def close(self) -> Iterator[Observation]:
        """Hand out the message that ends here."""
        raise NotImplementedError

    def place(self, number: int) -> str:
        return f"{self.source}:{number}"

    def keep(self, line: str) -> None:
        """Add a line to the message; what no record could hold is dropped."""
        if self._size <= LONGEST_TEXT:
            self._lines.append(line)
            self._size += len(line) + 1

    def kept(self) -> str:
        """The lines of the message, which is over."""
        text = "\n".join(self._lines)
        self._lines, self._size = [], 0
        return text

    def observe(self, what: str, number: int, at: int, who: str, text: str, /, **given: Any) -> Observation:
        """`who` and `text` name it, together with group and time."""
        if self.name is None and self.given is None:
            raise ImportFailed(
                f"{self.place(number)}: the export does not name its group; give the group's id with --group"
            )
        where = GroupRef(self.given or self.name or "", self.name)
        named = self._naming.name(where.id, who, at, text)
        return Observation(type=what, id=named, platform=self.platform, group=where, sent_at=at, **given)
