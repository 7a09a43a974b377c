"""The verb `drill`: the firm's risk department rehearses a fault and gets its documents."""

from pathlib import Path

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.commands import UsageError
from quanheng.compose.drill import DRILLS, LINE_SWITCH, RECORD, SITE_LOSS
from quanheng.compose.text import table


@click.command()
@click.argument("name", type=click.Choice(sorted((*DRILLS, LINE_SWITCH, SITE_LOSS))))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def drill(name: str, out: Path, lang: str, as_json: bool) -> None:
    """Rehearse a fault over light days (I-45, I-46), the switch of the order line in a live one
    (T-05), or the loss of a site (T-07): record and documents in a folder.

    Exit 1 when something that was expected did not happen.
    """
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty")
    out.mkdir(parents=True, exist_ok=True)
    if name == LINE_SWITCH:
        from quanheng.compose.line_drill import line_switch  # the processes' code is for it alone

        done = line_switch(out)
    elif name == SITE_LOSS:
        from quanheng.compose.site_drill import site_loss

        done = site_loss(out)
    else:
        done = DRILLS[name](out)
    zh = lang == "zh"
    marks = ("是", "否") if zh else ("yes", "NO")
    rows = [[one["zh" if zh else "en"], marks[not one["ok"]]] for one in done.checks]
    heads = ("预期", "结果") if zh else ("expected", "seen")
    text = table(heads, rows, left=2) + f"\n{out / RECORD}"
    answer(msgspec.to_builtins(done), text, as_json, done.ok)
