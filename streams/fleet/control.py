"""What is in force, and since when: packs, word lists, weights and fleet facts, as announced on the topic `control`.

What applies to a record follows from its append time alone, so every worker judges it alike, however late. An announcement
takes effect ten seconds after it was appended at the earliest; a worker that has not read `control` to its end within the last
eight seconds judges nothing until it has.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct, structs

from classifiers.keywords import Keywords
from classifiers.measure import Classifiers
from classifiers.trained.serve import Model, ModelUnavailable
from models import Fleet
from models.observation import Millis
from policies.directory import Directory
from policies.lint import lint, lint_fleet
from policies.schema import Pack
from streams.agents import Escalate, Screen
from streams.errors import LoadError, Unavailable
from streams.fleet.kafka import CONTROL, Kafka, KafkaUnavailable, Producer, read_whole, reader, within
from streams.loading import classifiers_from, fleet_from, keywords_from, model_folder, packs_from
from streams.logs import say
from streams.settings import Settings, read_settings
from streams.shadow import Shadow, Wanted
from streams.telling import tell_edition
from streams.topics import Record, record_of

Kind = Literal["pack", "lists", "model", "fleet", "shadow"]
# From being appended to taking effect, at least: every worker has read it by then, or waits.
NOTICE: Millis = 10_000
_FRESH_SECONDS = 8.0
_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


class Announcement(Struct, frozen=True, kw_only=True):
    """A record of `control`. `texts` by file name: one pack, one fleet, or all of the tenant's lists.

    Of a model: `model` is a variant, a version of the registry or a folder that every worker has; `version` what it has to be.
    Of a shadow: what is judged by beside all this; None ends it.
    """

    kind: Kind
    by: str
    effective_from: Millis = 0
    texts: dict[str, str] = {}
    model: str = ""
    version: str = ""
    shadow: Wanted | None = None


class Refused(Exception):
    """An announcement that cannot take effect; the sentence says why. The last good version stays."""


@dataclass(frozen=True)
class Parts:
    """All that judging depends on."""

    packs: Mapping[str, Pack]
    fleet: Fleet
    lists: Keywords
    model: Model | ModelUnavailable | None


@dataclass(frozen=True, eq=False)
class Edition:
    """What is in force from a time on, made ready to run."""

    effective_from: Millis
    parts: Parts
    screen: Screen
    escalate: Escalate
    shadow: Shadow | None = None


@dataclass
class Editions:
    """Everything that was ever in force, oldest first. The first one comes from the settings of the worker."""

    kept: list[Edition] = field(default_factory=list)

    @classmethod
    def begin(cls, parts: Parts) -> "Editions":
        return cls([_edition(0, parts, None)])

    def at(self, when: Millis) -> Edition:
        """What applies to a record that was appended then."""
        return next((one for one in reversed(self.kept) if one.effective_from <= when), self.kept[0])

    def announce(self, record: Record) -> str | None:
        """Take an announcement; a sentence where it is refused, and then nothing changes."""
        try:
            told = _ANNOUNCEMENT.decode(record.value)
            since = max(told.effective_from, record.appended_at + NOTICE)
            # What was announced before for a later time is announced anew on top of it.
            later = [one for one in self.kept if one.effective_from > since]
            if later:
                when = later[-1].effective_from
                raise Refused(f"something was announced before that takes effect later: choose a time after {when}")
            last = self.kept[-1]
            if told.kind == "shadow":
                self.kept.append(replace(last, effective_from=since, shadow=_shadow(told.shadow, last.screen)))
            else:
                self.kept.append(_edition(since, changed(last.parts, told), last))
        except (Refused, msgspec.MsgspecError) as error:
            return f"control/{record.offset}: {str(error).splitlines()[0][:300]}"
        return None


def changed(parts: Parts, told: Announcement) -> Parts:
    """The parts with what was announced. Refused where it cannot be used; Unavailable where this worker lacks the weights."""
    if told.kind == "model":
        return replace(parts, model=_model(told))
    if told.kind == "lists":
        return replace(parts, lists=_lists(told.texts))
    if len(told.texts) != 1:
        raise Refused(f"an announced {told.kind} is one file")
    ((name, text),) = told.texts.items()
    if told.kind == "fleet":
        fleet, problems = lint_fleet(text, name)
        if fleet is None:
            raise Refused(str(problems[0]))
        return _checked(replace(parts, fleet=fleet))
    pack, problems = lint(text, name)
    if pack is None:
        raise Refused(str(problems[0]))
    return _checked(replace(parts, packs={**parts.packs, pack.pack: pack}))


def _checked(parts: Parts) -> Parts:
    wanted = {group.pack for group in parts.fleet.groups if group.pack} | {parts.fleet.settings.default_pack}
    if missing := sorted(wanted - set(parts.packs)):
        raise Refused(f"the fleet names the pack {missing[0]}, which is not there: announce it first")
    return parts


def _lists(texts: Mapping[str, str]) -> Keywords:
    try:
        return keywords_from(texts)
    except LoadError as error:
        raise Refused(str(error)) from error


def _model(told: Announcement) -> Model:
    try:
        found = Model.load(model_folder(weights(told.model)))
    except ModelUnavailable as error:
        raise Unavailable(f"the announced weights are not on this worker: {error.reason}") from error
    if found.version != told.version:
        raise Unavailable(f"the weights {told.model} have version {found.version} here, announced is {told.version}")
    return found


def _edition(since: Millis, parts: Parts, former: Edition | None) -> Edition:
    directory = Directory(parts.fleet)
    classifiers = Classifiers(parts.lists, parts.model)
    if former is None:
        classifiers.warm_up()
    screen = Screen(classifiers, parts.packs, directory, former.screen if former else None)
    shadow = None
    if former and former.shadow:
        # It goes on beside what is in force now; a shadow that no longer fits ends, and nothing else does.
        with suppress(Refused):
            shadow = _shadow(former.shadow.wanted, screen)
    return Edition(since, parts, screen, Escalate(_with_former(parts.packs, former), directory), shadow)


def _shadow(wanted: Wanted | None, live: Screen) -> Shadow | None:
    """Weights that this worker lacks are not waited for: others may run the shadow, and this one judges on."""
    try:
        return Shadow(wanted, live) if wanted else None
    except LoadError as error:
        raise Refused(str(error)) from error


def _with_former(packs: Mapping[str, Pack], former: Edition | None) -> dict[str, Pack]:
    """Packs with the ladders and clauses that they had before: strikes are held under these, and may be overturned."""
    known = former.escalate.packs if former else {}
    kept = {**known, **packs}
    for slug in set(known) & set(packs):
        old, new = known[slug], packs[slug]
        ladders, clauses = {**old.ladders, **new.ladders}, {**old.clauses, **new.clauses}
        kept[slug] = structs.replace(new, ladders=ladders, clauses=clauses)
    return kept


class Control:
    """Follows `control` for one worker."""

    def __init__(self, kafka: Kafka, editions: Editions) -> None:
        self.kafka = kafka
        self.editions = editions
        # Whether `control` was read to its end once: what was announced before is said in one line.
        self._caught_up = False
        self._read_at = float("-inf")
        self._missing: Unavailable | None = None
        self._next = 0

    async def follow(self) -> None:
        """Read on for ever. Cancelled at the end of the worker."""
        while True:
            with suppress(Unavailable, KafkaError, OSError):
                await self._follow()
            await asyncio.sleep(_LOOK_SECONDS)

    async def current(self) -> None:
        """Return when all that may apply to a record judged now is known. Unavailable where it is not."""
        if self._missing is not None:
            raise self._missing
        if time.monotonic() - self._read_at > _FRESH_SECONDS:
            raise KafkaUnavailable("the announcements on `control` cannot be read to their end")

    async def _follow(self) -> None:
        place = TopicPartition(self.kafka.named(CONTROL), 0)
        async with reader(self.kafka) as consumer:
            consumer.assign([place])
            while True:
                consumer.seek(place, self._next)
                # A consumer whose broker was away for a minute may wait for ever for what it asked then: the next one asks anew.
                end = (await within(_ANSWER_SECONDS, consumer.end_offsets([place])))[place]
                while self._next < end:
                    found = await within(_ANSWER_SECONDS, consumer.getmany(place, timeout_ms=500))
                    for one in found.get(place, []):
                        await self._take(Record(CONTROL, "", one.value or b"", one.offset, one.timestamp))
                        self._next = one.offset + 1
                self._read_at = time.monotonic()
                if not self._caught_up:
                    self._caught_up = True
                    _tell(self.editions.kept[-1])
                await asyncio.sleep(_LOOK_SECONDS)

    async def _take(self, record: Record) -> None:
        """Take an announcement; weights that this worker lacks are waited for, since others may have them."""
        while True:
            try:
                why = await asyncio.to_thread(self.editions.announce, record)
                self._missing = None
            except Unavailable as error:
                self._missing = error
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            if why:
                say("edition_refused", topic=CONTROL, offset=record.offset)
            elif self._caught_up:
                _tell(self.editions.kept[-1], record.offset)
            return


def _tell(edition: Edition, offset: int | None = None) -> None:
    shadow = edition.shadow.name if edition.shadow else None
    tell_edition(edition.screen, since=edition.effective_from, shadow=shadow, offset=offset)


def announcement(kind: Kind, path: Path | None, *, by: str, effective_from: Millis, model: str = "") -> Announcement:
    """What to announce, read from files. LoadError where a file cannot be read."""
    if kind == "model":
        try:
            folder = model_folder(model)
            version = Model.load(folder).version
        except ModelUnavailable as error:
            raise LoadError(error.reason) from error
        model = version if folder.name == version else model
        return Announcement(kind=kind, by=by, effective_from=effective_from, model=model, version=version)
    assert path is not None
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    texts = {one.name: one.read_text("utf-8") for one in files}
    return Announcement(kind=kind, by=by, effective_from=effective_from, texts=texts)


async def announce_to(kafka: Kafka, told: Announcement) -> dict[str, Any]:
    """Check an announcement against what is in force, then send it. LoadError where it would be refused."""
    editions = _from_settings()
    for record in await read_whole(kafka, CONTROL):
        editions.announce(record)
    now = time.time_ns() // 1_000_000
    record = record_of(CONTROL, "", told, now)
    if why := editions.announce(record):
        raise LoadError(why.partition(": ")[2])
    producer = Producer(kafka)
    await producer.start()
    try:
        (offset,) = await producer.send([record], timed=False)
    finally:
        await producer.stop()
    return {"offset": offset, "effective_at": _when(editions.kept[-1].effective_from)}


async def announced(kafka: Kafka) -> list[dict[str, Any]]:
    """All announcements for people, and whether they took effect."""
    editions, rows = _from_settings(), []
    for record in await read_whole(kafka, CONTROL):
        why = editions.announce(record)
        told = _ANNOUNCEMENT.decode(record.value) if why is None else None
        rows.append(
            {
                "offset": record.offset,
                "announced_at": record.appended_at,
                "kind": told.kind if told else None,
                "files": _files(told) if told else [],
                "by": told.by if told else None,
                "effective_at": _when(editions.kept[-1].effective_from) if told else None,
                "refused": why,
            }
        )
    return rows


def _files(told: Announcement) -> list[str]:
    what = told.shadow if told.kind == "shadow" else told
    return sorted(what.texts) or [what.model] if what else ["none"]


def weights(model: str) -> str:
    """What a name of weights means in a fleet: `default` is not what a worker has promoted by itself.

    They change by announcement alone, for a record has to be judged alike by every worker, whenever it started.
    """
    return "shipped" if model == "default" else model


def parts_from(settings: Settings) -> Parts:
    """What is in force before anything was announced."""
    fleet = fleet_from(settings.fleet)
    classifiers = classifiers_from(weights(settings.model), settings.lists)
    return Parts(packs_from(settings.packs, fleet), fleet, classifiers.keywords, classifiers.model)


def _from_settings() -> Editions:
    return Editions.begin(parts_from(read_settings()))


def _when(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1000).astimezone().isoformat(timespec="seconds")


_ANNOUNCEMENT = msgspec.json.Decoder(Announcement)
