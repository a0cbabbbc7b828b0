"""Messages as JSON: a decrypted message archive, OneBot events, or observations; one a line or in arrays.

Each object says by its fields which of the three it is. Observations are passed through byte for byte.
"""

from collections.abc import Iterator

import msgspec

from connectors.imports import archive, onebot
from connectors.imports.json_items import as_dict, json_items
from connectors.imports.source import ImportFailed, Notes, Source
from models import Observation

_DECODER = msgspec.json.Decoder(Observation)
_ENCODE = msgspec.json.Encoder().encode


def read(source: Source, notes: Notes) -> Iterator[tuple[Observation, bytes]]:
    """Each observation of a group with its line; conversations between two people are left out."""
    bridge = onebot.Reader()
    for place, line in json_items(source, notes):
        try:
            item = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            notes.leave_out("line that is not JSON", place)
            continue
        if isinstance(item, dict) and archive.is_archive(inner := as_dict(item.get("message"))):
            # As the page it came in, with the decrypted message in place of the encrypted one.
            item = inner
        if not isinstance(item, dict):
            notes.leave_out("JSON value that is no object", place)
        elif archive.is_encrypted(item):
            raise ImportFailed(f"{place}: the archive is still encrypted; decrypt it with the platform's SDK first")
        elif archive.is_archive(item):
            seen = archive.observation(item)
            if seen is None:
                notes.leave_out(archive.why_not(item), place)
            else:
                yield seen, _ENCODE(seen)
        elif onebot.is_onebot(item):
            seen = bridge.observation(item)
            if seen is not None:
                yield seen, _ENCODE(seen)
            elif item.get("post_type") != "meta_event":
                notes.leave_out(onebot.why_not(item), place)
        else:
            try:
                seen = _DECODER.decode(line)
            except msgspec.ValidationError:
                notes.leave_out("JSON object that is neither archive message, OneBot event nor observation", place)
                continue
            if seen.type != "clock.tick" and (not seen.id or seen.group is None or not seen.group.id):
                notes.leave_out("observation without id or group", place)
            else:
                yield seen, line
