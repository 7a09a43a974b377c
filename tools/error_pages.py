"""The catalogue of errors in both languages, from the code's own tables (see make_docs)."""

import re
from pathlib import Path

from desk_pages import table
from quanheng import cli
from quanheng.authority.messages import Refusal
from quanheng.compose import watch, watch_place
from quanheng.compose.alarm_levels import LEVEL, QUIET
from quanheng.compose.alert_words import NAMES
from quanheng.compose.authority_words import words_of
from quanheng.compose.check_words import check_words
from quanheng.compose.self_test import CHECKS as SELF_TESTS
from quanheng.maker.ladder import LADDER
from quanheng.terms.codes import Action, Alert
from quanheng.wire.codes import CODES

EXITS = (
    (0, "正常", "all is well"),
    (1, "检查未通过或发现差异", "a check failed or a difference was found"),
    (2, "用法或配置错误", "usage or configuration"),
    (3, "输入有误", "bad input"),
    (4, "被中断，可续做", "interrupted, resumable"),
)
FAULTS = {
    "ConfigError": "配置不能使用",
    "RulebookError": "规则数据不能使用",
    "ScenarioError": "情景文件或时间不能使用",
    "UsageError": "命令行选项不能使用",
    "PlanError": "评价任务不能照做",
    "HistoryError": "历史数据生成任务不能照做",
    "EngineError": "计算引擎不能使用",
    "FeeError": "费用文件不能使用",
    "PartError": "数据分片不能使用",
    "RequestError": "授权请求不能使用",
    "DeskError": "授权机构目录不能使用",
    "ReferenceDataError": "合约基础数据不能使用",
    "RunError": "运行目录不能使用，或节点、迁移、清单有误",
    "JournalError": "日志不能继续",
    "KillSocketError": "一键撤单通道不能使用",
    "DatasetError": "义务数据集不能使用",
    "TapeError": "行情录像不能使用",
    "ArchiveError": "档案不能使用",
    "SigningError": "密钥或检查点不能使用",
    "GlyphError": "字体缺字",
    "StoreError": "人员库不能使用",
    "MessagingError": "消息服务器不能使用",
    "NotAllowedError": "无权办理",
}
"""Chinese of every kind of error that ends a command."""
WATCHED = {
    "test": ("开盘前通道测试", "test of the channels before the open"),
    "process_ended": ("进程退出", "a process ended"),
    "process_gone": ("进程消失", "a process is gone"),
    "process_silent": ("进程不报告状态", "a process says nothing"),
    "slow_turn": ("单轮过长", "a turn took too long"),
    "fenced": ("做市机被网关切断", "the gateway fenced the engine"),
    "issued_bad": ("下达指令有误", "a bad line of issued commands"),
    "bad_act": ("公司风控指令有误", "a bad line of the firm's acts"),
    "disk_low": ("磁盘不足", "little disk"),
    "clock_stepped": ("系统时钟跳变", "the wall's clock stepped"),
    "clock_unsynced": ("系统时钟未校时", "no source disciplines the clock"),
    "feed_offset": ("时钟与交易所行情时间相差过大", "the clock is off the exchange's stamps"),
    "journal_gone": ("日志文件消失或被改动", "a journal's file vanished or was changed"),
    "loop_stalled": ("主循环停滞", "the loop stands still"),
    "channel_failed": ("告警通道失效", "an alarm channel failed"),
    "messaging_gate": ("消息服务器不符合要求", "a messaging server is not as it should be"),
    "messaging_down": ("消息服务器无应答", "no messaging server answers"),
    "messaging_up": ("消息服务器已接通", "the messaging servers are there"),
    "messaging_forked": ("日志副本与日志不一致", "a stream is not the journal"),
    "messaging_refused": ("日志副本流拒收", "a stream refused a frame"),
    "messaging_anew": ("日志副本流重建", "a stream was made anew"),
    "messaging_journal_changed": ("日志变更，副本重新核对", "a journal changed"),
}
"""Alarms that the watch raises by itself."""
ACTIONS = {
    Action.DENY: ("拒绝", "denies"),
    Action.TRIP: ("拒绝并降级", "denies and trips"),
    Action.WARN: ("提示", "warns"),
}
LEVELS = {QUIET: ("仅记录", "record only"), "notice": ("提示", "notice"),
          "amber": ("黄色", "amber"), "red": ("红色", "red")}  # fmt: skip

