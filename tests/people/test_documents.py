"""The guide's appendices as documents: fields, gaps, chapters, packages (L-02, L-03, L-11)."""

import io
import re
from collections import Counter
from pathlib import Path

import docx as library
import pytest
from docx.oxml.ns import qn
from papers_world import DAY, FIRM, order, paper, tables
from people_world import ACCOUNT, World

from quanheng.authority.policy import Act
from quanheng.compose import papers
from quanheng.compose.paper_facts import Firm, gather, wanted
from quanheng.compose.paper_letters import COMMITMENT, capital_words
from quanheng.compose.paper_plans import PROVIDERS, plans
from quanheng.compose.plan_facts_firm import ACT_WORDS
from quanheng.compose.plan_facts_risk import MEASURES
from quanheng.config import ConfigError
from quanheng.desk.people import registers
from quanheng.edge.document_docx import Box, Grid, Words, docx
from quanheng.maker.monitor_table import Measure

STANDARDS = [
    "最大买卖价差（%）", "最小报价数量", "连续竞价参与率（%）", "开盘集合竞价参与率（%）",
    "盘中集合竞价参与率（%）", "收盘集合竞价参与率（%）",
    "持续报价合约覆盖率（%）", "回应报价参与率（%）",
]  # fmt: skip
LIMITS = ["权利仓持仓限额", "总持仓限额", "每日买入开仓限额"]


def text_of(path: Path) -> str:
    body = library.Document(str(path)).element.body
    texts = ["".join(one.text or "" for one in p.iter(qn("w:t"))) for p in body.iter(qn("w:p"))]
    return "\n".join(texts)


def test_documents_appendix_1_has_the_guides_fields(firm: World, tmp_path: Path) -> None:
    made = papers.make("appendix1", order(firm, tmp_path), tmp_path)
    (rows,) = tables(made.path)
    assert made.gaps == () and made.path.name == "附件1-合约品种做市业务申请表.docx"
    assert rows[0] == ["公司信息", "公司名称", "示例证券"]
    assert rows[1] == ["公司信息", "做市商资格类型", "主做市商"]
    for block, (name, values) in enumerate((
        ("50ETF（510050）", ["50,000张", "100,000张", "200,000张"]),
        ("300ETF（510300）", ["40,000张", "80,000张", "160,000张"]),
    )):  # fmt: skip
        for at, (words, value) in enumerate(zip(LIMITS, values, strict=True)):
            wanted_row = ["申请做市\n合约品种", "标的简称（代码）", name, words, value]
            assert rows[2 + 3 * block + at] == wanted_row
    standards = rows[8:16]
    assert [row[1] for row in standards] == STANDARDS
    assert {row[0] for row in standards} == {"报价标准"}
    assert standards[0][2] == (
        "当月、下月合约不超过max(买价×10%，0.0025元)；下季、隔季合约不超过max(买价×20%，0.0025元)"
    )
    assert [row[2] for row in standards[1:]] == [
        "连续竞价10张；集合竞价1张", "不低于80", "不低于50", "不低于50",
        "不低于80", "不低于80", "不低于70",
    ]  # fmt: skip
    assert rows[16] == ["做市专用账户", ACCOUNT]
    assert rows[17] == ["专用交易单元（如有）", "交易单元号", "12345", "指定账户", ACCOUNT]
    assert [row[1] for row in rows[18:]] == ["姓名", "部门", "电话"]
    assert rows[20][3] == "邮件地址" and rows[20][4].endswith("@firm.example")


def test_documents_appendix_3_has_the_guides_fields(firm: World, tmp_path: Path) -> None:
    made = papers.make("appendix3", order(firm, tmp_path), tmp_path)
    head, staff = tables(made.path)
    assert made.gaps == ()
    assert [row[0] for row in head] == [
        "公司信息", "公司信息", *["做市业务\n负责人"] * 3, *["做市业务\n联络人"] * 3,
    ]  # fmt: skip
    assert [row[1] for row in head] == ["公司名称", "做市商资格类型", *["姓名", "部门", "电话"] * 2]
    assert staff[0] == ["做市业务部　工作职责包括：\n（1）制定做市方案\n（2）持续报价"]
    assert staff[1] == ["岗位", "人员姓名", "职责描述", "联系方式", "工作履历"]
    trader = next(row for row in staff if row[0] == "交易岗（主岗）" and row[1].startswith("人N"))
    assert trader[4] == "2015-2019-某公司-期权研究\n2019-今-本公司-做市"
    assert re.fullmatch(r"手机 1380000\d{4}\nn\d+@firm.example", trader[3])
    assert any(row[0] == "交易岗（备岗）" for row in staff)
    assert "必须详细填写工作履历" in text_of(made.path)


