"""What the firm's risk department has put into force at the desk, for the desk's own authority.

The firm's authority of a run keeps a journal beside the other machines' (`firm_authority`). It is
read here and never written. The desk's authority hears of each restraint and release before it
judges a proposal, so that a scope which firm risk holds is raised by firm risk and the head alone
(`docs/authority.md`, `release`; R-02, O-04).
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from quanheng.authority.authority import AuthorityState
from quanheng.authority.firm import FirmAuthority
from quanheng.authority.messages import Issue, Recorded
from quanheng.runtime.journal import EFFECTS
from quanheng.runtime.segment import read_segments
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import SetState

_EFFECTS = msgspec.msgpack.Decoder(list[FirmAuthority.EFFECT])


def in_force(run: Path, target: str) -> dict[str, SetState]:
    """The last state that the firm issued for each scope of a target; none without its journal.

    JournalError names a frame of it that does not follow on.
    """
    folder = run / "journal" / FirmAuthority.NAME
    found: dict[str, SetState] = {}
    if not folder.is_dir():
        return found
    for frame in read_segments(folder, FirmAuthority.NAME):
        if frame.kind != EFFECTS:
            continue
        for effect in _EFFECTS.decode(frame.payload):
            ours = isinstance(effect, Issue) and effect.target == target
            if ours and isinstance(effect.command, SetState):
                found[effect.command.scope] = effect.command
    return found


def untold(run: Path, target: str, state: AuthorityState) -> Iterator[Recorded]:
    """What the desk's authority does not know yet of the firm's states. JournalError as above."""
    for scope, command in in_force(run, target).items():
        key = f"{target} {scope}"
        now, held = state.states.get(key, int(TradingState.OPEN)), key in state.held
        lowered = command.state < TradingState.OPEN
        if (lowered and (not held or command.state < now)) or (not lowered and held):
            yield Recorded(target, command)
