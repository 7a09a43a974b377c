"""Charts of a document as SVG, with outlines in place of letters so that no font is needed, or as
PNG where SVG cannot be shown.
"""

import io
from importlib.resources import as_file, files
from typing import Any

from quanheng.edge.documents import Chart

FONT = "data/fonts/NotoSansCJKsc-subset.otf"
COLOURS = ("#1f5f8b", "#c8553d", "#588157", "#8d6a9f")
BOUND = "#9a2a2a"
MOST_TICKS = 12
SMALL_SHARE = 0.05
"""A chart of shares below this shows hundredths of a per cent."""
HIGH, LOW = 2.1, 1.6
"""Heights of charts in inches."""
LEAST_ROOM = 5
"""Bars that a chart has room for at least, so that one alone is no wall."""


def _modules() -> Any:
    """matplotlib's figure and fonts; RuntimeError when the extra is not installed."""
    try:
        import matplotlib as mpl
        import matplotlib.backends.backend_agg
        import matplotlib.backends.backend_svg
        import matplotlib.figure
        import matplotlib.font_manager
        import matplotlib.ticker
    except ImportError as error:
        raise RuntimeError("reports need the extra quanheng[reports]") from error
    return mpl


def svg(chart: Chart, width: float = 7.2) -> bytes:
    """The chart; the same data gives the same bytes. Width in inches, the height is the chart's."""
    return _saved(chart, "svg", width, LOW if chart.low else HIGH)


def png(chart: Chart, width: float = 6.6, height: float = 2.2) -> bytes:
    """The chart as a picture of 200 dots an inch."""
    return _saved(chart, "png", width, height)


def _saved(chart: Chart, form: str, width: float, height: float) -> bytes:
    mpl = _modules()
    figure = mpl.figure.Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    with as_file(files("quanheng") / FONT) as path:
        font = mpl.font_manager.FontProperties(fname=str(path), size=8)
        small = mpl.font_manager.FontProperties(fname=str(path), size=7)
        _draw(axes, chart)
        if chart.unit:
            # matplotlib's own formatters write a minus that the font does not have.
            plain = mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.12g}")
            axes.yaxis.set_major_formatter(plain)
        else:
            decimals = 2 if axes.get_ylim()[1] < SMALL_SHARE else 0
            axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=decimals))
        unit = f"（{chart.unit}）" if chart.unit else ""
        axes.set_title(f"{chart.title}{unit}  {chart.english}", fontproperties=font, loc="left")
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set_fontproperties(small)
        if len(chart.series) + len(chart.bounds) > 1:
            # Beside the title: on the plot it would hide bars.
            place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2}
            axes.legend(prop=small, frameon=False, ncols=4, **place)
        out = io.BytesIO()
        options = {"svg.fonttype": "path", "svg.hashsalt": "quanheng"}
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        with mpl.rc_context(options):
            figure.savefig(out, format=form, metadata=metadata, dpi=200)
    return out.getvalue()


def _draw(axes: Any, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    count = len(chart.series)
    for k, series in enumerate(chart.series):
        values = [float("nan") if value is None else value for value in series.values]
        colour = COLOURS[k % len(COLOURS)]
        if chart.bars:
            wide = 0.8 / max(count, 1)
            shifted = [place + (k - (count - 1) / 2) * wide for place in places]
            axes.bar(shifted, values, width=wide, color=colour, label=series.words)
        else:
            mark = "o" if len(places) <= 31 else None
            axes.plot(places, values, color=colour, label=series.words, lw=1.2, marker=mark, ms=2.5)
    for k, (words, value) in enumerate(chart.bounds):
        style = ("--", ":")[k % 2]
        axes.axhline(value, color=BOUND, lw=0.9, ls=style, label=words)
    step = max(1, -(-len(places) // MOST_TICKS))
    axes.set_xticks(places[::step], chart.labels[::step])
    if chart.unit:
        axes.axhline(0, color="#888888", lw=0.6)
    else:
        axes.set_ylim(bottom=0)
    if not chart.unit and 0.95 < axes.get_ylim()[1] <= 1.06:
        axes.set_ylim(top=1.06)  # a line at 100 % stays whole
    axes.margins(x=0.01)
    if chart.bars and len(places) < LEAST_ROOM:
        axes.set_xlim(-0.5, LEAST_ROOM - 0.5)
    axes.grid(axis="y", color="#dddddd", lw=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
