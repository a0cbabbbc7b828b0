"""Who posts how much, how often the same, and since when: the last minutes of every sender, in memory.

All times are group time in milliseconds. Nothing here reads a clock or judges: how many messages are too many is the
pack's choice.
"""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from zlib import crc32

import numpy as np
import numpy.typing as npt

from classifiers.code_points import joined
from classifiers.conversation import is_receipt
from classifiers.folding.table import DROP, EXPAND, SPACE, table
from classifiers.pieces import BeheldPieces, Pieces
from models.observation import Millis

# Windows longer than this cannot be measured; a start reads the log back this far to fill them again.
KEEP: Millis = 15 * 60 * 1000
# Messages of one sender in one group that are remembered. No pack asks for more in a minute; more would let one robot
# fill the memory and slow down every question about it.
MOST_ENTRIES = 200
# Senders that are remembered, all groups together, about 120 MB if all posted within 15 minutes of their group's time.
MOST_SENDERS = 200_000
# Groups whose receipts are expected at once.
_MOST_EXPECTING = 50_000
# Code points of one text that its fingerprint reads.
_LONGEST = 20_000
# Fewer texts are read one by one, which costs less than an array for all of them.
_FEW = 4


def fingerprints(texts: Sequence[str]) -> list[int]:
    """For each text 32 bits that are equal for those which differ only in how they are dressed.

    That is case, width, accents, traditional characters, white space, punctuation and symbols, as folding has them. Of a text
    without any letter or digit, such as 👍👍, the symbols count. At most 20,000 code points are read. Others may share them by
    chance or on purpose: who repeats himself is looked for among 200 messages of his own, so nobody else suffers.
    """
    bare = _bare()
    if len(texts) < _FEW:
        return [_alone(text[:_LONGEST], bare) for text in texts]
    found: list[int] = []
    for codes, bounds in joined([text[:_LONGEST] for text in texts]):
        plain = bare[codes]
        places = np.flatnonzero(plain)
        said = plain[places].tobytes()
        ends = (np.searchsorted(places, bounds) * plain.itemsize).tolist()
        found += [crc32(said[start:end]) for start, end in pairwise(ends)]
    return [one or _of_signs(text[:_LONGEST]) for one, text in zip(found, texts, strict=True)]


def _alone(text: str, bare: npt.NDArray[np.uint32]) -> int:
    return crc32(array("I", filter(None, map(bare.item, map(ord, text))))) or _of_signs(text)


def _of_signs(text: str) -> int:
    return crc32("".join(text.split()).encode("utf-8", "surrogatepass"))


@cache
def _bare() -> npt.NDArray[np.uint32]:
    """What each letter and digit becomes by folding; 0 for everything else."""
    fold, kind = table().fold, table().kind
    one = np.where(fold < EXPAND, fold, 0)
    return np.where((kind[one] < SPACE) | ((fold >= EXPAND) & (fold != DROP)), fold, np.uint32(0))


