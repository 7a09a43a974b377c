"""The verbs of `people` that show: persons, posts, rights, reviews, the trail, a run's people."""

from pathlib import Path
from typing import Any

import click
import msgspec
import sqlalchemy as sa

from quanheng.compose.answering import answer
from quanheng.compose.people_access import acting, session_options, shown_options
from quanheng.compose.run_folder import write_whole
from quanheng.compose.text import table, toml_lines
from quanheng.desk.people import audit, posts, review, roster
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.rules import all_names, is_view
from quanheng.desk.people.schema import AUDIT
from quanheng.desk.people.store import Store, appointments, personal_of
from quanheng.edge.document_xlsx import xlsx
from quanheng.edge.documents import Column, Document, Section, Table
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import Nanos


def when(at: Nanos) -> str:
    """Local day and time, "" for never."""
    return f"{iso(day_of(at))} {clock_text(at)[:8]}" if at else ""


@click.command("list")
@session_options
@shown_options
def list_verb(
    where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Who holds which post for which account, with the numbers that `revoke` takes."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("people")
        with store.reading() as connection:
            rows = [dict(row) for row in appointments(connection)]
            for row in rows:
                mine = personal_of(connection, row["person"])
                row["name_zh"] = mine["name_zh"] if mine else ""
    cells = [
        [str(row["number"]), row["person"], row["name_zh"], row["post"], row["holder"],
         row["account"], row["classes"] or "*", when(row["since"])]
        for row in rows
    ]  # fmt: skip
    heads = ["任职", "编号", "姓名", "岗位", "主备", "账户", "品种", "自"]
    answer({"ok": True, "appointments": rows}, table(heads, cells, left=8), as_json)


@click.command("posts")
@session_options
@shown_options
def posts_verb(
    where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Posts with their main and backup holders (备岗); exit 1 when a required one is vacant."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("people")
        with store.reading() as connection:
            rows = posts.staffing(store.rules, connection)
    shown = [
        {"post": row["post"].post, "words": row["post"].words, **{
            name: row[name] for name in ("account", "main", "backup", "lacks")}}
        for row in rows
    ]  # fmt: skip
    cells = [
        [row["words"], row["account"], " ".join(row["main"]), " ".join(row["backup"]),
         " ".join(row["lacks"])]
        for row in shown
    ]  # fmt: skip
    whole = not any(row["lacks"] for row in shown)
    text = table(["岗位", "账户", "主岗", "备岗", "缺"], cells, left=5)
    answer({"ok": whole, "posts": shown}, text, as_json, whole)


@click.command("requests")
@session_options
@shown_options
def requests_verb(
    where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Requests that wait for a second person."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("people")
        rows = [
            {name: row[name] for name in ("number", "kind", "person", "by", "at")}
            | ({} if row["kind"] == posts.ENROL else {"body": row["body"]})
            for row in posts.requests(store)
        ]
    cells = [
        [str(row["number"]), row["kind"], row["person"], row["by"], when(row["at"]),
         str(row.get("body", ""))]
        for row in rows
    ]  # fmt: skip
    text = table(["申请", "种类", "编号", "经办", "时间", "内容"], cells, left=6)
    answer({"ok": True, "requests": rows}, text, as_json)


@click.command("rights")
@session_options
@shown_options
def rights_verb(
    where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Every view and command with the posts that have it, from the store's rules."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("people")
        held = {
            name: [
                post.post
                for post in store.rules.posts
                if name in {one for one, _ in store.rules.rights(post.post, "*")}
            ]
            for name in all_names()
        }
    cells = [
        [name, "查看" if is_view(name) else "操作", " ".join(names) or "无人"]
        for name, names in held.items()
    ]
    answer({"ok": True, "rights": held}, table(["权限", "种类", "岗位"], cells, left=3), as_json)


@click.command("review")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Report, .xlsx or .txt.")
@click.option("--sign", "number", type=int, default=0, help="Sign review N.")
@click.option("--decision", default="", help="What was decided about its findings.")
@session_options
@shown_options
def review_verb(
    out: Path | None, number: int, decision: str, where: str, key: Path | None,
    rules: Path | None, session_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """The periodic review of permissions: a report with findings, then its sign-off."""
    if out is not None and out.suffix not in (".xlsx", ".txt"):
        raise StoreError(f"{out}: a review is .xlsx or .txt")
    with acting(where, key, rules, session_file) as (store, session):
        if number:
            review.sign(store, session, number, decision)
            answer({"ok": True, "review": number}, f"审核 {number} 已签批 signed", as_json)
            return
        found = review.look(store)
        text = _review_text(found)
        made = review.keep(store, session, found)
    if out is not None:
        data = xlsx(_review_document(found)) if out.suffix == ".xlsx" else text.encode()
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, data)
    result = {
        "ok": True, "review": made, "sha256": found.digest, "findings": list(found.findings),
    }  # fmt: skip
    answer(result, f"审核 {made}\n{text}", as_json)


@click.command("reviews")
@session_options
@shown_options
def reviews_verb(
    where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Reviews that were made, with their sign-off and what was decided."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("people")
        rows = [dict(row) for row in review.reviews(store)]
    cells = [
        [str(row["number"]), when(row["at"]), row["by"], str(row["findings"]), row["sha256"][:12],
         row["signed_by"], when(row["signed"]), row["decision"]]
        for row in rows
    ]  # fmt: skip
    heads = ["审核", "时间", "编制", "待处理", "校验", "签批", "签批时间", "决定"]
    answer({"ok": True, "reviews": rows}, table(heads, cells, left=8), as_json)


_HEADS = (
    ("编号", "person"), ("姓名", "name"), ("岗位", "post"), ("主备", "holder"),
    ("账户", "account"), ("任职日", "since"), ("最近登录", "last sign-in"), ("权限", "rights"),
)  # fmt: skip


def _review_rows(found: review.Review) -> list[tuple[str, ...]]:
    return [
        (one.person, one.name_zh, f"{one.words} {one.post}", one.holder, one.account, one.since,
         one.last_login or "从未", " ".join(one.rights))
        for one in found.holders
    ]  # fmt: skip


def _review_text(found: review.Review) -> str:
    rows = [list(row[:-1]) for row in _review_rows(found)]
    listing = table([words for words, _ in _HEADS[:-1]], rows, left=7)
    said = "\n".join(f"- {line}" for line in found.findings) or "无"
    return f"{listing}\n\n待处理 findings\n{said}\n\nsha256 {found.digest}\n"


def _review_document(found: review.Review) -> Document:
    columns = tuple(Column(words, english) for words, english in _HEADS)
    rows = tuple(_review_rows(found))
    findings = tuple((line,) for line in found.findings)
    sections = (
        Section(
            title="待处理事项", english="Findings", sheet="待处理",
            blocks=(Table(title="待处理事项", english="findings",
                          columns=(Column("事项", "finding"),), rows=findings),),
        ),
        Section(
            title="岗位与权限", english="Posts and rights", sheet="权限",
            blocks=(Table(title="岗位与权限", english="posts and rights", columns=columns,
                          rows=rows),),
        ),
    )  # fmt: skip
    facts = (("时间 at", when(found.at)), ("校验 sha256", found.digest))
    return Document(
        title="权限定期审核", english="Periodic review of permissions", day=day_of(found.at),
        facts=facts, sections=sections,
    )  # fmt: skip


@click.command("audit")
@click.option("--head", default="", help="A head kept elsewhere that the chain must contain.")
@click.option("--last", default=20, show_default=True, help="Rows to show.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="All rows, JSON lines.")
@session_options
@shown_options
def audit_verb(
    head: str, last: int, out: Path | None, where: str, key: Path | None, rules: Path | None,
    session_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Check the trail's chain and show its end; exit 1 at the first row that does not hold."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("audit")
        found, rows = _trail(store, session, head)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    shown = rows[-last:] if last > 0 else []
    cells = [
        [str(row["number"]), when(row["at"]), row["who"], row["what"], row["subject"]]
        for row in shown
    ]
    verdict = found.wrong or f"{found.rows} 行完整 rows hold，末值 head {found.head}"
    text = table(["序号", "时间", "人员", "事项", "对象"], cells, left=5) + f"\n{verdict}"
    result = {"ok": not found.wrong, **found._asdict()}
    answer(result, text, as_json, not found.wrong)


def _trail(store: Store, session: Session, head: str) -> tuple[audit.Found, list[dict[str, Any]]]:
    """Reading the trail is in the trail (house.md 10)."""
    with store.writing() as connection:
        audit.append(connection, store.clock(), session.user, session.place, "audit.read", head)
        found = audit.verify(connection, head)
        query = sa.select(AUDIT).order_by(AUDIT.c.number)
        return found, [dict(row) for row in connection.execute(query).mappings()]


@click.command("export")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A people.toml.")
@click.option("--account", default="", help="Of this account; of all without it.")
@click.option("--wait-s", default=600, show_default=True, help="A proposal waits for so long.")
@session_options
@shown_options
def export_verb(
    out: Path, account: str, wait_s: int, where: str, key: Path | None, rules: Path | None,
    session_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """The people a run is opened with (--people): opaque ids, posts, classes; no names."""
    with acting(where, key, rules, session_file) as (store, session):
        session.require("people.export")
        with store.writing() as connection:
            listed, source = roster.listed(connection, account), roster.source(connection)
            audit.append(
                connection, store.clock(), session.user, session.place, "people.exported", out.name
            )
    lines = [f"# {source}", f"wait_s = {wait_s}", 'targets = ["maker"]']
    for one in listed:
        row: dict[str, Any] = {"person": one.person, "posts": one.posts}
        row |= {"classes": one.classes} if one.classes else {}
        lines += ["", "[[people]]", *toml_lines(row)]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, ("\n".join(lines) + "\n").encode())
    result = {"ok": True, "people": len(listed), "source": source, "out": str(out)}
    answer(result, f"{out}: {len(listed)} 人，{source}", as_json)
