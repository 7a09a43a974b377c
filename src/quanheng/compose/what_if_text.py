"""A what-if as a page of text, Chinese or English (see `what_if`)."""

from typing import Any

from quanheng.compose.check_words import check_words
from quanheng.compose.text import table
from quanheng.compose.what_if import Change, Standing, WhatIf, World
from quanheng.maker.limits import BY_NAME
from quanheng.terms.days import clock_text
from quanheng.terms.units import MONEY_PER_YUAN

SHOWN = 12
"""Contracts whose quotes change that are listed; the others are counted."""

_HEADS = {
    "zh": ("项目", "现在", "之后", "变化", "限额", "占用"),
    "en": ("figure", "now", "then", "change", "limit", "used"),
}
_QUOTES = {
    "zh": ("合约", "现在", "之后", "义务价差", "计入", "最高参与率"),
    "en": ("contract", "now", "then", "allowed", "counts", "reachable"),
}
_NAMES = {
    "delta": ("Delta 元/1%", "delta yuan/1 %"),
    "gamma": ("Gamma 元/1%²", "gamma yuan/1 %²"),
    "vega": ("Vega 元/波动率点", "vega yuan/vol point"),
    "theta": ("Theta 元/日", "theta yuan/day"),
    "long": ("权利仓", "long"),
    "short": ("义务仓", "short"),
    "covered": ("备兑仓", "covered"),
    "margin": ("品种保证金 元", "class margin yuan"),
    "margin_book": ("账户保证金 元", "book margin yuan"),
    "cash": ("资金 元", "cash yuan"),
    "free": ("最坏情形可用资金 元", "free in the worst case yuan"),
}


def told(found: WhatIf, language: str) -> str:
    """The whole page."""
    zh = language != "en"
    asked = "  ".join(f"{name}={value}" for name, value in found.asked.items() if value != "")
    lines = [f"{clock_text(found.at)}  {asked}", _verdict(found, language)]
    if found.filled:
        price, qty = found.filled["price"] / 10_000, found.filled["qty"]
        amount = found.filled["amount"] / MONEY_PER_YUAN
        head = "假设成交" if zh else "assumed fill"
        lines.append(f"{head}: {qty} × {price:.4f} = {amount:,.2f}")
    for change in found.classes:
        lines += [
            "",
            f"【{change.underlying}】",
            _figures(change, language),
            _duty(change, language),
        ]
    sends = "立即发出的消息" if zh else "messages at once"
    lines.append(f"{sends}: {found.messages}")
    if found.denied:
        head = "报价被拒" if zh else "quotes denied"
        lines.append(f"{head}: " + "; ".join(check_words(one, language) for one in found.denied))
    return "\n".join(lines)


def _verdict(found: WhatIf, language: str) -> str:
    zh = language != "en"
    parts = []
    if found.broken:
        head = "不能通过" if zh else "would be denied"
        parts.append(f"{head}: " + "; ".join(check_words(one, language) for one in found.broken))
    elif found.refused:
        parts.append(f"{'不被接受' if zh else 'would be refused'}: {found.refused}")
    else:
        people = f"需 {found.people} 人" if zh else f"{found.people} people needed"
        parts.append(f"{'可以通过' if zh else 'would pass'}, {people}")
    if found.near:
        head = "接近限额" if zh else "near limits"
        parts.append(f"{head}: " + "; ".join(check_words(one, language) for one in found.near))
    return "\n".join(parts)


def _figures(change: Change, language: str) -> str:
    rows = []
    for name, now, then in _pairs(change.before, change.after):
        words = _NAMES[name][language == "en"]
        unit = 1 if name in ("long", "short", "covered") else MONEY_PER_YUAN
        rows.append([words, *_numbers(now, then, unit), "", ""])
    for is_, would in zip(change.before.limits, change.after.limits, strict=True):
        item = BY_NAME.get(is_.name)
        unit = item.factor if item else MONEY_PER_YUAN
        share = f"{would.used * 100 / would.limit:.1f} %" if would.limit else "-"
        label = f"{'限额' if language != 'en' else 'limit'} {is_.name}"
        limit = f"{would.limit / unit:,.0f}"
        rows.append([label, *_numbers(is_.used, would.used, unit), limit, share])
    return table(_HEADS[language], rows, left=1)


def _pairs(before: World, after: World) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for now, then in ((before.greeks, after.greeks), (before.position, after.position)):
        found += [(name, now[name], then[name]) for name in now]
    plain = ("margin", "margin_book", "cash", "free")
    return found + [(name, getattr(before, name), getattr(after, name)) for name in plain]


def _numbers(now: int, then: int, unit: int) -> list[str]:
    return [f"{now / unit:,.0f}", f"{then / unit:,.0f}", f"{(then - now) / unit:+,.0f}"]


def _duty(change: Change, language: str) -> str:
    zh = language != "en"
    before, after = change.before, change.after
    pairs = list(zip(before.quotes, after.quotes, strict=True))
    moved = [(now, then) for now, then in pairs if _sides(now) != _sides(then)]
    counted = "计入义务的合约" if zh else "contracts that count"
    head = (
        f"{counted}: {before.counting} → {after.counting}; "
        f"{'报价改变' if zh else 'quotes that change'}: {len(moved)}"
    )
    # Those that stop counting first, then the largest moves.
    moved.sort(key=lambda pair: (pair[0].counts <= pair[1].counts, -_move(*pair)))
    rows: list[list[Any]] = [
        [
            then.contract,
            _shown(now),
            _shown(then),
            f"{then.widest / 10_000:.4f}",
            f"{_mark(now)} → {_mark(then)}",
            f"{then.reachable / 10_000:.1f} %",
        ]
        for now, then in moved[:SHOWN]
    ]
    return head + ("\n" + table(_QUOTES[language], rows, left=1) if rows else "")


def _sides(one: Standing) -> tuple[int, int, int, int]:
    return one.bid, one.bid_qty, one.ask, one.ask_qty


def _move(now: Standing, then: Standing) -> int:
    return abs(now.bid - then.bid) + abs(now.ask - then.ask)


def _shown(one: Standing) -> str:
    return f"{one.bid / 10_000:.4f}×{one.bid_qty} / {one.ask / 10_000:.4f}×{one.ask_qty}"


def _mark(one: Standing) -> str:
    return "✓" if one.counts else "✗"
