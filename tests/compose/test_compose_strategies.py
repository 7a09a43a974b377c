"""The register of strategies, and what the desk has set (I-08 to I-11, I-16, I-17, I-19)."""

import shutil
from pathlib import Path

import msgspec
import pytest
from compose_world import call

from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.model_battery import record_digest, record_of
from quanheng.compose.model_files import files_of
from quanheng.compose.model_registry import read_register, refusal, released_strategies
from quanheng.compose.model_sources import source_hash
from quanheng.compose.people import read_people
from quanheng.compose.scenarios import load
from quanheng.config import Config, ConfigError, ParameterConfig, read_config
from quanheng.kernels.desk.strategies.layout import DUTY, NAMES
from quanheng.runtime.envelope import Source
from quanheng.terms.commands import SetParameter
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND

SHIPPED = Path(__file__).parents[2] / "src" / "quanheng" / "data"
STRATEGIES = read_register().strategies


def without_release(folder: Path, name: str) -> Path:
    """The shipped register, one strategy's release taken away."""
    path = folder / "models.toml"
    text = (SHIPPED / "models.toml").read_text(encoding="utf-8")
    head, _, tail = text.partition(f'name = "{name}"\nkind = "strategy"')
    tail = tail.replace("released = 20", "released = 0 #", 1)
    path.write_text(f'{head}name = "{name}"\nkind = "strategy"{tail}', encoding="utf-8")
    return path


def choosing(*parameters: ParameterConfig) -> Config:
    return msgspec.structs.replace(read_config(), parameters=parameters)


def test_every_strategy_is_registered_in_step_and_released() -> None:
    """Codes are the parameter's; the sources are the running ones; two people stand behind."""
    assert [(one.code, one.name) for one in STRATEGIES] == list(enumerate(NAMES))[1:]
    people = read_people()
    for one in STRATEGIES:
        assert source_hash(files_of(one.modules)) == one.source, f"{one.name}: make models"
        assert refusal(one, people) == "", f"{one.name}: make models"


@pytest.mark.parametrize("one", STRATEGIES, ids=lambda one: one.name)
def test_every_battery_of_a_strategy_gives_the_registered_record(one) -> None:  # type: ignore[no-untyped-def]
    """Order, cap, monotone, mirrored, sizes, formula, bits (I-09)."""
    record = record_of(one)
    assert record.passed
    assert len(record.checks) == 7
    assert record_digest(record) == one.record


def test_a_strategy_that_is_not_released_is_left_out_or_named(tmp_path: Path) -> None:
    """Not chosen: the others remain. Chosen, or the default: no day opens, exit 2 (I-10)."""
    path = without_release(tmp_path, "duty")
    assert [code for code, _ in released_strategies(read_config(), path)] == [1, 2, 3]
    with pytest.raises(ConfigError, match="strategy duty version 2: it is not released"):
        released_strategies(choosing(ParameterConfig("510050", "strategy", DUTY)), path)
    with pytest.raises(ConfigError, match="strategy lean version 1: it is not released"):
        released_strategies(read_config(), without_release(tmp_path, "lean"))
    out = tmp_path / "runs"
    done = call("day", "--contracts", "12", "--out", out, "--models", path)
    assert done.code == 2, done.err
    assert "strategy lean" in done.err
    assert not out.exists()


def test_versions_name_count_and_source() -> None:
    """What stands in every message: 1-<twelve digits of the hash>."""
    versions = dict(released_strategies(read_config()))
    assert versions == {one.code: f"{one.version}-{one.source[:12]}" for one in STRATEGIES}


def test_parameters_of_a_run_are_listed_with_who_when_before_and_after(tmp_path: Path) -> None:
    """The opening's settings first, then each command that took effect (I-16)."""
    out = tmp_path / "run"
    config = choosing(ParameterConfig("510050", "width", 3_500))
    plan = DayPlan(
        scenario=load("calm"), config=config, cadence=3 * SECOND, pick="12", out=out, until="09:16"
    )
    world = World(plan)
    world.begin()
    for clock, value, second in (("09:14:01", 4_000, ""), ("09:15:02", 2_000, "R01")):
        command = SetParameter("510050", "width", value, "T01", second)
        world.simulation.post("maker", command, world.midnight + from_clock(clock), Source.DESK)
    refused = SetParameter("510050", "width", 1_000, "T01")
    world.simulation.post("maker", refused, world.midnight + from_clock("09:15:03"), Source.DESK)
    world.run()
    finish(world, 0.0)
    rows = call("inspect", "parameters", out, "--json").json["changes"]
    shown = [tuple(row.values()) for row in rows]
    assert shown[0] == ("", "510050", "width", "", 3_500, "", "")
    assert [row[1:] for row in shown[1:]] == [
        ("510050", "width", "3500", 4_000, "T01", ""),
        ("510050", "width", "4000", 2_000, "T01", "R01"),
    ]
    assert [row[0][:8] for row in shown[1:]] == ["09:14:01", "09:15:02"]
    assert "复核" in call("inspect", "parameters", out).out
    shutil.rmtree(out / "journal")
    done = call("inspect", "parameters", out)
    assert (done.code, "no journal of the maker" in done.err) == (3, True)


def test_contracts_are_listed_as_the_configuration_has_them(tmp_path: Path) -> None:
    """I-11: a list by class and expiry, a role, a designation."""
    text = (SHIPPED / "desk.toml").read_text(encoding="utf-8")
    text = text.replace("permitted = []", 'permitted = ["510050-2407", "510300"]')
    text = text.replace("roles = []", 'roles = [{underlying = "510300", role = "designated"}]')
    path = tmp_path / "desk.toml"
    path.write_text(text, encoding="utf-8")
    rows = call("inspect", "contracts", "--config", path, "--json").json["contracts"]
    quoted = [row["trading_code"] for row in rows if row["quoted"]]
    assert quoted
    assert all(code.startswith("510050") and code[7:11] == "2407" for code in quoted)
    assert {row["role"] for row in rows if row["trading_code"][:6] == "510300"} == {"designated"}
    code = next(row["contract"] for row in rows if row["trading_code"][:6] == "510300")
    path.write_text(text.replace("designated = []", f'designated = ["{code}"]'), encoding="utf-8")
    rows = call("inspect", "contracts", "--config", path, "--json").json["contracts"]
    assert [row["contract"] for row in rows if row["designated"]] == [code]
    assert next(row["quoted"] for row in rows if row["contract"] == code)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('roles = [{underlying = "510050", role = "boss"}]', "roles[0].role: 'boss'"),
        ('designated = ["510050"]', "designated: '510050' is no contract code"),
    ],
)
def test_a_bad_role_or_designation_is_named(tmp_path: Path, line: str, words: str) -> None:
    """Exit 2 with the key."""
    text = (SHIPPED / "desk.toml").read_text(encoding="utf-8")
    path = tmp_path / "desk.toml"
    path.write_text(text.replace(f"{line.split(' =')[0]} = []", line), encoding="utf-8")
    done = call("check-config", "--config", path)
    assert (done.code, words in done.err) == (2, True), done.err
