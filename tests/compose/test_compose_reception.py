"""The data reception test: a run's own files pass; each kind of damage is named where it is."""

import csv
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from compose_world import Run, call, one_line
from msgspec.structs import replace

from quanheng.compose import reception
from quanheng.compose.reception_files import Problem
from quanheng.compose.reception_settlement import fills
from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.contract import Chain, build_chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import DAY as DAY_NANOS
from quanheng.wire import dbf, md301, mktdt00, mktdt03, ogh, records
from quanheng.wire.contracts import read_contracts, write_contracts

DAY = 20240627
REFF, SECOND, STRATEGIES = "reff030627.txt", "reff030220240627.xml", "zhcl030627.txt"
CLOSING, TRIAL = "clpr030627.txt", "prestlp0320240627.xml"
ARCHIVE, HELD, CASH = "OGH12345.zip", "op_hyccjs345.dbf", "op_bzjzhjs345.dbf"
DETAIL, CHANGES = "op_jsmxjs345.dbf", "op_ccbdjs345.dbf"


@pytest.fixture
def folder(day_run: Run, tmp_path: Path) -> Path:
    """A copy of the run's exchange files, to damage."""
    return Path(shutil.copytree(day_run.folder / "files" / str(DAY), tmp_path / "received"))


def problems(folder: Path) -> list[Problem]:
    return [bad for one in reception.check(folder, DAY).checks for bad in one.problems]


def chain_of(folder: Path) -> Chain:
    return build_chain(DAY, read_contracts((folder / REFF).read_bytes())[0])


def test_reception_of_a_run_passes(folder: Path, tmp_path: Path) -> None:
    """I-15: contracts, market data and settlement of a simulated day, by the command line."""
    out = tmp_path / "out"
    done = call("lab", "reception", folder, "--day", "2024-06-27", "--out", out, "--json")
    assert done.code == 0, done.json["problems"]
    assert done.json["problems"] == []
    page = (out / "reception.md").read_text("utf-8")
    for words in ("合约基本信息", "行情", "行权与结算", "不合格 0", "结论：合格", REFF, ARCHIVE):
        assert words in page
    with (out / "reception.csv").open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = csv.reader(stream)
    assert head == list(reception.HEAD)
    counts = {row[2]: row[4] for row in rows if row[3].startswith("逐条解析")}
    assert counts[REFF] == counts[SECOND] == counts[CLOSING] == counts[TRIAL] == "12"
    assert int(counts[ARCHIVE].replace(",", "")) > 0
    assert done.json["checks"] == len(rows)


def sub(pattern: str, new: str) -> Callable[[bytes], bytes]:
    """Replaces the first match; the text must be there."""

    def change(data: bytes) -> bytes:
        text, count = re.subn(pattern.encode(), new.encode(), data, count=1)
        assert count == 1
        return text

    return change


def one_line_less(data: bytes) -> bytes:
    return data[: data.rindex(b"\n", 0, -1) + 1]


def first_line_twice(data: bytes) -> bytes:
    return data[: data.index(b"\n") + 1] + data


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def rows_changed(kind: str, field: str, value: Any) -> Callable[[bytes], bytes]:
    """A DBF table whose first record has another value."""

    def change(data: bytes) -> bytes:
        form = records.layout(kind)
        first, *rest = dbf.read(form, data).rows
        at = form.index(field)
        return dbf.write(form, [(*first[:at], value, *first[at + 1 :]), *rest], DAY)

    return change


def trade_changed(field: str, value: Any) -> Callable[[bytes], bytes]:
    """The archive with another value in its first trade."""

    def change(data: bytes) -> bytes:
        form = records.layout("trns03_t0305")
        archive = ogh.read("12345", data)
        first, *rest = archive.trns
        at = form.index(field)
        trns = [(*first[:at], value, *first[at + 1 :]), *rest]
        return ogh.write("12345", trns, archive.hold, archive.qtyw)

    return change


def trade_twice(data: bytes) -> bytes:
    archive = ogh.read("12345", data)
    return ogh.write("12345", [archive.trns[0], *archive.trns], archive.hold, archive.qtyw)


