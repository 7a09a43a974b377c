"""Fixed-width files: stated lengths, round trips, and bad records that are named."""

import numpy as np
import pytest
from wire_samples import STAMP, chain, table

from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.units import SECOND
from quanheng.wire import contracts, mktdt03, records

CHAIN = chain(8)
FILE_TABLES = mktdt03.FileTables(CHAIN)
AT = STAMP // SECOND * SECOND

LENGTHS = {
    "reff03": 351,
    "mktdt03": 439,
    "clpr03": 51,
    "trns03_t0305": 184,
    "trns03_t0306": 91,
    "hold03": 65,
    "cybs": 331,
    "mktdt03_header": 90,
    "mktdt03_trailer": 11,
    "zhcl03": 119,
}


@pytest.mark.parametrize(("name", "length"), LENGTHS.items())
def test_wire_layouts_have_the_stated_length(name: str, length: int) -> None:
    """Widths and delimiters of each layout add up to its record length (interfaces.md 3, 4.1)."""
    form = records.layout(name)
    assert form.length == length
    assert form.fields[-1].at + form.fields[-1].width == length


def test_wire_reff03_line_is_as_specified() -> None:
    """Text is padded right, numbers left, decimals complete, widths in GB18030 bytes (3.1)."""
    line = contracts.write_contracts(list(CHAIN.contracts)[:1]).rstrip(b"\n")
    assert len(line) == 351
    parts = line.decode("gb18030").split("|")
    assert parts[0] == "R0301"
    assert parts[3] == "50ETF购7月2000".ljust(18)  # two characters of two bytes
    assert parts[10] == "     2.0000"
    assert parts[24] == "         3000.12"
    assert parts[25] == " 12.00"
    assert parts[33] == "0000E0  "


def test_wire_reff03_round_trip() -> None:
    """Contracts come back exactly, and nothing is quarantined (I-15)."""
    whole = list(CHAIN.contracts)
    assert contracts.read_contracts(contracts.write_contracts(whole)) == (whole, [])


def test_wire_reff03_bar_inside_a_character() -> None:
    """A | that is the second byte of a Chinese character is no delimiter (3.1)."""
    character = b"\x81|".decode("gb18030")
    one = CHAIN.contracts[0]
    data = contracts.write_contracts([one]).replace("购".encode("gb18030"), b"\x81|")
    (read,), bad = contracts.read_contracts(data)
    assert not bad
    assert read.symbol == one.symbol.replace("购", character)


def test_wire_reff03_extra_fields_are_tolerated() -> None:
    """Fields added at the end of a record do not disturb a reader (3.1)."""
    data = contracts.write_contracts(list(CHAIN.contracts)).replace(b"\n", b"|new|12\n")
    assert contracts.read_contracts(data) == (list(CHAIN.contracts), [])


def test_wire_reff03_every_truncation_is_named() -> None:
    """A file cut at any byte gives the whole records before the cut and names the rest (I-15)."""
    whole = list(CHAIN.contracts)[:3]
    data = contracts.write_contracts(whole)
    for size in range(len(data)):
        read, bad = contracts.read_contracts(data[:size])
        assert read == whole[: size // 352]
        assert bool(bad) == bool(size % 352)


def test_wire_reff03_every_flip_is_right_or_quarantined() -> None:
    """A flipped byte never touches another record, and at most one field of its own (I-15)."""
    whole = list(CHAIN.contracts)[:3]
    data = contracts.write_contracts(whole)
    caught = 0
    for place in range(len(data)):
        for mask in (0x01, 0x10, 0x80):
            broken = bytearray(data)
            broken[place] ^= mask
            read, bad = contracts.read_contracts(bytes(broken))
            hit = place // 352
            others = [one for number, one in enumerate(whole) if number != hit]
            caught += bool(bad)
            twins = any("line" in entry.reason for entry in bad)
            changed = [one for one in read if one not in whole]
            if not twins and place % 352 < 351:
                assert {entry.line for entry in bad} <= {hit + 1}
                assert [one for one in read if one in others] == others
            assert len(changed) <= 1
            for one in changed:
                fields = one.__struct_fields__
                assert sum(getattr(one, f) != getattr(whole[hit], f) for f in fields) == 1
            assert len(read) == 3 or bad
    assert caught > 1500


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"R0301", b"R0399", "RFStreamID"),
        (b"20240724", b"20241324", "EndDate"),
        (b"|E|", b"|X|", "OptionType"),
        (b"     2.0000", b"     2,0000", "ExercisePrice"),
        (b"     2.0000", b"999999.9999", "ExercisePrice"),
        (b"     2.0000", b"2.0000     ", "ExercisePrice"),
        (b"     2.0000", b"           ", "ExercisePrice"),
        (b"EBS", b"EBX", "UnderlyingType"),
        ("购".encode("gb18030"), b"\xff\xff", "ContractSymbol"),
        (b"10000001", b"1000000A", "SecurityID"),
    ],
)
def test_wire_reff03_mistakes_name_line_and_field(old: bytes, new: bytes, field: str) -> None:
    """A bad record is left out with its line, its field and the reason; others stay (I-15)."""
    data = contracts.write_contracts(list(CHAIN.contracts))
    read, bad = contracts.read_contracts(data.replace(old, new, 1))
    assert len(read) == 7
    assert len(bad) == 1
    assert bad[0].field == field
    assert bad[0].line == 1
    assert bad[0].reason


