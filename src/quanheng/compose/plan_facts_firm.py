"""What the firm's stores know for the chapters of appendix 2: people, rights, decisions, limits."""

from quanheng.authority.policy import RULES, Act
from quanheng.compose.archive import KINDS as ARCHIVED
from quanheng.compose.paper_facts import Person, day_words
from quanheng.compose.paper_forms import vacant
from quanheng.compose.paper_letters import capital_words
from quanheng.compose.plan_blocks import Asked, Provider, grid, lines, missing, unit
from quanheng.desk.people import registers
from quanheng.desk.people.register_types import KINDS, triggers
from quanheng.desk.people.rules import VIEW_WORDS
from quanheng.edge.document_docx import Block
from quanheng.maker.ladder import LADDER
from quanheng.maker.monitor_table import MONITORS
from quanheng.oversight.limits import BY_NAME
from quanheng.oversight.scenarios import STORIES
from quanheng.oversight.stress import AXES

_COMPANY = "company"
ACT_WORDS = {
    Act.PULL: "一键撤单", Act.LOWER_STATE: "降低交易状态", Act.RAISE_STATE: "恢复交易状态",
    Act.RELEASE: "解除公司风控限制", Act.PARAMETER_IN_BAND: "区间内参数调整",
    Act.PARAMETER_OUTSIDE_BAND: "区间外参数调整", Act.TIGHTEN_LIMIT: "收紧限额",
    Act.LOOSEN_LIMIT: "放宽限额", Act.EXEMPTION: "登记豁免", Act.SIGN_ON: "签到签退",
    Act.FIGURE: "录入外部指标", Act.REARM: "解除触发", Act.MODEL_RELEASE: "模型、策略发布",
    Act.INQUIRY: "询价转人工及回应", Act.ORDER: "人工委托", Act.LARGE_ORDER: "大额人工委托",
    Act.CANCEL: "人工撤单", Act.LOCK: "锁定与解锁", Act.EXERCISE: "行权",
    Act.COMBINATION: "组合与拆分", Act.MARGIN_INQUIRY: "保证金查询",
    Act.BUILD_PREPARED: "执行预备组合", Act.ACKNOWLEDGE: "告警确认", Act.CONFIRM: "确认风险提示",
    Act.CONFIRM_OPENING: "确认开仓类措施", Act.NIGHT_EXCEPTION: "隔夜例外",
    Act.SETTLEMENT: "日终清算",
}  # fmt: skip
"""Acts of the authority as documents call them."""


def capital(asked: Asked) -> list[Block]:
    """Size and use of the funds, with the decisions behind them."""
    firm = asked.facts.firm
    found: list[Block] = []
    for value, words, name in (
        (capital_words(firm.capital_yuan), "资金规模", "资金规模（firm.capital_yuan）"),
        (firm.capital_use, "资金用途", "资金用途（firm.capital_use）"),
    ):
        found += lines(f"{words}：{value}") if value else missing(asked, name)
    return [*found, *_decided(asked, "capital")]


def _decided(asked: Asked, subject: str = "") -> list[Block]:
    entries = [
        one for one in registers.in_force(asked.facts.store, "decision")
        if subject in ("", one.body.subject)
    ]  # fmt: skip
    rows = [
        (one.number, one.body.subject, one.body.scope, one.body.content, one.body.proposer,
         one.approved_by, day_words(one.body.since), day_words(one.body.until))
        for one in entries
    ]  # fmt: skip
    heads = ("序号", "类别", "范围", "内容", "提议", "审批", "自", "至")
    return [grid(heads, rows, (12, 16, 18, 44, 14, 14, 24, 24))] if rows else []


def _people(rows: list[Person]) -> Block:
    shown = [
        (one.department, one.post.words, "主岗" if one.holder == "main" else "备岗", one.name,
         one.person, one.duty or "—")
        for one in rows
    ]  # fmt: skip
    return grid(("部门", "岗位", "主备", "姓名", "编号", "职责"), shown, (34, 30, 14, 22, 16, 48))


def staff(asked: Asked) -> list[Block]:
    """People of the department, and what is vacant."""
    rows = [one for one in asked.facts.people if one.post.department != _COMPANY]
    found = [_people(rows)] if rows else missing(asked, "投入人员（人员库）")
    return [*found, *(block for one in vacant(asked.facts) for block in missing(asked, one))]


