"""The configuration list of a node, its approval and comparison; the bill of materials (T-06)."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose import configuration, self_test
from quanheng.compose.configuration import ListError, approve, differences, listed, read, write
from quanheng.compose.day import DayPlan
from quanheng.compose.installed import altered, strangers
from quanheng.compose.sbom import bill, locked, unlocked
from quanheng.compose.scenarios import load
from quanheng.config import Config, lines_of, read_config
from quanheng.edge.alarm_channels import ChannelConfig
from quanheng.edge.build import source_hash

ROOT = Path(__file__).parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")


def call(*words: Any) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*map(str, words)])
    return done.exit_code, done.output


def with_channel() -> Config:
    config = read_config()
    hook = ChannelConfig("head", "webhook", ("https://192.0.2.9/hook?token=canary",))
    operations = msgspec.structs.replace(config.operations, channels=(hook,))
    return msgspec.structs.replace(config, operations=operations)


def test_the_list_has_every_group_and_no_secret() -> None:
    """Hardware to register, each with rows; an address that holds a token is not printed."""
    found = listed(with_channel())
    rows = {(group, name): value for group, name, value in found.rows}
    assert len(rows) == len(found.rows)
    assert {group for group, _ in rows} == set(configuration.WORDS)
    assert rows["program", "source"] == source_hash()
    assert rows["packages", "numpy"] == version("numpy")
    assert rows["isolation", "peers[0]"] == "127.0.0.1"
    assert rows["lines", "dead_man_ms"] == "400"
    assert rows["configuration", "limits[0].underlying"] == "510050"
    assert rows["configuration", "operations.channels[0].target[0]"] == "***"
    assert "canary" not in str(found)
    assert ("operations.channels[0].target[0]", "https://192.0.2.9/hook?token=canary") in lines_of(
        with_channel()
    )
    assert [line.rows for line in (found, listed(with_channel()))].count(found.rows) == 2


def test_a_list_is_approved_by_two_and_compared(tmp_path: Path) -> None:
    """Over the command line: taken, approved, compared, and a package that changed is named."""
    fresh, kept = tmp_path / "list.json", tmp_path / "approved.json"
    assert call("configuration", "list", "--to", fresh, "--document", tmp_path)[0] == 0
    assert (tmp_path / "configuration-maker-a.docx").read_bytes().startswith(b"PK")
    words = ("--to", kept, "--reason", "first list")
    with pytest.raises(ListError, match="two people"):
        approve(read(fresh), "O01", "O01", "")
    assert call("configuration", "approve", fresh, *words, "--by", "Q01", "--second", "nobody")[0]
    assert not kept.exists()
    done = call("configuration", "approve", fresh, *words, "--by", "Q01", "--second", "R01")
    assert done[0] == 0, done
    assert call("configuration", "compare", "--approved", kept)[0] == 0
    with pytest.raises(ListError, match="nobody has approved"):
        differences(read(fresh), read(fresh))
    other = read(kept)
    rows = tuple(
        (group, name, "0.0.1" if (group, name) == ("packages", "numpy") else value)
        for group, name, value in other.rows
        if (group, name) != ("hardware", "cpu_count")
    )
    write(msgspec.structs.replace(other, rows=(*rows, ("packages", "gone", "1"))), kept)
    code, text = call("configuration", "compare", "--approved", kept)
    assert code == 1
    for word in ("numpy", "0.0.1", "gone", "cpu_count"):
        assert word in text
    elsewhere = msgspec.structs.replace(other, node="another")
    with pytest.raises(ListError, match="of node maker-a, not another"):
        differences(other, elsewhere)
    assert call("configuration", "approve", fresh, *words, "--by", "Q01", "--second", "R01")[0] == 0
    assert len([*tmp_path.glob("approved-*.json")]) == 1  # the older one is kept


def test_the_self_test_holds_the_machine_against_the_approved_list(tmp_path: Path) -> None:
    """A machine that is not as approved does not start a day (T-06, promise 45)."""
    kept, config = tmp_path / "approved.json", read_config()
    operations = msgspec.structs.replace(config.operations, approved=str(kept))
    config = msgspec.structs.replace(config, operations=operations)
    subject = self_test.Subject(DayPlan(scenario=load("calm"), config=config), tmp_path)
    found = approve(listed(config), "Q01", "R01", "first")
    write(found, kept)
    assert "as approved" in self_test._approved(subject)
    changed = tuple(
        (group, name, "x" if name == "kernel" else value) for group, name, value in found.rows
    )
    write(msgspec.structs.replace(found, rows=changed), kept)
    with pytest.raises(self_test.Wrong, match="system kernel"):
        self_test._approved(subject)


def test_the_bill_of_materials_names_what_is_installed(tmp_path: Path) -> None:
    """CycloneDX with every distribution once; versions as installed; hashes from the locks; what is
    installed otherwise than locked is named.
    """
    made = bill(LOCKS)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.5")
    refs = [one["bom-ref"] for one in made["components"]]
    assert len(refs) == len(set(refs)) > 20
    (numpy,) = [one for one in made["components"] if one["name"] == "numpy"]
    assert numpy["purl"] == f"pkg:pypi/numpy@{version('numpy')}"
    assert numpy["properties"][0]["value"] == "true" and len(numpy["properties"][1]["value"]) == 64
    assert not any(one.startswith("numpy ") for one in unlocked(made))
    lock = tmp_path / "one.lock"
    lock.write_text(f"numpy==0.1 \\\n    --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    assert locked(lock.read_text(encoding="utf-8")) == {("numpy", "0.1"): ("0" * 64,)}
    assert f"numpy {version('numpy')}" in unlocked(bill((lock,)))
    lock.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ListError, match="no pinned requirement"):
        bill((lock,))
    code, text = call("sbom", "--lock", LOCKS[0], "--lock", LOCKS[1], "--out", tmp_path / "b.json")
    wrong = altered() + strangers()
    assert code == bool(unlocked(made) or wrong) and "components" in text
    assert msgspec.json.decode((tmp_path / "b.json").read_bytes())["version"] == 1
