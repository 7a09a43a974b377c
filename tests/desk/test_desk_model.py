"""The read model: what a scene shows is the machine itself, wherever it stands."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from quanheng.compose.api_library import RunLibrary
from quanheng.compose.cockpit_live import maker_at
from quanheng.compose.console_blotter import Blotter
from quanheng.compose.console_board import COLUMNS, PLACE, QUOTED, board, contract_profit
from quanheng.compose.console_log import RunLog
from quanheng.compose.console_scene import Scene
from quanheng.compose.console_source import RunSource
from quanheng.compose.run_folder import RunError
from quanheng.desk.door import VIEW_OF
from quanheng.desk.frames import EMPTY
from quanheng.desk.ports import END, Ask, SourceError
from quanheng.edge.journal_tail import JournalTail
from quanheng.maker import columns as c
from quanheng.runtime.journal import JournalCorruptError
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.state import digest_state
from quanheng.terms.days import clock_text, from_clock, midnight
from quanheng.terms.units import SECOND
from quanheng.wire.codes import CODES

TIMES = ("09:20:00", "09:31:15", "09:35:59", "09:33:00", "09:40:00", "09:12:30")


@pytest.mark.parametrize("times", [TIMES, TIMES[::-1]])
def test_a_scene_is_the_machine_at_that_instant(log: RunLog, run: Path, times):
    """Forward, back and over snapshots: the digest is that of a machine brought there by others."""
    scene, day = Scene(log), log.info.day
    for text in times:
        scene.go(midnight(day) + from_clock(text))
        state, at = maker_at(run, day, from_clock(text))
        assert scene.at == at
        assert digest_state(scene.state) == digest_state(state)


def test_following_ends_where_the_run_ended(source: RunSource, log: RunLog):
    """The scene at the end has taken every input."""
    scene = Scene(log)
    scene.follow()
    assert scene.at == log.newest
    assert scene.inputs == len(log)
    whole = Scene(log)
    for number in range(0, len(log) + 1, 400):
        whole.go(log.at[min(number, len(log) - 1)])
    whole.follow()
    assert digest_state(whole.state) == digest_state(scene.state)


def test_a_long_way_is_gone_in_parts(log: RunLog):
    """With no time at all there is a step each call, and it ends in the same place."""
    scene, whole, steps = Scene(log), Scene(log), 0
    instant = midnight(log.info.day) + from_clock("09:33:55")
    while not scene.go(instant, 0.0):
        steps += 1
        assert scene.at <= instant
    whole.go(instant)
    assert steps >= 2
    assert digest_state(scene.state) == digest_state(whole.state)


def test_the_board_is_the_machine_s_own_figures(source: RunSource, log: RunLog):
    """Quotes, positions, theory and lamps cell by cell."""
    scene = Scene(log)
    scene.go(midnight(log.info.day) + from_clock("09:33:20"))
    state, opened = scene.state, scene.state.opened
    quoted = 0
    for klass, item in enumerate(opened.chain.classes):
        cells = board(state, klass, scene.at)
        assert cells.shape == (item.stop - item.start, len(COLUMNS))
        for slot in range(item.start, item.stop):
            row, work = cells[slot - item.start], state.work[slot]
            bid, ask = int(work[c.W_LIVE_QTY]), int(work[c.W_COLUMNS + c.W_LIVE_QTY])
            assert row[PLACE["my_bid"]] == (work[c.W_LIVE_PX] if bid else EMPTY)
            assert row[PLACE["my_ask_qty"]] == (ask or EMPTY)
            assert (row[PLACE["lamp"]] == QUOTED) == (bid > 0 and ask > 0)
            quoted += bid > 0 and ask > 0
            theo = float(state.surface.theo[slot, c.T_PRICE])
            assert row[PLACE["theo"]] == round(theo * 1e4)
            assert row[PLACE["net"]] == state.book.long_qty[slot] - state.book.short_qty[slot]
            if bid and ask:
                widest = state.tables.fixed[slot]
                num = max(
                    widest[c.F_CAP_NUM] * work[c.W_LIVE_PX],
                    widest[c.F_CAP_DEN] * widest[c.F_CAP_FLOOR],
                )
                gap = int(work[c.W_COLUMNS + c.W_LIVE_PX] - work[c.W_LIVE_PX])
                assert row[PLACE["spread"]] == 1000 * gap * widest[c.F_CAP_DEN] // num
    assert quoted >= 10


def _klasses(scene: Scene) -> range:
    return range(len(scene.state.opened.chain.classes))


def test_the_market_s_vols_bracket_the_curve_s(source: RunSource, log: RunLog):
    """A bid's vol lies under an ask's, and most contracts have both."""
    scene = Scene(log)
    scene.go(midnight(log.info.day) + from_clock("09:33:20"))
    cells = np.vstack([board(scene.state, klass, scene.at) for klass in _klasses(scene)])
    bid, ask = cells[:, PLACE["bid_iv"]], cells[:, PLACE["ask_iv"]]
    both = (bid != EMPTY) & (ask != EMPTY)
    assert both.sum() * 2 > both.size
    assert (bid[both] < ask[both]).all()


def test_profit_by_contract_sums_to_the_book(source: RunSource, log: RunLog):
    """The board's profit is the ledger's, to the last unit of money."""
    scene = Scene(log)
    scene.follow()
    assert int(contract_profit(scene.state).sum()) == int(scene.state.ledger.terms.sum())


def test_the_blotter_has_every_fill_of_the_day(source: RunSource, log: RunLog, run: Path):
    """Fills, contracts and money as the venue's own dataset has them, and orders that end."""
    blotter = Blotter(log)
    blotter.go(log.newest)
    state = source._views[END].scene.state
    assert sum(row["qty"] for row in blotter.trades.values()) == int(state.book.traded_today.sum())
    assert len(blotter.trades) == int(state.ledger.fills[:, 0].sum())
    seen = {row["status"] for row in blotter.orders.values()}
    assert {"replaced", "live"} <= seen
    working = blotter.newest_orders(True)
    resting = {
        (slot, side)
        for slot in range(state.work.shape[0])
        for side in (0, c.W_COLUMNS)
        if state.work[slot, side + c.W_LIVE_QTY]
    }
    assert len(working) >= len({slot for slot, _ in resting})
    half = Blotter(log)
    half.go(midnight(log.info.day) + from_clock("09:35"))
    assert 0 < len(half.trades) < len(blotter.trades)
    blotter.go(midnight(log.info.day) + from_clock("09:35"))
    assert blotter.trades == half.trades
    assert blotter.orders == half.orders


