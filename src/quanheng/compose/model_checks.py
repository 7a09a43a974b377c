"""The battery that the pricing model `black76` must pass before release (R-05, I-08 to I-10, I-17).

A deterministic grid, no chance and no clock: the same sources and libraries give the same record.
The model is held against identities that any European price obeys, against its own inverse, and
against opinions that share nothing with it: two trees, bumped Greeks and, where the extra
`quantlib` is installed, QuantLib.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.compose.model_record import FAILED, NOT_RUN, PASSED, CheckResult, TestRecord
from quanheng.compose.model_sources import libraries, source_hash, system_version
from quanheng.edge import quantlib_bridge
from quanheng.kernels.desk import black, implied, scenario
from quanheng.kernels.independent import bump, tree
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]
Option = tuple[float, float, float, float, float, float]
"""sign, forward, strike, vol, tau, discount."""

FORWARD = 3.0
SPREADS = (-5.0, -3.0, -2.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Distance of the strike in standard deviations."""
VOLS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
TAUS = (1.0 / 58320.0, 1.0 / 243.0, 0.02, 0.085, 0.25, 0.5, 1.0)
"""From one minute to a year."""
STRIP_VOLS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
STRIP_TAUS = (1.0 / 243.0, 0.02, 0.085, 0.25, 0.5, 1.0)
"""Of the strips of even strikes on which slope and convexity are measured."""
RATE = 0.02
STEPS = 501
SOURCES = (
    "kernels/desk/black.py",
    "kernels/desk/implied.py",
    "kernels/desk/scenario.py",
    "kernels/math/bits.py",
    "kernels/math/elementary.py",
    "kernels/independent/bump.py",
    "kernels/independent/rollback.py",
    "kernels/independent/tree.py",
)
"""The model's files and those it is held against."""


class Chain(NamedTuple):
    """Columns of options and the model's outputs [6, n]."""

    sign: Floats
    forward: Floats
    strike: Floats
    vol: Floats
    tau: Floats
    discount: Floats
    out: Floats

    def row(self, i: int) -> Option:
        """The six inputs of one option."""
        return (
            float(self.sign[i]),
            float(self.forward[i]),
            float(self.strike[i]),
            float(self.vol[i]),
            float(self.tau[i]),
            float(self.discount[i]),
        )


def priced(rows: Sequence[Option]) -> Chain:
    """A chain of options and its outputs."""
    sign, forward, strike, vol, tau, discount = (
        np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)
    )
    out = np.empty((black.ROWS, len(rows)))
    black.price_chain(sign, forward, strike, vol, tau, discount, out)
    return Chain(sign, forward, strike, vol, tau, discount, out)


def grid() -> Chain:
    """Every combination of sign, distance, vol and time: calls first, puts in the same order."""
    rows = []
    for sign in (1.0, -1.0):
        for tau in TAUS:
            for vol in VOLS:
                for spread in SPREADS:
                    strike = FORWARD * exp(spread * vol * float(np.sqrt(tau)))
                    rows.append((sign, FORWARD, strike, vol, tau, exp(-RATE * tau)))
    return priced(rows)


def result(
    name: str, titles: tuple[str, str], gaps: Floats, allowed: float, chain: Chain | None = None
) -> CheckResult:
    """A check that ran: `gaps` are violations, one per case; a NaN among them is a failure."""
    lost = np.isnan(gaps)
    sizes = np.where(lost, np.inf, gaps)
    place = int(np.argmax(sizes))
    worst = float(sizes[place])
    outcome = PASSED if worst <= allowed else FAILED
    remark = ""
    if chain is not None:
        sign, _, strike, vol, tau, _ = chain.row(place)
        kind = "C" if sign > 0.0 else "P"
        remark = f"{kind} K={strike:.4f} vol={vol:g} tau={tau:.3g}"
    return CheckResult(name, *titles, gaps.size, max(worst, 0.0), allowed, outcome, remark)


def not_run(name: str, titles: tuple[str, str], allowed: float, why: str) -> CheckResult:
    """A check that could not be run here."""
    return CheckResult(name, *titles, 0, 0.0, allowed, NOT_RUN, why)


