"""How often texts of a score are what the score says, drawn: one line for each category beside the diagonal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.trained.evaluate import wilson

if TYPE_CHECKING:
    from classifiers.trained.card import Bin

# A bin with fewer texts would draw a line between accidents.
_ENOUGH = 5


def draw(bins: Mapping[str, Sequence["Bin"]], path: Path) -> None:
    """Write the plot as SVG or PNG, by the name of the file. ValueError where no category has enough texts, or another
    ending is asked for."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise ValueError(f"{path}: a plot is an .svg or a .png")
    shown = {category: [one for one in some if one.count >= _ENOUGH] for category, some in bins.items()}
    shown = {category: some for category, some in shown.items() if some}
    if not shown:
        raise ValueError(f"no tenth of the scores has {_ENOUGH} texts: there is nothing to draw")
    # Half a second to import: only who draws pays for it.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.4 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (category, some) in zip(figure.subplots(rows, columns, squeeze=False).flat, shown.items(), strict=False):
        shares = [wilson(one.positives, one.count) for one in some]
        ends = [[one.share - one.low for one in shares], [one.high - one.share for one in shares]]
        axes.plot([0, 1], [0, 1], color="0.75", linewidth=1)
        axes.errorbar([one.score for one in some], [one.share for one in shares], ends, marker="o", capsize=3)
        for one, share in zip(some, shares, strict=True):
            axes.annotate(f"{one.count}", (one.score, share.share), (4, -10), textcoords="offset points", fontsize=7)
        axes.set(title=category, xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="share of the category")
    for axes in list(figure.axes)[len(shown) :]:
        axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"svg.hashsalt": "reliability"}
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        figure.savefig(path, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
