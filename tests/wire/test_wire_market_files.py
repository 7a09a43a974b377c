"""Market data by files: in place, polled, torn at any byte (T-01)."""

from pathlib import Path
from typing import Any

import numpy as np
from wire_samples import STAMP, chain, table

from quanheng.edge.market_files import FUNDS, OPTIONS, FileFeed, FilePublisher
from quanheng.kernels.pack import pack, unpack
from quanheng.terms import market
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import SECOND
from quanheng.wire import mktdt00

CHAIN = chain(8)
AT = STAMP // SECOND * SECOND


def rows(klass: int, seed: int) -> np.ndarray:
    """A class of rows with turnovers a file can carry."""
    found = table(CHAIN, klass, seed)
    found[:, market.TURNOVER] -= found[:, market.TURNOVER] % 100
    return found


def funds(last: int, at: int = AT) -> UnderlyingTicks:
    """Both underlyings; the second has no ask."""
    one = UnderlyingTick(0, 2, last, 10**6, 10**9, (last - 10,), (100,), (last + 10,), (200,))
    two = UnderlyingTick(1, 1, 35_000, 0, 0, (34_990, 34_980), (1, 2), (), ())
    return UnderlyingTicks(at, (one, two))


class Feed:
    """A publisher and a reader over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.publisher = FilePublisher(folder, CHAIN)
        self.ticks: list[Any] = []
        self.bad: list[Any] = []
        self.feed = FileFeed(folder, CHAIN, self.ticks.append, self.bad.append)

    def look(self) -> list[Any]:
        self.ticks.clear()
        self.bad.clear()
        self.feed.tick()
        return list(self.ticks)


def test_wire_market_files_carry_both_markets(tmp_path: Path) -> None:
    """What is published arrives: underlyings first, then the classes, then only what changed."""
    line = Feed(tmp_path)
    assert line.look() == []
    for klass in range(2):
        line.publisher.publish(ChainTick(klass, AT, True, pack(rows(klass, 1))))
    line.publisher.publish(funds(24_560))
    line.publisher.write(AT)
    first = line.look()
    assert first[0] == funds(24_560)
    assert [(tick.klass, tick.image) for tick in first[1:]] == [(0, True), (1, True)]
    assert (unpack(first[1].rows, market.COLUMNS) == rows(0, 1)).all()
    assert line.bad == []
    assert line.look() == []
    changed = rows(1, 1)
    changed[2, market.LAST] += 1
    line.publisher.publish(ChainTick(1, AT, False, pack(changed[2:3].copy())))
    line.publisher.write(AT + SECOND)
    (tick,) = line.look()
    assert (tick.klass, tick.image, tick.at) == (1, False, AT + SECOND)
    assert unpack(tick.rows, market.COLUMNS)[:, market.SLOT].tolist() == [6]


def test_wire_market_files_are_rewritten_in_place(tmp_path: Path) -> None:
    """The file keeps its identity and its length; nobody meets a moment without it (4.1)."""
    line = Feed(tmp_path)
    line.publisher.write(AT)
    before = (tmp_path / OPTIONS).stat()
    line.publisher.publish(ChainTick(0, AT, True, pack(rows(0, 2))))
    line.publisher.write(AT + SECOND)
    after = (tmp_path / OPTIONS).stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)


def test_wire_market_files_torn_anywhere_come_right(tmp_path: Path) -> None:
    """Half of a new image over an old one: good records pass, the next look has everything."""
    line = Feed(tmp_path)
    line.publisher.publish(funds(24_560))
    line.publisher.write(AT)
    old = {name: (tmp_path / name).read_bytes() for name in (OPTIONS, FUNDS)}
    for klass in range(2):
        line.publisher.publish(ChainTick(klass, AT, True, pack(rows(klass, 3))))
    line.publisher.publish(funds(24_570))
    line.publisher.write(AT + SECOND)
    new = {name: (tmp_path / name).read_bytes() for name in (OPTIONS, FUNDS)}
    for cut in range(0, len(new[OPTIONS]), 61):
        reader = Feed(tmp_path)
        for size in (0, cut, len(new[OPTIONS])):
            for name, data in new.items():
                part = min(size, len(data))
                (tmp_path / name).write_bytes(data[:part] + old[name][part:])
            reader.feed._seen.clear()
            reader.feed.tick()
        image = np.zeros((8, market.COLUMNS), dtype=np.int64)
        for tick in reader.ticks:
            if isinstance(tick, ChainTick):
                got = unpack(tick.rows, market.COLUMNS)
                image[got[:, market.SLOT]] = got
        assert (image == np.concatenate([rows(0, 3), rows(1, 3)])).all(), cut
        last = [tick for tick in reader.ticks if isinstance(tick, UnderlyingTicks)][-1]
        assert last.ticks == funds(24_570).ticks


def test_wire_market_files_refuse_what_is_none(tmp_path: Path) -> None:
    """A missing, cut, older or foreign file changes nothing and is counted."""
    line = Feed(tmp_path)
    line.publisher.publish(funds(24_560))
    line.publisher.write(AT)
    line.look()
    for name in (OPTIONS, FUNDS):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-40])
    assert line.look() == []
    assert line.feed.refused == 2
    line.publisher.write(AT - SECOND)
    assert line.look() == []
    assert line.feed.refused == 4
    assert all("MDTime goes back" in bad.reason for bad in line.bad)
    for name in (OPTIONS, FUNDS):
        (tmp_path / name).unlink()
    assert line.look() == []


def test_wire_market_files_funds_by_rows() -> None:
    """A fund out of the chain is of no interest; a phase that is none and a twin are named."""
    good = mktdt00.rows_of(CHAIN, {0: funds(24_560).ticks[0]}, AT)
    other = (good[0][0], "159919", *good[0][2:])
    wrong = (good[0][0], "510300", *good[0][2:-2], "?111", good[0][-1])
    image = mktdt00.read(mktdt00.write([*good, other, wrong, *good], AT))
    ticks, bad = mktdt00.ticks_of(CHAIN, image)
    assert ticks == (funds(24_560).ticks[0],)
    assert [one.field for one in bad] == ["TradingPhaseCode", "SecurityID"]
