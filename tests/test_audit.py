"""What `make check` makes of pip-audit's report: what was not looked up is never good news."""

import importlib.util
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
audit = importlib.util.module_from_spec(_spec)
sys.modules["audit"] = audit
_spec.loader.exec_module(audit)

TODAY = date(2026, 12, 1)
CLEAN = {"name": "msgspec", "version": "0.22.0", "vulns": []}
# As pip-audit says it of an index without advisories; its exit code is 0 then.
SKIPPED = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited: jinja2 (2.10)"}
HIT = {
    "name": "jinja2",
    "version": "2.10",
    "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"], "aliases": ["CVE-2019-10906"], "description": "…"}],
}


def lived_with(until: date) -> list:
    return [audit.Accepted(id="CVE-2019-10906", package="jinja2", because="no templates of others", until=until)]


@pytest.mark.parametrize(
    ("packages", "accepted", "code", "said"),
    [
        ([CLEAN], [], 0, "1 packages looked up"),
        ([CLEAN, HIT], [], audit.FOUND, "jinja2 2.10: PYSEC-2019-217, mended in 2.10.1"),
        ([CLEAN, HIT], lived_with(TODAY), 0, "looked up"),
        ([CLEAN, HIT], lived_with(date(2026, 11, 30)), audit.FOUND, "we lived with it until 2026-11-30"),
        ([CLEAN, SKIPPED], [], audit.NOT_CHECKED, "NOT CHECKED: jinja2"),
        ([SKIPPED], [], audit.NOT_CHECKED, "NOTHING WAS CHECKED"),
        ([HIT, SKIPPED], [], audit.FOUND, "PYSEC-2019-217"),
    ],
)
def test_a_report_is_judged(packages, accepted, code, said):
    found, told = audit.judge({"dependencies": packages, "fixes": []}, accepted, TODAY)
    assert found == code
    assert said in "\n".join(told)


def test_no_report_at_all_is_no_good_news():
    assert audit.judge(None, [], TODAY)[0] == audit.NOT_CHECKED


@pytest.mark.parametrize(
    "says", ["print('Traceback (most recent call last)')", "raise SystemExit('no route to the service')"]
)
def test_a_program_that_fails_ends_with_its_own_code(tmp_path, says):
    program = tmp_path / "pip-audit"
    program.write_text(f"#!{sys.executable}\n{says}\n")
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "audit.py"), str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode == audit.NOT_CHECKED
    assert done.stderr.count("NOTHING WAS CHECKED") == len(audit.LOCKS)


def test_what_we_live_with_has_a_reason_and_a_day():
    for one in audit.accepted_from(ROOT / ".ci" / "accepted.toml"):
        assert one.because
        assert isinstance(one.until, date)
