"""Client ids, stamps and the Send effect (borders.md 4)."""

from collections.abc import Sequence

from quanheng.kernels.desk.strategies.layout import NAMES
from quanheng.maker.roster import signed_on
from quanheng.maker.setup import base36, prefix_of
from quanheng.maker.state import BLOCK, State
from quanheng.maker.states import trader
from quanheng.terms.orders import AnyRequest, Send, Stamp

BY_HAND = ("by-hand", "0")
"""Strategy and version of what a person or the machine's own care sends, not a quoting strategy."""
_PAGE = 36**3
_TAILS: tuple[str, ...] = tuple(base36(number, 3) for number in range(_PAGE))


def take(state: State, count: int) -> int:
    """Reserve `count` consecutive counters; returns the first. Blocks are part of the state."""
    ids = state.ids
    first = ids.counter + 1
    ids.counter += count
    while ids.counter >= ids.reserved:
        ids.reserved += BLOCK
    return first


def client_id(state: State, counter: int) -> str:
    """Letter, epoch and counter as ten characters [0-9A-Z]."""
    high, low = divmod(counter, _PAGE)
    return state.ids.prefix + _TAILS[high] + _TAILS[low]


def counter_of(state: State, ident: str) -> int:
    """The counter in a client id of this machine; -1 for somebody else's."""
    if len(ident) != 10 or ident[0] != state.ids.letter:
        return -1
    tail = ident[4:]
    return int(tail, 36) if tail.isalnum() and tail.isascii() else -1


def new_epoch(state: State, epoch: int) -> None:
    """Lead with a higher epoch: ids start in a fresh block. ValueError when it is not higher."""
    ids = state.ids
    if epoch < ids.epoch:
        raise ValueError(f"maker: epoch {epoch} after {ids.epoch}")
    ids.epoch = epoch
    ids.prefix = prefix_of(ids.letter, epoch)
    ids.counter = ids.reserved
    ids.reserved += BLOCK


def stamp(state: State, klass: int, by: tuple[str, str] = BY_HAND, entered_by: str = "") -> Stamp:
    """Who and what stands behind a message of a class (S-01); `by` is (strategy, version).

    The trader is the one on duty for the class, or the person whose command it is (`entered_by`),
    if signed on for it.
    """
    assert state.opened is not None, "the maker is open"
    underlying = state.opened.chain.classes[klass].underlying
    mine = signed_on(state.scopes.duty, entered_by, underlying)
    who = entered_by if mine else trader(state.scopes, underlying)
    curves = int(state.surface.version[klass])
    return Stamp(who, *by, curves, state.parameters.version, entered_by)


def quoted_by(state: State, strategy: int) -> tuple[str, str]:
    """Name and released version of a quoting strategy by its code (I-17)."""
    assert state.opened is not None, "the maker is open"
    return NAMES[strategy], dict(state.opened.quoting)[strategy]


def send(state: State, stamp_: Stamp, requests: Sequence[AnyRequest]) -> Send:
    """The effect that carries requests out."""
    return Send(state.ids.epoch, stamp_, requests)
