"""Feed broken messages and files to every decoder, session and reader; count, and bound memory.

    .venv/bin/python tools/fuzz_wire.py --frames 1000000 --seed 1

A frame is a valid one (every message type, both directions) with one to four bytes changed, put in,
taken out or cut off, two valid ones spliced, or fields given values of another kind; mostly length
and checksum are made right again, so that what lies behind them is reached. One in fifty is a file.
Anything but the errors that the decoders promise stops the run and names the frame. The same seed
gives the same frames.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "wire"))

from business_samples import ANSWER, GOLDEN_REPORTS, GOLDEN_REQUESTS
from feed_samples import feed_messages, feed_sessions
from file_samples import files
from wire_samples import (
    ACK_TEXT,
    CANCEL,
    DAY,
    ORDER,
    ORDER_CANCEL,
    PROFILE,
    QUOTE,
    TRADE_TEXT,
    chain,
    soh,
    tick,
)

from quanheng.terms.days import midnight
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import CancelReject, Report, RequestRejected
from quanheng.wire import business, carriers, frames, md301, mktdt03, step, tdgw
from quanheng.wire.exchange_files import read_file
from quanheng.wire.fields import WireError

REQUEST_IDS = ("OTO", "OQO", "OTU", "OTE", "OCE", "OTT", "OML", "OMR", "ORQ", "OXX")
SETS = ("300", "301")
EVENTS_PER_BYTE = 1
FILE_EVERY = 50
MEMORY = 64 << 20
"""Growth of the process that is still no leak."""


def sessions() -> tuple[tdgw.ClientSession, tdgw.ServerSession]:
    """A member and a gateway, logged on, partitions synchronised."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
    server.send_platform_state(2, 0)
    server.receive(client.send_logon(0), 0)
    client.receive(server.output(), 0)
    for name in SETS:
        server.receive(client.send_index_sync("12345", name, 1, 0), 0)
    client.receive(server.output(), 0)
    return client, server


class Pristine:
    """Logged-on sessions by the dozen: the bytes of one logon, replayed."""

    def __init__(self) -> None:
        client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
        server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
        server.send_platform_state(2, 0)
        self._up = client.send_logon(0)
        server.receive(self._up, 0)
        self._down = server.output()
        client.receive(self._down, 0)
        for name in SETS:
            self._up += client.send_index_sync("12345", name, 1, 0)

    def client(self) -> tdgw.ClientSession:
        """A member that has asked for its partitions."""
        client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
        client.send_logon(0)
        client.receive(self._down, 0)
        for name in SETS:
            client.send_index_sync("12345", name, 1, 0)
        return client

    def server(self) -> tdgw.ServerSession:
        """A gateway on an open platform."""
        server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
        server.send_platform_state(2, 0)
        server.receive(self._up, 0)
        server.output()
        return server


VALUES = [
    *(b"", b" ", b"0", b"1", b"2", b"6", b"8", b"-1", b"O", b"C", b"Z", b"S", b"K", b"F"),
    *(b"9" * 10, b"9" * 17, b"0.0001", b"1.23456", b"00:00:00.000", b"25:00:00.000", b"10000001"),
    *(b"MM00000009", b"A123456789", b"888", b"12345", b"CNSJC", b"510050", b"105", b"\xff", b"|"),
]
"""What a field is given instead."""


