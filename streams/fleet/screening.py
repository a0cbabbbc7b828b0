"""The host of screen: the one owner of its groups' states."""

import asyncio
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

import msgspec

from models.observation import Millis
from streams.agents import Screen
from streams.embedded import tick_body
from streams.fleet.control import Edition, Editions
from streams.fleet.hosts import Chunk, JudgingHost, Kept, encode, outgoing, set_aside
from streams.fleet.kafka import GROUP_STATE
from streams.ledger import Change
from streams.shadow import Beside, Shadow
from streams.stretch import Stretch
from streams.topics import AGAIN, OBSERVATIONS, VIEWS, Effects, Record, Rows, record_of

# Seconds of CPU that a turn of open ticks may take, for messages wait meanwhile; and how many groups it reaches, over all
# partitions: at first, then as many as fit, within bounds. What is saved in one step stops Redis meanwhile.
_TURN_SECONDS = 0.016
_FIRST_GROUPS, _LEAST_GROUPS, _MOST_GROUPS = 16, 8, 500
# One partition after the other, because a batch that is published costs as much with one record as with many; of each other
# one only so many groups, for where little is due it is soon done everywhere.
_BESIDE = 4
# Bytes of states at hand, as they are stored. Beyond, the longest unused go.
_MOST_HELD = 32 << 20
# States that go to the compacted topic at once; where so many wait for it, they do not wait for the next commit. Where the
# most wait, nothing more is judged until they are there.
_SETTLED_AT_ONCE, _MOST_UNSETTLED = 64, 512


