"""Chinese headings and words of the overseer's tables; English stands beside them."""

import re
from collections.abc import Iterable

from quanheng.compose import oversight_end as end
from quanheng.oversight.scenarios import STORIES
from quanheng.oversight.stress import AXES

FIGURES = dict(zip(end.FIGURES, ("范围", "指标", "单位", "末值", "最坏值", "时间"), strict=True))
LIMITS = dict(
    zip(
        end.LIMITS,
        ("范围", "限额", "名称", "单位", "限额值", "使用", "占用（%）", "版本", "至", "已到期",
         "依据", "批准", "复核"),
        strict=True,
    )
)  # fmt: skip
CASES = dict(
    zip(
        end.CASES,
        ("案号", "时间", "步骤", "状态", "范围", "限额", "名称", "单位", "数值", "限额值", "期限",
         "经办", "内容"),
        strict=True,
    )
)  # fmt: skip
LEVELS = dict(
    zip(
        end.LEVELS,
        ("项目", "对象", "部门", "公司", "容差", "持续（次）", "首次", "末次", "状态", "原因"),
        strict=True,
    )
)  # fmt: skip
STRESS = dict(
    zip(
        end.STRESS,
        ("情景", "期权（元）", "对冲（元）", "退出成本（元）", "保证金（元）", "权益（元）",
         "可用资金（元）", "报价能力（倍）"),
        strict=True,
    )
)  # fmt: skip
REVERSE = dict(zip(end.REVERSE, ("方向", "突破", "最小变动（%）", "搜索至（%）"), strict=True))

COLUMNS = {
    "long": ("权利仓", "long"),
    "short": ("义务仓", "short"),
    "delta": ("Delta", "delta"),
    "gamma": ("Gamma", "gamma"),
    "vega": ("Vega", "vega"),
    "theta": ("Theta", "theta"),
    "margin": ("保证金", "margin"),
    "profit": ("盈亏", "profit"),
    "var": ("VaR", "VaR"),
    "es": ("ES", "ES"),
    "stress": ("压力损失", "stress"),
}
"""Figures of the first table of `quanheng oversee`, in its order."""

FIGURE_NAMES = {
    "long": "权利仓",
    "short": "义务仓",
    "covered": "备兑",
    "net": "净持仓",
    "delta": "Delta（市值）",
    "gamma": "Gamma（市值）",
    "vega": "Vega",
    "theta": "Theta",
    "margin": "保证金",
    "profit": "盈亏（未扣费）",
    "fees": "费用估计",
    "equity": "权益",
    "free": "可用资金",
    "usage_ppm": "保证金占用率",
    "drawdown": "回撤",
    "var": "VaR（历史）",
    "es": "预期损失（历史）",
    "var_mc": "VaR（模拟）",
    "es_mc": "预期损失（模拟）",
    "stress": "网格最大损失",
    "stress_cell": "最大损失情景号",
    "concentration_ppm": "集中度",
    "days_ppm": "变现天数",
    "blind": "无自有估值合约",
}

STATUS = {
    "alerted": "已预警",
    "recorded": "已记录",
    "noticed": "已提示",
    "escalated": "已升级",
    "answered": "已回复",
    "followed": "跟踪中",
    "closed": "已关闭",
}
EVENTS = {
    "record": "书面记录",
    "notice": "发出风险提示书",
    "escalate": "逾期升级",
    "answer": "部门回复",
    "refuse": "回复不予接受",
    "follow": "跟踪",
    "cure": "自行恢复",
    "close": "关闭",
    "evidence": "补充证据",
    "warn": "预警",
    "good": "缺口已补足（自有账）",
    "uncured": "11:30 未补足，升级",
    "forced": "交易所强行平仓",
    "renew": "再次通知",
    "confirm": "结算确认关闭",
}


def course(steps: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Steps of a case as people read them: names of step and status in Chinese."""
    return [
        {
            **row,
            "event": EVENTS.get(row["event"], row["event"]),
            "status": STATUS.get(row["status"], row["status"]),
        }
        for row in steps
    ]


LEVEL_STATUS = {
    "open": ("未解释", "open"),
    "explained": ("已解释", "explained"),
    "over": ("已消失", "over"),
}
KINDS = {
    "position": "持仓",
    "cash": "资金",
    "margin": "保证金",
    "value": "模型估值",
    "delta": "Delta",
    "gamma": "Gamma",
    "vega": "Vega",
    "theta": "Theta",
    "profit": "盈亏",
    "fees": "费用",
    "spot": "标的价格",
    "marks": "估值损益",
    "claim": "部门数据中断",
    "strike": "行权价",
    "unit": "合约单位",
    "last_day": "到期日",
    "margin_unit": "单位保证金",
}
UNIT_NAMES = {
    "contracts": "张",
    "cell": "格",
    "yuan": "元",
    "yuan per 1 %": "元/1%",
    "yuan per 1 % per 1 %": "元/1%/1%",
    "yuan per vol point": "元/波动率点",
    "yuan per day": "元/天",
    "per cent": "%",
    "percent": "%",
    "days": "天",
    "hundredths of a day": "百分之一天",
}
"""Units of figures and limits."""
CAUSES = (
    (r"own market data are stale", "公司行情已过时"),
    (r"no continuous trading", "无连续交易"),
    (r"contracts without own vol", "有无自有波动率的合约"),
    (r"market (\S+) off the own model", r"市场与公司模型相差 \1"),
    (r"(\S+) by the spot off the options' forward", r"现货与期权隐含远期背离，影响 \1 元"),
    (r"trades for (\d+) min", r"连续交易仅 \1 分钟"),
    (r"(\S+) yuan of units of (.+)", r"\2 的标的 \1 元"),
    (r"follows by (\d+) min", r"部门曲线滞后 \1 分钟"),
    (r"(\S+) yuan of contracts without a market", r"无行情合约 \1 元"),
    (r"(\S+) yuan of contracts named alone", r"另列合约 \1 元"),
)
"""Causes of a difference (`oversight.compare.reason`) and their words."""
BREAKS = {"margin": ("可用资金为负", "no free cash"), "loss": ("损失超限", "loss over the limit")}


def cause(text: str, language: str) -> str:
    """What explains a difference, for people."""
    if language != "zh":
        return text
    for pattern, words in CAUSES:
        text = re.sub(pattern, words, text)
    return text.replace(", ", "，")


def story(name: str, language: str) -> str:
    """A scenario's name for people; the nodes of the grid name themselves."""
    found = next((one for one in STORIES if one.name == name), None)
    return name if found is None else (found.zh if language == "zh" else found.en)


def axis(name: str, language: str) -> str:
    """A direction of the reverse stress."""
    found = AXES[name][0]
    return found.zh if language == "zh" else found.en
