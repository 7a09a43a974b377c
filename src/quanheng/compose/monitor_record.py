"""The day's alerts of the monitors and risk prompts as tables: one row each, from raised to closed.

`monitors.csv` has level, escalation, acknowledgement and end of every alert; `prompts.csv` ties
each prompt to its alert, its prepared orders, who confirmed it, client ids, fills and the figure
before and after (I-42). Figures and thresholds are in the unit of the monitor.
"""

from collections.abc import Iterable, Sequence

import msgspec

from quanheng.compose.monitor_words import figure_text
from quanheng.maker.monitor_table import INDEX, LEVELS, MONITORS
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.days import clock_text
from quanheng.terms.units import Nanos

MONITOR_COLUMNS = (
    "number", "item", "monitor", "scope", "contract", "words_zh", "unit", "level", "grade", "at",
    "figure", "threshold", "version", "told", "escalations", "acknowledged_by", "acknowledged_at",
    "cleared_at", "state", "prompts", "lines",
)  # fmt: skip
"""`level` is the highest the figure reached, `grade` the one people saw, escalation included;
`lines` are the numbers of the alert in alerts.csv."""

PROMPT_COLUMNS = (
    "number", "alert", "monitor", "scope", "measure", "people", "at", "orders", "status", "by",
    "seconded_by", "answered_at", "ended_at", "before", "after", "results",
)  # fmt: skip

OPEN, ACKNOWLEDGED, RETURNED, CLOSED = "open", "acknowledged", "returned", "closed"
Said = Sequence[tuple[Nanos, str, RaiseAlert]]
"""(instant, machine, alert) in order, as a day gathers them."""


class _Alert(msgspec.Struct):
    """An alert as far as the day has told of it."""

    number: int
    monitor: str
    scope: str
    contract: str
    at: Nanos
    figure: int
    threshold: int
    version: int
    level: int
    grade: int
    told: str
    escalations: int = 0
    by: str = ""
    acked_at: Nanos = 0
    cleared_at: Nanos = 0
    state: str = OPEN
    prompts: list[int] = []
    lines: list[int] = []


def monitor_rows(said: Said) -> Iterable[Sequence[object]]:
    """Rows of MONITOR_COLUMNS in the order in which the alerts were raised."""
    found: dict[int, _Alert] = {}
    for line, (at, _, alert) in enumerate(said, start=1):
        one = _take(found, at, alert)
        if one is not None:
            one.lines.append(line)
    for one in found.values():
        monitor = MONITORS[INDEX[one.monitor]]
        yield (
            one.number, monitor.item, one.monitor, one.scope, one.contract, monitor.chinese,
            monitor.unit, LEVELS[one.level - 1], LEVELS[one.grade - 1], clock_text(one.at),
            figure_text(monitor, one.figure), figure_text(monitor, one.threshold), one.version,
            one.told, one.escalations, one.by, _time(one.acked_at), _time(one.cleared_at),
            one.state, _numbers(one.prompts), _numbers(one.lines),
        )  # fmt: skip


def _take(found: dict[int, _Alert], at: Nanos, alert: RaiseAlert) -> _Alert | None:
    """Fold one effect in; the alert it is about, None for other effects."""
    args = alert.args
    match alert.code:
        case Alert.MONITOR_RAISED:
            name, number, level, figure, threshold, version, post, contract = args
            numbers = int(figure), int(threshold), int(version)
            one = found.get(int(number))
            if one is None:
                one = _Alert(
                    int(number), str(name), alert.scope, str(contract), at, *numbers, 0, 0, ""
                )
                found[one.number] = one
            if int(level) >= one.level:
                one.level, one.figure, one.threshold, one.version = int(level), *numbers
            one.grade, one.told = max(one.grade, int(level)), str(post)
            one.state, one.by, one.acked_at, one.cleared_at = OPEN, "", 0, 0
        case Alert.MONITOR_ESCALATED:
            one = found[int(args[1])]
            one.grade, one.told = int(args[2]), str(args[3])
            one.escalations += 1
        case Alert.MONITOR_ACKNOWLEDGED:
            one = found[int(args[1])]
            one.by, one.acked_at = str(args[2]), at
            one.state = CLOSED if one.cleared_at else ACKNOWLEDGED
        case Alert.MONITOR_CLEARED:
            one = found[int(args[1])]
            one.cleared_at, one.state = at, RETURNED if args[3] else CLOSED
        case Alert.PROMPT_PROPOSED:
            one = found[int(args[2])]
            one.prompts.append(int(args[1]))
        case _:
            return None
    return one


def prompt_rows(said: Said) -> Iterable[Sequence[object]]:
    """Rows of PROMPT_COLUMNS in the order in which the prompts were made."""
    rows: dict[int, dict[str, object]] = {}
    for at, _, alert in said:
        args = alert.args
        if alert.code == Alert.PROMPT_PROPOSED:
            name, number, about, measure, opens, before = args[:6]
            orders = [args[start : start + 4] for start in range(6, len(args), 4)]
            monitor = MONITORS[INDEX[str(name)]]
            rows[int(number)] = dict.fromkeys(PROMPT_COLUMNS, "") | {
                "number": number, "alert": about, "monitor": name, "scope": alert.scope,
                "measure": measure, "people": 2 if opens else 1, "at": clock_text(at),
                "orders": "; ".join(f"{code} {side} {qty} @ {price}"
                                    for code, side, price, qty in orders),
                "status": OPEN, "before": figure_text(monitor, int(before)),
            }  # fmt: skip
        elif alert.code == Alert.PROMPT_CONFIRMED:
            _, number, by, second, accept = args
            status = "confirmed" if accept else "declined"
            rows[int(number)] |= {
                "by": by, "seconded_by": second, "answered_at": clock_text(at), "status": status
            }  # fmt: skip
        elif alert.code == Alert.PROMPT_ENDED:
            name, number, _, result, _, _, _, after = args[:8]
            results = [args[start : start + 6] for start in range(8, len(args), 6)]
            rows[int(number)] |= {
                "status": result, "ended_at": clock_text(at),
                "after": figure_text(MONITORS[INDEX[str(name)]], int(after)),
                "results": "; ".join(_result(*map(str, one)) for one in results),
            }  # fmt: skip
    return [[row[name] for name in PROMPT_COLUMNS] for row in rows.values()]


def _result(code: str, side: str, ident: str, check: str, qty: str, value: str) -> str:
    """What became of one prepared order."""
    return f"{code} {side} {ident} filled {qty}" if ident else f"{code} {side} denied P{check:0>2}"


def _time(at: Nanos) -> str:
    return clock_text(at) if at else ""


def _numbers(some: list[int]) -> str:
    return " ".join(map(str, some))
