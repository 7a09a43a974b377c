"""Papers of the sample firm: appendices 2 and 3, what people would write marked 示例 (L-03)."""

import hashlib
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from quanheng.compose import papers
from quanheng.compose.inspection_sample_people import DEPARTMENTS
from quanheng.compose.paper_facts import gather
from quanheng.compose.paper_plans import plans
from quanheng.desk.people.store import Store
from quanheng.terms.units import Day

_FIRM = """
name = "示例做市商（示例）"
legal_representative = "法定代表人（示例）"
principal = "主要负责人（示例）"

[[departments]]
name = "{market_making}"
duties = ["示例：制定做市方案，持续报价，回应询价"]

[[departments]]
name = "{company}"
duties = ["示例：风险管理、合规、清算、资金与信息技术"]
"""
_TEXT = "（示例：{}，正式文件由人撰写）"


def write_papers(store: Store, day: Day, run: Path, out: Path) -> list[tuple[Path, str]]:
    """(file, SHA-256) of each paper, without a gap."""
    out.mkdir(parents=True, exist_ok=True)
    firm = out / "firm.toml"
    firm.write_text(_FIRM.format_map(DEPARTMENTS), encoding="utf-8")
    data = files("quanheng") / "data"
    with as_file(data / "desk.toml") as desk, as_file(data / "oversight.toml") as oversight:
        facts = gather(store, day, firm, desk, oversight=oversight)
    order = papers.Order(facts, runs=(run,))
    found = []
    for kind in (*(one.paper for one in plans().papers), "appendix3"):
        made = papers.make(kind, order, out)
        fill(made.path)
        found.append((made.path, hashlib.sha256(made.path.read_bytes()).hexdigest()))
    return found


def fill(path: Path) -> None:
    """Put sample words in place of every mark of a gap, and take the list of gaps away.

    ValueError when a gap is left.
    """
    import docx

    document: Any = docx.Document(str(path))
    for paragraph in document.element.body.iter(_tag("p")):
        texts = [one for one in paragraph.iter(_tag("t")) if one.text]
        whole = "".join(one.text for one in texts)
        filled = papers.MARK.sub(lambda found: _TEXT.format(found[1]), whole)
        if filled != whole:
            texts[0].text = filled
            for one in texts[1:]:
                one.text = ""
    _without_list(document)
    document.save(str(path))
    left = papers.gaps_in(path)
    if left:
        raise ValueError(f"{path}: gaps are left: {', '.join(left)}")


def _without_list(document: Any) -> None:
    """The page that lists the gaps ends the document; nothing of it is true any more."""
    body = list(document.element.body)
    heads = [
        at for at, one in enumerate(body)
        if "".join(text.text or "" for text in one.iter(_tag("t"))).startswith(papers.GAP_LIST)
    ]  # fmt: skip
    for at in heads:
        for one in body[at:]:
            if one.tag == _tag("p"):
                document.element.body.remove(one)


def _tag(name: str) -> str:
    from docx.oxml.ns import qn

    return str(qn(f"w:{name}"))
