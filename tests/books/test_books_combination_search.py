"""The combination search against brute force, against greedy, and by its own dual (I-33)."""

from functools import cache
from itertools import combinations, product
from random import Random

import msgspec
import numpy as np
import pytest

from quanheng.books import combination_search as search
from quanheng.books import combinations as combo
from quanheng.books import positions
from quanheng.compose.reference import load
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import margin
from quanheng.terms.contract import Chain, Contract, build_chain

DAY = 20240627
SPLIT, LAST = 20240722, 20240724
BOOK = read_rulebook(DAY)
SAMPLE = load().chain.contracts[0]
SPOT = 29_630
STRIKES = range(27_500, 32_500, 500)


def row(number: int, kind: str, strike: int, settle: int, last: int, split: int) -> Contract:
    held = margin.opening(BOOK, "EBS", kind, strike, settle, SPOT, 10_000)
    return msgspec.structs.replace(
        SAMPLE, code=f"{10_000_000 + number}", kind=kind, strike=strike, previous_settle=settle,
        underlying_close=SPOT, margin_unit=held, unit=10_000, last_day=last, auto_split_day=split,
        status="0000E0  ",
    )  # fmt: skip


def premium(kind: str, strike: int, time_value: int) -> int:
    inside = max(SPOT - strike, 0) if kind == "C" else max(strike - SPOT, 0)
    return inside + max(time_value - abs(SPOT - strike) // 4, 10)


def chain_of(day: int) -> Chain:
    rows, number = [], 0
    for last, split, time_value in ((LAST, SPLIT, 500), (20240828, 20240826, 900)):
        for kind, strike in product("CP", STRIKES):
            price = premium(kind, strike, time_value)
            rows.append(row(number, kind, strike, price, last, split))
            number += 1
    return build_chain(day, rows)


CHAIN = chain_of(DAY)
MARGINS = [item.margin_unit for item in CHAIN.contracts]
PRICES = [item.previous_settle for item in CHAIN.contracts]
Joined = tuple[int, tuple[tuple[int, bool], tuple[int, bool]]]


@cache
def joined(pair: tuple[tuple[int, bool], tuple[int, bool]]) -> tuple[Joined, ...]:
    """(saved, legs) of everything two legs can do together, asked of the exchange's own check; a
    pair is asked once, however many books hold it.
    """
    if pair[0][0] == pair[1][0]:
        return ((MARGINS[pair[0][0]], pair),)
    asked = [combo.Leg(slot, short, False, 1) for slot, short in pair]
    found: list[Joined] = []
    for strategy in combo.STRATEGIES:
        fault, slots = combo.arranged(CHAIN, CHAIN.day, strategy, 1, asked)
        if not fault and not combo.ends(CHAIN, combo.Combination(strategy, slots, 1), DAY):
            alone = sum(MARGINS[slot] for slot, short in pair if short)
            found.append((alone - combo.opening(CHAIN, strategy, slots), pair))
    return tuple(found)


def joins(legs: list[tuple[int, bool]]) -> list[Joined]:
    """What every two of the legs can do together."""
    return [one for pair in combinations(sorted(legs), 2) for one in joined(pair)]


def brute(pairs: list[Joined], quantity: dict[tuple[int, bool], int]) -> int:
    """Most margin that can be saved: every number of units of every pair is tried."""
    names = sorted(quantity)
    places = [(saved, names.index(one), names.index(other)) for saved, (one, other) in pairs]

    @cache
    def best(number: int, left: tuple[int, ...]) -> int:
        if number == len(places):
            return 0
        saved, one, other = places[number]
        top = best(number + 1, left)
        for units in range(1, min(left[one], left[other]) + 1):
            rest = list(left)
            rest[one] -= units
            rest[other] -= units
            top = max(top, units * saved + best(number + 1, tuple(rest)))
        return top

    return best(0, tuple(quantity[name] for name in names))


def greedy(pairs: list[Joined], quantity: dict[tuple[int, bool], int]) -> int:
    """The saving of whoever takes the best pair first, then the next."""
    left, total = dict(quantity), 0
    for saved, (one, other) in sorted(pairs, reverse=True):
        units = min(left[one], left[other])
        if saved > 0 and units > 0:
            left[one] -= units
            left[other] -= units
            total += units * saved
    return total


def book_of(quantity: dict[tuple[int, bool], int]) -> positions.Book:
    book = positions.open_book(len(CHAIN.contracts))
    for (slot, short), qty in quantity.items():
        (book.short_qty if short else book.long_qty)[slot] = qty
    return book


def random_book(draw: Random, legs: int, most: int, slots: range) -> dict[tuple[int, bool], int]:
    names = draw.sample([(slot, short) for slot in slots for short in (False, True)], legs)
    return {name: draw.randint(1, most) for name in names}


def test_search_equals_brute_force_and_is_never_below_greedy() -> None:
    """Work order: equal to brute force on 10,000 random books of up to 8 legs, and never less
    saved than greedy saves. Greedy must lose somewhere, or the comparison would say nothing (D30).
    """
    draw = Random(20240627)
    lost = 0
    for number in range(10_000):
        quantity = random_book(draw, 2 + number % 7, 1 + number % 3, range(len(STRIKES) * 2))
        pairs = joins(list(quantity))
        proposal = search.propose(CHAIN, book_of(quantity), {}, MARGINS, PRICES)
        plain = sum(MARGINS[slot] * qty for (slot, short), qty in quantity.items() if short)
        saved = plain - proposal.after
        assert saved == brute(pairs, quantity), quantity
        first = greedy(pairs, quantity)
        assert saved >= first, quantity
        lost += saved > first
    assert lost > 100


def no_circulation_gains(
    pairs: list[Joined], quantity: dict[tuple[int, bool], int], units: dict[Joined, int]
) -> bool:
    """Optimality without the search: in the residual graph no cycle has a positive gain
    (Bellman-Ford over every move that could still be made).
    """

    def rises(leg: tuple[int, bool]) -> bool:
        return (CHAIN.contracts[leg[0]].kind == "C") != leg[1]

    used = dict.fromkeys(quantity, 0)
    arcs: list[tuple[object, object, int]] = []
    for pair, count in units.items():
        for leg in pair[1]:
            used[leg] += count
    assert all(used[leg] <= quantity[leg] for leg in quantity)
    for pair in pairs:
        bull, bear = sorted(pair[1], key=rises, reverse=True)
        arcs.append((bull, bear, pair[0]))
        if units.get(pair, 0):
            arcs.append((bear, bull, -pair[0]))
    for leg, qty in quantity.items():
        free, taken = (None, leg), (leg, None)
        for (tail, head), possible in ((free, used[leg] < qty), (taken, used[leg] > 0)):
            if possible:
                arcs.append((tail, head, 0) if rises(leg) else (head, tail, 0))
    height: dict[object, int] = dict.fromkeys([None, *quantity], 0)
    for _ in range(len(height) + 1):
        changed = False
        for tail, head, gain in arcs:
            if height[tail] + gain > height[head]:
                height[head], changed = height[tail] + gain, True
        if not changed:
            return True
    return False


def test_search_of_a_desks_book_is_proved_optimal() -> None:
    """60 legs and hundreds of contracts: the residual graph proves each answer the optimum, and
    spoiling an answer makes the proof fail.
    """
    draw = Random(7)
    for _ in range(5):
        quantity = random_book(draw, 60, 40, range(len(CHAIN.contracts)))
        pairs = joins(list(quantity))
        proposal = search.propose(CHAIN, book_of(quantity), {}, MARGINS, PRICES)
        units: dict[Joined, int] = {}
        by_legs = {legs: (saved, legs) for saved, legs in pairs}
        for one in proposal.build:
            forms = combo.STRATEGIES[one.strategy]
            legs = sorted((slot, form.short) for slot, form in zip(one.slots, forms, strict=True))
            units[by_legs[legs[0], legs[1]]] = one.units
        held = {str(number): one for number, one in enumerate(proposal.build)}
        tied_long, tied_short = combo.tied(len(CHAIN.contracts), held)
        for slot in range(len(CHAIN.contracts)):
            netted = min(
                quantity.get((slot, False), 0) - int(tied_long[slot]),
                quantity.get((slot, True), 0) - int(tied_short[slot]),
            )
            if netted > 0:
                units[by_legs[(slot, False), (slot, True)]] = netted
        assert no_circulation_gains(pairs, quantity, units)
        spoiled = dict(units)
        spoiled.pop(max(spoiled))
        assert not no_circulation_gains(pairs, quantity, spoiled)


def slot_of(kind: str, strike: int) -> int:
    return next(
        slot
        for slot, item in enumerate(CHAIN.contracts)
        if (item.kind, item.strike, item.last_day) == (kind, strike, LAST)
    )


def test_proposal_splits_what_is_in_the_way() -> None:
    """I-33: a straddle that keeps two shorts from better company is split, and the margins told
    are those of the book before and after.
    """
    call, put = slot_of("C", 30_000), slot_of("P", 30_000)
    low, high = slot_of("C", 29_500), slot_of("P", 30_500)
    book = book_of({(call, True): 2, (put, True): 2, (low, False): 2, (high, False): 2})
    straddle = combo.Combination("KS", (call, put), 2)
    proposal = search.propose(CHAIN, book, {"1": straddle}, MARGINS, PRICES)
    assert proposal.split == (straddle,)
    assert {(one.strategy, one.slots, one.units) for one in proposal.build} == {
        ("CNSJC", (low, call), 2),
        ("PXSJC", (high, put), 2),
    }
    assert proposal.before == 2 * combo.opening(CHAIN, "KS", (call, put))
    assert proposal.after == 0


def test_equal_sets_leave_what_is_held() -> None:
    """Two longs would free the short alike: the one it stands with stays."""
    short, near, far = slot_of("C", 30_500), slot_of("C", 30_000), slot_of("C", 29_500)
    book = book_of({(short, True): 1, (near, False): 1, (far, False): 1})
    for other in (near, far):
        held = {"1": combo.Combination("CNSJC", (other, short), 1)}
        proposal = search.propose(CHAIN, book, held, MARGINS, PRICES)
        assert proposal.split == proposal.build == ()


def test_spreads_are_not_proposed_on_the_day_they_end() -> None:
    """rules.md 3.4: vertical spreads are dissolved on E-2, so they save nothing that night, while
    a straddle still does."""
    call, put, low = slot_of("C", 30_000), slot_of("P", 30_000), slot_of("C", 29_500)
    book = book_of({(call, True): 1, (put, True): 1, (low, False): 1})
    split_day = chain_of(SPLIT)
    proposal = search.propose(split_day, book, {}, MARGINS, PRICES)
    assert [one.strategy for one in proposal.build] == ["KS"]


def test_combinations_beyond_the_book_are_named() -> None:
    """A held combination that takes more than there is cannot be counted."""
    call, put = slot_of("C", 30_000), slot_of("P", 30_000)
    held = {"1": combo.Combination("KS", (call, put), 3)}
    with pytest.raises(ValueError, match="take more of"):
        search.propose(CHAIN, book_of({(call, True): 2, (put, True): 3}), held, MARGINS, PRICES)


def test_transport_keeps_its_sums() -> None:
    """No row and no column sends more than it has."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        gain = rng.integers(-5, 50, (6, 5))
        rows, columns = rng.integers(0, 4, 6), rng.integers(0, 4, 5)
        sent = search.transport(gain, rows, columns)
        assert (sent >= 0).all()
        assert (sent.sum(axis=1) <= rows).all()
        assert (sent.sum(axis=0) <= columns).all()
        assert (sent[gain < 0] == 0).all()
