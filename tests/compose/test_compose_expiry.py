"""An exercise day settled (R-08, I-35, I-39, I-45, O-04): plan, four eyes, assignment, delivery,
cash for what failed, the drill's documents, and the participant's upload.
"""

from pathlib import Path
from typing import Any

import pytest
from compose_world import call, one_line
from msgspec import structs

from quanheng.clearing import details
from quanheng.clearing import messages as clear
from quanheng.compose import settle_acts as acts
from quanheng.compose import settle_drill
from quanheng.compose.document_files import write_document
from quanheng.compose.people import read_people
from quanheng.compose.settle_documents import plan_document, settlement_report, usage_document
from quanheng.compose.settle_job import Job
from quanheng.compose.settle_own import read_own
from quanheng.kernels.pack import unpack
from quanheng.runtime.segment import read_segments
from quanheng.settlement import carry, closing, exercise_plan
from quanheng.settlement.received import Theirs
from quanheng.wire import dbf, records
from quanheng.wire.exchange_files import named

PEOPLE = read_people(None)
TABLES = ("op_jsmx", "op_ccbd", "op_bzjmx", "op_zqjs")


def theirs_of(run: Path, day: int) -> Theirs:
    found = {}
    for path in (run / "files" / str(day)).iterdir():
        what = named(path.name)
        assert what is not None
        found[what.kind] = (path.name, path.read_bytes())
    return Theirs(day, found)


def cleared(run: Path, kind: type[Any]) -> Any:
    """The clearing machine's effect of a kind, from its own journal."""
    import msgspec

    tag = kind.__struct_config__.tag
    for frame in read_segments(run / "journal/clearing", "clearing"):
        if frame.kind == 79:  # O
            for effect in msgspec.msgpack.decode(frame.payload):
                if effect[0] == tag:
                    return msgspec.convert(effect, kind)
    return None


def own_long(job: Job) -> str:
    return next(code for code, side, _ in job.own.positions() if side == "L")


def open_cases(job: Job) -> dict[str, Any]:
    return {one.case.kind: one.case for one in job.ledger.record.open_cases()}


def test_expiry_plan_follows_worth_means_and_pins(expiry_days: tuple[Path, Path]) -> None:
    """rules.md 5: worth it after the fee, dearest first, as far as means go; pins are named."""
    own = read_own(expiry_days[0])
    chain, book = own.chain, own.rulebook
    close = own.closes["510050"]
    calls = sorted((row for row in chain.contracts if row.is_call), key=lambda row: row.strike)
    puts = sorted((row for row in chain.contracts if not row.is_call), key=lambda row: -row.strike)
    held = {
        (calls[0].code, "L", False): 4,
        (calls[1].code, "L", False): 4,
        (calls[-1].code, "L", False): 7,
        (puts[0].code, "L", False): 3,
        (puts[1].code, "S", False): 5,
    }
    cash = calls[0].strike * calls[0].unit * 5
    units = {"510050": puts[0].unit * 2 + 1}
    plan = exercise_plan.planned(chain, book, held, {"510050": close}, units, cash)
    by = {one.code: one for one in plan.lines}
    assert (by[calls[0].code].decision, by[calls[0].code].qty) == (exercise_plan.EXERCISE, 4)
    assert by[calls[1].code].decision == exercise_plan.PART and by[calls[1].code].qty == 0
    assert by[calls[-1].code].decision == exercise_plan.LAPSE
    assert (by[puts[0].code].qty, by[puts[0].code].short_of) == (2, 1)
    assert by[puts[1].code].decision == exercise_plan.SHORT
    assert by[puts[1].code].cash == 5 * puts[1].strike * puts[1].unit
    assert dict(plan.rows) == {calls[0].code: 4, puts[0].code: 2}
    inside = next(row for row in calls if close < row.strike < puts[0].strike)
    both = {(inside.code, "L", False): 2, (puts[0].code, "L", False): 5}
    (merge,) = exercise_plan.planned(chain, book, both, {"510050": close}, {}, cash).merges
    width = (puts[0].strike - inside.strike) * puts[0].unit
    assert merge == (inside.code, puts[0].code, 2, width - 12_000)  # 0.6 yuan each
    near = min(chain.contracts, key=lambda row: abs(row.strike - close))
    pinned = exercise_plan.planned(
        chain, book, {(near.code, "L", False): 1}, {"510050": near.strike}, {}, cash
    )
    assert [one.code for one in pinned.pins] == [near.code]
    assert pinned.lines[0].decision == exercise_plan.LAPSE  # at the strike the fee decides