class _Clock:
    """The newest group time of one group, shared by its senders."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now: Millis | None = None


# When it was sent, how many had arrived with it, its fingerprint, its observation, and whether it was expected: of what may be a
# receipt the words, until somebody counts it.
_Entry = tuple[Millis, int, int, str, bool | str]


class Recent:
    """One sender's last messages in one group: of 15 minutes before the newest, at most 200, ordered by group time."""

    __slots__ = ("_clock", "_entries", "_newest")

    def __init__(self, clock: _Clock | None = None) -> None:
        # By sent_at, of equal ones in order of arrival.
        self._entries: list[_Entry] = []
        self._newest = 0
        self._clock = clock

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, sent_at: Millis, fingerprint: int, observation_id: str, expected: bool | str) -> None:
        """Enter one message, in any order. A known id, or one 15 minutes older than the newest, changes nothing.

        `expected` messages, receipts after a notice, are remembered but never counted. Given its words instead, a message is
        expected if it is a receipt: nearly nobody posts so much that this is ever asked.
        """
        entries = self._entries
        place = len(entries)
        if entries:
            if any(one[3] == observation_id for one in entries):
                return
            newest = entries[-1][0]
            if sent_at < newest:
                if sent_at <= newest - KEEP:
                    return
                place = bisect_left(entries, (sent_at + 1,))
        self._newest += 1
        entries.insert(place, (sent_at, self._newest, fingerprint, observation_id, expected))
        oldest = entries[-1][0] - KEEP
        if entries[0][0] <= oldest or len(entries) > MOST_ENTRIES:
            del entries[: max(bisect_left(entries, (oldest + 1,)), len(entries) - MOST_ENTRIES)]
        clock = self._clock
        if clock is not None and (clock.now is None or sent_at > clock.now):
            clock.now = sent_at

    def as_of(self, observation_id: str) -> "Recent":
        """What was known when this message came: who handles it once more has to find what was found at first.

        It matters where later ones bear the same time or an earlier one.
        """
        entries = self._entries
        if entries and entries[-1][3] == observation_id and entries[-1][1] == self._newest:
            # As nearly always: the last one, handled for the first time.
            return self
        arrived = next((one[1] for one in entries if one[3] == observation_id), None)
        if arrived is None:
            return self
        then = Recent()
        then._entries = [one for one in entries if one[1] <= arrived]
        return then

    def _counted(self, place: int) -> bool:
        """Whether an entry counts: it was not expected."""
        sent_at, arrived, printed, observation_id, expected = self._entries[place]
        if isinstance(expected, str):
            expected = is_receipt(expected)
            self._entries[place] = sent_at, arrived, printed, observation_id, expected
        return not expected

    def _inside(self, now: Millis, window: Millis) -> tuple[int, int]:
        """The entries later than `now - window` and not later than `now`, half open."""
        entries = self._entries
        end = len(entries)
        if end and entries[-1][0] > now:
            end = bisect_left(entries, (now + 1,))
        return bisect_left(entries, (now - window + 1,), 0, end), end

    def flood(self, now: Millis, limit: int, window: Millis, repeats: int) -> tuple[int, int, str] | None:
        """How many posts, how often the newest, and the flood's first message; None up to `limit` and `repeats` of them.

        No pack has `repeats` above `limit`: up to `repeats` posts are no flood.
        """
        entries = self._entries
        # By far the commonest: too few, expected and later ones included.
        if len(entries) <= repeats or entries[-repeats - 1][0] <= now - window:
            return None
        posts, repeated = posts_within(self, now, window), repeats_within(self, now, window)
        if posts <= limit and repeated <= repeats:
            return None
        return posts, repeated, self.first_of_episode(now, window)

    def first_of_episode(self, now: Millis, window: Millis) -> str:
        """The id of the first message of the flood that goes on at `now`; "" if none was sent within `window`.

        A flood is a run of messages, expected ones left out, each less than `window` after the one before, the last
        less than `window` before `now`. Of a run longer than what is remembered it is the earliest still known.
        """
        first, later = "", now
        for place in reversed(range(len(self._entries))):
            sent_at, _, _, observation_id, _ = self._entries[place]
            if sent_at > now or not self._counted(place):
                continue
            if later - sent_at >= window:
                break
            first, later = observation_id, sent_at
        return first


def posts_within(recent: Recent, now: Millis, window: Millis) -> int:
    """How many messages were sent later than `now - window` and not later than `now`, without expected ones.

    Exact for windows up to 15 minutes and up to 200 messages.
    """
    return sum(map(recent._counted, range(*recent._inside(now, window))))


def repeats_within(recent: Recent, now: Millis, window: Millis) -> int:
    """How often the newest message's text was sent within `window` up to `now`, the newest included.

    Expected messages do not count; if the newest was expected, this is how often the same was sent unexpectedly.
    """
    start, end = recent._inside(now, window)
    if start == end:
        return 0
    entries = recent._entries
    newest = entries[end - 1][2]
    return sum(entries[place][2] == newest and recent._counted(place) for place in range(start, end))


def _is_idle(recent: Recent, now: Millis) -> bool:
    entries = recent._entries
    return not entries or entries[-1][0] <= now - KEEP


class _Group:
    __slots__ = ("clock", "senders")

    def __init__(self) -> None:
        self.clock = _Clock()
        # Least recently asked for first.
        self.senders: OrderedDict[str, Recent] = OrderedDict()


