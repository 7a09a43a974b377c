"""Plays the protocol scripts of the tests against the side that their header names."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

from script_feed import FeedSide, ReaderSide
from script_sides import ACCOUNTS, PBU, ExchangeSide, MemberSide

from quanheng.edge.lab.script import Script, Side

SCRIPTS = Path(__file__).parent / "scripts"
SESSIONS: dict[str, Callable[[str], Side]] = {
    "member": MemberSide,
    "feed": FeedSide,
    "reader": ReaderSide,
}


def script(path: Path) -> Script:
    return Script(path.name, path.read_text("utf-8"))


def play(one: Script, folder: Path) -> None:
    """Play a script against the side its header names."""
    clock = one.header.get("clock", "10:00")
    kind = one.header.get("side", "exchange")
    session = SESSIONS.get(kind)
    side = session(clock) if session else ExchangeSide(folder, clock, ACCOUNTS[kind])
    one.play(side, {"pbu": PBU}, (f"F{number:09d}" for number in count()))
