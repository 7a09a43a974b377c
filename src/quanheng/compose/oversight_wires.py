"""The overseer in a simulated day: its opening, and the wires that lead to it and from it.

Its feed is thinned on the way: full images of the option chain, one a minute, and the underlyings'
snapshots of the first second of each quarter of a minute. Reports come as the exchange's copy,
straight from the venue, not over the maker's line.
"""

import msgspec

from quanheng.authority.messages import Issue, Propose
from quanheng.compose.desk_records import rate_in_force
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_file import (
    OversightFile,
    limits_of,
    officers,
    past_dates,
    past_days,
    policy_of,
    register_of,
)
from quanheng.compose.people import People
from quanheng.oversight.messages import (
    Ask,
    CarriedCase,
    Opening,
    OverseerOpen,
)
from quanheng.oversight.overseer import carried_cases
from quanheng.oversight.state import State
from quanheng.settlement.carry import Carry
from quanheng.terms.commands import Command
from quanheng.terms.units import SECOND, Lots, Money, Nanos

TARGET = "maker"


class CarriedOversight(msgspec.Struct, frozen=True, array_like=True):
    """What oversight hands to the next day: cases that are not closed, the peak of equity."""

    cases: tuple[CarriedCase, ...] = ()
    peak: Money = 0


def opening_of(
    openings: Openings,
    found: OversightFile,
    people: People,
    volume: tuple[Lots, ...],
    carried: CarriedOversight,
) -> OverseerOpen:
    """The overseer's first input: the account as clearing left it, never the maker's opening."""
    own, chain = openings.account(), openings.reference.chain
    desk = openings.etf_desk
    units = own.units
    return OverseerOpen(
        day=chain.day,
        chain=chain,
        rulebook=openings.book,
        pbu=openings.config.member.pbu,
        account=Opening(
            cash=own.cash,
            aside=openings.etf_aside,
            long=own.long,
            short=own.short,
            covered=own.covered,
            units=units,
            base=openings.config.funds.etf_base_units if desk and desk.hedge_cash else 0,
            due=_due(units, desk.spare if desk and desk.hedge_cash else ()),
            combinations=own.combinations,
        ),
        history=past_days(found.reference, chain.day),
        past=past_dates(found.reference, chain.day),
        limits=limits_of(found, chain),
        register=register_of(found),
        people=officers(people),
        officer=found.officer,
        rate=rate_in_force(openings.config, openings.book.calendar, chain.day)[0],
        every=found.every_s * SECOND,
        seed=openings.seed,
        paths=found.paths,
        level=found.level_ppm,
        tail_level=found.tail_ppm,
        peak=carried.peak,
        cases=carried.cases,
        volume=volume,
        policy=policy_of(found),
        granted=tuple(
            (item.underlying, item.long, item.total, item.daily_buy_open)
            for item in openings.config.limits
            if any(one.underlying == item.underlying for one in chain.classes)
        ),
    )


def _due(units: tuple[Lots, ...], spare: tuple[Lots, ...]) -> tuple[Lots, ...]:
    """Units that are kept for a delivery; all of them where the desk hedges with none."""
    free = spare or (0,) * len(units)
    return tuple(held - more for held, more in zip(units, free, strict=True)) if units else ()


def propose(effect: Ask, at: Nanos) -> list[Propose]:
    """What the overseer asks for, as a proposal to the firm's authority."""
    return [Propose(effect.number, TARGET, effect.command, effect.by)]


def issue(effect: Issue, at: Nanos) -> list[Command]:
    """A command on its way to the maker."""
    return [effect.command]


def carried_of(opening: Carry | None) -> CarriedOversight:
    """What an earlier day left of oversight."""
    if opening is None or not opening.oversight:
        return CarriedOversight()
    return msgspec.msgpack.decode(opening.oversight, type=CarriedOversight)


def to_carry(state: State) -> bytes:
    """`Carry.oversight` of a day that ended."""
    return msgspec.msgpack.encode(CarriedOversight(carried_cases(state), state.peak))
