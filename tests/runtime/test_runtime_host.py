"""Host, release, recovery and the laws of a machine (F02, F05, F13)."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import toy

from quanheng.runtime.envelope import Envelope, NotSent, Source, TimerFired, TookOver, WakeAt
from quanheng.runtime.host import Core, Host, HostBrokenError
from quanheng.runtime.journal import INPUT, MARK, JournalCorruptError
from quanheng.runtime.laws import broken_laws
from quanheng.runtime.memory import MemoryJournal, MemorySnapshots, MemoryStores
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.replay import replay
from quanheng.runtime.restore import RecoveryError, complete_tail, recover
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.runtime.timers import MAX_TIMERS, Timers
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import Send


def maker_inputs(steps: int = 60) -> list[Envelope[Any]]:
    """The maker's inputs of a short toy day."""
    stores = MemoryStores()
    toy.open_world(toy.world(stores, steps=steps), steps=steps).run()
    decode = envelope_decoder(toy.ToyMaker).decode
    frames = stores.journals["maker"].read()
    return [decode(frame.payload) for frame in frames if frame.kind == INPUT]


def feed(host: Host, envelopes: Sequence[Envelope[Any]]) -> None:
    for envelope in envelopes:
        host.take(envelope.body, envelope.at, envelope.source, envelope.cause)


def first_tick(envelopes: Sequence[Envelope[Any]]) -> Envelope[Any]:
    return next(e for e in envelopes if isinstance(e.body, ChainTick))


def test_nothing_leaves_before_its_input_is_durable(tmp_path: Path) -> None:
    """Synced release: effects wait for the fsync that covers input and effects (borders.md 2)."""
    journal = SegmentJournal(tmp_path, "maker")
    host = Host(toy.ToyMaker(), journal, release=Release(Policy.SYNCED))
    release = host.release
    assert release is not None
    tick = first_tick(maker_inputs(3))
    host.take(tick.body, tick.at, tick.source)
    assert release.free(journal.flush(), journal.durable_seq) == [] and len(release) == 1
    held = host.commit()
    assert [type(effect) for effect in held[0].effects] == [Send, WakeAt]
    assert held[0].frame_seq == 2 <= journal.durable_seq and len(release) == 0
    journal.close()


def test_replicated_release_waits_for_the_standby() -> None:
    """Replicated: the slower of the two durable watermarks decides."""
    release = Release(Policy.REPLICATED)
    for number in range(1, 6):
        release.hold(number * 2, number, [number])
    assert release.free(99, 99) == []
    release.acknowledge(6)
    assert [held.input_seq for held in release.free(99, 5)] == [1, 2]
    assert [held.input_seq for held in release.free(99, 99)] == [3]
    release.acknowledge(2)
    assert release.replica_seq == 6


def test_withheld_requests_come_back_as_not_sent() -> None:
    """What release drops is told to the machine by client id, and the machine counts it."""
    host = Host(toy.ToyMaker(), MemoryJournal("maker"), release=Release(Policy.SYNCED))
    tick = first_tick(maker_inputs(3))
    host.take(tick.body, tick.at, tick.source)
    told = host.withhold("gateway down")
    assert told == NotSent(["M000000001", "M000000002"], "gateway down")
    host.take(told, tick.at, Source.RUNTIME)
    assert host.machine.state.withheld == 2  # type: ignore[attr-defined]
    assert host.withhold("again") is None and host.commit() == []


def test_release_is_bounded() -> None:
    """A disk that falls behind stops the host instead of filling the memory."""
    release = Release(Policy.SYNCED, bound=3)
    for number in range(3):
        release.hold(number, number, ["x"])
    with pytest.raises(OverflowError, match="waiting for frame 0"):
        release.hold(4, 4, ["x"])


def test_time_is_clamped_and_counted() -> None:
    """A clock that steps back never makes `at` decrease; the host can say by how much."""
    host = Host(toy.ToyMaker(), MemoryJournal("maker"))
    for at in (100, 90, 110, 105):
        host.take(TookOver(1), at, Source.RUNTIME)
    decode = envelope_decoder(toy.ToyMaker).decode
    assert [decode(f.payload).at for f in host.journal.read()] == [100, 100, 110, 110]
    assert (host.sequencer.clamped, host.sequencer.worst) == (2, 10)


