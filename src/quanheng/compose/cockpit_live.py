"""The cockpit of a day that runs, or of any run by its maker's own journal.

The newest snapshot is restored and rolled forward with the inputs that follow; a running journal
is read up to its last whole frame. The maker sees its own duties: the market's volume and the
other makers' are not in its state, nor how long a single due side stood.
"""

from pathlib import Path

from quanheng.compose.cockpit_stand import History, Stand, assembled
from quanheng.compose.run_folder import RunError
from quanheng.duties.cockpit import view
from quanheng.duties.conditions import from_rulebook
from quanheng.duties.follower import Follower
from quanheng.duties.lookout import look, look_at_inquiries
from quanheng.duties.measure import subjects_of
from quanheng.duties.scale import scale_of
from quanheng.maker import columns as c
from quanheng.maker.maker import Maker
from quanheng.maker.state import State
from quanheng.rulebook.phases import timetable
from quanheng.runtime.host import Core
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import envelope_decoder, unseal_checkpoint
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms import market
from quanheng.terms.days import midnight
from quanheng.terms.units import Day, DayNanos, Nanos


def maker_at(run: Path, day: Day, until: DayNanos) -> tuple[State, Nanos]:
    """The maker's state after its last input at or before `until`, and that input's time.

    RunError for a folder without its journal, or one that begins later.
    """
    folder = run / "journal" / Maker.NAME
    paths = segment_paths(folder) if folder.is_dir() else []
    if not paths:
        raise RunError(f"{run}: neither a dataset nor a journal of the maker")
    limit = midnight(day) + until
    maker, first = Maker(), 1
    core = Core(maker)
    snapshots = FolderSnapshots(run, Maker.NAME, durable=False)
    for seq in reversed([seq for seq in snapshots.seqs() if seq >= paths[0][0]]):
        file = snapshots.read(seq)
        checkpoint = None if file is None else unseal_checkpoint(file)
        if checkpoint is not None and checkpoint.mark.at <= limit:
            core.load(checkpoint)
            first = checkpoint.frame_seq + 1
            break
    if first == 1 and paths[0][0] > 1:
        raise RunError(f"{run}: the maker's journal has no snapshot before the time asked for")
    decode = envelope_decoder(Maker).decode
    for frame in read_segments(folder, Maker.NAME, first):
        if frame.kind != INPUT:
            continue
        envelope = decode(frame.payload)
        if envelope.at > limit:
            break
        core.sequencer.seq, core.sequencer.at = envelope.seq, envelope.at
        core.absorb(envelope)
        core.armed.clear()
    return maker.state, core.sequencer.at


def follower_of(state: State) -> Follower:
    """A follower as the maker's state has it. RunError before the day's opening."""
    opened, meter = state.opened, state.meter
    if opened is None or meter is None:
        raise RunError("the maker has not opened its day yet")
    subjects = subjects_of(opened.chain, opened.rulebook)
    rows, work = state.view.rows, state.work
    sides = (c.W_LIVE_PX, c.W_LIVE_QTY, c.W_COLUMNS + c.W_LIVE_PX, c.W_COLUMNS + c.W_LIVE_QTY)
    quotes = [(row[0], row[1], row[2], row[3]) for row in work[:, sides].tolist()]
    return Follower(
        meter=meter,
        terms=from_rulebook(opened.rulebook),
        subjects=subjects,
        quotes=quotes,
        phases=rows[:, market.PHASE].tolist(),
        phase_at=[lane.since for lane in meter.lanes],
        sides=None,
        holes=[],
        traded=None,
        volumes=None,
    )


def stand_live(run: Path, day: Day, until: DayNanos, past: dict[str, History]) -> Stand:
    """The cockpit of the maker's own state at `until`, or at its last input if that is earlier."""
    state, at = maker_at(run, day, until)
    follower = follower_of(state)
    opened = state.opened
    assert opened is not None, "follower_of needs the day's opening"
    book, epoch = opened.rulebook, midnight(day)
    scale = scale_of(book)
    cockpit = view(follower, at, book, scale, epoch)
    alerts = look(follower, at, book, timetable(book), epoch)
    alerts += look_at_inquiries(follower, at)
    return assembled(cockpit, book, scale, past, day, at - epoch, alerts, epoch)
