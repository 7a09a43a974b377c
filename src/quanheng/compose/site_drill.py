"""The drill of a lost site (F73, T-07, reliability.md 4.3): 站点失效演练.

A first day is over and backed up; during the second one the whole first site is gone, its folder is
deleted. What is left stands at the second site: its copy of the archive, and the journal of the
node there that followed. From an empty folder people bring back yesterday from the archive, prove
both, and switch by hand: the real maker's process recovers from the copy and takes over with a
higher epoch. The record says how long each step took and what was lost.
"""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

from quanheng.compose.archive_drill import restore, verify
from quanheng.compose.backup import back_up
from quanheng.compose.drill import Check, Drilled, light_day, run_day, write_drill
from quanheng.edge.archive_files import Archive
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.journal_tail import JournalTail
from quanheng.edge.loop import Loop
from quanheng.edge.maker_process import MakerProcess
from quanheng.edge.maker_setup import MakerSetup
from quanheng.edge.pair import resting
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.runtime.live import BusinessClock
from quanheng.runtime.restore import recover
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.verify import verify_run
from quanheng.terms.codes import Alert, Link
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import MILLISECOND, MINUTE, Nanos

NODE, OPERATOR = "desk", "O01"
FIRST_DAY = 20240627
UNTIL = "09:33"
"""When the first site is lost, on the second day."""


class Times:
    """How long each step of people took, in order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Nanos]] = []
        self._since = monotonic()

    def done(self, words: str) -> None:
        """A step is over."""
        now = monotonic()
        self.steps.append((words, now - self._since))
        self._since = now

    def told(self) -> list[str]:
        """Lines of the record, the sum last."""
        rows = [(words, took // MILLISECOND) for words, took in self.steps]
        lines = [f"{words}：{took} 毫秒 ms" for words, took in rows]
        return [*lines, f"合计 altogether {sum(took for _, took in rows)} 毫秒 ms"]


class After(NamedTuple):
    """What stands at the second site when people have switched."""

    archive: bool  # its copy is whole
    yesterday: bool  # restored, journals verified
    copy: bool  # of today's journal, verified
    frames: int
    digest: dict[str, str]  # of the recovered machine, before it takes over
    resting: int  # contracts that may have quotes at the exchange
    epoch: int
    doubted: int  # contracts that the engine withdraws first
    link: int


def follow(run: Path, to: Path) -> int:
    """The other node's copy of the maker's journal: every frame, checked and chained. Its last
    frame.
    """
    journal = SegmentJournal(to, Maker.NAME)
    for frame, _ in JournalTail(run, Maker.NAME).poll():
        journal.append(frame.kind, frame.payload)
    journal.sync()
    last = journal.durable_seq
    journal.close()
    return last


def switch(run: Path, opening: MakerOpen, at: Nanos) -> tuple[int, int, int]:
    """Start the maker's process on a folder with a copy: it recovers and takes over. (epoch,
    contracts it doubts, link), as it says itself.
    """
    (run / "live").mkdir(parents=True)
    setup = MakerSetup(
        opening=opening, shifts=[], host="127.0.0.1", feed_port=9, sync_ms=5,
        heartbeat_ms=100, snapshot_every=MINUTE, marks=[],
    )  # fmt: skip
    process = MakerProcess(run, setup, Loop(), {"spawned": monotonic()})
    process.begin(BusinessClock(at, monotonic(), 1))
    process.close()
    alerts = {
        row["code"]: row["args"]
        for row in read_lines(run / "live" / "maker.jsonl")
        if row["what"] == "alert"
    }
    epoch, doubted = alerts[Alert.TOOK_OVER.value]
    return epoch, doubted, alerts[Alert.LINK_CHANGED.value][0]


def restored(two: Path, at: Nanos, times: Times) -> After:
    """What people do at the second site, from an empty folder on."""
    archive, new = Archive(two / "archive"), two / "new"
    told = verify(archive.folder, archive.about.public_key)
    times.done("验证档案副本 the copy of the archive is verified")
    restore(archive, len(archive.lines()), two / "yesterday")
    yesterday = all(row["ok"] for row in verify_run(two / "yesterday"))
    times.done("从档案恢复前一日 the day before is restored from it and verified")
    copy = all(row["ok"] for row in verify_run(new))
    times.done("校验跟随节点的日志 the follower's copy of the journal is verified")
    journal = SegmentJournal(new, Maker.NAME)
    back = recover(Maker, journal, None)
    frames = journal.durable_seq
    journal.close()
    machine: Any = back.core.machine
    digest = {part: value.hex() for part, value in machine.digest().items()}
    rests = len(resting(machine.state)[0])
    times.done("重放并核对每一输出 replayed, every output compared")
    epoch, doubted, link = switch(new, machine.state.opened, at)
    times.done("人工切换：恢复并接管 switched by hand: recovered again, takes over")
    return After(
        bool(told["ok"]), yesterday, copy, frames, digest, rests, epoch, doubted, link
    )  # fmt: skip


def expected(after: After, wrote: int, digest: dict[str, str], whole: bool) -> list[Check]:
    """What the drill expects, seen or not."""
    return [
        Check("前一日已备份到第二站点且副本完整", "the day before was at the second site, whole",
              whole and after.archive),
        Check("从档案恢复的前一日可验证", "the day before comes back from it and is verified",
              after.yesterday),
        Check("当日日志副本完整，与主机逐帧一致", "the copy of today's journal has every frame",
              after.copy and after.frames == wrote),
        Check("恢复的状态与失效前相同", "the recovered state is the one that was lost",
              after.digest == digest),
        Check("以更高任期接管，线路为断开", "it takes over with a higher epoch, the link is down",
              after.epoch > 1 and after.link == Link.DOWN),
        Check("可能仍在交易所的报价全部存疑待撤", "what may rest at the exchange is doubted, all",
              after.doubted == after.resting > 0),
    ]  # fmt: skip


def site_loss(folder: Path, seed: int = 3, until: str = "") -> Drilled:
    """Run it; `folder` is empty and gets what the second site has, and the record."""
    one, two, until = folder / "site-1", folder / "site-2", until or UNTIL
    done = run_day(light_day(one / NODE / "runs", FIRST_DAY, seed, until))
    backed = back_up(one, NODE, one / "archive", (two / "archive",), OPERATOR)
    day = done.carry.day
    plan = light_day(one / NODE / "runs", day, seed, until, opening=done.carry)
    digest = run_day(plan).machines[Maker.NAME]
    assert plan.out is not None, "a drill keeps its runs"
    wrote = follow(plan.out, two / "new")
    shutil.rmtree(one)
    times = Times()
    after = restored(two, midnight(day) + from_clock(until) + MINUTE, times)
    injected = [
        f"{until} 第一站点的主机、日志、档案全部失效（目录已删除） the first site is deleted；",
        "第二站点余下：前一日备份的档案副本、跟随节点的当日日志副本 what the second site has；",
        f"RPO：已送出的内容 0（release = replicated：两份落盘后才放出），共 {wrote} 帧；"
        "其余文件以最近一次备份为准 of what had left nothing; other files as of the last backup；",
        *times.told(),
    ]
    checks = expected(after, wrote, digest, backed.ok)
    return write_drill(folder, "站点失效演练 Loss of a site", injected, checks, "", [], [])
