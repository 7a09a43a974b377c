"""Quote parameters in layers (I-13, I-14, I-16, P-limits of the ladder).

One table of data names every parameter with its unit, default, hard limits and the band in which a
trader changes it alone (O-04). `layers` says which scopes there are; the narrowest wins. Values are
integers, so a command can be journaled and shown without rounding.
"""

import msgspec
import numpy as np

from quanheng.kernels.desk.plugged import PLUGGED, SLOTS
from quanheng.maker import layers
from quanheng.terms.contract import Chain

MOST = PLUGGED + SLOTS - 1
"""Highest code of a strategy or curve model; those from PLUGGED on are plug-ins."""
NOBODY = (1, 0)
"""Band of what always needs two people."""


class Parameter(msgspec.Struct, frozen=True):
    """One line of the table; `loose` says which direction takes more risk: +1 up, -1 down, 0.

    `alone` is the trader's own band where it does not follow from default and direction.
    """

    name: str
    unit: str
    default: int
    low: int
    high: int
    loose: int
    meaning: str
    alone: tuple[int, int] | None = None

    @property
    def limit(self) -> bool:
        """True for a limit of the ladder: its meaning begins with the check."""
        return self.meaning[:1] == "P" and self.meaning[1:3].isdigit()

    @property
    def band(self) -> tuple[int, int]:
        """What a trader may set alone: on the side that takes more risk, no further than the
        default. NOBODY for limits of the ladder, which only tighten without a second person.
        """
        if self.alone is not None or self.limit:
            return self.alone or NOBODY
        low = self.default if self.loose < 0 else self.low
        return low, self.default if self.loose > 0 else self.high


