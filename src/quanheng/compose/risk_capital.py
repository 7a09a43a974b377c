"""The firm's figures of a net-capital calculation, and what a stress scenario does to them (guide
chapter 6 二(四): 将其结果运用于公司净资本的计算和资本充足率的考量; rules.md 9.4).

Every figure and standard comes from a file of the firm (`--capital`); the exchange's guide gives
none, and none is assumed here. Amounts are whole yuan, ratios exact until they are shown.
"""

from fractions import Fraction
from pathlib import Path

import msgspec

from quanheng.config import ConfigError
from quanheng.terms.days import day_number
from quanheng.terms.units import Day

FEN = 100


class Standard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ratio's regulatory minimum and early-warning level, in per cent."""

    minimum: float
    warning: float


class Capital(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The firm's figures on a day, yuan. `margin_weight` and `loss_weight`: per cent of new margin
    that adds to the risk-capital reserve, and of a loss that is taken from net capital.
    """

    as_of: Day
    source: str
    net_capital: int
    core_net_capital: int
    risk_reserve: int
    exposure: int  # on- and off-balance-sheet assets
    liquid_assets: int
    outflow_30d: int
    margin_weight: int
    loss_weight: int
    coverage: Standard  # net capital over risk-capital reserve
    leverage: Standard  # core net capital over assets
    liquidity: Standard  # liquid assets over outflows of 30 days


class Stressed(msgspec.Struct, frozen=True):
    """The ratios under a scenario, and the worst verdict of them."""

    net_capital: int
    reserve: int
    coverage: Fraction
    leverage: Fraction
    liquidity: Fraction
    verdict: str


def read_capital(path: Path) -> Capital:
    """The figures of a file. ConfigError names the file, key and reason."""
    try:
        found = msgspec.toml.decode(path.read_text(encoding="utf-8"), type=Capital)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        day_number(found.as_of)
    except ValueError as error:
        raise ConfigError(f"{path}: as_of: {error}") from error
    for name in ("risk_reserve", "exposure", "outflow_30d"):
        if getattr(found, name) <= 0:
            raise ConfigError(f"{path}: {name}: must be above 0")
    for name in ("margin_weight", "loss_weight"):
        if not 0 <= getattr(found, name) <= 1_000:
            raise ConfigError(f"{path}: {name}: per cent from 0 to 1000")
    for name in ("coverage", "leverage", "liquidity"):
        standard = getattr(found, name)
        if not 0 < standard.minimum <= standard.warning:
            raise ConfigError(f"{path}: {name}: the warning lies above the minimum, both above 0")
    return found


def stressed(capital: Capital, loss: int, margin: int, short: int = 0) -> Stressed:
    """The ratios when `loss` is lost, `margin` more is tied up and `short` of cash is paid in, fen.

    Losses come out of net capital, core net capital and assets; new margin adds to the reserve by
    its weight and is no liquid asset any more.
    """
    lost = Fraction(max(loss, 0) * capital.loss_weight, 100 * FEN)
    tied = Fraction(max(margin, 0), FEN)
    net = Fraction(capital.net_capital) - lost
    core = Fraction(capital.core_net_capital) - lost
    reserve = Fraction(capital.risk_reserve) + tied * capital.margin_weight / 100
    liquid = Fraction(capital.liquid_assets) - lost - tied - Fraction(max(short, 0), FEN)
    ratios = {
        "coverage": net / reserve,
        "leverage": core / max(Fraction(capital.exposure) - lost, Fraction(1)),
        "liquidity": liquid / capital.outflow_30d,
    }
    return Stressed(
        int(net), int(reserve), ratios["coverage"], ratios["leverage"], ratios["liquidity"],
        _verdict(capital, ratios),
    )  # fmt: skip


def _verdict(capital: Capital, ratios: dict[str, Fraction]) -> str:
    """The worst of the ratios in a word."""
    worst = "达标"
    for name, value in ratios.items():
        standard: Standard = getattr(capital, name)
        if value * 100 < Fraction(str(standard.minimum)):
            return "不达标"
        if value * 100 < Fraction(str(standard.warning)):
            worst = "预警"
    return worst
