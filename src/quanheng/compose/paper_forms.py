"""Appendices 1, 3, 5 and 6 of the guide, laid out as its tables are (L-02)."""

from collections.abc import Sequence

from quanheng.compose.paper_facts import (
    Facts,
    Gaps,
    Person,
    Wanted,
    account_of,
    day_words,
    kind_of,
    named,
    percent,
)
from quanheng.edge.document_docx import Block, Box, Grid, Head, Paper, Words
from quanheng.terms.units import TICKS_PER_YUAN, Day

Row = tuple[Box, ...]
_FIVE = (28, 32, 36, 35, 35)
_RANKS = ("当月", "下月", "下季", "隔季")
_STAFF = (24, 20, 38, 42, 42)
_SIGN_MM = 20


def _head(text: str, span: int = 1, down: int = 1) -> Box:
    return Box(text, span, down, head=True)


def _company(facts: Facts, gaps: Gaps, span: int) -> list[Row]:
    return [
        (
            _head("公司信息", down=2),
            _head("公司名称"),
            gaps.box(facts.firm.name, "公司名称（firm.name）", span),
        ),
        (
            _head("做市商资格类型"),
            gaps.box(kind_of(facts), "做市商资格类型（--config member.kind）", span),
        ),
    ]


def _person(title: str, one: Person | None, gaps: Gaps, post: str) -> list[Row]:
    """姓名, 部门, 电话, 邮件地址 of the head or the contact."""

    def field(value: str, name: str, span: int = 1) -> Box:
        return gaps.box(value, f"{title}{name}（人员库 {post}）", span)

    phone = (one.phone or one.mobile) if one else ""
    return [
        (
            _head(f"做市业务\n{title}", down=3),
            _head("姓名"),
            field(one.name if one else "", "姓名", 3),
        ),
        (_head("部门"), field(one.department if one else "", "部门", 3)),
        (
            _head("电话"),
            field(phone, "电话"),
            _head("邮件地址"),
            field(one.email if one else "", "邮件地址"),
        ),
    ]


def spread_words(facts: Facts) -> str:
    """The widest spread by rank of expiry, equal ranks together."""
    said: dict[str, list[str]] = {}
    for rank, (num, den, floor) in zip(_RANKS, facts.rules.duty.bands, strict=True):
        yuan = f"{floor / TICKS_PER_YUAN:.4f}".rstrip("0")
        said.setdefault(f"max(买价×{percent((num, den))}%，{yuan}元)", []).append(rank)
    return "；".join(f"{'、'.join(ranks)}合约不超过{words}" for words, ranks in said.items())


def standards(facts: Facts) -> tuple[tuple[str, str], ...]:
    """The eight quoting standards of appendix 1, from the rulebook in force on the day."""
    duty = facts.rules.duty
    sizes = f"连续竞价{duty.size_continuous}张；集合竞价{duty.size_auction}张"
    return (
        ("最大买卖价差（%）", spread_words(facts)),
        ("最小报价数量", sizes),
        ("连续竞价参与率（%）", f"不低于{percent(duty.contract_share)}"),
        ("开盘集合竞价参与率（%）", f"不低于{percent(duty.opening_share)}"),
        ("盘中集合竞价参与率（%）", f"不低于{percent(duty.intraday_share)}"),
        ("收盘集合竞价参与率（%）", f"不低于{percent(duty.closing_share)}"),
        ("持续报价合约覆盖率（%）", f"不低于{percent(duty.coverage)}"),
        ("回应报价参与率（%）", f"不低于{percent(duty.inquiry_share)}"),
    )


def application(facts: Facts, gaps: Gaps, classes: Sequence[Wanted]) -> Paper:
    """附件1：合约品种做市业务申请表; its class blocks repeat as needed."""
    blocks = list(classes) or [Wanted("")]
    rows = _company(facts, gaps, 3)
    for number, one in enumerate(blocks):
        name = one.underlying or "申请品种"
        limits = (
            ("权利仓持仓限额", one.long),
            ("总持仓限额", one.total),
            ("每日买入开仓限额", one.daily_buy_open),
        )
        for at, (words, value) in enumerate(limits):
            begin: list[Box] = []
            if number == 0 and at == 0:
                begin.append(_head("申请做市\n合约品种", down=3 * len(blocks)))
            if at == 0:
                begin += [
                    _head("标的简称（代码）", down=3),
                    gaps.box(named(one), f"{name} 标的简称（代码）", down=3),
                ]
            shown = f"{value:,}张" if value else ""
            rows.append((*begin, _head(words), gaps.box(shown, f"{name} {words}")))
    for at, (words, standard) in enumerate(standards(facts)):
        start = [_head("报价标准", down=8)] if at == 0 else []
        rows.append((*start, _head(words), Box(standard, 3)))
    account = account_of(facts)
    pbu = facts.config.member.pbu if facts.config else ""
    rows += [
        (_head("做市专用账户"), gaps.box(account, "做市专用账户（登记 account）", 4)),
        (
            _head("专用交易单元（如有）"),
            _head("交易单元号"),
            Box(pbu),
            _head("指定账户"),
            Box(account if pbu else ""),
        ),
        *_person("联络人", facts.holder("contact"), gaps, "contact"),
    ]
    return Paper(
        title="合约品种做市业务申请表",
        subtitle="附件1",
        day=facts.day,
        blocks=(Grid(_FIVE, tuple(rows)),),
    )


