"""The scenario argument of a strategy's release (I-08 to I-10): scenes, conditions, records."""

import json
from pathlib import Path

import docx
import msgspec
import pytest
from compose_world import call, one_line

from quanheng.compose.people import read_people
from quanheng.compose.scenes import ALERTS, NAMED, Condition, Seen, check, read_scenes
from quanheng.compose.strategy_records import (
    problem,
    read_record,
    record_of,
    refusal,
    released,
    write_record,
)
from quanheng.config import ConfigError
from quanheng.kernels.desk.strategies.layout import NAMES
from quanheng.maker.parameters import INDEX, TABLE


def scene_text(name: str, **more: str) -> str:
    given = {"scenario": "calm", "day": "2024-06-27", "until": "09:33", **more}
    lines = [f'{key} = "{value}"' for key, value in given.items()]
    words = 'words = { zh = "x", en = "x" }'
    return "\n".join(
        ["[[scenes]]", f'name = "{name}"', words, "seed = 4", 'contracts = "12"', *lines, ""]
    )


def strategy_text(checks: dict[str, str], settings: str = "settings = []") -> str:
    text = (
        f'[[strategies]]\nname = "s"\nversion = "1"\nwords = {{ zh = "x", en = "x" }}\n{settings}\n'
    )
    for name in NAMED:
        text += f'[[strategies.expected]]\nscene = "{name}"\nwords = {{ zh = "甲", en = "a" }}\n'
        found = checks.get(name, '{ metric = "broken", at_most = "0" }')
        text += f"checks = [{found}]\n"
    return text


def scenes_file(folder: Path, checks: dict[str, str] | None = None, settings: str = "") -> Path:
    """Seven scenes of three minutes; expiry really is one."""
    path = folder / "scenes.toml"
    scenes = [scene_text(name) for name in NAMED if name != "expiry"]
    scenes.append(scene_text("expiry", day="2024-07-24"))
    text = "\n".join(scenes) + strategy_text(checks or {}, settings or "settings = []")
    path.write_text(text, encoding="utf-8")
    return path


def test_compose_scenes_of_the_shipped_strategies_are_all_argued_and_recorded() -> None:
    """I-08: what stands behind the maker's orders has an argument and a passed record."""
    found = read_scenes()
    assert [scene.name for scene in found.scenes] == list(NAMED)
    assert NAMES[TABLE[INDEX["strategy"]].default] in [one.name for one in found.strategies]
    for strategy in found.strategies:
        record = read_record(strategy)
        assert record is not None and (record.strategy, record.version) == (
            strategy.name, strategy.version,
        )  # fmt: skip
        assert [one.scene for one in record.scenes] == list(NAMED)
        for one, expected in zip(record.scenes, strategy.expected, strict=True):
            assert one.passed, (one.scene, one.checks)
            # The kept judgement is of the conditions that stand in the data now.
            again = tuple(check(each, one.metrics | _none(one.metrics)) for each in expected.checks)
            assert again == one.checks, one.scene


def _none(metrics: dict[str, str]) -> dict[str, str]:
    """Alerts that did not occur are not kept."""
    return {name: "0" for name in ALERTS if name not in metrics}


CHECKS = (
    ("grade", "AA", "", "A", False),
    ("grade", "B", "", "A", True),
    ("grade", "", "B", "A", False),
    ("participation", "0.9", "", "0.900000000000", True),
    ("participation", "0.9", "", "0.899999999999", False),
    ("profit_yuan", "-100", "", "-101", False),
    ("broken", "", "0", "0", True),
    ("intraday", "0.5", "", "", False),
)


@pytest.mark.parametrize(("metric", "least", "most", "seen", "good"), CHECKS)
def test_compose_scene_conditions(
    metric: str, least: str, most: str, seen: str, good: bool
) -> None:
    """Exact decimals; the better grade is the larger; what is undefined fails."""
    metrics = {metric: seen} if seen else {}
    assert check(Condition(metric, least, most), metrics).passed is good


BAD = (
    ('name = "calm"', 'name = "other"', "scene calm is missing"),
    ('scene = "crash"', 'scene = "calm"', "scene crash is not argued"),
    ('metric = "broken"', 'metric = "luck"', "unknown metric 'luck'"),
    ('at_most = "0"', 'at_most = "0", at_least = "0"', "give at_least or at_most"),
    ('at_most = "0"', 'at_most = "many"', "'many' is not a value of it"),
    ('[{ metric = "broken", at_most = "0" }]', "[]", "no condition that could fail"),
    ("seed = 4", "seeds = 4", "unknown field `seeds`"),
)


