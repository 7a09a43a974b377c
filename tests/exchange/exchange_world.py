"""A small market for the exchange room's tests: one class, 12 contracts, a host for a machine."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange.messages import MarketScenario, Member, VenueOpen
from quanheng.exchange.venue import Venue
from quanheng.rulebook import margin, price_limits
from quanheng.rulebook.model import Rulebook
from quanheng.runtime.envelope import Envelope, Source, TimerFired, WakeAt
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import AnyRequest, Requests

DAY = 20240627
START = midnight(DAY)
CLOSE_PRICE = 24_410
EXPIRIES = ((20240724, 2407), (20241225, 2412))
STRIKES = (23_500, 24_500, 25_500)


def at(clock: str) -> int:
    """An instant of the test day."""
    return START + from_clock(clock)


@lru_cache
def rulebook() -> Rulebook:
    return read_rulebook(DAY)


def contract(code: int, kind: str, strike: int, last_day: int, month: int, settle: int) -> Contract:
    book = rulebook()
    up, down = price_limits.limits(
        book, "510050", kind, strike, settle, CLOSE_PRICE, 1, last_trading_day=False
    )
    return Contract(
        code=str(code),
        trading_code=f"510050{kind}{month}M{strike // 10:05d}",
        symbol="50ETF",
        underlying="510050",
        underlying_symbol="50ETF",
        underlying_type="EBS",
        style="E",
        kind=kind,
        unit=10_000,
        strike=strike,
        first_day=20240401,
        last_day=last_day,
        exercise_day=last_day,
        delivery_day=last_day + 1,
        expire_day=last_day,
        version="0",
        open_interest=1_000,
        previous_close=settle,
        previous_settle=settle,
        underlying_close=CLOSE_PRICE,
        limit_up=up,
        limit_down=down,
        margin_unit=margin.opening(book, "EBS", kind, strike, settle, CLOSE_PRICE, 10_000),
        margin_ratio_1=1_200,
        margin_ratio_2=700,
        round_lot=1,
        limit_min=1,
        limit_max=50,
        market_min=1,
        market_max=10,
        step=1,
        status="0000E000",
        auto_split_day=0,
    )


SETTLES = {
    ("C", 23_500, 2407): 1_000,
    ("C", 24_500, 2407): 330,
    ("C", 25_500, 2407): 70,
    ("P", 23_500, 2407): 60,
    ("P", 24_500, 2407): 390,
    ("P", 25_500, 2407): 1_120,
    ("C", 23_500, 2412): 1_750,
    ("C", 24_500, 2412): 1_150,
    ("C", 25_500, 2412): 720,
    ("P", 23_500, 2412): 700,
    ("P", 24_500, 2412): 1_100,
    ("P", 25_500, 2412): 1_660,
}


@lru_cache
def chain() -> Chain:
    contracts = [
        contract(10_007_000 + i, kind, strike, last_day, month, SETTLES[kind, strike, month])
        for i, (last_day, month, strike, kind) in enumerate(
            (last_day, month, strike, kind)
            for last_day, month in EXPIRIES
            for strike in STRIKES
            for kind in "CP"
        )
    ]
    return build_chain(DAY, contracts)


QUIET = MarketScenario(
    name="quiet", flow=0, informed=0, inquiries=0, makers=(), volume=(("510050", 0),)
)
BUSY = MarketScenario(name="busy", volume=(("510050", 400_000),))


def member(pbu: str = "A0001", maker: str = "M1", **more: Any) -> Member:
    return Member(pbu, f"D89000{pbu}", maker, "primary", 10**12, **more)


def opening(
    scenario: MarketScenario = QUIET, members: tuple[Member, ...] | None = None, **more: Any
) -> VenueOpen:
    return VenueOpen(
        day=DAY,
        chain=chain(),
        rulebook=rulebook(),
        seed=more.pop("seed", 7),
        members=(member(),) if members is None else members,
        scenario=scenario,
        **more,
    )


class World:
    """Hosts a machine: applies inputs in time order, keeps its timers and effects."""

    def __init__(self, opened: Any, machine: Any = None, opened_at: int = at("09:10")) -> None:
        self.machine = Venue() if machine is None else machine
        self.seq = 0
        self.now = opened_at
        self.timers: dict[str, int] = {}
        self.effects: list[Any] = []
        self.log: list[tuple[int, Any]] = []
        if opened is not None:
            self.give(opened)

    def give(self, body: Any, source: Source = Source.RUNTIME) -> list[Any]:
        self.seq += 1
        self.log.append((self.now, body))
        effects = list(self.machine.apply(Envelope(self.seq, self.now, source, 0, body)))
        for effect in effects:
            if isinstance(effect, WakeAt):
                assert effect.at > self.now, effect
                self.timers[effect.name] = effect.at
        self.effects += effects
        return effects

    def until(self, instant: int) -> list[Any]:
        """Let timers fire up to and at `instant`; returns the effects of all of them."""
        first = len(self.effects)
        while self.timers:
            due, name = min((due, name) for name, due in self.timers.items())
            if due > instant:
                break
            del self.timers[name]
            self.now = due
            self.give(TimerFired(name, due), Source.TIMER)
        self.now = instant
        return self.effects[first:]

    def ask(self, *requests: AnyRequest, pbu: str = "A0001") -> list[Any]:
        """Send requests; returns the sender's refusals, then its report bodies, in order."""
        answers: list[Any] = []
        for effect in self.give(Requests(pbu, list(requests)), Source.VENUE):
            if getattr(effect, "pbu", "") != pbu:
                continue
            if hasattr(effect, "reports"):
                answers += [report.body for report in effect.reports]
            elif hasattr(effect, "rejects"):
                answers += effect.rejects
        return answers


def spot(price: int, instant: int) -> UnderlyingTicks:
    tick = UnderlyingTick(0, 2, price, 0, 0, (price - 5,), (100,), (price + 5,), (100,))
    return UnderlyingTicks(instant, (tick,))


def of(effects: Iterable[Any], kind: type) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]
