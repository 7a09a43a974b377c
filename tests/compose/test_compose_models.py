"""The register of models, their records and releases, and what they let a day do (I-08 to I-10)."""

import shutil
from pathlib import Path

import docx
import msgspec
import numpy as np
import pytest
from compose_world import SMALL, call, one_line

from quanheng.authority.policy import Act, rule_of
from quanheng.compose import curve_checks, model_battery, model_files, model_registry
from quanheng.compose.curve_checks import record_curve
from quanheng.compose.model_battery import record_digest, record_of
from quanheng.compose.model_files import PACKAGE, files_of
from quanheng.compose.model_record import FAILED
from quanheng.compose.model_registry import (
    Model,
    read_models,
    read_register,
    refusal,
    released_curves,
)
from quanheng.compose.model_sources import source_hash
from quanheng.compose.people import read_people
from quanheng.config import ConfigError, ParameterConfig, read_config
from quanheng.kernels.desk.curves import arbitrage, layout
from quanheng.terms.codes import Alert

SHIPPED = PACKAGE / "data" / "models.toml"
STEP = "run `make models`: what changed is tested again and needs a new release"


def named(name: str) -> Model:
    """A shipped entry."""
    return next(model for model in read_models() if model.name == name)


def register(folder: Path, name: str, **changes: object) -> Path:
    """The shipped register with one entry changed, as a file."""
    path = folder / "models.toml"
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    inside = False
    for number, line in enumerate(lines):
        if line.startswith("name = "):
            inside = line == f'name = "{name}"'
        key = line.partition(" = ")[0]
        if inside and key in changes:
            lines[number] = f"{key} = {msgspec.json.encode(changes[key]).decode()}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def with_model(code: int) -> object:
    """The shipped configuration with a curve model chosen for one class."""
    chosen = ParameterConfig("510050", "curve_model", code)
    return msgspec.structs.replace(read_config(), parameters=(chosen,))


def test_the_register_is_in_step_with_the_sources() -> None:
    """Every entry names the sources as they are, and every release stands (R-05)."""
    people = read_people()
    for model in read_models():
        assert source_hash(files_of(model.modules)) == model.source, f"{model.name}: {STEP}"
        assert refusal(model, people) == "", f"{model.name}: {STEP}"


@pytest.mark.parametrize("name", [model.name for model in read_models()])
def test_every_battery_passes_and_gives_the_registered_record(name: str) -> None:
    """The digest of today's test is the registered one: nothing depends on clock or machine."""
    model = named(name)
    record = record_of(model)
    assert record.passed, [check for check in record.checks if check.outcome == FAILED]
    assert record_digest(record) == model.record, f"{name}: {STEP}"


def test_every_curve_model_and_every_battery_is_registered() -> None:
    """Codes of the parameter are the layout's; no battery without an entry (I-17)."""
    models = read_models()
    curves = {model.code: model.name for model in models if model.kind == "curve"}
    assert curves == dict(enumerate(layout.MODELS[1:], 1))
    others = {model.name for model in models if not model.code}
    assert others == {*model_battery.BATTERIES, "offsets"}


def test_a_helper_belongs_to_every_model_that_uses_it(tmp_path: Path) -> None:
    """The sources are the closure of imports: a changed helper changes the hash of its users."""
    svi = named("svi").modules
    found = files_of(svi)
    assert {"kernels/math/elementary.py", "kernels/desk/curves/svi_model.py"} <= set(found)
    assert "kernels/desk/curves/cubic.py" not in found
    package = tmp_path / "quanheng"
    shutil.copytree(PACKAGE / "kernels", package / "kernels")
    assert files_of(svi, package) == found
    with pytest.raises(model_files.SourceError, match=r"no module quanheng\.kernels\.none"):
        files_of(("quanheng.kernels.none",))


BAD_ENTRIES: tuple[tuple[dict[str, object], str], ...] = (
    ({"source": "0" * 64}, "its sources changed"),
    ({"record": ""}, "no test record"),
    ({"released": 0}, "not released"),
    ({"checked_by": "Q01"}, "one person"),
    ({"made_by": "T01"}, "T01 of its release is not appointed as quant"),
    ({"checked_by": "Q02"}, "Q02 of its release is not appointed as risk"),
    ({"modules": ["quanheng.kernels.gone"]}, "no module quanheng.kernels.gone"),
)


