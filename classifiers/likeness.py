"""Signatures that similar texts share, and the memory in which they are found again. No word of a text can be read from them.

A signature is a MinHash over the characters and pairs of neighbouring characters of what a text says: the share of bytes that two
have in common estimates the share of these that the texts have in common.
"""

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from classifiers.folding import fold_batch
from classifiers.lazy import lazy

# Texts of which less is left have no signature: greetings, receipts, and what anybody might say. In characters; in a text without
# Chinese, in words.
SHORTEST, _FEWEST_WORDS = 12, 6
# Bands of three bytes each: two texts that share half are found by one of them in 99 of 100 cases, those that share a tenth in 3.
BANDS, _ROWS = 32, 3
#: Bytes of a signature.
SIZE = BANDS * _ROWS
#: From this share on two texts count as the same, changed. By figures, see docs/detection.md.
ALIKE = 0.45
_SEED = 1
# Code points that are read of one text, as many as of the beginning of an advert.
_LONGEST = 500
# The newest entries that a bucket of a band remembers.
_WAYS = 4

_compile = lazy(re.compile)
# What no two copies need to share: numbers in signs or words, and whatever stands in Latin letters beside Chinese, since that
# is mostly an account.
_CHINESE = _compile("[^\u3400-\u9fff\U00020000-\U0003ffff]+|[零〇一二三四五六七八九十百千万亿两幺]+")
# In a text without Chinese: the words, without addresses, accounts and numbers.
_WORDS = _compile(r"(?<!\S)[^\W\d_]+(?=[\s,;:!?]|\.(?:\s|$)|$)")
_STEP = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0xD6E8FEB86659FD93)

Row = npt.NDArray[np.uint8]


def signatures(texts: Sequence[str]) -> list[bytes | None]:
    """The signature of each text, 96 bytes; None where less than 12 characters are left of it.

    Numbers, accounts, addresses, signs and emoji are left out, and folding has made the rest one script. Some 30
    microseconds each among many, 250 alone. The same for every release of rensa with the same `RMinHash.ALGORITHM_VERSION`.
    """
    said = list(map(_symbols, fold_batch([text[:_LONGEST] for text in texts]).texts))
    long = [i for i, one in enumerate(said) if one]
    found: list[bytes | None] = [None] * len(texts)
    if long:
        tokens, starts = _tokens([said[i] for i in long])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(tokens, starts, SIZE, _SEED)
        for i, row in zip(long, np.array(matrix.to_rows(), np.uint32).astype(np.uint8), strict=True):
            found[i] = row.tobytes()
    return found


def _symbols(folded: str) -> list[int]:
    """What distinguishes one text from another, without what every sender puts in of his own; nothing where it is too little."""
    chinese = _CHINESE.sub("", folded)
    if len(chinese) >= SHORTEST:
        return list(map(ord, chinese))
    words = [crc32(one.encode()) for one in _WORDS.findall(folded)]
    return words if len(words) >= _FEWEST_WORDS else []


def _tokens(texts: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Hashes of the symbols of each text and of their pairs, with where those of each text begin."""
    symbols = np.fromiter((one for text in texts for one in text), np.uint64)
    bounds = np.cumsum([0, *map(len, texts)])
    tokens = np.empty((len(symbols), 2), np.uint64)
    tokens[:, 0] = symbols
    tokens[:-1, 1] = (symbols[:-1] + np.uint64(1)) * _PAIR + symbols[1:]
    # The last symbol of a text has no pair: it stands for itself twice.
    last = bounds[1:] - 1
    tokens[last, 1] = symbols[last]
    return (tokens * _STEP).reshape(-1), (2 * bounds).astype(np.uint64)


class Index:
    """Finds among the newest `most` signatures those that are alike, by bands.

    Whoever puts one in says its slot, below `most`, and what stood there before is forgotten. Of each band's value the newest
    four are remembered. 224 bytes an entry.
    """

    def __init__(self, most: int) -> None:
        self._rows = np.zeros((most, SIZE), np.uint8)
        bits = max(4, (most // _WAYS - 1).bit_length())
        # Slots, of each bucket the newest first; at first the last slot, which is compared as well as any.
        self._newest = np.full((BANDS << bits, _WAYS), most - 1, np.int32)
        self._first = np.arange(BANDS) << bits
        self._shift = 32 - bits

    def put(self, slot: int, signature: bytes) -> None:
        self._rows[slot] = row = np.frombuffer(signature, np.uint8)
        buckets = self._buckets(row)
        self._newest[buckets, 1:] = self._newest[buckets, :-1]
        self._newest[buckets, 0] = slot

    def signature(self, slot: int) -> bytes:
        """What was put in there last."""
        return bytes(self._rows[slot])

    def find(self, signature: bytes) -> list[int]:
        """The slots of what is alike, in their order; some 40 microseconds."""
        row = np.frombuffer(signature, np.uint8)
        slots = self._newest.take(self._buckets(row), axis=0).ravel()
        same = self._rows.take(slots, axis=0) == row
        return sorted(set(slots[same.view(np.uint8) @ _ONES >= ALIKE * SIZE].tolist()))

    def _buckets(self, row: Row) -> npt.NDArray[np.int64]:
        """The bucket of each band. Three bytes are a number, which is spread over the buckets."""
        bands = row.reshape(BANDS, _ROWS).astype(np.int64) @ _PLACES
        buckets: npt.NDArray[np.int64] = ((bands * _SPREAD & 0xFFFFFFFF) >> self._shift) + self._first
        return buckets


_PLACES = np.array([1, 1 << 8, 1 << 16])
_SPREAD = 0x9E3779B1
_ONES = np.ones(SIZE, np.uint8)
