"""A hand-made market around one maker: a chain, a street that quotes it, and a host."""

import math
from dataclasses import dataclass, field

import numpy as np

from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.pack import pack
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.maker.roster import Trader
from quanheng.rulebook import price_limits
from quanheng.runtime.envelope import Envelope, LinkChanged, Source, TookOver
from quanheng.terms import market
from quanheng.terms.codes import Effect, Exec, Link, Phase, Side
from quanheng.terms.commands import SignOn
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import (
    Quote,
    QuoteAck,
    QuoteCancel,
    Report,
    Reports,
    Send,
    Trade,
)
from quanheng.terms.records import AccountRecord, Agreement, FigureRecord, StrategyRelease
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, SECOND

DAY = 20240627
RULES = read_rulebook(DAY)
SPOT = 24_410
VOL = 0.18
OPENING = midnight(DAY) + 9 * HOUR + 15 * MINUTE
MORNING = midnight(DAY) + 9 * HOUR + 30 * MINUTE
CLOSING = midnight(DAY) + 14 * HOUR + 57 * MINUTE
EXPIRIES = ((20240724, 19), (20240925, 63), (20241225, 123), (20250326, 184))


def value(spot, kind, strike, days, vol=VOL):
    """Fair price in yuan of a contract with a flat smile and no carry."""
    sign = 1.0 if kind == "C" else -1.0
    return price_one(sign, spot * 1e-4, strike * 1e-4, vol, days / 243, 1.0)


def make_contract(
    number, underlying, kind, strike, last_day, days, spot, unit=10_000, adjusted=False
):
    settle = max(1, round(value(spot, kind, strike, days) * 10_000))
    up, down = price_limits.limits(RULES, underlying, kind, strike, settle, spot, 1, False)
    letter = "A" if adjusted else "M"
    return Contract(
        code=str(number),
        trading_code=f"{underlying}{kind}{last_day // 100 % 10_000:04d}{letter}{strike // 10:05d}",
        symbol="x",
        underlying=underlying,
        underlying_symbol="x",
        underlying_type="EBS",
        style="E",
        kind=kind,
        unit=unit,
        strike=strike,
        first_day=20240101,
        last_day=last_day,
        exercise_day=last_day,
        delivery_day=last_day,
        expire_day=last_day,
        version="0",
        open_interest=100,
        previous_close=settle,
        previous_settle=settle,
        underlying_close=spot,
        limit_up=up,
        limit_down=down,
        margin_unit=40_000_000,
        margin_ratio_1=1200,
        margin_ratio_2=700,
        round_lot=1,
        limit_min=1,
        limit_max=50,
        market_min=1,
        market_max=10,
        step=1,
        status="0000",
        auto_split_day=0,
    )


