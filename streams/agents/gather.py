"""Gather: finds campaigns, the same advert from many senders or in many groups, and asks one review for all of it."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, ClassVar, TypeVar

import numpy as np
from msgspec.structs import replace

from classifiers.likeness import Index
from models import DecisionTarget, Review, digest
from models.observation import Millis
from streams.topics import ACTIONS, LIKENESSES, Campaign, Effects, Gathered, Likeness, Planned, Record, value_of

HOUR: Millis = 60 * 60 * 1000
# Three people do not find the same words for an advert, and nobody has business with it in three groups; two are often two
# colleagues who passed something on.
SENDERS = GROUPS = 3
# Adverts are sent by hand or by robots within a morning; what comes later than this is another occasion.
WINDOW: Millis = 6 * HOUR
# What goes on after a day is asked about anew, whatever was decided.
LONGEST: Millis = 24 * HOUR
# Messages that belong to no campaign yet and are remembered, some 400 bytes each.
MOST_POSTS = 200_000
# Campaigns that are remembered; signatures, messages, and senders or groups of each.
_MOST_CAMPAIGNS, _MOST_SAMPLES, _MOST_LISTED, MOST_COUNTED = 1000, 16, 100, 1000

_SHOWN = {"ads": "广告", "fraud": "诈骗", "gambling": "赌博", "porn": "色情", "solicitation": "招揽"}
# An observation of which a likeness tells, with its group's key.
_Post = tuple[Likeness, str]
_NEVER: Millis = -(1 << 60)
_NOTHING = ("", "", "")
T = TypeVar("T")


class Gather:
    """Likenesses in, campaigns and their reviews out. What it knows is memory, rebuilt by `rewind`; it never punishes.

    A message that is alike to those of a campaign belongs to it, from `window` before its first to `window` after its last, at
    most a day. One that is alike to others within `window`, or by way of others, of so many `senders` or in so many `groups`
    together, makes a campaign of them. Of a sender who repeats himself in a group only the first counts. All is told by the
    order of the topic and the times of its records, and done twice it changes nothing.
    """

    name: ClassVar[str] = "gather"
    reads: ClassVar[tuple[str, ...]] = (LIKENESSES,)
    writes: ClassVar[tuple[str, ...]] = (LIKENESSES, ACTIONS)
    State: ClassVar[type[Any] | None] = None

    def __init__(
        self, *, senders: int = SENDERS, groups: int = GROUPS, window: Millis = WINDOW, most: int = MOST_POSTS
    ) -> None:
        self.senders, self.groups, self.window = senders, groups, window
        self._most = most
        self.forget()

    def __len__(self) -> int:
        """How many campaigns are remembered."""
        return len(self._campaigns)

    def keys(self, records: Sequence[Record]) -> set[str]:
        return set()

    def next_due(self, value: Any) -> None:
        return None

    def handle(self, records: Sequence[Record], state: Mapping[str, Any]) -> Effects:
        """Ask, or tell more of what was asked, once for each campaign that has grown."""
        for record in records:
            one = value_of(record)
            if one.campaign:
                # Published by a former owner, or by ourselves, and then it is known.
                self._take(one.campaign)
            elif one.likeness and (found := self._enter(one.likeness, record.key)):
                self._untold[found] = record
        effects = Effects()
        untold, self._untold = self._untold, {}
        for found, record in untold.items():
            campaign, at = self._campaigns[found], record.appended_at
            effects.records.append((LIKENESSES, campaign.group_key, Gathered(campaign=campaign), at))
            effects.records.append((ACTIONS, campaign.group_key, Planned(review=_review(campaign)), at))
        return effects

    def rewind(self, records: Sequence[Record]) -> None:
        """Rebuild the memory from records already handled, with no effects. Campaigns come first: theirs are no new ones."""
        read = [(record, value_of(record)) for record in records]
        for _, one in read:
            if one.campaign:
                self._take(one.campaign)
        for record, one in read:
            if one.likeness:
                self._enter(one.likeness, record.key)

    def forget(self) -> None:
        """Others gather now, or the memory is filled anew."""
        self._posts = _Memory(self._most)
        self._campaigns: dict[str, Campaign] = {}
        # Campaigns that have grown, and by which record. A record that cannot be used must not keep those before it untold.
        self._untold: dict[str, Record] = {}
        self._samples = Index(_MOST_CAMPAIGNS * _MOST_SAMPLES)
        self._sample_of = [""] * (_MOST_CAMPAIGNS * _MOST_SAMPLES)
        self._next_sample = 0

    def _enter(self, one: Likeness, group_key: str) -> str | None:
        """Take a message in; the campaign that has grown by it."""
        if campaign := self._campaign_of(one):
            return self._grow(campaign, [(one, group_key)])
        near = self._posts.around(one, self.window)
        alike = [self._posts.at(slot) for slot in near]
        members = [*alike, (one, group_key)]
        if len({each.sender for each, _ in members}) >= self.senders or len({key for _, key in members}) >= self.groups:
            self._posts.remove(near)
            return self._open(members)
        if not any((each.sender, key) == (one.sender, group_key) for each, key in alike):
            self._posts.add(one, group_key)
        return None

    def _campaign_of(self, one: Likeness) -> Campaign | None:
        """The campaign that a message belongs to, of several the first."""
        if not self._campaigns:
            return None
        ids = {self._sample_of[slot] for slot in self._samples.find(one.signature)}
        found = [self._campaigns[each] for each in ids if each in self._campaigns]
        lasting = [each for each in found if self._is_within(each, one.at)]
        return min(lasting, key=lambda each: (each.first_at, each.id), default=None)

    def _is_within(self, campaign: Campaign, at: Millis) -> bool:
        around = campaign.first_at - self.window < at < campaign.last_at + self.window
        return around and at < campaign.first_at + LONGEST

    def _open(self, members: Sequence[_Post]) -> str | None:
        """Make a campaign of messages, of which the last has shown it."""
        ordered = sorted(members, key=lambda each: (each[0].at, each[0].observation_id))
        first, group_key = ordered[0]
        new = Campaign(
            id=digest("g", first.observation_id),
            group_key=group_key,
            category=first.category,
            opened_at=members[-1][0].at,
            first_at=first.at,
            last_at=first.at,
            observations=(),
            senders=(),
            groups=(),
            samples=(),
        )
        return self._grow(new, ordered)

    def _grow(self, campaign: Campaign, members: Sequence[_Post]) -> str | None:
        """Count messages to a campaign; its id where that changes anything."""
        listed = ((one.observation_id, key) for one, key in members)
        return self._take(
            replace(
                campaign,
                first_at=min(campaign.first_at, *(one.at for one, _ in members)),
                last_at=max(campaign.last_at, *(one.at for one, _ in members)),
                observations=_with(campaign.observations, listed, _MOST_LISTED),
                senders=_with(campaign.senders, (one.sender for one, _ in members), MOST_COUNTED),
                groups=_with(campaign.groups, (key for _, key in members), MOST_COUNTED),
                samples=_with(campaign.samples, (one.signature for one, _ in members), _MOST_SAMPLES),
            )
        )

    def _take(self, told: Campaign) -> str | None:
        """Know a campaign as it is told, together with what was known of it; its id where that is new."""
        known = self._campaigns.get(told.id)
        new = told if known is None else _joined(known, told)
        if new == known:
            return None
        self._campaigns[new.id] = new
        for sample in new.samples[len(known.samples) if known else 0 :]:
            self._samples.put(self._next_sample, sample)
            self._sample_of[self._next_sample] = new.id
            self._next_sample = (self._next_sample + 1) % (_MOST_CAMPAIGNS * _MOST_SAMPLES)
        if len(self._campaigns) > _MOST_CAMPAIGNS:
            self._forget_oldest(but=new)
        return new.id

    def _forget_oldest(self, *, but: Campaign) -> None:
        oldest = min((one for one in self._campaigns.values() if one is not but), key=lambda one: (one.last_at, one.id))
        del self._campaigns[oldest.id]
        self._untold.pop(oldest.id, None)


class _Memory:
    """Messages that belong to no campaign, by slot; the oldest give way."""

    def __init__(self, most: int) -> None:
        self._index = Index(most)
        self._at = np.full(most, _NEVER)
        self._senders = np.zeros(most, np.uint64)
        self._told = [_NOTHING] * most
        self._next = 0

    def add(self, one: Likeness, group_key: str) -> None:
        slot = self._next
        self._index.put(slot, one.signature)
        self._at[slot], self._senders[slot] = one.at, int(one.sender, 16)
        # Of names that many share, one string is kept.
        self._told[slot] = one.observation_id, sys.intern(group_key), sys.intern(one.category)
        self._next = (slot + 1) % len(self._told)

    def around(self, one: Likeness, window: Millis) -> list[int]:
        """The slots of messages less than `window` apart that are alike, or alike to such ones, and so on.

        They are few: more of them would be a campaign, and remembered as that.
        """
        near: dict[int, None] = {}
        signatures = [one.signature]
        while signatures:
            for slot in self._index.find(signatures.pop()):
                if slot not in near and abs(self._at[slot] - one.at) < window:
                    near[slot] = None
                    signatures.append(self._index.signature(slot))
        return list(near)

    def at(self, slot: int) -> _Post:
        observation_id, group_key, category = self._told[slot]
        like = Likeness(
            observation_id=observation_id,
            signature=self._index.signature(slot),
            sender=f"{int(self._senders[slot]):016x}",
            at=int(self._at[slot]),
            category=category,
        )
        return like, group_key

    def remove(self, slots: Sequence[int]) -> None:
        self._at[slots] = _NEVER


def _with(kept: tuple[T, ...], more: Iterable[T], most: int) -> tuple[T, ...]:
    """The first `most` of these, each once."""
    return kept if len(kept) >= most else tuple(islice(dict.fromkeys(chain(kept, more)), most))


def _joined(one: Campaign, other: Campaign) -> Campaign:
    """All that is known of a campaign by both."""
    return replace(
        one,
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
        observations=_with(one.observations, other.observations, _MOST_LISTED),
        senders=_with(one.senders, other.senders, MOST_COUNTED),
        groups=_with(one.groups, other.groups, MOST_COUNTED),
        samples=_with(one.samples, other.samples, _MOST_SAMPLES),
    )


def _review(campaign: Campaign) -> Review:
    """The one question about a campaign, as much as is known of it; it grows under the same id."""
    senders, groups = (_said(len(one)) for one in (campaign.senders, campaign.groups))
    what = _SHOWN.get(campaign.category, "")
    return Review(
        id=digest("r", campaign.id, "campaign"),
        kind="campaign",
        on=DecisionTarget("campaign", campaign.id),
        group_id=campaign.group_key.partition(":")[2],
        clause="",
        subject="",
        opened_at=campaign.opened_at,
        why=f"内容相近的{what}信息多处出现：{senders}人，{groups}个群",
        detail={
            "senders": len(campaign.senders),
            "groups": len(campaign.groups),
            "first_at": campaign.first_at,
            "last_at": campaign.last_at,
            "category": campaign.category,
            "observations": [{"id": one, "group_key": key} for one, key in campaign.observations],
        },
    )


def _said(count: int) -> str:
    return f"{count} " if count < MOST_COUNTED else f"至少 {count} "
