"""What follows from messages over days, groups, accounts and decisions, on the real host."""

import pytest
from house import CARD, DAY, GIFT, HOUR, IDENTITY, MINUTE, PLAIN, SECRET, TRANSFER, VOUCHER, House, a_pack


def removed(house, **where):
    """Two red packets, a day apart: a warning, then a removal that was carried out."""
    first, second = house.say(**where), house.say(at=DAY, **where)
    assert house.sent() == ["notify", "remove"]
    return first, second


# overturned


def test_an_overturned_first_strike_takes_the_removal_back_and_leaves_the_first_rung(house):
    _, second = removed(house)
    house.decide(house.violation("warn"), "overturn")
    assert house.strikes() == [second]
    assert house.standing() == [("warn", second)]
    # The removal is undone and told, the first warning is told to be taken back, and the second message gets a warning.
    assert sorted(house.sent()[2:]) == ["notify", "notify", "notify", "reinvite"]


def test_an_overturned_second_strike_takes_back_the_removal_alone(house):
    first, _ = removed(house)
    house.decide(house.violation("remove"), "overturn")
    assert house.strikes() == [first]
    assert house.standing() == [("warn", first)]
    assert house.sent()[2:] == ["reinvite", "notify"]
    undo = next(one for one in house.issued() if one.reverses)
    assert "撤销" in undo.notice
    assert undo.kind == "remove"


def test_after_both_are_overturned_the_next_offence_is_a_first_one(house):
    removed(house)
    for kind in ("remove", "warn"):
        house.decide(house.violation(kind), "overturn")
    assert house.standing() == []
    third = house.say(at=3 * DAY)
    assert house.standing() == [("warn", third)]


def test_after_the_removal_is_overturned_the_next_offence_is_a_second_one(house):
    first, _ = removed(house)
    house.decide(house.violation("remove"), "overturn")
    third = house.say(at=3 * DAY)
    assert house.standing() == [("warn", first), ("remove", third)]
    assert house.sent()[-1] == "remove"


@pytest.mark.parametrize("kind", ["warn", "remove"])
def test_deciding_twice_the_same_changes_nothing(house, kind):
    removed(house)
    violation = house.violation(kind)
    house.decide(violation, "overturn")
    before = house.standing(), house.strikes(), house.sent(), len(house.issued())
    house.decide(violation, "overturn")
    assert (house.standing(), house.strikes(), house.sent(), len(house.issued())) == before


def test_a_reversal_that_is_itself_undone_brings_everything_back(house):
    first, second = removed(house)
    violation = house.violation("warn")
    for times in (1, 2):
        house.decide(violation, "overturn")
        assert house.strikes() == [second]
        assert house.standing() == [("warn", second)]
        assert house.sent().count("reinvite") == times
        house.decide(violation, "uphold")
        assert house.strikes() == [first, second]
        assert house.standing() == [("warn", first), ("remove", second)]
        assert house.sent().count("remove") == times + 1


def test_a_message_sent_while_the_warning_was_taken_back_brings_no_removal(house):
    first = house.say()
    violation = house.violation("warn")
    house.decide(violation, "overturn")
    second = house.say(at=DAY)
    assert house.standing() == [("warn", second)]
    house.decide(violation, "uphold")
    assert house.strikes() == [first, second]
    assert "remove" not in house.sent()


def test_an_upheld_removal_is_carried_out_again(house):
    first, second = removed(house)
    violation = house.violation("remove")
    for times in (1, 2):
        house.decide(violation, "overturn")
        house.decide(violation, "uphold")
        assert house.standing() == [("warn", first), ("remove", second)]
        assert house.sent().count("remove") == times + 1
        assert house.sent().count("reinvite") == times


def test_upholding_what_stands_changes_nothing(house):
    removed(house)
    before = house.standing(), house.sent()
    house.decide(house.violation("remove"), "uphold")
    assert (house.standing(), house.sent()) == before


def test_a_task_ends_when_its_sanction_is_taken_back(house):
    house.say(**VOUCHER)
    (task,) = house.store.connection.exec_driver_sql("SELECT id, status FROM tasks").all()
    assert task.status == "open"
    house.decide(house.violation("remind"), "overturn")
    assert house.standing() == []
    (task,) = house.store.connection.exec_driver_sql("SELECT id, status FROM tasks").all()
    assert task.status == "cancelled"


# one message, several clauses


def test_two_clauses_of_one_ladder_are_one_strike(house):
    message = house.say(**TRANSFER)
    assert house.strikes() == [message]
    assert house.standing() == [("warn", message)]


