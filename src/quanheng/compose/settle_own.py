"""Our own account of a day from the maker's journal (O-06: no one else's figure enters it)."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from quanheng.books.combinations import Combination, ends, tied
from quanheng.books.positions import net_at_close
from quanheng.compose.plugin_runs import load_of_run
from quanheng.compose.run_folder import RunError
from quanheng.kernels.pack import unpack
from quanheng.maker import columns as c
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.instruction_state import Kind
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.maker.state import U_LAST, State
from quanheng.runtime.host import Core
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.records import EffectRecorder, envelope_decoder, unseal_checkpoint
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.runtime.state import encode_state
from quanheng.settlement.own import Granted, Own, Side
from quanheng.terms.business import CombinationDone, ExerciseRequest, MergedExercise
from quanheng.terms.orders import Reports, Trade
from quanheng.terms.units import Lots

_LIMITS = (c.L_LONG, c.L_TOTAL, c.L_BUY_OPEN)
_MARKS = (b"reports", b"maker_open")


def read_own(run: Path) -> Own:
    """Read and roll forward the maker's journal of a run. RunError for one that is not whole."""
    opened, trades, built, inputs = _heard(run)
    state = _end(run)
    chain = opened.chain
    ending = {n: one for n, one in state.business.held.items() if ends(chain, one, chain.day)}
    kept = {n: one for n, one in state.business.held.items() if n not in ending}
    book = copy.deepcopy(state.book)
    offset = net_at_close(book, tied(len(chain.contracts), kept))
    names = [klass.underlying for klass in chain.classes]
    return Own(
        chain=chain,
        rulebook=opened.rulebook,
        name=opened.maker,
        account=opened.account,
        pbu=opened.pbu,
        opening_cash=opened.cash,
        opening=_opening(opened),
        opening_combinations={
            number: (strategy, units) for number, strategy, _, _, units in opened.combinations
        },
        fills=trades,
        built=built,
        before=state.book,
        book=book,
        limits=tuple(
            Granted(one.underlying, *(int(state.limits[one.start, n]) for n in _LIMITS))
            for one in chain.classes
        ),
        offset=offset,
        combinations=_copied(kept),
        ended=_copied(ending),
        estimate=state.book.fees,
        ordered=_ordered(state),
        units=dict(zip(names, _units(opened, state), strict=True)),
        locked=dict(zip(names, state.guards.standing[:, G_LOCKED].tolist(), strict=True)),
        closes=dict(zip(names, state.view.underlying[:, U_LAST].tolist(), strict=True)),
        inputs=inputs,
    )


def _units(opened: MakerOpen, state: State) -> list[Lots]:
    """Units by class: those of the open and what the maker's hedges bought and sold."""
    count = len(opened.chain.classes)
    found = list(opened.units) or [0] * count
    if opened.etf_units is None:
        return found
    return [
        units + int(now) - then
        for units, now, then in zip(
            found, state.etf.units, opened.etf_units or (0,) * count, strict=True
        )
    ]


def _copied(held: dict[str, Combination]) -> dict[str, Combination]:
    return {name: copy.deepcopy(one) for name, one in sorted(held.items())}


