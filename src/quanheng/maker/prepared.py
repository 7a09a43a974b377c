"""Prepared sets of combinations: proposed once before the close, carried out when two people say so
(I-33, I-42). Netting needs no instruction, day end does it; the search counts it.
"""

import numpy as np

from quanheng.books.combination_search import Proposal
from quanheng.books.combinations import STRATEGIES
from quanheng.maker.instruction_state import Kind, Prepared
from quanheng.maker.instruction_wants import free_lots
from quanheng.maker.instructions import instruct
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.state import State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.commands import BuildPrepared, Combine, Split
from quanheng.terms.units import Nanos

PREPARED = ("prepared", "1")
"""Strategy and version of what a prepared set sends."""

COMBINATION_COLUMNS = (
    "number", "strategy", "first", "second", "units", "margin_before", "margin_after",
)  # fmt: skip
"""Columns of the "combinations" view: number of the set, place in `books.combinations.STRATEGIES`,
legs by slot, units, negative for a split; margins repeat, of the whole book."""

_NAMES = tuple(STRATEGIES)


def prepare(state: State, found: Proposal) -> np.ndarray:
    """Keep a proposal under the next number, in place of the set before; int64[n,
    COMBINATION_COLUMNS] for people.
    """
    business = state.business
    business.count += 1
    split: list[tuple[str, int]] = []
    for one in found.split:
        left = one.units
        for name, held in business.held.items():
            same = (held.strategy, held.slots) == (one.strategy, one.slots)
            units = min(left, held.units) if same else 0
            if units:
                split.append((name, units))
                left -= units
    made = Prepared(split, list(found.build), found.before, found.after)
    business.prepared = {business.count: made}
    signed = [(one, -1) for one in found.split] + [(one, 1) for one in found.build]
    rows = [
        [
            business.count,
            _NAMES.index(one.strategy),
            *one.slots,
            sign * one.units,
            found.before,
            found.after,
        ]
        for one, sign in signed
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, len(COMBINATION_COLUMNS))


def confirm(
    state: State, opened: MakerOpen, body: BuildPrepared, at: Nanos, effects: Effects
) -> None:
    """Carry a set out once: splits now, what is built when they are done. Everything passes the
    ladder again, so a set that the market has overtaken is refused piece by piece.
    """
    made = state.business.prepared.get(body.number)
    why = "" if made is not None else f"no prepared set {body.number}"
    if not why and body.seconded_by in ("", body.by):
        why = "a prepared set needs a second person"
    if made is None or why:
        effects.append(RaiseAlert(Alert.CHECK_DENIED, "*", ("build_prepared", body.by, why)))
        return
    del state.business.prepared[body.number]
    people = (body.by, body.seconded_by)
    for name, units in made.split:
        instruct(state, opened, Split(name, units, *people), at, effects, PREPARED)
    contracts = opened.chain.contracts
    state.business.queued = [
        Combine(
            one.strategy,
            contracts[one.slots[0]].code,
            contracts[one.slots[1]].code,
            one.units,
            *people,
        )
        for one in made.build
    ]
    go_on(state, opened, at, effects)


def go_on(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Build what waits, once no split is under way; of each as many units as are free by then."""
    business = state.business
    if not business.queued or any(one.kind is Kind.SPLIT for one in business.working.values()):
        return
    waiting, business.queued = business.queued, []
    for body in waiting:
        instruct(state, opened, _cut(state, opened, body, at), at, effects, PREPARED)


def _cut(state: State, opened: MakerOpen, body: Combine, at: Nanos) -> Combine:
    """A build cut to what no order of ours claims; whole when nothing is free, so that the ladder
    says why it is refused.
    """
    slots = (state.tables.slots[body.first], state.tables.slots[body.second])
    short = [form.short for form in STRATEGIES[body.strategy]]
    free = free_lots(state, opened, slots, short, at)
    qty = min(body.qty, free) if free > 0 else body.qty
    return Combine(body.strategy, body.first, body.second, qty, body.by, body.seconded_by)
