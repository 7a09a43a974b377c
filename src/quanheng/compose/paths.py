"""Where the underlyings go in a scenario: knots of (time of day, price) for each class.

Bars of a real day, scaled, give the common movement; each ETF wanders on its own by a seeded
integer walk; the scenario adds a gap, a drift and jumps. Everything is integer arithmetic in
millionths of the previous close, so the same scenario and seed give the same path everywhere.
"""

from collections.abc import Sequence

from quanheng.compose.scenarios import Scenario, UnderlyingPlan, clock
from quanheng.rulebook.schema import ticks
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND, DayNanos, Ticks

STEP = 10 * SECOND
OPEN_AT = from_clock("09:15")
MORNING = (from_clock("09:30"), from_clock("11:30"))
AFTERNOON = (from_clock("13:00"), from_clock("15:00"))
SESSION = MORNING[1] - MORNING[0] + AFTERNOON[1] - AFTERNOON[0]
MILLION = 1_000_000
BP = 100  # a basis point in millionths

Knots = tuple[tuple[DayNanos, Ticks], ...]


class _Walk:
    """A seeded walk: the sum of two uniform steps, with the asked spread over a whole session."""

    def __init__(self, seed: int, day_bp: int) -> None:
        self.state = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & 0xFFFFFFFFFFFFFFFF
        # The sum of two uniforms on [-w, w] has variance 2 w^2 / 3; SESSION / STEP steps.
        count = SESSION // STEP
        self.width = int(day_bp * BP * (1.5 / count) ** 0.5)

    def step(self) -> int:
        """The next step in millionths."""
        return self._uniform() + self._uniform()

    def _uniform(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        word = self.state
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        word ^= word >> 31
        return word % (2 * self.width + 1) - self.width


def traded(at: DayNanos) -> int:
    """Nanoseconds of the equity session that have passed at a time of day."""
    morning = min(max(at, MORNING[0]), MORNING[1]) - MORNING[0]
    afternoon = min(max(at, AFTERNOON[0]), AFTERNOON[1]) - AFTERNOON[0]
    return morning + afternoon


def _bars_at(marks: Sequence[tuple[DayNanos, int]], at: DayNanos) -> int:
    """Movement of the real day so far, in millionths, straight between the bars by session time:
    nothing moves over lunch. `marks` are (session time passed, movement) of the bars.
    """
    now = traded(at)
    before = (0, 0)
    for stop, level in marks:
        if stop > now:
            return before[1] + (level - before[1]) * (now - before[0]) // (stop - before[0])
        before = (stop, level)
    return before[1]


def _jumps_at(plan: UnderlyingPlan, name: str, underlying: str, at: DayNanos) -> int:
    total = 0
    for jump in plan.jumps:
        if jump.underlyings and underlying not in jump.underlyings:
            continue
        start, span = clock(name, jump.at), max(1, jump.over_s) * SECOND
        total += jump.bp * BP * min(max(at - start, 0), span) // span
    return total


def _pinned(plan: UnderlyingPlan, name: str, underlying: str, at: DayNanos, price: Ticks) -> Ticks:
    """The price drawn to a pin: not at all at its start, wholly from its stop on."""
    for pin in plan.pins:
        if pin.underlying == underlying:
            start, stop = clock(name, pin.start), clock(name, pin.stop)
            span = max(1, traded(stop) - traded(start))
            part = min(max(traded(at) - traded(start), 0), span)
            price += (ticks(pin.price) - price) * part // span
    return price


def knots(
    scenario: Scenario,
    underlying: str,
    previous_close: Ticks,
    bars: Sequence[tuple[DayNanos, int]],
    seed: int,
    close: Ticks = 0,
    step: Ticks = 10,
) -> Knots:
    """Knots of one underlying every ten seconds of the session, prices on its price step.

    `bars` are (time of day, movement since the open in millionths) of the real day. Daily limits
    are the venue's business; a path may ask for more. With `close` the path ends there: what it
    would miss it by is spread evenly over the session.
    """
    plan = scenario.underlying
    walk = _Walk(seed, plan.own_noise_bp)
    own = 0
    marks = [(traded(time), level) for time, level in bars]
    moves: list[tuple[DayNanos, int]] = []
    times = [OPEN_AT]
    for start, stop in (MORNING, AFTERNOON):
        times += range(start, stop + 1, STEP)
    for at in times:
        if at > MORNING[0]:
            own += walk.step()
        move = plan.gap_bp * BP + own + _bars_at(marks, at) * plan.bars_percent // 100
        move += plan.drift_bp * BP * traded(at) // SESSION
        move += _jumps_at(plan, scenario.name, underlying, at)
        moves.append((at, move))
    off = close * MILLION // previous_close - MILLION - moves[-1][1] if close else 0
    out: list[tuple[DayNanos, Ticks]] = []
    for at, move in moves:
        price = previous_close * (MILLION + move + off * traded(at) // SESSION) // MILLION
        price = _pinned(plan, scenario.name, underlying, at, price)
        out.append((at, max(step, (price + step // 2) // step * step)))
    return tuple(out)
