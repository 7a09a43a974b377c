"""A small sealed day made by hand: journals of the maker, the authority and the overseer.

Real messages in real journals, without a simulated market: the archive reads nothing else.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.messages import (
    AuthorityOpen,
    Issue,
    Pending,
    Person,
    Propose,
    Refusal,
    Second,
)
from quanheng.authority.messages import Refused as Denied
from quanheng.compose.run_folder import RunInfo, write_info
from quanheng.edge import verify_archive
from quanheng.oversight.messages import Restrain
from quanheng.runtime.envelope import Envelope, Source, TimerFired
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.verify import chain_head
from quanheng.terms.codes import Effect, Exec, Side, TradingState
from quanheng.terms.commands import ManualCancel, SetParameter, SignOn
from quanheng.terms.contract import Chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import Quote, QuoteAck, Report, Reports, Send, Stamp, Trade
from quanheng.terms.units import SECOND, Day

DAY = 20240627
A, B = "10000001", "10000002"
UNDERLYING = "510050"
encode = msgspec.msgpack.encode


class Writer:
    """One machine's journal; inputs come a second apart from 09:30 on."""

    def __init__(self, run: Path, machine: str, day: Day) -> None:
        self.journal = SegmentJournal(run, machine, durable=False)
        self.at = midnight(day) + from_clock("09:30")
        self.seq = self.journal.next_seq

    def step(self, body: object, *effects: object, cause: int = 0) -> int:
        """Journal an input and its effects; the frame of the input."""
        frame = self.journal.append(
            INPUT, encode(Envelope(self.seq, self.at, Source.DESK, cause, body))
        )
        self.journal.append(EFFECTS, encode(effects))
        self.seq, self.at = self.seq + 1, self.at + SECOND
        return frame


def contract(code: str) -> tuple[object, ...]:
    """A contract as a journal has it: only what the archive reads need be true."""
    from quanheng.compose.reference import load

    one = load(DAY).chain.contracts[0]
    return msgspec.structs.astuple(msgspec.structs.replace(one, code=code, underlying=UNDERLYING))


def quote(ident: str, code: str) -> Quote:
    return Quote(ident, code, 100, 110, 5, 5, Effect.OPEN, Effect.OPEN)


def fill(ident: str, code: str, index: int) -> Reports:
    body = Trade(ident, code, 7, index, 110, 5, 0, Side.SELL, Effect.OPEN, False, 1, 1, 5_500_000)
    return Reports([Report("1", index, body)])


def accepted(ident: str, code: str) -> Reports:
    body = QuoteAck(
        False, Exec.ACCEPTED, ident, code, 7, 100, 110, 5, 5, Effect.OPEN, Effect.OPEN, 1, 0,
        "", 0, "", 0,
    )  # fmt: skip
    return Reports([Report("1", 1, body)])


def maker(run: Path, day: Day, quotes: int, listed: tuple[str, ...]) -> None:
    """T01 on duty; `quotes` quotes of A, one of B entered by T02, fills, commands, a cancel."""
    out = Writer(run, "maker", day)
    out.step(["maker_open", day, Chain(day, tuple(contract(code) for code in listed), ())])  # type: ignore[arg-type]
    out.step(SignOn("trader", "T01", True))
    out.step(TimerFired("watch", out.at))
    machine, hand = Stamp("T01", "lean", "1", 3, 4), Stamp("T01", "hand", "1", 3, 4, "T02")
    for number in range(quotes):
        ident = f"M001{number:06d}"
        out.step(TimerFired("watch", out.at), Send(1, machine, [quote(ident, A)]))
        out.step(accepted(ident, A))
    out.step(Inquiry("I1", B, 0, 0, out.at, out.at), Send(1, hand, [quote("M001009999", B)]))
    out.step(fill("M001000000", A, 2))
    out.step(fill("M001009999", B, 3))
    out.step(SetParameter(UNDERLYING, "edge", 5, "T01", "R01"), cause=1)
    out.step(ManualCancel("M001000000", "T02"))
    out.journal.close()


def authority(run: Path, day: Day) -> None:
    """T01 proposes, R01 seconds; T02 is refused."""
    out = Writer(run, "authority", day)
    people = (Person("T01", ("trader",)), Person("R01", ("risk",)))
    out.step(AuthorityOpen(day, people, (), ("maker",), TradingState.OPEN, SECOND))
    command = SetParameter(UNDERLYING, "edge", 5, "T01")
    out.step(Propose(1, "maker", command, "T01"), Pending(1, "set", ("risk",), out.at))
    both = msgspec.structs.replace(command, seconded_by="R01")
    out.step(Second(1, "R01"), Issue("maker", both, "T01", "R01", 1))
    mine = SetParameter(A, "edge", 9, "T02")
    out.step(Propose(2, "maker", mine, "T02"), Denied(2, Refusal.WRONG_POST, "T02"))
    out.journal.close()


def make_run(
    folder: Path, day: Day = DAY, quotes: int = 20, listed: tuple[str, ...] = (A, B)
) -> Path:
    """An ended run with journals and a few files."""
    run = folder / f"{day}-calm-s1"
    maker(run, day, quotes, listed)
    authority(run, day)
    over = Writer(run, "oversight", day)
    over.step(Restrain(A, TradingState.REDUCING, "over budget", "F01"))
    over.journal.close()
    (run / "reports").mkdir()
    (run / "reports" / "profit.csv").write_text("total\n1\n", encoding="utf-8")
    names = ("authority", "maker", "oversight")
    heads = {name: chain_head(run, name).hex() for name in names}
    info = RunInfo(
        day=day, scenario="calm", seed=1, cadence_ms=3000, contracts=2, journal="full",
        version="0", rulebook="", config="", source="", hash_seed="", status="ended", heads=heads,
    )  # fmt: skip
    write_info(run, info)
    return run


def verified(archive: Path, *more: object) -> dict[str, Any]:
    """What the archive's own verifier says, in a bare interpreter."""
    command = [sys.executable, "-I", "-S", archive / "verify_archive.py", archive, "--json", *more]
    done = subprocess.run(
        [str(one) for one in command], check=False, capture_output=True, text=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1), done.stderr
    return told


def segment(archive: Path) -> Path:
    return next(archive.glob("entries/000001-*/content/journal/maker/*.seg"))


def rewritten(data: bytes) -> list[bytes]:
    return [frame for _, frame, _ in verify_archive.frames(data)]
