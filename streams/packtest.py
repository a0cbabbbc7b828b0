"""A pack's own tests: each is replayed through the same agents, in a fleet that breaks no rule by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from classifiers.measure import Classifiers
from models import Account, Fleet, Group, Observation, Person
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.directory import Directory
from policies.ladder import span_millis
from policies.rules.names import expected_card
from policies.schema import Pack, Span
from streams.replay import replaying, stored_dead_letters, stored_reviews, stored_sanctions, stored_verdicts

GROUP = "g-test"
# A Thursday morning in a week without public holidays.
START: Millis = 1_795_051_800_000
_PEOPLE: dict[str, dict[str, Any]] = {
    "owner": {"name": "周卫国", "department": "综合部", "unit": "综合部", "supervisor": "leader"},
    "administrator": {"name": "林晓梅", "department": "综合部", "unit": "综合部", "supervisor": "leader"},
    "leader": {"name": "高建华", "department": "领导班子", "unit": "领导班子", "post": "总经理", "tags": ["leader"]},
    "office": {"name": "孙丽华", "department": "办公室", "unit": "办公室", "supervisor": "leader"},
    "finance": {"name": "郑敏", "department": "财务部", "unit": "财务部", "supervisor": "leader"},
    "member": {"name": "陈志强", "department": "生产部", "unit": "生产部", "supervisor": "leader"},
    "colleague": {"name": "何平", "department": "生产部", "unit": "生产部", "supervisor": "leader"},
}


@dataclass(frozen=True)
class Tested:
    """One test of a pack and what came out of it. `wrong` is empty where it holds."""

    name: str
    wrong: tuple[str, ...]


def test_pack(pack: Pack, packs: Mapping[str, Pack], classifiers: Classifiers) -> Iterator[Tested]:
    """Run a pack's tests one after another."""
    for number, test in enumerate(pack.tests, start=1):
        name = str(test.get("name") or test.get("message") or f"test {number}")
        try:
            wrong = tuple(_differences(pack, packs, classifiers, test))
        except (msgspec.ValidationError, LookupError, TypeError, ValueError) as error:
            wrong = (f"the test or the fixture cannot be read: {error}",)
        yield Tested(name, wrong)


def fleet_for(pack: Pack, group_type: str | None) -> Fleet:
    """The fleet that tests run in: seven people who obey every rule of the pack."""
    fixture = pack.fixture
    people = []
    for key, base in _PEOPLE.items():
        facts = {**base, **fixture.get(key, {})}
        account = Account("jsonl", key)
        people.append(msgspec.convert({"id": key, "accounts": [msgspec.to_builtins(account)], **facts}, type=Person))
    group = Group(
        id=GROUP,
        name="测试工作群",
        pack=pack.pack,
        type=group_type or (pack.group_types[0] if pack.group_types else None),
        mode="enforce",
        owner="owner",
        administrators=("administrator",),
        members=tuple(_PEOPLE),
        facts=fixture.get("facts", {}),
    )
    return Fleet(people=tuple(people), groups=(group,))


def observations(pack: Pack, test: Mapping[str, Any], fleet: Fleet) -> Iterator[Observation]:
    """Write out the steps of a test as observations. A test without steps is one message."""
    steps = test.get("steps") or [test]
    people = {one.id: one for one in fleet.people}
    calendar = WorkingCalendar()
    number = 0
    for step in steps:
        for repeat in range(int(step.get("repeat", 1))):
            number += 1
            at = START + span_millis(msgspec.convert(step.get("at", {}), type=Span))
            at += repeat * int(step.get("every_seconds", 0)) * 1000
            yield _observation(pack, step, people, number, at, calendar)


def _observation(
    pack: Pack,
    step: Mapping[str, Any],
    people: Mapping[str, Person],
    number: int,
    at: Millis,
    calendar: WorkingCalendar,
) -> Observation:
    by = step.get("by", "member")
    kind = step.get("kind", "text")
    body: dict[str, Any] = {
        "id": f"test-{number}",
        "type": step.get("type", "message.created"),
        "platform": "jsonl",
        "group": {"id": GROUP},
        "sent_at": at,
        "sender": {"id": by, "card": step.get("card", _card(pack, people.get(by)))},
    }
    if body["type"].startswith("message."):
        body |= {"kind": kind, "text": step.get("message")}
    if kind == "red_packet":
        body["money"] = {"type": "red_packet"}
    if step.get("file"):
        body["attachments"] = [{"kind": "file", "name": step["file"]}]
    if step.get("target"):
        body["target"] = {"id": step["target"]}
    if body["type"] == "member.renamed":
        body["change"] = {"field": "card", "new": step.get("card")}
        body["sender"] = {"id": by}
    if step.get("fact"):
        body["fact"] = {"value": at, **step["fact"]}
    for key in ("reply_to", "edit_of", "recall_of"):
        if step.get(key):
            body[key] = step[key]
    return msgspec.convert(body, type=Observation)


def _card(pack: Pack, person: Person | None) -> str | None:
    return expected_card(person, pack.fixture.get("card", "real_name")) if person else None


def _differences(
    pack: Pack, packs: Mapping[str, Pack], classifiers: Classifiers, test: Mapping[str, Any]
) -> Iterator[str]:
    fleet = fleet_for(pack, test.get("group_type"))
    with replaying(classifiers, {**packs, pack.pack: pack}, Directory(fleet)) as replay:
        for seen in observations(pack, test, fleet):
            replay.feed(msgspec.json.encode(seen))
        until = START + span_millis(msgspec.convert(test["until"], type=Span)) if test.get("until") else None
        replay.finish(until)
        found = list(stored_verdicts(replay.store))
        given = [one.kind for one in stored_sanctions(replay.store) if not one.reverses]
        dead = [one.cause for one in stored_dead_letters(replay.store)]
        asked = {one.clause for one in stored_reviews(replay.store) if one.kind in ("assisted", "uncertain", "report")}
    clauses = {one.clause for verdict in found for one in verdict.violations}
    unsure = {one.clause for verdict in found for one in verdict.uncertain}
    wanted = set(test.get("expect", ()))
    yield from (f"went to the dead letters: {cause}" for cause in dead)
    if missing := sorted(wanted - clauses):
        yield f"expected but not found: {', '.join(missing)}" + (
            f" (only uncertain: {', '.join(sorted(unsure))})" if unsure else ""
        )
    # Beside what a test expects, a person may be asked about more; what counts by itself has to be expected.
    counted = {one.clause for verdict in found for one in verdict.violations if one.mode == "automatic" or not wanted}
    if extra := sorted(counted - wanted):
        yield f"found but not expected: {', '.join(extra)}"
    if not wanted and unsure:
        yield f"uncertain although nothing was expected: {', '.join(sorted(unsure))}"
    if "sanctions" in test and sorted(given) != sorted(test["sanctions"]):
        yield f"sanctions: expected {sorted(test['sanctions'])}, got {sorted(given)}"
    if missing := sorted(set(test.get("reviews", ())) - asked):
        yield f"expected for review but not asked: {', '.join(missing)}"
