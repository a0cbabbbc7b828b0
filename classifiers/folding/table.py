"""The committed folding table (`table.npz`, written by `python -m classifiers.folding.build`) as lookup arrays.

Two arrays over all code points, 5.5 MB together, made from 90 kB of data in a few milliseconds when first needed.
The table is data, not computed from this Python's `unicodedata`: every worker and every replay folds alike.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

TABLE_FILE = Path(__file__).with_name("table.npz")
CODE_POINTS = 0x110000

# Classes of folded code points. The order matters: from SPACE on it is no word character, and of a run of separators
# the first one of the highest class stays.
LETTER, DIGIT, CJK, SPACE, SOFT, HARD, EDGE = range(7)

# In `fold`: from here on a code point does not become exactly one other. EXPAND + row names a row of the expansions.
EXPAND = 0x8000_0000
DROP = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Table:
    """What every code point becomes (`fold`), what the result is (`kind`), and the expansions to several."""

    fold: npt.NDArray[np.uint32]
    kind: npt.NDArray[np.uint8]
    expansion_start: npt.NDArray[np.int64]
    expansion_length: npt.NDArray[np.int64]
    expansions: npt.NDArray[np.uint32]


@cache
def table() -> Table:
    """The lookup arrays, the same objects every time; never write to them."""
    with np.load(TABLE_FILE) as data:
        fold = np.arange(CODE_POINTS, dtype=np.uint32)
        fold[data["single_from"]] = data["single_to"]
        fold[np.repeat(data["drop_start"], data["drop_length"]) + _counting(data["drop_length"])] = DROP
        lengths = data["expansion_length"].astype(np.int64)
        fold[data["expansion_from"]] = EXPAND + np.arange(len(lengths), dtype=np.uint32)
        kind = np.repeat(data["kind"], data["kind_length"])
        found = Table(fold, kind, np.cumsum(lengths) - lengths, lengths, data["expansions"])
    for array in (found.fold, found.kind, found.expansions):
        array.setflags(write=False)
    return found


def _counting(lengths: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """0, 1, … for each length: [2, 3] gives [0, 1, 0, 1, 2]."""
    ends = np.cumsum(lengths, dtype=np.int64)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
