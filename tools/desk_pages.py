"""Generated pages about the desk: checks, limits, parameters, monitors (see make_docs)."""

from quanheng.maker import ladder
from quanheng.maker.instruction_rungs import INSTRUCTION_RUNGS
from quanheng.maker.instruction_state import Kind
from quanheng.maker.limits import LIMITS, SOFT
from quanheng.maker.monitor_table import MONITORS, Measure
from quanheng.maker.parameters import NOBODY, TABLE
from quanheng.terms.codes import Action
from quanheng.terms.units import SECOND


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


_CHECKS = """\
# Pre-trade checks and quote parameters

The ladder: every quote and order passes it in this order, and the first broken check is the answer.
Generated from `quanheng.maker.ladder`, `quanheng.maker.limits` and `quanheng.maker.parameters`.

A check that denies refuses the message and withdraws what rests in its place; where the fault is
one side's (P18 to P21, P23) the other side is judged alone, so that the way back stays in the
market. One that warns lets it pass and tells people (I-42); one that trips also lowers the state of
a scope until two named people end the trip (`propose rearm`; P34's also ends when the line was lost
and has synchronised anew). Counting is worst case: positions, what works, and what is UNKNOWN at
full size. A figure that another system has to deliver (value at risk, the other account) is a
record with source and end; without a fresh one the check denies.

"""


_LIMITS = """
## Limits

A limit in force is a record: scope, value, from, until, basis, who approved it and who seconded
(`propose set-limit`; `[[approvals]]` of the desk's file). One person tightens, two loosen. A record
may loosen a default, never a quote parameter, the exchange's grant or a rule. What ends leaves the
tighter of its value and the base. Each change is a new limits version, and every message carries
the version it was judged by. Lowering a limit below what is in use sends the class to REDUCING.
The protection window (MMP) sends a class to CANCEL_ONLY when a figure of its last five seconds
reaches its limit.

"""


_INSTRUCTIONS = """
## Instructions that do not trade

Locks, exercises, combinations and margin inquiries pass the same ladder in the same order, each by
the checks that make sense for it (`docs/instructions.md`). Generated from
`quanheng.maker.instruction_rungs`.

"""


def _broken(rung: ladder.Rung) -> str:
    """What breaking a rung does, the trip included."""
    words = rung.action.name.lower()
    if rung.action != Action.TRIP:
        return words
    return (
        f"{words}: {'everything' if rung.scope == ladder.HOUSE else rung.scope} to {rung.to.name}"
    )


def checks_page() -> str:
    """docs/checks.md: the maker's ladder and its parameters."""
    rungs = [
        (
            rung.check.name[:3],
            rung.meaning,
            rung.chinese,
            _broken(rung),
            rung.boundary,
            ", ".join(f"`{name}`" for name in rung.limits),
            str(rung.exchange_code or ""),
        )
        for rung in ladder.LADDER
    ]
    head = ("check", "meaning", "含义", "when broken", "passes", "limits", "exchange's code")
    checks = table(head, rungs)
    bounds = [
        (
            f"`{item.name}`",
            item.unit,
            str(item.default) if item.default >= 0 else "parameter, grant or rule",
            f"0 to {item.high}",
            f"{SOFT} %" if item.soft else "",
            item.meaning,
        )
        for item in LIMITS
    ]
    limits = table(("limit", "unit", "default", "band", "warns at", "meaning"), bounds)
    rows = [
        (
            f"`{p.name}`",
            p.unit,
            str(p.default),
            f"{p.low} to {p.high}",
            "tighter" if p.limit else "nothing" if p.band == NOBODY else "{} to {}".format(*p.band),
            p.meaning,
        )
        for p in TABLE
    ]
    heads = ("parameter", "unit", "default", "limits", "a trader alone", "meaning")
    settings = table(heads, rows)
    instructed = _INSTRUCTIONS + _instruction_table()
    return _CHECKS + checks + instructed + _LIMITS + limits + "\n## Parameters\n\n" + settings


def _instruction_table() -> str:
    """Which kinds of instruction each check judges, and what it means there or why it does not."""
    rows = []
    for one in INSTRUCTION_RUNGS:
        kinds = "all" if one.kinds == tuple(Kind) else ", ".join(one.kinds) or "none"
        rows.append((one.check.name[:3], kinds, one.why))
    return table(("check", "judges", "what passes, or why it does not apply"), rows)


