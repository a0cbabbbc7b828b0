"""The committed table (`table.npz`, written by `python -m classifiers.decoding.build`) as lookup arrays."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

TABLE_FILE = Path(__file__).with_name("table.npz")
_CODE_POINTS = 0x110000
# From here on a code point, of private use, stands for a syllable that is spelled in letters.
SPELLED = 0xF0000
# Sounds that many speakers do not tell apart, and that sound-alikes mix: 信 and 星, 是 and 四.
_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ing", "in"), ("eng", "en"))
# Signs that are read out in place of a character of this sound.
_READ_OUT = {"v": "wei", "x": "xin", "+": "jia", "➕": "jia"}


@dataclass(frozen=True, slots=True)
class Table:
    """`sound[code point]` is the number of its syllable, 0 without one; `numbers` are those of written syllables.

    `meant` is by what is written what stands for it: split characters and aliases, folded.
    """

    sound: npt.NDArray[np.uint32]
    numbers: dict[str, int]
    meant: dict[str, str]


def alike(syllable: str) -> str:
    """The syllable with sounds that are mixed up taken together."""
    for one, other in _ALIKE:
        syllable = syllable.replace(one, other)
    return syllable


@cache
def table() -> Table:
    """The same object every time; never write to its arrays."""
    with np.load(TABLE_FILE) as data:
        sound = np.zeros(_CODE_POINTS, np.uint32)
        sound[data["read_from"]] = data["read_as"]
        numbers = {name: index + 1 for index, name in enumerate(data["syllables"].tolist())}
        meant = dict(zip(data["written"].tolist(), data["meant"].tolist(), strict=True))
    sound[SPELLED + 1 : SPELLED + 1 + len(numbers)] = np.arange(1, len(numbers) + 1)
    for sign, name in _READ_OUT.items():
        sound[ord(sign)] = numbers[name]
    sound.setflags(write=False)
    return Table(sound, numbers, meant)
