"""The verb `pair-keys`: certificates for the links between hosts (docs/standby.md)."""

from pathlib import Path

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.pair_keys import examine, make
from quanheng.compose.text import table
from quanheng.edge.tls import KNOWN, NAMES

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.group("pair-keys")
def pair_keys() -> None:
    """Certificates of a pair of nodes, for TLS between hosts (T-05, O-06)."""


@pair_keys.command("make")
@_FOLDER
@click.option("--name", "names", multiple=True, type=click.Choice(KNOWN),
              help="Whose; a pair's by default.")  # fmt: skip
@click.option("--days", default=365, show_default=True, help="How long they are good for.")
@click.option("--renew", is_flag=True, help="New ones, although there are some.")
@_JSON
def make_(folder: Path, names: tuple[str, ...], days: int, renew: bool, as_json: bool) -> None:
    """Make the pair's authority in FOLDER, once, and the certificates that are missing."""
    written = [str(path) for path in make(folder, names or NAMES, days, renew)]
    text = "\n".join(written) or "已齐备 nothing was missing"
    answer({"written": written}, text, as_json)


@pair_keys.command()
@_FOLDER
@_JSON
def show(folder: Path, as_json: bool) -> None:
    """Say of each certificate in FOLDER how long it is good for. Exit 1 for one that is no good."""
    found = examine(folder)
    rows = [(one.name, str(one.days), one.why or "可用 good") for one in found]
    text = table(("名称 name", "剩余天数 days left", "结果 result"), rows, left=3)
    ok = not any(one.why for one in found)
    answer({"certificates": msgspec.to_builtins(found), "ok": ok}, text, as_json, ok)
