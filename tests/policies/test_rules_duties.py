"""What keepers and joiners have to do and to state, and work that is turned away or not put on record."""

from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, HOUR, MINUTE, PEOPLE, PLACE, House, a_pack, faults, found, overdue

from models import Fact, Person
from models.observation import Millis
from policies.judge import judge

PATROL: dict[str, Any] = {"duty": "成员和内容巡查", "fact": "patrol_done", "every": {"days": 7}}


def with_facts(**facts: Any) -> House:
    return House(group=msgspec.structs.replace(GROUP, facts=facts))


def owed(house: House, at: Millis, params: dict[str, Any] = PATROL) -> bool:
    case = house.sees("早", by="owner", at=at)
    return bool(faults("duty.periodic", case, **params))


def state(house: House, name: str, value: Any = True, *, at: Millis = 0, by: str = "owner", **given: Any) -> None:
    house.sees(type="task.stated", by=by, at=at, fact=Fact(name, value, **given))


# --- duties in turns -------------------------------------------------------------------------------------------------


def test_a_duty_is_stated_once_in_each_period() -> None:
    house = House()
    assert [owed(house, day * DAY) for day in (0, 6, 7)] == [False, False, True]
    state(house, "patrol_done", at=8 * DAY)
    assert [owed(house, day * DAY) for day in (8, 14, 15)] == [False, False, True]


@pytest.mark.parametrize(
    ("value", "day", "late"),
    [
        (True, 9, False),
        (True, 10, True),
        ("2026-11-16", 4, False),
        ("2026-11-16", 5, True),
        (False, 6, False),
        (False, 7, True),
        ("", 7, True),
        ("2026-12-31", 10, True),
        ("9999-12-31", 10, True),
        ("1890-01-01", 9, False),
    ],
)
def test_a_duty_counts_from_the_date_it_gives_else_from_its_statement(value: Any, day: int, late: bool) -> None:
    house = House()
    state(house, "patrol_done", value, at=3 * DAY if value in (True, "2026-12-31", "9999-12-31", "1890-01-01") else 0)
    params = {**PATROL, "started": bool(value)}
    if not value:
        owed(house, 0)
    assert owed(house, day * DAY, params) == late


def test_what_is_on_file_counts_as_stated() -> None:
    assert owed(with_facts(patrol_done="2026-11-10"), 0, {**PATROL, "started": True})
    assert not owed(with_facts(patrol_done="2026-11-16"), 0, {**PATROL, "started": True})


def test_a_clock_may_wait_for_the_first_statement() -> None:
    house = House()
    assert not owed(house, 0, {**PATROL, "started": True})
    assert not owed(house, 300 * DAY, {**PATROL, "started": True})
    state(house, "patrol_done", at=300 * DAY)
    assert owed(house, 307 * DAY, {**PATROL, "started": True})
    assert house.state.counted == {}


AFTER_CHANGE = {
    "duty": "告知成员",
    "fact": "members_notified_at",
    "after": "policy_changed_at",
    "every": {"working_days": 3},
}


def test_a_duty_may_follow_something_that_came_true() -> None:
    house = House()
    assert not owed(house, 100 * DAY, AFTER_CHANGE)
    state(house, "policy_changed_at", at=100 * DAY)
    assert not owed(house, 102 * DAY, AFTER_CHANGE)
    assert owed(house, 107 * DAY, AFTER_CHANGE)
    state(house, "members_notified_at", at=107 * DAY)
    assert not owed(house, 200 * DAY, AFTER_CHANGE)
    state(house, "policy_changed_at", at=200 * DAY)
    assert owed(house, 207 * DAY, AFTER_CHANGE)


def test_a_new_group_notice_shows_itself() -> None:
    notice = {"duty": "更新群公告", "fact": "notice_updated", "every": {"days": 30}}
    for shown_by, late in (("group.notice_changed", False), ("", True)):
        house, params = House(), {**notice, "shown_by": shown_by}
        assert not owed(house, 0, params)
        assert found("duty.periodic", house.sees(type="group.notice_changed", at=20 * DAY), **params) == []
        assert owed(house, 40 * DAY, params) == late


def test_duties_are_of_groups_that_are_known_and_meant() -> None:
    for known, params in (
        (False, PATROL),
        (True, {**PATROL, "types": ["company"]}),
        (True, {**PATROL, "except_types": ["department"]}),
    ):
        house = House(known=known)
        assert not owed(house, 0, params)
        assert not owed(house, 100 * DAY, params)
    assert faults("duty.periodic", House().sees("早"), "member", **PATROL, started=True) == []