def test_a_broken_machine_is_fed_no_more() -> None:
    """An exception in apply stops the host; the poison input is in the journal."""
    host = Host(toy.ToyMaker(), MemoryJournal("maker"))
    host.take(TookOver(1), 1, Source.RUNTIME)
    with pytest.raises(TypeError):
        host.take("nonsense", 2, Source.RUNTIME)
    with pytest.raises(HostBrokenError, match="input 2"):
        host.take(TookOver(2), 3, Source.RUNTIME)
    assert host.journal.next_seq == 3


def test_timers_must_be_later_than_now() -> None:
    """WakeAt for this instant or before is a breach, so no machine hears itself at once."""
    core = Core(toy.ToyMaker())
    with pytest.raises(ValueError, match="timer t asks for 5"):
        core._arm(WakeAt("t", 5), Envelope(1, 5, Source.FEED, 0, None))


def test_live_timers_fire_in_order_and_once() -> None:
    """`fire` takes due timers by time and then by arming order, and stops when none is due."""
    timers = Timers()
    tokens = [timers.arm(name, at, 1) for name, at in (("b", 20), ("a", 10), ("c", 10), ("a", 30))]
    assert not timers.is_current("a", tokens[1]) and timers.is_current("a", tokens[3])
    order = []
    while (due := timers.next_due()) is not None:
        order.append(due[2])
        timers.fired(due[2], due[0])
    assert order == ["c", "b", "a"]
    with pytest.raises(OverflowError):
        for number in range(MAX_TIMERS + 1):
            timers.arm(f"n{number}", 1, 1)


def test_host_fires_its_timers() -> None:
    """A live host turns a due timer into one journaled TimerFired input."""
    host = Host(toy.ToyMaker(), MemoryJournal("maker"))
    tick = first_tick(maker_inputs(3))
    host.take(tick.body, tick.at, tick.source)
    due = host.timers.next_due()
    assert due is not None and host.fire(due[0] - 1) is None
    assert host.fire(due[0] + 5) is not None and host.fire(due[0] + 5) is None
    body = envelope_decoder(toy.ToyMaker).decode(list(host.journal.read())[-1].payload).body
    assert body == TimerFired("idle", due[0])


def test_recovery_at_random_places_continues_identically(tmp_path: Path) -> None:
    """Stopped after any input, with snapshots at any place, the rest of the day is the same."""
    envelopes = maker_inputs()
    whole = Host(toy.ToyMaker(), MemoryJournal("maker"))
    feed(whole, envelopes)
    draw = random.Random(5)
    for number in range(12):
        root = tmp_path / str(number)
        cut = draw.randrange(1, len(envelopes))
        snap = draw.randrange(0, cut + 1)
        journal, store = SegmentJournal(root, "maker"), FolderSnapshots(root, "maker")
        host = Host(toy.ToyMaker(), journal, store)
        feed(host, envelopes[:snap])
        if snap:
            host.checkpoint()
        feed(host, envelopes[snap:cut])
        journal.close()
        journal = SegmentJournal(root, "maker")
        found = recover(toy.ToyMaker, journal, FolderSnapshots(root, "maker"))
        assert found.applied == cut - snap and found.core.sequencer.seq == cut
        assert found.core.timers.rows() == host.timers.rows() and found.core.epoch == host.epoch
        host = Host.resumed(found.core, journal, store)
        feed(host, envelopes[cut:])
        assert host.machine.digest() == whole.machine.digest()
        assert replay(journal.read(), toy.ToyMaker()).ok
        journal.close()


def test_recovery_passes_over_bad_snapshots(tmp_path: Path) -> None:
    """Damaged, newer than the journal, or of another state: an older one or the start is used."""
    envelopes = maker_inputs()
    journal, store = SegmentJournal(tmp_path, "maker"), FolderSnapshots(tmp_path, "maker")
    host = Host(toy.ToyMaker(), journal, store)
    seqs = []
    for at in range(0, 60, 20):
        feed(host, envelopes[at : at + 20])
        seqs.append(host.checkpoint())
    other = store.read(seqs[0])
    assert other is not None
    store.write(seqs[2], other)
    store.publish(seqs[2])
    store.write(9_999, other)
    store.publish(9_999)
    (tmp_path / f"snap/maker/{seqs[1]:016d}.bin").write_bytes(b"QHS1 rubbish")
    found = recover(toy.ToyMaker, journal, store)
    assert found.from_frame == seqs[0] and len(found.skipped) == 3
    assert found.core.machine.digest() == host.machine.digest()
    (tmp_path / f"snap/maker/{seqs[0]:016d}.bin").unlink()
    found = recover(toy.ToyMaker, journal, store)
    assert found.from_frame == 0 and found.core.machine.digest() == host.machine.digest()
    journal.close()


