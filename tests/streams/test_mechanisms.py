"""Every mechanism of the clause table is served by a rule or reasoned, and docs/mechanisms.md says what packs say today."""

import csv
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from policies.coverage import by_mechanism
from policies.lint import load_packs
from policies.schema import Binding, Clause, Pack
from streams.cli import app
from streams.pages.mechanisms import as_markdown

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "policies" / "clauses.tsv"


def table() -> dict[str, list[str]]:
    """Mechanism -> the clauses of the table that hold it."""
    found: dict[str, list[str]] = {}
    with TABLE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            for one in row["bindings"].split(";"):
                found.setdefault(one.partition("=")[0], []).append(row["id"])
    return found


MECHANISMS = table()


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs()


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
def test_a_mechanism_has_a_rule_somewhere_or_a_reason_everywhere(mechanism: str, packs: dict[str, Pack]):
    served = by_mechanism(packs.values()).get(mechanism, {})
    if any(served):
        return
    clauses = {slug: body for pack in packs.values() for slug, body in pack.clauses.items()}
    unreasoned = [one for one in MECHANISMS[mechanism] if one not in clauses or not _reason(clauses[one], mechanism)]
    assert unreasoned == []


def _reason(clause: Clause, mechanism: str) -> str | None:
    named = [one for one in clause.bindings if mechanism in one.mechanisms]
    return named[0].because if named else clause.because


def test_no_pack_names_a_mechanism_that_the_table_does_not_know(packs: dict[str, Pack]):
    assert set(by_mechanism(packs.values())) <= set(MECHANISMS)


def test_the_page_in_docs_is_what_the_packs_say(packs: dict[str, Pack]):
    made = as_markdown(packs.values())
    page = (ROOT / "docs" / "mechanisms.md").read_text("utf-8")
    assert page == made, "run xunqun pack mechanisms --out docs/mechanisms.md"


def a_pack(*bindings: Binding) -> Pack:
    (first, *_) = load_packs().values()
    return msgspec.structs.replace(
        first, pack="p", clauses={"p-1": Clause(article="第一条", says="摘要", bindings=bindings)}
    )


def test_a_row_gives_rule_parameters_and_clauses_with_their_modes():
    ads = Binding(
        mode="automatic", covers="classifier:ads", rule="content.category", params={"category": ["ads", "a|b"]}
    )
    again = Binding(mode="assisted", covers="classifier:ads", rule="content.category", params={"category": "fraud"})
    noted = Binding(mode="record-only", covers="archive:backup", because="另行归档")
    *_, backup, row = as_markdown([a_pack(ads, again, noted)]).splitlines()
    assert row == "| `classifier:ads` | `content.category` | `category` a\\|b / ads / fraud | p-1 A/R |"
    assert backup == "| `archive:backup` | reasoned |  | p-1 N |"


def test_more_values_than_can_be_read_are_left_to_the_pages_of_the_packs():
    many = Binding(
        mode="assisted", covers="x", rule="topic.venue", params={"matters": {"报销": ["发票"] * 20}, "turns": 3}
    )
    assert "| `matters` …; `turns` 3 |" in as_markdown([a_pack(many)])


def test_the_command_writes_the_page_where_it_is_told(tmp_path: Path):
    ran = CliRunner().invoke(app, ["pack", "mechanisms", "baseline", "--out", str(tmp_path / "m.md")])
    assert ran.exit_code == 0
    assert "| `kind:red_packet` | `content.category` |" in (tmp_path / "m.md").read_text("utf-8")
    assert "is no folder" in str(CliRunner().invoke(app, ["pack", "mechanisms", "--out", "/no/such/m.md"]).exception)
