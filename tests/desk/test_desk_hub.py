"""The protocol: frames, the window of frames in flight, conflation, nothing lost of what counts."""

import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.desk.frames import EMPTY, HEAD_BYTES, board_frame, changed
from quanheng.desk.hub import MOST_FRAMES, WINDOW, Board, Client, Hub


class Screen:
    """A browser of the tests: applies frames as the page does, refuses what does not follow on."""

    def __init__(self, hub: Hub, *channels: str, scene: str = "end") -> None:
        self.hub = hub
        self.client = Client(None, None, scene)
        self.cells: dict[int, int] = {}
        self.rows: dict[str, dict[str, dict]] = {}
        self.seqs: dict[str, int] = {}
        self.frames = 0
        hub.join(self.client)
        for name in channels:
            hub.subscribe(self.client, name)

    def take(self, most: int = 100) -> int:
        """Paint what has come; how many frames."""
        count = 0
        while not self.client._out.empty() and count < most:
            self._frame(self.client._out.get_nowait())
            count += 1
        self.frames += count
        return count

    def ack(self, count: int, now: float = 0.0) -> None:
        """Say so."""
        self.hub.painted(self.client, count, now)

    def _frame(self, data: bytes) -> None:
        if data[:1] == b"{":
            said = msgspec.json.decode(data)
            name = said["ch"]
            if said["t"] == "s":
                self.rows[name] = {}
            else:
                assert said["base"] == self.seqs[name]
            for key, change in said["up"].items():
                self.rows[name][key] = {**self.rows[name].get(key, {}), **change}
            for key in said["del"]:
                self.rows[name].pop(key, None)
            self.seqs[name] = said["seq"]
            return
        version, kind, number, seq, base, _, count, flags = struct.unpack_from("<BBHIIdII", data)
        assert version == 1
        name = f"board/{number}"
        if kind == 1:
            self.cells = {}
        else:
            assert base == self.seqs[name]
        values = np.frombuffer(data, "<i4", count, HEAD_BYTES)
        ids = np.frombuffer(data, "<u4" if flags & 1 else "<u2", count, HEAD_BYTES + 4 * count)
        self.cells.update(zip(ids.tolist(), values.tolist(), strict=True))
        self.seqs[name] = seq


def cells(seed: int, shape: tuple[int, int] = (7, 5)) -> np.ndarray:
    made = np.random.default_rng(seed).integers(-3, 4, shape).astype(np.int32)
    made[made == 3] = EMPTY
    return made


def shown(screen: Screen, now: np.ndarray) -> np.ndarray:
    flat = np.full(now.size, EMPTY, dtype=np.int32)
    for place, value in screen.cells.items():
        flat[place] = value
    return flat.reshape(now.shape)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=30))
def test_a_board_arrives_whatever_the_browser_does(steps):
    """After every catching up the screen is the newest board, and never more than WINDOW fly."""
    hub = Hub()
    screen, other = Screen(hub, "board/2"), Screen(hub, "board/2")
    now = cells(0)
    hub.publish("end", {"board/2": Board(now, 0.0)}, 0.0)
    for seed, painted in steps:
        now = cells(seed)
        hub.publish("end", {"board/2": Board(now, 0.0)}, 0.0)
        assert screen.client.flying <= WINDOW
        screen.ack(min(painted, screen.take(painted)))
        other.ack(other.take())
        assert (shown(other, now) == now).all()
    screen.ack(screen.take())
    screen.ack(screen.take())
    assert (shown(screen, now) == now).all()


ROWS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), min_size=1),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(ROWS, st.integers(0, 6)), max_size=30))
def test_rows_arrive_whatever_the_browser_does(steps):
    """The same for keyed rows: fields that go, keys that go and come again."""
    hub = Hub()
    screen = Screen(hub, "orders")
    now: dict = {}
    hub.publish("end", {"orders": now}, 0.0)
    for now, painted in steps:
        hub.publish("end", {"orders": now}, 0.0)
        assert screen.client.flying <= WINDOW
        screen.ack(min(painted, screen.take(painted)))
    for _ in range(2):
        screen.ack(screen.take())
    there = {
        key: {name: value for name, value in row.items() if value is not None}
        for key, row in screen.rows["orders"].items()
    }
    assert there == now


