"""Reports by members take the sealed path."""

from typing import Any

import msgspec
import pytest
from cases import DAY, HOUR, House, found, overdue

from models import Fact


def test_a_report_is_for_a_person_and_shows_neither_who_nor_what() -> None:
    case = House().sees("老马一直在群里卖酒", type="report.filed", by="member", target="guest")
    [finding] = found("report.intake", case, about="群内无关人员")
    told = msgspec.json.encode([finding.explanation, finding.evidence, finding.subject]).decode()
    assert "群内无关人员" in told
    for hidden in ("member", "陈志强", "guest", "卖酒"):
        assert hidden not in told


def test_every_report_is_its_own() -> None:
    house = House()
    causes = [
        one.cause.id
        for _ in range(2)
        for one in found("report.intake", house.sees("有人发广告", type="report.filed"))
        if one.cause
    ]
    assert causes == ["m1", "m2"]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "收到成员举报，请核实；举报人信息已隐去"),
        ({"masked": True}, "收到成员举报，请核实；举报人受制度保护，不显示、不查问"),
        ({"investigate": "行政部"}, "收到成员举报，请行政部核查，结果经批准后公布；举报人信息已隐去"),
    ],
)
def test_the_entry_says_who_is_protected_and_who_investigates(params: dict[str, Any], told: str) -> None:
    [finding] = found("report.intake", House().sees("有人发广告", type="report.filed"), **params)
    assert finding.explanation == told
    assert finding.subject.kind == "group"


PROMPTLY: dict[str, Any] = {"within": {"working_days": 2}}


def handled(*statements: dict[str, Any], until: int = 10 * DAY) -> list[str]:
    """What is said of two reports by a tick at `until`."""
    house = House()
    for name in ("r1", "r2"):
        assert found("report.intake", house.sees("有人卖图纸", type="report.filed", id=name), **PROMPTLY) == []
    for given in statements:
        case = house.sees(**{"type": "task.stated", "by": "keeper", "at": HOUR, **given})
        assert found("report.intake", case, **PROMPTLY) == []
    late = overdue("report.intake", house.sees(type="clock.tick", by=None, at=until), **PROMPTLY)
    assert "member" not in msgspec.json.encode([one.explanation for one in late]).decode()
    return [one.explanation for one in late]


@pytest.mark.parametrize(
    ("fact", "open_ones"),
    [
        (Fact("report_handled", True), 0),
        (Fact("report_handled", True, ref="r1"), 1),
        (Fact("report_handled", True, ref="r3"), 2),
        (Fact("report_handled", False), 2),
        (Fact("backup_done", True), 2),
    ],
)
def test_a_report_is_handled_in_time(fact: Fact, open_ones: int) -> None:
    told = handled({"fact": fact})
    assert told == ["成员举报在规定时间内没有处理记录，请核实；举报人信息已隐去"] * open_ones


def test_a_report_has_its_time() -> None:
    assert handled(until=2 * DAY) == []
    assert len(handled(until=3 * DAY)) == 2


def test_who_may_not_state_facts_handles_no_report() -> None:
    house = House()
    found("report.intake", house.sees(type="report.filed", id="r1"), **PROMPTLY)
    case = house.sees(type="task.stated", by="member", fact=Fact("report_handled", True))
    # What the agent does not take note of never reaches the state.
    house.state.facts.clear()
    house.state.stated.clear()
    found("report.intake", case, **PROMPTLY)
    assert len(house.state.deadlines) == 1


def test_open_reports_are_bounded_and_name_no_reporter() -> None:
    house = House()
    for number in range(60):
        found("report.intake", house.sees(type="report.filed", id=f"r{number}", by="member", at=number), **PROMPTLY)
    assert len(house.state.deadlines) == 50
    assert "member" not in msgspec.json.encode(house.state).decode()


@pytest.mark.parametrize(
    ("kind", "text", "reports"),
    [
        ("intruder", "这群怎么进来个陌生人,昵称叫发财哥", True),
        ("intruder", "王五不是我们车间的,谁把他拉进来的", True),
        ("intruder", "新来的小刘是我们车间的,大家欢迎", False),
        ("intruder", "严禁拉外人进群", False),
        ("security", "我工牌丢了,最后一次见是在食堂", True),
        ("security", "手滑点了那封报税邮件的附件,电脑卡住不动", True),
        ("security", "邮件附件我看了,合同没问题", False),
        ("security", "明天演练钓鱼邮件,点了链接的要补课", False),
        ("breach", "有人又在刷投票链接,群主提醒一下吧", True),
        ("breach", "给管理员提个建议,群文件该分分类了", True),
        ("breach", "有人发货单没签字,处理一下", False),
        ("breach", "客户投诉的处理单发我", False),
    ],
)
def test_what_is_told_openly_is_taken_in_where_it_is_a_report(kind: str, text: str, reports: bool) -> None:
    told = found("report.intake", House().sees(text), said=kind)
    assert bool(told) == reports
    assert all(one.cause is None and text[:4] not in one.explanation for one in told)
    assert found("report.intake", House().sees(text)) == []


@pytest.mark.parametrize(
    ("by", "text", "late"),
    [("keeper", "已撤回,下不为例", 0), ("keeper", "今天产量已报", 0), ("keeper", "下班", 1), ("finance", "已撤回", 1)],
)
def test_what_was_told_openly_is_handled_when_the_management_says_so(by: str, text: str, late: int) -> None:
    house = House()
    promptly = {**PROMPTLY, "said": "breach"}
    for case in (house.sees("有人在刷广告,管管"), house.sees(text, by=by, at=HOUR)):
        assert found("report.intake", case, **promptly) == []
    assert len(overdue("report.intake", house.sees(type="clock.tick", by=None, at=10 * DAY), **promptly)) == late