_HEADS = {
    "zh": """\
# 错误目录

本页由 `tools/make_docs.py` 从程序自身的代码表生成，请勿手工修改；英文版见 `docs/errors.md`。
""",
    "en": """\
# Catalogue of errors

Generated from the code's own tables by `tools/make_docs.py`; change it there. The Chinese page is
`docs/zh/errors.md`.
""",
}


def _section(english: bool, zh: str, en: str, heads: tuple[tuple[str, str], ...],
             rows: list[tuple[str, ...]]) -> str:  # fmt: skip
    names = tuple(pair[english] for pair in heads)
    return f"\n## {en if english else zh}\n\n{table(names, rows)}"


def watch_codes() -> list[str]:
    """Codes of the alarms that the watch raises by itself, from its source."""
    text = Path(watch.__file__).read_text(encoding="utf-8")
    found = re.findall(r'_alarm\("\w+", "(\w+)"', text)
    found += re.findall(r'_once\([^\n]*?, "(\w+)"', text)
    found += re.findall(r'case "(\w+)" \| "(\w+)"', text)[0]
    place = Path(watch_place.__file__).read_text(encoding="utf-8")
    found += re.findall(r'yield "(\w+)",', place)
    return list(dict.fromkeys(found))


def _errors(english: bool) -> str:
    rows: list[tuple[str, ...]] = []
    for kind, code in cli._EXITS:
        lines = (kind.__doc__ or "").strip().split("\n\n")[0].split()
        words = " ".join(lines).partition(";")[0].rstrip(".")
        rows.append((f"`{kind.__name__}`", str(code), words if english else FAULTS[kind.__name__]))
    return _section(english, "命令的错误", "Errors of commands",
                    (("错误", "error"), ("退出码", "exit"), ("含义", "meaning")), rows)  # fmt: skip


def _alerts(english: bool) -> str:
    rows = []
    for alert in Alert:
        level = ("依内容而定", "by what it says")[english]
        if alert not in (Alert.STATE_CHANGED, Alert.MONITOR_RAISED, Alert.MONITOR_ESCALATED):
            level = LEVELS[LEVEL.get(alert, QUIET)][english]
        name = NAMES.get(alert, ("—", alert.value.replace("_", " ")))[english]
        rows.append((f"`{alert.value}`", level, name))
    return _section(english, "机器的告警", "Alerts of the machines",
                    (("代码", "code"), ("级别", "level"), ("含义", "meaning")), rows)  # fmt: skip


def _codes(english: bool) -> str:
    rows = [
        (str(one.code), f"`{one.name}`", one.text or "—", one.check or "—")
        for one in sorted(CODES.values(), key=lambda one: one.code)
        if one.group in ("session", "host")
    ]
    heads = (("代码", "code"), ("名称", "name"), ("交易所文字", "the exchange's text"),
             ("本系统何处产生", "raised here by"))  # fmt: skip
    return _section(english, "交易所错误码", "Codes of the exchange", heads, rows)


def errors_page(language: str) -> str:
    """The catalogue: exit codes, errors, alerts, alarms, checks, refusals, self-test, exchange."""
    english = language == "en"
    meaning = ("含义", "meaning")
    parts = [
        _HEADS[language],
        _section(english, "退出码", "Exit codes", (("退出码", "exit"), meaning),
                 [(str(code), words[english]) for code, *words in EXITS]),
        _errors(english),
        _alerts(english),
        _section(english, "监视进程的告警", "Alarms of the watch", (("代码", "code"), meaning),
                 [(f"`{code}`", WATCHED[code][english])
                  for code in ("test", *watch_codes(), "channel_failed")]),
        _section(english, "事前检查", "Pre-trade checks",
                 (("检查", "check"), ("结果", "outcome")),
                 [(check_words(int(rung.check), language), ACTIONS[rung.action][english])
                  for rung in LADDER]),
        _section(english, "授权拒绝", "Refusals of the authority", (("代码", "code"), meaning),
                 [(f"`{code.value}`", words_of(code, language))
                  for code in Refusal if code.value]),
        _section(english, "开盘前自检", "Self-test before the open",
                 (("项目", "check"), meaning),
                 [(f"`{name}`", words) for name, words, _ in SELF_TESTS]),
        _codes(english),
    ]  # fmt: skip
    return "".join(parts)
