"""Which rule serves which mechanism: one table over packs, written to docs/mechanisms.md by `xunqun pack mechanisms`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from policies.coverage import by_mechanism
from policies.schema import Binding, Pack

# So many values of a parameter are written out; more of them are the packs' own words, which their pages give.
_SHOWN = 4
_LONGEST = 40
_HEAD = """# Mechanisms

<!-- Made by `xunqun pack mechanisms --out docs/mechanisms.md` from the shipped packs; do not edit. -->

A mechanism is what a clause needs done, whatever policy it stands in; `for` in a pack names it. This table says by which
rule each is served, with which parameters (the values that packs give, `…` where they are long or more than four), under
which clauses. Modes: A automatic, R assisted (a person reviews), N record-only, – out of scope. Where it says *reasoned*,
nothing is judged, and the pack's page in [packs](packs/) gives the reason. What a rule looks at and what its parameters
mean stands in its docstring (`policies/rules/`).

| mechanism | rule | parameters | clauses |
| --- | --- | --- | --- |"""
_MODES = {"automatic": "A", "assisted": "R", "record-only": "N", "out-of-scope": "–"}


def as_markdown(packs: Iterable[Pack]) -> str:
    """One page of Markdown; the same packs give the same page."""
    return "\n".join((_HEAD, *_rows(packs))) + "\n"


def _rows(packs: Iterable[Pack]) -> Iterator[str]:
    for mechanism, served in sorted(by_mechanism(packs).items()):
        first = f"`{mechanism}`"
        for rule, bound in sorted(served.items()):
            name, params = (f"`{rule}`", "; ".join(_parameters(one for _, one in bound))) if rule else ("reasoned", "")
            yield f"| {first} | {name} | {params} | {_clauses(bound)} |"
            first = ""


def _clauses(bound: Iterable[tuple[str, Binding]]) -> str:
    modes: dict[str, set[str]] = {}
    for clause, binding in bound:
        modes.setdefault(clause, set()).add(_MODES[binding.mode])
    return ", ".join(f"{clause} {'/'.join(sorted(one))}" for clause, one in sorted(modes.items()))


def _parameters(bindings: Iterable[Binding]) -> Iterator[str]:
    given: dict[str, dict[str, None]] = {}
    for binding in bindings:
        for key, value in _flat(binding.params):
            given.setdefault(key, {})[value] = None
    for key, values in sorted(given.items()):
        said = " / ".join(sorted(values))
        yield f"`{key}`" + (f" {said}" if len(values) <= _SHOWN and len(said) <= _LONGEST * len(values) else " …")


def _flat(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each parameter with its value as a cell of the table; a list counts as its items where they are plain."""
    for key, value in params.items():
        items = value if isinstance(value, list) and all(isinstance(one, str | int) for one in value) else [value]
        for one in items:
            yield key, _said(one)


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
    text = " ".join(text.replace("|", "\\|").split())
    return text if len(text) <= _LONGEST else "…"