def test_a_refusal_says_why(log: RunLog):
    """A quote the exchange refuses carries its code and the exchange's words for it."""
    blotter = Blotter(log)
    blotter.go(log.newest)
    name = next(iter(blotter.orders))
    blotter._status(name, "rejected", 19100)
    row = blotter.orders[name]
    assert (row["status"], row["code"]) == ("rejected", 19100)
    assert row["reason"] == CODES[19100].text != ""
    blotter._status(name, "live")
    assert blotter.orders[name]["reason"] == ""


def test_duties_are_the_cockpit_s_and_the_files_of_the_day(source: RunSource, run: Path):
    """Obliged and compliant seconds of each contract as the dataset's table has them."""
    table = source.table(END, "contracts", Ask(limit=100))
    place = {name: number for number, name in enumerate(table.columns)}
    found = {row[place["contract"]]: row for row in table.rows}
    assert len(found) == 12
    for row in found.values():
        assert 0 <= row[place["compliant"]] <= row[place["obliged"]] <= 600
    assert any(row[place["obliged"]] > 500 for row in found.values())


def test_a_growing_journal_is_read_as_it_grows(run: Path, tmp_path: Path):
    """Cut at any byte, the tail gives whole frames only and goes on from there."""
    whole = [frame.seq for frame in read_segments(run / "journal" / "maker", "maker")]
    folder = tmp_path / "journal" / "maker"
    folder.mkdir(parents=True)
    name = segment_paths(run / "journal" / "maker")[0][1].name
    data = (run / "journal" / "maker" / name).read_bytes()
    tail, seen = JournalTail(tmp_path, "maker"), []
    assert list(tail.poll()) == []
    cuts = [7, 100, 2_000, len(data) // 3, len(data) // 2 + 11, len(data) - 1, len(data)]
    for cut in cuts:
        (folder / name).write_bytes(data[:cut])
        for frame, place in tail.poll():
            assert tail.payload(place) == frame.payload
            seen.append(frame.seq)
    assert seen == whole


def test_a_damaged_journal_is_named(run: Path, tmp_path: Path):
    """A frame that does not follow on is an error with its place, not a picture."""
    shutil.copytree(run / "journal" / "maker", tmp_path / "journal" / "maker")
    path = segment_paths(tmp_path / "journal" / "maker")[0][1]
    frames = read_segments(tmp_path / "journal" / "maker", "maker")
    first, second = next(frames), next(frames)
    data = path.read_bytes()
    path.write_bytes(data[: first.size] + data[first.size + second.size :])
    with pytest.raises(JournalCorruptError, match="frame 3 stands where 2 is due"):
        list(JournalTail(tmp_path, "maker").poll())


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, run: Path):
    """With its name and the reason."""
    with pytest.raises(RunError, match="not a run folder"):
        RunSource(tmp_path)
    shutil.copy(run / "run.json", tmp_path / "run.json")
    with pytest.raises(RunError, match="no journal of the maker"):
        RunSource(tmp_path)


