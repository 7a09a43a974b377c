"""The self-test before the open (promise 45): everything a day stands on is tried once, and filed.

`examine` never raises for what it finds; a live day does not start on a failed one
(`live.conduct`). What is only worth knowing is *noted* and stops nothing.
"""

import shutil
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography import x509

from quanheng._kernel_cache import damaged
from quanheng.compose.configuration import differences, listed
from quanheng.compose.configuration import read as read_list
from quanheng.compose.day import DayPlan
from quanheng.compose.desk_records import rate_in_force
from quanheng.compose.installed import NO_RECORD, altered, sentence
from quanheng.compose.isolation import register_of
from quanheng.compose.later import reference_on
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_file import read_oversight
from quanheng.compose.pair_keys import examine as examine_pair
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import write_whole
from quanheng.compose.text import table
from quanheng.compose.watch import LEAST_FREE
from quanheng.config import config_hash
from quanheng.edge import kernel_check
from quanheng.edge.alarm_channels import ChannelError, open_channel
from quanheng.edge.archive_signing import DEFAULT, suite_of
from quanheng.edge.build import PACKAGES, this_build
from quanheng.edge.clock import monotonic, wall
from quanheng.edge.gates import interpreter_problems
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.maker.roster import TRADER
from quanheng.rulebook.calendar import is_trading
from quanheng.runtime.journal import INPUT
from quanheng.runtime.segment import SegmentJournal
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import MILLISECOND, SECOND, Day, Nanos

RECORD = "self-test.json"
ROOM = 2 * LEAST_FREE
"""Bytes a day needs to begin with: twice what the watch calls low."""
SLOWEST_SYNC = SECOND
"""An fsync that takes longer is no disk for a journal (F06)."""
APART = 50 * MILLISECOND
"""How far the wall's clock may get from the monotonic one within a tenth of a second."""
WARN_DAYS, LAST_DAYS = 30, 1
"""A certificate that ends within so many days is noted, or fails the test (F72)."""
GOOD, NOTED, BAD = "good", "noted", "bad"
MARKS = {GOOD: "通过 passed", NOTED: "提示 noted", BAD: "未通过 FAILED"}


class Wrong(Exception):  # noqa: N818
    """A check failed; the text is the reason."""


class Noted(Exception):  # noqa: N818
    """Worth knowing, stops nothing."""


class Finding(msgspec.Struct, frozen=True):
    """One check. `state`: good, noted or bad."""

    name: str
    words: str
    state: str
    note: str


