"""Tables of a day with the people in them: own deals, inquiries, sign-ons (S-01, T-03).

What stands behind a message is in its stamp; the exchange's reports know the client id alone. Both
pass here while the day runs, so that every deal finds the trader, strategy and version behind it,
whatever part of the journal is kept.
"""

from array import array
from collections.abc import Iterable, Sequence

from quanheng.exchange.messages import Deliver, EtfDeliver
from quanheng.maker.inquiry_life import Stage
from quanheng.maker.state import State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, Side
from quanheng.terms.days import clock_text
from quanheng.terms.etf import EtfFill, EtfSend
from quanheng.terms.orders import Send, Trade
from quanheng.terms.units import MONEY_PER_YUAN, TICKS_PER_YUAN, Nanos

DEALS = (
    "at", "contract", "side", "effect", "price", "qty", "amount", "client_id", "trader",
    "strategy", "version",
)  # fmt: skip
"""Columns of deals.csv: contract or underlying, price and amount in yuan."""

INQUIRIES = (
    "inquiry", "contract", "side", "qty", "arrived", "due", "stage", "why", "answered_since",
    "hold_until", "breaks", "taken_by", "answered_by",
)  # fmt: skip
"""Columns of inquiries.csv; `answered_by` is empty where the machine answered."""

PEOPLE = ("at", "scope", "post", "person", "on_off", "then_on_duty")
"""Columns of people.csv, the sign-on register of the day as it changed."""

NOBODY = ("", "", "")
_SIDES = {Side.BUY: "buy", Side.SELL: "sell"}


class DealBook:
    """Sinks of a running day; `rows` are the deals so far."""

    def __init__(self, letter: str, pbu: str) -> None:
        self._letter, self._pbu = letter, pbu
        # Two bytes a message: by epoch, the place in `_people` of whoever is behind each counter.
        self._sent: dict[str, array[int]] = {}
        self._people: dict[tuple[str, str, str], int] = {NOBODY: 0}
        self.rows: list[tuple[object, ...]] = []

    def sent(self, effect: Send | EtfSend, at: Nanos, cause: int) -> None:
        """Remember who is behind the requests of a send."""
        stamp = effect.stamp
        who = (stamp.trader, stamp.strategy, stamp.strategy_version)
        place = self._people.setdefault(who, len(self._people))
        for request in effect.requests:
            epoch, counter = _parts(request.client_id)
            known = self._sent.setdefault(epoch, array("H"))
            if counter >= len(known):
                known.extend([0] * (counter + 1 - len(known)))
            known[counter] = place

    def behind(self, client_id: str) -> tuple[str, str, str]:
        """(trader, strategy, version) of a client id of the maker; empty for anybody else's."""
        epoch, counter = _parts(client_id)
        known = self._sent.get(epoch, ())
        if client_id[:1] != self._letter or counter >= len(known):
            return NOBODY
        return list(self._people)[known[counter]]

    def filled(self, effect: Deliver, at: Nanos, cause: int) -> None:
        """Deals in options."""
        if effect.pbu != self._pbu:
            return
        for report in effect.reports:
            deal = report.body
            if isinstance(deal, Trade):
                kind = ("covered_" if deal.covered else "") + deal.effect.name.lower()
                self._row(deal, deal.contract, kind)

    def etf_filled(self, effect: EtfDeliver, at: Nanos, cause: int) -> None:
        """Deals in the underlyings: hedges of the maker; others' are left out."""
        if effect.pbu != self._pbu:
            return
        for deal in effect.answers:
            if isinstance(deal, EtfFill) and self.behind(deal.client_id) != NOBODY:
                self._row(deal, deal.underlying, "")

    def _row(self, deal: Trade | EtfFill, name: str, effect: str) -> None:
        self.rows.append(
            (
                clock_text(deal.at), name, _SIDES[deal.side], effect,
                f"{deal.price / TICKS_PER_YUAN:.4f}", deal.qty,
                f"{deal.amount / MONEY_PER_YUAN:.4f}", deal.client_id,
                *self.behind(deal.client_id),
            )
        )  # fmt: skip


def _parts(client_id: str) -> tuple[str, int]:
    """Epoch and counter of a client id."""
    return client_id[1:4], int(client_id[4:], 36)


def inquiries(state: State) -> Iterable[Sequence[object]]:
    """The day's inquiries as the maker saw them, in order of arrival."""
    assert state.opened is not None, "the day was opened"
    contracts = state.opened.chain.contracts
    for asked in state.inquiries.asked.values():
        side = _SIDES[Side(asked.side)] if asked.side else "both"
        stage = Stage(asked.stage).name.lower()
        yield (
            asked.inquiry, contracts[asked.slot].code, side, asked.qty, _clock(asked.arrived),
            _clock(asked.due), stage, asked.why, _clock(asked.since), _clock(asked.hold_until),
            asked.breaks, asked.taken_by, asked.by,
        )  # fmt: skip


def _clock(at: Nanos) -> str:
    return clock_text(at) if at else ""


def people(alerts: Iterable[tuple[Nanos, str, RaiseAlert]]) -> Iterable[Sequence[object]]:
    """Sign-ons and sign-offs in order of time."""
    for at, _, said in alerts:
        if said.code == Alert.DUTY_CHANGED:
            yield clock_text(at), said.scope, *said.args
