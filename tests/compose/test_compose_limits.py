"""Limits, figures and trips through the authority, and records from the configuration (R-03)."""

from pathlib import Path

import msgspec
import pytest
from compose_world import call, one_line

from quanheng.compose import authority_desk, desk_records
from quanheng.compose.people import parameters
from quanheng.config import ApprovalConfig, ConfigError, FigureConfig, read_config
from quanheng.kernels.desk.strategies.layout import NAMES
from quanheng.maker.limits import LIMITS
from quanheng.terms.commands import Command, Rearm, RecordFigure, SetLimit
from quanheng.terms.days import from_clock, midnight

MORNING = midnight(20240627)
BODY: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with trader, risk officer and head on duty: proposals 1 to 3."""
    monkeypatch.setattr(authority_desk, "clock", lambda: MORNING + from_clock("10:00"))
    folder = tmp_path / "desk"
    for person, post in (("T01", "trader"), ("R01", "risk"), ("H01", "head")):
        assert call("propose", folder, "sign-on", post, "--by", person).code == 0
    return folder


def test_compose_a_limit_is_tightened_by_one_and_loosened_by_two(desk: Path) -> None:
    """L-03, O-04: with basis and period; what goes out carries both ids."""
    words = ("set-limit", "510050", "loss", "1000000", "--basis", "memo 4", "--until", "14:00")
    done = call("propose", desk, *words, "--by", "R01", "--json")
    assert done.json["status"] == "issued"
    command = BODY.decode(bytes.fromhex(done.json["issued"][0]["msgpack"]))
    until = MORNING + from_clock("14:00")
    assert command == SetLimit("510050", "loss", 1_000_000, 0, until, "memo 4", "R01")
    wide = ("set-limit", "510050", "loss", "1000001", "--basis", "memo 5", "--by", "R01", "--json")
    asked = call("propose", desk, *wide)
    assert (asked.json["status"], asked.json["act"]) == ("pending", "loosen_limit")
    done = call("second", desk, asked.json["proposal"], "--by", "H01", "--json")
    command = BODY.decode(bytes.fromhex(done.json["issued"][0]["msgpack"]))
    assert isinstance(command, SetLimit) and (command.by, command.seconded_by) == ("R01", "H01")


def test_compose_figures_and_trips(desk: Path) -> None:
    """A figure has a source and an end; a trip is ended by trader and risk (2.5)."""
    words = ("record-figure", "*", "var", "5000", "--source", "run 7", "--until", "11:00")
    done = call("propose", desk, *words, "--by", "R01", "--json")
    command = BODY.decode(bytes.fromhex(done.json["issued"][0]["msgpack"]))
    assert command == RecordFigure("*", "var", 5_000, "run 7", MORNING + from_clock("11:00"), "R01")
    asked = call("propose", desk, "rearm", "*", "P26", "--by", "T01", "--json")
    assert (asked.json["act"], asked.json["posts"]) == ("rearm", ["risk"])
    done = call("second", desk, asked.json["proposal"], "--by", "R01", "--json")
    command = BODY.decode(bytes.fromhex(done.json["issued"][0]["msgpack"]))
    assert command == Rearm("*", "P26", "T01", "R01")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("set-limit", "*", "colour", "1", "--basis", "x"), "colour"),
        (("set-limit", "*", "rejects", "65", "--basis", "x"), "0 to 64"),
        (("set-limit", "*", "loss", "1", "--basis", "x", "--until", "25:00"), "--until"),
        (
            ("set-limit", "*", "loss", "1", "--basis", "x", "--since", "11:00", "--until", "10:00"),
            "not after",
        ),
        (("record-figure", "*", "vega", "1", "--source", "x", "--until", "11:00"), "vega"),
    ],
)
def test_compose_senseless_limits_are_exit_2(
    desk: Path, words: tuple[str, ...], named: str
) -> None:
    """One line that names what is wrong."""
    one_line(call("propose", desk, *words, "--by", "R01"), 2, named)


def test_compose_the_shipped_desk_states_its_records() -> None:
    """Every class has an agreement, the account is reported, strategies are released (L-10)."""
    config = read_config()
    names = {item.underlying for item in config.limits}
    assert {one.underlying for one in desk_records.agreements(config)} >= names
    assert [one.account for one in desk_records.accounts(config)] == [config.member.account]
    releases = desk_records.strategies(config)
    assert [one.strategy for one in releases] == [name for name in NAMES if name]
    assert all(one.maker != one.checker and one.filed for one in releases)
    (figure,) = desk_records.figures(config, 20240627)
    assert (figure.name, figure.until) == ("var", MORNING + from_clock("15:30"))
    wrong = msgspec.structs.replace(config, figures=(FigureConfig("*", "var", 1, "x", "later"),))
    with pytest.raises(ConfigError, match=r"figures\[0\].until"):
        desk_records.figures(wrong, 20240627)
    row = ApprovalConfig("*", "loss", 5, 20240601, 20240701, "memo", "R01")
    (record,) = desk_records.approvals(msgspec.structs.replace(config, approvals=(row,)))
    assert (record.since, record.until) == (midnight(20240601), midnight(20240701))


def test_compose_the_authority_knows_every_limit() -> None:
    """Limits of the ladder are limits to the authority, once each."""
    rows = [row for row in parameters() if row.name in {item.name for item in LIMITS}]
    assert len(rows) == len(LIMITS) and {row.kind for row in rows} == {"limit"}
