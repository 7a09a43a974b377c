"""The 52 items of the inspection: looked for, found or missed by name, bundled (L-04)."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import docx as library
import msgspec
import pytest
from compose_world import Run, call
from hatchling.builders.wheel import WheelBuilder

from quanheng.compose import drill, inspection_reports, inspection_static, line_drill
from quanheng.compose.drill import RECORD, Check, Drilled
from quanheng.compose.inspection_items import DUTY_ALONE, KINDS, Item, inspection, parse
from quanheng.compose.inspection_look import LOOKERS, findings, look_at, source_tree
from quanheng.compose.inspection_place import DUTY, FOUND, MISSING, UNSEEN, WHOLE, Place
from quanheng.compose.inspection_rows import rows
from quanheng.compose.people_access import opened

STATIC = ("screens", "rules", "settings", "checks", "monitors", "documents", "commands", "tests")


class Inspected:
    """A run inspected with the sample firm: what the verb printed, and where everything lies."""

    def __init__(self, run: Path) -> None:
        self.run, self.bundle = run, run / "inspection"
        self.sample = run / "inspection-sample"
        self.call = call("inspect", run, "--sample", "--json")

    def place(self, **more: object) -> Place:
        given = {"source": source_tree(), "drills": self.sample / "drills",
                 "papers": self.sample / "papers", "sample": True}  # fmt: skip
        return Place(self.run, **{**given, **more})  # type: ignore[arg-type]


def rehearsed(folder: Path) -> Drilled:
    """A drill's record as the drill writes it, without the days behind it."""
    checks = [Check("即立案", "a case at once", True)]
    (folder / "documents").mkdir(parents=True)
    (folder / "documents" / "风险提示书.md").write_text("风险提示书", encoding="utf-8")
    return drill.write_drill(folder, "演练", ["注入"], checks, "C1", [], ["风险提示书.md"])


