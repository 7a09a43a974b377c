"""The verb `documents`: forms, letters, plans, packages and their life (docs/documents.md)."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose import deliverables, papers
from quanheng.compose.answering import answer
from quanheng.compose.paper_eligibility import conditions, earliest
from quanheng.compose.paper_facts import SHIPPED_FIRM, Facts, gather, wanted
from quanheng.compose.people_access import acting, session_options, shown_options
from quanheng.compose.people_view import when
from quanheng.compose.text import table
from quanheng.desk.people import papers as life
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.store import Store
from quanheng.edge.clock import wall
from quanheng.terms.days import day_of, from_iso, iso
from quanheng.terms.units import Day

_PATH = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_Verb = Callable[..., Any]


@click.group()
def documents() -> None:
    """Forms, letters, plans, application packages, and their life from draft to filing."""


def _fact_options(function: _Verb) -> _Verb:
    options: list[_Verb] = [
        click.option("--firm", type=_PATH, default=None, help="What only the firm knows."),
        click.option("--config", type=_PATH, default=None, help="Configuration of the desk."),
        click.option("--agreement", type=_PATH, default=None, help="Agreement (rules)."),
        click.option("--house", type=_PATH, default=None, help="The house's tighter rules."),
        click.option("--oversight", type=_PATH, default=None, help="The firm's oversight."),
        click.option("--on", "day_text", default="", help="YYYY-MM-DD; today without it."),
        click.option("--class", "classes", multiple=True, help="Of the firm's apply; all."),
        click.option("--run", "runs", multiple=True, type=_FOLDER, help="Days of records."),
        click.option("--alert", default=0, help="Of an incident: number in `report --list`."),
        click.option("--effective", default="", help="Of a withdrawal: YYYY-MM-DD."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _day(text: str, option: str) -> Day:
    try:
        return from_iso(text) if text else 0
    except ValueError as error:
        raise StoreError(f"{option}: {error}") from error


def _order(store: Store, given: dict[str, Any]) -> papers.Order:
    facts = _facts(store, given)
    return papers.Order(
        facts, wanted(facts, given["classes"]), tuple(given["runs"]), given["alert"],
        _day(given["effective"], "--effective"),
    )  # fmt: skip


def _facts(store: Store, given: dict[str, Any]) -> Facts:
    day = _day(given["day_text"], "--on") or day_of(store.clock())
    return gather(
        store,
        day,
        given["firm"],
        given["config"],
        given["agreement"],
        given["house"],
        given["oversight"],
    )


def _drafted(store: Store, session: Session, made: list[papers.Made]) -> None:
    for one in made:
        life.enter(store, session, one.path.stem, life.DRAFT, one.sha256, len(one.gaps))


@documents.command("kinds")
@shown_options
def kinds(as_json: bool) -> None:
    """The documents there are."""
    rows = [
        {"kind": name, "file": f"{kind.file}.docx", "source": kind.source}
        for name, kind in papers.KINDS.items()
    ]
    cells = [[row["kind"], row["file"], row["source"]] for row in rows]
    answer({"ok": True, "kinds": rows}, table(["种类", "文件", "依据"], cells, left=3), as_json)


@documents.command("template")
@click.option("--out", type=_PATH, required=True)
def template(out: Path) -> None:
    """Write the firm's file with nothing in it, to be filled in."""
    if out.exists():
        raise StoreError(f"{out}: exists already")
    out.write_text((files("quanheng") / SHIPPED_FIRM).read_text(encoding="utf-8"), "utf-8")
    click.echo(str(out))


