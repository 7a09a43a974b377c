"""Opening state, trades, combinations, netting and positions against the closing files (附件2:
每日核对; R-02, I-12). What differs is named; nothing of ours is changed by it.
"""

from collections import Counter
from collections.abc import Iterator

from quanheng.settlement.context import (
    Cell,
    Context,
    Outcome,
    Table,
    differing,
    fen,
    money_case,
    yuan,
)
from quanheng.settlement.received import Fill, Side
from quanheng.settlement.record import Case, Item
from quanheng.terms.codes import Side as TradeSide
from quanheng.terms.days import iso
from quanheng.terms.orders import Trade

PREVIOUS = "previous.json"
"""The closing state of the day before, as the settlement keeps it."""
OPENED, CLOSED, OFFSET = "C01", "C02", "C03"


def opening(given: Context) -> Outcome:
    """What the maker opened with is what the day before was closed with."""
    before, own = given.previous, given.own
    if before is None:
        return Outcome((), {"previous": "无 none"})
    cases = list(
        money_case(
            "opening", "cash", "期初资金", fen(own.opening_cash), fen(before.cash),
            (PREVIOUS, 0), Item.CASH,
        )
    )  # fmt: skip
    theirs: dict[Side, tuple[int, int]] = {
        (one.code, one.side, one.covered): (row, one.qty)
        for row, one in enumerate(before.positions, 1)
    }
    place = PREVIOUS
    cases += differing("opening", "position", own.opening, theirs, place)
    held = {number: (strategy, units) for number, strategy, units in before.combinations}
    for number in sorted({*held, *own.opening_combinations}):
        mine, other = own.opening_combinations.get(number), held.get(number)
        if mine != other:
            cases.append(
                Case(
                    key=f"opening/combination/{number}", step="opening", kind="combination",
                    what=f"组合 {number}", ours=_combination(mine), theirs=_combination(other),
                    file=place,
                )
            )  # fmt: skip
    facts: dict[str, Cell] = {"previous": iso(before.made_on), "positions": len(own.opening)}
    return Outcome(tuple(cases), facts)


def _combination(held: tuple[str, int] | None) -> str:
    return "无 none" if held is None else f"{held[0]} {held[1]} 份"


def trades(given: Context) -> Outcome:
    """Every fill reported to us is a T0305 record, and every record one of our fills."""
    theirs: dict[tuple[int, str], Fill] = {}
    cases: list[Case] = []
    file = f"trns03{given.own.pbu}.txt"
    for fill in given.theirs.fills:
        key = (fill.exec_id, fill.side)
        if key in theirs:
            known = theirs[key]
            cases.append(
                _trade("repeated", fill, f"第 {known.row} 笔", f"第 {fill.row} 笔重复", file)
            )
        else:
            theirs[key] = fill
    ours = {
        (one.exec_id, "B" if one.side == TradeSide.BUY else "S"): one for one in given.own.fills
    }
    for key, mine in ours.items():
        other = theirs.get(key)
        if other is None:
            what = f"成交 {key[0]} {key[1]} {mine.contract}"
            cases.append(
                Case(key=f"trades/not_theirs/{key[0]}{key[1]}", step="trades", kind="not_theirs",
                     what=what, ours=f"{mine.qty} 张 @ {_price(mine.price)}", theirs="无 none",
                     file=file)
            )  # fmt: skip
            continue
        for name, own_value, value in _fields(mine, other):
            if own_value != value:
                cases.append(_trade(name, other, own_value, value, file))
    for key, other in theirs.items():
        if key not in ours:
            said = f"{other.qty} 张 @ {_price(other.price)}"
            cases.append(_trade("not_ours", other, "无 none", said, file))
    facts: dict[str, Cell] = {"ours": len(ours), "theirs": len(theirs)}
    return Outcome(tuple(cases), {**facts, "contracts": sum(one.qty for one in given.own.fills)})


def _trade(kind: str, other: Fill, ours: str, theirs: str, file: str) -> Case:
    return Case(
        key=f"trades/{kind}/{other.exec_id}{other.side}"
        + (f"-{other.row}" if kind == "repeated" else ""),
        step="trades",
        kind=kind,
        what=f"成交 {other.exec_id} {other.side} {other.code}",
        ours=ours,
        theirs=theirs,
        file=file,
        row=other.row,
    )


def _price(ticks: int) -> str:
    """A price in yuan."""
    return f"{ticks // 10_000}.{ticks % 10_000:04d}"


def _fields(mine: Trade, other: Fill) -> Iterator[tuple[str, str, str]]:
    yield "contract", mine.contract, other.code
    yield "quantity", str(mine.qty), str(other.qty)
    yield "price", _price(mine.price), _price(other.price)
    yield "effect", "C" if mine.effect else "O", other.effect
    yield "covered", str(mine.covered), str(other.covered)
    yield "client_id", mine.client_id, other.client_id
    yield "amount", yuan(fen(mine.amount)), yuan(other.amount)


