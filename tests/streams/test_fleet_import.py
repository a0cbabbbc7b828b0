"""Rosters laid over a fleet file: what is different, what is kept, and that nothing is written that would not hold."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from policies.lint import load_fleet
from streams.cli import app
from streams.rosters import Rosters, as_yaml, merge

FLEET = """\
# kept in the copy only
people:
  - {id: u1, name: 王建国, department: 生产部, post: 班长, accounts: [{platform: onebot11, id: "2100000001"}], locker: A7}
  - {id: u2, name: 李娜, department: 财务部, joined_at: 2026-01-05}
  - {id: u3, name: 赵磊, department: 工程部}
  - {id: u4, name: 何平, status: left, left_at: 2026-03-01}
  - {id: u5, name: 何先生, tags: [customer]}
groups:
  - {id: g1, name: 生产工作群, pack: baseline, owner: u1, members: [u1, u2, u3]}
settings: {timezone: Asia/Shanghai}
"""
TABLE = """\
工号,姓名,部门,职务,QQ号,上级,微信号
u1,王建国,质检部,班长,2100000001,,wang
u2,李丽娜,财务部,会计,,u1,
u4,何平,办公室,,,,
u9,𠮷田,生产部,,,王建国,
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET, encoding="utf-8")
    return file


def run(*arguments: object) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, ["fleet", "import", *map(str, arguments)])
    return ran.exit_code, ran.output, str(ran.exception or "")


