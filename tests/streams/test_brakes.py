"""Brakes: what goes out by itself has a budget an hour; what exceeds it waits for a person until somebody resumes it."""

import asyncio
import logging
import sqlite3
import subprocess
import sys

import aiohttp
import pytest
import sqlalchemy as sa
from house import GIFT, HOUR, MINUTE, TRANSFER, VOUCHER, a_pack

from models import Sanction, Subject
from streams import brakes, desk, outbox
from streams.brakes import Budgets
from streams.cases.tables import outbox as outbox_table
from streams.dispatch import Dispatcher
from streams.doctor import examine
from streams.errors import NotFound, WrongUse
from streams.http import serve
from streams.metrics import Metrics
from streams.service import Service
from streams.settings import Settings, SettingsError, read_settings
from streams.status import Standing, page
from streams.store import SCHEMA_VERSION, Store, StoreUnavailable

NONE = Budgets(group=0, clause=0, fleet=0)
THREE = NONE._replace(group=3)


# values


def a_sanction(kind, reverses=None):
    return Sanction(
        id="s1", violation_ids=("v1",), group_id="g1", subject=Subject("member", "u1"), kind=kind, rung=1,
        clause="house-1", needs_approval=False, decided_at=0, notice="", reverses=reverses,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["warn", "recall", "mute", "remove"])
def test_what_hurts_is_budgeted_unless_it_is_taken_back_or_a_person_decided_it(kind):
    assert brakes.is_budgeted(a_sanction(kind), by_person=False)
    assert not brakes.is_budgeted(a_sanction(kind, reverses="s0"), by_person=False)
    assert not brakes.is_budgeted(a_sanction(kind), by_person=True)


def test_a_reminder_is_not_budgeted():
    assert not brakes.is_budgeted(a_sanction("remind"), by_person=False)


def test_each_scope_is_counted_and_held_by_its_own_budget():
    sent = brakes.tally([("g1", "c1", 2), ("g1", "c2", 1), ("g2", "c1", 3), ("g2", "", 1)])
    assert sent == {"group:g1": 3, "group:g2": 4, "clause:c1": 5, "clause:c2": 1, "all": 7}
    scopes = brakes.scopes_of("g1", "c1")
    assert brakes.exceeded(scopes, sent, Budgets(4, 6, 8)) == []
    assert brakes.exceeded(scopes, sent, Budgets(3, 5, 8)) == ["group:g1", "clause:c1"]
    assert brakes.exceeded(scopes, sent, Budgets(0, 0, 7)) == ["all"]
    assert brakes.exceeded(scopes, sent, NONE) == []


def test_settings_give_the_budgets():
    assert Settings().budgets == Budgets() == brakes.DEFAULT
    given = {"XUNQUN_BUDGET_GROUP": "5", "XUNQUN_BUDGET_CLAUSE": "0", "XUNQUN_BUDGET_FLEET": "70"}
    assert read_settings(given).budgets == Budgets(5, 0, 70)
    with pytest.raises(SettingsError, match="XUNQUN_BUDGET_FLEET"):
        read_settings({"XUNQUN_BUDGET_FLEET": "-1"})


# in a house


def send(house, budgets=THREE):
    """Judge, and send what may go out, until nothing does."""
    while True:
        house.host.drain()
        actions = outbox.claim(house.store, house.now, budgets=budgets)
        if not actions:
            return
        for one in actions:
            house._carry_out(one)


def offend(house, *names, budgets=THREE, group="g1", **what):
    for name in names:
        house.say(name, group=group, judge=False, **(what or GIFT))
        send(house, budgets)


def strangers(count, first=0):
    return [f"stranger{number}" for number in range(first, first + count)]


def held(house):
    return outbox.held_by_brakes(house.store)


def resume(house, **scope):
    desk.resume(house.store, **scope, now=house.now)


def decide(house, named, outcome, budgets=THREE):
    house.now += MINUTE
    desk.decide(house.store, named, outcome=outcome, by="林晓梅", reason="测试", now=house.now)
    send(house, budgets)


def remover(a_house, **given):
    """A house in which the first offence already removes, without asking."""
    return a_house(
        packs={"house": a_pack(rungs=[{"strikes": 1, "sanction": "remove"}]), "other": a_pack("other")}, **given
    )


def test_a_group_beyond_its_budget_is_held_and_no_other(house):
    offend(house, *strangers(5))
    assert len(house.sent()) == 3
    offend(house, "a2", group="g2")
    assert len(house.sent()) == 4
    (pause,) = desk.paused(house.store)
    assert (pause["scope"], pause["by"]) == ("group:g1", "brake")
    assert pause["reason"] == "3 sanctions went out in the last hour, XUNQUN_BUDGET_GROUP allows 3"