def test_a_kept_tail_begins_at_its_oldest_snapshot(run: Path, tmp_path: Path):
    """Without the first frames the console begins later; without a snapshot it says so."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    folder = copy / "journal" / "maker"
    path = segment_paths(folder)[0][1]
    frames = list(read_segments(folder, "maker"))
    cut = next(n for n, frame in enumerate(frames) if frame.kind == ord("S")) - 3
    data = path.read_bytes()
    start = sum(frame.size for frame in frames[:cut])
    path.unlink()
    (folder / f"{frames[cut].seq:016d}.seg").write_bytes(data[start:])
    found = RunSource(copy)
    found.load()
    assert found.log.begin > midnight(found.log.info.day) + from_clock("09:10")
    whole = RunSource(run)
    whole.load()
    for text in ("09:36:00", "09:10:00", "09:39:59"):
        instant = max(midnight(found.log.info.day) + from_clock(text), found.log.begin)
        one, other = Scene(found.log), Scene(whole.log)
        one.go(instant)
        other.go(instant)
        assert digest_state(one.state) == digest_state(other.state)
    shutil.rmtree(copy / "snap" / "maker")
    with pytest.raises(RunError, match="no snapshot"):
        RunSource(copy).load()


def test_replay_moves_only_its_own_scene(source: RunSource):
    """The end stays the end; a time that is none is refused; playing goes on by the clock."""
    source.control("one", 0.0, "09:31:00")
    shown = source.tick({"one": ["sys", "board/0"], END: ["sys"]})
    assert shown["one"]["sys"]["*"]["clock"] <= "09:31:00"
    assert shown[END]["sys"]["*"]["clock"] == clock_text(source.log.newest)[:8]
    with pytest.raises(SourceError, match="not moved"):
        source.control(END, 1.0, None)
    with pytest.raises(SourceError, match="at:"):
        source.control("one", None, "25:99")
    with pytest.raises(SourceError, match="speed"):
        source.control("one", -1.0, None)
    source.control("one", 60.0, None)
    before = source._views["one"].at
    source._ticked -= 2.0
    source.tick({"one": ["sys"]})
    assert before + 100 * SECOND <= source._views["one"].at <= before + 200 * SECOND
    source.drop("one")
    source.tick({})
    assert "one" not in source._views


def test_a_picture_that_is_behind_says_so(run: Path):
    """Of a running day: seconds of the wall between what was read and what is shown."""
    late = RunSource(run)
    late.load()
    late._live = True
    assert late.pulse()["behind"] == 0.0
    late._followed = True
    scene = Scene(late.log)
    scene.go(late.log.newest - 90 * SECOND)
    late._views[END].scene = scene
    assert 85.0 <= late.pulse()["behind"] <= 95.0
    late.tick({END: ["sys"]})
    assert late.pulse()["behind"] == 0.0


def test_tables_page_and_search(source: RunSource):
    """Newest first, by pages, found by any cell; an unknown name is refused."""
    first = source.table(END, "orders", Ask(limit=5))
    assert len(first.rows) == 5 < first.total
    second = source.table(END, "orders", Ask(offset=5, limit=5))
    assert first.rows[0][0] >= first.rows[4][0] >= second.rows[0][0]
    one = first.rows[0][1]
    assert source.table(END, "orders", Ask(find=one)).total == 1
    with pytest.raises(SourceError, match="no table"):
        source.table(END, "secrets", Ask())
    board_ = source.table(END, "board", Ask(limit=100))
    assert board_.total == 12
    assert board_.columns[:2] == ("contract", "name")


def test_the_heat_map_is_a_revaluation(source: RunSource, log: RunLog):
    """Nothing moved is nothing gained; one per cent of spot is near the book's own delta."""
    shown = source.tick({END: ["heat", "risk"]})[END]
    book, risk = shown["heat"]["*"], shown["risk"]["*"]
    rows = dict(zip(book["vols"], book["profit"], strict=True))
    spots = book["spots"]
    assert rows[0][spots.index(0)] == 0
    up, down = rows[0][spots.index(1)], rows[0][spots.index(-1)]
    delta, gamma = risk["delta"] / 100, risk["gamma"] / 100
    assert abs((up - down) / 2 - delta) <= 0.02 * abs(delta) + 5
    assert abs((up + down) - gamma) <= 0.1 * abs(gamma) + 5
    one = risk["vega"]
    assert one == 0 or (rows[10][spots.index(0)] > 0) == (one > 0)
    total = sum(shown["heat"][code]["profit"][0][0] for code in shown["heat"] if code != "*")
    assert abs(total - book["profit"][0][0]) <= len(shown["heat"])


