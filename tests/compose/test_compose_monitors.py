"""A simulated day with monitors that speak: people answer, tables and reports tell the story.

I-29 to I-43, R-01, R-07; what people say goes through the authority (O-04).
"""

import csv
from pathlib import Path

import msgspec
import pytest
from compose_world import Run, call, one_line, run_day

from quanheng.compose import authority_desk
from quanheng.compose.alert_words import sentence
from quanheng.compose.monitor_record import monitor_rows, prompt_rows
from quanheng.maker.monitor_table import MONITORS
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.commands import Acknowledge, Command, Confirm, ExceptNight
from quanheng.terms.days import from_clock, midnight

MORNING = midnight(20240627)
BODY: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
SCENARIO = """
name = "watched"
words = { zh = "有告警", en = "watched" }
[habits]
acknowledge_s = 20
confirm_s = 2
[underlying]
jumps = [{ at = "09:40", bp = 350, over_s = 30, underlyings = ["510050"] }]
"""
RECORDS = "\n".join(
    f'[[approvals]]\nscope = "*"\nname = "{name}"\nvalue = {value}\nsince = 20240102\nuntil = 0\n'
    f'basis = "drill"\nby = "R01"\nseconded_by = "H01"\n'
    for name, value in (("vega", 300),)
)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A quarter of an hour with a jump and limits so tight that people are prompted."""
    folder = tmp_path_factory.mktemp("watched")
    scenario, config = folder / "watched.toml", folder / "desk.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    shipped = Path(authority_desk.__file__).parents[1] / "data" / "desk.toml"
    config.write_text(shipped.read_text(encoding="utf-8") + "\n" + RECORDS, encoding="utf-8")
    return run_day(folder / "runs", scenario, "--config", config)


def table(run: Run, name: str) -> list[dict[str, str]]:
    with (run.folder / "reports" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_monitors_of_a_day_are_a_table(watched: Run) -> None:
    """One row per alert: level, who was told, who acknowledged it 20 s later, when it ended."""
    rows = table(watched, "monitors")
    names = {row["monitor"] for row in rows}
    assert {"vega", "from_own", "move_fast", "move_day"} <= names
    alerts = table(watched, "alerts")
    for row in rows:
        one = next(each for each in MONITORS if each.name == row["monitor"])
        assert (row["item"], row["words_zh"], row["unit"]) == (one.item, one.chinese, one.unit)
        lines = [alerts[int(number) - 1] for number in row["lines"].split()]
        assert lines[0]["code"] == "monitor_raised" and lines[0]["at"] == row["at"]
        assert {line["scope"] for line in lines} == {row["scope"]}
    first = next(row for row in rows if row["monitor"] == "move_fast")
    assert (first["scope"], first["told"]) == (
        "510050",
        "risk" if first["level"] == "red" else "trader",
    )
    answered = [row for row in rows if row["acknowledged_by"]]
    assert answered and {row["acknowledged_by"] for row in answered} <= {"T01", "R01"}
    assert {row["state"] for row in rows} <= {"open", "acknowledged", "returned", "closed"}


def test_prompts_of_a_day_tie_alert_orders_and_fills(watched: Run) -> None:
    """I-42: what was prepared, who confirmed it, and what the exchange filled by client id."""
    rows = table(watched, "prompts")
    done = [row for row in rows if row["status"] == "done"]
    assert done, rows
    numbers = {row["number"]: row for row in table(watched, "monitors")}
    fills = table(watched, "fills")
    assert fills
    sent = 0
    for row in done:
        assert row["number"] in numbers[row["alert"]]["prompts"].split()
        assert row["by"] == "T01" and (row["seconded_by"] == "R01") == (row["people"] == "2")
        for part in filter(None, row["results"].split("; ")):
            sent += " filled " in part
    assert sent, done


def test_an_event_report_shows_the_life_of_an_alert(watched: Run, tmp_path: Path) -> None:
    """R-07: level, acknowledgement, prompt and measure stand in the draft of one step."""
    row = next(row for row in table(watched, "monitors") if row["prompts"])
    out = tmp_path / "event.md"
    done = call("report", watched.folder, "--event", row["lines"].split()[0], "--out", out)
    assert done.code == 0, done.err
    text = out.read_text(encoding="utf-8")
    assert "五、告警级别、确认与升级" in text and "六、风险提示与措施" in text
    prompt = next(one for one in table(watched, "prompts") if one["alert"] == row["number"])
    for word in (row["words_zh"], row["threshold"], prompt["measure"], "七、由人填写"):
        assert word in text


def test_a_watched_day_replays(watched: Run) -> None:
    """Acknowledgements, confirmations and what followed are inputs and effects like any other, for
    the maker; the firm's authority replays in the days of people.
    """
    done = call("replay", watched.folder, "--machine", "maker", "--json")
    assert done.code == 0 and done.json["ok"], done.err


def test_every_alert_of_a_monitor_has_words(watched: Run) -> None:
    """Chinese and English lines name figure, threshold and people, never a bare code."""
    rows = table(watched, "alerts")
    mine = [row for row in rows if row["code"].startswith(("monitor_", "prompt_"))]
    assert {row["code"] for row in mine} >= {
        "monitor_raised", "monitor_acknowledged", "prompt_proposed", "prompt_confirmed",
        "prompt_ended",
    }  # fmt: skip
    for row in mine:
        assert not any(one.name in row["words_zh"].split() for one in MONITORS), row
        assert ("告警" in row["words_zh"] or "提示" in row["words_zh"]) and row["words_en"]


def said(*alerts: RaiseAlert) -> list[tuple[int, str, RaiseAlert]]:
    return [(MORNING + at, "maker", alert) for at, alert in enumerate(alerts, start=1)]


def raise_(level: int, number: int = 1) -> RaiseAlert:
    args = ("vega", number, level, 8_100, 8_000, 3, "trader", "")
    return RaiseAlert(Alert.MONITOR_RAISED, "510050", args)


def test_escalations_and_ends_are_folded() -> None:
    """An alert that went up, was seen, came back critical and unseen: the row says each."""
    up = RaiseAlert(Alert.MONITOR_ESCALATED, "510050", ("vega", 1, 3, "risk"))
    down = RaiseAlert(Alert.MONITOR_CLEARED, "510050", ("vega", 1, 100, 1))
    seen = RaiseAlert(Alert.MONITOR_ACKNOWLEDGED, "510050", ("vega", 1, "R01", 3))
    (row,) = monitor_rows(said(raise_(2), up, down))
    assert row[7:9] == ("amber", "red") and row[13:15] == ("risk", 1) and row[18] == "returned"
    (row,) = monitor_rows(said(raise_(2), up, down, seen))
    assert row[15] == "R01" and row[18] == "closed"
    (row,) = monitor_rows(said(raise_(2), seen, raise_(3)))
    assert (row[7], row[15], row[18]) == ("red", "", "open")
    assert row[20] == "1 2 3"


def test_a_denied_order_of_a_prompt_names_its_check() -> None:
    asked = ("vega", 2, 1, "straddle", 1, 8_100, "10000001", "SELL", 500, 3)
    ended = ("vega", 2, 1, "done", "T01", "R01", 8_100, 8_000, "10000001", "SELL", "", 9, 0, 0)
    (row,) = prompt_rows(said(
        RaiseAlert(Alert.PROMPT_PROPOSED, "510050", asked),
        RaiseAlert(Alert.PROMPT_ENDED, "510050", ended),
    ))  # fmt: skip
    assert row[-1] == "10000001 SELL denied P09" and row[7] == "10000001 SELL 3 @ 500"
    line = sentence(RaiseAlert(Alert.PROMPT_ENDED, "510050", ended), "zh")
    assert "未发 偏离理论价或理论价过期" in line


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with trader, risk officer and head on duty."""
    monkeypatch.setattr(authority_desk, "clock", lambda: MORNING + from_clock("10:00"))
    folder = tmp_path / "desk"
    for person, post in (("T01", "trader"), ("R01", "risk"), ("H01", "head")):
        assert call("propose", folder, "sign-on", post, "--by", person).code == 0
    return folder


