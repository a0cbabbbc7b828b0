"""What is counted of an agent's work, what is looked up of a store, and how Prometheus hears of a process."""

import json
import socket

import pytest
import sqlalchemy as sa
from house import DAY, GIFT, HOUR, IDENTITY, PLAIN, START

from models import Observation, Signal
from streams import desk
from streams.brakes import Budgets
from streams.cases.tables import outbox
from streams.dispatch import Dispatcher
from streams.errors import LoadError
from streams.metrics import Metrics
from streams.metrics.counting import count_effects
from streams.metrics.targets import announced
from streams.metrics.watching import look, show, show_disk
from streams.topics import OBSERVATIONS, Effects, Record


class Counted:
    """A house whose every step is counted."""

    def __init__(self, house) -> None:
        self.house, self.metrics = house, Metrics()

    def settle(self, late: int = 0) -> None:
        """Run the agents until nothing is left; the clock stands `late` milliseconds after what was said last."""
        while done := self.house.host.step():
            for one in done:
                count_effects(self.metrics, one.agent, self.house.now + late, one.records, one.effects)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def counted(house) -> Counted:
    return Counted(house)


def test_what_comes_in_and_what_follows_is_counted_once(counted):
    house = counted.house
    house.say(judge=False, **GIFT)
    house.say(judge=False, by="a2", **PLAIN)
    counted.settle(late=1500)
    assert counted.value("xunqun_observations_total", type="message.created") == 2
    assert counted.value("xunqun_verdicts_total", pack="house", category="red_packet", outcome="violation") == 1
    assert counted.value("xunqun_sanctions_total", kind="warn", mode="enforce") == 1
    # Both were judged together, when the second had been there for 1.5 s and the first for a minute more.
    assert counted.value("xunqun_verdict_latency_seconds_count") == 2
    assert counted.value("xunqun_verdict_latency_seconds_bucket", le="2.0") == 1
    assert counted.value("xunqun_verdict_latency_seconds_sum") == pytest.approx(63.0)
    assert counted.value("xunqun_end_to_end_seconds_count", platform="webhook", until="verdict") == 1
    assert counted.value("xunqun_end_to_end_seconds_sum", platform="webhook", until="verdict") == pytest.approx(61.5)
    assert counted.value("xunqun_batch_records_sum", agent="screen") == 2
    assert counted.value("xunqun_arrival_delay_seconds_count", platform="webhook") == 2


def test_decisions_and_appeals_are_counted_by_what_they_are_about(counted):
    house = counted.house
    overturned = house.say(judge=False, **GIFT)
    asked = house.say(judge=False, by="a2", **IDENTITY)
    counted.settle()
    house.decide(overturned, "overturn", judge=False)
    house.decide(asked, "uphold", judge=False)
    sanction = house.sanction("warn").id
    house.say(judge=False, type="appeal.filed", sanction_id=sanction, text="申诉")
    counted.settle()
    assert counted.value("xunqun_decisions_total", pack="house", category="red_packet", outcome="overturn") == 1
    assert counted.value("xunqun_decisions_total", pack="house", category="identity_number", outcome="uphold") == 1
    assert counted.value("xunqun_appeals_total") == 1


def test_what_people_approve_or_take_back_is_not_prescribed_once_more(a_house):
    house = a_house(remove="required")
    counted = Counted(house)

    def prescribed() -> tuple[float | None, ...]:
        return tuple(counted.value("xunqun_sanctions_total", kind=kind, mode="enforce") for kind in ("warn", "remove"))

    house.say(judge=False)
    counted.settle()
    # The warning reaches the member, so the next rung is a removal.
    house.settle()
    house.say(judge=False, at=DAY)
    counted.settle()
    assert prescribed() == (1, 1)
    house.decide(house.review("approval"), "approve", judge=False)
    counted.settle()
    house.decide(house.violation("remove"), "overturn", judge=False)
    counted.settle()
    assert any(one.reverses for one in house.issued())
    assert prescribed() == (1, 1)


def test_dead_letters_are_counted_by_cause(counted):
    counted.house.host.append_dead(b"{", "not JSON at byte 1", counted.house.now)
    counted.settle()
    assert counted.value("xunqun_dead_letters_total", cause="not_json") == 1


