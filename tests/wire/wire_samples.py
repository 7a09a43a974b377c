"""Chains, ticks and messages the wire tests share."""

import numpy as np

from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import NewOrder, OrderCancel, Quote, QuoteCancel
from quanheng.terms.units import MILLISECOND
from quanheng.wire.profile import Profile

DAY = 20260105
PROFILE = Profile("A123456789", "12345")
P4 = "453=4|448=A123456789|452=5|448=888|452=500|448=12345|452=1|448=00001|452=4001|"
P2 = "453=2|448=A123456789|452=5|448=12345|452=1|"
SIDES = "522=105|132=0.1230|133=0.1240|134=20|135=20|8909=O|8910=O|"
QUOTE_TEXT = f"9=169|35=S|1166=MM00000002|48=10000001|{SIDES}{P4}"
ACK_TEXT = (
    f"9=223|35=AJ|37=300000000001|150=0|39=0|1166=MM00000002|48=10000001|{SIDES}"
    f"300= |8541=09:30:00.123|73=2|41= |151=0|54=1|41= |151=0|54=2|{P2}"
)
CANCEL_TEXT = (
    "9=167|35=Z|1166=MM00000003|48=10000001|522=105|132=0.0000|133=0.0000|134=0|135=0|"
    f"8909= |8910= |{P4}"
)
ORDER_TEXT = (
    f"9=159|35=D|11=MM00000001|48=10000001|522=105|44=0.1234|38=10|54=1|77=O|40=2|59=0|203= |{P4}"
)
TRADE_TEXT = (
    "9=247|35=U11|11=MM00000002|37=300000000001|17=300000000007|48=10000001|31=0.1230|32=5|"
    "151=15|54=1|77=O|203= |8541=09:30:01.456|42=09:30:00.123|150=F|522=105|39=1|8504=6150.00|"
    f"{P4}"
)

QUOTE = Quote("MM00000002", "10000001", 1230, 1240, 20, 20, Effect.OPEN, Effect.OPEN)
CANCEL = QuoteCancel("MM00000003", "10000001", True, True)
ORDER = NewOrder("MM00000001", "10000001", Side.BUY, Effect.OPEN, OrderKind.LIMIT, 1234, 10)
ORDER_CANCEL = OrderCancel("MM00000004", "10000001", "MM00000001")

UNDERLYINGS = ("510050", "510300")


def soh(text: str) -> bytes:
    """Wire bytes of a fragment written with |."""
    return text.replace("|", "\x01").encode("ascii")


def contract(number: int, underlying: str) -> Contract:
    """A contract whose fields all differ from one another's defaults."""
    return Contract(
        code=str(10000001 + number),
        trading_code=f"{underlying}{'CP'[number % 2]}2407M{2000 + number:05d}",
        symbol=f"50ETF购7月{2000 + number}",
        underlying=underlying,
        underlying_symbol="50ETF",
        underlying_type="EBS",
        style="E",
        kind="CP"[number % 2],
        unit=10000 + number,
        strike=20000 + 10 * number,
        first_day=20240101,
        last_day=20240724,
        exercise_day=20240724,
        delivery_day=20240725,
        expire_day=20240724,
        version="0",
        open_interest=100 + number,
        previous_close=1234,
        previous_settle=1230,
        underlying_close=24560,
        limit_up=3000,
        limit_down=10,
        margin_unit=30_001_200,
        margin_ratio_1=1200,
        margin_ratio_2=700,
        round_lot=1,
        limit_min=1,
        limit_max=50,
        market_min=1,
        market_max=10,
        step=1,
        status="0000E0  ",
        auto_split_day=20240722,
    )


def chain(size: int = 8) -> Chain:
    """Two classes of `size` contracts together."""
    half = size // 2
    return build_chain(
        20240627, [contract(i, UNDERLYINGS[0 if i < half else 1]) for i in range(size)]
    )


STAMP = midnight(20240627) + 34_200_500 * MILLISECOND


def table(whole: Chain, klass: int, seed: int) -> np.ndarray:
    """A full class of arbitrary rows, some cells empty."""
    rng = np.random.default_rng(seed)
    part = whole.classes[klass]
    slots = np.arange(part.start, part.stop)
    rows = rng.integers(0, 9_000, (slots.size, market.COLUMNS))
    rows[rng.random(rows.shape) < 0.2] = 0
    rows[:, market.TURNOVER] = rng.integers(0, 10**12, slots.size)
    rows[:, market.VOLUME] = rng.integers(0, 10**9, slots.size)
    rows[:, market.SLOT] = slots
    rows[:, market.PHASE] = rng.integers(0, 8, slots.size)
    rows[:, market.FLAGS] = rng.integers(0, 16, slots.size)
    return rows


def tick(whole: Chain, klass: int = 0, seed: int = 1) -> ChainTick:
    """An image of a class."""
    return ChainTick(klass, STAMP, True, pack(table(whole, klass, seed)))
