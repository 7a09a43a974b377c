"""Quote parameters per contract, underlying or for all (I-13, I-14, I-16, P-limits of the ladder).

One table of data names every parameter with its unit, default and band. The narrowest scope wins:
contract, then expiry ("510050-2407": underlying, year and month), then underlying, then "*". Values
are integers, so a command can be journaled and shown without rounding.
"""

import msgspec
import numpy as np

from quanheng.terms.contract import Chain


class Parameter(msgspec.Struct, frozen=True):
    """One line of the table; `loose` says which direction takes more risk: +1 up, -1 down, 0."""

    name: str
    unit: str
    default: int
    low: int
    high: int
    loose: int
    meaning: str


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
    Parameter("lean_vega", "1e-4 of half width", 4_000, 0, 40_000, 0, "shift at full class vega"),
    Parameter("position_scale", "contracts", 100, 1, 5_000, 1, "position that counts as full"),
    Parameter("delta_scale", "yuan per 1 %", 200_000, 1_000, 10**8, 1, "class delta that is full"),
    Parameter("vega_scale", "yuan per vol point", 50_000, 100, 10**7, 1, "class vega that is full"),
    Parameter("vol_shift", "1e-6 of vol", 0, -200_000, 200_000, 0, "trader's offset to the curve"),
    Parameter("curve_level", "1e-6 of vol", 0, -200_000, 200_000, 0, "trader's level of the curve"),
    Parameter(
        "curve_slope", "1e-6 per z", 0, -200_000, 200_000, 0, "trader's slope, z = ln(K/F)/sqrt(T)"
    ),
    Parameter("curve_curvature", "1e-6 per z^2", 0, -200_000, 200_000, 0, "trader's curvature"),
    Parameter("swim", "1e-4", 10_000, 0, 10_000, 0, "0 sticky strike, 10000 sticky delta"),
    Parameter("curve_model", "code", 1, 1, 4, 0, "1 wing, 2 svi, 3 ssvi, 4 cubic"),
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
    Parameter("repeat_fills", "fills in 5 s", 40, 2, 10_000, 1, "P16 fills that pause a contract"),
    Parameter("hedge", "0/1", 0, 0, 1, 0, "hedge the delta of the class"),
    Parameter("hedge_band", "yuan per 1 %", 20_000, 100, 10**8, 1, "delta that is left alone"),
    Parameter("hedge_target", "1e-4 of the band", 5_000, 0, 10_000, 0, "delta a hedge leaves"),
    Parameter("hedge_beta", "1e-4", 0, 0, 30_000, 0, "move per move of the group, 0 alone"),
    Parameter("hedge_slip", "ticks", 30, 10, 1_000, 1, "furthest price of a hedge from the spot"),
    Parameter("hedge_gamma", "yuan per 1 %", 200_000, 100, 10**9, 1, "gamma that is prompted"),
    Parameter("hedge_vega", "yuan per vol point", 20_000, 100, 10**7, 1, "vega that is prompted"),
)

CLASS_WIDE = (
    "curve_model", "curve_rms", "curve_move", "curve_age", "hedge", "hedge_band", "hedge_target",
    "hedge_beta", "hedge_slip", "hedge_gamma", "hedge_vega",
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
P_WITHDRAW_LOW_BID = INDEX["withdraw_low_bid"]
P_MAX_POSITION = INDEX["max_position"]


class Parameters(msgspec.Struct):
    """Overrides by scope and the table in force, int64[slots, len(TABLE)]."""

    overrides: dict[str, dict[str, int]]
    values: np.ndarray
    version: int


def problem(chain: Chain, scope: str, name: str, value: int) -> str:
    """Why a setting cannot be taken, "" when it can: unknown scope or name, or outside its band."""
    if name not in INDEX:
        return f"unknown parameter {name}"
    if not places_of(chain, scope):
        return f"unknown scope {scope}"
    if name in CLASS_WIDE and _narrowness(scope) > 1:
        return f"{name} holds for a whole underlying, not for {scope}"
    item = TABLE[INDEX[name]]
    if not item.low <= value <= item.high:
        return f"{name} ({item.meaning}) = {value} is outside {item.low} to {item.high} {item.unit}"
    return ""


def loosens(state: Parameters, chain: Chain, scope: str, name: str, value: int) -> bool:
    """True when the setting takes more risk than what is in force somewhere in the scope."""
    places = places_of(chain, scope)
    item = TABLE[INDEX[name]]
    if not places or item.loose == 0:
        return False
    column = state.values[places, INDEX[name]]
    return value > int(column.min()) if item.loose > 0 else value < int(column.max())


def slots_of(chain: Chain, scope: str) -> tuple[int, int] | None:
    """The slots [start, stop) of a scope; None when the chain does not have it."""
    if scope == "*":
        return 0, len(chain.contracts)
    for klass in chain.classes:
        if klass.underlying == scope:
            return klass.start, klass.stop
    for slot, contract in enumerate(chain.contracts):
        if contract.code == scope:
            return slot, slot + 1
    return None


def places_of(chain: Chain, scope: str) -> list[int]:
    """The slots of a scope of parameters, expiries included; empty when the chain has none."""
    underlying, dash, month = scope.partition("-")
    if not dash:
        slots = slots_of(chain, scope)
        return [] if slots is None else list(range(*slots))
    return [
        slot
        for slot, contract in enumerate(chain.contracts)
        if contract.underlying == underlying and str(contract.last_day)[2:6] == month
    ]


def open_parameters(chain: Chain) -> Parameters:
    """Every contract at the defaults."""
    defaults = np.array([item.default for item in TABLE], dtype=np.int64)
    return Parameters({}, np.tile(defaults, (len(chain.contracts), 1)), 1)


def put(state: Parameters, chain: Chain, scope: str, name: str, value: int) -> None:
    """Take a setting over; ValueError with `problem`'s words."""
    wrong = problem(chain, scope, name, value)
    if wrong:
        raise ValueError(wrong)
    state.overrides.setdefault(scope, {})[name] = value
    state.version += 1
    column = INDEX[name]
    named = [each for each in state.overrides if name in state.overrides[each]]
    # Wide scopes first, so that the narrowest setting is written last and wins.
    for each in sorted(named, key=_narrowness):
        state.values[places_of(chain, each), column] = state.overrides[each][name]


def _narrowness(scope: str) -> int:
    """Everything, underlyings, expiries, contracts: 0 to 3."""
    if "-" in scope:
        return 2
    return 0 if scope == "*" else 1 if len(scope) == 6 else 3


def of_class(state: Parameters, start: int, name: str) -> int:
    """A parameter that holds for a whole class, read at its first contract."""
    return int(state.values[start, INDEX[name]])
