"""A quote's reasons as a page of text, Chinese or English (see `why`)."""

from collections.abc import Mapping

from quanheng.compose.check_words import check_words
from quanheng.compose.text import table
from quanheng.compose.why import Why
from quanheng.kernels.desk.curves.layout import MODELS
from quanheng.maker.curve_life import Rung
from quanheng.terms.codes import Phase
from quanheng.terms.days import day_nanos
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, SECOND, Nanos

_HEADS = {
    "trigger": ("触发", "trigger"),
    "duty": ("值班与版本", "on duty and versions"),
    "quote": ("报出", "sent"),
    "view": ("市场视图", "market view"),
    "curve": ("曲线", "curve"),
    "theory": ("理论价", "theory"),
    "inputs": ("策略输入", "the strategy was given"),
    "answer": ("策略回答", "the strategy answered"),
    "checks": ("事前检查", "the ladder"),
    "became": ("结果", "what became of it"),
}
_ANSWERS = {"passed": ("通过", "passed"), "near": ("通过，接近限额", "passed, near"),
            "not asked": ("未启用", "not asked")}  # fmt: skip
_BECAME = {"accepted": "已接受", "rejected": "被拒绝", "cancelled": "已撤销", "replaced": "被替换",
           "filled": "成交"}  # fmt: skip
_SIDES = {0: ("", ""), 1: ("买", "bid"), 2: ("卖", "ask")}
_TICKS = ("bid", "ask", "other_bid", "other_ask", "last", "underlying")


def told(found: Why, language: str) -> str:
    """The whole page."""
    zh = language != "en"
    head = (
        f"{found.client_id}  {found.contract} {found.trading_code}  "
        f"{_clock(found.at)}  {found.quote['bid'] / 10_000:.4f} × {found.quote['bid_qty']} / "
        f"{found.quote['ask'] / 10_000:.4f} × {found.quote['ask_qty']}"
    )
    duty = {
        "trader": found.trader,
        "strategy": f"{found.strategy} {found.strategy_version}",
        "curves": str(found.curve_version),
        "limits": str(found.limits_version),
    }
    trigger = {"frame": str(found.frame), "input": f"{found.input_seq} {found.input_kind}"}
    spread = found.quote["ask"] - found.quote["bid"]
    two_sided = bool(found.quote["bid_qty"] and found.quote["ask_qty"])
    width = {"spread": _price(spread), "allowed": _price(found.widest)} if two_sided else {}
    parts = [
        head,
        _line("trigger", trigger, zh),
        _line("duty", duty, zh),
        _line("quote", _prices(found.quote) | width, zh),
        _line("view", _view(found.view), zh),
        _line("curve", _curve(found.curve), zh),
        _line("theory", {name: _small(name, value) for name, value in found.theory.items()}, zh),
        _line("inputs", {name: _small(name, value) for name, value in found.inputs.items()}, zh),
        _line("answer", {name: _small(name, value) for name, value in found.answer.items()}, zh),
        _title("checks", zh),
        _checks(found, zh),
        _title("became", zh),
        _became(found, zh),
    ]
    return "\n".join(parts)


def _title(name: str, zh: bool) -> str:
    return f"【{_HEADS[name][0]}】" if zh else f"[{_HEADS[name][1]}]"


def _line(name: str, values: Mapping[str, str], zh: bool) -> str:
    return _title(name, zh) + " " + "  ".join(f"{key}={value}" for key, value in values.items())


def _prices(values: Mapping[str, int]) -> dict[str, str]:
    return {key: _price(value) if key in _TICKS else str(value) for key, value in values.items()}


def _price(ticks: int) -> str:
    return f"{ticks / 10_000:.4f}"


def _view(view: Mapping[str, int]) -> dict[str, str]:
    return {"phase": Phase(view["phase"]).name} | _prices(
        {key: value for key, value in view.items() if key != "phase"}
    )


def _curve(curve: Mapping[str, int]) -> dict[str, str]:
    numbers = {key: f"{curve[key] / 1_000_000:.6f}" for key in ("forward", "discount", "tau")}
    model = MODELS[curve["model"]]
    return numbers | {
        "model": model,
        "rung": Rung(curve["rung"]).name.lower(),
        "version": str(curve["version"]),
        "published": _clock(curve["published_at"]),
    }


def _small(name: str, value: int) -> str:
    if name.endswith("_ms") or name == "net":
        return str(value)
    return f"{value / 1_000_000:.6f}".rstrip("0").rstrip(".")


def _checks(found: Why, zh: bool) -> str:
    language = "zh" if zh else "en"
    rows = [
        [
            check_words(one.check, language),
            ", ".join(f"{name} {value:,}" for name, value in one.limits.items()) or "—",
            _ANSWERS[one.answer][0 if zh else 1],
        ]
        for one in found.checks
    ]
    heads = ["检查", "限额", "结论"] if zh else ["check", "limits", "answer"]
    return table(heads, rows, left=3)


def _became(found: Why, zh: bool) -> str:
    rows = [
        [
            _clock(one.at),
            _BECAME.get(one.what, one.what) if zh else one.what,
            _SIDES[one.side][0 if zh else 1],
            _price(one.price) if one.price else "—",
            str(one.qty or "—"),
            str(one.reason or "—"),
        ]
        for one in found.became
    ]
    heads = ["时间", "事件", "方向", "价格", "数量", "代码"]
    if not zh:
        heads = ["time", "event", "side", "price", "quantity", "code"]
    return table(heads, rows, left=3)


def _clock(at: Nanos) -> str:
    now = day_nanos(at)
    millis = now // MILLISECOND % 1_000
    return (
        f"{now // HOUR:02d}:{now // MINUTE % 60:02d}:{now // SECOND % 60:02d}.{millis:03d}"
        if at
        else "—"
    )
