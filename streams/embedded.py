"""The embedded host: runs the agents over one SQLite store. Offset, state and outputs of a chunk are one transaction."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy.exc import OperationalError

from classifiers.measure import Classifiers
from models import Observation
from models.observation import Millis
from policies.directory import Directory
from policies.schema import Pack
from streams.agents import Enforce, Escalate, Gather, RecordViews, Screen
from streams.agents.gather import HOUR, WINDOW
from streams.shadow import Beside, Shadow
from streams.store import Store
from streams.stretch import Stretch
from streams.telling import tell_broken
from streams.topics import (
    AGAIN,
    DEAD_LETTERS,
    LIKENESSES,
    OBSERVATIONS,
    Agent,
    Appended,
    DeadLetter,
    Effects,
    Record,
    Unusable,
    decode_observation,
    record_of,
    without_forged,
)

# Windows reach back this far; after a start the log is read back this long with effects off.
REWOUND: Millis = 15 * 60 * 1000
# What gather reads back: its window, and an hour for what was judged late.
GATHERED: Millis = WINDOW + HOUR
# So many groups are ticked at once. What is said meanwhile waits until all agents have done what follows from it, some 30 ms
# where ten deadlines of each are due.
_TICKED_AT_ONCE = 24
_ALL = 1 << 62
# Bytes of states at hand, as they are stored; as values they take about five times as much.
_MOST_CACHED = 16 << 20


@dataclass(frozen=True)
class Done:
    """One agent's share of a step: what it was given and what it brought. Already stored."""

    agent: str
    records: Sequence[Record]
    effects: Effects


