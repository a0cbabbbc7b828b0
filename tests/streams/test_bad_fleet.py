"""Bad input about people, groups and time: each case of "Bad input" in docs/write-a-pack.md, through a real replay."""

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from classifiers.measure import Classifiers
from models import Sanction, Task, Verdict
from policies.calendar import WorkingCalendar
from policies.directory import Directory
from policies.lint import PackError, load_fleet, load_pack, load_packs
from policies.schema import Span
from streams.replay import replaying, stored_sanctions, stored_tasks, stored_verdicts

MINUTE, HOUR = 60_000, 3_600_000
# Thursday 2026-11-19, 09:30 in Shanghai.
START = 1_795_051_800_000
FLEET = """
people:
  - {id: u1, name: 周卫国, department: 人力资源暨行政部, post: 总监}
  - {id: u2, name: 陈志强, department: 生产部}
groups:
  - {id: g1, name: 生产部工作群, pack: xianchuang, type: department, owner: u1, administrators: [u1], members: [u1, u2],
     facts: {filed_at: 2026-01-05, member_range: 全体员工, content: 生产, monitoring_notice_at: 2026-01-05}}
"""
ADVERT = "面膜内部代理价,拉三个下线返现"
# A customer's question has to be answered within half an hour.
BANK = """
people:
  - {id: u1, name: 周卫国, department: 办公室, post: 经理}
  - {id: c1, name: 何永贵, tags: [customer]}
groups:
  - {id: g1, name: 红塔银行云南宏远公司员工专业综合服务群, pack: hongta, type: 客户, owner: u1, managers: [u1], members: [u1, c1],
     facts: {filed_at: 2026-01-05}}
"""
QUESTION = {"by": "c1", "card": "何永贵", "text": "网银突然登不上,急着发工资"}
ANSWER = {"by": "u1", "card": "周卫国", "text": "收到,已转科技部,11点前给您答复"}
OTHER = {"by": "u1", "card": "周卫国", "text": "大家早上好"}


def a_line(id: str, at: int = 0, by: str = "u2", **given: Any) -> bytes:
    """An observation `at` milliseconds after the start; `given` are its fields, `card` the nickname shown with it."""
    sender = {"id": by, **({"card": given.pop("card")} if "card" in given else {})}
    body = {"id": id, "type": "message.created", "kind": "text", "sender": sender, "group": {"id": "g1"}, **given}
    return json.dumps({"sent_at": START + at, **body}).encode()


def a_tick(at: int) -> bytes:
    return json.dumps({"type": "clock.tick", "sent_at": START + at}).encode()


class Judged:
    def __init__(self, verdicts: list[Verdict], sanctions: list[Sanction], tasks: list[Task]) -> None:
        self.verdicts, self.sanctions, self.tasks = verdicts, sanctions, tasks
        self.clauses = [one.clause for verdict in verdicts for one in verdict.violations]
        self.subjects = {one.subject.id for verdict in verdicts for one in verdict.violations}


Replayed = Callable[..., Judged]


@pytest.fixture
def replayed(tmp_path: Path, classifiers: Classifiers) -> Replayed:
    def replay(fleet: str, lines: Iterable[bytes], until: int | None = None) -> Judged:
        path = tmp_path / "fleet.yaml"
        path.write_text(fleet, encoding="utf-8")
        with replaying(classifiers, load_packs(), Directory(load_fleet(path))) as run:
            for line in lines:
                run.feed(line)
            run.finish(None if until is None else START + until)
            return Judged(*(list(read(run.store)) for read in (stored_verdicts, stored_sanctions, stored_tasks)))

    return replay


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        ("owner: [u1, u2]", 'group "g1": owner: Expected str | null, got array'),
        ("owner: u1, owner: u2", '"owner" stands here twice'),
    ],
)
def test_a_fleet_file_with_two_owners_is_refused_with_the_place(owner: str, told: str, tmp_path: Path):
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET.replace("owner: u1", owner), encoding="utf-8")
    with pytest.raises(PackError, match=r"fleet\.yaml:6:") as refused:
        load_fleet(path)
    assert told in str(refused.value)