_MONITORS = """\
# Monitors, alerts and risk prompts

What the maker watches while it trades: I-29 to I-43 of the exchange's inspection, and large moves
of the underlyings. Generated from `quanheng.maker.monitor_table` by `tools/make_docs.py`.

- **Figures.** Worst cases, money and moves are taken each second, holdings and curves every 10 s,
  margin every 15 s, the night at 14:45, 14:50 and 14:55. A share is of the limit in force
  (`docs/checks.md`). `docs/reports.md` says how the overnight arithmetic works.
- **Levels.** A figure at a threshold (above it where "over" is said, at or under it for a figure
  that is bad when low) raises an alert with a number; a level ends once the figure has stayed a
  tenth of the threshold on the good side of it for 30 s. Thresholds are limits on record:
  `NAME_notice`, `NAME_amber`, `NAME_red` of `propose set-limit`, of `*` or of one underlying.
- **Who is told.** Notice and amber tell the trader, red tells risk. Unacknowledged for
  `escalate_notice` (600 s), `escalate_amber` (300 s) or `escalate_red` (60 s) an alert goes a level
  up and to the next of trader, risk, head. `propose acknowledge N` ends that. A higher level has to
  be acknowledged again.
- **Red is critical.** While a red alert of a scope is unacknowledged, nothing of it is opened:
  raising a state and `propose rearm` are refused, even when the figure has come back.
- **Prompts (I-42).** From the level named below the prepared measure is proposed, good for 60 s and
  again after 300 s or at a higher level. `propose confirm N` lets it happen: one person for what
  closes, sells units or lowers a state, two (`--opens`) when a position may be added. Each order
  passes the ladder as of that moment. `prompts.csv` ties alert, prompt, people, client ids, fills
  and the figure before and after together.
- **The night.** Over an overnight limit (`night_loss`, `night_usage`; none on record allows
  nothing) people reduce or two of them sign `propose except-night`, for what was found and no more.
- **A jump of an underlying (F43).** A tick further from the price in force than `absurd` (5 %) is
  not believed: the class's quotes are withdrawn, nothing is hedged, curves stand still, and
  `spot_doubted` tells people. It ends when a tick is back (1), or after `absurd_hold` (1 s) when
  `absurd_ticks` (3) ticks in a row agree (2) or put-call parity of the nearest expiry does (3).

`monitors.csv` and `prompts.csv` of a run hold every alert and prompt of the day; an event report
(`quanheng report RUN --event N`) shows both for its alert.

"""

_MEASURES = {
    Measure.NOTHING: "none: people decide",
    Measure.HEDGE: "cheapest delta hedge",
    Measure.STRADDLE: "straddle that takes it away",
    Measure.CLOSE: "orders that close what takes off most",
    Measure.REDUCE: "scope to REDUCING",
    Measure.WITHDRAW: "scope to CANCEL_ONLY",
}
MONITOR_TESTS = "tests/maker/test_maker_monitors.py"
"""Where each monitor has its tests."""


def monitors_page() -> str:
    """docs/monitors.md: every monitor with its thresholds, measure and test."""
    rows = [
        (
            one.item,
            f"`{one.name}`",
            one.meaning,
            one.chinese,
            "desk" if one.desk else "class",
            f"{one.unit}{', low is bad' if one.floor else ''}{', over' if one.strict else ''}",
            " / ".join(map(str, one.levels)),
            f"{one.hold // SECOND} s" if one.hold else "",
            _MEASURES[one.measure],
            "" if one.measure == Measure.NOTHING else one.prompts.name.lower(),
        )
        for one in MONITORS
    ]
    head = (
        "item",
        "monitor",
        "figure",
        "含义",
        "of",
        "unit",
        "notice / amber / red",
        "told after",
        "prepared measure",
        "from",
    )
    tests = (
        f"\nTests, in `{MONITOR_TESTS}`: `test_monitor_at_its_thresholds[NAME-LEVEL]` just below\n"
    )
    tests += (
        "and at each threshold, `test_monitor_on_the_real_path[NAME]` from an input of a day to\n"
    )
    tests += "the alert; prompts, alerts through their life and the night have files beside it.\n"
    return _MONITORS + table(head, rows) + tests
