"""An overseer on a real chain of a few contracts, and a market that a known smile makes."""

from functools import lru_cache
from typing import Any

import numpy as np

from quanheng.compose.openings import Openings
from quanheng.compose.oversight_file import read_oversight
from quanheng.compose.oversight_wires import CarriedOversight, opening_of
from quanheng.compose.people import read_people
from quanheng.compose.reference import FIRST_DAY, load
from quanheng.compose.scenarios import load as scenario
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.pack import pack
from quanheng.oversight.messages import DropCopy, FirmLimit, OrderSeen, OrdersSeen, OverseerOpen
from quanheng.oversight.overseer import Overseer
from quanheng.rulebook.years import TRADING_TIME, discount_years, variance_years
from quanheng.runtime.envelope import Envelope, Source, TimerFired
from quanheng.terms import market
from quanheng.terms.codes import Effect, Phase, Side, TradingState
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import Trade
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import MINUTE, SECOND

DAY = FIRST_DAY
MIDNIGHT = midnight(DAY)
OPEN_AT = MIDNIGHT + from_clock("09:10")
TEN = MIDNIGHT + from_clock("10:00")
PICK = "24"
VOL, SLOPE = 0.2, -0.3


def limit(
    name: str,
    value: int,
    scope: str = "*",
    since: int = 0,
    until: int = 0,
    version: int = 1,
    answer: int = 10 * MINUTE,
    escalate: tuple[TradingState, ...] = (TradingState.REDUCING, TradingState.HALTED),
) -> FirmLimit:
    """An authorised limit."""
    record = LimitRecord(scope, name, value, since, until, "minutes 7", "F01", "H01")
    return FirmLimit(record, version, answer, escalate)


@lru_cache
def _made(pick: str) -> OverseerOpen:
    reference = load(FIRST_DAY, None, pick)
    book = read_rulebook(DAY)
    openings = Openings(scenario("calm"), reference, book, read_config(), 1, 3 * SECOND)
    volume = tuple(100_000 for _ in reference.chain.classes)
    return opening_of(openings, read_oversight(), read_people(), volume, CarriedOversight())


def opening(pick: str = PICK, **changes: Any) -> OverseerOpen:
    """The shipped chain's opening, with other fields where asked; no limits unless stated."""
    made = _made(pick)
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    return OverseerOpen(**{**fields, "limits": (), "paths": 300, **changes})


class World:
    """An overseer with a log of its inputs."""

    def __init__(self, opened: OverseerOpen) -> None:
        self.opened, self.chain = opened, opened.chain
        self.machine, self.log = Overseer(), list[Envelope[Any]]()
        self.said: list[Any] = []
        self.fills = 0
        self.say(opened, OPEN_AT)

    @property
    def state(self) -> Any:
        return self.machine.state

    def say(self, body: Any, at: int) -> list[Any]:
        self.log.append(Envelope(len(self.log) + 1, at, Source.VENUE, 0, body))
        effects = list(self.machine.apply(self.log[-1]))
        self.said += effects
        return effects

    def of(self, kind: type) -> list[Any]:
        return [effect for effect in self.said if isinstance(effect, kind)]

    def run(self, at: int) -> list[Any]:
        """Figures now."""
        return self.say(TimerFired("figures", at), at)

    def trade(
        self,
        slot: int,
        side: Side,
        qty: int,
        price: int = 0,
        effect: Effect = Effect.OPEN,
        client_id: str = "M000000001",
        at: int = TEN,
        covered: bool = False,
        order: bool = True,
    ) -> DropCopy:
        """A fill of ours, by default at the previous settlement, heard as a copy; without `order`
        the exchange tells of no order before it.
        """
        self.fills += 1
        row = self.chain.contracts[slot]
        price = price or row.previous_settle
        amount = price * qty * row.unit
        if order:
            self.order(slot, side, qty, price, client_id, at)
        body = Trade(
            client_id, row.code, self.fills, self.fills, price, qty, 0, side, effect, covered, at,
            at, amount,
        )  # fmt: skip
        copy = DropCopy("1", self.fills, body)
        self.say(copy, at)
        return copy

    def order(
        self, slot: int, side: Side, qty: int, price: int, client_id: str, at: int = TEN
    ) -> None:
        """An order of ours that the exchange took."""
        code = self.chain.contracts[slot].code
        self.say(OrdersSeen((OrderSeen(False, client_id, code, side, price, qty),)), at)

    def pause(self, at: int) -> None:
        """An image of a break: nothing trades."""
        self.quote(at, phase=Phase.BREAK)

    def quote(
        self,
        at: int,
        move: float = 0.0,
        up: float = 0.0,
        width: int = 20,
        phase: Phase = Phase.CONTINUOUS,
    ) -> None:
        """A market around the known smile: spots moved by `move`, vols by `up`."""
        self.say(UnderlyingTicks(at, tuple(self._fund(k, move) for k in self._classes())), at)
        for klass in self._classes():
            item = self.chain.classes[klass]
            rows = np.zeros((item.stop - item.start, market.COLUMNS), dtype=np.int64)
            for place, slot in enumerate(range(item.start, item.stop)):
                mid = round(self.fair(slot, at, move, up) * 10_000)
                rows[place, market.SLOT] = slot
                rows[place, market.PHASE] = phase
                rows[place, market.BID] = max(mid - width // 2, 1)
                rows[place, market.ASK] = max(mid - width // 2, 1) + width
            self.say(ChainTick(klass, at, True, pack(rows)), at)

    def _classes(self) -> range:
        return range(len(self.chain.classes))

    def _fund(self, klass: int, move: float) -> UnderlyingTick:
        price = round(self.spot(klass) * (1.0 + move) * 10_000)
        step = 10
        return UnderlyingTick(
            klass, Phase.CONTINUOUS, price, 0, 0, (price - step,), (100,), (price + step,), (100,)
        )

    def spot(self, klass: int) -> float:
        return self.chain.contracts[self.chain.classes[klass].start].underlying_close / 10_000

    def curve(self, slot: int, at: int, move: float = 0.0, up: float = 0.0) -> tuple[float, ...]:
        """(sign, forward, strike, vol, tau, discount) of the known smile."""
        row = self.chain.contracts[slot]
        spot = row.underlying_close / 10_000 * (1.0 + move)
        rate = self.opened.rate / 1e6
        calendar = discount_years(row.last_day, at)
        forward = spot * (1.0 + rate * calendar)
        tau = variance_years(self.opened.rulebook.calendar, TRADING_TIME, row.last_day, at)
        strike = row.strike / 10_000
        vol = (VOL + SLOPE * (strike / forward - 1.0)) * (1.0 + up)
        sign = 1.0 if row.is_call else -1.0
        return sign, forward, strike, vol, tau, float(np.exp(-rate * calendar))

    def fair(self, slot: int, at: int, move: float = 0.0, up: float = 0.0) -> float:
        return float(price_one(*self.curve(slot, at, move, up)))