class SelfTest(msgspec.Struct, frozen=True):
    """The record of one self-test."""

    node: str
    day: Day
    at: Nanos  # by the wall
    took_ms: int
    build: str
    config: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """May a day start?"""
        return not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What failed."""
        return tuple(one for one in self.findings if one.state == BAD)


class Subject(NamedTuple):
    """What is examined: the day that shall be, and a folder to try things in."""

    plan: DayPlan
    folder: Path


def _interpreter(_: Subject) -> str:
    found = interpreter_problems(machines=False)
    if found:
        raise Wrong("; ".join(found))
    return f"Python {this_build().python}"


def _build(_: Subject) -> str:
    return this_build().identity[:16]


def _packages(_: Subject) -> str:
    """The files of what a live process runs are those that were installed (promise 42)."""
    found = altered(PACKAGES)
    wrong = [one for one in found if one.file != NO_RECORD]
    if wrong:
        raise Wrong(f"与安装时不同 not as installed, {sentence(wrong)}")
    if found:
        raise Noted(f"无法核对 cannot be compared, {sentence(found)}")
    return f"{len(PACKAGES)} 个依赖包的文件与安装记录一致 as installed"


def _config(subject: Subject) -> str:
    plan = subject.plan
    book = read_rulebook(plan.day, plan.agreement, plan.house)
    reference = reference_on(plan.day, plan.master, plan.pick)
    read_oversight(plan.oversight)
    given = (plan.scenario, reference, book, plan.config, plan.seed, plan.cadence)
    limits = Openings(*given, models=plan.models, people=plan.people).maker().limits
    named = [one.underlying for one in limits]
    without = [one.underlying for one in reference.chain.classes if one.underlying not in named]
    if without:
        raise Wrong(f"no position limits for {', '.join(without)}")
    return f"{config_hash(plan.config)[:16]}，限额 limits {len(named)}"


def _approved(subject: Subject) -> str:
    """The machine is what two people approved (T-06)."""
    name = subject.plan.config.operations.approved
    if not name:
        raise Noted("未配置批准清单 no operations.approved")
    wrong = differences(read_list(Path(name)), listed(subject.plan.config))
    if wrong:
        first = "; ".join(f"{one.group} {one.name}" for one in wrong[:5])
        raise Wrong(f"与批准清单不一致 not as approved, {len(wrong)}: {first}")
    return "与批准清单一致 as approved"


def _calendar(subject: Subject) -> str:
    day = subject.plan.day
    calendar = read_rulebook(day, subject.plan.agreement).calendar
    if not is_trading(calendar, day):
        raise Wrong(f"{iso(day)} 不是交易日 is no trading day")
    if day >= calendar.provisional_from:
        raise Noted(f"{iso(day)} 的休市安排尚未公布 not announced yet")
    return iso(day)


def _rates(subject: Subject) -> str:
    """The interest rate that prices are made with is approved, and of the day (F56)."""
    day, config = subject.plan.day, subject.plan.config
    calendar = read_rulebook(day, subject.plan.agreement).calendar
    ppm, since = rate_in_force(config, calendar, day)
    if since and since < day:
        raise Noted(f"沿用 {iso(since)} 批准的利率 the last approved one goes on: {ppm} ppm")
    return f"{ppm} ppm"


def _reference(subject: Subject) -> str:
    plan = subject.plan
    chain = reference_on(plan.day, plan.master, "").chain
    if chain.day != plan.day:
        raise Wrong(f"合约表属于 the master is of {iso(chain.day)}, 不是 not {iso(plan.day)}")
    return f"{len(chain.contracts)} 个合约 contracts，{len(chain.classes)} 个品种 classes"


def _disk(subject: Subject) -> str:
    free = shutil.disk_usage(subject.folder).free
    if free < ROOM:
        raise Wrong(f"剩余 free {free >> 20} MiB，需要 needed {ROOM >> 20} MiB")
    return f"剩余 free {free >> 20} MiB"


def _journal(subject: Subject) -> str:
    """A journal opens, keeps a frame over an fsync, and is the same when it is opened again."""
    place = subject.folder / "self-test-journal"
    shutil.rmtree(place, ignore_errors=True)
    began = monotonic()
    try:
        journal = SegmentJournal(place, "selftest")
        journal.append(INPUT, b"before the open")
        journal.sync()
        took = monotonic() - began
        journal.close()
        again = SegmentJournal(place, "selftest")
        frames = [frame.payload for frame in again.read()]
        again.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if frames != [b"before the open"]:
        raise Wrong("写入的帧与读出的不同 what was read is not what was written")
    if took > SLOWEST_SYNC:
        raise Wrong(f"落盘用时 fsync took {took // MILLISECOND} ms")
    return f"落盘 fsync {took // MILLISECOND} ms"


def _clock(_: Subject) -> str:
    """The clock that measures spans never goes back, and the wall's does not drift from it."""
    first, first_wall = monotonic(), wall()
    time.sleep(0.1)
    passed, passed_wall = monotonic() - first, wall() - first_wall
    if passed < 100 * MILLISECOND:
        raise Wrong(f"单调时钟 monotonic clock: {passed} ns in 0.1 s")
    if abs(passed - passed_wall) > APART:
        raise Wrong(f"系统时钟跳变 the wall's clock moved by {passed_wall - passed} ns")
    newest = int(Path(kernel_check.__file__).stat().st_mtime_ns)
    if wall() < newest - 86_400 * SECOND:
        raise Wrong(
            f"系统时钟早于程序 the wall's clock is before the program: {iso(day_of(wall()))}"
        )
    return f"{iso(day_of(wall()))} {clock_text(wall())[:8]}"


def _kernels(_: Subject) -> str:
    mine, plain = kernel_check.bits(), kernel_check.plain_bits()
    if mine != plain:
        raise Wrong(f"编译结果与纯 Python 不同 compiled {mine[:12]}, plain Python {plain[:12]}")
    if damaged:
        raise Noted(f"{len(damaged)} 个缓存文件损坏并已重编 damaged cache files compiled again")
    return mine[:16]


def _keys(subject: Subject) -> str:
    name = subject.plan.config.operations.archive_key
    if not name:
        raise Noted("未配置档案签名密钥 no operations.archive_key")
    path, suite = Path(name), suite_of(DEFAULT)
    key = path.read_bytes()
    if path.stat().st_mode & 0o077:
        raise Wrong(f"{path}: 他人可读 others may read it")
    if not suite.good(suite.public(key), b"self-test", suite.sign(key, b"self-test")):
        raise Wrong(f"{path}: 签名不能验证 its signature does not verify")
    return suite.public(key).hex()[:16]


def _certificates(subject: Subject) -> str:
    names = subject.plan.config.operations.certificates
    left = []
    for name in names:
        found = x509.load_pem_x509_certificate(Path(name).read_bytes())
        days = (found.not_valid_after_utc - datetime.now(UTC)).days
        if days < LAST_DAYS:
            raise Wrong(f"{name}: 有效期至 ends {found.not_valid_after_utc:%Y-%m-%d}")
        left.append(days)
    config = subject.plan.config
    for folder in sorted({config.standby.tls, config.messaging.tls} - {""}):
        for one in examine_pair(Path(folder)):
            if one.why or one.days < LAST_DAYS:
                raise Wrong(f"{one.file}: {one.why or f'剩余 {one.days} 天 days left'}")
            left.append(one.days)
    if left and min(left) < WARN_DAYS:
        raise Noted(f"证书最短剩余 the first certificate ends in {min(left)} 天 days")
    return f"{len(left)} 份 certificates"


