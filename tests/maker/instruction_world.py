"""A maker with positions, units and an expiry today, and the exchange's answers to instructions."""

import msgspec
import numpy as np
from maker_world import DAY, SPOT, World, continuous, make_chain, make_contract

from quanheng.kernels.pack import pack
from quanheng.runtime.envelope import LinkChanged
from quanheng.terms import business as b
from quanheng.terms.codes import Exec, Link
from quanheng.terms.contract import build_chain
from quanheng.terms.orders import Send

UNITS = 100_000
TRADER, RISK = "p001", "r01"
INSTRUCTIONS = (
    b.LockRequest,
    b.ExerciseRequest,
    b.MergedExercise,
    b.CombinationRequest,
    b.MarginInquiry,
    b.BusinessCancel,
)


def chain_with_expiry():
    """Three strikes that expire today and two later expiries, verticals allowed in these."""
    rows = []
    for index, strike in enumerate((24_000, 24_500, 25_000)):
        for number, kind in enumerate("CP"):
            code = 10_009_001 + 2 * index + number
            rows.append(make_contract(code, "510050", kind, strike, DAY, 1, SPOT))
    rows += [
        msgspec.structs.replace(row, auto_split_day=20240722) for row in make_chain().contracts
    ]
    return build_chain(DAY, rows)


CHAIN = chain_with_expiry()
SLOTS = {row.code: slot for slot, row in enumerate(CHAIN.contracts)}


def code(kind, strike, last_day=20240724):
    """The contract of a kind, strike and last day."""
    return next(
        row.code
        for row in CHAIN.contracts
        if (row.kind, row.strike, row.last_day) == (kind, strike, last_day)
    )


def packed(**lots):
    """Columns of positions by contract code."""
    column = np.zeros((1, len(CHAIN.contracts)), dtype=np.int64)
    for name, qty in lots.items():
        column[0, SLOTS[name.removeprefix("c")]] = qty
    return pack(column)


def start(long=None, short=None, **changes):
    """Continuous trading with positions by code; quotes of ours are never answered with fills."""
    lots = {f"c{name}": qty for name, qty in (long or {}).items()}
    owed = {f"c{name}": qty for name, qty in (short or {}).items()}
    given = {"units": (UNITS,), "long": packed(**lots), "short": packed(**owed)} | changes
    # Nothing of ours rests, so nothing but the test claims a position.
    given.setdefault("parameters", (("*", "enabled", 0),))
    return continuous(World.start(CHAIN, **given))


def sent(effects):
    """Instructions among effects."""
    found = [r for e in effects if isinstance(e, Send) for r in e.requests]
    return [r for r in found if isinstance(r, INSTRUCTIONS)]


def only(effects):
    (request,) = sent(effects)
    return request


def answer(world, request, code_=0):
    """The exchange's report about a request."""
    exec_ = Exec.REJECTED if code_ else Exec.ACCEPTED
    head = (exec_, request.client_id)
    match request:
        case b.LockRequest():
            tail = (1, request.underlying, request.qty, request.unlock, world.at, code_)
            body = b.LockAck(*head, *tail)
        case b.ExerciseRequest():
            body = b.ExerciseAck(*head, "", 1, request.contract, request.qty, world.at, code_)
        case b.MergedExercise():
            body = b.MergedExerciseAck(*head, "", 1, request.legs, request.qty, world.at, code_)
        case b.CombinationRequest():
            said = (request.strategy, request.split, request.qty, request.combination)
            body = b.CombinationAck(*head, 1, *said, request.legs, world.at, code_)
    return world.report(body)


def done(world, request, name="2024062700000001", action=""):
    """35=U12: a combination was built or split."""
    action = action or ("C" if request.split else "B")
    said = (request.client_id, request.strategy, 900_000_000_000_001, action, request.qty)
    return world.report(b.CombinationDone(*said, name, request.legs, world.at, world.at))


def built(world, request, name="2024062700000001"):
    """Both reports of a combination."""
    return [*answer(world, request), *done(world, request, name)]


def lose_line(world):
    """The line goes and comes back; nothing is replayed."""
    world.put(LinkChanged(Link.DOWN))
    world.put(LinkChanged(Link.SYNCING))
    return world.put(LinkChanged(Link.READY))


def refused(world, check):
    """The last denial, which must be of a check: (exchange's code, what, quantity)."""
    args = next(
        e.args
        for e in reversed(world.effects)
        if type(e).__name__ == "RaiseAlert" and e.code == "check_denied"
    )
    assert args[0] == check, args
    assert world.state.denied[check] > 0
    return args[1], args[5], args[6]
