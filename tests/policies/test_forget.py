"""A group forgets an erased member, and nothing else."""

import msgspec
from cases import HOUR, START, House, found

from models import Fact
from policies.deadlines import Deadline
from policies.state import GroupState, StandingFault, forget

WHO = {"member", "phone", "jsonl:phone"}


def a_state() -> GroupState:
    """Every field that says something of a person says it of the member and of somebody else."""
    state = GroupState(
        owner="member", last_speaker="member", audited_on="2026-11-18",
        joined={"member": 1, "other": 2}, left={"jsonl:phone": 1, "other": 2},
        roles={"member": "administrator", "other": "administrator"}, shown_roles={"member": "owner", "other": "owner"},
        cards={"member": "生产部-陈志强", "other": "财务部-郑敏"},
        facts={"kept:member": True, "kept:other": True, "consent": {"approver": "member", "date": "2026-11-01"}},
        faults={f"c1#0|{who}": StandingFault(violation_id=f"v_{who}", since=1) for who in ("member", "other")},
        invited={"member": "other", "new": "member", "other": "new"}, brought={"stranger": "member", "other": "new"},
        notices={"member": 1, "other": 2}, episodes={"c2|member": 1, "c2|other": 2, "c3|member|other": 3},
        stated={"kept:member": 1, "kept:other": 2}, counted={"trained:member": 1, "patrolled": 2},
        spoke={"member": 1, "other": 2}, objected={"member": 1, "other": 2},
        lately={"files": [(1, "member", "m1"), (2, "other", "m2")], "spoke": [(1, "member", "")]},
    )  # fmt: skip
    for one in (
        Deadline(START, "member", "m1"),
        Deadline(START, "other", "m2"),
        Deadline(START, "other", "m3", {"asked": ["member", "other"]}),
        Deadline(START, "other", "m4", {"fault": "c1#0|member"}),
    ):
        state.deadlines.add("c1#0", one)
    return state


def test_every_field_forgets_the_member_and_keeps_the_others():
    state = a_state()
    taken = forget(state, WHO)
    kept = msgspec.json.encode(state).decode()
    assert not [one for one in WHO if f'"{one}"' in kept or f"|{one}" in kept or f":{one}" in kept]
    assert "陈志强" not in kept
    assert (state.joined, state.left, state.spoke) == ({"other": 2}, {"other": 2}, {"other": 2})
    assert (state.invited, state.brought) == ({"other": "new"}, {"other": "new"})
    assert state.facts == {"kept:other": True, "consent": {"approver": None, "date": "2026-11-01"}}
    assert [one.cause for _, one in state.deadlines] == ["m2"]
    assert state.lately == {"files": [(2, "other", "m2")]}
    assert state.episodes == {"c2|other": 2}
    # Every field of the state that can name somebody stands among those that were taken from.
    by_person = set(GroupState.__struct_fields__) - {
        "audited_on", "name", "dissolved_at", "watched_since", "last_message_on", "message_days", "_deadlines",
    }  # fmt: skip
    assert set(taken) == by_person | {"deadlines"}


def test_forgetting_twice_takes_nothing_more():
    state = a_state()
    forget(state, WHO)
    before = msgspec.json.encode(state)
    assert forget(state, WHO) == {}
    assert msgspec.json.encode(state) == before


def test_a_group_that_knows_nobody_forgets_nothing():
    assert forget(GroupState(), WHO) == {}


def test_an_observation_of_it_makes_the_group_forget_and_is_no_news():
    house = House()
    house.sees("早上好", card="生产部-陈志强")
    house.sees(type="task.stated", by="keeper", fact=Fact(name="kept", value=True, person="member"))
    assert house.state.cards
    case = house.sees(type="member.erased", by=None, target="phone")
    assert case.news is False
    assert "member" not in msgspec.json.encode(house.state).decode()


def test_one_without_a_target_changes_nothing():
    house = House()
    house.sees("早上好", card="生产部-陈志强")
    before = msgspec.json.encode(house.state)
    house.sees(type="member.erased")
    assert msgspec.json.encode(house.state) == before


def test_who_had_answered_is_not_reminded_after_it():
    house = House()
    params = {"within": {"hours": 4}, "requested": True}
    found("deadline.receipt", house.sees("请各位收到回复", by="owner"), **params)
    found("deadline.receipt", house.sees("收到", at=HOUR), **params)
    assert [one.data.get("answered") for _, one in house.state.deadlines] == [["member"]]
    house.sees(type="member.erased", by=None, target="phone")
    assert len(house.state.deadlines) == 0
