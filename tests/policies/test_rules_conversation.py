"""Answers that are owed: when the clock starts, who stops it, and who is named when it is over."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from cases import DAY, HOUR, MEMBER, MINUTE, PEOPLE, House, found, overdue

from models import Mention, MessageRef, Person

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


def test_an_assignment_wants_an_answer_from_leaders_only() -> None:
    order = "请各班组今天下班前提交盘点表"
    assert unanswered((0, "leader", order), until=DAY)
    assert not unanswered((0, "member", order), until=DAY)


def test_nobody_owes_an_answer_that_was_waived_or_to_a_robot() -> None:
    assert not unanswered((0, "member", "周五停电,知道了吧?无需回复"), until=DAY)
    house = House()
    case = house.sees(QUESTION, by="bot", scope="robot")
    assert found("deadline.reply", case) == []
    assert house.state.deadlines == {}


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
