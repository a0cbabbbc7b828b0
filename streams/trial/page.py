"""Makes one page of a trial: a single file that asks for nothing from elsewhere."""

import base64
from collections import Counter, defaultdict
from functools import cache
from hashlib import blake2b, sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from models.observation import Millis
from policies.notices import SANCTION_NAMES
from streams.trial.charts import Bar, columns, rows
from streams.trial.data import ClauseFound, Example, Trial
from streams.trial.words import (
    EXAMPLES_PER_CLAUSE,
    KIND_NAMES,
    LONGEST_NAME,
    MODE_NAMES,
    MODE_SHORT,
    STANDING_NAMES,
    WAY_NAMES,
    Clock,
    Masking,
    marked,
    plain,
    shown,
)

# Rows of the table of all groups, and of unknown groups.
_MOST_GROUPS = 300


class _Words:
    """What the template asks for: names hidden or not, text made visible, times made local."""

    def __init__(self, trial: Trial, *, names: bool) -> None:
        self.clock = Clock(trial.timezone)
        self.masking = Masking(trial.names, off=names)
        self.packs = trial.packs
        self.groups = {one.id: one for one in trial.groups}
        self.clauses = {one.clause: one for one in trial.clauses}

    def who(self, name: str) -> Markup:
        return shown(self.masking.name(plain(name, LONGEST_NAME)))

    def said(self, text: str, example: Example | None = None) -> Markup:
        return shown(self.masking.text(text, example.aliases if example else ()))

    def message(self, one: Example) -> Markup:
        if one.excerpt is None:
            return Markup("")
        return marked(one.excerpt, self.masking.text(one.excerpt.text, one.aliases, keep_length=True))

    def group(self, name: str) -> str:
        found = self.groups.get(name)
        return (found.name if found else "") or f"未命名的群（{plain(name, 24)}）"

    def clause(self, name: str) -> str:
        """A clause as people cite it."""
        found = self.clauses.get(name)
        return f"{found.article} {found.says}" if found else name

    def article(self, name: str) -> str:
        found = self.clauses.get(name)
        return found.article if found else name

    def pack(self, slug: str) -> str:
        return self.packs.get(slug, slug)

    def minute(self, at: Millis | None) -> str:
        return self.clock.minute(at)

    def kind(self, name: str) -> str:
        return KIND_NAMES.get(name, "")

    def sanction(self, name: str) -> str:
        return SANCTION_NAMES.get(name, name).removesuffix("（待审批）")


def render(trial: Trial, *, names: bool = False) -> str:
    """Write the page. Names are masked (王建国 as 王**) unless `names`. Equal trials give equal pages."""
    words = _Words(trial, names=names)
    script = _part("page.js.j2")
    page = _environment().from_string(_part("page.html.j2"))
    return page.render(
        trial=trial,
        words=words,
        style=Markup(_part("page.css.j2")),
        script=Markup(script),
        script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
        charts=_charts(trial, words),
        period=_period(trial, words),
        outgoing=_outgoing(trial),
        clauses_by_pack=_by_pack(trial),
        detailed=[one for one in trial.groups if one.detailed],
        quiet=[one for one in trial.groups if not one.detailed][:_MOST_GROUPS],
        quiet_more=max(0, sum(not one.detailed for one in trial.groups) - _MOST_GROUPS),
        unknown=[one for one in trial.groups if not one.known][:_MOST_GROUPS],
        unknown_count=sum(not one.known for one in trial.groups),
        silent=sum(not one.messages for one in trial.groups),
        modes=Counter(one.mode for one in trial.groups),
        checked=_by_clause(trial),
        report_key=_key(trial),
        mode_names=MODE_NAMES,
        mode_short=MODE_SHORT,
        standing_names=STANDING_NAMES,
        way_names=WAY_NAMES,
        masked=not names,
        most_examples=EXAMPLES_PER_CLAUSE,
    )


@cache
def _part(name: str) -> str:
    return (files("streams.trial") / name).read_text(encoding="utf-8").rstrip("\n")


@cache
def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["show"] = shown
    return environment


def _period(trial: Trial, words: _Words) -> str:
    if trial.first is None or trial.last is None:
        return "没有任何记录"
    first, last = words.clock.date(trial.first), words.clock.date(trial.last)
    return first if first == last else f"{first}至 {last}"


def _charts(trial: Trial, words: _Words) -> dict[str, Markup]:
    if not trial.findings or trial.first is None or trial.last is None:
        return {}
    clauses = [Bar(_label(one, trial), one.automatic, one.assisted) for one in trial.clauses if one.findings]
    groups = [Bar(words.group(one.id), one.automatic, one.assisted) for one in trial.groups if one.findings]
    groups.sort(key=lambda one: -one.total)
    first, last = words.clock.day(trial.first), words.clock.day(trial.last)
    return {
        "days": columns("chart-days", "每天发现多少条", trial.by_day, first, last),
        "clauses": rows("chart-clauses", "各条款发现多少条", clauses, "其余 {} 条条款"),
        "groups": rows("chart-groups", "各群发现多少条", groups, "其余 {} 个群"),
    }


def _label(one: ClauseFound, trial: Trial) -> str:
    """A clause in the chart; articles of several policies need the policy's name beside them."""
    several = len({each.pack for each in trial.clauses}) > 1
    says = plain(one.says, 18) if several else one.says
    return f"{one.article} {says}" + (f"（{plain(trial.packs.get(one.pack, one.pack), 14)}）" if several else "")


def _outgoing(trial: Trial) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for one in trial.outgoing:
        counted[one.way] += one.count
    return counted


def _by_pack(trial: Trial) -> list[tuple[str, list[ClauseFound]]]:
    found: dict[str, list[ClauseFound]] = defaultdict(list)
    for one in trial.clauses:
        found[one.pack].append(one)
    return sorted(found.items(), key=lambda one: (-sum(each.findings for each in one[1]), one[0]))


def _by_clause(trial: Trial) -> list[tuple[str, list[Example]]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for one in trial.checklist:
        found[one.clause].append(one)
    return sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))


def _key(trial: Trial) -> str:
    """Names the list, so that ticks kept by the browser are found again for the same list only."""
    joined = "\n".join(one.violation_id for one in trial.checklist)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
