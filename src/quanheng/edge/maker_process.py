"""The maker on a running clock, between the market-data line and the gateway (borders.md 2).

A turn: wait, take what came, fire timers, make the journal durable, and only then let effects out.
Inputs are collected for at most 5 ms before the group commit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from quanheng.edge.clock import WallWatch, monotonic, wall
from quanheng.edge.clock_state import StampOffsets
from quanheng.edge.engine_link import EngineLink
from quanheng.edge.firm_link import FirmLine, Watchman
from quanheng.edge.health import Health
from quanheng.edge.issued import BadLine, IssuedFile
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.link_messages import Bye, Fenced, Sync, encode_frame
from quanheng.edge.loop import Loop
from quanheng.edge.maker_setup import MakerSetup, Shift, quoted_in
from quanheng.edge.market_feed import FeedClient
from quanheng.edge.pair import Lead, far_of, resting
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify, Resync
from quanheng.runtime.envelope import (
    LinkChanged,
    NotSent,
    OverseerSeen,
    RaiseAlert,
    Source,
    TookOver,
)
from quanheng.runtime.host import Host
from quanheng.runtime.journal import JournalCorruptError
from quanheng.runtime.live import BusinessClock, LiveHost
from quanheng.runtime.release import Held, Policy, Release
from quanheng.runtime.restore import complete_tail, recover
from quanheng.runtime.scrub import Scrub
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.codes import Alert, Link, TradingState
from quanheng.terms.commands import Command, Pull, SetState
from quanheng.terms.etf import EtfSend
from quanheng.terms.orders import Reports, Send
from quanheng.terms.units import MICROSECOND, MILLISECOND, SECOND, Nanos

LONGEST_WAIT = 20 * MILLISECOND
LAG_WARNING = 250 * MILLISECOND
ISSUED_EVERY = 100 * MILLISECOND
"""How often the authority's issued commands are looked for."""
MAX_REARMS = 100
"""Times an engine may lead again by itself after the gateway's dead-man's switch."""


