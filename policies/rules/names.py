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
    form of a Chinese name only. A real name stands alone; where a unit has to stand beside it, order, signs between
    them, short forms of the unit and additions in brackets are free. Serves `nickname:format`.
    """

    name = "name.format"
    Params = NameParams
    standing = True
    needs = "the directory's names, units and departments"

    def faults(self, case: Case, params: NameParams, subject: str | None) -> Iterable[Finding]:
        members = case.view.members
        shown = case.state.cards if subject is None else {subject: case.state.cards.get(subject)}
        for who, card in sorted(shown.items()):
            elsewhere = who in case.state.left or (members and who in case.directory.people)
            if card is None or (subject is None and elsewhere and who not in members):
                continue
            person = case.directory.people.get(who)
            if not fits(card, person, params.form, case.directory.units):
                expected = expected_card(person, params.form)
                want = f"，请改为“{expected}”" if expected else f"，应为{_FORMS[params.form]}"
                path = f"（{params.path}）" if params.path else ""
                named = f"群昵称“{card[:30]}”不是{_FORMS[params.form]}" if card.strip() else "尚未设置群昵称"
                yield Finding(
                    subject=Subject("member", who),
                    explanation=f"{named}{want}{path}",
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
    shown = simplified(card.strip())
    if person is None:
        name = shown if form == "real_name" else _after_unit(card, units)
        return name is not None and bool(CHINESE_NAME.match(name))
    name = simplified(person.name)
    if form == "real_name":
        return shown == name
    own = [person.unit, person.department] if form == "unit_name" else [person.department]
    places = {simplified(place) for place in (*own, "".join(place or "" for place in own)) if place}
    places = places or {simplified(unit) for unit in units}
    return not places or (name in shown and any(_names(shown.replace(name, " ", 1), place) for place in places))


def _names(text: str, place: str) -> bool:
    """Say whether a text names a unit, in full or in a short form such as 党政办 for 党政办公室."""
    return place in text or any(_shortens(word, place) for word in _WORDS.findall(text))


_WORDS = re2.compile(r"[\x{4e00}-\x{9fa5}]{2,}")


def _shortens(word: str, place: str) -> bool:
    letters = iter(place)
    return all(letter in letters for letter in word)


def _after_unit(card: str, units: set[str]) -> str | None:
    """The name in a stranger's nickname: after a known unit, or after any other that a sign sets apart."""
    shown = simplified(card.strip())
    for unit in sorted((simplified(unit) for unit in units), key=len, reverse=True):
        if shown.startswith(unit):
            return shown[len(unit) :].strip(SEPARATORS)
    unit, _, name = _SEPARATOR.sub(" ", card.strip(SEPARATORS)).partition(" ")
    return simplified(name) if len(unit) > 1 and name else None


_SEPARATOR = re2.compile(r"[+\-_\s＋－—·/()（）]+")


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
        if subject is not None or not case.view.known:
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