def seeds() -> tuple[list[bytes], list[bytes], list[bytes], list[bytes]]:
    """Valid frames upwards, frames downwards, fragments of requests, fragments of the rest."""
    inquiry = Inquiry("RQ1", "10000001", 0, 0, midnight(DAY), midnight(DAY))
    plain = [QUOTE, CANCEL, ORDER, ORDER_CANCEL]
    requests = [*plain, *(request for _, _, request, _ in GOLDEN_REQUESTS)]
    bodies = [step.decode_report(soh(text), DAY) for text in (ACK_TEXT, TRADE_TEXT)]
    bodies.append(CancelReject("MM00000001", "MM00000002", 1, midnight(DAY), 19082))
    bodies += [body for _, body, _ in GOLDEN_REPORTS]
    client, server = sessions()
    up = [client.send_request(request, 0) for request in requests]
    up.append(client.send_index_sync("12345", "300", 1, 0))
    up += [frames.heartbeat(1), frames.logout(1, 0, "bye")]
    up.append(frames.logon(1, frames.Logon("OMS01", "TDGW", 30, "1.00", DAY)))
    reports = [Report("300", index, body) for index, body in enumerate(bodies, 1)]
    down = [server.send_reports("12345", [report], 0) for report in reports]
    down.append(server.send_margin_answer("12345", ANSWER, 0))
    down.append(server.send_reject("OTO", "12345", RequestRejected("MM00000001", 11270), 0))
    down.append(server.send_inquiry(inquiry, 0))
    down.append(server.send_platform_state(2, 0))
    down.append(server.send_end_of_stream("12345", "300", 7, 0))
    down.append(frames.exec_rpt_info(1, 3, ("12345",), SETS))
    down.append(frames.index_sync(1, "12345", "300", 1, 1))
    down.append(frames.logon(1, frames.Logon("TDGW", "OMS01", 30, "1.00", DAY)))
    texts = [step.encode_request(request, PROFILE) for request in requests]
    others = [step.encode_report(body, PROFILE)[1] for body in bodies]
    others += [step.encode_inquiry(inquiry), business.encode_margin_answer(ANSWER, PROFILE)]
    return up, down, texts, others


def _lengthened(text: bytes) -> bytes:
    """A fragment whose BodyLen is right."""
    _, _, body = text.partition(b"\x01")
    return b"9=%d\x01%s" % (len(body), body)