def _scale(chain: Chain) -> Floats:
    scale: Floats = np.maximum(chain.forward, chain.strike)
    return scale


def _parity(chain: Chain) -> CheckResult:
    half = chain.sign.size // 2
    gap = chain.discount * (chain.forward - chain.strike)
    miss = np.abs(chain.out[black.PRICE, :half] - chain.out[black.PRICE, half:] - gap[:half])
    titles = ("平价关系（相对标的远期）", "put-call parity (relative to forward)")
    return result("parity", titles, miss / _scale(chain)[:half], 1e-15, chain)


def _bounds(chain: Chain) -> CheckResult:
    price = chain.out[black.PRICE] / chain.discount
    floor = np.maximum(chain.sign * (chain.forward - chain.strike), 0.0)
    top = np.where(chain.sign > 0.0, chain.forward, chain.strike)
    miss = np.maximum(floor - price, price - top)
    titles = ("无套利上下界（相对标的远期）", "no-arbitrage bounds (relative to forward)")
    return result("bounds", titles, miss / _scale(chain), 1e-15, chain)


def _more_vol(chain: Chain) -> CheckResult:
    rows = [chain.row(i) for i in range(chain.sign.size)]
    moved = priced([(*row[:3], row[3] * 1.001, *row[4:]) for row in rows])
    miss = (chain.out[black.PRICE] - moved.out[black.PRICE]) / _scale(chain)
    titles = ("价格随波动率上升（反向变动）", "price rises with vol (fall against it)")
    return result("monotone-in-vol", titles, miss, 1e-15, chain)


def _strikes() -> Chain:
    """101 strikes in even steps for each sign, vol and time."""
    rows = []
    for sign in (1.0, -1.0):
        for tau in STRIP_TAUS:
            for vol in STRIP_VOLS:
                for i in range(101):
                    strike = FORWARD * (0.5 + 0.01 * i)
                    rows.append((sign, FORWARD, strike, vol, tau, exp(-RATE * tau)))
    return priced(rows)


def _in_strike() -> list[CheckResult]:
    chain = _strikes()
    price = (chain.out[black.PRICE] / chain.discount).reshape(-1, 101)
    slope = np.diff(price, axis=1) / (0.01 * FORWARD)
    lean = np.where(chain.sign[::101] > 0.0, 0.0, 1.0)[:, None]
    outside = np.maximum(slope - lean, lean - 1.0 - slope).ravel()
    bend = -np.diff(price, n=2, axis=1).ravel() / FORWARD
    return [
        result(
            "monotone-in-strike",
            ("价格对行权价的斜率在 -1 至 0（认购）或 0 至 1（认沽）", "slope in the strike"),
            outside,
            1e-13,
        ),
        result(
            "convex-in-strike",
            ("价格对行权价的凸性（负蝶式，相对标的远期）", "convexity in the strike (butterflies)"),
            bend,
            2e-15,
        ),
    ]


def _limits() -> CheckResult:
    df = exp(-RATE)
    cases = [
        ((1.0, 3.0, 2.5, 0.2, 0.0, df), 0.5 * df),
        ((-1.0, 3.0, 2.5, 0.2, 0.0, df), 0.0),
        ((1.0, 3.0, 2.5, 0.0, 1.0, df), 0.5 * df),
        ((-1.0, 3.0, 3.5, 0.0, 1.0, df), 0.5 * df),
        ((1.0, 3.0, 3.0, 0.0, 0.0, 1.0), 0.0),
        ((1.0, 3.0, 1e4, 0.2, 0.1, df), 0.0),
        ((-1.0, 3.0, 1e4, 0.2, 0.1, df), 9997.0 * df),
        ((-1.0, 3.0, 1e-4, 0.2, 0.1, df), 0.0),
        ((1.0, 3.0, 2.0, 1e9, 1.0, df), 3.0 * df),
        ((-1.0, 3.0, 2.0, 1e9, 1.0, df), 2.0 * df),
    ]
    chain = priced([case for case, _ in cases])
    true = np.array([value for _, value in cases])
    finite = np.isfinite(chain.out).all(axis=0)
    miss = np.where(finite, np.abs(chain.out[black.PRICE] - true) / _scale(chain), np.nan)
    titles = ("到期、零波动、深度虚实值的极限", "limits: expiry, no vol, huge vol, deep wings")
    return result("limits", titles, miss, 1e-15, chain)


