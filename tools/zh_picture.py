"""The picture of docs/zh/construction-plan.md: processes, lines and stores (I-47).

.venv/bin/python tools/zh_picture.py
"""

from importlib.resources import as_file, files
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from quanheng.edge.document_charts import FONT

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "architecture-zh.png"
BOXES = {
    "exchange": (0.3, 4.3, 2.1, 1.5, "上交所\n（仿真：exchange）\n交易、行情、结算文件"),
    "gateway": (3.3, 4.3, 1.9, 1.5, "网关 gateway\n会话、流量、主引擎号\n一键撤单"),
    "maker": (6.3, 4.3, 2.4, 1.5, "做市引擎 maker\n曲线、定价、策略\n38项检查、监控"),
    "overseer": (3.3, 1.9, 1.9, 1.3, "公司监控 overseer\n独立账簿、模型、限额"),
    "watch": (6.3, 1.9, 2.4, 1.3, "看护 watch\n健康、报警、指标"),
    "authority": (9.7, 1.9, 2.0, 1.3, "审批 authority\n提议、复核、签发"),
    "console": (9.7, 4.3, 2.0, 1.5, "控制台 console\n网页、程序接口\n只读日志"),
    "standby": (6.3, 7.0, 2.4, 1.2, "备用节点（可选）\n引擎与网关各一\n复制、比对、接管"),
    "arbiter": (9.7, 7.0, 2.0, 1.2, "仲裁 arbiter\n租约、主引擎号"),
    "journal": (3.3, 0.1, 5.4, 0.9, "日志与运行目录：输入、输出、快照、文件、报告"),
    "archive": (9.7, 0.1, 2.0, 0.9, "档案（二十年）"),
    "settle": (0.3, 0.1, 2.1, 0.9, "日终核对 settlement"),
    "people": (0.3, 1.9, 2.1, 1.3, "人员库、登记簿\n岗位、权限、报备\n供审批、控制台使用"),
}
LINES = (
    ((2.4, 5.35), (3.3, 5.35), "TDGW", "<->"),
    ((5.2, 5.05), (6.3, 5.05), "本地套接字", "<->"),
    ((1.35, 5.8), (7.5, 5.8), "行情 MDGW / MD301", "->"),
    ((2.4, 4.4), (3.4, 3.2), "成交副本", "->"),
    ((9.7, 4.7), (8.7, 4.7), "跟随日志", "<-"),
    ((10.7, 4.3), (10.7, 3.2), "提议", "->"),
    ((9.7, 3.1), (8.7, 4.4), "签发", "->"),
    ((4.8, 3.2), (6.3, 4.5), "限制", "->"),
    ((7.5, 4.3), (7.5, 3.2), "健康", "->"),
    ((6.4, 4.3), (5.75, 1.0), "日志", "->"),
    ((8.0, 1.9), (8.0, 1.0), "", "<-"),
    ((4.3, 1.9), (4.3, 1.0), "", "->"),
    ((8.7, 0.55), (9.7, 0.55), "归档", "->"),
    ((8.2, 5.8), (8.2, 7.0), "日志复制", "->"),
    ((8.7, 7.6), (9.7, 7.6), "租约", "<->"),
    ((8.7, 5.5), (9.9, 7.0), "租约", "<->"),
    ((6.3, 7.8), (0.8, 5.8), "接管后登录", "->"),
    ((2.4, 0.55), (3.3, 0.55), "", "<->"),
)


def draw() -> Figure:
    """The figure, 12 by 8.4 units."""
    figure = Figure(figsize=(9.6, 6.7), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlim(0, 12)
    axes.set_ylim(-0.1, 8.4)
    axes.axis("off")
    with as_file(files("quanheng") / FONT) as path:
        font = FontProperties(fname=str(path), size=8.5)
        for left, low, wide, high, text in BOXES.values():
            axes.add_patch(_rectangle((left, low), wide, high))
            axes.text(left + wide / 2, low + high / 2, text, ha="center", va="center",
                      fontproperties=font)  # fmt: skip
        for begin, end, text, style in LINES:
            bend = "arc3,rad=-0.12" if text.startswith("行情") else "arc3"
            arrow = {"arrowstyle": style, "color": "#1f5f8b", "connectionstyle": bend}
            axes.annotate("", xy=end, xytext=begin, arrowprops=arrow)
            if text:
                up = 0.42 if text.startswith("行情") else -0.08
                axes.text((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2 + up, text,
                          ha="center", fontproperties=font, color="#1f5f8b",
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
        figure.draw_without_rendering()
        figure.savefig(OUT, dpi=160, metadata={"Software": ""})
    return figure


def _rectangle(corner: tuple[float, float], wide: float, high: float) -> object:
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch(corner, wide, high, boxstyle="round,pad=0.02",
                          facecolor="#eef3f7", edgecolor="#1f5f8b")  # fmt: skip


if __name__ == "__main__":
    draw()
