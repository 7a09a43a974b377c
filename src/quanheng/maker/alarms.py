"""Alerts of the monitors: raised, acknowledged, escalated, cleared (I-29 to I-43, T-08).

A figure at a threshold raises an alert with a number, or lifts the one that lives. The level ends
once the figure has stayed below its band for CALM, so that nothing flaps. Who does not acknowledge
in time hands the alert a level up and to the next post; while a critical one is unacknowledged
nothing of its scope is opened, whether its figure has come back or not.
"""

import numpy as np

from quanheng.kernels.pack import pack
from quanheng.maker.layers import slots_of
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.monitor_state import FAR, Raised, Watch
from quanheng.maker.monitor_table import ESCALATE, FIRST, MONITORS, ROLES, Level
from quanheng.maker.state import State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.commands import Acknowledge
from quanheng.terms.units import SECOND, Nanos

VIEW_COLUMNS = (
    "monitor", "place", "figure", "notice", "amber", "red", "level", "alert", "grade", "told",
    "acknowledged_at", "prompt",
)  # fmt: skip
"""Columns of the "monitors" view, one row per figure that applies: number in MONITORS, class or the
number of classes for the desk, figure and thresholds as people read them, then the alert that
lives, 0 none: its number, grade, post in ROLES, acknowledgement and open prompt."""

CALM = 30 * SECOND
"""How long a figure stays below its band before its level ends."""

_HOLDS = np.array([[one.hold] for one in MONITORS], dtype=np.int64)


def place_name(opened: MakerOpen, place: int) -> str:
    """The scope of a column of the monitors' arrays: an underlying, "*" for the desk."""
    classes = opened.chain.classes
    return classes[place].underlying if place < len(classes) else "*"


def figure_of(watch: Watch, monitor: int, place: int) -> int:
    """A figure as people read it."""
    value = int(watch.signed[monitor, place])
    return -value if MONITORS[monitor].floor else value


