"""Write the generated pages under docs/ from the data they describe.

    .venv/bin/python tools/make_docs.py

A page is a function without arguments that returns the whole text, and a line in PAGES. The same
data gives the same bytes, and a test holds every committed page against its function.
"""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.authority.policy import life_cycle_table, policy_table
from quanheng.compose import scenarios
from quanheng.edge.rulebook_files import shipped_texts
from quanheng.maker import ladder
from quanheng.maker.curve_life import Rung, life_table
from quanheng.maker.limits import LIMITS, SOFT
from quanheng.maker.parameters import NOBODY, TABLE
from quanheng.rulebook.load import READINGS_FILE, Reading, read_readings
from quanheng.terms.codes import Action

DOCS = Path(__file__).parents[1] / "docs"
SCENARIOS = Path(__file__).parents[1] / "src" / "quanheng" / "scenarios"

_READINGS = """\
# Readings of the rules

Where the exchange's text can be read in more than one way, one reading is chosen and every figure
follows it. This page is generated from `src/quanheng/rulebook/data/sse/readings.toml` by
`tools/make_docs.py`; change it there.

- **default**: what holds without a word in the agreement.
- **can be chosen**: the alternatives that code follows. An agreement chooses one in its table
  `[readings]`, as `A28 = "14:49-14:57"`. Any other alternative is refused by name when the rulebook
  is read: it would be printed and not acted upon.
- **followed by**: the room whose code acts on the reading; "nothing yet": no figure hangs on it.

A reading that settles one number stands beside that number too, in the field `reading` of its row.

"""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def _reading_row(key: str, item: Reading) -> tuple[str, ...]:
    return (
        key,
        f"`{item.name}`",
        item.question,
        item.default,
        "; ".join(item.alternatives) or "none",
        "; ".join(item.implemented) or "default only",
        item.followed or "nothing yet",
        item.note,
    )


def readings_page() -> str:
    """docs/rules-readings.md: A01 to A38 of rules.md 11."""
    head = (
        "id",
        "name",
        "question",
        "default",
        "alternatives",
        "can be chosen",
        "followed by",
        "note",
    )
    readings = read_readings(shipped_texts()[READINGS_FILE])
    return _READINGS + table(head, [_reading_row(key, item) for key, item in readings.items()])


_AUTHORITY = """\
# Who may do what

Commands are proposed and, where the table names somebody, seconded by another person with one of
those posts; lowering a state and pulling never wait. Generated from `quanheng.authority.policy`.

"""

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


def _broken(rung: ladder.Rung) -> str:
    """What breaking a rung does, the trip included."""
    words = rung.action.name.lower()
    if rung.action != Action.TRIP:
        return words
    return (
        f"{words}: {'everything' if rung.scope == ladder.HOUSE else rung.scope} to {rung.to.name}"
    )


def authority_page() -> str:
    """docs/authority.md: the four-eyes policy and the life-cycle of a proposal."""
    life = "\n## Life-cycle of a proposal\n\nA dash: the event is refused.\n\n"
    return _AUTHORITY + policy_table() + life + life_cycle_table()


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
    return _CHECKS + checks + _LIMITS + limits + "\n## Parameters\n\n" + settings


_CURVES = """\
# The life of a volatility curve

Each expiry's curve goes through this table at every update of its class; a dash: the event cannot
happen in that state. Only PUBLISHED curves price. Generated from `quanheng.maker.curve_life`.

"""

_RUNGS = """
## Rungs

What the published curve of an expiry is, best first. The rung is state, stands in the curve view
and raises `curve_rung` when a curve is stale. A model whose fit fails gives way to the wing model
for that update (`model_fallback`); forwards have rungs of their own (`forward_rung`).

"""

_RUNG_WORDS = {
    Rung.OWN: "its own fit of the last update",
    Rung.REPAIRED: "the same after arbitrage was removed",
    Rung.LAST_GOOD: "an earlier one of today; stale after `curve_age`",
    Rung.BORROWED: "from the neighbouring expiries, in total variance",
    Rung.SETTLEMENT: "from the previous settlement prices",
    Rung.LEVEL: "one vol, from prices too few for a curve, else 25 %; told at once, quoted wide",
    Rung.NOTHING: "none: the expiry is not quoted",
}


