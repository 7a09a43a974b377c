"""The record of the order line's switch, from what the processes of a day said (T-05, T-07)."""

from pathlib import Path
from typing import Any

from quanheng.compose.line_drill import BOTH, STEPS, Switch, expected, switches, told
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.line_cuts import CUT_FILE
from quanheng.terms.units import MILLISECOND


def lines(path: Path, *rows: tuple[int, dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    file = LineFile(path)
    for at, row in rows:
        file.add({"at": at * MILLISECOND, **row})
    file.close()


def run_of(folder: Path, last: int = 5_120) -> Path:
    """Five steps, a second apart; the session is lost 20 ms and stands again 120 ms after a cut."""
    cuts = [one.names for one in STEPS]
    lines(
        folder / "live" / "supervisor.jsonl",
        *((1_000 * number, {"what": "lines", "cut": cut}) for number, cut in enumerate(cuts, 1)),
    )
    lost = [(1_000 * number + 20, {"what": "exchange_lost"}) for number in (1, 2, 3)]
    again = [(at, {"what": "synced"}) for at in (500, 1_120, 2_120, 4_300, last)]
    lines(folder / "live" / "gateway.jsonl", *sorted([*lost, *again], key=lambda one: one[0]))
    return folder


def test_each_step_has_its_times(tmp_path: Path) -> None:
    """Lost and again by step, nothing of one step counted for another."""
    found = switches(run_of(tmp_path))
    assert found == [
        Switch("order", 20, 120), Switch("order_standby", 20, 120), Switch(BOTH, 20, -1),
        Switch("order_standby", -1, 300), Switch("", -1, 120),
    ]  # fmt: skip
    assert [one.ok for one in expected(found, [])] == [True, True, True]
    assert told(found[0]) == "切断 cut order：20 毫秒后会话中断，120 毫秒后重新同步"
    assert told(Switch("", -1, -1)) == "全部恢复 all back：会话未受影响"


def test_what_did_not_happen_fails_the_drill() -> None:
    """No session over the other end, one with both cut, a broken invariant, a step left out."""
    good = [Switch("order", 20, 120), Switch("order_standby", 20, 120), Switch(BOTH, 20, -1),
            Switch("order_standby", -1, 300)]  # fmt: skip
    stuck = [good[0]._replace(again_ms=-1), *good[1:]]
    assert [one.ok for one in expected(stuck, [])] == [False, True, True]
    leak = [*good[:2], good[2]._replace(again_ms=5), good[3]]
    assert [one.ok for one in expected(leak, [])] == [True, False, True]
    assert [one.ok for one in expected(good, ["x = 1"])] == [True, True, False]
    assert not expected(good[1:], [])[0].ok
    assert CUT_FILE.startswith("exchange/")
