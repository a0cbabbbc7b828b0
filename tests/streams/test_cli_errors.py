"""Commands used wrongly end with exit code 2 and a sentence that tells the way out; mistakes in files with their places."""

import gzip
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from models import Fleet
from policies.directory import Directory
from policies.lint import lint, lint_fleet, load_packs
from streams.cli import main
from streams.embedded import Embedded
from streams.loading import LoadError, fleet_from
from streams.settings import Settings, SettingsError, read_settings
from streams.store import Store

NOW = 1_795_051_800_000
TEN_MISTAKES = Path(__file__).parent.parent / "policies" / "ten_mistakes.txt"
Run = Callable[..., tuple[int, str, str]]

A_PACK = """\
pack: office
title: 办公室群规
source: {document: null}
status: {stage: adopted}
clauses:
  office-1:
    article: 第一条
    says: 群名须合规定
    bindings:
      - {rule: group.name, with: {declared: false, pattern: '@'}, mode: assisted}
"""


@pytest.fixture
def xunqun(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command in an empty folder. Anything but an exit is a traceback, and fails the test."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("XUNQUN_")]:
        monkeypatch.delenv(name)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A good file of observations and what may be named in its place."""
    lines = tmp_path / "day.jsonl"
    lines.write_text(json.dumps({"id": "m1", "type": "message.created", "sent_at": NOW, "group": {"id": "g1"}}))
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(os.urandom(5000))[:-2000])
    (tmp_path / "words.txt").write_text("hello")
    return {
        "lines": lines,
        "folder": tmp_path / "folder",
        "missing": tmp_path / "missing",
        "cut": tmp_path / "cut.jsonl.gz",
        "words": tmp_path / "words.txt",
        "out": tmp_path / "out",
    }


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    """A file that is there and cannot be read."""
    path = tmp_path / "closed.jsonl"
    path.write_text("{}")
    path.chmod(0)
    # The superuser reads everything but the memory of a process at address 0.
    return Path("/proc/self/mem") if os.access(path, os.R_OK) else path


WRONG_USE = {
    "replay of a missing file": ("replay {missing}", "there is no such file"),
    "replay of a folder": ("replay {folder}", "this folder holds no observations.jsonl"),
    "replay of a cut gzip file": ("replay {cut}", "cut short or damaged; make the file again"),
    "replay with a missing fleet": ("replay {lines} --fleet {missing}", "fleet file cannot be read: No such file"),
    "replay with a folder as fleet": ("replay {lines} --fleet {folder}", "fleet file cannot be read: Is a directory"),
    "replay under an unknown pack": ("replay {lines} --pack xianchaung", "did you mean xianchuang?"),
    "replay under a pack's file": ("replay {lines} --pack my.yaml", "--packs my.yaml reads a pack of your own"),
    "replay with a missing pack file": ("replay {lines} --packs {missing}", "the pack cannot be read: No such file"),
    "replay until no time": ("replay {lines} --until gestern", "give 2026-11-30"),
    "replay with missing lists": ("replay {lines} --lists {missing}", "no such directory"),
    "replay into a file": ("replay {lines} --out {words}", "File exists; name another file or folder"),
    "trial of a missing file": ("trial {missing} --out {out}", "there is no such file"),
    "trial of a cut gzip file": ("trial {cut} --out {out}", "cut short or damaged; make the file again"),
    "trial under an unknown pack": ("trial {lines} --out {out} --pack baselin", "did you mean baseline?"),
    "trial into a folder": ("trial {lines} --out {folder}", "Is a directory; name another file or folder"),
    "check under an unknown pack": ("check hello --pack ju-bangon", "did you mean ju-bangong?"),
    "check under a pack's file": ("check hello --pack my.yaml", "--packs my.yaml reads a pack of your own"),
    "check with a missing pack file": ("check hello --packs {missing}", "the pack cannot be read: No such file"),
    "check of an unknown group type": ("check hello --pack xianchuang --group-type choir", 'no group type "choir"'),
    "import of a missing file": ("import {missing} --out {out}", "there is no such file"),
    "import of a folder": ("import {folder} --out {out}", "is a folder; name the files in it"),
    "lint of an unknown pack": ("pack lint banxan", "did you mean banxian?"),
    "lint of a folder without packs": ("pack lint {folder}", "a pack is a file that ends in .yaml"),
    "coverage of a missing file": ("pack coverage {missing}", "there is no pack or file"),
    "run with a missing fleet": ("run --port 0 --fleet {missing}", "fleet file cannot be read: No such file"),
    "run with a missing pack file": ("run --port 0 --packs {missing}", "the pack cannot be read: No such file"),
    "run with an unknown pack in the fleet": ("run --port 0 --fleet {fleet}", "did you mean baseline?"),
    "run on a port that cannot be": ("run --port 99999999", "choose one from 1 to 65535"),
    "run on everybody's address unsigned": ("run --port 0 --host 0.0.0.0", "set XUNQUN_WEBHOOK_SECRETS"),
    "reviews without a store": ("review list --dir {folder}", "name the folder that `xunqun run` uses with --dir"),
    "dead letters without a store": ("deadletters list --dir {folder}", "name the folder that `xunqun run` uses"),
    "pause of nothing": ("pause --by me --dir {folder}", "--group G, --pack P or --all"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_ends_with_one_sentence_that_tells_the_way_out(case: str, xunqun: Run, files: dict[str, Path]):
    command, told = WRONG_USE[case]
    fleet = files["lines"].with_name("fleet.yaml")
    fleet.write_text("groups: [{id: g1, pack: baselin}]")
    code, _, err = xunqun(*(word.format(**files, fleet=fleet) for word in command.split()))
    assert code == 2
    assert err.startswith("xunqun: ")
    assert told in err
    assert err.count("\n") == 1


SETTINGS = {
    "PORT": ("abc", "is not a number: 'abc'"),
    "PORT ": ("65536", "choose one from 1 to 65535"),
    "TICK_SECONDS": ("0", "has to be more than 0"),
    "TICK_SECONDS ": ("nan", "has to be more than 0"),
    "RETENTION_DAYS": ("-1", "has to be more than 0"),
    "FLEET": ("missing.yaml", "fleet file cannot be read: No such file"),
    "PACKS": ("missing.yaml:more.yaml", "the pack cannot be read: No such file"),
    "LISTS": ("missing", "no such directory"),
    "API_TOKEN_FILE": ("missing", "names a file that cannot be read: No such file"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_cannot_be_used_is_named(name: str, xunqun: Run, monkeypatch: pytest.MonkeyPatch):
    value, told = SETTINGS[name]
    monkeypatch.setenv(f"XUNQUN_{name.strip()}", value)
    code, _, err = xunqun("run", *(() if name.strip() == "PORT" else ("--port", 0)))
    assert code == 2
    assert told in err
    assert err.count("\n") == 1


def test_an_empty_file_is_no_secret_and_bytes_are_not_shown(tmp_path: Path):
    (tmp_path / "secret").write_bytes(b" \n")
    given = {"XUNQUN_KAFKA_SECURITY": "sasl_tls", "XUNQUN_KAFKA_USER": "u"}
    with pytest.raises(SettingsError, match="needs XUNQUN_KAFKA_USER and XUNQUN_KAFKA_PASSWORD"):
        read_settings({**given, "XUNQUN_KAFKA_PASSWORD_FILE": str(tmp_path / "secret")})
    (tmp_path / "secret").write_bytes(b"p4ss\xff")
    with pytest.raises(SettingsError, match="that is no text") as refused:
        read_settings({**given, "XUNQUN_KAFKA_PASSWORD_FILE": str(tmp_path / "secret")})
    assert "p4ss" not in "".join(traceback.format_exception(refused.value))


def test_settings_are_read_from_the_environment_by_their_types():
    given = {
        "XUNQUN_PORT": "0",
        "XUNQUN_TICK_SECONDS": "0.5",
        "XUNQUN_RETENTION_DAYS": "7",
        "XUNQUN_FLEET": "fleet.yaml",
        "XUNQUN_PACKS": "a.yaml:packs",
        "XUNQUN_LISTS": "lists",
        "XUNQUN_WEBHOOK_SECRETS": "whsec_a,whsec_b",
        "XUNQUN_API_TOKEN": "",
    }
    assert read_settings(given) == Settings(
        port=0,
        tick_seconds=0.5,
        retention_days=7,
        fleet=Path("fleet.yaml"),
        packs=(Path("a.yaml"), Path("packs")),
        lists=(Path("lists"),),
        webhook_secrets=("whsec_a", "whsec_b"),
    )
    assert read_settings({"XUNQUN_PORT": "8601"}, port=8602).port == 8602


@pytest.mark.parametrize("command", ["replay", "replay --frobnicate", "frobnicate", "run --port abc", "check"])
def test_what_the_command_line_does_not_know_is_shown_with_its_help(command: str, xunqun: Run):
    code, _, err = xunqun(*command.split())
    assert code == 2
    assert "Usage: " in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "command",
    ["replay {}", "trial {} --out page.html", "replay day.jsonl --fleet {}", "check a --packs {}"],
)
def test_a_file_that_cannot_be_read_is_named(command: str, xunqun: Run, files, unreadable: Path):
    code, _, err = xunqun(*command.format(unreadable).split())
    assert code == 2
    assert "cannot be read: " in err
    assert err.count("\n") == 1


def test_a_port_in_use_is_named(xunqun: Run, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = xunqun("run", "--port", port, "--dir", tmp_path / "var")
    assert code == 2
    assert err.startswith(f"xunqun: cannot listen on 127.0.0.1 port {port} (")
    assert "choose another host or port" in err
    assert err.count("\n") == 1


def test_a_file_in_place_of_the_database_folder_is_named(xunqun: Run, files: dict[str, Path]):
    code, _, err = xunqun("run", "--port", 0, "--dir", files["words"])
    assert code == 2
    assert str(files["words"]) in err
    assert err.count("\n") == 1


# packs with mistakes


@pytest.fixture
def bad_pack(tmp_path: Path) -> Path:
    from importlib import util

    source = util.spec_from_file_location("test_lint", TEN_MISTAKES.with_name("test_lint.py"))
    assert source is not None
    assert source.loader is not None
    module = util.module_from_spec(source)
    source.loader.exec_module(module)
    (tmp_path / "packs").mkdir()
    path = tmp_path / "packs" / "office.yaml"
    path.write_text(module.TEN_MISTAKES, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "command",
    [
        "run --port 0 --packs packs/office.yaml",
        "run --port 0 --packs packs",
        "replay day.jsonl --packs packs/office.yaml",
        "replay day.jsonl --packs packs --pack office",
        "trial day.jsonl --out page.html --packs packs/office.yaml",
        "check hello --packs packs/office.yaml",
        "check hello --packs packs --pack office",
        "pack coverage packs/office.yaml",
        "pack test packs/office.yaml",
    ],
)
def test_all_mistakes_of_a_pack_are_listed_once(command: str, xunqun: Run, files: dict[str, Path], bad_pack: Path):
    code, _, err = xunqun(*command.split())
    assert code == 2
    assert err.splitlines() == ["xunqun: a pack cannot be used:", *TEN_MISTAKES.read_text().splitlines()]


def test_the_mistakes_of_several_packs_are_listed_together(xunqun: Run, tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(A_PACK.replace("pack: office", "pack: Office"))
    code, _, err = xunqun("check", "hello", "--packs", "a.yaml", "--packs", "b.yaml")
    assert code == 2
    assert [line.partition(":1:1: ")[0] for line in err.splitlines()[1:]] == ["a.yaml", "b.yaml"]


def test_doctor_lists_the_mistakes_of_a_pack(xunqun: Run, bad_pack: Path):
    code, out, _ = xunqun("doctor", "--packs", bad_pack, "--json")
    (told,) = [one["told"] for one in json.loads(out) if one["what"] == "packs"]
    assert code == 1
    assert told.splitlines()[1:] == TEN_MISTAKES.read_text().splitlines()


def test_a_pack_of_ones_own_is_named_by_its_slug_whatever_its_file_is_called(xunqun: Run, tmp_path: Path):
    (tmp_path / "rules-2026.yaml").write_text("\ufeff" + A_PACK, encoding="utf-8")
    code, out, err = xunqun("check", "hello", "--packs", "rules-2026.yaml", "--pack", "office", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["pack"] == "office"


FULL_PACK = """\
pack: office
title: 办公室群规
source: {document: null}
status: {stage: adopted}
group_types: [work]
budgets: {ads: {review: 1/1000}}
ladders:
  adverts:
    rungs: [{strikes: 1, sanction: warn}, {strikes: 2, sanction: [recall, mute], seconds: 60}]
    window: {days: 90, from: tenant}
clauses:
  office-1:
    article: 第一条
    says: 不发广告
    bindings:
      - {rule: content.category, with: {category: ads}, mode: automatic, ladder: adverts, notice: "{member}：{title}"}
      - rule: group.name
        with: {declared: true}
        mode: assisted
        response: {sanction: remind, mend_within: {working_days: 1, from: tenant}}
  office-2: {article: 第二条, says: 自律, mode: out-of-scope, because: 无从判断}
tests: [{message: 收到, expect: []}]
"""
FULL_FLEET = """\
people: [{id: u1, name: 王建国, tags: [leader], accounts: [{platform: qq, id: "1"}]}]
groups: [{id: g1, mode: observe, approvals: {remove: required}, owner: u1, managers: [u1], facts: {purpose: 值班}}]
settings: {timezone: Asia/Shanghai, working_hours: "09:00-18:00", fines: {enabled: false}, parameters: {}}
"""


def spoiled(value: Any) -> Iterator[Any]:
    """Copies of a value, in each of which one part is something else."""
    yield from (None, 5, -1.5, True, "x", "", [], {}, [None], [5], [[]], {"a": 1}, [{"a": {}}], 10**30)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: other} for other in spoiled(inner))
            yield {one: kept for one, kept in value.items() if one != key}
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from ([*value[:index], other, *value[index + 1 :]] for other in spoiled(inner))


@pytest.mark.parametrize(("check", "text"), [(lint, FULL_PACK), (lint_fleet, FULL_FLEET)])
def test_whatever_stands_in_a_file_lint_answers_with_it_or_with_mistakes(check: Any, text: str):
    """JSON is YAML: it is written in a tenth of the time."""
    found, problems = check(text, "x.yaml")
    assert (found is not None, problems) == (True, [])
    for one in spoiled(yaml.safe_load(text)):
        found, problems = check(json.dumps(one), "x.yaml")
        assert (found is None) == bool(problems)
        assert all(problem.line == 1 and problem.what for problem in problems)


# patterns


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*a){12}$", r"^(\w+\s?)*$"])
def test_no_pattern_runs_for_ever(pattern: str, xunqun: Run, tmp_path: Path):
    """Each of these takes longer than the age of the universe where patterns are matched by trying."""
    (tmp_path / "office.yaml").write_text(A_PACK.replace("@", pattern))
    (tmp_path / "fleet.yaml").write_text("groups: [{id: g1, pack: office, name: 车间}]")
    hostile = "a" * 20_000 + "!"
    line = {
        "id": "m1",
        "type": "group.renamed",
        "sent_at": NOW,
        "group": {"id": "g1"},
        "sender": {"id": "u1"},
        "change": {"field": "name", "new": hostile},
    }
    (tmp_path / "day.jsonl").write_text(json.dumps(line))
    assert xunqun("check", hostile, "--packs", "office.yaml", "--pack", "office")[0] == 0
    code, out, _ = xunqun("replay", "day.jsonl", "--fleet", "fleet.yaml", "--packs", "office.yaml", "--json")
    assert code == 0
    assert json.loads(out)["by_clause"] == {"office-1": 1}


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "a{100000}", "((a{100}){100}){100}", "(a", "*a"])
def test_patterns_that_re2_does_not_take_are_refused_by_lint(pattern: str):
    pack, problems = lint(A_PACK.replace("@", pattern), "office.yaml")
    assert pack is None
    assert [(one.line, "the pattern cannot be used" in one.what) for one in problems] == [(10, True)]


@pytest.mark.parametrize(
    "piece", ["a", "1 ", "@", "a.", "「」\n-", "- ", "\u200b", "[", "请", "加微信", "机密★", "http://"]
)
def test_no_text_keeps_a_check_busy_for_ever(piece: str, xunqun: Run):
    code, out, _ = xunqun("check", "「" + piece * (20_000 // len(piece)), "--pack", "xianchuang", "--json")
    assert code == 0
    assert json.loads(out)["pack"] == "xianchuang"


# fleets with mistakes

BAD_FLEET = """\
people:
  - {id: u1, name: 王建国, departement: 生产部}
  - {id: u1, name: 李强, left_at: 2026-13-01}
  - {id: 7, name: 赵敏}
  - {name: 无号}
  - {id: u3, name: 孙丽, accounts: [{platform: qq, id: "1"}]}
  - {id: u4, name: 周杰, accounts: [{platform: qq, id: "1"}, {platform: qq}]}
groups:
  - id: g1
    mode: enforced
    owner: u1
  - {id: g2, packs: baseline, owner: u5}
  - {id: g2, owner: u6, approvals: {remove: automatical}}
  - {id: g3, administrators: [u1, u33]}
  - {id: g3, facts: {work_ended_at: 9999-12-31, filed_at: null, purpose: 值班}}
  - g4
group: []
settings: {timezone: Asia/Shanghay, working_hours: 9-18, fines: {enable: true}}
"""
TOLD = """\
fleet.yaml:2:25: person "u1" has no key "departement" · hint: did you mean department?
fleet.yaml:3:6: person "u1" stands there twice
fleet.yaml:3:24: person "u1": left_at: "2026-13-01" is no date · hint: YYYY-MM-DD or milliseconds, from 1970 to 2100
fleet.yaml:4:6: person "7": id: Expected str, got int · hint: put it in quotes
fleet.yaml:5:5: a person lacks the key "id"
fleet.yaml:7:35: account qq:1 belongs to both person "u3" and person "u4"
fleet.yaml:7:60: an account of person "u4" lacks the key "id"
fleet.yaml:10:5: group "g1": mode: Invalid enum value 'enforced' · hint: did you mean enforce?
fleet.yaml:12:14: group "g2" has no key "packs" · hint: did you mean pack?
fleet.yaml:13:6: group "g2" stands there twice
fleet.yaml:13:25: group "g2": approvals: Invalid enum value 'automatical' · hint: did you mean automatic?
fleet.yaml:15:6: group "g3" stands there twice
fleet.yaml:15:22: group "g3": work_ended_at: "9999-12-31" is no date · hint: YYYY-MM-DD or milliseconds, from 1970 to 2100
fleet.yaml:16:5: a group has to be a mapping
fleet.yaml:17:1: a fleet has no key "group" · hint: did you mean groups?
fleet.yaml:18:12: settings: timezone: "Asia/Shanghay" cannot be used · hint: e.g. Asia/Shanghai
fleet.yaml:18:37: settings: working_hours: "9-18" cannot be used · hint: e.g. "09:00-18:00"
fleet.yaml:18:66: fines has no key "enable" · hint: did you mean enabled?
"""


def test_a_list_shared_by_two_groups_may_be_an_alias_as_programs_write_it():
    text = "groups: [{id: g1, members: &id001 [u1, u2]}, {id: g2, members: *id001}]"
    fleet, problems = lint_fleet(text, "fleet.yaml")
    assert (problems, fleet.groups[1].members) == ([], ("u1", "u2"))


def test_a_fleet_may_carry_columns_of_its_own_and_name_people_it_does_not_list():
    text = "people: [{id: u1, name: 王建国, phone: x, 备注: 老员工}]\ngroups: [{id: g1, owner: u9, cost_centre: 12}]\n"
    fleet, problems = lint_fleet(text, "fleet.yaml")
    assert (problems, fleet.groups[0].owner) == ([], "u9")


def test_all_mistakes_of_a_fleet_are_listed_with_their_places():
    fleet, problems = lint_fleet(BAD_FLEET, "fleet.yaml")
    assert fleet is None
    assert "".join(f"{one}\n" for one in problems) == TOLD


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("people: [", ":2:1: not YAML"),
        ("- 1", ":1:1: a fleet is a mapping"),
        ("people: 5", ":1:1: Expected array, got int"),
        ("people: [&a {id: u1, name: x}, *a]", 'person "u1" stands there twice'),
        ("people: []\npeople: []", ':2:1: "people" stands here twice'),
        ("\x00", ":1:1: not YAML"),
        ("[" * 300 + "]" * 300, "nested deeper"),
    ],
)
def test_what_is_no_fleet_gets_a_sentence_with_its_line(text: str, told: str, tmp_path: Path, xunqun: Run, files):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    with pytest.raises(LoadError) as refused:
        fleet_from(path)
    assert told in str(refused.value)
    code, _, err = xunqun("replay", "day.jsonl", "--fleet", "fleet.yaml")
    assert code == 2
    assert err == f"xunqun: {refused.value}\n"


def test_a_fleet_in_another_encoding_is_refused_and_one_with_a_mark_is_read(tmp_path: Path):
    path = tmp_path / "fleet.yaml"
    path.write_bytes("people: [{id: u1, name: 王建国}]".encode("gb18030"))
    with pytest.raises(LoadError, match="save it as UTF-8"):
        fleet_from(path)
    path.write_text("people: [{id: u1, name: 王建国, joined_at: 2026-01-05}]", encoding="utf-8-sig")
    (person,) = fleet_from(path).people
    assert (person.name, person.joined_at) == ("王建国", "2026-01-05")


def test_an_empty_fleet_has_nobody_in_it(tmp_path: Path):
    path = tmp_path / "fleet.yaml"
    path.write_text("# nobody yet\n")
    assert fleet_from(path) == Fleet()


# trial


def test_a_trial_leaves_bad_lines_out_and_shows_names_as_text(xunqun: Run, tmp_path: Path):
    line = {"type": "message.created", "sent_at": NOW, "sender": {"id": "u1", "name": "<img src=x>"}, "kind": "text"}
    line |= {"text": "兼职刷单日结三百,加微信领红包", "group": {"id": "g1", "name": "<script>alert(1)</script>"}}
    good = [json.dumps({**line, "id": f"m{n}", "sent_at": NOW + n * 60_000}) for n in range(3)]
    good.append(json.dumps({**line, "id": "😀", "group": {"id": "[/b]", "name": "[/b]\x00👨‍👩‍👧"}}))
    bad = ["hello", "[" * 100_000, '{"id": "x"}', json.dumps({**line, "id": "y", "sent_at": -1}), '"\\ud800"']
    mixed = [one for pair in zip(good, bad, strict=False) for one in pair] + bad[4:]
    (tmp_path / "day.jsonl").write_text("\n".join(mixed), encoding="utf-8")
    code, _, err = xunqun("trial", "day.jsonl", "--out", "page.html", "--names")
    assert (code, err) == (0, "")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "baseline-1" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "hello" not in page


# dead letters and names from outside


@pytest.fixture
def a_store(tmp_path: Path, classifiers) -> Path:
    """A store with a dead letter and two groups that the fleet does not know, one with a name that plays tricks."""
    folder = tmp_path / "var"
    store = Store(folder / "xunqun.db")
    host = Embedded(store, classifiers, load_packs(), Directory(Fleet()))
    line = {"id": "m1", "type": "message.created", "sent_at": NOW, "text": "收到"}
    for id, name in (("g1", "[/bold]\x1b[2J\u202e总群"), ("g2", "外协群")):
        body = json.dumps({**line, "id": id, "group": {"id": id, "name": name}}).encode()
        assert host.append([body], NOW)[0].status == "accepted"
    host.append_dead(b'{"text": "\xe5\xb7\xa5\xe8\xb5\x84', "not JSON: Input data was truncated", NOW)
    host.drain()
    store.close()
    return folder


def test_dead_letters_are_listed_with_their_cause_and_without_their_text(xunqun: Run, a_store: Path):
    code, out, err = xunqun("deadletters", "list", "--dir", a_store)
    assert (code, err) == (0, "")
    assert "not JSON: Input data was truncated" in out
    assert "工资" not in out
    code, out, _ = xunqun("deadletters", "list", "--dir", a_store, "--json")
    (one,) = json.loads(out)
    assert (one["cause"], one["topic"], one["bytes"]) == ("not JSON: Input data was truncated", "observations", 16)


def test_doctor_names_unknown_groups_and_their_names_play_no_tricks(xunqun: Run, a_store: Path):
    code, out, _ = xunqun("doctor", "--dir", a_store)
    assert code == 0
    assert "jsonl:g1 [/bold]�[2J�总群: judged by baseline in observe; add it to the fleet" in out
    assert "jsonl:g2 外协群: judged by baseline in observe; add it to the fleet" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


# as a process


def test_replay_as_a_process_takes_bad_lines_from_standard_input():
    good = {"id": "m1", "type": "message.created", "sent_at": NOW, "group": {"id": "g1"}, "text": "收到"}
    deep = b'{"forward":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    lines = [json.dumps(good).encode(), b"hello", deep, b"a" * (1 << 20), json.dumps({**good, "id": "m2"}).encode()]
    command = [sys.executable, "-c", "from streams.cli import main; main()", "replay", "-", "--json"]
    done = subprocess.run(command, input=b"\xef\xbb\xbf" + b"\r\n".join(lines), capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    assert (found["observations"], found["bad_lines"], found["unknown_groups"]) == (2, 3, 1)
