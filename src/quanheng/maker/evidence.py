"""What became of the orders of a confirmed prompt (I-42)."""

from quanheng.maker.state import State
from quanheng.terms.units import Lots, Ticks


def filled(state: State, ident: int, qty: Lots, price: Ticks) -> None:
    """Note a fill beside the prepared order whose client id has this counter."""
    prompt = state.watch.prompts.get(state.watch.by_ident.get(ident, 0))
    if prompt is None:
        return
    for line in prompt.lines:
        if line.ident == ident:
            line.filled += qty
            line.value += qty * price
