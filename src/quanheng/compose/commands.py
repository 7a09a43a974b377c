"""What the verbs of the command line do; each returns a JSON-able result, a text, and often ok."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose import model_inspection, replaying
from quanheng.compose.check_words import denied_text, told
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import OPEN_AT, DayPlan, World
from quanheng.compose.exchange_files import check_files
from quanheng.compose.later import reference_on
from quanheng.compose.margin_report import margin_text, plain_margin
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_file import read_oversight
from quanheng.compose.profit_report import plain_profit, profit_table
from quanheng.compose.progress import Progress
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.report import day_table, plain, share
from quanheng.compose.run_folder import RunInfo, folder_name, read_info, write_info
from quanheng.compose.scenarios import DRAWN, drawn, load, shipped
from quanheng.compose.text import table, thousands
from quanheng.config import config_hash, lines_of, read_config
from quanheng.edge.rulebook_files import read_rows, read_rulebook
from quanheng.runtime.verify import chain_head, verify_run
from quanheng.terms.days import from_clock, from_iso
from quanheng.terms.units import MILLISECOND, SECOND, Day, Nanos

LIGHT = "3s"
TAIL = "tail:20000"
"""What a light day keeps of its journals unless --journal says otherwise."""
Result = dict[str, Any]


class UsageError(Exception):
    """An option that cannot be used; the message names it."""


def cadence(text: str, option: str = "--cadence") -> Nanos:
    """Nanoseconds of 500ms or 3s. UsageError, naming the option, otherwise."""
    for suffix, unit in (("ms", MILLISECOND), ("s", SECOND)):
        number = text.removesuffix(suffix)
        if text.endswith(suffix) and number.isdigit() and int(number) > 0:
            return int(number) * unit
    raise UsageError(f"{option} {text!r} is not an interval like 500ms or 3s")


def seeds_of(text: str, option: str) -> range:
    """The seeds of N or A..B. UsageError, naming the option, otherwise."""
    first, _, last = text.partition("..")
    if not first.isdigit() or (last and not last.isdigit()) or text.endswith(".."):
        raise UsageError(f"{option} {text!r} is neither N nor A..B")
    found = range(int(first), int(last or first) + 1)
    if not found:
        raise UsageError(f"{option} {text!r} holds no seed")
    return found


def _plan(seed: int, options: dict[str, Any]) -> DayPlan:
    journal = options["journal"] or ("full" if options["cadence"] else TAIL)
    if journal not in ("full", "digest") and not (
        journal.startswith("tail:") and journal[5:].isdigit() and int(journal[5:]) > 0
    ):
        raise UsageError(f"--journal {journal!r} is not full, tail:N or digest")
    scenario = load(options["scenario"] or drawn(seed))
    config = read_config(options["config"])
    plan = DayPlan(
        scenario=scenario,
        config=config,
        seed=seed,
        day=from_iso(scenario.day) if scenario.day else FIRST_DAY,
        cadence=cadence(options["cadence"] or LIGHT),
        pick=options["contracts"],
        journal=journal,
        master=options["master"],
        agreement=options["agreement"],
        house=options["house"],
        models=options["models"],
        people=options["people"],
        oversight=options["oversight"],
        until=options["until"],
    )
    check_plan(plan)
    if journal == "digest":
        return plan
    live = bool(options.get("live"))
    run = options["out"] / folder_name(plan.day, scenario.name, seed, live)
    return msgspec.structs.replace(plan, out=fresh(run))


def check_plan(plan: DayPlan) -> None:
    """Everything the day would stumble over, found before a run folder is made."""
    if plan.until:
        try:
            until = from_clock(plan.until)
        except ValueError as error:
            raise UsageError(f"--until: {error}") from error
        if until <= OPEN_AT:
            raise UsageError(f"--until {plan.until} is not after the day's begin at 09:10")
    book = read_rulebook(plan.day, plan.agreement, plan.house)
    reference = reference_on(plan.day, plan.master, plan.pick)
    read_oversight(plan.oversight)
    given = (plan.scenario, reference, book, plan.config, plan.seed, plan.cadence)
    Openings(*given, models=plan.models, people=plan.people)


def fresh(run: Path) -> Path:
    """An empty run folder; an older run of the same name is put aside, never overwritten."""
    if run.exists():
        number = 1
        while (aside := run.with_name(f"{run.name}.{number}")).exists():
            number += 1
        run.rename(aside)
    run.mkdir(parents=True)
    return run


def _simulate(plan: DayPlan, language: str, quiet: bool = False) -> DayResult:
    label = plan.scenario.words.zh if language == "zh" else plan.scenario.words.en
    progress = Progress(f"{label} s{plan.seed}", enabled=not quiet)
    progress(0.0, "…")
    began = time.perf_counter()
    world = World(plan)
    world.begin()
    try:
        world.run(progress)
        ran = time.perf_counter() - began
        result = finish(world, ran)
    except KeyboardInterrupt:
        world.simulation.close(finished=False)
        if plan.out is not None:
            write_info(plan.out, world.info("interrupted"))
        raise
    if plan.out is not None:
        _seal(plan.out, world.info("ended"), result)
    return result


def _seal(run: Path, info: RunInfo, result: DayResult) -> None:
    info.machines, info.digest = result.machines, result.digest
    if info.journal == "full":
        info.heads = {name: chain_head(run, name).hex() for name in result.machines}
    write_info(run, info)


def _json(plan: DayPlan, result: DayResult) -> Result:
    return {
        "digest": result.digest,
        "seed": result.seed,
        "scenario": result.scenario,
        "seconds": round(result.seconds, 2),
        "run": None if plan.out is None else str(plan.out),
        "invariants": result.invariants,
        "counts": result.counts,
        "notices": [one.text() for one in result.notices],
        "classes": [plain(line) for line in result.lines],
        "profit": [plain_profit(line) for line in result.profits],
        "margin": plain_margin(result.margin),
    }


def one_day(seed: int, language: str, options: dict[str, Any]) -> tuple[Result, str, bool]:
    """Run one day and show it."""
    plan = _plan(seed, options)
    result = _simulate(plan, language)
    name = plan.scenario.words.zh if language == "zh" else plan.scenario.words.en
    text: list[str | None] = [day_table(plan.day, name, seed, result.lines, language), ""]
    text += [profit_table(result.profits, language), ""]
    text += [margin_text(result.margin, language), ""]
    text += [_counts_text(result, language), _broken(result, language)]
    text += [denied_text(result.denied, language), *(told(one, language) for one in result.trips)]
    head = "结算通知" if language == "zh" else "notice"
    text += [f"{head} {one.kind} {one.text()}" for one in result.notices]
    if plan.out is not None:
        text.append(f"run {plan.out}")
    text.append(f"digest {result.digest}")
    return _json(plan, result), "\n".join(line for line in text if line is not None), result.ok


def _counts_text(result: DayResult, language: str) -> str:
    counts = {name: thousands(value) for name, value in result.counts.items()}
    if language == "zh":
        form = (
            "用时 {s:.1f} 秒：输入 {envelopes} 条，委托报价 {requests} 笔，回报 {reports} 条，"
            "全市场成交 {trades} 笔 {contracts_traded} 张，告警 {alerts} 条"
        )
    else:
        form = (
            "{s:.1f} s: {envelopes} inputs, {requests} requests, {reports} reports, "
            "{trades} trades of {contracts_traded} contracts in the market, {alerts} alerts"
        )
    return form.format(s=result.seconds, **counts)


def _broken(result: DayResult, language: str) -> str:
    broken = {name: count for name, count in result.invariants.items() if count}
    if not broken:
        good = len(result.invariants)
        return f"不变量 {good} 项全部成立" if language == "zh" else f"all {good} invariants hold"
    head = "不变量被破坏：" if language == "zh" else "invariants broken: "
    return head + "; ".join(f"{name} = {count}" for name, count in broken.items())


def days(seeds: str, language: str, options: dict[str, Any]) -> tuple[Result, str, bool]:
    """Run one seed, or every seed of A..B, as light days."""
    wanted = seeds_of(seeds, "--seed")
    if len(wanted) == 1:
        return one_day(wanted[0], language, options)
    results: list[Result] = []
    rows: list[list[str]] = []
    good = True
    for seed in wanted:
        plan = _plan(seed, options)
        result = _simulate(plan, language)
        results.append(_json(plan, result))
        good = good and result.ok
        rows.append(_sweep_row(result))
    heads = ["seed", "scenario", "seconds", "grades", "least R..most R", "breakers", "broken"]
    text = table(heads, rows, left=2)
    digests = {str(item["seed"]): item["digest"] for item in results}
    return {"days": results, "digests": digests}, text, good


def _sweep_row(result: DayResult) -> list[str]:
    ratios = sorted(line.spread_ratio for line in result.lines if line.spread_ratio is not None)
    spread = f"{share(ratios[0], 0)}..{share(ratios[-1], 0)}" if ratios else "—"
    broken = [name for name, count in result.invariants.items() if count]
    return [
        str(result.seed),
        result.scenario,
        f"{result.seconds:.1f}",
        " ".join(line.grade for line in result.lines),
        spread,
        str(sum(line.intraday for line in result.lines)),
        ", ".join(broken) or "0",
    ]


def scenario_table(language: str) -> str:
    """Shipped scenarios, and which of them the first seeds draw."""
    rows = []
    for name in shipped():
        words = load(name).words
        seeds = [str(seed) for seed in range(1, 22) if drawn(seed) == name]
        rows.append([name, words.zh if language == "zh" else words.en, " ".join(seeds)])
    head = ["scenario", "", f"seeds 1..21 (every {len(DRAWN)} seeds draw each once)"]
    return table(head, rows, left=3)


def replay_run(run: Path, machine: str) -> tuple[Result, str, bool]:
    """Replay every machine of a run in processes of their own."""
    read_info(run)
    outcomes = replaying.replay_all(run, machine)
    good = all(item["ok"] for item in outcomes)
    compared = sum(item["compared"] for item in outcomes)
    first = next((item["first_difference"] for item in outcomes if not item["ok"]), None)
    lines = [
        f"{item['machine']}: {thousands(item['inputs'])} inputs, {thousands(item['compared'])} "
        f"records of effects and states equal"
        if item["ok"]
        else f"{item['machine']}: DIFFERENT {item['first_difference']}"
        for item in outcomes
    ]
    result = {"ok": good, "compared": compared, "first_difference": first, "machines": outcomes}
    return result, "\n".join(lines), good


def verify(run: Path) -> tuple[Result, str, bool]:
    """Check a run's journals and snapshots, and the exchange files beside them."""
    info = read_info(run)
    if not (run / "journal").is_dir():
        raise UsageError(f"{run}: the run kept no journal (--journal digest)")
    verdicts = verify_run(run)
    heads: list[str] = []
    for verdict in verdicts:
        name = verdict["machine"]
        recorded = info.heads.get(name)
        if verdict["ok"] and recorded and chain_head(run, name).hex() != recorded:
            heads.append(f"{name}: the journal ends elsewhere than run.json recorded")
    lines = [_verdict_text(dict(verdict)) for verdict in verdicts] + heads
    bad = next((dict(verdict) for verdict in verdicts if not verdict["ok"]), None)
    checks = check_files(run)
    bad_records = sum(len(check.bad) for check in checks)
    lines += [check.text() for check in checks]
    good = bad is None and not heads and not bad_records
    result: Result = {"machine": "", "seq": 0, "file": "", "offset": 0, "reason": "; ".join(heads)}
    result |= bad or {}
    result |= {
        "ok": good,
        "machines": [dict(item) for item in verdicts],
        "bad_records": bad_records,
    }
    return result, "\n".join(lines), good


