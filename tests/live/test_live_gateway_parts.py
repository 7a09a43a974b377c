"""Parts of the gateway: flow, table of what may rest, epoch file, ids."""

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.edge.gateway_parts import (
    ASK,
    BID,
    BOTH,
    EpochFile,
    Flow,
    Kept,
    OpenTable,
    SeenIds,
)
from quanheng.terms.codes import Effect, Exec, Side
from quanheng.terms.orders import Quote, QuoteAck, QuoteCancel, Trade
from quanheng.terms.units import MILLISECOND, SECOND

CODES = ("10000001", "10000002", "10000003")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 120), st.booleans()), max_size=60))
def test_flow_never_exceeds_the_limit_in_any_second(steps: list[tuple[int, int, bool]]) -> None:
    """However requests come, no second sees more than the limit (I-40)."""
    flow = Flow(200, 0)
    quote = Quote("M001000001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    cancel = QuoteCancel("M001000002", CODES[0], True, True)
    now, passed = 0, []
    for pause, count, is_cancel in steps:
        now += pause * 50 * MILLISECOND
        request = cancel if is_cancel else quote
        passed += [now for _ in range(count) if flow.allow(request, now)]
    for first in passed:
        assert sum(first <= at < first + SECOND for at in passed) <= 200


def test_quotes_never_starve_cancels() -> None:
    """With the quotes' tokens gone, cancels for every contract of the chain still pass at once."""
    flow = Flow(1_000, 0)
    quote = Quote("M001000001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    cancel = QuoteCancel("M001000002", CODES[0], True, True)
    while flow.allow(quote, 0):
        pass
    assert flow.is_low(0)
    assert sum(flow.allow(cancel, 0) for _ in range(1_000)) == 350


def _ack(cancel: bool, name: str, code: str, reason: int = 0) -> QuoteAck:
    done = Exec.REJECTED if reason else Exec.CANCELLED if cancel else Exec.ACCEPTED
    return QuoteAck(
        cancel, done, name, code, 1, 500, 520, 10, 10, Effect.OPEN, Effect.OPEN, 0, reason,
        "", 0, "", 0,
    )  # fmt: skip


def test_open_table_errs_on_the_side_of_resting() -> None:
    """A quote sent after a cancel stays in the table when the cancel is confirmed."""
    table = OpenTable()
    quote = Quote("M001000001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    table.sent(quote)
    table.sent(QuoteCancel("M001000002", CODES[0], True, True))
    table.sent(Quote("M001000003", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN))
    table.reported(_ack(True, "M001000002", CODES[0]))
    assert len(table) == 1
    table.sent(QuoteCancel("M001000004", CODES[0], True, False))
    table.reported(_ack(True, "M001000004", CODES[0]))
    assert len(table) == 1
    table.sent(QuoteCancel("M001000005", CODES[0], False, True))
    table.reported(_ack(True, "M001000005", CODES[0], 19082))
    assert len(table) == 0


def test_open_table_a_side_that_went_by_itself() -> None:
    """A report that names the quote as what withdrew it takes that side alone, and nothing of a
    newer quote; the next pull cancels what is left (scope 10).
    """
    table = OpenTable()
    for number in (1, 2):
        name = f"M00100000{number}"
        table.sent(Quote(name, CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN))
        gone = msgspec.structs.replace(_ack(True, "M001000001", CODES[0]), old_bid="M001000001")
        table.reported(gone)
        assert table.quotes[CODES[0]].sides == (ASK if number == 1 else BOTH)
    gone = msgspec.structs.replace(
        _ack(True, "M001000002", CODES[0]), old_bid="M001000002", old_ask="M001000002"
    )
    table.reported(gone)
    assert len(table) == 0


def _day(
    draw: random.Random, choices: tuple[int, ...] = (BID, ASK, BOTH)
) -> tuple[list[QuoteAck | Trade], int]:
    """(reports of a contract's quotes, sides that rest in the end): quotes and cancels of these
    sides, fills of a part or of all.
    """
    resting: dict[int, tuple[str, int]] = {}
    reports: list[QuoteAck | Trade] = []
    for number in range(1, draw.randrange(3, 12)):
        name, sides = f"M001{number:06d}", draw.choice(choices)
        chosen = [side for side in (BID, ASK) if sides & side]
        match draw.randrange(4):
            case 0 | 1:
                for side in chosen:
                    resting[side] = (name, 10)
                qty = [10 if sides & side else 0 for side in (BID, ASK)]
                ack = _ack(False, name, CODES[0])
                reports.append(msgspec.structs.replace(ack, bid_qty=qty[0], ask_qty=qty[1]))
            case 2:
                old = [resting.pop(side, ("", 0)) if sides & side else ("", 0)
                       for side in (BID, ASK)]  # fmt: skip
                ack = _ack(True, name, CODES[0], 0 if old[0][1] or old[1][1] else 19082)
                given = {"old_bid": old[0][0], "old_bid_qty": old[0][1],
                         "old_ask": old[1][0], "old_ask_qty": old[1][1]}  # fmt: skip
                reports.append(msgspec.structs.replace(ack, **given))
            case _:
                for side in [one for one in chosen if one in resting]:
                    quote, left = resting.pop(side)
                    qty = draw.choice((left, 1))
                    if left > qty:
                        resting[side] = (quote, left - qty)
                    way = Side.BUY if side == BID else Side.SELL
                    reports.append(Trade(quote, CODES[0], 1, 1, 500, qty, left - qty, way,
                                         Effect.OPEN, False, 0, 0, 1))  # fmt: skip
    return reports, sum(resting)


def test_a_replay_forgets_nothing_that_rests() -> None:
    """A gateway that starts in the middle of a day knows by the replayed reports alone what it has
    to withdraw (found by world 63510: a side that a one-sided quote had put there was forgotten
    when the other side's last contract was filled).
    """
    for seed in range(3_000):
        reports, rests = _day(random.Random(seed))
        table = OpenTable()
        for body in reports:
            table.reported(body)
        known = table.quotes[CODES[0]].sides if CODES[0] in table.quotes else 0
        assert known & rests == rests, (seed, known, rests, reports)


def test_a_replay_of_whole_quotes_keeps_nothing_that_is_gone() -> None:
    """Where every quote and every cancel is of both sides the table is exact."""
    for seed in range(1_000):
        reports, rests = _day(random.Random(seed), (BOTH,))
        table = OpenTable()
        for body in reports:
            table.reported(body)
        known = table.quotes[CODES[0]].sides if CODES[0] in table.quotes else 0
        assert known == rests, (seed, known, rests, reports)


def test_epoch_file_survives_and_refuses_damage(tmp_path: Path) -> None:
    """The epoch file is read back whole, or nobody leads."""
    file = EpochFile(tmp_path / "epoch.json")
    assert file.read() == Kept(0, 0)
    file.write(Kept(7, 2))
    assert EpochFile(tmp_path / "epoch.json").read() == Kept(7, 2)
    (tmp_path / "epoch.json").write_bytes(b'{"epoch": ')
    with pytest.raises(ValueError, match="epoch file"):
        file.read()


def test_f10_no_flipped_bit_and_no_cut_of_an_epoch_file_is_another_epoch(tmp_path: Path) -> None:
    """A flipped digit is a digit too: the file is refused, or says what it said."""
    file = EpochFile(tmp_path / "epoch.json")
    file.write(Kept(7, 2))
    whole = (tmp_path / "epoch.json").read_bytes()
    flipped = [
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
        for at in range(len(whole))
        for bit in range(8)
    ]
    cut = [whole[:at] for at in range(len(whole))]
    refused = 0
    for data in flipped + cut:
        (tmp_path / "epoch.json").write_bytes(data)
        try:
            assert file.read() == Kept(7, 2), data
        except ValueError as error:
            assert "epoch file" in str(error)
            refused += 1
    # Only a cut that leaves the struct whole is read: as a file of a release without checksums.
    assert refused == len(flipped) + len(cut) - 2
    (tmp_path / "epoch.json").write_bytes(b'{"epoch":7,"boot":2}')
    assert file.read() == Kept(7, 2)


@given(st.lists(st.integers(0, 36**6 - 1), max_size=80))
def test_seen_ids_are_refused_exactly_when_repeated(numbers: list[int]) -> None:
    """The bitmap of ids says the same as a set."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ids, known = SeenIds(), set()
    for number in numbers:
        text, rest = "", number
        for _ in range(6):
            rest, digit = divmod(rest, 36)
            text = digits[digit] + text
        assert bool(ids.add("M001" + text)) == (number in known)
        known.add(number)
