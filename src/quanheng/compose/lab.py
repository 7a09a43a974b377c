"""The laboratory (实验室测试, L-01): the scenes of a member test, played against a gateway.

Scenes are the `.scene` files beside `edge.lab`, protocol scripts with words for the form. Against
our own exchange each scene gets a fresh day whose clock it moves; against somebody's gateway it
waits, and what it cannot do there is reported as not run.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from itertools import count
from pathlib import Path

import msgspec

from quanheng.compose.run_folder import RunError
from quanheng.config import Config
from quanheng.edge.clock import monotonic, wall
from quanheng.edge.gateway_parts import base36
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.lab.desk import DeskSide
from quanheng.edge.lab.frame_text import Identity
from quanheng.edge.lab.house import House
from quanheng.edge.lab.line import Address, Heard, LineSide, barred
from quanheng.edge.lab.script import BrokenLineError, NotRunError, Script
from quanheng.edge.loop import Loop, tcp_connect, tcp_listener
from quanheng.exchange.front import FLOW_LIMIT
from quanheng.exchange.messages import MarketScenario, Member, VenueOpen
from quanheng.rulebook.calendar import next_trading
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain, Contract
from quanheng.terms.days import day_nanos, from_clock, midnight
from quanheng.terms.units import MILLISECOND, MONEY_PER_YUAN, SECOND, Nanos, Ticks
from quanheng.wire.profile import Profile

CLOCKS = {
    "any": "10:00",
    "opening": "09:16",
    "continuous": "10:00",
    "intraday": "10:00",
    "closing": "14:57:10",
}
"""Phases a scene may ask for, and when our own exchange stands in them."""
LETTER, GATEWAY_LETTER = "L", "G"
IDS_A_SECOND = 25_000
"""Client ids a run may use before it meets those of a run that began a second later."""
"""First characters of the client ids of scenes, and of our gateway's own."""
DEAR: Ticks = 300
"""Least settlement price of the contracts that scenes trade in: a breaker needs room below."""
CASH_YUAN = 1_000_000_000
PASSED, FAILED, NOT_RUN = "passed", "failed", "not_run"


class LabPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is tested and as whom. No `address`: our own exchange, started here."""

    config: Config
    book: Rulebook
    chain: Chain
    sender: str = "QUANHENG"
    system: str = "new"  # or old: the generation of the trading system
    phase: str = "continuous"  # where the gateway at `address` stands
    address: Address | None = None
    standby: Address | None = None
    flow: int = 0  # messages a second that the gateway takes, 0 unknown
    patience: Nanos = 5 * SECOND


class SceneResult(msgspec.Struct, frozen=True):
    """One row of the form. `actual` is Chinese first; `at` the wall clock's."""

    name: str
    zh: str
    en: str
    item: str
    steps: tuple[str, ...]
    expected: str
    actual: str
    verdict: str
    at: Nanos
    took: Nanos
    record: tuple[Heard, ...]


def scenes(system: str) -> list[Script]:
    """The shipped scenes for the new or the old trading system, in their order."""
    folder = files("quanheng.edge.lab") / "scenes"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".scene"))
    every = [Script(name, (folder / name).read_text("utf-8")) for name in names]
    return [scene for scene in every if scene.header.get("session", system) == system]


def scenes_hash(chosen: list[Script]) -> str:
    """SHA-256 over names and lines of scenes, hex: which set a form speaks of."""
    digest = hashlib.sha256()
    for scene in chosen:
        digest.update(f"{scene.name}\0{scene.text}\0".encode())
    return digest.hexdigest()


def run(plan: LabPlan, chosen: list[Script]) -> Iterator[SceneResult]:
    """Play scenes in order. RunError when nobody listens at the address."""
    if plan.address is not None:
        for address in filter(None, (plan.address, plan.standby)):
            try:
                tcp_connect(*address).close()
            except OSError as error:
                reason = error.strerror or str(error)
                raise RunError(f"{address[0]}:{address[1]}: no gateway: {reason}") from error
    began = 0 if plan.address is None else day_nanos(wall()) // SECOND
    # No epoch stands in them (digits 2 to 4): one above the engine's would fence the gateway.
    first = began * IDS_A_SECOND
    ids = (f"{LETTER}000{base36(first + number, 6)}" for number in count(1))
    for scene in chosen:
        result = _play(plan, scene, ids)
        if result.verdict == FAILED and plan.address is not None:
            _sweep(plan)
        yield result


