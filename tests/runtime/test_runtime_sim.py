"""The simulation: one order, byte-equal runs, replay in another process, resume after a kill."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import toy

from quanheng.runtime import verify
from quanheng.runtime.catchup import DivergedError
from quanheng.runtime.envelope import RaiseAlert, Record
from quanheng.runtime.journal import INPUT, MARK
from quanheng.runtime.memory import MemoryStores
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.replay import replay
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.sim import Simulation, WiringError
from quanheng.runtime.snapshots import FolderStores
from quanheng.terms.market import ChainTick
from quanheng.terms.units import MILLISECOND, SECOND

SRC = Path(__file__).parents[2] / "src"


def run_folder(root: Path, **options: object) -> Simulation:
    sim = toy.open_world(toy.world(FolderStores(root, durable=False), **options))  # type: ignore[arg-type]
    sim.run()
    sim.close()
    return sim


def journal_bytes(root: Path) -> dict[str, bytes]:
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in sorted(root.glob("journal/*/*.seg"))
    }


def replay_elsewhere(root: Path, hash_seed: str, kind: str) -> list[dict[str, object]]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(SRC)}
    command = [sys.executable, str(Path(toy.__file__)), str(root), kind]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two runs of one seed make identical journals, snapshots and digest; another seed does not."""
    one, two = run_folder(tmp_path / "1"), run_folder(tmp_path / "2")
    assert one.digest() == two.digest() and len(one.digest()) == 64
    assert journal_bytes(tmp_path / "1") == journal_bytes(tmp_path / "2")
    for path in sorted((tmp_path / "1").glob("snap/*/*")):
        assert path.read_bytes() == (tmp_path / "2" / path.relative_to(tmp_path / "1")).read_bytes()
    other = toy.open_world(toy.world(MemoryStores()), seed=8)
    other.run()
    assert other.digest() != one.digest()
    assert one.envelopes > 600


def test_replay_in_another_process(tmp_path: Path) -> None:
    """Another process with another hash seed rebuilds both machines, effect for effect."""
    sim = run_folder(tmp_path)
    results = replay_elsewhere(tmp_path, "4242", "plain")
    for result, machine in zip(results, ("venue", "maker"), strict=True):
        assert result["ok"] and int(str(result["compared"])) > 150
        digest = sim.hosts[machine].machine.digest()
        assert result["digest"] == {name: value.hex() for name, value in digest.items()}


def set_order(hash_seed: int) -> str:
    """How a process with this hash seed iterates over the set of codes."""
    command = [sys.executable, "-S", "-c", f"print(list(set({toy.CODES!r})))"]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode()


def test_replay_catches_set_iteration(tmp_path: Path) -> None:
    """A machine that iterates over a set agrees in its own process and is caught in others."""
    run_folder(tmp_path, maker=toy.SetMaker)
    assert all(result["ok"] for result in toy.main(tmp_path, toy.SetMaker))
    other = next(seed for seed in range(2, 60) if set_order(seed) != set_order(1))
    outcomes = [replay_elsewhere(tmp_path, str(seed), "set")[1]["ok"] for seed in (1, other)]
    assert sorted(outcomes) == [False, True]  # type: ignore[type-var]


def test_replay_names_the_first_difference(tmp_path: Path) -> None:
    """A changed maker is reported at the first frame it changes, with both effects."""

    class OtherMaker(toy.ToyMaker):
        def _order(self) -> tuple[str, ...]:
            return toy.CODES if self.state.counter < 40 else toy.CODES[:1]

    run_folder(tmp_path)
    frames = list(read_segments(tmp_path / "journal/maker", "maker"))
    result = replay(frames, OtherMaker())
    assert not result.ok and result.first_difference is not None
    found = result.first_difference
    assert found.kind == "O" and found.what == "effect 1 of 2"
    assert found.journaled != found.replayed and frames[found.frame - 1].kind == ord("O")


def test_replay_compares_state_marks(tmp_path: Path) -> None:
    """A machine whose effects agree but whose state does not is caught at the next S frame."""

    class Forgetful(toy.ToyMaker):
        def apply(self, envelope):  # type: ignore[no-untyped-def]
            effects = super().apply(envelope)
            self.state.names.append("x")
            return effects

    run_folder(tmp_path)
    found = replay(read_segments(tmp_path / "journal/maker", "maker"), Forgetful()).first_difference
    assert found is not None and found.kind == "S" and found.what == "state parts names"


def test_snapshots_and_strictness_change_nothing(tmp_path: Path) -> None:
    """Digest and inputs are the same with or without snapshots, strict or not, on disk or not."""
    digests = set()
    for stores, options in (
        (MemoryStores(), {"snapshot_every": 0}),
        (MemoryStores(), {"strict": True, "snapshot_every": SECOND}),
        (MemoryStores(digest=True), {}),
        (FolderStores(tmp_path, "tail:50", durable=False), {}),
        (FolderStores(tmp_path, "digest"), {"marks": (toy.START + 3 * SECOND,)}),
    ):
        sim = toy.open_world(toy.world(stores, **options))  # type: ignore[arg-type]
        sim.run()
        digests.add((sim.digest(), sim.envelopes))
        sim.close()
    assert len(digests) == 1


