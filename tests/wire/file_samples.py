"""Rows for every layout, and arbitrary rows by hypothesis."""

from collections.abc import Callable

from hypothesis import strategies as st
from wire_samples import STAMP, chain

from quanheng.terms.units import SECOND
from quanheng.wire import contracts, dbf, mktdt00, ogh, records, xml_files
from quanheng.wire.exchange_files import CLEARING
from quanheng.wire.records import Layout, LayoutField, Value

Row = tuple[Value, ...]
Row_ = st.SearchStrategy[Row]

TEXT = "abcXYZ 09-&<购沽月"
FIXED = ("reff03", "clpr03", "zhcl03", "hold03", "cybs", "mktdt00", "trns03_t0305")
FIXED += ("trns03_t0306", "trns03_t0307", "qtyw03")
TABLES = tuple(f"op_{name}" for name in CLEARING)
DOCUMENTS = ("reff0302", "prestlp03")
AT = STAMP // SECOND * SECOND


def sample_value(field: LayoutField, salt: int) -> Value:
    """A value of a field that differs from its neighbours'."""
    if field.kind == "C":
        return "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[salt % 30 :][: min(field.width, 6)]
    if field.kind == "D":
        return 20240600 + 1 + salt % 28
    return max(1, min(10 ** (field.width - 1 - bool(field.decimals)) - 2, 100 + 7 * salt))


def sample_row(form: Layout, salt: int = 1, count: int = 2) -> Row:
    """A row of a layout, with `count` members of its group."""
    row = [sample_value(field, salt + place) for place, field in enumerate(form.fields)]
    if form.record:
        row[0] = form.record
    if form.group:
        row[-1] = count
        for number in range(count):
            row += [sample_value(f, salt + 5 * number + p) for p, f in enumerate(form.group)]
    return tuple(row)


def _value(field: LayoutField) -> st.SearchStrategy[Value]:
    if field.kind == "C":
        letters = TEXT if field.width > 1 else "abZ1"
        return st.text(letters, max_size=max(1, field.width // 2)).map(lambda t: t.strip(" "))
    if field.kind == "D":
        days = st.integers(0, 27).map(lambda n: 20240601 + n)
        return st.one_of(st.just(0), days) if field.blank else days
    digits = field.width - bool(field.decimals)
    low = -(10 ** (digits - 1)) + 1 if field.kind == "S" else 0
    return st.integers(low, 10**digits - 2)


def any_rows(name: str) -> st.SearchStrategy[list[Row]]:
    """Lists of arbitrary rows of a layout."""
    form = records.layout(name)
    head = st.tuples(*(_value(field) for field in form.fields))
    if form.record:
        head = head.map(lambda row: (form.record, *row[1:]))
    if not form.group:
        return st.lists(head, max_size=4)
    leg = st.tuples(*(_value(field) for field in form.group))
    legs = st.lists(leg, max_size=form.most)
    joined = st.tuples(head, legs).map(
        lambda both: (*both[0][:-1], len(both[1]), *(v for one in both[1] for v in one))
    )
    return st.lists(joined, max_size=4)


def document(name: str, rows: list[Row]) -> bytes:
    """The bytes of a file of a layout, by its carrier."""
    form = records.layout(name)
    if name in TABLES:
        return dbf.write(form, rows, 20240627)
    return xml_files.write(form, rows) if name in DOCUMENTS else records.write(form, rows)


def rows_of(name: str, data: bytes) -> records.Records:
    """What a file of a layout holds, by its carrier."""
    form = records.layout(name)
    if name in TABLES:
        return dbf.read(form, data)
    return xml_files.read(form, data) if name in DOCUMENTS else records.read(form, data)


def files() -> dict[str, bytes]:
    """One small file of every kind by its name in the run folder."""
    found = {
        "reff030627.txt": contracts.write_contracts(list(chain(4).contracts)),
        "reff030220240627.xml": contracts.write_second_edition(list(chain(4).contracts)),
    }
    names: dict[str, Callable[[], str]] = {
        "zhcl03": lambda: "zhcl030627.txt",
        "clpr03": lambda: "clpr030627.txt",
        "prestlp03": lambda: "prestlp0320240627.xml",
        "cybs": lambda: "cybs1234520240628001.txt",
        **{name: (lambda name=name: f"{name}js123.dbf") for name in TABLES},  # type: ignore[misc]
    }
    for kind, name in names.items():
        form = records.layout(kind)
        found[name()] = document(kind, [sample_row(form, 3), sample_row(form, 40)])
    found["OGH12345.zip"] = ogh.write(
        "12345",
        [sample_row(form, 9) for form in ogh.forms_of("trns03")],
        [sample_row(records.layout("hold03"), 5)],
        [sample_row(records.layout("qtyw03"), 5)],
    )
    found["mktdt00.txt"] = mktdt00.write([sample_row(records.layout("mktdt00"), 2)], AT, "E11")
    return found
