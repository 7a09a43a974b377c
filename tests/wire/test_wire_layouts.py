"""Every file kind: stated form, round trips, every truncation and flip, strict errors."""

import pytest
from file_samples import (
    AT,
    DOCUMENTS,
    FIXED,
    TABLES,
    any_rows,
    document,
    files,
    rows_of,
    sample_row,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_samples import chain

from quanheng.wire import contracts, dbf, mktdt00, ogh, records, xml_files
from quanheng.wire.exchange_files import READERS, cybs_name, named, read_file
from quanheng.wire.records import BadRecord

FILES = files()
LAYOUTS = (*FIXED, *TABLES, *DOCUMENTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_wire_layouts_write_read_write(name: str) -> None:
    """Any rows come back exactly, and are written again as the same bytes (I-15)."""

    @given(any_rows(name))
    @settings(max_examples=30)
    def check(rows: list[records.Value]) -> None:
        data = document(name, rows)  # type: ignore[arg-type]
        found = rows_of(name, data)
        assert found.quarantined == []
        assert found.rows == rows
        if name in FIXED:  # the quick writer is the plain one
            form = records.layout(name)
            slow = [records.format_line(form, row) + b"\n" for row in rows]  # type: ignore
            assert data == b"".join(slow)
        assert document(name, found.rows) == data

    check()


def test_wire_layouts_every_kind_is_known() -> None:
    """Each file of the specification has a name, a reader and a sample that it reads whole."""
    for name, data in FILES.items():
        reading = read_file(name, data)
        assert reading is not None, name
        assert reading.quarantined == [], name
        assert reading.records > 0, name
    kinds = {what.kind for name in FILES if (what := named(name)) is not None}
    assert kinds | {"mktdt03"} == {*READERS, "ogh", "mktdt03"}


def test_wire_layouts_names_say_day_and_unit() -> None:
    """A name's day must exist; the upload is named by the next trading day (3.10)."""
    assert named("reff030229.txt") == ("reff03", 229, "")
    assert named("reff030230.txt") is None
    assert named("reff030220240230.xml") is None
    assert named("clpr031301.txt") is None
    assert named("OGH1234.zip") is None
    assert named("notes.txt") is None
    assert read_file("notes.txt", b"") is None
    assert named("op_hyccjs486.627") == ("op_hycc", 0, "")
    assert cybs_name("12345", 20240628) == "cybs1234520240628001.txt"
    assert named(cybs_name("12345", 20240628)) == ("cybs", 20240628, "12345")
    reading = read_file("mktdt03.txt", b"")
    assert reading is not None
    assert "no chain" in reading.quarantined[0].reason


@pytest.mark.parametrize("name", FILES)
def test_wire_layouts_every_truncation_is_named(name: str) -> None:
    """A file cut anywhere loses only what is cut, and says that something is missing (I-15)."""
    data = FILES[name]
    whole = read_file(name, data)
    assert whole is not None
    step = 1 if len(data) < 3_000 else 7
    for size in range(0, len(data), step):
        reading = read_file(name, data[:size])
        assert reading is not None
        assert reading.records <= whole.records
        at_record_end = (name.endswith(".txt") and data[:size].endswith(b"\n")) or size == 0
        if not (at_record_end and named(name).kind not in ("mktdt00",)):  # type: ignore[union-attr]
            only_the_end = data[size:].strip(b"\n") == b""
            assert reading.quarantined or only_the_end, (name, size)


def slow_read(name: str, data: bytes) -> records.Records:
    """A fixed-width file line by line."""
    what = named(name)
    assert what is not None
    form = records.layout(what.kind)
    rows, bad = [], []
    lines = data.split(b"\n")
    if lines[-1]:
        bad.append(BadRecord(len(lines), "record", "the last line has no line feed"))
    for number, line in enumerate(lines[:-1], 1):
        try:
            rows.append(records.parse_line(form, line))
        except ValueError as error:
            bad.append(BadRecord(number, *error.args))
    return records.Records(rows, bad)


def rows_by_name(name: str, data: bytes) -> list[tuple[records.Value, ...]]:
    """All rows of a file of any kind."""
    what = named(name)
    assert what is not None
    if what.kind == "ogh":
        archive = ogh.read(what.pbu, data)
        return [*archive.trns, *archive.hold, *archive.qtyw]
    if what.kind == "mktdt00":
        try:
            return mktdt00.read(data).rows
        except ValueError:
            return []
    return rows_of(what.kind, data).rows


@pytest.mark.parametrize("name", FILES)
def test_wire_layouts_a_flip_changes_one_field_or_is_found(name: str) -> None:
    """A flipped byte is refused, or changes one field of one record and nothing else.

    Fields without a check cannot show the flip of a digit or letter inside them; the archive's
    CRC-32 and the image's length and count leave none.
    """
    data = FILES[name]
    good = rows_by_name(name, data)
    step = 1 if len(data) < 1_000 else 7
    for place in range(0, len(data), step):
        for mask in (0x01, 0x10, 0x80):
            broken = bytearray(data)
            broken[place] ^= mask
            found = rows_by_name(name, bytes(broken))
            reading = read_file(name, bytes(broken))
            assert reading is not None
            kind = named(name).kind  # type: ignore[union-attr]
            if kind in ("clpr03", "cybs", "zhcl03"):  # the quick reader is the plain one
                quick = records.read(records.layout(kind), bytes(broken))
                assert quick == slow_read(name, bytes(broken))
            if len(found) != len(good):
                assert len(found) < len(good)
                quiet = name.endswith(".dbf") and broken[place] == 0x2A  # a deleted record
                assert reading.quarantined or quiet, (name, place, mask)
                assert all(row in good for row in found)
                continue
            changed = [(a, b) for a, b in zip(good, found, strict=True) if a != b]
            assert len(changed) <= 1, (name, place)
            if changed and not reading.quarantined:
                assert name != "OGH12345.zip"
                one, two = changed[0]
                assert sum(a != b for a, b in zip(one, two, strict=True)) == 1, (name, place)


@pytest.mark.parametrize("name", ("clpr03", "hold03", "cybs", "qtyw03", "trns03_t0307"))
def test_wire_layouts_extra_fields_are_tolerated(name: str) -> None:
    """Fields added at the end of a record do not disturb a reader (3.1)."""
    form = records.layout(name)
    rows = [sample_row(form, 3), sample_row(form, 9, 0 if form.group else 2)]
    data = records.write(form, rows).replace(b"\n", b"|new|12\n")
    assert records.read(form, data) == records.Records(rows, [])


def test_wire_layouts_groups_are_counted() -> None:
    """A record says how many members its group has; too many, or fewer than said, are named."""
    form = records.layout("qtyw03")
    row = sample_row(form, 3, 4)
    line = records.write(form, [row])
    assert len(line) == 1 + 83 + 4 * 26
    for old, new, field in (
        (b"| 4|", b"| 5|", "LegCount"),
        (b"| 4|", b"| x|", "LegCount"),
        (b"|FGHIJK  |", b"|FGHIJK  -", "LegSecurityID1"),
    ):
        assert old in line or field == "LegSecurityID1"
        if old in line:
            assert records.read(form, line.replace(old, new, 1)).quarantined[0].field == field
    short = records.read(form, line[:-20] + b"\n")
    assert short.quarantined[0].reason.startswith("has ")
    with pytest.raises(ValueError, match="LegCount: 5 is not 0 to 4"):
        records.write(form, [(*row[:8], 5, *row[9:])])
    with pytest.raises(ValueError, match="values, not"):
        records.write(form, [row[:-1]])


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("LastQty", 10**12, b"|999999999999|"),
        ("LastPx", 10**11, b"|999999.9999|"),
        ("TransactDate", 0, b"|        |"),
        ("Account", "购沽", b"|\xb9\xba\xb9\xc1      |"),
        ("LastQty", -1, None),
        ("Account", "A1 ", None),
        ("Account", "A1234567890", None),
        ("Account", "A\t", None),
        ("Account", 5, None),
        ("LastQty", "5", None),
    ],
)
def test_wire_layouts_quick_writer_knows_its_limits(
    field: str, value: records.Value, text: bytes | None
) -> None:
    """What does not fit the template is written as specified, or refused by name (3.1)."""
    form = records.layout("trns03_t0305")
    row = list(sample_row(form, 3))
    row[form.index(field)] = value
    if text is None:
        with pytest.raises(ValueError, match=field):
            records.write(form, [tuple(row)])
    else:
        assert text in records.write(form, [tuple(row)])


