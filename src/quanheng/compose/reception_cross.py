"""Cross-checks between received files: what one file says of a contract, another must say too.

Each returns the problems it finds: none when the files agree, or when one of them was not received
(its absence is a problem of its own). Line 0 means that no single line is wrong.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import day_of, iso
from quanheng.terms.market import UnderlyingTicks
from quanheng.terms.units import MONEY_PER_FEN, Day, Nanos
from quanheng.wire import dbf, md301, mktdt00, mktdt03, ogh, records, xml_files
from quanheng.wire.contracts import read_contracts, read_second_edition
from quanheng.wire.records import Value

Row = dict[str, Value]
SHOWN = 20
"""Contracts that one check names; the rest are counted."""
EXERCISE, MOVED = "Q02", "C04"
"""Exercise in settlement detail (YWLX) and in position changes (BDLX), interfaces.md 6."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a file: where, which field, why (Chinese first)."""

    file: str
    line: int
    field: str
    reason: str


class Received:
    """The day's files by kind: name and bytes, and the listing that the contract master gives."""

    def __init__(self, day: Day, files: dict[str, tuple[str, bytes]]) -> None:
        self.day = day
        self.files = files
        self.contracts = self._contracts()
        self.chain: Chain | None = build_chain(day, self.contracts) if self.contracts else None

    def _contracts(self) -> list[Contract]:
        return read_contracts(self.bytes("reff03"))[0] if "reff03" in self.files else []

    def name(self, kind: str) -> str:
        """Name of the file of a kind."""
        return self.files[kind][0]

    def bytes(self, kind: str) -> bytes:
        """Content of the file of a kind."""
        return self.files[kind][1]

    def rows(self, kind: str) -> list[Row]:
        """Usable records of a text, XML or DBF file of one record type."""
        form, data = records.layout(kind), self.bytes(kind)
        if kind.startswith("op_"):
            found = dbf.read(form, data).rows
        elif kind == "prestlp03":
            found = xml_files.read(form, data).rows
        else:
            found = records.read(form, data).rows
        return [_named(form, row) for row in found]

    def trades(self) -> list[Row]:
        """Usable T0305 records of the member's archive."""
        form = records.layout("trns03_t0305")
        rows = ogh.read(self.name("ogh")[3:8], self.bytes("ogh")).trns
        return [_named(form, row) for row in rows if row[0] == "T0305"]

    def holdings(self) -> list[Row]:
        """Usable records of the archive's hold03."""
        form = records.layout("hold03")
        rows = ogh.read(self.name("ogh")[3:8], self.bytes("ogh")).hold
        return [_named(form, row) for row in rows]

    def problem(self, kind: str, field: str, reason: str, text: str = "") -> Problem:
        """A problem of a file; its line is the first that holds `text`, in a file of lines."""
        data = self.bytes(kind)
        at = data.find(text.encode()) if text and not kind.startswith(("op_", "ogh")) else -1
        line = data.count(b"\n", 0, at) + 1 if at >= 0 else 0
        return Problem(self.name(kind), line, field, reason)

    def listed(self, kind: str, codes: Iterable[str]) -> list[Problem]:
        """Contracts that a file has and the listing does not, and the other way round."""
        have = list(codes)
        wanted = {row.code for row in self.contracts}
        seen = frozenset(have)
        more = [code for code in dict.fromkeys(have) if code not in wanted]
        less = [row.code for row in self.contracts if row.code not in seen]
        found = [
            self.problem(kind, "SecurityID", f"{code} 不在 reff03 中 not in the listing", code)
            for code in more[:SHOWN]
        ]
        found += [
            self.problem(kind, "SecurityID", f"缺少 reff03 所列合约 {code} missing")
            for code in less[:SHOWN]
        ]
        hidden = max(0, len(more) - SHOWN) + max(0, len(less) - SHOWN)
        if hidden:
            found.append(self.problem(kind, "SecurityID", f"另有 {hidden} 个合约 and more"))
        return found


def _named(form: records.Layout, row: tuple[Value, ...]) -> Row:
    return {field.name: value for field, value in zip(form.fields, row, strict=False)}