class Fuzzer:
    """Mutates, feeds, counts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.up, self.down, self.texts, self.others = seeds()
        self.ids = ["OQO", "OQO", "OTO", "OTO", *(req_id for req_id, *_ in GOLDEN_REQUESTS)]
        self.counts: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.chain = chain(8)
        tables = md301.ChainTables(self.chain)
        encoder = md301.StreamEncoder(tables)
        self.stream = [encoder.encode(tick(self.chain, klass, 3)) for klass in range(2)]
        self.decoder = md301.StreamDecoder(tables)
        self.files = list(files().items())
        image = mktdt03.write(_rows(self.chain), mktdt03.FileTables(self.chain), midnight(DAY))
        self.files.append(("mktdt03.txt", image))
        self.pristine = Pristine()
        self.client, self.server = self.pristine.client(), self.pristine.server()
        self.tables = tables
        self.feed_up, self.feed_down = feed_messages(tables)
        self.feed_gateway, self.feed_reader = feed_sessions(tables)
        self.targets: tuple[tuple[str, Callable[[], None]], ...] = (
            ("gateway session", self._gateway),
            ("member session", self._member),
            ("request", self._request),
            ("report", self._report),
            ("new session", self._new),
            ("tables", self._tables),
            ("market data", self._market),
            ("feed gateway", self._feed_gateway),
            ("feed reader", self._feed_reader),
        )

    def mutated(self, pool: list[bytes]) -> bytearray:
        """A valid message with a few things wrong with it."""
        draw = self.random.random
        data = bytearray(pool[int(draw() * len(pool))])
        if draw() < 0.05:
            other = pool[int(draw() * len(pool))]
            data = data[: int(draw() * len(data))] + other[int(draw() * len(other)) :]
        for _ in range(1 + int(draw() * 4)):
            size = len(data)
            if not size:
                break
            place = int(draw() * size)
            kind = int(draw() * 8)
            if kind < 4:
                data[place] = int(draw() * 256)
            elif kind == 4:
                del data[place]
            elif kind == 5:
                data.insert(place, int(draw() * 256))
            elif kind == 6:
                data[place:place] = data[place : place + int(draw() * 40)]
            elif draw() < 0.3:
                del data[place:]
        return data

    def revalued(self, pool: list[bytes]) -> bytes:
        """A valid message with one to three fields of its fragment given other values."""
        draw = self.random.random
        parts = pool[int(draw() * len(pool))].split(b"\x01")
        for _ in range(1 + int(draw() * 3)):
            place = int(draw() * len(parts))
            tag, equals, _ = parts[place].partition(b"=")
            if equals:
                parts[place] = tag + b"=" + VALUES[int(draw() * len(VALUES))]
        return b"\x01".join(parts)

    def _framed(self, pool: list[bytes]) -> bytes:
        draw = self.random.random()
        data = bytearray(self.revalued(pool)) if draw < 0.3 else self.mutated(pool)
        start = data.find(b"9=")
        if draw < 0.3 and start >= 16:  # lengths of the fragment, in it and before it
            data[start:-4] = _lengthened(bytes(data[start:-4]))
            data[start - 4 : start] = (len(data) - 4 - start).to_bytes(4, "big")
        if draw < 0.85 and len(data) >= 16:
            size = len(data) - 16
            data[8:12] = size.to_bytes(4, "big")
            return frames.seal(bytes(data[:-4]))
        return bytes(data)

    def _fragment(self, pool: list[bytes]) -> bytes:
        draw = self.random.random()
        data = self.revalued(pool) if draw < 0.5 else bytes(self.mutated(pool))
        if draw < 0.85:
            return _lengthened(data)
        return data

    def _feed(self, session: Any, data: bytes) -> bool:
        """Into a session; True when it goes on. Events and output stay in proportion."""
        events = session.receive(data, 0)
        if len(events) > 2 + EVENTS_PER_BYTE * len(data) or session._parser.pending > 16_384:
            raise AssertionError(f"{len(events)} events, {session._parser.pending} pending")
        out = session.output()
        if len(out) > 200 + 40 * len(data):
            raise AssertionError(f"{len(out)} bytes answered to {len(data)}")
        return bool(session.phase is tdgw.Phase.ACTIVE)

    def _gateway(self) -> None:
        if not self._feed(self.server, self._framed(self.up)):
            self._count("session ended")
            self.server = self.pristine.server()

    def _member(self) -> None:
        if not self._feed(self.client, self._framed(self.down)):
            self._count("session ended")
            self.client = self.pristine.client()

    def _new(self) -> None:
        if self.random.random() < 0.5:
            self._feed(tdgw.ServerSession((PROFILE,), SETS, DAY, 0), self._framed(self.up))
        else:
            self._feed(tdgw.ClientSession("OMS01", PROFILE, DAY, 0), self._framed(self.down))

    def _count(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1

    def _request(self) -> None:
        number = int(self.random.random() * len(self.texts))
        text = self._fragment(self.texts[number : number + 1])
        req_id = self.ids[number]
        if self.random.random() < 0.1:
            req_id = REQUEST_IDS[int(self.random.random() * len(REQUEST_IDS))]
        try:
            step.decode_request(req_id, text, PROFILE)
        except WireError as error:
            self._count(f"request {error.code // 1000}…")

    def _report(self) -> None:
        text = self._fragment(self.others)
        try:
            req_id = ("OTO", "OTE", "ORQ")[int(self.random.random() ** 2 * 3)]
            step.decode_report(text, DAY, req_id)
        except WireError as error:
            self._count(f"report {error.code // 1000}…")

    def _tables(self) -> None:
        """The rest of the fragments, and the other carrier's types."""
        text = self._fragment(self.others)
        choice = int(self.random.random() * 3)
        try:
            if choice == 0:
                business.decode_margin_answer(text, DAY)
            elif choice == 1:
                step.decode_inquiry(text, DAY)
            else:
                step.decode_report(carriers.from_tables(text, ""), DAY)
        except WireError:
            self._count("other")

    def _market(self) -> None:
        decoded = self.decoder.feed(bytes(self.mutated(self.stream)))
        if decoded.quarantined:
            self._count("market data")
        if len(self.decoder._rest) > 1 << 16:
            raise AssertionError(f"{len(self.decoder._rest)} bytes unfinished")

    def _step_message(self, pool: list[bytes]) -> bytes:
        """A full-STEP message, its length and checksum mostly made right again."""
        draw = self.random.random
        data = self.revalued(pool) if draw() < 0.5 else bytes(self.mutated(pool))
        start = data.find(b"35=")
        if draw() < 0.85 and start > 0:
            body = data[start : data.rfind(b"10=")]
            data = b"8=FIXT.1.1\x019=%d\x01%b" % (len(body), body)
            data += b"10=%03d\x01" % (sum(data) & 255)
        return data

    def _feed_gateway(self) -> None:
        data = self._step_message(self.feed_up)
        self.feed_gateway.receive(data, 0)
        self._proportion(self.feed_gateway.output(), data)
        if self.feed_gateway.closed:
            self._count("feed ended")
            self.feed_gateway, _ = feed_sessions(self.tables)

    def _feed_reader(self) -> None:
        data = self._step_message(self.feed_down)
        self.feed_reader.receive(data, 0)
        self._proportion(self.feed_reader.output(), data)
        self.feed_reader.rejects.clear()
        if self.feed_reader.closed:
            self._count("feed ended")
            _, self.feed_reader = feed_sessions(self.tables)

    def _proportion(self, out: bytes, data: bytes) -> None:
        if len(out) > 1_000 + 40 * len(data):
            raise AssertionError(f"{len(out)} bytes answered to {len(data)}")

    def file(self) -> None:
        """A broken file under its own name."""
        name, whole = self.files[int(self.random.random() * len(self.files))]
        reading = read_file(name, bytes(self.mutated([whole])), self.chain)
        if reading is None or reading.quarantined:
            self._count("file")

    def step(self, number: int) -> None:
        """One frame or file. What is not promised is told with the state that repeats it."""
        state = self.random.getstate()
        if number % FILE_EVERY == 0:
            name, target = "file", self.file
        else:
            name, target = self.targets[number % len(self.targets)]
        try:
            target()
        except Exception as error:
            self.random.setstate(state)
            raise AssertionError(f"{name}, frame {number}: {error!r}") from error
        self.counts[name] = self.counts.get(name, 0) + 1


