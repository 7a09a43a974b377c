"""The verb `surveil`: look for forbidden conduct in a day, review what was found (S-03)."""

from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose import surveil_cases as register
from quanheng.compose import surveil_report as report
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.people import read_people
from quanheng.compose.surveil_file import read_rules
from quanheng.compose.surveil_source import records_of
from quanheng.oversight.surveillance import EXCHANGE, VIEWS, of_view
from quanheng.oversight.surveillance_patterns import look
from quanheng.terms.days import from_iso
from quanheng.terms.units import Day

ACTS = (register.CONFIRM, register.DISMISS, register.REOPEN)
_DONE = {
    register.CONFIRM: "已确认 confirmed",
    register.DISMISS: "已排除 dismissed",
    register.REOPEN: "已重开 reopened",
}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--view", type=click.Choice(VIEWS), default=EXCHANGE, show_default=True)
@click.option("--day", "day_text", default="", help="Day of a dataset folder, YYYY-MM-DD.")
@file_option("--rules", "Thresholds, accounts, restricted periods; the shipped ones by default.")
@file_option("--book", "Trades of other accounts of the firm, CSV.")
@file_option("--out", "Report: NAME.md and NAME.xlsx.")
@file_option("--register", "Register of cases; surveillance.jsonl in SOURCE by default.")
@click.option("--confirm", default="", help="Review this case: it is conduct.")
@click.option("--dismiss", default="", help="Review this case: a false positive.")
@click.option("--reopen", default="", help="Take the review of this case back.")
@click.option("--by", default="", help="Opaque id of the reviewer.")
@click.option("--reason", default="", help="Why.")
@file_option("--people", "People and posts; the shipped ones by default.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def surveil(source: Path, lang: str, as_json: bool, **asked: Any) -> None:
    """Look for forbidden conduct in a day of a run or a dataset SOURCE, and keep the cases.

    Exit 1 while a case of the day waits for its review.
    """
    place = asked["register"] or source / register.REGISTER
    acts = [act for act in ACTS if asked[act]]
    if len(acts) > 1:
        raise UsageError("surveil takes one of --confirm, --dismiss, --reopen")
    if acts:
        people = read_people(asked["people"])
        number = asked[acts[0]]
        entry = register.review(place, number, acts[0], asked["by"], asked["reason"], people)
        told = f"{number} {_DONE[acts[0]]} {entry.by} {entry.at}"
        answer(msgspec.to_builtins(entry), told, as_json)
        return
    if asked["by"] or asked["reason"]:
        raise UsageError("--by and --reason need --confirm, --dismiss or --reopen")
    rules = read_rules(asked["rules"])
    everything = records_of(source, rules, _day(asked["day_text"]), asked["book"])
    records = of_view(everything, asked["view"])
    found = look(everything, asked["view"], rules.patterns)
    cases = register.record(place, records.day, records.view, found)
    text = report.shown(cases, records, lang)
    result = report.result(cases, records)
    if asked["out"]:
        known = register.cases(place)
        files = report.write(asked["out"], cases, known, records, rules, source)
        result["files"] = [str(path) for path in files]
        text = "\n".join([text, *result["files"]])
    answer(result, text, as_json, not result["open"])


def _day(text: str) -> Day:
    try:
        return from_iso(text) if text else 0
    except ValueError as error:
        raise UsageError(f"--day: {error}") from error
