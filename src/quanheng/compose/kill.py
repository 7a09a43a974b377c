"""The verb `kill`: preview a scope, pull it, wait for the proof, show it (I-20, I-21)."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quanheng.compose.text import table
from quanheng.edge.kill_client import KillClient, gateway_of
from quanheng.terms.units import MILLISECOND

POLL = 0.005
"""Seconds between two looks at a pull that is not whole yet."""
SHOWN = 12
"""What is still alive is listed up to here; the JSON has all of it."""

Answer = tuple[dict[str, Any], str, bool]

WHY = {
    "zh": {"refused": "交易所拒绝撤单", "unanswered": "撤单未应答", "waiting": "等待发送"},
    "en": {"refused": "cancel refused", "unanswered": "no answer yet", "waiting": "not sent yet"},
}


def preview(run: Path, scope: str, language: str) -> Answer:
    """What a pull of the scope would withdraw now."""
    with KillClient(gateway_of(run)) as gateway:
        result = dict(gateway.ask(do="preview", scope=scope))
    counts = Counter((row["underlying"], row["what"], row["trader"]) for row in result["items"])
    heads = ["underlying", "kind", "trader", "count"]
    if language == "zh":
        heads = ["合约品种", "类别", "交易员", "笔数"]
    words = {"quote": "双边报价", "order": "普通委托"} if language == "zh" else {}
    rows = [[u, words.get(kind, kind), who, str(n)] for (u, kind, who), n in sorted(counts.items())]
    total = len(result["items"])
    end = f"范围 {scope}：{total} 笔将被撤销" if language == "zh" else f"{total} in {scope}"
    return result, table(heads, rows) + "\n" + end if rows else end, True


def pull(run: Path, scope: str, by: str, seconds: float, language: str) -> Answer:
    """Pull the scope and wait until it is whole, at most `seconds`; ok when it is."""
    with KillClient(gateway_of(run)) as gateway:
        proof = gateway.ask(do="pull", scope=scope, by=by)["proof"]
        until = time.monotonic() + seconds
        while proof["done"] < 0 and time.monotonic() < until:
            time.sleep(POLL)
            proof = gateway.ask(do="proof", scope=scope)["proof"]
    return {"proof": proof}, proof_text(proof, language), proof["done"] >= 0


def release(run: Path, scope: str, by: str, seconded_by: str, language: str) -> Answer:
    """End a pull; the engine's own state is raised by its desk."""
    with KillClient(gateway_of(run)) as gateway:
        result = dict(gateway.ask(do="release", scope=scope, by=by, seconded_by=seconded_by))
    text = f"已解除：{scope}" if language == "zh" else f"released {scope}"
    return result, text, True


def proof_text(proof: Mapping[str, Any], language: str) -> str:
    """The proof of a pull in words: each time in milliseconds since the click."""
    zh = language == "zh"
    times = {
        name: "—" if proof[name] < 0 else f"{proof[name] / MILLISECOND:.1f}"
        for name in ("first_cancel", "last_cancel", "done", "elapsed")
    }
    dead, live = len(proof["dead"]), proof["live"]
    form = (
        "范围 {scope}，操作人 {by}：共 {items} 笔，已确认撤销 {dead} 笔，未撤 {live} 笔\n"
        "首笔撤单 {first_cancel} 毫秒，末笔撤单 {last_cancel} 毫秒，全部确认 {done} 毫秒，"
        "其间拒绝新申报 {barred} 笔"
    )
    if not zh:
        form = (
            "scope {scope} by {by}: {items} items, {dead} confirmed dead, {live} alive\n"
            "first cancel {first_cancel} ms, last {last_cancel} ms, all confirmed {done} ms, "
            "{barred} new requests refused"
        )
    text = form.format(
        scope=proof["scope"], by=proof["by"], items=proof["items"], dead=dead, live=len(live),
        barred=proof["barred"], **times,
    )  # fmt: skip
    if not live:
        return text
    heads = ["合约", "委托号", "原因", "代码"] if zh else ["contract", "order", "why", "code"]
    words = WHY["zh" if zh else "en"]
    rows = [
        [row["contract"], row["client_id"] or "—", words[row["why"]], str(row["reason"] or "—")]
        for row in live[:SHOWN]
    ]
    return text + "\n" + table(heads, rows)
