"""Looks for known vulnerabilities of the locked packages, with pip-audit. `make check` calls it.

Exit code 0: all were looked up and nothing is known. 1: something is known. 3: not all could be looked up, which is no good news:
pip-audit itself calls that "No known vulnerabilities found".
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
FOUND, NOT_CHECKED = 1, 3


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that we know of and live with until a day, and why."""

    id: str
    package: str
    because: str
    until: date


def accepted_from(path: Path) -> list[Accepted]:
    return [Accepted(**one) for one in tomllib.loads(path.read_text("utf-8")).get("accepted", [])]


def judge(report: Mapping[str, Any] | None, accepted: Sequence[Accepted], today: date) -> tuple[int, list[str]]:
    """Exit code and what to say. `report` is pip-audit's JSON, None where it gave none."""
    packages = report["dependencies"] if report else []
    checked = [one for one in packages if "skip_reason" not in one]
    if not checked:
        return NOT_CHECKED, [
            "NOTHING WAS CHECKED: no service of advisories can be reached from here.",
            "The locked packages may have known vulnerabilities: call `make check` where the network lets it through.",
        ]
    told, known = [], {(one.package, one.id): one for one in accepted}
    for package in checked:
        for one in package["vulns"]:
            names = [one["id"], *one.get("aliases", [])]
            lived_with = next(
                (known[package["name"], name] for name in names if (package["name"], name) in known), None
            )
            if lived_with and lived_with.until >= today:
                continue
            mended = ", ".join(one["fix_versions"]) or "no version yet"
            past = f"; we lived with it until {lived_with.until}" if lived_with else ""
            told.append(f"{package['name']} {package['version']}: {one['id']}, mended in {mended}{past}")
    missed = sorted({f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one})
    if told:
        return FOUND, [*told, *(f"not checked: {one}" for one in missed)]
    if missed:
        return NOT_CHECKED, [f"NOT CHECKED: {one}" for one in missed]
    return 0, [f"{len(checked)} packages looked up; nothing is known that we do not live with."]


def ask(program: str, lock: Path) -> dict[str, Any] | None:
    """pip-audit's report on one lock; None where it gave none."""
    command = [program, "--requirement", str(lock), "--require-hashes", "--disable-pip", "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        return None


def main(program: str) -> int:
    accepted, today, worst = accepted_from(HERE / "accepted.toml"), datetime.now(UTC).date(), 0
    for lock in LOCKS:
        code, told = judge(ask(program, HERE.parent / lock), accepted, today)
        print(f"{lock}:", *told, sep="\n  ", file=sys.stderr if code else sys.stdout)
        worst = code if code == FOUND or not worst else worst
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
