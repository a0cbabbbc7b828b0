"""What goes out, when, and what becomes of it."""

import pytest
from house import DAY, GIFT, HOUR, MINUTE, START, VOUCHER, a_pack

from connectors.actuator import Ability
from streams import desk, outbox
from streams.errors import NotFound, WrongUse

TEN_MINUTES = 10 * MINUTE


def hold(house, **scope):
    desk.pause(house.store, by="林晓梅", reason="测试", **scope)


# too late


@pytest.mark.parametrize("kind", ["remind", "warn", "mute", "recall"])
def test_what_is_older_than_ten_minutes_waits_for_a_person(a_house, kind):
    rung = {"strikes": 1, "sanction": kind, **({"seconds": 60} if kind == "mute" else {})}
    house = a_house(packs={"house": a_pack(rungs=[rung]), "other": a_pack("other")})
    house.say(judge=False)
    house.host.drain()
    house.now += TEN_MINUTES + 1
    house.settle()
    assert house.sent() == []
    assert [status for _, status in house.outbox()] == ["manual"]
    house.decide(house.review("late"), "approve")
    assert len(house.sent()) == 1
    assert [status for _, status in house.outbox()] == ["confirmed"]
    assert house.reviews() == []


def test_what_is_ten_minutes_old_still_goes_out(house):
    house.say(judge=False)
    house.host.drain()
    house.now += TEN_MINUTES
    house.settle()
    assert house.sent() == ["notify"]


def test_a_late_action_that_is_refused_never_goes_out(house):
    house.say(judge=False)
    house.host.drain()
    house.now += HOUR
    house.settle()
    review = house.review("late")
    house.decide(review, "refuse")
    house.now += DAY
    house.settle()
    assert house.sent() == []
    house.decide(review, "approve")
    assert house.sent() == ["notify"]


def test_a_late_warning_lets_nobody_climb(house):
    house.say(judge=False)
    house.host.drain()
    house.now += HOUR
    house.settle()
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "warn"]


def test_a_late_action_whose_sanction_was_taken_back_never_goes_out(house):
    house.say(judge=False)
    house.host.drain()
    house.now += HOUR
    house.settle()
    review = house.review("late")
    house.decide(house.violation("warn"), "overturn")
    with pytest.raises(WrongUse, match="withdrawn"):
        house.decide(review, "approve")
    house.settle()
    assert house.sent() == []
    assert {status for _, status in house.outbox()} <= {"cancelled", "manual"}
    assert house.reviews() == []


def test_a_removal_never_gets_too_old(house):
    house.say()
    house.say(at=DAY, judge=False)
    house.host.drain()
    house.now += DAY
    house.settle()
    assert house.sent() == ["notify", "remove"]


# by hand


def test_what_a_platform_cannot_do_is_done_by_hand_and_then_counts(house):
    house.actuator._abilities["notify"] = Ability("manual", "this platform has no such call")
    house.say()
    assert house.outbox() == [("notify", "manual")]
    review = house.review("late")
    house.decide(review, "done")
    assert house.outbox() == [("notify", "confirmed")]
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "remove"]


def test_what_went_out_cannot_be_done_by_hand_as_well(house):
    house.actuator.refuse()
    house.say()
    review = house.review("late")
    house.decide(review, "done")
    with pytest.raises(WrongUse, match="confirmed"):
        house.decide(review, "done")


def test_an_action_approved_in_vain_is_asked_about_again(house):
    house.actuator._abilities["notify"] = Ability("manual", "this platform has no such call")
    house.say()
    house.decide(house.review("late"), "approve")
    assert house.outbox() == [("notify", "manual")]
    assert house.review("late")


def test_a_refused_reversal_is_heard_of(house):
    house.say()
    house.say(at=DAY)
    house.actuator.refuse()
    house.decide(house.violation("remove"), "overturn")
    assert ("reinvite", "refused") in house.outbox()
    assert house.review("late")


# one after the other


def test_one_action_a_group_is_in_flight(house):
    for number in range(2):
        house.say(f"stranger{number}", judge=False)
        house.say(f"guest{number}", group="g2", judge=False)
    house.host.drain()
    claimed = outbox.claim(house.store, house.now)
    assert sorted(one.group_id for one in claimed) == ["g1", "g2"]
    assert outbox.claim(house.store, house.now) == []
    outbox.settle(house.store, claimed[0], "confirmed", at=house.now)
    (after,) = outbox.claim(house.store, house.now)
    assert after.group_id == claimed[0].group_id


