"""The packs' own tests hold, through the same agents as everything else."""

import pytest

from classifiers.measure import Classifiers
from policies.lint import load_packs, shipped_packs
from policies.schema import Pack
from streams.packtest import test_pack as run_tests


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs()


@pytest.mark.parametrize("slug", shipped_packs())
def test_the_packs_own_tests_hold(slug: str, packs: dict[str, Pack], classifiers: Classifiers):
    wrong = [(one.name, one.wrong) for one in run_tests(packs[slug], packs, classifiers) if one.wrong]
    assert wrong == []
    assert len(packs[slug].tests) >= 6
