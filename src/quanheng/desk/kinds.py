"""Kinds of a column of the office's sheets."""

TEXT, GROW, COUNT, FIGURE, STATE, HASH, FILES = (
    "text", "grow", "count", "figure", "state", "hash", "files",
)  # fmt: skip
"""Kinds of a column: words; the same and as wide as there is room; whole numbers; decimal text; a
code with words and a tone under `standing.CODE`; the begin of a hash; files to take away."""