@pytest.mark.parametrize(("changes", "reason"), BAD_ENTRIES)
def test_no_day_opens_with_a_model_that_is_not_released(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    """Exit 2 with model, version and reason, before any run folder is made (R-05)."""
    path = register(tmp_path, "wing", **changes)
    out = tmp_path / "runs"
    refused = call("day", *SMALL, "--models", path, "--out", out)
    version = named("wing").version
    one_line(refused, 2, f"model wing version {version}", reason)
    assert not out.exists()


def test_the_policy_says_who_releases() -> None:
    """Quant proposes, risk seconds (O-04); the register is held to the same table."""
    rule = rule_of(Act.MODEL_RELEASE)
    assert (rule.proposers, rule.seconders) == (("quant",), ("risk",))


def test_a_chosen_model_must_be_released_too_others_may_wait(tmp_path: Path) -> None:
    """An unreleased SVI stops only the days that ask for it."""
    path = register(tmp_path, "svi", released=0)
    assert released_curves(read_config(), path) == (1, 3, 4)
    with pytest.raises(ConfigError, match=r"model svi version \d+: it is not released"):
        released_curves(with_model(layout.SVI), path)
    assert layout.SVI in released_curves(with_model(layout.SVI))
    with pytest.raises(ConfigError, match="no released model has code 9"):
        released_curves(with_model(9))


BAD_FILES = (
    ("name = ", "Name = ", "unknown field"),
    ('name = "svi"', 'name = "wing"', "model wing stands twice"),
    ('kind = "pricing"', 'kind = "guess"', "kind 'guess' is not one of"),
    ("code = 2", "code = 3", "model svi: code 3 is not 2"),
    ('name = "black76"', 'name = "black"', "model black76 is missing"),
)


@pytest.mark.parametrize(("old", "new", "reason"), BAD_FILES)
def test_a_register_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    """ConfigError names the file and the entry."""
    path = tmp_path / "models.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=reason):
        read_models(path)
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read_models(tmp_path / "none.toml")


def test_a_released_model_can_run_a_day(tmp_path: Path) -> None:
    """A desk that chooses SVI for every class quotes with it, without a fallback (I-17)."""
    config = tmp_path / "desk.toml"
    shipped = (PACKAGE / "data" / "desk.toml").read_text(encoding="utf-8")
    row = '\n[[parameters]]\nscope = "*"\nname = "curve_model"\nvalue = 2\n'
    config.write_text(shipped + row, encoding="utf-8")
    options = ("--seed", 3, "--scenario", "calm", *SMALL, "--config", config, "--journal", "digest")
    done = call("day", *options, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    assert not any(done.json["invariants"].values())


def test_inspect_models_writes_records_and_forms(tmp_path: Path) -> None:
    """A record and a form per model, Chinese first, people and hashes in the form (I-09, I-10)."""
    done = call("inspect", "models", "--out", tmp_path, "--docx", "--json")
    assert done.code == 0, done.err
    entries = read_register()
    names = [model.name for model in (*entries.models, *entries.strategies)]
    assert [row["name"] for row in done.json["models"]] == names
    kinds = ("record-{}.md", "release-{}.md", "release-{}.docx")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        kind.format(name) for kind in kinds for name in names
    )
    paper = docx.Document(str(tmp_path / "release-svi.docx"))
    lines = [one.text for one in paper.paragraphs]
    rows = {row.cells[0].text: row.cells[1].text for row in paper.tables[0].rows}
    assert rows["经办 / made by"] == "Q01" and rows["复核 / checked by"] == "R01"
    assert any(line.startswith("复核（签字）") for line in lines)
    assert "模型测试记录 / Model test record: SVI 曲线 / SVI curve" in lines
    assert "kernels/desk/curves/__init__.py" in paper.tables[1].rows[4].cells[1].text
    tests = [row.cells[0].text for row in paper.tables[2].rows]
    assert len(tests) > 3 and all(tests)
    form = (tmp_path / "release-svi.md").read_text(encoding="utf-8")
    assert form.startswith("# 模型上线审批表 / Model release form")
    assert "| 经办 / made by | Q01 |" in form
    assert named("svi").source in form
    record = (tmp_path / "record-svi.md").read_text(encoding="utf-8")
    assert "# 模型测试记录 / Model test record: SVI" in record


def test_inspect_models_fails_when_a_release_no_longer_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1 for a moved record or source of a released model; an unreleased one stays blank."""
    monkeypatch.setattr(model_battery, "speed", lambda model: 0.0)
    path = register(tmp_path, "cubic", record="1" * 64)
    done = call("inspect", "models", "--models", path, "--lang", "en")
    assert done.code == 1
    assert "released, but its tests now give" in done.out
    path = register(tmp_path, "cubic", source="1" * 64)
    done = call("inspect", "models", "--models", path, "--json")
    assert done.code == 1
    problems = {row["name"]: row["problem"] for row in done.json["models"]}
    assert "its sources changed" in problems.pop("cubic")
    assert not any(problems.values())
    path = register(tmp_path, "cubic", released=0, made_by="", checked_by="")
    done = call("inspect", "models", "--models", path, "--out", tmp_path / "out", "--json")
    assert done.code == 0
    form = (tmp_path / "out" / "release-cubic.md").read_text(encoding="utf-8")
    assert "| 经办 / made by |  |" in form
    assert "it is not released" in form


def test_the_battery_sees_a_bad_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits that are off by a vol point fail, and a failed record has no digest to register."""
    honest = curve_checks.fitted

    def off(*given: object) -> object:
        row = honest(*given)
        row[layout.P] += 0.01
        return row

    monkeypatch.setattr(curve_checks, "fitted", off)
    record = record_curve(layout.WING, named("wing").modules)
    failed = {check.name for check in record.checks if check.outcome == FAILED}
    assert "scenarios" in failed
    assert record_digest(record) == ""


def test_the_squeezed_surfaces_have_arbitrage_before_the_repair() -> None:
    """The check of the repair is not empty: most of its surfaces need one."""
    faults = 0
    for step in range(9):
        rows = curve_checks._surface(layout.SVI, 0.1 * step)
        report = np.empty((4, arbitrage.REPORT))
        faults += arbitrage.check(rows, 4, report) > 0
    assert faults >= 5


def test_alerts_of_the_curves_have_codes() -> None:
    """Stable codes, no sentences (house.md law 5)."""
    codes = {"curve_rung", "model_fallback", "model_not_released", "forward_rung"}
    assert codes <= {alert.value for alert in Alert}
    assert model_registry.ALWAYS == ("black76", "wing")
