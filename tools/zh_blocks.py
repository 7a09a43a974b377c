"""Generated parts of docs/zh that come from the code: verbs, modules, configuration, packages."""

import ast
import re
import tomllib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import msgspec

from desk_pages import table
from quanheng.cli import cli
from quanheng.compose.alarm_levels import AMBER, LEVEL, NOTICE, RED
from quanheng.compose.plan_blocks import UNITS
from quanheng.compose.watch import LEAST_FREE, SILENT, TURN
from quanheng.config import Config, lines_of, read_config
from quanheng.desk.assets import read_words
from quanheng.edge.gateway_proof import OVERDUE
from quanheng.maker.ladder import HOUSE, LADDER
from quanheng.maker.limits import LIMITS
from quanheng.maker.monitor_table import MONITORS
from quanheng.maker.parameters import NOBODY, TABLE
from quanheng.terms.codes import Action
from quanheng.terms.units import MILLISECOND, SECOND

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "quanheng"
WORDS = Path(__file__).parent / "source-data" / "zh"

ROOMS = {
    "": "入口与配置",
    "terms": "公共词汇：单位、交易日、合约、消息、代码",
    "kernels": "数值内核：定价、隐含波动率、曲线、情景（编译，逐位可重现）",
    "rulebook": "规则库：交易所规则与协议参数，按生效日取值",
    "wire": "接口格式：STEP、TDGW、MD301、定长文件（不含读写）",
    "runtime": "运行时：日志、放行、快照、重放、仿真与实时宿主",
    "duties": "义务：实时与批量双重计量、评级、预测",
    "books": "持仓、资金、保证金",
    "exchange": "仿真交易所：撮合、参与者、标的市场",
    "clearing": "仿真结算机构：结算价、净额、行权指派、交收",
    "maker": "做市引擎：曲线、定价、策略、事前检查、委托、监控",
    "oversight": "公司层面监控：独立账簿、模型、限额、个案、监察",
    "settlement": "日终核对：清单、个案、调整、行权计划",
    "authority": "审批：提议、复核、签发",
    "desk": "控制台与人员库",
    "registry": "交易所做市商名册：步骤、决定、办理记录、公布用词",
    "edge": "适配器：文件、套接字、进程、文档、档案",
    "compose": "总装：运行、命令、报告、文件",
}
"""Rooms in the order of the floors, with what they are for."""


def words(name: str) -> dict[str, Any]:
    """A file of Chinese words."""
    return tomllib.loads((WORDS / name).read_text(encoding="utf-8"))


def _unit(name: str) -> str:
    """A unit in Chinese."""
    return str({**UNITS, **words("units.toml")}.get(name, name))


def verbs() -> Iterator[tuple[str, click.Command]]:
    """(name in full, command) of every verb that can be called."""
    yield from _walk(cli, ())


