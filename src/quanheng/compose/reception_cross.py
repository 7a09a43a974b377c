"""Cross-checks between received files: what one file says of a contract, another must say too.

Each returns the problems it finds: none when the files agree, or when one of them was not received
(its absence is a problem of its own). Line 0 means that no single line is wrong.
"""

from collections.abc import Callable
from typing import NamedTuple

from quanheng.compose import reception_settlement as settlement
from quanheng.compose.reception_files import Problem, Received, named
from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.contract import Chain
from quanheng.terms.days import day_of, iso
from quanheng.terms.market import UnderlyingTicks
from quanheng.terms.units import Nanos
from quanheng.wire import md301, mktdt00, mktdt03, records
from quanheng.wire.contracts import read_second_edition


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
            rows.append(named(form, records.parse_line(form, line)))
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
    Cross("clpr03", "覆盖全部合约，收盘价在涨跌停内 covers the listing", settlement.closing),
    Cross("prestlp03", "覆盖全部合约，与 clpr03 结算价一致 equal to clpr03", settlement.trial),
    Cross(
        "ogh", "成交日期、合约、金额、编号 trades: day, contract, amount, number", settlement.fills
    ),
    Cross("op_hycc", "持仓与 hold03 一致 positions equal to hold03", settlement.balances),
    Cross("op_zhccmx", "组合持仓与 qtyw03 一致 equal to qtyw03", settlement.combinations),
    Cross("op_tzxx", "通知日期为当日 notices of the day", settlement.notices_day),
    Cross("op_ccbd", "行权与被指派与 op_jsmx 一致 exercise equal to op_jsmx", settlement.exercises),
    Cross("op_bzjzh", "资金日期为当日 statement of the day", settlement.funds_day),
)
