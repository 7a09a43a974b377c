"""What the quote that rests in a contract counts as at this instant, under any readings.

The same questions as `intervals` answers for a finished day, asked of a `Follower`: tests hold both
to equal answers. Q-01, Q-02, Q-07; rules.md 10.1 and 10.2; readings A01, A02, A04, A07, A31, A33.
"""

from fractions import Fraction

from quanheng.duties.conditions import spread_key
from quanheng.duties.follower import Follower, cell_of, excuse
from quanheng.duties.intervals import Cause
from quanheng.duties.readings import ABSENT_IS_ONE, COMPLIANT_ONLY, TWO_SIDED
from quanheng.terms.codes import Phase
from quanheng.terms.units import Slot, Ticks


def owes(f: Follower, slot: Slot) -> bool:
    """Does continuous time count in the participation as the contract is now? Time at a low price
    or exempted does by A33, time at a limit never.
    """
    if f.terms.options.wide:
        return excuse(f, slot) != Cause.LIMIT
    return rates(f, slot)


def rates(f: Follower, slot: Slot) -> bool:
    """Does continuous time count in the time base of the spread ratio as the contract is now?"""
    return not cell_of(f, slot).exempt and excuse(f, slot) == 0


def allowed(f: Follower, slot: Slot) -> int:
    """den x allowed spread of what is quoted now, taken of the own or the market's best bid (A01),
    cut down to price steps where A02 says so.
    """
    lane, options = f.meter.lanes[slot], f.terms.options
    base = lane.base if options.base else f.quotes[slot][0]
    step = lane.subject.step if options.floor else 0
    return spread_key(lane.num, lane.den, lane.floor_key, step, base)


def cause_now(f: Follower, slot: Slot) -> Cause:
    """What the present instant of a contract counts as in its participation."""
    if f.phases[slot] != Phase.CONTINUOUS:
        return Cause.PHASE
    if owes(f, slot):
        return quote_cause(f, slot)
    if cell_of(f, slot).exempt and not f.terms.options.wide:
        return Cause.EXEMPT
    return Cause(excuse(f, slot))


def quote_cause(f: Follower, slot: Slot, tighter: Ticks = 0) -> Cause:
    """What the quote that rests in a contract is, by the continuous rules, or would be if it were
    `tighter` ticks narrower, see `ratio_of`.
    """
    bid, bid_qty, ask, ask_qty = f.quotes[slot]
    sides = (bid > 0 and bid_qty > 0) + (ask > 0 and ask_qty > 0)
    if sides < 2:
        return Cause.ONE_SIDED if sides else Cause.ABSENT
    if ask <= bid:
        return Cause.CROSSED
    if min(bid_qty, ask_qty) < f.terms.size:
        return Cause.SMALL
    tight = f.meter.lanes[slot].den * _width(f, slot, tighter) <= allowed(f, slot)
    return Cause.COMPLIANT if tight else Cause.WIDE


def _width(f: Follower, slot: Slot, tighter: Ticks) -> Ticks:
    """Ask less bid, `tighter` ticks narrower but a price step at least, never wider than it is."""
    bid, _, ask, _ = f.quotes[slot]
    return min(ask - bid, max(ask - bid - tighter, f.subjects[slot].step))


def ratio_of(f: Follower, slot: Slot, tighter: Ticks = 0) -> Fraction | None:
    """Spread ratio at which time counts now, with the quote `tighter` ticks narrower; None while
    none counts (A04). Without a quote it is 1 where absence counts so.
    """
    bid, bid_qty, ask, ask_qty = f.quotes[slot]
    domain, least = f.terms.options.domain, min(bid_qty, ask_qty)
    absent = Fraction(1) if domain == ABSENT_IS_ONE else None
    if bid <= 0 or ask <= bid or least < (1 if domain == TWO_SIDED else f.terms.size):
        return absent
    ratio = Fraction(f.meter.lanes[slot].den * _width(f, slot, tighter), allowed(f, slot))
    return None if domain == COMPLIANT_ONLY and ratio > 1 else ratio