class MakerProcess:
    """One life of the maker's process."""

    def __init__(
        self,
        run: Path,
        setup: MakerSetup,
        loop: Loop,
        started: dict[str, Nanos],
        lead: Lead | None = None,
    ) -> None:
        """`lead`: this process leads as a node of a pair; else it recovers its own journal."""
        self.setup = setup
        self._lead = lead
        self.loop = loop
        self.lines = LineFile(run / "live" / "maker.jsonl")
        self._health, self._offsets = Health(self.lines), StampOffsets()
        self._views = (run / "live" / "views.bin").open("ab")
        self.stages = dict(started)
        self.failed = ""  # why this process cannot go on
        self.leaving = False
        self.lag: Nanos = 0
        self._clock: BusinessClock | None = None
        self._shifts: list[Shift] = []
        self._rearms = self._late = self._bad = 0
        self._quoted = False
        self._machine: Any = None
        home = Path(lead.setup.home or run) if lead is not None else run
        self._issued = IssuedFile(home, Maker.NAME)
        self._look_at: Nanos = 0
        self._wall = WallWatch(monotonic, wall)
        journal = SegmentJournal(run, Maker.NAME) if lead is None else lead.journal
        self._scrub = Scrub(run / "journal" / Maker.NAME, Maker.NAME)
        self.resumed = journal.next_seq > 1
        self._live = self._recover(run, journal)
        self.epoch = max(1, self._live.host.epoch) + (1 if self.resumed else 0)
        if lead is not None:
            self.epoch = lead.epoch
        self._stage("restored")
        self.link = EngineLink(
            loop,
            run / "engine.sock",
            Maker.NAME,
            setup.heartbeat_ms * MILLISECOND,
            self._from_gateway,
            self._on_fenced,
            self._on_lost,
        )
        self.firm: FirmLine | None = None
        if setup.overseer_late:
            watchman = Watchman(setup.overseer_late, setup.overseer_lost, monotonic())
            heard = (self._from_firm, self._from_authority)
            far = far_of(lead.setup) if lead is not None else None
            self.firm = FirmLine(loop, home, monotonic, watchman, *heard, far)
        chain, ends = setup.opening.chain, ((setup.host, setup.feed_port), *setup.feed_standby)
        self.feed = FeedClient(chain, loop, ends[0], self._on_tick, self._on_bad, ends[1:])

    def _recover(self, run: Path, journal: SegmentJournal) -> LiveHost:
        snapshots = FolderSnapshots(run, Maker.NAME, keep=5)
        release = Release(Policy.SYNCED)
        make: Callable[[], Any] = Maker
        if self._lead is not None:
            host = self._lead.host
        elif self.resumed:
            recovered = recover(make, journal, snapshots)
            complete_tail(recovered, journal)
            host = Host.resumed(recovered.core, journal, snapshots, release)
            self._say("recovered", torn=journal.torn, **recovered.told())
        else:
            host = Host(make(), journal, snapshots, release)
        self._machine = host.machine
        return LiveHost(host, self.setup.snapshot_every, self.setup.marks, pause=2 * SECOND)

    def _say(self, what: str, **more: Any) -> None:
        self.lines.add({"at": monotonic(), "what": what, **more})

    def _stage(self, name: str) -> None:
        self.stages[name] = monotonic()
        if name == "first_quote":
            begin = self.stages["spawned"]
            times = {key: (at - begin) // MICROSECOND for key, at in self.stages.items()}
            self._say("stages", epoch=self.epoch, micros=times)

    # The running day ---------------------------------------------------------------------------

    def begin(self, clock: BusinessClock) -> None:
        """The clock runs: open the day or take over, then seek the gateway."""
        self._clock = clock
        setup, live = self.setup, self._live
        now = clock.at(monotonic())
        if self.firm is not None:
            self.firm.begin(monotonic())
        after = live.at
        if not self.resumed:
            live.take(setup.opening, now, Source.RUNTIME)
            after = 0
        if self.resumed or self.epoch > 1:
            live.take(TookOver(self.epoch), now, Source.RUNTIME)
            if self._machine.state.scopes.link != Link.DOWN:
                live.take(LinkChanged(Link.DOWN), now, Source.RUNTIME)
        self._shifts = [shift for shift in setup.shifts if shift.at > after]
        self._sign(now)
        self._commit()
        state = self._machine.state
        if self._lead is not None:
            self.link.lead(self.epoch, state.next_index, *resting(state))
        else:
            self.link.lead(self.epoch)
        self._stage("leading")

    def _sign(self, now: Nanos) -> None:
        while self._shifts and self._shifts[0].at <= now:
            self._live.take(self._shifts.pop(0).sign, now, Source.DESK)

    def _take_issued(self, elapsed: Nanos) -> None:
        """Journal what the authority has issued, each proposal once (borders.md 5)."""
        if elapsed < self._look_at:
            return
        self._look_at = elapsed + ISSUED_EVERY
        for found in self._issued:
            if isinstance(found, BadLine):
                self._say("issued_bad", line=found.line, reason=found.reason)
                continue
            self._from_authority(*found)

    def _from_authority(self, proposal: int, command: Command) -> None:
        """A command of the desk's authority, by file or by the overseer's line; it counts once."""
        if proposal not in self._machine.state.issued:
            self._say("issued", proposal=proposal, command=type(command).__name__)
            self._take(command, Source.DESK, proposal)

    def _from_firm(self, proposal: int, command: Command) -> None:
        """A command of the firm's authority; it comes until it is confirmed, and counts once."""
        if -proposal not in self._machine.state.issued:
            self._say("firm", proposal=proposal, command=type(command).__name__)
            self._take(command, Source.OVERSEER, proposal)
            self._commit()
        assert self.firm is not None
        self.firm.taken(proposal)

    def _watch_firm(self, elapsed: Nanos) -> None:
        """A change of what is known of the overseer becomes an input (reliability.md 2.6)."""
        if self.firm is None:
            return
        before = self._machine.state.scopes.overseen
        seen = self.firm.tick(elapsed, before)
        if seen != before:
            self._say("overseer", state=seen.name)
            self._take(OverseerSeen(seen), Source.RUNTIME)

    def _watch_wall(self) -> None:
        """A step of the wall's clock halts everything here until two people reopen (F60)."""
        moved = self._wall.moved()
        if moved:
            why = f"clock stepped {moved // MILLISECOND} ms"
            self._take(SetState("*", TradingState.HALTED, why, "clock"), Source.RUNTIME)

    def _now(self) -> Nanos:
        assert self._clock is not None
        return self._clock.at(monotonic())

    def _take(self, body: Any, source: Source, cause: int = 0) -> None:
        """Timers that are due come first, so that a machine never sees time go back."""
        now = self._now()
        self._live.advance(now)
        self._live.take(body, now, source, cause)

    def _on_tick(self, tick: Any) -> None:
        if self.failed:
            return
        self._offsets.came(tick.at, monotonic(), self._clock)
        self._take(tick, Source.FEED)
        self._commit_if_late()

    def _on_bad(self, bad: Any) -> None:
        self._bad += 1
        self._say("quarantined", offset=bad.offset, reason=bad.reason)

    def _from_gateway(self, message: Any) -> None:
        if isinstance(message, RaiseAlert):
            self._say("alert", code=message.code, scope=message.scope, args=list(message.args))
            return
        if not self._quoted and isinstance(message, Reports):
            self._quoted = quoted_in(message, self._machine.state.ids.prefix)
            if self._quoted:
                self._stage("first_quote")
        if isinstance(message, LinkChanged) and message.state == Link.READY:
            self._stage("synced")
        source = Source.DESK if isinstance(message, Pull) else Source.VENUE
        self._take(message, source)
        self._commit_if_late()

    def _on_lost(self) -> None:
        if self._machine.state.scopes.link != Link.DOWN and not self.leaving:
            self._take(LinkChanged(Link.DOWN), Source.RUNTIME)

    def _on_fenced(self, fenced: Fenced) -> None:
        """Switched off: lead again with a higher epoch, unless somebody else already does."""
        self._say("fenced", highest=fenced.highest, why=fenced.why)
        if self.leaving:
            return
        if self._lead is not None:
            self.failed = f"fenced: {fenced.why}"  # it comes back as a follower
            return
        if fenced.highest > self.epoch:
            self.failed = f"epoch {fenced.highest} leads, this one is {self.epoch}"
            return
        self._rearms += 1
        if self._rearms > MAX_REARMS:
            self.failed = f"switched off {self._rearms} times"
            return
        self._on_lost()
        self.epoch += 1
        self._quoted = False
        self._take(TookOver(self.epoch), Source.RUNTIME)
        self._commit()
        self.link.lead(self.epoch)

    def _commit_if_late(self) -> None:
        now = monotonic()
        if now - self._late >= self.setup.sync_ms * MILLISECOND:
            self._commit()

    def _commit(self) -> None:
        """Make the journal durable, then let out what follows from it (borders.md 2)."""
        if self._lead is not None:
            self._lead.push()
        held = self._live.commit()
        self._late = monotonic()
        if self._lead is not None and (why := self._lead.tick(self._late)):
            self.failed = self.failed or why
        if self.failed:
            return  # fence 1: nothing leaves any more (reliability.md 4.2)
        refused: list[str] = []
        for part in held:
            self._let_out(part, refused)
        if refused:
            self._take(NotSent(refused, "the gateway is not there"), Source.RUNTIME)
        self.link.tick(self._late)

    def _let_out(self, part: Held, refused: list[str]) -> None:
        for effect in part.effects:
            match effect:
                case Send() | EtfSend():
                    if not self.link.send(effect):
                        refused += [request.client_id for request in effect.requests]
                case Resync():
                    self.link.send(Sync(effect.next_index))
                case RaiseAlert():
                    self._say(
                        "alert",
                        code=effect.code,
                        scope=effect.scope,
                        args=list(effect.args),
                        input=part.input_seq,
                        business=self._live.at,
                    )
                case Notify():
                    self._views.write(encode_frame(effect))
                    if self.firm is not None:
                        self.firm.show(effect)

    def turn(self) -> None:
        """One round."""
        clock = self._clock
        assert clock is not None
        began = monotonic()
        due = min(clock.when(self._live.next_due()), self.link.deadline())
        self.loop.poll(max(0, min(LONGEST_WAIT, due - began)) / SECOND)
        woken = monotonic()
        self._late = min(self._late, woken)
        self.feed.tick(woken)
        self.link.tick(woken)
        now = clock.at(woken)
        self._sign(now)
        self._live.advance(now)
        self._take_issued(woken)
        self._watch_firm(woken)
        self._watch_wall()
        self._commit()
        self.loop.flush()
        if self._live.checkpoint_due(woken):
            self._live.checkpoint(woken)
        self._scrub_on()
        ended = monotonic()
        busy = ended - woken
        if self._health.turn(woken, ended):
            scopes = self._machine.state.scopes
            self._health.tell(
                ended,
                inputs=self._live.host.sequencer.seq,
                epoch=self.epoch,
                link=int(scopes.link),
                overseen=int(scopes.overseen),
                standby=self._lead.standby if self._lead is not None else -1,
                feed_losses=self.feed.losses,
                **self._offsets.figures(ended),
                behind_ms=(clock.at(ended) - self._live.at) // MILLISECOND,
            )
        self.lag = max(self.lag, busy)
        if busy > LAG_WARNING:
            self._say("lag", micros=busy // MICROSECOND)

    def _scrub_on(self) -> None:
        """A piece of the journal's older segments; damage there is told and never read again."""
        try:
            if not self._scrub.step() and self._scrub.frames:
                self._say("scrubbed", frames=self._scrub.frames)
                self._scrub.frames = 0
        except JournalCorruptError as error:
            place = [error.file, error.seq, error.reason]
            self._say("alert", code=Alert.JOURNAL_DAMAGED, scope="*", args=place)

    def leave(self) -> None:
        """The day ends here: pull everything, say goodbye; the gateway answers when all is out."""
        self._take(Pull("*", "supervisor"), Source.DESK)
        self._commit()
        self.loop.flush()
        self.leaving = True
        self.link.send(Bye(self.epoch))

    def close(self) -> dict[str, int]:
        """Last snapshot and what was counted."""
        self._commit()
        counts = {
            "inputs": self._live.host.sequencer.seq,
            "epoch": self.epoch,
            "clamped": self._live.host.sequencer.clamped,
            "worst_turn_ms": self.lag // MILLISECOND,
            "feed_losses": self.feed.losses,
            "quarantined": self._bad,
        }
        self._say("end", **counts)
        self.feed.leave()
        if self._lead is not None:
            self._lead.leave()
            self.loop.flush()
        self._live.finish()
        self._views.close()
        self.loop.close()
        self.lines.close()
        return counts
