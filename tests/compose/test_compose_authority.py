"""The authority on a folder: propose, second, withdraw; at least once, once in the file (O-04)."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compose_world import Called, Run, call, one_line

from quanheng.authority.messages import Refusal
from quanheng.authority.policy import POSTS
from quanheng.compose import authority_desk
from quanheng.compose.authority_desk import AuthorityDesk
from quanheng.compose.authority_words import REFUSALS
from quanheng.compose.people import opening, parameters, read_people
from quanheng.compose.replaying import replay_machine
from quanheng.config import ConfigError
from quanheng.edge.growing import whole_lines
from quanheng.maker.parameters import NOBODY, TABLE
from quanheng.runtime.disk import Disk
from quanheng.runtime.verify import verify_machine
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import Command, Pull, RecordExemption, SetParameter, SetState
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import SECOND
from quanheng.wire.contracts import read_contracts

NOON = midnight(20240627) + from_clock("10:00")
BODY: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


class Clock:
    """The roof's clock, set by the test."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The desk's clock in the test's hand."""
    one = Clock()
    monkeypatch.setattr(authority_desk, "clock", one)
    return one


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Path:
    """A folder with trader, risk officer, head and compliance on duty: proposals 1 to 4."""
    folder = tmp_path / "desk"
    for person, post in (
        ("T01", "trader"),
        ("R01", "risk"),
        ("H01", "head"),
        ("C01", "compliance"),
    ):
        assert call("propose", folder, "sign-on", post, "--by", person).code == 0
    return folder


def _propose(folder: Path, *words: object, by: str = "T01") -> Called:
    return call("propose", folder, *words, "--by", by, "--json")


def _issued(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in whole_lines(folder / "issued.jsonl").splitlines()]


def _body(line: dict[str, Any]) -> Command:
    """The command of a line; JSON and msgpack must say the same."""
    command = BODY.decode(bytes.fromhex(line["msgpack"]))
    assert json.loads(msgspec.json.encode(command)) == line["body"]
    return command


def test_compose_two_people_raise_a_state(desk: Path) -> None:
    """O-04: after a pull, opening again is pending until the risk officer seconds it; what goes
    out is the exact command with both ids.
    """
    assert _propose(desk, "pull", "all", by="O01").json["status"] == "issued"
    asked = _propose(desk, "set-state", "*", "open", "--reason", "back")
    assert (asked.code, asked.json["status"], asked.json["proposal"]) == (0, "pending", 6)
    assert (asked.json["act"], asked.json["posts"]) == ("raise_state", ["risk"])
    assert asked.json["until"] == "2024-06-27 10:10:00" and asked.json["issued"] == []
    done = call("second", desk, 6, "--by", "R01", "--json")
    assert (done.code, done.json["status"]) == (0, "issued")
    (line,) = done.json["issued"]
    assert line == _issued(desk)[-1]
    assert _body(line) == SetState("*", TradingState.OPEN, "back", "T01", "R01")
    assert (line["target"], line["by"], line["seconded_by"]) == ("maker", "T01", "R01")


def test_compose_what_is_safer_goes_out_at_once(desk: Path) -> None:
    """Pull, lower and tighten need nobody, on duty or not; quoting in band needs the trader."""
    for words, by, command in (
        (("pull", "510050"), "C01", Pull("510050", "C01")),
        (
            ("set-state", "510300", "halted", "--reason", "x"),
            "O02",
            SetState("510300", TradingState.HALTED, "x", "O02"),
        ),
        (
            ("set-parameter", "*", "max_qty", "10"),
            "R02",
            SetParameter("*", "max_qty", 10, "R02"),
        ),
        (
            ("set-parameter", "10007333", "vol_shift", "-500"),
            "T01",
            SetParameter("10007333", "vol_shift", -500, "T01"),
        ),
        (
            ("set-parameter", "510050-2407", "curve_slope", "-500"),
            "T01",
            SetParameter("510050-2407", "curve_slope", -500, "T01"),
        ),
    ):
        done = _propose(desk, *words, by=by)
        assert done.json["status"] == "issued", done
        assert _body(done.json["issued"][0]) == command


