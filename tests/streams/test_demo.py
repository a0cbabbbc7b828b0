"""The demo as a newcomer starts it: one process, the whole day, then the drafts that wait for a person."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

XUNQUN = (sys.executable, "-c", "from streams.cli import main; main()")


def xunqun(*arguments: object) -> str:
    done = subprocess.run([*XUNQUN, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    return xunqun("run", "--demo", "--exit", "--speed", 0, "--port", 0, "--dir", folder), folder / "demo"


def test_the_same_member_is_warned_and_then_removed(played: tuple[str, Path]):
    follows = re.findall(r"(\w+) +g-prod +周涛 +(xianchuang-17\.1) +→ (\w+)", played[0])
    assert follows == [("sent", "xianchuang-17.1", "warn"), ("sent", "xianchuang-17.1", "remove")]


def test_where_removals_need_approval_the_second_advert_is_a_draft(played: tuple[str, Path]):
    drafts = json.loads(xunqun("approvals", "--json", "--dir", played[1]))
    assert [(one["subject"], one["options"]) for one in drafts if one["group_id"] == "g-sales"] == [
        ("ma-li", ["remove"])
    ]


def test_a_quoted_advert_and_a_burst_of_receipts_bring_nothing(played: tuple[str, Path]):
    times = re.findall(r"^(\d\d:\d\d) ", played[0], re.MULTILINE)
    assert "10:07" not in times
    assert not any(time.startswith("11:0") for time in times)


def test_a_second_day_begins_anew(played: tuple[str, Path]):
    again = xunqun("run", "--demo", "--exit", "--speed", 0, "--port", 0, "--dir", played[1].parent)
    assert again.count("→ remove") == played[0].count("→ remove") == 3