class Embedded:
    """Appends observations and runs the agents in order until nothing is left. Call it from one thread only."""

    def __init__(
        self,
        store: Store,
        classifiers: Classifiers,
        packs: Mapping[str, Pack],
        directory: Directory,
        *,
        chunk: int = 256,
        simulated: bool = False,
    ) -> None:
        self.store = store
        self.directory = directory
        self.packs = packs
        self.chunk = chunk
        self.screen = Screen(classifiers, packs, directory)
        #: Judges beside `screen`; nothing of it is stored but its rows.
        self.shadow: Shadow | None = None
        self._shadowing = Beside()
        escalate = Escalate(packs, directory, simulated=simulated)
        self.gather = Gather()
        self.agents: tuple[Agent, ...] = (self.screen, self.gather, escalate, Enforce(), RecordViews())
        self._offsets = {agent.name: store.offset(agent.name) for agent in self.agents}
        self._states: _States = {}
        self._cached = 0
        # Listed groups of which nothing was ever seen: they owe something all the same.
        stated = store.stated(self.screen.name)
        self._unseen = {key: None for key in directory.groups if key not in stated}
        # Up to this offset nothing is left for any agent.
        self._quiet = -1
        #: Something is due that the last `tick` did not reach: tick again after the next step.
        self.more_due = False
        # The groups of the last ticks and the offset of the last of these; whether an agent has more to do than one step does.
        self._ticked: list[str] = []
        self._ticked_to = -1
        self._behind = False
        self._gathered = True
        self._encode = msgspec.json.Encoder().encode
        self._decoders = {agent.name: msgspec.json.Decoder(agent.State) for agent in self.agents if agent.State}
        self._rewind()

    def append(self, bodies: Sequence[bytes], now: Millis) -> list[Appended]:
        """Store observations durably, each id once. What is not an observation is refused with a sentence."""
        results: list[Appended] = []
        usable: list[tuple[int, Observation, bytes]] = []
        for index, body in enumerate(bodies):
            try:
                seen = decode_observation(body)
                if seen.flags:
                    body = without_forged(seen, body)
                    seen = decode_observation(body)
                usable.append((index, seen, body))
                results.append(Appended("accepted", seen.id))
            except Unusable as error:
                results.append(Appended("invalid", why=str(error)))
        with self.store.transaction():
            fresh = self.store.first_seen([one.id for _, one, _ in usable if one.type != "clock.tick"])
            news = iter(fresh)
            records: list[Record] = []
            for index, one, body in usable:
                if one.type == "clock.tick":
                    records += self._ticks(one.sent_at, now)
                elif next(news):
                    records.append(Record(OBSERVATIONS, one.group_key, body, -1, now, one))
                else:
                    results[index] = Appended("duplicate", one.id)
            self.store.append(records)
        return results

    def append_dead(self, body: bytes, cause: str, now: Millis) -> None:
        """Keep what could not be read, so that it can be looked at and sent again."""
        with self.store.transaction():
            dead = DeadLetter(cause=cause, topic=OBSERVATIONS, offset=0, tries=1, body=body)
            self.store.append([record_of(DEAD_LETTERS, "", dead, now)])

    def tick(self, now: Millis) -> int:
        """Let time pass in some groups where something is due; returns how many. `more_due` says whether there are others.

        In none while an agent is behind: ticks wait until what was said is judged and what followed from the last ones is done.
        """
        if self._behind or self._offsets[self.screen.name] < self._ticked_to:
            self.more_due = True
            return 0
        dues = self.store.dues(self.screen.name, now, _TICKED_AT_ONCE + 1)
        due = [*(key for key, _ in dues), *islice(self._unseen, _TICKED_AT_ONCE + 1)]
        keys = due[:_TICKED_AT_ONCE]
        # Groups that are as due as before were ticked in vain; they wait until somebody ticks anew.
        self.more_due = len(due) > len(keys) and keys != self._ticked
        self._ticked = keys
        if keys:
            # After a power cut they are ticked again.
            with self.store.transaction(durable=False):
                records = [_tick_of(key, now, now) for key in keys]
                self.store.append(records)
            self._ticked_to = records[-1].offset
        return len(keys)

    def screen_again(self, now: Millis, limit: int = 2000) -> int:
        """Append once more what a classifier could not measure and can measure now; returns how many.

        The oldest first. What was removed from the log meanwhile is struck off: nobody can measure it any more.
        """
        able = [one for one in self.store.unmeasured_categories() if self.screen.classifiers.can_measure(one)]
        if not able:
            return 0
        with self.store.transaction():
            records = [Record(AGAIN, key, body, -1, now) for key, body in self.store.take_unmeasured(able, limit)]
            self.store.append(records)
        return len(records)

    def step(self) -> list[Done]:
        """Give each agent its next chunk, all in one transaction. Returns what was done; nothing when nothing was left."""
        done: list[Done] = []
        if self.store.head() == self._quiet:
            return done
        if not self._gathered:
            # What it was told of in the last step was not stored.
            self._gather_again()
        before = dict(self._offsets)
        pending: _States = {}
        try:
            # What goes out is claimed in a transaction of its own, which waits for the disk, and so for this one.
            with self.store.transaction(durable=False):
                quiet, behind, upstream = True, False, set[str]()
                for agent in self.agents:
                    upstream.update(agent.reads)
                    records = self.store.read(agent.reads, self._offsets[agent.name], self.chunk)
                    if records:
                        fresh = self._run(agent, records, pending)
                        done += fresh
                        self._offsets[agent.name] = records[-1].offset
                        back = any(topic in upstream for one in fresh for topic, *_ in one.effects.records)
                        behind = behind or len(records) >= self.chunk
                        quiet = quiet and not back and not behind
                head = self.store.head()
        except BaseException:
            self._offsets = before
            self.screen.forget_groups()
            self._gathered = False
            raise
        if quiet:
            self._quiet = head
        self._behind = behind
        self._remember(pending)
        return done

    def feed(self, records: Sequence[Record]) -> None:
        """Replay: hand observations straight to `screen`, each id once, then let the other agents follow."""
        pending: _States = {}
        self.screen.keys(records)
        with self.store.transaction():
            named = [one for one in records if isinstance(one.decoded, Observation) and one.decoded.id]
            fresh = dict(zip(map(id, named), self.store.first_seen([one.decoded.id for one in named]), strict=True))
            self._run(self.screen, [one for one in records if fresh.get(id(one), True)], pending)
        self._remember(pending)

    def drain(self) -> None:
        """Step until nothing is left."""
        while self.step():
            pass

    def backlogs(self) -> dict[str, int]:
        """How many records wait to be handled, by agent."""
        return {one.name: self.store.count_after(one.reads, self._offsets[one.name]) for one in self.agents}

    def backlog(self) -> int:
        """The same over all agents."""
        return sum(self.backlogs().values())

    def groups_due(self, now: Millis) -> list[str]:
        """The groups to tick: those where something is due, and listed groups that nothing was ever seen of."""
        return [*(key for key, _ in self.store.dues(self.screen.name, now)), *self._unseen]

    def next_dues(self, until: Millis) -> list[tuple[str, Millis]]:
        """The groups in which something falls due by `until`, each with that time, earliest first."""
        return self.store.dues(self.screen.name, until)

    def _ticks(self, sent_at: Millis, now: Millis) -> list[Record]:
        return [_tick_of(key, sent_at, now) for key in self.groups_due(sent_at)]

    def _rewind(self) -> None:
        done = self._offsets[self.screen.name]
        if not done:
            return
        since = self.store.log_time() - REWOUND
        start = max(0, done - 100_000)
        while records := self.store.read((OBSERVATIONS,), start, 5000):
            start = records[-1].offset
            self.screen.rewind([one for one in records if one.appended_at >= since and one.offset <= done])
            if start >= done:
                break
        self._gather_again()

    def _gather_again(self) -> None:
        """Let gather know what its topic says, up to what it has handled."""
        self.gather.forget()
        done = self._offsets[self.gather.name]
        start = self.store.offset_before(self.store.log_time() - GATHERED)
        gathered = self.store.read((LIKENESSES,), start, _ALL)
        self.gather.rewind([one for one in gathered if one.offset <= done])
        self._gathered = True

    def _run(self, agent: Agent, records: Sequence[Record], pending: "_States") -> list[Done]:
        """Run one agent over a chunk; a record that breaks it is set aside alone, the others are handled."""
        if not records:
            return []
        try:
            effects, states = self._handle(agent, records, pending)
        except (OperationalError, sqlite3.OperationalError):
            # The store is in trouble, not the record: the step is tried again as a whole.
            raise
        except Exception as error:
            self.screen.forget_groups()
            if len(records) > 1:
                return [done for record in records for done in self._run(agent, [record], pending)]
            effects, states = _set_aside(agent, records[0], error), {}
        self.store.save(agent.name, records[-1].offset, states, effects)
        return [Done(agent.name, records, effects)]

    def _handle(
        self, agent: Agent, records: Sequence[Record], pending: "_States"
    ) -> tuple[Effects, dict[str, tuple[bytes, Millis | None]]]:
        keys = agent.keys(records)
        held = self._load(agent, keys, pending)
        loaded = {key: held[key].taken(self._decoders[agent.name]) if key in held else None for key in keys}
        effects = agent.handle(records, loaded)
        if agent is self.screen and (stretch := Stretch(records)).count:
            effects.rows.append(stretch.row())
        if agent is self.screen and self.shadow is not None:
            stored = {key: held[key].stored for key in keys if key in held}
            effects.rows += self._shadowing.judge(self.shadow, records, effects, stored)
        changed: dict[str, tuple[bytes, Millis | None]] = {}
        for key, value in effects.state.items():
            encoded = self._encode(value)
            if key not in held or encoded != held[key].stored:
                changed[key] = (encoded, agent.next_due(value))
            pending[agent.name, key] = _Held(encoded, value)
        return effects, changed

    def _load(self, agent: Agent, keys: set[str], pending: "_States") -> dict[str, "_Held"]:
        found: dict[str, _Held] = {}
        missing: list[str] = []
        for key in keys:
            held = pending.get((agent.name, key)) or self._states.get((agent.name, key))
            if held is None:
                missing.append(key)
            else:
                found[key] = held
        found.update((key, _Held(value, None)) for key, value in self.store.load(agent.name, missing).items())
        return found

    def _remember(self, pending: "_States") -> None:
        """Keep what was stored at hand; the oldest give way."""
        for key, held in pending.items():
            if key[0] == self.screen.name:
                self._unseen.pop(key[1], None)
            former = self._states.pop(key, None)
            self._cached += len(held.stored) - (len(former.stored) if former else 0)
            self._states[key] = held
        while self._cached > _MOST_CACHED:
            self._cached -= len(self._states.pop(next(iter(self._states))).stored)


