"""What the blows of a fail-over drill cost: times, duties, invariants; the record that is filed."""

import json
import shutil
import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.closing import lines_of as duties_of
from quanheng.compose.closing import makers_of, referee
from quanheng.compose.drill import FAILOVER, Check, write_drill
from quanheng.compose.live_closing import LiveWorld
from quanheng.compose.live_nodes import lines_of
from quanheng.compose.live_setup import Prepared
from quanheng.duties.dataset import check_dataset
from quanheng.duties.rating import rate
from quanheng.edge.clock import wall
from quanheng.edge.documents import SHARE, shown
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.report_store import stored_reports
from quanheng.exchange.layout import CASH, FEES, LONG, SHORT
from quanheng.exchange.state import PARTITIONS
from quanheng.exchange.venue import Venue
from quanheng.exchange.venue import invariants as venue_invariants
from quanheng.maker.invariants import invariants as maker_invariants
from quanheng.runtime.journal import INPUT
from quanheng.runtime.live import BusinessClock
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments
from quanheng.runtime.verify import verify_run
from quanheng.terms.codes import Exec
from quanheng.terms.orders import NewOrder, Quote, QuoteAck, Requests
from quanheng.terms.units import MILLISECOND, Nanos

KINDS = {
    "engine": "引擎进程",
    "host": "整机进程",
    "partition": "断网",
    "to_arbiter": "单向：主机→仲裁",
    "from_arbiter": "单向：仲裁→主机",
    "to_follower": "单向：主机→备机",
    "from_follower": "单向：备机→主机",
    "to_exchange": "单向：主机→交易所",
    "from_exchange": "单向：交易所→主机",
}
"""How the leader was struck. One way: what it sends does not arrive, or what is sent to it."""
ONE_WAY = tuple(kind for kind in KINDS if kind.startswith(("to_", "from_")))
TITLE = "主备切换演练 Fail-over between two hosts"


def epoch_of(name: str) -> int:
    """The epoch in a client id."""
    return int(name[1:4], 36)


def withdrawn(prepared: Prepared) -> Iterator[tuple[int, Nanos]]:
    """(epoch, business time) of each quote side of ours that left the exchange's books."""
    member = prepared.plan.config.member
    for name in PARTITIONS:
        for report in stored_reports(prepared.run / "exchange" / f"{member.pbu}-{name}.bin"):
            body = report.body
            if isinstance(body, QuoteAck):
                for old in (body.old_bid, body.old_ask):
                    if old[:1] == member.letter:
                        yield epoch_of(old), body.at


def accepted(prepared: Prepared) -> list[tuple[int, Nanos]]:
    """(epoch, business time) of each quote of ours that the exchange accepted, in order of time."""
    member = prepared.plan.config.member
    found = []
    for name in PARTITIONS:
        for report in stored_reports(prepared.run / "exchange" / f"{member.pbu}-{name}.bin"):
            body = report.body
            good = isinstance(body, QuoteAck) and not body.cancel and body.exec == Exec.ACCEPTED
            if good and body.client_id[:1] == member.letter:
                found.append((epoch_of(body.client_id), body.at))
    return sorted(found, key=lambda one: one[1])


def stale(prepared: Prepared) -> tuple[int, int, int]:
    """(requests of ours that reached the exchange, of those in an epoch that was over, of those
    with an id that an earlier one had).
    """
    decode = envelope_decoder(Venue).decode
    letter = prepared.plan.config.member.letter
    highest = count = late = 0
    seen: dict[str, int] = {}
    for frame in read_segments(prepared.run / "journal" / Venue.NAME, Venue.NAME):
        if frame.kind != INPUT:
            continue
        body = decode(frame.payload).body
        if isinstance(body, Requests):
            for request in body.requests:
                if request.client_id[:1] == letter:
                    count += 1
                    highest = max(highest, epoch_of(request.client_id))
                    late += epoch_of(request.client_id) < highest
                    if isinstance(request, NewOrder | Quote):
                        seen[request.client_id] = seen.get(request.client_id, 0) + 1
    return count, late, sum(times - 1 for times in seen.values())


