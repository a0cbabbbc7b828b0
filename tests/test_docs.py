"""Nothing that people meet is undocumented, and no page points nowhere."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from packaging.requirements import Requirement

from streams import metrics, settings, topics
from streams.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SKIPPED = {"node_modules", "build", "dist", "var"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in SKIPPED for part in path.relative_to(ROOT).parts)
)
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))

_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_OUTSIDE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def _text(path: Path) -> str:
    return path.read_text("utf-8")


def _project() -> dict[str, object]:
    return tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]


def _requirements() -> dict[str, list[str]]:
    project = _project()
    optional: dict[str, list[str]] = project["optional-dependencies"]  # type: ignore[assignment]
    return {"run": project["dependencies"], **optional}  # type: ignore[dict-item]


def _package(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0].lower().replace("_", "-").replace(".", "-")


def _locked(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", _text(ROOT / lock), re.MULTILINE))


def _rows() -> set[str]:
    """The packages that have a line in docs/dependencies.md."""
    rows = re.findall(r"^\| ([A-Za-z0-9][A-Za-z0-9._-]*) \|", _text(DOCS / "dependencies.md"), re.MULTILINE)
    return {_package(one) for one in rows} - {"package"}


def _anchors(page: str) -> set[str]:
    """The names by which a page's headings are linked: lower case, no punctuation, dashes for spaces."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", _FENCED.sub("", page), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one) for one in headings)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in plain}


@pytest.mark.parametrize("name", [one.name for one in fields(Settings)])
def test_every_setting_is_documented(name: str) -> None:
    assert f"`XUNQUN_{name.upper()}`" in _text(DOCS / "settings.md"), "run make docs"


@pytest.mark.parametrize("made", [settings, metrics])
def test_pages_made_from_declarations_are_up_to_date(made: Any) -> None:
    page = f"{made.__name__.rpartition('.')[2]}.md"
    assert _text(DOCS / page).endswith(made.as_markdown()), "run make docs"


@pytest.mark.parametrize("topic", topics.TOPICS)
def test_every_topic_is_documented(topic: str) -> None:
    pages = _text(DOCS / "concepts.md"), _text(DOCS / "architecture.md")
    assert any(f"`{topic}`" in page for page in pages)


def test_every_make_target_has_a_line_of_help() -> None:
    makefile = _text(ROOT / "Makefile")
    phony = {name for line in re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE) for name in line.split()}
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", makefile, re.MULTILINE))
    helped = set(re.findall(r"^([a-z][a-z0-9-]*):.*## \S", makefile, re.MULTILINE))
    assert targets == phony == helped


def test_the_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", _text(ROOT / "Makefile"), re.MULTILINE))
    named = {
        (page.name, word)
        for page in PAGES
        for words in re.findall(r"(?:`|^\$? *)make ((?:[a-z]+ ?)+)", _text(page), re.MULTILINE)
        for word in words.split()
    }
    assert not {(page, word) for page, word in named if word not in targets}


def test_continuous_integration_runs_what_contributors_run() -> None:
    commands = re.findall(r"^make .*$", _text(ROOT / ".ci" / "run"), re.MULTILINE)
    contributing = _text(ROOT / "CONTRIBUTING.md")
    assert commands
    assert all(command in contributing for command in commands)


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.stem)
def test_every_decision_is_listed_and_complete(adr: Path) -> None:
    page = _text(adr)
    assert f"]({adr.name})" in _text(DOCS / "adr" / "README.md")
    assert page.startswith(f"# {adr.name[:4]} · ")
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## What it costs",
        "## Rejected",
    ]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:4] for path in ADRS] == [f"{number:04}" for number in range(1, len(ADRS) + 1)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", _FENCED.sub("", _text(page)))):
        if _OUTSIDE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and target.suffix == ".md" and anchor not in _anchors(_text(target))):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("extra", sorted(_requirements()))
def test_every_dependency_has_its_line(extra: str) -> None:
    assert {_package(one) for one in _requirements()[extra]} <= _rows()


def test_no_line_speaks_of_a_dependency_that_is_gone() -> None:
    assert _rows() == {_package(one) for every in _requirements().values() for one in every}


@pytest.mark.parametrize(
    ("lock", "extra"),
    [
        ("requirements.lock", "run"),
        *(("requirements-fleet.lock", extra) for extra in ("run", "fleet")),
        *(("requirements-dev.lock", extra) for extra in ("run", "training", "fleet", "dev")),
    ],
)
def test_locks_hold_every_dependency(lock: str, extra: str) -> None:
    locked = _locked(lock)
    wanted = [Requirement(one) for one in _requirements()[extra]]
    wrong = [str(one) for one in wanted if not one.specifier.contains(locked.get(_package(one.name), "0"))]
    assert not wrong, "run make lock"


def test_locks_hold_the_same_versions() -> None:
    run, fleet, dev = (_locked(f"requirements{name}.lock").items() for name in ("", "-fleet", "-dev"))
    assert run <= fleet <= dev, "run make lock"


def test_the_lock_of_what_builds_the_package_holds_it() -> None:
    wanted = [Requirement(one) for one in tomllib.loads(_text(ROOT / "pyproject.toml"))["build-system"]["requires"]]
    locked = _locked("requirements-build.lock")
    assert wanted
    assert all(one.specifier.contains(locked.get(_package(one.name), "0")) for one in wanted), "run make lock"


@pytest.mark.parametrize("lock", [f"requirements{name}.lock" for name in ("", "-fleet", "-dev", "-build")])
def test_locks_name_no_place_to_fetch_from(lock: str) -> None:
    text = _text(ROOT / lock)
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--\w*index|--find-links|-f|--trusted)", text, re.MULTILINE)
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
