"""Word lists as people write them, and their mistakes, all at once with places and hints."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import yaml
from msgspec import Struct
from msgspec.structs import replace

from classifiers.folding import fold_batch
from models.observation import Millis

# The parser in C is ten times faster and gives the same nodes and places; some builds of PyYAML lack it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Strength = Literal["strong", "weak", "allow"]

# Who wants the words of the product's own lists.
PRODUCT = "xunqun"
PRODUCT_LISTS = Path(__file__).with_name("lists")
_STRENGTHS: tuple[Strength, ...] = ("strong", "weak", "allow")
# What may be said of a word, and at the head of a list of all its words: who wants it, why, and from when to when it counts.
_SAID = ("by", "why", "since", "until")
_KEYS = ("category", *_SAID, *_STRENGTHS)
_WORD_KEYS = ("word", "words", *_SAID)
_CATEGORY = re.compile(r"[a-z][a-z0-9_]*")
# One character is part of too many words; two is where Chinese words start.
_SHORTEST = 2
# A date in a list is a day in China, wherever the program runs.
CHINA = timezone(timedelta(hours=8))
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_RELEASE = re.compile(r"\d+\.\d+\.\d+")
_DATE_HINT = "write a day such as 2026-12-31, or a time with its zone such as 2026-12-31T18:00+08:00"
# Stands in a word for a few characters of the same sentence: 转让…车位 is found in 转让一个地下车位.
GAP = "…"
# With each one more, looking for a word takes up to nine times as long, in a message that was written for that.
MOST_GAPS = 3


class Word(Struct, frozen=True):
    """A word as it was written and as it is looked for. `strong` speaks alone, `weak` needs other evidence, `allow`
    takes back what lies inside it. It may have gaps, see `GAP`.

    `by`, `why`, `since` and `until` are what its list says of this word alone, "" where the head of the list speaks for it.
    It counts for records from `starts` to before `ends`, group time; None where there is no such bound.
    """

    text: str
    folded: str
    strength: Strength
    by: str = ""
    why: str = ""
    since: str = ""
    until: str = ""
    starts: Millis | None = None
    ends: Millis | None = None

    def counts(self, at: Millis) -> bool:
        """Whether it counts for a record of that group time."""
        return (self.starts is None or self.starts <= at) and (self.ends is None or at < self.ends)

    def meets(self, other: "Word") -> bool:
        """Whether there is a time at which both count."""
        return (self.starts is None or other.ends is None or self.starts < other.ends) and (
            other.starts is None or self.ends is None or other.starts < self.ends
        )

    def covers(self, other: "Word") -> bool:
        """Whether it counts whenever the other does."""
        begins = self.starts is None or (other.starts is not None and self.starts <= other.starts)
        return begins and (self.ends is None or (other.ends is not None and other.ends <= self.ends))


class WordList(Struct, frozen=True):
    """The words of one category from one file; `why` says for people what they show.

    `by`, `why`, `since` and `until` hold for each word that does not say otherwise itself. `file` is where it was read from.
    """

    category: str
    why: str
    words: tuple[Word, ...]
    by: str = ""
    since: str = ""
    until: str = ""
    file: str = ""

    def said(self, word: Word) -> dict[str, str]:
        """Who wants a word of this list, why, since when and until when; "" where nobody said so."""
        return {name: getattr(word, name) or getattr(self, name) for name in _SAID}


class ListError(ValueError):
    """What is wrong with word lists: one line each, `file:line:column: what · hint: how to mend it`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def fold_words(texts: Sequence[str]) -> list[str]:
    """The words as they are looked for: folded, with their gaps."""
    parts = [text.split(GAP) for text in texts]
    folded = iter(fold_batch([part for one in parts for part in one]).texts)
    return [GAP.join(next(folded) for _ in one) for one in parts]


def load_lists(*directories: str | Path) -> tuple[WordList, ...]:
    """The product's lists and those of `directories`, each `<category>.yaml`, in a fixed order.

    Several files may speak of one category; an allow word of one takes back a word of another. ListError names every
    mistake of every file.
    """
    lists: list[WordList] = []
    problems: list[str] = []
    for directory in (PRODUCT_LISTS, *map(Path, directories)):
        if not directory.is_dir():
            problems.append(
                f"{directory}: no such directory · hint: give the directory that holds <category>.yaml files"
            )
            continue
        for path in sorted(directory.glob("*.yaml")):
            found = _Reader(path, problems).read()
            if found is not None:
                lists.append(found)
    if problems:
        raise ListError(problems)
    return tuple(lists)


def read_list(path: Path, *, anywhere: bool = False) -> WordList:
    """One list; with `anywhere` its file need not be called after its category. ListError with all mistakes."""
    problems: list[str] = []
    found = _Reader(path, problems, anywhere).read()
    if found is None:
        raise ListError(problems)
    return found


