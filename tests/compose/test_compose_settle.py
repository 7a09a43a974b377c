"""A day settled from its closing files (R-02, I-44, I-45, O-04, S-01): every fault has its name."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compose_world import call, one_line

from quanheng.compose import settle_acts as acts
from quanheng.compose import settle_files, settle_job
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import RunError
from quanheng.compose.settle_job import Job
from quanheng.compose.settle_own import read_own
from quanheng.compose.settle_record import Ledger
from quanheng.edge.isolation import REFUSED
from quanheng.edge.journal_lines import read_lines
from quanheng.settlement.record import Item, Status
from quanheng.settlement.steps import LAST, STEPS
from quanheng.terms.days import midnight
from quanheng.terms.units import DAY as DAY_NANOS
from quanheng.terms.units import HOUR
from quanheng.wire import dbf, ogh, records

DAY = 20240627
ARCHIVE, CASH, HELD = "OGH12345.zip", "op_bzjzhjs345.dbf", "op_hyccjs345.dbf"
CLOSING, DETAIL, MARGIN = "clpr030627.txt", "op_jsmxjs345.dbf", "op_bzjmxjs345.dbf"
CHANGES, TRIAL = "op_ccbdjs345.dbf", "prestlp0320240627.xml"


def files(run: Path) -> Path:
    return run / "files" / str(DAY)


def settled(run: Path, *options: object) -> Any:
    return call("settle", run, *options, "--json")


def cases(found: Any) -> dict[str, dict[str, Any]]:
    """Open cases by their kind; one of each."""
    return {row["kind"]: row for row in found["cases"] if row["status"] == "open"}


def statuses(found: Any) -> dict[str, str]:
    return {row["step"]: row["status"] for row in found["steps"]}


def both_of(run: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Open cases and statuses of one more run of the checklist."""
    found = settled(run).json
    return cases(found), statuses(found)


def change(path: Path, kind: str, row: int, **values: Any) -> None:
    """Other values in one record (from 1) of a DBF table."""
    form = records.layout(kind)
    rows = [list(one) for one in dbf.read(form, path.read_bytes()).rows]
    for name, value in values.items():
        rows[row - 1][form.index(name)] = value
    path.write_bytes(dbf.write(form, [tuple(one) for one in rows], DAY))


def trades_changed(path: Path, edit: Callable[[list[Any]], list[Any]]) -> None:
    """Other T0305 records in the archive; nettings and balances stay."""
    archive = ogh.read("12345", path.read_bytes())
    mine = [row for row in archive.trns if row[0] == "T0305"]
    rest = [row for row in archive.trns if row[0] != "T0305"]
    path.write_bytes(ogh.write("12345", [*edit(mine), *rest], archive.hold, archive.qtyw))


def with_field(row: Any, name: str, value: Any) -> Any:
    at = records.layout("trns03_t0305").index(name)
    return (*row[:at], value, *row[at + 1 :])


