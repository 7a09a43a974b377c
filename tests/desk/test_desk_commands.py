"""Commands of the console reach the authority, and nobody seconds his or her own."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quanheng.authority.authority import Authority
from quanheng.compose.authority_desk import AuthorityDesk
from quanheng.compose.console_approvals import Approvals
from quanheng.compose.console_commands import RunCommands
from quanheng.compose.reference import FIRST_DAY, load, morning_files
from quanheng.compose.run_folder import RunInfo, write_info
from quanheng.desk.ports import SourceError
from quanheng.runtime.segment import SegmentJournal


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A folder whose day has not ended: its contracts and its run.json."""
    run = tmp_path / "run"
    files = run / "files" / str(FIRST_DAY)
    files.mkdir(parents=True)
    for name, data in morning_files(load(FIRST_DAY, None, "12")).items():
        (files / name).write_bytes(data)
    write_info(run, info("running"))
    return run


def info(status: str) -> RunInfo:
    return RunInfo(
        day=FIRST_DAY, scenario="calm", seed=1, cadence_ms=500, contracts=12, journal="full",
        version="0", rulebook="", config="", source="", hash_seed="", status=status,
    )  # fmt: skip


@pytest.fixture
def commands(running: Path) -> RunCommands:
    """Trader and risk are signed on."""
    made = RunCommands(running)
    for user, post in (("T01", "trader"), ("R01", "risk")):
        assert made.ask(user, "sign_on", {"post": post}).status == "issued"
    return made


def issued(run: Path) -> list[dict]:
    """What went out, in order."""
    path = run / "issued.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_only_a_day_that_runs_takes_commands(running: Path, tmp_path: Path):
    """The sealed day is looked at; a folder without a run is not asked."""
    assert RunCommands(running).open()
    write_info(running, info("sealed"))
    assert not RunCommands(running).open()
    assert not RunCommands(tmp_path / "nothing").open()


def test_a_setting_in_the_band_goes_out_at_once(commands: RunCommands, running: Path):
    """With the person who asked."""
    reply = commands.ask("T01", "parameter", {"scope": "*", "name": "width", "value": 4_000})
    assert (reply.ok, reply.status) == (True, "issued")
    assert issued(running)[-1]["body"][:4] == ["set_parameter", "*", "width", 4_000]
    assert issued(running)[-1]["by"] == "T01"


def test_beyond_the_band_a_second_person_agrees(commands: RunCommands, running: Path):
    """The proposer may not, whoever has the post may, once; the inbox shows before and after."""
    before = len(issued(running))
    reply = commands.ask("T01", "parameter", {"scope": "*", "name": "width", "value": 2_000})
    assert (reply.status, reply.detail["act"]) == ("pending", "parameter_outside_band")
    row = Approvals(running).rows()[str(reply.number)]
    assert (row["waits"], row["before"], row["fields"]["value"]) == (1, 3_000, 2_000)
    assert row["posts"] == ["risk"]
    own = commands.second("T01", reply.number)
    assert (own.ok, own.detail["code"]) == (False, "same_person")
    assert "不得为同一人" in own.zh
    assert len(issued(running)) == before
    assert commands.second("R01", reply.number).status == "issued"
    assert issued(running)[-1]["seconded_by"] == "R01"
    assert not commands.second("R02", reply.number).ok
    assert Approvals(running).rows()[str(reply.number)]["seconded_by"] == "R01"


def test_a_proposal_can_be_taken_back_by_its_own(commands: RunCommands):
    """And by nobody else."""
    number = commands.ask("T01", "state", {"scope": "*", "state": "OPEN"}).number
    number = commands.ask("T01", "parameter", {"scope": "*", "name": "width", "value": 600}).number
    assert not commands.withdraw("R01", number).ok
    assert commands.withdraw("T01", number).status == "withdrawn"


