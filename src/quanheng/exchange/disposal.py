"""Transfers to a member's disposal account (转处置, OTT) at the venue (interfaces.md 2.2, 2.4).

A broker takes units that a client cannot pay for into its own disposal account (method Z) or gives
them back (R). Proprietary accounts may not: a market maker of its own account is refused. An order
stands until the close and can be cancelled until then; the clearing house moves the units after
the day's delivery. What the units are checked against is ours [P]: those of the account and those
due today that no covered short has locked, less what other transfers already claim.
"""

from quanheng.exchange import layout as lay
from quanheng.exchange.nontrade import next_number, quantity_fault
from quanheng.exchange.state import Transfer
from quanheng.exchange.turn import Turn
from quanheng.terms.business import BusinessCancel, DisposalAck, DisposalTransfer
from quanheng.terms.codes import Exec
from quanheng.wire.codes import number as code_of

RETURN = "R"


def transfer(turn: Turn, member: int, request: DisposalTransfer) -> None:
    """35=D of OTT, answered by U17: account 19166, underlying 19114, quantity 19070 and 10444,
    units 10836.
    """
    state = turn.state
    assert state.open is not None
    names = [klass.underlying for klass in state.open.chain.classes]
    klass = names.index(request.underlying) if request.underlying in names else -1
    code = 0 if state.open.members[member].brokerage else code_of("ACCOUNT_NOT_ALLOWED_BUSINESS")
    code = code or (0 if klass >= 0 else code_of("PRODUCT_NOT_AVAILABLE"))
    code = code or quantity_fault(request.qty)
    back = request.method == RETURN
    if not code and movable(turn, member, klass, back=back) < request.qty:
        code = code_of("POSITION_SHORT")
    if not code:
        order = Transfer(klass, request.qty, back)
        state.desks[member].transfers[request.client_id] = order
    part = state.open.chain.classes[max(klass, 0)].start
    number = next_number(turn, member, part)
    status = Exec.REJECTED if code else Exec.ACCEPTED
    said = (request.underlying, request.qty, request.method, turn.at, code)
    body = DisposalAck(status, request.client_id, "", 0 if code else number, *said)
    turn.report(member, part, body)


def movable(turn: Turn, member: int, klass: int, *, back: bool) -> int:
    """Units of a class that a transfer into the disposal account, or `back`, may still take."""
    desk = turn.state.desks[member]
    claimed = sum(
        order.qty for order in desk.transfers.values() if (order.klass, order.back) == (klass, back)
    )
    if back:
        return desk.disposal[klass] - claimed
    locked = int(turn.state.risk[member, klass, lay.R_LOCKED])
    return desk.units[klass] + desk.due[klass] - locked - claimed


def withdraw(turn: Turn, member: int, request: BusinessCancel) -> int:
    """Cancel a transfer that stands and report it; the code of why not, else 0."""
    state = turn.state
    assert state.open is not None
    desk = state.desks[member]
    order = desk.transfers.get(request.target)
    if order is None:
        return code_of("ORIGINAL_NOT_FOUND")
    klass = state.open.chain.classes[order.klass]
    if request.security != klass.underlying:
        return code_of("SECURITY_DIFFERS_FROM_ORDER")
    del desk.transfers[request.target]
    method = RETURN if order.back else "Z"
    ids = (Exec.CANCELLED, request.client_id, request.target, 0)
    turn.report(
        member,
        klass.start,
        DisposalAck(*ids, klass.underlying, order.qty, method, turn.at, 0),
    )
    return 0
