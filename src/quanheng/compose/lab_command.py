"""The verb `lab`: a member test against a gateway, and the reception test of received files."""

from pathlib import Path
from typing import Any

import click

from quanheng.compose import lab_form, reception
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.isolation import register_of
from quanheng.compose.lab import CLOCKS, LabPlan, run, scenes, scenes_hash
from quanheng.compose.reference import FIRST_DAY, load, read_master
from quanheng.compose.run_folder import RunError
from quanheng.config import read_config
from quanheng.edge.lab.line import Address
from quanheng.edge.lab.script import Script
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.contract import Chain, build_chain
from quanheng.terms.days import from_iso
from quanheng.terms.units import SECOND, Day


@click.group()
def lab() -> None:
    """The laboratory: rehearse a member test, check what was received."""


@lab.command("run")
@click.option("--host", default="", help="A gateway's host; without it our own exchange.")
@click.option("--port", default=0, help="A gateway's port.")
@click.option("--standby", default="", help="HOST:PORT of the standby line.")
@click.option("--comp-id", default="QUANHENG", show_default=True, help="SenderCompID.")
@click.option("--day", "on", default="", help="Trading day of the gateway, YYYY-MM-DD.")
@click.option("--session", type=click.Choice(["new", "old"]), default="new", show_default=True)
@click.option("--phase", type=click.Choice([*CLOCKS][1:]), default="continuous", show_default=True)
@click.option("--flow", default=0, help="Messages a second that the gateway takes.")
@click.option("--patience", default=5, show_default=True, help="Seconds to wait for an answer.")
@click.option("--scene", "names", multiple=True, help="Only scenes that begin so; may repeat.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@file_option("--master", "Contract master (reff03) of the day.")
@file_option("--config", "Configuration of the desk: trading unit, account.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def lab_run(out: Path, lang: str, as_json: bool, **options: Any) -> None:
    """Play the scenes of a member test against a gateway and write the filled form."""
    plan = _plan(options)
    chosen = _chosen(options["names"], plan.system)
    results = []
    for result in run(plan, chosen):
        results.append(result)
        words = lab_form.VERDICTS if lang == "zh" else lab_form.VERDICTS_EN
        click.echo(f"{result.name}  {words[result.verdict]}", err=True)
    which = scenes_hash(chosen)
    paths = lab_form.write(plan, results, which, out)
    summary = lab_form.summary(plan, results, which, paths)
    answer(summary, lab_form.listing(results, paths, lang), as_json, summary["ok"])


def _chosen(names: tuple[str, ...], system: str) -> list[Script]:
    shipped = scenes(system)
    for name in names:
        if not any(scene.name.startswith(name) for scene in shipped):
            known = ", ".join(scene.name.split(".")[0] for scene in shipped)
            raise UsageError(f"--scene {name!r}: there are {known}")
    return [one for one in shipped if not names or one.name.startswith(names)]


def _address(option: str, text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise UsageError(f"{option} {text!r} is not HOST:PORT")
    return host, int(port)


def _day(text: str) -> Day:
    try:
        return from_iso(text)
    except ValueError as error:
        raise UsageError(f"--day: {error}") from error


def _plan(options: dict[str, Any]) -> LabPlan:
    config = read_config(options["config"])
    address = standby = None
    if options["host"] or options["port"]:
        address = _address("--host --port", f"{options['host']}:{options['port']}")
        standby = _address("--standby", options["standby"]) if options["standby"] else None
        if options["master"] is None or not options["on"]:
            raise UsageError("--host needs --day and --master: which contracts trade there")
    elif options["standby"]:
        raise UsageError("--standby needs --host and --port")
    if options["patience"] < 1 or options["flow"] < 0:
        raise UsageError("--patience is at least 1 second, --flow is not negative")
    day = _day(options["on"]) if options["on"] else FIRST_DAY
    return LabPlan(
        config=config,
        book=read_rulebook(day),
        chain=_chain(day, options["master"], address is None),
        sender=options["comp_id"],
        system=options["session"],
        phase=options["phase"],
        address=address,
        standby=standby,
        flow=options["flow"],
        patience=options["patience"] * SECOND,
    )


def _chain(day: Day, master: Path | None, ours: bool) -> Chain:
    """Every contract of the day; of our own exchange the first class is enough."""
    if master is None:
        whole = load(day).whole
    else:
        try:
            whole = read_master(str(master), master.read_bytes(), day)
        except OSError as error:
            raise RunError(f"{master}: {error.strerror}") from error
    first = whole.classes[0]
    kept = [*whole.contracts[first.start : first.stop]] if ours else [*whole.contracts]
    return build_chain(day, kept)


@lab.command("reception")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--day", "on", required=True, help="Trading day of the files, YYYY-MM-DD.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the report goes; reception-<day> without it.",
)
@file_option("--config", "Configuration whose isolation register the files are held against.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def lab_reception(
    folder: Path, on: str, out: Path | None, config: Path | None, lang: str, as_json: bool
) -> None:
    """Check a FOLDER of received files and write the reception report (I-15)."""
    day = _day(on)
    found = reception.check(folder, day, register_of(read_config(config)))
    paths = reception.write(found, out or Path(f"reception-{day}"))
    text = reception.listing(found, paths, lang)
    answer(reception.summary(found, paths), text, as_json, found.ok)
