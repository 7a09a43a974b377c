"""The two sides of a market-data session a script can stand against; full STEP as lines of text.

`Logon 108=20`, `Subscribe 1500=MD301`: a name and tags; header, counts and checksum are filled in.
Heard market data comes as `Group` and `Rows`, the rows that followed one another counted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from exchange_world import DAY, at, chain
from script_sides import Heard

from quanheng.edge import market_feed
from quanheng.edge.lab.script import ScriptError
from quanheng.edge.market_feed import Publisher
from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import SECOND
from quanheng.wire.md301 import ChainTables, StreamEncoder
from quanheng.wire.mdgw import ClientSession

KINDS = {
    "Logon": "A",
    "Logout": "5",
    "Heartbeat": "0",
    "Test": "1",
    "Resend": "2",
    "Reject": "3",
    "Reset": "4",
    "Subscribe": "V",
    "Group": "h",
    "Row": "W",
}
NAMES = {kind: name for name, kind in KINDS.items()}
DEFAULTS = {
    "Logon": "98=0 108=30 141=Y 789=1 1137=9 1407=124 1408=STEP1.20_SH_0.60",
    "Subscribe": "262=S1 263=1",
}


def message(line: str, sender: str, target: str, seq: int) -> bytes:
    """A whole full-STEP message of a line."""
    name, _, rest = line.partition(" ")
    given = dict(tuple(word.split("=", 1)) for word in rest.split())
    defaults = dict(tuple(word.split("=", 1)) for word in DEFAULTS.get(name, "").split())
    bad = int(given.pop("checksum", 0))
    tags = {"35": KINDS[name], "49": sender, "56": target, "34": str(seq)}
    tags |= {"52": f"{DAY}-10:00:00.000", **defaults, **given}
    body = "".join(f"{tag}={value}\x01" for tag, value in tags.items())
    whole = f"8=FIXT.1.1\x019={len(body)}\x01{body}"
    return f"{whole}10={(sum(whole.encode()) + bad) % 256:03d}\x01".encode()


def messages(data: bytes) -> list[dict[str, str]]:
    """The messages of a complete output; of repeated tags the last counts."""
    found = []
    for part in data.split(b"8=FIXT.1.1\x01")[1:]:
        whole = b"8=FIXT.1.1\x01" + part
        body, _, total = whole[:-1].rpartition(b"\x01")
        if int(total.removeprefix(b"10=")) != (sum(body) + 1) % 256:
            raise ScriptError(f"a wrong checksum: {whole!r}")
        text = body.decode("gb18030").replace("_", " ")  # as values are written in a script
        tags = dict(pair.split("=", 1) for pair in text.split("\x01"))
        name = NAMES[tags["35"]]
        if name != "Row":
            found.append({"name": name, **tags})
        elif found and found[-1]["name"] == "Rows":
            found[-1]["count"] = str(int(found[-1]["count"]) + 1)
        else:
            found.append({"name": "Rows", "count": "1"})
    return found


def option_tick(klass: int, last: int, instant: int) -> ChainTick:
    """An image of a class in which everything last traded at one price."""
    span = chain().classes[klass]
    rows = np.zeros((span.stop - span.start, market.COLUMNS), dtype=np.int64)
    rows[:, market.SLOT] = np.arange(span.start, span.stop)
    rows[:, market.PHASE] = Phase.CONTINUOUS
    rows[:, market.LAST] = last
    return ChainTick(klass, instant, True, pack(rows))


def etf_tick(last: int, instant: int) -> UnderlyingTicks:
    """The ETF at a price."""
    tick = UnderlyingTick(0, 2, last, 0, 0, (last - 10,), (1,), (last + 10,), (1,))
    return UnderlyingTicks(instant, (tick,))


class FeedWire:
    """A publisher's connection that the script reads."""

    def __init__(self, side: "FeedSide", on_data: Any, on_close: Any) -> None:
        self.open = True
        self.why = ""
        self.on_data = on_data
        self._side = side
        self._on_close = on_close

    def send(self, data: bytes) -> None:
        if self.open:
            self._side.heard += messages(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self, reason: str = "closed here") -> None:
        if self.open:
            self.open, self.why = False, reason
            self._on_close(reason)


