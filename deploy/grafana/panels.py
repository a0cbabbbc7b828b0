"""What a dashboard is made of, and how Grafana writes it down."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from asking import Query, only
from grafana_foundation_sdk.builders import bargauge, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import common as shared
from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

TAG: Final = "xunqun"
SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
ALL: Final = dashboard.VariableOption(text="All", value="$__all", selected=True)

Drawn = Literal["number", "lines", "areas", "bars", "table", "heat"]
# From which value on a panel has which colour.
Limits = tuple[tuple[float | None, str], ...]


def above(warn: float, bad: float | None = None) -> Limits:
    """Green, and worse from there on; with one figure, red at once."""
    return ((None, "green"), (warn, "red")) if bad is None else ((None, "green"), (warn, "orange"), (bad, "red"))


def below(good: float, bad: float | None = None) -> Limits:
    """Red, and good from there on; between the two, orange."""
    return ((None, "red"), (good, "green")) if bad is None else ((None, "red"), (bad, "orange"), (good, "green"))


@dataclass(frozen=True)
class Panel:
    """One question and its answer. `fault` is what must move it: a panel that nothing moves is left out."""

    title: str
    question: str
    fault: str
    queries: tuple[Query, ...]
    drawn: Drawn = "lines"
    unit: str = "short"
    limits: Limits = ()
    runbook: str = ""
    decimals: int | None = None
    width: int | None = None
    # The columns of a table, in the order of its labels and queries: (as Prometheus calls it, as people do, unit).
    columns: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """What can be chosen above a board: the values of a label, of which one or several count."""

    name: str
    label: str
    of: str
    several: bool = True


@dataclass(frozen=True)
class Board:
    """`name` is its file and its fixed address in Grafana."""

    name: str
    title: str
    answers: str
    rows: tuple[Row, ...]
    shown: str = "now-6h"
    variables: tuple[Variable, ...] = ()
    # Whether numbers are set beside earlier ones; then it can be chosen how much earlier.
    compares: bool = False
    # Whether the moment when another pack, list or model came into force is marked in all its panels.
    marks_editions: bool = False


def description(panel: Panel) -> str:
    """What the panel's sign of information shows."""
    return f"{panel.question} Moved by: {panel.fault}."


