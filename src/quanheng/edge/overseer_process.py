"""The firm's overseer on a running clock: its own feed, its own copy of the fills, its own journal.

Nothing here waits for the desk's engine or for the gateway. The firm's authority runs beside the
overseer, in the same process: what it puts into force goes to the engine as soon as one is there,
and again until the engine says that it is journaled (borders.md 5).
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.firm import FirmAuthority
from quanheng.authority.messages import (
    AuthorityOpen,
    Delivered,
    Issue,
    Pending,
    Propose,
    Recorded,
    Refused,
    Reissue,
    Second,
)
from quanheng.edge.clock import monotonic
from quanheng.edge.copy_line import CopyClient
from quanheng.edge.firm_acts import Act, ActFile, last_line
from quanheng.edge.firm_link import DeskDoor, Far, Handed, Ordered, Taken
from quanheng.edge.health import Health
from quanheng.edge.isolation import LOCAL, guard
from quanheng.edge.issued import BadLine, IssuedFile
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.loop import Loop
from quanheng.edge.market_feed import FeedClient
from quanheng.edge.oversight_lines import DeskLine, UnderlyingLine, images
from quanheng.edge.tls import OVERSEER, PARTNER, identity
from quanheng.maker.messages import Notify
from quanheng.oversight.messages import (
    AnyCopy,
    Ask,
    CloseDay,
    OverseerEffect,
    OverseerOpen,
    Told,
    Written,
)
from quanheng.oversight.overseer import Overseer
from quanheng.runtime.envelope import RaiseAlert, Source
from quanheng.runtime.host import Host
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.live import BusinessClock, LiveHost
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.restore import complete_tail, recover
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.market import ChainTick
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

LONGEST_WAIT = 20 * MILLISECOND
TARGET = "maker"
LOOK_EVERY = 100 * MILLISECOND
"""How often acts of people are looked for."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """RUN/live/overseer.msgpack. `acts` are people's of the day's plan, with their times; of
    `seconds`, the next one agrees to what waits for a second person.
    """

    opening: OverseerOpen
    authority: AuthorityOpen
    signs: list[Recorded]
    acts: list[tuple[Nanos, Act]]
    seconds: list[tuple[Nanos, str]]
    host: str
    feed_port: int
    copy_port: int
    snapshot_every: Nanos
    marks: list[Nanos]
    feed_standby: tuple[tuple[str, int], ...] = ()  # other ends of the market data (T-05)
    desk: tuple[str, int] = ("", 0)  # where engines of other hosts come to; "": nowhere
    peers: tuple[str, ...] = LOCAL
    tls: str = ""  # folder of certificates; empty: a plain line to them


def _host(
    run: Path, make: Callable[[], Any], setup: Setup
) -> tuple[LiveHost, dict[str, Any] | None]:
    """A machine with its journal in the run folder, brought back where it has one: then with what
    is to be told of that.
    """
    journal = SegmentJournal(run, make().NAME)
    snapshots = FolderSnapshots(run, make().NAME, keep=5)
    release = Release(Policy.SYNCED)
    told = None
    if journal.next_seq > 1:
        recovered = recover(make, journal, snapshots)
        complete_tail(recovered, journal)
        host = Host.resumed(recovered.core, journal, snapshots, release)
        told = {"torn": journal.torn, **recovered.told()}
    else:
        host = Host(make(), journal, snapshots, release)
    return LiveHost(host, setup.snapshot_every, setup.marks, pause=2 * SECOND), told


def _inputs(live: LiveHost) -> Iterator[Any]:
    """Every input of a journal."""
    decode = envelope_decoder(type(live.host.machine)).decode
    return (decode(one.payload) for one in live.host.journal.read(1) if one.kind == INPUT)


class OverseerProcess:
    """One life of the overseer's process."""

    def __init__(self, run: Path, setup: Setup, loop: Loop) -> None:
        self.setup = setup
        self.loop = loop
        self.lines = LineFile(run / "live" / "overseer.jsonl")
        self.lag: Nanos = 0
        self._health = Health(self.lines)
        self._run = run
        self._clock: BusinessClock | None = None
        self._over, told = _host(run, Overseer, setup)
        self._firm, firm = _host(run, FirmAuthority, setup)
        self.resumed = told is not None
        for machine, one in ((Overseer.NAME, told), (FirmAuthority.NAME, firm)):
            if one is not None:
                self._say("recovered", machine=machine, **one)
        self._machine: Any = self._over.host.machine
        self._acts = list(setup.acts)
        self._seconds = list(setup.seconds)
        self._agree: list[tuple[Nanos, Second]] = []
        self._asked = ActFile(run)
        self._look_at: Nanos = 0
        self._done = 0  # lines of the file of acts that an earlier process took
        self._desk, self._funds = DeskLine(), UnderlyingLine()
        self._issued: IssuedFile | None = None  # for an engine that does not see the run folder
        self.door = self._open_door()
        self.feed = FeedClient(
            setup.opening.chain,
            loop,
            (setup.host, setup.feed_port),
            self._on_tick,
            self._on_bad,
            setup.feed_standby,
        )
        self.copy = CopyClient(
            loop, (setup.host, setup.copy_port), lambda: self._machine.state.copied, self._on_copy
        )

    def _open_door(self) -> DeskDoor:
        """For engines of this host and, where the setup says so, of others."""
        setup, far = self.setup, None
        if setup.desk[0]:
            guard(self.loop, setup.peers, self.lines)
            mine = identity(setup.tls, OVERSEER)
            far = Far(setup.desk, None if mine is None else partial(mine.serve, *PARTNER))
        return DeskDoor(self.loop, self._run, self._from_desk, self._desk_up, far)

    def _hand_on(self) -> None:
        """What the desk's authority issued, to an engine that cannot read it itself."""
        for found in self._issued or ():
            if isinstance(found, BadLine):
                self._say("issued_bad", line=found.line, reason=found.reason)
            else:
                self.door.send(Handed(*found))

    def _say(self, what: str, **more: Any) -> None:
        self.lines.add({"at": monotonic(), "business": self._over.at, "what": what, **more})

    def _now(self) -> Nanos:
        assert self._clock is not None
        return self._clock.at(monotonic())

    def _take(self, body: Any, source: Source, cause: int = 0) -> None:
        """Timers that are due come first, so that a machine never sees time go back."""
        now = self._now()
        self._over.advance(now)
        self._over.take(body, now, source, cause)

    def _tell_firm(self, body: Any, source: Source, cause: int = 0) -> None:
        now = self._now()
        self._firm.advance(now)
        self._firm.take(body, now, source, cause)

    # Lines -----------------------------------------------------------------------------------

    def _on_tick(self, tick: Any) -> None:
        keep = images if isinstance(tick, ChainTick) else self._funds.carry
        for body in keep(tick, tick.at):
            self._take(body, Source.FEED)

    def _on_bad(self, bad: Any) -> None:
        self._say("quarantined", offset=bad.offset, reason=bad.reason)

    def _on_copy(self, body: AnyCopy) -> None:
        self._take(body, Source.VENUE)

    def _from_desk(self, message: Notify | Taken) -> None:
        if isinstance(message, Taken):
            self._tell_firm(Delivered(message.proposal), Source.OVERSEER)
            return
        for claim in self._desk.carry(message, message.at):
            self._take(claim, Source.DESK)

    def _desk_up(self) -> None:
        """An engine came: half a claim of another is void; it hears what it may have missed."""
        self._desk = DeskLine()
        self._say("desk")
        if self.setup.desk[0]:
            self._issued = IssuedFile(self._run, TARGET)
        if self._clock is not None:
            self._tell_firm(Reissue(TARGET), Source.OVERSEER)

    # The running day -------------------------------------------------------------------------

    def begin(self, clock: BusinessClock) -> None:
        """The clock runs: open the day, or go on with it."""
        self._clock = clock
        if self.resumed:
            self._ask_again()
            self._done = max(last_line(_inputs(one)) for one in (self._over, self._firm))
            self._acts = [one for one in self._acts if one[0] > self._over.at]
        else:
            self._take(self.setup.opening, Source.RUNTIME)
            self._tell_firm(self.setup.authority, Source.RUNTIME)
            for sign in self.setup.signs:
                self._tell_firm(sign, Source.DESK)
        self._commit()

    def _ask_again(self) -> None:
        """What was asked for before the crash and never reached the firm's authority."""
        decode = msgspec.msgpack.Decoder(list[OverseerEffect]).decode
        firm: Any = self._firm.host.machine
        known = firm.state.proposals
        for frame in self._over.host.journal.read(1):
            if frame.kind == EFFECTS:
                for effect in decode(frame.payload):
                    if isinstance(effect, Ask) and effect.number not in known:
                        self._propose(effect)

    def _propose(self, ask: Ask) -> None:
        body = Propose(ask.number, TARGET, ask.command, ask.by)
        self._tell_firm(body, Source.OVERSEER)

    def turn(self) -> None:
        """One round."""
        clock = self._clock
        assert clock is not None
        due = min(self._over.next_due(), self._firm.next_due())
        wait = max(0, min(LONGEST_WAIT, clock.when(due) - monotonic()))
        self.loop.poll(wait / SECOND)
        woken = monotonic()
        self.feed.tick(woken)
        self.copy.tick(woken)
        now = clock.at(woken)
        self._people(now, woken)
        self._over.advance(now)
        self._firm.advance(now)
        self._commit()
        self.door.tick(woken)
        self.loop.flush()
        for host in (self._over, self._firm):
            if host.checkpoint_due(woken):
                host.checkpoint(woken)
        ended = monotonic()
        self.lag = max(self.lag, ended - woken)
        if self._health.turn(woken, ended):
            self._health.tell(
                ended,
                inputs=self._over.host.sequencer.seq,
                copies=self._machine.state.copied,
                cases=len(self._machine.state.cases),
                desk=int(self.door.up),
                feed_losses=self.feed.losses,
            )

    def _people(self, now: Nanos, elapsed: Nanos) -> None:
        """What people of the firm do: by the plan of the day, and by the run's file of acts."""
        while self._acts and self._acts[0][0] <= now:
            self._act(self._acts.pop(0)[1])
        while self._agree and self._agree[0][0] <= now:
            self._tell_firm(self._agree.pop(0)[1], Source.DESK)
        if elapsed >= self._look_at:
            self._look_at = elapsed + LOOK_EVERY
            self._hand_on()
            for number, act in self._asked.read(self._done, self._say):
                self._act(act, number)

    def _act(self, act: Act, cause: int = 0) -> None:
        if isinstance(act, Second):
            self._tell_firm(act, Source.DESK, cause)
        else:
            self._take(act, Source.OVERSEER, cause)

    def _commit(self) -> None:
        """Make both journals durable, then let out what follows; a question of the overseer becomes
        an input of the authority, which has to be durable in its turn.
        """
        for part in self._over.commit():
            for effect in part.effects:
                match effect:
                    case Ask():
                        self._propose(effect)
                    case RaiseAlert():
                        self._alert(effect)
                    case Written():
                        self._say("case", case=effect.case, event=effect.event, by=effect.by)
                    case Told():
                        self._say("told", case=effect.case, by=effect.by, why=effect.why)
        for part in self._firm.commit():
            for effect in part.effects:
                match effect:
                    case Issue():
                        self.door.send(Ordered(effect.proposal, effect.command))
                        self._say("issued", proposal=effect.proposal)
                    case Pending() if self._seconds:
                        when, by = self._seconds.pop(0)
                        self._agree.append((when, Second(effect.proposal, by)))
                    case Refused():
                        self._say("refused", proposal=effect.proposal, code=effect.code)

    def _alert(self, effect: RaiseAlert) -> None:
        args = list(effect.args)
        self._say("alert", code=effect.code, scope=effect.scope, args=args)

    def leave(self, patience: Nanos) -> None:
        """The day ends: hear the last copies, then the last figures."""
        until = monotonic() + patience
        self.copy.ask()
        while self._machine.state.copied != self.copy.there and monotonic() < until:
            self.turn()
        self._take(CloseDay(), Source.RUNTIME)
        self._commit()

    def close(self) -> dict[str, int]:
        """Last snapshots and what was counted."""
        state = self._machine.state
        counts = {
            "inputs": self._over.host.sequencer.seq,
            "copies": state.copied,
            "missing_copies": max(0, self.copy.there - state.copied),
            "cases": len(state.cases),
            "figures": state.runs,
            "feed_losses": self.feed.losses,
            "copy_losses": self.copy.losses,
            "worst_turn_ms": self.lag // MILLISECOND,
        }
        self._say("end", **counts)
        self.feed.leave()
        for host in (self._over, self._firm):
            host.finish()
        self.loop.close()
        self.lines.close()
        return counts
