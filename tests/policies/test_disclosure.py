"""What is told of a project that the tenant has named."""

from pathlib import Path

import pytest
from cases import House, found
from measuring import sees

from classifiers.keywords import Keywords, load_lists
from classifiers.measure import Classifiers
from models import Observation
from policies.rules.disclosure import gives_away

TOLD = [
    "金鲤的底价是三千二百万",
    "金鲤下季度出货预测8万台",
    "金鲤还没公告，先告诉你们",
    "金鲤的源代码打包给你了",
]
EVERYDAY = [
    "金鲤的周会改到周三",
    "金鲤官网零售价799元",
    "金鲤的报价单甲方什么时候要？",
    "金鲤的预测数据按流程发邮箱，不要发群里",
]


@pytest.mark.parametrize("text", TOLD)
def test_figures_and_what_is_kept_back_give_something_away(text: str) -> None:
    assert gives_away(text)


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday_work_on_a_project_gives_nothing_away(text: str) -> None:
    assert not gives_away(text)


def test_a_list_of_projects_is_measured_and_quotation_marks_do_not_hide_it(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("category: project\nwhy: 项目\nstrong: [金鲤]\n", "utf-8")
    classifiers = Classifiers(Keywords(load_lists(tmp_path)))
    seen = [
        Observation(type="message.created", sent_at=0, text=one) for one in ("“金鲤”的底价是三千万", "底价是三千万")
    ]
    assert [["project" in [one.category for one in some]] for some in classifiers.measure(seen)] == [[True], [False]]


def test_passwords_are_leaks_for_every_rule_on_leaks() -> None:
    [finding] = found("content.category", sees(House(), "测试库密码：Qw8#zz12"), category="leak")
    assert finding.certain
    assert "Qw8" not in repr(finding)
    assert not [*found("content.category", sees(House(), "密码忘了，怎么重置"), category="leak")]


def test_what_is_told_of_a_project_asks_a_person_at_most(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("category: project\nwhy: 项目\nstrong: [金鲤]\n", "utf-8")
    case = sees(House(), "金鲤的成本压到每台310元了")
    assert not [*found("content.category", case, category="leak")]
    named = Classifiers(Keywords(load_lists(tmp_path))).measure([case.seen])[0]
    case = sees(House(), "金鲤的成本压到每台310元了")
    case.signals = (*case.signals, *(one for one in named if one.category == "project"))
    [finding] = found("content.category", case, category="leak")
    assert not finding.certain
    assert [one.matched for one in finding.evidence] == ["金鲤"]
