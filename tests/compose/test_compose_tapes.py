"""Import of recorded snapshots: checks, quarantine, memory, round trip of a run."""

import csv
import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from compose_world import Run, call, one_line
from tape_world import DAY, HEAD, Row, chain, clock, steady, write_market

from quanheng.edge.dataset_files import arrow_modules
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.edge.tape_files import open_tape, read_messages
from quanheng.edge.tape_import import import_tape
from quanheng.exchange.messages import TapePrints
from quanheng.kernels.pack import unpack
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.units import SECOND

START = midnight(20240627)
CODES = [contract.code for contract in chain().contracts]


def test_compose_tape_of_a_csv_says_what_its_rows_say(tmp_path: Path) -> None:
    rows = steady(CODES[:3], "09:29:54", 4)
    source = write_market(tmp_path / "market.csv", rows)
    out = tmp_path / "tape"
    done = call("import-tape", source, "--day", DAY, "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.json["taken"] == len(rows) == 12 and done.json["quarantined"] == {}
    assert (done.json["contracts"], done.json["phases"], done.json["volumes"]) == (
        3, "timetable", True,
    )  # fmt: skip
    seen = [message for message in read_messages(out) if isinstance(message, ChainTick)]
    # 09:15 and 09:25 and 09:30 of the timetable begin with an image of their own.
    phases = [int(unpack(tick.rows, market.COLUMNS)[0, market.PHASE]) for tick in seen]
    assert phases == [
        Phase.OPENING, Phase.BREAK, Phase.BREAK, Phase.BREAK,
        Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CONTINUOUS,
    ]  # fmt: skip
    last = unpack(seen[-1].rows, market.COLUMNS)
    assert last[:, market.VOLUME].tolist() == [103] * 3
    assert last[:, market.BID].tolist() == [row[3] for row in rows[-3:]]
    stamps = [tick.at for tick in seen]
    assert stamps == sorted(stamps)


BAD: tuple[tuple[str, Row], ...] = (
    ("unknown contract", (DAY, "99999999", 1, 0, 0, 0, 0, 0, 0)),
    ("not a whole number", (DAY, CODES[0], "soon", 0, 0, 0, 0, 0, 0)),
    ("not a day", ("27/06/2024", CODES[0], 1, 0, 0, 0, 0, 0, 0)),
    ("time outside the day", (DAY, CODES[0], 86_400 * SECOND, 0, 0, 0, 0, 0, 0)),
    ("negative number", (DAY, CODES[0], clock("10:00:00"), -10, 5, 0, 0, 0, 0)),
    (
        "price without quantity or quantity without price",
        (DAY, CODES[0], clock("10:00:00"), 10, 0, 0, 0, 0, 0),
    ),
    ("price off the step", (DAY, "510050", clock("10:00:00"), 0, 0, 0, 0, 24_003, 0)),
    ("price outside the limits", (DAY, CODES[0], clock("10:00:00"), 0, 0, 499_990, 1, 0, 0)),
    ("crossed book", (DAY, CODES[0], clock("10:00:00"), 1_000, 5, 1_000, 5, 0, 200)),
    ("time goes back", (DAY, CODES[0], clock("09:30:00"), 0, 0, 0, 0, 0, 200)),
    ("volume falls", (DAY, CODES[0], clock("10:00:00"), 0, 0, 0, 0, 0, 1)),
)


@pytest.mark.parametrize(("reason", "row"), BAD, ids=[name for name, _ in BAD])
def test_compose_tape_sets_a_bad_row_aside_with_its_reason(
    tmp_path: Path, reason: str, row: Row
) -> None:
    """Every bad row is counted and listed with file, row and reason; none vanishes."""
    good = steady(CODES[:2], "09:40:00", 3)
    if reason in ("price outside the limits", "crossed book"):
        contract = chain().contracts[0]
        price = contract.limit_up + 10 if reason != "crossed book" else contract.limit_down + 10
        size = 5 if reason == "crossed book" else 0
        row = (DAY, CODES[0], clock("10:00:00"), price if size else 0, size, price, 5, 0, 200)
    source = write_market(tmp_path / "market.csv", [*good, row])
    out = tmp_path / "tape"
    done = call("import-tape", source, "--day", DAY, "--out", out, "--json")
    assert done.code == 0, done.err
    assert done.json["quarantined"] == {reason: 1}
    assert (done.json["rows"], done.json["taken"]) == (7, 6)
    text = (out / "quarantine.csv").read_text(encoding="utf-8")
    listed = list(csv.DictReader(text.splitlines()))
    assert [(one["file"], one["row"], one["reason"]) for one in listed] == [
        ("market.csv", "7", reason)
    ]


def test_compose_tape_tells_duplicates_from_second_rows_and_ragged_lines(tmp_path: Path) -> None:
    good = steady(CODES[:1], "09:40:00", 2)
    other = [*good[-1][:-1], 500]
    source = write_market(tmp_path / "market.csv", [*good, good[-1], other, [DAY, CODES[0]]])
    done = call("import-tape", source, "--day", DAY, "--out", tmp_path / "tape", "--json")
    assert done.json["quarantined"] == {
        "a second row at one time": 1,
        "duplicate row": 1,
        "not a whole number": 1,
    }
    text = (tmp_path / "tape" / "quarantine.csv").read_text(encoding="utf-8")
    assert "2 cells, not 9" in text


def test_compose_tape_takes_one_day_and_any_order_of_contracts(tmp_path: Path) -> None:
    """duty_dataset.md sorts by contract; a tape is in order of time. Other days are counted."""
    rows = steady(CODES[:4], "09:40:00", 30)
    by_contract = sorted(rows, key=lambda row: (row[1], row[2]))
    more = [("2024-06-26", *row[1:]) for row in rows[:7]]
    tapes = []
    for name, given in (("a", rows), ("b", [*more, *by_contract])):
        source = write_market(tmp_path / f"{name}.csv", given)
        done = call("import-tape", source, "--day", DAY, "--out", tmp_path / name, "--json")
        assert done.json["other_days"] == (7 if name == "b" else 0)
        tapes.append(list(read_messages(tmp_path / name)))
    assert tapes[0] == tapes[1]


def test_compose_tape_names_silences_of_continuous_trading(tmp_path: Path) -> None:
    rows = steady(CODES[:1], "09:30:00", 2) + steady(CODES[:1], "09:45:00", 1)
    rows[-1] = (*rows[-1][:-1], 200)
    source = write_market(tmp_path / "market.csv", rows)
    call("import-tape", source, "--day", DAY, "--out", tmp_path / "tape", "--json")
    gaps = open_tape(tmp_path / "tape").gaps
    assert [(one.underlying, one.since, one.until) for one in gaps] == [
        ("510050", clock("09:30:03"), clock("09:45:00"))
    ]


def test_compose_tape_takes_funds_inquiries_and_trades(tmp_path: Path) -> None:
    """A six-digit code is the underlying; a dataset folder brings its inquiries."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    fund = (DAY, "510050", clock("09:40:01"), 24_000, 900, 24_010, 800, 24_010, 5_000)
    write_market(folder / "market.csv", [*steady(CODES[:1], "09:40:00", 2), fund])
    asked = [(DAY, CODES[0], "7", clock("09:40:02")), (DAY, CODES[5], "8", clock("09:40:02"))]
    write_market(folder / "inquiries.csv", asked, ("day", "contract", "inquiry", "at"))
    traded = [
        (DAY, CODES[0], clock("09:40:03"), 1_010, 2),
        (DAY, CODES[0], clock("09:40:02"), 1_000, 4),
        (DAY, CODES[5], clock("09:40:02"), 1_000, 9),
    ]
    head = ("day", "contract", "at", "price", "qty", "buyer", "seller", "buy_order_at",
            "sell_order_at", "buy_limit", "sell_limit")  # fmt: skip
    write_market(folder / "trades.csv", [(*row, "", "", 0, 0, 1, 1) for row in traded], head)
    done = call("import-tape", folder, "--day", DAY, "--out", tmp_path / "tape", "--json")
    assert done.code == 0, done.err
    assert (done.json["underlyings"], done.json["inquiries"]) == (1, 1)
    assert (done.json["prints"], done.json["unused"]) == (2, 1)
    told = [one for one in read_messages(tmp_path / "tape") if isinstance(one, TapePrints)]
    assert [(one.at - START, unpack(one.rows, 3).tolist()) for one in told] == [
        (clock("09:40:02"), [[0, 1_000, 4]]), (clock("09:40:03"), [[0, 1_010, 2]]),
    ]  # fmt: skip
    messages = list(read_messages(tmp_path / "tape"))
    [ticks] = [one for one in messages if isinstance(one, UnderlyingTicks)]
    assert (ticks.at - START, ticks.ticks[0].bids, ticks.ticks[0].last) == (
        clock("09:40:01"), (24_000,), 24_010,
    )  # fmt: skip
    [inquiry] = [one for one in messages if isinstance(one, Inquiry)]
    assert (inquiry.contract, inquiry.at - START) == (CODES[0], clock("09:40:02"))


def test_compose_tape_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    """Exit 3 (2 for options) and one line that names file and reason; nothing is left behind."""
    out = tmp_path / "tape"
    rows = steady(CODES[:1], "09:40:00", 2)
    short = write_market(tmp_path / "short.csv", [row[:-2] for row in rows], HEAD[:-2])
    one_line(call("import-tape", short, "--day", DAY, "--out", out), 3, "short.csv", "'last'")
    good = write_market(tmp_path / "good.csv", rows)
    one_line(call("import-tape", good, "--day", "today", "--out", out), 2, "--day", "today")
    one_line(call("import-tape", good, "--day", "2024-06-28", "--out", out), 2, "--master")
    gone = tmp_path / "gone.csv"
    one_line(call("import-tape", gone, "--day", DAY, "--out", out), 3, "gone.csv")
    other = write_market(tmp_path / "other.csv", [("2024-06-26", *row[1:]) for row in rows])
    one_line(call("import-tape", other, "--day", DAY, "--out", out), 3, "no row of 20240627")
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "good.csv",
        "other.csv",
        "short.csv",
    ]
    folder = tmp_path / "dataset"
    folder.mkdir()
    write_market(folder / "market.csv", rows)
    contract = chain().contracts[0]
    names = ("day", "contract", "underlying", "underlying_type", "kind", "expiry_rank", "strike",
             "unit", "limit_up", "limit_down", "previous_settle", "last_trade",
             "designated")  # fmt: skip
    line = [DAY, contract.code, "510050", "EBS", contract.kind, 1, contract.strike, 9_999,
            contract.limit_up, contract.limit_down, contract.previous_settle, 0, 0]  # fmt: skip
    write_market(folder / "contracts.csv", [line], names)
    one_line(call("import-tape", folder, "--day", DAY, "--out", out), 3, contract.code, "unit 9999")


def test_compose_tape_damage_is_named(tmp_path: Path) -> None:
    source = write_market(tmp_path / "market.csv", steady(CODES[:1], "09:40:00", 3))
    out = tmp_path / "tape"
    call("import-tape", source, "--day", DAY, "--out", out)
    ticks = out / "ticks.bin"
    whole = ticks.read_bytes()
    ticks.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    one_line(call("backtest", out, "--out", tmp_path), 3, "ticks.bin", "SHA-256")
    (out / "manifest.json").unlink()
    one_line(call("backtest", out, "--out", tmp_path), 3, "not a tape")


def test_compose_tape_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """A source three times as long, spread over more minutes, takes no more memory."""
    whole = chain()
    book = read_rulebook(20240627)

    def peak(name: str, count: int) -> int:
        source = write_market(tmp_path / f"{name}.csv", steady(CODES, "09:30:00", count, 1))
        tracemalloc.start()
        import_tape(source, whole, book, [], tmp_path / name)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak("warm", 10)
    small = peak("small", 1_000)  # 12,000 rows: more than two batches
    large = peak("large", 3_000)
    assert large < small * 1.25, (small, large)


def test_compose_tape_of_a_run_gives_back_what_its_maker_saw(day_run: Run, tmp_path: Path) -> None:
    """Simulated day -> market table -> tape: the same visible content at every instant."""
    copy = tmp_path / "run"
    shutil.copytree(day_run.folder, copy)
    assert call("export-market", copy, "--json").json["rows"] > 1_000
    text = tmp_path / "market.csv"
    call("export-market", copy, "--out", text)
    done = call("import-tape", copy / "dataset", "--day", DAY, "--out", tmp_path / "a", "--json")
    assert done.code == 0, done.err
    assert done.json["quarantined"] == {} and done.json["phases"] == "source"
    master = copy / "files" / "20240627" / "reff030627.txt"
    args = ("--day", DAY, "--master", master, "--out", tmp_path / "b", "--json")
    assert call("import-tape", text, *args).json["taken"] == done.json["taken"]
    decode = envelope_decoder(Maker).decode
    heard = [
        decode(frame.payload).body
        for frame in read_segments(copy / "journal" / "maker", "maker")
        if frame.kind == INPUT
    ]
    wanted = _visible(body for body in heard if isinstance(body, ChainTick))
    found = _visible(one for one in read_messages(tmp_path / "a") if isinstance(one, ChainTick))
    again = _visible(one for one in read_messages(tmp_path / "b") if isinstance(one, ChainTick))
    assert len(wanted) > 500 and found == wanted and again == wanted
    asked = [one for one in read_messages(tmp_path / "a") if isinstance(one, Inquiry)]
    # One that is asked shortly before the cut is not judged any more.
    assert 0 <= len(asked) - day_run.printed["classes"][0]["inquiries"] <= 1 < len(asked)


def _visible(ticks: object) -> list[tuple[int, ...]]:
    """(at, slot, best prices and sizes, last, volume, phase) of every row."""
    columns = [market.SLOT, market.BID, market.BID_QTY, market.ASK, market.ASK_QTY, market.LAST,
               market.VOLUME, market.PHASE, market.FLAGS]  # fmt: skip
    return [
        (tick.at, *cells)
        for tick in ticks  # type: ignore[attr-defined]
        for cells in unpack(tick.rows, market.COLUMNS)[:, columns].tolist()
    ]


def test_compose_tape_of_parquet_names_a_column_that_holds_no_whole_numbers(tmp_path: Path) -> None:
    arrow = arrow_modules()
    columns: dict[str, object] = {
        "day": arrow.array(np.full(2, DAY).astype("datetime64[D]")),
        "contract": arrow.array([CODES[0]] * 2),
    }
    for name in HEAD[2:]:
        columns[name] = arrow.array(
            [clock("09:40:00"), clock("09:40:01")] if name == "at" else [0, 0]
        )
    columns["last"] = arrow.array([None, 1_000.5])
    path = tmp_path / "market.parquet"
    arrow.parquet.write_table(arrow.table(columns), path)
    done = call("import-tape", path, "--day", DAY, "--out", tmp_path / "tape")
    one_line(done, 3, "no row of 20240627 is usable", "2 not a whole number")
    assert json.dumps(done.err)