@pytest.mark.parametrize(
    ("budgets", "scope", "setting"),
    [
        (NONE._replace(clause=2), "clause:house-1", "XUNQUN_BUDGET_CLAUSE"),
        (NONE._replace(fleet=2), "all", "XUNQUN_BUDGET_FLEET"),
    ],
)
def test_clause_and_fleet_are_held_over_all_groups(house, budgets, scope, setting):
    offend(house, "stranger0", budgets=budgets)
    offend(house, "stranger1", "stranger2", group="g2", budgets=budgets)
    assert len(house.sent()) == 2
    assert list(held(house)) == [scope]
    assert setting in held(house)[scope]
    offend(house, "stranger3", group="g3", budgets=budgets)
    # The third group has another pack: of a clause, it is another one.
    assert len(house.sent()) == (2 if scope == "all" else 3)


def test_what_never_exceeds_its_budget_in_an_hour_is_never_held(house):
    for round_number in range(4):
        house.now += HOUR
        offend(house, *strangers(2, first=2 * round_number))
    assert len(house.sent()) == 8
    assert held(house) == {}


def test_without_budgets_nothing_is_held(house):
    offend(house, *strangers(10), budgets=NONE)
    assert len(house.sent()) == 10


def test_a_queue_that_is_there_at_once_is_held_as_well(house):
    for name in strangers(6):
        house.say(name, judge=False)
    house.say("a2", group="g2", judge=False)
    send(house)
    assert len(house.sent()) == 4


def test_a_brake_holds_until_a_person_resumes_it(house):
    offend(house, *strangers(4))
    house.now += 5 * HOUR
    offend(house, *strangers(2, first=4))
    assert len(house.sent()) == 3
    resume(house, group="g1")
    send(house)
    assert held(house) == {}
    # The first, held for five hours, is a draft by now; the two of the last minutes go out.
    assert len(house.sent()) == 5
    with pytest.raises(NotFound):
        resume(house, group="g1")


def test_a_resumed_scope_is_counted_anew_and_the_others_are_not(house):
    budgets = NONE._replace(group=3, fleet=5)
    offend(house, *strangers(4), budgets=budgets)
    resume(house, group="g1")
    send(house, budgets)
    offend(house, "stranger4", budgets=budgets)
    assert (len(house.sent()), held(house)) == (5, {})
    offend(house, "stranger5", budgets=budgets)
    assert list(held(house)) == ["all"]


def test_what_is_claimed_by_a_time_read_before_the_resume_counts(house):
    budgets = NONE._replace(group=2)
    offend(house, *strangers(3), budgets=budgets)
    desk.resume(house.store, group="g1", now=house.now + 300)
    send(house, budgets)
    offend(house, "stranger3", "stranger4", budgets=budgets)
    assert (len(house.sent()), list(held(house))) == (4, ["group:g1"])


def test_a_resume_by_a_clock_that_was_far_ahead_lets_nothing_pass_uncounted(house):
    budgets = NONE._replace(group=2)
    offend(house, *strangers(3), budgets=budgets)
    desk.resume(house.store, group="g1", now=house.now + 5 * HOUR)
    offend(house, *strangers(2, first=3), budgets=budgets)
    assert (len(house.sent()), list(held(house))) == (2, ["group:g1"])
    resume(house, group="g1")
    send(house, budgets)
    assert len(house.sent()) == 4


def test_what_waits_too_long_becomes_a_draft_while_the_brake_holds(house):
    offend(house, *strangers(4))
    assert house.reviews() == []
    house.now += 11 * MINUTE
    send(house)
    (draft,) = house.reviews("late")
    assert (draft["clause"], draft["group_id"]) == ("house-1", "g1")
    assert len(house.sent()) == 3


def test_a_removal_becomes_a_draft_at_once(a_house):
    # It never gets too old, so otherwise nobody would hear of it.
    house = remover(a_house)
    offend(house, *strangers(5))
    assert house.sent() == ["remove"] * 3
    assert [one["options"] for one in house.reviews("late")] == [["remove"]] * 2
    assert [status for _, status in house.outbox()].count("manual") == 2


def test_a_draft_that_a_person_approves_goes_out_though_the_brake_holds(a_house):
    house = remover(a_house)
    offend(house, *strangers(5))
    first, second = house.reviews("late")
    decide(house, first["id"], "approve")
    assert len(house.sent()) == 4
    decide(house, second["id"], "refuse")
    assert (len(house.sent()), house.reviews()) == (4, [])
    assert list(held(house)) == ["group:g1"]