def editions(received: Received) -> list[Problem]:
    """Both editions of the contract master say the same of every contract."""
    second = {row.code: row for row in read_second_edition(received.bytes("reff0302"))[0]}
    found = received.listed("reff0302", second)
    for row in received.contracts:
        other = second.get(row.code)
        for name in row.__struct_fields__ if other is not None and other != row else ():
            mine, theirs = getattr(row, name), getattr(other, name)
            if mine != theirs:
                reason = f"{row.code}：{theirs!r}，reff03 为 {mine!r} differs"
                found.append(received.problem("reff0302", name, reason, row.code))
    return found


def snapshot(received: Received) -> list[Problem]:
    """Every listed contract is in the option snapshot of the day, with its previous settlement."""
    data, form = received.bytes("mktdt03"), records.layout("mktdt03")
    rows = []
    for line in data.split(b"\n")[1:-2]:
        try:
            rows.append(_named(form, records.parse_line(form, line)))
        except ValueError:
            continue  # named by the reader already
    found = received.listed("mktdt03", (str(row["SecurityID"]) for row in rows))
    settles = {row.code: row.previous_settle for row in received.contracts}
    for row in rows:
        code, price = str(row["SecurityID"]), row["PreSettlPrice"]
        if settles.get(code, price) != price:
            reason = f"{code} 的前结算价 {price}，reff03 为 {settles[code]} differs"
            found.append(received.problem("mktdt03", "PreSettlPrice", reason, code))
    return found + _stamped(received, "mktdt03")


def _stamped(received: Received, kind: str) -> list[Problem]:
    """The MDTime of a snapshot's header lies on the day."""
    try:
        if kind == "mktdt00":
            at: Nanos = mktdt00.read(received.bytes(kind)).at
        elif received.chain is not None:
            at = mktdt03.read(received.bytes(kind), mktdt03.FileTables(received.chain)).at
        else:
            return []
    except ValueError:
        return []  # named by the reader already
    if day_of(at) == received.day:
        return []
    reason = f"文件头日期 {iso(day_of(at))}，应为 {iso(received.day)} another day"
    return [received.problem(kind, "MDTime", reason, "HEADER")]


def funds(received: Received) -> list[Problem]:
    """Every underlying of the listing is quoted in the fund snapshot of the day."""
    if received.chain is None:
        return []
    try:
        image = mktdt00.read(received.bytes("mktdt00"))
    except ValueError:
        return []
    there, bad = mktdt00.ticks_of(received.chain, image)
    classes = {tick.klass for tick in there}
    found = [
        received.problem("mktdt00", one.field, one.reason)
        for one in bad
        if one not in image.quarantined
    ]
    for number, klass in enumerate(received.chain.classes):
        if number not in classes:
            reason = f"缺少标的 {klass.underlying} underlying missing"
            found.append(received.problem("mktdt00", "SecurityID", reason))
    return found + _stamped(received, "mktdt00")


def stream(received: Received) -> list[Problem]:
    """The recorded MD301 stream is whole, of the day, and ends where the snapshot file ends."""
    chain = received.chain
    if chain is None:
        return []
    decoder = md301.StreamDecoder(md301.ChainTables(chain))
    parts = [decoder.feed(received.bytes("md301")), decoder.finish()]
    found = [
        received.problem("md301", f"offset {bad.offset}", bad.reason)
        for part in parts
        for bad in part.quarantined
    ]
    if decoder.gaps:
        found.append(received.problem("md301", "34", f"消息序号有 {decoder.gaps} 处缺口 gaps"))
    ticks = [tick for part in parts for tick in part.ticks]
    spots: list[UnderlyingTicks] = [tick for part in parts for tick in part.underlyings]
    if not ticks or not spots:
        found.append(received.problem("md301", "1500", "没有期权或标的行情 no snapshot at all"))
    stamps = [tick.at for tick in ticks] + [spot.at for spot in spots]
    wrong = sum(day_of(at) != received.day for at in stamps)
    if wrong:
        reason = f"{wrong} 批行情不在 {iso(received.day)} another day"
        found.append(received.problem("md301", "75", reason))
    volumes: dict[int, int] = {}
    for tick in ticks:
        for row in unpack(tick.rows, market.COLUMNS).tolist():
            volumes[row[market.SLOT]] = row[market.VOLUME]
    return found + _ends_equal(received, chain, volumes)