def test_the_finding_says_who_owes_what_and_how_to_state_it() -> None:
    house = House()
    owed(house, 0)
    [finding] = faults("duty.periodic", house.sees("早", at=8 * DAY), **{**PATROL, "keeper": "群主"})
    assert finding.explanation == "群主未在规定时间内（7天）登记：成员和内容巡查"
    assert finding.mend == "完成后登记 patrol_done"
    assert finding.subject.kind == "group"


def test_a_late_tick_does_not_mend_what_is_due() -> None:
    pack = a_pack({"clause-1": [{"rule": "duty.periodic", "with": PATROL, "response": {"sanction": "task"}}]})
    house = House()
    counts = [
        len(judge(house.sees(type="clock.tick", by=None, at=days * DAY), pack).violations)
        for days in (0, 7, 5, 6, 8, 3, 9)
    ]
    assert counts == [0, 1, 0, 0, 0, 0, 0]
    judge(house.sees("好的", by="finance", at=2 * DAY), pack)
    [fault] = house.state.faults.values()
    assert (fault.open, fault.times) == (True, 1)


# --- duties of joiners -----------------------------------------------------------------------------------------------

TRAINING: dict[str, Any] = {
    "duty": "学习群规并确认",
    "by": ["acknowledgement", "training_confirmed"],
    "within": {"days": 3},
}
HELLO: dict[str, Any] = {"duty": "自我介绍", "by": ["introduction"], "within": {"days": 1}}
NEW = Person(id="new", name="何平", department="生产部")
Step = tuple[Millis, dict[str, Any]]


def joins(params: dict[str, Any], *steps: Step, until: Millis = 30 * DAY, person: Person | None = NEW) -> list[str]:
    """Who is found of those that join at the start and of what happens then."""
    house = House(people=(*PEOPLE, person) if person else PEOPLE)
    late: list[str] = []
    for at, given in ((0, {"type": "member.joined", "by": "owner", "target": "new"}), *steps):
        case = house.sees(**given, at=at)
        late += [one.subject.id for one in overdue("duty.joiner", case, **params)]
        assert found("duty.joiner", case, **params) == []
    tick = house.sees(type="clock.tick", by=None, at=until)
    late += [one.subject.id for one in overdue("duty.joiner", tick, **params)]
    assert len(house.state.deadlines) <= 1
    return late


@pytest.mark.parametrize(
    ("given", "done"),
    [
        ({"type": "policy.acknowledged", "by": "new"}, True),
        ({"type": "policy.acknowledged", "by": "finance"}, False),
        ({"type": "task.stated", "by": "owner", "fact": Fact("training_confirmed", True, person="new")}, True),
        ({"type": "task.stated", "by": "owner", "fact": Fact("policy_acknowledged", True, person="new")}, True),
        ({"type": "task.stated", "by": "owner", "fact": Fact("training_confirmed", False, person="new")}, False),
        ({"type": "task.stated", "by": "owner", "fact": Fact("training_confirmed", True, person="finance")}, False),
        ({"text": "大家好，我是何平", "by": "new"}, False),
    ],
)
def test_who_joins_confirms_the_rules_in_three_days(given: dict[str, Any], done: bool) -> None:
    assert joins(TRAINING, (DAY, given)) == ([] if done else ["new"])


@pytest.mark.parametrize(("until", "late"), [(3 * DAY - 1, False), (3 * DAY, True)])
def test_the_date_is_the_end_of_the_span(until: Millis, late: bool) -> None:
    assert (joins(TRAINING, until=until) == ["new"]) == late


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("大家好，我是装配车间新来的质检员", True),
        ("何平，生产部质检员，以后一起共事", True),
        ("收到", False),
        ("三号线的报表发群里了", False),
    ],
)
def test_a_receipt_is_no_introduction(text: str, done: bool) -> None:
    assert joins(HELLO, (HOUR, {"text": text, "by": "new"})) == ([] if done else ["new"])
    assert joins({**HELLO, "by": ["message"]}, (HOUR, {"text": text, "by": "new"})) == []


def test_somebody_elses_words_are_no_introduction() -> None:
    assert joins(HELLO, (HOUR, {"text": "大家好，我是郑敏", "by": "finance"})) == ["new"]


@pytest.mark.parametrize(
    "given", [{"type": "member.left", "by": "new"}, {"type": "member.removed", "by": "owner", "target": "new"}]
)
def test_who_leaves_before_his_date_owes_nothing(given: dict[str, Any]) -> None:
    assert joins(TRAINING, (DAY, given)) == []


def test_who_joins_again_has_the_whole_span_again() -> None:
    again = {"type": "member.joined", "by": "new", "target": "new"}
    steps = ((DAY, {"type": "member.left", "by": "new"}), (2 * DAY, again))
    assert joins(TRAINING, *steps, until=4 * DAY) == []
    assert joins(TRAINING, *steps) == ["new"]
    assert joins(TRAINING, (DAY, again)) == ["new"]


