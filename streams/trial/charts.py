"""Charts as inline SVG. Text stays text, in the browser's own Chinese fonts; colours are the page's, light or dark."""

import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from io import StringIO
from typing import Any

from markupsafe import Markup, escape

from streams.trial.words import plain

MOST_BARS = 12
# Units of the drawing; at 72 to the inch a point is one unit, so font sizes are those of the page.
_WIDTH = 600
_ROW = 40
_MOST_COLUMNS = 62
# Code points of a label: so many full-width ones fit into the width.
_LABEL = 44
# Colours that stand for the page's own until the drawing is finished.
_PLACES = {
    "#010203": "var(--ink)",
    "#010204": "var(--soft)",
    "#010205": "var(--line)",
    "#010206": "var(--auto)",
    "#010207": "var(--ask)",
}
_INK, _SOFT, _LINE, _AUTO, _ASK = _PLACES


class Bar:
    """One bar: how many findings were automatic and how many wait for a person."""

    def __init__(self, label: str, automatic: int, assisted: int) -> None:
        self.label, self.automatic, self.assisted = label, automatic, assisted

    @property
    def total(self) -> int:
        return self.automatic + self.assisted


def columns(name: str, title: str, days: Mapping[str, tuple[int, int]], first: str, last: str) -> Markup:
    """Findings over time, one column a day; where those would be too many, a week, a month or a year."""
    bars, step = _over_time(days, first, last)
    figure, axes = _drawing(220)
    axes.set_position((0.075, 0.14, 0.915, 0.76))
    places = range(len(bars))
    low, high = [one.automatic for one in bars], [one.assisted for one in bars]
    width = 0.72 if len(bars) > 3 else 0.3
    axes.bar(places, low, width, color=_AUTO)
    axes.bar(places, high, width, bottom=low, color=_ASK)
    most = max(one.total for one in bars)
    axes.set_xlim(-0.8, max(len(bars) - 0.2, 1.8))
    axes.set_ylim(0, max(most * 1.15, 1))
    ticks = _ticks(most)
    axes.set_yticks(ticks, [str(one) for one in ticks])
    every = max(1, -(-len(bars) // 8))
    axes.set_xticks([one for one in places if one % every == 0], [one.label for one in bars[::every]])
    axes.grid(axis="y", color=_LINE, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=12, labelcolor=_SOFT, pad=5)
    if len(bars) <= 31:
        for place, bar in enumerate(bars):
            if bar.total:
                axes.text(place, bar.total + most * 0.03, str(bar.total), ha="center", color=_INK, fontsize=12)
    peak = max(bars, key=lambda one: one.total)
    said = f"按{step}统计，共 {sum(one.total for one in bars)} 条，最多的是 {peak.label}，{peak.total} 条。"
    return _svg(figure, name, title, said)


def rows(name: str, title: str, bars: Sequence[Bar], others: str) -> Markup:
    """The longest bars first, each with its label above it; the rest is one bar called `others`."""
    shown = list(bars[:MOST_BARS])
    if rest := bars[MOST_BARS:]:
        label = others.format(len(rest))
        shown.append(Bar(label, sum(one.automatic for one in rest), sum(one.assisted for one in rest)))
    height = _ROW * len(shown) + 6
    figure, axes = _drawing(height)
    axes.set_position((0, 0, 1, 1))
    axes.set_xlim(0, _WIDTH)
    axes.set_ylim(height, 0)
    most = max(one.total for one in shown)
    for number, bar in enumerate(shown):
        top = number * _ROW + 4
        scale = (_WIDTH - 64) / most
        label = plain(bar.label, _LABEL)
        axes.text(0, top + 12, label, color=_INK, fontsize=13, parse_math=False)
        axes.barh(top + 24, bar.automatic * scale, 11, color=_AUTO)
        axes.barh(top + 24, bar.assisted * scale, 11, left=bar.automatic * scale, color=_ASK)
        axes.text(bar.total * scale + 8, top + 28.5, str(bar.total), color=_INK, fontsize=13)
    said = "；".join(f"{plain(one.label, _LABEL)} {one.total} 条" for one in shown) + "。"
    return _svg(figure, name, title, said)


def _over_time(days: Mapping[str, tuple[int, int]], first: str, last: str) -> tuple[list[Bar], str]:
    begin, end = date.fromisoformat(min([first, *days])), date.fromisoformat(max([last, *days]))
    length = (end - begin).days + 1
    if length <= _MOST_COLUMNS:
        step, start, label = "日", lambda one: one, lambda one: f"{one.month}/{one.day}"
    elif length <= _MOST_COLUMNS * 7:
        step, start, label = "周", lambda one: one - timedelta(one.weekday()), lambda one: f"{one.month}/{one.day} 起"
    elif length <= _MOST_COLUMNS * 30:
        step, start, label = "月", lambda one: one.replace(day=1), lambda one: f"{one.year}-{one.month:02}"
    else:
        step, start, label = "年", lambda one: one.replace(month=1, day=1), lambda one: str(one.year)
    bars: dict[date, Bar] = {}
    day = begin
    while day <= end:
        place = start(day)
        bar = bars.setdefault(place, Bar(label(place), 0, 0))
        automatic, assisted = days.get(day.isoformat(), (0, 0))
        bar.automatic += automatic
        bar.assisted += assisted
        day += timedelta(1)
    return list(bars.values()), step


def _ticks(most: int) -> list[int]:
    """At most five round numbers from 0."""
    step = 1
    while most / step > 4:
        step *= 5 if str(step)[0] == "1" else 2
    return list(range(0, most + 1, step))


def _drawing(height: int) -> tuple[Any, Any]:
    # matplotlib takes half a second to import: only a page that has something to draw pays for it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72)
    FigureCanvasAgg(figure)
    figure.patch.set_visible(False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure, axes


def _svg(figure: Any, name: str, title: str, said: str) -> Markup:
    """Write the drawing for use inside a page: no header, no fonts, no addresses, ids of its own."""
    import matplotlib

    out = StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # matplotlib's own font lacks Chinese; the browser's does not, and nothing here is placed by measured text.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    body = drawn[drawn.index(">", drawn.index("<svg")) + 1 : drawn.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', body))
    # Tags only: labels hold whatever people wrote.
    body = re.sub(r"<[^>]*>", lambda tag: _own(tag[0], name, used), body)
    box = re.search(r'viewBox="([^"]*)"', drawn)
    head = (
        f'<svg class="chart" viewBox="{box[1] if box else ""}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(said)}</desc>'
    )
    return Markup(head + body + "</svg>")


def _own(tag: str, name: str, used: set[str]) -> str:
    """Make a tag fit the page: ids that no other chart has, the page's fonts and colours."""
    tag = re.sub(r' id="([^"]*)"', lambda one: f' id="{name}-{one[1]}"' if one[1] in used else "", tag)
    tag = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", tag).replace("xlink:href", "href")
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r"font-family: [^;\"]*;?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    for sentinel, colour in _PLACES.items():
        tag = tag.replace(sentinel, colour)
    return tag
