"""Cases with the signals that the product's own classifiers give them."""

from dataclasses import replace
from functools import cache
from typing import Any

from cases import House

from classifiers.measure import Classifiers
from policies.rules import Case
from policies.rules.content import points
from policies.schema import Budget


@cache
def classifiers() -> Classifiers:
    return Classifiers.load()


def _points(category: str) -> tuple[float, float]:
    return points(category, Budget(), classifiers().cut)


def measured(case: Case) -> Case:
    """The case as the stream would judge it: measured, with the cuts of the model in use."""
    case.signals = classifiers().measure([case.seen])[0]
    case.basis = replace(case.basis, points=_points, explain=classifiers().explain)
    return case


def sees(house: House, text: str | None = None, **given: Any) -> Case:
    """What a house sees, measured."""
    return measured(house.sees(text, **given))
