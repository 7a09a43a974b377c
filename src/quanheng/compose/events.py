"""What a scenario does to the market of a day: the crowd's strengths, shocks, halts, outages."""

from quanheng.compose.paths import Knots
from quanheng.compose.reference import Reference
from quanheng.compose.scenarios import Scenario, ScenarioError, Window, clock
from quanheng.exchange import messages as ex
from quanheng.terms.codes import Side
from quanheng.terms.units import MILLISECOND, MINUTE, SECOND, DayNanos

PARTS = 1_000_000
PERCENT = 10_000
LOOK = SECOND // 2
"""Mean time between two looks of the informed trader at 100 %."""


def check_scopes(scenario: Scenario, listed: tuple[str, ...]) -> None:
    """ScenarioError for an underlying that the contract master does not have.

    What `--contracts` left out is no error: a scenario stays usable on a light chain.
    """
    named = [
        ("underlying.jumps", scope)
        for jump in scenario.underlying.jumps
        for scope in jump.underlyings
    ] + [
        ("crowd.vol_moves", scope)
        for move in scenario.crowd.vol_moves
        for scope in move.underlyings
    ]
    named += [("underlying.pins", pin.underlying) for pin in scenario.underlying.pins]
    named += [("dividends", one.underlying) for one in scenario.dividends]
    named += [("crowd.shocks", shock.underlying) for shock in scenario.crowd.shocks]
    named += [("faults.halts", halt.scope) for halt in scenario.faults.halts if halt.scope != "*"]
    for key, scope in named:
        if scope not in listed:
            known = ", ".join(listed)
            raise ScenarioError(
                f"scenario {scenario.name}: {key}: no underlying {scope!r} in the contract "
                f"master; it has {known}"
            )


class Events:
    """A scenario on the chain of a day."""

    def __init__(self, scenario: Scenario, reference: Reference) -> None:
        self.scenario = scenario
        self.reference = reference

    def _klass(self, underlying: str) -> int:
        names = [klass.underlying for klass in self.reference.chain.classes]
        return names.index(underlying) if underlying in names else -2

    def _spans(self, windows: tuple[Window, ...]) -> list[tuple[str, DayNanos, DayNanos]]:
        name = self.scenario.name
        return [(w.scope, clock(name, w.start), clock(name, w.stop)) for w in windows]

    def market(self, paths: tuple[Knots, ...]) -> ex.MarketScenario:
        """What the crowd and the calendar of events do."""
        crowd, name = self.scenario.crowd, self.scenario.name
        volume = tuple((item.underlying, item.volume) for item in self.reference.surface.klass)
        shocks = [
            ex.VolShock(clock(name, move.at), klass, move.points * PARTS // 10_000)
            for move in crowd.vol_moves
            for klass in ([self._klass(u) for u in move.underlyings] or [-1])
            if klass != -2
        ]
        halts = [
            ex.HaltWindow(*span)
            for span in self._spans(self.scenario.faults.halts)
            if self._klass(span[0]) != -2 or span[0] == "*"
        ]
        halts += [
            ex.HaltWindow("*", clock(name, one.start), clock(name, one.stop), one.orders == "lost")
            for one in self.scenario.faults.exchange_outages
        ]
        silent = (*self.scenario.faults.feed_outages, *self._down())
        outages = [ex.Outage(-1, start, stop) for _, start, stop in self._spans(silent)]
        return ex.MarketScenario(
            name=name,
            flow=crowd.flow_percent * PERCENT,
            volume=volume,
            retail=crowd.retail_percent * PERCENT,
            patience=crowd.patience_percent * PERCENT,
            informed=LOOK * 100 // crowd.informed_percent if crowd.informed_percent else 0,
            lead=crowd.informed_lead_s * SECOND,
            blur=crowd.informed_blur_bp * 100,
            fast=crowd.fast_percent * PERCENT,
            slow=crowd.slow_ms * MILLISECOND,
            parent=crowd.metaorder_contracts,
            persist=crowd.persist_percent * PERCENT,
            turn=crowd.turn_minutes * MINUTE,
            impact=crowd.impact_bp * 100,
            inquiries=crowd.inquiries_per_hour // max(1, len(self.reference.chain.classes)),
            follow=crowd.follow_percent * PERCENT,
            makers=tuple(
                ex.CrowdMaker(
                    one.name,
                    one.width_percent * PERCENT,
                    one.react_ms * MILLISECOND,
                    one.size,
                    one.skip_percent * PERCENT,
                    one.capacity,
                    one.view_percent * PERCENT,
                )
                for one in crowd.makers
            ),
            rate=self.reference.surface.rate,
            paths=tuple(ex.Path(number, path) for number, path in enumerate(paths)),
            vol_shocks=tuple(sorted(shocks, key=lambda shock: (shock.at, shock.klass))),
            halts=tuple(halts),
            bursts=tuple(self._bursts()),
            outages=tuple(outages),
        )

    def _down(self) -> tuple[Window, ...]:
        """Spans in which the exchange itself is down."""
        return tuple(Window(one.start, one.stop) for one in self.scenario.faults.exchange_outages)

    def _bursts(self) -> list[ex.Burst]:
        """Shocks hit the cheapest contracts that the breaker can reach: the far wings."""
        out = []
        for shock in self.scenario.crowd.shocks:
            klass = self._klass(shock.underlying)
            if klass == -2:
                continue
            span = self.reference.chain.classes[klass]
            contracts = self.reference.chain.contracts[span.start : span.stop]
            cheap = sorted(
                (c for c in contracts if c.previous_settle >= 30),
                key=lambda c: (c.previous_settle, c.code),
            )
            for contract in cheap[: shock.contracts]:
                side = Side.BUY if shock.up else Side.SELL
                at = clock(self.scenario.name, shock.at)
                out.append(ex.Burst(at, contract.code, side, 400))
        return sorted(out, key=lambda burst: (burst.at, burst.contract))

    def order_outages(self) -> list[tuple[DayNanos, DayNanos]]:
        """Spans in which the order line is down, of the day."""
        spans = self._spans((*self.scenario.faults.order_outages, *self._down()))
        return [(start, stop) for _, start, stop in spans]
