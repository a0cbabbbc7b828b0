"""Open deadlines: the dates on which rules look again."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from models.observation import Millis


# Python need not look for cycles among them: a group may have a hundred, and `data` holds plain values.
class Deadline(Struct, array_like=True, gc=False):
    """A date on which a rule looks again, at `subject`; `cause` is what set it. A place has one of the same three.

    Encoded as an array in this order: a new field goes to the end, with a default.
    """

    due_at: Millis
    subject: str
    cause: str
    data: dict[str, Any] = {}


class _DueAt(Struct, array_like=True):
    """What is read of a deadline first."""

    due_at: Millis


_DUE_AT = msgspec.json.Decoder(_DueAt)
_ONE = msgspec.json.Decoder(Deadline)
_SOME = msgspec.json.Decoder(list[Deadline])


class Deadlines:
    """Open deadlines by the place that set them; in a place earliest first, and of those due together the one that was set first.

    Those of a place are read when somebody asks for them: time that passes in a group is about a few of a hundred.
    """

    __slots__ = ("_kept",)

    def __init__(self, kept: dict[str, list[Any]]) -> None:
        """`kept` has in order those of each place, at least one, at the end those that were not read yet (`Raw`).

        It is changed in place.
        """
        self._kept = kept

    @property
    def places(self) -> Collection[str]:
        return self._kept.keys()

    @property
    def next_due(self) -> Millis | None:
        return min((_due_at(some[0]) for some in self._kept.values()), default=None)

    def before(self, time: Millis) -> list[tuple[str, Deadline]]:
        """Those that are due before a time, each with its place."""
        found: list[tuple[str, Deadline]] = []
        for place, some in self._kept.items():
            for index, one in enumerate(some):
                if _due_at(one) >= time:
                    break
                if type(one) is not Deadline:
                    one = some[index] = _ONE.decode(one)
                found.append((place, one))
        return found

    def of(self, place: str) -> list[Deadline]:
        """Those of a place, as they are now: who goes through them may end some."""
        some = self._kept.get(place)
        return list(_read(some)) if some else []

    def add(self, place: str, one: Deadline) -> None:
        """Keep one, instead of the same one."""
        self.end(place, one)
        some = self._kept.setdefault(place, [])
        some.insert(bisect_right(_read(some), one.due_at, key=_due_at), one)

    def end(self, place: str, one: Deadline) -> None:
        """Keep one no longer; it may have ended before."""
        some = self._kept.get(place, [])
        for index, other in enumerate(some):
            if type(other) is not Deadline:
                other = some[index] = _ONE.decode(other)
            if other.due_at > one.due_at:
                return
            if (other.due_at, other.subject, other.cause) == (one.due_at, one.subject, one.cause):
                del some[index]
                if not some:
                    del self._kept[place]
                return

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def __bool__(self) -> bool:
        return bool(self._kept)

    def __iter__(self) -> Iterator[tuple[str, Deadline]]:
        return ((place, one) for place in list(self._kept) for one in self.of(place))


def _due_at(one: Any) -> Millis:
    at: Millis = one.due_at if type(one) is Deadline else _DUE_AT.decode(one).due_at
    return at


def _read(some: list[Any]) -> list[Deadline]:
    if some and type(some[-1]) is not Deadline:
        first = next(index for index, one in enumerate(some) if type(one) is not Deadline)
        some[first:] = _SOME.decode(b"[" + b",".join(some[first:]) + b"]")
    return some
