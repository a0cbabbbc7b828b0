"""Nicknames and group names: what is shown, who is known, and what the rule says of it."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, PEOPLE, House, faults

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


def misnamed(
    house: House, card: str, by: str = "member", *, at: int = 0, **params: Any
) -> list[tuple[str, bool, str | None]]:
    """Who is told, whether that is certain, and the nickname to set."""
    found = faults("name.format", house.sees("到", by=by, card=card, at=at), **params)
    return [(one.subject.id, one.certain, one.mend) for one in found]


MANAGED = msgspec.structs.replace(GROUP, managers=("finance",), owner="owner")
ROLES: dict[str, Any] = {"roles": ["owner", "manager"], "owner_name": "群主", "manager_suffix": "群负责人"}


@pytest.mark.parametrize(
    ("by", "card", "right"),
    [
        *(("owner", card, True) for card in ("群主", "羣主", " 群主 ")),
        *(("owner", card, False) for card in ("周卫国", "群主周卫国", "", "大群主")),
        *(("finance", card, True) for card in ("郑敏（群负责人）", "郑敏(群负责人)", "鄭敏 （群負責人）")),
        *(("finance", card, False) for card in ("郑敏", "群主", "陈志强（群负责人）", "群负责人", "郑敏群负责人")),
        ("member", "小鱼干", True),
    ],
)
def test_owner_and_manager_have_nicknames_of_their_own(by: str, card: str, right: bool) -> None:
    assert (misnamed(House(group=MANAGED), card, by, **ROLES) == []) == right


def test_the_reminder_gives_each_role_its_own_nickname() -> None:
    assert misnamed(House(group=MANAGED), "阿国", "owner", **ROLES) == [("owner", True, "群主")]
    assert misnamed(House(group=MANAGED), "敏敏", "finance", **ROLES) == [("finance", True, "郑敏（群负责人）")]


@pytest.mark.parametrize(
    ("by", "card", "right"), [("member", "群主", False), ("member", "陈志强", True), ("owner", "群主", True)]
)
def test_the_others_use_their_real_names(by: str, card: str, right: bool) -> None:
    assert (misnamed(House(group=MANAGED), card, by, roles=["member", "administrator"]) == []) == right


@pytest.mark.parametrize(
    ("card", "right"), [("陈志强（群负责人）", False), ("陳志強(群負責人)", False), ("陈志强", True), ("阿强", True)]
)
def test_who_manages_no_longer_has_to_drop_the_sign(card: str, right: bool) -> None:
    params: dict[str, Any] = {"form": "untagged", "manager_suffix": "群负责人", "roles": ["member", "administrator"]}
    assert (misnamed(House(group=MANAGED), card, **params) == []) == right
    assert misnamed(House(group=MANAGED), "郑敏（群负责人）", "finance", **params) == []


@pytest.mark.parametrize(
    ("card", "right"), [("陈志强", True), ("生产部-陈志强", True), ("陈志强 生产部", True), ("生产部阿强", False)]
)
def test_of_several_forms_any_will_do(card: str, right: bool) -> None:
    found = misnamed(House(), card, form=["real_name", "department_name"])
    assert found == ([] if right else [("member", True, "陈志强")])


def test_both_forms_are_told() -> None:
    [finding] = faults("name.format", House().sees("到", card="阿强"), form=["real_name", "department_name"])
    assert "“陈志强”或“生产部-陈志强”" in finding.explanation


@pytest.mark.parametrize(("type_", "broken"), [("interest", False), ("兴趣群", True), ("department", True)])
def test_nicknames_in_the_groups_that_are_excepted_are_free(type_: str, broken: bool) -> None:
    group = msgspec.structs.replace(GROUP, type=type_)
    assert bool(misnamed(House(group=group), "风清扬", except_types=["interest"])) == broken
    assert bool(misnamed(House(group=group), "风清扬", types=["department", "兴趣"])) == (type_ != "interest")


POSTED = [
    "陈志强-青山镇-操作工",
    "青山镇 操作工 陈志强",
    "操作工/陈志强/生产部",
    "生产部陈志强（操作工）",
    "青山鎮+陳志強+操作工",
    "陈志强（生产操作工）",
]


@pytest.mark.parametrize("card", POSTED)
def test_name_unit_and_post_stand_in_any_order(card: str) -> None:
    assert misnamed(House(), card, form="unit_name_post") == []


@pytest.mark.parametrize(
    "card", ["陈志强", "陈志强-操作工", "青山镇-陈志强", "青山镇-陈志强-班长", "青山镇-操作工", "王芳"]
)
def test_name_unit_and_post_are_all_there(card: str) -> None:
    assert misnamed(House(), card, form="unit_name_post") == [("member", True, "青山镇-陈志强-操作工")]


@pytest.mark.parametrize(
    ("post", "shown", "right"),
    [
        ("主任", "副主任", False),
        ("副主任", "主任", False),
        ("生产部主任", "主任", True),
        ("主任、支部书记", "支部书记", True),
    ],
)
def test_a_deputy_is_no_head(post: str, shown: str, right: bool) -> None:
    person = msgspec.structs.replace(PEOPLE[3], post=post)
    house = House(people=(*PEOPLE[:3], person))
    assert (misnamed(house, f"陈志强-{shown}", form="name_post") == []) == right


@pytest.mark.parametrize(
    ("card", "form", "right"),
    [
        ("张三丰-水利局-科员", "unit_name_post", True),
        ("张三丰-水利局", "unit_name_post", False),
        ("张三丰 科员", "name_post", True),
        ("张三丰", "name_post", False),
    ],
)
def test_of_a_stranger_the_parts_are_counted(card: str, form: str, right: bool) -> None:
    assert (misnamed(House(), card, "guest", form=form) == []) == right


def test_where_the_policy_names_no_place_a_fact_has_to() -> None:
    params: dict[str, Any] = {"form": "unit_name_post", "fact": "identity_in_nickname"}
    assert misnamed(House(), "王芳", **params) == []
    group = msgspec.structs.replace(GROUP, facts={"identity_in_nickname": True})
    assert misnamed(House(group=group), "王芳", **params)


def test_somebody_without_department_or_post_is_asked_about() -> None:
    person = Person(id="member", name="陈志强")
    house = House(people=(*PEOPLE[:3], person))
    assert misnamed(house, "陈志强", form="department_name") == [("member", False, None)]
    assert misnamed(house, "综合部-陈志强", form="department_name") == []
    assert misnamed(house, "青山镇-陈志强", form="unit_name_post") == []
    assert misnamed(house, "阿强", form=["real_name", "department_name"]) == [("member", True, "陈志强")]


@pytest.mark.parametrize(
    ("name", "cards", "wrong"),
    [
        ("𠮷田明", ["𠮷田明", "𠮷 田明"], ["田明"]),
        ("郭䶮", ["郭䶮"], ["郭"]),
        ("买买提·艾力", ["买买提·艾力", "买买提•艾力", "買買提艾力", "买买提．艾力"], ["买买提", "艾力"]),
        ("王 芳", ["王芳", "王　芳"], ["王"]),
        ("青山", ["青山"], ["青"]),
    ],
)
def test_rare_characters_dots_and_spaces(name: str, cards: list[str], wrong: list[str]) -> None:
    house = House(people=(*PEOPLE[:3], Person(id="member", name=name, department="青山部", unit="青山镇")))
    for card in cards:
        assert misnamed(house, card) == []
        for form in ("unit_name", "department_name"):
            assert misnamed(house, f"青山部-{card}", form=form) == [], card
    for card in wrong:
        assert [one[0] for one in misnamed(house, card)] == ["member"]
        assert misnamed(house, f"青山部-{card}", form="unit_name"), card


@pytest.mark.parametrize("card", ["欧阳𠮷", "郭䶮", "阿依古丽·买买提"])
def test_a_strangers_name_may_be_rare(card: str) -> None:
    assert misnamed(House(), card, "guest") == []


TWO_DAYS = {"working_days": 2}


@pytest.mark.parametrize(("days", "late"), [(0, False), (2, False), (3, True), (20, True), (40, False)])
def test_a_nickname_is_put_right_within_days_of_a_change(days: int, late: bool) -> None:
    house = House()
    house.sees(type="member.joined", by=None, target="member")
    assert bool(misnamed(house, "阿强", at=days * DAY, within=TWO_DAYS)) == late


@pytest.mark.parametrize(
    ("dates", "late"),
    [
        ({"joined_at": "2026-11-11"}, True),
        ({"joined_at": "2026-11-17"}, False),
        ({"joined_at": "2019-03-01"}, False),
        ({"joined_at": "2019-03-01", "transferred_at": "2026-11-11"}, True),
        ({"joined_at": "2027-03-01"}, False),
        ({"joined_at": "9999-03-01"}, False),
        ({"joined_at": "soon"}, False),
        ({}, False),
    ],
)
def test_dates_of_the_directory_count_for_a_month(dates: dict[str, str], late: bool) -> None:
    person = msgspec.structs.replace(PEOPLE[3], **dates)
    assert bool(misnamed(House(people=(*PEOPLE[:3], person)), "阿强", within=TWO_DAYS)) == late


def called(name: str | None, house: House | None = None, **params: Any) -> list[tuple[bool, str | None]]:
    """Whether what is wrong with a group's name is certain, and what to call it; `name` None keeps the fleet's."""
    house = house or House()
    given: dict[str, Any] = (
        {"type": "group.renamed", "change": Change(field="name", new=name)} if name is not None else {}
    )
    found = faults("group.name", house.sees("到", by="owner", **given), **{"declared": False, **params})
    return [(one.certain, one.mend) for one in found]


HONGTA = "^红塔银行.{2,30}公司员工专业综合服务群$"
ZEDONG = "^泽东.+(工作群|团队)$"
ZHILV = "^(苏州)?智绿.+"


@pytest.mark.parametrize(
    ("pattern", "name", "right"),
    [
        (HONGTA, "红塔银行云天化公司员工专业综合服务群", True),
        (HONGTA, "紅塔銀行雲天化公司員工專業綜合服務群", True),
        (HONGTA, "红塔银行老客户群", False),
        (HONGTA, "红塔银行公司员工专业综合服务群", False),
        (ZEDONG, "泽东炼铁车间工作群", True),
        (ZEDONG, "澤東煉鐵團隊", True),
        (ZEDONG, "澤东炼铁工作群", True),
        (ZEDONG, "炼铁车间群", False),
        (ZEDONG, "泽东工作群", False),
        (ZHILV, "智绿设备采购群", True),
        (ZHILV, "蘇州智綠安全群", True),
        (ZHILV, "采购智绿群", False),
        (ZHILV, "智绿", False),
    ],
)
def test_prescribed_names_of_the_policies(pattern: str, name: str, right: bool) -> None:
    assert (called(name, pattern=pattern) == []) == right


def test_a_name_of_the_wanted_form_is_proposed() -> None:
    for name in ("炼铁车间群", "泽东炼铁车间群", "澤東煉鐵車間交流群2"):
        assert called(name, pattern=ZEDONG, like="泽东{name}工作群") == [(True, "泽东炼铁车间工作群")]
    assert called("工作群", pattern=ZEDONG, like="泽东{name}工作群") == [(True, "生产工作群")]
    case = House().sees(type="group.renamed", by="owner", change=Change(field="name", new="老客户群"))
    [finding] = faults("group.name", case, declared=False, pattern=HONGTA, like="红塔银行某公司员工专业综合服务群")
    assert finding.explanation.endswith("应为红塔银行某公司员工专业综合服务群")


def test_an_empty_name() -> None:
    nameless = House(group=msgspec.structs.replace(GROUP, name=""))
    everything: dict[str, Any] = {"people": True, "purpose": True, "longest": 16, "without": ["机密"]}
    # Nobody has given it a name, so none can be wrong; one that has to be declared is missed.
    assert called(None, nameless, pattern=ZEDONG, **everything) == []
    assert called(None, nameless, declared=True) == [(True, None)]
    # Somebody took the name away.
    assert called("", pattern=ZEDONG, **everything) == [(True, "生产工作群")]
    assert called("  ", **everything) == []


def test_a_word_that_offends_is_not_repeated() -> None:
    case = House().sees(type="group.renamed", by="owner", change=Change(field="name", new="傻逼领导受害者群"))
    [finding] = faults("group.name", case, declared=False, without=["傻逼"])
    assert "傻逼" not in finding.explanation


def test_words_that_the_pack_forbids_in_names() -> None:
    assert called("機密項目群", without=["机密"])
    assert not called("机要项目群", without=["机密"])
    assert called("傻 B 领导群", without=["傻b"])


@pytest.mark.parametrize(
    ("name", "right"),
    [("陈志强专班沟通群", False), ("陳志強專班", False), ("陈工专班沟通群", True), ("青山镇防汛群", True)],
)
def test_a_name_of_the_directory_in_a_groups_name(name: str, right: bool) -> None:
    house = House(people=(*PEOPLE, Person(id="hill", name="青山")))
    assert (called(name, house, people=True) == []) == right


def test_a_long_name() -> None:
    assert called("防汛工作群", longest=5) == []
    assert called("防汛工作大群", longest=5) == [(True, "生产工作群")]


@pytest.mark.parametrize(
    ("name", "certain"),
    [
        ("防汛工作群", None),
        ("3号机抢修", None),
        ("财务部", None),
        ("夜班摸鱼群", True),
        ("相亲相爱一家人", True),
        ("滨江群", False),
        ("G15省道迁改", None),
        ("ERP二期", None),
        ("老干部活动楼监测", None),
        ("干饭人集合", True),
    ],
)
def test_a_name_shows_the_work(name: str, certain: bool | None) -> None:
    assert [one for one, _ in called(name, purpose=True)] == ([] if certain is None else [certain])


def test_the_filed_purpose_is_work() -> None:
    house = House(group=msgspec.structs.replace(GROUP, facts={"purpose": "滨江地块拆迁"}))
    assert called("滨江群", house, purpose=True) == []
    assert called("向日葵群", house, purpose=True) == [(False, "生产工作群")]


def test_names_of_other_types_are_free() -> None:
    assert called("滨江群", purpose=True, types=["project"]) == []
    assert called("滨江群", purpose=True, except_types=["部门", "department"]) == []
    assert called("滨江群", purpose=True, types=["Department"])
