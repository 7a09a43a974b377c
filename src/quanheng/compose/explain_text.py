"""An explained duty figure in Chinese or English."""

from collections.abc import Sequence

from quanheng.compose.cockpit_text import clock
from quanheng.compose.duty_words import CAUSES, ITEM_WORDS, PHASES
from quanheng.compose.explain import AUCTION_ITEMS, ClassExplained, Explained, Line
from quanheng.compose.report import share
from quanheng.compose.text import table
from quanheng.duties.foresight import ITEMS
from quanheng.duties.intervals import LOST, OWED, QUOTED, Cause
from quanheng.terms.units import MILLISECOND, SECOND, DayNanos, Nanos

WORDS = {
    "zh": {
        "lines": ["起", "止", "秒", "阶段", "计为", "买价×量", "卖价×量", "最宽卖价", "价差率",
                  "报价编号"],
        "causes": ["计为", "秒", "占应报时间"],
        "rows": ["合约", "计入", "比率", "未达主因"],
        "auctions": ["集合竞价", "起", "判定", "结果"],
        "is": "{item}（{id}）{scope} = {figure}",
        "continuous": "合格时间 {good:.3f} 秒 ÷ 应报时间 {owed:.3f} 秒；应报时间已剔除非连续竞价、"
        "涨跌停、低价与批准豁免。",
        "size": "双边均满 {size} 张的时间 {quoted:.3f} 秒，应报时间 {owed:.3f} 秒。",
        "spread": "双边均满 {size} 张的 {quoted:.3f} 秒内，价差÷最大允许价差按时间加权。",
        "more": "另有 {count} 段未列出（--all 列出全部）。",
        "lost": "未达标的区间：",
        "all": "全部区间：",
        "joined": "参与",
        "yes": "是",
        "no": "否",
        "class": "{good} / {judged} 个合约计入",
        "undefined": "无定义",
    },
    "en": {
        "lines": ["from", "to", "s", "phase", "counts as", "bid x qty", "ask x qty",
                  "widest ask", "ratio", "quote id"],
        "causes": ["counts as", "s", "of time owed"],
        "rows": ["contract", "counts", "ratio", "main cause"],
        "auctions": ["auction", "from", "judged at", "result"],
        "is": "{item} ({id}) {scope} = {figure}",
        "continuous": "compliant {good:.3f} s / owed {owed:.3f} s; owed is continuous trading less "
        "limit states, low prices and approved exemptions.",
        "size": "both sides of at least {size} for {quoted:.3f} s, owed {owed:.3f} s.",
        "spread": "spread / allowed spread, weighted over the {quoted:.3f} s with both sides of at "
        "least {size}.",
        "more": "{count} more intervals (--all lists them).",
        "lost": "Intervals that did not comply:",
        "all": "All intervals:",
        "joined": "joined",
        "yes": "yes",
        "no": "no",
        "class": "{good} of {judged} contracts count",
        "undefined": "not defined",
    },
}  # fmt: skip


def seconds(span: Nanos) -> str:
    """Seconds with milliseconds."""
    return f"{span / SECOND:.3f}"


def precise(at: DayNanos) -> str:
    """HH:MM:SS.mmm."""
    return f"{clock(at)}.{at // MILLISECOND % 1000:03d}"


def line_cells(line: Line, language: str) -> list[str]:
    """Cells of an interval."""
    cause = CAUSES[language][line.cause]
    if line.reason:
        cause += f" {line.reason}"
    return [
        precise(line.start),
        precise(line.stop),
        seconds(line.length),
        PHASES[language][line.phase],
        cause,
        f"{line.bid}×{line.bid_qty}" if line.bid_qty else "—",
        f"{line.ask}×{line.ask_qty}" if line.ask_qty else "—",
        str(line.widest_ask) if line.widest_ask else "—",
        share(line.ratio),
        line.quote or "—",
    ]


def picked(found: Explained, everything: bool) -> list[Line]:
    """The intervals that make the figure what it is, largest loss first; else all, by time."""
    if everything or found.item in AUCTION_ITEMS:
        return list(found.lines)
    if found.item == "spread":
        wide = [line for line in found.lines if line.cause in QUOTED and line.ratio is not None]
        return sorted(wide, key=lambda line: -(line.ratio or 0) * line.length)
    lost = [line for line in found.lines if line.cause in LOST]
    return sorted(lost, key=lambda line: -line.length)


def contract_text(found: Explained, size: int, language: str, most: int) -> str:
    """A contract's figure, its causes, and up to `most` intervals (0: all)."""
    words = WORDS[language]
    figure = share(found.figure, 4) if found.figure is not None else str(words["undefined"])
    names = {"item": ITEM_WORDS[language][found.item], "id": ITEMS[found.item]}
    parts = [str(words["is"]).format(**names, scope=found.contract, figure=figure), ""]
    spent = dict(found.by_cause)
    owed = sum(span for cause, span in spent.items() if cause in OWED)
    if found.item in AUCTION_ITEMS:
        rows = [
            [PHASES[language][one.kind], precise(one.start), precise(one.stop),
             words["joined"] if one.joined else CAUSES[language][one.cause]]
            for one in found.auctions
        ]  # fmt: skip
        parts += [table(list(words["auctions"]), [[str(c) for c in r] for r in rows], left=4), ""]
    else:
        quoted = sum(span for cause, span in spent.items() if cause in QUOTED)
        values = {
            "good": spent.get(Cause.COMPLIANT, 0) / SECOND,
            "owed": owed / SECOND,
            "quoted": quoted / SECOND,
            "size": size,
        }
        parts += [str(words[found.item]).format(**values), ""]
        causes = [
            [
                CAUSES[language][cause],
                seconds(span),
                f"{100 * span / owed:.2f}%" if cause in OWED and owed else "—",
            ]
            for cause, span in spent.items()
        ]
        parts += [table(list(words["causes"]), causes), ""]
    lines = picked(found, everything=most == 0)
    shown = lines if most == 0 else lines[:most]
    if shown:
        heading = "all" if most == 0 or found.item in (*AUCTION_ITEMS, "spread") else "lost"
        cells = [line_cells(line, language) for line in shown]
        parts += [str(words[heading]), table(list(words["lines"]), cells, left=2)]
    if len(lines) > len(shown):
        parts.append(str(words["more"]).format(count=len(lines) - len(shown)))
    return "\n".join(parts)


def class_text(found: ClassExplained, language: str, most: int) -> str:
    """A class's figure and its contracts, those that do not count first."""
    words = WORDS[language]
    figure = share(found.figure, 4) if found.figure is not None else str(words["undefined"])
    names = {"item": ITEM_WORDS[language][found.item], "id": ITEMS[found.item]}
    head = str(words["is"]).format(**names, scope=found.underlying, figure=figure)
    count = str(words["class"]).format(good=found.good, judged=found.judged)
    rows: Sequence[Sequence[str]] = [
        [
            contract,
            str(words["yes"] if counts else words["no"]),
            share(ratio),
            "—" if cause == Cause.COMPLIANT else CAUSES[language][cause],
        ]
        for contract, counts, ratio, cause in found.rows
    ]
    shown = rows if most == 0 else rows[:most]
    parts = [head, count, "", table(list(words["rows"]), shown, left=2)]
    if len(rows) > len(shown):
        parts.append(str(words["more"]).format(count=len(rows) - len(shown)))
    return "\n".join(parts)
