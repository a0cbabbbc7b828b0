"""Every clause of the adopted policies is bound or reasoned, as the clause table says."""

import csv
from pathlib import Path

import pytest

from policies.coverage import cover
from policies.lint import load_pack, shipped_packs
from policies.rules import RULES

# Ids, mechanisms and modes of the clause table; the table itself with its wordings is not part of the repository.
TABLE = Path(__file__).with_name("clauses.tsv")
PACKS = (
    "xianchuang",
    "banxian",
    "ju-bangong",
    "chengtou",
    "xy-qq",
    "gongchang",
    "gongwu-shenpi",
    "suzhou-zhilv",
    "jiguan",
    "anquan",
    "hongta",
    "gongwu-zhunze",
    "shiyebu",
    "zedong",
    "qungui",
)


@pytest.fixture(scope="module")
def clauses() -> dict[str, dict[str, str]]:
    """Clause id -> mechanism -> mode."""
    with TABLE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["pack"] in PACKS]
    return {row["id"]: dict(one.split("=") for one in row["bindings"].split(";")) for row in rows}


@pytest.mark.parametrize("slug", PACKS)
def test_every_clause_of_the_table_is_in_the_pack_and_no_other(slug: str, clauses: dict[str, dict[str, str]]):
    wanted = {one for one in clauses if one.rpartition("-")[0] == slug}
    assert set(load_pack(shipped_packs()[slug]).clauses) == wanted


@pytest.mark.parametrize("slug", PACKS)
def test_every_mechanism_has_a_binding_and_none_is_stronger_than_the_table(
    slug: str, clauses: dict[str, dict[str, str]]
):
    strength = {"out-of-scope": 0, "record-only": 1, "assisted": 2, "automatic": 3}
    wrong = []
    pack = load_pack(shipped_packs()[slug])
    for clause, mechanisms in clauses.items():
        if clause.rpartition("-")[0] != slug:
            continue
        bound = {name: row.mode for row in cover(pack) if row.clause == clause for name in row.mechanisms}
        whole = pack.clauses[clause].mode
        for mechanism, mode in mechanisms.items():
            given = bound.get(mechanism, whole)
            if given is None or strength[given] > strength[mode]:
                wrong.append((clause, mechanism, mode, given))
    assert wrong == []


@pytest.mark.parametrize("slug", PACKS)
def test_a_mode_weaker_than_the_table_gives_its_reason(slug: str, clauses: dict[str, dict[str, str]]):
    pack = load_pack(shipped_packs()[slug])
    weaker = [
        (clause, name)
        for clause, body in pack.clauses.items()
        for binding in body.bindings
        for name in binding.mechanisms
        if clauses[clause].get(name) == "automatic" and binding.mode != "automatic" and not binding.because
    ]
    assert weaker == []


def test_a_blind_binding_says_why():
    blind = [row for slug in PACKS for row in cover(load_pack(shipped_packs()[slug])) if row.state == "blind"]
    assert blind
    assert all(row.note for row in blind)


def test_every_rule_says_what_it_serves():
    assert [name for name, rule in RULES.items() if "Serves" not in (type(rule).__doc__ or "")] == []
