"""What reaches the overseer, from what the others say: its feed, the drop copy, the desk's claim.

Its feed is thinned on the way: full images of the option chain, one a minute, and the underlyings'
snapshots of the first second of each quarter of a minute. Reports come as the exchange's copy,
straight from the venue, not over the maker's line. The simulation and the running processes share
this page.
"""

from collections.abc import Sequence

import numpy as np

from quanheng.exchange.messages import Deliver, EtfDeliver
from quanheng.kernels.pack import pack, unpack
from quanheng.maker.ledger_views import GREEK_COLUMNS, LEDGER_COLUMNS
from quanheng.maker.messages import Notify
from quanheng.maker.monitors import BOOK_COLUMNS, CLASS_COLUMNS
from quanheng.maker.prompts import MARGIN_COLUMNS
from quanheng.oversight.messages import DeskFigures, DropCopy, EtfCopy, OrderSeen, OrdersSeen
from quanheng.terms.business import CombinationDone, LockAck
from quanheng.terms.codes import Exec, OrderKind, Side
from quanheng.terms.etf import EtfFill
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import OrderAck, QuoteAck, Trade
from quanheng.terms.units import SECOND, Nanos

WINDOW, TAKEN = 15 * SECOND, SECOND
"""Of each window, what begins with its first snapshot of the underlyings is taken so long."""
MOST_NAME = 8
"""Bytes of the name of a report set, in the "seen" view."""
_CLASS = [CLASS_COLUMNS.index(name) for name in ("slot", "net", "theo")]
_WHOLE = ("greeks", "ledger", "book", "terms", "seen")
_GREEKS = [GREEK_COLUMNS.index(name) for name in ("delta", "gamma", "vega", "theta")]


def images(effect: ChainTick, at: Nanos) -> list[ChainTick]:
    """Full images only."""
    return [effect] if effect.image else []


class UnderlyingLine:
    """The underlyings' market, thinned to the beginning of each quarter of a minute. It goes by the
    first snapshot there and not by the clock: a slow source has none at a fixed second.
    """

    def __init__(self) -> None:
        self._since: Nanos = -WINDOW

    def carry(self, effect: UnderlyingTicks, at: Nanos) -> list[UnderlyingTicks]:
        """Those within TAKEN of the first one of their window."""
        if effect.at // WINDOW != self._since // WINDOW:
            self._since = effect.at
        return [effect] if 0 <= effect.at - self._since < TAKEN else []


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
        elif effect.topic in _WHOLE:
            self._seen[effect.topic] = unpack(effect.rows, effect.columns)
        elif effect.topic == "margin" and self._contracts and len(self._seen) == len(_WHOLE):
            return [self._whole(unpack(effect.rows, effect.columns)[0], at)]
        return []

    def _whole(self, margin: np.ndarray, at: Nanos) -> DeskFigures:
        greeks, ledger, book, terms = (self._seen.pop(name) for name in _WHOLE[:-1])
        seen = tuple(
            (name.to_bytes(MOST_NAME).lstrip(b"\0").decode(), index)
            for name, index in self._seen.pop("seen").tolist()
        )
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
            seen,
            tuple(book[:, BOOK_COLUMNS.index("spot")].tolist()),
            pack(terms),
        )
