"""The verb `people`: persons, posts, rights, sessions, reviews, the trail (docs/people.md)."""

from pathlib import Path
from typing import Any

import click

from quanheng.compose.answering import answer
from quanheng.compose.people_access import (
    acting,
    ask,
    opened,
    place,
    read_token,
    session_options,
    shown_options,
    store_options,
    write_token,
)
from quanheng.compose.people_tokens import token_verb, tokens_verb
from quanheng.compose.people_view import (
    audit_verb,
    export_verb,
    list_verb,
    posts_verb,
    requests_verb,
    review_verb,
    reviews_verb,
    rights_verb,
)
from quanheng.desk.people import admin, database, enrolment, passwords, posts
from quanheng.desk.people.access import Refused, StoreAccess
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.rules import FIRM, LINES
from quanheng.desk.people.writers import BACKUP, MAIN
from quanheng.terms.days import clock_text, day_of, iso


@click.group()
def people() -> None:
    """Persons, posts, rights, sessions and their trail (docs/people.md)."""


def _said(result: dict[str, Any], text: str, as_json: bool) -> None:
    answer({"ok": True, **result}, text, as_json)


@people.command("init")
@click.argument("administrators", nargs=-1, required=True)
@store_options
@shown_options
def init(
    administrators: tuple[str, ...], where: str, key: Path | None, rules: Path | None, as_json: bool
) -> None:
    """Make a store with two security administrators, each given as ID=NAME.

    Prints a one-time code for each; there is no default password.
    """
    pairs = [one.partition("=") for one in administrators]
    wrong = [one for one in pairs if not (one[0] and one[2])]
    if wrong:
        raise StoreError(f"administrator {wrong[0][0]!r} is not ID=NAME")
    codes = admin.create(where, {one[0]: one[2] for one in pairs}, key=key, rules=rules)
    lines = [f"{person}  一次性代码 one-time code {code}" for person, code in codes.items()]
    _said({"store": where, "codes": codes}, "\n".join([f"已建立 {where}", *lines]), as_json)


@people.command("migrate")
@click.option("--sql", is_flag=True, help="Print the SQL of all versions instead.")
@store_options
def migrate(sql: bool, where: str, key: Path | None, rules: Path | None) -> None:
    """Bring the tables of a store to the version this program reads."""
    if sql:
        database.sql_text(where)
        return
    made = database.Database(where)
    try:
        if not database.version(made):
            raise StoreError(f"{where}: has no people store; quanheng people init makes one")
        database.migrate(made)
    finally:
        made.close()
    click.echo(f"{where}: version {database.newest()}")


@people.command("activate")
@click.argument("person")
@store_options
def activate(person: str, where: str, key: Path | None, rules: Path | None) -> None:
    """Set one's password and second factor with a one-time code."""
    with opened(where, key, rules) as store:
        code = ask("一次性代码 one-time code", hide=False)
        password = ask("新密码 new password", twice=True)
        secret = passwords.new_secret()
        click.echo(f"第二因素 second factor\n  {secret}\n  {passwords.uri(secret, person)}")
        factor = ask("验证码 code it shows now", hide=False)
        enrolment.activate(store, person, code, password, secret, factor, place())
    click.echo(f"{person} 已启用 activated")


@people.command("password")
@click.argument("person")
@store_options
def password_verb(person: str, where: str, key: Path | None, rules: Path | None) -> None:
    """Change one's password, also one that has expired."""
    with opened(where, key, rules) as store:
        old, factor = ask("原密码 old password"), ask("验证码 code", hide=False)
        new = ask("新密码 new password", twice=True)
        enrolment.change_password(store, person, old, factor, new, place())
    click.echo("密码已修改 changed")


@people.command("login")
@click.argument("person")
@session_options
def login(
    person: str, where: str, key: Path | None, rules: Path | None, session_file: Path
) -> None:
    """Sign in; the session lies in a file that only its owner reads."""
    with opened(where, key, rules) as store:
        access = StoreAccess(store)
        password, code = ask("密码 password"), ask("验证码 code", hide=False)
        found = access.login(person, password, code, place())
        if isinstance(found, Refused):
            raise NotAllowedError(found.words)
        write_token(session_file, found.token)
    click.echo(f"{person} {', '.join(sorted(found.roles))}")


@people.command("logout")
@session_options
def logout(where: str, key: Path | None, rules: Path | None, session_file: Path) -> None:
    """End one's session."""
    with opened(where, key, rules) as store:
        StoreAccess(store).logout(read_token(session_file))
    session_file.unlink(missing_ok=True)
    click.echo("已退出 signed out")


@people.command("add")
@click.argument("person")
@click.option("--name", required=True, help="In Chinese; stays in the store.")
@click.option("--department", default="")
@click.option("--line", "lines", multiple=True, type=click.Choice(LINES), help="Another line.")
@click.option("--outsourced", is_flag=True, help="Not employed by the firm.")
@session_options
def add(
    person: str, name: str, department: str, lines: tuple[str, ...], outsourced: bool, where: str,
    key: Path | None, rules: Path | None, session_file: Path,
) -> None:  # fmt: skip
    """Add a PERSON by opaque id, without any right."""
    with acting(where, key, rules, session_file) as (store, session):
        data = {"name_zh": name}
        admin.add_person(store, session, person, department, data, lines, outsourced)
    click.echo(f"{person} 已登记 added")


