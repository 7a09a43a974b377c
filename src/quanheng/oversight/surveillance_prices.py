"""Patterns in prices, positions and orders (S-03): marking the close and the auctions, directional
trading through a market-making account, option-ETF pressure, layering, alternating quotes,
stuffing.
"""

from collections.abc import Iterator

import numpy as np

from quanheng.oversight import surveillance as s
from quanheng.oversight.surveillance import (
    Finding,
    Grid,
    Limits,
    Records,
    deltas_of,
    finding,
    place,
    points,
    ppm,
    taken_by,
    trade_names,
    yuan,
)
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND, Money

WINDOWS = (
    (from_clock("09:15"), from_clock("09:26"), "开盘集合竞价", "the opening auction"),
    (from_clock("14:52"), s.LAST, "收盘前", "the close"),
)
"""Where a price is marked: its settlement or its opening follows from few trades."""
SETTLING = (from_clock("14:30"), s.LAST)
"""Where the underlying's price settles options, and on an expiry day decides exercise."""
LUNCH = (from_clock("11:30"), from_clock("13:00"))
_YUAN = 10_000


def marking(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """One account's trades move a contract's price in an auction or at the close (异常价格波动)."""
    trades = records.trades
    for since, until, zh, en in WINDOWS:
        inside = (trades[:, s.T_AT] >= since) & (trades[:, s.T_AT] < until)
        for slot in sorted(set(trades[inside, s.T_SLOT].tolist())):
            rows = np.flatnonzero(inside & (trades[:, s.T_SLOT] == slot))
            before = _reference(grid, slot, since, until, limits)
            if before is None:
                continue
            last = int(trades[rows[-1], s.T_PRICE])
            moved = last - before
            least = max(limits["move_ticks"], int(before * limits["move_ppm"] // 1_000_000))
            if abs(moved) < least:
                continue
            found = _pusher(records, rows, 1 if moved > 0 else -1)
            if found is None or found[1] < limits["lots"]:
                continue
            who, lots, share, mine = found
            if share < limits["share_ppm"]:
                continue
            name, code = records.parties[who].name, records.contracts[slot].code
            words = (
                f"{name} 在 {code} {zh}成交 {lots} 张（占 {share // 10_000}%），价格由 "
                f"{before / _YUAN:.4f} 变为 {last / _YUAN:.4f} 元",
                f"{name} made {lots} contracts ({share // 10_000} %) of {code} at {en}, price from "
                f"{before / _YUAN:.4f} to {last / _YUAN:.4f} yuan",
            )
            yield finding(
                "marking", limits, (name,), code, (since, until), abs(moved), least,
                trade_names(records, mine), words,
            )  # fmt: skip


def _reference(grid: Grid, slot: int, since: int, until: int, limits: Limits) -> int | None:
    """Ticks before the window, or where there was no market yet, after it has calmed down."""
    for at in (since - s.STEP, until + limits["after_s"] * SECOND):
        if s.FIRST <= at < s.LAST:
            middle = grid.middle[slot, place(at)]
            if not np.isnan(middle):
                return round(float(middle))
    return None


def _pusher(
    records: Records, rows: np.ndarray, sign: int
) -> tuple[int, int, int, np.ndarray] | None:
    """(account, contracts, share in ppm, rows) of who traded most in the price's direction."""
    trades = records.trades
    column = s.T_BUYER if sign > 0 else s.T_SELLER
    own, other = (s.T_BUY_AT, s.T_SELL_AT) if sign > 0 else (s.T_SELL_AT, s.T_BUY_AT)
    # In continuous trading only what took a standing price pushes it.
    hours = trades[rows, s.T_AT] < s.CONTINUOUS[1]
    pushing = ~hours | (trades[rows, own] > trades[rows, other])
    best = None
    total = int(trades[rows, s.T_QTY].sum())
    for who in sorted(set(trades[rows, column].tolist()) - {-1}):
        mine = rows[pushing & (trades[rows, column] == who)]
        lots = int(trades[mine, s.T_QTY].sum())
        if best is None or lots > best[1]:
            best = (who, lots, ppm(lots, total), mine)
    return best


def directional(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """A market-making account that takes one direction of a class beyond hedging: what it took is
    one-sided in delta, and trades in the underlying do not offset it.
    """
    trades = records.trades
    for who, party in enumerate(records.parties):
        if party.role != "maker":
            continue
        rows, signs = taken_by(trades, who)
        each = deltas_of(records, grid, trades[rows]) * signs * trades[rows, s.T_QTY]
        klass = np.array([row.klass for row in records.contracts])[trades[rows, s.T_SLOT]]
        mine = (trades[:, s.T_BUYER] == who) | (trades[:, s.T_SELLER] == who)
        slot_klass = np.array([row.klass for row in records.contracts])[trades[:, s.T_SLOT]]
        for number, underlying in enumerate(records.classes):
            part = klass == number
            gross = int(np.abs(each[part]).sum())
            deals = records.deals[
                (records.deals[:, s.D_WHO] == who) & (records.deals[:, s.D_KLASS] == number)
            ]
            hedge = int((deals[:, s.D_SIDE] * deals[:, s.D_CASH]).sum())
            net: Money = int(each[part].sum()) + hedge
            lots = int(trades[rows[part], s.T_QTY].sum())
            share = ppm(lots, int(trades[mine & (slot_klass == number), s.T_QTY].sum()))
            sided = ppm(abs(int(each[part].sum())), gross)
            if (
                abs(net) < limits["yuan"] * _YUAN
                or share < limits["share_ppm"]
                or sided < limits["sided_ppm"]
            ):
                continue
            way = ("做多", "long") if net > 0 else ("做空", "short")
            words = (
                f"做市账户 {party.name} 在 {underlying} 主动{way[0]} Delta {yuan(abs(net))} 元"
                f"（对冲后），主动成交占其成交的 {share // 10_000}%，单边 {sided // 10_000}%",
                f"{party.name} took {yuan(abs(net))} yuan of delta {way[1]} in {underlying} after "
                f"hedges; {share // 10_000} % of its volume was taking, {sided // 10_000} % of "
                "that on one side",
            )
            span = (int(trades[rows[part], s.T_AT].min()), int(trades[rows[part], s.T_AT].max()))
            yield finding(
                "directional", limits, (party.name,), underlying, span, abs(net) // _YUAN,
                limits["yuan"], trade_names(records, rows[part]), words,
            )  # fmt: skip


def cross_market(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """Trades in the underlying near settlement or expiry that move it the way an option position
    gains (期现跨市场).
    """
    trades, deals = records.trades, records.deals
    since, until = SETTLING
    for who, party in enumerate(records.parties):
        rows = np.flatnonzero((trades[:, s.T_BUYER] == who) | (trades[:, s.T_SELLER] == who))
        rows = rows[trades[rows, s.T_AT] < until]
        sign = (trades[rows, s.T_BUYER] == who).astype(np.int64) - (trades[rows, s.T_SELLER] == who)
        each = deltas_of(records, grid, trades[rows]) * sign * trades[rows, s.T_QTY]
        klass = np.array([row.klass for row in records.contracts])[trades[rows, s.T_SLOT]]
        for number, underlying in enumerate(records.classes):
            there = deals[(deals[:, s.D_WHO] == who) & (deals[:, s.D_KLASS] == number)]
            there = there[(there[:, s.D_AT] >= since) & (there[:, s.D_AT] < until)]
            pressed: Money = int((there[:, s.D_SIDE] * there[:, s.D_CASH]).sum())
            held: Money = int(each[klass == number].sum())
            if not len(there) or (pressed > 0) != (held > 0):
                continue
            first = int(there[:, s.D_AT].min())
            moved = _moved(grid, number, first, int(there[:, s.D_AT].max()))
            # The price has to move the way it was pressed, or nothing was gained.
            along = moved if pressed > 0 else -moved
            if (
                abs(pressed) < limits["yuan"] * _YUAN
                or abs(held) < limits["position_yuan"] * _YUAN
                or along < limits["move_ppm"]
            ):
                continue
            expiry = records.last_days[number] == records.day if records.last_days else False
            note = ("（到期日）", " on an expiry day") if expiry else ("", "")
            words = (
                f"{party.name} 于 14:30 后净{'买入' if pressed > 0 else '卖出'} {underlying} "
                f"{yuan(abs(pressed))} 元，同向期权 Delta {yuan(abs(held))} 元，标的变动 "
                f"{along / 10_000:.2f}%{note[0]}",
                f"{party.name} {'bought' if pressed > 0 else 'sold'} {yuan(abs(pressed))} yuan of "
                f"{underlying} after 14:30 with {yuan(abs(held))} yuan of option delta the same "
                f"way; it moved {along / 10_000:.2f} %{note[1]}",
            )
            names = [f"deal {party.name} {underlying} @{row[s.D_AT]}" for row in there.tolist()]
            yield finding(
                "cross_market", limits, (party.name,), underlying,
                (first, int(there[:, s.D_AT].max())), abs(pressed) // _YUAN, limits["yuan"], names,
                words,
            )  # fmt: skip


def _moved(grid: Grid, klass: int, since: int, until: int) -> int:
    """Relative move in ppm of the implied forward over a span, 0 where unknown."""
    before = grid.forward[klass, place(since - s.STEP)]
    part = grid.forward[klass, place(since) : place(until + 60 * SECOND) + 1]
    known = part[np.isfinite(part)]
    if np.isnan(before) or not known.size:
        return 0
    return round(float(1_000_000 * (known[-1] - before) / before))


def layering(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """Large sides that live shortly, are taken away unfilled, and stand while their owner trades on
    the other side (虚假申报).
    """
    orders, trades = records.orders, records.trades
    for who, party in enumerate(records.parties):
        mine = orders[orders[:, s.O_WHO] == who]
        for slot in sorted(set(mine[:, s.O_SLOT].tolist())):
            here = mine[mine[:, s.O_SLOT] == slot]
            usual = int(np.median(here[:, s.O_QTY]))
            least = max(limits["lots"], usual * limits["times_percent"] // 100)
            big = here[
                (here[:, s.O_QTY] >= least)
                & (here[:, s.O_FILLED] == 0)
                & (here[:, s.O_END] > 0)
                & (here[:, s.O_END] - here[:, s.O_AT] <= limits["life_s"] * SECOND)
            ]
            found = big[_traded(trades, who, slot, big, limits)].tolist()
            if len(found) < limits["orders"]:
                continue
            code = records.contracts[slot].code
            names = [
                f"order {party.name} {code} {'bid' if row[s.O_SIDE] > 0 else 'ask'} {row[s.O_QTY]} "
                f"@{row[s.O_AT]}"
                for row in found
            ]
            words = (
                f"{party.name} 在 {code} 有 {len(found)} 笔不低于 {least} 张的短时大单未成交即撤，"
                "期间在反向成交",
                f"{party.name} took away {len(found)} large sides of {code} (at least {least}) "
                "unfilled while it traded on the other side",
            )
            span = (found[0][s.O_AT], found[-1][s.O_END])
            yield finding(
                "layering", limits, (party.name,), code, span, len(found), limits["orders"], names,
                words,
            )  # fmt: skip


def _traded(
    trades: np.ndarray, who: int, slot: int, rows: np.ndarray, limits: Limits
) -> np.ndarray:
    """bool[rows]: the owner traded on the other side while the order stood, or just before."""
    out = np.zeros(len(rows), dtype=bool)
    if not len(rows):
        return out
    here = trades[trades[:, s.T_SLOT] == slot]
    since = rows[:, s.O_AT] - limits["before_s"] * SECOND
    for side, column in ((1, s.T_SELLER), (-1, s.T_BUYER)):
        # Trades are in order of time.
        times = here[here[:, column] == who, s.T_AT]
        inside = np.searchsorted(times, rows[:, s.O_END], side="right")
        inside -= np.searchsorted(times, since, side="left")
        out |= (rows[:, s.O_SIDE] == side) & (inside > 0)
    return out


def alternating(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """Two makers that quote a contract in turn, never together, and between them all day
    (串通报价): each meets its time only because the other does not.
    """
    makers = [n for n, party in enumerate(records.parties) if party.role == "maker"]
    instants = s.FIRST + s.STEP * np.arange(points())
    hours = (instants >= s.CONTINUOUS[0]) & (instants < s.CONTINUOUS[1])
    hours &= (instants < LUNCH[0]) | (instants >= LUNCH[1])
    for slot, contract in enumerate(records.contracts):
        there = {who: _present(records, who, slot)[hours] for who in makers}
        for place_, first in enumerate(makers):
            for second in makers[place_ + 1 :]:
                one, two = there[first], there[second]
                either = int((one | two).sum())
                together = ppm(int((one & two).sum()), either)
                least = int(min((one & ~two).sum(), (two & ~one).sum()))
                turn = np.where(one & ~two, 1, np.where(two & ~one, 2, 0))
                turn = turn[turn > 0]
                turns = int((turn[1:] != turn[:-1]).sum())
                if (
                    turns < limits["turns"]
                    or together > limits["overlap_ppm"]
                    or ppm(either, len(one)) < limits["union_ppm"]
                    or ppm(least, max(either, 1)) < limits["each_ppm"]
                ):
                    continue
                names = (records.parties[first].name, records.parties[second].name)
                words = (
                    f"做市商 {names[0]} 与 {names[1]} 在 {contract.code} 轮流报价 {turns} 次，"
                    f"同时在场 {together // 10_000}%",
                    f"makers {names[0]} and {names[1]} quoted {contract.code} in turn {turns} "
                    f"times, together {together // 10_000} % of the time",
                )
                evidence = [f"quotes {name} {contract.code}" for name in names]
                yield finding(
                    "collusion", limits, names, contract.code, s.CONTINUOUS, turns, limits["turns"],
                    evidence, words,
                )  # fmt: skip


def _present(records: Records, who: int, slot: int) -> np.ndarray:
    """bool[points]: two sides of an account stand in a contract."""
    change = np.zeros((2, points() + 1), dtype=np.int64)
    orders = records.orders
    mine = orders[(orders[:, s.O_WHO] == who) & (orders[:, s.O_SLOT] == slot)]
    for row in mine[:, [s.O_SIDE, s.O_AT, s.O_END]].tolist():
        start = -(-(row[1] - s.FIRST) // s.STEP)
        end = -(-(row[2] - s.FIRST) // s.STEP) if row[2] else points()
        start, end = max(start, 0), min(max(end, 0), points())
        if end > start:
            side = 0 if row[0] > 0 else 1
            change[side, start] += 1
            change[side, end] -= 1
    stands = change.cumsum(axis=1)[:, : points()] > 0
    both: np.ndarray = stands[0] & stands[1]
    return both


def stuffing(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """More new sides of one account in one contract within a second than anybody needs, taken away
    unfilled: it slows others down (以不正当方式影响其他做市商).
    """
    orders = records.orders
    short = (orders[:, s.O_END] > 0) & (orders[:, s.O_FILLED] == 0)
    short &= orders[:, s.O_END] - orders[:, s.O_AT] <= limits["life_ms"] * SECOND // 1_000
    rows = orders[short]
    keys, counts = np.unique(
        np.column_stack([rows[:, s.O_WHO], rows[:, s.O_SLOT], rows[:, s.O_AT] // SECOND]),
        axis=0,
        return_counts=True,
    )
    busy: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (who, slot, second), count in zip(keys.tolist(), counts.tolist(), strict=True):
        if count >= limits["orders"]:
            busy.setdefault((who, slot), []).append((second, count))
    for (who, slot), seconds in sorted(busy.items()):
        name, code = records.parties[who].name, records.contracts[slot].code
        worst = max(count for _, count in seconds)
        words = (
            f"{name} 在 {code} 有 {len(seconds)} 秒每秒报撤不少于 {limits['orders']} 笔"
            f"（最多 {worst}）",
            f"{name} sent and took away at least {limits['orders']} sides a second of {code} in "
            f"{len(seconds)} seconds, at most {worst}",
        )
        names = [f"order {name} {code} {count} within @{at * SECOND}" for at, count in seconds]
        span = (seconds[0][0] * SECOND, (seconds[-1][0] + 1) * SECOND)
        yield finding("conduct", limits, (name,), code, span, worst, limits["orders"], names, words)
