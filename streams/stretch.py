"""The proof that what is clean was judged too: one row for a stretch of the log, instead of one for every observation."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from models import Observation
from streams.topics import Record


class Stretch:
    """Records of one partition, in order, that `screen` has handled. Those that could not be used do not count."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._first = records[0].offset
        self.count = 0
        self._digest = blake2b(digest_size=12)
        self.grow(records)

    def grow(self, records: Sequence[Record]) -> None:
        """Take in the records that follow."""
        ids = [one.decoded.id for one in records if isinstance(one.decoded, Observation) and one.decoded.id]
        self._last = records[-1].offset
        self.count += len(ids)
        self._digest.update("\n".join((*ids, "")).encode("utf-8", "surrogatepass"))

    def row(self) -> tuple[str, dict[str, Any]]:
        """The row, with its table. `digest`: BLAKE2b, 96 bits, of the ids, each with a line feed behind it."""
        place = {"first": self._first, "last": self._last}
        return "judged", {**place, "count": self.count, "digest": self._digest.hexdigest()}
