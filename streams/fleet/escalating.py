"""The host of escalate: one of many owners of a ledger."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from models.observation import Millis
from streams.agents import Escalate
from streams.fleet.control import Editions
from streams.fleet.hosts import Chunk, JudgingHost, Kept, encode, outgoing, set_aside
from streams.fleet.kafka import LEDGER
from streams.ledger import Decided, Stored
from streams.topics import VIEWS, Effects, Record, record_of, value_of


class Published(Struct, frozen=True):
    """What a decision brought: all that is published, kept with the ledger until it is certain to be out."""

    records: list[tuple[str, str, msgspec.Raw, Millis]]


class Asked(NamedTuple):
    """What one record of a batch means for one subject. `place` counts the records of the batch."""

    place: int
    record: Record
    subject: str

    @property
    def id(self) -> str:
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"


class EscalateHost(JudgingHost):
    """Escalate, one of many owners of a ledger. Saves ledger and decision at once, then publishes the decision."""

    agent: Escalate

    def __init__(self, editions: Editions, *given: Any) -> None:
        super().__init__(editions.kept[0].escalate, editions, *given)
        # Decisions that a replay would ask for, until their offset is committed.
        self._kept: dict[tuple[str, int], deque[tuple[int, str, str]]] = {}

    async def handle(self, chunks: Sequence[Chunk]) -> None:
        await self._patiently(self._ready)
        records = enumerate(record for chunk in chunks for record in chunk)
        waiting = deque(Asked(n, record, subject) for n, record in records for subject in self._subjects(record))
        decided_here = {(one.place, one.subject): (one.subject, one.id) for one in waiting}
        decided: dict[tuple[int, str], Published] = {}
        broken: list[Record] = []
        while waiting:
            # One record of each subject at a time: the next one begins with the ledger that this one leaves.
            turn, waiting = _first_of_each(waiting)
            again = await self._decide(turn, decided, broken)
            waiting.extendleft(reversed(again))
        order = sorted(decided, key=lambda one: one[0])
        brought = [*_records(decided, order), *broken]
        await self._publish(brought)
        await self._keep_ledgers({subject for _, subject in order})
        if not await self._patiently(lambda: self._states.keeps([decided_here[one] for one in order])):
            # Redis was emptied, and filled again from a log that did not hold these ledgers yet: what was just kept may be older.
            await self.handle(chunks)
            return
        start = 0
        for chunk in chunks:
            mine = [one for one in order if start <= one[0] < start + len(chunk)]
            brought = [one for one in _records(decided, mine) if one.topic != VIEWS]
            told = [(one.topic, one.key, value_of(one), one.appended_at) for one in brought]
            self.counted(chunk, Effects(records=told))
            start += len(chunk)

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """Decisions below this offset are out, and nobody will ask for them again."""
        kept = self._kept.get((topic, partition), deque())
        past = [(subject, record_id) for at, subject, record_id in kept if at < offset]
        if past:
            await self._states.forget(past)
        while kept and kept[0][0] < offset:
            kept.popleft()

    def _subjects(self, record: Record) -> list[str]:
        try:
            return sorted(self.agent.keys([record]))
        except msgspec.MsgspecError:
            return [""]

    async def _decide(
        self, turn: Sequence[Asked], decided: dict[tuple[int, str], Published], broken: list[Record]
    ) -> list[Asked]:
        """Decide these; what has to be decided once more, because somebody else saved a ledger meanwhile."""
        known = await self._patiently(lambda: self._states.stored_decision([(one.subject, one.id) for one in turn]))
        ledgers = await self._patiently(lambda: self._states.load(self.agent.name, [one.subject for one in turn]))
        new: list[tuple[Asked, Decided]] = []
        for one, stored in zip(turn, known, strict=True):
            if stored is not None:
                decided[one.place, one.subject] = _PUBLISHED.decode(stored)
                self._remember(one)
                continue
            made = self._made(one, ledgers.get(one.subject))
            if isinstance(made, Record):
                broken.append(made)
            elif made is not None:
                new.append((one, made))
        if not new:
            return []
        answers = await self._patiently(lambda: self._states.decide([made for _, made in new]))
        again = []
        for (one, _), answer in zip(new, answers, strict=True):
            if answer.outcome == "conflict":
                again.append(one)
                continue
            decided[one.place, one.subject] = _PUBLISHED.decode(answer.decision)
            self._remember(one)
        return again

    def _made(self, asked: Asked, stored: Stored | None) -> Decided | Record | None:
        """The decision on one record for one subject; a dead letter where the agent breaks; None where nothing follows."""
        record, subject = asked.record, asked.subject
        before = stored.value if stored else None
        self.agent = self._editions.at(record.appended_at).escalate
        try:
            ledger = self._decoder.decode(before) if before else None
            effects = self.agent.handle([record], {subject: ledger})
            after = encode(effects.state[subject]) if subject in effects.state else None
        except Exception as error:
            effects = set_aside(self.agent, record, error)
            return outgoing(effects, record)[0]
        changed = after if after is not None and after != (before or _EMPTY_LEDGER) else None
        brought = outgoing(effects, record)
        if changed is None and not brought:
            return None
        decision = encode(Published([(one.topic, one.key, msgspec.Raw(one.value), one.appended_at) for one in brought]))
        return Decided(subject, asked.id, stored.version if stored else 0, changed, decision)

    def _remember(self, asked: Asked) -> None:
        record = asked.record
        kept = self._kept.setdefault((record.topic, record.partition), deque())
        kept.append((record.offset, asked.subject, asked.id))

    async def _keep_ledgers(self, subjects: Iterable[str]) -> None:
        """Publish the ledgers as they are now; again where another owner saved a newer one meanwhile."""
        open_ones = dict.fromkeys(sorted(subjects), 0)
        while open_ones:
            asked = list(open_ones)
            found = await self._patiently(lambda asked=asked: self._states.load(self.agent.name, asked))
            newer = {
                one: found[one] for one, version in open_ones.items() if one in found and found[one].version > version
            }
            if not newer:
                return
            await self._publish(
                [
                    record_of(LEDGER, one, Kept(self.agent.name, held.version, msgspec.Raw(held.value)), -1)
                    for one, held in newer.items()
                ]
            )
            open_ones = {one: held.version for one, held in newer.items()}


_PUBLISHED = msgspec.json.Decoder(Published)
_EMPTY_LEDGER = b"{}"


def _first_of_each(waiting: Iterable[Asked]) -> tuple[list[Asked], deque[Asked]]:
    """The first record of each subject, and what has to wait for it."""
    first: dict[str, Asked] = {}
    later: deque[Asked] = deque()
    for one in waiting:
        if first.setdefault(one.subject, one) is not one:
            later.append(one)
    return list(first.values()), later


def _records(decided: Mapping[tuple[int, str], Published], order: Iterable[tuple[int, str]]) -> Iterator[Record]:
    for one in order:
        for topic, key, value, at in decided[one].records:
            yield Record(topic, key, bytes(value), -1, at)
