"""Tables of a finished day that the desk's reports draw on (R-07), written into the run's reports.

alerts.csv, indicators.csv, business.csv, funds.csv, orders.csv, expiring.csv and the three of the
overnight check. Amounts are yuan with their four decimals, times HH:MM:SS.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from quanheng.books import margin_use
from quanheng.clearing import messages as clear
from quanheng.compose import overnight
from quanheng.compose.alert_words import sentence
from quanheng.compose.check_words import check_words
from quanheng.compose.day import World
from quanheng.compose.day_end import Settled
from quanheng.compose.day_watch import DESK, GREEKS, Seen
from quanheng.compose.desk_tables import DEALS, INQUIRIES, PEOPLE, inquiries, people
from quanheng.compose.scenarios import clock
from quanheng.compose.text import exact_yuan
from quanheng.kernels.pack import unpack
from quanheng.maker import limits
from quanheng.maker.guard_state import N_COLUMNS
from quanheng.rulebook.calendar import trading_days_between
from quanheng.terms.days import clock_text, day_nanos
from quanheng.terms.units import MONEY_PER_YUAN, Nanos

ALERTS = (
    "number",
    "at",
    "machine",
    "code",
    "scope",
    "words_zh",
    "words_en",
    "on_duty",
    "at_ns",
    "underlying",
)
INDICATORS = ("scope", "name", "words_zh", "unit", "last", "worst", "at", "limit", "used", "basis")
BUSINESS = (
    "maker", "underlying", "contracts", "messages", "trades", "bought", "sold", "value",
    "market", "share",
)  # fmt: skip
FUNDS = ("item", "words_zh", "unit", "value")
ORDERS = ("item", "count", "words_zh", "words_en")
EXPIRING = (
    "underlying", "contract", "last_day", "days_left", "long", "short", "covered",
    "cash_if_assigned", "units_if_assigned",
)  # fmt: skip
GAPS = (
    "scope", "spot_percent", "vol_percent", "options", "hedge", "profit", "margin", "equity",
    "free", "usage_percent",
)  # fmt: skip
FINDINGS = (
    "scope", "figure", "spot_percent", "vol_percent", "value", "limit", "over", "basis", "by",
    "seconded_by",
)  # fmt: skip
PROPOSALS = ("scope", "figure", "contract", "net", "close", "takes_off")
NEAR_EXPIRY = 5
"""Trading days before its last one from which a contract is near its expiry (I-38)."""

_BILLION = 1_000_000_000
_GREEKS = {
    "delta": (100 * _BILLION, "yuan per 1 %"),
    "gamma": (100 * _BILLION, "yuan per 1 % per 1 %"),
    "vega": (_BILLION, "yuan per vol point"),
    "theta": (_BILLION, "yuan per day"),
}
"""Scale and unit of the limits; the view has cash delta and gamma, a hundred times as much."""
_DAY_COUNTS = ("day_orders", "day_qty", "day_value", "day_opened")
_AUDIT = {
    "sent": ("发出的报单消息", "messages sent"),
    "cancels": ("撤单", "cancels"),
    "rejected": ("交易所拒绝", "rejected by the exchange"),
    "unexpected": ("无对应委托的应答", "answers that nothing waited for"),
    "late_fills": ("撤单后的成交", "fills after the end"),
    "duplicates": ("重复回报", "duplicate reports"),
    "foreign": ("非本机编号的回报", "reports of foreign ids"),
    "inquiries": ("收到询价", "inquiries received"),
}


_WORDS = {
    "delta": "Delta",
    "gamma": "Gamma",
    "vega": "Vega",
    "theta": "Theta",
    "long": "权利仓（张）",
    "short": "义务仓（张）",
    "total": "盈亏",
    "day_orders": "当日报单与报价",
    "day_qty": "当日成交（张）",
    "day_value": "当日成交额",
    "day_opened": "当日开仓（张）",
    "used": "开仓保证金",
    "realtime": "实时保证金",
    "forecast": "预计隔夜保证金",
    "usage_ppm": "保证金占用率",
    "coverage_ppm": "保证金覆盖率",
    "forecast_usage_ppm": "预计隔夜占用率",
    "forecast_free": "预计隔夜可用资金",
    "messages": "当日消息",
    "var": "在险价值",
    "opening_cash": "上日资金",
    "premium": "权利金收支",
    "handling_fee": "经手费",
    "settlement_fee": "结算费",
    "cash": "资金",
    "margin": "维持保证金",
    "free": "可用资金",
    "equity": "权益",
    "exercise_fee": "行权费",
    "delivery": "行权交收收支",
    "penalty": "交收违约扣款",
    "margin_call": "追加保证金",
    "usage": "占用率（保证金/权益）",
    "coverage": "覆盖率（权益/保证金）",
}


def write_record(world: World, settled: Settled, folder: Path) -> None:
    """Every table of this module into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    night = overnight.overnight_of(world, settled)
    tables: tuple[tuple[str, Sequence[str], Iterable[Sequence[object]]], ...] = (
        ("alerts", ALERTS, _alerts(world)),
        ("indicators", INDICATORS, _indicators(world)),
        ("business", BUSINESS, _business(world)),
        ("funds", FUNDS, _funds(settled)),
        ("orders", ORDERS, _orders(world)),
        ("expiring", EXPIRING, _expiring(world, settled)),
        ("overnight", GAPS, map(_gap, night.gaps)),
        ("overnight_limits", FINDINGS, map(_finding, night.findings)),
        ("overnight_proposals", PROPOSALS, _proposals(night)),
        ("deals", DEALS, world.deals.rows),
        ("inquiries", INQUIRIES, inquiries(world.maker.state)),
        ("people", PEOPLE, people(world.alerts)),
    )
    for name, heads, rows in tables:
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(heads)
            writer.writerows(rows)


