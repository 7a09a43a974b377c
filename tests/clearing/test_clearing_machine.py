"""The clearing machine over a small day: trades, netting, prices, margin, cash, seal."""

from typing import cast

import msgspec
import numpy as np
import pytest

from quanheng.clearing import messages as msg
from quanheng.clearing.clearing import Clearing
from quanheng.clearing.files import clpr03
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.pack import pack, unpack
from quanheng.runtime.envelope import Envelope, Source
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import MONEY_PER_YUAN

DAY = 20240627
OPEN, CLOSE = 0, 1
BID, ASK = 480, 520


def chain() -> Chain:
    """Two strikes, calls and puts, of 510050's July expiry."""
    rows: list[Contract] = []
    for number, (kind, strike) in enumerate(
        [("C", 24_000), ("P", 24_000), ("C", 25_000), ("P", 25_000)]
    ):
        rows.append(
            Contract(
                code=f"1000000{number}",
                trading_code=f"510050{kind}2407M0{strike // 10}",
                symbol="",
                underlying="510050",
                underlying_symbol="50ETF",
                underlying_type="EBS",
                style="E",
                kind=kind,
                unit=10_000,
                strike=strike,
                first_day=20240523,
                last_day=20240724,
                exercise_day=20240724,
                delivery_day=20240725,
                expire_day=20240724,
                version="0",
                open_interest=100,
                previous_close=490,
                previous_settle=490,
                underlying_close=24_410,
                limit_up=2_931,
                limit_down=1,
                margin_unit=0,
                margin_ratio_1=1200,
                margin_ratio_2=700,
                round_lot=1,
                limit_min=1,
                limit_max=50,
                market_min=1,
                market_max=10,
                step=1,
                status="0000E0  ",
                auto_split_day=20240722,
            )
        )
    return build_chain(DAY, rows)


def opening(cash: int = 1_000_000 * MONEY_PER_YUAN) -> msg.ClearingOpen:
    """A maker flat at the open and a member that brings 3 long contracts in slot 1."""
    held = pack(np.array([[1, 3, 0, 0]], dtype=np.int64))
    accounts = (msg.Account("A1", True, cash), msg.Account("A2", False, cash, held))
    return msg.ClearingOpen(DAY, chain(), read_rulebook(DAY), accounts)


def trades(*rows: tuple[int, ...]) -> msg.TradesCleared:
    """Trade rows (slot, price, qty, buyer, seller, effects, coverage, roles)."""
    full = [(row[0], 1, *row[1:]) for row in rows]
    return msg.TradesCleared(pack(np.array(full, dtype=np.int64)))


def closing() -> msg.MarketClose:
    """Two-sided markets everywhere, a closing-auction trade in slot 2."""
    late = midnight(DAY) + from_clock("14:55")
    rows = [[slot, 0, 500, late, BID, ASK, 100] for slot in range(4)]
    rows[2][msg.AUCTION_PRICE] = 505
    return msg.MarketClose(pack(np.array(rows, dtype=np.int64)))


def run(machine: Clearing, *bodies: msg.Input) -> list[msg.Effect]:
    """Effects of the inputs, in order."""
    effects: list[msg.Effect] = []
    for seq, body in enumerate(bodies, 1):
        effects += machine.apply(Envelope(seq, seq, Source.FEED, 0, body))
    return effects


DAY_TRADES = trades(
    (0, 500, 10, 0, msg.PUBLIC, OPEN, OPEN, 0, 0, 1, 0),  # the maker buys, as provider
    (0, 510, 4, 1, 0, OPEN, OPEN, 0, 0, 0, 2),  # and sells 4 open, as taker
    (1, 490, 3, msg.PUBLIC, 1, OPEN, CLOSE, 0, 0, 0, 0),
    (3, 700, 2, msg.PUBLIC, 0, OPEN, OPEN, 0, 0, 0, 1),
)


def test_clearing_day_nets_prices_and_seals() -> None:
    """A day ends with prices, netted positions, cash and a balanced seal."""
    machine = Clearing()
    ends = (closing(), msg.UnderlyingClose((24_500,)))
    effects = run(machine, opening(), DAY_TRADES, *ends)
    kinds = [type(effect).__name__ for effect in effects]
    account = ["ClearedPositions", "CashStatement"]
    assert kinds == ["SettlementPrices", *account, *account, "Seal"]
    prices = unpack(cast(msg.SettlementPrices, effects[0]).rows, msg.PRICE_COLUMNS)
    assert prices[:, msg.SETTLE_PRICE].tolist() == [500, 500, 505, 500]
    assert prices[:, msg.STEP].tolist() == [2, 2, 1, 2]
    assert prices[:, msg.NETTED_INTEREST].tolist() == [96, 100, 100, 100]
    lines = clpr03(chain(), cast(msg.SettlementPrices, effects[0])).splitlines()
    assert lines[0] == b"R0302|10000000|     0.0500|     0.0500|          96"
    assert [len(line) for line in lines] == [51] * 4
    held = cast(msg.ClearedPositions, effects[1])
    assert unpack(held.rows, msg.HELD_COLUMNS).tolist() == [[0, 6, 0, 0], [3, 0, 2, 0]]
    assert held.netted == 4
    seal = cast(msg.Seal, effects[-1])
    assert seal == msg.Seal(DAY, 4, 19, 0, (1, 3, 0, 0, 0, 0))