def test_documents_appendix_5_has_the_guides_fields(firm: World, tmp_path: Path) -> None:
    made = papers.make("appendix5", order(firm, tmp_path, effective=20240718), tmp_path)
    (rows,) = tables(made.path)
    assert made.gaps == ()
    assert rows[2] == ["生效日期", "2024年7月18日"]
    assert rows[3] == ["取消的做市合约品种", "账户", ACCOUNT]
    assert rows[4][1:] == ["合约品种代码（简称）", "510050（50ETF）"]
    assert rows[6] == ["取消原因", "业务调整"]
    assert [row[1] for row in rows[7:]] == ["姓名", "部门", "电话"]


def test_documents_a_withdrawal_needs_fifteen_trading_days(firm: World, tmp_path: Path) -> None:
    early = papers.make("appendix5", order(firm, tmp_path, effective=20240717), tmp_path)
    assert [one for one in early.gaps if "最早 2024年7月18日" in one]


def test_documents_appendix_6_has_the_guides_fields(firm: World, tmp_path: Path) -> None:
    made = papers.make("appendix6", order(firm, tmp_path), tmp_path)
    rows, amounts = tables(made.path)
    assert made.gaps == ()
    assert [row[1] for row in rows[:6]] == [
        "公司名称", "业务类型", "衍生品合约账号", "联系人姓名", "联系人联系方式", "联系人电子邮件",
    ]  # fmt: skip
    assert {row[0] for row in rows[:6]} == {"申请人信息"} and rows[6] == ["申请理由", "做市需要"]
    assert rows[7] == ["单个合约品种申请调整额度", "合约品种名称", "权利仓申请额度"]
    assert rows[8][1:] == ["50ETF（510050）", "50,000张"]
    assert [row[1] for row in rows[-3:]] == [
        "首席风控官（或合规总监）签字：", "法定代表人签字：", "期权做市商单位公章：",
    ]  # fmt: skip
    assert amounts[1] == ["50ETF（510050）", "50,000张", "100,000张", "200,000张", "双边报价"]


GAPS = {
    "appendix1": ["公司名称", "做市商资格类型",
    "标的简称（代码）", *LIMITS, "做市专用账户", "联络人姓名",
                  "联络人部门", "联络人电话", "联络人邮件地址"],
    "appendix3": ["公司名称", "做市商资格类型", "负责人姓名", "联络人姓名", "部门名称", "工作职责",
                  "岗位与人员", "交易岗缺主岗、备岗", "清算岗缺主岗、备岗"],
    "appendix5": ["公司名称", "生效日期", "账户", "合约品种代码（简称）", "取消原因", "联络人姓名"],
    "appendix6": ["公司名称", "衍生品合约账号", "联系人姓名",
    "申请理由", "合约品种名称", "权利仓申请额度",
                  "总持仓额度", "每日买入开仓额度", "具体用途"],
    "letter": ["做市商资格类型", "合约品种", "资金规模", "资金用途",
    "公司名称", "法定代表人", "主要负责人"],
    "commitment": ["公司名称", "法定代表人", "主要负责人"],
    "accounts": ["做市账户", "公司名称"],
    "limit-letter": ["合约品种", "申请理由", "公司名称"],
    "capital": ["资金规模变化情况", "公司名称"],
    "usage": ["统计期", "资产证明", "交易日记录不足（0 日"],
    "incident": ["事件记录", "事件原因", "已采取的措施", "恢复做市时间", "公司名称", "联络人"],
}  # fmt: skip


def test_documents_of_an_empty_firm_name_every_gap(world: World, tmp_path: Path) -> None:
    """Nothing is blank in silence: each field is marked, listed, and found again in the file."""
    empty = order(world, tmp_path, full=False)
    assert set(GAPS) | set(CHAPTERS) == set(papers.KINDS)
    for name, gaps in GAPS.items():
        made = papers.make(name, empty, tmp_path)
        for gap in gaps:
            assert any(gap in one for one in made.gaps), (name, gap, made.gaps)
        assert sorted(papers.gaps_in(made.path)) == sorted(made.gaps), name
        text = text_of(made.path)
        assert "缺项清单" in text and all(f". {one}" in text for one in made.gaps), name


def test_documents_a_person_without_history_is_a_gap_only_where_it_is_mandatory(
    world: World, tmp_path: Path
) -> None:
    for person, post in (("T01", "trader"), ("R01", "risk"), ("H01", "head"), ("O01", "ops")):
        world.person(person, post, enrol=False)
    gaps = papers.make("appendix3", order(world, tmp_path), tmp_path).gaps
    missing = [one.split()[1] for one in gaps if one.endswith("工作履历")]
    assert sorted(missing) == ["H01", "R01", "T01"]
    assert "技术运维岗 O01 电话" in gaps and "技术运维岗 O01 邮件地址" in gaps