def test_the_second_clause_counts_when_the_first_is_overturned(house):
    message = house.say(**TRANSFER)
    first = house.sanction("warn")
    house.decide(first.violation_ids[0], "overturn")
    assert house.strikes() == [message]
    second = house.sanction("warn")
    assert {first.clause, second.clause} == {"house-1", "house-2"}
    assert house.sent() == ["notify", "notify", "notify"]
    house.decide(second.violation_ids[0], "overturn")
    assert house.strikes() == []
    assert house.standing() == []


def test_an_upheld_first_clause_takes_the_strike_from_the_second_again(house):
    message = house.say(**TRANSFER)
    first = house.sanction("warn")
    house.decide(first.violation_ids[0], "overturn")
    house.decide(first.violation_ids[0], "uphold")
    assert house.strikes() == [message]
    assert house.sanction("warn").clause == first.clause


def test_overturning_the_second_clause_alone_changes_nothing_for_the_member(house):
    message = house.say(**TRANSFER)
    other = next(one for one in house.ledger().held if one != house.violation("warn"))
    house.decide(other, "overturn")
    assert house.strikes() == [message]
    assert house.sent() == ["notify"]


# waiting for a person


def test_an_assisted_finding_counts_from_its_message_once_it_is_upheld(house):
    asked = house.say(**IDENTITY)
    assert house.strikes() == []
    assert house.sent() == []
    house.now += 3 * HOUR
    house.decide(house.review("assisted"), "uphold")
    (strike,) = house.ledger().strikes
    assert strike.given_at < house.now - 3 * HOUR
    # The person has just decided: what follows is not too late.
    assert house.sent() == ["notify"]
    assert house.standing() == [("warn", asked)]
    assert house.reviews() == []


def test_an_assisted_finding_overturned_then_upheld_counts_and_the_other_way_round(house):
    asked = house.say(**IDENTITY)
    review = house.review("assisted")
    house.decide(review, "overturn")
    assert house.strikes() == []
    house.decide(review, "uphold")
    assert house.strikes() == [asked]
    house.decide(review, "overturn")
    assert house.strikes() == []
    assert house.standing() == []


# recalled and edited


def test_a_message_recalled_in_time_leaves_no_strike(house):
    message = house.say()
    house.recall(message, after=2 * MINUTE)
    assert house.strikes() == []
    assert house.standing() == []
    assert house.sent() == ["notify", "notify"]
    later = house.say(at=DAY)
    assert house.standing() == [("warn", later)]


def test_a_message_recalled_too_late_keeps_its_strike(house):
    message = house.say()
    house.recall(message, after=2 * MINUTE + 1)
    assert house.strikes() == [message]


def test_somebody_else_recalling_a_message_forgives_nothing(house):
    message = house.say()
    house.recall(message, by="b")
    assert house.strikes() == [message]


def test_a_secret_recalled_in_time_was_seen_all_the_same(house):
    message = house.say(**SECRET)
    house.recall(message)
    assert house.strikes() == [message]


@pytest.mark.parametrize("chunk", [1, 2, 256])
def test_a_question_about_a_recalled_message_is_withdrawn(a_house, chunk):
    house = a_house(chunk=chunk)
    message = house.say(judge=False, **IDENTITY)
    house.recall(message)
    assert house.reviews() == []
    assert [one["status"] for one in house.reviews(status="all")] == ["withdrawn"]


def test_an_edit_with_the_same_offence_is_no_second_strike(house):
    message = house.say(**CARD)
    house.edit(message, text=f"{CARD['text']}，谢谢")
    assert house.strikes() == [message]
    assert house.sent() == ["notify"]


def test_an_edit_that_adds_an_offence_brings_a_strike(house):
    message = house.say(**PLAIN)
    assert house.strikes() == []
    house.edit(message, **CARD)
    assert house.strikes() == [message]
    assert house.sent() == ["notify"]


def test_an_edit_that_takes_the_offence_out_forgives_nothing(house):
    message = house.say(**CARD)
    house.edit(message, **PLAIN)
    assert house.strikes() == [message]


def test_an_edit_does_not_raise_again_what_was_overturned(house):
    message = house.say(**CARD)
    house.decide(house.violation("warn"), "overturn")
    house.edit(message, text=f"{CARD['text']}，谢谢")
    assert house.strikes() == []
    assert house.standing() == []


def test_what_an_edit_added_can_be_decided_on(house):
    message = house.say(**CARD)
    house.edit(message, text=f"{CARD['text']} {IDENTITY['text']}")
    house.decide(house.violation("warn"), "overturn")
    assert house.strikes() == []
    house.decide(house.review("assisted"), "uphold")
    assert house.strikes() == [message]


# who and where


def test_strikes_belong_to_the_person_over_all_accounts(house):
    first = house.say("a1")
    second = house.say("a1-phone", at=DAY, group="g2")
    assert house.standing() == [("warn", first), ("remove", second)]


def test_strikes_of_one_person_leave_another_alone(house):
    house.say("a1")
    other = house.say("a2", at=DAY)
    assert house.standing("u2") == [("warn", other)]


