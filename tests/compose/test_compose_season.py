"""Seasons: what crosses days, what is conserved, and what a kill cannot change (T-01, T-02)."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from compose_world import call, one_line
from season_world import jump, run_day

from quanheng.clearing import messages as clear
from quanheng.compose import carrying, etf_desk
from quanheng.compose.closing import DayResult
from quanheng.compose.day import DayPlan, World
from quanheng.compose.notices import closings_without_notice
from quanheng.compose.reference import load as load_reference
from quanheng.compose.reference import read_master
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.exchange import listing
from quanheng.kernels.pack import unpack
from quanheng.settlement import carry
from quanheng.terms.codes import Alert, Side, TradingState
from quanheng.terms.orders import Trade
from quanheng.wire.notices import Notice, read, write

TINY = ("--contracts", 2, "--until", "09:31", "--scenario", "calm")
SEASON = """
name = "short"
words = { zh = "短", en = "short" }
scenario = "calm"

[[day]]
day = "2024-06-28"
scenario = "crash"

[[dividend]]
ex_day = "2024-07-01"
underlying = "510050"
cash = "0.055"
"""


def held_of(account: carry.CarriedAccount) -> dict[str, tuple[int, int]]:
    return {one.code: (one.long, one.short) for one in account.held}


def test_season_day_opens_with_what_the_last_one_left(first: DayResult) -> None:
    """borders.md 3: positions, cash, prices and open interest of every account carry over."""
    made = carry.decode(carry.encode(first.carry), "carry")
    assert made == first.carry and (made.day, made.made_on, made.days) == (20240628, 20240627, 1)
    world = World(
        DayPlan(scenario=load("calm"), config=read_config(), day=made.day, pick="12", opening=made)
    )
    opened = world.openings.venue()
    chain = world.reference.chain
    assert set(made.traded) <= {row.code for row in chain.contracts}
    by_name = {account.name: account for account in made.accounts}
    assert list(by_name) == ["MM01", *carrying.public_names([f"CM0{n}" for n in range(1, 7)])]
    ours = by_name["MM01"]
    assert ours.held and not ours.public
    assert opened.members[0].cash == world.openings.maker().cash == ours.cash
    slots = {row.code: slot for slot, row in enumerate(chain.contracts)}
    for standing, name in zip(opened.crowd, list(by_name)[1:], strict=True):
        assert standing.cash == by_name[name].cash
        long = unpack(standing.long, len(slots)).reshape(-1)
        short = unpack(standing.short, len(slots)).reshape(-1)
        for code, (longs, shorts) in held_of(by_name[name]).items():
            assert (long[slots[code]], short[slots[code]]) == (longs, shorts)
        assert long.sum() == sum(one.long for one in by_name[name].held)
    settles = {one.code: one.settle for one in made.contracts}
    for row in chain.contracts:
        if row.code in settles:
            assert row.previous_settle == settles[row.code]
    closes = {one.underlying: one.close for one in made.classes}
    assert chain.contracts[0].underlying_close == closes["510050"]


def test_season_carry_finds_what_does_not_add_up(first: DayResult) -> None:
    """T-01: each conservation count can fail."""
    made = first.carry
    assert not any(carry.violations(made).values())
    ours, *others = made.accounts
    richer = msgspec.structs.replace(ours, cash=ours.cash + 1)
    held = [msgspec.structs.replace(one, long=one.long + 1) for one in ours.held[:1]]
    longer = msgspec.structs.replace(ours, held=(*held, *ours.held[1:]))
    stocked = msgspec.structs.replace(ours, units=(("510050", 1),))
    for bad, name in ((richer, "money"), (longer, "positions"), (stocked, "units")):
        broken = msgspec.structs.replace(made, accounts=(bad, *others))
        assert [key for key, count in carry.violations(broken).items() if count] == [name]
    moved = msgspec.structs.replace(made, moves=(carry.CarriedMove("MM01", "510050", 1, 0),))
    assert carry.violations(moved)["moves"] == 1


def test_season_expiry_exercises_and_delivers(first: DayResult) -> None:
    """rules.md 5: assignment on E, delivery on E+1; units, cash and fees of all accounts add up."""
    opening = jump(first.carry, 20240724)
    world, expiry = run_day(20240724, opening)
    said = {type(effect): effect for effect in world.cleared}
    exercised = said[clear.Exercised]
    assert isinstance(exercised, clear.Exercised)
    accepted = unpack(exercised.accepted, clear.CLAIM_COLUMNS)
    assigned = unpack(exercised.assigned, clear.ASSIGNED_COLUMNS)
    assert len(accepted) and accepted[:, 2].sum() == assigned[:, 2].sum()
    made = expiry.carry
    assert made.moves and not made.contracts and expiry.roll.expired
    assert all(not account.held for account in made.accounts)
    close = world.underlying_closes[0]
    chain = world.reference.chain
    for slot in set(accepted[:, 1].tolist()):
        row = chain.contracts[slot]
        assert (close > row.strike) if row.is_call else (close < row.strike)
    # Investors forget a part, so some short is left unassigned.
    inside = [s for s, r in enumerate(chain.contracts) if r.is_call and r.strike < close]
    longs = sum(int(world.venue.state.acct[1:, 0, slot].sum()) for slot in inside)
    assert 0 < sum(int(q) for _, s, q, _ in accepted.tolist() if s in inside) < longs
    before = {account.name: account for account in made.accounts}
    world, delivered = run_day(20240725, made)
    after = {account.name: account for account in delivered.carry.accounts}
    total = dict(delivered.carry.bought).get("510050", 0)
    bought = total - dict(made.bought).get("510050", 0)

    def units(account: carry.CarriedAccount) -> int:
        return dict(account.units).get("510050", 0)

    moved = {}
    for move in made.moves:
        stock = units(after[move.account]) - units(before[move.account])
        # Ours buys what its short calls take, as far as the morning lets it, delivers what there is
        # and pays for the rest; the crowd is never short of units.
        more = bought if move.account == "MM01" else 0
        moved[move.account] = stock - more
        if move.units < 0:
            least = -units(before["MM01"]) - more if move.account == "MM01" else move.units
            assert stock - more == max(move.units, least)
        else:
            assert 0 <= stock - more <= move.units
    assert sum(moved.values()) == 0
    assert sum(units(one) for one in after.values()) == total
    assert not delivered.carry.moves
    listed = {row.last_day for row in world.reference.whole.contracts}
    assert listed == {20240828, 20240925, 20241225, 20250326}


def test_season_buys_what_it_delivers_and_sells_what_it_got(first: DayResult) -> None:
    """rules.md 5: an assigned writer buys on E+1 and delivers; units delivered are sold later."""
    opening = jump(first.carry, 20240701)
    price = 24_000
    moves = (
        carry.CarriedMove("MM01", "510050", -50_800, 50_800 * price),
        carry.CarriedMove("RETAIL", "510050", 50_800, -50_800 * price),
    )
    opening = msgspec.structs.replace(opening, moves=moves)
    world, day = run_day(20240701, opening)
    (made,) = [e for e in world.cleared if isinstance(e, clear.DeliveriesMade)]
    rows = unpack(made.rows, clear.DELIVERED_COLUMNS).tolist()
    assert rows[0][2:] == [-50_800, 50_800 * price, 0]
    assert day.carry.bought == (("510050", 50_800),)
    ours = day.carry.accounts[0]
    assert dict(ours.units) == {"510050": 0}
    # The next day brings units; the day after that they are sold, and all of them.
    rich = msgspec.structs.replace(ours, units=(("510050", 50_800),))
    stocked = msgspec.structs.replace(
        day.carry,
        accounts=(rich, *day.carry.accounts[1:]),
        bought=(("510050", 101_600),),
    )
    world, later = run_day(day.carry.day, stocked)
    assert later.carry.bought == (("510050", 50_800),)
    assert dict(later.carry.accounts[0].units) == {"510050": 0}
    assert later.carry.brought != stocked.brought


def test_season_puts_in_the_money_find_their_units(first: DayResult) -> None:
    """rules.md 5: a put needs free units: they are bought on E, within half of the cash."""
    opening = jump(first.carry, 20240724)
    whole = read_master("carry", opening.master, opening.day)
    inside = next(
        row
        for row in sorted(whole.contracts, key=lambda row: -row.strike)
        if row.code in opening.traded and not row.is_call and row.strike > row.underlying_close
    )
    mine = msgspec.structs.replace(opening.accounts[0], held=(carry.Held(inside.code, 5, 0, 0),))
    closes = [whole.contracts[klass.start].underlying_close for klass in whole.classes]
    desk = etf_desk.planned(opening, mine, whole, closes)
    assert desk is not None
    assert etf_desk.puts_to_exercise(whole, mine) == {"510050": 5 * inside.unit}
    assert desk.wanted == (-(-5 * inside.unit // 100) * 100, 0, 0, 0, 0)
    # With next to no cash only a part is bought, and never on credit.
    poor = msgspec.structs.replace(mine, cash=desk.cash)
    less = etf_desk.planned(opening, poor, whole, closes)
    assert less is not None and 0 < less.wanted[0] < desk.wanted[0]
    assert less.cash <= poor.cash // 2


def test_season_ex_date_adjusts_positions_in_place(first: DayResult) -> None:
    """rules.md 1.6: codes and contracts held stay, terms change, standard contracts come anew."""
    world, day = run_day(20240628, first.carry, listing.ExRight("510050", 550))
    before = {row.code: row for row in world.reference.chain.contracts}
    after = {row.code: row for row in read_master("x", day.carry.master, 20240701).contracts}
    held = held_of(day.carry.accounts[0])
    assert held
    close = world.underlying_closes[0]
    for code in held:
        assert after[code].unit > before[code].unit and after[code].adjusted
        assert after[code].underlying_close == (close - 550 + 5) // 10 * 10
    world, later = run_day(20240701, day.carry)
    assert any(row.adjusted for row in world.reference.chain.contracts)
    assert any(not row.adjusted for row in world.reference.chain.contracts)
    assert set(held) <= {row.code for row in world.reference.chain.contracts}
    assert later.carry.brought == day.carry.brought  # nobody held units of the fund yet


def test_season_smiles_move_together(first: DayResult) -> None:
    """An expiry that nobody trades follows the nearest that is traded, by the root of time."""
    made = first.carry
    before = {
        (item.underlying, face.last_day): face.atm
        for item in load_reference().surface.klass
        for face in item.expiry
    }
    after = {(one.underlying, one.last_day): one.atm for one in made.smiles}
    near, far = ("510050", 20240724), ("510050", 20240925)
    move, follows = after[near] - before[near], after[far] - before[far]
    assert move != 0
    # 27 and 90 calendar days: the root of their ratio is 0.547.
    assert abs(follows - 0.547 * move) <= 2
    # A class that was not traded at all stays.
    assert after["510300", 20240724] == before["510300", 20240724]


def test_season_margin_call_is_closed_by_force(first: DayResult) -> None:
    """rules.md 3.5: called on T, from 13:00 of T+1 the exchange closes under its own prefix; the
    maker, the venue and clearing still agree to the last number.
    """
    ours, *others = first.carry.accounts
    assert any(one.short for one in ours.held)
    taken = ours.cash - 10_000
    poor = msgspec.structs.replace(ours, cash=10_000, deficit=1)
    called = Notice(kind="P01", day=20240627, account="A1", amount=1, due=20240628)
    opening = msgspec.structs.replace(
        first.carry,
        accounts=(poor, *others),
        brought=first.carry.brought - taken,
        notices=write((called,), 20240627),
    )
    world, day = run_day(20240628, opening, until="13:06")
    forced = [
        report.body
        for reports in world.line.stored()
        for report in reports
        if isinstance(report.body, Trade) and report.body.client_id.startswith("QP1")
    ]
    assert forced and all(fill.side == Side.BUY for fill in forced)
    assert {alert.code for _, name, alert in world.alerts if name == "venue"} >= {Alert.MARGIN_HIGH}
    assert world.maker.state.audit.foreign == 0
    left = held_of(day.carry.accounts[0])
    before = held_of(ours)
    closed = {fill.contract for fill in forced}
    # I-45: the evening's notices say what was closed; a closing nobody was told of is counted.
    told = [one for one in day.notices if one.kind == "P03"]
    assert {one.contract: one.qty for one in told} == {
        code: sum(fill.qty for fill in forced if fill.contract == code) for code in closed
    }
    assert read(day.carry.notices) == (list(day.notices), [])
    # I-46: the notice was another account's, so the overseer cannot explain the closing: the book
    # is HALTED through the firm's authority, and the evidence names every forced order.
    cases = world.oversight.machine.state.cases.values()
    stray = [one for one in cases if one.name == "unexplained_fill"]
    named = " ".join(text for one in stray for text in one.evidence)
    assert stray and all(fill.client_id in named for fill in forced)
    assert world.maker.state.scopes.states["*"] == TradingState.HALTED
    untold = msgspec.structs.replace(opening, notices=b"")
    world.plan = msgspec.structs.replace(world.plan, opening=untold)
    assert closings_without_notice(world) == sum(fill.qty for fill in forced)
    assert all(left.get(code, (0, 0))[1] < before[code][1] for code in closed)


def test_season_bars_are_turned_and_mirrored() -> None:
    """Days of a season differ: the real day's moves come in another order and direction."""
    bars = load_reference().bars
    found = {carrying.turned(bars, seed) for seed in range(40)}
    assert len(found) > 20
    moves = sorted(abs(b - a) for (_, b), (_, a) in zip(bars, ((0, 0), *bars), strict=False))
    for one in found:
        assert [at for at, _ in one] == [at for at, _ in bars]
        own = sorted(abs(b - a) for (_, b), (_, a) in zip(one, ((0, 0), *one), strict=False))
        assert own == moves