class _Held:
    """A state as it is stored, and the value that an agent left behind, until another takes it."""

    __slots__ = ("_value", "stored")

    def __init__(self, stored: bytes, value: Any) -> None:
        self.stored = stored
        self._value = value

    def taken(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        """Hand the value out once: an agent may change it, and may then fail."""
        value, self._value = self._value, None
        return decoder.decode(self.stored) if value is None else value


_States = dict[tuple[str, str], _Held]


def _tick_of(key: str, sent_at: Millis, now: Millis) -> Record:
    return Record(OBSERVATIONS, key, tick_body(key, sent_at), -1, now)


def tick_body(group_key: str, sent_at: Millis) -> bytes:
    platform, _, group = group_key.partition(":")
    tick = {"type": "clock.tick", "platform": platform, "group": {"id": group}, "sent_at": sent_at}
    return msgspec.json.encode(tick)


def _set_aside(agent: Agent, record: Record, error: Exception) -> Effects:
    tell_broken(agent.name, record, error)
    effects = Effects()
    cause = f"{agent.name} could not handle it: {type(error).__name__}"
    dead = DeadLetter(cause=cause, topic=record.topic, offset=record.offset, tries=1, body=record.value, key=record.key)
    effects.publish(DEAD_LETTERS, dead, record)
    return effects
