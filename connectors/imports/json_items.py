"""JSON files item by item: one object a line, or a document with arrays of messages, read in pieces."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from connectors.imports.source import ImportFailed, Notes, Source

LONGEST_ITEM = 8 << 20
# Under these keys programs wrap their lists of messages.
_WRAPPERS = frozenset({"messages", "data", "events", "msgs", "list", "chatdata", "records"})
# An object with one of these is a message, whatever else it holds.
_MESSAGE = frozenset({"msgid", "post_type", "sent_at"})
_DEEPEST = 3
_DECODER = json.JSONDecoder()


def json_items(source: Source, notes: Notes) -> Iterator[tuple[str, bytes]]:
    """Each item with its place. In a file with one object a line, a line need not be JSON; a document has to be."""
    first, ended, _ = source.beginning().removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")
    try:
        item = msgspec.json.decode(first) if ended else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        item = None
    if isinstance(item, dict) and not (item.keys() & _WRAPPERS and not item.keys() & _MESSAGE):
        yield from _by_line(source, notes)
    else:
        with source.open() as file:
            yield from _Document(source, file).items()


def _by_line(source: Source, notes: Notes) -> Iterator[tuple[str, bytes]]:
    number = 0
    with source.open() as file:
        while line := _line(source, file):
            number += 1
            place = f"{source}:{number}"
            if len(line) > LONGEST_ITEM:
                while (rest := _line(source, file)) and not rest.endswith(b"\n"):
                    pass
                notes.leave_out("line longer than 8 MB", place)
            elif line := line.removeprefix(codecs.BOM_UTF8).strip():
                yield place, line


def _line(source: Source, file: BinaryIO) -> bytes:
    try:
        return file.readline(LONGEST_ITEM + 1)
    except (OSError, EOFError) as error:
        raise ImportFailed(f"{source}: the gzip data is damaged; pack the file again") from error


class _Document:
    """A document of any size: at no time more of it is held than one item and what was read ahead."""

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self.source, self.file = source, file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        # The line number at a place in the text, up to which line ends were counted.
        self._line, self._counted = 1, 0

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All messages, also of several documents one after another."""
        while self._next():
            yield from self._open(0)

    def _open(self, depth: int) -> Iterator[tuple[str, bytes]]:
        """The items of an array or of a wrapper around one; else the value itself."""
        self._forget()
        what = self._next()
        if what == "[":
            yield from self._array(depth)
        elif what == "{" and depth < _DEEPEST:
            start = self._at
            self._take("{")
            while self._next() != "}":
                if self._next() != '"':
                    raise self._wrong(self._at)
                key = json.loads(self._value())
                self._take(":")
                if key in _MESSAGE:
                    break
                if key in _WRAPPERS and self._next() in ("[", "{"):
                    start = -1
                    yield from self._open(depth + 1)
                else:
                    self._value()
                if start < 0:
                    self._forget()
                if self._next() == ",":
                    self._take(",")
            if start < 0:
                self._take("}")
            else:
                self._at = start
                yield self._item()
        else:
            yield self._item()

    def _array(self, depth: int) -> Iterator[tuple[str, bytes]]:
        self._take("[")
        while self._next() != "]":
            self._forget()
            yield self._item()
            if self._next() == ",":
                self._take(",")
        self._take("]")

    def _item(self) -> tuple[str, bytes]:
        self._next()
        self._count()
        place, start = f"{self.source}:{self._line}", self._at
        try:
            return place, msgspec.json.format(self._value().encode(), indent=-1)
        except msgspec.DecodeError as error:
            raise self._wrong(start) from error

    def _value(self) -> str:
        """The text of the value that begins here; what follows it is next."""
        self._next()
        wanted = self.source.piece
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
                # A number may go on in the next piece.
                if end < len(self._text) or self._ended:
                    break
            except (json.JSONDecodeError, RecursionError) as error:
                if self._ended or len(self._text) - self._at > LONGEST_ITEM or isinstance(error, RecursionError):
                    raise self._wrong(getattr(error, "pos", self._at), str(error)) from error
            self._more(wanted)
            wanted *= 2
        start, self._at = self._at, end
        return self._text[start:end]

    def _next(self) -> str:
        """The next character that is no blank, not taken yet; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more(self.source.piece)

    def _take(self, expected: str) -> None:
        if self._next() != expected:
            raise self._wrong(self._at)
        self._at += 1

    def _more(self, size: int) -> None:
        piece = self.source.read(self.file, size)
        self._ended = not piece
        try:
            self._text += self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            raise ImportFailed(f"{self.source}: JSON has to be UTF-8; save the file so") from error

    def _forget(self) -> None:
        """Let go of what was read. Cutting each time would copy the rest each time."""
        if self._at > self.source.piece:
            self._count()
            self._text, self._at, self._counted = self._text[self._at :], 0, 0

    def _count(self) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at

    def _wrong(self, at: int, why: str = "") -> ImportFailed:
        line = self._line + self._text.count("\n", self._counted, at)
        if self._ended and (not self._text[at:].strip() or why.startswith("Unterminated")):
            return ImportFailed(f"{self.source}:{line}: the JSON ends in the middle; export the file anew")
        return ImportFailed(f"{self.source}:{line}: this is no JSON; correct the line, or write one message a line")


def text_of(value: Any) -> str | None:
    """A string that says something; numbers as they are written; anything else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def whole(value: Any) -> int | None:
    """A whole number as JSON can carry it, also where a platform writes it as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        return None
    return int(value)


def as_dict(value: Any) -> dict[str, Any]:
    """The object a field holds; also where it is written as JSON inside a string."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
