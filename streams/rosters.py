"""Rosters into a fleet file: what they would change, and the file with it changed. Works on plain values, so that columns
of the tenant's own are kept."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from connectors.imports import ImportFailed
from connectors.imports.roster import Roster
from connectors.imports.source import Notes, Source
from policies.lint import MOST_FLEET_BYTES
from policies.places import Document

What = Literal["joined", "left", "returned", "moved", "renamed", "changed", "group added", "group changed"]
Entry = dict[str, Any]
_PLACE = ("department", "unit", "post")
# Ten times as fast, where PyYAML was built with it.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Difference:
    """One person or group that a roster changes; `told` says how, `groups` which groups list the person now."""

    what: What
    id: str
    name: str
    told: str = ""
    groups: tuple[str, ...] = ()


@dataclass
class Rosters:
    """People and groups that rosters name, each with the fields that they give; nobody stands in two of them."""

    people: list[Entry]
    groups: list[Entry]
    remarks: list[str]


def read_rosters(paths: Iterable[Path]) -> Rosters:
    """Read CSV tables and YAML files (`people`, `groups`, as in a fleet file). ImportFailed lists the mistakes."""
    notes, tables = Notes(), [path for path in paths if path.suffix.lower() not in (".yaml", ".yml")]
    table = Roster(notes)
    for path in tables:
        table.read(Source(path))
    people = [_given(msgspec.to_builtins(person)) for person in table.people()]
    for row, person in zip(table.rows, people, strict=True):
        # A table without that column says nothing of it.
        if "status" not in row.cells and person.get("status") == "active":
            del person["status"]
    groups: list[Entry] = []
    for path in paths:
        if path not in tables:
            value = read_yaml(path)
            people += map(_given, _entries(value, "people", path))
            groups += map(_given, _entries(value, "groups", path))
    doubled = [name for name, times in Counter(str(one.get("id")) for one in people).items() if times > 1]
    if doubled:
        raise ImportFailed(f"{', '.join(sorted(doubled)[:12])}: stands in several rosters; name each person once")
    return Rosters(people, groups, notes.lines())


def read_yaml(path: Path) -> Entry:
    """The plain value of a YAML file. ImportFailed says where it is none."""
    document = Document(path.read_text(encoding="utf-8-sig"), str(path), most=MOST_FLEET_BYTES)
    if document.problems:
        raise ImportFailed("\n".join(map(str, document.problems)))
    if not isinstance(document.value or {}, dict):
        raise ImportFailed(f"{path}: write people: and groups: as in a fleet file")
    return document.value or {}


def _entries(value: Entry, key: str, path: Path) -> list[Entry]:
    found = value.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) and one.get("id") for one in found):
        raise ImportFailed(f"{path}: {key} has to be a list of entries, each with its id")
    return found


def _given(entry: Mapping[str, Any]) -> Entry:
    said = {key: value for key, value in entry.items() if value not in (None, "", [], (), {})}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}


def merge(fleet: Entry, rosters: Rosters, *, on: str, whole: bool = True) -> tuple[Entry, list[Difference]]:
    """Lay rosters over a fleet; gives the fleet as it will be, and what is different.

    A person is the same by id, by an account, or by a name that both have once. Of one the rosters say only what they
    give; the rest stays, also accounts and tags that they do not name. `whole`: who is in none of them has left, `on` this
    day (YYYY-MM-DD).
    """
    people = [dict(one) for one in fleet.get("people") or ()]
    listed, differences = _listed(fleet), list[Difference]()
    found = _matched(people, rosters.people)
    names = {given["id"]: old["id"] if old else given["id"] for given, old in found}
    for given, old in found:
        new = {**given, "id": names[given["id"]]}
        if "supervisor" in given:
            new["supervisor"] = names.get(given["supervisor"], given["supervisor"])
        if old is None:
            people.append(new)
            differences.append(Difference("joined", str(new["id"]), str(new.get("name", "")), _place(new)))
            continue
        for key in {"accounts", "tags"} & new.keys():
            # A roster of one platform says nothing of the others.
            new[key] = [*old.get(key, ()), *(one for one in new[key] if one not in old.get(key, ()))]
        if old.get("status") == "left":
            new.setdefault("status", "active")
        differences += _differences(old, new, listed.get(old["id"], ()))
        old.update(new)
        if old.get("status", "active") != "left":
            old.pop("left_at", None)
    here = set(names.values())
    for one in people if whole and rosters.people else ():
        if one["id"] not in here and one.get("status") != "left" and "customer" not in one.get("tags", ()):
            one |= {"status": "left", "left_at": on}
            differences.append(Difference("left", one["id"], one.get("name", ""), on, listed.get(one["id"], ())))
    groups, changes = _groups(fleet.get("groups") or (), rosters.groups)
    merged = {**fleet, "people": people, "groups": groups}
    return merged, sorted([*differences, *changes], key=lambda one: (_ORDER.index(one.what), one.id))


_ORDER = ("joined", "left", "returned", "moved", "renamed", "changed", "group added", "group changed")


def _matched(people: Sequence[Entry], rows: Sequence[Entry]) -> list[tuple[Entry, Entry | None]]:
    """Each entry of the rosters with the person that it is. ImportFailed where two are the same."""
    ids = {one["id"]: one for one in people}
    accounts = {account: one for one in people for account in _accounts(one)}
    here, there = (Counter(one.get("name") for one in some) for some in (people, rows))
    names = {one.get("name"): one for one in people if here[one.get("name")] == there[one.get("name")] == 1}
    taken: dict[str, Entry] = {}
    found: list[tuple[Entry, Entry | None]] = []
    for given in rows:
        by_account = (accounts[one] for one in _accounts(given) if one in accounts)
        old = ids.get(given["id"]) or next(by_account, None) or names.get(given.get("name"))
        if old is not None and (other := taken.setdefault(old["id"], given)) is not given:
            told = f"{other['id']} and {given['id']} are both {old['id']} of the fleet by id, account or name"
            raise ImportFailed(f"{told}; correct the account or the id of one")
        found.append((given, old))
    return found


def _accounts(entry: Entry) -> list[tuple[str, str]]:
    return [(str(one.get("platform")), str(one.get("id"))) for one in entry.get("accounts") or ()]


def _listed(fleet: Entry) -> dict[str, tuple[str, ...]]:
    """Which groups list a person, in whatever role."""
    found: dict[str, list[str]] = {}
    for group in fleet.get("groups") or ():
        roles = [[group.get("owner")], *(group.get(key) or () for key in ("managers", "administrators", "members"))]
        for one in dict.fromkeys(one for role in roles for one in role if one):
            found.setdefault(one, []).append(group.get("name") or group["id"])
    return {one: tuple(groups) for one, groups in found.items()}


def _differences(old: Entry, new: Entry, groups: tuple[str, ...]) -> list[Difference]:
    name = str(new.get("name") or old.get("name", ""))
    found: list[Difference] = []

    def differs(what: What, told: str) -> None:
        found.append(Difference(what, old["id"], name, told, groups))

    if old.get("status") == "left" and new.get("status") != "left":
        differs("returned", _place({**old, **new}))
    elif new.get("status") == "left" and old.get("status") != "left":
        differs("left", str(new.get("left_at", "")))
    changed = [key for key, value in new.items() if key != "id" and value != old.get(key)]
    if "name" in changed:
        differs("renamed", f"{old.get('name', '')} → {name}")
    if moved := [key for key in _PLACE if key in changed]:
        differs("moved", ", ".join(f"{key}: {old.get(key) or '-'} → {new[key]}" for key in moved))
    if rest := [key for key in changed if key not in (*_PLACE, "name", "status", "left_at")]:
        differs("changed", ", ".join(rest))
    elif "status" in changed and not found:
        differs("changed", f"status: {old.get('status', 'active')} → {new['status']}")
    return found


def _place(entry: Entry) -> str:
    return " ".join(str(entry[key]) for key in _PLACE if entry.get(key))


def _groups(before: Iterable[Entry], given: Iterable[Entry]) -> tuple[list[Entry], list[Difference]]:
    groups = [dict(one) for one in before]
    known = {_key(one): one for one in groups}
    found: list[Difference] = []
    for one in given:
        old = known.get(_key(one))
        if old is None:
            groups.append({**one})
            found.append(Difference("group added", _key(one), str(one.get("name", ""))))
        elif changed := [key for key, value in one.items() if value != old.get(key)]:
            old.update(one)
            found.append(Difference("group changed", _key(one), str(old.get("name", "")), ", ".join(changed)))
    return groups, found


def _key(group: Entry) -> str:
    return f"{group.get('platform', 'jsonl')}:{group['id']}"


def as_yaml(fleet: Entry) -> str:
    """A fleet file, one person or group a line."""
    lines: list[str] = []
    for key, value in fleet.items():
        if key in ("people", "groups") and value:
            lines += [f"{key}:", *(f"  - {_inline(one)}" for one in value)]
        else:
            lines.append(f"{key}: {_inline(value)}")
    return "\n".join([*lines, ""])


def _inline(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=1 << 30
    )
    return text.removesuffix("...\n").strip()
