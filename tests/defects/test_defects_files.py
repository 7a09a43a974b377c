"""Defects of other systems around configuration, files, days, duties, clearing and the journal.

docs/defects.md is the table. The last test breaks the real path under some of them and sees it.
"""

from collections.abc import Callable
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from duty_streams import DAY as DUTY_DAY
from duty_streams import TERMS, a_subject, at
from test_clearing_exercise import BOOK, CHAIN, CLOSE, RICH
from wire_samples import chain

from quanheng.books import positions
from quanheng.clearing import exercise as ex
from quanheng.config import SHIPPED, ConfigError, read_config
from quanheng.duties import measure
from quanheng.duties.figures import spread_ratio
from quanheng.duties.measure import figures, live, on_phase, on_quote, open_lanes
from quanheng.rulebook import fees
from quanheng.runtime.release import Policy, Release
from quanheng.settlement import reconcile
from quanheng.terms import days
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.units import DAY, HOUR, MILLISECOND, SECOND
from quanheng.wire import contracts, records

NAMES = {
    "unit": "ContractMultiplierUnit",
    "strike": "ExercisePrice",
    "expire_day": "ExpireDate",
    "limit_up": "DailyPriceUpLimit",
    "margin_unit": "MarginUnit",
}


@pytest.mark.parametrize("field", NAMES)
def test_d11_a_contract_without_its_numbers_is_blocked(field: str) -> None:
    """D11: a missing tick, multiplier or expiry became a default nobody saw. A record whose field
    is blank is left out and named with line, field and reason; the others open (I-11, I-15).
    """
    whole = list(chain(4).contracts)
    lines = contracts.write_contracts(whole).split(b"\n")
    form = records.layout("reff03")
    (place,) = [one for one in form.fields if one.name == NAMES[field]]
    lines[1] = lines[1][: place.at] + b" " * place.width + lines[1][place.at + place.width :]
    read, bad = contracts.read_contracts(b"\n".join(lines))
    assert read == [whole[0], *whole[2:]]
    assert [(one.line, one.field) for one in bad] == [(2, NAMES[field])]
    assert bad[0].reason


def test_d18_days_roll_and_time_never_wraps() -> None:
    """D18: unsigned time of day wrapped at midnight. An instant has one day and one time of day
    over midnights, ends of months and leap days, and both together give it back (borders.md 1).
    """
    for day in (20231231, 20240228, 20240229, 20241231, 20251231):
        start, after = days.midnight(day), days.add_days(day, 1)
        assert days.midnight(after) - start == DAY
        for offset in (0, MILLISECOND, 9 * HOUR, DAY - MILLISECOND):
            assert days.day_of(start + offset) == day
            assert days.day_nanos(start + offset) == offset
        assert days.day_of(start - 1) < day < days.day_of(start + DAY) == after
        assert days.clock_text(start - MILLISECOND) == "23:59:59.999"
        assert days.clock_text(start) == "00:00:00.000"


def with_line(tmp_path: Path, old: str, new: str) -> Path:
    """The shipped configuration with one text changed."""
    text = (files("quanheng") / SHIPPED).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "desk.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("heartbeat_ms = 100", "heartbeat_ms = 100\nheartbeet_ms = 100", "heartbeet_ms"),
        ("rate_ppm = 18000", "rate_ppm = 18000\nhedge_interval_s = 5", "hedge_interval_s"),
        ("cash_yuan = 500000000\n", "\n", "cash_yuan"),
        ("dead_man_ms = 400", 'dead_man_ms = "400"', "dead_man_ms"),
    ],
)
def test_d21_unknown_missing_and_mistyped_keys_refuse_the_start(
    tmp_path: Path, old: str, new: str, word: str
) -> None:
    """D21: a misspelt key was ignored and an interval ran 150 times too slow. The file and the key
    are named and nothing starts (I-49, T-06).
    """
    path = with_line(tmp_path, old, new)
    with pytest.raises(ConfigError, match=word) as told:
        read_config(path)
    assert str(path) in str(told.value)


def test_d22_expiry_profit_has_the_right_sign_on_both_sides() -> None:
    """D22: settlement profit had the wrong sign and no fee. By hand: C 2.40 at 2.50 on 10,000 units
    is worth 1,000 yuan; the long pays 24,000 for units of 25,000 and 0.6 fee, the assigned short
    gives up the same 1,000 and pays no fee (rules.md 5, E-11).
    """
    holdings = (ex.Holding(0, 0, 1, 0, 0), ex.Holding(1, 0, 0, 1, 0))
    done = ex.settle(CHAIN, BOOK, (ex.Claim(0, 0, 1),), holdings, (RICH, RICH), 1)
    worth = {move.account: move.units * CLOSE[0] + move.cash for move in done.moves}
    assert worth == {0: 10_000_000, 1: -10_000_000}
    assert done.fees == {0: fees.exercise(BOOK, 1)} == {0: 6_000}
    assert ex.worth(CHAIN.contracts[0], CLOSE[0], BOOK) == worth[0] - 6_000
    put = (ex.Holding(0, 2, 1, 0, 0), ex.Holding(1, 2, 0, 1, 0))
    done = ex.settle(CHAIN, BOOK, (ex.Claim(0, 2, 1),), put, (RICH, RICH), 1)
    worth = {move.account: move.units * CLOSE[0] + move.cash for move in done.moves}
    assert worth == {0: 10_000_000, 1: -10_000_000}


