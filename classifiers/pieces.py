"""The last short messages of every sender, so that words which are cut over several of them can be read as one.

加 / 我微 / 信, one after the other, is 加我微信. Pieces are kept in memory alone; what is read of them together is measured
in `classifiers.measure`. All times are group time in milliseconds.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence

from models import Observation
from models.observation import Millis

# Letters and digits of a short message, and its code points with all signs between them.
MOST_SAID, MOST_WRITTEN = 12, 40
# Messages that are read as one, the last included, and the longest time between two of them.
MOST_JOINED = 6
LONGEST_GAP: Millis = 60 * 1000
# As far back as six pieces may reach; older ones are forgotten.
KEEP: Millis = (MOST_JOINED - 1) * LONGEST_GAP
# Of one sender more are remembered than are read, for a record may be handled again after later ones.
_MOST_REMEMBERED = 32
# Of all senders together, about 90 MB if each of them wrote one.
MOST_PIECES = 200_000

# How the classifier of words over the border of messages is called, before the version of the lists.
JOINED = "joined@"

_SAYS_MORE = re.compile(rf"(?:[\W_]*[^\W_]){{{MOST_SAID + 1}}}")


def is_piece(seen: Observation) -> bool:
    """Say whether a message is short enough to be a piece of a word: own words without a quotation, and at least one sign."""
    text = seen.text
    if not text or len(text) > MOST_WRITTEN or seen.type != "message.created" or seen.sender is None or text[0] == "「":
        return False
    # Most longer messages begin with so many letters, and that is found out at once.
    return len(text) <= MOST_SAID or (not text[: MOST_SAID + 1].isalnum() and _SAYS_MORE.match(text) is None)


_Entry = tuple[Millis, str, str]


class Pieces:
    """The short messages of the last five minutes by group and sender, in bounded memory.

    With each that comes in, two senders at most are forgotten who wrote none for five minutes of the group's time. In groups
    without messages time stands still; beyond the bound those of the group that was silent longest go first.
    """

    def __init__(self, *, most: int = MOST_PIECES) -> None:
        self._most = most
        self._size = 0
        # Of each sender (sent_at, id, text) in the order of the log; groups and senders, least recently heard of first.
        self._groups: OrderedDict[str, OrderedDict[str, list[_Entry]]] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return self._size

    def clear(self) -> None:
        """Forget everything."""
        self._groups.clear()
        self._size = 0

    def enter(self, group_key: str, sender: str, sent_at: Millis, observation_id: str, text: str) -> Sequence[str]:
        """Remember one, and give those which it may go on from, oldest first: five at most, no gap above a minute.

        A known id is not entered again and gives the same.
        """
        senders = self._groups.setdefault(group_key, OrderedDict())
        entries = senders.setdefault(sender, [])
        self._groups.move_to_end(group_key)
        senders.move_to_end(sender)
        place = _place(entries, observation_id)
        if place is None:
            place = len(entries)
            entries.append((sent_at, observation_id, text))
            self._size += 1
        before = _before(entries, place)
        self._forget(senders, entries, sent_at)
        return before

    def forget(self, group_key: str, sender: str) -> None:
        """Forget those of one sender in a group."""
        senders = self._groups.get(group_key) or OrderedDict()
        self._size -= len(senders.pop(sender, ()))
        if not senders:
            self._groups.pop(group_key, None)

    def _forget(self, senders: OrderedDict[str, list[_Entry]], entries: list[_Entry], now: Millis) -> None:
        old = max(len(entries) - _MOST_REMEMBERED, 0)
        while old < len(entries) - 1 and entries[old][0] < now - KEEP:
            old += 1
        del entries[:old]
        self._size -= old
        for _ in range(2):
            if not senders or next(iter(senders.values()))[-1][0] >= now - KEEP:
                break
            self._size -= len(senders.popitem(last=False)[1])
        while self._size > self._most:
            key, oldest = next(iter(self._groups.items()))
            if oldest:
                self._size -= len(oldest.popitem(last=False)[1])
            if not oldest:
                del self._groups[key]


class BeheldPieces(Pieces):
    """Pieces as they stand, for who judges once more what their owner has judged: none is entered, moved or forgotten."""

    def __init__(self, owned: Pieces) -> None:
        super().__init__()
        self._owned = owned

    def enter(self, group_key: str, sender: str, sent_at: Millis, observation_id: str, text: str) -> Sequence[str]:
        """What a piece goes on from; nothing where the owner has forgotten it."""
        senders = self._owned._groups.get(group_key)
        entries = senders.get(sender, []) if senders is not None else []
        place = _place(entries, observation_id)
        return () if place is None else _before(entries, place)


def _place(entries: Sequence[_Entry], observation_id: str) -> int | None:
    return next((i for i, one in enumerate(entries) if one[1] == observation_id), None)


def _before(entries: Sequence[_Entry], place: int) -> list[str]:
    """The texts that the one at a place goes on from."""
    first = place
    while first and place - first < MOST_JOINED - 1 and _is_close(entries[first - 1], entries[first]):
        first -= 1
    return [one[2] for one in entries[first:place]]


def _is_close(one: _Entry, other: _Entry) -> bool:
    return abs(other[0] - one[0]) <= LONGEST_GAP
