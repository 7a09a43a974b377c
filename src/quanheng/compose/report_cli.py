"""The verb `report`: the desk's daily and event reports, receipts, overnight exceptions."""

from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose import report_register as register
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.daily_report import write_daily
from quanheng.compose.event_report import alerts_of, write_event
from quanheng.compose.people import read_people
from quanheng.compose.text import table

_DONE = {
    register.ISSUED: "已生成 issued",
    register.RECEIVED: "已签收 received",
    register.APPROVED: "例外已签批 exception signed",
}


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(["daily"]), default=None, help="The day's report.")
@click.option("--event", type=click.IntRange(min=1), default=None, help="Draft of alert N.")
@click.option("--list", "listing", is_flag=True, help="Alerts with their numbers.")
@click.option("--receive", is_flag=True, help="Sign for the report --out as --by.")
@click.option("--approve", is_flag=True, help="Sign an exception to an overnight limit.")
@click.option("--by", default="", help="Opaque id of the person.")
@click.option("--seconded-by", default="", help="Second person of an exception.")
@click.option("--reason", default="", help="Why the book is carried over its limit.")
@file_option("--out", "The report, Markdown; a daily one gets a CSV beside it.")
@file_option("--people", "People and posts; the shipped ones by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def report(run: Path, as_json: bool, **asked: Any) -> None:
    """Daily and event reports of a RUN to the company's risk department (R-07)."""
    modes = [name for name in ("kind", "event", "listing", "receive", "approve") if asked[name]]
    if len(modes) != 1:
        raise UsageError("report needs one of --kind, --event, --list, --receive, --approve")
    if modes == ["listing"]:
        rows = alerts_of(run)
        cells = [[row[name] for name in ("number", "at", "scope", "words_zh")] for row in rows]
        answer({"alerts": rows}, table(["编号", "时间", "范围", "内容"], cells, left=4), as_json)
        return
    entry = _act(run, modes[0], asked)
    text = f"{entry.number} {_DONE[entry.kind]} sha256 {entry.sha256}"
    answer(msgspec.to_builtins(entry), text, as_json)


def _act(run: Path, mode: str, asked: dict[str, Any]) -> register.Entry:
    out: Path | None = asked["out"]
    if mode == "approve":
        people = read_people(asked["people"])
        return register.approve(run, asked["by"], asked["seconded_by"], asked["reason"], people)
    if out is None:
        raise UsageError(f"--{mode} needs --out")
    if mode == "receive":
        return register.receive(run, out, asked["by"], read_people(asked["people"]))
    return write_daily(run, out) if mode == "kind" else write_event(run, asked["event"], out)