def test_times_latencies_and_causes() -> None:
    """An input comes one latency after its cause; times never go back; numbers have no gap."""
    stores = MemoryStores()
    sim = toy.open_world(toy.world(stores, steps=20), steps=20)
    sim.run()
    inputs = {}
    for machine, kind in (("venue", toy.ToyVenue), ("maker", toy.ToyMaker)):
        decode = envelope_decoder(kind).decode
        frames = stores.journals[machine].read()
        inputs[machine] = [decode(f.payload) for f in frames if f.kind == INPUT]
    for envelopes in inputs.values():
        assert [e.seq for e in envelopes] == list(range(1, len(envelopes) + 1))
        assert all(a.at <= b.at for a, b in pairwise(envelopes))
    venue = {e.seq: e.at for e in inputs["venue"]}
    ticks = [e for e in inputs["maker"] if isinstance(e.body, ChainTick)]
    assert len(ticks) == 20
    assert all(e.at == venue[e.cause] + MILLISECOND for e in ticks)


def test_ties_break_by_wire_and_sequence() -> None:
    """At one instant: what was posted, in that order, then timers, then wires by number."""
    stores = MemoryStores()
    sim = toy.world(stores)
    # The first order arrives 4 ms after the first step, at the instant of this declared wire.
    sim.wire(
        "late", "maker", "venue", (toy.Send,), lambda send, at: [toy.Requests("9", [])], 3_000_000
    )
    toy.open_world(sim, steps=3)
    step = toy.START + 500 * MILLISECOND
    for pbu, at in (("b", step), ("a", step), ("c", step + 4 * MILLISECOND)):
        sim.post("venue", toy.Requests(pbu, []), at)
    sim.run()
    decode = envelope_decoder(toy.ToyVenue).decode
    inputs = [decode(f.payload) for f in stores.journals["venue"].read() if f.kind == INPUT]
    names = [getattr(e.body, "pbu", "step") for e in inputs]
    assert names[1:8] == ["b", "a", "step", "c", "00001", "9", "step"]


def test_moved_timers_fire_once() -> None:
    """A timer that is moved at every tick fires only after the ticks stop."""
    sim = toy.open_world(toy.world(MemoryStores(), steps=50), steps=50)
    sim.run()
    assert sim.hosts["maker"].machine.state.idle == 1  # type: ignore[attr-defined]


def test_undrawn_effects_and_bad_wires_are_errors() -> None:
    """An effect that nobody takes, a wire without latency and unknown machines are named."""
    sim = Simulation(MemoryStores())
    sim.add(toy.ToyVenue())
    with pytest.raises(WiringError, match="no machine maker"):
        sim.wire("feed", "venue", "maker", (ChainTick,))
    with pytest.raises(ValueError, match="latency must be positive"):
        sim.wire("feed", "venue", "venue", (ChainTick,), latency=0)
    toy_open = toy.ToyOpen(1, 3)
    sim.post("venue", toy_open, toy.START)
    with pytest.raises(WiringError, match="venue input 2: no wire and no sink for ChainTick"):
        sim.run()


class KilledError(Exception):
    """Stands for kill -9 between two events."""


def kill_and_resume(root: Path, at_envelope: int, torn: int) -> Simulation:
    """Kill a run at an envelope, lose `torn` bytes of one journal, resume and finish."""
    sim = toy.world(FolderStores(root, durable=False))
    toy.open_world(sim)
    take = sim._lead

    def lead(*args):  # type: ignore[no-untyped-def]
        if sim.envelopes >= at_envelope:
            raise KilledError
        take(*args)

    sim._lead = lead  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        sim.run()
    sim.close(finished=False)
    path = segment_paths(root / "journal" / "maker")[-1][1]
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - torn)])
    sim = toy.world(FolderStores(root, durable=False))
    if sim.resume() is None:
        toy.open_world(sim)
    sim.run()
    sim.close()
    return sim


@pytest.mark.parametrize(
    ("at_envelope", "torn"), [(3, 0), (60, 10), (200, 0), (201, 37), (350, 1), (500, 300)]
)
def test_resume_after_a_kill_equals_an_unbroken_run(
    tmp_path: Path, at_envelope: int, torn: int
) -> None:
    """Killed anywhere, with a torn tail, the resumed run ends with the same journals (F01, F02)."""
    whole = run_folder(tmp_path / "whole")
    resumed = kill_and_resume(tmp_path / "cut", at_envelope, torn)
    assert resumed.digest() == whole.digest()
    assert journal_bytes(tmp_path / "cut") == journal_bytes(tmp_path / "whole")
    assert all(verdict["ok"] for verdict in verify.verify_run(tmp_path / "cut"))


