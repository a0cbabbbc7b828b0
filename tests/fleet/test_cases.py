"""Views, outbox and desk on SQLite and on PostgreSQL: the same behaviour, and what only a shared database has to stand."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from models import (
    Action,
    Decision,
    DecisionTarget,
    Evidence,
    Review,
    Sanction,
    Subject,
    Task,
    Verdict,
    Violation,
    digest,
)
from models.sanction import Assignee
from streams import desk, outbox
from streams.agents import Enforce, RecordViews
from streams.cases import tables
from streams.cases.postgres import Cases, meta, outgoing
from streams.errors import NotFound, WrongUse
from streams.store import Store, StoreUnavailable
from streams.topics import (
    ACTIONS,
    DEAD_LETTERS,
    JUDGEMENTS,
    OBSERVATIONS,
    OUTCOMES,
    Appeal,
    DeadLetter,
    Judged,
    Outcome,
    Planned,
    Record,
    Withdrawal,
    record_of,
)

MINUTE = 60_000
START = 1_794_963_600_000
GROUP = "webhook:g1"
SECONDS = 60.0


# the two databases


@pytest.fixture(scope="module")
def server(local_stack: ModuleType, jars: Path, stack_folder: Path) -> Iterator[Any]:
    """A PostgreSQL that these tests may stop."""
    stack = local_stack.Stack(stack_folder / "cases", jars)
    stack.up(["postgres"], free_ports=True)
    yield stack
    stack.down(wipe=True)


@pytest.fixture
def a_database(server: Any) -> Iterator[Callable[..., str]]:
    """Makes schemas of their own in the one database that is there, empty or with all tables; their URLs."""
    admin = sa.create_engine(server.database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    made: list[str] = []

    def make(*, empty: bool = False) -> str:
        name = f"t{uuid4().hex[:10]}"
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        made.append(name)
        url = f"{server.database}?options=-csearch_path%3D{name}"
        if not empty:
            first = Cases(url)
            first.upgrade()
            first.close()
        return url

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def cases(a_database: Callable[..., str]) -> Iterator[Cases]:
    store = Cases(a_database())
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "postgresql":
        yield request.getfixturevalue("cases")
        return
    store = Store(tmp_path / "xunqun.db")
    yield store
    store.close()


# what agents ask to have entered


@pytest.fixture
def source() -> Callable[..., Record]:
    """Gives records with growing offsets, as one partition does."""
    offsets = count(1)

    def build(topic: str, value: msgspec.Struct, *, key: str = GROUP, at: int = START) -> Record:
        action = getattr(value, "action", None)
        record = record_of(topic, action.params["group_key"] if action else key, value, at)
        record.offset = next(offsets)
        return record

    return build


def enter(store: Any, *records: Record, times: int = 1, partition: int = 3) -> None:
    for _ in range(times):
        for agent in (Enforce(), RecordViews()):
            read = [one for one in records if one.topic in agent.reads]
            with store.transaction():
                rows = agent.handle(read, {}).rows
                store.write_rows(rows, partition) if isinstance(store, Cases) else store.write_rows(rows)


def rows_of(store: Any, table: sa.Table) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in store.connection.execute(sa.select(table))]


def a_violation(name: str = "v1", **given: Any) -> Violation:
    subject = Subject("member", "u1")
    plain = {"clause": "house-1", "rule": "content.category", "score": 1.0, "explanation": "第1条不许"}
    found = (Evidence("kinds", "red_packet", matched="恭喜发财"),)
    return Violation(**{**plain, "id": name, "subject": subject, "evidence": found, **given})


def a_verdict(*violations: Violation, on: str | None = "m1") -> Judged:
    plain = {"group_id": "g1", "pack": "house", "pack_version": "1", "judged_at": START, "platform": "webhook"}
    return Judged(verdict=Verdict(observation_id=on, violations=violations or (a_violation(),), **plain))


def a_sanction(name: str = "s1", **given: Any) -> Planned:
    plain = {"group_id": "g1", "kind": "warn", "rung": 1, "clause": "house-1", "decided_at": START, "notice": "请注意"}
    whole = {"violation_ids": ("v1",), "subject": Subject("member", "u1"), "needs_approval": False, **plain, **given}
    return Planned(sanction=Sanction(id=name, **whole))


def an_action(name: str = "a1", *, group: str = "g1", **given: Any) -> Planned:
    plain = {"sanction_id": "s1", "platform": "webhook", "account": None, "call": "notify", "status": "planned"}
    params = {"pack": "house", "group_key": f"webhook:{group}", **given.pop("params", {})}
    whole = {"group_id": group, "subject": "u1", "planned_at": START, **plain, **given}
    return Planned(action=Action(id=name, params=params, **whole))


def a_review(name: str = "r1", *, on: DecisionTarget | None = None, **given: Any) -> Planned:
    plain = {"kind": "assisted", "group_id": "g1", "clause": "house-1", "subject": "u1", "opened_at": START, "why": ""}
    return Planned(review=Review(id=name, on=on or DecisionTarget("verdict", "v1"), **{**plain, **given}))


def a_decision(on: DecisionTarget, outcome: str = "uphold", *, at: int = START) -> Judged:
    name = digest("x", on.kind, on.id, outcome, at)
    return Judged(
        decision=Decision(id=name, by="林晓梅", role="moderator", on=on, outcome=outcome, reason="", decided_at=at)
    )


def published(store: Any, topic: str) -> list[Any]:
    """What was appended for others, decoded, in order."""
    kind = {OUTCOMES: Outcome, JUDGEMENTS: Judged}[topic]
    if isinstance(store, Cases):
        values = [value for _, where, _, value in store.take_outgoing(1000) if where == topic]
    else:
        values = [one.value for one in store.read((topic,), 0, 1000)]
    return [msgspec.json.decode(one, type=kind) for one in values]


def statuses(store: Any) -> dict[str, str]:
    return {one["id"]: one["status"] for one in rows_of(store, tables.outbox)}


# rows


def test_everything_may_be_entered_twice(store, source):
    records = [
        source(JUDGEMENTS, a_verdict()),
        source(ACTIONS, a_sanction()),
        source(ACTIONS, a_review()),
        source(ACTIONS, an_action()),
        source(ACTIONS, Planned(task=Task(id="t1", violation_ids=("v1",), group_id="g1", assignee=Assignee("owner"),
                                          what="处理", clause="house-1"))),
        source(JUDGEMENTS, a_decision(DecisionTarget("verdict", "v1"))),
        source(JUDGEMENTS, Judged(appeal=Appeal(id="p1", sanction_id="s1", subject="u1", by="陈志强", text_given=False,
                                                filed_at=START))),
        source(DEAD_LETTERS, DeadLetter(cause="not JSON", topic=OBSERVATIONS, offset=7, tries=1, body=b"{")),
    ]  # fmt: skip
    enter(store, *records)
    entered = tables.meta.sorted_tables
    before = {table.name: rows_of(store, table) for table in entered}
    assert {name for name, rows in before.items() if rows} == {
        "verdicts", "violations", "evidence", "sanctions", "reviews", "outbox", "tasks", "decisions", "appeals",
        "dead_letters",
    }  # fmt: skip
    enter(store, *records, times=2)
    assert {table.name: rows_of(store, table) for table in entered} == before


def test_one_chunk_may_hold_a_row_twice_and_the_newest_wins(store, source):
    draft, approved = a_sanction(needs_approval=True), a_sanction(approved_by="林晓梅")
    enter(store, source(ACTIONS, draft), source(ACTIONS, approved))
    (row,) = rows_of(store, tables.sanctions)
    assert msgspec.json.decode(row["body"], type=Sanction).approved_by == "林晓梅"


def test_a_group_keeps_when_it_was_first_seen(store):
    group = {"key": GROUP, "name": "旧名", "pack": "house", "mode": "observe", "known": False}
    group |= {"first_seen": START, "last_seen": START}
    later = {**group, "name": "新名", "known": True, "first_seen": START + 5, "last_seen": START + 5}
    # Whoever wakes up late writes what is past: it changes nothing.
    late = {**group, "name": "旧名", "last_seen": START + 2}
    for row in (group, later, late):
        with store.transaction():
            store.write_rows([("groups_seen", row)])
    assert rows_of(store, tables.groups_seen) == [{**later, "first_seen": START}]


def test_an_action_that_is_planned_twice_keeps_what_became_of_it(store, source):
    record = source(ACTIONS, an_action())
    enter(store, record)
    (action,) = outbox.claim(store, START)
    outbox.settle(store, action, "confirmed", at=START)
    enter(store, record)
    assert statuses(store) == {"a1": "confirmed"}
    assert outbox.claim(store, START) == []


def test_a_decision_closes_its_reviews(store, source):
    enter(store, source(ACTIONS, a_review()), source(ACTIONS, a_review("r2", on=DecisionTarget("verdict", "v2"))))
    enter(store, source(JUDGEMENTS, a_decision(DecisionTarget("verdict", "v1"))))
    assert [one["id"] for one in desk.list_reviews(store)] == ["r2"]
    assert [one["id"] for one in desk.list_reviews(store, status="decided")] == ["r1"]


def test_a_reversal_withdraws_what_waits_because_of_the_sanction(store, source):
    task = Task(
        id=digest("t", "s1"), violation_ids=("v1",), group_id="g1", assignee=Assignee("owner"), what="", clause=""
    )
    late = DecisionTarget("action", digest("a", "s1", "notify"))
    enter(
        store,
        source(ACTIONS, a_sanction()),
        source(ACTIONS, Planned(task=task)),
        source(ACTIONS, a_review("r1", on=DecisionTarget("sanction", "s1"), kind="approval")),
        source(ACTIONS, a_review("r2", on=late, kind="late")),
    )
    enter(store, source(ACTIONS, a_sanction("s1-back", reverses="s1")))
    assert {one["status"] for one in desk.list_reviews(store, status="all")} == {"withdrawn"}
    assert [one["status"] for one in rows_of(store, tables.tasks)] == ["cancelled"]


def test_a_recall_withdraws_what_was_asked_in_time_and_what_waits_to_be_measured(store, source):
    recalled = Planned(withdrawal=Withdrawal(observation_id="m1", subject="u1", withdrawn_at=START + MINUTE))
    enter(
        store,
        source(ACTIONS, a_review("r1", observation_id="m1")),
        source(ACTIONS, a_review("r2", observation_id="m1", opened_at=START + 2 * MINUTE)),
        source(ACTIONS, a_review("r3", observation_id="m2")),
    )
    waiting = [
        ("unmeasured", {"offset": 1, "category": one, "observation_id": "m1", "at": START}) for one in ("ads", "leak")
    ]
    with store.transaction():
        store.write_rows(waiting, 3) if isinstance(store, Cases) else store.write_rows(waiting)
    enter(store, source(ACTIONS, recalled))
    assert [one["id"] for one in desk.list_reviews(store, status="withdrawn")] == ["r1"]
    assert "ads" not in {one["category"] for one in rows_of(store, tables.unmeasured)}


def test_many_violations_in_one_verdict_have_a_bounded_id(store, source):
    found = [a_violation(digest("v", number)) for number in range(300)]
    enter(store, source(JUDGEMENTS, a_verdict(*found)))
    (row,) = rows_of(store, tables.verdicts)
    assert len(row["id"]) < 200
    decided = desk.decide(store, found[299].id, outcome="uphold", by="林晓梅", now=START)
    assert decided["on"] == {"kind": "verdict", "id": found[299].id}


@pytest.mark.parametrize("name", ["m\x00\x00", "长" * 5000])
def test_what_a_member_names_strangely_is_found_again(store, source, name):
    found = a_violation(evidence=(Evidence("kinds", "ads", matched="加\x00我"),))
    review = a_review(observation_id=name)
    enter(store, source(JUDGEMENTS, a_verdict(found, on=name)), source(ACTIONS, review), times=2)
    assert desk.decide(store, name, outcome="uphold", by="林晓梅", now=START)["subject"] == "u1"
    recalled = Planned(withdrawal=Withdrawal(observation_id=name, subject="u1", withdrawn_at=START))
    enter(store, source(ACTIONS, recalled))
    assert [one["status"] for one in desk.list_reviews(store, status="all")] == ["withdrawn"]


# the outbox


def test_one_action_a_group_is_in_flight_in_the_order_of_its_offsets(store, source):
    enter(store, *(source(ACTIONS, an_action(name, group=group)) for name, group in
                   (("a2", "g1"), ("a1", "g1"), ("b1", "g2"))))  # fmt: skip
    first = outbox.claim(store, START)
    assert sorted(one.id for one in first) == ["a2", "b1"]
    assert outbox.claim(store, START) == []
    outbox.settle(store, next(one for one in first if one.id == "a2"), "confirmed", at=START, detail="done")
    assert [one.id for one in outbox.claim(store, START)] == ["a1"]
    assert [(one.action_id, one.status) for one in published(store, OUTCOMES)] == [("a2", "confirmed")]


def test_what_is_tried_again_waits_and_is_given_up_in_the_end(store, source):
    enter(store, source(ACTIONS, an_action()))
    for number in range(outbox.MOST_TRIES):
        (action,) = outbox.claim(store, START + number)
        assert action.tries == number + 1
        outbox.settle(store, action, "retry", at=START, retry_at=START + number + 1, detail="busy")
        assert outbox.claim(store, START + number) == []
    assert statuses(store) == {"a1": "manual"}
    (review,) = desk.list_reviews(store, kind="late")
    assert "12 times" in review["why"]


@pytest.mark.parametrize("scope", [{"group": "g1"}, {"pack": "house"}, {}])
def test_what_is_paused_stays(store, source, scope):
    enter(store, source(ACTIONS, an_action()))
    for reason in ("first", "second"):
        desk.pause(store, by="林晓梅", reason=reason, **scope)
    assert [one["reason"] for one in desk.paused(store)] == ["second"]
    assert outbox.claim(store, START) == []
    desk.resume(store, **scope)
    assert len(outbox.claim(store, START)) == 1
    with pytest.raises(NotFound):
        desk.resume(store, **scope)


def test_what_is_too_old_waits_for_a_person_and_goes_out_once_when_approved(store, source):
    enter(store, source(ACTIONS, an_action(max_age=MINUTE)))
    assert outbox.claim(store, START + MINUTE + 1) == []
    assert statuses(store) == {"a1": "manual"}
    (review,) = desk.list_reviews(store, kind="late")
    desk.decide(store, review["id"], outcome="approve", by="林晓梅", now=START + 2 * MINUTE)
    approved = source(JUDGEMENTS, a_decision(DecisionTarget("action", "a1"), "approve", at=START + 2 * MINUTE))
    enter(store, approved)
    with store.transaction():
        store.write_rows([("reopened_actions", {"id": "a1", "at": START + 2 * MINUTE})])
    assert desk.list_reviews(store) == []
    (action,) = outbox.claim(store, START + 60 * MINUTE)
    outbox.settle(store, action, "refused", at=START, detail="no such account")
    assert [one["id"] for one in desk.list_reviews(store)] == [review["id"]]


def test_what_a_reversal_overtook_never_goes_out(store, source):
    undo = an_action("a1-back", call="reinvite", params={"reverses": "a1"})
    enter(store, source(ACTIONS, an_action()), source(ACTIONS, undo))
    assert outbox.claim(store, START) == []
    assert statuses(store) == {"a1": "cancelled", "a1-back": "cancelled"}


def test_a_reversal_of_what_went_out_goes_out(store, source):
    enter(store, source(ACTIONS, an_action()))
    outbox.settle(store, outbox.claim(store, START)[0], "confirmed", at=START)
    enter(store, source(ACTIONS, an_action("a1-back", call="reinvite", params={"reverses": "a1"})))
    assert [one.call for one in outbox.claim(store, START)] == ["reinvite"]


def test_what_is_done_by_hand_counts(store, source):
    enter(store, source(ACTIONS, an_action()))
    outbox.settle(store, outbox.claim(store, START)[0], "manual", at=START, detail="no such call")
    (review,) = desk.list_reviews(store)
    desk.decide(store, review["id"], outcome="done", by="林晓梅", now=START)
    assert statuses(store) == {"a1": "confirmed"}
    with pytest.raises(WrongUse, match="confirmed"):
        desk.decide(store, review["id"], outcome="done", by="林晓梅", now=START)
    assert [one.status for one in published(store, OUTCOMES)] == ["manual", "confirmed"]
    assert not outbox.waiting(store)


# the desk


def test_a_review_is_shown_with_its_verdict_and_its_words(store, source):
    enter(store, source(JUDGEMENTS, a_verdict()), source(ACTIONS, a_review()))
    shown = desk.show_review(store, "r1")
    assert shown["verdict"]["violations"][0]["evidence"][0]["matched"] == "恭喜发财"


@pytest.mark.parametrize("named", ["v1", "m1", "r1", "s1"])
def test_a_decision_goes_to_the_group_it_is_about(store, source, named):
    enter(store, source(JUDGEMENTS, a_verdict()), source(ACTIONS, a_sanction()), source(ACTIONS, a_review()))
    desk.decide(store, named, outcome="overturn", by="林晓梅", now=START)
    (judged,) = published(store, JUDGEMENTS)
    assert (judged.decision.subject, judged.decision.group_id) == ("u1", "g1")
    key = store.take_outgoing(1)[0][2] if isinstance(store, Cases) else store.read((JUDGEMENTS,), 0, 1)[0].key
    assert key == GROUP


def test_an_appeal_keeps_the_members_words_as_evidence(store, source):
    enter(store, source(JUDGEMENTS, a_verdict()), source(ACTIONS, a_sanction()))
    filed = desk.appeal(store, "s1", by="陈志强", text="那是慰问", now=START)
    (judged,) = published(store, JUDGEMENTS)
    assert judged.appeal.id == filed["id"]
    assert "那是慰问" in {store.keys.words(one["matched"]) for one in rows_of(store, tables.evidence)}
    with pytest.raises(NotFound):
        desk.appeal(store, "s-none", by="陈志强")


def test_a_decision_that_fails_leaves_nothing(store, source):
    enter(store, source(ACTIONS, an_action()))
    (action,) = outbox.claim(store, START)
    outbox.settle(store, action, "manual", at=START)

    def decide_and_break() -> None:
        with store.transaction():
            store.append([record_of(JUDGEMENTS, GROUP, a_decision(DecisionTarget("action", "a1")), START)])
            outbox.done_by_hand(store, "a1", by="林晓梅", at=START)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        decide_and_break()
    assert published(store, JUDGEMENTS) == []
    assert statuses(store) == {"a1": "manual"}


def test_status_counts_and_purge_removes_text(store, source):
    body = b'{"type":"message.created","id":"m9","group":{"id":"g1"},"platform":"webhook","sent_at":1794963600000}'
    dead = DeadLetter(cause="screen could not handle it: KeyError", topic=OBSERVATIONS, offset=7, tries=1, body=body)
    enter(store, source(JUDGEMENTS, a_verdict()), source(ACTIONS, a_sanction()), source(ACTIONS, a_review()),
          source(ACTIONS, an_action()), source(DEAD_LETTERS, dead))  # fmt: skip
    found = desk.status(store)
    assert (found["verdicts"], found["sanctions"], found["actions"]) == (1, {"warn": 1}, {"planned": 1})
    assert (found["reviews_open"], found["dead_letters"], found["unmeasured"]) == ({"assisted": 1}, 1, 0)
    gone = desk.purge(store, now=START + 200 * 24 * 60 * MINUTE, keep_text=MINUTE)
    assert gone == {"records": 0, "dead_letters": 1, "evidence": 1, "unmeasured": 0}


def test_dead_letters_are_handed_in_again_in_their_group(store, source):
    body = b'{"type":"message.created","id":"m9","group":{"id":"g1"},"platform":"webhook","sent_at":1794963600000}'
    for number, each in enumerate((body, b"{")):
        dead = DeadLetter(cause=f"cause {number}", topic=OBSERVATIONS, offset=7, tries=1, body=each)
        enter(store, source(DEAD_LETTERS, dead, key=""))
    assert [one["cause"] for one in desk.list_dead_letters(store)] == ["cause 1", "cause 0"]
    assert desk.redrive(store, cause="cause", dry_run=True) == 2
    assert desk.redrive(store, cause="cause 0") == 1
    assert desk.redrive(store) == 1
    assert desk.list_dead_letters(store) == []
    if isinstance(store, Cases):
        again = [(key, value) for _, _, key, value in store.take_outgoing(9)]
    else:
        again = [(one.key, one.value) for one in store.read((OBSERVATIONS,), 0, 9)]
    assert again == [(GROUP, body), ("", b"{")]


# what only a fleet has


def test_partitions_have_offsets_of_their_own(cases, source):
    dead = source(DEAD_LETTERS, DeadLetter(cause="not JSON", topic=OBSERVATIONS, offset=7, tries=1, body=b"{"))
    for partition in (0, 1, 1):
        enter(cases, dead, partition=partition)
    assert len(desk.list_dead_letters(cases)) == 2
    assert desk.redrive(cases) == 2
    with pytest.raises(ValueError, match="partition"), cases.transaction():
        cases.write_rows([("judged", {"first": 1, "last": 2, "count": 2, "digest": ""})])


def test_who_wakes_up_late_replaces_nothing_newer(cases, source):
    draft = source(ACTIONS, a_sanction(needs_approval=True))
    enter(cases, draft, source(ACTIONS, a_sanction(approved_by="林晓梅")))
    enter(cases, draft)
    (row,) = rows_of(cases, tables.sanctions)
    assert msgspec.json.decode(row["body"], type=Sanction).approved_by == "林晓梅"


def test_a_question_that_was_asked_again_is_not_closed_by_the_old_answer(cases, source):
    target = DecisionTarget("action", "a1")
    first = source(JUDGEMENTS, a_decision(target, "approve"))
    approval = [("reopened_actions", {"id": "a1", "at": START})]
    enter(cases, source(ACTIONS, an_action()))
    outbox.settle(cases, outbox.claim(cases, START)[0], "unconfirmed", at=START)
    enter(cases, first)
    with cases.transaction():
        cases.write_rows(approval)
    outbox.settle(cases, outbox.claim(cases, START)[0], "unconfirmed", at=START)
    assert len(desk.list_reviews(cases)) == 1
    enter(cases, first)
    with cases.transaction():
        cases.write_rows(approval)
    assert len(desk.list_reviews(cases)) == 1
    assert outbox.claim(cases, START) == []
    enter(cases, source(JUDGEMENTS, a_decision(target, "approve", at=START + 1)))
    assert desk.list_reviews(cases) == []


def test_a_draft_that_was_issued_again_outlives_the_replayed_reversal(cases, source):
    on = DecisionTarget("sanction", "s1")
    records = [
        source(ACTIONS, a_sanction(needs_approval=True)),
        source(ACTIONS, a_review("r1", on=on)),
        source(ACTIONS, a_sanction("s1-back", reverses="s1")),
        source(ACTIONS, a_review("r2", on=on)),
    ]
    for one in records:
        enter(cases, one)
    enter(cases, *records)
    assert [one["id"] for one in desk.list_reviews(cases)] == ["r2"]


def test_several_dispatchers_never_send_the_same_nor_two_of_a_group(cases, a_database, source):
    groups, each = 6, 5
    enter(cases, *(source(ACTIONS, an_action(f"a{number}-{group}", group=f"g{group}"))
                   for number in range(each) for group in range(groups)))  # fmt: skip
    in_flight: dict[str, str] = {}
    sent: list[str] = []
    wrong: list[str] = []
    guard = threading.Lock()

    def dispatch() -> None:
        own = Cases(cases.engine.url.render_as_string(hide_password=False))
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            actions = outbox.claim(own, START, limit=3)
            if not actions and not outbox.waiting(own):
                break
            for one in actions:
                with guard:
                    if one.group_id in in_flight:
                        wrong.append(one.id)
                    in_flight[one.group_id] = one.id
                    sent.append(one.id)
            time.sleep(0.002)
            for one in actions:
                with guard:
                    del in_flight[one.group_id]
                outbox.settle(own, one, "confirmed", at=START)
        own.close()

    threads = [threading.Thread(target=dispatch) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(SECONDS)
    assert wrong == []
    assert len(sent) == len(set(sent)) == groups * each
    for group in range(groups):
        order = [one for one in sent if one.endswith(f"-{group}")]
        assert order == sorted(order)


def test_only_what_was_given_up_is_taken_up_again(cases, source):
    enter(cases, source(ACTIONS, an_action()), source(ACTIONS, an_action("b1", group="g2", call="remove")))
    now = cases.log_time()
    outbox.claim(cases, now)
    assert outbox.recover(cases, {"notify"}) == 0
    with cases.transaction() as connection:
        connection.execute(sa.update(tables.outbox).values(next_try_at=now - 1))
    assert outbox.recover(cases, {"notify"}) == 2
    assert statuses(cases) == {"a1": "planned", "b1": "unconfirmed"}
    assert [one.id for one in outbox.claim(cases, now)] == ["a1"]


def test_records_on_their_way_are_handed_out_in_order_to_one_relay(cases):
    other = Cases(cases.engine.url.render_as_string(hide_password=False))
    records = [Record(JUDGEMENTS, f"webhook:\x00{number}", b"\x00\xff", -1, START) for number in range(5)]
    with cases.transaction():
        cases.append(records)
    found = cases.take_outgoing(3)
    assert [(topic, key, value) for _, topic, key, value in found] == [
        (JUDGEMENTS, f"webhook:\x00{number}", b"\x00\xff") for number in range(3)
    ]
    assert other.take_outgoing(9) == []
    cases.delete_outgoing([one[0] for one in found])
    assert len(cases.take_outgoing(9)) == 2
    cases.close()
    assert len(other.take_outgoing(9)) == 2
    other.close()


def test_threads_do_not_share_a_transaction(cases):
    entered, done = threading.Event(), threading.Event()

    def pause_slowly() -> None:
        with cases.transaction():
            cases.append([Record(JUDGEMENTS, GROUP, b"one", -1, START)])
            entered.set()
            done.wait(SECONDS)

    thread = threading.Thread(target=pause_slowly)
    thread.start()
    assert entered.wait(SECONDS)
    with cases.transaction():
        cases.append([Record(JUDGEMENTS, GROUP, b"two", -1, START)])
    assert cases.connection.scalar(sa.select(sa.func.count()).select_from(outgoing)) == 1
    done.set()
    thread.join(SECONDS)
    assert cases.connection.scalar(sa.select(sa.func.count()).select_from(outgoing)) == 2


def test_two_writers_of_the_same_rows_do_not_block_each_other_for_ever(cases, source):
    records = [source(JUDGEMENTS, a_verdict(a_violation(f"v{number}"), on=f"m{number}")) for number in range(50)]
    failed: list[Exception] = []

    def write(some: list[Record]) -> None:
        try:
            for _ in range(5):
                enter(cases, *some)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(some,)) for some in (records, records[::-1], records)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(SECONDS)
    assert failed == []
    assert len(rows_of(cases, tables.verdicts)) == 50


# the server goes and comes


@pytest.mark.parametrize("kill", [False, True], ids=["in order", "killed"])
def test_it_says_that_the_server_is_away_and_goes_on_when_it_is_back(server, cases, source, kill):
    enter(cases, source(ACTIONS, an_action()))
    assert cases.take_outgoing(1) == []
    assert outbox.waiting(cases)
    server.stop("postgres", kill=kill)
    try:
        for call in (cases.log_time, lambda: cases.take_outgoing(1), lambda: outbox.waiting(cases),
                     lambda: outbox.claim(cases, START), lambda: desk.decide(cases, "r1", outcome="uphold", by="x"),
                     cases.upgrade, cases.check):  # fmt: skip
            with pytest.raises(
                StoreUnavailable, match=r"^PostgreSQL at 127\.0\.0\.1:\d+/\w+ cannot be reached: start it"
            ):
                call()
    finally:
        server.start("postgres")
    assert cases.take_outgoing(1) == []
    assert outbox.waiting(cases)
    assert [one.id for one in outbox.claim(cases, START)] == ["a1"]


def test_a_transaction_whose_server_went_away_leaves_nothing(server, cases):
    def append_twice() -> None:
        with cases.transaction():
            cases.append([Record(JUDGEMENTS, GROUP, b"one", -1, START)])
            server.stop("postgres", kill=True)
            server.start("postgres")
            cases.append([Record(JUDGEMENTS, GROUP, b"two", -1, START)])

    with pytest.raises(StoreUnavailable):
        append_twice()
    assert cases.take_outgoing(9) == []


def test_a_database_that_refuses_is_named_in_a_sentence_without_values(cases):
    with cases.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 100")
        with pytest.raises(StoreUnavailable, match=r"refuses: canceling statement due to statement timeout$"):
            connection.execute(sa.text("SELECT pg_sleep(5), :words"), {"words": "加我微信"})
    with pytest.raises(sa.exc.ProgrammingError) as raised, cases.transaction() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere WHERE a = :words"), {"words": "加我微信"})
    assert "加我微信" not in str(raised.value)


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u@h/d", "sqlite:///x.db"])
def test_a_url_of_another_kind_is_refused(url):
    with pytest.raises(StoreUnavailable, match=r"postgresql\+psycopg://"):
        Cases(url)


# versions


def test_several_workers_may_make_the_tables_at_once(a_database):
    stores = [Cases(a_database(empty=True))]
    stores += [Cases(stores[0].engine.url.render_as_string(hide_password=False)) for _ in range(3)]
    assert "no tables of Xunqun" in (stores[0].check() or "")
    failed: list[Exception] = []

    def upgrade(one: Cases) -> None:
        try:
            one.upgrade()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=upgrade, args=(one,)) for one in stores]
    for one in threads:
        one.start()
    for one in threads:
        one.join(SECONDS)
    assert failed == []
    assert [one.check() for one in stores] == [None] * 4
    for one in stores:
        one.close()


def test_migrations_and_tables_agree(cases):
    with cases.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, meta) == []


def test_both_databases_have_the_same_columns():
    for table in tables.meta.sorted_tables:
        more = {one.name for one in meta.tables[table.name].c} - {one.name for one in table.c}
        assert more <= {"partition"}
    assert set(meta.tables) - set(tables.meta.tables) == {"outgoing", "reopened"}


def test_a_database_of_a_newer_version_is_left_alone(cases):
    with cases.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "version 9999" in (cases.check() or "")
    with pytest.raises(StoreUnavailable, match="newer version"):
        cases.upgrade()


def test_violations_of_the_version_before_learn_whom_they_are_about(a_database):
    from alembic import command

    from streams.cases.postgres import _config

    store = Cases(a_database(empty=True))
    config = _config()
    with store.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
    subjects = ("u1", "webhook:a\x00b", "x" * 700, "u2")
    found = tuple(
        Violation(
            id=f"v{number}",
            clause="c",
            rule="r",
            subject=Subject("member", one),
            score=1.0,
            evidence=(),
            explanation="否",
        )
        for number, one in enumerate(subjects)
    )
    verdict = Verdict(
        observation_id="m1", group_id="g1", pack="p", pack_version="1", judged_at=START, platform="webhook", sender="a1",
        violations=found[:3], uncertain=found[3:],
    )  # fmt: skip
    silent = Verdict(observation_id=None, group_id="g1", pack="p", pack_version="1", judged_at=START)
    with store.transaction() as connection:
        for name, one in (("w1", verdict), ("w2", silent)):
            values = {"id": name, "body": msgspec.json.encode(one)}
            connection.execute(sa.text("INSERT INTO verdicts VALUES (:id, 'g1', 'p', 0, 0, :body)"), values)
        for named, clause in (("m1", ""), *((one.id, "c") for one in found), ("gone", "c")):
            values = {"id": named, "verdict": "lost" if named == "gone" else "w1", "clause": clause}
            connection.execute(sa.text("INSERT INTO violations VALUES (:id, :verdict, :clause)"), values)
    store.upgrade()
    assert store.check() is None
    rows = store.connection.execute(sa.select(tables.violations.c.id, tables.violations.c.subject)).all()
    assert dict(tuple(row) for row in rows) == {
        "m1": "webhook:a1", "v0": "u1", "v1": "webhook:a\ufffdb", "v2": None, "v3": "u2", "gone": None,
    }  # fmt: skip
    store.close()