def test_wire_layouts_mixed_records_keep_their_order() -> None:
    """trns03 holds three record types in one file; an unknown one is named (3.6)."""
    forms = ogh.forms_of("trns03")
    rows = [sample_row(forms[kind], number) for number, kind in enumerate((0, 2, 1, 0, 2))]
    data = records.write_mixed(forms, rows)
    assert records.read_mixed(forms, data) == records.Records(rows, [])
    bad = records.read_mixed(forms, data.replace(b"T0306", b"T0399"))
    assert len(bad.rows) == 4
    assert bad.quarantined[0].line == 3
    with pytest.raises(ValueError, match="T0399"):
        records.write_mixed(forms, [("T0399",)])


def test_wire_layouts_archive_is_reproducible_and_strict() -> None:
    """The same rows give the same archive; what does not belong into it is named (3.6)."""
    data = FILES["OGH12345.zip"]
    assert data == files()["OGH12345.zip"]
    other = ogh.read("54321", data)
    assert (other.trns, other.hold, other.qtyw) == ([], [], [])
    assert {name for name, _ in other.quarantined} == {
        *("trns0312345.txt", "hold0312345.txt", "qtyw0312345.txt")
    }
    assert ogh.read("12345", b"PK")[3][0][0] == "archive"
    assert ogh.read("12345", ogh.write("12345", [], [], []))[3][0][1].reason == "holds no file"