def _heard(run: Path) -> tuple[MakerOpen, tuple[Trade, ...], tuple[CombinationDone, ...], int]:
    """(opening, fills, combinations done, inputs) of the day, in order of time."""
    folder = run / "journal" / Maker.NAME
    paths = segment_paths(folder) if folder.is_dir() else []
    if not paths or paths[0][0] != 1:
        kept = "kept no journal" if not paths else f"kept its journal only from {paths[0][0]} on"
        raise RunError(f"{run}: the maker {kept}; settlement needs a run with --journal full")
    decode = envelope_decoder(Maker).decode
    opened: MakerOpen | None = None
    found: dict[tuple[str, int], Trade | CombinationDone] = {}
    inputs = 0
    for frame in read_segments(folder, Maker.NAME):
        if frame.kind != INPUT:
            continue
        inputs += 1
        if not any(mark in frame.payload for mark in _MARKS):
            continue
        body: Any = decode(frame.payload).body
        if isinstance(body, MakerOpen):
            opened = body
        elif isinstance(body, Reports):
            for report in body.reports:
                if isinstance(report.body, Trade | CombinationDone):
                    found[report.set_id, report.index] = report.body  # a repeat says the same
    if opened is None:
        raise RunError(f"{run}: the maker's journal has no opening")
    units = {row.code: row.unit for row in opened.chain.contracts}
    trades = sorted(
        (_exact(one, units) for one in found.values() if isinstance(one, Trade)),
        key=lambda one: (one.at, one.exec_id, one.side),
    )
    built = sorted(
        (one for one in found.values() if isinstance(one, CombinationDone)),
        key=lambda one: (one.at, one.exec_id),
    )
    return opened, tuple(trades), tuple(built), inputs


def _exact(trade: Trade, units: dict[str, int]) -> Trade:
    """With the amount to the last 0.0001 yuan, as accounts are kept: the wire rounds it to the fen,
    and thousands of fills of an adjusted contract (an odd unit) would add up to a difference.
    """
    unit = units.get(trade.contract, 0)
    return replace(trade, amount=trade.price * trade.qty * unit) if unit else trade


def _end(run: Path) -> State:
    """The maker's state after its last input, every effect on the way compared."""
    snapshots = FolderSnapshots(run, Maker.NAME, durable=False)
    core = Core(Maker())
    first = 1
    for seq in reversed(list(snapshots.seqs())):
        file = snapshots.read(seq)
        checkpoint = None if file is None else unseal_checkpoint(file)
        if checkpoint is not None:
            load_of_run(run, checkpoint)
            core.load(checkpoint)
            first = checkpoint.frame_seq + 1
            break
    else:
        load_of_run(run, None)
    decode = envelope_decoder(Maker).decode
    recorder = EffectRecorder(Maker.DIGESTED)
    effects: Any = ()
    for frame in read_segments(run / "journal" / Maker.NAME, Maker.NAME, first):
        if frame.kind == INPUT:
            envelope = decode(frame.payload)
            core.sequencer.seq, core.sequencer.at = envelope.seq, envelope.at
            effects = core.absorb(envelope)
            core.armed.clear()
        elif frame.kind == EFFECTS and recorder.payload(effects) != frame.payload:
            raise RunError(f"{run}: the maker differs from its journal at frame {frame.seq}")
    machine: Any = core.machine
    state: State = machine.state
    return state


def _opening(opened: MakerOpen) -> dict[Side, Lots]:
    found: dict[Side, Lots] = {}
    slots = len(opened.chain.contracts)
    for data, side, covered in (
        (opened.long, "L", False), (opened.short, "S", False), (opened.covered, "S", True),
    ):  # fmt: skip
        if data:
            for slot, qty in enumerate(unpack(data, slots).reshape(-1).tolist()):
                if qty:
                    found[opened.chain.contracts[slot].code, side, covered] = qty
    return found


def _ordered(state: State) -> dict[str, Lots]:
    """Exercise orders that stand at the end of the day, by contract."""
    found: dict[str, Lots] = {}
    for one in state.business.working.values():
        request = one.request
        if one.kind == Kind.EXERCISE and isinstance(request, ExerciseRequest):
            found[request.contract] = found.get(request.contract, 0) + request.qty
        elif one.kind == Kind.MERGE and isinstance(request, MergedExercise):
            for leg in request.legs:
                found[leg.contract] = found.get(leg.contract, 0) + leg.qty
    return found


def digest_of(own: Own) -> str:
    """SHA-256 of our own account, hex."""
    held = sorted(own.positions().items())
    plain = msgspec.msgpack.encode((held, own.opening_cash, own.fills, own.built, own.estimate))
    return hashlib.sha256(plain + encode_state(own.book)).hexdigest()
