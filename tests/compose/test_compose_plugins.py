"""Models and strategies of an installed wheel: by entry point and by hash, released like the
house's own (I-08 to I-10, I-17, I-19, R-05, scope 10).
"""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from compose_world import call
from plugin_world import STRATEGY, build, choosing, register, run
from test_compose_scenes import scenes_file

from quanheng.compose.model_registry import read_register
from quanheng.compose.strategy_records import strategy_source
from quanheng.edge import plugins
from quanheng.kernels.desk import plugged
from quanheng.maker.messages import MakerOpen
from quanheng.maker.setup import check_plugins
from quanheng.runtime.journal import EFFECTS
from quanheng.runtime.segment import read_segments
from quanheng.terms.orders import Send

RELEASE = "quanheng.compose.model_release"
REPLAYING = "quanheng.compose.replaying"
DAY = ("--contracts", "12", "--until", "09:31", "--journal", "full", "--json")
SMALL = ("day", "--contracts", "12", "--until", "09:16", "--journal", "digest")


class Desk(NamedTuple):
    """A desk with the wheel installed, its register and its choice."""

    folder: Path
    site: Path
    models: Path
    config: Path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The strategy and the curve model entered, tested, and not released."""
    folder = tmp_path_factory.mktemp("desk")
    site, models = build(folder), register(folder)
    for what in (("strategy", "quiet", "16"), ("curve", "soft", "16")):
        code, out, errors = run(site, models, "--plugins", "--add", *what, module=RELEASE)
        assert code == 0, errors
        assert f"{what[1]} 1: it is not released" in out
    return Desk(folder, site, models, choosing(folder, "* strategy 16", "510050 curve_model 16"))


@pytest.fixture(scope="module")
def released(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Both released by two people."""
    models = tmp_path_factory.mktemp("released") / "models.toml"
    shutil.copy(desk.models, models)
    code, out, errors = run(
        desk.site, models, "--plugins", "--release", "Q01", "R01", "20261127", module=RELEASE
    )
    assert code == 0, errors
    assert "quiet 1: released" in out and "soft 1: released" in out
    return desk._replace(models=models)


def told(site: Path | None, *arguments: object) -> tuple[int, str, str]:
    """A command in a process of its own when it has the wheel, which it may import; else in this
    one, which has no wheel.
    """
    return call(*arguments) if site is None else run(site, *arguments)


def refused(desk: Desk, site: Path | None, words: str) -> None:
    """No day opens, and the reason is said; nothing is left behind."""
    given = ("--models", desk.models, "--config", desk.config, "--out", desk.folder / "refused")
    code, _, errors = told(site, *SMALL, *given)
    assert code == 2, errors
    assert words in errors
    assert not (desk.folder / "refused").exists()


def test_compose_plugin_is_refused_before_two_people_released_it(desk: Desk) -> None:
    """Tested is not released; one person, or two of the wrong posts, cannot release (I-10)."""
    refused(desk, desk.site, "is not released")
    for pair, why in ((("Q01", "Q01"), "one person"), (("Q01", "T01"), "T01 of its release")):
        code, _, errors = run(
            desk.site, desk.models, "--plugins", "--release", *pair, "20261127", module=RELEASE
        )
        assert (code, why in errors) == (1, True), errors


def test_compose_plugin_trades_a_day_and_replays_in_another_process(released: Desk) -> None:
    """Released by two people it quotes and fits a short day; every message names it with the hash
    of its sources; a fresh process that has the wheel replays the day byte for byte, one that has
    another or none says so and replays nothing (S-01, R-05).
    """
    out = released.folder / "runs"
    given = ("--models", released.models, "--config", released.config, "--out", out)
    code, printed, errors = run(released.site, "day", *DAY, *given)
    assert code == 0, errors
    folder = Path(json.loads(printed)["run"])
    sends = [
        msgspec.convert(effect, Send)
        for frame in read_segments(folder / "journal" / "maker", "maker", 1)
        if frame.kind == EFFECTS
        for effect in msgspec.msgpack.decode(frame.payload)
        if effect[0] == "send"
    ]
    stamps = {(one.stamp.strategy, one.stamp.strategy_version) for one in sends}
    entry = next(one for one in lines_of(released.models, "quiet") if one.startswith("source"))
    source = entry.split('"')[1]
    assert stamps == {("quiet", f"1-{source[:12]}")}
    assert sum(len(one.requests) for one in sends) > 50

    def replayed(site: Path | None) -> str:
        code, printed, errors = run(site, folder, "maker", module=REPLAYING)
        if code:
            return errors.strip().splitlines()[-1]
        found = json.loads(printed)
        assert found["compared"] > 100
        return "ok" if found["ok"] else str(found)

    assert replayed(released.site) == "ok"
    assert "no installed distribution offers quiet" in replayed(None)
    other = build(released.folder / "other", extra="0.3")
    assert f"quiet 1-{source[:12]} is not what is installed" in replayed(other)


def lines_of(models: Path, name: str) -> list[str]:
    """The lines of an entry of a register."""
    text = models.read_text(encoding="utf-8")
    return text.partition(f'name = "{name}"')[2].partition("[[")[0].splitlines()


