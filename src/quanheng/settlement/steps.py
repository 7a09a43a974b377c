"""The steps of a day's settlement, in order, and what each needs (chapter 6; I-44, I-45, R-02).

A step runs when every file it reads came whole; it does not wait for the steps before it, so one
bad file holds up only what needs it. The last step, the statement, waits for all.
"""

import msgspec


class Step(msgspec.Struct, frozen=True):
    """One line of the checklist; `files` are kinds of `wire.exchange_files`."""

    name: str
    zh: str
    en: str
    files: tuple[str, ...] = ()


STEPS = (
    Step("receive", "收文核验", "files received"),
    Step("opening", "期初核对", "opening state"),
    Step("trades", "成交核对", "trades", ("reff03", "ogh")),
    Step("combinations", "组合核对", "combinations", ("reff03", "ogh", "op_zhccmx")),
    Step("netting", "冲销核对", "netting", ("reff03", "ogh", "op_ccbd")),
    Step("positions", "持仓核对", "positions", ("reff03", "ogh", "op_hycc", "op_ccbd")),
    Step("exercise", "行权与指派", "exercise and assignment",
         ("reff03", "mktdt00", "op_hycc", "op_ccbd", "op_jsmx")),
    Step("delivery", "交收核对", "delivery", ("reff03", "mktdt00", "op_jsmx", "op_zqjs")),
    Step("fees", "费用核对", "fees", ("reff03", "ogh", "op_jsmx")),
    Step("margin", "保证金核对", "margin",
         ("reff03", "clpr03", "mktdt00", "ogh", "op_hycc", "op_bzjzh", "op_bzjmx")),
    Step("cash", "资金核对", "cash", ("reff03", "ogh", "op_jsmx", "op_bzjzh")),
    Step("profit", "盈亏结算", "profit", ("reff03", "clpr03", "ogh", "op_jsmx", "op_bzjzh")),
    Step("notices", "通知与强平", "notices", ("op_tzxx", "op_bzjzh")),
    Step("forecast", "交收与资金预报", "forecast",
         ("reff03", "clpr03", "mktdt00", "op_hycc", "op_ccbd", "op_jsmx", "op_bzjzh")),
    Step("statement", "结单与次日期初", "statement and next opening",
         ("reff03", "clpr03", "ogh", "op_hycc", "op_ccbd", "op_jsmx", "op_bzjzh")),
)  # fmt: skip

BY_NAME = {step.name: step for step in STEPS}
LAST = STEPS[-1].name