def _channels(subject: Subject) -> str:
    """Every channel delivers a test alarm (T-08)."""
    alarm = {
        "number": 0, "level": "notice", "code": "test", "scope": "*",
        "text": "开盘前自检 self-test before the open",
    }  # fmt: skip
    failed = []
    for one in subject.plan.config.operations.channels:
        try:
            open_channel(one, subject.folder).send(alarm)
        except ChannelError as error:
            failed.append(f"{one.name}: {error}")
    if failed:
        raise Wrong("; ".join(failed))
    return f"{len(subject.plan.config.operations.channels)} 个通道 channels"


def _accounts(subject: Subject) -> str:
    config = subject.plan.config
    register = register_of(config)
    for host in filter(None, (config.line.host, config.line.standby_host)):
        register.check_start(config.member.account, config.member.pbu, host)
    for one in config.accounts:
        why = register.foreign(one.account)
        if why:
            raise Wrong(f"accounts: {why}")
    return f"{len(register.accounts)} 个账户 accounts，{len(register.peers)} 台主机 hosts"


def _people(subject: Subject) -> str:
    people = read_people(subject.plan.people).people
    traders = [one.person for one in people if TRADER in one.posts]
    if not traders:
        raise Wrong(f"没有 {TRADER} nobody holds the post")
    return f"{len(people)} 人 people，{len(traders)} 名 traders"


def _ports(subject: Subject) -> str:
    line = subject.plan.config.line
    wanted = [line.order_port, line.feed_port, line.etf_port, line.copy_port]
    wanted += [subject.plan.config.operations.port]
    for port in filter(None, wanted):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((line.host, port))
            except OSError as error:
                raise Wrong(f"{line.host}:{port}: {error.strerror}") from error
    return f"{len([*filter(None, wanted)])} 个固定端口 fixed ports"


CHECKS: tuple[tuple[str, str, Callable[[Subject], str]], ...] = (
    ("interpreter", "解释器与断言 interpreter, assertions", _interpreter),
    ("build", "程序版本 build", _build),
    ("packages", "依赖包文件 files of the packages", _packages),
    ("config", "配置与限额 configuration, limits", _config),
    ("approved", "与批准配置清单比对 against the approved list", _approved),
    ("calendar", "交易日历 calendar", _calendar),
    ("rates", "利率 interest rate", _rates),
    ("reference", "合约基础数据 reference data", _reference),
    ("disk", "磁盘空间 disk", _disk),
    ("journal", "日志读写 journal", _journal),
    ("clock", "时钟 clocks", _clock),
    ("kernels", "计算内核与纯 Python 比对 kernels against plain Python", _kernels),
    ("keys", "签名密钥 signing key", _keys),
    ("certificates", "证书 certificates", _certificates),
    ("channels", "告警通道 alarm channels", _channels),
    ("accounts", "账户与主机名册 register of accounts and hosts", _accounts),
    ("people", "人员与岗位 people and posts", _people),
    ("ports", "端口 ports", _ports),
)


def examine(plan: DayPlan, folder: Path) -> SelfTest:
    """Try everything that the day of a plan needs, in `folder`, which must exist."""
    began, subject, findings = monotonic(), Subject(plan, folder), []
    for name, words, check in CHECKS:
        try:
            state, note = GOOD, check(subject)
        except Noted as noted:
            state, note = NOTED, str(noted)
        except Exception as error:  # whatever a check stumbles over is what it has found
            note = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
            state = BAD
        findings.append(Finding(name, words, state, note))
    took = (monotonic() - began) // MILLISECOND
    build, config = this_build().identity, config_hash(plan.config)
    return SelfTest(plan.config.node, plan.day, wall(), took, build, config, tuple(findings))


def file_record(found: SelfTest, folder: Path) -> Path:
    """Keep the record in a folder; its path."""
    path = folder / RECORD
    write_whole(path, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return path


def read_record(path: Path) -> SelfTest:
    """A record that was filed. OSError or msgspec.DecodeError when there is none."""
    return msgspec.json.decode(path.read_bytes(), type=SelfTest)


def shown(found: SelfTest) -> str:
    """The record for people at a terminal."""
    rows = [(one.words, MARKS[one.state], one.note) for one in found.findings]
    end = "可以开盘 the day may start" if found.ok else "不得开盘 the day may not start"
    head = f"{found.node} {iso(found.day)} 开盘前自检 self-test，用时 {found.took_ms} ms：{end}"
    return table(("项目 check", "结果 result", "说明 note"), rows, left=3) + f"\n{head}"