def curves_page() -> str:
    """docs/curves.md: the life-cycle of a curve and its rungs."""
    rows = [(str(int(rung)), rung.name, words) for rung, words in _RUNG_WORDS.items()]
    return _CURVES + life_table() + _RUNGS + table(("code", "rung", "meaning"), rows)


_SCENARIOS = """\
# Scenario files

A scenario says what kind of day is simulated: `quanheng day --scenario NAME` takes a shipped one by
name or your own TOML file by path, `quanheng day --list` names them. A key that is not here is
refused by its name and line; what is not said has its default. Times are HH:MM or HH:MM:SS. This
page is generated from `src/quanheng/compose/scenarios.py` and `src/quanheng/scenarios/`.

The volumes are those of the real day (`flow_percent = 100`); what the kinds of participants do is
measured in `docs/studies/crowd.md`.

"""

_FIELD = re.compile(r"^    (\w+): .+?(?:  # (.+))?$", re.MULTILINE)


def _keys(kind: type) -> str:
    """A table of a struct's keys: the comment beside a field is its meaning."""
    text = inspect.getsource(kind)
    found = {match[1]: match for match in _FIELD.finditer(text)}
    rows = []
    for field in msgspec.structs.fields(kind):
        match = found[field.encode_name]
        if not match[2]:
            raise ValueError(f"{kind.__name__}.{match[1]} has no comment beside it")
        plain = isinstance(field.default, int | str) and field.default != ""
        default = f"`{field.default}`" if plain else ""
        rows.append((f"`{match[1]}`", default, match[2]))
    return (
        inspect.cleandoc(kind.__doc__ or "") + "\n\n" + table(("key", "default", "meaning"), rows)
    )


def scenarios_page() -> str:
    """docs/scenarios.md: the shipped scenarios and every key of a scenario file."""
    rows = []
    for name in scenarios.shipped():
        first = (SCENARIOS / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
        rows.append((f"`{name}`", scenarios.load(name).words.zh, first.removeprefix("# ")))
    parts = [_SCENARIOS, table(("scenario", "", "what happens"), rows)]
    for header, kind in SCENARIO_TABLES.items():
        parts.append(f"\n## {header}\n\n{_keys(kind)}")
    makers = [
        tuple(str(value) for value in msgspec.structs.astuple(maker))
        for maker in scenarios.CrowdPlan().makers
    ]
    names = tuple(f.name for f in msgspec.structs.fields(scenarios.MakerPlan))
    parts.append("\nWithout the key these compete:\n\n" + table(names, makers))
    return "".join(parts)


SCENARIO_TABLES: dict[str, type] = {
    "Top of the file": scenarios.Scenario,
    "`words`": scenarios.Words,
    "`[underlying]`": scenarios.UnderlyingPlan,
    "`underlying.jumps`": scenarios.Jump,
    "`underlying.pins`": scenarios.Pin,
    "`[crowd]`": scenarios.CrowdPlan,
    "`crowd.shocks`": scenarios.Shock,
    "`crowd.vol_moves`": scenarios.VolMove,
    "`[faults]`": scenarios.Faults,
    "`faults.halts`, `faults.order_outages`, `faults.feed_outages`": scenarios.Window,
    "`[[faults.exchange_outages]]`": scenarios.ExchangeOutage,
    "`dividends`": scenarios.Dividend,
    "`[[roster]]`": scenarios.DutyPost,
    "`[[crowd.makers]]`": scenarios.MakerPlan,
}
"""Every table of a scenario file and the struct that reads it."""


PAGES: dict[str, Callable[[], str]] = {
    "authority.md": authority_page,
    "checks.md": checks_page,
    "curves.md": curves_page,
    "rules-readings.md": readings_page,
    "scenarios.md": scenarios_page,
}
"""Every generated page: its name under docs/ and the function that returns its text."""


def main() -> None:
    """Write every page that changed and say so."""
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
