"""Why a quote was sent: the reasons are the journal's own (I-17, S-01; work order 4, must show)."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compose_world import Run, call

from quanheng.compose.why import why
from quanheng.kernels.desk.strategies import layout as s
from quanheng.maker import quoting
from quanheng.maker.ladder import LADDER
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import EFFECTS
from quanheng.runtime.segment import read_segments, segment_paths


def sent(run: Path) -> list[tuple[Any, list[Any]]]:
    """(stamp, request) of every two-sided quote in the maker's journal, in order."""
    folder = run / "journal" / Maker.NAME
    found = []
    for frame in read_segments(folder, Maker.NAME, segment_paths(folder)[0][0]):
        if frame.kind == EFFECTS:
            for effect in msgspec.msgpack.decode(frame.payload):
                if effect[0] == "send":
                    found += [(effect[2], one) for one in effect[3] if one[0] == "S"]
    return found


def test_reasons_of_quotes_all_day(day_run: Run) -> None:
    """Of quotes across the run: prices as journaled, answer of the strategy around them, spread
    within the duty's, every rung asked and passed, accepted by the exchange.
    """
    quotes = [(stamp, one) for stamp, one in sent(day_run.folder) if one[5] and one[6]]
    assert len(quotes) > 100
    for stamp, one in quotes[:: len(quotes) // 6]:
        found = why(day_run.folder, one[1])
        assert [found.trader, found.strategy, found.strategy_version] == stamp[:3]
        assert (found.curve_version, found.limits_version, "") == tuple(stamp[3:])
        assert (found.quote["bid"], found.quote["ask"]) == (one[3], one[4])
        assert 0 < one[4] - one[3] <= found.widest
        assert found.answer["bid"] <= found.inputs["value"] * 11 // 10
        assert found.theory["price"] * 10_000 == pytest.approx(found.inputs["value"], abs=10_000)
        assert [check.check for check in found.checks] == [int(rung.check) for rung in LADDER]
        assert {check.answer for check in found.checks} <= {"passed", "near", "not asked"}
        assert found.became and found.became[0].what in ("accepted", "rejected")
        assert found.at <= found.became[0].at
        assert set(found.inputs) >= {"value", "cap", "toxic", "need", "net"}
        assert len(found.inputs) == s.INPUTS + 1


def test_the_watch_leaves_nothing_behind(day_run: Run) -> None:
    """Reading reasons neither changes the machine's functions nor the run's bytes."""
    before = quoting.plan_class, quoting.judge
    ident = sent(day_run.folder)[-1][1][1]
    first = why(day_run.folder, ident)
    assert (quoting.plan_class, quoting.judge) == before
    assert why(day_run.folder, ident) == first


def test_page_and_json(day_run: Run) -> None:
    """The page speaks Chinese first and names the person, the version and every check."""
    ident = sent(day_run.folder)[-1][1][1]
    page = call("why", day_run.folder, ident)
    assert page.code == 0
    for words in ("值班", "市场视图", "理论价", "事前检查", "P09", "限额", "结果"):
        assert words in page.out
    answer = call("why", day_run.folder, ident, "--json", "--lang", "en")
    assert answer.json["client_id"] == ident
    assert call("why", day_run.folder, ident, "--lang", "en").out.count("passed") >= 20


def test_what_cannot_be_told(day_run: Run, tmp_path: Path) -> None:
    """An id the maker never sent, a folder without a journal, and a journal that was changed."""
    never = call("why", day_run.folder, "M001ZZZZZZ")
    assert never.code == 3 and "no request M001ZZZZZZ" in never.err
    nothing = call("why", tmp_path, "M001000001")
    assert nothing.code == 3 and "not a run folder" in nothing.err
    shutil.copy(day_run.folder / "run.json", tmp_path)
    empty = call("why", tmp_path, "M001000001")
    assert empty.code == 3 and "no journal of the maker" in empty.err
    copy = tmp_path / "run"
    shutil.copytree(day_run.folder, copy)
    ident = sent(copy)[len(sent(copy)) // 2][1][1]
    (path,) = [one for _, one in segment_paths(copy / "journal" / Maker.NAME)][:1]
    data = bytearray(path.read_bytes())
    place = data.index(ident.encode())
    data[place + 9] ^= 1
    path.write_bytes(data)
    assert call("why", copy, ident).code != 0
