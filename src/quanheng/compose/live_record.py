"""Who was behind what in a live day, from the maker's own journal (S-01).

A simulated world hears sends, fills and answers while it runs; of a live one they are read back
from the journal. Effects stand after the input that led to them; an input that was replayed after
a lost line is told apart by its place in the stream.
"""

from pathlib import Path

import msgspec

from quanheng.compose.desk_tables import DealBook
from quanheng.compose.instruction_record import InstructionRecord
from quanheng.exchange.messages import EtfDeliver, MarginAnswered, Refuse
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments
from quanheng.terms.business import MarginAnswer
from quanheng.terms.etf import EtfAnswers, EtfFill, EtfSend
from quanheng.terms.orders import RequestRejected, Send
from quanheng.terms.units import Nanos

_SENDS: dict[str, type[Send] | type[EtfSend]] = {"send": Send, "etf_send": EtfSend}


class LiveRecord:
    """Reads a maker's journal once; `deals` and `instructions` know everybody afterwards."""

    def __init__(self, run: Path, pbu: str, letter: str) -> None:
        self.deals = DealBook(letter, pbu)
        self.instructions = InstructionRecord()
        self._pbu = pbu
        self._next = 1  # of the hedges' reports
        decode = envelope_decoder(Maker).decode
        at: Nanos = 0
        for frame in read_segments(run / "journal" / Maker.NAME, Maker.NAME):
            if frame.kind == INPUT:
                envelope = decode(frame.payload)
                at = envelope.at
                self._heard(envelope.body, at)
            elif frame.kind == EFFECTS:
                self._said(frame.payload, at)

    def _heard(self, body: object, at: Nanos) -> None:
        match body:
            case EtfAnswers():
                fresh = body.answers[max(0, self._next - body.first) :]
                self._next = max(self._next, body.first + len(body.answers))
                fills = [one for one in fresh if isinstance(one, EtfFill)]
                self.deals.etf_filled(EtfDeliver(self._pbu, [*fills]), at, 0)
            case RequestRejected():
                self.instructions.hear(Refuse(self._pbu, [body]), at, 0)
            case MarginAnswer():
                self.instructions.hear(MarginAnswered(self._pbu, body), at, 0)

    def _said(self, payload: bytes, at: Nanos) -> None:
        for effect in msgspec.msgpack.decode(payload):
            kind = _SENDS.get(effect[0])
            if kind is None:
                continue
            send = msgspec.convert(effect, kind)
            self.deals.sent(send, at, 0)
            if isinstance(send, Send):
                self.instructions.take(send, at, 0)
