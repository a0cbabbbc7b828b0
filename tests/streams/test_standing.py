"""What a pack and a group have to show before anything leaves, and how `doctor` says it."""

import pytest

from models import Fleet, Group, Settings
from models.fleet import Fines
from policies.lint import load_packs
from streams.doctor import standing

# 2026-11-18, 09:00 in Shanghai.
NOW = 1_794_963_600_000
ADOPTED, DRAFT = "xianchuang", "office"


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    path = tmp_path_factory.mktemp("packs") / "office.yaml"
    path.write_text(
        "{pack: office, title: 办公室群规, source: {}, status: {stage: draft}, clauses: "
        "{office-1: {article: 第一条, says: 自律, mode: out-of-scope, because: 没有可判定的行为}}}"
    )
    return load_packs([path])


def told(packs, fines=None, **group):
    fleet = Fleet(groups=(Group(id="g1", **group),), settings=Settings(fines=fines or Fines()))
    return [one.told for one in standing(fleet, packs, NOW) if "blind" not in one.told]


@pytest.mark.parametrize("at", [None, "", "soon", "2026-11-19", NOW + 1])
def test_a_group_whose_members_were_not_told_yet_is_named(packs, at):
    (found,) = told(packs, pack=ADOPTED, mode="enforce", facts={"monitoring_notice_at": at})
    assert "nothing leaves but drafts" in found
    assert "docs/notice-of-monitoring.md" in found


def test_a_group_that_is_in_order_is_not_named(packs):
    assert told(packs, pack=ADOPTED, mode="enforce", facts={"monitoring_notice_at": "2026-11-18"}) == []


@pytest.mark.parametrize("mode", ["observe", "advise"])
def test_where_nothing_leaves_anyway_nobody_has_to_be_told(packs, mode):
    assert told(packs, pack=ADOPTED, mode=mode) == []


def test_enforce_needs_an_adopted_pack(packs):
    (found,) = told(packs, pack=DRAFT, mode="enforce", facts={"monitoring_notice_at": "2026-01-01"})
    assert "enforce is refused" in found


def test_fines_without_a_written_basis_stay_off(packs):
    (found,) = told(packs, fines=Fines(enabled=True), pack=ADOPTED, mode="advise")
    assert "basis" in found
