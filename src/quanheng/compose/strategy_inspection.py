"""`quanheng inspect strategies`: run the scenes, judge them, write forms (I-08 to I-10)."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.commands import Result, UsageError
from quanheng.compose.model_registry import origin, read_register
from quanheng.compose.people import read_people
from quanheng.compose.release_paper import release_paper
from quanheng.compose.scenes import Argument, Scene, SceneFile, Seen, read_scenes, run_scene
from quanheng.compose.strategy_records import Record, problem, read_record, refusal, render
from quanheng.compose.text import table
from quanheng.config import Config, read_config
from quanheng.terms.days import iso

_HEADS = {
    "zh": ("策略", "版本", "来源", "情景", "条件", "经办", "复核", "发布日", "状态"),
    "en": ("strategy", "version", "origin", "scenes", "conditions", "made by", "checked",
           "released", "standing"),
}  # fmt: skip
_CHECKS = {
    "zh": ("策略", "情景", "条件", "要求", "所见", "结果"),
    "en": ("strategy", "scene", "condition", "wanted", "seen", "outcome"),
}
_OUTCOME = {"zh": ("不通过", "通过"), "en": ("failed", "passed")}

Task = tuple[Scene, Argument, Config, Path | None]


def run_scenes(
    found: SceneFile, strategies: Sequence[Argument], only: Sequence[str], config: Config,
    workers: int, models: Path | None = None,
) -> dict[str, list[Seen]]:  # fmt: skip
    """What every strategy shows in the scenes (`only` some when not empty), by its name."""
    scenes = [scene for scene in found.scenes if not only or scene.name in only]
    tasks = [(scene, strategy, config, models) for strategy in strategies for scene in scenes]
    if workers <= 1:
        results = [_one(task) for task in tasks]
    else:
        with ProcessPoolExecutor(max_workers=workers) as pool:
            results = list(pool.map(_one, tasks))
    seen: dict[str, list[Seen]] = {strategy.name: [] for strategy in strategies}
    for (_, strategy, *_), result in zip(tasks, results, strict=True):
        seen[strategy.name].append(result)
    return seen


def _one(task: Task) -> Seen:
    return run_scene(*task)


def inspect_strategies(
    only: Sequence[str], workers: int, language: str, options: dict[str, Any]
) -> tuple[Result, str, bool]:
    """Run the scenes and compare with the kept records; forms into the folder `out`."""
    found = read_scenes(options["scenes"])
    named = [scene.name for scene in found.scenes]
    unknown = [name for name in only if name not in named]
    if unknown:
        raise UsageError(f"--scene {unknown[0]!r} is not one of {', '.join(named)}")
    if workers < 1:
        raise UsageError(f"--workers {workers} must be at least 1")
    people = read_people(options["people"])
    register: Path | None = options["models"]
    entries = {entry.name: entry for entry in read_register(register).strategies}
    config = read_config(options["config"])
    seen = run_scenes(found, found.strategies, only, config, workers, register)
    rows, checks, results, forms = [], [], [], []
    out: Path | None = options["out"]
    for strategy in found.strategies:
        mine = seen[strategy.name]
        kept = read_record(strategy, options["records"])
        entry = entries.get(strategy.name)
        came = origin(entry) if entry is not None else "—"
        wrong = problem(kept, mine, entry)
        remark = wrong or refusal(kept, people)
        rows.append(_row(strategy, came, mine, kept, remark, language))
        checks += _checks(strategy, mine, language)
        results.append(
            {
                "strategy": strategy.name,
                "version": strategy.version,
                "origin": came,
                "scenes": msgspec.to_builtins(mine),
                "passed": all(one.passed for one in mine),
                "problem": wrong,
                "refusal": refusal(kept, people),
            }
        )
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            forms.append(out / f"release-{strategy.name}-{strategy.version}.md")
            text = render(found, strategy, mine, kept, remark, came, entry)
            forms[-1].write_text(text, encoding="utf-8")
            if options["docx"]:
                day = kept.released if kept else 0
                forms.append(release_paper(forms[-1].with_suffix(".docx"), text, "", day))
    good = not any(result["problem"] for result in results)
    text = "\n\n".join(
        [
            table(_CHECKS[language], checks, left=4),
            table(_HEADS[language], rows, left=3),
            *map(str, forms),
        ]
    )
    answer = {"ok": good, "strategies": results, "files": [str(path) for path in forms]}
    return answer, text, good


def _row(
    strategy: Argument, came: str, seen: list[Seen], kept: Record | None, remark: str,
    language: str,
) -> list[str]:  # fmt: skip
    held = sum(check.passed for one in seen for check in one.checks)
    return [
        strategy.name,
        strategy.version,
        came,
        f"{sum(one.passed for one in seen)}/{len(seen)}",
        f"{held}/{sum(len(one.checks) for one in seen)}",
        (kept.made_by if kept else "") or "—",
        (kept.checked_by if kept else "") or "—",
        iso(kept.released) if kept and kept.released else "—",
        remark or ("可用" if language == "zh" else "may be used"),
    ]


def _checks(strategy: Argument, seen: list[Seen], language: str) -> list[list[str]]:
    return [
        [strategy.name, one.scene, check.metric, check.bound, check.seen or "—",
         _OUTCOME[language][check.passed]]
        for one in seen
        for check in one.checks
    ]  # fmt: skip
