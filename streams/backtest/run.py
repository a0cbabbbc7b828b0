"""Runs both sides of a backtest over one history, at once in two processes, and compares what they found."""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from models import Fleet, Observation, Verdict
from models.observation import Millis
from policies.directory import Directory
from streams.backtest.compare import Compared, Found, Pair, compare, found_in, paired
from streams.backtest.history import Lines
from streams.backtest.sides import Loaded, Side, allowed, load
from streams.backtest.truth import Truth
from streams.cases.tables import groups_seen, verdicts, violations
from streams.loading import rest_collector
from streams.replay import Progress, Replay, Summary, summarise
from streams.store import Store
from streams.topics import Unusable, decode_observation


class _Named(Struct):
    """As much of a line as says whose it is."""

    id: str = ""
    edit_of: "_Named | None" = None


_NAMED = msgspec.json.Decoder(_Named)
_VERDICT = msgspec.json.Decoder(Verdict)
_AT_ONCE = 500


class Judged(Struct, frozen=True, kw_only=True):
    """One side in plain figures. `messages` by group key, `groups` with the pack each was judged by."""

    summary: Summary
    messages: dict[str, int]
    groups: dict[str, str]
    model: str | None

    @property
    def by_pack(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for group, count in self.messages.items():
            pack = self.groups.get(group, "")
            found[pack] = found.get(pack, 0) + count
        return found


class Labelled(Struct, frozen=True, kw_only=True):
    """How many messages of the history are labelled as innocent, and how many of these each side accuses by itself."""

    innocent: int
    old: int
    new: int


class Backtest(Struct, frozen=True, kw_only=True):
    """All of a backtest. `texts` by (observation, time). `allowed`: accusations that each side's budgets allow, if known."""

    compared: Compared
    old: Judged
    new: Judged
    allowed: tuple[float, float] | None
    labelled: Labelled | None
    texts: dict[tuple[str, Millis], str]
    says: dict[tuple[str, str], str]
    with_texts: bool = True


class Question(Struct, frozen=True, kw_only=True):
    """What to compare, over which history, for which groups."""

    old: Side
    new: Side
    lines: Lines
    fleet: Fleet
    until: Millis | None = None


def backtest(
    asked: Question,
    progress: Progress | None = None,
    *,
    labels: Sequence[Path] = (),
    to_label: int = 0,
    texts: bool = True,
) -> Backtest:
    """Judge one history by both sides and compare. The same question gives the same answer.

    LoadError where a side or the history cannot be used, before anything is judged where that can be told.
    """
    old, new = load(asked.old, asked.fleet), load(asked.new, asked.fleet)
    says = _says(old) | _says(new)
    with tempfile.TemporaryDirectory(prefix="xunqun-backtest-") as name:
        folder = Path(name)
        with (
            closing(Truth(folder / "truth.db")) as truth,
            # Spawned: a forked process would begin with the threads of this one.
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other,
        ):
            for one in labels:
                truth.read(one)
            before = other.submit(_judge_alone, asked, folder / "old.db")
            rest_collector()
            lines = truth.noting(asked.lines.read(progress))
            after = judge(new, asked.fleet, lines, folder / "new.db", asked.until)
            judged = before.result(), after
            compared, labelled = _compare(folder, truth, to_label)
        wanted = [one for pair in (*compared.more, *compared.fewer, *compared.changed) for one in pair if one]
        return Backtest(
            compared=compared,
            old=judged[0],
            new=judged[1],
            allowed=(allowed(old, judged[0].by_pack), allowed(new, judged[1].by_pack)),
            labelled=labelled,
            texts=texts_of(asked.lines, [*wanted, *compared.to_label]) if texts else {},
            says=says,
            with_texts=texts,
        )


def judge(side: Loaded, fleet: Fleet, lines: Iterator[bytes], path: Path, until: Millis | None) -> Judged:
    """Replay a history by one side; what it finds stays in the file."""
    with closing(Store(path, durable=False)) as store:
        replay = Replay(store, side.classifiers, side.packs, Directory(fleet))
        for line in lines:
            replay.feed(line)
        replay.finish(until)
        rows = store.connection.execute(sa.select(groups_seen.c.key, groups_seen.c.pack))
        return Judged(
            summary=summarise(replay),
            messages=dict(replay.messages),
            groups={row.key: row.pack for row in rows},
            model=side.classifiers.model_version,
        )


def _judge_alone(asked: Question, path: Path) -> Judged:
    """The old side, in a process of its own."""
    rest_collector()
    return judge(load(asked.old, asked.fleet), asked.fleet, asked.lines.read(), path, asked.until)


def found_by(store: Store) -> Iterator[Found]:
    """All findings of a side in the order of their ids, each as it was first found."""
    table = violations
    query = (
        sa.select(table.c.id, verdicts.c.body)
        .join_from(table, verdicts, verdicts.c.id == table.c.verdict)
        .where(table.c.clause != "")
        .order_by(table.c.id)
    )
    with store.engine.connect() as connection:
        rows = connection.execution_options(yield_per=_AT_ONCE).execute(query)
        for named, body in rows:
            yield next(one for one in found_in(_VERDICT.decode(body)) if one.id == named)


def _compare(folder: Path, truth: Truth, to_label: int) -> tuple[Compared, Labelled | None]:
    with (
        closing(Store(folder / "old.db", durable=False)) as old,
        closing(Store(folder / "new.db", durable=False)) as new,
    ):
        accused: tuple[set[str], set[str]] = set(), set()
        innocent = truth.normal_messages()

        def seen(pairs: Iterator[Pair]) -> Iterator[Pair]:
            for pair in pairs:
                for one, named in zip(pair, accused, strict=True):
                    if one and one.outcome == "automatic" and one.observation_id and truth.is_normal(one):
                        named.add(one.observation_id)
                yield pair

        pairs = paired(found_by(old), found_by(new))
        compared = compare(seen(pairs) if innocent else pairs, truth.known, to_label=to_label)
    labelled = Labelled(innocent=innocent, old=len(accused[0]), new=len(accused[1])) if innocent else None
    return compared, labelled


def texts_of(lines: Lines, wanted: Collection[Found]) -> dict[tuple[str, Millis], str]:
    """What the messages of these findings say, read once more from the history, by observation and time."""
    places = {(one.observation_id, one.at) for one in wanted if one.observation_id}
    ids = {named for named, _ in places}
    found: dict[tuple[str, Millis], str] = {}
    for line in lines.read() if places else ():
        try:
            named = _NAMED.decode(line)
            if named.id not in ids and (named.edit_of is None or named.edit_of.id not in ids):
                continue
            seen = decode_observation(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unusable):
            continue
        arrived = seen.received_at if seen.received_at is not None else seen.sent_at
        key = (seen.origin_id, seen.group_time(arrived))
        if key in places:
            # Of two deliveries the first was judged.
            found.setdefault(key, _text(seen))
    return found


def _text(seen: Observation) -> str:
    if seen.text is None and seen.change is not None:
        return seen.change.new or ""
    return seen.text or " ".join(one.name for one in seen.attachments or () if one.name)


def _says(loaded: Loaded) -> dict[tuple[str, str], str]:
    """What each clause says, as people cite it."""
    return {
        (slug, name): f"{clause.article} {clause.says}"
        for slug, pack in loaded.packs.items()
        for name, clause in pack.clauses.items()
    }
