"""What an inspector sees of models and strategies: their register and the release forms (I-08 to
I-10, I-17).
"""

from pathlib import Path

from quanheng.compose.model_registry import Model, origin, read_register, refusal
from quanheng.compose.people import read_people
from quanheng.compose.release_paper import release_paper
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenes import read_scenes
from quanheng.compose.strategy_records import read_record, render
from quanheng.compose.strategy_records import refusal as strategy_refusal
from quanheng.edge.documents import COUNT, Cell, Column, Document, Section, Table
from quanheng.terms.days import iso
from quanheng.terms.units import Day

_USABLE = "可用"


def register_document(day: Day) -> tuple[Document, str]:
    """The register of models and strategies with tests and releases, and what to say about it.

    RunError while nothing of it was tested, or nothing was released by two people.
    """
    register, people = read_register(), read_people()
    entries = (*register.models, *register.strategies)
    tested = [one for one in entries if one.record]
    released = [one for one in entries if not refusal(one, people)]
    if not tested or not released:
        raise RunError(
            f"登记 {len(entries)} 个模型与策略，已测试 {len(tested)} 个，已上线 {len(released)} 个"
        )
    rows = tuple(_row(one, refusal(one, people)) for one in entries)
    table = Table(
        title="登记", english="Register",
        columns=(
            Column("名称", "name"), Column("类别", "kind"), Column("版本", "version", COUNT),
            Column("来源", "origin"), Column("源码摘要", "sources"),
            Column("测试记录摘要", "tests"),
            Column("经办", "made by"), Column("复核", "checked"), Column("发布日", "released"),
            Column("状态", "standing"),
        ),
        rows=rows,
        note="测试记录由 quanheng inspect models、inspect strategies 重跑核对，摘要不同即失效。",
    )  # fmt: skip
    section = Section(
        title="模型与策略", english="Models and strategies", sheet="登记", blocks=(table,)
    )
    document = Document(
        title="模型与策略登记表", english="Register of models and strategies", day=day,
        facts=(("登记数", str(len(entries))), ("已测试", str(len(tested))),
               ("可用", str(len(released)))),
        sections=(section,),
    )  # fmt: skip
    said = f"登记 {len(entries)} 个，有测试记录 {len(tested)} 个，经两人上线可用 {len(released)} 个"
    return document, said


def _row(one: Model, why: str) -> tuple[Cell, ...]:
    return (
        one.name, one.kind, one.version, origin(one), one.source[:12], one.record[:12],
        one.made_by, one.checked_by, iso(one.released) if one.released else "", why or _USABLE,
    )  # fmt: skip


def strategy_forms(out: Path) -> tuple[list[Path], str]:
    """Release forms with the argued scenes of every strategy that has a kept record.

    RunError when none has one, or none was released by two people.
    """
    found, people = read_scenes(), read_people()
    entries = {one.name: one for one in read_register().strategies}
    out.mkdir(parents=True, exist_ok=True)
    files, scenes, usable = [], 0, 0
    for strategy in found.strategies:
        kept = read_record(strategy)
        if kept is None:
            continue
        entry, why = entries.get(strategy.name), strategy_refusal(kept, people)
        came = origin(entry) if entry else ""
        text = render(found, strategy, kept.scenes, kept, why, came, entry)
        path = out / f"release-{strategy.name}-{strategy.version}.docx"
        files.append(release_paper(path, text, "", kept.released))
        scenes += len(kept.scenes)
        usable += not why
    if not usable:
        raise RunError(f"有测试记录的策略 {len(files)} 个，均未经两人上线")
    return files, f"策略 {len(files)} 个，情景论证 {scenes} 个，经办与复核齐备 {usable} 个"