def test_a_queue_that_is_paused_hides_no_other(house):
    hold(house, group="g1")
    for number in range(250):
        house.say(f"stranger{number}", judge=False)
    house.say("a2", group="g2", judge=False)
    house.host.drain()
    assert [one.group_id for one in outbox.claim(house.store, house.now)] == ["g2"]


def test_a_long_queue_of_late_actions_hides_none_that_may_go_out(house):
    for number in range(30):
        house.say(f"stranger{number}", judge=False)
    house.say("a2", at=HOUR, judge=False)
    house.host.drain()
    house.settle()
    assert house.sent() == ["notify"]
    assert len(house.reviews("late")) == 30


def test_a_failed_try_is_made_again_not_before_its_time(house):
    house.say(judge=False)
    house.host.drain()
    (action,) = outbox.claim(house.store, house.now)
    outbox.settle(house.store, action, "retry", at=house.now, retry_at=house.now + MINUTE)
    assert outbox.claim(house.store, house.now) == []
    (again,) = outbox.claim(house.store, house.now + MINUTE)
    assert (again.id, again.tries) == (action.id, 2)


def test_what_fails_for_ever_waits_for_a_person(house):
    house.say(judge=False)
    house.host.drain()
    for _ in range(outbox.MOST_TRIES):
        (action,) = outbox.claim(house.store, house.now)
        outbox.settle(house.store, action, "retry", at=house.now, retry_at=house.now)
    assert outbox.claim(house.store, house.now) == []
    assert house.outbox() == [("notify", "manual")]
    assert house.review("late")


@pytest.mark.parametrize(("repeatable", "status"), [({"notify"}, "planned"), (set(), "unconfirmed")])
def test_after_a_crash_only_what_may_be_repeated_is(house, repeatable, status):
    house.say(judge=False)
    house.host.drain()
    outbox.claim(house.store, house.now)
    assert outbox.recover(house.store, repeatable) == 1
    assert house.outbox() == [("notify", status)]
    assert bool(house.reviews("late")) is (status == "unconfirmed")


# taken back before it went out


def test_what_is_taken_back_before_it_went_out_never_does(house):
    house.say(judge=False)
    house.host.drain()
    house.decide(house.violation("warn"), "overturn")
    assert house.sent() == []
    assert {status for _, status in house.outbox()} == {"cancelled"}


def test_what_may_have_gone_out_is_taken_back(house):
    house.say(judge=False)
    house.host.drain()
    outbox.claim(house.store, house.now)
    outbox.recover(house.store, set())
    house.decide(house.violation("warn"), "overturn")
    assert house.sent() == ["notify"]


# paused


@pytest.mark.parametrize("scope", [{}, {"group": "g1"}, {"pack": "house"}])
def test_what_is_paused_is_judged_and_stays(house, scope):
    hold(house, **scope)
    message = house.say()
    assert house.strikes() == [message]
    assert house.outbox() == [("notify", "planned")]
    desk.resume(house.store, **scope)
    house.settle()
    assert house.sent() == ["notify"]


def test_a_pause_leaves_other_groups_and_packs_alone(house):
    hold(house, group="g1")
    hold(house, pack="house")
    house.say(group="g3")
    assert house.sent() == ["notify"]
    desk.resume(house.store, pack="house")
    house.say("a2")
    assert house.sent() == ["notify"], "the group is paused still"


def test_what_became_too_old_while_paused_waits_for_a_person(house):
    hold(house)
    house.say(at=0)
    house.say("a2", at=HOUR)
    desk.resume(house.store)
    house.settle()
    assert house.sent() == ["notify"]
    (late,) = house.reviews("late")
    assert late["subject"] == "u1"


def test_only_what_is_paused_can_be_resumed(house):
    with pytest.raises(NotFound, match="not paused"):
        desk.resume(house.store, group="g1")


def test_a_sanction_without_a_platform_call_is_no_action(house):
    house.say(**VOUCHER)
    assert house.sent() == ["notify"]
    assert len(house.issued()) == 2


def test_an_action_says_when_it_was_planned(house):
    house.say(at=MINUTE, **GIFT)
    assert house.actuator.asked[0].planned_at == START + MINUTE


def test_the_account_that_wrote_is_addressed_not_another_of_the_same_person(house):
    house.say(by="a1-phone")
    house.say(by="a1")
    assert [one.params["target"] for one in house.actuator.asked] == ["a1-phone", "a1"]