@pytest.mark.parametrize(
    ("words", "by", "second", "act"),
    [
        (("set-parameter", "*", "width", "2000"), "T01", "R01", "parameter_outside_band"),
        (("set-parameter", "*", "quote_qty", "50"), "T01", "R01", "parameter_outside_band"),
        (("set-parameter", "*", "max_position", "301"), "R01", "H01", "loosen_limit"),
        (("exempt", "510050", "technical", "--since", "10:00"), "T01", "C01", "exemption"),
    ],
)
def test_compose_what_takes_more_risk_waits(
    desk: Path, words: tuple[str, ...], by: str, second: str, act: str
) -> None:
    """The same directions as the maker's own: what loosens carries a second person."""
    asked = _propose(desk, *words, by=by)
    assert (asked.json["status"], asked.json["act"]) == ("pending", act)
    done = call("second", desk, asked.json["proposal"], "--by", second, "--json")
    command = _body(done.json["issued"][0])
    assert isinstance(command, SetParameter | RecordExemption)
    assert (command.by, command.seconded_by) == (by, second)


def test_compose_exemption_times(desk: Path) -> None:
    """--since and --until are times of the authority's day; without --until it lasts."""
    words = ("exempt", "510050", "force_majeure", "--since", "10:00", "--until", "10:30")
    number = _propose(desk, *words).json["proposal"]
    command = _body(call("second", desk, number, "--by", "R01", "--json").json["issued"][0])
    assert isinstance(command, RecordExemption)
    assert (command.since, command.until) == (NOON, NOON + 1800 * SECOND)


def test_compose_refusals_are_codes_with_words(desk: Path) -> None:
    """Refused is exit 1: a code for programs, words for people in both languages."""
    number = _propose(desk, "set-parameter", "*", "width", "2000").json["proposal"]
    for done, code in (
        (call("second", desk, number, "--by", "T01", "--json"), "same_person"),
        (call("second", desk, number, "--by", "R02", "--json"), "wrong_post"),
        (call("second", desk, number, "--by", "X99", "--json"), "unknown_person"),
        (call("second", desk, 99, "--by", "R01", "--json"), "unknown_proposal"),
        (call("withdraw", desk, number, "--by", "R01", "--json"), "unknown_proposal"),
        (_propose(desk, "set-parameter", "*", "colour", "1"), "unknown_parameter"),
        (_propose(desk, "pull", "*", "--number", number), "number_reused"),
        (_propose(desk, "sign-on", "risk"), "wrong_post"),
        (_propose(desk, "pull", "*", by="A01"), "wrong_post"),
    ):
        assert (done.code, done.json["status"], done.json["code"]) == (1, "refused", code)
        assert done.json["words"] and done.json["issued"] == []
    shown = call("second", desk, number, "--by", "T01", "--lang", "en")
    assert shown.code == 1 and "same_person" in shown.out and "own proposal" in shown.out
    assert "经办与复核" in call("second", desk, number, "--by", "T01").out
    assert set(REFUSALS) == set(Refusal)


def test_compose_withdrawn_and_expired_proposals_end(desk: Path, clock: Clock) -> None:
    """A withdrawn proposal and one past its time cannot be seconded; the expiry is told."""
    words = ("set-parameter", "*", "width", "2000")
    first = _propose(desk, *words).json["proposal"]
    assert call("withdraw", desk, first, "--by", "T01", "--json").json["status"] == "withdrawn"
    assert call("second", desk, first, "--by", "R01", "--json").json["code"] == "not_open"
    second = _propose(desk, *words).json["proposal"]
    clock.now += 599 * SECOND
    repeat = _propose(desk, *words, "--number", second)
    assert repeat.json["status"] == "pending" and repeat.json["until"] == "2024-06-27 10:10:00"
    clock.now += 2 * SECOND
    late = call("second", desk, second, "--by", "R01", "--json")
    assert (late.code, late.json["code"], late.json["expired"]) == (1, "not_open", [second])
    assert call("second", desk, second, "--by", "R01", "--json").json["expired"] == []


