"""Words that somebody offers for a list: read from a file as teams have them, and sifted against the lists in force."""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from msgspec import Struct

from classifiers.keywords import ListError, Strength, Word, WordList, fold_words, moment, read_list, unfit
from models.observation import Millis
from streams.errors import LoadError

# More than a person can have looked at, and more than the lists are made for.
MOST_BYTES = 32 << 20
MOST_WORDS = 200_000
# A word of more code points is a sentence, which nobody writes twice alike.
LONGEST = 40
_STRENGTHS: tuple[Strength, ...] = get_args(Strength)
_COLUMNS = {
    "word": "word", "text": "word", "keyword": "word", "词": "word", "词语": "word", "关键词": "word", "敏感词": "word",
    "strength": "strength", "强度": "strength", "why": "why", "reason": "why", "原因": "why",
    "since": "since", "生效": "since", "until": "until", "expiry": "until", "到期": "until",
}  # fmt: skip
_WRITTEN = {"强": "strong", "强词": "strong", "弱": "weak", "弱词": "weak", "放行": "allow"}


class Offered(Struct, frozen=True):
    """A word as a file has it; what the file leaves out is ""."""

    text: str
    line: int
    strength: str = ""
    why: str = ""
    since: str = ""
    until: str = ""


class LeftOut(Struct, frozen=True):
    """A word that is not taken, and why."""

    text: str
    line: int
    why: str


class Sifted(Struct, frozen=True):
    """What remains of an offer. `twice` stand twice in it, `known` are in a list already, for all of their time."""

    offered: int
    words: tuple[Word, ...]
    left_out: tuple[LeftOut, ...]
    twice: int
    known: int


def read_offered(path: Path) -> list[Offered]:
    """The words of a .txt (one a line, # begins a comment), .csv or .tsv (the first line names the columns) or .yaml list.

    UTF-8, with or without BOM, UTF-16 with it, or GB18030. LoadError where it cannot be used as a whole.
    """
    suffix = path.suffix.lower()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise LoadError(f"{path}: is larger than {MOST_BYTES >> 20} MB; offer the part that you have looked at")
        if suffix in (".yaml", ".yml"):
            return _of_list(read_list(path, anywhere=True))
        text = _decoded(path.read_bytes(), path)
    except ListError as error:
        raise LoadError(f"the list cannot be used:\n{error}") from error
    except OSError as error:
        raise LoadError(f"{path}: the file cannot be read: {error.strerror}") from error
    found = list(_of_table(text, path) if suffix in (".csv", ".tsv") else _of_lines(text))
    if not found:
        raise LoadError(f"{path}: holds no word; write one a line")
    if len(found) > MOST_WORDS:
        raise LoadError(
            f"{path}: holds {len(found):,} words, more than {MOST_WORDS:,}; offer the part that you have looked at"
        )
    return found


def _decoded(body: bytes, path: Path) -> str:
    marked = body.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in body and not marked:
        raise LoadError(f"{path}: is not text; give a .txt, .csv, .tsv or .yaml file")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    raise LoadError(f"{path}: is neither UTF-8 nor GB18030; save it as UTF-8")


def _clean(text: str) -> str:
    """Without what is not seen, and with plain blanks."""
    if text.isprintable():
        return text.strip()
    seen = ("" if unicodedata.category(sign) in ("Cf", "Cc") and not sign.isspace() else sign for sign in text)
    return " ".join("".join(seen).split())


def _of_lines(text: str) -> Iterator[Offered]:
    for number, line in enumerate(text.splitlines(), start=1):
        if (word := _clean(line)) and not word.startswith("#"):
            yield Offered(word, number)


def _of_table(text: str, path: Path) -> Iterator[Offered]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    # Not strict, what follows a quotation mark that is not closed would be one long word.
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        names = [_COLUMNS.get(name.strip().lower(), "") for name in next(rows, [])]
        if names.count("word") != 1:
            raise LoadError(
                f"{path}: its first line has to name the columns: word, and if you like strength, why, since, until"
            )
        for row in rows:
            cells = {name: _clean(cell) for name, cell in zip(names, row, strict=False) if name}
            if word := cells.pop("word", ""):
                yield Offered(word, rows.line_num, **cells)
    except csv.Error as error:
        raise LoadError(f"{path}:{rows.line_num}: {error}; look for a quotation mark that is not closed") from error


def _of_list(one: WordList) -> list[Offered]:
    found = []
    for word in one.words:
        said = one.said(word)
        found.append(Offered(word.text, 0, word.strength, said["why"], said["since"], said["until"]))
    return found