TABLE: tuple[Parameter, ...] = (
    Parameter("width", "1e-4 of A(b)", 3_000, 500, 10_000, -1, "width of the quote"),
    Parameter("width_stress", "1e-4 of A(b)", 9_000, 500, 10_000, -1, "width at full inventory"),
    Parameter("quote_qty", "contracts", 20, 10, 50, 1, "quantity per side, continuous trading"),
    Parameter("refill_qty", "contracts", 12, 10, 50, 0, "a side below this is renewed"),
    Parameter("auction_qty", "contracts", 2, 1, 50, 1, "quantity per side in call auctions"),
    Parameter("requote", "1e-4 of A(b)", 1_500, 0, 10_000, 1, "move of the target that requotes"),
    Parameter(
        "lean_position", "1e-4 of half width", 8_000, 0, 20_000, 0, "shift at a full position"
    ),
    Parameter("lean_delta", "1e-4 of half width", 6_000, 0, 40_000, 0, "shift at full class delta"),
    Parameter("lean_vega", "1e-6 of vol", 1_500, 0, 100_000, 0, "vol shift at full class vega"),
    Parameter("lean_gamma", "1e-6 of vol", 1_000, 0, 100_000, 0, "vol shift at a full cluster"),
    Parameter("position_scale", "contracts", 100, 1, 5_000, 1, "position that counts as full"),
    Parameter("delta_scale", "yuan per 1 %", 200_000, 1_000, 10**8, 1, "class delta that is full"),
    Parameter("vega_scale", "yuan per vol point", 50_000, 100, 10**7, 1, "class vega that is full"),
    Parameter("gamma_scale", "yuan per 1 % per 1 %", 10_000, 10, 10**7, 1, "cluster gamma: full"),
    Parameter("cluster", "1e-4 of strike", 300, 0, 5_000, 0, "reach of a cluster of strikes"),
    Parameter("enabled", "0/1", 1, 0, 1, 1, "quoted at all; designated contracts always are"),
    Parameter("strategy", "code", 2, 1, MOST, 0, "1 fixed, 2 lean, 3 glft, 4 duty", NOBODY),
    Parameter("glft_risk", "1e-4 per A(b) and lot", 1_000, 1, 10**6, -1, "glft: risk aversion"),
    Parameter("glft_decay", "1e-4 per A(b)", 50_000, 1_000, 10**6, 0, "glft: decay of fills"),
    Parameter("glft_intensity", "1e-6 lots per s", 50_000, 1, 10**8, 0, "glft: fills at theory"),
    Parameter("vol_of_vol", "1e-4 points per s^1/2", 80, 0, 10_000, 0, "glft: moves of vol"),
    Parameter("duty_risk", "1e-4 of A(b)", 5_000, 0, 50_000, -1, "duty: price of full inventory"),
    Parameter("duty_value", "1e-4 of A(b)", 10_000, 0, 100_000, 0, "duty: value of what is due"),
    Parameter("duty_target", "1e-4", 9_000, 8_000, 10_000, 0, "participation that is aimed at"),
    Parameter("width_free", "1e-4 of A(b)", 10_000, 10_000, 50_000, 0, "duty: width past the cap"),
    Parameter("toxic_gain", "1e-4", 5_000, 0, 50_000, -1, "share of lost mark-outs to widen by"),
    Parameter("toxic_most", "1e-4 of A(b)", 2_000, 0, 5_000, -1, "widest such widening, per side"),
    Parameter("vol_shift", "1e-6 of vol", 0, -200_000, 200_000, 0, "trader's offset to the curve"),
    Parameter("curve_level", "1e-6 of vol", 0, -200_000, 200_000, 0, "trader's level of the curve"),
    Parameter(
        "curve_slope", "1e-6 per z", 0, -200_000, 200_000, 0, "trader's slope, z = ln(K/F)/sqrt(T)"
    ),
    Parameter("curve_curvature", "1e-6 per z^2", 0, -200_000, 200_000, 0, "trader's curvature"),
    Parameter("swim", "1e-4", 10_000, 0, 10_000, 0, "0 sticky strike, 10000 sticky delta"),
    Parameter("curve_model", "code", 1, 1, MOST, 0, "1 wing, 2 svi, 3 ssvi, 4 cubic"),
    Parameter("curve_rms", "1e-6 of vol", 50_000, 100, 500_000, 1, "worst distance of a fit"),
    Parameter("curve_move", "1e-6 of vol", 20_000, 100, 10**6, 1, "move that two fits confirm"),
    Parameter("curve_age", "s", 60, 1, 7_200, 1, "age at which a last good curve is stale"),
    Parameter("withdraw_low_bid", "0/1", 1, 0, 1, 0, "withdraw the bid below the low price"),
    Parameter("hold_rejected", "ms", 2_000, 0, 600_000, -1, "wait after a rejection"),
    Parameter("jump", "1e-6 of price", 3_000, 100, 200_000, 1, "underlying move that pulls first"),
    Parameter("fit_gain", "1e-4", 2_500, 100, 10_000, 0, "share of a new fit taken over"),
    Parameter("basis_gain", "1e-4", 500, 10, 10_000, 0, "share of a new basis taken over"),
    Parameter("residual_gain", "1e-4", 300, 0, 10_000, 0, "share of a new residual taken over"),
    Parameter("residual_share", "1e-4", 8_000, 0, 10_000, 0, "share of the residual that counts"),
    Parameter("steady_rate", "quotes per s", 80, 1, 1_000, 1, "refreshes that are not urgent"),
    Parameter("max_qty", "contracts", 50, 1, 50, 1, "P06 largest order"),
    Parameter("max_value", "yuan", 2_000_000, 1_000, 10**8, 1, "P08 largest order value per side"),
    Parameter("theo_share", "1e-4", 3_000, 0, 10_000, 1, "P09 distance from theory"),
    Parameter("theo_ticks", "ticks", 40, 1, 5_000, 1, "P09 distance always allowed"),
    Parameter("theo_age", "ms", 3_000, 100, 600_000, 1, "P09 oldest theory"),
    Parameter("last_share", "1e-4", 5_000, 0, 10_000, 1, "P10 distance from mid or last"),
    Parameter("last_ticks", "ticks", 80, 1, 5_000, 1, "P10 distance always allowed"),
    Parameter("own_share", "1e-4", 3_000, 0, 10_000, 1, "P11 distance from the own last quote"),
    Parameter("own_ticks", "ticks", 50, 1, 5_000, 1, "P11 distance always allowed"),
    Parameter("cross_ticks", "ticks", 0, 0, 100, 1, "P12 beyond the opposite best"),
    Parameter("max_position", "contracts", 300, 0, 10_000, 1, "P18 net worst case per contract"),
    Parameter("shed", "1e-4 of max_position", 7_500, 0, 10_000, 1, "beyond it the market takes it"),
    Parameter("repeat_fills", "fills in 5 s", 40, 2, 10_000, 1, "P16 fills that pause a contract"),
    Parameter("hedge", "0/1", 0, 0, 1, 0, "hedge the delta of the class"),
    Parameter("hedge_band", "yuan per 1 %", 20_000, 100, 10**8, 1, "delta that is left alone"),
    Parameter("hedge_target", "1e-4 of the band", 5_000, 0, 10_000, 0, "delta a hedge leaves"),
    Parameter("hedge_beta", "1e-4", 0, 0, 30_000, 0, "move per move of the group, 0 alone"),
    Parameter("hedge_slip", "ticks", 30, 10, 1_000, 1, "furthest price of a hedge from the spot"),
    Parameter("hedge_gamma", "yuan per 1 %", 200_000, 100, 10**9, 1, "gamma that is prompted"),
    Parameter("hedge_vega", "yuan per vol point", 20_000, 100, 10**7, 1, "vega that is prompted"),
    Parameter("inquiry_wait", "ms", 0, 0, 10_000, 0, "inquiries left to people before answering"),
    Parameter(
        "absurd", "1e-6 of price", 50_000, 5_000, 500_000, 1, "a tick further off is doubted"
    ),
    Parameter("absurd_hold", "ms", 1_000, 0, 60_000, -1, "how long a doubted tick waits at least"),
    Parameter("absurd_ticks", "market ticks", 3, 2, 100, -1, "ticks in a row that confirm a jump"),
)