@pytest.fixture(autouse=True)
def own_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal does not change here: our own account is read once for each run folder."""
    known: dict[Path, Any] = {}

    def cached(run: Path) -> Any:
        if run not in known or not (run / "journal").exists():
            known[run] = read_own(run)
        return known[run]

    monkeypatch.setattr(settle_job, "read_own", cached)


def test_settle_agrees_and_is_signed_by_two(plain_day: Path) -> None:
    """R-02, O-04: every step agrees with the journal; clearing signs, a second person closes."""
    done = settled(plain_day)
    assert done.code == 0 and done.json["ok"] and not done.json["cases"], done.out
    assert [row["step"] for row in done.json["steps"]] == [step.name for step in STEPS]
    assert {row["status"] for row in done.json["steps"]} == {"ran"}
    facts = done.json["facts"]
    assert facts["trades"]["ours"] == facts["trades"]["theirs"] > 100
    assert facts["netting"]["netted"] > 0 and facts["margin"]["short_contracts"] > 0
    opening = done.json["opening"]
    assert opening["day"] == 20240628 and not opening["final"] and opening["positions"]
    wrong = settled(plain_day, "--sign", LAST, "--by", "R01")
    assert wrong.code == 3 and "signed last" in wrong.err
    assert settled(plain_day, "--sign", "all", "--by", "T01").code == 3  # a trader signs nothing
    assert settled(plain_day, "--sign", "all", "--by", "L01").code == 0
    one_line(call("settle", plain_day, "--sign", LAST, "--by", "L01"), 3, "risk, head")
    last = settled(plain_day, "--sign", LAST, "--by", "R01").json
    assert last["final"] and last["opening"]["final"]
    assert {row["signed_by"] for row in last["steps"]} == {"L01", "R01"}
    again = settled(plain_day).json
    assert again == {**last, "done": ""}  # run once more: nothing changes, nothing is written


def test_settle_shows_the_checklist(plain_day: Path) -> None:
    """Chinese first, English on demand; the run's own figures."""
    text = call("settle", plain_day).out
    for words in ("收文核验", "持仓核对", "保证金核对", "已核对", "核对一致，待签署"):
        assert words in text
    assert "Everything agrees" in call("settle", plain_day, "--lang", "en").out


DAMAGED: list[tuple[str, Callable[[Path], None], str, str, str]] = [
    ("truncated", lambda f: (f / HELD).write_bytes((f / HELD).read_bytes()[:-40]),
     "truncated", HELD, "positions"),
    ("half_archive", lambda f: (f / ARCHIVE).write_bytes((f / ARCHIVE).read_bytes()[:900]),
     "truncated", ARCHIVE, "trades"),
    ("foreign", lambda f: change(f / HELD, "op_hycc", 2, ZQZH="B000000001"),
     "foreign", HELD, "positions"),
    ("foreign_money", lambda f: change(f / DETAIL, "op_jsmx", 1, ZJZH="MM02"),
     "foreign", DETAIL, "cash"),
    ("foreign_unit", lambda f: change(f / HELD, "op_hycc", 1, TGDY="99999"),
     "foreign", HELD, "positions"),
    ("foreign_trade",
     lambda f: trades_changed(f / ARCHIVE, lambda rows: [with_field(rows[0], "Account", "B00001"),
                                                         *rows[1:]]),
     "foreign", "trns0312345.txt", "trades"),
    ("other_day", lambda f: change(f / DETAIL, "op_jsmx", 3, QSRQ=20240626),
     "other_day", DETAIL, "fees"),
    ("other_day_name", lambda f: (f / CLOSING).rename(f / "clpr030626.txt"),
     "other_day", "clpr030626.txt", "margin"),
    ("missing", lambda f: (f / MARGIN).unlink(), "missing", "op_bzjmx", "margin"),
    ("unknown", lambda f: (f / "hold.txt").write_bytes(b"x"), "unknown", "hold.txt", ""),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "kind", "file", "stops"), [row[1:] for row in DAMAGED],
                         ids=[row[0] for row in DAMAGED])  # fmt: skip
def test_settle_names_a_bad_file_and_goes_on(
    plain_day: Path, damage: Callable[[Path], None], kind: str, file: str, stops: str
) -> None:
    """I-15: a bad file is a case with its name, stops only what needs it, and is kept; the file
    sent again clears it.
    """
    good = plain_day.parent / "good"
    shutil.copytree(files(plain_day), good)
    damage(files(plain_day))
    bad = {p.name: p.read_bytes() for p in files(plain_day).iterdir()}
    found, steps = both_of(plain_day)
    assert found[kind]["file"] == file and found[kind]["step"] == "receive", found
    assert steps["receive"] == "differences"
    refused = [one["place"] for one in read_lines(plain_day / REFUSED)]
    assert refused == ([f"settle {file}"] if kind == "foreign" else [])  # T-04, O-06
    if stops:
        assert steps[stops] == steps[LAST] == "todo"
        assert sum(status == "ran" for status in steps.values()) >= 2
    kept = {p.name[17:]: p.read_bytes() for p in (plain_day / "settlement/received").iterdir()}
    assert kept == bad and bad == {p.name: p.read_bytes() for p in files(plain_day).iterdir()}
    shutil.rmtree(files(plain_day))
    shutil.copytree(good, files(plain_day))
    after = settled(plain_day)
    assert after.code == 0, after.out
    assert {row["status"] for row in after.json["cases"]} == {"cleared"}


