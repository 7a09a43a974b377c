"""The verb `self-test`: what a day stands on, tried before the open and filed (promise 45)."""

from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.day import DayPlan
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.scenarios import load
from quanheng.compose.self_test import examine, file_record, shown
from quanheng.config import read_config
from quanheng.terms.days import from_iso


@click.command("self-test")
@click.option("--scenario", default="calm", show_default=True, help="Of the day that shall be.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("self-tests"),
              show_default=True, help="Folder of the record, and to try things in.")  # fmt: skip
@file_option("--config", "Configuration of the desk.")
@file_option("--agreement", "Market-making agreement (rules).")
@file_option("--house", "The house's own, tighter rules.")
@file_option("--master", "Contract master (reff03) in place of the shipped one.")
@file_option("--models", "Register of released models in place of the shipped one.")
@file_option("--people", "People and posts; the shipped ones by default.")
@file_option("--oversight", "The firm's oversight in place of the shipped one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def self_test(scenario: str, out: Path, config: Path | None, as_json: bool, **files: Any) -> None:
    """Try everything a live day stands on before the open, and file the record.

    Exit 1 when something failed; a live day does not start then.
    """
    found = load(scenario)
    day = from_iso(found.day) if found.day else FIRST_DAY
    plan = DayPlan(scenario=found, config=read_config(config), day=day, **files)
    out.mkdir(parents=True, exist_ok=True)
    done = examine(plan, out)
    path = file_record(done, out)
    result = {**msgspec.to_builtins(done), "ok": done.ok, "record": str(path)}
    answer(result, f"{shown(done)}\n{path}", as_json, done.ok)