def withdrawal(
    facts: Facts, gaps: Gaps, classes: Sequence[Wanted], effective: Day, earliest: Day
) -> Paper:
    """附件5：取消做市合约品种申请表; `earliest`: 15 trading days from now (chapter 2, 9)."""
    blocks = list(classes) or [Wanted("")]
    early = bool(effective) and effective < earliest
    shown = "" if early else day_words(effective)
    date = f"生效日期须提前15个交易日，最早 {day_words(earliest)}" if early else "生效日期"
    rows: list[Row] = [*_company(facts, gaps, 3)]
    rows.append((_head("生效日期"), gaps.box(shown, date, 4)))
    rows.append(
        (
            _head("取消的做市合约品种", down=1 + len(blocks)),
            _head("账户"),
            gaps.box(account_of(facts), "账户（登记 account）", 3),
        )
    )
    for one in blocks:
        text = f"{one.underlying}（{one.name}）" if one.underlying and one.name else ""
        name = f"{one.underlying or '取消品种'} 合约品种代码（简称）"
        rows.append((_head("合约品种代码（简称）"), gaps.box(text, name, 3)))
    reason = facts.firm.withdrawal_reason
    rows.append((_head("取消原因"), gaps.box(reason, "取消原因（firm.withdrawal_reason）", 4)))
    rows += _person("联络人", facts.holder("contact"), gaps, "contact")
    return Paper(
        title="期权做市商主动申请取消做市合约品种申请表",
        subtitle="附件5",
        day=facts.day,
        blocks=(
            Grid(_FIVE, tuple(rows), ((len(rows) - 4, 24),)),
            Words(
                "注：须提前15个交易日书面（加盖公章）通知上海证券交易所，经确认后终止"
                "（第二章 九）；1年以内不得重新申请同一合约品种。",
                note=True,
            ),
        ),
    )


def limits(facts: Facts, gaps: Gaps, classes: Sequence[Wanted]) -> Paper:
    """附件6：持仓限额申请表, with total and daily limits in a table of its own (L-08)."""
    blocks = list(classes) or [Wanted("")]
    contact = facts.holder("contact")
    phone = (contact.phone or contact.mobile) if contact else ""
    applicant = (
        ("公司名称", facts.firm.name, "公司名称（firm.name）"),
        ("业务类型", "股票期权做市业务", ""),
        ("衍生品合约账号", account_of(facts), "衍生品合约账号（登记 account）"),
        ("联系人姓名", contact.name if contact else "", "联系人姓名（人员库 contact）"),
        ("联系人联系方式", phone, "联系人联系方式（人员库 contact）"),
        ("联系人电子邮件", contact.email if contact else "", "联系人电子邮件（人员库 contact）"),
    )
    rows: list[Row] = []
    for at, (words, value, name) in enumerate(applicant):
        start = [_head("申请人信息", down=len(applicant))] if at == 0 else []
        rows.append((*start, _head(words), gaps.box(value, name)))
    reason = facts.firm.limit_reason
    rows.append((_head("申请理由"), gaps.box(reason, "申请理由（firm.limit_reason）", 2)))
    rows.append(
        (
            _head("单个合约品种申请调整额度", down=1 + len(blocks)),
            _head("合约品种名称"),
            _head("权利仓申请额度"),
        )
    )
    for one in blocks:
        name = one.underlying or "申请品种"
        rows.append(
            (
                gaps.box(named(one), f"{name} 合约品种名称"),
                gaps.box(f"{one.long:,}张" if one.long else "", f"{name} 权利仓申请额度"),
            )
        )
    rows += [
        (_head("签字及公章", down=3), _head("首席风控官（或合规总监）签字："), Box("")),
        (_head("法定代表人签字："), Box("")),
        (_head("期权做市商单位公章："), Box("")),
    ]
    last = len(rows)
    signing = tuple((number, _SIGN_MM) for number in range(last - 3, last))
    amounts = _amounts(gaps, blocks)
    return Paper(
        title="持仓限额申请表（做市商申请）",
        subtitle="附件6",
        day=facts.day,
        blocks=(
            Grid((36, 60, 70), tuple(rows), ((len(applicant), 24), *signing)),
            Head("附：各项额度与具体用途", 2),
            Words(
                "《指南》第四章一：持仓限额申请包括权利仓、总持仓、每日买入开仓限额，须注明具体用途和额度。",
                note=True,
            ),
            Grid((32, 26, 26, 32, 50), tuple(amounts)),
            Words(
                "公司主要负责人签字：＿＿＿＿＿＿　　分管做市业务的高级管理人员签字：＿＿＿＿＿＿"
            ),
        ),
    )


