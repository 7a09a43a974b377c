"""The page 监督: the firm's own figures, limits, breaches and their life, both levels compared.

Everything is read from what the overseer wrote: its opening (limits), its effects (figures, steps
of cases, differences, stress). No machine runs here and nothing of the desk's is used (R-02).
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any

import msgspec

from quanheng.authority.messages import Second
from quanheng.compose import oversight_words as words
from quanheng.compose.console_house import House, done, number, text
from quanheng.compose.oversight_day import OversightWatch
from quanheng.compose.oversight_end import LEVEL_SCALE, REST_SCALE, UNITS, decimal
from quanheng.compose.run_folder import RunError, read_info
from quanheng.desk.access import Session
from quanheng.desk.office import FIGURE, GROW, STATE, Act, Column, Field, Page, Sheet
from quanheng.desk.ports import Reply, SourceError
from quanheng.edge.firm_acts import Act as FirmAct
from quanheng.edge.firm_acts import add_act
from quanheng.edge.journal_tail import JournalTail
from quanheng.kernels.pack import unpack
from quanheng.oversight import stress
from quanheng.oversight.figures import COLUMNS as FIGURES
from quanheng.oversight.figures import PLACE
from quanheng.oversight.incidents import describe
from quanheng.oversight.limits import BY_NAME, in_force, used
from quanheng.oversight.messages import (
    Answer,
    CloseCase,
    Figures,
    FollowUp,
    OverseerOpen,
    ReleaseDesk,
    Restrain,
    Written,
)
from quanheng.oversight.overseer import Overseer
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.terms.codes import TradingState
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import MONEY_PER_YUAN, Nanos

TABS = ("figures", "limits", "cases", "levels", "stress")
_SAID: Any = msgspec.msgpack.Decoder(Written | Figures)
_EFFECTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_TAGS = (b"written", b"figures")
STATES = [TradingState.REDUCING.name, TradingState.CANCEL_ONLY.name, TradingState.HALTED.name]


class Overseen:
    """Follows `RUN/journal/oversight` as far as it goes."""

    def __init__(self, house: House) -> None:
        self._tail = JournalTail(house.run, Overseer.NAME)
        self._decode = envelope_decoder(Overseer).decode
        self._hold = Lock()
        self.watch = OversightWatch()
        self.opened: OverseerOpen | None = None
        self.at: Nanos = 0

    def read(self) -> "Overseen":
        """Read on; safe from any thread."""
        with self._hold:
            for frame, _ in self._tail.poll():
                if frame.kind == INPUT:
                    envelope = self._decode(frame.payload)
                    self.at = envelope.at
                    if isinstance(envelope.body, OverseerOpen):
                        self.opened = envelope.body
                elif frame.kind == EFFECTS:
                    self._effects(frame.payload)
        return self

    def _effects(self, payload: bytes) -> None:
        for raw in _EFFECTS.decode(payload):
            data = bytes(raw)
            if any(tag in data[:12] for tag in _TAGS):
                self.watch(_SAID.decode(data), self.at, 0)

    def scopes(self) -> dict[str, list[int]]:
        """Figures of every scope at the last run."""
        found = self.watch.last.get("scopes")
        if found is None:
            return {}
        rows = unpack(found.rows, found.columns).tolist()
        return dict(zip(found.names, rows, strict=True))


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """The part that is asked for."""
    tab = ask.get("of") or TABS[0]
    if tab not in TABS:
        raise SourceError(f"there is no part {tab!r}")
    seen = overseen(house).read()
    made = {"figures": _figures, "limits": _limits, "cases": _cases, "levels": _levels,
            "stress": _stress}[tab](seen)  # fmt: skip
    none = ("监督进程没有留下日志", "the overseer left no journal")
    why = ("到此刻为止没有", "nothing up to this instant") if seen.opened else none
    name, columns, rows = made
    sheet = Sheet(name, columns, rows, why, _acts(who) if tab == "cases" else ())
    open_cases = [row for row in standing(seen) if row.status != "closed"]
    facts = [
        ("overseer_at", clock_text(seen.at)[:8] if seen.at else "–", ""),
        ("open_cases", str(len(open_cases)), "alarm" if open_cases else "good"),
    ]
    return Page([sheet], facts=facts, tabs=TABS, tab=tab, every=5)


_FOLLOWED: dict[str, Overseen] = {}


def overseen(house: House) -> Overseen:
    """The follower of a run, one for all who look."""
    return _FOLLOWED.setdefault(str(house.run.resolve()), Overseen(house))


_Made = tuple[str, tuple[Column, ...], list[dict[str, Any]]]


def _figures(seen: Overseen) -> _Made:
    columns = (
        Column("scope", GROW, 120), Column("figure", width=220), Column("value", FIGURE, 150),
        Column("worst_value", FIGURE, 150), Column("worst_at", width=90),
        Column("unit_of", width=150),
    )  # fmt: skip
    rows = []
    for scope, values in seen.scopes().items():
        for name, value in zip(FIGURES, values, strict=True):
            scale, unit = UNITS.get(name, (MONEY_PER_YUAN, "yuan"))
            worst, at = seen.watch.worst.get((scope, PLACE[name]), (value, 0))
            rows.append({
                "key": f"{scope} {name}", "scope": scope,
                "figure_zh": words.FIGURE_NAMES[name],
                    "figure_en": name, "value": decimal(value, scale),
                "worst_value": decimal(worst, scale), "worst_at": clock_text(at)[:8] if at else "",
                "unit_of_zh": words.UNIT_NAMES[unit], "unit_of_en": unit,
            })  # fmt: skip
    return "figures", columns, rows


def _limits(seen: Overseen) -> _Made:
    columns = (
        Column("scope", width=110), Column("limit", GROW, 180), Column("value", FIGURE, 120),
        Column("used", FIGURE, 150), Column("percent", FIGURE, 80), Column("unit_of", width=130),
        Column("standing", STATE, 80), Column("version", width=60), Column("until", width=90),
        Column("basis", width=160), Column("by", width=60), Column("seconded_by", width=60),
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    figures = seen.scopes()
    for one in in_force(seen.opened.limits, seen.at) if seen.opened else []:
        record, measure = one.limit.record, BY_NAME[one.limit.record.name]
        value = used(measure, figures[record.scope]) if record.scope in figures else 0
        most = one.value * measure.factor
        share = 10_000 * value // most if most else 0
        state = "expired" if one.expired else "breached" if value > most else "in_force"
        rows.append({
            "key": f"{record.scope} {record.name}", "scope": record.scope,
            "limit_zh": measure.zh,
                "limit_en": measure.en, "value": str(one.value),
            "used": decimal(value, measure.factor), "percent": f"{share / 100:.2f}",
            "unit_of_zh": words.UNIT_NAMES[measure.unit], "unit_of_en": measure.unit,
            "standing": state, "version": str(one.limit.version),
            "until": iso(day_of(record.until)) if record.until else "", "basis": record.basis,
            "by": record.by, "seconded_by": record.seconded_by, "share": share,
            "tone": "red" if state != "in_force" else "amber" if share >= 8_000 else "",
        })  # fmt: skip
    rows.sort(key=lambda row: -row["share"])
    return "firm_limits", columns, rows


def standing(seen: Overseen) -> list[Written]:
    """The last step of every case."""
    return list({said.case: said for _, said in seen.watch.written}.values())


def _cases(seen: Overseen) -> _Made:
    columns = (
        Column("case", width=120), Column("at", width=150), Column("event", STATE, 110),
        Column("standing", STATE, 80), Column("scope", width=90), Column("limit", width=140),
        Column("value", FIGURE, 120), Column("most", FIGURE, 120), Column("due", width=150),
        Column("by", width=60), Column("content", GROW, 240),
    )  # fmt: skip
    last = {said.case: place for place, (_, said) in enumerate(seen.watch.written)}
    rows = []
    for place, (at, said) in enumerate(seen.watch.written):
        measure = describe(said.name)
        newest = last[said.case] == place and said.status != "closed"
        rows.append({
            "key": str(place), "case": said.case,
            "at": f"{iso(day_of(at))} {clock_text(at)[:8]}", "event": f"event_{said.event}",
            "standing": f"case_{said.status}", "scope": said.scope,
            "limit_zh": measure.zh,
                "limit_en": measure.en, "value": decimal(said.value, measure.factor),
            "most": decimal(said.limit, measure.factor),
            "due": f"{iso(day_of(said.due))} {clock_text(said.due)[:8]}" if said.due else "",
            "by": said.by, "content": said.text,
            "acts": ["firm.follow", "firm.close"] if newest else [],
            "fields": {"case": said.case}, "tone": "red" if newest else "",
        })  # fmt: skip
    return "cases", columns, rows[::-1]


def _levels(seen: Overseen) -> _Made:
    columns = (
        Column("kind", width=110), Column("scope", GROW, 140), Column("desk", FIGURE, 150),
        Column("own", FIGURE, 150), Column("tolerance", FIGURE, 120), Column("minutes", FIGURE, 70),
        Column("first", width=90), Column("last", width=90), Column("standing", STATE, 90),
        Column("cause", GROW, 240),
    )  # fmt: skip
    rows = []
    for key, found in seen.watch.levels.items():
        first, last, minutes, desk, own, tolerance, explained = found
        kind, _, what = key.partition(" ")
        scale = LEVEL_SCALE.get(kind, REST_SCALE)
        still = seen.at - last <= 2 * (seen.opened.every if seen.opened else 0)
        why = seen.watch.causes.get(key, "")
        state = "explained" if explained else "differs" if still else "over"
        rows.append({
            "key": key, "kind_zh": words.KINDS[kind],
                "kind_en": kind, "scope": what,
            "desk": decimal(desk, scale), "own": decimal(own, scale),
            "tolerance": decimal(tolerance, scale), "minutes": str(minutes),
            "first": clock_text(first)[:8], "last": clock_text(last)[:8], "standing": state,
            "cause_zh": words.cause(why, "zh"), "cause_en": why,
            "tone": "amber" if state == "differs" else "",
        })  # fmt: skip
    return "levels", columns, rows


def _stress(seen: Overseen) -> _Made:
    names = stress.OUTCOME_COLUMNS
    columns = (
        Column("scenario", GROW, 240), *(Column(f"stress_{name}", FIGURE, 130) for name in names),
    )  # fmt: skip
    found = seen.watch.last.get("stress")
    rows: list[dict[str, Any]] = []
    if found is not None:
        table = unpack(found.rows, found.columns).tolist()
        for name, row in zip(found.names, table, strict=True):
            cells = {
                f"stress_{column}": decimal(value, _scale(column))
                for column, value in zip(names, row, strict=True)
            }
            zh, en = words.story(name, "zh"), words.story(name, "en")
            rows.append({"key": name, "scenario_zh": zh, "scenario_en": en, **cells})
    return "stress", columns, rows


def _scale(column: str) -> int:
    return 1_000_000 if column == stress.OUTCOME_COLUMNS[-1] else MONEY_PER_YUAN


def _acts(who: Session) -> tuple[Act, ...]:
    said = (Field("text", "long"),)
    scope = Field("scope", value="*")
    found: tuple[Act, ...] = ()
    if who.permits("firm"):
        found += (
            Act("firm.follow", (Field("accepted", choices=("yes", "no")), *said)),
            Act("firm.close", said),
            Act("firm.restrain", (scope, Field("lower", choices=tuple(STATES)), *said), row=False),
            Act("firm.release", (scope, *said), row=False),
        )
    return found


def _give(house: House, act: FirmAct) -> Reply:
    """Hand an act to the overseer of a running day; it judges the person by its own register."""
    try:
        info = read_info(house.run)
    except RunError as error:
        raise SourceError(str(error)) from error
    if info.hash_seed != "live" or info.status != "running":
        raise SourceError("没有正在运行的实时交易日 (no live day is going on)")
    add_act(house.run, act)
    return done("已提交监督进程", "handed to the overseer")


def answer(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """The desk's written answer to a notice."""
    return _give(house, Answer(text(fields, "case"), who.user, text(fields, "text")))


def follow(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Firm risk looks after a case, or sends the answer back."""
    good = text(fields, "accepted", "yes") == "yes"
    return _give(house, FollowUp(text(fields, "case"), who.user, text(fields, "text"), good))


def close(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Firm risk closes a case."""
    return _give(house, CloseCase(text(fields, "case"), who.user, text(fields, "text")))


def restrain(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Firm risk lowers the state of a scope."""
    lower = text(fields, "lower")
    if lower not in STATES:
        raise SourceError(f"lower: {lower!r} is not one of {', '.join(STATES)}")
    said = text(fields, "text")
    return _give(house, Restrain(text(fields, "scope"), TradingState[lower], said, who.user))


def release(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Firm risk asks to let a scope trade again."""
    return _give(house, ReleaseDesk(text(fields, "scope"), text(fields, "text"), who.user))


def second(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Agree to a release at the firm's authority."""
    return _give(house, Second(number(fields, "number"), who.user))


ACTS = {
    "firm.answer": answer, "firm.follow": follow, "firm.close": close, "firm.restrain": restrain,
    "firm.release": release, "firm.second": second,
}  # fmt: skip