@pytest.mark.parametrize(("old", "new", "words"), BAD, ids=[words for _, _, words in BAD])
def test_compose_scenes_refuse_a_file_that_argues_nothing(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = scenes_file(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"scenes\.toml") as error:
        read_scenes(path)
    assert words in str(error.value)


def test_compose_inspect_strategies_judges_what_it_sees(tmp_path: Path) -> None:
    """A condition that the day breaks fails the verb; the form says what was wanted and seen."""
    wanted = '{ metric = "participation", at_least = "0.5" }'
    broken = '{ metric = "volume", at_most = "0" }'
    path = scenes_file(tmp_path, {"calm": f"{wanted}, {broken}"})
    args = ("inspect", "strategies", "--scenes", path, "--records", tmp_path / "records")
    done = call(*args, "--scene", "calm", "--out", tmp_path / "forms", "--docx", "--json")
    assert done.code == 1, done.err
    [one] = done.json["strategies"]
    assert one["problem"] == "scenes failed: calm" and not one["passed"]
    seen = {check["metric"]: check for check in one["scenes"][0]["checks"]}
    assert seen["participation"]["passed"] and float(seen["participation"]["seen"]) > 0.5
    assert not seen["volume"]["passed"] and int(seen["volume"]["seen"]) > 0
    form = (tmp_path / "forms" / "release-s-1.md").read_text(encoding="utf-8")
    assert "策略上线审批表" in form and "预期：甲" in form and "不通过 / failed" in form
    paper = docx.Document(str(tmp_path / "forms" / "release-s-1.docx"))
    lines = [one.text for one in paper.paragraphs]
    assert lines[0].startswith("策略上线审批表") and lines[-1].startswith("部门负责人（签字）")
    assert "情景论证 / Scenario argument" in lines and "· 预期：甲" in lines
    one_line(call(*args, "--scene", "storm"), 2, "--scene", "storm")


def test_compose_inspect_strategies_compares_with_the_kept_record(tmp_path: Path) -> None:
    """The expiry scene opens from a carried state; its record stands until something moves."""
    checks = {"expiry": '{ metric = "expired", at_least = "12" }'}
    path = scenes_file(
        tmp_path, checks, 'settings = [{ scope = "*", name = "width", value = 4000 }]'
    )
    records = tmp_path / "records"
    args = ("inspect", "strategies", "--scenes", path, "--records", records, "--scene", "expiry",
            "--json")  # fmt: skip
    first = call(*args)
    assert first.code == 1 and first.json["strategies"][0]["problem"] == "no record is kept"
    seen = first.json["strategies"][0]["scenes"]
    assert int(seen[0]["metrics"]["expired"]) >= 12 and seen[0]["metrics"]["broken"] == "0"
    [strategy] = read_scenes(path).strategies
    record = record_of(strategy, msgspec.convert(seen, tuple[Seen, ...]))
    write_record(records, strategy, record)
    second = call(*args)
    assert second.code == 0, second.out
    assert second.json["strategies"][0]["scenes"] == seen
    assert second.json["strategies"][0]["refusal"] == "it is not released"
    people = read_people()
    entered = released(record, "Q01", "R01", 20240628, people)
    assert refusal(entered, people) == "" and problem(entered, entered.scenes) == ""
    other = msgspec.structs.replace(record, source="0" * 64)
    assert problem(other, record.scenes) == "recorded for other sources"
    moved = msgspec.structs.replace(record.scenes[0], digest="0" * 64)
    assert problem(record, (moved,)) == "seen otherwise than recorded: expiry"
    for by, seconded in (("Q01", "Q01"), ("T01", "R01"), ("Q01", "T01")):
        with pytest.raises(ValueError, match="strategy s 1: "):
            released(record, by, seconded, 20240628, people)
    failed = msgspec.structs.replace(
        record.scenes[0],
        checks=(msgspec.structs.replace(record.scenes[0].checks[0], passed=False),),
    )
    bad = msgspec.structs.replace(record, scenes=(failed,))
    with pytest.raises(ValueError, match="scene expiry failed"):
        released(bad, "Q01", "R01", 20240628, people)
    (records / "s-1.json").write_text(json.dumps({"strategy": 5}), encoding="utf-8")
    one_line(call(*args), 2, "s-1.json")