def _alerts(world: World) -> Iterable[Sequence[object]]:
    chain = world.reference.chain
    klasses = {item.underlying: item.underlying for item in chain.classes}
    klasses |= {row.code: row.underlying for row in chain.contracts}
    for number, (at, machine, said) in enumerate(world.alerts, start=1):
        words = sentence(said, "zh"), sentence(said, "en")
        head = number, clock_text(at), machine, said.code, said.scope
        yield *head, *words, _duty(world, at), at, klasses.get(said.scope, "")


def _duty(world: World, at: Nanos) -> str:
    """Who the roster has on its posts at an instant, as "post person/backup"."""
    scenario, now = world.plan.scenario, day_nanos(at)
    return "; ".join(
        f"{post.post} {post.main}/{post.backup}"
        for post in scenario.roster
        if clock(scenario.name, post.start) <= now < clock(scenario.name, post.stop)
    )


def _indicators(world: World) -> Iterable[Sequence[object]]:
    """Greeks, positions, profit and counts by class against their limits, then the desk's."""
    state, chain = world.maker.state, world.reference.chain
    for klass, item in enumerate(chain.classes):
        for name in (*GREEKS, "long", "short", "total"):
            seen = world.watch.seen.get((klass, name))
            if seen is not None:
                limit = {"short": "", "total": "loss"}.get(name, name)
                yield _indicator(world, item.underlying, item.start, name, seen, limit)
        counts = state.guards.counts[klass].tolist()
        assert len(counts) == N_COLUMNS == len(_DAY_COUNTS), "counts of the day by class"
        for name, value in zip(_DAY_COUNTS, counts, strict=True):
            seen = Seen(value, 0, value)
            yield _indicator(world, item.underlying, item.start, name, seen, name)
    for (klass, name), seen in world.watch.seen.items():
        if klass == DESK:
            limit = "loss_desk" if name == "total" else ""
            yield _indicator(world, "*", 0, name, seen, limit)
    sent = Seen(state.guards.messages, 0, state.guards.messages)
    yield _indicator(world, "*", 0, "messages", sent, "messages")
    figure = state.guards.figures.get("* var")
    if figure is not None:
        yield _indicator(world, "*", 0, "var", Seen(figure.value, 0, figure.value), "var")


_MONEY = ("total", "used", "realtime", "forecast", "equity", "cash", "free", "forecast_free",
          "day_value", "var")  # fmt: skip


