"""Every check of a settlement fires on a difference of its own (R-02, I-33, I-45), and the record
refuses what does not fit what stands (O-04, S-01).
"""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from test_compose_settle import ARCHIVE, HELD, cases, change, files, settled

from quanheng.books.combinations import Combination
from quanheng.books.positions import Closed
from quanheng.compose import settle_job, settle_own
from quanheng.compose.closing import DayResult
from quanheng.compose.settle_job import Job
from quanheng.settlement import checks_expiry, checks_money, checks_trades
from quanheng.settlement.checks import CHECKS
from quanheng.settlement.closing import Closing, Due
from quanheng.settlement.context import Context
from quanheng.settlement.received import Theirs
from quanheng.settlement.record import Event, Record, blank, fold
from quanheng.settlement.steps import STEPS
from quanheng.terms.codes import FORCED_COVERED, FORCED_MARGIN
from quanheng.terms.orders import Reports, Trade
from quanheng.wire import dbf, notices, ogh, records

DAY = 20240627


@pytest.fixture(scope="module")
def job(before: tuple[Path, DayResult], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A settled day that agrees."""
    run = Path(shutil.copytree(before[0], tmp_path_factory.mktemp("checks") / "run"))
    done = Job(run)
    done.run()
    assert done.clean
    return done


def test_own_amounts_are_exact(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-02: whatever the wire rounded, our amounts are price x qty x unit to the last 0.0001 yuan;
    on the whole market's day fills of adjusted contracts came to 30 cases of a fen or two.
    """

    class Rounded:
        def __init__(self, plain: Any) -> None:
            self.plain = plain

        def decode(self, data: bytes) -> Any:
            found = self.plain.decode(data)
            if not isinstance(found.body, Reports):
                return found
            reports = tuple(
                structs.replace(one, body=structs.replace(one.body, amount=one.body.amount + 49))
                if isinstance(one.body, Trade)
                else one
                for one in found.body.reports
            )
            return structs.replace(found, body=structs.replace(found.body, reports=reports))

    decoder = settle_own.envelope_decoder
    monkeypatch.setattr(settle_own, "envelope_decoder", lambda kind: Rounded(decoder(kind)))
    units = {row.code: row.unit for row in job.own.chain.contracts}
    found = settle_own.read_own(job.folder.parent).fills
    assert found == job.own.fills and len(found) > 50
    assert all(one.amount == one.price * one.qty * units[one.contract] for one in found)


def given(job: Job, previous: Closing | None = None, files: Any = None, **own: Any) -> Context:
    """The day's context with other figures of ours, another day before, or other files."""
    assert job.context is not None
    theirs = Theirs(DAY, {**job.context.theirs.files, **(files or {})})
    changed = structs.replace(job.own, **own)
    return Context(changed, theirs, job.ledger.record, previous, job.next_day)


def before_of(job: Job, **values: Any) -> Closing:
    """A closing state of the day before that agrees with our opening, but for some values."""
    assert job.closing is not None
    plain = structs.replace(
        job.closing, day=DAY, made_on=20240626, cash=job.own.opening_cash, positions=(),
        combinations=(), due=(), notices=(),
    )  # fmt: skip
    return structs.replace(plain, **values)


def kinds(check: Callable[[Context], Any], context: Context) -> set[str]:
    return {case.kind for case in check(context).cases}


def test_checks_opening(job: Job) -> None:
    """The day before with other cash, positions or combinations."""
    assert job.closing is not None
    check = checks_trades.opening
    assert not kinds(check, given(job, before_of(job)))
    assert kinds(check, given(job, before_of(job, cash=1))) == {"cash"}
    held = job.closing.positions[:1]
    assert kinds(check, given(job, before_of(job, positions=held))) == {"position"}
    built = (("77", "KS", 1),)
    assert kinds(check, given(job, before_of(job, combinations=built))) == {"combination"}


def test_checks_trades_and_netting(job: Job) -> None:
    """A fill we do not know, an amount that differs, netting of our own that differs."""
    fills = job.own.fills
    assert kinds(checks_trades.trades, given(job, fills=fills[1:])) == {"not_ours"}
    other = structs.replace(fills[0], amount=fills[0].amount + 100, client_id="M0010000ZZ")
    found = kinds(checks_trades.trades, given(job, fills=(other, *fills[1:])))
    assert found == {"amount", "client_id"}
    first, *rest = job.own.offset
    more = (Closed(first.slot, first.short + 1, first.covered), *rest)
    assert kinds(checks_trades.netting, given(job, offset=more)) == {"t0306", "op_ccbd"}


def test_checks_combinations(job: Job) -> None:
    """A combination that only we hold is missing in qtyw03, in the margin's detail and its sum."""
    mine = {"700001": Combination("KS", (0, 6), 1)}
    assert kinds(checks_trades.combinations, given(job, combinations=mine)) == {"held"}
    assert kinds(checks_money.margin, given(job, combinations=mine)) == {"detail", "total"}
    assert kinds(checks_trades.combinations, given(job, ended=mine)) == {"report"}


def test_checks_positions_and_profit(job: Job) -> None:
    """A book of ours that differs by one contract, and one whose profit differs."""
    book = copy.deepcopy(job.own.book)
    book.long_qty[0] += 1
    found = kinds(checks_trades.positions, given(job, book=book))
    assert found == {"hold03", "op_hycc"}
    book = copy.deepcopy(job.own.book)
    book.realised[0] += 10_000
    assert kinds(checks_money.profit, given(job, book=book)) == {"book"}
    assert kinds(checks_money.cash, given(job, opening_cash=1)) == {"balance"}
    moved = {**job.own.opening, (job.own.chain.contracts[0].code, "L", False): 3}
    assert kinds(checks_trades.positions, given(job, opening=moved)) == {"continuity"}


def test_checks_notices(job: Job) -> None:
    """I-45: a call that our own figures do not know, and a forced closing without a notice."""
    call = notices.Notice(kind="P01", day=DAY, account=job.own.account, amount=50_000, due=20240628)
    name = job.context.theirs.name("op_tzxx") if job.context else ""
    files = {"op_tzxx": (name, notices.write((call,), DAY))}
    assert kinds(checks_expiry.notices, given(job, files=files)) == {"call"}
    for prefix, kind in ((FORCED_MARGIN, "P01"), (FORCED_COVERED, "P02")):
        forced = structs.replace(job.own.fills[0], client_id=f"{prefix}0000001")
        fills = (forced, *job.own.fills[1:])
        unknown = given(job, before_of(job), fills=fills)
        assert kinds(checks_expiry.notices, unknown) == {"forced"}
        told = given(job, before_of(job, notices=(kind,)), fills=fills)
        assert not kinds(checks_expiry.notices, told)


def test_checks_delivery(job: Job) -> None:
    """What was due and never came: units and cash."""
    due = (Due("510050", -20_000, 480_000_000),)
    found = checks_expiry.delivery(given(job, before_of(job, due=due)))
    assert {case.kind for case in found.cases} == {"units", "cash"}
    assert found.cases[0].ours == "应 -20000 份" and found.cases[1].ours == "48,000.00 元"


def test_checks_run_for_every_step_and_say_what_they_read(job: Job) -> None:
    """Each step has a check, and what it reads is in its list of files: with only those it runs."""
    assert set(CHECKS) == {step.name for step in STEPS[1:-1]}
    assert job.context is not None
    whole = job.context.theirs.files
    for step in STEPS[1:-1]:
        theirs = Theirs(DAY, {kind: whole[kind] for kind in step.files})
        alone = Context(job.own, theirs, job.ledger.record, before_of(job), job.next_day)
        assert CHECKS[step.name](alone) == CHECKS[step.name](given(job, before_of(job)))


def test_checks_previous_is_said_once(before: tuple[Path, DayResult], tmp_path: Path) -> None:
    """A settlement that was begun without a day before, or with another one, does not change it."""
    run = Path(shutil.copytree(before[0], tmp_path / "run"))
    first = Job(run)
    first.run()
    place = tmp_path / "opening.json"
    place.write_bytes(settle_job.closing.encode(before_of(first)))
    with pytest.raises(Exception, match="begun without a day before"):
        Job(run, previous=place)
    shutil.rmtree(run / "settlement")
    with_one = Job(run, previous=place)
    with_one.run()
    assert with_one.clean and Job(run).previous == with_one.previous
    place.write_bytes(settle_job.closing.encode(before_of(first, cash=1)))
    with pytest.raises(Exception, match="another day before"):
        Job(run, previous=place)
    place.write_bytes(b"{}")
    with pytest.raises(Exception, match="is not a settled day"):
        Job(run, previous=place)


def entry(number: str, **values: Any) -> Event:
    base = {"item": "cash", "amount": 100, "reason": "r", "evidence": "e", "by": "L01"}
    return Event(kind="entry", at=1, number=number, **{**base, **values})


def test_record_refuses_what_does_not_fit() -> None:
    """O-04: no entry without reason, evidence, amount or its own contract; nobody seconds alone;
    only an entry that counts is undone, by exactly its opposite; nothing counts twice.
    """
    record: Record = blank(DAY)
    bad = [
        (entry("1", reason=" "), "reason and evidence"),
        (entry("1", evidence=""), "reason and evidence"),
        (entry("1", amount=0), "of 0"),
        (entry("1", code="10000001"), "money has none"),
        (entry("1", item="long"), "a position has a contract"),
        (Event(kind="seconded", at=1, number="9", by="R01"), "no entry '9'"),
        (Event(kind="signed", at=1, step="cash", by="L01"), "nothing to sign"),
        (Event(kind="explained", at=1, number="AJ1", by="R01"), "no case"),
        (Event(kind="plan_seconded", at=1, number="XQ1", by="R01"), "no exercise plan"),
        (Event(kind="sold", at=1), "no event of a settlement"),
    ]
    for event, words in bad:
        with pytest.raises(ValueError, match=words):
            fold(record, event)
    fold(record, entry("1"))
    assert not record.active()
    for event, words in (
        (entry("1"), "exists"),
        (Event(kind="seconded", at=2, number="1", by="L01"), "their own"),
        (Event(kind="withdrawn", at=2, number="1", by="R01"), "not a proposal of R01"),
        (entry("2", of="1", amount=-100), "only one that counts"),
    ):
        with pytest.raises(ValueError, match=words):
            fold(record, event)
    fold(record, Event(kind="seconded", at=2, number="1", by="R01"))
    assert [one.number for one in record.active()] == ["1"]
    with pytest.raises(ValueError, match="does not undo"):
        fold(record, entry("2", of="1", amount=-99))
    fold(record, entry("2", of="1", amount=-100))
    assert [one.number for one in record.active()] == ["1"]  # until somebody agrees
    fold(record, Event(kind="seconded", at=3, number="2", by="H01"))
    assert not record.active() and len(record.entries) == 2
    with pytest.raises(ValueError, match="reversed"):
        fold(record, Event(kind="seconded", at=4, number="2", by="H01"))


def test_f33_a_bust_in_the_clearing_files_is_a_case_and_is_reversed_by_two(plain_day: Path) -> None:
    """The exchange's interface knows no bust. What the clearing house takes back is a fill of ours
    that its files lack and a position that is smaller: both are cases, the next day's opening
    has its position and is not final, and the reversal is entered by two people.
    """
    place, form, balance = (
        files(plain_day),
        records.layout("trns03_t0305"),
        records.layout("hold03"),
    )
    before = settled(plain_day).json["opening"]["positions"]
    table = records.layout("op_hycc")
    held = dbf.read(table, (place / HELD).read_bytes())
    archive = ogh.read("12345", (place / ARCHIVE).read_bytes())
    at = {name: form.index(name) for name in ("SecurityID", "Side", "PositionEffect", "LastQty")}
    name = {key: table.index(key) for key in ("HEYDM", "CCFX", "YE1")}
    number, row = next(
        (number, row)
        for row in archive.trns
        for number, one in enumerate(held.rows, 1)
        if row[0] == "T0305"
        and (row[at["SecurityID"]], row[at["PositionEffect"]]) == (one[name["HEYDM"]], "O")
        and {"B": "L", "S": "S"}[str(row[at["Side"]])] == one[name["CCFX"]]
        and int(row[at["LastQty"]]) < int(one[name["YE1"]])
    )
    qty, code, side = int(row[at["LastQty"]]), row[at["SecurityID"]], held.rows[number - 1]
    trades = [one for one in archive.trns if one is not row]
    less = [
        (*one[: balance.index("Balance")], int(one[balance.index("Balance")]) - qty,
         *one[balance.index("Balance") + 1 :])
        if (one[4], one[5]) == (code, side[name["CCFX"]]) else one
        for one in archive.hold
    ]  # fmt: skip
    (place / ARCHIVE).write_bytes(ogh.write("12345", trades, less, archive.qtyw))
    change(place / HELD, "op_hycc", number, YE1=int(side[name["YE1"]]) - qty)
    found = settled(plain_day)
    assert found.code == 1
    opened = cases(found.json)
    assert str(code) in opened["not_theirs"]["what"] and opened["not_theirs"]["theirs"] == "无 none"
    case = opened["hold03"]
    assert (case["code"], case["amount"]) == (code, -qty)
    opening = found.json["opening"]
    pairs = zip(before, opening["positions"], strict=True)
    changed = [(old, new) for old, new in pairs if old != new]
    assert [new[3] - old[3] for old, new in changed] == [-qty] and not opening["final"]
    why = ("--reason", "成交被取消 trade bust", "--evidence", place / ARCHIVE)
    entry = ("--adjust", case["item"], "--contract", code, "--amount", -qty)
    made = settled(plain_day, *entry, "--case", case["number"], *why, "--by", "L01").json["done"]
    after = settled(plain_day, "--second", made, "--by", "R01").json
    kinds = {one["kind"]: one["status"] for one in after["cases"]}
    assert kinds["hold03"] == kinds["op_hycc"] == "cleared" and kinds["not_theirs"] == "open"
    assert after["opening"]["positions"] == opening["positions"]
