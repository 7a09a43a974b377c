"""Members' requests that do not trade: exercise, combination, lock, disposal, margin inquiry
(interfaces.md 2.2).

Each has its own hours (`rulebook.business_hours`): exercises, disposals and inquiries 9:15 to 9:25,
9:30 to 11:30 and 13:00 to 15:30, locks the same until 15:00, combinations 9:30 to 11:30 and 13:00
to 15:15. Before them 11246, between them 19100, after them 10740. An investor's inquiry (ORQ) does
not come from a member of this venue and is refused by 17602.
"""

from quanheng.books import combinations as combo
from quanheng.exchange import disposal
from quanheng.exchange import layout as lay
from quanheng.exchange.messages import MarginAnswered
from quanheng.exchange.nontrade import EXECUTED_FROM, next_number, quantity_fault
from quanheng.exchange.state import Claimed, tie
from quanheng.exchange.turn import Turn
from quanheng.terms.business import (
    BusinessCancel,
    BusinessCancelReject,
    CombinationAck,
    CombinationDone,
    CombinationRequest,
    DisposalTransfer,
    ExerciseAck,
    ExerciseLeg,
    ExerciseRequest,
    LockAck,
    LockRequest,
    MarginAnswer,
    MarginInquiry,
    MergedExercise,
    MergedExerciseAck,
)
from quanheng.terms.codes import Exec
from quanheng.terms.contract import Contract
from quanheng.terms.orders import AnyRequest
from quanheng.terms.units import Lots
from quanheng.wire.codes import number as code_of


def runs(request: AnyRequest) -> bool:
    """Does this venue run the request's business?"""
    return isinstance(
        request,
        ExerciseRequest
        | MergedExercise
        | CombinationRequest
        | LockRequest
        | DisposalTransfer
        | MarginInquiry
        | BusinessCancel,
    )


def take_business(turn: Turn, member: int, request: AnyRequest) -> None:
    """Take one request whose form, hours and business the front has passed."""
    match request:
        case ExerciseRequest():
            _exercise(turn, member, request)
        case MergedExercise():
            _merged(turn, member, request)
        case CombinationRequest():
            _combine(turn, member, request)
        case LockRequest():
            _lock(turn, member, request)
        case DisposalTransfer():
            disposal.transfer(turn, member, request)
        case BusinessCancel():
            _cancel(turn, member, request)
        case MarginInquiry():
            _inquire(turn, member, request)
        case _:
            raise ValueError(f"{type(request).__name__} is no business of this venue")


def _free(turn: Turn, member: int, bucket: int, slot: int) -> Lots:
    """Contracts of a bucket that are neither behind orders, nor combined, nor exercised."""
    held = lay.HELD_LONG if bucket == lay.LONG else lay.HELD_SHORT
    acct = turn.state.acct[member]
    free = int(acct[bucket, slot] - acct[held, slot])
    if bucket == lay.LONG:
        claims = turn.state.desks[member].claims.values()
        free -= sum(claim.qty for claim in claims if slot in (claim.slot, claim.put))
    return free


def _row(turn: Turn, slot: int) -> Contract:
    assert turn.state.open is not None
    return turn.state.open.chain.contracts[slot]


def _exercise(turn: Turn, member: int, request: ExerciseRequest) -> None:
    """35=D of OTE: contract 19114, last trading day 17594, quantity 19070 and 10444, held 10836."""
    state = turn.state
    slot = state.slots.get(request.contract, -1)
    code = 0 if slot >= 0 else code_of("PRODUCT_NOT_AVAILABLE")
    if not code and state.open and _row(turn, slot).last_day != state.open.day:
        code = code_of("NOT_LAST_TRADING_DAY")
    code = code or quantity_fault(request.qty)
    if not code and _free(turn, member, lay.LONG, slot) < request.qty:
        code = code_of("POSITION_SHORT")
    if not code:
        state.desks[member].claims[request.client_id] = Claimed(slot, -1, request.qty)
    part = max(slot, 0)
    number = next_number(turn, member, part)
    body = ExerciseAck(
        Exec.REJECTED if code else Exec.ACCEPTED,
        request.client_id,
        "",
        0 if code else number,
        request.contract,
        request.qty,
        turn.at,
        code,
    )
    turn.report(member, part, body)


