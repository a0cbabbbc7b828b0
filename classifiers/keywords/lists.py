"""Word lists as people write them, and their mistakes, all at once with places and hints."""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import yaml
from msgspec import Struct

from classifiers.folding import fold_batch

# The parser in C is ten times faster and gives the same nodes and places; some builds of PyYAML lack it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Strength = Literal["strong", "weak", "allow"]

PRODUCT_LISTS = Path(__file__).with_name("lists")
_STRENGTHS: tuple[Strength, ...] = ("strong", "weak", "allow")
_KEYS = ("category", "why", *_STRENGTHS)
_CATEGORY = re.compile(r"[a-z][a-z0-9_]*")
# One character is part of too many words; two is where Chinese words start.
_SHORTEST = 2
# Stands in a word for a few characters of the same sentence: 转让…车位 is found in 转让一个地下车位.
GAP = "…"


class Word(Struct, frozen=True):
    """A word as it was written and as it is looked for. `strong` speaks alone, `weak` needs other evidence, `allow`
    takes back what lies inside it. It may have gaps, see `GAP`."""

    text: str
    folded: str
    strength: Strength


class WordList(Struct, frozen=True):
    """The words of one category from one file; `why` says for people what they show."""

    category: str
    why: str
    words: tuple[Word, ...]


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


class _Reader:
    """Reads one file and notes each mistake with its place. Works on nodes: values would have lost their places, and
    would have turned 12333 into a number and `no` into False."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path = path
        self.problems = problems

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
        words = tuple(self._words(nodes))
        if len(self.problems) == known and not words:
            self.note(root, "has no words", "give words under strong, weak or allow, or delete the file")
        return WordList(category, why, words) if len(self.problems) == known else None

    def _entries(self, root: yaml.MappingNode) -> dict[str, yaml.Node]:
        nodes: dict[str, yaml.Node] = {}
        for key, value in root.value:
            name = str(key.value)
            if name not in _KEYS:
                near = difflib.get_close_matches(name, _KEYS, 1)
                self.note(
                    key, f'unknown entry "{name}"', f"did you mean {near[0]}?" if near else "use " + ", ".join(_KEYS)
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
        if category and not _CATEGORY.fullmatch(category):
            self.note(node, f'"{category}" is no name of a category', "use small Latin letters, digits and _")
        elif category and category != self.path.stem:
            self.note(node, f'category "{category}" in a file of another name', f"call the file {category}.yaml")
        return category

    def _words(self, nodes: dict[str, yaml.Node]) -> Iterator[Word]:
        seen: dict[str, tuple[str, int]] = {}
        for strength in _STRENGTHS:
            node = nodes.get(strength)
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                continue
            if not isinstance(node, yaml.SequenceNode):
                self.note(node, f'"{strength}" is not a list', f"write {strength}: [一词, 又一词]")
                continue
            # Folding costs per call, not per word: all words of a list at once.
            written = [str(entry.value).strip() if isinstance(entry, yaml.ScalarNode) else "" for entry in node.value]
            for entry, text, folded in zip(node.value, written, fold_words(written), strict=True):
                if not isinstance(entry, yaml.ScalarNode) or not entry.value.strip():
                    self.note(
                        entry, f'an entry of "{strength}" is no word', "one word an entry, in quotes if it has signs"
                    )
                    continue
                if len(max(folded.split(GAP), key=len)) < _SHORTEST:
                    self.note(
                        entry, f'"{text}" is too short: it would be looked for as "{folded}"', "give a longer word"
                    )
                elif not all(folded.split(GAP)):
                    self.note(entry, f'"{text}" has a gap with nothing beside it', f"write words around each {GAP}")
                elif folded in seen:
                    other, line = seen[folded]
                    hint = "delete one of them" if other == strength else f"decide between {other} and {strength}"
                    self.note(entry, f'"{text}" stands already in line {line} under {other}', hint)
                else:
                    seen[folded] = (strength, entry.start_mark.line + 1)
                    yield Word(text, folded, strength)
