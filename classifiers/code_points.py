"""Many texts as one array of code points: numpy reads thousands of short texts as fast as one long one."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

# Code points in one array. More fall out of the processor's cache; it also bounds the memory of a chunk.
_AT_ONCE = 1 << 16


def joined(texts: Sequence[str]) -> Iterator[tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]]:
    """The texts in order, as arrays of at most 65,536 code points or of one longer text, each text with a zero after it.

    Text i of an array is `codes[bounds[i] : bounds[i + 1] - 1]`. Any str is accepted, lone surrogates included.
    """
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    first = begin = 0
    while first < len(texts):
        last = max(first + 1, int(np.searchsorted(ends, begin + _AT_ONCE, "right")))
        written = "\0".join((*texts[first:last], "")).encode("utf-32-le", "surrogatepass")
        yield np.frombuffer(written, np.uint32), np.concatenate(([0], ends[first:last] - begin))
        first, begin = last, int(ends[last - 1])
