"""The host of screen: the one owner of its groups' states."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from models.observation import Millis
from streams.agents import Screen
from streams.embedded import tick_body
from streams.fleet.control import Edition, Editions
from streams.fleet.hosts import JudgingHost, Kept, encode, outgoing, set_aside
from streams.fleet.kafka import GROUP_STATE
from streams.ledger import Change
from streams.topics import AGAIN, Effects, Record, record_of

# A group-less tick reaches so many groups at once.
_TICKED_AT_ONCE = 500
# Bytes of states at hand, as they are stored; as values they take some five times as much. Beyond, all are read anew.
_MOST_HELD = 16 << 20


class ScreenHost(JudgingHost):
    """Screen, the one owner of its groups' states. Publishes, then saves: what is published twice has the same ids."""

    agent: Screen

    def __init__(self, editions: Editions, *given: Any) -> None:
        super().__init__(editions.kept[0].screen, editions, *given)
        self._held: dict[str, _Held] = {}
        self._bytes = 0

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        """Judge a chunk. A tick without a group reaches every group of the partition in which something is due."""
        await self._patiently(self._ready)
        for (ticks, edition), some in groupby(records, key=self._kind):
            self.agent = edition.screen
            if ticks:
                for record in some:
                    await self._tick(partition, record)
            else:
                await self._judge(partition, list(some))

    def _kind(self, record: Record) -> tuple[bool, Edition]:
        return _is_tick(record), self._editions.at(record.appended_at)

    def forget(self) -> None:
        """Another owner may have gone on from here: nothing at hand can be trusted."""
        self._held.clear()
        self._bytes = 0

    async def _tick(self, partition: int, tick: Record) -> None:
        """Let the broker's clock pass in the groups where something is due; no sender's clock can hurry it."""
        done: set[str] = set()
        until = tick.appended_at
        while True:
            limit = _TICKED_AT_ONCE + len(done)
            due = await self._patiently(lambda limit=limit: self._states.dues(partition, until, limit))
            fresh = [key for key, _ in due if key not in done]
            if not fresh:
                return
            done.update(fresh)
            await self._judge(partition, [_tick_of(tick, key, until) for key in fresh])

    async def _judge(self, partition: int, records: Sequence[Record]) -> None:
        source = f"{records[0].topic}/{partition}"
        while True:
            keys = self.agent.keys(records)
            await self._load(keys)
            old = [one for one in records if self._is_applied(one, source)]
            if old:
                # Done by a former owner up to the state, or by ourselves: only the windows have to know them.
                self.agent.rewind(old)
                await self._keep({one.key for one in old}, partition)
            fresh = [one for one in records if not self._is_applied(one, source)] if old else records
            if not fresh or await self._judged(partition, source, fresh):
                return
            self.forget()

    async def _judged(self, partition: int, source: str, records: Sequence[Record]) -> bool:
        """Judge, publish, save; False where somebody else has saved a state meanwhile."""
        effects = self._effects(records)
        if records[0].topic == AGAIN:
            # Their rows are named by places in `observations`.
            effects.rows = []
        await self._publish(outgoing(effects, records[-1]))
        changes = [
            Change(
                key=key,
                version_read=self._held[key].version if key in self._held else 0,
                value=encoded,
                source=source,
                offset=records[-1].offset,
                next_due=self.agent.next_due(value),
                partition=partition,
            )
            for key, value in effects.state.items()
            if (encoded := encode(value)) != (self._held[key].stored if key in self._held else b"")
        ]
        if not changes:
            self._hold_values(effects)
            self.counted(records, effects)
            return True
        saved = await self._patiently(lambda: self._states.save(self.agent.name, changes))
        if not all(saved):
            return False
        self._hold_values(effects)
        for one, version in zip(changes, saved, strict=True):
            held = self._held.setdefault(one.key, _Held(0, b"", {}))
            self._bytes += len(one.value) - len(held.stored)
            held.version, held.stored = version, one.value
            held.applied = {**held.applied, source: one.offset}
            held.value = effects.state[one.key]
        await self._keep({one.key for one in changes}, partition)
        self.counted(records, effects)
        return True

    def _effects(self, records: Sequence[Record]) -> Effects:
        """What the agent makes of records; one that breaks it is set aside alone, the others are handled."""
        keys = {one.key for one in records}
        try:
            return self.agent.handle(records, {key: self._taken(key) for key in keys})
        except Exception as error:
            if len(records) == 1:
                return set_aside(self.agent, records[0], error)
        # What the broken attempt has changed was taken out; each record begins from what the one before has left.
        whole = Effects()
        for record in records:
            state = {record.key: whole.state.get(record.key) or self._taken(record.key)}
            before = encode(state[record.key]) if state[record.key] is not None else None
            try:
                effects = self.agent.handle([record], state)
            except Exception as error:
                effects = set_aside(self.agent, record, error)
                if before is not None:
                    effects.state[record.key] = self._decoder.decode(before)
            whole.state.update(effects.state)
            whole.records += effects.records
            whole.rows += effects.rows
        return whole

    def _taken(self, key: str) -> Any:
        """A state as a value, handed out once: an agent may change it, and may then fail."""
        held = self._held.get(key)
        if held is None:
            return None
        value, held.value = held.value, None
        return self._decoder.decode(held.stored) if value is None else value

    def _hold_values(self, effects: Effects) -> None:
        for key, value in effects.state.items():
            if key in self._held:
                self._held[key].value = value

    def _is_applied(self, record: Record, source: str) -> bool:
        held = self._held.get(record.key)
        return held is not None and held.applied.get(source, -1) >= record.offset

    async def _load(self, keys: Iterable[str]) -> None:
        missing = [key for key in keys if key not in self._held]
        if self._bytes > _MOST_HELD:
            self.forget()
            missing = list(keys)
        if missing:
            found = await self._patiently(lambda: self._states.load(self.agent.name, missing))
            for key, one in found.items():
                self._held[key] = _Held(one.version, one.value, dict(one.applied))
                self._bytes += len(one.value)

    async def _keep(self, keys: Iterable[str], partition: int) -> None:
        """Publish states on the compacted topic, from which an empty Redis is rebuilt."""
        kept = []
        for key in sorted(keys):
            held = self._held.get(key)
            if held is not None:
                due = self.agent.next_due(self._decoder.decode(held.stored))
                value = msgspec.Raw(held.stored)
                state = Kept(self.agent.name, held.version, value, held.applied, due, partition)
                kept.append(record_of(GROUP_STATE, key, state, -1))
        await self._publish(kept)


class _Held:
    """A state at hand: as it is stored, and the value that an agent left behind."""

    __slots__ = ("applied", "stored", "value", "version")

    def __init__(self, version: int, stored: bytes, applied: dict[str, int], value: Any = None) -> None:
        self.version, self.stored, self.applied, self.value = version, stored, applied, value


def _is_tick(record: Record) -> bool:
    return not record.key and b'"clock.tick"' in record.value


def _tick_of(tick: Record, key: str, at: Millis) -> Record:
    return Record(tick.topic, key, tick_body(key, at), tick.offset, tick.appended_at, partition=tick.partition)
