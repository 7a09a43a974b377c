"""The verbs about duties: `cockpit`, `explain`, `duty-report`, `forecasts`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.cockpit_live import stand_live
from quanheng.compose.cockpit_stand import histories, stand
from quanheng.compose.cockpit_store import store
from quanheng.compose.cockpit_text import plain
from quanheng.compose.cockpit_text import text as cockpit_text
from quanheng.compose.commands import UsageError
from quanheng.compose.duty_report import daily
from quanheng.compose.duty_report_month import monthly
from quanheng.compose.duty_source import DutySource
from quanheng.compose.explain import AUCTION_ITEMS, CONTINUOUS, Explainer
from quanheng.compose.explain_quotes import named, quotes_of
from quanheng.compose.explain_text import class_text, contract_text
from quanheng.compose.forecast_check import check
from quanheng.compose.forecast_text import csv_of
from quanheng.compose.forecast_text import plain as forecasts_plain
from quanheng.compose.forecast_text import text as forecasts_text
from quanheng.compose.run_folder import read_info, write_whole
from quanheng.config import read_config
from quanheng.duties.months import month_of
from quanheng.edge.document_html import html
from quanheng.edge.document_pdf import pdf
from quanheng.edge.document_xlsx import xlsx
from quanheng.terms.days import from_clock, from_iso
from quanheng.terms.units import DAY, SECOND, Day, DayNanos

LAST = "15:00:00"
KINDS = {"daily": daily, "monthly": monthly}
WRITERS = {"xlsx": xlsx, "pdf": pdf, "html": html}
EXPLAINED = (*CONTINUOUS, "coverage", *AUCTION_ITEMS)


def time_of(text: str) -> DayNanos:
    """DayNanos of HH:MM or HH:MM:SS. UsageError otherwise."""
    clock, _, seconds = text.rpartition(":") if text.count(":") == 2 else (text, "", "0")
    try:
        at = from_clock(clock) + int(seconds) * SECOND
    except ValueError as error:
        raise UsageError(f"--at {text!r} is not HH:MM or HH:MM:SS") from error
    if not 0 <= at < DAY or not 0 <= int(seconds) < 60:
        raise UsageError(f"--at {text!r} is not a time of day")
    return at


def day_of_source(source: DutySource, text: str) -> Day:
    """The day asked for, else the last one there is. UsageError for text that is no date."""
    if not text:
        return source.days[-1]
    try:
        return from_iso(text)
    except ValueError as error:
        raise UsageError(f"--day {text!r}: {error}") from error


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--at", "at_text", default=LAST, show_default=True, help="HH:MM or HH:MM:SS.")
@click.option("--day", "day_text", default="", help="Day of a season or dataset; the last one.")
@click.option("--maker", default="", help="Maker to follow; the configured one.")
@click.option(
    "--store",
    "kept",
    type=click.Path(path_type=Path),
    default=None,
    help="Keep the forecast by class and contract in this folder.",
)
@click.option("--history", type=click.Path(path_type=Path), default=None, help="Earlier days.")
@file_option("--agreement", "Market-making agreement (rules).")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def cockpit(
    run: Path,
    at_text: str,
    day_text: str,
    maker: str,
    kept: Path | None,
    history: Path | None,
    agreement: Path | None,
    lang: str,
    as_json: bool,
) -> None:
    """Where a maker's duties stand in a RUN, season or dataset, and what would change it."""
    at = time_of(at_text)
    if (run / "journal").is_dir() and not (run / "dataset").is_dir():
        earlier = DutySource(history, agreement) if history is not None else None
        day = read_info(run).day
        past = histories(earlier, day, read_config().member.maker)
        found = stand_live(run, day, at, past)
    else:
        source = DutySource(run, agreement)
        day = day_of_source(source, day_text)
        ours = source.our_maker(maker, day)
        earlier = source if history is None else DutySource(history, agreement)
        found = stand(source, day, at, ours, histories(earlier, day, ours))
    if kept is not None:
        store(found, kept)
    answer(plain(found), cockpit_text(found, lang), as_json)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--class", "underlying", default="", help="A class: coverage or an auction of it.")