def test_expiry_plan_needs_two_before_half_past_three(expiry_days: tuple[Path, Path]) -> None:
    """I-35, O-04: put forward by a trader, seconded by risk or clearing, both before 15:30."""
    run = expiry_days[0]
    late = call("settle", run, "--propose-plan", "--by", "T01", "--at", "15:31")
    one_line(late, 3, "15:31 is after 15:30")
    one_line(call("settle", run, "--propose-plan", "--by", "T01"), 3, "--at HH:MM")
    one_line(call("settle", run, "--propose-plan", "--by", "L01", "--at", "15:05"), 3, "trader")
    take = ("--take", "10000001=1")
    wrong = call("settle", run, "--propose-plan", "--by", "T01", "--at", "15:05", *take)
    one_line(wrong, 3, "must expire today")
    job = Job(run)
    number = acts.propose_plan(job, "T01", (), PEOPLE, "15:05")
    with pytest.raises(Exception, match="risk, clearing"):
        acts.second(job, number, "T01", PEOPLE, "15:10")
    acts.second(job, number, "R01", PEOPLE, "15:20")
    job.run()
    assert job.clean, open_cases(job)
    assert job.outcomes["exercise"].facts["plan"] == number
    other = Job(run)
    code = next(iter(dict(other.ledger.record.plans[number].rows)), own_long(other))
    other.own = structs.replace(other.own, ordered={code: 99})
    other.run()
    assert open_cases(other)["ordered"].theirs == f"已申报 {code} 99 张"
    shown = call("settle", run, "--plan").out
    assert "行权价" in shown and "义务方" in shown


def test_expiry_without_a_signed_plan_or_beyond_it_is_a_case(
    expiry_days: tuple[Path, Path],
) -> None:
    """O-04, R-08: exercised without a plan, other contracts than planned, a wrong amount of an
    assignment, more gone than was held: each named with both values, file and record.
    """
    run = expiry_days[0]
    path = run / "files/20240724/op_ccbdjs345.dbf"
    form = records.layout("op_ccbd")
    rows = [list(one) for one in dbf.read(form, path.read_bytes()).rows]
    kind, side, qty = (form.index(name) for name in ("BDLX", "CCFX", "SL1"))
    lapsed = next(row for row in rows if row[kind] == "C05" and row[side] == "L")
    lapsed[kind] = "C04"
    gone = next(row for row in rows if row[kind] == "C05" and row[side] == "S")
    gone[qty] -= 1
    path.write_bytes(dbf.write(form, [tuple(row) for row in rows], 20240724))
    detail = run / "files/20240724/op_jsmxjs345.dbf"
    form = records.layout("op_jsmx")
    told = [list(one) for one in dbf.read(form, detail.read_bytes()).rows]
    first = next(row for row in told if row[form.index("YWLX")] == "Q02")
    first[form.index("QSJE")] += 100
    detail.write_bytes(dbf.write(form, [tuple(row) for row in told], 20240724))
    job = Job(run)
    job.run()
    found = open_cases(job)
    assert {"unplanned", "amount", "gone"} <= set(found), found
    assert found["unplanned"].words.startswith("有行权而无双人签署")
    assert found["amount"].row > 0 and found["amount"].file == detail.name
    assert found["gone"].file == path.name
    number = acts.propose_plan(job, "T01", (), PEOPLE, "15:05")
    acts.second(job, number, "R01", PEOPLE, "15:20")
    job.run()
    assert {"taken", "fee"} <= set(open_cases(job)) and "unplanned" not in open_cases(job)


