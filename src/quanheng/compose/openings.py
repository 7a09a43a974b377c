"""Opening inputs of a simulated day: from scenario, reference, rulebook and configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from quanheng.compose import carrying, desk_records, duty_roster, etf_desk
from quanheng.compose.etf_desk import EtfDesk
from quanheng.compose.events import Events, check_scopes
from quanheng.compose.model_registry import released_curves, released_strategies
from quanheng.compose.paths import Knots, knots
from quanheng.compose.people import read_people, traders
from quanheng.compose.reference import Reference
from quanheng.compose.scenarios import Scenario, ScenarioError
from quanheng.config import Config
from quanheng.exchange import messages as ex
from quanheng.exchange.listing import PRICE_STEP
from quanheng.kernels.desk.plugged import CURVE, PLUGGED, held
from quanheng.maker.messages import ClassLimits, MakerOpen
from quanheng.maker.roster import Trader
from quanheng.rulebook import price_limits
from quanheng.rulebook.model import Rulebook
from quanheng.settlement.carry import Carry
from quanheng.terms.contract import Chain, OptionClass
from quanheng.terms.days import midnight
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import (
    MONEY_PER_YUAN,
    Lots,
    Money,
    Nanos,
    Ticks,
)


class Standing(NamedTuple):
    """Our account at the open: cash, packed columns, HELD rows, units and locked ones by class,
    combinations, margin call, units in the disposal account and units due today, by class.
    """

    cash: Money
    long: bytes = b""
    short: bytes = b""
    covered: bytes = b""
    held: bytes = b""
    units: tuple[Lots, ...] = ()
    locked: tuple[Lots, ...] = ()
    combinations: tuple[tuple[str, str, str, str, Lots], ...] = ()
    deficit: Money = 0
    disposal: tuple[Lots, ...] = ()
    due: tuple[Lots, ...] = ()


def maker_opening(
    chain: Chain,
    house: Rulebook,
    config: Config,
    own: Standing,
    released: tuple[int, ...],
    quoting: tuple[tuple[int, str], ...],
    staff: tuple[Trader, ...],
) -> MakerOpen:
    """Opening of the market maker on any chain; `released` are the curve models it may use,
    `quoting` the strategies as (code, version), `staff` who may sign on as a trader.
    """
    member = config.member
    rate, rate_day = desk_records.rate_in_force(config, house.calendar, chain.day)
    return MakerOpen(
        day=chain.day,
        chain=chain,
        rulebook=house,
        maker=member.maker,
        account=member.account,
        pbu=member.pbu,
        cash=own.cash,
        long=own.long,
        short=own.short,
        letter=member.letter,
        rate=rate,
        rate_day=rate_day,
        messages_per_second=config.line.messages_per_second,
        limits=tuple(
            ClassLimits(item.underlying, item.long, item.total, item.daily_buy_open)
            for item in config.limits
        ),
        permitted=config.permitted,
        parameters=_parameters(chain, house, config),
        released=released,
        quoting=quoting,
        fitting=tuple((code, held(CURVE, code)) for code in released if code >= PLUGGED),
        roles=tuple((item.underlying, item.role) for item in config.roles),
        designated=config.designated,
        agreements=desk_records.agreements(config),
        accounts=desk_records.accounts(config),
        strategies=desk_records.strategies(config),
        granted=(*desk_records.approvals(config), *_night(chain, config)),
        figures=desk_records.figures(config, chain.day),
        locked=own.locked,
        traders=staff,
        covered=own.covered,
        combinations=own.combinations,
        units=own.units,
    )


def _parameters(chain: Chain, house: Rulebook, config: Config) -> tuple[tuple[str, str, int], ...]:
    """The desk's settings but for those of classes that the exchange has and the day does not: a
    configuration is of a desk, not of a chain. Any other scope has to be in the chain.
    """
    traded = [item.underlying for item in chain.classes]
    away = [name for name, _ in house.listing.classes if name not in traded]
    return tuple(
        (item.scope, item.name, item.value)
        for item in config.parameters
        if item.scope.partition("-")[0] not in away
    )


def _night(chain: Chain, config: Config) -> tuple[LimitRecord, ...]:
    """The overnight limits of the desk and of the classes that the day has."""
    known = ("*", *(item.underlying for item in chain.classes))
    return tuple(one for one in desk_records.night_limits(config) if one.scope in known)


class Openings:
    """The first inputs of every machine of the day, built once."""

    def __init__(
        self,
        scenario: Scenario,
        reference: Reference,
        book: Rulebook,
        config: Config,
        seed: int,
        snapshot: Nanos,
        house: Rulebook | None = None,
        models: Path | None = None,
        people: Path | None = None,
        opening: Carry | None = None,
        closes: Mapping[str, Ticks] | None = None,
    ) -> None:
        """`book` is the exchange's and the agreement's; `house` may be tighter, for the maker.

        `opening` is what the day before left; without one the accounts are flat. `closes` are
        where underlyings shall end the day. ConfigError when a model the day needs is not released
        in the register `models` (R-05), ScenarioError when the roster names somebody who does not
        hold the post in the file `people` (O-02).
        """
        self.closes = closes or {}
        self.house = house or book
        self.opening = opening
        self.scenario = scenario
        self.reference = reference
        self.book = book
        self.config = config
        self.seed = seed
        self.snapshot = snapshot
        check_scopes(scenario, reference.listed)
        self.people = read_people(people)
        duty_roster.check(scenario, self.people)
        self.released = released_curves(config, models)
        self.strategies = released_strategies(config, models)
        self.surface = {item.underlying: item for item in reference.surface.klass}
        self.paths = self._paths()
        self.etf_desk = self._etf_desk()

    def _etf_desk(self) -> EtfDesk | None:
        chain, opening = self.reference.chain, self.opening
        mine = carrying.account_named(opening, self.config.member.maker) if opening else None
        names = [klass.underlying for klass in chain.classes]
        closes = [self.surface[name].close for name in names]
        hedge_cash = self.config.funds.etf_cash_yuan * MONEY_PER_YUAN
        base = self.config.funds.etf_base_units
        return etf_desk.planned(opening, mine, chain, closes, hedge_cash, base)

    @property
    def first_units(self) -> tuple[Lots, ...]:
        """Units of our account that a first day begins with, by class."""
        first = self.opening is None and self.etf_desk is not None
        return self.etf_desk.free if first and self.etf_desk else ()

    @property
    def etf_aside(self) -> Money:
        """Cash of our account that is at the underlyings' market today."""
        desk = self.etf_desk
        return desk.cash + desk.hedge_cash if desk else 0

    def _paths(self) -> tuple[Knots, ...]:
        reference = self.reference
        return tuple(
            knots(
                self.scenario,
                klass.underlying,
                self.surface[klass.underlying].close,
                reference.bars,
                self.seed * 8 + number,
                self.closes.get(klass.underlying, 0),
                self._price_step(klass),
            )
            for number, klass in enumerate(reference.chain.classes)
        )

    def _price_step(self, klass: OptionClass) -> Ticks:
        """Price step of a class's underlying."""
        return PRICE_STEP[self.reference.chain.contracts[klass.start].underlying_type]

    def account(self) -> Standing:
        """Our account at the open."""
        opening, name = self.opening, self.config.member.maker
        mine = carrying.account_named(opening, name) if opening else None
        if opening is None or mine is None:
            cash = self.config.funds.cash_yuan * MONEY_PER_YUAN
            return Standing(cash - self.etf_aside, units=self.first_units)
        names = [klass.underlying for klass in self.reference.chain.classes]
        units, locked, aside_units = dict(mine.units), dict(mine.locked), dict(mine.disposal)
        due = dict.fromkeys(names, 0)
        for move in opening.moves:
            if move.account == name:
                due[move.underlying] += max(move.units, 0)
        return Standing(
            mine.cash - self.etf_aside,
            *carrying.standing_bytes(mine, self.reference.chain),
            tuple(units.get(underlying, 0) for underlying in names),
            tuple(locked.get(underlying, 0) for underlying in names),
            tuple(
                (one.number, one.strategy, one.first, one.second, one.units)
                for one in opening.combinations
                if one.account == name
            ),
            mine.deficit,
            tuple(aside_units.get(underlying, 0) for underlying in names),
            tuple(due[underlying] for underlying in names),
        )

    def _crowd(self) -> tuple[ex.Standing, ...]:
        if self.opening is None:
            return ()
        carried = {one.name: one for one in self.opening.accounts if one.public}
        names = carrying.public_names([one.name for one in self.scenario.crowd.makers])
        if set(carried) != set(names):
            raise ScenarioError(
                f"scenario {self.scenario.name}: crowd.makers: the season began with accounts "
                f"{', '.join(carried)}, this day has {', '.join(names)}"
            )
        return tuple(
            ex.Standing(
                carried[name].cash,
                *carrying.standing_bytes(carried[name], self.reference.chain)[:2],
            )
            for name in names
        )

    def market(self) -> ex.MarketScenario:
        """What the crowd and the calendar of events do."""
        return Events(self.scenario, self.reference).market(self.paths)

    def venue(self) -> ex.VenueOpen:
        """Opening of the option venue."""
        member = self.config.member
        rows: list[int] = []
        for number, klass in enumerate(self.reference.chain.classes):
            for item in self.surface[klass.underlying].expiry:
                rows += [number, item.last_day, item.atm, item.skew, item.curvature, item.carry]
        own = self.account()
        limits = tuple(
            (item.underlying, item.long, item.total, item.daily_buy_open)
            for item in self.config.limits
        )
        names = (member.pbu, member.account, member.maker, member.kind)
        ours = ex.Member(
            *names,
            own.cash,
            own.long,
            own.short,
            limits,
            own.combinations,
            own.deficit,
            own.covered,
            own.units,
            own.locked,
            disposal=own.disposal,
            due=own.due,
        )
        return ex.VenueOpen(
            day=self.reference.chain.day,
            chain=self.reference.chain,
            rulebook=self.book,
            seed=self.seed,
            members=(ours,),
            scenario=self.market(),
            snapshot_nanos=self.snapshot,
            surface=tuple(rows),
            crowd=self._crowd(),
        )

    def etf(self) -> ex.EtfOpen:
        """Opening of the underlyings' venue."""
        specs = []
        for number, klass in enumerate(self.reference.chain.classes):
            item = self.surface[klass.underlying]
            num, den = price_limits.rate(self.book, klass.underlying)
            near = item.expiry[0].atm
            rate, path, step = num * 100 // den, self.paths[number], self._price_step(klass)
            specs.append(ex.EtfSpec(number, klass.underlying, item.close, rate, near, path, step))
        return ex.EtfOpen(
            day=self.reference.chain.day,
            specs=tuple(specs),
            seed=self.seed,
            members=self._etf_members(),
            snapshot_nanos=self.snapshot,
        )

    def _etf_members(self) -> tuple[ex.EtfMember, ...]:
        if self.etf_desk is None:
            return ()
        member = self.config.member
        return (etf_desk.member_of(self.etf_desk, member.pbu, member.account),)

    def maker(self) -> MakerOpen:
        """Opening of the market maker."""
        own, chain, desk = self.account(), self.reference.chain, self.etf_desk
        given = (self.released, self.strategies, traders(self.people))
        made = maker_opening(chain, self.house, self.config, own, *given)
        hedges = desk is not None and bool(desk.hedge_cash)
        return replace(
            made,
            etf_cash=desk.hedge_cash if desk else 0,
            etf_units=desk.spare if desk and hedges else None,
            etf_fee=self.etf().fee,
            etf_base=self.config.funds.etf_base_units if hedges else 0,
        )

    def order_outages(self) -> list[tuple[Nanos, Nanos]]:
        """Spans in which the order line is down."""
        base = midnight(self.reference.chain.day)
        spans = Events(self.scenario, self.reference).order_outages()
        return [(base + start, base + stop) for start, stop in spans]