@click.option("--contract", default="", help="A contract, by its 8-digit code.")
@click.option("--item", type=click.Choice(EXPLAINED), default="continuous", show_default=True)
@click.option("--day", "day_text", default="", help="Day of a season or dataset; the last one.")
@click.option("--maker", default="", help="Maker; the configured one.")
@click.option("--most", default=20, show_default=True, help="Intervals shown.")
@click.option("--all", "everything", is_flag=True, help="Every interval of the day.")
@file_option("--agreement", "Market-making agreement (rules).")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def explain(run: Path, lang: str, as_json: bool, **asked: Any) -> None:
    """Why is a duty figure what it is: its intervals with causes, quotes, reasons, phases."""
    underlying, contract = asked["underlying"], asked["contract"]
    if not underlying and not contract:
        raise UsageError("explain needs --contract or --class")
    source = DutySource(run, asked["agreement"])
    day = day_of_source(source, asked["day_text"])
    explainer = Explainer(source.measured(day), source.our_maker(asked["maker"], day))
    most = 0 if asked["everything"] else max(1, asked["most"])
    if contract:
        if asked["item"] == "coverage":
            raise UsageError("--item coverage is of a class: say --class")
        found = explainer.contract(contract, asked["item"])
        if underlying and explainer.underlying(contract) != underlying:
            raise UsageError(f"contract {contract} is not of class {underlying}")
        ours = read_config().member.maker
        if found.maker == ours:
            lines = named(found.lines, quotes_of(run, contract, day))
            found = msgspec.structs.replace(found, lines=lines)
        size = explainer.day.tables.terms.size
        answer(plain(found), contract_text(found, size, lang, most), as_json)
        return
    if asked["item"] not in ("coverage", *AUCTION_ITEMS):
        raise UsageError(f"--item {asked['item']} is of a contract: say --contract")
    whole = explainer.klass(underlying, asked["item"])
    answer(plain(whole), class_text(whole, lang, most), as_json)


@click.command("duty-report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(list(KINDS)), default="daily", show_default=True)
@click.option("--day", "day_text", default="", help="The day, or the last one of the month.")
@click.option("--class", "underlying", default="", help="One class; every one without it.")
@click.option("--maker", default="", help="Maker; the configured one.")
@click.option("--format", "formats", default="xlsx,pdf,html", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder.")
@file_option("--agreement", "Market-making agreement (rules).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def duty_report(run: Path, out: Path, as_json: bool, **asked: Any) -> None:
    """Daily or monthly report of duties by class (I-22 to I-28) as xlsx, PDF and HTML."""
    formats = asked["formats"].split(",")
    for name in formats:
        if name not in WRITERS:
            raise UsageError(f"--format {name!r} is none of {', '.join(WRITERS)}")
    source = DutySource(run, asked["agreement"])
    day = day_of_source(source, asked["day_text"])
    maker = source.our_maker(asked["maker"], day)
    document = KINDS[asked["kind"]](source, day, maker, asked["underlying"])
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name in formats:
        path = out / f"duty-{asked['kind']}-{day}-{maker}.{name}"
        write_whole(path, WRITERS[name](document))
        files.append(str(path))
    answer({"files": files}, "\n".join(files), as_json)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--month", default=0, help="YYYYMM of its end; the last month without it.")
@click.option("--maker", default="", help="One maker; every primary maker without it.")
@click.option("--kept", type=click.Path(path_type=Path), default=None, help="As stored each day.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder of the CSV.")
@file_option("--agreement", "Market-making agreement (rules).")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def forecasts(run: Path, month: int, lang: str, as_json: bool, **asked: Any) -> None:
    """Each day's forecast of a month held against the grade that came: a season or dataset."""
    source = DutySource(run, asked["agreement"])
    if not source.days:
        raise UsageError(f"{run}: no trading day")
    last = source.days[-1]
    wanted = month or month_of(last, source.calendar)
    ours = source.our_maker(asked["maker"], last)
    found = check(source, wanted, [ours] if asked["maker"] else [], asked["kept"])
    if asked["out"] is not None:
        asked["out"].mkdir(parents=True, exist_ok=True)
        write_whole(asked["out"] / f"forecasts-{wanted}.csv", csv_of(found))
    answer(forecasts_plain(found), forecasts_text(found, lang, ours), as_json)


VERBS = (cockpit, explain, duty_report, forecasts)
