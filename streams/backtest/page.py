"""Makes one page of a backtest: a single file that asks for nothing from elsewhere, in the manner of a trial's."""

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b, sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from models import Fleet
from policies.directory import Directory
from policies.notices import SANCTION_NAMES
from policies.rules.content import NAMES
from streams.backtest.compare import Found, Pair, Tally
from streams.backtest.report import Gate, by_change, sanctions, text_of
from streams.backtest.run import Backtest
from streams.trial.words import LONGEST_NAME, Clock, Masking, excerpt_of, marked, plain, shown

# Rows of each table: what differs most.
_ROWS = 60
_OUTCOMES = {"automatic": "自动判定", "asks": "请人判断"}
_GATES = {"more": "多判的条数", "fewer": "少判的条数", "innocent": "可能冤枉的消息"}


class _Words:
    """What the template asks for: texts made visible, names hidden or not, times made local."""

    def __init__(self, found: Backtest, fleet: Fleet, *, names: bool) -> None:
        self.found = found
        self.clock = Clock(fleet.settings.timezone)
        self.masking = Masking(Directory(fleet).names, off=names)
        self.groups = {one.id: one.name for one in fleet.groups if one.name}

    def group(self, name: str) -> str:
        return plain(self.groups.get(name) or f"未命名的群（{name}）", LONGEST_NAME)

    def clause(self, pack: str, name: str) -> str:
        return self.found.says.get((pack, name), name)

    def category(self, name: str) -> str:
        return NAMES.get(name, name)

    def sanction(self, name: str) -> str:
        kind, _, draft = name.partition(" ")
        return SANCTION_NAMES.get(kind, kind).removesuffix("（待审批）") + ("（草稿，待批准）" if draft else "")

    def minute(self, one: Found) -> str:
        return self.clock.minute(one.at)

    def message(self, one: Found) -> Markup:
        text = text_of(self.found, one)
        if not text:
            return Markup("")
        excerpt = excerpt_of(text, one.spans)
        return marked(excerpt, self.masking.text(excerpt.text, keep_length=True))

    def why(self, one: Found) -> Markup:
        """What it rests on; it quotes the message."""
        return shown(self.masking.text(one.explanation)) if self.found.with_texts else Markup("")


def render(found: Backtest, held: Sequence[Gate], fleet: Fleet, *, names: bool = False, title: str = "回测报告") -> str:
    """Write the page. Names are masked unless `names`. Equal backtests give equal pages."""
    script = _part("streams.trial", "page.js.j2")
    page = _environment().from_string(_part("streams.backtest", "page.html.j2"))
    compared = found.compared
    return page.render(
        title=title,
        found=found,
        compared=compared,
        words=_Words(found, fleet, names=names),
        style=Markup(_part("streams.trial", "page.css.j2") + "\n" + _part("streams.backtest", "page.css.j2")),
        script=Markup(script),
        script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
        messages=sum(found.new.messages.values()),
        gates=held,
        gate_names=_GATES,
        outcome_names=_OUTCOMES,
        clauses=_differing(compared.clauses),
        groups=_differing(compared.groups),
        categories=_differing(compared.categories),
        sanctions=sanctions(found),
        examples=_examples(found),
        new_findings=[
            ("新增的自动判定", compared.newly["automatic"]),
            ("新增的请人判断", compared.newly["asks"]),
            ("不再自动判定的", compared.spared),
        ],
        report_key=_key(compared.to_label),
        masked=not names,
    )


def _examples(found: Backtest) -> list[tuple[str, str, tuple[Pair, ...]]]:
    compared = found.compared
    return [
        ("more", "多判的", compared.more),
        ("fewer", "少判的", compared.fewer),
        ("changed", "判法变了的", compared.changed),
    ]


def _differing(tallies: Mapping[Any, Tally]) -> list[tuple[Any, Tally, float, float]]:
    """Rows of a table with the lengths of their bars, in percent of the longest."""
    rows = [(name, tally) for name, tally in by_change(tallies) if tally.differs][:_ROWS]
    longest = max((max(one.more + one.harder, one.fewer + one.softer) for _, one in rows), default=0) or 1
    return [
        (name, one, 100 * (one.fewer + one.softer) / longest, 100 * (one.more + one.harder) / longest)
        for name, one in rows
    ]


@cache
def _part(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8").rstrip("\n")


@cache
def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment


def _key(to_label: Sequence[Found]) -> str:
    """Names the list, so that ticks kept by the browser are found again for the same list only."""
    joined = "\n".join(one.id for one in to_label)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
