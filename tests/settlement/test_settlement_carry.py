"""What crosses days, and the daily comparison with clearing."""

import msgspec
import pytest

from quanheng.books import positions
from quanheng.settlement import carry, reconcile
from quanheng.terms.codes import Effect, Side
from quanheng.terms.contract import Chain, Contract, build_chain


def contract(code: str, last_day: int) -> Contract:
    """A contract of which only identity and dates matter here."""
    texts = {"trading_code": "", "symbol": "", "underlying": "510050", "underlying_symbol": "50ETF"}
    kinds = {"underlying_type": "EBS", "style": "E", "kind": "C", "version": "0", "status": ""}
    numbers = {
        name: 1 for name in Contract.__struct_fields__ if name not in {*texts, *kinds, "code"}
    }
    plain = Contract(code=code, **texts, **kinds, **numbers)
    return msgspec.structs.replace(plain, last_day=last_day)


def chain(day: int = 20240724) -> Chain:
    """Three contracts, the first of which expires on 2024-07-24."""
    days = {"10000001": 20240724, "10000002": 20240925, "10000003": 20240925}
    return build_chain(day, [contract(code, last) for code, last in days.items()])


PRICES = [(0, 410, 410, 5), (1, 500, 505, 6), (2, 1, 1, 7)]


def test_settlement_carry_round_trip() -> None:
    """A carry survives its bytes, drops what expired and names it."""
    rows = [(0, 0, 3, 0), (1, 2, 0, 1)]
    made = carry.make(chain(), 20240725, "run", PRICES, (24_410,), [("A1", 99, rows)])
    again = carry.decode(carry.encode(made), "carry/20240725.msgpack")
    assert again == made
    account = made.accounts[0]
    assert account.held == (carry.Held("10000002", 2, 0, 1),)
    assert account.expired == (carry.Held("10000001", 0, 3, 0),)
    codes = [(row.code, row.close, row.settle) for row in made.contracts]
    assert codes == [("10000002", 500, 505), ("10000003", 1, 1)]
    assert made.classes == (carry.CarriedClass("510050", 24_410),)


def test_settlement_carry_meets_the_next_chain() -> None:
    """Positions find their slots in tomorrow's chain; an unlisted code is returned."""
    tomorrow = build_chain(20240725, [contract("10000000", 20240828), *chain().contracts[1:]])
    held = (carry.Held("10000003", 1, 0, 0), carry.Held("10000002", 0, 4, 0))
    account = carry.CarriedAccount("A1", 0, (*held, carry.Held("19999999", 1, 1, 1)))
    rows, unknown = carry.rows_of(account, tomorrow)
    assert rows == [(1, 0, 4, 0), (2, 1, 0, 0)]
    assert unknown == ("19999999",)


def test_settlement_carry_says_what_is_wrong() -> None:
    """A broken file, a day that does not advance and a missing price are named."""
    with pytest.raises(ValueError, match=r"x\.msgpack is not a carried state"):
        carry.decode(b"\x01", "x.msgpack")
    with pytest.raises(ValueError, match="cannot be 20240724"):
        carry.make(chain(), 20240724, "run", PRICES, (1,), [])
    with pytest.raises(ValueError, match="each contract once"):
        carry.make(chain(), 20240725, "run", PRICES[1:], (1,), [])


def test_settlement_reconcile_lists_every_difference() -> None:
    """Equal books give nothing; each disagreement is listed with both numbers."""
    book = positions.open_book(3, 1_000)
    positions.apply_trade(book, 1, Side.SELL, Effect.OPEN, False, 2, 1, 10, 3)
    same = [(1, 0, 2, 0)]
    assert reconcile.differences(chain(), book, same, 1_017, 3) == ()
    found = reconcile.differences(chain(), book, [(0, 1, 0, 0), (1, 0, 3, 0)], 1_016, 3)
    assert found == (
        reconcile.Difference(reconcile.Item.LONG, "10000001", 0, 1),
        reconcile.Difference(reconcile.Item.SHORT, "10000002", 2, 3),
        reconcile.Difference(reconcile.Item.CASH, "", 1_017, 1_016),
    )
