"""Evidence of an inspection in a people store, as its people make and lose it (I-01 to I-06)."""

from pathlib import Path

import docx as library
import pytest
from papers_world import order
from people_world import OTHER, World

from quanheng.compose import papers
from quanheng.compose.inspection_items import inspection
from quanheng.compose.inspection_people import LOOKERS
from quanheng.compose.inspection_place import FOUND, MISSING, Piece, Place
from quanheng.compose.inspection_sample_papers import fill
from quanheng.compose.run_folder import RunInfo, write_info
from quanheng.desk.people import papers as life
from quanheng.desk.people import posts, registers, review
from quanheng.desk.people.store import appointments
from quanheng.terms.units import DAY

ITEM = inspection().items[0]


@pytest.fixture
def place(firm: World, tmp_path: Path) -> Place:
    """A run that only says its day, with the store of a firm that holds every post twice."""
    info = RunInfo(
        day=20240627, scenario="calm", seed=1, cadence_ms=3000, contracts=12, journal="full",
        version="0", rulebook="", config="", source="", hash_seed="0",
    )  # fmt: skip
    write_info(tmp_path, info)
    return Place(tmp_path, store=firm.store, papers=tmp_path / "forms")


def look(place: Place, kind: str, ref: str = "") -> Piece:
    return LOOKERS[kind](place, ITEM, ref)


def test_inspection_a_post_counts_while_both_hold_it(place: Place, firm: World) -> None:
    found = look(place, "posts", "it")
    assert found.state == FOUND and "公司 主岗" in found.said and "备岗" in found.said
    with firm.store.reading() as connection:
        rows = [row for row in appointments(connection) if row["post"] == "it"]
    backup = next(row["number"] for row in rows if row["holder"] == "backup")
    posts.revoke(firm.store, firm.one, backup)
    gone = look(place, "posts", "it")
    assert (gone.state, gone.said) == (MISSING, "公司 缺备岗")
    other = look(place, "posts", "ops")  # held on one of the firm's two accounts
    assert (other.state, other.said) == (MISSING, f"{OTHER} 缺主岗、备岗")


def test_inspection_a_paper_counts_when_it_is_signed(
    place: Place, firm: World, tmp_path: Path
) -> None:
    """Not made, drafted, reviewed: missing; signed: found, with the file of that very hash."""
    name = papers.KINDS["appendix3"].file
    assert "尚未起草" in look(place, "papers", "appendix3").said
    made = papers.make("appendix3", order(firm, tmp_path), tmp_path / "forms")
    for stage, person in (
        (life.DRAFT, "R01"), (life.REVIEWED, "C01"), (life.SIGNED, "H01"),
    ):  # fmt: skip
        assert look(place, "papers", "appendix3").state == MISSING
        life.enter(firm.store, firm.login(person), name, stage, made.sha256, 0)
    found = look(place, "papers", "appendix3")
    assert found.state == FOUND and "H01" in found.said and found.files == (str(made.path),)
    made.path.write_bytes(made.path.read_bytes() + b"1")
    assert look(place, "papers", "appendix3").files == ()
    life.enter(firm.store, firm.login("R01"), name, life.DRAFT, "f" * 64, 0)
    assert "起草" in look(place, "papers", "appendix3").said


def test_inspection_a_register_counts_what_is_in_force(place: Place, firm: World) -> None:
    assert look(place, "registers", "account").state == FOUND
    assert look(place, "registers", "decision").state == MISSING
    number = registers.add(firm.store, firm.login("R01"), "decision", {
        "subject": "strategy", "scope": "lean", "content": "启用", "proposer": "Q01",
        "since": 20240627, "until": 20241231, "basis": "会议",
    })  # fmt: skip
    assert look(place, "registers", "decision").state == MISSING
    registers.approve(firm.store, firm.login("D01"), number)
    assert look(place, "registers", "decision").state == FOUND
    registers.reverse(firm.store, firm.login("H01"), number, "有误")
    assert look(place, "registers", "decision").state == MISSING


def test_inspection_a_review_counts_while_it_is_signed_and_young(place: Place, firm: World) -> None:
    assert look(place, "reviews").state == MISSING
    held = review.keep(firm.store, firm.one, review.look(firm.store))
    assert look(place, "reviews").state == MISSING
    review.sign(firm.store, firm.login("C01"), held, "同意")
    assert look(place, "reviews").state == FOUND
    firm.clock.forward(91 * DAY)
    assert "逾期" in look(place, "reviews").said


def test_inspection_sample_papers_leave_no_gap(firm: World, tmp_path: Path) -> None:
    """Every mark and the list of them go, the words that replace them say 示例."""
    path = papers.make("plan", order(firm, tmp_path, full=False), tmp_path / "forms").path
    assert papers.gaps_in(path)
    fill(path)
    assert papers.gaps_in(path) == ()
    text = "\n".join(one.text for one in library.Document(str(path)).paragraphs)
    assert "示例：" in text and papers.GAP_LIST not in text