def test_scores_and_what_could_not_be_measured_are_counted_from_signals():
    metrics = Metrics()
    seen = Observation(type="message.created", sent_at=1000, id="m1", platform="jsonl")
    signals = (
        Signal("trained@1", "ads", 0.45),
        Signal("trained@1", "ads", 0.97),
        Signal("keywords@1", "ads", 1.0),
        Signal("patterns", "email", unavailable="broke"),
    )
    record = Record(OBSERVATIONS, "k", b"", 1, 4000, seen, measured=(signals, (frozenset(), 0)))
    count_effects(metrics, "screen", 5000, [record], Effects())
    value = metrics.registry.get_sample_value
    assert value("xunqun_scores_count", {"category": "ads"}) == 2
    assert value("xunqun_scores_bucket", {"category": "ads", "le": "0.5"}) == 1
    assert value("xunqun_unavailable_total", {"classifier": "patterns"}) == 1
    assert value("xunqun_arrival_delay_seconds_sum", {"platform": "jsonl"}) == 3.0
    assert value("xunqun_verdict_latency_seconds_sum", {}) == 1.0


def test_ticks_are_no_messages_that_are_judged_late():
    """They reach their groups by and by, and nobody waits for them: no promise is broken by them."""
    metrics = Metrics()
    seen = [
        Observation(type="clock.tick", sent_at=1000, id="t1", platform="clock"),
        Observation(type="message.created", sent_at=60_000, id="m1", platform="jsonl"),
    ]
    records = [Record(OBSERVATIONS, "k", b"", at, one.sent_at, one) for at, one in enumerate(seen)]
    count_effects(metrics, "screen", 61_000, records, Effects())
    value = metrics.registry.get_sample_value
    assert value("xunqun_observations_total", {"type": "clock.tick"}) == 1
    assert value("xunqun_verdict_latency_seconds_count", {}) == 1
    assert value("xunqun_verdict_latency_seconds_sum", {}) == 1.0


def test_queues_are_shown_with_the_age_of_their_oldest(counted):
    house = counted.house
    asked = house.say(judge=False, by="a2", **IDENTITY)
    house.say(judge=False, **GIFT)
    counted.settle()
    found = look(house.store, house.now + HOUR, listed=3)
    assert found.reviews == {"assisted": (1, pytest.approx(3600 + 60))}
    assert {status: count for status, (count, _) in found.actions.items()} == {"planned": 1}
    metrics = counted.metrics
    show(metrics, found)
    assert counted.value("xunqun_reviews_oldest_seconds", kind="assisted") == pytest.approx(3660)
    assert counted.value("xunqun_outbox_open", status="planned") == 1
    desk.pause(house.store, by="林晓梅")
    show(metrics, look(house.store, house.now, listed=3))
    assert counted.value("xunqun_paused") == 1
    # Decided, it is gone.
    house.decide(asked, "uphold")
    show(metrics, look(house.store, house.now, listed=3))
    assert counted.value("xunqun_reviews_open", kind="assisted") == 0
    assert counted.value("xunqun_reviews_oldest_seconds", kind="assisted") == 0


def test_an_action_that_is_held_until_a_time_waits_from_then_on(counted):
    house = counted.house
    house.say(judge=False, **GIFT)
    counted.settle()
    until = house.now + 10 * HOUR
    house.store.connection.execute(sa.update(outbox).values(next_try_at=until))

    def waits(now: int) -> float:
        return look(house.store, now, listed=3).actions["planned"][1]

    assert [waits(at) for at in (until - HOUR, until, until + HOUR)] == [0, 0, 3600]
    # One that was tried waits since it was planned.
    house.store.connection.execute(sa.update(outbox).values(tries=1))
    assert waits(until) == pytest.approx(10 * 3600, abs=1)


def test_groups_are_heard_of_silent_or_unknown(house):
    house.say(group="g1", **PLAIN)
    house.say(group="g9", **PLAIN)
    assert look(house.store, house.now, listed=3).groups == {"listed": 3, "heard": 2, "silent": 2, "unknown": 1}
    later = house.now + 2 * DAY
    assert look(house.store, later, listed=3).groups == {"listed": 3, "heard": 0, "silent": 2, "unknown": 1}
    # Where the bot has left, nobody waits for the group to be entered.
    week = look(house.store, house.now + 8 * DAY, listed=3).groups
    assert (week["silent"], week["unknown"]) == (3, 0)
    # Ticks come from ourselves: no group is heard of by them.
    house.now += 8 * DAY
    house.host.tick(house.now)
    house.settle()
    assert look(house.store, house.now, listed=3).groups["silent"] == 3
    house.say(group="g1", **PLAIN)
    assert look(house.store, house.now, listed=3).groups["silent"] == 2


