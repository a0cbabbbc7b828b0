"""Answers that are owed: when the clock starts, who stops it, and who is named when it is over."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from cases import DAY, HOUR, MEMBER, MINUTE, PEOPLE, House, found, overdue

from models import Mention, MessageRef, Person
from models.observation import ReplyTo
from policies.rules import RULES

QUESTION = "三号机什么时候能修好?"
TWO_HOURS: dict[str, Any] = {"within": {"hours": 2, "working": True}}
Said = tuple[int, str, str]


def told(rule: str, params: dict[str, Any], said: Sequence[Said], *, until: int, **given: Any) -> list[str]:
    """What is found of deadlines up to a tick at `until`. `given`: the people, and fields of the first message."""
    house = House(people=given.pop("people", PEOPLE))
    late: list[str] = []
    for at, by, text in said:
        case = house.sees(text, by=by, at=at, **given)
        late += [one.explanation for one in overdue(rule, case, **params)]
        assert found(rule, case, **params) == []
        given = {}
    tick = house.sees(at=until, by=None, type="clock.tick")
    return late + [one.explanation for one in overdue(rule, tick, **params)]


def unanswered(*said: Said, until: int) -> bool:
    return bool(told("deadline.reply", TWO_HOURS, said, until=until))


@pytest.mark.parametrize(
    ("hours", "until", "late"),
    [
        (0, 2, True),
        (0, 1.99, False),
        (8, 9, False),
        (8, 24, False),
        (8, 25, True),
        (13, 26, True),
        (13, 25.9, False),
        (3 * 24, 4 * 24 + 23, False),
        (3 * 24, 5 * 24 + 2, True),
    ],
    ids=[
        "due",
        "not yet",
        "overnight",
        "next morning",
        "next day",
        "asked at night",
        "night, not yet",
        "weekend",
        "monday",
    ],
)
def test_a_question_is_answered_within_two_working_hours(hours: float, until: float, late: bool) -> None:
    assert unanswered((int(hours * HOUR), "member", QUESTION), until=int(until * HOUR)) == late


@pytest.mark.parametrize(
    ("at", "by", "late"),
    [
        (HOUR, "finance", False),
        (2 * HOUR, "finance", False),
        (2 * HOUR + 1, "finance", True),
        (HOUR, "member", True),
        (HOUR, "tablet", True),
    ],
)
def test_anybody_elses_words_in_time_are_an_answer(at: int, by: str, late: bool) -> None:
    assert unanswered((0, "phone", QUESTION), (at, by, "下午三点前"), until=DAY) == late


@pytest.mark.parametrize(
    ("by", "text", "late"),
    [
        ("member", "嗯,我盯着呢", False),
        ("finance", "陈志强去外协厂了,回来答复", False),
        ("finance", "质保书还在盖章", False),
        ("finance", "我让他回你", False),
        ("finance", "二楼饮水机换芯了", True),
        ("finance", "B线今日产量1260", True),
        ("finance", "明天上午消防演习,记得开窗", True),
        ("finance", "我也想问", True),
        ("finance", "@王 这个月报销截止几号?", True),
    ],
)
def test_who_is_asked_by_name_answers_and_others_only_to_the_point(by: str, text: str, late: bool) -> None:
    said: list[Said] = [(0, "keeper", "@陈志强 甲供料的质保书啥时候给到?"), (10 * MINUTE, by, text)]
    asked = told("deadline.reply", TWO_HOURS, said, until=3 * HOUR, mentions=(Mention(id="phone"),))
    # Who asks something else waits for an answer of his own.
    assert len(asked) == late + ("几号" in text)


@pytest.mark.parametrize(
    ("at", "text", "late"),
    [
        (10, "拧到底再回半圈", False),
        (90, "拧到底再回半圈", False),
        (10, "隔壁仓库在卸钢卷", True),
        (10, "阳台上的昙花开了", True),
    ],
)
def test_what_is_said_soon_after_a_question_answers_it(at: int, text: str, late: bool) -> None:
    said: list[Said] = [(0, "keeper", "旁通阀要不要关?"), (at * MINUTE, "finance", text)]
    assert unanswered(*said, until=3 * HOUR) == late


@pytest.mark.parametrize(
    ("other", "late"), [("今天食堂吃饺子", True), ("阳台上的昙花开了", True), ("旁通阀我去关", False)]
)
def test_later_only_what_is_to_the_point_answers(other: str, late: bool) -> None:
    said: list[Said] = [(0, "keeper", "旁通阀要不要关?"), (5 * MINUTE, "leader", other)]
    assert unanswered(*said, (HOUR, "finance", "半圈就行不通"), until=3 * HOUR) == late


@pytest.mark.parametrize(
    ("text", "late"), [("哦找到了,在工具箱底下", False), ("啊是我自己放错柜了", False), ("我再翻翻", True)]
)
def test_who_finds_the_answer_himself_waits_no_more(text: str, late: bool) -> None:
    assert unanswered((0, "keeper", "游标卡尺谁拿了?"), (MINUTE, "keeper", text), until=3 * HOUR) == late


@pytest.mark.parametrize(
    ("text", "late"), [("雨大路滑,请各位注意安全", False), ("请各位注意安全帽有没有戴好,晚上报我", True)]
)
def test_a_leaders_good_wishes_want_no_answer(text: str, late: bool) -> None:
    assert unanswered((0, "leader", text), until=3 * HOUR) == late


@pytest.mark.parametrize(
    ("kind", "to", "late"), [("image", None, False), ("red_packet", None, True), ("image", "@陈志强 ", True)]
)
def test_a_picture_shows_what_was_asked(kind: str, to: str | None, late: bool) -> None:
    house = House()
    asked = house.sees(f"{to or ''}液位计读数到哪一格了?", by="keeper", mentions=(Mention(id="phone"),) if to else None)
    assert found("deadline.reply", asked, **TWO_HOURS) == []
    assert found("deadline.reply", house.sees(None, by="finance", at=MINUTE, kind=kind), **TWO_HOURS) == []
    assert bool(overdue("deadline.reply", house.sees(at=3 * HOUR, by=None, type="clock.tick"), **TWO_HOURS)) == late


@pytest.mark.parametrize(
    ("text", "late"),
    [("好的方总,周四下班前给您", False), ("行,我来弄", False), ("食堂今天有鱼", True), ("二楼饮水机滴水", True)],
)
def test_taking_it_on_answers_an_assignment(text: str, late: bool) -> None:
    said: list[Said] = [(0, "leader", "仓储部周五前报盘点差异表"), (10 * MINUTE, "member", text)]
    assert unanswered(*said, until=3 * HOUR) == late


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("我晚点到", False),
        ("停电的话冷库谁盯着?", True),
        ("冷库检修我们跟着停", False),
        ("食堂今天有鱼", True),
        ("郑敏 1人", False),
    ],
)
def test_an_unrelated_remark_or_a_question_is_no_receipt(text: str, named: bool) -> None:
    answers = [(one, "收到") for one in ("owner", "leader", "tablet")]
    assert (silent(("keeper", NOTICE), *answers, ("finance", text)) is not None) == named


@pytest.mark.parametrize(
    ("text", "late"), [("三台泵都坏了", True), ("这两天可把大家累坏了", False), ("我急坏了", False)]
)
def test_who_is_worn_out_tells_of_no_trouble(text: str, late: bool) -> None:
    params = {**TWO_HOURS, "asked": ["issue"]}
    assert bool(told("deadline.reply", params, [(0, "member", text)], until=DAY)) == late


def test_an_assignment_wants_an_answer_from_leaders_only() -> None:
    order = "请各班组今天下班前提交盘点表"
    assert unanswered((0, "leader", order), until=DAY)
    assert not unanswered((0, "member", order), until=DAY)


def test_nobody_owes_an_answer_that_was_waived_or_to_a_robot() -> None:
    assert not unanswered((0, "member", "周五停电,知道了吧?无需回复"), until=DAY)
    house = House()
    case = house.sees(QUESTION, by="bot", scope="robot")
    assert found("deadline.reply", case) == []
    assert not house.state.deadlines


ONE_DAY: dict[str, Any] = {"within": {"working_days": 1}}
NOTICE = "【通知】周五停电检修,收到请回复"


def silent(*said: tuple[str, str], by: str = "member", **given: Any) -> str | None:
    """Who is named by the third day; None where nobody is. The first to speak is not chased."""
    params = {**ONE_DAY, "by": by, "from_leaders": True}
    timed = [(number * MINUTE, who, text) for number, (who, text) in enumerate(said)]
    late = told("deadline.receipt", params, timed, until=3 * DAY, **given)
    return late[0].partition("：")[2] if late else None


def test_who_did_not_answer_a_notice_is_named() -> None:
    assert silent(("keeper", NOTICE), ("member", "收到"), ("finance", "好的")) == "高建华、周卫国（共 2 人）"


def test_when_all_have_answered_nobody_is() -> None:
    answers = [(one, "收到") for one in ("owner", "leader", "tablet", "finance")]
    assert silent(("keeper", NOTICE), *answers) is None


@pytest.mark.parametrize("text", ["【通知】周五停电检修,无需回复", "【通知】周五停电检修"])
def test_nobody_is_chased_where_no_answer_was_asked_for(text: str) -> None:
    assert silent(("keeper", text)) is None


def test_a_members_wish_for_an_answer_binds_nobody() -> None:
    assert silent(("member", "周五聚餐,收到请回复")) is None


def test_leavers_are_not_chased() -> None:
    gone = msgspec.structs.replace(MEMBER, status="left")
    people = tuple(gone if one is MEMBER else one for one in PEOPLE)
    assert silent(("keeper", NOTICE), ("finance", "收到"), ("leader", "收到"), people=people) == "周卫国（共 1 人）"


ORDER = "各部门周五17点前交盘点表"


def test_one_answer_speaks_for_a_department() -> None:
    named = silent(("leader", ORDER), ("member", "收到"), ("owner", "收到"), by="department")
    assert named == "局办公室、财务部（共 2 个部门）"


@pytest.mark.parametrize(
    ("text", "owing"),
    [
        ("财务部周五17点前交盘点表", "财务部（共 1 个部门）"),
        ("各部门周五17点前把盘点表交财务部", "局办公室、生产部、综合部、财务部（共 4 个部门）"),
        ("领导班子周五17点前交盘点表", "领导班子（共 1 个部门）"),
    ],
)
def test_an_instruction_binds_the_departments_it_names(text: str, owing: str) -> None:
    assert silent(("leader", text), by="department") == owing


@pytest.mark.parametrize("mention", [Mention(id="phone"), Mention(name="陈志强")])
def test_an_instruction_binds_whom_it_mentions(mention: Mention) -> None:
    order = "@陈志强 周五17点前交盘点表"
    assert silent(("leader", order), by="department", mentions=(mention,)) == "生产部（共 1 个部门）"
    assert silent(("leader", order), ("tablet", "好的"), by="department", mentions=(mention,)) is None


def test_mentioning_all_names_nobody() -> None:
    named = silent(("leader", "周五17点前交盘点表"), by="department", mentions=(Mention(id="phone"),), mention_all=True)
    assert named == "局办公室、生产部、综合部、财务部（共 4 个部门）"


def test_a_directory_without_departments_names_none() -> None:
    people = tuple(Person(id=one.id, name=one.name, post=one.post) for one in PEOPLE)
    assert silent(("leader", ORDER), people=people, by="department") is None


def test_who_asks_again_still_waits_for_one_answer() -> None:
    late = told("deadline.reply", TWO_HOURS, [(0, "phone", QUESTION), (MINUTE, "tablet", "有人知道吗?")], until=DAY)
    assert len(late) == 1
    late = told("deadline.reply", TWO_HOURS, [(0, "phone", QUESTION), (3 * HOUR, "phone", QUESTION)], until=DAY)
    assert len(late) == 2


def test_an_edited_notice_is_tracked_once() -> None:
    house = House()
    for given in ({"id": "n1"}, {"at": DAY, "type": "message.edited", "edit_of": MessageRef("n1")}):
        found("deadline.receipt", house.sees(NOTICE, by="keeper", **given), **ONE_DAY)
    assert len(house.state.deadlines) == 1


# --- customers -------------------------------------------------------------------------------------------------------

CUSTOMERS = (
    *PEOPLE,
    Person(id="c1", name="李客户", tags=("customer",)),
    Person(id="c2", name="赵客户", tags=("customer",)),
)
HALF_AN_HOUR: dict[str, Any] = {"within": {"minutes": 30}, "from": ["customer"], "asked": ["question", "issue"]}


def ignored(*said: Said, minutes: int = 31, **given: Any) -> int:
    return len(told("deadline.reply", HALF_AN_HOUR, said, until=minutes * MINUTE, people=CUSTOMERS, **given))


@pytest.mark.parametrize(
    ("text", "late"), [("好了,是我自己网断了,不用管", 0), ("可以登录了吗?", 1), ("钱到账了", 0), ("急等", 1)]
)
def test_who_says_that_it_is_settled_waits_no_more(text: str, late: int) -> None:
    assert ignored((0, "c1", "网银突然登不上"), (5 * MINUTE, "c1", text)) == late


@pytest.mark.parametrize(
    ("between", "text", "late"),
    [
        ("柜子左边第二格,旧的那本", "多谢,拿到了", False),
        ("柜子左边第二格,旧的那本", "哦哦,明白", False),
        ("二楼饮水机换滤芯", "谢谢,可我还是没弄懂怎么填?", True),
        (None, "先谢谢各位", True),
    ],
)
def test_who_thanks_after_others_spoke_waits_no_more(between: str | None, text: str, late: bool) -> None:
    others = () if between is None else ((5 * MINUTE, "u2", between),)
    assert unanswered((0, "u1", QUESTION), *others, (9 * MINUTE, "u1", text), until=3 * HOUR) == late


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("网银突然登不上,急着发工资", True),
        ("有故障的那台终端我们已停用挂牌", False),
        ("有故障的那台终端我已经报修三次,没人来", True),
        ("你们昨天柜台排队太久,很失望", True),
        ("请问对公账户怎么开?", True),
        ("转账一直没到账", True),
        ("楼下那台ATM吞卡了!", True),
        ("麻烦帮我查一下上月回单", True),
        ("我要投诉你们的客户经理", True),
        ("好的,谢谢", False),
        ("收到", False),
        ("网银已经恢复了,不用了,谢谢", False),
        ("祝大家节日快乐", False),
        ("足球竞猜稳赚,私我跟单", False),
        ("今天柜台小姑娘态度真不错,点个赞", False),
        ("夸一下你们行,服务态度没得说", False),
        ("柜台态度好差,爱理不理", True),
        ("好的,麻烦您了", False),
        ("这笔不着急,下周给我也行", False),
        ("麻烦您了,回单补一份", True),
        ("不着急别的,就是网银登不上", True),
        ("你们窗口态度能好一点吗", True),
        ("态度倒是不错,可钱一直没到账", True),
    ],
)
def test_a_customers_question_or_complaint_starts_the_clock(text: str, starts: bool) -> None:
    assert ignored((0, "c1", text)) == starts
    assert ignored((0, "guest", text)) == starts


@pytest.mark.parametrize(
    ("at", "by", "text", "late"),
    [
        (12, "finance", "收到,已转科技部,11点前给您答复", False),
        (30, "finance", "稍等,正在查", False),
        (31, "finance", "稍等,正在查", True),
        (5, "c2", "我也登不上", True),
        (5, "c1", "急!", True),
    ],
)
def test_only_the_staff_answers_a_customer(at: int, by: str, text: str, late: bool) -> None:
    assert (ignored((0, "c1", "网银突然登不上"), (at * MINUTE, by, text), minutes=32) > 0) == late


def test_the_file_that_was_asked_for_is_an_answer() -> None:
    house, params = House(people=CUSTOMERS), HALF_AN_HOUR
    assert found("deadline.reply", house.sees("麻烦发一下上月回单", by="c1"), **params) == []
    sent = house.sees(None, by="finance", at=5 * MINUTE, type="file.uploaded", kind="unknown")
    assert sent.seen.type in RULES["deadline.reply"].watches
    assert found("deadline.reply", sent, **params) == []
    assert overdue("deadline.reply", house.sees(at=31 * MINUTE, by=None, type="clock.tick"), **params) == []


def test_who_uploads_the_list_that_a_notice_wants_has_answered() -> None:
    house, params = House(), {**ONE_DAY, "from_leaders": True}
    notice = house.sees("【通知】请各位今天交盘点表,收到请回复", by="leader")
    assert found("deadline.receipt", notice, **params) == []
    for at, who in enumerate(("owner", "keeper", "finance"), start=1):
        said = house.sees("收到", by=who, at=at * MINUTE)
        assert found("deadline.receipt", said, **params) == []
    sent = house.sees(None, by="member", at=HOUR, type="file.uploaded", kind="unknown")
    assert sent.seen.type in RULES["deadline.receipt"].watches
    assert found("deadline.receipt", sent, **params) == []
    assert overdue("deadline.receipt", house.sees(at=3 * DAY, by=None, type="clock.tick"), **params) == []


def test_half_an_hour_runs_at_night_and_at_weekends_too() -> None:
    night, saturday = 13 * HOUR, 3 * DAY + 11 * HOUR
    for at in (night, saturday):
        assert ignored((at, "c1", QUESTION), minutes=at // MINUTE + 29) == 0
        assert ignored((at, "c1", QUESTION), minutes=at // MINUTE + 31) == 1


def test_the_staffs_own_questions_start_no_clock() -> None:
    assert ignored((0, "finance", QUESTION), (MINUTE, "leader", "请各位今天下班前提交盘点表")) == 0


def test_an_issue_is_asked_about_only_where_the_clause_means_it() -> None:
    trouble = [(0, "member", "三号机又坏了")]
    assert told("deadline.reply", TWO_HOURS, trouble, until=DAY) == []
    assert len(told("deadline.reply", {**TWO_HOURS, "asked": ["issue"]}, trouble, until=DAY)) == 1
    assert told("deadline.reply", {**TWO_HOURS, "asked": ["assignment"]}, [(0, "member", QUESTION)], until=DAY) == []
    assert told("deadline.reply", {**TWO_HOURS, "asked": ["issue"], "types": ["company"]}, trouble, until=DAY) == []


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("各位走的时候麻烦把灯关了", False),
        ("推文上线啦,帮忙转发涨涨人气", False),
        ("麻烦各位看下,系统登不上了", True),
        ("麻烦帮我看下这笔款", True),
    ],
)
def test_a_favour_asked_of_everybody_is_no_issue(text: str, asks: bool) -> None:
    after = told("deadline.reply", {**TWO_HOURS, "asked": ["issue"]}, [(0, "member", text)], until=DAY)
    assert bool(after) == asks


def two_ask(answer: dict[str, Any]) -> list[str]:
    house = House(people=CUSTOMERS)
    for number, who in enumerate(("c1", "c2")):
        found("deadline.reply", house.sees(QUESTION, by=who, at=number, id=f"q-{who}"), **HALF_AN_HOUR)
    found("deadline.reply", house.sees("下午三点前", by="finance", at=MINUTE, **answer), **HALF_AN_HOUR)
    return sorted(one.subject for _, one in house.state.deadlines)


def test_an_answer_to_one_of_two_leaves_the_other_open() -> None:
    assert two_ask({}) == []
    assert two_ask({"reply_to": ReplyTo(id="q-c1")}) == ["c2"]
    assert two_ask({"mentions": (Mention(id="c2"),)}) == ["c1"]
    assert two_ask({"reply_to": ReplyTo(id="another")}) == []


def test_what_was_sent_before_a_question_is_no_answer_however_late_it_arrives() -> None:
    house = House()
    found("deadline.reply", house.sees(QUESTION, by="phone", at=HOUR), **TWO_HOURS)
    found("deadline.reply", house.sees("早上好", by="finance", at=HOUR - 1), **TWO_HOURS)
    assert len(house.state.deadlines) == 1
    found("deadline.reply", house.sees("下午三点前", by="finance", at=HOUR), **TWO_HOURS)
    assert not house.state.deadlines


def test_an_answer_that_arrives_after_the_judgement_changes_nothing() -> None:
    said = [(0, "member", QUESTION), (5 * HOUR, "keeper", "好的"), (HOUR, "finance", "下午三点前")]
    assert len(told("deadline.reply", TWO_HOURS, said, until=DAY)) == 1


def test_open_questions_are_bounded() -> None:
    house = House(people=PEOPLE)
    for number in range(60):
        found("deadline.reply", house.sees(QUESTION, by=f"guest{number}", at=number), **HALF_AN_HOUR)
    assert len(house.state.deadlines) == 50
    assert "jsonl:guest9" not in {one.subject for _, one in house.state.deadlines}


def test_the_notice_says_what_will_do_for_now() -> None:
    house = House()
    params = {**TWO_HOURS, "interim": "可先答复进展"}
    found("deadline.reply", house.sees(QUESTION), **params)
    [finding] = overdue("deadline.reply", house.sees(at=DAY, by=None, type="clock.tick"), **params)
    assert finding.mend == "可先答复进展"
