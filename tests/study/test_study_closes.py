"""The study over closes (R-05, I-08, I-17, I-31): cleaning, forwards, fits, repair, report."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

import study_closes
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.desk import black, carry
from study import closes, fits, run, tables
from study.closes import Row
from study.points import forwards, points

CAL = read_rulebook(20240627).calendar
SAMPLE = Path(closes.__file__).parents[1] / "source-data" / "etf50_option_close_sample.csv.gz"
DAY, NEAR, FAR = 20170703, 20170726, 20170927


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return closes.read_rows(SAMPLE)


@pytest.fixture(scope="module")
def found(rows) -> run.Study:
    return run.run(rows, CAL, run.Plan())


def row(strike: float, call: float | None, put: float | None, last: int = NEAR) -> list[Row]:
    """The call and the put of a strike; prices in yuan."""
    prices = (None if price is None else round(price * 10_000) for price in (call, put))
    sides = zip((True, False), prices, strict=True)
    return [Row(DAY, side, last, round(strike * 10_000), price) for side, price in sides]


def fair(strikes, forward=2.5, vol=0.2, last=NEAR) -> list[Row]:
    """Closes of a flat smile, to the tick."""
    one = closes.clean(row(2.5, 0.1, 0.1, last), CAL)
    out = []
    for strike in strikes:
        both = [
            black.price_one(sign, forward, strike, vol, one.tau, one.discount)
            for sign in (1.0, -1.0)
        ]
        out += row(strike, *both, last)
    return out


def study(rows) -> run.Study:
    return run.run(rows, CAL, run.Plan(models=("wing",)))


def test_every_row_of_the_sample_has_one_fate(rows, found) -> None:
    """Counts add up: rows, slices and points."""
    assert sum(found.ledger.values()) == len(rows) == 5428
    assert set(found.ledger) <= set(closes.REASONS)
    assert found.points["k"].size == found.ledger[closes.KEPT]
    keys = {(one.day, one.last_day) for one in rows}
    assert len(found.slices) + found.expired + found.unpriced == len(keys)
    assert sum(record["points"] for record in found.slices) == found.ledger[closes.KEPT]
    for reason in (closes.EMPTY, closes.EXPIRY_DAY, closes.DUPLICATE, closes.TOO_CHEAP):
        assert found.ledger[reason] > 0, reason


def test_duplicates_go_by_the_slices_median_forward() -> None:
    """Of two pairs on one strike the one nearer the median stays, whichever comes first."""
    good, others = fair([2.5]), fair([2.4, 2.45, 2.55, 2.6])
    for wrong_first in (True, False):
        wrong = row(2.5, 0.0800, 0.0300)
        pairs = (wrong, good) if wrong_first else (good, wrong)
        calls = [pair[0] for pair in pairs]
        puts = [pair[1] for pair in pairs]
        one = closes.clean([*others[:4], *calls, *puts, *others[4:]], CAL)
        assert one.dropped[closes.DUPLICATE] == 2
        assert one.call[2] == pytest.approx(good[0].close * 1e-4)
        assert one.put[2] == pytest.approx(good[1].close * 1e-4)
        assert one.strike.tolist() == pytest.approx([2.4, 2.45, 2.5, 2.55, 2.6])


def test_each_other_reason_on_made_rows() -> None:
    """Empty closes, expiry days, slices without a forward, cheap and impossible prices."""
    base = fair([2.3, 2.4, 2.5, 2.6, 2.7])
    missing = [Row(one.day, one.call, one.last_day, one.strike, None) for one in base[:2]]
    found = study([*missing, *base[2:]])
    assert found.ledger[closes.EMPTY] == 2
    assert found.ledger[closes.KEPT] + found.ledger[closes.TOO_CHEAP] == 4
    expiring = [Row(NEAR, one.call, one.last_day, one.strike, one.close) for one in base]
    found = study(expiring)
    assert (found.ledger[closes.EXPIRY_DAY], found.expired, len(found.slices)) == (10, 1, 0)
    found = study([one for one in base if one.call])
    assert (found.ledger[closes.NO_FORWARD], found.unpriced) == (5, 1)
    cheap = row(2.9, 0.0002, 0.4)
    found = study([*base, *cheap])
    assert found.ledger[closes.TOO_CHEAP] >= 1
    # An out-of-the-money put worth more than its strike has no volatility.
    found = study([*base, *row(2.0, 0.5, 2.1)])
    assert found.ledger[closes.NO_VOL] == 1
    assert found.implied["at or above its upper bound"] == 1
    below = study([*base, *row(2.0, 0.4, 0.001)])
    assert below.implied["below intrinsic value"] >= 1
    for one in (found, below):
        assert sum(one.ledger.values()) == 12


def test_forwards_survive_stale_closes_and_borrow_from_neighbours() -> None:
    """A close that did not move with the others has no say; an expiry of calls uses its term."""
    near = fair([2.3, 2.4, 2.5, 2.6, 2.7], 2.51)
    stale = [
        Row(one.day, one.call, one.last_day, one.strike, one.close + (300 if i == 4 else 0))
        for i, one in enumerate(near)
    ]
    slices = closes.slices_of(stale, CAL)
    table = forwards(slices)
    assert table[0, carry.FORWARD] == pytest.approx(2.51, abs=2e-4)
    assert table[0, carry.USED] == 4
    calls = [one for one in fair([2.4, 2.55, 2.6], 2.51, last=FAR) if one.call]
    slices = closes.slices_of([*near, *calls], CAL)
    table = forwards(slices)
    assert table[:, carry.RUNG].tolist() == [carry.PARITY, carry.TERM]
    one = points(slices[1], table[1])
    assert one.k.size == 2
    assert np.all(np.abs(one.vol - 0.2) < 0.02)


def test_points_are_out_of_the_money_and_give_the_vol_back() -> None:
    """A flat smile to the tick: vols within a tick of vega, weights (vega/spread)^2."""
    slices = closes.slices_of(fair([2.3, 2.4, 2.45, 2.5, 2.55, 2.6, 2.7]), CAL)
    one = points(slices[0], forwards(slices)[0])
    assert np.all((one.strike >= one.forward) == (one.sign > 0))
    assert np.all(np.diff(one.k) > 0)
    near = np.abs(one.k) < 0.03
    assert np.max(np.abs(one.vol[near] - 0.2)) < 1e-3
    assert one.weight[np.argmin(np.abs(one.k))] > one.weight[0]
    assert one.spread < 2e-4


def test_goals_hold_on_the_sample(found) -> None:
    """No degenerate fit of any model, and no arbitrage after repair (rules.md 8.4)."""
    for model in fits.MODELS:
        verdicts = tables.degenerate(found, model)
        assert verdicts[fits.FINE] > 100
        assert sum(verdicts.values()) == verdicts[fits.FINE], (model, verdicts)
        for record in found.slices:
            assert record[f"{model}_g_repaired"] >= 0.0, record
            assert record[f"{model}_gap_repaired"] >= 0.0, record
            assert math.isfinite(record[f"{model}_rms_repaired"])


def test_fits_are_close_on_the_sample(found) -> None:
    """Medians of a fifth of a vol point before and of half a point after repair (SSVI: half)."""
    for model in fits.MODELS:
        most = 0.7 if model == "ssvi" else 0.3
        assert 100 * float(np.median(tables.column(found, f"{model}_rms"))) < most
        assert 100 * float(np.median(tables.column(found, f"{model}_rms_repaired"))) < 0.7


def test_repairs_leave_the_quotes_alone(found) -> None:
    """Arbitrage is mended beyond the quotes: the median error stays, few slices lose a point."""
    for model in fits.MODELS:
        before, after = (tables.column(found, f"{model}_rms{end}") for end in ("", "_repaired"))
        assert np.median(after) < np.median(before) + 5e-4
        assert np.mean(after > before + 0.01) < 0.05, model


def test_degenerate_rows_are_told(rows) -> None:
    """NaN, bounds, negative variance and far-off fits each have their verdict."""
    day = [one for one in rows if one.day == DAY]
    slices = closes.slices_of(day, CAL)
    one = points(slices[0], forwards(slices)[0])
    good = fits.fit_day("svi", [one]).rows[0]
    assert fits.verdict(one, good) == fits.FINE
    changes = (
        (fits.NOT_A_NUMBER, {fits.at.P: math.nan}),
        (fits.AT_BOUNDS, {fits.at.AT_BOUND: 2.0}),
        (fits.NEGATIVE, {fits.at.P: -1.0}),
        (fits.FAR_OFF, {fits.at.P: 0.5}),
    )
    for told, change in changes:
        bad = good.copy()
        for place, value in change.items():
            bad[place] = value
        assert fits.verdict(one, bad) == told


def test_thin_slices_borrow_their_smile(found) -> None:
    """Two closes make no curve: the neighbours' shape stands in, and says so."""
    thin = [record for record in found.slices if record["wing_verdict"] == fits.NONE]
    assert thin
    for record in thin:
        assert record["wing_borrowed"]
        assert record["points"] < 3
        assert record["wing_g_repaired"] >= 0.0


