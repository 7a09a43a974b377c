"""A few surfaces as pictures: closes as points and the desk's curves, one panel per expiry."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from quanheng.kernels.desk.curves import smile
from quanheng.rulebook.calendar import Calendar
from quanheng.terms.days import iso
from study import closes, fits
from study.closes import Row
from study.points import Points, forwards, points

mpl.use("Agg")
from matplotlib import pyplot as plt

DAYS = (20170703, 20180209, 20200706)
SHOWN = (("wing", "#1f77b4", "-"), ("svi", "#d62728", "--"), ("ssvi", "#2ca02c", ":"))
_FIXED = {"svg.hashsalt": "quanheng", "svg.fonttype": "path", "font.size": 8.0}


def _panel(axes: plt.Axes, one: Points, curves: dict[str, np.ndarray]) -> None:
    axes.plot(one.k, 100 * one.vol, "k.", markersize=3, label="close")
    wide = 0.15 * max(float(one.k[-1] - one.k[0]), 0.05)
    k = np.linspace(float(one.k[0]) - wide, float(one.k[-1]) + wide, 121)
    for name, colour, style in SHOWN:
        out = np.empty(k.size)
        smile.vols_at(curves[name], k, k.size, out)
        axes.plot(k, 100 * out, style, color=colour, linewidth=0.9, label=name)
    axes.set_title(f"{iso(one.slice.last_day)}, forward {one.forward:.4f}", fontsize=8)
    axes.grid(visible=True, linewidth=0.3)


def draw_day(rows: list[Row], cal: Calendar, path: Path) -> None:
    """One day's smiles after repair, in vol per cent over k = ln(K/F)."""
    slices = closes.slices_of(rows, cal)
    priced = [points(one, row) for one, row in zip(slices, forwards(slices), strict=True)]
    day = [one for one in priced if one.k.size > 2]
    found = {name: fits.fit_day(name, day).repaired for name, _, _ in SHOWN}
    with mpl.rc_context(_FIXED):
        figure, panels = plt.subplots(2, 2, figsize=(8.0, 5.6), layout="constrained")
        for i, (axes, one) in enumerate(zip(panels.flat, day, strict=False)):
            _panel(axes, one, {name: table[i] for name, table in found.items()})
        panels[0, 0].legend(fontsize=7)
        figure.suptitle(f"510050 options, closes of {iso(day[0].slice.day)}: vol in % over ln(K/F)")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def draw(rows: list[Row], cal: Calendar, folder: Path) -> list[Path]:
    """The pictures of DAYS that are in the rows; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for day, group in closes.by_day(rows):
        if day in DAYS:
            made.append(folder / f"closes-{iso(day)}.svg")
            draw_day(group, cal, made[-1])
    return made