def test_people_whom_the_directory_does_not_know_are_strangers_on_the_list(replayed: Replayed):
    found = replayed(
        FLEET.replace("members: [u1, u2]", "members: [u1, u2, u8]"), [a_line("m1", card="陈志强", text="早")]
    )
    assert found.clauses == ["xianchuang-12.1"]
    assert found.subjects == {"u8"}


def test_an_owner_whom_the_directory_does_not_know_keeps_his_role_and_is_asked_about(replayed: Replayed):
    fleet = FLEET.replace("owner: u1", "owner: u9").replace("members: [u1, u2]", "members: [u2, u9]")
    found = replayed(fleet, [a_line("m1", by="u9", text="今天两点开例会")])
    assert "xianchuang-12.1" not in found.clauses
    (asked,) = (one for verdict in found.verdicts for one in verdict.uncertain if one.clause == "xianchuang-04.2")
    assert asked.subject.id == "u9"


def test_a_group_without_a_pack_is_judged_by_the_default_pack(replayed: Replayed):
    lines = [a_line("m1", card="陈志强", text=ADVERT)]
    bare = FLEET.replace("pack: xianchuang, type: department, ", "")
    assert replayed(bare, lines).clauses == ["baseline-1"]
    assert replayed(bare + "settings: {default_pack: xianchuang}\n", lines).clauses == ["xianchuang-17.1"]


@pytest.mark.parametrize(("card", "clauses"), [("陈志强", []), ("强哥", ["gongchang-05.2"])])
def test_of_a_person_in_no_department_only_the_name_is_judged(card: str, clauses: list[str], replayed: Replayed):
    fleet = FLEET.replace("pack: xianchuang", "pack: gongchang").replace(", department: 生产部}", "}")
    found = replayed(fleet, [a_line("m1", card=card, text="今天的产量已上报")])
    assert [one for one in found.clauses if one.startswith("gongchang-05")] == clauses


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("欧阳𠮷", "欧阳𠮷"),
        ("阿依古丽·买买提", "阿依古丽•买买提"),
        ("阿依古丽·买买提", "阿依古丽 买买提"),
        ("王 芳", "王芳"),
        ("王芳", "王　芳"),
        ("郭䶮", "郭䶮"),
    ],
)
def test_names_with_spaces_dots_and_rare_characters_are_their_own(name: str, card: str, replayed: Replayed):
    fleet = FLEET.replace("陈志强", name)
    assert replayed(fleet, [a_line("m1", card=card, text="今天的产量已上报")]).clauses == []
    assert replayed(fleet, [a_line("m1", card=f"{card[0]}某", text="今天的产量已上报")]).subjects == {"u2"}


def test_two_who_are_each_others_supervisor_bring_a_task_to_one_and_no_endless_round(replayed: Replayed):
    fleet = FLEET.replace("pack: xianchuang", "pack: gongchang, mode: enforce")
    fleet = fleet.replace("post: 总监}", "post: 总监, supervisor: u2}").replace("生产部}", "生产部, supervisor: u1}")
    found = replayed(fleet, [a_line("m1", card="生产部陈志强", text="你脑子是不是让门挤了,这都能装反")])
    assert [(one.clause, one.assignee.id) for one in found.tasks if one.clause == "gongchang-09.1"] == [
        ("gongchang-09.1", "u1")
    ]


# Time