class ScreenHost(JudgingHost):
    """Screen, the one owner of its groups' states. Publishes, then saves: what is published twice has the same ids.

    From the compacted topic an empty Redis is rebuilt. What was saved has to be there before offsets are committed, not
    before the next batch: `settle` publishes it for whoever commits, so a group that changes often goes out once.
    """

    agent: Screen

    def __init__(self, editions: Editions, *given: Any) -> None:
        super().__init__(editions.kept[0].screen, editions, *given)
        self._held: dict[str, _Held] = {}
        self._bytes = 0
        # By group, the state that was saved and is not on the compacted topic yet; by place, the proof of a stretch.
        self._unsettled: dict[str | tuple[int, int], Record] = {}
        self._settling = asyncio.Lock()
        self._beside: asyncio.Task[None] | None = None
        # By partition, what was judged since the last commit, and its first record.
        self._stretches: dict[int, tuple[Record, Stretch]] = {}
        # By partition, ticks that may not have reached every group yet.
        self._open: dict[int, _Ticks] = {}
        self._groups_a_turn = _FIRST_GROUPS
        # What judges beside the edition in force; nothing of it is stored but its rows.
        self._shadow: Shadow | None = None
        self._shadowing = Beside()

    def kept(self) -> Mapping[str, int]:
        windows = self._editions.kept[0].screen.windows
        return {"groups": len(self._held), "senders": len(windows), "pieces": len(windows.pieces)}

    async def handle(self, chunks: Sequence[Chunk]) -> None:
        """Judge a batch. A tick without a group reaches every group of its partition in which something is due.

        It does so by and by, see `go_on`; what is said in a group waits for the ticks before it, and for no other group.
        """
        await self._patiently(self._ready)
        # What is of one partition comes in its order, by the edition that was in force; the partitions go side by side.
        lanes: dict[int, deque[tuple[tuple[bool, Edition], Chunk]]] = {}
        for chunk in chunks:
            runs = ((kind, list(some)) for kind, some in groupby(chunk, key=self._kind))
            lanes.setdefault(chunk[0].partition, deque()).extend(runs)
        while lanes:
            turn: dict[tuple[bool, Edition], list[Chunk]] = {}
            for lane in lanes.values():
                kind, some = lane.popleft()
                turn.setdefault(kind, []).append(some)
            lanes = {partition: lane for partition, lane in lanes.items() if lane}
            for (ticks, edition), abreast in turn.items():
                if ticks:
                    for some in abreast:
                        ticks = self._open.setdefault(some[0].partition, _Ticks())
                        for one in some:
                            ticks.open(one, (edition, edition.screen.calendar.day_began(one.appended_at)))
                else:
                    ahead = await self._catch_up_with_ticks(edition, abreast)
                    self.agent, self._shadow = edition.screen, edition.shadow
                    await self._judge([[*ahead.get(some[0].partition, ()), *some] for some in abreast])
                    for some in abreast:
                        self._note_reached(ahead.get(some[0].partition, ()))
                        self._prove(some)

    def _kind(self, record: Record) -> tuple[bool, Edition]:
        return _is_tick(record), self._editions.at(record.appended_at)

    async def go_on(self) -> bool:
        """Let open ticks reach some more groups, as many as messages may wait for."""
        if not self._open:
            return False
        began = time.thread_time()
        most = self._groups_a_turn
        asked = [
            (partition, one.last, (min(most, _BESIDE) if number else most) + one.stuck)
            for number, (partition, one) in enumerate(self._open.items())
        ]
        found = await self._patiently(lambda: self._states.dues(asked))
        turn: list[tuple[Record, str]] = []
        for (partition, _, limit), dues in zip(asked, found, strict=True):
            ticks = self._open[partition]
            fresh = [(due, tick, key) for key, due in dues if (tick := ticks.next_for(key, due))]
            ticks.stuck = len(dues) - len(fresh)
            if fresh:
                ticks.close(before=fresh[0][0])
            elif len(dues) < limit:
                del self._open[partition]
            turn += [(tick, key) for _, tick, key in fresh]
        if turn := turn[:most]:
            await self._reach(turn)
            fit = round(len(turn) * _TURN_SECONDS / (time.thread_time() - began))
            self._groups_a_turn = max(_LEAST_GROUPS, min(fit, 2 * self._groups_a_turn, _MOST_GROUPS))
        await self._settle_beside()
        return bool(self._open)

    async def _settle_beside(self) -> None:
        """Nothing is committed while ticks are open: what they change would pile up. No message waits for Kafka meanwhile."""
        if self._beside is not None and (self._beside.done() or len(self._unsettled) >= _MOST_UNSETTLED):
            # Not `await` of the task: who cancels this would cancel it.
            await asyncio.wait({self._beside})
            self._beside.result()
            self._beside = None
        if self._beside is None and len(self._unsettled) >= _SETTLED_AT_ONCE:
            self._beside = asyncio.create_task(self.settle())

    def is_unfinished(self, topic: str, partition: int, end: int) -> bool:
        ticks = self._open.get(partition) if topic == OBSERVATIONS else None
        return ticks is not None and ticks.first < end

    async def settle(self) -> None:
        """Publish what was judged and the states that were saved since the last time.

        Many states in parts, for others wait meanwhile.
        """
        async with self._settling:
            for partition, (first, stretch) in self._stretches.items():
                if stretch.count:
                    proof = record_of(VIEWS, first.key, Rows([stretch.row()]), first.appended_at)
                    self._unsettled[partition, first.offset] = proof
            self._stretches.clear()
            waiting = list(self._unsettled.items())
            for start in range(0, len(waiting), _SETTLED_AT_ONCE):
                some = waiting[start : start + _SETTLED_AT_ONCE]
                await self._publish([record for _, record in some])
                for name, record in some:
                    if self._unsettled.get(name) is record:
                        del self._unsettled[name]

    def forget(self) -> None:
        """Another owner may have gone on from here: nothing at hand can be trusted."""
        self._held.clear()
        self._bytes = 0
        self._open.clear()
        self._stretches.clear()

    async def _catch_up_with_ticks(self, edition: Edition, chunks: Iterable[Chunk]) -> dict[int, list[Record]]:
        """Let open ticks reach the groups of these chunks, which come after them: a group has one order.

        Not the last of them, where it is judged as the chunks are: it is given, by partition, to be judged in one go with what
        is said, so that the state is loaded and saved once.
        """
        asked = [
            (chunk[0].partition, key)
            for chunk in chunks
            if chunk[0].topic == OBSERVATIONS and chunk[0].partition in self._open
            for key in sorted(edition.screen.keys(chunk))
        ]
        ahead: dict[int, list[Record]] = {}
        while asked:
            found = await self._patiently(lambda asked=asked: self._states.due_at(asked))
            first: list[tuple[Record, str]] = []
            for (partition, key), due in zip(asked, found, strict=True):
                ticks = self._open[partition]
                if due is None or not (tick := ticks.next_for(key, due)):
                    continue
                if tick.offset == ticks.newest and self._editions.at(tick.appended_at) is edition:
                    ahead.setdefault(partition, []).append(_tick_of(tick, key))
                else:
                    first.append((tick, key))
            await self._reach(first)
            asked = [(tick.partition, key) for tick, key in first if tick.offset < self._open[tick.partition].newest]
        return ahead

    async def _reach(self, turn: Sequence[tuple[Record, str]]) -> None:
        """Let each tick pass in a group. It is the broker's clock that passes; no sender's can hurry it."""
        editions: dict[Edition, dict[tuple[int, int], list[Record]]] = {}
        for tick, key in turn:
            places = editions.setdefault(self._editions.at(tick.appended_at), {})
            places.setdefault((tick.partition, tick.offset), []).append(_tick_of(tick, key))
        for edition, chunks in editions.items():
            self.agent, self._shadow = edition.screen, None
            await self._judge(list(chunks.values()))
            for some in chunks.values():
                self._note_reached(some)

    def _note_reached(self, ticks: Iterable[Record]) -> None:
        for one in ticks:
            self._open[one.partition].reached[one.key] = one.offset

    async def _judge(self, chunks: Sequence[Chunk]) -> None:
        """Judge chunks of different partitions together; those that share a group, after one another."""
        while chunks:
            keys, abreast, chunks = self._without_shared(chunks)
            while True:
                await self._load(keys)
                fresh = [one for chunk in abreast if (one := await self._not_applied(chunk))]
                if not fresh or await self._judged(fresh):
                    break
                await self._catch_up(keys)

    def _without_shared(self, chunks: Sequence[Chunk]) -> tuple[set[str], list[Chunk], list[Chunk]]:
        """Chunks that have no group in common, with their groups, and the others. Some producers put a group anywhere."""
        shared: set[str] = set()
        abreast, later = [], []
        for chunk in chunks:
            keys = self.agent.keys(chunk)
            if later or keys & shared:
                later.append(chunk)
            else:
                abreast.append(chunk)
                shared |= keys
        return shared, abreast, later

    async def _not_applied(self, chunk: Chunk) -> Chunk:
        """What a state does not hold yet."""
        source = _source(chunk)
        old = [one for one in chunk if self._is_applied(one, source)]
        if not old:
            return chunk
        # Done by a former owner up to the state, or by ourselves: only the windows have to know them.
        self.agent.rewind(old)
        for key in {one.key for one in old if one.key in self._held}:
            self._to_settle(key, chunk[0].partition, self._due(key))
        return [one for one in chunk if not self._is_applied(one, source)]

    async def _judged(self, chunks: Sequence[Chunk]) -> bool:
        """Judge, publish, save; False where somebody else has saved a state meanwhile."""
        with suppress(Exception):
            # What breaks here breaks again below, where the record that does it is found.
            self.agent.measure([one for chunk in chunks for one in chunk])
        before = self._stored(chunks) if self._shadow else {}
        brought = [(chunk, self._effects(chunk)) for chunk in chunks]
        for chunk, effects in brought:
            if chunk[0].topic == AGAIN:
                # Their rows are named by places in `observations`.
                effects.rows = []
        # Not by a state that others have left behind while we stood still: what they found is out already.
        await self.ours()
        # Rows keep the partition of what they are about, and with it their order.
        await self._publish([one for chunk, effects in brought for one in outgoing(effects, chunk[-1])])
        changes = [one for chunk, effects in brought for one in self._changes(chunk, effects)]
        saved = await self._patiently(lambda: self._states.save(self.agent.name, changes)) if changes else []
        if not all(saved):
            return False
        for one, version in zip(changes, saved, strict=True):
            held = self._held.setdefault(one.key, _Held(0, b"", {}))
            self._bytes += len(one.value) - len(held.stored)
            held.version, held.stored = version, one.value
            held.applied = {**held.applied, one.source: one.offset}
        for chunk, effects in brought:
            self.counted(chunk, effects)
        for one in changes:
            self._to_settle(one.key, one.partition, one.next_due)
        await self._judge_beside(brought, before)
        return True

    def _stored(self, chunks: Iterable[Chunk]) -> dict[str, bytes]:
        """The states at hand of the groups of these chunks."""
        return {one.key: self._held[one.key].stored for chunk in chunks for one in chunk if one.key in self._held}

    async def _judge_beside(self, brought: Iterable[tuple[Chunk, Effects]], before: Mapping[str, bytes]) -> None:
        """Let the shadow judge what the edition in force has judged, published and saved."""
        for chunk, effects in brought:
            if rows := self._shadowing.judge(self._shadow, chunk, effects, before):
                found = Effects(rows=rows)
                await self._publish(outgoing(found, chunk[-1]))
                self.counted([], found)

    def _prove(self, chunk: Chunk) -> None:
        partition = chunk[0].partition
        if chunk[0].topic != OBSERVATIONS:
            # Places of rows are those in `observations`.
            return
        if partition in self._stretches:
            self._stretches[partition][1].grow(chunk)
        else:
            # Its key leads the row to the partition of the same number.
            self._stretches[partition] = chunk[0], Stretch(chunk)

    async def _catch_up(self, keys: Iterable[str]) -> None:
        """Somebody else has saved, or Redis has lost what was saved last: whoever is further in the log is right."""
        found = await self._patiently(lambda: self._states.load(self.agent.name, list(keys)))
        for key in keys:
            mine, theirs = self._held.get(key), found.get(key)
            if mine is None or not _is_ahead(mine.applied, theirs.applied if theirs else {}):
                self._let_go(key)
                continue
            version = theirs.version if theirs else 0
            for source, offset in mine.applied.items():
                place = int(source.rpartition("/")[2])
                change = Change(key, version, mine.stored, source, offset, self._due(key), place)
                (version,) = await self._patiently(lambda change=change: self._states.save(self.agent.name, [change]))
                if not version:
                    self._let_go(key)
                    break
                mine.version = version
                self._to_settle(key, place, change.next_due)

    def _let_go(self, key: str) -> None:
        if (held := self._held.pop(key, None)) is not None:
            self._bytes -= len(held.stored)

    def _due(self, key: str) -> Millis | None:
        return self.agent.next_due(self._decoder.decode(self._held[key].stored))

    def _changes(self, chunk: Chunk, effects: Effects) -> Iterator[Change]:
        """The states that are not what they were."""
        for key, value in effects.state.items():
            held = self._held.get(key)
            encoded = encode(value)
            if encoded != (held.stored if held else b""):
                yield Change(
                    key=key,
                    version_read=held.version if held else 0,
                    value=encoded,
                    source=_source(chunk),
                    offset=chunk[-1].offset,
                    next_due=self.agent.next_due(value),
                    partition=chunk[0].partition,
                )

    def _effects(self, records: Sequence[Record]) -> Effects:
        """What the agent makes of records; one that breaks it is set aside alone, the others are handled."""
        keys = {one.key for one in records}
        try:
            return self.agent.handle(records, {key: self._taken(key) for key in keys})
        except Exception as error:
            if len(records) == 1:
                return _set_aside(self.agent, records[0], error)
        # What the broken attempt has changed was taken out; each record begins from what the one before has left.
        whole = Effects()
        for record in records:
            state = {record.key: whole.state.get(record.key) or self._taken(record.key)}
            before = encode(state[record.key]) if state[record.key] is not None else None
            try:
                effects = self.agent.handle([record], state)
            except Exception as error:
                effects = _set_aside(self.agent, record, error)
                if before is not None:
                    effects.state[record.key] = self._decoder.decode(before)
            whole.state.update(effects.state)
            whole.records += effects.records
            whole.rows += effects.rows
        return whole

    def _taken(self, key: str) -> Any:
        """A state as a value. None is kept: an agent may change it and fail, and among many Python looks long for cycles."""
        held = self._held.get(key)
        return self._decoder.decode(held.stored) if held is not None else None

    def _is_applied(self, record: Record, source: str) -> bool:
        held = self._held.get(record.key)
        return held is not None and held.applied.get(source, -1) >= record.offset

    async def _load(self, keys: Collection[str]) -> None:
        """Have these states at hand; where there are too many, those that nobody has asked for the longest go."""
        missing = [key for key in keys if key not in self._held]
        for key in keys:
            if (held := self._held.pop(key, None)) is not None:
                self._held[key] = held
        spare = len(self._held) - (len(keys) - len(missing))
        while self._bytes > _MOST_HELD and spare > 0:
            self._let_go(next(iter(self._held)))
            spare -= 1
        if missing:
            found = await self._patiently(lambda: self._states.load(self.agent.name, missing))
            for key, one in found.items():
                self._held[key] = _Held(one.version, one.value, dict(one.applied))
                self._bytes += len(one.value)

    def _to_settle(self, key: str, partition: int, due: Millis | None) -> None:
        held = self._held[key]
        state = Kept(self.agent.name, held.version, msgspec.Raw(held.stored), held.applied, due, partition)
        self._unsettled[key] = record_of(GROUP_STATE, key, state, -1)


