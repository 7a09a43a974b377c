"""The verbs `people token` and `people tokens`: tokens of programs (docs/api.md)."""

from pathlib import Path

import click

from quanheng.compose.answering import answer
from quanheng.compose.people_access import acting, session_options, shown_options
from quanheng.compose.people_view import when
from quanheng.compose.text import table
from quanheng.desk.people import tokens


@click.command("token")
@click.argument("post")
@click.option("--account", required=True, help="The account one holds the post for.")
@click.option("--purpose", required=True, help="What the program does with it.")
@click.option("--days", type=int, default=30, show_default=True, help="How long it is good.")
@click.option("--propose", "proposes", is_flag=True, help="It may propose what the post proposes.")
@session_options
@shown_options
def token_verb(
    post: str, account: str, purpose: str, days: int, proposes: bool, where: str, key: Path | None,
    rules: Path | None, session_file: Path, as_json: bool,
) -> None:  # fmt: skip
    """A token for a program, of one's own POST; printed once. It never seconds anything."""
    with acting(where, key, rules, session_file) as (store, session):
        number, text = tokens.issue(store, session, post, account, purpose, days, proposes)
    said = f"令牌 token {number}，只显示一次 (shown once)\n{text}"
    answer({"ok": True, "number": number, "token": text}, said, as_json)


@click.command("tokens")
@click.option("--end", "ended", type=int, default=0, help="End the token of that number.")
@session_options
@shown_options
def tokens_verb(
    ended: int, where: str, key: Path | None, rules: Path | None, session_file: Path, as_json: bool
) -> None:
    """Tokens that are good: one's own, or everybody's for administrators; end one."""
    with acting(where, key, rules, session_file) as (store, session):
        if ended:
            tokens.revoke(store, session, ended)
        rows = tokens.listed(store, session)
    cells = [
        [str(row["number"]), row["person"], f"{row['post']}@{row['account']}",
         "提案" if row["proposes"] else "只读", row["purpose"], when(row["until"]),
         when(row["seen"])]
        for row in rows
    ]  # fmt: skip
    heads = ["令牌", "编号", "岗位", "权限", "用途", "有效至", "最近使用"]
    answer({"ok": True, "tokens": rows}, table(heads, cells, left=7), as_json)
