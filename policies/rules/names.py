"""Rules on nicknames and group names."""

from collections.abc import Iterable
from typing import Literal

import re2
from msgspec import Struct

from models import Evidence, Person, Subject
from policies.rules.base import Case, Finding, Rule

# Source: packs.md, NAME; compared with the directory wherever the person is known.
CHINESE_NAME = re2.compile(r"^[\x{4e00}-\x{9fa5}\x{20000}-\x{323af}·•]{2,15}$")
SEPARATORS = "+-_ ＋－—·/()（）"


class NameParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`form` is what the nickname has to be; `path` is where it is changed, told in the reminder."""

    form: Literal["real_name", "unit_name", "department_name"] = "real_name"
    path: str = ""


class NameFormat(Rule):
    """A member's nickname is not what the policy wants. Simplified and traditional forms count alike.

    A nickname that no platform has shown is not judged. Somebody the directory does not know is compared with the
    form of a Chinese name only. Serves `nickname:format`.
    """

    name = "name.format"
    Params = NameParams
    standing = True
    needs = "the directory's names, units and departments"

    def faults(self, case: Case, params: NameParams, subject: str | None) -> Iterable[Finding]:
        members = case.view.members
        shown = case.state.cards if subject is None else {subject: case.state.cards.get(subject)}
        for who, card in sorted(shown.items()):
            if card is None or (subject is None and members and who not in members and who in case.directory.people):
                continue
            person = case.directory.people.get(who)
            if not fits(card, person, params.form, case.directory.units):
                expected = expected_card(person, params.form)
                want = f"，请改为“{expected}”" if expected else f"，应为{_FORMS[params.form]}"
                path = f"（{params.path}）" if params.path else ""
                yield Finding(
                    subject=Subject("member", who),
                    explanation=f"群昵称“{card[:30]}”不是{_FORMS[params.form]}{want}{path}",
                    evidence=(Evidence(signal="directory", category="nickname", matched=card[:30], why="与名录不符"),),
                    category="nickname",
                    mend=expected,
                )


_FORMS = {"real_name": "真实姓名（全称）", "unit_name": "单位加姓名", "department_name": "部门加姓名"}


def expected_card(person: Person | None, form: str) -> str | None:
    """Give the exact nickname to set, where the directory knows enough."""
    if person is None:
        return None
    if form == "unit_name":
        place = person.unit or person.department
        return f"{place}-{person.name}" if place else None
    if form == "department_name":
        return f"{person.department}-{person.name}" if person.department else None
    return person.name


def fits(card: str, person: Person | None, form: str, units: set[str]) -> bool:
    """Say whether a nickname has the form; `units` are all units and departments of the directory."""
    card = simplified(card.strip())
    if person is None:
        name = card if form == "real_name" else _after_unit(card, units)
        return name is not None and bool(CHINESE_NAME.match(name))
    name = simplified(person.name)
    if form == "real_name":
        return card.replace("•", "·") == name.replace("•", "·")
    own = {person.unit, person.department} if form == "unit_name" else {person.department}
    places = {simplified(place) for place in own if place} or {simplified(unit) for unit in units}
    if not places:
        return True
    return any(card.startswith(place) and card[len(place) :].strip(SEPARATORS) == name for place in places)


def _after_unit(card: str, units: set[str]) -> str | None:
    for unit in sorted((simplified(unit) for unit in units), key=len, reverse=True):
        if card.startswith(unit):
            return card[len(unit) :].strip(SEPARATORS)
    return None


def simplified(text: str) -> str:
    """Fold width and traditional forms, keeping everything else."""
    from classifiers.folding import fold

    return fold(text).text


class GroupNameParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`declared`: the name has to be the registered one. `pattern`: an RE2 expression the name must match."""

    declared: bool = True
    pattern: str | None = None


class GroupName(Rule):
    """The group's name is not the declared one, or not of the prescribed form. Serves `groupname:format`."""

    name = "group.name"
    Params = GroupNameParams
    standing = True
    needs = "the registered name of the group"

    def faults(self, case: Case, params: GroupNameParams, subject: str | None) -> Iterable[Finding]:
        if subject is not None:
            return
        name, declared = case.view.name, case.view.group.name
        wrong = None
        if params.declared and not declared:
            wrong = "群未申明群名"
        elif params.declared and name != declared:
            wrong = f"群名“{name[:30]}”与备案的“{declared}”不一致"
        elif params.pattern and not re2.search(params.pattern, name):
            wrong = f"群名“{name[:30]}”不符合规定格式"
        if wrong:
            yield Finding(subject=case.group_subject, explanation=wrong, category="group_name", mend=declared or None)