def test_limits_curves_and_risk_say_what_the_machine_has(source: RunSource, log: RunLog):
    """Each row stands in the state it was taken from."""
    shown = source.tick({END: ["limits", "curve/0", "risk", "profit", "classes", "inquiries"]})[END]
    state = source._views[END].scene.state
    assert len(shown["limits"]) == int((state.watch.signed > -(2**60)).sum())
    curve = next(iter(shown["curve/0"].values()))
    assert curve["strikes"] == sorted(curve["strikes"])
    assert curve["version"] == int(state.surface.life[0, c.V_VERSION])
    total = sum(row["total"] for name, row in shown["profit"].items() if name != "*")
    assert abs(total - shown["profit"]["*"]["total"]) <= len(shown["profit"])
    assert shown["risk"]["*"]["depth"] == 0
    assert len(shown["inquiries"]) == len(state.inquiries.asked) > 3
    assert {row["klass"] for row in shown["classes"].values()} == set(
        range(len(state.opened.chain.classes))
    )


def test_the_export_s_text_is_a_table(source: RunSource, tmp_path: Path):
    """Every row has every column, decimals as they are shown."""
    table = source.table(END, "board", Ask(limit=100))
    path = tmp_path / "board.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([table.columns, *table.rows])
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {len(table.columns)}
    place = rows[0].index("theo")
    assert all(row[place] == "" or len(row[place].split(".")[1]) == 4 for row in rows[1:])


def test_the_source_has_every_channel_of_the_door(source: RunSource):
    """The read model has every channel and, with the library, every table that the door knows."""
    names = [name for name in (*source.table_names(), "sys") if name != "board"]
    shown = source.tick({END: [*names, "board/0", "curve/0"]})[END]
    assert set(shown) == {*names, "board/0", "curve/0"}
    assert set(VIEW_OF) == {*RunLibrary(source, None).names(), "sys", "curve"}
