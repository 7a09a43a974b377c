"""Seconds from a fresh process to compiled kernels: with an empty cache, and with a filled one.

    .venv-bench/bin/python bench/start_times.py

Each line is a process of its own: import of the package, then `kernels.warm.warm_up`, which calls
every public kernel with the types that machines use. The cold run compiles everything into a folder
of its own; the warm one loads it, as a build that ships its cache does (NUMBA_CACHE_DIR); the last
loads it after one file in ten was damaged. Anchors of design figures: 6.7 s to compile five
kernels, 1.2 to 1.6 s warm (performance of a desk's start, not of its trading).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = """
import json, resource, time
begin = time.perf_counter()
from quanheng import _kernel_cache
from quanheng.kernels.warm import warm_up
imported = time.perf_counter()
warm_up()
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([imported - begin, done - imported, peak, len(_kernel_cache.damaged)]))
"""


def start(folder: Path) -> list[float]:
    """[seconds of import, seconds of warm-up, peak MB, damaged files] of a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rows = [("cold, empty cache", start(folder)), ("warm", start(folder))]
        rows.append(("warm again", start(folder)))
        files = sorted(folder.rglob("*.nbc"))
        for file in files[::10]:
            file.write_bytes(file.read_bytes()[:-100])
        rows.append((f"warm, {len(files[::10])} of {len(files)} files damaged", start(folder)))
        size = sum(file.stat().st_size for file in folder.rglob("*.nb?")) / 1e6
    print(f"{'start':34} import s  kernels s  peak MB  damaged files found")
    for name, (imported, warmed, peak, damaged) in rows:
        print(f"{name:34} {imported:8.2f} {warmed:10.2f} {peak:8.0f} {damaged:8.0f}")
    print(f"cache {size:.1f} MB; cold / warm {sum(rows[0][1][:2]) / sum(rows[2][1][:2]):.1f}")


if __name__ == "__main__":
    main()