class _Ticks:
    """Ticks of one partition that may not have reached all its groups yet, oldest first, at least one.

    `reached`: by group, the offset of the last one that it was given. `stuck`: how many groups were found due that have had
    all of these ticks; they wait for the next one.
    """

    def __init__(self) -> None:
        # Each with the edition by which it is judged, and when its local day began.
        self._ticks: deque[tuple[Record, tuple[Edition, Millis]]] = deque()
        self.reached: dict[str, int] = {}
        self.stuck = 0

    def open(self, tick: Record, judged_by: tuple[Edition, Millis]) -> None:
        self._ticks.append((tick, judged_by))

    @property
    def first(self) -> int:
        """The offset of the oldest."""
        return self._ticks[0][0].offset

    @property
    def newest(self) -> int:
        """The offset of the last one."""
        return self._ticks[-1][0].offset

    @property
    def last(self) -> Millis:
        """The latest append time: nothing beyond is due. The broker's clock may have been set back."""
        return max(one.appended_at for one, _ in self._ticks)

    def next_for(self, key: str, due: Millis) -> Record | None:
        """The first tick that a group is due for and was not given, or one of those that follow it.

        Nothing was said in the group between open ticks, or it was given those before. So the last of several that are
        judged in the same way brings what they would bring together; but a day is begun at its own first tick, for since then
        stands what is found wrong.
        """
        after = self.reached.get(key, -1)
        found: Record | None = None
        way: tuple[Edition, Millis] | None = None
        for tick, judged_by in self._ticks:
            if found is None:
                if tick.appended_at >= due and tick.offset > after:
                    found, way = tick, judged_by
                    if due <= way[1]:
                        break
            elif judged_by != way:
                break
            elif tick.appended_at >= found.appended_at:
                found = tick
        return found

    def close(self, *, before: Millis) -> None:
        """Nothing is due any more before that time; the newest stays."""
        while len(self._ticks) > 1 and self._ticks[0][0].appended_at < before:
            self._ticks.popleft()


class _Held:
    """A state at hand, as it is stored."""

    __slots__ = ("applied", "stored", "version")

    def __init__(self, version: int, stored: bytes, applied: dict[str, int]) -> None:
        self.version, self.stored, self.applied = version, stored, applied


def _is_ahead(mine: Mapping[str, int], theirs: Mapping[str, int]) -> bool:
    """By source, the last offset that each has applied."""
    return any(offset > theirs.get(source, -1) for source, offset in mine.items()) and not any(
        offset > mine.get(source, -1) for source, offset in theirs.items()
    )


def _source(chunk: Chunk) -> str:
    return f"{chunk[0].topic}/{chunk[0].partition}"


def _set_aside(agent: Screen, record: Record, error: Exception) -> Effects:
    effects = set_aside(agent, record, error)
    # It counts among what could not be used, not among what was judged.
    record.decoded = effects.records[0][2]
    return effects


def _is_tick(record: Record) -> bool:
    return not record.key and b'"clock.tick"' in record.value


def _tick_of(tick: Record, key: str) -> Record:
    at = tick.appended_at
    return Record(tick.topic, key, tick_body(key, at), tick.offset, at, partition=tick.partition)