def test_settle_two_files_of_a_kind(plain_day: Path) -> None:
    """The same file twice is a case and harmless; two that contradict each other stop the step."""
    place = files(plain_day)
    shutil.copy(place / HELD, place / "op_hyccjs345.627")
    found, steps = both_of(plain_day)
    assert list(found) == ["duplicate"] and steps["positions"] == "ran"
    change(place / HELD, "op_hycc", 1, YE1=777)
    found, steps = both_of(plain_day)
    assert "contradictory" in found and steps["positions"] == "todo"


def test_settle_late_file(plain_day: Path) -> None:
    """A file that came after 08:30 of the next day is late: a case, and used all the same."""
    start = midnight(DAY)
    for path in files(plain_day).iterdir():
        os.utime(path, ns=(start, start + 8 * HOUR))
    os.utime(files(plain_day) / CASH, ns=(start, start + DAY_NANOS + 9 * HOUR))
    found, steps = both_of(plain_day)
    assert list(found) == ["late"] and found["late"]["file"] == CASH
    assert steps["cash"] == "ran"
    os.utime(files(plain_day) / CASH, ns=(start, start + 8 * HOUR))
    assert not both_of(plain_day)[0]


def test_settle_names_every_kind_of_difference(plain_day: Path) -> None:
    """Both values, file and record of trades, positions, margin, fees and cash that differ; nothing
    of ours is changed by them.
    """
    place = files(plain_day)
    change(place / CASH, "op_bzjzh", 1, JE1=50_016_272_611)
    form = records.layout("op_bzjmx")
    taken = dbf.read(form, (place / MARGIN).read_bytes()).rows[1]
    change(place / MARGIN, "op_bzjmx", 2, JE2=int(taken[form.index("JE2")]) + 100)
    trades_changed(
        place / ARCHIVE,
        lambda rows: [with_field(rows[0], "Amount", 12_345), with_field(rows[1], "LastQty", 999),
                      rows[3], rows[3], *rows[4:]],
    )  # fmt: skip
    done = settled(plain_day)
    assert done.code == 1
    opened = [row for row in done.json["cases"] if row["status"] == "open"]
    by = {(row["step"], row["kind"]): row for row in opened}
    assert by["trades", "quantity"]["theirs"] == "999" and by["trades", "quantity"]["row"] == 2
    assert by["trades", "not_theirs"]["theirs"] == "无 none"
    assert by["trades", "repeated"]["row"] == 4
    assert by["fees", "handling"]["theirs"] == "123.45" and by["fees", "handling"]["row"] == 1
    assert by["margin", "detail"]["file"] == MARGIN and by["margin", "detail"]["row"] == 2
    assert by["cash", "balance"]["file"] == CASH and by["cash", "balance"]["row"] == 1
    steps = {row["step"]: row["status"] for row in done.json["steps"]}
    assert steps["trades"] == steps["margin"] == "differences" and steps["netting"] == "ran"
    assert not done.json["opening"]["final"] and done.json["opening"]["cases"]
    one_line(call("settle", plain_day, "--sign", "trades", "--by", "L01"), 3, "open cases")