def responsible(asked: Asked) -> list[Block]:
    """Every post with its holders and who answers for each account (I-04)."""
    rows = list(asked.facts.people)
    found = [_people(rows)] if rows else missing(asked, "责任人（人员库）")
    named = {one.name: one.duties for one in asked.facts.firm.departments}
    duties = [(name, "\n".join(listed)) for name, listed in named.items() if any(listed)]
    departments: list[Block] = [grid(("部门", "职责"), duties, (44, 120))] if duties else []
    entries = registers.in_force(asked.facts.store, "account")
    accounts = [(one.body.account, one.body.scope, one.approved_by, day_words(one.body.reported))
                for one in entries]  # fmt: skip
    heads = ("账户", "品种", "审批", "报备日")
    shown = [grid(heads, accounts, (44, 30, 44, 46))] if accounts else []
    return [
        *found, *(departments or missing(asked, "部门职责（firm.departments）")),
        *(shown or missing(asked, "做市账户责任人（登记 account）")),
        *(block for one in vacant(asked.facts) for block in missing(asked, one)),
    ]  # fmt: skip


def database(_asked: Asked) -> list[Block]:
    """What the market-making database holds, and for how long."""
    rows = (
        ("日志 journal", "每台机器的全部输入与输出，哈希链，可重放", "20 年"),
        ("数据集 dataset", "合约、阶段、报价、成交、询价、豁免，供义务计算与评价", "20 年"),
        ("交易所文件 files", "基础信息、行情、收盘价、结算文件原文", "20 年"),
        ("报告 reports", "义务、风险、成交、盈亏、告警、隔夜检查", "20 年"),
        ("人员库 people", "人员、岗位、权限、会话、审计链；个人信息仅存于此", "20 年"),
        ("登记 registers", "、".join(kind.words for kind in KINDS.values()), "20 年"),
        ("档案 archive", f"上述各类（{'、'.join(ARCHIVED)}）入档，Merkle 树与签名检查点", "20 年"),
    )
    return [grid(("内容", "说明", "保存期"), rows, (36, 104, 24))]


def access(asked: Asked) -> list[Block]:
    """Which post sees what."""

    def shown(names: tuple[str, ...]) -> str:
        return "、".join(VIEW_WORDS[name] for name in names) or "—"

    posts = asked.facts.store.rules.posts
    rows = [(post.words, shown(post.views), shown(post.firm_views)) for post in posts]
    days = asked.facts.store.rules.review_days
    return [
        *lines("未列明者一律不得访问；做市账户之外的账户不授予任何权限："),
        grid(("岗位", "账户视图", "公司视图"), rows, (34, 90, 40)),
        *lines(f"权限由双人授予，每 {days} 日审核并签批。"),
    ]


def authorisation(asked: Asked) -> list[Block]:
    """Who proposes and who seconds each act."""
    rules = asked.facts.store.rules

    def words(posts: tuple[str, ...]) -> str:
        return "、".join(rules.post(name).words for name in posts)

    rows = [
        (ACT_WORDS[rule.act], words(rule.proposers), words(rule.seconders) or "无须复核",
         "是" if rule.on_duty else "否")
        for rule in RULES
    ]  # fmt: skip
    return [
        *lines("授权管理：经办与复核不得为同一人，降低风险的操作不受阻碍："),
        grid(("事项", "经办岗位", "复核岗位", "须在岗"), rows, (36, 78, 34, 16)),
    ]


def decisions(asked: Asked) -> list[Block]:
    """The decision process and what was decided."""
    found = _decided(asked)
    head = lines(
        "投资决策：研究、决策、执行岗位分设；品种、资金、限额、策略须登记提议人、审批人与期限："
    )
    return [*head, *(found or missing(asked, "投资决策记录（登记 decision）"))]


def isolation(asked: Asked) -> list[Block]:
    """Accounts, people and premises kept apart."""
    rules, store = asked.facts.store.rules, asked.facts.store
    rows = [("＋".join(rules.post(name).words for name in one.posts), one.why, one.source)
            for one in rules.incompatible]  # fmt: skip
    alone = "、".join(post.words for post in rules.posts if post.alone)
    counts = {
        name: len(registers.in_force(store, name)) for name in ("wall", "meeting", "premises")
    }
    premises = missing(asked, "办公场所隔离证据（登记 premises）") if not counts["premises"] else []
    return [
        *lines(f"下列岗位不得兼任其他岗位：{alone}。", "不相容岗位："),
        grid(("岗位", "理由", "依据"), rows, (50, 72, 42)),
        *lines(f"跨墙登记 {counts['wall']} 件，跨墙会议记录 {counts['meeting']} 件，"
               f"场所隔离记录 {counts['premises']} 件；跨墙期间仅开放约定视图。"),
        *premises,
    ]  # fmt: skip


