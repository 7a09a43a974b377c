"""Commands that trade or instruct, from text, checked before the authority hears them."""

from quanheng.books.combinations import STRATEGIES
from quanheng.compose.authority_desk import RequestError
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.commands import Combine, Exercise, LockUnits, ManualOrder, Split
from quanheng.terms.units import Lots, Ticks

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
EFFECTS = {"auto": None, "open": Effect.OPEN, "close": Effect.CLOSE}
KINDS = {kind.name.lower().replace("_", "-"): kind for kind in OrderKind}
"""Order types with their time in force (interfaces.md 2.3), as the command line names them."""
PRICED = (OrderKind.LIMIT, OrderKind.LIMIT_FOK)


def _positive(what: str, qty: int) -> Lots:
    if qty <= 0:
        raise RequestError(f"{what} {qty} is not more than 0")
    return qty


def order_command(
    contract: str,
    side: str,
    qty: int,
    by: str,
    *,
    kind: str,
    price: Ticks,
    effect: str,
    covered: bool,
    confirmed: bool,
    large: bool,
) -> ManualOrder:
    """A single order; `price` in units of 0.0001 yuan. RequestError for a limit order without a
    price, a market order with one, and for covered orders that name the wrong effect.
    """
    chosen, wanted = KINDS[kind], EFFECTS[effect]
    if chosen in PRICED and price <= 0:
        raise RequestError(f"a {kind} order needs --price, in units of 0.0001 yuan")
    if chosen not in PRICED and price:
        raise RequestError(f"a {kind} order has no --price")
    fixed = Effect.OPEN if SIDES[side] == Side.SELL else Effect.CLOSE
    if covered and wanted not in (None, fixed):
        raise RequestError(f"a covered {side} always {fixed.name.lower()}s")
    lots = _positive("quantity", qty)
    return ManualOrder(
        contract,
        SIDES[side],
        chosen,
        price,
        lots,
        by,
        confirmed or large,
        "",
        covered,
        wanted,
        large,
    )


def lock_command(underlying: str, qty: int, unlock: bool, by: str) -> LockUnits:
    """LockUnits. RequestError for a quantity that is none."""
    return LockUnits(underlying, _positive("units", qty), unlock, by)


def exercise_command(contract: str, qty: int, put: str, by: str) -> Exercise:
    """Exercise, with `put` a merged one. RequestError for a quantity that is none."""
    return Exercise(contract, _positive("quantity", qty), by, put)


def combine_command(strategy: str, first: str, second: str, qty: int, by: str) -> Combine:
    """Combine. RequestError for an unknown strategy or a quantity that is none."""
    if strategy not in STRATEGIES:
        raise RequestError(f"strategy {strategy!r} is not one of {', '.join(STRATEGIES)}")
    return Combine(strategy, first, second, _positive("units", qty), by)


def split_command(combination: str, qty: int, by: str) -> Split:
    """Split. RequestError for an id that no combination can have."""
    if len(combination) != 16 or not combination.isdigit():
        raise RequestError(f"combination {combination!r} is not 16 digits (interfaces.md 2.5)")
    return Split(combination, _positive("units", qty), by)