def weigh(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Hold every figure against its thresholds, and let unacknowledged alerts go up."""
    watch = state.watch
    shown = watch.signed[:, :, None]
    reached = (shown >= watch.hit).sum(axis=2)
    up = reached > watch.level
    down = (shown >= watch.keep).sum(axis=2) < watch.level
    moving = up.any() or down.any()
    if moving or watch.rising.any() or watch.falling.any():
        watch.rising[:] = np.where(up, np.where(watch.rising > 0, watch.rising, at), 0)
        watch.falling[:] = np.where(down, np.where(watch.falling > 0, watch.falling, at), 0)
        for monitor, place in np.argwhere(up & (at - watch.rising >= _HOLDS)).tolist():
            level = Level(int(reached[monitor, place]))
            _raise(state, opened, monitor, place, level, at, effects)
        for monitor, place in np.argwhere(down & (at - watch.falling >= CALM)).tolist():
            keep = watch.signed[monitor, place] >= watch.keep[monitor, place]
            _fall(state, opened, monitor, place, Level(int(keep.sum())), at, effects)
    _escalate(state, opened, at, effects)


def _raise(
    state: State,
    opened: MakerOpen,
    monitor: int,
    place: int,
    level: Level,
    at: Nanos,
    effects: Effects,
) -> None:
    """A new alert, or a higher level of the one that lives, which has to be acknowledged again."""
    watch = state.watch
    watch.level[monitor, place] = level
    watch.rising[monitor, place] = 0
    number = int(watch.live[monitor, place])
    if not number:
        watch.numbers += 1
        number = int(watch.numbers)
        watch.live[monitor, place] = number
        watch.alerts[number] = Raised(number, monitor, place, 0, 0, 0, at, at)
    one = watch.alerts[number]
    one.level, one.returned, one.waits_since = int(level), False, at
    one.grade, one.told = max(one.grade, int(level)), max(one.told, FIRST[level])
    one.acked_by, one.acked_at = "", 0
    slot = int(watch.worst[monitor, place])
    threshold = int(watch.levels[monitor, place, level - 1])
    told: tuple[int | str, ...] = (
        MONITORS[monitor].name,
        number,
        int(level),
        figure_of(watch, monitor, place),
        threshold,
        state.parameters.version,
        ROLES[one.told],
        opened.chain.contracts[slot].code if slot >= 0 else "",
    )
    effects.append(RaiseAlert(Alert.MONITOR_RAISED, place_name(opened, place), told))


def _fall(
    state: State,
    opened: MakerOpen,
    monitor: int,
    place: int,
    level: Level,
    at: Nanos,
    effects: Effects,
) -> None:
    """The figure has come back to `level`; calm ends the alert, a critical one once it is seen."""
    watch = state.watch
    watch.level[monitor, place] = level
    watch.falling[monitor, place] = 0
    one = watch.alerts[int(watch.live[monitor, place])]
    one.level = int(level)
    if level > Level.CALM:
        return
    one.returned = one.grade == Level.RED and not one.acked_by
    figure = figure_of(watch, monitor, place)
    told = (MONITORS[monitor].name, one.number, figure, int(one.returned))
    effects.append(RaiseAlert(Alert.MONITOR_CLEARED, place_name(opened, place), told))
    if not one.returned:
        _close(watch, one)


def _close(watch: Watch, one: Raised) -> None:
    watch.live[one.monitor, one.place] = 0
    del watch.alerts[one.number]


def _escalate(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """A level up and to the next post, until there is neither."""
    watch = state.watch
    waits = watch.levels[ESCALATE, -1].tolist()
    for one in watch.alerts.values():
        last = one.grade == Level.RED and one.told == len(ROLES) - 1
        if one.acked_by or last or at - one.waits_since < waits[one.grade - 1]:
            continue
        one.grade = min(one.grade + 1, int(Level.RED))
        one.told = min(one.told + 1, len(ROLES) - 1)
        one.waits_since = at
        told = (MONITORS[one.monitor].name, one.number, one.grade, ROLES[one.told])
        effects.append(RaiseAlert(Alert.MONITOR_ESCALATED, place_name(opened, one.place), told))


def acknowledge(
    state: State, opened: MakerOpen, body: Acknowledge, at: Nanos, effects: Effects
) -> None:
    """Somebody has seen an alert: it stops going up, and no longer keeps its scope closed."""
    watch = state.watch
    one = watch.alerts.get(body.alert)
    if one is None or one.acked_by or not body.by:
        why = "nobody says so" if not body.by else "no such alert waits for it"
        args = ("acknowledge", body.by, f"{body.alert}: {why}")
        effects.append(RaiseAlert(Alert.CHECK_DENIED, "*", args))
        return
    one.acked_by, one.acked_at = body.by, at
    told = (MONITORS[one.monitor].name, one.number, body.by, one.grade)
    effects.append(RaiseAlert(Alert.MONITOR_ACKNOWLEDGED, place_name(opened, one.place), told))
    if one.returned:
        _close(watch, one)


def keeps_closed(state: State, opened: MakerOpen, scope: str) -> str:
    """Why a scope may not be opened: the critical alert of it that nobody has acknowledged."""
    mine = slots_of(opened.chain, scope)
    for one in state.watch.alerts.values():
        if one.grade < Level.RED or one.acked_by or mine is None:
            continue
        theirs = slots_of(opened.chain, place_name(opened, one.place))
        if theirs is not None and max(mine[0], theirs[0]) < min(mine[1], theirs[1]):
            name = MONITORS[one.monitor].name
            return f"critical alert {one.number} ({name}) is unacknowledged"
    return ""


def show_monitors(state: State, at: Nanos, effects: Effects) -> None:
    """The live values of every monitor with thresholds and what people have to do (R-01)."""
    watch, rows = state.watch, []
    for monitor, place in np.argwhere(watch.signed > -FAR).tolist():
        number = int(watch.live[monitor, place])
        one = watch.alerts.get(number)
        row = [monitor, place, figure_of(watch, monitor, place)]
        row += [*watch.levels[monitor, place].tolist(), int(watch.level[monitor, place]), number]
        row += [one.grade, one.told, one.acked_at, one.prompt] if one else [0, 0, 0, 0]
        rows.append(row)
    table = np.array(rows, dtype=np.int64).reshape(-1, len(VIEW_COLUMNS))
    effects.append(Notify("monitors", -1, at, len(VIEW_COLUMNS), pack(table)))


def notice_level(state: State, monitor: int, place: int) -> int:
    """The figure, as people read it, to which a measure brings a monitor back: its first level."""
    return int(state.watch.levels[monitor, place, Level.NOTICE - 1])
