"""The duties of a day as rules.md 10 and 11 and duty_dataset.md write them, slowly.

Plain loops over plain lists and Fractions, one maker and contract at a time: the state at an
instant is looked up by scanning, and time is added interval by interval between all instants at
which anything happens. Nothing is shared with the fast forms but the meaning of the words.
"""

import itertools
from dataclasses import dataclass, field
from fractions import Fraction

from duty_streams import END, TERMS, History

from quanheng.duties.readings import Options

S, C, T, B, V, P, U, E = "SCTBVPUE"
LETTERS = ["S", "C", "T", "B", "V", "P", "U", "E"]
TRADING = (C, T, V, U)


@dataclass
class Slow:
    """Everything about one maker in one contract."""

    obliged: int = 0
    quoted: int = 0
    compliant: int = 0
    ratio: Fraction | None = None
    opening: int = -1
    closing: int = -1
    breaks: list[tuple[int, int]] = field(default_factory=list)
    inquiries: int = 0
    answered: int = 0
    volume: int = 0


class Reference:
    """A history and the readings it is judged by."""

    def __init__(self, history: History, options: Options, letters: dict[int, str]) -> None:
        self.history, self.options = history, options
        self.letters = letters  # Phase value -> letter

    def cell(self, maker: int, slot: int) -> Slow:
        """The figures of one maker in one contract."""
        h = self.history
        self.maker, self.slot = maker, slot
        self.item = h.subjects[slot]
        self.phase_rows = sorted(
            (t, self.letters[p]) for (s, t), p in h.phases.items() if s == slot
        )
        self.quote_rows = sorted(
            (t, q) for (s, m, t), q in h.quotes.items() if s == slot and m == maker
        )
        self.trade_rows = sorted(
            (row for row in h.trades if row[0] == slot), key=lambda row: row[1]
        )
        self.market_rows = sorted((t, q) for (s, t), q in h.market.items() if s == slot)
        self.holes = [(a, b) for m, s, a, b in h.exemptions if m == maker and s == slot]
        found = Slow()
        self._times(found)
        self._auctions(found)
        self._inquiries(found)
        self._volume(found)
        return found

    # -- state at an instant: everything up to and including it; `before`: just before it

    @staticmethod
    def _last(rows, at, before=False):
        kept = [row for row in rows if (row[0] < at if before else row[0] <= at)]
        return kept[-1] if kept else None

    def phase(self, at, before=False) -> str:
        row = self._last(self.phase_rows, at, before)
        return row[1] if row else S

    def book(self, at, before=False):
        row = self._last(self.market_rows, at, before)
        return row[1] if row else None

    def price(self, at, before=False) -> Fraction:
        """交易价格: the last trade of today, else what A31 says."""
        trades = [r for r in self.trade_rows if (r[1] < at if before else r[1] <= at)]
        if trades:
            return Fraction(trades[-1][2])
        book = self.book(at, before)
        if self.options.mid and book and book[1] > 0 and book[3] > 0:
            return Fraction(book[0] + book[2], 2)
        return Fraction(self.item.last)

    def limited(self, at, before=False) -> bool:
        if self.options.locked:
            book = self.book(at, before)
            if book is None:
                return False
            bid, bid_qty, ask, ask_qty = book
            up = bid_qty > 0 and ask_qty == 0 and bid == self.item.limit_up
            down = ask_qty > 0 and bid_qty == 0 and ask == self.item.limit_down
            return up or down
        return self.price(at, before) in (self.item.limit_up, self.item.limit_down)

    def low(self, at, before=False) -> bool:
        return self.price(at, before) < self.item.low

    def exempt(self, at, before=False) -> bool:
        if before:
            return any(a < at <= b for a, b in self.holes)
        return any(a <= at < b for a, b in self.holes)

    def quote(self, at, before=False):
        row = self._last(self.quote_rows, at, before)
        return row[1] if row else (0, 0, 0, 0)

    def allowed(self, at, before=False) -> Fraction:
        """A(b) of rules.md 10.1-1 in ticks."""
        num, den, floor = self.item.band
        base = self.quote(at, before)[0]
        if self.options.base:
            book = self.book(at, before)
            base = book[0] if book and book[1] > 0 else 0
        wide = max(Fraction(num * base, den), Fraction(floor))
        if self.options.floor:
            steps = wide // self.item.step
            wide = Fraction(max(steps, 1) * self.item.step)
        return wide

    def two_sided(self, at, size, before=False) -> bool:
        bid, bid_qty, ask, ask_qty = self.quote(at, before)
        return bid > 0 and ask > bid and bid_qty >= size and ask_qty >= size

    def compliant(self, at, size, before=False) -> bool:
        bid, _, ask, _ = self.quote(at, before)
        return self.two_sided(at, size, before) and ask - bid <= self.allowed(at, before)

    # -- time

    def _instants(self) -> list[int]:
        found = {0, END}
        found |= {row[0] for row in self.phase_rows} | {row[0] for row in self.quote_rows}
        found |= {row[1] for row in self.trade_rows} | {row[0] for row in self.market_rows}
        for a, b in self.holes:
            found |= {a, b}
        return sorted(found)

    def _times(self, found: Slow) -> None:
        instants = self._instants()
        total, rated, base_v = Fraction(0), 0, 0
        for start, stop in itertools.pairwise(instants):
            if self.phase(start) != T or self.limited(start):
                continue
            length = stop - start
            good = self.compliant(start, TERMS.size)
            in_v = not self.low(start) and not self.exempt(start)
            if in_v or self.options.wide:
                found.obliged += length
                found.compliant += length * good
            if not in_v:
                continue
            base_v += length
            sized = self.two_sided(start, TERMS.size)
            found.quoted += length * sized
            domain = (sized, self.two_sided(start, 1), good, sized)[self.options.domain]
            if domain:
                bid, _, ask, _ = self.quote(start)
                rated += length
                total += (ask - bid) / self.allowed(start) * length
        if self.options.domain == 3:
            total, rated = total + base_v - rated, base_v
        found.ratio = total / rated if rated else None

    # -- auctions

    def _auctions(self, found: Slow) -> None:
        phase, waiting, began = S, False, 0
        for at, new in self.phase_rows:
            ended = ""
            if phase in (C, U) and new not in (phase, P):
                ended = phase
            elif waiting and new not in (V, B, P):
                ended = V
            if ended:
                self._judge(found, ended, at, began)
            waiting = new == V or (waiting and ended != V)
            if new != phase:
                began = at
            phase = new

    def _judge(self, found: Slow, kind: str, at: int, began: int) -> None:
        excused = self.limited(at, True) or self.low(at, True) or self.exempt(at, True)
        kept = (kind == C and self.options.opening_in) or (kind == U and self.options.closing_in)
        if excused and not kept:
            return
        ready = int(self.compliant(at, TERMS.auction_size, True))
        if kind == C and self.options.opening:
            start = min(max(began, at - TERMS.window), at - 1)
            inside = [start, *(t for t in self._instants() if start < t < at)]
            states = [self.compliant(t, TERMS.auction_size) for t in inside]
            ready = int(any(states) if self.options.opening == 1 else all(states))
        if kind == C:
            found.opening = ready
        elif kind == U:
            found.closing = ready
        else:
            found.breaks.append((at, ready))

    # -- inquiries

    def _inquiries(self, found: Slow) -> None:
        for slot, t0 in self.history.inquiries:
            phase = self.phase(t0)
            asked = phase == T or (bool(self.options.auctions) and phase in (C, V, U))
            if slot != self.slot or not asked:
                continue
            if self.limited(t0) or self.low(t0) or self.exempt(t0):
                continue
            size = TERMS.size if phase == T else TERMS.auction_size
            ends = [t for t, new in self.phase_rows if t > t0 and new != phase]
            stop = min(ends, default=1 << 62)
            good = any(self._holds(tau, stop, size) for tau in self._starts(t0, stop))
            if good or stop - t0 >= TERMS.answer + TERMS.hold:
                found.inquiries += 1
                found.answered += good

    def _starts(self, t0: int, stop: int) -> list[int]:
        """The instants at which an answer may begin."""
        sent = [t for t, _ in self.quote_rows]
        if not self.options.fresh:
            sent = [t0, *sent, *(t for t, _ in self.market_rows)]
        first = t0 + 1 if self.options.fresh else t0
        return [t for t in sent if first <= t <= t0 + TERMS.answer and t < stop]

    def _holds(self, tau: int, stop: int, size: int) -> bool:
        """Stands from tau on for the hold, or until the maker trades the contract (filled)."""
        if not self.compliant(tau, size):
            return False
        changes = sorted({t for t, _ in self.quote_rows} | {t for t, _ in self.market_rows})
        gone = min((t for t in changes if t > tau and not self.compliant(t, size)), default=1 << 62)
        gone = min(gone, stop)
        own = [r[1] for r in self.trade_rows if self.maker in (r[4], r[5])]
        return gone - tau >= TERMS.hold or gone in own

    # -- volume

    def _volume(self, found: Slow) -> None:
        for _, at, _, qty, buyer, seller in self.trade_rows:
            sides = [buyer] if self.options.volume == 1 else [buyer, seller]
            if self.options.volume == 2:
                before = self.phase(at, True)
                phase = before if before in TRADING else self.phase(at)
                if phase != T:
                    continue
            found.volume += qty * sides.count(self.maker)