def test_clearing_cash_statement_adds_up() -> None:
    """Premium, fees and maintenance margin of the maker, by hand (rules.md 3.1, 6)."""
    effects = run(Clearing(), opening(), DAY_TRADES, closing(), msg.UnderlyingClose((24_500,)))
    cash = cast(msg.CashStatement, effects[2])
    assert cash.premium == (-500 * 10 + 510 * 4 + 700 * 2) * 10_000
    # Provider fills pay no handling fee and sell-open is waived (rules.md 6).
    assert cash.handling_fee == 0
    assert cash.settlement_fee == 3 * MONEY_PER_YUAN
    # Short put 25000: P + max(12 % of S - 0, 7 % of K) = 0.0500 + 0.2940 yuan, x 10000 x 2.
    assert cash.margin == 2 * 3_440 * MONEY_PER_YUAN
    assert cash.free == cash.cash - cash.margin
    assert cash.equity == cash.cash + (6 * 500 - 2 * 500) * 10_000


def test_clearing_calls_a_deficit() -> None:
    """Free cash below 0 is called for 11:30 of the next trading day (rules.md 3.5)."""
    poor = opening(cash=10_000 * MONEY_PER_YUAN)
    sale = trades((3, 700, 5, msg.PUBLIC, 0, OPEN, OPEN, 0, 0, 0, 1))
    effects = run(Clearing(), poor, sale, closing(), msg.UnderlyingClose((24_500,)))
    calls = [effect for effect in effects if isinstance(effect, msg.MarginCall)]
    cash = cast(msg.CashStatement, effects[2])
    assert cash.free < 0
    due = midnight(20240628) + from_clock("11:30")
    assert calls == [msg.MarginCall("A1", -cash.free, due)]


def test_clearing_restores_and_repeats() -> None:
    """A restored snapshot ends the day with the same effects and digest."""
    first, second = Clearing(), Clearing()
    run(first, opening(), DAY_TRADES)
    second.restore(first.snapshot())
    ends = (msg.UnderlyingClose((24_500,)), closing())
    assert run(first, *ends) == run(second, *ends)
    assert first.digest() == second.digest()


def test_clearing_effects_can_be_recorded() -> None:
    """Every input and effect survives its bytes."""
    effects = run(Clearing(), opening(), DAY_TRADES, closing(), msg.UnderlyingClose((24_500,)))
    for effect in effects:
        data = msgspec.msgpack.encode(effect)
        assert msgspec.msgpack.decode(data, type=Clearing.EFFECT) == effect
    for body in (opening(), DAY_TRADES, closing()):
        data = msgspec.msgpack.encode(body)
        assert msgspec.msgpack.decode(data, type=Clearing.INPUT) == body


def test_clearing_names_what_is_wrong() -> None:
    """Inputs out of order or out of range are refused with the day and the reason."""
    with pytest.raises(ValueError, match="not open yet"):
        run(Clearing(), closing())
    with pytest.raises(ValueError, match="20240627 after 20240627"):
        run(Clearing(), opening(), opening())
    with pytest.raises(ValueError, match="trade row 0 has a bad account"):
        run(Clearing(), opening(), trades((0, 1, 1, 7, -1, 0, 0, 0, 0, 0, 0)))
    with pytest.raises(ValueError, match="trade row 0 has a bad slot"):
        run(Clearing(), opening(), trades((9, 1, 1, 0, -1, 0, 0, 0, 0, 0, 0)))
    with pytest.raises(ValueError, match="trade row 1 has a bad quantity"):
        good = (0, 1, 1, -1, -1, 0, 0, 0, 0, 0, 0)
        run(Clearing(), opening(), trades(good, (0, 1, 0, -1, -1, 0, 0, 0, 0, 0, 0)))
    half = msg.MarketClose(pack(np.zeros((1, msg.CLOSE_COLUMNS), dtype=np.int64)))
    with pytest.raises(ValueError, match="not each of 4 contracts once"):
        run(Clearing(), opening(), half, msg.UnderlyingClose((24_500,)))
    cut = unpack(closing().rows, msg.CLOSE_COLUMNS)
    cut[0, msg.OPEN_INTEREST] = 3  # the accounts net 4
    with pytest.raises(ValueError, match=r"contract 10000000: open interest 3 .* was netted"):
        ends = (msg.MarketClose(pack(cut)), msg.UnderlyingClose((24_500,)))
        run(Clearing(), opening(), DAY_TRADES, *ends)
    ended = Clearing()
    run(ended, opening(), closing(), msg.UnderlyingClose((24_500,)))
    with pytest.raises(ValueError, match="sealed"):
        run(ended, DAY_TRADES)