def test_a_late_message_does_not_make_a_group_look_silent(house):
    house.say(at=10 * DAY, **PLAIN)
    house.say(at=0, **PLAIN)
    assert look(house.store, START + 10 * DAY, listed=3).groups["heard"] == 1


def test_dates_that_are_late_are_told_from_those_that_wait(house):
    house.say(**PLAIN)
    waiting, late = house.store.due_counts(house.now)
    assert (waiting, late) == (1, 0)
    assert house.store.due_counts(house.now + 2 * DAY) == (1, 1)


async def test_what_was_carried_out_is_timed(house):
    metrics = Metrics()
    house.say(judge=False, **GIFT)
    house.host.drain()

    async def in_store(work, *arguments):
        return work(*arguments)

    clock = lambda: house.now + 2500  # noqa: E731
    dispatcher = Dispatcher(house.store, house.actuator, metrics, clock, in_store, budgets=Budgets(0, 0, 0))
    while await dispatcher.round():
        pass
    await dispatcher.close()
    done = {"platform": "webhook", "until": "confirmed"}
    assert metrics.registry.get_sample_value("xunqun_end_to_end_seconds_count", done) >= 1
    sum_of = metrics.registry.get_sample_value("xunqun_end_to_end_seconds_sum", done)
    assert sum_of / metrics.registry.get_sample_value("xunqun_end_to_end_seconds_count", done) == 2.5


def test_what_is_in_force_names_packs_lists_and_weights(house):
    parts = house.host.screen.in_force()
    assert ("pack", "house", house.host.packs["house"].version) in parts
    assert {part for part, _, _ in parts} >= {"pack", "lists"}
    metrics = Metrics()
    metrics.set_editions(parts)
    metrics.set_editions([("model", "trained", "v2")])
    shown = [
        one for family in metrics.registry.collect() for one in family.samples if one.name == "xunqun_edition_info"
    ]
    assert [one.labels for one in shown] == [{"part": "model", "name": "trained", "version": "v2"}]


def test_the_disk_of_a_folder_that_is_not_there_yet_is_shown(tmp_path):
    metrics = Metrics()
    show_disk(metrics, tmp_path / "not" / "yet")
    free = metrics.registry.get_sample_value("xunqun_disk_free_bytes")
    assert 0 < free <= metrics.registry.get_sample_value("xunqun_disk_size_bytes")


def test_a_process_is_listed_while_it_runs_and_after_it_was_killed(tmp_path):
    folder = tmp_path / "targets"
    with announced(folder, "worker", "127.0.0.1", 8601), announced(folder, "ingest", "::", 8602):
        listed = {one.name: json.loads(one.read_text()) for one in folder.iterdir()}
        assert listed["worker-8601.json"] == [
            {"targets": ["127.0.0.1:8601"], "labels": {"job": "xunqun", "role": "worker"}}
        ]
        assert listed["ingest-8602.json"][0]["targets"] == ["[::1]:8602"]
    assert not list(folder.iterdir())
    with announced(None, "worker", "127.0.0.1", 8601):
        assert not list(folder.iterdir())


def test_a_process_that_breaks_stays_listed_and_is_missed(tmp_path):
    with pytest.raises(RuntimeError), announced(tmp_path, "worker", "127.0.0.1", 8601):
        raise RuntimeError
    assert [one.name for one in tmp_path.iterdir()] == ["worker-8601.json"]


def test_a_door_forgets_who_was_killed_behind_it_and_nobody_else(tmp_path):
    """Those who share a port are scraped at free ones, so nobody comes back to the file of who was killed."""
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as own:
        (_, alive), (_, mine) = other.getsockname(), own.getsockname()
        for door, port in ((8600, alive), (8600, 1), (8700, 1)):
            with pytest.raises(RuntimeError), announced(tmp_path, "ingest", "127.0.0.1", port, door=door):
                raise RuntimeError
        with announced(tmp_path, "ingest", "127.0.0.1", mine, door=8600):
            listed = {one.name for one in tmp_path.iterdir()}
    assert listed == {f"ingest-8600-{mine}.json", f"ingest-8600-{alive}.json", "ingest-8700-1.json"}


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadError, match="XUNQUN_TARGETS"), announced(tmp_path / "file", "run", "127.0.0.1", 1):
        pass