def _play(plan: LabPlan, scene: Script, ids: Iterator[str]) -> SceneResult:
    at, began = wall(), monotonic()
    record: tuple[Heard, ...] = ()
    try:
        _check_able(plan, scene)
        with ExitStack() as stack:
            side = _side(plan, scene, stack)
            try:
                scene.play(side, values_of(plan), ids)
            finally:
                record = tuple(side.record)
        verdict, actual = PASSED, _passed(record)
    except NotRunError as reason:
        verdict, actual = NOT_RUN, f"未执行：{reason}"
    except BrokenLineError as broken:
        verdict, actual = FAILED, _failed(broken)
    except OSError as error:
        verdict, actual = FAILED, f"连接失败：{error.strerror or error}"
    zh, _, en = scene.title.partition(" | ")
    head = scene.header
    words = (tuple(scene.steps), head["expect"], actual, verdict)
    took = monotonic() - began
    return SceneResult(scene.name.split(".")[0], zh, en, head["item"], *words, at, took, record)


def _sweep(plan: LabPlan) -> None:
    """Withdraw at somebody's gateway what a scene that failed left behind, with our own: it reads
    the day's reports and so knows what rests.
    """
    with contextlib.suppress(OSError):
        addresses = tuple(filter(None, (plan.address, plan.standby)))
        side = DeskSide(gateway_plan(plan), addresses, None, plan.patience)
        side.close()


def _check_able(plan: LabPlan, scene: Script) -> None:
    """NotRunError, before anything is sent, for what somebody's gateway cannot be asked."""
    if plan.address is None:
        return
    phase = scene.header["phase"]
    if phase not in ("any", plan.phase):
        raise NotRunError(f"需要网关处于 {phase} 阶段，现为 {plan.phase} other phase")
    reason = barred(scene.lines, plan.standby is not None)
    if not reason and not plan.flow and any("{flow}" in line.rest for line in scene.lines):
        reason = "不知流量上限（--flow）the flow limit is not known"
    if reason:
        raise NotRunError(reason)


def _side(plan: LabPlan, scene: Script, stack: ExitStack) -> LineSide | DeskSide:
    """The line of a scene; what it opened is closed with the stack."""
    house: House | None = None
    addresses = tuple(filter(None, (plan.address, plan.standby)))
    if plan.address is None:
        house, addresses = _house(plan, scene.header["phase"], stack)
    member = plan.config.member
    side: LineSide | DeskSide
    if scene.header.get("side") == "desk":
        side = DeskSide(gateway_plan(plan), addresses, house, plan.patience)
    else:
        who = Identity(plan.sender, plan.chain.day, member.pbu, member.account, member.branch)
        side = LineSide(who, addresses, house, plan.patience)
    stack.callback(side.close)
    return side


def _house(plan: LabPlan, phase: str, stack: ExitStack) -> tuple[House, tuple[Address, ...]]:
    """Our exchange in a phase of a fresh day, and the addresses of its two lines."""
    member = plan.config.member
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-"))
    listeners = (tcp_listener("127.0.0.1", 0), tcp_listener("127.0.0.1", 0))
    profile = Profile(member.account, member.pbu, member.branch)
    house = House(opening(plan), profile, Path(folder), Loop(), listeners)
    stack.callback(house.close)
    house.advance(midnight(plan.chain.day) + from_clock(CLOCKS[phase]))
    if phase == "intraday":
        code, price = values_of(plan)["A"], values_of(plan)["A.jump"]
        for way in ("sell", "buy"):
            house.do("fill", [way, price, "1", code])
    return house, tuple(listener.getsockname()[:2] for listener in listeners)


def gateway_plan(plan: LabPlan) -> GatewayPlan:
    """Our own gateway in front of an engine whose ids begin with LETTER."""
    config, member = plan.config, plan.config.member
    return GatewayPlan(
        day=plan.chain.day,
        comp_id=plan.sender,
        account=member.account,
        pbu=member.pbu,
        branch=member.branch,
        letter=GATEWAY_LETTER,
        engine_letter=LETTER,
        messages_per_second=config.line.messages_per_second,
        dead_man=config.line.dead_man_ms * MILLISECOND,
        speed=1,
        underlyings={row.code: row.underlying for row in plan.chain.contracts},
    )


