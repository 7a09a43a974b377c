"""`quanheng worlds`: small worlds with faults, as many as wanted (reliability.md 1.4)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.commands import seeds_of
from quanheng.compose.small_crew import Crew
from quanheng.compose.small_phases import CAUSES, PHASES, PhaseWorld
from quanheng.compose.small_runs import plan_of
from quanheng.compose.small_tally import BATCH, Tally, read, total, write
from quanheng.compose.text import table
from quanheng.edge.build import this_build

TELL_EVERY = 100
INTERRUPTED = 4


@click.command("worlds")
@click.argument("count", type=click.IntRange(1), required=False)
@click.option("--from", "first", type=click.IntRange(0), default=1, help="first of COUNT seeds")
@click.option("--seed", "seeds", default="", help="seeds A..B, or one that failed")
@click.option("--phases", is_flag=True, help="the line lost in each phase by each cause (F28)")
@click.option("--twice/--once", default=True, help="run each world a second time, or not")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, help="processes at work at a time")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="file of sums, to go on with"
)
@click.option("--json", "as_json", is_flag=True, help="one JSON object on stdout")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
def worlds(
    count: int | None,
    first: int,
    seeds: str,
    phases: bool,
    twice: bool,
    jobs: int,
    out: Path | None,
    as_json: bool,
    lang: str,
) -> None:
    """Run COUNT small worlds (seeds 1 to COUNT) under drawn faults and check every step.

    With --out each thousand seeds is a line of the file; what is in it already, by the same code,
    is not run again, so that many worlds can be run in several sessions. With --phases, for each
    seed, a short day's order line is lost in every phase by every cause.
    """
    if (count is None) == (not seeds):
        raise click.UsageError("give COUNT, or --seed A..B")
    chosen = seeds_of(seeds, "--seed") if seeds else range(first, first + (count or 0))
    if phases:
        _phases(chosen, as_json, lang)
        return
    known = _known(out)
    made: list[Tally] = []
    try:
        with Crew(jobs, twice) as crew:
            for tally in _batches(crew, chosen, known):
                made.append(tally)
                if out is not None and tally not in known:
                    write(out, tally)
    except KeyboardInterrupt:
        sys.stderr.write(f"{sum(one.worlds for one in made)}/{len(chosen)}\n")
        sys.exit(INTERRUPTED)
    found = total(made)
    click.echo(json.dumps(_summary(found), ensure_ascii=False) if as_json else _text(found, lang))
    if found.failed:
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


def _known(out: Path | None) -> list[Tally]:
    """What a file of sums holds of this build."""
    try:
        return [one for one in read(out) if one.build == this_build().identity] if out else []
    except ValueError as error:
        click.echo(str(error), err=True)
        sys.exit(3)


def _batches(crew: Crew, chosen: range, known: list[Tally]) -> Iterator[Tally]:
    """The sums of each thousand seeds, those that are known among them."""
    build, done = this_build().identity, 0
    for start in range(0, len(chosen), BATCH):
        part = chosen[start : start + BATCH]
        places = (part[0], part[-1], crew.twice)
        before = [one for one in known if (one.first, one.last, one.twice) == places]
        if before:
            done += before[-1].worlds
            yield before[-1]
            continue
        tally = Tally(part[0], part[-1], build, crew.twice)
        crew.cpu = {True: 0, False: 0}
        for outcomes in crew.run(part):
            tally.add(outcomes)
            done += len(outcomes)
            if done % TELL_EVERY == 0:
                sys.stderr.write(f"{done}/{len(chosen)}\n")
        tally.cpu_first, tally.cpu_second = crew.cpu[True], crew.cpu[False]
        yield tally


def _summary(found: Tally) -> dict[str, Any]:
    shown = {"ok": not found.failed, **msgspec.structs.asdict(found)}
    return {**shown, "faults": dict(sorted(found.faults.items()))}


def _text(found: Tally, lang: str) -> str:
    lines = []
    for seed, broken in found.failed.items():
        again = "重现" if lang == "zh" else "again with"
        lines += [f"seed {seed}: {'; '.join(broken)}", plan_of(int(seed))]
        lines.append(f"    {again}: quanheng worlds --seed {seed}")
    counts, faults, failed = found.counts, sum(found.faults.values()), len(found.failed)
    each = [round(cpu / found.worlds) for cpu in (found.cpu_first, found.cpu_second)]
    if lang == "zh":
        second = f"，第二遍 {each[1]} 毫秒，摘要逐个相同" if found.twice and not failed else ""
        lines.append(
            f"小世界 {found.worlds:,} 个，故障 {faults:,} 次，"
            f"引擎死亡 {counts['deaths']:,} 次，接管 {counts['takeovers']:,} 次"
            f"（备机 {counts['followed']:,} 次），"
            f"委托报价 {counts['requests']:,} 笔，检查 {found.checks:,} 次；"
            f"恢复报价 {found.quoting:,} 个，风控停报 {found.tripped:,} 个；"
            f"失败 {failed} 个；每个用处理器 {each[0]} 毫秒{second}"
        )
    else:
        second = f", {each[1]} ms again, equal digests" if found.twice and not failed else ""
        lines.append(
            f"{found.worlds:,} small worlds, {faults:,} faults, {counts['deaths']:,} engine "
            f"deaths, {counts['takeovers']:,} take-overs ({counts['followed']:,} by the follower), "
            f"{counts['requests']:,} requests, "
            f"{found.checks:,} checks; {found.quoting:,} quote again, "
            f"{found.tripped:,} stopped by a guard; {failed} failed; "
            f"{each[0]} ms of processor time each{second}"
        )
    return "\n".join(lines)
