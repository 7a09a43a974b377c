"""The MD301 stream: exact round trips, any pieces, and corruption that stays local."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_samples import STAMP, chain, table, tick

from quanheng.kernels.pack import pack, unpack
from quanheng.terms import market
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.wire import md301

CHAIN = chain(8)
TABLES = md301.ChainTables(CHAIN)
BEGIN = b"8=FIXT.1.1\x01"


def etfs() -> UnderlyingTicks:
    """Snapshots of both underlyings; one has no ask."""
    return UnderlyingTicks(
        STAMP,
        (
            UnderlyingTick(
                0, 2, 24560, 10**9, 10**13 + 7, (24550, 24540), (1, 2), (24570,), (10**6,)
            ),
            UnderlyingTick(1, 1, 0, 0, 0, (35000,), (100,), (), ()),
        ),
    )


def cell(column: int) -> st.SearchStrategy[int]:
    """Any value a column may carry, small and zero ones often."""
    if column == market.PHASE:
        return st.integers(0, 7)
    if column == market.FLAGS:
        return st.integers(0, 15)
    return st.one_of(st.just(0), st.integers(0, 99), st.integers(0, 10**15 - 1))


ROW = st.tuples(*(cell(column) for column in range(1, market.COLUMNS)))


@given(st.lists(ROW, max_size=4), st.booleans(), st.integers(0, 86_399_999))
@settings(max_examples=60)
def test_wire_md301_round_trip(cells: list[tuple[int, ...]], image: bool, millis: int) -> None:
    """decode(encode(tick)) == tick for every value of all 32 columns (borders.md 4)."""
    rows = np.array([(slot, *row) for slot, row in enumerate(cells)], dtype=np.int64)
    at = STAMP - 34_200_500 * 10**6 + millis * 10**6
    one = ChainTick(0, at, image and len(cells) == 4, pack(rows.reshape(-1, market.COLUMNS)))
    decoded = md301.decode(md301.encode(one, TABLES, 1), TABLES)
    assert decoded == ([one], [], [], [])


def test_wire_md301_is_plain_step() -> None:
    """Framing, checksum, tags and decimals are those of interfaces.md 2.11 and 4.2."""
    rows = np.zeros((1, market.COLUMNS), dtype=np.int64)
    rows[0, [market.SLOT, market.PHASE, market.FLAGS]] = 1, 2, 12
    rows[0, [market.LAST, market.VOLUME, market.TURNOVER]] = 1230, 7, 86_100_007
    rows[0, [market.BID, market.BID_QTY]] = 12_345, 20
    data = md301.encode(ChainTick(0, STAMP, False, pack(rows)), TABLES, 41)
    group, snapshot = (BEGIN + part for part in data.split(BEGIN)[1:])
    for message in (group, snapshot):
        head, _, rest = message.partition(b"\x019=")
        length, _, body = rest.partition(b"\x01")
        assert head == b"8=FIXT.1.1"
        assert len(body) - len("10=000\x01") == int(length)
        assert message[-4:-1] == b"%03d" % (sum(message[:-7]) & 255)
    fields = snapshot.decode("gb18030").split("\x01")
    name = "55=50ETF购7"
    for expected in ("35=W", "34=42", "167=02", "75=20240627", "779=093000500", "1500=MD301"):
        assert expected in fields
    start = fields.index("48=10000002")
    assert fields[start : start + 15] == [
        *("48=10000002", name, "140=0.12340", "8503=0", "387=7", "8504=8610.00", "268=2"),
        *("269=0", "270=1.23450", "271=20", "290=0", "269=2", "270=0.12300", "8538=T 41"),
        "20004=7",
    ]
    assert "393=1" in group.decode().split("\x01")


def test_wire_md004_round_trip() -> None:
    """ETF snapshots come back as they were, sides of any depth included."""
    decoded = md301.decode(md301.encode_underlyings(etfs(), TABLES, 1), TABLES)
    assert decoded == ([], [etfs()], [], [])


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_wire_md301_comes_in_any_pieces(size: int) -> None:
    """A stream cut anywhere gives the same ticks, and its numbers add up."""
    encoder, decoder = md301.StreamEncoder(TABLES), md301.StreamDecoder(TABLES)
    sent = [tick(CHAIN, 0, 1), tick(CHAIN, 1, 2), tick(CHAIN, 0, 3)]
    stream = b"".join(encoder.encode(one) for one in sent[:2])
    stream += encoder.encode(etfs()) + encoder.encode(sent[2])
    ticks, underlyings = [], []
    for at in range(0, len(stream), size):
        part = decoder.feed(stream[at : at + size])
        assert not part.quarantined
        ticks += part.ticks
        underlyings += part.underlyings
    assert ticks == sent
    assert underlyings == [etfs()]
    if size == 4096:
        assert decoder.gaps == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (market.BID, -1),
        (market.SLOT, 8),
        (market.PHASE, 8),
        (market.FLAGS, 16),
        (market.VOLUME, 10**15),
    ],
)
def test_wire_md301_refuses_what_cannot_be_carried(column: int, value: int) -> None:
    """A value outside its field is an error that names row and column, never wrong bytes."""
    rows = table(CHAIN, 0, 1)
    rows[2, column] = value
    with pytest.raises(ValueError, match=f"row 2 column {column}: {value}"):
        md301.encode(ChainTick(0, STAMP, True, pack(rows)), TABLES, 1)


def test_wire_md301_refuses_half_milliseconds() -> None:
    """Exchange stamps are whole milliseconds (borders.md 1)."""
    with pytest.raises(ValueError, match="whole millisecond"):
        md301.encode(ChainTick(0, STAMP + 1, False, b""), TABLES, 1)


def test_wire_md301_every_flipped_byte_is_local() -> None:
    """Whichever byte is corrupted, at most its own message is lost, and it is counted."""
    clean = tick(CHAIN, 0, 5)
    rows = unpack(clean.rows, market.COLUMNS)
    data = md301.encode(clean, TABLES, 1) + md301.encode(tick(CHAIN, 1, 6), TABLES, 6)
    for place in range(len(data) // 2):
        broken = bytearray(data)
        broken[place] ^= 0x55
        decoded = md301.decode(bytes(broken), TABLES)
        assert decoded.quarantined
        assert decoded.ticks[-1].klass == 1
        found = [row for t in decoded.ticks for row in unpack(t.rows, market.COLUMNS).tolist()]
        first = [row for row in found if row[market.SLOT] < 4]
        assert len(first) >= 3
        assert all(row in rows.tolist() for row in first)
        if len(first) < 4:
            assert not any(t.image for t in decoded.ticks if t.klass == 0)


def test_wire_md301_every_truncation_is_seen() -> None:
    """A stream that stops inside a message names the unfinished one and invents nothing."""
    clean = tick(CHAIN, 0, 5)
    rows = unpack(clean.rows, market.COLUMNS).tolist()
    data = md301.encode(clean, TABLES, 1)
    for size in range(1, len(data)):
        decoded = md301.decode(data[:size], TABLES)
        assert not any(t.image for t in decoded.ticks)
        found = [row for t in decoded.ticks for row in unpack(t.rows, market.COLUMNS).tolist()]
        assert found == rows[: len(found)]
        if not data[:size].endswith(b"\x01") or BEGIN not in data[size - 20 : size + 20]:
            assert decoded.quarantined or len(found) < len(rows)


def _message(body: str) -> bytes:
    raw = f"8=FIXT.1.1|9={len(body)}|{body}".replace("|", "\x01").encode()
    return raw + b"10=%03d\x01" % (sum(raw) & 255)


GOOD = (
    "35=W|34=1|75=20240627|779=093000500|48=10000001|387=1|8504=1.00|268=1|"
    "269=0|270=0.12300|271=5|290=0|8538=T 01|"
)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("48=10000001", "48=19999999", "not in the chain"),
        ("8538=T 01|", "", "required field is missing"),
        ("779=093000500|", "", "required field is missing"),
        ("387=1|", "387=x|", "malformed"),
        ("270=0.12300", "270=0.12305", "malformed"),
        ("270=0.12300", "270=0.123000", "malformed"),
        ("8538=T 01", "8538=Q 01", "malformed"),
        ("290=0", "290=5", "contradicts itself"),
        ("268=1", "268=2", "contradicts itself"),
        ("269=0|", "", "contradicts itself"),
        ("387=1|", "387=|", "malformed"),
        ("75=20240627", "75=20241327", "20241327"),
        ("779=093000500", "779=250000000", "250000000"),
    ],
)
def test_wire_md301_wrong_content_is_quarantined(old: str, new: str, reason: str) -> None:
    """A message with a right checksum and wrong content is left out with its reason."""
    assert md301.decode(_message(GOOD), TABLES).ticks
    decoded = md301.decode(_message(GOOD.replace(old, new, 1)), TABLES)
    assert not decoded.ticks
    assert reason in decoded.quarantined[0].reason


def test_wire_md301_other_order_and_tags_are_read() -> None:
    """Fields may come in another order and with tags we do not know (interfaces.md 2.11)."""
    moved = GOOD.replace("48=10000001|", "").replace("8538=", "9999=z|48=10000001|8538=")
    assert md301.decode(_message(moved), TABLES) == md301.decode(_message(GOOD), TABLES)


def test_wire_md301_noise_never_crashes() -> None:
    """10,000 mutated batches in pieces: bounded memory, and what is delivered is well formed."""
    rng = random.Random(5)
    clean = md301.encode(tick(CHAIN, 0, 9), TABLES, 1)
    decoder = md301.StreamDecoder(TABLES)
    for _ in range(10_000):
        data = bytearray(clean)
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(len(data))
            if rng.random() < 0.5:
                data[place] = rng.randrange(256)
            else:
                del data[place : place + rng.randint(1, 50)]
        for one in decoder.feed(bytes(data)).ticks:
            slots = unpack(one.rows, market.COLUMNS)[:, market.SLOT]
            assert ((slots >= 0) & (slots < 8)).all()
        assert len(decoder._rest) < 8_192 + 64
