"""The verb `register`: what the firm decides, receives and files, in registers that only grow."""

import csv
import io
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.people_access import acting, session_options, shown_options
from quanheng.compose.people_view import when
from quanheng.compose.run_folder import write_whole
from quanheng.compose.text import table, toml_lines
from quanheng.desk.people import registers
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.register_types import KINDS
from quanheng.desk.people.registers import Entry
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.days import day_of, from_iso, iso

_REGISTER = click.Choice(list(KINDS))
_DAYS = ("day", "since", "until", "signed", "reported", "confirmed", "base", "due")
_LISTS = ("views", "departments", "persons")


@click.group()
def register() -> None:
    """Decisions, wall-crossings, letters, agreements, filings: registers that only grow."""


@register.command("kinds")
@shown_options
def kinds(as_json: bool) -> None:
    """The registers, the fields of their records, and who approves them."""
    rows: list[dict[str, Any]] = [
        {"register": name, "words": kind.words, "english": kind.english,
         "fields": list(kind.record.__struct_fields__), "approvers": list(kind.approvers)}
        for name, kind in KINDS.items()
    ]  # fmt: skip
    cells = [
        [row["register"], row["words"], " ".join(row["fields"]), " ".join(row["approvers"]) or "—"]
        for row in rows
    ]
    answer(
        {"ok": True, "registers": rows}, table(["登记", "名称", "字段", "审批"], cells, 4), as_json
    )


@register.command("add")
@click.argument("name", type=_REGISTER)
@click.argument("values", nargs=-1)
@session_options
@shown_options
def add(
    name: str, values: tuple[str, ...], where: str, key: Path | None, rules: Path | None,
    session_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Enter a record as FIELD=TEXT; days as YYYY-MM-DD, lists with commas, parameters as K:V,…"""
    record = dict(_value(one) for one in values)
    with acting(where, key, rules, session_file) as (store, session):
        number = registers.add(store, session, name, record)
    waits = f"，待 {' 或 '.join(KINDS[name].approvers)} 审批" if KINDS[name].approvers else ""
    answer({"ok": True, "number": number}, f"{KINDS[name].words} {number}{waits}", as_json)


def _value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise StoreError(f"{text!r} is not FIELD=TEXT")
    if name in _DAYS:
        try:
            return name, from_iso(value)
        except ValueError as error:
            raise StoreError(f"{name}: {error}") from error
    if name in _LISTS:
        return name, [one.strip() for one in value.split(",") if one.strip()]
    if name == "parameters":
        pairs = [one.partition(":") for one in value.split(",") if one]
        return name, {one.strip(): other.strip() for one, _, other in pairs}
    return name, value


@register.command("approve")
@click.argument("number", type=int)
@session_options
def approve(
    number: int, where: str, key: Path | None, rules: Path | None, session_file: Path
) -> None:
    """Approve another person's record."""
    with acting(where, key, rules, session_file) as (store, session):
        registers.approve(store, session, number)
    click.echo(f"{number} 已审批 approved")


@register.command("reverse")
@click.argument("number", type=int)
@click.option("--reason", required=True)
@session_options
def reverse(
    number: int, reason: str, where: str, key: Path | None, rules: Path | None, session_file: Path
) -> None:
    """Reverse a record that was wrong; nothing is changed in place."""
    with acting(where, key, rules, session_file) as (store, session):
        registers.reverse(store, session, number, reason)
    click.echo(f"{number} 已冲销 reversed")


@register.command("show")
@click.argument("name", type=_REGISTER)
@session_options
@shown_options
def show(
    name: str, where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Every record of a register with what became of it."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("registers")
        rows = registers.entries(store, name)
    answer({"ok": True, "entries": msgspec.to_builtins(rows)}, _shown(rows), as_json)


_STATES = {"waiting": "待审批", "in_force": "有效", "reversed": "已冲销"}


def _shown(rows: list[Entry]) -> str:
    cells = []
    for row in rows:
        body = msgspec.to_builtins(row.body)
        said = "; ".join(f"{key} {_text(key, value)}" for key, value in body.items() if value)
        state = f"{_STATES[row.state]} {row.approved_by}{row.reason}".strip()
        cells.append([str(row.number), when(row.at), row.by, state, said])
    return table(["序号", "时间", "登记人", "状态", "内容"], cells, left=5)


def _text(key: str, value: Any) -> str:
    if key in _DAYS:
        return iso(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


@register.command("calendar")
@click.option("--on", "day_text", default="", help="YYYY-MM-DD; today without it.")
@session_options
@shown_options
def calendar(
    day_text: str, where: str, key: Path | None, rules: Path | None, session_file: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Open filings by their due day on the trading calendar (L-05, L-12); exit 1 when one is late.

    `blocked`: nothing may take effect before the exchange's confirmation is recorded.
    """
    with acting(where, key, rules, session_file) as (store, session):
        session.require("registers")
        try:
            today = from_iso(day_text) if day_text else day_of(store.clock())
        except ValueError as error:
            raise StoreError(f"--on: {error}") from error
        rows = registers.calendar(store, read_rulebook(today).calendar, today)
    cells = [
        [str(one.number), iso(one.due), str(one.left), "提醒" if one.remind else "",
         "须待确认" if one.blocked else "", one.state, one.trigger.words, one.subject,
         f"{one.trigger.channel} {one.trigger.address}".strip()]
        for one in rows
    ]  # fmt: skip
    late = [one for one in rows if one.left < 0 and one.remind and one.trigger.years == 0]
    heads = ["序号", "期限", "剩余交易日", "", "", "状态", "事项", "对象", "方式"]
    result = {"ok": not late, "late": len(late), "filings": msgspec.to_builtins(rows)}
    answer(result, table(heads, cells, left=9), as_json, not late)


@register.command("export")
@click.argument("name", type=click.Choice(["letter", "agreement", "account"]))
@click.option("--maker", default="", help="The maker's code, for letters.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@session_options
def export(
    name: str, maker: str, out: Path, where: str, key: Path | None, rules: Path | None,
    session_file: Path,
) -> None:  # fmt: skip
    """What holds, in the form that others read: letters.csv of a duty dataset (E-07, S-04), or
    [[agreements]] and [[accounts]] of a desk's configuration (L-10).
    """
    if name == "letter" and not maker:
        raise StoreError("letters are of a maker: --maker")
    with acting(where, key, rules, session_file) as (store, session):
        session.require("registers")
        rows = [one.body for one in registers.in_force(store, name)]
    text = _letters(rows, maker) if name == "letter" else _toml(name, rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, text.encode())
    click.echo(f"{out}: {len(rows)}")


def _letters(rows: list[Any], maker: str) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["day", "maker", "measure", "underlying", "steps"])
    for one in rows:
        if one.measure != "other":
            writer.writerow([iso(one.day), maker, one.measure, one.underlying, one.steps])
    return stream.getvalue()


def _toml(name: str, rows: list[Any]) -> str:
    fields = {
        "agreement": ("underlying", "reference", "since", "until"),
        "account": ("scope", "account", "reported", "old"),
    }[name]
    blocks: list[str] = []
    for one in rows:
        # A supplement changes parameters of an agreement that stands already.
        if name == "agreement" and one.form != "agreement":
            continue
        row = {key: getattr(one, key) for key in fields}
        blocks += [f"[[{name}s]]", *toml_lines(row), ""]
    return "\n".join(blocks)
