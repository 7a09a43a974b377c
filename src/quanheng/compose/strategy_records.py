"""Release records of strategies with their scenario argument (I-08 to I-10).

One JSON file per strategy and version, `data/strategies/NAME-VERSION.json`: the sources it speaks
of, every scene with what was expected and seen, and the release by two people. The record is for
those sources only; `quanheng inspect strategies` runs the scenes again and says what has moved.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from quanheng.compose.model_registry import Model, unappointed
from quanheng.compose.model_sources import source_hash, system_version
from quanheng.compose.people import People
from quanheng.compose.scenes import Argument, Scene, SceneFile, Seen
from quanheng.config import ConfigError
from quanheng.kernels.desk.plugged import PLUGGED
from quanheng.terms.days import iso
from quanheng.terms.units import Day

SHIPPED = "data/strategies"
SOURCES = ("maker", "kernels/desk")
"""Rooms that a strategy's behaviour comes from."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept. Persons are opaque ids; `released` 0 before a release."""

    strategy: str
    version: str
    source: str  # SHA-256 of the sources
    system: str
    scenes: tuple[Seen, ...]
    made_by: str = ""  # 经办
    checked_by: str = ""  # 复核
    released: Day = 0


def strategy_source(entry: Model | None = None) -> str:
    """SHA-256 of everything that decides what a strategy quotes; a plug-in's own files too."""
    house = Path(__file__).parents[1]
    found = [path for room in SOURCES for path in sorted((house / room).rglob("*.py"))]
    own = source_hash(tuple(path.relative_to(house).as_posix() for path in found))
    if entry is None or entry.code < PLUGGED:
        return own
    return hashlib.sha256(f"{own} {entry.source}".encode()).hexdigest()


def record_of(strategy: Argument, seen: Sequence[Seen], entry: Model | None = None) -> Record:
    """The record of scenes as they ran now, not released; `entry` stands in the register."""
    source, shown = strategy_source(entry), tuple(seen)
    return Record(strategy.name, strategy.version, source, system_version(), shown)


def released(record: Record, by: str, seconded_by: str, day: Day, people: People) -> Record:
    """The record with its release. ValueError for a failed scene or two who may not."""
    failed = [one.scene for one in record.scenes if not one.passed]
    why = f"scene {failed[0]} failed" if failed else unappointed(by, seconded_by, people)
    if why:
        raise ValueError(f"strategy {record.strategy} {record.version}: {why}")
    return msgspec.structs.replace(record, made_by=by, checked_by=seconded_by, released=day)


def file_of(strategy: Argument) -> str:
    """Name of the file of a strategy's record."""
    return f"{strategy.name}-{strategy.version}.json"


def read_record(strategy: Argument, folder: Path | None = None) -> Record | None:
    """The kept record, None when there is none. ConfigError for a file that is no record."""
    place: Traversable = folder if folder else files("quanheng") / SHIPPED
    path = place / file_of(strategy)
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def write_record(folder: Path, strategy: Argument, record: Record) -> None:
    """Keep a record."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(record), indent=1)
    (folder / file_of(strategy)).write_bytes(text + b"\n")


def problem(kept: Record | None, seen: Sequence[Seen], entry: Model | None = None) -> str:
    """What is wrong with a strategy: a failed scene, or a release that no longer stands."""
    failed = [one.scene for one in seen if not one.passed]
    if failed:
        return f"scenes failed: {', '.join(failed)}"
    if kept is None:
        return "no record is kept"
    if kept.source != strategy_source(entry):
        return "recorded for other sources"
    before = {one.scene: one for one in kept.scenes}
    moved = [one.scene for one in seen if before.get(one.scene) != one]
    return f"seen otherwise than recorded: {', '.join(moved)}" if moved else ""


def refusal(kept: Record | None, people: People) -> str:
    """Why the strategy is not released, "" when it is."""
    if kept is None or not kept.released:
        return "it is not released"
    return unappointed(kept.made_by, kept.checked_by, people)


def render(
    found: SceneFile, strategy: Argument, seen: Sequence[Seen], kept: Record | None, remark: str,
    came: str, entry: Model | None,
) -> str:  # fmt: skip
    """The release form with its scenario argument as Markdown, Chinese first."""
    words = strategy.words
    rows = [
        ("策略 / strategy", f"{words.zh} / {words.en} ({strategy.name})"),
        ("版本 / version", strategy.version),
        ("来源 / origin", came),
        ("源文件摘要 / source hash", strategy_source(entry)),
        ("经办 / made by", kept.made_by if kept else ""),
        ("复核 / checked by", kept.checked_by if kept else ""),
        ("发布日期 / released on", iso(kept.released) if kept and kept.released else ""),
        ("说明 / remark", remark or "可用 / may be used"),
    ]
    lines = [
        "# 策略上线审批表 / Strategy release form",
        "",
        "| 项目 / item | 内容 / value |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in rows]
    lines += ["", "## 情景论证 / Scenario argument", ""]
    scenes = {scene.name: scene for scene in found.scenes}
    for one in seen:
        expected = next(each for each in strategy.expected if each.scene == one.scene)
        lines += _scene(scenes[one.scene], expected.words.zh, expected.words.en, one)
    return "\n".join(lines)


def _scene(scene: Scene, zh: str, en: str, seen: Seen) -> list[str]:
    outcome = "通过 / passed" if seen.passed else "不通过 / failed"
    lines = [
        f"### {scene.words.zh} / {scene.words.en} ({scene.name}): {outcome}",
        "",
        f"{scene.day}, `{scene.scenario}`, seed {scene.seed}, {scene.contracts} contracts; "
        f"digest `{seen.digest}`",
        "",
        f"- 预期：{zh}",
        f"- expected: {en}",
        "",
        "| 条件 / condition | 所见 / seen | 结果 / outcome |",
        "|---|---:|---|",
    ]
    for check in seen.checks:
        told = "通过 / passed" if check.passed else "不通过 / failed"
        lines.append(f"| {check.metric} {check.bound} | {check.seen or '—'} | {told} |")
    others = ", ".join(f"{name} {text}" for name, text in seen.metrics.items())
    return [*lines, "", f"所见 / seen: {others}", ""]
