"""The comparison of a sweep's cells: obligations beside the money, best money first."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from quanheng.compose.backtest_fills import HORIZONS
from quanheng.compose.backtest_report import BOUND_WORDS
from quanheng.compose.sweep import CellResult, loses, text
from quanheng.compose.text import table, thousands, yuan
from quanheng.duties.grade import GRADES
from quanheng.terms.units import MONEY_PER_YUAN

_HEADS = {
    "zh": [
        "参数", "口径", "评级", "失级", "最高价差率", "最低参与率", "最低加权", "净盈亏(元)",
        "费用(元)", "价差收益(元)", *(f"{s}秒" for s in HORIZONS), "净持仓", "消息", "来源数",
        "破坏",
    ],
    "en": [
        "settings", "fills", "grades", "lost", "worst spread ratio", "least particip.",
        "least weighted", "net (yuan)", "fees", "edge", *(f"{s} s" for s in HORIZONS),
        "inventory", "messages", "sources", "broken",
    ],
}  # fmt: skip
_WORDS = {
    "zh": {
        "title": "参数对比",
        "as_is": "（现行配置）",
        "simulated": "模拟",
        "lost": "▼",
        "note": "按净盈亏排序；评级为各来源、各品种中最差的单日试算。▼：至少一个来源的一个品种"
        "评级低于现行配置。金额为各来源之和；模拟日不计价差收益与事后评价。",
    },
    "en": {
        "title": "Comparison of parameters",
        "as_is": "(as configured)",
        "simulated": "simulated",
        "lost": "v",
        "note": "By net P&L; the grade is the worst one-day trial of any source and class. "
        "v: some class of some source is graded worse than as configured. Money is the sum over "
        "sources; simulated days measure neither edge nor mark-outs.",
    },
}
Group = list[CellResult]


def groups_of(results: Sequence[CellResult]) -> list[Group]:
    """Cells of one combination and bound, over the sources; by bound, best sum of money first."""
    found: dict[tuple[str, str], Group] = {}
    for result in results:
        found.setdefault((result.bound, told(result)), []).append(result)
    return sorted(found.values(), key=lambda one: (one[0].bound, -_sum(one, "net"), told(one[0])))


def told(result: CellResult) -> str:
    """The settings of a cell, "" for the configuration as it stands."""
    return " ".join(map(text, result.settings))


def lost(group: Group, results: Sequence[CellResult]) -> bool:
    """True when a cell of the group loses a grade against the base cell of its source."""
    base = {(one.source, one.bound): one for one in results if not one.settings}
    return any(loses(one, base[one.source, one.bound]) for one in group)


def _sum(group: Group, name: str) -> int:
    return sum(getattr(one, name) for one in group)


def _shares(group: Group, name: str) -> list[str]:
    """A share of every class that has it; texts of one form, so they compare like numbers."""
    cells = [getattr(duty, name) for one in group for duty in one.duties]
    return sorted((cell for cell in cells if cell), key=float)


def _percent(cells: list[str], place: int) -> str:
    return f"{100 * float(cells[place]):.2f}%" if cells else "—"


def _cells(group: Group, results: Sequence[CellResult], language: str) -> list[str]:
    words, first = _WORDS[language], group[0]
    grades = [duty.grade for one in group for duty in one.duties]
    worst = max(grades, key=GRADES.index) if grades else "—"
    measured = first.edge is not None
    marks = [yuan(sum(one.markouts[n] for one in group)) for n in range(len(first.markouts))]
    edge = sum(one.edge or 0 for one in group)
    return [
        told(first) or words["as_is"],
        BOUND_WORDS[language].get(first.bound, words["simulated"]),
        worst,
        words["lost"] if lost(group, results) else "",
        _percent(_shares(group, "spread_ratio"), -1),
        _percent(_shares(group, "participation"), 0),
        _percent(_shares(group, "weighted"), 0),
        yuan(_sum(group, "net")),
        yuan(_sum(group, "fees")),
        yuan(edge) if measured else "—",
        *(marks if measured else ["—"] * len(HORIZONS)),
        thousands(_sum(group, "inventory")),
        thousands(_sum(group, "messages")),
        str(len(group)),
        str(_sum(group, "broken")),
    ]


def comparison(results: Sequence[CellResult], language: str) -> str:
    """The table of combinations, ready to print."""
    rows = [_cells(group, results, language) for group in groups_of(results)]
    return f"{table(_HEADS[language], rows, left=4)}\n{_WORDS[language]['note']}"


def write_comparison(folder: Path, results: Sequence[CellResult], language: str) -> list[Path]:
    """comparison.md and comparison.csv (one row per cell and class)."""
    title = _WORDS[language]["title"]
    paths = [folder / "comparison.md", folder / "comparison.csv"]
    body = f"# {title}\n\n```text\n{comparison(results, language)}\n```\n"
    paths[0].write_text(body, encoding="utf-8")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    marks = [f"markout_{seconds}s" for seconds in HORIZONS]
    writer.writerow(
        ["settings", "source", "fills", "lost_grade", "underlying", "grade", "spread_ratio",
         "participation", "weighted", "covered", "obliged", "net_yuan", "gross_yuan", "fees_yuan",
         "edge_yuan", *marks, "inventory", "messages", "broken", "digest"]
    )  # fmt: skip
    for group in groups_of(results):
        for one in group:
            writer.writerows(_rows(one, lost([one], results)))
    paths[1].write_text(out.getvalue(), encoding="utf-8")
    return paths


def _rows(one: CellResult, mark: bool) -> list[list[str | int]]:
    """A cell's rows of the CSV: its money stands in every class's row and is the cell's."""
    money = ["" if value is None else _exact(value) for value in
             (one.net, one.gross, one.fees, one.edge)]  # fmt: skip
    marks = [_exact(value) for value in one.markouts] or [""] * len(HORIZONS)
    return [
        [
            told(one), one.source, one.bound, int(mark), duty.underlying, duty.grade,
            duty.spread_ratio, duty.participation, duty.weighted, duty.covered, duty.obliged,
            *money, *marks, one.inventory, one.messages, one.broken, one.digest,
        ]
        for duty in one.duties
    ]  # fmt: skip


def _exact(money: int) -> str:
    """Money in yuan with all of its four digits."""
    whole, rest = divmod(abs(money), MONEY_PER_YUAN)
    return f"{'-' if money < 0 else ''}{whole}.{rest:04d}"
