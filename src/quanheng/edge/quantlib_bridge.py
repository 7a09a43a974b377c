"""QuantLib as a third opinion on our models (R-05): prices, Greeks, implied vols, a smile.

Everything takes and returns plain numbers in the units of our kernels: yuan per unit, vol per 1.00,
years; sign +1 call, -1 put; discount = exp(-rate * tau). Needs the extra `quantlib`, which is
imported at the first call. Arguments are checked by QuantLib: what it refuses is a RuntimeError.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

_ACCURACY = 1e-14
_ITERATIONS = 200
_YEAR_DAYS = 365


class QuantLibMissingError(ImportError):
    """The extra `quantlib` is not installed."""


class Greeks(NamedTuple):
    """The desk's outputs of one European option, with the desk's meaning (kernels.desk.black)."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float


class Smile(NamedTuple):
    """Raw SVI parameters of rules.md 8.4 and QuantLib's fit error (root mean square, vol)."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float
    rms: float


@lru_cache(maxsize=1)
def _quantlib() -> Any:
    try:
        return import_module("QuantLib")
    except ImportError as error:
        raise QuantLibMissingError("this comparison needs the extra quanheng[quantlib]") from error


def version() -> str | None:
    """The version of QuantLib, None when the extra is not installed."""
    try:
        return str(_quantlib().__version__)
    except QuantLibMissingError:
        return None


def _kind(ql: Any, sign: float) -> Any:
    if abs(sign) != 1.0:
        raise ValueError(f"sign must be +1 or -1, not {sign}")
    return ql.Option.Call if sign > 0.0 else ql.Option.Put


def european_price(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> float:
    """Black-76 price of a European option on a forward (`blackFormula`)."""
    ql = _quantlib()
    spread = vol * math.sqrt(tau)
    return float(ql.blackFormula(_kind(ql, sign), strike, forward, spread, discount))


def european_greeks(
    sign: float, forward: float, strike: float, vol: float, tau: float, discount: float
) -> Greeks:
    """Price and Greeks by `BlackCalculator`; tau and vol positive.

    QuantLib's theta lets the discount factor accrue; ours holds it, so that part is taken out. Its
    rho moves the forward of a held spot with no carry other than the rate, as ours does.
    """
    ql = _quantlib()
    payoff = ql.PlainVanillaPayoff(_kind(ql, sign), strike)
    found = ql.BlackCalculator(payoff, forward, vol * math.sqrt(tau), discount)
    price = found.value()
    return Greeks(
        price,
        found.deltaForward(),
        found.gammaForward(),
        found.vega(tau),
        found.theta(forward, tau) + math.log(discount) * price / tau,
        found.rho(tau),
    )


def implied_vol(
    sign: float, price: float, forward: float, strike: float, tau: float, discount: float
) -> float:
    """The vol at which Black-76 gives `price`, NaN where QuantLib finds none."""
    ql = _quantlib()
    try:
        spread = ql.blackFormulaImpliedStdDev(
            _kind(ql, sign), strike, forward, price, discount, 0.0, 0.2, _ACCURACY, _ITERATIONS
        )
    except RuntimeError:
        return math.nan
    return float(spread) / math.sqrt(tau)


def _american(
    sign: float, spot: float, strike: float, vol: float, rate: float, carry: float, days: int
) -> Any:
    """A vanilla option with American exercise within `days` calendar days, and its process."""
    ql = _quantlib()
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    vols = ql.BlackConstantVol(today, ql.NullCalendar(), vol, count)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, carry, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)),
        ql.BlackVolTermStructureHandle(vols),
    )
    payoff = ql.PlainVanillaPayoff(_kind(ql, sign), strike)
    return ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days)), process


def american_price(
    sign: float, spot: float, strike: float, vol: float, rate: float, carry: float, days: int
) -> float:
    """American price by the boundary of Andersen, Lake and Offengenden (`QdFpAmericanEngine`).

    tau = days / 365; continuous rate and carry per year; high-precision scheme, about 1e-8. Not
    QuantLib's binomial engine, which is off by up to 3e-3 for some (tau, steps).
    """
    ql = _quantlib()
    option, process = _american(sign, spot, strike, vol, rate, carry, days)
    scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
    option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
    return float(option.NPV())


def american_tree_price(
    sign: float,
    spot: float,
    strike: float,
    vol: float,
    rate: float,
    carry: float,
    days: int,
    steps: int,
) -> float:
    """American price by QuantLib's Cox-Ross-Rubinstein tree, to compare speed."""
    ql = _quantlib()
    option, process = _american(sign, spot, strike, vol, rate, carry, days)
    option.setPricingEngine(ql.BinomialVanillaEngine(process, "crr", steps))
    return float(option.NPV())


def svi_fit(forward: float, days: int, strikes: Sequence[float], vols: Sequence[float]) -> Smile:
    """Raw SVI of one slice, fitted by `SviInterpolatedSmileSection`; tau = days / 365."""
    ql = _quantlib()
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    levels = ql.DoubleVector([float(vol) for vol in vols])
    at = ql.DoubleVector([float(strike) for strike in strikes])
    middle = min(zip(strikes, vols, strict=True), key=lambda pair: abs(pair[0] - forward))[1]
    tau = days / _YEAR_DAYS
    start = (middle * middle * tau * 0.6, 0.1 * math.sqrt(tau) * middle, 0.1, -0.3, 0.0)
    section = ql.SviInterpolatedSmileSection(
        today + days, forward, at, False, middle, levels, *start,
        False, False, False, False, False,
    )  # fmt: skip
    section.volatility(forward)
    return Smile(
        section.a(), section.b(), section.rho(), section.m(), section.sigma(), section.rmsError()
    )
