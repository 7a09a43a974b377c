"""The documents there are, made from facts, and the two application packages (L-02, L-03, L-11)."""

import hashlib
import html
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.compose import paper_forms, paper_letters, paper_usage
from quanheng.compose.paper_facts import Facts, Gaps, Wanted
from quanheng.compose.paper_plans import plan, plans
from quanheng.compose.run_folder import write_whole
from quanheng.config import ConfigError
from quanheng.edge.document_docx import Block, Head, NewPage, Paper, Words, docx
from quanheng.rulebook.calendar import next_trading
from quanheng.terms.units import Day

ADVANCE = 15
"""Trading days that a withdrawal is told in advance (chapter 2, 9)."""
MARK = re.compile("【待填：([^】]*)】")
"""What stands for a gap in a document; its group is the gap's name."""
GAP_LIST = "缺项清单"
"""Head of the list of gaps on a document's last page."""


class Order(msgspec.Struct, frozen=True):
    """What a document is made of."""

    facts: Facts
    classes: tuple[Wanted, ...] = ()
    runs: tuple[Path, ...] = ()
    alert: int = 0
    effective: Day = 0


Maker = Callable[[Order, Gaps], Paper]


class Kind(msgspec.Struct, frozen=True):
    """A document: its file's name, what makes it, and where it comes from."""

    file: str
    make: Maker
    source: str


def _withdrawal(order: Order, gaps: Gaps) -> Paper:
    facts = order.facts
    earliest = next_trading(facts.rules.calendar, facts.day, ADVANCE)
    return paper_forms.withdrawal(facts, gaps, order.classes, order.effective, earliest)


def _incident(order: Order, gaps: Gaps) -> Paper:
    run = order.runs[0] if order.runs and order.alert else None
    return paper_usage.incident(order.facts, gaps, run, order.alert)


def _plan_kind(name: str, title: str, item: str) -> Kind:
    def make(order: Order, gaps: Gaps) -> Paper:
        return plan(name, order.facts, gaps, order.runs)

    return Kind(f"附件2-{title}", make, f"附件2; {item}")


KINDS: dict[str, Kind] = {
    "appendix1": Kind(
        "附件1-合约品种做市业务申请表",
        lambda order, gaps: paper_forms.application(order.facts, gaps, order.classes),
        "附件1",
    ),
    **{one.paper: _plan_kind(one.paper, one.title, one.item) for one in plans().papers},
    "appendix3": Kind(
        "附件3-做市业务人员情况表",
        lambda order, gaps: paper_forms.staff(order.facts, gaps),
        "附件3",
    ),
    "appendix5": Kind("附件5-主动申请取消做市合约品种申请表", _withdrawal, "附件5; 第二章 九"),
    "appendix6": Kind(
        "附件6-持仓限额申请表",
        lambda order, gaps: paper_forms.limits(order.facts, gaps, order.classes),
        "附件6; 第四章 一",
    ),
    "usage": Kind(
        "额度使用及做市业务情况说明",
        lambda order, gaps: paper_usage.statement(order.facts, gaps, order.classes, order.runs),
        "第四章 一(三)(四)",
    ),
    "incident": Kind("暂停做市服务情况报告", _incident, "第四章 二(三)"),
    **{
        name: Kind(
            file,
            lambda order, gaps, make=make: make(order.facts, gaps, order.classes),  # type: ignore[misc]
            source,
        )
        for name, file, make, source in (
            ("letter", "做市商业务申请书", paper_letters.application_letter, "第二章 二(一)"),
            ("commitment", "承诺书", paper_letters.commitment, "第二章 二"),
            ("accounts", "做市业务账户报备", paper_letters.accounts, "第二章 七"),
            ("limit-letter", "提高持仓限额申请书", paper_letters.limit_letter, "第四章 一(一)"),
            ("capital", "做市资金规模变化情况说明", paper_letters.capital_change, "第二章 五"),
        )
    },
}


class Made(msgspec.Struct, frozen=True):
    """A document that was written, with its gaps by name."""

    kind: str
    path: Path
    sha256: str
    gaps: tuple[str, ...]


def make(name: str, order: Order, out: Path) -> Made:
    """Write a document into a folder; a list of its gaps stands on its last page.

    ConfigError when another file of its name is there: a person may have worked on it.
    """
    kind = KINDS[name]
    gaps = Gaps()
    paper = kind.make(order, gaps)
    if gaps.names:
        listed: tuple[Block, ...] = (
            NewPage(),
            Head(f"{GAP_LIST}（补齐后自动消失，提交前不得保留）", 2),
            *(Words(f"{number}. {one}") for number, one in enumerate(gaps.names, 1)),
        )
        paper = msgspec.structs.replace(paper, blocks=(*paper.blocks, *listed))
    data = docx(paper)
    marked = _marks(data)
    assert sorted(marked) == sorted(gaps.names), f"{name}: gaps {gaps.names}, marks {marked}"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{kind.file}.docx"
    if path.exists() and path.read_bytes() != data:
        raise ConfigError(
            f"{path}: exists and differs, a person may have worked on it; name another folder"
        )
    write_whole(path, data)
    return Made(name, path, hashlib.sha256(data).hexdigest(), tuple(gaps.names))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex. ConfigError when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def gaps_in(path: Path) -> tuple[str, ...]:
    """Gaps that are still marked in a .docx, also after a person has worked on it.

    ConfigError when the file is no .docx.
    """
    try:
        return _marks(path.read_bytes())
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: no .docx: {error}") from error