def test_season_resumes_after_a_kill_with_the_same_digest(tmp_path: Path) -> None:
    """A real SIGKILL in the middle: the next call goes on and ends as the uninterrupted one."""
    options = ["season", "--days", "4", *map(str, TINY)]
    whole = call(*options, "--out", tmp_path / "whole", "--json")
    assert whole.code == 0, whole.err
    assert whole.json["resumed"] == 0 and len(whole.json["days"]) == 4
    out = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-m", "quanheng", *options, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    done = out / "season-20240627-s1" / "days"
    for _ in range(1_200):
        if done.exists() and list(done.glob("*.json")):
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    assert child.wait(timeout=60) == -signal.SIGKILL
    complete = len(list(done.glob("*.json")))
    assert 1 <= complete < 4
    again = call(*options, "--out", out, "--json")
    assert again.json["digest"] == whole.json["digest"]
    assert again.json["resumed"] == complete
    # A carry that was damaged is made again, and everything after it.
    (out / "season-20240627-s1" / "carry" / "20240628.msgpack").write_bytes(b"")
    repaired = call(*options, "--out", out, "--json")
    assert repaired.json["digest"] == whole.json["digest"] and repaired.json["resumed"] == 3
    text = call(*options, "--out", out)
    assert text.out.splitlines()[-1] == f"digest {whole.json['digest']}"
    assert "4 of them from before" in text.out
    # What is conserved over the season is printed from the sums themselves (T-02).
    sums = whole.json["totals"]
    assert sums["cash"] + sums["fees"] == sums["brought"] and sums["fees"] > 0
    assert sums["long"] == sums["short"] == sums["open_interest"] > 0
    (line,) = [line for line in text.out.splitlines() if line.startswith("conservation")]
    assert f"{sums['cash']:,}" in line and "!=" not in line
    assert whole.json["rehearsal"]["days"] == 4 and "L-01" in text.out
    # Another season of the same name is put aside, not overwritten.
    other = call(*options, "--cadence", "6s", "--days", 1, "--out", out, "--json")
    assert other.json["resumed"] == 0
    assert (out / "season-20240627-s1.1" / "season.json").exists()


