"""A two-contract market: the smallest venue and maker that use every part of the runtime.

`python toy.py RUN` replays both machines of a run folder and prints one JSON line each.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np

from quanheng.kernels.pack import pack, unpack
from quanheng.runtime.envelope import (
    Envelope,
    NotSent,
    RaiseAlert,
    Record,
    Source,
    TimerFired,
    TookOver,
    WakeAt,
)
from quanheng.runtime.ports import Stores
from quanheng.runtime.replay import replay
from quanheng.runtime.segment import read_segments
from quanheng.runtime.sim import Simulation
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.codes import Alert, Effect, Side
from quanheng.terms.market import COLUMNS, LAST, ChainTick
from quanheng.terms.orders import Quote, Report, Reports, Requests, Send, Stamp, Trade
from quanheng.terms.units import MILLISECOND, SECOND

START = 1_719_451_800 * SECOND
CODES = ("10000001", "10000002")


class ToyOpen(msgspec.Struct, frozen=True, array_like=True, tag="open"):
    """Opening of the venue: a seed and the number of its steps."""

    seed: int
    steps: int


class ToyState(msgspec.Struct):
    """State of the venue."""

    seed: int = 0
    steps: int = 0
    index: int = 0
    last: np.ndarray = msgspec.field(default_factory=lambda: np.zeros(2, np.int64))
    quotes: dict[str, Quote] = msgspec.field(default_factory=dict)


class _Base:
    """What both toys share: snapshot, restore and digest of `state`."""

    state: Any

    def snapshot(self) -> bytes:
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        self.state = decode_state(data, type(self.state))

    def digest(self) -> dict[str, bytes]:
        return digest_state(self.state)


class ToyVenue(_Base):
    """Random walk, a tick every 500 ms, a fill when the walk crosses a quote."""

    NAME: ClassVar[str] = "venue"
    INPUT: ClassVar[Any] = ToyOpen | TimerFired | Requests
    EFFECT: ClassVar[Any] = WakeAt | ChainTick | Reports | Record
    DIGESTED: ClassVar[tuple[type, ...]] = (ChainTick,)

    def __init__(self) -> None:
        self.state = ToyState()

    def apply(self, envelope: Envelope[Any]) -> Sequence[Any]:
        state, body = self.state, envelope.body
        match body:
            case ToyOpen():
                state.seed, state.steps = body.seed, body.steps
                state.last[:] = (1_000, 2_000)
                return (WakeAt("step", envelope.at + 500 * MILLISECOND),)
            case TimerFired():
                return self._step(envelope.at)
            case Requests():
                for request in body.requests:
                    state.quotes[request.contract] = request
                return ()
        raise TypeError(f"the toy venue knows no {body!r}")

    def _random(self) -> int:
        self.state.seed = (self.state.seed * 6364136223846793005 + 1442695040888963407) % 2**64
        return int(self.state.seed >> 33)

    def _step(self, at: int) -> Sequence[Any]:
        state = self.state
        out: list[Any] = []
        reports = []
        rows = np.zeros((2, COLUMNS), np.int64)
        for slot, code in enumerate(CODES):
            state.last[slot] = max(1, int(state.last[slot]) + self._random() % 21 - 10)
            rows[slot, 0], rows[slot, LAST] = slot, state.last[slot]
            quote = state.quotes.get(code)
            if quote is not None and state.last[slot] > quote.ask:
                state.index += 1
                reports.append(Report("1", state.index, _fill(quote, state.index, at)))
                del state.quotes[code]
        out.append(ChainTick(0, at, True, pack(rows)))
        if reports:
            out.append(Reports(reports))
            out.append(Record("trades", 2, pack(np.array([[at, len(reports)]]))))
        state.steps -= 1
        if state.steps > 0:
            out.append(WakeAt("step", at + 500 * MILLISECOND))
        return out


def _fill(quote: Quote, number: int, at: int) -> Trade:
    return Trade(
        client_id=quote.client_id,
        contract=quote.contract,
        order_id=number,
        exec_id=number,
        price=quote.ask,
        qty=1,
        leaves=0,
        side=Side.SELL,
        effect=Effect.OPEN,
        covered=False,
        at=at,
        order_at=at,
        amount=quote.ask * 10_000,
    )


class MakerState(msgspec.Struct):
    """State of the maker."""

    counter: int = 0
    epoch: int = 1
    cash: int = 0
    idle: int = 0
    withheld: int = 0
    names: list[str] = msgspec.field(default_factory=list)
    mids: np.ndarray = msgspec.field(default_factory=lambda: np.zeros(2, np.int64))


class ToyMaker(_Base):
    """Quotes around the last price; a timer that is moved at every tick counts silences."""

    NAME: ClassVar[str] = "maker"
    INPUT: ClassVar[Any] = ChainTick | Reports | TimerFired | TookOver | NotSent
    EFFECT: ClassVar[Any] = WakeAt | Send | RaiseAlert
    DIGESTED: ClassVar[tuple[type, ...]] = ()

    def __init__(self) -> None:
        self.state = MakerState()

    def apply(self, envelope: Envelope[Any]) -> Sequence[Any]:
        state, body = self.state, envelope.body
        match body:
            case ChainTick():
                return self._quote(envelope.at, body)
            case Reports():
                state.cash += sum(report.body.amount for report in body.reports)
                return [RaiseAlert(Alert.LINK_CHANGED, "*", (state.cash,))]
            case TimerFired():
                state.idle += 1
                return ()
            case TookOver():
                state.epoch = body.epoch
                return ()
            case NotSent():
                state.withheld += len(body.client_ids)
                return ()
        raise TypeError(f"the toy maker knows no {body!r}")

    def _order(self) -> Sequence[str]:
        return CODES

    def _quote(self, at: int, tick: ChainTick) -> Sequence[Any]:
        state = self.state
        rows = unpack(tick.rows, COLUMNS)
        requests: list[Any] = []
        for code in self._order():
            slot = CODES.index(code)
            state.mids[slot] = rows[slot, LAST]
            state.counter += 1
            mid = int(rows[slot, LAST])
            requests.append(_quote(f"M{state.counter:09d}", code, mid))
        stamp = Stamp("trader", "toy", "1", 0, 0)
        return (Send(state.epoch, stamp, requests), WakeAt("idle", at + 700 * MILLISECOND))


def _quote(client_id: str, code: str, mid: int) -> Quote:
    return Quote(client_id, code, max(1, mid - 5), mid + 5, 10, 10, Effect.OPEN, Effect.OPEN)


class SetMaker(ToyMaker):
    """The classic mistake: its order depends on the hash seed of the process."""

    def _order(self) -> Sequence[str]:
        return list(set(CODES))


def carry_send(send: Send, at: int) -> list[Requests]:
    """The wire from the maker to the venue."""
    return [Requests("00001", list(send.requests))]


def world(stores: Stores, seed: int = 7, steps: int = 200, **options: Any) -> Simulation:
    """The drawn world, not yet opened: 100 virtual seconds by default."""
    maker = options.pop("maker", ToyMaker)
    sim = Simulation(stores, **{"snapshot_every": 20 * SECOND, **options})
    sim.add(ToyVenue())
    sim.add(maker())
    sim.wire("feed", "venue", "maker", (ChainTick,), source=Source.FEED)
    sim.wire("reports", "venue", "maker", (Reports,), latency=2 * MILLISECOND)
    sim.wire("orders", "maker", "venue", (Send,), carry_send, latency=3 * MILLISECOND)
    sim.ignore("venue", (Record,))
    sim.ignore("maker", (RaiseAlert,))
    return sim


def open_world(sim: Simulation, seed: int = 7, steps: int = 200) -> Simulation:
    """Post the opening."""
    sim.post("venue", ToyOpen(seed, steps), START)
    sim.post("maker", TookOver(2), START)
    return sim


def main(run: Path, maker: type[ToyMaker] = ToyMaker) -> list[dict[str, object]]:
    """Replay both machines of a run folder."""
    out: list[dict[str, object]] = []
    for kind in (ToyVenue, maker):
        machine = kind()
        result = replay(read_segments(run / "journal" / machine.NAME, machine.NAME), machine)
        hexes = {name: value.hex() for name, value in result.digest.items()}
        out.append({"ok": result.ok, "compared": result.compared, "digest": hexes})
    return out


if __name__ == "__main__":
    kinds = {"set": SetMaker}
    print(json.dumps(main(Path(sys.argv[1]), kinds.get(sys.argv[2], ToyMaker))))
