"""Opening what people export: encodings found out, gzip unpacked, mistakes told in one sentence."""

import codecs
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

# A line longer than this is handed on in pieces, so that a file without line ends does not fill the memory.
LONGEST_LINE = 1 << 20
# GB18030 passes as UTF-8 for a character or two (联通 is the known case), never for this many.
_SURELY_UTF8 = 10
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ImportFailed(Exception):
    """A file cannot be imported: file and line, what was expected, the way out. Never holds the text of a message."""


@dataclass
class Notes:
    """What was left out and why, and what the reader should know; never the text of a message."""

    left_out: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, what: str, place: str) -> None:
        self.left_out[what] += 1
        self.first.setdefault(what, place)

    def lines(self) -> list[str]:
        counted = [f"left out: {count} × {what} (first: {self.first[what]})" for what, count in self.left_out.items()]
        return [*counted, *self.remarks]


class Source:
    """One file to import. `str()` gives its path, `position` how many of its bytes on disk were read in this pass."""

    # Bytes read at once.
    piece = 1 << 20

    def __init__(self, path: Path) -> None:
        self.path = path
        self._disk: BinaryIO | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def position(self) -> int:
        return self._disk.tell() if self._disk and not self._disk.closed else 0

    def open(self) -> BinaryIO:
        """Open for reading; gzip is told by its first bytes, not by the name."""
        try:
            self._disk = self.path.open("rb")
        except OSError as error:
            raise ImportFailed(f"{self}: cannot be read: {error.strerror}") from error
        packed = self._disk.read(2) == b"\x1f\x8b"
        self._disk.seek(0)
        return cast(BinaryIO, gzip.GzipFile(fileobj=self._disk)) if packed else self._disk

    def read(self, file: BinaryIO, size: int) -> bytes:
        """The next bytes of an opened file; ImportFailed where gzip data is damaged."""
        try:
            return file.read(size)
        except (OSError, EOFError) as error:
            raise self._damaged() from error

    def beginning(self, size: int = 1 << 16) -> bytes:
        """The first bytes, unpacked."""
        with self.open() as file:
            return self.read(file, size)

    @cached_property
    def encoding(self) -> str:
        """UTF-8 or UTF-16 with or without mark, else GB18030. ImportFailed with the line if none fits."""
        head = self.beginning(4096)
        for mark, name in _BOMS:
            if head.startswith(mark):
                return name
        # Text has no NUL; UTF-16 has one beside every digit, blank and line end.
        if head.count(0) * 20 > len(head):
            return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
        line, foreign = self._fits("utf-8")
        if line is None:
            return "utf-8"
        if foreign >= _SURELY_UTF8:
            raise ImportFailed(f"{self}:{line}: a character is damaged in this UTF-8 file; correct or delete the line")
        if (line := self._fits("gb18030")[0]) is not None:
            raise ImportFailed(f"{self}:{line}: neither UTF-8, UTF-16 nor GB18030; save the file as UTF-8")
        return "gb18030"

    def _fits(self, encoding: str) -> tuple[int | None, int]:
        """The first line that is not in `encoding`, None if all are; and how many foreign characters stand before it."""
        decoder = codecs.getincrementaldecoder(encoding)()
        line, foreign = 1, 0
        with self.open() as file:
            while True:
                piece = self.read(file, self.piece)
                try:
                    text = decoder.decode(piece, final=not piece)
                except UnicodeDecodeError as error:
                    good = error.object[: error.start].decode(encoding)
                    return line + good.count("\n"), foreign + sum(one > "\x7f" for one in good)
                if not piece:
                    return None, foreign
                line += text.count("\n")
                foreign += len(text) - len(text.encode("ascii", "ignore")) if foreign < _SURELY_UTF8 else 0

    def lines(self) -> Iterator[tuple[int, str]]:
        """Lines with their numbers, without line ends."""
        encoding = self.encoding
        number = 1
        with self.open() as file, io.TextIOWrapper(file, encoding=encoding) as text:
            try:
                while line := text.readline(LONGEST_LINE):
                    yield number, line.rstrip("\n")
                    number += line.endswith("\n")
            except UnicodeDecodeError as error:
                raise ImportFailed(
                    f"{self}:{number}: cannot be read as {error.encoding}; save the file as UTF-8"
                ) from error
            except (OSError, EOFError) as error:
                raise self._damaged() from error

    def _damaged(self) -> ImportFailed:
        return ImportFailed(f"{self}: the gzip data is damaged; pack the file again")