def test_what_arrives_after_the_date_was_judged_changes_nothing() -> None:
    late = {"type": "policy.acknowledged", "by": "new"}
    assert joins(TRAINING, (4 * DAY, {"type": "clock.tick", "by": None}), (DAY, late)) == ["new"]


def test_strangers_owe_it_too_and_customers_and_the_watching_account_do_not() -> None:
    assert joins(TRAINING, person=None) == ["jsonl:new"]
    assert joins(TRAINING, person=msgspec.structs.replace(NEW, tags=("customer",))) == []
    house = House()
    watcher: dict[str, Any] = {"type": "member.joined", "by": "owner", "target": "bot", "account": "bot"}
    assert found("duty.joiner", house.sees(**watcher), **TRAINING) == []
    assert not house.state.deadlines


def test_joiners_of_other_types_of_groups_owe_nothing() -> None:
    assert joins({**TRAINING, "types": ["company"]}) == []
    assert joins({**TRAINING, "except_types": ["department"]}) == []
    assert joins({**TRAINING, "types": ["department"]}) == ["new"]


def test_joiners_waited_for_are_bounded() -> None:
    house = House()
    for number in range(230):
        case = house.sees(type="member.joined", by="owner", target=f"p{number}", at=number * MINUTE)
        found("duty.joiner", case, **TRAINING)
    subjects = [one.subject for one in PLACE.deadlines(case)]
    assert (len(subjects), subjects[0]) == (200, "jsonl:p30")


# --- new versions of the policy --------------------------------------------------------------------------------------


def unconfirmed(house: House, at: Millis, **params: Any) -> str | None:
    told = [one.explanation for one in faults("policy.acknowledged", house.sees("早", by="owner", at=at), **params)]
    return told[0].partition("：")[2] if told else None


def acknowledged(house: House, *who: str, at: Millis = 0) -> None:
    for one in who:
        house.sees(type="policy.acknowledged", by=one, at=at)


def test_who_has_not_confirmed_a_new_version_is_listed() -> None:
    house = House()
    assert unconfirmed(house, 0) is None
    state(house, "policy_published_at")
    assert unconfirmed(house, 2 * DAY) is None
    acknowledged(house, "owner", "tablet", "leader", at=2 * DAY)
    assert unconfirmed(house, 6 * DAY) == "郑敏、林晓梅（共 2 人）"
    acknowledged(house, "finance", "keeper", at=6 * DAY)
    assert unconfirmed(house, 7 * DAY) is None


def test_a_confirmation_of_the_last_version_counts_no_more() -> None:
    house = House()
    unconfirmed(house, 0)
    state(house, "policy_published_at")
    acknowledged(house, "owner", "phone", "leader", "finance", "keeper", at=DAY)
    assert unconfirmed(house, 20 * DAY) is None
    state(house, "policy_published_at", at=30 * DAY)
    assert unconfirmed(house, 31 * DAY) is None
    assert unconfirmed(house, 40 * DAY, within={"days": 10}) == "郑敏、林晓梅、高建华、陈志强、周卫国（共 5 人）"


def test_without_a_publication_nobody_owes_a_confirmation() -> None:
    assert unconfirmed(House(), 100 * DAY) is None
    house = House()
    unconfirmed(house, 0)
    state(house, "policy_published_at", False)
    assert unconfirmed(house, 100 * DAY) is None


def test_what_was_published_before_counts_from_the_first_look() -> None:
    house = with_facts(policy_published_at="2026-01-01")
    assert unconfirmed(house, 0) is None
    assert unconfirmed(house, 6 * DAY) is not None
    confirmed = {f"policy_acknowledged:{one.id}": "2026-01-03" for one in PEOPLE}
    house = with_facts(policy_published_at="2026-01-01", **confirmed)
    assert [unconfirmed(house, day * DAY) for day in (0, 6)] == [None, None]


def test_other_facts_may_name_a_new_version() -> None:
    house = House()
    unconfirmed(house, 0)
    state(house, "policy_version", "2.0")
    assert unconfirmed(house, 6 * DAY) is None
    assert unconfirmed(house, 6 * DAY, facts=["policy_published_at", "policy_version"]) is not None
    assert unconfirmed(house, 6 * DAY, facts=["policy_version"], types=["company"]) is None


