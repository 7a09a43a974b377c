"""A digest script in a process of its own, compiled for another CPU or not at all."""

import os
import subprocess
import sys


def digest_of(script: str, n: int, **environment: str) -> str:
    """What the script prints for n cases."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(n)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