def in_force(lists: Sequence[WordList], at: Millis) -> tuple[WordList, ...]:
    """The lists with the words alone that count at a time, and these without dates: they then count for whatever is measured."""
    return tuple(
        replace(one, words=tuple(replace(word, starts=None, ends=None) for word in one.words if word.counts(at)))
        for one in lists
    )


def is_category(name: str) -> bool:
    """Whether a category may be called so: small Latin letters, digits and _."""
    return _CATEGORY.fullmatch(name) is not None


def moment(written: str, *, end: bool = False) -> Millis:
    """The time that a list means by a day (its start, or with `end` the start of the next) or by a time with its zone.

    ValueError if it is neither.
    """
    try:
        if _DAY.fullmatch(written):
            day = datetime.combine(date.fromisoformat(written), datetime.min.time(), CHINA)
            return _millis(day + timedelta(days=1) if end else day)
        found = datetime.fromisoformat(written)
    except OverflowError as error:
        raise ValueError(f"{written!r} is no day") from error
    if found.tzinfo is None:
        raise ValueError(f"{written!r} says no zone")
    return _millis(found)


def _millis(moment: datetime) -> Millis:
    # Not timestamp(): what lies before 1970 or after 2038 is the same everywhere this way.
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def written_list(one: WordList) -> str:
    """A list as YAML that reads as the same list: words of which the same is said stand together."""
    head = {name: value for name in ("category", *_SAID) if (value := getattr(one, name))}
    body: dict[str, list[Any]] = {}
    for strength in _STRENGTHS:
        said = {word: _own(word) for word in one.words if word.strength == strength}
        plain = [word.text for word, own in said.items() if not own]
        groups = groupby(
            sorted((word for word in said if said[word]), key=lambda word: list(said[word].items())), said.get
        )
        grouped = [_group(own, [word.text for word in words]) for own, words in groups]
        if plain or grouped:
            body[strength] = [*plain, *grouped]
    return str(yaml.dump({**head, **body}, Dumper=_DUMPER, allow_unicode=True, sort_keys=False, width=1 << 20))


def _own(word: Word) -> dict[str, str]:
    return {name: value for name in _SAID if (value := getattr(word, name))}


def _group(own: Mapping[str, str] | None, texts: list[str]) -> dict[str, Any]:
    return {"word": texts[0], **(own or {})} if len(texts) == 1 else {**(own or {}), "words": texts}


class _Said(Struct, frozen=True):
    """What was said of a word or of all, with the times that it comes to."""

    by: str = ""
    why: str = ""
    since: str = ""
    until: str = ""
    starts: Millis | None = None
    ends: Millis | None = None