def test_settle_positions_entry_needs_two_and_is_reversible(plain_day: Path) -> None:
    """O-04: an entry with reason, evidence and two people clears the case, is shown ever after and
    can be taken back by one that undoes it.
    """
    place = files(plain_day)
    form = records.layout("op_hycc")
    first = dbf.read(form, (place / HELD).read_bytes()).rows[0]
    code, qty = str(first[form.index("HEYDM")]), int(first[form.index("YE1")])
    side = str(first[form.index("CCFX")])
    item = {"L": "long", "S": "short"}[side]
    archive = ogh.read("12345", (place / ARCHIVE).read_bytes())
    at = records.layout("hold03").index("Balance")
    more = [(*row[:at], int(row[at]) + 2, *row[at + 1 :]) if row[4] == code and row[5] == side
            else row for row in archive.hold]  # fmt: skip
    (place / ARCHIVE).write_bytes(ogh.write("12345", archive.trns, more, archive.qtyw))
    change(place / HELD, "op_hycc", 1, YE1=qty + 2)
    case = both_of(plain_day)[0]["hold03"]
    assert (case["item"], case["code"], case["amount"]) == (item, code, 2)
    entry = ("--adjust", item, "--contract", code, "--amount", "2", "--case", case["number"])
    why = ("--reason", "漏报成交 fill was not reported", "--evidence", place / HELD)
    assert settled(plain_day, *entry, "--by", "L01").code == 3  # no reason, no evidence
    assert settled(plain_day, *entry, *why, "--by", "T01").code == 3
    made = settled(plain_day, *entry, *why, "--by", "L01").json
    number = made["done"]
    assert made["entries"][0]["status"] == "proposed" and "sha256" in made["entries"][0]["evidence"]
    assert "hold03" in cases(made)  # it does not count yet
    assert settled(plain_day, "--second", number, "--by", "L01").code == 3
    counted = settled(plain_day, "--second", number, "--by", "R01").json
    kinds = {row["kind"]: row for row in counted["cases"]}
    assert kinds["hold03"]["status"] == kinds["op_hycc"]["status"] == "cleared"
    assert number in kinds["hold03"]["reason"]
    # The clearing house's own changes still do not lead there: that stays open.
    assert kinds["continuity"]["status"] == "open"
    assert counted["opening"]["entries"][0]["number"] == number
    undo = settled(plain_day, "--reverse", number, *why, "--by", "L01").json["done"]
    assert settled(plain_day, "--reverse", number, *why, "--by", "L01").code == 0
    back = settled(plain_day, "--second", undo, "--by", "H01").json
    assert {row["status"] for row in back["entries"]} == {"reversed", "proposed"}
    assert {row["kind"]: row["status"] for row in back["cases"]}["hold03"] == "open"
    assert len(back["opening"]["entries"]) == 3


def test_settle_money_entry_and_explanation(plain_day: Path) -> None:
    """A cash difference is adjusted in yuan or explained by two; one that changes opens again."""
    path = files(plain_day) / CASH
    form = records.layout("op_bzjzh")
    row = dbf.read(form, path.read_bytes()).rows[0]
    balance = int(row[form.index("JE1")])
    fields = {name: int(row[form.index(name)]) for name in ("JE1", "JE3", "JE4")}
    change(path, "op_bzjzh", 1, **{name: value + 150 for name, value in fields.items()})
    case = both_of(plain_day)[0]["balance"]
    assert (case["item"], case["amount"]) == ("cash", 15_000)
    why = ("--reason", "利息 interest", "--evidence", "对账单 statement of 06-27")
    settled(plain_day, "--explain", case["number"], *why, "--by", "L01")
    assert settled(plain_day, "--second", case["number"], "--by", "L01").code == 3
    told = settled(plain_day, "--second", case["number"], "--by", "R01").json
    assert {row["kind"]: row["status"] for row in told["cases"]}["balance"] == "explained"
    assert {row["step"]: row["status"] for row in told["steps"]}["cash"] == "ran"
    change(path, "op_bzjzh", 1, JE1=balance + 151)
    assert both_of(plain_day)[0]["balance"]["theirs"] != case["theirs"]
    change(path, "op_bzjzh", 1, JE1=balance + 150)
    amount = ("--adjust", "cash", "--amount", "1.50", *why)
    number = settled(plain_day, *amount, "--by", "L01").json["done"]
    final = settled(plain_day, "--second", number, "--by", "H01")
    assert final.code == 0 and not [r for r in final.json["cases"] if r["status"] == "open"]
    job = Job(plain_day)
    assert job.ledger.record.adjusted(Item.CASH) == 15_000
    later = Job(plain_day)
    later.ledger.record.day = 20240628  # what is carried is in the opening already
    assert later.ledger.record.adjusted(Item.CASH) == 0