def test_what_a_person_approves_counts_against_no_budget(a_house):
    house = a_house(packs={"house": a_pack(rungs=[{"strikes": 1, "sanction": "remove"}])}, remove="required")
    offend(house, *strangers(5))
    for one in house.reviews("approval"):
        decide(house, one["id"], "approve")
    assert (house.sent(), held(house)) == (["remove"] * 5, {})


def test_taking_back_works_while_a_brake_holds(a_house):
    house = remover(a_house)
    offend(house, *strangers(3), "a1", budgets=NONE)
    offend(house, "stranger8", budgets=NONE._replace(fleet=1))
    assert list(held(house)) == ["all"]
    decide(house, house.violation("remove"), "overturn")
    assert house.sent() == [*["remove"] * 4, "reinvite", "notify"]


def test_what_is_taken_back_while_it_is_held_never_goes_out(house):
    offend(house, *strangers(3), "a1")
    assert len(house.sent()) == 3
    decide(house, house.violation("warn"), "overturn")
    resume(house, group="g1")
    send(house)
    house.now += HOUR
    send(house)
    assert len(house.sent()) == 3
    assert house.reviews() == []


def test_reminders_go_out_while_a_brake_holds(house):
    budgets = NONE._replace(fleet=1)
    offend(house, *strangers(2), budgets=budgets)
    offend(house, "a2", budgets=budgets, **VOUCHER)
    assert [one.params["budgeted"] for one in house.actuator.asked] == [True, False]


def test_reminders_are_not_counted(house):
    budgets = NONE._replace(fleet=1)
    offend(house, "a1", "a2", budgets=budgets, **VOUCHER)
    offend(house, "stranger0", budgets=budgets)
    assert (len(house.sent()), held(house)) == (3, {})


def test_what_did_not_go_out_does_not_count(house):
    budgets = NONE._replace(group=1)
    house.say("stranger0", judge=False)
    house.host.drain()
    for _ in range(3):
        (action,) = outbox.claim(house.store, house.now, budgets=budgets)
        outbox.settle(house.store, action, "retry", at=house.now, retry_at=house.now)
    (action,) = outbox.claim(house.store, house.now, budgets=budgets)
    outbox.settle(house.store, action, "refused", at=house.now)
    offend(house, "stranger1", budgets=budgets)
    assert (len(house.sent()), held(house)) == (1, {})


@pytest.mark.parametrize("repeatable", [{"notify"}, set()])
def test_what_may_have_gone_out_before_a_crash_counts_once(house, repeatable):
    budgets = NONE._replace(group=2)
    house.say("stranger0", judge=False)
    house.host.drain()
    outbox.claim(house.store, house.now, budgets=budgets)
    outbox.recover(house.store, repeatable)
    offend(house, "stranger1", budgets=budgets)
    assert held(house) == {}
    offend(house, "stranger2", budgets=budgets)
    assert list(held(house)) == ["group:g1"]


def test_a_replay_knows_no_brakes(house):
    for name in strangers(5):
        house.say(name, judge=False)
    house.host.drain()
    assert len(outbox.claim(house.store, 0, simulated=True, budgets=NONE._replace(fleet=1))) == 5
    assert held(house) == {}


# pauses by people


def test_a_clause_may_be_paused_in_all_groups(house):
    desk.pause(house.store, clause="house-3", by="林晓梅", reason="核查")
    offend(house, "a1", **VOUCHER)
    offend(house, "a2", group="g2", **VOUCHER)
    offend(house, "stranger0", **TRANSFER)
    assert len(house.sent()) == 1
    resume(house, clause="house-3")
    send(house)
    assert len(house.sent()) == 3


def test_a_person_may_pause_what_a_brake_holds_and_then_nothing_goes_out(house):
    offend(house, *strangers(3), "a1")
    desk.pause(house.store, group="g1", by="林晓梅", reason="核查")
    assert held(house) == {}
    offend(house, "a2", **VOUCHER)
    assert len(house.sent()) == 3


def test_nobody_pauses_in_the_name_of_a_brake(house):
    with pytest.raises(WrongUse, match="your own name"):
        desk.pause(house.store, by="brake")


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ({"group": "g1"}, True), ({"group": "1"}, False), ({"group": "webhook:g1"}, False), ({"group": "%"}, False),
        ({"pack": "house"}, True), ({"pack": "hause"}, False),
        ({"clause": "house-1"}, True), ({"clause": "house-9"}, False), ({}, True),
    ],
)  # fmt: skip
def test_a_scope_of_which_nothing_was_seen_is_warned_of(house, scope, seen):
    offend(house, "a1")
    told = desk.never_seen(house.store, **scope)
    assert (told is None) is seen
    assert seen or next(iter(scope.values())) in told


