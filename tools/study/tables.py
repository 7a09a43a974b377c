"""The study's figures as tables: what the report prints and the tests hold to their goals."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from quanheng.kernels.desk import carry
from quanheng.kernels.desk.curves import layout as at
from study import fits
from study.closes import REASONS, Floats
from study.run import PEERS, Study

Table = list[list[str]]
"""A header row and its data rows."""

BUCKETS = (
    ("far puts", -np.inf, -1.5),
    ("puts", -1.5, -0.5),
    ("at the money", -0.5, 0.5),
    ("calls", 0.5, 1.5),
    ("far calls", 1.5, np.inf),
)
"""By z = k / (vol at the money sqrt(tau)): standard deviations from the forward."""


def models_of(found: Study) -> list[str]:
    """The models a study ran, in their order."""
    return [name for name in fits.MODELS if found.slices and f"{name}_rms" in found.slices[0]]


def column(found: Study, name: str) -> Floats:
    """One number of every slice that has it."""
    return np.array([record[name] for record in found.slices if name in record], dtype=np.float64)


def share(count: int, total: int) -> str:
    """A count and its percentage."""
    return f"{count:,} ({100 * count / max(total, 1):.2f} %)"


def percentile(values: Floats, at_percent: float) -> float:
    """A percentile; NaN of nothing."""
    return float(np.percentile(values, at_percent)) if values.size else float("nan")


def ledger_table(found: Study) -> Table:
    """Rows by reason; they add up to the file."""
    total = sum(found.ledger.values())
    rows = [[reason, share(found.ledger[reason], total)] for reason in REASONS]
    return [["rows of the file", "count"], *rows, ["all", f"{total:,}"]]


def implied_table(found: Study) -> Table:
    """What the closes of both sides say of a volatility."""
    total = sum(found.implied.values())
    ordered = sorted(found.implied.items(), key=lambda item: -item[1])
    rows = [[reason, share(count, total)] for reason, count in ordered]
    return [["close against its forward", "count"], *rows]


def forward_table(found: Study) -> Table:
    """Where the forwards come from and how far apart the strikes are."""
    rungs = Counter(int(record["rung"]) for record in found.slices)
    rows = [
        [f"{code.lower()}: {meaning}", share(rungs[rung], len(found.slices))]
        for rung, (code, _, meaning) in enumerate(carry.RUNGS)
        if rungs[rung]
    ]
    used, offered = column(found, "strikes_used"), column(found, "strikes_offered")
    spread = column(found, "spread_ticks")
    rows += [
        [
            "strikes that agree, of those with both sides",
            f"{100 * used.sum() / offered.sum():.1f} %",
        ],
        [
            "median distance of the strikes' forwards from the consensus, ticks",
            f"{percentile(spread, 50):.1f} (p95 {percentile(spread, 95):.1f})",
        ],
    ]
    return [["forwards", "slices"], *rows]


def degenerate(found: Study, model: str) -> dict[str, int]:
    """Slices of a model by verdict, those without enough points left out."""
    verdicts = Counter(record[f"{model}_verdict"] for record in found.slices)
    return {name: verdicts[name] for name in fits.VERDICTS if name != fits.NONE}


def count(found: Study, names: Iterable[str], below: float = 0.0) -> int:
    """Slices in which any of the named numbers is below a bound."""
    return sum(any(record.get(name, np.nan) < below for name in names) for record in found.slices)


def outside(found: Study, model: str) -> int:
    """Slices whose least g is negative at a k outside the quoted strikes."""
    return sum(
        record[f"{model}_g"] < 0.0
        and not record[f"{model}_k_low"] <= record[f"{model}_g_at"] <= record[f"{model}_k_high"]
        for record in found.slices
    )


def fit_table(found: Study) -> Table:
    """Every model over all slices."""
    models = models_of(found)
    total = len(found.slices)
    rows: Table = [["weighted rms, vol points: median"], ["p95"], ["p99"], ["largest"]]
    rows += [["no curve: too few points, or refused by the fit (borrowed)"]]
    rows += [["fits by the simpler fallback curve"], ["degenerate fits"]]
    rows += [["butterfly arbitrage before repair"], ["of it outside the quoted strikes only"]]
    rows += [["calendar arbitrage before repair"], ["either, after repair"]]
    rows += [["weighted rms after repair: median"], ["p95 after repair"], ["p99 after repair"]]
    rows += [["largest after repair"], ["slices a repair moves by more than one vol point (rms)"]]
    rows += [["time per fit, us: median"], ["p99"], ["check and repair per expiry, us: median"]]
    for model in models:
        own = np.array([not record[f"{model}_borrowed"] for record in found.slices])
        rms = 100 * column(found, f"{model}_rms")[own]
        mended = 100 * column(found, f"{model}_rms_repaired")[own]
        nanos, repair = column(found, f"{model}_nanos"), column(found, f"{model}_repair_nanos")
        none = sum(record[f"{model}_verdict"] == fits.NONE for record in found.slices)
        fallback = sum(record[f"{model}_status"] == at.FALLBACK for record in found.slices)
        bad = sum(degenerate(found, model).values()) - degenerate(found, model)[fits.FINE]
        after = count(found, (f"{model}_g_repaired", f"{model}_gap_repaired"))
        cells = [f"{percentile(rms, p):.3f}" for p in (50, 95, 99, 100)]
        cells += [share(none, total), share(fallback, total), share(bad, total)]
        cells += [share(count(found, [f"{model}_g"]), total), share(outside(found, model), total)]
        cells += [share(count(found, [f"{model}_gap"]), total), share(after, total)]
        cells += [f"{percentile(mended, p):.3f}" for p in (50, 95, 99, 100)]
        cells += [share(int((mended > rms + 1.0).sum()), total)]
        cells += [f"{percentile(nanos, p) / 1e3:.1f}" for p in (50, 99)]
        cells += [f"{percentile(repair, 50) / 1e3:.1f}"]
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell)
    return [["", *models], *rows]


def verdict_table(found: Study) -> Table:
    """Degenerate fits by kind."""
    models = models_of(found)
    kinds = [name for name in fits.VERDICTS if name not in (fits.FINE, fits.NONE)]
    rows = [[kind, *(str(degenerate(found, model)[kind]) for model in models)] for kind in kinds]
    return [["degenerate because", *models], *rows]


def degenerate_lines(found: Study, most: int = 10) -> list[str]:
    """The degenerate fits one by one, the first few of them."""
    lines = [
        f"- {model}, {record['day']}, expiry {record['expiry']}, {record['points']} points:"
        f" {record[f'{model}_verdict']}"
        for model in models_of(found)
        for record in found.slices
        if record[f"{model}_verdict"] not in (fits.FINE, fits.NONE)
    ]
    return lines[:most]


def bucket_table(found: Study, suffix: str) -> Table:
    """Errors by moneyness in vol points and ticks; suffix "" for fits, "_repaired" after it."""
    models = models_of(found)
    z = found.points["z"]
    rows: Table = []
    for name, low, high in BUCKETS:
        inside = (z >= low) & (z < high)
        row = [name, f"{int(inside.sum()):,}"]
        for model in models:
            off = 100 * np.abs(found.points[f"{model}{suffix}_vol"] - found.points["vol"])[inside]
            ticks = np.abs(found.points[f"{model}{suffix}_ticks"])[inside]
            row.append(
                f"{percentile(off, 50):.2f} / {percentile(off, 95):.2f};"
                f" {percentile(ticks, 50):.1f} / {percentile(ticks, 95):.1f}"
            )
        rows.append(row)
    return [["moneyness", "points", *models], *rows]


def offset_table(found: Study) -> Table:
    """Offsets per strike on the repaired wing; all points of all slices."""
    rms, share = (column(found, f"offsets_{name}") for name in ("rms", "share"))
    off = 100 * np.abs(found.points["offsets_vol"] - found.points["vol"])
    ticks = np.abs(found.points["offsets_ticks"])
    arbitrage = int((column(found, "offsets_butterflies") > 0).sum())
    return [
        ["wing after repair, with offsets", ""],
        ["weighted rms, vol points: median / p95", _both(100 * rms, 3)],
        ["error of a point, vol points: median / p95", _both(off, 3)],
        ["error of a point, ticks: median / p95", _both(ticks, 2)],
        ["slices whose offsets were scaled down", f"{int((share < 1.0).sum()):,}"],
        ["slices with a butterfly at the strikes", f"{arbitrage:,}"],
        [
            "time per slice, us: median",
            f"{percentile(column(found, 'offsets_nanos'), 50) / 1e3:.1f}",
        ],
    ]


def _both(values: Floats, digits: int) -> str:
    return f"{percentile(values, 50):.{digits}f} / {percentile(values, 95):.{digits}f}"


def ratio_rows(found: Study, model: str) -> Table:
    """A model against each peer on the slices both fitted: errors and times."""
    rows: Table = []
    for peer in PEERS:
        both = [record for record in found.slices if f"{peer}_rms" in record]
        if not both:
            continue
        ours = np.array([record[f"{model}_rms"] for record in both])
        theirs = np.array([record[f"{peer}_rms"] for record in both])
        spent = np.array([record[f"{model}_nanos"] for record in both], dtype=np.float64)
        peer_spent = np.array([record[f"{peer}_nanos"] for record in both], dtype=np.float64)
        good = np.isfinite(theirs)
        bad = sum(record[f"{peer}_verdict"] != fits.FINE for record in both)
        arbitrage = sum(not record[f"{peer}_g"] >= 0.0 for record in both)
        ratio = ours[good] / theirs[good]
        low, high = percentile(ratio, 5), percentile(ratio, 95)
        rows.append(
            [
                f"{model} against {peer}",
                f"{len(both):,}",
                f"{100 * np.median(ours):.3f} : {100 * np.median(theirs[good]):.3f}",
                f"{np.median(ratio):.3f} ({low:.2f} to {high:.2f})",
                share(bad, len(both)),
                share(arbitrage, len(both)),
                f"{np.median(spent) / 1e3:.1f} : {np.median(peer_spent) / 1e3:,.0f}",
                f"{np.median(peer_spent) / np.median(spent):,.0f}x / "
                f"{peer_spent.sum() / spent.sum():,.0f}x",
            ]
        )
    return rows


def peer_table(found: Study) -> Table:
    """Ours against the peers."""
    header = ["", "slices", "median weighted rms, vol points", "error ratio: median (p5 to p95)"]
    header += [
        "peer degenerate",
        "peer butterfly arbitrage",
        "median us",
        "speed ratio: medians / sums",
    ]
    rows = [row for model in models_of(found) for row in ratio_rows(found, model)]
    return [header, *rows]


def goal_table(found: Study, rows: int) -> Table:
    """The study's goals in one look."""
    models = models_of(found)
    total = len(found.slices)
    counted = sum(found.ledger.values())
    met = {True: "met", False: "not met"}
    table: Table = [["goal", "found", ""]]
    table.append(["every row has one fate", f"{counted:,} of {rows:,}", met[counted == rows]])
    for model in models:
        bad = sum(degenerate(found, model).values()) - degenerate(found, model)[fits.FINE]
        left = count(found, (f"{model}_g_repaired", f"{model}_gap_repaired"))
        table.append([f"{model}: no degenerate fit", share(bad, total), met[bad == 0]])
        table.append([f"{model}: no arbitrage after repair", share(left, total), met[left == 0]])
    for row in ratio_rows(found, "svi") if "svi" in models else []:
        table.append([f"{row[0]}: error ratio, speed ratio", f"{row[3]}; {row[-1]}", ""])
    return table