def test_the_number_of_workers_changes_nothing(rows) -> None:
    """Two processes give the same study but for the times."""
    some = [one for one in rows if one.day in (20170703, 20170704, 20180209, 20200706)]
    plan = run.Plan(models=("wing",))
    one, two = (run.run(some, CAL, plan, workers) for workers in (1, 2))
    assert one.ledger == two.ledger
    assert all(np.array_equal(one.points[name], two.points[name]) for name in one.points)

    def timeless(study):
        return [
            {name: value for name, value in record.items() if not name.endswith("nanos")}
            for record in study.slices
        ]

    assert timeless(one) == timeless(two)


def test_degenerate_fits_are_listed(found) -> None:
    """The report names the slices whose fit is degenerate, and has no list without one."""
    assert tables.degenerate_lines(found) == []
    worse = run.Study(slices=[dict(record) for record in found.slices])
    worse.slices[3]["svi_verdict"] = fits.AT_BOUNDS
    (line,) = tables.degenerate_lines(worse)
    assert fits.AT_BOUNDS in line
    assert str(worse.slices[3]["expiry"]) in line
    assert ["svi: no degenerate fit", "1 (0.61 %)", "not met"] in tables.goal_table(worse, 1)


def test_peers_run_on_the_same_points(rows) -> None:
    """scipy and QuantLib fit a few slices about as well as our SVI does."""
    some = [one for one in rows if one.day == DAY]
    found = run.run(some, CAL, run.Plan(models=("svi",), peers_every=1))
    with_peers = [record for record in found.slices if "scipy_rms" in record]
    assert len(with_peers) >= 3
    for record in with_peers:
        assert record["scipy_rms"] <= record["svi_rms"] * 1.05
        assert record["svi_rms"] < 5.0 * record["scipy_rms"] + 1e-3
    table = tables.peer_table(found)
    assert len(table) == 3
    assert table[1][0] == "svi against scipy"


def test_the_tool_writes_report_and_tables(tmp_path, monkeypatch, capsys) -> None:
    """The command end to end on the sample."""
    page = tmp_path / "report.md"
    words = ["--closes", str(SAMPLE), "--out", str(tmp_path), "--report", str(page)]
    study_closes.main(words)
    text = page.read_text(encoding="utf-8")
    assert "5,428 closes of 42 trading days" in text
    assert "nan" not in text.replace("finance", "")
    with (tmp_path / "slices.csv").open(encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    assert all(record["wing_verdict"] for record in records)
    assert "slices fitted" in capsys.readouterr().out


def test_bad_files_are_refused(tmp_path) -> None:
    """A line that is no option names itself."""
    import gzip

    path = tmp_path / "bad.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("date,kind,expiry,strike,close\n2017-07-03,X,2017-07-26,2.5,0.1\n")
    with pytest.raises(ValueError, match="line 2"):
        closes.read_rows(path)