def issued(printed: dict[str, object]) -> Command:
    (line,) = printed["issued"]  # type: ignore[misc]
    return BODY.decode(bytes.fromhex(line["msgpack"]))


def test_people_answer_through_the_authority(desk: Path) -> None:
    """O-04: one acknowledges and confirms what reduces; two add a position or take a night."""
    done = call("propose", desk, "acknowledge", "7", "--by", "T01", "--json")
    assert issued(done.json) == Acknowledge(7, "T01")
    done = call("propose", desk, "confirm", "8", "--by", "T01", "--json")
    assert issued(done.json) == Confirm(8, True, False, "T01")
    done = call("propose", desk, "confirm", "8", "--decline", "--opens", "--by", "T01", "--json")
    assert issued(done.json) == Confirm(8, False, True, "T01")
    asked = call("propose", desk, "confirm", "9", "--opens", "--by", "T01", "--json")
    assert (asked.json["act"], asked.json["posts"]) == ("confirm_opening", ["risk"])
    done = call("second", desk, asked.json["proposal"], "--by", "R01", "--json")
    assert issued(done.json) == Confirm(9, True, True, "T01", "R01")
    asked = call("propose", desk, "except-night", "--basis", "memo 9", "--by", "R01", "--json")
    assert asked.json["posts"] == ["head"]
    done = call("second", desk, asked.json["proposal"], "--by", "H01", "--json")
    assert issued(done.json) == ExceptNight("memo 9", "R01", "H01")


def test_a_threshold_of_a_low_figure_is_tightened_upwards(desk: Path) -> None:
    """I-32: cover is bad when low: 130 instead of 120 per cent is one person's, 110 is two's."""
    words = ("set-limit", "*", "cover_red", "130", "--basis", "memo", "--by", "R01", "--json")
    assert call("propose", desk, *words).json["act"] == "tighten_limit"
    words = ("set-limit", "*", "cover_red", "110", "--basis", "memo", "--by", "R01", "--json")
    assert call("propose", desk, *words).json["act"] == "loosen_limit"
    bad = ("set-limit", "*", "cover_pink", "1", "--basis", "x", "--by", "R01")
    one_line(call("propose", desk, *bad), 2, "cover_pink")