CLASS_WIDE = (
    "curve_model", "curve_rms", "curve_move", "curve_age", "hedge", "hedge_band", "hedge_target",
    "hedge_beta", "hedge_slip", "hedge_gamma", "hedge_vega",
    "absurd", "absurd_hold", "absurd_ticks",
)  # fmt: skip
"""Parameters that cannot differ inside an underlying."""

INDEX: dict[str, int] = {item.name: number for number, item in enumerate(TABLE)}

P_WIDTH = INDEX["width"]
P_WIDTH_STRESS = INDEX["width_stress"]
P_QUOTE_QTY = INDEX["quote_qty"]
P_REFILL_QTY = INDEX["refill_qty"]
P_AUCTION_QTY = INDEX["auction_qty"]
P_REQUOTE = INDEX["requote"]
P_LEAN_POSITION = INDEX["lean_position"]
P_LEAN_DELTA = INDEX["lean_delta"]
P_LEAN_VEGA = INDEX["lean_vega"]
P_POSITION_SCALE = INDEX["position_scale"]
P_DELTA_SCALE = INDEX["delta_scale"]
P_VEGA_SCALE = INDEX["vega_scale"]
P_VOL_SHIFT = INDEX["vol_shift"]
P_CURVE_LEVEL = INDEX["curve_level"]  # slope and curvature follow it
P_SWIM = INDEX["swim"]
P_LEAN_GAMMA = INDEX["lean_gamma"]
P_GAMMA_SCALE = INDEX["gamma_scale"]
P_CLUSTER = INDEX["cluster"]
P_ENABLED = INDEX["enabled"]
P_STRATEGY = INDEX["strategy"]
P_GLFT_RISK = INDEX["glft_risk"]
P_GLFT_DECAY = INDEX["glft_decay"]
P_GLFT_INTENSITY = INDEX["glft_intensity"]
P_VOL_OF_VOL = INDEX["vol_of_vol"]
P_DUTY_RISK = INDEX["duty_risk"]
P_DUTY_VALUE = INDEX["duty_value"]
P_WIDTH_FREE = INDEX["width_free"]
P_WITHDRAW_LOW_BID = INDEX["withdraw_low_bid"]
P_MAX_POSITION = INDEX["max_position"]


