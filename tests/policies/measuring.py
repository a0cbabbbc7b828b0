"""Cases with the signals that the product's own classifiers give them."""

from dataclasses import replace
from functools import cache
from typing import Any

from cases import House

from classifiers.measure import Classifiers
from policies.rules import Case


@cache
def classifiers() -> Classifiers:
    return Classifiers.load()


def measured(case: Case) -> Case:
    """The case as the stream would judge it: measured, with the cuts of the model in use."""
    case.signals = classifiers().measure([case.seen])[0]
    case.basis = replace(case.basis, cuts=classifiers().cut, explain=classifiers().explain)
    return case


def sees(house: House, text: str | None = None, **given: Any) -> Case:
    """What a house sees, measured."""
    return measured(house.sees(text, **given))
