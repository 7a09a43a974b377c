"""Exercise, assignment, delivery, notices, what comes due next (rules.md 5; R-08, I-39, I-45)."""

from collections.abc import Iterator

import numpy as np

from quanheng.books import margin_use
from quanheng.rulebook import fees
from quanheng.rulebook.calendar import trading_days_between
from quanheng.settlement import exercise_plan
from quanheng.settlement.checks_money import ACCOUNT, DELIVERY, FEE
from quanheng.settlement.closing import Due
from quanheng.settlement.context import Cell, Context, Outcome, Table, fen, money_case, yuan
from quanheng.settlement.exercise_plan import Plan
from quanheng.settlement.received import Named
from quanheng.settlement.record import Case, PlanState
from quanheng.terms.codes import FORCED_PREFIXES
from quanheng.terms.days import iso
from quanheng.terms.units import MONEY_PER_FEN, Lots, Money, half_up
from quanheng.wire import notices as told

EXERCISE, EXERCISED, EXPIRED = "Q02", "C04", "C05"
NEAR = 5
"""Trading days before its last one from which a contract is near its expiry (I-38)."""


def expires(given: Context) -> bool:
    """Is it the exercise day of a listed contract?"""
    return any(row.exercise_day == given.day for row in given.own.chain.contracts)


def plan_of(given: Context, cash: Money) -> Plan:
    """The plan by the rule, from our own positions and the closes of our own view."""
    own = given.own
    free = {name: units - own.locked.get(name, 0) for name, units in own.units.items()}
    return exercise_plan.planned(own.chain, own.rulebook, given.positions(), own.closes, free, cash)


def signed_plan(given: Context) -> PlanState | None:
    """The newest plan that two people signed."""
    signed = [one for one in given.record.plans.values() if one.seconded_by]
    return signed[-1] if signed else None


def exercise(given: Context) -> Outcome:
    """What was exercised is what two people had planned, its fee and cash are right, and nothing
    was assigned beyond what we were short.
    """
    if not expires(given):
        return Outcome((), {"expires": "否 no"})
    theirs, own = given.theirs, given.own
    taken = theirs.changes(EXERCISED)
    plan = signed_plan(given)
    wanted: dict[str, Lots] = dict(plan.rows) if plan else dict(own.ordered)
    held = {code: -one.qty for (code, side, _), one in taken.items() if side == "L"}
    file = theirs.name("op_ccbd")
    cases: list[Case] = []
    if held and plan is None:
        cases.append(
            Case(
                key="exercise/unplanned", step="exercise", kind="unplanned",
                what="行权计划", ours="未经双人签署 not signed by two",
                theirs=f"已行权 {sum(held.values())} 张", file=file,
                words="有行权而无双人签署的计划 exercised without a signed plan (O-04)",
            )
        )  # fmt: skip
    if plan and own.ordered and dict(plan.rows) != own.ordered:
        cases.append(
            Case(
                key="exercise/ordered", step="exercise", kind="ordered", what="行权申报",
                ours=f"计划 {_rows_text(dict(plan.rows))}",
                theirs=f"已申报 {_rows_text(own.ordered)}", file="journal/maker",
                words="申报与双人签署的计划不同 orders differ from the signed plan",
            )
        )  # fmt: skip
    for code in sorted({*held, *wanted}) if plan or own.ordered else ():
        if held.get(code, 0) != wanted.get(code, 0):
            row = taken.get((code, "L", False))
            cases.append(
                Case(
                    key=f"exercise/taken/{code}", step="exercise", kind="taken",
                    what=f"{code} 行权", ours=f"计划 {wanted.get(code, 0)} 张",
                    theirs=f"有效 {held.get(code, 0)} 张", file=file, row=row.row if row else 0,
                )
            )  # fmt: skip
    detail = [one for one in theirs.rows("op_jsmx") if one.text("YWLX") == EXERCISE]
    cases += _amounts(given, detail)
    cases += _assigned(given)
    fee = fen(sum(fees.exercise(own.rulebook, qty) for qty in held.values()))
    charged = [r for r in theirs.rows("op_jsmx") if r.text("QSBZ") == FEE]
    cases += money_case(
        "exercise", "fee", "行权结算费", fee, -sum(one.number("JSSXF") for one in charged),
        (theirs.name("op_jsmx"), charged[0].row if charged else 0),
    )  # fmt: skip
    rows = tuple(
        (code, side, int(covered), -one.qty) for (code, side, covered), one in sorted(taken.items())
    )
    assigned = sum(row[3] for row in rows if row[1] == "S")
    facts: dict[str, Cell] = {
        "expires": "是 yes", "exercised": sum(held.values()), "assigned": assigned,
        "lapsed": -sum(one.qty for one in theirs.changes(EXPIRED).values()),
        "plan": plan.number if plan else "无 none",
    }  # fmt: skip
    table = Table(("contract", "side", "covered", "contracts"), rows)
    return Outcome(tuple(cases), facts, {"exercised": table})


