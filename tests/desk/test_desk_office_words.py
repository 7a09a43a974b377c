"""Everything the office sends has its words: columns, sheets, parts, acts, fields, codes."""

import importlib
import re
from pathlib import Path

from quanheng.compose import (
    console_exchange,
    console_office,
    console_registers,
    oversight_words,
    registry_site,
)
from quanheng.compose.console_daily import PARTS, items
from quanheng.compose.console_facts import CHECKS
from quanheng.compose.inspection_paper import STATES
from quanheng.compose.oversight_end import UNITS
from quanheng.desk import office
from quanheng.desk.access import COMMANDS, OFFICE_VIEWS, SITE_COMMANDS, SITE_VIEWS, VIEWS
from quanheng.desk.assets import read_words
from quanheng.desk.people.register_types import KINDS
from quanheng.desk.people.rules import EXCHANGE, read_rules
from quanheng.oversight.limits import MEASURES as FIRM_MEASURES
from quanheng.registry import acts as registry_acts
from quanheng.registry import register as maker_register
from quanheng.registry.wording import LEVELS, MEASURES, STEP_WORDS
from quanheng.settlement.record import Item, Status

COMPOSE = Path(console_office.__file__).parent
MODULES = sorted(
    path.stem
    for name in ("console_*.py", "registry_*.py", "rating_sheets.py")
    for path in COMPOSE.glob(name)
)


def texts() -> str:
    return "\n".join((COMPOSE / f"{name}.py").read_text("utf-8") for name in MODULES)


def found(kind: type) -> list:
    """Every value of a kind that stands in a module of the office, also in tuples."""
    rows = []
    for name in MODULES:
        module = importlib.import_module(f"quanheng.compose.{name}")
        for value in vars(module).values():
            group = value if isinstance(value, tuple) else (value,)
            rows += [one for one in group if isinstance(one, kind)]
    return rows


def test_every_word_of_the_office_is_there():
    words, source = set(read_words()), texts()
    states = {
        *re.findall(r'"standing": (?:\(?)"(\w+)"', source), *map(str, Status),
        *(str(one) for one in Item), *(f"event_{one}" for one in oversight_words.EVENTS),
        *(f"case_{one}" for one in oversight_words.STATUS), *KINDS_OF_STATE,
    }  # fmt: skip
    fields = {one.name for one in found(office.Column)} | set(
        re.findall(r'Column\(\s*"(\w+)"', source)
    )
    forms = [one for name in KINDS for one in console_registers.fields_of(name)]
    forms += found(office.Field)
    fields |= {one.label or one.name for one in forms}
    fields |= {*re.findall(r'Field\("(\w+)"', source)}
    choices = {value for one in forms for value in one.choices}
    rules = (read_rules(), read_rules(Path(EXCHANGE)))
    choices |= {post.post for one in rules for post in one.posts}
    asked = [one for act in found(office.Act) for one in act.ask]
    fields |= {one.label or one.name for one in asked}
    choices |= {value for one in asked for value in one.choices}
    wanted = {f"field.{one}" for one in fields} | {f"standing.{one}" for one in states}
    acts = (*office.ACTS, *office.SITE_ACTS)
    wanted |= {f"choice.{one}" for one in choices} | {f"act.{one}" for one in acts}
    wanted |= {f"post.{post.post}" for one in rules for post in one.posts}
    wanted |= {f"part.{one}" for one in (*console_exchange.TABS, "register_acts")}
    wanted |= {f"sheet.{one}" for one in re.findall(r'Sheet\(\s*"(\w+)"', source)}
    wanted |= {f"page.{one}" for one in (*VIEWS, *SITE_VIEWS)} | {f"part.{one}" for one in KINDS}
    wanted |= {f"sheet.{one}" for one in (*PARTS, *(f"inspection_{n}" for n in range(1, 5)))}
    wanted |= {f"standing.post_{one.post}" for one in items()}
    wanted |= {f"fact.{one}" for one in re.findall(r'^\s+\("(\w+)", (?:f|str|clock)', source, re.M)}
    assert sorted(wanted - words) == []


KINDS_OF_STATE = (
    *(f"item_{one}" for one in STATES), *maker_register.STEPS, *maker_register.KINDS,
    *(f"near_{one}" for one in LEVELS), *(f"decided_{one}" for one in MEASURES),
    "duty_met", "duty_missed", *(f"act_{one}" for one in registry_acts.KINDS), "published",
    "passed", "failed", "undecided", "human", "locked", "in_force", "waiting", "reversed",
    "staffed", "lacks_main", "lacks_backup", "main", "backup", "appoint", "enrol", "view",
    "command", "same", "changed", "missing", "late", "blocked", "due", "open", "draft", "reviewed",
    "signed", "filed", "issued", "received", "approved", "submitted", "expired", "breached",
    "explained", "differs", "over", "up", "down", "level_notice", "level_amber", "level_red",
    "explaining", "cleared", "proposed", "active", "withdrawn",
)  # fmt: skip


def test_every_unit_of_the_overseer_has_a_word():
    """Of its limits and of its figures."""
    units = {one.unit for one in FIRM_MEASURES} | {unit for _, unit in UNITS.values()} | {"yuan"}
    assert sorted(units - set(oversight_words.UNIT_NAMES)) == []


def test_every_page_and_act_has_who_fills_it():
    """No page without a filler, no act without somebody who does it, and nothing of one alone."""
    assert set(console_office.PAGES) == set(OFFICE_VIEWS)
    assert set(console_office.ACTS) == set(office.ACTS)
    assert set(office.ACTS.values()) <= set(COMMANDS)
    assert set(console_office.FILES) <= set(console_office.PAGES)
    assert set(registry_site.PAGES) == set(SITE_VIEWS)
    assert set(registry_site.ACTS) == set(office.SITE_ACTS)
    assert set(office.SITE_ACTS.values()) <= {*SITE_COMMANDS, *COMMANDS}
    words = read_words()
    assert {one: words[f"choice.{one}"][0] for one in STEP_WORDS} == STEP_WORDS


def test_check_lists_name_checks_that_there_are():
    """An item that names a check that is none would look like one for people."""
    for one in items():
        assert one.part in PARTS, one.item
        assert not one.check or one.check in CHECKS, one.item
    assert {one.check for one in items() if one.check} == set(CHECKS)
    assert len({one.item for one in items()}) == len(items())
