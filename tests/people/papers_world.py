"""A staffed firm with its file, and what stands in the tables of a document."""

from pathlib import Path
from typing import Any

from people_world import ACCOUNT, STAFF, World

from quanheng.compose import papers
from quanheng.compose.paper_facts import gather, wanted
from quanheng.desk.people import admin, registers
from quanheng.edge import document_docx

DAY = 20240627
DATA = Path(__file__).parents[2] / "src" / "quanheng" / "data"
DESK, OVERSIGHT = DATA / "desk.toml", DATA / "oversight.toml"
FIRM = """
name = "示例证券"
legal_representative = "甲"
principal = "乙"
capital_yuan = 500000000
capital_use = "保证金与对冲"
limit_reason = "做市需要"
withdrawal_reason = "业务调整"
capital_change = "无变化"

[[departments]]
name = "做市业务部"
duties = ["制定做市方案", "持续报价"]

[[apply]]
underlying = "510050"
name = "50ETF"
long = 50000
total = 100000
daily_buy_open = 200000
use = "双边报价"

[[apply]]
underlying = "510300"
name = "300ETF"
long = 40000
total = 80000
daily_buy_open = 160000
use = "双边报价"
"""
HISTORY = '[["2015-2019", "某公司", "期权研究"], ["2019-今", "本公司", "做市"]]'


def fill(world: World) -> None:
    """Every required post with main and backup, everybody's data, an account on record."""
    world.wake()
    number = 0
    for post in world.store.rules.posts:
        for holder in ("main", "backup"):
            if not post.required:
                continue
            number += 1
            person = f"N{number:02d}"
            world.person(person, post.post, holder=holder, enrol=False)
            admin.set_personal(world.store, world.one, person, {
                "mobile": f"1380000{number:04d}", "email": f"n{number}@firm.example",
                "duty": post.words, "history": HISTORY if post.history else "[]",
            })  # fmt: skip
    for person in STAFF:
        admin.set_personal(world.store, world.one, person, {
            "mobile": "13811110000", "email": "n0@firm.example", "duty": "岗位职责",
            "history": HISTORY,
        })  # fmt: skip
    number = registers.add(world.store, world.login("R01"), "account", {
        "account": ACCOUNT, "securities_account": "D1", "scope": "*", "reported": 20240620,
        "unit": "12345",
    })  # fmt: skip
    registers.approve(world.store, world.login("C01"), number)


def order(world: World, folder: Path, full: bool = True, **more: Any) -> papers.Order:
    """What documents are made of, with the firm's file and configuration or without."""
    firm = folder / "firm.toml"
    firm.write_text(FIRM, encoding="utf-8")
    facts = gather(
        world.store, DAY, firm if full else None, DESK if full else None,
        oversight=OVERSIGHT if full else None,
    )  # fmt: skip
    return papers.Order(facts, wanted(facts, ()), **more)


def tables(path: Path) -> list[list[list[str]]]:
    """Texts of a document by table and row; a merged cell stands once in each of its rows."""
    import docx

    found = []
    for table in docx.Document(str(path)).tables:
        rows = []
        for row in table.rows:
            cells: list[Any] = []
            for cell in row.cells:
                if not cells or cell._tc is not cells[-1]._tc:
                    cells.append(cell)
            rows.append([cell.text for cell in cells])
        found.append(rows)
    return found


def paper(*blocks: document_docx.Block) -> document_docx.Paper:
    """A paper of some blocks."""
    return document_docx.Paper(title="题", day=DAY, blocks=blocks)