def _rows(whole: Any) -> Any:
    import numpy as np
    from wire_samples import table

    from quanheng.terms import market

    rows = np.concatenate([table(whole, klass, 1) for klass in range(2)])
    rows[:, market.TURNOVER] -= rows[:, market.TURNOVER] % 100
    return rows


def fuzz(count: int, seed: int) -> Fuzzer:
    """Feed `count` frames and files. AssertionError when one does what none may."""
    fuzzer = Fuzzer(seed)
    for number in range(1, count + 1):
        fuzzer.step(number)
        if number % 500_000 == 0:
            print(f"{number:,}", file=sys.stderr, flush=True)
    return fuzzer


def main() -> None:
    """Run, print counts, speed and the growth of memory; exit 1 when it grew beyond reason."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    fuzz(min(5_000, options.frames), options.seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    done = fuzz(options.frames, options.seed)
    seconds = time.monotonic() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{options.frames:,} in {seconds:,.0f} s, seed {options.seed}; no crash")
    print("fed:", ", ".join(f"{name} {n:,}" for name, n in sorted(done.counts.items())))
    print("refused:", ", ".join(f"{name} {n:,}" for name, n in sorted(done.refused.items())))
    print(f"memory grew by {grown / 1024:.1f} MB (bound {MEMORY >> 20} MB)")
    sys.exit(1 if grown * 1024 > MEMORY else 0)


if __name__ == "__main__":
    main()
