"""How a verb answers: one JSON object or a text on standard output, exit 1 when a check failed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

CHECK_FAILED = 1


def answer(result: dict[str, Any], text: str, as_json: bool, ok: bool = True) -> None:
    """Print the answer; ends the process with CHECK_FAILED unless `ok`."""
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else text)
    if not ok:
        sys.exit(CHECK_FAILED)


def file_option(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that names a file."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, type=kind, default=None, help=help_)
