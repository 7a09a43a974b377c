"""The overseer's own books: the drop copy folded into positions, cash and owners (R-02).

Nothing of `quanheng.books` is used, so an error there shows as a difference between the levels. A
copy that was folded already is left aside by its place in the report stream; a position may become
negative here, for what the exchange says is recorded as it says it and looked into afterwards.
"""

from typing import NamedTuple

import numpy as np

from quanheng.oversight.messages import Attribution, DropCopy, EtfCopy, OverseerOpen
from quanheng.oversight.state import Account, Fold, State
from quanheng.rulebook import fees
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.business import CombinationDone
from quanheng.terms.codes import Alert, Effect, Side
from quanheng.terms.orders import Trade
from quanheng.terms.units import Money, Nanos, Slot

FREE = ("CNSJC", "PXSJC")
WIDTH = ("CXSJC", "PNSJC")
STRADDLES = ("KS", "KKS")
"""Margin of the six combinations (rules.md 3.4): none, the strikes' distance, the larger leg's
and the other premium."""

ROLES = ("taker", "provider", "auction")
"""Whose price a fill was at; the books count with the first."""


def owner_of(register: tuple[Attribution, ...], client_id: str, underlying: str) -> int:
    """Line of the register for an order: the longest prefix, then a named underlying; -1: none."""
    best, rank = -1, (-1, False)
    for number, line in enumerate(register):
        if not client_id.startswith(line.prefix) or line.underlying not in ("*", underlying):
            continue
        mine = (len(line.prefix), line.underlying != "*")
        if mine > rank:
            best, rank = number, mine
    return best


def _owner(
    state: State, opened: OverseerOpen, client_id: str, underlying: str, out: list[RaiseAlert]
) -> int:
    """Owner of a fill; one that nobody is registered for is the last owner, and people are told."""
    line = owner_of(opened.register, client_id, underlying)
    if line < 0:
        out.append(RaiseAlert(Alert.UNATTRIBUTED_FILL, underlying, (client_id,)))
        return len(state.owners) - 1
    found = opened.register[line]
    return state.owners.index((found.desk, found.strategy))


def take_copy(state: State, opened: OverseerOpen, body: DropCopy, out: list[RaiseAlert]) -> bool:
    """Fold one report; False for one that was folded already. ValueError names a contract that is
    not listed today.
    """
    account = _account(state)
    if body.index <= account.seen.get(body.set_id, 0):
        return False
    account.seen[body.set_id] = body.index
    if isinstance(body.body, Trade):
        _trade(state, opened, account, body, body.body, out)
    elif isinstance(body.body, CombinationDone):
        _combination(account, body.body)
    return True


def _account(state: State) -> Account:
    assert state.account is not None, "the overseer was opened"
    return state.account


def count(state: State) -> None:
    """One more message of the drop copy: after a restart the line goes on behind it."""
    state.copied += 1
    state.fresh = True


def place(account: Account, code: str) -> Slot:
    """Slot of a contract. ValueError for one that is not listed today."""
    if code not in account.places:
        raise ValueError(f"overseer: a report names contract {code}, which is not listed today")
    return account.places[code]


def _trade(
    state: State,
    opened: OverseerOpen,
    account: Account,
    copy: DropCopy,
    fill: Trade,
    out: list[RaiseAlert],
) -> None:
    slot = place(account, fill.contract)
    row = opened.chain.contracts[slot]
    klass = account.klasses[row.underlying]
    owner = _owner(state, opened, fill.client_id, row.underlying, out)
    sign = 1 if fill.side == Side.BUY else -1
    amount = sign * fill.price * row.unit * fill.qty
    fees_by_role = [_fee(opened, fill, role) for role in ROLES]
    fee = fees_by_role[0]
    account.cash -= amount + fee
    account.fees += fee
    account.spent[owner, klass] -= amount
    account.fee_paid[owner, klass] += fee
    span = min(fees_by_role), max(fees_by_role)
    account.fee_range[klass] += span
    account.by_owner[owner, slot] += sign * fill.qty
    account.traded[slot] += fill.qty
    opens = fill.effect == Effect.OPEN
    if opens and fill.side == Side.BUY:
        state.opened_long[klass] += fill.qty
    change = fill.qty if opens else -fill.qty
    bought = (fill.side == Side.BUY) == opens
    long = change if bought else 0
    covered = change if fill.covered and not bought else 0
    short = change - long - covered
    account.long[slot] += long
    account.short[slot] += short
    account.covered[slot] += covered
    fold = Fold(state.at, copy.set_id, copy.index, slot, long, short, covered, -amount, *span)
    account.recent.append(fold)


def _fee(opened: OverseerOpen, fill: Trade, role: str) -> Money:
    """What a fill costs if we took the other's price, provided it, or met it in an auction: reports
    do not say which.
    """
    terms = (opened.rulebook, fill.side, fill.effect, fill.covered, role, fill.qty)
    return fees.handling(*terms) + fees.settlement(*terms)


