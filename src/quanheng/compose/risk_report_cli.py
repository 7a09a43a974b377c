"""The verb `risk-report`: the firm's risk documents of a run as docx, PDF and xlsx."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose import oversee_report, risk_daily, risk_quarterly
from quanheng.compose import report_register as register
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.document_files import USUAL, WRITERS, write_document
from quanheng.compose.people import read_people
from quanheng.compose.risk_capital import read_capital
from quanheng.compose.risk_monthly import monthly
from quanheng.compose.risk_quarterly import DUE_AFTER, due_day, quarterly
from quanheng.edge.documents import Document
from quanheng.terms.days import iso

PREFIXES = {
    "daily": oversee_report.MONITORING,
    "notice": oversee_report.NOTICE,
    "event": register.EVENT,
    "monthly": "YB",
    "quarterly": risk_quarterly.PREFIX,
}
"""Beginnings of the numbers: 监控日报, 提示书, 事件报告, 月报, 压力测试报告."""


@click.command("risk-report")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(list(PREFIXES)), default="daily", show_default=True)
@click.option("--case", default="", help="The case of a notice.")
@click.option("--alert", type=click.IntRange(min=1), default=None, help="The alert of an event.")
@file_option("--capital", "The firm's net-capital figures (TOML), for quarterly.")
@click.option("--due-after", default=DUE_AFTER, show_default=True, help="Trading days, quarterly.")
@click.option("--submit", default="", help="Record that this quarterly report was handed in.")
@click.option("--channel", default="", help="Which way it was handed in.")
@click.option("--by", default="", help="Opaque id of the person who handed it in.")
@click.option("--format", "formats", default=",".join(USUAL), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder.")
@file_option("--people", "People and posts; the shipped ones by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def risk_report(runs: tuple[Path, ...], as_json: bool, **asked: Any) -> None:
    """Risk documents from the data of RUNS: daily, notice, event, monthly, quarterly (R-02, S-02).

    A monthly summary takes the runs of a month, all others one run. Each gets a number in the
    register of the last run, with the hash of its first file.
    """
    kind, run = asked["kind"], runs[-1]
    if len(runs) > 1 and kind != "monthly":
        raise UsageError(f"a {kind} report is of one run")
    if asked["submit"]:
        if not asked["by"]:
            raise UsageError("--submit needs --by")
        people = read_people(asked["people"])
        sent = register.submit(run, asked["submit"], asked["by"], asked["channel"], people)
        text = f"{sent.number} 已报送 handed in {sent.at} {sent.subject} ({sent.by})"
        answer(msgspec.to_builtins(sent), text, as_json)
        return
    formats = asked["formats"].split(",")
    for name in formats:
        if name not in WRITERS:
            raise UsageError(f"--format {name!r} is none of {', '.join(WRITERS)}")
    if asked["out"] is None:
        raise UsageError("risk-report needs --out")
    number = register.number(run, PREFIXES[kind])
    document = _made(kind, runs, number, asked)
    files = write_document(document, asked["out"], f"{kind}-{number}", formats)
    digest = hashlib.sha256(files[0].read_bytes()).hexdigest()
    entry = register.enter(run, number, digest, f"{document.title} {files[0].name}")
    told = {**msgspec.to_builtins(entry), "files": [str(path) for path in files]}
    lines = [f"{number} {document.title} sha256 {digest}", *map(str, files)]
    if kind == "quarterly":
        told["due"] = due_day(document.day, asked["due_after"])
        _, sent_at = risk_quarterly.status(run)
        state = f"已报送 {sent_at}" if sent_at else "未报送 not handed in"
        lines.append(f"报送截止 due {iso(told['due'])}，{state}")
    answer(told, "\n".join(lines), as_json)


def _made(kind: str, runs: tuple[Path, ...], number: str, asked: dict[str, Any]) -> Document:
    """The document of a kind."""
    run = runs[-1]
    if kind == "notice":
        if not asked["case"]:
            raise UsageError("a notice needs --case")
        return risk_daily.notice(run, asked["case"], number)
    if kind == "event":
        if asked["alert"] is None:
            raise UsageError("an event report needs --alert")
        return risk_daily.event(run, asked["alert"], number)
    if kind == "quarterly":
        capital = read_capital(asked["capital"]) if asked["capital"] else None
        return quarterly(run, number, capital, asked["due_after"])
    makers: dict[str, Callable[[], Document]] = {
        "daily": lambda: risk_daily.daily(run, number),
        "monthly": lambda: monthly(runs, number),
    }
    return makers[kind]()


VERBS = (risk_report,)