def _refusals() -> CheckResult:
    good = (1.0, 3.0, 3.0, 0.2, 0.1, 1.0)
    places = [(i, value) for i in range(6) for value in (np.nan, -1.0) if (i, value) != (0, -1.0)]
    bad: list[Option] = []
    for place, value in [*places, (0, 0.0), (1, 0.0), (2, 0.0), (5, 0.0)]:
        row = list(good)
        row[place] = value
        bad.append((row[0], row[1], row[2], row[3], row[4], row[5]))
    answers = priced(bad).out[black.PRICE]
    titles = ("无效输入返回 NaN（有返回值的个数）", "bad input gives NaN (answers given)")
    return result("refusals", titles, np.where(np.isnan(answers), 0.0, 1.0), 0.0)


def _inverse(chain: Chain) -> CheckResult:
    """Out-of-the-money prices of a hundredth of a tick and more, in units of the conditioning."""
    price = chain.out[black.PRICE]
    found = np.empty_like(price)
    implied.implied_chain(
        chain.sign, price, chain.forward, chain.strike, chain.tau, chain.discount, found
    )
    low = np.minimum(chain.forward, chain.strike)
    outside = chain.sign * (chain.forward - chain.strike) <= 0.0
    kept = outside & (price >= 1e-6) & (price < 0.999 * low * chain.discount)
    vega = np.where(kept, chain.out[black.VEGA], 1.0)
    condition = 1.0 + price / (vega * chain.vol)
    miss = np.where(kept, np.abs(found / chain.vol - 1.0) / condition, 0.0)[kept]
    titles = ("隐含波动率还原（按条件数折算）", "implied vol returns the vol (over conditioning)")
    return result("implied-vol", titles, miss, 2e-15)


def _revalued(chain: Chain) -> CheckResult:
    """Profits of scenarios, which are priced by a form of their own, against pricing again."""
    rows = [chain.row(i) for i in range(chain.sign.size)]
    moved = priced([(row[0], row[1] * 1.03, row[2], row[3] * 1.1, *row[4:]) for row in rows])
    expiries = np.array([[FORWARD, tau, exp(-RATE * tau)] for tau in TAUS]).T.copy()
    expiry = np.array([TAUS.index(row[4]) for row in rows], dtype=np.int64)
    book = np.array([chain.sign, chain.strike, chain.vol, np.ones(len(rows))])
    move = np.array([[0.03], [0.1], [0.0], [0.0]])
    out, parts = np.empty((scenario.RESULT_ROWS, 1)), np.empty((len(rows) + 1, 1))
    scenario.revalue(book, expiry, expiries, move, 243.0, 0.0, 0.0, np.empty((0, 0)), out, parts)
    gains = moved.out[black.PRICE] - chain.out[black.PRICE]
    titles = (
        "情景重估与逐个定价（相对标的远期）",
        "scenarios against single prices (over forward)",
    )
    return result("scenarios", titles, np.abs(parts[:-1, 0] - gains) / _scale(chain), 2e-15, chain)


def _against(
    name: str,
    titles: tuple[str, str],
    chain: Chain,
    other: Callable[..., float],
    allowed: float,
) -> CheckResult:
    """Prices of another model, differences relative to the forward."""
    theirs = np.array([other(*chain.row(i)) for i in range(chain.sign.size)])
    miss = np.abs(chain.out[black.PRICE] - theirs) / _scale(chain)
    return result(name, titles, miss, allowed, chain)


