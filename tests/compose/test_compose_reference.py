"""The contract master: damaged files never open a day, light chains stay tradable (F51)."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from compose_world import call, one_line

from quanheng.compose.openings import Openings
from quanheng.compose.reference import (
    FIRST_DAY,
    ReferenceDataError,
    load,
    read_master,
)
from quanheng.compose.scenarios import load as load_scenario
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange.profile import RANKS
from quanheng.wire import records
from quanheng.wire.contracts import read_contracts, write_contracts

FIELDS = {field.name for field in records.layout("reff03").fields} | {"record"}
NAMED = re.compile(r"line (\d+), (\w+): ")


@pytest.fixture(scope="module")
def master() -> bytes:
    """The file of a light chain: 24 contracts on two underlyings."""
    return load(pick="24").master


def _openings(data: bytes, folder: Path) -> Openings:
    path = folder / "reff.txt"
    path.write_bytes(data)
    return Openings(
        load_scenario("calm"),
        load(master=path),
        read_rulebook(FIRST_DAY),
        read_config(),
        1,
        10**9,
    )


def test_compose_flipped_bytes_are_named_or_are_another_good_file(
    master: bytes, tmp_path: Path
) -> None:
    """Single-byte flips all over the file: an error that names line and field of the flip, or
    a file that reads back exactly as its bytes say and opens the venue. Nothing is guessed.
    """
    width = master.index(b"\n") + 1
    layout = records.layout("reff03")
    refused = taken = 0
    flips = [(at, bit) for at in range(0, len(master), 23) for bit in (0x01, 0x04, 0x40, 0x80)]
    for at, bit in flips:
        data = bytearray(master)
        data[at] ^= bit
        try:
            chain = read_master("reff", bytes(data), FIRST_DAY)
        except ReferenceDataError as error:
            found = NAMED.search(str(error))
            assert found and found[2] in FIELDS, error
            lines = {at // width + 1, at // width + 2}
            one_close = found[2].startswith("Underlying")
            assert int(found[1]) in lines or one_close or found[2] == "SecurityID", (at, error)
            refused += 1
            continue
        taken += 1
        rows, bad = read_contracts(bytes(data))
        assert bad == [] and sorted(row.code for row in rows) == sorted(
            contract.code for contract in chain.contracts
        )
        line = bytes(data).split(b"\n")[at // width]
        place = sum(field.at <= at % width for field in layout.fields) - 1
        old = records.parse_line(layout, master.split(b"\n")[at // width])
        new = records.parse_line(layout, line)
        assert [i for i in range(len(old)) if old[i] != new[i]] == [place], (at, bit, line)
    assert refused > len(flips) * 2 // 3
    assert taken > 10


def test_compose_taken_flips_open_the_day(master: bytes, tmp_path: Path) -> None:
    """Whatever the master's checks let through, the openings of all machines can be made."""
    opened = 0
    for at in range(5, len(master), 211):
        data = bytearray(master)
        data[at] ^= 0x01
        try:
            openings = _openings(bytes(data), tmp_path)
        except ReferenceDataError as error:
            assert "reff.txt" in str(error)
            continue
        openings.venue()
        openings.etf()
        openings.maker()
        opened += 1
    assert opened >= 3


def test_compose_every_truncation_is_refused_or_whole_lines(master: bytes) -> None:
    """A cut file is refused with its last line's number, unless it ends at a line's end."""
    width = master.index(b"\n") + 1
    for at in range(0, len(master), 97):
        if at == 0:
            with pytest.raises(ReferenceDataError, match="no contract"):
                read_master("reff", b"", FIRST_DAY)
            continue
        with pytest.raises(ReferenceDataError) as caught:
            read_master("reff", master[:at], FIRST_DAY)
        assert f"line {at // width + 1}, record" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"|EBS|E|C|", b"|EBS|E|X|", ("line 1, CallOrPut", "'X'")),
        (b"|20240925|", b"|2024x925|", ("line 1", "no day")),
        (b"|20240724|", b"|20230724|", ("line 1",)),
        (b"|510050|", b"|510051|", ("line 1, ContractID",)),
        (b"|      10000|", b"|          0|", ("ContractMultiplierUnit",)),
        (b"|     2.4410|", b"|     2.4411|", ("line 1, UnderlyingClosePx", "24410")),
        (b"R0301", b"R0302", ("line 1, RFStreamID",)),
        (b"\n", b"", ("line 1",)),
    ],
)
def test_compose_bad_master_is_exit_3(
    master: bytes, tmp_path: Path, old: bytes, new: bytes, words: tuple[str, ...]
) -> None:
    """From the command line: 3, one line, the file, the line and the field."""
    path = tmp_path / "reff.txt"
    assert old in load().master
    source = master if old in master else load().master
    path.write_bytes(source.replace(old, new, 1))
    done = call("day", "--master", path, "--out", tmp_path / "runs")
    words = tuple(word for word in words if source is master or not word.startswith("line 1"))
    one_line(done, 3, "reff.txt", *words)
    assert not (tmp_path / "runs").exists()


