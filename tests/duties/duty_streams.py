"""Random histories of a small market for the duty tests, and both ways to measure them."""

from random import Random

import msgspec
import numpy as np

from quanheng.duties.conditions import Conditions, Subject
from quanheng.duties.day import DayTables, measure_cells, measure_day
from quanheng.duties.figures import Figures
from quanheng.duties.measure import (
    figures,
    on_clock,
    on_exempt,
    on_inquiry,
    on_last,
    on_market,
    on_phase,
    on_quote,
    on_trade,
    open_lanes,
)
from quanheng.duties.readings import Options
from quanheng.runtime.state import decode_state, encode_state
from quanheng.terms.codes import PHASE_LETTERS, Phase
from quanheng.terms.units import SECOND

DAY = 20240627
END = 86_400 * SECOND
NEAR, FAR = (1, 10, 25), (1, 5, 25)
TERMS = Conditions(
    bands=(NEAR, NEAR, FAR, FAR),
    size=10,
    auction_size=1,
    low_price={"EBS": 10, "ASH": 50},
    answer=15 * SECOND,
    hold=15 * SECOND,
)


def at(clock: str) -> int:
    """DayNanos of "HH:MM:SS" or "HH:MM:SS.sss"."""
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 * SECOND + int(minutes) * 60 * SECOND + round(float(seconds) * SECOND)


def a_subject(name: str = "10000001", band=NEAR, last: int = 500, **change) -> Subject:
    """A contract with limits at 1 and 2,000 ticks."""
    plain = {
        "contract": name,
        "underlying": "510050",
        "band": band,
        "low": 10,
        "limit_up": 2_000,
        "limit_down": 1,
        "last": last,
    }
    return Subject(**(plain | change))


class History:
    """Events of one day: (at, kind, contract, values)."""

    def __init__(self, subjects: list[Subject], makers: tuple[str, ...]) -> None:
        self.subjects, self.makers = subjects, makers
        self.phases: dict[tuple[int, int], int] = {}
        self.quotes: dict[tuple[int, int, int], tuple[int, int, int, int]] = {}
        self.trades: list[tuple[int, int, int, int, int, int]] = []
        self.inquiries: list[tuple[int, int]] = []
        self.exemptions: list[tuple[int, int, int, int]] = []
        self.market: dict[tuple[int, int], tuple[int, int, int, int]] = {}
        self.options = Options()

    def phase(self, clock: str, letter: str, slot: int = 0) -> None:
        self.phases[slot, at(clock)] = PHASE_LETTERS.index(letter)

    def quote(self, clock: str, bid, bid_qty, ask, ask_qty, maker: int = 0, slot: int = 0) -> None:
        self.quotes[slot, maker, at(clock)] = (bid, bid_qty, ask, ask_qty)

    def trade(self, clock: str, price, qty=1, buyer=-1, seller=-1, slot: int = 0) -> None:
        self.trades.append((slot, at(clock), price, qty, buyer, seller))

    def inquiry(self, clock: str, slot: int = 0) -> None:
        self.inquiries.append((slot, at(clock)))

    def exempt(self, since: str, until: str, maker: int = 0, slot: int = 0) -> None:
        self.exemptions.append((maker, slot, at(since), at(until)))

    def normal_day(self, slot: int = 0) -> None:
        """The phases of an undisturbed day."""
        for clock, letter in (
            ("09:15:00", "C"),
            ("09:25:00", "B"),
            ("09:30:00", "T"),
            ("11:30:00", "B"),
            ("13:00:00", "T"),
            ("14:57:00", "U"),
            ("15:00:00", "E"),
        ):
            self.phase(clock, letter, slot)

    def book(self, clock: str, bid, bid_qty, ask, ask_qty, slot: int = 0) -> None:
        self.market[slot, at(clock)] = (bid, bid_qty, ask, ask_qty)

    @property
    def terms(self) -> Conditions:
        return msgspec.structs.replace(TERMS, options=self.options)

    def batch(self) -> Figures:
        """Measured from sorted tables."""
        return measure_day(self.tables())

    def cells(self, active: np.ndarray) -> Figures:
        """Only the active cells, as parts in chunks are measured."""
        return measure_cells(msgspec.structs.replace(self.tables(), active=active))

    def tables(self) -> DayTables:
        """Sorted arrays of everything."""
        phases = sorted((s, t, p) for (s, t), p in self.phases.items())
        quotes = sorted((s, m, t, *row) for (s, m, t), row in self.quotes.items())
        trades = sorted(self.trades, key=lambda row: row[:2])
        inquiries = sorted(self.inquiries)
        market = sorted((s, t, *row) for (s, t), row in self.market.items())

        def columns(rows: list[tuple[int, ...]], width: int) -> np.ndarray:
            return np.array(rows, dtype=np.int64).reshape(len(rows), width)

        p, q = columns(phases, 3), columns(quotes, 7)
        t, i, b = columns(trades, 6), columns(inquiries, 2), columns(market, 6)
        return DayTables(
            day=DAY,
            terms=self.terms,
            subjects=self.subjects,
            makers=self.makers,
            active=np.ones((len(self.makers), len(self.subjects)), dtype=np.int64),
            phase_contract=p[:, 0],
            phase_at=p[:, 1],
            phase=p[:, 2],
            trade_contract=t[:, 0],
            trade_at=t[:, 1],
            trade_price=t[:, 2],
            trade_qty=t[:, 3],
            parties=t[:, 4:],
            quote_contract=q[:, 0],
            quote_maker=q[:, 1],
            quotes=q[:, 2:],
            inquiry_contract=i[:, 0],
            inquiry_at=i[:, 1],
            market_contract=b[:, 0],
            market=b[:, 1:],
            exemptions=self.exemptions,
        )

    def events(self, random: Random | None) -> list[tuple[int, int, str, tuple[int, ...]]]:
        """All events by time; within an instant shuffled, trades keeping their own order."""
        rows = [(t, 0.0, "phase", (s, t, p)) for (s, t), p in self.phases.items()]
        rows += [(t, 0.0, "quote", (m, s, t, *q)) for (s, m, t), q in self.quotes.items()]
        rows += [(t, 0.0, "inquiry", (s, t, 1)) for s, t in self.inquiries]
        rows += [(t, 0.0, "market", (s, t, *row)) for (s, t), row in self.market.items()]
        if random is not None:
            rows = [(t, random.random(), kind, args) for t, _, kind, args in rows]
        shared = random.random() if random else 0.5
        rows += [(row[1], shared, "trade", row) for row in self.trades]
        return sorted(rows, key=lambda row: row[:2])

    def incremental(self, random: Random | None = None, restore_at: int = -1) -> Figures:
        """Measured event by event; `restore_at` = event before which state goes through bytes."""
        m = open_lanes(DAY, self.terms, self.subjects, self.makers, [None] * len(self.makers))
        for maker, slot, since, until in self.exemptions:
            on_exempt(m, maker, slot, since, until)
        for number, (time, _, kind, args) in enumerate(self.events(random)):
            if number == restore_at:
                m = decode_state(encode_state(m), type(m))
            decoy = random is not None and random.random() < 0.3  # replaced at the same instant
            if kind == "phase":
                if decoy:
                    on_phase(m, args[0], args[1], Phase(random.randrange(8)))
                on_phase(m, args[0], args[1], Phase(args[2]))
            elif kind == "quote":
                if decoy:
                    on_quote(m, *args[:3], 500, random.choice((0, 10)), 520, 10)
                on_quote(m, *args)
            elif kind == "market":
                on_market(m, *args)
            elif kind == "inquiry":
                on_inquiry(m, *args)
            else:
                slot, time, price, qty, buyer, seller = args
                on_trade(m, slot, time, qty, buyer, seller)
                on_last(m, slot, time, price)
            if random is not None and random.random() < 0.02:
                on_clock(m, time)
                figures(m, time)
        assert m.late == 0
        return figures(m, END)