XML = FILES["prestlp0320240627.xml"]


@pytest.mark.parametrize(
    ("old", "new", "field", "left"),
    [
        (b"GBK", b"UTF-8", "document", 0),
        (b"<?xml", b"<?yml", "document", 0),
        (b"<ContractPreSetPrcRecs>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><R>", "document", 0),
        (b"<ContractPreSetPrcRec>", b"<ContractPreSetPrcRec a='1'>", "document", 0),
        (b"<ContractPreSetPrcRec>", b"<Other>", "document", 0),
        (b"<SecurityID>", b"text<SecurityID>", "record", 1),
        (b"<SecurityID>", b"<Extra>1</Extra><SecurityID>", "SecurityID", 1),
        (b"<SecurityID>", b"<SecurityID> ", "SecurityID", 1),
        (b"<SecurityID>", b"<SecurityID>123456789", "SecurityID", 1),
        (b"<SecurityID>", b"<SecurityID>" + b"1" * 2_000, "SecurityID", 1),
        (b"<SecurityID>", b"<SecurityID>\xff\xff", "SecurityID", 1),
        (b"R0323", b"R0301", "RFStreamID", 1),
        (b"<PreCalSettlPrice>", b"<PreCalSettlPrice>x", "PreCalSettlPrice", 1),
        (b"<PreCalSettlPrice>", b"<a><b><c>", "document", 0),
    ],
)
def test_wire_xml_mistakes_are_named(old: bytes, new: bytes, field: str, left: int) -> None:
    """A bad record is left out by line and field; what is no document ends the reading (3.3)."""
    assert old in XML
    found = xml_files.read(records.layout("prestlp03"), XML.replace(old, new, 1))
    assert found.quarantined
    assert found.quarantined[0].field == field
    assert found.quarantined[0].reason
    assert len(found.rows) == left


def test_wire_xml_takes_any_document_name_and_later_elements() -> None:
    """The document's name is not given by the specification; new elements come last (3.3)."""
    data = XML.replace(b"ContractPreSetPrcRecs", b"Anything")
    data = data.replace(b"</ContractPreSetPrcRec>", b"<New>1</New></ContractPreSetPrcRec>")
    found = xml_files.read(records.layout("prestlp03"), data)
    assert (len(found.rows), found.quarantined) == (2, [])
    twice = data.replace(b"<New>1</New>", b"<SecurityID>1</SecurityID>", 1)
    assert "twice" in xml_files.read(records.layout("prestlp03"), twice).quarantined[0].reason