def sift(
    offered: Sequence[Offered],
    lists: Sequence[WordList],
    category: str,
    *,
    own_file: str,
    by: str,
    why: str,
    strength: Strength,
    since: str,
    until: str = "",
) -> Sifted:
    """What of an offer can be taken into the list in `own_file`, beside all `lists` there are; the rest with its reasons.

    `why`, `strength`, `since` and `until` hold for the words that do not say otherwise.
    """
    known: dict[str, list[tuple[Word, WordList]]] = {}
    for listed in lists:
        if listed.category == category:
            for other in listed.words:
                known.setdefault(other.folded, []).append((other, listed))
    folded = fold_words([one.text for one in offered])
    made = [
        _made(*one, by=by, why=why, strength=strength, since=since, until=until)
        for one in zip(offered, folded, strict=True)
    ]
    words, left_out, twice = _each_once(offered, made)
    taken = []
    there = 0
    for word, line in words:
        others = [(other, listed) for other, listed in known.get(word.folded, ()) if other.meets(word)]
        if any(other.strength == word.strength and other.covers(word) for other, _ in others):
            there += 1
        elif wrong := _in_the_way(word, others, own_file):
            left_out.append(LeftOut(word.text, line, wrong))
        else:
            taken.append(word)
    return Sifted(len(offered), tuple(taken), tuple(left_out), twice, there)


def _each_once(
    offered: Sequence[Offered], made: Sequence[Word | str]
) -> tuple[list[tuple[Word, int]], list[LeftOut], int]:
    """The words, each with its line and once for any time, what is left out, and how many stand twice."""
    words: dict[str, list[tuple[Word, int]]] = {}
    contradicted: dict[str, LeftOut] = {}
    left_out: list[LeftOut] = []
    twice = 0
    for one, word in zip(offered, made, strict=True):
        if isinstance(word, str):
            left_out.append(LeftOut(one.text[:LONGEST], one.line, word))
            continue
        former = words.setdefault(word.folded, [])
        met, line = next((each for each in former if each[0].meets(word)), (None, 0))
        if former and former[0][0].strength != word.strength:
            told = f"stands as {former[0][0].strength} in line {former[0][1]} and as {word.strength} in line {one.line}"
            contradicted.setdefault(word.folded, LeftOut(one.text, one.line, told))
        elif met is None:
            former.append((word, one.line))
        elif met.covers(word):
            twice += 1
        else:
            told = f"stands in line {line} already{_dates(met.since, met.until)}: give it times that do not overlap"
            left_out.append(LeftOut(one.text, one.line, told))
    left_out += contradicted.values()
    return [each for folded, some in words.items() if folded not in contradicted for each in some], left_out, twice


def _made(one: Offered, folded: str, *, by: str, why: str, strength: Strength, since: str, until: str) -> Word | str:
    """The word, or why it cannot be one."""
    if len(one.text) > LONGEST:
        return f"is longer than {LONGEST} signs: no word"
    if wrong := unfit(one.text, folded):
        return wrong[0].partition('" ')[2]
    given = _WRITTEN.get(one.strength, one.strength) or strength
    if given not in _STRENGTHS:
        return f"has no strength {given[:LONGEST]}: it is strong, weak or allow"
    since, until = one.since or since, one.until or until
    try:
        starts, ends = _time(since), _time(until, end=True)
    except ValueError as error:
        return str(error)
    if starts is not None and ends is not None and ends <= starts:
        return f"ends at {until}, before it begins at {since}"
    return Word(one.text, folded, given, by, one.why or why, since, until, starts, ends)


def _time(written: str, *, end: bool = False) -> Millis | None:
    try:
        return moment(written, end=end) if written else None
    except ValueError:
        raise ValueError(f"{written[:LONGEST]} is no time: write 2026-12-31, or 2026-12-31T18:00+08:00") from None


def _in_the_way(made: Word, others: Sequence[tuple[Word, WordList]], own_file: str) -> str | None:
    for word, listed in others:
        if listed.file == own_file and word.strength == made.strength:
            said = listed.said(word)
            dates = _dates(said["since"], said["until"])
            return f"stands in {own_file} already{dates}: expire it there first, or offer it for a time beside that"
        if listed.file == own_file:
            return f"stands already as {word.strength} in {own_file}: expire it there first"
        if word.strength == "allow" != made.strength:
            return f"{listed.file} allows it, which takes back every hit"
    return None


def _dates(since: str, until: str) -> str:
    return (f" from {since}" if since else "") + (f" until {until}" if until else "")
