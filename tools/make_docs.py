"""Write the generated pages under docs/ from the data they describe.

    .venv/bin/python tools/make_docs.py

A page is a function without arguments that returns the whole text, and a line in PAGES. The same
data gives the same bytes, and a test holds every committed page against its function.
"""

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))

from desk_pages import checks_page, monitors_page, table
from error_pages import errors_page
from quanheng.authority.policy import life_cycle_table, policy_table
from quanheng.compose import scenarios
from quanheng.edge.rulebook_files import shipped_texts
from quanheng.maker import inquiry_life
from quanheng.maker.curve_life import Rung, life_table
from quanheng.rulebook.load import READINGS_FILE, Reading, read_readings
from role_pages import openapi_page, roles_page
from zh_docs import ZH_PAGES

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


def authority_page() -> str:
    """docs/authority.md: the four-eyes policy and the life-cycle of a proposal."""
    life = "\n## Life-cycle of a proposal\n\nA dash: the event is refused.\n\n"
    return _AUTHORITY + policy_table() + life + life_cycle_table()


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


_INQUIRIES = """\
# Inquiries and the people on duty

An inquiry (询价) is answered when a two-sided quote that counts stands within 15 s, and held when
it stands for 15 s or is traded away (Q-06). A quote that rests already answers (reading A19).
This page is generated; the table is `quanheng.maker.inquiry_life`.

## The life of an inquiry

Every inquiry of the day is in the maker's queue, several of one contract side by side. A dash: it
cannot happen in that stage.

"""

_INQUIRY_TEXT = """
- **Counting.** Asked and answered are the duty meter's verdicts, told as they come about: an
  inquiry of a contract that is exempt, at a price limit or below the low price, or outside
  continuous trading ends EXCUSED, as does one that the end of the phase cuts off (A34). It is
  answered all the same where the maker can. A missed inquiry counts once its 30 s are over.
- **The hold.** Until it is over both sides are owed: requotes follow the market but never wider
  than the quote counts, after a jump not even to keep a side clear of theory; fills are refilled.
  A trip, a trading state, a limit or the ladder still wins. Then the hold is BROKEN and the
  record says by what: the trip's reason (`MMP`, `P25`), the state, `feed`, `link`, `nobody`, the
  check (`P08`), or `quote`. It may begin anew until the inquiry is due.
- **The queue is shown** as the view "inquiry", a row whenever one has moved; the view "inquiries"
  has asked and answered by contract and class each minute; `reports/inquiries.csv` is the day.

## Taking an inquiry over

The machine answers at once, or after `inquiry_wait` ms, which leaves an inquiry to people first.
A trader who is signed on for the class may take it until 5 s before it is due, whether or not the
machine's quote stands already (that quote is held meanwhile); then

| `quanheng propose FOLDER … --by T01` | does |
|---|---|
| `take-inquiry ID` | the inquiry waits for T01 |
| `answer-inquiry ID 0.0251 0.0259 --qty 10` | T01's prices go out, under T01's name |
| `give-back-inquiry ID` | the machine answers now |

A live maker reads what the authority of its run folder issues (`issued.jsonl`) ten times a second
and takes each proposal once.

5 s before it is due the machine answers by itself what the person has not; so it does when the
person signs off. An answer needs two sides of the size and spread that count, with theory between
them, and passes the whole ladder; what it fails is told by name and the inquiry stays with the
person. The person's prices are held 15 s and renewed after fills. When theory passes one of them,
or a rung denies them, the strategy's prices take over.

## The sign-on register

Traders sign on for an underlying or for every class (`propose FOLDER sign-on trader --scope
510050`), each only for oneself, only with the post and for the classes of the file of people
(`classes`). In a seat the last to sign on is on duty and the others stand by: a backup takes a
class over by signing on, and has it without a gap when the main one signs off. The narrower seat
wins. Every quote, order, cancel and hedge carries the trader on duty for its class, a person's
own order or answer that person.

A class without a trader is REDUCING: it quotes only what reduces, under nobody's name; single
orders are withdrawn, hedges wait, and `nobody_on_duty` is told each minute. Simulated and live
days sign the scenario's `[[roster]]` on and off. `reports/deals.csv` has every own deal with
trader, strategy and version, `reports/people.csv` the register as it changed.
"""


def inquiries_page() -> str:
    """docs/inquiries.md: the life-cycle of an inquiry, take-over, the sign-on register."""
    return _INQUIRIES + inquiry_life.life_table() + _INQUIRY_TEXT


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
    "`[habits]`": scenarios.Habits,
    "`[[roster]]`": scenarios.DutyPost,
    "`[[crowd.makers]]`": scenarios.MakerPlan,
}
"""Every table of a scenario file and the struct that reads it."""


PAGES: dict[str, Callable[[], str]] = {
    "authority.md": authority_page,
    "checks.md": checks_page,
    "curves.md": curves_page,
    "errors.md": lambda: errors_page("en"),
    "inquiries.md": inquiries_page,
    "monitors.md": monitors_page,
    "roles.md": roles_page,
    "rules-readings.md": readings_page,
    "scenarios.md": scenarios_page,
    "../src/quanheng/data/openapi.json": openapi_page,
    "zh/errors.md": lambda: errors_page("zh"),
    **ZH_PAGES,
}
"""Every generated page: its place from docs/ on and the function that returns its text."""


def main() -> None:
    """Write every page that changed and say so."""
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
