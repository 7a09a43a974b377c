"""Bring src/quanheng/data/models.toml in step with the sources and the test batteries.

    .venv/bin/python tools/make_models.py [--release BY SECONDED_BY YYYYMMDD]

See `quanheng.compose.model_release`, which does the same for a desk's own register.
"""

import sys
from pathlib import Path

from quanheng.compose.model_release import main

PATH = Path(__file__).parents[1] / "src" / "quanheng" / "data" / "models.toml"

if __name__ == "__main__":
    sys.exit(main(path=PATH))