def test_wire_reff0302_is_the_same_master() -> None:
    """The second edition gives the same contracts; twins are both left out (3.3)."""
    whole = list(chain(8).contracts)
    data = contracts.write_second_edition(whole)
    assert data.startswith(b'<?xml version="1.0" encoding="GBK"?>')
    assert contracts.read_second_edition(data) == (whole, [])
    read, bad = contracts.read_second_edition(data.replace(b">10000001<", b">10000002<"))
    assert [one.code for one in read] == [one.code for one in whole[2:]]
    assert bad == [BadRecord(2, "SecurityID", "10000002 is also record 1")]
    _, bad = contracts.read_second_edition(data.replace(b">EBS<", b">EBX<", 1))
    assert bad[0].field == "UnderlyingType"


DBF = FILES["op_hyccjs123.dbf"]
_FIRST_FIELD = 32


@pytest.mark.parametrize(
    ("at", "new", "field"),
    [
        (0, b"\x04", "header"),
        (2, b"\x0d", "header"),
        (4, b"\x09", "header"),
        (8, b"\x00", "header"),
        (10, b"\x00", "header"),
        (29, b"\x01", "header"),
        (_FIRST_FIELD, b"X", "SCDM"),
        (_FIRST_FIELD + 16, b"\x09", "SCDM"),
        (len(DBF) - 1, b" ", "header"),
    ],
)
def test_wire_dbf_mistakes_are_named(at: int, new: bytes, field: str) -> None:
    """A table must describe itself as the layout says, down to its end mark (6)."""
    data = DBF[:at] + new + DBF[at + 1 :]
    found = dbf.read(records.layout("op_hycc"), data)
    assert found.quarantined
    assert found.quarantined[0].field == field


def test_wire_dbf_deleted_records_and_later_fields() -> None:
    """Deleted records are no records; fields added at the end are ignored."""
    form = records.layout("op_hycc")
    rows = [sample_row(form, 3), sample_row(form, 40)]
    head = 32 + 32 * len(form.fields) + 1
    data = DBF[:head] + b"*" + DBF[head + 1 :]
    assert dbf.read(form, data) == records.Records(rows[1:], [])
    short = form.fields[:-1]
    assert dbf.read(records.Layout("op_hycc", "", 0, short), DBF).rows == [r[:-1] for r in rows]
    with pytest.raises(ValueError, match="op_hycc 1 YE1"):
        dbf.write(form, [(*rows[0][:8], "x", *rows[0][9:])], 20240627)


def test_wire_mktdt00_image() -> None:
    """Header, other streams, count and checksum of the funds' snapshot file (3.8)."""
    form = records.layout("mktdt00")
    row = sample_row(form, 2)
    data = mktdt00.write([row], AT, "T11")
    image = mktdt00.read(data)
    assert (image.at, image.status, image.rows, image.skipped) == (AT, "T11", [row], 0)
    assert image.checksum_stands
    lines = data.split(b"\n")
    assert lines[0].startswith(b"HEADER|MTP1.00 |")
    assert b"|        |XSHG01|" in lines[0]
    other = mktdt00.read(data.replace(b"MD004|", b"MD002|"))
    assert (other.rows, other.skipped, other.quarantined) == ([], 1, [])
    assert not other.checksum_stands
    for old, new in (
        (b"MTP1.00", b"MTP2.00"),
        (b"XSHG01", b"XSHG09"),
        (b"20240627-", b"20241327-"),
        (b"TRAILER", b"TRAILED"),
        (b"HEADER", b"HEADEX"),
    ):
        with pytest.raises(ValueError, match="mktdt00"):
            mktdt00.read(data.replace(old, new, 1))


@given(st.binary(max_size=300))
def test_wire_layouts_any_bytes_are_read_without_a_crash(data: bytes) -> None:
    """Arbitrary bytes under any name: records or reasons, nothing else."""
    for name in FILES:
        reading = read_file(name, data)
        assert reading is not None
        assert reading.records == 0 or reading.kind.startswith("op_")
