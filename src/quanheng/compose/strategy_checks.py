"""The battery that every quoting strategy must pass before release (I-08 to I-10, I-17, I-19).

A deterministic grid of contracts, inventories and parameters. A strategy is held against what any
maker's quote owes: order, the allowed spread, no invitation to add to what is full, no preference
between long and short; and against its own formula, written once more without the kernel.
"""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt

from quanheng.compose.curve_checks import finish, record
from quanheng.compose.model_record import CheckResult, TestRecord
from quanheng.kernels.desk.plugged import PLUGGED
from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.desk.strategies.choose import quote
from quanheng.maker import columns as c
from quanheng.maker.strategy_kernels import on_step

Floats = npt.NDArray[np.float64]

TITLES = {
    "fixed": ("固定价差", "fixed width"),
    "lean": ("库存倾斜（波动率空间）", "inventory lean in vol space"),
    "glft": ("GLFT 闭式解", "closed form of Guéant, Lehalle, Fernandez-Tapia"),
    "duty": ("义务感知", "obligation-aware"),
}
CONTRACTS = (
    ("near at the money", 520.0, 52.0, 0.52, 27.0),
    ("near wing", 40.0, 25.0, 0.12, 9.0),
    ("far put", 1_500.0, 300.0, -0.45, 80.0),
)
"""Name, price and A in Ticks, delta, vega in Ticks per vol point."""
STEPS = (-1.5, -0.6, -0.2, 0.0, 0.2, 0.6, 1.5)
SETTINGS = ((0.3, 0.0, 0.0), (0.3, 0.04, 0.4), (0.6, 0.2, 1.0))
"""Width, toxicity and need of the duty."""


def inputs(contract: tuple[str, float, float, float, float], **given: float) -> Floats:
    """The numbers of a contract at the default parameters; `given` names columns of the layout."""
    _, value, cap, delta, vega = contract
    x = np.zeros(s.INPUTS)
    x[[s.VALUE, s.CAP, s.DELTA, s.VEGA, s.QTY, s.LEAST]] = value, cap, delta, vega, 20, 10
    x[[s.LOT_DELTA, s.LOT_VEGA, s.LOT_TICK]] = 4_880.0 * delta, 20.0 * vega, 20.0
    x[[s.SPOT_SD, s.VOL_SD]] = 0.0096, 0.008
    x[[s.WIDTH, s.WIDTH_STRESS, s.LEAN_OWN, s.LEAN_DELTA]] = 0.3, 0.9, 0.8, 0.6
    x[[s.LEAN_VEGA, s.LEAN_GAMMA]] = 0.15, 0.1
    x[[s.RISK_AVERSION, s.DECAY, s.INTENSITY]] = 0.1, 5.0, 0.05
    x[[s.DUTY_RISK, s.DUTY_VALUE, s.WIDTH_FREE]] = 0.5, 1.0, 1.0
    for name, number in given.items():
        x[getattr(s, name)] = number
    return x


def answer(code: int, x: Floats) -> Floats:
    """What the strategy of a code answers, float64[OUTPUTS]."""
    out = np.zeros(s.OUTPUTS)
    quote(code, x, out)
    return out


def held(contract: tuple[str, float, float, float, float], amount: float) -> dict[str, float]:
    """An inventory of this contract alone, 1 = full: every risk that it brings."""
    _, _, _, delta, vega = contract
    sign = 1.0 if delta > 0 else -1.0
    return {
        "OWN": amount,
        "BOOK_DELTA": 0.3 * sign * amount,
        "BOOK_VEGA": 0.5 * amount,
        "CLUSTER": 0.4 * amount,
        "RISK_DELTA": 5.0 * 4_880.0 * delta * amount,
        "RISK_VEGA": 5.0 * 20.0 * vega * amount,
    }


def _grid() -> list[tuple[str, tuple[str, float, float, float, float], dict[str, float]]]:
    rows = []
    for contract, (width, toxic, need) in product(CONTRACTS, SETTINGS):
        given = {"WIDTH": width, "TOXIC": toxic, "NEED": need}
        rows.append((f"{contract[0]}, width {width}", contract, given))
    return rows