@pytest.mark.parametrize(("zone", "clauses"), [("Asia/Shanghai", []), ("UTC", ["gongwu-zhunze-03.2"])])
def test_working_hours_are_those_of_the_fleets_time_zone(zone: str, clauses: list[str], replayed: Replayed):
    fleet = FLEET.replace("pack: xianchuang, type: department", "pack: gongwu-zhunze, type: project")
    # 20:30 in Shanghai, 12:30 in UTC.
    chat = a_line("m1", 11 * HOUR, card="陈志强", text="楼下新开麻辣烫,中午走起")
    found = replayed(f"{fleet}settings: {{timezone: {zone}}}\n", [chat])
    assert [one for one in found.clauses if one == "gongwu-zhunze-03.2"] == clauses


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 10, 1), False),  # National Day
        (date(2026, 10, 10), True),  # a Saturday that is worked in exchange
        (date(2035, 10, 1), True),  # a Monday of a year for which nothing has been announced
        (date(2035, 10, 6), False),
        (date(1999, 10, 1), True),
    ],
)
def test_outside_the_calendars_years_monday_to_friday_are_working_days(day: date, works: bool):
    assert WorkingCalendar().is_working_day(day) is works


def test_spans_of_working_days_are_counted_into_years_without_a_calendar():
    calendar = WorkingCalendar()
    friday = int(datetime(2035, 9, 28, 10, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    ends = calendar.local(calendar.after(friday, Span(working_days=3)))
    assert (ends.date(), ends.hour) == (date(2035, 10, 3), 23)


@pytest.mark.parametrize("order", [(20, 40, 31, 5), (5, 31, 20, 40), (40,), (40, 40, 40)])
def test_ticks_in_any_order_judge_each_deadline_once(order: tuple[int, ...], replayed: Replayed):
    lines = [a_line("q", **QUESTION), *(a_tick(one * MINUTE) for one in order)]
    found = replayed(BANK, lines)
    assert sorted(one for one in found.clauses if one.startswith("hongta-11")) == ["hongta-11.1", "hongta-11.2"]


def test_a_tick_that_is_too_early_judges_nothing(replayed: Replayed):
    found = replayed(BANK, [a_line("q", **QUESTION), a_tick(30 * MINUTE - 1), a_tick(-HOUR)])
    assert [one for one in found.clauses if one.startswith("hongta-11")] == []


def test_an_answer_that_arrives_after_its_deadline_was_judged_changes_no_verdict(replayed: Replayed):
    lines = [a_line("q", **QUESTION), a_line("o", 40 * MINUTE, **OTHER), a_line("a", 12 * MINUTE, **ANSWER)]
    found = replayed(BANK, lines, until=HOUR)
    assert found.clauses.count("hongta-11.1") == 1
    in_time = replayed(BANK, [lines[0], lines[2], lines[1]], until=HOUR)
    assert "hongta-11.1" not in in_time.clauses


def test_an_old_message_sets_no_deadline_that_counts_twice(replayed: Replayed):
    lines = [a_line("o", 5 * HOUR, **OTHER), a_line("q", **QUESTION), a_line("q", **QUESTION)]
    found = replayed(BANK, lines, until=6 * HOUR)
    assert found.clauses.count("hongta-11.1") == 1


# Packs


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("rule: content.categroy, with: {category: ads}", 'there is no rule "content.categroy" · hint: did you mean'),
        (
            "rule: content.category, with: {category: ads}, ladder: advert",
            'there is no ladder "advert" · hint: did you',
        ),
    ],
)
def test_a_pack_that_refers_to_what_is_not_there_is_refused_with_the_place(wrong: str, told: str, tmp_path: Path):
    path = tmp_path / "p.yaml"
    path.write_text(
        "pack: p\ntitle: 制度\nsource: {document: null}\nstatus: {stage: draft}\n"
        "ladders: {adverts: {rungs: [{strikes: 1, sanction: warn}]}}\nclauses:\n"
        f"  p-1: {{article: 第一条, says: 摘要, bindings: [{{{wrong}, mode: automatic}}]}}\n",
        encoding="utf-8",
    )
    with pytest.raises(PackError, match=r"p\.yaml:7:") as refused:
        load_pack(path)
    assert told in str(refused.value)
