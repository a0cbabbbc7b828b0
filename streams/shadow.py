"""Shadow: a second edition of pack, lists or weights that judges beside the live one while traffic flows.

It judges the same messages over the same states and windows, after the live edition and on copies. What it finds goes
nowhere but into rows of the table `shadow`, without text: no verdict, no strike, no notice follows from it. Deadlines,
standing faults and duties are not in shadow: they hang on a state that the shadow does not keep.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from msgspec import Struct

from classifiers.measure import Classifiers
from classifiers.trained.serve import Model, ModelUnavailable
from models import Observation, digest
from models.observation import Millis
from policies.lint import lint
from policies.state import GroupState
from streams.agents import Screen
from streams.backtest.compare import Found, found_in
from streams.errors import LoadError
from streams.loading import keywords_from, model_folder
from streams.logs import say, what_broke
from streams.topics import OBSERVATIONS, Effects, Judged, Record

# Of the time that passes a shadow takes at most this share, and one chunk more. What does not fit is passed over and counted.
SHARE = 0.25
_MOST_CREDIT_SECONDS = 1.0
# How many were compared is told so often, and with every finding.
_TOLD_SECONDS = 10.0
# Rows are kept this long.
KEPT: Millis = 30 * 86_400_000

Side = Literal["only_live", "only_shadow", "both", "compared", "skipped", "failed"]
Row = tuple[str, dict[str, Any]]

_STATE = msgspec.json.Decoder(GroupState)


class Wanted(Struct, frozen=True, kw_only=True):
    """What to run in shadow: one pack, all of the tenant's lists (`texts` by file name), or weights by name and version.

    `groups` by id, none for all; of these the `share` that their digests choose.
    """

    of: Literal["pack", "lists", "model"]
    texts: dict[str, str] = {}
    model: str = ""
    version: str = ""
    groups: tuple[str, ...] = ()
    share: float = 1.0

    @property
    def name(self) -> str:
        """Follows from what it is: the same shadow has the same rows."""
        return digest("h", msgspec.json.encode(self).decode())


class Told(Struct, frozen=True, kw_only=True):
    """A record of `control` in a store of one process: from now on this shadow, or none."""

    by: str
    shadow: Wanted | None = None
    kind: Literal["shadow"] = "shadow"


class Shadow:
    """A shadow ready to run beside a live edition."""

    def __init__(self, wanted: Wanted, live: Screen) -> None:
        """LoadError where what is wanted cannot be used here."""
        self.wanted = wanted
        self.name = wanted.name
        packs = {slug: one.pack for slug, one in live.packs.items()}
        keywords, model = live.classifiers.keywords, live.classifiers.model
        if wanted.of == "lists":
            keywords = keywords_from(wanted.texts)
        elif wanted.of == "model":
            model = _model(wanted)
        else:
            pack = _pack(wanted.texts)
            packs[pack.pack] = pack
        classifiers = live.classifiers if wanted.of == "pack" else Classifiers(keywords, model)
        self.screen = Screen(classifiers, packs, live.directory)
        self.screen.windows = live.windows.beheld()

    def takes(self, record: Record) -> bool:
        """Whether an observation is judged by it: a message of one of its groups."""
        seen = record.decoded
        if record.topic != OBSERVATIONS or not isinstance(seen, Observation) or not seen.is_message:
            return False
        wanted = self.wanted
        if wanted.groups and record.key.partition(":")[2] not in wanted.groups:
            return False
        return wanted.share >= 1 or _place(record.key) < wanted.share

    def compare(self, records: Sequence[Record], live: Effects, states: Mapping[str, bytes]) -> list[Row]:
        """Rows of what both have found of the messages; `states` by group as they were before the live edition judged."""
        ids = {one.decoded.origin_id for one in records}
        copies = [
            Record(one.topic, one.key, one.value, one.offset, one.appended_at, one.decoded, one.partition)
            for one in records
        ]
        state = {key: _STATE.decode(states[key]) for key in {one.key for one in copies} if states.get(key)}
        beside = _findings(self.screen.handle(copies, state), ids)
        before = _findings(live, ids)
        return [self._row(before.get(one), beside.get(one)) for one in sorted({*before, *beside})]

    def _row(self, live: Found | None, beside: Found | None) -> Row:
        one = live or beside
        assert one is not None
        side: Side = "both" if live and beside else "only_live" if live else "only_shadow"
        return "shadow", {
            "shadow": self.name,
            "id": one.id,
            "side": side,
            "pack": one.pack,
            "clause": one.clause,
            "category": one.category,
            "group_id": one.group_id,
            "live": live.outcome if live else "",
            "beside": beside.outcome if beside else "",
            "observation_id": one.observation_id or "",
            "at": one.at,
            "count": 1,
        }


def _findings(effects: Effects, ids: set[str]) -> dict[str, Found]:
    """What was found of these messages themselves, by id; each as it was first found."""
    found: dict[str, Found] = {}
    for _, _, value, _ in effects.records:
        if isinstance(value, Judged) and value.verdict and value.verdict.observation_id in ids:
            for one in found_in(value.verdict):
                found.setdefault(one.id, one)
    return found


def _place(key: str) -> float:
    """Where a group lies between 0 and 1."""
    hashed = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(hashed) / (1 << 32)


def _model(wanted: Wanted) -> Model:
    try:
        found = Model.load(model_folder(wanted.model))
    except ModelUnavailable as error:
        raise LoadError(error.reason) from error
    if wanted.version and found.version != wanted.version:
        raise LoadError(f"the weights {wanted.model} have version {found.version} here, wanted is {wanted.version}")
    return found


def _pack(texts: Mapping[str, str]) -> Any:
    if len(texts) != 1:
        raise LoadError("a pack in shadow is one file")
    ((name, text),) = texts.items()
    pack, problems = lint(text, name)
    if pack is None:
        raise LoadError(str(problems[0]))
    return pack


class Beside:
    """Runs the shadow that is in force within its share of the time. Whatever happens to it, the live edition goes on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._credit, self._last = _MOST_CREDIT_SECONDS, clock()
        self._counts: dict[Side, int] = {}
        self._named, self._told = "", float("-inf")
        self._logged: set[str] = set()

    def judge(
        self, shadow: Shadow | None, records: Sequence[Record], live: Effects, states: Mapping[str, bytes]
    ) -> list[Row]:
        """The rows that a chunk brings, after the live edition has judged it."""
        mine = [one for one in records if shadow.takes(one)] if shadow is not None else []
        if shadow is None or not mine:
            return []
        if shadow.name != self._named:
            self._named, self._counts, self._told = shadow.name, {}, float("-inf")
        now = self._clock()
        self._credit = min(_MOST_CREDIT_SECONDS, self._credit + (now - self._last) * SHARE)
        self._last = now
        rows: list[Row] = []
        if self._credit <= 0:
            self._count("skipped", len(mine))
        else:
            try:
                rows = shadow.compare(mine, live, states)
                self._count("compared", len(mine))
            except Exception as error:
                self._count("failed", len(mine))
                self._say(shadow.name, error)
            self._credit -= self._clock() - now
        if rows or now - self._told >= _TOLD_SECONDS:
            self._told = now
            rows += self._counted(mine[-1])
        return rows

    def _count(self, side: Side, count: int) -> None:
        self._counts[side] = self._counts.get(side, 0) + count

    def _counted(self, last: Record) -> list[Row]:
        """How many messages were compared since the last time. Named by its last record, so that it counts once."""
        counts, self._counts = self._counts, {}
        place = f"{last.topic}/{last.partition}/{last.offset}"
        empty = dict.fromkeys(("pack", "clause", "category", "group_id", "live", "beside", "observation_id"), "")
        return [
            (
                "shadow",
                {
                    "shadow": self._named,
                    "id": digest("n", place, side),
                    "side": side,
                    **empty,
                    "at": last.appended_at,
                    "count": count,
                },
            )
            for side, count in counts.items()
        ]

    def _say(self, name: str, error: Exception) -> None:
        """One line a shadow."""
        if name not in self._logged:
            self._logged.add(name)
            say("shadow_broke", shadow=name, **what_broke(error))