def test_resume_after_a_real_sigkill(tmp_path: Path) -> None:
    """A process killed with SIGKILL in mid-day is resumed by another one, to the same end (F01)."""
    whole = run_folder(tmp_path / "whole")
    program = (
        "import os, signal, sys, pathlib, toy\n"
        "from quanheng.runtime.snapshots import FolderStores\n"
        "sim = toy.open_world(toy.world(FolderStores(pathlib.Path(sys.argv[1]), durable=False)))\n"
        "sim.run(toy.START + 63_000_000_000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    paths = f"{SRC}{os.pathsep}{Path(toy.__file__).parent}"
    command = [sys.executable, "-c", program, str(tmp_path / "cut")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert done.returncode == -9
    sim = toy.world(FolderStores(tmp_path / "cut", durable=False))
    assert sim.resume() is not None
    sim.run()
    sim.close()
    assert sim.digest() == whole.digest()
    assert journal_bytes(tmp_path / "cut") == journal_bytes(tmp_path / "whole")


def test_resume_with_a_damaged_checkpoint_uses_an_older_one(tmp_path: Path) -> None:
    """Damaged newest snapshots are passed over; the run still ends the same (F13)."""
    whole = run_folder(tmp_path / "whole")
    sim = toy.open_world(toy.world(FolderStores(tmp_path / "cut", durable=False)))
    sim.run(toy.START + 70 * SECOND)
    sim.close(finished=False)
    path = sorted((tmp_path / "cut/snap/venue").glob("*.bin"))[-1]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert not verify.verify_machine(tmp_path / "cut", "venue")["ok"]
    sim = toy.world(FolderStores(tmp_path / "cut", durable=False))
    resumed_at = sim.resume()
    assert resumed_at is not None and resumed_at < toy.START + 60 * SECOND
    sim.run()
    assert sim.digest() == whole.digest()


def test_resume_with_other_code_is_refused(tmp_path: Path) -> None:
    """Re-living a journal with a machine that behaves otherwise stops at the first such frame."""
    sim = toy.open_world(toy.world(FolderStores(tmp_path, durable=False)))
    sim.run(toy.START + 70 * SECOND)
    sim.close(finished=False)

    class OtherMaker(toy.ToyMaker):
        def _order(self) -> tuple[str, ...]:
            return toy.CODES[::-1]

    sim = toy.world(FolderStores(tmp_path, durable=False), maker=OtherMaker)
    assert sim.resume() is not None
    with pytest.raises(DivergedError, match="maker frame"):
        sim.run()


def test_a_used_folder_is_not_overrun(tmp_path: Path) -> None:
    """Running into a folder that holds journals, without resume, is refused."""
    run_folder(tmp_path)
    sim = toy.open_world(toy.world(FolderStores(tmp_path, durable=False)))
    with pytest.raises(WiringError, match="not new"):
        sim.run()


class Book:
    """A sink with state, as a dataset writer is."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def take(self, effect: Record, at: int, cause: int) -> None:
        self.rows.append(cause)

    def snapshot(self) -> bytes:
        return json.dumps(self.rows).encode()

    def restore(self, data: bytes) -> None:
        self.rows = json.loads(data)


def test_sinks_with_state_survive_a_resume(tmp_path: Path) -> None:
    """What a stateful sink has collected is the same after a resume: no row lost, none twice."""
    whole, first, second = Book(), Book(), Book()
    for book, until in ((whole, None), (first, toy.START + 70 * SECOND), (second, None)):
        root = tmp_path / ("whole" if book is whole else "cut")
        sim = toy.world(FolderStores(root, durable=False))
        sim.sink("venue", (Record,), book.take)
        if book is not second:
            toy.open_world(sim)
        elif sim.resume() is None:
            raise AssertionError("there is a checkpoint")
        sim.run(until)
        sim.close(finished=until is None)
    assert whole.rows and whole.rows == second.rows
    assert len(first.rows) < len(whole.rows)


def test_checkpoints_come_at_marks_and_intervals() -> None:
    """S frames stand at every 20 s of business time and at the declared instants."""
    stores = MemoryStores()
    sim = toy.world(stores, marks=(toy.START + 33 * SECOND,))
    sim.ignore("maker", (RaiseAlert,))
    toy.open_world(sim)
    sim.run()
    marks = [f for f in stores.journals["venue"].read() if f.kind == MARK]
    assert len(marks) == 6


def test_progress_can_stop_the_run_between_events() -> None:
    """What progress raises ends the run with machines and journals in agreement."""

    def stop(at: int, envelopes: int) -> None:
        raise KeyboardInterrupt

    stores = MemoryStores()
    sim = toy.open_world(toy.world(stores, snapshot_every=0), steps=5_000)
    with pytest.raises(KeyboardInterrupt):
        sim.run(progress=stop)
    assert sim.envelopes == 2_048
    result = replay(stores.journals["maker"].read(), toy.ToyMaker())
    assert result.ok and result.digest == sim.hosts["maker"].machine.digest()