@pytest.mark.parametrize(
    ("command", "fields", "words"),
    [
        ("parameter", {"scope": "999999", "name": "width", "value": 1}, "999999"),
        ("parameter", {"scope": "*", "name": "width", "value": "x"}, "value"),
        ("parameter", {"scope": "*", "name": "width", "value": True}, "value"),
        ("parameter", {"scope": "*", "name": "width", "value": 10**9}, "outside"),
        ("parameter", {"name": "width", "value": 1}, "scope"),
        ("state", {"scope": "*", "state": "DOWN"}, "DOWN"),
        ("sign_on", {"post": "king"}, "king"),
        ("acknowledge", {"alert": "1"}, "alert"),
        ("answer_inquiry", {"inquiry": "1", "bid": "a", "ask": "b", "qty": 10}, "BID"),
        ("manual_order", {"contract": "*", "side": "up", "qty": 1, "price": 1}, "side"),
        ("launch", {}, "launch"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(commands: RunCommands, command, fields, words):
    """Before the machine hears it."""
    with pytest.raises(SourceError, match=words):
        commands.ask("T01", command, fields)


def test_another_call_at_the_authority_is_waited_for(commands: RunCommands, running: Path):
    """Two people at once: the second waits for the first, nobody is turned away."""
    held = SegmentJournal(running, Authority.NAME)
    timer = threading.Timer(0.3, held.close)
    timer.start()
    reply = commands.ask("T01", "parameter", {"scope": "*", "name": "width", "value": 4_100})
    timer.join()
    assert reply.ok


class Gateway:
    """A kill socket that answers like the gateway's (`edge.gateway_people`)."""

    def __init__(self, run: Path) -> None:
        self.asked: list[dict] = []
        self.pulled: dict[str, str] = {}
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(run / "kill.sock"))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with line, line.makefile("rb") as lines:
                for text in lines:
                    order = json.loads(text)
                    self.asked.append(order)
                    line.sendall(json.dumps({"ok": True, **self._do(order)}).encode() + b"\n")

    def _do(self, order: dict) -> dict:
        if order["do"] == "pull":
            self.pulled[order["scope"]] = order["by"]
        if order["do"] == "release":
            del self.pulled[order["scope"]]
        done = 5_000_000 if order["do"] == "proof" else -1
        proof = {
            "scope": order.get("scope"), "by": order.get("by", ""), "items": 3, "first_cancel": 1,
            "last_cancel": 2, "done": done, "elapsed": 3, "barred": 0, "dead": [1, 2, 3],
            "live": [],
        }  # fmt: skip
        return {"proof": proof, "items": [1, 2, 3], "pulled": self.pulled}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)


@pytest.fixture
def gateway(running: Path) -> Iterator[Gateway]:
    made = Gateway(running)
    yield made
    made.close()


def test_a_pull_goes_to_the_gateway_and_is_told_afterwards(
    commands: RunCommands, running: Path, gateway: Gateway
):
    """Not through the authority; raising the scope again then takes two and ends the pull too."""
    before = len(issued(running))
    assert commands.preview("510050").number == 3
    reply = commands.pull("T01", "510050")
    assert (reply.ok, reply.status) == (True, "pulled")
    assert "3 笔" in reply.zh
    assert gateway.asked[1] == {"do": "pull", "scope": "510050", "by": "T01"}
    assert len(issued(running)) == before
    with AuthorityDesk(running) as desk:
        assert desk.state.states["maker 510050"] == 2
    opened = commands.ask("T01", "state", {"scope": "510050", "state": "OPEN", "reason": "x"})
    assert opened.status == "pending"
    assert gateway.pulled == {"510050": "T01"}
    assert commands.second("R01", opened.number).ok
    assert gateway.pulled == {}
    release = next(one for one in gateway.asked if one["do"] == "release")
    assert (release["by"], release["seconded_by"]) == ("T01", "R01")


def test_without_a_gateway_a_pull_goes_through_the_authority(commands: RunCommands, running: Path):
    """It says so."""
    reply = commands.pull("T01", "*")
    assert reply.ok
    assert "网关未应答" in reply.zh
    assert issued(running)[-1]["body"] == ["pull", "*", "T01"]
    assert not commands.preview("*").ok