class Windows:
    """The last minutes of all senders of all groups, in bounded memory.

    A sender who was silent for 15 minutes of the group's time is forgotten, two at most with each call, so that no call
    is slow. Of groups without messages time stands still; beyond 200,000 senders those of the group that was silent
    longest go first. `pieces` are their short messages.
    """

    def __init__(self, *, most_senders: int = MOST_SENDERS) -> None:
        self.pieces = Pieces()
        self._most = most_senders
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._size = 0
        self._expecting: OrderedDict[str, Millis] = OrderedDict()

    def __len__(self) -> int:
        """How many senders are remembered."""
        return self._size

    def clear(self) -> None:
        """Forget everything."""
        self.pieces.clear()
        self._groups.clear()
        self._expecting.clear()
        self._size = 0

    def beheld(self) -> "Windows":
        """The same windows for who may not change them."""
        return Beheld(self)

    def of(self, group_key: str, sender: str) -> Recent:
        """The messages of one sender in one group; to be used at once, for a later call may forget it."""
        group = self._groups.get(group_key)
        if group is None:
            group = self._groups[group_key] = _Group()
        else:
            self._groups.move_to_end(group_key)
        senders = group.senders
        recent = senders.get(sender)
        if recent is None:
            recent = senders[sender] = Recent(group.clock)
            self._size += 1
            if self._size > self._most:
                self._drop_oldest()
        else:
            senders.move_to_end(sender)
        now = group.clock.now
        if now is not None and _is_idle(next(iter(senders.values())), now):
            self._drop_idle(senders, now, recent)
        return recent

    def _drop_idle(self, senders: OrderedDict[str, Recent], now: Millis, asked: Recent) -> None:
        """Two, where one comes in: so the idle ones shrink even while nobody but newcomers posts."""
        for _ in range(2):
            sender, oldest = next(iter(senders.items()))
            if oldest is asked or not _is_idle(oldest, now):
                return
            del senders[sender]
            self._size -= 1

    def forget(self, group_key: str, sender: str) -> None:
        """Forget what one sender posted in a group."""
        self.pieces.forget(group_key, sender)
        group = self._groups.get(group_key)
        if group is not None and group.senders.pop(sender, None) is not None:
            self._size -= 1
            if not group.senders:
                del self._groups[group_key]

    def _drop_oldest(self) -> None:
        key, group = next(iter(self._groups.items()))
        group.senders.popitem(last=False)
        self._size -= 1
        if not group.senders:
            del self._groups[key]

    def expect_receipts(self, group_key: str, *, until: Millis) -> None:
        """After a notice: receipts in the group up to `until` are answers, not flooding. The latest `until` holds."""
        known = self._expecting.get(group_key)
        if known is None or until > known:
            self._expecting[group_key] = until
            self._expecting.move_to_end(group_key)
            if len(self._expecting) > _MOST_EXPECTING:
                self._expecting.popitem(last=False)

    def receipts_expected(self, group_key: str, now: Millis) -> bool:
        """Whether a receipt at `now` answers a notice."""
        until = self._expecting.get(group_key)
        if until is None:
            return False
        if until + KEEP < now:
            # Nobody whose message is late by less than KEEP needs it any more.
            del self._expecting[group_key]
        return now <= until


class Beheld(Windows):
    """Windows as they stand, for who judges once more what their owner has judged: nothing is entered or forgotten."""

    def __init__(self, owned: Windows) -> None:
        super().__init__()
        self._owned = owned
        self.pieces = BeheldPieces(owned.pieces)

    def of(self, group_key: str, sender: str) -> Recent:
        """As the owner has them. The newest message is among them: to enter it again changes nothing."""
        group = self._owned._groups.get(group_key)
        recent = group.senders.get(sender) if group is not None else None
        return Recent() if recent is None else recent

    def forget(self, group_key: str, sender: str) -> None:
        """The owner does."""

    def expect_receipts(self, group_key: str, *, until: Millis) -> None:
        """The owner does."""

    def receipts_expected(self, group_key: str, now: Millis) -> bool:
        until = self._owned._expecting.get(group_key)
        return until is not None and now <= until
