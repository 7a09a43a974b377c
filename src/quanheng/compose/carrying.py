"""What crosses days: tomorrow's opening state at a day's end, and the reference of a day that
opens from one (borders.md 3).
"""

from collections.abc import Mapping, Sequence
from math import isqrt

import msgspec
import numpy as np

from quanheng.clearing import messages as clear
from quanheng.compose.reference import (
    FIRST_DAY,
    RETAIL_PART,
    ClassSurface,
    ExpirySurface,
    Reference,
    Surface,
    load,
    picked,
    read_master,
)
from quanheng.exchange import crowd_layout as cl
from quanheng.exchange import layout as lay
from quanheng.exchange import listing, theory
from quanheng.exchange.profile import kept_share
from quanheng.exchange.state import CROWD_CASH, State
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook.model import Rulebook
from quanheng.settlement import carry
from quanheng.terms.contract import Chain, build_chain
from quanheng.terms.days import day_number
from quanheng.terms.units import Day, DayNanos, Lots, Money, Ticks
from quanheng.wire.contracts import write_contracts

MILLION = 1_000_000
RETAIL = lay.PUBLIC[lay.RETAIL]
LEAST_ATM, MOST_ATM = 50_000, 1_500_000


def public_names(opened_makers: Sequence[str]) -> tuple[str, ...]:
    """Names of the crowd's accounts in the venue's order."""
    return (*opened_makers, *lay.PUBLIC)


def register_rows(state: State) -> bytes:
    """The public's accounts in the venue's register: packed REGISTER rows."""
    members = len(state.desks)
    held = state.acct[members:, lay.LONG : lay.SHORT + 1]
    some = np.argwhere(held.sum(axis=1) > 0)
    rows = np.zeros((len(some), clear.REGISTER_COLUMNS), dtype=np.int64)
    rows[:, :2] = some
    rows[:, 2:] = held[some[:, 0], :, some[:, 1]]
    return pack(rows)


Smiles = dict[str, dict[Day, theory.Smile]]
"""Smiles by underlying and last day."""


def smiles_before(surface: Surface, opening: carry.Carry | None) -> Smiles:
    """The smiles a day began with: the crowd's, and of expiries it does not trade the carried."""
    found: Smiles = {}
    for one in opening.smiles if opening else ():
        found.setdefault(one.underlying, {})[one.last_day] = smile(one)
    for item in surface.klass:
        for face in item.expiry:
            numbers = (face.atm, face.skew, face.curvature, face.carry)
            made = theory.Smile(face.last_day, *numbers)
            found.setdefault(item.underlying, {})[face.last_day] = made
    return found


def smiles_of(state: State, chain: Chain, before: Smiles) -> Smiles:
    """The smiles at the day's end. Expiries that nobody traded move with the traded one that is
    nearest, less by the square root of the times to expiry.
    """
    assert state.crowd is not None, "the venue was opened"
    found = {underlying: dict(smiles) for underlying, smiles in before.items()}
    for klass, (first, stop) in zip(chain.classes, state.crowd.rows, strict=True):
        members = chain.contracts[klass.start : klass.stop]
        days = sorted({row.last_day for row in members})
        own = found.setdefault(klass.underlying, {})
        moves: dict[Day, int] = {}
        for last_day, row in zip(days, state.crowd.surface[first:stop].tolist(), strict=True):
            numbers = (_ppm(row[cl.S_SLOPE]), _ppm(row[cl.S_CURVE]), _ppm(row[cl.S_CARRY]))
            atm = _kept(_ppm(row[cl.S_ATM]))
            moves[last_day] = atm - own[last_day].atm if last_day in own else 0
            own[last_day] = theory.Smile(last_day, atm, *numbers)
        for last_day, face in own.items():
            if last_day not in moves and last_day > chain.day:
                atm = _kept(face.atm + _follows(moves, last_day, chain.day))
                own[last_day] = msgspec.structs.replace(face, atm=atm)
    return found


def _kept(atm: int) -> int:
    return min(max(atm, LEAST_ATM), MOST_ATM)