def _marks(data: bytes) -> tuple[str, ...]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        text = package.read("word/document.xml").decode()
    plain = html.unescape(re.sub(r"<[^>]*>", "", text))  # Word may cut a mark into several runs
    return tuple(dict.fromkeys(MARK.findall(plain)))


class Item(msgspec.Struct, frozen=True):
    """A line of a package's checklist: documents of ours, or a file the firm provides."""

    words: str
    source: str
    channel: str
    kinds: tuple[str, ...] = ()
    field: str = ""  # of the firm's file


_PAPER = "书面（盖章）；业务管理系统电子版"
_SYSTEM = "业务管理系统电子版"
_POST = "邮寄（盖章）；业务管理系统电子版"
_LIMITS = Item(
    "持仓限额申请（同步提交）",
    "第二章 四、第四章 一",
    _POST,
    ("limit-letter", "appendix6", "usage"),
)
PACKAGES: dict[str, tuple[Item, ...]] = {
    "first": (
        Item("做市商业务申请书（资金规模、承诺、两人签字）", "第二章 二(一)", _PAPER, ("letter",)),
        Item("营业执照、组织机构代码证副本复印件", "第二章 二(二)", _PAPER, field="licence_files"),
        Item("合约品种做市业务申请表", "第二章 二(三)", _PAPER, ("appendix1",)),
        Item(
            "实施方案、内部管理制度、风险控制制度、应急预案", "第二章 二(四)", _SYSTEM,
            tuple(one.paper for one in plans().papers),
        ),
        Item("部门、岗位设置、人员情况说明", "第二章 二(五)", _SYSTEM, ("appendix3",)),
        Item("技术系统准备情况", "第二章 二(六)", _SYSTEM, field="technical_file"),
        Item("承诺书", "第二章 二", _PAPER, ("commitment",)),
        _LIMITS,
    ),
    "repeat": (
        Item("合约品种做市业务申请表", "第二章 五", "书面（盖章）", ("appendix1",)),
        Item("做市资金规模变化情况说明", "第二章 五", "书面（盖章）", ("capital",)),
        msgspec.structs.replace(_LIMITS, channel="书面（盖章）；邮寄"),
    ),
}  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """An item as it stands: the files there are and everything that is missing."""

    item: Item
    files: tuple[tuple[str, str], ...]  # name, SHA-256
    missing: tuple[str, ...]


def package(name: str, order: Order, out: Path) -> tuple[list[Line], list[Made]]:
    """Write a package's documents and its checklist into a folder."""
    lines, made = [], []
    for item in PACKAGES[name]:
        written = [make(kind, order, out) for kind in item.kinds]
        made += written
        files = [(one.path.name, one.sha256) for one in written]
        missing = [f"{one.path.stem}：{gap}" for one in written for gap in one.gaps]
        if item.field:
            given, lost = _given(order.facts, item.field, out)
            files, missing = files + given, missing + lost
        lines.append(Line(item, tuple(files), tuple(missing)))
    write_whole(out / "checklist.md", _checklist(name, order.facts, lines).encode())
    return lines, made


def _given(facts: Facts, field: str, out: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Copy what the firm provides; (copied with hashes, what is missing)."""
    value = getattr(facts.firm, field)
    names = [value] if isinstance(value, str) else list(value)
    found, missing = [], []
    for one in [Path(name) for name in names if name]:
        if one.is_file():
            shutil.copyfile(one, out / one.name)
            found.append((one.name, file_hash(one)))
        else:
            missing.append(f"文件不存在：{one}")
    if not found and not missing:
        missing.append(f"未提供（firm.{field}）")
    return found, missing


_TITLES = {"first": "首次做市申请材料清单", "repeat": "非首次合约品种做市申请材料清单"}


def _checklist(name: str, facts: Facts, lines: list[Line]) -> str:
    company = facts.firm.name or "【待填】"
    text = [f"# {_TITLES[name]}", "", f"公司：{company}", ""]
    text += ["| 序号 | 材料 | 依据 | 报送方式 | 文件 | 缺项 |", "|---|---|---|---|---|---|"]
    for number, line in enumerate(lines, 1):
        files = "<br>".join(f"{file} `{sha[:12]}`" for file, sha in line.files) or "无"
        state = f"{len(line.missing)} 项" if line.missing else "齐备"
        text.append(
            f"| {number} | {line.item.words} | {line.item.source} | {line.item.channel} "
            f"| {files} | {state} |"
        )
    for number, line in enumerate(lines, 1):
        if line.missing:
            text += ["", f"## {number}. {line.item.words}", ""]
            text += [f"- {one}" for one in line.missing]
    return "\n".join(text) + "\n"