CHAPTERS = {
    "plan": ["做市业务总体设想", "做市策略", "做市系统的基本功能",
    "做市报价价差与参与率管理", "数据管理",
             "做市策略预期评价结果及盈亏测算"],
    "management": ["业务运行管理", "合规与内部控制", "公司对做市业务的监督管理", "额度管理",
                   "责任人及其职责管理"],
    "risk": ["公司层面与部门层面风控的独立性", "保证金管理",
    "市场风险管理", "合约到期及行权风险管理",
             "操作风险管理", "模型风险管理", "流动性风险管理",
             "预警设置", "盈亏管理", "技术风险管理",
             "压力测试及报告"],
    "emergency": ["突发事件情形与分类", "预警及响应机制", "应急处理方式"],
}  # fmt: skip
"""The 25 required chapters of appendix 2, as the guide names them."""


@pytest.mark.parametrize("name", list(CHAPTERS))
def test_documents_appendix_2_has_every_required_chapter(
    firm: World, tmp_path: Path, name: str
) -> None:
    assert sum(map(len, CHAPTERS.values())) == 25
    required = [one for one in plans().chapters if one.paper == name and not one.extra]
    assert [one.title for one in required] == CHAPTERS[name]
    made = papers.make(name, order(firm, tmp_path), tmp_path)
    heads = [
        one.text for one in library.Document(str(made.path)).paragraphs
        if one.style is not None and one.style.name == "Heading 1"
    ]  # fmt: skip
    assert [one.split("  ")[1] for one in heads][: len(required)] == CHAPTERS[name]
    text = text_of(made.path)
    for one in required:
        assert one.asks in text and one.facts, one.title
        for what in one.write:
            assert f"{one.title}：{what}（由人撰写）" in made.gaps
    assert not [one for one in made.gaps if "缺主岗" in one or "人员库" in one]
    assert sorted(papers.gaps_in(made.path)) == sorted(made.gaps)


def test_documents_every_provider_is_used_and_every_fact_provided() -> None:
    used = Counter(fact for one in plans().chapters for fact in one.facts)
    assert set(used) == set(PROVIDERS)
    assert set(ACT_WORDS) == set(Act) and set(MEASURES) == set(Measure)


def test_documents_plans_are_filled_with_what_is_in_force(firm: World, tmp_path: Path) -> None:
    decision = {
        "subject": "strategy", "scope": "lean", "content": "启用 lean 策略", "proposer": "Q01",
        "since": 20240627, "until": 20241231, "basis": "会议",
    }  # fmt: skip
    before = papers.make("management", order(firm, tmp_path), tmp_path)
    assert any("投资决策记录" in one for one in before.gaps)
    number = registers.add(firm.store, firm.login("R01"), "decision", decision)
    registers.approve(firm.store, firm.login("D01"), number)
    with pytest.raises(ConfigError, match="worked on it"):
        papers.make("management", order(firm, tmp_path), tmp_path)
    after = papers.make("management", order(firm, tmp_path), tmp_path / "after")
    assert not any("投资决策记录" in one for one in after.gaps)
    assert "启用 lean 策略" in text_of(after.path)
    risk = text_of(papers.make("risk", order(firm, tmp_path), tmp_path).path)
    for words in ("P38", "Delta 占限额", "20,000,000", "标的下跌", "510050", "公司风险限额授权"):
        assert words in risk, words
    simulation = order(firm, tmp_path, full=False)
    empty = papers.make("risk", simulation, tmp_path / "empty")
    assert sorted(papers.gaps_in(empty.path)) == sorted(empty.gaps)
    for name in (
        "公司名称",
        "公司风险限额授权（--oversight）",
        "隔夜限额",
        "持仓限额",
        "心跳与失联时限",
    ):
        assert any(name in one for one in empty.gaps), name
    assert "simulation" not in text_of(empty.path)


def test_documents_letters_carry_the_guides_words(firm: World, tmp_path: Path) -> None:
    letter = text_of(papers.make("letter", order(firm, tmp_path), tmp_path).path)
    for words in ("主做市商业务申请书", COMMITMENT, "500,000,000元（5亿元）",
    "法定代表人（甲）签字",
                  "主要负责人（乙）签字", "50ETF（510050）、300ETF（510300）"):  # fmt: skip
        assert words in letter
    report = text_of(papers.make("accounts", order(firm, tmp_path), tmp_path).path)
    assert "optionmm@sse.com.cn" in report and "D1" in report and ACCOUNT in report


@pytest.mark.parametrize(
    ("yuan", "words"),
    [(0, ""), (500_000_000, "500,000,000元（5亿元）"), (120_000_000, "120,000,000元（1.2亿元）"),
     (85_000, "85,000元（8.5万元）"), (1_234_567, "1,234,567元")],
)  # fmt: skip
def test_documents_amounts_in_words(yuan: int, words: str) -> None:
    assert capital_words(yuan) == words