class Parameters(msgspec.Struct):
    """Settings by scope, the delta bucket of each slot, the table in force [slots, len(TABLE)]."""

    overrides: dict[str, dict[str, int]]
    values: np.ndarray
    version: int
    buckets: np.ndarray


def problem(chain: Chain, scope: str, name: str, value: int) -> str:
    """Why a setting cannot be taken, "" when it can: unknown scope or name, outside its limits."""
    if name not in INDEX:
        return f"unknown parameter {name}"
    where = layers.parse(scope)
    if where is None or not layers.base(chain, where):
        return f"unknown scope {scope}"
    if name in CLASS_WIDE and where.layer > layers.CLASS:
        return f"{name} holds for a whole underlying, not for {scope}"
    item = TABLE[INDEX[name]]
    if not item.low <= value <= item.high:
        return f"{name} ({item.meaning}) = {value} is outside {item.low} to {item.high} {item.unit}"
    return ""


def alone(state: Parameters, chain: Chain, scope: str, name: str, value: int) -> bool:
    """True when a trader may make the setting without a second person (O-04).

    Inside the parameter's band; a limit of the ladder only where it is nowhere looser than before,
    in a delta bucket nowhere in the expiries that it may be filled from.
    """
    item = TABLE[INDEX[name]]
    if not item.limit:
        low, high = item.band
        return low <= value <= high
    where = layers.parse(scope)
    places = layers.base(chain, where) if where is not None else []
    column = state.values[places, INDEX[name]]
    if not column.size:
        return False
    return value <= int(column.min()) if item.loose > 0 else value >= int(column.max())


def in_force(state: Parameters, chain: Chain, scope: str, name: str) -> str:
    """A parameter's value in a scope as text: a number, or lowest..highest where layers differ."""
    where = layers.parse(scope)
    slots = layers.places(chain, where, state.buckets) if where is not None else []
    column = state.values[slots, INDEX[name]]
    if not column.size:
        return str(state.overrides.get(scope, {}).get(name, ""))
    low, high = int(column.min()), int(column.max())
    return str(low) if low == high else f"{low}..{high}"


def open_parameters(chain: Chain) -> Parameters:
    """Every contract at the defaults, in the bucket at the money."""
    defaults = np.array([item.default for item in TABLE], dtype=np.int64)
    slots = len(chain.contracts)
    buckets = np.full(slots, layers.AT_THE_MONEY, dtype=np.int64)
    return Parameters({}, np.tile(defaults, (slots, 1)), 1, buckets)


def put(state: Parameters, chain: Chain, scope: str, name: str, value: int) -> None:
    """Take a setting over; ValueError with `problem`'s words."""
    wrong = problem(chain, scope, name, value)
    if wrong:
        raise ValueError(wrong)
    state.overrides.setdefault(scope, {})[name] = value
    state.version += 1
    _lay(state, chain, name)


def _lay(state: Parameters, chain: Chain, name: str) -> None:
    """Write one parameter's layers, wide ones first, so that the narrowest is last and wins."""
    column = state.values[:, INDEX[name]]
    column[:] = TABLE[INDEX[name]].default
    named = [scope for scope in state.overrides if name in state.overrides[scope]]
    for scope, where in layers.ordered(named):
        places = layers.places(chain, where, state.buckets)
        column[places] = state.overrides[scope][name]


def rebucket(state: Parameters, chain: Chain, start: int, stop: int, theo: np.ndarray) -> bool:
    """Move contracts between buckets after curves were published; True when settings changed."""
    if not layers.move_buckets(theo, start, stop, state.buckets):
        return False
    names = {
        name: True
        for scope, settings in state.overrides.items()
        if (where := layers.parse(scope)) is not None and where.bucket >= 0
        for name in settings
    }
    for name in names:
        _lay(state, chain, name)
    return bool(names)


def of_class(state: Parameters, start: int, name: str) -> int:
    """A parameter that holds for a whole class, read at its first contract."""
    return int(state.values[start, INDEX[name]])
