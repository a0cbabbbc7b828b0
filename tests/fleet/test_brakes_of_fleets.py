"""Brakes and pauses where several dispatchers share a PostgreSQL: one budget for all, and one pause that reaches each."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connectors.simulated import SimulatedActuator
from models import Action
from streams import desk, outbox
from streams.agents import Enforce
from streams.brakes import HOUR, Budgets
from streams.cases import tables
from streams.cases.postgres import Cases
from streams.dispatch import Dispatcher
from streams.metrics import Metrics
from streams.topics import ACTIONS, Planned, record_of

NONE = Budgets(group=0, clause=0, fleet=0)
SECONDS = 60.0
# What `xunqun pause` promises.
PROMISED_SECONDS = 10.0


@pytest.fixture
def url(stack: Any) -> Iterator[str]:
    """A schema of its own in the database that is there."""
    admin = sa.create_engine(stack.database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"t{uuid4().hex[:10]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    yield f"{stack.database}?options=-csearch_path%3D{name}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def cases(url: str) -> Iterator[Cases]:
    store = Cases(url)
    store.upgrade()
    yield store
    store.close()


def an_action(
    name: str, *, group: str, at: int, clause: str = "house-1", call: str = "recall", **given: Any
) -> Planned:
    params = {"pack": "house", "group_key": f"webhook:{group}", "clause": clause, "budgeted": True}
    return Planned(
        action=Action(
            id=name, sanction_id=f"s-{name}", platform="webhook", account=None, call=call, status="planned",
            group_id=group, subject="u1", params={**params, **given.pop("params", {})}, planned_at=at, **given,
        )
    )  # fmt: skip


def enter(store: Cases, planned: Sequence[Planned]) -> None:
    records = [record_of(ACTIONS, one.action.params["group_key"], one, one.action.planned_at) for one in planned]
    for offset, record in enumerate(records):
        record.offset = offset
    with store.transaction():
        store.write_rows(Enforce().handle(records, {}).rows, 0)


def some(store: Cases, groups: int, each: int, **given: Any) -> list[Planned]:
    now = store.log_time()
    return [
        an_action(f"a{one}-{group}-{uuid4().hex[:6]}", group=f"g{group}", at=now, **given)
        for one in range(each)
        for group in range(groups)
    ]


def fill(store: Cases, groups: int, each: int, **given: Any) -> None:
    enter(store, some(store, groups, each, **given))


def statuses(store: Cases) -> dict[str, int]:
    query = sa.select(tables.outbox.c.status, sa.func.count()).group_by(tables.outbox.c.status)
    return {row[0]: row[1] for row in store.connection.execute(query)}


class Running:
    """A dispatcher with a connection, a thread and a loop of its own, as a worker has; `sent` is when each call went out."""

    def __init__(self, url: str, budgets: Budgets, *, clock: Callable[[], int] | None = None) -> None:
        self.sent: list[tuple[float, str]] = []
        self.metrics = Metrics()
        self._url, self._budgets = url, budgets
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._stop = threading.Event()
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            asyncio.run(self._rounds())
        except BaseException as error:
            self.failed = error

    async def _rounds(self) -> None:
        store = Cases(self._url)
        running = self

        class Noting(SimulatedActuator):
            async def send(self, action: Action) -> Any:
                running.sent.append((time.monotonic(), action.id))
                await asyncio.sleep(0.005)
                return await super().send(action)

        # One thread, so that it can give back what it holds of the database.
        with ThreadPoolExecutor(1) as threads:
            loop = asyncio.get_running_loop()

            async def in_store(work: Callable[..., Any], *arguments: Any) -> Any:
                return await loop.run_in_executor(threads, lambda: work(*arguments))

            dispatcher = Dispatcher(store, Noting(), self.metrics, self._clock, in_store, budgets=self._budgets)
            while not self._stop.is_set():
                if not await dispatcher.round():
                    await asyncio.sleep(0.05)
            await in_store(store.close)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self.failed is None, repr(self.failed)


@pytest.fixture
def start(url: str, cases: Cases) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(budgets: Budgets = NONE, **given: Any) -> Running:
        started.append(Running(url, budgets, **given))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


def until(true: Callable[[], Any], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.02)


def run(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from streams.cli import main; main()", *arguments]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
    here = {"XUNQUN_DATABASE": url, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder, env=clean | here
    )


# brakes


@pytest.mark.parametrize(
    ("budgets", "scopes"),
    [
        (NONE._replace(fleet=20), {"all"}),
        (NONE._replace(clause=20), {"clause:house-1"}),
        (NONE._replace(group=2), {f"group:g{number}" for number in range(10)}),
    ],
    ids=["fleet", "clause", "group"],
)
def test_two_dispatchers_share_one_budget(cases, start, budgets, scopes):
    both = [start(budgets), start(budgets)]
    # One at a time, so that either gets some.
    for one in some(cases, groups=10, each=6, max_age=HOUR):
        enter(cases, [one])
        time.sleep(0.02)
    until(lambda: set(outbox.held_by_brakes(cases)) == scopes)
    # Long enough for either to send more, if it would.
    time.sleep(1.0)
    assert all(one.sent for one in both)
    assert sum(len(one.sent) for one in both) == 20
    assert statuses(cases) == {"confirmed": 20, "planned": 40}
    kind = next(iter(scopes)).partition(":")[0]
    for one in both:
        assert one.metrics.registry.get_sample_value("xunqun_brakes", {"scope": kind}) == len(scopes)


def test_what_never_expires_is_a_draft_at_once_and_goes_out_when_approved(cases):
    fill(cases, groups=5, each=1, call="remove")
    now, budgets = cases.log_time(), NONE._replace(fleet=3)
    taken = outbox.claim(cases, now, budgets=budgets)
    assert len(taken) == 3
    for one in taken:
        outbox.settle(cases, one, "confirmed", at=now)
    drafts = desk.list_reviews(cases, kind="late")
    assert [one["clause"] for one in drafts] == ["house-1"] * 2
    assert statuses(cases) == {"confirmed": 3, "manual": 2}
    with cases.transaction():
        cases.write_rows([("reopened_actions", {"id": drafts[0]["on"]["id"], "at": now})])
    (approved,) = outbox.claim(cases, now, budgets=budgets)
    assert approved.id == drafts[0]["on"]["id"]
    assert list(outbox.held_by_brakes(cases)) == ["all"]


def test_taking_back_and_reminding_go_on_while_a_brake_holds(cases):
    fill(cases, groups=1, each=1, call="mute")
    now, budgets = cases.log_time(), NONE._replace(fleet=1)
    (muted,) = outbox.claim(cases, now, budgets=budgets)
    outbox.settle(cases, muted, "confirmed", at=now)
    fill(cases, groups=2, each=1, max_age=HOUR)
    assert outbox.claim(cases, now, budgets=budgets) == []
    free = {"budgeted": False}
    enter(cases, [
        an_action("back", group="g0", at=now, call="unmute", params={**free, "reverses": muted.id}),
        an_action("remind", group="g1", at=now, call="notify", params=free),
    ])  # fmt: skip
    assert {one.id for one in outbox.claim(cases, now, budgets=budgets)} == {"back", "remind"}


def test_a_resumed_scope_is_counted_anew_by_the_databases_clock(cases, start):
    fill(cases, groups=4, each=3, max_age=HOUR)
    budgets = NONE._replace(fleet=5)
    # The clock of this worker is an hour and more ahead, and must not forget what others have sent.
    ahead = start(budgets, clock=lambda: time.time_ns() // 1_000_000 + 2 * HOUR)
    usual = start(budgets)
    until(lambda: outbox.held_by_brakes(cases))
    time.sleep(0.5)
    assert len(ahead.sent) + len(usual.sent) == 5
    desk.resume(cases)
    until(lambda: outbox.held_by_brakes(cases))
    time.sleep(0.5)
    assert len(ahead.sent) + len(usual.sent) == 10
    desk.resume(cases)
    until(lambda: statuses(cases) == {"confirmed": 12})


# pauses


@pytest.mark.parametrize(
    "scope", [("--all",), ("--group", "g0"), ("--pack", "house"), ("--clause", "house-1")], ids=lambda one: one[0]
)
def test_one_pause_reaches_every_dispatcher_in_time(cases, url, start, tmp_path, scope):
    both = [start(), start()]
    feeding = threading.Event()

    def feed() -> None:
        own = Cases(url)
        while not feeding.wait(0.05):
            # Group g0 alone, where that is paused; else many.
            fill(own, groups=1 if "--group" in scope else 8, each=2)
        own.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        until(lambda: all(len(one.sent) > 5 for one in both))
        done = run(url, tmp_path, "pause", *scope, "--by", "林晓梅", "--reason", "检修")
        paused_at = time.monotonic()
        assert done.returncode == 0, done.stderr
        time.sleep(2.0)
        last = max(at for one in both for at, _ in one.sent)
        print(f"{' '.join(scope)}: the last call went out {last - paused_at:+.3f} s after the pause was entered")
        assert last - paused_at < PROMISED_SECONDS
        # In force with the next claim: what was in hand may still go out, and nothing after it.
        before = [len(one.sent) for one in both]
        time.sleep(2.0)
        assert [len(one.sent) for one in both] == before
        assert statuses(cases)["planned"] > 20
        done = run(url, tmp_path, "resume", *scope, "--by", "林晓梅")
        assert done.returncode == 0, done.stderr
        until(lambda: all(len(one.sent) > many for one, many in zip(both, before, strict=True)))
    finally:
        feeding.set()
        feeder.join(SECONDS)


# versions


def test_rows_of_the_version_before_are_taken_over(url):
    from alembic import command

    from streams.cases.postgres import _config

    store = Cases(url)
    config = _config()
    with store.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    old = {
        "id": "a1", "group_key": "webhook:g1", "group_id": "g1", "pack": "house", "status": "planned", "tries": 0,
        "next_try_at": 0, "planned_at": 0, "appended_at": 0, "offset": 0, "detail": "", "body": b"{}",
    }  # fmt: skip
    columns = ", ".join(f'"{one}"' for one in old)
    insert = sa.text(f"INSERT INTO outbox ({columns}) VALUES ({', '.join(f':{one}' for one in old)})")
    with store.transaction() as connection:
        connection.execute(insert, old)
    store.upgrade()
    assert store.check() is None
    with store.transaction() as connection:
        # A worker of the version before goes on writing while the others are replaced.
        connection.execute(insert, {**old, "id": "a2"})
        found = connection.execute(sa.select(tables.outbox.c.clause, tables.outbox.c.budgeted)).all()
    assert [tuple(row) for row in found] == [("", False)] * 2
    store.close()
