"""The verb `settle`: the checklist of a day's end, its cases, entries, signatures, the plan."""

from pathlib import Path
from typing import Any

import click

from quanheng.compose import settle_acts as acts
from quanheng.compose import settle_drill as drill
from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.document_files import write_document
from quanheng.compose.people import read_people
from quanheng.compose.settle_cybs import read_participant, write_cybs
from quanheng.compose.settle_documents import plan_document, settlement_report, usage_document
from quanheng.compose.settle_job import Job
from quanheng.compose.settle_text import plan_text, result, shown

_WHERE = click.Path(path_type=Path)
_MODES = ("sign", "explain", "adjust", "reverse", "second", "withdraw", "plan", "propose_plan")


@click.command()
@click.argument("run", type=_WHERE)
@click.option("--received", type=_WHERE, default=None, help="Folder of received files.")
@click.option("--previous", type=_WHERE, default=None, help="The settled run of the day before.")
@click.option("--sign", default="", help="Sign a step, or `all` before the last, as --by.")
@click.option("--explain", default="", help="Explain this case.")
@click.option("--adjust", default="", help="Entry of long, short, covered, cash, handling_fee …")
@click.option("--reverse", default="", help="Take this entry back.")
@click.option("--second", default="", help="Agree to an entry, explanation or plan.")
@click.option("--withdraw", default="", help="Take one's own proposed entry back.")
@click.option("--plan", is_flag=True, help="Show the exercise plan by the rule, pins marked.")
@click.option("--propose-plan", is_flag=True, help="Put the exercise plan forward as --by.")
@click.option("--take", multiple=True, help="CODE=CONTRACTS that the plan shall have instead.")
@click.option("--report", type=_WHERE, default=None, help="Folder of the day's documents.")
@file_option("--participant", "Write the participant's upload cybs with this file (off).")
@click.option("--contract", default="", help="Contract of a position's entry.")
@click.option("--amount", default="", help="Contracts or yuan that are added to our figure.")
@click.option("--case", "of", default="", help="The case an entry is for.")
@click.option("--reason", default="")
@click.option("--evidence", default="", help="A file, whose hash is kept, or words.")
@click.option("--by", default="", help="Opaque id of the person.")
@click.option("--at", default="", help="HH:MM of an act on a plan, in a simulated day.")
@file_option("--people", "People and posts; the shipped ones by default.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def settle(run: Path, lang: str, as_json: bool, **asked: Any) -> None:
    """Settle a RUN from its closing files against our own journal (chapter 6, 附件2).

    Goes on where it was; every difference is a case and nothing is overwritten. Exit 1 while a step
    waits or a case is open.
    """
    modes = [name for name in _MODES if asked[name]]
    if len(modes) > 1:
        raise UsageError(f"settle does one thing at a time: {', '.join(modes)}")
    job = Job(run, asked["received"], asked["previous"])
    done = ""
    if modes:
        if modes == ["plan"]:
            plan = acts.plan(job)
            answer({"plan": [one._asdict() for one in plan.lines]}, plan_text(plan, lang), as_json)
            return
        if modes[0] == "sign":
            job.run()  # what is signed is what stands now
        done = _act(job, modes[0], asked)
    if modes[:1] != ["propose_plan"]:
        job.run()
    if asked["participant"]:
        written = write_cybs(job, read_participant(asked["participant"]))
        done = "\n".join([*([done] if done else []), str(written)])
    if asked["report"]:
        done = "\n".join([*([done] if done else []), *map(str, documents(job, asked["report"]))])
    answer(result(job, done), shown(job, done, lang), as_json, job.clean or bool(modes))


def documents(job: Job, out: Path) -> list[Path]:
    """Settlement report, usage of limits with the trades, and on an expiry the exercise plan."""
    day = job.day
    files = write_document(settlement_report(job), out, f"settlement-{day}")
    files += write_document(usage_document([job]), out, f"limit-usage-{day}")
    if any(row.exercise_day == day for row in job.own.chain.contracts):
        files += write_document(plan_document(job, acts.plan(job)), out, f"exercise-plan-{day}")
    return files


@click.command("settle-drill")
@click.option("--out", type=_WHERE, required=True, help="A new folder for runs and documents.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def settle_drill(out: Path, lang: str, as_json: bool) -> None:
    """Rehearse an exercise day: pins, a shortage, four eyes, assignment, failed delivery (R-08)."""
    expiry, after = drill.settle_both(*drill.days(out / "runs"))
    files = documents(expiry, out / "documents") + documents(after, out / "documents")
    found = drill.report(expiry, after)
    files += write_document(found, out / "documents", "drill")
    told = {"ok": expiry.final and after.final, "files": [str(path) for path in files]}
    text = "\n\n".join(shown(job, "", lang) for job in (expiry, after))
    answer(told, "\n".join([text, *map(str, files)]), as_json, bool(told["ok"]))


def _act(job: Job, mode: str, asked: dict[str, Any]) -> str:
    """Do what was asked; what came of it in a word or a number."""
    by, people = asked["by"], read_people(asked["people"])
    if not by:
        raise UsageError(f"--{mode.replace('_', '-')} needs --by")
    told = asked["reason"], asked["evidence"]
    if mode == "sign":
        return ", ".join(acts.sign(job, asked["sign"], by, people))
    if mode == "explain":
        acts.explain(job, asked["explain"], by, *told, people)
        return str(asked["explain"])
    if mode == "adjust":
        item = asked["adjust"]
        amount = acts.yuan_amount(item, asked["amount"])
        given = (item, asked["contract"], amount, asked["of"])
        return acts.adjust(job, *given, by, *told, people)
    if mode == "reverse":
        return acts.reverse(job, asked["reverse"], by, *told, people)
    if mode == "second":
        acts.second(job, asked["second"], by, people, asked["at"])
        return str(asked["second"])
    if mode == "withdraw":
        acts.withdraw(job, asked["withdraw"], by)
        return str(asked["withdraw"])
    return acts.propose_plan(job, by, _changes(asked["take"]), people, asked["at"])


def _changes(texts: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    found = []
    for text in texts:
        code, equals, qty = text.partition("=")
        if not equals or not qty.isdigit():
            raise UsageError(f"--take {text!r} is not CODE=CONTRACTS")
        found.append((code, int(qty)))
    return tuple(found)


VERBS = (settle, settle_drill)
