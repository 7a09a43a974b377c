"""Two orders with a paired id in place of a quote: races, and what is told (scope 10, I-12)."""

from typing import Any

import pytest

from quanheng.edge.counter_facts import (
    NOTHING_RESTS,
    Accepted,
    Cancelled,
    CancelRefused,
    Filled,
    OrderEvent,
    Rejected,
)
from quanheng.edge.pairs import Pairs
from quanheng.terms.codes import Effect, Exec, Side
from quanheng.terms.orders import NewOrder, Quote, QuoteAck, QuoteCancel, Trade

CODE = "10000001"
OUT_OF_RANGE, NO_CANCEL = 10450, 19242


def quote(number: int, bid: int = 500, ask: int = 520, qty: tuple[int, int] = (10, 10)) -> Quote:
    return Quote(f"M001{number:06d}", CODE, bid, ask, *qty, Effect.OPEN, Effect.OPEN)


def cancel(number: int, bid: bool = True, ask: bool = True) -> QuoteCancel:
    return QuoteCancel(f"M001{number:06d}", CODE, bid, ask)


class Desk:
    """Pairs with what they asked the counter for and what they told."""

    def __init__(self, one_sided: bool = False) -> None:
        self.pairs = Pairs(one_sided)
        self.at = 0

    def asked(self) -> list[Any]:
        return [
            (one.client_id[-2:], int(one.price), int(one.qty)) if isinstance(one, NewOrder)
            else "-" + one[-2:]
            for one in self.pairs.commands()
        ]  # fmt: skip

    def quote(self, *given: Any, **named: Any) -> list[Any]:
        self.pairs.quote(quote(*given, **named), self._now())
        return self.asked()

    def cancel(self, *given: Any) -> list[Any]:
        self.pairs.cancel(cancel(*given), self._now())
        return self.asked()

    def _now(self) -> int:
        self.at += 1
        return self.at

    def hear(self, kind: type[OrderEvent], name: str, *given: int) -> list[Any]:
        """`name` is 1B for the buy order of quote 1."""
        whole = f"M001{int(name[:-1]):06d}{name[-1]}"
        self.pairs.hear(kind(whole, self._now(), *given))
        return self.asked()

    def told(self) -> list[str]:
        return [in_words(one) for one in self.pairs.told()]

    def rest(self, number: int, *given: Any) -> None:
        """A quote that rests on both sides."""
        self.quote(number, *given)
        self.hear(Accepted, f"{number}B")
        self.hear(Accepted, f"{number}S")
        assert self.told() == [f"{number} rests BS"]


def in_words(body: QuoteAck | Trade) -> str:
    number = int(body.client_id[4:])
    if isinstance(body, Trade):
        return f"{number} fill {body.side.name[0]} {body.qty} left {body.leaves}"
    sides = ("B" if body.bid_qty else "") + ("S" if body.ask_qty else "")
    if not body.cancel:
        rests = body.exec == Exec.ACCEPTED
        return f"{number} rests {sides}" if rests else f"{number} refused {body.reason}"
    gone = [
        f"{int(name[4:])}{side}{qty}"
        for name, side, qty in (
            (body.old_bid, "B", body.old_bid_qty), (body.old_ask, "S", body.old_ask_qty),
        )
        if name
    ]  # fmt: skip
    if body.exec == Exec.REJECTED:
        return f"{number} cancel refused {body.reason}"
    itself = body.client_id in (body.old_bid, body.old_ask)
    return f"{number} {'lost' if itself else 'cancelled'} {' '.join(gone)}".rstrip()


def test_live_pairs_a_quote_is_answered_when_both_orders_are() -> None:
    """One paired id, two orders; no answer while one of them is open."""
    desk = Desk()
    assert desk.quote(1) == [("1B", 500, 10), ("1S", 520, 10)]
    desk.hear(Accepted, "1S")
    assert desk.told() == []
    desk.hear(Accepted, "1B")
    assert desk.told() == ["1 rests BS"]


def test_live_pairs_replace_side_by_side_and_never_rest_twice() -> None:
    """Cancel first, send when it is dead; what went is told at once; an equal side is kept."""
    desk = Desk()
    desk.rest(1)
    assert desk.quote(2, 499, 520) == ["-1B"]
    assert desk.hear(Cancelled, "1B", 10) == [("2B", 499, 10)]
    assert desk.told() == ["1 lost 1B10"]
    desk.hear(Accepted, "2B")
    assert desk.told() == ["2 rests BS"]
    desk.hear(Filled, "1S", 1, 520, 4)
    assert desk.told() == ["2 fill S 4 left 6"]
    assert desk.quote(3, 499, 520) == ["-1S"]


def test_live_pairs_never_meet_their_own_old_order() -> None:
    """A quote that moves over the old ask waits for that ask's end before it bids (19314)."""
    desk = Desk()
    desk.rest(1)
    assert desk.quote(2, 530, 550) == ["-1B", "-1S"]
    assert desk.hear(Cancelled, "1B", 10) == []
    assert desk.hear(Cancelled, "1S", 10) == [("2B", 530, 10), ("2S", 550, 10)]
    assert desk.told() == ["1 lost 1B10", "1 lost 1S10"]


def test_live_pairs_refuse_what_would_meet_an_order_that_stays() -> None:
    """A bid alone at the own resting ask: refused here, for a counter might let them match."""
    desk = Desk()
    desk.rest(1)
    assert desk.quote(2, 520, 0, (10, 0)) == ["-1B"]
    assert desk.hear(Cancelled, "1B", 10) == []
    assert desk.told() == ["1 lost 1B10", "2 refused 19314"]