def _combination(account: Account, body: CombinationDone) -> None:
    """Built (B) or split (C by us, F by the exchange)."""
    held = account.combinations.get(body.combination)
    if body.action == "B":
        first, second = (place(account, leg.contract) for leg in body.legs[:2])
        account.combinations[body.combination] = (body.strategy, first, second, body.qty)
    elif held is not None:
        left = held[3] - body.qty
        if left > 0:
            account.combinations[body.combination] = (*held[:3], left)
        else:
            del account.combinations[body.combination]


def take_etf(state: State, opened: OverseerOpen, body: EtfCopy, out: list[RaiseAlert]) -> None:
    """Fold fills in the underlyings."""
    account = _account(state)
    for fill in body.fills:
        klass = account.klasses[fill.underlying]
        owner = _owner(state, opened, fill.client_id, fill.underlying, out)
        sign = 1 if fill.side == Side.BUY else -1
        account.units[klass] += sign * fill.qty
        account.units_by_owner[owner, klass] += sign * fill.qty
        account.aside -= sign * fill.amount + fill.fee
        account.spent[owner, klass] -= sign * fill.amount
        account.fee_paid[owner, klass] += fill.fee
        account.fund_fees[klass] += fill.fee


def over_now(state: State, opened: OverseerOpen, underlying: str) -> list[tuple[str, int, int]]:
    """(what, contracts, limit) of every granted limit of a class that the positions are over:
    long, total, bought to open today (I-36, I-46).
    """
    account = _account(state)
    if underlying not in account.klasses:
        return []  # a case of a class that is not traded today
    klass = account.klasses[underlying]
    item = opened.chain.classes[klass]
    part = slice(item.start, item.stop)
    long = int(account.long[part].sum())
    total = long + int(account.short[part].sum() + account.covered[part].sum())
    held = (("long", long), ("total", total), ("buy_open", state.opened_long[klass]))
    return [
        (what, value, most)
        for name, *limits in opened.granted
        if name == underlying
        for (what, value), most in zip(held, limits, strict=True)
        if value > most
    ]


class Books(NamedTuple):
    """The own books at some instant: net by slot, cash before fees, margin of each short alone,
    by class least and most fees, and premium received less paid since the opening.
    """

    net: np.ndarray
    cash: Money
    margin: Money
    fees: np.ndarray
    spent: np.ndarray


def books_at(state: State, seen: dict[str, int]) -> Books:
    """The books as they were when the next report of each set was that of `seen`; of a set that is
    not named, nothing was heard. Without any set: as they are now.
    """
    assert state.account is not None and state.model is not None, "the overseer was opened"
    account = state.account
    net, short = account.long - account.short - account.covered, account.short.copy()
    cash, paid = account.cash + account.fees, account.fee_range.copy()
    spent = account.spent.sum(axis=0)
    for fold in account.recent if seen else ():
        if fold.index >= seen.get(fold.set_id, 0):
            net[fold.slot] -= fold.long - fold.short - fold.covered
            short[fold.slot] -= fold.short
            cash -= fold.cash
            klass = state.model.klass[fold.slot]
            paid[klass] -= fold.least, fold.most
            spent[klass] -= fold.cash
    return Books(net, cash, int((short * state.model.margin).sum()), paid, spent)


def forget(state: State, before: Nanos, seen: dict[str, int]) -> None:
    """Let go of fills that no claim to come can be without: those of a claim, and old ones."""
    account = _account(state)
    account.recent = [
        fold
        for fold in account.recent
        if fold.at >= before and fold.index >= seen.get(fold.set_id, 0)
    ]


def single_margin(state: State) -> Money:
    """Opening margin of every short alone, by the overseer's own reading of the formula."""
    assert state.account is not None and state.model is not None, "the overseer was opened"
    return int((state.account.short * state.model.margin).sum())


def margin(state: State) -> Money:
    """`single_margin` less what the combinations of the account save."""
    total = single_margin(state)
    assert state.account is not None and state.model is not None
    account, model = state.account, state.model
    for strategy, first, second, units in account.combinations.values():
        legs = (first, second)
        # The short legs of the vertical spreads stand second in CNSJC and PNSJC, last in the others
        # too; a straddle is short on both.
        short = legs if strategy in STRADDLES else legs[1:]
        alone = sum(int(model.margin[slot]) for slot in short)
        total -= units * (alone - _together(state, strategy, first, second))
    return total


def _together(state: State, strategy: str, first: Slot, second: Slot) -> Money:
    assert state.model is not None and state.opened is not None
    model, rows = state.model, state.opened.chain.contracts
    if strategy in FREE:
        return 0
    if strategy in WIDTH:
        return abs(rows[first].strike - rows[second].strike) * rows[first].unit
    sides = sorted(
        (int(model.margin[slot]), -int(model.settle[slot]) * rows[slot].unit)
        for slot in (first, second)
    )
    # Of equal margins the larger premium is added: it sorts first by its negative.
    return sides[1][0] - sides[0][1]