def _placed(x: Floats, out: Floats) -> tuple[int, int, int]:
    """(bid, ask, allowed spread at the bid) after the desk's placing on a step of one Tick."""
    share = 20 if x[s.CAP] > 0.15 * x[s.VALUE] and x[s.VALUE] > 500 else 10
    row = np.zeros(c.F_COLUMNS, dtype=np.int64)
    row[[c.F_CAP_NUM, c.F_CAP_DEN, c.F_CAP_FLOOR]] = share, 100, 25
    row[[c.F_DOWN, c.F_UP, c.F_STEP]] = 1, 100_000, 1
    bid, ask = on_step(out, float(x[s.VALUE]), row, True)
    return bid, ask, max(share * bid // 100, 25)


def _sound(code: int) -> list[CheckResult]:
    order, wide, adds, mirror, sizes, places = [], [], [], [], [], []
    for place_name, contract, given in _grid():
        before = None
        for amount in STEPS:
            x = inputs(contract, **given, **held(contract, amount))
            out = answer(code, x)
            bid, ask, allowed = _placed(x, out)
            order.append(float(max(bid - ask + 1, out[s.BID] - out[s.ASK])))
            wide.append(float(ask - bid - allowed))
            moved = 0.0 if before is None else float(max(out[:2] - before))
            adds.append(round(moved, 9))
            before = out[:2].copy()
            other = answer(code, inputs(contract, **given, **held(contract, -amount)))
            middle = 2.0 * x[s.VALUE]
            apart = abs(out[s.BID] + other[s.ASK] - middle) + abs(
                out[s.ASK] + other[s.BID] - middle
            )
            mirror.append(round(float(apart), 9))
            least = float(min(out[s.BID_QTY], out[s.ASK_QTY]))
            sizes.append(x[s.LEAST] - least)
            places.append(f"{place_name}, inventory {amount}")
    one = ("买价低于卖价（最小变动价位）", "bid below ask (Ticks)")
    two = ("不超过最大买卖价差（最小变动价位）", "within the allowed spread (Ticks)")
    three = ("持仓越多报价越低（上升，最小变动价位）", "more inventory, no higher quote (Ticks)")
    four = ("多空对称（最小变动价位）", "long and short are mirrored (Ticks)")
    five = ("数量不低于最低要求（张）", "no less than the least quantity (contracts)")
    return [
        finish("order", one, order, 0.0, places),
        finish("cap", two, wide, 0.0, places),
        finish("monotone", three, adds, 1e-9, places),
        finish("mirror", four, mirror, 1e-9, places),
        finish("sizes", five, sizes, 0.0, places),
    ]


def _fixed(x: Floats) -> tuple[float, float]:
    half = 0.5 * x[s.WIDTH] * x[s.CAP]
    return x[s.VALUE] - half, x[s.VALUE] + half


def _leaned(x: Floats, share: float, extra: float) -> tuple[float, float]:
    def cut(value: float, most: float = 1.0) -> float:
        return max(-most, min(most, value))

    half = (0.5 * share + x[s.TOXIC]) * x[s.CAP]
    prices = x[s.LEAN_OWN] * cut(x[s.OWN])
    prices += x[s.LEAN_DELTA] * cut(x[s.BOOK_DELTA]) * cut(2.0 * x[s.DELTA])
    vols = x[s.LEAN_VEGA] * cut(x[s.BOOK_VEGA]) + x[s.LEAN_GAMMA] * cut(x[s.CLUSTER])
    moved = cut(-half * prices - vols * x[s.VEGA], 0.95 * half)
    more = 0.5 * extra * x[s.CAP]
    bid = x[s.VALUE] + moved - half - (more if moved < 0 else 0.0)
    return bid, x[s.VALUE] + moved + half + (more if moved > 0 else 0.0)


def _fullness(x: Floats) -> float:
    return float(min(1.0, max(abs(v) for v in x[[s.OWN, s.BOOK_DELTA, s.BOOK_VEGA, s.CLUSTER]])))


def _lean(x: Floats) -> tuple[float, float]:
    return _leaned(x, x[s.WIDTH], max(x[s.WIDTH_STRESS] - x[s.WIDTH], 0.0) * _fullness(x))


def _glft(x: Floats) -> tuple[float, float]:
    g, k, a = x[s.RISK_AVERSION], x[s.DECAY], x[s.INTENSITY]
    sd, vd = x[s.SPOT_SD], x[s.VOL_SD]
    variance = (x[s.LOT_DELTA] * sd) ** 2 + (x[s.LOT_VEGA] * vd) ** 2
    lots = x[s.LOT_DELTA] * x[s.RISK_DELTA] * sd**2 + x[s.LOT_VEGA] * x[s.RISK_VEGA] * vd**2
    move = math.sqrt(variance) / x[s.LOT_TICK] / x[s.CAP]
    step = math.sqrt(move**2 * g / (2 * k * a) * (1 + g / k) ** (1 + k / g))
    half = math.log(1 + g / k) / g + step / 2 + x[s.TOXIC]
    middle = max(-0.5, min(0.5, -lots / variance * step))
    return x[s.VALUE] + (middle - half) * x[s.CAP], x[s.VALUE] + (middle + half) * x[s.CAP]


def _duty(x: Floats) -> tuple[float, float]:
    risk, earned = x[s.DUTY_RISK] * _fullness(x) + x[s.TOXIC], x[s.WIDTH] / 2
    wider = max(0.0, min(1.0, (risk - earned) / max(0.5 - earned, 0.05)))
    share = min(x[s.WIDTH] + (1.0 - x[s.WIDTH]) * wider, 1.0)
    over = max(0.0, min(1.0, 2.0 * (risk - 0.5 - x[s.DUTY_VALUE] * x[s.NEED])))
    share += max(x[s.WIDTH_FREE] - 1.0, 0.0) * over
    return _leaned(x, x[s.WIDTH], 2.0 * max(share - x[s.WIDTH] - 2.0 * x[s.TOXIC], 0.0))


FORMULAS: dict[str, Callable[[Floats], tuple[float, float]]] = {
    "fixed": _fixed,
    "lean": _lean,
    "glft": _glft,
    "duty": _duty,
}
"""The strategies as their pages write them."""


def _formula(code: int) -> CheckResult:
    misses, places = [], []
    for place_name, contract, given in _grid():
        for amount, free in product(STEPS, (1.0, 2.0)):
            x = inputs(contract, **given, **held(contract, amount), WIDTH_FREE=free)
            out = answer(code, x)
            bid, ask = FORMULAS[s.NAMES[code]](x)
            # The language's own logarithm may differ in the last digit from machine to machine.
            misses.append(round(float(abs(out[s.BID] - bid) + abs(out[s.ASK] - ask)), 9))
            places.append(f"{place_name}, inventory {amount}")
    form = ("与公式逐项一致（最小变动价位）", "equal to the written formula (Ticks)")
    return finish("formula", form, misses, 1e-9, places)


def _bits(code: int) -> CheckResult:
    bits, places = [], []
    for place_name, contract, given in _grid():
        for amount, free in product(STEPS, (1.0, 2.0)):
            x = inputs(contract, **given, **held(contract, amount), WIDTH_FREE=free)
            first, second = (answer(code, x).tobytes() for _ in range(2))
            bits.append(float(first != second))
            places.append(f"{place_name}, inventory {amount}")
    same = ("同样输入逐位相同（不同个数）", "the same input, the same bits (differences)")
    return finish("determinism", same, bits, 0.0, places)


def strategy_battery(code: int) -> list[CheckResult]:
    """The checks of a strategy by its code; a plug-in has no formula of the house's to equal."""
    written = [_formula(code)] if code < PLUGGED else []
    return [*_sound(code), *written, _bits(code)]


def record_strategy(name: str, modules: tuple[str, ...]) -> TestRecord:
    """Run the battery of a strategy of the house; `modules` are the registered ones."""
    return record(name, TITLES[name], modules, strategy_battery(s.NAMES.index(name)))
