"""What firm risk asked the desk in writing, on the desk's own page 日程; 监督 is the firm's page.

Whoever answers for the desk sees the cases that it was told of and answers; the head agrees to a
release that firm risk asked for. Figures and limits of the firm stay on its own page (R-02).
"""

from threading import Lock
from typing import Any

from quanheng.authority.firm import FirmAuthority
from quanheng.compose.console_approvals import Approvals
from quanheng.compose.console_house import House
from quanheng.compose.console_oversight import overseen, standing
from quanheng.compose.oversight_end import decimal
from quanheng.desk.access import Session
from quanheng.desk.office import COUNT, FIGURE, GROW, STATE, Act, Column, Field, Sheet
from quanheng.oversight.cases import TOLD, Status
from quanheng.oversight.incidents import describe
from quanheng.oversight.messages import Written
from quanheng.terms.codes import TradingState
from quanheng.terms.days import clock_text

CASES = (
    Column("case", width=120), Column("standing", STATE, 90), Column("scope", width=90),
    Column("limit", width=160), Column("value", FIGURE, 120), Column("most", FIGURE, 120),
    Column("due", width=90), Column("by", width=60), Column("content", GROW, 260),
)  # fmt: skip
ANSWER = Act("firm.answer", (Field("text", "long"),))
PROPOSALS = (
    Column("number", COUNT, 60), Column("at", width=90), Column("scope", width=90),
    Column("state", width=110), Column("reason", GROW, 300), Column("by", width=60),
)  # fmt: skip
SECOND = Act("firm.second", sure=True)
_FOLLOWED: dict[str, Approvals] = {}
_hold = Lock()
WAITS = (Status.NOTICED, Status.ESCALATED)
"""Where a case stands that waits for the desk's answer."""
NO_RELEASE = ("没有等待同意的解除", "no release waits for a second person")
NONE = ("公司风控没有书面通知", "firm risk told the desk of nothing in writing")


def desk_cases(house: House, who: Session) -> list[Sheet]:
    """The sheet of who may answer or second; none for anybody else."""
    answers, seconds = who.permits("firm_answer"), who.permits("firm_second")
    if not (answers or seconds):
        return []
    rows = [_row(said) for said in standing(overseen(house).read()) if said.status in TOLD]
    cases = Sheet("firm_cases", CASES, rows[::-1], NONE, (ANSWER,) if answers else ())
    if not seconds:
        return [cases]
    return [cases, Sheet("firm_proposals", PROPOSALS, _waiting(house), NO_RELEASE, (SECOND,))]


def _waiting(house: House) -> list[dict[str, Any]]:
    """Proposals of the firm's authority that wait for a second person: releases."""
    with _hold:
        key = str(house.run.resolve())
        found = _FOLLOWED.setdefault(key, Approvals(house.run, FirmAuthority)).rows()
        return [
            {
                "key": number, "number": row["number"], "at": row["at"], "scope": row["scope"],
                "state": TradingState(row["fields"]["state"]).name,
                "reason": row["fields"].get("reason", ""), "by": row["by"],
                "acts": ["firm.second"], "fields": {"number": row["number"]}, "tone": "amber",
            }
            for number, row in found.items()
            if row.get("waits") and "state" in row["fields"]
        ]  # fmt: skip


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
