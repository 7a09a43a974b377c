"""The overseer inside a simulated day: its wires, what it does at the desk, its tables (R-02)."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compose_world import SMALL, Run, call, one_line

from quanheng.compose import oversee_report as report
from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.oversight_end import differences
from quanheng.compose.oversight_file import SHIPPED
from quanheng.compose.oversight_wires import carried_of
from quanheng.compose.replaying import replay_machine
from quanheng.compose.report_register import entries
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.kernels.pack import pack, unpack
from quanheng.maker.monitors import CLASS_COLUMNS
from quanheng.maker.state import U_SPOT
from quanheng.oversight.claims import TERMS
from quanheng.oversight.compare import open_differences
from quanheng.oversight.figures import PLACE
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.days import from_clock
from quanheng.terms.units import MINUTE, SECOND

UNTIL = "09:44"
THEO = CLASS_COLUMNS.index("theo")


def plan(folder: Path | None = None, limits: str = "", until: str = UNTIL, **more: Any) -> DayPlan:
    """A short day; `limits` takes the place of the shipped limits."""
    place = None
    if limits and folder is not None:
        shipped = Path(load.__code__.co_filename).parents[1] / SHIPPED
        head = shipped.read_text(encoding="utf-8").partition("[[limits]]")[0]
        place = folder / "oversight.toml"
        place.write_text(head + limits, encoding="utf-8")
    base = {"scenario": load("calm"), "config": read_config(), "seed": 5, "cadence": 3 * SECOND}
    return DayPlan(**{**base, **more}, pick="12", until=until, oversight=place)


def tight(name: str, value: int, escalate: str = '["REDUCING", "HALTED"]') -> str:
    return f"""
[[limits]]
scope = "*"
name = "{name}"
value = {value}
since = 20240101
version = 3
basis = "minutes 7"
by = "F01"
seconded_by = "H01"
answer_min = 2
escalate = {escalate}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Any, Path]:
    """A kept day in which a limit of ten long contracts is broken and nobody answers."""
    folder = tmp_path_factory.mktemp("over")
    run = folder / "run"
    run.mkdir()
    world = World(plan(folder, tight("long", 10), out=run))
    world.begin()
    world.run()
    return world, finish(world, 0.0), run


def state_of(world: World) -> int:
    return int(world.maker.state.scopes.states["*"])


def test_compose_oversight_day_keeps_the_venues_books(kept: tuple[World, Any, Path]) -> None:
    """Its positions, premium and units are the venue's after a day it only heard copies of."""
    world, done, _ = kept
    own = {name: n for name, n in done.invariants.items() if name.startswith("oversight: ")}
    assert len(own) == 4 and not any(own.values()), own
    assert world.oversight.machine.state.account.traded.sum() > 50
    assert world.oversight.watch.runs > 25


