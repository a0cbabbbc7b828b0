"""Cuts by how many normal messages reach them."""

import numpy as np
import numpy.typing as npt

from classifiers.trained.card import Quantile

# Of the normal messages one in so many may reach a cut.
ONE_IN = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)


def quantiles_of(scores: npt.NDArray[np.floating], shown_by: int = 1) -> tuple[Quantile, ...]:
    """The cut for every share of these scores of normal messages that at least so many of them stand for.

    No more than the share reach it, also where many have the same score: texts that differ in a number alone do.
    """
    falling = np.sort(scores)[::-1].astype(np.float64)
    return tuple(_quantile(falling, one_in) for one_in in ONE_IN if len(falling) >= shown_by * one_in)


def _quantile(falling: npt.NDArray[np.float64], one_in: int) -> Quantile:
    allowed = len(falling) // one_in
    # One more may not pass, nor any that is like it.
    above = int((falling > falling[allowed]).sum()) if allowed < len(falling) else allowed
    cut = falling[above - 1] if above else np.nextafter(falling[0], np.inf)
    return Quantile(one_in, float(cut), above)
