"""`quanheng inspect models`: run the batteries, write records and release forms (I-08 to I-10)."""

from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.model_battery import record_digest, record_of, speed, untested
from quanheng.compose.model_record import TestRecord, render
from quanheng.compose.model_registry import Model, changed, origin, read_register, refusal
from quanheng.compose.people import People, read_people
from quanheng.compose.release_paper import release_paper
from quanheng.compose.text import table
from quanheng.config import ConfigError
from quanheng.terms.days import iso

_WORDS = {
    "zh": ("模型", "类别", "版本", "来源", "测试", "微秒", "经办", "复核", "发布日", "状态"),
    "en": (
        "model", "kind", "version", "origin", "tests", "us", "made by", "checked", "released",
        "standing",
    ),
}  # fmt: skip


class Inspected(msgspec.Struct, frozen=True):
    """A model, its record of now and what is wrong with either."""

    model: Model
    record: TestRecord
    digest: str
    microseconds: float
    problem: str
    """Why the check fails: a failed battery, or a release that no longer stands; "" otherwise."""
    refusal: str
    """Why a day may not use the model; "" when it may."""


def _problem(model: Model, record: TestRecord, digest: str) -> str:
    if not record.passed:
        bad = [check.name for check in record.checks if check.outcome == "failed"]
        return f"tests failed: {', '.join(bad)}"
    if not model.released:
        return ""
    moved = changed(model)
    if moved:
        return f"released, but {moved}"
    if digest != model.record:
        return f"released, but its tests now give {digest[:12]}, registered {model.record[:12]}"
    return ""


def inspect(models: Path | None = None, people: Path | None = None) -> list[Inspected]:
    """Run every registered model's battery. ConfigError for a bad register or file of people."""
    staff: People = read_people(people)
    found = []
    register = read_register(models)
    for model in (*register.models, *register.strategies):
        try:
            record = record_of(model)
        except ConfigError as error:  # a plug-in that is not what was registered
            record = untested(model)
            why = refusal(model, staff)
            found.append(Inspected(model, record, "", float("nan"), str(error), why))
            continue
        digest = record_digest(record)
        problem = _problem(model, record, digest)
        found.append(Inspected(model, record, digest, speed(model), problem, refusal(model, staff)))
    return found


def release_form(item: Inspected) -> str:
    """The release form of a model as Markdown; fields of what is not released stay blank."""
    model = item.model
    rows = [
        ("模型 / model", f"{item.record.title_zh} / {item.record.title_en} ({model.name})"),
        ("类别 / kind", model.kind),
        ("版本 / version", str(model.version)),
        ("来源 / origin", origin(model)),
        ("源文件摘要 / source hash", model.source),
        ("测试记录摘要 / digest of the test record", model.record or "—"),
        ("测试结论 / result", "通过 / passed" if item.record.passed else "不通过 / failed"),
        ("经办 / made by", model.made_by),
        ("复核 / checked by", model.checked_by),
        ("发布日期 / released on", iso(model.released) if model.released else ""),
        ("说明 / remark", item.problem or item.refusal or "可用 / may be used"),
    ]
    lines = [
        "# 模型上线审批表 / Model release form",
        "",
        "| 项目 / item | 内容 / value |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows), ""])


def write(found: list[Inspected], out: Path, docx: bool = False) -> list[Path]:
    """Records and forms as files of a folder; returns them. With `docx` also the form with its
    record behind it as a document to be signed (I-10).
    """
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for item in found:
        name = item.model.name
        form, record = release_form(item), render(item.record)
        for stem, text in ((f"record-{name}.md", record), (f"release-{name}.md", form)):
            (out / stem).write_text(text, encoding="utf-8")
            files.append(out / stem)
        if docx:
            path = out / f"release-{name}.docx"
            files.append(release_paper(path, form, record, item.model.released))
    return files


def result(found: list[Inspected], files: list[Path]) -> dict[str, Any]:
    """What --json prints; speeds are left out, so two runs of one tree agree."""
    rows = [
        {
            "name": item.model.name,
            "kind": item.model.kind,
            "version": item.model.version,
            "origin": origin(item.model),
            "source": item.model.source,
            "record": item.digest,
            "passed": item.record.passed,
            "made_by": item.model.made_by,
            "checked_by": item.model.checked_by,
            "released": item.model.released,
            "problem": item.problem,
            "refusal": item.refusal,
        }
        for item in found
    ]
    good = not any(item.problem for item in found)
    return {"ok": good, "models": rows, "files": [str(path) for path in files]}


def listing(found: list[Inspected], language: str) -> str:
    """The table for people."""
    rows = []
    for item in found:
        model = item.model
        done = sum(check.outcome == "passed" for check in item.record.checks)
        rows.append(
            [
                model.name,
                model.kind,
                str(model.version),
                origin(model),
                f"{done}/{len(item.record.checks)}",
                f"{item.microseconds:.2f}" if item.microseconds > 0.0 else "—",
                model.made_by or "—",
                model.checked_by or "—",
                iso(model.released) if model.released else "—",
                item.problem or item.refusal or ("可用" if language == "zh" else "may be used"),
            ]
        )
    return table(_WORDS[language], rows, left=4)