@documents.command("make")
@click.argument("names", nargs=-1, required=True, type=click.Choice(list(papers.KINDS)))
@click.option("--out", type=_FOLDER, required=True, help="A folder.")
@_fact_options
@session_options
@shown_options
def make(
    names: tuple[str, ...], out: Path, where: str, key: Path | None, rules: Path | None,
    session_file: Path, as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Write documents into a folder and enter them as drafts; exit 1 when gaps are left."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("documents.draft")
        order = _order(store, given)
        made = [papers.make(name, order, out) for name in names]
        _drafted(store, session, made)
    whole = not any(one.gaps for one in made)
    blocks = []
    for one in made:
        state = f"缺项 {len(one.gaps)}" if one.gaps else "齐备"
        blocks += [f"{one.path}  {one.sha256[:12]}  {state}", *(f"  - {gap}" for gap in one.gaps)]
    result = {
        "ok": whole,
        "documents": [{**msgspec.to_builtins(one, enc_hook=str)} for one in made],
    }
    answer(result, "\n".join(blocks), as_json, whole)


@documents.command("package")
@click.argument("name", type=click.Choice(list(papers.PACKAGES)))
@click.option("--out", type=_FOLDER, required=True, help="A new folder.")
@_fact_options
@session_options
@shown_options
def package(
    name: str, out: Path, where: str, key: Path | None, rules: Path | None, session_file: Path,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Write an application's documents with a checklist of what is missing (L-11)."""
    if out.exists() and any(out.iterdir()):
        raise StoreError(f"{out}: is not empty; a package gets a folder of its own")
    with acting(where, key, rules, session_file) as (store, session):
        session.require("documents.draft")
        lines, made = papers.package(name, _order(store, given), out)
        _drafted(store, session, made)
    cells = [
        [str(number), one.item.words, one.item.channel,
         f"缺 {len(one.missing)}" if one.missing else "齐备"]
        for number, one in enumerate(lines, 1)
    ]  # fmt: skip
    whole = not any(one.missing for one in lines)
    result = {"ok": whole, "out": str(out), "items": msgspec.to_builtins(lines)}
    text = table(["序号", "材料", "报送方式", "缺项"], cells, left=4)
    answer(result, f"{text}\n{out / 'checklist.md'}", as_json, whole)


def _stage_verb(name: str, stage: str, help_: str) -> None:
    @documents.command(name, help=help_)
    @click.argument("file", type=_PATH)
    @click.option("--name", "paper", default="", help="Name of the document; the file's without.")
    @click.option("--note", default="")
    @click.option("--filing", default=0, help="Of `register show filing`, when it is filed.")
    @session_options
    def verb(
        file: Path, paper: str, note: str, filing: int, where: str, key: Path | None,
        rules: Path | None, session_file: Path,
    ) -> None:  # fmt: skip
        gaps = papers.gaps_in(file)
        paper = paper or file.stem
        with acting(where, key, rules, session_file) as (store, session):
            life.enter(
                store, session, paper, stage, papers.file_hash(file), len(gaps), note, filing
            )
        click.echo(f"{paper} {_STAGES[stage]} {stage}；缺项 gaps {len(gaps)}")


_STAGES = {life.DRAFT: "起草", life.REVIEWED: "审核", life.SIGNED: "签署", life.FILED: "报送"}
_stage_verb("draft", life.DRAFT, "Enter FILE, as a person has worked on it, as a draft.")
_stage_verb("review", life.REVIEWED, "FILE is reviewed: no gap, not by who drafted it.")
_stage_verb("sign", life.SIGNED, "FILE is signed.")
_stage_verb("file", life.FILED, "FILE was sent to the exchange.")


@documents.command("list")
@click.option("--name", default="", help="Every stage of one document.")
@session_options
@shown_options
def listing(
    name: str, where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Where the documents stand."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("documents")
        rows = life.stages(store, name) if name else list(life.standing(store).values())
    cells = [
        [one.name, _STAGES[one.stage], when(one.at), one.by, str(one.gaps), one.sha256[:12],
         one.note]
        for one in rows
    ]  # fmt: skip
    heads = ["文件", "阶段", "时间", "人员", "缺项", "校验", "备注"]
    result = {"ok": True, "documents": msgspec.to_builtins(rows)}
    answer(result, table(heads, cells, left=7), as_json)


@documents.command("gaps")
@click.argument("file", type=_PATH)
@shown_options
def gaps_verb(file: Path, as_json: bool) -> None:
    """Gaps that are still marked in FILE; exit 1 when there are any."""
    found = papers.gaps_in(file)
    result = {"ok": not found, "gaps": found}
    answer(result, "\n".join(found) or "无缺项 none", as_json, not found)


@documents.command("eligibility")
@click.option("--season", type=_FOLDER, default=None, help="The simulated days.")
@_fact_options
@session_options
@shown_options
def eligibility(
    season: Path | None, where: str, key: Path | None, rules: Path | None, session_file: Path,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Conditions of an application, evidence, earliest day (L-01); exit 1 while one fails."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("documents")
        found = conditions(_facts(store, given), season)
    whole, day = all(one.holds for one in found), earliest(found)
    cells = [
        [one.number, one.words, "符合" if one.holds else "不符合",
         iso(one.earliest) if one.earliest else "未定", one.evidence]
        for one in found
    ]  # fmt: skip
    said = f"最早可申请日 earliest {iso(day)}" if day else "最早可申请日未定 not known yet"
    text = table(["条件", "内容", "结论", "最早", "证据"], cells, left=5)
    result = {"ok": whole, "earliest": day, "conditions": msgspec.to_builtins(found)}
    answer(result, f"{text}\n{said}", as_json, whole)


@documents.command("deliverables")
@click.option("--out", type=_FOLDER, required=True, help="A folder.")
@click.option("--pages", type=_FOLDER, default=deliverables.PAGES, help="The folder docs/zh.")
@click.option("--on", "day_text", default="", help="Date of the files, YYYY-MM-DD; today.")
@shown_options
def deliverables_verb(out: Path, pages: Path, day_text: str, as_json: bool) -> None:
    """Write the system's own deliverables (docs/zh, I-47 to I-52) as Word files."""
    made = deliverables.write(pages, out, _day(day_text, "--on") or day_of(wall()))
    cells = [[one.title, one.page, one.sha256[:12], str(one.path)] for one in made]
    result = {"ok": True, "documents": msgspec.to_builtins(made, enc_hook=str)}
    answer(result, table(["文件", "页面", "校验", "位置"], cells, left=4), as_json)
