"""A shadow beside a fleet, and a fleet's history under a backtest: real Kafka, Redis and PostgreSQL."""

import json
import sys
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "streams"))

from fleet_house import FleetHouse, schema
from house import START
from running_fleet import ADVERT, NUMBER
from test_shadow import OTHER, a_day

from classifiers.measure import Classifiers
from streams.cases.tables import shadow as table
from streams.fleet.control import NOTICE, Announcement, Editions
from streams.fleet.kafka import CONTROL, GROUP_STATE, LEDGER, read_whole
from streams.shadow import Wanted
from streams.topics import ACTIONS, JUDGEMENTS, OBSERVATIONS, Record


@pytest.fixture(scope="session")
def classifiers() -> Classifiers:
    return Classifiers.load()


def told(shadow: Wanted | None, at: int, offset: int = 0) -> Record:
    body = Announcement(kind="shadow", by="tuner", shadow=shadow)
    return Record(CONTROL, "", msgspec.json.encode(body), offset, at - NOTICE)


def test_the_live_edition_publishes_the_same_with_and_without(stack, classifiers):
    houses = []
    for shadow in (None, OTHER):
        house = FleetHouse(stack, schema(stack), classifiers)
        if shadow is not None:
            editions: Editions = house.hosts[0]._editions
            assert editions.announce(told(shadow, START)) is None
        a_day(house)
        houses.append(house)
    alone, watched = houses
    for topic in (JUDGEMENTS, ACTIONS):
        assert [one.value for one in alone.topics.records[topic]] == [
            one.value for one in watched.topics.records[topic]
        ]
    # Versions of states follow a clock; the states themselves do not.
    for topic in (LEDGER, GROUP_STATE):
        states = [[json.loads(one.value)["value"] for one in house.topics.records[topic]] for house in houses]
        assert states[0] == states[1]
    assert [alone.ledger(who) for who in ("u1", "u2")] == [watched.ledger(who) for who in ("u1", "u2")]
    found = {
        house.name: {row.side for row in house.store.connection.execute(sa.select(table.c.side))} for house in houses
    }
    assert found[alone.name] == set()
    assert found[watched.name] >= {"only_live", "only_shadow", "both", "compared"}
    for one in houses:
        one.close()


def test_a_shadow_ends_and_goes_on_beside_what_is_announced_later(stack, classifiers):
    house = FleetHouse(stack, schema(stack), classifiers)
    editions: Editions = house.hosts[0]._editions
    live = editions.kept[0]
    assert editions.announce(told(OTHER, START)) is None
    # The edition in force is the same one: nothing of it is made anew.
    assert (editions.kept[1].screen, editions.kept[1].escalate) == (live.screen, live.escalate)
    words = Announcement(kind="lists", by="tuner", texts={"ads.yaml": "category: ads\nwhy: 测试\nstrong: [样机到了]\n"})
    assert editions.announce(Record(CONTROL, "", msgspec.json.encode(words), 1, START + 1)) is None
    later = editions.kept[2]
    assert later.shadow is not None
    assert later.shadow.screen.classifiers is later.screen.classifiers
    # Weights that are missing hold nobody up: the announcement is refused here, and the shadow before goes on.
    why = editions.announce(told(Wanted(of="model", model="nix"), START + NOTICE + 2, 2))
    assert why is not None
    assert why.startswith("control/2: ")
    assert editions.kept[-1] is later
    assert editions.announce(told(None, START + 2 * NOTICE, 3)) is None
    assert editions.kept[-1].shadow is None
    house.close()


def test_announced_it_judges_beside_and_the_topic_is_history(fleet, xunqun, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "ads.yaml").write_text("category: ads\nwhy: 测试\nstrong: [样机到了]\n", "utf-8")
    started = xunqun.json("shadow", "start", "--lists", lists, "--by", "林晓梅")
    rows = xunqun.json("control", "list")
    assert [(one["kind"], one["files"], one["refused"]) for one in rows] == [("shadow", ["ads.yaml"], None)]

    def seen(side):
        return fleet.rows("SELECT observation_id, live, beside FROM shadow WHERE side = :side", side=side)

    # It takes effect ten seconds from now; until then what is said is not judged twice.
    fleet.until(lambda: fleet.say("今天两点开例会") and seen("compared"), "the shadow judges", 60)
    new, both = fleet.say("第三批样机到了，去仓库领"), fleet.say(ADVERT, by="a2")
    fleet.say(NUMBER, by="a3", group="g2")
    fleet.until(lambda: seen("only_shadow") and len(seen("both")) == 2, "it found something")
    assert seen("only_shadow") == [(new, "", "automatic")]
    assert (both, "automatic", "automatic") in seen("both")
    verdicts = [one.verdict.observation_id for one in fleet.topic(JUDGEMENTS) if one.verdict]
    assert new not in verdicts
    found = xunqun.json("shadow", "report")
    assert found["shadow"]["shadow"] == started["shadow"]
    assert (found["total"]["more"], found["total"]["fewer"]) == (1, 0)
    xunqun.json("shadow", "stop", "--by", "林晓梅")

    said = [one for one in fleet.wait_for(read_whole(fleet.kafka, OBSERVATIONS)) if one.key]
    code, out, err = xunqun("backtest", "--history", "topic", "--new", lists, "--json", "--most-more", 0)
    assert code == 1, err
    history = json.loads(out)
    assert history["history"]["messages"] == len(said)
    assert [one["observation_id"] for one in history["examples"]["more"]] == [new]
    # What the fleet has found is what the old side finds.
    assert history["total"]["old"] == len({one.id for one in found_in(fleet)})


def found_in(fleet):
    judged = [one.verdict for one in fleet.topic(JUDGEMENTS) if one.verdict]
    return [one for verdict in judged for one in (*verdict.violations, *verdict.uncertain)]
