"""The inspection report of the system: what it finds, its number, its review (I-52, T-08)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose.report_register import entries
from quanheng.compose.run_folder import RunError, RunInfo, write_info
from quanheng.compose.self_test import Finding, SelfTest, file_record
from quanheng.compose.system_inspection import findings, growth, inspect_run
from quanheng.edge.isolation import record_refusal
from quanheng.edge.journal_lines import LineFile
from quanheng.terms.units import HOUR, SECOND


def lines(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = LineFile(path)
    for row in rows:
        file.add({"at": 0, **row})
    file.close()


def live_run(folder: Path, day: int, good: bool) -> Path:
    """What a day left: a quiet one, or one with everything that can be out of order."""
    run = folder / str(day)
    started = [
        {"what": "started", "role": role, "pid": 1}
        for role in ("exchange", "gateway", "overseer", "maker", "watch")
    ]
    lines(run / "live" / "supervisor.jsonl", *started,
          {"what": "drill", "role": "maker", "signal": "SIGKILL"} if good else
          {"what": "ended", "role": "maker", "code": 1})  # fmt: skip
    turn = 20 if good else 900
    lines(run / "live" / "maker.jsonl", {"what": "health", "turn_ms": 5, "behind_ms": 7},
          {"what": "health", "turn_ms": turn, "behind_ms": 3})  # fmt: skip
    lines(run / "live" / "overseer.jsonl", *(
        {"what": "health", "at": number * HOUR // 2, "gc_full": 0 if good else number // 4,
         "rss_kib": 300_000 + number * (400 if good else 900)}
        for number in range(5)
    ))  # fmt: skip
    raised = {"what": "raised", "number": 1, "level": "red", "code": "fenced", "text": "x",
              "acknowledged_by": ""}  # fmt: skip
    answer = {"what": "acknowledged", "number": 1, "by": "R01", "why": "seen",
              "at": 10 * SECOND if good else 400 * SECOND}  # fmt: skip
    failed = [] if good else [{"what": "failed", "number": 1, "channel": "duty", "error": "x"}]
    lines(run / "alarms.jsonl", raised, *failed, answer)
    if not good:
        lines(run / "live" / "gateway.jsonl", {"what": "alert", "code": "journal_damaged"},
              {"what": "alert", "code": "foreign_account", "scope": "*", "args": []})  # fmt: skip
        lines(run / "live" / "arbiter.jsonl", {"what": "alert", "code": "link_refused"})
        record_refusal(run, "console", "connection from 192.0.2.1")
    found = (Finding("disk", "磁盘空间 disk", "good" if good else "bad", ""),)
    file_record(SelfTest("maker-a", day, 0, 1, "b", "c", found), run)
    write_info(run, RunInfo(
        day=day, scenario="calm", seed=1, cadence_ms=500, contracts=1, journal="full",
        version="0.1.0", rulebook="", config="", source="", hash_seed="live", speed=1,
        status="ended" if good else "interrupted",
    ))  # fmt: skip
    return run


def test_a_quiet_month_has_no_findings_and_a_bad_day_has_all(tmp_path: Path) -> None:
    """Each rule of the analysis fires on what it is for, and is silent otherwise."""
    good, bad = live_run(tmp_path, 20240627, True), live_run(tmp_path, 20240628, False)
    day = inspect_run(good)
    assert findings([day], []) == []
    maker = next(one for one in day.roles if one.role == "maker")
    assert (maker.starts, maker.ends, maker.worst_turn_ms, maker.behind_ms) == (1, 0, 20, 7)
    over = next(one for one in day.roles if one.role == "overseer")
    assert (over.rss_mib, over.growth) == (294, 800)
    assert growth([(0, 1), (HOUR // 2, 9_000), (HOUR - 1, 20_000)]) == 0  # less than an hour
    assert day.drills == ("maker SIGKILL",)
    found = "\n".join(findings([inspect_run(bad)], None))
    for words in (
        "自检：磁盘空间", "未正常收市（interrupted）", "maker 意外退出 1 次", "最长 900 毫秒",
        "fenced 有 1 条未在 5 分钟内确认", "未送达 1 次", "损坏 1 处", "隔离拒绝 3 次",
        "overseer 内存每小时增长 1800 KiB", "overseer 交易时段完整垃圾回收 1 次", "没有切换",
        "未与批准的配置清单比对",
    ):  # fmt: skip
        assert words in found, words
    (bad / "self-test.json").unlink()
    assert "没有开盘前自检记录" in findings([inspect_run(bad)], [])[0]
    with pytest.raises(RunError, match="no live run"):
        (good / "live" / "supervisor.jsonl").unlink()
        inspect_run(good)


def test_the_report_is_numbered_and_reviewed_by_another(tmp_path: Path) -> None:
    """docx over two days, entered in the last run's register; its author cannot review it."""
    runs = [live_run(tmp_path, 20240627, True), live_run(tmp_path, 20240628, False)]

    def call(*words: Any) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["system-inspection", *map(str, (*runs, *words))])
        return done.exit_code, done.output + str(done.exception or "")

    code, text = call("--by", "Q01", "--out", tmp_path / "out", "--json")
    assert code == 1
    told = msgspec.json.decode(text.splitlines()[0])
    assert told["number"] == "XJ20240628-01" and told["by"] == "Q01"
    assert Path(told["files"][0]).read_bytes().startswith(b"PK")
    review = ("--review", told["number"], "--words", "补充监控")
    for by, words in (("Q01", "another person"), ("nobody", "not among")):
        code, text = call("--by", by, *review)
        assert code and words in text
    assert "says what was found" in call("--by", "R01", *review[:2])[1]
    assert call("--by", "R01", *review)[0] == 0
    done = entries(runs[-1])
    assert [(one.kind, one.by) for one in done] == [("issued", "Q01"), ("reviewed", "R01")]
    assert done[0].sha256 == done[1].sha256
    assert "no report" in call("--by", "R01", "--review", "XJ1", "--words", "x")[1]
