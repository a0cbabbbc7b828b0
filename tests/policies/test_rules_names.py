"""Nicknames and group names: what is shown, who is known, and what the rule says of it."""

from dataclasses import replace

import msgspec
import pytest
from cases import GROUP, PEOPLE, House, faults

from models import Change, Group, GroupRef, Person


def shown(card: str | None, house: House | None = None, **given: object) -> list[str]:
    """Who breaks the rule of real names after showing a nickname."""
    case = (house or House()).sees("产量已报", card=card, **given)
    return [one.subject.id for one in faults("name.format", case, form="real_name")]


@pytest.mark.parametrize("card", ["陈志强", "陳志強", " 陈志强 ", "陈 志 强", "陈志强\u200b"])
def test_a_real_name_fits_in_any_writing(card: str) -> None:
    assert shown(card) == []


@pytest.mark.parametrize("card", ["阿强", "陈志强（请假中）", "生产部-陈志强", "陈志强主任", "陈志", "郑敏", "😀"])
def test_anything_but_the_name_of_the_directory_is_a_fault(card: str) -> None:
    assert shown(card) == ["member"]


def test_a_nickname_nobody_showed_is_not_judged() -> None:
    assert shown(None) == []


@pytest.mark.parametrize(("name", "broken"), [("陈志强", []), ("小鱼干", ["member"]), (None, ["member"])])
def test_without_a_nickname_the_name_of_the_account_is_what_others_see(name: str | None, broken: list[str]) -> None:
    assert shown("", name=name) == broken


def test_a_robot_needs_no_name() -> None:
    assert shown("日报小助手", by="bot", scope="robot") == []


@pytest.mark.parametrize(("card", "broken"), [("张三丰", []), ("风~", ["jsonl:guest"])])
def test_of_a_stranger_only_the_form_is_known(card: str, broken: list[str]) -> None:
    assert shown(card, by="guest") == broken


def test_both_accounts_of_a_person_are_one_member() -> None:
    house = House()
    assert shown("阿强", house, by="phone") == ["member"]
    assert shown("陈志强", house, by="tablet") == []


def test_the_notice_tells_the_exact_nickname_and_where_to_set_it() -> None:
    [finding] = faults("name.format", House().sees("到", card="阿强"), path="右上角 → 昵称")
    assert (finding.mend, "“陈志强”" in finding.explanation) == ("陈志强", True)
    assert "右上角 → 昵称" in finding.explanation


def test_who_has_left_need_not_be_renamed() -> None:
    for by in ("member", "guest"):
        house = House()
        house.sees("到", by=by, card="~")
        assert not faults("name.format", house.sees(type="member.left", by=by))


UNITED = [
    *("青山镇-陈志强", "青山镇陈志强", "生产部 陈志强", "生产部+陈志强", "青山镇生产部_陈志强", "陈志强（生产部）"),
    *("青山镇-生产部-陈志强", "青山-陈志强", "生产部-陈志强（请假中）", "生產部-陳志強", "陈志强-青山镇"),
]


@pytest.mark.parametrize("card", UNITED)
def test_unit_and_name_may_stand_in_any_order_and_in_short_forms(card: str) -> None:
    assert not faults("name.format", House().sees("到", card=card), form="unit_name")


@pytest.mark.parametrize("card", ["陈志强", "财务部-陈志强", "生产部", "生产部-阿强", "强哥@青山镇", ""])
def test_unit_and_name_have_to_be_there_and_right(card: str) -> None:
    [finding] = faults("name.format", House().sees("到", card=card), form="unit_name")
    assert finding.mend == "青山镇-陈志强"


@pytest.mark.parametrize(("card", "right"), [("水利局-张三丰", True), ("财务部张三丰", True), ("张三丰", False)])
def test_a_stranger_names_his_unit_too(card: str, right: bool) -> None:
    assert bool(faults("name.format", House().sees("到", by="guest", card=card), form="unit_name")) != right


def test_where_the_directory_has_no_units_nobody_is_accused() -> None:
    people = tuple(Person(id=one.id, name=one.name) for one in PEOPLE)
    house = House(people=people)
    assert not faults("name.format", house.sees("到", card="陈志强"), form="unit_name")


def test_only_the_department_counts_where_the_form_says_so() -> None:
    assert not faults("name.format", House().sees("到", card="生产部陈志强"), form="department_name")
    assert faults("name.format", House().sees("到", card="青山镇陈志强"), form="department_name")


def test_a_nickname_is_news_once() -> None:
    house = House()
    assert [house.sees("到", card=card).news for card in ("阿强", "阿强", "陈志强")] == [True, False, True]


def renamed(house: House, **given: object) -> list[str]:
    case = house.sees(type="group.renamed", by="owner", **given)
    return [one.explanation for one in faults("group.name", case, declared=True)]


def test_a_group_keeps_its_declared_name() -> None:
    house = House()
    assert renamed(house, change=Change(field="name", new="吃瓜群")) == ["群名“吃瓜群”与备案的“生产工作群”不一致"]
    assert renamed(house, change=Change(field="name", new="生产工作群")) == []


def test_a_new_name_may_come_with_the_group_alone() -> None:
    assert renamed(House(), group=GroupRef("g1", "吃瓜群"))
    assert not renamed(House())


def test_a_group_name_has_the_prescribed_form() -> None:
    house = House(group=msgspec.structs.replace(GROUP, name="财务群"))
    given = {"declared": False, "pattern": "^生产"}
    assert faults("group.name", house.sees("到"), **given)
    assert not faults("group.name", replace(house, group=GROUP).sees("到"), **given)


def test_a_group_that_the_fleet_does_not_list_has_declared_nothing() -> None:
    assert not faults("group.name", House(group=Group(id="g9"), known=False).sees("到"), declared=True)
