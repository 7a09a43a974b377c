"""The quarterly stress report to the exchange (压力测试报告; chapter 7, S-02, R-04).

It is made from the last run of the quarter. The guide sets no day: `due_day` counts trading days
from the quarter's end, ours by default and an option of the command.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from quanheng.compose import oversight_words as words
from quanheng.compose import risk_parts as parts
from quanheng.compose.report_register import ISSUED, SUBMITTED, entries
from quanheng.compose.risk_capital import Capital, Stressed, stressed
from quanheng.compose.risk_parts import Day, text
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Document, Section, Series, Table
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.oversight.scenarios import SPOTS, STORIES, VOLS, Story
from quanheng.rulebook.calendar import is_trading, next_trading, previous_trading
from quanheng.terms.days import add_days, iso
from quanheng.terms.units import Day as TradingDay

DUE_AFTER = 10
"""Trading days after the quarter's end; our own choice, the guide names no number."""
PREFIX = "YL"
LENGTH = 8
"""Grid scenarios of the capital table beside the stories, the worst first."""


def quarter_end(day: TradingDay) -> TradingDay:
    """The last calendar day of a day's quarter."""
    month = (day // 100 % 100 + 2) // 3 * 3
    first = day // 10_000 * 10_000 + month * 100 + 1
    following = first + 100 if month < 12 else (day // 10_000 + 1) * 10_000 + 101
    return add_days(following, -1)


def due_day(day: TradingDay, after: int = DUE_AFTER) -> TradingDay:
    """The trading day by which the quarter's report is handed in."""
    end = quarter_end(day)
    calendar = read_rulebook(day).calendar
    last = end if is_trading(calendar, end) else previous_trading(calendar, end)
    return next_trading(calendar, last, after)


def status(run: Path) -> tuple[str, str]:
    """(last number issued, when it was handed in) of the quarterly reports of a run."""
    known = [one for one in entries(run) if one.number.startswith(PREFIX)]
    issued = [one for one in known if one.kind == ISSUED]
    sent = [one for one in known if one.kind == SUBMITTED]
    return (issued[-1].number if issued else "", sent[-1].at if sent else "")


def quarterly(run: Path, number: str, capital: Capital | None, after: int = DUE_AFTER) -> Document:
    """The report of the quarter that the run's day lies in."""
    day = Day(run)
    year, quarter = day.day // 10_000, (day.day // 100 % 100 + 2) // 3
    return Document(
        title="期权做市业务压力测试报告",
        english="Quarterly stress test of options market making",
        day=day.day,
        facts=(
            *day.facts(number),
            ("报告期", f"{year} 年第 {quarter} 季度"),
            ("报送截止", f"{iso(due_day(day.day, after))}（季末后 {after} 个交易日，自定）"),
            ("报送对象", "上海证券交易所"),
        ),
        sections=(
            _summary(day, capital),
            _method(),
            _scenarios(day),
            parts.figures(day, "四、测试时点持仓"),
            _grid(day),
            _stories(day),
            _capital(day, capital),
            _reverse(day),
            _measures(day),
        ),
        notes=(
            "损失风险＝期权损益与对冲损益之和的损失加退出成本；保证金风险＝情景保证金较测试时点的增加额。",
            "情景中标的变动不超过其涨跌停幅度；每个情景对全部持仓完全重估，组合优惠不予计算。",
        ),
        signatures=("编制（公司风险管理部门）", "复核", "公司负责人"),
    )  # fmt: skip


def base_of(day: Day) -> dict[str, str]:
    """The unmoved node of the grid."""
    return next(row for row in day.found["stress"] if row["scenario"] == "+0% +0%")


def _summary(day: Day, capital: Capital | None) -> Section:
    worst = parts.worst_first(day.found)[0]
    base = base_of(day)
    tight = max(day.found["stress"], key=lambda row: parts.fen(row["margin"]))
    least = min(day.found["stress"], key=lambda row: parts.fen(row["free"]))
    more = parts.fen(tight["margin"]) - parts.fen(base["margin"])
    poor = min(day.found["stress"], key=lambda row: Fraction(row["quotes_ppm"]))
    told = [
        f"共测试 {len(day.found['stress'])} 个情景（网格 {len(SPOTS) * len(VOLS)} 个，"
        f"极端与历史情景 {sum(map(parts.is_story, day.found['stress']))} 个）。",
        f"损失风险：最大损失 {doc.shown(max(0, parts.loss_of(worst)), doc.FEN)} 元，"
        f"情景为{parts.scenario_words(worst['scenario'])}。",
        f"保证金风险：保证金最多增加 {doc.shown(max(0, more), doc.FEN)} 元，"
        f"情景为{parts.scenario_words(tight['scenario'])}。",
        f"流动性：可用资金最低 {parts.shown_yuan(least['free'])} 元（"
        f"{parts.scenario_words(least['scenario'])}）。",
        f"报价能力：最低为全部合约最小报价所需资金的 {float(Fraction(poor['quotes_ppm'])):.1f} 倍（"
        f"{parts.scenario_words(poor['scenario'])}）。",
    ]
    if capital is not None:
        bad = [
            row for row in chosen(day)
            if _stressed(capital, row, base).verdict != "达标"
        ]  # fmt: skip
        told.append(
            "净资本：全部情景下各项风险控制指标均达标。"
            if not bad
            else f"净资本：{len(bad)} 个情景下有指标低于预警或监管标准，见第七节。"
        )
    return Section(title="一、结论", english="Findings", sheet="结论", blocks=(),
                   text="\n".join(told))  # fmt: skip


def _method() -> Section:
    told = (
        "由公司层面独立风险监控系统完成，采用与做市部门不同的模型（二叉树完全重估）。\n"
        f"网格：标的变动 {SPOTS[0]}% 至 {SPOTS[-1]}%，波动率相对变动 {VOLS[0]}% 至 {VOLS[-1]}%，"
        "全部标的同向变动。\n"
        "保证金按维持保证金公式以情景价格重算，净额后逐个义务仓计收；退出成本为情景价差下的平仓成本。\n"
        "反向压力测试自零向外搜索首次击穿可用资金或损失限额的最小变动。"
    )
    return Section(title="二、方法", english="Method", sheet="方法", blocks=(), text=told)


def _scenarios(day: Day) -> Section:
    """Every extreme case described in numbers (附件2: 极端场景须详述)."""
    rows = [(one.zh, *_moves(one)) for one in STORIES]
    known = [one.name for one in STORIES]
    for row in filter(parts.is_story, day.found["stress"]):
        if row["scenario"] not in known:
            # A day that was tells its own moves; it is a fast market, with five times the spread.
            date, spot, vol = row["scenario"].split()
            rows.append((f"{date} 当日实际变动", spot, vol, "—", "瞬时", "5 倍", "—", "可用"))
    columns = (text("情景", "scenario"), text("标的", "spot"), text("波动率", "vol"),
               text("偏斜", "skew"), text("时间", "time"), text("价差", "spread"),
               text("保证金", "margin"), text("现货对冲", "hedge"))  # fmt: skip
    table = Table(title="极端与历史情景", english="Extreme and historical cases",
                  columns=columns, rows=tuple(rows))  # fmt: skip
    return Section(title="三、情景设置", english="Scenarios", sheet="情景", blocks=(table,))


def _moves(one: Story) -> tuple[str, ...]:
    vol = [f"{one.vol:+d}%"] if one.vol else []
    vol += [f"{one.points / 100:+g} 点"] if one.points else []
    return (
        f"{one.spot:+d}%" if one.spot else doc.NOTHING,
        "，".join(vol) or doc.NOTHING,
        f"{one.skew / 100:+.2f}" if one.skew else doc.NOTHING,
        f"经过 {one.days} 日" if one.days else "瞬时",
        f"{one.spread} 倍",
        f"+{one.margin}%" if one.margin else doc.NOTHING,
        "可用" if one.hedged else "锁死",
    )


def _grid(day: Day) -> Section:
    """Loss and margin over the grid, each as a table of spots by vols."""
    by_name = {row["scenario"]: row for row in day.found["stress"]}
    blocks: list[Table | Chart] = [parts.grid_chart(day)]
    head = (text("标的", "spot"), *(text(f"波动率 {vol:+d}%", f"{vol:+d}%", doc.FEN)
                                  for vol in VOLS))  # fmt: skip
    values: tuple[tuple[str, str, Callable[[dict[str, str]], int]], ...] = (
        ("损益（元）", "Profit", lambda row: -parts.loss_of(row)),
        ("保证金（元）", "Margin", lambda row: parts.fen(row["margin"])),
    )
    for title, english, value in values:
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (f"{spot:+d}%", *(value(by_name[f"{spot:+d}% {vol:+d}%"]) for vol in VOLS))
            for spot in SPOTS
        )
        blocks.append(Table(title=title, english=english, columns=head, rows=rows))
    return Section(title="五、网格情景结果", english="Grid", sheet="网格", blocks=tuple(blocks))


def _stories(day: Day) -> Section:
    rows = [row for row in day.found["stress"] if parts.is_story(row)]
    chart = Chart(
        title="极端与历史情景损益，按下表序号", english="Profit of the cases", bars=True,
        unit="万元",
        labels=tuple(str(place) for place in range(1, len(rows) + 1)),
        series=(Series("损益", tuple(-parts.loss_of(row) / parts.WAN for row in rows)),),
    )  # fmt: skip
    numbered = tuple((place, *row) for place, row in enumerate(parts.stress_rows(rows), 1))
    columns = (text("序号", "no", doc.COUNT), *parts.STRESS)
    table = Table(title="结果", english="Results", columns=columns, rows=numbered)
    return Section(title="六、极端与历史情景结果", english="Extreme cases", sheet="极端情景",
                   blocks=(chart, table))  # fmt: skip


def chosen(day: Day) -> list[dict[str, str]]:
    """Scenarios of the capital table: every story and the worst nodes of the grid."""
    worst = [row for row in parts.worst_first(day.found) if not parts.is_story(row)]
    stories = [row for row in day.found["stress"] if parts.is_story(row)]
    return [*worst[:LENGTH], *stories]


def _stressed(capital: Capital, row: dict[str, str], base: dict[str, str]) -> Stressed:
    margin = parts.fen(row["margin"]) - parts.fen(base["margin"])
    return stressed(capital, parts.loss_of(row), margin, -parts.fen(row["free"]))


def _capital(day: Day, capital: Capital | None) -> Section:
    """Margin risk and loss risk by scenario as a net-capital calculation takes them (R-04)."""
    base = base_of(day)
    rows: list[tuple[Cell, ...]] = []
    for row in chosen(day):
        loss, margin = parts.loss_of(row), parts.fen(row["margin"]) - parts.fen(base["margin"])
        cells: list[Cell] = [
            parts.scenario_words(row["scenario"]), max(0, margin), max(0, -parts.fen(row["free"])),
            max(0, loss), max(0, loss) + max(0, margin),
        ]  # fmt: skip
        if capital is not None:
            made = _stressed(capital, row, base)
            cells += [made.net_capital // 10_000, made.coverage, made.leverage, made.liquidity,
                      made.verdict]  # fmt: skip
        rows.append(tuple(cells))
    columns = [
        text("情景", "scenario"), text("保证金风险", "margin risk", doc.FEN),
        text("资金缺口", "shortfall", doc.FEN), text("损失风险", "loss risk", doc.FEN),
        text("合计", "total", doc.FEN),
    ]  # fmt: skip
    note, blocks = "未提供公司净资本数据（--capital），净资本指标未计算。", []
    if capital is not None:
        columns += [
            text("压力后净资本（万元）", "net capital", doc.COUNT),
            text("风险覆盖率", "coverage", doc.SHARE), text("资本杠杆率", "leverage", doc.SHARE),
            text("流动性覆盖率", "liquidity", doc.SHARE), text("结论", "verdict"),
        ]  # fmt: skip
        note = "净资本扣减损失风险，新增保证金按权重计入风险资本准备并减少优质流动性资产。"
        blocks.append(_firm(capital))
    table = Table(title="保证金风险与损失风险", english="Margin risk and loss risk",
                  columns=tuple(columns), rows=tuple(rows), note=f"{note}单位元。")  # fmt: skip
    return Section(title="七、净资本影响", english="Net capital", sheet="净资本",
                   blocks=(*blocks, table))  # fmt: skip


def _firm(capital: Capital) -> Table:
    figures = (
        ("净资本", capital.net_capital), ("核心净资本", capital.core_net_capital),
        ("风险资本准备", capital.risk_reserve), ("表内外资产总额", capital.exposure),
        ("优质流动性资产", capital.liquid_assets), ("未来 30 日净流出", capital.outflow_30d),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [(words_, amount * 100, "") for words_, amount in figures]
    now = stressed(capital, 0, 0)
    for words_, value, standard in (
        ("风险覆盖率", now.coverage, capital.coverage),
        ("资本杠杆率", now.leverage, capital.leverage),
        ("流动性覆盖率", now.liquidity, capital.liquidity),
    ):
        told = (
            f"{float(value) * 100:.2f}%（标准 {standard.minimum:g}%，预警 {standard.warning:g}%）"
        )
        rows.append((words_, None, told))
    rows.append(("权重", None, f"保证金 {capital.margin_weight}%，损失 {capital.loss_weight}%"))
    return Table(
        title=f"公司数据（{iso(capital.as_of)}，{capital.source}）", english="The firm's figures",
        columns=(text("项目", "item"), text("金额（元）", "yuan", doc.FEN),
                 text("指标", "ratio")),
        rows=tuple(rows),
    )  # fmt: skip


def _reverse(day: Day) -> Section:
    rows = tuple(
        (words.axis(row["axis"], "zh"), words.BREAKS[row["breaks"]][0],
         f"{parts.trimmed(row['percent'])}%" if row["percent"] else "未突破",
         f"{parts.trimmed(row['looked_percent'])}%")
        for row in day.found["reverse"]
    )  # fmt: skip
    columns = (text("方向", "axis"), text("突破", "breaks"), text("最小变动", "smallest"),
               text("搜索至", "up to"))  # fmt: skip
    table = Table(title="反向压力测试", english="Reverse stress", columns=columns, rows=rows)
    return Section(
        title="八、反向压力测试", english="Reverse stress", sheet="反向", blocks=(table,)
    )


def _measures(day: Day) -> Section:
    """What the numbers ask for by rule; the rest is for people to write."""
    worst = parts.worst_first(day.found)[0]
    limit = next(
        (one for one in day.found["limits"] if (one["scope"], one["limit"]) == ("*", "stress")),
        None,
    )
    told = []
    if limit is not None:
        over = max(0, parts.loss_of(worst)) > parts.fen(limit["value"])
        told.append(
            f"压力损失限额 {doc.shown(parts.fen(limit['value']), doc.FEN)} 元，"
            + ("最大损失超出限额，须减仓或追加授权。" if over else "最大损失在限额以内。")
        )
    lacking = [row for row in day.found["stress"] if parts.fen(row["free"]) < 0]
    told.append(
        f"{len(lacking)} 个情景下可用资金为负，须安排追加资金。" if lacking
        else "全部情景下可用资金为正，无须追加资金。"
    )  # fmt: skip
    told.append("管理层意见与后续措施：")
    return Section(title="九、应对措施", english="Measures", sheet="措施", blocks=(),
                   text="\n".join(told))  # fmt: skip
