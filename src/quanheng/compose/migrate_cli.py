"""The verb `migrate`: layouts, the way forward and the way back (I-52)."""

from pathlib import Path

import click
import msgspec

from quanheng.compose import migrate as work
from quanheng.compose.answering import answer
from quanheng.compose.node import STATE, read_node, supervised
from quanheng.compose.node_cli import home_option
from quanheng.compose.text import table

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
_COPIES = click.option(
    "--copies", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="Folder of the copies and of the record.",
)  # fmt: skip
_BY = click.option("--by", required=True, help="Opaque id of the person.")


def _nobody_trades(home: Path) -> None:
    """MigrationError while a node is up: nothing is deployed under a running day (F71)."""
    for state in sorted(home.glob(f"*/{STATE}")):
        node = read_node(state.parent)
        if supervised(node):
            raise work.MigrationError(f"node {node.name} is up; quanheng down {node.name} first")


@click.group()
def migrate() -> None:
    """Bring what an older version kept to the present layouts, and back."""


@migrate.command("table")
@_JSON
def table_(as_json: bool) -> None:
    """What this version writes, reads, and does with older layouts."""
    rows = work.compatibility()
    heads = ("种类 kind", "内容 content", "写入 writes", "读取 reads", "较旧的 older")
    lines = [(one.kind, f"{one.zh} {one.en}", one.writes, one.reads, one.older) for one in rows]
    answer({"layouts": [one._asdict() for one in rows]}, table(heads, lines, left=5), as_json)


@migrate.command()
@_PATHS
@_JSON
def check(paths: tuple[Path, ...], as_json: bool) -> None:
    """The layout of each path. Exit 1 when one cannot be used as it is."""
    found = [work.look(path) for path in paths]
    heads = ("路径 path", "种类 kind", "版式 layout", "现行 present", "结论 verdict")
    words = {True: "可用 usable", False: "不可用 not usable"}
    lines = [
        (str(one.path), one.kind, one.layout, one.present,
         "可升级 can be moved" if one.moves else f"{words[one.ready]} {one.note}".strip())
        for one in found
    ]  # fmt: skip
    result = {"found": [{**one._asdict(), "path": str(one.path)} for one in found]}
    answer(result, table(heads, lines, left=5), as_json, all(one.ready for one in found))


@migrate.command()
@_PATHS
@_COPIES
@_BY
@home_option
@_JSON
def run(paths: tuple[Path, ...], copies: Path, by: str, home: Path, as_json: bool) -> None:
    """Bring each path to the present layout, with a copy. Refused while a node of --home is up."""
    _nobody_trades(home)
    done = [work.forward(path, copies, by) for path in paths]
    text = "\n".join(f"{one.number} {one.path}: {one.old} → {one.new}" for one in done)
    answer({"moves": msgspec.to_builtins(done)}, text, as_json)


@migrate.command()
@click.argument("number", type=int)
@_COPIES
@_BY
@home_option
@_JSON
def back(number: int, copies: Path, by: str, home: Path, as_json: bool) -> None:
    """Put the copy of move NUMBER in place again, unless the file was used since."""
    _nobody_trades(home)
    done = work.back(copies, number, by)
    answer(msgspec.to_builtins(done), f"{done.path}: {done.old} → {done.new}", as_json)