def _walk(command: click.Command, names: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(names), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None, name
        yield from _walk(found, (*names, name))


def _usage(name: str) -> str:
    """How a verb is called: every group's own arguments stand behind the group's name."""
    parts = ["quanheng"]
    command: click.Command = cli
    for one in name.split():
        assert isinstance(command, click.Group), name
        context = click.Context(command)
        found = command.get_command(context, one)
        assert found is not None, name
        command = found
        parts.append(one)
        parts += [
            argument.make_metavar(click.Context(command))
            for argument in command.params
            if isinstance(argument, click.Argument)
        ]
    return f"`{' '.join(parts)}`"


def verbs_block() -> str:
    """The verbs of the command line by section; what has no Chinese words stands last."""
    known, parts = dict(verbs()), []
    left = dict(known)
    for group in words("verbs.toml")["group"]:
        rows = [
            (_usage(name), text) for name, text in group["verbs"].items() if left.pop(name, None)
        ]
        parts.append(f"### {group['title']}\n\n{table(('命令', '作用'), rows)}")
    if left:
        rows = [(_usage(name), one.get_short_help_str(120)) for name, one in left.items()]
        parts.append(f"### 其他\n\n{table(('命令', '作用（英文）'), rows)}")
    return "\n".join(parts)


def programs_block() -> str:
    """Every package and module with the first sentence of its docstring."""
    parts = []
    for room, meaning in ROOMS.items():
        folder = SOURCE / room
        paths = sorted(folder.rglob("*.py")) if room else sorted(folder.glob("*.py"))
        rows = [
            (f"`{path.relative_to(SOURCE).as_posix()}`", purpose(path))
            for path in paths
            if path.name != "__init__.py"
        ]
        title = f"`{room}` {meaning}" if room else meaning
        parts.append(f"### {title}\n\n{table(('程序', '用途（源文件自述）'), rows)}")
    return "\n".join(parts)


def purpose(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(said.split("\n\n")[0].split())
    return re.split(r"(?<=\.) ", first)[0]


def config_keys(kind: type = Config, prefix: str = "") -> Iterator[tuple[str, object]]:
    """(key, default or NODEFAULT) of every leaf of a struct; `[]` marks a repeated table."""
    for field in msgspec.structs.fields(kind):
        key = f"{prefix}{field.encode_name}"
        inner = field.type
        if get_origin(inner) is tuple:
            (inner, *_) = get_args(inner)
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from config_keys(inner, f"{key}[].")
                continue
        plain = isinstance(inner, type) and not isinstance(inner, types.GenericAlias)
        if plain and issubclass(inner, msgspec.Struct):
            yield from config_keys(inner, f"{key}.")
            continue
        yield key, field.default


def config_block() -> str:
    """Every key of the desk's configuration: shipped value, default, unit, meaning."""
    shipped = dict(lines_of(read_config()))
    said, rows = words("config.toml"), []
    for key, default in config_keys():
        plain = "必填" if default is msgspec.NODEFAULT else f"`{default}`"
        measure, meaning = said.get(key, ("", ""))
        value = f"`{shipped[key]}`" if key in shipped else "逐条"
        rows.append((f"`{key}`", value, plain, measure, meaning))
    return table(("键", "随附值（仿真）", "缺省", "单位", "含义"), rows)


_EXTRAS = {
    "requirements.lock": "运行必需（含 data）",
    "requirements-dev.lock": "控制台、报表、数据库、测试等其余组件",
}


def packages_block() -> str:
    """Packages with the versions of the locks, by the first lock that has them."""
    seen: set[str] = set()
    parts = []
    for name, title in _EXTRAS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        found = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.M))
        rows = [(one, version) for one, version in sorted(found.items()) if one not in seen]
        seen |= set(found)
        parts.append(f"### {title}（`{name}`）\n\n{table(('软件包', '版本'), rows)}")
    return "\n".join(parts)


def ports_block() -> str:
    """Every port the processes listen on, with the shipped value."""
    config = read_config()
    line, watch, pair, messaging, database = (
        config.line, config.operations, config.standby, config.messaging, config.database
    )  # fmt: skip
    console = {one.name: one for one in dict(verbs())["console"].params}
    rows = [
        ("交易所会话（TDGW）", "exchange → gateway", line.host, f"{line.order_port}", "TCP"),
        ("行情（MDGW，MD301）", "exchange → maker", line.host, f"{line.feed_port}", "TCP"),
        ("交易所会话备用端", "exchange → gateway", line.standby_host or "未启用",
         f"{line.order_standby_port}", "TCP"),
        ("行情备用端", "exchange → maker、overseer", line.standby_host or "未启用",
         f"{line.feed_standby_port}", "TCP"),
        ("标的市场（竞价平台 TDGW）", "exchange → gateway", line.host, f"{line.etf_port}", "TCP"),
        ("公司监控成交副本", "exchange → overseer", line.host, f"{line.copy_port}", "TCP"),
        ("日志复制（启用备用节点时）", "主节点 → 备用节点", pair.host_a, "0", "TCP"),
        ("租约（启用备用节点时）", "arbiter → 两个节点", pair.host_arbiter, "0", "TCP"),
        ("日志副本与租约（启用消息服务器时）", "消息服务器 → copier、lease",
         "、".join(messaging.servers) or "未启用", "同左", "TCP"),
        ("消息服务器核查（启用时）", "消息服务器 → copier、lease",
         "、".join(messaging.monitors) or "未启用", "同左", "HTTP"),
        ("日志数据库副本（启用时）", "PostgreSQL → pgcopy", database.url or "未启用", "同左",
         "TCP"),
        ("引擎与网关", "maker → gateway", "运行目录", "`engine.sock`", "本地套接字"),
        ("一键撤单", "人员 → gateway", "运行目录", "`kill.sock`", "本地套接字"),
        ("监控指标", "采集程序 → watch", watch.host, f"{watch.port}", "HTTP"),
        ("控制台", "浏览器 → console", f"{console['host'].default}",
         f"{console['port'].default}", "HTTP；非本机须证书（HTTPS）"),
    ]  # fmt: skip
    return table(("用途", "方向（左侧监听或提供）", "地址", "端口（0 由系统选择）", "协议"), rows)


def monitors_block() -> str:
    """The monitors with their thresholds and prepared measures."""
    rows = [
        (one.item, f"`{one.name}`", one.chinese, " / ".join(map(str, one.levels)), _unit(one.unit))
        for one in MONITORS
    ]
    return table(("检查项", "监控", "含义", "提示 / 橙 / 红", "单位"), rows)


