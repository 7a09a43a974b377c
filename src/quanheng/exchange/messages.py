"""Messages of the exchange's machines alone: how a day opens, halts, ETF orders, effects.

Requests, reports and market data are in `quanheng.terms`. Scenario times are DayNanos; ratios
and vols are integers in parts per million.
"""

import msgspec

from quanheng.rulebook.model import Rulebook
from quanheng.terms.business import MarginAnswer
from quanheng.terms.codes import Side
from quanheng.terms.contract import Chain
from quanheng.terms.etf import EtfDone, EtfFill, EtfRequest
from quanheng.terms.orders import Report, RequestRejected
from quanheng.terms.units import Day, DayNanos, Lots, Money, Nanos, Ticks


class Member(msgspec.Struct, frozen=True, array_like=True):
    """One wire participant of a venue.

    `long` and `short` are `kernels.pack` of int64[slots] (option venue), empty = flat. An empty
    `maker` is an ordinary account: no quotes. `limits` are the position limits granted per
    underlying (code, long, total, daily buy-open), absent = none enforced here. `combinations` are
    (id, strategy, code, code, units), the codes in the order of the strategy. `deficit` is a margin
    call of the evening before; see `forced`. `covered` is packed like `long`; `units` are held of
    each class's underlying, `locked` of them for covered positions. `brokerage` is a client's
    account: it may move units into its member's disposal account, which holds `disposal` of each
    class; `due` are the units that exercises of the day before bring today.
    """

    pbu: str
    account: str
    maker: str
    kind: str  # "primary" or "general"
    cash: Money
    long: bytes = b""
    short: bytes = b""
    limits: tuple[tuple[str, Lots, Lots, Lots], ...] = ()
    combinations: tuple[tuple[str, str, str, str, Lots], ...] = ()
    deficit: Money = 0
    covered: bytes = b""
    units: tuple[Lots, ...] = ()
    locked: tuple[Lots, ...] = ()
    brokerage: bool = False
    disposal: tuple[Lots, ...] = ()
    due: tuple[Lots, ...] = ()


class CrowdMaker(msgspec.Struct, frozen=True, array_like=True):
    """A competing market maker inside the crowd."""

    name: str
    width: int  # quoted spread, ppm of the allowed spread A(bid)
    react: Nanos  # mean time until it acts on a moved fair value
    size: Lots
    skip: int  # share of deep contracts it leaves alone, ppm
    capacity: Lots  # position in a contract at which it leans by half its width
    view: int  # how far its own opinion of a price may be off, ppm of half its width


class Path(msgspec.Struct, frozen=True, array_like=True):
    """Where an underlying is driven: (time, price) knots of one class, ascending."""

    klass: int
    knots: tuple[tuple[DayNanos, Ticks], ...]


class VolShock(msgspec.Struct, frozen=True, array_like=True):
    """The hidden ATM vols of a class (-1: all) jump by `change`, in 1e-6 of vol per year."""

    at: DayNanos
    klass: int
    change: int


class HaltWindow(msgspec.Struct, frozen=True, array_like=True):
    """A temporary halt of a scope: "*", an underlying or a contract code. With `lost` every order
    of the exchange is gone when it begins, and no report says so.
    """

    scope: str
    since: DayNanos
    until: DayNanos
    lost: bool = False


class Burst(msgspec.Struct, frozen=True, array_like=True):
    """A burst of orders that sweeps a contract until its circuit breaker triggers."""

    at: DayNanos
    contract: str
    side: Side
    qty: Lots


class Outage(msgspec.Struct, frozen=True, array_like=True):
    """A class (-1: all) publishes no snapshots in [since, until)."""

    klass: int
    since: DayNanos
    until: DayNanos


CROWD_MAKERS = (
    CrowdMaker("CM01", 200_000, 500_000_000, 10, 500_000, 100, 200_000),
    CrowdMaker("CM02", 260_000, 800_000_000, 20, 300_000, 200, 300_000),
    CrowdMaker("CM03", 320_000, 1_500_000_000, 20, 100_000, 300, 300_000),
    CrowdMaker("CM04", 380_000, 2_500_000_000, 30, 100_000, 400, 300_000),
    CrowdMaker("CM05", 480_000, 5_000_000_000, 30, 250_000, 600, 400_000),
    CrowdMaker("CM06", 700_000, 12_000_000_000, 15, 450_000, 300, 500_000),
)
"""From the quick and narrow that stays near the money to the slow and wide."""

DAILY_VOLUME = (
    ("510050", 1_325_311),
    ("510300", 1_201_703),
    ("510500", 1_773_072),
    ("588000", 607_857),
    ("588080", 319_265),
)
"""Contracts traded on 2024-06-26 (data/README.md)."""