def test_wire_reff03_twins_are_both_left_out() -> None:
    """Of two records with one code neither is believed; both lines are named (I-15)."""
    data = contracts.write_contracts(list(CHAIN.contracts)).replace(b"10000001", b"10000002", 1)
    read, bad = contracts.read_contracts(data)
    assert [one.code for one in read] == [one.code for one in CHAIN.contracts[2:]]
    assert [(entry.line, entry.field) for entry in bad] == [(1, "SecurityID"), (2, "SecurityID")]


def test_wire_records_overflow_is_all_nines() -> None:
    """A number too large for its field is written as nines, and read as missing (3.1)."""
    form = records.layout("clpr03")
    data = records.write(form, [("R0302", "10000001", 10**11, 5, 6)])
    assert b"|999999.9999|" in data
    read = records.read(form, data)
    assert read.rows == []
    assert read.quarantined[0].field == "ClosePx"


def test_wire_records_signed_amounts() -> None:
    """Only fields declared signed carry a minus (3.10)."""
    form = records.layout("cybs")
    row = tuple({"C": "x", "D": 20240627, "N": 5, "S": -12345}[field.kind] for field in form.fields)
    row = ("A0302", *row[1:])
    assert records.read(form, records.write(form, [row])).rows == [row]
    with pytest.raises(ValueError, match="MarginTotal: -1 is negative"):
        records.write(form, [(*row[:10], -1, *row[11:])])


def image(seed: int = 1) -> np.ndarray:
    """Rows of the whole chain with amounts a file can carry."""
    rows = np.concatenate([table(CHAIN, klass, seed) for klass in range(2)])
    rows[:, market.TURNOVER] -= rows[:, market.TURNOVER] % 100
    return rows


def test_wire_mktdt03_round_trip() -> None:
    """A snapshot file gives back every column to its precision, with length and checksum (4.1)."""
    data = mktdt03.write(image(), FILE_TABLES, AT)
    read = mktdt03.read(data, FILE_TABLES)
    assert (read.rows == image()).all()
    assert read.at == AT
    assert read.checksum_stands
    assert not read.quarantined
    lines = data.split(b"\n")
    assert [len(line) for line in lines] == [90, *[439] * 8, 11, 0]
    assert int(lines[0].split(b"|")[2]) == len(data) - 29


def test_wire_mktdt03_empty_cells_are_blank() -> None:
    """A field without data is spaces, and reads as 0 (4.1)."""
    rows = np.zeros((8, market.COLUMNS), dtype=np.int64)
    rows[:, market.SLOT] = np.arange(8)
    data = mktdt03.write(rows, FILE_TABLES, AT)
    assert data.split(b"\n")[1].split(b"|")[12] == b" " * 11
    assert (mktdt03.read(data, FILE_TABLES).rows == rows).all()


def test_wire_mktdt03_every_truncation_keeps_the_last_good() -> None:
    """A torn file changes nothing and is counted (reliability.md F45)."""
    follower = mktdt03.Follower(FILE_TABLES)
    good = mktdt03.write(image(1), FILE_TABLES, AT)
    later = mktdt03.write(image(2), FILE_TABLES, AT + SECOND)
    ticks, _ = follower.take(good)
    assert [one.image for one in ticks] == [True, True]
    for size in range(0, len(later), 7):
        assert follower.take(later[:size])[0] == []
    assert follower.refused == len(range(0, len(later), 7))
    assert follower.images == 1
    assert len(follower.take(later)[0]) == 2


def test_wire_mktdt03_only_changes_become_rows() -> None:
    """A new image becomes rows of what changed; an older one is refused (borders.md 4)."""
    follower = mktdt03.Follower(FILE_TABLES)
    rows = image()
    follower.take(mktdt03.write(rows, FILE_TABLES, AT))
    rows[5, market.LAST] += 1
    (one,), bad = follower.take(mktdt03.write(rows, FILE_TABLES, AT + SECOND))
    assert not bad
    assert (one.klass, one.image, one.at) == (1, False, AT + SECOND)
    assert unpack(one.rows, market.COLUMNS)[:, market.SLOT].tolist() == [5]
    assert follower.take(mktdt03.write(image(3), FILE_TABLES, AT))[0] == []


@pytest.mark.parametrize(
    ("line", "at", "new", "field"),
    [
        (1, 6, b"99999999", "SecurityID"),
        (2, 0, b"M0302", "MDStreamID"),
        (3, 28, b"x", "TradeVolume"),
        (4, 44, b"#", "TradeVolume"),
        (5, 409, b"Q", "TradingPhaseCode"),
    ],
)
def test_wire_mktdt03_bad_record_is_named(line: int, at: int, new: bytes, field: str) -> None:
    """A malformed record is left out by line and field; the other contracts are read (4.1)."""
    lines = mktdt03.write(image(), FILE_TABLES, AT).split(b"\n")
    lines[line] = lines[line][:at] + new + lines[line][at + len(new) :]
    read = mktdt03.read(b"\n".join(lines), FILE_TABLES)
    assert len(read.rows) == 7
    assert [(bad.line, bad.field) for bad in read.quarantined] == [(line + 1, field)]
    assert not read.checksum_stands


def test_wire_mktdt03_refuses_impossible_rows() -> None:
    """The writer names a negative value and a phase out of range."""
    rows = image()
    rows[3, market.BID] = -1
    with pytest.raises(ValueError, match="contract 3 has a negative value"):
        mktdt03.write(rows, FILE_TABLES, AT)
    rows[3, market.PHASE] = 9
    with pytest.raises(ValueError, match="phase"):
        mktdt03.write(rows, FILE_TABLES, AT)