def test_joiners_have_their_own_time_and_leavers_and_customers_none() -> None:
    customer = Person(id="c1", name="李客户", tags=("customer",))
    gone = msgspec.structs.replace(PEOPLE[4], status="left")
    house = House(people=(*PEOPLE[:4], gone, customer, NEW))
    unconfirmed(house, 0)
    state(house, "policy_published_at")
    acknowledged(house, "owner", "phone", "leader", "keeper", at=DAY)
    house.sees("您好", by="c1")
    house.sees(type="member.joined", by="owner", target="new", at=6 * DAY)
    assert unconfirmed(house, 7 * DAY) is None
    assert unconfirmed(house, 12 * DAY) == "何平（共 1 人）"


def test_of_many_only_some_are_named_and_namesakes_with_their_departments() -> None:
    crowd = tuple(Person(id=f"p{number:02}", name="王伟", department=f"{number}部") for number in range(20))
    group = msgspec.structs.replace(GROUP, members=tuple(one.id for one in crowd), administrators=(), owner=None)
    house = House(people=crowd, group=group)
    unconfirmed(house, 0)
    state(house, "policy_published_at")
    listed = unconfirmed(house, 6 * DAY) or ""
    assert listed.startswith("王伟（0部）、王伟（1部）、")
    assert listed.endswith("王伟（11部）等（共 20 人）")


# --- decisions on record ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "decided"),
    [
        ("会上定了:采用B方案,6月底前完成", True),
        ("经班子会研究决定，防汛值班由农水科牵头", True),
        ("最终敲定周五上线，按第二版执行", True),
        ("领导已经拍板，预算按80万走", True),
        ("决定采用供应商乙的滤袋", True),
        ("达成一致意见：下周起分两班", True),
        ("经讨论同意延期一周", True),
        ("例会上明确了:周报改到周四", True),
        ("形成结论如下", True),
        ("方案还没定,等会上决定", False),
        ("会上定了吗?", False),
        ("这个由局长决定", False),
        ("工期我有不同意见,建议延10天", False),
        ("如果会议决定延期,我们再调整", False),
        ("我决定周末去爬山", False),
        ("会议室已预定", False),
        ("请大家确定参会人数", False),
    ],
)
def test_what_was_decided_is_put_on_record(text: str, decided: bool) -> None:
    findings = found("duty.record", House().sees(text))
    assert (len(findings) == 1) == decided
    if findings:
        assert findings[0].explanation == "群内通报了决定，请管理员登记决策并存档"
        start, end = findings[0].evidence[0].span or (0, 0)
        assert 0 <= start < end <= len(text)
    assert found("duty.record", House().sees(text), types=["company"]) == []


def test_robots_decide_nothing() -> None:
    assert found("duty.record", House().sees("会上定了:采用B方案", by="bot", scope="robot")) == []


# --- work turned away ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shirks"),
    [
        ("这个不该我们网点办,你打总行电话去", True),
        ("贷后的事不在我们这儿,问错人了", True),
        ("这笔不该我们收,已经退回原账户", False),
        ("我打总行电话去问一下,稍后回您", False),
        ("那我打总行电话去", False),
        ("这不归我们管,找总行去", True),
        ("登录的问题找你们单位网管去,跟我们没关系", True),
        ("发票抬头的事跟本行没有半点关系", True),
        ("您可以找大堂经理去,他在二楼", False),
        ("扣费跟我们没关系的话会全额退给您", False),
        ("跟您单位没关系,是我们系统的问题,正在改", False),
        ("我下班了,明天再说吧", True),
        ("下班前我把名单发您", False),
        ("这事跟我们部门没关系", True),
        ("不属于我们科负责，你自己想办法", True),
        ("我们没空管这个", True),
        ("问我也没用", True),
        ("别老来找我", True),
        ("催什么，等着吧", True),
        ("爱找谁找谁", True),
        ("这种事轮不到我们管", True),
        ("这个我们管不了", True),
        ("收到,已转科技部,11点前给您答复", False),
        ("这个不归我们管，我帮您联系科技部", False),
        ("不属于我们负责，请拨打客服热线95511", False),
        ("大家记住，不能说“不归我们管”", False),
        ("下午我找总行去", False),
        ("请到三楼大厅办理", False),
        ("我自己想办法解决了,谢谢", False),
        ("我们自己解决", False),
        ("你们自己解决吧", True),
    ],
)
def test_who_turns_a_question_away_shirks(text: str, shirks: bool) -> None:
    findings = found("duty.shirking", House().sees(text))
    assert ([one.subject.id for one in findings] == ["member"]) == shirks
    assert found("duty.shirking", House().sees(text), types=["company"]) == []


def test_customers_owe_nobody_anything() -> None:
    house = House(people=(*PEOPLE, Person(id="c1", name="李客户", tags=("customer",))))
    for by in ("c1", "guest"):
        assert found("duty.shirking", house.sees("这不归我们管", by=by)) == []
    assert len(found("duty.shirking", house.sees("这不归我们管", by="finance"))) == 1