def _merged(turn: Turn, member: int, request: MergedExercise) -> None:
    """35=D of OCE: a call and a put of one underlying and unit that expire today, K put above K
    call; both legs must be held (rules.md 5).
    """
    state = turn.state
    slots = [state.slots.get(leg.contract, -1) for leg in request.legs]
    code = 0 if min(slots) >= 0 else code_of("PRODUCT_NOT_AVAILABLE")
    call = put = -1
    if not code:
        code, call, put = _pair(turn, slots)
    if not code and any(leg.qty != request.qty for leg in request.legs):
        code = code_of("LEG_QUANTITY_WRONG")
    code = code or quantity_fault(request.qty)
    if not code and min(_free(turn, member, lay.LONG, at) for at in (call, put)) < request.qty:
        code = code_of("POSITION_SHORT")
    if not code:
        state.desks[member].claims[request.client_id] = Claimed(call, put, request.qty)
    part = max(slots[0], 0)
    number = next_number(turn, member, part)
    body = MergedExerciseAck(
        Exec.REJECTED if code else Exec.ACCEPTED,
        request.client_id,
        "",
        0 if code else number,
        request.legs,
        request.qty,
        turn.at,
        code,
    )
    turn.report(member, part, body)


def _pair(turn: Turn, slots: list[int]) -> tuple[int, int, int]:
    """(code, call slot, put slot) of a merged exercise."""
    assert turn.state.open is not None
    fault, call, put = combo.merged(turn.state.open.chain, turn.state.open.day, slots)
    return code_of(fault) if fault else 0, call, put


def _cancel(turn: Turn, member: int, request: BusinessCancel) -> None:
    """35=F of OTE, OCE and OTT: the target must be live (19082) and of that security (13528)."""
    desk = turn.state.desks[member]
    claim = desk.claims.get(request.target) if request.business != "OTT" else None
    code = 0 if claim is not None else code_of("ORIGINAL_NOT_FOUND")
    if request.business == "OTT":
        code = disposal.withdraw(turn, member, request)
        if not code:
            return
    if claim is not None:
        merged = claim.put >= 0
        named = "" if merged else _row(turn, claim.slot).code
        if (request.business == "OCE") != merged or request.security not in (named, ""):
            code = code_of("SECURITY_DIFFERS_FROM_ORDER")
    if code or claim is None:
        body = BusinessCancelReject(
            request.business, request.client_id, request.target, 0, turn.at, code
        )
        turn.report(member, 0, body)
        return
    del desk.claims[request.target]
    head = (Exec.CANCELLED, request.client_id, request.target, 0)
    tail = (claim.qty, turn.at, 0)
    if claim.put < 0:
        code_ = _row(turn, claim.slot).code
        turn.report(member, claim.slot, ExerciseAck(*head, code_, *tail))
    else:
        legs = (
            _leg(turn, claim.slot, claim.qty),
            _leg(turn, claim.put, claim.qty),
        )
        turn.report(member, claim.slot, MergedExerciseAck(*head, legs, *tail))


def _leg(turn: Turn, slot: int, qty: Lots) -> ExerciseLeg:
    return ExerciseLeg(_row(turn, slot).code, qty)


def _combine(turn: Turn, member: int, request: CombinationRequest) -> None:
    """35=D of OML: U13 answers, U12 follows when it is done (interfaces.md 2.5)."""
    state = turn.state
    assert state.open is not None
    slots = [state.slots.get(leg.contract, -1) for leg in request.legs]
    code = 0 if min(slots, default=0) >= 0 else code_of("PRODUCT_NOT_AVAILABLE")
    name = request.combination
    if not code:
        legs = [
            combo.Leg(slot, leg.short, leg.covered, leg.qty)
            for slot, leg in zip(slots, request.legs, strict=True)
        ]
        split = _split if request.split else _build
        code, name = split(turn, member, request, legs)
    part = max(slots[0], 0) if slots else 0
    number = next_number(turn, member, part)
    ack = CombinationAck(
        Exec.REJECTED if code else Exec.ACCEPTED,
        request.client_id,
        0 if code else number,
        request.strategy,
        request.split,
        request.qty,
        request.combination,
        request.legs,
        turn.at,
        code,
    )
    turn.report(member, part, ack)
    if not code:
        done = CombinationDone(
            request.client_id,
            request.strategy,
            EXECUTED_FROM + state.desks[member].business,
            "C" if request.split else "B",
            request.qty,
            name,
            request.legs,
            turn.at,
            turn.at,
        )
        turn.report(member, part, done)