class _Reader:
    """Reads one file and notes each mistake with its place. Works on nodes: values would have lost their places, and
    would have turned 12333 into a number and `no` into False."""

    def __init__(self, path: Path, problems: list[str], anywhere: bool = False) -> None:
        self.path = path
        self.problems = problems
        self.anywhere = anywhere

    def note(self, node: yaml.Node | None, what: str, hint: str) -> None:
        mark = node.start_mark if node else None
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        self.problems.append(f"{self.path}{place}: {what} · hint: {hint}")

    def read(self) -> WordList | None:
        known = len(self.problems)
        try:
            root = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=_LOADER)
        except UnicodeDecodeError:
            self.note(None, "is not UTF-8", "save the file as UTF-8")
            return None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            what = getattr(error, "problem", None) or "cannot be read as YAML"
            self.problems.append(
                f"{self.path}{place}: {what} · hint: put words with : # [ or quotes into double quotes"
            )
            return None
        if not isinstance(root, yaml.MappingNode):
            self.note(root, "is not a word list", "write category, why, and strong, weak or allow with a list of words")
            return None
        nodes = self._entries(root)
        category = self._category(root, nodes.get("category"))
        why = self._scalar(root, nodes.get("why"), "why", "say in a sentence what these words show")
        head = self._said(nodes, _Said())
        words = tuple(self._words(nodes, head))
        if len(self.problems) == known and not words:
            self.note(root, "has no words", "give words under strong, weak or allow, or delete the file")
        if len(self.problems) != known:
            return None
        return WordList(category, why, words, head.by, head.since, head.until, str(self.path))

    def _entries(self, root: yaml.MappingNode, keys: Sequence[str] = _KEYS) -> dict[str, yaml.Node]:
        nodes: dict[str, yaml.Node] = {}
        for key, value in root.value:
            name = str(key.value)
            if name not in keys:
                near = difflib.get_close_matches(name, keys, 1)
                self.note(
                    key, f'unknown entry "{name}"', f"did you mean {near[0]}?" if near else "use " + ", ".join(keys)
                )
            elif name in nodes:
                self.note(key, f'"{name}" stands twice', "put all of them into one entry")
            else:
                nodes[name] = value
        return nodes

    def _scalar(self, root: yaml.Node, node: yaml.Node | None, name: str, hint: str) -> str:
        if isinstance(node, yaml.ScalarNode) and node.value.strip():
            return str(node.value).strip()
        self.note(node or root, f'no "{name}"', hint)
        return ""

    def _category(self, root: yaml.Node, node: yaml.Node | None) -> str:
        category = self._scalar(root, node, "category", f"write category: {self.path.stem}")
        if category and not is_category(category):
            self.note(node, f'"{category}" is no name of a category', "use small Latin letters, digits and _")
        elif category and category != self.path.stem and not self.anywhere:
            self.note(node, f'category "{category}" in a file of another name', f"call the file {category}.yaml")
        return category

    def _said(self, nodes: Mapping[str, yaml.Node], head: _Said) -> _Said:
        """What stands beside a word, or at the head; times that are not said are those of the head."""
        said = {
            name: self._scalar(nodes[name], nodes[name], name, "give it a value, or leave it out")
            for name in _SAID
            if name in nodes
        }
        starts = self._moment(nodes, said, "since", head.starts)
        ends = self._moment(nodes, said, "until", head.ends)
        if starts is not None and ends is not None and ends <= starts and ("since" in said or "until" in said):
            node = nodes.get("until") or nodes["since"]
            self.note(node, '"until" lies before "since": it would never count', "mend one of them, or delete the word")
        return _Said(**said, starts=starts, ends=ends)

    def _moment(
        self, nodes: Mapping[str, yaml.Node], said: Mapping[str, str], name: str, else_: Millis | None
    ) -> Millis | None:
        written = said.get(name)
        if not written:
            return else_
        # What the product brings along counts for all records, old ones as well: its release tells people since when.
        if name == "since" and _RELEASE.fullmatch(written) and self.path.parent == PRODUCT_LISTS:
            return None
        try:
            return moment(written, end=name == "until")
        except ValueError:
            self.note(nodes[name], f'"{written}" is no time for "{name}"', _DATE_HINT)
            return else_

    def _words(self, nodes: dict[str, yaml.Node], head: _Said) -> Iterator[Word]:
        seen: dict[str, list[tuple[Word, int]]] = {}
        plain = _Said(starts=head.starts, ends=head.ends)
        for strength in _STRENGTHS:
            node = nodes.get(strength)
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                continue
            if not isinstance(node, yaml.SequenceNode):
                self.note(node, f'"{strength}" is not a list', f"write {strength}: [一词, 又一词]")
                continue
            entries = list(self._written(node, strength, head, plain))
            # Folding costs per call, not per word: all words of a list at once.
            for (entry, text, said), folded in zip(entries, fold_words([one[1] for one in entries]), strict=True):
                if wrong := unfit(text, folded):
                    self.note(entry, *wrong)
                    continue
                word = Word(text, folded, strength, said.by, said.why, said.since, said.until, said.starts, said.ends)
                before = seen.setdefault(folded, [])
                other = next((one for one in before if one[0].meets(word)), None)
                if other is not None:
                    former, line = other
                    hint = (
                        "delete one of them"
                        if former.strength == strength
                        else f"decide between {former.strength} and {strength}"
                    )
                    self.note(entry, f'"{text}" stands already in line {line} under {former.strength}', hint)
                    continue
                before.append((word, entry.start_mark.line + 1))
                yield word

    def _written(
        self, listed: yaml.SequenceNode, strength: str, head: _Said, plain: _Said
    ) -> Iterator[tuple[yaml.Node, str, _Said]]:
        """Place, text and what is said of each word: an entry is a word, or says something of one word or of several."""
        for entry in listed.value:
            said, within = plain, [entry]
            if isinstance(entry, yaml.MappingNode):
                nodes = self._entries(entry, _WORD_KEYS)
                if ("word" in nodes) == ("words" in nodes):
                    self.note(
                        entry,
                        "names no word, or names it twice",
                        "write {word: 一词, by: …} or {words: [一词, 又一词], by: …}",
                    )
                    continue
                said = self._said(nodes, head)
                several = nodes.get("words")
                if several is None:
                    within = [nodes["word"]]
                elif isinstance(several, yaml.SequenceNode):
                    within = several.value
                else:
                    self.note(several, '"words" is not a list', "write words: [一词, 又一词]")
                    continue
            for node in within:
                if isinstance(node, yaml.ScalarNode) and node.value.strip():
                    yield node, str(node.value).strip(), said
                else:
                    self.note(
                        node, f'an entry of "{strength}" is no word', "one word an entry, in quotes if it has signs"
                    )


def unfit(text: str, folded: str) -> tuple[str, str] | None:
    """Why something cannot be a word of a list, and what to do; None if it can."""
    if len(max(folded.split(GAP), key=len)) < _SHORTEST:
        return f'"{text}" is too short: it would be looked for as "{folded}"', "give a longer word"
    if not all(folded.split(GAP)):
        return f'"{text}" has a gap with nothing beside it', f"write words around each {GAP}"
    if folded.count(GAP) > MOST_GAPS:
        return f'"{text}" has more than {MOST_GAPS} gaps', "leave parts out, or make two words of it"
    return None
