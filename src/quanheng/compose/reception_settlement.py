"""Cross-checks of what comes after the close: prices, the member's archive, the clearing tables."""

from collections import Counter
from collections.abc import Iterable

from quanheng.compose.reception_files import Problem, Received
from quanheng.terms.units import MONEY_PER_FEN, half_up
from quanheng.wire.records import Value

EXERCISE, MOVED = "Q02", "C04"
"""Exercise in settlement detail (YWLX) and in position changes (BDLX), interfaces.md 6."""


def closing(received: Received) -> list[Problem]:
    """Closing prices cover the listing; a contract that traded closes within its limits."""
    rows = received.rows("clpr03")
    found = received.listed("clpr03", (str(row["SecurityID"]) for row in rows))
    found += _twice(received, "clpr03", (str(row["SecurityID"]) for row in rows))
    limits = {row.code: (row.limit_down, row.limit_up) for row in received.contracts}
    for row in rows:
        code, price = str(row["SecurityID"]), int(row["ClosePx"])
        low, high = limits.get(code, (price, price))
        if price and not low <= price <= high:
            reason = f"{code} 收盘价 {price} 不在涨跌停 {low}–{high} 内 outside the limits"
            found.append(received.problem("clpr03", "ClosePx", reason, code))
    return found


def _twice(received: Received, kind: str, codes: Iterable[str]) -> list[Problem]:
    return [
        received.problem(kind, "SecurityID", f"{code} 出现 {count} 次 repeated", code)
        for code, count in Counter(codes).items()
        if count > 1
    ]


def trial(received: Received) -> list[Problem]:
    """Trial settlement prices cover the listing and are those that clpr03 settles at."""
    rows = received.rows("prestlp03")
    found = received.listed("prestlp03", (str(row["SecurityID"]) for row in rows))
    if "clpr03" in received.files:
        final = {str(row["SecurityID"]): row["SettlPrice"] for row in received.rows("clpr03")}
        for row in rows:
            code, price = str(row["SecurityID"]), row["PreCalSettlPrice"]
            if final.get(code, price) != price:
                reason = f"{code} 预结算价 {price}，clpr03 结算价为 {final[code]} differs"
                found.append(received.problem("prestlp03", "PreCalSettlPrice", reason, code))
    return found


def fills(received: Received) -> list[Problem]:
    """Trades of the archive: of the day, of listed contracts, amounts right, no number twice."""
    listing = {row.code: row for row in received.contracts}
    found = []
    numbers: Counter[tuple[str, Value]] = Counter()
    for place, row in enumerate(received.trades(), 1):
        code, where = str(row["SecurityID"]), f"trns03 第 {place} 笔"
        numbers[str(row["ExecID"]), row["Side"]] += 1
        if row["TransactDate"] != received.day:
            reason = f"{where}：日期 {row['TransactDate']} 不是当日 another day"
            found.append(received.problem("ogh", "TransactDate", reason))
        contract = listing.get(code)
        if contract is None:
            reason = f"{where}：{code} 不在 reff03 中 not in the listing"
            found.append(received.problem("ogh", "SecurityID", reason))
            continue
        due = int(row["LastPx"]) * int(row["LastQty"]) * contract.unit
        due = half_up(due, MONEY_PER_FEN)  # the unit of an adjusted contract leaves parts of a fen
        if row["TotalValueTraded"] != due:
            reason = f"{where}：成交金额 {row['TotalValueTraded']} 分，应为 {due} 分 wrong amount"
            found.append(received.problem("ogh", "TotalValueTraded", reason))
    for (number, _), count in numbers.items():
        if count > 1:
            reason = f"成交编号 {number} 出现 {count} 次 repeated"
            found.append(received.problem("ogh", "ExecID", reason))
    return found


def balances(received: Received) -> list[Problem]:
    """hold03 of the exchange and op_hycc of the clearing house hold the same positions, and of them
    the same in combinations.
    """
    if "ogh" not in received.files:
        return []
    exchange = {
        (str(row["SecurityID"]), str(row["Side"]), str(row["CoveredOrUncovered"])): (
            row["Balance"],
            row["CombinedQty"],
        )
        for row in received.holdings()
    }
    clearing = {
        (str(row["HEYDM"]), str(row["CCFX"]), str(row["BDBZ"])): (row["YE1"], row["YE2"])
        for row in received.rows("op_hycc")
    }
    found = []
    for key in dict.fromkeys([*exchange, *clearing]):
        theirs, ours = exchange.get(key, (0, 0)), clearing.get(key, (0, 0))
        where = f"{key[0]} {key[1]}{'（备兑）' if key[2] else ''}"
        for field, mine, other in zip(("YE1", "YE2"), ours, theirs, strict=True):
            if mine != other:
                reason = f"{where}：{mine}，hold03 为 {other} differs"
                found.append(received.problem("op_hycc", field, reason))
    return found


def combinations(received: Received) -> list[Problem]:
    """qtyw03 of the exchange and op_zhccmx of the clearing house know the same combinations."""
    if "ogh" not in received.files:
        return []
    exchange = {
        str(row["SecondaryOrderID"]): (row["StrategyID"], row["Quantity"])
        for row in received.combinations()
    }
    clearing = {str(row["ZHBM"]): (row["ZHCL"], row["SL1"]) for row in received.rows("op_zhccmx")}
    return [
        received.problem(
            "op_zhccmx",
            "ZHBM",
            f"组合 {number}：{clearing.get(number, '无 none')}，"
            f"qtyw03 为 {exchange.get(number, '无 none')} differs",
        )
        for number in dict.fromkeys([*exchange, *clearing])
        if exchange.get(number) != clearing.get(number)
    ]


def notices_day(received: Received) -> list[Problem]:
    """Every notice of the clearing house is of the day."""
    return [
        received.problem("op_tzxx", "TZRQ", f"日期 {row['TZRQ']} 不是当日 another day")
        for row in received.rows("op_tzxx")
        if row["TZRQ"] != received.day
    ]


def exercises(received: Received) -> list[Problem]:
    """Exercise and assignment: settlement detail and position changes agree by contract and side.

    A member's files hold its own share, so exercised and assigned need not be equal in them.
    """
    if "op_jsmx" not in received.files:
        return []
    detail: Counter[tuple[str, str]] = Counter()
    for row in received.rows("op_jsmx"):
        if row["YWLX"] == EXERCISE:
            side = "L" if row["MMBZ"] == "S" else "S"
            detail[str(row["HEYDM"]), side] += abs(int(row["SL1"]))
    changes: Counter[tuple[str, str]] = Counter()
    for row in received.rows("op_ccbd"):
        if row["BDLX"] == MOVED:
            changes[str(row["HEYDM"]), str(row["CCFX"])] += abs(int(row["SL1"]))
    return [
        received.problem(
            "op_ccbd",
            "SL1",
            f"{code} {'行权' if side == 'L' else '被指派'} {changes[code, side]} 张，"
            f"op_jsmx 为 {detail[code, side]} 张 differs",
        )
        for code, side in dict.fromkeys([*detail, *changes])
        if changes[code, side] != detail[code, side]
    ]


def funds_day(received: Received) -> list[Problem]:
    """The margin account's statement is of the day."""
    return [
        received.problem("op_bzjzh", "RQ1", f"日期 {row['RQ1']} 不是当日 another day")
        for row in received.rows("op_bzjzh")
        if row["RQ1"] != received.day
    ]