def test_compose_duplicated_and_foreign_contracts(master: bytes, tmp_path: Path) -> None:
    """Two records of one code, and an underlying that nobody has prices for."""
    lines = master.split(b"\n")
    with pytest.raises(ReferenceDataError, match=r"line 1, SecurityID.*again in line 25"):
        read_master("reff", master + lines[0] + b"\n", FIRST_DAY)
    rows, _ = read_contracts(master)
    foreign = [
        msgspec.structs.replace(row, underlying="510999", trading_code="510999" + code[6:])
        for row in rows
        for code in [row.trading_code]
    ]
    path = tmp_path / "reff.txt"
    path.write_bytes(write_contracts(foreign[:2]))
    one_line(call("day", "--master", path, "--journal", "digest"), 3, "510999", "surface")


def test_compose_contradictions_within_a_contract() -> None:
    """Strike against code, dates out of order, a settlement outside the limits."""
    rows = list(load(pick="12").chain.contracts)

    def refused(**changes: object) -> str:
        wrong = [msgspec.structs.replace(rows[0], **changes), *rows[1:]]
        with pytest.raises(ReferenceDataError) as caught:
            read_master("reff", write_contracts(wrong), FIRST_DAY)
        return str(caught.value)

    assert "line 1, ExercisePrice" in refused(strike=rows[0].strike + 500)
    assert "line 1, StartDate" in refused(delivery_day=20240601)
    assert "line 1, StartDate" in refused(first_day=20240628)
    assert "line 1, SettlPrice" in refused(previous_settle=rows[0].limit_up + 1)
    assert "line 1, SettlPrice" in refused(previous_settle=0)


@pytest.mark.parametrize(
    ("pick", "classes", "contracts"), [("2", 1, 2), ("12", 1, 12), ("24", 2, 24), ("60", 5, 60)]
)
def test_compose_light_chains_keep_pairs_of_near_strikes(
    pick: str, classes: int, contracts: int
) -> None:
    """As many classes as get 12 contracts each; calls and puts in pairs, strikes side by side."""
    whole, light = load(), load(pick=pick)
    chain = light.chain
    assert (len(chain.classes), len(chain.contracts)) == (classes, contracts)
    pairs = Counter((c.underlying, c.last_day, c.strike, c.unit) for c in chain.contracts)
    assert set(pairs.values()) == {2}
    for klass in chain.classes:
        rows = chain.contracts[klass.start : klass.stop]
        assert {row.last_day for row in rows} == {20240724}
        strikes = sorted({row.strike for row in rows})
        listed = sorted(
            {
                row.strike
                for row in whole.chain.contracts
                if (row.underlying, row.last_day) == (klass.underlying, 20240724)
            }
        )
        where = [listed.index(strike) for strike in strikes]
        assert all(right - left == 1 for left, right in pairwise(where))
    assert light.listed == whole.listed
    assert read_contracts(light.master) == (list(chain.contracts), [])


@pytest.mark.parametrize(("pick", "classes"), [("24x2", 1), ("48x2", 2), ("12x3", 1)])
def test_compose_light_chains_of_several_expiries(pick: str, classes: int) -> None:
    """NxM: N contracts of the M nearest expiries, the nearest strikes of each side by side."""
    number, most = map(int, pick.split("x"))
    chain = load(pick=pick).chain
    assert (len(chain.classes), len(chain.contracts)) == (classes, number)
    for klass in chain.classes:
        rows = chain.contracts[klass.start : klass.stop]
        by_day = Counter(row.last_day for row in rows)
        assert len(by_day) == most and max(by_day.values()) - min(by_day.values()) <= 2
    for bad in ("24x", "24x0", "x2", "24xtwo"):
        with pytest.raises(ReferenceDataError, match=f"'{bad}' is neither near nor a number"):
            load(pick=bad)


def test_compose_light_chains_trade_their_share() -> None:
    """The crowd's volume of a class shrinks by the profile; a class left out trades nothing.

    On that day July, September and December are listed: ranks 1, 3 and 4.
    """
    whole, near, light = load(), load(pick="near"), load(pick="12")
    for old, less, least in zip(
        whole.surface.klass, near.surface.klass, light.surface.klass, strict=True
    ):
        assert old.volume > less.volume > least.volume
        assert (least.volume > 0) == (least.underlying == "510050")
        near_share = RANKS[0] / (RANKS[0] + RANKS[2] + RANKS[3])
        assert less.volume == pytest.approx(old.volume * near_share, abs=2)
    assert {row.last_day for row in near.chain.contracts} == {20240724}