def _follows(moves: Mapping[Day, int], last_day: Day, today: Day) -> int:
    """Move of an expiry that was not traded, from those that were."""
    far = day_number(last_day) - day_number(today)
    near_day = min(moves, key=lambda day: (abs(day_number(day) - day_number(last_day)), day))
    near = min(far, max(1, day_number(near_day) - day_number(today)))
    return moves[near_day] * isqrt(MILLION * near // far) // 1_000


def _ppm(value: float) -> int:
    return round(value * MILLION)


class Listed:
    """The exchange's listing of the next day with the theory behind new contracts."""

    def __init__(
        self,
        whole: Chain,
        book: Rulebook,
        smiles: Mapping[str, Sequence[theory.Smile]],
        closes: Mapping[str, Ticks],
        rate_ppm: int,
    ) -> None:
        """`book` is the next day's; `closes` of underlyings that were not traded may be missing."""
        self.whole, self.book, self.smiles, self.rate = whole, book, smiles, rate_ppm
        self.closes = tuple(
            closes.get(klass.underlying, whole.contracts[klass.start].underlying_close)
            for klass in whole.classes
        )

    def price(self, underlying: str, kind: str, strike: Ticks, last_day: Day, spot: Ticks) -> Ticks:
        """Theory of one contract before the next day's open."""
        face = theory.smile_of(self.smiles[underlying], last_day)
        sample = self.whole.contracts[self._place(underlying)]
        step = listing.OPTION_STEP[sample.underlying_type]
        return theory.reference_price(self.book, face, kind, strike, spot, self.rate, step)

    def _place(self, underlying: str) -> int:
        return next(k.start for k in self.whole.classes if k.underlying == underlying)

    def roll(
        self,
        traded: Mapping[str, listing.Settled],
        next_code: int,
        events: Sequence[listing.ExRight],
        adjusted_on: Mapping[str, Day],
    ) -> listing.Roll:
        """The next chain. What was not traded settles at theory and keeps its open interest."""
        spots = {
            klass.underlying: close
            for klass, close in zip(self.whole.classes, self.closes, strict=True)
        }
        settled = dict(traded)
        for row in self.whole.contracts:
            if row.code not in settled and row.last_day >= self.book.day:
                at = self.price(
                    row.underlying, row.kind, row.strike, row.last_day, spots[row.underlying]
                )
                settled[row.code] = listing.Settled(at, at, row.open_interest)
        kinds = {row.underlying: row.underlying_type for row in self.whole.contracts}
        for event in events:
            if event.underlying in spots:
                close, kind = spots[event.underlying], kinds[event.underlying]
                spots[event.underlying] = listing.ex_right_price(close, event, kind)

        def reference(underlying: str, kind: str, strike: Ticks, last_day: Day) -> Ticks:
            return self.price(underlying, kind, strike, last_day, spots[underlying])

        return listing.next_chain(
            self.whole,
            self.book,
            settled,
            self.closes,
            reference,
            next_code,
            events,
            adjusted_on,
        )


def reference_of(
    opening: carry.Carry, pick: str, seed: int, base: Reference | None = None
) -> Reference:
    """The reference of a day that opens from a carried state; `base` is that of the first day with
    all its contracts, the shipped one unless stated.

    Traded is what `pick` picks, and everything that was traded before and lives. The real day's
    bars are turned and mirrored by the seed, so that days differ.
    """
    shipped = base or load(FIRST_DAY)
    whole = read_master(f"carry of {opening.day}", opening.master, opening.day)
    chain = whole
    if pick:
        wanted = {row.code for row in picked(whole, pick).contracts} | set(opening.traded)
        chain = build_chain(opening.day, [r for r in whole.contracts if r.code in wanted])
    smiles: dict[str, list[theory.Smile]] = {}
    for one in opening.smiles:
        smiles.setdefault(one.underlying, []).append(smile(one))
    volumes = {item.underlying: item.volume for item in shipped.surface.klass}
    classes = []
    for klass in chain.classes:
        rows = chain.contracts[klass.start : klass.stop]
        expiries = tuple(
            _surface_row(theory.smile_of(smiles[klass.underlying], day))
            for day in sorted({row.last_day for row in rows})
        )
        all_rows = [row for row in whole.contracts if row.underlying == klass.underlying]
        atm = {
            day: theory.smile_of(smiles[klass.underlying], day).atm / MILLION
            for day in sorted({row.last_day for row in all_rows})
        }
        share = kept_share(opening.day, all_rows, rows, atm, RETAIL_PART)
        volume = int(volumes.get(klass.underlying, 0) * share)
        close = rows[0].underlying_close
        classes.append(ClassSurface(klass.underlying, klass.symbol, close, volume, expiries))
    surface = Surface(opening.day, shipped.surface.rate, tuple(classes))
    listed = tuple(dict.fromkeys((*(k.underlying for k in whole.classes), *shipped.listed)))
    master = write_contracts(list(chain.contracts))
    return Reference(chain, master, surface, turned(shipped.bars, seed), listed, whole)


def smile(one: carry.CarriedSmile) -> theory.Smile:
    """A carried smile as the exchange's theory takes it."""
    return theory.Smile(one.last_day, one.atm, one.slope, one.curvature, one.carry)


def _surface_row(found: theory.Smile) -> ExpirySurface:
    numbers = (found.atm, found.slope, found.curvature)
    return ExpirySurface(found.last_day, *numbers, 0, 0, found.carry)


def turned(bars: tuple[tuple[DayNanos, int], ...], seed: int) -> tuple[tuple[DayNanos, int], ...]:
    """The bars' moves in another order: turned by `seed` places, mirrored by a bit of it."""
    word = (seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    word ^= word >> 29
    sign = 1 if word & 1 else -1
    moves = [now - before for (_, now), (_, before) in zip(bars, ((0, 0), *bars), strict=False)]
    place = (word >> 8) % max(1, len(moves))
    level, out = 0, []
    for (at, _), move in zip(bars, moves[place:] + moves[:place], strict=True):
        level += sign * move
        out.append((at, level))
    return tuple(out)


def standing_bytes(
    account: carry.CarriedAccount, chain: Chain
) -> tuple[bytes, bytes, bytes, bytes]:
    """(long, short, covered, HELD rows) of an account in a chain, packed. ValueError for a position
    in a contract that the day does not trade.
    """
    rows, unknown = carry.rows_of(account, chain)
    if unknown:
        raise ValueError(f"{account.name} holds {unknown[0]}, which {chain.day} does not trade")
    three = np.zeros((3, len(chain.contracts)), dtype=np.int64)
    for slot, long, short, covered in rows:
        three[:, slot] = long, short, covered
    held = np.array(rows, dtype=np.int64).reshape(-1, clear.HELD_COLUMNS)
    return pack(three[:1]), pack(three[1:2]), pack(three[2:]), pack(held)


def account_named(opening: carry.Carry, name: str) -> carry.CarriedAccount | None:
    """The carried account of a name."""
    return next((account for account in opening.accounts if account.name == name), None)


def public_accounts(
    state: State, chain: Chain, names: Sequence[str], rows: bytes
) -> list[carry.CarriedAccount]:
    """The crowd's accounts at the close, before anything that clearing moves."""
    members = len(state.desks)
    by_account: list[list[tuple[int, Lots, Lots, Lots]]] = [[] for _ in names]
    for number, slot, long, short in unpack(rows, clear.REGISTER_COLUMNS).tolist():
        by_account[number].append((slot, long, short, 0))
    out = []
    for number, name in enumerate(names):
        cash: Money = int(state.fund[members + number, lay.CASH])
        held, expired = carry.positions_of(chain, by_account[number])
        out.append(carry.CarriedAccount(name, cash, held, expired, public=True))
    return out


def brought_at_first(public: int, cash: Money) -> Money:
    """Opening cash of all accounts of a first day: ours and the crowd's `public` ones."""
    return cash + public * CROWD_CASH
