"""The worlds of the rooms are reused here: a defect is driven in the room where it would live."""

import sys
from pathlib import Path

for room in ("maker", "live", "duties", "clearing", "wire"):
    sys.path.append(str(Path(__file__).parents[1] / room))