def _build(
    turn: Turn, member: int, request: CombinationRequest, legs: list[combo.Leg]
) -> tuple[int, str]:
    """(code, id) of a combination to be built: the legs must be held and free."""
    opened = turn.state.open
    assert opened is not None
    if request.combination:
        return code_of("COMBINE_WITH_NUMBER"), ""
    fault, slots = combo.arranged(opened.chain, opened.day, request.strategy, request.qty, legs)
    if fault:
        return code_of(fault), ""
    for slot, form in zip(slots, combo.STRATEGIES[request.strategy], strict=True):
        if _free(turn, member, lay.SHORT if form.short else lay.LONG, slot) < request.qty:
            return code_of("POSITION_SHORT"), ""
    desk = turn.state.desks[member]
    made = combo.Combination(request.strategy, slots, request.qty)
    name = f"{opened.day}{desk.business + 1:08d}"
    desk.combinations[name] = made
    tie(turn.state.acct[member], made, request.qty)
    turn.state.fund[member, lay.MARGIN] -= request.qty * saved(turn, made)
    return 0, name


def _split(
    turn: Turn, member: int, request: CombinationRequest, legs: list[combo.Leg]
) -> tuple[int, str]:
    """(code, id) of a combination to be split: known, the same, and paid for (19296)."""
    desk, name = turn.state.desks[member], request.combination
    held = desk.combinations.get(name)
    if not name:
        return code_of("SPLIT_WITHOUT_NUMBER"), name
    if held is None:
        return code_of("NO_SUCH_COMBINATION"), name
    for wrong, fault in (
        (held.strategy != request.strategy, "SPLIT_STRATEGY_DIFFERS"),
        (sorted(leg.slot for leg in legs) != sorted(held.slots), "SPLIT_CONTRACT_DIFFERS"),
        (request.qty <= 0, "COMBINATION_QUANTITY"),
        (request.qty > held.units, "NO_SUCH_COMBINATION"),
        (any(leg.qty != request.qty for leg in legs), "LEG_QUANTITY_WRONG"),
    ):
        if wrong:
            return code_of(fault), name
    fund = turn.state.fund[member]
    free = fund[lay.CASH] - fund[lay.MARGIN] - fund[lay.HELD_PREMIUM] - fund[lay.HELD_MARGIN]
    needed = request.qty * saved(turn, held)
    if free < needed:
        return code_of("FUNDS_SHORT_TO_SPLIT"), name
    fund[lay.MARGIN] += needed
    tie(turn.state.acct[member], held, -request.qty)
    held.units -= request.qty
    if not held.units:
        del desk.combinations[name]
    return 0, name


def saved(turn: Turn, held: combo.Combination) -> int:
    """Opening margin that one unit saves."""
    assert turn.state.open is not None
    return combo.saved(turn.state.open.chain, held)


def _lock(turn: Turn, member: int, request: LockRequest) -> None:
    """35=D of OTU: underlying 19114, quantity 19070 and 10444, units to lock 10836, units that no
    covered short needs 17622.
    """
    state = turn.state
    assert state.open is not None
    names = [klass.underlying for klass in state.open.chain.classes]
    klass = names.index(request.underlying) if request.underlying in names else -1
    code = (0 if klass >= 0 else code_of("PRODUCT_NOT_AVAILABLE")) or quantity_fault(request.qty)
    if not code:
        risk, units = state.risk[member, klass], state.desks[member].units[klass]
        spare = disposal.movable(turn, member, klass, back=False)
        if request.unlock and risk[lay.R_LOCKED] - risk[lay.R_COVERED] < request.qty:
            code = code_of("LOCKED_UNDERLYING_SHORT")
        elif not request.unlock and min(units - risk[lay.R_LOCKED], spare) < request.qty:
            code = code_of("POSITION_SHORT")
        else:
            risk[lay.R_LOCKED] += -request.qty if request.unlock else request.qty
    part = state.open.chain.classes[max(klass, 0)].start
    number = next_number(turn, member, part)
    body = LockAck(
        Exec.REJECTED if code else Exec.ACCEPTED,
        request.client_id,
        0 if code else number,
        request.underlying,
        request.qty,
        request.unlock,
        turn.at,
        code,
    )
    turn.report(member, part, body)


def _inquire(turn: Turn, member: int, request: MarginInquiry) -> None:
    """35=CH: margin in use with what working orders hold, and what is still available."""
    fund = turn.state.fund[member].tolist()
    used = fund[lay.MARGIN] + fund[lay.HELD_MARGIN]
    free = fund[lay.CASH] - used - fund[lay.HELD_PREMIUM]
    answer = MarginAnswer(request.client_id, request.margin_account, used, free, turn.at, 0)
    turn.effects.append(MarginAnswered(turn.state.desks[member].pbu, answer))