def test_compose_oversight_hears_the_underlyings_of_a_slow_source() -> None:
    """R-02: with a snapshot every 15 s, none in a minute's first seconds, the overseer's own spots
    are still those of the market, and the claim it compared says the same.
    """
    world = World(plan(until="09:36", cadence=15 * SECOND))
    world.run()
    model, desk = world.oversight.machine.state.model, world.maker.state.view.underlying
    held = np.flatnonzero(model.spot != model.spot_open)
    assert held.size == model.spot.size
    assert (np.abs(model.spot - desk[:, U_SPOT]) <= 3 * model.spot // 1_000).all()
    seen = world.oversight.watch.levels
    assert not [key for key in seen if key.split()[0] in ("spot", *TERMS)]


def test_compose_oversight_day_finds_a_missed_copy(kept: tuple[World, Any, Path]) -> None:
    """The guard fires on the real path: a copy that is not folded breaks both invariants."""
    world, _, _ = kept
    account = world.oversight.machine.state.account
    account.long[0] += 1
    account.cash += 7
    found = differences(world)
    account.long[0] -= 1
    account.cash -= 7
    assert found["oversight: positions differ from the venue's"] == 1
    assert found["oversight: premium differs from the venue's"] == 1


def test_compose_oversight_finds_a_desk_that_loses_a_fill() -> None:
    """R-02: the maker's book is changed while it runs; the levels differ, and the day is not ok."""
    world = World(plan(until="09:40"))
    world.simulation.run(world.midnight + from_clock("09:34"))
    world.maker.state.book.long_qty[2] += 3
    world.run()
    found = differences(world)
    assert found["oversight: the books of the two levels differ"] == 1
    assert found["oversight: positions differ from the venue's"] == 0
    code = world.reference.chain.contracts[2].code
    assert f"position {code}" in open_differences(world.oversight.machine.state)


def test_compose_oversight_day_delivers_the_value_at_risk(kept: tuple[World, Any, Path]) -> None:
    """P26: the maker's figure is the overseer's last one and comes through the authority."""
    world, _, _ = kept
    figure = world.maker.state.guards.figures["* var"]
    assert figure.source == "overseer" and figure.until - figure.at > 2 * MINUTE
    assert len(world.oversight.watch.issued) > 25
    proposals = world.oversight.authority.state.proposals
    assert {str(one.status) for one in proposals.values()} == {"delivered"}
    assert world.oversight.watch.refused == []


def test_compose_oversight_day_escalates_to_the_maker(kept: tuple[World, Any, Path]) -> None:
    """Unanswered for two minutes and again: REDUCING, then HALTED, at the maker itself."""
    world, _, _ = kept
    states = [
        (issue.command.state, issue.command.reason)
        for _, issue in world.oversight.watch.issued
        if isinstance(issue.command, SetState)
    ]
    (case,) = world.oversight.machine.state.cases.values()
    assert states == [(TradingState.REDUCING, case.number), (TradingState.HALTED, case.number)]
    assert state_of(world) == TradingState.HALTED
    assert case.status == "escalated" and case.step == 2


def test_compose_oversight_day_replays_and_carries(kept: tuple[World, Any, Path]) -> None:
    """Both journals replay byte for byte; the open case and the peak cross the night."""
    _, done, run = kept
    for machine in ("oversight", "firm_authority"):
        outcome = replay_machine(run, machine)
        assert outcome["ok"] and outcome["compared"] > 20, outcome
    after = World(plan(until="09:13", day=done.carry.day, opening=done.carry))
    after.run()
    (case,) = after.oversight.machine.state.cases.values()
    assert case.status == "escalated" and case.number.startswith("FX20240627")
    assert not any(differences(after).values())
    carried = carried_of(done.carry)
    assert [case.status for case in carried.cases] == ["escalated"] and carried.peak > 0


def test_compose_oversight_tables_say_what_happened(kept: tuple[World, Any, Path]) -> None:
    """Every table of the run is read back, shown in both languages and adds up."""
    world, _, run = kept
    found = report.read_all(run)
    rows = {(row["scope"], row["figure"]): row for row in found["figures"]}
    last = world.oversight.machine.state.figures["*"]
    assert rows["*", "long"]["last"] == str(last[PLACE["long"]])
    assert float(rows["*", "var"]["last"]) == pytest.approx(last[PLACE["var"]] / 10_000, abs=1e-3)
    for name in ("profit", "free"):
        assert float(rows["*", name]["worst"]) <= float(rows["*", name]["last"])
    some = report.worst(found)
    losses = [float(row["options"]) + float(row["hedge"]) for row in some]
    assert losses == sorted(losses) and len({*losses}) == len(losses) == report.WORST
    (limit,) = found["limits"]
    assert (limit["version"], limit["value"], limit["basis"]) == ("3", "10", "minutes 7")
    events = [row["event"] for row in found["cases"]]
    assert events == ["record", "notice", "escalate", "escalate"]
    assert len(found["stress"]) > 100 and len(found["reverse"]) == 4
    zh, en = report.shown(found, "zh"), report.shown(found, "en")
    assert "发出风险提示书" in zh and "权利仓" in zh and "Reverse stress" in en
    assert report.result(found)["open_cases"] == [found["cases"][0]["case"]]


def test_compose_oversight_notice_is_a_numbered_document(
    kept: tuple[World, Any, Path], tmp_path: Path
) -> None:
    """风险提示书: figure, limit, deadline, course, and a line in the register with its hash."""
    _, _, source = kept
    run = tmp_path / "run"
    shutil.copytree(source, run)
    (run / "run.json").write_bytes(
        b'{"day":20240627,"scenario":"calm","seed":5,"cadence_ms":3000,"contracts":12,'
        b'"journal":"full","version":"0","rulebook":"r","config":"c","source":"s",'
        b'"hash_seed":"0","status":"ended"}'
    )
    case = report.read_all(run)["cases"][0]["case"]
    out = tmp_path / "notice.md"
    entry = report.write_notice(run, case, out)
    text = out.read_text(encoding="utf-8")
    assert entry.number == "TS20240627-01" and entry.sha256 in text
    assert (
        "风险提示书" in text and "超过授权限额 10" in text and "version 3, basis minutes 7" in text
    )
    assert "| 发出风险提示书 | 已提示 |" in text and "| notice |" not in text
    daily = report.write_monitoring(run, tmp_path / "daily.md")
    assert daily.number == "JK20240627-01"
    assert "反向压力测试" in (tmp_path / "daily.md").read_text(encoding="utf-8")
    assert [one.number for one in entries(run)] == [entry.number, daily.number]
    with pytest.raises(RunError, match="no notice"):
        report.write_notice(run, "FX1", out)
    (run / "reports" / "oversight_cases.csv").unlink()
    with pytest.raises(RunError, match=r"oversight_cases\.csv"):
        report.read_all(run)


ACTS = """
[[acts]]
at = "09:31"
act = "restrain"
by = "F01"
text = "wrong orders"

[[acts]]
at = "09:31"
act = "restrain"
by = "T01"
text = "not mine to order"

[[acts]]
at = "09:33"
act = "release"
by = "F01"
text = "explained"

[[acts]]
at = "09:34"
act = "second"
by = "H01"

[[acts]]
at = "09:32:30"
act = "answer"
by = "T01"
case = 1
text = "inventory of the opening auction"

[[acts]]
at = "09:32:31"
act = "follow"
by = "F01"
case = 1
text = "halted until explained"
"""


def test_compose_oversight_one_person_restrains_and_two_release(tmp_path: Path) -> None:
    """R-02: F01 halts the running desk alone, F01 and H01 let it trade again; the notice is
    answered and followed by the people of the file.
    """
    world = World(plan(tmp_path, tight("long", 0) + ACTS, until="09:36"))
    sim, at = world.simulation, world.midnight + from_clock("09:31")
    sim.run(at + MINUTE)
    assert state_of(world) == TradingState.HALTED
    assert [said.why for _, said in world.oversight.watch.refused] == [
        "holds none of the posts firm_risk"
    ]
    sim.run(at + 2 * MINUTE + 30 * SECOND)
    assert state_of(world) == TradingState.HALTED
    world.run()
    assert state_of(world) == TradingState.OPEN
    done = finish(world, 0.0)
    assert done.ok, done.invariants
    (case,) = world.oversight.machine.state.cases.values()
    assert case.status == "followed" and case.number == "FX20240627-001"


def test_compose_oversight_without_an_overseer_the_ladder_reduces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """P26: the wire from the overseer is cut; three minutes later the desk only reduces."""
    world = World(plan(until="09:41"))
    cut = world.midnight + from_clock("09:33")
    wire = next(one for one in world.simulation.wires if one.name == "firm-ask")
    carry = wire.carry
    assert carry is not None
    wire.carry = lambda effect, at: carry(effect, at) if at < cut else []
    world.simulation.run(cut + 2 * MINUTE)
    assert not any("P26" in name for name in world.maker.state.scopes.trips)
    world.run()
    assert any("P26" in name for name in world.maker.state.scopes.trips)


def test_compose_oversight_finds_a_lying_desk() -> None:
    """A desk whose theory goes wrong in the running maker is named by contract within minutes."""
    world = World(plan(until="09:42"))
    at = world.midnight + from_clock("09:34")
    desk = next(one for one in world.simulation.wires if one.name == "desk-figures")
    carry = desk.carry
    assert carry is not None

    def lie(effect: Any, now: int) -> Any:
        if now < at or effect.topic != "class":
            return carry(effect, now)
        rows = unpack(effect.rows, effect.columns)
        rows[:, THEO] = rows[:, THEO] * 130 // 100
        head = (effect.topic, effect.klass, effect.at, effect.columns)
        return carry(type(effect)(*head, pack(rows)), now)

    desk.carry = lie
    world.run()
    done = finish(world, 0.0)
    assert done.ok, done.invariants  # models may part, books may not
    found = open_differences(world.oversight.machine.state)
    codes = {row.code for row in world.reference.chain.contracts}
    names = [key.split() for key in found]
    assert len(names) > 5
    # What it says it earned does not follow from the prices that it says it has: named as well.
    for kind, scope in names:
        assert (kind == "value" and scope in codes) or kind == "profit", found
    told = [one for _, name, one in world.alerts if name == "oversight"]
    assert told and {one.args[0] for one in told} <= {"value", "profit"}


def test_compose_oversee_speaks_both_languages(day_run: Run, tmp_path: Path) -> None:
    """`quanheng oversee RUN`: tables, JSON, the monitoring report; refusals in one line."""
    run = tmp_path / "run"
    shutil.copytree(day_run.folder, run)
    shown, english = call("oversee", run), call("oversee", run, "--lang", "en")
    assert shown.code == english.code == 0
    assert "公司层面风险指标" in shown.out and "The two levels compared" in english.out
    printed = call("oversee", run, "--json").json
    assert printed["open_differences"] == [] and len(printed["stress"]) > 100
    out = tmp_path / "daily.md"
    assert call("oversee", run, "--daily", "--out", out).code == 0
    assert "风险监控日报" in out.read_text(encoding="utf-8")
    one_line(call("oversee", run, "--notice", "FX1", "--out", out), 3, "FX1")
    one_line(call("oversee", run, "--daily"), 2, "--out")
    one_line(call("oversee", run, "--daily", "--notice", "FX1"), 2, "one document")
    one_line(call("oversee", tmp_path), 3, "oversight_figures.csv")
    table = run / "reports" / "oversight_levels.csv"
    table.write_text(
        table.read_text(encoding="utf-8") + "cash,*,1,2,0,3,10:00:05.000,10:02:05.000,open,\n",
        encoding="utf-8",
    )
    assert call("oversee", run).code == 1


def test_compose_oversight_file_is_checked_first(tmp_path: Path, scenario: Path) -> None:
    """A bad `--oversight` is one line and makes no folder."""
    place = tmp_path / "o.toml"
    place.write_text("officer = 1\n", encoding="utf-8")
    out = tmp_path / "runs"
    done = call("day", "--scenario", scenario, *SMALL, "--out", out, "--oversight", place)
    one_line(done, 2, str(place))
    assert not out.exists()