def random_history(random: Random, events: int) -> History:
    """A hard history: coarse times so that instants collide, odd phases, limits, exemptions."""
    subjects = [
        a_subject(f"1000000{k}", random.choice((NEAR, FAR)), random.choice((500, 5, 2_000)))
        for k in range(random.randint(1, 3))
    ]
    history = History(subjects, tuple(f"M{k}" for k in range(random.randint(1, 3))))
    step = random.choice((SECOND, 5 * SECOND, SECOND // 1_000))
    length = max(4, events // random.choice((1, 3, 10)))

    def moment() -> int:
        return 34_200 * SECOND + random.randint(0, length) * step

    for slot in range(len(subjects)):
        for _ in range(max(3, events // 30)):
            weights = (1, 2, 8, 1, 3, 1, 1, 1)
            history.phases[slot, moment()] = random.choices(range(8), weights)[0]
        for _ in range(events // 20):
            maker = random.randrange(len(history.makers))
            since = moment()
            until = since + random.randint(1, 60) * step
            if random.random() < 0.1:
                history.exemptions.append((maker, slot, since, until))
    for _ in range(events):
        slot, maker = random.randrange(len(subjects)), random.randrange(len(history.makers))
        draw = random.random()
        if draw < 0.7:
            bid = random.choice((0, 1, 100, 125, 126, 249, 250, 251, 333, 500))
            ask = bid + random.choice((-1, 0, 10, 25, 26, 33, 50, 51, 100))
            sizes = (0, 1, 9, 10, 10, 20, 20)
            row = (bid, random.choice(sizes), max(ask, 0), random.choice(sizes))
            history.quotes[slot, maker, moment()] = row
        elif draw < 0.9:
            price = random.choice((500, 480, 9, 10, 2_000, 1, 700))
            sides = random.choices(range(-1, len(history.makers)), k=2)
            history.trades.append((slot, moment(), price, random.randint(1, 9), *sides))
        else:
            history.inquiries.append((slot, moment()))
    return history


def random_options(random: Random) -> Options:
    """Any combination of the readings that measuring follows, most of them the default."""
    limits = {"quotes": 1, "domain": 4, "opening": 3, "volume": 3}
    return Options(
        **{
            name: random.randrange(limits.get(name, 2)) if random.random() < 0.4 else 0
            for name in Options.__struct_fields__
        }
    )


def with_market(random: Random, history: History) -> History:
    """The same history with a market's best quotes that are sometimes locked or one-sided."""
    instants = sorted({t for _, _, t in history.quotes} | {t for _, t in history.phases})
    for slot in range(len(history.subjects)):
        for _ in range(len(instants) // 2):
            at_ = random.choice(instants) + random.choice((0, 0, 1_000_000))
            row = random.choice(
                ((480, 10, 520, 10), (2_000, 5, 0, 0), (0, 0, 1, 5), (300, 3, 0, 0), (5, 1, 7, 1),
                 (0, 0, 0, 0), (100, 1, 126, 1), (1_999, 1, 2_001, 1))
            )  # fmt: skip
            history.market[slot, at_] = row
    return history
