"""Messages of the maker alone: how its day opens, manual orders, and what it shows.

Everything else it hears and says is in `quanheng.terms` and `quanheng.runtime.envelope`.
"""

from typing import TypeAlias

import msgspec

from quanheng.maker.roster import Trader
from quanheng.rulebook.model import Rulebook
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms.codes import TradingState
from quanheng.terms.contract import Chain
from quanheng.terms.etf import EtfSend
from quanheng.terms.orders import Send
from quanheng.terms.records import (
    AccountRecord,
    Agreement,
    FigureRecord,
    LimitRecord,
    StrategyRelease,
)
from quanheng.terms.units import Day, Lots, Money, Nanos


class ClassLimits(msgspec.Struct, frozen=True, array_like=True):
    """Position limits the exchange granted for one underlying (rules.md 4), in contracts."""

    underlying: str
    long: Lots  # long calls and puts together (权利仓)
    total: Lots  # long, short and covered together (总持仓)
    daily_buy_open: Lots


class MakerOpen(msgspec.Struct, frozen=True, array_like=True, kw_only=True, tag="maker_open"):
    """The first input of a day: reference data, rules, opening positions and cash.

    `long` and `short` are `kernels.pack` of int64[slots]; empty means flat. `permitted` lists
    underlyings or contract codes the desk may quote (I-11, I-37); empty means the whole chain.
    `limits` that are absent for an underlying come from the rulebook. `parameters` are
    (scope, name, value) as in SetParameter. `released` are the curve models that may be chosen,
    by their code (R-05); the wing model, which the others fall back to, is always among them.
    `agreements` to `locked` are what the ladder's records need: without them it denies (L-10).
    `quoting` are the released quoting strategies as (code, version), the one that parameters
    choose by default among them (I-17); a plug-in's version follows its name and a space, and
    `fitting` says the same of the plug-ins among the curve models. `roles` are (underlying, role)
    where the role is not primary: general, designated (designated contracts only) or none (O-01);
    `designated` are the codes of contracts the exchange assigned to us (L-07). `traders` are the
    people who may sign on as traders, and for which classes (O-02); nobody else can. `combinations`
    held are (id, strategy, first contract, second contract, units).
    """

    day: Day
    chain: Chain
    rulebook: Rulebook
    maker: str  # market-maker id as it appears in the dataset
    account: str
    pbu: str
    cash: Money
    long: bytes = b""
    short: bytes = b""
    letter: str = "M"  # first character of client ids, never Q or C (borders.md 4)
    epoch: int = 1
    rate: int = 18_000  # continuous growth rate of the forward before any market, 1e-6 per year
    rate_day: Day = 0  # the rate was approved for; 0: it is the configuration's fixed one
    messages_per_second: int = 1_000  # the exchange's flow limit of the trading unit
    limits: tuple[ClassLimits, ...] = ()
    permitted: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str, int], ...] = ()
    state: TradingState = TradingState.OPEN
    view_nanos: Nanos = 60_000_000_000  # interval of the console's class views; 0 none
    released: tuple[int, ...] = (1,)
    agreements: tuple[Agreement, ...] = ()
    accounts: tuple[AccountRecord, ...] = ()
    strategies: tuple[StrategyRelease, ...] = ()
    granted: tuple[LimitRecord, ...] = ()
    figures: tuple[FigureRecord, ...] = ()
    locked: tuple[Lots, ...] = ()  # units of the underlying locked for covered calls, by class
    covered: bytes = b""  # packed like long: covered shorts
    combinations: tuple[tuple[str, str, str, str, Lots], ...] = ()
    units: tuple[Lots, ...] = ()  # of the underlyings in the account, by class, locked ones too
    speed: int = (
        1  # business time over the wall's, on which waiting for answers runs (borders.md 2)
    )
    etf_cash: Money = 0  # free at the underlyings' market
    etf_units: tuple[Lots, ...] | None = None  # by class, free to sell; None: no line there
    etf_fee: int = 45  # of a trade there, 1e-6
    etf_base: Lots = 0  # working inventory of each class, whose own risk is hedged elsewhere
    quoting: tuple[tuple[int, str], ...] = ((2, "1"),)
    roles: tuple[tuple[str, str], ...] = ()
    designated: tuple[str, ...] = ()
    traders: tuple[Trader, ...] = ()
    fitting: tuple[tuple[int, str], ...] = ()


class Resync(msgspec.Struct, frozen=True, array_like=True, tag="resync"):
    """Effect: ask the exchange to replay reports from `next_index` of each set (I-12)."""

    next_index: dict[str, int]


class Notify(msgspec.Struct, frozen=True, array_like=True, tag="notify"):
    """Effect for the console's view log: `kernels.pack` of int64[n, columns] (`view` names them).

    Topics are "class" and "terms" (one row per contract), "curve" (one row per expiry), "book" and
    "flow" (one row per class), and those of `ledger_views` and `inquiry_views`. It never influences
    trading and may be pruned.
    """

    topic: str
    klass: int  # -1 for the whole book
    at: Nanos
    columns: int
    rows: bytes


OutEffect = Send | EtfSend | WakeAt | RaiseAlert | Resync | Notify
"""Everything the maker can say."""

Effects: TypeAlias = list[OutEffect]
