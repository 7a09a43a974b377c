"""The register of patterns (S-03): names, words, source, thresholds, and who may look for each."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from quanheng.oversight import surveillance_prices as prices
from quanheng.oversight import surveillance_trades as trades
from quanheng.oversight.surveillance import (
    COMPLIANCE,
    EXCHANGE,
    VIEWS,
    Finding,
    Grid,
    Limits,
    Records,
    grid_of,
    of_view,
)

Detector = Callable[[Records, Grid, Limits], Iterator[Finding]]


class Pattern(NamedTuple):
    """One kind of look. `kind` is the pattern of its findings; `keys` its thresholds besides
    severity; `basis` the item of guide chapter 7 三 or S-03.
    """

    name: str
    kind: str
    zh: str
    en: str
    basis: str
    keys: tuple[str, ...]
    views: tuple[str, ...]
    look: Detector


PATTERNS = (
    Pattern("self_trade", "self_trade", "自成交", "self-trades", "(六)", ("lots",), VIEWS,
            trades.self_trades),
    Pattern("wash_trade", "wash_trade", "关联账户对敲、往返成交",
            "wash trades of connected accounts, round trips", "(六)",
            ("lots", "window_s", "price_ticks", "round_trips"), VIEWS, trades.wash_trades),
    Pattern("marking", "marking", "集合竞价、收盘价格影响", "marking auctions, the close",
            "(二)", ("move_ticks", "move_ppm", "share_ppm", "lots", "after_s"), VIEWS,
            prices.marking),
    Pattern("directional", "directional", "利用做市账户方向性交易",
            "directional trading on a market-making account", "(二)",
            ("yuan", "share_ppm", "sided_ppm"), VIEWS, prices.directional),
    Pattern("layering", "layering", "虚假申报（分层撤单）", "layering-like cancels", "(二)",
            ("lots", "times_percent", "life_s", "before_s", "orders"), VIEWS, prices.layering),
    Pattern("mutual_fills", "collusion", "做市商互为对手", "mutual fills between makers", "(四)",
            ("lots", "times_percent"), (EXCHANGE,), trades.mutual_fills),
    Pattern("alternating", "collusion", "做市商轮流报价", "makers that quote in turn", "(四)",
            ("turns", "overlap_ppm", "union_ppm", "each_ppm"), (EXCHANGE,), prices.alternating),
    Pattern("restricted", "restricted", "限制期与内幕名单", "restricted periods and insider lists",
            "(一)", ("trades",), VIEWS, trades.restricted),
    Pattern("cross_market", "cross_market", "期现跨市场", "option-ETF pressure", "(六)",
            ("yuan", "position_yuan", "move_ppm"), VIEWS, prices.cross_market),
    Pattern("benefit", "benefit", "利益输送", "benefit to related accounts", "(五)",
            ("yuan",), VIEWS, trades.benefits),
    Pattern("persistent_loss", "persistent_loss", "对单一对手持续亏损",
            "persistent loss to one counterparty", "(五)",
            ("trades", "yuan", "share_ppm", "horizon_s"), VIEWS, trades.persistent_losses),
    Pattern("targets", "conduct", "针对其他做市商报价", "taking one maker's quotes", "(三)",
            ("trades", "share_ppm", "times_percent"), (EXCHANGE,), trades.targets),
    Pattern("stuffing", "conduct", "高频报撤干扰", "stuffing", "(三)", ("orders", "life_ms"), VIEWS,
            prices.stuffing),
    Pattern("coordination", "coordination", "与自营合谋", "coordination with the proprietary book",
            "(二)", ("window_s", "windows", "share_ppm", "yuan"), (COMPLIANCE,),
            trades.coordination),
)  # fmt: skip
"""In the order of the report."""

BY_NAME = {pattern.name: pattern for pattern in PATTERNS}


def problem(thresholds: Mapping[str, Limits]) -> str:
    """Why thresholds cannot be used, "" when they can: every pattern, every key, in range."""
    for name in thresholds:
        if name not in BY_NAME:
            return f"patterns.{name} is not one of {', '.join(BY_NAME)}"
    for name, pattern in BY_NAME.items():
        if name not in thresholds:
            return f"patterns.{name} is missing"
        limits, wanted = thresholds[name], ("severity", *pattern.keys)
        for key in limits:
            if key not in wanted:
                return f"patterns.{name}.{key} is not one of {', '.join(wanted)}"
        for key in wanted:
            if key not in limits:
                return f"patterns.{name}.{key} is missing"
            if limits[key] < (1 if key in ("severity", "lots", "trades", "orders") else 0):
                return f"patterns.{name}.{key}: {limits[key]} is too small"
        if limits["severity"] > 3:
            return f"patterns.{name}.severity: {limits['severity']} is not 1 to 3"
    return ""


def looked_for(view: str) -> tuple[Pattern, ...]:
    """The patterns of a view."""
    return tuple(pattern for pattern in PATTERNS if view in pattern.views)


def look(records: Records, view: str, thresholds: Mapping[str, Limits]) -> tuple[Finding, ...]:
    """Every finding of a view, the most severe first. ValueError for an unknown view."""
    if view not in VIEWS:
        raise ValueError(f"surveillance: view {view!r} is not one of {', '.join(VIEWS)}")
    seen = of_view(records, view)
    grid = grid_of(seen)
    found = [
        one
        for pattern in looked_for(view)
        for one in pattern.look(seen, grid, thresholds[pattern.name])
    ]
    return tuple(sorted(found, key=lambda one: (-one.severity, one.since, one.pattern, one.who)))
