"""What firm risk asked the desk in writing, on the desk's own page 日程; 监督 is the firm's page.

Whoever answers for the desk sees the cases that it was told of and answers; the head agrees to a
release that firm risk asked for. Figures and limits of the firm stay on its own page (R-02).
"""

from typing import Any

from quanheng.compose.console_house import House
from quanheng.compose.console_oversight import overseen, standing
from quanheng.compose.oversight_end import decimal
from quanheng.desk.access import Session
from quanheng.desk.office import FIGURE, GROW, STATE, Act, Column, Field, Sheet
from quanheng.oversight.cases import TOLD, Status
from quanheng.oversight.incidents import describe
from quanheng.oversight.messages import Written
from quanheng.terms.days import clock_text

CASES = (
    Column("case", width=120), Column("standing", STATE, 90), Column("scope", width=90),
    Column("limit", width=160), Column("value", FIGURE, 120), Column("most", FIGURE, 120),
    Column("due", width=90), Column("by", width=60), Column("content", GROW, 260),
)  # fmt: skip
ANSWER = Act("firm.answer", (Field("text", "long"),))
SECOND = Act("firm.second", (Field("number", "count"),), row=False)
WAITS = (Status.NOTICED, Status.ESCALATED)
"""Where a case stands that waits for the desk's answer."""
NONE = ("公司风控没有书面通知", "firm risk told the desk of nothing in writing")


def desk_cases(house: House, who: Session) -> list[Sheet]:
    """The sheet of who may answer or second; none for anybody else."""
    answers, seconds = who.permits("firm_answer"), who.permits("firm_second")
    if not (answers or seconds):
        return []
    rows = [_row(said) for said in standing(overseen(house).read()) if said.status in TOLD]
    acts = (*((ANSWER,) if answers else ()), *((SECOND,) if seconds else ()))
    return [Sheet("firm_cases", CASES, rows[::-1], NONE, acts)]


def _row(said: Written) -> dict[str, Any]:
    measure, waits = describe(said.name), said.status in WAITS
    return {
        "key": said.case, "case": said.case, "standing": f"case_{said.status}",
        "scope": said.scope, "limit_zh": measure.zh, "limit_en": measure.en,
        "value": decimal(said.value, measure.factor), "most": decimal(said.limit, measure.factor),
        "due": clock_text(said.due)[:8] if said.due else "", "by": said.by, "content": said.text,
        "acts": ["firm.answer"] if waits else [], "fields": {"case": said.case},
        "tone": "red" if waits else "",
    }  # fmt: skip
