"""The eleven functions that the guide asks of a market maker's system (chapter 8, 2(2)): the page
and the interface of each. A test holds the list against the routes there are.
"""

from typing import NamedTuple


class Function(NamedTuple):
    """A function: its Chinese name in the guide, English, the page, its tables, what else it has.

    `routes` are paths of the interface for programs beside the tables'.
    """

    key: str
    words: str
    english: str
    page: str
    tables: tuple[str, ...]
    routes: tuple[str, ...] = ()


_PROPOSALS = "/api/v1/proposals"
FUNCTIONS = (
    Function("market", "行情揭示", "market display", "trade", ("board", "classes")),
    Function("accounts", "账户管理", "accounts", "accounts", ("account",)),
    Function("trading", "交易管理", "trading", "orders",
             ("orders", "working", "trades", "inquiries"), (_PROPOSALS,)),
    Function("margin", "保证金管理", "margin", "risk", ("margin", "account")),
    Function("risk", "风险控制", "risk control", "risk",
             ("risk", "limits", "monitors", "heat", "profit", "alerts")),
    Function("strategies", "策略管理", "strategies", "trade",
             ("strategies", "settings"), (_PROPOSALS,)),
    Function("clearing", "清算", "clearing", "dayend", ("clearing", "trades")),
    Function("exercise", "行权管理", "exercise", "accounts", ("exercise",)),
    Function("inventory", "库存管理", "inventory", "accounts", ("inventory", "positions"),
             ("/api/v1/positions",)),
    Function("permissions", "权限管理", "permissions", "admin",
             ("people", "rights", "approvals"), (_PROPOSALS,)),
    Function("reports", "统计报表", "statistics and reports", "reports",
             ("duty", "contracts", "losing"), ("/api/v1/reports", "/api/v1/duties")),
)  # fmt: skip
"""In the guide's order."""
