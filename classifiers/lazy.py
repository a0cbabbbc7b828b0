"""Expressions that are compiled when they are first used: compiling all at once would double the start of a command.

A service calls `compile_all` before it takes the first message.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

P = TypeVar("P")


_waiting: list["_Later"] = []


class _Later:
    """Stands for an expression; its methods become the compiled one's own when the first of them is asked for."""

    def __init__(self, compile: Callable[[str], Any], expression: str) -> None:
        self._compile, self._expression = compile, expression
        _waiting.append(self)

    def __getattr__(self, name: str) -> Any:
        compiled = self._compile(self._expression)
        for one in ("search", "match", "fullmatch", "finditer", "findall", "sub", "split", "pattern"):
            setattr(self, one, getattr(compiled, one))
        return getattr(compiled, name)


def compile_all() -> None:
    """Compile what was not used yet, so that no message has to wait for it."""
    while _waiting:
        _waiting.pop().pattern  # noqa: B018


def lazy(compile: Callable[[str], P]) -> Callable[[str], P]:
    """A `compile` that does its work later; mistakes in an expression show when it is first used, so tests use all."""
    return lambda expression: cast(P, _Later(compile, expression))