def test_season_file_and_workers(tmp_path: Path) -> None:
    """A season's own file, two seeds at a time: the digests are those of one at a time."""
    path = tmp_path / "short.toml"
    path.write_text(SEASON, encoding="utf-8")
    options = ("--days", 3, "--contracts", 2, "--until", "09:31", "--scenario", path, "--json")
    options = (*options, "--dataset")
    both = call("season", "--seeds", "1..2", "--workers", 2, *options, "--out", tmp_path / "two")
    assert both.code == 0, both.err
    alone = call("season", "--seed", 2, *options, "--out", tmp_path / "one")
    assert both.json["digests"]["2"] == alone.json["digest"] != both.json["digests"]["1"]
    days = alone.json["days"]
    assert [day["scenario"] for day in days] == ["calm", "crash", "calm"]
    assert days[1]["listing"]["adjusted"] > 0 and days[0]["listing"]["adjusted"] == 0
    assert not any(count for day in days for count in day["invariants"].values())
    # The months are rated from the datasets the season kept (L-01, A18).
    assert {row["month"] for row in alone.json["months"]} == {202407}
    month = Path(alone.json["folder"]) / "reports" / "202407"
    assert sorted(path.stem for path in month.glob("period.*"))
    # The days' datasets together are rated as one period.
    folder = Path(alone.json["folder"]) / "dataset"
    span = ("--from", "2024-06-27", "--to", "2024-07-01", "--out", tmp_path / "rated")
    rated = call("rate", folder, *span, "--json")
    assert rated.code == 0, rated.err
    period = (tmp_path / "rated" / "period.csv").read_text(encoding="utf-8").splitlines()
    heads = period[0].split(",")
    ours = [row.split(",") for row in period[1:] if "MM01" in row]
    assert [row[heads.index("days")] for row in ours] == ["3"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "2024-07-01"), ("season from 2024-07-01", "2024-06-27")),
        (("--from", "never"), ("--from", "never")),
        (("--days", 0), ("--days",)),
        (("--seed", "2..1"), ("--seeds",)),
        (("--workers", 0), ("--workers",)),
        (("--scenario", "storm"), ("storm",)),
        (("--scenario", "none.toml"), ("none.toml",)),
        (("--until", "9"), ("--until",)),
    ],
)
def test_season_bad_options_are_one_line(
    options: tuple[object, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    one_line(call("season", "--out", tmp_path / "runs", *options), 2, *words)
    assert not (tmp_path / "runs").exists()


def test_season_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    for text, word in (
        (SEASON.replace("2024-06-28", "28 June"), "28 June"),
        (SEASON.replace("0.055", "much"), "much"),
        (SEASON.replace('"crash"', '"storm"'), "storm"),
        (SEASON.replace("510050", "159919"), "159919"),
        (SEASON + "\nmore = 1\n", "more"),
    ):
        path.write_text(text, encoding="utf-8")
        call_ = call("season", "--days", 5, "--contracts", 2, "--scenario", path, "--out", tmp_path)
        one_line(call_, 2, word)
