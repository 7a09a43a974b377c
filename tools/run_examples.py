"""Run the Python blocks of the example pages and write what they print under each.

    .venv/bin/python tools/run_examples.py          (rewrites docs/worked-example.md, exchange.md)

A page is Markdown whose ```python blocks share one namespace, in order, as the cells of a notebook.
The ```text block after a Python block is what that block prints; it is written here, and a test
holds the committed page against a fresh run.
"""

import contextlib
import io
import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (DOCS / "worked-example.md", DOCS / "exchange.md")
_CELL = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


class ExampleError(Exception):
    """A block of the page failed; the message names its line and shows its first line."""


def run(text: str, name: str = PAGES[0].name) -> str:
    """The page `name` with the output of every block as it is today. ExampleError for a block that
    fails.
    """
    names: dict[str, object] = {}

    def cell(found: re.Match[str]) -> str:
        code = found["code"]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, name, "exec"), names)
        except Exception as error:
            line = text[: found.start()].count("\n") + 2
            raise ExampleError(f"{name}:{line}: {code.splitlines()[0]}: {error!r}") from error
        out = printed.getvalue()
        shown = f"\n```text\n{out}```\n" if out else ""
        return f"```python\n{code}```\n{shown}"

    return _CELL.sub(cell, text)


def main() -> None:
    """Rewrite the pages in place."""
    for page in PAGES:
        page.write_text(run(page.read_text(encoding="utf-8"), page.name), encoding="utf-8")


if __name__ == "__main__":
    main()