def test_expiry_tables_say_what_clearing_did(expiry_days: tuple[Path, Path]) -> None:
    """interfaces.md 6: detail, changes, margin and securities add up to the clearing machine's own
    statement, assignment and delivery.
    """
    for run, day in zip(expiry_days, (20240724, 20240725), strict=True):
        theirs = theirs_of(run, day)
        cash = cleared(run, clear.CashStatement)
        rows = theirs.rows("op_jsmx")
        today = [one for one in rows if one.number("JSRQ") == day]
        assert sum(one.number("SFJE") for one in today) * 100 == cash.cash - cash.opening_cash
        fee = sum(one.number("JSSXF") for one in rows if one.text("QSBZ") == details.FEE)
        assert fee * -100 == cash.exercise_fee
        assert sum(one.number("JE2") for one in theirs.rows("op_bzjmx")) * 100 == cash.margin
        exercised = cleared(run, clear.Exercised)
        if exercised is not None:
            moves = unpack(exercised.moves, clear.MOVE_COLUMNS).tolist()
            ours = [(units, money) for account, _, units, money in moves if account == 0]
            q02 = [one for one in rows if one.text("YWLX") == details.EXERCISE]
            units = sum(one.number("SL2") for one in q02)
            assert [(units, sum(one.number("QSJE") for one in q02) * 100)] == ours
            assert all(one.number("JSRQ") == 20240725 for one in q02)
            taken = {key: -one.qty for key, one in theirs.changes("C04").items()}
            mine = unpack(exercised.assigned, clear.ASSIGNED_COLUMNS).tolist()
            due = sum(qty for account, _, qty, _ in mine if account == 0)
            assert sum(qty for (_, side, _), qty in taken.items() if side == "S") == due > 0
        made = cleared(run, clear.DeliveriesMade)
        if made is not None:
            delivered = unpack(made.rows, clear.DELIVERED_COLUMNS).tolist()
            ours = [(units, fail) for account, _, units, _, fail in delivered if account == 0]
            zqjs = [(one.number("SL2"), one.number("SL1")) for one in theirs.rows("op_zqjs")]
            assert zqjs == ours and ours[0][1] < 0
        assert all(theirs.rows(kind) for kind in TABLES[:3])


def test_expiry_delivery_fails_and_is_followed(expiry_days: tuple[Path, Path]) -> None:
    """R-08: what was assigned is forecast, what could not be delivered is a case with units and
    cash, and the next opening is what clearing's own carry says.
    """
    expiry, after = expiry_days
    job, then = settle_drill.settle_both(expiry, after)
    assert job.final and then.final
    due = job.closing.due if job.closing else ()
    assert due and due[0].units < 0
    assert job.outcomes["forecast"].facts["short_of_units"] == -due[0].units
    carried = carry.decode((expiry / "carry/20240725.msgpack").read_bytes(), "carry")
    moves = [(m.underlying, m.units, m.cash) for m in carried.moves if m.account == "MM01"]
    assert [(d.underlying, d.units, d.cash) for d in due] == moves
    failed = {one.case.kind: one for one in then.ledger.record.cases.values()}["failed"]
    assert failed.status == "explained" and "现金结算" in failed.case.theirs
    table = then.outcomes["delivery"].tables["delivery"].rows[0]
    assert table[1] == table[2] + table[3] == due[0].units and table[3] < 0
    assert then.outcomes["notices"].facts["notices"] == 1  # P04
    made = carry.decode((after / "carry/20240726.msgpack").read_bytes(), "carry")
    held = {(one.code, one.long, one.short, one.covered) for one in made.accounts[0].held}
    ours: dict[str, list[int]] = {}
    assert then.closing is not None
    for code, side, covered, qty in (
        (one.code, one.side, one.covered, one.qty) for one in then.closing.positions
    ):
        place = 0 if side == "L" else 2 if covered else 1
        ours.setdefault(code, [0, 0, 0])[place] = qty
    assert {(code, *qty) for code, qty in ours.items()} == held
    again = closing.decode((after / "settlement/opening-20240726.json").read_bytes(), "x")
    assert again == then.closing and again.final
    place = after / "documents"
    told = write_document(usage_document([job, then]), place, "usage", ("pdf", "xlsx"))
    told += write_document(plan_document(job, acts.plan(job)), place, "plan", ("docx",))
    told += write_document(settle_drill.report(job, then), place, "drill", ("docx",))
    assert all(path.stat().st_size > 3_000 for path in told)
    assert "XQ20240724-01" in docx_text(place / "plan.docx")
    words = docx_text(after / "documents/drill.docx")
    for part in ("行权日演练报告", "T01", "R01", "未交付", "次日期初已定稿"):
        assert part in words, part