def _indicator(
    world: World, scope: str, slot: int, name: str, seen: Seen, limit: str
) -> Sequence[object]:
    """One row; `used` is the worst value's share of the limit in per cent, losses only."""
    state, scale, unit = world.maker.state, 1, "count"
    if name in _GREEKS:
        scale, unit = _GREEKS[name]
    elif name in _MONEY:
        scale, unit = MONEY_PER_YUAN, "yuan"
    elif name.endswith("_ppm"):
        scale, unit = 10_000, "percent"
    bound, used, basis = "", "", ""
    if limit:
        item = limits.BY_NAME[limit]
        most = int(state.limits[slot, item.column])
        own = MONEY_PER_YUAN if unit.startswith("yuan") else 1  # the column's unit
        size = max(-seen.worst, 0) if name == "total" else abs(seen.worst)
        bound = _decimal(most, own)
        used = "" if most == 0 else _decimal(size * own * 10_000 // (scale * most), 100)
        record = limits.in_force(state, scope, limit) or limits.in_force(state, "*", limit)
        basis = "" if record is None else f"{record.basis} {record.by} {record.seconded_by}"
    at = clock_text(seen.at) if seen.at else ""
    values = _decimal(seen.last, scale), _decimal(seen.worst, scale)
    return (
        scope,
        name.removesuffix("_ppm"),
        _WORDS[name],
        unit,
        *values,
        at,
        bound,
        used,
        basis.strip(),
    )


def _decimal(value: int, scale: int) -> str:
    """value / scale, cut to at most four decimals."""
    if scale == 1:
        return str(value)
    size = abs(value) * 10_000 // scale
    sign = "-" if value < 0 and size else ""
    return f"{sign}{size // 10_000}.{size % 10_000:04d}"


def _business(world: World) -> Iterable[Sequence[object]]:
    """What we quoted and traded in each class, and our share of both sides of its market."""
    chain = world.reference.chain
    trades = world.collector.rows("trades")
    slots, quantity, buyer, seller = trades[:, 0], trades[:, 3], trades[:, 4], trades[:, 5]
    units = np.array([contract.unit for contract in chain.contracts], dtype=np.int64)
    worth = trades[:, 2] * quantity * units[slots]
    counts = world.maker.state.guards.counts
    for klass, item in enumerate(chain.classes):
        here = (slots >= item.start) & (slots < item.stop)
        bought, sold = here & (buyer == 0), here & (seller == 0)
        own = int(quantity[bought].sum()), int(quantity[sold].sum())
        market = int(quantity[here].sum())
        share = "" if not market else _decimal(sum(own) * 1_000_000 // (2 * market), 10_000)
        value = int(worth[bought].sum() + worth[sold].sum())
        yield (
            world.plan.config.member.maker, item.underlying, item.stop - item.start,
            int(counts[klass][0]), int(bought.sum() + sold.sum()), *own, exact_yuan(value),
            market, share,
        )  # fmt: skip


def _funds(settled: Settled) -> Iterable[Sequence[object]]:
    """The clearing house's statement with both readings of the risk degree (rules.md 3.5)."""
    cash = settled.cash
    for field in msgspec.structs.fields(clear.CashStatement):
        value = getattr(cash, field.name)
        if field.name != "account":
            yield field.name, _WORDS[field.name], "yuan", exact_yuan(value)
    yield "margin_call", _WORDS["margin_call"], "yuan", exact_yuan(settled.deficit)
    ratios = (margin_use.usage_ppm, "usage"), (margin_use.coverage_ppm, "coverage")
    for ratio, name in ratios:
        yield name, _WORDS[name], "percent", _decimal(ratio(cash.margin, cash.equity), 10_000)


def _orders(world: World) -> Iterable[Sequence[object]]:
    audit = world.maker.state.audit
    for name, words in _AUDIT.items():
        yield name, getattr(audit, name), *words
    for check, count in enumerate(world.maker.state.denied.tolist()):
        if count:
            yield f"P{check:02d}", count, check_words(check, "zh"), check_words(check, "en")


def _expiring(world: World, settled: Settled) -> Iterable[Sequence[object]]:
    """Carried positions near their expiry, and what their shorts would need if assigned (I-39)."""
    chain, calendar = world.reference.chain, world.book.calendar
    for slot, long, short, covered in unpack(settled.positions.rows, clear.HELD_COLUMNS).tolist():
        row = chain.contracts[slot]
        left = trading_days_between(calendar, chain.day, row.last_day)
        if left > NEAR_EXPIRY or not (long or short or covered):
            continue
        cash = short * row.unit * row.strike if row.kind == "P" else 0
        units = (short + covered) * row.unit if row.kind == "C" else 0
        yield (
            row.underlying, row.code, row.last_day, left, long, short, covered,
            exact_yuan(cash), units,
        )  # fmt: skip


def _gap(gap: overnight.Gap) -> Sequence[object]:
    funds = ("", "", "")
    if gap.equity is not None and gap.free is not None:
        usage = margin_use.usage_ppm(gap.margin, gap.equity)
        funds = exact_yuan(gap.equity), exact_yuan(gap.free), _decimal(usage, 10_000)
    amounts = map(exact_yuan, (gap.options, gap.hedge, gap.profit, gap.margin))
    return gap.underlying, gap.spot, gap.vol, *amounts, *funds


def _finding(one: overnight.Finding) -> Sequence[object]:
    scale = MONEY_PER_YUAN if one.figure == overnight.LOSS else 10_000
    values = _decimal(one.value, scale), _decimal(one.limit, scale)
    head = one.scope, one.figure, one.gap.spot, one.gap.vol
    return *head, *values, int(one.over), one.basis, one.by, one.seconded_by


def _proposals(night: overnight.Overnight) -> Iterable[Sequence[object]]:
    """What to reduce; and contracts without a price, which no gap could move."""
    for one in night.proposals:
        yield one.scope, one.figure, one.contract, one.net, one.qty, exact_yuan(one.amount)
    for code in night.unpriced:
        yield "", "unpriced", code, "", "", ""
