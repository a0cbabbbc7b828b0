"""How a group is founded, filed and led."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, MEMBER, OWNER, PEOPLE, START, House, faults, found, overdue

from models import Change, Fact, Fleet, Group, Person
from policies.deadlines import Deadline
from policies.directory import Directory
from policies.lint import lint_fleet
from policies.state import StandingFault


def a_group(**given: Any) -> Group:
    return msgspec.structs.replace(GROUP, **given)


def explained(rule: str, house: House, **params: Any) -> list[str]:
    return [one.explanation for one in faults(rule, house.sees("早"), **params)]


@pytest.mark.parametrize(
    ("status", "right"), [("approved", True), ("dissolved", True), ("applied", False), ("rejected", False)]
)
def test_a_group_needs_approval(status: str, right: bool) -> None:
    assert (explained("registry.approval", House(group=a_group(status=status)), by="总监") == []) == right


def test_a_group_that_the_fleet_does_not_list_has_none() -> None:
    assert explained("registry.approval", House(known=False), by="总监") == ["本群未经批准，须经总监同意"]


STATED = {"approver": "leader", "ref": "行政〔2026〕7号"}


@pytest.mark.parametrize(("value", "right"), [(STATED, True), (True, True), (None, False), ({"approver": None}, False)])
def test_an_approval_may_be_a_fact_of_its_own(value: Any, right: bool) -> None:
    house = House(group=a_group(facts={"oa_approval": value}))
    assert (explained("registry.approval", house, fact="oa_approval") == []) == right


XY = {"name_has": ["XY", "晨光"], "fact": "name_approval", "by": "行政部"}


@pytest.mark.parametrize(
    ("name", "status", "right"),
    [
        ("XY华东销售群", "applied", False),
        ("xy车友会", "applied", False),
        ("ＸＹ宿舍群", "rejected", False),
        ("晨光采购群", "applied", False),
        ("XY华东销售群", "approved", True),
        ("华东销售群", "applied", True),
        ("", "applied", True),
    ],
)
def test_names_with_the_companys_own_words_need_approval(name: str, status: str, right: bool) -> None:
    assert (explained("registry.approval", House(group=a_group(name=name, status=status)), **XY) == []) == right
    stated = a_group(name=name, status=status, facts={"name_approval": STATED})
    assert explained("registry.approval", House(group=stated), **XY) == []


def test_the_approval_of_a_group_is_none_of_the_name_it_takes_later() -> None:
    house = House()
    house.sees(type="group.renamed", by="owner", change=Change(field="name", new="XY生产群"))
    assert explained("registry.approval", house, **XY) == ["群名含“XY”，本群未经批准，须经行政部同意"]
    house.sees(type="task.stated", by="owner", fact=Fact("name_approval", "2026-11-18"))
    assert explained("registry.approval", house, **XY) == []


@pytest.mark.parametrize(
    ("new", "right"),
    [
        ("老友象棋会", False),
        ("泵站改造二期群", True),
        ("防汛工作微信群（2）", True),
        ("泵站群", True),
        ("泵站改造", True),
    ],
)
def test_a_name_of_another_matter_is_another_group(new: str, right: bool) -> None:
    house = House(group=a_group(name="泵站改造工作群"))
    house.sees(type="group.renamed", by="owner", change=Change(field="name", new=new))
    assert (explained("registry.approval", house, names=["防汛"]) == []) == right
    assert explained("registry.approval", house) == []
    house.sees(type="task.stated", by="owner", fact=Fact("name_approval", "2026-11-18"))
    assert explained("registry.approval", house, names=["防汛"]) == []


@pytest.mark.parametrize(
    ("known", "status", "only", "found_"),
    [
        (True, "applied", "listed", True),
        (True, "applied", "unlisted", False),
        (False, "approved", "listed", False),
        (False, "approved", "unlisted", True),
        (True, "approved", "unlisted", False),
    ],
)
def test_unlisted_groups_may_break_another_clause(known: bool, status: str, only: str, found_: bool) -> None:
    house = House(known=known, group=a_group(status=status))
    assert bool(explained("registry.approval", house, only=only)) == found_


@pytest.mark.parametrize(
    ("status", "facts", "found_"),
    [("applied", {}, True), ("applied", {"filed_at": "2026-01-05"}, False), ("approved", {}, False)],
)
def test_private_and_unfiled_as_well(status: str, facts: dict[str, Any], found_: bool) -> None:
    house = House(group=a_group(status=status, facts=facts))
    assert bool(explained("registry.approval", house, unfiled=True)) == found_


def test_approval_leaves_out_types() -> None:
    house = House(group=a_group(status="applied", type="临时小群"))
    assert explained("registry.approval", house, except_types=["临时小"]) == []
    assert explained("registry.approval", house, types=["company"]) == []
    assert explained("registry.approval", house, types=["临时小群"])


SMALL = {"except_small": {"members": 5, "days": 3}}


def unlisted(name: str, people: int) -> House:
    house = House(known=False, group=Group(id="g9", name=name))
    for number in range(people):
        house.sees("到", by=f"guest-{number}", card=f"张三{number}")
    return house


@pytest.mark.parametrize(
    ("name", "people", "day", "private"),
    [
        ("3号机抢修", 4, 1, False),
        ("3号机抢修", 5, 0, False),
        ("3号机抢修", 6, 1, True),
        ("3号机抢修", 4, 4, True),
        ("夜班摸鱼群", 2, 0, True),
        ("", 4, 1, False),
        ("", 30, 0, True),
    ],
)
def test_a_small_young_group_for_a_matter_is_no_private_group(name: str, people: int, day: int, private: bool) -> None:
    house = unlisted(name, people)
    assert explained("registry.approval", house, except_small={"members": 0, "days": 3})
    found_ = faults("registry.approval", house.sees(type="clock.tick", by=None, at=day * DAY), **SMALL)
    assert bool(found_) == private


def test_a_small_group_that_the_fleet_lists() -> None:
    four = a_group(status="applied", members=("owner", "keeper"), facts={"created_at": "2026-11-17"})
    assert explained("registry.approval", House(group=four), **SMALL) == []
    old = msgspec.structs.replace(four, facts={"created_at": "2026-01-05"})
    assert explained("registry.approval", House(group=old), **SMALL)


def test_who_left_is_not_counted() -> None:
    house = unlisted("抢修", 6)
    house.sees(type="member.left", by="guest-0")
    assert explained("registry.approval", house, **SMALL) == []


SIX = ("name", "purpose", "filed_at", "owner", "administrators", "member_range")
FILED = {"purpose": "排产", "filed_at": "2026-01-05", "member_range": "生产部全体"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, []),
        ({"owner": None}, ["群主"]),
        ({"administrators": ()}, ["管理员"]),
        ({"administrators": (), "managers": ("finance",)}, []),
        ({"name": ""}, ["群名称"]),
        ({"facts": {"purpose": " ", "member_range": None}}, ["用途", "备案时间", "成员范围"]),
        ({"owner": None, "facts": {**FILED, "owner": "周卫国"}}, []),
    ],
)
def test_the_six_fields_of_a_filing(given: dict[str, Any], missing: list[str]) -> None:
    house = House(group=a_group(**{"facts": FILED, **given}))
    told = [f"群备案缺少：{'、'.join(missing)}"] if missing else []
    assert explained("registry.filing", house, fields=SIX) == told


@pytest.mark.parametrize(
    ("type_", "told"),
    [
        ("company", []),
        ("公司级", []),
        ("Company_group", []),
        ("车友会", ["群类别“车友会”不在规定的类别中"]),
        (None, ["群备案缺少：群类别"]),
    ],
)
def test_a_group_is_of_one_of_the_classes(type_: str | None, told: list[str]) -> None:
    house = House(group=a_group(type=type_))
    assert explained("registry.filing", house, fields=["type"], classes=["company", "公司", "department"]) == told


@pytest.mark.parametrize(
    ("strangers", "outside"), [((), False), (("a", "b", "c", "d"), False), (("a", "b", "c", "d", "e", "f"), True)]
)
def test_a_group_mainly_of_outsiders_may_not_be_meant(strangers: tuple[str, ...], outside: bool) -> None:
    house = House(group=a_group(members=(*GROUP.members, *strangers)))
    told = ["本群成员以外部人员为主，请核实是否适用本制度"] if outside else []
    assert explained("registry.filing", house, internal_share=0.5) == told
    assert explained("registry.filing", House(group=house.group, people=()), internal_share=0.5) == []


def test_customers_are_outsiders() -> None:
    customers = tuple(Person(id=f"c{number}", name=f"客户{number}", tags=("customer",)) for number in range(6))
    house = House(people=(*PEOPLE, *customers), group=a_group(members=(*GROUP.members, *(one.id for one in customers))))
    assert explained("registry.filing", house, internal_share=0.5)


def test_filing_is_for_the_types_it_names() -> None:
    assert explained("registry.filing", House(), fields=["filed_at"], types=["临时"]) == []
    assert explained("registry.filing", House(), fields=["filed_at"], except_types=["department"]) == []
    assert explained("registry.filing", House(), fields=["filed_at"], types=["department"])


def test_filing_names_what_is_missing() -> None:
    house = House(group=a_group(facts={"filed_at": "2026-01-05", "content": None}))
    fields = ("filed_at", "content", "name", "administrator")
    assert explained("registry.filing", house, fields=fields, office="行政部") == [
        "群备案缺少：发布内容，请向行政部补报"
    ]


def roles(house: House, **params: Any) -> list[tuple[str, bool]]:
    return [(one.subject.id, one.certain) for one in faults("registry.roles", house.sees("早"), **params)]


HEADS = {"owner_posts": ("部长", "经理")}


def test_a_department_head_owns_the_group() -> None:
    assert roles(House(), **HEADS) == []
    assert roles(House(group=a_group(owner="member")), **HEADS) == [("member", True)]


def test_a_manager_of_the_group_answers_for_it_as_well() -> None:
    assert roles(House(group=a_group(owner="member", managers=("owner",))), **HEADS) == []


def test_who_founded_the_group_may_let_another_keep_it() -> None:
    for initiator in (OWNER.id, OWNER.name):
        house = House(group=a_group(owner="member", facts={"initiator": initiator}))
        assert roles(house, **HEADS) == [("member", True)]
        assert roles(house, founded=True, **HEADS) == []


def test_a_recorded_exception_counts() -> None:
    assert roles(House(group=a_group(owner="member", facts={"role_exception": {"approver": "leader"}})), **HEADS) == []


def test_the_rule_is_for_the_types_it_names() -> None:
    assert roles(House(group=a_group(owner="member", type="centre")), types=("department",), **HEADS) == []


@pytest.mark.parametrize("params", [HEADS, {"owner_departments": ("综合部",)}, {"owner_tag": "party_member"}])
def test_what_the_directory_does_not_say_is_asked_and_not_held_against_the_owner(params: dict[str, Any]) -> None:
    people = tuple(Person(id=one.id, name=one.name) for one in PEOPLE)
    assert roles(House(people=people), **params) == [("owner", False)]
    assert roles(House(people=()), **params) == [("owner", False)]
    assert roles(House(people=(MEMBER,)), **params)[0] == ("owner", False)


def test_the_owner_carries_the_tag() -> None:
    assert roles(House(), owner_tag="party_member") == []
    assert roles(House(group=a_group(owner="member")), owner_tag="party_member") == [("member", True)]


@pytest.mark.parametrize(("new", "wrong"), [("member", "member"), ("phone", "member"), ("nobody", "jsonl:nobody")])
def test_a_new_owner_is_looked_at_whatever_names_him(new: str, wrong: str) -> None:
    for given in ({"target": new}, {"change": Change(field="owner", new=new)}):
        case = House().sees(type="group.owner_changed", by=None, **given)
        [finding] = faults("registry.roles", case, owner_tag="party_member")
        assert (finding.subject.id, finding.certain) == (wrong, True)


def test_an_administrator_has_to_be_registered() -> None:
    house = House()
    case = house.sees(type="member.role_changed", by="owner", target="member", change=Change(field="role", new="admin"))
    [finding] = faults("registry.roles", case, registered_administrators=True)
    assert (finding.subject.id, finding.explanation) == ("member", "管理员陈志强未经登记")
    case = house.sees(
        type="member.role_changed", by="owner", target="member", change=Change(field="role", new="member")
    )
    assert not faults("registry.roles", case, registered_administrators=True)


@pytest.mark.parametrize("role", ["administrator", "owner"])
def test_a_role_that_a_message_shows_and_the_fleet_does_not_know_is_a_fault(role: str) -> None:
    house = House()
    case = house.sees("早", role=role)
    assert case.news
    assert [one.subject.id for one in faults("registry.roles", case, "member", registered_administrators=True)] == [
        "member"
    ]
    case = house.sees("早", role="member")
    assert case.news
    assert not faults("registry.roles", case, "member", registered_administrators=True)


@pytest.mark.parametrize(("by", "role"), [("owner", "owner"), ("keeper", "administrator"), ("member", "member")])
def test_a_role_that_the_fleet_knows_is_none(by: str, role: str) -> None:
    assert not faults("registry.roles", House().sees("早", by=by, role=role), registered_administrators=True)


def test_without_a_register_nobody_is_missing_from_it() -> None:
    house = House(group=a_group(owner=None, administrators=()))
    assert not faults("registry.roles", house.sees("早", role="owner"), registered_administrators=True)


def test_an_administrator_is_of_the_office() -> None:
    assert roles(House(), administrator_departments=("办公室",)) == []
    house = House(group=a_group(administrators=("keeper", "finance")))
    assert roles(house, administrator_departments=("办公室",)) == [("finance", True)]
    unsaid = msgspec.structs.replace(MEMBER, department=None)
    house = House(people=(*PEOPLE[:3], unsaid), group=a_group(administrators=("member",)))
    assert roles(house, administrator_departments=("办公室",)) == [("member", False)]


INITIATOR = {"owner_is": ["initiator"]}


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ({"initiator": "owner"}, []),
        ({"initiator": "周卫国"}, []),
        ({"initiator": {"person": "周卫国"}}, []),
        ({"initiator": "member"}, [("owner", True)]),
        ({"initiator": "陈志强"}, [("owner", True)]),
        ({"initiator": "无名氏"}, [("owner", False)]),
        ({"initiator": None}, []),
        ({"initiator": " "}, []),
        ({"initiator": 7}, []),
        ({}, []),
    ],
)
def test_the_owner_is_whom_a_fact_names(facts: dict[str, Any], wrong: list[tuple[str, bool]]) -> None:
    assert roles(House(group=a_group(facts=facts)), **INITIATOR) == wrong


def test_the_first_fact_that_is_stated_decides() -> None:
    named = {"owner_is": ["project_lead", "appointed_owner"]}
    assert roles(House(group=a_group(facts={"appointed_owner": "owner"})), **named) == []
    both = a_group(facts={"project_lead": "member", "appointed_owner": "owner"})
    assert roles(House(group=both), **named) == [("owner", True)]


def test_nobody_takes_over_whom_nobody_appointed() -> None:
    house = House()
    params = {"owner_is": ["appointed_owner", "registered"]}
    assert roles(house, **params) == []
    house.sees(type="group.owner_changed", by="owner", target="member")
    assert explained("registry.roles", house, **params) == ["群主应为登记的群主周卫国，现群主为陈志强"]
    house.sees(type="task.stated", by="leader", fact=Fact("appointed_owner", "member"))
    assert roles(house, **params) == []


def test_an_owner_nobody_knows_is_asked_about() -> None:
    house = House(group=a_group(owner="ghost", facts={"initiator": "member"}))
    assert roles(house, **INITIATOR) == [("ghost", False)]
    assert roles(house, **HEADS) == [("ghost", False)]
    assert roles(house, manager_of_owner_department=["经理"]) == [("g1", False)]


def test_only_the_owner_counts_where_managers_are_others() -> None:
    params = {"owner_departments": ["信息中心"], "owner_posts": ["系统管理员"]}
    admin = Person(id="admin", name="罗工", department="信息中心", post="系统管理员")
    group = a_group(owner="member", managers=("admin",))
    house = House(people=(*PEOPLE, admin), group=group)
    assert roles(house, **params) == []
    assert roles(house, owner_alone=True, **params) == [("member", True)]
    assert roles(House(people=(*PEOPLE, admin), group=a_group(owner="admin")), owner_alone=True, **params) == []
    assert roles(house, owner_alone=True, owner_accounts=["member"], **params) == []


def test_an_account_of_the_house_may_own_the_group() -> None:
    house = House(group=a_group(owner="webhook:it-service"))
    assert roles(house, **HEADS) == [("webhook:it-service", False)]
    assert roles(house, owner_accounts=["it-service"], **HEADS) == []


def test_an_appointee_may_own_the_group() -> None:
    house = House(group=a_group(owner="member", facts={"appointed_owner": "陈志强"}))
    assert roles(house, **HEADS) == [("member", True)]
    assert roles(house, appointee="appointed_owner", **HEADS) == []
    other = House(group=a_group(owner="member", facts={"appointed_owner": "郑敏"}))
    assert roles(other, appointee="appointed_owner", **HEADS) == [("member", True)]


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ({}, []),
        ({"owner": None, "managers": ("finance",)}, []),
        ({"owner": None, "administrators": ()}, ["本群没有指定专人管理"]),
        ({"administrators": ("keeper", "finance")}, []),
        ({"administrators": ()}, []),
        ({"administrators": ("keeper", "finance", "member")}, ["管理员至多2名，现有3名"]),
        ({"administrators": ("keeper", "finance", "owner")}, []),
    ],
)
def test_a_named_keeper_and_at_most_two_administrators(group: dict[str, Any], told: list[str]) -> None:
    params = {"kept": True, "administrators": {"most": 2}}
    assert explained("registry.roles", House(group=a_group(**group)), **params) == told


def test_the_third_administrator_is_told_when_appointed() -> None:
    house = House(group=a_group(administrators=("keeper", "finance")))
    case = house.sees(
        type="member.role_changed", by="owner", target="member", change=Change(field="role", new="administrator")
    )
    [finding] = faults("registry.roles", case, administrators={"most": 2})
    assert (finding.subject.kind, finding.explanation) == ("group", "管理员至多2名，现有3名")


@pytest.mark.parametrize(("managers", "right"), [((), False), (("finance",), True), (("finance", "member"), True)])
def test_a_group_has_a_manager(managers: tuple[str, ...], right: bool) -> None:
    house = House(group=a_group(managers=managers))
    assert (explained("registry.roles", house, managers={"least": 1}) == []) == right


LEAD = {"manager_of_owner_department": ["经理", "主管"]}
HEAD = Person(id="head", name="吴强", department="生产部", post="经理")


@pytest.mark.parametrize(
    ("people", "group", "wrong"),
    [
        ((HEAD,), {"administrators": ("head",)}, []),
        ((HEAD,), {"managers": ("head",)}, []),
        ((HEAD,), {}, [("g1", True)]),
        ((HEAD,), {"administrators": ()}, [("g1", True)]),
        ((HEAD,), {"owner": "head"}, []),
        ((msgspec.structs.replace(HEAD, department="财务部"),), {"administrators": ("head",)}, [("g1", True)]),
        ((msgspec.structs.replace(HEAD, department="生产部一车间"),), {"administrators": ("head",)}, []),
        ((msgspec.structs.replace(HEAD, status="left"),), {"administrators": ("head",)}, [("g1", True)]),
        ((msgspec.structs.replace(HEAD, post=None),), {"administrators": ("head",)}, [("g1", False)]),
        ((msgspec.structs.replace(HEAD, department=None),), {"administrators": ("head",)}, [("g1", False)]),
    ],
)
def test_a_head_of_the_owners_department_is_administrator(
    people: tuple[Person, ...], group: dict[str, Any], wrong: list[tuple[str, bool]]
) -> None:
    house = House(people=(*PEOPLE, *people), group=a_group(**{"owner": "member", **group}))
    assert roles(house, **LEAD) == wrong


def test_an_owner_in_no_department_is_asked_about() -> None:
    loner = msgspec.structs.replace(MEMBER, department=None)
    house = House(people=(*PEOPLE[:3], HEAD, loner), group=a_group(owner="member", administrators=("head",)))
    assert roles(house, **LEAD) == [("g1", False)]


@pytest.mark.parametrize(("exception", "excepted"), [({"approver": "leader"}, True), ({"approver": None}, False)])
def test_an_exception_says_who_made_it(exception: dict[str, Any], excepted: bool) -> None:
    house = House(group=a_group(owner="member", facts={"role_exception": exception}))
    assert (roles(house, **HEADS) == []) == excepted


def test_roles_leave_out_types() -> None:
    house = House(group=a_group(owner="member"))
    assert roles(house, except_types=["Department"], **HEADS) == []
    assert roles(house, except_types=["临时"], **HEADS) == [("member", True)]


def test_a_file_names_one_owner_and_a_second_one_shown_is_a_fault() -> None:
    fleet, problems = lint_fleet("groups:\n  - {id: g1, owner: [u1, u2]}\n", "fleet.yaml")
    assert fleet is None
    assert problems[0].line == 2
    fleet, problems = lint_fleet("groups:\n  - {id: g1, owner: u1, owner: u2}\n", "fleet.yaml")
    assert fleet is None
    assert problems
    house = House()
    house.sees("早", by="owner", role="owner")
    case = house.sees("早", by="member", role="owner")
    assert [one.subject.id for one in faults("registry.roles", case, registered_administrators=True)] == ["member"]


# registry.duplicate

FLOOD = a_group(id="g1", name="防汛工作群2", pack="p")
FIRST = a_group(id="g0", name="防汛工作群", pack="p")


def doubled(group: Group, fleet: tuple[Group, ...], *, known: bool = True, **params: Any) -> list[bool]:
    """Whether each duplicate of a group is certain, in a fleet that lists its groups in this order."""
    case = House(group=group, known=known).sees("早")
    case.basis = replace(case.basis, directory=Directory(Fleet(people=PEOPLE, groups=fleet)))
    return [one.certain for one in faults("registry.duplicate", case, **params)]


@pytest.mark.parametrize(
    ("name", "redundant"),
    [
        ("防汛工作群", True),
        ("防汛群（2）", True),
        ("防汛微信群", True),
        ("防汛-工作群", True),
        ("防火工作群", False),
        ("防汛二组工作群", False),
    ],
)
def test_a_second_group_of_the_same_name_and_members(name: str, redundant: bool) -> None:
    other = msgspec.structs.replace(FIRST, name=name)
    assert doubled(FLOOD, (other, FLOOD)) == ([True] if redundant else [])


@pytest.mark.parametrize(
    ("members", "share", "redundant"),
    [
        (GROUP.members, 0.8, True),
        (GROUP.members[:4], 0.8, True),
        (("owner", "keeper", "x", "y", "z"), 0.8, False),
        (("owner", "keeper", "x", "y", "z"), 0.4, True),
    ],
)
def test_most_of_the_smaller_group_is_in_both(members: tuple[str, ...], share: float, redundant: bool) -> None:
    other = msgspec.structs.replace(FIRST, owner=None, administrators=(), members=members)
    assert doubled(FLOOD, (other, FLOOD), members_share=share) == ([True] if redundant else [])


def test_the_later_one_is_too_many() -> None:
    assert doubled(FIRST, (FIRST, FLOOD)) == []
    late, early = (msgspec.structs.replace(FIRST, facts={"filed_at": one}) for one in ("2026-05-01", "2025-05-01"))
    second = msgspec.structs.replace(FLOOD, facts={"filed_at": "2026-01-01"})
    for first, redundant in ((late, [True]), (early, [])):
        assert doubled(first, (first, second)) == redundant


@pytest.mark.parametrize("given", [{"status": "dissolved"}, {"status": "rejected"}, {"pack": "other"}, {"pack": None}])
def test_groups_that_are_gone_or_of_others_do_not_count(given: dict[str, Any]) -> None:
    assert doubled(FLOOD, (msgspec.structs.replace(FIRST, **given), FLOOD)) == []


def test_of_a_group_that_nobody_lists_a_person_is_asked() -> None:
    first = msgspec.structs.replace(FIRST, pack=None)
    assert doubled(Group(id="g9", name="防汛群"), (first,), known=False) == [False]
    assert doubled(Group(id="g9", name="工作群"), (a_group(id="g0", name="工作群"),), known=False) == []
    assert doubled(Group(id="g9"), (a_group(id="g0", name=""),), known=False) == []


def test_groups_without_a_pack_are_compared_among_themselves() -> None:
    own = msgspec.structs.replace(FLOOD, pack=None)
    assert doubled(own, (msgspec.structs.replace(FIRST, pack="baseline"), own)) == [True]


def test_duplicates_are_looked_for_among_the_types_named() -> None:
    assert doubled(FLOOD, (FIRST, FLOOD), types=["project"]) == []
    assert doubled(FLOOD, (FIRST, FLOOD), except_types=["department"]) == []


# registry.handover

GONE = Person(id="gone", name="马跃", status="left", left_at="2026-11-02")
MOVED = Person(id="moved", name="秦岚", status="transferred", transferred_at="2026-11-02")


def handed_over(facts: dict[str, Any], managers: tuple[str, ...] = ("gone",), **params: Any) -> list[str]:
    house = House(people=(*PEOPLE, GONE, MOVED), group=a_group(managers=managers, facts=facts))
    return [one.explanation.partition("，")[2] for one in faults("registry.handover", house.sees("早"), **params)]


NOBODY = "仍登记为群负责人，尚未确定接手的人并做好交接"
CIRCLE = "交接相互指向，没有实际接手的人"


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, [NOBODY]),
        ({"handover_to:gone": "finance"}, []),
        ({"handover_to:gone": "郑敏"}, []),
        ({"handover_to:gone": {"person": "郑敏"}}, []),
        ({"handover_to:gone": ""}, [NOBODY]),
        ({"handover_to:gone": "ghost"}, ["接手的ghost不在名录中"]),
        ({"handover_to:gone": "moved"}, ["接手的秦岚也已离任"]),
        ({"handover_to:gone": "moved", "handover_to:moved": "member"}, []),
        ({"handover_to:gone": "moved", "handover_to:moved": "gone"}, [CIRCLE]),
        ({"handover_to:gone": "gone"}, [CIRCLE]),
        ({"handover_done:gone": True}, []),
        ({"handover_done": "2026-11-03"}, []),
        ({"handover_done:moved": True}, [NOBODY]),
    ],
)
def test_whoever_leaves_hands_the_group_over(facts: dict[str, Any], told: list[str]) -> None:
    assert handed_over(facts) == told


def test_circular_handovers_of_two_who_are_gone_are_two_faults() -> None:
    facts = {"handover_to:gone": "moved", "handover_to:moved": "gone"}
    assert handed_over(facts, ("gone", "moved")) == [CIRCLE, CIRCLE]
    # Two who are still there may hand over to one another as they like.
    assert handed_over({"handover_to:finance": "member", "handover_to:member": "finance"}, ("finance", "member")) == []


def test_who_is_still_there_hands_over_nothing() -> None:
    assert handed_over({}, ("finance",)) == []
    assert handed_over({}, ("ghost",)) == []


@pytest.mark.parametrize(
    ("left_at", "days", "late"),
    [
        ("2026-11-17", 0, True),
        ("2026-11-17", 2, False),
        ("2026-11-13", 2, True),
        ("2026-12-01", 2, False),
        (None, 2, True),
        ("9999-01-01", 2, True),
    ],
)
def test_a_handover_has_its_time(left_at: str | None, days: int, late: bool) -> None:
    gone = msgspec.structs.replace(GONE, left_at=left_at)
    house = House(people=(*PEOPLE, gone), group=a_group(managers=("gone",)))
    assert bool(faults("registry.handover", house.sees("早"), within={"working_days": days})) == late


def test_owners_hand_over_as_well_unless_the_policy_speaks_of_managers() -> None:
    house = House(people=(*PEOPLE, GONE), group=a_group(owner="gone"))
    [finding] = faults("registry.handover", house.sees("早"))
    assert (finding.subject.kind, finding.subject.id) == ("owner", "gone")
    assert not faults("registry.handover", house.sees("早"), roles=["manager"])
    house.sees(type="group.owner_changed", by=None, target="finance")
    assert not faults("registry.handover", house.sees("早"))


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, ["变更尚未报人事行政部备案"]),
        ({"handover_to:gone": "finance"}, ["变更尚未报人事行政部备案"]),
        ({"handover_filed_at": "2026-11-03"}, []),
        ({"handover_filed_at:gone": "2026-11-03"}, []),
    ],
)
def test_a_change_of_manager_is_filed(facts: dict[str, Any], told: list[str]) -> None:
    assert handed_over(facts, filed="handover_filed_at", office="人事行政部") == told


def test_handover_is_for_the_types_it_names() -> None:
    assert handed_over({}, types=["company"]) == []
    assert handed_over({}, except_types=["department"]) == []


@pytest.mark.parametrize(
    ("open_", "violation", "removed"), [(True, "v1", True), (False, "v1", False), (True, "v2", False)]
)
def test_only_the_fault_that_was_reminded_of_and_still_stands_has_consequences(
    open_: bool, violation: str, removed: bool
) -> None:
    house = House()
    house.state.faults["f"] = StandingFault(violation_id=violation, since=START, open=open_)
    house.state.deadlines.add("clause-1|0", Deadline(START, "member", "v1", {"fault": "f"}))
    found = overdue("fault.unmended", house.sees("早", at=1), of="clause-0")
    assert [one.subject.id for one in found] == (["member"] if removed else [])


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("我又拉了个施工协调群,扫码进", True),
        ("群我建好了,叫现场快反,进的私我", True),
        ("小群建好咯,搞外墙的都在", True),
        ("防汛值守群建好了,名单见附件", False),
        ("按会议要求,群我们建好了", False),
        ("群里建好了共享表格", False),
    ],
)
def test_who_founds_a_group_of_his_own_says_so(text: str, own: bool) -> None:
    assert bool(found("registry.announced", House().sees(text), by="单位领导")) == own
