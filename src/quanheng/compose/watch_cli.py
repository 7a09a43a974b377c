"""The verbs `status` and `alarms`: a live run as its watch sees it, and people's answers (T-08)."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.commands import UsageError
from quanheng.compose.live_nodes import lines_of, roles_beside
from quanheng.compose.node import run_of
from quanheng.compose.node_cli import home_option
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.text import table
from quanheng.compose.watch import ROLES, Tail, alive
from quanheng.config import ConfigError
from quanheng.edge.alarm_desk import ASKED, RECORD, Asked
from quanheng.edge.clock import monotonic
from quanheng.terms.units import SECOND

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_RUN = click.argument("run", type=click.Path(path_type=Path))
_BY = click.option("--by", required=True, help="Opaque id of the person.")
_WHY = click.option("--why", required=True, help="What was done, or the reason.")


def recorded(run: Path) -> list[dict[str, Any]]:
    """Alarms of a run with what became of them. RunError for a run without a watch."""
    if not (run / RECORD).exists():
        raise RunError(f"{run}: no {RECORD}, so no watch looked at this run")
    found: dict[int, dict[str, Any]] = {}
    for line in Tail(run / RECORD):
        number = line.get("number", 0)
        if line["what"] == "raised":
            found[number] = {**line, "delivered": [], "failed": [], "escalated": []}
        elif number in found and line["what"] in ("delivered", "failed", "escalated"):
            found[number][line["what"]].append(line["channel"])
        elif number in found and line["what"] == "acknowledged":
            found[number]["acknowledged_by"] = line["by"]
    return list(found.values())


def processes(run: Path) -> list[dict[str, Any]]:
    """Role, pid, whether it is there, seconds since its last health line, its last figures."""
    path = run / "live" / "pids.json"
    pids = msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}
    rows = []
    for role in (*ROLES, *roles_beside(run), "watch"):
        said = [one for one in Tail(lines_of(run, role)) if one["what"] == "health"]
        last = said[-1] if said else {}
        pid = pids.get(role, 0)
        age = (monotonic() - last["at"]) // SECOND if last else -1
        figures = {name: value for name, value in last.items() if name not in ("at", "what")}
        rows.append({"role": role, "pid": pid, "up": bool(pid) and alive(pid), "age_s": age,
                     "figures": figures})  # fmt: skip
    return rows


@click.command()
@click.argument("target")
@home_option
@_JSON
def status(target: str, home: Path, as_json: bool) -> None:
    """Processes of a live run with their health, and alarms that nobody has acknowledged.

    TARGET is a run folder or the name of a node that `quanheng up` started.

    Exit 1 while the day runs and a process is missing or a red alarm is open.
    """
    run = run_of(home, target)
    info, rows = read_info(run), processes(run)
    alarms = recorded(run) if (run / RECORD).exists() else []
    waiting = [one for one in alarms if one["level"] != "notice" and not one["acknowledged_by"]]
    lines = [
        (one["role"], str(one["pid"] or "-"), "运行" if one["up"] else "未运行",
         str(one["age_s"]) if one["age_s"] >= 0 else "-",
         " ".join(f"{name}={value}" for name, value in one["figures"].items()))
        for one in rows
    ]  # fmt: skip
    text = table(("进程", "pid", "状态", "秒前", "状况"), lines)
    text += (
        f"\n{info.day} {info.scenario} ×{info.speed} {info.status}，未确认告警 {len(waiting)} 条"
    )
    address = run / "live" / "metrics.address"
    if address.exists() and info.status == "running":
        text += f"\nhttp://{address.read_text(encoding='utf-8')}/metrics"
    running = info.status == "running"
    bad = running and (
        not all(one["up"] for one in rows) or any(one["level"] == "red" for one in waiting)
    )
    made = {"status": info.status, "processes": rows, "waiting": waiting}
    answer(made, text, as_json, not bad)


@click.group()
def alarms() -> None:
    """Alarms of a live RUN: list, acknowledge, silence (T-08)."""


@alarms.command(name="list")
@_RUN
@click.option("--all", "every", is_flag=True, help="Acknowledged ones and notices too.")
@_JSON
def list_alarms(run: Path, every: bool, as_json: bool) -> None:
    """What was raised, where it went, who acknowledged it."""
    rows = [
        one for one in recorded(run)
        if every or (one["level"] != "notice" and not one["acknowledged_by"])
    ]  # fmt: skip
    lines = [
        (str(one["number"]), one["level"], one["text"], " ".join(one["delivered"]) or "-",
         " ".join(one["failed"]) or "-", one["acknowledged_by"] or "-")
        for one in rows
    ]  # fmt: skip
    heads = ("编号", "级别", "内容", "已送达", "未送达", "确认")
    answer({"alarms": rows}, table(heads, lines), as_json)


def _ask(run: Path, asked: Asked, as_json: bool) -> None:
    if asked.by not in [one.person for one in read_people().people]:
        raise ConfigError(f"--by: {asked.by} is not among the people of the desk and the firm")
    recorded(run)
    file = os.open(run / ASKED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, msgspec.json.encode(asked) + b"\n")
    finally:
        os.close(file)
    answer(msgspec.to_builtins(asked), f"已提交 handed over: {asked.do}", as_json)


@alarms.command()
@_RUN
@click.argument("number", type=int)
@_BY
@_WHY
@_JSON
def ack(run: Path, number: int, by: str, why: str, as_json: bool) -> None:
    """Acknowledge alarm NUMBER; it goes to nobody further."""
    if number not in [one["number"] for one in recorded(run)]:
        raise UsageError(f"{run}: no alarm {number}")
    _ask(run, Asked("ack", by, why, number), as_json)


@alarms.command()
@_RUN
@click.option("--code", default="*", show_default=True)
@click.option("--scope", default="*", show_default=True)
@click.option("--minutes", type=click.IntRange(1, 480), required=True)
@_BY
@_WHY
@_JSON
def silence(
    run: Path, code: str, scope: str, minutes: int, by: str, why: str, as_json: bool
) -> None:
    """Send nothing of a code and scope for some minutes; red alarms are sent all the same."""
    _ask(run, Asked("silence", by, why, 0, code, scope, minutes), as_json)