DAMAGE: list[tuple[str, Callable[[bytes], bytes], int, str, str]] = [
    (REFF, sub(r"\|E\|C\|", "|E|X|"), -1, "CallOrPut", "'X'"),
    (REFF, first_line_twice, 1, "SecurityID", "appears again"),
    (REFF, lambda data: data[:-9], 12, "record", "no line feed"),
    (SECOND, sub(r"<SettlPrice>[^<]+", "<SettlPrice>0.0007"), -1, "previous_settle", "reff03"),
    (SECOND, sub(r"<SecurityID>\d{8}", "<SecurityID>19999999"), -1, "SecurityID", "19999999"),
    (SECOND, half, -1, "document", "token"),
    (STRATEGIES, sub(r"C0301\|", "C0399|"), 1, "RFStreamID", "C0399"),
    ("mktdt03.txt", sub(r"M0301\|\d{8}", "M0301|19999999"), 2, "SecurityID", "19999999"),
    ("mktdt03.txt", sub(r"20240627-", "20240626-"), 1, "MDTime", "2024-06-26"),
    ("mktdt03.txt", sub(r"TRAILER\|...", "TRAILER|xxx"), 1, "record", "trailer"),
    ("mktdt03.txt", half, 1, "record", "BodyLength"),
    ("mktdt00.txt", sub(r"510050", "510059"), 0, "SecurityID", "510050"),
    ("mktdt00.txt", sub(r"20240627-", "20240628-"), 1, "MDTime", "2024-06-28"),
    (CLOSING, one_line_less, 0, "SecurityID", "缺少"),
    (CLOSING, first_line_twice, 1, "SecurityID", "2 次"),
    (CLOSING, sub(r"R0302\|\d{8}", "R0302|19999999"), 1, "SecurityID", "19999999 不在"),
    (CLOSING, sub(r"(R0302\|\d{8}\|)[ \d.]{11}", r"\g<1>    99.0000"), 1, "ClosePx", "涨跌停"),
    (TRIAL, sub(r"(<PreCalSettlPrice>)[^<]+", r"\g<1>99.0000"), 3, "PreCalSettlPrice", "clpr03"),
    (ARCHIVE, half, 0, "archive archive", "zip"),
    (ARCHIVE, trade_changed("TransactDate", 20240626), 0, "TransactDate", "20240626"),
    (ARCHIVE, trade_changed("TotalValueTraded", 1), 0, "TotalValueTraded", "第 1 笔"),
    (ARCHIVE, trade_changed("SecurityID", "19999999"), 0, "SecurityID", "19999999"),
    (ARCHIVE, trade_twice, 0, "ExecID", "2 次"),
    (HELD, rows_changed("op_hycc", "YE1", 123_456), 0, "YE1", "123456"),
    (HELD, half, 0, "header", ""),
    (CASH, rows_changed("op_bzjzh", "RQ1", 20240626), 0, "RQ1", "20240626"),
    (CASH, lambda data: b"", 0, "文件 file", "空文件"),
]


@pytest.mark.parametrize(
    ("name", "damage", "line", "field", "words"),
    DAMAGE,
    ids=[f"{row[0]}-{row[3].split()[0]}-{number}" for number, row in enumerate(DAMAGE)],
)
def test_reception_names_the_damage(
    folder: Path, name: str, damage: Callable[[bytes], bytes], line: int, field: str, words: str
) -> None:
    """I-15: file, line and field of each kind of damage (-1: any line)."""
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    found = problems(folder)
    hits = [bad for bad in found if bad.file == name and bad.field == field and words in bad.reason]
    assert hits, found
    assert line < 0 or any(bad.line == line for bad in hits), hits
    assert line >= 0 or all(bad.line > 0 for bad in hits), hits


@pytest.mark.parametrize(("said", "wrong"), [(117_855, 0), (117_854, 1)])
def test_reception_amounts_are_rounded_half_up(said: int, wrong: int) -> None:
    """I-15: an adjusted contract's amount is a part of a fen off, and half a fen goes up; as the
    whole market's day showed, where light days have no adjusted contract.
    """
    trade = {"ExecID": "1", "Side": "1", "SecurityID": "10006000", "TransactDate": DAY,
             "LastPx": 1_145, "LastQty": 1, "TotalValueTraded": said}  # fmt: skip
    received: Any = SimpleNamespace(
        contracts=[SimpleNamespace(code="10006000", unit=10_293)], day=DAY,
        trades=lambda: [trade], problem=lambda kind, field, reason: (kind, field, reason),
    )  # fmt: skip
    assert 1_145 * 10_293 % 100 > 50
    found: list[Any] = fills(received)
    assert [row[:2] for row in found] == [("ogh", "TotalValueTraded")] * wrong


def test_reception_previous_settlement(folder: Path) -> None:
    """The snapshot's previous settlement is the listing's; its line is named."""
    chain = chain_of(folder)
    wrong = build_chain(
        DAY, [replace(row, previous_settle=row.previous_settle + 1) for row in chain.contracts]
    )
    image = mktdt03.read((folder / "mktdt03.txt").read_bytes(), mktdt03.FileTables(chain))
    tables = mktdt03.FileTables(wrong)
    (folder / "mktdt03.txt").write_bytes(mktdt03.write(image.rows, tables, image.at, "E11"))
    found = problems(folder)
    assert [bad.field for bad in found] == ["PreSettlPrice"] * 12
    assert [bad.line for bad in found] == list(range(2, 14))


