"""Weights in half precision, served from the files they lie in; rows turn to single precision when they are asked for."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifiers.trained.card import WeightFile

Halves = npt.NDArray[np.float16]
Singles = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

# Columns of one file: rows of 16 bytes, never over two lines of the processor's cache.
_COLUMNS = 8
# Exponents of halves count from 15, those of singles from 127.
_REBASED = np.float32(2.0**112)


class Weights:
    """A table of weights, (rows, columns), in files of some columns each: (rows, columns of the file)."""

    def __init__(self, parts: Sequence[Halves]) -> None:
        self.parts = tuple(parts)
        self.columns = sum(part.shape[1] for part in parts)

    def take(self, rows: Places) -> Singles:
        """The rows, (count, columns). An index that is too large means the last row."""
        return np.concatenate([_single(part.take(rows, axis=0, mode="clip")) for part in self.parts], axis=1)

    def sums(self, rows: Places, starts: Places) -> Singles:
        """The sums of the rows from each start to the next, (starts, columns)."""
        return np.concatenate(
            [np.add.reduceat(_single(part.take(rows, axis=0, mode="clip")), starts, axis=0) for part in self.parts],
            axis=1,
        )

    def between(self, first: int, last: int) -> Singles:
        """The columns `first` to before `last` of all rows."""
        return np.concatenate(self.parts, axis=1)[:, first:last].astype(np.float32)


def _single(halves: Halves) -> Singles:
    """The same numbers by moving bits: exact for all but infinities and NaN, in a third of the time of `astype`."""
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    # The sign was carried over three bits that belong to the exponent.
    bits &= np.int32(~0x70000000)
    singles = bits.view(np.float32)
    singles *= _REBASED
    return singles


def write(folder: Path, columns: Sequence[Singles]) -> tuple[WeightFile, ...]:
    """Write columns of the same length, rounded to half precision, and say which files hold them.

    Replaces what was there, never in place: a process that serves the old weights has the files mapped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: list[WeightFile] = []
    for first in range(0, len(columns), _COLUMNS):
        content = io.BytesIO()
        np.save(content, np.stack(columns[first : first + _COLUMNS], axis=1).astype(np.float16), allow_pickle=False)
        name = f"weights-{len(files)}.npy"
        fresh = folder / f"{name}.new"
        fresh.write_bytes(content.getvalue())
        fresh.replace(folder / name)
        files.append(WeightFile(name, hashlib.sha256(content.getvalue()).hexdigest()))
    for old in {path.name for path in folder.glob("weights*.npy")} - {file.name for file in files}:
        (folder / old).unlink()
    return tuple(files)
