"""Documents of a settlement: the settlement report (结算核对报告) with the account's statement, the
exercise plan (行权计划书), and the usage of position limits with the list of trades for L-08.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from quanheng.books.positions import counts
from quanheng.compose.authority_desk import time_text
from quanheng.compose.settle_job import Job
from quanheng.compose.settle_text import (
    CASES,
    STATUS,
    amount_text,
    decision_text,
    facts_text,
)
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Column, Document, Section, Series, Table
from quanheng.settlement.checks_money import Moneys
from quanheng.settlement.context import Table as Found
from quanheng.settlement.exercise_plan import PIN_PPM, Plan
from quanheng.terms.codes import Side
from quanheng.terms.days import clock_text, iso
from quanheng.terms.units import MONEY_PER_FEN, half_up

WAN = 1_000_000
"""Fen in ten thousand yuan."""
MONEY = {
    "opening": "期初余额",
    "premium": "权利金净额",
    "handling": "经手费",
    "settlement": "结算费",
    "exercise_fee": "行权结算费",
    "delivery": "行权交收净额",
    "penalty": "违约金",
    "entries": "调整分录",
    "closing": "期末余额",
}
PAID = ("handling", "settlement", "exercise_fee", "penalty")
ENTRY = {"proposed": "待复核", "active": "生效", "reversed": "已冲回", "withdrawn": "已撤回"}
KINDS = {"delivery": "行权交收", "margin": "保证金释放", "assigned": "若全部被指派"}


def text(words: str, english: str, kind: str = doc.TEXT) -> Column:
    """A column."""
    return Column(words, english, kind)


def facts_of(job: Job) -> tuple[tuple[str, str], ...]:
    """What stands under the title of every document of a settlement."""
    record = job.ledger
    state = "已定稿，全部步骤已签署" if job.final else "暂定，尚有步骤未签署或差异未处理"
    return (
        ("交易日", iso(job.day)),
        ("账户", f"{job.own.account}（交易单元 {job.own.pbu}）"),
        ("状态", state),
        ("数据来源", f"{job.run_folder.name}：做市日志与收到的 {len(record.record.files)} 个文件"),
        ("结算记录", f"{len(record.events)} 条，末条 sha256 {record.head[:16]}"),
    )


def _rows(found: Found | None) -> list[tuple[str | int, ...]]:
    return [tuple(row) for row in found.rows] if found else []


def _table_of(job: Job, step: str, name: str) -> Found | None:
    outcome = job.outcomes.get(step)
    return outcome.tables.get(name) if outcome else None


def settlement_report(job: Job) -> Document:
    """The whole settlement of a day."""
    return Document(
        title="日终结算核对报告",
        english="Settlement of the day",
        day=job.day,
        facts=facts_of(job),
        sections=(
            _checklist(job),
            _cases(job),
            entries_section(job),
            _statement(job),
            _positions(job),
            _profit(job),
            *([_exercise(job)] if _rows(_table_of(job, "exercise", "exercised")) else []),
            _forecast(job),
        ),
        notes=(
            "本方数据只取自做市日志；对方数据只取自交易所与结算公司的日终文件。差异不改动任何一方。",
            "金额单位：元。权益与盈亏按结算价计。",
        ),
        signatures=("清算经办", "复核"),
    )


def _checklist(job: Job) -> Section:
    rows = []
    for name, zh, _, status, opened, note, by, at, _ in job.checklist().rows:
        words = facts_text(job, str(name), zh=True) or str(note)
        signed = f"{by} {at}" if by else ""
        rows.append((str(zh), STATUS[str(status)][0], int(opened), words, signed))
    columns = (text("步骤", "step"), text("状态", "status"), text("差异", "open", doc.COUNT),
               text("要点", "found"), text("签署", "signed"))  # fmt: skip
    block = Table(title="清单", english="Checklist", columns=columns, rows=tuple(rows))
    return Section(title="一、核对清单", english="Checklist", sheet="清单", blocks=(block,))


def _cases(job: Job) -> Section:
    rows = []
    for one in job.ledger.record.cases.values():
        case = one.case
        place = case.file + (f" 第 {case.row} 条" if case.row else "")
        ending = one.history[-1]
        why = one.explaining[0] if one.explaining else ending[2]
        who = f"{one.explaining[2]} / {ending[3]}" if one.explaining else ""
        rows.append(
            (one.number, CASES[one.status][0], case.what, case.ours, case.theirs, place, why, who)
        )
    columns = (text("案号", "case"), text("状态", "status"), text("内容", "what"),
               text("本方", "ours"), text("对方", "theirs"), text("文件", "file"),
               text("处理", "why"), text("经办/复核", "by"))  # fmt: skip
    block = Table(title="差异", english="Differences", columns=columns, rows=tuple(rows))
    return Section(title="二、差异与处理", english="Cases", sheet="差异", blocks=(block,))


def entries_section(job: Job) -> Section:
    """Adjusting entries, those carried from days before too (O-04)."""
    heads = job.entries().heads
    rows = []
    for row in job.entries().rows:
        one = dict(zip(heads, row, strict=True))
        rows.append(
            (str(one["number"]), iso(int(one["day"])), ENTRY[str(one["status"])],
             f"{one['item']} {one['code']}".strip(), amount_text(one), str(one["reason"]),
             str(one["evidence"]), f"{one['by']} / {one['seconded_by']}", str(one["of"]))
        )  # fmt: skip
    columns = (text("分录", "entry"), text("日期", "day"), text("状态", "status"),
               text("科目", "item"), text("数额", "amount"), text("理由", "reason"),
               text("依据", "evidence"), text("经办/复核", "by"), text("对应", "of"))  # fmt: skip
    block = Table(title="调整分录", english="Adjusting entries", columns=columns, rows=tuple(rows))
    return Section(title="三、调整分录", english="Entries", sheet="分录", blocks=(block,))


def _statement(job: Job) -> Section:
    found = {str(name): int(value) for name, value in _rows(_table_of(job, "cash", "cash"))}
    rows: list[tuple[Cell, ...]] = [
        (MONEY[name], -found[name] if name in PAID else found[name])
        for name in (*Moneys._fields, "closing")
        if name in found
    ]
    if job.closing is not None:
        free = job.closing.cash - job.closing.margin
        rows.append(("维持保证金", half_up(job.closing.margin, MONEY_PER_FEN)))
        rows.append(("可用资金", half_up(free, MONEY_PER_FEN)))
    columns = (text("项目", "item"), text("金额（元）", "yuan", doc.FEN))
    block = Table(title="衍生品保证金账户结单", english="Statement of the margin account",
                  columns=columns, rows=tuple(rows))  # fmt: skip
    return Section(title="四、资金结单", english="Statement", sheet="资金", blocks=(block,))


def _positions(job: Job) -> Section:
    names = {("L", 0): "权利仓", ("S", 0): "义务仓", ("S", 1): "备兑"}
    listed = {row.code: row for row in job.own.chain.contracts}
    theirs = job.context.theirs if job.context else None
    settles = theirs.settles if theirs and "clpr03" in theirs.files else {}
    rows = []
    for code, side, covered, ours, hold, cleared in _rows(_table_of(job, "positions", "positions")):
        row = listed.get(str(code))
        price = settles.get(str(code))
        rows.append(
            (str(code), row.symbol if row else "", names[str(side), int(covered)], ours, hold,
             cleared, f"{price / 10_000:.4f}" if price is not None else None)
        )  # fmt: skip
    columns = (text("合约", "contract"), text("简称", "symbol"), text("方向", "side"),
               text("本方", "ours", doc.COUNT), text("交易所 hold03", "exchange", doc.COUNT),
               text("结算 op_hycc", "clearing", doc.COUNT),
               text("结算价", "settle"))  # fmt: skip
    block = Table(title="冲销后持仓", english="Positions after netting", columns=columns,
                  rows=tuple(rows))  # fmt: skip
    return Section(title="五、持仓", english="Positions", sheet="持仓", blocks=(block,))


def _profit(job: Job) -> Section:
    rows = _rows(_table_of(job, "profit", "profit"))
    shown = [
        (str(name), premium, int(now) - int(then), -int(fees), total)
        for name, premium, then, now, fees, total in rows
    ]
    columns = (text("品种", "class"), text("权利金", "premium", doc.FEN),
               text("持仓市值变动", "value", doc.FEN), text("费用", "fees", doc.FEN),
               text("盈亏", "profit", doc.FEN))  # fmt: skip
    blocks: list[Table | Chart] = [
        Table(title="按结算价", english="At settlement prices", columns=columns, rows=tuple(shown))
    ]
    if len(shown) > 1:
        blocks.append(
            Chart(title="品种盈亏", english="Profit by class", bars=True, unit="万元",
                  labels=tuple(str(row[0]) for row in shown),
                  series=(Series("盈亏", tuple(int(row[4]) / WAN for row in shown)),))
        )  # fmt: skip
    found = job.outcomes.get("profit")
    words = f"合计 {found.facts['profit']} 元。" if found and "profit" in found.facts else ""
    return Section(
        title="六、盈亏结算", english="Profit", sheet="盈亏", blocks=tuple(blocks),
        text=words,
    )  # fmt: skip


def _exercise(job: Job) -> Section:
    names = {("L", 0): "行权", ("S", 0): "被指派", ("S", 1): "备兑被指派"}
    rows = [
        (str(code), names[str(side), int(covered)], qty)
        for code, side, covered, qty in _rows(_table_of(job, "exercise", "exercised"))
    ]
    columns = (text("合约", "contract"), text("事项", "what"), text("张数", "contracts", doc.COUNT))
    block = Table(title="行权与指派", english="Exercised and assigned", columns=columns,
                  rows=tuple(rows))  # fmt: skip
    return Section(title="七、行权与指派", english="Exercise", sheet="行权", blocks=(block,))


def _forecast(job: Job) -> Section:
    rows = [
        (KINDS[str(kind)], str(what).partition(" released")[0], units, amount, lacking or None)
        for kind, what, units, amount, lacking in _rows(_table_of(job, "forecast", "forecast"))
    ]
    columns = (text("事项", "kind"), text("对象", "what"), text("证券（份）", "units", doc.COUNT),
               text("资金（元）", "yuan", doc.FEN),
               text("证券缺口（份）", "short of", doc.COUNT))  # fmt: skip
    block = Table(title="次日交收与资金", english="Next day", columns=columns, rows=tuple(rows),
                  note="正数为收，负数为付。")  # fmt: skip
    words = facts_text(job, "forecast", zh=True)
    return Section(title="八、交收与资金预报", english="Forecast", sheet="预报", blocks=(block,),
                   text=f"{words}。" if words else "")  # fmt: skip


def plan_document(job: Job, plan: Plan) -> Document:
    """The exercise plan with its pins and signatures, to be decided before 15:30 (I-35, I-39)."""
    signed = [
        (one.number, "、".join(f"{code} {qty} 张" for code, qty in one.rows) or "不行权",
         f"{one.by} {time_text(one.at)}",
         f"{one.seconded_by} {time_text(one.seconded_at)}" if one.seconded_by else "待复核")
        for one in job.ledger.record.plans.values()
    ]  # fmt: skip
    sides = {("L", False): "权利仓", ("S", False): "义务仓", ("S", True): "备兑"}
    rows = [
        (one.code, "认购" if one.kind == "C" else "认沽", Fraction(one.strike, 10_000),
         sides[one.side, one.covered], one.held, half_up(one.gain, MONEY_PER_FEN),
         "钉住" if one.pinned else "", decision_text(one, zh=True), one.qty, one.units,
         half_up(one.cash, MONEY_PER_FEN), one.short_of or None)
        for one in plan.lines
    ]  # fmt: skip
    columns = (text("合约", "contract"), text("类型", "kind"), text("行权价", "strike", doc.PRICE),
               text("方向", "side"), text("持仓", "held", doc.COUNT),
               text("每张收益", "gain", doc.FEN), text("钉住", "pin"), text("决定", "decision"),
               text("行权", "exercise", doc.COUNT), text("证券", "units", doc.COUNT),
               text("资金（元）", "cash", doc.FEN), text("不足", "lack", doc.COUNT))  # fmt: skip
    merged = Table(
        title="可合并行权", english="Combined exercises to choose",
        columns=(text("认购", "call"), text("认沽", "put"), text("张数", "pairs", doc.COUNT),
                 text("每对收益（元）", "gain", doc.FEN)),
        rows=tuple((one.call, one.put, one.qty, half_up(one.gain, MONEY_PER_FEN))
                   for one in plan.merges),
        note="证券不足的认沽与价外认购合并行权，只交收行权价之差；须人工选择，不在计划内。",
    )  # fmt: skip
    pins = "、".join(f"{one.code}（{one.held} 张）" for one in plan.pins) or "无"
    closes = "，".join(f"{name} {close / 10_000:.3f} 元" for name, close in plan.closes.items())
    return Document(
        title="行权计划书",
        english="Exercise plan",
        day=job.day,
        facts=(*facts_of(job)[:2], ("标的收盘", closes), ("截止", "15:30 前提交交易所")),
        sections=(
            Section(
                title="一、计划", english="Plan", sheet="计划",
                text=f"钉住风险合约（行权价与收盘相差不超过 {PIN_PPM / 10_000:.1f}%）：{pins}。",
                blocks=(Table(title="到期持仓", english="What expires", columns=columns,
                              rows=tuple(rows), note="每张收益已扣行权结算费，单位元。"),
                        *([merged] if plan.merges else [])),
            ),
            Section(
                title="二、签署", english="Signatures", sheet="签署",
                blocks=(Table(title="经办与复核", english="Two people", rows=tuple(signed),
                              columns=(text("编号", "plan"), text("行权", "what"),
                                       text("经办", "by"), text("复核", "second"))),),
            ),
        ),
        signatures=("交易经办", "风控复核"),
    )  # fmt: skip


def usage_document(jobs: Sequence[Job], most_trades: int = 200) -> Document:
    """Usage of the position limits day by day and the list of trades, as an application for higher
    limits encloses them (L-08: 上月持仓使用情况与交易清单).
    """
    rows: list[tuple[Cell, ...]] = []
    trades: list[tuple[Cell, ...]] = []
    for job in jobs:
        rows += _usage(job)
        trades += _trades(job)
    head = jobs[-1]
    columns = (text("交易日", "day"), text("品种", "class"), text("权利仓", "long", doc.COUNT),
               text("限额", "limit", doc.COUNT), text("使用率", "used", doc.SHARE),
               text("总持仓", "total", doc.COUNT), text("限额", "limit", doc.COUNT),
               text("使用率", "used", doc.SHARE), text("当日买入开仓", "opened", doc.COUNT),
               text("限额", "limit", doc.COUNT), text("使用率", "used", doc.SHARE))  # fmt: skip
    listed = (text("日期", "day"), text("时间", "time"), text("合约", "contract"),
              text("买卖", "side"), text("开平", "effect"), text("价格", "price", doc.PRICE),
              text("数量", "qty", doc.COUNT), text("成交额", "amount", doc.FEN),
              text("成交编号", "exec"))  # fmt: skip
    return Document(
        title="持仓限额使用情况与交易清单",
        english="Usage of position limits and list of trades",
        day=head.day,
        facts=(("期间", f"{iso(jobs[0].day)} 至 {iso(head.day)}（{len(jobs)} 个交易日）"),
               ("账户", head.own.account)),
        sections=(
            Section(title="一、持仓限额使用情况", english="Usage", sheet="限额使用",
                    blocks=(Table(title="每日收盘冲销前", english="Before netting at the close",
                                  columns=columns, rows=tuple(rows)),)),
            Section(title="二、交易清单", english="Trades", sheet="交易清单",
                    blocks=(Table(title="期权成交", english="Options", columns=listed,
                                  rows=tuple(trades), brief=most_trades),)),
        ),
        signatures=("经办", "部门负责人（盖章）"),
    )  # fmt: skip


def _usage(job: Job) -> Iterable[tuple[Cell, ...]]:
    limit = {one.underlying: one for one in job.own.limits}
    for klass in job.own.chain.classes:
        granted = limit[klass.underlying]
        most = (granted.long, granted.total, granted.daily_buy_open)
        used = counts(job.own.before, klass.start, klass.stop)
        cells: list[Cell] = [iso(job.day), klass.underlying]
        for value, bound in zip(used, most, strict=True):
            cells += [value, bound, Fraction(value, bound) if bound else None]
        yield tuple(cells)


def _trades(job: Job) -> Iterable[tuple[Cell, ...]]:
    for one in job.own.fills:
        yield (
            iso(job.day), clock_text(one.at)[:8], one.contract,
            "买" if one.side == Side.BUY else "卖", "平" if one.effect else "开",
            Fraction(one.price, 10_000), one.qty, half_up(one.amount, MONEY_PER_FEN),
            str(one.exec_id),
        )  # fmt: skip
