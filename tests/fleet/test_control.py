"""What is in force follows from the append time; a bad announcement changes nothing."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import yaml

from classifiers.keywords import Keywords, load_lists
from classifiers.trained.serve import Model
from models import Fleet, Group
from policies.lint import load_packs
from streams.errors import LoadError, Unavailable
from streams.fleet import history
from streams.fleet.control import NOTICE, Announcement, Editions, Parts, announce_to, announced, announcement
from streams.fleet.kafka import CONTROL, Kafka, create_topics, within
from streams.loading import model_folder
from streams.settings import Settings
from streams.topics import Record

PACK = Path(__file__).parents[2] / "policies" / "packs" / "baseline.yaml"


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts(load_packs(), Fleet(groups=(Group(id="g", pack="baseline"),)), Keywords(load_lists()), None)


def told(kind, offset, at, texts=(), since=0, **more) -> Record:
    body = Announcement(kind=kind, by="tuner", effective_from=since, texts=dict(texts), **more)
    return Record(CONTROL, "", msgspec.json.encode(body), offset, at)


def a_pack(version: str) -> str:
    body = yaml.safe_load(PACK.read_text("utf-8"))
    return yaml.safe_dump(body | {"title": version}, allow_unicode=True)


def test_what_applies_follows_from_the_append_time(parts):
    editions = Editions.begin(parts)
    assert editions.announce(told("pack", 0, 1_000_000, {"baseline.yaml": a_pack("2")})) is None
    assert editions.announce(told("pack", 1, 1_000_500, {"baseline.yaml": a_pack("3")}, since=2_000_000)) is None
    versions = [
        editions.at(when).parts.packs["baseline"].title for when in (0, 1_000_000 + NOTICE, 1_999_999, 2_000_000)
    ]
    assert versions == [parts.packs["baseline"].title, "2", "2", "3"]


def test_nothing_takes_effect_before_every_worker_can_have_read_it(parts):
    editions = Editions.begin(parts)
    editions.announce(told("pack", 0, 1_000_000, {"baseline.yaml": a_pack("2")}, since=5))
    assert editions.at(1_000_000 + NOTICE - 1).parts.packs["baseline"].title == parts.packs["baseline"].title


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("pack", {"baseline.yaml": "pack: [baseline"}),
        ("pack", {}),
        ("pack", {"a.yaml": "pack: a", "b.yaml": "pack: b"}),
        ("lists", {"ads.yaml": "category: ads\nstrong: 5"}),
        ("fleet", {"fleet.yaml": "groups:\n  - {id: g, pack: missing-pack}"}),
    ],
)
def test_a_bad_one_is_refused_with_a_sentence_and_the_last_good_one_stays(parts, kind, texts):
    editions = Editions.begin(parts)
    why = editions.announce(told(kind, 7, 1_000_000, texts))
    assert why is not None
    assert why.startswith("control/7: ")
    assert "\n" not in why
    assert len(editions.kept) == 1
    assert editions.announce(Record(CONTROL, "", b"{", 8, 1_000_001)) is not None


def test_one_that_would_be_overtaken_by_an_earlier_announcement_is_refused(parts):
    editions = Editions.begin(parts)
    editions.announce(told("pack", 0, 1_000_000, {"baseline.yaml": a_pack("3")}, since=9_000_000))
    assert "later" in editions.announce(told("pack", 1, 1_000_500, {"baseline.yaml": a_pack("2")}))


async def test_a_backtest_takes_default_weights_for_what_the_fleet_does(tmp_path, monkeypatch):
    """Also where other weights are promoted on this machine."""
    shipped = Model.load(model_folder("shipped")).version
    read: list[Record] = []

    async def whole(kafka: Kafka, topic: str) -> list[Record]:
        return read

    monkeypatch.setattr(history, "read_whole", whole)
    assert (await history.announced_side(Kafka("", ""), Settings(), (), tmp_path))[0].model == "shipped"
    read.append(told("model", 0, 1_000_000, model="default", version=shipped))
    assert (await history.announced_side(Kafka("", ""), Settings(model="full"), (), tmp_path))[0].model == "shipped"


def test_weights_that_this_worker_lacks_are_waited_for_not_refused(parts):
    editions = Editions.begin(parts)
    with pytest.raises(Unavailable):
        editions.announce(told("model", 0, 1_000_000, model="full", version="of another training"))
    assert len(editions.kept) == 1


def test_windows_go_on_from_one_edition_to_the_next(parts):
    editions = Editions.begin(parts)
    editions.announce(told("pack", 0, 1_000_000, {"baseline.yaml": a_pack("2")}))
    assert editions.kept[0].screen.windows is editions.kept[1].screen.windows


async def test_announcing_checks_before_it_sends(stack, topic_prefix, tmp_path):
    kafka = Kafka(stack.kafka, topic_prefix)
    await create_topics(kafka, partitions=1)
    good, bad = tmp_path / "baseline.yaml", tmp_path / "bad.yaml"
    good.write_text(a_pack("2"), "utf-8")
    bad.write_text("pack: 1", "utf-8")
    found = await announce_to(kafka, announcement("pack", good, by="tuner", effective_from=0))
    assert found["offset"] == 0
    with pytest.raises(LoadError):
        await announce_to(kafka, announcement("pack", bad, by="tuner", effective_from=0))
    rows = await announced(kafka)
    assert [(one["kind"], one["files"], one["refused"]) for one in rows] == [("pack", ["baseline.yaml"], None)]


def test_what_strikes_are_held_under_outlives_its_pack(parts):
    """An overturned verdict has to find its ladder and its clause, also when the pack in force has them no more."""
    editions = Editions.begin(parts)
    body = yaml.safe_load(PACK.read_text("utf-8"))
    gone = next(iter(body["clauses"]))
    del body["clauses"][gone]
    body.pop("tests", None)
    used = {one.get("ladder") for clause in body["clauses"].values() for one in clause.get("bindings", ())}
    body["ladders"] = {name: one for name, one in body["ladders"].items() if name in used}
    why = editions.announce(told("pack", 0, 1_000_000, {"baseline.yaml": yaml.safe_dump(body, allow_unicode=True)}))
    assert why is None, why
    edition = editions.kept[-1]
    assert gone not in edition.parts.packs["baseline"].clauses
    assert gone in edition.escalate.packs["baseline"].clauses
    assert set(parts.packs["baseline"].ladders) <= set(edition.escalate.packs["baseline"].ladders)


async def test_a_call_that_never_ends_or_is_cancelled_by_a_library_is_given_up():
    async def deaf() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.2)
                return

    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def answered() -> int:
        return 7

    began = time.monotonic()
    for asked in (deaf, cancelled):
        with pytest.raises(TimeoutError):
            await within(0.05, asked())
    assert time.monotonic() - began < 5
    assert await within(5, answered()) == 7
    # Whoever waits may still be cancelled himself.
    waiting = asyncio.create_task(within(5, asyncio.sleep(5)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
