"""Run the Python blocks of an example page and write what they print under each.

    .venv/bin/python tools/run_examples.py          (rewrites docs/worked-example.md)

A page is Markdown whose ```python blocks share one namespace, in order, as the cells of a notebook.
The ```text block after a Python block is what that block prints; it is written here, and a test
holds the committed page against a fresh run.
"""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "worked-example.md"
_CELL = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


class ExampleError(Exception):
    """A block of the page failed; the message names its line and shows its first line."""


def run(text: str) -> str:
    """The page with the output of every block as it is today. ExampleError when a block fails."""
    names: dict[str, object] = {}

    def cell(found: re.Match[str]) -> str:
        code = found["code"]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, PAGE.name, "exec"), names)
        except Exception as error:
            line = text[: found.start()].count("\n") + 2
            raise ExampleError(f"{PAGE.name}:{line}: {code.splitlines()[0]}: {error!r}") from error
        out = printed.getvalue()
        shown = f"\n```text\n{out}```\n" if out else ""
        return f"```python\n{code}```\n{shown}"

    return _CELL.sub(cell, text)


def main() -> None:
    """Rewrite the page in place."""
    PAGE.write_text(run(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
