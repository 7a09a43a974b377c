"""Tables and charts of the seven items of a daily duty report (I-22 to I-28), one class each."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from quanheng.compose.duty_source import MeasuredDay
from quanheng.compose.duty_words import CAUSES, PHASES
from quanheng.compose.explain import AUCTION_ITEMS, Explainer
from quanheng.compose.explain_text import precise
from quanheng.duties.grade import at_least
from quanheng.duties.intervals import Cause
from quanheng.duties.items import ContractItems, Profile
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Column, Series, Table

BRIEF = 10
"""Rows that PDF shows of a list by contract."""
CONTRACT = (
    Column("合约", "contract"),
    Column("类型", "kind"),
    Column("行权价", "strike", doc.PRICE),
)
LOSSES = (Cause.WIDE, Cause.SMALL, Cause.ONE_SIDED, Cause.ABSENT)
Names = dict[str, tuple[Cell, ...]]
"""Code, kind and strike of each contract."""


def _times(shape: Profile) -> tuple[str, ...]:
    return tuple(precise(edge)[:5] for edge in shape.edges[:-1].tolist())


def _line(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def spread(
    own: Sequence[ContractItems], names: Names, shape: Profile,
    measured: MeasuredDay,
) -> list[Table | Chart]:  # fmt: skip
    """I-22: through the day and by contract."""
    good, enough = (top / low for top, low in measured.scale.spread_bands)
    ranked = sorted(own, key=lambda row: -(row.spread_ratio or Fraction(-1)))
    rows = tuple(
        (*names[row.contract], row.spread_ratio, row.widest, row.quoted, row.lost[Cause.WIDE])
        for row in ranked
    )
    return [
        Chart(
            title="分时价差率（合约平均）", english="spread ratio by time", labels=_times(shape),
            series=(Series("价差率", _line(shape.spread)),),
            bounds=(("优秀上限", good), ("合格上限", enough)),
        ),
        Table(
            title="按合约，价差率从高到低", english="by contract, widest first", brief=BRIEF,
            columns=(*CONTRACT, Column("价差率", "ratio", doc.SHARE),
                     Column("最大价差率", "widest", doc.SHARE),
                     Column("双边足量秒", "quoted s", doc.SECONDS),
                     Column("超限秒", "too wide s", doc.SECONDS)),
            rows=rows, note="复核：quanheng explain … --contract 合约 --item spread",
        ),
    ]  # fmt: skip


def size(own: Sequence[ContractItems], names: Names, shape: Profile) -> list[Table | Chart]:
    """I-23: how the time owed is spread over sizes, and by contract."""
    labels = ("无双边", "1-9", "10-19", "20-49", "50 以上")
    ranked = sorted(own, key=lambda row: (row.size_mean is not None, row.size_mean or 0))
    rows = tuple(
        (*names[row.contract], row.size_mean, row.size_least,
         Fraction(row.quoted, row.obliged) if row.obliged else None,
         row.lost[Cause.SMALL], row.lost[Cause.ONE_SIDED])
        for row in ranked
    )  # fmt: skip
    return [
        Chart(
            title="应报时间按较小一侧数量（张）", english="owed time by the smaller side's size",
            labels=labels, bars=True,
            series=(Series("时间占比", tuple(map(float, shape.sizes))),),
        ),
        Table(
            title="按合约，平均数量从低到高", english="by contract, smallest first", brief=BRIEF,
            columns=(*CONTRACT, Column("平均数量", "mean lots", doc.NUMBER),
                     Column("最小数量", "least", doc.COUNT),
                     Column("双边足量占比", "time with size", doc.SHARE),
                     Column("数量不足秒", "too small s", doc.SECONDS),
                     Column("单边秒", "one-sided s", doc.SECONDS)),
            rows=rows, note="复核：quanheng explain … --contract 合约 --item size",
        ),
    ]  # fmt: skip


def coverage(
    explainer: Explainer, names: Names, shape: Profile, underlying: str,
    measured: MeasuredDay,
) -> list[Table | Chart]:  # fmt: skip
    """I-24: through the day, and which contracts count."""
    found = explainer.klass(underlying, "coverage")
    rows = tuple(
        (*names[contract], share, counts, "" if cause == Cause.COMPLIANT else CAUSES["zh"][cause])
        for contract, counts, share, cause in found.rows
    )
    top, low = measured.book.duty.coverage
    return [
        Chart(
            title="分时覆盖（该时段合格时间达标的合约占比）", english="coverage by time",
            labels=_times(shape), series=(Series("覆盖率", _line(shape.coverage)),),
            bounds=(("应达", top / low),),
        ),
        Table(
            title=f"计入 {found.good} / {found.judged} 个合约，未计入者在前",
            english="contracts that do not count first", brief=BRIEF,
            columns=(*CONTRACT, Column("参与率", "participation", doc.SHARE),
                     Column("计入", "covered", doc.VERDICT), Column("缺失主因", "main cause")),
            rows=rows, note=f"复核：quanheng explain … --class {underlying} --item coverage",
        ),
    ]  # fmt: skip


def auction(
    explainer: Explainer, own: Sequence[ContractItems], names: Names,
    item: str,
) -> list[Table | Chart]:  # fmt: skip
    """I-25 to I-27: every auction of every contract."""
    kind = AUCTION_ITEMS[item]
    rows: list[tuple[Cell, ...]] = []
    for row in own:
        for one in (auction for auction in row.auctions if auction.kind == kind):
            good: Cell = one.joined if one.judged else None
            why = "" if one.joined else CAUSES["zh"][one.cause]
            rows.append((*names[row.contract], precise(one.start), precise(one.stop), good, why))
    rows.sort(key=lambda cells: (cells[-2] is not False, cells[3], cells[0]))
    joined = sum(cells[-2] is True for cells in rows)
    judged = sum(cells[-2] is not None for cells in rows)
    return [
        Table(
            title=f"{PHASES['zh'][kind]}：参与 {joined}，应参与 {judged}",
            english="missed first", brief=BRIEF,
            columns=(*CONTRACT, Column("开始", "from"), Column("判定", "judged at"),
                     Column("结论", "joined", doc.VERDICT), Column("原因", "cause")),
            rows=tuple(rows), note=f"复核：quanheng explain … --contract 合约 --item {item}",
        )
    ]  # fmt: skip


def continuous(
    own: Sequence[ContractItems], names: Names, shape: Profile,
    measured: MeasuredDay,
) -> list[Table | Chart]:  # fmt: skip
    """I-28: through the day, and where each contract lost its time."""
    share = measured.book.duty.contract_share
    ranked = sorted(own, key=lambda row: (row.participation is None, row.participation or 0))
    rows = tuple(
        (*names[row.contract], row.participation,
         None if row.participation is None else at_least(row.participation, share),
         row.obliged, row.compliant, *(row.lost[cause] for cause in LOSSES))
        for row in ranked
    )  # fmt: skip
    return [
        Chart(
            title="分时参与率（全部合约）", english="participation by time", labels=_times(shape),
            series=(Series("参与率", _line(shape.participation)),),
            bounds=(("单合约标准", share[0] / share[1]),),
        ),
        Table(
            title="按合约，参与率从低到高", english="by contract, lowest first", brief=BRIEF,
            columns=(*CONTRACT, Column("参与率", "participation", doc.SHARE),
                     Column("达标", "met", doc.VERDICT), Column("应报秒", "owed s", doc.SECONDS),
                     Column("合格秒", "compliant s", doc.SECONDS),
                     *(Column(CAUSES["zh"][cause], CAUSES["en"][cause], doc.SECONDS)
                       for cause in LOSSES)),
            rows=rows, note="复核：quanheng explain … --contract 合约 --item continuous",
        ),
    ]  # fmt: skip
