"""Proposals of a run's authority as rows: what waits for a second person, what became of the rest.

The authority's journal is followed without its lock; the machine itself says where each proposal
stands, who may second it and who is signed on.
"""

from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.authority import Authority, AuthorityState, Proposal
from quanheng.authority.policy import Status, rule_of
from quanheng.compose.console_blotter import SHOWN
from quanheng.desk.frames import Row, Rows
from quanheng.edge.journal_tail import JournalTail
from quanheng.runtime.host import Core
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.terms.days import clock_text
from quanheng.terms.units import Nanos


class Approvals:
    """Follows the journal of an authority, the desk's or the firm's; nothing to show until somebody
    has proposed something.
    """

    def __init__(self, run: Path, kind: type[Authority] = Authority) -> None:
        self._tail = JournalTail(run, kind.NAME)
        self._core = Core(kind())
        self._decode = envelope_decoder(type(self._core.machine)).decode
        self._seen: dict[int, Nanos] = {}
        self._rows: Rows = {}

    @property
    def state(self) -> AuthorityState:
        """The machine's state, to read only."""
        machine: Any = self._core.machine
        state: AuthorityState = machine.state
        return state

    def rows(self) -> Rows:
        """The newest proposals by number, and a row "duty" of who is signed on where."""
        moved = False
        for frame, _ in self._tail.poll():
            if frame.kind == INPUT:
                envelope = self._decode(frame.payload)
                self._core.sequencer.seq, self._core.sequencer.at = envelope.seq, envelope.at
                self._core.absorb(envelope)
                self._core.armed.clear()
                for number in self.state.proposals:
                    self._seen.setdefault(number, envelope.at)
                moved = True
        if moved or not self._rows:
            found = list(self.state.proposals.values())[-SHOWN:]
            self._rows = {str(one.proposal): self._row(one) for one in found}
            self._rows["duty"] = {"on": {k: list(v) for k, v in self.state.on_duty.items() if v}}
        return self._rows

    def _row(self, one: Proposal) -> Row:
        command = one.command
        fields = msgspec.to_builtins(command)
        names = [field.name for field in msgspec.structs.fields(type(command))]
        values = dict(zip(names, fields[1:], strict=True))
        scope = str(values.pop("scope", values.get("contract", "")))
        waits = one.status == Status.PROPOSED
        return {
            "number": one.proposal,
            "at": clock_text(self._seen[one.proposal])[:8],
            "act": str(one.act),
            "by": one.by,
            "scope": scope,
            "command": type(command).__name__,
            "fields": {
                key: value
                for key, value in values.items()
                if key not in ("by", "seconded_by") and value not in ("", False, None)
            },
            "before": self._before(one, scope, values),
            "status": str(one.status),
            "posts": list(rule_of(one.act).seconders),
            "waits": int(waits),
            "seconded_by": one.seconded_by,
        }

    def _before(self, one: Proposal, scope: str, values: dict[str, Any]) -> Any:
        """What is in force where the proposal would change it, as the authority knows it."""
        if "state" in values:
            return self.state.states.get(f"{one.target} {scope}")
        if "name" in values:
            key = f"{one.target} {scope} {values['name']}"
            known = self.state.parameters.get(str(values["name"]))
            return self.state.limits.get(key, known.value if known else None)
        return None
