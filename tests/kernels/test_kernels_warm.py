"""The warm-up compiles what machines call."""

import subprocess
import sys

from quanheng._kernel_cache import _sources

CALLS = """
import numpy as np
from quanheng.kernels.desk import black, forward, implied
from quanheng.kernels.desk.curves import fits, layout, offsets, points, smile, svi, wing
from quanheng.kernels.warm import warm_up

warm_up()
kernels = (
    black.price_one, black.price_chain, implied.implied_one, implied.implied_chain,
    forward.parity_forward, fits.fit, wing.fit_wing, svi.fit_svi,
    smile.vol_at, points.chain_points, offsets.fit_offsets, offsets.vol_with_offsets,
)
before = [len(k.signatures) for k in kernels]
a, table = np.full(5, 0.5), np.empty((black.ROWS, 5))
block = np.full((6, 5), 0.5)
black.price_chain(*block, table)
black.price_one(1.0, 2.0, 2.0, 0.2, 0.1, 1.0)
implied.implied_chain(a, table[0], a, a, a, a, block[1])
implied.implied_one(1.0, 0.1, 2.0, 2.0, 0.1, 1.0)
forward.parity_forward(a, a, a, a, a, 5, 0.99, 2.5)
rows = np.full((2, layout.ROW), np.nan)
for model in (layout.WING, layout.SVI, layout.CUBIC):
    fits.fit(model, block[0], a, a, 5, 0.1, 2.5, rows[0], rows[1])
smile.vol_at(rows[1], 0.1)
found = np.empty((points.ROWS, 5))
points.chain_points(a, a, a, a, a, 5, 0.5, 0.1, 0.99, 0.01, found)
offsets.fit_offsets(rows[1], found[0], found[1], found[4], a, 5, 0.1, 1.0, 0.1, block[2])
offsets.vol_with_offsets(rows[1], found[0], block[2], 5, 0.1)
print(before, [len(k.signatures) for k in kernels])
"""


def test_warm_up_leaves_nothing_to_compile() -> None:
    """After warm_up the calls of a session add no new specialisation (P-01).

    In a process of its own, because other tests call the kernels with other types.
    """
    done = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, check=True)
    before, after = (part.strip(" [\n") for part in done.stdout.split("]")[:2])
    assert before == after == ", ".join(["1"] * 12)


def test_the_cache_folder_follows_every_constant_a_kernel_compiles_in() -> None:
    """Columns and codes of a room are part of its hash, so a moved one leaves no stale code."""
    found = _sources("maker")
    assert {"maker/columns.py", "maker/parameters.py", "maker/curve_life.py"} <= set(found)
    assert {"terms/market.py", "terms/codes.py", "kernels/desk/black.py"} <= set(found)
    assert "maker/commands.py" not in found