def checks(prepared: Prepared, world: LiveWorld) -> dict[str, int]:
    """Counts of violations after the run: nothing of a fill is lost or doubled, nothing is left.
    The day is cut wherever the last blow was, so it is not settled.
    """
    venue, maker = world.venue.state, world.maker.state
    found = {f"venue: {name}": count for name, count in venue_invariants(venue).items()}
    desk, book, account = venue.desks[0], maker.book, venue.acct[0]
    own = maker_invariants(maker)
    for name in ("orders unknown", "orders resting", "reports missing"):
        found[f"maker: {name}"] = own[name]
    wrong = (book.long_qty != account[LONG]) | (book.short_qty != account[SHORT])
    found["positions differ"] = int(wrong.sum())
    fund = venue.fund[0]
    found["premium differs"] = int(book.cash + book.fees != fund[CASH] + fund[FEES])
    indices = [maker.next_index.get(name, 1) for name in PARTITIONS]
    found["reports missed or repeated"] = sum(
        abs(ours - theirs) for ours, theirs in zip(indices, desk.next_index, strict=True)
    )
    found["left at the exchange"] = len(desk.quotes) + len(desk.orders)
    found["chains broken"] = sum(not item["ok"] for item in verify_run(prepared.run))
    return found


def measure(prepared: Prepared, clock: BusinessClock, blows: list[dict[str, Any]]) -> None:
    """Milliseconds from each blow to: the other node may lead, the last old quote is gone, the
    first new one is accepted; and the longest time until the next blow without a new quote. Where
    nobody else was let lead, the first three stay empty.
    """
    run = prepared.run
    granted = [one for one in read_lines(lines_of(run, "arbiter")) if one["what"] == "granted"]
    quoted = [one for one in read_lines(lines_of(run, "maker")) if one["what"] == "stages"]
    gone: dict[int, list[Nanos]] = {}
    ours = [clock.when(at) for _, at in accepted(prepared)]
    for epoch, at in withdrawn(prepared):
        gone.setdefault(epoch, []).append(clock.when(at))
    for number, blow in enumerate(blows):
        begin = blow["at"]
        end = blows[number + 1]["at"] if number + 1 < len(blows) else 1 << 62
        led = [one for one in granted if begin < one["at"] < end]
        took = [one for one in led if one["node"] != blow["node"]]
        first = [one["at"] for one in quoted if begin < one["at"] < end]
        epoch = max((one["epoch"] for one in granted if one["at"] < begin), default=0)
        pulled = [at for at in gone.get(epoch, []) if begin < at < end]
        mine = [begin, *(at for at in ours if begin < at < end)]
        blow["took_over"] = bool(took)
        blow["gap"] = max((_ms(n - m) for m, n in pairwise(mine)), default=None)
        blow["detected"] = _ms(led[0]["at"] - begin) if led else None
        blow["pulled"] = _ms(max(pulled) - begin) if pulled and led else None
        blow["quoting"] = _ms(first[0] - begin) if first and led else None


def _ms(elapsed: Nanos) -> int:
    return elapsed // MILLISECOND


def table_of(blows: list[dict[str, Any]]) -> list[str]:
    """Markdown rows by kind: count, take-overs, and min/median/max of the four times."""
    heads = ("方式", "次数", "对方节点接管", "发现 ms", "旧报价全部撤出 ms", "恢复报价 ms",
             "最长无新报价 ms")  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for kind, words in KINDS.items():
        mine = [one for one in blows if one["kind"] == kind]
        if not mine:
            continue
        cells = [words, str(len(mine)), str(sum(one["took_over"] for one in mine))]
        for name in ("detected", "pulled", "quoting", "gap"):
            found = [one[name] for one in mine if one[name] is not None]
            text = "—"
            if found:
                text = f"{min(found)} / {statistics.median(found):.0f} / {max(found)}"
                text += f"（{len(found)}）" if len(found) < len(mine) else ""
            cells.append(text)
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def participation(world: LiveWorld, stop: str) -> dict[str, str]:
    """What the blows cost of the duty: participation of each class up to the stop of the day, in
    per cent, as the exchange's own recount has it.
    """
    world.plan = msgspec.structs.replace(world.plan, until=stop)
    referee(world)
    chain, book = world.reference.chain, world.book
    dataset = check_dataset(world.collector.dataset(chain, book, makers_of(world)))
    found = duties_of(world, rate(dataset, chain.day, chain.day, lambda _: book))
    return {
        one.underlying: shown(one.participation, SHARE)
        for one in found if one.participation is not None
    }  # fmt: skip


