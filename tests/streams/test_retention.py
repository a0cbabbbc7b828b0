"""Text goes after its time; strikes stay, and nothing that is still to be read is lost."""

import sqlalchemy as sa
from house import DAY

from streams import desk
from streams.cases.tables import dead_letters, evidence
from streams.store import log

MONTH = 30 * DAY


def rows(house, table):
    return house.store.connection.scalar(sa.select(sa.func.count()).select_from(table))


def test_old_records_dead_letters_and_evidence_go_and_strikes_stay(house):
    house.say()
    house.host.append_dead(b"no json", "not JSON", house.now)
    house.settle()
    assert rows(house, log) > 2
    desk.purge(house.store, now=house.now + MONTH + 181 * DAY, keep_text=MONTH)
    assert (rows(house, log), rows(house, dead_letters), rows(house, evidence)) == (0, 0, 0)
    assert house.strikes() == ["m1"]


def test_what_no_agent_has_read_yet_stays(house):
    house.say(judge=False)
    desk.purge(house.store, now=house.now + 2 * MONTH, keep_text=MONTH)
    house.settle()
    assert house.strikes() == ["m1"]


def test_after_everything_went_a_second_offence_is_the_second(house):
    house.say()
    desk.purge(house.store, now=house.now + 2 * MONTH, keep_text=MONTH)
    house.say(at=2 * MONTH)
    assert house.standing() == [("warn", "m1"), ("remove", "m2")]


def test_what_is_young_stays(house):
    house.say()
    before = rows(house, log)
    desk.purge(house.store, now=house.now + MONTH - 1, keep_text=MONTH)
    assert rows(house, log) == before
