"""Ladders: how strikes become sanctions and how sanctions are taken back."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from models import Sanction, Strike, Subject
from policies.calendar import DAY
from policies.ladder import Due, reconcile, should_stand, total
from policies.schema import Ladder, Rung, Span

WARN_THEN_REMOVE = Ladder(rungs=(Rung(strikes=1, sanction="warn"), Rung(strikes=2, sanction="remove")))


def a_strike(number: int, *, at: int, status: str = "live", weight: float = 1.0) -> Strike:
    return Strike(
        id=f"k{number}",
        violation_id=f"v{number}",
        subject="u1",
        ladder="adverts",
        scope="organisation",
        given_at=at,
        expires_at=None,
        status=status,  # type: ignore[arg-type]
        weight=weight,
    )


def standing(strikes: list[Strike], ladder: Ladder, *, delay: int | None = 1) -> list[Due]:
    """The sanctions that stand when each is delivered `delay` after its message, in rounds until nothing changes."""
    delivered: dict[str, int] = {}
    while True:
        found = list(should_stand(strikes, delivered, ladder))
        told = {one.id: one.strike.given_at + delay for one in found} if delay is not None else {}
        if told == delivered:
            return found
        delivered = told


def kinds(strikes: list[Strike], ladder: Ladder = WARN_THEN_REMOVE, *, delay: int | None = 1) -> list[str]:
    return [one.kind for one in standing(strikes, ladder, delay=delay)]


def issued(strikes: list[Strike], delivered: dict[str, int], ladder: Ladder = WARN_THEN_REMOVE) -> list[Sanction]:
    return [
        Sanction(
            id=due.id,
            violation_ids=(due.strike.violation_id,),
            group_id="g",
            subject=Subject("member", "u1"),
            kind=due.kind,
            rung=due.rung_number,
            clause="c",
            needs_approval=False,
            decided_at=due.strike.given_at,
            notice="",
            strike_id=due.strike.id,
        )
        for due in should_stand(strikes, delivered, ladder)
    ]


def test_a_first_strike_warns_and_a_second_removes():
    assert kinds([a_strike(1, at=0)]) == ["warn"]
    assert kinds([a_strike(1, at=0), a_strike(2, at=DAY)]) == ["warn", "remove"]


def test_a_message_sent_before_the_warning_arrived_brings_no_higher_rung():
    burst = [a_strike(number, at=number) for number in range(5)]
    assert kinds(burst, delay=1000) == ["warn"]


def test_without_a_delivered_warning_nobody_is_removed():
    assert kinds([a_strike(1, at=0), a_strike(2, at=DAY)], delay=None) == ["warn"]


def test_a_warning_that_failed_is_given_again_and_not_skipped():
    strikes = [a_strike(1, at=0), a_strike(2, at=DAY)]
    first = next(iter(should_stand(strikes[:1], {}, WARN_THEN_REMOVE)))
    assert [one.kind for one in should_stand(strikes, {}, WARN_THEN_REMOVE, failed={first.id: 1})] == ["warn", "warn"]


def test_what_is_heard_after_a_message_takes_back_nothing_that_it_brought():
    strikes = [a_strike(1, at=0), a_strike(2, at=DAY)]
    first = next(iter(should_stand(strikes[:1], {}, WARN_THEN_REMOVE)))
    for delivered, failed in (({first.id: 2 * DAY}, {first.id: 1}), ({first.id: 1}, {first.id: 2 * DAY})):
        standing = list(should_stand(strikes, delivered, WARN_THEN_REMOVE, failed=failed))
        assert [one.strike.id for one in standing] == ["k1", "k2"]
    assert [one.strike.id for one in should_stand(strikes, {}, WARN_THEN_REMOVE, failed={first.id: 2 * DAY})] == ["k1"]


def test_a_sanction_issued_again_after_its_reversal_is_another_one():
    strikes = [a_strike(1, at=0)]
    first = next(iter(should_stand(strikes, {}, WARN_THEN_REMOVE)))
    second = next(iter(should_stand(strikes, {}, WARN_THEN_REMOVE, taken_back={first.id: 1})))
    third = next(iter(should_stand(strikes, {}, WARN_THEN_REMOVE, taken_back={first.id: 1, second.id: 2})))
    assert len({first.id, second.id, third.id}) == 3


def test_a_notice_taken_back_before_a_message_had_told_nothing():
    strikes = [a_strike(1, at=0), a_strike(2, at=DAY)]
    first = next(iter(should_stand(strikes[:1], {}, WARN_THEN_REMOVE)))
    for at, kinds_then in ((DAY - 1, ["warn"]), (DAY + 1, ["warn", "remove"])):
        standing = should_stand(strikes, {first.id: 1}, WARN_THEN_REMOVE, taken_back={first.id: at})
        assert [one.kind for one in standing] == kinds_then


@given(
    st.lists(st.integers(0, 60 * 24), max_size=40),
    st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True),
    st.integers(1, 40),
    st.none() | st.integers(1, 20),
)
def test_the_newest_strikes_alone_say_which_rung_is_reached(hours, rungs, window, decay):
    ladder = Ladder(
        rungs=tuple(Rung(strikes=one, sanction="warn") for one in sorted(rungs)),
        window=Span(days=window),
        decay=Span(days=decay) if decay else None,
    )
    strikes = [a_strike(number, at=hour * DAY // 24) for number, hour in enumerate(hours)]
    shortened = standing(strikes, ladder)
    with patch("policies.ladder._enough", return_value=len(strikes) + 1):
        assert standing(strikes, ladder) == shortened


def test_a_late_message_finds_no_quiet_time_before_it():
    ladder = Ladder(rungs=WARN_THEN_REMOVE.rungs, decay=Span(days=1))
    assert total([a_strike(1, at=10 * DAY)], ladder, 5 * DAY) == 1


def test_strikes_outside_the_window_start_the_ladder_again():
    ladder = Ladder(rungs=WARN_THEN_REMOVE.rungs, window=Span(days=30))
    assert kinds([a_strike(1, at=0), a_strike(2, at=31 * DAY)], ladder) == ["warn", "warn"]
    assert kinds([a_strike(1, at=0), a_strike(2, at=29 * DAY)], ladder) == ["warn", "remove"]


def test_quiet_time_takes_one_strike_off():
    ladder = Ladder(rungs=WARN_THEN_REMOVE.rungs, decay=Span(days=10))
    assert total([a_strike(1, at=0), a_strike(2, at=DAY)], ladder, 2 * DAY) == 2
    assert total([a_strike(1, at=0), a_strike(2, at=DAY)], ladder, 12 * DAY) == 1
    assert kinds([a_strike(1, at=0), a_strike(2, at=11 * DAY)], ladder) == ["warn", "warn"]


def test_no_rung_is_skipped_however_many_strikes_one_message_weighs():
    ladder = Ladder(rungs=(*WARN_THEN_REMOVE.rungs, Rung(strikes=3, sanction="referral")))
    assert kinds([a_strike(1, at=0, weight=3)], ladder) == ["warn"]
    assert kinds([a_strike(1, at=0, weight=3), a_strike(2, at=DAY)], ladder) == ["warn", "remove"]


def test_overturning_the_first_strike_reverses_the_later_rung_as_well():
    strikes = [a_strike(1, at=0), a_strike(2, at=DAY)]
    delivered = {one.id: one.strike.given_at + 1 for one in should_stand(strikes, {}, WARN_THEN_REMOVE)}
    before = issued(strikes, delivered)
    assert [one.kind for one in before] == ["warn", "remove"]
    changes = reconcile([a_strike(1, at=0, status="revoked"), strikes[1]], before, delivered, WARN_THEN_REMOVE)
    assert {one.kind for one in changes.reverse} == {"warn", "remove"}
    assert [(one.kind, one.strike.id) for one in changes.issue] == [("warn", "k2")]


def test_a_strike_that_comes_late_from_another_group_undoes_no_notice():
    late = [a_strike(2, at=DAY), a_strike(1, at=0)]
    delivered = {one.id: DAY + 1 for one in should_stand(late[:1], {}, WARN_THEN_REMOVE)}
    changes = reconcile(late, issued(late[:1], delivered), delivered, WARN_THEN_REMOVE)
    assert changes.reverse == ()
    assert changes.issue == ()


@given(
    st.lists(st.integers(0, 400), max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.integers(1, 3 * DAY),
)
def test_reconciling_twice_changes_nothing_more(days: list[int], revoked: list[bool], delay: int):
    strikes = [
        a_strike(number, at=day * DAY, status="revoked" if revoked[number] else "live")
        for number, day in enumerate(days)
    ]
    delivered: dict[str, int] = {}
    for _ in range(20):
        standing = issued(strikes, delivered)
        told = {one.id: one.decided_at + delay for one in standing}
        if told == delivered:
            break
        delivered = told
    changes = reconcile(strikes, standing, delivered, WARN_THEN_REMOVE)
    assert changes.issue == ()
    assert changes.reverse == ()
    assert not {one.strike_id for one in standing} & {one.id for one in strikes if one.status == "revoked"}