def _rows_text(rows: dict[str, Lots]) -> str:
    return "、".join(f"{code} {qty} 张" for code, qty in sorted(rows.items())) or "无"


def _amounts(given: Context, detail: list[Named]) -> Iterator[Case]:
    """Units and cash of each exercise and assignment: contracts by unit by strike."""
    for one in detail:
        row = given.contracts.get(one.text("HEYDM"))
        if row is None:
            continue
        qty = -one.number("SL1") if one.text("MMBZ") == "S" else one.number("SL1")
        units = qty * row.unit if row.is_call else -qty * row.unit
        name = f"{row.code} {'行权' if qty > 0 else '指派'}"
        place = (given.theirs.name("op_jsmx"), one.row)
        key = f"{row.code}{one.text('MMBZ')}{one.text('BDBZ')}"
        yield from money_case(
            "exercise", f"amount/{key}", f"{name}资金", fen(-units * row.strike),
            one.number("QSJE"), place,
        )  # fmt: skip
        if one.number("SL2") != units:
            yield Case(
                key=f"exercise/units/{key}", step="exercise", kind="units", what=f"{name}证券",
                ours=f"{units} 份", theirs=f"{one.number('SL2')} 份", file=place[0], row=one.row,
            )  # fmt: skip


def _assigned(given: Context) -> Iterator[Case]:
    """Nobody is assigned more than they are short, and what is left lapses."""
    taken, lapsed = given.theirs.changes(EXERCISED), given.theirs.changes(EXPIRED)
    ending = {row.code for row in given.own.chain.contracts if row.last_day == given.day}
    mine = {key: qty for key, qty in given.positions().items() if key[0] in ending}
    for key in sorted({*mine, *taken, *lapsed}):
        gone = -sum(part[key].qty for part in (taken, lapsed) if key in part)
        if gone != mine.get(key, 0):
            code, side, covered = key
            yield Case(
                key=f"exercise/gone/{code}-{side}{'C' if covered else ''}", step="exercise",
                kind="gone", what=f"{code} 到期了结", ours=f"持有 {mine.get(key, 0)} 张",
                theirs=f"行权、指派与作废 {gone} 张", file=given.theirs.name("op_ccbd"),
                row=taken[key].row if key in taken else 0,
            )  # fmt: skip


def delivery(given: Context) -> Outcome:
    """What yesterday's exercises had due came: units, or cash at the rulebook's factor of the close
    for those that failed, and every failure is a case (R-08: 行权违约风险).
    """
    theirs, own = given.theirs, given.own
    due = {one.underlying: one for one in given.previous.due} if given.previous else {}
    made = {
        one.text("BDZQDM"): one
        for one in theirs.rows("op_jsmx")
        if (one.text("YWLX"), one.text("QSBZ")) == (ACCOUNT, DELIVERY)
    }
    missed = {one.text("ZQDM"): one for one in theirs.rows("op_zqjs") if one.text("JLGS") == "F14"}
    num, den = own.rulebook.rates.fail_cash
    cases: list[Case] = []
    rows = []
    for name in sorted({*due, *made}):
        want, came, fail = due.get(name), made.get(name), missed.get(name)
        units, cash = (want.units, want.cash) if want else (0, 0)
        missing = fail.number("SL1") if fail else 0
        price = half_up(theirs.closes.get(name, 0) * num, den) if "mktdt00" in theirs.files else 0
        place = (theirs.name("op_jsmx"), came.row if came else 0)
        got = came.number("SL2") if came else 0
        paid = came.number("QSJE") if came else 0
        if got != units - missing:
            cases.append(
                Case(
                    key=f"delivery/units/{name}", step="delivery", kind="units",
                    what=f"{name} 交收证券", ours=f"应 {units} 份",
                    theirs=f"实 {got} 份，未交 {missing} 份", file=place[0], row=place[1],
                )
            )  # fmt: skip
        expected = fen(cash + missing * price)
        cases += money_case("delivery", f"cash/{name}", f"{name} 交收资金", expected, paid, place)
        if missing and fail is not None:
            who = "本方未交付" if missing < 0 else "对方未交付"
            cases.append(
                Case(
                    key=f"delivery/failed/{name}", step="delivery", kind="failed",
                    what=f"{name} 交收失败", ours=f"应交收 {units:,} 份",
                    theirs=f"{who} {abs(missing):,} 份，按 {price / 10_000:.4f} 元现金结算",
                    file=theirs.name("op_zqjs"), row=fail.row,
                    words=f"{who}：{yuan(abs(fen(missing * price)))} 元，违约金 "
                    f"{yuan(-fail.number('JE2'))} 元",
                )
            )  # fmt: skip
        rows.append((name, units, got, missing, fen(cash), paid))
    heads = ("underlying", "due_units", "units", "missing", "due_fen", "fen")
    return Outcome(tuple(cases), {"deliveries": len(rows)}, {"delivery": Table(heads, tuple(rows))})


