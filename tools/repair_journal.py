"""Repair damaged segments of a node's journal from the other node's copy (F09).

    python tools/repair_journal.py NODE COPY [MACHINE]

NODE and COPY are folders with `journal/MACHINE` (default: maker); nobody may write to NODE's.
Prints what was repaired; 1 when the copy does not fit.
"""

import sys
from pathlib import Path

from quanheng.edge.journal_repair import repair
from quanheng.runtime.journal import JournalError


def main() -> int:
    """Repair and tell."""
    if len(sys.argv) not in (3, 4):
        sys.stderr.write(__doc__ or "")
        return 2
    machine = sys.argv[3] if len(sys.argv) == 4 else "maker"
    try:
        done = repair(Path(sys.argv[1]), machine, Path(sys.argv[2]))
    except JournalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for one in done:
        print(f"{one.segment}: {one.why}; damaged file kept as {one.aside}")
    print(f"{len(done)} segments repaired")
    return 0


if __name__ == "__main__":
    sys.exit(main())
