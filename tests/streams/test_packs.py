"""The packs' own tests hold, through the same agents as everything else."""

import pytest

from policies.lint import load_packs
from policies.schema import Pack
from streams.loading import classifiers_from
from streams.packtest import test_pack as run_tests


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs()


@pytest.mark.parametrize("slug", ["baseline", "xianchuang", "banxian", "ju-bangong"])
def test_the_packs_own_tests_hold(slug: str, packs: dict[str, Pack]):
    wrong = [(one.name, one.wrong) for one in run_tests(packs[slug], packs, classifiers_from()) if one.wrong]
    assert wrong == []
    assert len(packs[slug].tests) >= 6