def test_expiry_entries_go_along_into_every_later_report(
    expiry_days: tuple[Path, Path], tmp_path: Path
) -> None:
    """O-04: an entry and the one that undid it stand in the next day's opening, tables and report,
    and count there no more.
    """
    expiry, after = expiry_days
    job = Job(expiry)
    why = ("对账 reconciled", "对账单")
    for number, undo in (("TZ20240724-01", False), ("TZ20240724-02", True)):
        if undo:
            made = acts.reverse(job, "TZ20240724-01", "L01", *why, PEOPLE)
        else:
            made = acts.adjust(job, "cash", "", 10_000, "", "L01", *why, PEOPLE)
        assert made == number
        acts.second(job, number, "H01", PEOPLE)
    job.run()
    then = Job(after, received=after / "files/20240725", previous=expiry)
    then.run()
    assert [row[0] for row in then.entries().rows] == ["TZ20240724-01", "TZ20240724-02"]
    assert then.ledger.record.adjusted(then.ledger.record.entries["TZ20240724-01"].item) == 0
    (path,) = write_document(settlement_report(then), tmp_path, "settlement", ("docx",))
    words = docx_text(path)
    for part in ("TZ20240724-01", "TZ20240724-02", "已冲回", "对账 reconciled", "L01 / H01"):
        assert part in words, part
    assert then.closing is not None and len(then.closing.entries) == 2


def test_expiry_delivery_that_never_came_is_named(expiry_days: tuple[Path, Path]) -> None:
    """I-45: units and cash that were due and are not in the files; another day before."""
    expiry, after = expiry_days
    first = Job(expiry)
    first.run()
    path = after / "files/20240725/op_jsmxjs345.dbf"
    form = records.layout("op_jsmx")
    rows = [one for one in dbf.read(form, path.read_bytes()).rows
            if one[form.index("QSBZ")] != details.DELIVERY]  # fmt: skip
    path.write_bytes(dbf.write(form, rows, 20240725))
    then = Job(after, previous=expiry)
    then.run()
    found = open_cases(then)
    assert "units" in found and found["units"].step == "delivery"
    assert "balance" in found  # the cash does not lead to the balance either
    one_line(call("settle", expiry, "--previous", after), 3, "settle the day before first")


def docx_text(path: Path) -> str:
    import docx

    found = docx.Document(str(path))
    cells = [cell.text for table in found.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(one.text for one in found.paragraphs), *cells])


def test_expiry_participant_upload(plain_day: Path, tmp_path: Path) -> None:
    """interfaces.md 3.10: written only when asked for, reads back, a wrong equity is refused."""
    assert not list((plain_day / "settlement").glob("cybs*"))
    firm = tmp_path / "firm.toml"
    firm.write_text('code = "CH4SHST88128"\nname = "示例"\n', encoding="utf-8")
    done = call("settle", plain_day, "--participant", firm)
    assert done.code == 0, done.err
    (path,) = (plain_day / "settlement").glob("cybs*")
    assert path.name == "cybs1234520240701001.txt"
    form = records.layout("cybs")
    row = records.read(form, path.read_bytes()).rows[0]
    assert row[form.index("TradingDay")] == 20240628 and len(path.read_bytes()) == 332
    theirs = theirs_of(plain_day, 20240627)
    from quanheng.compose import settle_cybs

    worth = settle_cybs.derivative_equity(theirs)
    assert row[form.index("DerivativeEquity")] == worth != 0
    bad = list(row)
    bad[form.index("DerivativeEquity")] = worth + 1
    data = records.write(form, [tuple(bad)])
    with pytest.raises(Exception, match="positions come to"):
        settle_cybs.check(path.name, data, theirs)
    firm.write_text("code = 1\n", encoding="utf-8")
    one_line(call("settle", plain_day, "--participant", firm), 2, "firm.toml", "code")