def make_chain(strikes=3, expiries=2, underlyings=("510050",), spot=SPOT, step=500):
    contracts = []
    number = 10_000_001
    for underlying in underlyings:
        for last_day, days in EXPIRIES[:expiries]:
            for index in range(strikes):
                strike = 24_500 + (index - strikes // 2) * step
                for kind in "CP":
                    contracts.append(
                        make_contract(number, underlying, kind, strike, last_day, days, spot)
                    )
                    number += 1
    return build_chain(DAY, contracts)


def make_open(chain, **changes):
    given = {
        "day": DAY,
        "chain": chain,
        "rulebook": RULES,
        "maker": "MM01",
        "account": "A000000001",
        "pbu": "12345",
        "cash": 10_000_000_000_000,
        "agreements": tuple(
            Agreement(item.underlying, "letter 1", 20240102) for item in chain.classes
        ),
        "accounts": (AccountRecord("*", "A000000001", 20240102),),
        "strategies": tuple(
            StrategyRelease(name, "1", 20240102, "q01", "r01")
            for name in ("fixed", "lean", "glft", "duty")
        ),
        "traders": tuple(Trader(person) for person in ("p001", "p002", "p003")),
        "figures": (FigureRecord("*", "var", 10**9, "test", 0, CLOSING + 3 * HOUR),),
    }
    return MakerOpen(**(given | changes))


@dataclass
class World:
    """A maker, the street's prices and everything the maker said."""

    chain: Chain
    maker: Maker
    at: int
    seq: int = 0
    index: int = 0
    spot: int = SPOT
    vol: float = VOL
    phase: Phase = Phase.OPENING
    flags: int = 8
    half: float = 0.3  # of the allowed spread, half of the street's quote
    last: dict[int, int] = field(default_factory=dict)
    phases: dict[int, Phase] = field(default_factory=dict)
    effects: list = field(default_factory=list)
    resting: dict[tuple[int, int], list] = field(default_factory=dict)
    answer: bool = True
    smiles: dict = field(default_factory=dict)  # last day -> vol of k = ln(K/spot)
    silent: set = field(default_factory=set)  # slots the street does not quote

    @classmethod
    def start(cls, chain=None, ready=True, **changes):
        chain = chain or make_chain()
        world = cls(chain, Maker(), OPENING)
        world.put(make_open(chain, **changes))
        if ready:
            world.put(TookOver(changes.get("epoch", 1)))
            world.put(SignOn("trader", "p001", True))
            world.put(LinkChanged(Link.SYNCING))
            world.put(LinkChanged(Link.READY))
        return world

    @property
    def state(self):
        return self.maker.state

    def put(self, body, at=None, source=Source.FEED, cause=0):
        """Give the maker one input; returns its effects and answers its requests."""
        self.at = max(self.at, at or self.at)
        self.seq += 1
        effects = list(self.maker.apply(Envelope(self.seq, self.at, source, cause, body)))
        self.effects += effects
        if self.answer:
            for effect in effects:
                if isinstance(effect, Send):
                    self.reply(effect.requests)
        return effects

    def days_left(self, slot):
        return dict(((DAY, 1), *EXPIRIES))[self.chain.contracts[slot].last_day]

    def fair(self, slot):
        contract = self.chain.contracts[slot]
        smile = self.smiles.get(contract.last_day)
        vol = smile(math.log(contract.strike / self.spot)) if smile else self.vol
        return value(self.spot, contract.kind, contract.strike, self.days_left(slot), vol)

    def row(self, slot):
        """The street's row of a contract, our own resting quantity included."""
        row = [0] * market.COLUMNS
        row[market.SLOT] = slot
        row[market.PHASE] = self.phases.get(slot, self.phase)
        row[market.FLAGS] = self.flags
        row[market.LAST] = self.last.get(slot, 0)
        row[market.VOLUME] = 1 if slot in self.last else 0
        if row[market.PHASE] == Phase.CONTINUOUS:
            fair = self.fair(slot) * 10_000
            width = max(2.0, self.half * max(25.0, fair * 0.1))
            levels = [(max(1, int(fair - width / 2)), 30, 0), (int(fair + width / 2) + 1, 30, 1)]
            levels = [] if slot in self.silent else levels
            for (own, side), (_, price, qty) in self.resting.items():
                if own == slot:
                    levels.append((price, qty, side))
            for side, price_at, qty_at in (
                (0, market.BID, market.BID_QTY),
                (1, market.ASK, market.ASK_QTY),
            ):
                book = {}
                for price, qty, which in levels:
                    if which == side:
                        book[price] = book.get(price, 0) + qty
                ordered = sorted(book.items(), reverse=side == 0)[: market.LEVELS]
                for level, (price, qty) in enumerate(ordered):
                    row[price_at + level], row[qty_at + level] = price, qty
        return row

    def tick(self, klass=0, at=None, slots=None):
        item = self.chain.classes[klass]
        chosen = slots if slots is not None else range(item.start, item.stop)
        rows = np.array([self.row(slot) for slot in chosen], dtype=np.int64)
        stamp = at or self.at
        return self.put(ChainTick(klass, stamp, slots is None, pack(rows)), stamp + MILLISECOND)

    def run(self, seconds, step=500 * MILLISECOND):
        """Ticks of every class for some seconds."""
        sent = []
        for _ in range(int(seconds * SECOND // step)):
            self.at += step
            for klass in range(len(self.chain.classes)):
                sent += self.tick(klass)
        return sent

    def move(self, spot, tell=True):
        self.spot = spot
        quote = (spot - 10, spot + 10)
        tick = UnderlyingTick(
            0, int(Phase.CONTINUOUS), spot, 0, 0, (quote[0],), (1,), (quote[1],), (1,)
        )
        return self.put(UnderlyingTicks(self.at, (tick,))) if tell else []

    def report(self, body, index=None):
        self.index = self.index + 1 if index is None else self.index
        number = self.index if index is None else index
        return self.put(Reports([Report("300", number, body)]), self.at + MILLISECOND)

    def slot(self, code):
        return next(i for i, item in enumerate(self.chain.contracts) if item.code == code)

    def reply(self, requests):
        for request in requests:
            if isinstance(request, Quote):
                slot = self.slot(request.contract)
                for side, price, qty in (
                    (0, request.bid, request.bid_qty),
                    (1, request.ask, request.ask_qty),
                ):
                    if qty:
                        self.resting[slot, side] = [request.client_id, price, qty]
                self.report(quote_ack(request, self.at))
            elif isinstance(request, QuoteCancel):
                slot = self.slot(request.contract)
                for side, gone in ((0, request.bid), (1, request.ask)):
                    if gone:
                        self.resting.pop((slot, side), None)
                self.report(cancel_ack(request, self.at))

    def fill(self, slot, side, qty):
        """Somebody trades with the maker's resting side."""
        ident, price, left = self.resting[slot, side]
        if left > qty:
            self.resting[slot, side][2] = left - qty
        else:
            del self.resting[slot, side]
        work = self.state.work[slot]
        effect = Effect(int(work[side * 13 + 4]))
        trade = make_trade(self.chain.contracts[slot], ident, side, price, qty, effect, self.at)
        self.last[slot] = price
        return self.report(trade)

    def quotes(self, effects=None):
        """Quote requests in effects (all so far when None)."""
        chosen = self.effects if effects is None else effects
        sends = [effect for effect in chosen if isinstance(effect, Send)]
        return [r for send in sends for r in send.requests if isinstance(r, Quote)]

    def cancels(self, effects=None):
        chosen = self.effects if effects is None else effects
        sends = [effect for effect in chosen if isinstance(effect, Send)]
        return [r for send in sends for r in send.requests if isinstance(r, QuoteCancel)]

    def alerts(self, code):
        return [e for e in self.effects if type(e).__name__ == "RaiseAlert" and e.code == code]


def quote_ack(request, at, reason=0, exec_=Exec.ACCEPTED):
    return QuoteAck(
        False, exec_, request.client_id, request.contract, 1, request.bid, request.ask,
        request.bid_qty, request.ask_qty, request.bid_effect, request.ask_effect, at, reason,
        "", 0, "", 0,
    )  # fmt: skip


def cancel_ack(request, at, reason=0, exec_=Exec.CANCELLED):
    return QuoteAck(
        True, exec_, request.client_id, request.contract, 0, 0, 0, 0, 0, Effect.OPEN, Effect.OPEN,
        at, reason, "", 0, "", 0,
    )  # fmt: skip


def make_trade(contract, ident, side, price, qty, effect, at, leaves=0):
    return Trade(
        ident, contract.code, 1, 1, price, qty, leaves, Side.BUY if side == 0 else Side.SELL,
        effect, False, at, at, price * qty * contract.unit,
    )  # fmt: skip


def continuous(world):
    """Jump to the first seconds of continuous trading."""
    world.at = MORNING
    world.phase = Phase.CONTINUOUS
    world.run(2)
    return world