def test_d23_an_overflow_stops_and_says_so() -> None:
    """D23: a full queue dropped events and nobody knew. A bound that is reached raises, names the
    frame that waits, and what was held is still there (reliability.md 5, T-08).
    """
    release = Release(Policy.SYNCED, bound=2)
    release.hold(1, 1, ["first"])
    release.hold(2, 2, ["second"])
    with pytest.raises(OverflowError, match="frame 1"):
        release.hold(3, 3, ["third"])
    assert [held.effects for held in release.free(9, 9)] == [("first",), ("second",)]


def test_d24_one_book_and_every_difference_to_the_exchange() -> None:
    """D24: five copies of the position disagreed. There is one book, and the evening compares every
    bucket and the money with clearing's file: a lot or a fen too much is listed (I-12).
    """
    listed = chain(3)
    book = positions.open_book(3, 1_000)
    positions.apply_trade(book, 0, Side.BUY, Effect.OPEN, False, 7, 2, 10, 3)
    rows = [(0, 7, 0, 0)]
    assert reconcile.differences(listed, book, rows, book.cash, book.fees) == ()
    (lot,) = reconcile.differences(listed, book, [(0, 6, 0, 0)], book.cash, book.fees)
    assert (lot.item, lot.ours, lot.theirs) == (reconcile.Item.LONG, 7, 6)
    (ghost,) = reconcile.differences(listed, book, [*rows, (2, 0, 1, 0)], book.cash, book.fees)
    assert (ghost.item, ghost.code) == (reconcile.Item.SHORT, listed.contracts[2].code)
    (fen,) = reconcile.differences(listed, book, rows, book.cash + 1, book.fees)
    assert fen.item == reconcile.Item.CASH


def test_d25_the_open_stretch_counts_and_spreads_weigh_by_time() -> None:
    """D25: the stretch still running was not counted and spreads were averaged per update. By hand:
    60 s at 30 ticks and 540 s at 40 of the 50 that a bid of 500 allows, nothing closed yet, are
    600 s of duty and a ratio of 0.78, not the 0.7 of two updates (Q-03, E-01).
    """
    m = open_lanes(DUTY_DAY, TERMS, [a_subject()], ("M",), [None])
    on_phase(m, 0, at("09:30:00"), Phase.CONTINUOUS)
    on_quote(m, 0, 0, at("09:30:00"), 500, 10, 530, 10)
    on_quote(m, 0, 0, at("09:31:00"), 500, 10, 540, 10)
    now = at("09:40:00")
    assert live(m, 0, 0, now) == (600 * SECOND,) * 3
    assert spread_ratio(figures(m, now), 0, 0) == Fraction(78, 100)


def test_d28_all_legs_of_a_day_settle_at_one_price() -> None:
    """D28: legs of one expiry settled at different prices of the index. Whatever the account and
    the strike, what an exercise is worth differs by the strikes alone, and the cash of a long
    call and a long put exercised together is K2 - K1, at any close (rules.md 5).
    """
    both = (ex.Holding(0, 0, 1, 0, 0), ex.Holding(0, 2, 1, 0, 0),
            ex.Holding(1, 0, 0, 1, 0), ex.Holding(1, 2, 0, 1, 0))  # fmt: skip
    apart = (ex.Claim(0, 0, 1), ex.Claim(0, 2, 1))
    together = (ex.Claim(0, 0, 1, 2),)
    moves = [
        ex.settle(CHAIN, BOOK, claims, both, (RICH, RICH), 1).moves for claims in (apart, together)
    ]
    assert moves[0] == moves[1]
    width = (CHAIN.contracts[2].strike - CHAIN.contracts[0].strike) * 10_000
    assert [(move.account, move.units, move.cash) for move in moves[0]] == [
        (0, 0, width),
        (1, 0, -width),
    ]
    for close in (23_000, 25_000, 27_000):
        legs = [ex.worth(CHAIN.contracts[slot], close, BOOK) for slot in (0, 2)]
        assert sum(legs) == width - 2 * fees.exercise(BOOK, 1)


MOVE = ex._move

BREAKS: dict[str, tuple[Callable[[], None], Any, str, Any]] = {
    "expiry": (
        lambda: test_d11_a_contract_without_its_numbers_is_blocked("expire_day"), contracts,
        "_REQUIRED_DAYS", (),
    ),
    "midnight": (
        test_d18_days_roll_and_time_never_wraps, days, "day_nanos", lambda at: at % DAY,
    ),
    "sign": (
        test_d22_expiry_profit_has_the_right_sign_on_both_sides, ex, "_move",
        lambda moves, account, klass, row, qty: MOVE(moves, account, klass, row, -qty),
    ),
    "drop": (test_d23_an_overflow_stops_and_says_so, Release, "hold", lambda *_: None),
    "copy": (
        test_d24_one_book_and_every_difference_to_the_exchange, positions, "apply_trade",
        lambda *_: None,
    ),
    "open": (
        test_d25_the_open_stretch_counts_and_spreads_weigh_by_time, measure, "settled",
        lambda m, lane, at: lane,
    ),
    "legs": (
        test_d28_all_legs_of_a_day_settle_at_one_price, ex, "combines", lambda *_: False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_path_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these tests fails when the code it is about has the defect."""
    shown, module, attribute, wrong = BREAKS[name]
    monkeypatch.setattr(module, attribute, wrong)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        shown()