def test_documents_packages_name_what_is_missing(firm: World, tmp_path: Path) -> None:
    licence = tmp_path / "licence.pdf"
    licence.write_bytes(b"scan")
    file = tmp_path / "firm2.toml"
    file.write_text(
        f'licence_files = ["{licence}"]\ntechnical_file = "none.docx"\n{FIRM}', encoding="utf-8"
    )
    facts = gather(firm.store, DAY, file, None)
    out = tmp_path / "first"
    lines, made = papers.package("first", papers.Order(facts, wanted(facts, ())), out)
    by_words = {one.item.words: one for one in lines}
    assert by_words["营业执照、组织机构代码证副本复印件"].files[0][0] == "licence.pdf"
    assert by_words["技术系统准备情况"].missing == ("文件不存在：none.docx",)
    assert len(by_words["实施方案、内部管理制度、风险控制制度、应急预案"].files) == 4
    assert [one.path.name for one in made if not one.path.is_file()] == []
    text = (out / "checklist.md").read_text(encoding="utf-8")
    assert "做市商资格类型" in text and "文件不存在：none.docx" in text and "业务管理系统" in text
    for line in lines:
        assert all((out / name).is_file() for name, _ in line.files)
    again, _ = papers.package("repeat", papers.Order(facts, wanted(facts, ())), tmp_path / "again")
    assert [one.item.words for one in again] == [
        "合约品种做市业务申请表", "做市资金规模变化情况说明", "持仓限额申请（同步提交）",
    ]  # fmt: skip


def test_documents_are_the_same_bytes_and_in_chinese_fonts(firm: World, tmp_path: Path) -> None:
    one = papers.make("appendix1", order(firm, tmp_path), tmp_path / "a")
    two = papers.make("appendix1", order(firm, tmp_path), tmp_path / "b")
    assert one.sha256 == two.sha256 == papers.file_hash(two.path)
    read = library.Document(str(one.path))
    for name, font in (("Normal", "宋体"), ("Form text", "宋体"), ("Form label", "黑体")):
        found = read.styles[name].element.rPr.rFonts
        assert found.get(qn("w:eastAsia")) == font
    (table,) = read.tables
    styles = {cell.paragraphs[0].style.name for cell in table._cells}
    assert styles == {"Form text", "Form label"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [(((Box("a", 3),),), "reaches over"), (((Box("a", down=2), Box("b")),), "reaches over"),
     (((Box("a"),),), "too few")],
)  # fmt: skip
def test_documents_a_crooked_grid_is_refused(rows: tuple[tuple[Box, ...], ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        docx(paper(Grid((20, 20), rows)))


def test_documents_marks_survive_word_cutting_them_up(tmp_path: Path) -> None:
    """Word splits a run where a person has worked; the mark is found all the same."""
    document = library.Document(io.BytesIO(docx(paper(Words("x")))))
    paragraph = document.add_paragraph()
    for part in ("【待", "填：公司", "名称】"):
        paragraph.add_run(part)
    path = tmp_path / "worked.docx"
    document.save(str(path))
    assert papers.gaps_in(path) == ("公司名称",)
    (tmp_path / "no.docx").write_text("x")
    with pytest.raises(ConfigError, match=r"no \.docx"):
        papers.gaps_in(tmp_path / "no.docx")


@pytest.mark.parametrize(
    ("text", "said"),
    [('name = 5', "name"), ('shoe = 1', "shoe"), ("capital_yuan = -1", "capital_yuan"),
     ('[[apply]]\nunderlying = "5"', "underlying"),
     ('[[apply]]\nunderlying = "510050"\nlong = 5\ntotal = 4', "above total"),
     ('[[apply]]\nunderlying = "510050"\nlong = -5', "below 0")],
)  # fmt: skip
def test_documents_a_bad_firm_file_is_named(
    world: World, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "firm.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        gather(world.store, DAY, file, None)


def test_documents_gaps_with_odd_names_are_found_again(firm: World, tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text('[[departments]]\nname = "A&B <【研】\\n部>"\n', encoding="utf-8")
    made = papers.make("appendix3", papers.Order(gather(firm.store, DAY, file, None)), tmp_path)
    assert "A&B <（研） 部> 工作职责（firm.departments）" in papers.gaps_in(made.path)


def test_documents_only_classes_that_are_applied_for(firm: World, tmp_path: Path) -> None:
    facts = order(firm, tmp_path).facts
    assert [one.underlying for one in wanted(facts, ("510300",))] == ["510300"]
    with pytest.raises(ConfigError, match="588000"):
        wanted(facts, ("588000",))
    assert gather(firm.store, DAY, None, None).firm == Firm()
