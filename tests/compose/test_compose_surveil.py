"""Surveillance of a simulated run: silence on a clean day, cases, reviews, reports (S-03, S-01)."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from compose_world import Run, call, one_line

from quanheng.compose import surveil_cases as register
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import RunError
from quanheng.compose.surveil_file import SHIPPED, bans_on, read_rules
from quanheng.compose.surveil_source import named_evidence, records_of
from quanheng.config import ConfigError
from quanheng.duties.tables import Dataset, Text, text_column
from quanheng.edge.dataset_files import read_dataset, write_dataset
from quanheng.oversight.surveillance import (
    ORDER,
    T_AT,
    T_BUYER,
    T_SELLER,
    T_SLOT,
    Party,
    place,
)
from quanheng.oversight.surveillance_patterns import look
from quanheng.terms.days import from_clock

RULES = (Path(read_rules.__code__.co_filename).parents[1] / SHIPPED).read_text(encoding="utf-8")
MORE = """
[[accounts]]
name = "ZY01"
group = "firm"
role = "proprietary"
own = true
"""


def copied(day_run: Run, tmp_path: Path) -> Path:
    run = tmp_path / "run"
    shutil.copytree(day_run.folder, run, ignore=shutil.ignore_patterns("journal", "snap"))
    return run


def with_self_trades(run: Path, count: int) -> None:
    """Our maker becomes the other side of some of its own trades in the run's dataset."""
    dataset = read_dataset(run / "dataset")
    trades = dict(dataset.tables["trades"])
    buyer, seller = trades["buyer"], trades["seller"]
    assert isinstance(buyer, Text) and isinstance(seller, Text)
    word = buyer.words.index("MM01")
    rows = np.flatnonzero(buyer.codes == word)[:count]
    codes = seller.codes.copy()
    words = seller.words if "MM01" in seller.words else (*seller.words, "MM01")
    codes[rows] = words.index("MM01")
    trades["seller"] = Text(codes, words)
    shutil.rmtree(run / "dataset")
    write_dataset(run / "dataset", Dataset({**dataset.tables, "trades": trades}))