@pytest.fixture(scope="module")
def inspected(day_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Inspected:
    """One inspection of the shared day; its drills have tests of their own."""
    run = tmp_path_factory.mktemp("inspected") / "run"
    shutil.copytree(day_run.folder, run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection_reports, "_SHOWN", ("xlsx",))  # the pages' pictures cost most
        patch.setattr(inspection_reports, "_WITHDRAWING", ("504",))
        for name in drill.DRILLS:
            patch.setitem(drill.DRILLS, name, rehearsed)
        patch.setattr(line_drill, "line_switch", rehearsed)
        return Inspected(run)


def lacking(inspected: Inspected) -> list[str]:
    return [
        f"{item['item']} {piece['kind']} {piece['ref']}: {piece['said']}"
        for item in inspected.call.json["items"]
        for piece in item["pieces"]
        if piece["state"] == MISSING
    ]


def test_inspection_every_item_has_evidence(inspected: Inspected) -> None:
    """52 of 52 with a store, drills and a settled day; nothing rests on a duty alone."""
    assert lacking(inspected) == []
    told = inspected.call.json
    assert inspected.call.code == 0 and (told["shown"], told["of"]) == (52, 52)
    assert {item["state"] for item in told["items"]} == {WHOLE}
    pieces = [piece for item in told["items"] for piece in item["pieces"]]
    unseen = [piece["ref"] for piece in pieces if piece["state"] == UNSEEN]
    assert unseen == [drill.FAILOVER]  # a sample has no two hosts
    assert {piece["state"] for piece in pieces} == {FOUND, UNSEEN}


@pytest.mark.parametrize("kind", STATIC)
def test_inspection_every_place_in_the_program_is_there(inspected: Inspected, kind: str) -> None:
    """A page, command, test or document that an item names and nobody has fails here by name."""
    place = inspected.place()
    seen = [
        LOOKERS[kind](place, one, ref)
        for one in inspection().items for of, ref in one.places() if of == kind
    ]  # fmt: skip
    assert seen and [f"{one.ref}: {one.said}" for one in seen if one.state != FOUND] == []


WRONG = {
    "screens": "nowhere", "rules": "colour", "settings": "no_parameter", "checks": "P99",
    "monitors": "I-99", "duties": "elegance", "tables": "no_table", "journal": "maker:no_effect",
    "reports": "no-report", "drills": "no-drill", "papers": "no-paper", "posts": "no_post",
    "registers": "no_register", "documents": "none.md", "commands": "people sing",
    "tests": "tests/compose/test_compose_inspection.py::test_that_is_not_here",
}  # fmt: skip


@pytest.mark.parametrize("kind", list(WRONG))
def test_inspection_what_is_not_there_is_missed(inspected: Inspected, kind: str) -> None:
    """Each way of looking, sent to a place that does not exist, takes the item's evidence away."""
    good = next(one for one in inspection().items if getattr(one, kind))
    bad = msgspec.structs.replace(good, **{kind: (*getattr(good, kind), WRONG[kind])})
    with opened(str(inspected.sample / "people.sqlite"), None, None) as store:
        place = inspected.place(store=store)
        assert look_at(place, good).holds
        found = look_at(place, bad)
    missed = [(one.kind, one.ref) for one in found.pieces if one.state == MISSING]
    assert missed == [(kind, WRONG[kind])] and not found.holds
    assert set(WRONG) | {"settlement", "reviews"} == set(KINDS) == set(LOOKERS)


def test_inspection_sees_what_is_taken_away(inspected: Inspected, tmp_path: Path) -> None:
    """The real path: a record, a settlement, a drill that failed, a report changed, no store."""
    run = tmp_path / "run"
    shutil.copytree(inspected.run, run)
    drills = tmp_path / "drills"
    shutil.copytree(inspected.sample / "drills", drills)
    (run / "reports" / "deals.csv").unlink()
    shutil.rmtree(run / "settlement")
    failed = drills / "wrong-order" / RECORD
    failed.write_text(failed.read_text("utf-8").replace("通过 passed", "未通过 FAILED"), "utf-8")
    (sheet,) = (run / "inspection" / "evidence" / "contracts").iterdir()
    sheet.write_bytes(sheet.read_bytes() + b"1")
    place = Place(run, source=source_tree(), drills=drills)
    found = {one.item.number: one for one in findings(place)}
    said = {
        number: [one.kind for one in found[number].pieces if one.state == MISSING]
        for number in (7, 11, 12, 46)
    }
    assert said == {7: ["settlement"], 11: ["reports"], 12: ["tables"], 46: ["drills"]}
    assert [one.item.number for one in found.values() if one.state == DUTY] == [1, 2, 51]
    assert "已变更" in next(one.said for one in found[11].pieces if one.kind == "reports")
    assert not found[3].holds


def test_inspection_a_duty_alone_is_accepted_for_three_items_only() -> None:
    row = '[[items]]\nnumber = {}\npart = 1\ngroup = ""\ntext = ""\nbasis = ""\n'
    text = 'columns = []\nparts = ["一"]\n' + row.format(1)
    looked = 'tests = ["a"]\n'
    assert parse(f'{text}duty = "x"\ntests = ["a::b"]').items[0].duty == "x"
    for bad, said in (
        (text.replace("number = 1", "number = 2"), "count from 1"),
        (text.replace("part = 1", "part = 2"), "part 2"),
        (text, "names no place"),
        (f'{text}{looked}{row.format(2)}{looked}{row.format(3)}{looked}duty = "x"',
         "no evidence here"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            parse(bad)
    assert DUTY_ALONE == (1, 2, 51)
    assert [one.number for one in inspection().items if one.duty] == [1, 2, 51]
    weak = [one for one in inspection().items if not set(_kinds(one)) - {"commands", "tests"}]
    assert weak == []


def _kinds(item: Item) -> list[str]:
    return [kind for kind, _ in item.places()]


def test_inspection_without_sources_tests_are_not_counted_as_seen(inspected: Inspected) -> None:
    """The wheel has no tests: they are neither found nor missing, and alone they show nothing."""
    item = next(one for one in inspection().items if one.number == 40)
    found = look_at(inspected.place(source=None), item)
    assert {one.state for one in found.pieces if one.kind == "tests"} == {UNSEEN} and found.holds
    only = msgspec.structs.replace(item, screens=(), monitors=(), checks=())
    assert not look_at(inspected.place(source=None), only).holds
    assert not look_at(inspected.place(), only).holds


def test_inspection_bundle_is_whole(inspected: Inspected) -> None:
    """Every file is listed with its hash, linked from the page, and the paper tells the same."""
    told, bundle = inspected.call.json, inspected.bundle
    kept = json.loads((bundle / "index.json").read_text(encoding="utf-8"))
    assert kept["shown"] == 52 and kept["files"] == told["files"]
    page = (bundle / "index.html").read_text(encoding="utf-8")
    for one in kept["files"]:
        data = (bundle / one["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one["sha256"]
        assert f'href="{one["path"]}"' in page
    sums = (bundle / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {line.split("  ")[1] for line in sums}
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert listed == files - {"SHA256SUMS"}
    assert {"papers", "drills", "tables", "documents"} <= {one["kind"] for one in kept["files"]}
    (paper,) = bundle.glob("附件4-*.docx")
    document = library.Document(str(paper))
    states = [row.cells[4].text for table in document.tables for row in table.rows[1:]]
    assert states == ["有证据"] * 52
    words = "\n".join(one.text for one in document.paragraphs)
    assert "52 项中 52 项有证据" in words and "【示例】" in words and "附件4（示例）" in words


def test_inspection_again_and_for_a_screen(inspected: Inspected) -> None:
    """The read model agrees with the bundle, makes nothing, and says what a missing store costs."""
    before = sorted(inspected.bundle.rglob("*"))
    with opened(str(inspected.sample / "people.sqlite"), None, None) as store:
        shown = rows(inspected.run, store, inspected.sample / "drills")
    assert [one.number for one in shown] == list(range(1, 53))
    assert [one.item for one in shown if not one.holds] == []
    assert {piece.page for one in shown for piece in one.pieces if piece.kind == "screens"} <= set(
        inspection_static.console_pages()
    )
    bare = rows(inspected.run)
    assert all("未给出人员库" in one.said for one in bare[2].pieces if one.kind == "papers")
    assert sorted(inspected.bundle.rglob("*")) == before


def test_inspection_the_wheel_has_what_it_looks_into() -> None:
    """Items, pages of the console and the system's documents are in the wheel; tests are not."""
    root = source_tree()
    assert root is not None
    builder = WheelBuilder(str(root))
    names = {one.distribution_path for one in builder.recurse_included_files()}
    documents = {one for item in inspection().items for one in item.documents}
    assert {f"quanheng/data/zh/{one}" for one in documents} <= names
    pages = [(root / "docs" / "zh" / one).read_text(encoding="utf-8") for one in documents]
    pictures = {one for page in pages for one in re.findall(r"\]\(\.\./(pictures/[^)]+)\)", page)}
    assert pictures and {f"quanheng/data/{one}" for one in pictures} <= names
    assert {"quanheng/data/inspection.toml", "quanheng/desk/static/app.js"} <= names
    assert not [one for one in names if one.startswith("tests")]


def test_inspection_refuses_what_it_cannot_use(inspected: Inspected, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    done = call("inspect", inspected.run, "--out", tmp_path / "full")
    assert done.code == 2 and "no bundle" in done.err
    assert (tmp_path / "full" / "mine.txt").exists()
    assert call("inspect", tmp_path).code == 3
    assert call("inspect", tmp_path / "nothing").code == 2
    done = call("inspect", inspected.run, "--sample", "--store", "x")
    assert done.code == 2 and "--sample" in done.err