def notices(given: Context) -> Outcome:
    """Notices of the evening agree with our own figures; what was closed by force today stands
    behind a notice of the evening before (I-45).
    """
    theirs, own = given.theirs, given.own
    found, _ = told.read(theirs.files["op_tzxx"][1])
    file = theirs.name("op_tzxx")
    money = theirs.money
    deficit = max(0, -money.number("JE3"))
    calls = [(row, one) for row, one in enumerate(found, 1) if one.kind == "P01"]
    cases = list(
        money_case(
            "notices", "call", "追加保证金通知", deficit, sum(fen(one.amount) for _, one in calls),
            (file, calls[0][0] if calls else 0),
        )
    )  # fmt: skip
    known = given.previous.notices if given.previous else ()
    forced = [one for one in own.fills if one.client_id[:3] in FORCED_PREFIXES]
    for prefix, kind in zip(FORCED_PREFIXES, ("P01", "P02"), strict=True):
        closed = sum(one.qty for one in forced if one.client_id[:3] == prefix)
        if closed and kind not in known and given.previous is not None:
            cases.append(
                Case(
                    key=f"notices/forced/{kind}", step="notices", kind="forced",
                    what="强行平仓", ours=f"前一日无 {kind} 通知", theirs=f"被平 {closed} 张",
                    file=f"trns03{own.pbu}.txt",
                )
            )  # fmt: skip
    rows = tuple(
        (one.kind, one.contract or one.underlying, one.qty, fen(one.amount), one.due, one.text())
        for one in found
    )
    table = Table(("kind", "what", "qty", "fen", "due", "words"), rows)
    facts: dict[str, Cell] = {"notices": len(found), "forced": sum(one.qty for one in forced)}
    return Outcome(tuple(cases), {**facts, "deficit": yuan(deficit)}, {"notices": table})


def due_of(given: Context) -> tuple[Due, ...]:
    """What today's exercises move on the next day, by underlying."""
    sums: dict[str, list[int]] = {}
    for one in given.theirs.rows("op_jsmx"):
        if one.text("YWLX") == EXERCISE:
            both = sums.setdefault(one.text("BDZQDM"), [0, 0])
            both[0] += one.number("SL2")
            both[1] += one.number("QSJE") * MONEY_PER_FEN
    return tuple(Due(name, *both) for name, both in sorted(sums.items()))


def forecast(given: Context) -> Outcome:
    """Deliveries and funds of the next day, and what near expiries could ask for (I-39)."""
    own, theirs = given.own, given.theirs
    due = due_of(given)
    free = theirs.money.number("JE3")
    rows: list[tuple[str, str, int, int, int]] = []
    for one in due:
        have = own.units.get(one.underlying, 0) - own.locked.get(one.underlying, 0)
        short = max(0, -one.units - have)
        rows.append(("delivery", one.underlying, one.units, fen(one.cash), short))
    flow = sum(fen(one.cash) for one in due)
    released = _released(given)
    rows.append(("margin", "释放 released", 0, released, 0))
    calendar = own.rulebook.calendar
    for (code, side, _), qty in given.positions().items():
        row = given.contracts.get(code)
        if row is None or side != "S":
            continue
        left = trading_days_between(calendar, given.day, row.last_day)
        if 0 < left <= NEAR:
            units, cash = (qty * row.unit, 0) if row.is_call else (0, qty * row.strike * row.unit)
            rows.append(("assigned", f"{code} {iso(row.last_day)}", -units, -fen(cash), 0))
    heads = ("kind", "what", "units", "fen", "short_of")
    facts: dict[str, Cell] = {
        "next_day": iso(given.next_day), "free_now": yuan(free),
        "delivery": yuan(flow), "free_next": yuan(free + flow + released),
        "short_of_units": sum(row[4] for row in rows),
    }  # fmt: skip
    return Outcome((), facts, {"forecast": Table(heads, tuple(rows))})


def _released(given: Context) -> int:
    """Fen of margin that ends with the contracts that expired today."""
    ending = {row.code for row in given.own.chain.contracts if row.last_day <= given.day}
    if not ending:
        return 0
    own, theirs = given.own, given.theirs
    chain = own.chain
    settles = np.array([theirs.settles.get(row.code, 0) for row in chain.contracts], dtype=np.int64)
    closes = tuple(theirs.closes.get(one.underlying, 0) for one in chain.classes)
    single = margin_use.maintenance(chain, own.rulebook, settles, closes)
    slots = {row.code: slot for slot, row in enumerate(chain.contracts)}
    return sum(
        fen(int(single[slots[code]]) * (one.qty - one.combined))
        for (code, side, covered), one in theirs.cleared.items()
        if code in ending and (side, covered) == ("S", False)
    )
