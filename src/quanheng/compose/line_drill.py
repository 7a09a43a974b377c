"""The drill of the order line's switch: cut, other end, both, mended, and its record (T-05, T-07).

It runs the processes of a live day; what counts is in their own lines: when the supervisor cut,
when the gateway lost its session, when it was synchronised again over whatever end was left.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from quanheng.compose.day import DayPlan
from quanheng.compose.drill import Check, Drilled, write_drill
from quanheng.compose.live import conduct
from quanheng.compose.live_closing import close_day
from quanheng.compose.live_drills import LineDrill
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.edge.documents import SHARE, shown
from quanheng.edge.journal_lines import read_lines
from quanheng.terms.days import from_clock
from quanheng.terms.units import MILLISECOND

TITLE = "线路切换演练 Switch of the order line"
SPEED, START, UNTIL, PICK = 10, "09:28", "09:38", "24"
STEPS = (
    LineDrill(from_clock("09:31"), "order"),
    LineDrill(from_clock("09:32"), "order_standby"),
    LineDrill(from_clock("09:33"), "order order_standby"),
    LineDrill(from_clock("09:34"), "order_standby"),
    LineDrill(from_clock("09:35"), ""),
)
"""One end, the other, both, one back, all back."""
BOTH = "order order_standby"


class Switch(NamedTuple):
    """A step of the drill: what was cut, and after how many ms the session was lost and stood
    again; -1 where it did not happen before the next step.
    """

    cut: str
    lost_ms: int
    again_ms: int


def switches(run: Path) -> list[Switch]:
    """Every step with what the gateway said of it."""
    steps = [one for one in read_lines(run / "live" / "supervisor.jsonl") if one["what"] == "lines"]
    said = read_lines(run / "live" / "gateway.jsonl")
    ends = [*(int(one["at"]) for one in steps[1:]), 1 << 62]
    found = []
    for step, end in zip(steps, ends, strict=True):
        since = int(step["at"])
        lost = _first(said, "exchange_lost", since, end)
        again = _first(said, "synced", since if lost < 0 else since + lost, end)
        if lost >= 0 and again >= 0:
            again += lost
        found.append(Switch(step["cut"], _ms(lost), _ms(again)))
    return found


def _first(said: list[dict[str, Any]], what: str, since: int, end: int) -> int:
    """Nanoseconds after `since` at which something was said first before `end`; -1 for never."""
    times = [int(one["at"]) for one in said if one["what"] == what]
    return next((at - since for at in times if since <= at < end), -1)


def _ms(span: int) -> int:
    return span // MILLISECOND if span >= 0 else -1


def expected(found: list[Switch], broken: list[str]) -> list[Check]:
    """What the drill expects, seen or not."""
    alone = [one for one in found if one.cut in ("order", "order_standby")]
    both = [one for one in found if one.cut == BOTH]
    return [
        Check("一端中断后经另一端恢复", "with one end cut, the session stands over the other",
              len(alone) == 3 and all(one.again_ms >= 0 for one in alone)),
        Check("两端均断时不恢复", "with both cut there is no session",
              len(both) == 1 and both[0].lost_ms >= 0 and both[0].again_ms < 0),
        Check("无漏单、无重复、双方持仓一致", "nothing lost or sent twice, both sides agree",
              not broken),
    ]  # fmt: skip


def told(one: Switch) -> str:
    """A step in words."""
    head = f"切断 cut {one.cut}" if one.cut else "全部恢复 all back"
    lost = f"{one.lost_ms} 毫秒后会话中断" if one.lost_ms >= 0 else "会话未受影响"
    again = f"{one.again_ms} 毫秒后重新同步" if one.again_ms >= 0 else "未重新同步"
    return (
        f"{head}：{lost}，{again}" if one.lost_ms >= 0 or one.again_ms >= 0 else f"{head}：{lost}"
    )


def line_switch(folder: Path) -> Drilled:
    """Run it: ten minutes of business time, five steps."""
    config = read_config()
    line = msgspec.structs.replace(config.line, standby_host=config.line.host)
    config = msgspec.structs.replace(config, line=line)
    run = folder / "run"
    run.mkdir()
    plan = DayPlan(scenario=load("calm"), config=config, pick=PICK, out=run, until=UNTIL)
    prepared, supervisor, seconds = conduct(plan, SPEED, START, dict(os.environ), STEPS)
    day = close_day(prepared, supervisor.ended, seconds, supervisor.restarts)
    found = switches(run)
    broken = [f"{name} = {count}" for name, count in day.invariants.items() if count]
    injected = [told(one) for one in found]
    duty = [one.participation for one in day.lines if one.participation is not None]
    if duty:
        injected.append(f"对义务的影响：最低品种参与率 {shown(min(duty), SHARE)}")
    injected += [f"不变量被破坏：{one}" for one in broken]
    return write_drill(folder, TITLE, injected, expected(found, broken), "", [], [])