@pytest.fixture(scope="module")
def dirty(day_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with self-trades of our maker; tests work on copies."""
    run = copied(day_run, tmp_path_factory.mktemp("dirty"))
    with_self_trades(run, 3)
    return run


def again(dirty: Path, tmp_path: Path) -> Path:
    run = tmp_path / "run"
    shutil.copytree(dirty, run)
    return run


def test_compose_surveil_is_silent_on_a_clean_day(day_run: Run, tmp_path: Path) -> None:
    """The stated rate (docs/surveillance.md): a clean simulated day has no case in either view."""
    run = copied(day_run, tmp_path)
    for view, patterns in (("exchange", 13), ("compliance", 11)):
        done = call("surveil", run, "--view", view, "--json")
        assert done.code == 0, done.out
        assert done.json["cases"] == [] and len(done.json["patterns"]) == patterns
    shown = call("surveil", run)
    assert "0 案" in shown.out and "交易监察" in shown.out
    assert "0 cases" in call("surveil", run, "--lang", "en").out


def test_compose_surveil_reads_the_whole_day(day_run: Run) -> None:
    """Trades, makers' sides, own persons: the records are the run's, not an empty table."""
    records = records_of(day_run.folder, read_rules())
    names = [party.name for party in records.parties]
    assert "MM01" in names and "CM01" in names
    table = read_dataset(day_run.folder / "dataset").tables["trades"]
    assert len(records.trades) == len(table["day"]) > 1_000
    mine = records.trades[:, [T_BUYER, T_SELLER]] == names.index("MM01")
    assert len(records.persons) == int(mine.sum()) > 50
    assert records.orders.shape[1] == ORDER and len(records.orders) > 1_000
    lots, filled = records.orders[:, 6], records.orders[:, 7]
    assert (lots > 0).all() and (filled >= 0).all() and filled.any()
    stands = records.orders[:, 4] == 0
    assert (records.orders[~stands, 4] > records.orders[~stands, 3]).all()
    both = (records.bid > 0) & (records.ask > 0)
    # Best quotes of several makers may touch in a jump; mostly they do not.
    assert both.any() and (records.ask >= records.bid)[both].mean() > 0.95


def test_compose_surveil_finds_what_is_put_into_a_real_market(day_run: Run) -> None:
    """Among the crowd's own quotes and trades: layering, stuffing and benefit are found, each named
    with its account and contract, and nothing else is.
    """
    records = records_of(day_run.folder, read_rules())
    names = [party.name for party in records.parties]
    liar, busy, maker, friend = (
        names.index("CM03"),
        names.index("CM05"),
        names.index("MM01"),
        len(names),
    )
    slot = int(records.trades[len(records.trades) // 2, T_SLOT])
    start, second = from_clock("09:31"), 10**9
    usual = records.orders[records.orders[:, 0] == liar, 6].max()
    orders, trades = [], []
    for number in range(6):
        at = start + number * 60 * second
        orders.append((liar, slot, 1, at, at + 5 * second, 900, 4 * usual, 0))
        trades.append((slot, at + 2 * second, 900, 3, -1, liar, at + 2 * second, at))
    orders += [(busy, slot, 1, start + n, start + n + 10**6, 900, 10, 0) for n in range(25)]
    for number in range(10):
        at = start + (90 + number * 20) * second
        middle = int(records.bid[slot, place(at)] + records.ask[slot, place(at)]) // 2
        trades.append((slot, at, middle // 2, 20, friend, maker, at, at - second))
    rows = np.vstack([records.trades, np.array(trades)])
    order = np.argsort(rows[:, T_AT], kind="stable")
    ids = np.arange(1, len(rows) + 1)
    changed = msgspec.structs.replace(
        records,
        parties=(*records.parties, Party("GL01", "friends", "related")),
        trades=rows[order],
        trade_ids=ids[order],
        orders=np.vstack([records.orders, np.array(orders)]),
    )
    found = look(changed, "exchange", read_rules().patterns)
    kinds = {(one.pattern, one.who) for one in found}
    code = records.contracts[slot].code
    assert kinds == {("layering", ("CM03",)), ("conduct", ("CM05",)), ("benefit", ("MM01", "GL01"))}
    assert {one.scope for one in found} == {code}
    (benefit,) = [one for one in found if one.pattern == "benefit"]
    assert {int(name.removeprefix("trades#")) for name in benefit.evidence} <= set(
        ids[len(records.trades) :].tolist()
    )


def test_compose_surveil_takes_own_deals_in_the_underlying(day_run: Run, tmp_path: Path) -> None:
    """A hedge in deals.csv is a deal of our maker; evidence tells its time as a clock does."""
    run = copied(day_run, tmp_path)
    table = run / "reports" / "deals.csv"
    line = "09:40:00.500,510050,sell,open,2.4450,1000,2445.0000,H001,T01,hedge,1\n"
    table.write_text(table.read_text(encoding="utf-8") + line, encoding="utf-8")
    records = records_of(run, read_rules())
    seat = [party.name for party in records.parties].index("MM01")
    at = from_clock("09:40") + 500_000_000
    assert records.deals.tolist() == [[seat, 0, at, -1, 24_450, 1_000, 24_450_000]]
    assert records.persons[-1].person == "T01" and records.persons[-1].slot == -1
    names = (f"deal MM01 510050 @{at}", "trades#-7", "trades#7")
    told = ["deal MM01 510050 @09:40:00.500", "book line 7", "trades#7"]
    assert named_evidence(names, 20240627) == told


def test_compose_surveil_single_orders_take_the_place_of_quotes(
    day_run: Run, tmp_path: Path
) -> None:
    """Table `orders` of the dataset: entered, what is left, gone; fills by the time of entry."""
    run = copied(day_run, tmp_path)
    dataset = read_dataset(run / "dataset")
    trades = dataset.tables["trades"]
    before = records_of(run, read_rules())
    seat = [party.name for party in before.parties].index("MM01")
    row = next(n for n in range(len(trades["day"])) if trades["buyer"][n] == "MM01")
    code, entered = trades["contract"][row], int(trades["buy_order_at"][row])
    filled = sum(
        int(trades["qty"][n])
        for n in range(len(trades["day"]))
        if (trades["buyer"][n], trades["contract"][n]) == ("MM01", code)
        and int(trades["buy_order_at"][n]) == entered
    )
    numbers = {"day": [20240627] * 3, "at": [entered, entered + 1, entered + 5],
               "price": [900] * 3, "qty": [70, 60, 0]}  # fmt: skip
    words = {"maker": "MM01", "contract": code, "order": "X1", "side": "B"}
    table = {name: np.array(value, dtype=np.int64) for name, value in numbers.items()}
    texts = {name: text_column([word] * 3) for name, word in words.items()}
    shutil.rmtree(run / "dataset")
    write_dataset(run / "dataset", Dataset({**dataset.tables, "orders": {**table, **texts}}))
    after = records_of(run, read_rules())
    slot = [one.code for one in after.contracts].index(code)
    mine = after.orders[(after.orders[:, 0] == seat) & (after.orders[:, 1] == slot)]
    assert mine.tolist() == [[seat, slot, 1, entered, entered + 5, 900, 70, filled]]
    gone = (before.orders[:, 0] == seat) & (before.orders[:, 1] == slot)
    assert len(after.orders) == len(before.orders) - int(gone.sum()) + 1


def test_compose_surveil_case_is_found_reviewed_and_kept(dirty: Path, tmp_path: Path) -> None:
    """Found and open: exit 1; a second look finds the same case; confirmed by compliance: exit 0;
    the report in both forms names evidence and review.
    """
    run = again(dirty, tmp_path)
    done = call("surveil", run, "--json")
    assert done.code == 1
    cases = done.json["cases"]
    assert cases and {case["finding"]["pattern"] for case in cases} == {"self_trade"}
    assert all(case["finding"]["who"] == ["MM01"] for case in cases)
    place = run / register.REGISTER
    size = place.stat().st_size
    assert call("surveil", run).code == 1 and place.stat().st_size == size
    for number in (case["number"] for case in cases):
        told = call("surveil", run, "--confirm", number, "--by", "C01", "--reason", "核对委托流水")
        assert told.code == 0 and number in told.out, told
    out = tmp_path / "report.md"
    done = call("surveil", run, "--out", out, "--json")
    assert done.code == 0 and [Path(one).suffix for one in done.json["files"]] == [".md", ".xlsx"]
    text = out.read_text(encoding="utf-8")
    assert "自成交" in text and "trades#" in text and "C01：核对委托流水" in text
    assert (tmp_path / "report.xlsx").read_bytes()[:2] == b"PK"
    acts = [entry.act for entry in register.entries(place)]
    assert acts.count("found") == len(cases) and acts[-1] in ("confirm", "dismiss")


def test_compose_surveil_reviews_are_refused(dirty: Path, tmp_path: Path) -> None:
    """Only compliance, with a reason, on a case that is open; each refusal is one line."""
    run = again(dirty, tmp_path)
    number = call("surveil", run, "--json").json["cases"][0]["number"]
    done = ("surveil", run, "--confirm", number)
    one_line(call(*done, "--by", "T01", "--reason", "x"), 3, "T01", "compliance")
    one_line(call(*done, "--by", "C01", "--reason", " "), 3, "needs a reason")
    one_line(call("surveil", run, "--dismiss", "SV1", "--by", "C01", "--reason", "x"), 3, "SV1")
    reopen = ("surveil", run, "--reopen", number, "--by", "C01", "--reason", "x")
    one_line(call(*reopen), 3, "is open; it takes no reopen")
    assert call(*done, "--by", "C01", "--reason", "x").code == 0
    one_line(call(*done, "--by", "C01", "--reason", "x"), 3, "is confirmed; it takes no confirm")
    assert call(*reopen).code == 0 and call("surveil", run).code == 1
    one_line(call(*done, "--dismiss", number), 2, "one of --confirm")
    one_line(call("surveil", run, "--by", "C01"), 2, "need --confirm")


def reviewed(run: Path, *acts: str) -> tuple[Path, str]:
    """A run's register after these reviews of its first case, and the case's number."""
    place, found = run / register.REGISTER, call("surveil", run, "--json").json["cases"]
    for act in acts:
        register.review(place, found[0]["number"], act, "C01", "严重 serious", read_people())
    return place, str(found[0]["number"])


@pytest.mark.parametrize("damage", ["change", "drop"])
def test_compose_surveil_register_that_was_touched_is_refused(
    dirty: Path, tmp_path: Path, damage: str
) -> None:
    """S-01: a line changed or taken out is named; nothing is added behind it."""
    run = again(dirty, tmp_path)
    place, number = reviewed(run, "confirm", "reopen", "dismiss")
    lines = place.read_bytes().splitlines(keepends=True)
    if damage == "change":
        lines[-2] = lines[-2].replace(b"serious", b"trivial")
    elif damage == "drop":
        del lines[-2]
    place.write_bytes(b"".join(lines))
    one_line(call("surveil", run), 3, str(place))
    with pytest.raises(RunError, match="line"):
        register.review(place, number, "reopen", "C01", "x", read_people())


def test_f01_a_torn_review_was_told_to_nobody(dirty: Path, tmp_path: Path) -> None:
    """A crash in the middle of a review: the case stands as before, and takes the review again."""
    place, number = reviewed(again(dirty, tmp_path), "confirm", "reopen", "dismiss")
    place.write_bytes(place.read_bytes()[:-5])
    assert register.cases(place)[number].status == register.OPEN
    register.review(place, number, "dismiss", "C01", "again", read_people())
    assert register.cases(place)[number].reason == "again"


def test_compose_surveil_counts_false_positives(dirty: Path, tmp_path: Path) -> None:
    """How often a pattern cried wolf."""
    run = again(dirty, tmp_path)
    numbers = [case["number"] for case in call("surveil", run, "--json").json["cases"]]
    place = run / register.REGISTER
    register.review(place, numbers[0], "dismiss", "C01", "测试账户", read_people())
    known = register.cases(place)
    assert register.rates(known.values()) == {"self_trade": (len(numbers), 1, 1)}
    assert register.number_of(20240627, "exchange", known[numbers[0]].finding) == numbers[0]


def test_compose_surveil_compares_with_the_proprietary_book(day_run: Run, tmp_path: Path) -> None:
    """Coordination (O-06): the proprietary book of a file, on our maker's side span after span, is
    found by compliance; the exchange's view does not look for it.
    """
    run = copied(day_run, tmp_path)
    rules = tmp_path / "rules.toml"
    tight = RULES.replace("windows = 6", "windows = 2").replace("yuan = 100000 ", "yuan = 1000 ")
    rules.write_text(tight.replace("window_s = 300", "window_s = 120") + MORE, encoding="utf-8")
    records = records_of(run, read_rules(rules))
    seat = [party.name for party in records.parties].index("MM01")
    rows = ["account,at,contract,side,price,qty"]
    for row in records.trades.tolist():
        if seat in (row[T_BUYER], row[T_SELLER]) and row[1] >= from_clock("09:31"):
            side = "buy" if row[T_BUYER] == seat else "sell"
            seconds = row[1] // 10**9
            clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            code = records.contracts[row[0]].code
            rows.append(f"ZY01,{clock},{code},{side},{row[2] / 10_000:.4f},{row[3]}")
    rows.append("ZY01,09:33:00,510050,buy,2.5000,1000")
    book = tmp_path / "book.csv"
    book.write_text("\n".join(rows) + "\n", encoding="utf-8")
    asked = ("surveil", run, "--rules", rules, "--book", book, "--json")
    done = call(*asked, "--view", "compliance")
    found = [case["finding"] for case in done.json["cases"]]
    mine = [one for one in found if one["pattern"] == "coordination"]
    assert done.code == 1 and mine and all(set(one["who"]) == {"MM01", "ZY01"} for one in mine)
    other = call(*asked).json["cases"]
    assert not [case for case in other if case["finding"]["pattern"] == "coordination"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("XX01,10:00:00,510050,buy,1,1", "line 2: account 'XX01'"),
        ("MM01,25:00:00,510050,buy,1,1", "line 2"),
        ("MM01,10:00:00,999999,buy,1,1", "'999999' is neither"),
        ("MM01,10:00:00,510050,hold,1,1", "side 'hold'"),
        ("MM01,10:00:00,510050,buy,one,1", "'one' is not an amount"),
        ("MM01,10:00:00,510050,buy,1.00001,1", "four decimals"),
        ("MM01,10:00:00,510050,buy,1,0", "qty 0"),
    ],
)
def test_compose_surveil_book_names_the_line(
    day_run: Run, tmp_path: Path, line: str, why: str
) -> None:
    book = tmp_path / "book.csv"
    book.write_text("account,at,contract,side,price,qty\n" + line + "\n", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        records_of(day_run.folder, read_rules(), book=book)
    assert why in str(caught.value) and str(book) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("severity = 3\ntrades = 1", "trades = 1", "patterns.restricted.severity is missing"),
        ('role = "maker"', 'role = "king"', "accounts[0].role"),
        ("[patterns.benefit]", "[patterns.gift]", "patterns.gift"),
        ('group = "firm"', 'group = ""', "accounts[0]: name and group"),
        ("[[accounts]]", MORE + MORE + "[[accounts]]", "stands twice"),
    ],
)
def test_compose_surveil_rules_name_what_is_wrong(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    place = tmp_path / "r.toml"
    assert old in RULES
    place.write_text(RULES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_rules(place)
    assert why in str(caught.value) and str(place) in str(caught.value)


def test_compose_surveil_restricted_periods_are_cut_to_the_day(tmp_path: Path) -> None:
    """Periods over days; one that ends before it begins, or names nobody, is refused."""
    ban = """
[[restricted]]
underlying = "510050"
accounts = ["MM01"]
since = "2024-06-26 09:30"
until = "2024-06-27 10:00"
reason = "分红未公告"
"""
    place = tmp_path / "r.toml"
    place.write_text(RULES + ban, encoding="utf-8")
    rules = read_rules(place)
    (found,) = bans_on(rules, 20240627)
    assert (found.since, found.until) == (0, from_clock("10:00"))
    assert bans_on(rules, 20240628) == ()
    for old, new, why in (
        ("2024-06-27 10:00", "2024-06-26 09:00", "before it begins"),
        ('accounts = ["MM01"]\n', "", "neither accounts nor persons"),
        ("2024-06-26 09:30", "2024-06-26", "restricted[0]"),
    ):
        place.write_text(RULES + ban.replace(old, new), encoding="utf-8")
        with pytest.raises(ConfigError, match=r"restricted\[0\]") as caught:
            read_rules(place)
        assert why in str(caught.value)


def test_compose_surveil_sources_are_checked(day_run: Run, tmp_path: Path) -> None:
    """A run has its own day, a dataset needs one, and a folder that is neither is named."""
    one_line(call("surveil", day_run.folder, "--day", "2024-06-27"), 3, "--day")
    one_line(call("surveil", tmp_path), 3, "--day")
    one_line(call("surveil", tmp_path, "--day", "june"), 2, "--day")
    folder = tmp_path / "data"
    shutil.copytree(day_run.folder / "dataset", folder)
    done = call("surveil", folder, "--day", "2024-06-27", "--json")
    assert done.code == 0 and done.json["day"] == 20240627
    one_line(call("surveil", folder, "--day", "2024-06-28"), 3, "2024")
