"""`quanheng worlds`: small worlds with faults, as many as wanted (reliability.md 1.4)."""

import json
import sys
import time
from typing import Any

import click

from quanheng.compose.commands import seeds_of
from quanheng.compose.small_phases import CAUSES, PHASES, PhaseWorld
from quanheng.compose.small_runs import Outcome, differences, plan_of, quiet, run_world
from quanheng.compose.text import table


@click.command("worlds")
@click.argument("count", type=click.IntRange(1), required=False)
@click.option("--seed", "seeds", default="", help="seeds A..B, or one that failed")
@click.option("--phases", is_flag=True, help="the line lost in each phase by each cause (F28)")
@click.option("--once", is_flag=True, help="do not run each world a second time")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on stdout")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
def worlds(
    count: int | None, seeds: str, phases: bool, once: bool, as_json: bool, lang: str
) -> None:
    """Run COUNT small worlds (seeds 1 to COUNT) under drawn faults and check every step; with
    --phases, for each seed, a short day's order line lost in every phase by every cause.
    """
    if (count is None) == (not seeds):
        raise click.UsageError("give COUNT, or --seed A..B")
    chosen = seeds_of(seeds, "--seed") if seeds else range(1, (count or 0) + 1)
    if phases:
        _phases(chosen, as_json, lang)
        return
    began = time.process_time()
    outcomes = []
    for number, seed in enumerate(chosen, 1):
        quiet(number)
        outcomes.append(run_world(seed))
        if number % 50 == 0:
            sys.stderr.write(f"{number}/{len(chosen)}\n")
    if not once:
        differences(outcomes)
    result = _summary(outcomes, time.process_time() - began, once)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        click.echo(_text(outcomes, result, lang))
    if result["failed"]:
        sys.exit(1)


def _phases(seeds: range, as_json: bool, lang: str) -> None:
    """Every phase by every cause: what rested before, during and after; exit 1 for a broken rule.

    The sums are over the seeds.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    failed: dict[str, list[str]] = {}
    for seed in seeds:
        for phase in PHASES:
            for cause in CAUSES:
                world = PhaseWorld(phase, cause, seed)
                world.run()
                if world.checks.broken:
                    failed[f"{phase} / {cause} / seed {seed}"] = world.checks.broken
                    continue
                seen = rows.setdefault((phase, cause), [0] * len(world.seen))
                for place, one in enumerate(world.seen.values()):
                    seen[place] += one.resting
    if as_json:
        told = [{"phase": key[0], "cause": key[1], "resting": row} for key, row in rows.items()]
        click.echo(json.dumps({"ok": not failed, "failed": failed, "rows": told}))
    else:
        zh = ("阶段", "原因", "之前", "期间", "阶段末", "之后")
        heads = zh if lang == "zh" else ("phase", "cause", "before", "during", "end", "after")
        click.echo(table(heads, [[*key, *map(str, row)] for key, row in rows.items()], left=2))
        for name, broken in failed.items():
            click.echo(f"{name}: {'; '.join(broken)}")
    if failed:
        sys.exit(1)


def _summary(outcomes: list[Outcome], seconds: float, once: bool) -> dict[str, Any]:
    counts: dict[str, int] = {}
    faults: dict[str, int] = {}
    for one in outcomes:
        for name, number in one.counts.items():
            counts[name] = counts.get(name, 0) + number
        for fault in one.faults:
            kind = fault.split()[1]
            faults[kind] = faults.get(kind, 0) + 1
    return {
        "ok": not any(one.broken for one in outcomes),
        "worlds": len(outcomes),
        "failed": {one.seed: one.broken for one in outcomes if one.broken},
        "checks": sum(one.checks for one in outcomes),
        "quoting": sum(one.quoting for one in outcomes),
        "tripped": sum(bool(one.trips) for one in outcomes),
        "twice": not once,
        "counts": counts,
        "faults": dict(sorted(faults.items())),
        "seconds": round(seconds, 1),
    }


def _text(outcomes: list[Outcome], result: dict[str, Any], lang: str) -> str:
    lines = []
    for one in outcomes:
        if one.broken:
            again = "重现" if lang == "zh" else "again with"
            lines += [f"seed {one.seed}: {'; '.join(one.broken)}", plan_of(one.seed)]
            lines.append(f"    {again}: quanheng worlds --seed {one.seed}")
    counts, faults = result["counts"], sum(result["faults"].values())
    failed = len(result["failed"])
    if lang == "zh":
        lines.append(
            f"小世界 {result['worlds']:,} 个，故障 {faults:,} 次，"
            f"引擎死亡 {counts['deaths']:,} 次，接管 {counts['takeovers']:,} 次"
            f"（备机 {counts['followed']:,} 次），"
            f"委托报价 {counts['requests']:,} 笔，检查 {result['checks']:,} 次；"
            f"恢复报价 {result['quoting']:,} 个，风控停报 "
            f"{result['tripped']:,} 个；失败 {failed} 个，用时 {result['seconds']} 秒（处理器）"
        )
    else:
        lines.append(
            f"{result['worlds']:,} small worlds, {faults:,} faults, {counts['deaths']:,} engine "
            f"deaths, {counts['takeovers']:,} take-overs ({counts['followed']:,} by the follower), "
            f"{counts['requests']:,} requests, "
            f"{result['checks']:,} checks; {result['quoting']:,} quote again, "
            f"{result['tripped']:,} stopped by a guard; {failed} failed, "
            f"{result['seconds']} s of processor time"
        )
    return "\n".join(lines)
