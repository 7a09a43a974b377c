"""Worlds of other rooms that tests over the whole line use, and the stand-in for vnpy."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "maker"))
sys.path.append(str(Path(__file__).parent / "vnpy_stub"))