class FeedSide(Heard):
    """The script is a reader; the real publisher answers."""

    opening = ("> Logon", "> Subscribe 1500=MD301", "> Subscribe 1500=MD004")

    def __init__(self, clock: str) -> None:
        super().__init__()
        self.now = at(clock)
        self.accept: Callable[[Any], None] = lambda sock: None
        self.wire: FeedWire
        self._seq = 0
        self.publisher = Publisher(chain(), self, None, lambda: self.now)  # type: ignore[arg-type]
        self.connect()

    def listen(self, sock: Any, on_accept: Callable[[Any], None]) -> None:
        self.accept = on_accept

    def connect(self) -> None:
        kept, market_feed.Connection = market_feed.Connection, self._wire  # type: ignore
        self.accept(None)
        market_feed.Connection = kept  # type: ignore[misc]
        self._seq = 0

    def _wire(self, loop: Any, sock: Any, on_data: Any, on_close: Any, bound: int) -> FeedWire:
        self.wire = FeedWire(self, on_data, on_close)
        return self.wire

    def send(self, line: str, step: int = 0) -> None:
        self._seq += 1
        data = message(line, "QH", "MDGW", self._seq)
        size = step or len(data)
        for start in range(0, len(data), size):
            self.wire.on_data(data[start : start + size])

    def pass_to(self, instant: int) -> None:
        while self.now < instant:
            self.now = min(instant, self.now + SECOND)
            self.publisher.tick()

    def do(self, what: str, words: list[str]) -> None:
        match what:
            case "connect":
                self.wire.close("the script connects again")
                self.connect()
            case "bytes":
                self.wire.on_data(" ".join(words).encode())
            case "option":
                self.publisher.publish(option_tick(int(words[0]), int(words[1]), self.now))
            case "etf":
                self.publisher.publish(etf_tick(int(words[0]), self.now))
            case _:
                raise ScriptError(f"unknown action {what!r}")

    def closed(self) -> str:
        return "" if self.wire.open else self.wire.why


class ReaderSide(Heard):
    """The script is the gateway; our reader's session must behave."""

    opening = ("> Logon",)

    def __init__(self, clock: str) -> None:
        super().__init__()
        self.now = at(clock)
        self._rejects = 0
        self._encoder = StreamEncoder(ChainTables(chain()))
        self.session = ClientSession(ChainTables(chain()), DAY, self.now)
        self._listen()

    def _listen(self) -> None:
        self.heard += messages(self.session.output())

    def _hear(self, data: bytes) -> None:
        decoded = self.session.receive(data, self.now)
        self.events += [*decoded.underlyings, *decoded.ticks, *decoded.quarantined]
        self.events += [Rejected(why) for why in self.session.rejects[self._rejects :]]
        self._rejects = len(self.session.rejects)
        self._listen()

    def send(self, line: str, step: int = 0) -> None:
        data = message(line, "MDGW", "QH", self._encoder.seq)
        self._encoder.seq += 1
        size = step or len(data)
        for start in range(0, len(data), size):
            self._hear(data[start : start + size])

    def pass_to(self, instant: int) -> None:
        while self.now < instant:
            self.now = min(instant, self.now + SECOND)
            self.session.tick(self.now)
            self._listen()

    def do(self, what: str, words: list[str]) -> None:
        match what:
            case "option":
                tick = option_tick(int(words[0]), int(words[1]), self.now)
                self._hear(self._encoder.encode(tick))
            case "etf":
                self._hear(self._encoder.encode(etf_tick(int(words[0]), self.now)))
            case "lose":  # a message that never arrives
                self._encoder.seq += 1
            case _:
                raise ScriptError(f"unknown action {what!r}")

    def closed(self) -> str:
        return self.session.closed


class Rejected:
    """A refusal that our reader kept."""

    def __init__(self, why: str) -> None:
        self.why = why
