"""The fleet that a pack's tests run in, and what happens there."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from models import Account, Fleet, Observation, Person
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.rules.names import expected_card
from policies.schema import Pack
from streams.packtest.form import START, Case, Step, dated, moment

GROUP = "g-test"
# Between steps that do not say when they happen.
_PAUSE: Millis = 1000
_PEOPLE: dict[str, dict[str, Any]] = {
    "owner": {"name": "周卫国", "department": "综合部", "unit": "综合部", "supervisor": "leader"},
    "administrator": {"name": "林晓梅", "department": "综合部", "unit": "综合部", "supervisor": "leader"},
    "leader": {"name": "高建华", "department": "领导班子", "unit": "领导班子", "post": "总经理", "tags": ["leader"]},
    "office": {"name": "孙丽华", "department": "办公室", "unit": "办公室", "supervisor": "leader"},
    "finance": {"name": "郑敏", "department": "财务部", "unit": "财务部", "supervisor": "leader"},
    "member": {"name": "陈志强", "department": "生产部", "unit": "生产部", "supervisor": "leader"},
    "colleague": {"name": "何平", "department": "生产部", "unit": "生产部", "supervisor": "leader"},
}
# Members were told of the moderation before it began: otherwise nothing leaves but drafts.
_FACTS = {"monitoring_notice_at": "-30d"}
# What a fixture says besides its people.
_OWN = ("card", "facts", "group", "groups", "settings")


def fleet_for(pack: Pack, case: Case) -> Fleet:
    """The fleet of a test: seven people who obey every rule of the pack, changed by its fixture and what is `given`."""
    fixture = _merged(pack.fixture, case.given)
    settings = fixture.get("settings", {})
    calendar = WorkingCalendar(**{key: settings[key] for key in ("timezone", "working_hours") if key in settings})
    written = _merged(_PEOPLE, {key: value for key, value in fixture.items() if key not in _OWN})
    inside = [key for key, facts in written.items() if facts.pop("member", key in _PEOPLE)]
    people = [
        {"id": key, "accounts": [msgspec.to_builtins(Account("jsonl", key))], **dated(facts, calendar)}
        for key, facts in written.items()
    ]
    common = {
        "pack": pack.pack,
        "mode": "enforce",
        "owner": "owner",
        "administrators": ["administrator"],
        "members": inside,
    }
    own_type = case.group_type or next(iter(pack.group_types), None)
    own = {**common, "id": GROUP, "name": "测试工作群", "type": own_type, "facts": fixture.get("facts", {})}
    groups = [{**own, **fixture.get("group", {})}]
    groups += [{**common, "id": key, "name": key, **given} for key, given in fixture.get("groups", {}).items()]
    for one in groups:
        one["facts"] = dated({**_FACTS, **one.get("facts", {})}, calendar)
    return msgspec.convert({"people": people, "groups": groups, "settings": settings}, type=Fleet)


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `change` laid over it, mappings key by key; neither is changed."""
    both = {key: dict(value) if isinstance(value, Mapping) else value for key, value in base.items()}
    for key, value in change.items():
        both[key] = _merged(both.get(key, {}), value) if isinstance(value, Mapping) else value
    return both


def happenings(pack: Pack, case: Case, fleet: Fleet) -> Iterator[tuple[Millis, Observation | Step]]:
    """What happens in a test, in its order: observations, and steps that decide.

    A step that does not say when follows the one before. Where it gives no id, the ids are test-1, test-2, … as they are
    written.
    """
    people = {one.id: one for one in fleet.people}
    calendar = WorkingCalendar(fleet.settings.timezone, fleet.settings.working_hours)
    card = _merged(pack.fixture, case.given).get("card", "real_name")
    found: list[tuple[Millis, Observation | Step]] = []
    at = START - _PAUSE
    for step in case.steps:
        at = at + _PAUSE if step.at is None else moment(step.at, calendar)
        if step.decide:
            found.append((at, step))
            continue
        for repeat in range(step.repeat):
            at += int(step.every_seconds * 1000) if repeat else 0
            number = sum(isinstance(one, Observation) for _, one in found) + 1
            body = _body(step, people, f"test-{number}", at, card, calendar)
            found.append((at, msgspec.convert(body, type=Observation)))
    yield from sorted(found, key=lambda one: one[0])


def _body(
    step: Step, people: Mapping[str, Person], name: str, at: Millis, card: str, calendar: WorkingCalendar
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": step.id or name,
        "type": step.type,
        "platform": "jsonl",
        "group": {"id": step.group or GROUP},
        "sent_at": at,
        "kind": step.kind if step.type.startswith("message.") else None,
        "text": step.message,
        "forward": list(step.forward) or None,
        "flags": step.flags or None,
        "money": step.money or ({"type": step.kind} if step.kind in ("red_packet", "transfer", "voucher") else None),
        "links": [{"url": step.link}] if step.link else None,
        "mentions": [{"id": one} for one in step.mentions] or None,
        "mention_all": step.mention_all or None,
        "target": {"id": step.target} if step.target else None,
    }
    if step.by is not None:
        body["sender"] = _sender(step, people, card)
    if step.file or step.kind in ("image", "voice", "video"):
        kind = "file" if step.kind == "text" else step.kind
        body["attachments"] = [{"kind": kind, "name": step.file}]
        body["kind"] = kind if body["kind"] else None
    if step.type == "member.renamed" or step.new is not None or step.field:
        body["change"] = {"field": step.field or "card", "old": step.old, "new": step.new or step.card}
    if step.fact:
        body["fact"] = {"value": at, **_stated(step.fact, calendar)}
    for key in ("reply_to", "edit_of", "recall_of"):
        of = getattr(step, key)
        body[key] = {"id": of} if isinstance(of, str) else of
    return {key: value for key, value in body.items() if value is not None}


def _sender(step: Step, people: Mapping[str, Person], card: str) -> dict[str, Any]:
    """Who it was, as the platform shows him: with the nickname that the policy wants, unless the step says another."""
    person = people.get(step.by or "")
    shown = step.card if step.card is not None else expected_card(person, card) if person else None
    if step.type == "member.renamed":
        shown = None
    named = {"name": step.name, "card": shown, "role": step.role, "scope": step.scope}
    return {"id": step.account or step.by, **{key: value for key, value in named.items() if value is not None}}


def _stated(fact: Mapping[str, Any], calendar: WorkingCalendar) -> dict[str, Any]:
    """A fact as it is stated: `value` is a time where the fact is one, `at` always."""
    name = str(fact.get("name", ""))
    value = fact.get("value")
    timed = {"value": moment(value, calendar)} if name.endswith("_at") and value not in (None, True, False) else {}
    return {**fact, **timed, **({"at": moment(fact["at"], calendar)} if fact.get("at") is not None else {})}