def _verdict_text(verdict: Result) -> str:
    if verdict["ok"]:
        return f"{verdict['machine']}: {thousands(verdict['seq'])} records, chain whole"
    return (
        f"{verdict['machine']}: record {verdict['seq']} in {verdict['file']} at byte "
        f"{verdict['offset']}: {verdict['reason']}"
    )


def _day(option: str, text: str) -> Day:
    try:
        return from_iso(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def inspect_models(
    models: Path | None, people: Path | None, out: Path | None, language: str, docx: bool = False
) -> tuple[Result, str, bool]:
    """Test every registered model now and compare with what was released."""
    found = model_inspection.inspect(models, people)
    files = model_inspection.write(found, out, docx) if out else []
    result = model_inspection.result(found, files)
    lines = [model_inspection.listing(found, language), *(str(path) for path in files)]
    return result, "\n".join(lines), result["ok"]


def check_config(
    config: Path | None, agreement: Path | None, house: Path | None, on: str
) -> tuple[Result, str]:
    """The effective configuration and rulebook, every value with its source."""
    tree = read_config(config)
    day = _day("--day", on) if on else 20240627
    book = read_rulebook(day, agreement, house)
    rules = read_rows(day, agreement, house)
    settings = lines_of(tree)
    rows = [[row.key, str(row.value), row.authority, row.source] for row in rules.values()]
    text = "\n".join(
        [
            table(["setting", "value"], [list(item) for item in settings], left=2),
            f"configuration {config_hash(tree)}",
            "",
            table(["rule", "value", "layer", "source"], rows, left=4),
            "",
            table(["reading", "value"], [list(item) for item in book.readings.items()], left=2),
            f"rulebook of {day} {book.hash}",
        ]
    )
    result = {
        "config": dict(settings),
        "config_hash": config_hash(tree),
        "rulebook_hash": book.hash,
        "rules": {row.key: str(row.value) for row in rules.values()},
        "readings": book.readings,
    }
    return result, text


def live_day(
    seed: int, speed: int, start: str, language: str, options: dict[str, Any], standby: bool
) -> tuple[Result, str, bool]:
    """The same day as processes over TCP, with a second node where `standby` is asked for."""
    from quanheng.compose import live  # the processes' code is needed for this verb only

    if speed < 1:
        raise UsageError(f"--speed {speed} must be at least 1")
    options = {**options, "journal": "full", "live": True}
    plan = _plan(seed, options)
    if standby:
        pair = msgspec.structs.replace(plan.config.standby, enabled=True)
        config = msgspec.structs.replace(plan.config, standby=pair)
        plan = msgspec.structs.replace(plan, config=config)
    return live.run(plan, speed, start, language, dict(os.environ))


def live_plan(seed: int, scenario: str, out: Path, options: dict[str, str]) -> DayPlan:
    """The plan of a node's day. `options`: --cadence, --contracts, --until and files by name, as
    texts; what is missing is as for `demo --live`. UsageError and ConfigError as there.
    """
    files = ("config", "agreement", "house", "master", "models", "people", "oversight")
    whole: dict[str, Any] = {
        "cadence": options.get("cadence") or "500ms",
        "contracts": options.get("contracts", ""),
        "until": options.get("until", ""),
        "scenario": scenario,
        "journal": "full",
        "live": True,
        "out": out,
        **{name: Path(options[name]) if options.get(name) else None for name in files},
    }
    return _plan(seed, whole)
