"""Cut the report font down to the characters that reports use: ASCII, GB2312, punctuation.

    .venv/bin/python tools/make_font.py NotoSansCJK-Regular.ttc

The source is Noto Sans CJK (SIL Open Font License 1.1), simplified Chinese face. Reports are made
on machines without any Chinese font, so the result ships in the package.
"""

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection

TARGET = Path(__file__).parents[1] / "src/quanheng/data/fonts/NotoSansCJKsc-subset.otf"
FACE = "Noto Sans CJK SC"
MORE = "—–…·×÷±≤≥≠→←↑↓△▲▼●○■□✓✗‰₀₁₂‘’“”¥"


def characters() -> set[int]:
    """Code points of the subset."""
    found = set(range(0x20, 0x7F)) | set(map(ord, MORE)) | set(range(0xFF01, 0xFF5F))
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes((high, low)).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return found


def main() -> None:
    """Read the collection named on the command line and write the subset."""
    faces = TTCollection(sys.argv[1]).fonts
    font = next(face for face in faces if face["name"].getDebugName(1) == FACE)
    options = Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += ["vhea", "vmtx", "VORG", "GPOS", "GSUB", "BASE", "DSIG"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    TARGET.parent.mkdir(exist_ok=True)
    font.save(TARGET)
    print(f"{TARGET.name}: {len(font.getBestCmap())} characters, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