def test_compose_issues_are_written_once_and_at_least_once(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """borders.md 5: a crash between journal and file is made good at the next call; a repeated
    proposal or a lost confirmation does not write a second line.
    """

    def crash(*arguments: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(authority_desk, "grow", crash)
        with pytest.raises(RuntimeError):
            call("propose", desk, "pull", "*", "--by", "T01")
    assert 5 not in [line["proposal"] for line in _issued(desk)]
    with AuthorityDesk(desk) as one:
        assert [line["proposal"] for line in one.issued] == [5]
    before = _issued(desk)
    assert [line["proposal"] for line in before] == [1, 2, 3, 4, 5]

    whole = (desk / "issued.jsonl").read_bytes()
    (desk / "issued.jsonl").write_bytes(whole + b'{"proposal": 6, "targ')
    assert _propose(desk, "pull", "*", "--number", 5).json["status"] == "issued"
    assert _issued(desk) == before

    with monkeypatch.context() as patch:
        patch.setattr(authority_desk, "Delivered", crash)
        with pytest.raises(RuntimeError):
            call("propose", desk, "pull", "510050", "--by", "T01")
    assert [line["proposal"] for line in _issued(desk)] == [1, 2, 3, 4, 5, 6]
    assert _propose(desk, "pull", "510050", "--number", 6).json["status"] == "issued"
    assert [line["proposal"] for line in _issued(desk)] == [1, 2, 3, 4, 5, 6]


def test_compose_nothing_leaves_before_the_journal_is_safe(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """borders.md 2: when the disk fails, no command is written out, and the next call works."""

    def full(self: Disk, descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    lines = len(_issued(desk))
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "sync", full)
        one_line(call("propose", desk, "pull", "*", "--by", "T01"), 3, str(desk), "No space")
    assert len(_issued(desk)) == lines
    assert _propose(desk, "pull", "*").code == 0


def test_compose_what_went_around_is_recorded(desk: Path) -> None:
    """After the maker tripped by itself, coming back is a raise; recording never raises."""
    back = ("set-state", "510050", "open", "--reason", "back")
    done = _propose(desk, "record", "510050", "halted", "--reason", "trip")
    assert (done.code, done.json["status"]) == (0, "recorded")
    assert _propose(desk, *back).json["status"] == "pending"
    one_line(_propose(desk, "record", "510050", "open", "--reason", "x"), 2, "HALTED", "lower")
    stranger = _propose(desk, "record", "*", "halted", "--reason", "x", by="X99")
    assert (stranger.code, stranger.json["code"]) == (1, "unknown_person")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set-state", "*", "down", "--reason", "x"), ("'down'", "HALTED")),
        (("set-state", "everything", "open", "--reason", "x"), ("'everything'",)),
        (("set-state", "*", "open"), ("--reason",)),
        (("set-parameter", "*", "width", "wide"), ("'wide'",)),
        (("set-parameter", "*", "width", "10"), ("width", "500 to 10000")),
        (("exempt", "510050", "tired", "--since", "10:00"), ("'tired'", "technical")),
        (("exempt", "510050", "other", "--since", "ten"), ("--since", "'ten'")),
        (
            ("exempt", "510050", "other", "--since", "10:00", "--until", "09:00"),
            ("--until 09:00",),
        ),
        (("sign-on", "captain"), ("'captain'", "trader")),
        (("dance",), ("dance",)),
    ],
)
def test_compose_senseless_requests_are_exit_2(
    desk: Path, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    """Usage errors are one line and leave the journal as it was."""
    before = sorted((desk / "journal" / "authority").glob("*.seg"))[0].read_bytes()
    by = () if words == ("dance",) else ("--by", "T01")
    one_line(call("propose", desk, *words, *by), 2, *said)
    assert sorted((desk / "journal" / "authority").glob("*.seg"))[0].read_bytes() == before


def test_compose_folders_whose_authority_cannot_be_used(desk: Path, tmp_path: Path) -> None:
    """Exit 3 and one line: nothing opened, another writer, a damaged file or journal."""
    one_line(call("second", tmp_path / "none", 1, "--by", "R01"), 3, "none")
    assert not (tmp_path / "none").exists()
    with AuthorityDesk(desk):
        one_line(call("second", desk, 1, "--by", "R01"), 3, "already has a writer")
    issued = desk / "issued.jsonl"
    good = issued.read_bytes()
    issued.write_bytes(b"nonsense\n" + good)
    one_line(call("second", desk, 1, "--by", "R01"), 3, "issued.jsonl", "line 1")
    issued.write_bytes(good)
    segment = sorted((desk / "journal" / "authority").glob("*.seg"))[0]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    one_line(call("second", desk, 1, "--by", "R01"), 3, str(desk))


def test_compose_the_authoritys_journal_replays(desk: Path) -> None:
    """T-06: calls that each bring the machine back make one journal that replays."""
    number = _propose(desk, "set-parameter", "*", "width", "2000").json["proposal"]
    call("second", desk, number, "--by", "R01")
    assert verify_machine(desk, "authority")["ok"]
    outcome = replay_machine(desk, "authority")
    assert outcome["ok"] and outcome["compared"] >= 6


def test_compose_long_journals_get_a_snapshot(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bringing the machine back stays cheap: a snapshot is taken and the state goes on."""
    monkeypatch.setattr(authority_desk, "SNAPSHOT_AFTER", 5)
    assert _propose(desk, "pull", "*").json["proposal"] == 5
    assert list((desk / "snap" / "authority").glob("*.bin"))
    assert _propose(desk, "pull", "*").json["proposal"] == 6
    assert verify_machine(desk, "authority")["ok"]


def test_compose_a_run_folder_gives_day_and_scopes(
    day_run: Run, tmp_path: Path, clock: Clock
) -> None:
    """On a run folder the day is the run's and scopes are looked up in its contract master."""
    run = tmp_path / day_run.folder.name
    shutil.copytree(day_run.folder, run)
    clock.now += 86_400 * SECOND
    with AuthorityDesk(run, begin=True) as one:
        assert one.day == 20240627
    contracts, _ = read_contracts((run / "files/20240627/reff030627.txt").read_bytes())
    assert _propose(run, "pull", contracts[0].code).code == 0
    one_line(_propose(run, "pull", "510300"), 2, "510300", "reff030627.txt")
    checked = call("verify", run, "--json")
    assert checked.code == 0 and checked.json["machines"][0]["machine"] == "authority"


def test_compose_people_come_from_a_file(tmp_path: Path, clock: Clock) -> None:
    """Own people by file; a folder keeps those it was opened with; mistakes name file and key."""
    path = tmp_path / "people.toml"
    good = 'wait_s = 60\ntargets = ["maker"]\n[[people]]\nperson = "P1"\nposts = ["trader"]\n'
    path.write_text(good, encoding="utf-8")
    folder = tmp_path / "desk"
    by = ("--by", "P1")
    assert call("propose", "--people", path, folder, "sign-on", "trader", *by).code == 0
    path.write_text(good.replace("P1", "P2"), encoding="utf-8")
    done = call("propose", "--people", path, folder, "pull", "*", *by)
    one_line(done, 2, "people.toml", "other people")
    for old, new, words in (
        ("wait_s = 60", "wait_s = 0", ("wait_s",)),
        ("wait_s = 60", "wait_s = 60\ncolour = 1", ("colour",)),
        ("posts", "jobs", ("jobs",)),
        ('["trader"]', '["king"]', ("people[0].posts", "king")),
        ('["trader"]', "[]", ("people[0].posts", "empty")),
        ('"P1"', '"Zhang San"', ("people[0].person", "opaque")),
        ('["maker"]', '["venue"]', ("targets",)),
    ):
        path.write_text(good.replace(old, new), encoding="utf-8")
        done = call("propose", "--people", path, tmp_path / "new", "pull", "*", *by)
        one_line(done, 2, "people.toml", *words)
    path.write_text(good + good[good.index("[[") :], encoding="utf-8")
    with pytest.raises(ConfigError, match="P1 stands twice"):
        read_people(path)


def test_compose_shipped_people_hold_every_post_and_parameters_follow_the_maker() -> None:
    """The shipped file fills every post; parameters carry the maker's defaults and directions."""
    opened = opening(read_people(), 20240627)
    assert {post for person in opened.people for post in person.posts} == set(POSTS)
    assert opened.wait == 600 * SECOND and opened.state == TradingState.OPEN
    rows = {row.name: row for row in parameters()}
    for item in TABLE:
        row = rows[item.name]
        if row.kind == "limit":
            assert item.loose == 1 and row.value == item.default
        elif item.alone is not None:
            assert (row.low, row.high) == item.alone == NOBODY
        elif item.loose:
            assert item.default == (row.high if item.loose > 0 else row.low)
        else:
            assert (row.low, row.high) == (item.low, item.high)
