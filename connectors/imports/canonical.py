"""Observations in our own form: passed through byte for byte, unknown fields included."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from connectors.imports.json_items import json_items
from connectors.imports.source import Notes
from models import Observation

_DECODER = msgspec.json.Decoder(Observation)


def read(path: Path, *, notes: Notes | None = None) -> Iterator[Observation]:
    return (seen for seen, _ in read_lines(path, notes=notes))


def read_lines(path: Path, *, notes: Notes | None = None) -> Iterator[tuple[Observation, bytes]]:
    """Each observation and its line as it stands in the file."""
    notes = notes or Notes()
    for place, item in json_items(path, notes):
        try:
            seen = _DECODER.decode(item)
        except msgspec.ValidationError:
            notes.leave_out("line that is no observation", place)
            continue
        if seen.type != "clock.tick" and (not seen.id or seen.group is None or not seen.group.id):
            notes.leave_out("observation without id or group", place)
            continue
        yield seen, item