def run(*arguments):
    command = [sys.executable, "-c", "from streams.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_warns_of_a_group_that_was_never_seen(house):
    offend(house, "a1")
    folder = house.path.parent
    done = run("pause", "--group", "typo", "--by", "林晓梅", "--dir", folder)
    assert (done.returncode, "group:typo is paused" in done.stdout) == (0, True), done.stderr
    assert "typo" in done.stderr
    assert "misspelt" in done.stderr
    done = run("pause", "--clause", "house-1", "--by", "林晓梅", "--dir", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert {one["scope"] for one in desk.paused(house.store)} == {"group:typo", "clause:house-1"}
    assert run("resume", "--clause", "house-1", "--by", "林晓梅", "--dir", folder).returncode == 0
    assert [one["scope"] for one in desk.paused(house.store)] == ["group:typo"]


async def test_the_calls_over_http_know_clauses_and_warn_as_well(house):
    house.say("a1", judge=False)
    house.host.drain()
    service = Service(house.host, house.actuator, Metrics(), clock=lambda: house.now, tick_seconds=3600)
    await service.start()
    server = await serve(service, port=0, api_token="a token of twenty characters")
    headers = {"Authorization": "Bearer a token of twenty characters"}
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", headers=headers) as session:

            async def ask(path, **body):
                async with session.post(path, json={"by": "林晓梅", "reason": "核查", **body}) as response:
                    return response.status, await response.json()

            status, found = await ask("/pause", clause="house-1")
            assert (status, [one["scope"] for one in found["paused"]]) == (200, ["clause:house-1"])
            assert "warning" not in found
            status, found = await ask("/pause", group="typo")
            assert (status, "typo" in found["warning"]) == (200, True)
            status, found = await ask("/resume", clause="house-1")
            assert (status, [one["scope"] for one in found["paused"]]) == (200, ["group:typo"])
            assert (await ask("/pause", clause="house-1", group="g1"))[0] == 422
    finally:
        await server.stop()
        await service.stop()


# the alarm


def test_a_dispatcher_raises_the_alarm_once_and_counts(house, caplog):
    metrics = Metrics()

    async def in_store(work, *arguments):
        return work(*arguments)

    dispatcher = Dispatcher(house.store, house.actuator, metrics, lambda: house.now, in_store, budgets=THREE)

    def rounds():
        house.host.drain()
        while asyncio.run(dispatcher.round()):
            house.host.drain()

    for name in strangers(5):
        house.say(name, judge=False)
    with caplog.at_level(logging.WARNING, logger="xunqun"):
        rounds()
        rounds()
    assert len(house.sent()) == 3
    (said,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert said == 'brake scope="group:g1"'
    assert metrics.registry.get_sample_value("xunqun_brakes", {"scope": "group"}) == 1
    resume(house, group="g1")
    rounds()
    assert metrics.registry.get_sample_value("xunqun_brakes", {"scope": "group"}) == 0
    assert len(house.sent()) == 5


def test_doctor_and_the_status_page_say_which_brake_holds_and_why(house):
    offend(house, *strangers(4))
    (told,) = [one for one in examine(Settings(dir=house.path.parent)) if one.what == "brake"]
    assert told.state == "wrong"
    assert "3 sanctions went out in the last hour" in told.told
    assert "`xunqun resume --group g1`" in told.told
    shown = page(True, (), Standing("run", 0.0), desk.status(house.store))
    assert "3 sanctions went out in the last hour, XUNQUN_BUDGET_GROUP allows 3" in shown


# older files


def test_a_file_of_the_version_before_goes_on(house):
    offend(house, *strangers(2))
    house.store.close()
    with sqlite3.connect(house.path) as old:
        old.execute("DROP INDEX ix_outbox_sent_at")
        for column in ("clause", "budgeted", "sent_at"):
            old.execute(f"ALTER TABLE outbox DROP COLUMN {column}")
        old.execute("DROP TABLE resumed")
        old.execute("PRAGMA user_version=1")
    old.close()
    for _ in range(2):
        again = Store(house.path)
        assert again.connection.exec_driver_sql("PRAGMA user_version").scalar() == SCHEMA_VERSION
        rows = again.connection.execute(sa.select(outbox_table.c.clause, outbox_table.c.budgeted)).all()
        assert rows == [("", False)] * 2
        names = {one["name"] for one in sa.inspect(again.connection).get_indexes("outbox")}
        assert "ix_outbox_sent_at" in names
        # A process of the version before that still runs sets its number again.
        again.connection.exec_driver_sql("PRAGMA user_version=1")
        again.close()


def test_a_file_of_a_later_version_is_refused(tmp_path):
    path = tmp_path / "xunqun.db"
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    later.close()
    with pytest.raises(StoreUnavailable, match="another version"):
        Store(path)