_ACTIONS = {Action.DENY: "拒绝", Action.TRIP: "触发降级", Action.WARN: "警告放行"}


def checks_block() -> str:
    """The pre-trade checks in their order."""
    rows = []
    for rung in LADDER:
        does = _ACTIONS[rung.action]
        if rung.action == Action.TRIP:
            scope = "全部" if rung.scope == HOUSE else {"contract": "合约", "class": "品种"}.get(
                rung.scope, rung.scope)  # fmt: skip
            does += f"：{scope} → {rung.to.name}"
        rows.append((rung.check.name[:3], rung.chinese, does,
                     "、".join(f"`{name}`" for name in rung.limits)))  # fmt: skip
    return table(("检查", "含义", "不通过时", "所用限额"), rows)


def limits_block() -> str:
    """The limits with their defaults."""
    rows = [
        (
            f"`{one.name}`",
            str(one.default) if one.default >= 0 else "参数、批准额度或规则",
            _unit(one.unit),
        )
        for one in LIMITS
    ]
    return table(("限额", "缺省", "单位"), rows)


def alarm_levels_block() -> str:
    """Levels of the alerts of machines and processes."""
    rows = [
        (name, "、".join(f"`{code.name.lower()}`" for code, loud in LEVEL.items() if loud == level))
        for level, name in ((RED, "红色"), (AMBER, "橙色"), (NOTICE, "提示"))
    ]
    return table(("级别", "报警代码"), rows)


def parameters_block() -> str:
    """The quote parameters with the band that a trader may use alone."""
    said, screen, rows = words("parameters.toml"), read_words(), []
    for one in TABLE:
        band = "至 ".join(map(str, one.band)) if one.band != NOBODY else "须复核"
        alone = "只可收紧" if one.limit else band.replace("至 ", " 至 ")
        named = screen.get(f"setting.{one.name}", [""])[0]
        rows.append((f"`{one.name}`", named, said.get(one.name, ""), str(one.default),
                     f"{one.low} 至 {one.high}", alone, _unit(one.unit)))  # fmt: skip
    return table(("参数", "屏上名称", "含义", "缺省", "范围", "交易员可单独设置", "单位"), rows)


def thresholds_block() -> str:
    """What the machines do by themselves, with the values in force."""
    line, known = read_config().line, {one.name: one.default for one in LIMITS}
    rows = [
        ("引擎心跳", f"{line.heartbeat_ms} 毫秒", "正常运行的节拍"),
        (
            "引擎无心跳",
            f"{line.dead_man_ms} 毫秒",
            "网关撤销全部，须更高主引擎号才可恢复",
        ),
        ("公司监控无心跳", f"{line.overseer_late_ms} 毫秒", "部门降为 REDUCING"),
        ("公司监控持续无心跳", f"{line.overseer_lost_ms} 毫秒", "部门降为 HALTED，须两人解除"),
        ("进程无健康信息", f"{SILENT // SECOND} 秒", "红色报警"),
        ("单轮处理耗时", f"{TURN // MILLISECOND} 毫秒", "报警"),
        ("磁盘剩余", f"{LEAST_FREE >> 30} GiB", "报警"),
        ("一秒内被拒（P33）", f"{known['rejects']} 笔", "品种降为 HALTED"),
        ("50 笔回应中被拒（P33）", f"{known['refused']} 笔", "品种降为 HALTED"),
        ("最久未应答（P34）", f"{known['wait']} 毫秒", "全部降为 CANCEL_ONLY"),
        ("未应答笔数（P34）", f"{known['pending']} 笔", "全部降为 CANCEL_ONLY"),
        ("不明成交（P35）", f"{known['unexplained']} 笔（一笔即触发）", "全部降为 HALTED"),
        ("回报缺口（P35）", f"{known['gap']} 毫秒", "全部降为 HALTED"),
        ("品种亏损（P25）", f"{known['loss']:,} 元", "品种降为 REDUCING"),
        ("总亏损（P25）", f"{known['loss_desk']:,} 元", "全部降为 REDUCING"),
        ("风险价值（P26）", f"{known['var']:,} 元", "全部降为 REDUCING"),
        ("撤单未完成", f"{OVERDUE // SECOND} 秒", "红色报警 `pull_overdue`"),
    ]
    return table(("情形", "阈值（随附配置）", "系统动作"), rows)


CODE_BLOCKS: dict[str, Callable[[], str]] = {
    "verbs": verbs_block,
    "programs": programs_block,
    "config": config_block,
    "packages": packages_block,
    "ports": ports_block,
    "monitors": monitors_block,
    "checks": checks_block,
    "limits": limits_block,
    "parameters": parameters_block,
    "thresholds": thresholds_block,
    "alarm-levels": alarm_levels_block,
}