@people.command("data")
@click.argument("person")
@click.argument("values", nargs=-1, required=True)
@session_options
def data_verb(
    person: str, values: tuple[str, ...], where: str, key: Path | None, rules: Path | None,
    session_file: Path,
) -> None:  # fmt: skip
    """Personal data for appendix 3 as FIELD=TEXT: name_zh, duty, phone, mobile, email, and history
    as a JSON list of [years, unit, duty].
    """
    pairs = {one.partition("=")[0]: one.partition("=")[2] for one in values}
    if "history" in pairs:
        _check_history(pairs["history"])
    with acting(where, key, rules, session_file) as (store, session):
        admin.set_personal(store, session, person, pairs)
    click.echo(f"{person} {', '.join(pairs)} 已更新 updated")


def _check_history(text: str) -> None:
    import msgspec

    try:
        msgspec.json.decode(text, type=list[tuple[str, str, str]])
    except msgspec.DecodeError as error:
        raise StoreError(f"history: {error}; a list of [years, unit, duty]") from error


@people.command("account")
@click.argument("account")
@click.argument("line", type=click.Choice(LINES))
@session_options
def account_verb(
    account: str, line: str, where: str, key: Path | None, rules: Path | None, session_file: Path
) -> None:
    """Register an ACCOUNT with its business LINE; only market-making ones carry rights."""
    with acting(where, key, rules, session_file) as (store, session):
        admin.add_account(store, session, account, line)
    click.echo(f"{account} {line}")


@people.command("grant")
@click.argument("person")
@click.argument("post")
@click.option("--account", default=FIRM, help="Its account; without it a post of the firm.")
@click.option("--backup", is_flag=True, help="As the post's backup holder (备岗).")
@click.option("--class", "classes", multiple=True, help="A trader's underlyings; all without.")
@session_options
@shown_options
def grant(
    person: str, post: str, account: str, backup: bool, classes: tuple[str, ...], where: str,
    key: Path | None, rules: Path | None, session_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """Ask that PERSON hold POST; another person confirms it."""
    holder = BACKUP if backup else MAIN
    with acting(where, key, rules, session_file) as (store, session):
        asked = posts.ask_appointment(store, session, person, post, account, holder, classes)
    _said({"request": asked.number}, f"申请 {asked.number}，待复核 (to be confirmed)", as_json)


@people.command("enrol")
@click.argument("person")
@session_options
@shown_options
def enrol(
    person: str, where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Ask that PERSON set password and second factor (again); prints half of the one-time code."""
    with acting(where, key, rules, session_file) as (store, session):
        asked = posts.ask_enrolment(store, session, person)
    text = f"申请 {asked.number}，待复核；代码前半 first half {asked.half}"
    _said({"request": asked.number, "half": asked.half}, text, as_json)


@people.command("confirm")
@click.argument("number", type=int)
@session_options
@shown_options
def confirm(
    number: int, where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Confirm another person's request; of an enrolment the second half of the code is printed."""
    with acting(where, key, rules, session_file) as (store, session):
        half = posts.confirm(store, session, number)
    more = f"；代码后半 second half {half}" if half else ""
    _said({"request": number, "half": half}, f"申请 {number} 已复核 confirmed{more}", as_json)


@people.command("withdraw")
@click.argument("number", type=int)
@session_options
def withdraw(
    number: int, where: str, key: Path | None, rules: Path | None, session_file: Path
) -> None:
    """Take one's own request back."""
    with acting(where, key, rules, session_file) as (store, session):
        posts.withdraw(store, session, number)
    click.echo(f"申请 {number} 已撤回 withdrawn")


@people.command("revoke")
@click.argument("number", type=int)
@session_options
def revoke(
    number: int, where: str, key: Path | None, rules: Path | None, session_file: Path
) -> None:
    """End an appointment at once, by its number in `people list`."""
    with acting(where, key, rules, session_file) as (store, session):
        posts.revoke(store, session, number)
    click.echo(f"任职 {number} 已终止 ended")


def _person_verb(name: str, act: Any, help_: str, done: str) -> None:
    @people.command(name, help=help_)
    @click.argument("person")
    @session_options
    def verb(
        person: str, where: str, key: Path | None, rules: Path | None, session_file: Path
    ) -> None:
        with acting(where, key, rules, session_file) as (store, session):
            act(store, session, person)
        click.echo(f"{person} {done}")


_person_verb("lock", admin.lock, "Void password, second factor and sessions of PERSON.", "已停用")
_person_verb("unlock", admin.unlock, "End the lock that wrong passwords of PERSON made.", "已解锁")
_person_verb("leave", admin.leave, "PERSON has left: posts, sessions, contact data end.", "已离职")


@people.command("sessions")
@click.option("--end", "ended", default="", help="End the session that begins so.")
@session_options
@shown_options
def sessions(
    ended: str, where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Open sessions; end one."""
    with acting(where, key, rules, session_file) as (store, session):
        if ended:
            admin.revoke_session(store, session, ended)
        rows = admin.open_sessions(store, session)
    lines = [
        f"{row['session']}  {row['person']:8}  {row['place']}  "
        f"{iso(day_of(row['seen']))} {clock_text(row['seen'])[:8]}"
        for row in rows
    ]
    _said({"sessions": rows}, "\n".join(lines), as_json)


for _verb in (
    list_verb, posts_verb, requests_verb, rights_verb, review_verb, reviews_verb, audit_verb,
    export_verb, token_verb, tokens_verb,
):  # fmt: skip
    people.add_command(_verb)