def _leisen_reimer(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> float:
    return tree.price(sign, forward, strike, vol, tau, discount, STEPS)


def _crr(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> float:
    return tree.option_price(
        sign, forward, forward, strike, vol, tau, discount, STEPS, tree.CRR, False
    )


def greek_gaps(chain: Chain, theirs: Floats) -> Floats:
    """Largest difference of the five Greeks per case, each relative to its natural size.

    Delta to the discount factor, gamma to the largest over strikes at that vol and time (at the
    money), vega, theta and rho likewise to theirs at the money.
    """
    rows = [chain.row(i) for i in range(chain.sign.size)]
    middle = priced([(row[0], row[1], row[1], *row[3:]) for row in rows]).out
    size = np.abs(middle[black.DELTA :])
    size[0] = chain.discount
    size[-1] = chain.tau * chain.strike * chain.discount
    gaps: Floats = np.max(np.abs(chain.out[black.DELTA :] - theirs[black.DELTA :]) / size, axis=0)
    return gaps


def _bumped(chain: Chain) -> CheckResult:
    theirs = np.empty_like(chain.out)
    row = np.empty(bump.ROWS)
    for i in range(chain.sign.size):
        bump.greeks(*chain.row(i), STEPS, row)
        theirs[:, i] = row
    titles = ("希腊字母与移动法（相对平值规模）", "Greeks against bumped trees (relative to ATM)")
    return result("greeks-bumped", titles, greek_gaps(chain, theirs), 2e-2, chain)


def _quantlib(chain: Chain) -> list[CheckResult]:
    prices = ("价格与 QuantLib（相对标的远期）", "prices against QuantLib (relative to forward)")
    greeks = ("希腊字母与 QuantLib（相对平值规模）", "Greeks against QuantLib (relative to ATM)")
    vols = ("隐含波动率与 QuantLib（相对）", "implied vols against QuantLib (relative)")
    if quantlib_bridge.version() is None:
        why = "quanheng[quantlib]"
        return [
            not_run("quantlib-prices", prices, 1e-14, why),
            not_run("quantlib-greeks", greeks, 1e-9, why),
            not_run("quantlib-implied-vol", vols, 1e-8, why),
        ]
    first = _against("quantlib-prices", prices, chain, quantlib_bridge.european_price, 1e-14)
    theirs = np.empty_like(chain.out)
    for i in range(chain.sign.size):
        theirs[:, i] = quantlib_bridge.european_greeks(*chain.row(i))
    gaps = greek_gaps(chain, theirs)
    second = result("quantlib-greeks", greeks, gaps, 1e-9, chain)
    return [first, second, result("quantlib-implied-vol", vols, _implied_gaps(chain), 1e-8)]


def _implied_gaps(chain: Chain) -> Floats:
    """Relative differences of implied vols, of out-of-the-money prices within three deviations."""
    gaps = []
    for i in range(chain.sign.size):
        sign, forward, strike, vol, tau, discount = chain.row(i)
        price = float(chain.out[black.PRICE, i])
        if sign * (forward - strike) > 0.0 or price < 1e-6 * forward or vol > 1.0:
            continue
        ours = implied.implied_one(sign, price, forward, strike, tau, discount)
        gaps.append(
            abs(
                quantlib_bridge.implied_vol(sign, price, *chain.row(i)[1:3], tau, discount) / ours
                - 1.0
            )
        )
    return np.array(gaps)


def record_black() -> TestRecord:
    """Run the battery for the pricing model `black76` and give its record; takes seconds."""
    chain = grid()
    checks = [
        _parity(chain),
        _bounds(chain),
        _more_vol(chain),
        *_in_strike(),
        _limits(),
        _refusals(),
        _inverse(chain),
        _revalued(chain),
        _against(
            "tree-leisen-reimer",
            ("与 Leisen-Reimer 树的价差（相对标的远期）", "against a Leisen-Reimer tree"),
            chain,
            _leisen_reimer,
            1e-6,
        ),
        _against(
            "tree-crr",
            ("与 CRR 树的价差（相对标的远期）", "against a Cox-Ross-Rubinstein tree"),
            chain,
            _crr,
            5e-4,
        ),
        _bumped(chain),
        *_quantlib(chain),
    ]
    return TestRecord(
        "black76",
        "布莱克 1976（隐含远期）",
        "Black 1976 on the implied forward",
        system_version(),
        source_hash(SOURCES),
        SOURCES,
        libraries(),
        tuple(checks),
    )