def firm_limits(asked: Asked) -> list[Block]:
    """Authorised limits of the firm (chapter 6, 2(2))."""
    found = asked.facts.oversight
    if found is None:
        return missing(asked, "公司风险限额授权（--oversight）")
    rows = [
        (one.scope, BY_NAME[one.name].zh, f"{one.value:,}", unit(BY_NAME[one.name].unit), one.basis,
         f"{one.by} / {one.seconded_by}")
        for one in found.limits
    ]  # fmt: skip
    heads = ("范围", "限额", "数值", "单位", "依据", "经办/复核")
    return [*lines("公司风险限额授权："), grid(heads, rows, (26, 30, 30, 28, 26, 24))]


def firm_staff(asked: Asked) -> list[Block]:
    """People outside the department."""
    rows = [one for one in asked.facts.people if one.post.department == _COMPANY]
    return [_people(rows)] if rows else missing(asked, "公司层面岗位人员（人员库）")


def limits(asked: Asked) -> list[Block]:
    """Granted limits, and what is asked for."""
    config = asked.facts.config
    if config is None:
        return missing(asked, "已批持仓限额（--config limits）")
    rows = [(one.underlying, f"{one.long:,}", f"{one.total:,}", f"{one.daily_buy_open:,}")
            for one in config.limits]  # fmt: skip
    return [*lines("现行持仓限额（张）："),
            grid(("品种", "权利仓", "总持仓", "每日买入开仓"), rows, (44, 40, 40, 40))]  # fmt: skip


def limit_filings(_asked: Asked) -> list[Block]:
    """How a limit is applied for (chapter 4, 1)."""
    where = triggers()["limits"]
    return lines(
        "申请：附件6、申请书、最近1个月额度使用情况、交易与风险管理情况及资产证明"
        "（quanheng documents make limits、limit-letter、usage）；",
        f"报送：{where.channel}（{where.address}）；交易所受理后 {where.days} 个交易日内回复，"
        "新限额自回复的生效日起登记生效。",
    )


def settlement(_asked: Asked) -> list[Block]:
    """The evening's steps."""
    return lines(
        "日终按结算价计算保证金与资金，与结算公司文件逐项核对，差异单列（docs/reports.md）；",
        "行权、指派、交收、违约扣款与次日开仓持仓逐日结转。",
    )


def two_levels(_asked: Asked) -> list[Block]:
    """The two levels of risk control and their daily comparison."""
    return lines(
        f"部门层面：{len(LADDER)} 项事前检查与 {len(MONITORS)} 项监控指标，由风险控制岗负责；",
        "公司层面：以交易所回报副本建立独立账簿与独立模型（树模型），自有限额、案卷与风险提示书；",
        "两级每日核对持仓、资金、希腊值与限额使用，差异未关闭时 quanheng oversee 报错。",
    )


def stress(_asked: Asked) -> list[Block]:
    """The library of stress scenarios and the reverse test."""
    stories = [(one.zh, one.en, f"{one.spot:+g}%", f"{one.vol:+g}%") for one in STORIES]
    axes = [(story.zh, f"至 {most}%") for story, most in AXES.values()]
    return [
        *lines("情景：标的与波动率联合网格，另有下列极端情景；输出保证金、损益与报价情况："),
        grid(("情景", "英文", "标的", "波动率"), stories, (60, 60, 22, 22)),
        *lines("反向压力测试：沿下列方向求保证金或损失限额被突破的最小变动："),
        grid(("方向", "范围"), axes, (90, 74)),
    ]


def response(asked: Asked) -> list[Block]:
    """Who is told of what, and what is reported to the exchange."""
    incident = triggers()["incident"]
    contact, head = asked.facts.holder("contact"), asked.facts.holder("head")
    named = [f"{one.post.words} {one.name}" for one in (head, contact) if one]
    found = lines(
        "告警分提示、预警、严重三级，通知在岗交易、风控，未确认者逐级升级；",
        f"无法继续做市时立即报告交易所：{incident.channel}，{incident.address}（{incident.source}）；",
    )
    return [*found, *(lines(f"负责人与联络人：{'、'.join(named)}") if len(named) == 2
                      else missing(asked, "负责人与联络人（人员库 head、contact）"))]  # fmt: skip


PROVIDERS: dict[str, Provider] = {
    "capital": capital, "staff": staff, "responsible": responsible, "database": database,
    "access": access, "authorisation": authorisation, "decisions": decisions,
    "isolation": isolation, "firm_limits": firm_limits, "firm_staff": firm_staff,
    "limits": limits, "limit_filings": limit_filings, "settlement": settlement,
    "two_levels": two_levels, "stress": stress, "response": response,
}  # fmt: skip