def combinations(given: Context) -> Outcome:
    """Reports of building and splitting are T0307 records; what lives on is qtyw03."""
    own, theirs = given.own, given.theirs
    file = f"trns03{own.pbu}.txt"
    done = Counter((one.combination, one.action, one.qty) for one in own.built)
    ended = Counter((name, "A", one.units) for name, one in own.ended.items())
    said = {
        (one.text("SecondaryOrderID"), one.text("Side"), one.number("Quantity")): one.row
        for one in theirs.trns("T0307")
    }
    cases: list[Case] = []
    for key in sorted({*done, *ended, *said}):
        mine, other = key in done or key in ended, key in said
        if mine != other:
            number, action, units = key
            cases.append(
                Case(
                    key=f"combinations/report/{number}-{action}", step="combinations",
                    kind="report", what=f"组合 {number} {action}",
                    ours=f"{units} 份" if mine else "无 none",
                    theirs=f"{units} 份" if other else "无 none", file=file,
                    row=said.get(key, 0),
                )
            )  # fmt: skip
    codes = [row.code for row in own.chain.contracts]
    mine_held = {
        name: (one.strategy, one.units, sorted(codes[slot] for slot in one.slots))
        for name, one in own.combinations.items()
    }
    their_held = {
        one.text("SecondaryOrderID"): (
            one.text("StrategyID"),
            one.number("Quantity"),
            sorted(code for code, _ in theirs.legs(one.row)),
        )
        for one in theirs.combined
    }
    rows = {one.text("SecondaryOrderID"): one.row for one in theirs.combined}
    for number in sorted({*mine_held, *their_held}):
        if mine_held.get(number) != their_held.get(number):
            cases.append(
                Case(
                    key=f"combinations/held/{number}", step="combinations", kind="held",
                    what=f"组合 {number}", ours=str(mine_held.get(number, "无 none")),
                    theirs=str(their_held.get(number, "无 none")), file=f"qtyw03{own.pbu}.txt",
                    row=rows.get(number, 0),
                )
            )  # fmt: skip
    return Outcome(tuple(cases), {"held": len(mine_held), "reports": len(said)})


def netting(given: Context) -> Outcome:
    """Our own day-end netting is theirs: T0306 of the exchange, C03 of the clearing house."""
    codes = [row.code for row in given.own.chain.contracts]
    expected: Counter[tuple[str, str, bool]] = Counter()
    changes: Counter[Side] = Counter()
    for one in given.own.offset:
        code = codes[one.slot]
        expected[code, "S", False] += one.short + one.covered
        expected[code, "B", False] += one.short
        expected[code, "B", True] += one.covered
        changes[code, "L", False] -= one.short + one.covered
        changes[code, "S", False] -= one.short
        changes[code, "S", True] -= one.covered
    found: Counter[tuple[str, str, bool]] = Counter()
    rows: dict[tuple[str, str, bool], int] = {}
    for record in given.theirs.trns("T0306"):
        key = (record.text("SecurityID"), record.text("Side"),
               record.text("CoveredOrUncovered") == "1")  # fmt: skip
        found[key] += record.number("LastQty")
        rows.setdefault(key, record.row)
    cases = []
    for key in sorted({*expected, *found}):
        if expected[key] != found[key]:
            code, side, covered = key
            cases.append(
                Case(
                    key=f"netting/t0306/{code}-{side}{'C' if covered else ''}", step="netting",
                    kind="t0306", what=f"{code} 冲销 {side}", ours=f"{expected[key]} 张",
                    theirs=f"{found[key]} 张", file=f"trns03{given.own.pbu}.txt",
                    row=rows.get(key, 0),
                )
            )  # fmt: skip
    said = {key: (one.row, one.qty) for key, one in given.theirs.changes(OFFSET).items()}
    mine = {key: qty for key, qty in changes.items() if qty}
    cases += differing("netting", "op_ccbd", mine, said, given.theirs.name("op_ccbd"))
    total = sum(one.short + one.covered for one in given.own.offset)
    return Outcome(tuple(cases), {"netted": total})


def positions(given: Context) -> Outcome:
    """What we hold after netting, entries included, is hold03 and op_hycc, and their changes of the
    day lead from our opening there.
    """
    own, theirs = given.own, given.theirs
    held = {key: (one.row, one.qty) for key, one in theirs.held.items()}
    cleared = {key: (one.row, one.qty) for key, one in theirs.cleared.items()}
    mine = given.positions()
    file = f"hold03{own.pbu}.txt"
    cases = list(differing("positions", "hold03", mine, held, file))
    cases += differing("positions", "op_hycc", mine, cleared, theirs.name("op_hycc"))
    moved = dict(own.opening)
    for key, one in theirs.changes(OPENED, CLOSED, OFFSET).items():
        moved[key] = moved.get(key, 0) + one.qty
    left = {key: qty for key, qty in moved.items() if qty}
    # Named by the side that moved: its entry is for what we hold, so none is offered here.
    for case in differing("positions", "continuity", left, cleared, theirs.name("op_ccbd")):
        words = "期初加当日变动与期末不符 opening and changes do not lead to the balance"
        cases.append(_plain(case, words))
    rows = tuple(
        (*key[:2], int(key[2]), mine.get(key, 0), theirs.held[key].qty if key in held else 0,
         theirs.cleared[key].qty if key in cleared else 0)
        for key in sorted({*mine, *held, *cleared})
    )  # fmt: skip
    table = Table(("contract", "side", "covered", "ours", "hold03", "op_hycc"), rows)
    return Outcome(tuple(cases), {"positions": len(mine)}, {"positions": table})


def _plain(case: Case, words: str) -> Case:
    return Case(
        key=case.key, step=case.step, kind=case.kind, what=case.what, ours=case.ours,
        theirs=case.theirs, file=case.file, row=case.row, words=words,
    )  # fmt: skip