def test_changed_names_fields_and_keys():
    """Only what differs, and None for a field that is gone."""
    before = {"a": {"x": 1, "y": 2}, "b": {"x": 1}}
    assert changed(before, {"a": {"x": 1}, "c": {"z": 1}}) == (
        {"a": {"y": None}, "c": {"z": 1}},
        ["b"],
    )
    assert changed(before, dict(before)) == ({}, [])


def test_a_stalled_browser_costs_nothing_and_is_current_with_one_frame():
    """A thousand boards later there is one frame, and nothing was kept for it meanwhile."""
    hub = Hub()
    screen = Screen(hub, "board/0")
    for seed in range(1_000):
        now = cells(seed)
        hub.publish("end", {"board/0": Board(now, 0.0)}, 0.0)
    assert screen.client._out.qsize() == WINDOW
    screen.ack(screen.take())
    assert screen.take() == 1
    assert (shown(screen, now) == now).all()


def test_a_slow_line_starves_no_channel():
    """With room for one frame at a time every channel gets its turn."""
    hub = Hub()
    names = [f"t{number}" for number in range(6)]
    screen = Screen(hub, *names)
    for turn in range(40):
        hub.publish("end", {name: {"k": {"v": turn}} for name in names}, 0.0)
        screen.take(1)
        screen.ack(1)
    ages = [39 - screen.rows[name]["k"]["v"] for name in names]
    assert max(ages) <= 2 * len(names)


def test_a_hidden_page_is_told_at_its_own_rate():
    """Two seconds between frames, the newest state each time."""
    hub = Hub()
    screen = Screen(hub, "t")
    screen.client.pause = 2.0
    for tick in range(20):
        hub.publish("end", {"t": {"k": {"v": tick}}}, tick * 0.5)
        screen.ack(screen.take(), tick * 0.5)
    assert screen.frames <= 6
    assert screen.rows["t"]["k"]["v"] >= 16


def test_scenes_do_not_mix():
    """A replay's board never reaches who follows the running day; moving begins anew."""
    hub = Hub()
    live, replay = Screen(hub, "t"), Screen(hub, "t", scene="r1")
    assert hub.wanted() == {"end": ["t"], "r1": ["t"]}
    hub.publish("end", {"t": {"k": {"v": 1}}}, 0.0)
    hub.publish("r1", {"t": {"k": {"v": 2}}}, 0.0)
    live.take()
    replay.take()
    assert (live.rows["t"]["k"]["v"], replay.rows["t"]["k"]["v"]) == (1, 2)
    hub.stand(replay.client, "end")
    hub.publish("end", {"t": {"k": {"v": 3}}}, 0.0)
    replay.take()
    assert replay.rows["t"]["k"]["v"] == 3
    hub.leave(live.client)
    hub.leave(replay.client)
    assert hub.wanted() == {}
    assert hub._channels == {}


@pytest.mark.parametrize("rows", [100, 3_000])
def test_ids_are_as_wide_as_they_have_to_be(rows: int):
    """Beyond 65,536 cells ids take four bytes."""
    board = np.zeros((rows, 31), dtype=np.int32)
    data = board_frame(0, 1, 0, 0.0, board, None)
    wide = struct.unpack_from("<BBHIIdII", data)[7]
    assert wide == (rows * 31 > 65_536)
    assert len(data) == HEAD_BYTES + board.size * (8 if wide else 6)


def test_f68_a_browser_that_reads_nothing_is_cut() -> None:
    """Heartbeats for hours: what waits is bounded, and the last word is the end."""
    client = Client(None, None, "end")
    for second in range(10 * MOST_FRAMES):
        client.say(f"beat {second}")
        assert client._out.qsize() <= MOST_FRAMES
    for _ in range(MOST_FRAMES):
        client.say("more")
    said = [client._out.get_nowait() for _ in range(client._out.qsize())]
    assert None in said and len(said) <= MOST_FRAMES