def worst_table(found: Study, model: str, most: int = 8) -> Table:
    """The slices a model fits worst, with its error after repair."""
    key = f"{model}_rms"
    own = [record for record in found.slices if not record[f"{model}_borrowed"]]
    ordered = sorted(own, key=lambda record: -record[key])[:most]

    def cells(record: dict[str, Any]) -> list[str]:
        head = [str(record["day"]), str(record["expiry"]), str(record["points"])]
        errors = [f"{100 * record[name]:.2f}" for name in (key, f"{key}_repaired")]
        return [*head, f"{100 * record['money_vol']:.1f} %", *errors]

    header = ["day", "expiry", "points", "vol at the money", f"{model}: rms", "after repair"]
    return [header, *(cells(record) for record in ordered)]


def year_table(found: Study) -> Table:
    """Slices, points, vols and errors by calendar year."""
    models = models_of(found)
    rows: Table = []
    for year in sorted({record["day"] // 10_000 for record in found.slices}):
        of = [record for record in found.slices if record["day"] // 10_000 == year]
        medians = [
            f"{100 * float(np.median([record[f'{model}_rms'] for record in of])):.3f}"
            for model in models
        ]
        level = 100 * float(np.median([record["money_vol"] for record in of]))
        points = sum(record["points"] for record in of)
        rows.append([str(year), f"{len(of):,}", f"{points:,}", f"{level:.1f} %", *medians])
    return [["year", "slices", "points", "median vol at the money", *models], *rows]


def summary(found: Study) -> list[str]:
    """A few lines for the terminal."""
    lines = [f"{len(found.slices):,} slices fitted, {sum(found.ledger.values()):,} rows"]
    for table in (ledger_table(found), fit_table(found)):
        lines += [" | ".join(row) for row in table]
    return lines