def _ends_equal(received: Received, chain: Chain, volumes: dict[int, int]) -> list[Problem]:
    """What traded by the last message of the stream against the closing snapshot."""
    if "mktdt03" not in received.files:
        return []
    try:
        image = mktdt03.read(received.bytes("mktdt03"), mktdt03.FileTables(chain))
    except ValueError:
        return []
    found = []
    for row in image.rows.tolist():
        slot, volume = row[market.SLOT], row[market.VOLUME]
        if volumes.get(slot) != volume:
            seen = volumes.get(slot, "无 none")
            reason = f"{chain.contracts[slot].code} 成交量 {seen}，mktdt03 为 {volume} differs"
            found.append(received.problem("md301", "TradeVolume", reason))
    return found


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
        due = int(row["LastPx"]) * int(row["LastQty"]) * contract.unit // MONEY_PER_FEN
        if row["TotalValueTraded"] != due:
            reason = f"{where}：成交金额 {row['TotalValueTraded']} 分，应为 {due} 分 wrong amount"
            found.append(received.problem("ogh", "TotalValueTraded", reason))
    for (number, _), count in numbers.items():
        if count > 1:
            reason = f"成交编号 {number} 出现 {count} 次 repeated"
            found.append(received.problem("ogh", "ExecID", reason))
    return found


def balances(received: Received) -> list[Problem]:
    """hold03 of the exchange and op_hycc of the clearing house hold the same positions."""
    if "ogh" not in received.files or "op_hycc" not in received.files:
        return []
    exchange = {
        (str(row["SecurityID"]), str(row["Side"]), str(row["CoveredOrUncovered"])): row["Balance"]
        for row in received.holdings()
    }
    clearing = {
        (str(row["HEYDM"]), str(row["CCFX"]), str(row["BDBZ"])): row["YE1"]
        for row in received.rows("op_hycc")
    }
    return [
        received.problem(
            "op_hycc",
            "YE1",
            f"{code} {side}{covered and '（备兑）'}：{clearing.get(key, 0)}，"
            f"hold03 为 {exchange.get(key, 0)} differs",
        )
        for key in dict.fromkeys([*exchange, *clearing])
        if exchange.get(key, 0) != clearing.get(key, 0)
        for code, side, covered in (key,)
    ]


def exercises(received: Received) -> list[Problem]:
    """Exercise and assignment: settlement detail and position changes agree by contract and side.

    A member's files hold its own share, so exercised and assigned need not be equal in them.
    """
    if "op_jsmx" not in received.files or "op_ccbd" not in received.files:
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


class Cross(NamedTuple):
    """A cross-check: the file it judges, what it says in words, and how."""

    kind: str
    words: str
    find: Callable[[Received], list[Problem]]


CROSSES = (
    Cross("reff0302", "与 reff03 逐合约逐字段一致 equal to reff03", editions),
    Cross("mktdt03", "覆盖全部合约，前结算价与日期一致 covers the listing", snapshot),
    Cross("mktdt00", "覆盖全部标的，日期一致 covers the underlyings", funds),
    Cross("md301", "行情流完整，收于快照文件 whole, ends where the snapshot ends", stream),
    Cross("clpr03", "覆盖全部合约，收盘价在涨跌停内 covers the listing", closing),
    Cross("prestlp03", "覆盖全部合约，与 clpr03 结算价一致 equal to clpr03", trial),
    Cross("ogh", "成交日期、合约、金额、编号 trades: day, contract, amount, number", fills),
    Cross("op_hycc", "持仓与 hold03 一致 positions equal to hold03", balances),
    Cross("op_ccbd", "行权与被指派与 op_jsmx 一致 exercise equal to op_jsmx", exercises),
    Cross("op_bzjzh", "资金日期为当日 statement of the day", funds_day),
)