@pytest.mark.parametrize("kind", reception.REQUIRED)
def test_reception_missing(folder: Path, kind: str) -> None:
    """Every required file that is not there is named by its kind, and nothing raises."""
    (name,) = (one.name for one in folder.iterdir() if reception._kind(one.name, DAY) == (kind, ""))
    (folder / name).unlink()
    assert Problem(kind, 0, "文件 file", "没有收到 not received") in problems(folder)


def test_reception_names_and_days(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second file of a kind, another day's, a foreign one, one that cannot be read."""
    shutil.copy(folder / HELD, folder / "op_hyccjs345.627")
    shutil.copy(folder / CLOSING, folder / "clpr030626.txt")
    shutil.copy(folder / REFF, folder / "reff030627 (1).txt")
    read = reception.read_received

    def refuse(path: Path, most: int) -> bytes:
        if path.name == TRIAL:
            raise PermissionError(13, "Permission denied")
        return read(path, most)

    monkeypatch.setattr(reception, "read_received", refuse)
    found = {bad.file: bad.reason for bad in problems(folder)}
    assert "重复" in (found.get(HELD) or found["op_hyccjs345.627"])
    assert "a file of another day" in found["clpr030626.txt"]
    assert "不是应接收的文件名" in found["reff030627 (1).txt"]
    assert "Permission denied" in found[TRIAL]
    assert "没有收到" in found["prestlp03"]


def test_reception_in_time(folder: Path) -> None:
    """A file that came after it was due is late; a copy made later cannot be judged."""
    start = midnight(DAY)
    for path in folder.iterdir():
        os.utime(path, ns=(start, start + from_clock("08:30")))
    found = reception.check(folder, DAY)
    assert found.ok
    assert not any(one.verdict == "unknown" for one in found.checks)
    os.utime(folder / REFF, ns=(start, start + from_clock("09:01")))
    os.utime(folder / CLOSING, ns=(start, start + DAY_NANOS + from_clock("08:31")))
    late = problems(folder)
    assert sorted(bad.file for bad in late) == [CLOSING, REFF]
    assert all("late" in bad.reason for bad in late)
    os.utime(folder / REFF, ns=(start, start + 30 * DAY_NANOS))
    os.utime(folder / CLOSING, ns=(start, start))
    again = reception.check(folder, DAY)
    assert again.ok
    assert [one.file for one in again.checks if one.verdict == "unknown"] == [REFF]


def exercise_files(folder: Path, detail: int, changes: int) -> None:
    """Settlement detail and position changes of an exercise of the first contract."""
    code = chain_of(folder).contracts[0].code
    for kind, name, values in (
        ("op_jsmx", DETAIL, {"YWLX": "Q02", "HEYDM": code, "MMBZ": "S", "SL1": -detail}),
        ("op_ccbd", CHANGES, {"BDLX": "C04", "HEYDM": code, "CCFX": "L", "SL1": -changes}),
    ):
        form = records.layout(kind)
        row = tuple(values.get(field.name, "" if field.kind == "C" else 0) for field in form.fields)
        (folder / name).write_bytes(dbf.write(form, [row], DAY))


def test_reception_exercise(folder: Path) -> None:
    """Exercise data must be there on an exercise day, and both tables must agree (I-15)."""
    contracts = [replace(row, exercise_day=DAY) for row in chain_of(folder).contracts]
    (folder / REFF).write_bytes(write_contracts(contracts))
    assert not [bad for bad in problems(folder) if "没有收到" in bad.reason]
    for name in (DETAIL, CHANGES):
        (folder / name).unlink()
    missing = [bad.file for bad in problems(folder) if "没有收到" in bad.reason]
    assert missing == ["op_ccbd", "op_jsmx"]
    exercise_files(folder, 5, 5)
    found = problems(folder)
    assert not [bad for bad in found if bad.file in (DETAIL, CHANGES)], found
    exercise_files(folder, 5, 4)
    wrong = [bad for bad in problems(folder) if bad.file == CHANGES]
    assert [(bad.field, "行权 4 张" in bad.reason) for bad in wrong] == [("SL1", True)]


def test_reception_combinations_and_notices(folder: Path) -> None:
    """qtyw03 and op_zhccmx agree by combination; hold03 and op_hycc on what is combined; a notice
    is of the day."""
    archive = ogh.read("12345", (folder / ARCHIVE).read_bytes())
    kept = ("Q0301", "12345", "A123456789", "888", "KS", 3, "700001", 12_345, 0)
    (folder / ARCHIVE).write_bytes(ogh.write("12345", archive.trns, archive.hold, [kept]))
    table = records.layout("op_zhccmx")
    leg = {"ZHCL": "KS", "ZHBM": "700001", "SL1": 3, "SL2": 3}
    row = tuple(leg.get(field.name, "" if field.kind == "C" else 0) for field in table.fields)
    (folder / "op_zhccmxjs345.dbf").write_bytes(dbf.write(table, [row, row], DAY))
    assert not problems(folder)
    less = tuple(
        2 if field.name == "SL1" else v for field, v in zip(table.fields, row, strict=True)
    )
    (folder / "op_zhccmxjs345.dbf").write_bytes(dbf.write(table, [less, less], DAY))
    found = problems(folder)
    assert [(bad.field, "700001" in bad.reason) for bad in found] == [("ZHBM", True)]
    (folder / "op_zhccmxjs345.dbf").unlink()
    held = (folder / HELD).read_bytes()
    (folder / HELD).write_bytes(rows_changed("op_hycc", "YE2", 7)(held))
    assert [(bad.file, bad.field) for bad in problems(folder)] == [(HELD, "YE2")]
    (folder / HELD).write_bytes(held)
    notices = records.layout("op_tzxx")
    told = tuple(
        20240626 if field.name == "TZRQ" else "" if field.kind == "C" else 0
        for field in notices.fields
    )
    (folder / "op_tzxxjs345.dbf").write_bytes(dbf.write(notices, [told], DAY))
    assert [(bad.file, bad.field) for bad in problems(folder)] == [("op_tzxxjs345.dbf", "TZRQ")]


def stream_of(folder: Path, extra: int = 0, day_shift: int = 0) -> bytes:
    """An MD301 stream that ends where the folder's snapshots end; `extra` contracts traded more."""
    chain = chain_of(folder)
    image = mktdt03.read((folder / "mktdt03.txt").read_bytes(), mktdt03.FileTables(chain))
    ticks, _ = mktdt00.ticks_of(chain, mktdt00.read((folder / "mktdt00.txt").read_bytes()))
    encoder = md301.StreamEncoder(md301.ChainTables(chain))
    at = image.at + day_shift * DAY_NANOS
    data = encoder.encode(UnderlyingTicks(at, ticks))
    rows = image.rows.copy()
    rows[:1, market.VOLUME] += extra
    for number, klass in enumerate(chain.classes):
        part = rows[klass.start : klass.stop].copy()
        data += encoder.encode(ChainTick(number, at, True, pack(part)))
    return data


@pytest.mark.parametrize(
    ("make", "field", "words"),
    [
        (stream_of, "", ""),
        (lambda folder: stream_of(folder, extra=7), "TradeVolume", "mktdt03"),
        (lambda folder: stream_of(folder)[:-9], "offset", "unfinished"),
        (lambda folder: stream_of(folder, day_shift=1), "75", "another day"),
        (lambda folder: b"", "1500", "没有期权或标的行情"),
    ],
    ids=["whole", "volume", "cut", "day", "empty"],
)
def test_reception_recorded_stream(
    folder: Path, make: Callable[[Path], bytes], field: str, words: str
) -> None:
    """A recorded stream is whole, of the day, and ends where the snapshot file ends."""
    (folder / "md301.bin").write_bytes(make(folder))
    found = problems(folder)
    if not field:
        assert not found
        assert "md301.bin" in reception.report(reception.check(folder, DAY))
    hits = [bad for bad in found if bad.field.startswith(field) and words in bad.reason]
    assert bool(hits) == bool(field), found
    assert all(bad.file == "md301.bin" for bad in found)


def test_reception_usage(folder: Path, tmp_path: Path) -> None:
    """No folder 3, no day 2, problems 1 with the line on the screen."""
    out = ("--out", tmp_path / "out")
    nowhere = call("lab", "reception", tmp_path / "none", "--day", "2024-06-27", *out)
    one_line(nowhere, 3, "none", "not a folder")
    one_line(call("lab", "reception", folder, "--day", "soon", *out), 2, "--day")
    path = folder / REFF
    path.write_bytes(sub(r"\|E\|C\|", "|E|X|")(path.read_bytes()))
    done = call("lab", "reception", folder, "--day", "2024-06-27", *out, "--lang", "en")
    assert done.code == 1
    assert re.search(rf"{REFF}:\d+ CallOrPut: 'X'", done.out)
    assert "结论：不合格" in done.out