def test_f13_a_damaged_list_of_snapshots_stops_nobody(tmp_path: Path) -> None:
    """Each byte of the manifest flipped: the same state, and what cannot be read is told; the next
    snapshot makes the list anew.
    """
    envelopes = maker_inputs()
    journal, store = SegmentJournal(tmp_path, "maker"), FolderSnapshots(tmp_path, "maker")
    host = Host(toy.ToyMaker(), journal, store)
    for at in range(0, 60, 20):
        feed(host, envelopes[at : at + 20])
        last = host.checkpoint()
    path = tmp_path / "snap/maker/manifest.json"
    whole = path.read_bytes()
    named = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        store = FolderSnapshots(tmp_path, "maker")
        found = recover(toy.ToyMaker, journal, store)
        assert found.core.machine.digest() == host.machine.digest()
        if store.damage:
            named += 1
            assert found.from_frame == last and found.skipped == (store.damage,)
            assert "manifest.json of the snapshots cannot be read" in store.damage
    assert named > 20
    path.write_bytes(b"[]")
    host.snapshots = FolderSnapshots(tmp_path, "maker")
    assert host.snapshots.damage and len(host.snapshots.seqs()) == 3
    (tmp_path / "snap/maker/notes.bin").write_bytes(b"not ours")
    host.checkpoint()
    assert not host.snapshots.damage and not FolderSnapshots(tmp_path, "maker").damage
    assert len(FolderSnapshots(tmp_path, "maker").seqs()) == 4
    journal.close()


def test_a_lost_effect_record_is_completed_not_sent(tmp_path: Path) -> None:
    """Cut between I and O: recovery reports the effects nobody saw; the journal is completed."""
    tick = first_tick(maker_inputs(3))
    memory = MemoryJournal("maker")
    host = Host(toy.ToyMaker(), memory)
    host.take(tick.body, tick.at, tick.source)
    whole = list(memory.frames)
    cut = MemoryJournal("maker")
    cut.append(INPUT, next(memory.read()).payload)
    found = recover(toy.ToyMaker, cut, None)
    assert [type(effect) for effect in found.unrecorded] == [Send, WakeAt]
    complete_tail(found, cut)
    assert cut.frames == whole
    assert recover(toy.ToyMaker, cut, None).unrecorded == ()


def test_recovery_with_other_code_is_refused() -> None:
    """A machine that no longer says what the journal holds is not brought back."""

    class OtherMaker(toy.ToyMaker):
        def _order(self) -> Sequence[str]:
            return toy.CODES[::-1]

    host = Host(toy.ToyMaker(), MemoryJournal("maker"))
    feed(host, maker_inputs(5))
    with pytest.raises(RecoveryError, match="effects differ"):
        recover(OtherMaker, host.journal, None)


def test_marks_are_checked_while_recovering() -> None:
    """An S frame met on the way must have the digest of the recovered state."""
    host = Host(toy.ToyMaker(), MemoryJournal("maker"), MemorySnapshots())
    feed(host, maker_inputs(5))
    host.machine.state.cash += 1  # type: ignore[attr-defined]
    host.checkpoint()
    with pytest.raises(RecoveryError, match="digest differs"):
        recover(toy.ToyMaker, host.journal, None)


def test_memory_journal_checks_what_it_reads() -> None:
    """Even the reference journal notices a frame out of place."""
    journal = MemoryJournal("maker")
    for _ in range(4):
        journal.append(MARK, b"")
    del journal.frames[2]
    with pytest.raises(JournalCorruptError):
        list(journal.read())


class TwoAttributes(toy.ToyMaker):
    """Keeps something beside its state."""

    def __init__(self) -> None:
        super().__init__()
        self.extra = 0

    def apply(self, envelope: Envelope[Any]) -> Sequence[Any]:
        self.extra += 1
        effects = super().apply(envelope)
        return effects if self.extra < 9 else effects[:1]


def test_laws_hold_for_the_toys_and_find_hidden_state() -> None:
    """The law checker passes good machines and finds an attribute beside `state`."""
    envelopes = maker_inputs()
    assert broken_laws(toy.ToyMaker, envelopes) == []
    broken = broken_laws(TwoAttributes, envelopes)
    assert "the attributes are ['state', 'extra']" in broken[0]
    assert any("restored twin has other effects" in text for text in broken)