def expected(result: dict[str, Any], blows: list[dict[str, Any]]) -> list[Check]:
    """What the drill expects, seen or not."""
    broken = result["broken"]
    struck = [one for one in blows if one["kind"] in ("engine", "host", "partition")]
    return [
        Check("全部计划次数均已实施", "every blow that was planned was struck",
              len(blows) == result["kills"]),
        Check("主机失效后对方节点每次均接管", "the other node took over after every blow",
              all(one["took_over"] for one in struck)),
        Check("没有旧任期的委托到达交易所（始终单一报价方）",
              "no request of an epoch that was over reached the exchange", not result["stale"]),
        Check("无漏单、无重复", "nothing lost or sent twice",
              not result["doubled"] and not broken.get("reports missed or repeated")),
        Check("双方持仓与资金一致、日志完整、副本一致", "both sides agree, chains and copy whole",
              not broken),
    ]  # fmt: skip


def network_words(result: dict[str, Any]) -> str:
    """How the two hosts were joined."""
    if not result["netns"]:
        return "单机双节点"
    shape = result["shape"]
    if not shape:
        return "网络命名空间双主机"
    return (
        f"网络命名空间双主机，单向延迟 {shape['delay']} ± {shape['jitter']} 毫秒，"
        f"丢包 {shape['loss']}%，乱序 {shape['reorder']}%"
    )


def record(out: Path, result: dict[str, Any], blows: list[dict[str, Any]]) -> str:
    """Write both files; the text of the second."""
    broken = result["broken"]
    duty = "、".join(f"{name} {share}" for name, share in result["participation"].items())
    text = "\n".join([
        "# 主备切换演练记录", "",
        f"切换 {len(blows)} 次，{network_words(result)}，节点间链路"
        f"{'双向认证 TLS' if result['tls'] else '明文'}，"
        f"交易所对第二个登录{'顶替前者' if result['displace'] else '拒绝'}，"
        f"速度 ×{result['speed']}，合约 {result['contracts']} 只，种子 {result['seed']}。"
        "每格为最小 / 中位 / 最大毫秒。", "",
        *table_of(blows), "",
        f"- 到达交易所的委托报价 {result['requests']} 笔，其中旧任期 {result['stale']} 笔，"
        f"重复编号 {result['doubled']} 笔",
        f"- 回报重复或丢失、持仓资金差异等不变量 {result['invariants']} 项，"
        f"被破坏 {len(broken)} 项 {broken or ''}",
        f"- 对义务的影响（至停止时的参与率）：{duty or '—'}",
        f"- 全日进程重启 {result['restarts']} 次，最后任期 {result['epoch']}", "",
    ])  # fmt: skip
    (out / "failover.md").write_text(text, encoding="utf-8")
    (out / "failover.json").write_text(json.dumps({**result, "blows": blows}, indent=1))
    return text


def file_record(
    drills: Path, out: Path, result: dict[str, Any], blows: list[dict[str, Any]]
) -> Path:
    """File the record where inspection looks for drills (I-52); an older one is put aside."""
    folder = drills / FAILOVER
    if folder.exists():
        folder.rename(drills / f"{FAILOVER}-until-{wall()}")
    (folder / "documents").mkdir(parents=True)
    names = ["failover.md", "failover.json"]
    for name in names:
        shutil.copyfile(out / name, folder / "documents" / name)
    times = [one["quoting"] for one in blows if one["quoting"] is not None]
    injected = [
        f"{network_words(result)}；{len(blows)} 次：" + "、".join(
            f"{words} {count} 次" for kind, words in KINDS.items()
            if (count := sum(one["kind"] == kind for one in blows))
        ),
        f"切换时间：恢复报价中位 {statistics.median(times):.0f} 毫秒，最长 {max(times)} 毫秒"
        if times else "没有一次接管",
        f"损失：旧任期委托 {result['stale']} 笔，重复 {result['doubled']} 笔，"
        f"不变量被破坏 {len(result['broken'])} 项",
        "对义务的影响：至停止时各品种参与率 " + (
            "、".join(f"{name} {share}" for name, share in result["participation"].items()) or "—"
        ),
    ]  # fmt: skip
    write_drill(folder, TITLE, injected, expected(result, blows), "", [], names)
    return folder
