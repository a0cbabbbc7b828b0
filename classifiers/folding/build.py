"""Write the folding table: `python -m classifiers.folding.build`.

Needs OpenCC and confusable_homoglyphs (extra `training`); run time does not.
"""

import json
import sys
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import opencc

from classifiers.folding.table import CJK, CODE_POINTS, DIGIT, EDGE, HARD, LETTER, SOFT, SPACE, TABLE_FILE

# Punctuation that people put between characters to break a word, and hardly ever to end a phrase. Everything of the
# symbol categories (S*) is of this kind as well; all other punctuation is hard.
_SOFT_PUNCTUATION = frozenset("*_-·|/.~\\#&@%^`'・•‧‐‑‒–—―‥※†‡⁂⁎⁕′″‹›⁃")
# Invisible or without shape although Unicode calls them letters, symbols or unassigned.
_INVISIBLE = (
    {0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x2065}
    | set(range(0xFFF0, 0xFFFC))
    | set(range(0xE0000, 0xE1000))
    | set(range(0xFE00, 0xFE10))
)
_DROPPED_CATEGORIES = frozenset({"Mn", "Me", "Cf", "Cc", "Cs"})
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_SPACES = frozenset("\t\x1f")
# Letters in a disc or square, which Unicode gives no decomposition; the names end in the letter.
_ENCLOSED = ("NEGATIVE CIRCLED LATIN CAPITAL LETTER ", "NEGATIVE SQUARED LATIN CAPITAL LETTER ")
# Signs of formulas and units, which nobody takes for o, y and m, and what looks like 5.
_OTHERWISE = frozenset("σςγμƽ")
_CJK_RANGES = (
    (0x2E80, 0x2FD5),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x3096),
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x30FF),
    (0x3105, 0x312F),
    (0x31A0, 0x31BF),
    (0x31C0, 0x31E3),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFD),
)


def is_cjk(code: int) -> bool:
    """Written without spaces between words: Han, kana, bopomofo. Hangul is not."""
    return any(low <= code <= high for low, high in _CJK_RANGES)


@cache
def _confusable() -> dict[str, str]:
    """By a letter of any script the one Latin letter that it looks like, after Unicode's confusables (UTS 39)."""
    table = json.loads((files("confusable_homoglyphs") / "confusables.json").read_text(encoding="utf-8"))
    found = {}
    for letter, alike in table.items():
        if len(letter) > 1 or letter.isascii() or unicodedata.category(letter)[0] != "L":
            continue
        latin = [one["c"] for one in alike if len(one["c"]) == 1 and one["c"].isascii() and one["c"].isalpha()]
        if latin:
            # Unicode has l stand for l and for capital I; a capital that looks so is the latter.
            found[letter] = "i" if letter.isupper() and latin[0] == "l" else latin[0].lower()
    return found


def looks_like(letter: str) -> str | None:
    """The small Latin letter that a letter of another script looks like, as written or in the other case; None if none.

    Both cases, so that к and К remain one letter: Unicode takes but the capital for K.
    """
    if letter.lower() in _OTHERWISE:
        return None
    alike = _confusable()
    return next((alike[one] for one in (letter, letter.upper(), letter.lower()) if one in alike), None)


def _step(text: str, converters: list[opencc.OpenCC]) -> str:
    folded = []
    for character in unicodedata.normalize("NFKD", text):
        category = unicodedata.category(character)
        if character in _LINE_ENDS:
            folded.append("\n")
        elif character in _SPACES or category[0] == "Z":
            folded.append(" ")
        elif category in _DROPPED_CATEGORIES or ord(character) in _INVISIBLE:
            continue
        elif (digit := unicodedata.digit(character, None)) is not None:
            folded.append(str(digit))
        elif (name := unicodedata.name(character, "")).startswith(_ENCLOSED):
            folded.append(name[-1].lower())
        elif (latin := looks_like(character)) is not None:
            folded.append(latin)
        else:
            simple = character
            if is_cjk(ord(character)):
                simple = next((s for c in converters if (s := c.convert(character)) != character), character)
            folded.append(simple.casefold())
    # Composed again, so that Hangul stays one code point a syllable; no other script has marks left to compose.
    return unicodedata.normalize("NFC", "".join(folded))


def fold_code_point(code: int, converters: list[opencc.OpenCC]) -> str:
    """What one code point becomes, "" if it is dropped.

    Repeated until it stays as it is, so folding twice is folding. ValueError if it never does.
    """
    text = chr(code)
    for _ in range(8):
        folded = _step(text, converters)
        if folded == text:
            break
        text = folded
    else:
        raise ValueError(f"U+{code:04X} never settles")
    # `…` is three dots; a run of one separator counts as one of them anyway.
    if len(set(text)) == 1 and kind_of(ord(text[0])) >= SPACE:
        text = text[0]
    return text


def kind_of(code: int) -> int:
    """The class of a folded code point."""
    if code == 0:
        return EDGE
    character = chr(code)
    category = unicodedata.category(character)
    if is_cjk(code) and category[0] in "LN":
        return CJK
    if category == "Zs":
        return SPACE
    if character in _SOFT_PUNCTUATION:
        return SOFT
    if category[0] == "P" or character == "\n":
        return HARD
    # Private use (old WeChat emoji) and unassigned (newer emoji) count as symbols.
    if category[0] == "S" or category in {"Co", "Cn"}:
        return SOFT
    if category == "Nd":
        return DIGIT
    return LETTER


def _ranges(values: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    first = np.flatnonzero(np.diff(values, prepend=-2) != 1)
    return values[first].astype(np.uint32), np.diff(first, append=len(values)).astype(np.uint32)


def build() -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of the table file."""
    converters = [opencc.OpenCC(name) for name in ("t2s", "tw2s", "hk2s")]
    singles: list[tuple[int, int]] = []
    expanded: list[tuple[int, str]] = []
    dropped: list[int] = []
    for code in range(CODE_POINTS):
        text = fold_code_point(code, converters)
        if text == "":
            dropped.append(code)
        elif len(text) > 1:
            expanded.append((code, text))
        elif ord(text) != code:
            singles.append((code, ord(text)))
    kinds = np.array([kind_of(code) for code in range(CODE_POINTS)], dtype=np.uint8)
    change = np.flatnonzero(np.diff(kinds, prepend=255) != 0)
    drop_start, drop_length = _ranges(np.array(dropped, dtype=np.int64))
    return {
        "single_from": np.array([a for a, _ in singles], dtype=np.uint32),
        "single_to": np.array([b for _, b in singles], dtype=np.uint32),
        "drop_start": drop_start,
        "drop_length": drop_length,
        "expansion_from": np.array([a for a, _ in expanded], dtype=np.uint32),
        "expansion_length": np.array([len(b) for _, b in expanded], dtype=np.uint8),
        "expansions": np.frombuffer("".join(b for _, b in expanded).encode("utf-32-le"), dtype=np.uint32),
        "kind": kinds[change],
        "kind_length": np.diff(change, append=CODE_POINTS).astype(np.uint32),
    }


def main(path: Path = TABLE_FILE) -> None:
    arrays = build()
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    sys.stderr.write(
        f"{path}: {len(arrays['single_from'])} changed, {len(arrays['expansion_from'])} expanded, "
        f"{path.stat().st_size} bytes, Unicode {unicodedata.unidata_version}\n"
    )


if __name__ == "__main__":
    main()
