"""YAML read with the place of every value, so that each mistake can be shown where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
MAX_BYTES = 1_000_000
MAX_DEPTH = 40
# Aliases (*name), as programs write them for lists that are shared, may unfold a small file to a huge one.
MAX_VALUES = 1_000_000
# The parser in C is ten times faster and gives the same nodes and places; some builds of PyYAML lack it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Problem:
    """One mistake in a file: 1-based line and column, what is wrong, and what would mend it."""

    file: str
    line: int
    column: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        told = f"{self.file}:{self.line}:{self.column}: {self.what}"
        return f"{told} · hint: {self.hint}" if self.hint else told


class Document:
    """A YAML document of at most `most` bytes: its plain `value`, and where each path in it stands.

    Problems gather in `problems`.
    """

    def __init__(self, text: str, file: str, *, most: int = MAX_BYTES) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._places: dict[Path, tuple[int, int]] = {(): (1, 1)}
        self.value: Any = None
        self._values = 0
        if len(text.encode("utf-8", "replace")) > most:
            self.report((), f"the file is larger than {most} bytes", "split it")
            return
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            self.value = self._plain(node, (), loader) if node is not None else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._add(mark.line if mark else 0, mark.column if mark else 0, f"not YAML: {error.problem}")
        except RecursionError:
            self._add(0, 0, f"nested deeper than {MAX_DEPTH}")
        except (yaml.YAMLError, ValueError) as error:
            self._add(0, 0, f"not YAML: {str(error).splitlines()[0]}")
        finally:
            loader.dispose()

    def place(self, path: Path) -> tuple[int, int]:
        while path not in self._places and path:
            path = path[:-1]
        return self._places[path]

    def report(self, path: Path, what: str, hint: str = "") -> None:
        line, column = self.place(path)
        self.problems.append(Problem(self.file, line, column, what, hint))

    def _add(self, line: int, column: int, what: str) -> None:
        self.problems.append(Problem(self.file, line + 1, column + 1, what))

    def _plain(self, node: Node, path: Path, loader: Any) -> Any:
        if len(path) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=node.start_mark)
        self._values += 1
        if self._values > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_VALUES} values", problem_mark=node.start_mark)
        self._places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, MappingNode):
            return dict(self._pairs(node, path, loader))
        if isinstance(node, SequenceNode):
            return [self._plain(one, (*path, index), loader) for index, one in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        return loader.construct_object(node)

    def _pairs(self, node: MappingNode, path: Path, loader: Any) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            mark = key_node.start_mark
            if key in seen:
                self._add(mark.line, mark.column, f'"{key}" stands here twice')
            seen.add(key)
            value = self._plain(value_node, (*path, key), loader)
            self._places[(*path, key)] = (mark.line + 1, mark.column + 1)
            yield key, value