@pytest.mark.parametrize(
    ("scope", "group", "kind"),
    [("group", "g1", "remove"), ("group", "g2", "warn"), ("pack", "g2", "remove"), ("pack", "g3", "warn"),
     ("organisation", "g2", "remove")],
)  # fmt: skip
def test_the_scope_says_where_strikes_add_up(a_house, scope, group, kind):
    house = a_house(packs={"house": a_pack(scope=scope), "other": a_pack("other", scope=scope)})
    house.say()
    second = house.say(at=DAY, group=group)
    assert house.standing()[-1] == (kind, second)


def test_another_packs_ladder_of_the_same_name_takes_nothing_back(a_house):
    other = a_pack("other", rungs=({"strikes": 1, "sanction": "mute", "seconds": 60},))
    house = a_house(packs={"house": a_pack(), "other": other})
    first = house.say()
    second = house.say(at=DAY, group="g3")
    assert house.standing() == [("warn", first), ("mute", second)]
    assert house.sent() == ["notify", "mute"]


# time


def test_strikes_outside_the_window_do_not_count(a_house):
    house = a_house(packs={"house": a_pack(window=30), "other": a_pack("other")})
    house.say()
    house.say(at=31 * DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "warn"]
    house.say(at=40 * DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "warn", "remove"]


def test_quiet_time_takes_a_strike_off(a_house):
    house = a_house(packs={"house": a_pack(decay=10), "other": a_pack("other")})
    house.say()
    house.say(at=11 * DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "warn"]


def test_a_late_message_undoes_no_warning_and_climbs_no_rung(house):
    second = house.say(at=DAY)
    late = house.say(at=HOUR, group="g2")
    assert house.strikes() == [second, late]
    assert house.standing() == [("warn", second)]


def test_an_observation_delivered_twice_counts_once(house):
    message = house.say()
    assert house.say(at=DAY, id=message) == message
    assert house.strikes() == [message]
    assert house.sent() == ["notify"]


def test_two_messages_before_the_warning_arrives_bring_one_warning(house):
    house.say(judge=False)
    house.say()
    assert len(house.strikes()) == 2
    assert [kind for kind, _ in house.standing()] == ["warn"]


# failed notices


def test_after_a_refused_warning_the_next_offence_is_warned_and_not_removed(house):
    house.actuator.refuse()
    house.say()
    assert house.reviews("late"), "a person hears of what the platform refused"
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "warn"]
    house.say(at=2 * DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "warn", "remove"]


def test_a_warning_that_is_delivered_late_takes_no_other_back(house):
    house.actuator.refuse()
    house.say()
    house.say(at=DAY)
    house.decide(house.review("late"), "approve")
    assert house.sent() == ["notify", "notify", "notify"]
    assert [kind for kind, _ in house.standing()] == ["warn", "warn"]
    assert not [one for one in house.issued() if one.reverses]


def test_what_fails_later_takes_no_removal_back(house):
    house.say()
    house.actuator.refuse()
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "remove"]
    house.say(at=2 * DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "remove", "remove"]


# modes


def test_observe_records_all_and_sends_nothing(a_house):
    house = a_house(mode="observe")
    house.say()
    house.say(at=DAY)
    assert [kind for kind, _ in house.standing()] == ["warn", "remove"]
    assert house.outbox() == []
    assert house.reviews() == []


def test_advise_drafts_everything_and_sends_what_is_approved(a_house):
    house = a_house(mode="advise")
    house.say()
    assert house.outbox() == []
    house.decide(house.review("approval"), "approve")
    assert house.sent() == ["notify"]


def test_what_was_approved_in_advise_is_taken_back_as_well(a_house):
    house = a_house(mode="advise")
    house.say()
    house.decide(house.review("approval"), "approve")
    house.decide(house.violation("warn"), "overturn")
    assert house.sent() == ["notify", "notify"]


def test_an_overturned_draft_sends_nothing_and_no_longer_waits(a_house):
    house = a_house(mode="advise")
    house.say()
    house.decide(house.violation("warn"), "overturn")
    assert house.sent() == []
    assert house.reviews() == []


def test_strikes_of_observe_do_not_count_in_enforce(a_house, classifiers):
    house = a_house(mode="observe")
    house.say()
    house.store.close()
    enforcing = House(house.path.parent, classifiers)
    message = enforcing.say(at=DAY, id="later")
    assert enforcing.standing()[-1] == ("warn", message)
    enforcing.store.close()


def test_the_group_says_whether_removals_wait(a_house):
    house = a_house(remove="required")
    house.say()
    house.say(at=DAY, **GIFT)
    assert house.sent() == ["notify"]
    house.decide(house.review("approval"), "approve")
    assert house.sent() == ["notify", "remove"]
