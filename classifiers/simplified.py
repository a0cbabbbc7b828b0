"""Traditional characters and full-width letters and digits as the plain ones, for reading."""

import re

import numpy as np

from classifiers.folding.table import EXPAND, table


def _simplifying() -> dict[int, int]:
    """Code point to code point, as folding has them."""
    fold = table().fold
    ranges = ((0x3400, 0xA000), (0xFF10, 0xFF1A), (0xFF21, 0xFF3B), (0xFF41, 0xFF5B))
    written = np.concatenate([np.arange(start, end) for start, end in ranges])
    written = written[(fold[written] != written) & (fold[written] < EXPAND)]
    plain = dict(zip(written.tolist(), fold[written].tolist(), strict=True))
    # Folding writes 么 as 幺, which is right for comparing and wrong for reading.
    plain |= {one: ord("么") for one in map(ord, "麼麽")}
    del plain[ord("么")]
    return plain


SIMPLE = _simplifying()
# Finding out that nothing has to be replaced costs a tenth of replacing.
_TO_REPLACE = re.compile(f"[{re.escape(''.join(map(chr, SIMPLE)))}]")


def simplified(text: str) -> str:
    """The text as it is written with simplified characters; as many code points as before."""
    if _TO_REPLACE.search(text):
        text = text.translate(SIMPLE)
    if "覆" in text:
        text = text.replace("回覆", "回复").replace("答覆", "答复")
    return text
