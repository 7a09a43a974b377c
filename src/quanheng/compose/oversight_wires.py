"""The overseer in a simulated day: its opening, and the wires that lead to it and from it.

Its feed is thinned on the way: full images of the option chain, one a minute, and the underlyings'
snapshots of the first seconds of each minute. Reports come as the exchange's copy, straight from
the venue, not over the maker's line.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from quanheng.authority.messages import Issue, Propose
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_file import (
    OversightFile,
    limits_of,
    officers,
    past_days,
    policy_of,
    register_of,
)
from quanheng.compose.people import People
from quanheng.exchange.messages import Deliver, EtfDeliver
from quanheng.kernels.pack import pack, unpack
from quanheng.maker.ledger_views import GREEK_COLUMNS, LEDGER_COLUMNS
from quanheng.maker.messages import Notify
from quanheng.maker.monitors import BOOK_COLUMNS, CLASS_COLUMNS
from quanheng.maker.prompts import MARGIN_COLUMNS
from quanheng.oversight.messages import (
    Ask,
    CarriedCase,
    DeskFigures,
    DropCopy,
    EtfCopy,
    Opening,
    OrderSeen,
    OrdersSeen,
    OverseerOpen,
)
from quanheng.oversight.overseer import carried_cases
from quanheng.oversight.state import State
from quanheng.settlement.carry import Carry
from quanheng.terms.business import CombinationDone, LockAck
from quanheng.terms.codes import Exec, OrderKind, Side
from quanheng.terms.commands import Command
from quanheng.terms.etf import EtfFill
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import OrderAck, QuoteAck, Trade
from quanheng.terms.units import MINUTE, SECOND, Lots, Money, Nanos

TARGET = "maker"
FIRST_SECONDS = 4 * SECOND
"""Snapshots of the underlyings that the overseer takes, of each minute."""
_CLASS = [CLASS_COLUMNS.index(name) for name in ("slot", "net", "theo")]
_GREEKS = [GREEK_COLUMNS.index(name) for name in ("delta", "gamma", "vega", "theta")]


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
            combinations=own.combinations,
        ),
        history=past_days(found.reference, chain.day),
        limits=limits_of(found, chain),
        register=register_of(found),
        people=officers(people),
        officer=found.officer,
        rate=openings.config.rate_ppm,
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


def images(effect: ChainTick, at: Nanos) -> list[ChainTick]:
    """Full images only."""
    return [effect] if effect.image else []


def underlyings(effect: UnderlyingTicks, at: Nanos) -> list[UnderlyingTicks]:
    """Snapshots of the first seconds of a minute."""
    return [effect] if effect.at % MINUTE < FIRST_SECONDS else []


def sides_of(ack: OrderAck | QuoteAck) -> list[OrderSeen]:
    """The sides that an answer says began or ended; none of a refusal."""
    code = ack.contract
    if isinstance(ack, OrderAck):
        if ack.exec == Exec.ACCEPTED:
            # A market order has no price of its own; of one that turns into a limit `leaves` works.
            price = ack.price if ack.kind in (OrderKind.LIMIT, OrderKind.LIMIT_FOK) else 0
            works = ack.kind in (OrderKind.LIMIT, OrderKind.MARKET_TO_LIMIT)
            gone = 0 if works else ack.leaves
            return [OrderSeen(False, ack.client_id, code, ack.side, price, ack.qty, gone)]
        ended = ack.exec == Exec.CANCELLED
        return [OrderSeen(True, ack.target, code, ack.side, 0, 0)] if ended else []
    if ack.exec == Exec.REJECTED:
        return []
    olds = ((ack.old_bid, Side.BUY), (ack.old_ask, Side.SELL))
    out = [OrderSeen(True, old, code, side, 0, 0) for old, side in olds if old]
    if ack.exec == Exec.ACCEPTED:
        both = ((Side.BUY, ack.bid, ack.bid_qty), (Side.SELL, ack.ask, ack.ask_qty))
        out += [
            OrderSeen(False, ack.client_id, code, side, price, qty)
            for side, price, qty in both
            if qty
        ]
    return out


class CopyLine:
    """The exchange's copy of a trading unit's fills and combinations."""

    def __init__(self, pbu: str) -> None:
        self._pbu = pbu

    def options(self, effect: Deliver, at: Nanos) -> list[DropCopy | OrdersSeen]:
        """Fills, combinations and locks among reports, each with its place in its stream, and
        between them what orders and quotes the exchange took or ended.
        """
        out: list[DropCopy | OrdersSeen] = []
        if effect.pbu != self._pbu:
            return out
        waiting: list[OrderSeen] = []
        for report in effect.reports:
            body = report.body
            if isinstance(body, Trade | CombinationDone | LockAck):
                if waiting:
                    out.append(OrdersSeen(tuple(waiting)))
                    waiting = []
                out.append(DropCopy(report.set_id, report.index, body))
            elif isinstance(body, OrderAck | QuoteAck):
                waiting += sides_of(body)
        if waiting:
            out.append(OrdersSeen(tuple(waiting)))
        return out

    def etf(self, effect: EtfDeliver, at: Nanos) -> list[EtfCopy]:
        """Fills in the underlyings, whoever of the firm sent the order."""
        fills = tuple(one for one in effect.answers if isinstance(one, EtfFill))
        return [EtfCopy(fills)] if fills and effect.pbu == self._pbu else []


class DeskLine:
    """The desk's own figures, put together from what it shows each minute.

    The topics of one minute leave the maker together and end with "margin", so nothing waits here
    between two events of a simulation.
    """

    def __init__(self) -> None:
        self._seen: dict[str, np.ndarray] = {}
        self._contracts: list[np.ndarray] = []

    def carry(self, effect: Notify, at: Nanos) -> Sequence[DeskFigures]:
        """The claim of a minute once it is whole."""
        if effect.topic == "class":
            self._contracts.append(unpack(effect.rows, effect.columns)[:, _CLASS])
        elif effect.topic in ("greeks", "ledger", "book"):
            self._seen[effect.topic] = unpack(effect.rows, effect.columns)
        elif effect.topic == "margin" and self._contracts and len(self._seen) == 3:
            return [self._whole(unpack(effect.rows, effect.columns)[0], at)]
        return []

    def _whole(self, margin: np.ndarray, at: Nanos) -> DeskFigures:
        greeks, ledger, book = (self._seen.pop(name) for name in ("greeks", "ledger", "book"))
        mine = (greeks[:, GREEK_COLUMNS.index("last_day")] == 0) & (greeks[:, 0] >= 0)
        contracts = np.vstack(self._contracts)
        self._contracts.clear()
        # A price that is not known is shown as 0, and no contract is worth that.
        contracts[contracts[:, 2] <= 0, 2] = -1
        named = dict(zip(MARGIN_COLUMNS, margin.tolist(), strict=True))
        # Both levels count every short alone: what combinations save is the exchange's to grant.
        fees, used = (int(book[0, BOOK_COLUMNS.index(name)]) for name in ("fees", "margin"))
        profit = ledger[:, [LEDGER_COLUMNS.index("total"), LEDGER_COLUMNS.index("fees")]]
        return DeskFigures(
            at,
            pack(contracts),
            pack(greeks[mine][:, _GREEKS]),
            pack(profit),
            used,
            named["cash"] + fees,
        )


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
