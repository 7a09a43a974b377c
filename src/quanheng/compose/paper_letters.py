"""Letters around the forms: application, commitment, accounts, notes (L-08, L-11, L-12)."""

from quanheng.compose.paper_facts import Facts, Gaps, Wanted, day_words, kind_of, named
from quanheng.desk.people import registers
from quanheng.desk.people.register_types import triggers
from quanheng.edge.document_docx import Box, Grid, Head, Paper, Words

COMMITMENT = (
    "申请人提交的申请材料内容真实、准确、完整，如存在虚假记载、误导性陈述和重大遗漏，"
    "将承担相关法律责任。"
)
"""The commitment of chapter 2, 2, word for word."""
_TO = "上海证券交易所："
_SIGN = "＿＿＿＿＿＿＿＿"


def capital_words(yuan: int) -> str:
    """An amount in yuan, with 万元 or 亿元 beside it, "" for none."""
    if not yuan:
        return ""
    for size, words in ((10**8, "亿元"), (10**4, "万元")):
        if yuan % (size // 100) == 0 and yuan >= size:
            return f"{yuan:,}元（{yuan / size:g}{words}）"
    return f"{yuan:,}元"


def _company(facts: Facts, gaps: Gaps) -> Words:
    name = facts.firm.name or gaps.mark("公司名称（firm.name）")
    return Words(f"申请人：{name}（公章）", gap=not facts.firm.name)


def application_letter(facts: Facts, gaps: Gaps, classes: tuple[Wanted, ...]) -> Paper:
    """主（一般）做市商业务申请书 (chapter 2, 2(1)): kind, fund size, commitment, two signatures."""
    kind = kind_of(facts)
    asked = "、".join(named(one) or one.underlying for one in classes)
    legal, main = facts.firm.legal_representative, facts.firm.principal
    capital = capital_words(facts.firm.capital_yuan)
    blocks = (
        Words(_TO),
        gaps.words(
            f"根据《上海证券交易所股票期权试点做市商业务指引》，我公司申请成为{kind}，"
            "为下列合约品种提供做市服务："
            if kind
            else "",
            "做市商资格类型（--config member.kind）",
        ),
        gaps.words(asked, "申请做市的合约品种（firm.apply）"),
        Head("做市业务资金规模", 2),
        gaps.words(
            f"用于做市业务的自有资金规模为{capital}。" if capital else "",
            "做市业务资金规模（firm.capital_yuan）",
        ),
        gaps.words(
            f"资金用途：{facts.firm.capital_use}" if facts.firm.capital_use else "",
            "资金用途（firm.capital_use）",
        ),
        Words("若上述资金规模发生变更，我公司将及时报备贵所（jieshen2@sse.com.cn）。"),
        Head("承诺", 2),
        Words(COMMITMENT),
        _company(facts, gaps),
        gaps.words(
            f"法定代表人（{legal}）签字：{_SIGN}" if legal else "",
            "法定代表人（firm.legal_representative）",
        ),
        gaps.words(
            f"经营管理的主要负责人（{main}）签字：{_SIGN}" if main else "",
            "经营管理的主要负责人（firm.principal）",
        ),
        Words(day_words(facts.day), right=True),
    )
    return Paper(title=f"{kind or '做市商'}业务申请书", day=facts.day, blocks=blocks)


def commitment(facts: Facts, gaps: Gaps, _classes: tuple[Wanted, ...]) -> Paper:
    """承诺书: the commitment of chapter 2, 2 as a paper of its own."""
    blocks = (
        Words(_TO), Words(COMMITMENT), _company(facts, gaps),
        gaps.words(
            f"法定代表人（{facts.firm.legal_representative}）签字：{_SIGN}"
            if facts.firm.legal_representative else "",
            "法定代表人（firm.legal_representative）",
        ),
        gaps.words(
            f"经营管理的主要负责人（{facts.firm.principal}）签字：{_SIGN}"
            if facts.firm.principal else "",
            "经营管理的主要负责人（firm.principal）",
        ),
        Words(day_words(facts.day), right=True),
    )  # fmt: skip
    return Paper(title="承诺书", day=facts.day, blocks=blocks)


def accounts(facts: Facts, gaps: Gaps, _classes: tuple[Wanted, ...]) -> Paper:
    """做市业务账户报备 (chapter 2, 7), from the register of accounts."""
    entries = [one.body for one in registers.in_force(facts.store, "account")]
    heads = ("衍生品合约账户", "证券账户", "合约品种", "交易单元", "报备日", "交易所确认日", "状态")
    rows = [tuple(Box(one, head=True) for one in heads)]
    for one in entries:
        state = "变更前账户，只平不开" if one.old else "做市专用"
        values = (one.account, one.securities_account, "全部" if one.scope == "*" else one.scope,
                  one.unit, day_words(one.reported), day_words(one.confirmed), state)  # fmt: skip
        rows.append(tuple(Box(value) for value in values))
    if not entries:
        rows.append((gaps.box("", "做市账户（登记 account）", len(heads)),))
    where = triggers()["accounts"]
    blocks = (
        Words(f"收件：{where.address}（{where.channel}）。须在开展做市业务前3个交易日报备；"
              "变更须提前15个交易日备案，经确认后实施。"),
        Grid((28, 26, 20, 20, 26, 26, 24), tuple(rows)),
        Words("本公司承诺不利用上述账户开展方向性交易、投机炒作等非做市业务。"),
        _company(facts, gaps),
        Words(day_words(facts.day), right=True),
    )  # fmt: skip
    return Paper(
        title="做市业务账户报备", subtitle="《指南》第二章 七", day=facts.day, blocks=blocks
    )


def limit_letter(facts: Facts, gaps: Gaps, classes: tuple[Wanted, ...]) -> Paper:
    """提高持仓限额申请书 (chapter 4, 1(1)); its amounts are in appendix 6."""
    asked = "、".join(named(one) or one.underlying for one in classes)
    blocks = (
        Words(_TO),
        gaps.words(
            f"根据《上海证券交易所股票期权持仓限额管理业务指引》，我公司申请调整{asked}的"
            "权利仓持仓限额、总持仓限额和每日买入开仓限额，具体用途和额度见附件6。"
            if asked
            else "",
            "申请调整的合约品种（firm.apply）",
        ),
        gaps.words(
            f"申请理由：{facts.firm.limit_reason}" if facts.firm.limit_reason else "",
            "申请理由（firm.limit_reason）",
        ),
        _company(facts, gaps),
        Words(f"公司主要负责人签字：{_SIGN}"),
        Words(f"分管做市业务的高级管理人员签字：{_SIGN}"),
        Words(f"首席风控官签字：{_SIGN}"),
        Words(day_words(facts.day), right=True),
    )
    return Paper(title="关于提高持仓限额的申请书", day=facts.day, blocks=blocks)


def capital_change(facts: Facts, gaps: Gaps, _classes: tuple[Wanted, ...]) -> Paper:
    """做市资金规模变化情况说明 (chapter 2, 5), with what the decisions on capital say."""
    decisions = [
        one for one in registers.in_force(facts.store, "decision") if one.body.subject == "capital"
    ]
    heads = ("决策", "内容", "提议人", "审批人", "自", "至", "依据")
    rows = [tuple(Box(one, head=True) for one in heads)]
    for one in decisions:
        body = one.body
        values = (str(one.number), body.content, body.proposer, one.approved_by,
                  day_words(body.since), day_words(body.until), body.basis)  # fmt: skip
        rows.append(tuple(Box(value) for value in values))
    blocks = (
        Words(_TO),
        gaps.words(facts.firm.capital_change, "资金规模变化情况（firm.capital_change）"),
        *((Grid((14, 44, 18, 18, 26, 26, 24), tuple(rows)),) if decisions else ()),
        _company(facts, gaps),
        Words(day_words(facts.day), right=True),
    )
    return Paper(title="做市资金规模变化情况说明", day=facts.day, blocks=blocks)
