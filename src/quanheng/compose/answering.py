"""How a verb answers: one JSON object or a text on standard output, exit 1 when a check failed."""

import json
import sys
from typing import Any

import click

CHECK_FAILED = 1


def answer(result: dict[str, Any], text: str, as_json: bool, ok: bool = True) -> None:
    """Print the answer; ends the process with CHECK_FAILED unless `ok`."""
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else text)
    if not ok:
        sys.exit(CHECK_FAILED)
