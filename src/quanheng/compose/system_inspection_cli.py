"""The verb `system-inspection`: the month's inspection report and its review (I-52, T-08)."""

import hashlib
from pathlib import Path

import click
import msgspec

from quanheng.compose import configuration
from quanheng.compose import report_register as register
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.document_files import WRITERS, write_document
from quanheng.compose.people import read_people
from quanheng.compose.system_inspection import PREFIX, document, findings, inspect_run
from quanheng.config import read_config


@click.command("system-inspection")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--by", required=True, help="Opaque id of the person who inspects, or reviews.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=None)
@click.option("--format", "formats", default="docx", show_default=True)
@click.option("--review", default="", help="Review the report with this number instead.")
@click.option("--words", default="", help="What the reviewer found, and the measures agreed.")
@file_option("--approved", "The approved configuration list to compare with.")
@file_option("--config", "Configuration of the node.")
@file_option("--people", "People and posts; the shipped ones by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def system_inspection(
    runs: tuple[Path, ...], by: str, out: Path | None, formats: str, review: str, words: str,
    approved: Path | None, config: Path | None, people: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Inspect the live days RUNS, in order of time, and write 系统巡检报告; or review one.

    The report has a number in the register of the last run. Exit 1 when something is out of order.
    """
    known = read_people(people)
    if by not in [one.person for one in known.people]:
        raise UsageError(f"--by: {by} is not among the people of the desk and the firm")
    run = runs[-1]
    if review:
        done = register.review(run, review, by, words)
        text = f"{done.number} 已复核 reviewed {done.at}（{done.by}）：{done.reason}"
        answer(msgspec.to_builtins(done), text, as_json)
        return
    if out is None:
        raise UsageError("system-inspection needs --out")
    wanted = formats.split(",")
    for name in wanted:
        if name not in WRITERS:
            raise UsageError(f"--format {name!r} is none of {', '.join(WRITERS)}")
    days = sorted((inspect_run(one) for one in runs), key=lambda one: (one.day, one.run))
    wrong = None
    if approved is not None:
        now = configuration.listed(read_config(config))
        wrong = configuration.differences(configuration.read(approved), now)
    number = register.number(run, PREFIX)
    made = document(days, number, by, wrong)
    files = write_document(made, out, f"system-inspection-{number}", wanted)
    digest = hashlib.sha256(files[0].read_bytes()).hexdigest()
    entry = register.enter(run, number, digest, f"{made.title} {files[0].name}", by)
    found = findings(days, wrong)
    result = {**msgspec.to_builtins(entry), "findings": found,
              "files": [str(path) for path in files]}  # fmt: skip
    text = "\n".join([*found, f"{number} {made.title} sha256 {digest}", *map(str, files)])
    answer(result, text, as_json, not found)