def opening(plan: LabPlan) -> VenueOpen:
    """A quiet day of our exchange: the member under test, and an ordinary account against it."""
    member = plan.config.member
    cash = CASH_YUAN * MONEY_PER_YUAN
    other = "Z9999" if member.pbu != "Z9999" else "Z9998"
    volume = tuple((klass.underlying, 0) for klass in plan.chain.classes)
    return VenueOpen(
        day=plan.chain.day,
        chain=plan.chain,
        rulebook=plan.book,
        seed=1,
        members=(
            Member(member.pbu, member.account, member.maker, member.kind, cash),
            Member(other, "B999999999", "", "general", cash),
        ),
        scenario=MarketScenario(
            name="lab", flow=0, informed=0, inquiries=0, makers=(), volume=volume
        ),
        snapshot_nanos=60 * SECOND,
        switches={"system": plan.system},
    )


def contracts_of(chain: Chain) -> dict[str, Contract]:
    """The contracts scenes speak of: A and C of one partition of ours, B of the other, and D with
    a lower limit that one can stay under (missing where the day has none).
    """
    slots = range(len(chain.contracts))
    rows = chain.contracts
    dear = [
        s for s in slots if rows[s].previous_settle >= DEAR and _jump(rows[s]) < rows[s].limit_up
    ]
    even, odd = ([s for s in dear if s % 2 == half] for half in (0, 1))
    picks = dict(zip("AC", even, strict=False)) | dict(zip("B", odd, strict=False))
    low = [s for s in slots if rows[s].limit_down > rows[s].step]
    picks |= dict(zip("D", low, strict=False))
    return {letter: rows[slot] for letter, slot in picks.items()}


def _jump(row: Contract) -> Ticks:
    """A price whose trade calls the intraday auction: half as much again, and ten ticks."""
    price = row.previous_settle * 3 // 2 + 10
    return -(-price // row.step) * row.step


def values_of(plan: LabPlan) -> dict[str, str]:
    """What stands for the names in braces of a scene; prices with four decimals."""
    member = plan.config.member
    values = {
        "pbu": member.pbu,
        "branch": member.branch,
        "sender": plan.sender,
        "nextday": str(next_trading(plan.book.calendar, plan.chain.day)),
    }
    flow = FLOW_LIMIT if plan.address is None else plan.flow
    if flow:
        values["flow"] = str(flow)
    for letter, row in contracts_of(plan.chain).items():
        step = row.step
        middle = row.previous_settle // step * step
        values[letter] = row.code
        values[f"{letter}.many"] = str(row.limit_max + 1)
        for name, price in (
            ("deep", -(-max(row.limit_down, step) // step) * step),  # rests, never trades
            ("high", row.limit_up // step * step),
            ("bid", middle - 2 * step),  # near the market, for fills
            ("ask", middle + 2 * step),
            ("over", row.limit_up // step * step + step),
            ("under", row.limit_down - step),
            ("jump", _jump(row)),
        ):
            values[f"{letter}.{name}"] = f"{price // 10_000}.{price % 10_000:04d}"
    return values


FRAME_WORDS = {
    "Logon": "登录应答",
    "Logout": "退出",
    "Heartbeat": "心跳",
    "Report": "执行报告",
    "Response": "一般应答",
    "Reject": "申报拒绝",
    "PlatformState": "平台状态",
    "Info": "分区信息",
    "Sync": "同步应答",
    "End": "回报结束",
    "Public": "公共广播",
}
_CODES = ("103", "102", "300", "status")


def _passed(record: tuple[Heard, ...]) -> str:
    """What was heard, by kind, with the codes of refusals."""
    counts: dict[str, int] = {}
    codes: dict[str, int] = {}
    for heard in record:
        if heard.way != "<":
            continue
        name, *words = heard.text.split(" ")
        counts[name] = counts.get(name, 0) + 1
        fields = dict(word.split("=", 1) for word in words)
        found = [fields.get(key, "") for key in _CODES]
        found.append(fields.get("remark", "") if name in ("Reject", "Sync") else "")
        for code in found:
            if code.isdigit() and len(code) > 3:
                codes[code] = codes.get(code, 0) + 1
    text = "、".join(f"{FRAME_WORDS.get(name, name)} {number}" for name, number in counts.items())
    told = "、".join(f"{code}×{many}" if many > 1 else code for code, many in codes.items())
    return f"与预期一致。收到：{text}" + (f"；返回码 {told}" if told else "")


NOTHING_CAME = dict.fromkeys(
    ("nothing was heard", "no such frame was heard", "no event happened"), "没有收到应有的消息"
)


def _failed(broken: BrokenLineError) -> str:
    """Step, line, what was due, and what came; the frame says it all where there is one."""
    where = f"第 {broken.number} 步「{broken.step}」不符（{broken.place}）"
    came = broken.heard or NOTHING_CAME.get(broken.why, broken.why)
    return f"{where}：应为 {broken.wanted}；实际 {came}"
