"""Opening what people export: encodings found out, gzip unpacked, mistakes told in one sentence."""

import codecs
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

# A line longer than this is handed on in pieces, so that a file without line ends does not fill the memory.
LONGEST_LINE = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ImportFailed(Exception):
    """A file cannot be imported. One sentence with file and line; never holds the text of a message."""


@dataclass
class Notes:
    """What was left out and why, and what the reader should know; never the text of a message."""

    left_out: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, what: str, place: str) -> None:
        self.left_out[what] += 1
        self.first.setdefault(what, place)

    def remark(self, sentence: str) -> None:
        if sentence not in self.remarks:
            self.remarks.append(sentence)

    def lines(self) -> list[str]:
        counted = [f"left out: {count} × {what} (first: {self.first[what]})" for what, count in self.left_out.items()]
        return [*counted, *self.remarks]


def open_bytes(path: Path) -> BinaryIO:
    """Open for reading; gzip is told by its first bytes, not by the name."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ImportFailed(f"{path}: cannot be read: {error.strerror}") from error
    if file.read(2) == b"\x1f\x8b":
        file.close()
        return cast(BinaryIO, gzip.open(path, "rb"))
    file.seek(0)
    return file


def beginning(path: Path, size: int = 1 << 16) -> bytes:
    """The first bytes of a file, unpacked."""
    with open_bytes(path) as file:
        try:
            return file.read(size)
        except (OSError, EOFError) as error:
            raise ImportFailed(f"{path}: cannot be unpacked, the gzip data is damaged") from error


def encoding_of(path: Path) -> str:
    """Find the encoding: UTF-8 or UTF-16 with or without mark, else GB18030. ImportFailed with the line if none fits."""
    head = beginning(path, 4096)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    # Text has no NUL; UTF-16 has one beside every digit, blank and line end.
    if head.count(0) * 20 > len(head):
        return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
    if _bad_line(path, "utf-8") is None:
        return "utf-8"
    line = _bad_line(path, "gb18030")
    if line is not None:
        raise ImportFailed(f"{path}:{line}: neither UTF-8, UTF-16 nor GB18030; save the file as UTF-8")
    return "gb18030"


def _bad_line(path: Path, encoding: str) -> int | None:
    """The first line that is not in `encoding`; None if all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open_bytes(path) as file:
        while True:
            piece = file.read(1 << 20)
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                return line + piece.count(b"\n", 0, max(error.start, 0))
            if not piece:
                return None
            line += piece.count(b"\n")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without line ends."""
    number = 1
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding_of(path)) as text:
        try:
            while line := text.readline(LONGEST_LINE):
                yield number, line.rstrip("\n")
                number += line.endswith("\n")
        except UnicodeDecodeError as error:
            raise ImportFailed(
                f"{path}:{number}: cannot be read as {error.encoding}; save the file as UTF-8"
            ) from error
        except (OSError, EOFError) as error:
            raise ImportFailed(f"{path}:{number}: cannot be unpacked, the gzip data is damaged") from error
