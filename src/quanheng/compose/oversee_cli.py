"""The verb `oversee`: the firm's own figures of a run, breaches, notices, differences, stress."""

from pathlib import Path

import click
import msgspec

from quanheng.compose import oversee_report as report
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--notice", default="", help="Write the risk notice of this case to --out.")
@click.option("--daily", is_flag=True, help="Write the daily monitoring report to --out.")
@file_option("--out", "The document, Markdown.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def oversee(
    run: Path, notice: str, daily: bool, out: Path | None, lang: str, as_json: bool
) -> None:
    """What the firm's overseer saw in a RUN (R-02): figures, limits, cases, both levels, stress.

    Exit 1 when a difference between the two levels is open.
    """
    if notice and daily:
        raise UsageError("oversee writes one document: --notice or --daily")
    if notice or daily:
        if out is None:
            raise UsageError("--notice and --daily need --out")
        entry = (
            report.write_notice(run, notice, out) if notice else report.write_monitoring(run, out)
        )
        text = f"{entry.number} 已生成 issued sha256 {entry.sha256}"
        answer(msgspec.to_builtins(entry), text, as_json)
        return
    found = report.read_all(run)
    made = report.result(found)
    answer(made, report.shown(found, lang), as_json, not made["open_differences"])
