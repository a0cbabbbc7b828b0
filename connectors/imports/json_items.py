"""JSON files item by item: JSONL line by line, or one document with an array of messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from connectors.imports.source import ImportFailed, Notes, beginning, open_bytes

# A document that is not JSONL has to be read whole.
LARGEST_DOCUMENT = 512 << 20
LONGEST_JSON_LINE = 8 << 20
# Under these keys programs wrap their lists of messages.
_WRAPPERS = ("messages", "data", "events", "msgs", "list", "chatdata", "records")
_BOM = b"\xef\xbb\xbf"


def json_items(path: Path, notes: Notes) -> Iterator[tuple[str, bytes]]:
    """Each item with its place, `file:line` or `file, item 3`. What is not JSON is left out and counted."""
    start = beginning(path).removeprefix(_BOM).lstrip()
    if not start.startswith((b"{", b"[")):
        raise ImportFailed(f"{path}:1: this is no JSON")
    first, _, more = start.partition(b"\n")
    if start.startswith(b"{") and (_is_json(first) or (len(first) > 60_000 and not more)):
        yield from _by_line(path, notes)
    else:
        yield from _document(path, notes)


def _by_line(path: Path, notes: Notes) -> Iterator[tuple[str, bytes]]:
    number = 0
    with open_bytes(path) as file:
        while line := _line(file, path, number + 1):
            number += 1
            place = f"{path}:{number}"
            if len(line) > LONGEST_JSON_LINE:
                while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
                    pass
                notes.leave_out("line longer than 8 MB", place)
                continue
            line = line.removeprefix(_BOM).strip()
            if not line:
                continue
            if _is_json(line):
                yield place, line
            else:
                notes.leave_out("line that is not JSON", place)


def _line(file: Any, path: Path, number: int) -> bytes:
    try:
        line: bytes = file.readline(LONGEST_JSON_LINE + 1)
    except (OSError, EOFError) as error:
        raise ImportFailed(f"{path}:{number}: cannot be unpacked, the gzip data is damaged") from error
    return line


def _document(path: Path, notes: Notes) -> Iterator[tuple[str, bytes]]:
    data = beginning(path, LARGEST_DOCUMENT + 1).removeprefix(_BOM)
    if len(data) > LARGEST_DOCUMENT:
        raise ImportFailed(f"{path}: this JSON document is larger than 512 MB; write one message a line (JSONL)")
    try:
        items = _unwrapped(msgspec.Raw(data))
    except msgspec.DecodeError as error:
        raise ImportFailed(f"{path}: this is neither a JSON document nor JSONL") from error
    for number, item in enumerate(items, 1):
        yield (f"{path}, item {number}" if len(items) > 1 else str(path)), msgspec.json.format(bytes(item), indent=-1)


def _unwrapped(raw: msgspec.Raw, depth: int = 0) -> list[msgspec.Raw]:
    if bytes(raw).lstrip().startswith(b"["):
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    for key in _WRAPPERS:
        inner = bytes(fields[key]).lstrip() if key in fields else b""
        # A message may itself hold a field of that name; only what is no message is a wrapper.
        if not fields.keys() & {"msgid", "post_type", "sent_at"} and (
            inner.startswith(b"[") or (inner.startswith(b"{") and depth < 2)
        ):
            return _unwrapped(fields[key], depth + 1)
    return [raw]


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def json_objects(path: Path, notes: Notes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Items that are objects, decoded."""
    for place, item in json_items(path, notes):
        value = msgspec.json.decode(item)
        if isinstance(value, dict):
            yield place, value
        else:
            notes.leave_out("JSON value that is no object", place)


def text_of(value: Any) -> str | None:
    """A string that says something; numbers as they are written; anything else is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def whole(value: Any) -> int | None:
    """A whole number, also where a platform writes it as a string."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 2**62 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None


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