def folded(folder: Path) -> Any:
    """What a record comes to, without its instants."""
    record = Ledger(folder, DAY).record
    steps = {name: (one.status, one.digest, one.note) for name, one in record.steps.items()}
    held = {key: (one.number, one.status, one.case) for key, one in record.cases.items()}
    return steps, held, record.files


def test_settle_killed_anywhere_ends_the_same(plain_day: Path) -> None:
    """Resumable: the record cut off at any byte is brought to the same state, with the same numbers
    of cases and the same files, by running again.
    """
    place, folder = files(plain_day), plain_day / "settlement"
    change(place / CASH, "op_bzjzh", 1, JE1=1)
    (place / MARGIN).unlink()
    settled(plain_day)
    whole, want = (folder / "record.jsonl").read_bytes(), folded(folder)
    written = {p.name: p.read_bytes() for p in folder.glob("*.csv")}
    assert whole.count(b"\n") > 15
    for cut in range(0, len(whole), len(whole) // 4):
        for path in folder.glob("*.csv"):
            path.unlink()
        (folder / "record.jsonl").write_bytes(whole[:cut])
        settled(plain_day)
        assert folded(folder) == want, cut
        assert {p.name: p.read_bytes() for p in folder.glob("*.csv")} == written


def test_settle_record_is_chained(plain_day: Path) -> None:
    """S-01: a line of the record that was altered or taken out stops the job and is named."""
    settled(plain_day)
    path = plain_day / "settlement/record.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    altered = lines[3].replace(b'"step":"opening"', b'"step":"trades"')
    assert altered != lines[3]
    for bad, number in (
        ([*lines[:3], altered, *lines[4:]], 5),
        ([*lines[:3], *lines[4:]], 4),
    ):
        path.write_bytes(b"".join(bad))
        one_line(call("settle", plain_day), 3, f"record.jsonl line {number}", "does not follow")


def test_settle_two_at_once(plain_day: Path) -> None:
    """A job that read the record before another one went on adds nothing to it."""
    settled(plain_day)
    first, second = Job(plain_day), Job(plain_day)
    acts.sign(first, "cash", "L01", read_people(None))
    with pytest.raises(RunError, match="somebody else has settled on"):
        acts.sign(second, "trades", "L01", read_people(None))
    assert Job(plain_day).ledger.record.steps["cash"].signed_by == "L01"


def test_settle_signature_falls_with_what_it_stood_for(plain_day: Path) -> None:
    """A step that runs again with another outcome is no longer signed."""
    signed = settled(plain_day, "--sign", "all", "--by", "L01").json
    assert statuses(signed)["cash"] == Status.SIGNED
    change(files(plain_day) / CASH, "op_bzjzh", 1, JE1=1)
    _, steps = both_of(plain_day)
    assert steps["cash"] == Status.DIFFERENCES and steps["trades"] == Status.SIGNED


def test_settle_usage(plain_day: Path, tmp_path: Path) -> None:
    """Clear refusals: a cut journal, no folder, two things at once, nobody named."""
    one_line(call("settle", tmp_path / "none"), 3, "none", "run.json")
    run = plain_day
    one_line(call("settle", run, "--received", tmp_path / "no"), 3, "not a folder")
    one_line(call("settle", run, "--plan", "--sign", "all"), 2, "one thing at a time")
    one_line(call("settle", run, "--sign", "all"), 2, "--by")
    one_line(call("settle", run, "--previous", tmp_path), 3, "settle the day before first")
    with pytest.raises(RunError, match="not a folder"):
        settle_files.Intake(tmp_path / "no", DAY, Job(run).own)
    shutil.rmtree(run / "journal")
    one_line(call("settle", run), 3, "--journal full")