def _amounts(gaps: Gaps, blocks: Sequence[Wanted]) -> list[Row]:
    """All three limits that are asked for, each with its use (chapter 4, 1)."""
    head = ("合约品种", "权利仓", "总持仓", "每日买入开仓", "用途")
    amounts: list[Row] = [tuple(_head(one) for one in head)]
    for one in blocks:
        name = one.underlying or "申请品种"
        values = (
            (one.long, "权利仓额度"),
            (one.total, "总持仓额度"),
            (one.daily_buy_open, "每日买入开仓额度"),
        )
        amounts.append(
            (
                gaps.box(named(one), f"{name} 合约品种名称"),
                *(
                    gaps.box(f"{value:,}张" if value else "", f"{name} {words}")
                    for value, words in values
                ),
                gaps.box(one.use, f"{name} 具体用途（apply.use）"),
            )
        )
    return amounts


def staff(facts: Facts, gaps: Gaps) -> Paper:
    """附件3：做市业务人员情况表. The work history is mandatory for the head, traders and risk."""
    blocks: list[Block] = [
        Grid(
            _FIVE,
            (
                *_company(facts, gaps, 3),
                *_person("负责人", facts.holder("head"), gaps, "head"),
                *_person("联络人", facts.holder("contact"), gaps, "contact"),
            ),
        ),
        Head("部门与岗位设置", 2),
    ]
    duties = {one.name: one.duties for one in facts.firm.departments}
    named_ones = list(dict.fromkeys([*duties, *(one.department for one in facts.people)]))
    rows: list[Row] = []
    for department in named_ones or [""]:
        people = [one for one in facts.people if one.department == department]
        text = department or gaps.mark("部门名称（人员库 department）")
        named_so = department or "部门"
        listed = [line for line in duties.get(department, ()) if line]
        lines = [f"（{number}）{line}" for number, line in enumerate(listed, 1)]
        lines = lines or [f"（1）{gaps.mark(f'{named_so} 工作职责（firm.departments）')}"]
        rows.append((Box(f"{text}　工作职责包括：\n" + "\n".join(lines), 5, gap=not listed),))
        rows.append(tuple(map(_head, ("岗位", "人员姓名", "职责描述", "联系方式", "工作履历"))))
        rows += [_staff_row(one, gaps) for one in people]
        if not people:
            rows.append((Box(gaps.mark(f"{named_so} 岗位与人员"), 5, gap=True),))
    blocks.append(Grid(_STAFF, tuple(rows)))
    blocks.append(
        Words("备注：工作履历一栏中，做市部门负责人、交易岗、风险控制岗必须详细填写工作履历。")
    )
    blocks += [gaps.words("", one) for one in vacant(facts)]
    return Paper(title="做市业务人员情况表", subtitle="附件3", day=facts.day, blocks=tuple(blocks))


def vacant(facts: Facts) -> list[str]:
    """Required posts without a main or backup holder (备岗, chapter 1, 2)."""
    found = []
    for post in facts.store.rules.posts:
        held = [one.holder for one in facts.people if one.post.post == post.post]
        lacks = [
            words for holder, words in (("main", "主岗"), ("backup", "备岗")) if holder not in held
        ]
        if post.required and lacks:
            found.append(f"{post.words}缺{'、'.join(lacks)}")
    return found


def _staff_row(one: Person, gaps: Gaps) -> Row:
    name = f"{one.post.words} {one.person}"
    contact = [
        f"座机 {one.phone}" if one.phone else "",
        f"手机 {one.mobile}" if one.mobile else "",
        one.email or gaps.mark(f"{name} 邮件地址"),
    ]
    if not (one.phone or one.mobile):
        contact[0] = gaps.mark(f"{name} 电话")
    history = "\n".join("-".join(line) for line in one.history)
    past = gaps.box(history, f"{name} 工作履历") if one.post.history else Box(history)
    holder = "（主岗）" if one.holder == "main" else "（备岗）"
    return (
        Box(one.post.words + holder),
        gaps.box(one.name, f"{name} 姓名"),
        gaps.box(one.duty, f"{name} 职责描述"),
        Box("\n".join(filter(None, contact)), gap=not (one.email and (one.phone or one.mobile))),
        past,
    )
