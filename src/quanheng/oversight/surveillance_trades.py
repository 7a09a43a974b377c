"""Patterns in who traded with whom (S-03): self-trades, wash trades, benefit to related accounts,
persistent loss to one counterparty, mutual fills, taking one maker's quotes, restricted lists.
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
    ppm,
    taken_by,
    trade_names,
    yuan,
)
from quanheng.terms.units import SECOND, Money

TRUSTED_ROLES = ("client", "related", "proprietary", "asset")
"""Roles that a maker's trades must not favour (chapter 7 三 (五), O-06)."""


def _span(trades: np.ndarray) -> tuple[int, int]:
    return int(trades[:, s.T_AT].min()), int(trades[:, s.T_AT].max())


def self_trades(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """The same account on both sides of a trade (自成交), by account and contract."""
    trades = records.trades
    same = (trades[:, s.T_BUYER] >= 0) & (trades[:, s.T_BUYER] == trades[:, s.T_SELLER])
    for who, slot in sorted({(int(r[s.T_BUYER]), int(r[s.T_SLOT])) for r in trades[same]}):
        rows = np.flatnonzero(same & (trades[:, s.T_BUYER] == who) & (trades[:, s.T_SLOT] == slot))
        lots = int(trades[rows, s.T_QTY].sum())
        if lots < limits["lots"]:
            continue
        name, code = records.parties[who].name, records.contracts[slot].code
        words = (
            f"{name} 在 {code} 与自己成交 {len(rows)} 笔 {lots} 张",
            f"{name} traded with itself in {code}: {len(rows)} trades, {lots} contracts",
        )
        yield finding(
            "self_trade", limits, (name,), code, _span(trades[rows]), lots, limits["lots"],
            trade_names(records, rows), words,
        )  # fmt: skip


def _pairs(records: Records) -> Iterator[tuple[int, int, np.ndarray]]:
    """(first, second, rows of trades) of each two different named accounts that traded."""
    trades = records.trades
    low = np.minimum(trades[:, s.T_BUYER], trades[:, s.T_SELLER])
    high = np.maximum(trades[:, s.T_BUYER], trades[:, s.T_SELLER])
    named = np.flatnonzero((low >= 0) & (low != high))
    for first, second in sorted({(int(low[row]), int(high[row])) for row in named}):
        yield first, second, named[(low[named] == first) & (high[named] == second)]


def wash_trades(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """Trades between accounts of one group (对敲), and round trips of any two: the same contracts
    back within a while at nearly the same price.
    """
    trades = records.trades
    for first, second, rows in _pairs(records):
        one, two = records.parties[first], records.parties[second]
        connected = one.group == two.group
        for slot in sorted(set(trades[rows, s.T_SLOT].tolist())):
            mine = rows[trades[rows, s.T_SLOT] == slot]
            code = records.contracts[slot].code
            lots = int(trades[mine, s.T_QTY].sum())
            if connected and lots >= limits["lots"]:
                words = (
                    f"同一控制人 {one.group} 的 {one.name} 与 {two.name} 在 {code} 互为对手 "
                    f"{len(mine)} 笔 {lots} 张",
                    f"{one.name} and {two.name} of {one.group} traded with each other in {code}: "
                    f"{len(mine)} trades, {lots} contracts",
                )
                yield finding(
                    "wash_trade", limits, (one.name, two.name), code, _span(trades[mine]), lots,
                    limits["lots"], trade_names(records, mine), words,
                )  # fmt: skip
            trips = _round_trips(trades[mine], limits)
            if not connected and len(trips) >= limits["round_trips"]:
                both = mine[sorted({row for pair in trips for row in pair})]
                words = (
                    f"{one.name} 与 {two.name} 在 {code} 往返成交 {len(trips)} 次",
                    f"{one.name} and {two.name} traded {code} back and forth {len(trips)} times",
                )
                yield finding(
                    "wash_trade", limits, (one.name, two.name), code, _span(trades[both]),
                    len(trips), limits["round_trips"], trade_names(records, both), words,
                )  # fmt: skip


def _round_trips(trades: np.ndarray, limits: Limits) -> list[tuple[int, int]]:
    """Pairs of rows in which the same quantity went back, each row once."""
    found, used = [], [False] * len(trades)
    rows = trades.tolist()
    for later, row in enumerate(rows):
        for earlier in range(later - 1, -1, -1):
            before = rows[earlier]
            if row[s.T_AT] - before[s.T_AT] > limits["window_s"] * SECOND:
                break
            back = before[s.T_BUYER] == row[s.T_SELLER] and before[s.T_QTY] == row[s.T_QTY]
            near = abs(before[s.T_PRICE] - row[s.T_PRICE]) <= limits["price_ticks"]
            if back and near and not used[earlier] and not used[later]:
                used[earlier] = used[later] = True
                found.append((earlier, later))
    return found


def _edge(records: Records, grid: Grid, rows: np.ndarray, who: int, after: int) -> np.ndarray:
    """Money int64[n]: what trades gave `who` against the middle `after` seconds later (0: at the
    time); 0 where no middle is known.
    """
    out = np.zeros(len(rows), dtype=np.int64)
    for number, row in enumerate(records.trades[rows].tolist()):
        middle = grid.middle[row[s.T_SLOT], place(row[s.T_AT] + after * SECOND)]
        if not np.isnan(middle):
            sign = 1 if row[s.T_BUYER] == who else -1
            unit = records.contracts[row[s.T_SLOT]].unit
            out[number] = round(float(sign * (middle - row[s.T_PRICE]) * row[s.T_QTY] * unit))
    return out


def benefits(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """A maker that gives prices worse than the market's middle to a related, proprietary or client
    account (利益输送).
    """
    for first, second, rows in _pairs(records):
        for maker, other in ((first, second), (second, first)):
            one, two = records.parties[maker], records.parties[other]
            if one.role != "maker" or two.role not in TRUSTED_ROLES:
                continue
            given = -_edge(records, grid, rows, maker, 0)
            worse = rows[given > 0]
            total: Money = int(given[given > 0].sum())
            if yuan_of(total) < limits["yuan"]:
                continue
            words = (
                f"做市账户 {one.name} 以劣于市场中间价的价格与 {two.name}（{two.role}）成交 "
                f"{len(worse)} 笔，让利 {yuan(total)} 元",
                f"{one.name} gave {two.name} ({two.role}) {yuan(total)} yuan against the middle in "
                f"{len(worse)} trades",
            )
            yield finding(
                "benefit", limits, (one.name, two.name), _scope(records, worse),
                _span(records.trades[worse]), yuan_of(total), limits["yuan"],
                trade_names(records, worse), words,
            )  # fmt: skip


def yuan_of(value: Money) -> int:
    """Whole yuan."""
    return value // 10_000


def _scope(records: Records, rows: np.ndarray) -> str:
    """The contract when there is one, else the class, else "*"."""
    slots: list[int] = sorted(set(records.trades[rows, s.T_SLOT].tolist()))
    if len(slots) == 1:
        return records.contracts[slots[0]].code
    classes = {records.contracts[slot].klass for slot in slots}
    return records.classes[min(classes)] if len(classes) == 1 else "*"


def persistent_losses(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """A maker that loses to one named counterparty trade after trade, by the middle some time
    later.
    """
    for first, second, rows in _pairs(records):
        for maker, other in ((first, second), (second, first)):
            one, two = records.parties[maker], records.parties[other]
            if one.role != "maker" or len(rows) < limits["trades"]:
                continue
            edge = _edge(records, grid, rows, maker, limits["horizon_s"])
            lost: Money = -int(edge.sum())
            share = ppm(int((edge < 0).sum()), len(rows))
            if yuan_of(lost) < limits["yuan"] or share < limits["share_ppm"]:
                continue
            words = (
                f"{one.name} 对 {two.name} 的 {len(rows)} 笔成交中 {share // 10_000}% 亏损，"
                f"{limits['horizon_s']} 秒后合计 {yuan(lost)} 元",
                f"{one.name} lost {yuan(lost)} yuan to {two.name} within {limits['horizon_s']} s "
                f"in {len(rows)} trades, {share // 10_000} % of them at a loss",
            )
            yield finding(
                "persistent_loss", limits, (one.name, two.name), _scope(records, rows),
                _span(records.trades[rows]), yuan_of(lost), limits["yuan"],
                trade_names(records, rows), words,
            )  # fmt: skip


def mutual_fills(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """Two makers of different groups that meet far more often than their volumes explain (串通)."""
    trades = records.trades
    total = int(trades[:, s.T_QTY].sum())
    for first, second, rows in _pairs(records):
        one, two = records.parties[first], records.parties[second]
        if one.role != "maker" or two.role != "maker" or one.group == two.group:
            continue
        lots = int(trades[rows, s.T_QTY].sum())
        each = [
            int(trades[(trades[:, s.T_BUYER] == n) | (trades[:, s.T_SELLER] == n), s.T_QTY].sum())
            for n in (first, second)
        ]
        # Of `total` contracts, each with two sides, so many would meet by chance.
        expected = each[0] * each[1] / (2 * total) if total else 0.0
        times = round(lots * 100 / expected) if expected else 0
        if lots < limits["lots"] or times < limits["times_percent"]:
            continue
        words = (
            f"做市商 {one.name} 与 {two.name} 互为对手 {len(rows)} 笔 {lots} 张，"
            f"为按成交量预期的 {times}%",
            f"makers {one.name} and {two.name} met in {len(rows)} trades, {lots} contracts, "
            f"{times} % of what their volumes explain",
        )
        yield finding(
            "collusion", limits, (one.name, two.name), _scope(records, rows), _span(trades[rows]),
            times, limits["times_percent"], trade_names(records, rows), words,
        )  # fmt: skip


def targets(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """A participant whose taking goes to one maker's quotes far beyond what that maker supplies
    (以不正当方式影响其他做市商).
    """
    trades = records.trades
    for who, party in enumerate(records.parties):
        rows, signs = taken_by(trades, who)
        if not len(rows):
            continue
        others = np.where(signs > 0, trades[rows, s.T_SELLER], trades[rows, s.T_BUYER])
        taken = int(trades[rows, s.T_QTY].sum())
        for maker, target in enumerate(records.parties):
            if target.role != "maker" or maker == who:
                continue
            mine = rows[others == maker]
            lots = int(trades[mine, s.T_QTY].sum())
            share = ppm(lots, taken)
            if len(mine) < limits["trades"] or share < limits["share_ppm"]:
                continue
            supplied = _supplied(trades, maker)
            if share < supplied * limits["times_percent"] // 100:
                continue
            words = (
                f"{party.name} 主动成交的 {share // 10_000}%（{len(mine)} 笔）针对做市商 "
                f"{target.name}，后者只提供市场流动性的 {supplied // 10_000}%",
                f"{share // 10_000} % of what {party.name} took ({len(mine)} trades) came from "
                f"{target.name}, which supplies {supplied // 10_000} %",
            )
            yield finding(
                "conduct", limits, (party.name, target.name), _scope(records, mine),
                _span(trades[mine]), len(mine), limits["trades"], trade_names(records, mine), words,
            )  # fmt: skip


def _supplied(trades: np.ndarray, maker: int) -> int:
    """Share in ppm of all contracts in which `maker` had the earlier order."""
    buy, sell = trades[:, s.T_BUY_AT], trades[:, s.T_SELL_AT]
    passive = (trades[:, s.T_BUYER] == maker) & (buy < sell)
    passive |= (trades[:, s.T_SELLER] == maker) & (sell < buy)
    return ppm(int(trades[passive, s.T_QTY].sum()), int(trades[:, s.T_QTY].sum()))


def restricted(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """Trades of accounts or persons on an insider list or in a restricted period (内幕信息)."""
    trades, deals = records.trades, records.deals
    for ban in records.bans:
        if ban.underlying not in records.classes:
            continue
        klass = records.classes.index(ban.underlying)
        slots = [slot for slot, row in enumerate(records.contracts) if row.klass == klass]
        within = np.isin(trades[:, s.T_SLOT], slots)
        within &= (trades[:, s.T_AT] >= ban.since) & (trades[:, s.T_AT] < ban.until)
        for who, party in enumerate(records.parties):
            if party.name not in ban.accounts:
                continue
            rows = np.flatnonzero(
                within & ((trades[:, s.T_BUYER] == who) | (trades[:, s.T_SELLER] == who))
            )
            there = (deals[:, s.D_WHO] == who) & (deals[:, s.D_KLASS] == klass)
            there &= (deals[:, s.D_AT] >= ban.since) & (deals[:, s.D_AT] < ban.until)
            names = trade_names(records, rows)
            names += [f"deal {party.name} {ban.underlying} @{row[s.D_AT]}" for row in deals[there]]
            times = [*trades[rows, s.T_AT].tolist(), *deals[there, s.D_AT].tolist()]
            if times:
                yield _banned(limits, party.name, ban.underlying, times, names, ban.reason)
        for person in ban.persons:
            own = [
                one
                for one in records.persons
                if one.person == person and one.klass == klass and ban.since <= one.at < ban.until
            ]
            if own:
                names = [f"order {one.client_id}" for one in own]
                times = [one.at for one in own]
                yield _banned(limits, person, ban.underlying, times, names, ban.reason)


def _banned(
    limits: Limits, who: str, underlying: str, times: list[int], names: list[str], reason: str
) -> Finding:
    words = (
        f"{who} 在 {underlying} 限制期内成交 {len(times)} 笔（{reason}）",
        f"{who} traded {underlying} {len(times)} times in a restricted period ({reason})",
    )
    span = (min(times), max(times))
    return finding(
        "restricted", limits, (who,), underlying, span, len(times), limits["trades"], names, words
    )


def coordination(records: Records, grid: Grid, limits: Limits) -> Iterator[Finding]:
    """The market-making and the proprietary account of one firm on the same side of a class, span
    after span; compared by compliance, never by the desk (与自营的合谋).
    """
    if records.view != s.COMPLIANCE:
        return
    width = limits["window_s"] * SECOND
    flows = {n: _flows(records, grid, n, width) for n, p in enumerate(records.parties) if p.own}
    for maker, one in enumerate(records.parties):
        for other, two in enumerate(records.parties):
            roles = (one.role, two.role) == ("maker", "proprietary")
            if not (roles and one.own and two.own):
                continue
            for klass, underlying in enumerate(records.classes):
                both = [
                    (key, flows[maker][key], flows[other][key])
                    for key in sorted(flows[maker])
                    if key[0] == klass and key in flows[other]
                ]
                large = [
                    (key[1], a, b) for key, a, b in both
                    if min(abs(a), abs(b)) >= limits["yuan"] * 10_000
                ]  # fmt: skip
                same = [window for window, a, b in large if (a > 0) == (b > 0)]
                share = ppm(len(same), len(large))
                if len(same) < limits["windows"] or share < limits["share_ppm"]:
                    continue
                words = (
                    f"做市账户 {one.name} 与自营账户 {two.name} 在 {underlying} 有 {len(same)} 个"
                    f"时段同向（{share // 10_000}%）",
                    f"{one.name} and the proprietary {two.name} were on the same side of "
                    f"{underlying} in {len(same)} spans ({share // 10_000} %)",
                )
                names = [f"span {underlying} @{window * width}" for window in same]
                span = (same[0] * width, (same[-1] + 1) * width)
                yield finding(
                    "coordination", limits, (one.name, two.name), underlying, span, len(same),
                    limits["windows"], names, words,
                )  # fmt: skip


def _flows(records: Records, grid: Grid, who: int, width: int) -> dict[tuple[int, int], Money]:
    """Cash delta that an account bought by (class, span), options and underlyings together."""
    out: dict[tuple[int, int], Money] = {}
    trades = records.trades
    rows = np.flatnonzero((trades[:, s.T_BUYER] == who) | (trades[:, s.T_SELLER] == who))
    each = deltas_of(records, grid, trades[rows])
    for row, worth in zip(trades[rows].tolist(), each.tolist(), strict=True):
        sign = (row[s.T_BUYER] == who) - (row[s.T_SELLER] == who)
        key = (records.contracts[row[s.T_SLOT]].klass, row[s.T_AT] // width)
        out[key] = out.get(key, 0) + sign * worth * row[s.T_QTY]
    for row in records.deals[records.deals[:, s.D_WHO] == who].tolist():
        key = (row[s.D_KLASS], row[s.D_AT] // width)
        out[key] = out.get(key, 0) + row[s.D_SIDE] * row[s.D_CASH]
    return out
