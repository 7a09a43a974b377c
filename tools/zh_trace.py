"""Generated parts of docs/zh that trace: requirements to what cites them, suites, promises."""

import re
from collections.abc import Callable
from functools import cache

from desk_pages import table
from zh_blocks import ROOT, purpose, words

_ID = re.compile(r"\b([OLQEIRTS]-\d\d)\b(?!\d)")
_RANGE = re.compile(r"\b([OLQEIRTS])-(\d\d) (?:to|至) \1-(\d\d)\b")
MOST = 3
"""Files named in a cell of the trace; there may be more."""

SUITES = {
    "authority": "审批政策与提议的生命周期",
    "books": "持仓、资金、保证金与盈亏",
    "clearing": "结算价、净额、行权指派、组合",
    "compose": "整日运行、重放、报告、命令行、归档、研究工具",
    "defects": "其他系统已知缺陷的回归",
    "desk": "控制台：页面、协议、权限、浏览器端到端",
    "duties": "义务计量、评级、预测",
    "exchange": "仿真交易所：撮合、协议脚本、非交易业务",
    "kernels": "数值内核与独立实现的比对",
    "live": "真实进程：网关、一键撤单、断线、接管、压力",
    "maker": "做市引擎：检查、曲线、策略、监控、对冲、询价",
    "oversight": "公司层面监控与监察",
    "messaging": "消息服务器：日志副本、租约、核查",
    "people": "人员、权限、登记簿、报送文件",
    "reference": "与公开数据和独立程序比对",
    "registry": "交易所做市商名册：事项、复核、决定",
    "rulebook": "规则数据与按日取值",
    "runtime": "日志、快照、恢复、断电与损坏",
    "settlement": "日终核对与行权计划",
    "study": "仿真市场的统计特征",
    "tidy": "结构规则：行数、依赖方向、唯一出口",
    "wire": "报文与文件格式、模糊测试",
}


def cited(text: str) -> set[str]:
    """Ids of requirements in a text; `I-08 to I-10` stands for all three."""
    found = set(_ID.findall(text))
    for letter, low, high in _RANGE.findall(text):
        found |= {f"{letter}-{number:02d}" for number in range(int(low), int(high) + 1)}
    return found


@cache
def _places() -> dict[str, dict[str, list[str]]]:
    """Files that cite an id, by id and kind of place."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind, folder, ending in (
        ("code", "src/quanheng", "py"), ("test", "tests", "py"), ("page", "docs", "md"),
    ):  # fmt: skip
        for path in sorted((ROOT / folder).rglob(f"*.{ending}")):
            where = path.relative_to(ROOT / folder).as_posix()
            if kind == "page" and where.startswith("zh/"):
                continue
            for name in cited(path.read_text(encoding="utf-8")):
                found.setdefault(name, {}).setdefault(kind, []).append(where)
    return found


def _cell(files: list[str]) -> str:
    more = " 等" if len(files) > MOST else ""
    return "、".join(f"`{one}`" for one in files[:MOST]) + more


def trace_block() -> str:
    """Every requirement with the code, the tests and the pages that cite it."""
    parts, places = [], _places()
    for letter, group in words("requirements.toml").items():
        rows = []
        for number, text in group.items():
            if number == "title":
                continue
            where = places.get(f"{letter}-{number}", {})
            cells = [_cell(where.get(kind, [])) or "—" for kind in ("code", "test", "page")]
            rows.append((f"{letter}-{number}", text, *cells))
        head = ("编号", "需求", "程序 src/quanheng/", "测试 tests/", "文档 docs/")
        parts.append(f"### {letter} {group['title']}\n\n{table(head, rows)}")
    return "\n".join(parts)


def suites_block() -> str:
    """Every suite by room with what its file says of itself."""
    parts = []
    folders = [path for path in sorted((ROOT / "tests").iterdir()) if path.is_dir()]
    for folder in folders:
        files = sorted(folder.rglob("test_*.py"))
        if not files:
            continue
        rows = [(f"`{path.name}`", purpose(path)) for path in files]
        title = SUITES.get(folder.name, "")
        parts.append(f"### `tests/{folder.name}` {title}\n\n{table(('测试文件', '自述'), rows)}")
    return "\n".join(parts)


_STATES = {"shown": "已验证", "simulated": "仿真验证", "not shown": "未验证"}


def promises() -> list[tuple[int, str]]:
    """(number, state) of every promise of docs/promises.md."""
    text = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    return [
        (int(number), state)
        for number, state in re.findall(
            r"^\| (\d+) \| [^|]+ \| (shown|simulated|not shown) \|", text, re.M
        )
    ]


def promises_block() -> str:
    """The promises of docs/promises.md with their state."""
    said = words("promises.toml")
    rows = [(str(number), said[str(number)], _STATES[state]) for number, state in promises()]
    counts = [sum(state == name for _, state in promises()) for name in _STATES]
    told = "，".join(
        f"{words_} {count} 项" for words_, count in zip(_STATES.values(), counts, strict=True)
    )
    return f"共 {len(rows)} 项：{told}。\n\n{table(('序号', '承诺', '状态'), rows)}"


TRACE_BLOCKS: dict[str, Callable[[], str]] = {
    "trace": trace_block,
    "suites": suites_block,
    "promises": promises_block,
}