class MarketScenario(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What the market does today. Defaults are a calm day with real volumes."""

    name: str = "calm"
    flow: int = 1_000_000  # scale of investors' flow, ppm
    volume: tuple[tuple[str, Lots], ...] = DAILY_VOLUME  # per underlying at full flow
    retail: int = 550_000  # retail's share of the investors' contracts, ppm
    patience: int = 180_000  # what investors pay over fair to trade now, ppm of the allowed spread
    informed: Nanos = 500_000_000  # mean time between looks of the informed trader, 0 never
    lead: Nanos = 300_000_000_000  # how far it sees along `paths` and `vol_shocks`
    blur: int = 300  # standard deviation of the error of its forecast, ppm of the price
    fast: int = 500_000  # chance that the fast sniper catches the step of a move, ppm
    slow: Nanos = 3_000_000_000  # mean reaction time of the slow sniper, 0 never
    parent: Lots = 400  # contracts of a metaorder on average
    persist: int = 700_000  # share of metaorders on the side of the institutions' mood, ppm
    turn: Nanos = 2_400_000_000_000  # mean time until the mood turns
    impact: int = 10_000  # relative move of the vol by institutional flow of 1 % of the volume, ppm
    inquiries: int = 12  # inquiries per class and hour
    follow: int = 500_000  # chance that an inquirer trades, ppm
    vol_noise: int = 1_200  # of the ATM vol, per square root of a minute, ppm
    rate: int = 18_000  # continuous rate, ppm per year
    makers: tuple[CrowdMaker, ...] = CROWD_MAKERS
    paths: tuple[Path, ...] = ()
    vol_shocks: tuple[VolShock, ...] = ()
    halts: tuple[HaltWindow, ...] = ()
    bursts: tuple[Burst, ...] = ()
    outages: tuple[Outage, ...] = ()


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """Cash and positions (`kernels.pack` of int64[slots], empty = flat) of a crowd's account."""

    cash: Money
    long: bytes = b""
    short: bytes = b""


class VenueOpen(msgspec.Struct, frozen=True, array_like=True, kw_only=True, tag="venue_open"):
    """The first input of an option venue's day.

    `surface` are rows of six: class, last day of the expiry, ATM vol, slope and curvature in
    x = ln(K/F)/sqrt(tau), carry of the forward per year, all 1e-6; an expiry without a row gets
    a plain smile. `switches` are the keys of `venue.SWITCHES`. `crowd` are the crowd's accounts in
    their order (makers, then `layout.PUBLIC`), empty on a first day; what they do not hold of a
    contract's open interest retail and institutions hold on both sides.
    """

    day: Day
    chain: Chain
    rulebook: Rulebook
    seed: int
    members: tuple[Member, ...]
    scenario: MarketScenario = MarketScenario()
    snapshot_nanos: Nanos = 500_000_000
    switches: dict[str, str] = {}
    surface: tuple[int, ...] = ()
    crowd: tuple[Standing, ...] = ()


class Halt(msgspec.Struct, frozen=True, array_like=True, tag="halt"):
    """Start or end a temporary halt of a scope: "*", an underlying or a contract code."""

    scope: str
    on: bool


class Deliver(msgspec.Struct, frozen=True, array_like=True, tag="deliver"):
    """Effect: execution reports for a member's trading unit, in order."""

    pbu: str
    reports: list[Report]


class Refuse(msgspec.Struct, frozen=True, array_like=True, tag="refuse"):
    """Effect: requests refused at the front (22); they left no trace in the market."""

    pbu: str
    rejects: list[RequestRejected]


class MarginAnswered(msgspec.Struct, frozen=True, array_like=True, tag="margin_answer"):
    """Effect: the answer to a member's margin inquiry; it is not part of a report stream."""

    pbu: str
    answer: MarginAnswer


class PlatformStateChanged(msgspec.Struct, frozen=True, array_like=True, tag="platform"):
    """Effect: the option platform's state (interfaces.md 1.4): 0 not open, 1 pre-open, 2 open,
    3 break, 4 closed.
    """

    state: int


class EtfSpec(msgspec.Struct, frozen=True, array_like=True):
    """One underlying: `limit_rate` in percent, `vol` per year in ppm, `knots` drive its path.

    `step` is its price step: a fund's 0.001 yuan, a share's 0.01.
    """

    klass: int
    underlying: str
    previous_close: Ticks
    limit_rate: int
    vol: int
    knots: tuple[tuple[DayNanos, Ticks], ...]
    step: Ticks = 10


class EtfMember(msgspec.Struct, frozen=True, array_like=True):
    """A member's ETF account: cash and units held per EtfSpec, sellable today."""

    pbu: str
    account: str
    cash: Money
    units: tuple[Lots, ...]


class EtfOpen(msgspec.Struct, frozen=True, array_like=True, kw_only=True, tag="etf_open"):
    """The first input of the ETF venue's day. `fee` is Money per million Money traded."""

    day: Day
    specs: tuple[EtfSpec, ...]
    seed: int
    members: tuple[EtfMember, ...] = ()
    snapshot_nanos: Nanos = 500_000_000
    fee: int = 45
    jumps: int = 6  # expected jumps per underlying and day
    jump_size: int = 1_500  # ppm of the price, one standard deviation


class EtfRequests(msgspec.Struct, frozen=True, array_like=True, tag="etf_requests"):
    """ETF requests that arrived together from one member."""

    pbu: str
    requests: list[EtfRequest]


class EtfDeliver(msgspec.Struct, frozen=True, array_like=True, tag="etf_deliver"):
    """Effect: answers to a member's ETF requests, in order."""

    pbu: str
    answers: list[EtfFill | EtfDone]


class EtfRefuse(msgspec.Struct, frozen=True, array_like=True, tag="etf_refuse"):
    """Effect: ETF requests refused, by client id and code."""

    pbu: str
    rejects: list[RequestRejected]


class TapeOpen(msgspec.Struct, frozen=True, array_like=True, kw_only=True, tag="tape_open"):
    """The first input of a tape venue's day: one member beside a recorded market.

    `fills` is one of `tape_fills.BOUNDS`. With `prints` the tape tells every trade, and what its
    snapshots say of volume is left aside.
    """

    day: Day
    chain: Chain
    rulebook: Rulebook
    pbu: str
    fills: str
    prints: bool = False


class TapePrints(msgspec.Struct, frozen=True, array_like=True, tag="prints"):
    """Trades of the recorded market at one instant, in their order."""

    at: Nanos
    rows: bytes  # kernels.pack of int64[n, 3]: slot, price in Ticks, contracts


class TapeEnd(msgspec.Struct, frozen=True, array_like=True, tag="tape_end"):
    """The tape is over: what is not closed yet ends here."""