def table(folder: Path, text: str = TABLE, name: str = "roster.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_dry_run_shows_the_difference_and_writes_nothing(fleet: Path, tmp_path: Path):
    code, out, _ = run(table(tmp_path), "--into", fleet, "--on", "2026-11-20", "--dry-run", "--json")
    assert code == 0
    found = [(one["what"], one["id"], one["told"], one["groups"]) for one in json.loads(out)["differences"]]
    assert found == [
        ("joined", "u9", "生产部", []),
        ("left", "u3", "2026-11-20", ["生产工作群"]),
        ("returned", "u4", "办公室", []),
        ("moved", "u1", "department: 生产部 → 质检部", ["生产工作群"]),
        ("moved", "u2", "post: - → 会计", ["生产工作群"]),
        ("moved", "u4", "department: - → 办公室", []),
        ("renamed", "u2", "李娜 → 李丽娜", ["生产工作群"]),
        ("changed", "u1", "accounts", ["生产工作群"]),
        ("changed", "u2", "supervisor", ["生产工作群"]),
    ]
    assert fleet.read_text("utf-8") == FLEET
    assert sorted(one.name for one in tmp_path.iterdir()) == ["fleet.yaml", "roster.csv"]


def test_it_is_written_with_a_copy_that_undoes_it(fleet: Path, tmp_path: Path):
    code, out, _ = run(table(tmp_path), "--into", fleet, "--on", "2026-11-20")
    assert code == 0
    people = {one.id: one for one in load_fleet(fleet).people}
    assert (people["u3"].status, people["u3"].left_at) == ("left", "2026-11-20")
    assert (people["u4"].status, people["u4"].left_at) == ("active", None)
    assert (people["u9"].name, people["u9"].supervisor, people["u2"].joined_at) == ("𠮷田", "u1", "2026-01-05")
    assert people["u5"].status == "active"
    assert [one.id for one in people["u1"].accounts] == ["2100000001", "wang"]
    written = yaml.safe_load(fleet.read_text("utf-8"))
    assert written["people"][0]["locker"] == "A7"
    assert written["settings"] == {"timezone": "Asia/Shanghai"}
    (copy,) = tmp_path.glob("fleet.yaml.2*")
    assert copy.read_text("utf-8") == FLEET
    assert f"mv {copy} {fleet}" in out.replace("\n", "")
    again = json.loads(run(table(tmp_path), "--into", fleet, "--json")[1])
    assert again == {"differences": [], "remarks": [], "written": False, "copy": None}


def test_a_partial_roster_lets_nobody_leave(fleet: Path, tmp_path: Path):
    roster = table(tmp_path, "姓名,部门\n王建国,质检部\n")
    found = json.loads(run(roster, "--into", fleet, "--partial", "--dry-run", "--json")[1])
    assert [(one["what"], one["id"]) for one in found["differences"]] == [("moved", "u1")]


def test_yaml_brings_groups_too(fleet: Path, tmp_path: Path):
    roster = tmp_path / "more.yaml"
    roster.write_text("groups: [{id: g1, members: [u1]}, {id: g2, platform: webhook, name: 二群}]\n", encoding="utf-8")
    assert run(roster, "--into", fleet)[0] == 0
    groups = {one.id: one for one in load_fleet(fleet).groups}
    assert (groups["g1"].members, groups["g1"].owner, groups["g2"].name) == (("u1",), "u1", "二群")
    assert all(one.status == "active" for one in load_fleet(fleet).people if one.id != "u4")


def test_a_fleet_is_made_where_there_is_none(tmp_path: Path):
    fresh = tmp_path / "new.yaml"
    code, out, _ = run(table(tmp_path), "--into", fresh)
    assert (code, len(load_fleet(fresh).people)) == (0, 4)
    assert "to undo" not in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("姓名,部门\n,生产部\n", "姓名 is empty"),
        ("姓名,QQ号\n甲某,1\n乙某,1\n", "belongs already to line 2"),
        ("姓名,QQ号\n王建国,\n甲某,2100000001\n", "are both u1 of the fleet"),
        ("姓名,入职日期\n甲某,昨天\n", "is no date"),
        ("没有表头\n", "no line names the columns"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(fleet: Path, tmp_path: Path, text: str, told: str):
    code, _, error = run(table(tmp_path, text), "--into", fleet)
    assert code != 0
    assert told in error
    assert fleet.read_text("utf-8") == FLEET


def test_a_person_of_two_rosters_and_an_account_of_another_are_refused(fleet: Path, tmp_path: Path):
    other = table(tmp_path, "people: [{id: u1, name: 王建国}]\n", "more.yaml")
    assert "u1: stands in several rosters" in run(table(tmp_path), other, "--into", fleet)[2]
    taken = table(
        tmp_path,
        "people: [{id: u7, name: 钱某, accounts: [{platform: onebot11, id: '2100000001'}]}, {id: u1, name: 王建国}]\n",
        "x.yaml",
    )
    assert "u7 and u1 are both u1" in run(taken, "--into", fleet)[2]


def test_a_fleet_that_does_not_hold_is_told_before_anything_else(fleet: Path, tmp_path: Path):
    fleet.write_text(FLEET.replace("id: u2", "id: u1"), encoding="utf-8")
    assert 'person "u1" stands there twice' in run(table(tmp_path), "--into", fleet)[2]
    assert "write the day like" in run(table(tmp_path), "--into", fleet, "--on", "soon")[2]
    assert "there is no such file" in run(tmp_path / "none.csv", "--into", fleet)[2]


def test_namesakes_are_told_apart_by_id_only():
    fleet = {"people": [{"id": "a", "name": "王芳"}, {"id": "b", "name": "王芳"}]}
    rosters = Rosters([{"id": "c", "name": "王芳"}], [], [])
    merged, found = merge(fleet, rosters, on="2026-11-20")
    assert [(one.what, one.id) for one in found] == [("joined", "c"), ("left", "a"), ("left", "b")]
    assert len(yaml.safe_load(as_yaml(merged))["people"]) == 3


def test_half_of_the_people_do_not_leave_by_mistake(tmp_path: Path):
    fleet = tmp_path / "fleet.yaml"
    people = [{"id": f"u{number}", "name": f"员工{number}"} for number in range(12)]
    fleet.write_text(as_yaml({"people": people}), encoding="utf-8")
    roster = table(tmp_path, "工号,姓名\n" + "".join(f"u{number},员工{number}\n" for number in range(6)))
    before = fleet.read_text("utf-8")
    code, _, error = run(roster, "--into", fleet)
    assert (code, error.split(":")[0]) == (1, "6 of 12 people would have left")
    assert fleet.read_text("utf-8") == before
    assert run(roster, "--into", fleet, "--dry-run")[0] == 0
    assert run(roster, "--into", fleet, "--sure")[0] == 0
    assert sum(one.status == "left" for one in load_fleet(fleet).people) == 6
