"""The page 登记: what the firm decided, received, agreed and filed, in registers that only grow."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from quanheng.compose.console_house import NO_STORE, House, acting, done, number, text, when
from quanheng.desk.access import Session
from quanheng.desk.office import COUNT, GROW, STATE, Act, Column, Field, Page, Sheet
from quanheng.desk.people import registers
from quanheng.desk.people.register_types import KINDS
from quanheng.desk.ports import Reply, SourceError
from quanheng.terms.days import from_iso, iso

COLUMNS = (
    Column("number", COUNT, 60), Column("at", width=150), Column("by", width=70),
    Column("standing", STATE, 80), Column("approved_by", width=70),
    Column("content", GROW, 500), Column("reason", width=200),
)  # fmt: skip

_DAY_NAMES = ("day", "since", "until", "signed", "reported", "confirmed", "base", "due")


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """The register that is asked for, the decisions at first."""
    store = house.store
    if store is None:
        return Page([], NO_STORE, every=0)
    tab = ask.get("of") or next(iter(KINDS))
    if tab not in KINDS:
        raise SourceError(f"there is no register {tab!r}")
    rows = []
    for one in reversed(registers.entries(store, tab)):
        acts = ["register.reverse"] if one.state != "reversed" else []
        if one.state == "waiting":
            acts.append("register.approve")
        rows.append({
            "key": str(one.number), "number": one.number, "at": when(one.at), "by": one.by,
            "standing": one.state, "approved_by": one.approved_by, "content": _said(one.body),
            "reason": one.reason, "acts": acts, "fields": {"number": one.number},
        })  # fmt: skip
    add = Act("register.add", fields_of(tab), row=False)
    found = {
        "register.add": (add, Act("register.reverse", (Field("reason", "long"),))),
        "register.approve": (Act("register.approve", sure=True),),
    }
    acts_ = tuple(act for need, group in found.items() if who.permits(need) for act in group)
    why = ("尚无记录", "no record yet")
    return Page([Sheet("register", COLUMNS, rows, why, acts_)], tabs=tuple(KINDS), tab=tab)


def _said(body: Any) -> str:
    parts = []
    for name, value in msgspec.to_builtins(body).items():
        if value:
            shown = iso(value) if name in _DAY_NAMES else value
            joined = ", ".join(map(str, shown)) if isinstance(shown, list) else shown
            parts.append(f"{name} {joined}")
    return "; ".join(parts)


def fields_of(register: str) -> tuple[Field, ...]:
    """The form of a register's record, from the record itself."""
    record = KINDS[register].record
    hints = get_type_hints(record)
    found = []
    for one in msgspec.structs.fields(record):
        hint, optional = hints[one.name], not one.required
        if get_origin(hint) is not None and all(isinstance(w, str) for w in get_args(hint)):
            found.append(Field(one.name, choices=get_args(hint)))
        elif hint is bool:
            found.append(Field(one.name, choices=("no", "yes")))
        elif one.name in _DAY_NAMES:
            found.append(Field(one.name, "day", optional=optional))
        elif one.name in ("content", "purpose", "basis", "text"):
            found.append(Field(one.name, "long", optional=optional))
        else:
            label = "side_from" if one.name == "side" else ""
            kind = "count" if hint is int else "text"
            found.append(Field(one.name, kind, optional=optional, label=label))
    return tuple(found)


def value_of(register: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record from a form. SourceError names the field that is wrong."""
    record = KINDS[register].record
    hints = get_type_hints(record)
    found: dict[str, Any] = {}
    for one in msgspec.structs.fields(record):
        given = text(fields, one.name, "" if not one.required else None)
        if not given:
            continue
        hint = hints[one.name]
        if one.name in _DAY_NAMES:
            try:
                found[one.name] = from_iso(given)
            except ValueError as error:
                raise SourceError(f"{one.name}: {error}") from error
        elif hint is bool:
            found[one.name] = given == "yes"
        elif hint is int:
            found[one.name] = number(fields, one.name)
        elif get_origin(hint) is tuple:
            found[one.name] = [part.strip() for part in given.split(",") if part.strip()]
        elif get_origin(hint) is dict:
            pairs = [part.partition(":") for part in given.split(",") if part]
            found[one.name] = {key.strip(): value.strip() for key, _, value in pairs}
        else:
            found[one.name] = given
    return found


def add(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Enter a record."""
    register = text(fields, "of")
    if register not in KINDS:
        raise SourceError(f"there is no register {register!r}")
    with acting(house, who) as (store, actor):
        made = registers.add(store, actor, register, value_of(register, fields))
    kind = KINDS[register]
    waits = bool(kind.approvers)
    zh = f"{kind.words} {made}" + ("，待审批" if waits else "")
    return done(zh, f"{kind.english} {made}" + (", to be approved" if waits else ""), number=made)


def approve(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Approve another person's record."""
    with acting(house, who) as (store, actor):
        registers.approve(store, actor, number(fields, "number"))
    return done("已审批", "approved")


def reverse(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Reverse a record with a reason."""
    with acting(house, who) as (store, actor):
        registers.reverse(store, actor, number(fields, "number"), text(fields, "reason"))
    return done("已冲销", "reversed")


ACTS = {"register.add": add, "register.approve": approve, "register.reverse": reverse}
