"""Policies contradict each other, and packs keep that: the same happening is decided differently in groups of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from classifiers.measure import Classifiers
from policies.lint import load_packs
from policies.schema import Pack
from streams.packtest import compiled, measure, prepare, run

LINES = yaml.safe_load(Path(__file__).with_name("contradictions.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return load_packs()


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["line"])
def test_packs_decide_the_same_differently(line: Mapping[str, Any], packs: dict[str, Pack], classifiers: Classifiers):
    happening = {key: line[key] for key in ("steps", "until", "given") if key in line}
    wrong = {}
    for slug, outcome in line["packs"].items():
        pack = msgspec.structs.replace(packs[slug], tests=({"name": line["line"], **happening, **outcome},))
        tests = prepare(pack)
        ready = compiled(pack, packs)
        measure(tests, ready, classifiers)
        (wrong[slug],) = (run(one, ready, classifiers) for one in tests)
    assert {slug: said for slug, said in wrong.items() if said} == {}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["line"])
def test_no_two_packs_of_a_line_are_expected_to_decide_alike(line: Mapping[str, Any]):
    outcomes = [{**one, "group_type": None} for one in line["packs"].values()]
    assert len(outcomes) >= 2
    assert any(one != outcomes[0] for one in outcomes[1:])