def drawn(board: Board, docs: str) -> dashboard.Dashboard:
    """The board as Grafana's own types; `docs` is the address under which people find the folder `docs`."""
    made = (
        sdk.Dashboard(board.title)
        .uid(f"xunqun-{board.name}")
        .description(board.answers)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time(board.shown, "now")
        .refresh("30s")
        .link(
            sdk.DashboardLink("Boards")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .link(
            sdk.DashboardLink("What to do")
            .type(dashboard.DashboardLinkType.LINK)
            .url("${docs}/runbooks/README.md")
            .icon("doc")
            .target_blank(True)
        )
    )
    for variable in _variables(board, docs):
        made.with_variable(variable)
    if board.marks_editions:
        made.annotation(_editions())
    number = 0
    for row in board.rows:
        number += 1
        made.with_row(sdk.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made.with_panel(_panel(panel, number))
    return made.build()


def _variables(board: Board, docs: str) -> list[Any]:
    made: list[Any] = [sdk.DatasourceVariable("datasource").label("Prometheus").type("prometheus")]
    for one in (Variable("job", "Fleet", "xunqun_build_info"), *board.variables):
        # The job narrows what the others offer.
        series = one.of if one.name == "job" else only(one.of)
        asked = f"label_values({series}, {one.name})"
        variable = (
            sdk.QueryVariable(one.name)
            .label(one.label)
            .datasource(SOURCE)
            .query({"query": asked, "refId": one.name})
            .definition(asked)
            .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        )
        if one.several:
            variable.multi(True).include_all(True).current(ALL)
            if one.name != "job":
                # What comes later belongs to all, too. Of jobs only ours: Prometheus has others beside them.
                variable.all_value(".*")
        made.append(variable)
    if board.compares:
        day = dashboard.VariableOption(text="1d", value="1d", selected=True)
        made.append(sdk.IntervalVariable("before").label("Beside").values("1h,1d,7d").current(day))
    made.append(
        sdk.TextBoxVariable("docs")
        .label("Documentation")
        .default_value(docs)
        .current(dashboard.VariableOption(text=docs, value=docs, selected=True))
        .hide(dashboard.VariableHide.HIDE_VARIABLE)
    )
    return made


def _editions() -> sdk.AnnotationQuery:
    edition = only("xunqun_edition_info")
    before = f"max by (part, name, version) ({edition} offset 5m)"
    return (
        sdk.AnnotationQuery()
        .name("Another edition")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("purple")
        .expr(f"max by (part, name, version) ({edition}) unless on (part, name, version) {before}")
        .title_format("{{part}} {{name}}")
        .text_format("{{version}}")
        .step("60s")
    )


_MADE: Final[dict[Drawn, Any]] = {
    "number": stat.Panel,
    "lines": timeseries.Panel,
    "areas": timeseries.Panel,
    "bars": bargauge.Panel,
    "table": table.Panel,
    "heat": heatmap.Panel,
}
# Of 24 columns, and rows of some 30 pixels.
_SIZE: Final[dict[Drawn, tuple[int, int]]] = {
    "number": (4, 4),
    "lines": (8, 8),
    "areas": (8, 8),
    "bars": (8, 8),
    "table": (12, 8),
    "heat": (12, 8),
}


def _panel(panel: Panel, number: int) -> Any:
    width, height = _SIZE[panel.drawn]
    made = (
        _MADE[panel.drawn]()
        .id(number)
        .title(panel.title)
        .description(description(panel))
        .datasource(SOURCE)
        .span(panel.width or width)
        .height(height)
        .unit(panel.unit)
    )
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.limits:
        made.thresholds(_limits(panel.limits))
    if panel.runbook:
        link = sdk.DashboardLink(f"What to do: {panel.runbook}").type(dashboard.DashboardLinkType.LINK)
        made.links([link.url(f"${{docs}}/runbooks/{panel.runbook}.md").target_blank(True)])
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        made.with_target(_target(panel, query, letter))
    _FINISH[panel.drawn](made, panel)
    return made


def _target(panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().ref_id(letter).expr(query.expression).datasource(SOURCE)
    if query.legend:
        made.legend_format(query.legend)
    if panel.drawn == "heat":
        return made.range().format(PromQueryFormat.HEATMAP)
    if panel.drawn == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    # A number asked for over time would still show its last value hours after the fleet went away.
    return made.instant() if panel.drawn in ("number", "bars") else made.range()


def _limits(limits: Limits) -> sdk.ThresholdsConfig:
    steps = [dashboard.Threshold(value=value, color=color) for value, color in limits]
    return sdk.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _last() -> shared.ReduceDataOptions:
    return shared.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _finish_number(made: stat.Panel, panel: Panel) -> None:
    color = common.BigValueColorMode.BACKGROUND if panel.limits else common.BigValueColorMode.NONE
    made.reduce_options(_last()).color_mode(color).graph_mode(common.BigValueGraphMode.NONE).no_value("no data")


def _finish_lines(made: timeseries.Panel, panel: Panel) -> None:
    made.line_width(1).fill_opacity(8).show_points(common.VisibilityMode.NEVER).axis_soft_min(0)
    made.tooltip(shared.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    made.legend(
        shared.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    if panel.drawn == "areas":
        made.stacking(shared.StackingConfig().mode(common.StackingMode.NORMAL)).fill_opacity(40)
    if panel.limits:
        made.thresholds_style(shared.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))


def _finish_bars(made: bargauge.Panel, panel: Panel) -> None:
    made.reduce_options(_last()).orientation(common.VizOrientation.HORIZONTAL)
    made.display_mode(common.BarGaugeDisplayMode.BASIC).min(0)


def _finish_table(made: table.Panel, panel: Panel) -> None:
    made.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    order = {name: place for place, (name, _, _) in enumerate(panel.columns)}
    names = {name: shown for name, shown, _ in panel.columns}
    hidden = {"Time": True, **{f"Value #{x}": True for x in "ABCDEFGH" if f"Value #{x}" not in names}}
    if len(panel.queries) == 1:
        hidden |= {} if "Value" in names else {"Value": True}
    arranged = {"excludeByName": hidden, "indexByName": order, "renameByName": names}
    made.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=arranged))
    for _, shown, unit in panel.columns:
        if unit:
            made.override_by_name(shown, [dashboard.DynamicConfigValue(id_val="unit", value=unit)])


def _finish_heat(made: heatmap.Panel, panel: Panel) -> None:
    colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    made.calculate(False).color(colors).y_axis(heatmap.YAxisConfig().unit(panel.unit))


_FINISH: Final[dict[Drawn, Any]] = {
    "number": _finish_number,
    "lines": _finish_lines,
    "areas": _finish_lines,
    "bars": _finish_bars,
    "table": _finish_table,
    "heat": _finish_heat,
}