@pytest.mark.parametrize("first", ["B", "S"])
def test_live_pairs_one_side_refused_pulls_the_other(first: str) -> None:
    """No side rests alone where that is not allowed; the refusal comes when nothing is left."""
    desk = Desk()
    other = "S" if first == "B" else "B"
    desk.quote(1)
    assert desk.hear(Rejected, f"1{first}", OUT_OF_RANGE) == [f"-1{other}"]
    desk.hear(Accepted, f"1{other}")
    assert desk.told() == []
    desk.hear(Cancelled, f"1{other}", 10)
    assert desk.told() == [f"1 refused {OUT_OF_RANGE}"]


def test_live_pairs_one_side_refused_where_one_side_may_rest() -> None:
    """The good side is told to rest, the other one to be refused."""
    desk = Desk(one_sided=True)
    desk.quote(1)
    assert desk.hear(Rejected, "1S", OUT_OF_RANGE) == []
    desk.hear(Accepted, "1B")
    assert desk.told() == ["1 rests B", f"1 refused {OUT_OF_RANGE}"]
    assert desk.cancel(2) == ["-1B"]


def test_live_pairs_fill_before_the_other_side_is_refused() -> None:
    """The fill is told when it happens, the rest is withdrawn, then the quote is refused."""
    desk = Desk()
    desk.quote(1)
    desk.hear(Filled, "1B", 1, 500, 4)
    assert desk.told() == ["1 fill B 4 left 6"]
    assert desk.hear(Rejected, "1S", OUT_OF_RANGE) == ["-1B"]
    desk.hear(Cancelled, "1B", 6)
    assert desk.told() == [f"1 refused {OUT_OF_RANGE}"]


def test_live_pairs_cancel_of_both_sides_and_of_one() -> None:
    """Answered when what it asked for is dead, with what it withdrew."""
    desk = Desk()
    desk.rest(1)
    assert desk.cancel(2, True, False) == ["-1B"]
    desk.hear(Cancelled, "1B", 10)
    assert desk.told() == ["2 cancelled 1B10"]
    assert desk.cancel(3) == ["-1S"]
    desk.hear(Cancelled, "1S", 10)
    assert desk.told() == ["3 cancelled 1S10"]
    desk.cancel(4)
    assert desk.told() == [f"4 cancel refused {NOTHING_RESTS}"]


def test_live_pairs_cancel_overtakes_what_still_waits() -> None:
    """A cancel in the middle of a replacement: the new side is never sent; the quote is answered
    before the cancel.
    """
    desk = Desk()
    desk.rest(1)
    desk.quote(2, 499, 521)
    assert desk.cancel(3) == ["-1B", "-1S"]
    assert desk.hear(Cancelled, "1B", 10) == []
    assert desk.hear(Cancelled, "1S", 10) == []
    assert desk.told() == [f"2 refused {NOTHING_RESTS}", "3 cancelled 1B10 1S10"]


def test_live_pairs_fill_after_cancel_and_fill_instead_of_cancel() -> None:
    """A fill that crosses with a cancel counts once and ends the wait."""
    desk = Desk()
    desk.rest(1)
    desk.cancel(2)
    desk.hear(Filled, "1B", 1, 500, 10)
    desk.hear(CancelRefused, "1B", NOTHING_RESTS)
    desk.hear(Cancelled, "1S", 7)
    assert desk.told() == ["1 fill B 10 left 0", "2 cancelled 1S7"]
    desk.hear(Filled, "1S", 2, 520, 3)
    assert desk.told() == ["1 fill S 3 left 7"]


def test_live_pairs_refused_cancel_leaves_what_rested() -> None:
    """In a no-cancel window a replacement is refused, and asked-for cancels are."""
    desk = Desk()
    desk.rest(1)
    desk.quote(2, 499, 520)
    desk.hear(CancelRefused, "1B", NO_CANCEL)
    # The ask was kept for the new quote, which now may not stand: it goes, and is tried again.
    assert desk.told() == []
    desk.hear(CancelRefused, "1S", NO_CANCEL)
    desk.pairs.retry()
    assert desk.asked() == ["-1S"]
    desk.hear(Cancelled, "1S", 10)
    assert desk.told() == ["1 lost 1S10", f"2 refused {NO_CANCEL}"]
    assert desk.cancel(3, True, False) == ["-1B"]
    desk.hear(CancelRefused, "1B", NO_CANCEL)
    assert desk.told() == [f"3 cancel refused {NO_CANCEL}"]


def test_live_pairs_a_side_that_the_counter_takes_away_is_told() -> None:
    """Nobody cancelled: the duty ends for that side at once (Q-01)."""
    desk = Desk()
    desk.rest(1)
    desk.hear(Cancelled, "1S", 10)
    assert desk.told() == ["1 lost 1S10"]
    desk.quote(2, 500, 520)
    desk.hear(Cancelled, "2S", 10)
    assert desk.told() == ["2 rests BS", "2 lost 2S10"]


def test_live_pairs_after_a_loss_nothing_old_is_sent() -> None:
    """Prices of before the loss never go out; cancels that are owed do, once it is back."""
    desk = Desk()
    desk.rest(1)
    desk.quote(2, 499, 521)
    desk.pairs.lost(90)
    assert desk.told() == ["2 refused 507"]
    assert desk.asked() == []
    assert desk.hear(Cancelled, "1B", 10) == []
    assert desk.told() == ["1 lost 1B10"]
    desk.cancel(3)
    desk.pairs.lost(91)
    desk.pairs.found(92)
    assert desk.asked() == ["-1S"]
    desk.hear(Cancelled, "1S", 10)
    assert desk.told() == ["3 cancelled 1S10"]
    assert Side.BUY not in desk.pairs._book(CODE).current