def test_compose_plugin_with_other_sources_is_refused(released: Desk, tmp_path: Path) -> None:
    """One constant in a file that the strategy only imports: the release is of other sources. Not
    installed, or offered twice: said as that.
    """
    site = tmp_path / "site"
    shutil.copytree(released.site, site)
    (site / "quiet_desk" / "shares.py").write_text("EXTRA = 0.0\n", encoding="utf-8")
    refused(released, site, "strategy quiet version 1: its sources changed: registered")
    refused(released, None, "no installed distribution offers soft under quanheng.curves")
    twice = tmp_path / "twice"
    shutil.copytree(released.site, twice)
    [info] = twice.glob("quiet_desk-*.dist-info")
    copied = Path(shutil.copytree(info, twice / "loud_desk-1.0.0.dist-info"))
    meta = (copied / "METADATA").read_text(encoding="utf-8")
    (copied / "METADATA").write_text(meta.replace("quiet-desk", "loud-desk"), encoding="utf-8")
    refused(released, twice, "is offered by loud-desk, quiet-desk")


def test_compose_plugin_origin_is_shown(released: Desk) -> None:
    """`inspect models`: distribution, version and entry point beside the house's own modules; a
    release that no longer stands fails the check (I-08).
    """
    ask = ("inspect", "models", "--models", released.models, "--json")
    code, printed, errors = told(released.site, *ask)
    assert code == 0, errors
    origins = {row["name"]: row["origin"] for row in json.loads(printed)["models"]}
    assert origins["quiet"] == "quiet-desk 1.2.0, quanheng.strategies: quiet_desk.strategy:quiet"
    assert origins["soft"] == "quiet-desk 1.2.0, quanheng.curves: quiet_desk.curve:soft"
    assert origins["lean"].startswith("quanheng ")
    code, printed, _ = told(None, *ask)
    assert code == 1
    rows = {row["name"]: row["problem"] for row in json.loads(printed)["models"]}
    assert "no installed distribution offers quiet" in rows["quiet"]
    assert rows["lean"] == ""


def test_compose_plugin_argues_its_scenes_like_any_strategy(released: Desk, tmp_path: Path) -> None:
    """`inspect strategies` runs its scenes with the wheel's code; the form and the answer name the
    origin, and the record is of the wheel's sources too (I-08).
    """
    wanted = '{ metric = "participation", at_least = "0.5" }'
    scenes = scenes_file(tmp_path, {"calm": wanted})
    text = scenes.read_text(encoding="utf-8").replace('name = "s"', 'name = "quiet"')
    scenes.write_text(text, encoding="utf-8")
    given = ("--scenes", scenes, "--models", released.models, "--config", released.config)
    code, printed, errors = run(
        released.site, "inspect", "strategies", *given, "--scene", "calm", "--records", tmp_path,
        "--out", tmp_path, "--json",
    )  # fmt: skip
    [found] = json.loads(printed)["strategies"]
    assert (code, found["passed"], found["problem"]) == (1, True, "no record is kept"), errors
    origin = "quiet-desk 1.2.0, quanheng.strategies: quiet_desk.strategy:quiet"
    assert found["origin"] == origin
    assert origin in (tmp_path / "release-quiet-1.md").read_text(encoding="utf-8")
    entries = {entry.name: entry for entry in read_register(released.models).strategies}
    assert strategy_source(entries["quiet"]) != strategy_source(entries["lean"])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("import os", "imports os, which its hash would not cover"),
        ("from numba import njit", "imports numba"),
        ("open('x')", "open brings in what no hash covers"),
        ("import math\nY = math.exp(1.0)", "exp differs between machines"),
        ("from math import log", "log differs between machines"),
    ],
)
def test_compose_plugin_that_no_hash_can_answer_for(
    tmp_path: Path, line: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the hash does not cover, or another machine would answer otherwise, is refused before it
    is imported.
    """
    site = build(tmp_path)
    (site / "quiet_desk" / "strategy.py").write_text(f"{line}\n{STRATEGY}", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(plugins.PluginError, match=why):
        plugins.source_of(plugins.find(plugged.STRATEGY, "quiet"))


def test_compose_maker_refuses_an_opening_whose_plugin_is_not_here() -> None:
    """The machine itself checks: opening with a code whose slot is empty, or holds something else,
    quotes nothing by mistake.
    """
    opening = msgspec.structs.replace(EMPTY, quoting=((2, "1"), (17, "quiet 1-abc")))
    with pytest.raises(ValueError, match=r"plug-in 17 quiet 1-abc: this process holds nothing"):
        check_plugins(opening)
    opening = msgspec.structs.replace(EMPTY, released=(1, 20))
    with pytest.raises(ValueError, match="curve model plug-in 20"):
        check_plugins(opening)
    with pytest.raises(ValueError, match="code 99 is not 16 to 31"):
        plugged.plug(plugged.STRATEGY, 99, "x", print)


EMPTY = MakerOpen(
    day=20240627, chain=None, rulebook=None, maker="", account="", pbu="", cash=0  # type: ignore[arg-type]
)  # fmt: skip
