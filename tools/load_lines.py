"""Capacity of lines and processes: twice the peak sustained, three times in bursts (#31).

    python tools/load_lines.py peak RUN...            the peak second of each line of full days
    python tools/load_lines.py live RUN PEAK [SKIP]   a live run held against a day's peak

The load is a live run at a higher speed, of a desk that requotes at every move (`load.toml`): at 14
times business time every line carries fourteen business seconds in a second of the wall, while
heartbeats, dead-man, fsync, loop and back-off stay on the wall. A second of the wall counts as
sustained load when it carries at least 2 peak seconds, as a burst at 3. What is said of the run:
share of such seconds on each line, how late the maker took what the exchange had stamped (median of
the first and last third, so that a backlog that grows is seen; worst), worst turn, dead-man, lost
lines, cut readers.

Counts are of the maker's journal: records of MD301, requests up, reports down, each with the bytes
of its own protocol. SKIP: seconds of the wall at the beginning that do not count (10).
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.compose.console_log import RunLog
from quanheng.compose.run_folder import read_info
from quanheng.compose.text import table
from quanheng.edge.clock import read_clock
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.journal_tail import JournalTail
from quanheng.kernels.pack import unpack
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import Source
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.terms import market
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import Reports, Send
from quanheng.terms.units import MILLISECOND, SECOND, Day
from quanheng.wire import md301
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ClientSession, ServerSession

LINES = ("market data", "requests", "reports")
SUSTAINED, BURST = 2, 3
LATEST_TURN_MS = 250
_EFFECTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_SEND = msgspec.msgpack.Decoder(Send)


class Load:
    """Messages and bytes by line and second; seconds are of the wall when `speed` is."""

    def __init__(self, run: Path) -> None:
        self.info = read_info(run)
        self.speed = max(self.info.speed, 1)
        self.base = read_clock(run / "live" / "clock.json").base if self.info.speed else 0
        self.messages: dict[str, dict[int, int]] = {name: defaultdict(int) for name in LINES}
        self.bytes: dict[str, dict[int, int]] = {name: defaultdict(int) for name in LINES}
        self.late: dict[int, int] = defaultdict(int)
        opened = RunLog(run)
        opened.poll(1 << 20)
        assert opened.opened is not None, f"{run}: no opened day"
        chain = opened.opened.chain
        self._feed = md301.StreamEncoder(md301.ChainTables(chain))
        profile = Profile(opened.opened.account, opened.opened.pbu)
        self._client, self._server = _sessions(profile, chain.day)
        self._pbu, self._at = opened.opened.pbu, midnight(chain.day)
        for at, body in _journal(run):
            self._count(at, body)

    def _count(self, at: int, body: Any) -> None:
        second = (at - self.base) // (SECOND * self.speed)
        if isinstance(body, Send):
            data, name, number = self._up(body), "requests", len(body.requests)
        elif isinstance(body, Reports):
            data, name, number = self._down(body), "reports", len(body.reports)
        else:
            data, name = self._feed.encode(body), "market data"
            number = (
                len(unpack(body.rows, market.COLUMNS))
                if isinstance(body, ChainTick) else len(body.ticks)
            )  # fmt: skip
            if isinstance(body, ChainTick):
                self.late[second] = max(self.late[second], (at - body.at) // self.speed)
        self.messages[name][second] += number
        self.bytes[name][second] += len(data)

    def _up(self, send: Send) -> bytes:
        return self._client.send_requests(send.requests, self._at)

    def _down(self, reports: Reports) -> bytes:
        return self._server.send_reports(self._pbu, reports.reports, self._at)

    def peak(self, name: str) -> tuple[int, int]:
        """Messages and bytes of the fullest second of a line."""
        return max(self.messages[name].values(), default=0), max(
            self.bytes[name].values(), default=0
        )


def _sessions(profile: Profile, day: Day) -> tuple[ClientSession, ServerSession]:
    """Both ends of an order line, logged on, to count bytes with."""
    at = midnight(day)
    client = ClientSession("LOAD", profile, day, at)
    sets = tuple(str(number) for number in range(300, 320))
    server = ServerSession((profile,), sets, day, at)
    server.send_platform_state(1, at)
    server.receive(client.send_logon(at), at)
    client.receive(server.output(), at)
    for name in sets:
        server.receive(client.send_index_sync(profile.pbu, name, 1, at), at)
        client.receive(server.output(), at)
    return client, server


def _journal(run: Path) -> Iterator[tuple[int, Any]]:
    """What the maker took from feed and venue, and sent, with its business time."""
    decode, at = envelope_decoder(Maker), 0
    for frame, _ in JournalTail(run, Maker.NAME).poll():
        if frame.kind == INPUT:
            envelope = decode.decode(frame.payload)
            at = envelope.at
            if envelope.source in (Source.FEED, Source.VENUE) and isinstance(
                envelope.body, ChainTick | UnderlyingTicks | Reports
            ):
                yield at, envelope.body
        elif frame.kind == EFFECTS:
            for raw in _EFFECTS.decode(frame.payload):
                if b"send" in bytes(raw)[:8]:
                    yield at, _SEND.decode(raw)


def show_peaks(runs: list[Path]) -> None:
    """Peak, median and 99.9 per cent of a second, and what a line needs."""
    rows = []
    for run in runs:
        load = Load(run)
        for name in LINES:
            count = np.array([*load.messages[name].values()] or [0])
            most, size = load.peak(name)
            rows.append([load.info.scenario, name, f"{np.median(count):,.0f}", f"{most:,}",
                         f"{size:,}", f"{2 * size * 8 / 1e6:.2f}"])  # fmt: skip
    head = ["scenario", "line", "median/s", "peak/s", "peak bytes/s", "2 x peak, Mbit/s"]
    print(table(head, rows, left=2))


def judge(load: Load, peaks: dict[str, tuple[int, int]], skip: int) -> tuple[list[str], bool]:
    """Sentences on a live run's load and lateness, and whether the load was twice the peak."""
    said, full = [], True
    for name in LINES:
        most = max(peaks[name][0], 1)
        seconds = [n for at, n in load.messages[name].items() if at >= skip]
        ratio = np.array(seconds or [0]) / most
        middle, worst = float(np.median(ratio)), float(ratio.max())
        full = full and middle >= SUSTAINED and worst >= BURST
        said.append(
            f"{name}: peak {most:,}/s; the run's seconds carry {middle:.1f} peaks (median), "
            f"{worst:.1f} at most; {np.mean(ratio >= SUSTAINED):.0%} at least {SUSTAINED}, "
            f"{np.mean(ratio >= BURST):.0%} at least {BURST}"
        )
    late = [n / MILLISECOND for at, n in sorted(load.late.items()) if at >= skip] or [0.0]
    third = max(len(late) // 3, 1)
    said.append(
        f"late, ms of the wall, worst of a second: first third {np.median(late[:third]):.0f}, "
        f"last third {np.median(late[-third:]):.0f} (medians), {max(late):.0f} at most"
    )
    return said, full


def troubles(run: Path) -> list[str]:
    """What the processes themselves say: turns, dead-man, losses."""
    found = []
    for role in ("maker", "gateway", "exchange", "overseer"):
        rows = read_lines(run / "live" / f"{role}.jsonl")
        turns = [row["turn_ms"] for row in rows if row["what"] == "health"]
        what = sorted({row["what"] for row in rows} & {"dead_man", "fenced", "stalled", "lost"})
        over = sum(turn > LATEST_TURN_MS for turn in turns)
        found.append(
            f"{role}: worst turn {max(turns, default=0)} ms, {over} of {len(turns)} health lines "
            f"over {LATEST_TURN_MS}; {', '.join(what) or 'no dead-man, no loss'}"
        )
    ends = [row for row in read_lines(run / "live" / "maker.jsonl") if row["what"] == "end"]
    found += [f"feed losses {row['feed_losses']}, quarantined {row['quarantined']}" for row in ends]
    return found


def show_live(run: Path, peak: Path, skip: int) -> int:
    """The verdict; 1 when the run was no load of twice the peak."""
    day = Load(peak)
    said, full = judge(Load(run), {name: day.peak(name) for name in LINES}, skip)
    print("\n".join(said + troubles(run)))
    print(
        "the load was twice the peak, with bursts of three" if full else "the load was not enough"
    )
    return 0 if full else 1


def main() -> int:
    """See the module."""
    match sys.argv[1:]:
        case ["peak", *runs] if runs:
            show_peaks([Path(run) for run in runs])
            return 0
        case ["live", run, peak, *rest]:
            return show_live(Path(run), Path(peak), int(rest[0]) if rest else 10)
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main())
