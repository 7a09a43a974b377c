"""The ladder's records of a day, from the configuration: agreements, accounts, limits, figures."""

from quanheng.config import Config, ConfigError
from quanheng.rulebook.calendar import Calendar, trading_days_between
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.records import (
    AccountRecord,
    Agreement,
    FigureRecord,
    LimitRecord,
    StrategyRelease,
)
from quanheng.terms.units import MONEY_PER_YUAN, Day

_IN_YUAN = ("var",)

RATE_DAYS = 5
"""Trading days for which the last approved interest rate goes on; an older one is none (F56)."""


def rate_in_force(config: Config, calendar: Calendar, day: Day) -> tuple[int, Day]:
    """(rate in 1e-6 per year, the day it was approved for); the day is 0 where nobody keeps rates
    by day and `rate_ppm` stands.

    The last approved one goes on for RATE_DAYS trading days. ConfigError when there is none so
    young: no price is made with a rate that nobody vouches for.
    """
    if not config.rates:
        return config.rate_ppm, 0
    known = [one for one in config.rates if one.since <= day]
    if not known:
        raise ConfigError(f"rates: none is approved for {day} or before")
    last = max(known, key=lambda one: one.since)
    age = trading_days_between(calendar, last.since, day) if last.since < day else 0
    if age > RATE_DAYS:
        raise ConfigError(
            f"rates: the last approved one is of {last.since}, {age} trading days before {day}; "
            f"at most {RATE_DAYS} are allowed"
        )
    return last.ppm, last.since


def agreements(config: Config) -> tuple[Agreement, ...]:
    """Signed agreements by underlying."""
    return tuple(
        Agreement(one.underlying, one.reference, one.since, one.until) for one in config.agreements
    )


def accounts(config: Config) -> tuple[AccountRecord, ...]:
    """Accounts reported to the exchange."""
    return tuple(
        AccountRecord(one.scope, one.account, one.reported, one.old) for one in config.accounts
    )


def strategies(config: Config) -> tuple[StrategyRelease, ...]:
    """Releases and filings of strategies."""
    return tuple(
        StrategyRelease(one.strategy, one.version, one.filed, one.maker, one.checker, one.until)
        for one in config.strategies
    )


def approvals(config: Config) -> tuple[LimitRecord, ...]:
    """Approved limits; days become instants at midnight."""
    return tuple(
        LimitRecord(
            one.scope,
            one.name,
            one.value,
            midnight(one.since),
            midnight(one.until) if one.until else 0,
            one.basis,
            one.by,
            one.seconded_by,
        )
        for one in config.approvals
    )


def night_limits(config: Config) -> tuple[LimitRecord, ...]:
    """The overnight limits as the maker's own records (I-35): the loss of each scope, margin
    use of the desk.
    """
    out = []
    for one in config.overnight:
        until = midnight(one.until) if one.until else 0
        signed = (midnight(one.since), until, one.basis, one.by, one.seconded_by)
        out.append(LimitRecord(one.scope, "night_loss", one.loss_yuan, *signed))
        if one.scope == "*":
            out.append(LimitRecord(one.scope, "night_usage", one.usage_percent, *signed))
    return tuple(out)


def figures(config: Config, day: Day) -> tuple[FigureRecord, ...]:
    """Figures of other systems. ConfigError for an end that is no time of the day."""
    out = []
    for number, one in enumerate(config.figures):
        try:
            until = midnight(day) + from_clock(one.until)
        except ValueError as error:
            raise ConfigError(f"figures[{number}].until: {error}") from error
        value = one.value * (MONEY_PER_YUAN if one.name in _IN_YUAN else 1)
        out.append(FigureRecord(one.scope, one.name, value, one.source, midnight(day), until))
    return tuple(out)
