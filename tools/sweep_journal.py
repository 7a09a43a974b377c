"""Sweep the journal's code: power cuts, every-byte truncation, every-bit flips, growth of recovery.

    sweep_journal.py --cuts 100000 --first 1 --run RUN/journal-of-a-day

Exit 1 when a case breaks a promise; every such case is printed with its seed. docs/promises.md
has the figures of a long run. `--run` takes the first part of a real run's maker journal as the
segment that is cut and flipped; without it a generated one serves.
"""

import argparse
import shutil
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from quanheng.edge.journal_sweep import Found, flips, frame_starts, payload_of, power_cuts
from quanheng.edge.journal_sweep import truncations as cut_everywhere
from quanheng.runtime.journal import INPUT
from quanheng.runtime.scrub import Scrub
from quanheng.runtime.segment import SegmentJournal, segment_paths

LIVES = 4
SAMPLE_BYTES = 50_000


def say(what: str, found: Found, began: float) -> int:
    """One line of figures; returns how many cases went wrong."""
    spent = time.process_time() - began
    print(
        f"{what}: {found.cases:,} cases, {found.acked:,} records acknowledged, {found.torn:,} with "
        f"a torn tail, {found.halts:,} refused, {len(found.wrong)} wrong, {spent:.1f} s"
        + f"; {found.failed:,} lives ended by a failed fsync"
        * bool(found.failed),
        flush=True,
    )
    for text in found.wrong[:20]:
        print(f"  {text}")
    return len(found.wrong)


def many_cuts(cuts: int, first: int) -> Found:
    """So many power cuts over as many disks as it takes."""
    total = Found()
    seed = first
    while total.cases < cuts:
        one = power_cuts(seed, LIVES)
        seed += 1
        total.cases += one.cases
        total.acked += one.acked
        total.failed += one.failed
        total.torn += one.torn
        total.halts += one.halts
        total.wrong += one.wrong
    return total


def sample(root: Path, run: Path | None) -> None:
    """A closed journal `root`/journal/maker of one segment of some 50 kB."""
    journal = SegmentJournal(root, "maker")
    size = 0
    if run is None:
        while size < SAMPLE_BYTES:
            size += len(payload_of(1, journal.next_seq)) + 61
            journal.append(INPUT, payload_of(1, journal.next_seq))
    else:
        path = segment_paths(run / "journal" / "maker")[-1][1]
        data = path.read_bytes()
        starts = [at for at in frame_starts(data) if at <= SAMPLE_BYTES]
        for start, stop in pairwise(starts):
            journal.append(data[start + 24], data[start + 61 : stop])
            if journal.next_seq % 5 == 0:
                journal.sync()
    journal.close()


def growth(root: Path) -> None:
    """Seconds to open a journal, and to scrub it in the background, as it grows."""
    print("journal MB   segments   open s   scrub s (background)")
    for megabytes in (16, 64, 128, 256, 512):
        shutil.rmtree(root, ignore_errors=True)
        journal = SegmentJournal(root, "maker", durable=False)
        payload = bytes(range(256)) * 4
        for _ in range(megabytes * 1_000):
            journal.append(INPUT, payload)
        journal.close()
        began = time.perf_counter()
        SegmentJournal(root, "maker", durable=False).close()
        opened = time.perf_counter() - began
        scrub = Scrub(root / "journal" / "maker", "maker")
        began = time.perf_counter()
        while scrub.step():
            pass
        scrubbed = time.perf_counter() - began
        count = len(segment_paths(root / "journal" / "maker"))
        print(f"{megabytes:10} {count:10} {opened:8.2f} {scrubbed:9.2f}", flush=True)


def main() -> int:
    """Run what was asked for; 1 when something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=1, help="first seed of the power cuts")
    parser.add_argument("--run", type=Path, help="a run folder whose maker journal is cut")
    parser.add_argument("--bits", type=int, default=1, help="turn every n-th bit")
    parser.add_argument("--bytes", type=int, default=1, help="cut at every n-th byte")
    parser.add_argument("--growth", action="store_true", help="only the table of recovery times")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if options.growth:
            growth(root / "growth")
            return 0
        began = time.process_time()
        wrong = say("power cuts", many_cuts(options.cuts, options.first), began)
        sample(root, options.run)
        began = time.process_time()
        wrong += say("truncation", cut_everywhere(root, options.bytes), began)
        shutil.rmtree(root / "journal")
        sample(root, options.run)
        began = time.process_time()
        wrong += say("bit flips", flips(root, options.bits), began)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
